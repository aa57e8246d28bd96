//! # NPLR
//!
//! *What can be diagonalized in a matrix that cannot?*
//!
//! The matrices of HiPPO are **normal plus low rank**: A and a little more is a matrix that only turns and
//! shrinks, and such a matrix has perpendicular eigenvectors.
//!
//! ```text
//! A = S - PPᵀ,     S = -σI + K,  Kᵀ = -K,     S = VΛV*:     V*AV = Λ - (V*P)(V*P)*      (eq-5-2)
//! ```
//!
//! [`Nplr`] is A taken apart, [`Nplr::diagonalize`] the eigenvectors of S by chapter 1's Hermitian solver, and
//! [`PairedDplr`] what is left in their coordinates: a diagonal minus a low rank, of each conjugate pair one half.
//! [`low_rank_part`] finds P without a formula.
//!
//! Conventions: the minus is S4's, and A is the matrix of a flow that forgets, `x' = Ax + Bu`: the HiPPO paper's
//! matrix with its sign changed. Kept modes have `Im λ ≥ 0` and ascend; `weight` is 2 for a pair and 1 for a real
//! mode, as in chapter 3. A row that reads the state is given as a vector c and never conjugated.

use std::f64::consts::FRAC_1_SQRT_2;

use math_foundations::eigendecomposition::{EigenError, hermitian_eigendecomposition};
use math_foundations::validation::{
    InputError, finite, finite_vector, length as length_of, shape as shape_of, square,
};
use ml_links::structured_matrices::{ComplexVector, Dplr, StructureError};
use nalgebra::{Complex, DMatrix, DVector};
use s4::hippo::{HippoError, Measure, hippo};
use thiserror::Error;

/// Why a matrix cannot be taken apart.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NplrError {
    /// A shape that does not fit, an entry that is not finite.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The eigenvectors were not found.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// There is no such memory.
    #[error(transparent)]
    Hippo(#[from] HippoError),
    /// The parts make no structure.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// P is not what A lacks.
    #[error(
        "expected A + PPᵀ to be skew-symmetric but for a multiple of I, \
         found an entry that is off by {off:.1e}"
    )]
    NotSkew {
        /// The largest entry that should not be there.
        off: f64,
    },
}

/// P of a measure: its input direction, `B/√2`. LegT has two, the even and the odd half of B.
///
/// ```text
/// LegS, FouT, LagT   PPᵀ = BBᵀ/2            LegT   p_n1 = √(2n+1) for even n,   p_n2 = √(2n+1) for odd n
/// ```
///
/// So a memory of rank 1 is `x' = Sx + B(u - Bᵀx/2)`: what comes in is compared with half of what the state would read at
/// age 0, and S does the rest. Shape `[state, 1]`, LegT `[state, 2]`.
///
/// # Errors
/// [`NplrError::Hippo`] where there is no such memory.
///
/// Source: Gu and others, *S4* (2022), appendix C.1.
///
/// ```
/// use s4::hippo::{Measure, hippo};
/// use s4::nplr::low_rank;
///
/// let (memory, p) = (hippo(Measure::LegS, 4)?, low_rank(Measure::LegS, 4)?);
/// assert!((p[(3, 0)] - 3.5_f64.sqrt()).abs() < 1e-15); // √(n + 1/2)
/// let normal = memory.a() + &p * p.transpose();
/// assert!((normal[(3, 1)] + normal[(1, 3)]).abs() < 1e-14); // skew
/// assert!((normal[(2, 2)] + 0.5).abs() < 1e-14); // but for -1/2 on the diagonal
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: low_rank
pub fn low_rank(measure: Measure, d_state: usize) -> Result<DMatrix<f64>, NplrError> {
    let memory = hippo(measure, d_state)?;
    let b = memory.b();
    Ok(match measure {
        Measure::LegS | Measure::FouT | Measure::LagT => b * FRAC_1_SQRT_2,
        Measure::LegT => {
            DMatrix::from_fn(d_state, 2, |n, odd| if n % 2 == odd { b[n] } else { 0.0 })
        }
    })
}
// ANCHOR_END: low_rank

