//! # Sampling
//!
//! *What does a computer see of a world that flows, if it looks only now and then?*
//!
//! ```text
//! x_k = Ā x_{k-1} + B̄ u_k + B̄₋ u_{k-1}         y_k = C x_k + D u_k         x_{-1} = 0, u_{-1} = 0      (eq-3-1)
//! ```
//!
//! Every rule of this chapter is such a [`Recurrence`]: it says how much of the input at the end of a step
//! (u_k) and of the input at its beginning (u_{k-1}) goes into the state. [`sample`] and [`alias`] say what
//! is left of a signal that is looked at every Δ seconds, [`staircase`] and [`straight_lines`] what may be
//! believed of it in between, and [`speed_up`] why Δ is not a detail: it is the clock of the flow.
//!
//! Conventions: `u_k = u(kΔ)` and x_k stands for `x(kΔ)`, which has seen u_k. Δ in seconds, ω in radians a
//! second.

use std::f64::consts::TAU;

use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError};
use math_foundations::eigendecomposition::EigenError;
use math_foundations::matrix_exponential::MatrixExponentialError;
use math_foundations::state_representations::Matrices;
use math_foundations::validation::{
    InputError, finite, finite_vector, length, non_negative, positive, shape, square,
};
use nalgebra::{Complex, DMatrix, DVector};
use thiserror::Error;

/// Why a flow cannot be cut into steps as asked.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DiscretizationError {
    /// A matrix, a vector or a number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Four matrices that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// e^{ΔA} does not fit in a floating-point number.
    #[error(transparent)]
    Exponential(#[from] MatrixExponentialError),
    /// A has no basis of eigenvectors, or they were not found.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// An implicit rule asks for the inverse of a matrix that has none: `I - αΔA`, where `1/(αΔ)` is
    /// an eigenvalue of A.
    #[error(
        "expected I - αΔA to have an inverse, found a singular matrix at Δ = {delta}: \
         1/(αΔ) is an eigenvalue of A, try a smaller step"
    )]
    SingularStep {
        /// The step asked for, in seconds.
        delta: f64,
    },
}

/// What is seen of a signal every `delta` seconds, `count` times: `u_k = u(kΔ)`.
///
/// # Errors
/// [`InputError::OutOfRange`] for a step that is not positive.
///
/// ```
/// use discretization::sampling::sample;
///
/// assert_eq!(sample(|t| t * t, 0.5, 4)?, [0.0, 0.25, 1.0, 2.25]);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
// ANCHOR: sample
pub fn sample(u: impl Fn(f64) -> f64, delta: f64, count: usize) -> Result<Vec<f64>, InputError> {
    positive("Δ", delta)?;
    Ok((0..count).map(|k| u(k as f64 * delta)).collect())
}
// ANCHOR_END: sample

/// The slowest wave with the same samples as a wave of `omega` radians a second.
///
/// ```text
/// ω - m 2π/Δ,   the integer m chosen so that it lies in (-π/Δ, π/Δ]
/// ```
///
/// *Exact*: `e^{iωkΔ}` is the same number for every k. A negative answer is a wave that seems to run
/// backwards, as a wheel does in a film; chapter 2's [`alias`](classical_ssm::frequency_response::alias)
/// is the size of this one. `omega` and the result in radians a second.
///
/// # Errors
/// [`InputError::OutOfRange`] for a step that is not positive or a frequency that is not finite.
///
/// Source: Nyquist (1928), Shannon (1949).
///
/// ```
/// use discretization::sampling::alias;
/// use std::f64::consts::TAU;
///
/// // 7 turns a second, seen 8 times a second: one turn a second, backwards.
/// assert!((alias(7.0 * TAU, 0.125)? + TAU).abs() < 1e-13);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
// ANCHOR: alias
pub fn alias(omega: f64, delta: f64) -> Result<f64, InputError> {
    positive("Δ", delta)?;
    non_negative("the size of ω", omega.abs())?;
    let turns_a_step = omega * delta / TAU;
    let whole_turns = (turns_a_step - 0.5).ceil();
    Ok((turns_a_step - whole_turns) * TAU / delta)
}
// ANCHOR_END: alias

/// A signal between its samples `u`, if each is held until the next one: the **zero-order hold**.
///
/// Before the first sample 0, after the last one the last. *Good for* a signal that is switched; its error
/// on a smooth one is at most Δ times the slope.
///
/// ```
/// use discretization::sampling::staircase;
///
/// assert_eq!(staircase(&[3.0, 5.0], 1.0, 0.75), 3.0);
/// ```
pub fn staircase(u: &[f64], delta: f64, t: f64) -> f64 {
    let step = (t / delta).floor();
    if step < 0.0 || u.is_empty() { 0.0 } else { u[(step as usize).min(u.len() - 1)] }
}

