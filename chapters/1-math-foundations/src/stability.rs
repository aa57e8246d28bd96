//! The page `stability`.
