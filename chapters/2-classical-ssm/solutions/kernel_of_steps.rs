use nalgebra::DMatrix;

/// The first `length` numbers of the kernel of x_k = A x_{k-1} + B u_k, y_k = C x_k + D u_k, one input and
/// one output: what y does when u is 1 at step 0 and 0 ever after.
///
/// `a`: `[N, N]`, `b`: `[N, 1]`, `c`: `[1, N]`, `d`: `[1, 1]`.
///
/// Size: eight lines. Time: 10 minutes.
pub fn kernel_of_steps(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    d: &DMatrix<f64>,
    length: usize,
) -> Vec<f64> {
    let mut kernel = Vec::with_capacity(length);
    let mut x = b.clone();
    for k in 0..length {
        // The state has seen u_0; D passes it on at step 0 and never again.
        let direct = if k == 0 { d[0] } else { 0.0 };
        kernel.push((c * &x)[0] + direct);
        x = a * x;
    }
    kernel
}
