//! The exercises of chapter 3, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod modal_kernel;
mod real_mode;

pub fn all() -> Vec<Exercise> {
    vec![real_mode::exercise(), modal_kernel::exercise()]
}
