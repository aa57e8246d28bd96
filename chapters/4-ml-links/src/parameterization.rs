//! *How can a system be trained freely and never blow up?*
//!
//! By training numbers of which every value is a stable system:
//!
//! ```text
//! λ = -e^α + iω          Δ = ln(1 + e^δ)          K_k = 2 Re Σₙ cₙ (e^{Δλₙ} - 1)/λₙ e^{kΔλₙ}      (eq-4-4)
//! ```
//!
//! [`DiagonalStateSpace`] is the layer: α, ω, δ, c and d of each channel are its parameters, and
//! [`DiagonalStateSpace::convolve`] and [`DiagonalStateSpace::step`] are its two faces. [`optimizer`] and
//! [`learning_rates`] train time scales more slowly than the rest.
//!
//! Conventions: B = 1, its scale lives in c. The N states of a channel are N/2 conjugate pairs, of which one is
//! stored. A step holds its input, `x_k = Ā x_{k-1} + B̄ u_k`. Tensors of sequences are `[batch, channels, length]`.

use std::f64::consts::PI;

use burn::config::Config;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, Param, ParamGroup};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData, activation};
use discretization::diagonalization::DiagonalSystem;
use ml_links::operations::causal_convolution;
use nalgebra::{Complex, DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `ln(1 + e^x)`: any number becomes a positive one.
///
/// *Trap:* `e^x` overflows from 710 on (in f32 from 89), and below -37 the 1 swallows it. Written as
/// `max(x, 0) + ln(1 + e^{-|x|})` nothing overflows, and [`f64::ln_1p`] keeps what the 1 would swallow.
///
/// ```
/// use ml_links::parameterization::{inverse_softplus, softplus};
///
/// assert_eq!(softplus(1000.0), 1000.0);
/// assert_eq!(softplus(-100.0), (-100.0_f64).exp());
/// assert!((1.0 + 1000.0_f64.exp()).ln().is_infinite()); // as it is written
/// assert_eq!((1.0 + (-100.0_f64).exp()).ln(), 0.0);
///
/// for y in [1e-300, 1e-9, 0.001, 0.1, 1.0, 1e6] {
///     assert!((softplus(inverse_softplus(y)) / y - 1.0).abs() < 1e-12);
/// }
/// assert!((1e6_f64.exp() - 1.0).ln().is_infinite()); // as it is written
/// ```
// ANCHOR: softplus
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `ln(e^y - 1)`, the number of which y > 0 is the [`softplus`].
///
/// *Trap:* for a large y the exponential overflows, for a small one the difference loses
/// its digits. Written as `y + ln(1 - e^{-y})`, with [`f64::exp_m1`], it does neither.
pub fn inverse_softplus(y: f64) -> f64 {
    y + (-(-y).exp_m1()).ln()
}
// ANCHOR_END: softplus

/// Complex numbers in a tensor: their real and their imaginary parts.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::parameterization::ComplexTensor;
///
/// let device = Device::flex();
/// let i = ComplexTensor::<1> { re: Tensor::zeros([1], &device), im: Tensor::ones([1], &device) };
/// let square = i.times(&i);
/// assert_eq!((square.re.into_scalar::<f32>(), square.im.into_scalar::<f32>()), (-1.0, 0.0));
/// ```
#[derive(Debug, Clone)]
pub struct ComplexTensor<const D: usize> {
    /// The real parts.
    pub re: Tensor<D>,
    /// The imaginary parts.
    pub im: Tensor<D>,
}

impl<const D: usize> ComplexTensor<D> {
    /// `self · other`, element by element; axes of size 1 are repeated.
    ///
    /// See [`ComplexTensor`] for an example.
    pub fn times(&self, other: &Self) -> Self {
        let product = |p: &Tensor<D>, q: &Tensor<D>| p.clone() * q.clone();
        Self {
            re: product(&self.re, &other.re) - product(&self.im, &other.im),
            im: product(&self.re, &other.im) + product(&self.im, &other.re),
        }
    }

    /// The same numbers with one more axis of size 1, at `axis`.
    ///
    /// See [`vandermonde_kernel`], which repeats numbers along time.
    fn unsqueeze<const E: usize>(&self, axis: usize) -> ComplexTensor<E> {
        let Self { re, im } = self.clone();
        ComplexTensor { re: re.unsqueeze_dim(axis), im: im.unsqueeze_dim(axis) }
    }
}

/// `e^x - 1`, element by element, with all digits near 0: chapter 3's trap, for tensors.
///
/// Within 1/2 of 0 a series of 14 terms, elsewhere the difference, which cancels nothing there. Works in f32 and
/// f64, on any device, and so does its gradient.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::parameterization::expm1;
///
/// let x = Tensor::<1>::from_floats([-1e-5, -30.0], &Device::flex());
/// let found = expm1(x.clone()).into_data().to_vec::<f32>().expect("floats");
/// assert_eq!(found, [-9.99995e-6, -1.0]);
/// let naive = (x.exp() - 1.0).into_data().to_vec::<f32>().expect("floats");
/// assert!((naive[0] / found[0] - 1.0).abs() > 1e-3); // three of seven digits
/// ```
pub fn expm1<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // The series is kept from large numbers: they would overflow, and spoil the gradient of what is not chosen.
    let near = x.clone().clamp(-0.5, 0.5);
    // x (1 + x/2 (1 + x/3 (1 + …))), from the inside.
    let mut series = near.ones_like();
    for n in (2..=14).rev() {
        series = series * near.clone() * (1.0 / f64::from(n)) + 1.0;
    }
    let far = x.clone().abs().greater_elem(0.5);
    (series * near).mask_where(far, x.exp() - 1.0)
}

