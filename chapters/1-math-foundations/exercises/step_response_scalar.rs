/// x(t) for x' = a x + b u, when u does not change: exact for every a, also for 0 and close to it.
///
/// `x0` is x(0). What is left of it, plus what the push has made: (e^{at} - 1) / a times b u.
///
/// Size: three lines. Time: 5 minutes.
pub fn step_response_scalar(a: f64, b: f64, u: f64, x0: f64, t: f64) -> f64 {
    todo!()
}
