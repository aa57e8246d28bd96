//! *What does the next word cost, and what did all the words before it leave behind?*
//!
//! A [`Runner`] reads tokens and says what may follow. What it remembers of all that it has read is a [`State`]: for each of
//! the d_inner channels of each layer the last K inputs of the convolution and N numbers of the scan.
//!
//! ```text
//! s = (last K inputs, x):  4 · layers · d_inner · (K + N) bytes, after any number of tokens
//! prefill(u_0 … u_k) = step(u_k) ∘ … ∘ step(u_0)                                                  (eq-6-6)
//! seconds of a step ≥ bytes of the weights / bytes that memory gives in a second
//! ```
//!
//! Conventions: rows of channels, one a token: `[tokens, d_model]` between layers, `[tokens, d_inner]` in them. Inside a layer
//! channels are kept in blocks of [`CHANNELS`]: `[block][token][channel]`, so that one core takes a block through all its
//! tokens, and its loops run across channels, which are neighbours.

use std::collections::HashSet;

use mamba::config::{ConfigError, MambaConfig};
use mamba::matrix::{Matrix, MatrixError, Numbers};
use ml_links::language_model::{Sampler, TextError, draw, tempered};
use multiversion::multiversion;
use rand::{Rng, RngExt};
use rayon::prelude::*;
use s4::block_on_cpu::exp;
use thiserror::Error;

/// Channels of a block: the work of one task, a few rows of which stay in the nearest cache.
pub const CHANNELS: usize = 64;

/// Tokens that are read at once: enough for matrices to be worth their blocks; more would only need more memory.
const TOKENS_AT_ONCE: usize = 256;

/// Why nothing can be read or written.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InferenceError {
    /// A token that the model does not have.
    #[error("expected token ids below {vocabulary}, found {found} at position {position}")]
    UnknownToken {
        /// Where it stands, counted from 0.
        position: usize,
        /// What stands there.
        found: u32,
        /// How many tokens there are.
        vocabulary: usize,
    },
    /// Nothing to begin with.
    #[error("expected a prompt of at least one token, found none")]
    EmptyPrompt,
    /// Weights that do not add up to numbers.
    #[error("expected finite logits after {tokens} tokens, found {found}: the weights are broken")]
    NotFinite {
        /// So many tokens were read.
        tokens: usize,
        /// What came out.
        found: f32,
    },
    /// A setting of the sampler that makes no sense.
    #[error(transparent)]
    Sampler(#[from] TextError),
}

/// A model that reads tokens and says what may follow: all that choosing, scoring and printing ask for.
///
/// Whatever comes first, `prefill` or `step`, goes on from what was read before.
pub trait TokenReader {
    /// How many tokens there are.
    fn vocabulary(&self) -> usize;

    /// Reads many tokens, matrix by matrix, and answers the logits of what may follow the last.
    ///
    /// # Errors
    /// [`InferenceError::EmptyPrompt`], [`InferenceError::UnknownToken`]: nothing is read then.
    /// [`InferenceError::NotFinite`].
    fn prefill(&mut self, ids: &[u32]) -> Result<&[f32], InferenceError>;

    /// Reads one token, and answers the logits of what may follow it.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    fn step(&mut self, id: u32) -> Result<&[f32], InferenceError> {
        self.prefill(&[id])
    }

    /// Reads tokens, and gives `look` the logits after each of them, row by row.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    fn logits(&mut self, ids: &[u32], look: &mut dyn FnMut(&[f32])) -> Result<(), InferenceError>;
}

/// Whether there is something to read, and a model with so many tokens can read it.
///
/// # Errors
/// [`InferenceError::EmptyPrompt`], [`InferenceError::UnknownToken`].
///
/// ```
/// use mamba::inference::{InferenceError, check_ids};
///
/// assert_eq!(check_ids(&[3, 9], 10), Ok(()));
/// assert_eq!(check_ids(&[], 10), Err(InferenceError::EmptyPrompt));
/// let sentence = check_ids(&[3, 10], 10).unwrap_err().to_string();
/// assert_eq!(sentence, "expected token ids below 10, found 10 at position 1");
/// ```
pub fn check_ids(ids: &[u32], vocabulary: usize) -> Result<(), InferenceError> {
    if ids.is_empty() {
        return Err(InferenceError::EmptyPrompt);
    }
    match ids.iter().position(|&id| id as usize >= vocabulary) {
        None => Ok(()),
        Some(position) => {
            Err(InferenceError::UnknownToken { position, found: ids[position], vocabulary })
        }
    }
}

/// The logits after so many tokens, if they are numbers.
///
/// # Errors
/// [`InferenceError::NotFinite`].
///
/// ```
/// use mamba::inference::check_finite;
///
/// assert_eq!(check_finite(&[0.5, -3.0], 7), Ok(&[0.5, -3.0][..]));
/// assert!(check_finite(&[0.5, f32::INFINITY], 7).is_err());
/// ```
pub fn check_finite(logits: &[f32], tokens: usize) -> Result<&[f32], InferenceError> {
    match logits.iter().find(|logit| !logit.is_finite()) {
        None => Ok(logits),
        Some(&found) => Err(InferenceError::NotFinite { tokens, found }),
    }
}

