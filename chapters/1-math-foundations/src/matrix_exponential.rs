//! *If `x' = ax` is answered by `e^{at}`, what answers `x' = Ax` when A is a matrix?*
//!
//! The matrix exponential
//!
//! ```text
//! e^A = I + A + A²/2! + A³/3! + …          e^A = (e^{A/2^s})^{2^s}      (eq-1-2)
//! ```
//!
//! [`matrix_exponential`] scales, approximates and squares; it is the one that later chapters call.
//! [`taylor_exponential`] adds the terms of the definition, [`exponential_2x2`] is a closed form,
//! [`exponential_by_eigenvectors`] goes through the modes: each is good for something and breaks
//! somewhere, and [`exponential_condition_number`] says how many digits are lost by the *problem*,
//! whatever the method.
//!
//! Conventions: norms are 1-norms ([`one_norm`], the largest column sum) unless a name says
//! otherwise; e^A answers x' = Ax by x(t) = e^{At} x(0).

use math_foundations::eigendecomposition::{EigenError, RealSchur, eigendecomposition, real_schur};
use math_foundations::validation::{self, InputError};
use nalgebra::{ComplexField, DMatrix, DVector, Matrix2};
use thiserror::Error;

/// Why an exponential cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MatrixExponentialError {
    /// A is not a matrix that has an exponential: not square, empty, NaN or infinite.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A has no basis of eigenvectors, or they were not found.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// e^A, or a matrix on the way to it, is larger than the number type holds.
    #[error(
        "expected an exponential of finite numbers, found an overflow: the 1-norm of A is {norm:e}"
    )]
    Overflow {
        /// The 1-norm of A.
        norm: f64,
    },
    /// The denominator of the Padé approximant has no inverse in floating point.
    #[error(
        "expected an invertible Padé denominator, found a singular one: the 1-norm of A is {norm:e}"
    )]
    SingularDenominator {
        /// The 1-norm of A.
        norm: f64,
    },
}

/// The 1-norm of a matrix: its largest column sum of absolute values.
///
/// ```text
/// ‖A‖₁ = max_j Σ_i |a_ij|
/// ```
///
/// *Good for* every bound on this page: `‖AB‖ ≤ ‖A‖ ‖B‖`, and it costs O(N²) where the 2-norm
/// costs an SVD.
///
/// ```
/// use math_foundations::matrix_exponential::one_norm;
/// use nalgebra::dmatrix;
///
/// assert_eq!(one_norm(&dmatrix![1.0, -2.0; 3.0, 0.5]), 4.0);
/// ```
pub fn one_norm<T: ComplexField>(a: &DMatrix<T>) -> f64 {
    a.column_iter()
        .map(|column| column.iter().map(|entry| to_f64::<T>(entry.clone().modulus())).sum())
        .fold(0.0, f64::max)
}

/// The exponential of a square matrix, by scaling and squaring with a Padé approximant.
///
/// ```text
/// e^A = (e^{A/2^s})^{2^s},     e^{A/2^s} ≈ r_m(A/2^s) = q_m(-A/2^s)^{-1} q_m(A/2^s)      (eq-1-2)
/// ```
///
/// - Shape: `a` is `[N, N]`, and so is the result. Types: `f64`, `f32` and `Complex` of both.
/// - *Exact when* exact arithmetic would be used: nowhere is a series cut; r_m is the exact
///   exponential of `A + E` with ‖E‖ below the unit roundoff times ‖A‖.
/// - *Good for* nearly every A: the error is about `cond(A)` times the unit roundoff, which the
///   problem itself loses ([`exponential_condition_number`]). *Breaks* for a full matrix that is
///   large and far from normal, where it loses more: 70 times as much at a norm of 10⁵ in the
///   example of [`exponential_by_schur`], everything at 10⁷. A triangular A keeps its digits.
/// - Cost O(N³): 2 to 6 products, one linear system, then s ≈ log₂ ‖A‖ products.
/// - Degree m and s follow Higham (2005), with the size of A measured on A⁴ and A⁶, not on A, as
///   Al-Mohy and Higham (2009) do against overscaling: see `Plan`.
///
/// # Errors
/// [`MatrixExponentialError::Input`] for a matrix that is empty, not square or not finite;
/// [`MatrixExponentialError::Overflow`] when e^A does not fit in the number type.
///
/// Source: N. J. Higham, *The scaling and squaring method for the matrix exponential revisited*
/// (2005), algorithm 2.3; A. H. Al-Mohy and N. J. Higham, *A new scaling and squaring algorithm for
/// the matrix exponential* (2009), algorithm 5.1.
///
/// ```
/// use math_foundations::matrix_exponential::matrix_exponential;
/// use nalgebra::dmatrix;
///
/// // A quarter turn: e^{Jt} rotates by the angle t.
/// let quarter = std::f64::consts::FRAC_PI_2;
/// let turn = matrix_exponential(&dmatrix![0.0, -quarter; quarter, 0.0])?;
/// assert!((turn - dmatrix![0.0, -1.0; 1.0, 0.0]).amax() < 1e-15);
/// # Ok::<(), math_foundations::matrix_exponential::MatrixExponentialError>(())
/// ```
// ANCHOR: scaling_and_squaring
pub fn matrix_exponential<T: ComplexField>(
    a: &DMatrix<T>,
) -> Result<DMatrix<T>, MatrixExponentialError> {
    validation::square("A", a)?;
    let norm = one_norm(a);

    // Scale: A/2^s is small enough for a Padé approximant of this degree.
    let plan = Plan::of(a, norm)?;

    // Approximate: the error of r_m is below the rounding of A itself.
    let mut exponential = pade_approximant(&plan.scaled, &plan.powers, plan.degree)
        .ok_or(MatrixExponentialError::SingularDenominator { norm })?;
    exponential *= plan.growth;

    // Square: e^A = (e^{A/2})², s times.
    for _ in 0..plan.squarings {
        exponential = product(&exponential, &exponential);
    }
    finite_or_overflow(exponential, norm)
}
// ANCHOR_END: scaling_and_squaring

