//! Exercise dplr_step (core, six lines, 15 minutes).

use ml_links::structured_matrices::ComplexVector;

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
    todo!()
}
