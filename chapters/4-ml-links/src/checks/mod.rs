//! The exercises of chapter 4, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod adjoint_loop;
mod carry_over;
mod compose_steps;
mod dplr_product;
mod gradients_back;
mod half_life_gate;
mod kernel_gradient;
mod mean_growth;
mod next_of_a_sine;
mod nucleus;
mod overlap_add;
mod packed_documents;
mod pad_batch;
mod pair_bits;
mod perplexity;
mod rank_one_solve;
mod run_free;
mod scalar_kernel;
mod scan_by_pairs;
mod shift_register;
mod spread_steps;
mod stable_step;
mod step_aside;
mod undo;

pub fn all() -> Vec<Exercise> {
    vec![
        half_life_gate::exercise(),
        gradients_back::exercise(),
        mean_growth::exercise(),
        scalar_kernel::exercise(),
        shift_register::exercise(),
        overlap_add::exercise(),
        pad_batch::exercise(),
        carry_over::exercise(),
        stable_step::exercise(),
        spread_steps::exercise(),
        dplr_product::exercise(),
        rank_one_solve::exercise(),
        undo::exercise(),
        compose_steps::exercise(),
        packed_documents::exercise(),
        scan_by_pairs::exercise(),
        step_aside::exercise(),
        adjoint_loop::exercise(),
        kernel_gradient::exercise(),
        next_of_a_sine::exercise(),
        run_free::exercise(),
        perplexity::exercise(),
        nucleus::exercise(),
        pair_bits::exercise(),
    ]
}
