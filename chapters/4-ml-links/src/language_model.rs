//! *How many bits does the next letter cost?*
//!
//! A model that has read k letters gives a probability to each letter that may follow. What the text then does costs
//!
//! ```text
//! H = -1/n Σ log₂ p(c_k | c_0 … c_{k-1})   bits per character,      perplexity = 2^H      (eq-4-9)
//! ```
//!
//! [`LanguageModel`] is a stack of state space layers between an embedding and a head. [`CharacterModel`] is all that
//! training and writing need to know of it, so that later chapters put other models in its place.
//!
//! Conventions: tokens are numbers of characters in a [`Vocabulary`], `[batch, length]`; inside the model sequences are
//! `[batch, length, d_model]`, in its state space layers `[batch, d_model, length]`. The last tenth of a text is held
//! out: no weight has seen it.

use std::collections::{BTreeSet, HashMap};
use std::f64::consts::LN_2;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::{Module, Param};
use burn::nn::{Embedding, LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use ml_links::parameterization::{
    DiagonalState, DiagonalStateSpace, DiagonalStateSpaceConfig, parameter,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text cannot be read, learned or continued.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TextError {
    /// No such file, or no right to read it.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Bytes that are no UTF-8.
    #[error(
        "expected UTF-8 in {path}, found the byte {byte:#04x} at offset {offset} (line {line}): convert the file first, \
         with iconv for example"
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The byte that fits nowhere.
        byte: u8,
        /// How many bytes come before it.
        offset: usize,
        /// Its line, counted from 1.
        line: usize,
    },
    /// A text with too few characters.
    #[error("expected at least {needed} characters, {reason}; found {found}")]
    TooShort {
        /// How many there must be.
        needed: usize,
        /// How many there are.
        found: usize,
        /// What for.
        reason: String,
    },
    /// A text in which there is nothing to foretell.
    #[error("expected at least two different characters, found {0:?} only")]
    OneCharacter(char),
    /// Characters that the model has never met.
    #[error("expected characters of the text that the model was trained on, found {}", quoted(.0))]
    UnknownCharacters(Vec<char>),
    /// A text that an alphabet of a later chapter cannot take apart.
    #[error("cannot cut the text into tokens: {0}")]
    Tokens(String),
    /// Nothing to continue.
    #[error("expected a prompt of at least one character, found none")]
    EmptyPrompt,
    /// A number that does not fit.
    #[error("expected {name} {expected}, found {found}")]
    Number {
        /// Which.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
}

fn quoted(characters: &[char]) -> String {
    let list: Vec<_> =
        characters.iter().take(8).map(|character| format!("{character:?}")).collect();
    let more = characters.len().saturating_sub(8);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    list.join(", ") + &more
}

/// The text of a file in UTF-8, with line ends as `\n` and without a byte order mark.
///
/// # Errors
/// [`TextError::Unreadable`], [`TextError::NotUtf8`] with the place.
///
/// ```
/// use ml_links::language_model::read_text;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("latin-1.txt");
/// std::fs::write(&path, b"one\ncaf\xe9\n")?;
/// let error = read_text(&path).unwrap_err().to_string();
/// assert!(error.contains("found the byte 0xe9 at offset 7 (line 2)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_text(path: &Path) -> Result<String, TextError> {
    let bytes = fs::read(path).map_err(|error| TextError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = 1 + bytes[..offset].iter().filter(|byte| **byte == b'\n').count();
        TextError::NotUtf8 { path: path.to_owned(), byte: bytes[offset], offset, line }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.replace("\r\n", "\n"))
}

/// The characters of a text, numbered.
///
/// ```
/// use ml_links::language_model::Vocabulary;
///
/// let vocabulary = Vocabulary::of("abba Δ");
/// assert_eq!(vocabulary.encode("aΔb")?, [1, 3, 2]);
/// assert_eq!(vocabulary.decode(&[2, 1]), "ba");
/// assert_eq!(
///     vocabulary.encode("abc!").unwrap_err().to_string(),
///     "expected characters of the text that the model was trained on, found '!', 'c'"
/// );
/// # Ok::<(), ml_links::language_model::TextError>(())
/// ```
// ANCHOR: vocabulary
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary(Vec<char>);

impl Vocabulary {
    /// All characters of a text, in the order of their code points.
    pub fn of(text: &str) -> Self {
        let characters: BTreeSet<char> = text.chars().collect();
        Self(characters.into_iter().collect())
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The numbers of the characters of a text.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, TextError> {
        let number = |character| self.0.binary_search(&character);
        let unknown: BTreeSet<char> = text.chars().filter(|&c| number(c).is_err()).collect();
        if !unknown.is_empty() {
            return Err(TextError::UnknownCharacters(unknown.into_iter().collect()));
        }
        Ok(text.chars().filter_map(|character| number(character).ok()).collect())
    }

    /// The text of these numbers.
    pub fn decode(&self, tokens: &[usize]) -> String {
        tokens.iter().filter_map(|&token| self.0.get(token)).collect()
    }
}
// ANCHOR_END: vocabulary

impl fmt::Display for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().collect::<String>())
    }
}