/// A signal between its samples `u`, if neighbours are joined by a straight line: the **first-order hold**.
///
/// Before the first sample 0, after the last one the last. Its error on a smooth signal is at most Δ²/8
/// times the curvature. It needs the next sample: no machine can do it live.
///
/// ```
/// use discretization::sampling::straight_lines;
///
/// assert_eq!(straight_lines(&[3.0, 5.0], 1.0, 0.75), 4.5);
/// ```
pub fn straight_lines(u: &[f64], delta: f64, t: f64) -> f64 {
    let from = staircase(u, delta, t);
    let to = staircase(u, delta, (t / delta).floor() * delta + 1.5 * delta);
    if t < 0.0 { 0.0 } else { from + (to - from) * (t / delta).fract() }
}

/// The same flow on a clock that runs `rate` times as fast.
///
/// ```text
/// x' = rate (A x + B u)          y = C x + D u
/// ```
///
/// Any rule that makes steps of Δ out of it makes those of `rate · Δ` out of the flow itself.
///
/// # Errors
/// [`DiscretizationError::Input`] for a rate that is not positive, [`DiscretizationError::StateSpace`] where
/// the products overflow.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::sampling::speed_up;
/// use nalgebra::dmatrix;
///
/// let bucket = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// assert_eq!(*speed_up(&bucket, 3.0)?.a(), dmatrix![-3.0]);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: speed_up
pub fn speed_up(
    flow: &StateSpace<Continuous>,
    rate: f64,
) -> Result<StateSpace<Continuous>, DiscretizationError> {
    positive("the rate", rate)?;
    let (a, b) = (flow.a() * rate, flow.b() * rate);
    Ok(StateSpace::continuous(a, b, flow.c().clone(), flow.d().clone())?)
}
// ANCHOR_END: speed_up

// ANCHOR: recurrence
/// One step of a flow, as a rule for numbers: `x_k = Ā x_{k-1} + B̄ u_k + B̄₋ u_{k-1}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrence {
    /// What becomes of the state: `[N, N]`.
    pub a_bar: DMatrix<f64>,
    /// What the input at the end of the step adds: `[N, M]`.
    pub b_bar: DMatrix<f64>,
    /// What the input at the beginning of the step adds: `[N, M]`.
    pub b_bar_previous: DMatrix<f64>,
    /// What of the state is seen: `[P, N]`.
    pub c: DMatrix<f64>,
    /// What of the input is seen at once: `[P, M]`.
    pub d: DMatrix<f64>,
    /// The step, in seconds.
    pub delta: f64,
}
// ANCHOR_END: recurrence

impl Recurrence {
    /// N, M and P, or what does not fit together.
    fn check(&self) -> Result<(usize, usize, usize), InputError> {
        let n = square("Ā", &self.a_bar)?;
        finite("B̄", &self.b_bar)?;
        finite("C", &self.c)?;
        let (m, p) = (self.b_bar.ncols(), self.c.nrows());
        shape("B̄", &self.b_bar, (n, m))?;
        shape("B̄₋", &self.b_bar_previous, (n, m))?;
        finite("B̄₋", &self.b_bar_previous)?;
        shape("C", &self.c, (p, n))?;
        shape("D", &self.d, (p, m))?;
        finite("D", &self.d)?;
        positive("Δ", self.delta)?;
        Ok((n, m, p))
    }

    /// The same recurrence, if its fields fit together and are finite.
    ///
    /// # Errors
    /// [`DiscretizationError::Input`] names the field that does not fit.
    pub fn checked(self) -> Result<Self, DiscretizationError> {
        self.check()?;
        Ok(self)
    }

