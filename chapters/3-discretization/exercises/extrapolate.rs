//! Exercise extrapolate (warm-up, one line, 8 minutes).

/// What a rule of order p would say with an infinitely small step, from what it says with the steps
/// Δ (`coarse`) and Δ/2 (`fine`).
///
/// The error of `fine` is 2^p times smaller than that of `coarse`: solve for the answer they miss.
pub fn extrapolate(coarse: f64, fine: f64, order: u32) -> f64 {
    todo!()
}
