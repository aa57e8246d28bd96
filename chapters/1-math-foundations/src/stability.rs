//! # Stability
//!
//! *Leave it alone: will it come to rest?*
//!
//! Four judges of the same matrix: where the eigenvalues lie ([`stability_verdict`]), whether an
//! energy that only falls exists ([`lyapunov_certificate`]), the signs in a table of coefficients
//! ([`routh_array`]), and what happens before the end ([`transient_growth`]).
//!
//! Equations: `eq-1-6` (the Lyapunov equation), solved by [`solve_lyapunov`].
//!
//! Conventions: the Lyapunov equation is `A X + X Aᵀ + Q = 0`, its discrete counterpart
//! `A X Aᵀ - X + Q = 0`; an energy `V(x) = xᵀ P x` needs the transposed one, so `P` is the `X` of
//! `Aᵀ`. Polynomials are lists of coefficients, the highest degree first. "On the boundary" means:
//! a change of `A` no larger than its rounding, `10 N ε ‖A‖_F`, puts an eigenvalue there.

use std::fmt;
use std::ops::{Add, Div, Mul, Sub};

use math_foundations::eigendecomposition::{
    EigenError, eigenvalues, hermitian_eigendecomposition, real_schur,
};
use math_foundations::matrix_exponential::{MatrixExponentialError, matrix_exponential};
use math_foundations::validation::{InputError, length, positive, shape, square, symmetric};
use nalgebra::{Complex, DMatrix, DVector};
use thiserror::Error;

/// Why a question about stability has no answer.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StabilityError {
    /// A matrix or a number that cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The eigenvalues could not be computed.
    #[error(transparent)]
    Eigenvalues(#[from] EigenError),
    /// The matrix exponential could not be computed.
    #[error(transparent)]
    Exponential(#[from] MatrixExponentialError),
    /// Two eigenvalues of A sum to zero: the Lyapunov equation is singular.
    #[error(
        "expected no two eigenvalues of A to sum to zero, found {} and {}: \
         A X + X Aᵀ + Q = 0 has no unique solution", in_words(.first), in_words(.second)
    )]
    SumToZero {
        /// One of the pair.
        first: Complex<f64>,
        /// The other; the same number where one eigenvalue is zero.
        second: Complex<f64>,
    },
    /// Two eigenvalues of A multiply to one: the discrete Lyapunov equation is singular.
    #[error(
        "expected no two eigenvalues of A to multiply to one, found {} and {}: \
         A X Aᵀ - X + Q = 0 has no unique solution", in_words(.first), in_words(.second)
    )]
    ProductIsOne {
        /// One of the pair.
        first: Complex<f64>,
        /// The other; the same number where one eigenvalue is 1 or -1.
        second: Complex<f64>,
    },
    /// A certificate was asked of a flow that does not come to rest.
    #[error(
        "expected every eigenvalue of A to have a negative real part, \
         found the spectral abscissa {abscissa}"
    )]
    NotStable {
        /// The largest real part found.
        abscissa: f64,
    },
    /// A certificate, or a series, was asked of a recurrence that does not come to rest.
    #[error(
        "expected every eigenvalue of A to lie inside the unit circle, \
         found the spectral radius {radius}"
    )]
    NotStableDiscrete {
        /// The largest modulus found.
        radius: f64,
    },
}

fn in_words(number: &Complex<f64>) -> String {
    let Complex { re, im } = *number;
    if im == 0.0 {
        format!("{re}")
    } else {
        format!("{re} {} {}i", if im < 0.0 { '-' } else { '+' }, im.abs())
    }
}

// ---------------------------------------------------------------------------------------------
// The eigenvalue criterion
// ---------------------------------------------------------------------------------------------

/// The largest real part among the eigenvalues: `α(A) = max Re λ`.
///
/// The flow `x' = Ax` comes to rest from every start exactly when `α(A) < 0`, and in the long run
/// shrinks or grows like `e^{αt}`. It says nothing of the short run: see [`transient_growth`].
/// Cost O(N³).
///
/// # Errors
/// [`StabilityError::Input`] unless A is square and finite; [`StabilityError::Eigenvalues`].
///
/// ```
/// use math_foundations::stability::spectral_abscissa;
/// use nalgebra::dmatrix;
///
/// let spring = dmatrix![0.0, 1.0; -1.0, -0.4];
/// assert!((spectral_abscissa(&spring).unwrap() + 0.2).abs() < 1e-15);
/// ```
pub fn spectral_abscissa(a: &DMatrix<f64>) -> Result<f64, StabilityError> {
    square("A", a)?;
    Ok(eigenvalues(a)?.iter().fold(f64::NEG_INFINITY, |most, lambda| most.max(lambda.re)))
}

/// The largest modulus among the eigenvalues: `ρ(A) = max |λ|`.
///
/// The recurrence `x_k = A x_{k-1}` comes to rest from every start exactly when `ρ(A) < 1`.
/// Cost O(N³).
///
/// # Errors
/// [`StabilityError::Input`] unless A is square and finite; [`StabilityError::Eigenvalues`].
///
/// ```
/// use math_foundations::stability::spectral_radius;
/// use nalgebra::dmatrix;
///
/// let turn_and_shrink = dmatrix![0.0, -0.9; 0.9, 0.0];
/// assert!((spectral_radius(&turn_and_shrink).unwrap() - 0.9).abs() < 1e-15);
/// ```
pub fn spectral_radius(a: &DMatrix<f64>) -> Result<f64, StabilityError> {
    square("A", a)?;
    Ok(eigenvalues(a)?.iter().fold(0.0, |most, lambda| lambda.norm().max(most)))
}

/// The largest eigenvalue of the symmetric part: `ω(A) = λ_max((A + Aᵀ)/2)`, the numerical abscissa.
///
/// It is the slope of `‖e^{At}‖₂` at `t = 0`: the eigenvalues of A tell the end, those of its
/// symmetric part the beginning. Always `α(A) <= ω(A)`, with equality for a normal A. Cost O(N³).
///
/// # Errors
/// [`StabilityError::Input`] unless A is square and finite; [`StabilityError::Eigenvalues`].
///
/// ```
/// use math_foundations::stability::{numerical_abscissa, spectral_abscissa};
/// use nalgebra::dmatrix;
///
/// // Both eigenvalues are negative, and yet some states grow at first.
/// let shear = dmatrix![-1.0, 10.0; 0.0, -2.0];
/// assert!((spectral_abscissa(&shear).unwrap() + 1.0).abs() < 1e-14);
/// assert!(numerical_abscissa(&shear).unwrap() > 3.5);
/// ```
pub fn numerical_abscissa(a: &DMatrix<f64>) -> Result<f64, StabilityError> {
    square("A", a)?;
    Ok(hermitian_eigendecomposition(&symmetric_part(a.clone()))?.lambda.max())
}

/// The symmetric part of X, `(X + Xᵀ)/2`: of all symmetric matrices the nearest one.
///
/// It also takes the rounding out of a matrix that is symmetric by its nature.
pub fn symmetric_part(x: DMatrix<f64>) -> DMatrix<f64> {
    (&x + x.transpose()) * 0.5
}

/// What becomes of every state that is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StabilityVerdict {
    /// Every state tends to zero.
    AsymptoticallyStable,
    /// Every state stays bounded, and some do not tend to zero.
    Marginal,
    /// Some state grows without bound, be it only like `t`.
    Unstable,
}

impl fmt::Display for StabilityVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AsymptoticallyStable => "asymptotically stable",
            Self::Marginal => "marginal",
            Self::Unstable => "unstable",
        })
    }
}

