//! Exercise `double_the_step` of the page `zero_order_hold`.

use discretization::sampling::DiscretizationError;
use discretization::zero_order_hold::phi_columns;
use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/double_the_step.rs"]
mod blank;
#[path = "../../solutions/double_the_step.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>);

pub fn exercise() -> Exercise {
    Exercise::new("double_the_step", Level::WarmUp, "two lines", 5)
        .page("3-discretization/zero-order-hold")
        .hints([
            "After the first step, x is Ā x + B̄ u. What does the second step make of all of that?",
            "Which of the two pushes of u has had time to decay?",
        ])
        .notice(
            "What to notice: for numbers this doubles (e^z - 1)/z without dividing. Squaring the block matrix of \
             eq-3-4 does the same, which is why scaling and squaring needs no inverse of A.",
        )
        .sources(
            include_str!("../../exercises/double_the_step.rs"),
            include_str!("../../solutions/double_the_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::double_the_step,
            solution::double_the_step,
            vec![doubles_the_push, forgets_the_second_push, squares_the_push],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (a_bar, b_bar) = answer(&dmatrix![0.5], &dmatrix![3.0]);
    expect_close("at Ā = 1/2, B̄ = 3", "Ā", dmatrix![0.25], a_bar, 1e-14)?;
    expect_close("at Ā = 1/2, B̄ = 3", "B̄", dmatrix![4.5], b_bar, 1e-14)?;
    let ice = |delta: f64| (dmatrix![1.0, delta; 0.0, 1.0], dmatrix![delta * delta / 2.0; delta]);
    let ((a_one, b_one), (a_two, b_two)) = (ice(1.0), ice(2.0));
    let (a_bar, b_bar) = answer(&a_one, &b_one);
    expect_close("for a mass on ice, Δ = 1", "Ā", a_two, a_bar, 1e-14)?;
    expect_close("for a mass on ice, Δ = 1", "B̄", b_two, b_bar, 1e-14)?;
    let step = |delta: f64| -> Result<_, DiscretizationError> {
        let (a, b) = (dmatrix![0.0, 1.0; -1.0, -0.4], dmatrix![0.0, 1.0; 1.0, 0.5]);
        let (a_bar, mut phis) = phi_columns(&(a * delta), &(b * delta), 1)?;
        Ok((a_bar, phis.remove(0)))
    };
    let ((a_one, b_one), (a_two, b_two)) = (step(0.7)?, step(1.4)?);
    let (a_bar, b_bar) = answer(&a_one, &b_one);
    expect_close("for a spring with two inputs, Δ = 0.7", "Ā", a_two, a_bar, 1e-12)?;
    expect_close("for a spring with two inputs, Δ = 0.7", "B̄", b_two, b_bar, 1e-12)
}

fn doubles_the_push(a_bar: &DMatrix<f64>, b_bar: &DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>) {
    (a_bar * a_bar, b_bar * 2.0)
}

fn forgets_the_second_push(
    a_bar: &DMatrix<f64>,
    b_bar: &DMatrix<f64>,
) -> (DMatrix<f64>, DMatrix<f64>) {
    (a_bar * a_bar, a_bar * b_bar)
}

fn squares_the_push(a_bar: &DMatrix<f64>, b_bar: &DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>) {
    let squared = a_bar * a_bar;
    let pushed = &squared * b_bar + b_bar;
    (squared, pushed)
}
