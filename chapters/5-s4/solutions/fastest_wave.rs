use std::f64::consts::{FRAC_PI_2, PI};

/// The fastest wave of LegS's normal part: the ω > 0 with
/// `Σ_{k<N} arctan((k + ½)/ω) = π/2`, to the last digits, for N > 1.
///
/// Size: eight lines. Time: 15 minutes.
pub fn fastest_wave(d_state: usize) -> f64 {
    let turned =
        |omega: f64| -> f64 { (0..d_state).map(|k| ((k as f64 + 0.5) / omega).atan()).sum() };
    // An arctangent is smaller than its argument: beyond N²/π the sum stays below π/2.
    let (mut slow, mut fast) = (0.0, (d_state * d_state) as f64 / PI);
    for _ in 0..64 {
        let middle = 0.5 * (slow + fast);
        if turned(middle) > FRAC_PI_2 { slow = middle } else { fast = middle }
    }
    fast
}
