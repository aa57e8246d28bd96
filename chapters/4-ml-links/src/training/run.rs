//! The loop around the steps.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::Tensor;
use indicatif::{ProgressBar, ProgressStyle};
use ml_links::training::checkpoint::Checkpoint;
use ml_links::training::{CheckpointError, Trainer, TrainingError};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a model is trained for.
pub trait Task<M> {
    /// The loss of a batch drawn with this randomness: one number.
    fn loss(&self, model: &M, random: &mut ChaCha8Rng) -> Tensor<1>;

    /// How many tokens (characters, samples, pixels) a batch holds, for the speed.
    fn tokens_per_step(&self) -> usize;

    /// How wrong the model is on what it was not trained on; the less the better.
    ///
    /// # Errors
    /// [`TrainingError::Task`], in words.
    fn evaluate(&self, model: &M) -> Result<f64, TrainingError>;

    /// What [`evaluate`](Self::evaluate) counts.
    fn unit(&self) -> &'static str;

    /// What the model makes up by itself, to be looked at while it learns.
    fn sample(&self, _model: &M) -> Option<String> {
        None
    }
}

/// How a run is watched and saved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunOptions {
    /// The folder of the checkpoints `last.safetensors` and `best.safetensors`; without one nothing is saved.
    pub out: Option<PathBuf>,
    /// Continues the run in the folder.
    pub resume: bool,
    /// A CSV file: a line every ten steps.
    pub log: Option<PathBuf>,
    /// Steps between two evaluations; 0 for none but the last.
    pub evaluate_every: usize,
    /// Steps between two checkpoints; 0 for none but the last.
    pub save_every: usize,
    /// Steps between two samples; 0 for none.
    pub sample_every: usize,
    /// Stops, with a checkpoint, when so much time has passed.
    pub limit: Option<Duration>,
}

impl RunOptions {
    /// The file of the last checkpoint in a folder.
    pub fn last_in(folder: &Path) -> PathBuf {
        folder.join("last.safetensors")
    }

    /// The file of the best weights in a folder.
    pub fn best_in(folder: &Path) -> PathBuf {
        folder.join("best.safetensors")
    }
}

/// What an evaluation found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// After how many steps.
    pub step: usize,
    /// How wrong the model was.
    pub value: f64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The mean loss of the last ten steps.
    pub loss: f64,
    /// The last evaluation.
    pub last: Option<Evaluation>,
    /// The best one.
    pub best: Option<Evaluation>,
    /// Whether the recipe is done; else the time was up.
    pub finished: bool,
    /// Seconds of this run, evaluations included.
    pub seconds: f64,
    /// Tokens a second while training.
    pub speed: f64,
}

/// How many steps a line of the log sums up.
const WINDOW: usize = 10;

/// Trains until the recipe is done or the time is up.
///
/// `configuration` is saved with the weights: what is needed to build the model again. `say` prints a line; the progress
/// bar, which is there only if stderr is a terminal, makes room for it.
///
/// # Errors
/// [`TrainingError`]; what was saved before stays as it was.
pub fn train<M: Module>(
    trainer: Trainer<M>,
    task: &impl Task<M>,
    options: &RunOptions,
    configuration: &Value,
    say: &mut dyn FnMut(&str),
) -> Result<(Trainer<M>, Outcome), TrainingError> {
    let mut run = Run::begin(trainer, task, options, configuration)?;
    let steps = run.trainer.recipe().steps;
    while !run.trainer.is_done() {
        run.step()?;
        let done = run.trainer.step();
        let time_is_up = options.limit.is_some_and(|limit| run.begun.elapsed() >= limit);
        let ends = done == steps || time_is_up;
        let due = |every: usize| every > 0 && done.is_multiple_of(every);
        if due(options.evaluate_every) || ends {
            run.evaluate()?;
        }
        if due(WINDOW) || due(options.evaluate_every) || ends {
            run.write_log()?;
        }
        if due(options.save_every) || ends {
            run.save()?;
        }
        if due(options.sample_every) || ends {
            run.sample(say);
        }
        if time_is_up {
            break;
        }
    }
    run.bar.finish_and_clear();
    let outcome = Outcome {
        loss: run.mean_loss(),
        last: run.last,
        best: run.best,
        finished: run.trainer.is_done(),
        seconds: run.begun.elapsed().as_secs_f64(),
        speed: run.speed(),
    };
    Ok((run.trainer, outcome))
}

