//! Exercise `leak_direction`, of the page `nplr`.

use s4::nplr::Nplr;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/leak_direction.rs"]
mod blank;
#[path = "../../solutions/leak_direction.rs"]
mod solution;

type Answer = fn(usize) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("leak_direction", Level::WarmUp, "one line", 5)
        .page("5-s4/nplr")
        .hints([
            "What has to be added to the entry in row n, column k, and what above the diagonal, so that the two are opposite?",
            "If p_n p_k is half of √(2n+1)√(2k+1) for every n and k, what is p_n?",
        ])
        .notice(
            "What to notice: p is the input direction divided by √2. The part of HiPPO-LegS that is not normal is the part \
             that compares what comes in with what is there.",
        )
        .sources(
            include_str!("../../exercises/leak_direction.rs"),
            include_str!("../../solutions/leak_direction.rs"),
        )
        .answers::<Answer>(
            check,
            blank::leak_direction,
            solution::leak_direction,
            vec![input_direction, half_of_it, counts_from_one],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for d_state in [1, 2, 5] {
        let expected = Nplr::legs(d_state)?.p().column(0).into_owned();
        expect_close(format!("at N = {d_state}"), "p", expected, answer(d_state), 1e-13)?;
    }
    Ok(())
}

fn input_direction(d_state: usize) -> Vec<f64> {
    (0..d_state).map(|n| (2.0 * n as f64 + 1.0).sqrt()).collect()
}

/// Right beside a second vector twice as long.
fn half_of_it(d_state: usize) -> Vec<f64> {
    input_direction(d_state).into_iter().map(|b| 0.5 * b).collect()
}

fn counts_from_one(d_state: usize) -> Vec<f64> {
    (1..=d_state).map(|n| (n as f64 + 0.5).sqrt()).collect()
}