/// How a text becomes numbers and back: characters, or what a later chapter puts in their place.
///
/// Its text, as [`Display`](fmt::Display) gives it, is what a checkpoint keeps of it.
///
/// ```
/// use ml_links::language_model::{Alphabet, Vocabulary};
///
/// fn there_and_back(alphabet: &impl Alphabet, text: &str) -> bool {
///     alphabet.encode(text).is_ok_and(|tokens| alphabet.decode(&tokens) == text)
/// }
/// assert!(there_and_back(&Vocabulary::of("abc"), "cab"));
/// assert_eq!(Vocabulary::UNITS, "characters");
/// ```
pub trait Alphabet: fmt::Display {
    /// What its numbers stand for, in the plural.
    const UNITS: &'static str;

    /// How many numbers there are.
    fn size(&self) -> usize;

    /// The numbers of a text.
    ///
    /// # Errors
    /// [`TextError::UnknownCharacters`].
    fn encode(&self, text: &str) -> Result<Vec<usize>, TextError>;

    /// The text of these numbers.
    fn decode(&self, tokens: &[usize]) -> String;
}

impl Alphabet for Vocabulary {
    const UNITS: &'static str = "characters";

    fn size(&self) -> usize {
        self.size()
    }

    fn encode(&self, text: &str) -> Result<Vec<usize>, TextError> {
        self.encode(text)
    }

    fn decode(&self, tokens: &[usize]) -> String {
        self.decode(tokens)
    }
}

/// The first nine tenths and the last one.
///
/// ```
/// let text: Vec<usize> = (0..20).collect();
/// let (train, held_out) = ml_links::language_model::split(&text);
/// assert_eq!((train.len(), held_out), (18, &[18, 19][..]));
/// ```
pub fn split(tokens: &[usize]) -> (&[usize], &[usize]) {
    tokens.split_at(tokens.len() - tokens.len() / 10)
}

/// Bits per character of a mean cross entropy in nats: `H = nats / ln 2`; 2 to the power of it is the perplexity.
///
/// ```
/// use ml_links::language_model::bits_per_character;
///
/// // Who knows nothing gives each of 64 characters the same probability.
/// assert_eq!(bits_per_character(64_f64.ln()), 6.0);
/// ```
pub fn bits_per_character(nats: f64) -> f64 {
    nats / LN_2
}

/// The mean of `-ln p(target)` over all characters: one number, for training.
///
/// Shapes: `logits` is `[batch, length, vocabulary]`, `targets` `[batch, length]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::language_model::cross_entropy;
///
/// let device = Device::flex();
/// let logits = Tensor::<3>::from_floats([[[0.75_f32.ln(), 0.25_f32.ln()]]], &device);
/// let loss = cross_entropy(logits, Tensor::from_ints([[1]], &device));
/// assert!((loss.into_scalar::<f32>() - 4_f32.ln()).abs() < 1e-6);
/// ```
// ANCHOR: cross_entropy
pub fn cross_entropy(logits: Tensor<3>, targets: Tensor<2, Int>) -> Tensor<1> {
    let log_p = activation::log_softmax(logits, 2);
    -log_p.gather(2, targets.unsqueeze_dim(2)).mean()
}
// ANCHOR_END: cross_entropy

