//! Every Rust block of the book as the documentation of an empty module, so that `cargo test --doc` runs it against the
//! course's own crates. The build script expands the pages as mdBook does and names a module after page and line.

include!(concat!(env!("OUT_DIR"), "/pages/pages.rs"));
