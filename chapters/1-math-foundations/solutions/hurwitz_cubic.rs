/// Whether every root of `s³ + a s² + b s + c` has a negative real part, by Routh's table.
///
/// No root is to be computed. A root on the imaginary axis is not stable.
///
/// Size: one line. Time: 5 minutes.
pub fn hurwitz_cubic(a: f64, b: f64, c: f64) -> bool {
    // The first column is 1, a, b - c/a, c.
    a > 0.0 && c > 0.0 && a * b > c
}