/// The eigenvalue criterion for the flow `x' = Ax`.
///
/// - every `Re λ < 0`: [`StabilityVerdict::AsymptoticallyStable`];
/// - some `Re λ = 0`, each of those with as many eigenvectors as its multiplicity:
///   [`StabilityVerdict::Marginal`];
/// - else [`StabilityVerdict::Unstable`]: some `Re λ > 0`, or an eigenvalue on the axis that is
///   defective, so that `e^{At}` holds a `t e^{iωt}`.
///
/// *The tolerance*: an eigenvalue is on the axis when a change of A no larger than `10 N ε ‖A‖_F`
/// puts it there, which is when the smallest singular value of `A - iωI`, `ω = Im λ`, is that
/// small. So `-1e-9` is stable, and a double zero that rounding has split into `±1e-8` is seen
/// to be one. Looked for up to `ε^{1/3} ‖A‖_F` from the axis: blocks of order four or more that
/// rounding has split wider are judged by their eigenvalues as computed.
/// Cost O(N³), and O(N³) more for each eigenvalue that close to the axis.
///
/// # Errors
/// [`StabilityError::Input`] unless A is square and finite; [`StabilityError::Eigenvalues`].
///
/// ```
/// use math_foundations::stability::{StabilityVerdict, stability_verdict};
/// use nalgebra::dmatrix;
///
/// let judge = |a| stability_verdict(&a).unwrap();
/// assert_eq!(judge(dmatrix![0.0, 1.0; -1.0, -0.4]), StabilityVerdict::AsymptoticallyStable);
/// assert_eq!(judge(dmatrix![0.0, 1.0; -1.0, 0.0]), StabilityVerdict::Marginal);
/// assert_eq!(judge(dmatrix![0.0, 1.0; 0.0, 0.0]), StabilityVerdict::Unstable);
/// ```
pub fn stability_verdict(a: &DMatrix<f64>) -> Result<StabilityVerdict, StabilityError> {
    square("A", a)?;
    let lambda = eigenvalues(a)?;
    Ok(judge(a, lambda.iter().map(|z| (z.re, Complex::new(0.0, z.im)))))
}

/// The eigenvalue criterion for the recurrence `x_k = A x_{k-1}`: the unit circle takes the place
/// of the axis.
///
/// The verdicts and the tolerance are those of [`stability_verdict`], with `|λ| - 1` for `Re λ`
/// and the nearest point of the unit circle for `iω`. Cost as there.
///
/// # Errors
/// [`StabilityError::Input`] unless A is square and finite; [`StabilityError::Eigenvalues`].
///
/// ```
/// use math_foundations::stability::{StabilityVerdict, discrete_stability_verdict};
/// use nalgebra::dmatrix;
///
/// let judge = |a| discrete_stability_verdict(&a).unwrap();
/// assert_eq!(judge(dmatrix![0.5, 1.0; 0.0, -0.9]), StabilityVerdict::AsymptoticallyStable);
/// assert_eq!(judge(dmatrix![0.0, 1.0; 1.0, 0.0]), StabilityVerdict::Marginal);
/// assert_eq!(judge(dmatrix![1.0, 1.0; 0.0, 1.0]), StabilityVerdict::Unstable);
/// ```
pub fn discrete_stability_verdict(a: &DMatrix<f64>) -> Result<StabilityVerdict, StabilityError> {
    square("A", a)?;
    let lambda = eigenvalues(a)?;
    let nearest = |z: &Complex<f64>| {
        if z.norm() > 0.0 { z / z.norm() } else { Complex::ONE }
    };
    Ok(judge(a, lambda.iter().map(|z| (z.norm() - 1.0, nearest(z)))))
}

/// Judges eigenvalues by their signed distance to the boundary and the boundary point nearest to each.
// ANCHOR: judge
fn judge(
    a: &DMatrix<f64>,
    spectrum: impl Iterator<Item = (f64, Complex<f64>)>,
) -> StabilityVerdict {
    let near = f64::EPSILON.cbrt() * a.norm();
    let mut verdict = StabilityVerdict::AsymptoticallyStable;
    for (distance, point) in spectrum {
        let boundary = if distance.abs() <= near { boundary(a, point) } else { Boundary::Away };
        match boundary {
            Boundary::Away if distance < 0.0 => {}
            Boundary::Bounded => verdict = StabilityVerdict::Marginal,
            Boundary::Away | Boundary::Growing => return StabilityVerdict::Unstable,
        }
    }
    verdict
}
// ANCHOR_END: judge

/// What a point of the boundary is to a matrix.
enum Boundary {
    /// No eigenvalue.
    Away,
    /// An eigenvalue with all its eigenvectors: its states stay bounded.
    Bounded,
    /// A defective eigenvalue: some state grows like `t`.
    Growing,
}

/// Asks whether `point` is an eigenvalue of A up to rounding, and whether it lacks eigenvectors.
///
/// The left and the right eigenvectors of a defective eigenvalue are orthogonal: `UᴴV`, the
/// product of their bases, is singular. It is the reciprocal of the eigenvalue's condition number.
fn boundary(a: &DMatrix<f64>, point: Complex<f64>) -> Boundary {
    let n = a.nrows();
    let shifted =
        a.map(|entry| Complex::new(entry, 0.0)) - DMatrix::from_diagonal_element(n, n, point);
    let rounding = rounding_of(a);
    let lacking = shifted.singular_values().iter().filter(|&&sigma| sigma <= rounding).count();
    if lacking == 0 {
        return Boundary::Away;
    }
    let right = orthogonal_to_columns(shifted.adjoint(), lacking);
    let overlap = orthogonal_to_columns(shifted, lacking).adjoint() * right;
    if overlap.singular_values().min() > f64::EPSILON.cbrt() {
        Boundary::Bounded
    } else {
        Boundary::Growing
    }
}

/// Orthonormal directions, `count` of them, to which the columns of a square matrix are orthogonal.
///
/// Not by nalgebra's singular vectors: at a singular value of a few roundings, which is the case here,
/// version 0.35 divides by it and returns wrong ones (and wrong values with them, that are right when
/// asked for alone). The QR decomposition takes the longest columns first, and leaves these for last.
fn orthogonal_to_columns(matrix: DMatrix<Complex<f64>>, count: usize) -> DMatrix<Complex<f64>> {
    let n = matrix.nrows();
    matrix.col_piv_qr().q().columns(n - count, count).into_owned()
}

/// How far the eigenvalues' algorithm may have moved A: `10 N ε ‖A‖_F`, its backward error.
fn rounding_of(a: &DMatrix<f64>) -> f64 {
    10.0 * a.nrows() as f64 * f64::EPSILON * a.norm()
}

/// Whether every state of `x' = Ax` tends to zero: [`stability_verdict`] in one word.
///
/// # Errors
/// Those of [`stability_verdict`].
///
/// ```
/// use math_foundations::stability::is_stable;
/// use nalgebra::dmatrix;
///
/// assert!(is_stable(&dmatrix![-1.0, 100.0; 0.0, -2.0]).unwrap());
/// assert!(!is_stable(&dmatrix![0.0, 1.0; -1.0, 0.0]).unwrap());
/// ```
pub fn is_stable(a: &DMatrix<f64>) -> Result<bool, StabilityError> {
    Ok(stability_verdict(a)? == StabilityVerdict::AsymptoticallyStable)
}

/// Whether every state of `x_k = A x_{k-1}` tends to zero: [`discrete_stability_verdict`] in one word.
///
/// # Errors
/// Those of [`discrete_stability_verdict`].
///
/// ```
/// use math_foundations::stability::is_stable_discrete;
/// use nalgebra::dmatrix;
///
/// assert!(is_stable_discrete(&dmatrix![0.5, 100.0; 0.0, 0.5]).unwrap());
/// assert!(!is_stable_discrete(&dmatrix![-1.0]).unwrap());
/// ```
pub fn is_stable_discrete(a: &DMatrix<f64>) -> Result<bool, StabilityError> {
    Ok(discrete_stability_verdict(a)? == StabilityVerdict::AsymptoticallyStable)
}

