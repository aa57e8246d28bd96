//! Exercise `tokens_a_second` of the page `hardware`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/tokens_a_second.rs"]
mod blank;
#[path = "../../solutions/tokens_a_second.rs"]
mod solution;

type Answer = fn(f64, f64, usize, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("tokens_a_second", Level::Core, "three lines", 10)
        .page("6-mamba/hardware")
        .hints([
            "How many bytes move while the whole batch writes one token each?",
            "And how many tokens are there then?",
        ])
        .notice(
            "What to notice: eight sequences are written in nearly the time of one, for their states are small beside the weights. In an \
             attention model the cache of each grows with every token, and one day it is not.",
        )
        .sources(
            include_str!("../../exercises/tokens_a_second.rs"),
            include_str!("../../solutions/tokens_a_second.rs"),
        )
        .answers::<Answer>(
            check,
            blank::tokens_a_second,
            solution::tokens_a_second,
            vec![one_sequence_only, fetches_weights_for_each, moves_states_once],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases = [
        (1e9, 0.0, 1, 1e10, 10.0),
        (6e8, 1e8, 2, 1e9, 2.0),
        (5e8, 0.0, 8, 1e10, 160.0),
        (0.0, 1e6, 7, 1e9, 500.0),
    ];
    for (weights, states, batch, bandwidth, tokens) in cases {
        let at = format!(
            "at {weights:e} bytes of weights, {states:e} of states, a batch of {batch}, {bandwidth:e} bytes a second"
        );
        expect_close(
            &at,
            "tokens a second",
            tokens,
            answer(weights, states, batch, bandwidth),
            1e-9,
        )?;
    }
    Ok(())
}

fn one_sequence_only(weights: f64, states: f64, batch: usize, bandwidth: f64) -> f64 {
    bandwidth / (weights + 2.0 * states * batch as f64)
}

fn fetches_weights_for_each(weights: f64, states: f64, _: usize, bandwidth: f64) -> f64 {
    bandwidth / (weights + 2.0 * states)
}

fn moves_states_once(weights: f64, states: f64, batch: usize, bandwidth: f64) -> f64 {
    let batch = batch as f64;
    batch * bandwidth / (weights + states * batch)
}
