//! *Along which directions is `x' = Ax` an equation about a single number?*
//!
//! The page `eigendecomposition`: eigenvalues and eigenvectors of real, complex and Hermitian
//! matrices, from scratch. Equation `eq-1-1`:
//!
//! ```text
//! A = V Λ V⁻¹        x(t) = Σ cᵢ exp(λᵢ t) vᵢ  with  c = V⁻¹ x(0)
//! ```
//!
//! The road every general solver takes: [`balance`], then [`hessenberg`], then shifted QR steps to
//! the Schur form ([`real_schur`], [`complex_schur`]), whose diagonal holds the eigenvalues; the
//! eigenvectors follow by back substitution ([`eigendecomposition`]). A Hermitian matrix takes the
//! shorter road of [`hermitian_eigendecomposition`].
//!
//! Conventions: eigenvalues are ordered by descending real part, then descending imaginary part;
//! those of a Hermitian matrix are ascending. An eigenvector has unit length, and its largest
//! entry is real and positive. Matrices are stored by columns, so every inner loop runs down
//! columns.

use std::cmp::Ordering;
use std::ops::Range;

use math_foundations::validation::{self, InputError};
use nalgebra::{Complex, ComplexField, DMatrix, DVector, SVD};
use thiserror::Error;

/// Why a matrix has no eigendecomposition here.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EigenError {
    /// The matrix itself is refused: not square, empty, or not finite.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Two entries that mirror each other are not conjugates.
    #[error(
        "expected A to be Hermitian, found {entry} at row {row}, column {column} \
         but {mirrored} at row {column}, column {row}"
    )]
    NotHermitian {
        /// Row of the first such entry, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// The entry as it prints.
        entry: String,
        /// The entry on the other side of the diagonal.
        mirrored: String,
    },
    /// The iteration was stopped before every eigenvalue was found.
    #[error("no convergence after {iterations} iterations, {remaining} of the eigenvalues missing")]
    NoConvergence {
        /// Iterations spent.
        iterations: usize,
        /// Eigenvalues that were still coupled.
        remaining: usize,
    },
    /// The eigenvectors do not span the space: A is defective, or too close to a defective matrix.
    #[error(
        "A has no basis of eigenvectors in working precision: the condition number of V is {condition:.1e}"
    )]
    NoEigenbasis {
        /// The condition number of V.
        condition: f64,
    },
}

/// What [`power_iteration`] found: the eigenvalue of largest modulus and its direction.
#[derive(Debug, Clone, PartialEq)]
pub struct DominantMode {
    /// The eigenvalue.
    pub lambda: f64,
    /// The unit eigenvector, `[state]`.
    pub v: DVector<f64>,
    /// Steps taken.
    pub steps: usize,
}

/// The dominant mode of A: multiply, normalise, repeat, until `‖Av - λv‖ ≤ tolerance ‖Av‖`.
///
/// Each step shrinks the share of every other eigenvector by `|λᵢ / λ₁|`.
///
/// *Good for* one real eigenvalue that dominates the others. *Breaks* when the largest modulus is
/// shared, so for every complex pair: the vector turns for ever. Cost O(N²) a step.
///
/// # Errors
/// [`EigenError::Input`] for a bad A, a start of the wrong length, or a start of zeros;
/// [`EigenError::NoConvergence`] after `max_steps`.
///
/// Source: von Mises and Pollaczek-Geiringer 1929; Golub and Van Loan, section 7.3.
///
/// ```
/// use math_foundations::eigendecomposition::power_iteration;
/// use nalgebra::{dmatrix, dvector};
///
/// let a = dmatrix![2.0, 1.0; 1.0, 2.0];
/// let mode = power_iteration(&a, &dvector![1.0, 0.0], 100, 1e-12).unwrap();
/// assert!((mode.lambda - 3.0).abs() < 1e-12);
/// ```
// ANCHOR: power_iteration
pub fn power_iteration(
    a: &DMatrix<f64>,
    start: &DVector<f64>,
    max_steps: usize,
    tolerance: f64,
) -> Result<DominantMode, EigenError> {
    let n = validation::square("A", a)?;
    validation::length("the start", start, n)?;
    validation::positive("the length of the start", start.norm())?;
    let mut v = start.normalize();
    for steps in 1..=max_steps {
        let image = a * &v;
        let lambda = v.dot(&image);
        if (&image - lambda * &v).norm() <= tolerance * image.norm() {
            return Ok(DominantMode { lambda, v, steps });
        }
        v = image.normalize();
    }
    Err(EigenError::NoConvergence { iterations: max_steps, remaining: 1 })
}
// ANCHOR_END: power_iteration

/// One shifted QR step, spelled out: factor `A - σI = QR`, return `RQ + σI`.
///
/// The result is `QᵀAQ`, so it has the eigenvalues of A. Repeated, the last row empties at the rate
/// `|λₙ - σ| / |λᵢ - σ|`: a shift close to an eigenvalue drives it out in a few steps.
///
/// *Good for* seeing what QR does. *Breaks* on complex pairs, which no real shift comes close to:
/// [`real_schur`] takes two conjugate shifts at once. Cost O(N³), where the same step on a
/// [`hessenberg`] matrix costs O(N²).
///
/// # Errors
/// [`EigenError::Input`] for a bad A.
///
/// Source: Francis 1961; Kublanovskaya 1961.
///
/// ```
/// use math_foundations::eigendecomposition::shifted_qr_step;
/// use nalgebra::dmatrix;
///
/// let a = dmatrix![2.0, 1.0; 1.0, 2.0];
/// let next = shifted_qr_step(&a, 1.0).unwrap(); // 1 is an eigenvalue: one step is enough
/// assert!(next[(1, 0)].abs() < 1e-15 && (next[(1, 1)] - 1.0).abs() < 1e-15);
/// ```
// ANCHOR: shifted_qr_step
pub fn shifted_qr_step(a: &DMatrix<f64>, shift: f64) -> Result<DMatrix<f64>, EigenError> {
    let n = validation::square("A", a)?;
    let shift = DMatrix::identity(n, n) * shift;
    let (q, r) = (a - &shift).qr().unpack();
    Ok(r * q + shift)
}
// ANCHOR_END: shifted_qr_step

/// Eigenvalues and eigenvectors of a real matrix: `A V = V Λ`.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigendecomposition {
    /// The eigenvalues, `[state]`, by descending real part, then descending imaginary part.
    pub lambda: DVector<Complex<f64>>,
    /// The unit eigenvectors, a column each, `[state, state]`. Conjugate eigenvalues have exactly
    /// conjugate columns; real eigenvalues have exactly real ones.
    pub v: DMatrix<Complex<f64>>,
}

impl Eigendecomposition {
    /// `κ(V) = σ_max / σ_min`: how many times larger an error of A can come out in the eigenvalues.
    ///
    /// 1 for a normal matrix; infinite, or beyond `1e15` in working precision, for a defective one.
    /// Perturbing A by E moves no eigenvalue by more than `κ(V) ‖E‖` (Bauer and Fike 1960).
    /// Cost O(N³), by singular values.
    ///
    /// ```
    /// use math_foundations::eigendecomposition::eigendecomposition;
    /// use nalgebra::dmatrix;
    ///
    /// let rotation = eigendecomposition(&dmatrix![0.0, 1.0; -1.0, 0.0]).unwrap();
    /// assert!((rotation.condition_number() - 1.0).abs() < 1e-14);
    /// let nearly_defective = eigendecomposition(&dmatrix![1.0, 1.0; 0.0, 1.001]).unwrap();
    /// assert!(nearly_defective.condition_number() > 1e3);
    /// ```
    pub fn condition_number(&self) -> f64 {
        let sweeps = 100 * self.v.nrows().max(10);
        let Some(svd) = SVD::try_new(self.v.clone(), false, false, f64::EPSILON, sweeps) else {
            return f64::INFINITY;
        };
        let (largest, smallest) = (svd.singular_values.max(), svd.singular_values.min());
        if smallest > 0.0 { largest / smallest } else { f64::INFINITY }
    }

