use math_foundations::state_representations::Matrices;
use nalgebra::DMatrix;

/// A system in steps, `x_k = A x_{k-1} + B u_k`, `y_k = C x_k + D u_k`, whose kernel is `kernel` and then zero.
///
/// `kernel` has at least one entry, and may be any list of numbers. One state for each of them will do.
///
/// Size: six lines. Time: 15 minutes.
pub fn shift_register(kernel: &[f64]) -> Matrices {
    todo!()
}
