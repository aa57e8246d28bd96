//! Exercise scaling_and_squaring (core, ten lines, 15 minutes).

use math_foundations::matrix_exponential::one_norm;
use nalgebra::DMatrix;

/// e^A, given `taylor`: the Taylor polynomial of degree 8, which is good to eight digits as long
/// as the 1-norm of its argument is at most 1/2.
///
/// Halve A until it fits, ask `taylor`, undo the halvings. `math_foundations::matrix_exponential`
/// has the 1-norm: `one_norm(&a)`. A is square and finite: there is nothing to check.
pub fn scaling_and_squaring(
    a: &DMatrix<f64>,
    taylor: fn(&DMatrix<f64>) -> DMatrix<f64>,
) -> DMatrix<f64> {
    let mut exponential = a.clone();
    let mut halvings = 0;
    while one_norm(&exponential) > 0.5 {
        exponential *= 0.5;
        halvings += 1;
    }
    exponential = taylor(&exponential);
    for _ in 0..halvings {
        exponential = &exponential * &exponential;
    }
    exponential
}
