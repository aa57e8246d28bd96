//! The sentences that refuse a bad matrix: one place, so that every page refuses alike.
//!
//! Each check takes the symbol that the reader used (`"A"`, `"B"`), so that the sentence names it
//! and gives the value that was found: `expected A to be square, found 3 x 2`.

use nalgebra::{ComplexField, DMatrix, DVector};
use thiserror::Error;

/// Why a matrix or a vector cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InputError {
    /// Rows and columns differ where they must agree.
    #[error("expected {name} to be square, found {rows} x {columns}")]
    NotSquare {
        /// The symbol of the matrix.
        name: &'static str,
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
    },
    /// No rows or no columns.
    #[error("expected {name} to have at least one row and one column, found {rows} x {columns}")]
    Empty {
        /// The symbol of the matrix.
        name: &'static str,
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
    },
    /// NaN or an infinity.
    #[error(
        "expected every entry of {name} to be finite, found {value} at row {row}, column {column}"
    )]
    NotFinite {
        /// The symbol of the matrix.
        name: &'static str,
        /// The entry as it prints.
        value: String,
        /// Row of the first such entry, from 0.
        row: usize,
        /// Column of the first such entry, from 0.
        column: usize,
    },
    /// Two shapes that do not fit together.
    #[error("expected {name} to be {expected_rows} x {expected_columns}, found {rows} x {columns}")]
    ShapeMismatch {
        /// The symbol of the matrix.
        name: &'static str,
        /// Rows expected.
        expected_rows: usize,
        /// Columns expected.
        expected_columns: usize,
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
    },
    /// A matrix that differs from its transpose.
    #[error("expected {name} to be symmetric, found {value} and {mirrored} across the diagonal")]
    NotSymmetric {
        /// The symbol of the matrix.
        name: &'static str,
        /// An entry.
        value: f64,
        /// The entry on the other side.
        mirrored: f64,
    },
    /// A number outside the range in which it has a meaning.
    #[error("expected {name} to be {expected}, found {value}")]
    OutOfRange {
        /// The symbol of the number.
        name: &'static str,
        /// The range, in words: `positive`, `at least 1`.
        expected: &'static str,
        /// The number as it prints.
        value: String,
    },
}

/// Refuses a matrix without rows or columns, and one with a NaN or infinite entry.
///
/// # Errors
/// [`InputError::Empty`], [`InputError::NotFinite`].
pub fn finite<T: ComplexField>(name: &'static str, matrix: &DMatrix<T>) -> Result<(), InputError> {
    let (rows, columns) = matrix.shape();
    if rows == 0 || columns == 0 {
        return Err(InputError::Empty { name, rows, columns });
    }
    for row in 0..rows {
        for column in 0..columns {
            let entry = &matrix[(row, column)];
            if !entry.is_finite() {
                return Err(InputError::NotFinite { name, value: entry.to_string(), row, column });
            }
        }
    }
    Ok(())
}

/// Refuses a vector without entries, and one with a NaN or infinite entry.
///
/// # Errors
/// [`InputError::Empty`], [`InputError::NotFinite`].
pub fn finite_vector<T: ComplexField>(
    name: &'static str,
    vector: &DVector<T>,
) -> Result<(), InputError> {
    if vector.is_empty() {
        return Err(InputError::Empty { name, rows: 0, columns: 1 });
    }
    match vector.iter().position(|entry| !entry.is_finite()) {
        None => Ok(()),
        Some(row) => {
            Err(InputError::NotFinite { name, value: vector[row].to_string(), row, column: 0 })
        }
    }
}

