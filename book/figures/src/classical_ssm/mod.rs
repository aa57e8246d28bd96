//! Figures of chapter 2, a module a page.

use crate::Figure;

pub mod controllability;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [controllability::FIGURES].into_iter().flatten()
}
