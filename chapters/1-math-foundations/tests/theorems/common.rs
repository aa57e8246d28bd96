//! Matrices that several pages try.

use nalgebra::DMatrix;

/// The HiPPO-LegS matrix: lower triangular, with eigenvalues -1, -2, …, -N.
pub fn legs(n: usize) -> DMatrix<f64> {
    DMatrix::from_fn(n, n, |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => -(i as f64 + 1.0),
        std::cmp::Ordering::Greater => -(((2 * i + 1) * (2 * j + 1)) as f64).sqrt(),
    })
}
