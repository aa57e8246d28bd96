//! Exercise next_of_a_sine (warm-up, one line, 5 minutes).

/// The next value of a sine of `omega` radians a step, from its last value and the one before.
///
/// Neither its amplitude nor its phase is known, and neither is needed.
pub fn next_of_a_sine(last: f64, before: f64, omega: f64) -> f64 {
    todo!()
}
