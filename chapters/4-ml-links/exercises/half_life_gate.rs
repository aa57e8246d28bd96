/// What must enter a gate so that half of the state is left after `half_life` steps.
///
/// At each step a gate lets 1 - σ(z) = 1 / (1 + e^z) of the state stay, and no input arrives. `half_life` is positive; it may
/// be a millionth of a step, or a million billion steps, and the answer keeps its digits.
///
/// Size: two lines. Time: 5 minutes.
pub fn half_life_gate(half_life: f64) -> f64 {
    todo!()
}
