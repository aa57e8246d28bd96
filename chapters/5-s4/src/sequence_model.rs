//! *How do one hundred memories become one reader?*
//!
//! A state space layer looks along time, each channel by itself. A [`Block`] lets the channels speak with each other
//! after it, and adds what came of it to what went in:
//!
//! ```text
//! y = K̄ * norm(u)        [p, q] = gelu(y) W + b        v = u + p ⊙ σ(q)        (eq-5-7)
//! ```
//!
//! A [`Stack`] is blocks one after the other; a [`SequenceModel`] is an encoder, a stack and a decoder. What is asked of
//! it decides what the decoder sees: the mean over time for a class, every step for what comes next.
//!
//! Conventions: sequences are `[batch, channels, length]` from the encoder to the decoder; one step of them is
//! `[batch, channels]`.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use ml_links::language_model::{Noise, even_parameter};
use ml_links::operations::causal_convolution;
use ml_links::parameterization::{
    DiagonalState, DiagonalStateSpace, DiagonalStateSpaceConfig, held_input_step,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s4::block_operations::{Mixture, channel_norm, gated_mix};
use s4::diagonal_operations::diagonal_kernel;
use s4::s4_layer::{S4Layer, S4LayerConfig, S4State};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number of which no model can be built.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("expected {name} {expected}, found {found}")]
pub struct SizeError {
    /// Which.
    pub name: &'static str,
    /// What it should be.
    pub expected: &'static str,
    /// What it is.
    pub found: f64,
}

/// Which memory a block has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Diagonal: S4D-Lin, of chapter 4
    #[default]
    S4d,
    /// Diagonal plus low rank: HiPPO-LegS
    S4,
}

/// Where a block norms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// What it reads; what it adds to stays as it is from the first block to the last
    #[default]
    Before,
    /// What it writes
    After,
}

/// What a [`Stack`] is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StackConfig {
    /// Channels.
    pub d_model: usize,
    /// States of each channel in each block, N.
    pub d_state: usize,
    /// Blocks.
    pub layers: usize,
    /// The share of channels that dropout silences in training.
    pub dropout: f64,
    /// Which memory a block has.
    pub memory: Memory,
    /// Where a block norms.
    pub norm: Norm,
    /// The smallest Δ at the beginning.
    pub delta_min: f64,
    /// The largest Δ at the beginning.
    pub delta_max: f64,
    /// Which random numbers are drawn for the first weights.
    pub seed: u64,
}

impl Default for StackConfig {
    /// Four blocks of 64 channels with 64 states each.
    fn default() -> Self {
        Self {
            d_model: 64,
            d_state: 64,
            layers: 4,
            dropout: 0.1,
            memory: Memory::S4d,
            norm: Norm::Before,
            delta_min: 1e-3,
            delta_max: 0.1,
            seed: 0,
        }
    }
}

impl StackConfig {
    /// Refuses what no stack can be built of.
    ///
    /// # Errors
    /// [`SizeError`].
    ///
    /// ```
    /// use s4::sequence_model::StackConfig;
    ///
    /// let odd = StackConfig { d_state: 7, ..StackConfig::default() };
    /// assert_eq!(
    ///     odd.check().unwrap_err().to_string(),
    ///     "expected the state size d_state even and 2 or more, found 7"
    /// );
    /// ```
    pub fn check(&self) -> Result<(), SizeError> {
        let error = |name, expected, found| Err(SizeError { name, expected, found });
        if self.d_model == 0 {
            return error("the width d_model", "of 1 or more", 0.0);
        }
        if self.layers == 0 {
            return error("the number of layers", "of 1 or more", 0.0);
        }
        if self.d_state == 0 || self.d_state % 2 == 1 {
            return error("the state size d_state", "even and 2 or more", self.d_state as f64);
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return error("the share of dropout", "from 0 to below 1", self.dropout);
        }
        if !(self.delta_min > 0.0 && self.delta_min.is_finite()) {
            return error("the smallest step", "positive", self.delta_min);
        }
        if !(self.delta_max >= self.delta_min && self.delta_max.is_finite()) {
            return error("the largest step", "not below the smallest", self.delta_max);
        }
        Ok(())
    }
}