/// The P of any A that has one: found, not known.
///
/// ```text
/// -(A + Aᵀ)/2 = σI + PPᵀ
/// ```
///
/// The left side says how fast each direction loses its energy, `d|x|²/dt = -2 xᵀ(…)x`. Its eigenvalues are σ, as
/// often as not, and r larger ones: their eigenvectors, made as long as the square root of what is above σ, are P.
///
/// - Needs more states than r: with as many the common rate is not seen.
/// - Shape `[state, r]`. *Exact* to rounding up to a turn of its columns among themselves, which leaves `PPᵀ` as it is.
/// - *Breaks* nothing: a matrix without this structure gets an r near N, and S is still skew but for σI. It is no
///   bargain then. Cost O(N³).
///
/// # Errors
/// [`NplrError::Input`], [`NplrError::Eigen`].
///
/// ```
/// use nalgebra::dmatrix;
/// use s4::nplr::low_rank_part;
///
/// // A spring: it turns, and loses energy in its speed alone.
/// let p = low_rank_part(&dmatrix![0.0, 1.0; -1.0, -0.25])?;
/// assert!((p.abs() - dmatrix![0.0; 0.5]).amax() < 1e-15);
/// # Ok::<(), s4::nplr::NplrError>(())
/// ```
// ANCHOR: low_rank_part
pub fn low_rank_part(a: &DMatrix<f64>) -> Result<DMatrix<f64>, NplrError> {
    let d_state = square("A", a)?;
    let loss = hermitian_eigendecomposition(&((a + a.transpose()) * -0.5))?;
    // Everything loses at the slowest rate; P holds what loses more.
    let above = loss.lambda.add_scalar(-loss.lambda[0]);
    let lossy: Vec<usize> =
        (0..d_state).filter(|&n| above[n] > 1e-12 * loss.lambda.amax()).collect();
    Ok(DMatrix::from_fn(d_state, lossy.len(), |n, column| {
        loss.v[(n, lossy[column])] * above[lossy[column]].sqrt()
    }))
}
// ANCHOR_END: low_rank_part

/// A flow whose matrix is normal minus low rank: `x' = (S - PPᵀ)x + Bu`, S skew-symmetric but for a multiple of I.
///
/// - *Good for* HiPPO's matrices; for any A with P from [`low_rank_part`].
/// - Its energy never grows where σ ≥ 0: `d|x|²/dt = -2σ|x|² - 2|Pᵀx|²` without input.
///
/// ```
/// use s4::nplr::Nplr;
///
/// let memory = Nplr::legs(4)?;
/// assert_eq!(memory.a()[(3, 3)], -4.0);
/// assert!((memory.sigma() - 0.5).abs() < 1e-15);
/// # Ok::<(), s4::nplr::NplrError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Nplr {
    a: DMatrix<f64>,
    b: DVector<f64>,
    p: DMatrix<f64>,
    sigma: f64,
}

impl Nplr {
    /// By A `[state, state]`, B `[state]` and P `[state, r]`.
    ///
    /// # Errors
    /// [`NplrError::Input`]; [`NplrError::NotSkew`] where `A + PPᵀ` is not what it should be, by more than `1e-12`
    /// of the largest entry of A.
    ///
    /// ```
    /// use nalgebra::{dmatrix, dvector};
    /// use s4::nplr::Nplr;
    ///
    /// let (a, b) = (dmatrix![0.0, 1.0; -1.0, -0.25], dvector![0.0, 1.0]);
    /// assert!(Nplr::new(a.clone(), b.clone(), dmatrix![0.0; 0.5]).is_ok());
    /// let error = Nplr::new(a, b, dmatrix![0.0; 1.5]).unwrap_err();
    /// assert!(error.to_string().starts_with("expected A + PPᵀ to be skew-symmetric"));
    /// ```
    pub fn new(a: DMatrix<f64>, b: DVector<f64>, p: DMatrix<f64>) -> Result<Self, NplrError> {
        let d_state = square("A", &a)?;
        length_of("B", &b, d_state)?;
        finite_vector("B", &b)?;
        finite("P", &p)?;
        shape_of("P", &p, (d_state, p.ncols()))?;
        let normal = &a + &p * p.transpose();
        let mean = -normal.trace() / d_state as f64;
        // A rate that is rounding is none: 1e-16 in place of 0 would hide a mode that never fades.
        let sigma = if mean.abs() > f64::EPSILON * d_state as f64 * a.amax() { mean } else { 0.0 };
        let mut extra = (&normal + normal.transpose()) * 0.5;
        extra.fill_diagonal(0.0);
        let uneven = normal.diagonal().add_scalar(sigma).amax();
        let off = extra.amax().max(uneven);
        if off > 1e-12 * a.amax() {
            return Err(NplrError::NotSkew { off });
        }
        Ok(Self { a, b, p, sigma })
    }

