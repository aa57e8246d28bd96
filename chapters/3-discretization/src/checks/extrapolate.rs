//! Exercise `extrapolate`, of the page `compare`.

use classical_ssm::state_space::StateSpace;
use discretization::accuracy_and_stability::{
    Discretization, Signal, exact_outputs, stepped_outputs,
};
use nalgebra::dmatrix;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/extrapolate.rs"]
mod blank;
#[path = "../../solutions/extrapolate.rs"]
mod solution;

type Answer = fn(f64, f64, u32) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("extrapolate", Level::WarmUp, "one line", 8)
        .page("3-discretization/compare")
        .hints([
            "If y is the answer and fine = y + e, what is coarse, for p = 1?",
            "Subtract the two: by which factor is fine - coarse larger than the error that is left?",
        ])
        .notice(
            "What to notice: two runs of the trapezoid, extrapolated, are a rule of order four. Richardson did \
             this by hand in 1911; it asks only that the error be a power of the step.",
        )
        .sources(
            include_str!("../../exercises/extrapolate.rs"),
            include_str!("../../solutions/extrapolate.rs"),
        )
        .answers::<Answer>(
            check,
            blank::extrapolate,
            solution::extrapolate,
            vec![takes_the_mean, forgets_the_order, goes_the_wrong_way],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    expect_close("at 5 + 3Δ, Δ = 1", "y", 5.0, answer(8.0, 6.5, 1), 1e-12)?;
    expect_close("at 5 + 3Δ², Δ = 1", "y", 5.0, answer(8.0, 5.75, 2), 1e-12)?;
    expect_close("at -1 + Δ⁴, Δ = 2", "y", -1.0, answer(15.0, 0.0, 4), 1e-12)?;

    // A spring under sin t by the trapezoid, after 4 s in 40 and in 80 steps.
    let (a, b) = (dmatrix![0.0, 1.0; -1.0, -0.4], dmatrix![0.0; 1.0]);
    let spring = StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0])?;
    let last = |count: usize| -> Result<f64, Mismatch> {
        let rule = Discretization::Bilinear.discretize(&spring, 4.0 / count as f64)?;
        Ok(stepped_outputs(&rule, Signal::Sine(1.0), count)?[count][0])
    };
    let exact = exact_outputs(&spring, Signal::Sine(1.0), 4.0, 1)?[1][0];
    let found = answer(last(40)?, last(80)?, 2);
    expect_close("of a spring by the trapezoid, Δ = 0.1", "y(4)", exact, found, 1e-6)
}

fn takes_the_mean(coarse: f64, fine: f64, _: u32) -> f64 {
    0.5 * (coarse + fine)
}

fn forgets_the_order(coarse: f64, fine: f64, _: u32) -> f64 {
    2.0 * fine - coarse
}

fn goes_the_wrong_way(coarse: f64, fine: f64, order: u32) -> f64 {
    fine - (fine - coarse) / (2f64.powi(order as i32) - 1.0)
}
