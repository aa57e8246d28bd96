//! # Feedback
//!
//! *Can we choose how a system moves, seeing only a part of it?*
//!
//! ```text
//! u = -F x          A - B F     moves as we choose                        (place, lqr)
//! x̂' = A x̂ + B u + G (y - C x̂ - D u)                                     (observer)
//! joint, with e = x - x̂:   (x; e)' = (A - B F   B F; 0   A - G C) (x; e)  (eq-2-6)
//! ```
//!
//! [`place`] puts the eigenvalues of `A - B F` where one wants them, [`lqr`] finds the F that costs
//! least, by [`solve_riccati`] and [`solve_discrete_riccati`]; both rest on one associative operation,
//! [`Stretch::then`]. [`observer`] guesses the state from the output, and [`joint_dynamics`] shows that
//! the two designs do not disturb each other.
//!
//! Conventions: F is the feedback `[M, N]` (control texts write K, which is a convolution kernel here),
//! G the gain of an observer `[N, P]`. X solves a Riccati equation, and `xᵀ X x` is a cost still to be
//! paid. In steps, `u_k = -F x_{k-1}`: the input of a step answers the state before it.

use std::fmt;

use classical_ssm::singular_values::{SingularValues, singular_values};
use classical_ssm::state_space::{Discrete, StateSpace, StateSpaceError, TimeDomain};
use math_foundations::eigendecomposition::{EigenError, eigenvalues, hermitian_eigendecomposition};
use math_foundations::linear_systems::{FlowError, held_input_step, rk4};
use math_foundations::stability::{
    StabilityError, is_stable, is_stable_discrete, solve_discrete_lyapunov, solve_lyapunov,
    symmetric_part,
};
use math_foundations::state_representations::{Equilibrium, Pendulum, linearized_pendulum};
use math_foundations::validation::{
    InputError, finite, finite_vector, length, non_negative, positive, shape, square, symmetric,
};
use nalgebra::{Complex, ComplexField, DMatrix, DVector, dmatrix, dvector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// Why a feedback or an observer cannot be had.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FeedbackError {
    /// A matrix, a vector or a number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The eigenvalues could not be computed.
    #[error(transparent)]
    Eigenvalues(#[from] EigenError),
    /// A Lyapunov equation on the way could not be solved.
    #[error(transparent)]
    Stability(#[from] StabilityError),
    /// Four matrices that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// A simulated pendulum left the numbers.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// Not as many poles as states.
    #[error("expected as many poles as A has rows, {expected}, found {found}")]
    PoleCount {
        /// The size of the state.
        expected: usize,
        /// How many poles were asked for.
        found: usize,
    },
    /// A complex pole alone: a real feedback gives poles in conjugate pairs.
    #[error("expected each complex pole with its conjugate, found {} alone", Words(.pole))]
    PoleAlone {
        /// The pole without a partner.
        pole: Complex<f64>,
    },
    /// A mode that no input reaches stays where it is.
    #[error("expected every mode to be reached by an input, found that none moves {}", Words(.mode))]
    Uncontrollable {
        /// The eigenvalue that stays.
        mode: Complex<f64>,
    },
    /// A mode that no output shows cannot be guessed.
    #[error("expected every mode to be seen in an output, found that none shows {}", Words(.mode))]
    Unobservable {
        /// The eigenvalue that stays.
        mode: Complex<f64>,
    },
    /// A weight that makes some input free of charge, or better.
    #[error("expected {name} to be positive definite, found the eigenvalue {smallest}")]
    NotPositiveDefinite {
        /// The symbol of the matrix.
        name: &'static str,
        /// Its smallest eigenvalue.
        smallest: f64,
    },
    /// A weight that rewards some state.
    #[error("expected {name} to be positive semidefinite, found the eigenvalue {smallest}")]
    NotSemidefinite {
        /// The symbol of the matrix.
        name: &'static str,
        /// Its smallest eigenvalue.
        smallest: f64,
    },
    /// A mode that does not die away, and that no input reaches.
    #[error(
        "expected an input to reach every mode that does not die away, found that none moves {}",
        Words(.mode)
    )]
    NotStabilizable {
        /// The eigenvalue that stays.
        mode: Complex<f64>,
    },
    /// A mode on the boundary of stability that Q does not weigh: the cheapest feedback leaves it there.
    #[error(
        "expected Q to weigh every mode on the boundary of stability, found no weight on {}",
        Words(.mode)
    )]
    Unweighed {
        /// The eigenvalue that stays.
        mode: Complex<f64>,
    },
    /// The numbers are too far apart for 16 digits.
    #[error("expected a solution that stabilises, found none: the best residual is {residual:.0e}")]
    NotConverged {
        /// What is left of the equation, relative to its terms.
        residual: f64,
    },
}

struct Words<'a>(&'a Complex<f64>);

