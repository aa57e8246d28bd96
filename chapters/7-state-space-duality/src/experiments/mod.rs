//! The experiments of chapter 7, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use mamba::text_commands::{Reading, Writing};
use workbench::command_line::Experiments;

mod applications;
mod evolution;
mod mamba2;
mod mamba3;
mod parity;
mod semiseparable;
mod ssd;
mod train;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// The matrix of a head: the directions of its blocks, beside those of softmax attention, and four ways to multiply by it
    Duality(semiseparable::Options),
    /// SSD in chunks: digits of its mask, its modes beside each other, products counted or timed
    Chunks(ssd::Options),
    /// A block of Mamba beside one of Mamba-2: what each owns, keeps and computes
    Block(mamba2::Options),
    /// Continues a text, or tokens
    Generate(Writing),
    /// How likely each token of a text is
    Score(Reading),
    /// Counts to two by half turns; reads in three ways; shows how rarely what fades changes its mind
    Turn(mamba3::Options),
    /// Teaches a small Mamba-3, or what is left of it, the parity of bits
    #[command(subcommand)]
    Train(train::Training),
    /// Sends one signal through every model of the course
    Evolution(evolution::Options),
    /// What a stack of layers carries from token to token, and how much of it can be asked for
    Choose(applications::Options),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Duality(options) => semiseparable::run(options),
            Self::Chunks(options) => ssd::run(options),
            Self::Block(options) => mamba2::run(options),
            Self::Generate(options) => mamba2::write(options),
            Self::Score(options) => mamba2::read(options),
            Self::Turn(options) => mamba3::run(options),
            Self::Train(training) => train::run(training),
            Self::Evolution(options) => evolution::run(options),
            Self::Choose(options) => applications::run(options),
        }
    }
}
