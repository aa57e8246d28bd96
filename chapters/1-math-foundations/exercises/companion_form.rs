use nalgebra::{DMatrix, DVector};

/// A and B of the equation `a_0 y + a_1 y' + … + a_n y^(n) = u`, with `x = (y, y', …, y^(n-1))`.
///
/// `ode` holds `a_0, a_1, …, a_n`: at least two numbers, the last not zero, and not always 1.
/// Returns A `[n, n]` and B `[n]`.
///
/// Size: ten lines. Time: 15 minutes.
pub fn companion_form(ode: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
    todo!()
}
