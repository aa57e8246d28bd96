//! *What must a block give up, so that its memory can be eight times as large?*
//!
//! A Mamba-2 block lets one projection of the stream make everything at once, before the convolution, and gives the channels of
//! a head one rate and one step in common:
//!
//! ```text
//! [z, u, B', C', δ] = W_in v            [s, B, C] = SiLU(w * [u, B', C'] + b)            Δ = softplus(δ + b_Δ)
//! X_k = e^{Δ_k A} X_{k-1} + Δ_k s_k B_kᵀ,      y_k = X_k C_k + D s_k             a head: X is [head_dim, d_state], Δ and A are numbers
//! block(v) = W_out norm(y ⊙ SiLU(z))                                                                              (eq-7-3)
//! ```
//!
//! [`Mamba2Block`] trains and runs, [`Mamba2Lm`] stacks it and loads a folder as Hugging Face keeps it; what only runs is in
//! [`mamba2_runner`](state_space_duality::mamba2_runner).
//!
//! Conventions: as in chapter 6, u is the input of the scan and x (here a matrix, X) its state; the paper says x and h. Sequences are
//! `[batch, length, channels]`, those of heads `[batch, length, heads, head_dim]`.

use std::path::Path;

use burn::module::{Module, Param};
use burn::nn::{Embedding, Linear};
use burn::tensor::activation::silu;
use burn::tensor::module::linear;
use burn::tensor::{Device, Int, Tensor};
use mamba::block_operations::rms_norm;
use mamba::config::ConfigError;
use mamba::mamba_block::{DepthwiseConv, FirstWeights, RmsNorm};
use mamba::mamba_lm::{ModelError, with_weights_of};
use ml_links::language_model::{CharacterModel, Noise};
use state_space_duality::mamba2_config::{Limits, Mamba2Config};
use state_space_duality::ssd_operations::{SsdInputs, ssd};

/// Gates, then divides each group of channels by the root of the mean of its squares, and scales each channel.
///
/// Whatever the scan answers, loud or faint, what leaves is of one size: the gate says how much of each channel, compared with
/// the others of its group.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::mamba_block::FirstWeights;
/// use state_space_duality::mamba2::GatedRmsNorm;
///
/// let device = Device::flex();
/// let norm = GatedRmsNorm::new(2, 1, 1e-5, &FirstWeights::zero(&device));
/// let open = Tensor::<3>::full([1, 1, 2], 30.0, &device);
/// let quiet = norm.forward(Tensor::from_floats([[[0.3, 0.4]]], &device), open.clone());
/// let loud = norm.forward(Tensor::from_floats([[[300.0, 400.0]]], &device), open);
/// assert!((loud - quiet).abs().max().into_scalar::<f32>() < 1e-4);
/// ```
#[derive(Module, Debug)]
pub struct GatedRmsNorm {
    /// What each channel is scaled by.
    pub weight: Param<Tensor<1>>,
    groups: usize,
    epsilon: f64,
}

impl GatedRmsNorm {
    /// A norm that scales nothing yet, of so many groups of neighbouring channels.
    pub fn new(channels: usize, groups: usize, epsilon: f64, first: &FirstWeights) -> Self {
        Self { weight: first.fixed([channels], |_| 1.0), groups, epsilon }
    }

    // ANCHOR: gated_norm
    /// `norm(y ⊙ SiLU(z))`, both `[batch, length, channels]`.
    pub fn forward(&self, y: Tensor<3>, z: Tensor<3>) -> Tensor<3> {
        let [batch, length, channels] = y.dims();
        let (gated, group) = (y * silu(z), channels / self.groups);
        let weight = self.weight.val();
        if self.groups == 1 {
            return rms_norm(gated, weight, self.epsilon);
        }
        let ones = Tensor::ones([group], (&gated.device(), gated.dtype()));
        let grouped = gated.reshape([batch, length * self.groups, group]);
        let normed = rms_norm(grouped, ones, self.epsilon).reshape([batch, length, channels]);
        normed * weight.reshape([1, 1, -1])
    }
    // ANCHOR_END: gated_norm
}

