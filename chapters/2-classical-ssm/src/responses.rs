//! # Responses
//!
//! *What does a system answer to a tap, to a switch, to anything at all?*
//!
//! A linear system is known by its answer to one tap: every other answer is what is left of the start,
//! plus a sum of such taps.
//!
//! ```text
//! y(t) = C e^{At} x(0) + ∫₀ᵗ h(t-τ) u(τ) dτ + D u(t),     h(t) = C e^{At} B       (eq-2-3)
//! y_k  = K̄_0 u_k + K̄_1 u_{k-1} + … + K̄_k u_0,            K̄_0 = C B + D,  K̄_j = C A^j B
//! ```
//!
//! [`impulse_response`], [`step_response`], [`initial_response`] and [`forced_response`] answer for flows,
//! exactly through the matrix exponential and on any grid of times; [`simulate`],
//! [`discrete_impulse_response`] and [`discrete_step_response`] for steps. [`step_figures`] reads rise
//! time, overshoot and settling time off the exact answer, not off samples of it.
//!
//! Conventions: u `[M]`, x `[N]`, y `[P]`; times in seconds. Of steps, `x_k` has seen `u_k`, and the state
//! before the first step is 0.

use std::collections::BTreeMap;

use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError};
use math_foundations::eigendecomposition::{EigenError, eigenvalues};
use math_foundations::matrix_exponential::{MatrixExponentialError, matrix_exponential};
use math_foundations::stability::{StabilityError, solve_discrete_lyapunov, solve_lyapunov};
use math_foundations::state_representations::{DcMotor, Matrices, dc_motor};
use math_foundations::validation::{InputError, finite_vector, length, non_negative, positive};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};
use thiserror::Error;

/// Why a response cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ResponseError {
    /// A vector or a number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Four matrices that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// e^{At} does not fit in a floating-point number.
    #[error(transparent)]
    Exponential(#[from] MatrixExponentialError),
    /// The eigenvalues were not found.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// No energy was found by which to tell when a response is over.
    #[error(transparent)]
    Stability(#[from] StabilityError),
    /// Times that do not increase.
    #[error("expected increasing times, found {next} after {time}")]
    NotIncreasing {
        /// A time.
        time: f64,
        /// The time after it in the list.
        next: f64,
    },
    /// Not one input for each time.
    #[error("expected an input for each of the {times} times, found {inputs}")]
    InputCount {
        /// How many times.
        times: usize,
        /// How many inputs.
        inputs: usize,
    },
    /// The state grew beyond the largest number.
    #[error("expected a finite state, found an overflow at t = {time}")]
    Overflow {
        /// When.
        time: f64,
    },
    /// Figures of merit are of one input and one output.
    #[error("expected one input and one output, found {inputs} and {outputs}")]
    NotSingle {
        /// How many inputs.
        inputs: usize,
        /// How many outputs.
        outputs: usize,
    },
    /// A response that never comes to rest has no figures of merit.
    #[error(
        "expected a response that settles, found the eigenvalue {lambda:.4}, which does not die away"
    )]
    NotSettling {
        /// An eigenvalue that does not die away.
        lambda: Complex<f64>,
    },
    /// Rise time, overshoot and settling time are measured in units of the steady value.
    #[error(
        "expected a steady value to measure by, found {value:.1e}: the response returns to zero"
    )]
    NoSteadyValue {
        /// The steady value, or what rounding left of it.
        value: f64,
    },
    /// The response takes longer than anybody waits.
    #[error(
        "expected the response to settle within {steps} steps, each an eighth of its fastest time left"
    )]
    TooSlow {
        /// The limit.
        steps: usize,
    },
}

/// What one input made of a system: states and outputs at increasing times.
///
/// `states[k]` and `outputs[k]` belong to `times[k]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Response {
    /// When.
    pub times: Vec<f64>,
    /// The states, `[N]` each.
    pub states: Vec<DVector<f64>>,
    /// The outputs, `[P]` each.
    pub outputs: Vec<DVector<f64>>,
}

impl Response {
    /// Output number `index` against time: the points of a plot.
    pub fn output(&self, index: usize) -> Vec<(f64, f64)> {
        self.times.iter().zip(&self.outputs).map(|(&t, y)| (t, y[index])).collect()
    }

    fn push(&mut self, time: f64, state: &DVector<f64>, output: DVector<f64>) {
        self.times.push(time);
        self.states.push(state.clone());
        self.outputs.push(output);
    }
}

