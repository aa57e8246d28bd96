/// What to believe of a number after measuring it: the new mean and the new variance.
///
/// Before, it was believed to be `mean`, give or take a standard deviation `√variance`. The measurement is
/// `y`, and its noise has the variance `noise`. One of the two variances may be 0, not both.
///
/// Size: two lines. Time: 5 minutes.
pub fn kalman_update(mean: f64, variance: f64, y: f64, noise: f64) -> (f64, f64) {
    todo!()
}
