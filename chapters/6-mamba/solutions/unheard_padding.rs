/// The steps δ, before bias and softplus, of a sequence that is padded at its end.
///
/// Rows of a batch have one length, so the last tokens of short ones are padding. `delta`
/// holds what the model made of all tokens, of which the first `real` count; `bias` is
/// what the scan will add. Padding must change no state, to the last bit, so that the
/// last state is the one after the last real token.
///
/// Size: four lines. Time: 10 minutes.
pub fn unheard_padding(delta: &[f64], real: usize, _bias: f64) -> Vec<f64> {
    let mut heard = delta.to_vec();
    let real = real.min(heard.len());
    heard[real..].fill(f64::NEG_INFINITY);
    heard
}