/// A Mamba-2 block: one projection, a short convolution, heads, a gated norm.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use state_space_duality::mamba2::Mamba2Block;
/// use state_space_duality::mamba2_config::Mamba2Config;
///
/// let device = Device::flex();
/// let block = Mamba2Block::init(&Mamba2Config::of_width(8, 4, 6), 1, &device)?;
/// let v = Tensor::<3>::random([2, 9, 8], Distribution::Default, &device);
/// let at_once = block.forward(v.clone());
///
/// let mut state = block.initial_state(2, &device);
/// for k in 0..9 {
///     let out = block.step(v.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
///     let expected: Tensor<2> = at_once.clone().narrow(1, k, 1).squeeze_dim(1);
///     assert!((out - expected).abs().max().into_scalar::<f32>() < 1e-5);
/// }
/// # Ok::<(), mamba::config::ConfigError>(())
/// ```
// ANCHOR: fields
#[derive(Module, Debug)]
pub struct Mamba2Block {
    /// Makes everything at once: z, then u, B and C, then δ.
    pub in_proj: Linear,
    /// Hears the last few steps of each channel of u, B and C.
    pub conv1d: DepthwiseConv,
    /// What the step Δ of each head is when nothing is said, before softplus.
    pub dt_bias: Param<Tensor<1>>,
    /// ln(-A), one number a head.
    pub a_log: Param<Tensor<1>>,
    /// What passes a head by, one number a head.
    pub d: Param<Tensor<1>>,
    /// The gate, and a norm behind it.
    pub norm: GatedRmsNorm,
    /// Back to the stream: `[d_inner, d_model]`.
    pub out_proj: Linear,
    #[module(skip)]
    config: Mamba2Config,
}
// ANCHOR_END: fields

/// What a block remembers between two steps: as large after a million of them as after one.
#[derive(Debug, Clone)]
pub struct Mamba2BlockState {
    /// What the convolution heard last of u, B and C, `[batch, taps, channels]`, the latest last.
    pub conv: Tensor<3>,
    /// X of all heads, `[batch, heads, head_dim, d_state]`.
    pub ssm: Tensor<4>,
}

impl Mamba2Block {
    /// A block before training.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`].
    pub fn init(config: &Mamba2Config, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self::new(config, &mut FirstWeights::of_seed(seed, device)))
    }

    /// A block with these first weights, of a configuration that was [checked](Mamba2Config::check).
    pub fn new(config: &Mamba2Config, first: &mut FirstWeights) -> Self {
        let (d_model, d_inner, heads) = (config.hidden_size, config.d_inner(), config.num_heads);
        let (channels, taps) = (config.conv_channels(), config.conv_kernel);
        // What the blocks of a deep stack add up to should not begin louder than what those of a shallow one do.
        let share = 1.0 / (config.num_hidden_layers as f64).sqrt();
        // Rates from 1 to 16, evenly.
        let rate = |head: usize| 1.0 + 15.0 * (head as f64 + 0.5) / heads as f64;
        Self {
            in_proj: first.linear([d_model, config.projected()], config.use_bias, 1.0),
            conv1d: DepthwiseConv::new(channels, taps, config.use_conv_bias, first),
            dt_bias: first.steps(heads, [config.time_step_min, config.time_step_max]),
            a_log: first.fixed([heads], |head| rate(head).ln()),
            d: first.fixed([heads], |_| 1.0),
            norm: GatedRmsNorm::new(d_inner, config.n_groups, config.layer_norm_epsilon, first),
            out_proj: first.linear([d_inner, d_model], config.use_bias, share),
            config: config.clone(),
        }
    }

    /// Its sizes.
    pub fn config(&self) -> &Mamba2Config {
        &self.config
    }

    /// Nothing read yet.
    pub fn initial_state(&self, batch: usize, device: &Device) -> Mamba2BlockState {
        let Mamba2Config { num_heads, head_dim, state_size, conv_kernel, .. } = self.config;
        Mamba2BlockState {
            conv: Tensor::zeros([batch, conv_kernel, self.config.conv_channels()], device),
            ssm: Tensor::zeros([batch, num_heads, head_dim, state_size], device),
        }
    }
}

