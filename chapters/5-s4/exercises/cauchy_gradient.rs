//! Exercise cauchy_gradient (warm-up, two lines, 5 minutes).

use nalgebra::Complex;

/// The gradients of a loss by v and by λ, from its gradient by `y = v/(s - λ)`.
///
/// All are complex, and the gradient by a complex number z is `∂L/∂Re z + i ∂L/∂Im z`.
/// L is real.
pub fn cauchy_gradient(
    v: Complex<f64>,
    lambda: Complex<f64>,
    s: Complex<f64>,
    gradient: Complex<f64>,
) -> (Complex<f64>, Complex<f64>) {
    todo!()
}
