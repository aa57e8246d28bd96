//! Flows to test with, and how far two answers are apart.

use classical_ssm::state_space::{Continuous, StateSpace};
use math_foundations::state_representations::mass_spring_damper;
use nalgebra::{ComplexField, DMatrix, DVector, dmatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// `x' = rate (u - x)`, `y = x`.
pub fn bucket(rate: f64) -> StateSpace<Continuous> {
    StateSpace::continuous(dmatrix![-rate], dmatrix![rate], dmatrix![1.0], dmatrix![0.0])
        .expect("a bucket")
}

/// `q'' + damping q' + q = u`, `y = q`.
pub fn spring(damping: f64) -> StateSpace<Continuous> {
    let parts = mass_spring_damper(1.0, damping, 1.0).expect("a spring");
    StateSpace::continuous(parts.a, parts.b, parts.c, parts.d).expect("a spring")
}

/// Entries between -1 and 1.
pub fn random_matrix(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0))
}

/// N states with eigenvalues spread over a disc of radius `spread` around `centre`, M inputs, P outputs.
pub fn random_flow(
    (n, m, p): (usize, usize, usize),
    spread: f64,
    centre: f64,
    seed: u64,
) -> StateSpace<Continuous> {
    let part = |rows, columns, index| random_matrix(rows, columns, 4 * seed + index);
    // Entries of variance 1/3: the spectrum of a random matrix fills a disc of radius √(N/3).
    let a = part(n, n, 0) * (spread * (3.0 / n as f64).sqrt()) + DMatrix::identity(n, n) * centre;
    StateSpace::continuous(a, part(n, m, 1), part(p, n, 2), part(p, m, 3)).expect("a flow")
}

/// One random vector a step.
pub fn random_inputs(inputs: usize, count: usize, seed: u64) -> Vec<DVector<f64>> {
    random_matrix(inputs, count, seed).column_iter().map(|u| u.into_owned()).collect()
}

/// ‖found - expected‖ / ‖expected‖ in the Frobenius norm, absolute where nothing is expected.
pub fn relative_error<T: ComplexField<RealField = f64>>(
    found: &DMatrix<T>,
    expected: &DMatrix<T>,
) -> f64 {
    let size = expected.norm();
    (found - expected).norm() / if size == 0.0 { 1.0 } else { size }
}

/// The largest difference of two series of vectors, relative to the largest expected vector.
pub fn series_error(found: &[DVector<f64>], expected: &[DVector<f64>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = |series: &mut dyn Iterator<Item = f64>| series.fold(0.0, f64::max);
    let size = largest(&mut expected.iter().map(DVector::norm));
    let error = largest(&mut found.iter().zip(expected).map(|(f, e)| (f - e).norm()));
    assert!(found.iter().all(|f| f.iter().all(|entry| entry.is_finite())));
    error / if size == 0.0 { 1.0 } else { size }
}

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
