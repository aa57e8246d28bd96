/// The b with which `x_k = e^{Δa} x_{k-1} + Δ b u_k` takes the steps that a held input takes with `b`.
///
/// One mode: `a`, `b` and `delta` are numbers; `a` may be 0.
///
/// Size: one line. Time: 5 minutes.
pub fn absorb_the_hold(a: f64, b: f64, delta: f64) -> f64 {
    todo!()
}