/// Where the weights of a model come from: tensors by name.
pub trait Tensors {
    /// Why one could not be had.
    type Error: From<ConfigError> + From<MatrixError>;

    /// A matrix, as it is kept.
    ///
    /// # Errors
    /// If there is none of this name and shape.
    fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, Self::Error>;

    /// The numbers of a small tensor in 32 bits, row by row.
    ///
    /// # Errors
    /// If there is none of this name and shape.
    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error>;
}

/// The weights of a layer, by the names of the reference's checkpoints.
#[derive(Debug)]
struct Layer {
    norm: Vec<f32>,
    in_proj: Matrix,
    in_proj_bias: Option<Vec<f32>>,
    /// The taps of the convolution, in blocks of `[tap][channel]`.
    conv1d: Vec<f32>,
    conv1d_bias: Option<Vec<f32>>,
    x_proj: Matrix,
    /// In blocks of `[rank][channel]`.
    dt_proj: Vec<f32>,
    dt_proj_bias: Vec<f32>,
    /// `-e^{A_log}` in blocks of `[state][channel]`.
    a: Vec<f32>,
    d: Vec<f32>,
    out_proj: Matrix,
    out_proj_bias: Option<Vec<f32>>,
}

/// The numbers that loops need.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    d_model: usize,
    d_inner: usize,
    d_state: usize,
    dt_rank: usize,
    taps: usize,
    epsilon: f32,
}

/// A model that is there to be run.
///
/// ```
/// use mamba::config::MambaConfig;
/// use mamba::inference::{RandomTensors, Weights};
///
/// let config = MambaConfig { vocab_size: 10, hidden_size: 8, num_hidden_layers: 2, ..MambaConfig::default() };
/// let weights = Weights::read(&config, &RandomTensors { seed: 1 })?;
/// assert_eq!((weights.vocabulary(), weights.parameters()), (10, 2696));
/// # Ok::<(), mamba::inference::RandomError>(())
/// ```
#[derive(Debug)]
pub struct Weights {
    sizes: Sizes,
    embeddings: Matrix,
    layers: Vec<Layer>,
    norm_f: Vec<f32>,
    /// What writes tokens, if it is not what reads them.
    lm_head: Option<Matrix>,
}

impl Weights {
    /// The weights of a model of this configuration, named as Hugging Face's files name them.
    ///
    /// # Errors
    /// Those of the tensors, and [`ConfigError`] for a configuration that no model has.
    pub fn read<T: Tensors>(config: &MambaConfig, tensors: &T) -> Result<Self, T::Error> {
        config.check()?;
        let sizes = Sizes {
            d_model: config.hidden_size,
            d_inner: config.d_inner(),
            d_state: config.state_size,
            dt_rank: config.dt_rank(),
            taps: config.conv_kernel,
            epsilon: config.layer_norm_epsilon as f32,
        };
        let Sizes { d_model, .. } = sizes;
        let shape = [config.vocab_size, d_model];
        Ok(Self {
            sizes,
            embeddings: tensors.matrix("backbone.embeddings.weight", shape)?,
            layers: (0..config.num_hidden_layers)
                .map(|number| Layer::read(config, sizes, tensors, number))
                .collect::<Result<_, _>>()?,
            norm_f: tensors.numbers("backbone.norm_f.weight", &[d_model])?,
            lm_head: match config.tie_word_embeddings {
                true => None,
                false => Some(tensors.matrix("lm_head.weight", shape)?),
            },
        })
    }

    /// How many tokens there are.
    pub fn vocabulary(&self) -> usize {
        self.embeddings.rows()
    }

    /// How many numbers the model has learned.
    pub fn parameters(&self) -> usize {
        let matrices: usize = self.matrices().map(|matrix| matrix.rows() * matrix.columns()).sum();
        let tied = self.embeddings.rows() * self.embeddings.columns();
        matrices + self.rest() + if self.lm_head.is_some() { tied } else { 0 }
    }

    /// The bytes that must come from memory for each token: all weights once, but of the embeddings only what the head is.
    ///
    /// ```
    /// use mamba::config::MambaConfig;
    /// use mamba::inference::{RandomTensors, Weights};
    ///
    /// let config = MambaConfig { vocab_size: 10, hidden_size: 8, num_hidden_layers: 2, ..MambaConfig::default() };
    /// let weights = Weights::read(&config, &RandomTensors { seed: 1 })?;
    /// assert_eq!(weights.bytes_of_a_step(), 4 * weights.parameters());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bytes_of_a_step(&self) -> usize {
        self.matrices().map(Matrix::bytes).sum::<usize>() + 4 * self.rest()
    }

    /// The matrices that each step multiplies by.
    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let layers = self.layers.iter();
        let of_layers = layers.flat_map(|layer| [&layer.in_proj, &layer.x_proj, &layer.out_proj]);
        of_layers.chain([self.head()])
    }

    /// Everything else, in numbers.
    fn rest(&self) -> usize {
        let optional = |bias: &Option<Vec<f32>>| bias.as_ref().map_or(0, Vec::len);
        let of_layer = |layer: &Layer| {
            let vectors = [&layer.norm, &layer.conv1d, &layer.dt_proj];
            let vectors = vectors.into_iter().chain([&layer.dt_proj_bias, &layer.a, &layer.d]);
            vectors.map(Vec::len).sum::<usize>()
                + optional(&layer.in_proj_bias)
                + optional(&layer.conv1d_bias)
                + optional(&layer.out_proj_bias)
        };
        self.layers.iter().map(of_layer).sum::<usize>() + self.norm_f.len()
    }

    fn head(&self) -> &Matrix {
        self.lm_head.as_ref().unwrap_or(&self.embeddings)
    }
}

