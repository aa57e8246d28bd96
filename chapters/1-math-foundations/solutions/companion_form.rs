use nalgebra::{DMatrix, DVector};

/// A and B of the equation `a_0 y + a_1 y' + … + a_n y^(n) = u`, with `x = (y, y', …, y^(n-1))`.
///
/// `ode` holds `a_0, a_1, …, a_n`: at least two numbers, the last not zero, and not always 1.
/// Returns A `[n, n]` and B `[n]`.
///
/// Size: ten lines. Time: 15 minutes.
pub fn companion_form(ode: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
    let n = ode.len() - 1;
    let a = DMatrix::from_fn(n, n, |i, j| {
        if i == n - 1 {
            // The equation, solved for its highest derivative.
            -ode[j] / ode[n]
        } else if j == i + 1 {
            // The derivative of each entry is the next one.
            1.0
        } else {
            0.0
        }
    });
    let b = DVector::from_fn(n, |i, _| if i == n - 1 { 1.0 / ode[n] } else { 0.0 });
    (a, b)
}