/// What each input alone makes of each output.
///
/// `outputs[k]` is `[P, M]` and belongs to `times[k]`: a column for each input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChannelResponse {
    /// When.
    pub times: Vec<f64>,
    /// The outputs, a column for each input.
    pub outputs: Vec<DMatrix<f64>>,
}

impl ChannelResponse {
    /// How output number `output` answers input number `input`, against time.
    pub fn channel(&self, output: usize, input: usize) -> Vec<(f64, f64)> {
        self.times.iter().zip(&self.outputs).map(|(&t, y)| (t, y[(output, input)])).collect()
    }
}

/// What an input does between two of its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// It stays what it was: `u(t) = u_k` for `t_k ≤ t < t_{k+1}`.
    Held,
    /// It goes from one sample to the next in a straight line.
    Linear,
}

// ---------------------------------------------------------------------------------------------
// Flows
// ---------------------------------------------------------------------------------------------

/// What an interval of a flow does to a state and to the input over it.
struct Interval {
    a_bar: DMatrix<f64>,
    /// What one unit of input adds that is there all the while.
    held: DMatrix<f64>,
    /// What one unit adds that comes in linearly: 0 at the beginning, 1 at the end.
    ramp: DMatrix<f64>,
}

// ANCHOR: interval
impl Interval {
    /// One exponential for all three: the input and its slope are made part of the state.
    fn new(a: &DMatrix<f64>, b: &DMatrix<f64>, delta: f64) -> Result<Self, ResponseError> {
        let (n, m) = b.shape();
        let mut block = DMatrix::zeros(n + 2 * m, n + 2 * m);
        block.view_mut((0, 0), (n, n)).copy_from(&(a * delta));
        block.view_mut((0, n), (n, m)).copy_from(&(b * delta));
        block.view_mut((n, n + m), (m, m)).fill_with_identity();
        let carried = matrix_exponential(&block)?;
        let part = |column, width| carried.view((0, column), (n, width)).into_owned();
        Ok(Self { a_bar: part(0, n), held: part(n, m), ramp: part(n + m, m) })
    }
}
// ANCHOR_END: interval

/// The intervals between times, each length computed once.
struct Intervals<'a> {
    system: &'a StateSpace<Continuous>,
    known: Vec<(f64, Interval)>,
}

impl<'a> Intervals<'a> {
    fn new(system: &'a StateSpace<Continuous>) -> Self {
        Self { system, known: Vec::new() }
    }

    /// The interval from `from` to `to`. Lengths that differ by no more than the rounding of the two
    /// times are one length: 0.3 - 0.2 is 0.1.
    fn between(&mut self, from: f64, to: f64) -> Result<&Interval, ResponseError> {
        let delta = to - from;
        let slack = 2.0 * f64::EPSILON * to.abs().max(from.abs());
        let found = self.known.iter().position(|(length, _)| (length - delta).abs() <= slack);
        let at = match found {
            Some(at) => at,
            None => {
                let interval = Interval::new(self.system.a(), self.system.b(), delta)?;
                self.known.push((delta, interval));
                self.known.len() - 1
            }
        };
        Ok(&self.known[at].1)
    }
}

/// What each input's impulse makes of each output: `h(t) = C e^{At} B`.
///
/// - Shapes: `times` from 0 on, increasing; one `[P, M]` a time.
/// - *Exact* for every A. Where D is not 0 the answer to an impulse has an impulse of its own, `D δ(t)`,
///   which no number can show: it is left out. At t = 0 the value is that just after the tap.
/// - Cost O(N³) for each distinct length between two times, O(N² M) a time.
///
/// # Errors
/// [`ResponseError::NotIncreasing`], [`ResponseError::Input`] for a time that is negative or not finite,
/// [`ResponseError::Exponential`] and [`ResponseError::Overflow`] for what grows too large.
///
/// ```
/// use classical_ssm::responses::impulse_response;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// let tank = StateSpace::continuous(dmatrix![-1.0], dmatrix![2.0], dmatrix![1.0], dmatrix![0.0])?;
/// let h = impulse_response(&tank, &[0.0, 1.0])?;
/// assert_eq!(h.outputs[0][0], 2.0);
/// assert!((h.outputs[1][0] - 2.0 / std::f64::consts::E).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn impulse_response(
    system: &StateSpace<Continuous>,
    times: &[f64],
) -> Result<ChannelResponse, ResponseError> {
    check_times_from_zero(times)?;
    let mut intervals = Intervals::new(system);
    let (mut last, mut x) = (0.0, system.b().clone());
    let mut outputs = Vec::with_capacity(times.len());
    for &t in times {
        if t > last {
            x = &intervals.between(last, t)?.a_bar * x;
            check_growth(t, x.as_slice())?;
        }
        outputs.push(system.c() * &x);
        last = t;
    }
    Ok(ChannelResponse { times: times.to_vec(), outputs })
}

