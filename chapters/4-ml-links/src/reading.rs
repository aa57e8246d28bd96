//! The commands `train-on-book` and `generate`, for any [`CharacterModel`]: what a text is, what is saved with the
//! weights, and what is printed.
//!
//! A chapter that has a new model implements [`Architecture`] for its flags and calls [`train_on_text`] and
//! [`continue_text`].

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use clap::Args;
use ml_links::language_model::{
    Alphabet, CharacterModel, Noise, Sampler, TextError, Vocabulary, cross_entropy, random_pieces,
    read_text, split, surprises, table_bits, write_on, write_tokens,
};
use ml_links::training::checkpoint::Checkpoint;
use ml_links::training::{
    CheckpointError, DeviceArguments, Outcome, ParameterGroup, Recipe, RunOptions, Task, Trainer,
    TrainingError, train,
};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use thiserror::Error;

/// Why a text was not learned or continued.
#[derive(Debug, Error)]
pub enum ReadingError {
    /// Something about the text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Something about the training.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// Something about the checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// The English text of this book in reading order: its summary's pages, without what they include.
///
/// # Errors
/// [`TextError::Unreadable`].
///
/// ```
/// let book = ml_links::reading::book_text()?;
/// assert!(book.contains("# Matrix exponential"));
/// assert!(!book.contains("{{#include"));
/// # Ok::<(), ml_links::language_model::TextError>(())
/// ```
pub fn book_text() -> Result<String, TextError> {
    let from_here = || {
        let here = std::env::current_dir().ok()?;
        let mut roots = here.ancestors().map(|root| root.join("book/src"));
        roots.find(|source| source.join("SUMMARY.md").exists())
    };
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book/src");
    let source = from_here().unwrap_or(built_from);
    let summary = read_text(&source.join("SUMMARY.md"))?;
    let pages = summary.lines().filter_map(|line| {
        let (_, link) = line.split_once("](")?;
        link.split_once(')').map(|(page, _)| page)
    });
    let mut book = String::new();
    for page in pages {
        for line in read_text(&source.join(page))?.lines() {
            if !line.contains("{{#") && !line.starts_with("<!--") {
                book.push_str(line);
                book.push('\n');
            }
        }
        book.push('\n');
    }
    Ok(book)
}

/// What a model is built from: its flags, saved with its weights.
pub trait Architecture: Serialize + DeserializeOwned {
    /// The model.
    type Model: CharacterModel;

    /// Its name, saved too.
    const NAME: &'static str;

    /// The model before training, for so many characters.
    ///
    /// # Errors
    /// [`TextError::Number`] where a number makes no sense.
    fn build(&self, vocabulary: usize, device: &Device) -> Result<Self::Model, TextError>;

    /// Which parameters learn at rates of their own.
    fn groups(&self) -> Vec<ParameterGroup> {
        Vec::new()
    }
}

/// The flags of a command that learns a text, beside those of its model.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct TextArguments {
    /// A text in UTF-8 [default: this book]
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,
    /// How many steps
    #[arg(long, default_value_t = 5000)]
    pub steps: usize,
    /// Stops after so many minutes, with a checkpoint
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Pieces of text in a step
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// Characters in a piece
    #[arg(long, default_value_t = 128)]
    pub length: usize,
    /// The peak of the learning rate
    #[arg(long, default_value_t = 4e-3)]
    pub lr: f64,
    /// How strongly weights are drawn to 0
    #[arg(long, default_value_t = 0.1)]
    pub weight_decay: f64,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The folder of the checkpoints
    #[arg(long, value_name = "FOLDER", default_value = "runs/train-on-book")]
    pub out: PathBuf,
    /// Continues the run in that folder; all other flags as they were
    #[arg(long)]
    pub resume: bool,
    /// Writes loss, bits per character and speed into this CSV file
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Steps between two looks at the held-out tenth
    #[arg(long, value_name = "STEPS", default_value_t = 250)]
    pub evaluate_every: usize,
    /// Steps between two checkpoints
    #[arg(long, value_name = "STEPS", default_value_t = 250)]
    pub save_every: usize,
    /// Steps between two samples; 0 for none
    #[arg(long, value_name = "STEPS", default_value_t = 1000)]
    pub sample_every: usize,
    #[command(flatten)]
    /// What computes
    pub device: DeviceArguments,
}

impl TextArguments {
    fn recipe(&self) -> Recipe {
        Recipe {
            rate: self.lr,
            weight_decay: self.weight_decay,
            seed: self.seed,
            ..Recipe::new(self.steps)
        }
    }

