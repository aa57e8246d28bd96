//! Exercise `undo`, of the page `structured_matrices`.

use ml_links::structured_matrices::{Semiseparable, StructuredMatrix};
use nalgebra::{DMatrix, DVector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/undo.rs"]
mod blank;
#[path = "../../solutions/undo.rs"]
mod solution;

type Answer = fn(&[f64], &[f64], &[f64], &[f64]) -> Option<Vec<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("undo", Level::Stretch, "ten lines", 15)
        .page("4-ml-links/structured-matrices")
        .hints([
            "If you knew x_{k-1}, which two numbers would y_k be made of, and which of them is unknown?",
            "Once u_k is known, what must happen to the state before the next step?",
        ])
        .notice(
            "What to notice: the inverse of the matrix of a recurrence is the matrix of a recurrence. What the model \
             did in L steps is undone in L steps, and no L x L matrix was in sight.",
        )
        .sources(include_str!("../../exercises/undo.rs"), include_str!("../../solutions/undo.rs"))
        .answers::<Answer>(
            check,
            blank::undo,
            solution::undo,
            vec![forgets_the_past, keeps_before_it_reads, divides_by_zero],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (a, b, c) =
        ([0.3, 0.5, -0.9, 0.0, 1.0], [1.0, -2.0, 0.5, 1.0, 3.0], [2.0, 1.0, 4.0, -1.0, 0.5]);
    let u = [1.0, -1.0, 0.5, 2.0, 0.0];
    for length in [0, 1, 3, 5] {
        let (a, b, c, u) = (&a[..length], &b[..length], &c[..length], &u[..length]);
        let at = format!("at a = {a:?}, b = {b:?}, c = {c:?}");
        let y = if length == 0 {
            DVector::zeros(0)
        } else {
            let row = |numbers: &[f64]| DMatrix::from_row_slice(1, length, numbers);
            Semiseparable::new(row(a), row(b), row(c))?.matvec(&DVector::from_column_slice(u))?
        };
        match answer(a, b, c, y.as_slice()) {
            Some(found) => expect_close(at, "u", u.to_vec(), found, 1e-13)?,
            None => return Err(Mismatch::new(at, "inputs", "None")),
        }
    }
    let at = "at b = [1, 0], where the second input goes nowhere";
    expect_equal(at, "u", None, answer(&[0.5, 0.5], &[1.0, 0.0], &[1.0, 1.0], &[1.0, 0.5]))
}

fn forgets_the_past(_: &[f64], b: &[f64], c: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    solution::undo(&vec![0.0; b.len()], b, c, y)
}

fn keeps_before_it_reads(a: &[f64], b: &[f64], c: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    // The state lags: each step keeps by the factor of the one before.
    let late: Vec<f64> = std::iter::once(1.0).chain(a.iter().copied()).take(a.len()).collect();
    solution::undo(&late, b, c, y)
}

fn divides_by_zero(a: &[f64], b: &[f64], c: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    solution::undo(a, b, c, y).or_else(|| Some(vec![f64::INFINITY; y.len()]))
}
