//! The commands `train` and `sample` of the page `mnist`.

use std::error::Error;
use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::Device;
use clap::{Args, Subcommand};
use ml_links::language_model::Sampler;
use ml_links::training::checkpoint::Checkpoint;
use ml_links::training::{
    CheckpointError, DeviceArguments, Outcome, ParameterGroup, Recipe, RunArguments, RunOptions,
    Task, Trainer, train,
};
use s4::digits::{DataArguments, Digits, PIXELS};
use s4::mnist::{Classifier, Lesson, PixelModel, percent_wrong};
use s4::pictures::{Row, save, to_terminal};
use s4::pixel_tables::to_beat;
use s4::s4_layer::slow_parameters;
use s4::sequence_model::{Memory, Norm, StackConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::count;

/// What is learned.
#[derive(Debug, Subcommand)]
pub enum Training {
    /// To say which digit a melody of 784 pixels was
    MnistClassify(Arguments),
    /// To foretell every pixel of a digit from those before it
    MnistModel(Arguments),
}

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    run: Run,
    #[command(flatten)]
    model: Layers,
}

/// The flags of either task.
#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    data: DataArguments,
    /// How often each digit is learned, on average
    #[arg(long, default_value_t = 6.0)]
    epochs: f64,
    /// Digits in a step
    #[arg(long, default_value_t = 32, value_parser = count(10_000))]
    batch: usize,
    #[command(flatten)]
    training: RunArguments,
}

/// The flags of the model.
#[derive(Debug, Clone, Copy, Args)]
struct Layers {
    /// Which memory a block has
    #[arg(long, value_enum, default_value_t)]
    memory: Memory,
    /// Channels
    #[arg(long, default_value_t = 64)]
    d_model: usize,
    /// States of each channel in each block
    #[arg(long, default_value_t = 64)]
    d_state: usize,
    /// Blocks
    #[arg(long, default_value_t = 4)]
    layers: usize,
    /// The share of channels that are silenced in training [default: 0.1 to classify, 0 to model]
    #[arg(long)]
    dropout: Option<f64>,
    /// Where a block norms
    #[arg(long, value_enum, default_value_t)]
    norm: Norm,
}

impl Layers {
    /// What they make, if nobody asks for another share of dropout than this.
    fn config(self, seed: u64, dropout: f64) -> StackConfig {
        let Self { memory, d_model, d_state, layers, norm, .. } = self;
        let dropout = self.dropout.unwrap_or(dropout);
        StackConfig {
            memory,
            d_model,
            d_state,
            layers,
            dropout,
            norm,
            seed,
            ..StackConfig::default()
        }
    }
}

/// The name of a task, in folders and in checkpoints.
const READING: &str = "mnist-classify";
const WRITING: &str = "mnist-model";

/// What is saved with the weights.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    task: String,
    stack: StackConfig,
    data: String,
    digits: usize,
    batch: usize,
}

pub fn run(training: &Training) -> Result<(), Box<dyn Error>> {
    match training {
        Training::MnistClassify(Arguments { run, model }) => {
            classify(run, model.config(run.training.seed, 0.1))
        }
        Training::MnistModel(Arguments { run, model }) => {
            foretell(run, model.config(run.training.seed, 0.0))
        }
    }
}

fn classify(run: &Run, stack: StackConfig) -> Result<(), Box<dyn Error>> {
    let learned = learn(run, stack, READING, Classifier::init)?;
    let Learned { best, outcome, test } = learned;
    let named = best.name(&test.images().collect::<Vec<_>>());
    let wrong = percent_wrong(&named, test.labels());
    summarise(run, &outcome, "% wrong of those held out");
    println!("test      {:.2} % right of {} that were not looked at", 100.0 - wrong, test.len());
    Ok(())
}

fn foretell(run: &Run, stack: StackConfig) -> Result<(), Box<dyn Error>> {
    let Learned { best, outcome, test } = learn(run, stack, WRITING, PixelModel::init)?;
    let costs = best.nats_per_pixel(&test.images().collect::<Vec<_>>());
    let mean = costs.iter().sum::<f64>() / costs.len() as f64;
    summarise(run, &outcome, "nats per pixel of those held out");
    println!("test      {mean:.4} nats per pixel on {} that were not looked at", test.len());
    Ok(())
}

/// A run that ended.
struct Learned<M> {
    /// The model that was best on the digits held out.
    best: M,
    outcome: Outcome,
    test: Digits,
}

