//! The page `simulate`.
