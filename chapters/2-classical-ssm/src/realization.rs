//! # Realization
//!
//! *Strike it once and listen: can we tell what is inside?*
//!
//! From an impulse response back to A, B and C: [`markov_parameters`] and their [`hankel_matrix`], how
//! many states they need ([`hankel_spectrum`], [`largest_gap`], [`noise_floor`]), and a state space that
//! has them ([`ho_kalman`]).
//!
//! Equations: `eq-2-8` (a Hankel matrix is observability times controllability).
//!
//! Conventions: the kernel of steps is `h_k = C A^k B` for every k from 0 on, and D adds to `h_0`, because
//! `x_k` has seen `u_k`. So `h_0` alone cannot tell D from `C B`. [`ho_kalman`] reads it all as `C B` and
//! answers with D = 0, which is always possible: a D that was there comes back as a state that forgets at
//! once. [`ho_kalman_with_feedthrough`] reads C, A and B from `h_1, h_2, …` and gives D what is left.

use classical_ssm::singular_values::{SingularValues, singular_values};
use classical_ssm::state_space::{Discrete, StateSpace, StateSpaceError};
use math_foundations::eigendecomposition::{EigenError, eigenvalues};
use math_foundations::state_representations::Matrices;
use math_foundations::validation::{InputError, finite, non_negative, shape};
use nalgebra::{Complex, DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;
use thiserror::Error;

/// Why an impulse response does not become a state space.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RealizationError {
    /// A matrix or a number that cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Four matrices that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// The eigenvalues could not be computed.
    #[error(transparent)]
    Eigenvalues(#[from] EigenError),
    /// Fewer Markov parameters than the question needs.
    #[error("expected at least {needed} Markov parameters, found {found}")]
    TooShort {
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// An order that this kernel does not show.
    #[error(
        "expected an order from 1 to {most}, \
         the singular values of the Hankel matrix above rounding, found {order}"
    )]
    Order {
        /// The order asked for.
        order: usize,
        /// How many singular values stand out of the rounding.
        most: usize,
    },
    /// D cannot be told from C B, because A has an eigenvalue 0.
    #[error(
        "expected no eigenvalue at zero, to tell D from C B, found one of modulus {modulus:.0e}"
    )]
    Feedthrough {
        /// The smallest modulus.
        modulus: f64,
    },
}

/// The kernel, one matrix `[P, M]` a step: what comes out after one impulse in each input.
///
/// ```text
/// h_0 = C B + D,   h_k = C A^k B
/// ```
///
/// They are called Markov parameters, and are the same in all coordinates. Cost O(n N² M).
///
/// ```
/// use classical_ssm::{realization::markov_parameters, state_space::StateSpace};
/// use nalgebra::dmatrix;
///
/// let halves = StateSpace::discrete(dmatrix![0.5], dmatrix![4.0], dmatrix![1.0], dmatrix![1.0], 1.0)?;
/// let kernel: Vec<f64> = markov_parameters(&halves, 4).iter().map(|h| h[(0, 0)]).collect();
/// assert_eq!(kernel, [5.0, 2.0, 1.0, 0.5]);
/// # Ok::<(), classical_ssm::state_space::StateSpaceError>(())
/// ```
pub fn markov_parameters(sys: &StateSpace<Discrete>, n: usize) -> Vec<DMatrix<f64>> {
    let moved = std::iter::successors(Some(sys.b().clone()), |moved| Some(sys.a() * moved));
    let mut kernel: Vec<DMatrix<f64>> = moved.take(n).map(|moved| sys.c() * moved).collect();
    if let Some(first) = kernel.first_mut() {
        *first += sys.d();
    }
    kernel
}

/// The kernel with its own disturbance on each number: Gaussian, with this standard deviation.
///
/// # Errors
/// [`RealizationError::Input`] for a deviation below zero.
///
/// ```
/// use classical_ssm::realization::disturbed;
/// use nalgebra::dmatrix;
///
/// let quiet = vec![dmatrix![1.0], dmatrix![0.5]];
/// assert_eq!(disturbed(&quiet, 0.0, 7)?, quiet);
/// assert_eq!(disturbed(&quiet, 0.1, 7)?, disturbed(&quiet, 0.1, 7)?);
/// # Ok::<(), classical_ssm::realization::RealizationError>(())
/// ```
pub fn disturbed(
    kernel: &[DMatrix<f64>],
    deviation: f64,
    seed: u64,
) -> Result<Vec<DMatrix<f64>>, RealizationError> {
    non_negative("the deviation", deviation)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Box and Muller: a length and an angle make a normal number.
    let mut normal = || {
        let (length, angle): (f64, f64) = (random.random(), random.random());
        (-2.0 * (1.0 - length).ln()).sqrt() * (TAU * angle).cos()
    };
    Ok(kernel.iter().map(|h| h.map(|entry| entry + deviation * normal())).collect())
}

