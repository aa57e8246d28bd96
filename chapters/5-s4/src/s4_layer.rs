//! # S4 layer
//!
//! *How does a memory become a layer that learns, and still runs one step at a time?*
//!
//! By two faces of one flow, `Λ - PP*` in bilinear steps of Δ. It learns as a kernel and runs as a recurrence:
//!
//! ```text
//! y = K̄ * u + du                          K̄_k = 2 Re cᵀĀ^k b̄,   k < L                                       (eq-5-4)
//! y_k = 2 Re cᵀx_k + du_k                 x_k = x_{k-1} + γx_{k-1} - w · 2 Re qᵀx_{k-1} + b̄u_k
//! γ = Δλs    q = p̄s    w = Δps/g    b̄ = Δ(bs - w Re Σ p̄bs)    s = 1/(1 - Δλ/2)    g = 1 + Δ Re Σ |p|²s
//! ```
//!
//! [`S4Layer`] is the layer, [`S4Layer::convolve`], [`S4Layer::step`] and [`S4Layer::walk`] are its faces; the kernel and the steps themselves are
//! made by [`dplr_operations`](s4::dplr_operations). [`slow_parameters`] are those of the flow, which learn more slowly than the rest.
//!
//! Conventions: c is a parameter and c̃ is not, so the layer has no length. Of each conjugate pair one mode is stored and read as 2 Re.
//! A step holds its input. Tensors of sequences are `[batch, channels, length]`.

