//! Random systems, and when two matrices count as equal.

use classical_ssm::state_space::{Continuous, Discrete, StateSpace};
use math_foundations::state_representations::Matrices;
use nalgebra::{Complex, DMatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

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
