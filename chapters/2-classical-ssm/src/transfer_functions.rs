//! # Transfer functions
//!
//! *What can be known of a machine by someone who never opens it?*
//!
//! ```text
//! G(λ) = C° (λI - A)^{-1} B + D° = g Π (λ - z_i) / Π (λ - p_j)          (eq-2-2)
//! ```
//!
//! [`poles`] are what it does by itself, [`zeros`] what it lets pass unseen, [`dc_gain`] what it makes of
//! a constant. [`transfer_function`] and [`TransferFunction::to_continuous`] go back and forth between
//! matrices and fractions; [`controllable_form`], [`observable_form`] and [`modal_form`] are three ways
//! to choose the state, with what each costs in digits.
//!
//! Conventions: λ is s for a flow and z for steps; C° and D° are those of
//! [`StateSpace::resolvent_form`]. Coefficients are in ascending order, as in chapter 1's `companion`.
//! Zeros are invariant zeros: where the pencil `(A - λI, B; C, D)` loses rank, hidden modes included,
//! those at infinity left out.

use classical_ssm::singular_values::singular_values;
use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError, TimeDomain};
use math_foundations::eigendecomposition::{EigenError, balance, eigendecomposition, eigenvalues};
use math_foundations::state_representations::{Matrices, RepresentationError, companion};
use math_foundations::validation::{InputError, finite_vector};
use nalgebra::{Complex, DMatrix, DVector};
use thiserror::Error;

/// Why a system has no such form, or a fraction is no system.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TransferFunctionError {
    /// A number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Four matrices that are no system, or a point at a pole.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// Eigenvalues that were not found, or eigenvectors that are no basis.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// More zeros than poles: it would have to differentiate (a flow) or foresee (steps).
    #[error("expected a numerator of degree at most {poles}, found degree {zeros}")]
    Improper {
        /// Degree of the numerator.
        zeros: usize,
        /// Degree of the denominator.
        poles: usize,
    },
    /// A constant input is summed up for ever.
    #[error(
        "expected a constant output for a constant input, found a pole at λ = {lambda}: \
         the output grows without end"
    )]
    Integrates {
        /// 0 for a flow, 1 for steps.
        lambda: f64,
    },
    /// A canonical form that exists for one wire only.
    #[error("expected one {wire}, found {count}")]
    NotSingle {
        /// `input` or `output`.
        wire: &'static str,
        /// How many there are.
        count: usize,
    },
    /// A direction of the state that the input does not reach, or the output does not see.
    #[error(
        "expected a state that is {wanted} as a whole, found coordinates with a condition number \
         of {condition:.1e}"
    )]
    NoCanonicalForm {
        /// `reached by the input` or `seen by the output`.
        wanted: &'static str,
        /// The condition number of T.
        condition: f64,
    },
}

/// Where the system answers without bound: the eigenvalues of A, hidden modes included.
///
/// `[N]`, by descending real part, then descending imaginary part. A flow with all of them left of the
/// imaginary axis, or steps with all of them inside the unit circle, forgets. Cost O(N³).
///
/// # Errors
/// [`TransferFunctionError::Eigen`].
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use classical_ssm::transfer_functions::poles;
/// use math_foundations::state_representations::mass_spring_damper;
///
/// let spring = StateSpace::try_from(mass_spring_damper(1.0, 0.4, 1.0)?)?;
/// let pair = poles(&spring)?;
/// assert!((pair[0].re + 0.2).abs() < 1e-15 && (pair[0].im - 0.96f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn poles<T: TimeDomain>(
    system: &StateSpace<T>,
) -> Result<DVector<Complex<f64>>, TransferFunctionError> {
    Ok(eigenvalues(system.a())?)
}

/// The invariant zeros: the λ at which the pencil loses rank.
///
/// ```text
///        A - λI   B
/// rank                   <   its rank at almost every λ
///          C°     D°
/// ```
///
/// `[at most N]`, ordered like [`poles`]. At such a λ an input of the form `e^{λt}` moves the state and
/// leaves no trace in the output; for one input and one output without hidden modes they are the roots of
/// the numerator. Any number of inputs and outputs, any D, D = 0 included.
///
/// How: whatever outputs D does not reach are told in terms of the state; what they see of it must be
/// zero, and is cut away, until D has an inverse. Then the zeros are eigenvalues of a smaller pencil.
/// Only orthogonal transformations are used. Breaks: zeros of high multiplicity, which any method
/// scatters; and whether a number is zero is decided relative to 10⁻¹⁵ of the scaled matrices, more
/// where cutting magnified the rounding so far, and never more than 10⁻⁸.
/// Cost O((N + M + P)³) a round, at most N rounds.
///
/// # Errors
/// [`TransferFunctionError::Eigen`].
///
/// Source: Emami-Naeini and Van Dooren (1982).
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use classical_ssm::transfer_functions::{TransferFunction, zeros};
/// use nalgebra::dmatrix;
///
/// // (s + 3) / (s² + 2s + 5), where D = 0.
/// let system = TransferFunction::new(&[3.0, 1.0], &[5.0, 2.0, 1.0])?.to_continuous()?;
/// assert_eq!(system.d()[(0, 0)], 0.0);
/// assert!((zeros(&system)?[0].re + 3.0).abs() < 1e-14);
/// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
/// ```
pub fn zeros<T: TimeDomain>(
    system: &StateSpace<T>,
) -> Result<DVector<Complex<f64>>, TransferFunctionError> {
    let (scaled, unit) = scaled(&system.resolvent_form())?;
    let regular = regular(&scaled);
    Ok(finite_zeros(&regular)? * Complex::from(unit))
}

