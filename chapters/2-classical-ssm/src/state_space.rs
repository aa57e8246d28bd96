//! # State space
//!
//! *When are four matrices a machine, and what becomes of two machines when a wire joins them?*
//!
//! ```text
//! x'  = A x + B u                  y   = C x + D u           StateSpace<Continuous>
//! x_k = A x_{k-1} + B u_k          y_k = C x_k + D u_k       StateSpace<Discrete>, x_{-1} = 0
//! ```
//!
//! A flow and a recurrence are two types, so that mixing them does not compile. Systems are joined by
//! [`StateSpace::series`] (eq-2-1), [`StateSpace::parallel`] and [`StateSpace::feedback`], told in other
//! coordinates by [`StateSpace::change_coordinates`], and asked from outside by [`StateSpace::transfer`].
//!
//! Conventions: u is the input `[M]`, x the state `[N]`, y the output `[P]`. The discrete state has seen
//! the input of its step, as everywhere in this course; [`StateSpace::resolvent_form`] translates.
//! Feedback is negative.

use classical_ssm::singular_values::singular_values;
use math_foundations::stability::{
    StabilityError, StabilityVerdict, discrete_stability_verdict, solve_discrete_lyapunov,
    solve_lyapunov, stability_verdict,
};
use math_foundations::state_representations::{Matrices, RepresentationError};
use math_foundations::validation::{InputError, finite, positive, shape, square};
use nalgebra::{Complex, DMatrix};
use thiserror::Error;

/// Why four matrices are no system, or two systems do not fit together.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StateSpaceError {
    /// A matrix or a number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A wire with more strands at one end than at the other.
    #[error("expected {expected} to fit {found}, found {expected_count} and {found_count}")]
    WireMismatch {
        /// What is counted at one end: `the outputs of the first system`.
        expected: &'static str,
        /// How many there are.
        expected_count: usize,
        /// What is counted at the other end.
        found: &'static str,
        /// How many there are.
        found_count: usize,
    },
    /// Two clocks that do not tick together.
    #[error("expected both systems to take the same step, found Δ = {first} and Δ = {second}")]
    StepMismatch {
        /// The step of the first, in seconds.
        first: f64,
        /// The step of the second, in seconds.
        second: f64,
    },
    /// A loop in which the output would have to be known to compute the output.
    #[error(
        "expected a loop that can be solved for its output, found that {matrix} is singular \
         (its smallest singular value is {smallest:.1e})"
    )]
    AlgebraicLoop {
        /// The matrix that would have to be inverted.
        matrix: &'static str,
        /// Its smallest singular value.
        smallest: f64,
    },
    /// Coordinates that lose a direction.
    #[error("expected T to be invertible, found a singular matrix")]
    SingularCoordinates,
    /// The system answers λ without bound.
    #[error("expected λ to differ from every pole, found λ = {lambda}")]
    AtAPole {
        /// The point asked for.
        lambda: Complex<f64>,
    },
}

mod sealed {
    pub trait Sealed {}
}
impl sealed::Sealed for Continuous {}
impl sealed::Sealed for Discrete {}

/// The time in which a system lives: [`Continuous`] or [`Discrete`].
pub trait TimeDomain: sealed::Sealed + Clone + PartialEq + std::fmt::Debug {
    /// The four matrices of `C (λ I - A)^{-1} B + D`, whatever the step convention.
    fn resolvent_form(&self, matrices: &Matrices) -> Matrices;

    /// The point λ at which [`TimeDomain::resolvent_form`] answers a wave of `omega` radians a second:
    /// `iω` for a flow, `e^{iωΔ}` for steps.
    fn wave(&self, omega: f64) -> Complex<f64>;

    /// Whether a mode with the eigenvalue `lambda` dies away: left of the imaginary axis for a flow,
    /// inside the unit circle for steps.
    fn dies_away(&self, lambda: Complex<f64>) -> bool;

    /// The four matrices of this time whose [`TimeDomain::resolvent_form`] answers like the given four.
    fn undo_resolvent_form(&self, resolvent: Matrices) -> Matrices;

    /// The time in which two systems can be joined.
    ///
    /// # Errors
    /// [`StateSpaceError::StepMismatch`] where two clocks tick differently.
    fn joined(&self, other: &Self) -> Result<Self, StateSpaceError>;