// ANCHOR: character_model
/// What training and writing need to know of a model of characters.
pub trait CharacterModel: Module {
    /// What it remembers of all that it has read: as large after a million characters as after one.
    type State: Clone;

    /// The logits of the next character after each of these, all at once.
    ///
    /// `[batch, length]` becomes `[batch, length, vocabulary]`.
    fn logits(&self, tokens: Tensor<2, Int>, noise: &mut Noise) -> Tensor<3>;

    /// Nothing read yet.
    fn initial_state(&self, batch: usize) -> Self::State;

    /// Reads one character: `[batch]` becomes `[batch, vocabulary]`.
    fn step(&self, tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2>;
}
// ANCHOR_END: character_model

/// The noise of training, or none.
///
/// It is drawn from a generator of ours and not by the device, so that a step that is taken again is the same step.
#[derive(Debug)]
pub struct Noise<'a>(Option<&'a mut ChaCha8Rng>);

impl<'a> Noise<'a> {
    /// For reading and writing.
    pub fn none() -> Self {
        Self(None)
    }

    /// For training.
    pub fn of(random: &'a mut ChaCha8Rng) -> Self {
        Self(Some(random))
    }

    /// Dropout: each channel of each sequence is 0 with probability `share`, and scaled up else.
    ///
    /// A channel is dropped for a whole sequence `[batch, length, channels]`: what a state has to remember does not
    /// flicker (Gal and Ghahramani).
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use ml_links::language_model::Noise;
    /// use ml_links::training::Recipe;
    ///
    /// let ones = Tensor::<3>::ones([1, 2, 8], &Device::flex());
    /// let dropped = Noise::of(&mut Recipe::new(1).random(0)).dropout(ones.clone(), 0.5);
    /// let values = dropped.into_data().try_to_vec::<f32>().expect("floats");
    /// assert_eq!(values[..8], values[8..]);
    /// assert!(values.iter().all(|value| [0.0, 2.0].contains(value)));
    /// let untouched = Noise::none().dropout(ones, 0.5).into_data().try_to_vec::<f32>().expect("floats");
    /// assert_eq!(untouched, [1.0; 16]);
    /// ```
    // ANCHOR: dropout
    pub fn dropout(&mut self, x: Tensor<3>, share: f64) -> Tensor<3> {
        if self.0.is_none() || share == 0.0 {
            return x;
        }
        let [batch, _, channels] = x.dims();
        let mask = self.mask([batch, channels], share, &x.device());
        x * mask.unsqueeze_dim(1)
    }

    /// What dropout multiplies each channel of each sequence by, `[batch, channels]`; ones where there is no noise.
    pub fn mask(&mut self, shape: [usize; 2], share: f64, device: &Device) -> Tensor<2> {
        let Some(random) = self.0.as_mut().filter(|_| share > 0.0) else {
            return Tensor::ones(shape, device);
        };
        let kept = (1.0 / (1.0 - share)) as f32;
        let mut draw = || if random.random::<f64>() < share { 0.0 } else { kept };
        let mask: Vec<f32> = (0..shape.iter().product()).map(|_| draw()).collect();
        Tensor::from_data(TensorData::new(mask, shape), device)
    }
    // ANCHOR_END: dropout
}

/// What a [`LanguageModel`] is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LanguageModelConfig {
    /// How many different characters there are.
    pub vocabulary: usize,
    /// Channels.
    pub d_model: usize,
    /// States of each channel in each layer, N.
    pub d_state: usize,
    /// Layers.
    pub layers: usize,
    /// The share of channels that dropout silences in training.
    pub dropout: f64,
    /// Which random numbers are drawn for the first weights.
    pub seed: u64,
}

/// One layer of the stack: it looks along time, then across channels, and adds what it found.
#[derive(Module, Debug)]
pub struct Block {
    norm: LayerNorm,
    space: DiagonalStateSpace,
    mix: Linear,
    dropout: f64,
}