    /// The coordinates of x along the eigenvectors: `c = V⁻¹ x`, `[state]`.
    ///
    /// # Errors
    /// [`EigenError::NoEigenbasis`] when `κ(V)` leaves not one correct digit;
    /// [`EigenError::Input`] when x has the wrong length or is not finite. Cost O(N³).
    ///
    /// ```
    /// use math_foundations::eigendecomposition::eigendecomposition;
    /// use nalgebra::{dmatrix, dvector};
    ///
    /// let modes = eigendecomposition(&dmatrix![2.0, 1.0; 1.0, 2.0]).unwrap();
    /// let c = modes.coordinates(&dvector![1.0, 1.0]).unwrap(); // along the first mode only
    /// assert!((c[0].re - 2.0_f64.sqrt()).abs() < 1e-14 && c[1].norm() < 1e-14);
    /// ```
    pub fn coordinates(&self, x: &DVector<f64>) -> Result<DVector<Complex<f64>>, EigenError> {
        validation::length("x", x, self.lambda.len())?;
        validation::finite_vector("x", x)?;
        let condition = self.condition_number();
        let digits_left = condition * f64::EPSILON < 0.1;
        let c = self.v.clone().lu().solve(&x.map(Complex::from));
        c.filter(|_| digits_left).ok_or(EigenError::NoEigenbasis { condition })
    }

    /// The state at time t of `x' = Ax`: every mode on its own, `x(t) = Σ cᵢ exp(λᵢ t) vᵢ`.
    ///
    /// *Good for* seeing what A does, and for many times t. *Breaks* when `κ(V)` is large: about
    /// `log₁₀ κ(V)` digits are lost. Cost O(N³).
    ///
    /// # Errors
    /// Those of [`Eigendecomposition::coordinates`].
    ///
    /// ```
    /// use math_foundations::eigendecomposition::eigendecomposition;
    /// use nalgebra::{dmatrix, dvector};
    ///
    /// let rotation = eigendecomposition(&dmatrix![0.0, 1.0; -1.0, 0.0]).unwrap();
    /// let quarter_turn = std::f64::consts::FRAC_PI_2;
    /// let x = rotation.flow(&dvector![1.0, 0.0], quarter_turn).unwrap();
    /// assert!((x - dvector![0.0, -1.0]).norm() < 1e-15);
    /// ```
    // ANCHOR: flow
    pub fn flow(&self, x: &DVector<f64>, t: f64) -> Result<DVector<f64>, EigenError> {
        let c = self.coordinates(x)?;
        let grown = c.zip_map(&self.lambda, |c, lambda| c * (lambda * t).exp());
        Ok((&self.v * grown).map(|entry| entry.re))
    }
    // ANCHOR_END: flow
}

/// All eigenvalues and eigenvectors of a real matrix.
///
/// *Exact when* A is triangular up to a permutation. *Good for* any real matrix: eigenvalues and
/// vectors are those of a matrix within a few `ε‖A‖` of A. *Breaks* (as every method does) for the
/// vectors of a defective matrix: they come out nearly parallel, which
/// [`Eigendecomposition::condition_number`] reports; and, as LAPACK does, for vectors of a matrix
/// whose entries lie twenty orders of magnitude apart. Cost O(N³), about `25 N³` operations.
///
/// # Errors
/// [`EigenError::Input`]; [`EigenError::NoConvergence`].
///
/// Source: Francis 1961; Golub and Van Loan, chapter 7; the choices of LAPACK's `dgeev`.
///
/// ```
/// use math_foundations::eigendecomposition::eigendecomposition;
/// use nalgebra::{Complex, dmatrix};
///
/// let damped_spring = dmatrix![0.0, 1.0; -1.0, -0.4];
/// let modes = eigendecomposition(&damped_spring).unwrap();
/// assert!((modes.lambda[0] - Complex::new(-0.2, 0.96_f64.sqrt())).norm() < 1e-15);
/// assert_eq!(modes.lambda[1], modes.lambda[0].conj());
/// ```
// ANCHOR: eigendecomposition
pub fn eigendecomposition(a: &DMatrix<f64>) -> Result<Eigendecomposition, EigenError> {
    let n = validation::square("A", a)?;
    let (scaled, unit) = moderate(a);
    let balanced = balance(&scaled)?;

    // A = Q T Qᵀ: first one diagonal too many, then QR steps until T is triangular.
    let mut t = balanced.a.clone();
    let mut q = DMatrix::identity(n, n);
    reduce_to_hessenberg(&mut t, Some(&mut q), &balanced.window);
    francis(&mut t, Some(&mut q), &balanced.window)?;

    // T x = λ x by back substitution; Q and the balancing take x back to A.
    let mut v = balanced.undo(&schur_eigenvectors(&q, &t));
    v.column_iter_mut().for_each(|mut column| fix_length_and_phase(column.as_mut_slice()));
    let lambda = block_eigenvalues(&t) * Complex::from(unit);
    let order = descending(&lambda);
    Ok(Eigendecomposition { lambda: lambda.select_rows(&order), v: v.select_columns(&order) })
}
// ANCHOR_END: eigendecomposition

/// All eigenvalues of a real matrix, by descending real part, then descending imaginary part.
///
/// The road of [`eigendecomposition`] without its vectors, in less than half the time.
///
/// A simple eigenvalue comes out within a few `ε‖A‖` times its own condition number; one that N
/// parallel eigenvectors share moves by about `ε^(1/N)`, whatever the method.
///
/// # Errors
/// [`EigenError::Input`]; [`EigenError::NoConvergence`].
///
/// ```
/// use math_foundations::eigendecomposition::eigenvalues;
/// use nalgebra::{Complex, dmatrix};
///
/// let rotation = dmatrix![0.0, 1.0; -1.0, 0.0];
/// assert_eq!(eigenvalues(&rotation).unwrap()[0], Complex::new(0.0, 1.0));
/// ```
pub fn eigenvalues(a: &DMatrix<f64>) -> Result<DVector<Complex<f64>>, EigenError> {
    validation::square("A", a)?;
    let (scaled, unit) = moderate(a);
    let Balanced { a: mut t, window, .. } = balance(&scaled)?;
    reduce_to_hessenberg(&mut t, None, &window);
    francis(&mut t, None, &window)?;
    let lambda = block_eigenvalues(&t) * Complex::from(unit);
    Ok(lambda.select_rows(&descending(&lambda)))
}

/// A similar matrix whose rows and columns are of like size: `a = D⁻¹ Pᵀ A P D`.
#[derive(Debug, Clone, PartialEq)]
pub struct Balanced<T> {
    /// The balanced matrix, block upper triangular: only the rows and columns of `window` are
    /// still coupled, all others show their eigenvalue on the diagonal.
    pub a: DMatrix<T>,
    /// P: entry i is the row of A that became row i.
    pub permutation: Vec<usize>,
    /// The diagonal of D, powers of two (so that scaling rounds nothing), `[state]`.
    pub scale: DVector<f64>,
    /// The rows that remain to be solved.
    pub window: Range<usize>,
}

impl<T> Balanced<T> {
    /// Takes vectors of the balanced matrix, one a column, back to vectors of A: `P D w`.
    ///
    /// ```
    /// use math_foundations::eigendecomposition::balance;
    /// use nalgebra::dmatrix;
    ///
    /// let a = dmatrix![1.0, 1e6; 1e-6, 1.0];
    /// let balanced = balance(&a).unwrap();
    /// let w = dmatrix![0.0; 1.0];
    /// let v = balanced.undo(&w);
    /// assert_eq!(&a * &v, balanced.undo(&(&balanced.a * w)));
    /// ```
    pub fn undo<S: ComplexField<RealField = f64> + Copy>(&self, w: &DMatrix<S>) -> DMatrix<S> {
        let mut v = w.clone();
        for (i, &row) in self.permutation.iter().enumerate() {
            v.row_mut(row).zip_apply(&w.row(i), |v, w| *v = w.scale(self.scale[i]));
        }
        v
    }
}

/// Balances a real or complex matrix: isolates what is already triangular, then scales.
///
/// An eigenvalue solver errs by `ε‖A‖`, so a matrix with entries `1e8` and `1e-8` should first be
/// written in units in which its norm is small.
///
/// *Good for* matrices in ill-matched units. *Breaks* nothing when A is balanced already: then
/// `D = I`. Cost O(N²) a round, a few rounds.
///
/// # Errors
/// [`EigenError::Input`].
///
/// Source: Parlett and Reinsch 1969; the 2-norm of James, Langou and Lowery 2014.
///
/// ```
/// use math_foundations::eigendecomposition::balance;
/// use nalgebra::dmatrix;
///
/// let balanced = balance(&dmatrix![1.0, 1e6; 1e-6, 1.0]).unwrap();
/// assert!(balanced.a.norm() < 3.0);
/// let lower_triangular = balance(&dmatrix![1.0, 0.0; 5.0, 2.0]).unwrap();
/// assert_eq!(lower_triangular.a, dmatrix![2.0, 5.0; 0.0, 1.0]); // nothing left to solve
/// assert!(lower_triangular.window.is_empty());
/// ```
pub fn balance<T>(a: &DMatrix<T>) -> Result<Balanced<T>, EigenError>
where
    T: ComplexField<RealField = f64> + Copy,
{
    let n = validation::square("A", a)?;
    let mut balanced = isolate(a);
    let Balanced { a, window, scale, .. } = &mut balanced;

    // Scale by powers of two until no row and column differ by more than a factor of two.
    let mut changed = true;
    while changed {
        changed = false;
        for i in window.clone() {
            let column = norm(&a.column(i).as_slice()[window.clone()]);
            let row = a.view((i, window.start), (1, window.len())).norm();
            if column == 0.0 || row == 0.0 {
                continue;
            }
            let factor = (0.5 * (row / column).log2()).round().exp2();
            let worthwhile = column * factor + row / factor < 0.95 * (column + row);
            let in_range = (1e-120..1e120).contains(&(scale[i] * factor));
            if worthwhile && in_range {
                scale[i] *= factor;
                a.view_mut((i, window.start), (1, n - window.start))
                    .apply(|entry| *entry = entry.unscale(factor));
                a.view_mut((0, i), (window.end, 1)).apply(|entry| *entry = entry.scale(factor));
                changed = true;
            }
        }
    }
    Ok(balanced)
}

