/// The values at z of the first `count` Legendre polynomials on [0, 1], each scaled so
/// that its square adds up to 1 there: `L_n(z) = √(2n+1) P_n(2z - 1)`, from
/// `(n+1) P_{n+1}(s) = (2n+1) s P_n(s) - n P_{n-1}(s)`, `P_0 = 1`, `P_1 = s`.
///
/// Any z, also outside of [0, 1]; any count, also 0 and 1.
///
/// Size: eight lines. Time: 10 minutes.
pub fn legendre_values(count: usize, z: f64) -> Vec<f64> {
    let s = 2.0 * z - 1.0;
    let (mut before, mut now) = (0.0, 1.0);
    let mut values = Vec::with_capacity(count);
    for n in 0..count {
        let degree = n as f64;
        values.push((2.0 * degree + 1.0).sqrt() * now);
        (before, now) = (now, ((2.0 * degree + 1.0) * s * now - degree * before) / (degree + 1.0));
    }
    values
}
