//! Exercise `least_energy` of the page `controllability`.

use classical_ssm::controllability::minimum_energy_input;
use classical_ssm::state_space::StateSpace;
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/least_energy.rs"]
mod blank;
#[path = "../../solutions/least_energy.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DMatrix<f64>, &DVector<f64>, usize) -> DVector<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("least_energy", Level::Core, "eight lines", 15)
        .page("2-classical-ssm/controllability")
        .hints([
            "x_k has seen u_k: how often has A moved the effect of the last input, and how often that of the first?",
            "With all r_k side by side in R, what are W and the list of all u_k as products?",
        ])
        .notice("What to notice: the inputs are Rᵀ times something, a sum of what the rows of R look like. Any input orthogonal to those does not move the state and only costs.")
        .sources(
            include_str!("../../exercises/least_energy.rs"),
            include_str!("../../solutions/least_energy.rs"),
        )
        .answers::<Answer>(
            check,
            blank::least_energy,
            solution::least_energy,
            vec![in_reverse, the_last_counts_not, as_fast_as_possible],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let found = answer(&dmatrix![0.5], &dmatrix![1.0], &dvector![1.25], 2);
    expect_close("at A = 1/2, B = 1, target 1.25, 2 steps", "u", [0.5, 1.0], found, 1e-14)?;
    let (a, b) = (dmatrix![1.0, 0.1; 0.0, 0.9], dmatrix![0.005; 0.1]);
    let target = dvector![1.0, 0.0];
    let steps = StateSpace::discrete(a.clone(), b.clone(), dmatrix![1.0, 0.0], dmatrix![0.0], 0.1)?;
    for count in [2, 5, 20] {
        let found = answer(&a, &b, &target, count);
        let expected =
            minimum_energy_input(&steps, &target, count)?.transpose().column(0).into_owned();
        let at = format!("for a cart moved 1 m in {count} steps");
        expect_close(at, "u", expected, found, 1e-8)?;
    }
    Ok(())
}

fn in_reverse(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    target: &DVector<f64>,
    steps: usize,
) -> DVector<f64> {
    let u = solution::least_energy(a, b, target, steps);
    DVector::from_iterator(steps, u.iter().rev().copied())
}

fn the_last_counts_not(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    target: &DVector<f64>,
    steps: usize,
) -> DVector<f64> {
    solution::least_energy(a, &(a * b), target, steps)
}

/// Arrives, with nothing in the first steps and much in the last N.
fn as_fast_as_possible(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    target: &DVector<f64>,
    steps: usize,
) -> DVector<f64> {
    let n = a.nrows().min(steps);
    let late = solution::least_energy(a, b, target, n);
    DVector::from_fn(steps, |k, _| if k + n < steps { 0.0 } else { late[k + n - steps] })
}
