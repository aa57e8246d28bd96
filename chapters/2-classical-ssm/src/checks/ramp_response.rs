//! Exercise `ramp_response` of the page `responses`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/ramp_response.rs"]
mod blank;
#[path = "../../solutions/ramp_response.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("ramp_response", Level::Core, "five lines", 10)
        .page("2-classical-ssm/responses")
        .hints([
            "The ramp obeys u' = 1: of which three numbers is the future of (x, u, 1) made?",
            "Those three numbers start at (0, 0, 1): which column of the exponential is where they end?",
        ])
        .notice(
            "What to notice: (e^{at} - 1 - at) / a² loses all its digits near a = 0, and the block has no \
             a to divide by. Chapter 3 calls the same entry φ₂ and makes a first-order hold of it.",
        )
        .sources(
            include_str!("../../exercises/ramp_response.rs"),
            include_str!("../../solutions/ramp_response.rs"),
        )
        .answers::<Answer>(
            check,
            blank::ramp_response,
            solution::ramp_response,
            vec![unguarded, guarded_at_zero_only, answers_the_step],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let e = std::f64::consts::E;
    expect_close("at a = 1, b = 2, t = 1", "x", 2.0 * (e - 2.0), answer(1.0, 2.0, 1.0), 1e-12)?;
    expect_close("at a = -1, b = 1, t = 1", "x", 1.0 / e, answer(-1.0, 1.0, 1.0), 1e-12)?;
    expect_close("at a = 0, b = 3, t = 2", "x", 6.0, answer(0.0, 3.0, 2.0), 1e-12)?;
    expect_close("at a = 1e-9, b = 3, t = 2", "x", 6.0, answer(1e-9, 3.0, 2.0), 1e-8)?;
    expect_close("at a = -5, b = 1, t = 0", "x", 0.0, answer(-5.0, 1.0, 0.0), 1e-12)
}

fn unguarded(a: f64, b: f64, t: f64) -> f64 {
    b * ((a * t).exp() - 1.0 - a * t) / (a * a)
}

fn guarded_at_zero_only(a: f64, b: f64, t: f64) -> f64 {
    if a == 0.0 { 0.5 * b * t * t } else { unguarded(a, b, t) }
}

fn answers_the_step(a: f64, b: f64, t: f64) -> f64 {
    if a == 0.0 { b * t } else { b * (a * t).exp_m1() / a }
}
