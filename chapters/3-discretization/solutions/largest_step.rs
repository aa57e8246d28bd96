//! Exercise largest_step (core, four lines, 10 minutes).

use nalgebra::Complex;

/// The step up to which forward Euler lets every mode e^{λt} die, given the eigenvalues λ: the largest Δ
/// with |1 + λΔ| ≤ 1 for all of them, and 0 if a λ on or right of the imaginary axis leaves none.
///
/// There is at least one eigenvalue, and none is 0.
pub fn largest_step(eigenvalues: &[Complex<f64>]) -> f64 {
    eigenvalues
        .iter()
        .map(|lambda| (-2.0 * lambda.re / lambda.norm_sqr()).max(0.0))
        .fold(f64::INFINITY, f64::min)
}
