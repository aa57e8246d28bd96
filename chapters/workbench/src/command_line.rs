//! The command line of a chapter: its exercise board, and its experiments as subcommands.
//!
//! A chapter declares a [`Chapter`] and an enum of [`Experiments`]; [`run`] is its whole `main`,
//! and [`verify`] the test that both are as readers and pages expect them.
//!
//! ```
//! use std::error::Error;
//! use workbench::command_line::{Chapter, Experiments};
//!
//! #[derive(clap::Subcommand)]
//! enum Experiment {
//!     /// Count the steps until the state has halved
//!     HalfLife { decay: f64 },
//! }
//!
//! impl Experiments for Experiment {
//!     fn run(&self) -> Result<(), Box<dyn Error>> {
//!         match self {
//!             Experiment::HalfLife { decay } if !(0.0..1.0).contains(decay) => {
//!                 Err(format!("expected a decay from 0 to 1, found {decay}").into())
//!             }
//!             Experiment::HalfLife { decay } => {
//!                 println!("{:.1} steps", 0.5_f64.ln() / decay.ln());
//!                 Ok(())
//!             }
//!         }
//!     }
//! }
//!
//! let error = Experiment::HalfLife { decay: 2.0 }.run().unwrap_err();
//! assert_eq!(error.to_string(), "expected a decay from 0 to 1, found 2");
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::panic;
use std::path::PathBuf;
use std::process::{self, ExitCode};

use clap::builder::RangedU64ValueParser;
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exercise::{Exercise, Outcome};

mod board;
mod verify;
mod watch;

pub use verify::verify;

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

/// What an option that counts may be: from 1 to `most`, beyond which memory or patience would end.
///
/// ```
/// use clap::Parser;
/// use workbench::command_line::count;
///
/// #[derive(Debug, Parser)]
/// struct Options {
///     #[arg(long, value_parser = count(64))]
///     states: usize,
/// }
///
/// assert_eq!(Options::try_parse_from(["", "--states", "64"]).expect("not too many").states, 64);
/// assert!(Options::try_parse_from(["", "--states", "0"]).is_err());
/// assert!(Options::try_parse_from(["", "--states", "65"]).is_err());
/// ```
pub fn count(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}

/// The experiments of a chapter: one variant a page's command.
pub trait Experiments: Subcommand {
    /// Runs the chosen one and prints what it found.
    ///
    /// # Errors
    /// A sentence for the reader; it is printed after `error:`, and the exit code is 1.
    fn run(&self) -> Result<(), Box<dyn Error>>;
}

#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct Arguments<E: Subcommand> {
    /// Print the board again whenever a blank is saved
    #[arg(long)]
    watch: bool,

    #[command(subcommand)]
    command: Option<Commands<E>>,
}

#[derive(Subcommand)]
enum Commands<E: Subcommand> {
    #[command(flatten)]
    Exercises(OnExercises),
    #[command(flatten)]
    Experiment(E),
}

#[derive(Subcommand)]
enum OnExercises {
    /// Check one answer, and say what to notice when it passes
    Check {
        /// Number or name of the exercise; the first one not done if left out
        exercise: Option<String>,
    },
    /// Ask a question that leads towards the answer
    Hint {
        /// Number or name of the exercise; the first one not done if left out
        exercise: Option<String>,
        /// Which of its hints
        #[arg(default_value_t = 1)]
        which: usize,
    },
    /// Print our answer
    Solution {
        /// Number or name of the exercise
        exercise: String,
    },
}