impl Layer {
    fn read<T: Tensors>(
        config: &MambaConfig,
        sizes: Sizes,
        tensors: &T,
        number: usize,
    ) -> Result<Self, T::Error> {
        let Sizes { d_model, d_inner, d_state, dt_rank, taps, .. } = sizes;
        let name = |rest: &str| format!("backbone.layers.{number}.{rest}");
        let matrix = |rest: &str, shape| tensors.matrix(&name(rest), shape);
        let numbers = |rest: &str, shape: &[usize]| tensors.numbers(&name(rest), shape);
        let bias = |rest: &str, length| match config.use_bias {
            true => numbers(rest, &[length]).map(Some),
            false => Ok(None),
        };
        let minus_exp =
            |a_log: Vec<f32>| a_log.iter().map(|a_log| -a_log.exp()).collect::<Vec<_>>();
        Ok(Self {
            norm: numbers("norm.weight", &[d_model])?,
            in_proj: matrix("mixer.in_proj.weight", [2 * d_inner, d_model])?,
            in_proj_bias: bias("mixer.in_proj.bias", 2 * d_inner)?,
            conv1d: in_blocks(&numbers("mixer.conv1d.weight", &[d_inner, 1, taps])?, taps),
            conv1d_bias: match config.use_conv_bias {
                true => Some(numbers("mixer.conv1d.bias", &[d_inner])?),
                false => None,
            },
            x_proj: matrix("mixer.x_proj.weight", [dt_rank + 2 * d_state, d_inner])?,
            dt_proj: in_blocks(&numbers("mixer.dt_proj.weight", &[d_inner, dt_rank])?, dt_rank),
            dt_proj_bias: numbers("mixer.dt_proj.bias", &[d_inner])?,
            a: in_blocks(&minus_exp(numbers("mixer.A_log", &[d_inner, d_state])?), d_state),
            d: numbers("mixer.D", &[d_inner])?,
            out_proj: matrix("mixer.out_proj.weight", [d_model, d_inner])?,
            out_proj_bias: bias("mixer.out_proj.bias", d_model)?,
        })
    }
}

/// `[channel][column]` as blocks of `[column][channel]`.
fn in_blocks(rows: &[f32], columns: usize) -> Vec<f32> {
    let blocks = rows.chunks(CHANNELS * columns);
    let turned = |block: &[f32]| -> Vec<f32> {
        (0..columns).flat_map(|j| block.iter().skip(j).step_by(columns).copied()).collect()
    };
    blocks.flat_map(turned).collect()
}

/// Blocks of `[column][channel]` as `[channel][column]`.
fn out_of_blocks(blocks: &[f32], columns: usize) -> Vec<f32> {
    let blocks = blocks.chunks(CHANNELS * columns);
    let turned = |block: &[f32]| -> Vec<f32> {
        let width = block.len() / columns;
        (0..width).flat_map(|j| block.iter().skip(j).step_by(width).copied()).collect()
    };
    blocks.flat_map(turned).collect()
}

/// Weights that nobody trained, of any configuration: for trials, and to measure with.
///
/// Evenly drawn, and of the size that a Mamba begins with; steps between 0.001 and 0.1.
#[derive(Debug, Clone, Copy)]
pub struct RandomTensors {
    /// Where they are drawn from.
    pub seed: u64,
}

impl Tensors for RandomTensors {
    type Error = RandomError;

    fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, RandomError> {
        Ok(Matrix::new(shape, Numbers::F32(self.draw(name, &shape)))?)
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, RandomError> {
        Ok(self.draw(name, shape))
    }
}

impl RandomTensors {
    /// The numbers of a tensor: always the same for a name, a shape and a seed.
    pub fn draw(&self, name: &str, shape: &[usize]) -> Vec<f32> {
        // A number from its place and the tensor's name: SplitMix64.
        let salt = name
            .bytes()
            .fold(self.seed, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let draw = |i: usize| {
            let mut z = salt.wrapping_add((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
        };
        let count = shape.iter().product();
        let columns = shape.last().copied().unwrap_or(1);
        let bound = match name {
            "backbone.embeddings.weight" | "lm_head.weight" => 0.035,
            _ => 1.0 / (columns as f32).sqrt(),
        };
        let last = name.rsplit_once("mixer.").map_or(name, |(_, last)| last);
        (0..count)
            .map(|i| match last {
                "A_log" => ((i % columns + 1) as f32).ln(),
                // The inverse of softplus at a step that is log-uniform.
                "dt_proj.bias" => (0.001 * 100_f32.powf(draw(i))).exp_m1().ln(),
                "D" => 1.0,
                _ if shape.len() == 1 && !name.ends_with("bias") => 1.0,
                _ => bound * (2.0 * draw(i) - 1.0),
            })
            .collect()
    }
}

/// What can be wrong with weights that are drawn: nothing but the configuration.
#[derive(Debug, Error)]
pub enum RandomError {
    /// No model has it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A matrix without columns.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
}

/// What a layer remembers.
#[derive(Debug, Clone, PartialEq)]
struct LayerState {
    /// The last inputs of the convolution, in blocks of `[tap][channel]`, the newest last.
    conv: Vec<f32>,
    /// x, in blocks of `[state][channel]`.
    ssm: Vec<f32>,
}

/// All that a model remembers of what it has read.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    layers: Vec<LayerState>,
    sizes: [usize; 2],
}

impl State {
    /// Nothing read yet.
    pub fn silence(weights: &Weights) -> Self {
        let Sizes { d_inner, d_state, taps, .. } = weights.sizes;
        let layer =
            LayerState { conv: vec![0.0; taps * d_inner], ssm: vec![0.0; d_state * d_inner] };
        Self { layers: vec![layer; weights.layers.len()], sizes: [taps, d_state] }
    }

    /// The bytes that it takes: as many after the last token as before the first.
    pub fn bytes(&self) -> usize {
        let numbers = |layer: &LayerState| layer.conv.len() + layer.ssm.len();
        4 * self.layers.iter().map(numbers).sum::<usize>()
    }

    /// The last inputs of a layer's convolution, `[channel][tap]`, the newest last.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn conv(&self, layer: usize) -> Vec<f32> {
        out_of_blocks(&self.layers[layer].conv, self.sizes[0])
    }

    /// x of a layer, `[channel][state]`.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn ssm(&self, layer: usize) -> Vec<f32> {
        out_of_blocks(&self.layers[layer].ssm, self.sizes[1])
    }
}

/// Reads tokens, many at once or one by one, and says what may follow.
///
/// ```
/// use mamba::config::MambaConfig;
/// use mamba::inference::{RandomTensors, Runner, TokenReader, Weights};
///
/// let config = MambaConfig { vocab_size: 10, hidden_size: 8, num_hidden_layers: 2, ..MambaConfig::default() };
/// let weights = Weights::read(&config, &RandomTensors { seed: 1 })?;
/// let mut runner = Runner::new(&weights);
/// let at_once = runner.prefill(&[3, 1, 4, 1])?.to_vec();
///
/// runner.reset();
/// for id in [3, 1, 4] {
///     runner.step(id)?;
/// }
/// let step_by_step = runner.step(1)?;
/// assert!(at_once.iter().zip(step_by_step).all(|(a, b)| (a - b).abs() < 1e-5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Runner<'a> {
    weights: &'a Weights,
    state: State,
    read: usize,
    work: Work,
}

/// Room for what goes through the layers: it is taken once and used again.
#[derive(Debug, Default)]
struct Work {
    /// `[tokens, d_model]`, from the embedding to the head.
    stream: Vec<f32>,
    /// The same, normed.
    normed: Vec<f32>,
    /// `[tokens, 2 d_inner]`: u and z.
    inner: Vec<f32>,
    /// `[tokens, d_inner]`: u after the convolution, then y.
    u: Vec<f32>,
    /// The same in blocks.
    blocks: Vec<f32>,
    /// `[tokens, dt_rank + 2 d_state]`: what Δ is made from, B and C.
    selection: Vec<f32>,
    logits: Vec<f32>,
}

impl<'a> Runner<'a> {
    /// A runner that has read nothing.
    pub fn new(weights: &'a Weights) -> Self {
        Self { weights, state: State::silence(weights), read: 0, work: Work::default() }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.resume(State::silence(self.weights), 0);
    }

    /// What it remembers.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Goes on from a state that this model was once in, after so many tokens.
    pub fn resume(&mut self, state: State, tokens: usize) {
        (self.state, self.read) = (state, tokens);
    }

    /// Reads tokens, and gives what comes out of each layer, then out of the last norm, `[tokens, d_model]` each.
    ///
    /// # Errors
    /// [`InferenceError::EmptyPrompt`], [`InferenceError::UnknownToken`]; nothing is read then.
    pub fn streams(&mut self, ids: &[u32]) -> Result<Vec<Vec<f32>>, InferenceError> {
        check_ids(ids, self.weights.vocabulary())?;
        let mut streams = Vec::new();
        self.read_while(ids, |stream| streams.push(stream.to_vec()));
        streams.push(self.work.normed.clone());
        Ok(streams)
    }

    fn read_on(&mut self, ids: &[u32]) {
        self.read_while(ids, |_| {});
    }