/// The Padé approximant r_m(A), given the even powers A², A⁴, … that [`Plan`] has computed.
///
/// With q_m(x) = Σ c_j x^j split into its odd part u and its even part v,
/// r_m = (v - u)^{-1} (v + u) = I + 2 (v - u)^{-1} u. The second form adds a correction to I
/// and so keeps the digits of a small A. None when v - u has no inverse.
// ANCHOR: pade_approximant
fn pade_approximant<T: ComplexField>(
    a: &DMatrix<T>,
    powers: &[DMatrix<T>],
    degree: u32,
) -> Option<DMatrix<T>> {
    let c = pade_coefficients(degree);
    let even: Vec<f64> = c.iter().copied().step_by(2).collect();
    let odd: Vec<f64> = c.iter().copied().skip(1).step_by(2).collect();
    let v = even_polynomial(&even, powers);
    let u = product(a, &even_polynomial(&odd, powers));

    let mut r = solve(v - &u, u)? * real::<T>(2.0);
    for diagonal in 0..r.nrows() {
        r[(diagonal, diagonal)] += T::one();
    }
    Some(r)
}
// ANCHOR_END: pade_approximant

/// c_j = (2m - j)! / ((m - j)! j!), exact in integers up to m = 13, from c_0 = (2m)! / m!.
fn pade_coefficients(degree: u32) -> Vec<f64> {
    let m = u64::from(degree);
    let mut c: u64 = (m + 1..=2 * m).product();
    let mut coefficients = vec![c as f64];
    for j in 0..m {
        c = c * (m - j) / ((2 * m - j) * (j + 1));
        coefficients.push(c as f64);
    }
    coefficients
}

/// Σ_j c_j A^{2j}, by Paterson and Stockmeyer's trick: the coefficients beyond the last power
/// at hand are summed first and multiplied by that power once.
fn even_polynomial<T: ComplexField>(c: &[f64], powers: &[DMatrix<T>]) -> DMatrix<T> {
    let size = powers[0].nrows();
    let sum_into = |mut sum: DMatrix<T>, coefficients: &[f64]| {
        for (&coefficient, power) in coefficients.iter().zip(powers) {
            let coefficient = real::<T>(coefficient);
            sum.zip_apply(power, |s, p| *s += p * coefficient.clone());
        }
        sum
    };
    let low = sum_into(DMatrix::from_diagonal_element(size, size, real::<T>(c[0])), &c[1..]);
    match (c.get(powers.len() + 1..), powers.last()) {
        (Some(high), Some(last)) if !high.is_empty() => {
            low + product(last, &sum_into(DMatrix::zeros(size, size), high))
        }
        _ => low,
    }
}

