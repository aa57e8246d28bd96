//! The commands of the page `s4_language_model`: chapter 4's with another model, and one that covers its eyes.

use std::error::Error;
use std::io;
use std::iter;
use std::path::PathBuf;

use burn::tensor::Device;
use clap::Args;
use ml_links::language_model::{TextError, read_text, split, surprises, table_bits};
use ml_links::reading::{
    Architecture, ContinueArguments, ReadingError, TextArguments, book_text, continue_text, load,
    train_on_text,
};
use ml_links::training::{DeviceArguments, ParameterGroup};
use s4::s4_language_model::{
    ContextCost, S4LanguageModel, S4LanguageModelConfig, bits_with_context, reach,
};
use s4::s4_layer::slow_parameters;
use s4::sequence_model::{Memory, SizeError, StackConfig};
use serde::{Deserialize, Serialize};

use super::count;

/// The longest context of a table: of longer ones a novel has next to none twice.
const LONGEST_OF_A_TABLE: usize = 8;

#[derive(Debug, Args)]
pub struct Training {
    #[command(flatten)]
    text: TextArguments,
    #[command(flatten)]
    reader: Reader,
}

#[derive(Debug, Args)]
pub struct Writing {
    #[command(flatten)]
    arguments: ContinueArguments,
}

/// The flags of the model.
#[derive(Debug, Clone, Copy, Args, Serialize, Deserialize)]
pub struct Reader {
    /// Which memory a block has
    #[arg(long, value_enum, default_value_t)]
    model: Memory,
    /// Channels
    #[arg(long, default_value_t = 128)]
    d_model: usize,
    /// States of each channel in each block
    #[arg(long, default_value_t = 32)]
    d_state: usize,
    /// Blocks
    #[arg(long, default_value_t = 3)]
    layers: usize,
    /// The share of channels that are silenced in training
    #[arg(long, default_value_t = 0.2)]
    dropout: f64,
    /// The smallest Δ before training: its inverse is about the longest memory, in characters
    #[arg(long, default_value_t = 0.001)]
    delta_min: f64,
    /// The largest Δ before training
    #[arg(long, default_value_t = 0.5)]
    delta_max: f64,
    #[arg(skip)]
    model_seed: u64,
}

impl Architecture for Reader {
    type Model = S4LanguageModel;

    const NAME: &'static str = "blocks of S4 or S4D";

    fn build(&self, vocabulary: usize, device: &Device) -> Result<S4LanguageModel, TextError> {
        let Self { model, d_model, d_state, layers, dropout, delta_min, delta_max, model_seed } =
            *self;
        let stack = StackConfig {
            memory: model,
            d_model,
            d_state,
            layers,
            dropout,
            delta_min,
            delta_max,
            seed: model_seed,
            ..StackConfig::default()
        };
        let built = S4LanguageModelConfig { vocabulary, stack }.init(device);
        built.map_err(|SizeError { name, expected, found }| TextError::Number {
            name,
            expected,
            found,
        })
    }

    fn groups(&self) -> Vec<ParameterGroup> {
        vec![ParameterGroup::of(slow_parameters()).rate(0.5).without_decay()]
    }
}

pub fn train(options: &Training) -> Result<(), Box<dyn Error>> {
    let reader = Reader { model_seed: options.text.seed, ..options.reader };
    train_on_text(&options.text, &reader, &mut |line| println!("{line}"))?;
    Ok(())
}

pub fn generate(options: &Writing) -> Result<(), Box<dyn Error>> {
    match continue_text::<Reader>(&options.arguments, &mut io::stdout().lock()) {
        // The reader of a pipe may stop reading: `| head`.
        Err(ReadingError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Whose eyes are covered, and how far.
#[derive(Debug, Args)]
pub struct Covering {
    /// A folder of checkpoints (its best weights), or one checkpoint
    #[arg(long, value_name = "PATH", default_value = "runs/train-on-book")]
    checkpoint: PathBuf,
    /// The text that it was trained on, in UTF-8: its last tenth is foretold [default: this book]
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// The longest context, in characters; the others are 1, 2, 4, … up to it
    #[arg(long, value_name = "COUNT", default_value_t = 1024, value_parser = count(1 << 15))]
    longest: usize,
    /// Foretells one character of so many
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = count(1 << 15))]
    every: usize,
    #[command(flatten)]
    device: DeviceArguments,
}

pub fn context(options: &Covering) -> Result<(), Box<dyn Error>> {
    let &Covering { longest, every, .. } = options;
    let (model, vocabulary) = load::<Reader>(&options.checkpoint, &options.device.device()?)?;
    let text = match &options.text {
        Some(path) => read_text(path)?,
        None => book_text()?,
    };
    let tokens = vocabulary.encode(&text)?;
    let (learned, held_out) = split(&tokens);
    let places: Vec<usize> = (longest..held_out.len()).step_by(every).collect();
    if places.len() < 2 {
        let reason = format!(
            "for a last tenth with contexts of {longest} and two characters to foretell, {every} apart"
        );
        let needed = 10 * (longest + every + 1);
        return Err(TextError::TooShort { needed, found: tokens.len(), reason }.into());
    }

    println!("foretold  {} of {} characters held out", places.len(), held_out.len());
    println!("{:>9}  {:>8}  {:>8}  {:>16}", "context", "tables", "model", "saved");
    let tables = table_bits(learned, held_out, vocabulary.size(), LONGEST_OF_A_TABLE.min(longest));
    let mut costs: Vec<ContextCost> = Vec::new();
    let contexts = iter::successors(Some(1_usize), |context| Some(2 * context));
    for context in contexts.take_while(|&context| context <= longest) {
        let bits = bits_with_context(&model, held_out, &places, context)?;
        let cost = ContextCost { context, bits };
        let table = tables.get(context).map_or("-".into(), |bits| format!("{bits:.3}"));
        println!("{context:>9}  {table:>8}  {:>8.3}{}", cost.mean(), saved(costs.last(), &cost));
        costs.push(cost);
    }
    let whole = surprises(&model, held_out)?;
    let bits = places.iter().map(|&k| whole[k - 1]).collect();
    let cost = ContextCost { context: held_out.len(), bits };
    println!("{:>9}  {:>8}  {:>8.3}{}", "all", "-", cost.mean(), saved(costs.last(), &cost));
    if let Some(reach) = reach(&costs) {
        println!(
            "reach     {reach} characters: the last doubling that saves more than three times its error"
        );
    }
    Ok(())
}

/// What a context saves over one that is shorter, if there is one.
fn saved(less: Option<&ContextCost>, cost: &ContextCost) -> String {
    less.map_or_else(String::new, |less| {
        let (gain, error) = cost.gain_over(less);
        format!("  {gain:>8.3} ± {error:.3}")
    })
}
