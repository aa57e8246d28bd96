//! The experiments of chapter 5, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use workbench::command_line::Experiments;

#[derive(Debug, Subcommand)]
pub enum Experiment {}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match *self {}
    }
}
