//! Exercise `legs_product` of the page `hippo`.

use nalgebra::DVector;
use s4::hippo::{Measure, hippo};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/legs_product.rs"]
mod blank;
#[path = "../../solutions/legs_product.rs"]
mod solution;

type Answer = fn(&[f64]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("legs_product", Level::Core, "six lines", 10)
        .page("5-s4/hippo")
        .hints([
            "Row n sums √(2k+1) x_k over k < n. What of that has row n - 1 summed already?",
            "What would stand on the diagonal if the rule below it held there too, and what does?",
        ])
        .notice(
            "What to notice: below the diagonal A is one column times one row. That is what makes a step cheap here, and \
             what the next pages use to make a kernel cheap.",
        )
        .sources(
            include_str!("../../exercises/legs_product.rs"),
            include_str!("../../solutions/legs_product.rs"),
        )
        .answers::<Answer>(
            check,
            blank::legs_product,
            solution::legs_product,
            vec![diagonal_as_below, sums_from_the_other_end, without_the_minus],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    expect_close("for x = (1)", "A x", [-1.0], answer(&[1.0]), 1e-13)?;
    for x in [vec![1.0, 0.0], vec![0.0, 1.0], vec![0.5, -1.0, 2.0, 0.25, -3.0]] {
        let memory = hippo(Measure::LegS, x.len())?;
        let expected = memory.a() * DVector::from_row_slice(&x);
        expect_close(format!("for x = {x:?}"), "A x", expected, answer(&x), 1e-13)?;
    }
    Ok(())
}

fn diagonal_as_below(x: &[f64]) -> Vec<f64> {
    let right = solution::legs_product(x);
    right.iter().zip(x).enumerate().map(|(n, (y, x))| y - n as f64 * x).collect()
}

fn sums_from_the_other_end(x: &[f64]) -> Vec<f64> {
    // The transpose of A.
    let mut sum = 0.0;
    let mut rows: Vec<f64> = Vec::with_capacity(x.len());
    for (n, x_n) in x.iter().enumerate().rev() {
        let root = ((2 * n + 1) as f64).sqrt();
        rows.push(-((n + 1) as f64) * x_n - root * sum);
        sum += root * x_n;
    }
    rows.reverse();
    rows
}

fn without_the_minus(x: &[f64]) -> Vec<f64> {
    solution::legs_product(x).iter().map(|y| -y).collect()
}
