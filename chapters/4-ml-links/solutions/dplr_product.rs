//! Exercise dplr_product (warm-up, two lines, 5 minutes).

use nalgebra::Complex;

/// `(Λ - pq*) x` without the matrix: `lambda`, `p`, `q` and `x` have N numbers each, and so has the result.
///
/// The star conjugates: entry (i, j) of `pq*` is `p_i` times the conjugate of `q_j`. 2N multiplications.
pub fn dplr_product(
    lambda: &[Complex<f64>],
    p: &[Complex<f64>],
    q: &[Complex<f64>],
    x: &[Complex<f64>],
) -> Vec<Complex<f64>> {
    let seen: Complex<f64> = q.iter().zip(x).map(|(q, x)| q.conj() * x).sum();
    (0..x.len()).map(|n| lambda[n] * x[n] - p[n] * seen).collect()
}
