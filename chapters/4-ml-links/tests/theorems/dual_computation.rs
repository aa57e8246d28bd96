//! What the page *Dual computation* claims.

use classical_ssm::responses::simulate;
use classical_ssm::state_space::{Discrete, StateSpace};
use math_foundations::fourier::causal_convolution;
use ml_links::dual_computation::{
    DualError, FftConvolution, OverlapAdd, convolve, crossover, fft_rounding_bound, good_size,
    kernel, recurrence,
};
use nalgebra::{DMatrix, DVector, dmatrix};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Numbers between -1 and 1.
fn random_signal(length: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..length).map(|_| random.random_range(-1.0..1.0)).collect()
}

fn rounded(signal: &[f64]) -> Vec<f32> {
    signal.iter().map(|&value| value as f32).collect()
}

fn widened(signal: &[f32]) -> Vec<f64> {
    signal.iter().map(|&value| f64::from(value)).collect()
}

/// A random system that forgets: no power of A is longer than `memory` to that power.
fn random_system(d_state: usize, memory: f64, seed: u64) -> StateSpace<Discrete> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut draw =
        |rows, columns| DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0));
    let (a, b, c, d) = (draw(d_state, d_state), draw(d_state, 1), draw(1, d_state), draw(1, 1));
    let a = &a * (memory / a.norm());
    StateSpace::discrete(a, b, c, d, 1.0).unwrap()
}

fn largest(signal: &[f64]) -> f64 {
    signal.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

/// The first step at which two signals are further apart than `tolerance`.
fn first_difference(found: &[f64], expected: &[f64], tolerance: f64) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} samples instead of {}", found.len(), expected.len()));
    }
    let pairs = found.iter().zip(expected).enumerate();
    pairs
        .filter(|(_, (found, expected))| {
            let off = (*found - *expected).abs();
            off.is_nan() || off > tolerance
        })
        .map(|(k, (found, expected))| format!("at k = {k}: found {found}, expected {expected}"))
        .next()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    let difference = first_difference(found, expected, tolerance);
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}

