use math_foundations::matrix_exponential::MatrixExponentialError;
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
    todo!()
}
