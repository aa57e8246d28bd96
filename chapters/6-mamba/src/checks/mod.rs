//! The exercises of chapter 6, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod blame_of_step;
mod causal_taps;
mod first_bias;
mod join_chunks;
mod least_error;
mod least_seconds;
mod lines_touched;
mod merge_pair;
mod slide_window;
mod state_bytes;
mod stream_sum;
mod tensor_bytes;
mod ticking_clock;
mod token_map;
mod tokens_a_second;
mod unheard_padding;
mod what_came_after;
mod widen_bf16;

pub fn all() -> Vec<Exercise> {
    vec![
        ticking_clock::exercise(),
        what_came_after::exercise(),
        least_error::exercise(),
        token_map::exercise(),
        unheard_padding::exercise(),
        blame_of_step::exercise(),
        lines_touched::exercise(),
        join_chunks::exercise(),
        causal_taps::exercise(),
        first_bias::exercise(),
        stream_sum::exercise(),
        merge_pair::exercise(),
        state_bytes::exercise(),
        slide_window::exercise(),
        widen_bf16::exercise(),
        tensor_bytes::exercise(),
        least_seconds::exercise(),
        tokens_a_second::exercise(),
    ]
}
