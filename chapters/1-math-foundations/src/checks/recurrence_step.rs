//! Exercise `recurrence_step`, of the page `introduction`.

use math_foundations::introduction::{LinearRecurrence, random_orthogonal, random_tokens};
use nalgebra::{DMatrix, DVector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/recurrence_step.rs"]
mod blank;
#[path = "../../solutions/recurrence_step.rs"]
mod solution;

type Matrix = DMatrix<f64>;
type Vector = DVector<f64>;
type Answer = fn(&Matrix, &Matrix, &Matrix, &Vector, &mut Vector) -> Vector;

pub fn exercise() -> Exercise {
    Exercise::new("recurrence_step", Level::WarmUp, "two lines", 5)
        .page("introduction")
        .hints([
            "Which of the two equations has to come first, if y_k is to see u_k?",
            "`x` is a `&mut DVector`: what does `*x = …` assign, and how do you read it as `&*x`?",
        ])
        .notice(
            "What to notice: these two lines run S4 and Mamba too. Everything the course adds \
             decides what Ā, B̄ and C should be, and how to run many steps at once.",
        )
        .sources(
            include_str!("../../exercises/recurrence_step.rs"),
            include_str!("../../solutions/recurrence_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::recurrence_step,
            solution::recurrence_step,
            vec![answers_before_looking, forgets_the_past, adds_to_the_state, leaves_the_state],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (n, m, p) = (3, 2, 1);
    let a_bar = 0.9 * random_orthogonal(n, 1);
    let b_bar = DMatrix::from_columns(&random_tokens(m, n, 1.0, 2));
    let c = DMatrix::from_columns(&random_tokens(n, p, 1.0, 3));
    let recurrence = LinearRecurrence::new(a_bar.clone(), b_bar.clone(), c.clone())?;
    let (mut expected_x, mut x) = (DVector::zeros(n), DVector::zeros(n));
    for (k, u_k) in random_tokens(4, m, 1.0, 4).iter().enumerate() {
        let expected_y = recurrence.step(u_k, &mut expected_x)?;
        let y = answer(&a_bar, &b_bar, &c, u_k, &mut x);
        let at = format!("at k = {k}");
        expect_close(&at, "x", &expected_x, &x, 1e-12)?;
        expect_close(&at, "y", &expected_y, &y, 1e-12)?;
    }
    Ok(())
}

fn answers_before_looking(
    a: &Matrix,
    b: &Matrix,
    c: &Matrix,
    u: &Vector,
    x: &mut Vector,
) -> Vector {
    let y = c * &*x;
    *x = a * &*x + b * u;
    y
}

fn forgets_the_past(_: &Matrix, b: &Matrix, c: &Matrix, u: &Vector, x: &mut Vector) -> Vector {
    *x = b * u;
    c * &*x
}

fn adds_to_the_state(a: &Matrix, b: &Matrix, c: &Matrix, u: &Vector, x: &mut Vector) -> Vector {
    *x += a * &*x + b * u;
    c * &*x
}

fn leaves_the_state(a: &Matrix, b: &Matrix, c: &Matrix, u: &Vector, x: &mut Vector) -> Vector {
    c * (a * &*x + b * u)
}
