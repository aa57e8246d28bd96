//! *If a system is N numbers that each decay on their own, why multiply matrices at every step?*
//!
//! In the coordinates of its eigenvectors a system is N scalar systems side by side, and a rule for
//! matrices becomes the same rule for N complex numbers:
//!
//! ```text
//! A = V Λ V⁻¹          Ā = V r(ΔΛ) V⁻¹          x̃_k = r(ΔΛ) x̃_{k-1} + Δ V⁻¹B (w u_k + w₋ u_{k-1})      (eq-3-6)
//! ```
//!
//! [`DiagonalSystem`] is a flow in these coordinates, a [`ScalarStep`] what a rule makes of one mode, a
//! [`DiagonalRecurrence`] the steps: O(N) each, where a matrix needs O(N²).
//!
//! Conventions: a real system has complex modes in conjugate pairs. A pair is stored once, by the mode
//! with the positive imaginary part, and read as 2 Re(C x̃); `weight` is 2 for it and 1 for a real mode.

use std::cmp::Ordering;

use classical_ssm::state_space::{Continuous, StateSpace, StateSpaceError};
use discretization::zero_order_hold::{expm1_ratio, phi};
use math_foundations::eigendecomposition::{EigenError, eigendecomposition};
use math_foundations::validation::{self, InputError};
use nalgebra::{Complex, DMatrix, DVector};
use thiserror::Error;

/// Why a system has no diagonal form, or its modes no step.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DiagonalizationError {
    /// A step, an input or a matrix that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Four matrices that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// A has no basis of eigenvectors that leaves a digit, or they were not found.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// The rule divides by zero or overflows at one of the modes.
    #[error("the rule has no finite step of {delta} for the mode λ = {lambda}")]
    NoStep {
        /// The step asked for.
        delta: f64,
        /// The mode.
        lambda: Complex<f64>,
    },
}

/// What a rule makes of one mode `x' = λx + bu`, as numbers that depend on `z = Δλ` alone.
///
/// ```text
/// x_k = r(z) x_{k-1} + Δ b (w(z) u_k + w₋(z) u_{k-1})
/// ```
///
/// ```
/// use discretization::diagonalization::ScalarStep;
/// use nalgebra::Complex;
///
/// let step = ScalarStep::zero_order_hold(Complex::ZERO); // a mode that only adds up
/// assert_eq!((step.a_bar.re, step.begin.re), (1.0, 1.0));
/// let ring = ScalarStep::bilinear(Complex::new(0.0, 3.0)); // one that rings, and goes on ringing
/// assert!((ring.a_bar.norm() - 1.0).abs() < 1e-15);
/// ```
// ANCHOR: scalar_step
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScalarStep {
    /// r(z): what becomes of the mode.
    pub a_bar: Complex<f64>,
    /// w(z): how much the input at the end of the step counts.
    pub end: Complex<f64>,
    /// w₋(z): how much the input at its beginning counts.
    pub begin: Complex<f64>,
}

impl ScalarStep {
    /// The exact step of an input that is sampled and held: `e^z`, and `φ₁(z)` of u_{k-1}.
    pub fn zero_order_hold(z: Complex<f64>) -> Self {
        Self { a_bar: z.exp(), end: Complex::ZERO, begin: expm1_ratio(z) }
    }

    /// The trapezoidal rule: `(1 + z/2) / (1 - z/2)`, half of the input from each end.
    pub fn bilinear(z: Complex<f64>) -> Self {
        let inverse = (2.0 - z).inv();
        Self { a_bar: (2.0 + z) * inverse, end: inverse, begin: inverse }
    }
}
// ANCHOR_END: scalar_step

impl ScalarStep {
    /// `1 + z`, and the input of the beginning.
    ///
    /// ```
    /// use discretization::diagonalization::ScalarStep;
    /// use nalgebra::Complex;
    ///
    /// assert_eq!(ScalarStep::forward_euler(Complex::new(-0.5, 0.0)).a_bar.re, 0.5);
    /// ```
    pub fn forward_euler(z: Complex<f64>) -> Self {
        Self { a_bar: 1.0 + z, end: Complex::ZERO, begin: Complex::ONE }
    }

