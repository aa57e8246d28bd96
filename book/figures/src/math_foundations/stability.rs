//! Figures of the page `stability`.

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[];