    /// The memory of a measure, with its [`low_rank`].
    ///
    /// # Errors
    /// [`NplrError::Hippo`] where there is no such memory.
    ///
    /// ```
    /// use s4::hippo::Measure;
    /// use s4::nplr::Nplr;
    ///
    /// let window = Nplr::of(Measure::LegT, 6)?;
    /// assert_eq!((window.rank(), window.sigma().abs() < 1e-15), (2, true)); // S only turns
    /// # Ok::<(), s4::nplr::NplrError>(())
    /// ```
    pub fn of(measure: Measure, d_state: usize) -> Result<Self, NplrError> {
        let memory = hippo(measure, d_state)?;
        let b = memory.b().column(0).into_owned();
        Self::new(memory.a().clone(), b, low_rank(measure, d_state)?)
    }

    /// HiPPO-LegS, the memory of S4.
    ///
    /// # Errors
    /// [`NplrError::Hippo`] for no states.
    pub fn legs(d_state: usize) -> Result<Self, NplrError> {
        Self::of(Measure::LegS, d_state)
    }

    /// Any flow, with the P that [`low_rank_part`] finds.
    ///
    /// # Errors
    /// [`NplrError::Input`], also where nothing is lost but σ, so that P has no column; [`NplrError::Eigen`].
    ///
    /// ```
    /// use nalgebra::{dmatrix, dvector};
    /// use s4::nplr::Nplr;
    ///
    /// let spring = Nplr::find(dmatrix![0.0, 1.0; -1.0, -0.25], dvector![0.0, 1.0])?;
    /// assert_eq!((spring.rank(), spring.sigma()), (1, 0.0));
    /// # Ok::<(), s4::nplr::NplrError>(())
    /// ```
    pub fn find(a: DMatrix<f64>, b: DVector<f64>) -> Result<Self, NplrError> {
        let p = low_rank_part(&a)?;
        Self::new(a, b, p)
    }

    /// A, `[state, state]`.
    pub fn a(&self) -> &DMatrix<f64> {
        &self.a
    }

    /// B, `[state]`.
    pub fn b(&self) -> &DVector<f64> {
        &self.b
    }

    /// P, `[state, r]`.
    pub fn p(&self) -> &DMatrix<f64> {
        &self.p
    }

    /// σ, the rate at which every direction loses.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// r, the columns of P.
    pub fn rank(&self) -> usize {
        self.p.ncols()
    }

    /// `S = A + PPᵀ`, the normal part.
    pub fn normal(&self) -> DMatrix<f64> {
        &self.a + &self.p * self.p.transpose()
    }
}

// ANCHOR: diagonalize
impl Nplr {
    /// The eigenvectors of S, and what A, B, P are in their coordinates. O(N³), once.
    ///
    /// # Errors
    /// [`NplrError::Eigen`] where the eigenvectors are not found.
    pub fn diagonalize(&self) -> Result<Eigenbasis, NplrError> {
        // K = S + σI is skew, so -iK is Hermitian: real ω, perpendicular v, K v = iω v.
        let skew = (&self.a - self.a.transpose()) * 0.5;
        let turns = hermitian_eigendecomposition(&skew.map(|k| Complex::new(0.0, -k)))?;
        let (omega, v) = upper_half(&turns.lambda, &turns.v)?;

        let lambda = omega.map(|omega| Complex::new(-self.sigma, omega));
        let weight = omega.map(|omega| if omega > 0.0 { 2.0 } else { 1.0 });
        let (p, b) = (v.ad_mul(&complex(&self.p)), v.ad_mul(&self.b.map(Complex::from)));
        Ok(Eigenbasis { modes: PairedDplr { lambda, p, b, weight }, v })
    }
}
// ANCHOR_END: diagonalize

