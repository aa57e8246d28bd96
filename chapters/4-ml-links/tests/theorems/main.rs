//! What chapter 4 claims, page by page.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed, in its helpers too")]

mod common;

mod recurrent_networks;

mod dual_computation;
mod linear_state_space_layer;

mod operations;

mod parameterization;

mod structured_matrices;

mod scans;

mod language_model;

mod training;

mod gradients;

mod sequence_prediction;
