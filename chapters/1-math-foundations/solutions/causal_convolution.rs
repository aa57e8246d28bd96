/// The causal convolution: `y_k = K_0 u_k + K_1 u_{k-1} + … + K_k u_0`, for each k of the input.
///
/// `kernel` may be shorter than `u` (it is zero where it ends) or longer (the rest never plays).
/// Returns as many outputs as there are inputs.
///
/// Size: four lines. Time: 10 minutes.
pub fn causal_convolution(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let y_at = |k: usize| {
        let past = u[..=k].iter().rev();
        kernel.iter().zip(past).map(|(kernel_j, u_k_j)| kernel_j * u_k_j).sum()
    };
    (0..u.len()).map(y_at).collect()
}
