//! What every chapter’s command line shares.
//!
//! [`exercise`]: blanks, checks, hints and solutions. [`command_line`]: the board and the
//! experiments of a chapter. [`recorded`]: the outputs that pages quote, replayed by tests.
//! [`testing`]: a chapter’s commands, run by its tests as a reader runs them. [`plot`]: curves for
//! the book and the terminal. [`svg`]: the canvas under every figure.

pub mod exercise;
pub mod plot;
pub mod svg;

#[cfg(not(target_family = "wasm"))]
pub mod command_line;

#[cfg(not(target_family = "wasm"))]
pub mod recorded;

#[cfg(not(target_family = "wasm"))]
pub mod testing;
