//! Exercise `pad_batch` of the page `linear_state_space_layer`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/pad_batch.rs"]
mod blank;
#[path = "../../solutions/pad_batch.rs"]
mod solution;

type Answer = fn(&[Vec<f64>]) -> Vec<Vec<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("pad_batch", Level::WarmUp, "five lines", 5)
        .page("4-ml-links/linear-state-space-layer")
        .hints([
            "What does a step with an input of 0 do to a state at rest, and what to any other?",
            "So on which side of a sequence may silence stand?",
        ])
        .notice(
            "What to notice: a convolution does not care, its outputs are the same, shifted. It is the state that does.",
        )
        .sources(
            include_str!("../../exercises/pad_batch.rs"),
            include_str!("../../solutions/pad_batch.rs"),
        )
        .answers::<Answer>(
            check,
            blank::pad_batch,
            solution::pad_batch,
            vec![at_the_end, repeats_the_first, cuts_to_the_shortest],
        )
}

/// x_k = 0.9 x_{k-1} + u_k, from rest.
fn end_state(u: &[f64]) -> f64 {
    u.iter().fold(0.0, |x, u_k| 0.9 * x + u_k)
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let sequences = [vec![1.0, 2.0, 3.0, 4.0], vec![5.0], vec![-1.0, 0.5], vec![]];
    let batch = answer(&sequences);
    expect_equal("for four sequences", "the size of the batch", sequences.len(), batch.len())?;
    for (sequence, padded) in sequences.iter().zip(&batch) {
        let at = format!("for {sequence:?} in a batch whose longest has 4");
        expect_equal(&at, "the length", 4, padded.len())?;
        expect_close(&at, "the state at the end", end_state(sequence), end_state(padded), 1e-14)?;
    }
    expect_equal("for no sequences", "the batch", Vec::<Vec<f64>>::new(), answer(&[]))
}

fn at_the_end(sequences: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let longest = sequences.iter().map(Vec::len).max().unwrap_or(0);
    let pad = |sequence: &Vec<f64>| {
        let mut padded = sequence.clone();
        padded.resize(longest, 0.0);
        padded
    };
    sequences.iter().map(pad).collect()
}

fn repeats_the_first(sequences: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let longest = sequences.iter().map(Vec::len).max().unwrap_or(0);
    let pad = |sequence: &Vec<f64>| {
        let first = sequence.first().copied().unwrap_or(0.0);
        [vec![first; longest - sequence.len()], sequence.clone()].concat()
    };
    sequences.iter().map(pad).collect()
}

fn cuts_to_the_shortest(sequences: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let shortest = sequences.iter().map(Vec::len).min().unwrap_or(0);
    sequences.iter().map(|sequence| sequence[sequence.len() - shortest..].to_vec()).collect()
}