// ANCHOR: block
impl Mamba2Block {
    /// A whole sequence from rest, `[batch, length, d_model]`.
    pub fn forward(&self, v: Tensor<3>) -> Tensor<3> {
        let [z, channels, delta] = self.projected(v);
        let heard = self.conv1d.forward(channels);
        let (y, _) = ssd(self.heads(heard, delta), self.config.chunk_size, None);
        self.outcome(y, z)
    }

    /// The next piece, from where the last one ended; for running, without gradients.
    pub fn read(&self, v: Tensor<3>, state: &mut Mamba2BlockState) -> Tensor<3> {
        let [z, channels, delta] = self.projected(v);
        let heard = self.conv1d.forward_from(channels, &mut state.conv);
        let (heads, before) = (self.heads(heard, delta), state.ssm.clone());
        let (y, after) = ssd(heads, self.config.chunk_size, Some(before));
        state.ssm = after;
        self.outcome(y, z)
    }

    /// The next step, `[batch, d_model]`: a piece of one.
    pub fn step(&self, v: Tensor<2>, state: &mut Mamba2BlockState) -> Tensor<2> {
        self.read(v.unsqueeze_dim(1), state).squeeze_dim(1)
    }
}
// ANCHOR_END: block

impl Mamba2Block {
    /// Gates, what the convolution is to hear, and what the steps are made of: all from the stream, side by side.
    ///
    /// The weight is cut and not the product: it is much the smaller, and each part is then a whole tensor.
    pub fn projected(&self, v: Tensor<3>) -> [Tensor<3>; 3] {
        let widths = [self.config.d_inner(), self.config.conv_channels(), self.config.num_heads];
        let mut begin = 0;
        widths.map(|width| {
            let weight = self.in_proj.weight.val().narrow(1, begin, width);
            let bias = self.in_proj.bias.as_ref().map(|bias| bias.val().narrow(0, begin, width));
            begin += width;
            linear(v.clone(), weight, bias)
        })
    }

    // ANCHOR: heads
    /// What the heads read: u of each, how long its step lasts, and the B and C of its group.
    pub fn heads(&self, heard: Tensor<3>, delta: Tensor<3>) -> SsdInputs {
        let Mamba2Config { num_heads, head_dim, n_groups, state_size, .. } = self.config;
        let (d_inner, width) = (self.config.d_inner(), n_groups * state_size);
        let [batch, length, _] = heard.dims();
        let group = |begin| {
            let all = heard.clone().narrow(2, begin, width);
            all.reshape([batch, length, n_groups, state_size])
        };
        let u = heard.clone().narrow(2, 0, d_inner);
        SsdInputs {
            b: group(d_inner),
            c: group(d_inner + width),
            u: u.reshape([batch, length, num_heads, head_dim]),
            dt: self.steps(delta),
            a: -self.a_log.val().exp(),
            d: self.d.val(),
        }
    }
    // ANCHOR_END: heads

    /// Δ of each head, `[batch, length, heads]`: softplus, which is `max(δ, 0) + ln(1 + e^{-|δ|})` so that nothing overflows, within
    /// the limits.
    fn steps(&self, delta: Tensor<3>) -> Tensor<3> {
        let delta = delta + self.dt_bias.val().reshape([1, 1, -1]);
        let delta = delta.clone().clamp_min(0.0) + (-delta.abs()).exp().log1p();
        let limits = self.config.time_step_limit;
        if limits == Limits::NONE { delta } else { delta.clamp(limits.least, limits.most) }
    }

    fn outcome(&self, y: Tensor<4>, z: Tensor<3>) -> Tensor<3> {
        self.out_proj.forward(self.norm.forward(y.reshape(z.dims()), z))
    }
}

/// One floor of the stack: what it adds to the stream is what its block makes of the stream, normed.
#[derive(Module, Debug)]
pub struct Mamba2Layer {
    /// Brings every step to one loudness.
    pub norm: RmsNorm,
    /// The block.
    pub mixer: Mamba2Block,
}