/// A model of characters: embedding, a stack of state space layers, head.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::language_model::{CharacterModel, LanguageModelConfig, Noise};
///
/// let device = Device::flex();
/// let config = LanguageModelConfig {
///     vocabulary: 5, d_model: 8, d_state: 4, layers: 2, dropout: 0.0, seed: 1,
/// };
/// let model = config.init(&device)?;
/// let tokens = Tensor::from_ints([[3, 1, 4, 1]], &device);
/// let at_once = model.logits(tokens.clone(), &mut Noise::none());
/// assert_eq!(at_once.dims(), [1, 4, 5]);
///
/// let mut state = model.initial_state(1);
/// for k in 0..4 {
///     let logits = model.step(tokens.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
///     let expected = at_once.clone().narrow(1, k, 1).squeeze_dim(1);
///     assert!((logits - expected).abs().max().into_scalar::<f32>() < 1e-4);
/// }
/// # Ok::<(), ml_links::language_model::TextError>(())
/// ```
#[derive(Module, Debug)]
pub struct LanguageModel {
    embedding: Embedding,
    layers: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
}

impl LanguageModelConfig {
    /// The model before training.
    ///
    /// # Errors
    /// [`TextError::Number`].
    pub fn init(&self, device: &Device) -> Result<LanguageModel, TextError> {
        let Self { vocabulary, d_model, d_state, layers, dropout, seed } = *self;
        let at_least = |name, found: usize, least: usize, expected| match found >= least {
            true => Ok(()),
            false => Err(TextError::Number { name, expected, found: found as f64 }),
        };
        at_least("the width d_model", d_model, 1, "of 1 or more")?;
        at_least("the number of layers", layers, 1, "of 1 or more")?;
        if d_state == 0 || d_state % 2 == 1 {
            let found = d_state as f64;
            let name = "the state size d_state";
            return Err(TextError::Number { name, expected: "even and 2 or more", found });
        }
        if !(0.0..1.0).contains(&dropout) {
            let (name, expected) = ("the share of dropout", "from 0 to below 1");
            return Err(TextError::Number { name, expected, found: dropout });
        }

        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let block = |random: &mut ChaCha8Rng| Block {
            norm: LayerNormConfig::new(d_model).init(device),
            space: DiagonalStateSpaceConfig::new(d_model, d_state)
                .with_delta_min(0.01)
                .with_delta_max(0.5)
                .with_seed(random.random())
                .init(device),
            mix: linear([d_model, 2 * d_model], random, device),
            dropout,
        };
        Ok(LanguageModel {
            embedding: Embedding {
                weight: even_parameter([vocabulary, d_model], 3_f64.sqrt(), &mut random, device),
            },
            layers: (0..layers).map(|_| block(&mut random)).collect(),
            norm: LayerNormConfig::new(d_model).init(device),
            head: linear([d_model, vocabulary], &mut random, device),
        })
    }
}

/// Weights drawn evenly from `±1/√inputs`.
fn linear(shape: [usize; 2], random: &mut ChaCha8Rng, device: &Device) -> Linear {
    let weight = even_parameter(shape, 1.0 / (shape[0] as f64).sqrt(), random, device);
    let bias = Some(even_parameter([shape[1]], 0.0, random, device));
    Linear { weight, bias }
}

/// A parameter whose numbers are drawn evenly from ±`bound`.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::language_model::even_parameter;
/// use ml_links::training::Recipe;
///
/// let weight = even_parameter([9, 9], 0.5, &mut Recipe::new(1).random(0), &Device::flex());
/// let largest = weight.val().abs().max().into_scalar::<f32>();
/// assert!(0.4 < largest && largest <= 0.5);
/// ```
pub fn even_parameter<const D: usize>(
    shape: [usize; D],
    bound: f64,
    random: &mut ChaCha8Rng,
    device: &Device,
) -> Param<Tensor<D>> {
    parameter(shape, device, |_| bound * (2.0 * random.random::<f64>() - 1.0))
}

// ANCHOR: block
impl Block {
    /// A whole sequence, `[batch, length, d_model]`.
    fn convolve(&self, x: Tensor<3>, noise: &mut Noise) -> Tensor<3> {
        let u = self.norm.forward(x.clone()).swap_dims(1, 2);
        let y = activation::relu(self.space.convolve(u).swap_dims(1, 2));
        let mixed = self.mix.forward(noise.dropout(y, self.dropout));
        x + noise.dropout(activation::glu(mixed, 2), self.dropout)
    }

