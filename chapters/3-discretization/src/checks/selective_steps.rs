//! Exercise `selective_steps` of the page `exponential_integrators`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/selective_steps.rs"]
mod blank;
#[path = "../../solutions/selective_steps.rs"]
mod solution;

type Answer = fn(f64, &[(f64, f64, f64)]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("selective_steps", Level::Core, "eight lines", 10)
        .page("3-discretization/exponential-integrators")
        .hints([
            "Which two numbers does a step need from the step before it?",
            "Whose Δ and whose λ weigh the old input: those of its own token, or of the new one?",
        ])
        .notice(
            "What to notice: the old input is added before the decay and the new one after it. Add both to the \
             state and you have a scan with one term; chapter 7 does so to make Mamba-3 run on Mamba-2's machinery.",
        )
        .sources(
            include_str!("../../exercises/selective_steps.rs"),
            include_str!("../../solutions/selective_steps.rs"),
        )
        .answers::<Answer>(
            check,
            blank::selective_steps,
            solution::selective_steps,
            vec![keeps_the_old_input_whole, swaps_the_ends, remembers_the_old_step],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let ln_2 = 2f64.ln();
    let found = answer(-1.0, &[(ln_2, 1.0, 4.0), (ln_2, 1.0, 0.0)]);
    let expected = vec![4.0 * ln_2, 2.0 * ln_2];
    expect_close("at a = -1, Δ = ln 2, λ = 1, v = 4, 0", "x", expected, found, 1e-14)?;
    let found = answer(-1.0, &[(ln_2, 0.5, 4.0), (2.0 * ln_2, 0.25, 8.0), (0.0, 0.5, 3.0)]);
    // 4/2 ln 2; a quarter of it, and of 3/4 · 2 ln 2 · 4, and 1/4 · 2 ln 2 · 8; no time, no change.
    let expected = vec![2.0 * ln_2, (0.5 + 1.5 + 4.0) * ln_2, 6.0 * ln_2];
    let at = "at a = -1, tokens (ln 2, 1/2, 4), (2 ln 2, 1/4, 8), (0, 1/2, 3)";
    expect_close(at, "x", expected, found, 1e-14)?;
    expect_close("at no tokens", "x", Vec::<f64>::new(), answer(-1.0, &[]), 1e-14)
}

fn keeps_the_old_input_whole(a: f64, tokens: &[(f64, f64, f64)]) -> Vec<f64> {
    run(a, tokens, |decay, delta, lambda, _| [(1.0 - lambda) * delta, lambda * delta, decay])
}

fn swaps_the_ends(a: f64, tokens: &[(f64, f64, f64)]) -> Vec<f64> {
    run(a, tokens, |decay, delta, lambda, _| {
        [lambda * delta * decay, (1.0 - lambda) * delta, decay]
    })
}

fn remembers_the_old_step(a: f64, tokens: &[(f64, f64, f64)]) -> Vec<f64> {
    run(a, tokens, |decay, delta, lambda, old| {
        [(1.0 - lambda) * old * decay, lambda * delta, decay]
    })
}

fn run(
    a: f64,
    tokens: &[(f64, f64, f64)],
    weights: impl Fn(f64, f64, f64, f64) -> [f64; 3],
) -> Vec<f64> {
    let (mut x, mut before, mut old) = (0.0, 0.0, 0.0);
    let step = |&(delta, lambda, now): &(f64, f64, f64)| {
        let [beta, gamma, alpha] = weights((delta * a).exp(), delta, lambda, old);
        x = alpha * x + beta * before + gamma * now;
        (before, old) = (now, delta);
        x
    };
    tokens.iter().map(step).collect()
}
