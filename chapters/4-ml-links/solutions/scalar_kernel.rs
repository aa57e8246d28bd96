/// The first `length` entries of the kernel of a system with one state, without powers and without a loop over pairs.
///
/// `x_k = a x_{k-1} + b u_k`, `y_k = c x_k + d u_k`, and the input is 1 at step 0 and 0 ever after.
///
/// Size: five lines. Time: 5 minutes.
pub fn scalar_kernel([a, b, c, d]: [f64; 4], length: usize) -> Vec<f64> {
    let mut kernel: Vec<f64> =
        std::iter::successors(Some(c * b), |k_j| Some(a * k_j)).take(length).collect();
    if let Some(first) = kernel.first_mut() {
        *first += d;
    }
    kernel
}
