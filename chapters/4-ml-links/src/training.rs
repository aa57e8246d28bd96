//! Training: what every experiment that learns has in common, whatever the model.
//!
//! A [`Trainer`] holds a model (any burn [`Module`](burn::module::Module)) and takes one step at a time: a loss, its
//! gradients, the sum of their squares limited, an update by [`AdamW`]. The rate of a step comes from a [`Recipe`],
//! and so does its randomness: [`Recipe::random`] makes a generator from the seed and the number of the step, so
//! that nothing random has to be saved and a run that was cut off continues as if nothing had happened. What has to
//! be saved is in a [`Checkpoint`](checkpoint::Checkpoint): one file, written whole or not at all.
//!
//! [`train`] drives a trainer through a [`Task`]: progress bar, validation, samples, log, checkpoints.

use std::path::PathBuf;

use thiserror::Error;

mod arguments;
pub mod checkpoint;
mod device;
mod optimizer;
mod recipe;
mod run;
mod trainer;

pub use arguments::RunArguments;
pub use checkpoint::CheckpointError;
pub use device::{Backend, DeviceArguments};
pub use optimizer::{AdamW, ParameterGroup};
pub use recipe::Recipe;
pub use run::{Evaluation, Outcome, RunOptions, Task, train};
pub use trainer::{StepReport, Trainer};

/// Why training cannot begin, or had to stop.
#[derive(Debug, Error)]
pub enum TrainingError {
    /// `--backend wgpu` on a machine without an adapter.
    #[error(
        "expected a graphics adapter for the backend wgpu, found none: install a driver (Mesa's lavapipe is one \
         without a GPU), or use --backend cpu"
    )]
    NoAdapter,
    /// A number of the recipe that makes no sense.
    #[error("expected {name} {expected}, found {found}")]
    Recipe {
        /// Which number.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// A loss or a gradient that is no number any more.
    #[error(
        "at step {step} the {what} is {value}: nothing was changed or saved after step {step}; a lower learning rate \
         or a lower limit on the gradient may help"
    )]
    NotFinite {
        /// `loss` or `gradient`.
        what: &'static str,
        /// The step, counted from 0.
        step: usize,
        /// What it became.
        value: f64,
    },
    /// A checkpoint that cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A log that cannot be written or continued.
    #[error("cannot write the log {path}: {reason}")]
    Log {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What the task itself has to say.
    #[error("{0}")]
    Task(String),
}
