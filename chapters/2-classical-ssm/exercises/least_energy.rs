use nalgebra::{DMatrix, DVector};

/// The inputs `u_0, …, u_{K-1}` of least energy `Σ u_k²` that bring `x_k = A x_{k-1} + B u_k` from rest to
/// `x_{K-1} = target`.
///
/// One input: `b` is a column, `[N, 1]`, and there are K = `steps` numbers, at least N, to find. With the
/// columns `r_k = A^{K-1-k} B` and `W = Σ r_k r_kᵀ` they are `u_k = r_kᵀ W⁻¹ target`; W has an inverse.
///
/// Size: eight lines. Time: 15 minutes.
pub fn least_energy(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    target: &DVector<f64>,
    steps: usize,
) -> DVector<f64> {
    todo!()
}
