use nalgebra::DMatrix;

/// A scalar kernel laid out so that each row begins one step later: entry (i, j) is `kernel[i + j]`.
///
/// As square as it can be with every number used: with n numbers, `(n + 1) / 2` columns and the rest rows.
/// Rows and columns together are n + 1. The kernel has at least one number.
///
/// Size: three lines. Time: 5 minutes.
pub fn each_row_a_step_later(kernel: &[f64]) -> DMatrix<f64> {
    let columns = kernel.len().div_ceil(2);
    let rows = kernel.len() + 1 - columns;
    DMatrix::from_fn(rows, columns, |i, j| kernel[i + j])
}
