//! Exercise `scaling_and_squaring`, of the page `matrix-exponential`.

use math_foundations::matrix_exponential::{matrix_exponential, one_norm, taylor_exponential};
use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/scaling_and_squaring.rs"]
mod blank;
#[path = "../../solutions/scaling_and_squaring.rs"]
mod solution;

type Taylor = fn(&DMatrix<f64>) -> DMatrix<f64>;
type Answer = fn(&DMatrix<f64>, Taylor) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("scaling_and_squaring", Level::Core, "ten lines", 15)
        .page("1-math-foundations/matrix-exponential")
        .hints([
            "If B = A/2, how does e^A follow from e^B, and with how many products?",
            "You halved A s times: how often do you square, and what do you square the second time?",
        ])
        .notice(
            "What to notice: degree 8 and a norm of 1/2 give eight digits; the page's degree 13 and norm 4.25 give \
             sixteen, with three squarings fewer. Each squaring doubles the relative error so far.",
        )
        .sources(
            include_str!("../../exercises/scaling_and_squaring.rs"),
            include_str!("../../solutions/scaling_and_squaring.rs"),
        )
        .answers::<Answer>(
            check,
            blank::scaling_and_squaring,
            solution::scaling_and_squaring,
            vec![does_not_scale, multiplies_back, forgets_to_square, squares_once_too_often],
        )
}

/// The terms up to A⁸/8!. A matrix that is not finite stays so, for the check to refuse.
fn taylor(a: &DMatrix<f64>) -> DMatrix<f64> {
    taylor_exponential(a, 9).unwrap_or_else(|_| a * f64::NAN)
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let spring = dmatrix![0.0, 1.0; -1.0, -0.4];
    for (a, at) in [
        (DMatrix::zeros(2, 2), "at A = 0"),
        (dmatrix![0.1, -0.2; 0.3, 0.1], "at A = [0.1, -0.2; 0.3, 0.1]"),
        (spring.clone(), "at the spring, t = 1"),
        (&spring * 40.0, "at the spring, t = 40"),
        (dmatrix![0.0, -10.0; 10.0, 0.0], "at a rotation by 10 radians"),
        (dmatrix![1.0, 2.0, 0.0; 0.0, -3.0, 1.0; 2.0, 0.0, 0.5], "at a matrix of three rows"),
    ] {
        // Degree 8 leaves (1/2)⁹/9! = 5e-9, and s ≤ 8 squarings magnify that by 2^s.
        expect_close(at, "e^A", matrix_exponential(&a)?, answer(&a, taylor), 2e-6)?;
    }
    Ok(())
}

fn does_not_scale(a: &DMatrix<f64>, taylor: Taylor) -> DMatrix<f64> {
    taylor(a)
}

fn halvings(a: &DMatrix<f64>) -> i32 {
    (0..).find(|&s| one_norm(a) / 2f64.powi(s) <= 0.5).unwrap_or(0)
}

fn multiplies_back(a: &DMatrix<f64>, taylor: Taylor) -> DMatrix<f64> {
    let scale = 2f64.powi(halvings(a));
    taylor(&(a / scale)) * scale
}

fn forgets_to_square(a: &DMatrix<f64>, taylor: Taylor) -> DMatrix<f64> {
    taylor(&(a / 2f64.powi(halvings(a))))
}

fn squares_once_too_often(a: &DMatrix<f64>, taylor: Taylor) -> DMatrix<f64> {
    let halvings = halvings(a);
    let mut exponential = taylor(&(a / 2f64.powi(halvings)));
    for _ in 0..=halvings {
        exponential = &exponential * &exponential;
    }
    exponential
}