    /// `1 / (1 - z)`, and the input of the end.
    ///
    /// ```
    /// use discretization::diagonalization::ScalarStep;
    /// use nalgebra::Complex;
    ///
    /// assert_eq!(ScalarStep::backward_euler(Complex::new(-1.0, 0.0)).a_bar.re, 0.5);
    /// ```
    pub fn backward_euler(z: Complex<f64>) -> Self {
        Self::generalized_bilinear(z, 1.0)
    }

    /// `(1 + (1-α)z) / (1 - αz)`: a share α of everything from the end of the step.
    ///
    /// ```
    /// use discretization::diagonalization::ScalarStep;
    /// use nalgebra::Complex;
    ///
    /// let z = Complex::new(-0.3, 2.0);
    /// assert_eq!(ScalarStep::generalized_bilinear(z, 0.0), ScalarStep::forward_euler(z));
    /// ```
    pub fn generalized_bilinear(z: Complex<f64>, alpha: f64) -> Self {
        let inverse = (1.0 - z * alpha).inv();
        Self {
            a_bar: (1.0 + z * (1.0 - alpha)) * inverse,
            end: inverse * alpha,
            begin: inverse * (1.0 - alpha),
        }
    }

    /// The exact step of an input that moves along a straight line: `φ₂(z)` of its end, `φ₁ - φ₂` of
    /// its beginning.
    ///
    /// ```
    /// use discretization::diagonalization::ScalarStep;
    /// use nalgebra::Complex;
    ///
    /// let step = ScalarStep::first_order_hold(Complex::ZERO); // an integrator: the mean of both ends
    /// assert_eq!((step.end.re, step.begin.re), (0.5, 0.5));
    /// ```
    pub fn first_order_hold(z: Complex<f64>) -> Self {
        let end = phi(2, z);
        Self { a_bar: z.exp(), end, begin: expm1_ratio(z) - end }
    }

    /// `e^z` for the mode, and the input as it is: what Mamba's code computes.
    ///
    /// ```
    /// use discretization::diagonalization::ScalarStep;
    /// use nalgebra::Complex;
    ///
    /// let step = ScalarStep::exponential_euler(Complex::new(-1.0, 0.0));
    /// assert_eq!((step.a_bar.re, step.end.re), ((-1.0_f64).exp(), 1.0));
    /// ```
    pub fn exponential_euler(z: Complex<f64>) -> Self {
        Self { a_bar: z.exp(), end: Complex::ONE, begin: Complex::ZERO }
    }

    /// `e^z`, a share λ of the input of the end and the rest, carried by `e^z`, of the beginning.
    ///
    /// ```
    /// use discretization::diagonalization::ScalarStep;
    /// use nalgebra::Complex;
    ///
    /// let z = Complex::new(-1.0, 0.5);
    /// assert_eq!(ScalarStep::exponential_trapezoidal(z, 1.0).end, Complex::ONE);
    /// assert_eq!(ScalarStep::exponential_trapezoidal(z, 0.0).begin, z.exp());
    /// ```
    pub fn exponential_trapezoidal(z: Complex<f64>, lambda: f64) -> Self {
        Self { a_bar: z.exp(), end: lambda.into(), begin: z.exp() * (1.0 - lambda) }
    }
}

