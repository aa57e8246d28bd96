use nalgebra::{DMatrix, DVector};

/// Files a value under a key, and takes out what was found there before.
///
/// The state is `[entries, width]`, the key `[width]` has the length 1, the value is `[entries]`. Reading is `state * key`, and
/// afterwards it is to give `value`, whatever the state was. What is found under keys at right angles to this one must not change.
///
/// Size: two lines. Time: 10 minutes.
pub fn write_the_difference(
    state: &DMatrix<f64>,
    key: &DVector<f64>,
    value: &DVector<f64>,
) -> DMatrix<f64> {
    let missing = value - state * key;
    state + missing * key.transpose()
}
