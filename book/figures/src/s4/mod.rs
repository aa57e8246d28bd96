//! Figures of chapter 5, a module a page.

use crate::Figure;

pub mod diagonal;
pub mod hippo;
pub mod kernel;
pub mod mnist;
pub mod nplr;
pub mod s4_language_model;
pub mod s4_layer;
pub mod s5;
pub mod sequence_model;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [
        hippo::FIGURES,
        nplr::FIGURES,
        kernel::FIGURES,
        s4_layer::FIGURES,
        diagonal::FIGURES,
        s5::FIGURES,
        sequence_model::FIGURES,
        mnist::FIGURES,
        s4_language_model::FIGURES,
    ]
    .into_iter()
    .flatten()
}