/// The held-input step of modes `x' = λx + u`: `z = Δλ` and `B̄ = (e^z - 1)/λ`; `Ā` is e^z.
///
/// - Shapes: `lambda` is `[channels, pairs]`, `delta` `[channels]`; both answers are `[channels, pairs]`.
/// - *Exact when* the input waits during a step. *Trap:* `e^z - 1` as it is written loses the digits of slow modes at
///   small Δ. Here growth and turn are taken apart, `(e^x - 1) cos y - 2 sin²(y/2)`, as in chapter 3's `expm1_ratio`,
///   and as the division is by λ and not by z, Δ may be as small as floats are: B̄ becomes Δ.
/// - *Breaks* for |λ| below 1e-19 in f32, a memory of 1e19 seconds.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::parameterization::{ComplexTensor, held_input_step};
///
/// let device = Device::flex();
/// let tank = ComplexTensor { re: Tensor::from_floats([[-1.0]], &device), im: Tensor::zeros([1, 1], &device) };
/// let (z, b_bar) = held_input_step(&tank, Tensor::from_floats([0.1], &device));
/// assert_eq!(z.re.into_scalar::<f32>(), -0.1);
/// assert!((b_bar.re.into_scalar::<f32>() + (-0.1_f32).exp_m1()).abs() < 2e-8);
/// ```
// ANCHOR: held_input_step
pub fn held_input_step(
    lambda: &ComplexTensor<2>,
    delta: Tensor<1>,
) -> (ComplexTensor<2>, ComplexTensor<2>) {
    let delta = delta.unsqueeze_dim(1);
    let z = ComplexTensor { re: lambda.re.clone() * delta.clone(), im: lambda.im.clone() * delta };

    // e^z - 1, the growth and the turn apart.
    let half = (z.im.clone() / 2.0).sin();
    let gained = ComplexTensor {
        re: expm1(z.re.clone()) * z.im.clone().cos() - half.clone() * half * 2.0,
        im: z.re.clone().exp() * z.im.clone().sin(),
    };

    // 1/λ = λ* / |λ|², a factor |λ| at a time.
    let size = (lambda.re.clone().square() + lambda.im.clone().square()).sqrt();
    let inverse = ComplexTensor {
        re: lambda.re.clone() / size.clone() / size.clone(),
        im: -lambda.im.clone() / size.clone() / size,
    };
    (z, gained.times(&inverse))
}
// ANCHOR_END: held_input_step

