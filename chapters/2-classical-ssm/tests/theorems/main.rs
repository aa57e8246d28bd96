//! What chapter 2 claims, page by page.

mod common;

mod frequency_response;
mod responses;
mod state_space;
mod system_file;