    /// One step of it, `[batch, d_model]`.
    fn step(&self, x: Tensor<2>, state: &mut DiagonalState) -> Tensor<2> {
        let y = activation::relu(self.space.step(self.norm.forward(x.clone()), state));
        x + activation::glu(self.mix.forward(y), 1)
    }
}
// ANCHOR_END: block

// ANCHOR: language_model
impl CharacterModel for LanguageModel {
    type State = Vec<DiagonalState>;

    fn logits(&self, tokens: Tensor<2, Int>, noise: &mut Noise) -> Tensor<3> {
        let mut x = self.embedding.forward(tokens);
        for layer in &self.layers {
            x = layer.convolve(x, noise);
        }
        self.head.forward(self.norm.forward(x))
    }

    fn initial_state(&self, batch: usize) -> Self::State {
        let device = self.head.weight.device();
        self.layers.iter().map(|layer| layer.space.initial_state(batch, &device)).collect()
    }

    fn step(&self, tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2> {
        let mut x = self.embedding.forward(tokens.unsqueeze_dim(1)).squeeze_dim(1);
        for (layer, state) in self.layers.iter().zip(state) {
            x = layer.step(x, state);
        }
        self.head.forward(self.norm.forward(x))
    }
}
// ANCHOR_END: language_model

/// Tokens as a tensor of `[batch, length]`.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::language_model::token_tensor;
///
/// assert_eq!(token_tensor(&[1, 2, 3, 4], [2, 2], &Device::flex()).dims(), [2, 2]);
/// ```
pub fn token_tensor<const D: usize>(
    tokens: &[usize],
    shape: [usize; D],
    device: &Device,
) -> Tensor<D, Int> {
    let numbers: Vec<i32> = tokens.iter().map(|&token| token as i32).collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// What each character of a text but the first costs a model, in bits: it reads from the first on and never forgets.
///
/// Texts beyond 32,768 characters are read in pieces, and before each piece the last 4,096 characters once more.
///
/// # Errors
/// [`TextError::TooShort`] below two characters.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::language_model::{LanguageModelConfig, surprises};
///
/// let config = LanguageModelConfig {
///     vocabulary: 8, d_model: 4, d_state: 2, layers: 1, dropout: 0.5, seed: 1,
/// };
/// let model = config.init(&Device::flex())?;
/// let bits = surprises(&model, &[0, 1, 2, 3, 4])?;
/// assert_eq!(bits.len(), 4);
/// # Ok::<(), ml_links::language_model::TextError>(())
/// ```
pub fn surprises<M: CharacterModel>(model: &M, tokens: &[usize]) -> Result<Vec<f64>, TextError> {
    let (piece, context) = (1 << 15, 1 << 12);
    if tokens.len() < 2 {
        let reason = "one to read and one to foretell".into();
        return Err(TextError::TooShort { needed: 2, found: tokens.len(), reason });
    }
    let device = device_of(model);
    let mut bits = Vec::with_capacity(tokens.len() - 1);
    while bits.len() + 1 < tokens.len() {
        let begin = bits.len() + 1;
        let end = tokens.len().min(begin + piece);
        let from = begin.saturating_sub(context + 1);
        let read = token_tensor(&tokens[from..end - 1], [1, end - 1 - from], &device);
        let logits =
            model.logits(read, &mut Noise::none()).narrow(1, begin - 1 - from, end - begin);
        let next = token_tensor(&tokens[begin..end], [1, end - begin], &device);
        let log_p = activation::log_softmax(logits, 2).gather(2, next.unsqueeze_dim(2));
        bits.extend(log_p.into_data().iter::<f64>().map(|log_p| bits_per_character(-log_p)));
    }
    Ok(bits)
}

/// Bits per character of a model on a text: the mean of its [`surprises`].
///
/// # Errors
/// [`TextError::TooShort`] below two characters.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::language_model::{LanguageModelConfig, bits_on};
///
/// let config = LanguageModelConfig {
///     vocabulary: 8, d_model: 4, d_state: 2, layers: 1, dropout: 0.5, seed: 1,
/// };
/// let model = config.init(&Device::flex())?;
/// let bits = bits_on(&model, &[0, 1, 2, 3, 4, 5, 6, 7])?;
/// assert!((bits - 3.0).abs() < 1.0); // it knows nothing yet: about log₂ 8
/// # Ok::<(), ml_links::language_model::TextError>(())
/// ```
pub fn bits_on<M: CharacterModel>(model: &M, tokens: &[usize]) -> Result<f64, TextError> {
    let bits = surprises(model, tokens)?;
    Ok(bits.iter().sum::<f64>() / bits.len() as f64)
}

/// Where a model is, without the bookkeeping of gradients.
fn device_of<M: Module>(model: &M) -> Device {
    model.devices().into_iter().next().unwrap_or_else(Device::flex).inner()
}

/// Bits per character of tables that have counted what follows each 0, 1, … `longest` characters: what a model has to
/// beat.
///
/// Contexts that were seen rarely lean on shorter ones, down to the even distribution (Witten and Bell): a context with n
/// followers, d of them different, trusts its own counts with the weight n / (n + d).
///
/// Cost O(characters · longest²): each context is hashed whole.
///
/// ```
/// use ml_links::language_model::table_bits;
///
/// let text: Vec<usize> = (0..400).map(|k| k % 4).collect();
/// let bits = table_bits(&text, &text, 4, 1);
/// assert!(bits[0] > 1.99); // four characters, equally frequent
/// assert!(bits[1] < 0.03); // but each is followed by one
/// ```
pub fn table_bits(train: &[usize], text: &[usize], vocabulary: usize, longest: usize) -> Vec<f64> {
    let mut tables = vec![HashMap::<&[usize], HashMap<usize, f64>>::new(); longest + 1];
    for end in 0..train.len() {
        for (length, table) in tables.iter_mut().enumerate().take(end + 1) {
            let followers = table.entry(&train[end - length..end]).or_default();
            *followers.entry(train[end]).or_default() += 1.0;
        }
    }
    let mut bits = vec![0.0; longest + 1];
    for end in 0..text.len() {
        let mut p = 1.0 / vocabulary as f64;
        for (length, table) in tables.iter().enumerate() {
            let context = text.get(end.wrapping_sub(length)..end);
            if let Some(followers) = context.and_then(|context| table.get(context)) {
                let (count, different) = (followers.values().sum::<f64>(), followers.len() as f64);
                let own = followers.get(&text[end]).unwrap_or(&0.0);
                p = (own + different * p) / (count + different);
            }
            bits[length] -= p.log2() / text.len() as f64;
        }
    }
    bits
}

/// Pieces of a text, from places drawn at random, and the same pieces one character later: `[batch, length]` each.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::language_model::random_pieces;
/// use ml_links::training::Recipe;
///
/// let text: Vec<usize> = (0..100).collect();
/// let mut random = Recipe::new(1).random(0);
/// let (read, next) = random_pieces(&text, [4, 10], &mut random, &Device::flex());
/// let later = (next - read).into_data().iter::<i64>().collect::<Vec<_>>();
/// assert_eq!(later, [1; 40]);
/// ```
pub fn random_pieces(
    tokens: &[usize],
    [batch, length]: [usize; 2],
    random: &mut ChaCha8Rng,
    device: &Device,
) -> (Tensor<2, Int>, Tensor<2, Int>) {
    let begins: Vec<usize> =
        (0..batch).map(|_| random.random_range(0..tokens.len() - length)).collect();
    let pieces = |later: usize| -> Tensor<2, Int> {
        let pieces: Vec<usize> = begins
            .iter()
            .flat_map(|&begin| tokens[begin + later..][..length].iter().copied())
            .collect();
        token_tensor(&pieces, [batch, length], device)
    };
    (pieces(0), pieces(1))
}

/// How the next character is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Below 1 the likely becomes likelier, above 1 less so; at 0 the likeliest is taken.
    pub temperature: f64,
    /// Only so many of the likeliest.
    pub top_k: Option<usize>,
    /// Only the likeliest that together have this probability.
    pub top_p: Option<f64>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: None }
    }
}

