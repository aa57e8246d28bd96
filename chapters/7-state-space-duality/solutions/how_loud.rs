/// How loud token j is heard at step k, which is j or later: mask[k, j].
///
/// Each token brings [Δa, Δ, λ]: by e^{Δa} its step lets fade what was there before; λ of its Δ
/// belongs to the end of the step, the rest to the beginning.
///
/// Size: seven lines. Time: 10 minutes.
pub fn how_loud(tokens: &[[f64; 3]], j: usize, k: usize) -> f64 {
    let [_, delta, lambda] = tokens[j];
    let own = lambda * delta;
    if j == k {
        return own;
    }
    let [_, next, next_lambda] = tokens[j + 1];
    let faded: f64 = tokens[j + 1..=k].iter().map(|token| token[0]).sum();
    faded.exp() * (own + (1.0 - next_lambda) * next)
}
