//! Exercise `cart_feedback` of the page `feedback`.

use math_foundations::eigendecomposition::eigenvalues;
use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/cart_feedback.rs"]
mod blank;
#[path = "../../solutions/cart_feedback.rs"]
mod solution;

type Answer = fn(f64, f64) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("cart_feedback", Level::WarmUp, "one line", 5)
        .page("2-classical-ssm/feedback")
        .hints([
            "What is A - B F, written out, and what is the determinant of sI minus it?",
            "Which two numbers does (s - first)(s - second) put in front of s and of 1?",
        ])
        .notice("What to notice: the first number of F is a spring, the second a damper. A feedback builds parts that are not there.")
        .sources(
            include_str!("../../exercises/cart_feedback.rs"),
            include_str!("../../solutions/cart_feedback.rs"),
        )
        .answers::<Answer>(
            check,
            blank::cart_feedback,
            solution::cart_feedback,
            vec![wrong_sign, swapped],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (first, second) in [(-1.0, -2.0), (-3.0, -3.0), (-0.5, 4.0)] {
        let at = format!("at the poles {first} and {second}");
        let found = answer(first, second);
        let expected = dmatrix![first * second, -(first + second)];
        expect_close(&at, "F", expected, found.clone(), 1e-12)?;
        let closed = dmatrix![0.0, 1.0; 0.0, 0.0] - dmatrix![0.0; 1.0] * found;
        let sum: f64 = eigenvalues(&closed)?.iter().map(|pole| pole.re).sum();
        expect_close(&at, "the sum of the poles of A - B F", first + second, sum, 1e-7)?;
    }
    Ok(())
}

fn wrong_sign(first: f64, second: f64) -> DMatrix<f64> {
    dmatrix![first * second, first + second]
}

fn swapped(first: f64, second: f64) -> DMatrix<f64> {
    dmatrix![-(first + second), first * second]
}
