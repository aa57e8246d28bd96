//! Random systems, systems of a fixture, and when numbers count as equal.

use classical_ssm::state_space::{Continuous, Discrete, StateSpace};
use math_foundations::state_representations::Matrices;
use nalgebra::{Complex, DMatrix, dmatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use workbench::testing::{self, fixture, paired};

pub fn random_matrix(rows: usize, columns: usize, random: &mut ChaCha8Rng) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0))
}

/// Four random matrices with `A` of about norm one; D is left out when `strictly_proper`.
pub fn random_matrices(shape: [usize; 3], strictly_proper: bool, seed: u64) -> Matrices {
    let [n, m, p] = shape;
    let random = &mut ChaCha8Rng::seed_from_u64(seed);
    let scale = 1.0 / (n as f64).sqrt();
    Matrices {
        a: random_matrix(n, n, random) * scale,
        b: random_matrix(n, m, random) * scale,
        c: random_matrix(p, n, random) * scale,
        d: random_matrix(p, m, random) * if strictly_proper { 0.0 } else { 1.0 },
    }
}

pub fn random_flow(shape: [usize; 3], seed: u64) -> StateSpace<Continuous> {
    StateSpace::from_matrices(random_matrices(shape, false, seed), Continuous).expect("a system")
}

pub fn random_steps(shape: [usize; 3], seed: u64) -> StateSpace<Discrete> {
    let time = Discrete::new(0.1).expect("a system");
    StateSpace::from_matrices(random_matrices(shape, false, seed), time).expect("a system")
}

/// `q'' + damping q' + q = u`, `y = q`.
pub fn spring(damping: f64) -> StateSpace<Continuous> {
    let a = dmatrix![0.0, 1.0; -1.0, -damping];
    let (b, c) = (dmatrix![0.0; 1.0], dmatrix![1.0, 0.0]);
    StateSpace::continuous(a, b, c, dmatrix![0.0]).expect("a system")
}

/// A fixture whose shape is not worth a type.
pub fn golden(file: &str) -> Value {
    serde_json::from_str(&fixture(file)).expect("JSON")
}

pub fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// A matrix of a fixture, row by row.
pub fn matrix(rows: &Value) -> DMatrix<f64> {
    testing::matrix(&rows.as_array().expect("rows").iter().map(numbers).collect::<Vec<_>>())
}

/// Accepts an error of `relative` of what is expected.
pub fn close(what: &str, found: f64, expected: f64, relative: f64) {
    let error = (found - expected).abs();
    assert!(error <= relative * expected.abs(), "{what}: found {found:e}, expected {expected:e}");
}

/// Each expected number has a found one of its own, as close as `relative` of 1 plus its size.
pub fn expect_same_set(
    what: &str,
    expected: &[Complex<f64>],
    found: &[Complex<f64>],
    relative: f64,
) {
    for (point, other) in paired(expected, found) {
        let apart = (other - point).norm();
        let allowed = relative * (1.0 + point.norm());
        assert!(apart <= allowed, "{what}: expected {point}, found {other}, {apart:e} apart");
    }
}

/// Accepts a difference of `relative` of 1 plus the largest expected entry.
pub fn expect_close_matrix(
    expected: &DMatrix<Complex<f64>>,
    found: &DMatrix<Complex<f64>>,
    relative: f64,
) {
    assert_eq!(expected.shape(), found.shape());
    let largest = |matrix: &DMatrix<Complex<f64>>| {
        matrix.iter().map(|entry| entry.norm()).fold(0.0, f64::max)
    };
    let apart = largest(&(expected - found));
    let allowed = relative * (1.0 + largest(expected));
    assert!(apart <= allowed, "{apart:e} apart: expected {expected}, found {found}");
}
