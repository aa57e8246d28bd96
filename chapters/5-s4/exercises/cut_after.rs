//! Exercise cut_after (warm-up, one line, 5 minutes).

use nalgebra::Complex;

/// What has to read the modes so that a kernel ends after `length` steps.
///
/// The modes are multiplied by `a_bar` at each step, and `c` reads them without an end.
/// As generating functions, for any z:
/// `Σ_{k<L} c ā^k z^k = c (1 - ā^L z^L) / (1 - ā z)`. The result is `c̃` with
/// `c̃ / (1 - ā z)` where `z^L = 1`.
pub fn cut_after(a_bar: &[Complex<f64>], c: &[Complex<f64>], length: usize) -> Vec<Complex<f64>> {
    todo!()
}