/// `K_k = 2 Re Σₙ wₙ e^{k zₙ}` for `k = 0, …, length - 1`: a Vandermonde matrix times a vector, for each channel.
///
/// Shapes: `weight` and `z` are `[channels, pairs]`; the kernel is `[channels, length]`.
///
/// The matrix has `pairs × length` entries, and none of them is stored. As k is `i·m + j`, its entry is the product
/// `e^{imz} e^{jz}`, so that about `2 √length` powers of each mode and one matrix product give the whole kernel.
///
/// Cost O(pairs √length) exponentials, O(pairs length) multiplications a channel.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::parameterization::{ComplexTensor, vandermonde_kernel};
///
/// let device = Device::flex();
/// let number = |value: f32| Tensor::<2>::from_floats([[value]], &device);
/// let one = ComplexTensor { re: number(1.0), im: number(0.0) };
/// let quarter_turn = ComplexTensor { re: number(-0.1), im: number(std::f32::consts::FRAC_PI_2) };
/// let kernel = vandermonde_kernel(&one, &quarter_turn, 3).into_data().to_vec::<f32>().expect("floats");
/// for (k, expected) in kernel.iter().zip([2.0, 0.0, -2.0 * (-0.2_f32).exp()]) {
///     assert!((k - expected).abs() < 1e-6);
/// }
/// ```
// ANCHOR: vandermonde_kernel
pub fn vandermonde_kernel(
    weight: &ComplexTensor<2>,
    z: &ComplexTensor<2>,
    length: usize,
) -> Tensor<2> {
    let inner = length.isqrt().max(1);
    let outer = length.div_ceil(inner);
    let ComplexTensor { re, im } = z.unsqueeze::<3>(2);
    let powers = |stride: usize, count: usize| {
        let k = Tensor::<1, Int>::arange(0..count as i64, &re.device()) * stride as i64;
        let k = k.cast(FloatDType::from(re.dtype())).reshape([1, 1, -1]);
        let (size, angle) = ((re.clone() * k.clone()).exp(), im.clone() * k);
        ComplexTensor { re: size.clone() * angle.clone().cos(), im: size * angle.sin() }
    };
    let (rows, columns) = (powers(inner, outer), powers(1, inner));

    // Re(p q) = Re p Re q - Im p Im q: twice as many terms of one real sum over the modes.
    let rows = rows.times(&weight.unsqueeze(2));
    let left = Tensor::cat(vec![rows.re, -rows.im], 1).swap_dims(1, 2);
    let right = Tensor::cat(vec![columns.re, columns.im], 1);
    let kernel = left.matmul(right) * 2.0;
    let [channels, ..] = kernel.dims();
    kernel.reshape([channels, outer * inner]).narrow(1, 0, length)
}
// ANCHOR_END: vandermonde_kernel

