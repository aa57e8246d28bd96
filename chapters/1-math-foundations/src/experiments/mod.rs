//! The experiments of chapter 1, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use workbench::command_line::Experiments;

mod fourier;
mod introduction;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// What reading a sequence costs: attention with its cache, a recurrence with its state
    Attention(introduction::AttentionOptions),
    /// How fast a recurrent network and a linear recurrence forget their first state
    Forgetting(introduction::ForgettingOptions),
    /// Which tones a noisy signal holds, and what circles of different size do to a convolution
    Spectrum(fourier::Options),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Attention(options) => introduction::attention(options),
            Self::Forgetting(options) => introduction::forgetting(options),
            Self::Spectrum(options) => fourier::run(options),
        }
    }
}
