//! Exercise `adjoint_loop` of the page `gradients`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/adjoint_loop.rs"]
mod blank;
#[path = "../../solutions/adjoint_loop.rs"]
mod solution;

type Answer = fn(&[f64], &[f64], f64, &[f64]) -> (Vec<f64>, Vec<f64>);

pub fn exercise() -> Exercise {
    Exercise::new("adjoint_loop", Level::Core, "six lines", 15)
        .page("4-ml-links/gradients")
        .hints([
            "Which states does x_k reach at once, and with which coefficient? So which blame does it get from there?",
            "b_k is added to x_k. And by what was a_k multiplied, before it was added?",
        ])
        .notice(
            "What to notice: one number, handed_back, is all that walks from step to step. Forwards it was the \
             state; backwards it is the blame.",
        )
        .sources(
            include_str!("../../exercises/adjoint_loop.rs"),
            include_str!("../../solutions/adjoint_loop.rs"),
        )
        .answers::<Answer>(
            check,
            blank::adjoint_loop,
            solution::adjoint_loop,
            vec![uses_its_own_coefficient, forgets_the_consequences, meets_the_state_after],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // x = (0.5 · 4 + 1, 2 · 3 + 0) = (3, 6), and L = x₁.
    let (by_a, by_b) = answer(&[0.5, 2.0], &[3.0, 6.0], 4.0, &[0.0, 1.0]);
    expect_close("at a = (0.5, 2), L = x₁", "∂L/∂b", vec![2.0, 1.0], by_b, 1e-14)?;
    expect_close("at a = (0.5, 2), L = x₁", "∂L/∂a", vec![8.0, 3.0], by_a, 1e-14)?;
    // L = x₀ + x₁ + x₂ with every state 1.
    let (by_a, by_b) = answer(&[1.0, 0.5, -1.0], &[1.0, 1.0, 1.0], 1.0, &[1.0; 3]);
    expect_close("at a = (1, 0.5, -1), L = Σ x", "∂L/∂b", vec![1.0, 0.0, 1.0], by_b, 1e-14)?;
    expect_close("at a = (1, 0.5, -1), L = Σ x", "∂L/∂a", vec![1.0, 0.0, 1.0], by_a, 1e-14)
}

fn uses_its_own_coefficient(
    a: &[f64],
    x: &[f64],
    initial: f64,
    by_state: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let mut by_b = by_state.to_vec();
    for k in (0..a.len().saturating_sub(1)).rev() {
        by_b[k] += a[k] * by_b[k + 1];
    }
    let before = std::iter::once(&initial).chain(x);
    (by_b.iter().zip(before).map(|(b, x)| b * x).collect(), by_b)
}

fn forgets_the_consequences(
    _: &[f64],
    x: &[f64],
    initial: f64,
    by_state: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let before = std::iter::once(&initial).chain(x);
    (by_state.iter().zip(before).map(|(b, x)| b * x).collect(), by_state.to_vec())
}

fn meets_the_state_after(
    a: &[f64],
    x: &[f64],
    initial: f64,
    by_state: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let (_, by_b) = solution::adjoint_loop(a, x, initial, by_state);
    (by_b.iter().zip(x).map(|(b, x)| b * x).collect(), by_b)
}