/// What each output does after each input has been switched from 0 to 1 at t = 0, from rest.
///
/// ```text
/// y(t) = C ∫₀ᵗ e^{Aτ} B dτ + D
/// ```
///
/// - Shapes: `times` from 0 on, increasing; one `[P, M]` a time.
/// - *Exact* for every A, singular ones too.
/// - Cost O((N + M)³) for each distinct length between two times, O(N² M) a time.
///
/// # Errors
/// As [`impulse_response`].
///
/// ```
/// use classical_ssm::responses::step_response;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// // A mass on ice under a force of 1 N: position t²/2.
/// let a = dmatrix![0.0, 1.0; 0.0, 0.0];
/// let mass = StateSpace::continuous(a, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// let y = step_response(&mass, &[0.0, 0.5, 3.0])?;
/// assert_eq!(y.channel(0, 0), [(0.0, 0.0), (0.5, 0.125), (3.0, 4.5)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn step_response(
    system: &StateSpace<Continuous>,
    times: &[f64],
) -> Result<ChannelResponse, ResponseError> {
    check_times_from_zero(times)?;
    let mut intervals = Intervals::new(system);
    let (mut last, mut x) = (0.0, DMatrix::zeros(system.d_state(), system.inputs()));
    let mut outputs = Vec::with_capacity(times.len());
    for &t in times {
        if t > last {
            let interval = intervals.between(last, t)?;
            x = &interval.a_bar * x + &interval.held;
            check_growth(t, x.as_slice())?;
        }
        outputs.push(system.c() * &x + system.d());
        last = t;
    }
    Ok(ChannelResponse { times: times.to_vec(), outputs })
}

/// What a system does that is let go at `x0` when the first of `times` strikes, without any input.
///
/// ```text
/// y(t) = C e^{A (t - t_0)} x0
/// ```
///
/// - Shapes: `x0` `[N]`; `times` increasing, the first one is when it is let go.
/// - *Exact* for every A. Cost as [`impulse_response`].
///
/// # Errors
/// As [`impulse_response`], and for a start of the wrong length.
///
/// ```
/// use classical_ssm::responses::initial_response;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::{dmatrix, dvector};
///
/// let a = dmatrix![0.0, 1.0; -1.0, 0.0];
/// let spring = StateSpace::continuous(a, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// let swing = initial_response(&spring, &dvector![1.0, 0.0], &[0.0, std::f64::consts::PI])?;
/// assert!((swing.outputs[1][0] + 1.0).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn initial_response(
    system: &StateSpace<Continuous>,
    x0: &DVector<f64>,
    times: &[f64],
) -> Result<Response, ResponseError> {
    let silence = vec![DVector::zeros(system.inputs()); times.len()];
    forced_response(system, x0, times, &silence, Between::Held)
}

/// What a system does that starts in `x0` at the first of `times` and is given `u[k]` at `times[k]`.
///
/// ```text
/// x(t_{k+1}) = Ā x(t_k) + Δ φ₁(ΔA) B u_k                             Between::Held
/// x(t_{k+1}) = Ā x(t_k) + Δ φ₁(ΔA) B u_k + Δ φ₂(ΔA) B (u_{k+1} - u_k)   Between::Linear
/// ```
///
/// with Ā = e^{ΔA}, Δ = t_{k+1} - t_k, and the integrals Δφ₁B, Δφ₂B from the same exponential.
///
/// - Shapes: `x0` `[N]`, `times` increasing in steps of any lengths, `u` one `[M]` for each time.
/// - *Exact when* the input is what `between` says, for every A, singular ones too. Where a held input
///   jumps, the output is that just after the jump.
/// - Cost O((N + 2M)³) for each distinct length, O(N (N + M)) a time.
///
/// # Errors
/// [`ResponseError::InputCount`], [`ResponseError::NotIncreasing`], [`ResponseError::Input`] for wrong
/// lengths and numbers that are not finite, [`ResponseError::Exponential`], [`ResponseError::Overflow`].
///
/// ```
/// use classical_ssm::responses::{Between, forced_response};
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::{dmatrix, dvector};
///
/// // An integrator adds up what it is given: a step of height 1, or a ramp that reaches 1.
/// let sum = StateSpace::continuous(dmatrix![0.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let u = [dvector![0.0], dvector![1.0]];
/// let at_two = |between| forced_response(&sum, &dvector![0.0], &[0.0, 2.0], &u, between);
/// assert_eq!(at_two(Between::Held)?.outputs[1], dvector![0.0]);
/// assert_eq!(at_two(Between::Linear)?.outputs[1], dvector![1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: forced_response
pub fn forced_response(
    system: &StateSpace<Continuous>,
    x0: &DVector<f64>,
    times: &[f64],
    u: &[DVector<f64>],
    between: Between,
) -> Result<Response, ResponseError> {
    check_forced(system, x0, times, u)?;
    let mut intervals = Intervals::new(system);
    let mut x = x0.clone();
    let mut response = Response::default();
    for (k, &t) in times.iter().enumerate() {
        if k > 0 {
            let interval = intervals.between(times[k - 1], t)?;
            x = &interval.a_bar * x + &interval.held * &u[k - 1];
            if between == Between::Linear {
                x += &interval.ramp * (&u[k] - &u[k - 1]);
            }
            check_growth(t, x.as_slice())?;
        }
        response.push(t, &x, system.c() * &x + system.d() * &u[k]);
    }
    Ok(response)
}
// ANCHOR_END: forced_response

