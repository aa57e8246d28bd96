//! Exercise `causal_convolution` of the page `fourier`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/causal_convolution.rs"]
mod blank;
#[path = "../../solutions/causal_convolution.rs"]
mod solution;

type Answer = fn(&[f64], &[f64]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("causal_convolution", Level::WarmUp, "four lines", 10)
        .page("1-math-foundations/fourier")
        .hints([
            "Which inputs has the output k seen, and in which order do K_0, K_1, … meet them?",
            "What does zip do when the kernel ends before the past does, and the other way round?",
        ])
        .notice("What to notice: each output costs one multiplication per sample of its past: L outputs, L²/2 of them.")
        .sources(
            include_str!("../../exercises/causal_convolution.rs"),
            include_str!("../../solutions/causal_convolution.rs"),
        )
        .answers::<Answer>(
            check,
            blank::causal_convolution,
            solution::causal_convolution,
            vec![kernel_not_turned_round, on_a_circle, every_output],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let y = answer(&[1.0, 0.5, 0.25], &[1.0, 0.0, 0.0, 0.0]);
    expect_close("at K = (1, 1/2, 1/4), u = (1, 0, 0, 0)", "y", [1.0, 0.5, 0.25, 0.0], y, 1e-12)?;
    let y = answer(&[0.0, 1.0, 0.0], &[1.0, 2.0, 3.0]);
    expect_close("at K = (0, 1, 0), u = (1, 2, 3)", "y", [0.0, 1.0, 2.0], y, 1e-12)?;
    let y = answer(&[1.0, 10.0, 100.0, 1000.0], &[3.0, 2.0]);
    expect_close("at K = (1, 10, 100, 1000), u = (3, 2)", "y", [3.0, 32.0], y, 1e-12)?;
    let y = answer(&[2.0], &[1.0, -1.0]);
    expect_close("at K = (2), u = (1, -1)", "y", [2.0, -2.0], y, 1e-12)?;
    expect_close("at K = (1), u empty", "y", [0.0; 0], answer(&[1.0], &[]), 1e-12)
}

fn kernel_not_turned_round(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let y_at = |k: usize| kernel.iter().zip(&u[..=k]).map(|(kernel, u)| kernel * u).sum();
    (0..u.len()).map(y_at).collect()
}

fn on_a_circle(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let n = u.len();
    let wrapped = |k: usize, j: usize| u[(n * kernel.len() + k - j) % n];
    (0..n).map(|k| (0..kernel.len()).map(|j| kernel[j] * wrapped(k, j)).sum()).collect()
}

fn every_output(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let mut padded = u.to_vec();
    padded.resize(u.len() + kernel.len() - 1, 0.0);
    solution::causal_convolution(kernel, &padded)
}