/// How many channels, how many states each, and with which time scales a [`DiagonalStateSpace`] begins.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::parameterization::DiagonalStateSpaceConfig;
///
/// let layer = DiagonalStateSpaceConfig::new(8, 16).with_delta_max(0.05).with_seed(7).init(&Device::flex());
/// assert_eq!(layer.c_real.val().dims(), [8, 8]); // 16 states are 8 pairs
/// ```
#[derive(Config, Debug)]
pub struct DiagonalStateSpaceConfig {
    /// How many systems stand side by side, each with an input and an output of its own.
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
impl DiagonalStateSpaceConfig {
    /// The layer before training: λₙ = -1/2 + iπn for every channel, Δ log-uniform, c and d normal.
    ///
    /// # Panics
    /// For an odd number of states or none, and unless 0 < `delta_min` <= `delta_max`.
    pub fn init(&self, device: &Device) -> DiagonalStateSpace {
        let Self { channels, d_state, delta_min, delta_max, seed } = *self;
        assert!(
            d_state > 0 && d_state % 2 == 0,
            "expected an even number of states, found {d_state}"
        );
        assert!(
            0.0 < delta_min && delta_min <= delta_max && delta_max.is_finite(),
            "expected 0 < delta_min <= delta_max, found {delta_min} and {delta_max}"
        );
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let shape = [channels, d_state / 2];
        let decades = delta_min.ln()..=delta_max.ln();
        let mut raw = || inverse_softplus(random.random_range(decades.clone()).exp());
        let delta_raw = parameter([channels], device, |_| raw());
        let mut part = || normal(&mut random) * 0.5_f64.sqrt();
        DiagonalStateSpace {
            a_real_log: parameter(shape, device, |_| 0.5_f64.ln()),
            a_imaginary: parameter(shape, device, |i| PI * (i % shape[1]) as f64),
            delta_raw,
            c_real: parameter(shape, device, |_| part()),
            c_imaginary: parameter(shape, device, |_| part()),
            d: parameter([channels], device, |_| normal(&mut random)),
        }
    }
}
// ANCHOR_END: init

/// A parameter whose i-th number is `value(i)`, row by row.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::parameterization::parameter;
///
/// let ramp = parameter([2, 2], &Device::flex(), |i| i as f64);
/// assert_eq!(ramp.val().into_data().to_vec::<f32>().expect("floats"), [0.0, 1.0, 2.0, 3.0]);
/// ```
pub fn parameter<const D: usize>(
    shape: [usize; D],
    device: &Device,
    value: impl FnMut(usize) -> f64,
) -> Param<Tensor<D>> {
    let values: Vec<f64> = (0..shape.iter().product()).map(value).collect();
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// A normally distributed number (Box and Muller).
///
/// ```
/// use ml_links::parameterization::normal;
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
///
/// let mut random = ChaCha8Rng::seed_from_u64(1);
/// let mean = (0..1000).map(|_| normal(&mut random).powi(2)).sum::<f64>() / 1000.0;
/// assert!((mean - 1.0).abs() < 0.2);
/// ```
pub fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (2.0 * PI * random.random::<f64>()).cos()
}

/// A layer of linear systems, one a channel, diagonal, stable whatever its parameters are.
///
/// ```text
/// λ = -e^{a_real_log} + i a_imaginary        Δ = softplus(delta_raw)        c = c_real + i c_imaginary
/// x_k = e^{Δλ} x_{k-1} + (e^{Δλ} - 1)/λ u_k        y_k = 2 Re Σ c x_k + d u_k
/// ```
///
/// - Shapes: sequences are `[batch, channels, length]`; one step of them is `[batch, channels]`.
/// - *Good for* training (`convolve`) and running (`step`): the same numbers come out. *Breaks* no bound: |Ā| <= 1.
///   What it cannot do is to mix channels, or to treat one input differently from another.
/// - Cost of `convolve`: O(length log length) a row and O(pairs length) a channel; of `step`: O(pairs) a channel.
///
/// Source: A. Gu, A. Gupta, K. Goel, C. Ré, *On the parameterization and initialization of diagonal state space
/// models* (2022): S4D-Lin, with the step of a held input.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use ml_links::parameterization::DiagonalStateSpaceConfig;
///
/// let device = Device::flex();
/// let layer = DiagonalStateSpaceConfig::new(2, 4).init(&device);
/// let u = Tensor::<3>::random([1, 2, 50], Distribution::Default, &device);
/// let at_once = layer.convolve(u.clone());
/// let mut state = layer.initial_state(1, &device);
/// for k in 0..50 {
///     let y = layer.step(u.clone().narrow(2, k, 1).squeeze_dim(2), &mut state);
///     let expected: Tensor<2> = at_once.clone().narrow(2, k, 1).squeeze_dim(2);
///     assert!((y - expected).abs().max().into_scalar::<f32>() < 1e-5);
/// }
/// ```
// ANCHOR: diagonal_state_space
#[derive(Module, Debug)]
pub struct DiagonalStateSpace {
    /// ln(-Re λ), `[channels, pairs]`.
    pub a_real_log: Param<Tensor<2>>,
    /// Im λ, `[channels, pairs]`.
    pub a_imaginary: Param<Tensor<2>>,
    /// What [`softplus`] makes Δ of, `[channels]`.
    pub delta_raw: Param<Tensor<1>>,
    /// Re c, `[channels, pairs]`.
    pub c_real: Param<Tensor<2>>,
    /// Im c, `[channels, pairs]`.
    pub c_imaginary: Param<Tensor<2>>,
    /// What goes straight through, `[channels]`.
    pub d: Param<Tensor<1>>,
}

impl DiagonalStateSpace {
    /// λ, `[channels, pairs]`: no parameter makes its real part positive.
    pub fn lambda(&self) -> ComplexTensor<2> {
        ComplexTensor { re: -self.a_real_log.val().exp(), im: self.a_imaginary.val() }
    }
}
// ANCHOR_END: diagonal_state_space

impl DiagonalStateSpace {
    /// Δ, `[channels]`: no parameter makes it negative.
    pub fn delta(&self) -> Tensor<1> {
        activation::softplus(self.delta_raw.val(), 1.0)
    }

