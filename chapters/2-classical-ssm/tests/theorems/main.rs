//! What chapter 2 claims, page by page.
