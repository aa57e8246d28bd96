/// What is left at step `i` of what came in at step `j`, as a logarithm: the segment
/// sum `ℓ_{j+1} + … + ℓ_i`.
///
/// `log_decays` has ℓ for each step, numbers below 0 or minus infinity. Nothing is
/// lost at once: 0 for `i = j`. Nothing is heard before it comes: minus infinity for
/// `i < j`. A step before j may have forgotten everything; that must not be seen
/// here, not even in the last digit.
///
/// Size: four lines. Time: 5 minutes.
pub fn segment_sum(log_decays: &[f64], i: usize, j: usize) -> f64 {
    todo!()
}
