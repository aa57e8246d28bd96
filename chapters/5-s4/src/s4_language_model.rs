//! *How far back does a novel reach?*
//!
//! A model that may see the last n characters and no more pays for the next one
//!
//! ```text
//! H(n) = -1/m Σ log₂ p(c_k | c_{k-n} … c_{k-1})   bits,      loss of pieces of L characters = 1/L Σ H(n), n = 1 … L      (eq-5-9)
//! ```
//!
//! [`S4LanguageModel`] is chapter 4's language model with the stack of the page *Sequence model* inside;
//! [`bits_with_context`] covers its eyes to all but the last n characters, and [`reach`] says from which n on more of them are
//! worth nothing.
//!
//! Conventions: tokens are `[batch, length]`, as in chapter 4; in the stack sequences are `[batch, d_model, length]`. A
//! context of n characters is read from rest.

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor, activation};
use ml_links::language_model::{
    CharacterModel, Noise, TextError, bits_per_character, even_parameter, token_tensor,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use s4::sequence_model::{SizeError, SpaceState, Stack, StackConfig, linear};
use serde::{Deserialize, Serialize};

/// What an [`S4LanguageModel`] is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct S4LanguageModelConfig {
    /// How many different characters there are.
    pub vocabulary: usize,
    /// What is between the embedding and the head.
    pub stack: StackConfig,
}

/// A model of characters: embedding, a stack of S4 or S4D, head.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::language_model::{CharacterModel, Noise};
/// use s4::s4_language_model::S4LanguageModelConfig;
/// use s4::sequence_model::{Memory, StackConfig};
///
/// let device = Device::flex();
/// let stack = StackConfig { d_model: 8, d_state: 4, layers: 2, memory: Memory::S4, ..StackConfig::default() };
/// let model = S4LanguageModelConfig { vocabulary: 5, stack }.init(&device)?;
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
/// # Ok::<(), s4::sequence_model::SizeError>(())
/// ```
#[derive(Module, Debug)]
pub struct S4LanguageModel {
    embedding: Embedding,
    /// Between embedding and head.
    pub stack: Stack,
    head: Linear,
}

impl S4LanguageModelConfig {
    /// The model before training.
    ///
    /// # Errors
    /// [`SizeError`].
    pub fn init(&self, device: &Device) -> Result<S4LanguageModel, SizeError> {
        let Self { vocabulary, stack } = *self;
        if vocabulary == 0 {
            let name = "the number of characters";
            return Err(SizeError { name, expected: "of 1 or more", found: 0.0 });
        }
        stack.check()?;
        let mut random = ChaCha8Rng::seed_from_u64(stack.seed);
        random.set_stream(1);
        // Vectors of variance 1, as the blocks expect them.
        let shape = [vocabulary, stack.d_model];
        let weight = even_parameter(shape, 3_f64.sqrt(), &mut random, device);
        Ok(S4LanguageModel {
            embedding: Embedding { weight },
            stack: stack.init(device)?,
            head: linear([stack.d_model, vocabulary], &mut random, device),
        })
    }
}

// ANCHOR: s4_language_model
impl CharacterModel for S4LanguageModel {
    type State = Vec<SpaceState>;

    fn logits(&self, tokens: Tensor<2, Int>, noise: &mut Noise) -> Tensor<3> {
        let x = self.embedding.forward(tokens).swap_dims(1, 2);
        self.head.forward(self.stack.convolve(x, noise).swap_dims(1, 2))
    }

    fn initial_state(&self, batch: usize) -> Self::State {
        self.stack.initial_state(batch)
    }

