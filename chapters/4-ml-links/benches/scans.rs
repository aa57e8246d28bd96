//! How long a scan takes, by every road: `cargo bench -p chapter-4 --bench scans`.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ml_links::scans::{
    Affine, scan_blelloch, scan_chunked, scan_heinsen, scan_hillis_steele, scan_recurrence,
    scan_rows, scan_rows_on_one_core,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |count: usize, from: f32| -> Vec<f32> {
        (0..count).map(|_| random.random_range(from..1.0)).collect()
    };

    // One row: what the algorithms cost beside each other.
    let steps = 1 << 16;
    let (a, b) = (draw(steps, 0.9), draw(steps, -1.0));
    let maps: Vec<_> = a.iter().zip(&b).map(|(&scale, &shift)| Affine { scale, shift }).collect();
    let then = |p: &Affine<f32>, q: &Affine<f32>| p.then(*q);
    let mut x = vec![0.0; steps];
    let mut group = criterion.benchmark_group("one_row_of_65536");
    group.throughput(Throughput::Elements(steps as u64));
    group.bench_function("loop", |bencher| {
        bencher.iter(|| scan_recurrence(black_box(&a), &b, 0.0));
    });
    group.bench_function("hillis_steele", |bencher| {
        bencher.iter(|| scan_hillis_steele(black_box(&maps), then));
    });
    group.bench_function("blelloch", |bencher| {
        bencher.iter(|| scan_blelloch(black_box(&maps), then));
    });
    group.bench_function("chunked", |bencher| {
        bencher.iter(|| scan_chunked(black_box(&maps), rayon::current_num_threads(), then));
    });
    group.bench_function("heinsen", |bencher| {
        bencher.iter(|| scan_heinsen(black_box(&a), &b, 0.0));
    });
    group.bench_function("tiles", |bencher| {
        bencher.iter(|| scan_rows_on_one_core(black_box(&a), &b, &[0.0], &mut x));
    });
    group.finish();

    // A layer: [batch 8, channels 512, length 4096].
    let (rows, length) = (8 * 512, 4096);
    let (a, b) = (draw(rows * length, 0.9), draw(rows * length, -1.0));
    let (initial, mut x) = (vec![0.0; rows], vec![0.0; rows * length]);
    let mut group = criterion.benchmark_group("rows_4096_of_4096");
    group.throughput(Throughput::Bytes(12 * (rows * length) as u64));
    group.bench_function("one_core", |bencher| {
        bencher.iter(|| scan_rows_on_one_core(black_box(&a), &b, &initial, &mut x));
    });
    group.bench_function("all_cores", |bencher| {
        bencher.iter(|| scan_rows(black_box(&a), &b, &initial, &mut x));
    });
    group.finish();
    criterion.final_summary();
}
