//! Exercise 1: recurrence_step (warm-up, two lines, 5 minutes).

use nalgebra::{DMatrix, DVector};

/// One step of a linear recurrence, eq-0-1.
///
/// On entry `x` holds x_{k-1}; on return it holds x_k, which has seen u_k. The return value is
/// y_k = C x_k.
///
/// Shapes: `a_bar` `[N, N]`, `b_bar` `[N, M]`, `c` `[P, N]`; `u_k` `[M]`, `x` `[N]`; y_k `[P]`.
/// The shapes fit: there is nothing to check.
pub fn recurrence_step(
    a_bar: &DMatrix<f64>,
    b_bar: &DMatrix<f64>,
    c: &DMatrix<f64>,
    u_k: &DVector<f64>,
    x: &mut DVector<f64>,
) -> DVector<f64> {
    *x = a_bar * &*x + b_bar * u_k;
    c * &*x
}