    /// Whether the state comes to rest when it is left alone: chapter 1's verdict, rounding included.
    ///
    /// # Errors
    /// Those of [`stability_verdict`].
    fn verdict(&self, a: &DMatrix<f64>) -> Result<StabilityVerdict, StabilityError>;

    /// Sums what a stable A makes of Q: `∫ e^{At} Q e^{Aᵀt} dt` for a flow, `Σ A^k Q (Aᵀ)^k` for steps.
    ///
    /// # Errors
    /// Those of [`solve_lyapunov`] and of [`solve_discrete_lyapunov`].
    fn solve_lyapunov(
        &self,
        a: &DMatrix<f64>,
        q: &DMatrix<f64>,
    ) -> Result<DMatrix<f64>, StabilityError>;

    /// Steps A, B whose sum `Σ A^k B Bᵀ (Aᵀ)^k` is the Gramian of this system: for steps themselves, for
    /// a stable flow its Cayley transform. `None` where that does not exist.
    fn steps_of_equal_gramian(
        &self,
        a: &DMatrix<f64>,
        b: &DMatrix<f64>,
    ) -> Option<(DMatrix<f64>, DMatrix<f64>)>;
}

/// Time that flows: `x' = A x + B u`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Continuous;

/// Time in steps of Δ seconds: `x_k = A x_{k-1} + B u_k`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discrete {
    delta: f64,
}

impl TimeDomain for Continuous {
    fn resolvent_form(&self, matrices: &Matrices) -> Matrices {
        matrices.clone()
    }

    fn wave(&self, omega: f64) -> Complex<f64> {
        Complex::new(0.0, omega)
    }

    fn dies_away(&self, lambda: Complex<f64>) -> bool {
        lambda.re < 0.0
    }

    fn undo_resolvent_form(&self, resolvent: Matrices) -> Matrices {
        resolvent
    }

    fn joined(&self, _other: &Self) -> Result<Self, StateSpaceError> {
        Ok(Self)
    }

    fn verdict(&self, a: &DMatrix<f64>) -> Result<StabilityVerdict, StabilityError> {
        stability_verdict(a)
    }

    fn solve_lyapunov(
        &self,
        a: &DMatrix<f64>,
        q: &DMatrix<f64>,
    ) -> Result<DMatrix<f64>, StabilityError> {
        solve_lyapunov(a, q)
    }

    fn steps_of_equal_gramian(
        &self,
        a: &DMatrix<f64>,
        b: &DMatrix<f64>,
    ) -> Option<(DMatrix<f64>, DMatrix<f64>)> {
        // (γ - A)⁻¹ (γ + A) = 2γ (γ - A)⁻¹ - I maps the left half-plane into the unit disc.
        let n = a.nrows();
        let gamma = a.norm() / (n as f64).sqrt();
        let identity = DMatrix::identity(n, n);
        let inverse = (&identity * gamma - a).try_inverse()?;
        let b = &inverse * b * (2.0 * gamma).sqrt();
        Some((inverse * (2.0 * gamma) - identity, b))
    }
}

impl TimeDomain for Discrete {
    fn resolvent_form(&self, matrices: &Matrices) -> Matrices {
        let Matrices { a, b, c, d } = matrices;
        Matrices { a: a.clone(), b: b.clone(), c: c * a, d: d + c * b }
    }

    fn wave(&self, omega: f64) -> Complex<f64> {
        Complex::from_polar(1.0, omega * self.delta)
    }

    fn dies_away(&self, lambda: Complex<f64>) -> bool {
        lambda.norm() < 1.0
    }

    fn undo_resolvent_form(&self, resolvent: Matrices) -> Matrices {
        let Matrices { a, b, c: c_seen, d: d_seen } = resolvent;
        let (n, m, p) = (a.nrows(), b.ncols(), c_seen.nrows());

        // The output needs C° x_{k-1}. Where A can be undone, that is C° A^{-1} (x_k - B u_k).
        let undone = a.transpose().lu().solve(&c_seen.transpose()).map(|c| c.transpose());
        let keeps_digits = |c: &DMatrix<f64>| c.norm() * a.norm() <= MAGNIFICATION * c_seen.norm();
        if let Some(c) = undone.filter(keeps_digits) {
            let d = d_seen - &c * &b;
            return Matrices { a, b, c, d };
        }
        // Otherwise what the output needs is remembered: w_k = C° x_{k-1}, one more state an output.
        Matrices {
            a: blocks(&[&[&a, &DMatrix::zeros(n, p)], &[&c_seen, &DMatrix::zeros(p, p)]]),
            b: blocks(&[&[&b], &[&DMatrix::zeros(p, m)]]),
            c: blocks(&[&[&DMatrix::zeros(p, n), &DMatrix::identity(p, p)]]),
            d: d_seen,
        }
    }

