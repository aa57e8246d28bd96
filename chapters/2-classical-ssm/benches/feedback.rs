//! How long a Riccati equation takes: `cargo bench -p chapter-2 --bench feedback`.

use std::hint::black_box;

use classical_ssm::feedback::solve_riccati;
use criterion::{BenchmarkId, Criterion};
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("riccati");
    for n in [4, 16, 64, 256] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let scale = 1.0 / (n as f64).sqrt();
        let noise = DMatrix::from_fn(n, n, |_, _| rng.random_range(-1.0..1.0) * scale);
        let (a, m) = (noise - DMatrix::identity(n, n), n / 4);
        let b = DMatrix::from_fn(n, m, |_, _| rng.random_range(-1.0..1.0));
        let (q, r) = (DMatrix::identity(n, n), DMatrix::identity(m, m));
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| solve_riccati(black_box(&a), black_box(&b), &q, &r));
        });
    }
    group.finish();
    criterion.final_summary();
}