struct Run<'a, M, T> {
    trainer: Trainer<M>,
    task: &'a T,
    options: &'a RunOptions,
    configuration: &'a Value,
    bar: ProgressBar,
    begun: Instant,
    training: Duration,
    steps: usize,
    /// Losses since the last line of the log.
    window: Vec<f64>,
    /// The last few losses, for the bar and the end.
    recent: Vec<f64>,
    gradient: f64,
    last: Option<Evaluation>,
    best: Option<Evaluation>,
    log: Option<fs::File>,
}

impl<'a, M: Module, T: Task<M>> Run<'a, M, T> {
    fn begin(
        mut trainer: Trainer<M>,
        task: &'a T,
        options: &'a RunOptions,
        configuration: &'a Value,
    ) -> Result<Self, TrainingError> {
        let (mut last, mut best) = (None, None);
        if let Some(folder) = &options.out {
            let path = RunOptions::last_in(folder);
            if options.resume {
                let checkpoint = Checkpoint::read(&path)?;
                checkpoint.expect_same(configuration, Some(trainer.recipe()))?;
                trainer = trainer.resume(&checkpoint)?;
                (last, best) = (checkpoint.note("last"), checkpoint.note("best"));
            } else if path.exists() && !never_began(folder) {
                let found = path.display();
                return Err(TrainingError::Task(format!(
                    "expected a folder without a checkpoint, found {found}: continue that run with --resume, or \
                     name another folder with --out"
                )));
            } else {
                // Whether the folder can be written is better known before an hour of training than after it.
                trainer.checkpoint(configuration).write(&path)?;
            }
        }
        let log = options.log.as_deref().map(|path| open_log(path, trainer.step())).transpose()?;
        let bar = ProgressBar::new(trainer.recipe().steps as u64);
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}  {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(trainer.step() as u64);
        bar.reset_eta();
        Ok(Self {
            trainer,
            task,
            options,
            configuration,
            bar,
            begun: Instant::now(),
            training: Duration::ZERO,
            steps: 0,
            window: Vec::new(),
            recent: Vec::new(),
            gradient: 0.0,
            last,
            best,
            log,
        })
    }

    fn step(&mut self) -> Result<(), TrainingError> {
        let begun = Instant::now();
        let task = self.task;
        let report = self.trainer.advance(|model, random| task.loss(model, random))?;
        self.training += begun.elapsed();
        self.steps += 1;
        self.gradient = report.gradient;
        self.window.push(report.loss);
        self.recent.push(report.loss);
        if self.recent.len() > WINDOW {
            self.recent.remove(0);
        }
        let validation = match self.last {
            Some(last) => format!("  {:.3} {}", last.value, self.task.unit()),
            None => String::new(),
        };
        let (loss, speed) = (self.mean_loss(), self.speed());
        self.bar.set_message(format!("loss {loss:.3}{validation}  {speed:.0} tokens/s"));
        self.bar.set_position(self.trainer.step() as u64);
        Ok(())
    }

    fn mean_loss(&self) -> f64 {
        self.recent.iter().sum::<f64>() / self.recent.len().max(1) as f64
    }

    fn speed(&self) -> f64 {
        let tokens = (self.steps * self.task.tokens_per_step()) as f64;
        tokens / self.training.as_secs_f64().max(1e-9)
    }

