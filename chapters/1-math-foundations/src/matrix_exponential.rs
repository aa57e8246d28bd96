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

use math_foundations::validation::{self, InputError};
use nalgebra::{ComplexField, DMatrix, Matrix2};
use thiserror::Error;

/// Why an exponential cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MatrixExponentialError {
    /// A is not a matrix that has an exponential: not square, empty, NaN or infinite.
    #[error(transparent)]
    Input(#[from] InputError),
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
        .map(|column| {
            column
                .iter()
                .map(|entry| to_f64::<T>(entry.clone().modulus()))
                .sum()
        })
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
/// - *Good for* every A. *Loses* the digits that the problem loses
///   ([`exponential_condition_number`]): for a matrix of norm 10⁶ that is not normal these can
///   be many.
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
    let Plan {
        degree,
        squarings,
        scaled,
        powers,
    } = Plan::of(a, norm)?;

    // Approximate: the error of r_m is below the rounding of A itself.
    let mut exponential = pade_approximant(&scaled, &powers, degree)
        .ok_or(MatrixExponentialError::SingularDenominator { norm })?;

    // Square: e^A = (e^{A/2})², s times.
    for _ in 0..squarings {
        exponential = &exponential * &exponential;
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
    let mut u = a * even_polynomial(&odd, powers);

    let denominator = v - &u;
    if !denominator.lu().solve_mut(&mut u) {
        return None;
    }
    Some(DMatrix::identity(a.nrows(), a.ncols()) + u * real::<T>(2.0))
}

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
// ANCHOR_END: pade_approximant

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
    let low = sum_into(
        DMatrix::from_diagonal_element(size, size, real::<T>(c[0])),
        &c[1..],
    );
    match (c.get(powers.len() + 1..), powers.last()) {
        (Some(high), Some(last)) if !high.is_empty() => {
            low + last * sum_into(DMatrix::zeros(size, size), high)
        }
        _ => low,
    }
}

/// How [`matrix_exponential`] will work on one A: the degree m, the number s of squarings,
/// A/2^s and its even powers.
///
/// A Padé approximant of degree m is exact for a matrix A + E, and E = A·φ(A²) with a power
/// series φ. Higham (2005) bounds φ by its value at ‖A‖ and finds the largest θ_m at which the
/// bound is below the unit roundoff. Al-Mohy and Higham (2009) put max(‖A⁴‖^{1/4}, ‖A⁶‖^{1/6})
/// in the place of ‖A‖, which is never larger and for a matrix far from normal much smaller: a
/// scaling too many loses digits (*overscaling*). We have A² , A⁴ and A⁶ at hand in any case, so
/// their exact norms cost O(N²); where A⁶ is not needed yet, ‖A⁶‖ ≤ ‖A⁴‖ ‖A²‖ stands in.
struct Plan<T> {
    degree: u32,
    squarings: i32,
    scaled: DMatrix<T>,
    powers: Vec<DMatrix<T>>,
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
const SINGLE: [(u32, f64); 3] = [
    (3, 4.258_730_016_922_831e-1),
    (5, 1.880_152_677_804_762),
    (7, 3.925_724_783_138_66),
];

impl<T: ComplexField> Plan<T> {
    fn of(a: &DMatrix<T>, norm: f64) -> Result<Self, MatrixExponentialError> {
        // A single-precision number does not see 10⁻¹⁰ beside 1.
        let single = real::<T>(1.0 + 1e-10) == T::one();
        let (ladder, exponent_limit, unit_roundoff): (&[(u32, f64)], i32, f64) = if single {
            (&SINGLE, 20, f64::from(f32::EPSILON) / 2.0)
        } else {
            (&DOUBLE, 120, f64::EPSILON / 2.0)
        };

        // A⁸ must not overflow: a matrix with a norm beyond 2^limit is scaled before its powers.
        if !norm.is_finite() {
            return Err(MatrixExponentialError::Overflow { norm });
        }
        let beforehand = (norm.log2().ceil() as i32)
            .saturating_sub(exponent_limit)
            .max(0);
        let mut scaled = a * real::<T>(2f64.powi(-beforehand));
        let mut powers = vec![&scaled * &scaled];

        // Small: the cheapest degree that needs no squaring.
        for &(degree, theta) in ladder {
            let needed = (degree as usize / 2).min(3);
            while powers.len() < needed {
                powers.push(&powers[0] * &powers[powers.len() - 1]);
            }
            let fits = effective_norm(&powers) <= theta
                && extra_squarings(&scaled, degree, theta, unit_roundoff) == 0;
            if fits {
                if degree == 9 {
                    powers.push(&powers[0] * &powers[2]);
                }
                return Ok(Self {
                    degree,
                    squarings: beforehand,
                    scaled,
                    powers,
                });
            }
        }

        // Large: the highest degree, and A halved until it fits.
        let (degree, theta) = ladder[ladder.len() - 1];
        let mut halvings = (effective_norm(&powers) / theta).log2().ceil().max(0.0) as i32;
        let halved = &scaled * real::<T>(2f64.powi(-halvings));
        halvings += extra_squarings(&halved, degree, theta, unit_roundoff);
        let half = 2f64.powi(-halvings);
        scaled *= real::<T>(half);
        for (power, j) in powers.iter_mut().zip(1..) {
            *power *= real::<T>(half.powi(2 * j));
        }
        Ok(Self {
            degree,
            squarings: beforehand + halvings,
            scaled,
            powers,
        })
    }
}

/// max(‖A⁴‖^{1/4}, ‖A⁶‖^{1/6}), or a bound on it while fewer even powers are known.
fn effective_norm<T: ComplexField>(powers: &[DMatrix<T>]) -> f64 {
    let norms: Vec<f64> = powers.iter().map(one_norm).collect();
    match norms[..] {
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
    let magnitude = a.map(|entry| to_f64::<T>(entry.modulus()));
    let mut column_sums = nalgebra::DVector::from_element(a.nrows(), 1.0);
    let mut coefficient = 1.0;
    for p in 1..=2 * degree + 1 {
        column_sums = magnitude.tr_mul(&column_sums);
        // c_{2m+1} = (m!)² / ((2m)! (2m+1)!), one factor of each factorial a step.
        let p = f64::from(p);
        coefficient /= p;
        if p <= f64::from(2 * degree) {
            coefficient /= p;
        }
        if p <= f64::from(degree) {
            coefficient *= p * p;
        }
    }
    let neglected = coefficient * column_sums.amax() / norm;
    let halvings = (neglected / unit_roundoff).log2() / f64::from(2 * degree);
    halvings.ceil().max(0.0) as i32
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
    block
        .view_mut((0, size), (size, size))
        .copy_from(&(e * real::<T>(2f64.powi(exponent))));
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
        derivative
            .column_mut(entry)
            .copy_from_slice(change.as_slice());
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
// ANCHOR: exponential_2x2
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
        (
            0.5 * (slow + fast),
            slow * -(-2.0 * root).exp_m1() / (2.0 * root),
        )
    } else {
        (mean.exp() * root.cos(), mean.exp() * root.sin() / root)
    };
    let traceless = Matrix2::new(half_gap, a[(0, 1)], a[(1, 0)], -half_gap);
    let exponential = Matrix2::identity() * even + traceless * odd;
    let norm = one_norm(&dynamic);
    let finite = exponential.iter().all(|entry| entry.is_finite());
    if finite {
        Ok(exponential)
    } else {
        Err(MatrixExponentialError::Overflow { norm })
    }
}
// ANCHOR_END: exponential_2x2

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
