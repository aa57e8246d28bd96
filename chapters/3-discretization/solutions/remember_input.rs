//! Exercise remember_input (core, eight lines, 15 minutes).

use nalgebra::DMatrix;

/// A and B of a system with one weight, X_k = A X_{k-1} + B u_k, that does what
/// x_k = Ā x_{k-1} + B̄ u_k + B̄₋ u_{k-1} does: its state X_k is x_k with u_k below it.
///
/// `a_bar`: `[N, N]`; `b_bar` and `b_bar_previous`: `[N, M]`; returns `[N + M, N + M]` and `[N + M, M]`.
/// Everything fits and is finite: there is nothing to check.
pub fn remember_input(
    a_bar: &DMatrix<f64>,
    b_bar: &DMatrix<f64>,
    b_bar_previous: &DMatrix<f64>,
) -> (DMatrix<f64>, DMatrix<f64>) {
    let (n, m) = b_bar.shape();
    let mut a = DMatrix::zeros(n + m, n + m);
    a.view_mut((0, 0), (n, n)).copy_from(a_bar);
    a.view_mut((0, n), (n, m)).copy_from(b_bar_previous);
    let mut b = DMatrix::zeros(n + m, m);
    b.rows_mut(0, n).copy_from(b_bar);
    b.rows_mut(n, m).fill_with_identity();
    (a, b)
}
