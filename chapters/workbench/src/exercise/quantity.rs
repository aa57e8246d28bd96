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
        format!("{} {sign} {}i", self.re.text(digits), significant(im.abs(), digits))
    }
}

/// `digits` significant digits, trailing zeros dropped, a power of ten where that is shorter.
fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let rounded: f64 = scientific.parse().unwrap_or(value);
    if (1e-4..1e7).contains(&rounded.abs()) { rounded.to_string() } else { format!("{rounded:e}") }
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
        if C::try_to_usize() == Some(1) { format!("[{row}]") } else { format!("[{row}, {column}]") }
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
            let size = re.hypot(im);
            // A NaN is close to nothing, and an infinity to itself alone.
            let close = size.is_finite() && distance <= tolerance * (1.0 + size);
            if close || (re == found_re && im == found_im) {
                continue;
            }
            // As few digits as tell the two apart, but never fewer than six.
            let texts =
                |digits| (expected.text(row, column, digits), found.text(row, column, digits));
            let (expected_text, found_text) =
                (6..=17).map(texts).find(|(e, f)| e != f).unwrap_or_else(|| texts(17));
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

#[cfg(test)]
mod tests {
    use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};

    use crate::exercise::{Quantity, expect_close};

    #[track_caller]
    fn refused(expected: impl Quantity, found: impl Quantity) -> String {
        let mismatch = expect_close("here", "x", expected, found, 1e-9).unwrap_err().to_string();
        mismatch.strip_prefix("here:   ").unwrap().to_owned()
    }

    #[track_caller]
    fn accepted(expected: impl Quantity, found: impl Quantity) {
        assert_eq!(expect_close("here", "x", expected, found, 1e-9), Ok(()));
    }

    #[test]
    fn tolerance_is_absolute_near_zero_and_relative_far_from_it() {
        accepted(0.0, 0.9e-9);
        accepted(1e6, 1e6 + 0.9e-3);
        assert_eq!(refused(0.0, 1.1e-9), "expected x = 0,   found 1.1e-9");
        assert_eq!(refused(1e6, 1e6 + 1.1e-3), "expected x = 1000000,   found 1000000.001");
    }

    #[test]
    fn nan_is_close_to_nothing_and_infinity_to_itself() {
        assert_eq!(refused(f64::NAN, f64::NAN), "expected x = NaN,   found NaN");
        assert_eq!(refused(0.1, f64::NAN), "expected x = 0.1,   found NaN");
        assert_eq!(refused(0.1, f64::INFINITY), "expected x = 0.1,   found inf");
        assert_eq!(refused(f64::INFINITY, 0.1), "expected x = inf,   found 0.1");
        accepted(f64::INFINITY, f64::INFINITY);
    }

    #[test]
    fn numbers_print_in_as_few_digits_as_tell_them_apart() {
        assert_eq!(refused(1.0 / 3.0, 0.25), "expected x = 0.333333,   found 0.25");
        assert_eq!(refused(1.0 / 3.0, 0.33333334), "expected x = 0.33333333,   found 0.33333334");
        assert_eq!(refused(2.5e-7, -3e12), "expected x = 2.5e-7,   found -3e12");
        assert_eq!(refused(0.1_f32, 0.2_f32), "expected x = 0.1,   found 0.2");
    }

    #[test]
    fn complex_numbers_differ_in_either_part() {
        let z = Complex::new(0.5, -1.0);
        accepted(z, z);
        assert_eq!(refused(z, z.conj()), "expected x = 0.5 - 1i,   found 0.5 + 1i");
        assert_eq!(refused(z, -z.conj()), "expected x = 0.5 - 1i,   found -0.5 - 1i");
    }

    #[test]
    fn lists_and_vectors_name_the_first_entry_that_differs() {
        accepted([1.0, 2.0].as_slice(), vec![1.0, 2.0]);
        accepted(dvector![1.0, 2.0], [1.0, 2.0]);
        assert_eq!(
            refused(dvector![1.0, 2.0, 3.0], dvector![1.0, 4.0, 6.0]),
            "expected x[1] = 2,   found 4"
        );
        assert_eq!(refused(vec![0.0; 3], vec![0.0; 2]), "expected x to have 3 entries,   found 2");
    }

    #[test]
    fn matrices_name_row_and_column() {
        let a = dmatrix![1.0, 2.0; 3.0, 4.0];
        accepted(&a, a.clone());
        accepted(a.map(|entry| Complex::new(entry, 0.0)), &a);
        assert_eq!(refused(&a, a.transpose()), "expected x[0, 1] = 2,   found 3");
        assert_eq!(
            refused(&a, DMatrix::<f64>::zeros(2, 3)),
            "expected x to be 2 x 2,   found 2 x 3"
        );
        accepted(DVector::<f64>::zeros(0), Vec::<f64>::new());
    }
}
