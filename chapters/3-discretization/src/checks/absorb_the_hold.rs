//! Exercise `absorb_the_hold` of the page `exponential_integrators`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/absorb_the_hold.rs"]
mod blank;
#[path = "../../solutions/absorb_the_hold.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("absorb_the_hold", Level::WarmUp, "one line", 5)
        .page("3-discretization/exponential-integrators")
        .hints([
            "What is the weight of u in a held step, and what is it here?",
            "The ratio of the two is a function of last page: which, and what is it at a = 0?",
        ])
        .notice(
            "What to notice: the answer depends on Δ. A layer with one Δ can learn it; a layer whose Δ changes \
             with the input needs another b at every step.",
        )
        .sources(
            include_str!("../../exercises/absorb_the_hold.rs"),
            include_str!("../../solutions/absorb_the_hold.rs"),
        )
        .answers::<Answer>(
            check,
            blank::absorb_the_hold,
            solution::absorb_the_hold,
            vec![includes_the_step, the_other_way, unguarded, to_first_order],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let found = answer(-1.0, 3.0, 2f64.ln());
    expect_close("at a = -1, b = 3, Δ = ln 2", "b", 1.5 / 2f64.ln(), found, 1e-14)?;
    let found = answer(-2.0, 1.0, 30.0);
    expect_close("at a = -2, b = 1, Δ = 30", "b", 1.0 / 60.0, found, 1e-14)?;
    expect_close("at a = 0, b = 3, Δ = 0.1", "b", 3.0, answer(0.0, 3.0, 0.1), 1e-14)?;
    let found = answer(-1.0, 1.0, 1e-9);
    expect_close("at a = -1, b = 1, Δ = 1e-9", "b", 1.0 - 5e-10, found, 1e-14)
}

fn includes_the_step(a: f64, b: f64, delta: f64) -> f64 {
    delta * solution::absorb_the_hold(a, b, delta)
}

fn the_other_way(a: f64, b: f64, delta: f64) -> f64 {
    b * b / solution::absorb_the_hold(a, b, delta)
}

fn unguarded(a: f64, b: f64, delta: f64) -> f64 {
    ((delta * a).exp() - 1.0) / (delta * a) * b
}

fn to_first_order(a: f64, b: f64, delta: f64) -> f64 {
    (1.0 + delta * a / 2.0) * b
}
