//! The command line of a chapter: its exercise board, and its experiments as subcommands.

use std::error::Error;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exercise::Exercise;

/// What a chapter declares about itself.
#[derive(Debug)]
pub struct Chapter {
    /// Its number.
    pub number: u32,
    /// Its title, as in the book.
    pub title: &'static str,
    /// Its package: `chapter-1`.
    pub package: &'static str,
    /// Its folder from the root of the workspace: `chapters/1-math-foundations`.
    pub folder: &'static str,
    /// Its exercises in reading order.
    pub exercises: Vec<Exercise>,
}

/// The experiments of a chapter: one variant a page's command.
pub trait Experiments: Subcommand {
    /// Runs the chosen one.
    ///
    /// # Errors
    /// A sentence for the reader.
    fn run(&self) -> Result<(), Box<dyn Error>>;
}

#[derive(Parser)]
struct Arguments<E: Subcommand> {
    #[command(subcommand)]
    command: Option<Commands<E>>,
}

#[derive(Subcommand)]
enum Commands<E: Subcommand> {
    #[command(flatten)]
    Experiment(E),
}

/// Runs a chapter's command line.
pub fn run<E: Experiments>(chapter: Chapter) -> ExitCode {
    let command = Arguments::<E>::command().name(chapter.package);
    let arguments = match Arguments::<E>::from_arg_matches(&command.get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    match arguments.command {
        None => ExitCode::SUCCESS,
        Some(Commands::Experiment(experiment)) => match experiment.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
    }
}
