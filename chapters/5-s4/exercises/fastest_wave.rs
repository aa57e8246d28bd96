/// The fastest wave of LegS's normal part: the ω > 0 with
/// `Σ_{k<N} arctan((k + ½)/ω) = π/2`, to the last digits, for N > 1.
///
/// Size: eight lines. Time: 15 minutes.
pub fn fastest_wave(d_state: usize) -> f64 {
    todo!()
}
