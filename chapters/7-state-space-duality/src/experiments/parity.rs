//! The command `train parity` of the page `mamba3`.

use std::error::Error;
use std::path::PathBuf;

use burn::module::Module;
use clap::{Args, ValueEnum};
use mamba::practice::{Practice, share_right, unseen};
use ml_links::training::{Outcome, Recipe, RunArguments, Trainer, TrainingError, train};
use serde_json::json;
use state_space_duality::mamba3::Parity;
use state_space_duality::mamba3_layer::{Habit, Mamba3Config, Mamba3Lm, Recurrence};
use state_space_duality::parity_lesson::ParityLesson;
use workbench::command_line::count;

/// What `train parity` takes.
#[derive(Debug, Args)]
#[command(mut_arg("lr", |argument| argument.default_value("0.01")))]
#[command(mut_arg("weight_decay", |argument| argument.default_value("0")))]
#[command(mut_arg("evaluate_every", |argument| argument.default_value("250")))]
#[command(mut_arg("save_every", |argument| argument.default_value("250")))]
pub struct Options {
    /// Who reads
    #[arg(long, value_enum, default_value_t)]
    model: Reader,
    /// Bits of the longest strings that are practised
    #[arg(long, default_value_t = 40, value_parser = count(1 << 16))]
    length: usize,
    /// Bits of the shortest; strings are of all lengths between
    #[arg(long, default_value_t = 2, value_parser = count(1 << 16))]
    shortest: usize,
    /// How many steps
    #[arg(long, default_value_t = 2500, value_parser = count(1 << 30))]
    steps: usize,
    /// Strings of the full length in a step; of shorter ones there are more
    #[arg(long, default_value_t = 16, value_parser = count(1 << 12))]
    batch: usize,
    /// With which probability an answer is taken to be wrong: 0 is the usual loss
    #[arg(long, default_value_t = 0.1)]
    doubt: f64,
    /// Channels
    #[arg(long, default_value_t = 16, value_parser = count(1 << 12))]
    d_model: usize,
    /// States of each entry of a head
    #[arg(long, default_value_t = 8, value_parser = count(1 << 10))]
    d_state: usize,
    /// Entries of a head
    #[arg(long, default_value_t = 8, value_parser = count(1 << 10))]
    head_dim: usize,
    /// Blocks
    #[arg(long, default_value_t = 1, value_parser = count(1 << 7))]
    layers: usize,
    /// The shortest step with which a head begins
    #[arg(long, default_value_t = 0.001)]
    delta_min: f64,
    /// And the longest
    #[arg(long, default_value_t = 0.1)]
    delta_max: f64,
    /// Afterwards it is asked about strings of up to so many times the length
    #[arg(long, default_value_t = 32, value_parser = count(1 << 12))]
    up_to: usize,
    #[command(flatten)]
    run: RunArguments,
}

/// Who reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Reader {
    /// Mamba-3: its states turn
    #[default]
    Mamba3,
    /// The same without turns
    Real,
    /// The same without turns, and each step counts its own end only: the recurrence of Mamba-2
    Mamba2,
}

impl Reader {
    fn recurrence(self) -> Recurrence {
        match self {
            Self::Mamba3 => Recurrence::Mamba3,
            Self::Real => Recurrence::Real,
            Self::Mamba2 => Recurrence::Mamba2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mamba3 => "mamba3",
            Self::Real => "real",
            Self::Mamba2 => "mamba2",
        }
    }
}

