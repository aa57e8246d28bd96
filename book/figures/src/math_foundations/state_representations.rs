//! Figures of the page `state_representations`.

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[];
