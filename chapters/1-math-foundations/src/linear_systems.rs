//! *A push and a starting point both move a system: where is it at time t?*
//!
//! The state of `x' = Ax + Bu` is what is left of where it started, plus what is left of every
//! push it has felt since (variation of constants):
//!
//! ```text
//! x(t) = e^{At} x(0) + ∫₀ᵗ e^{A(t-τ)} B u(τ) dτ      (eq-1-3)
//! ```
//!
//! [`propagate`] and [`free_response`] compute the first term, [`forced_response`] both, exactly
//! for an input that is held between samples, and [`variation_of_constants`] for any smooth input.
//! [`rk4`] and [`dormand_prince`] know nothing of exponentials: they follow any `x' = f(t, x)` by
//! small steps, and so check the exact answers independently. [`classify_planar`] names the
//! picture that two linear equations draw.
//!
//! Conventions: time starts at 0 unless a span says otherwise; `u[k]` is held over
//! `[kΔ, (k+1)Δ)` and moves `states[k]` to `states[k + 1]`.

use std::fmt::{self, Display};

use math_foundations::matrix_exponential::{MatrixExponentialError, matrix_exponential};
use math_foundations::validation::{self, InputError, at_least_one};
use nalgebra::{DMatrix, DVector, Matrix2};
use thiserror::Error;

/// Why a system cannot be followed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FlowError {
    /// A matrix, a vector or a number has no use as given.
    #[error(transparent)]
    Input(#[from] InputError),
    /// e^{At} cannot be computed.
    #[error(transparent)]
    Exponential(#[from] MatrixExponentialError),
    /// f returned a vector of another length than the state.
    #[error("expected f to return {expected} numbers, one for each state, found {found}")]
    DerivativeLength {
        /// The length of the state.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// f returned NaN or an infinity.
    #[error("expected a finite derivative, found {value} for component {component} at t = {time}")]
    NonFiniteDerivative {
        /// When.
        time: f64,
        /// Which entry of the derivative, from 0.
        component: usize,
        /// What was found.
        value: f64,
    },
    /// The state grew beyond the largest number.
    #[error("expected a finite state, found {value} for component {component} at t = {time}")]
    NonFiniteState {
        /// When.
        time: f64,
        /// Which entry of the state, from 0.
        component: usize,
        /// What was found.
        value: f64,
    },
    /// No step that moves the clock is short enough for the tolerance.
    #[error(
        "the step shrank to {step:.1e} at t = {time}: the solution blows up or jumps there, \
         or the tolerance asks for more digits than numbers have"
    )]
    StepTooSmall {
        /// When.
        time: f64,
        /// The step that was refused.
        step: f64,
    },
    /// The limit on the number of steps was reached before the end.
    #[error("{steps} steps reached t = {time} of {end}, the last one {step:.1e} long: {reason}")]
    TooManySteps {
        /// The limit.
        steps: usize,
        /// The time reached.
        time: f64,
        /// The time asked for.
        end: f64,
        /// The length of the last step.
        step: f64,
        /// What kept the steps short.
        reason: Reason,
    },
    /// A time at which nothing was computed.
    #[error("expected a time from {start} to {end}, found {time}")]
    OutsideSpan {
        /// The time asked for.
        time: f64,
        /// Where the trajectory starts.
        start: f64,
        /// Where it ends.
        end: f64,
    },
}

/// States at increasing times: one row of the story of a system after another.
///
/// `states[k]` belongs to `times[k]`; every state has the same length.
///
/// ```
/// use math_foundations::linear_systems::free_response;
/// use nalgebra::{dmatrix, dvector};
///
/// let decay = free_response(&dmatrix![-1.0], &dvector![2.0], &[0.0, 1.0])?;
/// assert_eq!(decay.component(0)[0], (0.0, 2.0));
/// assert!((decay.last().unwrap()[0] - 2.0 / std::f64::consts::E).abs() < 1e-15);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trajectory {
    /// When.
    pub times: Vec<f64>,
    /// Where, at each time.
    pub states: Vec<DVector<f64>>,
}

impl Trajectory {
    /// Entry `index` of the state against time: the points of a plot.
    pub fn component(&self, index: usize) -> Vec<(f64, f64)> {
        self.times.iter().zip(&self.states).map(|(&t, x)| (t, x[index])).collect()
    }

    /// Entry `vertical` against entry `horizontal`: the points of a phase portrait.
    pub fn phase(&self, horizontal: usize, vertical: usize) -> Vec<(f64, f64)> {
        self.states.iter().map(|x| (x[horizontal], x[vertical])).collect()
    }

    /// The last state; none of an empty trajectory.
    pub fn last(&self) -> Option<&DVector<f64>> {
        self.states.last()
    }

    fn push(&mut self, time: f64, state: DVector<f64>) {
        self.times.push(time);
        self.states.push(state);
    }
}

// ---------------------------------------------------------------------------------------------
// Exact answers
// ---------------------------------------------------------------------------------------------

/// The state at time `t` of `x' = Ax` that started in `x0`.
///
/// ```text
/// x(t) = e^{At} x(0)
/// ```
///
/// - Shapes: `a` `[N, N]`, `x0` `[N]`, result `[N]`. `t` may be negative: the flow runs both ways.
/// - *Exact* for every A, up to the digits of the exponential.
/// - Cost O(N³). For many times see [`free_response`].
///
/// # Errors
/// [`FlowError::Input`] for shapes that do not fit and for numbers that are not finite,
/// [`FlowError::Exponential`] when e^{At} overflows.
///
/// ```
/// use math_foundations::linear_systems::propagate;
/// use nalgebra::{dmatrix, dvector};
///
/// // A quarter of a turn, and back.
/// let a = dmatrix![0.0, 1.0; -1.0, 0.0];
/// let quarter = std::f64::consts::FRAC_PI_2;
/// let x = propagate(&a, &dvector![1.0, 0.0], quarter)?;
/// assert!((&x - dvector![0.0, -1.0]).amax() < 1e-15);
/// assert!((propagate(&a, &x, -quarter)? - dvector![1.0, 0.0]).amax() < 1e-15);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
pub fn propagate(a: &DMatrix<f64>, x0: &DVector<f64>, t: f64) -> Result<DVector<f64>, FlowError> {
    check_flow(a, x0)?;
    check_time("t", t)?;
    Ok(matrix_exponential(&(a * t))? * x0)
}