/// How many outputs can be moved independently of each other: the rank of G at almost every λ.
///
/// # Errors
/// [`TransferFunctionError::Eigen`]; never for a system that could be built.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use classical_ssm::transfer_functions::normal_rank;
/// use nalgebra::dmatrix;
///
/// // Two outputs that show the same state: one of them is enough.
/// let twins = StateSpace::continuous(
///     dmatrix![-1.0], dmatrix![1.0, 2.0], dmatrix![1.0; 3.0], dmatrix![0.0, 0.0; 0.0, 0.0],
/// )?;
/// assert_eq!(normal_rank(&twins)?, 1);
/// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
/// ```
pub fn normal_rank<T: TimeDomain>(system: &StateSpace<T>) -> Result<usize, TransferFunctionError> {
    let (scaled, _) = scaled(&system.resolvent_form())?;
    Ok(regular(&scaled).d.ncols())
}

/// The same zeros in better units: states balanced, time such that ‖A‖ is 1, every input and output of
/// length 1. Returns what the zeros have to be multiplied by.
fn scaled(system: &Matrices) -> Result<(Matrices, f64), EigenError> {
    let balanced = balance(&system.a)?;
    let n = system.a.nrows();
    // x = P D z: the balancing permutes and scales by powers of two, and nothing is rounded.
    let t = balanced.undo(&DMatrix::<f64>::identity(n, n));
    let mut b = t.transpose() * &system.b;
    let mut c = &system.c * &t;
    for (i, &size) in balanced.scale.iter().enumerate() {
        // D^{-1} Pᵀ B = D^{-2} (P D)ᵀ B.
        b.row_mut(i).scale_mut(1.0 / (size * size));
    }
    let mut d = system.d.clone();
    let norm = balanced.a.norm();
    let unit = if norm > 0.0 { norm.log2().round().exp2() } else { 1.0 };
    let a = balanced.a / unit;
    b /= unit;
    for j in 0..b.ncols() {
        let size = power_of_two(b.column(j).norm().hypot(d.column(j).norm()));
        b.column_mut(j).unscale_mut(size);
        d.column_mut(j).unscale_mut(size);
    }
    for i in 0..c.nrows() {
        let size = power_of_two(c.row(i).norm().hypot(d.row(i).norm()));
        c.row_mut(i).unscale_mut(size);
        d.row_mut(i).unscale_mut(size);
    }
    Ok((Matrices { a, b, c, d }, unit))
}

/// The power of two next to a size, so that dividing by it rounds nothing; 1 for 0.
fn power_of_two(size: f64) -> f64 {
    if size > 0.0 { size.log2().round().exp2() } else { 1.0 }
}

/// A system with the same zeros, whose D is square and has an inverse: it may have no state left.
fn regular(system: &Matrices) -> Matrices {
    // Compressing rounds relative to the largest part.
    let size = [&system.a, &system.b, &system.c, &system.d].map(|part| part.norm_squared());
    let entries = (system.a.nrows() + system.b.ncols().max(system.c.nrows())) as f64;
    let tolerance = entries * f64::EPSILON * size.iter().sum::<f64>().sqrt();
    // First D gets as many rows as its rank, then, its wires read backwards, as many columns.
    let (wide, tolerance) = full_row_rank(system.clone(), tolerance);
    let (square, _) = full_row_rank(transposed(&wide), tolerance);
    transposed(&square)
}

fn transposed(Matrices { a, b, c, d }: &Matrices) -> Matrices {
    Matrices { a: a.transpose(), b: c.transpose(), c: b.transpose(), d: d.transpose() }
}

/// Rounding that was magnified beyond this is not told from a number any more.
const COARSEST: f64 = 1e-8;

/// Cuts away the states that a zero output forces to be zero, until D has full row rank. Also returns
/// below what a number is rounding by then.
// ANCHOR: full_row_rank
fn full_row_rank(mut system: Matrices, mut tolerance: f64) -> (Matrices, f64) {
    loop {
        let Matrices { a, b, c, d } = system;
        // Turn the outputs: the first `rank` ones feel the input at once, the others do not.
        let (u, rank, _) = compressing_rows(&d, tolerance);
        let (c, d) = (u.transpose() * c, (u.transpose() * d).rows(0, rank).into_owned());
        let (felt, blind) = (c.rows(0, rank), c.rows(rank, c.nrows() - rank));
        // Turn the states: the first `seen` ones are all that the others see. They must be zero.
        let (v, seen, faintest) = compressing_rows(&blind.transpose(), tolerance);
        if seen == 0 {
            return (Matrices { c: felt.into_owned(), a, b, d }, tolerance);
        }
        let (zero, kept) = (v.columns(0, seen), v.columns(seen, v.ncols() - seen));
        // A state that is zero must stay zero: its derivative is a new output.
        system = Matrices {
            a: kept.transpose() * &a * kept,
            b: kept.transpose() * &b,
            c: stacked(&(felt * kept), &(zero.transpose() * &a * kept)),
            d: stacked(&d, &(zero.transpose() * &b)),
        };
        tolerance = (tolerance / faintest.min(1.0)).min(COARSEST);
    }
}
// ANCHOR_END: full_row_rank

