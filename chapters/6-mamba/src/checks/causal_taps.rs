//! Exercise `causal_taps` of the page `mamba_block`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/causal_taps.rs"]
mod blank;
#[path = "../../solutions/causal_taps.rs"]
mod solution;

type Answer = fn(&[f64], &[f64]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("causal_taps", Level::WarmUp, "four lines", 5)
        .page("6-mamba/mamba-block")
        .hints([
            "At step 0, which taps find nothing to weigh?",
            "If both lists are read from their ends, which numbers meet?",
        ])
        .notice(
            "What to notice: the outcome is as long as the input, and its first number knows of one input alone. A text of one \
             token is no special case, and neither is the first step of a billion.",
        )
        .sources(
            include_str!("../../exercises/causal_taps.rs"),
            include_str!("../../solutions/causal_taps.rs"),
        )
        .answers::<Answer>(
            check,
            blank::causal_taps,
            solution::causal_taps,
            vec![first_tap_first, looks_ahead, waits_for_all_taps],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let expect = |u: &[f64], taps: &[f64], expected: &[f64]| {
        let at = format!("at u = {u:?}, taps = {taps:?}");
        expect_close(at, "the outcome", expected.to_vec(), answer(u, taps), 1e-12)
    };
    expect(&[1.0, 10.0, 100.0], &[0.0, 2.0], &[2.0, 20.0, 200.0])?;
    expect(&[1.0, 10.0, 100.0], &[2.0, 0.0], &[0.0, 2.0, 20.0])?;
    expect(&[1.0, 0.0, 0.0, 0.0, 0.0], &[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0, 0.0])?;
    expect(&[5.0], &[1.0, 2.0, 3.0, 4.0], &[20.0])
}

fn first_tap_first(u: &[f64], taps: &[f64]) -> Vec<f64> {
    let heard = |k: usize| u[..=k].iter().rev().zip(taps);
    (0..u.len()).map(|k| heard(k).map(|(u, tap)| u * tap).sum()).collect()
}

fn looks_ahead(u: &[f64], taps: &[f64]) -> Vec<f64> {
    let heard = |k: usize| u[k..].iter().zip(taps.iter().rev());
    (0..u.len()).map(|k| heard(k).map(|(u, tap)| u * tap).sum()).collect()
}

fn waits_for_all_taps(u: &[f64], taps: &[f64]) -> Vec<f64> {
    u.windows(taps.len()).map(|u| u.iter().zip(taps).map(|(u, tap)| u * tap).sum()).collect()
}
