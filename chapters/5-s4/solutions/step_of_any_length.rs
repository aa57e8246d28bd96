use discretization::zero_order_hold::expm1_ratio;
use nalgebra::Complex;

/// One mode `x' = λx + u` over a step that lasts as long as it likes, with an input
/// that is held: `x ↦ scale x + shift`.
///
/// Returns `(scale, shift)`. λ may be 0: a mode that adds up.
///
/// Size: three lines. Time: 10 minutes.
pub fn step_of_any_length(
    lambda: Complex<f64>,
    u: f64,
    lasts: f64,
) -> (Complex<f64>, Complex<f64>) {
    // Chapter 3: (e^z - 1)/z, and 1 at z = 0.
    let z = lambda * lasts;
    (z.exp(), expm1_ratio(z) * lasts * u)
}
