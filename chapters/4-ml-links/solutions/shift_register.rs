use math_foundations::state_representations::Matrices;
use nalgebra::DMatrix;

/// A system in steps, `x_k = A x_{k-1} + B u_k`, `y_k = C x_k + D u_k`, whose kernel is `kernel` and then zero.
///
/// `kernel` has at least one entry, and may be any list of numbers. One state for each of them will do.
///
/// Size: six lines. Time: 15 minutes.
pub fn shift_register(kernel: &[f64]) -> Matrices {
    let n = kernel.len();
    // The state is the last n inputs, the newest first: each moves one place on.
    Matrices {
        a: DMatrix::from_fn(n, n, |row, column| if row == column + 1 { 1.0 } else { 0.0 }),
        b: DMatrix::from_fn(n, 1, |row, _| if row == 0 { 1.0 } else { 0.0 }),
        c: DMatrix::from_row_slice(1, n, kernel),
        d: DMatrix::zeros(1, 1),
    }
}