/// The kernel laid out so that each row begins one step later: block (i, j) is `h_{i+j}`.
///
/// ```text
/// H = (h_0 h_1 h_2 …; h_1 h_2 h_3 …; h_2 h_3 h_4 …; …) = (C; CA; CA²; …) (B, AB, A²B, …)     (eq-2-8)
/// ```
///
/// Past inputs go in, future outputs come out, and all that passes between them passes through the state:
/// the rank of H is the number of states. `[rows P, columns M]`.
///
/// # Errors
/// [`RealizationError::TooShort`] for fewer than `rows + columns - 1` parameters;
/// [`RealizationError::Input`] where they differ in shape or are not finite, and for no rows or columns.
///
/// ```
/// use classical_ssm::realization::hankel_matrix;
/// use nalgebra::dmatrix;
///
/// let kernel = [dmatrix![8.0], dmatrix![4.0], dmatrix![2.0]];
/// assert_eq!(hankel_matrix(&kernel, 2, 2)?, dmatrix![8.0, 4.0; 4.0, 2.0]); // rank 1: one state
/// # Ok::<(), classical_ssm::realization::RealizationError>(())
/// ```
// ANCHOR: hankel_matrix
pub fn hankel_matrix(
    kernel: &[DMatrix<f64>],
    rows: usize,
    columns: usize,
) -> Result<DMatrix<f64>, RealizationError> {
    let (p, m) = usable(kernel, (rows + columns).saturating_sub(1))?;
    let mut hankel = DMatrix::zeros(rows * p, columns * m);
    for i in 0..rows {
        for j in 0..columns {
            hankel.view_mut((i * p, j * m), (p, m)).copy_from(&kernel[i + j]);
        }
    }
    finite("H", &hankel)?;
    Ok(hankel)
}
// ANCHOR_END: hankel_matrix

/// Refuses too few parameters, and parameters of different shapes. Returns the shape, `(P, M)`.
fn usable(kernel: &[DMatrix<f64>], needed: usize) -> Result<(usize, usize), RealizationError> {
    let found = kernel.len();
    if found < needed.max(1) {
        return Err(RealizationError::TooShort { found, needed: needed.max(1) });
    }
    for h in kernel {
        finite("h_k", h)?;
        shape("h_k", h, kernel[0].shape())?;
    }
    Ok(kernel[0].shape())
}

/// How a kernel of this length is laid out: as many rows as columns, and one parameter left to shift by.
fn layout(kernel: &[DMatrix<f64>]) -> Result<(usize, usize), RealizationError> {
    usable(kernel, 2)?;
    Ok((kernel.len().div_ceil(2), kernel.len() / 2))
}

/// The singular values of the squarest Hankel matrix that leaves one parameter to shift by, largest first.
///
/// Exact: as many as there are states stand out, and the rest is rounding. With noise the rest is noise.
///
/// # Errors
/// [`RealizationError::TooShort`] for fewer than two parameters; [`RealizationError::Input`].
///
/// ```
/// use classical_ssm::{realization::{hankel_spectrum, markov_parameters}, state_space::StateSpace};
/// use nalgebra::dmatrix;
///
/// let two = StateSpace::discrete(
///     dmatrix![0.9, 0.0; 0.0, -0.5], dmatrix![1.0; 1.0], dmatrix![1.0, 1.0], dmatrix![0.0], 1.0)?;
/// let sigma = hankel_spectrum(&markov_parameters(&two, 20))?;
/// assert!(sigma[1] > 0.1 && sigma[2] < 1e-14);
/// # Ok::<(), classical_ssm::realization::RealizationError>(())
/// ```
pub fn hankel_spectrum(kernel: &[DMatrix<f64>]) -> Result<DVector<f64>, RealizationError> {
    let (rows, columns) = layout(kernel)?;
    Ok(singular_values(&hankel_matrix(kernel, rows, columns)?).sigma)
}

