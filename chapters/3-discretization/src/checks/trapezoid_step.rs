//! Exercise `trapezoid_step`, of the page `bilinear`.

use classical_ssm::state_space::StateSpace;
use discretization::bilinear::bilinear;
use nalgebra::{dmatrix, dvector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/trapezoid_step.rs"]
mod blank;
#[path = "../../solutions/trapezoid_step.rs"]
mod solution;

type Answer = fn(f64, f64, f64, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("trapezoid_step", Level::Core, "three lines", 10)
        .page("3-discretization/bilinear")
        .hints([
            "Write down x_new = x + Δ/2 (velocity before + velocity after): in which of its terms does x_new stand?",
            "With all of those on the left, what is x_new multiplied by?",
        ])
        .notice(
            "What to notice: the two inputs enter as their sum. With u the same at both ends this is S4's discretization, and with u = 0 the factor (1 + λΔ/2)/(1 - λΔ/2) has the size 1 for every imaginary λ.",
        )
        .sources(
            include_str!("../../exercises/trapezoid_step.rs"),
            include_str!("../../solutions/trapezoid_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::trapezoid_step,
            solution::trapezoid_step,
            vec![leaves_the_end_out, forgets_the_half, sees_one_input],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (lambda, delta, x, u_previous, u) in [
        (0.0, 0.1, 1.0, 2.0, 4.0),
        (-1.0, 0.5, 1.0, 0.0, 0.0),
        (-1.0, 0.5, 0.0, 1.0, 0.0),
        (-1.0, 0.5, 0.0, 0.0, 1.0),
        (-1000.0, 2.0, 1.0, 0.5, -0.5),
        (3.0, 0.1, -2.0, 1.0, 1.0),
    ] {
        let bucket =
            StateSpace::continuous(dmatrix![lambda], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
        let states =
            bilinear(&bucket, delta)?.run(&dvector![x], &dvector![u_previous], &[dvector![u]])?;
        let at = format!("at λ = {lambda}, Δ = {delta}, x = {x}, u = {u_previous} then {u}");
        expect_close(at, "x", states[0][0], answer(lambda, delta, x, u_previous, u), 1e-12)?;
    }
    Ok(())
}

fn leaves_the_end_out(lambda: f64, delta: f64, x: f64, u_previous: f64, u: f64) -> f64 {
    x + 0.5 * delta * (lambda * x + u_previous + u)
}

fn forgets_the_half(lambda: f64, delta: f64, x: f64, u_previous: f64, u: f64) -> f64 {
    (x + delta * (lambda * x + u_previous + u)) / (1.0 - delta * lambda)
}

fn sees_one_input(lambda: f64, delta: f64, x: f64, _u_previous: f64, u: f64) -> f64 {
    (x + 0.5 * delta * lambda * x + delta * u) / (1.0 - 0.5 * delta * lambda)
}