/// A language model of Mamba-2 blocks: chapter 6's stream, with other blocks in it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use state_space_duality::mamba2::Mamba2Lm;
/// use state_space_duality::mamba2_config::Mamba2Config;
///
/// let config =
///     Mamba2Config { vocab_size: 5, num_hidden_layers: 2, ..Mamba2Config::of_width(8, 4, 6) };
/// let device = Device::flex();
/// let model = Mamba2Lm::init(&config, 1, &device)?;
/// assert_eq!(model.forward(Tensor::from_ints([[3, 1, 4, 1]], &device)).dims(), [1, 4, 5]);
/// # Ok::<(), mamba::config::ConfigError>(())
/// ```
#[derive(Module, Debug)]
pub struct Mamba2Lm {
    /// E: a vector for each token.
    pub embeddings: Embedding,
    /// What is added to them.
    pub layers: Vec<Mamba2Layer>,
    /// The norm before the head.
    pub norm_f: RmsNorm,
    /// The head, if it is not the embedding once more.
    pub lm_head: Option<Linear>,
}

impl Mamba2Lm {
    /// The model before training.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`].
    pub fn init(config: &Mamba2Config, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self::new(config, &mut FirstWeights::of_seed(seed, device)))
    }

    fn new(config: &Mamba2Config, first: &mut FirstWeights) -> Self {
        let (tokens, d_model) = (config.vocab_size, config.hidden_size);
        let norm = |first: &FirstWeights| first.norm(d_model, config.layer_norm_epsilon);
        let mut layer =
            || Mamba2Layer { norm: norm(first), mixer: Mamba2Block::new(config, first) };
        Self {
            layers: (0..config.num_hidden_layers).map(|_| layer()).collect(),
            norm_f: norm(first),
            embeddings: Embedding { weight: first.normal([tokens, d_model], 0.02) },
            lm_head: match config.tie_word_embeddings {
                true => None,
                false => Some(first.linear([d_model, tokens], false, 1.0)),
            },
        }
    }

    /// The model of a folder with `config.json` and `model.safetensors`, whole or in several files, as Hugging Face keeps it.
    ///
    /// # Errors
    /// [`ModelError::Config`], [`ModelError::Tensor`]: files that are not there or are something else, tensors that are missing or of
    /// another shape, by name.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, ModelError> {
        let config = Mamba2Config::read(folder)?;
        let model = Self::new(&config, &mut FirstWeights::zero(device));
        Ok(with_weights_of(model, folder)?)
    }

    /// The stream: tokens become vectors, and layers add what `say` makes of them.
    fn stream(
        &self,
        tokens: Tensor<2, Int>,
        mut say: impl FnMut(usize, &Mamba2Block, Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let mut v = self.embeddings.forward(tokens);
        for (i, Mamba2Layer { norm, mixer }) in self.layers.iter().enumerate() {
            v = v.clone() + say(i, mixer, norm.forward(v));
        }
        v
    }

    /// The logits of the next token after each: `[batch, length, vocabulary]`.
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.head(self.stream(tokens, |_, block, v| block.forward(v)))
    }

    fn head(&self, v: Tensor<3>) -> Tensor<3> {
        let v = self.norm_f.forward(v);
        match &self.lm_head {
            Some(head) => head.forward(v),
            None => linear(v, self.embeddings.weight.val().transpose(), None),
        }
    }
}

impl CharacterModel for Mamba2Lm {
    type State = Vec<Mamba2BlockState>;

    fn logits(&self, tokens: Tensor<2, Int>, _noise: &mut Noise) -> Tensor<3> {
        self.forward(tokens)
    }

    fn initial_state(&self, batch: usize) -> Self::State {
        let device = self.norm_f.weight.val().device().inner();
        self.layers.iter().map(|layer| layer.mixer.initial_state(batch, &device)).collect()
    }

    fn step(&self, tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2> {
        let stream =
            self.stream(tokens.unsqueeze_dim(1), |i, block, v| block.read(v, &mut state[i]));
        self.head(stream).squeeze_dim(1)
    }
}