/// An orthogonal U, such that Uᵀ times the matrix has its rank in the first rows and nothing below; that
/// rank, of what is above the tolerance; and the least of what is (infinite if nothing is).
///
/// Householder reflections, each aimed at the column with most left of it: a QR factorisation with
/// column pivoting, of which only Q is wanted.
fn compressing_rows(matrix: &DMatrix<f64>, tolerance: f64) -> (DMatrix<f64>, usize, f64) {
    let (rows, columns) = matrix.shape();
    let (mut left, mut u) = (matrix.clone(), DMatrix::identity(rows, rows));
    let mut faintest = f64::INFINITY;
    for rank in 0..rows.min(columns) {
        let rest = left.rows(rank, rows - rank);
        let norms: Vec<f64> = rest.column_iter().map(|column| column.norm()).collect();
        let largest = (0..columns).max_by(|&i, &j| norms[i].total_cmp(&norms[j]));
        let Some(pivot) = largest.filter(|&column| norms[column] > tolerance) else {
            return (u, rank, faintest);
        };
        faintest = faintest.min(norms[pivot]);
        // The reflection that leaves of this column its first entry alone.
        let mut v = rest.column(pivot).into_owned();
        v[0] += norms[pivot].copysign(v[0]);
        v.normalize_mut();
        let onto_v = v.tr_mul(&rest) * 2.0;
        left.rows_mut(rank, rows - rank).gemm(-1.0, &v, &onto_v, 1.0);
        let onto_v = u.columns(rank, rows - rank) * &v * 2.0;
        u.columns_mut(rank, rows - rank).gemm(-1.0, &onto_v, &v.transpose(), 1.0);
    }
    (u, rows.min(columns), faintest)
}

fn stacked(upper: &DMatrix<f64>, lower: &DMatrix<f64>) -> DMatrix<f64> {
    let mut whole = DMatrix::zeros(upper.nrows() + lower.nrows(), upper.ncols());
    whole.rows_mut(0, upper.nrows()).copy_from(upper);
    whole.rows_mut(upper.nrows(), lower.nrows()).copy_from(lower);
    whole
}

/// The zeros of a system whose D has an inverse.
///
/// With an orthogonal W that empties `(C D) W = (0 D*)`, what is left of `(A - λI, B) W` is
/// `A_f - λ E_f`, and E_f has an inverse because D has. (`A - B D^{-1} C` has the same eigenvalues, and
/// fewer digits where D is nearly singular.)
fn finite_zeros(system: &Matrices) -> Result<DVector<Complex<f64>>, EigenError> {
    let Matrices { a, b, c, d } = system;
    let (n, m) = b.shape();
    if n == 0 {
        return Ok(DVector::zeros(0));
    }
    if m == 0 {
        return eigenvalues(a);
    }
    let wide = stacked(&c.transpose(), &d.transpose());
    let (w, rank, _) = compressing_rows(&wide, 0.0);
    let free = w.columns(rank, n + m - rank);
    let moved = a * free.rows(0, n) + b * free.rows(n, m);
    let e = free.rows(0, n).into_owned();
    let pencil = e.lu().solve(&moved);
    eigenvalues(&pencil.ok_or(EigenError::NoConvergence { iterations: 0, remaining: n })?)
}

/// What a constant input of 1 becomes in the long run: `G(0)` for a flow, `G(1)` for steps.
///
/// ```text
/// D - C A^{-1} B                    D + C (I - A)^{-1} B
/// ```
///
/// Returns `[P, M]`. It is what the output settles at when the system is stable; otherwise it is a
/// number all the same, at which nothing settles. Cost O(N³).
///
/// # Errors
/// [`TransferFunctionError::Integrates`] with a pole at 0, or at 1 for steps.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use classical_ssm::transfer_functions::dc_gain;
/// use math_foundations::state_representations::mass_spring_damper;
///
/// // One newton stretches a spring of 2 N/m by half a metre; a free mass goes on for ever.
/// let spring = StateSpace::try_from(mass_spring_damper(1.0, 0.4, 2.0)?)?;
/// assert_eq!(dc_gain(&spring)?[(0, 0)], 0.5);
/// let free = StateSpace::try_from(mass_spring_damper(1.0, 0.4, 0.0)?)?;
/// assert!(dc_gain(&free).unwrap_err().to_string().ends_with("the output grows without end"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dc_gain<T: TimeDomain>(
    system: &StateSpace<T>,
) -> Result<DMatrix<f64>, TransferFunctionError> {
    let still = system.time().wave(0.0);
    let (n, lambda) = (system.d_state(), still.re);
    let balanced = balance(system.a())?.a;
    let left = DMatrix::from_diagonal_element(n, n, lambda) - &balanced;
    let smallest = singular_values(&left).sigma.min();
    if smallest <= n as f64 * f64::EPSILON * (lambda + balanced.norm()) {
        return Err(TransferFunctionError::Integrates { lambda });
    }
    Ok(system.transfer(still)?.map(|gain| gain.re))
}

/// A fraction of two polynomials in λ (s for a flow, z for steps): one input, one output.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferFunction {
    /// Coefficients b_0 … b_p, the power of λ rising.
    pub numerator: Vec<f64>,
    /// Coefficients a_0 … a_n, the power of λ rising.
    pub denominator: Vec<f64>,
}

