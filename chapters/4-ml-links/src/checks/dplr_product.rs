//! Exercise `dplr_product`, of the page `structured_matrices`.

use ml_links::structured_matrices::{Dplr, StructuredMatrix};
use nalgebra::{Complex, DMatrix, DVector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/dplr_product.rs"]
mod blank;
#[path = "../../solutions/dplr_product.rs"]
mod solution;

type Numbers<'a> = &'a [Complex<f64>];
type Answer = fn(Numbers, Numbers, Numbers, Numbers) -> Vec<Complex<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("dplr_product", Level::WarmUp, "two lines", 5)
        .page("4-ml-links/structured-matrices")
        .hints([
            "In which order do you multiply p, q* and x, so that no N x N matrix is ever made?",
            "What single number does q* see of x?",
        ])
        .notice(
            "What to notice: this is one step of S4's state. The low-rank part costs as much as the diagonal one, \
             because it looks at the state through a single number.",
        )
        .sources(
            include_str!("../../exercises/dplr_product.rs"),
            include_str!("../../solutions/dplr_product.rs"),
        )
        .answers::<Answer>(
            check,
            blank::dplr_product,
            solution::dplr_product,
            vec![forgets_to_conjugate, adds_the_low_rank, trades_p_and_q],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for size in [1, 2, 5] {
        let numbers = |phase: f64| -> Vec<Complex<f64>> {
            let number = |n| Complex::from_polar(1.0 + 0.3 * n as f64, phase + 0.7 * n as f64);
            (0..size).map(number).collect()
        };
        let (lambda, p, q, x) = (numbers(2.0), numbers(0.3), numbers(1.1), numbers(-0.4));
        let column = |numbers: Numbers| DMatrix::from_column_slice(size, 1, numbers);
        let expected = Dplr::new(DVector::from(lambda.clone()), column(&p), column(&q))
            .and_then(|a| a.matvec(&DVector::from(x.clone())))?;
        let found = answer(&lambda, &p, &q, &x);
        expect_close(format!("at N = {size}"), "y", expected, found, 1e-13)?;
    }
    Ok(())
}

fn forgets_to_conjugate(l: Numbers, p: Numbers, q: Numbers, x: Numbers) -> Vec<Complex<f64>> {
    let q: Vec<_> = q.iter().map(|q| q.conj()).collect();
    solution::dplr_product(l, p, &q, x)
}

fn adds_the_low_rank(l: Numbers, p: Numbers, q: Numbers, x: Numbers) -> Vec<Complex<f64>> {
    let p: Vec<_> = p.iter().map(|p| -p).collect();
    solution::dplr_product(l, &p, q, x)
}

fn trades_p_and_q(l: Numbers, p: Numbers, q: Numbers, x: Numbers) -> Vec<Complex<f64>> {
    solution::dplr_product(l, q, p, x)
}