// ---------------------------------------------------------------------------------------------
// The Lyapunov equation
// ---------------------------------------------------------------------------------------------

/// Solves `A X + X Aᵀ + Q = 0` as one linear system for the N² entries of X: the plain reference.
///
/// Stacking columns turns `A X` into `(I ⊗ A) vec X` and `X Aᵀ` into `(A ⊗ I) vec X`.
/// *Good for* N up to about 16; *breaks* by its cost, O(N⁶), and N⁴ numbers of memory.
///
/// # Errors
/// Those of [`solve_lyapunov`].
///
/// ```
/// use math_foundations::stability::{solve_lyapunov, solve_lyapunov_kronecker};
/// use nalgebra::{DMatrix, dmatrix};
///
/// let (a, q) = (dmatrix![0.0, 1.0; -1.0, -0.4], DMatrix::identity(2, 2));
/// let difference = solve_lyapunov(&a, &q).unwrap() - solve_lyapunov_kronecker(&a, &q).unwrap();
/// assert!(difference.norm() < 1e-14);
/// ```
// ANCHOR: kronecker
pub fn solve_lyapunov_kronecker(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    refuse_zero_sums(a, eigenvalues(a)?.as_slice())?;
    let identity = DMatrix::identity(n, n);
    let system = identity.kronecker(a) + a.kronecker(&identity);
    Ok(symmetric_like(q, solve_stacked(system, q)))
}
// ANCHOR_END: kronecker

/// Solves `A X Aᵀ - X + Q = 0` as one linear system for the N² entries of X: the plain reference.
///
/// Stacking columns turns `A X Aᵀ` into `(A ⊗ A) vec X`. Cost O(N⁶), and N⁴ numbers of memory.
///
/// # Errors
/// Those of [`solve_discrete_lyapunov`].
///
/// ```
/// use math_foundations::stability::solve_discrete_lyapunov_kronecker;
/// use nalgebra::dmatrix;
///
/// // 1 + 1/4 + 1/16 + ... = 4/3
/// let x = solve_discrete_lyapunov_kronecker(&dmatrix![0.5], &dmatrix![1.0]).unwrap();
/// assert!((x[(0, 0)] - 4.0 / 3.0).abs() < 1e-15);
/// ```
pub fn solve_discrete_lyapunov_kronecker(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    refuse_unit_products(a, eigenvalues(a)?.as_slice())?;
    let system = a.kronecker(a) - DMatrix::identity(n * n, n * n);
    Ok(symmetric_like(q, solve_stacked(system, q)))
}

/// Solves `system · vec X = -vec Q`; the caller has refused singular systems.
fn solve_stacked(system: DMatrix<f64>, q: &DMatrix<f64>) -> DMatrix<f64> {
    let n = q.nrows();
    let mut stacked = DVector::from_column_slice((-q).as_slice());
    system.lu().solve_mut(&mut stacked);
    DMatrix::from_column_slice(n, n, stacked.as_slice())
}

/// Refuses a Q that is not finite or not N x N.
fn right_side(q: &DMatrix<f64>, n: usize) -> Result<(), InputError> {
    shape("Q", q, (n, n))?;
    square("Q", q).map(|_| ())
}

/// Takes the rounding out of the symmetry of X where Q is symmetric, and so X is.
fn symmetric_like(q: &DMatrix<f64>, x: DMatrix<f64>) -> DMatrix<f64> {
    if *q == q.transpose() { symmetric_part(x) } else { x }
}

/// The pair of eigenvalues for which `gap` is smallest, if that is no more than `tolerance`.
fn singular_pair(
    lambda: &[Complex<f64>],
    tolerance: f64,
    gap: impl Fn(Complex<f64>, Complex<f64>) -> f64,
) -> Option<(Complex<f64>, Complex<f64>)> {
    let pairs = (0..lambda.len()).flat_map(|i| (i..lambda.len()).map(move |j| (i, j)));
    let gaps = pairs.map(|(i, j)| (gap(lambda[i], lambda[j]), lambda[i], lambda[j]));
    let smallest = gaps.min_by(|one, other| one.0.total_cmp(&other.0))?;
    (smallest.0 <= tolerance).then_some((smallest.1, smallest.2))
}

fn refuse_zero_sums(a: &DMatrix<f64>, lambda: &[Complex<f64>]) -> Result<(), StabilityError> {
    match singular_pair(lambda, rounding_of(a), |one, other| (one + other).norm()) {
        Some((first, second)) => Err(StabilityError::SumToZero { first, second }),
        None => Ok(()),
    }
}

fn refuse_unit_products(a: &DMatrix<f64>, lambda: &[Complex<f64>]) -> Result<(), StabilityError> {
    let tolerance = rounding_of(a) * a.norm().max(1.0);
    match singular_pair(lambda, tolerance, |one, other| (one * other - Complex::ONE).norm()) {
        Some((first, second)) => Err(StabilityError::ProductIsOne { first, second }),
        None => Ok(()),
    }
}

/// Solves the Lyapunov equation `A X + X Aᵀ + Q = 0`.
///
/// For a stable A, `X = ∫₀^∞ e^{At} Q e^{Aᵀt} dt`; for `V(x) = xᵀPx` pass `Aᵀ`.
/// A symmetric Q gives an exactly symmetric X. A, Q and X are `[N, N]`.
///
/// From N = 16 on [`solve_lyapunov_doubling`] is tried first, and believed if its residual is
/// rounding; else, and below, [`solve_lyapunov_schur`] answers, for any A. Either way the residual
/// ([`lyapunov_residual`]) is of the size of rounding. Cost O(N³).
///
/// # Errors
/// [`StabilityError::SumToZero`] where two eigenvalues sum to zero (to within `10 N ε ‖A‖_F`);
/// [`StabilityError::Input`] unless both are finite, square and of one size.
///
/// ```
/// use math_foundations::stability::{lyapunov_residual, solve_lyapunov};
/// use nalgebra::{DMatrix, dmatrix};
///
/// let (a, q) = (dmatrix![0.0, 1.0; -1.0, -0.4], DMatrix::identity(2, 2));
/// let x = solve_lyapunov(&a, &q).unwrap();
/// assert!(lyapunov_residual(&a, &x, &q).unwrap() < 1e-15);
/// ```
pub fn solve_lyapunov(a: &DMatrix<f64>, q: &DMatrix<f64>) -> Result<DMatrix<f64>, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    if n >= LARGE {
        let doubled = in_unit_disc(a, q).and_then(|(a, q)| sum_by_doubling(a, q, FEW_ROUNDS));
        if let Some(x) = doubled.map(|x| symmetric_like(q, x))
            && lyapunov_residual(a, &x, q)? <= n as f64 * f64::EPSILON
        {
            return Ok(x);
        }
    }
    solve_lyapunov_schur(a, q)
}

/// From this size on, products are so much faster than rotations that doubling is tried first.
const LARGE: usize = 16;

/// Rounds after which doubling is given up in favour of the Schur form: a million terms.
const FEW_ROUNDS: usize = 20;

/// Solves `A X + X Aᵀ + Q = 0` for any A, by Bartels and Stewart's method.
///
/// In the Schur coordinates `A = U T Uᵀ` the matrix is triangular but for 2 x 2 blocks, and the
/// equation is solved by substitution, from the last row and column to the first. Backward stable.
/// Cost O(N³): 25 N³ for the Schur form, 6 N³ for the rest.
///
/// # Errors
/// Those of [`solve_lyapunov`].
///
/// Source: Bartels and Stewart, *Solution of the matrix equation AX + XB = C* (1972).
///
/// ```
/// use math_foundations::stability::solve_lyapunov_schur;
/// use nalgebra::dmatrix;
///
/// // A need not be stable: 2 · 3 x + 12 = 0.
/// let x = solve_lyapunov_schur(&dmatrix![3.0], &dmatrix![12.0]).unwrap();
/// assert_eq!(x[(0, 0)], -2.0);
/// ```
pub fn solve_lyapunov_schur(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    let schur = real_schur(a)?;
    let (u, t) = (&schur.q, &schur.t);
    refuse_zero_sums(a, schur.eigenvalues().as_slice())?;
    let y = substitute(t, &(u.tr_mul(q) * u));
    Ok(symmetric_like(q, u * y * u.transpose()))
}

