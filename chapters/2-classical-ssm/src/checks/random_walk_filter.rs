//! Exercise `random_walk_filter` of the page `kalman_filter`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/random_walk_filter.rs"]
mod blank;
#[path = "../../solutions/random_walk_filter.rs"]
mod solution;

type Answer = fn(f64, f64, &[Option<f64>]) -> Vec<(f64, f64)>;

pub fn exercise() -> Exercise {
    Exercise::new("random_walk_filter", Level::Core, "ten lines", 15)
        .page("2-classical-ssm/kalman-filter")
        .hints([
            "What happens to mean and variance when the number takes a step that you do not see?",
            "What is left of a step when its measurement is missing?",
        ])
        .notice("What to notice: nothing special happens in the dark. Prediction goes on, correction stops, and the first measurement afterwards counts for more because the doubt has grown.")
        .sources(
            include_str!("../../exercises/random_walk_filter.rs"),
            include_str!("../../solutions/random_walk_filter.rs"),
        )
        .answers::<Answer>(
            check,
            blank::random_walk_filter,
            solution::random_walk_filter,
            vec![stops_in_the_dark, takes_missing_for_zero, measures_before_the_step],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let measured = [Some(3.0), None, None, Some(-1.0), Some(0.5)];
    // By hand, with process 1 and noise 2: gains 1/2, 2/3 and 7/13.
    let expected =
        [(1.5, 1.0), (1.5, 2.0), (1.5, 3.0), (-1.0 / 6.0, 4.0 / 3.0), (5.0 / 26.0, 14.0 / 13.0)];
    let found = answer(1.0, 2.0, &measured);
    if found.len() != expected.len() {
        return Err(Mismatch::new("at five steps", "five pairs", format!("{} pairs", found.len())));
    }
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        let at = format!("at process 1, noise 2, step {k}");
        expect_close(&at, "the mean", expected.0, found.0, 1e-8)?;
        expect_close(&at, "the variance", expected.1, found.1, 1e-8)?;
    }
    Ok(())
}

fn stops_in_the_dark(process: f64, noise: f64, measurements: &[Option<f64>]) -> Vec<(f64, f64)> {
    let (mut mean, mut variance) = (0.0, 1.0);
    let step = |measurement: &Option<f64>| {
        if let Some(y) = measurement {
            variance += process;
            let gain = variance / (variance + noise);
            mean += gain * (y - mean);
            variance *= 1.0 - gain;
        }
        (mean, variance)
    };
    measurements.iter().map(step).collect()
}

fn takes_missing_for_zero(
    process: f64,
    noise: f64,
    measurements: &[Option<f64>],
) -> Vec<(f64, f64)> {
    let filled: Vec<_> = measurements.iter().map(|y| Some(y.unwrap_or(0.0))).collect();
    solution::random_walk_filter(process, noise, &filled)
}

fn measures_before_the_step(
    process: f64,
    noise: f64,
    measurements: &[Option<f64>],
) -> Vec<(f64, f64)> {
    let (mut mean, mut variance) = (0.0, 1.0);
    let step = |measurement: &Option<f64>| {
        if let Some(y) = measurement {
            let gain = variance / (variance + noise);
            mean += gain * (y - mean);
            variance *= 1.0 - gain;
        }
        variance += process;
        (mean, variance)
    };
    measurements.iter().map(step).collect()
}
