//! The commands `generate` and `score`, for any model that reads tokens: their options, and what they print.
//!
//! A chapter with another model reads its folder, and hands over a [`TokenReader`] and a [`FolderTokenizer`]; what is read, how
//! the next token is chosen, text that appears as it is written and JSON for programs are the same for all.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use mamba::hub::{HubError, model_folder};
use mamba::inference::{Choice, InferenceError, TokenReader, generate, score};
use mamba::pretrained::{FolderTokenizer, PretrainedError, TextStream};
use mamba::tensor_files::Dtype;
use ml_links::language_model::Sampler;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use thiserror::Error;

/// Why a command did not do what it was asked for.
#[derive(Debug, Error)]
pub enum CommandError {
    /// Neither text nor tokens.
    #[error("expected something to read: --prompt TEXT, or --ids")]
    NothingToRead,
    /// No model was named, and the one that comes with the book is not there.
    #[error("found no folder {0}: name a model by --model")]
    NoModel(String),
    /// No model of the name that was given.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The folder, or its tokenizer.
    #[error(transparent)]
    Pretrained(#[from] PretrainedError),
    /// The prompt, or the settings.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// Nobody takes what is printed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// How matrices are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// 4 bytes a number.
    F32,
    /// 2 bytes a number.
    Bf16,
}

impl From<Keep> for Dtype {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::F32 => Self::F32,
            Keep::Bf16 => Self::Bf16,
        }
    }
}

/// Which model.
#[derive(Debug, Clone, Args)]
pub struct ModelArguments {
    /// A folder with config.json and model.safetensors, or a name at Hugging Face, like state-spaces/mamba-130m-hf [default:
    /// the model that comes with this book]
    #[arg(long, value_name = "FOLDER")]
    pub model: Option<String>,
    /// How matrices are kept [default: as they are stored]
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<Keep>,
}

impl ModelArguments {
    /// The folder that was named; if none was, `ours`, a path from the root of the workspace, looked for from where one stands
    /// upwards, and then where this program was built.
    ///
    /// # Errors
    /// [`CommandError::NoModel`], [`CommandError::Hub`].
    ///
    /// ```
    /// use mamba::text_commands::ModelArguments;
    ///
    /// let ours = ModelArguments { model: None, dtype: None };
    /// assert!(ours.folder("chapters/6-mamba/model")?.join("config.json").exists());
    /// let error = ours.folder("chapters/6-mamba/moddel").unwrap_err().to_string();
    /// assert_eq!(error, "found no folder chapters/6-mamba/moddel: name a model by --model");
    /// # Ok::<(), mamba::text_commands::CommandError>(())
    /// ```
    pub fn folder(&self, ours: &str) -> Result<PathBuf, CommandError> {
        if let Some(model) = &self.model {
            return Ok(model_folder(model)?);
        }
        let from_here = || {
            let here = std::env::current_dir().ok()?;
            let mut folders = here.ancestors().map(|root| root.join(ours));
            folders.find(|folder| folder.is_dir())
        };
        let built_from = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(ours);
        let folder = from_here().unwrap_or_else(built_from);
        if folder.is_dir() { Ok(folder) } else { Err(CommandError::NoModel(ours.to_owned())) }
    }

    /// How its matrices are to be kept, if not as they are stored.
    pub fn keep(&self) -> Option<Dtype> {
        self.dtype.map(Into::into)
    }
}

/// What is to be read.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct Prompt {
    /// A text; the folder must have a tokenizer
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Tokens by number, with commas between them
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = token_id)]
    pub ids: Option<Vec<u32>>,
}

fn token_id(text: &str) -> Result<u32, String> {
    let text = text.trim();
    text.parse().map_err(|_| format!("expected the numbers of tokens, found `{text}`"))
}

impl Prompt {
    /// Its tokens.
    ///
    /// # Errors
    /// [`CommandError::NothingToRead`], and those of the tokenizer.
    pub fn tokens(&self, tokenizer: &FolderTokenizer) -> Result<Vec<u32>, CommandError> {
        match (&self.ids, &self.prompt) {
            (Some(ids), _) => Ok(ids.clone()),
            (None, Some(text)) => Ok(tokenizer.encode(text)?),
            (None, None) => Err(CommandError::NothingToRead),
        }
    }
}

/// The options of `generate`.
#[derive(Debug, Clone, Args)]
pub struct Writing {
    /// Which model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// What it reads first.
    #[command(flatten)]
    pub prompt: Prompt,
    /// How many tokens to write; fewer if one of them ends the text
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub max_new_tokens: usize,
    /// Below 1 the likely becomes likelier; 0 takes the likeliest
    #[arg(long, default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f64,
    /// Only so many of the likeliest tokens
    #[arg(long, value_name = "COUNT")]
    pub top_k: Option<usize>,
    /// Only the likeliest tokens that together have this probability
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub top_p: Option<f64>,
    /// Above 1, what was read or written before becomes less likely
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, allow_negative_numbers = true)]
    pub repetition_penalty: f64,
    /// Where the chance comes from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Prints one JSON object with all ids, those of the prompt included
    #[arg(long)]
    pub json: bool,
}