/// Of each pair ±ω the upper one, with its vector; before them, real vectors for what does not turn at all.
fn upper_half(
    omega: &DVector<f64>,
    v: &DMatrix<Complex<f64>>,
) -> Result<(DVector<f64>, DMatrix<Complex<f64>>), EigenError> {
    let noise = 1e-12 * omega.amax();
    let upper: Vec<usize> = (0..omega.len()).filter(|&n| omega[n] > noise).collect();
    let still: Vec<usize> = (0..omega.len()).filter(|&n| omega[n].abs() <= noise).collect();
    let rotating = v.select_columns(&upper);
    if still.is_empty() {
        return Ok((omega.select_rows(&upper), rotating));
    }
    // A solver may return any basis of the null space of a real matrix: its projection is real.
    let still = v.select_columns(&still);
    let projection = (&still * still.adjoint()).map(|entry| entry.re);
    let real = hermitian_eigendecomposition(&projection)?.v;
    let real = complex(&real.columns(real.ncols() - still.ncols(), still.ncols()).into_owned());
    let rates: Vec<f64> =
        vec![0.0; still.ncols()].into_iter().chain(upper.iter().map(|&n| omega[n])).collect();
    let columns: Vec<_> = real.column_iter().chain(rotating.column_iter()).collect();
    Ok((DVector::from_vec(rates), DMatrix::from_columns(&columns)))
}

/// A real matrix as a complex one.
fn complex(matrix: &DMatrix<f64>) -> DMatrix<Complex<f64>> {
    matrix.map(Complex::from)
}

/// `x' = (Λ - PP*)x + bu` with each conjugate pair kept once: N/2 modes for N states.
///
/// The low-rank part looks at the state through r numbers, `P*x` summed over both halves, and those are real: twice
/// the real part of one half.
///
/// ```
/// use nalgebra::dvector;
/// use s4::nplr::Nplr;
///
/// let memory = Nplr::legs(8)?;
/// let modes = memory.diagonalize()?.modes;
/// assert_eq!((modes.lambda.len(), modes.d_state()), (4, 8));
/// assert!(modes.lambda.iter().all(|lambda| (lambda.re + 0.5).abs() < 1e-14));
/// # Ok::<(), s4::nplr::NplrError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PairedDplr {
    /// Λ, the kept modes, `[modes]`.
    pub lambda: ComplexVector,
    /// `V*P`, `[modes, r]`.
    pub p: DMatrix<Complex<f64>>,
    /// `V*B`, `[modes]`.
    pub b: ComplexVector,
    /// How many modes each stands for, `[modes]`: 2 for a pair, 1 for a real one.
    pub weight: DVector<f64>,
}

// ANCHOR: velocity
impl PairedDplr {
    /// `(Λ - PP*)x`, from half of x to half of the result. O(N r).
    ///
    /// # Errors
    /// [`NplrError::Input`] for an x that does not fit.
    pub fn velocity(&self, x: &ComplexVector) -> Result<ComplexVector, NplrError> {
        length_of("x", x, self.lambda.len())?;
        // P*x over both halves: the imaginary parts cancel.
        let seen = DVector::from_fn(self.p.ncols(), |r, _| {
            let of_mode = |n: usize| self.weight[n] * (self.p[(n, r)].conj() * x[n]).re;
            Complex::from((0..x.len()).map(of_mode).sum::<f64>())
        });
        Ok(self.lambda.component_mul(x) - &self.p * seen)
    }
}
// ANCHOR_END: velocity

impl PairedDplr {
    /// N: how many modes there are with the other halves.
    pub fn d_state(&self) -> usize {
        self.weight.sum() as usize
    }

    /// r, the columns of P.
    pub fn rank(&self) -> usize {
        self.p.ncols()
    }