    fn joined(&self, other: &Self) -> Result<Self, StateSpaceError> {
        let (first, second) = (self.delta, other.delta);
        // Steps that were computed in two ways may differ in their last digit.
        if (first - second).abs() <= 4.0 * f64::EPSILON * first.max(second) {
            return Ok(*self);
        }
        Err(StateSpaceError::StepMismatch { first, second })
    }

    fn verdict(&self, a: &DMatrix<f64>) -> Result<StabilityVerdict, StabilityError> {
        discrete_stability_verdict(a)
    }

    fn solve_lyapunov(
        &self,
        a: &DMatrix<f64>,
        q: &DMatrix<f64>,
    ) -> Result<DMatrix<f64>, StabilityError> {
        solve_discrete_lyapunov(a, q)
    }

    fn steps_of_equal_gramian(
        &self,
        a: &DMatrix<f64>,
        b: &DMatrix<f64>,
    ) -> Option<(DMatrix<f64>, DMatrix<f64>)> {
        Some((a.clone(), b.clone()))
    }
}

/// C° A^{-1} is used where it is not larger than this many times C° / ‖A‖: each power of ten costs a
/// digit.
const MAGNIFICATION: f64 = 1e4;

// ANCHOR: state_space
/// A linear system whose four matrices fit together, in continuous or discrete time.
#[derive(Debug, Clone, PartialEq)]
pub struct StateSpace<T: TimeDomain> {
    matrices: Matrices,
    time: T,
}
// ANCHOR_END: state_space

impl TryFrom<Matrices> for StateSpace<Continuous> {
    type Error = StateSpaceError;

    /// Chapter 1's plain struct as a flow.
    fn try_from(matrices: Matrices) -> Result<Self, StateSpaceError> {
        Self::from_matrices(matrices, Continuous)
    }
}

impl Discrete {
    /// Time in steps of `delta` seconds.
    ///
    /// # Errors
    /// [`InputError::OutOfRange`] unless `delta` is finite and positive.
    ///
    /// ```
    /// use classical_ssm::state_space::Discrete;
    ///
    /// assert_eq!(Discrete::new(0.1)?.delta(), 0.1);
    /// assert!(Discrete::new(0.0).is_err());
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn new(delta: f64) -> Result<Self, InputError> {
        positive("Δ", delta)?;
        Ok(Self { delta })
    }

    /// The length of a step, in seconds.
    pub fn delta(&self) -> f64 {
        self.delta
    }
}

impl StateSpace<Continuous> {
    /// A flow `x' = A x + B u`, `y = C x + D u`.
    ///
    /// `a`: `[N, N]`, `b`: `[N, M]`, `c`: `[P, N]`, `d`: `[P, M]`.
    ///
    /// # Errors
    /// [`StateSpaceError::Input`] where shapes do not fit or an entry is not finite.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// let a = dmatrix![0.0, 1.0; -1.0, -0.4];
    /// let error = StateSpace::continuous(a, dmatrix![0.0; 0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0]);
    /// assert_eq!(error.unwrap_err().to_string(), "expected B to be 2 x 1, found 3 x 1");
    /// ```
    pub fn continuous(
        a: DMatrix<f64>,
        b: DMatrix<f64>,
        c: DMatrix<f64>,
        d: DMatrix<f64>,
    ) -> Result<Self, StateSpaceError> {
        Self::from_matrices(Matrices { a, b, c, d }, Continuous)
    }
}