/// A flow in the coordinates of its modes: `x̃ₙ' = λₙ x̃ₙ + bₙ u`, `y = Σ wₙ Re(cₙ x̃ₙ) + D u`.
///
/// - *Good for* many steps, and for many different Δ: a new one costs O(N), no matrix is touched.
/// - *Breaks* where eigenvectors are nearly parallel: about log₁₀ κ(V) digits of the answer are lost
///   (`Eigendecomposition::condition_number`), at a defective A all of them.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::diagonalization::{DiagonalSystem, ScalarStep};
/// use nalgebra::dmatrix;
///
/// let (a, b) = (dmatrix![0.0, 1.0; -1.0, -0.4], dmatrix![0.0; 1.0]);
/// let spring = StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// let modes = DiagonalSystem::from_state_space(&spring)?;
/// assert_eq!((modes.lambda.len(), modes.weight[0]), (1, 2.0)); // one mode stands for both
///
/// let kernel = modes.discretize(ScalarStep::zero_order_hold, 0.5)?.kernel(100);
/// let settled: f64 = kernel.iter().map(|k| k[(0, 0)]).sum(); // where a push of 1 holds the spring
/// assert!((settled - 1.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DiagonalSystem {
    /// The modes, `[modes]`: real ones, and of each conjugate pair the upper one.
    pub lambda: DVector<Complex<f64>>,
    /// How the input pushes each mode: `[modes, M]`.
    pub b: DMatrix<Complex<f64>>,
    /// What of each mode is seen: `[P, modes]`.
    pub c: DMatrix<Complex<f64>>,
    /// What of the input is seen at once: `[P, M]`.
    pub d: DMatrix<f64>,
    /// How many modes of A each stands for: 2 for a pair, 1 for a real one.
    pub weight: DVector<f64>,
}

// ANCHOR: from_state_space
impl DiagonalSystem {
    /// Eigenvectors as coordinates: Λ, `V⁻¹B` and `CV`, of each pair the upper half. O(N³), once.
    ///
    /// # Errors
    /// [`DiagonalizationError::Eigen`] where κ(V) leaves not one digit: A is defective, or nearly so.
    pub fn from_state_space(sys: &StateSpace<Continuous>) -> Result<Self, DiagonalizationError> {
        let modes = eigendecomposition(sys.a())?;
        let upper: Vec<usize> = (0..sys.d_state()).filter(|&n| modes.lambda[n].im >= 0.0).collect();
        let lambda = modes.lambda.select_rows(&upper);
        let v = modes.v.select_columns(&upper);
        let weight = lambda.map(|lambda| if lambda.im > 0.0 { 2.0 } else { 1.0 });

        let b = real_coordinates(&v, &weight, sys.b())
            .filter(|_| modes.condition_number() * f64::EPSILON < 0.1)
            .ok_or_else(|| EigenError::NoEigenbasis { condition: modes.condition_number() })?;
        let c = sys.c().map(Complex::from) * v;
        Ok(Self { lambda, b, c, d: sys.d().clone(), weight })
    }
}
// ANCHOR_END: from_state_space

/// The b̃ with `Σ wₙ Re(vₙ b̃ₙ) = B`: a linear system in the real and imaginary parts of half of the modes.
///
/// To solve `V b̃ = B` and drop half of it is the same in exact arithmetic. In rounded arithmetic the
/// errors of the two halves are large and cancel each other, as long as both are there.
// ANCHOR: real_coordinates
fn real_coordinates(
    v: &DMatrix<Complex<f64>>,
    weight: &DVector<f64>,
    b: &DMatrix<f64>,
) -> Option<DMatrix<Complex<f64>>> {
    // w Re(v b̃) = (w Re v) Re b̃ - (w Im v) Im b̃: one column for a real mode, two for a pair.
    let mut columns = Vec::new();
    for (v, &weight) in v.column_iter().zip(weight) {
        columns.push(v.map(|z| weight * z.re));
        if weight > 1.0 {
            columns.push(v.map(|z| -weight * z.im));
        }
    }
    let parts = DMatrix::from_columns(&columns).lu().solve(b)?;

    let mut rows = parts.row_iter();
    let mode = weight.iter().map(|&weight| {
        let re = rows.next()?.map(Complex::from);
        Some(if weight > 1.0 { re + rows.next()?.map(|im| Complex::new(0.0, im)) } else { re })
    });
    Some(DMatrix::from_rows(&mode.collect::<Option<Vec<_>>>()?))
}
// ANCHOR_END: real_coordinates

