//! Exercise `second_order_d`, of the page `accuracy-and-stability`.

use classical_ssm::state_space::StateSpace;
use discretization::accuracy_and_stability::{
    Discretization, Signal, exact_outputs, fitted_order, stepped_outputs,
};
use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/second_order_d.rs"]
mod blank;
#[path = "../../solutions/second_order_d.rs"]
mod solution;

type Matrix = DMatrix<f64>;
type Answer = fn(&Matrix, &Matrix, &Matrix, f64) -> Matrix;

pub fn exercise() -> Exercise {
    Exercise::new("second_order_d", Level::WarmUp, "one line", 8)
        .page("3-discretization/accuracy-and-stability")
        .hints([
            "By how much is y_k too large, if x_k is too large by Δ/2 B u_k?",
            "Which of C, x_k, D and u_k may you change, and so where does the correction go?",
        ])
        .notice(
            "What to notice: a layer with a trainable D can learn this term by itself. Mamba's first-order rule \
             is of second order then, for one channel and a constant step.",
        )
        .sources(
            include_str!("../../exercises/second_order_d.rs"),
            include_str!("../../solutions/second_order_d.rs"),
        )
        .answers::<Answer>(
            check,
            blank::second_order_d,
            solution::second_order_d,
            vec![adds_it, forgets_the_half, leaves_d],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (a, b) = (dmatrix![-0.5, 2.0; -2.0, -0.5], dmatrix![1.0; 0.3]);
    let (c, d) = (dmatrix![0.7, -1.0], dmatrix![0.2]);
    let flow = StateSpace::continuous(a, b.clone(), c.clone(), d.clone())?;
    let (mut deltas, mut errors) = (Vec::new(), Vec::new());
    for count in [64, 128, 256] {
        let delta = 4.0 / f64::from(count);
        let mut rule = Discretization::ExponentialEuler.discretize(&flow, delta)?;
        rule.d = answer(&b, &c, &d, delta);
        let expected = &d - &c * &b * (0.5 * delta);
        expect_close(format!("at Δ = {delta}"), "D", expected, rule.d.clone(), 1e-14)?;
        let exact = exact_outputs(&flow, Signal::Sine(1.0), delta, count as usize)?;
        let found = stepped_outputs(&rule, Signal::Sine(1.0), count as usize)?;
        let off = exact.iter().zip(&found).map(|(y, found)| (y - found).amax());
        deltas.push(delta);
        errors.push(off.fold(0.0, f64::max));
    }
    let order = fitted_order(&deltas, &errors).unwrap_or(0.0);
    expect_close("as Δ falls from 1/16 to 1/64", "the order", 2.0, order, 0.05)
}

fn adds_it(b: &Matrix, c: &Matrix, d: &Matrix, delta: f64) -> Matrix {
    d + c * b * (0.5 * delta)
}

fn forgets_the_half(b: &Matrix, c: &Matrix, d: &Matrix, delta: f64) -> Matrix {
    d - c * b * delta
}

fn leaves_d(_: &Matrix, _: &Matrix, d: &Matrix, _: f64) -> Matrix {
    d.clone()
}