fn check_forced(
    system: &StateSpace<Continuous>,
    x0: &DVector<f64>,
    times: &[f64],
    u: &[DVector<f64>],
) -> Result<(), ResponseError> {
    check_times(times)?;
    if u.len() != times.len() {
        return Err(ResponseError::InputCount { times: times.len(), inputs: u.len() });
    }
    length("x(0)", x0, system.d_state())?;
    finite_vector("x(0)", x0)?;
    check_inputs(u, system.inputs())
}

fn check_inputs(u: &[DVector<f64>], inputs: usize) -> Result<(), ResponseError> {
    for u_k in u {
        length("u", u_k, inputs)?;
        finite_vector("u", u_k)?;
    }
    Ok(())
}

fn check_times(times: &[f64]) -> Result<(), ResponseError> {
    for &t in times {
        non_negative("the size of a time", t.abs())?;
    }
    for pair in times.windows(2) {
        if pair[1] <= pair[0] {
            return Err(ResponseError::NotIncreasing { time: pair[0], next: pair[1] });
        }
    }
    Ok(())
}

fn check_times_from_zero(times: &[f64]) -> Result<(), ResponseError> {
    if let Some(&first) = times.first() {
        non_negative("the first time", first)?;
    }
    check_times(times)
}

fn check_growth(time: f64, x: &[f64]) -> Result<(), ResponseError> {
    if x.iter().all(|entry| entry.is_finite()) {
        Ok(())
    } else {
        Err(ResponseError::Overflow { time })
    }
}

// ---------------------------------------------------------------------------------------------
// Steps
// ---------------------------------------------------------------------------------------------

/// What a system in steps makes of the inputs `u`, from rest.
///
/// ```text
/// x_k = A x_{k-1} + B u_k,   y_k = C x_k + D u_k,   x_{-1} = 0
/// ```
///
/// - Shapes: `u` one `[M]` a step; as many states `[N]` and outputs `[P]`. `times[k]` is kΔ.
/// - *Exact* up to rounding. Cost O(N (N + M)) a step.
///
/// # Errors
/// [`ResponseError::Input`] for wrong lengths, [`ResponseError::Overflow`].
///
/// ```
/// use classical_ssm::responses::simulate;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::{dmatrix, dvector};
///
/// let half = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)?;
/// let y = simulate(&half, &[dvector![1.0], dvector![0.0], dvector![4.0]])?;
/// assert_eq!(y.output(0), [(0.0, 1.0), (1.0, 0.5), (2.0, 4.25)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: simulate
pub fn simulate(
    system: &StateSpace<Discrete>,
    u: &[DVector<f64>],
) -> Result<Response, ResponseError> {
    check_inputs(u, system.inputs())?;
    let mut x = DVector::zeros(system.d_state());
    let mut response = Response::default();
    for (k, u_k) in u.iter().enumerate() {
        let t = k as f64 * system.delta();
        x = system.a() * x + system.b() * u_k;
        check_growth(t, x.as_slice())?;
        response.push(t, &x, system.c() * &x + system.d() * u_k);
    }
    Ok(response)
}
// ANCHOR_END: simulate

