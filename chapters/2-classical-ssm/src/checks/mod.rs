//! The exercises of chapter 2, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod least_energy;
mod what_outputs_show;

pub fn all() -> Vec<Exercise> {
    vec![what_outputs_show::exercise(), least_energy::exercise()]
}
