/// One step of equation 7-5 with a single state: the new state, and what is read of it.
///
/// x_k = a x_{k-1} + b u_k + b' u_{k-1},   y_k = c x_k
///
/// `weights` are a, b, b' and c; `inputs` are u_k and u_{k-1}.
///
/// Size: three lines. Time: 5 minutes.
pub fn one_step(weights: [f64; 4], before: f64, inputs: [f64; 2]) -> (f64, f64) {
    let ([a, b, b_previous, c], [u, u_previous]) = (weights, inputs);
    let x = a * before + b * u + b_previous * u_previous;
    (x, c * x)
}