fn learn<M: Module>(
    run: &Run,
    stack: StackConfig,
    task: &str,
    init: fn(StackConfig, &Device) -> Result<M, s4::sequence_model::SizeError>,
) -> Result<Learned<M>, Box<dyn Error>>
where
    Lesson: Task<M>,
{
    if !(run.epochs > 0.0 && run.epochs < 1e9) {
        return Err(format!("expected --epochs above 0, found {}", run.epochs).into());
    }
    run.training.check()?;
    let (train_digits, test) = run.data.open(run.training.seed)?;
    if train_digits.len() < 2 {
        return Err(format!(
            "expected at least 2 digits to learn from, found {}",
            train_digits.len()
        )
        .into());
    }
    let device = run.training.device.device()?.autodiff();
    let model = init(stack, &device)?;
    let tables = if task == WRITING { to_beat(&train_digits, &test) } else { Vec::new() };
    let (parameters, digits) = (model.num_params(), train_digits.len());
    let lesson = Lesson::new(train_digits, run.batch, &device);
    let learned = lesson.learned();
    let steps = (run.epochs * learned as f64 / run.batch as f64).ceil().max(1.0) as usize;
    let data = run.data.data.display().to_string();
    let data = match data.as_str() {
        "strokes" => data,
        _ => "mnist".to_owned(),
    };
    let recipe = Recipe { floor: 0.01, ..run.training.recipe(steps) };
    let groups = [ParameterGroup::of(slow_parameters()).rate(0.25).without_decay()];
    let trainer = Trainer::new(model, recipe)?.with_groups(groups);
    println!(
        "digits    {}: {learned} to learn, {} held out, {} for the test",
        run.data.data.display(),
        digits - learned,
        test.len()
    );
    println!(
        "model     {:?}, {} blocks of {} channels with {} states: {parameters} parameters",
        stack.memory, stack.layers, stack.d_model, stack.d_state
    );
    println!("steps     {steps} of {} digits", run.batch);
    if let (Some((_, nothing)), Some((name, best))) = (tables.first(), tables.last()) {
        println!("to beat   {nothing:.3} nats per pixel, knowing nothing; {best:.3}, {name}");
    }

    let saved = Saved { task: task.to_owned(), stack, data, digits, batch: run.batch };
    let configuration = json!(saved);
    let usual = PathBuf::from("runs").join(task);
    let options = run.training.options(&usual);
    let (trainer, outcome) =
        train(trainer, &lesson, &options, &configuration, &mut |line| println!("{line}"))?;
    let best = RunOptions::best_in(&run.training.out_or(&usual));
    let best = Checkpoint::read(&best)?.load_into(trainer.into_model().valid())?;
    Ok(Learned { best, outcome, test })
}

fn summarise(run: &Run, outcome: &Outcome, unit: &str) {
    if let (Some(last), Some(best)) = (outcome.last, outcome.best) {
        println!(
            "after     {} steps: {:.4} {unit}; best {:.4} after {}",
            last.step, last.value, best.value, best.step
        );
    }
    let minutes = outcome.seconds / 60.0;
    println!("time      {minutes:.1} minutes, {:.0} pixels a second", outcome.speed);
    if !outcome.finished {
        let out = run
            .training
            .out
            .as_ref()
            .map_or_else(String::new, |out| format!(" --out {}", out.display()));
        println!("not done: --resume{out} goes on");
    }
}

/// What is drawn.
#[derive(Debug, Args)]
pub struct Drawing {
    #[command(flatten)]
    data: DataArguments,
    /// A checkpoint of `train mnist-model`
    #[arg(long, value_name = "FILE", default_value = "runs/mnist-model/best.safetensors")]
    checkpoint: PathBuf,
    /// How many digits, of those for the test
    #[arg(long, default_value_t = 5, value_parser = count(1000))]
    count: usize,
    /// The share of each digit that is given, from 0 to 1
    #[arg(long, default_value_t = 0.5)]
    given: f64,
    /// Above 1 more daring, below 1 more careful
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Draws them into this file, too: a name that ends in .png or .svg
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    device: DeviceArguments,
}

pub fn draw(options: &Drawing) -> Result<(), Box<dyn Error>> {
    if !(0.0..=1.0).contains(&options.given) {
        return Err(format!("expected --given from 0 to 1, found {}", options.given).into());
    }
    let sampler = Sampler { temperature: options.temperature, ..Sampler::default() };
    sampler.check()?;
    let checkpoint = Checkpoint::read(&options.checkpoint)?;
    let saved = saved(checkpoint.configuration(), &options.checkpoint)?;
    let model = checkpoint.load_into(PixelModel::init(saved.stack, &options.device.device()?)?)?;
    let (_, test) = options.data.open(options.seed)?;
    let truth: Vec<&[u8]> = test.images().take(options.count).collect();
    let given = (options.given * PIXELS as f64).round() as usize;
    let random = &mut Recipe { seed: options.seed, ..Recipe::new(1) }.random(0);
    let drawn = model.complete(&truth, given, &sampler, random);
    let drawn: Vec<&[u8]> = drawn.iter().map(Vec::as_slice).collect();
    let costs = model.nats_per_pixel(&truth);
    let rows = [
        Row::begun("given", truth.clone(), given),
        Row::completed("drawn by the model", drawn, given),
        Row::whole("as it was written", truth),
    ];
    println!("{}", to_terminal(&rows));
    let costs: Vec<String> = costs.iter().map(|cost| format!("{cost:<16.3}")).collect();
    println!("\nwhat they cost, in nats per pixel\n{}", costs.concat().trim_end());
    if let Some(path) = &options.picture {
        save(&rows, "Digits brought to an end by a model", path)?;
    }
    Ok(())
}

/// The configuration of a checkpoint, if it is of a model that draws.
fn saved(configuration: &Value, path: &std::path::Path) -> Result<Saved, CheckpointError> {
    let foreign = |reason: String| CheckpointError::Foreign { path: path.to_owned(), reason };
    let saved: Saved = serde_json::from_value(configuration.clone())
        .map_err(|error| foreign(error.to_string()))?;
    match saved.task.as_str() {
        WRITING => Ok(saved),
        other => Err(foreign(format!("it holds a model for {other}, not for {WRITING}"))),
    }
}
