//! Exercise `power_step` of the page `eigendecomposition`.

use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/power_step.rs"]
mod blank;
#[path = "../../solutions/power_step.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DVector<f64>) -> DVector<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("power_step", Level::WarmUp, "two lines", 5)
        .page("1-math-foundations/eigendecomposition")
        .hints([
            "Which of the two vectors has to have length 1: the one you are given, or the one you return?",
            "What does image.norm() return, and why must the product come first?",
        ])
        .notice(
            "What to notice: with the strongly damped spring forty such steps find the fast mode \
             to every digit. With the weakly damped one the vector walks round for ever: its two \
             modes share one modulus, and no real direction is kept.",
        )
        .sources(
            include_str!("../../exercises/power_step.rs"),
            include_str!("../../solutions/power_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::power_step,
            solution::power_step,
            vec![
                forgets_to_normalise,
                normalises_first,
                largest_entry_one,
                transposed,
            ],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (a, v) = (dmatrix![3.0, 0.0; 0.0, 4.0], dvector![1.0, 1.0]);
    let at = "at A = diag(3, 4), v = (1, 1)";
    expect_close(at, "v", [0.6, 0.8], answer(&a, &v), 1e-12)?;
    let (a, v) = (dmatrix![0.0, 1.0; -1.0, -0.4], dvector![1.0, 0.0]);
    let at = "at the spring of damping 0.4, v = (1, 0)";
    expect_close(at, "v", [0.0, -1.0], answer(&a, &v), 1e-12)?;

    let overdamped = dmatrix![0.0, 1.0; -1.0, -2.5];
    let mut v = dvector![1.0, 0.0];
    for _ in 0..40 {
        v = answer(&overdamped, &v);
    }
    let residual = &overdamped * &v + 2.0 * &v;
    let at = "after 40 steps at the spring of damping 2.5, whose fast mode has λ = -2";
    expect_close(at, "A v - λ v", [0.0, 0.0], residual, 1e-12)
}

fn forgets_to_normalise(a: &DMatrix<f64>, v: &DVector<f64>) -> DVector<f64> {
    a * v
}

fn normalises_first(a: &DMatrix<f64>, v: &DVector<f64>) -> DVector<f64> {
    a * v.normalize()
}

fn largest_entry_one(a: &DMatrix<f64>, v: &DVector<f64>) -> DVector<f64> {
    let image = a * v;
    &image / image.amax()
}

fn transposed(a: &DMatrix<f64>, v: &DVector<f64>) -> DVector<f64> {
    (a.transpose() * v).normalize()
}