/// Solves `T Y + Y Tᵀ + F = 0`: columns from the right, in each of them rows from below.
// ANCHOR: substitute
fn substitute(t: &DMatrix<f64>, f: &DMatrix<f64>) -> DMatrix<f64> {
    let (n, blocks) = (t.nrows(), diagonal_blocks(t));
    let mut y = -f;
    for &(j, width) in blocks.iter().rev() {
        let (open, solved) = y.as_mut_slice().split_at_mut((j + width) * n);
        let columns = &mut open[j * n..];
        // What the columns to the right are known to give moves to the right-hand side.
        for (row, column) in (j..).zip(columns.chunks_exact_mut(n)) {
            for (k, known) in (j + width..).zip(solved.chunks_exact(n)) {
                add_multiple(column, -t[(row, k)], known);
            }
        }
        // Each block of rows is solved for, then felt by the rows above it.
        for &(i, height) in blocks.iter().rev() {
            solve_block(t, (i, height), (j, width), columns);
            for column in columns.chunks_exact_mut(n) {
                let (above, here) = column.split_at_mut(i);
                for (k, y) in (i..i + height).zip(here) {
                    add_multiple(above, -*y, &t.as_slice()[k * n..][..i]);
                }
            }
        }
    }
    y
}
// ANCHOR_END: substitute

/// `target += factor · source`, the loop where the time goes: contiguous, so it vectorises.
fn add_multiple(target: &mut [f64], factor: f64, source: &[f64]) {
    for (entry, value) in target.iter_mut().zip(source) {
        *entry += factor * value;
    }
}

/// Where each diagonal block of a quasi-triangular T begins, and its size, 1 or 2.
fn diagonal_blocks(t: &DMatrix<f64>) -> Vec<(usize, usize)> {
    let n = t.nrows();
    let mut blocks = Vec::with_capacity(n);
    let mut start = 0;
    while start < n {
        let size = if start + 1 < n && t[(start + 1, start)] != 0.0 { 2 } else { 1 };
        blocks.push((start, size));
        start += size;
    }
    blocks
}

/// Solves `T_II Y + Y T_JJᵀ = R` for one block, R being in `columns` at the rows of block I.
fn solve_block(
    t: &DMatrix<f64>,
    (i, height): (usize, usize),
    (j, width): (usize, usize),
    columns: &mut [f64],
) {
    let n = t.nrows();
    if (height, width) == (1, 1) {
        columns[i] /= t[(i, i)] + t[(j, j)];
        return;
    }
    let mut system = [[0.0; 5]; 4];
    for column in 0..width {
        for row in 0..height {
            let equation = &mut system[column * height + row];
            for k in 0..height {
                equation[column * height + k] += t[(i + row, i + k)];
            }
            for k in 0..width {
                equation[k * height + row] += t[(j + column, j + k)];
            }
            equation[4] = columns[column * n + i + row];
        }
    }
    let solution = solve_small(system, height * width);
    for column in 0..width {
        for row in 0..height {
            columns[column * n + i + row] = solution[column * height + row];
        }
    }
}

/// Gaussian elimination with row exchanges for the at most four unknowns of a block;
/// the right-hand side is the fifth entry of each equation.
fn solve_small(mut system: [[f64; 5]; 4], unknowns: usize) -> [f64; 4] {
    for pivot in 0..unknowns {
        let size = |row: &usize| system[*row][pivot].abs();
        let largest = (pivot..unknowns).max_by(|one, other| size(one).total_cmp(&size(other)));
        system.swap(pivot, largest.unwrap_or(pivot));
        let above = system[pivot];
        for equation in &mut system[pivot + 1..unknowns] {
            let factor = equation[pivot] / above[pivot];
            add_multiple(equation, -factor, &above);
        }
    }
    let mut solution = [0.0; 4];
    for row in (0..unknowns).rev() {
        let known: f64 = (row + 1..unknowns).map(|k| system[row][k] * solution[k]).sum();
        solution[row] = (system[row][4] - known) / system[row][row];
    }
    solution
}

/// Solves the discrete Lyapunov equation `A X Aᵀ - X + Q = 0`.
///
/// For a stable A, `X = Σ_k A^k Q (Aᵀ)^k`. A symmetric Q gives an exactly symmetric X.
///
/// From N = 16 on [`solve_discrete_lyapunov_doubling`] is tried first, and believed if its residual
/// is rounding; else, and below, [`solve_discrete_lyapunov_schur`] answers, for any A. Cost O(N³).
///
/// # Errors
/// [`StabilityError::ProductIsOne`] where two eigenvalues multiply to one (to within
/// `10 N ε ‖A‖_F max(1, ‖A‖_F)`); [`StabilityError::Input`] unless both are finite, square and of
/// one size.
///
/// ```
/// use math_foundations::stability::{discrete_lyapunov_residual, solve_discrete_lyapunov};
/// use nalgebra::{DMatrix, dmatrix};
///
/// let (a, q) = (dmatrix![0.5, 1.0; -0.3, 0.2], DMatrix::identity(2, 2));
/// let x = solve_discrete_lyapunov(&a, &q).unwrap();
/// assert!(discrete_lyapunov_residual(&a, &x, &q).unwrap() < 1e-15);
/// ```
pub fn solve_discrete_lyapunov(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    if n >= LARGE
        && let Some(x) = sum_by_doubling(a.clone(), q.clone(), FEW_ROUNDS)
    {
        let x = symmetric_like(q, x);
        if discrete_lyapunov_residual(a, &x, q)? <= n as f64 * f64::EPSILON {
            return Ok(x);
        }
    }
    solve_discrete_lyapunov_schur(a, q)
}

/// Solves `A X Aᵀ - X + Q = 0` for any A, by substitution in Schur coordinates.
///
/// The method of [`solve_lyapunov_schur`] with another substitution. Cost O(N³).
///
/// # Errors
/// Those of [`solve_discrete_lyapunov`].
///
/// Source: Kitagawa, *An algorithm for solving the matrix equation X = FXFᵀ + S* (1977).
///
/// ```
/// use math_foundations::stability::solve_discrete_lyapunov_schur;
/// use nalgebra::dmatrix;
///
/// // A need not be stable: 4 x - x + 6 = 0.
/// let x = solve_discrete_lyapunov_schur(&dmatrix![2.0], &dmatrix![6.0]).unwrap();
/// assert_eq!(x[(0, 0)], -2.0);
/// ```
pub fn solve_discrete_lyapunov_schur(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    let schur = real_schur(a)?;
    let (u, t) = (&schur.q, &schur.t);
    refuse_unit_products(a, schur.eigenvalues().as_slice())?;
    let y = substitute_discrete(t, u.tr_mul(q) * u);
    Ok(symmetric_like(q, u * y * u.transpose()))
}

