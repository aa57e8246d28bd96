//! What chapter 5 claims, page by page.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed, in its helpers too")]

mod common;

mod block_operations;
mod diagonal;
mod digits;
mod download;
mod hippo;
mod kernel;
mod mnist;
mod nplr;
mod pictures;
mod pixel_tables;
mod s4_language_model;
mod s4_layer;
mod s5;
mod sequence_model;
mod strokes;
