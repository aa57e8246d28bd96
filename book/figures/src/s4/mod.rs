//! Figures of chapter 5, a module a page.

use crate::Figure;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    let pages: [&'static [Figure]; 0] = [];
    pages.into_iter().flatten()
}
