//! Exercise stable_step (warm-up, three lines, 8 minutes).

use nalgebra::Complex;

/// What becomes of a mode in one step, `Ā = e^{Δλ}`, from three numbers that may have any size and sign:
/// `λ = -e^log + i omega` and `Δ = ln(1 + e^raw)`.
///
/// For every three finite numbers the answer is a number of modulus at most 1, also for a raw of 1000 or -1000.
pub fn stable_step(log: f64, omega: f64, raw: f64) -> Complex<f64> {
    todo!()
}