impl Writing {
    /// How the next token is chosen: to be asked for before a model is loaded.
    ///
    /// # Errors
    /// [`CommandError::Inference`] for settings that make no sense.
    pub fn choice(&self) -> Result<Choice, CommandError> {
        let Self { temperature, top_k, top_p, repetition_penalty, .. } = *self;
        let choice = Choice { sampler: Sampler { temperature, top_k, top_p }, repetition_penalty };
        choice.check()?;
        Ok(choice)
    }
}

/// Continues a text or tokens, and prints what is written while it is written; the token `end` ends it.
///
/// # Errors
/// [`CommandError`].
pub fn write(
    options: &Writing,
    reader: &mut impl TokenReader,
    tokenizer: &FolderTokenizer,
    end: Option<u32>,
) -> Result<(), CommandError> {
    let choice = options.choice()?;
    let prompt = options.prompt.tokens(tokenizer)?;
    let mut page = Page::new(options, tokenizer, &prompt)?;
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let (mut failure, mut ids, start) = (None, prompt.clone(), Instant::now());
    generate(reader, &prompt, options.max_new_tokens, &choice, end, &mut random, |id| {
        ids.push(id);
        failure = page.put(id).err();
        failure.is_none()
    })?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    page.end()?;
    if options.json {
        let mut report = json!({ "ids": ids });
        if options.prompt.prompt.is_some() {
            report["text"] = tokenizer.decode(&ids)?.into();
        }
        print_now(&format!("{report}\n"))?;
    } else if io::stderr().is_terminal() {
        let (written, seconds) = (ids.len() - prompt.len(), start.elapsed().as_secs_f64());
        eprintln!("{written} tokens in {seconds:.1} s, with the reading");
    }
    Ok(())
}

/// What is printed while tokens come: text, numbers, or nothing.
enum Page<'a> {
    Text(TextStream<'a>),
    Ids { first: bool },
    Nothing,
}

impl<'a> Page<'a> {
    fn new(
        options: &Writing,
        tokenizer: &'a FolderTokenizer,
        prompt: &[u32],
    ) -> Result<Self, CommandError> {
        if options.json {
            return Ok(Self::Nothing);
        }
        let Some(text) = &options.prompt.prompt else {
            return Ok(Self::Ids { first: true });
        };
        // Nothing is printed before it is certain that the prompt can be read.
        let stream = tokenizer.stream(prompt)?;
        if !prompt.is_empty() {
            print_now(text)?;
        }
        Ok(Self::Text(stream))
    }

    fn put(&mut self, id: u32) -> Result<(), CommandError> {
        match self {
            Self::Text(stream) => print_now(&stream.push(id)?)?,
            Self::Ids { first } => {
                let comma = if std::mem::take(first) { "" } else { "," };
                print_now(&format!("{comma}{id}"))?;
            }
            Self::Nothing => {}
        }
        Ok(())
    }

    fn end(&self) -> Result<(), CommandError> {
        match self {
            Self::Text(stream) => print_now(&(stream.rest()? + "\n"))?,
            Self::Ids { .. } => print_now("\n")?,
            Self::Nothing => {}
        }
        Ok(())
    }
}

fn print_now(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// The options of `score`.
#[derive(Debug, Clone, Args)]
pub struct Reading {
    /// Which model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// What it reads.
    #[command(flatten)]
    pub prompt: Prompt,
    /// Prints one JSON object: the last logits, and ln of the probability of each token but the first
    #[arg(long)]
    pub json: bool,
}

/// Prints how likely each token was, and what may follow.
///
/// # Errors
/// [`CommandError`].
pub fn read(
    options: &Reading,
    reader: &mut impl TokenReader,
    tokenizer: &FolderTokenizer,
) -> Result<(), CommandError> {
    let ids = options.prompt.tokens(tokenizer)?;
    let found = score(reader, &ids)?;
    if options.json {
        let report =
            json!({ "last_logits": found.last_logits, "next_logprob": found.next_logprob });
        return Ok(print_now(&format!("{report}\n"))?);
    }
    let name = |id: u32| match tokenizer.text() {
        Ok(tokenizer) => format!("{:?}", tokenizer.decode(&[id], false).unwrap_or_default()),
        Err(_) => id.to_string(),
    };
    println!("{:>14} {:>9} {:>7}", "token", "ln p", "bits");
    println!("{:>14} {:>9} {:>7}", name(ids[0]), "-", "-");
    for (&id, log_p) in ids[1..].iter().zip(&found.next_logprob) {
        println!("{:>14} {log_p:>9.2} {:>7.2}", name(id), -log_p / std::f64::consts::LN_2);
    }
    let mut likeliest: Vec<usize> = (0..found.last_logits.len()).collect();
    likeliest.sort_by(|&i, &j| found.last_logits[j].total_cmp(&found.last_logits[i]));
    let next: Vec<String> = likeliest.iter().take(5).map(|&id| name(id as u32)).collect();
    println!();
    println!("likeliest to follow: {}", next.join(", "));
    Ok(())
}
