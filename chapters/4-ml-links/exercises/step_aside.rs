use nalgebra::Complex;

/// The slope of f at x, from one step off the real line: f(x + ih), with h = 1e-100.
///
/// Nothing may be subtracted, so nothing can cancel.
///
/// Size: two lines. Time: 5 minutes.
pub fn step_aside(f: fn(Complex<f64>) -> Complex<f64>, x: f64) -> f64 {
    todo!()
}