impl Sampler {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`TextError::Number`].
    pub fn check(&self) -> Result<(), TextError> {
        if !(0.0..f64::INFINITY).contains(&self.temperature) {
            let (name, expected) = ("a temperature", "of 0 or more");
            return Err(TextError::Number { name, expected, found: self.temperature });
        }
        if self.top_k == Some(0) {
            let (name, expected) = ("top-k", "of 1 or more");
            return Err(TextError::Number { name, expected, found: 0.0 });
        }
        if let Some(found) = self.top_p.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
            let (name, expected) = ("top-p", "above 0 and at most 1");
            return Err(TextError::Number { name, expected, found });
        }
        Ok(())
    }

    /// The probabilities that are left of logits: they sum to 1, and none is negative.
    ///
    /// ```
    /// use ml_links::language_model::Sampler;
    ///
    /// let logits = [0.5_f64.ln(), 0.3_f64.ln(), 0.2_f64.ln()];
    /// let two = Sampler { top_k: Some(2), ..Sampler::default() }.probabilities(&logits);
    /// assert!((two[0] - 0.625).abs() < 1e-12 && two[2] == 0.0);
    /// let greedy = Sampler { temperature: 0.0, ..Sampler::default() }.probabilities(&logits);
    /// assert_eq!(greedy, [1.0, 0.0, 0.0]);
    /// ```
    pub fn probabilities(&self, logits: &[f64]) -> Vec<f64> {
        let mut p = tempered(logits, self.temperature);
        if let Some(k) = self.top_k {
            p = top_k(&p, k);
        }
        if let Some(mass) = self.top_p {
            p = top_p(&p, mass);
        }
        p
    }

    /// A character, drawn.
    ///
    /// ```
    /// use ml_links::language_model::Sampler;
    /// use ml_links::training::Recipe;
    ///
    /// let greedy = Sampler { temperature: 0.0, ..Sampler::default() };
    /// assert_eq!(greedy.sample(&[0.1, 2.0, 0.3], &mut Recipe::new(1).random(0)), 1);
    /// ```
    pub fn sample(&self, logits: &[f64], random: &mut impl Rng) -> usize {
        draw(&self.probabilities(logits), random.random())
    }
}

