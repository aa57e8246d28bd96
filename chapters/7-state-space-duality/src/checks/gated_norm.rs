//! Exercise `gated_norm` of the page `mamba2`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/gated_norm.rs"]
mod blank;
#[path = "../../solutions/gated_norm.rs"]
mod solution;

type Answer = fn(&[f64], &[f64], &[f64], usize, f64) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("gated_norm", Level::WarmUp, "eight lines", 10)
        .page("7-state-space-duality/mamba2")
        .hints([
            "If a shut gate silences a channel, should the norm of its group still hear it?",
            "What is the mean of the squares of a group after it was divided by its root?",
        ])
        .notice(
            "What to notice: make y ten times louder and hardly anything changes. The heads say in which direction, the gate bends it, \
             and how loud the block speaks is for the weights alone to decide.",
        )
        .sources(
            include_str!("../../exercises/gated_norm.rs"),
            include_str!("../../solutions/gated_norm.rs"),
        )
        .answers::<Answer>(
            check,
            blank::gated_norm,
            solution::gated_norm,
            vec![norms_first, hears_all_groups, adds_epsilon_to_the_root],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let silu = |z: f64| z / (1.0 + (-z).exp());
    let y = [3.0, -4.0, 1.0, 0.5];
    let z = [1.0, 2.0, -1.0, 3.0];
    let weight = [1.0, 2.0, 0.5, 1.0];
    let gated: Vec<f64> = y.iter().zip(z).map(|(y, z)| y * silu(z)).collect();
    for (groups, epsilon) in [(1, 0.0), (2, 0.0), (2, 0.25), (4, 1.0)] {
        let size = 4 / groups;
        let expected: Vec<f64> = (0..4)
            .map(|i| {
                let group = &gated[i / size * size..][..size];
                let mean = group.iter().map(|y| y * y).sum::<f64>() / size as f64;
                gated[i] / (mean + epsilon).sqrt() * weight[i]
            })
            .collect();
        let found = answer(&y, &z, &weight, groups, epsilon);
        let at = format!("with {groups} groups and ε = {epsilon}");
        expect_close(at, "what leaves", expected, found, 1e-12)?;
    }
    Ok(())
}

fn norms_first(y: &[f64], z: &[f64], weight: &[f64], groups: usize, epsilon: f64) -> Vec<f64> {
    // A gate of SiLU(z) = 1 lets everything through.
    let open = vec![1.278_464_542_761_074; y.len()];
    let normed = solution::gated_norm(y, &open, weight, groups, epsilon);
    normed.iter().zip(z).map(|(y, z)| y * z / (1.0 + (-z).exp())).collect()
}

fn hears_all_groups(y: &[f64], z: &[f64], weight: &[f64], _: usize, epsilon: f64) -> Vec<f64> {
    solution::gated_norm(y, z, weight, 1, epsilon)
}

fn adds_epsilon_to_the_root(
    y: &[f64],
    z: &[f64],
    weight: &[f64],
    groups: usize,
    epsilon: f64,
) -> Vec<f64> {
    let gated: Vec<f64> = y.iter().zip(z).map(|(y, z)| y * z / (1.0 + (-z).exp())).collect();
    let size = y.len() / groups;
    (0..y.len())
        .map(|i| {
            let group = &gated[i / size * size..][..size];
            let mean = group.iter().map(|y| y * y).sum::<f64>() / size as f64;
            gated[i] / (mean.sqrt() + epsilon) * weight[i]
        })
        .collect()
}