/// How [`matrix_exponential`] will work on one A: the degree m, the number s of squarings,
/// A/2^s and its even powers, and what multiplies the approximant before it is squared.
///
/// A Padé approximant of degree m is exact for a matrix A + E, and E = A·φ(A²) with a power
/// series φ. Higham (2005) bounds φ by its value at ‖A‖ and finds the largest θ_m at which the
/// bound is below the unit roundoff. Al-Mohy and Higham (2009) put max(‖A⁴‖^{1/4}, ‖A⁶‖^{1/6})
/// in the place of ‖A‖, which is never larger and for a matrix far from normal much smaller: a
/// scaling too many loses digits (*overscaling*). A², A⁴ and A⁶ are at hand in any case, so
/// their exact norms cost O(N²); where A⁶ is not needed yet, ‖A⁶‖ ≤ ‖A⁴‖ ‖A²‖ stands in.
///
/// When the mean μ of the diagonal is most of A, as for a quickly decaying system, A - μI is
/// scaled instead and e^{μ/2^s} multiplies the approximant: fewer squarings, and no e^{‖A‖} that
/// e^{-‖A‖} has to cancel. Measured on random 10 x 10 matrices less 200 I: 2e-15 instead of 2e-13.
struct Plan<T> {
    degree: u32,
    squarings: i32,
    scaled: DMatrix<T>,
    powers: Vec<DMatrix<T>>,
    growth: T,
}

/// The degrees worth their products with the largest size θ_m that each serves, in `f64`.
/// Source: Higham (2005), table 2.3; θ_13 = 4.25 from Al-Mohy and Higham (2009), table 3.1
/// (5.37 in 2005): a smaller θ keeps the denominator better conditioned.
const DOUBLE: [(u32, f64); 5] = [
    (3, 1.495_585_217_958_292e-2),
    (5, 2.539_398_330_063_23e-1),
    (7, 9.504_178_996_162_932e-1),
    (9, 2.097_847_961_257_068),
    (13, 4.25),
];

/// The same for `f32`, which needs fewer terms. Source: Higham (2005), section 2.
const SINGLE: [(u32, f64); 3] =
    [(3, 4.258_730_016_922_831e-1), (5, 1.880_152_677_804_762), (7, 3.925_724_783_138_66)];

impl<T: ComplexField> Plan<T> {
    fn of(a: &DMatrix<T>, norm: f64) -> Result<Self, MatrixExponentialError> {
        // A single-precision number does not see 10⁻¹⁰ beside 1.
        let single = real::<T>(1.0 + 1e-10) == T::one();
        let (ladder, exponent_limit, unit_roundoff): (&[(u32, f64)], i32, f64) = if single {
            (&SINGLE, 20, f64::from(f32::EPSILON) / 2.0)
        } else {
            (&DOUBLE, 120, f64::EPSILON / 2.0)
        };

        if !norm.is_finite() {
            return Err(MatrixExponentialError::Overflow { norm });
        }
        // Take the mean of the diagonal out when that leaves less than half.
        let mut scaled = a.clone();
        let mut mean = a.trace() / real::<T>(a.nrows() as f64);
        let mut size = norm;
        let mostly_mean = to_f64::<T>(mean.clone().modulus()) > 0.5 * norm && norm > 1.0;
        if mostly_mean {
            let centred = a - DMatrix::from_diagonal_element(a.nrows(), a.nrows(), mean.clone());
            size = one_norm(&centred);
            scaled = centred;
        }
        if !mostly_mean || size > 0.5 * norm {
            (scaled, mean, size) = (a.clone(), T::zero(), norm);
        }

        // A⁸ must not overflow: a matrix with a norm beyond 2^limit is scaled before its powers.
        let beforehand = (size.log2().ceil() as i32).saturating_sub(exponent_limit).max(0);
        scaled *= real::<T>(2f64.powi(-beforehand));
        let mut powers = vec![product(&scaled, &scaled)];
        let mut norms = vec![one_norm(&powers[0])];

        // Small: the cheapest degree that needs no squaring.
        for &(degree, theta) in ladder {
            let needed = (degree as usize / 2).min(3);
            while powers.len() < needed {
                let power = product(&powers[0], &powers[powers.len() - 1]);
                norms.push(one_norm(&power));
                powers.push(power);
            }
            let fits = effective_norm(&norms) <= theta
                && extra_squarings(&scaled, degree, theta, unit_roundoff) == 0;
            if fits {
                if degree == 9 {
                    powers.push(product(&powers[0], &powers[2]));
                }
                let growth = (mean * real::<T>(2f64.powi(-beforehand))).exp();
                return Ok(Self { degree, squarings: beforehand, scaled, powers, growth });
            }
        }

        // Large: the highest degree, and A halved until it fits.
        let (degree, theta) = ladder[ladder.len() - 1];
        let halvings = (effective_norm(&norms) / theta).log2().ceil().max(0.0) as i32;
        let halved = &scaled * real::<T>(2f64.powi(-halvings));
        let halvings = halvings + extra_squarings(&halved, degree, theta, unit_roundoff);
        let half = 2f64.powi(-halvings);
        scaled *= real::<T>(half);
        for (power, j) in powers.iter_mut().zip(1..) {
            *power *= real::<T>(half.powi(2 * j));
        }
        let squarings = beforehand + halvings;
        let growth = (mean * real::<T>(2f64.powi(-squarings))).exp();
        Ok(Self { degree, squarings, scaled, powers, growth })
    }
}

