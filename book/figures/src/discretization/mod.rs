//! Figures of chapter 3, a module a page.

use crate::Figure;

pub mod diagonalization;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [diagonalization::FIGURES].into_iter().flatten()
}
