/// How many tokens a second a model can write at most, all sequences of a batch together, if only
/// the memory takes time.
///
/// For each step every weight comes once for the whole batch, and the states of each
/// sequence come and go. Sizes are in bytes, the bandwidth in bytes a second.
///
/// Size: three lines. Time: 10 minutes.
pub fn tokens_a_second(weights: f64, states: f64, batch: usize, bandwidth: f64) -> f64 {
    todo!()
}