    /// Through all layers; leaves the outcome, normed, in `work.normed`.
    fn read_while(&mut self, ids: &[u32], mut look: impl FnMut(&[f32])) {
        let Self { weights, state, work, .. } = self;
        let Sizes { d_model, epsilon, .. } = weights.sizes;
        work.stream.resize(ids.len() * d_model, 0.0);
        for (&id, x) in ids.iter().zip(work.stream.chunks_exact_mut(d_model)) {
            weights.embeddings.row(id as usize, x);
        }
        for (layer, state) in weights.layers.iter().zip(&mut state.layers) {
            layer.add_to_stream(weights.sizes, state, work);
            look(&work.stream);
        }
        work.normed.resize(work.stream.len(), 0.0);
        rms_norm(&work.stream, &weights.norm_f, epsilon, &mut work.normed);
        self.read += ids.len();
    }

    /// The logits of all rows of `work.normed`.
    fn head(&mut self) {
        let Work { normed, logits, .. } = &mut self.work;
        let rows = normed.len() / self.weights.sizes.d_model;
        logits.resize(rows * self.weights.vocabulary(), 0.0);
        self.weights.head().multiply(normed, logits);
    }
}
impl TokenReader for Runner<'_> {
    fn vocabulary(&self) -> usize {
        self.weights.vocabulary()
    }

    fn prefill(&mut self, ids: &[u32]) -> Result<&[f32], InferenceError> {
        check_ids(ids, self.vocabulary())?;
        rayon::scope(|_| {
            for chunk in ids.chunks(TOKENS_AT_ONCE) {
                self.read_on(chunk);
            }
            // Only what follows the last token is asked for.
            let last = self.work.normed.len() - self.weights.sizes.d_model;
            self.work.normed.drain(..last);
            self.head();
        });
        check_finite(&self.work.logits, self.read)
    }

    fn logits(&mut self, ids: &[u32], look: &mut dyn FnMut(&[f32])) -> Result<(), InferenceError> {
        let vocabulary = self.vocabulary();
        check_ids(ids, vocabulary)?;
        // The logits of a few tokens of a large vocabulary are as large as its embedding.
        for chunk in ids.chunks(TOKENS_AT_ONCE / 4) {
            self.read_on(chunk);
            self.head();
            let logits = check_finite(&self.work.logits, self.read)?;
            logits.chunks_exact(vocabulary).for_each(&mut *look);
        }
        Ok(())
    }
}

// ANCHOR: add_to_stream
impl Layer {
    /// `stream += block(norm(stream))` for one token or many, and the state after them.
    fn add_to_stream(&self, sizes: Sizes, state: &mut LayerState, work: &mut Work) {
        let Work { stream, normed, inner, u, blocks, selection, .. } = work;
        let tokens = stream.len() / sizes.d_model;
        normed.resize(stream.len(), 0.0);
        inner.resize(tokens * 2 * sizes.d_inner, 0.0);
        u.resize(tokens * sizes.d_inner, 0.0);
        blocks.resize(u.len(), 0.0);
        selection.resize(tokens * self.x_proj.rows(), 0.0);

        rms_norm(stream, &self.norm, sizes.epsilon, normed);
        self.in_proj.multiply(normed, inner);
        add_to_rows(inner, self.in_proj_bias.as_deref());
        self.convolve(sizes, inner, &mut state.conv, blocks);
        blocks_to_rows(blocks, sizes.d_inner, u);
        self.x_proj.multiply(u, selection);
        self.scan(sizes, inner, selection, &mut state.ssm, blocks);
        blocks_to_rows(blocks, sizes.d_inner, u);
        self.out_proj.multiply_add(u, stream);
        add_to_rows(stream, self.out_proj_bias.as_deref());
    }
}
// ANCHOR_END: add_to_stream

impl Layer {
    /// The causal convolution and its SiLU, block by block; `state` keeps the last inputs.
    fn convolve(&self, sizes: Sizes, inner: &[f32], state: &mut [f32], blocks: &mut [f32]) {
        let Sizes { d_inner, taps, .. } = sizes;
        let tokens = blocks.len() / d_inner;
        let weights = self.conv1d.par_chunks(taps * CHANNELS);
        let states = state.par_chunks_mut(taps * CHANNELS);
        let out = blocks.par_chunks_mut(tokens * CHANNELS);
        // A token alone is not worth waking anyone.
        let least = if tokens == 1 { usize::MAX } else { 1 };
        out.zip(states).zip(weights).enumerate().with_min_len(least).for_each(
            |(block, ((out, state), weight))| {
                let (first, width) = (block * CHANNELS, weight.len() / taps);
                let none = &[0.0; CHANNELS][..width];
                let bias = self.conv1d_bias.as_ref().map_or(none, |bias| &bias[first..][..width]);
                convolve_block(&inner[first..], 2 * d_inner, weight, bias, state, out);
            },
        );
    }

