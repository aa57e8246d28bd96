//! Figures of chapter 5, a module a page.

use crate::Figure;

pub mod hippo;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [hippo::FIGURES].into_iter().flatten()
}
