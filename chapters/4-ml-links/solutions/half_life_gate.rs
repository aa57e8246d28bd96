/// What must enter a gate so that half of the state is left after `half_life` steps.
///
/// At each step a gate lets 1 - σ(z) = 1 / (1 + e^z) of the state stay, and no input arrives. `half_life` is positive; it may
/// be a millionth of a step, or a million billion steps, and the answer keeps its digits.
///
/// Size: two lines. Time: 5 minutes.
pub fn half_life_gate(half_life: f64) -> f64 {
    // (1 + e^z)^h = 2, so e^z = 2^{1/h} - 1, and 2^{1/h} lies next to 1 when h is long.
    (std::f64::consts::LN_2 / half_life).exp_m1().ln()
}
