//! The exercises of chapter 1, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod recurrence_step;

pub fn all() -> Vec<Exercise> {
    vec![recurrence_step::exercise()]
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_exercise_keeps_its_promises() {
        workbench::exercise::verify(&super::all());
    }
}
