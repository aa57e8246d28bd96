//! *Which matrices can be multiplied without ever being written down?*
//!
//! Those whose entries follow a rule. Eight rules, each a type that keeps the few numbers that the rule
//! needs: [`Diagonal`], [`Companion`], [`Toeplitz`], [`LowRank`], [`Vandermonde`], [`Cauchy`], [`Dplr`]
//! (diagonal plus low rank) and [`Semiseparable`]. Each is a [`StructuredMatrix`]: `entry` is its definition,
//! `matvec` its shortcut, and the one is tested against the other. Those that can move a state are also
//! a [`StateMatrix`], with powers and a kernel.
//!
//! Equation: `eq-4-5`, Woodbury's identity for the resolvent of a DPLR matrix ([`Dplr::inverse_by_woodbury`],
//! [`Dplr::resolvent`]):
//!
//! ```text
//! (zI - Λ + PQ*)⁻¹ = R - RP (I + Q*RP)⁻¹ Q*R,      R = (zI - Λ)⁻¹      (eq-4-5)
//! ```
//!
//! Conventions: modes are complex, what acts along a sequence is real. A row of outputs is given as a
//! vector `c` and never conjugated: `K_k = cᵀ A^k b`. DPLR is S4's, with a minus: `Λ - PQ*`. Finite numbers go in
//! and finite numbers come out, or an error says why not.

use math_foundations::validation::{
    InputError, finite, finite_vector, length as length_of, positive, shape as shape_of, square,
};
use ml_links::dual_computation::{DualError, FftConvolution};
use nalgebra::{Complex, ComplexField, DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// One complex number for each mode, or for each point.
pub type ComplexVector = DVector<Complex<f64>>;

/// Why a structure cannot be built, multiplied or solved.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StructureError {
    /// A shape that does not fit, an entry that is not finite.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A product that is a convolution, with nothing to convolve.
    #[error(transparent)]
    Convolution(#[from] DualError),
    /// A diagonal that is divided by holds a zero.
    #[error("expected no zero on the diagonal, found one at {index}")]
    ZeroOnDiagonal {
        /// Where, from 0.
        index: usize,
    },
    /// There is no inverse.
    #[error("{name} has no inverse")]
    Singular {
        /// Which matrix.
        name: &'static str,
    },
    /// Woodbury's small matrix has lost its digits.
    #[error(
        "expected a capacitance matrix that keeps a digit, found one that loses 10^{lost:.0}: \
         the sum is nearly singular, or its parts are far larger than itself"
    )]
    IllConditioned {
        /// The power of ten by which rounding errors are magnified.
        lost: f64,
    },
    /// A solution that does not solve.
    #[error(
        "expected a solution, found one that misses the right-hand side by {backward_error:.0e}: \
         the sum is too close to singular, or its parts are far larger than itself"
    )]
    Inaccurate {
        /// What is left of `b - Ax`, relative to what A, x and b are made of.
        backward_error: f64,
    },
    /// A quotient with nothing below the line.
    #[error("expected points away from the poles, found {point} on pole {pole}")]
    OnPole {
        /// Which point, from 0.
        point: usize,
        /// Which pole, from 0.
        pole: usize,
    },
    /// The result is beyond the largest number.
    #[error("the result is too large for a 64-bit number")]
    Overflow,
}

/// A matrix that is known by a rule.
///
/// *Exact when* compared with its dense form: up to the rounding of one sum a row, if not said otherwise.
///
/// ```
/// use ml_links::structured_matrices::{Companion, StructuredMatrix};
/// use nalgebra::{dmatrix, dvector};
///
/// let spring = Companion::new(dvector![4.0, 0.5])?; // λ² + 0.5 λ + 4
/// assert_eq!(spring.to_dense(), dmatrix![0.0, 1.0; -4.0, -0.5]);
/// assert_eq!(spring.matvec(&dvector![1.0, 2.0])?, dvector![2.0, -5.0]);
/// assert_eq!((spring.stored(), spring.multiplications()), (2, 2));
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
// ANCHOR: structured_matrix
pub trait StructuredMatrix {
    /// `f64` or `Complex<f64>`.
    type Number: ComplexField<RealField = f64> + Copy;
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);
    /// The rule: what stands in this place. It may be slow; panics outside of the shape.
    fn entry(&self, row: usize, column: usize) -> Self::Number;
    /// How many numbers are kept.
    fn stored(&self) -> usize;
    /// Multiplications and divisions in a [`Self::matvec`].
    fn multiplications(&self) -> usize;
    /// The product with a vector, without the matrix.
    fn matvec(&self, x: &DVector<Self::Number>) -> Result<DVector<Self::Number>, StructureError>;

    /// The matrix, written down.
    fn to_dense(&self) -> DMatrix<Self::Number> {
        let (rows, columns) = self.shape();
        DMatrix::from_fn(rows, columns, |row, column| self.entry(row, column))
    }
}
// ANCHOR_END: structured_matrix

/// A square structure: it can be applied to a state again and again.
///
/// ```
/// use ml_links::structured_matrices::{Companion, StateMatrix};
/// use nalgebra::dvector;
///
/// // Fibonacci's rabbits: x_{k+2} = x_{k+1} + x_k.
/// let rabbits = Companion::new(dvector![-1.0, -1.0])?;
/// let seen = rabbits.kernel(&dvector![1.0, 1.0], &dvector![1.0, 0.0], 6)?;
/// assert_eq!(seen, dvector![1.0, 1.0, 2.0, 3.0, 5.0, 8.0]);
/// assert_eq!(rabbits.power_times(4, &dvector![1.0, 1.0])?, dvector![5.0, 8.0]);
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
pub trait StateMatrix: StructuredMatrix {
    /// `A^exponent x`, by as many products.
    ///
    /// # Errors
    /// [`StructureError::Input`] for a matrix that is not square or an `x` that does not fit;
    /// [`StructureError::Overflow`].
    fn power_times(
        &self,
        exponent: usize,
        x: &DVector<Self::Number>,
    ) -> Result<DVector<Self::Number>, StructureError> {
        known("x", x, state_size(self.shape())?)?;
        (0..exponent).try_fold(x.clone(), |x, _| self.matvec(&x))
    }

    /// The kernel `K_k = cᵀ A^k b` for k below `length`: one product a step, unless a structure knows better.
    ///
    /// # Errors
    /// [`StructureError::Input`] for a matrix that is not square, a `b` or `c` that does not fit;
    /// [`StructureError::Overflow`].
    fn kernel(
        &self,
        b: &DVector<Self::Number>,
        c: &DVector<Self::Number>,
        length: usize,
    ) -> Result<DVector<Self::Number>, StructureError> {
        let size = state_size(self.shape())?;
        known("b", b, size)?;
        known("c", c, size)?;
        let (mut x, mut kernel) = (b.clone(), Vec::with_capacity(length));
        for k in 0..length {
            if k > 0 {
                x = self.matvec(&x)?;
            }
            kernel.push(c.dot(&x));
        }
        within_range(DVector::from(kernel))
    }
}

/// Rows, where columns are as many.
fn state_size((rows, columns): (usize, usize)) -> Result<usize, InputError> {
    if rows == columns { Ok(rows) } else { Err(InputError::NotSquare { name: "A", rows, columns }) }
}

/// A vector of the right length with finite entries.
fn known<T: ComplexField>(
    name: &'static str,
    vector: &DVector<T>,
    length: usize,
) -> Result<(), InputError> {
    length_of(name, vector, length)?;
    finite_vector(name, vector)
}

