//! The exercises of chapter 1, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod causal_convolution;
mod companion_form;
mod convolve_by_dft;
mod eigenvalues_2x2;
mod hurwitz_cubic;
mod lyapunov_doubling;
mod mass_spring_damper;
mod power_step;
mod recurrence_step;
mod rk4_step;
mod rotation_exponential;
mod scaling_and_squaring;
mod step_response_scalar;

pub fn all() -> Vec<Exercise> {
    vec![
        recurrence_step::exercise(),
        power_step::exercise(),
        eigenvalues_2x2::exercise(),
        rotation_exponential::exercise(),
        scaling_and_squaring::exercise(),
        step_response_scalar::exercise(),
        rk4_step::exercise(),
        causal_convolution::exercise(),
        convolve_by_dft::exercise(),
        mass_spring_damper::exercise(),
        companion_form::exercise(),
        hurwitz_cubic::exercise(),
        lyapunov_doubling::exercise(),
    ]
}
