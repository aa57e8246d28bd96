//! A Mamba-2 that runs: plain loops over what its files hold, one token or many.
//!
//! As in chapter 6 a [`Mamba2Runner`] reads tokens and says what may follow, and what it remembers has one size. What is new is
//! the shape of it: a head is a matrix X of `[head_dim, d_state]`, its step is one number Δ, and so is its rate A.
//!
//! ```text
//! X_k = e^{Δ_k A} X_{k-1} + Δ_k s_k B_kᵀ,      y_k = X_k C_k + D s_k        one exponential a head and a token      (eq-7-3)
//! ```
//!
//! A head's matrix fits into the nearest cache and stays there while all tokens pass, so a prompt is read by the recurrence too, a
//! head a task; the chunked form is for machines that multiply matrices faster than they add vectors.
//!
//! Conventions: rows of channels, one a token: `[tokens, d_model]` between layers, `[tokens, heads · head_dim]` in them; what
//! heads answer lies in blocks `[head][token][channel]` until the gate opens.

use std::fs;
use std::path::Path;

use mamba::config::ConfigError;
use mamba::inference::{
    InferenceError, Tensors, TokenReader, add_to_rows, check_finite, check_ids, softplus,
};
use mamba::matrix::Matrix;
use mamba::pretrained::{self, Checkpoint, FolderTokenizer, Pretrained, PretrainedError};
use mamba::tensor_files::Dtype;
use multiversion::multiversion;
use rayon::prelude::*;
use s4::block_on_cpu::exp;
use serde::Deserialize;
use state_space_duality::mamba2_config::{Limits, Mamba2Config, as_json};

/// Tokens that are read at once: enough for matrices to be worth their blocks; more would only need more memory.
const TOKENS_AT_ONCE: usize = 256;

/// Numbers of one register.
const LANES: usize = 8;

/// The numbers that loops need.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sizes {
    d_model: usize,
    d_inner: usize,
    d_state: usize,
    heads: usize,
    head_dim: usize,
    groups: usize,
    channels: usize,
    projected: usize,
    taps: usize,
    epsilon: f32,
    limits: [f32; 2],
}

impl Sizes {
    fn of(config: &Mamba2Config) -> Self {
        let Limits { least, most } = config.time_step_limit;
        Self {
            d_model: config.hidden_size,
            d_inner: config.d_inner(),
            d_state: config.state_size,
            heads: config.num_heads,
            head_dim: config.head_dim,
            groups: config.n_groups,
            channels: config.conv_channels(),
            projected: config.projected(),
            taps: config.conv_kernel,
            epsilon: config.layer_norm_epsilon as f32,
            limits: [least as f32, most as f32],
        }
    }
}

/// The weights of a layer, by the names of the reference's checkpoints.
#[derive(Debug)]
struct Layer {
    norm: Vec<f32>,
    in_proj: Matrix,
    in_proj_bias: Option<Vec<f32>>,
    /// `[tap][channel]`.
    conv1d: Vec<f32>,
    conv1d_bias: Option<Vec<f32>>,
    dt_bias: Vec<f32>,
    /// `-e^{A_log}`, one a head.
    a: Vec<f32>,
    d: Vec<f32>,
    gated_norm: Vec<f32>,
    out_proj: Matrix,
    out_proj_bias: Option<Vec<f32>>,
}

/// A Mamba-2 that is there to be run.
///
/// ```
/// use mamba::inference::RandomTensors;
/// use state_space_duality::mamba2_config::Mamba2Config;
/// use state_space_duality::mamba2_runner::Mamba2Weights;
///
/// let config =
///     Mamba2Config { vocab_size: 10, num_hidden_layers: 2, ..Mamba2Config::of_width(8, 4, 6) };
/// let weights = Mamba2Weights::read(&config, &RandomTensors { seed: 1 })?;
/// assert_eq!(weights.vocabulary(), 10);
/// # Ok::<(), mamba::inference::RandomError>(())
/// ```
#[derive(Debug)]
pub struct Mamba2Weights {
    sizes: Sizes,
    embeddings: Matrix,
    layers: Vec<Layer>,
    norm_f: Vec<f32>,
    /// What writes tokens, if it is not what reads them.
    lm_head: Option<Matrix>,
}

