//! What chapter 2 claims, page by page.

mod common;

mod state_space;
mod system_file;
mod frequency_response;
mod responses;
