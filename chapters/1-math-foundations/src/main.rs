//! The command line of chapter 1: the exercise board and the experiments.

use std::process::ExitCode;

use workbench::command_line::{self, Chapter};

mod checks;
mod experiments;

fn main() -> ExitCode {
    command_line::run::<experiments::Experiment>(Chapter {
        number: 1,
        title: "Math foundations",
        package: env!("CARGO_PKG_NAME"),
        folder: "chapters/1-math-foundations",
        exercises: checks::all(),
    })
}
