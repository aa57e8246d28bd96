//! The experiments of chapter 3, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use workbench::command_line::Experiments;

mod diagonalization;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// What steps through the modes of a system cost, and how many digits they keep
    Modal(diagonalization::Options),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Modal(options) => diagonalization::run(options),
        }
    }
}
