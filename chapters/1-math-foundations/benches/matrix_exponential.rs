//! How long e^A takes: `cargo bench -p chapter-1 --bench matrix_exponential`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use math_foundations::matrix_exponential::matrix_exponential;
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random, with eigenvalues in a disc about -1 of a radius near 1/√3.
fn matrix(n: usize) -> DMatrix<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let noise = DMatrix::from_fn(n, n, |_, _| rng.random_range(-1.0..1.0) / (n as f64).sqrt());
    noise - DMatrix::identity(n, n)
}

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("matrix_exponential");
    for n in [4, 16, 64, 256] {
        let a = matrix(n);
        group.bench_with_input(BenchmarkId::from_parameter(n), &a, |bencher, a| {
            bencher.iter(|| matrix_exponential(black_box(a)));
        });
    }
    group.finish();
    criterion.final_summary();
}
