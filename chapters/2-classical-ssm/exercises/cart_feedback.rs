use nalgebra::DMatrix;

/// The feedback F, a row of two numbers, that gives a cart the two real poles asked for.
///
/// A cart is pushed by a force: `A = (0 1; 0 0)`, `B = (0; 1)`, its state is place and speed, and
/// `u = -F x`. Find the characteristic polynomial of `A - B F` on paper, and compare coefficients.
///
/// Size: one line. Time: 5 minutes.
pub fn cart_feedback(first: f64, second: f64) -> DMatrix<f64> {
    todo!()
}