    /// The states after each of the inputs `u`, if the state was `x` and the input `u_previous` before
    /// the first of them.
    ///
    /// `x`: `[N]`, `u_previous`: `[M]`, `u`: one `[M]` a step; returns one `[N]` a step. A state that
    /// grows without bound ends as infinity and NaN, not as an error. Cost O(L N (N + M)).
    ///
    /// # Errors
    /// [`DiscretizationError::Input`] where shapes do not fit or an entry is not finite.
    ///
    /// ```
    /// use discretization::sampling::Recurrence;
    /// use nalgebra::{dmatrix, dvector};
    ///
    /// // Half of what was there, and the mean of the inputs at both ends of the step.
    /// let rule = Recurrence {
    ///     a_bar: dmatrix![0.5],
    ///     b_bar: dmatrix![0.5],
    ///     b_bar_previous: dmatrix![0.5],
    ///     c: dmatrix![1.0],
    ///     d: dmatrix![0.0],
    ///     delta: 1.0,
    /// };
    /// let states = rule.run(&dvector![8.0], &dvector![2.0], &[dvector![4.0], dvector![0.0]])?;
    /// assert_eq!(states, [dvector![7.0], dvector![5.5]]);
    /// # Ok::<(), discretization::sampling::DiscretizationError>(())
    /// ```
    pub fn run(
        &self,
        x: &DVector<f64>,
        u_previous: &DVector<f64>,
        u: &[DVector<f64>],
    ) -> Result<Vec<DVector<f64>>, DiscretizationError> {
        let (n, m, _) = self.check()?;
        finite_vector("x", x)?;
        length("x", x, n)?;
        for input in std::iter::once(u_previous).chain(u) {
            finite_vector("u", input)?;
            length("u", input, m)?;
        }
        let (mut x, mut before) = (x.clone(), u_previous);
        let mut states = Vec::with_capacity(u.len());
        for u_k in u {
            x = &self.a_bar * x + &self.b_bar * u_k + &self.b_bar_previous * before;
            before = u_k;
            states.push(x.clone());
        }
        Ok(states)
    }

    /// The outputs `y_k = C x_k + D u_k` for the inputs `u`, from rest: `x_{-1} = 0`, `u_{-1} = 0`.
    ///
    /// `u`: one `[M]` a step; returns one `[P]` a step. Cost O(L (N + P) (N + M)).
    ///
    /// # Errors
    /// As [`Recurrence::run`].
    ///
    /// ```
    /// use discretization::sampling::Recurrence;
    /// use nalgebra::{dmatrix, dvector};
    ///
    /// let rule = Recurrence {
    ///     a_bar: dmatrix![0.5],
    ///     b_bar: dmatrix![1.0],
    ///     b_bar_previous: dmatrix![0.0],
    ///     c: dmatrix![2.0],
    ///     d: dmatrix![1.0],
    ///     delta: 1.0,
    /// };
    /// let y = rule.simulate(&[dvector![1.0], dvector![0.0], dvector![0.0]])?;
    /// assert_eq!(y, [dvector![3.0], dvector![1.0], dvector![0.5]]);
    /// # Ok::<(), discretization::sampling::DiscretizationError>(())
    /// ```
    pub fn simulate(&self, u: &[DVector<f64>]) -> Result<Vec<DVector<f64>>, DiscretizationError> {
        let (n, m, _) = self.check()?;
        let states = self.run(&DVector::zeros(n), &DVector::zeros(m), u)?;
        Ok(states.iter().zip(u).map(|(x_k, u_k)| &self.c * x_k + &self.d * u_k).collect())
    }

    /// The same recurrence as a system of this course, `x_k = A x_{k-1} + B u_k`, which has one weight.
    ///
    /// ```text
    /// ⎡x_k⎤   ⎡Ā  B̄₋⎤ ⎡x_{k-1}⎤   ⎡B̄⎤
    /// ⎣u_k⎦ = ⎣0  0 ⎦ ⎣u_{k-1}⎦ + ⎣I⎦ u_k          y_k = [C  0] (x_k, u_k) + D u_k
    /// ```
    ///
    /// Where B̄₋ is not zero the state remembers one input: N + M numbers instead of N. Exact. (Control
    /// texts need no more than N, because their state has not seen u_k yet: [`Recurrence::control_form`].)
    ///
    /// # Errors
    /// [`DiscretizationError::Input`] if the fields do not fit together.
    ///
    /// ```
    /// use discretization::sampling::Recurrence;
    /// use nalgebra::dmatrix;
    ///
    /// let rule = Recurrence {
    ///     a_bar: dmatrix![0.5],
    ///     b_bar: dmatrix![0.0],
    ///     b_bar_previous: dmatrix![0.25],
    ///     c: dmatrix![1.0],
    ///     d: dmatrix![0.0],
    ///     delta: 1.0,
    /// };
    /// let system = rule.into_state_space()?;
    /// assert_eq!(*system.a(), dmatrix![0.5, 0.25; 0.0, 0.0]);
    /// assert_eq!(*system.b(), dmatrix![0.0; 1.0]);
    /// # Ok::<(), discretization::sampling::DiscretizationError>(())
    /// ```
    pub fn into_state_space(self) -> Result<StateSpace<Discrete>, DiscretizationError> {
        let (n, m, p) = self.check()?;
        if self.b_bar_previous.iter().all(|&weight| weight == 0.0) {
            return Ok(StateSpace::discrete(self.a_bar, self.b_bar, self.c, self.d, self.delta)?);
        }
        let mut a = DMatrix::zeros(n + m, n + m);
        a.view_mut((0, 0), (n, n)).copy_from(&self.a_bar);
        a.view_mut((0, n), (n, m)).copy_from(&self.b_bar_previous);
        let mut b = DMatrix::zeros(n + m, m);
        b.rows_mut(0, n).copy_from(&self.b_bar);
        b.rows_mut(n, m).fill_with_identity();
        let mut c = DMatrix::zeros(p, n + m);
        c.columns_mut(0, n).copy_from(&self.c);
        Ok(StateSpace::discrete(a, b, c, self.d, self.delta)?)
    }

