//! What chapter 2 claims, page by page.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed, in its helpers too")]

mod common;

mod state_space;
mod transfer_functions;

mod frequency_response;
mod responses;

mod controllability;

mod feedback;
mod kalman_filter;

mod realization;

mod analyze;

mod system_file;