    /// The selective scan with its skip and its gate, block by block; `blocks` holds u before and y after.
    fn scan(
        &self,
        sizes: Sizes,
        inner: &[f32],
        selection: &[f32],
        state: &mut [f32],
        blocks: &mut [f32],
    ) {
        let Sizes { d_inner, d_state, dt_rank, .. } = sizes;
        let tokens = blocks.len() / d_inner;
        let steps = self.dt_proj.par_chunks(dt_rank * CHANNELS);
        let steps = steps.zip(self.dt_proj_bias.par_chunks(CHANNELS));
        let flow = self.a.par_chunks(d_state * CHANNELS).zip(self.d.par_chunks(CHANNELS));
        let states = state.par_chunks_mut(d_state * CHANNELS);
        let blocks = blocks.par_chunks_mut(tokens * CHANNELS);
        blocks.zip(states).zip(steps.zip(flow)).enumerate().for_each(
            |(block, ((u, state), ((dt_proj, dt_proj_bias), (a, d))))| {
                let z = &inner[d_inner + block * CHANNELS..];
                let channels = Channels { dt_proj, dt_proj_bias, a, d };
                scan_block(channels, selection, z, 2 * d_inner, state, u);
            },
        );
    }
}

/// `1 / (1 + e^{-z})`, times z.
#[inline(always)]
fn silu(z: f32) -> f32 {
    z / (1.0 + exp(-z))
}

/// `ln(1 + e^s)`, for loops that the compiler turns into vectors: within 2e-7 of it, relatively.
///
/// Above 0 it is `s + ln(1 + e^{-s})`, so nothing overflows; and `ln(1 + e) = 2 artanh(e / (2 + e))`, a series that
/// converges fast, for its argument is at most a third.
///
/// ```
/// use mamba::inference::softplus;
///
/// for s in [-40.0, -3.0, 0.0, 1.5, 30.0_f32] {
///     assert!((softplus(s) / f64::from(s).exp().ln_1p() as f32 - 1.0).abs() < 4e-7);
/// }
/// ```
#[inline(always)]
pub fn softplus(s: f32) -> f32 {
    let small = exp(-s.abs());
    let r = small / (2.0 + small);
    let square = r * r;
    let mut series = 1.0 / 15.0;
    for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * square + 1.0 / odd;
    }
    s.max(0.0) + 2.0 * r * series
}

/// Each row divided by the root of the mean of its squares, and scaled: `[rows, channels]`.
///
/// ```
/// use mamba::inference::rms_norm;
///
/// let mut y = [0.0; 2];
/// rms_norm(&[3.0, 4.0], &[1.0, 10.0], 0.0, &mut y);
/// assert!((y[0] - 3.0 / 12.5_f32.sqrt()).abs() < 1e-6 && (y[1] / y[0] - 40.0 / 3.0).abs() < 1e-5);
/// ```
#[multiversion(targets("x86_64+avx2+fma"))]
pub fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, y: &mut [f32]) {
    let channels = weight.len();
    for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
        let scale = 1.0 / (s4::dplr_on_cpu::dot(x, x) / channels as f32 + epsilon).sqrt();
        for ((y, x), weight) in y.iter_mut().zip(x).zip(weight) {
            *y = x * scale * weight;
        }
    }
}

/// A bias, where there is one, onto each row.
///
/// ```
/// let mut rows = [1.0, 2.0, 3.0, 4.0];
/// mamba::inference::add_to_rows(&mut rows, Some(&[10.0, 20.0]));
/// assert_eq!(rows, [11.0, 22.0, 13.0, 24.0]);
/// ```
pub fn add_to_rows(rows: &mut [f32], bias: Option<&[f32]>) {
    let Some(bias) = bias else { return };
    for row in rows.chunks_exact_mut(bias.len()) {
        row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
    }
}

/// `[block][token][channel]` as `[token][channel]`.
fn blocks_to_rows(blocks: &[f32], channels: usize, rows: &mut [f32]) {
    let tokens = rows.len() / channels;
    for (b, block) in blocks.chunks(tokens * CHANNELS).enumerate() {
        let width = block.len() / tokens;
        for (row, block) in rows.chunks_exact_mut(channels).zip(block.chunks_exact(width)) {
            row[b * CHANNELS..][..width].copy_from_slice(block);
        }
    }
}

/// `SiLU(Σⱼ weight[j] u[k - taps + 1 + j] + bias)` for the channels of a block; their inputs lie `stride` apart.
#[multiversion(targets("x86_64+avx2+fma"))]
fn convolve_block(
    inner: &[f32],
    stride: usize,
    weight: &[f32],
    bias: &[f32],
    state: &mut [f32],
    out: &mut [f32],
) {
    let width = bias.len();
    let newest = state.len() - width;
    for (u, out) in inner.chunks(stride).zip(out.chunks_exact_mut(width)) {
        state.copy_within(width.., 0);
        state[newest..].copy_from_slice(&u[..width]);
        out.copy_from_slice(bias);
        for (weight, u) in weight.chunks_exact(width).zip(state.chunks_exact(width)) {
            for ((out, weight), u) in out.iter_mut().zip(weight).zip(u) {
                *out += weight * u;
            }
        }
        out.iter_mut().for_each(|out| *out = silu(*out));
    }
}

