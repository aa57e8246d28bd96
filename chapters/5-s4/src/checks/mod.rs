//! The exercises of chapter 5, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod block_step;
mod cauchy_gradient;
mod cut_after;
mod delay_line;
mod dplr_step;
mod fastest_wave;
mod half_overlaps;
mod half_product;
mod idx_sizes;
mod leak_direction;
mod leave_out_silence;
mod legendre_values;
mod legs_product;
mod loss_of_a_piece;
mod mean_so_far;
mod nats_per_pixel;
mod normed_step;
mod own_bits;
mod pair_echo;
mod stack_size;
mod step_of_any_length;
mod value_at_root;

pub fn all() -> Vec<Exercise> {
    vec![
        legendre_values::exercise(),
        legs_product::exercise(),
        delay_line::exercise(),
        leak_direction::exercise(),
        half_product::exercise(),
        cut_after::exercise(),
        value_at_root::exercise(),
        cauchy_gradient::exercise(),
        dplr_step::exercise(),
        pair_echo::exercise(),
        fastest_wave::exercise(),
        step_of_any_length::exercise(),
        leave_out_silence::exercise(),
        normed_step::exercise(),
        block_step::exercise(),
        stack_size::exercise(),
        mean_so_far::exercise(),
        nats_per_pixel::exercise(),
        idx_sizes::exercise(),
        loss_of_a_piece::exercise(),
        own_bits::exercise(),
        half_overlaps::exercise(),
    ]
}
