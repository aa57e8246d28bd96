//! # Sampling
//!
//! *What does a computer see of a world that flows, if it looks only now and then?*
//!
//! ```text
//! x_k = Ā x_{k-1} + B̄ u_k + B̄₋ u_{k-1}         y_k = C x_k + D u_k         x_{-1} = 0, u_{-1} = 0
//! ```
//!
//! Every rule of this chapter is such a [`Recurrence`]: it says how much of the input at the end of a step
//! (u_k) and of the input at its beginning (u_{k-1}) goes into the state.

use classical_ssm::state_space::{Discrete, StateSpace, StateSpaceError};
use math_foundations::eigendecomposition::EigenError;
use math_foundations::matrix_exponential::MatrixExponentialError;
use math_foundations::state_representations::Matrices;
use math_foundations::validation::{
    InputError, finite, finite_vector, length, positive, shape, square,
};
use nalgebra::{DMatrix, DVector};
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

    /// The states after each of the inputs `u`, if the state was `x` and the input `u_previous` before
    /// the first of them.
    ///
    /// `x`: `[N]`, `u_previous`: `[M]`, `u`: one `[M]` a step; returns one `[N]` a step. A state that
    /// grows without bound ends as infinity, not as an error. Cost O(L N (N + M)).
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
}
