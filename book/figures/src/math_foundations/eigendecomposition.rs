//! Figures of the page `eigendecomposition`.

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[];
