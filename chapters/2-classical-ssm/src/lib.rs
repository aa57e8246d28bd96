//! # Classical state space models
//!
//! *What can a linear system do, and how do engineers look at it?*
//!
//! One public module per page of the book's second chapter, in reading order.
//! One module has no page: [`system_file`], which reads what a reader writes for *Analyze*.

extern crate self as classical_ssm;

pub mod frequency_response;
pub mod responses;
pub mod state_space;
pub mod transfer_functions;

pub mod system_file;