/// The states at all `times` of `x' = Ax` that started in `x0` at time 0.
///
/// ```text
/// x(t) = e^{At} x(0)
/// ```
///
/// - Shapes: `a` `[N, N]`, `x0` `[N]`, one state `[N]` for each time.
/// - *Exact* at every time: each has an exponential of its own, so no error is carried along.
/// - Cost O(N³) a time.
///
/// # Errors
/// As [`propagate`].
///
/// ```
/// use math_foundations::linear_systems::free_response;
/// use nalgebra::{dmatrix, dvector};
///
/// let x = free_response(&dmatrix![0.0, 1.0; 0.0, 0.0], &dvector![0.0, 3.0], &[0.0, 0.5, 2.0])?;
/// assert_eq!(x.component(0), [(0.0, 0.0), (0.5, 1.5), (2.0, 6.0)]);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
pub fn free_response(
    a: &DMatrix<f64>,
    x0: &DVector<f64>,
    times: &[f64],
) -> Result<Trajectory, FlowError> {
    let mut trajectory = Trajectory::default();
    for &t in times {
        trajectory.push(t, propagate(a, x0, t)?);
    }
    Ok(trajectory)
}

/// The two matrices that carry `x' = Ax + Bu` over a time `delta` while u does not change.
///
/// ```text
///     ⎛ ⎡A B⎤   ⎞   ⎡Ā B̄⎤
/// exp ⎜ ⎣0 0⎦ Δ ⎟ = ⎣0 I⎦ ,      x(Δ) = Ā x(0) + B̄ u,      B̄ = ∫₀^Δ e^{Aτ} B dτ
/// ```
///
/// The input is made part of the state: while it is held it obeys u' = 0, so the pair (x, u) is a
/// linear system without input, and one exponential answers both.
///
/// - Shapes: `a` and Ā `[N, N]`, `b` and B̄ `[N, M]`.
/// - *Exact when* u is constant; *good for* singular A too, where B̄ = A⁻¹(Ā - I)B has no meaning.
/// - Cost O((N + M)³).
///
/// # Errors
/// As [`propagate`].
///
/// Source: C. F. Van Loan, *Computing integrals involving the matrix exponential* (1978).
///
/// ```
/// use math_foundations::linear_systems::held_input_step;
/// use nalgebra::dmatrix;
///
/// // A mass pushed by a unit force for two seconds: v = 2, q = 2²/2.
/// let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0]);
/// let (a_bar, b_bar) = held_input_step(&a, &b, 2.0)?;
/// assert_eq!(a_bar, dmatrix![1.0, 2.0; 0.0, 1.0]);
/// assert_eq!(b_bar, dmatrix![2.0; 2.0]);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
// ANCHOR: held_input_step
pub fn held_input_step(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    delta: f64,
) -> Result<(DMatrix<f64>, DMatrix<f64>), FlowError> {
    let (states, inputs) = check_driven(a, b)?;
    check_time("Δ", delta)?;

    // While u is held, u' = 0: the pair (x, u) is a linear system of its own.
    let mut block = DMatrix::zeros(states + inputs, states + inputs);
    block.view_mut((0, 0), (states, states)).copy_from(a);
    block.view_mut((0, states), (states, inputs)).copy_from(b);
    let carried = matrix_exponential(&(block * delta))?;

    let a_bar = carried.view((0, 0), (states, states)).into_owned();
    let b_bar = carried.view((0, states), (states, inputs)).into_owned();
    Ok((a_bar, b_bar))
}
// ANCHOR_END: held_input_step

/// The states of `x' = Ax + Bu` at 0, Δ, 2Δ, … for an input that is held between those times.
///
/// ```text
/// x((k+1)Δ) = Ā x(kΔ) + B̄ u[k],      u(t) = u[k] for kΔ ≤ t < (k+1)Δ
/// ```
///
/// - Shapes: `a` `[N, N]`, `b` `[N, M]`, `x0` `[N]`, `u` one `[M]` an interval; L inputs give
///   L + 1 states, `states[0] = x0`.
/// - *Exact* for such an input. *Breaks* nothing for another one, but then the hold is an
///   approximation: see [`variation_of_constants`].
/// - Cost O((N + M)³ + L N (N + M)).
///
/// # Errors
/// As [`propagate`], and for a Δ that is not positive.
///
/// ```
/// use math_foundations::linear_systems::forced_response;
/// use nalgebra::{dmatrix, dvector};
///
/// // A leaky tank, filled for one second and then left alone.
/// let (a, b) = (dmatrix![-1.0], dmatrix![1.0]);
/// let u = [dvector![1.0], dvector![0.0]];
/// let x = forced_response(&a, &b, &dvector![0.0], &u, 1.0)?;
/// let filled = 1.0 - (-1.0_f64).exp();
/// assert!((x.states[1][0] - filled).abs() < 1e-15);
/// assert!((x.states[2][0] - filled * (-1.0_f64).exp()).abs() < 1e-15);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
// ANCHOR: forced_response
pub fn forced_response(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    x0: &DVector<f64>,
    u: &[DVector<f64>],
    delta: f64,
) -> Result<Trajectory, FlowError> {
    check_flow(a, x0)?;
    validation::positive("Δ", delta)?;
    let (a_bar, b_bar) = held_input_step(a, b, delta)?;

    let mut x = x0.clone();
    let mut trajectory = Trajectory { times: vec![0.0], states: vec![x.clone()] };
    for (k, u_k) in u.iter().enumerate() {
        check_input(u_k, b)?;
        x = &a_bar * x + &b_bar * u_k;
        let time = (k + 1) as f64 * delta;
        finite_state(time, &x)?;
        trajectory.push(time, x.clone());
    }
    Ok(trajectory)
}
// ANCHOR_END: forced_response