/// The kernel of a system in steps, its first `steps` entries: what each input, 1 at step 0 and 0 ever
/// after, makes of each output.
///
/// ```text
/// K̄_0 = C B + D,   K̄_j = C A^j B
/// ```
///
/// - Shapes: one `[P, M]` a step. Cost O(N² M) a step.
///
/// # Errors
/// [`ResponseError::Overflow`].
///
/// ```
/// use classical_ssm::responses::discrete_impulse_response;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// let half = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![3.0], dmatrix![7.0], 1.0)?;
/// let kernel = discrete_impulse_response(&half, 3)?;
/// assert_eq!(kernel.channel(0, 0), [(0.0, 10.0), (1.0, 1.5), (2.0, 0.75)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn discrete_impulse_response(
    system: &StateSpace<Discrete>,
    steps: usize,
) -> Result<ChannelResponse, ResponseError> {
    let mut kernel = ChannelResponse::default();
    let mut x = system.b().clone();
    for j in 0..steps {
        let t = j as f64 * system.delta();
        check_growth(t, x.as_slice())?;
        let direct = if j == 0 { system.d().clone() } else { system.d() * 0.0 };
        kernel.times.push(t);
        kernel.outputs.push(system.c() * &x + direct);
        x = system.a() * x;
    }
    Ok(kernel)
}

/// What each output of a system in steps does when each input is 1 from step 0 on: the running sums of the
/// kernel, `steps` of them.
///
/// - Shapes: one `[P, M]` a step. Cost O(N² M) a step.
///
/// # Errors
/// [`ResponseError::Overflow`].
///
/// ```
/// use classical_ssm::responses::discrete_step_response;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// let half = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)?;
/// assert_eq!(discrete_step_response(&half, 3)?.channel(0, 0), [(0.0, 1.0), (1.0, 1.5), (2.0, 1.75)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn discrete_step_response(
    system: &StateSpace<Discrete>,
    steps: usize,
) -> Result<ChannelResponse, ResponseError> {
    let mut response = ChannelResponse::default();
    let mut x = DMatrix::zeros(system.d_state(), system.inputs());
    for k in 0..steps {
        let t = k as f64 * system.delta();
        x = system.a() * x + system.b();
        check_growth(t, x.as_slice())?;
        response.times.push(t);
        response.outputs.push(system.c() * &x + system.d());
    }
    Ok(response)
}

// ---------------------------------------------------------------------------------------------
// Figures of merit
// ---------------------------------------------------------------------------------------------

/// What engineers read off a step response.
///
/// Fractions are of the steady value: an `overshoot` of 0.25 is a quarter too far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepFigures {
    /// Where the output comes to rest.
    pub steady_value: f64,
    /// From the first time at 10 % to the first time at 90 % of the steady value, in seconds.
    pub rise_time: f64,
    /// The time after which the output stays within 2 % of the steady value, in seconds.
    pub settling_time: f64,
    /// How far beyond the steady value the output goes at most; 0 where it does not.
    pub overshoot: f64,
    /// How far it goes at most to the wrong side of 0; 0 where it does not.
    pub undershoot: f64,
    /// When it is farthest beyond the steady value, in seconds; none where it never is.
    pub peak_time: Option<f64>,
}

/// An overshoot or undershoot below this fraction of the steady value is taken for none.
const UNSEEN: f64 = 1e-9;
/// The band of the settling time.
const BAND: f64 = 0.02;
/// Nobody waits for more steps than this.
const STEP_LIMIT: usize = 10_000_000;
/// A mode that has fallen by e^{-50} is gone: less is left of it than of a rounding.
const GONE: f64 = 50.0;

