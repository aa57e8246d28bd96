//! # Controllability
//!
//! *Which states can we reach, which can we see, and what does it cost?*
//!
//! The yes or no ([`is_controllable`], [`is_observable`]), the mode it fails on
//! ([`popov_belevitch_hautus`]), the price ([`controllability_gramian`], [`minimum_energy_input`]), and
//! what may be left out: exactly ([`minimal_realization`]) or nearly ([`balanced_truncation`]).
//!
//! Equations: `eq-2-5` (the Gramian is the price list of the states).
//!
//! Conventions: everything here is about A, B and C as they stand, in both kinds of time: `x_k` has seen
//! `u_k`, so the states that k inputs can reach are spanned by `B, AB, …, A^{k-1}B`, and what is seen of
//! `x_k` from its own step on is `C x_k, C A x_k, …`. The feedthrough D passes the state by and stays as
//! it is. Transfer functions of steps differ from `C (zI - A)^{-1} B + D` by a factor z, whose modulus on
//! the unit circle is one: no error bound minds it. "Zero" means: no more than a change of A and B by
//! their rounding, `10 N ε`.

use classical_ssm::singular_values::{SingularValues, singular_values};
use classical_ssm::state_space::{Discrete, StateSpace, StateSpaceError, TimeDomain};
use math_foundations::eigendecomposition::{EigenError, eigenvalues, hermitian_eigendecomposition};
use math_foundations::stability::{StabilityError, StabilityVerdict};
use math_foundations::state_representations::Matrices;
use math_foundations::validation::{
    InputError, finite, finite_vector, length, non_negative, positive,
};
use nalgebra::{Complex, DMatrix, DVector};
use thiserror::Error;

/// Why a state cannot be reached, seen, priced or left out.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ControllabilityError {
    /// A matrix or a number that cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Four matrices that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// The eigenvalues could not be computed.
    #[error(transparent)]
    Eigenvalues(#[from] EigenError),
    /// The Lyapunov equation could not be solved.
    #[error(transparent)]
    Stability(#[from] StabilityError),
    /// A Gramian was asked of a system with a mode that does not die away.
    #[error(
        "expected every mode to die away, found the eigenvalue {}: \
         a Gramian sums up a response that has to end", in_words(.lambda)
    )]
    NoGramian {
        /// The eigenvalue of that mode.
        lambda: Complex<f64>,
    },
    /// A model of an order that there is not.
    #[error("expected an order from 1 to {most}, the states that pass anything on, found {order}")]
    Order {
        /// The order asked for.
        order: usize,
        /// How many Hankel singular values stand out of the rounding.
        most: usize,
    },
    /// No state is both moved by the input and seen in the output.
    #[error("expected a state that the input moves and the output shows, found none: y = D u")]
    NoState,
    /// A state outside the span of what the inputs can do.
    #[error(
        "expected a state that {steps} steps of input can reach, \
         found one of which {} stay out of reach", percent(*.share)
    )]
    OutOfReach {
        /// How many steps there were.
        steps: usize,
        /// The length of what cannot be reached, relative to the state.
        share: f64,
    },
}

/// A share in per cent, with one digit at least.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = (-percent.log10()).ceil().clamp(0.0, 12.0) as usize;
    format!("{percent:.decimals$} %")
}

fn in_words(number: &Complex<f64>) -> String {
    let Complex { re, im } = *number;
    match im {
        0.0 => format!("{re:.4}"),
        _ => format!("{re:.4} {} {:.4}i", if im < 0.0 { '-' } else { '+' }, im.abs()),
    }
}

// ---------------------------------------------------------------------------------------------
// The running example
// ---------------------------------------------------------------------------------------------

/// Carts of 1 kg in a row, joined to each other and to both walls by springs with dampers.
///
/// ```text
/// q_i'' = stiffness (q_{i-1} - 2 q_i + q_{i+1}) + damping (v_{i-1} - 2 v_i + v_{i+1}) + force on cart i
/// ```
///
/// The state is `(q_0, …, q_{n-1}, v_0, …, v_{n-1})`, N = 2n: places in m, speeds in m/s. The input is a
/// force in N on one cart, the output the place of one cart.
///
/// ```
/// use classical_ssm::controllability::Carts;
///
/// let three = Carts { pushed: 1, ..Carts::row(3) }.system()?;
/// assert_eq!((three.d_state(), three.inputs(), three.outputs()), (6, 1, 1));
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Carts {
    /// How many.
    pub count: usize,
    /// Of each spring, in N/m.
    pub stiffness: f64,
    /// Of each damper, in N s/m.
    pub damping: f64,
    /// The cart that the input pushes, from 0.
    pub pushed: usize,
    /// The cart whose place is the output, from 0.
    pub watched: usize,
}

impl Carts {
    /// Springs of 100 N/m, dampers of 1 N s/m, pushed at the first cart and watched at the last.
    pub fn row(count: usize) -> Self {
        let last = count.saturating_sub(1);
        Self { count, stiffness: 100.0, damping: 1.0, pushed: 0, watched: last }
    }

