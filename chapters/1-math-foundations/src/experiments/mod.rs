//! The experiments of chapter 1, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use workbench::command_line::Experiments;

mod eigendecomposition;
mod fourier;
mod introduction;
mod linear_systems;
mod matrix_exponential;
mod simulate;
mod stability;
mod state_representations;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// What reading a sequence costs: attention with its cache, a recurrence with its state
    Attention(introduction::AttentionOptions),
    /// How fast a recurrent network and a linear recurrence forget their first state
    Forgetting(introduction::ForgettingOptions),
    /// The modes of a spring, or of any matrix, and what becomes of them when two fall together
    Modes(eigendecomposition::Options),
    /// How many digits each way to e^(At) keeps, for a spring and for nearly parallel eigenvectors
    Exponential(matrix_exponential::Options),
    /// One pushed spring by the exact formula, by Runge-Kutta steps, by steps that choose their length
    Flow(linear_systems::Options),
    /// Which tones a noisy signal holds, and what circles of different size do to a convolution
    Spectrum(fourier::Options),
    /// What a spring, a circuit, a motor or a pendulum looks like as four matrices
    Physics(state_representations::Options),
    /// Whether a matrix comes to rest: its eigenvalues, an energy, a table, and the way there
    Stability(stability::Options),
    /// Follows a dynamical system, named or your own, and draws what it does
    Simulate(simulate::Options),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Attention(options) => introduction::attention(options),
            Self::Forgetting(options) => introduction::forgetting(options),
            Self::Modes(options) => eigendecomposition::run(options),
            Self::Exponential(options) => matrix_exponential::run(options),
            Self::Flow(options) => linear_systems::run(options),
            Self::Spectrum(options) => fourier::run(options),
            Self::Physics(options) => state_representations::run(options),
            Self::Stability(options) => stability::run(options),
            Self::Simulate(options) => simulate::run(options),
        }
    }
}