    /// The first numbers of each channel's kernel, without d: `[channels, length]`.
    pub fn kernel(&self, length: usize) -> Tensor<2> {
        let (z, b_bar) = held_input_step(&self.lambda(), self.delta());
        vandermonde_kernel(&self.c().times(&b_bar), &z, length)
    }
}

// ANCHOR: faces
impl DiagonalStateSpace {
    /// All outputs at once, from rest. u and y: `[batch, channels, length]`.
    pub fn convolve(&self, u: Tensor<3>) -> Tensor<3> {
        let [_, channels, length] = u.dims();
        let passed = u.clone() * self.d.val().reshape([1, channels, 1]);
        causal_convolution(u, self.kernel(length)) + passed
    }

    /// One output, and the state is one step older. u and y: `[batch, channels]`.
    pub fn step(&self, u: Tensor<2>, state: &mut DiagonalState) -> Tensor<2> {
        let (z, b_bar) = held_input_step(&self.lambda(), self.delta());
        let (size, turn) = (z.re.exp(), z.im);
        let a_bar = ComplexTensor { re: size.clone() * turn.clone().cos(), im: size * turn.sin() };
        let x = state.x.times(&a_bar.unsqueeze(0));
        let pushed: Tensor<3> = u.clone().unsqueeze_dim(2);
        let ComplexTensor { re, im } = b_bar.unsqueeze::<3>(0);
        state.x = ComplexTensor { re: x.re + re * pushed.clone(), im: x.im + im * pushed };
        let seen = self.c().unsqueeze(0).times(&state.x).re.sum_dim(2).squeeze_dim::<2>(2);
        seen * 2.0 + u * self.d.val().unsqueeze_dim(0)
    }
}
// ANCHOR_END: faces

/// What a [`DiagonalStateSpace`] remembers between two steps.
///
/// See [`DiagonalStateSpace`] for an example.
#[derive(Debug, Clone)]
pub struct DiagonalState {
    /// `[batch, channels, pairs]`.
    pub x: ComplexTensor<3>,
}

impl DiagonalStateSpace {
    /// What is seen of each mode, `[channels, pairs]`.
    pub fn c(&self) -> ComplexTensor<2> {
        ComplexTensor { re: self.c_real.val(), im: self.c_imaginary.val() }
    }

    /// Nothing remembered: zeros.
    pub fn initial_state(&self, batch: usize, device: &Device) -> DiagonalState {
        let [channels, pairs] = self.a_real_log.val().dims();
        let zeros =
            Tensor::zeros([batch, channels, pairs], (device, self.a_real_log.val().dtype()));
        DiagonalState { x: ComplexTensor { re: zeros.clone(), im: zeros } }
    }