/// What a block of channels knows of itself.
#[derive(Debug, Clone, Copy)]
struct Channels<'a> {
    dt_proj: &'a [f32],
    dt_proj_bias: &'a [f32],
    a: &'a [f32],
    d: &'a [f32],
}
/// A block of channels through all tokens: x stays where it is, u becomes y.
#[multiversion(targets("x86_64+avx2+fma"))]
fn scan_block(
    w: Channels<'_>,
    selection: &[f32],
    z: &[f32],
    stride: usize,
    x: &mut [f32],
    u: &mut [f32],
) {
    let width = w.d.len();
    let (dt_rank, d_state) = (w.dt_proj.len() / width, x.len() / width);
    let [mut delta, mut push, mut y] = [[0.0_f32; CHANNELS]; 3];
    let (delta, push, y) = (&mut delta[..width], &mut push[..width], &mut y[..width]);
    let tokens = selection.chunks_exact(dt_rank + 2 * d_state).zip(z.chunks(stride));
    for ((selected, z), u) in tokens.zip(u.chunks_exact_mut(width)) {
        let (dt, bc) = selected.split_at(dt_rank);
        let (b, c) = bc.split_at(d_state);
        step_sizes(w, dt, u, delta, push);
        y.fill(0.0);
        let rows = w.a.chunks_exact(width).zip(x.chunks_exact_mut(width));
        for ((a, x), (b, c)) in rows.zip(b.iter().zip(c)) {
            for ((((x, y), a), delta), push) in
                x.iter_mut().zip(&mut *y).zip(a).zip(&*delta).zip(&*push)
            {
                *x = exp(delta * a) * *x + push * b;
                *y += *x * c;
            }
        }
        for (((u, y), z), d) in u.iter_mut().zip(&*y).zip(z).zip(w.d) {
            *u = (y + d * *u) * silu(*z);
        }
    }
}

/// Δ = softplus(W dt + bias), and Δ u.
#[inline(always)]
fn step_sizes(w: Channels<'_>, dt: &[f32], u: &[f32], delta: &mut [f32], push: &mut [f32]) {
    delta.copy_from_slice(w.dt_proj_bias);
    for (dt, weight) in dt.iter().zip(w.dt_proj.chunks_exact(u.len())) {
        for (delta, weight) in delta.iter_mut().zip(weight) {
            *delta += weight * dt;
        }
    }
    for ((delta, push), u) in delta.iter_mut().zip(push).zip(u) {
        *delta = softplus(*delta);
        *push = *delta * u;
    }
}

/// How the next token is chosen: chapter 4's sampler, and a penalty on what was said before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Temperature, top-k and top-p.
    pub sampler: Sampler,
    /// Logits of tokens that were read or written are divided by it where they are positive, multiplied where not; 1 for none.
    pub repetition_penalty: f64,
}

impl Default for Choice {
    fn default() -> Self {
        Self { sampler: Sampler::default(), repetition_penalty: 1.0 }
    }
}

impl Choice {
    /// Always the likeliest.
    pub fn greedy() -> Self {
        Self { sampler: Sampler { temperature: 0.0, ..Sampler::default() }, ..Self::default() }
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`InferenceError::Sampler`].
    pub fn check(&self) -> Result<(), InferenceError> {
        self.sampler.check()?;
        let found = self.repetition_penalty;
        if found > 0.0 && found.is_finite() {
            return Ok(());
        }
        let (name, expected) = ("a repetition penalty", "above 0");
        Err(TextError::Number { name, expected, found }.into())
    }

    /// A token, drawn from what is left of the logits by a number from 0 to 1.
    ///
    /// The same as to sort all tokens by their probability, without sorting all of them: at most top-k, or as many as can
    /// matter for top-p, are ever put in order.
    ///
    /// ```
    /// use mamba::inference::Choice;
    ///
    /// let logits = [0.0, 2.0, 1.9];
    /// assert_eq!(Choice::greedy().choose(&logits, &Default::default(), 0.5), 1);
    /// // Said once, the likeliest is less likely.
    /// let choice = Choice { repetition_penalty: 1.2, ..Choice::greedy() };
    /// assert_eq!(choice.choose(&logits, &[1].into(), 0.5), 2);
    /// ```
    pub fn choose(&self, logits: &[f32], said: &HashSet<u32>, number: f64) -> u32 {
        let mut logits: Vec<f64> = logits.iter().map(|&logit| logit.into()).collect();
        for &id in said {
            if let Some(logit) = logits.get_mut(id as usize) {
                let up = *logit <= 0.0;
                *logit *= if up { self.repetition_penalty } else { 1.0 / self.repetition_penalty };
            }
        }
        let candidates = self.candidates(&logits);
        let left: Vec<f64> = candidates.iter().map(|&i| logits[i]).collect();
        let all = Sampler { top_p: None, ..self.sampler };
        let p = match self.sampler.top_k {
            Some(_) => self.sampler.probabilities(&left),
            None => all.probabilities(&left),
        };
        candidates[draw(&p, number)] as u32
    }