/// Solves `T Y Tᵀ - Y + F = 0`: columns from the right, in each of them rows from below.
///
/// With `Z = Y Tᵀ` the equation of a column is `T Z - Y + F = 0`, and Z splits into what the
/// columns to the right have given already, and the column's own share.
fn substitute_discrete(t: &DMatrix<f64>, f: DMatrix<f64>) -> DMatrix<f64> {
    let n = t.nrows();
    let blocks = diagonal_blocks(t);
    let mut y = f;
    let mut z = vec![0.0; 2 * n];
    for &(j, width) in blocks.iter().rev() {
        let (open, solved) = y.as_mut_slice().split_at_mut((j + width) * n);
        let columns = &mut open[j * n..];
        let z = &mut z[..width * n];
        z.fill(0.0);
        for (row, column) in (j..).zip(z.chunks_exact_mut(n)) {
            for (k, known) in (j + width..).zip(solved.chunks_exact(n)) {
                add_multiple(column, t[(row, k)], known);
            }
        }
        for &(i, height) in blocks.iter().rev() {
            solve_discrete_block(t, (i, height), (j, width), columns, z);
            for (column, z) in columns.chunks_exact_mut(n).zip(z.chunks_exact(n)) {
                for (k, z) in (i..i + height).zip(&z[i..]) {
                    add_multiple(&mut column[..i], *z, &t.as_slice()[k * n..][..i]);
                }
            }
        }
    }
    y
}

/// Solves `T_II (Z + Y T_JJᵀ) - Y + F = 0` for one block Y, F being in `columns` and Z in `z` at
/// the rows of block I; leaves Y in `columns` and `Z + Y T_JJᵀ` in `z`.
fn solve_discrete_block(
    t: &DMatrix<f64>,
    (i, height): (usize, usize),
    (j, width): (usize, usize),
    columns: &mut [f64],
    z: &mut [f64],
) {
    let n = t.nrows();
    let mut system = [[0.0; 5]; 4];
    for column in 0..width {
        for row in 0..height {
            let unknown = column * height + row;
            let equation = &mut system[unknown];
            equation[4] = columns[column * n + i + row];
            for k in 0..height {
                equation[4] += t[(i + row, i + k)] * z[column * n + i + k];
                for other in 0..width {
                    equation[other * height + k] -=
                        t[(i + row, i + k)] * t[(j + column, j + other)];
                }
            }
            equation[unknown] += 1.0;
        }
    }
    let solution = solve_small(system, height * width);
    for column in 0..width {
        for row in 0..height {
            columns[column * n + i + row] = solution[column * height + row];
            for other in 0..width {
                z[column * n + i + row] +=
                    solution[other * height + row] * t[(j + column, j + other)];
            }
        }
    }
}

/// Solves `A X Aᵀ - X + Q = 0` for a stable A by summing its series, twice as many terms a round.
///
/// `X = Q + A Q Aᵀ + A² Q (A²)ᵀ + …`: if X holds the first n terms, `X + Aⁿ X (Aⁿ)ᵀ` holds 2n.
/// Nothing but matrix products, so *good for* large N and for A whose powers fall soon;
/// *breaks* slowly near the circle, and loses digits where `‖A^k‖` swells before it falls.
/// Cost O(N³ log k), k being the number of terms that count.
///
/// # Errors
/// [`StabilityError::NotStableDiscrete`] where the series does not converge;
/// [`StabilityError::Input`] unless both are finite, square and of one size.
///
/// Source: Smith, *Matrix equation XA + BX = C* (1968), the squared form.
///
/// ```
/// use math_foundations::stability::solve_discrete_lyapunov_doubling;
/// use nalgebra::dmatrix;
///
/// let x = solve_discrete_lyapunov_doubling(&dmatrix![0.5], &dmatrix![1.0]).unwrap();
/// assert!((x[(0, 0)] - 4.0 / 3.0).abs() < 1e-15);
/// ```
pub fn solve_discrete_lyapunov_doubling(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    match sum_by_doubling(a.clone(), q.clone(), MANY_ROUNDS) {
        Some(x) => Ok(symmetric_like(q, x)),
        None => Err(StabilityError::NotStableDiscrete { radius: spectral_radius(a)? }),
    }
}

/// A spectral radius of 1 - ε needs 2^52 terms times a few: this many rounds are more than enough.
const MANY_ROUNDS: usize = 60;

/// Sums `X = Σ_k A^k Q (Aᵀ)^k`, or gives up: after so many rounds, or when it overflows.
fn sum_by_doubling(a: DMatrix<f64>, q: DMatrix<f64>, rounds: usize) -> Option<DMatrix<f64>> {
    let (mut power, mut x) = (a, q);
    for _ in 0..rounds {
        let tail = &power * &x * power.transpose();
        x += &tail;
        let (last, all, shrinks) = (tail.norm(), x.norm(), power.norm() < 1.0);
        // Once the power is below one, the terms still missing are smaller than the tail is.
        if shrinks && last <= 0.25 * f64::EPSILON * all {
            return Some(x);
        }
        if !all.is_finite() {
            return None;
        }
        power = &power * &power;
    }
    None
}

/// Solves `A X + X Aᵀ + Q = 0` for a stable A by turning the flow into steps, and doubling those.
///
/// With `R = (γI - A)⁻¹` the steps `Ā = R (γI + A)`, `Q̄ = 2γ R Q Rᵀ` have the same X: multiply
/// `Ā X Āᵀ - X + Q̄ = 0` by `γI - A` from the left and its transpose from the right. They are those
/// of the bilinear method, which chapter 3 takes to be an approximation; here any `γ > 0` is
/// exact, and `γ = ‖A‖_F / √N` is of the size of the eigenvalues. See
/// [`solve_discrete_lyapunov_doubling`] for what it is good for and where it breaks. Cost
/// O(N³ log k).
///
/// # Errors
/// [`StabilityError::NotStable`] where the series does not converge; [`StabilityError::Input`]
/// unless both are finite, square and of one size.
///
/// ```
/// use math_foundations::stability::{solve_lyapunov_doubling, solve_lyapunov_schur};
/// use nalgebra::{DMatrix, dmatrix};
///
/// let (a, q) = (dmatrix![0.0, 1.0; -1.0, -0.4], DMatrix::identity(2, 2));
/// let difference = solve_lyapunov_doubling(&a, &q).unwrap() - solve_lyapunov_schur(&a, &q).unwrap();
/// assert!(difference.norm() < 1e-14);
/// ```
pub fn solve_lyapunov_doubling(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    match in_unit_disc(a, q).and_then(|(a, q)| sum_by_doubling(a, q, MANY_ROUNDS)) {
        Some(x) => Ok(symmetric_like(q, x)),
        None => Err(StabilityError::NotStable { abscissa: spectral_abscissa(a)? }),
    }
}

/// The discrete equation with the solution of the continuous one; none where γ is an eigenvalue.
fn in_unit_disc(a: &DMatrix<f64>, q: &DMatrix<f64>) -> Option<(DMatrix<f64>, DMatrix<f64>)> {
    let n = a.nrows();
    let gamma = a.norm() / (n as f64).sqrt();
    let identity = DMatrix::identity(n, n);
    let inverse = (&identity * gamma - a).try_inverse()?;
    let stepped = &inverse * q * inverse.transpose() * (2.0 * gamma);
    Some((inverse * (2.0 * gamma) - identity, stepped))
}

/// How far X is from solving `A X + X Aᵀ + Q = 0`, relative to its terms:
/// `‖A X + X Aᵀ + Q‖ / (2 ‖A‖ ‖X‖ + ‖Q‖)` in the Frobenius norm.
///
/// # Errors
/// [`StabilityError::Input`] unless all are finite, square and of one size.
///
/// ```
/// use math_foundations::stability::lyapunov_residual;
/// use nalgebra::dmatrix;
///
/// let (a, q) = (dmatrix![-2.0], dmatrix![4.0]);
/// assert_eq!(lyapunov_residual(&a, &dmatrix![1.0], &q).unwrap(), 0.0);
/// assert_eq!(lyapunov_residual(&a, &dmatrix![2.0], &q).unwrap(), 4.0 / 12.0);
/// ```
pub fn lyapunov_residual(
    a: &DMatrix<f64>,
    x: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<f64, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    shape("X", x, (n, n))?;
    let left = a * x + x * a.transpose() + q;
    Ok(relative(left.norm(), 2.0 * a.norm() * x.norm() + q.norm()))
}

