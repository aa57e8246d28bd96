use nalgebra::DVector;

/// One step of the classical Runge-Kutta method for x' = f(t, x), from x at time t to time t + h.
///
/// Four slopes: `k1` at the start; `k2` half a step along `k1`; `k3` half a step along `k2`; `k4` a
/// whole step along `k3`. The step is h times their mean, the two in the middle counted twice.
///
/// Shapes: `x` and the result `[N]`; `f` maps a time and `[N]` to `[N]`.
///
/// Size: five lines. Time: 10 minutes.
pub fn rk4_step(
    f: fn(f64, &DVector<f64>) -> DVector<f64>,
    t: f64,
    x: &DVector<f64>,
    h: f64,
) -> DVector<f64> {
    todo!()
}