/// The order at which singular values fall the furthest: the r with the largest `σ_r / σ_{r+1}`.
///
/// *Exact when* there is no noise; *good for* noise well below the weakest state; *breaks* without a word
/// as soon as a state drowns, and for one dominant state: then the largest gap lies further up.
/// [`noise_floor`] asks for more and says less. Values below rounding count as rounding; 0 for no values.
///
/// ```
/// use classical_ssm::realization::largest_gap;
/// use nalgebra::dvector;
///
/// assert_eq!(largest_gap(&dvector![5.0, 2.0, 1e-3, 8e-4]), 2);
/// assert_eq!(largest_gap(&dvector![5.0, 2.0, 1e-17, 1e-20]), 2);
/// ```
// ANCHOR: largest_gap
pub fn largest_gap(sigma: &DVector<f64>) -> usize {
    let count = sigma.len();
    let largest = sigma.iter().copied().fold(0.0, f64::max);
    let rounding = count as f64 * f64::EPSILON * largest;
    let above = |i: usize| sigma.get(i).map_or(rounding, |s| s.max(rounding));
    let fall = |r: &usize| above(r - 1) / above(*r);
    let steepest = (1..count).max_by(|one, other| fall(one).total_cmp(&fall(other)));
    steepest.unwrap_or(count)
}
// ANCHOR_END: largest_gap

/// How large a singular value noise alone may make: `deviation √(P M n ln n)`, n = rows + columns.
///
/// A Hankel matrix is a corner of a circulant matrix of n samples, whose singular values are the moduli of
/// the samples' Fourier transform (chapter 1). For noise those are about `√n`, and the largest of n such
/// numbers about `√(n ln n)`. Singular values above it are states; below it nobody knows.
///
/// ```
/// use classical_ssm::realization::{disturbed, hankel_spectrum, noise_floor};
/// use nalgebra::DMatrix;
///
/// let silence = vec![DMatrix::zeros(1, 1); 60];
/// for seed in 0..20 {
///     let sigma = hankel_spectrum(&disturbed(&silence, 0.01, seed)?)?;
///     assert!(sigma[0] < noise_floor(&silence, 0.01));
/// }
/// # Ok::<(), classical_ssm::realization::RealizationError>(())
/// ```
pub fn noise_floor(kernel: &[DMatrix<f64>], deviation: f64) -> f64 {
    let n = kernel.len() as f64;
    let channels = kernel.first().map_or(0, |h| h.len()) as f64;
    deviation * (channels * n * n.max(1.0).ln()).sqrt()
}

/// A state space read off a kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Realization {
    /// A, B, C and D of steps.
    pub matrices: Matrices,
    /// All singular values of the Hankel matrix, largest first.
    pub singular_values: DVector<f64>,
}

impl Realization {
    /// The system, its steps `delta` seconds apart: a kernel does not know its clock.
    ///
    /// # Errors
    /// [`RealizationError::StateSpace`] for a step that is not positive.
    ///
    /// ```
    /// use classical_ssm::realization::ho_kalman;
    /// use nalgebra::dmatrix;
    ///
    /// let kernel = [dmatrix![8.0], dmatrix![4.0], dmatrix![2.0], dmatrix![1.0]];
    /// let halves = ho_kalman(&kernel, 1)?.every(0.1)?;
    /// assert!((halves.a()[(0, 0)] - 0.5).abs() < 1e-15);
    /// # Ok::<(), classical_ssm::realization::RealizationError>(())
    /// ```
    pub fn every(&self, delta: f64) -> Result<StateSpace<Discrete>, RealizationError> {
        let Matrices { a, b, c, d } = self.matrices.clone();
        Ok(StateSpace::discrete(a, b, c, d, delta)?)
    }
}

