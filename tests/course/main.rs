//! What must hold of the whole course.

// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used)]

mod built_book;
mod pages;
mod workspace;
