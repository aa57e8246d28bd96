//! The commands `train selective-copy` and `train induction`.

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mamba::config::MambaConfig;
use mamba::mamba_lm::MambaLm;
use mamba::practice::{Practice, share_right, unseen};
use mamba::selection::{InductionHeads, Puzzle, SelectiveCopy};
use mamba::time_invariant::TimeInvariantLm;
use ml_links::language_model::CharacterModel;
use ml_links::parameterization::time_scales;
use ml_links::training::checkpoint::Checkpoint;
use ml_links::training::{
    Outcome, ParameterGroup, RunArguments, RunOptions, Trainer, TrainingError, train,
};
use serde_json::{Value, json};
use workbench::command_line::count;

/// What `train selective-copy` takes.
#[derive(Debug, Args)]
#[command(mut_arg("lr", |argument| argument.default_value("0.005")))]
#[command(mut_arg("weight_decay", |argument| argument.default_value("0")))]
#[command(mut_arg("evaluate_every", |argument| argument.default_value("250")))]
#[command(mut_arg("save_every", |argument| argument.default_value("250")))]
pub struct Copying {
    /// How many tokens are to be copied
    #[arg(long, default_value_t = 16, value_parser = count(1 << 12))]
    copied: usize,
    /// How many steps
    #[arg(long, default_value_t = 4000, value_parser = count(1 << 30))]
    steps: usize,
    /// Steps of the shortest sequences; shorter than --length, and sequences are of all lengths between [default: --copied, where there is no noise]
    #[arg(long, value_parser = count(1 << 20))]
    shortest: Option<usize>,
    #[command(flatten)]
    lesson: Lesson,
    #[command(flatten)]
    run: RunArguments,
}

/// What `train induction` takes.
#[derive(Debug, Args)]
#[command(mut_arg("lr", |argument| argument.default_value("0.01")))]
#[command(mut_arg("weight_decay", |argument| argument.default_value("0")))]
#[command(mut_arg("evaluate_every", |argument| argument.default_value("250")))]
#[command(mut_arg("save_every", |argument| argument.default_value("250")))]
pub struct Recalling {
    /// How many steps
    #[arg(long, default_value_t = 2000, value_parser = count(1 << 30))]
    steps: usize,
    /// Steps of the shortest sequences; shorter than --length, and sequences are of all lengths between [default: 16, or --length]
    #[arg(long, value_parser = count(1 << 20))]
    shortest: Option<usize>,
    #[command(flatten)]
    lesson: Lesson,
    #[command(flatten)]
    run: RunArguments,
}

/// Who reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Reader {
    /// Mamba: Δ, B and C by the token
    #[default]
    Selective,
    /// The same blocks with S4D inside, which treats every token alike
    S4d,
}

impl Reader {
    fn name(self) -> &'static str {
        match self {
            Self::Selective => "selective",
            Self::S4d => "s4d",
        }
    }
}

/// The flags that both puzzles have.
#[derive(Debug, Args)]
struct Lesson {
    /// Who reads
    #[arg(long, value_enum, default_value_t)]
    model: Reader,
    /// How many steps there are to look through
    #[arg(long, default_value_t = 256, value_parser = count(1 << 20))]
    length: usize,
    /// How many different tokens there are
    #[arg(long, default_value_t = 16, value_parser = count(1 << 16))]
    vocabulary: usize,
    /// Sequences of the full length in a step; of shorter ones there are more
    #[arg(long, default_value_t = 8, value_parser = count(1 << 12))]
    batch: usize,
    /// Channels
    #[arg(long, default_value_t = 64, value_parser = count(1 << 12))]
    d_model: usize,
    /// States of each channel in each block; with s4d twice as many
    #[arg(long, default_value_t = 16, value_parser = count(1 << 10))]
    d_state: usize,
    /// Blocks
    #[arg(long, default_value_t = 2, value_parser = count(1 << 7))]
    layers: usize,
    /// Taps of each block's convolution; with 1 it does not look back
    #[arg(long, default_value_t = 4, value_parser = count(1 << 7))]
    taps: usize,
    /// Afterwards it is asked at up to so many times the length
    #[arg(long, default_value_t = 64, value_parser = count(1 << 12))]
    up_to: usize,
}

impl Lesson {
    fn config(&self) -> MambaConfig {
        MambaConfig {
            vocab_size: self.vocabulary,
            hidden_size: self.d_model,
            state_size: self.d_state,
            num_hidden_layers: self.layers,
            conv_kernel: self.taps,
            tie_word_embeddings: false,
            ..MambaConfig::default()
        }
    }

    /// The shortest length: what was asked for, or so short, but never more than the length.
    fn shortest(&self, asked: Option<usize>, usual: usize) -> Result<usize, TrainingError> {
        match asked {
            Some(shortest) if shortest > self.length => Err(TrainingError::Task(format!(
                "expected --shortest of at most --length, {}, found {shortest}",
                self.length
            ))),
            Some(shortest) => Ok(shortest),
            None => Ok(usual.min(self.length)),
        }
    }
}

