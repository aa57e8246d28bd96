//! The exercises of chapter 2, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod absorber;
mod cart_feedback;
mod cost_to_go;
mod critical_gain;
mod each_row_a_step_later;
mod first_answer_of_a_loop;
mod first_order_wave;
mod kalman_update;
mod kernel_of_steps;
mod least_energy;
mod matrix_of_the_shift;
mod phase_margin;
mod ramp_response;
mod random_walk_filter;
mod series_of_steps;
mod swings;
mod what_outputs_show;
mod zeros_of_invertible_d;

pub fn all() -> Vec<Exercise> {
    vec![
        series_of_steps::exercise(),
        first_answer_of_a_loop::exercise(),
        absorber::exercise(),
        zeros_of_invertible_d::exercise(),
        kernel_of_steps::exercise(),
        ramp_response::exercise(),
        first_order_wave::exercise(),
        phase_margin::exercise(),
        what_outputs_show::exercise(),
        least_energy::exercise(),
        cart_feedback::exercise(),
        cost_to_go::exercise(),
        kalman_update::exercise(),
        random_walk_filter::exercise(),
        each_row_a_step_later::exercise(),
        matrix_of_the_shift::exercise(),
        swings::exercise(),
        critical_gain::exercise(),
    ]
}
