/// The channels of one step with mean 0 and variance 1.
///
/// The variance is the mean of the squared distances from the mean (over all channels,
/// not over all but one), and 1e-5 is added to it before its root is taken, so that a
/// step whose channels are all alike becomes zeros.
///
/// Size: four lines. Time: 5 minutes.
pub fn normed_step(x: &[f64]) -> Vec<f64> {
    todo!()
}