/// The permutation half of [`balance`]: rows and columns that show an eigenvalue move outwards.
fn isolate<T: ComplexField<RealField = f64> + Copy>(a: &DMatrix<T>) -> Balanced<T> {
    let n = a.nrows();
    let mut a = a.clone();
    let mut permutation: Vec<usize> = (0..n).collect();
    let mut window = 0..n;
    let mut exchange = |a: &mut DMatrix<T>, i: usize, j: usize| {
        a.swap_rows(i, j);
        a.swap_columns(i, j);
        permutation.swap(i, j);
    };

    // A row that is zero but for its diagonal goes to the bottom of the window.
    while let Some(i) =
        window.clone().rev().find(|&i| window.clone().all(|j| j == i || a[(i, j)].is_zero()))
    {
        window.end -= 1;
        exchange(&mut a, i, window.end);
    }
    // A column that is zero but for its diagonal goes to the top.
    while let Some(j) =
        window.clone().find(|&j| window.clone().all(|i| i == j || a[(i, j)].is_zero()))
    {
        exchange(&mut a, j, window.start);
        window.start += 1;
    }
    Balanced { a, permutation, scale: DVector::repeat(n, 1.0), window }
}

/// `A = Q H Qᴴ`: Q unitary, H zero below its first subdiagonal.
#[derive(Debug, Clone, PartialEq)]
pub struct Hessenberg<T = f64> {
    /// The change of basis, `[state, state]`.
    pub q: DMatrix<T>,
    /// The Hessenberg matrix, `[state, state]`.
    pub h: DMatrix<T>,
}

/// Reduces a real or complex matrix to Hessenberg form by `N - 2` reflections.
///
/// *Exact when* A is Hessenberg already. *Good for* paying O(N³) once, so that each QR step costs
/// O(N²). No finite recipe reaches the triangle itself (Abel, for N ≥ 5). Cost `14/3 N³`.
///
/// # Errors
/// [`EigenError::Input`].
///
/// Source: Householder 1958; Golub and Van Loan, algorithm 7.4.2.
///
/// ```
/// use math_foundations::eigendecomposition::hessenberg;
/// use nalgebra::dmatrix;
///
/// let a = dmatrix![1.0, 2.0, 3.0; 4.0, 5.0, 6.0; 7.0, 8.0, 10.0];
/// let form = hessenberg(&a).unwrap();
/// assert_eq!(form.h[(2, 0)], 0.0);
/// assert!((&form.q * &form.h * form.q.transpose() - a).norm() < 1e-13);
/// ```
pub fn hessenberg<T>(a: &DMatrix<T>) -> Result<Hessenberg<T>, EigenError>
where
    T: ComplexField<RealField = f64> + Copy,
{
    let n = validation::square("A", a)?;
    let (mut h, unit) = moderate(a);
    let mut q = DMatrix::identity(n, n);
    reduce_to_hessenberg(&mut h, Some(&mut q), &(0..n));
    h.apply(|entry| *entry = entry.scale(unit));
    Ok(Hessenberg { q, h })
}

/// Overwrites h by its Hessenberg form within `window`, and q (the identity) by the basis.
fn reduce_to_hessenberg<T: ComplexField<RealField = f64> + Copy>(
    h: &mut DMatrix<T>,
    q: Option<&mut DMatrix<T>>,
    window: &Range<usize>,
) {
    let n = h.nrows();
    let end = window.end;
    let mut reflections = Vec::with_capacity(window.len());
    let mut image = vec![T::zero(); n];
    for k in window.start..end.saturating_sub(2) {
        // The reflection that empties column k below its first subdiagonal entry.
        let mut v = h.as_slice()[k * n + k + 1..k * n + end].to_vec();
        let (tau, beta) = reflector(&mut v);
        let column = &mut h.as_mut_slice()[k * n + k + 1..k * n + end];
        column.fill(T::zero());
        column[0] = T::from_real(beta);

        // From the left on the columns that follow, from the right on the rows above and within.
        let trailing = &mut h.as_mut_slice()[(k + 1) * n..];
        for column in trailing.chunks_exact_mut(n) {
            let column = &mut column[k + 1..end];
            let share = tau.conjugate() * dot(&v, column);
            axpy(-share, &v, column);
        }
        image[..end].fill(T::zero());
        for (column, &v) in trailing.chunks_exact(n).zip(&v) {
            axpy(v, &column[..end], &mut image[..end]);
        }
        for (column, &v) in trailing.chunks_exact_mut(n).zip(&v) {
            axpy(-tau * v.conjugate(), &image[..end], &mut column[..end]);
        }
        reflections.push((k + 1, tau, v));
    }
    if let Some(q) = q {
        accumulate(q, &reflections);
    }
}

/// Multiplies the identity q by the reflections, last one first, so that zeros stay untouched.
fn accumulate<T: ComplexField<RealField = f64> + Copy>(
    q: &mut DMatrix<T>,
    reflections: &[(usize, T, Vec<T>)],
) {
    let n = q.nrows();
    for (first, tau, v) in reflections.iter().rev() {
        let rows = *first..first + v.len();
        for column in q.as_mut_slice()[first * n..].chunks_exact_mut(n).take(v.len()) {
            let column = &mut column[rows.clone()];
            let share = *tau * dot(v, column);
            axpy(-share, v, column);
        }
    }
}

/// `A = Q T Qᵀ`: Q orthogonal, T upper triangular but for 2x2 blocks on its diagonal.
///
/// Each block is `[a, b; c, a]` with `b c < 0` and stands for the pair `a ± i √(-bc)`.
#[derive(Debug, Clone, PartialEq)]
pub struct RealSchur {
    /// The orthonormal basis, `[state, state]`.
    pub q: DMatrix<f64>,
    /// The quasi-triangular matrix, `[state, state]`.
    pub t: DMatrix<f64>,
}

impl RealSchur {
    /// The eigenvalues in the order in which they stand on the diagonal of T.
    ///
    /// ```
    /// use math_foundations::eigendecomposition::real_schur;
    /// use nalgebra::{Complex, dmatrix};
    ///
    /// let schur = real_schur(&dmatrix![0.0, 2.0; -2.0, 0.0]).unwrap();
    /// assert_eq!(schur.eigenvalues()[0], Complex::new(0.0, 2.0));
    /// ```
    pub fn eigenvalues(&self) -> DVector<Complex<f64>> {
        block_eigenvalues(&self.t)
    }
}

/// The real Schur form of a real matrix, by Hessenberg reduction and Francis' double shift.
///
/// *Good for* everything that eigenvectors are too fragile for: Q is orthogonal however defective
/// A is, and `‖A - QTQᵀ‖` is a few `ε‖A‖`. Cost O(N³), about `25 N³` operations.
///
/// # Errors
/// [`EigenError::Input`]; [`EigenError::NoConvergence`].
///
/// Source: Francis 1961; Golub and Van Loan, algorithm 7.5.2; LAPACK's `dlahqr`.
///
/// ```
/// use math_foundations::eigendecomposition::real_schur;
/// use nalgebra::dmatrix;
///
/// let a = dmatrix![1.0, 2.0, 3.0; 4.0, 5.0, 6.0; 7.0, 8.0, 10.0];
/// let schur = real_schur(&a).unwrap();
/// assert!((&schur.q * &schur.t * schur.q.transpose() - a).norm() < 1e-13);
/// ```
pub fn real_schur(a: &DMatrix<f64>) -> Result<RealSchur, EigenError> {
    let n = validation::square("A", a)?;
    let (scaled, unit) = moderate(a);
    let isolated = isolate(&scaled);
    let mut t = isolated.a.clone();
    let mut q = DMatrix::identity(n, n);
    reduce_to_hessenberg(&mut t, Some(&mut q), &isolated.window);
    francis(&mut t, Some(&mut q), &isolated.window)?;
    Ok(RealSchur { q: isolated.undo(&q), t: t * unit })
}