    fn evaluate(&mut self) -> Result<(), TrainingError> {
        let value = self.task.evaluate(&self.trainer.model().valid())?;
        let step = self.trainer.step();
        if !value.is_finite() {
            return Err(TrainingError::NotFinite { what: "validation", step, value });
        }
        let evaluation = Evaluation { step, value };
        self.last = Some(evaluation);
        if self.best.is_none_or(|best| value < best.value) {
            self.best = Some(evaluation);
            if let Some(folder) = &self.options.out {
                let best = Checkpoint::of_model(self.trainer.model(), self.configuration);
                best.with_note("best", evaluation).write(&RunOptions::best_in(folder))?;
            }
        }
        Ok(())
    }

    fn save(&self) -> Result<(), CheckpointError> {
        let Some(folder) = &self.options.out else {
            return Ok(());
        };
        let checkpoint = self.trainer.checkpoint(self.configuration);
        let checkpoint = checkpoint.with_note("last", self.last).with_note("best", self.best);
        checkpoint.write(&RunOptions::last_in(folder))
    }

    fn sample(&self, say: &mut dyn FnMut(&str)) {
        if let Some(sample) = self.task.sample(&self.trainer.model().valid()) {
            let step = self.trainer.step();
            let validation = match self.last {
                Some(last) => format!(", {:.3} {}", last.value, self.task.unit()),
                None => String::new(),
            };
            let loss = self.mean_loss();
            let line = format!("step {step}, loss {loss:.3}{validation}");
            self.bar.suspend(|| say(&format!("{line}\n{sample}")));
        }
    }

    fn write_log(&mut self) -> Result<(), TrainingError> {
        let (step, speed) = (self.trainer.step(), self.speed());
        let (Some(log), Some(path)) = (&mut self.log, &self.options.log) else {
            self.window.clear();
            return Ok(());
        };
        if !self.window.is_empty() {
            let loss = self.window.iter().sum::<f64>() / self.window.len() as f64;
            let validation = self.last.filter(|last| last.step == step);
            let validation =
                validation.map(|last| format!("{:.4}", last.value)).unwrap_or_default();
            let rate = self.trainer.recipe().rate_at(step - 1);
            let (gradient, seconds) = (self.gradient, self.begun.elapsed().as_secs_f64());
            writeln!(
                log,
                "{step},{loss:.4},{validation},{rate:.6},{gradient:.3},{speed:.0},{seconds:.1}"
            )
            .map_err(|error| unwritable_log(path, &error))?;
            self.window.clear();
        }
        Ok(())
    }
}

/// Whether a run left this folder before its first step, because of its log or its rate: there is nothing to lose.
fn never_began(folder: &Path) -> bool {
    let last = Checkpoint::read(&RunOptions::last_in(folder));
    let at_0 = |last: Checkpoint| last.recipe().is_ok_and(|(_, step)| step == 0);
    !RunOptions::best_in(folder).exists() && last.is_ok_and(at_0)
}

const LOG_HEADER: &str = "step,loss,validation,rate,gradient,tokens_per_second,seconds";

fn unwritable_log(path: &Path, error: &std::io::Error) -> TrainingError {
    TrainingError::Log { path: path.to_owned(), reason: error.to_string() }
}

/// Begins a log, or keeps of an old one what was before `step`.
fn open_log(path: &Path, step: usize) -> Result<fs::File, TrainingError> {
    let kept = match fs::read_to_string(path) {
        Ok(old) if step > 0 => old
            .lines()
            .skip(1)
            .filter(|line| {
                let first = line.split(',').next().and_then(|first| first.parse::<usize>().ok());
                first.is_some_and(|first| first <= step)
            })
            .map(|line| format!("{line}\n"))
            .collect(),
        _ => String::new(),
    };
    let open = || -> std::io::Result<fs::File> {
        let mut file = fs::File::create(path)?;
        write!(file, "{LOG_HEADER}\n{kept}")?;
        Ok(file)
    };
    open().map_err(|error| unwritable_log(path, &error))
}
