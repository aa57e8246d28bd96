//! *What stands around a selective scan?*
//!
//! Projections that feed it, a convolution that lets it see four steps at once, and a gate that decides what of its answer
//! is said:
//!
//! ```text
//! [u, z] = W_in v           s = SiLU(w * u + b)           [δ, B, C] = W_x s           Δ = softplus(W_Δ δ + b_Δ)
//! block(v) = W_out (y ⊙ SiLU(z)),      y = scan(s, Δ, A, B, C) + D s,      A = -e^{A_log}                    (eq-6-4)
//! ```
//!
//! [`MambaBlock::forward`] reads a whole sequence by the scan of the page *Selective scan*; [`MambaBlock::read`] reads on from
//! where the last piece ended, and [`MambaBlock::step`] one step. Fields have the names of the reference checkpoints.
//!
//! Conventions: sequences are `[batch, length, channels]`; v is what flows through a stack of blocks, and x is the state.
//! Linear maps are `[inputs, outputs]`, the transpose of what the checkpoints keep.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};
use mamba::block_operations::{convolve_silu, rms_norm};
use mamba::config::{ConfigError, MambaConfig};
use mamba::scan_operations::{ScanInputs, selective_scan, selective_scan_from};
use ml_links::parameterization::{inverse_softplus, normal, parameter};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Divides each step by the root of the mean of its squares, and scales each channel.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::mamba_block::RmsNorm;
///
/// let device = Device::flex();
/// let norm = RmsNorm::new(2, 1e-5, &device);
/// let quiet = norm.forward(Tensor::<3>::from_floats([[[0.3, 0.4]]], &device));
/// let loud = norm.forward(Tensor::<3>::from_floats([[[300.0, 400.0]]], &device));
/// assert!((loud - quiet).abs().max().into_scalar::<f32>() < 1e-4);
/// ```
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// What each channel is scaled by.
    pub weight: Param<Tensor<1>>,
    epsilon: f64,
}

impl RmsNorm {
    /// A norm that scales nothing yet; `epsilon` is added to a mean of squares before its root is taken.
    pub fn new(channels: usize, epsilon: f64, device: &Device) -> Self {
        Self { weight: parameter([channels], device, |_| 1.0), epsilon }
    }

    /// `[batch, length, channels]`.
    pub fn forward(&self, v: Tensor<3>) -> Tensor<3> {
        rms_norm(v, self.weight.val(), self.epsilon)
    }
}

/// Where a model's first weights come from: drawn by the rules of the reference code, or 0 where others will take their place.
///
/// ```
/// use burn::tensor::Device;
/// use mamba::mamba_block::FirstWeights;
///
/// let device = Device::flex();
/// let mut drawn = FirstWeights::of_seed(1, &device);
/// assert!(drawn.even([3, 2], 0.1).val().abs().max().into_scalar::<f32>() <= 0.1);
/// let mut none = FirstWeights::zero(&device);
/// assert_eq!(none.even([3, 2], 0.1).val().abs().max().into_scalar::<f32>(), 0.0);
/// ```
#[derive(Debug)]
pub struct FirstWeights<'a> {
    random: Option<ChaCha8Rng>,
    device: &'a Device,
}

impl<'a> FirstWeights<'a> {
    /// Drawn, always the same of the same seed.
    pub fn of_seed(seed: u64, device: &'a Device) -> Self {
        Self { random: Some(ChaCha8Rng::seed_from_u64(seed)), device }
    }

    /// None.
    pub fn zero(device: &'a Device) -> Self {
        Self { random: None, device }
    }

    fn drawn<const D: usize>(
        &mut self,
        shape: [usize; D],
        mut draw: impl FnMut(&mut ChaCha8Rng) -> f64,
    ) -> Param<Tensor<D>> {
        let random = &mut self.random;
        parameter(shape, self.device, |_| random.as_mut().map_or(0.0, &mut draw))
    }

    /// Numbers drawn evenly from ±`bound`.
    pub fn even<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        self.drawn(shape, |random| bound * (2.0 * random.random::<f64>() - 1.0))
    }

    /// Normal numbers.
    pub fn normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        deviation: f64,
    ) -> Param<Tensor<D>> {
        self.drawn(shape, |random| deviation * normal(random))
    }

    /// A linear map: weights and biases drawn evenly from `±scale/√inputs`.
    pub fn linear(&mut self, shape: [usize; 2], has_bias: bool, scale: f64) -> Linear {
        let bound = scale / (shape[0] as f64).sqrt();
        let weight = self.even(shape, bound);
        Linear { weight, bias: has_bias.then(|| self.even([shape[1]], bound)) }
    }

    /// A norm that scales nothing yet.
    pub fn norm(&self, channels: usize, epsilon: f64) -> RmsNorm {
        RmsNorm::new(channels, epsilon, self.device)
    }

    /// Numbers that are known: the i-th is `value(i)`, row by row.
    pub fn fixed<const D: usize>(
        &self,
        shape: [usize; D],
        value: impl FnMut(usize) -> f64,
    ) -> Param<Tensor<D>> {
        parameter(shape, self.device, value)
    }

    // ANCHOR: steps
    /// Numbers δ: `softplus(δ)` is drawn evenly, by orders of magnitude, between two
    /// steps, and is nowhere below 10⁻⁴. Each channel begins with its own time scale.
    pub fn steps(&mut self, channels: usize, steps: [f64; 2]) -> Param<Tensor<1>> {
        let [low, high] = steps.map(f64::ln);
        self.drawn([channels], |random| {
            let step = (low + (high - low) * random.random::<f64>()).exp();
            inverse_softplus(step.max(1e-4))
        })
    }
    // ANCHOR_END: steps
}

