//! Every Rust block of the book as the documentation of an empty module, so that `cargo test --doc` runs it against the
//! course's own crates. The build script expands the pages as mdBook does and names a module after page and line.

// A listing carries the rest of its module as hidden lines, unit tests included; those run where they are written.
#![allow(clippy::test_attr_in_doctest)]

include!(concat!(env!("OUT_DIR"), "/pages/pages.rs"));