/// Where Gauss and Legendre look at a function on [0, 1], and how much each look weighs: the five
/// points integrate polynomials up to degree 9 exactly.
const GAUSS_LEGENDRE: [(f64, f64); 5] = [
    (0.046_910_077_030_668_004, 0.118_463_442_528_094_54),
    (0.230_765_344_947_158_45, 0.239_314_335_249_683_23),
    (0.5, 0.284_444_444_444_444_44),
    (0.769_234_655_052_841_6, 0.239_314_335_249_683_23),
    (0.953_089_922_969_332, 0.118_463_442_528_094_54),
];

/// The state at time `t` of `x' = Ax + Bu(t)`: the formula of variation of constants as it stands.
///
/// ```text
/// x(t) = e^{At} x(0) + ∫₀ᵗ e^{A(t-τ)} B u(τ) dτ      (eq-1-3)
/// ```
///
/// The integral is a sum over `panels` intervals with five Gauss-Legendre points in each; what was
/// collected so far is carried over the next panel by e^{Ah}.
///
/// - Shapes: `a` `[N, N]`, `b` `[N, M]`, `x0` `[N]`, `u` returns `[M]`.
/// - *Exact when* u is 0. Otherwise the error falls as panels⁻¹⁰ for a smooth u; *breaks* that
///   order at jumps of u inside a panel.
/// - Cost six exponentials, then O(panels · N (N + M)).
///
/// # Errors
/// As [`propagate`]; [`FlowError::Input`] for no panels or an input that is not finite.
///
/// ```
/// use math_foundations::linear_systems::variation_of_constants;
/// use nalgebra::{dmatrix, dvector};
///
/// // q'' = -q + 2 cos t from rest: the resonance q = t sin t.
/// let (a, b) = (dmatrix![0.0, 1.0; -1.0, 0.0], dmatrix![0.0; 1.0]);
/// let push = |t: f64| dvector![2.0 * t.cos()];
/// let x = variation_of_constants(&a, &b, &dvector![0.0, 0.0], push, 10.0, 20)?;
/// assert!((x[0] - 10.0 * 10.0_f64.sin()).abs() < 1e-12);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
pub fn variation_of_constants(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    x0: &DVector<f64>,
    mut u: impl FnMut(f64) -> DVector<f64>,
    t: f64,
    panels: usize,
) -> Result<DVector<f64>, FlowError> {
    check_flow(a, x0)?;
    check_driven(a, b)?;
    check_time("t", t)?;
    at_least_one("panels", panels)?;

    // Each look at the input is carried to the end of its panel by an exponential of its own.
    let h = t / panels as f64;
    let carry = matrix_exponential(&(a * h))?;
    let mut looks = Vec::new();
    for (node, weight) in GAUSS_LEGENDRE {
        let kept = matrix_exponential(&(a * (h * (1.0 - node))))?;
        looks.push((node, kept * b * (h * weight)));
    }

    let mut x = x0.clone();
    for panel in 0..panels {
        x = &carry * x;
        for (node, pushed) in &looks {
            let u_look = u((panel as f64 + node) * h);
            check_input(&u_look, b)?;
            x += pushed * u_look;
        }
    }
    finite_state(t, &x)?;
    Ok(x)
}

// ---------------------------------------------------------------------------------------------
// Small steps: Runge and Kutta's four slopes
// ---------------------------------------------------------------------------------------------

/// One step of the classical Runge-Kutta method.
///
/// ```text
/// k1 = f(t, x)                      k2 = f(t + h/2, x + h/2 k1)
/// k3 = f(t + h/2, x + h/2 k2)       k4 = f(t + h, x + h k3)
/// x(t + h) ≈ x + h/6 (k1 + 2 k2 + 2 k3 + k4)
/// ```
///
/// - Shapes: `x` `[N]`, `f` maps a time and `[N]` to `[N]`.
/// - *Exact when* x(t) is a polynomial of degree 4 or less and f depends on t alone. Otherwise
///   the error of one step falls as h⁵, that of a whole stretch as h⁴.
/// - Cost four evaluations of f.
///
/// # Errors
/// [`FlowError::DerivativeLength`], [`FlowError::NonFiniteDerivative`].
///
/// Source: W. Kutta, *Beitrag zur näherungsweisen Integration totaler Differentialgleichungen*
/// (1901); E. Hairer, S. P. Nørsett and G. Wanner, *Solving Ordinary Differential Equations I*,
/// section II.1.
///
/// ```
/// use math_foundations::linear_systems::rk4_step;
/// use nalgebra::dvector;
///
/// // The integral of 4t³ over [0, 1] is 1.
/// let x = rk4_step(&mut |t: f64, _| dvector![4.0 * t.powi(3)], 0.0, &dvector![0.0], 1.0)?;
/// assert!((x[0] - 1.0).abs() < 1e-15);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
// ANCHOR: rk4_step
pub fn rk4_step(
    f: &mut impl FnMut(f64, &DVector<f64>) -> DVector<f64>,
    t: f64,
    x: &DVector<f64>,
    h: f64,
) -> Result<DVector<f64>, FlowError> {
    // The slope here, twice the slope half a step ahead, and the slope at the end.
    let k1 = slope(f, t, x)?;
    let k2 = slope(f, t + h / 2.0, &(x + &k1 * (h / 2.0)))?;
    let k3 = slope(f, t + h / 2.0, &(x + &k2 * (h / 2.0)))?;
    let k4 = slope(f, t + h, &(x + &k3 * h))?;
    Ok(x + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0))
}
// ANCHOR_END: rk4_step

