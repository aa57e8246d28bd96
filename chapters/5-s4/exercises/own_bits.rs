/// H(n) in bits of a text that is its own truth: it goes round, so that after its last character comes its first, and
/// p(next | the n before it) is how often the next one follows these n, over how often these n stand in it.
///
/// Every place of the text counts once, with the n characters before it. `n` may be 0, and larger than the text.
///
/// Size: ten lines. Time: 15 minutes.
pub fn own_bits(text: &[usize], n: usize) -> f64 {
    todo!()
}
