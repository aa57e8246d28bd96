use nalgebra::Complex;

/// What is seen, after the time t, of a blow on one pair of conjugate modes: `c e^{λt}`
/// and its conjugate, added up.
///
/// Size: one line. Time: 5 minutes.
pub fn pair_echo(c: Complex<f64>, lambda: Complex<f64>, t: f64) -> f64 {
    todo!()
}
