//! Figures of chapter 7, a module a page.

use crate::Figure;

pub mod applications;
pub mod evolution;
pub mod mamba2;
pub mod mamba3;
pub mod semiseparable;
pub mod ssd;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [
        semiseparable::FIGURES,
        ssd::FIGURES,
        mamba2::FIGURES,
        mamba3::FIGURES,
        evolution::FIGURES,
        applications::FIGURES,
    ]
    .into_iter()
    .flatten()
}