/// The result, unless a number in it is not finite: the inputs were.
fn within_range<T: ComplexField>(result: DVector<T>) -> Result<DVector<T>, StructureError> {
    if result.iter().all(|entry| entry.is_finite()) {
        Ok(result)
    } else {
        Err(StructureError::Overflow)
    }
}

/// A matrix that is known entry by entry: what the others are measured against. O(rows · columns).
///
/// ```
/// use ml_links::structured_matrices::StructuredMatrix;
/// use nalgebra::{dmatrix, dvector};
///
/// let a = dmatrix![1.0, 2.0; 3.0, 4.0];
/// assert_eq!(a.matvec(&dvector![1.0, 1.0])?, dvector![3.0, 7.0]);
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
impl<T: ComplexField<RealField = f64> + Copy> StructuredMatrix for DMatrix<T> {
    type Number = T;

    fn shape(&self) -> (usize, usize) {
        (self.nrows(), self.ncols())
    }

    fn entry(&self, row: usize, column: usize) -> T {
        self[(row, column)]
    }

    fn stored(&self) -> usize {
        self.len()
    }

    fn multiplications(&self) -> usize {
        self.len()
    }

    fn matvec(&self, x: &DVector<T>) -> Result<DVector<T>, StructureError> {
        known("x", x, self.ncols())?;
        within_range(self * x)
    }
}

impl<T: ComplexField<RealField = f64> + Copy> StateMatrix for DMatrix<T> {}

/// Modes side by side: `A = diag(λ)`, N numbers, N multiplications.
///
/// ```text
/// K_k = Σ_n λ_n^k c_n b_n:   K = V(λ) (c ∘ b),   V a Vandermonde matrix
/// ```
///
/// *Good for* everything, when it can be had: S4D, S5 and the Mambas begin here.
///
/// ```
/// use ml_links::structured_matrices::{Diagonal, StateMatrix};
/// use nalgebra::{Complex, dvector};
///
/// let turn = Diagonal::new(dvector![Complex::i()])?; // a quarter turn a step
/// let one = dvector![Complex::ONE];
/// let kernel = turn.kernel(&one, &one, 4)?.map(|k| k.re);
/// assert_eq!(kernel, dvector![1.0, 0.0, -1.0, 0.0]);
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonal {
    lambda: ComplexVector,
}

impl Diagonal {
    /// By its diagonal, `[state]`.
    ///
    /// # Errors
    /// [`StructureError::Input`] for an empty diagonal and one that is not finite.
    pub fn new(lambda: ComplexVector) -> Result<Self, StructureError> {
        finite_vector("λ", &lambda)?;
        Ok(Self { lambda })
    }

    /// The diagonal, `[state]`.
    pub fn lambda(&self) -> &ComplexVector {
        &self.lambda
    }

    /// `A^exponent`: diagonal again, O(N log exponent).
    ///
    /// # Errors
    /// [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::Diagonal;
    /// use nalgebra::{Complex, dvector};
    ///
    /// let half = Diagonal::new(dvector![Complex::from(0.5)])?;
    /// assert_eq!(half.power(10)?.lambda()[0].re, 1.0 / 1024.0);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn power(&self, exponent: usize) -> Result<Self, StructureError> {
        let lambda = self.lambda.map(|lambda| power(lambda, exponent));
        Ok(Self { lambda: within_range(lambda)? })
    }

    /// The x with `Ax = b`. O(N).
    ///
    /// # Errors
    /// [`StructureError::ZeroOnDiagonal`]; [`StructureError::Input`] for a `b` that does not fit;
    /// [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::Diagonal;
    /// use nalgebra::{Complex, dvector};
    ///
    /// let a = Diagonal::new(dvector![Complex::from(2.0), Complex::ZERO])?;
    /// let error = a.solve(&dvector![Complex::ONE, Complex::ONE]).unwrap_err();
    /// assert_eq!(error.to_string(), "expected no zero on the diagonal, found one at 1");
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn solve(&self, b: &ComplexVector) -> Result<ComplexVector, StructureError> {
        known("b", b, self.lambda.len())?;
        within_range(reciprocals(&self.lambda)?.component_mul(b))
    }
}

impl StructuredMatrix for Diagonal {
    type Number = Complex<f64>;

    fn shape(&self) -> (usize, usize) {
        (self.lambda.len(), self.lambda.len())
    }

    fn entry(&self, row: usize, column: usize) -> Complex<f64> {
        if row == column { self.lambda[row] } else { Complex::ZERO }
    }

    fn stored(&self) -> usize {
        self.lambda.len()
    }

    fn multiplications(&self) -> usize {
        self.lambda.len()
    }

    fn matvec(&self, x: &ComplexVector) -> Result<ComplexVector, StructureError> {
        known("x", x, self.lambda.len())?;
        within_range(self.lambda.component_mul(x))
    }
}

impl StateMatrix for Diagonal {
    /// `K_k = Σ_n λ_n^k c_n b_n`: a Vandermonde matrix times one vector.
    fn kernel(
        &self,
        b: &ComplexVector,
        c: &ComplexVector,
        length: usize,
    ) -> Result<ComplexVector, StructureError> {
        known("b", b, self.lambda.len())?;
        known("c", c, self.lambda.len())?;
        Vandermonde::new(self.lambda.clone(), length)?.matvec(&c.component_mul(b))
    }
}

/// 1/λ of each entry.
fn reciprocals(lambda: &ComplexVector) -> Result<ComplexVector, StructureError> {
    match lambda.iter().position(|&lambda| lambda == Complex::ZERO) {
        Some(index) => Err(StructureError::ZeroOnDiagonal { index }),
        // `fdiv` scales, so that a tiny λ does not underflow where it is squared.
        None => within_range(lambda.map(|lambda| Complex::ONE.fdiv(lambda))),
    }
}

/// `base^exponent` by squaring.
fn power(base: Complex<f64>, exponent: usize) -> Complex<f64> {
    let (mut result, mut square, mut left) = (Complex::ONE, base, exponent);
    while left > 0 {
        if left % 2 == 1 {
            result *= square;
        }
        left /= 2;
        if left > 0 {
            square *= square;
        }
    }
    result
}

/// A difference equation: ones above the diagonal, coefficients in the last row. N numbers, N multiplications.
///
/// ```text
///      0    1   …    0
/// A =  0    0   …    1        det(λI - A) = a_0 + a_1 λ + … + a_{N-1} λ^{N-1} + λ^N
///     -a_0 -a_1 … -a_{N-1}
/// ```
///
/// *Good for* a state that is a window of a signal; SpaceTime learns such matrices. *Breaks*: eigenvalues of large
/// ones are sensitive to the last digit of a coefficient. Its dense form is chapter 1's `companion`.
///
/// See [`StructuredMatrix`] and [`StateMatrix`] for examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Companion {
    last_row: DVector<f64>,
}

impl Companion {
    /// By the coefficients `a_0 … a_{N-1}` of its characteristic polynomial, whose leading one is 1.
    ///
    /// # Errors
    /// [`StructureError::Input`] for no coefficients and for ones that are not finite.
    pub fn new(coefficients: DVector<f64>) -> Result<Self, StructureError> {
        finite_vector("the coefficients", &coefficients)?;
        Ok(Self { last_row: -coefficients })
    }