/// The figures of merit of a flow's step response, from the exact response.
///
/// What is still missing at time t is `e(t) = C A^{-1} e^{At} B`, and its slope is the impulse response. The
/// response is followed in steps of an eighth of the fastest time constant that is still alive; between
/// two steps whose slopes differ in sign lies a turning point, and each figure is found by halving the
/// step in which it lies, 50 times. It is followed until an energy (Lyapunov's P, chapter 1) proves that
/// what is missing will never again exceed 10⁻⁹ of the steady value.
///
/// - *Exact* to rounding; a turning back and forth within an eighth of a radian of the fastest living mode
///   would be missed.
/// - Cost O(N³) for each of about 60 + log₂(slowest / fastest) exponentials, O(N²) a step.
///
/// # Errors
/// [`ResponseError::NotSingle`], [`ResponseError::NotSettling`] for an eigenvalue that does not die away,
/// [`ResponseError::NoSteadyValue`] where the response returns to 0, [`ResponseError::TooSlow`].
///
/// ```
/// use classical_ssm::responses::step_figures;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// let a = dmatrix![0.0, 1.0; -1.0, -0.4];
/// let spring = StateSpace::continuous(a, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// let figures = step_figures(&spring)?;
/// let (damping, omega) = (0.2_f64, 0.96_f64.sqrt());
/// let by_hand = (-damping / omega * std::f64::consts::PI).exp();
/// assert!((figures.overshoot - by_hand).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn step_figures(system: &StateSpace<Continuous>) -> Result<StepFigures, ResponseError> {
    check_single(system.inputs(), system.outputs())?;
    let lambda = eigenvalues(system.a())?;
    if let Some(&lambda) = lambda.iter().find(|lambda| lambda.re >= 0.0) {
        return Err(ResponseError::NotSettling { lambda });
    }
    let missing = system.a().transpose().lu().solve(&system.c().transpose());
    let missing = missing.ok_or(ResponseError::NotSettling { lambda: lambda[0] })?.transpose();
    let start = system.b().column(0).into_owned();
    let energy = solve_lyapunov(&system.a().transpose(), &identity(system.d_state()))?;
    let rest = Rest::new(missing.clone(), energy)?;
    let steady_value = check_steady(system.d()[0] - (&missing * &start)[0], system, &rest, &start)?;

    // Times in units of an eighth of the fastest time constant.
    let fastest = lambda.iter().fold(0.0, |most: f64, lambda| lambda.norm().max(most));
    let mut halving = Halving::new(system.a(), 0.125 / fastest);
    let (slope, missing) = (system.c() / steady_value, missing / steady_value);
    let reached = |x: &DVector<f64>| 1.0 + (&missing * x)[0];

    let mut watch = Watch::new(steady_value, reached(&start));
    let mut here = Moment { time: 0.0, x: start };
    for _ in 0..STEP_LIMIT {
        if rest.bound(&here.x) <= UNSEEN * steady_value.abs() {
            return Ok(watch.figures());
        }
        let alive = lambda.iter().filter(|lambda| -lambda.re * here.time <= GONE);
        let fastest_alive = alive.fold(0.0, |most: f64, lambda| lambda.norm().max(most));
        let level = if fastest_alive > 0.0 { (fastest / fastest_alive).log2() as i32 } else { 0 };
        let next = halving.after(&here, level)?;

        // A turning point splits the step into two on which the response only rises or only falls.
        let rising = |x: &DVector<f64>| (&slope * x)[0] > 0.0;
        let (before, after) = (rising(&here.x), rising(&next.x));
        if before != after {
            let turn = halving.first(&here, level, |moment| rising(&moment.x) != before)?;
            watch.piece(&mut halving, &here, &turn, level, &reached)?;
            watch.piece(&mut halving, &turn, &next, level, &reached)?;
        } else {
            watch.piece(&mut halving, &here, &next, level, &reached)?;
        }
        here = next;
    }
    Err(ResponseError::TooSlow { steps: STEP_LIMIT })
}

/// The figures of merit of a step response in steps, at whole steps: `y_k` belongs to the time kΔ.
///
/// Followed until an energy proves that what is missing will never again exceed 10⁻⁹ of the steady value.
///
/// - *Exact* up to rounding. Cost O(N²) a step.
///
/// # Errors
/// As [`step_figures`].
///
/// ```
/// use classical_ssm::responses::discrete_step_figures;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// // What is missing halves at each step: 1/64 is the first below 2 %, at k = 5.
/// let half = StateSpace::discrete(dmatrix![0.5], dmatrix![0.5], dmatrix![1.0], dmatrix![0.0], 1.0)?;
/// assert_eq!(discrete_step_figures(&half)?.settling_time, 5.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn discrete_step_figures(system: &StateSpace<Discrete>) -> Result<StepFigures, ResponseError> {
    check_single(system.inputs(), system.outputs())?;
    let n = system.d_state();
    let lambda = eigenvalues(system.a())?;
    if let Some(&lambda) = lambda.iter().find(|lambda| lambda.norm() >= 1.0) {
        return Err(ResponseError::NotSettling { lambda });
    }
    // y_k = y_∞ - C (I - A)^{-1} A x̂_k with x̂_k = A^k B.
    let left = (identity(n) - system.a()).transpose().lu().solve(&system.c().transpose());
    let left = left.ok_or(ResponseError::NotSettling { lambda: lambda[0] })?.transpose();
    let missing = -&left * system.a();
    let mut x = system.b().column(0).into_owned();
    let energy = solve_discrete_lyapunov(&system.a().transpose(), &identity(n))?;
    let rest = Rest::new(missing.clone(), energy)?;
    let steady_value = check_steady(system.d()[0] + (left * &x)[0], system, &rest, &x)?;

    let reached = |x: &DVector<f64>| 1.0 + (&missing * x)[0] / steady_value;
    let mut watch = Watch::new(steady_value, reached(&x));
    for k in 1..STEP_LIMIT {
        if rest.bound(&x) <= UNSEEN * steady_value.abs() {
            return Ok(watch.figures());
        }
        x = system.a() * x;
        let time = k as f64 * system.delta();
        watch.see(time, reached(&x), time);
    }
    Err(ResponseError::TooSlow { steps: STEP_LIMIT })
}

