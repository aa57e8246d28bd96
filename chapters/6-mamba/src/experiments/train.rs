//! The command `train`: what a model of this chapter can be taught.

use std::error::Error;

use clap::Subcommand;

use super::{mamba_lm, practice};

/// What is learned.
#[derive(Debug, Subcommand)]
pub enum Training {
    /// To repeat tokens that came among noise
    SelectiveCopy(Box<practice::Copying>),
    /// To say what came after the special token the last time
    Induction(Box<practice::Recalling>),
    /// To write on: any text, this book if no other is named
    Text(Box<mamba_lm::Training>),
}

pub fn run(training: &Training) -> Result<(), Box<dyn Error>> {
    match training {
        Training::SelectiveCopy(options) => practice::copy(options),
        Training::Induction(options) => practice::recall(options),
        Training::Text(training) => mamba_lm::train(training),
    }
}
