//! Exercise `carry_over` of the page `linear_state_space_layer`.

use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/carry_over.rs"]
mod blank;
#[path = "../../solutions/carry_over.rs"]
mod solution;

type Answer = fn((&DMatrix<f64>, &DMatrix<f64>), &[f64], &DVector<f64>) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("carry_over", Level::Core, "six lines", 10)
        .page("4-ml-links/linear-state-space-layer")
        .hints([
            "If nothing came in, what would the state be after the first step of the chunk, and what would be read of it?",
            "Two starts, two inputs: why may the answers be added?",
        ])
        .notice(
            "What to notice: the correction knows nothing of the inputs. It can be computed while the convolution still runs.",
        )
        .sources(
            include_str!("../../exercises/carry_over.rs"),
            include_str!("../../solutions/carry_over.rs"),
        )
        .answers::<Answer>(
            check,
            blank::carry_over,
            solution::carry_over,
            vec![one_step_late, only_the_first_output, ignores_the_state],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let y = answer((&dmatrix![0.5], &dmatrix![3.0]), &[0.0, 0.0, 1.0], &dvector![8.0]);
    expect_close("at a = 0.5, c = 3, x = 8", "y", [12.0, 6.0, 4.0], y, 1e-14)?;
    // A spring, in two ways: all at once, and cut in the middle.
    let (a, b, c) = (dmatrix![0.9, 0.4; -0.4, 0.7], dmatrix![0.1; 0.5], dmatrix![1.0, 0.5]);
    let u: Vec<f64> = (0..12).map(|k| f64::from(k * k % 5) - 2.0).collect();
    let run = |u: &[f64], mut x: DVector<f64>| {
        let step = |u_k: &f64| {
            x = &a * &x + b.column(0) * *u_k;
            (&c * &x)[0]
        };
        let y: Vec<f64> = u.iter().map(step).collect();
        (y, x)
    };
    let (whole, _) = run(&u, DVector::zeros(2));
    let (_, x) = run(&u[..5], DVector::zeros(2));
    let (from_rest, _) = run(&u[5..], DVector::zeros(2));
    let y = answer((&a, &c), &from_rest, &x);
    expect_close("for a spring, cut after 5 steps", "y", whole[5..].to_vec(), y, 1e-14)
}

fn one_step_late(
    (a, c): (&DMatrix<f64>, &DMatrix<f64>),
    from_rest: &[f64],
    x: &DVector<f64>,
) -> Vec<f64> {
    let mut x = x.clone();
    let echo = |y_k: &f64| {
        let y_k = y_k + (c * &x)[0];
        x = a * &x;
        y_k
    };
    from_rest.iter().map(echo).collect()
}

fn only_the_first_output(
    (a, c): (&DMatrix<f64>, &DMatrix<f64>),
    from_rest: &[f64],
    x: &DVector<f64>,
) -> Vec<f64> {
    let mut y = from_rest.to_vec();
    if let Some(first) = y.first_mut() {
        *first += (c * a * x)[0];
    }
    y
}

fn ignores_the_state(
    _: (&DMatrix<f64>, &DMatrix<f64>),
    from_rest: &[f64],
    _: &DVector<f64>,
) -> Vec<f64> {
    from_rest.to_vec()
}
