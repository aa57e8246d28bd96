//! Exercise half_product (core, two lines, 10 minutes).

use nalgebra::Complex;

/// `(Λ - pp*) x` for a real system whose modes come in conjugate pairs, from one half
/// of each to one half of the result.
///
/// `lambda`, `p` and `x` hold the half with positive imaginary part; the other half of
/// each is its conjugate.
pub fn half_product(
    lambda: &[Complex<f64>],
    p: &[Complex<f64>],
    x: &[Complex<f64>],
) -> Vec<Complex<f64>> {
    // p*x over both halves: a number and its conjugate.
    let seen: f64 = p.iter().zip(x).map(|(p, x)| 2.0 * (p.conj() * x).re).sum();
    (0..x.len()).map(|n| lambda[n] * x[n] - p[n] * seen).collect()
}