    /// The x with `Ax = b`. O(N).
    ///
    /// # Errors
    /// [`StructureError::Singular`] where a_0 = 0; [`StructureError::Input`] for a `b` that does not fit;
    /// [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::{Companion, StructuredMatrix};
    /// use nalgebra::dvector;
    ///
    /// let a = Companion::new(dvector![2.0, 3.0, -1.0])?;
    /// let x = dvector![1.0, -2.0, 0.5];
    /// assert_eq!(a.solve(&a.matvec(&x)?)?, x);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn solve(&self, b: &DVector<f64>) -> Result<DVector<f64>, StructureError> {
        let size = self.last_row.len();
        known("b", b, size)?;
        if self.last_row[0] == 0.0 {
            return Err(StructureError::Singular { name: "the companion matrix" });
        }
        // All rows but the last say what x is from its second entry on.
        let mut x = DVector::zeros(size);
        x.rows_mut(1, size - 1).copy_from(&b.rows(0, size - 1));
        x[0] = (b[size - 1] - self.last_row.dot(&x)) / self.last_row[0];
        within_range(x)
    }
}

impl StructuredMatrix for Companion {
    type Number = f64;

    fn shape(&self) -> (usize, usize) {
        (self.last_row.len(), self.last_row.len())
    }

    fn entry(&self, row: usize, column: usize) -> f64 {
        if row + 1 == self.last_row.len() {
            self.last_row[column]
        } else if row + 1 == column {
            1.0
        } else {
            0.0
        }
    }

    fn stored(&self) -> usize {
        self.last_row.len()
    }

    fn multiplications(&self) -> usize {
        self.last_row.len()
    }

    fn matvec(&self, x: &DVector<f64>) -> Result<DVector<f64>, StructureError> {
        let size = self.last_row.len();
        known("x", x, size)?;
        let mut y = DVector::zeros(size);
        y.rows_mut(0, size - 1).copy_from(&x.rows(1, size - 1));
        y[size - 1] = self.last_row.dot(x);
        within_range(y)
    }
}

impl StateMatrix for Companion {}

/// The same number along each diagonal: `T_ij = t_{i-j}`, a convolution. rows + columns - 1 numbers.
///
/// *Good for* anything that does the same at every time: the matrix of a time-invariant layer is
/// [`Toeplitz::causal`]. *Exact* like a product by Fourier transforms: relative to the *largest* number in sight.
/// Cost O(n log n) with n = rows + 2 columns.
///
/// ```
/// use ml_links::structured_matrices::{StructuredMatrix, Toeplitz};
/// use nalgebra::{dmatrix, dvector};
///
/// let t = Toeplitz::new(dvector![1.0, 2.0], dvector![1.0, 5.0, 6.0])?;
/// assert_eq!(t.to_dense(), dmatrix![1.0, 5.0, 6.0; 2.0, 1.0, 5.0]);
/// assert!((t.matvec(&dvector![1.0, 1.0, 1.0])? - dvector![12.0, 8.0]).amax() < 1e-14);
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Toeplitz {
    /// From the upper right corner to the lower left one: `t_{1-columns} … t_{rows-1}`.
    diagonals: Vec<f64>,
    columns: usize,
    convolution: FftConvolution<f64>,
}

impl Toeplitz {
    /// By its first column, `[rows]`, and its first row, `[columns]`, which share the corner.
    ///
    /// # Errors
    /// [`StructureError::Input`] where one is empty or not finite, or the corners differ.
    pub fn new(column: DVector<f64>, row: DVector<f64>) -> Result<Self, StructureError> {
        finite_vector("the first column", &column)?;
        finite_vector("the first row", &row)?;
        if column[0] != row[0] {
            return Err(InputError::OutOfRange {
                name: "the first entry of the first row",
                expected: "that of the first column",
                value: format!("{} and {}", row[0], column[0]),
            }
            .into());
        }
        let diagonals: Vec<f64> = row.iter().rev().chain(column.iter().skip(1)).copied().collect();
        let convolution = FftConvolution::new(&diagonals, row.len())?;
        Ok(Self { diagonals, columns: row.len(), convolution })
    }

    /// The lower triangular square matrix whose first column is a kernel: `Tu` is `u` convolved with it.
    ///
    /// # Errors
    /// [`StructureError::Input`] for a kernel that is empty or not finite.
    ///
    /// ```
    /// use ml_links::structured_matrices::{StructuredMatrix, Toeplitz};
    /// use nalgebra::{dmatrix, dvector};
    ///
    /// let t = Toeplitz::causal(dvector![1.0, 0.5])?;
    /// assert_eq!(t.to_dense(), dmatrix![1.0, 0.0; 0.5, 1.0]);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn causal(kernel: DVector<f64>) -> Result<Self, StructureError> {
        finite_vector("K", &kernel)?;
        let mut row = DVector::zeros(kernel.len());
        row[0] = kernel[0];
        Self::new(kernel, row)
    }

    fn rows(&self) -> usize {
        self.diagonals.len() + 1 - self.columns
    }
}

impl StructuredMatrix for Toeplitz {
    type Number = f64;

    fn shape(&self) -> (usize, usize) {
        (self.rows(), self.columns)
    }

    fn entry(&self, row: usize, column: usize) -> f64 {
        self.diagonals[self.columns - 1 + row - column]
    }

    fn stored(&self) -> usize {
        self.diagonals.len()
    }

    /// Complex ones: two transforms of n real numbers, n/4 log₂ n each, and n/2 products between them.
    fn multiplications(&self) -> usize {
        let n = self.convolution.circle();
        n / 2 * n.ilog2() as usize + n / 2
    }

    fn matvec(&self, x: &DVector<f64>) -> Result<DVector<f64>, StructureError> {
        known("x", x, self.columns)?;
        // A copy of the plan has room of its own to work in.
        let mut convolution = self.convolution.clone();
        // Row i of the product is output i + columns - 1 of a convolution.
        let outputs = &convolution.convolve_with_tail(x.as_slice())?[self.columns - 1..];
        within_range(DVector::from_column_slice(&outputs[..self.rows()]))
    }
}

/// A few directions: `A = U Vᵀ`, r (rows + columns) numbers and as many multiplications.
///
/// A product of a tall and a flat matrix, and the whole trick is not to multiply the two: `U (Vᵀx)`. Alone it
/// forgets all but r directions at once; it is good as what is *added* to another structure
/// ([`Dplr`], [`update_inverse`]).
///
/// ```
/// use ml_links::structured_matrices::{LowRank, StructuredMatrix};
/// use nalgebra::{dmatrix, dvector};
///
/// let a = LowRank::new(dmatrix![1.0; 2.0; 3.0], dmatrix![1.0; -1.0])?;
/// assert_eq!(a.to_dense(), dmatrix![1.0, -1.0; 2.0, -2.0; 3.0, -3.0]);
/// assert_eq!(a.matvec(&dvector![5.0, 3.0])?, dvector![2.0, 4.0, 6.0]);
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    u: DMatrix<f64>,
    v: DMatrix<f64>,
}

impl LowRank {
    /// By its factors: `u` `[rows, rank]`, `v` `[columns, rank]`.
    ///
    /// # Errors
    /// [`StructureError::Input`] where they are empty, not finite, or of different rank.
    pub fn new(u: DMatrix<f64>, v: DMatrix<f64>) -> Result<Self, StructureError> {
        finite("U", &u)?;
        finite("V", &v)?;
        shape_of("V", &v, (v.nrows(), u.ncols()))?;
        Ok(Self { u, v })
    }
}

impl StructuredMatrix for LowRank {
    type Number = f64;

    fn shape(&self) -> (usize, usize) {
        (self.u.nrows(), self.v.nrows())
    }

    fn entry(&self, row: usize, column: usize) -> f64 {
        self.u.row(row).dot(&self.v.row(column))
    }

    fn stored(&self) -> usize {
        self.u.len() + self.v.len()
    }

