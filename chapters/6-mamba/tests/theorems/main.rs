//! What chapter 6 claims, page by page.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed, in its helpers too")]

mod block_operations;
mod byte_pairs;
mod common;
mod gpu_scan;
mod hardware;
mod hub;
mod inference;
mod mamba_block;
mod mamba_lm;
mod pretrained;
mod selection;
mod selective_scan;
