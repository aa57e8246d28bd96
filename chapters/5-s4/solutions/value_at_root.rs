//! Exercise value_at_root (core, two lines, 10 minutes).

use nalgebra::Complex;

/// The generating function of one mode at a root of unity z, which may be -1: finite
/// everywhere.
///
/// `x' = λx + u` in bilinear steps of `delta` with held inputs, read by `c_tilde`: as
/// printed, `K̂(z) = 2/(1+z) · c̃ / (s - λ)` with `s = 2/Δ (1-z)/(1+z)`. No `if` is
/// needed.
pub fn value_at_root(
    lambda: Complex<f64>,
    c_tilde: Complex<f64>,
    delta: f64,
    z: Complex<f64>,
) -> Complex<f64> {
    // 2/(1+z) · 1/(s - λ), above and below times Δ(1+z)/2.
    c_tilde * delta / (1.0 - z - (1.0 + z) * lambda * (0.5 * delta))
}
