//! Flows to test with, and how far two answers are apart.

use classical_ssm::state_space::{Continuous, StateSpace};
use math_foundations::state_representations::mass_spring_damper;
use nalgebra::{DMatrix, DVector, dmatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use workbench::testing;

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

/// `x' = Ax + Bu` whose output is the sum of its states.
pub fn flow(a: DMatrix<f64>, b: DMatrix<f64>) -> StateSpace<Continuous> {
    let (n, m) = b.shape();
    StateSpace::continuous(a, b, DMatrix::from_element(1, n, 1.0), DMatrix::zeros(1, m))
        .expect("a flow")
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

/// The largest difference of two series of vectors, relative to the largest expected vector.
pub fn series_error(found: &[DVector<f64>], expected: &[DVector<f64>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = |series: &mut dyn Iterator<Item = f64>| series.fold(0.0, f64::max);
    let size = largest(&mut expected.iter().map(DVector::norm));
    let error = largest(&mut found.iter().zip(expected).map(|(f, e)| (f - e).norm()));
    assert!(found.iter().all(|f| f.iter().all(|entry| entry.is_finite())));
    error / if size == 0.0 { 1.0 } else { size }
}

/// A fixture whose shape is not worth a type.
pub fn golden(file: &str) -> Value {
    serde_json::from_str(&testing::fixture(file)).expect("JSON")
}

pub fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// A matrix of a fixture, row by row.
pub fn matrix(rows: &Value) -> DMatrix<f64> {
    testing::matrix(&rows.as_array().expect("rows").iter().map(numbers).collect::<Vec<_>>())
}
