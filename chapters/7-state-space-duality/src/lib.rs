//! # State space duality
//!
//! *Are attention and recurrence the same thing?*
//!
//! One public module per page of the book's seventh chapter, in reading order.

extern crate self as state_space_duality;

pub mod applications;
pub mod evolution;
pub mod mamba2;
pub mod mamba2_config;
pub mod mamba2_runner;
pub mod mamba3;
pub mod mamba3_layer;
pub mod parity_lesson;
pub mod semiseparable;
pub mod ssd;
pub mod ssd_operations;
