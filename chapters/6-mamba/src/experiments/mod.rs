//! The experiments of chapter 6, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use mamba::text_commands::{Reading, Writing};
use workbench::command_line::Experiments;

mod gpu_scan;
mod hardware;
mod inference;
mod mamba_block;
mod mamba_lm;
mod practice;
mod pretrained;
mod selection;
mod selective_scan;
mod train;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// Shows Δ step by step while memories that choose read selective copying and induction
    Gate(selection::Options),
    /// The selective scan in five ways: what each loses, and what each costs
    Scan(selective_scan::Options),
    /// The rungs of the ladder on a graphics card: what each loses, and what each costs
    Ladder(gpu_scan::Options),
    /// What each part of a Mamba block owns, computes, hears and costs
    Block(mamba_block::Options),
    /// Teaches a Mamba to copy, to recall or to write
    #[command(subcommand)]
    Train(train::Training),
    /// What a model keeps of all that it has read
    Memory(inference::Options),
    /// Tokens a second, one by one and many at once, beside what memory gives
    BenchDecode(inference::Bench),
    /// Continues a text, or tokens
    Generate(Writing),
    /// How likely each token of a text is
    Score(Reading),
    /// Lists the tensors of a model
    Tensors(pretrained::Listing),
    /// Writes a folder with a model that nobody trained, to measure with
    RandomModel(pretrained::Drawing),
    /// Both speeds of this machine, and how near to them the selective scan comes
    BenchScan(hardware::Options),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Gate(options) => selection::run(options),
            Self::Scan(options) => selective_scan::run(options),
            Self::Ladder(options) => gpu_scan::run(options),
            Self::Block(options) => mamba_block::run(options),
            Self::Train(training) => train::run(training),
            Self::Memory(options) => inference::run(options),
            Self::BenchDecode(options) => inference::bench(options),
            Self::Generate(options) => pretrained::write(options),
            Self::Score(options) => pretrained::read(options),
            Self::Tensors(options) => pretrained::list(options),
            Self::RandomModel(options) => pretrained::draw(options),
            Self::BenchScan(options) => hardware::run(options),
        }
    }
}
