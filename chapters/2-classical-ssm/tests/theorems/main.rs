//! What chapter 2 claims, page by page.

mod controllability;
mod realization;
mod system_file;
