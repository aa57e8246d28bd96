//! Figures of the page `matrix_exponential`.

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[];