impl StateSpace<Discrete> {
    /// Steps `x_k = A x_{k-1} + B u_k`, `y_k = C x_k + D u_k` of `delta` seconds.
    ///
    /// `a`: `[N, N]`, `b`: `[N, M]`, `c`: `[P, N]`, `d`: `[P, M]`, `delta`: positive.
    ///
    /// # Errors
    /// [`StateSpaceError::Input`] where shapes do not fit, an entry is not finite or the step not positive.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// let average = StateSpace::discrete(dmatrix![0.9], dmatrix![0.1], dmatrix![1.0], dmatrix![0.0], 0.5)?;
    /// assert_eq!(average.delta(), 0.5);
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    pub fn discrete(
        a: DMatrix<f64>,
        b: DMatrix<f64>,
        c: DMatrix<f64>,
        d: DMatrix<f64>,
        delta: f64,
    ) -> Result<Self, StateSpaceError> {
        Self::from_matrices(Matrices { a, b, c, d }, Discrete::new(delta)?)
    }

    /// The length of a step, in seconds.
    pub fn delta(&self) -> f64 {
        self.time.delta
    }
}

impl<T: TimeDomain> StateSpace<T> {
    /// Four matrices in a time: what [`StateSpace::continuous`] and [`StateSpace::discrete`] call.
    ///
    /// # Errors
    /// [`StateSpaceError::Input`] where shapes do not fit or an entry is not finite.
    ///
    /// ```
    /// use classical_ssm::state_space::{Continuous, StateSpace};
    /// use math_foundations::state_representations::mass_spring_damper;
    ///
    /// let spring = StateSpace::from_matrices(mass_spring_damper(1.0, 0.4, 1.0)?, Continuous)?;
    /// assert_eq!((spring.inputs(), spring.d_state(), spring.outputs()), (1, 2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_matrices(matrices: Matrices, time: T) -> Result<Self, StateSpaceError> {
        let n = square("A", &matrices.a)?;
        finite("B", &matrices.b)?;
        finite("C", &matrices.c)?;
        finite("D", &matrices.d)?;
        let (m, p) = (matrices.b.ncols(), matrices.c.nrows());
        shape("B", &matrices.b, (n, m))?;
        shape("C", &matrices.c, (p, n))?;
        shape("D", &matrices.d, (p, m))?;
        Ok(Self { matrices, time })
    }

    /// Another system in the same time: four matrices that need not have this one's shapes.
    ///
    /// # Errors
    /// [`StateSpaceError::Input`] where shapes do not fit or an entry is not finite.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use math_foundations::state_representations::Matrices;
    /// use nalgebra::dmatrix;
    ///
    /// let average = StateSpace::discrete(dmatrix![0.9], dmatrix![0.1], dmatrix![1.0], dmatrix![0.0], 0.5)?;
    /// let louder = average.with_matrices(Matrices { c: dmatrix![2.0], ..average.matrices().clone() })?;
    /// assert_eq!((louder.c()[(0, 0)], louder.delta()), (2.0, 0.5));
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    pub fn with_matrices(&self, matrices: Matrices) -> Result<Self, StateSpaceError> {
        Self::from_matrices(matrices, self.time.clone())
    }

    /// The four matrices together, as chapter 1 knows them.
    pub fn matrices(&self) -> &Matrices {
        &self.matrices
    }

    /// How the state moves by itself: `[N, N]`.
    pub fn a(&self) -> &DMatrix<f64> {
        &self.matrices.a
    }

    /// How the input pushes the state: `[N, M]`.
    pub fn b(&self) -> &DMatrix<f64> {
        &self.matrices.b
    }

    /// What of the state is seen: `[P, N]`.
    pub fn c(&self) -> &DMatrix<f64> {
        &self.matrices.c
    }

    /// What of the input is seen at once: `[P, M]`.
    pub fn d(&self) -> &DMatrix<f64> {
        &self.matrices.d
    }

    /// The time it lives in.
    pub fn time(&self) -> &T {
        &self.time
    }

    /// N: how many numbers the state has.
    pub fn d_state(&self) -> usize {
        self.matrices.a.nrows()
    }

    /// M: how many numbers come in.
    pub fn inputs(&self) -> usize {
        self.matrices.b.ncols()
    }

    /// P: how many numbers go out.
    pub fn outputs(&self) -> usize {
        self.matrices.c.nrows()
    }

    /// The four matrices of `C (λ I - A)^{-1} B + D`: those of a flow as they are, those of steps with
    /// `C A` for C and `D + C B` for D, because this course lets x_k see u_k.
    ///
    /// Poles, zeros and frequency responses are computed from this form in both kinds of time.
    pub fn resolvent_form(&self) -> Matrices {
        self.time.resolvent_form(&self.matrices)
    }

    /// The system in `time` whose [`StateSpace::resolvent_form`] answers like these four matrices.
    ///
    /// For a flow these are the four. For steps the output may read the last state only through this
    /// one: `C = C° A^{-1}`, `D = D° - C B`. Where A cannot be undone without losing more than four
    /// digits, the answer is the same system with one more state an output, which remembers `C° x_{k-1}`.
    /// Good for: matrices from control texts and libraries, whose `y_k` reads the state *before* the input
    /// of its step. Cost O(N³).
    ///
    /// # Errors
    /// [`StateSpaceError::Input`] where shapes do not fit or an entry is not finite.
    ///
    /// ```
    /// use classical_ssm::state_space::{Discrete, StateSpace};
    /// use math_foundations::state_representations::Matrices;
    /// use nalgebra::{Complex, dmatrix};
    ///
    /// // A control text's delay, 1/z: x[k+1] = u[k], y[k] = x[k]. Here it takes two states.
    /// let text = Matrices { a: dmatrix![0.0], b: dmatrix![1.0], c: dmatrix![1.0], d: dmatrix![0.0] };
    /// let delay = StateSpace::from_resolvent_form(text, Discrete::new(1.0)?)?;
    /// assert_eq!(delay.d_state(), 2);
    /// assert_eq!(delay.transfer(Complex::new(4.0, 0.0))?[(0, 0)].re, 0.25);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_resolvent_form(resolvent: Matrices, time: T) -> Result<Self, StateSpaceError> {
        let Self { matrices, time } = Self::from_matrices(resolvent, time)?;
        Self::from_matrices(time.undo_resolvent_form(matrices), time)
    }

    /// What the system makes of an input that grows as `e^{λt}` (or, in steps, as `λ^k`): its output is
    /// this matrix times the input.
    ///
    /// ```text
    /// G(λ) = C (λI - A)^{-1} B + D             a flow
    /// G(λ) = C λ(λI - A)^{-1} B + D            steps: x_k has seen u_k
    /// ```
    ///
    /// `lambda`: complex; returns `[P, M]`. Cost O(N³).
    ///
    /// # Errors
    /// [`StateSpaceError::AtAPole`] where λI - A has no inverse.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::{Complex, dmatrix};
    ///
    /// // A running mean: y_k = 0.9 y_{k-1} + 0.1 u_k. A constant comes out as it went in.
    /// let mean = StateSpace::discrete(dmatrix![0.9], dmatrix![0.1], dmatrix![1.0], dmatrix![0.0], 1.0)?;
    /// assert!((mean.transfer(Complex::ONE)?[(0, 0)].re - 1.0).abs() < 1e-15);
    /// assert_eq!(
    ///     mean.transfer(Complex::new(0.9, 0.0)).unwrap_err().to_string(),
    ///     "expected λ to differ from every pole, found λ = 0.9+0i"
    /// );
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    pub fn transfer(&self, lambda: Complex<f64>) -> Result<DMatrix<Complex<f64>>, StateSpaceError> {
        self.resolvent_form().transfer(lambda).map_err(StateSpaceError::from)
    }

    /// This system, then `next`: the output of this one is the input of the other.
    ///
    /// ```text
    ///      A₁      0                B₁
    /// A =                     B =              C = (D₂C₁  C₂)     D = D₂D₁        (eq-2-1)
    ///      B₂C₁°   A₂               B₂D₁°
    /// ```
    ///
    /// with the C° and D° of [`StateSpace::resolvent_form`]. `next` takes as many inputs as `self` has
    /// outputs; the state is (x₁, x₂), `[N₁ + N₂]`. Exact up to the rounding of the products. In transfer
    /// functions: `G₂ G₁`. Cost O((N₁ + N₂)²).
    ///
    /// # Errors
    /// [`StateSpaceError::WireMismatch`], [`StateSpaceError::StepMismatch`].
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::{Complex, dmatrix};
    ///
    /// let lag = StateSpace::continuous(dmatrix![-2.0], dmatrix![2.0], dmatrix![1.0], dmatrix![0.0])?;
    /// let twice = lag.series(&lag)?;
    /// // (2 / (s + 2))² at s = 2.
    /// assert!((twice.transfer(Complex::new(2.0, 0.0))?[(0, 0)].re - 0.25).abs() < 1e-15);
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    ///
    /// A flow and a recurrence do not share a clock, and the compiler knows:
    ///
    /// ```compile_fail,E0308
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// let one = dmatrix![1.0];
    /// let flow = StateSpace::continuous(-&one, one.clone(), one.clone(), one.clone()).unwrap();
    /// let steps = StateSpace::discrete(-&one, one.clone(), one.clone(), one.clone(), 0.1).unwrap();
    /// let _ = flow.series(&steps); // expected `&StateSpace<Continuous>`, found `&StateSpace<Discrete>`
    /// ```
    // ANCHOR: series
    pub fn series(&self, next: &Self) -> Result<Self, StateSpaceError> {
        let time = self.time.joined(&next.time)?;
        wire(
            "the outputs of the first system",
            self.outputs(),
            "the inputs of the second",
            next.inputs(),
        )?;
        let (first, second) = (&self.matrices, &next.matrices);
        let seen = self.resolvent_form();
        let zero = DMatrix::zeros(self.d_state(), next.d_state());
        let matrices = Matrices {
            a: blocks(&[&[&first.a, &zero], &[&(&second.b * &seen.c), &second.a]]),
            b: blocks(&[&[&first.b], &[&(&second.b * &seen.d)]]),
            c: blocks(&[&[&(&second.d * &first.c), &second.c]]),
            d: &second.d * &first.d,
        };
        Self::from_matrices(matrices, time)
    }
    // ANCHOR_END: series

    /// Both systems side by side on the same input, their outputs added.
    ///
    /// ```text
    /// A = diag(A₁, A₂)     B = (B₁; B₂)     C = (C₁  C₂)     D = D₁ + D₂
    /// ```
    ///
    /// Same inputs, same outputs; the state is (x₁, x₂), `[N₁ + N₂]`. In transfer functions: `G₁ + G₂`.
    /// Cost O((N₁ + N₂)²).
    ///
    /// # Errors
    /// [`StateSpaceError::WireMismatch`], [`StateSpaceError::StepMismatch`].
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::{Complex, dmatrix};
    ///
    /// let lag = StateSpace::continuous(dmatrix![-2.0], dmatrix![2.0], dmatrix![1.0], dmatrix![0.0])?;
    /// let doubled = lag.parallel(&lag)?;
    /// assert_eq!(doubled.transfer(Complex::new(2.0, 0.0))?[(0, 0)].re, 1.0);
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    pub fn parallel(&self, other: &Self) -> Result<Self, StateSpaceError> {
        let time = self.time.joined(&other.time)?;
        wire(
            "the inputs of the first system",
            self.inputs(),
            "those of the second",
            other.inputs(),
        )?;
        wire(
            "the outputs of the first system",
            self.outputs(),
            "those of the second",
            other.outputs(),
        )?;
        let (first, second) = (&self.matrices, &other.matrices);
        let (n, n_other) = (self.d_state(), other.d_state());
        let matrices = Matrices {
            a: blocks(&[
                &[&first.a, &DMatrix::zeros(n, n_other)],
                &[&DMatrix::zeros(n_other, n), &second.a],
            ]),
            b: blocks(&[&[&first.b], &[&second.b]]),
            c: blocks(&[&[&first.c, &second.c]]),
            d: &first.d + &second.d,
        };
        Self::from_matrices(matrices, time)
    }

    /// This system in a loop: its input is the new input *minus* what `back` makes of its output.
    ///
    /// ```text
    /// u = r - H y,   y = G u                    y = (I + G H)^{-1} G r
    ///
    ///      A₁ - B₁ E D₂°C₁°    -B₁ E C₂°                 B₁ E
    /// A =                                         B =                   E = (I + D₂°D₁°)^{-1}
    ///      B₂ F C₁°            A₂ - B₂ F D₁°C₂°          B₂ F D₁°       F = (I + D₁°D₂°)^{-1}
    ///
    /// C = K (C₁  -D₁C₂)       D = K D₁                                  K = (I + D₁D₂)^{-1}
    /// ```
    ///
    /// with the C° and D° of [`StateSpace::resolvent_form`], so that F = K for a flow. `back` takes the
    /// outputs of `self` and gives its inputs; the state is (x₁, x₂), `[N₁ + N₂]`.
    /// Breaks: near an algebraic loop, by as many digits as I + D₁°D₂° has in its condition number.
    /// Cost O((N₁ + N₂)²), and O(P³) for the loop.
    ///
    /// # Errors
    /// [`StateSpaceError::WireMismatch`], [`StateSpaceError::StepMismatch`];
    /// [`StateSpaceError::AlgebraicLoop`] where the loop has no solution, or, in steps, where `y_k` cannot be
    /// told from x_k and r_k.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// // An integrator fed back on itself through a lag: x'' + 2x' + 2x = r' + 2r.
    /// let integrator = StateSpace::continuous(dmatrix![0.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    /// let lag = StateSpace::continuous(dmatrix![-2.0], dmatrix![2.0], dmatrix![1.0], dmatrix![0.0])?;
    /// assert_eq!(integrator.feedback(&lag)?.a(), &dmatrix![0.0, -1.0; 2.0, -2.0]);
    ///
    /// // y = u, u = r + y: any y fits where r = 0, and none where it is not.
    /// let ahead = StateSpace::continuous(dmatrix![-1.0], dmatrix![0.0], dmatrix![0.0], dmatrix![1.0])?;
    /// let back = StateSpace::continuous(dmatrix![-1.0], dmatrix![0.0], dmatrix![0.0], dmatrix![-1.0])?;
    /// assert!(ahead.feedback(&back).unwrap_err().to_string().contains("I + D₁D₂"));
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    pub fn feedback(&self, back: &Self) -> Result<Self, StateSpaceError> {
        let time = self.time.joined(&back.time)?;
        wire(
            "the outputs of the system",
            self.outputs(),
            "the inputs of the way back",
            back.inputs(),
        )?;
        wire(
            "the outputs of the way back",
            back.outputs(),
            "the inputs of the system",
            self.inputs(),
        )?;
        let (g, h) = (self.matrices(), back.matrices());
        let (g_seen, h_seen) = (self.resolvent_form(), back.resolvent_form());

        // ANCHOR: feedback
        // Solve the loop once for what the states are fed: y = F(C₁° x₁ - D₁°C₂° x₂ + D₁° r).
        let f = solve_loop(SEEN_LOOP, &g_seen.d, &h_seen.d)?;
        let y = [&f * &g_seen.c, -&f * &g_seen.d * &h_seen.c, &f * &g_seen.d];
        let u = [-&h_seen.d * &y[0], -&h_seen.d * &y[1] - &h_seen.c, -&h_seen.d * &y[2]];
        // And once for what is seen of them.
        let k = solve_loop("I + D₁D₂", &g.d, &h.d)?;
        let matrices = Matrices {
            a: blocks(&[
                &[&(&g.a + &g.b * &u[0]), &(&g.b * &u[1])],
                &[&(&h.b * &y[0]), &(&h.a + &h.b * &y[1])],
            ]),
            b: blocks(&[&[&(&g.b + &g.b * &u[2])], &[&(&h.b * &y[2])]]),
            c: blocks(&[&[&(&k * &g.c), &(-&k * &g.d * &h.c)]]),
            d: &k * &g.d,
        };
        // ANCHOR_END: feedback
        Self::from_matrices(matrices, time)
    }

    /// This system in a loop with nothing but a matrix on the way back: u = r - K y.
    ///
    /// ```text
    /// y = (I + G K)^{-1} G r
    /// ```
    ///
    /// `gain`: `[M, P]`. The state is that of `self`. Good for: root loci, output feedback. Cost O(N²).
    ///
    /// # Errors
    /// [`StateSpaceError::Input`], [`StateSpaceError::AlgebraicLoop`].
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// let integrator = StateSpace::continuous(dmatrix![0.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    /// assert_eq!(integrator.feedback_gain(&dmatrix![3.0])?.a(), &dmatrix![-3.0]);
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    pub fn feedback_gain(&self, gain: &DMatrix<f64>) -> Result<Self, StateSpaceError> {
        finite("K", gain)?;
        shape("K", gain, (self.inputs(), self.outputs()))?;
        let (g, seen) = (self.matrices(), self.resolvent_form());
        let back = -gain * solve_loop(SEEN_LOOP, &seen.d, gain)?;
        let k = solve_loop("I + D₁D₂", &g.d, gain)?;
        let matrices = Matrices {
            a: &g.a + &g.b * &back * &seen.c,
            b: &g.b + &g.b * &back * &seen.d,
            c: &k * &g.c,
            d: &k * &g.d,
        };
        Self::from_matrices(matrices, self.time.clone())
    }

    /// The same system told in other coordinates `z`, where `x = T z`.
    ///
    /// ```text
    /// (A, B, C, D)   →   (T⁻¹ A T, T⁻¹ B, C T, D)
    /// ```
    ///
    /// `t`: `[N, N]`, invertible. The transfer function stays. Breaks: loses as many digits as the
    /// condition number of T has. Cost O(N³).
    ///
    /// # Errors
    /// [`StateSpaceError::Input`], [`StateSpaceError::SingularCoordinates`].
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// let a = dmatrix![0.0, 1.0; -1.0, -0.4];
    /// let spring = StateSpace::continuous(a, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
    /// let velocity_first = spring.change_coordinates(&dmatrix![0.0, 1.0; 1.0, 0.0])?;
    /// assert_eq!(velocity_first.a(), &dmatrix![-0.4, -1.0; 1.0, 0.0]);
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    pub fn change_coordinates(&self, t: &DMatrix<f64>) -> Result<Self, StateSpaceError> {
        Self::from_matrices(self.matrices.change_coordinates(t)?, self.time.clone())
    }

    /// The system that reads its wires backwards: `(Aᵀ, Cᵀ, Bᵀ, Dᵀ)`, with the transfer function `G(λ)ᵀ`.
    ///
    /// Whatever holds of inputs and reaching holds of its outputs and seeing.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// let a = dmatrix![0.0, 1.0; -1.0, -0.4];
    /// let spring = StateSpace::continuous(a, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
    /// assert_eq!(spring.dual().b(), &dmatrix![1.0; 0.0]);
    /// assert_eq!(spring.dual().dual(), spring);
    /// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
    /// ```
    pub fn dual(&self) -> Self {
        let Matrices { a, b, c, d } = &self.matrices;
        let matrices =
            Matrices { a: a.transpose(), b: c.transpose(), c: b.transpose(), d: d.transpose() };
        Self { matrices, time: self.time.clone() }
    }
}

