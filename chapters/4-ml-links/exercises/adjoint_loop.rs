/// The gradients of a loss by the coefficients of `x_k = a_k x_{k-1} + b_k` and by its inputs.
///
/// Given the coefficients, the states x_k, the state before the first step, and the gradient of the
/// loss by each state as it stands. Returns (∂L/∂a, ∂L/∂b), each as long as a.
///
/// Size: six lines. Time: 15 minutes.
pub fn adjoint_loop(a: &[f64], x: &[f64], initial: f64, by_state: &[f64]) -> (Vec<f64>, Vec<f64>) {
    todo!()
}