impl Mamba2Weights {
    /// The weights of a model of this configuration, named as Hugging Face's files name them.
    ///
    /// # Errors
    /// Those of the tensors, and [`ConfigError`] for a configuration that no model has.
    pub fn read<T: Tensors>(config: &Mamba2Config, tensors: &T) -> Result<Self, T::Error> {
        let checked: Result<(), ConfigError> = config.check();
        checked?;
        let shape = [config.vocab_size, config.hidden_size];
        let layer = |number| Layer::read(config, tensors, number);
        Ok(Self {
            sizes: Sizes::of(config),
            embeddings: tensors.matrix("backbone.embeddings.weight", shape)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
            norm_f: tensors.numbers("backbone.norm_f.weight", &[config.hidden_size])?,
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

    /// The bytes that must come from memory for each token: all weights once, but of the embeddings only what the head is.
    pub fn bytes_of_a_step(&self) -> usize {
        let optional = |bias: &Option<Vec<f32>>| bias.as_ref().map_or(0, Vec::len);
        let of_layer = |layer: &Layer| {
            let vectors = [&layer.norm, &layer.conv1d, &layer.dt_bias, &layer.a, &layer.d];
            let vectors = vectors.into_iter().chain([&layer.gated_norm]).map(Vec::len);
            let biases = [&layer.in_proj_bias, &layer.conv1d_bias, &layer.out_proj_bias];
            let rest = vectors.sum::<usize>() + biases.map(optional).iter().sum::<usize>();
            layer.in_proj.bytes() + layer.out_proj.bytes() + 4 * rest
        };
        let layers: usize = self.layers.iter().map(of_layer).sum();
        layers + self.head().bytes() + 4 * self.norm_f.len()
    }

    fn head(&self) -> &Matrix {
        self.lm_head.as_ref().unwrap_or(&self.embeddings)
    }
}

impl Layer {
    fn read<T: Tensors>(
        config: &Mamba2Config,
        tensors: &T,
        number: usize,
    ) -> Result<Self, T::Error> {
        let Sizes { d_model, d_inner, heads, channels, projected, taps, .. } = Sizes::of(config);
        let name = |rest: &str| format!("backbone.layers.{number}.{rest}");
        let matrix = |rest: &str, shape| tensors.matrix(&name(rest), shape);
        let numbers = |rest: &str, shape: &[usize]| tensors.numbers(&name(rest), shape);
        let bias = |has: bool, rest: &str, length| match has {
            true => numbers(rest, &[length]).map(Some),
            false => Ok(None),
        };
        let conv1d = numbers("mixer.conv1d.weight", &[channels, 1, taps])?;
        let a_log = numbers("mixer.A_log", &[heads])?;
        Ok(Self {
            norm: numbers("norm.weight", &[d_model])?,
            in_proj: matrix("mixer.in_proj.weight", [projected, d_model])?,
            in_proj_bias: bias(config.use_bias, "mixer.in_proj.bias", projected)?,
            conv1d: turned(&conv1d, taps),
            conv1d_bias: bias(config.use_conv_bias, "mixer.conv1d.bias", channels)?,
            dt_bias: numbers("mixer.dt_bias", &[heads])?,
            a: a_log.into_iter().map(|a_log| -a_log.exp()).collect(),
            d: numbers("mixer.D", &[heads])?,
            gated_norm: numbers("mixer.norm.weight", &[d_inner])?,
            out_proj: matrix("mixer.out_proj.weight", [d_model, d_inner])?,
            out_proj_bias: bias(config.use_bias, "mixer.out_proj.bias", d_model)?,
        })
    }
}

/// `[row][column]` as `[column][row]`.
fn turned(rows: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|j| rows.iter().skip(j).step_by(columns).copied()).collect()
}

/// What a layer remembers.
#[derive(Debug, Clone, PartialEq)]
struct LayerState {
    /// The last inputs of the convolution, `[tap][channel]`, the newest last.
    conv: Vec<f32>,
    /// X, `[head][channel][state]`.
    ssm: Vec<f32>,
}

/// All that a model remembers of what it has read.
#[derive(Debug, Clone, PartialEq)]
pub struct Mamba2State {
    layers: Vec<LayerState>,
    channels: usize,
}

impl Mamba2State {
    /// Nothing read yet.
    pub fn silence(weights: &Mamba2Weights) -> Self {
        let Sizes { d_inner, d_state, channels, taps, .. } = weights.sizes;
        let layer =
            LayerState { conv: vec![0.0; taps * channels], ssm: vec![0.0; d_inner * d_state] };
        Self { layers: vec![layer; weights.layers.len()], channels }
    }

    /// The bytes that it takes: as many after the last token as before the first.
    pub fn bytes(&self) -> usize {
        let numbers = |layer: &LayerState| layer.conv.len() + layer.ssm.len();
        4 * self.layers.iter().map(numbers).sum::<usize>()
    }

    /// The last inputs of a layer's convolution, `[channel][tap]`, the newest last; `None` if there is no such layer.
    pub fn conv(&self, layer: usize) -> Option<Vec<f32>> {
        self.layers.get(layer).map(|layer| turned(&layer.conv, self.channels))
    }

    /// X of a layer, `[head][channel][state]`; `None` if there is no such layer.
    pub fn ssm(&self, layer: usize) -> Option<&[f32]> {
        self.layers.get(layer).map(|layer| &layer.ssm[..])
    }
}

/// Reads tokens, many at once or one by one, and says what may follow.
///
/// ```
/// use mamba::inference::{RandomTensors, TokenReader};
/// use state_space_duality::mamba2_config::Mamba2Config;
/// use state_space_duality::mamba2_runner::{Mamba2Runner, Mamba2Weights};
///
/// let config =
///     Mamba2Config { vocab_size: 10, num_hidden_layers: 2, ..Mamba2Config::of_width(8, 4, 6) };
/// let weights = Mamba2Weights::read(&config, &RandomTensors { seed: 1 })?;
/// let mut runner = Mamba2Runner::new(&weights);
/// let at_once = runner.prefill(&[3, 1, 4, 1])?.to_vec();
///
/// let mut runner = Mamba2Runner::new(&weights);
/// runner.prefill(&[3, 1])?;
/// runner.step(4)?;
/// let step_by_step = runner.step(1)?;
/// assert!(at_once.iter().zip(step_by_step).all(|(a, b)| (a - b).abs() < 1e-5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Mamba2Runner<'a> {
    weights: &'a Mamba2Weights,
    state: Mamba2State,
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
    /// `[tokens, projected]`: z, then u, B and C before the convolution, then what Δ is made of.
    inner: Vec<f32>,
    /// `[tokens, channels]`: u, B and C after the convolution.
    heard: Vec<f32>,
    /// What the heads answer, `[head][token][channel]`.
    blocks: Vec<f32>,
    /// The same, gated and normed, `[tokens, d_inner]`.
    rows: Vec<f32>,
    logits: Vec<f32>,
}

impl<'a> Mamba2Runner<'a> {
    /// A runner that has read nothing.
    pub fn new(weights: &'a Mamba2Weights) -> Self {
        Self { weights, state: Mamba2State::silence(weights), read: 0, work: Work::default() }
    }

