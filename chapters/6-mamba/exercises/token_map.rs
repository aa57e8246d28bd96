/// What one token does to one state: the map `x ↦ scale x + shift`, as (scale, shift).
///
/// `delta` is the token's step before bias and softplus, `bias` that of the channel, `a`
/// the rate of the state, `b` where the input `u` goes. The step counts as in Mamba's
/// code: an exact decay, and an input that taps.
///
/// Size: three lines. Time: 5 minutes.
pub fn token_map(delta: f64, bias: f64, a: f64, b: f64, u: f64) -> (f64, f64) {
    todo!()
}
