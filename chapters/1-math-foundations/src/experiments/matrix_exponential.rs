//! The experiment of the page `matrix_exponential`.

use std::error::Error;

use math_foundations::eigendecomposition::eigendecomposition;
use math_foundations::matrix_exponential::{
    exponential_2x2, exponential_by_eigenvectors, exponential_condition_number, matrix_exponential,
    taylor_exponential,
};
use math_foundations::validation::{InputError, positive};
use nalgebra::{DMatrix, Matrix2, dmatrix};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long the spring swings
    #[arg(long, default_value_t = 40.0)]
    time: f64,
    /// How far apart the two eigenvalues are
    #[arg(long, value_delimiter = ',', default_values_t = [1.0, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12])]
    gaps: Vec<f64>,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    spring(options.time)?;
    println!();
    nearly_parallel_eigenvectors(&options.gaps)
}

/// Four ways to e^{At} for one spring, against the formula of a textbook.
fn spring(t: f64) -> Result<(), Box<dyn Error>> {
    if !t.is_finite() {
        return Err(InputError::OutOfRange {
            name: "the time",
            expected: "finite",
            value: t.to_string(),
        }
        .into());
    }
    // Its eigenvalues are -0.2 ± √0.96 i.
    let a = dmatrix![0.0, 1.0; -1.0, -0.4] * t;
    let omega = 0.96f64.sqrt();
    let (decay, cos, sin) = ((-0.2 * t).exp(), (omega * t).cos(), (omega * t).sin() / omega);
    let exact = dmatrix![cos + 0.2 * sin, sin; -sin, cos - 0.2 * sin] * decay;

    println!("The spring x'' + 0.4 x' + x = 0: e^(At) at t = {t}");
    for row in exact.row_iter() {
        println!("    {:>10.3e} {:>10.3e}", row[0], row[1]);
    }
    println!();
    println!("{:<28} {:>9} {:>14}", "computed by", "last term", "relative error");
    let error = |found: &DMatrix<f64>| power_of_ten(relative_error(found, &exact));
    for terms in [20, 40, 60, 80, 100, 120, 140] {
        let way = format!("{terms} terms of the series");
        let last = power_of_ten(last_term(&a, terms));
        println!("{way:<28} {last:>9} {:>14}", error(&taylor_exponential(&a, terms)?));
    }
    let closed = exponential_2x2(&Matrix2::from_column_slice(a.as_slice()))?;
    for (way, found) in [
        ("scaling and squaring", matrix_exponential(&a)?),
        ("eigenvectors", exponential_by_eigenvectors(&a)?),
        ("the closed form", DMatrix::from_column_slice(2, 2, closed.as_slice())),
    ] {
        println!("{way:<38} {:>14}", error(&found));
    }
    Ok(())
}

/// The size of A^{n-1}/(n-1)!, the last of n terms.
fn last_term(a: &DMatrix<f64>, terms: usize) -> f64 {
    let mut term = DMatrix::identity(2, 2);
    for n in 1..terms {
        term = a * term / n as f64;
    }
    term.norm()
}

/// The digits that are left where two eigenvalues, and with them two eigenvectors, come close.
fn nearly_parallel_eigenvectors(gaps: &[f64]) -> Result<(), Box<dyn Error>> {
    println!("Two leaking tanks, the second into the first: e^A for A = [-1, 1; 0, -1 - gap]");
    println!();
    println!("{:>24} {:>33}", "condition number of", "correct digits of e^A by");
    println!(
        "{:>7} {:>8} {:>7} {:>14} {:>20}",
        "gap", "e^A", "V", "eigenvectors", "scaling, squaring"
    );
    for &gap in gaps {
        positive("the gap", gap)?;
        let a = dmatrix![-1.0, 1.0; 0.0, -1.0 - gap];
        let slow = (-1f64).exp();
        // (e^{-1} - e^{-1 - gap}) / gap, without the cancellation.
        let between = slow * -(-gap).exp_m1() / gap;
        let exact = dmatrix![slow, between; 0.0, (-1.0 - gap).exp()];
        println!(
            "{gap:>7.0e} {:>8.1} {:>7.0e} {:>14} {:>20}",
            exponential_condition_number(&a)?,
            eigendecomposition(&a)?.condition_number(),
            match exponential_by_eigenvectors(&a) {
                Ok(found) => digits(relative_error(&found, &exact)),
                Err(_) => "refused".to_owned(),
            },
            digits(relative_error(&matrix_exponential(&a)?, &exact)),
        );
    }
    Ok(())
}

fn relative_error(found: &DMatrix<f64>, exact: &DMatrix<f64>) -> f64 {
    (found - exact).norm() / exact.norm()
}

/// An error is rounding, and only its size means something.
fn power_of_ten(error: f64) -> String {
    if error == 0.0 { "0".to_owned() } else { format!("1e{}", error.log10().round()) }
}

/// How many of the 15 decimal digits of an `f64` are right.
fn digits(error: f64) -> String {
    (-error.log10()).floor().clamp(0.0, f64::from(f64::DIGITS)).to_string()
}
