//! Figures of the appendices, a module a page.

use crate::Figure;

pub mod gpu_setup;

/// The figures of the appendices, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [gpu_setup::FIGURES].into_iter().flatten()
}