/// Francis' iteration: overwrites a Hessenberg h by its real Schur form, and q by q times the
/// basis. Without q only the diagonal blocks of h are right, which is enough for the eigenvalues.
fn francis(
    h: &mut DMatrix<f64>,
    mut q: Option<&mut DMatrix<f64>>,
    window: &Range<usize>,
) -> Result<(), EigenError> {
    let budget = 30 * window.len().max(10);
    let (mut iterations, mut stalled) = (0, 0);
    let mut end = window.end;
    while end > window.start {
        let start = deflate(h, window, end);
        if end - start <= 2 {
            if end - start == 2 {
                standardise(h, q.as_deref_mut(), start..end);
            }
            (end, stalled) = (start, 0);
            continue;
        }
        if iterations == budget {
            return Err(EigenError::NoConvergence { iterations, remaining: end - window.start });
        }
        (iterations, stalled) = (iterations + 1, stalled + 1);
        let shifts = double_shift(h, start..end, stalled);
        francis_step(h, q.as_deref_mut(), start..end, shifts);
    }
    Ok(())
}

/// Looks upwards from row `end - 1` for a negligible subdiagonal entry, sets it to zero, and
/// returns the row below it: the first of the block that is still coupled.
///
/// Negligible is what moves no eigenvalue of the 2x2 around it by more than rounding (Ahues and
/// Tisseur 1997), which keeps the small eigenvalues of a graded matrix.
fn deflate<T>(h: &mut DMatrix<T>, window: &Range<usize>, end: usize) -> usize
where
    T: ComplexField<RealField = f64> + Copy,
{
    let tiny = f64::MIN_POSITIVE / f64::EPSILON;
    for k in (window.start + 1..end).rev() {
        let below = h[(k, k - 1)].norm1();
        let mut nearby = h[(k - 1, k - 1)].norm1() + h[(k, k)].norm1();
        if nearby == 0.0 {
            let above = if k >= window.start + 2 { h[(k - 1, k - 2)].norm1() } else { 0.0 };
            let under = if k + 1 < window.end { h[(k + 1, k)].norm1() } else { 0.0 };
            nearby = above + under;
        }
        let mut negligible = below <= tiny;
        if !negligible && below <= f64::EPSILON * nearby {
            let beside = h[(k - 1, k)].norm1();
            let gap = (h[(k - 1, k - 1)] - h[(k, k)]).norm1();
            let corner = h[(k, k)].norm1();
            let (large, small) = (below.max(beside), below.min(beside));
            let (far, near) = (corner.max(gap), corner.min(gap));
            let sum = far + large;
            negligible = small * (large / sum) <= tiny.max(f64::EPSILON * (near * (far / sum)));
        }
        if negligible {
            h[(k, k - 1)] = T::zero();
            return k;
        }
    }
    window.start
}

/// The two shifts of a Francis step: the eigenvalues of the last 2x2, or, when the iteration has
/// stalled for ten steps, numbers of the right size from elsewhere, to break a cycle.
fn double_shift(h: &DMatrix<f64>, block: Range<usize>, stalled: usize) -> [Complex<f64>; 2] {
    let last = block.end - 1;
    let [h11, h12, h21, h22] = if stalled.is_multiple_of(10) {
        let (corner, size) = if stalled.is_multiple_of(20) {
            (h[(last, last)], h[(last, last - 1)].abs() + h[(last - 1, last - 2)].abs())
        } else {
            let first = block.start;
            (h[(first, first)], h[(first + 1, first)].abs() + h[(first + 2, first + 1)].abs())
        };
        [corner + 0.75 * size, -0.4375 * size, size, corner + 0.75 * size]
    } else {
        [h[(last - 1, last - 1)], h[(last - 1, last)], h[(last, last - 1)], h[(last, last)]]
    };

    let size = h11.abs() + h12.abs() + h21.abs() + h22.abs();
    if size == 0.0 {
        return [Complex::ZERO; 2];
    }
    let centre = (h11 / size + h22 / size) / 2.0;
    let determinant = (h11 / size - centre) * (h22 / size - centre) - h12 / size * (h21 / size);
    let radius = determinant.abs().sqrt();
    if determinant >= 0.0 {
        let shift = Complex::new(centre, radius) * size;
        return [shift, shift.conj()];
    }
    // Two real eigenvalues: the one closer to the corner, twice.
    let (plus, minus) = (centre + radius, centre - radius);
    let corner = h22 / size;
    let closer = if (plus - corner).abs() <= (minus - corner).abs() { plus } else { minus };
    [Complex::from(closer * size); 2]
}

/// One implicit double-shift QR step on the rows and columns of `block`.
///
/// What `RQ + σI` does for `σ` and then for `σ̄`, in real numbers and O(N²): reflect the first three
/// rows as that product would, then chase the bulge this makes down the diagonal until the matrix
/// is Hessenberg again. The first column decides all the rest (the implicit Q theorem).
fn francis_step(
    h: &mut DMatrix<f64>,
    mut q: Option<&mut DMatrix<f64>>,
    block: Range<usize>,
    shifts: [Complex<f64>; 2],
) {
    let n = h.nrows();
    let (columns, rows) = if q.is_some() { (n, 0) } else { (block.end, block.start) };
    let (top, mut bulge) = start_bulge(h, block.clone(), shifts);
    for k in top..block.end - 2 {
        let (tau, beta) = reflector(&mut bulge);
        if k > top {
            h.view_mut((k, k - 1), (3, 1)).copy_from_slice(&[beta, 0.0, 0.0]);
        } else if k > block.start {
            h[(k, k - 1)] *= 1.0 - tau;
        }
        reflect_rows(h, k, k..columns, tau, bulge);
        reflect_columns(h, k, rows..block.end.min(k + 4), tau, bulge);
        if let Some(q) = q.as_deref_mut() {
            reflect_columns(q, k, 0..n, tau, bulge);
        }
        let third = if k + 3 < block.end { h[(k + 3, k)] } else { 0.0 };
        bulge = [h[(k + 1, k)], h[(k + 2, k)], third];
    }
    let k = block.end - 2;
    let (rotation, length) = Rotation::onto_first(bulge[0], bulge[1]);
    h.view_mut((k, k - 1), (2, 1)).copy_from_slice(&[length, 0.0]);
    rotation.rows(h, k, k..columns);
    rotation.columns(h, k, rows..block.end);
    if let Some(q) = q {
        rotation.columns(q, k, 0..n);
    }
}

/// Where a Francis step begins, and the first column of `(H - σ₁)(H - σ₂)` there, scaled: the top of
/// the block, or further down where two small subdiagonal entries in a row allow it.
fn start_bulge(
    h: &DMatrix<f64>,
    block: Range<usize>,
    [first, second]: [Complex<f64>; 2],
) -> (usize, [f64; 3]) {
    let mut k = block.end - 3;
    loop {
        let (corner, below) = (h[(k, k)], h[(k + 1, k)]);
        let size = (corner - second.re).abs() + second.im.abs() + below.abs();
        let below = below / size;
        let mut x = [
            below * h[(k, k + 1)] + (corner - first.re) * ((corner - second.re) / size)
                - first.im * (second.im / size),
            below * (corner + h[(k + 1, k + 1)] - first.re - second.re),
            below * h[(k + 2, k + 1)],
        ];
        let sum = x[0].abs() + x[1].abs() + x[2].abs();
        x = x.map(|entry| entry / sum);
        if k == block.start {
            return (k, x);
        }
        let diagonal = h[(k - 1, k - 1)].abs() + corner.abs() + h[(k + 1, k + 1)].abs();
        let spilled = h[(k, k - 1)].abs() * (x[1].abs() + x[2].abs());
        if spilled <= f64::EPSILON * x[0].abs() * diagonal {
            return (k, x);
        }
        k -= 1;
    }
}

/// Rotates a converged 2x2 block into standard form: upper triangular if its eigenvalues are real,
/// else `[a, b; c, a]` with `b c < 0`.
fn standardise(h: &mut DMatrix<f64>, q: Option<&mut DMatrix<f64>>, block: Range<usize>) {
    let n = h.nrows();
    let k = block.start;
    let old = [h[(k, k)], h[(k, k + 1)], h[(k + 1, k)], h[(k + 1, k + 1)]];
    let (rotation, [a, b, c, d]) = standard_block(old);
    if let Some(q) = q {
        // Without q nobody reads what stands beside the block.
        rotation.rows(h, k, k + 2..n);
        rotation.columns(h, k, 0..k);
        rotation.columns(q, k, 0..n);
    }
    (h[(k, k)], h[(k, k + 1)], h[(k + 1, k)], h[(k + 1, k + 1)]) = (a, b, c, d);
}