    /// The recurrence of inputs that do not change during a step, as sequence models use it:
    /// `x_k = Ā x_{k-1} + (B̄ + B̄₋) u_k`.
    ///
    /// # Errors
    /// [`StateSpaceError`] if the fields do not fit together.
    pub fn held(&self) -> Result<StateSpace<Discrete>, StateSpaceError> {
        let b_bar = &self.b_bar + &self.b_bar_previous;
        StateSpace::discrete(self.a_bar.clone(), b_bar, self.c.clone(), self.d.clone(), self.delta)
    }

    /// The four matrices of control texts, `z_{k+1} = A z_k + B u_k`, `y_k = C z_k + D u_k`, whose state
    /// `z_k = Ā x_{k-1} + B̄₋ u_{k-1}` has not seen u_k yet.
    ///
    /// ```text
    /// A = Ā       B = Ā B̄ + B̄₋       C = C       D = D + C B̄
    /// ```
    pub fn control_form(&self) -> Matrices {
        Matrices {
            a: self.a_bar.clone(),
            b: &self.a_bar * &self.b_bar + &self.b_bar_previous,
            c: self.c.clone(),
            d: &self.d + &self.c * &self.b_bar,
        }
    }

    /// How the recurrence answers `u_k = z^k` once it has settled: `y_k = H(z) z^k`.
    ///
    /// ```text
    /// H(z) = C (z I - Ā)^{-1} (z B̄ + B̄₋) + D
    /// ```
    ///
    /// `z = e^{iωΔ}` is a wave of ω radians a second. Returns `[P, M]`. Cost O(N³).
    ///
    /// # Errors
    /// [`DiscretizationError::Input`] if the fields do not fit together or z is an eigenvalue of Ā.
    ///
    /// ```
    /// use discretization::sampling::Recurrence;
    /// use nalgebra::{Complex, dmatrix};
    ///
    /// let mean = Recurrence {
    ///     a_bar: dmatrix![0.75],
    ///     b_bar: dmatrix![0.25],
    ///     b_bar_previous: dmatrix![0.0],
    ///     c: dmatrix![1.0],
    ///     d: dmatrix![0.0],
    ///     delta: 1.0,
    /// };
    /// // A constant passes; of an input that changes sign at every step a seventh is left.
    /// assert_eq!(mean.transfer(Complex::new(1.0, 0.0))?[(0, 0)], Complex::new(1.0, 0.0));
    /// assert!((mean.transfer(Complex::new(-1.0, 0.0))?[(0, 0)].re - 1.0 / 7.0).abs() < 1e-15);
    /// # Ok::<(), discretization::sampling::DiscretizationError>(())
    /// ```
    pub fn transfer(&self, z: Complex<f64>) -> Result<DMatrix<Complex<f64>>, DiscretizationError> {
        let (n, _, _) = self.check()?;
        let complex = |matrix: &DMatrix<f64>| matrix.map(Complex::from);
        let push = complex(&self.b_bar) * z + complex(&self.b_bar_previous);
        let resolvent = DMatrix::from_diagonal_element(n, n, z) - complex(&self.a_bar);
        let state = resolvent.lu().solve(&push).ok_or_else(|| InputError::OutOfRange {
            name: "z",
            expected: "no eigenvalue of Ā",
            value: z.to_string(),
        })?;
        Ok(complex(&self.c) * state + complex(&self.d))
    }
}