/// Follows `x' = f(t, x)` from time 0 to `t_end` in equal steps of the Runge-Kutta method.
///
/// - Shapes: `x0` `[N]`; `steps + 1` times and states.
/// - *Good for* smooth problems whose time scale is known. *Breaks* without a word when the step
///   is too long: the error is not measured, see [`dormand_prince`].
/// - Cost four evaluations of f a step.
///
/// # Errors
/// [`FlowError::Input`] for no steps or numbers that are not finite; those of [`rk4_step`];
/// [`FlowError::NonFiniteState`] when the state overflows.
///
/// ```
/// use math_foundations::linear_systems::rk4;
/// use nalgebra::dvector;
///
/// let decay = rk4(|_, x| -x, &dvector![1.0], 1.0, 10)?;
/// let error = decay.last().unwrap()[0] - (-1.0_f64).exp();
/// assert!(error.abs() < 4e-7);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
pub fn rk4(
    mut f: impl FnMut(f64, &DVector<f64>) -> DVector<f64>,
    x0: &DVector<f64>,
    t_end: f64,
    steps: usize,
) -> Result<Trajectory, FlowError> {
    validation::finite_vector("x0", x0)?;
    check_time("t_end", t_end)?;
    at_least_one("steps", steps)?;

    let time = |step: usize| t_end * (step as f64 / steps as f64);
    let mut trajectory = Trajectory { times: vec![0.0], states: vec![x0.clone()] };
    let mut x = x0.clone();
    for step in 0..steps {
        x = rk4_step(&mut f, time(step), &x, time(step + 1) - time(step))?;
        finite_state(time(step + 1), &x)?;
        trajectory.push(time(step + 1), x.clone());
    }
    Ok(trajectory)
}

// ---------------------------------------------------------------------------------------------
// Steps that choose their own length: Dormand and Prince's embedded pair
// ---------------------------------------------------------------------------------------------

/// When each of the stages two to seven looks, as a part of the step.
const NODES: [f64; 6] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];

/// How much of each earlier slope leads to the point where stages two to seven look. The last row
/// leads to the end of the step: it is the method of order five.
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// The weights of order five less those of order four: what the two answers disagree by.
const DISAGREEMENT: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// The weights of the one term of the interpolant that needs all the slopes (Shampine 1986).
const MIDDLE: [f64; 7] = [
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
];

/// One step of an embedded pair: the answer, and how far a poorer answer is from it.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedStep {
    /// The state at the end of the step, of order five.
    pub x: DVector<f64>,
    /// That state less the one of order four: an estimate of the error of the poorer answer.
    pub error: DVector<f64>,
    /// The seven slopes; the last one is the first of the next step.
    pub slopes: Vec<DVector<f64>>,
}

/// One step of Dormand and Prince's pair, from a point whose slope is known.
///
/// ```text
/// k_i = f(t + c_i h, x + h Σ_j a_ij k_j),     x₅ = x + h Σ b_j k_j,     x₅ - x₄ = h Σ (b_j - b̂_j) k_j
/// ```
///
/// Two answers of order five and four share their slopes: the second costs nothing, and their
/// difference says how good the first is.
///
/// - Shapes: `x` and `slope` `[N]`.
/// - The error of one step falls as h⁶ for `x`, as h⁵ for the estimate.
/// - Cost six evaluations of f.
///
/// # Errors
/// [`FlowError::DerivativeLength`], [`FlowError::NonFiniteDerivative`].
///
/// Source: J. R. Dormand and P. J. Prince, *A family of embedded Runge-Kutta formulae* (1980).
///
/// ```
/// use math_foundations::linear_systems::dormand_prince_step;
/// use nalgebra::dvector;
///
/// let step = dormand_prince_step(&mut |_, x| -x, 0.0, &dvector![1.0], &dvector![-1.0], 0.1)?;
/// let error = step.x[0] - (-0.1_f64).exp();
/// assert!(error.abs() < step.error[0].abs());
/// assert!(step.error[0].abs() < 1e-7);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
// ANCHOR: dormand_prince_step
pub fn dormand_prince_step(
    f: &mut impl FnMut(f64, &DVector<f64>) -> DVector<f64>,
    t: f64,
    x: &DVector<f64>,
    first_slope: &DVector<f64>,
    h: f64,
) -> Result<EmbeddedStep, FlowError> {
    let mut slopes = vec![first_slope.clone()];
    let mut end = x.clone();
    for (node, row) in NODES.iter().zip(STAGES) {
        // The last row is the answer itself: the seventh slope is taken at the end of the step.
        end = x + weighted(row, &slopes) * h;
        slopes.push(slope(f, t + node * h, &end)?);
    }
    let error = weighted(&DISAGREEMENT, &slopes) * h;
    Ok(EmbeddedStep { x: end, error, slopes })
}
// ANCHOR_END: dormand_prince_step

/// Σ_j weights[j] slopes[j].
fn weighted(weights: &[f64], slopes: &[DVector<f64>]) -> DVector<f64> {
    let mut sum = DVector::zeros(slopes[0].len());
    for (&weight, slope) in weights.iter().zip(slopes) {
        if weight != 0.0 {
            sum.axpy(weight, slope, 1.0);
        }
    }
    sum
}

