use nalgebra::{DMatrix, DVector};

/// One step of power iteration: the image of v under A, scaled to length 1.
///
/// Shapes: `a` `[N, N]`, `v` `[N]`. A v is never zero here: there is nothing to check.
///
/// Size: two lines. Time: 5 minutes.
pub fn power_step(a: &DMatrix<f64>, v: &DVector<f64>) -> DVector<f64> {
    todo!()
}
