//! The commands of the page `language_model`.

use std::error::Error;
use std::io;

use burn::tensor::Device;
use clap::Args;
use ml_links::language_model::{LanguageModel, LanguageModelConfig, TextError};
use ml_links::parameterization::time_scales;
use ml_links::reading::{
    Architecture, ContinueArguments, ReadingError, TextArguments, continue_text, train_on_text,
};
use ml_links::training::ParameterGroup;
use serde::{Deserialize, Serialize};

#[derive(Debug, Args)]
pub struct Training {
    #[command(flatten)]
    text: TextArguments,
    #[command(flatten)]
    model: Stack,
}

#[derive(Debug, Args)]
pub struct Writing {
    #[command(flatten)]
    arguments: ContinueArguments,
}

/// The flags of the model.
#[derive(Debug, Clone, Copy, Args, Serialize, Deserialize)]
pub struct Stack {
    /// Channels
    #[arg(long, default_value_t = 128)]
    d_model: usize,
    /// States of each channel in each layer
    #[arg(long, default_value_t = 32)]
    d_state: usize,
    /// Layers
    #[arg(long, default_value_t = 3)]
    layers: usize,
    /// The share of channels that are silenced in training
    #[arg(long, default_value_t = 0.2)]
    dropout: f64,
    #[arg(skip)]
    model_seed: u64,
}

impl Architecture for Stack {
    type Model = LanguageModel;

    const NAME: &'static str = "diagonal state spaces";

    fn build(&self, vocabulary: usize, device: &Device) -> Result<LanguageModel, TextError> {
        let Self { d_model, d_state, layers, dropout, model_seed } = *self;
        let seed = model_seed;
        LanguageModelConfig { vocabulary, d_model, d_state, layers, dropout, seed }.init(device)
    }

    fn groups(&self) -> Vec<ParameterGroup> {
        vec![ParameterGroup::of(time_scales()).rate(0.5).without_decay()]
    }
}

pub fn train(options: &Training) -> Result<(), Box<dyn Error>> {
    let stack = Stack { model_seed: options.text.seed, ..options.model };
    train_on_text(&options.text, &stack, &mut |line| println!("{line}"))?;
    Ok(())
}

pub fn generate(options: &Writing) -> Result<(), Box<dyn Error>> {
    match continue_text::<Stack>(&options.arguments, &mut io::stdout().lock()) {
        // The reader of a pipe may stop reading: `| head`.
        Err(ReadingError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
