use nalgebra::DMatrix;

/// What is left at each step of what came in at each step.
///
/// `decays` are ā_0, …, ā_{L-1}: what a step keeps of the state before it. Entry k, j of the mask is ā_k ⋯ ā_{j+1}: all decays
/// after step j, up to step k. It is 1 on the diagonal and 0 above. A decay may be 0: that step forgets everything.
///
/// Size: six lines. Time: 10 minutes.
pub fn mask_of_decays(decays: &[f64]) -> DMatrix<f64> {
    todo!()
}
