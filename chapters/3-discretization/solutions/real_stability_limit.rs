//! Exercise real_stability_limit (core, ten lines, 15 minutes).

/// The largest `x` up to 100 such that `|r(-t)| ≤ 1` for every t from 0 to x: how far left of 0 a rule
/// with the stability function r lets real modes die away.
///
/// Walk from 0 in steps of 0.01 until `|r(-t)| > 1 + 1e-9` (rounding may lift a 1), then halve the last
/// interval forty times. A rule that never leaves the unit disc gets 100.
pub fn real_stability_limit(r: fn(f64) -> f64) -> f64 {
    let grows = |t: f64| r(-t).abs() > 1.0 + 1e-9;
    let mut walk = (1..=10_000).map(|k| 0.01 * f64::from(k));
    let Some(outside) = walk.find(|t| grows(*t)) else { return 100.0 };
    let (mut inside, mut outside) = (outside - 0.01, outside);
    for _ in 0..40 {
        let middle = 0.5 * (inside + outside);
        if grows(middle) { outside = middle } else { inside = middle }
    }
    inside
}
