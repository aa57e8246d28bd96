//! The exercises of chapter 3, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod absorb_the_hold;
mod double_the_step;
mod extrapolate;
mod kick_and_drift;
mod largest_step;
mod modal_kernel;
mod prewarp;
mod real_mode;
mod real_stability_limit;
mod remember_input;
mod second_order_d;
mod selective_steps;
mod trapezoid_step;
mod wagon_wheel;
mod zero_order_hold_block;

pub fn all() -> Vec<Exercise> {
    vec![
        wagon_wheel::exercise(),
        remember_input::exercise(),
        largest_step::exercise(),
        kick_and_drift::exercise(),
        prewarp::exercise(),
        trapezoid_step::exercise(),
        double_the_step::exercise(),
        zero_order_hold_block::exercise(),
        absorb_the_hold::exercise(),
        selective_steps::exercise(),
        real_mode::exercise(),
        modal_kernel::exercise(),
        second_order_d::exercise(),
        real_stability_limit::exercise(),
        extrapolate::exercise(),
    ]
}