pub fn copy(options: &Copying) -> Result<(), Box<dyn Error>> {
    let Copying { copied, steps, shortest, lesson, run } = options;
    let puzzle = SelectiveCopy::new(lesson.vocabulary, *copied, lesson.length)?;
    let shortest = lesson.shortest(*shortest, *copied)?;
    let title = format!("selective copying: {copied} tokens among {}", lesson.length);
    let course = Course { name: "selective-copy", title, puzzle, shortest, steps: *steps };
    course.teach(lesson, run)
}

pub fn recall(options: &Recalling) -> Result<(), Box<dyn Error>> {
    let Recalling { steps, shortest, lesson, run } = options;
    let puzzle = InductionHeads::new(lesson.vocabulary, lesson.length)?;
    let shortest = lesson.shortest(*shortest, 16)?;
    let title = format!("induction in {} tokens", lesson.length);
    let course = Course { name: "induction", title, puzzle, shortest, steps: *steps };
    course.teach(lesson, run)
}

/// A puzzle, and how long it is practised.
struct Course<P> {
    name: &'static str,
    title: String,
    puzzle: P,
    shortest: usize,
    steps: usize,
}

impl<P: Puzzle> Course<P> {
    fn teach(self, lesson: &Lesson, run: &RunArguments) -> Result<(), Box<dyn Error>> {
        run.check()?;
        let device = run.device.device()?.autodiff();
        let config = lesson.config();
        match lesson.model {
            Reader::Selective => {
                self.teach_model(MambaLm::init(&config, run.seed, &device)?, lesson, run)
            }
            Reader::S4d => {
                self.teach_model(TimeInvariantLm::init(&config, run.seed, &device)?, lesson, run)
            }
        }
    }

    fn teach_model<M: CharacterModel>(
        self,
        model: M,
        lesson: &Lesson,
        run: &RunArguments,
    ) -> Result<(), Box<dyn Error>> {
        let device = run.device.device()?.autodiff();
        let Self { name, title, puzzle, shortest, steps } = self;
        println!("task      {title}, of {} different ones", lesson.vocabulary);
        println!(
            "model     {}: {} blocks of {} channels with {} states: {} parameters",
            lesson.model.name(),
            lesson.layers,
            lesson.d_model,
            lesson.d_state,
            model.num_params()
        );
        println!(
            "steps     {steps} of {} tokens, in sequences of {shortest} to {}",
            lesson.batch * lesson.length,
            lesson.length
        );
        let configuration = lesson.saved(name, puzzle.answers(), shortest);
        let usual = PathBuf::from("runs").join(format!("{name}-{}", lesson.model.name()));
        let practice = Practice::new(puzzle, shortest, lesson.batch, run.seed, &device)?;
        let groups = [ParameterGroup::of(time_scales()).rate(0.25).without_decay()];
        let trainer = Trainer::new(model, run.recipe(steps))?.with_groups(groups);
        let options = run.options(&usual);
        let (trainer, outcome) =
            train(trainer, &practice, &options, &configuration, &mut |line| println!("{line}"))?;
        summarise(run, &outcome);

        let best = RunOptions::best_in(&run.out_or(&usual));
        let best = Checkpoint::read(&best)?.load_into(trainer.into_model().valid())?;
        let puzzle = practice.puzzle();
        println!();
        println!("{:>8} {:>7} {:>10} {:>9}", "length", "times", "sequences", "right");
        for times in [0.25, 0.5].into_iter().chain((0..13).map(|n| f64::from(1 << n))) {
            let length = (times * lesson.length as f64) as usize;
            let Ok(puzzle) = puzzle.at_length(length) else { continue };
            if times > lesson.up_to as f64 {
                break;
            }
            let sequences = ((1 << 21) / length).clamp(64, 512);
            // Other sequences than those that chose the best model.
            let unseen = unseen(&puzzle, sequences, run.seed.wrapping_add(1));
            let right = 100.0 * share_right(&best, &unseen, &device);
            println!("{length:>8} {times:>7} {sequences:>10} {right:>7.1} %");
        }
        Ok(())
    }
}

impl Lesson {
    /// What is saved with the weights.
    fn saved(&self, task: &str, answers: usize, shortest: usize) -> Value {
        json!({
            "task": task,
            "reader": self.model.name(),
            "model": self.config(),
            "answers": answers,
            "length": self.length,
            "shortest": shortest,
            "batch": self.batch,
        })
    }
}

fn summarise(run: &RunArguments, outcome: &Outcome) {
    if let (Some(last), Some(best)) = (outcome.last, outcome.best) {
        println!(
            "after     {} steps: {:.2} % wrong of those held out; best {:.2} % after {}",
            last.step, last.value, best.value, best.step
        );
    }
    println!(
        "time      {:.1} minutes, {:.0} tokens a second",
        outcome.seconds / 60.0,
        outcome.speed
    );
    if !outcome.finished {
        let out =
            run.out.as_ref().map_or_else(String::new, |out| format!(" --out {}", out.display()));
        println!("not done: the same command with --resume{out} goes on");
    }
}
