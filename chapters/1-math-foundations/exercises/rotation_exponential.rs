//! Exercise rotation_exponential (warm-up, two lines, 5 minutes).

use nalgebra::Matrix2;

/// e^{At} for A = [0, -ω; ω, 0], which turns the plane at ω radians a second: in closed form.
///
/// At ω = π/2 and t = 1 that is a quarter turn, counterclockwise: it carries (1, 0) to (0, 1).
pub fn rotation_exponential(omega: f64, t: f64) -> Matrix2<f64> {
    todo!()
}
