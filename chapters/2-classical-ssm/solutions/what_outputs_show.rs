use nalgebra::DMatrix;

/// What N outputs show of the state, one below the other: `(C; CA; …; CA^{N-1})`.
///
/// `a`: `[N, N]`, `c`: `[P, N]`; returns `[N P, N]`. Without input, row block k times `x_0` is `y_k`.
///
/// Size: six lines. Time: 5 minutes.
pub fn what_outputs_show(a: &DMatrix<f64>, c: &DMatrix<f64>) -> DMatrix<f64> {
    let (n, p) = (a.nrows(), c.nrows());
    let mut rows = DMatrix::zeros(n * p, n);
    let mut block = c.clone();
    for k in 0..n {
        rows.rows_mut(k * p, p).copy_from(&block);
        block *= a;
    }
    rows
}
