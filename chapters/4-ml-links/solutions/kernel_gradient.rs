/// The gradient of a loss by the kernel of a causal convolution, `y_k = Σ_j kernel_j u_{k-j}`.
///
/// Given a batch of inputs and, for each, the gradient of the loss by its outcome; all of one
/// length, and all convolved with the same kernel. Returns as many numbers as the kernel has.
///
/// Size: five lines. Time: 15 minutes.
pub fn kernel_gradient(batch: &[Vec<f64>], by_output: &[Vec<f64>]) -> Vec<f64> {
    let length = batch.first().map_or(0, Vec::len);
    // Entry j of the kernel met u_{k-j} on the way to y_k, in every row.
    let met =
        |j: usize, u: &[f64], g: &[f64]| -> f64 { (j..length).map(|k| u[k - j] * g[k]).sum() };
    let rows = || batch.iter().zip(by_output);
    (0..length).map(|j| rows().map(|(u, g)| met(j, u, g)).sum()).collect()
}
