/// The gradients of a loss by the coefficients of `x_k = a_k x_{k-1} + b_k` and by its inputs.
///
/// Given the coefficients, the states x_k, the state before the first step, and the gradient of the
/// loss by each state as it stands. Returns (∂L/∂a, ∂L/∂b), each as long as a.
///
/// Size: six lines. Time: 15 minutes.
pub fn adjoint_loop(a: &[f64], x: &[f64], initial: f64, by_state: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut by_a, mut by_b) = (vec![0.0; a.len()], vec![0.0; a.len()]);
    let mut handed_back = 0.0;
    for k in (0..a.len()).rev() {
        by_b[k] = handed_back + by_state[k];
        by_a[k] = by_b[k] * if k == 0 { initial } else { x[k - 1] };
        handed_back = a[k] * by_b[k];
    }
    (by_a, by_b)
}