/// The rotation that standardises `[a, b; c, d]`, and the result. After LAPACK's `dlanv2`.
fn standard_block([a, b, c, d]: [f64; 4]) -> (Rotation<f64>, [f64; 4]) {
    if c == 0.0 || (a == d && b.signum() != c.signum() && b != 0.0) {
        return (Rotation { c: 1.0, s: 0.0 }, [a, b, c, d]);
    }
    if b == 0.0 {
        return (Rotation { c: 0.0, s: 1.0 }, [d, -c, 0.0, a]);
    }
    let half = 0.5 * (a - d);
    let (large, small) = (b.abs().max(c.abs()), b.abs().min(c.abs()) * b.signum() * c.signum());
    let size = half.abs().max(large);
    let discriminant = half / size * half + large / size * small;
    if discriminant >= 4.0 * f64::EPSILON * size {
        // Two real eigenvalues, well apart: d + z and d - bc/z, neither by cancellation.
        let z = half + (size.sqrt() * discriminant.sqrt()).copysign(half);
        let length = c.hypot(z);
        let rotation = Rotation { c: z / length, s: c / length };
        return (rotation, [d + z, b - c, 0.0, d - large / z * small]);
    }

    // A complex pair, or two nearly equal real eigenvalues: make the diagonal entries equal.
    let sum = b + c;
    let length = sum.hypot(a - d);
    let cosine = (0.5 * (1.0 + sum.abs() / length)).sqrt();
    let sine = -(half / (length * cosine)) * 1f64.copysign(sum);
    let (aa, bb) = (a * cosine + b * sine, -a * sine + b * cosine);
    let (cc, dd) = (c * cosine + d * sine, -c * sine + d * cosine);
    let (b, c) = (bb * cosine + dd * sine, -aa * sine + cc * cosine);
    let mean = 0.5 * ((aa * cosine + cc * sine) + (-bb * sine + dd * cosine));
    let rotation = Rotation { c: cosine, s: sine };
    if c == 0.0 {
        return (rotation, [mean, b, 0.0, mean]);
    }
    if b == 0.0 {
        return (rotation.then(Rotation { c: 0.0, s: 1.0 }), [mean, -c, 0.0, mean]);
    }
    if b.signum() != c.signum() {
        return (rotation, [mean, b, c, mean]);
    }
    // Real after all: one more rotation makes the block triangular.
    let (root_b, root_c) = (b.abs().sqrt(), c.abs().sqrt());
    let offset = (root_b * root_c).copysign(c);
    let length = (b + c).abs().sqrt();
    let second = Rotation { c: root_b / length, s: root_c / length };
    (rotation.then(second), [mean + offset, b - c, 0.0, mean - offset])
}

/// The eigenvalues on the diagonal of a quasi-triangular matrix.
fn block_eigenvalues(t: &DMatrix<f64>) -> DVector<Complex<f64>> {
    let n = t.nrows();
    let mut lambda = DVector::zeros(n);
    let mut k = 0;
    while k < n {
        lambda[k] = Complex::from(t[(k, k)]);
        if k + 1 < n && t[(k + 1, k)] != 0.0 {
            lambda[k].im = block_frequency(t, k);
            lambda[k + 1] = lambda[k].conj();
            k += 1;
        }
        k += 1;
    }
    lambda
}

/// `√(-bc)` of the block in rows k and k + 1, also where `bc` would leave the range of f64.
fn block_frequency(t: &DMatrix<f64>, k: usize) -> f64 {
    let (b, c) = (t[(k, k + 1)].abs(), t[(k + 1, k)].abs());
    let product = b * c;
    if (1e-250..1e250).contains(&product) { product.sqrt() } else { b.sqrt() * c.sqrt() }
}

/// The eigenvectors `Q x` of `A = QTQᵀ`, where `(T - λ) x = 0`, in the order of T.
fn schur_eigenvectors(q: &DMatrix<f64>, t: &DMatrix<f64>) -> DMatrix<Complex<f64>> {
    let n = t.nrows();
    // A complex x takes two columns, its real and its imaginary part: so one real product does all.
    let mut x = DMatrix::zeros(n, n);
    let mut k = 0;
    let mut pairs = Vec::new();
    while k < n {
        let pair = k + 1 < n && t[(k + 1, k)] != 0.0;
        for (row, entry) in block_eigenvector(t, k, pair).into_iter().enumerate() {
            x[(row, k)] = entry.re;
            if pair {
                x[(row, k + 1)] = entry.im;
            }
        }
        if pair {
            pairs.push(k);
            k += 1;
        }
        k += 1;
    }
    let product = q * x;
    let mut v = product.map(Complex::from);
    for k in pairs {
        for row in 0..n {
            v[(row, k)] = Complex::new(product[(row, k)], product[(row, k + 1)]);
            v[(row, k + 1)] = v[(row, k)].conj();
        }
    }
    v
}

/// The eigenvector of the quasi-triangular T for the eigenvalue at row k (for a pair: the one with
/// positive imaginary part), by back substitution, of no particular length.
fn block_eigenvector(t: &DMatrix<f64>, k: usize, pair: bool) -> Vec<Complex<f64>> {
    let mut lambda = Complex::from(t[(k, k)]);
    let mut x = vec![Complex::ZERO; k];
    if pair {
        let (b, c) = (t[(k, k + 1)], t[(k + 1, k)]);
        lambda.im = block_frequency(t, k);
        if b.abs() >= c.abs() {
            x.extend([Complex::ONE, Complex::new(0.0, lambda.im / b)]);
        } else {
            x.extend([Complex::from(-lambda.im / c), Complex::I]);
        }
        subtract_column(t, k + 1, &mut x, k);
    } else {
        x.push(Complex::ONE);
    }
    subtract_column(t, k, &mut x, k);

    // A pivot below rounding stands for a repeated eigenvalue: it is as good as the smallest one.
    let floor = (f64::EPSILON * lambda.norm()).max(1e-290);
    let pivot = |p: Complex<f64>| {
        if p.norm() < floor { Complex::from(floor) } else { p }
    };
    let mut row = k;
    while row > 0 {
        row -= 1;
        let p = Complex::from(t[(row, row)]) - lambda;
        if row > 0 && t[(row, row - 1)] != 0.0 {
            // Two rows at once: [p, b; c, p] has determinant (p + iω)(p - iω).
            row -= 1;
            let (b, c) = (t[(row, row + 1)], t[(row + 1, row)]);
            let omega = Complex::I * block_frequency(t, row);
            let (upper, lower) = (x[row], x[row + 1]);
            (x[row], x[row + 1]) = (p * upper - lower * b, p * lower - upper * c);
            divide(&mut x, row..row + 2, pivot(p + omega));
            divide(&mut x, row..row + 2, pivot(p - omega));
            subtract_column(t, row + 1, &mut x, row);
        } else {
            divide(&mut x, row..row + 1, pivot(p));
        }
        subtract_column(t, row, &mut x, row);
    }
    x
}

/// Moves the known `x[column]` to the right-hand side of the first `rows` equations.
fn subtract_column(t: &DMatrix<f64>, column: usize, x: &mut [Complex<f64>], rows: usize) {
    let n = t.nrows();
    let factor = x[column];
    for (x, &t) in x[..rows].iter_mut().zip(&t.as_slice()[column * n..]) {
        *x -= factor * t;
    }
}

/// Divides the entries in `rows`, shrinking the whole vector when they would grow beyond all bounds
/// (only its direction counts). The modulus is divided by on its own: its square may underflow.
fn divide(x: &mut [Complex<f64>], rows: Range<usize>, divisor: Complex<f64>) {
    const LARGE: f64 = 1e100;
    let size = divisor.norm();
    let direction = divisor / size;
    let largest = x[rows.clone()].iter().map(|entry| entry.norm()).fold(0.0, f64::max);
    if largest <= LARGE * size {
        x[rows].iter_mut().for_each(|entry| *entry = *entry / size / direction);
        return;
    }
    for (row, entry) in x.iter_mut().enumerate() {
        let inside = rows.contains(&row);
        *entry = if inside { *entry / largest / direction } else { *entry * (size / largest) };
    }
}