/// max(‖A⁴‖^{1/4}, ‖A⁶‖^{1/6}), or a bound on it while fewer norms of even powers are known.
fn effective_norm(norms: &[f64]) -> f64 {
    match *norms {
        [square] => square.sqrt(),
        [square, fourth] => fourth.powf(0.25).max((fourth * square).powf(1.0 / 6.0)),
        [_, fourth, sixth, ..] => fourth.powf(0.25).max(sixth.powf(1.0 / 6.0)),
        [] => 0.0,
    }
}

/// How many more halvings rounding asks for: evaluating r_m works on |A|, whose powers do not
/// cancel, so its first neglected term |c_{2m+1}| ‖ |A|^{2m+1} ‖ / ‖A‖ must be below the roundoff.
///
/// Source: Al-Mohy and Higham (2009), eq. 5.1. The norm of a power of a non-negative matrix is
/// the largest entry of (|A|ᵀ)^p 1: no product is needed, only 2m + 1 matrix-vector products.
fn extra_squarings<T: ComplexField>(
    a: &DMatrix<T>,
    degree: u32,
    theta: f64,
    unit_roundoff: f64,
) -> i32 {
    // Below θ_m the bound holds by the very definition of θ_m.
    let norm = one_norm(a);
    if norm <= theta {
        return 0;
    }
    // In logarithms: the powers of a large A overflow long before A⁶ does.
    let magnitude = a.map(|entry| to_f64::<T>(entry.modulus()));
    let mut column_sums = DVector::from_element(a.nrows(), 1.0);
    let mut neglected = -norm.log2() - unit_roundoff.log2();
    for p in 1..=2 * degree + 1 {
        column_sums = magnitude.tr_mul(&column_sums);
        let largest = column_sums.amax();
        column_sums /= largest;
        neglected += largest.log2();
        // c_{2m+1} = (m!)² / ((2m)! (2m+1)!), one factor of each factorial a step.
        neglected -= f64::from(p).log2();
        if p <= 2 * degree {
            neglected -= f64::from(p).log2();
        }
        if p <= degree {
            neglected += 2.0 * f64::from(p).log2();
        }
    }
    // NaN when |A|^{2m+1} = 0: nothing is neglected.
    (neglected / f64::from(2 * degree)).ceil().max(0.0) as i32
}

/// The derivative of the exponential at A in the direction E: L(A, E).
///
/// ```text
/// e^{A + hE} = e^A + h L(A, E) + O(h²),      exp [A E; 0 A] = [e^A  L(A, E); 0  e^A]
/// ```
///
/// - Shapes: `a`, `e` and the result are `[N, N]`.
/// - *Exact* for every A. *Good for* gradients: when a loss ℓ depends on `X = e^A` with gradient
///   `G`, its gradient with respect to A is `L(Aᵀ, G)`.
/// - Cost O(N³): one exponential of a `[2N, 2N]` matrix, eight times that of e^A.
///
/// # Errors
/// As [`matrix_exponential`], and [`InputError::ShapeMismatch`] when E is not of A's shape.
///
/// Source: N. J. Higham, *Functions of Matrices* (2008), eq. 3.16.
///
/// ```
/// use math_foundations::matrix_exponential::{matrix_exponential, matrix_exponential_frechet};
/// use nalgebra::dmatrix;
///
/// // In the direction of A itself: d/dh e^{(1 + h)A} = A e^A.
/// let a = dmatrix![0.0, 1.0; -4.0, -0.4];
/// let derivative = matrix_exponential_frechet(&a, &a)?;
/// assert!((derivative - &a * matrix_exponential(&a)?).amax() < 1e-14);
/// # Ok::<(), math_foundations::matrix_exponential::MatrixExponentialError>(())
/// ```
pub fn matrix_exponential_frechet<T: ComplexField>(
    a: &DMatrix<T>,
    e: &DMatrix<T>,
) -> Result<DMatrix<T>, MatrixExponentialError> {
    let size = validation::square("A", a)?;
    validation::shape("E", e, (size, size))?;
    validation::finite("E", e)?;

    // L is linear in E: bring E to the size of A, so that neither drowns in the other's rounding.
    let wanted = if one_norm(a) > 0.0 { one_norm(a) } else { 1.0 };
    let found = one_norm(e);
    if found == 0.0 {
        return Ok(DMatrix::zeros(size, size));
    }
    let exponent = ((wanted / found).log2().round() as i32).clamp(-1000, 1000);
    let mut block = DMatrix::zeros(2 * size, 2 * size);
    block.view_mut((0, 0), (size, size)).copy_from(a);
    block.view_mut((size, size), (size, size)).copy_from(a);
    block.view_mut((0, size), (size, size)).copy_from(&(e * real::<T>(2f64.powi(exponent))));
    let exponential = matrix_exponential(&block)?;
    Ok(exponential.view((0, size), (size, size)) * real::<T>(2f64.powi(-exponent)))
}

