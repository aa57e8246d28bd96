//! The experiments of the page `pretrained`, on a folder as Hugging Face keeps it.

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mamba::config::MambaConfig;
use mamba::inference::Runner;
use mamba::pretrained::{Pretrained, load, write_random};
use mamba::tensor_files::{Dtype, TensorFiles};
use mamba::text_commands::{self, ModelArguments, Reading, Writing};
use workbench::command_line::count;

/// The folder of the model that comes with this book.
const OUR_MODEL: &str = "chapters/6-mamba/model";

fn read_folder(model: &ModelArguments) -> Result<Pretrained, Box<dyn Error>> {
    Ok(load(&model.folder(OUR_MODEL)?, model.keep())?)
}

pub fn write(options: &Writing) -> Result<(), Box<dyn Error>> {
    options.choice()?;
    let model = read_folder(&options.model)?;
    let (runner, end) = (&mut Runner::new(&model.weights), model.config.eos_token_id);
    Ok(text_commands::write(options, runner, &model.tokenizer, end)?)
}

pub fn read(options: &Reading) -> Result<(), Box<dyn Error>> {
    let model = read_folder(&options.model)?;
    Ok(text_commands::read(options, &mut Runner::new(&model.weights), &model.tokenizer)?)
}

#[derive(Debug, Args)]
pub struct Listing {
    #[command(flatten)]
    model: ModelArguments,
}

pub fn list(options: &Listing) -> Result<(), Box<dyn Error>> {
    let folder = options.model.folder(OUR_MODEL)?;
    let files = TensorFiles::open(&folder)?;
    let config = MambaConfig::read(&folder)?;
    println!("{:<40} {:>6} {:>14} {:>10}", "tensor", "type", "shape", "bytes");
    let mut bytes = 0;
    for name in files.names() {
        let (dtype, shape, size) = files.about(name).unwrap_or(("?", &[], 0));
        println!("{name:<40} {dtype:>6} {:>14} {size:>10}", format!("{shape:?}"));
        bytes += size;
    }
    println!("{:<40} {:>6} {:>14} {bytes:>10}", "all", "", "");
    println!();
    let (d_inner, d_state) = (config.d_inner(), config.state_size);
    println!("{} layers of {d_inner} channels with N = {d_state}", config.num_hidden_layers);
    Ok(())
}

/// The type of the numbers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stored {
    F32,
    Bf16,
    F16,
}

#[derive(Debug, Args)]
pub struct Drawing {
    /// The folder to write
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// d_model
    #[arg(long, default_value_t = 768, value_parser = count(1 << 14))]
    d_model: usize,
    /// Blocks
    #[arg(long, default_value_t = 24, value_parser = count(1 << 8))]
    layers: usize,
    /// Tokens that there are
    #[arg(long, default_value_t = 50_280, value_parser = count(1 << 18))]
    vocabulary: usize,
    /// N
    #[arg(long, default_value_t = 16, value_parser = count(1 << 10))]
    d_state: usize,
    /// The type of the numbers
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    dtype: Stored,
    /// Which random numbers are drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn draw(options: &Drawing) -> Result<(), Box<dyn Error>> {
    let config = MambaConfig {
        hidden_size: options.d_model,
        num_hidden_layers: options.layers,
        vocab_size: options.vocabulary,
        state_size: options.d_state,
        ..MambaConfig::default()
    };
    let dtype = match options.dtype {
        Stored::F32 => Dtype::F32,
        Stored::Bf16 => Dtype::Bf16,
        Stored::F16 => Dtype::F16,
    };
    write_random(&options.out, &config, dtype, options.seed)?;
    println!("written: {}", options.out.display());
    Ok(())
}