use burn::config::Config;
use burn::module::{Module, Param, ParamGroup};
use burn::tensor::{Device, Tensor, activation};
use ml_links::operations::causal_convolution;
use ml_links::parameterization::{inverse_softplus, normal, parameter};
use ml_links::structured_matrices::ComplexVector;
use nalgebra::{Complex, DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s4::dplr_operations::{dplr_kernel, dplr_walk, step_of};
use s4::nplr::{Nplr, PairedDplr};

/// How many channels, how many states each, and with which time scales an [`S4Layer`] begins.
///
/// ```
/// use burn::tensor::Device;
/// use s4::s4_layer::S4LayerConfig;
///
/// let layer = S4LayerConfig::new(8, 16).with_delta_max(0.05).with_seed(7).init(&Device::flex());
/// assert_eq!(layer.c_real.val().dims(), [8, 8]); // 16 states are 8 pairs
/// ```
#[derive(Config, Debug)]
pub struct S4LayerConfig {
    /// How many memories stand side by side, each with an input and an output of its own.
    pub channels: usize,
    /// The states of each, N: an even number, as they come in conjugate pairs.
    pub d_state: usize,
    /// The smallest Δ at the beginning.
    #[config(default = 0.001)]
    pub delta_min: f64,
    /// The largest Δ at the beginning.
    #[config(default = 0.1)]
    pub delta_max: f64,
    /// Which random numbers are drawn.
    #[config(default = 0)]
    pub seed: u64,
}

// ANCHOR: init
impl S4LayerConfig {
    /// The layer before training: HiPPO-LegS in every channel, Δ log-uniform, c and d normal.
    ///
    /// # Panics
    /// For an odd number of states or none, and unless 0 < `delta_min` <= `delta_max`.
    pub fn init(&self, device: &Device) -> S4Layer {
        let PairedDplr { lambda, p, b, .. } = self.legs();
        let shape = [self.channels, lambda.len()];
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let decades = self.delta_min.ln()..=self.delta_max.ln();
        let mut raw = || inverse_softplus(random.random_range(decades.clone()).exp());
        let delta_raw = parameter([self.channels], device, |_| raw());
        let mut part = || normal(&mut random) * 0.5_f64.sqrt();
        S4Layer {
            a_real_log: parameter(shape, device, |i| (-lambda[i % shape[1]].re).ln()),
            a_imaginary: parameter(shape, device, |i| lambda[i % shape[1]].im),
            p_real: parameter(shape, device, |i| p[i % shape[1]].re),
            p_imaginary: parameter(shape, device, |i| p[i % shape[1]].im),
            b_real: parameter(shape, device, |i| b[i % shape[1]].re),
            b_imaginary: parameter(shape, device, |i| b[i % shape[1]].im),
            delta_raw,
            c_real: parameter(shape, device, |_| part()),
            c_imaginary: parameter(shape, device, |_| part()),
            d: parameter([self.channels], device, |_| normal(&mut random)),
        }
    }
}
// ANCHOR_END: init

impl S4LayerConfig {
    /// The modes of HiPPO-LegS, after a look at what was asked for.
    fn legs(&self) -> PairedDplr {
        let Self { d_state, delta_min, delta_max, .. } = *self;
        assert!(
            d_state > 0 && d_state % 2 == 0,
            "expected an even number of states, found {d_state}"
        );
        assert!(
            0.0 < delta_min && delta_min <= delta_max && delta_max.is_finite(),
            "expected 0 < delta_min <= delta_max, found {delta_min} and {delta_max}"
        );
        let legs = Nplr::legs(d_state).and_then(|legs| legs.diagonalize());
        legs.expect("LegS is normal but for its rank of one").modes
    }
}

/// A layer of memories, one a channel: diagonal minus a rank of one, stable whatever its parameters are.
///
/// ```text
/// Λ = -e^{a_real_log} + i a_imaginary      Δ = softplus(delta_raw)      x' = (Λ - PP*)x + Bu      y = 2 Re Cᵀx + du
/// ```
///
/// - Shapes: sequences are `[batch, channels, length]`; one step of them is `[batch, channels]`.
/// - Stable, as `d|x|²/dt = 2 Re x*Λx - 2|P*x|²` without input: the low rank can only take energy away, and a bilinear step
///   keeps that.
/// - *Good for* training (`convolve`) and running (`step`, `walk`): the same numbers come out, at any length. *Breaks* no bound, but in f32 a
///   step's rounding turns the fastest modes by some 1e-7 each time.
/// - Cost of `convolve`: O(length log length) a row and O(pairs length) a channel; of `step`: O(pairs) a channel.
///
/// Source: A. Gu, K. Goel, C. Ré, *Efficiently modeling long sequences with structured state spaces* (2022); P in place of Q from
/// K. Goel and others, *It's raw!* (2022).
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use s4::s4_layer::S4LayerConfig;
///
/// let device = Device::flex();
/// let layer = S4LayerConfig::new(2, 4).init(&device);
/// let u = Tensor::<3>::random([1, 2, 50], Distribution::Default, &device);
/// let at_once = layer.convolve(u.clone());
/// let mut state = layer.initial_state(1, &device);
/// for k in 0..50 {
///     let y = layer.step(u.clone().narrow(2, k, 1).squeeze_dim(2), &mut state);
///     let expected: Tensor<2> = at_once.clone().narrow(2, k, 1).squeeze_dim(2);
///     assert!((y - expected).abs().max().into_scalar::<f32>() < 1e-5);
/// }
/// ```
#[derive(Module, Debug)]
pub struct S4Layer {
    /// ln(-Re λ), `[channels, pairs]`.
    pub a_real_log: Param<Tensor<2>>,
    /// Im λ, `[channels, pairs]`.
    pub a_imaginary: Param<Tensor<2>>,
    /// Re P, `[channels, pairs]`.
    pub p_real: Param<Tensor<2>>,
    /// Im P, `[channels, pairs]`.
    pub p_imaginary: Param<Tensor<2>>,
    /// Re B, `[channels, pairs]`.
    pub b_real: Param<Tensor<2>>,
    /// Im B, `[channels, pairs]`.
    pub b_imaginary: Param<Tensor<2>>,
    /// What softplus makes Δ of, `[channels]`.
    pub delta_raw: Param<Tensor<1>>,
    /// Re C, `[channels, pairs]`.
    pub c_real: Param<Tensor<2>>,
    /// Im C, `[channels, pairs]`.
    pub c_imaginary: Param<Tensor<2>>,
    /// What goes straight through, `[channels]`.
    pub d: Param<Tensor<1>>,
}

impl S4Layer {
    /// Δ, `[channels]`: no parameter makes it negative.
    pub fn delta(&self) -> Tensor<1> {
        activation::softplus(self.delta_raw.val(), 1.0)
    }
}

// ANCHOR: modes
impl S4Layer {
    /// A step of Δ is a step of 1 of another flow, `ΔA = ΔΛ - (√Δ P)(√Δ P)*` and ΔB:
    /// `[channels, 8, pairs]`.
    pub fn modes(&self) -> Tensor<3> {
        let delta: Tensor<2> = self.delta().unsqueeze_dim(1);
        let root = delta.clone().sqrt();
        Tensor::stack(
            vec![
                -self.a_real_log.val().exp() * delta.clone(),
                self.a_imaginary.val() * delta.clone(),
                self.p_real.val() * root.clone(),
                self.p_imaginary.val() * root,
                self.b_real.val() * delta.clone(),
                self.b_imaginary.val() * delta,
                self.c_real.val(),
                self.c_imaginary.val(),
            ],
            1,
        )
    }
}
// ANCHOR_END: modes

impl S4Layer {
    /// The first numbers of each channel's kernel, without d: `[channels, length]`.
    ///
    /// # Panics
    /// For a length of 0.
    pub fn kernel(&self, length: usize) -> Tensor<2> {
        dplr_kernel(self.modes(), length)
    }
}

// ANCHOR: faces
impl S4Layer {
    /// All outputs at once, from rest. u and y: `[batch, channels, length]`.
    pub fn convolve(&self, u: Tensor<3>) -> Tensor<3> {
        let [_, channels, length] = u.dims();
        let passed = u.clone() * self.d.val().reshape([1, channels, 1]);
        causal_convolution(u, self.kernel(length)) + passed
    }

    /// The outputs of one more stretch, and the state is so much older.
    /// u and y: `[batch, channels, length]`.
    pub fn walk(&self, u: Tensor<3>, state: &mut S4State) -> Tensor<3> {
        let passed = u.clone() * self.d.val().reshape([1, -1, 1]);
        let (y, x) = dplr_walk(&state.step, u, state.x.clone());
        state.x = x;
        y + passed
    }

    /// One output, and the state is one step older. u and y: `[batch, channels]`.
    pub fn step(&self, u: Tensor<2>, state: &mut S4State) -> Tensor<2> {
        self.walk(u.unsqueeze_dim(2), state).squeeze_dim(2)
    }
}
// ANCHOR_END: faces

impl S4Layer {
    /// Nothing remembered, and what every step needs, made once.
    pub fn initial_state(&self, batch: usize, device: &Device) -> S4State {
        let step = step_of(&self.modes());
        let [channels, _, pairs] = step.dims();
        S4State { x: Tensor::zeros([batch, channels, 2, pairs], (device, step.dtype())), step }
    }
}

/// What an [`S4Layer`] remembers between two steps, and the step itself.
///
/// The step is that of the layer which made the state: after a step of training, begin with a new one.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::s4_layer::S4LayerConfig;
///
/// // In two chunks, or at once.
/// let device = Device::flex();
/// let layer = S4LayerConfig::new(1, 8).init(&device);
/// let u = Tensor::<3>::ones([1, 1, 30], &device);
/// let mut state = layer.initial_state(1, &device);
/// let first = layer.walk(u.clone().narrow(2, 0, 18), &mut state);
/// let second = layer.walk(u.clone().narrow(2, 18, 12), &mut state);
/// let apart = Tensor::cat(vec![first, second], 2) - layer.convolve(u);
/// assert!(apart.abs().max().into_scalar::<f32>() < 1e-5);
/// ```
#[derive(Debug, Clone)]
pub struct S4State {
    /// The states' real parts and their imaginary parts, `[batch, channels, 2, pairs]`.
    pub x: Tensor<4>,
    /// The rows of [`step_of`], `[channels, 10, pairs]`.
    step: Tensor<3>,
}

impl S4Layer {
    /// One channel as the page *Kernel* knows it: the flow, what reads it, and its Δ.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use s4::kernel::s4_kernel;
    /// use s4::s4_layer::S4LayerConfig;
    ///
    /// let layer = S4LayerConfig::new(3, 8).init(&Device::flex());
    /// let (modes, c, delta) = layer.channel(1);
    /// let expected: Vec<f64> = s4_kernel(&modes, &c, delta, 5)?;
    /// let kernel = layer.kernel(5).into_data().to_vec::<f32>().expect("floats");
    /// assert!((f64::from(kernel[5 + 4]) - expected[4]).abs() < 1e-6);
    /// # Ok::<(), s4::kernel::KernelError>(())
    /// ```
    pub fn channel(&self, channel: usize) -> (PairedDplr, ComplexVector, f64) {
        let numbers = |parameter: &Param<Tensor<2>>| -> Vec<f64> {
            parameter.val().narrow(0, channel, 1).into_data().iter::<f64>().collect()
        };
        let complex = |re: &Param<Tensor<2>>, im: &Param<Tensor<2>>| {
            DVector::from_vec(numbers(re)).zip_map(&DVector::from_vec(numbers(im)), Complex::new)
        };
        let lambda = complex(&self.a_real_log, &self.a_imaginary)
            .map(|lambda| Complex::new(-lambda.re.exp(), lambda.im));
        let p = complex(&self.p_real, &self.p_imaginary);
        let modes = PairedDplr {
            weight: DVector::from_element(lambda.len(), 2.0),
            lambda,
            p: DMatrix::from_column_slice(p.len(), 1, p.as_slice()),
            b: complex(&self.b_real, &self.b_imaginary),
        };
        let delta = self.delta().narrow(0, channel, 1).into_data().iter::<f64>().sum();
        (modes, complex(&self.c_real, &self.c_imaginary), delta)
    }
}

/// The fields that make the flow: Λ, P, B and Δ.
pub const FLOW: [&str; 7] =
    ["a_real_log", "a_imaginary", "p_real", "p_imaginary", "b_real", "b_imaginary", "delta_raw"];

/// The parameters of flows, wherever they stand in a model, as a group of burn's: they learn more slowly and do not decay.
///
/// It holds all that [`time_scales`](ml_links::parameterization::time_scales) hold, so one group serves both kinds of layer.
///
/// ```
/// use burn::module::ParamId;
/// use s4::s4_layer::slow_parameters;
///
/// assert!(slow_parameters().matches(&ParamId::new(), Some("layers.1.space.p_real")));
/// assert!(!slow_parameters().matches(&ParamId::new(), Some("layers.1.space.c_real")));
/// ```
pub fn slow_parameters() -> ParamGroup {
    ParamGroup::from_any_predicates(FLOW.to_vec())
}
