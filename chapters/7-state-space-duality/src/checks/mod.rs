//! The exercises of chapter 7, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod cache_bytes;
mod carry_states;
mod count_to_m;
mod factor_block;
mod gated_norm;
mod head_step;
mod how_loud;
mod mask_of_decays;
mod one_step;
mod segment_sum;
mod write_the_difference;

pub fn all() -> Vec<Exercise> {
    vec![
        mask_of_decays::exercise(),
        factor_block::exercise(),
        segment_sum::exercise(),
        carry_states::exercise(),
        gated_norm::exercise(),
        head_step::exercise(),
        count_to_m::exercise(),
        how_loud::exercise(),
        one_step::exercise(),
        cache_bytes::exercise(),
        write_the_difference::exercise(),
    ]
}
