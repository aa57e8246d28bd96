//! The experiments of chapter 2, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use workbench::command_line::Experiments;

mod controllability;
mod feedback;
mod kalman_filter;
mod realization;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// What a push on a row of carts reaches, what that costs, and what may be left out of the model
    Reach(controllability::Options),
    /// Balances a pendulum upright from its noisy angle, and places poles in two ways
    Steer(feedback::Options),
    /// Tracks a rider through a tunnel, and judges filters by their surprises
    Track(kalman_filter::Options),
    /// A model read off the sound of one blow, exact and in noise
    Identify(realization::Options),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Reach(options) => controllability::run(options),
            Self::Steer(options) => feedback::run(options),
            Self::Track(options) => kalman_filter::run(options),
            Self::Identify(options) => realization::run(options),
        }
    }
}
