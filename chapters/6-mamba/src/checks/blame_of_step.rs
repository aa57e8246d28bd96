//! Exercise `blame_of_step` of the page `selective_scan`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/blame_of_step.rs"]
mod blank;
#[path = "../../solutions/blame_of_step.rs"]
mod solution;

type Answer = fn(f64, f64, &[f64], &[f64], &[f64], &[f64]) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("blame_of_step", Level::Core, "six lines", 15)
        .page("6-mamba/selective-scan")
        .hints([
            "If the token took a little longer, by how much would each state end elsewhere?",
            "And if s were a little larger, by how much longer would the token take?",
        ])
        .notice(
            "What to notice: a x e^{Δa} + b u is the speed at which the state moves at the end of the token. A step that is too short \
             is blamed by how fast the state still moves, and by nothing else.",
        )
        .sources(
            include_str!("../../exercises/blame_of_step.rs"),
            include_str!("../../solutions/blame_of_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::blame_of_step,
            solution::blame_of_step,
            vec![forgets_softplus, forgets_the_input, forgets_that_it_decayed],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let found = answer(0.0, 2.0, &[0.0], &[1.0], &[5.0], &[1.0]);
    expect_close("at s = 0, a = 0, b u = 2", "∂L/∂s", 1.0, found, 1e-12)?;
    let found = answer(0.0, 0.0, &[-1.0], &[1.0], &[4.0], &[1.0]);
    expect_close("at s = 0, a = -1, no input", "∂L/∂s", -1.0, found, 1e-12)?;
    // By a difference from both sides.
    let (s, u, a, b) = (0.7, -1.3, [-0.5, -2.0, 0.3], [1.0, -0.4, 0.2]);
    let (before, lambda) = ([0.6, -1.1, 2.0], [0.9, 0.3, -0.8]);
    let loss = |s: f64| -> f64 {
        let delta = s.exp().ln_1p();
        let end = |n: usize| (delta * a[n]).exp() * before[n] + delta * b[n] * u;
        (0..3).map(|n| lambda[n] * end(n)).sum()
    };
    let difference = (loss(s + 1e-5) - loss(s - 1e-5)) / 2e-5;
    let found = answer(s, u, &a, &b, &before, &lambda);
    expect_close("for three states", "∂L/∂s", difference, found, 1e-8)
}

fn speed(s: f64, u: f64, a: f64, b: f64, before: f64) -> f64 {
    a * (s.exp().ln_1p() * a).exp() * before + b * u
}

fn forgets_softplus(s: f64, u: f64, a: &[f64], b: &[f64], x: &[f64], lambda: &[f64]) -> f64 {
    (0..a.len()).map(|n| lambda[n] * speed(s, u, a[n], b[n], x[n])).sum()
}

fn forgets_the_input(s: f64, _: f64, a: &[f64], b: &[f64], x: &[f64], lambda: &[f64]) -> f64 {
    solution::blame_of_step(s, 0.0, a, b, x, lambda)
}

fn forgets_that_it_decayed(s: f64, u: f64, a: &[f64], b: &[f64], x: &[f64], lambda: &[f64]) -> f64 {
    let slope = 1.0 / (1.0 + (-s).exp());
    (0..a.len()).map(|n| slope * lambda[n] * (a[n] * x[n] + b[n] * u)).sum()
}
