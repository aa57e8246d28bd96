//! The page `linear_systems`.