#[test]
fn eq_4_2_recurrence_is_the_convolution_with_its_kernel() {
    let spring = StateSpace::discrete(
        dmatrix![0.9, 0.4; -0.4, 0.7],
        dmatrix![0.1; 0.5],
        dmatrix![1.0, 0.0],
        dmatrix![0.25],
        0.5,
    )
    .unwrap();
    let u = random_signal(200, 1);
    // The right side by its definition, powers and all.
    let k =
        |j: u32| (spring.c() * spring.a().pow(j) * spring.b())[0] + if j == 0 { 0.25 } else { 0.0 };
    let sum: Vec<f64> = (0..200).map(|n| (0..=n).map(|j| k(j as u32) * u[n - j]).sum()).collect();
    // The left side by chapter 2, and ours.
    let vectors: Vec<DVector<f64>> = u.iter().map(|&u_k| DVector::repeat(1, u_k)).collect();
    let steps: Vec<f64> =
        simulate(&spring, &vectors).unwrap().output(0).iter().map(|&(_, y_k)| y_k).collect();
    assert_close(&recurrence(&spring, &u).unwrap(), &steps, 1e-15);
    assert_close(&sum, &steps, 1e-13);
    let kernel = kernel(&spring, 200).unwrap();
    assert_close(&kernel, &(0..200).map(k).collect::<Vec<_>>(), 1e-13);
    assert_close(&convolve(&kernel, &u), &steps, 1e-13);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn recurrence_equals_convolution(
        d_state in 1..9usize, memory in 0.1..0.999f64, length in 1..300usize, block in 1..90usize, seed in 0..u64::MAX / 4,
    ) {
        let system = random_system(d_state, memory, seed);
        let u = random_signal(length, seed + 1);
        let steps = recurrence(&system, &u).unwrap();
        let kernel = kernel(&system, length).unwrap();
        let tolerance = 1e-12 * largest(&steps);
        prop_assert_eq!(first_difference(&convolve(&kernel, &u), &steps, tolerance), None);
        let by_fft = FftConvolution::new(&kernel, length).unwrap().convolve(&u).unwrap();
        prop_assert_eq!(first_difference(&by_fft, &steps, tolerance), None);
        let stream = OverlapAdd::new(&kernel, block).unwrap().push(&u).unwrap();
        prop_assert_eq!(first_difference(&stream, &steps, tolerance), None);
    }

    #[test]
    fn a_stream_may_be_cut_anywhere(
        taps in 1..80usize, block in 1..100usize, cuts in prop::collection::vec(0..120usize, 1..8), seed in 0..u64::MAX / 4,
    ) {
        let (kernel, u) = (random_signal(taps, seed), random_signal(cuts.iter().sum(), seed + 1));
        let mut stream = OverlapAdd::new(&kernel, block).unwrap();
        let (mut y, mut rest) = (Vec::new(), &u[..]);
        for cut in cuts {
            let (piece, later) = rest.split_at(cut);
            rest = later;
            y.extend(stream.push(piece).unwrap());
            prop_assert_eq!(stream.tail().len(), taps - 1);
        }
        prop_assert_eq!(first_difference(&y, &convolve(&kernel, &u), 1e-12), None);
        // The tail is what the past still says into silence.
        let tail = stream.tail().to_vec();
        prop_assert_eq!(first_difference(&stream.push(&vec![0.0; taps - 1]).unwrap(), &tail, 1e-12), None);
        prop_assert!(stream.tail().iter().all(|&echo| echo.abs() < 1e-12));
    }

    #[test]
    fn single_precision_stays_within_the_stated_bound(
        taps in 1..400usize, length in 1..400usize, decay in 0.5..1.0f64, mean in -1.0..1.0f64, seed in 0..u64::MAX / 4,
    ) {
        // Echoes that fade, and signals with a mean: the bound is about sizes, not about luck.
        let kernel: Vec<f64> =
            random_signal(taps, seed).iter().enumerate().map(|(j, k)| k * decay.powi(j as i32)).collect();
        let kernel = rounded(&kernel);
        let u = rounded(&random_signal(length, seed + 1).iter().map(|u| u + mean).collect::<Vec<_>>());
        let exact = convolve(&widened(&kernel), &widened(&u));
        let mut plan = FftConvolution::new(&kernel, length).unwrap();
        let bound = fft_rounding_bound(&kernel, &u, plan.circle());
        let found = widened(&plan.convolve(&u).unwrap());
        prop_assert_eq!(first_difference(&found, &exact, bound), None);

        // The sum as it stands: (taps + 1) half-epsilons of the sum of sizes.
        let sizes = |signal: &[f32]| signal.iter().map(|value| f64::from(value.abs())).collect::<Vec<_>>();
        let whole = convolve(&sizes(&kernel), &sizes(&u));
        let found = widened(&convolve(&kernel, &u));
        for k in 0..length {
            let bound = (taps + 1) as f64 * 0.5 * f64::from(f32::EPSILON) * whole[k] * 1.001;
            prop_assert!((found[k] - exact[k]).abs() <= bound, "at k = {}", k);
        }
    }

    #[test]
    fn a_good_size_is_the_least_even_number_without_large_factors(least in 0..5000usize) {
        let good = |n: &usize| {
            let mut rest = *n;
            for factor in [2_usize, 3, 5] {
                while rest.is_multiple_of(factor) {
                    rest /= factor;
                }
            }
            rest == 1 && n.is_multiple_of(2)
        };
        let expected = (least.max(1)..).find(good).unwrap();
        prop_assert_eq!(good_size(least), expected);
    }
}

#[test]
fn the_bound_is_that_of_the_page() {
    // ‖K‖ = 5, ‖K‖₁ = 7, ‖u‖ = 3, ‖u‖₁ = 5, and log₂ 8 + 1 = 4.
    let (kernel, u) = ([3.0_f64, -4.0], [2.0, -1.0, 2.0]);
    let bound = fft_rounding_bound(&kernel, &u, 8);
    let expected = 5.0 * f64::EPSILON * 4.0 * (2.0 * 5.0 * 3.0 + f64::min(7.0 * 3.0, 5.0 * 5.0));
    assert!((bound / expected - 1.0).abs() < 1e-15);
    // The other way round the sum of sizes of the kernel is the larger one.
    let other = fft_rounding_bound(&u, &kernel, 8);
    assert!((other / expected - 1.0).abs() < 1e-15);
}

#[test]
fn the_bound_is_of_the_size_of_the_error() {
    // All of one sign, no luck: the error is within four powers of ten of the bound, and not above it.
    for length in [64, 4096, 65536] {
        let kernel = rounded(&random_signal(length, 3).iter().map(|k| k + 1.0).collect::<Vec<_>>());
        let u = rounded(&random_signal(length, 4).iter().map(|u| u + 1.0).collect::<Vec<_>>());
        let mut wide = FftConvolution::new(&widened(&kernel), length).unwrap();
        let exact = wide.convolve(&widened(&u)).unwrap();
        let mut plan = FftConvolution::new(&kernel, length).unwrap();
        let found = widened(&plan.convolve(&u).unwrap());
        let off: Vec<f64> = found.iter().zip(&exact).map(|(found, exact)| found - exact).collect();
        let bound = fft_rounding_bound(&kernel, &u, plan.circle());
        let error = largest(&off);
        assert!(error <= bound && error > 1e-4 * bound, "{length}: {error:e} and {bound:e}");
    }
}