/// Runs the command line of a chapter: the board without arguments, else what they ask for.
///
/// The exit code is 1 when an answer fails its check or an experiment reports an error, 2 when the
/// arguments make no sense.
pub fn run<E: Experiments>(chapter: Chapter) -> ExitCode {
    end_when_printing_fails();
    let matches = command::<E>(&chapter).get_matches();
    let arguments = match Arguments::<E>::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let done = match arguments.command {
        Some(Commands::Experiment(experiment)) => experiment.run().map(|()| ExitCode::SUCCESS),
        Some(Commands::Exercises(on_exercises)) => on_exercises.run(&chapter),
        None if arguments.watch => watch::watch(&chapter),
        None => print_board(&chapter),
    };
    done.unwrap_or_else(|error| {
        if closed_pipe(error.as_ref()) {
            return ExitCode::SUCCESS;
        }
        // Nothing is left to tell the reader when stderr is closed too.
        let _ = writeln!(anstream::stderr(), "error: {error}");
        ExitCode::FAILURE
    })
}

/// The folder, here or further up, in which `folder` lies.
fn workspace_root(folder: &str) -> Result<PathBuf, Box<dyn Error>> {
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|root| root.join(folder).is_dir());
    root.map(Into::into).ok_or_else(|| {
        format!("expected to run inside the course, found no {folder} from here up").into()
    })
}

/// The arguments that a chapter understands, with its exercises and its experiments listed apart.
fn command<E: Experiments>(chapter: &Chapter) -> Command {
    let command = Arguments::<E>::command()
        .name(chapter.package)
        .bin_name(format!("cargo run -p {} --", chapter.package))
        .about(format!("Chapter {} · {}", chapter.number, chapter.title));

    let width = command.get_subcommands().map(|one| one.get_name().len()).max().unwrap_or(0);
    let line = |name: &str, about: &str| {
        let line = format!("  {name:width$}  {about}");
        line.trim_end().to_owned() + "\n"
    };
    let on_exercises = OnExercises::augment_subcommands(Command::new(""));
    let belongs = |one: &Command| on_exercises.find_subcommand(one.get_name()).is_some();
    let list = |of_exercises: bool| -> String {
        let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
        let chosen = shown.filter(|one| belongs(one) == of_exercises);
        chosen
            .map(|one| {
                let about = one.get_about().map(ToString::to_string).unwrap_or_default();
                line(one.get_name(), &about)
            })
            .collect()
    };
    let mut template = "{about}\n\n{usage-heading} {usage}\n\nExercises:\n".to_owned();
    template += &line("", "Print the board");
    template += &list(true);
    let experiments = list(false);
    if !experiments.is_empty() {
        template += "\nExperiments:\n";
        template += &experiments;
    }
    template += "\nOptions:\n{options}";
    command.help_template(template)
}