impl TransferFunction {
    /// The fraction `(b_0 + b_1 λ + …) / (a_0 + a_1 λ + …)`; zeros at the ends are dropped.
    ///
    /// # Errors
    /// [`TransferFunctionError::Input`] for empty or infinite coefficients and a denominator of zeros.
    ///
    /// ```
    /// use classical_ssm::transfer_functions::TransferFunction;
    ///
    /// let spring = TransferFunction::new(&[1.0, 0.0], &[1.0, 0.4, 1.0])?;
    /// assert_eq!(spring.numerator, [1.0]);
    /// assert_eq!(spring.in_words("s"), "1 / (s^2 + 0.4 s + 1)");
    /// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
    /// ```
    pub fn new(numerator: &[f64], denominator: &[f64]) -> Result<Self, TransferFunctionError> {
        finite_vector("the numerator", &DVector::from_column_slice(numerator))?;
        finite_vector("the denominator", &DVector::from_column_slice(denominator))?;
        let (numerator, denominator) = (trimmed(numerator), trimmed(denominator));
        if denominator == [0.0] {
            let (name, expected) = ("the denominator", "other than 0");
            let value = "0".to_owned();
            return Err(InputError::OutOfRange { name, expected, value }.into());
        }
        Ok(Self { numerator, denominator })
    }

    /// The fraction at a point; infinite at a pole.
    ///
    /// ```
    /// use classical_ssm::transfer_functions::TransferFunction;
    /// use nalgebra::Complex;
    ///
    /// let lag = TransferFunction::new(&[1.0], &[1.0, 1.0])?;
    /// assert_eq!(lag.evaluate(Complex::new(1.0, 0.0)).re, 0.5);
    /// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
    /// ```
    pub fn evaluate(&self, lambda: Complex<f64>) -> Complex<f64> {
        horner(&self.numerator, lambda) / horner(&self.denominator, lambda)
    }

    /// The roots of the denominator, ordered like [`poles`].
    ///
    /// # Errors
    /// [`TransferFunctionError::Eigen`].
    ///
    /// ```
    /// use classical_ssm::transfer_functions::TransferFunction;
    ///
    /// let fraction = TransferFunction::new(&[1.0], &[2.0, 3.0, 1.0])?;
    /// assert!((fraction.poles()?[0].re + 1.0).abs() < 1e-15);
    /// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
    /// ```
    pub fn poles(&self) -> Result<DVector<Complex<f64>>, TransferFunctionError> {
        roots(&self.denominator)
    }

    /// The roots of the numerator, ordered like [`poles`].
    ///
    /// # Errors
    /// [`TransferFunctionError::Eigen`].
    ///
    /// ```
    /// use classical_ssm::transfer_functions::TransferFunction;
    ///
    /// let fraction = TransferFunction::new(&[3.0, 1.0], &[2.0, 3.0, 1.0])?;
    /// assert_eq!(fraction.zeros()?[0].re, -3.0);
    /// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
    /// ```
    pub fn zeros(&self) -> Result<DVector<Complex<f64>>, TransferFunctionError> {
        roots(&self.numerator)
    }

    /// A flow with this transfer function, in controllable form.
    ///
    /// # Errors
    /// [`TransferFunctionError::Improper`] with more zeros than poles.
    ///
    /// ```
    /// use classical_ssm::transfer_functions::TransferFunction;
    /// use nalgebra::dmatrix;
    ///
    /// let spring = TransferFunction::new(&[1.0], &[1.0, 0.4, 1.0])?.to_continuous()?;
    /// assert_eq!(spring.a(), &dmatrix![0.0, 1.0; -1.0, -0.4]);
    /// let derivative = TransferFunction::new(&[0.0, 1.0], &[1.0])?.to_continuous();
    /// assert!(derivative.is_err());
    /// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
    /// ```
    pub fn to_continuous(&self) -> Result<StateSpace<Continuous>, TransferFunctionError> {
        to_state_space(&DMatrix::from_element(1, 1, self.clone()), Continuous)
    }

    /// Steps of `delta` seconds with this transfer function (in z).
    ///
    /// # Errors
    /// [`TransferFunctionError::Improper`]; [`TransferFunctionError::Input`] unless `delta` is positive.
    ///
    /// ```
    /// use classical_ssm::transfer_functions::TransferFunction;
    /// use nalgebra::Complex;
    ///
    /// // z / (z - 1/2) is y_k = y_{k-1} / 2 + u_k.
    /// let forgetting = TransferFunction::new(&[0.0, 1.0], &[-0.5, 1.0])?.to_discrete(1.0)?;
    /// assert_eq!((forgetting.d_state(), forgetting.a()[(0, 0)], forgetting.d()[(0, 0)]), (1, 0.5, 0.0));
    /// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
    /// ```
    pub fn to_discrete(&self, delta: f64) -> Result<StateSpace<Discrete>, TransferFunctionError> {
        to_state_space(&DMatrix::from_element(1, 1, self.clone()), Discrete::new(delta)?)
    }