    /// A vector of kept modes, and after it the conjugates of those that stand for a pair.
    ///
    /// ```
    /// use nalgebra::{Complex, dvector};
    /// use s4::nplr::Nplr;
    ///
    /// let modes = Nplr::legs(3)?.diagonalize()?.modes; // a real mode and a pair
    /// let half = dvector![Complex::ONE, Complex::I];
    /// assert_eq!(modes.unfold(&half), dvector![Complex::ONE, Complex::I, -Complex::I]);
    /// # Ok::<(), s4::nplr::NplrError>(())
    /// ```
    pub fn unfold(&self, half: &ComplexVector) -> ComplexVector {
        let pairs = (0..half.len()).filter(|&n| self.weight[n] > 1.0);
        let mirrored: Vec<_> = pairs.map(|n| half[n].conj()).collect();
        DVector::from_iterator(half.len() + mirrored.len(), half.iter().copied().chain(mirrored))
    }

    /// Both halves as chapter 4's structure `Λ - PQ*` with Q = P, and b.
    ///
    /// # Errors
    /// [`NplrError::Structure`] where the fields do not fit together or are not finite.
    pub fn both_halves(&self) -> Result<(Dplr, ComplexVector), NplrError> {
        let columns: Vec<_> =
            self.p.column_iter().map(|column| self.unfold(&column.into_owned())).collect();
        let p = DMatrix::from_columns(&columns);
        Ok((Dplr::new(self.unfold(&self.lambda), p.clone(), p)?, self.unfold(&self.b)))
    }
}

/// The way into the coordinates of S and back.
///
/// ```
/// use nalgebra::DVector;
/// use s4::nplr::Nplr;
///
/// let memory = Nplr::legs(64)?;
/// let basis = memory.diagonalize()?;
/// assert!((basis.rebuild() - memory.a()).amax() < 1e-12 * memory.a().amax());
/// let sum = basis.output(&DVector::from_element(64, 1.0))?; // c in the coordinates of the modes
/// assert_eq!(sum.len(), 32);
/// # Ok::<(), s4::nplr::NplrError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Eigenbasis {
    /// The flow in these coordinates.
    pub modes: PairedDplr,
    /// The kept eigenvectors, `[state, modes]`.
    pub v: DMatrix<Complex<f64>>,
}

impl Eigenbasis {
    /// What reads the modes as `c` read the states: `cV`, so that `cx = Σ w Re(c̃ₙ x̃ₙ)`.
    ///
    /// # Errors
    /// [`NplrError::Input`] for a c that does not fit.
    pub fn output(&self, c: &DVector<f64>) -> Result<ComplexVector, NplrError> {
        length_of("C", c, self.v.nrows())?;
        finite_vector("C", c)?;
        Ok(self.v.tr_mul(&c.map(Complex::from)))
    }

    /// A, made again from the half of its parts that is kept: `Σ w Re(λ v v*)` minus the square of `Σ w Re(v p)`.
    pub fn rebuild(&self) -> DMatrix<f64> {
        let weighted = DMatrix::from_fn(self.v.nrows(), self.v.ncols(), |row, n| {
            self.v[(row, n)] * self.modes.weight[n]
        });
        let turned = DMatrix::from_fn(self.v.nrows(), self.v.ncols(), |row, n| {
            weighted[(row, n)] * self.modes.lambda[n]
        });
        let normal = (turned * self.v.adjoint()).map(|entry| entry.re);
        let p = (weighted * &self.modes.p).map(|entry| entry.re);
        normal - &p * p.transpose()
    }

    /// How far the eigenvectors, both halves, are from being perpendicular and of length 1: the largest entry of `V*V - I`.
    pub fn skewness(&self) -> f64 {
        let pairs: Vec<usize> =
            (0..self.v.ncols()).filter(|&n| self.modes.weight[n] > 1.0).collect();
        let mirrored = self.v.select_columns(&pairs).conjugate();
        let columns: Vec<_> = self.v.column_iter().chain(mirrored.column_iter()).collect();
        let v = DMatrix::from_columns(&columns);
        (v.ad_mul(&v) - DMatrix::identity(v.ncols(), v.ncols())).camax()
    }
}
