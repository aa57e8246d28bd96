use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::state_representations::Matrices;
use nalgebra::{Complex, DVector};

/// The zeros of `x' = A x + B u`, `y = C x + D u`, for a D that has an inverse: the λ at which an input
/// `e^{λt}` moves the state and leaves y = 0.
///
/// `system`: a `[N, N]`, b `[N, M]`, c `[M, N]`, d `[M, M]`. Returns N of them, in any order.
/// (`math_foundations::eigendecomposition::eigenvalues` is yours to call.)
///
/// Size: four lines. Time: 10 minutes.
pub fn zeros_of_invertible_d(system: &Matrices) -> DVector<Complex<f64>> {
    let Matrices { a, b, c, d } = system;
    // y = 0 says which input it takes: u = -D^{-1} C x. The state then moves by itself.
    let u_of_x = d.clone().lu().solve(&-c).expect("D has an inverse");
    eigenvalues(&(a + b * u_of_x)).expect("a finite matrix")
}
