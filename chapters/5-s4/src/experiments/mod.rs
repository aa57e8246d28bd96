//! The experiments of chapter 5, in reading order: one module a page, one command each.

use std::error::Error;
use std::time::Instant;

use clap::Subcommand;
use workbench::command_line::{Experiments, count};

mod diagonal;
mod digits;
mod hippo;
mod kernel;
mod mnist;
mod nplr;
mod s4_language_model;
mod s4_layer;
mod s5;
mod sequence_model;

/// Seconds of one call: the best of many rounds, so that other work falls between them.
fn seconds(mut call: impl FnMut()) -> f64 {
    let (began, mut best, mut rounds) = (Instant::now(), f64::INFINITY, 0);
    while rounds < 3 || (began.elapsed().as_secs_f64() < 3.0 && rounds < 300) {
        let start = Instant::now();
        call();
        best = best.min(start.elapsed().as_secs_f64());
        rounds += 1;
    }
    best
}

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// Lets memories of a few numbers follow a signal, and reads the signal back
    Reconstruct(hippo::Options),
    /// Takes a memory apart, and counts the digits that its parts keep
    Nplr(nplr::Options),
    /// The kernel of S4, its digits, the hole at z = -1, and what each way costs
    Kernel(kernel::Options),
    /// Both faces of an S4 layer, whose length a kernel has, and what each way costs
    Layer(s4_layer::Options),
    /// What LegS loses with its low-rank part, and which waves diagonal memories begin with
    Diagonal(diagonal::Options),
    /// One state for many channels, run by scans, and with a clock
    S5(s5::Options),
    /// What a step of training costs, and a step of running
    Bench(sequence_model::Options),
    /// Shows digits to learn from, and what tables know about their next pixel
    Digits(digits::Options),
    /// Trains a stack on digits
    #[command(subcommand)]
    Train(mnist::Training),
    /// Brings digits to an end, pixel by pixel
    Sample(mnist::Drawing),
    /// Trains a language model with S4 or S4D inside on any text: this book, if no other is named
    TrainOnBook(s4_language_model::Training),
    /// Continues a text with a trained language model
    Generate(s4_language_model::Writing),
    /// What each character costs a language model that may see the last 1, 2, 4, … before it
    Context(s4_language_model::Covering),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Reconstruct(options) => hippo::run(options),
            Self::Nplr(options) => nplr::run(options),
            Self::Kernel(options) => kernel::run(options),
            Self::Layer(options) => s4_layer::run(options),
            Self::Diagonal(options) => diagonal::run(options),
            Self::S5(options) => s5::run(options),
            Self::Bench(options) => sequence_model::run(options),
            Self::Digits(options) => digits::run(options),
            Self::Train(training) => mnist::run(training),
            Self::Sample(options) => mnist::draw(options),
            Self::TrainOnBook(options) => s4_language_model::train(options),
            Self::Generate(options) => s4_language_model::generate(options),
            Self::Context(options) => s4_language_model::context(options),
        }
    }
}