/// How much a relative error in A is magnified in e^A, whatever the method: the condition number.
///
/// ```text
/// cond(A) = max_E ‖L(A, E)‖ ‖A‖ / (‖E‖ ‖e^A‖)      (Frobenius norms)
/// ```
///
/// An A known to 16 digits has an e^A known to about `16 - log₁₀ cond(A)` digits, and no
/// algorithm can give more.
///
/// - *Exact* up to the rounding of N² derivatives. *Good for* small N: cost O(N⁵), memory N⁴.
/// - Zero for A = 0.
///
/// # Errors
/// As [`matrix_exponential`].
///
/// Source: N. J. Higham, *Functions of Matrices* (2008), algorithm 3.17.
///
/// ```
/// use math_foundations::matrix_exponential::exponential_condition_number;
/// use nalgebra::dmatrix;
///
/// // A rotation by 3 radians: an error in A is magnified by no more than the angle.
/// let normal = dmatrix![0.0, -3.0; 3.0, 0.0];
/// assert!((exponential_condition_number(&normal)? - 3.0).abs() < 1e-12);
///
/// // One large entry above the diagonal, and four digits are gone.
/// let not_normal = dmatrix![-1.0, 1e4; 0.0, -1.1];
/// assert!(exponential_condition_number(&not_normal)? > 1e3);
/// # Ok::<(), math_foundations::matrix_exponential::MatrixExponentialError>(())
/// ```
pub fn exponential_condition_number(a: &DMatrix<f64>) -> Result<f64, MatrixExponentialError> {
    let exponential = matrix_exponential(a)?;
    let size = a.nrows();
    let mut derivative = DMatrix::zeros(size * size, size * size);
    for entry in 0..size * size {
        let mut e = DMatrix::zeros(size, size);
        e[entry] = 1.0;
        let change = matrix_exponential_frechet(a, &e)?;
        derivative.column_mut(entry).copy_from_slice(change.as_slice());
    }
    Ok(derivative.singular_values().max() * a.norm() / exponential.norm())
}

/// The first `terms` terms of the definition, added in order.
///
/// ```text
/// e^A ≈ I + A + A²/2! + … + A^{n-1}/(n-1)!
/// ```
///
/// - Shape: `a` is `[N, N]`, and so is the result. Zero terms give the zero matrix.
/// - *Good for* ‖A‖ ≤ 1, with 18 terms in `f64`. *Breaks* for larger A: the terms grow up to
///   e^{‖A‖} before they fall, and what they leave behind is their rounding error, not e^A.
/// - Cost O(n N³).
///
/// # Errors
/// As [`matrix_exponential`].
///
/// ```
/// use math_foundations::matrix_exponential::taylor_exponential;
/// use nalgebra::dmatrix;
///
/// let small = taylor_exponential(&dmatrix![-1.0], 18)?;
/// assert!((small[0] - (-1f64).exp()).abs() < 1e-15);
///
/// // The same sum at -30: 200 terms have settled, and even the first digit is wrong.
/// let large = taylor_exponential(&dmatrix![-30.0], 200)?;
/// assert!((large[0] / (-30f64).exp() - 1.0).abs() > 1.0);
/// # Ok::<(), math_foundations::matrix_exponential::MatrixExponentialError>(())
/// ```
// ANCHOR: taylor_exponential
pub fn taylor_exponential<T: ComplexField>(
    a: &DMatrix<T>,
    terms: usize,
) -> Result<DMatrix<T>, MatrixExponentialError> {
    let size = validation::square("A", a)?;
    let mut sum = DMatrix::zeros(size, size);
    let mut term = DMatrix::identity(size, size);
    for n in 1..=terms {
        sum += &term;
        term = a * term / real::<T>(n as f64);
    }
    finite_or_overflow(sum, one_norm(a))
}
// ANCHOR_END: taylor_exponential