    fn multiplications(&self) -> usize {
        self.stored()
    }

    fn matvec(&self, x: &DVector<f64>) -> Result<DVector<f64>, StructureError> {
        known("x", x, self.v.nrows())?;
        within_range(&self.u * self.v.tr_mul(x))
    }
}

impl StateMatrix for LowRank {
    /// `K_k = (cᵀU) (VᵀU)^{k-1} (Vᵀb)`: the powers of a matrix of r rows. O(N r² + L r²).
    fn kernel(
        &self,
        b: &DVector<f64>,
        c: &DVector<f64>,
        length: usize,
    ) -> Result<DVector<f64>, StructureError> {
        let size = state_size(self.shape())?;
        known("b", b, size)?;
        known("c", c, size)?;
        let (core, read) = (self.v.tr_mul(&self.u), self.u.tr_mul(c));
        let (mut x, mut kernel) = (self.v.tr_mul(b), vec![c.dot(b)]);
        while kernel.len() < length {
            kernel.push(read.dot(&x));
            x = &core * x;
        }
        kernel.truncate(length);
        within_range(DVector::from(kernel))
    }
}

/// Powers: `V_kn = λ_n^k`, a mode a column, a time a row. As many numbers as columns.
///
/// *Good for* kernels: `K = V(λ) (c ∘ b)`. With the roots of unity it is the Fourier transform. *Breaks* when
/// solved with: for real nodes its condition number grows exponentially with their number.
/// Cost O(rows · columns), and no entry is ever kept.
///
/// ```
/// use ml_links::structured_matrices::{StructuredMatrix, Vandermonde};
/// use nalgebra::{Complex, dvector};
///
/// let v = Vandermonde::new(dvector![Complex::from(2.0), Complex::from(3.0)], 4)?;
/// let y = v.matvec(&dvector![Complex::ONE, Complex::ONE])?.map(|y| y.re);
/// assert_eq!(y, dvector![2.0, 5.0, 13.0, 35.0]); // 2^k + 3^k
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Vandermonde {
    nodes: ComplexVector,
    rows: usize,
}

impl Vandermonde {
    /// By its nodes, `[columns]`, and how many powers of them, from the power 0 on.
    ///
    /// # Errors
    /// [`StructureError::Input`] for no nodes and for ones that are not finite.
    pub fn new(nodes: ComplexVector, rows: usize) -> Result<Self, StructureError> {
        finite_vector("the nodes", &nodes)?;
        Ok(Self { nodes, rows })
    }

    /// `Vᵀ u`: the polynomial with the coefficients `u` at each node, by Horner's rule.
    ///
    /// # Errors
    /// [`StructureError::Input`] for a `u` that does not fit; [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::Vandermonde;
    /// use nalgebra::{Complex, dvector};
    ///
    /// let v = Vandermonde::new(dvector![Complex::from(2.0)], 3)?;
    /// let u = dvector![1.0, 10.0, 100.0].map(Complex::from);
    /// assert_eq!(v.transpose_matvec(&u)?[0].re, 421.0); // 1 + 10·2 + 100·4
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn transpose_matvec(&self, u: &ComplexVector) -> Result<ComplexVector, StructureError> {
        known("u", u, self.rows)?;
        let horner =
            |node| u.iter().rev().fold(Complex::ZERO, |sum: Complex<f64>, u_k| sum * node + u_k);
        within_range(self.nodes.map(horner))
    }
}

// ANCHOR: sums_of_powers
/// `Σ_n λ_n^k x_n` for k below `count`: read the modes together, then move each one on.
fn sums_of_powers(nodes: &ComplexVector, x: &ComplexVector, count: usize) -> ComplexVector {
    let mut modes = x.clone();
    let sums = (0..count).map(|_| {
        let read = modes.sum();
        modes.component_mul_assign(nodes);
        read
    });
    DVector::from_iterator(count, sums)
}
// ANCHOR_END: sums_of_powers

impl StructuredMatrix for Vandermonde {
    type Number = Complex<f64>;

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.nodes.len())
    }

    fn entry(&self, row: usize, column: usize) -> Complex<f64> {
        power(self.nodes[column], row)
    }

    fn stored(&self) -> usize {
        self.nodes.len()
    }

    fn multiplications(&self) -> usize {
        self.rows * self.nodes.len()
    }

    fn matvec(&self, x: &ComplexVector) -> Result<ComplexVector, StructureError> {
        known("x", x, self.nodes.len())?;
        within_range(sums_of_powers(&self.nodes, x, self.rows))
    }
}

/// Quotients: `C_ij = 1/(z_i - λ_j)`, a mode a column, a frequency a row. rows + columns numbers.
///
/// `C (c ∘ b)` is the transfer function of a diagonal system at the points z. It is to a
/// [`Vandermonde`] matrix what the frequencies are to the times. *Breaks* on a pole; next to one it is large and
/// exact. Cost O(rows · columns) here; multipole methods do it in O((rows + columns) log²).
///
/// ```
/// use ml_links::structured_matrices::{Cauchy, StructuredMatrix};
/// use nalgebra::{Complex, dvector};
///
/// // 1/(z + 1) and 1/(z + 2), half of each, at z = 0 and 1.
/// let points = dvector![0.0, 1.0].map(Complex::from);
/// let c = Cauchy::new(points, dvector![-1.0, -2.0].map(Complex::from))?;
/// let y = c.matvec(&dvector![0.5, 0.5].map(Complex::from))?;
/// assert_eq!((y[0].re, y[1].re), (0.75, 0.25 + 0.5 / 3.0));
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Cauchy {
    points: ComplexVector,
    poles: ComplexVector,
}

impl Cauchy {
    /// By its points, `[rows]`, and its poles, `[columns]`. O(rows · columns), to see that none meet.
    ///
    /// # Errors
    /// [`StructureError::Input`] where one list is empty or not finite; [`StructureError::OnPole`].
    pub fn new(points: ComplexVector, poles: ComplexVector) -> Result<Self, StructureError> {
        finite_vector("the points", &points)?;
        finite_vector("the poles", &poles)?;
        for (point, z) in points.iter().enumerate() {
            if let Some(pole) = poles.iter().position(|pole| pole == z) {
                return Err(StructureError::OnPole { point, pole });
            }
        }
        Ok(Self { points, poles })
    }
}

impl StructuredMatrix for Cauchy {
    type Number = Complex<f64>;

    fn shape(&self) -> (usize, usize) {
        (self.points.len(), self.poles.len())
    }

    fn entry(&self, row: usize, column: usize) -> Complex<f64> {
        (self.points[row] - self.poles[column]).inv()
    }

    fn stored(&self) -> usize {
        self.points.len() + self.poles.len()
    }

    fn multiplications(&self) -> usize {
        self.points.len() * self.poles.len()
    }

    fn matvec(&self, x: &ComplexVector) -> Result<ComplexVector, StructureError> {
        known("x", x, self.poles.len())?;
        let row = |z: Complex<f64>| x.iter().zip(&self.poles).map(|(x, pole)| x / (z - pole)).sum();
        within_range(self.points.map(row))
    }
}

