//! # Math foundations
//!
//! *What does the equation `x' = Ax` do, and how do we compute it?*
//!
//! One public module per page of the book's first chapter, in reading order.
//! [`validation`] is the one module without a page: the sentences that refuse a bad matrix,
//! shared by every page of every chapter.

extern crate self as math_foundations;

pub mod validation;

pub mod introduction;

pub mod eigendecomposition;
pub mod matrix_exponential;

pub mod linear_systems;

pub mod fourier;

pub mod state_representations;

pub mod stability;

pub mod simulate;
