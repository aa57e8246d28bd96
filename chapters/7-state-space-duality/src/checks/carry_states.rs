//! Exercise `carry_states` of the page `ssd`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/carry_states.rs"]
mod blank;
#[path = "../../solutions/carry_states.rs"]
mod solution;

type Answer = fn(&[f64], &[Vec<f64>], &[f64]) -> Vec<Vec<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("carry_states", Level::Core, "eight lines", 10)
        .page("7-state-space-duality/ssd")
        .hints([
            "For how much of a chunk's time does the state before it fade, and for how much of it does what the chunk itself brought?",
            "With three chunks, how many states are asked for, and which of them is the answer of no chunk at all?",
        ])
        .notice(
            "What to notice: this is the recurrence again, with a chunk for a step. Whatever was said about recurrences can be said of it; our \
             tensors, which would rather multiply matrices, write it as attention from chunk to chunk.",
        )
        .sources(
            include_str!("../../exercises/carry_states.rs"),
            include_str!("../../solutions/carry_states.rs"),
        )
        .answers::<Answer>(
            check,
            blank::carry_states,
            solution::carry_states,
            vec![one_chunk_late, forgets_the_state_before, fades_what_was_brought, without_exponential],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // Chunks that keep a half, nothing, and all.
    let half = -(2.0_f64.ln());
    let decays = [half, f64::NEG_INFINITY, 0.0];
    let brought = [vec![1.0, 0.0], vec![-2.0, 4.0], vec![0.5, 0.25]];
    let expected = [vec![8.0, -6.0], vec![5.0, -3.0], vec![-2.0, 4.0], vec![-1.5, 4.25]];
    for chunks in [0, 1, 2, 3] {
        let found = answer(&decays[..chunks], &brought[..chunks], &[8.0, -6.0]);
        let at = format!("of {chunks} chunks");
        expect_equal(at.as_str(), "how many states", chunks + 1, found.len())?;
        for (c, (expected, found)) in expected.iter().zip(found).enumerate() {
            let at = format!("{at}, before chunk {c}");
            expect_close(at, "the state", expected.clone(), found, 1e-14)?;
        }
    }
    Ok(())
}

/// The state after each chunk, and that one twice.
fn one_chunk_late(decays: &[f64], brought: &[Vec<f64>], x: &[f64]) -> Vec<Vec<f64>> {
    let mut states = solution::carry_states(decays, brought, x);
    states.remove(0);
    states.push(states.last().cloned().unwrap_or_else(|| x.to_vec()));
    states
}

/// Each chunk begins from rest.
fn forgets_the_state_before(_: &[f64], brought: &[Vec<f64>], x: &[f64]) -> Vec<Vec<f64>> {
    [&[x.to_vec()], brought].concat()
}

/// What a chunk brings fades through the chunk again.
fn fades_what_was_brought(decays: &[f64], brought: &[Vec<f64>], x: &[f64]) -> Vec<Vec<f64>> {
    let faded: Vec<Vec<f64>> = decays
        .iter()
        .zip(brought)
        .map(|(decay, brought)| brought.iter().map(|brought| decay.exp() * brought).collect())
        .collect();
    solution::carry_states(decays, &faded, x)
}

/// Takes the sum of the ℓ for what is left.
fn without_exponential(decays: &[f64], brought: &[Vec<f64>], x: &[f64]) -> Vec<Vec<f64>> {
    let mut states = vec![x.to_vec()];
    for (decay, brought) in decays.iter().zip(brought) {
        let before = &states[states.len() - 1];
        states.push(before.iter().zip(brought).map(|(x, brought)| decay * x + brought).collect());
    }
    states
}
