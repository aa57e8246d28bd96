//! Exercise `dplr_step`, of the page `s4_layer`.

use ml_links::structured_matrices::{ComplexVector, StructuredMatrix};
use nalgebra::{Complex, dvector};
use s4::nplr::Nplr;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/dplr_step.rs"]
mod blank;
#[path = "../../solutions/dplr_step.rs"]
mod solution;

type Parts<'a> = (&'a ComplexVector, &'a ComplexVector, &'a ComplexVector);
type Answer = fn(Parts<'_>, f64, &ComplexVector, f64) -> ComplexVector;

pub fn exercise() -> Exercise {
    Exercise::new("dplr_step", Level::Core, "six lines", 15)
        .page("5-s4/s4-layer")
        .hints([
            "If A were Λ alone: what would each half of the step do to each mode?",
            "Woodbury's identity for (I - Δ/2 Λ) + Δ/2 PP*: which two numbers does it need, and are they real?",
        ])
        .notice(
            "What to notice: two sums over the modes, and everything else is done to each mode alone. The layer goes one step \
             further and puts both sums into one, since (I + Δ/2 A) is 2I - (I - Δ/2 A).",
        )
        .sources(
            include_str!("../../exercises/dplr_step.rs"),
            include_str!("../../solutions/dplr_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::dplr_step,
            solution::dplr_step,
            vec![forgets_the_low_rank, sees_half_of_the_state, goes_forwards_only],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let modes = Nplr::legs(4)?.diagonalize()?.modes;
    let p = modes.p.column(0).into_owned();
    let x = dvector![Complex::new(1.0, -2.0), Complex::new(0.5, 0.25)];
    let (a, b) = modes.both_halves()?;
    for (delta, u) in [(0.1, 0.0), (0.1, 1.0), (2.0, -0.5)] {
        // The matrix, of both halves.
        let (a_bar, b_bar) = a.bilinear(&b, delta)?;
        let expected = a_bar.to_dense() * modes.unfold(&x) + b_bar * Complex::from(u);
        let found = answer((&modes.lambda, &p, &modes.b), delta, &x, u);
        let at = format!("at Δ = {delta}, u = {u}");
        expect_close(at, "x", expected.rows(0, 2).into_owned(), found, 1e-12)?;
    }
    Ok(())
}

fn forgets_the_low_rank(
    (lambda, p, b): Parts<'_>,
    delta: f64,
    x: &ComplexVector,
    u: f64,
) -> ComplexVector {
    solution::dplr_step((lambda, &(p * Complex::ZERO), b), delta, x, u)
}

fn sees_half_of_the_state(
    (lambda, p, b): Parts<'_>,
    delta: f64,
    x: &ComplexVector,
    u: f64,
) -> ComplexVector {
    // P*x without the 2 is that of a P shorter by √2.
    solution::dplr_step((lambda, &(p * Complex::from(0.5_f64.sqrt())), b), delta, x, u)
}

fn goes_forwards_only(
    (lambda, p, b): Parts<'_>,
    delta: f64,
    x: &ComplexVector,
    u: f64,
) -> ComplexVector {
    let velocity =
        lambda.component_mul(x) - p * Complex::from(2.0 * p.dotc(x).re) + b * Complex::from(u);
    x + velocity * Complex::from(delta)
}
