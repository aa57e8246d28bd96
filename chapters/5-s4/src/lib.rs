//! # S4 with HiPPO
//!
//! *How can a state of 64 numbers remember a thousand steps?*
//!
//! One public module per page of the book's fifth chapter, in reading order.

extern crate self as s4;

pub mod digits;
pub mod download;
pub mod hippo;
pub mod pictures;
pub mod pixel_tables;
pub mod strokes;
