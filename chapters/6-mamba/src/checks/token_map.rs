//! Exercise `token_map` of the page `selective_scan`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/token_map.rs"]
mod blank;
#[path = "../../solutions/token_map.rs"]
mod solution;

type Answer = fn(f64, f64, f64, f64, f64) -> (f64, f64);

pub fn exercise() -> Exercise {
    Exercise::new("token_map", Level::WarmUp, "three lines", 5)
        .page("6-mamba/selective-scan")
        .hints([
            "Softplus is ln(1 + eˢ). What does eˢ do at s = 800, and how did chapter 4 write it?",
            "In which of the two numbers does the token's step stand in an exponent, and in which as a factor?",
        ])
        .notice(
            "What to notice: the map is known as soon as the token is, before any state. That is all that chapter 4's scans ask for.",
        )
        .sources(
            include_str!("../../exercises/token_map.rs"),
            include_str!("../../solutions/token_map.rs"),
        )
        .answers::<Answer>(
            check,
            blank::token_map,
            solution::token_map,
            vec![forgets_the_bias, takes_the_raw_step, holds_the_input, overflows],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let expect = |at: &str, found: (f64, f64), scale: f64, shift: f64| {
        expect_close(at, "the scale", scale, found.0, 1e-12)?;
        expect_close(at, "the shift", shift, found.1, 1e-12)
    };
    let ln_2 = 2_f64.ln();
    let found = answer(0.0, 0.0, -1.0, 1.0, 3.0);
    expect("at δ = 0, a = -1, u = 3", found, 0.5, 3.0 * ln_2)?;
    let found = answer(1.0, -1.0, -2.0, 0.5, 4.0);
    expect("at δ = 1 with a bias of -1, a = -2", found, 0.25, 2.0 * ln_2)?;
    let found = answer(800.0, 0.0, -1.0, 1.0, 1.0);
    expect("at δ = 800, a step of 800", found, 0.0, 800.0)?;
    let found = answer(-3.0, -2.0, 0.0, 2.0, 1.0);
    expect("at a = 0, where nothing decays", found, 1.0, 2.0 * (-5.0_f64).exp().ln_1p())
}

fn softplus(s: f64) -> f64 {
    s.max(0.0) + (-s.abs()).exp().ln_1p()
}

fn forgets_the_bias(delta: f64, _: f64, a: f64, b: f64, u: f64) -> (f64, f64) {
    ((softplus(delta) * a).exp(), softplus(delta) * b * u)
}

fn takes_the_raw_step(delta: f64, bias: f64, a: f64, b: f64, u: f64) -> (f64, f64) {
    let step = delta + bias;
    ((step * a).exp(), step * b * u)
}

fn holds_the_input(delta: f64, bias: f64, a: f64, b: f64, u: f64) -> (f64, f64) {
    let step = softplus(delta + bias);
    let held = if a == 0.0 { step } else { (step * a).exp_m1() / a };
    ((step * a).exp(), held * b * u)
}

fn overflows(delta: f64, bias: f64, a: f64, b: f64, u: f64) -> (f64, f64) {
    let step = (1.0 + (delta + bias).exp()).ln();
    ((step * a).exp(), step * b * u)
}
