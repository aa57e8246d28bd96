use nalgebra::{DMatrix, DVector};

/// How the loss moves with every state of an Elman network, from how it moves with the last one.
///
/// `states` holds x_0, x_1, …, x_L of x_k = tanh(W x_{k-1} + B u_k + b), `last` the derivative of the loss by x_L; it depends
/// on no other state. The answer holds its derivative by x_0, x_1, …, x_L, in that order. W is N by N, everything else has N
/// entries.
///
/// Size: eight lines. Time: 15 minutes.
pub fn gradients_back(
    w: &DMatrix<f64>,
    states: &[DVector<f64>],
    last: &DVector<f64>,
) -> Vec<DVector<f64>> {
    todo!()
}
