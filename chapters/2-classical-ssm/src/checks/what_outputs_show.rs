//! Exercise `what_outputs_show` of the page `controllability`.

use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/what_outputs_show.rs"]
mod blank;
#[path = "../../solutions/what_outputs_show.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DMatrix<f64>) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("what_outputs_show", Level::WarmUp, "six lines", 5)
        .page("2-classical-ssm/controllability")
        .hints([
            "Without input, x_1 = A x_0: which matrix takes x_0 to y_1 = C x_1?",
            "How does the block of y_{k+1} follow from the block of y_k, by one product?",
        ])
        .notice("What to notice: transpose it, and it is what inputs can do, with Aᵀ for A and Cᵀ for B. Reaching and seeing are one question.")
        .sources(
            include_str!("../../exercises/what_outputs_show.rs"),
            include_str!("../../solutions/what_outputs_show.rs"),
        )
        .answers::<Answer>(
            check,
            blank::what_outputs_show,
            solution::what_outputs_show,
            vec![begins_a_step_late, from_the_left],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let spring = dmatrix![0.0, 1.0; -40.0, -5.0];
    let found = answer(&spring, &dmatrix![1.0, 0.0]);
    let at = "at A = [0, 1; -40, -5], C = [1, 0]";
    expect_close(at, "(C; CA)", dmatrix![1.0, 0.0; 0.0, 1.0], found, 1e-14)?;
    let found = answer(&spring, &dmatrix![1.0, 0.0; 0.0, 1.0]);
    let expected = dmatrix![1.0, 0.0; 0.0, 1.0; 0.0, 1.0; -40.0, -5.0];
    expect_close("at A = [0, 1; -40, -5], C = I", "(C; CA)", expected, found, 1e-14)?;
    let a = dmatrix![1.0, 2.0, 0.0; 0.0, 1.0, 3.0; 1.0, 0.0, 1.0];
    let found = answer(&a, &dmatrix![1.0, 0.0, 0.0]);
    let expected = dmatrix![1.0, 0.0, 0.0; 1.0, 2.0, 0.0; 1.0, 4.0, 6.0];
    expect_close("at N = 3", "(C; CA; CA²)", expected, found, 1e-14)
}

fn begins_a_step_late(a: &DMatrix<f64>, c: &DMatrix<f64>) -> DMatrix<f64> {
    solution::what_outputs_show(a, &(c * a))
}

fn from_the_left(a: &DMatrix<f64>, c: &DMatrix<f64>) -> DMatrix<f64> {
    solution::what_outputs_show(&a.transpose(), c)
}
