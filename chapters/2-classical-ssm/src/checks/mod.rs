//! The exercises of chapter 2, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod each_row_a_step_later;
mod first_order_wave;
mod kernel_of_steps;
mod least_energy;
mod matrix_of_the_shift;
mod phase_margin;
mod ramp_response;
mod what_outputs_show;

pub fn all() -> Vec<Exercise> {
    vec![
        kernel_of_steps::exercise(),
        ramp_response::exercise(),
        first_order_wave::exercise(),
        phase_margin::exercise(),
        what_outputs_show::exercise(),
        least_energy::exercise(),
        each_row_a_step_later::exercise(),
        matrix_of_the_shift::exercise(),
    ]
}
