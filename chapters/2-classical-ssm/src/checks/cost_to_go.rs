//! Exercise `cost_to_go` of the page `feedback`.

use classical_ssm::feedback::solve_discrete_riccati;
use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/cost_to_go.rs"]
mod blank;
#[path = "../../solutions/cost_to_go.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DMatrix<f64>, &DMatrix<f64>, &DMatrix<f64>, usize) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("cost_to_go", Level::Core, "six lines", 15)
        .page("2-classical-ssm/feedback")
        .hints([
            "What does a way of no steps cost, and which of the two matrices changes in each round?",
            "How do you find F without inverting R + Bᵀ Y B?",
        ])
        .notice("What to notice: you walked backwards, one step at a time. Doubling does the same walk in a logarithm of its steps, because two stretches of road make one.")
        .sources(
            include_str!("../../exercises/cost_to_go.rs"),
            include_str!("../../solutions/cost_to_go.rs"),
        )
        .answers::<Answer>(
            check,
            blank::cost_to_go,
            solution::cost_to_go,
            vec![forgets_the_price_of_inputs, never_steers, leaves_the_end_dear],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let one = dmatrix![1.0];
    for (steps, expected) in [(0, 0.0), (1, 1.0), (2, 1.5), (3, 1.6)] {
        let at = format!("at A = B = Q = R = 1, {steps} steps");
        expect_close(at, "X", dmatrix![expected], answer(&one, &one, &one, &one, steps), 1e-14)?;
    }
    let (a, b) = (dmatrix![1.1, 0.2; 0.0, 0.9], dmatrix![0.1; 0.5]);
    let (q, r) = (dmatrix![1.0, 0.2; 0.2, 0.5], dmatrix![0.3]);
    let endless = solve_discrete_riccati(&a, &b, &q, &r)?;
    let found = answer(&a, &b, &q, &r, 200);
    expect_close("at A = [1.1, 0.2; 0, 0.9], 200 steps", "X", endless, found, 1e-10)
}

fn forgets_the_price_of_inputs(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
    steps: usize,
) -> DMatrix<f64> {
    let mut cost = DMatrix::zeros(a.nrows(), a.nrows());
    for _ in 0..steps {
        let price = r + b.transpose() * &cost * b;
        let feedback = price.lu().solve(&(b.transpose() * &cost * a)).expect("R is positive");
        let closed = a - b * feedback;
        cost = q + closed.transpose() * &cost * &closed;
    }
    cost
}

fn never_steers(
    a: &DMatrix<f64>,
    _: &DMatrix<f64>,
    q: &DMatrix<f64>,
    _: &DMatrix<f64>,
    steps: usize,
) -> DMatrix<f64> {
    let nothing = DMatrix::zeros(a.nrows(), a.nrows());
    (0..steps).fold(nothing, |cost, _| q + a.transpose() * cost * a)
}

fn leaves_the_end_dear(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
    steps: usize,
) -> DMatrix<f64> {
    solution::cost_to_go(a, b, q, r, steps + 1)
}
