//! # State space
//!
//! *When are four matrices a machine, and what kind of time does it live in?*
//!
//! ```text
//! x'  = A x + B u                  y   = C x + D u           StateSpace<Continuous>
//! x_k = A x_{k-1} + B u_k          y_k = C x_k + D u_k       StateSpace<Discrete>, x_{-1} = 0
//! ```
//!
//! Conventions: u is the input `[M]`, x the state `[N]`, y the output `[P]`. The discrete state has seen
//! the input of its step, as everywhere in this course; [`StateSpace::resolvent_form`] translates.

use math_foundations::state_representations::Matrices;
use math_foundations::validation::{InputError, finite, positive, shape, square};
use nalgebra::{Complex, DMatrix};
use thiserror::Error;

/// Why four matrices are no system, or two systems do not fit together.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StateSpaceError {
    /// A matrix or a number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Continuous {}
    impl Sealed for super::Discrete {}
}

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
}

// ANCHOR: state_space
/// A linear system whose four matrices fit together, in continuous or discrete time.
#[derive(Debug, Clone, PartialEq)]
pub struct StateSpace<T: TimeDomain> {
    matrices: Matrices,
    time: T,
}
// ANCHOR_END: state_space

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
        positive("Δ", delta)?;
        Self::from_matrices(Matrices { a, b, c, d }, Discrete { delta })
    }

    /// The length of a step, in seconds.
    pub fn delta(&self) -> f64 {
        self.time.delta
    }
}

impl<T: TimeDomain> StateSpace<T> {
    fn from_matrices(matrices: Matrices, time: T) -> Result<Self, StateSpaceError> {
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
}