/// What looks along time in a block.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a block, and never a list of them")]
pub enum Space {
    /// Chapter 4's diagonal one.
    Diagonal(DiagonalStateSpace),
    /// Diagonal plus low rank.
    S4(S4Layer),
}

/// What a [`Space`] remembers between two steps.
#[derive(Debug, Clone)]
pub enum SpaceState {
    /// Of a diagonal one.
    Diagonal(DiagonalState),
    /// Of one that is diagonal plus low rank.
    S4(S4State),
}

impl Space {
    /// Its echo, with what passes at once in the first number: `[channels, length]`.
    ///
    /// `d u` beside the convolution would be walks through memory of their own; inside it costs nothing.
    fn kernel(&self, length: usize) -> Tensor<2> {
        let (kernel, d) = match self {
            Self::Diagonal(space) => {
                let (z, b_bar) = held_input_step(&space.lambda(), space.delta());
                (diagonal_kernel(&space.c().times(&b_bar), &z, length), space.d.val())
            }
            Self::S4(space) => (space.kernel(length), space.d.val()),
        };
        let first = kernel.clone().narrow(1, 0, 1) + d.unsqueeze_dim(1);
        match length {
            1 => first,
            _ => Tensor::cat(vec![first, kernel.narrow(1, 1, length - 1)], 1),
        }
    }

    fn initial_state(&self, batch: usize, device: &Device) -> SpaceState {
        match self {
            Self::Diagonal(space) => SpaceState::Diagonal(space.initial_state(batch, device)),
            Self::S4(space) => SpaceState::S4(space.initial_state(batch, device)),
        }
    }

    /// One step as a sequence of one: `[batch, channels, 1]`.
    fn step(&self, u: Tensor<3>, state: &mut SpaceState) -> Tensor<3> {
        let u = u.squeeze_dim(2);
        let y: Tensor<2> = match (self, state) {
            (Self::Diagonal(space), SpaceState::Diagonal(state)) => space.step(u, state),
            (Self::S4(space), SpaceState::S4(state)) => space.step(u, state),
            _ => panic!("expected a state of the same kind of space"),
        };
        y.unsqueeze_dim(2)
    }
}

/// One floor of the stack: along time, then across channels, then added to what went in.
#[derive(Module, Debug)]
pub struct Block {
    /// What the norm scales each channel by.
    pub gamma: Param<Tensor<1>>,
    /// What it shifts it by.
    pub beta: Param<Tensor<1>>,
    /// What looks along time.
    pub space: Space,
    /// What mixes the channels, `[channels, 2 channels]`: the first half of its columns speaks, the second opens the gate.
    pub weight: Param<Tensor<2>>,
    /// And is added to them.
    pub bias: Param<Tensor<1>>,
    dropout: f64,
    #[module(skip)]
    norm: Norm,
}

// ANCHOR: block
impl Block {
    /// A whole sequence, `[batch, channels, length]`.
    pub fn convolve(&self, u: Tensor<3>, noise: &mut Noise) -> Tensor<3> {
        let kernel = self.space.kernel(u.dims()[2]);
        self.pass(u, noise, |u| causal_convolution(u, kernel))
    }

    /// One step of it, `[batch, channels]`.
    pub fn step(&self, u: Tensor<2>, state: &mut SpaceState) -> Tensor<2> {
        let step = |u| self.space.step(u, state);
        self.pass(u.unsqueeze_dim(2), &mut Noise::none(), step).squeeze_dim(2)
    }

    fn pass(
        &self,
        u: Tensor<3>,
        noise: &mut Noise,
        along_time: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        match self.norm {
            Norm::Before => self.mix(u.clone(), along_time(self.normed(u)), noise),
            Norm::After => self.normed(self.mix(u.clone(), along_time(u), noise)),
        }
    }
}
// ANCHOR_END: block

impl Block {
    fn normed(&self, u: Tensor<3>) -> Tensor<3> {
        channel_norm(u, self.gamma.val(), self.beta.val())
    }

    fn mix(&self, u: Tensor<3>, y: Tensor<3>, noise: &mut Noise) -> Tensor<3> {
        let [batch, channels, _] = u.dims();
        let mut mask = || noise.mask([batch, channels], self.dropout, &u.device());
        let (kept_before, kept_after) = (mask(), mask());
        let (weight, bias) = (self.weight.val(), self.bias.val());
        gated_mix(u, y, Mixture { weight, bias, kept_before, kept_after })
    }
}