/// Diagonal plus low rank: `A = Λ - PQ*`, N (1 + 2r) numbers and as many multiplications.
///
/// Shifting, scaling, inverting and conjugating lead to a DPLR matrix again, so the bilinear rule does too;
/// powers do not, each product adds the ranks.
///
/// *Good for* HiPPO's matrices, which are normal plus rank one: S4. *Breaks* where Λ alone is divided by, though it is
/// close to singular ([`Dplr::inverse_by_woodbury`]).
///
/// ```
/// use ml_links::structured_matrices::{Dplr, StructuredMatrix};
/// use nalgebra::{Complex, dmatrix, dvector};
///
/// let real = Complex::<f64>::from;
/// let a = Dplr::new(
///     dvector![3.0, 5.0].map(real), dmatrix![1.0; 1.0].map(real), dmatrix![1.0; 2.0].map(real),
/// )?;
/// assert_eq!(a.to_dense(), dmatrix![2.0, -2.0; -1.0, 3.0].map(real));
/// let x = a.solve(&dvector![2.0, 1.0].map(real))?; // the determinant is 4
/// assert!((x - dvector![2.0, 1.0].map(real)).norm() < 1e-15);
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dplr {
    lambda: ComplexVector,
    p: DMatrix<Complex<f64>>,
    q: DMatrix<Complex<f64>>,
}

impl Dplr {
    /// By its parts: `lambda` `[state]`, `p` and `q` `[state, rank]`.
    ///
    /// # Errors
    /// [`StructureError::Input`] where one is empty, not finite or of another shape.
    pub fn new(
        lambda: ComplexVector,
        p: DMatrix<Complex<f64>>,
        q: DMatrix<Complex<f64>>,
    ) -> Result<Self, StructureError> {
        finite_vector("Λ", &lambda)?;
        finite("P", &p)?;
        finite("Q", &q)?;
        shape_of("P", &p, (lambda.len(), p.ncols()))?;
        shape_of("Q", &q, p.shape())?;
        Ok(Self { lambda, p, q })
    }

    /// Λ, P and Q.
    pub fn parts(&self) -> (&ComplexVector, &DMatrix<Complex<f64>>, &DMatrix<Complex<f64>>) {
        (&self.lambda, &self.p, &self.q)
    }

    /// `scale · A + shift · I`: O(N r).
    ///
    /// # Errors
    /// [`StructureError::Input`] for a number that is not finite; [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::{Dplr, StructuredMatrix};
    /// use nalgebra::{Complex, dmatrix, dvector};
    ///
    /// let one = Complex::<f64>::ONE;
    /// let a = Dplr::new(dvector![one * 3.0], dmatrix![one], dmatrix![one])?; // the number 2
    /// assert_eq!(a.affine(one * 10.0, one)?.entry(0, 0).re, 21.0);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn affine(&self, scale: Complex<f64>, shift: Complex<f64>) -> Result<Self, StructureError> {
        finite_vector("the scale and the shift", &DVector::from_column_slice(&[scale, shift]))?;
        let lambda = self.lambda.map(|lambda| scale * lambda + shift);
        Self { lambda, p: &self.p * scale, q: self.q.clone() }.in_range()
    }

    /// `A*`, conjugated and transposed: O(N r). Rows are multiplied by it: `c* A = (A* c)*`.
    ///
    /// ```
    /// use ml_links::structured_matrices::{Dplr, StructuredMatrix};
    /// use nalgebra::{Complex, dmatrix, dvector};
    ///
    /// let a = Dplr::new(dvector![Complex::i()], dmatrix![Complex::ONE], dmatrix![Complex::ONE])?;
    /// assert_eq!(a.adjoint().to_dense(), a.to_dense().adjoint());
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn adjoint(&self) -> Self {
        Self {
            lambda: self.lambda.map(|lambda| lambda.conj()),
            p: self.q.clone(),
            q: self.p.clone(),
        }
    }
}

/// What P, `PΛ⁻¹` and the like are: row n of the matrix times entry n of the vector.
fn scale_rows(diagonal: &ComplexVector, matrix: &DMatrix<Complex<f64>>) -> DMatrix<Complex<f64>> {
    DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |n, j| diagonal[n] * matrix[(n, j)])
}

// ANCHOR: inverse_by_woodbury
impl Dplr {
    /// `A⁻¹` as equation 4-5 prints it, with -P for P: DPLR again. O(N r²); dense, O(N³).
    ///
    /// The trap: it divides by Λ alone. An entry next to 0 makes two giants that should
    /// cancel: for r = 1 as many digits go as it has zeros, for r > 1 twice as many.
    /// [`Dplr::inverse`] does not fall into it.
    ///
    /// # Errors
    /// [`StructureError`]: a zero on the diagonal, a singular or ill-conditioned sum.
    pub fn inverse_by_woodbury(&self) -> Result<Self, StructureError> {
        let lambda = reciprocals(&self.lambda)?;
        let p = scale_rows(&lambda, &self.p);
        let q = scale_rows(&lambda.map(|lambda| lambda.conj()), &self.q);
        let answered = self.q.ad_mul(&p);
        let capacitance = DMatrix::identity(p.ncols(), p.ncols()) - &answered;
        // Λ⁻¹ + Λ⁻¹P (I - Q*Λ⁻¹P)⁻¹ Q*Λ⁻¹
        let inverse = invert_capacitance(&capacitance, answered.norm())?;
        Self { lambda, p: -p, q: q * inverse.adjoint() }.in_range()
    }
}
// ANCHOR_END: inverse_by_woodbury

// ANCHOR: split_anew
impl Dplr {
    /// The same matrix, split so that its diagonal may be divided by: where the low rank
    /// outweighs an entry of Λ a hundred times, the entry gets heavier, and the difference
    /// goes over to the low rank. O(N (r + moved)).
    pub fn split_anew(&self) -> Self {
        let mut split = self.clone();
        for n in 0..self.lambda.len() {
            let (from, to) = (self.q.row(n).norm(), self.p.row(n).norm());
            if self.lambda[n].norm() < LIGHT * to * from {
                split.lambda[n] = Complex::from(to * from);
                let (p, q) = (split.p.ncols(), split.q.ncols());
                split.p = split.p.insert_column(p, Complex::ZERO);
                split.q = split.q.insert_column(q, Complex::ZERO);
                split.p[(n, p)] = (split.lambda[n] - self.lambda[n]) / from;
                split.q[(n, q)] = Complex::from(from);
            }
        }
        split
    }
}
// ANCHOR_END: split_anew

/// An entry of Λ is light where it is this much smaller than what P and Q add in its place.
const LIGHT: f64 = 0.01;

impl Dplr {
    /// `A⁻¹`: DPLR again, of rank r and one more for each entry that [`Dplr::split_anew`] moves. O(N r²).
    ///
    /// # Errors
    /// [`StructureError::ZeroOnDiagonal`] where an entry is 0 and P or Q does not touch it, so that a row or a column of A is 0;
    /// [`StructureError::Singular`], [`StructureError::IllConditioned`] at and next to other singular sums;
    /// [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::{Dplr, StructuredMatrix};
    /// use nalgebra::{Complex, dmatrix, dvector};
    ///
    /// // 0 - (-1)(1): there is nothing to divide by, and the inverse of 1 is 1.
    /// let one = Complex::<f64>::ONE;
    /// let a = Dplr::new(dvector![Complex::ZERO], dmatrix![-one], dmatrix![one])?;
    /// assert!(a.inverse_by_woodbury().is_err());
    /// assert_eq!(a.inverse()?.entry(0, 0), one);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn inverse(&self) -> Result<Self, StructureError> {
        self.split_anew().inverse_by_woodbury()
    }

    /// `(zI - A)⁻¹`: what a system with this A makes of `e^{zt}`. O(N r²).
    ///
    /// # Errors
    /// As [`Dplr::inverse`].
    ///
    /// ```
    /// use ml_links::structured_matrices::{Dplr, StructuredMatrix};
    /// use nalgebra::{Complex, dmatrix, dvector};
    ///
    /// let one = Complex::<f64>::ONE;
    /// let a = Dplr::new(dvector![one], dmatrix![one * 2.0], dmatrix![one])?; // the number -1
    /// assert_eq!(a.resolvent(one * 3.0)?.entry(0, 0).re, 0.25);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn resolvent(&self, z: Complex<f64>) -> Result<Self, StructureError> {
        self.affine(-Complex::ONE, z)?.inverse()
    }
}