    fn check(&self) -> Result<(), TextError> {
        let number = |name, expected, found| Err(TextError::Number { name, expected, found });
        if self.batch == 0 || self.length == 0 {
            let found = self.batch.min(self.length) as f64;
            return number("--batch and --length", "of 1 or more", found);
        }
        match self.minutes {
            Some(found) if !(found > 0.0 && found < 1e9) => {
                number("--minutes", "a positive number", found)
            }
            _ => Ok(()),
        }
    }
}

/// Learns to foretell the first nine tenths of a text.
struct Reading<'a, W> {
    train: &'a [usize],
    held_out: &'a [usize],
    /// What the tokens held out stand for, the first of them left out: it is foretold by nobody.
    foretold_characters: usize,
    alphabet: &'a W,
    shape: [usize; 2],
    seed: u64,
    device: Device,
}

impl<W> Reading<'_, W> {
    /// About how many tokens a text held out has in so many characters.
    fn tokens_in(&self, characters: usize) -> usize {
        let share = (self.held_out.len() - 1) as f64 / self.foretold_characters as f64;
        (characters as f64 * share).ceil() as usize
    }
}

// ANCHOR: task
impl<M: CharacterModel, W: Alphabet> Task<M> for Reading<'_, W> {
    fn loss(&self, model: &M, random: &mut ChaCha8Rng) -> Tensor<1> {
        let (read, next) = random_pieces(self.train, self.shape, random, &self.device);
        cross_entropy(model.logits(read, &mut Noise::of(random)), next)
    }

    fn evaluate(&self, model: &M) -> Result<f64, TrainingError> {
        let bits = surprises(model, self.held_out)
            .map_err(|error| TrainingError::Task(error.to_string()))?;
        Ok(bits.iter().sum::<f64>() / self.foretold_characters as f64)
    }
    // ANCHOR_END: task

    fn tokens_per_step(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    fn unit(&self) -> &'static str {
        "bits per character"
    }

    fn sample(&self, model: &M) -> Option<String> {
        let mut random = Recipe { seed: self.seed, ..Recipe::new(1) }.random(usize::MAX);
        let prompt = &self.held_out[..self.held_out.len().min(self.tokens_in(32))];
        let sampler = Sampler { temperature: 0.8, ..Sampler::default() };
        let mut tokens = Vec::new();
        let write = |token| {
            tokens.push(token);
            true
        };
        write_tokens(model, prompt, self.tokens_in(120), &sampler, &mut random, write).ok()?;
        let [prompt, text] = [prompt, &tokens[..]].map(|tokens| self.alphabet.decode(tokens));
        Some(in_lines(&format!("{prompt}|{text}").replace('\n', "⏎"), 72))
    }
}

