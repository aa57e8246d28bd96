//! Exercise `matrix_of_the_shift` of the page `realization`.

use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/matrix_of_the_shift.rs"]
mod blank;
#[path = "../../solutions/matrix_of_the_shift.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, usize) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("matrix_of_the_shift", Level::Core, "four lines", 15)
        .page("2-classical-ssm/realization")
        .hints([
            "Leave out the first block, or leave out the last: what turns the second of these into the first?",
            "X A = Y with a tall X: which square system has the least-squares solution?",
        ])
        .notice("What to notice: A is the shift by one step, seen in the coordinates of the state. Nothing else of the data was needed to find it.")
        .sources(
            include_str!("../../exercises/matrix_of_the_shift.rs"),
            include_str!("../../solutions/matrix_of_the_shift.rs"),
        )
        .answers::<Answer>(
            check,
            blank::matrix_of_the_shift,
            solution::matrix_of_the_shift,
            vec![shifts_by_one_row, the_other_way_round, transposed],
        )
}

fn seen(a: &DMatrix<f64>, c: &DMatrix<f64>, blocks: usize) -> DMatrix<f64> {
    let p = c.nrows();
    let mut rows = DMatrix::zeros(blocks * p, a.nrows());
    let mut block = c.clone();
    for k in 0..blocks {
        rows.rows_mut(k * p, p).copy_from(&block);
        block *= a;
    }
    rows
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let a = dmatrix![0.9, 0.2; -0.3, 0.8];
    let found = answer(&seen(&a, &dmatrix![1.0, 0.0], 4), 1);
    expect_close("at one output, 4 steps", "A", a.clone(), found, 1e-12)?;
    let c = dmatrix![1.0, 0.0; 0.5, -1.0];
    let found = answer(&seen(&a, &c, 3), 2);
    expect_close("at two outputs, 3 steps", "A", a, found, 1e-12)?;
    // 4, 2, 1.1: no number turns both 4 into 2 and 2 into 1.1; the best is (8 + 2.2) / 20.
    let found = answer(&dmatrix![4.0; 2.0; 1.1], 1);
    expect_close("at (4; 2; 1.1)", "A", dmatrix![0.51], found, 1e-12)
}

fn shifts_by_one_row(o: &DMatrix<f64>, _: usize) -> DMatrix<f64> {
    solution::matrix_of_the_shift(o, 1)
}

fn the_other_way_round(o: &DMatrix<f64>, outputs: usize) -> DMatrix<f64> {
    let a = solution::matrix_of_the_shift(o, outputs);
    a.clone().try_inverse().unwrap_or(a)
}

fn transposed(o: &DMatrix<f64>, outputs: usize) -> DMatrix<f64> {
    let a = solution::matrix_of_the_shift(o, outputs);
    if a.nrows() > 1 { a.transpose() } else { a }
}
