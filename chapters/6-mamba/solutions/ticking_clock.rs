/// A clock that runs for tokens and stands still for noise.
///
/// Δ = softplus(weight · u + bias), and u is 1 at a token and 0 at noise. The weight and
/// the bias, in this order, with which a token lasts for exactly one unit of time, and
/// noise for less than a thousandth of a billionth, 1e-12.
///
/// Size: three lines. Time: 5 minutes.
pub fn ticking_clock() -> (f64, f64) {
    // Far on the left softplus is an exponential: softplus(-40) = 4e-18.
    let bias = -40.0;
    // softplus(s) = 1 where e^s = e - 1.
    let at_a_token = (std::f64::consts::E - 1.0).ln();
    (at_a_token - bias, bias)
}