/// Blocks one after the other, and a norm after the last where they norm before.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use ml_links::language_model::Noise;
/// use s4::sequence_model::StackConfig;
///
/// let device = Device::flex();
/// let stack = StackConfig { d_model: 8, d_state: 4, layers: 2, ..StackConfig::default() }.init(&device)?;
/// let x = Tensor::<3>::random([1, 8, 30], Distribution::Default, &device);
/// let at_once = stack.convolve(x.clone(), &mut Noise::none());
/// let mut state = stack.initial_state(1);
/// for k in 0..30 {
///     let y = stack.step(x.clone().narrow(2, k, 1).squeeze_dim(2), &mut state);
///     let expected: Tensor<2> = at_once.clone().narrow(2, k, 1).squeeze_dim(2);
///     assert!((y - expected).abs().max().into_scalar::<f32>() < 1e-4);
/// }
/// # Ok::<(), s4::sequence_model::SizeError>(())
/// ```
#[derive(Module, Debug)]
pub struct Stack {
    /// The blocks.
    pub blocks: Vec<Block>,
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    #[module(skip)]
    norm: Norm,
}

impl StackConfig {
    /// The stack before training.
    ///
    /// # Errors
    /// [`SizeError`].
    pub fn init(&self, device: &Device) -> Result<Stack, SizeError> {
        self.check()?;
        let &Self { d_model, d_state, delta_min, delta_max, dropout, norm, .. } = self;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let constant = |value| Param::from_tensor(Tensor::<1>::full([d_model], value, device));
        let mut block = || {
            let seed = random.random();
            let space = match self.memory {
                Memory::S4d => Space::Diagonal(
                    DiagonalStateSpaceConfig::new(d_model, d_state)
                        .with_delta_min(delta_min)
                        .with_delta_max(delta_max)
                        .with_seed(seed)
                        .init(device),
                ),
                Memory::S4 => Space::S4(
                    S4LayerConfig::new(d_model, d_state)
                        .with_delta_min(delta_min)
                        .with_delta_max(delta_max)
                        .with_seed(seed)
                        .init(device),
                ),
            };
            let weight = even([d_model, 2 * d_model], &mut random, device);
            let bias = Param::from_tensor(Tensor::zeros([2 * d_model], device));
            let (gamma, beta) = (constant(1.0), constant(0.0));
            Block { gamma, beta, space, weight, bias, dropout, norm }
        };
        let blocks = (0..self.layers).map(|_| block()).collect();
        Ok(Stack { blocks, gamma: constant(1.0), beta: constant(0.0), norm })
    }
}

/// Weights drawn evenly from `±1/√inputs`.
fn even(shape: [usize; 2], random: &mut ChaCha8Rng, device: &Device) -> Param<Tensor<2>> {
    even_parameter(shape, 1.0 / (shape[0] as f64).sqrt(), random, device)
}

/// A linear map before training: weights drawn evenly from `±1/√inputs`, biases 0.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::training::Recipe;
///
/// let map = s4::sequence_model::linear([3, 2], &mut Recipe::new(1).random(0), &Device::flex());
/// assert_eq!(map.weight.val().dims(), [3, 2]);
/// ```
pub fn linear(shape: [usize; 2], random: &mut ChaCha8Rng, device: &Device) -> Linear {
    let bias = Some(Param::from_tensor(Tensor::zeros([shape[1]], device)));
    Linear { weight: even(shape, random, device), bias }
}

/// A linear map at every step: `[batch, inputs, length]` becomes `[batch, outputs, length]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::training::Recipe;
/// use s4::sequence_model::{at_every_step, linear};
///
/// let device = Device::flex();
/// let map = linear([3, 2], &mut Recipe::new(1).random(0), &device);
/// assert_eq!(at_every_step(&map, Tensor::ones([5, 3, 7], &device)).dims(), [5, 2, 7]);
/// ```
pub fn at_every_step(map: &Linear, x: Tensor<3>) -> Tensor<3> {
    let y = map.weight.val().transpose().unsqueeze::<3>().matmul(x);
    match &map.bias {
        Some(bias) => y + bias.val().reshape([1, -1, 1]),
        None => y,
    }
}

