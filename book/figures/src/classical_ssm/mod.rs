//! Figures of chapter 2, a module a page.

use crate::Figure;

pub mod analyze;
pub mod controllability;
pub mod feedback;
pub mod frequency_response;
pub mod kalman_filter;
pub mod realization;
pub mod responses;
pub mod state_space;
pub mod transfer_functions;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [
        state_space::FIGURES,
        transfer_functions::FIGURES,
        responses::FIGURES,
        frequency_response::FIGURES,
        controllability::FIGURES,
        feedback::FIGURES,
        kalman_filter::FIGURES,
        realization::FIGURES,
        analyze::FIGURES,
    ]
    .into_iter()
    .flatten()
}