/// Refuses what [`finite`] refuses, and a matrix that is not square. Returns its size N.
///
/// # Errors
/// [`InputError::NotSquare`] and those of [`finite`].
///
/// ```
/// use math_foundations::validation::square;
/// use nalgebra::DMatrix;
///
/// let tall = DMatrix::<f64>::zeros(3, 2);
/// let error = square("A", &tall).unwrap_err();
/// assert_eq!(error.to_string(), "expected A to be square, found 3 x 2");
/// ```
pub fn square<T: ComplexField>(
    name: &'static str,
    matrix: &DMatrix<T>,
) -> Result<usize, InputError> {
    finite(name, matrix)?;
    let (rows, columns) = matrix.shape();
    if rows == columns { Ok(rows) } else { Err(InputError::NotSquare { name, rows, columns }) }
}

/// Refuses what [`square`] refuses, and a matrix that differs from its transpose by more than rounding:
/// by more than 1e-12 of its largest entry. Returns its size N.
///
/// # Errors
/// [`InputError::NotSymmetric`] and those of [`square`].
///
/// ```
/// use math_foundations::validation::symmetric;
/// use nalgebra::dmatrix;
///
/// let error = symmetric("Q", &dmatrix![1.0, 0.5; 0.0, 1.0]).unwrap_err();
/// assert_eq!(error.to_string(), "expected Q to be symmetric, found 0 and 0.5 across the diagonal");
/// ```
pub fn symmetric(name: &'static str, matrix: &DMatrix<f64>) -> Result<usize, InputError> {
    let n = square(name, matrix)?;
    let allowed = 1e-12 * matrix.amax();
    for (row, column) in (0..n).flat_map(|row| (0..row).map(move |column| (row, column))) {
        let (value, mirrored) = (matrix[(row, column)], matrix[(column, row)]);
        if (value - mirrored).abs() > allowed {
            return Err(InputError::NotSymmetric { name, value, mirrored });
        }
    }
    Ok(n)
}

/// Refuses a matrix whose shape is not `expected`.
///
/// # Errors
/// [`InputError::ShapeMismatch`].
pub fn shape<T: ComplexField>(
    name: &'static str,
    matrix: &DMatrix<T>,
    expected: (usize, usize),
) -> Result<(), InputError> {
    let (rows, columns) = matrix.shape();
    if (rows, columns) == expected {
        return Ok(());
    }
    let (expected_rows, expected_columns) = expected;
    Err(InputError::ShapeMismatch { name, expected_rows, expected_columns, rows, columns })
}

/// Refuses a vector whose length is not `expected`.
///
/// # Errors
/// [`InputError::ShapeMismatch`].
pub fn length<T: ComplexField>(
    name: &'static str,
    vector: &DVector<T>,
    expected: usize,
) -> Result<(), InputError> {
    if vector.len() == expected {
        return Ok(());
    }
    Err(InputError::ShapeMismatch {
        name,
        expected_rows: expected,
        expected_columns: 1,
        rows: vector.len(),
        columns: 1,
    })
}

/// Refuses a count of none.
///
/// # Errors
/// [`InputError::OutOfRange`].
///
/// ```
/// use math_foundations::validation::at_least_one;
///
/// assert!(at_least_one("N", 1).is_ok());
/// assert_eq!(at_least_one("N", 0).unwrap_err().to_string(), "expected N to be at least 1, found 0");
/// ```
pub fn at_least_one(name: &'static str, count: usize) -> Result<(), InputError> {
    match count {
        0 => Err(InputError::OutOfRange { name, expected: "at least 1", value: "0".to_owned() }),
        _ => Ok(()),
    }
}

/// Refuses a number that is not finite and positive.
///
/// # Errors
/// [`InputError::OutOfRange`].
pub fn positive(name: &'static str, value: f64) -> Result<(), InputError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(InputError::OutOfRange { name, expected: "finite and positive", value: value.to_string() })
}

/// Refuses a number that is not finite, and one below zero.
///
/// # Errors
/// [`InputError::OutOfRange`].
pub fn non_negative(name: &'static str, value: f64) -> Result<(), InputError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(InputError::OutOfRange {
        name,
        expected: "finite and not negative",
        value: value.to_string(),
    })
}
