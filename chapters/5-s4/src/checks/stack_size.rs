//! Exercise `stack_size` of the page `sequence_model`.

use burn::module::Module;
use burn::tensor::Device;
use s4::sequence_model::StackConfig;
use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/stack_size.rs"]
mod blank;
#[path = "../../solutions/stack_size.rs"]
mod solution;

type Answer = fn(usize, usize, usize) -> usize;

pub fn exercise() -> Exercise {
    Exercise::new("stack_size", Level::Core, "four lines", 10)
        .page("5-s4/sequence-model")
        .hints([
            "How many numbers are in one channel's memory, and how many channels are there?",
            "Which parts grow with the width, and which with its square?",
        ])
        .notice(
            "What to notice: with 64 states a memory has 130 numbers a channel, whatever the width; the mixture has two for \
             each channel there is. From 65 channels on more is learned across channels than along time.",
        )
        .sources(
            include_str!("../../exercises/stack_size.rs"),
            include_str!("../../solutions/stack_size.rs"),
        )
        .answers::<Answer>(
            check,
            blank::stack_size,
            solution::stack_size,
            vec![all_states, one_norm, narrow_mixture],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (layers, d_model, d_state) in [(1, 1, 2), (2, 3, 4), (4, 16, 8)] {
        let config = StackConfig { layers, d_model, d_state, ..StackConfig::default() };
        let at = format!("at {layers} blocks of {d_model} channels with {d_state} states");
        let stack = config.init(&Device::flex()).expect("sizes that fit");
        expect_equal(
            at,
            "the number of parameters",
            stack.num_params(),
            answer(layers, d_model, d_state),
        )?;
    }
    Ok(())
}

fn all_states(layers: usize, d_model: usize, d_state: usize) -> usize {
    let memory = d_model * (4 * d_state + 2);
    layers * (memory + 2 * d_model * d_model + 4 * d_model) + 2 * d_model
}

fn one_norm(layers: usize, d_model: usize, d_state: usize) -> usize {
    layers * (d_model * (2 * d_state + 2) + 2 * d_model * d_model + 4 * d_model)
}

fn narrow_mixture(layers: usize, d_model: usize, d_state: usize) -> usize {
    let memory = d_model * (2 * d_state + 2);
    layers * (memory + d_model * d_model + d_model + 2 * d_model) + 2 * d_model
}