    /// The fraction as one writes it, highest power first, in the letter `variable`.
    ///
    /// ```
    /// use classical_ssm::transfer_functions::TransferFunction;
    ///
    /// let fraction = TransferFunction::new(&[-2.0, 1.0], &[0.0, 0.5, 2.0])?;
    /// assert_eq!(fraction.in_words("z"), "(z - 2) / (2 z^2 + 0.5 z)");
    /// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
    /// ```
    pub fn in_words(&self, variable: &str) -> String {
        let above = polynomial_in_words(&self.numerator, variable);
        let below = polynomial_in_words(&self.denominator, variable);
        if below == "1" { above } else { format!("{} / {}", bracketed(above), bracketed(below)) }
    }
}

/// The transfer function from each input (column) to each output (row), as fractions.
///
/// ```text
/// G_ij(λ) = g_ij Π (λ - z) / Π (λ - p)                 (eq-2-2)
/// ```
///
/// Returns `[P, M]`. All denominators are the same, `det(λI - A)`, from the poles; the numerators come
/// from the [`zeros`] of one input and one output each, and are `[0]` where nothing passes. Factors that
/// occur above and below are not cancelled: a hidden mode stays visible.
/// Good for: printing, small orders. Breaks: coefficients of high degree lose digits that the four
/// matrices have; nothing in this book computes with them.
/// Cost O(N⁴) for each pair at worst.
///
/// # Errors
/// [`TransferFunctionError::Eigen`].
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use classical_ssm::transfer_functions::transfer_function;
/// use math_foundations::state_representations::mass_spring_damper;
///
/// let spring = StateSpace::try_from(mass_spring_damper(2.0, 0.5, 3.0)?)?;
/// let g = &transfer_function(&spring)?[(0, 0)];
/// assert_eq!(g.in_words("s"), "0.5 / (s^2 + 0.25 s + 1.5)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn transfer_function<T: TimeDomain>(
    system: &StateSpace<T>,
) -> Result<DMatrix<TransferFunction>, TransferFunctionError> {
    let poles = poles(system)?;
    let denominator = polynomial_from_roots(&poles);
    let whole = system.resolvent_form();
    let mut fractions = DMatrix::from_element(
        system.outputs(),
        system.inputs(),
        TransferFunction { numerator: vec![0.0], denominator: denominator.clone() },
    );
    for i in 0..system.outputs() {
        for j in 0..system.inputs() {
            let single = Matrices {
                a: whole.a.clone(),
                b: whole.b.columns(j, 1).into_owned(),
                c: whole.c.rows(i, 1).into_owned(),
                d: whole.d.view((i, j), (1, 1)).into_owned(),
            };
            let (scaled, unit) = scaled(&single)?;
            let regular = regular(&scaled);
            if regular.d.is_empty() {
                continue;
            }
            let zeros = finite_zeros(&regular)? * Complex::from(unit);
            let gain = gain_between(&single, &poles, &zeros)?;
            let numerator = polynomial_from_roots(&zeros);
            fractions[(i, j)].numerator = numerator.iter().map(|b| gain * b).collect();
        }
    }
    Ok(fractions)
}

/// g of eq-2-2, by comparing both sides at a point that is no pole and no zero.
fn gain_between(
    single: &Matrices,
    poles: &DVector<Complex<f64>>,
    zeros: &DVector<Complex<f64>>,
) -> Result<f64, StateSpaceError> {
    let farthest = poles.iter().chain(zeros).map(|root| root.norm()).fold(0.0, f64::max);
    let lambda = Complex::from(if farthest > 0.0 { 1.5 * farthest } else { 1.0 });
    let g = single.transfer(lambda)?[(0, 0)];
    // Factor by factor, so that neither product overflows.
    let mut gain = g;
    for k in 0..poles.len() {
        gain *= lambda - poles[k];
        if k < zeros.len() {
            gain /= lambda - zeros[k];
        }
    }
    Ok(gain.re)
}

/// A system in `time` with these transfer functions, from each input (column) to each output (row).
///
/// Each input has its own states. Where its fractions share one denominator of degree n, as those of
/// [`transfer_function`] do, n states in controllable form serve all outputs; otherwise each fraction
/// has its own. So the state is often larger than it need be; chapter 2's minimal realization shrinks it.
/// For steps a system that does not remember u_k needs one more state an output.
///
/// # Errors
/// [`TransferFunctionError::Improper`], [`TransferFunctionError::Input`].
///
/// ```
/// use classical_ssm::state_space::Continuous;
/// use classical_ssm::transfer_functions::{TransferFunction, to_state_space};
/// use nalgebra::{Complex, dmatrix};
///
/// let slow = TransferFunction::new(&[1.0], &[1.0, 1.0])?;
/// let fast = TransferFunction::new(&[5.0], &[5.0, 1.0])?;
/// let both = to_state_space(&dmatrix![slow; fast], Continuous)?;
/// let g = both.transfer(Complex::new(1.0, 0.0))?;
/// assert!((g[(0, 0)].re - 0.5).abs() < 1e-15 && (g[(1, 0)].re - 5.0 / 6.0).abs() < 1e-15);
/// # Ok::<(), classical_ssm::transfer_functions::TransferFunctionError>(())
/// ```
pub fn to_state_space<T: TimeDomain>(
    fractions: &DMatrix<TransferFunction>,
    time: T,
) -> Result<StateSpace<T>, TransferFunctionError> {
    let (p, m) = fractions.shape();
    if p == 0 || m == 0 {
        return Err(InputError::Empty { name: "G", rows: p, columns: m }.into());
    }
    // Each group of states: which input drives it, and what each output reads of it.
    let mut groups: Vec<(usize, Vec<(usize, Matrices)>)> = Vec::new();
    for j in 0..m {
        let column = fractions.column(j);
        let shared = column.iter().all(|g| g.denominator == column[0].denominator);
        let mut parts = Vec::new();
        for i in 0..p {
            parts.push((i, controllable_matrices(&column[i])?));
        }
        if shared {
            groups.push((j, parts));
        } else {
            groups.extend(parts.into_iter().map(|part| (j, vec![part])));
        }
    }
    let n = groups.iter().map(|(_, parts)| parts[0].1.a.nrows()).sum();
    let mut whole = Matrices {
        a: DMatrix::zeros(n, n),
        b: DMatrix::zeros(n, m),
        c: DMatrix::zeros(p, n),
        d: DMatrix::zeros(p, m),
    };
    let mut first = 0;
    for (j, parts) in groups {
        let size = parts[0].1.a.nrows();
        whole.a.view_mut((first, first), (size, size)).copy_from(&parts[0].1.a);
        whole.b.view_mut((first, j), (size, 1)).copy_from(&parts[0].1.b);
        for (i, part) in parts {
            whole.c.view_mut((i, first), (1, size)).copy_from(&part.c);
            whole.d[(i, j)] = part.d[0];
        }
        first += size;
    }
    Ok(StateSpace::from_resolvent_form(whole, time)?)
}

