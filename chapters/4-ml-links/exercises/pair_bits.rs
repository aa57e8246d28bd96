//! Exercise pair_bits (stretch, ten lines, 20 minutes).

/// Bits per character of the cheapest model there is: a table of how often each character followed each other one.
///
/// Count the pairs of `train`. The probability of the next character is its count after the one before, plus 1, over the
/// sum of all counts after that one, plus `vocabulary`. Answer the mean of -log₂ p over all characters of `text` but the
/// first.
pub fn pair_bits(train: &[usize], text: &[usize], vocabulary: usize) -> f64 {
    todo!()
}