/// A long line in lines of at most so many characters where words allow it, indented.
fn in_lines(text: &str, columns: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.trim_end().chars().count() <= columns => {
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let filled = lines.iter().filter(|line| !line.is_empty());
    filled.map(|line| format!("    {}", line.trim_end())).collect::<Vec<_>>().join("\n")
}

/// A number that tells one text from another.
fn fingerprint(text: &str) -> String {
    let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}

/// Trains a model on a text, prints what happens and leaves `last.safetensors` and `best.safetensors`.
///
/// # Errors
/// [`ReadingError`]; what was saved before stays as it was.
pub fn train_on_text<A: Architecture>(
    arguments: &TextArguments,
    architecture: &A,
    say: &mut dyn FnMut(&str),
) -> Result<Outcome, ReadingError> {
    let characters = |text: &str, _: &str| Ok(Vocabulary::of(text));
    Ok(train_in_tokens(arguments, architecture, characters, say)?.0)
}

/// [`train_on_text`] in tokens of another alphabet, which `learn` makes of the whole text and of its first nine tenths: the
/// part that may be learned from.
///
/// What is held out, and what a character of it costs, is the same in any alphabet.
///
/// # Errors
/// [`ReadingError`]; what was saved before stays as it was.
pub fn train_in_tokens<A: Architecture, W: Alphabet>(
    arguments: &TextArguments,
    architecture: &A,
    learn: impl FnOnce(&str, &str) -> Result<W, TextError>,
    say: &mut dyn FnMut(&str),
) -> Result<(Outcome, W), ReadingError> {
    arguments.check()?;
    let recipe = arguments.recipe();
    recipe.check()?;
    let (name, text) = match &arguments.text {
        Some(path) => (path.display().to_string(), read_text(path)?),
        None => ("this book".to_owned(), book_text()?),
    };
    let vocabulary = Vocabulary::of(&text);
    let characters = vocabulary.encode(&text)?;
    let (train_characters, held_out_characters) = split(&characters);
    // A tenth of at least two characters, and one piece with the character after it.
    let needed = (10 * (arguments.length + 1)).div_ceil(9).max(20);
    let too_short = |needed| {
        let reason = format!("for pieces of {} and a held-out tenth", arguments.length);
        TextError::TooShort { needed, found: characters.len(), reason }
    };
    if characters.len() < needed {
        return Err(too_short(needed).into());
    }
    if let [only] = vocabulary.to_string().chars().collect::<Vec<_>>()[..] {
        return Err(TextError::OneCharacter(only).into());
    }
    let cut = text.char_indices().nth(train_characters.len());
    let (learned, foretold) = text.split_at(cut.map_or(text.len(), |(offset, _)| offset));
    let alphabet = learn(&text, learned)?;
    let (train_part, held_out) = (alphabet.encode(learned)?, alphabet.encode(foretold)?);
    if train_part.len() <= arguments.length || held_out.len() < 2 {
        // As many characters as have so many tokens.
        let tokens = train_part.len() + held_out.len();
        return Err(too_short((needed * characters.len()).div_ceil(tokens) + 1).into());
    }

    let device = arguments.device.device()?.autodiff();
    let model = architecture.build(alphabet.size(), &device)?;
    say(&format!(
        "text      {name}: {} characters, {} different; {} to learn from, {} held out",
        characters.len(),
        vocabulary.size(),
        train_characters.len(),
        held_out_characters.len()
    ));
    if W::UNITS != Vocabulary::UNITS {
        let (here, there) = (train_part.len(), held_out.len());
        say(&format!(
            "{:<9} {} different; {here} to learn from, {there} held out: {:.2} characters each",
            W::UNITS,
            alphabet.size(),
            characters.len() as f64 / (here + there) as f64
        ));
    }
    say(&format!("model     {}: {} parameters", A::NAME, model.num_params()));
    let tables = table_bits(train_characters, held_out_characters, vocabulary.size(), 7);
    let best = tables.iter().zip(1..).min_by(|one, other| one.0.total_cmp(other.0));
    let (best, longest) = best.unwrap_or((&tables[0], 1));
    say(&format!(
        "to beat   {:.3} bits per character, knowing nothing",
        (vocabulary.size() as f64).log2()
    ));
    say(&format!(
        "tables    of single characters {:.3}, of pairs {:.3}, of {longest} characters {best:.3}: the best",
        tables[0], tables[1]
    ));

    let configuration = json!({
        "architecture": A::NAME,
        "model": architecture,
        "vocabulary": alphabet.to_string(),
        "text": fingerprint(&text),
        "batch": arguments.batch,
        "length": arguments.length,
    });
    let first_characters = alphabet.decode(&held_out[..1]).chars().count();
    let reading = Reading {
        train: &train_part,
        held_out: &held_out,
        foretold_characters: held_out_characters.len().saturating_sub(first_characters).max(1),
        alphabet: &alphabet,
        shape: [arguments.batch, arguments.length],
        seed: arguments.seed,
        device,
    };
    let options = RunOptions {
        out: Some(arguments.out.clone()),
        resume: arguments.resume,
        log: arguments.log.clone(),
        evaluate_every: arguments.evaluate_every,
        save_every: arguments.save_every,
        sample_every: arguments.sample_every,
        limit: arguments.minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes)),
    };
    let trainer = Trainer::new(model, recipe)?.with_groups(architecture.groups());
    let (trainer, outcome) = train(trainer, &reading, &options, &configuration, say)?;
    if let (Some(last), Some(best)) = (outcome.last, outcome.best) {
        say(&format!(
            "after     {} steps: {:.3} bits per character; best {:.3} after {} (perplexity {:.2})",
            trainer.step(),
            last.value,
            best.value,
            best.step,
            best.value.exp2()
        ));
    }
    say(&format!(
        "time      {:.0} s, {:.0} {}/s in training",
        outcome.seconds,
        outcome.speed,
        W::UNITS
    ));
    if !outcome.finished {
        let left = trainer.recipe().steps - trainer.step();
        say(&format!(
            "stopped   the time is up, {left} steps are left: the same command with --resume goes on"
        ));
    }
    say(&format!("saved     {}", RunOptions::best_in(&arguments.out).display()));
    Ok((outcome, alphabet))
}