impl From<RepresentationError> for StateSpaceError {
    fn from(error: RepresentationError) -> Self {
        match error {
            RepresentationError::Input(input) => Self::Input(input),
            RepresentationError::Resonance { s } => Self::AtAPole { lambda: s },
            // No exponential is taken here.
            RepresentationError::SingularCoordinates | RepresentationError::Exponential(_) => {
                Self::SingularCoordinates
            }
        }
    }
}

/// I + D₁°D₂°: what passes through both systems at once.
const SEEN_LOOP: &str = "I + D₁D₂ (for steps, D + CB in the place of D)";

/// (I + D₁D₂)^{-1}, unless it has none in working precision.
fn solve_loop(
    matrix: &'static str,
    d_ahead: &DMatrix<f64>,
    d_back: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StateSpaceError> {
    let p = d_ahead.nrows();
    let around = DMatrix::identity(p, p) + d_ahead * d_back;
    let smallest = singular_values(&around).sigma.min();
    let size = 1.0 + d_ahead.norm() * d_back.norm();
    let inverse = around.try_inverse().filter(|_| smallest > p as f64 * f64::EPSILON * size);
    inverse.ok_or(StateSpaceError::AlgebraicLoop { matrix, smallest })
}

/// Refuses a wire with ends of different width.
fn wire(
    expected: &'static str,
    expected_count: usize,
    found: &'static str,
    found_count: usize,
) -> Result<(), StateSpaceError> {
    if expected_count == found_count {
        return Ok(());
    }
    Err(StateSpaceError::WireMismatch { expected, expected_count, found, found_count })
}

/// One matrix from rows of blocks that fit.
fn blocks(rows: &[&[&DMatrix<f64>]]) -> DMatrix<f64> {
    let height = rows.iter().map(|row| row[0].nrows()).sum();
    let width = rows[0].iter().map(|block| block.ncols()).sum();
    let mut whole = DMatrix::zeros(height, width);
    let mut top = 0;
    for row in rows {
        let mut left = 0;
        for block in *row {
            whole.view_mut((top, left), block.shape()).copy_from(block);
            left += block.ncols();
        }
        top += row[0].nrows();
    }
    whole
}
