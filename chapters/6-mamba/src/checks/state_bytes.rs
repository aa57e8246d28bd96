//! Exercise `state_bytes`, of the page `inference`.

use mamba::config::MambaConfig;
use mamba::inference::{RandomTensors, Runner, TokenReader, Weights};
use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/state_bytes.rs"]
mod blank;
#[path = "../../solutions/state_bytes.rs"]
mod solution;

type Answer = fn(usize, usize, usize, usize, usize) -> usize;

pub fn exercise() -> Exercise {
    Exercise::new("state_bytes", Level::WarmUp, "one line", 5)
        .page("6-mamba/inference")
        .hints([
            "What does one channel of one layer need to know, to take the next step?",
            "Which of the five arguments does the state not depend on?",
        ])
        .notice(
            "What to notice: the number of tokens is an argument that the answer has no use for. For attention it would be the only one \
             that grows.",
        )
        .sources(
            include_str!("../../exercises/state_bytes.rs"),
            include_str!("../../solutions/state_bytes.rs"),
        )
        .answers::<Answer>(
            check,
            blank::state_bytes,
            solution::state_bytes,
            vec![forgets_the_convolution, grows_with_the_text, counts_numbers],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (layers, d_model, taps, d_state) in [(1, 3, 2, 1), (2, 8, 4, 16)] {
        let config = MambaConfig {
            vocab_size: 5,
            hidden_size: d_model,
            num_hidden_layers: layers,
            conv_kernel: taps,
            state_size: d_state,
            ..MambaConfig::default()
        };
        let Ok(weights) = Weights::read(&config, &RandomTensors { seed: 1 }) else { continue };
        let mut runner = Runner::new(&weights);
        for tokens in 1..4 {
            let read = runner.step(1).is_ok();
            let at = format!(
                "at {layers} layers of {} channels, {taps} taps, N = {d_state}, after {tokens} tokens",
                2 * d_model
            );
            let found = answer(layers, 2 * d_model, taps, d_state, tokens);
            expect_equal(at, "bytes", if read { runner.state().bytes() } else { 0 }, found)?;
        }
    }
    Ok(())
}

fn forgets_the_convolution(
    layers: usize,
    d_inner: usize,
    _: usize,
    d_state: usize,
    _: usize,
) -> usize {
    4 * layers * d_inner * d_state
}

fn grows_with_the_text(
    layers: usize,
    d_inner: usize,
    taps: usize,
    d_state: usize,
    tokens: usize,
) -> usize {
    4 * layers * d_inner * (taps + d_state) * tokens
}

fn counts_numbers(layers: usize, d_inner: usize, taps: usize, d_state: usize, _: usize) -> usize {
    layers * d_inner * (taps + d_state)
}