fn identity(size: usize) -> DMatrix<f64> {
    DMatrix::identity(size, size)
}

fn check_single(inputs: usize, outputs: usize) -> Result<(), ResponseError> {
    if inputs == 1 && outputs == 1 {
        Ok(())
    } else {
        Err(ResponseError::NotSingle { inputs, outputs })
    }
}

/// Refuses a steady value that is nothing, or nothing but rounding of what the response goes through.
fn check_steady<T: classical_ssm::state_space::TimeDomain>(
    value: f64,
    system: &StateSpace<T>,
    rest: &Rest,
    start: &DVector<f64>,
) -> Result<f64, ResponseError> {
    let scale = system.d()[0].abs() + rest.bound(start);
    if value.abs() > 1e-12 * scale {
        Ok(value)
    } else {
        Err(ResponseError::NoSteadyValue { value })
    }
}

/// An energy `xᵀ P x` that never grows, and with it a bound on all that `g x` will ever be:
/// `|g x(t')| ≤ √(g P^{-1} gᵀ) √(x(t)ᵀ P x(t))` for every t' ≥ t.
struct Rest {
    p: DMatrix<f64>,
    factor: f64,
}

impl Rest {
    fn new(g: DMatrix<f64>, p: DMatrix<f64>) -> Result<Self, ResponseError> {
        let seen = p.clone().lu().solve(&g.transpose());
        let seen = seen.map_or(f64::INFINITY, |solved| (g * solved)[0]);
        Ok(Self { p, factor: seen.max(0.0).sqrt() })
    }

    fn bound(&self, x: &DVector<f64>) -> f64 {
        self.factor * x.dot(&(&self.p * x)).max(0.0).sqrt()
    }
}

/// A time, and what is left then of the tap: `e^{At} B`.
#[derive(Debug, Clone)]
struct Moment {
    time: f64,
    x: DVector<f64>,
}

/// e^{A h 2^level} for the levels that were needed.
struct Halving<'a> {
    a: &'a DMatrix<f64>,
    h: f64,
    known: BTreeMap<i32, DMatrix<f64>>,
}

impl<'a> Halving<'a> {
    fn new(a: &'a DMatrix<f64>, h: f64) -> Self {
        Self { a, h, known: BTreeMap::new() }
    }

    fn after(&mut self, moment: &Moment, level: i32) -> Result<Moment, ResponseError> {
        let delta = self.h * 2f64.powi(level);
        if !self.known.contains_key(&level) {
            self.known.insert(level, matrix_exponential(&(self.a * delta))?);
        }
        Ok(Moment { time: moment.time + delta, x: &self.known[&level] * &moment.x })
    }

    // ANCHOR: first
    /// The first moment within a step of this level at which `reached` holds, if it holds from then on.
    fn first(
        &mut self,
        from: &Moment,
        level: i32,
        reached: impl Fn(&Moment) -> bool,
    ) -> Result<Moment, ResponseError> {
        let mut moment = from.clone();
        for halved in 1..=50 {
            let middle = self.after(&moment, level - halved)?;
            if !reached(&middle) {
                moment = middle;
            }
        }
        Ok(moment)
    }
    // ANCHOR_END: first
}

/// What has been seen of a step response so far, in units of its steady value.
struct Watch {
    steady_value: f64,
    ten_percent: Option<f64>,
    ninety_percent: Option<f64>,
    settled_since: f64,
    most: (f64, f64),
    least: f64,
}

impl Watch {
    fn new(steady_value: f64, reached: f64) -> Self {
        let mut watch = Self {
            steady_value,
            ten_percent: None,
            ninety_percent: None,
            settled_since: 0.0,
            most: (reached, 0.0),
            least: reached,
        };
        watch.see(0.0, reached, 0.0);
        watch
    }

    /// The response has `reached` this fraction; if it is outside the band, it is until `inside_from`.
    fn see(&mut self, time: f64, reached: f64, inside_from: f64) {
        if reached >= 0.1 {
            self.ten_percent.get_or_insert(time);
        }
        if reached >= 0.9 {
            self.ninety_percent.get_or_insert(time);
        }
        if (reached - 1.0).abs() > BAND {
            self.settled_since = f64::INFINITY;
        } else if self.settled_since == f64::INFINITY {
            self.settled_since = inside_from;
        }
        if reached > self.most.0 {
            self.most = (reached, time);
        }
        self.least = self.least.min(reached);
    }