    /// What it remembers.
    pub fn state(&self) -> &Mamba2State {
        &self.state
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

    /// Through all layers; leaves the outcome, normed, in `work.normed`.
    fn read_while(&mut self, ids: &[u32], mut look: impl FnMut(&[f32])) {
        let Self { weights, state, work, .. } = self;
        let Sizes { d_model, epsilon, .. } = weights.sizes;
        work.stream.resize(ids.len() * d_model, 0.0);
        for (&id, v) in ids.iter().zip(work.stream.chunks_exact_mut(d_model)) {
            weights.embeddings.row(id as usize, v);
        }
        for (layer, state) in weights.layers.iter().zip(&mut state.layers) {
            layer.add_to_stream(weights.sizes, state, work);
            look(&work.stream);
        }
        work.normed.clone_from(&work.stream);
        norm(&mut work.normed, &weights.norm_f, d_model, epsilon);
        self.read += ids.len();
    }

    /// The logits of all rows of `work.normed`.
    fn head(&mut self) -> Result<(), InferenceError> {
        let Work { normed, logits, .. } = &mut self.work;
        let rows = normed.len() / self.weights.sizes.d_model;
        logits.resize(rows * self.weights.vocabulary(), 0.0);
        self.weights.head().multiply(normed, logits);
        check_finite(logits, self.read).map(|_| ())
    }
}

impl TokenReader for Mamba2Runner<'_> {
    fn vocabulary(&self) -> usize {
        self.weights.vocabulary()
    }

