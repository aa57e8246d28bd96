//! # Machine-learning links
//!
//! *When is a linear system a neural network layer?*
//!
//! One public module per page of the book's fourth chapter, in reading order, and [`operations`]: what tensors do
//! along time. [`testing`] is what the tests of this and later chapters share.

extern crate self as ml_links;

pub mod dual_computation;
pub mod gradients;
pub mod language_model;
pub mod linear_state_space_layer;
pub mod operations;
pub mod operations_on_cpu;
pub mod operations_on_gpu;
pub mod parameterization;
pub mod reading;
pub mod recall;
pub mod recurrent_networks;
pub mod scans;
pub mod sequence_prediction;
pub mod structured_matrices;
pub mod testing;
pub mod training;
