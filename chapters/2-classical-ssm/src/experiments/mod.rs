//! The experiments of chapter 2, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use workbench::command_line::Experiments;

mod analyze;
mod controllability;
mod feedback;
mod frequency_response;
mod kalman_filter;
mod realization;
mod responses;
mod state_space;
mod transfer_functions;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// A motor and its controller on one wire and in a loop, and two running means joined
    Compose(state_space::Options),
    /// Poles, zeros and gains of a motor in its loop, and the digits that other forms cost
    Poles(transfer_functions::Options),
    /// How a servo answers a switch, gain by gain, and what small steps do to a stiff one
    Respond(responses::Options),
    /// How a servo's loop answers waves, how far it is from the edge, and a peak that grids miss
    Bode(frequency_response::Options),
    /// What a push on a row of carts reaches, what that costs, and what may be left out of the model
    Reach(controllability::Options),
    /// Balances a pendulum upright from its noisy angle, and places poles in two ways
    Steer(feedback::Options),
    /// Tracks a rider through a tunnel, and judges filters by their surprises
    Track(kalman_filter::Options),
    /// A model read off the sound of one blow, exact and in noise
    Identify(realization::Options),
    /// Says what a linear system will do, named or your own, and draws it
    Analyze(analyze::Options),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Compose(options) => state_space::run(options),
            Self::Poles(options) => transfer_functions::run(options),
            Self::Respond(options) => responses::run(options),
            Self::Bode(options) => frequency_response::run(options),
            Self::Reach(options) => controllability::run(options),
            Self::Steer(options) => feedback::run(options),
            Self::Track(options) => kalman_filter::run(options),
            Self::Identify(options) => realization::run(options),
            Self::Analyze(options) => analyze::run(options),
        }
    }
}
