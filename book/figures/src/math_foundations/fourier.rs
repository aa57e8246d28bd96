//! Figures of the page `fourier`.

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[];
