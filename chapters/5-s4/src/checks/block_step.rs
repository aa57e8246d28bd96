//! Exercise `block_step` of the page `sequence_model`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/block_step.rs"]
mod blank;
#[path = "../../solutions/block_step.rs"]
mod solution;

type Answer = fn(&[f64], &[Vec<f64>], &[f64]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("block_step", Level::Core, "eight lines", 15)
        .page("5-s4/sequence-model")
        .hints([
            "If h has a single channel that is not 0, which row of the weights is heard?",
            "How long is h W + b, and where does its second half begin?",
        ])
        .notice(
            "What to notice: p is linear in h, and so is q, but their product is not. Memories are linear, and without a \
             bend and a gate between them a stack of a hundred would be one memory.",
        )
        .sources(
            include_str!("../../exercises/block_step.rs"),
            include_str!("../../solutions/block_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::block_step,
            solution::block_step,
            vec![gates_with_speech, every_other, gates_by_tanh, forgets_the_bias],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let expect = |at: &str, found: Vec<f64>, expected: &[f64]| {
        expect_close(at, "the outcome", expected.to_vec(), found, 1e-12)
    };
    // Silence in: the bias speaks, through its own gate.
    let weight = vec![vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0]];
    let open = |q: f64| 1.0 / (1.0 + (-q).exp());
    let found = answer(&[0.0, 0.0], &weight, &[4.0, -2.0, 0.0, 1.0]);
    expect("at h = 0", found, &[2.0, -2.0 * open(1.0)])?;
    // One channel that is heard: one row of the weights.
    let found = answer(&[0.5, 0.0], &weight, &[0.0; 4]);
    expect("at h = [0.5, 0]", found, &[0.5 * open(1.5), open(2.0)])?;
    let found = answer(&[1.0, -1.0], &weight, &[1.0, 1.0, 0.0, 0.0]);
    expect("at h = [1, -1]", found, &[-3.0 * open(-4.0), -3.0 * open(-4.0)])
}

fn halves(h: &[f64], weight: &[Vec<f64>], bias: &[f64]) -> Vec<f64> {
    let at = |j: usize| bias[j] + h.iter().zip(weight).map(|(h, row)| h * row[j]).sum::<f64>();
    (0..bias.len()).map(at).collect()
}

fn sigmoid(q: f64) -> f64 {
    1.0 / (1.0 + (-q).exp())
}

fn gates_with_speech(h: &[f64], weight: &[Vec<f64>], bias: &[f64]) -> Vec<f64> {
    let halves = halves(h, weight, bias);
    (0..h.len()).map(|i| halves[i + h.len()] * sigmoid(halves[i])).collect()
}

fn every_other(h: &[f64], weight: &[Vec<f64>], bias: &[f64]) -> Vec<f64> {
    let halves = halves(h, weight, bias);
    (0..h.len()).map(|i| halves[2 * i] * sigmoid(halves[2 * i + 1])).collect()
}

fn gates_by_tanh(h: &[f64], weight: &[Vec<f64>], bias: &[f64]) -> Vec<f64> {
    let halves = halves(h, weight, bias);
    (0..h.len()).map(|i| halves[i] * halves[i + h.len()].tanh()).collect()
}

fn forgets_the_bias(h: &[f64], weight: &[Vec<f64>], bias: &[f64]) -> Vec<f64> {
    let halves = halves(h, weight, &vec![0.0; bias.len()]);
    (0..h.len()).map(|i| halves[i] * sigmoid(halves[i + h.len()])).collect()
}
