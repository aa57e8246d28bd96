//! What chapter 1 claims, page by page.

mod common;

mod eigendecomposition;
mod fourier;
mod introduction;
mod linear_systems;
mod matrix_exponential;
mod simulate;
mod stability;
mod state_representations;