/// Chapter 1's companion form of one fraction; a constant gets a state that nobody sees.
fn controllable_matrices(fraction: &TransferFunction) -> Result<Matrices, TransferFunctionError> {
    // The fields are open: whoever filled them in passes the same door as everybody.
    let TransferFunction { numerator, denominator } =
        TransferFunction::new(&fraction.numerator, &fraction.denominator)?;
    let (zeros, poles) = (numerator.len() - 1, denominator.len() - 1);
    if zeros > poles {
        return Err(TransferFunctionError::Improper { zeros, poles });
    }
    if poles == 0 {
        let nothing = DMatrix::zeros(1, 1);
        let d = DMatrix::from_element(1, 1, numerator[0] / denominator[0]);
        return Ok(Matrices { a: nothing.clone(), b: nothing.clone(), c: nothing, d });
    }
    // With a leading 1, so that B is the last unit vector.
    let leading = denominator[poles];
    let monic: Vec<f64> = denominator.iter().map(|a| a / leading).collect();
    let numerator: Vec<f64> = numerator.iter().map(|b| b / leading).collect();
    Ok(companion(&monic, &numerator)?)
}

/// A system in chosen coordinates, and what choosing them costs.
#[derive(Debug, Clone, PartialEq)]
pub struct CanonicalForm<T: TimeDomain> {
    /// The system in the new coordinates z.
    pub system: StateSpace<T>,
    /// x = T z, `[N, N]`.
    pub t: DMatrix<f64>,
    /// The condition number of T: its power of ten is about the number of digits lost.
    pub condition: f64,
}

/// The form that shows the characteristic polynomial in its last row, and moves only the last state.
///
/// ```text
///      0    1             0
/// A =         …   1       …        a_0 + a_1 λ + … + λ^N = det(λI - A)
///     -a_0 -a_1 … -a_{N-1}         B = (0, …, 0, 1)ᵀ
///
/// x = T z,   t_N = B,   t_{k} = A t_{k+1} + a_k B
/// ```
///
/// One input, any number of outputs; of all forms, the one in which C is the numerator.
/// Good for: reading off coefficients, placing poles by hand, N up to about 8.
/// Breaks: T is as badly conditioned as powers of A are, and beyond N = 15 or so no digit may be left:
/// look at [`CanonicalForm::condition`]. A and B are written down, not computed. Cost O(N³).
///
/// # Errors
/// [`TransferFunctionError::NotSingle`] unless there is one input;
/// [`TransferFunctionError::NoCanonicalForm`] where the input does not reach the whole state.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use classical_ssm::transfer_functions::controllable_form;
/// use math_foundations::state_representations::{DcMotor, dc_motor};
/// use nalgebra::dmatrix;
///
/// let motor = StateSpace::try_from(dc_motor(&DcMotor::default())?)?;
/// let form = controllable_form(&motor)?.system;
/// assert_eq!(form.b(), &dmatrix![0.0; 1.0]);
/// assert!((form.a()[(1, 1)] + 1000.5).abs() < 1e-9); // -(R/L + b/J)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn controllable_form<T: TimeDomain>(
    system: &StateSpace<T>,
) -> Result<CanonicalForm<T>, TransferFunctionError> {
    if system.inputs() != 1 {
        let (wire, count) = ("input", system.inputs());
        return Err(TransferFunctionError::NotSingle { wire, count });
    }
    controllable_coordinates(system, "reached by the input")
}