/// The exponential of a real matrix through its modes.
///
/// ```text
/// e^A = V e^Λ V^{-1},     A V = V Λ
/// ```
///
/// - Shape: `a` is `[N, N]`, and so is the result.
/// - *Good for* many times t of one A, once V and Λ are known, and for a normal A, whose V has
///   condition number 1. *Breaks* when eigenvectors are nearly parallel: up to log₁₀ cond(V)
///   digits are lost, also where the exponential itself is well conditioned.
/// - Cost O(N³), about 25 N³ operations for the modes.
///
/// # Errors
/// [`MatrixExponentialError::Eigen`] as [`eigendecomposition`], and
/// [`EigenError::NoEigenbasis`] when cond(V) leaves not one digit, as for a defective A;
/// [`MatrixExponentialError::Overflow`] when e^A does not fit.
///
/// Source: Moler and Van Loan, *Nineteen dubious ways to compute the exponential of a matrix*
/// (1978, 2003), method 14.
///
/// ```
/// use math_foundations::matrix_exponential::exponential_by_eigenvectors;
/// use nalgebra::dmatrix;
///
/// let symmetric = exponential_by_eigenvectors(&dmatrix![0.0, 1.0; 1.0, 0.0])?;
/// assert!((symmetric[(0, 0)] - 1f64.cosh()).abs() < 1e-15);
///
/// // One eigenvector for two eigenvalues: there is no V^{-1}.
/// assert!(exponential_by_eigenvectors(&dmatrix![-1.0, 1.0; 0.0, -1.0]).is_err());
/// # Ok::<(), math_foundations::matrix_exponential::MatrixExponentialError>(())
/// ```
// ANCHOR: exponential_by_eigenvectors
pub fn exponential_by_eigenvectors(
    a: &DMatrix<f64>,
) -> Result<DMatrix<f64>, MatrixExponentialError> {
    let modes = eigendecomposition(a)?;
    let condition = modes.condition_number();
    let digits_left = condition * f64::EPSILON < 0.1;

    // X = V e^Λ V^{-1} without an inverse: solve Vᵀ Xᵀ = (V e^Λ)ᵀ.
    let mut grown = modes.v.clone();
    for (mut column, lambda) in grown.column_iter_mut().zip(modes.lambda.iter()) {
        column *= lambda.exp();
    }
    let transposed = modes.v.transpose().lu().solve(&grown.transpose());
    let transposed =
        transposed.filter(|_| digits_left).ok_or(EigenError::NoEigenbasis { condition })?;
    finite_or_overflow(transposed.transpose().map(|entry| entry.re), one_norm(a))
}
// ANCHOR_END: exponential_by_eigenvectors

/// The exponential of a real matrix through its Schur form.
///
/// ```text
/// e^A = Q e^T Qᵀ,     A = Q T Qᵀ with Q orthogonal and T triangular but for 2 × 2 blocks
/// ```
///
/// - Shape: `a` is `[N, N]`, and so is the result.
/// - *Good for* large A far from normal. There the powers of T stay small, while those of A are
///   small only by cancellation, and [`matrix_exponential`] loses what cancels: nothing is left at
///   a norm of 10⁷ in the example below. *Exact* to what the problem allows, as Q has condition
///   number 1.
/// - Cost O(N³), about 25 N³ operations for Q and T.
///
/// # Errors
/// As [`matrix_exponential`], and [`MatrixExponentialError::Eigen`] when no Schur form is found.
///
/// ```
/// use math_foundations::matrix_exponential::{exponential_by_schur, matrix_exponential};
/// use nalgebra::dmatrix;
///
/// // [-1, 10⁷; 0, -2], turned by the angle of a 3-4-5 triangle; its exponential, by hand.
/// let (q, kappa) = (dmatrix![0.8, -0.6; 0.6, 0.8], 1e7);
/// let a = &q * dmatrix![-1.0, kappa; 0.0, -2.0] * q.transpose();
/// let (slow, fast) = ((-1f64).exp(), (-2f64).exp());
/// let exact = &q * dmatrix![slow, kappa * (slow - fast); 0.0, fast] * q.transpose();
///
/// assert!((exponential_by_schur(&a)? - &exact).norm() < 1e-3 * exact.norm());
/// assert!((matrix_exponential(&a)? - &exact).norm() > exact.norm());
/// # Ok::<(), math_foundations::matrix_exponential::MatrixExponentialError>(())
/// ```
pub fn exponential_by_schur(a: &DMatrix<f64>) -> Result<DMatrix<f64>, MatrixExponentialError> {
    let RealSchur { q, t } = real_schur(a)?;
    Ok(&q * matrix_exponential(&t)? * q.transpose())
}