    /// The carts as a flow.
    ///
    /// # Errors
    /// [`ControllabilityError::Input`] for no carts, a cart that is not there, a stiffness that is not
    /// positive or a damping below zero.
    pub fn system(
        &self,
    ) -> Result<StateSpace<classical_ssm::state_space::Continuous>, ControllabilityError> {
        let Self { count: n, stiffness, damping, pushed, watched } = *self;
        positive("the stiffness", stiffness)?;
        non_negative("the damping", damping)?;
        if pushed.max(watched) >= n {
            let value = pushed.max(watched).to_string();
            let expected = "one of the carts, counted from 0";
            return Err(InputError::OutOfRange { name: "the cart", expected, value }.into());
        }
        let pull = DMatrix::from_fn(n, n, |i, j| match i.abs_diff(j) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        });
        let mut a = DMatrix::zeros(2 * n, 2 * n);
        a.view_mut((0, n), (n, n)).fill_with_identity();
        a.view_mut((n, 0), (n, n)).copy_from(&(&pull * -stiffness));
        a.view_mut((n, n), (n, n)).copy_from(&(&pull * -damping));
        let b = DMatrix::from_fn(2 * n, 1, |i, _| if i == n + pushed { 1.0 } else { 0.0 });
        let c = DMatrix::from_fn(1, 2 * n, |_, i| if i == watched { 1.0 } else { 0.0 });
        Ok(StateSpace::continuous(a, b, c, DMatrix::zeros(1, 1))?)
    }
}

// ---------------------------------------------------------------------------------------------
// Yes or no
// ---------------------------------------------------------------------------------------------

/// What N inputs can do, side by side: `(B, AB, …, A^{N-1}B)`, `[N, N M]`.
///
/// The states that can be reached from rest are the span of its columns, in both kinds of time.
/// *Exact when* A and B are small matrices of integers; *good for* proofs and for N up to about ten;
/// *breaks* beyond: its columns turn towards one direction and its entries grow like `‖A‖^N`, so that its
/// computed rank says nothing. [`is_controllable`] does not use it. Cost O(N³ M).
///
/// ```
/// use classical_ssm::{controllability::controllability_matrix, state_space::StateSpace};
/// use nalgebra::dmatrix;
///
/// let spring = StateSpace::continuous(
///     dmatrix![0.0, 1.0; -40.0, -5.0], dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// assert_eq!(controllability_matrix(&spring), dmatrix![0.0, 1.0; 1.0, -5.0]);
/// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
/// ```
// ANCHOR: controllability_matrix
pub fn controllability_matrix<T: TimeDomain>(sys: &StateSpace<T>) -> DMatrix<f64> {
    let (n, m) = (sys.d_state(), sys.inputs());
    let mut columns = DMatrix::zeros(n, n * m);
    let mut block = sys.b().clone();
    for k in 0..n {
        columns.columns_mut(k * m, m).copy_from(&block);
        block = sys.a() * block;
    }
    columns
}
// ANCHOR_END: controllability_matrix

/// What N outputs show, one below the other: `(C; CA; …; CA^{N-1})`, `[N P, N]`.
///
/// The states that the outputs do not tell from rest are its null space. *Breaks* as
/// [`controllability_matrix`] does, whose transposed twin it is. Cost O(N³ P).
///
/// ```
/// use classical_ssm::{controllability::observability_matrix, state_space::StateSpace};
/// use nalgebra::dmatrix;
///
/// let spring = StateSpace::continuous(
///     dmatrix![0.0, 1.0; -40.0, -5.0], dmatrix![0.0; 1.0], dmatrix![0.0, 1.0], dmatrix![0.0])?;
/// assert_eq!(observability_matrix(&spring), dmatrix![0.0, 1.0; -40.0, -5.0]);
/// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
/// ```
pub fn observability_matrix<T: TimeDomain>(sys: &StateSpace<T>) -> DMatrix<f64> {
    let (n, p) = (sys.d_state(), sys.outputs());
    let mut rows = DMatrix::zeros(n * p, n);
    let mut block = sys.c().clone();
    for k in 0..n {
        rows.rows_mut(k * p, p).copy_from(&block);
        block *= sys.a();
    }
    rows
}

/// How many singular values of a matrix stand out of its rounding, `max(rows, columns) ε σ₁`.
///
/// # Errors
/// [`InputError`] for a matrix with no entries, or with one that is not finite.
///
/// ```
/// use classical_ssm::controllability::rank;
/// use nalgebra::dmatrix;
///
/// assert_eq!(rank(&dmatrix![1.0, 2.0; 2.0, 4.0]), Ok(1));
/// ```
pub fn rank(matrix: &DMatrix<f64>) -> Result<usize, InputError> {
    finite("the matrix", matrix)?;
    let sigma = singular_values(matrix).sigma;
    let rounding = matrix.nrows().max(matrix.ncols()) as f64 * f64::EPSILON * sigma.max();
    Ok(sigma.iter().filter(|&&value| value > rounding).count())
}

