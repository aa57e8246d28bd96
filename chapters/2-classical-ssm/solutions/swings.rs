use std::f64::consts::PI;

use nalgebra::Complex;

/// How many full swings a mode makes until it has faded to 1/e.
///
/// `lambda` is the eigenvalue of a flow, with a negative real part; its imaginary part may be zero, or
/// negative for the other one of a pair.
///
/// Size: one line. Time: 5 minutes.
pub fn swings(lambda: Complex<f64>) -> f64 {
    // 1/|Re λ| seconds, and |Im λ| / 2π swings in each of them.
    lambda.im.abs() / (2.0 * PI * -lambda.re)
}
