//! Figures of the page `linear_systems`.

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[];
