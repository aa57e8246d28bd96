//! Exercise nucleus (core, ten lines, 15 minutes).

/// Top-p sampling: the fewest of the likeliest characters that together have at least the probability `mass`.
///
/// They keep their proportions and sum to 1; all others have probability 0. The likeliest is always kept.
pub fn nucleus(p: &[f64], mass: f64) -> Vec<f64> {
    todo!()
}