    /// The tokens among which to draw, in their order.
    fn candidates(&self, logits: &[f64]) -> Vec<usize> {
        let all = || (0..logits.len()).collect::<Vec<usize>>();
        match (self.sampler.top_k, self.sampler.top_p) {
            _ if self.sampler.temperature == 0.0 => {
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                logits.iter().position(|&logit| logit == largest).into_iter().collect()
            }
            (Some(k), _) if k < logits.len() => {
                let mut ids = all();
                let likelier =
                    |i: &usize, j: &usize| logits[*j].total_cmp(&logits[*i]).then(i.cmp(j));
                ids.select_nth_unstable_by(k - 1, likelier);
                ids.truncate(k);
                ids.sort_unstable();
                ids
            }
            (None, Some(mass)) => nucleus(&tempered(logits, self.sampler.temperature), mass),
            _ => all(),
        }
    }
}

/// The fewest of the likeliest that together reach `mass`, in their order.
///
/// Who is less likely than an equal share of what may be missing cannot be needed: the others reach `mass` without.
fn nucleus(p: &[f64], mass: f64) -> Vec<usize> {
    let least = (1.0 - mass) / p.len() as f64;
    let mut ids: Vec<usize> = (0..p.len()).filter(|&i| p[i] >= least).collect();
    ids.sort_unstable_by(|&i, &j| p[j].total_cmp(&p[i]).then(i.cmp(&j)));
    let mut before = 0.0;
    let needed = ids.iter().take_while(|&&i| {
        let needed = before < mass;
        before += p[i];
        needed
    });
    let count = needed.count().max(1);
    ids.truncate(count);
    ids.sort_unstable();
    ids
}

/// Reads a prompt and writes on, token by token, from a state that does not grow.
///
/// Each token goes to `write` as soon as it is there; writing ends after `tokens`, after the token `end`, or when `write`
/// answers false.
///
/// # Errors
/// [`InferenceError`].
///
/// ```
/// use mamba::config::MambaConfig;
/// use mamba::inference::{Choice, RandomTensors, Runner, Weights, generate};
/// use ml_links::training::Recipe;
///
/// let config = MambaConfig { vocab_size: 10, hidden_size: 8, num_hidden_layers: 2, ..MambaConfig::default() };
/// let weights = Weights::read(&config, &RandomTensors { seed: 1 })?;
/// let mut written = Vec::new();
/// let random = &mut Recipe::new(1).random(0);
/// generate(&mut Runner::new(&weights), &[1, 2], 5, &Choice::default(), None, random, |id| {
///     written.push(id);
///     true
/// })?;
/// assert_eq!(written.len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: generate
pub fn generate(
    reader: &mut impl TokenReader,
    prompt: &[u32],
    tokens: usize,
    choice: &Choice,
    end: Option<u32>,
    random: &mut impl Rng,
    mut write: impl FnMut(u32) -> bool,
) -> Result<(), InferenceError> {
    choice.check()?;
    let mut said: HashSet<u32> = prompt.iter().copied().collect();
    let mut logits = reader.prefill(prompt)?;
    for left in (0..tokens).rev() {
        let id = choice.choose(logits, &said, random.random());
        if !write(id) || Some(id) == end || left == 0 {
            break;
        }
        said.insert(id);
        logits = reader.step(id)?;
    }
    Ok(())
}
// ANCHOR_END: generate

/// What a model makes of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The logits of what may follow the last token.
    pub last_logits: Vec<f32>,
    /// ln of the probability of each token but the first, after all before it.
    pub next_logprob: Vec<f64>,
}

/// Reads tokens and notes how likely each was.
///
/// # Errors
/// [`InferenceError`].
///
/// ```
/// use mamba::config::MambaConfig;
/// use mamba::inference::{RandomTensors, Runner, Weights, score};
///
/// let config = MambaConfig { vocab_size: 10, hidden_size: 8, num_hidden_layers: 2, ..MambaConfig::default() };
/// let weights = Weights::read(&config, &RandomTensors { seed: 1 })?;
/// let score = score(&mut Runner::new(&weights), &[1, 2, 3])?;
/// assert_eq!((score.last_logits.len(), score.next_logprob.len()), (10, 2));
/// // It knows nothing yet: about ln 1/10.
/// assert!(score.next_logprob.iter().all(|log_p| (log_p + 10_f64.ln()).abs() < 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn score(reader: &mut impl TokenReader, ids: &[u32]) -> Result<Score, InferenceError> {
    let mut next_logprob = Vec::with_capacity(ids.len().saturating_sub(1));
    let mut last_logits = Vec::new();
    let mut next = ids.iter().skip(1);
    reader.logits(ids, &mut |logits| match next.next() {
        Some(&id) => next_logprob.push(log_probability(logits, id as usize)),
        None => last_logits = logits.to_vec(),
    })?;
    Ok(Score { last_logits, next_logprob })
}

/// `logits[id] - ln Σ e^{logit}`, with the largest logit taken out of the sum, so that nothing overflows.
fn log_probability(logits: &[f32], id: usize) -> f64 {
    let largest = logits.iter().fold(f32::NEG_INFINITY, |largest, &logit| largest.max(logit));
    let above = |logit: f32| f64::from(logit) - f64::from(largest);
    let sum: f64 = logits.iter().map(|&logit| above(logit).exp()).sum();
    above(logits[id]) - sum.ln()
}
