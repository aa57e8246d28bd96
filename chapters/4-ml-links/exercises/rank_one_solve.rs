//! Exercise rank_one_solve (core, four lines, 10 minutes).

/// The x with `(D + uvᵀ) x = b`, for a diagonal `d` without zeros; `None` where the sum has no inverse.
///
/// All slices have N numbers. No matrix: O(N).
pub fn rank_one_solve(d: &[f64], u: &[f64], v: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    todo!()
}
