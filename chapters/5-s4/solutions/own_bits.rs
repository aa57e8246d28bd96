use std::collections::HashMap;

/// H(n) in bits of a text that is its own truth: it goes round, so that after its last character comes its first, and
/// p(next | the n before it) is how often the next one follows these n, over how often these n stand in it.
///
/// Every place of the text counts once, with the n characters before it. `n` may be 0, and larger than the text.
///
/// Size: ten lines. Time: 15 minutes.
pub fn own_bits(text: &[usize], n: usize) -> f64 {
    let piece = |begin: usize, length: usize| -> Vec<usize> {
        (begin..begin + length).map(|k| text[k % text.len()]).collect()
    };
    let mut counts = HashMap::<Vec<usize>, f64>::new();
    for begin in 0..text.len() {
        *counts.entry(piece(begin, n)).or_default() += 1.0;
        *counts.entry(piece(begin, n + 1)).or_default() += 1.0;
    }
    let bits = |begin| -(counts[&piece(begin, n + 1)] / counts[&piece(begin, n)]).log2();
    (0..text.len()).map(bits).sum::<f64>() / text.len() as f64
}
