//! Exercise undo (stretch, ten lines, 15 minutes).

/// The inputs u behind the outputs y of `x_k = a_k x_{k-1} + b_k u_k`, `y_k = c_k x_k`, `x_{-1} = 0`.
///
/// One number in the state; all slices have L numbers. `None` where an output does not see its own input.
/// O(L): a recurrence, not a matrix.
pub fn undo(a: &[f64], b: &[f64], c: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    todo!()
}
