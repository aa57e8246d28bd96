//! Figures of chapter 1, a module a page.

use crate::Figure;

pub mod eigendecomposition;
pub mod fourier;
pub mod linear_systems;
pub mod matrix_exponential;
pub mod simulate;
pub mod stability;
pub mod state_representations;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [
        eigendecomposition::FIGURES,
        matrix_exponential::FIGURES,
        linear_systems::FIGURES,
        fourier::FIGURES,
        state_representations::FIGURES,
        stability::FIGURES,
        simulate::FIGURES,
    ]
    .into_iter()
    .flatten()
}
