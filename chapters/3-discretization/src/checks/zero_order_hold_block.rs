//! Exercise `zero_order_hold_block` of the page `zero_order_hold`.

use math_foundations::matrix_exponential::{MatrixExponentialError, matrix_exponential};
use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/zero_order_hold_block.rs"]
mod blank;
#[path = "../../solutions/zero_order_hold_block.rs"]
mod solution;

type Step = Result<(DMatrix<f64>, DMatrix<f64>), MatrixExponentialError>;
type Answer = fn(&DMatrix<f64>, &DMatrix<f64>, f64) -> Step;

pub fn exercise() -> Exercise {
    Exercise::new("zero_order_hold_block", Level::Core, "eight lines", 15)
        .page("3-discretization/zero-order-hold")
        .hints([
            "While u is held, what is u'? And what is the matrix of the system of x and u together?",
            "Which two corners of its exponential, over the time Δ, are Ā and B̄?",
        ])
        .notice(
            "What to notice: nothing was divided. A = 0, where the textbook's formula says 0/0, is one more matrix.",
        )
        .sources(
            include_str!("../../exercises/zero_order_hold_block.rs"),
            include_str!("../../solutions/zero_order_hold_block.rs"),
        )
        .answers::<Answer>(
            check,
            blank::zero_order_hold_block,
            solution::zero_order_hold_block,
            vec![by_inverse, by_euler, forgets_the_step_of_b],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (a_bar, b_bar) = answer(&dmatrix![0.0], &dmatrix![1.0], 0.1)?;
    expect_close("at Δ = 0.1, A = 0", "Ā", 1.0, a_bar[0], 1e-14)?;
    expect_close("at Δ = 0.1, A = 0", "B̄", 0.1, b_bar[0], 1e-14)?;
    let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0]);
    let (a_bar, b_bar) = answer(&a, &b, 2.0)?;
    expect_close("for a mass on ice, Δ = 2", "Ā", dmatrix![1.0, 2.0; 0.0, 1.0], a_bar, 1e-14)?;
    expect_close("for a mass on ice, Δ = 2", "B̄", dmatrix![2.0; 2.0], b_bar, 1e-14)?;
    let (a, b) = (dmatrix![-1.0, 0.0; 0.0, -2.0], dmatrix![1.0, 0.0; 4.0, 2.0]);
    let (a_bar, b_bar) = answer(&a, &b, 2f64.ln())?;
    let at = "at A = diag(-1, -2), B = [1, 0; 4, 2], Δ = ln 2";
    expect_close(at, "Ā", dmatrix![0.5, 0.0; 0.0, 0.25], a_bar, 1e-13)?;
    expect_close(at, "B̄", dmatrix![0.5, 0.0; 1.5, 0.75], b_bar, 1e-13)
}

fn by_inverse(a: &DMatrix<f64>, b: &DMatrix<f64>, delta: f64) -> Step {
    let a_bar = matrix_exponential(&(a * delta))?;
    let gained = (&a_bar - DMatrix::identity(a.nrows(), a.nrows())) * b;
    let b_bar = a.clone().lu().solve(&gained).unwrap_or(gained * f64::NAN);
    Ok((a_bar, b_bar))
}

fn by_euler(a: &DMatrix<f64>, b: &DMatrix<f64>, delta: f64) -> Step {
    Ok((matrix_exponential(&(a * delta))?, b * delta))
}

fn forgets_the_step_of_b(a: &DMatrix<f64>, b: &DMatrix<f64>, delta: f64) -> Step {
    let (a_bar, b_bar) = solution::zero_order_hold_block(a, b, delta)?;
    Ok((a_bar, b_bar / delta))
}