    fn prefill(&mut self, ids: &[u32]) -> Result<&[f32], InferenceError> {
        check_ids(ids, self.weights.vocabulary())?;
        rayon::scope(|_| {
            for chunk in ids.chunks(TOKENS_AT_ONCE) {
                self.read_while(chunk, |_| {});
            }
            let last = self.work.normed.len() - self.weights.sizes.d_model;
            self.work.normed.drain(..last);
            self.head()
        })?;
        Ok(&self.work.logits)
    }

    fn logits(&mut self, ids: &[u32], look: &mut dyn FnMut(&[f32])) -> Result<(), InferenceError> {
        check_ids(ids, self.weights.vocabulary())?;
        // The logits of a few tokens of a large vocabulary are as large as its embedding.
        for chunk in ids.chunks(TOKENS_AT_ONCE / 4) {
            self.read_while(chunk, |_| {});
            self.head()?;
            self.work.logits.chunks_exact(self.weights.vocabulary()).for_each(&mut *look);
        }
        Ok(())
    }
}

// ANCHOR: add_to_stream
impl Layer {
    /// `stream += block(norm(stream))` for one token or many, and the state after them.
    fn add_to_stream(&self, sizes: Sizes, state: &mut LayerState, work: &mut Work) {
        let Work { stream, normed, inner, heard, blocks, rows, .. } = work;
        let tokens = stream.len() / sizes.d_model;
        inner.resize(tokens * sizes.projected, 0.0);
        heard.resize(tokens * sizes.channels, 0.0);
        blocks.resize(tokens * sizes.d_inner, 0.0);
        rows.resize(tokens * sizes.d_inner, 0.0);

        normed.clone_from(stream);
        norm(normed, &self.norm, sizes.d_model, sizes.epsilon);
        self.in_proj.multiply(normed, inner);
        add_to_rows(inner, self.in_proj_bias.as_deref());
        self.convolve(sizes, inner, &mut state.conv, heard);
        self.run_heads(sizes, inner, heard, &mut state.ssm, blocks);
        gate(blocks, inner, sizes, rows);
        norm(rows, &self.gated_norm, sizes.d_inner / sizes.groups, sizes.epsilon);
        self.out_proj.multiply_add(rows, stream);
        add_to_rows(stream, self.out_proj_bias.as_deref());
    }
}
// ANCHOR_END: add_to_stream

impl Layer {
    /// The causal convolution of u, B and C and its SiLU, a token a task; `state` keeps the last inputs.
    fn convolve(&self, sizes: Sizes, inner: &[f32], state: &mut [f32], heard: &mut [f32]) {
        let Sizes { d_inner, channels, projected, taps, .. } = sizes;
        let tokens = heard.len() / channels;
        // The input of a token, or of one that was read before: -1 is the last of them.
        let before: &[f32] = state;
        let input = |token: isize| match usize::try_from(token) {
            Ok(token) => &inner[token * projected + d_inner..][..channels],
            Err(_) => &before[(taps as isize + token) as usize * channels..][..channels],
        };
        // A token alone is not worth waking anyone.
        let least = if tokens == 1 { usize::MAX } else { 4 };
        let rows = heard.par_chunks_exact_mut(channels).enumerate().with_min_len(least);
        rows.for_each(|(token, out)| {
            match &self.conv1d_bias {
                Some(bias) => out.copy_from_slice(bias),
                None => out.fill(0.0),
            }
            for (tap, weight) in self.conv1d.chunks_exact(channels).enumerate() {
                add_products(out, weight, input((token + tap + 1) as isize - taps as isize));
            }
            bend(out);
        });
        // The last inputs, the newest last: some of them may be older than these tokens.
        let new = tokens.min(taps);
        state.copy_within(new * channels.., 0);
        for (row, token) in
            state[(taps - new) * channels..].chunks_exact_mut(channels).zip(tokens - new..)
        {
            row.copy_from_slice(&inner[token * projected + d_inner..][..channels]);
        }
    }