impl OnExercises {
    fn run(&self, chapter: &Chapter) -> Result<ExitCode, Box<dyn Error>> {
        match self {
            OnExercises::Check { exercise } => {
                let index = chapter.chosen_or_next(exercise.as_deref())?;
                let outcome = chapter.exercises[index].check_reader();
                let code = ExitCode::from(u8::from(outcome != Outcome::Passed));
                print(&board::verdict(chapter, index, &outcome))?;
                Ok(code)
            }
            OnExercises::Hint { exercise, which } => {
                let index = chapter.chosen_or_next(exercise.as_deref())?;
                print(&board::hint(chapter, index, *which)?)?;
                Ok(ExitCode::SUCCESS)
            }
            OnExercises::Solution { exercise } => {
                let index = chapter.chosen(exercise)?;
                print(&board::solution(chapter, index))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Chapter {
    /// The index of an exercise by its number on the board or by its name.
    fn chosen(&self, which: &str) -> Result<usize, String> {
        let by_name = self.exercises.iter().position(|exercise| exercise.name == which);
        let by_number = || which.parse::<usize>().ok()?.checked_sub(1);
        by_name.or_else(by_number).filter(|&index| index < self.exercises.len()).ok_or_else(|| {
            match self.exercises.len() {
                0 => format!("expected an exercise, but {} has none", self.package),
                1 => format!("expected exercise 1 or its name, found {which}"),
                last => format!("expected an exercise from 1 to {last} or its name, found {which}"),
            }
        })
    }

    /// The index of the chosen exercise, or else of the first one that is not done.
    fn chosen_or_next(&self, which: Option<&str>) -> Result<usize, String> {
        if let Some(which) = which {
            return self.chosen(which);
        }
        let next = self.exercises.iter().position(|one| one.check_reader() != Outcome::Passed);
        next.ok_or_else(|| {
            format!("expected the number of an exercise: all of {} are done", self.package)
        })
    }
}

fn print_board(chapter: &Chapter) -> Result<ExitCode, Box<dyn Error>> {
    let outcomes: Vec<_> = chapter.exercises.iter().map(Exercise::check_reader).collect();
    print(&board::board(chapter, &outcomes))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints to stdout; its colours only if stdout is a terminal and `NO_COLOR` is unset.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Ends the program when its output finds no reader any more, as in `… | head`, or no room.
///
/// Experiments print by `println!`, which panics then.
fn end_when_printing_fails() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| match info.payload_as_str().and_then(failed_printing) {
        Some(reason) if is_closed_pipe(reason) => process::exit(0),
        Some(reason) => {
            let _ = writeln!(anstream::stderr(), "error: cannot print: {reason}");
            process::exit(1);
        }
        None => usual(info),
    }));
}

/// The reason in the message with which `println!` panics.
fn failed_printing(message: &str) -> Option<&str> {
    message.strip_prefix("failed printing to stdout: ")
}

/// Whether the reason ends with the system's number for a closed pipe.
fn is_closed_pipe(reason: &str) -> bool {
    let codes: &[i32] = if cfg!(windows) { &[109, 232] } else { &[32] };
    codes.iter().any(|code| reason.ends_with(&format!("(os error {code})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::Level;

    #[derive(Subcommand)]
    enum Experiment {
        /// Count down
        Countdown {
            from: u32,
        },
        Silent,
    }

    impl Experiments for Experiment {
        fn run(&self) -> Result<(), Box<dyn Error>> {
            Err("expected nothing".into())
        }
    }

    fn chapter(names: &[&'static str]) -> Chapter {
        let exercise = |name: &&'static str| {
            Exercise::new(name, Level::Core, "one line", 5).page("1-math-foundations/no-such-page")
        };
        Chapter {
            number: 9,
            title: "Test",
            package: "chapter-9",
            folder: "chapters/workbench",
            exercises: names.iter().map(exercise).collect(),
        }
    }

    #[test]
    fn help_lists_exercises_and_experiments_apart() {
        let help = command::<Experiment>(&chapter(&[])).render_help().to_string();
        assert_eq!(
            help,
            "\
Chapter 9 · Test

Usage: cargo run -p chapter-9 -- [OPTIONS] [COMMAND]

Exercises:
             Print the board
  check      Check one answer, and say what to notice when it passes
  hint       Ask a question that leads towards the answer
  solution   Print our answer

Experiments:
  countdown  Count down
  silent

Options:
      --watch  Print the board again whenever a blank is saved
  -h, --help   Print help
"
        );
    }

    #[test]
    fn exercises_are_chosen_by_number_or_name() {
        let chapter = chapter(&["first", "second"]);
        assert_eq!(chapter.chosen("2"), Ok(1));
        assert_eq!(chapter.chosen("first"), Ok(0));
        for which in ["0", "3", "third", "-1", ""] {
            let sentence = format!("expected an exercise from 1 to 2 or its name, found {which}");
            assert_eq!(chapter.chosen(which), Err(sentence));
        }
        assert_eq!(chapter.chosen_or_next(None), Ok(0));
        assert_eq!(chapter.chosen_or_next(Some("second")), Ok(1));
    }

    #[test]
    fn closed_pipe_is_told_from_other_failures() {
        let reason =
            failed_printing("failed printing to stdout: Broken pipe (os error 32)").unwrap();
        assert!(cfg!(windows) || is_closed_pipe(reason));
        assert!(!is_closed_pipe("No space left on device (os error 28)"));
        assert_eq!(failed_printing("index out of bounds"), None);
    }
}