/// `A = Q T Qᴴ`: Q unitary, T upper triangular with the eigenvalues on its diagonal.
#[derive(Debug, Clone, PartialEq)]
pub struct ComplexSchur {
    /// The orthonormal basis, `[state, state]`.
    pub q: DMatrix<Complex<f64>>,
    /// The triangular matrix, `[state, state]`.
    pub t: DMatrix<Complex<f64>>,
}

/// The Schur form of a complex matrix, by Hessenberg reduction and single-shift QR steps.
///
/// *Good for* solving matrix equations (`A X + X B = C`) one column at a time. Cost O(N³).
///
/// # Errors
/// [`EigenError::Input`]; [`EigenError::NoConvergence`].
///
/// Source: Golub and Van Loan, chapter 7; the shift of LAPACK's `zlahqr`.
///
/// ```
/// use math_foundations::eigendecomposition::complex_schur;
/// use nalgebra::{Complex, dmatrix};
///
/// let a = dmatrix![Complex::ONE, Complex::I; Complex::I, Complex::new(2.0, 1.0)];
/// let schur = complex_schur(&a).unwrap();
/// assert!((&schur.q * &schur.t * schur.q.adjoint() - a).norm() < 1e-14);
/// assert_eq!(schur.t[(1, 0)], Complex::ZERO);
/// ```
pub fn complex_schur(a: &DMatrix<Complex<f64>>) -> Result<ComplexSchur, EigenError> {
    let n = validation::square("A", a)?;
    let (scaled, unit) = moderate(a);
    let isolated = isolate(&scaled);
    let mut t = isolated.a.clone();
    let mut q = DMatrix::identity(n, n);
    reduce_to_hessenberg(&mut t, Some(&mut q), &isolated.window);
    single_shift_qr(&mut t, Some(&mut q), &isolated.window)?;
    Ok(ComplexSchur { q: isolated.undo(&q), t: t * Complex::from(unit) })
}

/// All eigenvalues of a complex matrix, by descending real part, then descending imaginary part.
///
/// # Errors
/// [`EigenError::Input`]; [`EigenError::NoConvergence`]. Cost O(N³).
///
/// ```
/// use math_foundations::eigendecomposition::eigenvalues_complex;
/// use nalgebra::{Complex, dmatrix};
///
/// let lambda = eigenvalues_complex(&dmatrix![Complex::ZERO, Complex::I; Complex::ONE, Complex::ZERO]);
/// let root = Complex::from_polar(1.0, std::f64::consts::FRAC_PI_4); // λ² = i
/// assert!((lambda.unwrap()[0] - root).norm() < 1e-15);
/// ```
pub fn eigenvalues_complex(a: &DMatrix<Complex<f64>>) -> Result<DVector<Complex<f64>>, EigenError> {
    validation::square("A", a)?;
    let (scaled, unit) = moderate(a);
    let Balanced { a: mut t, window, .. } = balance(&scaled)?;
    reduce_to_hessenberg(&mut t, None, &window);
    single_shift_qr(&mut t, None, &window)?;
    let lambda = t.diagonal() * Complex::from(unit);
    Ok(lambda.select_rows(&descending(&lambda)))
}

/// Overwrites a complex Hessenberg h by its Schur form, and q by q times the basis. Without q only
/// the diagonal of h is right.
fn single_shift_qr(
    h: &mut DMatrix<Complex<f64>>,
    mut q: Option<&mut DMatrix<Complex<f64>>>,
    window: &Range<usize>,
) -> Result<(), EigenError> {
    let n = h.nrows();
    let budget = 30 * window.len().max(10);
    let (mut iterations, mut stalled) = (0, 0);
    let mut end = window.end;
    while end > window.start {
        let start = deflate(h, window, end);
        if end - start == 1 {
            (end, stalled) = (start, 0);
            continue;
        }
        if iterations == budget {
            return Err(EigenError::NoConvergence { iterations, remaining: end - window.start });
        }
        (iterations, stalled) = (iterations + 1, stalled + 1);

        // The first rotation is that of H - σI; each later one chases the bulge a row down.
        let shift = single_shift(h, start..end, stalled);
        let (columns, rows) = if q.is_some() { (n, 0) } else { (end, start) };
        for k in start..end - 1 {
            let rotation = if k == start {
                Rotation::onto_first(h[(k, k)] - shift, h[(k + 1, k)]).0
            } else {
                let (rotation, length) = Rotation::onto_first(h[(k, k - 1)], h[(k + 1, k - 1)]);
                (h[(k, k - 1)], h[(k + 1, k - 1)]) = (length, Complex::ZERO);
                rotation
            };
            rotation.rows(h, k, k..columns);
            rotation.columns(h, k, rows..end.min(k + 3));
            if let Some(q) = q.as_deref_mut() {
                rotation.columns(q, k, 0..n);
            }
        }
    }
    Ok(())
}

/// Wilkinson's shift: the eigenvalue of the last 2x2 that is closer to the corner; after ten steps
/// without progress, a number of the right size from elsewhere.
fn single_shift(h: &DMatrix<Complex<f64>>, block: Range<usize>, stalled: usize) -> Complex<f64> {
    let last = block.end - 1;
    if stalled.is_multiple_of(20) {
        return h[(last, last)] + 0.75 * h[(last, last - 1)].norm();
    }
    if stalled.is_multiple_of(10) {
        return h[(block.start, block.start)] + 0.75 * h[(block.start + 1, block.start)].norm();
    }
    let corner = h[(last, last)];
    let coupling = h[(last - 1, last)].sqrt() * h[(last, last - 1)].sqrt();
    let half = (h[(last - 1, last - 1)] - corner) * 0.5;
    if coupling == Complex::ZERO {
        return corner;
    }
    let size = coupling.norm().max(half.norm());
    let (coupling, half) = (coupling / size, half / size);
    let mut root = (half * half + coupling * coupling).sqrt();
    if (half.conj() * root).re < 0.0 {
        root = -root;
    }
    corner - coupling * (coupling / (half + root)) * size
}

/// Eigenvalues and eigenvectors of a Hermitian matrix: `A = V Λ Vᴴ`, Λ real, V unitary.
#[derive(Debug, Clone, PartialEq)]
pub struct HermitianEigendecomposition<T = Complex<f64>> {
    /// The eigenvalues, ascending, `[state]`.
    pub lambda: DVector<f64>,
    /// The orthonormal eigenvectors, a column each, `[state, state]`.
    pub v: DMatrix<T>,
}

/// All eigenvalues and eigenvectors of a Hermitian (or real symmetric) matrix.
///
/// Reflections from both sides make A tridiagonal and real; implicit QL steps empty the
/// off-diagonal.
///
/// *Good for* any Hermitian matrix: V is unitary to rounding even when eigenvalues coincide, and
/// each eigenvalue is within a few `ε‖A‖`. Mirrored entries may differ by `1e-12` of the largest
/// entry; their mean is used. Cost O(N³), about `9 N³` operations.
///
/// # Errors
/// [`EigenError::Input`]; [`EigenError::NotHermitian`]; [`EigenError::NoConvergence`].
///
/// Source: Golub and Van Loan, chapter 8; Dubrulle, Martin and Wilkinson 1968 (`imtql2`).
///
/// ```
/// use math_foundations::eigendecomposition::hermitian_eigendecomposition;
/// use nalgebra::{Complex, dmatrix};
///
/// let a = dmatrix![Complex::ONE, Complex::I; -Complex::I, Complex::ONE];
/// let modes = hermitian_eigendecomposition(&a).unwrap();
/// assert!(modes.lambda[0].abs() < 1e-15 && (modes.lambda[1] - 2.0).abs() < 1e-15);
///
/// let refused = hermitian_eigendecomposition(&dmatrix![1.0, 2.0; 3.0, 1.0]).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "expected A to be Hermitian, found 2 at row 0, column 1 but 3 at row 1, column 0"
/// );
/// ```
// ANCHOR: hermitian_eigendecomposition
pub fn hermitian_eigendecomposition<T>(
    a: &DMatrix<T>,
) -> Result<HermitianEigendecomposition<T>, EigenError>
where
    T: ComplexField<RealField = f64> + Copy,
{
    validation::square("A", a)?;
    let (scaled, unit) = moderate(a);
    let (mut diagonal, mut below, mut v) = tridiagonalise(hermitian_part(&scaled)?);
    implicit_ql(&mut diagonal, &mut below, &mut v)?;

    v.column_iter_mut().for_each(|mut column| fix_length_and_phase(column.as_mut_slice()));
    let lambda = DVector::from_vec(diagonal) * unit;
    let mut order: Vec<usize> = (0..lambda.len()).collect();
    order.sort_by(|&i, &j| lambda[i].total_cmp(&lambda[j]));
    Ok(HermitianEigendecomposition {
        lambda: lambda.select_rows(&order),
        v: v.select_columns(&order),
    })
}
// ANCHOR_END: hermitian_eigendecomposition