/// An integrator that chooses its steps: Dormand and Prince's pair under a PI controller.
///
/// A step is accepted when the two answers of the pair agree, in every component, within
/// `absolute + relative · |x|`. The tolerance bounds the error that *one step* adds (and
/// generously, because the better of the two answers is kept); what these errors grow to over
/// many steps is the system's own doing.
///
/// ```
/// use math_foundations::linear_systems::DormandPrince;
/// use nalgebra::dvector;
///
/// // Decay over ten time constants: only a relative tolerance keeps digits of what is left.
/// let solver = DormandPrince { relative: 1e-10, absolute: 1e-30, ..DormandPrince::default() };
/// let solution = solver.integrate(|_, x| -x, &dvector![1.0], (0.0, 10.0))?;
/// let left = solution.steps().last().unwrap()[0];
/// assert!((left / (-10.0_f64).exp() - 1.0).abs() < 1e-9);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DormandPrince {
    /// The error that a step may add, relative to the state.
    pub relative: f64,
    /// The error that a step may add where the state is small.
    pub absolute: f64,
    /// The longest step.
    pub longest_step: f64,
    /// How many steps may be tried, rejected ones included.
    pub step_limit: usize,
}

impl Default for DormandPrince {
    fn default() -> Self {
        Self { relative: 1e-6, absolute: 1e-6, longest_step: f64::INFINITY, step_limit: 100_000 }
    }
}

/// How far below the tolerance a step aims, so that few are rejected.
const SAFETY: f64 = 0.9;
/// How much shorter or longer than the one before a step may be.
const RATIOS: (f64, f64) = (0.2, 10.0);
/// How much the error of the step before still counts (Gustafsson 1991).
const MEMORY: f64 = 0.04;

impl DormandPrince {
    /// An integrator with one tolerance, relative and absolute.
    pub fn with_tolerance(tolerance: f64) -> Self {
        Self { relative: tolerance, absolute: tolerance, ..Self::default() }
    }

    /// Follows `x' = f(t, x)` from `x0` over `t_span`, which may run backwards.
    ///
    /// # Errors
    /// [`FlowError::Input`] for a tolerance that is not positive and for numbers that are not
    /// finite; [`FlowError::StepTooSmall`] where the solution blows up or jumps;
    /// [`FlowError::NonFiniteDerivative`] where f has no value, however short the step;
    /// [`FlowError::TooManySteps`] at the step limit, which is where stiff problems end.
    pub fn integrate(
        &self,
        mut f: impl FnMut(f64, &DVector<f64>) -> DVector<f64>,
        x0: &DVector<f64>,
        t_span: (f64, f64),
    ) -> Result<AdaptiveTrajectory, FlowError> {
        self.check(x0, t_span)?;
        let mut solution = AdaptiveTrajectory::start(x0, t_span.0);
        let first_slope = slope(&mut f, t_span.0, x0)?;
        solution.evaluations += 1;
        if t_span.0 != t_span.1 {
            let h = self.first_step(&mut f, x0, &first_slope, t_span, &mut solution.evaluations);
            self.walk(&mut f, &mut solution, first_slope, h, t_span.1)?;
        }
        Ok(solution)
    }

    /// Steps until `end`, from the last state of the solution and the slope there.
    fn walk(
        &self,
        f: &mut impl FnMut(f64, &DVector<f64>) -> DVector<f64>,
        solution: &mut AdaptiveTrajectory,
        mut first_slope: DVector<f64>,
        mut h: f64,
        end: f64,
    ) -> Result<(), FlowError> {
        let mut controller = Controller { size_before: 1e-4, rejected: false };
        let mut refusal = None;
        while solution.reached().0 != end {
            solution.evaluations += NODES.len();
            let (t, x) = solution.reached();
            // The last step ends where it should; no step is left over that is too short to take.
            let last = 1.01 * h.abs() >= (end - t).abs();
            if last {
                h = end - t;
            } else if t + 0.1 * h == t {
                let too_small = FlowError::StepTooSmall { time: t, step: h.abs() };
                return Err(refusal.unwrap_or(too_small));
            }
            if solution.accepted + solution.rejected >= self.step_limit {
                return Err(solution.too_many(self.step_limit, end));
            }

            // A step that leaves the domain of f may be too long: refused like a wrong one.
            let step = match dormand_prince_step(f, t, x, &first_slope, h) {
                Ok(step) => Some(step),
                Err(error @ FlowError::NonFiniteDerivative { .. }) => {
                    refusal = Some(error);
                    None
                }
                Err(error) => return Err(error),
            };
            let size = step.as_ref().map_or(f64::INFINITY, |step| self.size(step, x));
            match step {
                Some(step) if size <= 1.0 => {
                    first_slope.copy_from(&step.slopes[6]);
                    solution.accept(step, h, if last { end } else { t + h });
                    refusal = None;
                }
                _ => solution.rejected += 1,
            }
            h *= controller.ratio(size);
            h = h.clamp(-self.longest_step, self.longest_step);
        }
        Ok(())
    }

    /// The largest disagreement of the pair over the components, in tolerances.
    fn size(&self, step: &EmbeddedStep, x: &DVector<f64>) -> f64 {
        let mut largest: f64 = 0.0;
        for i in 0..x.len() {
            let scale = self.absolute + self.relative * x[i].abs().max(step.x[i].abs());
            let size = (step.error[i] / scale).abs();
            largest = largest.max(if size.is_finite() { size } else { f64::INFINITY });
        }
        largest
    }

    /// A first step from the sizes of the state, its slope and the change of its slope.
    ///
    /// Source: E. Hairer, S. P. Nørsett and G. Wanner, *Solving Ordinary Differential Equations
    /// I*, section II.4.
    fn first_step(
        &self,
        f: &mut impl FnMut(f64, &DVector<f64>) -> DVector<f64>,
        x0: &DVector<f64>,
        first_slope: &DVector<f64>,
        (start, end): (f64, f64),
        evaluations: &mut usize,
    ) -> f64 {
        let norm = |v: &DVector<f64>| {
            let scaled =
                v.iter().zip(x0).map(|(v, x)| v / (self.absolute + self.relative * x.abs()));
            scaled.fold(0.0, |largest: f64, s| largest.max(s.abs()))
        };
        let limit = (end - start).abs().min(self.longest_step);
        let direction = (end - start).signum();
        let (d0, d1) = (norm(x0), norm(first_slope));
        let guess = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 } else { 0.01 * d0 / d1 }.min(limit);

