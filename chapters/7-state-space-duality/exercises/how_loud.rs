/// How loud token j is heard at step k, which is j or later: mask[k, j].
///
/// Each token brings [Δa, Δ, λ]: by e^{Δa} its step lets fade what was there before; λ of its Δ
/// belongs to the end of the step, the rest to the beginning.
///
/// Size: seven lines. Time: 10 minutes.
pub fn how_loud(tokens: &[[f64; 3]], j: usize, k: usize) -> f64 {
    todo!()
}