/// How far X is from solving `A X Aᵀ - X + Q = 0`, relative to its terms:
/// `‖A X Aᵀ - X + Q‖ / (‖A‖² ‖X‖ + ‖X‖ + ‖Q‖)` in the Frobenius norm.
///
/// # Errors
/// [`StabilityError::Input`] unless all are finite, square and of one size.
///
/// ```
/// use math_foundations::stability::discrete_lyapunov_residual;
/// use nalgebra::dmatrix;
///
/// let (a, q) = (dmatrix![0.5], dmatrix![3.0]);
/// assert_eq!(discrete_lyapunov_residual(&a, &dmatrix![4.0], &q).unwrap(), 0.0);
/// ```
pub fn discrete_lyapunov_residual(
    a: &DMatrix<f64>,
    x: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<f64, StabilityError> {
    let n = square("A", a)?;
    right_side(q, n)?;
    shape("X", x, (n, n))?;
    let left = a * x * a.transpose() - x + q;
    Ok(relative(left.norm(), a.norm().powi(2) * x.norm() + x.norm() + q.norm()))
}

/// A quotient that is zero where both are.
fn relative(size: f64, scale: f64) -> f64 {
    if size == 0.0 { 0.0 } else { size / scale }
}

// ---------------------------------------------------------------------------------------------
// The certificate
// ---------------------------------------------------------------------------------------------

/// A proof that every state comes to rest: an energy `V(x) = xᵀ P x` that is positive, and falls.
///
/// Along `x' = Ax` it falls at the rate `V' = -xᵀ Q x`; along `x_k = A x_{k-1}` it falls by
/// `xᵀ Q x` at each step. Anyone can check it with products alone, without an eigenvalue.
///
/// ```
/// use math_foundations::stability::lyapunov_certificate;
/// use nalgebra::{DMatrix, dmatrix, dvector};
///
/// let spring = dmatrix![0.0, 1.0; -1.0, -0.4];
/// let energy = lyapunov_certificate(&spring, &DMatrix::identity(2, 2)).unwrap();
/// assert!((energy.value(&dvector![1.0, 0.0]).unwrap() - 2.7).abs() < 1e-14);
/// assert!((energy.fall(&dvector![1.0, 0.0]).unwrap() - 1.0).abs() < 1e-14);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LyapunovCertificate {
    /// The shape of the bowl: symmetric positive definite, `[N, N]`.
    pub p: DMatrix<f64>,
    /// How steeply it falls: symmetric positive definite, `[N, N]`.
    pub q: DMatrix<f64>,
}

impl LyapunovCertificate {
    /// The energy `V(x) = xᵀ P x`.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] unless x has N entries.
    pub fn value(&self, x: &DVector<f64>) -> Result<f64, InputError> {
        length("x", x, self.p.nrows())?;
        Ok(x.dot(&(&self.p * x)))
    }

    /// What the energy loses at x, per unit of time or per step: `xᵀ Q x`.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] unless x has N entries.
    pub fn fall(&self, x: &DVector<f64>) -> Result<f64, InputError> {
        length("x", x, self.q.nrows())?;
        Ok(x.dot(&(&self.q * x)))
    }

    /// A bound on how far any state can grow before it falls: `√κ(P)`.
    ///
    /// V falls, so `λ_min ‖x(t)‖² <= V(x(t)) <= V(x(0)) <= λ_max ‖x(0)‖²`.
    pub fn growth_bound(&self) -> f64 {
        let widths = self.p.singular_values();
        (widths.max() / widths.min()).sqrt()
    }
}

/// Finds the energy of a stable flow `x' = Ax`: solves `Aᵀ P + P A + Q = 0`.
///
/// For a symmetric positive definite Q the solution P is positive definite exactly when A is
/// stable (Lyapunov's theorem). Cost O(N³).
///
/// # Errors
/// [`StabilityError::NotStable`] where there is no such energy; [`StabilityError::Input`] unless
/// Q is symmetric positive definite and of the size of A.
///
/// ```
/// use math_foundations::stability::lyapunov_certificate;
/// use nalgebra::{DMatrix, dmatrix};
///
/// let upside_down = dmatrix![0.0, 1.0; 1.0, -0.4];
/// assert!(lyapunov_certificate(&upside_down, &DMatrix::identity(2, 2)).is_err());
/// ```
// ANCHOR: certificate
pub fn lyapunov_certificate(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<LyapunovCertificate, StabilityError> {
    positive_definite(q)?;
    match solve_lyapunov(&a.transpose(), q) {
        Ok(p) if p.clone().cholesky().is_some() => Ok(LyapunovCertificate { p, q: q.clone() }),
        Ok(_) | Err(StabilityError::SumToZero { .. }) => {
            Err(StabilityError::NotStable { abscissa: spectral_abscissa(a)? })
        }
        Err(other) => Err(other),
    }
}
// ANCHOR_END: certificate

/// Finds the energy of a stable recurrence `x_k = A x_{k-1}`: solves `Aᵀ P A - P + Q = 0`.
///
/// For a symmetric positive definite Q the solution P is positive definite exactly when A is
/// stable (Stein's theorem). Cost O(N³).
///
/// # Errors
/// [`StabilityError::NotStableDiscrete`] where there is no such energy; [`StabilityError::Input`]
/// unless Q is symmetric positive definite and of the size of A.
///
/// ```
/// use math_foundations::stability::lyapunov_certificate_discrete;
/// use nalgebra::{DMatrix, dmatrix, dvector};
///
/// let a = dmatrix![0.5, 1.0; 0.0, 0.5];
/// let energy = lyapunov_certificate_discrete(&a, &DMatrix::identity(2, 2)).unwrap();
/// let x = dvector![0.0, 1.0];
/// let loss = energy.value(&x).unwrap() - energy.value(&(&a * &x)).unwrap();
/// assert!((loss - energy.fall(&x).unwrap()).abs() < 1e-14);
/// ```
pub fn lyapunov_certificate_discrete(
    a: &DMatrix<f64>,
    q: &DMatrix<f64>,
) -> Result<LyapunovCertificate, StabilityError> {
    positive_definite(q)?;
    match solve_discrete_lyapunov(&a.transpose(), q) {
        Ok(p) if p.clone().cholesky().is_some() => Ok(LyapunovCertificate { p, q: q.clone() }),
        Ok(_) | Err(StabilityError::ProductIsOne { .. }) => {
            Err(StabilityError::NotStableDiscrete { radius: spectral_radius(a)? })
        }
        Err(other) => Err(other),
    }
}

/// Refuses a Q that is not symmetric, or not positive definite.
fn positive_definite(q: &DMatrix<f64>) -> Result<(), InputError> {
    symmetric("Q", q)?;
    if q.clone().cholesky().is_some() {
        return Ok(());
    }
    Err(InputError::OutOfRange {
        name: "Q",
        expected: "positive definite",
        value: "a direction x in which xᵀQx is not positive".to_owned(),
    })
}

// ---------------------------------------------------------------------------------------------
// Routh and Hurwitz
// ---------------------------------------------------------------------------------------------

/// A number that carries a bound on its own rounding error, so that `0` can be told from noise.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Guarded {
    value: f64,
    error: f64,
}

impl Guarded {
    const fn exact(value: f64) -> Self {
        Self { value, error: 0.0 }
    }

    /// One rounded operation: its value, what its operands' errors make of it, and half an ulp.
    fn rounded(value: f64, inherited: f64) -> Self {
        Self { value, error: inherited + f64::EPSILON * value.abs() }
    }

    fn is_zero(self) -> bool {
        self.value.abs() <= self.error
    }
}

impl Add for Guarded {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::rounded(self.value + other.value, self.error + other.error)
    }
}

impl Sub for Guarded {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::rounded(self.value - other.value, self.error + other.error)
    }
}

impl Mul for Guarded {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let inherited = self.value.abs() * other.error
            + self.error * other.value.abs()
            + self.error * other.error;
        Self::rounded(self.value * other.value, inherited)
    }
}