#[test]
fn faded_echoes_keep_their_digits_only_in_the_direct_sum() {
    let kernel: Vec<f64> = (0..128).map(|j| 0.5_f64.powi(j)).collect();
    let mut u = vec![0.0; 128];
    u[0] = 1.0;
    assert_eq!(convolve(&kernel, &u)[127], kernel[127]);
    let through = FftConvolution::new(&kernel, 128).unwrap().convolve(&u).unwrap()[127];
    assert!((through - kernel[127]).abs() > kernel[127], "found {through:e}");
    assert!((through - kernel[127]).abs() < fft_rounding_bound(&kernel, &u, 256));
}

#[test]
fn convolutions_are_those_of_chapter_1() {
    let (kernel, u) = (random_signal(40, 1), random_signal(100, 2));
    assert_close(&convolve(&kernel, &u), &causal_convolution(&kernel, &u), 1e-14);
    assert_close(&convolve(&u, &kernel), &causal_convolution(&u, &kernel), 1e-14);
}

#[test]
fn a_plan_serves_shorter_signals_and_other_kernels() {
    let (kernel, other) = (random_signal(30, 1), random_signal(11, 2));
    let mut plan = FftConvolution::new(&kernel, 70).unwrap();
    for (length, seed) in [(70, 3), (1, 4), (0, 5), (33, 6)] {
        let u = random_signal(length, seed);
        assert_close(&plan.convolve(&u).unwrap(), &convolve(&kernel, &u), 1e-14);
    }
    plan.set_kernel(&other).unwrap();
    let u = random_signal(70, 7);
    assert_close(&plan.convolve(&u).unwrap(), &convolve(&other, &u), 1e-14);
    assert_eq!(plan.circle(), 100);
}

#[test]
fn silence_after_a_loud_signal_is_silence() {
    // What is left in the plan's buffers must not be heard in the next signal.
    let mut plan = FftConvolution::new(&[1.0_f64, 2.0, 3.0], 40).unwrap();
    plan.convolve(&[1e9; 40]).unwrap();
    assert_eq!(plan.convolve(&[0.0; 5]).unwrap(), [0.0; 5]);
}

#[test]
fn what_is_not_finite_is_seen() {
    let mut plan = FftConvolution::new(&[1.0_f64, 0.5], 8).unwrap();
    for bad in [f64::NAN, f64::INFINITY] {
        let y = plan.convolve(&[1.0, bad, 0.0]).unwrap();
        assert!(y.iter().all(|y_k| y_k.is_nan()), "{y:?}");
        // And it is forgotten with the signal that it came in.
        assert_close(&plan.convolve(&[1.0, 0.0]).unwrap(), &[1.0, 0.5], 1e-15);
    }
}

#[test]
fn mistakes_are_sentences() {
    let nothing: [f64; 0] = [];
    let error = FftConvolution::new(&nothing, 5).unwrap_err();
    assert_eq!(error.to_string(), "expected the kernel to have at least one entry, found none");
    let error = OverlapAdd::new(&[1.0], 0).unwrap_err();
    assert_eq!(error.to_string(), "expected the signal to have at least one entry, found none");
    let mut plan = FftConvolution::new(&[1.0, 2.0], 3).unwrap();
    let error = plan.convolve(&[0.0; 4]).unwrap_err();
    assert_eq!(error, DualError::TooLong { longest: 3, found: 4 });
    assert_eq!(error.to_string(), "expected at most 3 samples, found 4: plan a longer convolution");
    assert_eq!(plan.set_kernel(&[0.0; 3]), Err(DualError::TooLong { longest: 2, found: 3 }));
    let two = StateSpace::discrete(
        dmatrix![0.5],
        dmatrix![1.0, 1.0],
        dmatrix![1.0],
        dmatrix![0.0, 0.0],
        1.0,
    )
    .unwrap();
    assert!(matches!(kernel(&two, 3), Err(DualError::Response(_))));
    assert!(matches!(recurrence(&two, &[1.0]), Err(DualError::Response(_))));
}

#[test]
fn costs_cross_where_they_are_equal() {
    assert_eq!(crossover(&[(10, 1.0, 2.0), (20, 3.0, 4.0)]), None);
    assert_eq!(crossover(&[(10, 2.0, 1.0), (20, 4.0, 3.0)]), None);
    assert_eq!(crossover(&[]), None);
    assert!((crossover(&[(10, 1.0, 2.0), (40, 4.0, 2.0)]).unwrap() - 20.0).abs() < 1e-12);
    // L² against 100 L, and not half way between what was measured.
    let costs = [(10, 1e2, 1e3), (10_000, 1e8, 1e6)];
    assert!((crossover(&costs).unwrap() - 100.0).abs() < 1e-9);
}
