//! The command of the page `mamba_lm`: chapter 4's `train-on-book`, with a Mamba inside, in bytes or pairs of them.

use std::error::Error;
use std::path::PathBuf;

use burn::module::ParamGroup;
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use mamba::byte_pairs::BytePairs;
use mamba::config::{ConfigError, MambaConfig};
use mamba::mamba_lm::{MambaLm, ModelError};
use mamba::tensor_files::Dtype;
use ml_links::language_model::{Alphabet, TextError};
use ml_links::reading::{Architecture, TextArguments, train_in_tokens};
use ml_links::training::checkpoint::Checkpoint;
use ml_links::training::{ParameterGroup, RunOptions};
use serde::{Deserialize, Serialize};
use workbench::command_line::count;

#[derive(Debug, Args)]
#[command(mut_arg("out", |argument| argument.default_value("runs/train-text")))]
pub struct Training {
    #[command(flatten)]
    text: TextArguments,
    #[command(flatten)]
    writer: Writer,
    /// Different tokens: 256 are the bytes, more are the commonest pairs
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = count(1 << 20))]
    vocabulary: usize,
    /// Writes the best weights as Hugging Face keeps them into this folder [default: `model` in the folder of the checkpoints]
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// The precision of these weights
    #[arg(long, value_enum, default_value_t)]
    dtype: Precision,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Precision {
    #[default]
    F32,
    Bf16,
    F16,
}

/// The flags of the model.
#[derive(Debug, Clone, Copy, Args, Serialize, Deserialize)]
pub struct Writer {
    /// The width of the stream
    #[arg(long, default_value_t = 128)]
    d_model: usize,
    /// States of each channel
    #[arg(long, default_value_t = 16)]
    d_state: usize,
    /// Blocks
    #[arg(long, default_value_t = 4)]
    layers: usize,
    /// How many times wider a block is inside
    #[arg(long, default_value_t = 2)]
    expand: usize,
    /// The share of channels that are silenced in training
    #[arg(long, default_value_t = 0.1)]
    dropout: f64,
    #[arg(skip)]
    model_seed: u64,
}

impl Architecture for Writer {
    type Model = MambaLm;

    const NAME: &'static str = "Mamba";

    fn build(&self, vocabulary: usize, device: &Device) -> Result<MambaLm, TextError> {
        let Self { d_model, d_state, layers, expand, dropout, model_seed } = *self;
        if !(0.0..1.0).contains(&dropout) {
            let (name, expected) = ("the share of dropout", "from 0 to below 1");
            return Err(TextError::Number { name, expected, found: dropout });
        }
        let config = MambaConfig {
            vocab_size: vocabulary,
            hidden_size: d_model,
            state_size: d_state,
            num_hidden_layers: layers,
            expand: expand as f64,
            ..MambaConfig::default()
        };
        let model = MambaLm::init(&config, model_seed, device).map_err(by_flag)?;
        Ok(model.with_dropout(dropout))
    }

    fn groups(&self) -> Vec<ParameterGroup> {
        // How fast states forget is not drawn to anything.
        let rates = ParamGroup::from_any_predicates(vec!["a_log"]);
        vec![ParameterGroup::of(rates).without_decay()]
    }
}

/// A size that no model has, by the name of its flag.
fn by_flag(error: ModelError) -> TextError {
    match error {
        ModelError::Config(ConfigError::OutOfRange { name, expected: _, found }) => {
            let name = match name {
                "hidden_size" => "--d-model",
                "state_size" => "--d-state",
                "num_hidden_layers" => "--layers",
                "intermediate_size" => "--expand",
                other => other,
            };
            let found = found.parse().unwrap_or(f64::NAN);
            TextError::Number { name, expected: "from 1 to 16777216", found }
        }
        other => TextError::Tokens(other.to_string()),
    }
}

pub fn train(options: &Training) -> Result<(), Box<dyn Error>> {
    let Training { text, writer, vocabulary, model, dtype } = options;
    let writer = Writer { model_seed: text.seed, ..*writer };
    let learn = |_: &str, learned: &str| BytePairs::learn(learned, *vocabulary);
    let (_, pairs) = train_in_tokens(text, &writer, learn, &mut |line| println!("{line}"))?;

    let best = Checkpoint::read(&RunOptions::best_in(&text.out))?;
    let best = best.load_into(writer.build(pairs.size(), &Device::flex())?)?;
    let folder = model.clone().unwrap_or_else(|| text.out.join("model"));
    let dtype = match dtype {
        Precision::F32 => Dtype::F32,
        Precision::Bf16 => Dtype::Bf16,
        Precision::F16 => Dtype::F16,
    };
    best.save_pretrained(&folder, dtype)?;
    pairs.save(&folder)?;
    println!("model     {}: its best weights, for the command generate", folder.display());
    Ok(())
}