impl fmt::Display for Words<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Complex { re, im } = *self.0;
        // Digits that are rounding only disturb.
        let size = self.0.norm();
        let shown = |part: f64| if part.abs() < 1e-12 * size { 0.0 } else { part };
        match shown(im) {
            0.0 => write!(formatter, "the mode {:.6}", shown(re)),
            im => {
                let sign = if im < 0.0 { '-' } else { '+' };
                write!(formatter, "the mode {:.6} {sign} {:.6}i", shown(re), im.abs())
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Placing poles
// ---------------------------------------------------------------------------------------------

/// A real factor of the polynomial that is asked for: one real pole, or a conjugate pair.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Factor {
    Real(f64),
    /// The one with the positive imaginary part.
    Pair(Complex<f64>),
}

/// Groups poles into real ones and conjugate pairs, in the order in which they were given.
fn factors(n: usize, poles: &[Complex<f64>]) -> Result<Vec<Factor>, FeedbackError> {
    if poles.len() != n {
        return Err(FeedbackError::PoleCount { expected: n, found: poles.len() });
    }
    finite_vector("the poles", &DVector::from_column_slice(poles))?;
    let mut waiting = poles.to_vec();
    let mut found = Vec::new();
    while !waiting.is_empty() {
        let pole = waiting.remove(0);
        if pole.im == 0.0 {
            found.push(Factor::Real(pole.re));
            continue;
        }
        let partner = waiting.iter().position(|z| (z - pole.conj()).norm() <= 1e-12 * pole.norm());
        let partner = partner.ok_or(FeedbackError::PoleAlone { pole })?;
        waiting.remove(partner);
        found.push(Factor::Pair(Complex::new(pole.re, pole.im.abs())));
    }
    Ok(found)
}

fn pair(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<(usize, usize), InputError> {
    let n = square("A", a)?;
    finite("B", b)?;
    shape("B", b, (n, b.ncols()))?;
    Ok((n, b.ncols()))
}

/// The feedback that gives `A - B F` the asked eigenvalues, by a formula: one input only.
///
/// ```text
/// F = (0 … 0 1) (B, A B, …, A^{N-1} B)^{-1} p(A)        p(λ) = (λ - λ_1) … (λ - λ_N)
/// ```
///
/// `a`: `[N, N]`, `b`: `[N, 1]`, `poles`: N, complex ones in conjugate pairs; returns F `[1, N]`.
/// *Good for* N up to about 8 and for proofs; *breaks* beyond, because the columns `A^j B` all turn
/// towards the fastest mode and leave a matrix without digits. [`place`] does not need it.
/// Cost O(N³).
///
/// # Errors
/// [`FeedbackError::Input`], [`FeedbackError::PoleCount`], [`FeedbackError::PoleAlone`];
/// [`FeedbackError::Uncontrollable`] where the columns do not span the state.
///
/// Source: Ackermann 1972.
///
/// ```
/// use classical_ssm::feedback::ackermann;
/// use nalgebra::{Complex, dmatrix};
///
/// // A cart (a double integrator), to be brought to rest with the poles -2 and -3.
/// let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0]);
/// let poles = [-2.0, -3.0].map(Complex::from);
/// assert_eq!(ackermann(&a, &b, &poles)?, dmatrix![6.0, 5.0]);
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
// ANCHOR: ackermann
pub fn ackermann(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    poles: &[Complex<f64>],
) -> Result<DMatrix<f64>, FeedbackError> {
    let (n, _) = pair(a, b)?;
    shape("B", b, (n, 1))?;
    let factors = factors(n, poles)?;
    let powers = std::iter::successors(Some(b.column(0).into_owned()), |column| Some(a * column));
    let reach = DMatrix::from_columns(&powers.take(n).collect::<Vec<_>>());
    let last = DMatrix::from_fn(n, 1, |i, _| if i + 1 == n { 1.0 } else { 0.0 });
    let Some(column) = reach.transpose().lu().solve(&last) else {
        return Err(FeedbackError::Uncontrollable { mode: weakest_mode(a, b)? });
    };
    Ok(factors.iter().fold(column.transpose(), |row, factor| match factor {
        Factor::Real(pole) => &row * a - &row * *pole,
        Factor::Pair(pole) => {
            let moved = &row * a;
            &moved * a - moved * (2.0 * pole.re) + row * pole.norm_sqr()
        }
    }))
}
// ANCHOR_END: ackermann

/// A direction of the closed loop and what the inputs must do along it: `F v = f`, v orthonormal.
struct Direction {
    /// `[K, 1]` for a real pole, `[K, 2]` for a conjugate pair.
    v: DMatrix<f64>,
    /// `[M, 1]` or `[M, 2]`.
    f: DMatrix<f64>,
}

/// A feedback that gives `A - B F` the asked eigenvalues, for any number of inputs.
///
/// ```text
/// (A - λ I) v = B f,     F v = f        one Schur vector v of A - B F at a time
/// ```
///
/// `a`: `[N, N]`, `b`: `[N, M]`, `poles`: N, complex ones in conjugate pairs, multiple ones allowed;
/// returns F `[M, N]`. With one input F is the only one there is; with more, each direction is the one
/// that needs the least input. *Good for* N of a hundred: only orthogonal transformations, so that the
/// poles are exactly those of a matrix within rounding of `A` and `B`. *Breaks* where the problem
/// does: a far-fetched set of poles of a large system needs a huge F, and then every digit counts.
/// Cost O(N⁴): an orthogonal factorisation a pole.
///
/// # Errors
/// [`FeedbackError::Input`], [`FeedbackError::PoleCount`], [`FeedbackError::PoleAlone`];
/// [`FeedbackError::Uncontrollable`] where a mode cannot be moved.
///
/// Source: the Schur methods of Miminis and Paige 1988 and of Varga 1981, here built from null vectors.
///
/// ```
/// use classical_ssm::feedback::place;
/// use math_foundations::eigendecomposition::eigenvalues;
/// use nalgebra::{Complex, dmatrix};
///
/// let a = dmatrix![0.0, 1.0, 0.0; 0.0, 0.0, 1.0; 1.0, 2.0, 3.0];
/// let b = dmatrix![0.0, 1.0; 0.0, 0.0; 1.0, 0.0];
/// let poles = [Complex::new(-1.0, 0.0), Complex::new(-2.0, 1.0), Complex::new(-2.0, -1.0)];
/// let closed = &a - &b * place(&a, &b, &poles)?;
/// for (found, asked) in eigenvalues(&closed)?.iter().zip(poles) {
///     assert!((found - asked).norm() < 1e-13);
/// }
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
// ANCHOR: place
pub fn place(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    poles: &[Complex<f64>],
) -> Result<DMatrix<f64>, FeedbackError> {
    let (n, m) = pair(a, b)?;
    let (mut rest, mut push, mut frame) = (a.clone(), b.clone(), DMatrix::identity(n, n));
    // A feedback so large that no digit of A is left moves nothing.
    let largest = a.norm().max(f64::MIN_POSITIVE) / (b.norm() * 10.0 * n as f64 * f64::EPSILON);
    let mut feedback = DMatrix::zeros(m, n);
    for factor in factors(n, poles)? {
        let direction = match factor {
            Factor::Real(pole) => real_direction(&rest, &push, pole, largest),
            Factor::Pair(pole) => plane(&rest, &push, pole, largest),
        };
        let Some(Direction { v, f }) = direction else {
            return Err(FeedbackError::Uncontrollable { mode: weakest_mode(a, b)? });
        };
        feedback += f * (&frame * &v).transpose();
        // What is at right angles to v is still free, and F has not touched it.
        let w = complement(&v);
        (rest, push, frame) = (w.transpose() * rest * &w, w.transpose() * push, frame * w);
    }
    Ok(feedback)
}
// ANCHOR_END: place

/// An orthonormal basis of all that is at right angles to the columns of `v`.
fn complement<T: ComplexField>(v: &DMatrix<T>) -> DMatrix<T> {
    let (rows, columns) = v.shape();
    let mut basis = DMatrix::identity(rows, rows);
    v.clone().qr().q_tr_mul(&mut basis);
    basis.rows(columns, rows - columns).adjoint()
}

/// Pairs (v, f) with `(A - λ I) v = B f`, the one that needs the least input first, each with |v| = 1.
fn steerable<T: ComplexField<RealField = f64> + Copy>(
    a: &DMatrix<T>,
    b: &DMatrix<T>,
    pole: T,
    largest: f64,
) -> Vec<(DVector<T>, DVector<T>)> {
    let (n, m) = b.shape();
    let mut joined = DMatrix::zeros(n, n + m);
    joined.columns_mut(0, n).copy_from(a);
    for i in 0..n {
        joined[(i, i)] -= pole;
    }
    joined.columns_mut(n, m).copy_from(&-b);
    let free = complement(&joined.adjoint());
    let (states, inputs) = (free.rows(0, n).into_owned(), free.rows(n, m).into_owned());
    let SingularValues { u, sigma, v } = singular_values(&states);
    let mut found: Vec<_> = (0..sigma.len())
        .filter(|&i| sigma[i] > 0.0)
        .map(|i| (u.column(i).into_owned(), &inputs * v.column(i) / T::from_real(sigma[i])))
        .filter(|(v, f)| f.norm() <= largest && v.iter().all(ComplexField::is_finite))
        .collect();
    found.sort_by(|one, other| one.1.norm().total_cmp(&other.1.norm()));
    found
}

fn real_direction(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    pole: f64,
    largest: f64,
) -> Option<Direction> {
    let (v, f) = steerable(a, b, pole, largest).into_iter().next()?;
    Some(Direction {
        v: DMatrix::from_column_slice(v.len(), 1, v.as_slice()),
        f: DMatrix::from_column_slice(f.len(), 1, f.as_slice()),
    })
}

/// The plane that a conjugate pair turns in, spanned by real and imaginary part of one complex v.
///
/// A phase makes the two perpendicular. Where one is nearly zero they span no plane; then, with two
/// inputs or more, a mixture of two candidates with vᵀv = 0 has parts of equal length.
fn plane(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    pole: Complex<f64>,
    largest: f64,
) -> Option<Direction> {
    let complex = |matrix: &DMatrix<f64>| matrix.map(Complex::from);
    let found = steerable(&complex(a), &complex(b), pole, largest);
    let mut candidates: Vec<_> = found.iter().take(1).cloned().collect();
    if let [(v1, f1), (v2, f2), ..] = &found[..] {
        let [s11, s12, s22] = [v1.dot(v1), v1.dot(v2), v2.dot(v2)];
        let root = (s12 * s12 - s11 * s22).sqrt();
        for sign in [1.0, -1.0] {
            // x² s11 + 2 x y s12 + y² s22 = 0, with y = 1 or x = 1, whichever is the smaller divisor.
            let (x, y) = if s11.norm() > s22.norm() {
                ((root * sign - s12) / s11, Complex::from(1.0))
            } else if s22.norm() > 0.0 {
                (Complex::from(1.0), (root * sign - s12) / s22)
            } else {
                (Complex::from(0.5 + 0.5 * sign), Complex::from(0.5 - 0.5 * sign))
            };
            candidates.push((v1 * x + v2 * y, f1 * x + f2 * y));
        }
    }
    let planes = candidates.into_iter().filter_map(|(v, f)| {
        let squared = v.dot(&v);
        let turn = Complex::from_polar(1.0, -0.5 * squared.arg());
        let (v, f) = (v * turn, f * turn);
        let lengths = [v.map(|z| z.re).norm(), v.map(|z| z.im).norm()];
        // Both parts have to be there, or the plane is rounding.
        if lengths[1] <= 10.0 * v.len() as f64 * f64::EPSILON * lengths[0] {
            return None;
        }
        let part = |z: &DVector<Complex<f64>>| {
            DMatrix::from_columns(&[z.map(|z| z.re) / lengths[0], z.map(|z| z.im) / lengths[1]])
        };
        // Perpendicular up to rounding: finish by one triangular solve.
        let qr = part(&v).qr();
        let f = qr.r().transpose().lu().solve(&part(&f).transpose())?.transpose();
        Some(Direction { v: qr.q(), f })
    });
    planes.min_by(|one, other| one.f.norm().total_cmp(&other.f.norm()))
}

/// The eigenvalue of A whose direction the input reaches least: the smallest singular value of
/// `(A - λ I, B)` over all λ.
fn weakest_mode(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<Complex<f64>, FeedbackError> {
    let reach = |mode: &Complex<f64>| reach_of(a, b, *mode);
    let modes = eigenvalues(a)?;
    let weakest = modes.iter().min_by(|one, other| reach(one).total_cmp(&reach(other)));
    Ok(weakest.copied().unwrap_or_default())
}

/// The smallest singular value of `(A - λ I, B)`, with B on the scale of A, over that scale.
fn reach_of(a: &DMatrix<f64>, b: &DMatrix<f64>, mode: Complex<f64>) -> f64 {
    let (n, m) = b.shape();
    let size = (a - DMatrix::identity(n, n) * mode.re).norm() + mode.im.abs();
    let scale = |norm: f64| if norm > 0.0 { norm.recip() } else { 0.0 };
    let (a_unit, b_unit) = (scale(size), scale(b.norm()));
    let mut joined = DMatrix::zeros(n, n + m);
    joined.columns_mut(0, n).copy_from(&a.map(|entry| Complex::from(entry * a_unit)));
    for i in 0..n {
        joined[(i, i)] -= mode * a_unit;
    }
    joined.columns_mut(n, m).copy_from(&b.map(|entry| Complex::from(entry * b_unit)));
    singular_values(&joined).sigma.min()
}

// ---------------------------------------------------------------------------------------------
// Riccati equations
// ---------------------------------------------------------------------------------------------

// ANCHOR: stretch
/// What a stretch of time, of any length, does to states and costs: with X the cost after it, the
/// cost before it is `H + Aᵀ X (I + G X)^{-1} A`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Where the state goes if nobody cares: `[N, N]`.
    pub a: DMatrix<f64>,
    /// How far inputs can move it, for their price: `[N, N]`, positive semidefinite.
    pub g: DMatrix<f64>,
    /// What the way costs even under the best inputs: `[N, N]`, positive semidefinite.
    pub h: DMatrix<f64>,
}

impl Stretch {
    /// This stretch, and the `next` one after it. None where the numbers overflow.
    pub fn then(&self, next: &Stretch) -> Option<Stretch> {
        let meet = (identity_like(&self.a) + &self.g * &next.h).lu();
        let (a, g) = (meet.solve(&self.a)?, meet.solve(&self.g)?);
        Some(Stretch {
            h: symmetric_part(&self.h + self.a.transpose() * &next.h * &a),
            g: symmetric_part(&next.g + &next.a * g * next.a.transpose()),
            a: &next.a * a,
        })
    }
}
// ANCHOR_END: stretch

impl Stretch {
    /// One step of `x_k = A x_{k-1} + B u_k` at the price `x_{k-1}ᵀ Q x_{k-1} + u_kᵀ R u_k`.
    ///
    /// `a`: `[N, N]`, `b`: `[N, M]`, `q`: `[N, N]` positive semidefinite, `r`: `[M, M]` positive definite.
    ///
    /// # Errors
    /// [`FeedbackError::Input`], and those that refuse a weight.
    ///
    /// ```
    /// use classical_ssm::feedback::Stretch;
    /// use nalgebra::dmatrix;
    ///
    /// let step = Stretch::step(&dmatrix![2.0], &dmatrix![1.0], &dmatrix![3.0], &dmatrix![0.5])?;
    /// // min over u of 3 x² + u²/2 + (2 x + u)² at x = 1 is at u = -4/3.
    /// let u = -4.0 / 3.0_f64;
    /// let least = 3.0 + 0.5 * u * u + (2.0 + u).powi(2);
    /// assert!((step.cost_before(&dmatrix![1.0]).unwrap()[(0, 0)] - least).abs() < 1e-14);
    /// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
    /// ```
    pub fn step(
        a: &DMatrix<f64>,
        b: &DMatrix<f64>,
        q: &DMatrix<f64>,
        r: &DMatrix<f64>,
    ) -> Result<Stretch, FeedbackError> {
        let g = weights(a, b, q, r)?;
        Ok(Stretch { a: a.clone(), g, h: q.clone() })
    }

    /// The cost at the beginning, `[N, N]`, if the cost at the end is `after`. None on overflow.
    pub fn cost_before(&self, after: &DMatrix<f64>) -> Option<DMatrix<f64>> {
        let meet = (identity_like(&self.a) + &self.g * after).lu();
        Some(symmetric_part(&self.h + self.a.transpose() * after * meet.solve(&self.a)?))
    }
}

fn identity_like(a: &DMatrix<f64>) -> DMatrix<f64> {
    DMatrix::identity(a.nrows(), a.nrows())
}

/// Doubles a stretch until the cost of the way no longer changes: the cost of an endless one.
// ANCHOR: doubling
fn endless(step: &Stretch) -> Option<DMatrix<f64>> {
    let mut stretch = step.clone();
    for _ in 0..100 {
        let doubled = stretch.then(&stretch)?;
        let change = (&doubled.h - &stretch.h).norm();
        if !change.is_finite() {
            return None;
        }
        if change <= f64::EPSILON * doubled.h.norm() {
            return Some(doubled.h);
        }
        stretch = doubled;
    }
    None
}
// ANCHOR_END: doubling

/// `γI - A` for a flow, and from it steps whose endless cost is the flow's.
///
/// With `M = γ I - A` and `W = M + G M^{-T} H` the three matrices are `2γ W^{-1} - I`,
/// `2γ M^{-1} G W^{-T}` and `2γ W^{-T} H M^{-1}`: chapter 1's trick for the Lyapunov equation, which is
/// the case G = 0.
fn in_steps(flow: &Stretch, gamma: f64) -> Option<Stretch> {
    let Stretch { a, g, h } = flow;
    let identity = identity_like(a);
    let m = (&identity * gamma - a).lu();
    let m_inverse = m.solve(&identity)?;
    let w_inverse =
        (&identity * gamma - a + g * m_inverse.transpose() * h).lu().solve(&identity)?;
    Some(Stretch {
        a: &w_inverse * (2.0 * gamma) - identity,
        g: symmetric_part(&m_inverse * g * w_inverse.transpose() * (2.0 * gamma)),
        h: symmetric_part(w_inverse.transpose() * h * m_inverse * (2.0 * gamma)),
    })
}

/// The two kinds of time of a Riccati equation; A, G and H in a [`Stretch`].
#[derive(Clone, Copy, PartialEq)]
enum Time {
    Flow,
    Steps,
}

impl Time {
    /// What X leaves of the equation, and the size of the terms that should cancel.
    fn residual(self, Stretch { a, g, h }: &Stretch, x: &DMatrix<f64>) -> (DMatrix<f64>, f64) {
        match self {
            Time::Flow => {
                let (ax, xgx) = (a.transpose() * x, x * g * x);
                let size = 2.0 * ax.norm() + xgx.norm() + h.norm();
                (&ax + ax.transpose() - xgx + h, size)
            }
            Time::Steps => {
                let closed = self.closed_loop(a, g, x);
                let carried = a.transpose() * x * closed;
                let size = carried.norm() + x.norm() + h.norm();
                (symmetric_part(carried) - x + h, size)
            }
        }
    }

    /// `A - G X` or `(I + G X)^{-1} A`: both are `A - B F`.
    fn closed_loop(self, a: &DMatrix<f64>, g: &DMatrix<f64>, x: &DMatrix<f64>) -> DMatrix<f64> {
        match self {
            Time::Flow => a - g * x,
            Time::Steps => {
                let nowhere = DMatrix::from_element(a.nrows(), a.nrows(), f64::NAN);
                (identity_like(a) + g * x).lu().solve(a).unwrap_or(nowhere)
            }
        }
    }

    fn is_stable(self, closed: &DMatrix<f64>) -> bool {
        match self {
            Time::Flow => is_stable(closed).unwrap_or(false),
            Time::Steps => is_stable_discrete(closed).unwrap_or(false),
        }
    }

    /// Newton's correction of X: the residual, carried through the closed loop for ever.
    fn correction(self, closed: &DMatrix<f64>, residual: &DMatrix<f64>) -> Option<DMatrix<f64>> {
        match self {
            Time::Flow => solve_lyapunov(&closed.transpose(), residual).ok(),
            Time::Steps => solve_discrete_lyapunov(&closed.transpose(), residual).ok(),
        }
    }

    /// How far λ is outside of the region where modes die away.
    fn excess(self, mode: Complex<f64>) -> f64 {
        match self {
            Time::Flow => mode.re,
            Time::Steps => mode.norm() - 1.0,
        }
    }

    /// A first X by doubling. It stabilises where H weighs every mode that grows.
    fn by_doubling(self, problem: &Stretch) -> Option<DMatrix<f64>> {
        match self {
            Time::Steps => endless(problem),
            Time::Flow => {
                let Stretch { a, g, h } = problem;
                let squares = 2.0 * a.norm_squared() + g.norm_squared() + h.norm_squared();
                let gamma = (squares / (2.0 * a.nrows() as f64)).sqrt();
                // The second and third only serve where γ happens to be an eigenvalue of A.
                [1.0, 1.618, 0.618]
                    .iter()
                    .find_map(|part| endless(&in_steps(problem, part * gamma)?))
            }
        }
    }
}

/// An X with the relative residual that it leaves.
struct Candidate {
    x: DMatrix<f64>,
    residual: f64,
}

impl Candidate {
    fn new(time: Time, problem: &Stretch, x: DMatrix<f64>) -> Self {
        let (left, size) = time.residual(problem, &x);
        let residual = if size > 0.0 { left.norm() / size } else { 0.0 };
        Candidate { x, residual: if residual.is_nan() { f64::INFINITY } else { residual } }
    }
}

/// Newton's method from an X that stabilises, as long as it gains anything.
fn refine(time: Time, problem: &Stretch, mut best: Candidate, rounds: usize) -> Candidate {
    let mut x = best.x.clone();
    for round in 0..rounds {
        let closed = time.closed_loop(&problem.a, &problem.g, &x);
        let (residual, _) = time.residual(problem, &x);
        let Some(correction) = time.correction(&closed, &residual) else { break };
        x = symmetric_part(x + correction);
        let next = Candidate::new(time, problem, x.clone());
        let gains = next.residual < 0.5 * best.residual;
        if next.residual <= best.residual || (round == 0 && rounds > 10) {
            best = next;
        }
        if !gains && (round > 0 || rounds <= 10) && best.residual < 1e-8 {
            break;
        }
    }
    best
}

/// The stabilising solution of either Riccati equation.
fn stabilising(
    time: Time,
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
) -> Result<DMatrix<f64>, FeedbackError> {
    let g = weights(a, b, q, r)?;
    refuse_hopeless(time, a, b, q)?;
    // A currency in which states and inputs cost alike: X scales with it.
    let unit = if q.norm() > 0.0 && g.norm() > 0.0 { (q.norm() / g.norm()).sqrt() } else { 1.0 };
    let problem = Stretch { a: a.clone(), g: g * unit, h: q / unit };
    let stabilises = |candidate: &Candidate| {
        let closed = time.closed_loop(&problem.a, &problem.g, &candidate.x);
        candidate.residual < 1e-8 && time.is_stable(&closed)
    };

    let mut best = f64::INFINITY;
    if let Some(x) = time.by_doubling(&problem) {
        let candidate = refine(time, &problem, Candidate::new(time, &problem, x), 4);
        if stabilises(&candidate) {
            return Ok(candidate.x * unit);
        }
        best = candidate.residual;
    }
    // Where Q does not see a mode that grows, doubling finds a solution that leaves it alone. Weigh
    // every state, and let Newton's method walk back from there: it never leaves the stable side.
    let size = problem.h.norm().max(a.norm()).max(f64::MIN_POSITIVE);
    let weighed = Stretch { h: &problem.h + identity_like(a) * size, ..problem.clone() };
    if let Some(x) = time.by_doubling(&weighed) {
        let candidate = refine(time, &problem, Candidate::new(time, &problem, x), 60);
        if stabilises(&candidate) {
            return Ok(candidate.x * unit);
        }
        best = best.min(candidate.residual);
    }
    Err(FeedbackError::NotConverged { residual: best })
}

/// Refuses what has no stabilising solution, and names the mode.
fn refuse_hopeless(
    time: Time,
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<(), FeedbackError> {
    let rounding = 10.0 * a.nrows() as f64 * f64::EPSILON;
    for &mode in &eigenvalues(a)? {
        let margin = rounding * a.norm();
        if time.excess(mode) >= -margin && reach_of(a, b, mode) <= rounding {
            return Err(FeedbackError::NotStabilizable { mode });
        }
        if time.excess(mode).abs() <= margin && reach_of(&a.transpose(), q, mode.conj()) <= rounding
        {
            return Err(FeedbackError::Unweighed { mode });
        }
    }
    Ok(())
}

/// Refuses weights that are none. Returns `B R^{-1} Bᵀ`.
fn weights(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
) -> Result<DMatrix<f64>, FeedbackError> {
    let (n, m) = pair(a, b)?;
    positive_semidefinite("Q", q, n)?;
    let root = positive_definite("R", r, m)?;
    // With R = L Lᵀ this is a square, and symmetric to the last digit.
    let half = root.solve_lower_triangular(&b.transpose()).unwrap_or_else(|| b.transpose());
    Ok(half.transpose() * half)
}

/// Refuses a matrix that is not symmetric, of this size and positive definite. Returns L with `L Lᵀ`.
fn positive_definite(
    name: &'static str,
    matrix: &DMatrix<f64>,
    n: usize,
) -> Result<DMatrix<f64>, FeedbackError> {
    shape(name, matrix, (n, n))?;
    symmetric(name, matrix)?;
    match matrix.clone().cholesky() {
        Some(cholesky) => Ok(cholesky.unpack()),
        None => {
            let smallest = hermitian_eigendecomposition(&symmetric_part(matrix.clone()))?.lambda[0];
            Err(FeedbackError::NotPositiveDefinite { name, smallest })
        }
    }
}

/// Refuses a matrix that is not symmetric, of the size n and positive semidefinite up to rounding.
///
/// # Errors
/// [`FeedbackError::Input`], [`FeedbackError::NotSemidefinite`].
///
/// ```
/// use classical_ssm::feedback::positive_semidefinite;
/// use nalgebra::dmatrix;
///
/// let error = positive_semidefinite("Q", &dmatrix![1.0, 0.0; 0.0, -2.0], 2).unwrap_err();
/// assert_eq!(error.to_string(), "expected Q to be positive semidefinite, found the eigenvalue -2");
/// ```
pub fn positive_semidefinite(
    name: &'static str,
    matrix: &DMatrix<f64>,
    n: usize,
) -> Result<(), FeedbackError> {
    shape(name, matrix, (n, n))?;
    symmetric(name, matrix)?;
    let smallest = hermitian_eigendecomposition(&symmetric_part(matrix.clone()))?.lambda[0];
    if smallest < -10.0 * n as f64 * f64::EPSILON * matrix.norm() {
        return Err(FeedbackError::NotSemidefinite { name, smallest });
    }
    Ok(())
}

/// Solves the Riccati equation of a flow for the X that stabilises.
///
/// ```text
/// Aᵀ X + X A - X B R^{-1} Bᵀ X + Q = 0           A - B R^{-1} Bᵀ X stable
/// ```
///
/// `a`: `[N, N]`, `b`: `[N, M]`, `q`: `[N, N]` symmetric positive semidefinite, `r`: `[M, M]` symmetric
/// positive definite; returns X `[N, N]`, symmetric and positive semidefinite: `xᵀ X x` is the least
/// `∫ xᵀQx + uᵀRu dt` from the state x. The flow is turned into steps, these are doubled as in
/// [`solve_discrete_riccati`], and a few steps of Newton's method (Kleinman's, each a Lyapunov equation
/// of chapter 1) remove what rounding the detour cost. Cost O(N³) times the rounds, ten or so.
///
/// Why not an ordered Schur form of the Hamiltonian, as libraries do? It asks for a swap of diagonal
/// blocks that nothing else here needs, and takes a matrix twice the size; doubling keeps X symmetric
/// and positive semidefinite on its way, and chapter 4 uses the same operation.
///
/// *Good for* a hundred states of which some grow. *Breaks* where dozens of modes grow and few inputs reach
/// them: at N = 64, 3 inputs and half of the modes growing X reaches 10⁹, SciPy's ordered Schur form keeps six
/// digits of the residual, and this one says [`FeedbackError::NotConverged`].
///
/// # Errors
/// [`FeedbackError::Input`]; [`FeedbackError::NotSemidefinite`],
/// [`FeedbackError::NotPositiveDefinite`]; [`FeedbackError::NotStabilizable`] and
/// [`FeedbackError::Unweighed`] where there is no such X, [`FeedbackError::NotConverged`].
///
/// Source: Chu, Fan and Lin 2005; Kleinman 1968.
///
/// ```
/// use classical_ssm::feedback::solve_riccati;
/// use nalgebra::{DMatrix, dmatrix};
///
/// // A cart: X has roots of 3 in it.
/// let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0]);
/// let x = solve_riccati(&a, &b, &DMatrix::identity(2, 2), &dmatrix![1.0])?;
/// let root = 3.0_f64.sqrt();
/// assert!((x - dmatrix![root, 1.0; 1.0, root]).norm() < 1e-14);
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
pub fn solve_riccati(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
) -> Result<DMatrix<f64>, FeedbackError> {
    stabilising(Time::Flow, a, b, q, r)
}

/// Solves the Riccati equation of steps for the X that stabilises.
///
/// ```text
/// X = Q + Aᵀ X A - Aᵀ X B (R + Bᵀ X B)^{-1} Bᵀ X A = Q + Aᵀ X (I + B R^{-1} Bᵀ X)^{-1} A
/// ```
///
/// Shapes as in [`solve_riccati`]. X is the cost of an endless road: a step is one [`Stretch`], and
/// `stretch.then(&stretch)` is twice as long, so 30 rounds reach a billion steps. Then Newton's method
/// (Hewer's) as for flows. Cost O(N³) times the rounds.
///
/// # Errors
/// As [`solve_riccati`].
///
/// Source: the structured doubling algorithm of Chu, Fan, Lin and Wang 2004, after Anderson 1978;
/// Hewer 1971.
///
/// ```
/// use classical_ssm::feedback::solve_discrete_riccati;
/// use nalgebra::dmatrix;
///
/// // x = 1 + x - x²/(1 + x): the golden ratio.
/// let one = dmatrix![1.0];
/// let x = solve_discrete_riccati(&one, &one, &one, &one)?;
/// assert!((x[(0, 0)] - 0.5 * (1.0 + 5.0_f64.sqrt())).abs() < 1e-15);
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
pub fn solve_discrete_riccati(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
) -> Result<DMatrix<f64>, FeedbackError> {
    stabilising(Time::Steps, a, b, q, r)
}

/// What X leaves of the Riccati equation of a flow, relative to the size of its terms.
///
/// # Errors
/// Those that refuse a matrix.
///
/// ```
/// use classical_ssm::feedback::riccati_residual;
/// use nalgebra::dmatrix;
///
/// let one = dmatrix![1.0];
/// let x = dmatrix![1.0 + 2.0_f64.sqrt()];
/// assert!(riccati_residual(&one, &one, &one, &one, &x)? < 1e-15);
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
pub fn riccati_residual(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
    x: &DMatrix<f64>,
) -> Result<f64, FeedbackError> {
    residual(Time::Flow, a, b, q, r, x)
}

/// What X leaves of the Riccati equation of steps, relative to the size of its terms.
///
/// # Errors
/// Those that refuse a matrix.
///
/// ```
/// use classical_ssm::feedback::discrete_riccati_residual;
/// use nalgebra::dmatrix;
///
/// let one = dmatrix![1.0];
/// let x = dmatrix![0.5 * (1.0 + 5.0_f64.sqrt())];
/// assert!(discrete_riccati_residual(&one, &one, &one, &one, &x)? < 1e-15);
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
pub fn discrete_riccati_residual(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
    x: &DMatrix<f64>,
) -> Result<f64, FeedbackError> {
    residual(Time::Steps, a, b, q, r, x)
}

fn residual(
    time: Time,
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
    x: &DMatrix<f64>,
) -> Result<f64, FeedbackError> {
    let g = weights(a, b, q, r)?;
    finite("X", x)?;
    shape("X", x, a.shape())?;
    let problem = Stretch { a: a.clone(), g, h: q.clone() };
    Ok(Candidate::new(time, &problem, x.clone()).residual)
}

/// The feedback that costs least, and what it costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Regulator {
    /// F in `u = -F x`: `[M, N]`.
    pub feedback: DMatrix<f64>,
    /// X: from the state x on, everything together costs `xᵀ X x`. `[N, N]`.
    pub cost: DMatrix<f64>,
}

/// The linear quadratic regulator of a flow: the feedback with the least `∫ xᵀQx + uᵀRu dt`.
///
/// ```text
/// F = R^{-1} Bᵀ X,      X from solve_riccati
/// ```
///
/// Shapes as in [`solve_riccati`]. Among *all* inputs, not only feedbacks, none costs less, from any
/// state. *Good for* choosing prices instead of poles: with many states or inputs nobody knows where
/// poles should be. Cost that of the equation.
///
/// # Errors
/// As [`solve_riccati`].
///
/// ```
/// use classical_ssm::feedback::lqr;
/// use nalgebra::{DMatrix, dmatrix};
///
/// let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0]);
/// let regulator = lqr(&a, &b, &DMatrix::identity(2, 2), &dmatrix![1.0])?;
/// assert!((regulator.feedback - dmatrix![1.0, 3.0_f64.sqrt()]).norm() < 1e-14);
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
pub fn lqr(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
) -> Result<Regulator, FeedbackError> {
    let cost = solve_riccati(a, b, q, r)?;
    let root = positive_definite("R", r, b.ncols())?;
    let feedback = solve_by_root(&root, b.transpose() * &cost);
    Ok(Regulator { feedback, cost })
}

/// The linear quadratic regulator of steps: the least `Σ x_{k-1}ᵀ Q x_{k-1} + u_kᵀ R u_k`.
///
/// ```text
/// u_k = -F x_{k-1},    F = (R + Bᵀ X B)^{-1} Bᵀ X A,    X from solve_discrete_riccati
/// ```
///
/// Shapes as in [`solve_riccati`].
///
/// # Errors
/// As [`solve_riccati`].
///
/// ```
/// use classical_ssm::feedback::lqr_discrete;
/// use nalgebra::dmatrix;
///
/// // With states free of charge the cheapest stable loop mirrors 2 into the circle: 1/2.
/// let (a, b, q, r) = (dmatrix![2.0], dmatrix![1.0], dmatrix![0.0], dmatrix![1.0]);
/// assert!((lqr_discrete(&a, &b, &q, &r)?.feedback[(0, 0)] - 1.5).abs() < 1e-14);
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
pub fn lqr_discrete(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    q: &DMatrix<f64>,
    r: &DMatrix<f64>,
) -> Result<Regulator, FeedbackError> {
    let cost = solve_discrete_riccati(a, b, q, r)?;
    let price = symmetric_part(r + b.transpose() * &cost * b);
    let root = positive_definite("R + Bᵀ X B", &price, b.ncols())?;
    let feedback = solve_by_root(&root, b.transpose() * &cost * a);
    Ok(Regulator { feedback, cost })
}

/// `(L Lᵀ)^{-1} right`, L from a Cholesky factorisation and so without a zero on its diagonal.
fn solve_by_root(root: &DMatrix<f64>, mut right: DMatrix<f64>) -> DMatrix<f64> {
    root.solve_lower_triangular_mut(&mut right);
    root.tr_solve_lower_triangular_mut(&mut right);
    right
}

// ---------------------------------------------------------------------------------------------
// Observers
// ---------------------------------------------------------------------------------------------

/// The gain of an observer whose errors have the asked modes.
///
/// ```text
/// flow:   x̂' = A x̂ + B u + G (y - C x̂ - D u)                         e' = (A - G C) e
/// steps:  x̂_k = p + G (y_k - C p - D u_k),  p = A x̂_{k-1} + B u_k     e_k = (A - G C A) e_{k-1}
/// ```
///
/// `poles`: N, complex ones in conjugate pairs; returns G `[N, P]`. An observer is a feedback seen in a
/// mirror: `(A - G C)ᵀ = Aᵀ - Cᵀ Gᵀ`, so [`place`] finds it. In steps `C A` takes the place of C, the
/// C of [`StateSpace::resolvent_form`]: the guess has already seen y_k.
///
/// # Errors
/// As [`place`]; [`FeedbackError::Unobservable`] where a mode is not seen.
///
/// ```
/// use classical_ssm::feedback::observer;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::{Complex, dmatrix};
///
/// // A cart of which only the place is seen.
/// let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0]);
/// let cart = StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// let gain = observer(&cart, &[-2.0, -3.0].map(Complex::from))?;
/// assert!((gain - dmatrix![5.0; 6.0]).norm() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: observer
pub fn observer<T: TimeDomain>(
    system: &StateSpace<T>,
    poles: &[Complex<f64>],
) -> Result<DMatrix<f64>, FeedbackError> {
    let seen = system.resolvent_form();
    match place(&seen.a.transpose(), &seen.c.transpose(), poles) {
        Ok(mirrored) => Ok(mirrored.transpose()),
        Err(FeedbackError::Uncontrollable { mode }) => Err(FeedbackError::Unobservable { mode }),
        Err(other) => Err(other),
    }
}
// ANCHOR_END: observer

/// How the state and its guess move together, `(x; x̂)`, when the feedback is given the guess.
///
/// ```text
/// ( A      -B F             )       similar to       ( A - B F   B F     )        (eq-2-6)
/// ( G C    A - B F - G C    )       by e = x - x̂     ( 0         A - G C )
/// ```
///
/// `feedback`: F `[M, N]`, `gain`: G `[N, P]`; returns `[2N, 2N]`. In steps C is that of
/// [`StateSpace::resolvent_form`]. Its eigenvalues are those of `A - B F` and those of `A - G C`.
///
/// # Errors
/// [`FeedbackError::Input`] where shapes do not fit.
///
/// ```
/// use classical_ssm::feedback::{joint_dynamics, observer, place};
/// use classical_ssm::state_space::StateSpace;
/// use math_foundations::eigendecomposition::eigenvalues;
/// use nalgebra::{Complex, dmatrix};
///
/// let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0]);
/// let cart = StateSpace::continuous(a.clone(), b.clone(), dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// let feedback = place(&a, &b, &[-1.0, -2.0].map(Complex::from))?;
/// let gain = observer(&cart, &[-5.0, -6.0].map(Complex::from))?;
/// let modes = eigenvalues(&joint_dynamics(&cart, &feedback, &gain)?)?;
/// for (found, expected) in modes.iter().zip([-1.0, -2.0, -5.0, -6.0]) {
///     assert!((found - expected).norm() < 1e-12);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: joint_dynamics
pub fn joint_dynamics<T: TimeDomain>(
    system: &StateSpace<T>,
    feedback: &DMatrix<f64>,
    gain: &DMatrix<f64>,
) -> Result<DMatrix<f64>, FeedbackError> {
    let n = check_gains(system, feedback, gain)?;
    let seen = system.resolvent_form();
    let (acted, learnt) = (&seen.b * feedback, gain * &seen.c);
    let mut joint = DMatrix::zeros(2 * n, 2 * n);
    joint.view_mut((0, 0), (n, n)).copy_from(&seen.a);
    joint.view_mut((0, n), (n, n)).copy_from(&-&acted);
    joint.view_mut((n, 0), (n, n)).copy_from(&learnt);
    joint.view_mut((n, n), (n, n)).copy_from(&(&seen.a - acted - learnt));
    Ok(joint)
}
// ANCHOR_END: joint_dynamics

fn check_gains<T: TimeDomain>(
    system: &StateSpace<T>,
    feedback: &DMatrix<f64>,
    gain: &DMatrix<f64>,
) -> Result<usize, InputError> {
    let n = system.d_state();
    finite("F", feedback)?;
    shape("F", feedback, (system.inputs(), n))?;
    finite("G", gain)?;
    shape("G", gain, (n, system.outputs()))?;
    Ok(n)
}

/// A feedback that is given a guess of the state, and the observer that makes the guess.
///
/// ```
/// use classical_ssm::feedback::{Controller, observer, place};
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::{Complex, dmatrix, dvector};
///
/// // A cart pushed in steps of 0.1 s, seen only by its place.
/// let (a, b) = (dmatrix![1.0, 0.1; 0.0, 1.0], dmatrix![0.005; 0.1]);
/// let cart = StateSpace::discrete(a.clone(), b.clone(), dmatrix![1.0, 0.0], dmatrix![0.0], 0.1)?;
/// let feedback = place(&a, &b, &[0.8, 0.9].map(Complex::from))?;
/// let gain = observer(&cart, &[0.4, 0.5].map(Complex::from))?;
/// let mut controller = Controller::new(&cart, feedback, gain)?;
/// let mut x = dvector![1.0, 0.0];
/// for _ in 0..200 {
///     let u = controller.input();
///     x = &a * x + &b * &u;
///     controller.observe(&u, &(cart.c() * &x))?;
/// }
/// assert!(x.norm() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Controller {
    system: StateSpace<Discrete>,
    feedback: DMatrix<f64>,
    gain: DMatrix<f64>,
    estimate: DVector<f64>,
}

impl Controller {
    /// A controller that knows nothing yet: its guess is the state 0.
    ///
    /// `feedback`: F `[M, N]`, `gain`: G `[N, P]`.
    ///
    /// # Errors
    /// [`FeedbackError::Input`] where shapes do not fit.
    pub fn new(
        system: &StateSpace<Discrete>,
        feedback: DMatrix<f64>,
        gain: DMatrix<f64>,
    ) -> Result<Self, FeedbackError> {
        let n = check_gains(system, &feedback, &gain)?;
        Ok(Self { system: system.clone(), feedback, gain, estimate: DVector::zeros(n) })
    }

    /// x̂, the guess of the state: `[N]`.
    pub fn estimate(&self) -> &DVector<f64> {
        &self.estimate
    }

    /// The input for the next step, `u_k = -F x̂_{k-1}`: `[M]`.
    pub fn input(&self) -> DVector<f64> {
        -(&self.feedback * &self.estimate)
    }

    /// Learns that the input `u` was held and that then `y` was seen.
    ///
    /// `u`: `[M]`, the input that really acted, should something have limited it; `y`: `[P]`.
    ///
    /// # Errors
    /// [`FeedbackError::Input`] where shapes do not fit or a number is not finite.
    pub fn observe(&mut self, u: &DVector<f64>, y: &DVector<f64>) -> Result<(), FeedbackError> {
        finite_vector("u", u)?;
        length("u", u, self.system.inputs())?;
        finite_vector("y", y)?;
        length("y", y, self.system.outputs())?;
        let predicted = self.system.a() * &self.estimate + self.system.b() * u;
        let surprise = y - self.system.c() * &predicted - self.system.d() * u;
        self.estimate = predicted + &self.gain * surprise;
        Ok(())
    }
}

// ---------------------------------------------------------------------------------------------
// Something to balance
// ---------------------------------------------------------------------------------------------

/// A rod of N cells with a heater along it: `a` `[N, N]`, `b` `[N, 1]`.
///
/// Heat flows between neighbours and out at the front; the other end is insulated. The heater is
/// strongest in front and weaker from cell to cell.
///
/// ```
/// use classical_ssm::feedback::heated_rod;
/// use nalgebra::dmatrix;
///
/// assert_eq!(heated_rod(2), (dmatrix![-2.0, 1.0; 1.0, -1.0], dmatrix![1.0; 0.5]));
/// ```
pub fn heated_rod(cells: usize) -> (DMatrix<f64>, DMatrix<f64>) {
    let a = DMatrix::from_fn(cells, cells, |i, k| match i.abs_diff(k) {
        0 if i + 1 == cells => -1.0,
        0 => -2.0,
        1 => 1.0,
        _ => 0.0,
    });
    (a, DMatrix::from_fn(cells, 1, |i, _| 1.0 - i as f64 / cells as f64))
}

/// A pendulum to be balanced on its head by a motor, from a noisy angle alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    /// Where it is let go at rest, in rad from upright.
    pub start: f64,
    /// The standard deviation of a measured angle, in rad.
    pub noise: f64,
    /// The largest torque of the motor, in N m.
    pub limit: f64,
    /// How many times faster the observer's errors die away than the pendulum's motion.
    pub haste: f64,
    /// The length of a step, in s.
    pub delta: f64,
    /// How many steps.
    pub steps: usize,
    /// Which noise is drawn.
    pub seed: u64,
}

