use nalgebra::DMatrix;

/// The block below a cut as a tall matrix times a flat one, through the state before the cut.
///
/// `decays` has a number for each step, `b` and `c` a row, `[length, state]`. The block holds, for k ≥ `cut` and j < `cut`, the
/// numbers ā_k ⋯ ā_{j+1} (C_k · B_j): row k - `cut`, column j. The tall factor is `[length - cut, state]`, the flat one
/// `[state, cut]`: column j of it is what input j left in the state at step `cut` - 1. The cut is at least 1. A decay may be 0.
///
/// Size: fourteen lines. Time: 20 minutes.
pub fn factor_block(
    decays: &[f64],
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    cut: usize,
) -> (DMatrix<f64>, DMatrix<f64>) {
    todo!()
}