impl Stack {
    /// Whole sequences, `[batch, d_model, length]`.
    pub fn convolve(&self, x: Tensor<3>, noise: &mut Noise) -> Tensor<3> {
        let x = self.blocks.iter().fold(x, |x, block| block.convolve(x, noise));
        self.normed(x)
    }

    /// Nothing read yet.
    pub fn initial_state(&self, batch: usize) -> Vec<SpaceState> {
        let device = self.gamma.val().device();
        self.blocks.iter().map(|block| block.space.initial_state(batch, &device)).collect()
    }

    /// One step, `[batch, d_model]`.
    pub fn step(&self, x: Tensor<2>, state: &mut [SpaceState]) -> Tensor<2> {
        let blocks = self.blocks.iter().zip(state);
        let x = blocks.fold(x, |x, (block, state)| block.step(x, state));
        self.normed(x.unsqueeze_dim(2)).squeeze_dim(2)
    }

    fn normed(&self, x: Tensor<3>) -> Tensor<3> {
        match self.norm {
            Norm::Before => channel_norm(x, self.gamma.val(), self.beta.val()),
            Norm::After => x,
        }
    }
}

/// An encoder, a stack, a decoder.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::language_model::Noise;
/// use s4::sequence_model::{SequenceModelConfig, StackConfig};
///
/// let device = Device::flex();
/// let stack = StackConfig { d_model: 8, d_state: 4, layers: 2, ..StackConfig::default() };
/// let model = SequenceModelConfig { inputs: 1, outputs: 10, stack }.init(&device)?;
/// let u = Tensor::<3>::ones([2, 1, 50], &device);
/// assert_eq!(model.of_the_whole(u.clone(), &mut Noise::none()).dims(), [2, 10]);
/// assert_eq!(model.of_every_step(u, &mut Noise::none()).dims(), [2, 10, 50]);
/// # Ok::<(), s4::sequence_model::SizeError>(())
/// ```
#[derive(Module, Debug)]
pub struct SequenceModel {
    encoder: Linear,
    /// Between encoder and decoder.
    pub stack: Stack,
    decoder: Linear,
}

/// What a [`SequenceModel`] is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SequenceModelConfig {
    /// How many numbers it reads a step.
    pub inputs: usize,
    /// How many it answers: classes, or tokens that may come next.
    pub outputs: usize,
    /// What is between.
    pub stack: StackConfig,
}

impl SequenceModelConfig {
    /// The model before training.
    ///
    /// # Errors
    /// [`SizeError`].
    pub fn init(&self, device: &Device) -> Result<SequenceModel, SizeError> {
        let &Self { inputs, outputs, stack } = self;
        for (name, count) in [("the number of inputs", inputs), ("the number of outputs", outputs)]
        {
            if count == 0 {
                return Err(SizeError { name, expected: "of 1 or more", found: 0.0 });
            }
        }
        let mut random = ChaCha8Rng::seed_from_u64(stack.seed);
        random.set_stream(1);
        Ok(SequenceModel {
            encoder: linear([inputs, stack.d_model], &mut random, device),
            stack: stack.init(device)?,
            decoder: linear([stack.d_model, outputs], &mut random, device),
        })
    }
}

impl SequenceModel {
    /// Where its weights are.
    pub fn device(&self) -> Device {
        self.stack.gamma.val().device()
    }
}

// ANCHOR: heads
impl SequenceModel {
    /// About the whole: `[batch, inputs, length]` becomes `[batch, outputs]`.
    pub fn of_the_whole(&self, u: Tensor<3>, noise: &mut Noise) -> Tensor<2> {
        let read = self.stack.convolve(at_every_step(&self.encoder, u), noise);
        self.decoder.forward(read.mean_dim(2).squeeze_dim(2))
    }

    /// At every step: `[batch, inputs, length]` becomes `[batch, outputs, length]`.
    pub fn of_every_step(&self, u: Tensor<3>, noise: &mut Noise) -> Tensor<3> {
        let read = self.stack.convolve(at_every_step(&self.encoder, u), noise);
        at_every_step(&self.decoder, read)
    }

    /// At the next step: `[batch, inputs]` becomes `[batch, outputs]`.
    pub fn step(&self, u: Tensor<2>, state: &mut [SpaceState]) -> Tensor<2> {
        self.decoder.forward(self.stack.step(self.encoder.forward(u), state))
    }
}
// ANCHOR_END: heads
