//! Exercise `write_the_difference` of the page `applications`.

use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/write_the_difference.rs"]
mod blank;
#[path = "../../solutions/write_the_difference.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DVector<f64>, &DVector<f64>) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("write_the_difference", Level::Core, "two lines", 10)
        .page("7-state-space-duality/applications")
        .hints([
            "What is found under the key now, and what is missing from it?",
            "Which matrix, added to the state, adds that to what this key reads, and nothing to what a key at a right angle reads?",
        ])
        .notice(
            "What to notice: the step is still linear in the state, X (I - kkᵀ) + vkᵀ, so it has a scan. But its matrix is not \
             diagonal any more, and depends on the key. This is the delta rule of DeltaNet: it forgets what it overwrites, and \
             nothing else.",
        )
        .sources(
            include_str!("../../exercises/write_the_difference.rs"),
            include_str!("../../solutions/write_the_difference.rs"),
        )
        .answers::<Answer>(
            check,
            blank::write_the_difference,
            solution::write_the_difference,
            vec![only_adds, only_erases, replaces_all, erases_a_row],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let state = dmatrix![1.0, -2.0; 0.5, 3.0; 0.0, 1.0];
    let value = dvector![4.0, 0.0, -1.0];
    let (sin, cos) = 0.6_f64.sin_cos();
    for (name, key, across) in [
        ("(1, 0)", dvector![1.0, 0.0], dvector![0.0, 1.0]),
        ("(cos 0.6, sin 0.6)", dvector![cos, sin], dvector![-sin, cos]),
    ] {
        let found = answer(&state, &key, &value);
        expect_equal(format!("at the key {name}"), "the shape", state.shape(), found.shape())?;
        let read = |by: &DVector<f64>| (&found * by).as_slice().to_vec();
        let before = (&state * &across).as_slice().to_vec();
        let (under, across_it) =
            (format!("under the key {name}"), format!("at a right angle to {name}"));
        expect_close(under, "what is found", value.as_slice().to_vec(), read(&key), 1e-12)?;
        expect_close(across_it, "what is found", before, read(&across), 1e-12)?;
    }
    Ok(())
}

fn only_adds(state: &DMatrix<f64>, key: &DVector<f64>, value: &DVector<f64>) -> DMatrix<f64> {
    state + value * key.transpose()
}

fn only_erases(state: &DMatrix<f64>, key: &DVector<f64>, _: &DVector<f64>) -> DMatrix<f64> {
    state - state * key * key.transpose()
}

fn replaces_all(_: &DMatrix<f64>, key: &DVector<f64>, value: &DVector<f64>) -> DMatrix<f64> {
    value * key.transpose()
}

fn erases_a_row(state: &DMatrix<f64>, key: &DVector<f64>, value: &DVector<f64>) -> DMatrix<f64> {
    let all = DVector::from_element(key.len(), 1.0);
    state + (value - state * key) * all.transpose()
}