    /// One channel as chapter 3 knows it: a system in the coordinates of its modes, and its Δ.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use discretization::diagonalization::ScalarStep;
    /// use ml_links::parameterization::DiagonalStateSpaceConfig;
    ///
    /// let layer = DiagonalStateSpaceConfig::new(3, 8).init(&Device::flex());
    /// let (system, delta) = layer.channel(1);
    /// let expected = system.discretize(ScalarStep::zero_order_hold, delta)?.kernel(5);
    /// let kernel = layer.kernel(5).into_data().to_vec::<f32>().expect("floats");
    /// assert!((f64::from(kernel[5 + 4]) - expected[4][0]).abs() < 1e-6);
    /// # Ok::<(), discretization::diagonalization::DiagonalizationError>(())
    /// ```
    pub fn channel(&self, channel: usize) -> (DiagonalSystem, f64) {
        let numbers = |tensor: Tensor<2>| -> Vec<f64> {
            tensor.narrow(0, channel, 1).into_data().iter::<f64>().collect()
        };
        let complex = |tensor: ComplexTensor<2>| {
            let parts = numbers(tensor.re).into_iter().zip(numbers(tensor.im));
            parts.map(|(re, im)| Complex::new(re, im)).collect::<Vec<_>>()
        };
        let one = |tensor: Tensor<1>| numbers(tensor.unsqueeze_dim(1))[0];
        let (lambda, c) = (complex(self.lambda()), complex(self.c()));
        let pairs = lambda.len();
        let system = DiagonalSystem {
            lambda: DVector::from_vec(lambda),
            b: DMatrix::from_element(pairs, 1, Complex::ONE),
            c: DMatrix::from_row_slice(1, pairs, &c),
            d: DMatrix::from_element(1, 1, one(self.d.val())),
            weight: DVector::from_element(pairs, 2.0),
        };
        (system, one(self.delta()))
    }
}

/// The fields that set time scales: α, ω and δ.
pub const TIME_SCALES: [&str; 3] = ["a_real_log", "a_imaginary", "delta_raw"];

/// The parameters that set time scales, wherever they stand in a model, as a group of burn's.
///
/// ```
/// use burn::module::ParamId;
/// use ml_links::parameterization::time_scales;
///
/// assert!(time_scales().matches(&ParamId::new(), Some("layers.1.space.delta_raw")));
/// assert!(!time_scales().matches(&ParamId::new(), Some("layers.1.space.c_real")));
/// ```
// ANCHOR: learning_rates
pub fn time_scales() -> ParamGroup {
    ParamGroup::from_any_predicates(TIME_SCALES.to_vec())
}

/// AdamW, whose decay leaves the time scales alone.
///
/// Decay pulls a parameter to 0, and 0 is no neutral time scale: it is λ = -1 and Δ = ln 2.
pub fn optimizer(weight_decay: f32) -> ModuleOptimizer {
    let adam = AdamWConfig::new().with_epsilon(1e-8);
    adam.clone().with_weight_decay(weight_decay).init().with_group(
        time_scales(),
        adam.with_weight_decay(0.0).build(),
        None,
    )
}

/// The learning rates of a step: `rate` for all, but `fraction · rate` for time scales.
pub fn learning_rates(rate: f64, fraction: f64) -> ModuleLearningRate {
    ModuleLrScheduler::new(rate).with_group(time_scales(), fraction * rate).step()
}
// ANCHOR_END: learning_rates

/// The attempt that fails: the same layer, whose real parts and steps are trained as they are.
///
/// - *Good for* an afternoon: as long as every Re λ stays below 0 it is the same family of systems.
/// - *Breaks* where a gradient pushes one of them across: the powers of Ā grow, the kernel with them, and after it the gradient.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::parameterization::{DiagonalStateSpaceConfig, FreeStateSpace};
///
/// let layer = DiagonalStateSpaceConfig::new(1, 8).init(&Device::flex());
/// let free = FreeStateSpace::from(layer.clone());
/// let difference = (free.kernel(50) - layer.kernel(50)).abs().max().into_scalar::<f32>();
/// assert!(difference < 1e-6); // before training they are the same
/// ```
// ANCHOR: free
#[derive(Module, Debug)]
pub struct FreeStateSpace {
    /// Re λ, as it is.
    pub a_real: Param<Tensor<2>>,
    /// Δ, as it is; without it, Δ is that of the rest.
    pub delta: Option<Param<Tensor<1>>>,
    /// Everything else.
    pub rest: DiagonalStateSpace,
}

impl FreeStateSpace {
    /// As [`DiagonalStateSpace::kernel`].
    pub fn kernel(&self, length: usize) -> Tensor<2> {
        let lambda = ComplexTensor { re: self.a_real.val(), im: self.rest.a_imaginary.val() };
        let delta = self.delta.as_ref().map_or_else(|| self.rest.delta(), Param::val);
        let (z, b_bar) = held_input_step(&lambda, delta);
        vandermonde_kernel(&self.rest.c().times(&b_bar), &z, length)
    }
}
// ANCHOR_END: free

impl From<DiagonalStateSpace> for FreeStateSpace {
    fn from(rest: DiagonalStateSpace) -> Self {
        let a_real = Param::from_tensor(rest.lambda().re.detach());
        Self { a_real, delta: Some(Param::from_tensor(rest.delta().detach())), rest }
    }
}

/// A lesson on the edge of stability: add up everything that was heard.
///
/// ```text
/// target_k = L^{-1/2} Σ_{j ≤ k} u_j
/// ```
///
/// The system that does it has λ = 0: any λ on this side forgets, any on the other explodes.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::parameterization::{Adding, DiagonalStateSpaceConfig};
///
/// let layer = DiagonalStateSpaceConfig::new(1, 8).init(&Device::flex().autodiff());
/// let lesson = Adding { length: 32, steps: 60, rate: 0.03, ..Adding::default() };
/// let losses = lesson.losses(layer, |layer, length| layer.kernel(length));
/// let sum = |part: &[f64]| part.iter().sum::<f64>();
/// assert!(sum(&losses[50..]) < 0.5 * sum(&losses[..10]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Adding {
    /// How many numbers are added up.
    pub length: usize,
    /// How many sequences a step sees.
    pub batch: usize,
    /// Steps of training.
    pub steps: usize,
    /// The learning rate.
    pub rate: f64,
    /// Which share of it time scales get.
    pub fraction: f64,
    /// Where the inputs come from.
    pub seed: u64,
}