impl Default for Balance {
    /// Four seconds in steps of 10 ms, let go at 0.2 rad, the angle known to 0.01 rad.
    fn default() -> Self {
        Self { start: 0.2, noise: 0.01, limit: 20.0, haste: 3.0, delta: 0.01, steps: 400, seed: 1 }
    }
}

/// One attempt at balancing; entry k of each list belongs to the time `k Δ`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attempt {
    /// The true angle from upright, in rad.
    pub angles: Vec<f64>,
    /// The true speed, in rad/s.
    pub speeds: Vec<f64>,
    /// What was believed of the angle, in rad.
    pub guessed_angles: Vec<f64>,
    /// What was believed of the speed, in rad/s.
    pub guessed_speeds: Vec<f64>,
    /// The torque held in the step that ends here, in N m.
    pub torques: Vec<f64>,
}

/// A pendulum balanced in three ways, under the same noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Balanced {
    /// The steps that feedback and observer were designed for, linear.
    pub system: StateSpace<Discrete>,
    /// F: `[1, 2]`.
    pub feedback: DMatrix<f64>,
    /// G: `[2, 1]`.
    pub gain: DMatrix<f64>,
    /// `k Δ`, in s.
    pub times: Vec<f64>,
    /// No torque.
    pub alone: Attempt,
    /// The speed guessed as the difference of two measured angles over Δ.
    pub by_difference: Attempt,
    /// State guessed by the observer.
    pub by_observer: Attempt,
}

