//! Exercise `remember_input`, of the page `sampling`.

use discretization::sampling::Recurrence;
use nalgebra::{DMatrix, DVector, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/remember_input.rs"]
mod blank;
#[path = "../../solutions/remember_input.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DMatrix<f64>, &DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>);

pub fn exercise() -> Exercise {
    Exercise::new("remember_input", Level::Core, "eight lines", 15)
        .page("3-discretization/sampling")
        .hints([
            "If the lower part of the old state X_{k-1} is u_{k-1}, which block of A multiplies it, and what has to come out?",
            "What must the lower part of X_k be, and does anything of X_{k-1} go into it?",
        ])
        .notice(
            "What to notice: the price of a weight on the previous input is M numbers in the state, and M eigenvalues at 0. Where inputs are held, nobody has to pay: the two weights add up to one.",
        )
        .sources(
            include_str!("../../exercises/remember_input.rs"),
            include_str!("../../solutions/remember_input.rs"),
        )
        .answers::<Answer>(
            check,
            blank::remember_input,
            solution::remember_input,
            vec![adds_the_weights, swaps_the_weights, keeps_the_input_for_ever],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases = [
        (dmatrix![0.5], dmatrix![0.25], dmatrix![0.125], "at Ā = 0.5, B̄ = 0.25, B̄₋ = 0.125"),
        (
            dmatrix![0.9, 0.2; -0.2, 0.8],
            dmatrix![0.0; 0.1],
            dmatrix![0.05; 0.2],
            "at two states, one input",
        ),
        (
            dmatrix![0.3, 0.0; 0.4, 0.5],
            dmatrix![1.0, 0.0, 2.0; 0.5, -1.0, 0.0],
            dmatrix![0.0, 3.0, 1.0; 1.0, 0.0, -2.0],
            "at two states, three inputs",
        ),
    ];
    for (a_bar, b_bar, b_bar_previous, at) in cases {
        let (n, m) = b_bar.shape();
        let (a, b) = answer(&a_bar, &b_bar, &b_bar_previous);
        expect_equal(at, "the shape of A", (n + m, n + m), a.shape())?;
        expect_equal(at, "the shape of B", (n + m, m), b.shape())?;
        let u: Vec<DVector<f64>> = (0..5)
            .map(|k| DVector::from_fn(m, |i, _| f64::from(k * k) - 2.0 * i as f64 + 1.0))
            .collect();
        let rule = Recurrence {
            a_bar,
            c: DMatrix::identity(n, n),
            d: DMatrix::zeros(n, m),
            delta: 1.0,
            b_bar,
            b_bar_previous,
        };
        let expected = rule.simulate(&u)?;
        let mut x = DVector::zeros(n + m);
        for (k, (u_k, x_k)) in u.iter().zip(expected).enumerate() {
            x = &a * x + &b * u_k;
            expect_close(format!("{at}, k = {k}"), "x", x_k, x.rows(0, n).into_owned(), 1e-12)?;
        }
    }
    Ok(())
}

fn adds_the_weights(
    a_bar: &DMatrix<f64>,
    b_bar: &DMatrix<f64>,
    b_bar_previous: &DMatrix<f64>,
) -> (DMatrix<f64>, DMatrix<f64>) {
    solution::remember_input(a_bar, &(b_bar + b_bar_previous), &(b_bar_previous * 0.0))
}

fn swaps_the_weights(
    a_bar: &DMatrix<f64>,
    b_bar: &DMatrix<f64>,
    b_bar_previous: &DMatrix<f64>,
) -> (DMatrix<f64>, DMatrix<f64>) {
    solution::remember_input(a_bar, b_bar_previous, b_bar)
}

fn keeps_the_input_for_ever(
    a_bar: &DMatrix<f64>,
    b_bar: &DMatrix<f64>,
    b_bar_previous: &DMatrix<f64>,
) -> (DMatrix<f64>, DMatrix<f64>) {
    let (n, m) = b_bar.shape();
    let (mut a, b) = solution::remember_input(a_bar, b_bar, b_bar_previous);
    a.view_mut((n, n), (m, m)).fill_with_identity();
    (a, b)
}
