//! The command line of chapter 7: the exercise board and the experiments.

use std::process::ExitCode;

use experiments::Experiment;
use s4::kept_memory::keep_memory;
use workbench::command_line::{self, Chapter};

mod checks;
mod experiments;

fn chapter() -> Chapter {
    Chapter {
        number: 7,
        title: "State space duality",
        package: env!("CARGO_PKG_NAME"),
        folder: "chapters/7-state-space-duality",
        exercises: checks::all(),
    }
}

fn main() -> ExitCode {
    keep_memory();
    command_line::run::<Experiment>(chapter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapter_is_as_its_readers_expect_it() {
        command_line::verify::<Experiment>(&chapter());
    }
}
