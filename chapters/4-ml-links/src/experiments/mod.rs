//! The experiments of chapter 4, in reading order: one module a page, one command each.

use std::error::Error;

use clap::Subcommand;
use workbench::command_line::{Experiments, count};

mod dual_computation;
mod gradients;
mod language_model;
mod linear_state_space_layer;
mod parameterization;
mod recurrent_networks;
mod scans;
mod sequence_prediction;
mod serve;
mod structured_matrices;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// What is left of a change after many steps: Elman networks, GRU, LSTM; and what a gate is
    Vanish(recurrent_networks::VanishOptions),
    /// Trains four networks to remember one number, and shows why two of them do not
    Recall(recurrent_networks::RecallOptions),
    /// One system four ways: steps, the sum as it stands, transforms, a stream; what they cost, and where costs cross
    Dual(dual_computation::Options),
    /// A layer read at once, in chunks and by tokens; what one more token costs, beside attention
    Layer(linear_state_space_layer::Options),
    /// A layer that is stable whatever it learns, and one that is not
    Parameterize(parameterization::Options),
    /// What structured matrices cost, how exact they are, and where Woodbury's identity loses digits
    Structures(structured_matrices::Options),
    /// What four ways to add up cost in calls and in waiting, and what logarithms cost in digits
    Scan(scans::Options),
    /// Slopes of a loss by one walk back, and how good a difference can be
    Adjoint(gradients::Options),
    /// Trains a layer and a network to continue a series: sines, blood cells, or a column of yours
    Predict(Box<sequence_prediction::Options>),
    /// Trains a model of characters on a text: this book, unless you name another
    TrainOnBook(Box<language_model::Training>),
    /// Lets a trained model continue a prompt
    Generate(Box<language_model::Writing>),
    /// Answers `benchmarks/sequences`
    #[command(hide = true)]
    Serve(serve::Options),
}

impl Experiments for Experiment {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Vanish(options) => recurrent_networks::vanish(options),
            Self::Recall(options) => recurrent_networks::recall(options),
            Self::Dual(options) => dual_computation::run(options),
            Self::Layer(options) => linear_state_space_layer::run(options),
            Self::Parameterize(options) => parameterization::run(options),
            Self::Structures(options) => structured_matrices::run(options),
            Self::Scan(options) => scans::run(options),
            Self::Adjoint(options) => gradients::run(options),
            Self::Predict(options) => sequence_prediction::run(options),
            Self::TrainOnBook(options) => language_model::train(options),
            Self::Generate(options) => language_model::generate(options),
            Self::Serve(options) => serve::run(options),
        }
    }
}
