//! How long it takes to hold an input: `cargo bench -p chapter-3 --bench zero_order_hold`.

use std::hint::black_box;

use classical_ssm::state_space::StateSpace;
use criterion::{BenchmarkId, Criterion};
use discretization::zero_order_hold::zero_order_hold;
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("zero_order_hold");
    for n in [4, 16, 64, 256] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let scale = 1.0 / (n as f64).sqrt();
        let noise = DMatrix::from_fn(n, n, |_, _| rng.random_range(-1.0..1.0) * scale);
        let b = DMatrix::from_fn(n, n / 4, |_, _| rng.random_range(-1.0..1.0));
        let (c, d) = (DMatrix::identity(1, n), DMatrix::zeros(1, n / 4));
        let flow = StateSpace::continuous(noise - DMatrix::identity(n, n), b, c, d)?;
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| zero_order_hold(black_box(&flow), 0.1));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