        *evaluations += 1;
        let euler = x0 + first_slope * (direction * guess);
        let Ok(second_slope) = slope(f, start + direction * guess, &euler) else {
            return direction * guess;
        };
        let d2 = norm(&(second_slope - first_slope)) / guess;
        let steepest = d1.max(d2);
        let h = if steepest <= 1e-15 {
            1e-6_f64.max(1e-3 * guess)
        } else {
            (0.01 / steepest).powf(0.2)
        };
        direction * h.min(100.0 * guess).min(limit)
    }

    fn check(&self, x0: &DVector<f64>, (start, end): (f64, f64)) -> Result<(), FlowError> {
        validation::positive("the relative tolerance", self.relative)?;
        validation::positive("the absolute tolerance", self.absolute)?;
        if self.longest_step != f64::INFINITY {
            validation::positive("the longest step", self.longest_step)?;
        }
        validation::finite_vector("x0", x0)?;
        check_time("the start", start)?;
        check_time("the end", end)?;
        check_time("the duration", end - start)
    }
}

/// Chooses the length of the next step from the sizes of the last two disagreements.
struct Controller {
    size_before: f64,
    rejected: bool,
}

// ANCHOR: controller
impl Controller {
    /// The next step over this one, when the pair disagreed by `size` tolerances.
    fn ratio(&mut self, size: f64) -> f64 {
        let (shortest, mut longest) = RATIOS;
        let proportional = SAFETY * size.powf(-(0.2 - 0.75 * MEMORY));
        if size > 1.0 {
            self.rejected = true;
            return proportional.clamp(shortest, 1.0);
        }
        // No growth right after a rejection: what failed once fails again.
        if self.rejected {
            longest = 1.0;
        }
        let ratio = proportional * self.size_before.powf(MEMORY);
        *self = Controller { size_before: size.max(1e-4), rejected: false };
        ratio.clamp(shortest, longest)
    }
}
// ANCHOR_END: controller

/// What [`dormand_prince`] found: the states at the ends of its steps, and a polynomial over each.
///
/// Between two ends the state is a polynomial of degree four that meets both states with their
/// slopes: the curve has no corners, and its error falls as h⁴ with the length of a step.
///
/// ```
/// use math_foundations::linear_systems::dormand_prince;
/// use nalgebra::dvector;
///
/// let decay = dormand_prince(|_, x| -x, &dvector![1.0], (0.0, 2.0), 1e-8)?;
/// assert!((decay.at(0.7)?[0] - (-0.7_f64).exp()).abs() < 1e-8);
/// assert_eq!(
///     decay.at(2.5).unwrap_err().to_string(),
///     "expected a time from 0 to 2, found 2.5",
/// );
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveTrajectory {
    trajectory: Trajectory,
    /// Over each step, the four vectors that bend the line from its start to its end.
    bends: Vec<[DVector<f64>; 4]>,
    accepted: usize,
    rejected: usize,
    evaluations: usize,
    last_rate: f64,
}

impl AdaptiveTrajectory {
    fn start(x0: &DVector<f64>, time: f64) -> Self {
        Self {
            trajectory: Trajectory { times: vec![time], states: vec![x0.clone()] },
            bends: Vec::new(),
            accepted: 0,
            rejected: 0,
            evaluations: 0,
            last_rate: 0.0,
        }
    }

    /// The times at which steps ended and the states there, the start included.
    pub fn steps(&self) -> &Trajectory {
        &self.trajectory
    }

    /// How many steps were kept.
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// How many steps were too long and were tried again.
    pub fn rejected(&self) -> usize {
        self.rejected
    }

    /// How many times f was asked.
    pub fn evaluations(&self) -> usize {
        self.evaluations
    }

    /// The state at any time of the span.
    ///
    /// ```text
    /// x(t + θh) ≈ x + θ (Δ + (1-θ) (p + θ (q + (1-θ) r)))
    /// ```
    ///
    /// Δ is the change over the step, p and q match the slopes at its ends, r uses all seven.
    ///
    /// # Errors
    /// [`FlowError::OutsideSpan`].
    pub fn at(&self, time: f64) -> Result<DVector<f64>, FlowError> {
        let times = &self.trajectory.times;
        let (start, end) = (times[0], times[times.len() - 1]);
        let forward = end >= start;
        if !(start.min(end) <= time && time <= start.max(end)) {
            return Err(FlowError::OutsideSpan {
                time,
                start: start.min(end),
                end: start.max(end),
            });
        }
        let after = times.partition_point(|&t| if forward { t <= time } else { t >= time });
        let step = after.saturating_sub(1);
        let x = &self.trajectory.states[step];
        let Some([change, p, q, r]) = self.bends.get(step) else {
            return Ok(x.clone());
        };
        let theta = (time - times[step]) / (times[step + 1] - times[step]);
        let rest = 1.0 - theta;
        Ok(x + (change + (p + (q + r * rest) * theta) * rest) * theta)
    }

    /// The states at all `times`.
    ///
    /// # Errors
    /// [`FlowError::OutsideSpan`].
    pub fn sample(&self, times: &[f64]) -> Result<Trajectory, FlowError> {
        let states = times.iter().map(|&t| self.at(t)).collect::<Result<_, _>>()?;
        Ok(Trajectory { times: times.to_vec(), states })
    }

    fn reached(&self) -> (f64, &DVector<f64>) {
        let last = self.trajectory.times.len() - 1;
        (self.trajectory.times[last], &self.trajectory.states[last])
    }

