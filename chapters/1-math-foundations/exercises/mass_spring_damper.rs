use math_foundations::state_representations::Matrices;
use nalgebra::dmatrix;

/// The spring of the page, `m q'' + c q' + k q = u` with `x = (q, q')`, watched by an accelerometer:
/// the output is `y = q''`, in m/s².
///
/// `mass` is positive. Write the four matrices, D included: a push is felt at once.
///
/// Size: six lines. Time: 5 minutes.
pub fn mass_spring_damper(mass: f64, damping: f64, stiffness: f64) -> Matrices {
    todo!()
}
