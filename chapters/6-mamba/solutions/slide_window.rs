//! Exercise slide_window (core, four lines, 10 minutes).

/// One step of a causal convolution of one channel, `Σⱼ weight[j] u[k - taps + 1 + j] + bias`.
///
/// `heard` holds the last inputs, as many as there are taps, the newest last; silence before the first. It has to hold
/// the last inputs afterwards, `input` among them.
pub fn slide_window(heard: &mut [f64], input: f64, weight: &[f64], bias: f64) -> f64 {
    heard.rotate_left(1);
    let newest = heard.len() - 1;
    heard[newest] = input;
    bias + heard.iter().zip(weight).map(|(u, weight)| u * weight).sum::<f64>()
}
