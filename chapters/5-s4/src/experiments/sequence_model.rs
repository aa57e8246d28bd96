//! The command of the page `sequence_model`: what a step of training costs, and a step of running.

use std::error::Error;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::Args;
use ml_links::language_model::Noise;
use ml_links::parameterization::normal;
use ml_links::training::{DeviceArguments, ParameterGroup, Recipe, Trainer, TrainingError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use s4::block_operations::cross_entropy;
use s4::s4_layer::slow_parameters;
use s4::sequence_model::{Memory, SequenceModel, SequenceModelConfig, StackConfig};
use serde::Serialize;

use super::count;

/// What is timed.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Sequences of a batch
    #[arg(long, default_value_t = 32, value_parser = count(4096))]
    batch: usize,
    /// Steps of a sequence, from the shortest to the longest
    #[arg(long, value_delimiter = ',', default_values_t = [196, 392, 784, 1568, 3136], value_parser = count(1 << 20))]
    lengths: Vec<usize>,
    /// Channels
    #[arg(long, default_value_t = 64, value_parser = count(4096))]
    d_model: usize,
    /// States of each channel in each block
    #[arg(long, default_value_t = 64, value_parser = count(4096))]
    d_state: usize,
    /// Blocks
    #[arg(long, default_value_t = 4, value_parser = count(256))]
    layers: usize,
    /// Which memory a block has
    #[arg(long, value_enum, default_value_t)]
    memory: Memory,
    /// How many steps of training are timed, after two that are not
    #[arg(long, default_value_t = 5, value_parser = count(10_000))]
    rounds: usize,
    /// For how many steps the model runs
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 10_000], value_parser = count(1 << 30))]
    steps: Vec<usize>,
    /// One JSON object in place of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    parameters: usize,
    lengths: Vec<Trained>,
    running: Vec<Ran>,
}

#[derive(Debug, Serialize)]
struct Trained {
    length: usize,
    /// Seconds of each step.
    training: Vec<f64>,
    /// The most memory that the program has had so far, in bytes, where the system says it.
    memory: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Ran {
    steps: usize,
    per_second: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let &Options { d_model, d_state, layers, memory, .. } = options;
    let device = options.device.device()?;
    let stack =
        StackConfig { d_model, d_state, layers, memory, dropout: 0.2, ..StackConfig::default() };
    let config = SequenceModelConfig { inputs: 1, outputs: 10, stack };
    let model = config.init(&device.clone().autodiff())?;
    let parameters = model.num_params();
    let lengths = options.lengths.iter().map(|&length| trained(&model, length, options));
    let lengths = lengths.collect::<Result<_, _>>()?;
    let model = model.valid();
    let ran = |&steps: &usize| Ran { steps, per_second: steps_a_second(&model, steps, &device) };
    let report = Report { parameters, lengths, running: options.steps.iter().map(ran).collect() };
    match options.json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => print_table(&report, options),
    }
    Ok(())
}

fn print_table(report: &Report, options: &Options) {
    let Options { layers, d_model, d_state, batch, .. } = options;
    println!(
        "{layers} blocks of {d_model} channels with {d_state} states: {} parameters",
        report.parameters
    );
    println!("\na step of training, {batch} sequences");
    println!(
        "{:>8}  {:>8}  {:>14}  {:>12}",
        "length", "seconds", "inputs a second", "memory so far"
    );
    for Trained { length, training, memory } in &report.lengths {
        let seconds = training.iter().copied().fold(f64::INFINITY, f64::min);
        let speed = (batch * length) as f64 / seconds;
        let memory = memory.map_or("-".into(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6));
        println!("{length:>8}  {seconds:>8.3}  {speed:>15.0}  {memory:>13}");
    }
    println!("\nrunning, one sequence");
    println!("{:>8}  {:>14}", "steps", "steps a second");
    for Ran { steps, per_second } in &report.running {
        println!("{steps:>8}  {per_second:>14.0}");
    }
}

/// Trains on sequences of one length.
fn trained(
    model: &SequenceModel,
    length: usize,
    options: &Options,
) -> Result<Trained, TrainingError> {
    let device = model.device();
    let recipe = Recipe { rate: 1e-3, ..Recipe::new(options.rounds + 2) };
    let groups = [ParameterGroup::of(slow_parameters()).rate(0.5).without_decay()];
    let mut trainer = Trainer::new(model.clone(), recipe)?.with_groups(groups);
    let (u, classes) = batch_of(options.batch, length, &device);
    let mut training = Vec::new();
    while !trainer.is_done() {
        let begun = Instant::now();
        trainer.advance(|model, random| {
            let logits = model.of_the_whole(u.clone(), &mut Noise::of(random));
            cross_entropy(logits.unsqueeze_dim(2), classes.clone())
        })?;
        if trainer.step() > 2 {
            training.push(begun.elapsed().as_secs_f64());
        }
    }
    Ok(Trained { length, training, memory: peak_memory() })
}

/// Noise of no meaning, and classes that go round.
fn batch_of(batch: usize, length: usize, device: &Device) -> (Tensor<3>, Tensor<2, Int>) {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let noise: Vec<f32> = (0..batch * length).map(|_| normal(&mut random) as f32).collect();
    let classes: Vec<i32> = (0..batch as i32).map(|i| i % 10).collect();
    (
        Tensor::from_data(TensorData::new(noise, [batch, 1, length]), device),
        Tensor::from_data(TensorData::new(classes, [batch, 1]), device),
    )
}

/// How fast one sequence is read, a step after the other.
fn steps_a_second(model: &SequenceModel, steps: usize, device: &Device) -> f64 {
    let mut state = model.stack.initial_state(1);
    let mut u = Tensor::<2>::ones([1, 1], device);
    let begun = Instant::now();
    for _ in 0..steps {
        let y = model.step(u, &mut state);
        u = y.narrow(1, 0, 1).tanh();
    }
    u.into_data();
    steps as f64 / begun.elapsed().as_secs_f64()
}

/// The high-water mark of this program's memory, from Linux.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