/// The exponential of a 2 × 2 matrix in closed form.
///
/// ```text
/// e^A = e^μ (cosh δ I + (sinh δ / δ) (A - μI)),     μ = (a + d)/2,   δ² = ((a - d)/2)² + bc
/// ```
///
/// - *Exact* for every A: for a complex pair δ² < 0, and cosh, sinh become cos, sin of
///   ω = √-δ²; for a double eigenvalue (also a defective one) δ = 0 and sinh δ / δ = 1.
/// - *Good for* planar systems: springs, circuits, phase portraits. Cost: one or two `exp`.
///
/// # Errors
/// [`MatrixExponentialError::Input`] for NaN or infinities,
/// [`MatrixExponentialError::Overflow`] when e^A does not fit.
///
/// ```
/// use math_foundations::matrix_exponential::exponential_2x2;
/// use nalgebra::Matrix2;
///
/// // Defective: one eigenvector for the double eigenvalue 0.
/// let shear = exponential_2x2(&Matrix2::new(0.0, 1.0, 0.0, 0.0))?;
/// assert_eq!(shear, Matrix2::new(1.0, 1.0, 0.0, 1.0));
/// # Ok::<(), math_foundations::matrix_exponential::MatrixExponentialError>(())
/// ```
pub fn exponential_2x2(a: &Matrix2<f64>) -> Result<Matrix2<f64>, MatrixExponentialError> {
    let dynamic = DMatrix::from_column_slice(2, 2, a.as_slice());
    validation::square("A", &dynamic)?;
    let mean = 0.5 * a[(0, 0)] + 0.5 * a[(1, 1)];
    let half_gap = 0.5 * a[(0, 0)] - 0.5 * a[(1, 1)];
    let discriminant = half_gap * half_gap + a[(0, 1)] * a[(1, 0)];
    let root = discriminant.abs().sqrt();

    // e^μ cosh δ and e^μ sinh δ / δ, without an intermediate larger than the result.
    let (even, odd) = if root == 0.0 {
        (mean.exp(), mean.exp())
    } else if discriminant > 0.0 {
        let (slow, fast) = ((mean + root).exp(), (mean - root).exp());
        (0.5 * (slow + fast), slow * -(-2.0 * root).exp_m1() / (2.0 * root))
    } else {
        (mean.exp() * root.cos(), mean.exp() * root.sin() / root)
    };
    let traceless = Matrix2::new(half_gap, a[(0, 1)], a[(1, 0)], -half_gap);
    let exponential = Matrix2::identity() * even + traceless * odd;
    let norm = one_norm(&dynamic);
    let finite = exponential.iter().all(|entry| entry.is_finite());
    if finite { Ok(exponential) } else { Err(MatrixExponentialError::Overflow { norm }) }
}

/// A B. nalgebra multiplies real matrices by a blocked kernel and complex ones entry by entry, so
/// a large complex product is made of four real ones.
fn product<T: ComplexField>(a: &DMatrix<T>, b: &DMatrix<T>) -> DMatrix<T> {
    // In a complex field, and only there, -1 has a square root.
    match (T::zero() - T::one()).try_sqrt() {
        Some(i) if a.len() >= 144 => {
            let (a_re, a_im) = (a.map(T::real), a.map(T::imaginary));
            let (b_re, b_im) = (b.map(T::real), b.map(T::imaginary));
            let re = &a_re * &b_re - &a_im * &b_im;
            let im = a_re * b_im + a_im * b_re;
            re.zip_map(&im, |re, im| T::from_real(re) + i.clone() * T::from_real(im))
        }
        _ => a * b,
    }
}

/// Columns that [`solve`] eliminates at a time.
const BLOCK: usize = 32;

/// X with Q X = B, by Gaussian elimination with row exchanges; None for a singular Q. A large Q
/// is eliminated a block of columns at a time, so that nearly all the work is in products.
fn solve<T: ComplexField>(mut q: DMatrix<T>, mut b: DMatrix<T>) -> Option<DMatrix<T>> {
    let size = q.nrows();
    if size < 3 * BLOCK {
        return q.lu().solve_mut(&mut b).then_some(b);
    }
    let starts: Vec<usize> = (0..size).step_by(BLOCK).collect();

    // Forward: Q becomes upper triangular, and B follows each step.
    for &start in &starts {
        let width = BLOCK.min(size - start);
        let rest = start + width;
        let panel = q.view((start, start), (size - start, width)).clone_owned().lu();
        let (exchange, lower, upper) = panel.unpack();
        let under = lower.rows_range(width..).clone_owned();
        let mut inverse = DMatrix::identity(width, width);
        lower.rows(0, width).solve_lower_triangular_with_diag_mut(&mut inverse, T::one());
        q.view_mut((start, start), (width, width)).copy_from(&upper);
        for mut side in [q.columns_range_mut(rest..), b.columns_range_mut(..)] {
            exchange.permute_rows(&mut side.rows_range_mut(start..));
            let top = product(&inverse, &side.rows(start, width).clone_owned());
            side.rows_mut(start, width).copy_from(&top);
            side.rows_range_mut(rest..).zip_apply(&product(&under, &top), |x, y| *x -= y);
        }
    }

    // Backward: the last block of rows is known first.
    for &start in starts.iter().rev() {
        let width = BLOCK.min(size - start);
        let mut inverse = DMatrix::identity(width, width);
        if !q.view((start, start), (width, width)).solve_upper_triangular_mut(&mut inverse) {
            return None;
        }
        let rows = product(&inverse, &b.rows(start, width).clone_owned());
        b.rows_mut(start, width).copy_from(&rows);
        let above = q.view((0, start), (start, width)).clone_owned();
        b.rows_range_mut(..start).zip_apply(&product(&above, &rows), |x, y| *x -= y);
    }
    Some(b)
}

