//! Exercise leak_direction (warm-up, one line, 5 minutes).

/// The vector p for which `A + ppᵀ` is skew-symmetric but for its diagonal, which is
/// -1/2 throughout.
///
/// A is the matrix of HiPPO-LegS with `d_state` states: `-√(2n+1)√(2k+1)` below the
/// diagonal, `-(n+1)` on it, 0 above.
pub fn leak_direction(d_state: usize) -> Vec<f64> {
    (0..d_state).map(|n| (n as f64 + 0.5).sqrt()).collect()
}