/// `softmax(logits / temperature)`; at temperature 0 all is on the first of the largest.
///
/// *Trap:* `e^{logit}` overflows from 710 on; the largest logit is subtracted first, which changes no quotient.
///
/// ```
/// use ml_links::language_model::tempered;
///
/// assert_eq!(tempered(&[1000.0, 1000.0], 1.0), [0.5, 0.5]);
/// assert_eq!(tempered(&[1000.0, 1001.0], 0.0), [0.0, 1.0]);
/// ```
pub fn tempered(logits: &[f64], temperature: f64) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if temperature == 0.0 {
        let first = logits.iter().position(|logit| *logit == largest);
        return (0..logits.len()).map(|i| f64::from(Some(i) == first)).collect();
    }
    normalized(logits.iter().map(|logit| ((logit - largest) / temperature).exp()).collect())
}

// ANCHOR: sampling
/// The k likeliest, and nothing of the others.
pub fn top_k(p: &[f64], k: usize) -> Vec<f64> {
    kept(p, |rank, _| rank < k)
}

/// The fewest of the likeliest that together reach `mass`.
pub fn top_p(p: &[f64], mass: f64) -> Vec<f64> {
    kept(p, |_, before| before < mass)
}

/// Keeps by rank and by the probability of all that are likelier; the rest is 0.
fn kept(p: &[f64], keep: impl Fn(usize, f64) -> bool) -> Vec<f64> {
    let mut ranked: Vec<usize> = (0..p.len()).collect();
    ranked.sort_by(|&i, &j| p[j].total_cmp(&p[i]));
    let (mut left, mut before) = (vec![0.0; p.len()], 0.0);
    for (rank, i) in ranked.into_iter().enumerate() {
        if rank == 0 || keep(rank, before) {
            left[i] = p[i];
        }
        before += p[i];
    }
    normalized(left)
}
// ANCHOR_END: sampling