    /// All heads through all tokens, a head a task.
    fn run_heads(
        &self,
        sizes: Sizes,
        inner: &[f32],
        heard: &[f32],
        state: &mut [f32],
        blocks: &mut [f32],
    ) {
        let Sizes { heads, head_dim, d_state, .. } = sizes;
        let states = state.par_chunks_exact_mut(head_dim * d_state);
        let blocks = blocks.par_chunks_exact_mut(heard.len() / sizes.channels * head_dim);
        // So few numbers that they are gone before anyone has woken up.
        let least = if heard.len() == sizes.channels { heads.div_ceil(4) } else { 1 };
        blocks.zip(states).enumerate().with_min_len(least).for_each(|(head, (y, x))| {
            let (a, d, dt_bias) = (self.a[head], self.d[head], self.dt_bias[head]);
            run_head(Head { number: head, a, d, dt_bias }, sizes, [inner, heard], x, y);
        });
    }
}

/// What a head knows of itself.
#[derive(Debug, Clone, Copy)]
struct Head {
    number: usize,
    a: f32,
    d: f32,
    dt_bias: f32,
}

// ANCHOR: run_head
/// A head through all tokens: its matrix x `[channel][state]` stays where it is, and
/// y `[token][channel]` is what it answers.
#[multiversion(targets("x86_64+avx2+fma"))]
fn run_head(head: Head, sizes: Sizes, tokens: [&[f32]; 2], x: &mut [f32], y: &mut [f32]) {
    let Sizes { d_inner, d_state, head_dim, heads, groups, channels, projected, .. } = sizes;
    let group = head.number / (heads / groups);
    let [inner, heard] = tokens;
    let tokens = inner.chunks_exact(projected).zip(heard.chunks_exact(channels));
    for ((inner, heard), y) in tokens.zip(y.chunks_exact_mut(head_dim)) {
        let (u, bc) = heard.split_at(d_inner);
        let (b, c) = bc.split_at(groups * d_state);
        let [b, c] = [b, c].map(|all| &all[group * d_state..][..d_state]);
        let u = &u[head.number * head_dim..][..head_dim];
        let delta = softplus(inner[projected - heads + head.number] + head.dt_bias);
        let delta = delta.clamp(sizes.limits[0], sizes.limits[1]);
        // One exponential for all of X.
        let keep = exp(delta * head.a);
        for ((x, u), y) in x.chunks_exact_mut(d_state).zip(u).zip(y) {
            *y = keep_and_add(x, keep, delta * u, b, c) + head.d * u;
        }
    }
}
// ANCHOR_END: run_head

/// `x = keep x + push b`, and then the product of x with c: a row of X, read and written once.
#[inline(always)]
fn keep_and_add(x: &mut [f32], keep: f32, push: f32, b: &[f32], c: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (xs, x_rest) = x.as_chunks_mut::<LANES>();
    let ((bs, b_rest), (cs, c_rest)) = (b.as_chunks::<LANES>(), c.as_chunks::<LANES>());
    for ((x, b), c) in xs.iter_mut().zip(bs).zip(cs) {
        for lane in 0..LANES {
            x[lane] = keep * x[lane] + push * b[lane];
            sums[lane] += x[lane] * c[lane];
        }
    }
    let mut sum: f32 = sums.iter().sum();
    for ((x, b), c) in x_rest.iter_mut().zip(b_rest).zip(c_rest) {
        *x = keep * *x + push * b;
        sum += *x * c;
    }
    sum
}

/// `1 / (1 + e^{-z})`, times z.
#[inline(always)]
fn silu(z: f32) -> f32 {
    z / (1.0 + exp(-z))
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn add_products(out: &mut [f32], weight: &[f32], u: &[f32]) {
    for ((out, weight), u) in out.iter_mut().zip(weight).zip(u) {
        *out += weight * u;
    }
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn bend(out: &mut [f32]) {
    for out in out {
        *out = silu(*out);
    }
}

/// What the heads answer, times SiLU of z, in rows.
#[multiversion(targets("x86_64+avx2+fma"))]
fn gate(blocks: &[f32], inner: &[f32], sizes: Sizes, rows: &mut [f32]) {
    let Sizes { d_inner, head_dim, projected, .. } = sizes;
    let tokens = rows.len() / d_inner;
    for (token, (row, inner)) in
        rows.chunks_exact_mut(d_inner).zip(inner.chunks_exact(projected)).enumerate()
    {
        let heads = row.chunks_exact_mut(head_dim).zip(inner.chunks_exact(head_dim));
        for (head, (row, z)) in heads.enumerate() {
            let y = &blocks[(head * tokens + token) * head_dim..][..head_dim];
            for ((out, y), z) in row.iter_mut().zip(y).zip(z) {
                *out = y * silu(*z);
            }
        }
    }
}

/// Each group of so many channels divided by the root of the mean of its squares, and each channel scaled.
#[multiversion(targets("x86_64+avx2+fma"))]
fn norm(rows: &mut [f32], weight: &[f32], group: usize, epsilon: f32) {
    for row in rows.chunks_exact_mut(weight.len()) {
        for (x, weight) in row.chunks_exact_mut(group).zip(weight.chunks_exact(group)) {
            let scale = 1.0 / (s4::dplr_on_cpu::dot(x, x) / group as f32 + epsilon).sqrt();
            for (x, weight) in x.iter_mut().zip(weight) {
                *x *= scale * weight;
            }
        }
    }
}

/// A folder with a Mamba-2 that was read.
#[derive(Debug)]
pub struct PretrainedMamba2 {
    /// What the model is.
    pub config: Mamba2Config,
    /// What it has learned.
    pub weights: Mamba2Weights,
    /// What speaks its tokens, if the folder has it.
    pub tokenizer: FolderTokenizer,
}

/// A folder with a Mamba of either kind.
#[derive(Debug)]
pub enum AnyMamba {
    /// Chapter 6's.
    Mamba(Box<Pretrained>),
    /// This chapter's.
    Mamba2(Box<PretrainedMamba2>),
}

// ANCHOR: load
/// Reads a folder as Hugging Face keeps it, a Mamba's or a Mamba-2's as its `model_type` says; matrices are
/// kept as this type, or as what they are in the file.
///
/// # Errors
/// [`PretrainedError`], which names the file, the entry or the tensor.
///
/// ```
/// use mamba::inference::score;
/// use state_space_duality::mamba2_runner::{AnyMamba, Mamba2Runner, load};
///
/// let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
/// let folder = format!("{fixtures}/hf_mamba2_tiny");
/// let AnyMamba::Mamba2(model) = load(folder.as_ref(), None)? else { panic!("a Mamba-2") };
/// let score = score(&mut Mamba2Runner::new(&model.weights), &[71, 93, 72, 47])?;
/// assert_eq!((model.weights.vocabulary(), score.next_logprob.len()), (96, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(folder: &Path, keep: Option<Dtype>) -> Result<AnyMamba, PretrainedError> {
    if !folder.is_dir() {
        return Err(PretrainedError::NoFolder(folder.to_owned()));
    }
    match model_type(folder)?.as_str() {
        "mamba" => Ok(AnyMamba::Mamba(Box::new(pretrained::load(folder, keep)?))),
        "mamba2" => {
            let config = Mamba2Config::read(folder)?;
            let weights = Mamba2Weights::read(&config, &Checkpoint::open(folder, keep)?)?;
            let tokenizer = FolderTokenizer::open(folder)?;
            Ok(AnyMamba::Mamba2(Box::new(PretrainedMamba2 { config, weights, tokenizer })))
        }
        other => {
            let (name, expected, found) = ("model_type", "mamba or mamba2", other.to_owned());
            Err(ConfigError::OutOfRange { name, expected, found }.into())
        }
    }
}
// ANCHOR_END: load

/// What kind of model a folder says that it holds; a Mamba, if it says nothing.
fn model_type(folder: &Path) -> Result<String, ConfigError> {
    #[derive(Deserialize)]
    struct Kind {
        model_type: Option<String>,
    }
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path)
        .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
    let kind: Result<Kind, _> = serde_json::from_str(&as_json(&text));
    let kind = kind.map_err(|source| ConfigError::NotJson { path, source })?;
    Ok(kind.model_type.unwrap_or_else(|| "mamba".to_owned()))
}
