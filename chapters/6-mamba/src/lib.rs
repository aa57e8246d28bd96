//! # Selective state spaces: Mamba
//!
//! *What must a fixed-size state forget?*
//!
//! One public module per page of the book's sixth chapter, in reading order, and [`config`]: the numbers that make a Mamba.
//! The page `inference` stands on [`matrix`], and `pretrained` on [`tensor_files`] and [`hub`];
//! what both print is in [`text_commands`].

extern crate self as mamba;

pub mod block_on_cpu;
pub mod block_operations;
pub mod byte_pairs;
pub mod config;
pub mod gpu_scan;
pub mod hardware;
pub mod hub;
pub mod inference;
pub mod mamba_block;
pub mod mamba_lm;
pub mod matrix;
pub mod practice;
pub mod pretrained;
pub mod scan_on_cpu;
pub mod scan_on_gpu;
pub mod scan_operations;
pub mod selection;
pub mod selective_scan;
pub mod tensor_files;
pub mod text_commands;
pub mod time_invariant;