// ANCHOR: discretize
impl DiagonalSystem {
    /// The rule, one mode at a time: O(N), for any Δ.
    ///
    /// # Errors
    /// [`DiagonalizationError::Input`] for a Δ that is not positive,
    /// [`DiagonalizationError::NoStep`] where the rule divides by zero or overflows.
    pub fn discretize(
        &self,
        rule: impl Fn(Complex<f64>) -> ScalarStep,
        delta: f64,
    ) -> Result<DiagonalRecurrence, DiagonalizationError> {
        validation::positive("Δ", delta)?;
        let steps = self.lambda.map(|lambda| rule(lambda * delta));
        let scaled = |weight: fn(&ScalarStep) -> Complex<f64>| {
            DMatrix::from_fn(self.b.nrows(), self.b.ncols(), |n, m| {
                weight(&steps[n]) * self.b[(n, m)] * delta
            })
        };
        let a_bar = steps.map(|step| step.a_bar);
        let (b_bar, b_bar_previous) = (scaled(|step| step.end), scaled(|step| step.begin));
        DiagonalRecurrence { a_bar, b_bar, b_bar_previous, flow: self.clone(), delta }.finite()
    }
}
// ANCHOR_END: discretize

/// The steps of a [`DiagonalSystem`]: N numbers that each go their own way.
///
/// ```text
/// x̃_k = ā ∘ x̃_{k-1} + B̄ u_k + B̄₋ u_{k-1}          y_k = Σ wₙ Re(cₙ x̃ₙ) + D u_k          x̃_{-1} = 0, u_{-1} = 0
/// ```
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::diagonalization::{DiagonalSystem, ScalarStep};
/// use nalgebra::{dmatrix, dvector};
///
/// let tank = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let steps = DiagonalSystem::from_state_space(&tank)?.discretize(ScalarStep::zero_order_hold, 0.1)?;
/// let y = steps.simulate(&vec![dvector![1.0]; 11])?; // held for ten steps: one second
/// assert!((y[10][0] - (1.0 - (-1.0_f64).exp())).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DiagonalRecurrence {
    /// What becomes of each mode: `[modes]`.
    pub a_bar: DVector<Complex<f64>>,
    /// What the input at the end of the step adds: `[modes, M]`.
    pub b_bar: DMatrix<Complex<f64>>,
    /// What the input at its beginning adds: `[modes, M]`.
    pub b_bar_previous: DMatrix<Complex<f64>>,
    /// The flow whose steps these are: its `c`, `d` and `weight` read the state.
    pub flow: DiagonalSystem,
    /// The step, in seconds.
    pub delta: f64,
}

// ANCHOR: step
impl DiagonalRecurrence {
    /// One step: `x` becomes what u_{k-1} and u_k make of it, and y_k is read. O(N(M + P)).
    pub fn step(
        &self,
        x: &mut DVector<Complex<f64>>,
        u_previous: &DVector<f64>,
        u: &DVector<f64>,
    ) -> DVector<f64> {
        let DiagonalSystem { c, d, weight, .. } = &self.flow;
        for (n, x) in x.iter_mut().enumerate() {
            *x *= self.a_bar[n];
            for m in 0..u.len() {
                *x += self.b_bar[(n, m)] * u[m] + self.b_bar_previous[(n, m)] * u_previous[m];
            }
        }
        let mut y = d * u;
        for (n, x) in x.iter().enumerate() {
            y.iter_mut().zip(&c.column(n)).for_each(|(y, c)| *y += weight[n] * (c * x).re);
        }
        y
    }
}
// ANCHOR_END: step

