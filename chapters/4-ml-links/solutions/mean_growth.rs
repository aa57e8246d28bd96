use nalgebra::{DMatrix, DVector};

/// The mean rate, in a step, at which the vector (1, …, 1) grows on its way through `jacobians`, the first of them first.
///
/// (ln ‖J_L … J_1 v‖ - ln ‖v‖) / L, in the Euclidean norm. There may be so many matrices that their product fits into no
/// number, large or small. They are square, at least one, and none of them maps the vector to 0.
///
/// Size: eight lines. Time: 10 minutes.
pub fn mean_growth(jacobians: &[DMatrix<f64>]) -> f64 {
    let n = jacobians[0].ncols();
    let mut v = DVector::from_element(n, 1.0).normalize();
    let mut sum = 0.0;
    for jacobian in jacobians {
        v = jacobian * v;
        sum += v.norm().ln();
        // The size is counted; what goes on is a direction.
        v.normalize_mut();
    }
    sum / jacobians.len() as f64
}
