//! Figures of chapter 4, a module a page.

use crate::Figure;

pub mod dual_computation;
pub mod gradients;
pub mod language_model;
pub mod linear_state_space_layer;
pub mod parameterization;
pub mod recurrent_networks;
pub mod scans;
pub mod sequence_prediction;
pub mod structured_matrices;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [
        recurrent_networks::FIGURES,
        dual_computation::FIGURES,
        linear_state_space_layer::FIGURES,
        parameterization::FIGURES,
        structured_matrices::FIGURES,
        scans::FIGURES,
        gradients::FIGURES,
        sequence_prediction::FIGURES,
        language_model::FIGURES,
    ]
    .into_iter()
    .flatten()
}