    fn step(&self, tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2> {
        let x = self.embedding.forward(tokens.unsqueeze_dim(1)).squeeze_dim(1);
        self.head.forward(self.stack.step(x, state))
    }
}
// ANCHOR_END: s4_language_model

/// How many characters are read together where nothing is learned.
const TOGETHER: usize = 1 << 14;

/// What the characters at these places cost a model that has read the `context` characters before them and no others, in
/// bits.
///
/// The mean is `H(context)`; chapter 4's [`surprises`](ml_links::language_model::surprises) are the same for a model that has
/// read all there is before them. Cost: `context` characters read for each that is foretold.
///
/// # Errors
/// [`TextError::Number`] for a context of 0, and for a place that has no such context or is not in the text.
///
/// ```
/// use burn::tensor::Device;
/// use s4::s4_language_model::{S4LanguageModelConfig, bits_with_context};
/// use s4::sequence_model::StackConfig;
///
/// let stack = StackConfig { d_model: 4, d_state: 2, layers: 1, ..StackConfig::default() };
/// let model = S4LanguageModelConfig { vocabulary: 8, stack }.init(&Device::flex())?;
/// let text = [0, 1, 2, 3, 4, 5, 6, 7];
/// let bits = bits_with_context(&model, &text, &[3, 5, 7], 3)?;
/// assert_eq!(bits.len(), 3);
/// assert!(bits_with_context(&model, &text, &[2], 3).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: bits_with_context
pub fn bits_with_context<M: CharacterModel>(
    model: &M,
    tokens: &[usize],
    places: &[usize],
    context: usize,
) -> Result<Vec<f64>, TextError> {
    check(tokens, places, context)?;
    let device = model.devices().into_iter().next().unwrap_or_else(Device::flex).inner();
    let mut bits = Vec::with_capacity(places.len());
    for places in places.chunks((TOGETHER / context).max(1)) {
        let before = places.iter().flat_map(|&k| &tokens[k - context..k]);
        let before: Vec<usize> = before.copied().collect();
        let next: Vec<usize> = places.iter().map(|&k| tokens[k]).collect();
        let read = token_tensor(&before, [places.len(), context], &device);
        let logits = model.logits(read, &mut Noise::none()).narrow(1, context - 1, 1);
        let next = token_tensor(&next, [places.len(), 1, 1], &device);
        let log_p = activation::log_softmax(logits, 2).gather(2, next).into_data();
        bits.extend(log_p.iter::<f64>().map(|log_p| bits_per_character(-log_p)));
    }
    Ok(bits)
}
// ANCHOR_END: bits_with_context

fn check(tokens: &[usize], places: &[usize], context: usize) -> Result<(), TextError> {
    if context == 0 {
        let (name, expected) = ("a context", "of 1 character or more");
        return Err(TextError::Number { name, expected, found: 0.0 });
    }
    match places.iter().find(|place| !(context..tokens.len()).contains(place)) {
        Some(&place) => Err(TextError::Number {
            name: "a place",
            expected: "inside the text, with a whole context before it",
            found: place as f64,
        }),
        None => Ok(()),
    }
}

/// What characters cost with a context of so many others.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextCost {
    /// How many characters the model may see.
    pub context: usize,
    /// What each of the same characters costs with it, in bits.
    pub bits: Vec<f64>,
}

// ANCHOR: gain
impl ContextCost {
    /// H(n).
    pub fn mean(&self) -> f64 {
        mean_and_error(&self.bits).0
    }

    /// By how many bits the same characters are cheaper than they were with less, and the standard error of that.
    pub fn gain_over(&self, less: &Self) -> (f64, f64) {
        let saved = less.bits.iter().zip(&self.bits).map(|(less, bits)| less - bits);
        mean_and_error(&saved.collect::<Vec<_>>())
    }
}

/// The longest context that still pays: over the one before it, it saves more than three times the error of that.
pub fn reach(costs: &[ContextCost]) -> Option<usize> {
    let pays = |pair: &&[ContextCost]| {
        let (gain, error) = pair[1].gain_over(&pair[0]);
        gain > 3.0 * error
    };
    let last = costs.windows(2).rfind(pays);
    last.map(|pair| pair[1].context).or(costs.first().map(|cost| cost.context))
}
// ANCHOR_END: gain

/// The mean of numbers, and its standard error `s/√m`; of fewer than two numbers the error is not known, and NaN.
///
/// *Breaks* where numbers depend on each other: what neighbouring letters cost does, a little.
///
/// ```
/// use s4::s4_language_model::mean_and_error;
///
/// let (mean, error) = mean_and_error(&[1.0, 3.0, 1.0, 3.0]);
/// assert_eq!(mean, 2.0);
/// assert!((error - (4.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
/// ```
pub fn mean_and_error(numbers: &[f64]) -> (f64, f64) {
    let m = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / m;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (mean, (squares / (m - 1.0) / m).sqrt())
}
