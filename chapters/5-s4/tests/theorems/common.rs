//! What several pages test with.

use nalgebra::DMatrix;
use serde_json::Value;

/// A file of `tests/fixtures`.
pub fn fixture(file: &str) -> Value {
    let path = format!("{}/../../tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

/// A matrix of a fixture, row by row.
pub fn matrix(rows: &Value) -> DMatrix<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(rows.clone()).expect("rows of numbers");
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}
