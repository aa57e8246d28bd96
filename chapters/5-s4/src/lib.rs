//! # S4 with HiPPO
//!
//! *How can a state of 64 numbers remember a thousand steps?*
//!
//! One public module per page of the book's fifth chapter, in reading order, and what the page `mnist` stands on:
//! [`digits`], drawn by [`strokes`] or fetched by [`download`] and read by [`idx`], what [`pixel_tables`] know about them,
//! [`pictures`] of them. The page `s4_layer`
//! stands on [`dplr_operations`] and [`dplr_on_cpu`], and `sequence_model` on [`block_operations`],
//! [`block_on_cpu`] and [`diagonal_operations`].

extern crate self as s4;

pub mod block_on_cpu;
pub mod block_operations;
pub mod diagonal;
pub mod diagonal_operations;
pub mod digits;
pub mod download;
pub mod dplr_on_cpu;
pub mod dplr_operations;
pub mod hippo;
pub mod idx;
pub mod kept_memory;
pub mod kernel;
pub mod mnist;
pub mod nplr;
pub mod pictures;
pub mod pixel_tables;
pub mod s4_language_model;
pub mod s4_layer;
pub mod s5;
pub mod sequence_model;
pub mod strokes;
