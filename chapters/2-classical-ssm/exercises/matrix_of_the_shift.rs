use nalgebra::DMatrix;

/// The A for which `o` is `(C; CA; CA²; …; CA^{K-1})`, by least squares where there is none.
///
/// `o`: `[K P, N]` with `outputs` = P rows a block, of rank N also without its last block. `svd` and
/// `pseudo_inverse` of nalgebra help. Returns `[N, N]`.
///
/// Size: four lines. Time: 15 minutes.
pub fn matrix_of_the_shift(o: &DMatrix<f64>, outputs: usize) -> DMatrix<f64> {
    todo!()
}