fn controllable_coordinates<T: TimeDomain>(
    system: &StateSpace<T>,
    wanted: &'static str,
) -> Result<CanonicalForm<T>, TransferFunctionError> {
    let n = system.d_state();
    let coefficients = polynomial_from_roots(&poles(system)?);
    let t = controllable_basis(system.a(), system.b(), &coefficients);
    let condition = condition_number(&t);
    let refused = TransferFunctionError::NoCanonicalForm { wanted, condition };
    if condition > 1.0 / (n as f64 * f64::EPSILON) {
        return Err(refused);
    }
    let mut b = DMatrix::zeros(n, 1);
    b[n - 1] = 1.0;
    let mut a = DMatrix::zeros(n, n);
    a.view_mut((0, 1), (n - 1, n - 1)).fill_with_identity();
    (0..n).for_each(|k| a[(n - 1, k)] = -coefficients[k]);
    let matrices = Matrices { a, b, c: system.c() * &t, d: system.d().clone() };
    let system = StateSpace::from_matrices(matrices, system.time().clone()).map_err(|_| refused)?;
    Ok(CanonicalForm { system, t, condition })
}

// ANCHOR: controllable_basis
/// The columns of T, from the last, which is B, to the first.
fn controllable_basis(a: &DMatrix<f64>, b: &DMatrix<f64>, coefficients: &[f64]) -> DMatrix<f64> {
    let n = a.nrows();
    let mut t = DMatrix::zeros(n, n);
    t.column_mut(n - 1).copy_from(&b.column(0));
    for k in (1..n).rev() {
        let next = a * t.column(k) + b.column(0) * coefficients[k];
        t.column_mut(k - 1).copy_from(&next);
    }
    t
}
// ANCHOR_END: controllable_basis

/// The form that shows the characteristic polynomial in its last column, and only the last state.
///
/// ```text
/// A: the transpose of that of `controllable_form`      C = (0 … 0 1)
/// ```
///
/// One output, any number of inputs. It is the [`controllable_form`] of the dual system, with all of
/// its merits and costs.
///
/// # Errors
/// [`TransferFunctionError::NotSingle`] unless there is one output;
/// [`TransferFunctionError::NoCanonicalForm`] where the output does not see the whole state.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use classical_ssm::transfer_functions::observable_form;
/// use math_foundations::state_representations::mass_spring_damper;
/// use nalgebra::dmatrix;
///
/// let spring = StateSpace::try_from(mass_spring_damper(2.0, 0.5, 3.0)?)?;
/// let form = observable_form(&spring)?.system;
/// assert_eq!(form.c(), &dmatrix![0.0, 1.0]);
/// assert!((form.a() - dmatrix![0.0, -1.5; 1.0, -0.25]).amax() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn observable_form<T: TimeDomain>(
    system: &StateSpace<T>,
) -> Result<CanonicalForm<T>, TransferFunctionError> {
    if system.outputs() != 1 {
        let (wire, count) = ("output", system.outputs());
        return Err(TransferFunctionError::NotSingle { wire, count });
    }
    let wanted = "seen by the output";
    let CanonicalForm { system: dual, t, condition } =
        controllable_coordinates(&system.dual(), wanted)?;
    let t = t.try_inverse().ok_or(TransferFunctionError::NoCanonicalForm { wanted, condition })?;
    Ok(CanonicalForm { system: dual.dual(), t: t.transpose(), condition })
}

/// The form in which the modes do not know of each other: a block a mode, all of it real.
///
/// ```text
/// λ real:  λ               λ = α ± iω:   α  ω           T = (… v …  Re v  Im v …)
///                                       -ω  α
/// ```
///
/// Blocks in the order of [`poles`]. Any number of inputs and outputs. Of the three forms the one that
/// keeps most digits: T is perfect for a normal A. Breaks: where eigenvectors are nearly parallel, that
/// is, where poles nearly coincide. Cost O(N³).
///
/// # Errors
/// [`TransferFunctionError::Eigen`] where A has no basis of eigenvectors.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use classical_ssm::transfer_functions::modal_form;
/// use math_foundations::state_representations::mass_spring_damper;
///
/// let spring = StateSpace::try_from(mass_spring_damper(1.0, 0.4, 1.0)?)?;
/// let a = modal_form(&spring)?.system.a().clone();
/// assert_eq!((a[(0, 0)], a[(0, 1)]), (a[(1, 1)], -a[(1, 0)]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn modal_form<T: TimeDomain>(
    system: &StateSpace<T>,
) -> Result<CanonicalForm<T>, TransferFunctionError> {
    let n = system.d_state();
    let modes = eigendecomposition(system.a())?;
    let (mut a, mut t) = (DMatrix::zeros(n, n), DMatrix::zeros(n, n));
    for k in 0..n {
        let lambda = modes.lambda[k];
        a[(k, k)] = lambda.re;
        // Of a pair the upper one comes first and brings both columns.
        let part: fn(&Complex<f64>) -> f64 =
            if lambda.im < 0.0 { |entry| -entry.im } else { |entry| entry.re };
        t.set_column(k, &modes.v.column(k).map(|entry| part(&entry)));
        if lambda.im > 0.0 && k + 1 < n {
            a[(k, k + 1)] = lambda.im;
            a[(k + 1, k)] = -lambda.im;
        }
    }
    let condition = condition_number(&t);
    if condition * f64::EPSILON > 0.1 {
        return Err(EigenError::NoEigenbasis { condition }.into());
    }
    let Matrices { b, c, d, .. } = system
        .matrices()
        .change_coordinates(&t)
        .map_err(|_: RepresentationError| EigenError::NoEigenbasis { condition })?;
    let system = StateSpace::from_matrices(Matrices { a, b, c, d }, system.time().clone())?;
    Ok(CanonicalForm { system, t, condition })
}

