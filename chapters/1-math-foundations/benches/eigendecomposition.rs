//! How long eigenvalues and the real Schur form take: `cargo bench -p chapter-1 --bench eigendecomposition`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use math_foundations::eigendecomposition::{eigenvalues, hermitian_eigendecomposition, real_schur};
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn matrix(n: usize) -> DMatrix<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    DMatrix::from_fn(n, n, |_, _| rng.random_range(-1.0..1.0))
}

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for n in [4, 16, 64, 256] {
        let a = matrix(n);
        let symmetric = (&a + a.transpose()) * 0.5;
        let mut group = criterion.benchmark_group("eigendecomposition");
        group.bench_with_input(BenchmarkId::new("eigenvalues", n), &a, |bencher, a| {
            bencher.iter(|| eigenvalues(black_box(a)));
        });
        group.bench_with_input(BenchmarkId::new("real_schur", n), &a, |bencher, a| {
            bencher.iter(|| real_schur(black_box(a)));
        });
        group.bench_with_input(BenchmarkId::new("hermitian", n), &symmetric, |bencher, a| {
            bencher.iter(|| hermitian_eigendecomposition(black_box(a)));
        });
        group.finish();
    }
    criterion.final_summary();
}