/// Balances a pendulum: the design is linear, the pendulum that moves is the true one.
///
/// Prices: 0.1 rad costs as much as 1 rad/s or 1 N m. The torque is held during a step.
///
/// # Errors
/// [`FeedbackError::Input`] for parameters that are no pendulum's.
///
/// ```
/// use classical_ssm::feedback::{Balance, balance};
///
/// let ran = balance(&Balance::default())?;
/// assert!(ran.alone.angles[300].abs() > 1.5); // it fell over
/// assert!(ran.by_observer.angles[300].abs() < 0.05); // it stands
/// # Ok::<(), classical_ssm::feedback::FeedbackError>(())
/// ```
pub fn balance(parameters: &Balance) -> Result<Balanced, FeedbackError> {
    let Balance { start, noise, limit, haste, delta, steps, seed } = *parameters;
    non_negative("the noise", noise)?;
    positive("the limit", limit)?;
    positive("the haste", haste)?;
    positive("Δ", delta)?;
    let upright = linearized_pendulum(&Pendulum::default(), Equilibrium::Upright)?;
    let (a, b) = held_input_step(&upright.a, &upright.b, delta)?;
    let feedback = lqr_discrete(&a, &b, &dmatrix![100.0, 0.0; 0.0, 1.0], &dmatrix![1.0])?.feedback;
    let modes = eigenvalues(&(&a - &b * &feedback))?;
    let system = StateSpace::discrete(a, b, upright.c, upright.d, delta)?;
    let poles: Vec<_> = modes.iter().map(|mode| mode.powf(haste)).collect();
    let gain = observer(&system, &poles)?;

    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || {
        // Box and Muller's formula.
        let (radius, angle): (f64, f64) = (random.random(), random.random());
        (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    };
    let blur: Vec<f64> = (0..steps).map(|_| noise * normal()).collect();
    let attempt = |guess: &mut dyn FnMut(f64, f64) -> Result<[f64; 2], FeedbackError>| {
        follow(start, delta, limit, &feedback, &blur, guess)
    };

    let alone = attempt(&mut |_, _| Ok([0.0, 0.0]))?;
    let mut before = None;
    let by_difference = attempt(&mut |_, y| {
        let speed = before.map_or(0.0, |before| (y - before) / delta);
        before = Some(y);
        Ok([y, speed])
    })?;
    let mut controller = Controller::new(&system, feedback.clone(), gain.clone())?;
    let by_observer = attempt(&mut |u, y| {
        controller.observe(&dvector![u], &dvector![y])?;
        Ok([controller.estimate()[0], controller.estimate()[1]])
    })?;
    let times = (0..=steps).map(|k| k as f64 * delta).collect();
    Ok(Balanced { system, feedback, gain, times, alone, by_difference, by_observer })
}

/// Moves the true pendulum under the torque that a guess of its state asks for.
fn follow(
    start: f64,
    delta: f64,
    limit: f64,
    feedback: &DMatrix<f64>,
    blur: &[f64],
    guess: &mut dyn FnMut(f64, f64) -> Result<[f64; 2], FeedbackError>,
) -> Result<Attempt, FeedbackError> {
    let pendulum = Pendulum::default();
    let (mut x, mut guessed, mut u) = (dvector![start, 0.0], [0.0, 0.0], 0.0);
    let mut attempt = Attempt::default();
    for k in 0..=blur.len() {
        if k > 0 {
            u = -(feedback[0] * guessed[0] + feedback[1] * guessed[1]).clamp(-limit, limit);
            let fall = |_, x: &DVector<f64>| {
                let [speed, push] = pendulum.derivative([x[0] + std::f64::consts::PI, x[1]], u);
                dvector![speed, push]
            };
            let moved = rk4(fall, &x, delta, 4)?;
            x = moved.last().cloned().unwrap_or(x);
            guessed = guess(u, x[0] + blur[k - 1])?;
        }
        attempt.angles.push(x[0]);
        attempt.speeds.push(x[1]);
        attempt.guessed_angles.push(guessed[0]);
        attempt.guessed_speeds.push(guessed[1]);
        attempt.torques.push(u);
    }
    Ok(attempt)
}