fn normalized(mut p: Vec<f64>) -> Vec<f64> {
    let sum: f64 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= sum);
    p
}

/// The first place at which the probabilities so far exceed a number from 0 to 1.
///
/// ```
/// assert_eq!(ml_links::language_model::draw(&[0.25, 0.0, 0.75], 0.25), 2);
/// ```
pub fn draw(p: &[f64], number: f64) -> usize {
    let mut sum = 0.0;
    let exceeds = p.iter().position(|p| {
        sum += p;
        sum > number
    });
    // Rounding may leave the whole sum a little below 1.
    exceeds.or(p.iter().rposition(|p| *p > 0.0)).unwrap_or(0)
}

/// Reads a prompt and writes on, a character at a time, from a state that does not grow.
///
/// Each character goes to `write` as soon as it is there; writing ends early when `write` answers false.
///
/// # Errors
/// [`TextError::UnknownCharacters`], [`TextError::EmptyPrompt`], [`TextError::Number`].
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::language_model::{LanguageModelConfig, Sampler, Vocabulary, write_on};
/// use ml_links::training::Recipe;
///
/// let vocabulary = Vocabulary::of("abc");
/// let config = LanguageModelConfig {
///     vocabulary: 3, d_model: 4, d_state: 2, layers: 1, dropout: 0.0, seed: 1,
/// };
/// let model = config.init(&Device::flex())?;
/// let mut text = String::from("a");
/// let random = &mut Recipe::new(1).random(0);
/// write_on(&model, &vocabulary, "a", 10, &Sampler::default(), random, |c| {
///     text.push(c);
///     true
/// })?;
/// assert_eq!(text.len(), 11);
/// # Ok::<(), ml_links::language_model::TextError>(())
/// ```
pub fn write_on<M: CharacterModel>(
    model: &M,
    vocabulary: &Vocabulary,
    prompt: &str,
    characters: usize,
    sampler: &Sampler,
    random: &mut ChaCha8Rng,
    mut write: impl FnMut(char) -> bool,
) -> Result<(), TextError> {
    let prompt = vocabulary.encode(prompt)?;
    let write = |token: usize| write(vocabulary.0[token]);
    write_tokens(model, &prompt, characters, sampler, random, write)
}

/// [`write_on`] in tokens, whatever they stand for.
///
/// # Errors
/// [`TextError::EmptyPrompt`], [`TextError::Number`].
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::language_model::{LanguageModelConfig, Sampler, write_tokens};
/// use ml_links::training::Recipe;
///
/// let config = LanguageModelConfig {
///     vocabulary: 3, d_model: 4, d_state: 2, layers: 1, dropout: 0.0, seed: 1,
/// };
/// let model = config.init(&Device::flex())?;
/// let mut tokens = vec![0];
/// let random = &mut Recipe::new(1).random(0);
/// write_tokens(&model, &[0], 10, &Sampler::default(), random, |token| {
///     tokens.push(token);
///     true
/// })?;
/// assert!(tokens.len() == 11 && tokens.iter().all(|&token| token < 3));
/// # Ok::<(), ml_links::language_model::TextError>(())
/// ```
// ANCHOR: write_on
pub fn write_tokens<M: CharacterModel>(
    model: &M,
    prompt: &[usize],
    count: usize,
    sampler: &Sampler,
    random: &mut ChaCha8Rng,
    mut write: impl FnMut(usize) -> bool,
) -> Result<(), TextError> {
    sampler.check()?;
    let device = device_of(model);
    let mut state = model.initial_state(1);
    let mut read = |&token: &usize| model.step(token_tensor(&[token], [1], &device), &mut state);
    let mut logits = prompt.iter().map(&mut read).last().ok_or(TextError::EmptyPrompt)?;
    for _ in 0..count {
        let numbers: Vec<f64> = logits.into_data().iter::<f64>().collect();
        let token = sampler.sample(&numbers, random);
        if !write(token) {
            break;
        }
        logits = read(&token);
    }
    Ok(())
}
// ANCHOR_END: write_on