impl DiagonalRecurrence {
    /// Itself, unless an entry is not finite.
    fn finite(self) -> Result<Self, DiagonalizationError> {
        let finite = |z: &Complex<f64>| z.re.is_finite() && z.im.is_finite();
        let bad = (0..self.a_bar.len()).find(|&n| {
            let rows = self.b_bar.row(n).iter().chain(&self.b_bar_previous.row(n)).all(finite);
            !(finite(&self.a_bar[n]) && rows)
        });
        match bad {
            None => Ok(self),
            Some(n) => {
                let lambda = self.flow.lambda[n];
                Err(DiagonalizationError::NoStep { delta: self.delta, lambda })
            }
        }
    }

    /// The outputs of a sequence of inputs, from rest: `y[k]` for each `u[k]`. O(N) a step.
    ///
    /// # Errors
    /// [`DiagonalizationError::Input`] for an input of the wrong length or one that is not finite.
    ///
    /// See [`DiagonalRecurrence`] for an example.
    pub fn simulate(&self, u: &[DVector<f64>]) -> Result<Vec<DVector<f64>>, DiagonalizationError> {
        let mut x = DVector::zeros(self.a_bar.len());
        let mut u_previous = DVector::zeros(self.b_bar.ncols());
        let mut y = Vec::with_capacity(u.len());
        for u in u {
            validation::length("u", u, u_previous.len())?;
            validation::finite_vector("u", u)?;
            y.push(self.step(&mut x, &u_previous, u));
            u_previous.copy_from(u);
        }
        Ok(y)
    }

    /// The first numbers of the kernel for held inputs, each `[P, M]`:
    /// `K_k = Σ wₙ Re(cₙ āₙᵏ (b̄ₙ + b̄₋ₙ))`, without `D`. O(N) a number.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use discretization::diagonalization::{DiagonalSystem, ScalarStep};
    /// use nalgebra::dmatrix;
    ///
    /// let tank = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    /// let steps = DiagonalSystem::from_state_space(&tank)?.discretize(ScalarStep::bilinear, 1.0)?;
    /// let kernel = steps.kernel(3);
    /// let third = 1.0_f64 / 3.0; // (1 - 1/2) / (1 + 1/2), and 1 / (1 + 1/2) = 2/3 of the input
    /// assert!((kernel[2][(0, 0)] - 2.0 * third * third.powi(2)).abs() < 1e-15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kernel(&self, length: usize) -> Vec<DMatrix<f64>> {
        let DiagonalSystem { c, weight, .. } = &self.flow;
        let mut x = &self.b_bar + &self.b_bar_previous;
        let mut kernel = Vec::with_capacity(length);
        for _ in 0..length {
            kernel.push(DMatrix::from_fn(c.nrows(), x.ncols(), |p, m| {
                (0..x.nrows()).map(|n| weight[n] * (c[(p, n)] * x[(n, m)]).re).sum()
            }));
            for (mut row, a_bar) in x.row_iter_mut().zip(&self.a_bar) {
                row *= *a_bar;
            }
        }
        kernel
    }

    /// Real multiplications of one step with held inputs: 4 for `āx`, 2M for `b̄u`, 2P for
    /// `Re(cx)`, for each mode stored, and PM for `Du`. Counted by [`dense_multiplications`] for
    /// a matrix.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use discretization::diagonalization::{DiagonalSystem, ScalarStep, dense_multiplications};
    /// use nalgebra::dmatrix;
    ///
    /// let (a, b) = (dmatrix![0.0, 1.0; -1.0, -0.4], dmatrix![0.0; 1.0]);
    /// let spring = StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0])?;
    /// let steps = DiagonalSystem::from_state_space(&spring)?.discretize(ScalarStep::bilinear, 0.1)?;
    /// assert_eq!((steps.multiplications(), dense_multiplications(2, 1, 1)), (9, 9));
    /// assert_eq!(dense_multiplications(64, 1, 1), 4225);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn multiplications(&self) -> usize {
        let (modes, inputs, outputs) = (self.a_bar.len(), self.b_bar.ncols(), self.flow.c.nrows());
        modes * (4 + 2 * inputs + 2 * outputs) + outputs * inputs
    }
}