/// The inverse of `I ± VᵀA⁻¹U`, if it keeps a digit.
///
/// Rounding errors of the sum are of the size of what was added, `1 + answered`; the inverse magnifies them. So a
/// matrix of one row, whose condition number is always 1, is judged as well.
fn invert_capacitance<T: ComplexField<RealField = f64> + Copy>(
    capacitance: &DMatrix<T>,
    answered: f64,
) -> Result<DMatrix<T>, StructureError> {
    if !answered.is_finite() {
        return Err(StructureError::Overflow);
    }
    let inverse = capacitance.clone().try_inverse();
    let magnified =
        inverse.as_ref().map_or(f64::INFINITY, |inverse| (1.0 + answered) * inverse.norm());
    match inverse {
        Some(inverse) if magnified * f64::EPSILON < 0.1 => Ok(inverse),
        // What was added is of the size of 1: the sum is singular, not its parts too large.
        None if answered < 1e3 => {
            Err(StructureError::Singular { name: "the matrix with its low-rank part" })
        }
        _ => Err(StructureError::IllConditioned {
            lost: magnified.min(answered / f64::EPSILON).log10(),
        }),
    }
}

impl Dplr {
    /// The x with `Ax = b`: by the inverse, then corrected by what is missing. O(N r²).
    ///
    /// # Errors
    /// As [`Dplr::inverse`]; [`StructureError::Inaccurate`] where corrections do not help.
    pub fn solve(&self, b: &ComplexVector) -> Result<ComplexVector, StructureError> {
        known("b", b, self.lambda.len())?;
        let inverse = self.inverse()?;
        let (mut x, mut last) = (inverse.matvec(b)?, f64::INFINITY);
        loop {
            let missing = b - self.matvec(&x)?;
            let backward_error = missing.norm() / self.size_of_terms(&x, b);
            let settled = backward_error <= f64::EPSILON || backward_error > 0.5 * last;
            match (settled, backward_error < 1e-12) {
                (true, true) => return Ok(x),
                (true, false) => return Err(StructureError::Inaccurate { backward_error }),
                (false, _) => x += inverse.matvec(&missing)?,
            }
            last = backward_error;
        }
    }
}

impl Dplr {
    /// What the terms of `b - Ax` may amount to; rounding errors are relative to it.
    fn size_of_terms(&self, x: &ComplexVector, b: &ComplexVector) -> f64 {
        let size = self.lambda.camax() + self.p.norm() * self.q.norm();
        (size * x.norm() + b.norm()).max(f64::MIN_POSITIVE)
    }

    /// Itself, unless an entry is not finite.
    fn in_range(self) -> Result<Self, StructureError> {
        let finite = |z: &Complex<f64>| z.re.is_finite() && z.im.is_finite();
        let all = self.lambda.iter().chain(&self.p).chain(&self.q).all(finite);
        if all { Ok(self) } else { Err(StructureError::Overflow) }
    }

    /// The bilinear step of `x' = Ax + bu` with a held input, Ā and b̄: DPLR too, in O(N r²).
    ///
    /// ```text
    /// H = (I - Δ/2 A)⁻¹      Ā = 2H - I = H (I + Δ/2 A)      b̄ = Δ H b
    /// ```
    ///
    /// # Errors
    /// [`StructureError::Input`] for a Δ that is not positive or a `b` that does not fit; as [`Dplr::solve`].
    ///
    /// Source: Gu and others, *S4* (2022), appendix C.2, where Ā is a product of two such matrices.
    ///
    /// ```
    /// use ml_links::structured_matrices::{Dplr, StructuredMatrix};
    /// use nalgebra::{Complex, dmatrix, dvector};
    ///
    /// let one = Complex::<f64>::ONE;
    /// let a = Dplr::new(dvector![one], dmatrix![one * 2.0], dmatrix![one])?; // the number -1
    /// let (a_bar, b_bar) = a.bilinear(&dvector![one], 1.0)?;
    /// assert!((a_bar.entry(0, 0).re - 1.0 / 3.0).abs() < 1e-15);
    /// assert!((b_bar[0].re - 2.0 / 3.0).abs() < 1e-15);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn bilinear(
        &self,
        b: &ComplexVector,
        delta: f64,
    ) -> Result<(Self, ComplexVector), StructureError> {
        positive("Δ", delta)?;
        let half = self.affine(Complex::from(-0.5 * delta), Complex::ONE)?;
        let a_bar = half.inverse()?.affine(Complex::from(2.0), -Complex::ONE)?;
        Ok((a_bar, within_range(half.solve(b)? * Complex::from(delta))?))
    }

    /// The transfer function `cᵀ(zI - A)⁻¹b` at many points, by (1 + r)² Cauchy products: equation 4-5 between c and b.
    ///
    /// - Shapes: `b`, `c` `[state]`, `points` and the result `[points]`. Cost O((1 + r)² N · points + r³ points).
    /// - A point next to an entry of Λ, where the two terms of the equation are giants that cancel, goes by [`Dplr::solve`].
    ///
    /// # Errors
    /// [`StructureError::Input`], [`StructureError::OnPole`], [`StructureError::Singular`] and
    /// [`StructureError::IllConditioned`] at an eigenvalue of A, [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::Dplr;
    /// use nalgebra::{Complex, dmatrix, dvector};
    ///
    /// let one = Complex::<f64>::ONE;
    /// let a = Dplr::new(dvector![one], dmatrix![one * 2.0], dmatrix![one])?; // the number -1
    /// let g = a.transfer(&dvector![one], &dvector![one], &dvector![Complex::ZERO, one * 3.0])?;
    /// assert!((g[0].re - 1.0).abs() < 1e-15 && (g[1].re - 0.25).abs() < 1e-15);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn transfer(
        &self,
        b: &ComplexVector,
        c: &ComplexVector,
        points: &ComplexVector,
    ) -> Result<ComplexVector, StructureError> {
        let (size, rank) = self.p.shape();
        known("b", b, size)?;
        known("c", c, size)?;
        finite_vector("the points", points)?;
        let weight = DVector::from_fn(size, |n, _| self.p.row(n).norm() * self.q.row(n).norm());
        let light =
            |z: Complex<f64>| (0..size).any(|n| (z - self.lambda[n]).norm() < LIGHT * weight[n]);
        let (near, far): (Vec<_>, Vec<_>) =
            (0..points.len()).partition(|&point| light(points[point]));

        let mut answers = DVector::zeros(points.len());
        for point in near {
            answers[point] = c.dot(&self.affine(-Complex::ONE, points[point])?.solve(b)?);
        }
        if far.is_empty() {
            return within_range(answers);
        }
        let cauchy = Cauchy::new(points.select_rows(&far), self.lambda.clone())?;
        // Row 0 reads by c, the others by Q*; column 0 is pushed by b, the others by P.
        let mut through = Vec::with_capacity((1 + rank) * (1 + rank));
        for column in 0..=rank {
            for row in 0..=rank {
                let push = if column == 0 { b.as_view() } else { self.p.column(column - 1) };
                through.push(cauchy.matvec(&DVector::from_fn(size, |n, _| {
                    let read = if row == 0 { c[n] } else { self.q[(n, row - 1)].conj() };
                    read * push[n]
                }))?);
            }
        }
        for (row, point) in far.into_iter().enumerate() {
            let block = DMatrix::from_fn(1 + rank, 1 + rank, |read, push| {
                through[push * (1 + rank) + read][row]
            });
            let answered = block.view((1, 1), (rank, rank));
            let capacitance = DMatrix::identity(rank, rank) + answered;
            let inverse = invert_capacitance(&capacitance, answered.norm())?;
            let low_rank = block.view((0, 1), (1, rank)) * inverse * block.view((1, 0), (rank, 1));
            answers[point] = block[(0, 0)] - low_rank[0];
        }
        within_range(answers)
    }
}

