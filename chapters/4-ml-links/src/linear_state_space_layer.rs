//! # Linear state space layer
//!
//! *How can one layer be a convolution while it learns and a recurrence while it speaks, and change over in the
//! middle of a sentence?*
//!
//! ```text
//! x_{L-1} = A^L x_{-1} + Σ_j A^{L-1-j} B u_j
//! y_k     = C A^{k+1} x_{-1} + Σ_{j≤k} K_{k-j} u_j,     k = 0 … L-1                (eq-4-3)
//! ```
//!
//! A [`LinearStateSpaceLayer`] is a row of channels. Each is a system of its own with one input and one output; they
//! share A and B, and differ in their clock Δ, their reading C and their shortcut D. [`LinearStateSpaceLayer::step`]
//! runs all of them by one token, [`LinearStateSpaceLayer::convolve`] by a whole sequence from rest, and
//! [`Unrolled::convolve`] by a chunk from any state to the state at its end.
//!
//! Conventions: the state has seen u_k, inputs are held during a step. u and y are `[channels, length]`, a state is
//! `[d_state, channels]`.

use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError};
use discretization::accuracy_and_stability::Discretization;
use discretization::diagonalization::{DiagonalizationError, hippo_legs};
use discretization::sampling::DiscretizationError;
use math_foundations::validation::{
    InputError, finite, finite_vector, length as expect_length, positive, shape,
};
use ml_links::dual_computation::{DualError, FftConvolution};
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// Why there is no such layer, or why it cannot take such an input.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LayerError {
    /// A matrix, a vector or a number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A flow that the rule cannot step.
    #[error(transparent)]
    Discretization(#[from] DiscretizationError),
    /// Steps that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// A memory that cannot be built.
    #[error(transparent)]
    Memory(#[from] DiagonalizationError),
    /// A kernel that cannot be convolved with.
    #[error(transparent)]
    Dual(#[from] DualError),
}

/// A linear state space layer: channels that share a flow, each with its own clock and its own reading of the state.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearStateSpaceLayer {
    channels: Vec<StateSpace<Discrete>>,
}

// ANCHOR: layer
impl LinearStateSpaceLayer {
    /// A channel for each of `deltas`: A and B stepped by `rule`, read by a row of `c`.
    ///
    /// # Errors
    /// [`LayerError`] for shapes that do not fit, and for a Δ that is not positive.
    pub fn new(
        flow: &StateSpace<Continuous>,
        deltas: &[f64],
        (c, d): (&DMatrix<f64>, &DVector<f64>),
        rule: Discretization,
    ) -> Result<Self, LayerError> {
        let (a, b) = (flow.a(), flow.b());
        check_readings(flow, deltas, (c, d))?;
        let channel = |(h, &delta): (usize, &f64)| {
            let (c, d) = (c.rows(h, 1).into_owned(), DMatrix::from_element(1, 1, d[h]));
            let flow = StateSpace::continuous(a.clone(), b.clone(), c, d)?;
            Ok(rule.discretize(&flow, delta)?.held()?)
        };
        let channels = deltas.iter().enumerate().map(channel);
        Ok(Self { channels: channels.collect::<Result<_, LayerError>>()? })
    }
}
// ANCHOR_END: layer

fn check_readings(
    flow: &StateSpace<Continuous>,
    deltas: &[f64],
    (c, d): (&DMatrix<f64>, &DVector<f64>),
) -> Result<(), InputError> {
    shape("B", flow.b(), (flow.d_state(), 1))?;
    finite("C", c)?;
    shape("C", c, (deltas.len(), flow.d_state()))?;
    finite_vector("D", d)?;
    expect_length("D", d, deltas.len())
}

impl LinearStateSpaceLayer {
    /// A layer as it is before training: HiPPO-LegS memories, clocks spread evenly over the powers of ten from
    /// `delta.0` to `delta.1`, readings drawn at random, D = 1, stepped by the bilinear rule.
    ///
    /// - *Good for* tests and for pictures. Deterministic in `seed`.
    ///
    /// # Errors
    /// [`LayerError`] for no channels, no states, and for clocks that are not positive.
    ///
    /// Source: A. Gu and others, *Combining recurrent, convolutional, and continuous-time models with linear
    /// state-space layers* (2021).
    ///
    /// ```
    /// use ml_links::linear_state_space_layer::LinearStateSpaceLayer;
    ///
    /// let layer = LinearStateSpaceLayer::memories(3, 8, (0.001, 0.1), 1)?;
    /// assert_eq!((layer.width(), layer.d_state()), (3, 8));
    /// assert!((layer.channel(1).delta() - 0.01).abs() < 1e-15);
    /// # Ok::<(), ml_links::linear_state_space_layer::LayerError>(())
    /// ```
    pub fn memories(
        channels: usize,
        d_state: usize,
        delta: (f64, f64),
        seed: u64,
    ) -> Result<Self, LayerError> {
        positive("Δ", delta.0)?;
        positive("Δ", delta.1)?;
        let flow = hippo_legs(d_state)?;
        let gaps = channels.saturating_sub(1).max(1) as f64;
        let clock = |h: usize| delta.0 * (delta.1 / delta.0).powf(h as f64 / gaps);
        let deltas: Vec<f64> = (0..channels).map(clock).collect();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Variance 1 / N, so that what is read is about as large as one state.
        let spread = (3.0 / d_state as f64).sqrt();
        let c = DMatrix::from_fn(channels, d_state, |_, _| spread * random.random_range(-1.0..1.0));
        Self::new(&flow, &deltas, (&c, &DVector::repeat(channels, 1.0)), Discretization::Bilinear)
    }

    /// How many channels there are.
    pub fn width(&self) -> usize {
        self.channels.len()
    }

    /// N, the states of each channel.
    pub fn d_state(&self) -> usize {
        self.channels.first().map_or(0, StateSpace::d_state)
    }

    /// The system of one channel, from 0.
    ///
    /// # Panics
    /// Where there is no such channel.
    pub fn channel(&self, index: usize) -> &StateSpace<Discrete> {
        &self.channels[index]
    }

    /// Rest: `[d_state, channels]` zeros.
    pub fn initial_state(&self) -> DMatrix<f64> {
        DMatrix::zeros(self.d_state(), self.width())
    }

    /// The multiply-adds of one step, the first or the millionth: `N² + 2N + 1` a channel.
    pub fn multiply_adds_per_step(&self) -> usize {
        let n = self.d_state();
        self.width() * (n * n + 2 * n + 1)
    }

    fn check_token(&self, u_k: &DVector<f64>, state: &DMatrix<f64>) -> Result<(), InputError> {
        finite_vector("u", u_k)?;
        expect_length("u", u_k, self.width())?;
        self.check_state(state)
    }

    fn check_state(&self, state: &DMatrix<f64>) -> Result<(), InputError> {
        finite("the state", state)?;
        shape("the state", state, (self.d_state(), self.width()))
    }

    fn check_input(&self, u: &DMatrix<f64>) -> Result<(), InputError> {
        if u.ncols() > 0 {
            finite("u", u)?;
        }
        shape("u", u, (self.width(), u.ncols()))
    }
}

// ANCHOR: step
impl LinearStateSpaceLayer {
    /// Reads one token, moves the state on, and answers.
    ///
    /// Shapes: `u_k` and the result `[channels]`, `state` `[d_state, channels]`.
    /// Cost O(N²) a channel, now and after a million tokens.
    ///
    /// # Errors
    /// [`LayerError::Input`]; the state is then as it was.
    pub fn step(
        &self,
        u_k: &DVector<f64>,
        state: &mut DMatrix<f64>,
    ) -> Result<DVector<f64>, LayerError> {
        self.check_token(u_k, state)?;
        let mut y_k = DVector::zeros(self.width());
        for (h, channel) in self.channels.iter().enumerate() {
            let mut x = channel.b().column(0) * u_k[h];
            x.gemv(1.0, channel.a(), &state.column(h), 1.0);
            y_k[h] = channel.c().row(0).tr_dot(&x) + channel.d()[0] * u_k[h];
            state.set_column(h, &x);
        }
        Ok(y_k)
    }
}
// ANCHOR_END: step

// ANCHOR: reach
/// What each of the last `length` inputs has made of the state: the columns B, AB, A²B, …
///
/// Doubled, not stepped: from m columns the next m are one product with `A^m`.
fn reach(system: &StateSpace<Discrete>, length: usize) -> DMatrix<f64> {
    let (mut columns, mut power) = (system.b().clone(), system.a().clone());
    while columns.ncols() < length {
        let (known, missing) = (columns.ncols(), length - columns.ncols());
        let more = &power * columns.columns(0, known.min(missing));
        columns = columns.resize_horizontally(known + more.ncols(), 0.0);
        columns.columns_mut(known, more.ncols()).copy_from(&more);
        power = &power * &power;
    }
    columns
}
// ANCHOR_END: reach

/// C B + D, CAB, CA²B, … from the columns of [`reach`].
fn kernel(system: &StateSpace<Discrete>, reach: &DMatrix<f64>) -> Vec<f64> {
    let mut kernel = (system.c() * reach).as_slice().to_vec();
    kernel[0] += system.d()[0];
    kernel
}

impl LinearStateSpaceLayer {
    /// Reads a whole sequence from rest.
    ///
    /// - Shapes: `u` and the result `[channels, length]`. *Equal* to a step for each column, up to rounding.
    /// - Cost O(N² L) for the kernels and O(L log L) for the convolutions, a channel. The kernels do not depend on u:
    ///   [`LinearStateSpaceLayer::unroll`] keeps them.
    ///
    /// # Errors
    /// [`LayerError::Input`] where shapes do not fit or a number is not finite.
    ///
    /// ```
    /// use ml_links::linear_state_space_layer::LinearStateSpaceLayer;
    /// use nalgebra::DMatrix;
    ///
    /// let layer = LinearStateSpaceLayer::memories(2, 4, (0.01, 0.1), 1)?;
    /// let u = DMatrix::from_fn(2, 50, |h, k| ((h + 1) as f64 * 0.1 * k as f64).sin());
    /// let y = layer.convolve(&u)?;
    /// let mut state = layer.initial_state();
    /// for (u_k, y_k) in u.column_iter().zip(y.column_iter()) {
    ///     let stepped = layer.step(&u_k.into_owned(), &mut state)?;
    ///     assert!((stepped - y_k).norm() < 1e-12);
    /// }
    /// # Ok::<(), ml_links::linear_state_space_layer::LayerError>(())
    /// ```
    pub fn convolve(&self, u: &DMatrix<f64>) -> Result<DMatrix<f64>, LayerError> {
        self.check_input(u)?;
        let mut y = DMatrix::zeros(self.width(), u.ncols());
        if u.ncols() == 0 {
            return Ok(y);
        }
        for (h, channel) in self.channels.iter().enumerate() {
            let kernel = kernel(channel, &reach(channel, u.ncols()));
            let u_h: Vec<f64> = u.row(h).iter().copied().collect();
            let y_h = FftConvolution::new(&kernel, u.ncols())?.convolve(&u_h)?;
            y.row_mut(h).copy_from_slice(&y_h);
        }
        Ok(y)
    }

    /// Everything that a chunk of `length` steps needs and that does not depend on its inputs.
    ///
    /// - Cost O(N² L + N³ log L) a channel, and room for 2 N L numbers a channel: at 64 channels of 64 states, 1024
    ///   steps take 67 MB. Chapter 5 is about not paying this.
    ///
    /// # Errors
    /// [`LayerError::Dual`] for a length of 0.
    pub fn unroll(&self, length: usize) -> Result<Unrolled, LayerError> {
        let channels = self.channels.iter().map(|channel| UnrolledChannel::new(channel, length));
        Ok(Unrolled {
            length,
            d_state: self.d_state(),
            channels: channels.collect::<Result<_, _>>()?,
        })
    }

    /// Reads a chunk from any state, and leaves in `state` the one at its end.
    ///
    /// The same as [`LinearStateSpaceLayer::unroll`] and [`Unrolled::convolve`], for one chunk.
    ///
    /// # Errors
    /// [`LayerError::Input`] where shapes do not fit or a number is not finite; the state is then as it was.
    pub fn convolve_from(
        &self,
        u: &DMatrix<f64>,
        state: &mut DMatrix<f64>,
    ) -> Result<DMatrix<f64>, LayerError> {
        self.check_input(u)?;
        self.check_state(state)?;
        if u.ncols() == 0 {
            return Ok(u.clone());
        }
        self.unroll(u.ncols())?.convolve(u, state)
    }
}

/// A layer, unrolled over a chunk: what its inputs leave behind, and what its start is still heard saying.
#[derive(Debug, Clone)]
pub struct Unrolled {
    length: usize,
    d_state: usize,
    channels: Vec<UnrolledChannel>,
}

// ANCHOR: unrolled
/// One channel, unrolled over L steps.
#[derive(Debug, Clone)]
struct UnrolledChannel {
    convolution: FftConvolution<f64>,
    /// B, AB, …, A^{L-1}B: how an input gets into the state. `[N, L]`
    reach: DMatrix<f64>,
    /// CA, CA², …, CA^L: how a state gets into the outputs. `[N, L]`, a column a step
    echo: DMatrix<f64>,
    /// A^L.
    power: DMatrix<f64>,
}

impl UnrolledChannel {
    /// Equation 4-3: the outputs of a chunk that starts from `x`, and the state at its end.
    fn run(&mut self, u: &[f64], x: &DVector<f64>) -> Result<(Vec<f64>, DVector<f64>), DualError> {
        let mut y = self.convolution.convolve(u)?;
        for (y_k, echo_k) in y.iter_mut().zip(self.echo.column_iter()) {
            *y_k += echo_k.dot(x);
        }
        let latest_first = DVector::from_iterator(u.len(), u.iter().rev().copied());
        Ok((y, &self.power * x + &self.reach * latest_first))
    }
}
// ANCHOR_END: unrolled

impl UnrolledChannel {
    fn new(system: &StateSpace<Discrete>, length: usize) -> Result<Self, LayerError> {
        if length == 0 {
            return Err(DualError::Empty { name: "the chunk" }.into());
        }
        let columns = reach(system, length);
        let convolution = FftConvolution::new(&kernel(system, &columns), length)?;
        // The dual system's inputs enter as this one's states are read: CA is the transpose of AᵀCᵀ.
        let dual = system.dual();
        let echo = dual.a() * reach(&dual, length);
        Ok(Self { convolution, reach: columns, echo, power: power(system.a(), length) })
    }
}

/// A^exponent, by squaring; the exponent is at least 1.
fn power(a: &DMatrix<f64>, exponent: usize) -> DMatrix<f64> {
    let mut power = a.clone();
    for bit in (0..exponent.max(1).ilog2()).rev() {
        power = &power * &power;
        if exponent >> bit & 1 == 1 {
            power = a * power;
        }
    }
    power
}

impl Unrolled {
    /// How many steps a chunk has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How many numbers are kept for one chunk: `reach`, `echo`, `power` and the transformed kernel.
    pub fn numbers(&self) -> usize {
        let of = |channel: &UnrolledChannel| {
            let matrices = channel.reach.len() + channel.echo.len() + channel.power.len();
            matrices + channel.convolution.circle()
        };
        self.channels.iter().map(of).sum()
    }

    /// Reads a chunk from any state, and leaves in `state` the one at its end.
    ///
    /// ```text
    /// y_k     = C A^{k+1} x_{-1} + Σ_{j≤k} K_{k-j} u_j
    /// x_{L-1} = A^L x_{-1} + Σ_j A^{L-1-j} B u_j
    /// ```
    ///
    /// - Shapes: `u` and the result `[channels, length]`, `state` `[d_state, channels]`.
    /// - *Equal* to as many steps, up to rounding. Cost O(N L + L log L) a channel.
    ///
    /// # Errors
    /// [`LayerError::Input`] where shapes do not fit or a number is not finite; the state is then as it was.
    ///
    /// ```
    /// use ml_links::linear_state_space_layer::LinearStateSpaceLayer;
    /// use nalgebra::DMatrix;
    ///
    /// let layer = LinearStateSpaceLayer::memories(2, 4, (0.01, 0.1), 1)?;
    /// let u = DMatrix::from_fn(2, 60, |h, k| ((h + 1) as f64 * 0.1 * k as f64).sin());
    /// let mut chunk = layer.unroll(20)?;
    /// let mut state = layer.initial_state();
    /// let whole = layer.convolve(&u)?;
    /// for start in [0, 20, 40] {
    ///     let y = chunk.convolve(&u.columns(start, 20).into_owned(), &mut state)?;
    ///     assert!((y - whole.columns(start, 20)).norm() < 1e-12);
    /// }
    /// # Ok::<(), ml_links::linear_state_space_layer::LayerError>(())
    /// ```
    pub fn convolve(
        &mut self,
        u: &DMatrix<f64>,
        state: &mut DMatrix<f64>,
    ) -> Result<DMatrix<f64>, LayerError> {
        finite("u", u)?;
        shape("u", u, (self.channels.len(), self.length))?;
        finite("the state", state)?;
        shape("the state", state, (self.d_state, self.channels.len()))?;
        let mut y = DMatrix::zeros(u.nrows(), u.ncols());
        for (h, channel) in self.channels.iter_mut().enumerate() {
            let u_h: Vec<f64> = u.row(h).iter().copied().collect();
            let (y_h, x) = channel.run(&u_h, &state.column(h).into_owned())?;
            y.row_mut(h).copy_from_slice(&y_h);
            state.set_column(h, &x);
        }
        Ok(y)
    }
}