/// A state space of this order with this kernel, or with one near it: Ho and Kalman's method.
///
/// ```text
/// H = U Σ Vᵀ ≈ (U_r √Σ_r) (√Σ_r V_rᵀ) = O R              O: what each state shows, R: what each input does
/// C = the first P rows of O,   B = the first M columns of R,   A = O⁺ H↑ R⁺ = √Σ_r⁻¹ U_rᵀ H↑ V_r √Σ_r⁻¹
/// ```
///
/// with `H↑` the matrix of `h_{i+j+1}`, which is `O A R`. D is zero: `h_0` is read as `C B`.
///
/// *Exact when* `order` is the rank of H; the state then comes in coordinates of its own (nearly balanced
/// ones), so compare eigenvalues and kernels, never matrices. *Good for* noise below the last kept singular
/// value: the part of H that is left out takes most of the noise with it. *Breaks* when the kernel is much
/// shorter than the system remembers. Cost O(n³ (P + M)³) for n parameters: one singular value decomposition.
///
/// # Errors
/// [`RealizationError::TooShort`] for fewer than two parameters; [`RealizationError::Order`] for order 0
/// and for more than stand out of the rounding; [`RealizationError::Input`].
///
/// Source: Ho and Kalman 1966; by singular values Kung 1978, Juang and Pappa 1985.
///
/// ```
/// use classical_ssm::realization::{ho_kalman, markov_parameters};
/// use math_foundations::eigendecomposition::eigenvalues;
/// use nalgebra::dmatrix;
///
/// // Fibonacci's numbers, 1, 1, 2, 3, 5, 8: a state space of two states.
/// let kernel = [1.0, 1.0, 2.0, 3.0, 5.0, 8.0].map(|h| dmatrix![h]);
/// let found = ho_kalman(&kernel, 2)?;
/// let golden = (1.0 + 5.0_f64.sqrt()) / 2.0;
/// assert!((eigenvalues(&found.matrices.a)?[0].re - golden).abs() < 1e-14);
/// assert!((markov_parameters(&found.every(1.0)?, 10)[9][(0, 0)] - 55.0).abs() < 1e-11);
/// # Ok::<(), classical_ssm::realization::RealizationError>(())
/// ```
// ANCHOR: ho_kalman
pub fn ho_kalman(kernel: &[DMatrix<f64>], order: usize) -> Result<Realization, RealizationError> {
    let (rows, columns) = layout(kernel)?;
    let (p, m) = kernel[0].shape();
    let hankel = hankel_matrix(kernel, rows, columns)?;
    let SingularValues { u, sigma, v } = singular_values(&hankel);
    let most = above_rounding(&sigma);
    if order == 0 || order > most {
        return Err(RealizationError::Order { order, most });
    }
    let root = DMatrix::from_diagonal(&sigma.rows(0, order).map(f64::sqrt));
    let shrink = DMatrix::from_diagonal(&sigma.rows(0, order).map(|s| s.sqrt().recip()));
    let (u, v) = (u.columns(0, order), v.columns(0, order));
    let shifted = hankel_matrix(&kernel[1..], rows, columns)?;
    let matrices = Matrices {
        a: &shrink * u.tr_mul(&shifted) * v * &shrink,
        b: &root * v.rows(0, m).transpose(),
        c: u.rows(0, p) * &root,
        d: DMatrix::zeros(p, m),
    };
    Ok(Realization { matrices, singular_values: sigma })
}
// ANCHOR_END: ho_kalman

/// How many singular values stand out of the rounding of the largest.
fn above_rounding(sigma: &DVector<f64>) -> usize {
    let rounding = 10.0 * sigma.len() as f64 * f64::EPSILON * sigma[0];
    sigma.iter().filter(|&&value| value > rounding).count()
}

/// A state space of this order with this kernel whose D is not taken to be zero.
///
/// `h_1, h_2, …` do not know D: Ho and Kalman's method makes of them A, C and `A B`. So B is `A⁻¹` times
/// that, and D is what `C B` leaves of `h_0`. One state fewer than [`ho_kalman`] needs for the same kernel,
/// if there is a D at all. *Breaks* where A has an eigenvalue 0, which can say at k = 0 whatever D can; and
/// an eigenvalue near 0 makes D as uncertain as `A⁻¹` is large.
///
/// # Errors
/// Those of [`ho_kalman`] on `h_1, h_2, …`; [`RealizationError::Feedthrough`].
///
/// ```
/// use classical_ssm::realization::ho_kalman_with_feedthrough;
/// use nalgebra::dmatrix;
///
/// let kernel = [9.0, 4.0, 2.0, 1.0, 0.5].map(|h| dmatrix![h]); // 8 and the 1 of D, 4, 2, 1, …
/// let found = ho_kalman_with_feedthrough(&kernel, 1)?;
/// assert!((found.matrices.d[(0, 0)] - 1.0).abs() < 1e-13);
/// # Ok::<(), classical_ssm::realization::RealizationError>(())
/// ```
pub fn ho_kalman_with_feedthrough(
    kernel: &[DMatrix<f64>],
    order: usize,
) -> Result<Realization, RealizationError> {
    usable(kernel, 3)?;
    let Realization { matrices, singular_values } = ho_kalman(&kernel[1..], order)?;
    let Matrices { a, b: moved, c, .. } = matrices;
    let modulus = eigenvalues(&a)?.iter().fold(f64::INFINITY, |least, z| least.min(z.norm()));
    let singular = || RealizationError::Feedthrough { modulus };
    if modulus <= 10.0 * order as f64 * f64::EPSILON * a.norm() {
        return Err(singular());
    }
    let b = a.clone().lu().solve(&moved).ok_or_else(singular)?;
    let d = &kernel[0] - &c * &b;
    Ok(Realization { matrices: Matrices { a, b, c, d }, singular_values })
}

