use math_foundations::matrix_exponential::{MatrixExponentialError, matrix_exponential};
use nalgebra::DMatrix;

/// Ā and B̄ of a step Δ with a held input, for every A, also for one without an inverse.
///
/// `a` is `[N, N]`, `b` `[N, M]`. Put both into one square matrix whose exponential holds the answer.
///
/// Size: eight lines. Time: 15 minutes.
pub fn zero_order_hold_block(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    delta: f64,
) -> Result<(DMatrix<f64>, DMatrix<f64>), MatrixExponentialError> {
    let (n, m) = b.shape();

    // x' = A x + B u above, u' = 0 below.
    let mut block = DMatrix::zeros(n + m, n + m);
    block.view_mut((0, 0), (n, n)).copy_from(a);
    block.view_mut((0, n), (n, m)).copy_from(b);
    let carried = matrix_exponential(&(block * delta))?;
    Ok((carried.view((0, 0), (n, n)).into_owned(), carried.view((0, n), (n, m)).into_owned()))
}
