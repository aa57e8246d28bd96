/// x(t) for x' = a x + b u, when u does not change: exact for every a, also for 0 and close to it.
///
/// `x0` is x(0). What is left of it, plus what the push has made: (e^{at} - 1) / a times b u.
///
/// Size: three lines. Time: 5 minutes.
pub fn step_response_scalar(a: f64, b: f64, u: f64, x0: f64, t: f64) -> f64 {
    // exp_m1 keeps the digits that e^{at} - 1 loses; at a = 0 the push adds up undiminished.
    let pushed_for = if a == 0.0 { t } else { (a * t).exp_m1() / a };
    (a * t).exp() * x0 + pushed_for * b * u
}
