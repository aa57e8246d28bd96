//! Exercise dplr_step (core, six lines, 15 minutes).

use ml_links::structured_matrices::ComplexVector;
use nalgebra::Complex;

/// The state after one bilinear step of `x' = (Λ - PP*)x + Bu` with a held input,
/// without a matrix.
///
/// Of each conjugate pair one mode is kept in `lambda`, `p`, `b` and `x`, so `P*x` is
/// twice a real part. Half of the step goes forwards, `x + Δ/2 Ax + ΔBu`; the other
/// half is solved for backwards, `(I - Δ/2 A)⁻¹`.
pub fn dplr_step(
    (lambda, p, b): (&ComplexVector, &ComplexVector, &ComplexVector),
    delta: f64,
    x: &ComplexVector,
    u: f64,
) -> ComplexVector {
    // Half of the step forwards.
    let real = Complex::from;
    let velocity = lambda.component_mul(x) - p * real(2.0 * p.dotc(x).re);
    let ahead = x + velocity * real(0.5 * delta) + b * real(delta * u);
    // The other half backwards: the diagonal first, then what Woodbury's identity takes
    // from it.
    let half = lambda.map(|lambda| (1.0 - lambda * (0.5 * delta)).inv());
    let (ahead, pushed) = (half.component_mul(&ahead), half.component_mul(p));
    let share = delta * p.dotc(&ahead).re / (1.0 + delta * p.dotc(&pushed).re);
    ahead - pushed * real(share)
}
