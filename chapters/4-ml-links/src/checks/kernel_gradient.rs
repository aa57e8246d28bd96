//! Exercise `kernel_gradient` of the page `gradients`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/kernel_gradient.rs"]
mod blank;
#[path = "../../solutions/kernel_gradient.rs"]
mod solution;

type Answer = fn(&[Vec<f64>], &[Vec<f64>]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("kernel_gradient", Level::Core, "five lines", 15)
        .page("4-ml-links/gradients")
        .hints([
            "In which outcomes does kernel_j occur, and what stands beside it there?",
            "The kernel served every row of the batch. What does that make of its blame?",
        ])
        .notice(
            "What to notice: a convolution looks back, its gradient looks ahead. With Fourier transforms the sum over \
             the batch can be taken before the way back, so one inverse transform serves them all.",
        )
        .sources(
            include_str!("../../exercises/kernel_gradient.rs"),
            include_str!("../../solutions/kernel_gradient.rs"),
        )
        .answers::<Answer>(
            check,
            blank::kernel_gradient,
            solution::kernel_gradient,
            vec![convolves, takes_the_mean, sees_the_first_row_only],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // L = y₁ = kernel₀ u₁ + kernel₁ u₀.
    let one = answer(&[vec![3.0, 4.0]], &[vec![0.0, 1.0]]);
    expect_close("for u = (3, 4), L = y₁", "∂L/∂kernel", vec![4.0, 3.0], one, 1e-14)?;
    // L = y₀ of the first row, y₂ of the second.
    let batch = [vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]];
    let two = answer(&batch, &[vec![1.0, 0.0, 0.0], vec![0.0, 0.0, 1.0]]);
    expect_close("for two rows, L = y₀ + y₂'", "∂L/∂kernel", vec![7.0, 5.0, 4.0], two, 1e-14)
}

fn convolves(batch: &[Vec<f64>], by_output: &[Vec<f64>]) -> Vec<f64> {
    let length = batch.first().map_or(0, Vec::len);
    let met = |j: usize, u: &[f64], g: &[f64]| -> f64 { (0..=j).map(|k| u[j - k] * g[k]).sum() };
    (0..length).map(|j| batch.iter().zip(by_output).map(|(u, g)| met(j, u, g)).sum()).collect()
}

fn takes_the_mean(batch: &[Vec<f64>], by_output: &[Vec<f64>]) -> Vec<f64> {
    let sum = solution::kernel_gradient(batch, by_output);
    sum.into_iter().map(|g| g / batch.len() as f64).collect()
}

fn sees_the_first_row_only(batch: &[Vec<f64>], by_output: &[Vec<f64>]) -> Vec<f64> {
    solution::kernel_gradient(&batch[..1], &by_output[..1])
}