impl StructuredMatrix for Dplr {
    type Number = Complex<f64>;

    fn shape(&self) -> (usize, usize) {
        (self.lambda.len(), self.lambda.len())
    }

    fn entry(&self, row: usize, column: usize) -> Complex<f64> {
        let diagonal = if row == column { self.lambda[row] } else { Complex::ZERO };
        // `dotc` conjugates its first vector: Q.
        diagonal - self.q.row(column).dotc(&self.p.row(row))
    }

    fn stored(&self) -> usize {
        self.lambda.len() + self.p.len() + self.q.len()
    }

    fn multiplications(&self) -> usize {
        self.stored()
    }

    fn matvec(&self, x: &ComplexVector) -> Result<ComplexVector, StructureError> {
        known("x", x, self.lambda.len())?;
        within_range(self.lambda.component_mul(x) - &self.p * self.q.ad_mul(x))
    }
}

impl StateMatrix for Dplr {}

/// The inverse of `A + UVᵀ` from that of A: Woodbury's identity for any A. O(N² r) instead of O(N³).
///
/// ```text
/// (A + UVᵀ)⁻¹ = A⁻¹ - A⁻¹U (I + VᵀA⁻¹U)⁻¹ VᵀA⁻¹
/// ```
///
/// - Shapes: `inverse` `[N, N]`, `u` and `v` `[N, r]`.
/// - *Good for* a few updates: recursive least squares, a Kalman filter's covariance. *Breaks*: the errors of the
///   given inverse stay, those of each update are added, and where A is much closer to singular than the sum,
///   large numbers cancel. Invert anew from time to time.
///
/// # Errors
/// [`StructureError::Input`]; [`StructureError::Singular`] and [`StructureError::IllConditioned`] where the sum
/// has no inverse, or none that keeps a digit; [`StructureError::Overflow`].
///
/// Source: M. A. Woodbury (1950); for r = 1, J. Sherman and W. J. Morrison (1950).
///
/// ```
/// use ml_links::structured_matrices::update_inverse;
/// use nalgebra::{DMatrix, dmatrix};
///
/// let (u, v) = (dmatrix![1.0; 0.0], dmatrix![0.0; 1.0]);
/// let updated = update_inverse(&DMatrix::identity(2, 2), &u, &v)?; // of [1 1; 0 1]
/// assert_eq!(updated, dmatrix![1.0, -1.0; 0.0, 1.0]);
/// // -1 takes away what the identity has in this direction.
/// let error = update_inverse(&DMatrix::identity(2, 2), &u, &-&u).unwrap_err();
/// assert_eq!(error.to_string(), "the matrix with its low-rank part has no inverse");
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
pub fn update_inverse(
    inverse: &DMatrix<f64>,
    u: &DMatrix<f64>,
    v: &DMatrix<f64>,
) -> Result<DMatrix<f64>, StructureError> {
    let size = square("the inverse", inverse)?;
    finite("U", u)?;
    finite("V", v)?;
    shape_of("U", u, (size, u.ncols()))?;
    shape_of("V", v, u.shape())?;
    let pushed = inverse * u;
    let answered = v.tr_mul(&pushed);
    let capacitance = DMatrix::identity(u.ncols(), u.ncols()) + &answered;
    let small = invert_capacitance(&capacitance, answered.norm())?;
    let updated = inverse - pushed * small * (v.transpose() * inverse);
    if updated.iter().all(|entry| entry.is_finite()) {
        Ok(updated)
    } else {
        Err(StructureError::Overflow)
    }
}

/// The matrix from all inputs to all outputs of a state that forgets and reads as it likes at each step.
///
/// ```text
/// x_k = a_k ∘ x_{k-1} + b_k u_k      y_k = c_kᵀ x_k
/// M_ij = Σ_n c_ni a_{n,j+1} ⋯ a_ni b_nj   for i ≥ j,   0 above
/// ```
///
/// Each block below the diagonal has at most rank N: what one side knows of the other went through a state of N
/// numbers. *Good for* Mamba (N = 16) and Mamba-2, where a, b and c follow the input; where they do not, the matrix
/// is a [`Toeplitz::causal`] too. 3NL numbers, 3NL multiplications.
///
/// Source: Dao and Gu, *Transformers are SSMs* (2024), definition 3.1.
///
/// ```
/// use ml_links::structured_matrices::{Semiseparable, StructuredMatrix};
/// use nalgebra::{dmatrix, dvector};
///
/// // It halves what it holds, but at the last step it forgets everything.
/// let a = dmatrix![0.5, 0.5, 0.0];
/// let ones = dmatrix![1.0, 1.0, 1.0];
/// let m = Semiseparable::new(a, ones.clone(), ones)?;
/// assert_eq!(m.to_dense(), dmatrix![1.0, 0.0, 0.0; 0.5, 1.0, 0.0; 0.0, 0.0, 1.0]);
/// assert_eq!(m.matvec(&dvector![4.0, 1.0, 7.0])?, dvector![4.0, 3.0, 7.0]);
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Semiseparable {
    a: DMatrix<f64>,
    b: DMatrix<f64>,
    c: DMatrix<f64>,
}

impl Semiseparable {
    /// By what each step keeps, lets in and reads: `a`, `b`, `c`, each `[state, length]`.
    ///
    /// # Errors
    /// [`StructureError::Input`] where one is empty, not finite or of another shape.
    pub fn new(a: DMatrix<f64>, b: DMatrix<f64>, c: DMatrix<f64>) -> Result<Self, StructureError> {
        finite("a", &a)?;
        finite("b", &b)?;
        finite("c", &c)?;
        shape_of("b", &b, a.shape())?;
        shape_of("c", &c, a.shape())?;
        Ok(Self { a, b, c })
    }

