//! What several pages test with.

use nalgebra::{Complex, DMatrix, DVector};
use serde_json::Value;
use workbench::testing;

/// A file of `tests/fixtures`.
pub fn fixture(file: &str) -> Value {
    serde_json::from_str(&testing::fixture(file)).expect("JSON")
}

/// A matrix of a fixture, row by row.
pub fn matrix(rows: &Value) -> DMatrix<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(rows.clone()).expect("rows of numbers");
    testing::matrix(&rows)
}

/// Complex numbers of a fixture, real parts and imaginary parts.
pub fn complexes(parts: &Value) -> DVector<Complex<f64>> {
    let part = |name: &str| -> Vec<f64> {
        serde_json::from_value(parts[name].clone()).expect("a list of numbers")
    };
    DVector::from_vec(part("re")).zip_map(&DVector::from_vec(part("im")), Complex::new)
}
