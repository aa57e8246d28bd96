//! The flags of a run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ml_links::training::{DeviceArguments, Recipe, RunOptions, TrainingError};

/// The flags of a command that trains, whatever it trains: how fast, how random, how long, and where it is kept.
///
/// How many steps there are, and of what, is the command's own; so are other defaults, by clap's `mut_arg`.
///
/// ```
/// use clap::Parser;
/// use ml_links::training::RunArguments;
///
/// #[derive(Parser)]
/// #[command(mut_arg("lr", |argument| argument.default_value("0.001")))]
/// struct Command {
///     #[command(flatten)]
///     run: RunArguments,
/// }
///
/// let run = Command::parse_from(["train", "--seed", "7", "--minutes", "2"]).run;
/// run.check()?;
/// assert_eq!((run.recipe(100).rate, run.recipe(100).seed), (0.001, 7));
/// assert_eq!(run.options("runs/it".as_ref()).limit.map(|limit| limit.as_secs()), Some(120));
/// # Ok::<(), ml_links::training::TrainingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Args)]
pub struct RunArguments {
    /// Stops after so many minutes, with a checkpoint
    #[arg(long)]
    pub minutes: Option<f64>,
    /// The peak of the learning rate
    #[arg(long, default_value_t = 4e-3)]
    pub lr: f64,
    /// How strongly weights are drawn to 0
    #[arg(long, default_value_t = 0.05)]
    pub weight_decay: f64,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The folder of the checkpoints [default: runs/ and the name of the task]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Continues the run in that folder; all other flags as they were
    #[arg(long)]
    pub resume: bool,
    /// Writes loss, errors and speed into this CSV file
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Steps between two looks at what is held out
    #[arg(long, value_name = "STEPS", default_value_t = 500)]
    pub evaluate_every: usize,
    /// Steps between two checkpoints
    #[arg(long, value_name = "STEPS", default_value_t = 500)]
    pub save_every: usize,
    #[command(flatten)]
    /// What computes
    pub device: DeviceArguments,
}

impl RunArguments {
    /// Refuses a time that is none.
    ///
    /// # Errors
    /// [`TrainingError::Task`].
    pub fn check(&self) -> Result<(), TrainingError> {
        match self.minutes {
            Some(found) if !(found > 0.0 && found < 1e9) => {
                Err(TrainingError::Task(format!("expected --minutes above 0, found {found}")))
            }
            _ => Ok(()),
        }
    }

    /// A recipe of so many steps.
    pub fn recipe(&self, steps: usize) -> Recipe {
        let Self { lr: rate, weight_decay, seed, .. } = *self;
        Recipe { rate, weight_decay, seed, ..Recipe::new(steps) }
    }

    /// The folder of the checkpoints, if nobody has named another than this.
    pub fn out_or(&self, usual: &Path) -> PathBuf {
        self.out.clone().unwrap_or_else(|| usual.to_owned())
    }

    /// How the run is watched and saved: in the folder that was named, or in this.
    pub fn options(&self, usual: &Path) -> RunOptions {
        RunOptions {
            out: Some(self.out_or(usual)),
            resume: self.resume,
            log: self.log.clone(),
            evaluate_every: self.evaluate_every,
            save_every: self.save_every,
            sample_every: 0,
            limit: self.minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes)),
        }
    }
}
