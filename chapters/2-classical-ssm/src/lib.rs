//! # Classical state space models
//!
//! *What can a linear system do, and how do engineers look at it?*
//!
//! One public module per page of the book's second chapter, in reading order.

extern crate self as classical_ssm;

pub mod state_space;
