//! What can be compared entry by entry.

use std::fmt::Display;

use nalgebra::{Complex, Dim, Matrix, RawStorage};

use super::Mismatch;

/// A real or complex number.
pub trait Number: Copy {
    /// Real and imaginary part.
    fn parts(self) -> (f64, f64);
    /// The number in `digits` significant digits.
    fn text(self, digits: usize) -> String;
}

impl Number for f64 {
    fn parts(self) -> (f64, f64) {
        (self, 0.0)
    }
    fn text(self, digits: usize) -> String {
        significant(self, digits)
    }
}

impl Number for f32 {
    fn parts(self) -> (f64, f64) {
        (f64::from(self), 0.0)
    }
    fn text(self, digits: usize) -> String {
        significant(f64::from(self), digits)
    }
}

impl<T: Number> Number for Complex<T> {
    fn parts(self) -> (f64, f64) {
        (self.re.parts().0, self.im.parts().0)
    }
    fn text(self, digits: usize) -> String {
        let (_, im) = self.parts();
        let sign = if im.is_sign_negative() { '-' } else { '+' };
        format!(
            "{} {sign} {}i",
            self.re.text(digits),
            significant(im.abs(), digits)
        )
    }
}

/// `digits` significant digits, trailing zeros dropped, a power of ten where that is shorter.
fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let rounded: f64 = scientific.parse().unwrap_or(value);
    if (1e-4..1e7).contains(&rounded.abs()) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

/// What [`expect_close`](super::expect_close) compares entry by entry: a number, a list of numbers,
/// a vector or a matrix.
pub trait Quantity {
    /// Rows and columns; a list is a column, a number is 1 x 1.
    fn shape(&self) -> (usize, usize);
    /// Real and imaginary part of an entry.
    fn parts(&self, row: usize, column: usize) -> (f64, f64);
    /// An entry in `digits` significant digits.
    fn text(&self, row: usize, column: usize, digits: usize) -> String;
    /// How an entry is named after the quantity: nothing, `[2]` or `[2, 0]`.
    fn index(&self, row: usize, column: usize) -> String;
}

macro_rules! number_is_a_quantity {
    ($($number:ty),*) => {$(
        impl Quantity for $number {
            fn shape(&self) -> (usize, usize) {
                (1, 1)
            }
            fn parts(&self, _: usize, _: usize) -> (f64, f64) {
                Number::parts(*self)
            }
            fn text(&self, _: usize, _: usize, digits: usize) -> String {
                Number::text(*self, digits)
            }
            fn index(&self, _: usize, _: usize) -> String {
                String::new()
            }
        }
    )*};
}
number_is_a_quantity!(f64, f32, Complex<f64>, Complex<f32>);

impl<T: Number> Quantity for [T] {
    fn shape(&self) -> (usize, usize) {
        (self.len(), 1)
    }
    fn parts(&self, row: usize, _: usize) -> (f64, f64) {
        self[row].parts()
    }
    fn text(&self, row: usize, _: usize, digits: usize) -> String {
        self[row].text(digits)
    }
    fn index(&self, row: usize, _: usize) -> String {
        format!("[{row}]")
    }
}

impl<T: Number, R: Dim, C: Dim, S: RawStorage<T, R, C>> Quantity for Matrix<T, R, C, S> {
    fn shape(&self) -> (usize, usize) {
        Matrix::shape(self)
    }
    fn parts(&self, row: usize, column: usize) -> (f64, f64) {
        self[(row, column)].parts()
    }
    fn text(&self, row: usize, column: usize, digits: usize) -> String {
        self[(row, column)].text(digits)
    }
    fn index(&self, row: usize, column: usize) -> String {
        if C::try_to_usize() == Some(1) {
            format!("[{row}]")
        } else {
            format!("[{row}, {column}]")
        }
    }
}

macro_rules! forwards {
    ($(($($generics:tt)*) $holder:ty => $inner:ty;)*) => {$(
        impl<$($generics)*> Quantity for $holder {
            fn shape(&self) -> (usize, usize) {
                <$inner>::shape(self)
            }
            fn parts(&self, row: usize, column: usize) -> (f64, f64) {
                <$inner>::parts(self, row, column)
            }
            fn text(&self, row: usize, column: usize, digits: usize) -> String {
                <$inner>::text(self, row, column, digits)
            }
            fn index(&self, row: usize, column: usize) -> String {
                <$inner>::index(self, row, column)
            }
        }
    )*};
}
forwards! {
    (T: Number) Vec<T> => [T];
    (T: Number, const N: usize) [T; N] => [T];
    (Q: Quantity + ?Sized) &Q => Q;
}

pub(super) fn compare<E: Quantity, F: Quantity>(
    at: impl Display,
    name: &str,
    expected: &E,
    found: &F,
    tolerance: f64,
) -> Result<(), Mismatch> {
    let (rows, columns) = expected.shape();
    if found.shape() != (rows, columns) {
        let (found_rows, found_columns) = found.shape();
        return Err(if columns == 1 && found_columns == 1 {
            Mismatch::new(
                at,
                format_args!("{name} to have {rows} entries"),
                format_args!("{found_rows}"),
            )
        } else {
            Mismatch::new(
                at,
                format_args!("{name} to be {rows} x {columns}"),
                format_args!("{found_rows} x {found_columns}"),
            )
        });
    }
    for row in 0..rows {
        for column in 0..columns {
            let (re, im) = expected.parts(row, column);
            let (found_re, found_im) = found.parts(row, column);
            let distance = (re - found_re).hypot(im - found_im);
            // Written so that a NaN is never close to anything; equal infinities are.
            let close = distance <= tolerance * (1.0 + re.hypot(im));
            if close || (re == found_re && im == found_im) {
                continue;
            }
            // As few digits as tell the two apart, but never fewer than six.
            let texts = |digits| {
                (
                    expected.text(row, column, digits),
                    found.text(row, column, digits),
                )
            };
            let (expected_text, found_text) = (6..=17)
                .map(texts)
                .find(|(e, f)| e != f)
                .unwrap_or_else(|| texts(17));
            let index = expected.index(row, column);
            return Err(Mismatch::new(
                at,
                format_args!("{name}{index} = {expected_text}"),
                found_text,
            ));
        }
    }
    Ok(())
}