impl Default for Adding {
    fn default() -> Self {
        Self { length: 256, batch: 8, steps: 200, rate: 0.01, fraction: 1.0, seed: 0 }
    }
}

impl Adding {
    /// The loss before each step of training, until one is no number.
    ///
    /// `kernel` makes a layer's kernel of a length; every channel learns the same.
    pub fn losses<M: Module>(
        &self,
        mut layer: M,
        kernel: impl Fn(&M, usize) -> Tensor<2>,
    ) -> Vec<f64> {
        let device = layer.devices().first().cloned().unwrap_or_default();
        let mut optimizer = optimizer(0.0);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut losses = Vec::with_capacity(self.steps);
        for _ in 0..self.steps {
            let (u, target) = self.draw(&mut random, &device);
            let kernel = kernel(&layer, self.length);
            let [channels, length] = kernel.dims();
            let off = causal_convolution(u.expand([self.batch, channels, length]), kernel) - target;
            let loss = off.square().mean();
            losses.push(f64::from(loss.clone().into_scalar::<f32>()));
            if losses.last().is_some_and(|loss| !loss.is_finite()) {
                break;
            }
            let grads = GradientsParams::from_grads(loss.backward(), &layer);
            layer = optimizer.step(learning_rates(self.rate, self.fraction), layer, grads);
        }
        losses
    }

    /// Noise, and its sums: `[batch, 1, length]`.
    fn draw(&self, random: &mut ChaCha8Rng, device: &Device) -> (Tensor<3>, Tensor<3>) {
        let (mut inputs, mut sums) = (Vec::new(), Vec::new());
        for _ in 0..self.batch {
            let mut sum = 0.0;
            for _ in 0..self.length {
                let u = normal(random);
                sum += u / (self.length as f64).sqrt();
                inputs.push(u as f32);
                sums.push(sum as f32);
            }
        }
        let shape = [self.batch, 1, self.length];
        let tensor = |values| Tensor::from_data(TensorData::new(values, shape), device);
        (tensor(inputs), tensor(sums))
    }
}
