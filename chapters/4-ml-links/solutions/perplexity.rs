//! Exercise perplexity (warm-up, one line, 5 minutes).

/// The perplexity of a text: among how many equally likely characters a model is left to guess, on average.
///
/// `p` holds the probability that the model gave to each character that then came. Equation 4-9: 2 to the power of the
/// mean of -log₂ p.
pub fn perplexity(p: &[f64]) -> f64 {
    (-p.iter().map(|p| p.log2()).sum::<f64>() / p.len() as f64).exp2()
}
