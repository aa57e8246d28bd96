use nalgebra::{Complex, Matrix2};

/// Both eigenvalues of a real 2x2 matrix, from its trace and its determinant: the roots of
/// `λ² - trace λ + determinant`.
///
/// Ordered by descending real part, then descending imaginary part. Real roots come with imaginary
/// part 0 and to full relative accuracy, however far apart they are: take care not to subtract two
/// numbers that are nearly equal.
///
/// Size: ten lines. Time: 20 minutes.
pub fn eigenvalues_2x2(a: &Matrix2<f64>) -> [Complex<f64>; 2] {
    let (half_trace, determinant) = (a.trace() / 2.0, a.determinant());
    todo!()
}