/// Whether inputs can bring the state from rest to any place.
///
/// By the staircase ([`minimal_realization`]), whose rotations lose nothing, and with each input in the
/// unit in which its column of B is as large as A. Cost O(N³).
///
/// # Errors
/// None beyond [`ControllabilityError::Input`].
///
/// ```
/// use classical_ssm::controllability::{Carts, is_controllable};
///
/// assert!(is_controllable(&Carts::row(3).system()?)?);
/// // Pushed in the middle, the outer two never swing against each other.
/// assert!(!is_controllable(&Carts { pushed: 1, ..Carts::row(3) }.system()?)?);
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
pub fn is_controllable<T: TimeDomain>(sys: &StateSpace<T>) -> Result<bool, ControllabilityError> {
    Ok(reachable_dimension(sys.a(), sys.b())? == sys.d_state())
}

/// Whether no two states give the same outputs: [`is_controllable`] of `(Aᵀ, Cᵀ)`.
///
/// # Errors
/// None beyond [`ControllabilityError::Input`].
///
/// ```
/// use classical_ssm::controllability::{Carts, is_observable};
///
/// assert!(is_observable(&Carts::row(3).system()?)?);
/// assert!(!is_observable(&Carts { watched: 1, ..Carts::row(3) }.system()?)?);
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
pub fn is_observable<T: TimeDomain>(sys: &StateSpace<T>) -> Result<bool, ControllabilityError> {
    Ok(reachable_dimension(&sys.a().transpose(), &sys.c().transpose())? == sys.d_state())
}