/// The flags of a command that continues a text.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct ContinueArguments {
    /// A folder of checkpoints (its best weights), or one checkpoint
    #[arg(long, value_name = "PATH", default_value = "runs/train-on-book")]
    pub checkpoint: PathBuf,
    /// What is to be continued
    #[arg(long, default_value = "The ")]
    pub prompt: String,
    /// How many characters to write
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    pub characters: usize,
    /// Below 1 the likely becomes likelier; 0 takes the likeliest
    #[arg(long, default_value_t = 0.8)]
    pub temperature: f64,
    /// Only so many of the likeliest characters
    #[arg(long, value_name = "COUNT")]
    pub top_k: Option<usize>,
    /// Only the likeliest characters that together have this probability
    #[arg(long, value_name = "SHARE")]
    pub top_p: Option<f64>,
    /// Where the chance comes from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Writes nothing, and prints what each character of the prompt costs, in bits
    #[arg(long)]
    pub bits: bool,
    #[command(flatten)]
    /// What computes
    pub device: DeviceArguments,
}

/// A trained model and its alphabet, from a checkpoint or the best one of a folder.
///
/// # Errors
/// [`ReadingError::Checkpoint`]: not there, cut short, of another model.
pub fn load<A: Architecture>(
    path: &Path,
    device: &Device,
) -> Result<(A::Model, Vocabulary), ReadingError> {
    let file = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let best = RunOptions::best_in(path);
            if best.exists() { best } else { RunOptions::last_in(path) }
        }
        _ => path.to_owned(),
    };
    let checkpoint = Checkpoint::read(&file)?;
    let configuration = checkpoint.configuration();
    let foreign = |reason: String| CheckpointError::Foreign { path: file.clone(), reason };
    let found = configuration["architecture"].as_str().unwrap_or("nothing");
    if found != A::NAME {
        let differences = format!("expected {}, found {found}", A::NAME);
        return Err(CheckpointError::OtherConfiguration { differences }.into());
    }
    let architecture: A = serde_json::from_value(configuration["model"].clone())
        .map_err(|error| foreign(error.to_string()))?;
    let alphabet = configuration["vocabulary"].as_str();
    let vocabulary =
        Vocabulary::of(alphabet.ok_or_else(|| foreign("it has no vocabulary".into()))?);
    let model = architecture.build(vocabulary.size(), device)?;
    Ok((checkpoint.load_into(model)?, vocabulary))
}

/// What characters cost, by where they stand in their word.
fn by_place(text: &str, bits: &[f64]) -> [(&'static str, Vec<f64>); 3] {
    let mut places =
        [("beginning a word", vec![]), ("inside a word", vec![]), ("between words", vec![])];
    let characters = text.chars().zip(text.chars().skip(1));
    for ((before, character), bits) in characters.zip(bits) {
        let place = match (before.is_alphanumeric(), character.is_alphanumeric()) {
            (false, true) => 0,
            (true, true) => 1,
            (_, false) => 2,
        };
        places[place].1.push(*bits);
    }
    places
}

/// Prints a prompt and what a trained model writes after it, character by character.
///
/// # Errors
/// [`ReadingError`].
pub fn continue_text<A: Architecture>(
    arguments: &ContinueArguments,
    out: &mut impl Write,
) -> Result<(), ReadingError> {
    let sampler = Sampler {
        temperature: arguments.temperature,
        top_k: arguments.top_k,
        top_p: arguments.top_p,
    };
    sampler.check()?;
    let device = arguments.device.device()?;
    let (model, vocabulary) = load::<A>(&arguments.checkpoint, &device)?;
    let prompt = vocabulary.encode(&arguments.prompt)?;
    if arguments.bits {
        let bits = surprises(&model, &prompt)?;
        for (character, bits) in arguments.prompt.chars().skip(1).zip(&bits) {
            writeln!(out, "{bits:6.2}  {}  {character:?}", "▪".repeat(bits.round() as usize))?;
        }
        let mean = |bits: &[f64]| bits.iter().sum::<f64>() / bits.len() as f64;
        writeln!(out, "{:6.2}  bits per character", mean(&bits))?;
        for (place, part) in by_place(&arguments.prompt, &bits) {
            if !part.is_empty() {
                let percent = 100.0 * part.len() as f64 / bits.len() as f64;
                writeln!(out, "{:6.2}  {place}, {percent:.0} % of the characters", mean(&part))?;
            }
        }
        return Ok(());
    }
    let mut random = Recipe { seed: arguments.seed, ..Recipe::new(1) }.random(0);
    write!(out, "{}", arguments.prompt)?;
    let (prompt, count) = (&arguments.prompt, arguments.characters);
    let mut printed = Ok(());
    write_on(&model, &vocabulary, prompt, count, &sampler, &mut random, |character| {
        printed = write!(out, "{character}").and_then(|()| out.flush());
        printed.is_ok()
    })?;
    printed?;
    Ok(writeln!(out)?)
}