impl Div for Guarded {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let quotient = self.value / other.value;
        let least = other.value.abs() - other.error;
        Self::rounded(quotient, (self.error + quotient.abs() * other.error) / least)
    }
}

/// How a row of a [`RouthArray`] came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouthRowKind {
    /// From the two rows above it, by the rule.
    Regular,
    /// Its first entry came out zero and another did not: see [`routh_array`].
    ZeroPivot,
    /// It came out zero as a whole: the row above holds a polynomial whose roots lie
    /// symmetrically about the origin, and this row is the derivative of it.
    ZeroRow,
}

/// One row of a [`RouthArray`].
#[derive(Debug, Clone, PartialEq)]
pub struct RouthRow {
    /// The entries, from the left; the first one is never zero.
    pub entries: Vec<f64>,
    /// How the row came about.
    pub kind: RouthRowKind,
}

/// Where the roots of a polynomial lie, found without finding them.
#[derive(Debug, Clone, PartialEq)]
pub struct RouthArray {
    /// The table, row by row: one row more than the degree.
    pub rows: Vec<RouthRow>,
    /// Roots with a positive real part (discrete: outside the unit circle), with multiplicity.
    pub unstable: usize,
    /// Roots on the imaginary axis (discrete: on the unit circle), with multiplicity.
    pub on_boundary: usize,
    /// Whether a root on the boundary is a multiple one.
    pub repeated_on_boundary: bool,
    /// The degree of the polynomial.
    pub degree: usize,
}

impl RouthArray {
    /// The first entries of all rows, whose changes of sign count the unstable roots.
    pub fn first_column(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row.entries[0]).collect()
    }

    /// Roots with a negative real part (discrete: inside the unit circle).
    pub fn stable(&self) -> usize {
        self.degree - self.unstable - self.on_boundary
    }

    /// The verdict on the equation whose characteristic polynomial this is.
    ///
    /// A multiple root on the boundary is taken to be defective, as it is in a companion matrix.
    pub fn verdict(&self) -> StabilityVerdict {
        match (self.unstable, self.on_boundary) {
            (0, 0) => StabilityVerdict::AsymptoticallyStable,
            (0, _) if !self.repeated_on_boundary => StabilityVerdict::Marginal,
            _ => StabilityVerdict::Unstable,
        }
    }
}

/// Counts the roots right of the imaginary axis from the coefficients alone (Routh, Hurwitz).
///
/// `coefficients[0] s^n + … + coefficients[n]`. The first two rows hold every other coefficient;
/// each further row is `above[m + 1] - above[0] / row[0] · row[m + 1]`. The changes of sign in the
/// first column count the roots with a positive real part.
///
/// - *A zero in front* of k - 1 more would divide by zero. Textbooks put a small ε there and let
///   it tend to zero; as a number, ε fails. Instead the row, read as a polynomial, is multiplied
///   by `1 + (-1)^k s^{2k}`, which is positive on the axis and so changes no count
///   (Benidir and Picinbono 1990).
/// - *A row of zeros*: the row above divides the polynomial, its roots lie symmetrically about the
///   origin; its derivative takes the place of the zeros, and roots on the axis are counted.
///
/// An entry is zero when it is no larger than a running bound on its own rounding.
/// *Good for* coefficients known by hand or by formula; *breaks* where the coefficients were
/// computed from a large matrix: ask its eigenvalues instead. Cost O(n²).
///
/// # Errors
/// [`StabilityError::Input`] for an empty or non-finite list, or a zero in front.
///
/// ```
/// use math_foundations::stability::routh_array;
///
/// // (s + 2)(s² - s + 4): one sign, up; one sign, down; two roots on the right.
/// let table = routh_array(&[1.0, 1.0, 2.0, 8.0]).unwrap();
/// assert_eq!(table.first_column(), [1.0, 1.0, -6.0, 8.0]);
/// assert_eq!((table.stable(), table.on_boundary, table.unstable), (1, 0, 2));
/// ```
pub fn routh_array(coefficients: &[f64]) -> Result<RouthArray, StabilityError> {
    polynomial(coefficients)?;
    Ok(tabulate(&coefficients.iter().copied().map(Guarded::exact).collect::<Vec<_>>()))
}

/// Fills the table for a polynomial whose first coefficient is not zero, then reads it.
// ANCHOR: routh
fn tabulate(coefficients: &[Guarded]) -> RouthArray {
    let degree = coefficients.len() - 1;
    let every_other = |from: usize| coefficients.iter().skip(from).step_by(2).copied().collect();
    let mut rows: Vec<Vec<Guarded>> = vec![every_other(0)];
    let mut kinds = vec![RouthRowKind::Regular];
    for i in 1..=degree {
        let row = match rows.as_slice() {
            [.., above, row] => next_row(above, row),
            _ => every_other(1),
        };
        let (row, kind) = mend(row, &rows[i - 1], degree + 1 - i);
        rows.push(row);
        kinds.push(kind);
    }
    read(&rows, &kinds)
}

/// The rule: each entry is what is left of the row above after the pivots have cancelled.
fn next_row(above: &[Guarded], row: &[Guarded]) -> Vec<Guarded> {
    let factor = above[0] / row[0];
    let entry = |m| above[m] - factor * row.get(m).copied().unwrap_or(Guarded::exact(0.0));
    (1..above.len()).map(entry).collect()
}
// ANCHOR_END: routh

/// Replaces a row that would stop the table; `power` is the degree of the row above.
fn mend(mut row: Vec<Guarded>, above: &[Guarded], power: usize) -> (Vec<Guarded>, RouthRowKind) {
    row.iter_mut().filter(|entry| entry.is_zero()).for_each(|entry| *entry = Guarded::exact(0.0));
    match row.iter().position(|entry| entry.value != 0.0) {
        Some(0) => (row, RouthRowKind::Regular),
        Some(zeros) => {
            let sign = Guarded::exact(if zeros % 2 == 0 { 1.0 } else { -1.0 });
            for m in 0..row.len() - zeros {
                row[m] = row[m] + sign * row[m + zeros];
            }
            (row, RouthRowKind::ZeroPivot)
        }
        None => {
            let powers = (0..=power).rev().step_by(2).take_while(|&power| power > 0);
            let derivative =
                powers.zip(above).map(|(power, &entry)| entry * Guarded::exact(power as f64));
            (derivative.collect(), RouthRowKind::ZeroRow)
        }
    }
}

/// Counts changes of sign: all of them, and those below each row of zeros.
fn read(rows: &[Vec<Guarded>], kinds: &[RouthRowKind]) -> RouthArray {
    let degree = rows.len() - 1;
    let changes_from = |start: usize| {
        rows[start..].windows(2).filter(|pair| pair[0][0].value * pair[1][0].value < 0.0).count()
    };
    // A symmetric polynomial of degree d has as many roots on the right as on the left.
    let on_boundary_below = |zero_row: Option<usize>| {
        zero_row.map_or(0, |i| (degree + 1 - i).saturating_sub(2 * changes_from(i - 1)))
    };
    let mut zero_rows = (1..=degree).filter(|&i| kinds[i] == RouthRowKind::ZeroRow);
    let entries = |row: &Vec<Guarded>| row.iter().map(|entry| entry.value).collect();
    RouthArray {
        on_boundary: on_boundary_below(zero_rows.next()),
        repeated_on_boundary: on_boundary_below(zero_rows.next()) > 0,
        unstable: changes_from(0),
        rows: rows
            .iter()
            .zip(kinds)
            .map(|(row, &kind)| RouthRow { entries: entries(row), kind })
            .collect(),
        degree,
    }
}

