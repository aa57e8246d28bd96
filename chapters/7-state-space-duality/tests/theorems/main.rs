//! What chapter 7 claims, page by page.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed, in its helpers too")]

mod applications;
mod common;
mod evolution;
mod mamba2;
mod mamba3;
mod semiseparable;
mod ssd;