    fn accept(&mut self, step: EmbeddedStep, h: f64, time: f64) {
        let (_, x) = self.reached();
        let EmbeddedStep { x: end, slopes, .. } = step;
        // The sixth and the seventh slope are taken at one time: how much they differ, over how
        // far apart they are, is the fastest rate that the step has met.
        let sixth = x + weighted(STAGES[4], &slopes) * h;
        let distance = (&end - sixth).norm();
        let rate = if distance > 0.0 { (&slopes[6] - &slopes[5]).norm() / distance } else { 0.0 };

        let change = &end - x;
        let p = &slopes[0] * h - &change;
        let q = &change - &slopes[6] * h - &p;
        let r = weighted(&MIDDLE, &slopes) * h;
        self.bends.push([change, p, q, r]);
        self.trajectory.push(time, end);
        self.accepted += 1;
        self.last_rate = rate * h.abs();
    }

    fn too_many(&self, steps: usize, end: f64) -> FlowError {
        let times = &self.trajectory.times;
        let (time, before) = (times[times.len() - 1], times[times.len().saturating_sub(2)]);
        let reason = if self.last_rate > STIFF { Reason::Stability } else { Reason::Accuracy };
        FlowError::TooManySteps { steps, time, end, step: (time - before).abs(), reason }
    }
}

/// Above this product of step and rate the pair is about to lose its stability: its region ends at
/// 3.3 on the negative axis, at 1 on the imaginary one.
const STIFF: f64 = 2.0;

/// What kept the steps short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The tolerance: the solution has that much to tell.
    Accuracy,
    /// The method: longer steps would explode although the solution is smooth (stiffness).
    Stability,
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Accuracy => "a looser tolerance or a shorter duration takes fewer",
            Reason::Stability => {
                "the problem is stiff, its fastest decay and not the tolerance keeps the steps short"
            }
        })
    }
}

/// Follows `x' = f(t, x)` from `x0` over `t_span` in steps that choose their own length.
///
/// Short for [`DormandPrince::with_tolerance`] and [`DormandPrince::integrate`].
///
/// - Shapes: `x0` `[N]`, `f` maps a time and `[N]` to `[N]`; `t_span` is (start, end), and may run
///   backwards.
/// - *Good for* smooth problems at tolerances from 10⁻³ to 10⁻¹². The tolerance is held *by each
///   step*; the error at the end also depends on what the system does with errors. *Breaks*, with
///   an error that says so, on stiff problems and at singularities.
/// - Cost six evaluations of f a step, accepted or not, and two to start.
///
/// # Errors
/// As [`DormandPrince::integrate`].
///
/// Source: J. R. Dormand and P. J. Prince (1980); step control and interpolant as in E. Hairer,
/// S. P. Nørsett and G. Wanner, *Solving Ordinary Differential Equations I*, sections II.4 to II.6.
///
/// ```
/// use math_foundations::linear_systems::dormand_prince;
/// use nalgebra::dvector;
///
/// // x' = x² from 1 is 1/(1-t): it has no value at t = 1, and the integrator says so.
/// let square = |_, x: &nalgebra::DVector<f64>| x.component_mul(x);
/// let half = dormand_prince(square, &dvector![1.0], (0.0, 0.5), 1e-9)?;
/// assert!((half.steps().last().unwrap()[0] - 2.0).abs() < 1e-8);
/// let beyond = dormand_prince(square, &dvector![1.0], (0.0, 2.0), 1e-9).unwrap_err();
/// assert!(beyond.to_string().contains("the solution blows up"));
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
pub fn dormand_prince(
    f: impl FnMut(f64, &DVector<f64>) -> DVector<f64>,
    x0: &DVector<f64>,
    t_span: (f64, f64),
    tolerance: f64,
) -> Result<AdaptiveTrajectory, FlowError> {
    DormandPrince::with_tolerance(tolerance).integrate(f, x0, t_span)
}

// ---------------------------------------------------------------------------------------------
// The picture that two equations draw
// ---------------------------------------------------------------------------------------------

/// Where the trajectories of a phase portrait go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards the origin: stable.
    In,
    /// Away from it: unstable.
    Out,
}

/// The phase portrait of `x' = Ax` with two states: what all trajectories together look like.
///
/// ```
/// use math_foundations::linear_systems::{Direction, PhasePortrait, classify_planar};
/// use nalgebra::matrix;
///
/// let spring = classify_planar(&matrix![0.0, 1.0; -4.0, -0.4])?;
/// assert_eq!(spring, PhasePortrait::Focus(Direction::In));
/// assert_eq!(spring.to_string(), "stable focus");
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhasePortrait {
    /// Two real eigenvalues of one sign: curves that touch the slow eigen-direction.
    Node(Direction),
    /// One real eigenvalue with every direction its eigenvector: straight rays.
    Star(Direction),
    /// One real eigenvalue with one eigen-direction: curves that turn into it, at most half a turn.
    DegenerateNode(Direction),
    /// Two real eigenvalues of opposite signs: in along one line, out along the other.
    Saddle,
    /// A complex pair: spirals.
    Focus(Direction),
    /// An imaginary pair: closed orbits.
    Centre,
    /// One eigenvalue 0: a line of points at rest, and parallel rays to it or from it.
    LineOfRest(Direction),
    /// Two eigenvalues 0, one eigen-direction: a line of points at rest, and motion parallel to it.
    Shear,
    /// A = 0: every point rests.
    Rest,
}

