//! How long a Lyapunov equation takes: `cargo bench -p chapter-1 --bench stability`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use math_foundations::stability::{solve_lyapunov, solve_lyapunov_schur};
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random and stable: eigenvalues in a disc about -1 of a radius near 1/√3.
fn matrix(n: usize) -> DMatrix<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let noise = DMatrix::from_fn(n, n, |_, _| rng.random_range(-1.0..1.0) / (n as f64).sqrt());
    noise - DMatrix::identity(n, n)
}

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for n in [4, 16, 64, 256] {
        let (a, q) = (matrix(n), DMatrix::identity(n, n));
        let mut group = criterion.benchmark_group("lyapunov");
        group.bench_function(BenchmarkId::new("chosen", n), |bencher| {
            bencher.iter(|| solve_lyapunov(black_box(&a), black_box(&q)));
        });
        group.bench_function(BenchmarkId::new("schur", n), |bencher| {
            bencher.iter(|| solve_lyapunov_schur(black_box(&a), black_box(&q)));
        });
        group.finish();
    }
    criterion.final_summary();
}
