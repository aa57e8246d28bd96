//! What chapter 3 claims, page by page.
