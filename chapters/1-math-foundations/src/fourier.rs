//! The page `fourier`.