impl Display for PhasePortrait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stability = |direction: Direction| match direction {
            Direction::In => "stable",
            Direction::Out => "unstable",
        };
        match *self {
            Self::Node(direction) => write!(f, "{} node", stability(direction)),
            Self::Star(direction) => write!(f, "{} star", stability(direction)),
            Self::DegenerateNode(direction) => {
                write!(f, "{} degenerate node", stability(direction))
            }
            Self::Saddle => f.write_str("saddle"),
            Self::Focus(direction) => write!(f, "{} focus", stability(direction)),
            Self::Centre => f.write_str("centre"),
            Self::LineOfRest(direction) => write!(f, "{} line of rest", stability(direction)),
            Self::Shear => f.write_str("shear"),
            Self::Rest => f.write_str("rest"),
        }
    }
}

/// Names the phase portrait of a planar system from its trace and its determinant.
///
/// ```text
/// λ² - τλ + δ = 0,    τ = trace A = λ₁ + λ₂,    δ = det A = λ₁λ₂,    D = τ² - 4δ = (λ₁ - λ₂)²
/// ```
///
/// δ < 0: saddle. δ > 0: node when D > 0, focus when D < 0, star or degenerate node when D = 0,
/// centre when τ = 0; stable when τ < 0. δ = 0: a line of rest.
///
/// - *Exact when* the entries are. A sum that is zero within a few roundings of its terms counts
///   as zero, because `0.3 - 0.1 - 0.2` is meant to be.
/// - *Breaks* nothing, but the names on the borders (centre, star, degenerate node, line of rest)
///   do not survive a change of A, however small.
/// - Cost O(1).
///
/// # Errors
/// [`FlowError::Input`] for entries that are not finite.
///
/// Source: S. H. Strogatz, *Nonlinear Dynamics and Chaos*, section 5.2.
///
/// ```
/// use math_foundations::linear_systems::{PhasePortrait, classify_planar};
/// use nalgebra::matrix;
///
/// assert_eq!(classify_planar(&matrix![0.0, 1.0; -1.0, 0.0])?, PhasePortrait::Centre);
/// assert_eq!(classify_planar(&matrix![1.0, 0.0; 0.0, -2.0])?, PhasePortrait::Saddle);
/// # Ok::<(), math_foundations::linear_systems::FlowError>(())
/// ```
pub fn classify_planar(a: &Matrix2<f64>) -> Result<PhasePortrait, FlowError> {
    validation::finite("A", &DMatrix::from_column_slice(2, 2, a.as_slice()))?;
    let largest = a.amax();
    if largest == 0.0 {
        return Ok(PhasePortrait::Rest);
    }
    let [[a11, a21], [a12, a22]] = (a / largest).data.0;
    let trace = sum_or_zero(a11, a22);
    let determinant = sum_or_zero(a11 * a22, -a12 * a21);
    let spread = sum_or_zero(sum_or_zero(a11, -a22).powi(2), 4.0 * a12 * a21);
    let direction = if trace < 0.0 { Direction::In } else { Direction::Out };

    Ok(match (determinant, spread) {
        (d, _) if d < 0.0 => PhasePortrait::Saddle,
        (0.0, _) if trace == 0.0 => PhasePortrait::Shear,
        (0.0, _) => PhasePortrait::LineOfRest(direction),
        (_, s) if s > 0.0 => PhasePortrait::Node(direction),
        (_, s) if s < 0.0 && trace == 0.0 => PhasePortrait::Centre,
        (_, s) if s < 0.0 => PhasePortrait::Focus(direction),
        _ if a12 == 0.0 && a21 == 0.0 => PhasePortrait::Star(direction),
        _ => PhasePortrait::DegenerateNode(direction),
    })
}

/// p + q, or 0 when that is no more than a few roundings of p and q.
fn sum_or_zero(p: f64, q: f64) -> f64 {
    let sum = p + q;
    if sum.abs() <= 8.0 * f64::EPSILON * (p.abs() + q.abs()) { 0.0 } else { sum }
}

// ---------------------------------------------------------------------------------------------
// What is refused
// ---------------------------------------------------------------------------------------------

/// f(t, x), refused when its length is not that of x or an entry is not finite.
fn slope(
    f: &mut impl FnMut(f64, &DVector<f64>) -> DVector<f64>,
    t: f64,
    x: &DVector<f64>,
) -> Result<DVector<f64>, FlowError> {
    let derivative = f(t, x);
    if derivative.len() != x.len() {
        return Err(FlowError::DerivativeLength { expected: x.len(), found: derivative.len() });
    }
    match derivative.iter().position(|entry| !entry.is_finite()) {
        None => Ok(derivative),
        Some(component) => {
            let value = derivative[component];
            Err(FlowError::NonFiniteDerivative { time: t, component, value })
        }
    }
}

fn finite_state(time: f64, x: &DVector<f64>) -> Result<(), FlowError> {
    match x.iter().position(|entry| !entry.is_finite()) {
        None => Ok(()),
        Some(component) => Err(FlowError::NonFiniteState { time, component, value: x[component] }),
    }
}

fn check_flow(a: &DMatrix<f64>, x0: &DVector<f64>) -> Result<(), FlowError> {
    let states = validation::square("A", a)?;
    validation::finite_vector("x0", x0)?;
    Ok(validation::length("x0", x0, states)?)
}

/// N and M of an A that is `[N, N]` and a B that is `[N, M]`.
fn check_driven(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<(usize, usize), FlowError> {
    let states = validation::square("A", a)?;
    validation::finite("B", b)?;
    validation::shape("B", b, (states, b.ncols()))?;
    Ok((states, b.ncols()))
}

fn check_input(u: &DVector<f64>, b: &DMatrix<f64>) -> Result<(), FlowError> {
    validation::finite_vector("u", u)?;
    Ok(validation::length("u", u, b.ncols())?)
}

fn check_time(name: &'static str, time: f64) -> Result<(), FlowError> {
    if time.is_finite() {
        return Ok(());
    }
    Err(InputError::OutOfRange { name, expected: "finite", value: time.to_string() }.into())
}