    /// The same a, b and c, each `[state]`, at every one of `length` steps.
    ///
    /// # Errors
    /// As [`Semiseparable::new`].
    ///
    /// ```
    /// use ml_links::structured_matrices::{Semiseparable, StructuredMatrix};
    /// use nalgebra::{dmatrix, dvector};
    ///
    /// let one = dvector![1.0];
    /// let m = Semiseparable::constant(&dvector![0.5], &one, &one, 3)?;
    /// assert_eq!(m.to_dense(), dmatrix![1.0, 0.0, 0.0; 0.5, 1.0, 0.0; 0.25, 0.5, 1.0]);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn constant(
        a: &DVector<f64>,
        b: &DVector<f64>,
        c: &DVector<f64>,
        length: usize,
    ) -> Result<Self, StructureError> {
        let each = |row: &DVector<f64>| DMatrix::from_fn(row.len(), length, |n, _| row[n]);
        Self::new(each(a), each(b), each(c))
    }

    /// `Mᵀ v`: the recurrence run backwards, b and c with their parts exchanged. O(NL).
    ///
    /// # Errors
    /// [`StructureError::Input`] for a `v` that does not fit; [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::Semiseparable;
    /// use nalgebra::dvector;
    ///
    /// let one = dvector![1.0];
    /// let m = Semiseparable::constant(&dvector![0.5], &one, &one, 3)?;
    /// // What the last output owes to each input.
    /// assert_eq!(m.transpose_matvec(&dvector![0.0, 0.0, 1.0])?, dvector![0.25, 0.5, 1.0]);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn transpose_matvec(&self, v: &DVector<f64>) -> Result<DVector<f64>, StructureError> {
        let (size, length) = self.a.shape();
        known("v", v, length)?;
        let (mut owed, mut u) = (DVector::<f64>::zeros(size), DVector::zeros(length));
        for k in (0..length).rev() {
            owed.axpy(v[k], &self.c.column(k), 1.0);
            u[k] = self.b.column(k).dot(&owed);
            owed.component_mul_assign(&self.a.column(k));
        }
        within_range(u)
    }

    /// The u with `Mu = y`: which inputs gave these outputs? A recurrence too, O(NL).
    ///
    /// *Breaks* where the undoing is unstable: then errors grow from step to step, as they do in any solution.
    ///
    /// # Errors
    /// [`StructureError::ZeroOnDiagonal`] at a step whose output does not see its input, `c_kᵀb_k = 0`;
    /// [`StructureError::Input`] for a `y` that does not fit; [`StructureError::Overflow`].
    ///
    /// ```
    /// use ml_links::structured_matrices::{Semiseparable, StructuredMatrix};
    /// use nalgebra::dvector;
    ///
    /// let one = dvector![1.0];
    /// let m = Semiseparable::constant(&dvector![0.5], &one, &one, 3)?;
    /// assert_eq!(m.solve(&dvector![4.0, 3.0, 7.0])?, dvector![4.0, 1.0, 5.5]);
    /// # Ok::<(), ml_links::structured_matrices::StructureError>(())
    /// ```
    pub fn solve(&self, y: &DVector<f64>) -> Result<DVector<f64>, StructureError> {
        let (size, length) = self.a.shape();
        known("y", y, length)?;
        let (mut x, mut u) = (DVector::<f64>::zeros(size), DVector::zeros(length));
        for k in 0..length {
            let (b, c) = (self.b.column(k), self.c.column(k));
            let seen = c.dot(&b);
            if seen == 0.0 {
                return Err(StructureError::ZeroOnDiagonal { index: k });
            }
            x.component_mul_assign(&self.a.column(k));
            u[k] = (y[k] - c.dot(&x)) / seen;
            x.axpy(u[k], &b, 1.0);
        }
        within_range(u)
    }
}

// ANCHOR: through_the_state
/// The matrix times u, as the recurrence that it is.
fn through_the_state(m: &Semiseparable, u: &DVector<f64>) -> DVector<f64> {
    let mut x = DVector::zeros(m.a.nrows());
    let outputs = (0..u.len()).map(|k| {
        x.component_mul_assign(&m.a.column(k)); // forget
        x.axpy(u[k], &m.b.column(k), 1.0); // let in
        m.c.column(k).dot(&x) // read
    });
    DVector::from_iterator(u.len(), outputs)
}
// ANCHOR_END: through_the_state

impl StructuredMatrix for Semiseparable {
    type Number = f64;

    fn shape(&self) -> (usize, usize) {
        (self.a.ncols(), self.a.ncols())
    }

    fn entry(&self, row: usize, column: usize) -> f64 {
        let kept = |n: usize| (column + 1..=row).map(|k| self.a[(n, k)]).product::<f64>();
        let through = |n: usize| self.c[(n, row)] * kept(n) * self.b[(n, column)];
        if row < column { 0.0 } else { (0..self.a.nrows()).map(through).sum() }
    }

    fn stored(&self) -> usize {
        3 * self.a.len()
    }

    fn multiplications(&self) -> usize {
        3 * self.a.len()
    }

    fn matvec(&self, u: &DVector<f64>) -> Result<DVector<f64>, StructureError> {
        known("u", u, self.a.ncols())?;
        within_range(through_the_state(self, u))
    }
}

/// One matrix of each structure, of random numbers, all of the same size.
///
/// ```
/// use ml_links::structured_matrices::{Gallery, StructuredMatrix};
///
/// let gallery = Gallery::random(8, 2, 1)?;
/// assert_eq!(gallery.dplr.shape(), (8, 8));
/// assert_eq!(gallery.dplr.stored(), 8 * 5);
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gallery {
    /// Modes of modulus 0.8 to 1.
    pub diagonal: Diagonal,
    /// A window whose characteristic polynomial has all its roots inside the unit circle.
    pub companion: Companion,
    /// Both triangles full.
    pub toeplitz: Toeplitz,
    /// Of norm about 1.
    pub low_rank: LowRank,
    /// Of the modes of `diagonal`.
    pub vandermonde: Vandermonde,
    /// Of points on a circle outside of the modes of `diagonal`, which are its poles.
    pub cauchy: Cauchy,
    /// The modes of `diagonal`, and a low rank of norm about 0.1.
    pub dplr: Dplr,
    /// A state of `rank` numbers that keeps 0.5 to 1 of each.
    pub semiseparable: Semiseparable,
}

impl Gallery {
    /// Of `size` rows and columns; `rank` is that of the low-rank parts, and the state of the semiseparable one.
    ///
    /// # Errors
    /// [`StructureError::Input`] for a size or rank of 0.
    pub fn random(size: usize, rank: usize, seed: u64) -> Result<Self, StructureError> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut real = |rows: usize, columns: usize, from: f64, to: f64| {
            DMatrix::from_fn(rows, columns, |_, _| random.random_range(from..to))
        };
        let (modulus, angle) = (real(size, 1, 0.8, 1.0), real(size, 1, 0.0, std::f64::consts::TAU));
        let lambda = DVector::from_fn(size, |n, _| Complex::from_polar(modulus[n], angle[n]));
        let points = DVector::from_fn(size, |n, _| {
            Complex::from_polar(1.25, std::f64::consts::TAU * n as f64 / size as f64)
        });
        // Coefficients that sum to less than 1 keep all roots inside the unit circle.
        let coefficients = real(size, 1, -1.0, 1.0).column(0) * (0.9 / size.max(1) as f64);
        let (column, mut row) = (real(size, 1, -1.0, 1.0), real(size, 1, -1.0, 1.0));
        if let (Some(corner), Some(first)) = (row.get_mut(0), column.get(0)) {
            *corner = *first;
        }
        let small = (3.0 / size.max(1) as f64).sqrt();
        let (u, v) = (real(size, rank, -small, small), real(size, rank, -small, small));
        let mut complex = |bound: f64| {
            let (re, im) = (real(size, rank, -bound, bound), real(size, rank, -bound, bound));
            re.zip_map(&im, Complex::new)
        };
        let (p, q) = (complex(0.2 * small), complex(0.2 * small));
        Ok(Self {
            diagonal: Diagonal::new(lambda.clone())?,
            companion: Companion::new(coefficients)?,
            toeplitz: Toeplitz::new(column.column(0).into_owned(), row.column(0).into_owned())?,
            low_rank: LowRank::new(u, v)?,
            vandermonde: Vandermonde::new(lambda.clone(), size)?,
            cauchy: Cauchy::new(points, lambda.clone())?,
            dplr: Dplr::new(lambda, p, q)?,
            semiseparable: Semiseparable::new(
                real(rank, size, 0.5, 1.0),
                real(rank, size, -1.0, 1.0),
                real(rank, size, -1.0, 1.0),
            )?,
        })
    }
}