/// `(A + Aᴴ) / 2`, when that changes nothing but rounding.
fn hermitian_part<T>(a: &DMatrix<T>) -> Result<DMatrix<T>, EigenError>
where
    T: ComplexField<RealField = f64> + Copy,
{
    let allowed = 1e-12 * largest_entry(a);
    for column in 0..a.ncols() {
        for row in 0..=column {
            let (entry, mirrored) = (a[(row, column)], a[(column, row)]);
            if (entry - mirrored.conjugate()).modulus() > allowed {
                return Err(EigenError::NotHermitian {
                    row,
                    column,
                    entry: entry.to_string(),
                    mirrored: mirrored.to_string(),
                });
            }
        }
    }
    Ok((a + a.adjoint()).map(|entry| entry.scale(0.5)))
}

/// Reflects a Hermitian matrix to a real tridiagonal one: its diagonal, what stands below it, and
/// the basis. Only the lower triangle is read.
fn tridiagonalise<T>(mut a: DMatrix<T>) -> (Vec<f64>, Vec<f64>, DMatrix<T>)
where
    T: ComplexField<RealField = f64> + Copy,
{
    let n = a.nrows();
    let mut reflections = Vec::with_capacity(n);
    let mut below = Vec::with_capacity(n);
    for k in 0..n - 1 {
        let mut v = a.as_slice()[k * n + k + 1..(k + 1) * n].to_vec();
        let (tau, beta) = reflector(&mut v);
        below.push(beta);

        // w = τ S v, with S the trailing block, of which column j is known from row j down.
        let mut w = vec![T::zero(); v.len()];
        let trailing = &mut a.as_mut_slice()[(k + 1) * n..];
        for (j, column) in trailing.chunks_exact(n).enumerate() {
            let (diagonal, under) = (column[k + 1 + j], &column[k + 2 + j..]);
            w[j] += diagonal * v[j] + dot(under, &v[j + 1..]);
            axpy(v[j], under, &mut w[j + 1..]);
        }
        w.iter_mut().for_each(|w| *w *= tau);
        // Hᴴ S H = S - v wᴴ - w vᴴ, once w has given up half its share of v.
        let half = (tau * dot(&w, &v)).scale(-0.5);
        axpy(half, &v, &mut w);
        for (j, column) in trailing.chunks_exact_mut(n).enumerate() {
            let column = &mut column[k + 1 + j..];
            axpy(-w[j].conjugate(), &v[j..], column);
            axpy(-v[j].conjugate(), &w[j..], column);
        }
        reflections.push((k + 1, tau, v));
    }
    let mut q = DMatrix::identity(n, n);
    accumulate(&mut q, &reflections);
    (a.diagonal().iter().map(|entry| entry.real()).collect(), below, q)
}

/// Implicit QL steps on a real symmetric tridiagonal matrix until its off-diagonal is negligible;
/// each rotation is applied to the columns of v too.
fn implicit_ql<T>(d: &mut [f64], e: &mut Vec<f64>, v: &mut DMatrix<T>) -> Result<(), EigenError>
where
    T: ComplexField<RealField = f64> + Copy,
{
    let n = d.len();
    e.push(0.0);
    let budget = 30 * n.max(10);
    let mut iterations = 0;
    for first in 0..n {
        loop {
            // The block that is still coupled to `first` ends at `last`.
            let last = (first..n - 1)
                .find(|&k| e[k].abs() <= f64::EPSILON * (d[k].abs() + d[k + 1].abs()))
                .unwrap_or(n - 1);
            if last == first {
                break;
            }
            if iterations == budget {
                return Err(EigenError::NoConvergence { iterations, remaining: n - first });
            }
            iterations += 1;

            // Wilkinson's shift, from the 2x2 at the top.
            let ratio = (d[first + 1] - d[first]) / (2.0 * e[first]);
            let length = ratio.hypot(1.0).copysign(ratio);
            let mut corner = d[last] - (d[first] - e[first] / (ratio + length));

            // Chase the bulge upwards.
            let (mut cosine, mut sine, mut carried) = (1.0, 1.0, 0.0);
            let mut split = false;
            for k in (first..last).rev() {
                let (bulge, beside) = (sine * e[k], cosine * e[k]);
                let length = bulge.hypot(corner);
                e[k + 1] = length;
                if length == 0.0 {
                    d[k + 1] -= carried;
                    split = true;
                    break;
                }
                (cosine, sine) = (corner / length, bulge / length);
                let reduced = d[k + 1] - carried;
                let mixed = (d[k] - reduced) * sine + 2.0 * cosine * beside;
                carried = sine * mixed;
                d[k + 1] = reduced + carried;
                corner = cosine * mixed - beside;
                rotate_pair(v, k, cosine, -sine);
            }
            if !split {
                d[first] -= carried;
                e[first] = corner;
            }
            e[last] = 0.0;
        }
    }
    Ok(())
}

/// Rotates columns k and k + 1 of v by a real rotation.
fn rotate_pair<T>(v: &mut DMatrix<T>, k: usize, cosine: f64, sine: f64)
where
    T: ComplexField<RealField = f64> + Copy,
{
    let n = v.nrows();
    let (left, right) = v.as_mut_slice()[k * n..(k + 2) * n].split_at_mut(n);
    for (x, y) in left.iter_mut().zip(right) {
        (*x, *y) = (x.scale(cosine) + y.scale(sine), y.scale(cosine) - x.scale(sine));
    }
}

/// The order of eigenvalues: descending real part, then descending imaginary part.
fn descending(lambda: &DVector<Complex<f64>>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lambda.len()).collect();
    order.sort_by(|&i, &j| {
        let (x, y) = (lambda[i], lambda[j]);
        let real = y.re.partial_cmp(&x.re).unwrap_or(Ordering::Equal);
        real.then(y.im.partial_cmp(&x.im).unwrap_or(Ordering::Equal))
    });
    order
}

/// The matrix, divided by a power of two if its entries are so large or small that squares would
/// leave the range of f64; and that power.
fn moderate<T: ComplexField<RealField = f64> + Copy>(a: &DMatrix<T>) -> (DMatrix<T>, f64) {
    let largest = largest_entry(a);
    if largest == 0.0 || (1e-138..1e138).contains(&largest) {
        return (a.clone(), 1.0);
    }
    let unit = largest.log2().floor().clamp(-1022.0, 1023.0).exp2();
    (a.map(|entry| entry.unscale(unit)), unit)
}

/// The largest real or imaginary part, in modulus.
fn largest_entry<T: ComplexField<RealField = f64> + Copy>(a: &DMatrix<T>) -> f64 {
    a.iter().map(|x| x.real().abs().max(x.imaginary().abs())).fold(0.0, f64::max)
}

/// Scales a vector to unit length and turns it so that its largest entry is real and positive (the
/// first of those that are equal up to rounding).
fn fix_length_and_phase<T: ComplexField<RealField = f64> + Copy>(v: &mut [T]) {
    let length = norm(v);
    if length == 0.0 {
        return;
    }
    v.iter_mut().for_each(|entry| *entry = entry.unscale(length));
    let largest = v.iter().map(|entry| entry.modulus()).fold(0.0, f64::max);
    if let Some(k) = v.iter().position(|entry| entry.modulus() >= (1.0 - 1e-8) * largest) {
        let modulus = v[k].modulus();
        let phase = v[k].conjugate().unscale(modulus);
        v.iter_mut().for_each(|entry| *entry *= phase);
        v[k] = T::from_real(modulus);
    }
}

/// The reflection `H = I - τ v vᴴ` with `Hᴴ x = (β, 0, …, 0)`, β real: overwrites x by v, whose first
/// entry is 1, and returns τ and β.
fn reflector<T: ComplexField<RealField = f64> + Copy>(x: &mut [T]) -> (T, f64) {
    let (head, tail) = x.split_at_mut(1);
    let alpha = head[0];
    let beyond = norm(tail);
    let length = alpha.modulus().hypot(beyond);
    head[0] = T::one();
    if (beyond == 0.0 && alpha.imaginary() == 0.0) || length < f64::MIN_POSITIVE / f64::EPSILON {
        tail.fill(T::zero());
        return (T::zero(), alpha.real());
    }
    // The sign that adds: α - β never cancels.
    let beta = -length.copysign(alpha.real());
    let pivot = alpha - T::from_real(beta);
    let size = pivot.modulus();
    let scale = pivot.conjugate().unscale(size).unscale(size);
    tail.iter_mut().for_each(|entry| *entry *= scale);
    ((T::from_real(beta) - alpha).unscale(beta), beta)
}

