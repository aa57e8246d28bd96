//! # Classical state space models
//!
//! *What can a linear system do, and how do engineers look at it?*
//!
//! One public module per page of the book's second chapter, in reading order.
//! Two modules have no page: [`system_file`], which reads what a reader writes for *Analyze*, and
//! [`singular_values`], a decomposition that two pages need and can trust.

extern crate self as classical_ssm;

pub mod state_space;

pub mod transfer_functions;

pub mod responses;

pub mod frequency_response;

pub mod controllability;

pub mod feedback;

pub mod kalman_filter;

pub mod realization;

pub mod analyze;

pub mod singular_values;
pub mod system_file;
