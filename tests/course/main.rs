//! What must hold of the whole course.

mod built_book;
mod pages;
mod workspace;
