//! The exercises of chapter 5, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod delay_line;
mod legendre_values;
mod legs_product;

pub fn all() -> Vec<Exercise> {
    vec![legendre_values::exercise(), legs_product::exercise(), delay_line::exercise()]
}
