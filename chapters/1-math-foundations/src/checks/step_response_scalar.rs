//! Exercise `step_response_scalar` of the page `linear_systems`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/step_response_scalar.rs"]
mod blank;
#[path = "../../solutions/step_response_scalar.rs"]
mod solution;

type Answer = fn(f64, f64, f64, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("step_response_scalar", Level::WarmUp, "three lines", 5)
        .page("1-math-foundations/linear-systems")
        .hints([
            "With a = 0 nothing decays: for how long has the push been adding up?",
            "With a = 1e-12, how many digits of e^{at} - 1 are left, and what does f64::exp_m1 do?",
        ])
        .notice(
            "What to notice: (e^{at} - 1) / a is smooth at a = 0, only its formula is not. Chapter 3 \
             meets it again as the zero-order hold, chapter 6 inside every Mamba.",
        )
        .sources(
            include_str!("../../exercises/step_response_scalar.rs"),
            include_str!("../../solutions/step_response_scalar.rs"),
        )
        .answers::<Answer>(
            check,
            blank::step_response_scalar,
            solution::step_response_scalar,
            vec![unguarded, guarded_at_zero_only, forgets_the_start, never_forgets_the_start],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let found = answer(-1.0, 2.0, 3.0, 0.0, 2.0_f64.ln());
    expect_close("at a = -1, b = 2, u = 3, x(0) = 0, t = ln 2", "x", 3.0, found, 1e-12)?;
    let found = answer(-1.0, 2.0, 3.0, 8.0, 2.0_f64.ln());
    expect_close("at a = -1, b = 2, u = 3, x(0) = 8, t = ln 2", "x", 7.0, found, 1e-12)?;
    let found = answer(0.5, 1.0, -1.0, 4.0, 2.0 * 2.0_f64.ln());
    expect_close("at a = 1/2, b = 1, u = -1, x(0) = 4, t = 2 ln 2", "x", 6.0, found, 1e-12)?;
    let found = answer(0.0, 2.0, 3.0, 1.0, 4.0);
    expect_close("at a = 0, b = 2, u = 3, x(0) = 1, t = 4", "x", 25.0, found, 1e-12)?;
    let found = answer(1e-12, 2.0, 3.0, 0.0, 4.0);
    expect_close("at a = 1e-12, b = 2, u = 3, x(0) = 0, t = 4", "x", 24.0, found, 1e-9)?;
    let found = answer(-7.0, 1.0, 1.0, 5.0, 0.0);
    expect_close("at a = -7, b = 1, u = 1, x(0) = 5, t = 0", "x", 5.0, found, 1e-12)
}

fn unguarded(a: f64, b: f64, u: f64, x0: f64, t: f64) -> f64 {
    (a * t).exp() * x0 + ((a * t).exp() - 1.0) / a * b * u
}

fn guarded_at_zero_only(a: f64, b: f64, u: f64, x0: f64, t: f64) -> f64 {
    if a == 0.0 { x0 + t * b * u } else { unguarded(a, b, u, x0, t) }
}

fn forgets_the_start(a: f64, b: f64, u: f64, _x0: f64, t: f64) -> f64 {
    solution::step_response_scalar(a, b, u, 0.0, t)
}

fn never_forgets_the_start(a: f64, b: f64, u: f64, x0: f64, t: f64) -> f64 {
    x0 + solution::step_response_scalar(a, b, u, 0.0, t)
}
