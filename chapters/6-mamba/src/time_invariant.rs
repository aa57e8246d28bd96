//! Mamba's model without selection: whoever is to be compared with it on the page `selection`.
//!
//! A [`TimeInvariantBlock`] is a [`MambaBlock`](mamba::mamba_block::MambaBlock) with chapter 4's diagonal state space where the
//! selective scan is: S4D, with a Δ, a B and a C that are learned, and the same for every token. Projections, convolution and gate
//! are the same, so that nothing but selection is missing; and its state is the better of the two, complex and twice as large.
//!
//! Conventions: tokens are `[batch, length]`, the stream is `[batch, length, d_model]`.

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor, activation};
use mamba::config::{ConfigError, MambaConfig};
use mamba::mamba_block::{DepthwiseConv, FirstWeights, RmsNorm};
use ml_links::language_model::{CharacterModel, Noise};
use ml_links::parameterization::{DiagonalState, DiagonalStateSpace, DiagonalStateSpaceConfig};

/// Projections, a short convolution, S4D, a gate.
#[derive(Module, Debug)]
pub struct TimeInvariantBlock {
    /// Brings every step to one loudness.
    pub norm: RmsNorm,
    /// Makes channels and their gates: `[d_model, 2 d_inner]`.
    pub in_proj: Linear,
    /// Hears the last few steps of each channel.
    pub conv1d: DepthwiseConv,
    /// Treats every step alike.
    pub space: DiagonalStateSpace,
    /// Back to the stream: `[d_inner, d_model]`.
    pub out_proj: Linear,
}

/// What a block remembers between two steps.
#[derive(Debug, Clone)]
pub struct TimeInvariantState {
    /// What the convolution heard last, `[batch, taps, d_inner]`.
    pub heard: Tensor<3>,
    /// The state of its memory.
    pub space: DiagonalState,
}

impl TimeInvariantBlock {
    /// Before training; N is the number of conjugate pairs of each channel.
    fn new(config: &MambaConfig, seed: u64, first: &mut FirstWeights, device: &Device) -> Self {
        let (d_model, d_inner) = (config.hidden_size, config.d_inner());
        let share = 1.0 / (config.num_hidden_layers as f64).sqrt();
        Self {
            norm: first.norm(d_model, config.layer_norm_epsilon),
            in_proj: first.linear([d_model, 2 * d_inner], config.use_bias, 1.0),
            conv1d: DepthwiseConv::new(d_inner, config.conv_kernel, config.use_conv_bias, first),
            space: DiagonalStateSpaceConfig::new(d_inner, 2 * config.state_size)
                .with_delta_min(config.time_step_min)
                .with_delta_max(config.time_step_max)
                .with_seed(seed)
                .init(device),
            out_proj: first.linear([d_inner, d_model], config.use_bias, share),
        }
    }

    /// What it adds to the stream: `listen` is the convolution, `remember` the memory, of a whole sequence or of one step of it.
    fn pass(
        &self,
        v: Tensor<3>,
        listen: impl FnOnce(Tensor<3>) -> Tensor<3>,
        remember: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let parts = self.in_proj.forward(self.norm.forward(v.clone()));
        let d_inner = parts.dims()[2] / 2;
        let z = parts.clone().narrow(2, d_inner, d_inner);
        let s = listen(parts.narrow(2, 0, d_inner));
        let y = remember(s.swap_dims(1, 2)).swap_dims(1, 2);
        v + self.out_proj.forward(y * activation::silu(z))
    }

    /// The stream after it, of a whole sequence.
    pub fn forward(&self, v: Tensor<3>) -> Tensor<3> {
        self.pass(v, |u| self.conv1d.forward(u), |s| self.space.convolve(s))
    }

    /// The same of one step, `[batch, 1, d_model]`.
    pub fn step(&self, v: Tensor<3>, state: &mut TimeInvariantState) -> Tensor<3> {
        let TimeInvariantState { heard, space } = state;
        let remember = |s: Tensor<3>| self.space.step(s.squeeze_dim(2), space).unsqueeze_dim(2);
        self.pass(v, |u| self.conv1d.forward_from(u, heard), remember)
    }
}

/// An embedding, blocks, a last norm, a head.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::config::MambaConfig;
/// use mamba::time_invariant::TimeInvariantLm;
/// use ml_links::language_model::{CharacterModel, Noise};
///
/// let device = Device::flex();
/// let config = MambaConfig {
///     vocab_size: 5, hidden_size: 8, state_size: 4, num_hidden_layers: 2, ..MambaConfig::default()
/// };
/// let model = TimeInvariantLm::init(&config, 1, &device)?;
/// let tokens = Tensor::from_ints([[3, 1, 4, 1]], &device);
/// let at_once = model.logits(tokens.clone(), &mut Noise::none());
/// let mut state = model.initial_state(1);
/// for k in 0..4 {
///     let logits = model.step(tokens.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
///     let expected = at_once.clone().narrow(1, k, 1).squeeze_dim(1);
///     assert!((logits - expected).abs().max().into_scalar::<f32>() < 1e-4);
/// }
/// # Ok::<(), mamba::config::ConfigError>(())
/// ```
#[derive(Module, Debug)]
pub struct TimeInvariantLm {
    /// A vector for each token.
    pub embeddings: Embedding,
    /// What is added to them.
    pub layers: Vec<TimeInvariantBlock>,
    /// The norm before the head.
    pub norm_f: RmsNorm,
    /// Logits of the tokens.
    pub lm_head: Linear,
}

impl TimeInvariantLm {
    /// The model before training, of the sizes of a Mamba.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`].
    pub fn init(config: &MambaConfig, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.check()?;
        let (tokens, d_model) = (config.vocab_size, config.hidden_size);
        let mut first = FirstWeights::of_seed(seed, device);
        let block =
            |layer: usize| TimeInvariantBlock::new(config, seed + layer as u64, &mut first, device);
        Ok(Self {
            layers: (0..config.num_hidden_layers).map(block).collect(),
            norm_f: first.norm(d_model, config.layer_norm_epsilon),
            embeddings: Embedding { weight: first.normal([tokens, d_model], 0.02) },
            lm_head: first.linear([d_model, tokens], false, 1.0),
        })
    }

    fn head(&self, v: Tensor<3>) -> Tensor<3> {
        self.lm_head.forward(self.norm_f.forward(v))
    }
}

impl CharacterModel for TimeInvariantLm {
    type State = Vec<TimeInvariantState>;

    fn logits(&self, tokens: Tensor<2, Int>, _noise: &mut Noise) -> Tensor<3> {
        let v = self.embeddings.forward(tokens);
        self.head(self.layers.iter().fold(v, |v, layer| layer.forward(v)))
    }

    fn initial_state(&self, batch: usize) -> Self::State {
        let device = self.norm_f.weight.val().device().inner();
        let state = |layer: &TimeInvariantBlock| {
            let [taps, d_inner] = layer.conv1d.weight.val().dims();
            TimeInvariantState {
                heard: Tensor::zeros([batch, taps, d_inner], &device),
                space: layer.space.initial_state(batch, &device),
            }
        };
        self.layers.iter().map(state).collect()
    }

    fn step(&self, tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2> {
        let v = self.embeddings.forward(tokens.unsqueeze_dim(1));
        let layers = self.layers.iter().zip(state);
        self.head(layers.fold(v, |v, (layer, state)| layer.step(v, state))).squeeze_dim(1)
    }
}
