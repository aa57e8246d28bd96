//! # Math foundations
//!
//! *What does the equation `x' = Ax` do, and how do we compute it?*
//!
//! One public module per page of the book's first chapter, in reading order.
//! Three modules have no page: [`validation`], the sentences that refuse a bad matrix, shared by
//! every page of every chapter; [`expression`] and [`system_file`], which read what a reader writes
//! for *Simulate*.

extern crate self as math_foundations;

pub mod validation;

pub mod introduction;

pub mod eigendecomposition;
pub mod matrix_exponential;

pub mod linear_systems;

pub mod fourier;

pub mod state_representations;

pub mod stability;

pub mod expression;
pub mod simulate;
pub mod system_file;
