//! Exercise `mean_growth` of the page `recurrent_networks`.

use nalgebra::{DMatrix, DVector, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, unused_imports, reason = "a blank does not use them yet")]
#[path = "../../exercises/mean_growth.rs"]
mod blank;
#[path = "../../solutions/mean_growth.rs"]
mod solution;

type Answer = fn(&[DMatrix<f64>]) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("mean_growth", Level::Stretch, "eight lines", 10)
        .page("4-ml-links/recurrent-networks")
        .hints([
            "The logarithm of a product is a sum: of which factors, one a step?",
            "What may you do to the vector after each step, if you have written down its length?",
        ])
        .notice(
            "What to notice: nearly every other vector gives nearly the same rate, as the direction that grows most \
             takes over. Keep several directions perpendicular and you have all the exponents.",
        )
        .sources(
            include_str!("../../exercises/mean_growth.rs"),
            include_str!("../../solutions/mean_growth.rs"),
        )
        .answers::<Answer>(
            check,
            blank::mean_growth,
            solution::mean_growth,
            vec![multiplies_them_all, forgets_to_divide, last_step_first],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let found = answer(&[dmatrix![2.0, 0.0; 0.0, 0.0]]);
    expect_close("at one J = diag(2, 0)", "the rate", 2f64.ln() / 2.0, found, 1e-14)?;
    // (1, 1) becomes (3, 1), then (3, 2).
    let two = [dmatrix![1.0, 2.0; 0.0, 1.0], dmatrix![1.0, 0.0; 0.0, 2.0]];
    let at = "at J₁ = [1 2; 0 1], J₂ = diag(1, 2)";
    expect_close(at, "the rate", (13.0 / 2.0_f64).ln() / 4.0, answer(&two), 1e-14)?;
    for size in [3.0_f64, 0.1] {
        let many = vec![DMatrix::identity(4, 4) * size; 2000];
        let at = format!("at 2000 times J = {size} I");
        expect_close(at, "the rate", size.ln(), answer(&many), 1e-12)?;
    }
    Ok(())
}

fn multiplies_them_all(jacobians: &[DMatrix<f64>]) -> f64 {
    let ones = DVector::from_element(jacobians[0].ncols(), 1.0).normalize();
    let grown = jacobians.iter().fold(ones, |v, jacobian| jacobian * v);
    grown.norm().ln() / jacobians.len() as f64
}

fn forgets_to_divide(jacobians: &[DMatrix<f64>]) -> f64 {
    solution::mean_growth(jacobians) * jacobians.len() as f64
}

fn last_step_first(jacobians: &[DMatrix<f64>]) -> f64 {
    solution::mean_growth(&jacobians.iter().rev().cloned().collect::<Vec<_>>())
}
