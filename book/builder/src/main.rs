//! `cargo book`: build, serve, test and translate the book, redraw its figures, refresh its recorded outputs.

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use mdbook_i18n_helpers::preprocessors::Gettext;
use mdbook_preprocessor::Preprocessor;

use book_builder::formulas::Formulas;
use book_builder::snippets::Snippets;

/// Builds the book and serves it with live reload; a subcommand does one thing instead.
#[derive(Parser)]
#[command(name = "cargo book", bin_name = "cargo book")]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Task>,
    /// The address to serve at.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port to serve at.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Do not open a browser.
    #[arg(long)]
    no_open: bool,
}

#[derive(Subcommand)]
enum Task {
    /// Write the book, in every language, to target/book.
    Build,
    /// Run every snippet of the book, as an installed `mdbook test` does.
    Test,
    /// Redraw every figure into book/figures/drawn, or only the named ones.
    Figures {
        /// Names of figures.
        names: Vec<String>,
    },
    /// Run the command of every recorded output again and write down what it prints.
    Record,
    /// Write the translatable messages to target/messages and update translations/*.po.
    Messages,
    /// What book.toml calls: an mdBook preprocessor on standard input and output.
    #[command(hide = true)]
    Preprocess {
        name: PreprocessorName,
        #[command(subcommand)]
        question: Option<Question>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum PreprocessorName {
    Gettext,
    Katex,
    Snippets,
}

#[derive(Subcommand)]
enum Question {
    /// Exit code 0 if the preprocessor is for this renderer.
    Supports { renderer: String },
}

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(line: CommandLine) -> Result<ExitCode> {
    let root = book_builder::root();
    match line.command {
        None => book_builder::serve::serve(&root, &line.host, line.port, !line.no_open)?,
        Some(Task::Build) => {
            book_builder::build(&root)?;
            println!("The book is in target/book: open target/book/index.html");
        }
        Some(Task::Test) => book_builder::test(&root)?,
        Some(Task::Figures { names }) => figures(&root, &names)?,
        Some(Task::Record) => workbench::recorded::refresh(&root, |file, outcome| {
            println!("{}: {outcome}", file.display());
        })?,
        Some(Task::Messages) => {
            book_builder::messages(&root)?;
            println!("The messages are in target/messages/messages.pot");
        }
        Some(Task::Preprocess { name, question }) => return preprocess(name, question),
    }
    Ok(ExitCode::SUCCESS)
}

/// The figures know every chapter, which the builder does not: another program draws them.
fn figures(root: &Path, names: &[String]) -> Result<()> {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--package", "book-figures", "--"])
        .args(names)
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the figures could not be drawn");
    Ok(())
}

fn preprocess(name: PreprocessorName, question: Option<Question>) -> Result<ExitCode> {
    let preprocessor: &dyn Preprocessor = match name {
        PreprocessorName::Gettext => &Gettext,
        PreprocessorName::Katex => &Formulas,
        PreprocessorName::Snippets => &Snippets,
    };
    if let Some(Question::Supports { renderer }) = question {
        let supported = preprocessor.supports_renderer(&renderer)?;
        return Ok(if supported { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let (context, book) = mdbook_preprocessor::parse_input(io::stdin())?;
    if context
        .mdbook_version
        .split('.')
        .take(2)
        .ne(mdbook_preprocessor::MDBOOK_VERSION.split('.').take(2))
    {
        bail!(
            "this book is built with mdbook {}, found {}",
            mdbook_preprocessor::MDBOOK_VERSION,
            context.mdbook_version
        );
    }
    let book = preprocessor.run(&context, book)?;
    serde_json::to_writer(io::stdout(), &book)?;
    Ok(ExitCode::SUCCESS)
}
