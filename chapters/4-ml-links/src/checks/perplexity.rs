//! Exercise `perplexity`, of the page `language_model`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/perplexity.rs"]
mod blank;
#[path = "../../solutions/perplexity.rs"]
mod solution;

type Answer = fn(&[f64]) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("perplexity", Level::WarmUp, "one line", 5)
        .page("4-ml-links/language-model")
        .hints([
            "How many bits does a character cost that had the probability 1/8?",
            "Which mean of 1/p is 2 to the power of the mean of its logarithm?",
        ])
        .notice(
            "What to notice: one character to which the model gave probability 0 makes all others worthless. A model \
             that is to be judged by its perplexity must never say never.",
        )
        .sources(
            include_str!("../../exercises/perplexity.rs"),
            include_str!("../../solutions/perplexity.rs"),
        )
        .answers::<Answer>(
            check,
            blank::perplexity,
            solution::perplexity,
            vec![mean_of_the_odds, odds_of_the_mean, forgets_the_mean, mixes_the_bases],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    expect_close("for 1/8, 1/8, 1/8", "perplexity", 8.0, answer(&[0.125; 3]), 1e-12)?;
    expect_close("for 1/2, 1/8", "perplexity", 4.0, answer(&[0.5, 0.125]), 1e-12)?;
    expect_close("for 1, 1/4", "perplexity", 2.0, answer(&[1.0, 0.25]), 1e-12)?;
    let impossible = answer(&[0.5, 0.0]);
    expect_close("for 1/2, 0", "1 / perplexity", 0.0, 1.0 / impossible, 0.0)
}

fn mean_of_the_odds(p: &[f64]) -> f64 {
    p.iter().map(|p| 1.0 / p).sum::<f64>() / p.len() as f64
}

fn odds_of_the_mean(p: &[f64]) -> f64 {
    p.len() as f64 / p.iter().sum::<f64>()
}

fn forgets_the_mean(p: &[f64]) -> f64 {
    1.0 / p.iter().product::<f64>()
}

fn mixes_the_bases(p: &[f64]) -> f64 {
    (-p.iter().map(|p| p.ln()).sum::<f64>() / p.len() as f64).exp2()
}
