//! Exercise `spread_steps`, of the page `parameterization`.

use ml_links::parameterization::{inverse_softplus, softplus};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/spread_steps.rs"]
mod blank;
#[path = "../../solutions/spread_steps.rs"]
mod solution;

type Answer = fn(f64, f64, usize) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("spread_steps", Level::Core, "four lines", 10)
        .page("4-ml-links/parameterization")
        .hints([
            "If every step is longer by the same factor, what is the third of five steps from 0.01 to 100?",
            "The inverse of ln(1 + e^raw) is ln(e^Δ - 1). What is left of its digits at Δ = 1e-12, and what of it at 1000? \
             Which power of e can be taken out of the bracket?",
        ])
        .notice(
            "What to notice: even factors, not even differences. A channel with Δ = 0.001 remembers for thousands of steps, \
             one with 0.1 for tens; drawn evenly, nine tenths of the channels would be of the second kind.",
        )
        .sources(
            include_str!("../../exercises/spread_steps.rs"),
            include_str!("../../solutions/spread_steps.rs"),
        )
        .answers::<Answer>(
            check,
            blank::spread_steps,
            solution::spread_steps,
            vec![even_differences, forgets_the_inverse, loses_digits],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (least, most, count) in
        [(0.001, 0.1, 3), (0.01, 100.0, 5), (0.5, 1000.0, 4), (1e-12, 1e-3, 10)]
    {
        let found = answer(least, most, count);
        let factor = (most / least).powf(1.0 / (count - 1) as f64);
        let deltas = (0..count).map(|i| least * factor.powi(i as i32));
        let at = format!("with Δ from {least} to {most} in {count} channels");
        let raw: Vec<f64> = deltas.clone().map(inverse_softplus).collect();
        expect_close(&at, "raw", raw, found.clone(), 1e-9)?;
        let ratio: Vec<f64> =
            found.iter().zip(deltas).map(|(&raw, delta)| softplus(raw) / delta).collect();
        expect_close(&at, "Δ / what it should be", vec![1.0; count], ratio, 1e-9)?;
    }
    Ok(())
}

fn even_differences(least: f64, most: f64, count: usize) -> Vec<f64> {
    let share = |i: usize| i as f64 / (count - 1) as f64;
    (0..count).map(|i| inverse_softplus(least + share(i) * (most - least))).collect()
}

fn forgets_the_inverse(least: f64, most: f64, count: usize) -> Vec<f64> {
    solution::spread_steps(least, most, count).into_iter().map(softplus).collect()
}

fn loses_digits(least: f64, most: f64, count: usize) -> Vec<f64> {
    let delta = |raw: f64| softplus(raw);
    solution::spread_steps(least, most, count)
        .into_iter()
        .map(|raw| (delta(raw).exp() - 1.0).ln())
        .collect()
}
