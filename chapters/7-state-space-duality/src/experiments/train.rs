//! The command `train`: what a model of this chapter can be taught.

use std::error::Error;

use clap::Subcommand;

use super::parity;

/// What is learned.
#[derive(Debug, Subcommand)]
pub enum Training {
    /// To say whether the number of ones so far is odd
    Parity(Box<parity::Options>),
}

pub fn run(training: &Training) -> Result<(), Box<dyn Error>> {
    match training {
        Training::Parity(options) => parity::run(options),
    }
}
