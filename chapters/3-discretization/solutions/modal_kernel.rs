//! Exercise modal_kernel (core, eight lines, 15 minutes).

use nalgebra::Complex;

/// The first `length` numbers of the kernel of a diagonal system under a zero-order hold:
/// `K_k = 2 Re Σ cₙ āₙᵏ b̄ₙ`, with `āₙ = e^{Δλₙ}` and `b̄ₙ = (āₙ - 1)/λₙ bₙ`.
///
/// `lambda`, `b` and `c` have one number for each conjugate pair; no λ is 0. Compute each āₙ once.
pub fn modal_kernel(
    lambda: &[Complex<f64>],
    b: &[Complex<f64>],
    c: &[Complex<f64>],
    delta: f64,
    length: usize,
) -> Vec<f64> {
    let mut kernel = vec![0.0; length];
    for ((lambda, b), c) in lambda.iter().zip(b).zip(c) {
        let a_bar = (lambda * delta).exp();
        let mut term = c * (a_bar - 1.0) / lambda * b;
        for k in &mut kernel {
            *k += 2.0 * term.re;
            term *= a_bar;
        }
    }
    kernel
}