/// An overflow leaves infinities, or the NaN of their differences: neither is an answer.
fn finite_or_overflow<T: ComplexField>(
    exponential: DMatrix<T>,
    norm: f64,
) -> Result<DMatrix<T>, MatrixExponentialError> {
    if exponential.iter().all(|entry| entry.is_finite()) {
        Ok(exponential)
    } else {
        Err(MatrixExponentialError::Overflow { norm })
    }
}

/// A real constant in the number type of the matrix.
fn real<T: ComplexField>(value: f64) -> T {
    nalgebra::convert(value)
}

/// A real number of the matrix's type, for sizes and bounds.
fn to_f64<T: ComplexField>(value: T::RealField) -> f64 {
    nalgebra::convert_unchecked(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Complex;

    /// A full matrix without structure, the same on every machine.
    fn full(rows: usize, columns: usize, start: f64) -> DMatrix<f64> {
        DMatrix::from_fn(rows, columns, |i, j| (start + (i * columns + j) as f64).sin())
    }

    fn full_complex(rows: usize, columns: usize, start: f64) -> DMatrix<Complex<f64>> {
        full(rows, columns, start).zip_map(&full(rows, columns, start + 0.5), Complex::new)
    }

    #[test]
    fn product_by_four_real_products_is_the_product() {
        for (rows, inner, columns) in [(2, 2, 2), (12, 12, 12), (40, 30, 20)] {
            let (a, b) = (full_complex(rows, inner, 1.0), full_complex(inner, columns, 2.0));
            assert!((product(&a, &b) - &a * &b).norm() < 1e-13 * a.norm() * b.norm());
        }
    }

    #[test]
    fn solve_in_blocks_leaves_no_residual() {
        for size in [5, 3 * BLOCK - 1, 3 * BLOCK, 5 * BLOCK + 7] {
            let (q, b) = (full(size, size, 0.3), full(size, size, 0.9));
            let x = solve(q.clone(), b.clone()).expect("invertible");
            assert!((&q * &x - &b).norm() < 1e-14 * q.norm() * x.norm(), "size {size}");

            let (q, b) = (full_complex(size, size, 0.3), full_complex(size, size, 0.9));
            let x = solve(q.clone(), b.clone()).expect("invertible");
            assert!((&q * &x - &b).norm() < 1e-14 * q.norm() * x.norm(), "complex, size {size}");

            assert!(solve(DMatrix::zeros(size, size), full(size, size, 0.9)).is_none());
        }
    }

    #[test]
    fn padé_coefficients_are_those_of_higham() {
        assert_eq!(pade_coefficients(3), [120.0, 60.0, 12.0, 1.0]);
        let thirteen = pade_coefficients(13);
        assert_eq!(thirteen[0], 64_764_752_532_480_000.0);
        assert_eq!(thirteen[1], 32_382_376_266_240_000.0);
        assert_eq!(thirteen[12..], [182.0, 1.0]);
    }

    #[test]
    fn plans_take_the_cheapest_degree_and_no_squaring_too_many() {
        let plan = |a: DMatrix<f64>| {
            let plan = Plan::of(&a, one_norm(&a)).expect("a plan");
            (plan.degree, plan.squarings)
        };
        let rotation = DMatrix::from_row_slice(2, 2, &[0.0, -1.0, 1.0, 0.0]);
        let expected =
            [(0.01, 3), (0.2, 5), (0.9, 7), (2.0, 9), (4.0, 13)].map(|(angle, m)| (angle, (m, 0)));
        for (angle, expected) in expected {
            assert_eq!(plan(&rotation * angle), expected, "at a norm of {angle}");
        }
        assert_eq!(plan(&rotation * 17.0), (13, 2));
        // A norm of 10⁶, and of 10³⁰, but A² = I.
        for size in [1e6, 1e30] {
            let root_of_identity = DMatrix::from_row_slice(2, 2, &[1.0, size, 0.0, -1.0]);
            assert_eq!(plan(root_of_identity), (9, 0), "{size:e}");
        }
        // The mean of the diagonal is taken out: what is left is a rotation by 1.
        assert_eq!(plan(&rotation - DMatrix::identity(2, 2) * 200.0).0, 9);
    }
}
