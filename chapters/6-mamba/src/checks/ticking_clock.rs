//! Exercise `ticking_clock` of the page `selection`.

use mamba::selection::Clock;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[path = "../../exercises/ticking_clock.rs"]
mod blank;
#[path = "../../solutions/ticking_clock.rs"]
mod solution;

type Answer = fn() -> (f64, f64);

pub fn exercise() -> Exercise {
    Exercise::new("ticking_clock", Level::WarmUp, "three lines", 5)
        .page("6-mamba/selection")
        .hints([
            "What is left of ln(1 + e^s) where s is far below 0?",
            "For which s is ln(1 + e^s) = 1, and what must the weight add to the bias to get there?",
        ])
        .notice(
            "What to notice: Δ is never 0, and need not be. A clock that runs by 4e-18 a step has lost nothing after a billion \
             billion steps of noise, and its slope by the weights, which training has to go by, is as small: who begins there learns nothing.",
        )
        .sources(
            include_str!("../../exercises/ticking_clock.rs"),
            include_str!("../../solutions/ticking_clock.rs"),
        )
        .answers::<Answer>(
            check,
            blank::ticking_clock,
            solution::ticking_clock,
            vec![takes_the_sum_for_one, stops_at_zero, is_turned_round],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (weight, bias) = answer();
    let clock = Clock { weight, bias };
    expect_close("at a token", "Δ", 1.0, clock.delta(1.0), 1e-12)?;
    let noise = clock.delta(0.0);
    if noise < 1e-12 { Ok(()) } else { Err(Mismatch::new("at noise", "Δ below 1e-12", noise)) }
}

fn takes_the_sum_for_one() -> (f64, f64) {
    (41.0, -40.0)
}

fn stops_at_zero() -> (f64, f64) {
    ((std::f64::consts::E - 1.0).ln(), 0.0)
}

fn is_turned_round() -> (f64, f64) {
    let (weight, bias) = solution::ticking_clock();
    (-weight, weight + bias)
}