/// The eigenvalues of a scalar kernel by linear prediction, Prony's method: exact without noise, and the
/// page's failed attempt with it.
///
/// ```text
/// h_{k+n} = -(c_0 h_k + c_1 h_{k+1} + … + c_{n-1} h_{k+n-1})      for every k, by Cayley and Hamilton
/// ```
///
/// so the c, the coefficients of the characteristic polynomial, solve a linear system, and their companion
/// matrix has the eigenvalues. With noise on both sides of that system least squares pull the roots
/// inward: such a model forgets sooner than what it models. `kernel`: at least twice `order` numbers.
///
/// # Errors
/// [`RealizationError::TooShort`]; [`RealizationError::Input`] for order 0.
///
/// Source: Prony 1795.
///
/// ```
/// use classical_ssm::realization::prony;
///
/// let golden = prony(&[1.0, 1.0, 2.0, 3.0, 5.0, 8.0], 2)?;
/// assert!((golden[0].re - 1.618_033_988_749_895).abs() < 1e-12);
/// # Ok::<(), classical_ssm::realization::RealizationError>(())
/// ```
pub fn prony(kernel: &[f64], order: usize) -> Result<DVector<Complex<f64>>, RealizationError> {
    if order == 0 {
        let value = order.to_string();
        return Err(
            InputError::OutOfRange { name: "the order", expected: "at least 1", value }.into()
        );
    }
    let (found, needed) = (kernel.len(), 2 * order);
    if found < needed {
        return Err(RealizationError::TooShort { found, needed });
    }
    let rows = found - order;
    let past = DMatrix::from_fn(rows, order, |i, j| kernel[i + j]);
    let next = DMatrix::from_fn(rows, 1, |i, _| -kernel[i + order]);
    finite("the kernel", &past)?;
    finite("the kernel", &next)?;
    let SingularValues { u, sigma, v } = singular_values(&past);
    let mut amounts = u.tr_mul(&next).column(0).into_owned();
    amounts.zip_apply(&sigma, |amount, s| {
        *amount = if s > f64::EPSILON * sigma[0] { *amount / s } else { 0.0 };
    });
    let coefficients = v * amounts;
    let companion = DMatrix::from_fn(order, order, |i, j| match (i + 1 == order, j == i + 1) {
        (true, _) => -coefficients[j],
        (false, true) => 1.0,
        (false, false) => 0.0,
    });
    Ok(eigenvalues(&companion)?)
}

/// How far the eigenvalue lies that was found worst: the largest distance from an expected one to the
/// nearest found.
///
/// ```
/// use classical_ssm::realization::worst_eigenvalue;
/// use nalgebra::{Complex, dvector};
///
/// let (one, two) = (Complex::new(1.0, 0.0), Complex::new(0.0, 2.0));
/// assert_eq!(worst_eigenvalue(&dvector![two, one], &dvector![one, two + 0.5]), 0.5);
/// ```
pub fn worst_eigenvalue(expected: &DVector<Complex<f64>>, found: &DVector<Complex<f64>>) -> f64 {
    let nearest = |lambda: &Complex<f64>| {
        found.iter().map(|other| (other - lambda).norm()).fold(f64::INFINITY, f64::min)
    };
    expected.iter().map(nearest).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{dmatrix, dvector};

    #[test]
    fn layout_leaves_one_parameter_to_shift_by() {
        for (length, expected) in [(2, (1, 1)), (3, (2, 1)), (4, (2, 2)), (61, (31, 30))] {
            let kernel = vec![dmatrix![1.0]; length];
            let (rows, columns) = layout(&kernel).unwrap();
            assert_eq!((rows, columns), expected);
            assert!(hankel_matrix(&kernel[1..], rows, columns).is_ok());
        }
        assert!(layout(&[dmatrix![1.0]]).is_err() && layout(&[]).is_err());
    }

    #[test]
    fn no_values_have_no_gap() {
        assert_eq!(largest_gap(&dvector![]), 0);
        assert_eq!(largest_gap(&dvector![3.0]), 1);
        assert_eq!(above_rounding(&dvector![0.0, 0.0]), 0);
    }
}
