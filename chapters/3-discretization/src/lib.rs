//! # Discretization
//!
//! *Computers step; the world flows. What is lost on the way, and what may the step size mean?*
//!
//! One public module per page of the book's third chapter, in reading order.

extern crate self as discretization;

pub mod sampling;

pub mod euler;

pub mod bilinear;

pub mod zero_order_hold;

pub mod exponential_integrators;

pub mod diagonalization;

pub mod accuracy_and_stability;

pub mod compare;
