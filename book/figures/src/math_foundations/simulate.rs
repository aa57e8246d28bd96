//! Figures of the page `simulate`.

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[];
