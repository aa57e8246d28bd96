//! The page `state_representations`.
