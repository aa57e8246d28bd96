//! Figures of chapter 3, a module a page.

use crate::Figure;

pub mod accuracy_and_stability;
pub mod bilinear;
pub mod compare;
pub mod diagonalization;
pub mod euler;
pub mod exponential_integrators;
pub mod sampling;
pub mod zero_order_hold;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [
        sampling::FIGURES,
        euler::FIGURES,
        bilinear::FIGURES,
        zero_order_hold::FIGURES,
        exponential_integrators::FIGURES,
        diagonalization::FIGURES,
        accuracy_and_stability::FIGURES,
        compare::FIGURES,
    ]
    .into_iter()
    .flatten()
}
