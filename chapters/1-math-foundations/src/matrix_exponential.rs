//! The page `matrix_exponential`.
