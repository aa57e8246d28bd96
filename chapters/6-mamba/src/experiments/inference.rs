//! The experiments of the page `inference`: what a model remembers, and how fast it is.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use clap::Args;
use mamba::config::MambaConfig;
use mamba::inference::{RandomTensors, Runner, Tensors, TokenReader, Weights};
use mamba::matrix::Matrix;
use mamba::pretrained::layout;
use mamba::tensor_files::Dtype;
use mamba::text_commands::Keep;
use multiversion::multiversion;
use rayon::prelude::*;
use serde_json::{Value, json};
use workbench::command_line::count;

/// The sizes of a model.
#[derive(Debug, Args)]
pub struct Shape {
    /// d_model
    #[arg(long, default_value_t = 768, value_parser = count(1 << 14))]
    d_model: usize,
    /// Blocks
    #[arg(long, default_value_t = 24, value_parser = count(1 << 8))]
    layers: usize,
    /// N
    #[arg(long, default_value_t = 16, value_parser = count(1 << 10))]
    d_state: usize,
    /// Tokens that there are
    #[arg(long, default_value_t = 50_280, value_parser = count(1 << 18))]
    vocabulary: usize,
}

impl Shape {
    fn config(&self) -> MambaConfig {
        MambaConfig {
            hidden_size: self.d_model,
            num_hidden_layers: self.layers,
            state_size: self.d_state,
            vocab_size: self.vocabulary,
            ..MambaConfig::default()
        }
    }
}

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    shape: Shape,
}

fn megabytes(bytes: usize) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

/// What a Mamba and a transformer of as many weights keep of what they have read.
pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let config = options.shape.config();
    config.check()?;
    let (d_inner, taps, d_state) = (config.d_inner(), config.conv_kernel, config.state_size);
    let layers = config.num_hidden_layers;
    let numbers: usize =
        layout(&config).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    println!("{numbers} numbers in {layers} layers of {d_inner} channels");
    println!("weights of a token: {} in f32", megabytes(4 * numbers));
    let state = 4 * layers * d_inner * (taps + d_state);
    // A block of attention and a block of perceptrons weigh as much as two blocks of Mamba.
    let (attention, width) = (layers.div_ceil(2), config.hidden_size);
    println!();
    println!("{:>12} {:>14} {:>20}", "tokens read", "this state", "keys and values");
    for tokens in [1, 10, 100, 1_000, 10_000, 100_000] {
        let cache = 2 * 4 * attention * width * tokens;
        println!("{tokens:>12} {:>14} {:>20}", megabytes(state), megabytes(cache));
    }
    println!();
    println!("The same two layers, all at once and step by step (random weights, d_model 64)");
    println!();
    println!("{:>12} {:>14} {:>20}", "tokens read", "state", "logits apart");
    let small = MambaConfig {
        hidden_size: 64,
        num_hidden_layers: 2,
        vocab_size: 100,
        ..MambaConfig::default()
    };
    let weights = Weights::read(&small, &RandomTensors { seed: 1 })?;
    for tokens in [1, 10, 100, 1_000] {
        let ids: Vec<u32> = (0..tokens).map(|k| (k * k + 7 * k) % 100).collect();
        let mut runner = Runner::new(&weights);
        let at_once = runner.prefill(&ids)?.to_vec();
        runner.reset();
        let mut stepped = Vec::new();
        for &id in &ids {
            stepped = runner.step(id)?.to_vec();
        }
        let largest = at_once.iter().fold(0.0_f32, |largest, logit| largest.max(logit.abs()));
        let off = at_once.iter().zip(&stepped).map(|(a, b)| (a - b).abs());
        let off = off.fold(0.0_f32, f32::max) / largest;
        let bytes = runner.state().bytes();
        // Rounding depends on the processor: a bound, not a number.
        let bound = if off < 1e-5 { "below 1e-5" } else { "above 1e-5" };
        println!("{tokens:>12} {:>14} {bound:>20}", format!("{bytes} bytes"));
    }
    Ok(())
}

#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    shape: Shape,
    /// How matrices are kept [default: first f32, then bf16]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<Keep>,
    /// A folder with a model instead of random weights
    #[arg(long, value_name = "FOLDER")]
    model: Option<std::path::PathBuf>,
    /// Tokens that are read at once
    #[arg(long, default_value_t = 512, value_parser = count(1 << 16))]
    prompt: usize,
    /// Rounds, of which the best counts
    #[arg(long, default_value_t = 7, value_parser = count(1000))]
    rounds: usize,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// Random tensors, their matrices rounded.
struct Rounded(RandomTensors);

