//! Exercise second_order_d (warm-up, one line, 8 minutes).

use nalgebra::DMatrix;

/// The D with which exponential Euler, `x_k = e^{ΔA} x_{k-1} + ΔB u_k`, gives outputs of order two.
///
/// Its state is that of the exponential trapezoid plus `Δ/2 B u_k`: the last blow counts in full where
/// the trapezoid counts half of it. Take that out of the output `y_k = C x_k + D u_k`.
pub fn second_order_d(
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    d: &DMatrix<f64>,
    delta: f64,
) -> DMatrix<f64> {
    d - c * b * (0.5 * delta)
}
