//! Exercise `normed_step` of the page `sequence_model`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/normed_step.rs"]
mod blank;
#[path = "../../solutions/normed_step.rs"]
mod solution;

type Answer = fn(&[f64]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("normed_step", Level::WarmUp, "four lines", 5)
        .page("5-s4/sequence-model")
        .hints([
            "What is left of a step if its mean is taken from every channel?",
            "By what must numbers be divided for the mean of their squares to become 1?",
        ])
        .notice(
            "What to notice: a step ten times as loud comes out the same. So whatever the blocks before have piled up, \
             the next memory hears it at one volume, and the sum that runs past it keeps the loudness for itself.",
        )
        .sources(
            include_str!("../../exercises/normed_step.rs"),
            include_str!("../../solutions/normed_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::normed_step,
            solution::normed_step,
            vec![all_but_one, by_the_variance, keeps_the_mean, without_a_floor],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let expect = |x: &[f64], expected: &[f64]| {
        expect_close(format!("at x = {x:?}"), "the outcome", expected.to_vec(), answer(x), 1e-12)
    };
    // Variance 1: only the small number under the root is left.
    let one = 1.0 / (1.0_f64 + 1e-5).sqrt();
    expect(&[1.0, 3.0], &[-one, one])?;
    expect(&[5.0, 5.0, 5.0], &[0.0, 0.0, 0.0])?;
    // Distances -2, 0, 2: variance 8/3.
    let two = 2.0 / (8.0_f64 / 3.0 + 1e-5).sqrt();
    expect(&[98.0, 100.0, 102.0], &[-two, 0.0, two])
}

fn moments(x: &[f64]) -> (f64, f64) {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    (mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64)
}

fn all_but_one(x: &[f64]) -> Vec<f64> {
    let (mean, variance) = moments(x);
    let variance = variance * x.len() as f64 / (x.len() - 1) as f64;
    x.iter().map(|x| (x - mean) / (variance + 1e-5).sqrt()).collect()
}

fn by_the_variance(x: &[f64]) -> Vec<f64> {
    let (mean, variance) = moments(x);
    x.iter().map(|x| (x - mean) / (variance + 1e-5)).collect()
}

fn keeps_the_mean(x: &[f64]) -> Vec<f64> {
    let (_, variance) = moments(x);
    x.iter().map(|x| x / (variance + 1e-5).sqrt()).collect()
}

fn without_a_floor(x: &[f64]) -> Vec<f64> {
    let (mean, variance) = moments(x);
    x.iter().map(|x| (x - mean) / variance.sqrt()).collect()
}
