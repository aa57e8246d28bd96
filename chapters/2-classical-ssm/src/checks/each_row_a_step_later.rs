//! Exercise `each_row_a_step_later` of the page `realization`.

use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/each_row_a_step_later.rs"]
mod blank;
#[path = "../../solutions/each_row_a_step_later.rs"]
mod solution;

type Answer = fn(&[f64]) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("each_row_a_step_later", Level::WarmUp, "three lines", 5)
        .page("2-classical-ssm/realization")
        .hints([
            "The last entry, below on the right, is the last number: what are its i and j?",
            "Rows and columns together are one more than there are numbers: how many of each for 5 numbers, and for 4?",
        ])
        .notice("What to notice: n numbers fill a matrix of about n²/4. It says nothing new, but its rank can be asked for.")
        .sources(
            include_str!("../../exercises/each_row_a_step_later.rs"),
            include_str!("../../solutions/each_row_a_step_later.rs"),
        )
        .answers::<Answer>(
            check,
            blank::each_row_a_step_later,
            solution::each_row_a_step_later,
            vec![each_row_a_step_earlier, goes_round, leaves_the_last],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let compare = |kernel: &[f64], expected: DMatrix<f64>| {
        expect_close(format!("at {kernel:?}"), "H", expected, answer(kernel), 1e-15)
    };
    compare(&[8.0, 4.0, 2.0], dmatrix![8.0, 4.0; 4.0, 2.0])?;
    compare(&[1.0, 2.0, 3.0, 5.0], dmatrix![1.0, 2.0; 2.0, 3.0; 3.0, 5.0])?;
    compare(&[7.0], dmatrix![7.0])?;
    compare(&[1.0, 1.0, 2.0, 3.0, 5.0], dmatrix![1.0, 1.0, 2.0; 1.0, 2.0, 3.0; 2.0, 3.0, 5.0])
}

fn each_row_a_step_earlier(kernel: &[f64]) -> DMatrix<f64> {
    let n = kernel.len().div_ceil(2);
    DMatrix::from_fn(kernel.len() + 1 - n, n, |i, j| if j < i { 0.0 } else { kernel[j - i] })
}

fn goes_round(kernel: &[f64]) -> DMatrix<f64> {
    let n = kernel.len();
    DMatrix::from_fn(n, n, |i, j| kernel[(i + j) % n])
}

fn leaves_the_last(kernel: &[f64]) -> DMatrix<f64> {
    solution::each_row_a_step_later(&kernel[..kernel.len().saturating_sub(1).max(1)])
}
