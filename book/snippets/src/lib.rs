//! Every page of the book as the documentation of an empty module, so that `cargo test --doc` runs each snippet
//! against the course's own crates. The build script expands the pages as mdBook does.

#![allow(rustdoc::all)]

include!(concat!(env!("OUT_DIR"), "/pages.rs"));
