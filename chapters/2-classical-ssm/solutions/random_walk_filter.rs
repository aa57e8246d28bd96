/// Tracks a number that takes a random step of variance `process` before each measurement, which has noise
/// of variance `noise` and may be missing. Before the first step it is believed to be 0, with variance 1.
///
/// Returns mean and variance after each measurement, or after each step where there is none.
///
/// Size: ten lines. Time: 15 minutes.
pub fn random_walk_filter(
    process: f64,
    noise: f64,
    measurements: &[Option<f64>],
) -> Vec<(f64, f64)> {
    let (mut mean, mut variance) = (0.0, 1.0);
    let step = |measurement: &Option<f64>| {
        variance += process;
        if let Some(y) = measurement {
            let gain = variance / (variance + noise);
            mean += gain * (y - mean);
            variance *= 1.0 - gain;
        }
        (mean, variance)
    };
    measurements.iter().map(step).collect()
}
