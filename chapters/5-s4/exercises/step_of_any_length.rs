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
    todo!()
}
