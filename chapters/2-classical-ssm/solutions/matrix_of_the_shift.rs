use nalgebra::DMatrix;

/// The A for which `o` is `(C; CA; CA²; …; CA^{K-1})`, by least squares where there is none.
///
/// `o`: `[K P, N]` with `outputs` = P rows a block, of rank N also without its last block. `svd` and
/// `pseudo_inverse` of nalgebra help. Returns `[N, N]`.
///
/// Size: four lines. Time: 15 minutes.
pub fn matrix_of_the_shift(o: &DMatrix<f64>, outputs: usize) -> DMatrix<f64> {
    let height = o.nrows() - outputs;
    let (all_but_last, all_but_first) = (o.rows(0, height), o.rows(outputs, height));
    // The left side of (all but last) A = (all but first) is tall: its normal equations are N x N.
    let square = all_but_last.tr_mul(&all_but_last);
    let right = all_but_last.tr_mul(&all_but_first);
    square
        .lu()
        .solve(&right)
        .unwrap_or_else(|| DMatrix::from_element(o.ncols(), o.ncols(), f64::NAN))
}