/// Applies the reflection of three rows k, k + 1, k + 2 to some columns.
fn reflect_rows(h: &mut DMatrix<f64>, k: usize, columns: Range<usize>, tau: f64, v: [f64; 3]) {
    let n = h.nrows();
    let [_, v1, v2] = v;
    for column in h.as_mut_slice()[columns.start * n..columns.end * n].chunks_exact_mut(n) {
        if let [x, y, z] = &mut column[k..k + 3] {
            let share = tau * (*x + v1 * *y + v2 * *z);
            *x -= share;
            *y -= share * v1;
            *z -= share * v2;
        }
    }
}

/// Applies the reflection of three columns k, k + 1, k + 2 to some rows.
fn reflect_columns(h: &mut DMatrix<f64>, k: usize, rows: Range<usize>, tau: f64, v: [f64; 3]) {
    let n = h.nrows();
    let [_, v1, v2] = v;
    let (first, rest) = h.as_mut_slice()[k * n..(k + 3) * n].split_at_mut(n);
    let (second, third) = rest.split_at_mut(n);
    let columns = first[rows.clone()].iter_mut().zip(&mut second[rows.clone()]);
    for ((x, y), z) in columns.zip(&mut third[rows]) {
        let share = tau * (*x + v1 * *y + v2 * *z);
        *x -= share;
        *y -= share * v1;
        *z -= share * v2;
    }
}

/// The rotation `[c, s; -s̄, c]` of two rows, with `c² + |s|² = 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rotation<T> {
    c: f64,
    s: T,
}

impl<T: ComplexField<RealField = f64> + Copy> Rotation<T> {
    /// The rotation that takes `(x, y)` to `(r, 0)`, and r.
    fn onto_first(x: T, y: T) -> (Self, T) {
        let (size, other) = (x.modulus(), y.modulus());
        let length = size.hypot(other);
        if other == 0.0 || length == 0.0 {
            return (Self { c: 1.0, s: T::zero() }, x);
        }
        if size == 0.0 {
            return (Self { c: 0.0, s: y.conjugate().unscale(other) }, T::from_real(other));
        }
        let direction = x.unscale(size);
        let s = direction * y.conjugate().unscale(length);
        (Self { c: size / length, s }, direction.scale(length))
    }

    /// Rotates rows k and k + 1 of some columns.
    fn rows(self, h: &mut DMatrix<T>, k: usize, columns: Range<usize>) {
        let n = h.nrows();
        for column in h.as_mut_slice()[columns.start * n..columns.end * n].chunks_exact_mut(n) {
            if let [x, y] = &mut column[k..k + 2] {
                let first = x.scale(self.c) + self.s * *y;
                *y = y.scale(self.c) - self.s.conjugate() * *x;
                *x = first;
            }
        }
    }

    /// Rotates columns k and k + 1 back (by the adjoint from the right) in some rows.
    fn columns(self, h: &mut DMatrix<T>, k: usize, rows: Range<usize>) {
        let n = h.nrows();
        let (left, right) = h.as_mut_slice()[k * n..(k + 2) * n].split_at_mut(n);
        for (x, y) in left[rows.clone()].iter_mut().zip(&mut right[rows]) {
            let first = x.scale(self.c) + self.s.conjugate() * *y;
            *y = y.scale(self.c) - self.s * *x;
            *x = first;
        }
    }
}

impl Rotation<f64> {
    /// This rotation, followed by another one: their product.
    fn then(self, next: Self) -> Self {
        Self { c: next.c * self.c - next.s * self.s, s: next.c * self.s + next.s * self.c }
    }
}

/// `xᴴ y`, in eight running sums: the processor adds them side by side.
fn dot<T: ComplexField<RealField = f64> + Copy>(x: &[T], y: &[T]) -> T {
    const LANES: usize = 8;
    let mut sums = [T::zero(); LANES];
    let (chunks_x, chunks_y) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = chunks_x.remainder().iter().zip(chunks_y.remainder());
    let rest = rest.fold(T::zero(), |sum, (x, y)| sum + x.conjugate() * *y);
    for (x, y) in chunks_x.zip(chunks_y) {
        for lane in 0..LANES {
            sums[lane] += x[lane].conjugate() * y[lane];
        }
    }
    sums.into_iter().fold(rest, |sum, lane| sum + lane)
}

/// `y ← y + a x`.
fn axpy<T: ComplexField<RealField = f64> + Copy>(a: T, x: &[T], y: &mut [T]) {
    for (x, y) in x.iter().zip(y) {
        *y += a * *x;
    }
}

/// The length of a vector, also where its square would leave the range of f64.
fn norm<T: ComplexField<RealField = f64> + Copy>(x: &[T]) -> f64 {
    let square: f64 = x.iter().map(|entry| entry.modulus_squared()).sum();
    if (1e-250..1e250).contains(&square) {
        return square.sqrt();
    }
    let largest = x.iter().map(|entry| entry.modulus()).fold(0.0, f64::max);
    if largest == 0.0 {
        return 0.0;
    }
    largest * x.iter().map(|entry| entry.unscale(largest).modulus_squared()).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::dmatrix;

    #[test]
    fn one_francis_step_equals_two_explicit_steps() {
        let a = dmatrix![
            4.0, 1.0, -2.0, 2.0;
            1.0, 2.0, 0.0, 1.0;
            0.0, 3.0, 3.0, -2.0;
            0.0, 0.0, 2.0, -1.0
        ];
        let shift = 0.7;
        let explicit = shifted_qr_step(&shifted_qr_step(&a, shift).unwrap(), shift).unwrap();
        let mut implicit = a.clone();
        let mut q = DMatrix::identity(4, 4);
        francis_step(&mut implicit, Some(&mut q), 0..4, [Complex::from(shift); 2]);

        assert!((&q * &implicit * q.transpose() - a).amax() < 1e-14);
        // The implicit Q theorem: the same matrix, up to the signs of the basis.
        for (i, e) in implicit.iter().zip(explicit.iter()) {
            assert!((i.abs() - e.abs()).abs() < 1e-13, "{i} {e}");
        }
    }

    #[test]
    fn a_standard_block_is_a_rotation_of_the_block_it_came_from() {
        let values = [0.0, 1.0, -1.0, 2.5, 1e-9, -1e-9, 1e8, 1.0 + 1e-15, 1e-200];
        for code in 0..values.len().pow(4) {
            let pick = |place: u32| values[code / values.len().pow(place) % values.len()];
            let [a, b, c, d] = [pick(0), pick(1), pick(2), pick(3)];
            let (rotation, [e, f, g, h]) = standard_block([a, b, c, d]);
            assert!(g == 0.0 || (e == h && f.signum() != g.signum()));
            let turn = dmatrix![rotation.c, rotation.s; -rotation.s, rotation.c];
            let back = turn.transpose() * dmatrix![e, f; g, h] * &turn;
            let error = (back - dmatrix![a, b; c, d]).amax();
            let size = a.abs().max(b.abs()).max(c.abs()).max(d.abs());
            assert!(error <= 1e-14 * size, "[{a}, {b}; {c}, {d}]: {error:e}");
        }
    }

    #[test]
    fn an_iteration_that_does_not_converge_says_so() {
        // Only a matrix that validation refuses gets this far: NaN is never negligible.
        let mut nan = DMatrix::from_element(4, 4, f64::NAN);
        let stopped = francis(&mut nan, None, &(0..4)).unwrap_err();
        assert_eq!(
            stopped.to_string(),
            "no convergence after 300 iterations, 4 of the eigenvalues missing"
        );
        let mut nan = nan.map(Complex::from);
        assert!(single_shift_qr(&mut nan, None, &(0..4)).is_err());
        let mut e = vec![f64::NAN; 3];
        assert!(implicit_ql(&mut [1.0; 4], &mut e, &mut DMatrix::<f64>::identity(4, 4)).is_err());
    }

    #[test]
    fn dot_and_norm_agree_with_the_definition() {
        for n in 0..20 {
            let x: Vec<f64> = (0..n).map(|k| f64::from(k) - 3.5).collect();
            let plain: f64 = x.iter().map(|x| x * x).sum();
            assert!((dot(&x, &x) - plain).abs() < 1e-12);
            assert!((norm(&x) - plain.sqrt()).abs() < 1e-12);
            let tiny: Vec<f64> = x.iter().map(|x| x * 1e-200).collect();
            assert!((norm(&tiny) / 1e-200 - plain.sqrt()).abs() < 1e-12);
        }
        assert_eq!(dot(&[Complex::I], &[Complex::I]), Complex::ONE);
    }
}
