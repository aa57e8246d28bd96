//! Exercise `head_step` of the page `mamba2`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/head_step.rs"]
mod blank;
#[path = "../../solutions/head_step.rs"]
mod solution;

type Answer = fn(&mut [Vec<f64>], &[f64], [&[f64]; 2], [f64; 3]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("head_step", Level::Core, "eight lines", 15)
        .page("7-state-space-duality/mamba2")
        .hints([
            "How many exponentials does a head need for one token, if all of its numbers fade alike?",
            "Which row of u bᵀ belongs to a channel?",
        ])
        .notice(
            "What to notice: the loop never asks which channel it is in. Every row goes through the same arithmetic with the same \
             keep, b and c; that is what lets a graphics card treat the rows as one matrix.",
        )
        .sources(
            include_str!("../../exercises/head_step.rs"),
            include_str!("../../solutions/head_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::head_step,
            solution::head_step,
            vec![reads_before_it_writes, forgets_the_step, answers_without_the_skip],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (u, b, c) = ([2.0, -1.0], [1.0, 0.5, -2.0], [3.0, 1.0, 0.25]);
    let [delta, a, d] = [0.5, -2.0_f64.ln(), 10.0];
    let mut x = vec![vec![1.0, 2.0, 4.0], vec![0.0, 0.0, 0.0]];
    // 2^{-1/2} of what was there stays.
    let keep = 0.5_f64.sqrt();
    let expected: Vec<Vec<f64>> = x
        .iter()
        .zip(u)
        .map(|(x, u)| x.iter().zip(b).map(|(x, b)| keep * x + delta * u * b).collect())
        .collect();
    let read = |x: &Vec<f64>| x.iter().zip(c).map(|(x, c)| x * c).sum::<f64>();
    let y: Vec<f64> = expected.iter().zip(u).map(|(x, u)| read(x) + d * u).collect();
    let at = "at Δ = 0.5, A = -ln 2, D = 10";
    let found = answer(&mut x, &u, [&b, &c], [delta, a, d]);
    expect_close(at, "the matrix that is kept", expected.concat(), x.concat(), 1e-12)?;
    expect_close(at, "y", y, found, 1e-12)
}

/// The state has not seen this token yet.
fn reads_before_it_writes(
    x: &mut [Vec<f64>],
    u: &[f64],
    [b, c]: [&[f64]; 2],
    [delta, a, d]: [f64; 3],
) -> Vec<f64> {
    let read = |x: &Vec<f64>| x.iter().zip(c).map(|(x, c)| x * c).sum::<f64>();
    let y = x.iter().zip(u).map(|(x, u)| read(x) + d * u).collect();
    solution::head_step(x, u, [b, c], [delta, a, d]);
    y
}

/// What is written does not depend on how long the step is.
fn forgets_the_step(
    x: &mut [Vec<f64>],
    u: &[f64],
    bc: [&[f64]; 2],
    [delta, a, d]: [f64; 3],
) -> Vec<f64> {
    solution::head_step(x, u, bc, [1.0, delta * a, d])
}

fn answers_without_the_skip(
    x: &mut [Vec<f64>],
    u: &[f64],
    bc: [&[f64]; 2],
    [delta, a, _]: [f64; 3],
) -> Vec<f64> {
    solution::head_step(x, u, bc, [delta, a, 0.0])
}