/// Refuses an empty list, a number that is not finite, and a zero in front.
fn polynomial(coefficients: &[f64]) -> Result<(), InputError> {
    let wrong = |expected, value| InputError::OutOfRange { name: "p", expected, value };
    match coefficients.iter().find(|coefficient| !coefficient.is_finite()) {
        Some(found) => return Err(wrong("a list of finite coefficients", found.to_string())),
        None if coefficients.is_empty() => {
            return Err(wrong("a list of coefficients", "none".to_owned()));
        }
        None => {}
    }
    if coefficients[0] == 0.0 {
        return Err(wrong(
            "a polynomial whose first coefficient is not zero",
            format!("{} in front of {} more", coefficients[0], coefficients.len() - 1),
        ));
    }
    Ok(())
}

/// Counts the roots outside the unit circle from the coefficients alone.
///
/// `z = (1 + s)/(1 - s)` maps the open left half-plane onto the inside of the unit circle, so
/// `(1 - s)^n p((1 + s)/(1 - s))` has a root on the right for each root of p outside: the table
/// is [`routh_array`]'s of that polynomial. The point `z = -1` is mapped to infinity: roots there
/// lower the degree, and are counted on the boundary. Jury's table gives the same counts in z;
/// the map is one that chapter 3 meets again as the bilinear method. Cost O(n²).
///
/// # Errors
/// Those of [`routh_array`].
///
/// ```
/// use math_foundations::stability::routh_array_discrete;
///
/// // (z - 2)(z + 1)(z - 1/2)
/// let table = routh_array_discrete(&[1.0, -1.5, -1.5, 1.0]).unwrap();
/// assert_eq!((table.stable(), table.on_boundary, table.unstable), (1, 1, 1));
/// ```
pub fn routh_array_discrete(coefficients: &[f64]) -> Result<RouthArray, StabilityError> {
    polynomial(coefficients)?;
    let degree = coefficients.len() - 1;
    let mut mapped = in_half_plane(coefficients);
    mapped.reverse();
    let at_minus_one = mapped.iter().take_while(|coefficient| coefficient.is_zero()).count();
    let mut table = match mapped.get(at_minus_one..) {
        Some(rest) if !rest.is_empty() => tabulate(rest),
        // (z + 1)^n and nothing else: every root is at -1.
        _ => tabulate(&[Guarded::exact(1.0)]),
    };
    table.degree = degree;
    table.on_boundary += at_minus_one.min(degree);
    table.repeated_on_boundary |= at_minus_one > 1;
    Ok(table)
}

/// `(1 - s)^n p((1 + s)/(1 - s))` by Horner's rule, the lowest degree first.
fn in_half_plane(coefficients: &[f64]) -> Vec<Guarded> {
    let times = |polynomial: &[Guarded], slope: f64| -> Vec<Guarded> {
        let zero = [Guarded::exact(0.0)];
        let raised = zero.iter().chain(polynomial).map(|&c| c * Guarded::exact(slope));
        polynomial.iter().chain(&zero).zip(raised).map(|(&c, raised)| c + raised).collect()
    };
    let mut mapped = vec![Guarded::exact(coefficients[0])];
    let mut falling = vec![Guarded::exact(1.0)];
    for &coefficient in &coefficients[1..] {
        falling = times(&falling, -1.0);
        mapped = times(&mapped, 1.0)
            .iter()
            .zip(&falling)
            .map(|(&sum, &term)| sum + term * Guarded::exact(coefficient))
            .collect();
    }
    mapped
}

/// The characteristic polynomial `det(sI - A)`, the highest degree first, by Faddeev and
/// Le Verrier's method.
///
/// Exact for small matrices of small integers; *breaks* by cancellation as N grows, so it serves
/// tables by hand, never eigenvalues. Cost O(N⁴).
///
/// # Errors
/// [`StabilityError::Input`] unless A is square and finite.
///
/// ```
/// use math_foundations::stability::characteristic_polynomial;
/// use nalgebra::dmatrix;
///
/// let spring = dmatrix![0.0, 1.0; -1.0, -0.4];
/// assert_eq!(characteristic_polynomial(&spring).unwrap(), [1.0, 0.4, 1.0]);
/// ```
pub fn characteristic_polynomial(a: &DMatrix<f64>) -> Result<Vec<f64>, StabilityError> {
    let n = square("A", a)?;
    let mut coefficients = vec![1.0];
    let mut m = DMatrix::zeros(n, n);
    for k in 1..=n {
        // M_k = A M_{k-1} + c_{k-1} I;  c_k = -trace(A M_k) / k.
        m = a * m + DMatrix::from_diagonal_element(n, n, coefficients[k - 1]);
        coefficients.push(-(a * &m).trace() / k as f64);
    }
    Ok(coefficients)
}

// ---------------------------------------------------------------------------------------------
// Before the end
// ---------------------------------------------------------------------------------------------

/// The most that any state of length one can be at each time: `‖e^{At}‖₂`, or `‖A^k‖₂`.
#[derive(Debug, Clone, PartialEq)]
pub struct TransientGrowth {
    /// The times (or the step numbers), from zero.
    pub times: Vec<f64>,
    /// The norms at those times; the first one is 1.
    pub norms: Vec<f64>,
}

impl TransientGrowth {
    /// The time of the largest norm, and that norm.
    pub fn peak(&self) -> (f64, f64) {
        let pairs = self.times.iter().copied().zip(self.norms.iter().copied());
        pairs.fold((0.0, f64::NEG_INFINITY), |best, now| if now.1 > best.1 { now } else { best })
    }
}

/// Samples `‖e^{At}‖₂` at `steps + 1` equally spaced times from 0 to `horizon`.
///
/// The largest factor by which any state can have grown at each time. For a normal A it is
/// `e^{αt}` and never more; for others it may rise high before the eigenvalues have their way.
/// Each power is one product with `e^{AΔ}`; cost O(steps · N³).
///
/// # Errors
/// [`StabilityError::Input`] unless A is square and finite and the horizon positive;
/// [`StabilityError::Exponential`].
///
/// ```
/// use math_foundations::stability::transient_growth;
/// use nalgebra::dmatrix;
///
/// let (normal, shear) = (dmatrix![-1.0, 0.0; 0.0, -2.0], dmatrix![-1.0, 10.0; 0.0, -2.0]);
/// assert_eq!(transient_growth(&normal, 5.0, 100).unwrap().peak(), (0.0, 1.0));
/// assert!(transient_growth(&shear, 5.0, 100).unwrap().peak().1 > 2.5);
/// ```
pub fn transient_growth(
    a: &DMatrix<f64>,
    horizon: f64,
    steps: usize,
) -> Result<TransientGrowth, StabilityError> {
    square("A", a)?;
    positive("the horizon", horizon)?;
    let delta = horizon / steps.max(1) as f64;
    let mut growth = transient_growth_discrete(&matrix_exponential(&(a * delta))?, steps)?;
    growth.times.iter_mut().for_each(|time| *time *= delta);
    Ok(growth)
}

/// Samples `‖A^k‖₂` for k from 0 to `steps`. Cost O(steps · N³).
///
/// # Errors
/// [`StabilityError::Input`] unless A is square and finite.
///
/// ```
/// use math_foundations::stability::transient_growth_discrete;
/// use nalgebra::dmatrix;
///
/// let (k, norm) = transient_growth_discrete(&dmatrix![0.5, 9.0; 0.0, 0.5], 20).unwrap().peak();
/// assert_eq!(k, 1.0);
/// assert!(norm > 9.0);
/// ```
pub fn transient_growth_discrete(
    a: &DMatrix<f64>,
    steps: usize,
) -> Result<TransientGrowth, StabilityError> {
    let n = square("A", a)?;
    let powers = std::iter::successors(Some(DMatrix::identity(n, n)), |power| Some(a * power));
    let norms = powers.take(steps + 1).map(|power| power.singular_values().max()).collect();
    Ok(TransientGrowth { times: (0..=steps).map(|k| k as f64).collect(), norms })
}