/// Largest over smallest singular value.
fn condition_number(t: &DMatrix<f64>) -> f64 {
    if t.iter().any(|entry| !entry.is_finite()) {
        return f64::INFINITY;
    }
    let values = singular_values(t).sigma;
    if values.min() > 0.0 { values.max() / values.min() } else { f64::INFINITY }
}

/// The coefficients of Π (λ - r), ascending, the last one 1; conjugate roots make them real.
///
/// ```
/// use classical_ssm::transfer_functions::polynomial_from_roots;
/// use nalgebra::{Complex, dvector};
///
/// let pair = dvector![Complex::new(-1.0, 2.0), Complex::new(-1.0, -2.0)];
/// assert_eq!(polynomial_from_roots(&pair), [5.0, 2.0, 1.0]);
/// ```
pub fn polynomial_from_roots(roots: &DVector<Complex<f64>>) -> Vec<f64> {
    let mut coefficients = vec![Complex::ONE];
    for root in roots {
        coefficients.insert(0, Complex::ZERO);
        for k in 1..coefficients.len() {
            let above = coefficients[k];
            coefficients[k - 1] -= root * above;
        }
    }
    coefficients.iter().map(|coefficient| coefficient.re).collect()
}

/// The roots of a polynomial with ascending coefficients: the eigenvalues of its companion matrix.
fn roots(coefficients: &[f64]) -> Result<DVector<Complex<f64>>, TransferFunctionError> {
    let coefficients = trimmed(coefficients);
    if coefficients.len() == 1 {
        return Ok(DVector::zeros(0));
    }
    Ok(eigenvalues(&companion(&coefficients, &[1.0])?.a)?)
}

/// Σ c_k λ^k.
fn horner(coefficients: &[f64], lambda: Complex<f64>) -> Complex<f64> {
    coefficients.iter().rev().fold(Complex::ZERO, |sum, &c| sum * lambda + c)
}

/// Without the zeros beyond the highest power; at least one coefficient stays.
fn trimmed(coefficients: &[f64]) -> Vec<f64> {
    let length = coefficients.iter().rposition(|&c| c != 0.0).map_or(1, |last| last + 1);
    coefficients.iter().copied().take(length).collect()
}

fn polynomial_in_words(coefficients: &[f64], variable: &str) -> String {
    let mut words = String::new();
    for (power, &c) in coefficients.iter().enumerate().rev() {
        // Four digits are enough to read; what rounds to nothing is not written.
        let digits = format!("{}", format!("{:.3e}", c.abs()).parse().unwrap_or(f64::NAN));
        if c == 0.0 {
            continue;
        }
        let factor = match power {
            0 => digits,
            _ if digits == "1" => power_in_words(variable, power),
            _ => format!("{digits} {}", power_in_words(variable, power)),
        };
        let sign = match (words.is_empty(), c < 0.0) {
            (true, true) => "-",
            (true, false) => "",
            (false, true) => " - ",
            (false, false) => " + ",
        };
        words.push_str(sign);
        words.push_str(&factor);
    }
    if words.is_empty() { "0".to_owned() } else { words }
}

fn power_in_words(variable: &str, power: usize) -> String {
    if power == 1 { variable.to_owned() } else { format!("{variable}^{power}") }
}

fn bracketed(words: String) -> String {
    if words.contains(' ') { format!("({words})") } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::dmatrix;

    #[test]
    fn compressing_keeps_all_rows_and_finds_the_rank() {
        let matrix = dmatrix![1.0, 2.0; 2.0, 4.0; 0.0, 0.0; -1.0, -2.0];
        let (u, rank, _) = compressing_rows(&matrix, 1e-14);
        assert_eq!((u.shape(), rank), ((4, 4), 1));
        assert!((u.transpose() * &u - DMatrix::identity(4, 4)).amax() < 1e-14);
        assert!((u.transpose() * &matrix).rows(1, 3).amax() < 1e-14);
        let (u, rank, _) = compressing_rows(&DMatrix::zeros(3, 2), 0.0);
        assert!(rank == 0 && (u.transpose() * &u - DMatrix::identity(3, 3)).amax() < 1e-14);
    }

    #[test]
    fn scaling_multiplies_inputs_outputs_states_and_time_and_nothing_else() {
        let system = Matrices {
            a: dmatrix![1.0, 1e6, 0.0; 1e-6, 2.0, 3e4; 2.0, 0.0, 3.0],
            b: dmatrix![1e5; 1.0; -2.0],
            c: dmatrix![1e-7, 2.0, 1.0],
            d: dmatrix![0.25],
        };
        let (scaled, unit) = scaled(&system).unwrap();
        // G of both at two points: their quotient is what input and output were divided by.
        let at = |s: f64| {
            let whole = system.transfer(Complex::from(s)).unwrap()[(0, 0)].re;
            let d = scaled.d[0];
            let part = scaled.transfer(Complex::from(s / unit)).unwrap()[(0, 0)].re - d;
            (whole - 0.25, part, d)
        };
        let ((whole, part, d), (whole_2, part_2, _)) = (at(1e3), at(-7e3));
        assert!((whole / part - whole_2 / part_2).abs() < 1e-10 * (whole / part).abs());
        // D is divided by the same.
        assert!((0.25 / d - whole / part).abs() < 1e-10 * (0.25 / d).abs(), "{d} {whole} {part}");
    }
}
