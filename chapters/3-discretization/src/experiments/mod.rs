//! The experiments of chapter 3, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use workbench::command_line::Experiments;

mod accuracy_and_stability;
mod bilinear;
mod compare;
mod diagonalization;
mod euler;
mod exponential_integrators;
mod sampling;
mod zero_order_hold;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// Tones that look alike, a memory on several clocks, and the two weights of an input
    Sample(sampling::Options),
    /// Where forward Euler explodes, what both Euler rules do to energy, and how wrong they are
    Euler(euler::Options),
    /// What the bilinear rule makes of modes and frequencies, and what one weight instead of two costs
    Tustin(bilinear::Options),
    /// What a held input adds, by the textbook and by one block; what a hold makes of a smooth push
    Hold(zero_order_hold::Options),
    /// Mamba's ΔB and the paper's B̄, side by side: how far apart, when it matters, and Mamba-3's answer
    BBar(exponential_integrators::Options),
    /// What steps through the modes of a system cost, and how many digits they keep
    Modal(diagonalization::Options),
    /// How fast the error of each rule falls, and how far each may step where rates are far apart
    Order(accuracy_and_stability::Options),
    /// Steps any system by every rule: errors, orders, stability and cost
    Compare(Box<compare::Options>),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Sample(options) => sampling::run(options),
            Self::Euler(options) => euler::run(options),
            Self::Tustin(options) => bilinear::run(options),
            Self::Hold(options) => zero_order_hold::run(options),
            Self::BBar(options) => exponential_integrators::run(options),
            Self::Modal(options) => diagonalization::run(options),
            Self::Order(options) => accuracy_and_stability::run(options),
            Self::Compare(options) => compare::run(options),
        }
    }
}