/// Teaches parity of short strings, and asks about long ones.
pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { model: reader, length, shortest, steps, batch, up_to, run, .. } = options;
    run.check()?;
    if shortest > length {
        let sentence =
            format!("expected --shortest of at most --length, {length}, found {shortest}");
        return Err(TrainingError::Task(sentence).into());
    }
    if !(0.0..0.5).contains(&options.doubt) {
        let sentence = format!("expected --doubt from 0 to below 0.5, found {}", options.doubt);
        return Err(TrainingError::Task(sentence).into());
    }
    let device = run.device.device()?.autodiff();
    let config = Mamba3Config {
        d_model: options.d_model,
        d_state: options.d_state,
        head_dim: options.head_dim,
        layers: options.layers,
        recurrence: reader.recurrence(),
        steps: [options.delta_min, options.delta_max],
        ..Mamba3Config::default()
    };
    let model = Mamba3Lm::init(&config, run.seed, &device)?;
    println!("task      parity of each beginning of strings of {shortest} to {length} bits");
    println!(
        "model     {}: {} block, {} heads of {} entries with {} states: {} parameters",
        reader.name(),
        config.layers,
        config.heads(),
        config.head_dim,
        config.d_state,
        model.num_params()
    );
    println!("steps     {steps} of {} bits", batch * length);

    let name = format!("parity-{}", reader.name());
    let usual = PathBuf::from("runs").join(name);
    let configuration = json!({
        "task": "parity", "model": config, "length": length, "shortest": shortest, "batch": batch,
        "doubt": options.doubt,
    });
    let lesson = Parity::of_each_beginning(*length)?;
    let practice = Practice::new(lesson, *shortest, *batch, run.seed, &device)?;
    let lesson = ParityLesson { practice, doubt: options.doubt, device: device.clone() };
    // A turn that is off by a thousandth is off by one after a thousand bits: the last steps have to be small.
    let recipe = Recipe { floor: 1e-3, ..run.recipe(*steps) };
    let trainer = Trainer::new(model, recipe)?;
    let (trainer, outcome) =
        train(trainer, &lesson, &run.options(&usual), &configuration, &mut |line| {
            println!("{line}");
        })?;
    summarise(run, &outcome);

    // Not the first that made no mistake on short strings: the last, whose turns are the most exact.
    let model = trainer.into_model().valid();
    println!();
    show_heads(&model);
    println!();
    println!("Parity of whole strings that were not practised");
    println!();
    println!("{:>8} {:>7} {:>9} {:>9}", "bits", "times", "strings", "right");
    let times = [0.125, 0.25, 0.5].into_iter().chain((0..13).map(|n| f64::from(1 << n)));
    for times in times.take_while(|times| *times <= *up_to as f64) {
        let bits = (times * *length as f64) as usize;
        let Ok(puzzle) = Parity::of_the_whole(bits) else { continue };
        let strings = unseen(&puzzle, 1024, run.seed.wrapping_add(1));
        let right = 100.0 * share_right(&model, &strings, &device);
        println!("{bits:>8} {times:>7} {:>9} {right:>7.1} %", strings.len());
    }
    Ok(())
}

/// What the heads of the first block do at each bit.
fn show_heads(model: &Mamba3Lm) {
    println!("What each head of the first block does at a 0, and at a 1");
    println!();
    println!("{:>8} {:>21} {:>25}", "", "Δ    keeps    turns", "Δ    keeps    turns");
    let habits = [0, 1].map(|bit| model.habits(bit));
    for (head, (at_0, at_1)) in habits[0].iter().zip(&habits[1]).enumerate() {
        let cells = |Habit { delta, keeps, turns }: &Habit| {
            format!("{delta:>6.3} {keeps:>7.3} {turns:>6.3} π")
        };
        println!("{:>8}    {}    {}", head + 1, cells(at_0), cells(at_1));
    }
}

fn summarise(run: &RunArguments, outcome: &Outcome) {
    if let (Some(last), Some(best)) = (outcome.last, outcome.best) {
        println!(
            "after     {} steps: {:.2} % wrong of what was held out; best {:.2} % after {}",
            last.step, last.value, best.value, best.step
        );
    }
    println!("time      {:.1} minutes, {:.0} bits a second", outcome.seconds / 60.0, outcome.speed);
    if !outcome.finished {
        let out =
            run.out.as_ref().map_or_else(String::new, |out| format!(" --out {}", out.display()));
        println!("not done: the same command with --resume{out} goes on");
    }
}
