//! Exercise `phase_margin` of the page `frequency_response`.

use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/phase_margin.rs"]
mod blank;
#[path = "../../solutions/phase_margin.rs"]
mod solution;

type Answer = fn(&dyn Fn(f64) -> Complex<f64>, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("phase_margin", Level::Core, "eight lines", 15)
        .page("2-classical-ssm/frequency-response")
        .hints([
            "On which side of the crossing is a frequency whose gain is above 1?",
            "By how much must G be turned back until it is -1, and what is the angle of -G?",
        ])
        .notice(
            "What to notice: halving needs no slope and no luck, but it needs to know that there is one \
             crossing. That is what the eigenvalues of the Hamiltonian matrix are for.",
        )
        .sources(
            include_str!("../../exercises/phase_margin.rs"),
            include_str!("../../solutions/phase_margin.rs"),
        )
        .answers::<Answer>(
            check,
            blank::phase_margin,
            solution::phase_margin,
            vec![forgets_the_half_turn, stops_too_early, margin_from_the_wrong_side],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let s = |omega: f64| Complex::new(0.0, omega);
    let integrator = |omega: f64| 3.0 / s(omega);
    expect_close("for 3 / s", "the margin", 90.0, answer(&integrator, 0.1, 10.0), 1e-7)?;
    let lag = |omega: f64| 2.0 / (s(omega) + 1.0);
    expect_close("for 2 / (s + 1)", "the margin", 120.0, answer(&lag, 0.1, 10.0), 1e-7)?;
    // |G| = 1 at √3, where each of the three lags takes 60° and the margin is gone.
    let three = |omega: f64| 8.0 / (s(omega) + 1.0).powi(3);
    expect_close("for 8 / (s + 1)³", "the margin", 0.0, answer(&three, 0.1, 10.0), 1e-7)?;
    let four = |omega: f64| 16.0 / (s(omega) + 1.0).powi(4);
    expect_close("for 16 / (s + 1)⁴", "the margin", -60.0, answer(&four, 0.1, 10.0), 1e-7)
}

fn forgets_the_half_turn(g: &dyn Fn(f64) -> Complex<f64>, low: f64, high: f64) -> f64 {
    solution::phase_margin(g, low, high) - 180.0
}

fn stops_too_early(g: &dyn Fn(f64) -> Complex<f64>, low: f64, high: f64) -> f64 {
    let middle = 0.5 * (low + high);
    if g(middle).norm() > 1.0 {
        (-g(high)).arg().to_degrees()
    } else {
        (-g(low)).arg().to_degrees()
    }
}

fn margin_from_the_wrong_side(g: &dyn Fn(f64) -> Complex<f64>, low: f64, high: f64) -> f64 {
    -solution::phase_margin(g, low, high)
}
