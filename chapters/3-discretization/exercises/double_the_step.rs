use nalgebra::DMatrix;

/// What two steps do, if one does `x_k = Ā x_{k-1} + B̄ u` and the same u is held during both.
///
/// Given Ā and B̄ of a step Δ, returns Ā and B̄ of the step 2Δ. No exponential is needed.
///
/// Size: two lines. Time: 5 minutes.
pub fn double_the_step(a_bar: &DMatrix<f64>, b_bar: &DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>) {
    todo!()
}