/// A convolution of each channel with itself: a few taps, of which the last hears the step itself.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::mamba_block::{DepthwiseConv, FirstWeights};
///
/// let device = Device::flex();
/// let conv = DepthwiseConv::new(3, 4, true, &mut FirstWeights::of_seed(1, &device));
/// assert_eq!(conv.weight.val().dims(), [4, 3]);
/// assert_eq!(conv.forward(Tensor::ones([2, 10, 3], &device)).dims(), [2, 10, 3]);
/// ```
#[derive(Module, Debug)]
pub struct DepthwiseConv {
    /// `[taps, channels]`.
    pub weight: Param<Tensor<2>>,
    /// `[channels]`, or none.
    pub bias: Option<Param<Tensor<1>>>,
}

impl DepthwiseConv {
    /// Before training: evenly from `±1/√taps`.
    pub fn new(channels: usize, taps: usize, has_bias: bool, first: &mut FirstWeights) -> Self {
        let bound = 1.0 / (taps as f64).sqrt();
        let weight = first.even([taps, channels], bound);
        Self { weight, bias: has_bias.then(|| first.even([channels], bound)) }
    }

    /// `SiLU` of the convolution, from silence: `[batch, length, channels]`.
    pub fn forward(&self, u: Tensor<3>) -> Tensor<3> {
        let weight = self.weight.val();
        let bias = match &self.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([u.dims()[2]], (&u.device(), u.dtype())),
        };
        convolve_silu(u, weight, bias)
    }

    /// The same after what was heard before, `[batch, taps, channels]`, which becomes what was heard last.
    pub fn forward_from(&self, u: Tensor<3>, heard: &mut Tensor<3>) -> Tensor<3> {
        let ([_, length, _], [_, taps, _]) = (u.dims(), heard.dims());
        let all = Tensor::cat(vec![heard.clone(), u], 1);
        *heard = all.clone().narrow(1, length, taps);
        self.forward(all).narrow(1, taps, length)
    }
}

/// What makes a step Δ of each channel out of a few numbers: a linear map whose bias says what the step is when there is
/// nothing to say.
#[derive(Module, Debug)]
pub struct StepProjection {
    /// `[dt_rank, d_inner]`.
    pub weight: Param<Tensor<2>>,
    /// `[d_inner]`: its softplus is the step before training.
    pub bias: Param<Tensor<1>>,
}

/// A Mamba block: projections, a short convolution, a selective scan, a gate.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use mamba::config::MambaConfig;
/// use mamba::mamba_block::MambaBlock;
///
/// let device = Device::flex();
/// let config = MambaConfig { hidden_size: 8, state_size: 4, ..MambaConfig::default() };
/// let block = MambaBlock::init(&config, 1, &device)?;
/// let v = Tensor::<3>::random([2, 9, 8], Distribution::Default, &device);
/// let at_once = block.forward(v.clone());
///
/// let mut state = block.initial_state(2, &device);
/// for k in 0..9 {
///     let out = block.step(v.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
///     let expected: Tensor<2> = at_once.clone().narrow(1, k, 1).squeeze_dim(1);
///     assert!((out - expected).abs().max().into_scalar::<f32>() < 1e-6);
/// }
/// # Ok::<(), mamba::config::ConfigError>(())
/// ```
// ANCHOR: fields
#[derive(Module, Debug)]
pub struct MambaBlock {
    /// Makes channels and their gates: `[d_model, 2 d_inner]`.
    pub in_proj: Linear,
    /// Hears the last few steps of each channel.
    pub conv1d: DepthwiseConv,
    /// Says what a step wants: δ, B and C, `[d_inner, dt_rank + 2 d_state]`.
    pub x_proj: Linear,
    /// Makes a step Δ for every channel out of δ.
    pub dt_proj: StepProjection,
    /// ln(-A), `[d_inner, d_state]`.
    pub a_log: Param<Tensor<2>>,
    /// What passes the scan by, `[d_inner]`.
    pub d: Param<Tensor<1>>,
    /// Back to the stream: `[d_inner, d_model]`.
    pub out_proj: Linear,
}
// ANCHOR_END: fields

