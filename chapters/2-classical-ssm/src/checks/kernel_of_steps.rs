//! Exercise `kernel_of_steps` of the page `responses`.

use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/kernel_of_steps.rs"]
mod blank;
#[path = "../../solutions/kernel_of_steps.rs"]
mod solution;

type Matrix = DMatrix<f64>;
type Answer = fn(&Matrix, &Matrix, &Matrix, &Matrix, usize) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("kernel_of_steps", Level::WarmUp, "eight lines", 10)
        .page("2-classical-ssm/responses")
        .hints([
            "What is x_0, if the state was 0 and has seen u_0 = 1?",
            "After step 0 there is no input: by what is the state multiplied, and does D still matter?",
        ])
        .notice(
            "What to notice: K̄_0 is C B + D, because our state has seen its input. Control texts begin \
             with D alone. Chapter 4 convolves with this kernel, chapter 5 computes it without the loop.",
        )
        .sources(
            include_str!("../../exercises/kernel_of_steps.rs"),
            include_str!("../../solutions/kernel_of_steps.rs"),
        )
        .answers::<Answer>(
            check,
            blank::kernel_of_steps,
            solution::kernel_of_steps,
            vec![forgets_d, begins_like_control_texts, adds_d_always],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let kernel = answer(&dmatrix![0.5], &dmatrix![2.0], &dmatrix![3.0], &dmatrix![1.0], 4);
    expect("at A = 0.5, B = 2, C = 3, D = 1", &[7.0, 3.0, 1.5, 0.75], &kernel)?;
    let quarter_turn = dmatrix![0.0, -1.0; 1.0, 0.0];
    let (b, c) = (dmatrix![1.0; 0.0], dmatrix![1.0, 2.0]);
    let kernel = answer(&quarter_turn, &b, &c, &dmatrix![0.0], 5);
    expect("for a quarter of a turn a step", &[1.0, 2.0, -1.0, -2.0, 1.0], &kernel)?;
    let kernel = answer(&quarter_turn, &b, &c, &dmatrix![0.0], 0);
    expect("for a length of 0", &[], &kernel)
}

fn expect(at: &str, expected: &[f64], found: &[f64]) -> Result<(), Mismatch> {
    if expected.len() != found.len() {
        let (expected, found) = (expected.len(), found.len());
        return Err(Mismatch::new(at, format!("{expected} numbers"), format!("{found}")));
    }
    for (k, (expected, found)) in expected.iter().zip(found).enumerate() {
        expect_close(at, &format!("K̄_{k}"), *expected, *found, 1e-12)?;
    }
    Ok(())
}

fn forgets_d(a: &Matrix, b: &Matrix, c: &Matrix, _d: &Matrix, length: usize) -> Vec<f64> {
    solution::kernel_of_steps(a, b, c, &dmatrix![0.0], length)
}

fn begins_like_control_texts(
    a: &Matrix,
    b: &Matrix,
    c: &Matrix,
    d: &Matrix,
    length: usize,
) -> Vec<f64> {
    let late = solution::kernel_of_steps(a, b, c, &dmatrix![0.0], length);
    [d[0]].into_iter().chain(late).take(length).collect()
}

fn adds_d_always(a: &Matrix, b: &Matrix, c: &Matrix, d: &Matrix, length: usize) -> Vec<f64> {
    forgets_d(a, b, c, d, length).into_iter().map(|entry| entry + d[0]).collect()
}
