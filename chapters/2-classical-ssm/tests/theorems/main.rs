//! What chapter 2 claims, page by page.

mod common;

mod frequency_response;
mod responses;
mod state_space;

mod controllability;

mod realization;

mod system_file;
