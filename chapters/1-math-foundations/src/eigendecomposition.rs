//! The page `eigendecomposition`.