/// What a block remembers between two steps: as large after a million of them as after one.
#[derive(Debug, Clone)]
pub struct MambaBlockState {
    /// What the convolution heard last, `[batch, taps, d_inner]`, the latest last. One more than it needs: it is how the
    /// reference keeps it.
    pub conv: Tensor<3>,
    /// The states of all channels, `[batch, d_inner, d_state]`.
    pub ssm: Tensor<3>,
}

impl MambaBlock {
    /// A block before training.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`].
    pub fn init(config: &MambaConfig, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self::new(config, &mut FirstWeights::of_seed(seed, device)))
    }

    /// A block with these first weights, of a configuration that was [checked](MambaConfig::check).
    // ANCHOR: new
    pub fn new(config: &MambaConfig, first: &mut FirstWeights) -> Self {
        let (d_model, d_inner) = (config.hidden_size, config.d_inner());
        let (d_state, rank) = (config.state_size, config.dt_rank());
        let steps = [config.time_step_min, config.time_step_max];
        // What the blocks of a deep stack add up to should not begin louder than what those of a shallow one do.
        let share = 1.0 / (config.num_hidden_layers as f64).sqrt();
        Self {
            in_proj: first.linear([d_model, 2 * d_inner], config.use_bias, 1.0),
            conv1d: DepthwiseConv::new(d_inner, config.conv_kernel, config.use_conv_bias, first),
            x_proj: first.linear([d_inner, rank + 2 * d_state], false, 1.0),
            dt_proj: StepProjection {
                weight: first.even([rank, d_inner], 1.0 / (rank as f64).sqrt()),
                bias: first.steps(d_inner, steps),
            },
            // S4D-Real: the modes of every channel begin as -1, -2, …, -N.
            a_log: first.fixed([d_inner, d_state], |i| ((i % d_state + 1) as f64).ln()),
            d: first.fixed([d_inner], |_| 1.0),
            out_proj: first.linear([d_inner, d_model], config.use_bias, share),
        }
    }
    // ANCHOR_END: new

    /// Nothing read yet.
    pub fn initial_state(&self, batch: usize, device: &Device) -> MambaBlockState {
        let ([taps, _], [d_inner, d_state]) = (self.conv1d.weight.dims(), self.a_log.dims());
        MambaBlockState {
            conv: Tensor::zeros([batch, taps, d_inner], device),
            ssm: Tensor::zeros([batch, d_inner, d_state], device),
        }
    }
}

// ANCHOR: block
impl MambaBlock {
    /// A whole sequence from rest, `[batch, length, d_model]`.
    pub fn forward(&self, v: Tensor<3>) -> Tensor<3> {
        let [u, z] = self.channels_and_gates(v);
        let s = self.conv1d.forward(u);
        self.out_proj.forward(selective_scan(self.selected(s, z)))
    }

    /// The next piece, from where the last one ended; for running, without gradients.
    pub fn read(&self, v: Tensor<3>, state: &mut MambaBlockState) -> Tensor<3> {
        let [u, z] = self.channels_and_gates(v);
        let s = self.conv1d.forward_from(u, &mut state.conv);
        let (y, last) = selective_scan_from(self.selected(s, z), state.ssm.clone());
        state.ssm = last;
        self.out_proj.forward(y)
    }

    /// The next step, `[batch, d_model]`: a piece of one.
    pub fn step(&self, v: Tensor<2>, state: &mut MambaBlockState) -> Tensor<2> {
        self.read(v.unsqueeze_dim(1), state).squeeze_dim(1)
    }
}
// ANCHOR_END: block

impl MambaBlock {
    /// u and z of equation 6-4.
    ///
    /// The weight is cut and not the product: it is much the smaller, and both halves are then whole tensors.
    pub fn channels_and_gates(&self, v: Tensor<3>) -> [Tensor<3>; 2] {
        let d_inner = self.a_log.dims()[0];
        [0, d_inner].map(|begin| {
            let weight = self.in_proj.weight.val().narrow(1, begin, d_inner);
            let bias = self.in_proj.bias.as_ref();
            linear(v.clone(), weight, bias.map(|bias| bias.val().narrow(0, begin, d_inner)))
        })
    }

    // ANCHOR: selected
    /// What the scan reads: how long each step lasts, what it writes, what it reads.
    pub fn selected(&self, s: Tensor<3>, z: Tensor<3>) -> ScanInputs {
        let ([rank, _], [_, d_state]) = (self.dt_proj.weight.dims(), self.a_log.dims());
        let wanted = self.x_proj.forward(s.clone());
        let cut = |begin, length| wanted.clone().narrow(2, begin, length);
        ScanInputs {
            delta: linear(cut(0, rank), self.dt_proj.weight.val(), None),
            delta_bias: self.dt_proj.bias.val(),
            a: -self.a_log.val().exp(),
            b: cut(rank, d_state).unsqueeze_dim(2),
            c: cut(rank + d_state, d_state).unsqueeze_dim(2),
            d: self.d.val(),
            u: s,
            z,
        }
    }
    // ANCHOR_END: selected
}