/// Real multiplications of one step `x = Āx + B̄u`, `y = Cx + Du` with full matrices.
///
/// See [`DiagonalRecurrence::multiplications`] for an example.
pub fn dense_multiplications(d_state: usize, inputs: usize, outputs: usize) -> usize {
    d_state * (d_state + inputs + outputs) + outputs * inputs
}

/// The same system in units in which no row of V is larger than another: `x = E x̂` with E the
/// power of two nearest to the largest entry of each row of V.
///
/// *Good for* looking at what balancing can do: κ(V) falls by the disorder of the units. *Breaks* the hope
/// that κ(V) alone says how many digits are lost: powers of two round nothing, so none come back.
///
/// # Errors
/// [`DiagonalizationError::Eigen`] where the eigenvectors are not found.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::diagonalization::balance_modes;
/// use math_foundations::eigendecomposition::eigendecomposition;
/// use nalgebra::dmatrix;
///
/// // Kilometres and millimetres.
/// let (a, b) = (dmatrix![-1.0, 1e6; 1e-6, -2.0], dmatrix![1e6; 1.0]);
/// let mixed = StateSpace::continuous(a, b, dmatrix![1.0, 1e6], dmatrix![0.0])?;
/// assert!(eigendecomposition(mixed.a())?.condition_number() > 1e5);
/// let balanced = balance_modes(&mixed)?;
/// assert!(eigendecomposition(balanced.a())?.condition_number() < 10.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn balance_modes(
    sys: &StateSpace<Continuous>,
) -> Result<StateSpace<Continuous>, DiagonalizationError> {
    let modes = eigendecomposition(sys.a())?;
    let largest = |row: usize| modes.v.row(row).iter().map(|v| v.norm()).fold(0.0, f64::max);
    let unit: Vec<f64> = (0..sys.d_state()).map(|n| largest(n).log2().round().exp2()).collect();
    let (mut a, mut b, mut c) = (sys.a().clone(), sys.b().clone(), sys.c().clone());
    for (n, unit) in unit.into_iter().enumerate() {
        a.row_mut(n).unscale_mut(unit);
        a.column_mut(n).scale_mut(unit);
        b.row_mut(n).unscale_mut(unit);
        c.column_mut(n).scale_mut(unit);
    }
    Ok(StateSpace::continuous(a, b, c, sys.d().clone())?)
}

/// HiPPO-LegS, the memory with which chapter 5 begins, read by the sum of its states.
///
/// ```text
/// a_nk = -√(2n+1) √(2k+1) for n > k,   -(n+1) for n = k,   0 above          b_n = √(2n+1)
/// ```
///
/// Its eigenvalues are -1, -2, …, -N, as far apart as one could wish; its eigenvectors are nearly parallel.
///
/// # Errors
/// [`DiagonalizationError::StateSpace`] for `d_state = 0`.
///
/// Source: A. Gu, T. Dao, S. Ermon, A. Rudra, C. Ré, *HiPPO* (2020), theorem 2, at t = 1.
///
/// ```
/// use discretization::diagonalization::hippo_legs;
///
/// let memory = hippo_legs(3)?;
/// assert_eq!(memory.a()[(2, 2)], -3.0);
/// assert!((memory.a()[(1, 0)] + 3.0_f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), discretization::diagonalization::DiagonalizationError>(())
/// ```
pub fn hippo_legs(d_state: usize) -> Result<StateSpace<Continuous>, DiagonalizationError> {
    let root = |n: usize| ((2 * n + 1) as f64).sqrt();
    let a = DMatrix::from_fn(d_state, d_state, |n, k| match n.cmp(&k) {
        Ordering::Greater => -root(n) * root(k),
        Ordering::Equal => -(n as f64 + 1.0),
        Ordering::Less => 0.0,
    });
    let b = DMatrix::from_fn(d_state, 1, |n, _| root(n));
    let c = DMatrix::from_element(1, d_state, 1.0);
    Ok(StateSpace::continuous(a, b, c, DMatrix::zeros(1, 1))?)
}
