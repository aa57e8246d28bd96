//! Exercise `largest_step`, of the page `euler`.

use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/largest_step.rs"]
mod blank;
#[path = "../../solutions/largest_step.rs"]
mod solution;

type Answer = fn(&[Complex<f64>]) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("largest_step", Level::Core, "four lines", 10)
        .page("3-discretization/euler")
        .hints([
            "Write λ = a + bi: what is |1 + λΔ|², sorted by powers of Δ?",
            "It is 1 at Δ = 0 and at one other Δ: which one, and which of several eigenvalues has the last word?",
        ])
        .notice(
            "What to notice: the spring with λ = -0.2 ± 0.98i moves as fast as the bucket with λ = -1, and still may take only a fifth of its steps. What rings long needs small steps; what rings for ever, none is small enough.",
        )
        .sources(
            include_str!("../../exercises/largest_step.rs"),
            include_str!("../../solutions/largest_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::largest_step,
            solution::largest_step,
            vec![two_over_the_size, two_over_the_real_part, the_slowest_decides],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let c = Complex::new;
    for (eigenvalues, expected, at) in [
        (vec![c(-1.0, 0.0)], 2.0, "at λ = -1"),
        (vec![c(-4.0, 0.0), c(-1.0, 0.0)], 0.5, "at λ = -4, -1"),
        (vec![c(-1.0, 0.0), c(-1000.0, 0.0)], 0.002, "at λ = -1, -1000"),
        (vec![c(-0.2, 0.96f64.sqrt()), c(-0.2, -(0.96f64.sqrt()))], 0.4, "at λ = -0.2 ± 0.98i"),
        (vec![c(-3.0, 4.0), c(-3.0, -4.0), c(-2.0, 0.0)], 0.24, "at λ = -3 ± 4i, -2"),
        (vec![c(0.0, 1.0), c(0.0, -1.0)], 0.0, "at λ = ±i"),
        (vec![c(-1.0, 0.0), c(0.5, 0.0)], 0.0, "at λ = -1, 0.5"),
    ] {
        expect_close(at, "Δ", expected, answer(&eigenvalues), 1e-12)?;
    }
    Ok(())
}

fn two_over_the_size(eigenvalues: &[Complex<f64>]) -> f64 {
    eigenvalues.iter().map(|lambda| 2.0 / lambda.norm()).fold(f64::INFINITY, f64::min)
}

fn two_over_the_real_part(eigenvalues: &[Complex<f64>]) -> f64 {
    eigenvalues.iter().map(|lambda| (-2.0 / lambda.re).max(0.0)).fold(f64::INFINITY, f64::min)
}

fn the_slowest_decides(eigenvalues: &[Complex<f64>]) -> f64 {
    eigenvalues
        .iter()
        .map(|lambda| (-2.0 * lambda.re / lambda.norm_sqr()).max(0.0))
        .fold(0.0, f64::max)
}