fn reachable_dimension(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<usize, ControllabilityError> {
    let reached = staircase(a, b, rounding(a.nrows())).1;
    Ok(reached)
}

/// What counts as zero, relative to the norm of A: the backward error of orthogonal transformations.
fn rounding(n: usize) -> f64 {
    10.0 * n as f64 * f64::EPSILON
}

/// The norm of A, or 1 where there is nothing to measure by.
fn size(a: &DMatrix<f64>) -> f64 {
    if a.norm() > 0.0 { a.norm() } else { 1.0 }
}

/// B with each input in a unit in which its column is as long as A is large.
fn in_like_units(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let size = size(a);
    let mut b = b.clone();
    for mut column in b.column_iter_mut() {
        // Twice, so that a column of the smallest numbers does not overflow its reciprocal.
        for _ in 0..2 {
            let largest = column.amax();
            if largest > 0.0 {
                column /= largest;
                let length = column.norm();
                column *= size / length;
            }
        }
    }
    b
}

/// Turns the coordinates, `x = Q z`, until the first r of z are those that the input reaches.
///
/// What B reaches comes first; then what A makes of that and is new; and so on, until nothing new comes.
/// Returns Q and r. A part of length `tolerance ‖A‖` counts as nothing, and so does what rounding has become
/// by the shortest step so far.
// ANCHOR: staircase
fn staircase(a: &DMatrix<f64>, b: &DMatrix<f64>, tolerance: f64) -> (DMatrix<f64>, usize) {
    let n = a.nrows();
    let mut a_turned = a.clone();
    let mut q_transposed = DMatrix::identity(n, n);
    let mut fresh = in_like_units(a, b);
    let mut nothing = tolerance * size(a);
    let mut reached = 0;
    while reached < n {
        let qr = fresh.col_piv_qr();
        let r = qr.r();
        let steps = (0..r.nrows()).filter(|&i| r[(i, i)].abs() > nothing).count();
        if steps == 0 {
            break;
        }
        qr.q_tr_mul(&mut a_turned.rows_mut(reached, n - reached));
        qr.q_tr_mul(&mut q_transposed.rows_mut(reached, n - reached));
        let mut columns = a_turned.columns(reached, n - reached).transpose();
        qr.q_tr_mul(&mut columns);
        a_turned.columns_mut(reached, n - reached).copy_from(&columns.transpose());
        nothing = nothing.max(rounding(n) * size(a).powi(2) / r[(steps - 1, steps - 1)].abs());
        reached += steps;
        fresh = a_turned.view((reached, reached - steps), (n - reached, steps)).into_owned();
    }
    (q_transposed.transpose(), reached)
}
// ANCHOR_END: staircase

// ---------------------------------------------------------------------------------------------
// Which mode
// ---------------------------------------------------------------------------------------------

/// How far one mode is from the input and from the output.
#[derive(Debug, Clone, PartialEq)]
pub struct HautusMode {
    /// The eigenvalue.
    pub lambda: Complex<f64>,
    /// The smallest singular value of `(A - λI, B)`, relative to A: 0 when the mode is out of reach.
    pub reach: f64,
    /// The unit vector w of that singular value: out of reach, `wᴴx` goes its own way, `e^{λt}` or `λ^k`
    /// times what it was. `[N]`
    pub quantity: DVector<Complex<f64>>,
    /// The smallest singular value of `(A - λI; C)`, relative to A: 0 when the mode is out of sight.
    pub sight: f64,
    /// The unit vector v of that singular value: out of sight, no output shows the motion v. `[N]`
    pub motion: DVector<Complex<f64>>,
}

impl HautusMode {
    /// Whether the input moves the mode.
    pub fn is_reachable(&self) -> bool {
        self.reach > rounding(self.quantity.len())
    }

    /// Whether the output shows the mode.
    pub fn is_visible(&self) -> bool {
        self.sight > rounding(self.motion.len())
    }
}

/// Asks of each mode whether the input reaches it and the output shows it: the test of Popov, Belevitch
/// and Hautus.
///
/// ```text
/// (A, B) is controllable   exactly when   rank (A - λI, B) = N at each eigenvalue λ
/// ```
///
/// B's columns (C's rows) are taken in units in which they are as long as A is large, so that `reach` does
/// not depend on the unit of the input. One entry an eigenvalue, ordered as [`eigenvalues`]; an eigenvalue
/// that stands twice is out of reach, twice, as soon as one of its motions is.
/// Cost: a singular value decomposition for each eigenvalue, O(N⁴).
///
/// # Errors
/// [`ControllabilityError::Eigenvalues`].
///
/// ```
/// use classical_ssm::controllability::{Carts, popov_belevitch_hautus};
///
/// let modes = popov_belevitch_hautus(&Carts { pushed: 1, ..Carts::row(3) }.system()?)?;
/// assert_eq!(modes.iter().filter(|mode| !mode.is_reachable()).count(), 2); // a complex pair
/// assert!(modes.iter().all(|mode| mode.is_visible()));
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
// ANCHOR: popov_belevitch_hautus
pub fn popov_belevitch_hautus<T: TimeDomain>(
    sys: &StateSpace<T>,
) -> Result<Vec<HautusMode>, ControllabilityError> {
    let (a, b, c) = (sys.a(), sys.b(), sys.c());
    let mut modes: Vec<HautusMode> = Vec::with_capacity(a.nrows());
    for &lambda in &eigenvalues(a)? {
        // The second of a conjugate pair is the mirror image of the first.
        if let Some(first) =
            modes.last().filter(|first| first.lambda == lambda.conj() && lambda.im < 0.0)
        {
            let (quantity, motion) = (first.quantity.conjugate(), first.motion.conjugate());
            modes.push(HautusMode { lambda, quantity, motion, ..first.clone() });
            continue;
        }
        let (reach, quantity) = distance(a, b, lambda);
        let (sight, motion) = distance(&a.transpose(), &c.transpose(), lambda);
        modes.push(HautusMode { lambda, reach, quantity, sight, motion: motion.conjugate() });
    }
    Ok(modes)
}
// ANCHOR_END: popov_belevitch_hautus

/// The smallest singular value of `(A - λI, B)` relative to A, and its left vector, near λ.
///
/// Where rounding moves an eigenvalue far, as in a Jordan block, the one computed misses the point at which
/// the matrix is singular. `σ = wᴴ (A - λI, B) v` says where to look: σ / (wᴴ v's first N entries) further.
fn distance(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    lambda: Complex<f64>,
) -> (f64, DVector<Complex<f64>>) {
    let (n, b) = (a.nrows(), in_like_units(a, b));
    let complex = |matrix: &DMatrix<f64>| matrix.map(|entry| Complex::new(entry, 0.0));
    let size = size(a);
    let mut joined = side_by_side(a, &b).map(|entry| Complex::new(entry, 0.0));
    let a = complex(a);
    let mut measure = |point: Complex<f64>| {
        joined.columns_mut(0, n).copy_from(&(&a - DMatrix::identity(n, n) * point));
        let SingularValues { u, sigma, v } = singular_values(&joined);
        let w = u.column(n - 1).into_owned();
        let slope = w.dotc(&v.view((0, n - 1), (n, 1)).column(0));
        (sigma[n - 1] / size, w, point + Complex::from(sigma[n - 1]) / slope)
    };
    let near = f64::EPSILON.cbrt();
    let mut best = measure(lambda);
    for _ in 0..4 {
        let worth = best.0 > 0.1 * rounding(n) && best.0 < near;
        if !worth
            || (best.2 - lambda).norm().is_nan()
            || (best.2 - lambda).norm() > 10.0 * near * size
        {
            break;
        }
        let next = measure(best.2);
        if next.0 >= best.0 {
            break;
        }
        best = next;
    }
    (best.0, best.1)
}

// ---------------------------------------------------------------------------------------------
// The price
// ---------------------------------------------------------------------------------------------

/// Everything that unit impulses stir up, summed up over all time: `[N, N]`, symmetric.
///
/// ```text
/// W = ∫₀^∞ e^{At} B Bᵀ e^{Aᵀt} dt,   A W + W Aᵀ + B Bᵀ = 0             for a flow      (eq-2-5)
/// W = Σ_k A^k B Bᵀ (Aᵀ)^k,           A W Aᵀ - W + B Bᵀ = 0             for steps
/// ```
///
/// `xᵀ W⁻¹ x` is the least energy `∫ |u|²` (or `Σ |u_k|²`) that brings the state from rest to x: the
/// eigenvectors of W with large eigenvalues are cheap to reach. Chapter 1 solves the equation. Cost O(N³).
///
/// # Errors
/// [`ControllabilityError::NoGramian`] unless every mode dies away.
///
/// ```
/// use classical_ssm::{controllability::controllability_gramian, state_space::StateSpace};
/// use nalgebra::dmatrix;
///
/// // ∫ e^{-2t} dt = 1/2; as steps with e^{-1} for A, 1 + e^{-2} + e^{-4} + …
/// let flow = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// assert!((controllability_gramian(&flow)?[(0, 0)] - 0.5).abs() < 1e-15);
/// let grows = StateSpace::continuous(dmatrix![0.5], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// assert_eq!(
///     controllability_gramian(&grows).unwrap_err().to_string(),
///     "expected every mode to die away, found the eigenvalue 0.5000: \
///      a Gramian sums up a response that has to end",
/// );
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
// ANCHOR: gramian
pub fn controllability_gramian<T: TimeDomain>(
    sys: &StateSpace<T>,
) -> Result<DMatrix<f64>, ControllabilityError> {
    refuse_what_stays(sys)?;
    Ok(sys.time().solve_lyapunov(sys.a(), &(sys.b() * sys.b().transpose()))?)
}
// ANCHOR_END: gramian

/// Everything that the outputs show of each state, summed up over all time: `[N, N]`, symmetric.
///
/// ```text
/// W = ∫₀^∞ e^{Aᵀt} Cᵀ C e^{At} dt   or   Σ_k (Aᵀ)^k Cᵀ C A^k
/// ```
///
/// `xᵀ W x` is the energy `∫ |y|²` (or `Σ |y_k|²`, the step of x itself included) of the output that x
/// leaves behind when nothing is put in. Cost O(N³).
///
/// # Errors
/// [`ControllabilityError::NoGramian`] unless every mode dies away.
///
/// ```
/// use classical_ssm::{controllability::observability_gramian, state_space::StateSpace};
/// use nalgebra::dmatrix;
///
/// let halves = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)?;
/// assert!((observability_gramian(&halves)?[(0, 0)] - 4.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
pub fn observability_gramian<T: TimeDomain>(
    sys: &StateSpace<T>,
) -> Result<DMatrix<f64>, ControllabilityError> {
    refuse_what_stays(sys)?;
    Ok(sys.time().solve_lyapunov(&sys.a().transpose(), &sys.c().tr_mul(sys.c()))?)
}

fn refuse_what_stays<T: TimeDomain>(sys: &StateSpace<T>) -> Result<(), ControllabilityError> {
    if sys.time().verdict(sys.a())? == StabilityVerdict::AsymptoticallyStable {
        return Ok(());
    }
    let spectrum = eigenvalues(sys.a())?;
    let stays = spectrum.iter().find(|lambda| !sys.time().dies_away(**lambda));
    Err(ControllabilityError::NoGramian { lambda: *stays.unwrap_or(&spectrum[0]) })
}

/// The inputs of least energy `Σ |u_k|²` that bring the state from rest to `target`: `[M, steps]`, a
/// column a step.
///
/// ```text
/// x_{K-1} = (A^{K-1}B, …, AB, B) (u_0; …; u_{K-1}) = R u       u = Rᵀ (R Rᵀ)⁻¹ target
/// ```
///
/// As x_k has seen u_k, the last input still counts: K inputs reach x_{K-1}. The energy is
/// `targetᵀ (R Rᵀ)⁻¹ target`, and `R Rᵀ` grows to the Gramian as there are more steps; A need not be
/// stable. Solved by singular values of R, whose square would lose half the digits. Cost O(K N² M).
///
/// # Errors
/// [`ControllabilityError::OutOfReach`] when the best inputs miss the target by more than `√ε` of its
/// length; [`ControllabilityError::Input`] for a target of another length or no steps.
///
/// ```
/// use classical_ssm::{controllability::minimum_energy_input, state_space::StateSpace};
/// use nalgebra::{dmatrix, dvector};
///
/// // x_k = x_{k-1}/2 + u_k: a late input counts more than an early one.
/// let halves = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)?;
/// let u = minimum_energy_input(&halves, &dvector![1.25], 2)?;
/// assert!((u - dmatrix![0.5, 1.0]).norm() < 1e-15);
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
// ANCHOR: minimum_energy_input
pub fn minimum_energy_input(
    sys: &StateSpace<Discrete>,
    target: &DVector<f64>,
    steps: usize,
) -> Result<DMatrix<f64>, ControllabilityError> {
    length("the target", target, sys.d_state())?;
    finite_vector("the target", target)?;
    let reach = reach(sys, steps)?;
    let SingularValues { u, sigma, v } = singular_values(&reach);
    let rounding = sys.d_state() as f64 * f64::EPSILON * sigma[0];
    let mut amounts = u.tr_mul(target);
    amounts.zip_apply(&sigma, |amount, sigma| {
        *amount = if sigma > rounding { *amount / sigma } else { 0.0 };
    });
    let inputs = v * amounts;
    let share = (&reach * &inputs - target).norm() / target.norm().max(f64::MIN_POSITIVE);
    if share > f64::EPSILON.sqrt() {
        return Err(ControllabilityError::OutOfReach { steps, share });
    }
    Ok(DMatrix::from_column_slice(sys.inputs(), steps, inputs.as_slice()))
}
// ANCHOR_END: minimum_energy_input

/// `(A^{K-1}B, …, AB, B)`: what each of K inputs contributes to the last state, `[N, K M]`.
fn reach(sys: &StateSpace<Discrete>, steps: usize) -> Result<DMatrix<f64>, InputError> {
    let (n, m) = (sys.d_state(), sys.inputs());
    if steps == 0 {
        let (expected, value) = ("at least 1", steps.to_string());
        return Err(InputError::OutOfRange { name: "the number of steps", expected, value });
    }
    let mut reach = DMatrix::zeros(n, steps * m);
    let mut block = sys.b().clone();
    for k in (0..steps).rev() {
        reach.columns_mut(k * m, m).copy_from(&block);
        block = sys.a() * block;
    }
    finite("A^k B", &reach)?;
    Ok(reach)
}

/// The energy of the impulse response, as a length: the H₂ norm.
///
/// ```text
/// ‖G‖₂² = ∫₀^∞ ‖C e^{At} B‖² dt = tr(C W Cᵀ)       for a flow without feedthrough; infinite with
/// ‖G‖₂² = ‖D + CB‖² + Σ_{k>0} ‖C A^k B‖²           for steps, by their resolvent form
/// ```
///
/// It is also the power of the output when the input is white noise of power one. Cost O(N³).
///
/// # Errors
/// [`ControllabilityError::NoGramian`] unless every mode dies away.
///
/// ```
/// use classical_ssm::{controllability::h2_norm, state_space::StateSpace};
/// use nalgebra::dmatrix;
///
/// // 3² + 1² + 1/2² + …: the kernel of steps is D + CB, CAB, CA²B, …
/// let halves = StateSpace::discrete(dmatrix![0.5], dmatrix![2.0], dmatrix![1.0], dmatrix![1.0], 1.0)?;
/// assert!((h2_norm(&halves)?.powi(2) - (9.0 + 4.0 / 3.0)).abs() < 1e-14);
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
pub fn h2_norm<T: TimeDomain>(sys: &StateSpace<T>) -> Result<f64, ControllabilityError> {
    let Matrices { a, b, c, d } = sys.resolvent_form();
    refuse_what_stays(sys)?;
    let through_state = (c * gramian_factor(sys.time(), &a, &b)?).norm();
    // An impulse let through at once has the energy of one step, and of a flow's no end.
    let at_once = match d.norm() {
        0.0 => 0.0,
        size if sys.time().wave(0.0) == Complex::ZERO => size * f64::INFINITY,
        size => size,
    };
    Ok(through_state.hypot(at_once))
}

// ---------------------------------------------------------------------------------------------
// What may be left out
// ---------------------------------------------------------------------------------------------

/// The same transfer function with as few states as it takes.
///
/// Rotates the state until those that the input never reaches stand apart, leaves them out, and does the
/// same with those that the output never shows. Works for unstable systems too.
///
/// A coupling smaller than `tolerance` times the norm of A is cut. `10 N ε` cuts what rotations may have
/// left in place of zero, and no more: the answer's transfer function is that of matrices as near to the
/// given ones as their own rounding. Take a larger one where the entries are known less well, 1e-6 for six
/// digits. Each cut moves A by so much; what that does to the transfer function depends on how near the
/// poles are to the axis: to leave out with a *guarantee*, use [`balanced_truncation`].
///
/// For steps, minimal means minimal with this D: an eigenvalue 0 that only adds to the first output is
/// kept. Cost O(N³).
///
/// # Errors
/// [`ControllabilityError::NoState`] when nothing is left; [`ControllabilityError::Input`] for a tolerance
/// below zero.
///
/// Source: Rosenbrock 1970; with rotations Paige 1981.
///
/// ```
/// use classical_ssm::controllability::{Carts, minimal_realization};
///
/// // Pushed in the middle, three carts move as two: the outer ones together.
/// let carts = Carts { pushed: 1, ..Carts::row(3) }.system()?;
/// assert_eq!(minimal_realization(&carts, 1e-12)?.d_state(), 4);
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
// ANCHOR: minimal_realization
pub fn minimal_realization<T: TimeDomain>(
    sys: &StateSpace<T>,
    tolerance: f64,
) -> Result<StateSpace<T>, ControllabilityError> {
    non_negative("the tolerance", tolerance)?;
    let Matrices { a, b, c, d } = sys.matrices().clone();
    let [a, b, c] = reached_part(&a, &b, &c, tolerance)?;
    // What is seen of (A, C) is what is reached of (Aᵀ, Cᵀ).
    let [a, c, b] = reached_part(&a.transpose(), &c.transpose(), &b.transpose(), tolerance)?;
    let (a, b, c) = (a.transpose(), b.transpose(), c.transpose());
    Ok(sys.with_matrices(Matrices { a, b, c, d })?)
}

/// A, B and C on the states that the input reaches.
fn reached_part(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    tolerance: f64,
) -> Result<[DMatrix<f64>; 3], ControllabilityError> {
    let (q, reached) = staircase(a, b, tolerance);
    if reached == 0 {
        return Err(ControllabilityError::NoState);
    }
    let q = q.columns(0, reached);
    Ok([q.tr_mul(&(a * q)), q.tr_mul(b), c * q])
}
// ANCHOR_END: minimal_realization

/// A factor of the Gramian, `S Sᵀ = Σ A^k B Bᵀ (Aᵀ)^k`, without the Gramian: `[N, at most N]`.
///
/// `(S, AⁿS)` holds twice as many terms as S does; a QR decomposition makes it narrow again. Squaring S
/// would drown all that is smaller than `√ε` of the largest.
// ANCHOR: gramian_factor
fn gramian_factor<T: TimeDomain>(
    time: &T,
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
) -> Result<DMatrix<f64>, ControllabilityError> {
    if let Some((mut power, mut s)) = time.steps_of_equal_gramian(a, b) {
        for _ in 0..MANY_ROUNDS {
            let tail = &power * &s;
            let done = power.norm() < 1.0 && tail.norm() <= f64::EPSILON * s.norm();
            s = side_by_side(&s, &tail).transpose().qr().unpack_r().transpose();
            if done {
                return Ok(s);
            }
            power = &power * &power;
        }
    }
    root_of_gramian(time, a, b)
}
// ANCHOR_END: gramian_factor

/// 2^60 terms: enough for a spectral radius that differs from 1 by rounding.
const MANY_ROUNDS: usize = 60;

fn side_by_side(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let (n, m) = left.shape();
    let mut both = DMatrix::zeros(n, m + right.ncols());
    both.columns_mut(0, m).copy_from(left);
    both.columns_mut(m, right.ncols()).copy_from(right);
    both
}

/// The factor from the Gramian's own eigenvectors: the road for what doubling does not finish.
fn root_of_gramian<T: TimeDomain>(
    time: &T,
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
) -> Result<DMatrix<f64>, ControllabilityError> {
    let gramian = time.solve_lyapunov(a, &(b * b.transpose()))?;
    let parts = hermitian_eigendecomposition(&gramian)?;
    let mut root = parts.v;
    for (mut column, lambda) in root.column_iter_mut().zip(&parts.lambda) {
        column *= lambda.max(0.0).sqrt();
    }
    Ok(root)
}

/// How much each balanced state takes part in what goes from past inputs to future outputs, largest
/// first: `[N]`.
///
/// ```text
/// σ_i = √λ_i(W_c W_o)
/// ```
///
/// The same in all coordinates. Computed as the singular values of `RᵀS`, with `W_c = S Sᵀ` and
/// `W_o = R Rᵀ`, so that also those far below `√ε σ₁` are right, to about `ε σ₁`. Those of `(A, B, C)`
/// as they stand; for steps they are the singular values of the Hankel matrix of `CB, CAB, CA²B, …`.
/// Cost O(N³).
///
/// # Errors
/// [`ControllabilityError::NoGramian`] unless every mode dies away.
///
/// ```
/// use classical_ssm::controllability::{Carts, hankel_singular_values};
///
/// let sigma = hankel_singular_values(&Carts { pushed: 1, ..Carts::row(3) }.system()?)?;
/// assert!(sigma[3] > 1e-3 && sigma[4] < 1e-15); // four states take part, two do not
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
pub fn hankel_singular_values<T: TimeDomain>(
    sys: &StateSpace<T>,
) -> Result<DVector<f64>, ControllabilityError> {
    let [s, r] = gramian_factors(sys)?;
    Ok(padded(&singular_values(&r.tr_mul(&s)).sigma, sys.d_state()))
}

/// S and R with `W_c = S Sᵀ` and `W_o = R Rᵀ`.
fn gramian_factors<T: TimeDomain>(
    sys: &StateSpace<T>,
) -> Result<[DMatrix<f64>; 2], ControllabilityError> {
    refuse_what_stays(sys)?;
    Ok([
        gramian_factor(sys.time(), sys.a(), sys.b())?,
        gramian_factor(sys.time(), &sys.a().transpose(), &sys.c().transpose())?,
    ])
}

/// The singular values with zeros for those that narrow factors leave out.
fn padded(sigma: &DVector<f64>, n: usize) -> DVector<f64> {
    DVector::from_fn(n, |i, _| sigma.get(i).copied().unwrap_or(0.0))
}

/// A smaller model with a guarantee.
#[derive(Debug, Clone, PartialEq)]
pub struct BalancedTruncation<T: TimeDomain> {
    /// The model, in balanced coordinates.
    pub system: StateSpace<T>,
    /// The Hankel singular values of what was given, largest first: `[N]`.
    pub hankel: DVector<f64>,
    /// Twice the sum of those left out: at no frequency do the transfer functions differ by more.
    pub error_bound: f64,
}

/// Leaves out the states that take the least part, and says how wrong that can be.
///
/// ```text
/// σ_max(G(λ) - G_r(λ)) <= 2 (σ_{r+1} + … + σ_N)     at every frequency
/// ```
///
/// In balanced coordinates both Gramians are the same diagonal matrix: what is hard to reach is as hard to
/// see. The square-root method goes there without inverting an ill-conditioned change of coordinates:
/// `RᵀS = U Σ Vᵀ`, then A becomes `Σ^{-1/2} Uᵀ Rᵀ A S V Σ^{-1/2}` on the r largest. The model is stable.
/// `order = N` balances and leaves nothing out. Cost O(N³).
///
/// # Errors
/// [`ControllabilityError::NoGramian`] unless every mode dies away; [`ControllabilityError::Order`] for
/// order 0 and for more states than stand out of the rounding, `10 N ε σ₁`.
///
/// Source: Moore 1981; the bound Glover 1984 and Enns 1984; square roots Tombs and Postlethwaite 1987.
///
/// ```
/// use classical_ssm::controllability::{Carts, balanced_truncation};
///
/// let reduced = balanced_truncation(&Carts::row(10).system()?, 12)?;
/// assert_eq!(reduced.system.d_state(), 12);
/// assert!(reduced.error_bound < 0.06 * reduced.hankel[0]);
/// # Ok::<(), classical_ssm::controllability::ControllabilityError>(())
/// ```
// ANCHOR: balanced_truncation
pub fn balanced_truncation<T: TimeDomain>(
    sys: &StateSpace<T>,
    order: usize,
) -> Result<BalancedTruncation<T>, ControllabilityError> {
    let [s, r] = gramian_factors(sys)?;
    let SingularValues { u, sigma, v } = singular_values(&r.tr_mul(&s));
    let hankel = padded(&sigma, sys.d_state());
    let smallest = rounding(sys.d_state()) * hankel[0];
    let most = hankel.iter().filter(|&&sigma| sigma > smallest).count();
    if order == 0 || order > most {
        return Err(ControllabilityError::Order { order, most });
    }
    let scale = DMatrix::from_diagonal(&hankel.rows(0, order).map(|sigma| sigma.sqrt().recip()));
    let into = &scale * u.columns(0, order).transpose() * r.transpose();
    let out = s * v.columns(0, order) * scale;
    let Matrices { a, b, c, d } = sys.matrices().clone();
    let small = Matrices { a: &into * a * &out, b: into * b, c: c * out, d };
    let error_bound = 2.0 * hankel.rows(order, hankel.len() - order).sum();
    Ok(BalancedTruncation { system: sys.with_matrices(small)?, hankel, error_bound })
}
// ANCHOR_END: balanced_truncation

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::dmatrix;

    fn legs(n: usize) -> DMatrix<f64> {
        DMatrix::from_fn(n, n, |i, k| match i.cmp(&k) {
            std::cmp::Ordering::Greater => -(((2 * i + 1) * (2 * k + 1)) as f64).sqrt(),
            std::cmp::Ordering::Equal => -(i as f64 + 1.0),
            std::cmp::Ordering::Less => 0.0,
        })
    }

    #[test]
    fn staircase_turns_and_separates() {
        let carts = Carts { pushed: 1, ..Carts::row(3) }.system().unwrap();
        let (q, reached) = staircase(carts.a(), carts.b(), rounding(6));
        assert_eq!(reached, 4);
        assert!((q.tr_mul(&q) - DMatrix::identity(6, 6)).norm() < 1e-14);
        let turned = q.tr_mul(&(carts.a() * &q));
        assert!(turned.view((4, 0), (2, 4)).norm() < 1e-13 * turned.norm(), "{turned}");
        assert!(q.tr_mul(carts.b()).rows(4, 2).norm() < 1e-15);
    }

    #[test]
    fn both_roads_to_a_factor_meet_in_the_gramian() {
        let time = classical_ssm::state_space::Continuous;
        let (a, b) = (legs(6), DMatrix::from_fn(6, 1, |i, _| ((2 * i + 1) as f64).sqrt()));
        let gramian = time.solve_lyapunov(&a, &(&b * b.transpose())).unwrap();
        for s in [gramian_factor(&time, &a, &b).unwrap(), root_of_gramian(&time, &a, &b).unwrap()] {
            assert!((&s * s.transpose() - &gramian).norm() < 1e-13 * gramian.norm());
        }
    }

    #[test]
    fn like_units_survive_the_smallest_and_the_largest_numbers() {
        let a = dmatrix![0.0, 3.0; 4.0, 0.0];
        let b = in_like_units(&a, &dmatrix![1e-300, 1e200, 0.0; 0.0, 1e200, 0.0]);
        assert!((b.column(0).norm() - 5.0).abs() < 1e-14);
        assert!((b.column(1).norm() - 5.0).abs() < 1e-14);
        assert_eq!(b.column(2).norm(), 0.0);
    }
}
