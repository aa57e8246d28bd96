//! Exercise real_mode (warm-up, four lines, 8 minutes).

use nalgebra::{Complex, DMatrix, dmatrix};

/// The real system of two states that a stored pair stands for: `x' = λx + bu`, `y = 2 Re(cx)`.
///
/// Return A (2 x 2), B (2 x 1) and C (1 x 2) of the same system with the state (Re x, Im x).
pub fn real_mode(
    lambda: Complex<f64>,
    b: Complex<f64>,
    c: Complex<f64>,
) -> (DMatrix<f64>, DMatrix<f64>, DMatrix<f64>) {
    todo!()
}
