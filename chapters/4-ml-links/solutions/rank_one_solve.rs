//! Exercise rank_one_solve (core, four lines, 10 minutes).

/// The x with `(D + uvᵀ) x = b`, for a diagonal `d` without zeros; `None` where the sum has no inverse.
///
/// All slices have N numbers. No matrix: O(N).
pub fn rank_one_solve(d: &[f64], u: &[f64], v: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let through = |push: &[f64]| (0..d.len()).map(|n| v[n] / d[n] * push[n]).sum::<f64>();
    let capacitance = 1.0 + through(u);
    let share = through(b) / capacitance;
    (capacitance != 0.0).then(|| (0..d.len()).map(|n| (b[n] - u[n] * share) / d[n]).collect())
}
