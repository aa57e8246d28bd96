use math_foundations::matrix_exponential::matrix_exponential;
use nalgebra::dmatrix;

/// x(t) for x' = a x + b u under the ramp u(t) = t, from rest: exact for every a, also for 0 and close to it.
///
/// The ramp and its slope can be made part of the state, and one exponential answers.
///
/// Size: five lines. Time: 10 minutes.
pub fn ramp_response(a: f64, b: f64, t: f64) -> f64 {
    // (x, u, slope): u' = slope, slope' = 0, from (0, 0, 1).
    let joined = dmatrix![a, b, 0.0; 0.0, 0.0, 1.0; 0.0, 0.0, 0.0];
    let carried = matrix_exponential(&(joined * t));
    carried.map_or(f64::NAN, |carried| carried[(0, 2)])
}
