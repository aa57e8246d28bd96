//! What chapter 2 claims, page by page.
mod system_file;