    /// A piece on which the response only rises or only falls.
    fn piece(
        &mut self,
        halving: &mut Halving<'_>,
        from: &Moment,
        to: &Moment,
        level: i32,
        reached: &impl Fn(&DVector<f64>) -> f64,
    ) -> Result<(), ResponseError> {
        let (begin, end) = (reached(&from.x), reached(&to.x));
        let mut crossing = |value: f64| -> Result<f64, ResponseError> {
            let passed = |moment: &Moment| {
                moment.time >= to.time || (reached(&moment.x) >= value) == (end >= value)
            };
            Ok(halving.first(from, level, passed)?.time)
        };
        if end >= 0.1 && self.ten_percent.is_none() {
            self.ten_percent = Some(crossing(0.1)?);
        }
        if end >= 0.9 && self.ninety_percent.is_none() {
            self.ninety_percent = Some(crossing(0.9)?);
        }
        let mut inside_from = to.time;
        if (begin - 1.0).abs() > BAND && (end - 1.0).abs() <= BAND {
            inside_from = crossing(1.0 + BAND.copysign(begin - 1.0))?;
        }
        self.see(to.time, end, inside_from);
        Ok(())
    }

    fn figures(&self) -> StepFigures {
        let seen = |size: f64| if size > UNSEEN { size } else { 0.0 };
        let overshoot = seen(self.most.0 - 1.0);
        let rise = |time: Option<f64>| time.unwrap_or(f64::INFINITY);
        StepFigures {
            steady_value: self.steady_value,
            rise_time: rise(self.ninety_percent) - rise(self.ten_percent),
            settling_time: self.settled_since,
            overshoot,
            undershoot: seen(-self.least),
            peak_time: (overshoot > 0.0).then_some(self.most.1),
        }
    }
}

// ---------------------------------------------------------------------------------------------
// The chapter's servo
// ---------------------------------------------------------------------------------------------

/// The motor of chapter 1, with a winding of this inductance in henry.
fn motor(inductance: f64) -> Result<Matrices, ResponseError> {
    let parts = DcMotor { inductance, ..DcMotor::default() };
    Ok(dc_motor(&parts)?)
}

/// The loop of the chapter's servo before it is closed: from what the angle lacks to the angle.
///
/// The motor of chapter 1 is given `gain` volts for each radian that its angle lacks.
///
/// ```text
/// u = gain · (what is lacking) [V]    x = (angle, speed, current)    y = angle [rad]
/// ```
///
/// # Errors
/// [`ResponseError::Input`] unless the gain and the inductance are positive.
///
/// ```
/// let motor = classical_ssm::responses::servo_loop(5.0, 2e-3)?;
/// assert_eq!((motor.d_state(), motor.inputs(), motor.outputs()), (3, 1, 1));
/// # Ok::<(), classical_ssm::responses::ResponseError>(())
/// ```
pub fn servo_loop(gain: f64, inductance: f64) -> Result<StateSpace<Continuous>, ResponseError> {
    positive("the gain", gain)?;
    let Matrices { a, b, .. } = motor(inductance)?;
    // The angle is what the speed adds up to.
    let mut with_angle = DMatrix::zeros(3, 3);
    with_angle[(0, 1)] = 1.0;
    with_angle.view_mut((1, 1), (2, 2)).copy_from(&a);
    let volts = dmatrix![0.0; b[0]; b[1]] * gain;
    Ok(StateSpace::continuous(with_angle, volts, dmatrix![1.0, 0.0, 0.0], dmatrix![0.0])?)
}

/// The chapter's servo: from the angle that is wanted to the angle that is.
///
/// ```text
/// x' = (A - B C) x + B r,   y = C x,     A, B, C those of servo_loop
/// ```
///
/// # Errors
/// As [`servo_loop`].
///
/// ```
/// use classical_ssm::responses::{servo, step_figures};
///
/// let figures = step_figures(&servo(5.0, 2e-3)?)?;
/// assert!((figures.steady_value - 1.0).abs() < 1e-12);
/// assert!(figures.overshoot > 0.25);
/// # Ok::<(), classical_ssm::responses::ResponseError>(())
/// ```
pub fn servo(gain: f64, inductance: f64) -> Result<StateSpace<Continuous>, ResponseError> {
    Ok(servo_loop(gain, inductance)?.feedback_gain(&dmatrix![1.0])?)
}
