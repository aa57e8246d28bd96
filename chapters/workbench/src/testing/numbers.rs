//! Matrices and sets of numbers against those of a reference.

use nalgebra::{Complex, ComplexField, DMatrix, Dim, Matrix, RawStorage};

/// A matrix of a fixture, row by row.
///
/// # Panics
/// If there is no row, or a row is shorter than the first.
#[track_caller]
pub fn matrix(rows: &[Vec<f64>]) -> DMatrix<f64> {
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

/// `‖found - expected‖ / ‖expected‖` in the Frobenius norm, absolute where nothing is expected.
///
/// ```
/// use nalgebra::{dmatrix, dvector};
/// use workbench::testing::relative_error;
///
/// assert_eq!(relative_error(&dmatrix![3.0, 5.0], &dmatrix![3.0, 4.0]), 0.2);
/// assert_eq!(relative_error(&dvector![0.0, 0.5], &dvector![0.0, 0.0]), 0.5);
/// assert!(relative_error(&dvector![f64::NAN], &dvector![1.0]).is_nan());
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn relative_error<T, R, C, S, E>(
    found: &Matrix<T, R, C, S>,
    expected: &Matrix<T, R, C, E>,
) -> f64
where
    T: ComplexField<RealField = f64>,
    R: Dim,
    C: Dim,
    S: RawStorage<T, R, C>,
    E: RawStorage<T, R, C>,
{
    assert_eq!(found.shape(), expected.shape(), "the shapes differ");
    let apart: f64 = found
        .iter()
        .zip(expected.iter())
        .map(|(found, expected)| (found.clone() - expected.clone()).modulus_squared())
        .sum();
    let size: f64 = expected.iter().map(|entry| entry.clone().modulus_squared()).sum();
    (apart / if size == 0.0 { 1.0 } else { size }).sqrt()
}

/// Accepts a [`relative_error`] up to `relative`.
///
/// # Panics
/// If it is larger, or if the shapes differ.
#[track_caller]
pub fn assert_close<T, R, C, S, E>(
    what: &str,
    found: &Matrix<T, R, C, S>,
    expected: &Matrix<T, R, C, E>,
    relative: f64,
) where
    T: ComplexField<RealField = f64>,
    R: Dim,
    C: Dim,
    S: RawStorage<T, R, C>,
    E: RawStorage<T, R, C>,
{
    let error = relative_error(found, expected);
    assert!(error <= relative, "{what}: expected {expected}found {found}relative error {error:e}");
}

/// Each expected number with the nearest found one that is still free.
///
/// ```
/// use nalgebra::Complex;
/// use workbench::testing::paired;
///
/// let [one, i] = [Complex::ONE, Complex::I];
/// assert_eq!(paired(&[one, one, i], &[i, one, 2.0 * one]), [(one, one), (one, 2.0 * one), (i, i)]);
/// ```
///
/// # Panics
/// If there are more of one kind than of the other.
#[track_caller]
pub fn paired(
    expected: &[Complex<f64>],
    found: &[Complex<f64>],
) -> Vec<(Complex<f64>, Complex<f64>)> {
    assert_eq!(expected.len(), found.len(), "expected {expected:?}, found {found:?}");
    let mut free = found.to_vec();
    let nearest = |&wanted: &Complex<f64>| {
        let distance = |index: &usize| (free[*index] - wanted).norm();
        let nearest = (0..free.len()).min_by(|i, j| distance(i).total_cmp(&distance(j)));
        (wanted, free.swap_remove(nearest.expect("as many as expected")))
    };
    expected.iter().map(nearest).collect()
}

/// Knuth’s MMIX generator, whose numbers a script can draw as well: from -1 to 1.
#[derive(Debug, Clone)]
pub struct Lcg(
    /// The seed.
    pub u64,
);

impl Lcg {
    /// The next number.
    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 * 2.0_f64.powi(-52) - 1.0
    }

    /// A matrix, drawn row by row.
    pub fn matrix(&mut self, rows: usize, columns: usize) -> DMatrix<f64> {
        let entries: Vec<f64> = (0..rows * columns).map(|_| self.draw()).collect();
        DMatrix::from_row_slice(rows, columns, &entries)
    }
}
