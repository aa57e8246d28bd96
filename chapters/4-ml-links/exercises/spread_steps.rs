//! Exercise spread_steps (core, four lines, 10 minutes).

/// The raw numbers of `count` channels whose steps `Δ = ln(1 + e^raw)` run from `least` to `most`, each longer than the
/// one before by the same *factor*; the first is `least`, the last is `most`.
///
/// `0 < least < most`, and `count` is at least 2. Steps may be as short as 1e-12 and as long as 1000.
pub fn spread_steps(least: f64, most: f64, count: usize) -> Vec<f64> {
    todo!()
}
