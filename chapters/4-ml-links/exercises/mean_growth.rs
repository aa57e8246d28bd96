use nalgebra::{DMatrix, DVector};

/// The mean rate, in a step, at which the vector (1, …, 1) grows on its way through `jacobians`, the first of them first.
///
/// (ln ‖J_L … J_1 v‖ - ln ‖v‖) / L, in the Euclidean norm. There may be so many matrices that their product fits into no
/// number, large or small. They are square, at least one, and none of them maps the vector to 0.
///
/// Size: eight lines. Time: 10 minutes.
pub fn mean_growth(jacobians: &[DMatrix<f64>]) -> f64 {
    todo!()
}
