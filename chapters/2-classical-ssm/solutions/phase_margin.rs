use nalgebra::Complex;

/// The phase margin in degrees of a loop whose gain falls through 1 once between the frequencies `low` and
/// `high`, and whose phase there is between -360° and 0°.
///
/// `g(omega)` is the loop's answer to a wave. Find where its size is 1, to ten digits, and say how many
/// degrees its phase there is above -180°.
///
/// Size: eight lines. Time: 15 minutes.
pub fn phase_margin(g: &dyn Fn(f64) -> Complex<f64>, low: f64, high: f64) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if g(middle).norm() > 1.0 { low = middle } else { high = middle }
    }
    // The angle of -G is that of G turned by 180°, and lies between -180° and 180°.
    (-g(low)).arg().to_degrees()
}