impl Tensors for Rounded {
    type Error = <RandomTensors as Tensors>::Error;

    fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, Self::Error> {
        Ok(self.0.matrix(name, shape)?.rounded())
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error> {
        self.0.numbers(name, shape)
    }
}

/// Tokens of one round of decoding.
const TOKENS_OF_A_ROUND: usize = 8;

pub fn bench(options: &Bench) -> Result<(), Box<dyn Error>> {
    let kinds = options.dtype.map_or(vec![Keep::F32, Keep::Bf16], |keep| vec![keep]);
    let mut rows = Vec::new();
    for keep in kinds {
        let weights = weights(options, keep)?;
        rows.push((keep, measure(options, &weights)?));
    }
    if options.json {
        let report: serde_json::Map<String, Value> =
            rows.iter().map(|(keep, row)| (Dtype::from(*keep).to_string(), row.json())).collect();
        println!("{}", Value::from(report));
        return Ok(());
    }
    println!("{} threads; the best of {} rounds", rayon::current_num_threads(), options.rounds);
    for (keep, row) in rows {
        println!();
        println!("{}, {} a token", Dtype::from(keep), megabytes(row.bytes));
        println!("{:<26} {:>9.2} GB/s", "memory, only read", row.bandwidth / 1e9);
        let achieved = row.bytes as f64 / row.step;
        println!("{:<26} {:>9.2} tokens/s", "decoding", 1.0 / row.step);
        println!("{:<26} {:>9.2} GB/s", "", achieved / 1e9);
        println!("{:<26} {:>9.0} % of the reading", "", 100.0 * achieved / row.bandwidth);
        let name = format!("{} tokens at once", options.prompt);
        println!("{name:<26} {:>9.2} s", row.prefill);
        println!("{:<26} {:>9.0} tokens/s", "", options.prompt as f64 / row.prefill);
    }
    Ok(())
}

fn weights(options: &Bench, keep: Keep) -> Result<Weights, Box<dyn Error>> {
    if let Some(folder) = &options.model {
        return Ok(mamba::pretrained::load(folder, Some(keep.into()))?.weights);
    }
    let random = RandomTensors { seed: 1 };
    Ok(match keep {
        Keep::F32 => Weights::read(&options.shape.config(), &random)?,
        Keep::Bf16 => Weights::read(&options.shape.config(), &Rounded(random))?,
    })
}

/// What was measured.
struct Row {
    /// Bytes of a step.
    bytes: usize,
    /// Bytes of a second, only read.
    bandwidth: f64,
    /// Seconds of a step.
    step: f64,
    /// Seconds of the prompt.
    prefill: f64,
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "bytes_per_token": self.bytes, "read_bytes_per_second": self.bandwidth,
            "seconds_per_token": self.step, "prefill_seconds": self.prefill,
        })
    }
}

/// The three take turns, so that what else the machine does falls on all of them.
fn measure(options: &Bench, weights: &Weights) -> Result<Row, Box<dyn Error>> {
    let memory = vec![1.0_f32; 1 << 27];
    let ids: Vec<u32> =
        (0..options.prompt).map(|k| (k * 7919 % weights.vocabulary()) as u32).collect();
    let mut row = Row {
        bytes: weights.bytes_of_a_step(),
        bandwidth: 0.0,
        step: f64::INFINITY,
        prefill: f64::INFINITY,
    };
    for _ in 0..options.rounds {
        let start = Instant::now();
        black_box(memory.par_chunks(1 << 18).map(sum).sum::<f32>());
        row.bandwidth =
            row.bandwidth.max(4.0 * memory.len() as f64 / start.elapsed().as_secs_f64());

        let mut runner = Runner::new(weights);
        let start = Instant::now();
        black_box(runner.prefill(&ids)?);
        row.prefill = row.prefill.min(start.elapsed().as_secs_f64());

        let start = Instant::now();
        for _ in 0..TOKENS_OF_A_ROUND {
            black_box(runner.step(ids[0])?);
        }
        row.step = row.step.min(start.elapsed().as_secs_f64() / TOKENS_OF_A_ROUND as f64);
    }
    Ok(row)
}

/// Reads every number once, and does as little else as can be.
#[multiversion(targets("x86_64+avx2+fma"))]
fn sum(numbers: &[f32]) -> f32 {
    let mut sums = [[0.0_f32; 8]; 4];
    for piece in numbers.as_chunks::<32>().0 {
        for (sums, piece) in sums.iter_mut().zip(piece.as_chunks::<8>().0) {
            for lane in 0..8 {
                sums[lane] += piece[lane];
            }
        }
    }
    sums.iter().flatten().sum()
}
