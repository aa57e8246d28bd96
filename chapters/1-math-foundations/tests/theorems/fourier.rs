//! The claims of the page `fourier`.

use math_foundations::fourier::{
    causal_convolution, causal_convolution_by_dft, circular_convolution, dft, fft, frequency,
    inverse_dft, inverse_fft, root_of_unity, to_complex,
};
use nalgebra::Complex;
use proptest::collection::vec;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustfft::FftPlanner;
use std::f64::consts::TAU;

/// A sum of n terms of size at most `scale`, in whatever order, differs by some n roundings of `scale`.
fn rounding(length: usize, scale: f64) -> f64 {
    4.0 * f64::EPSILON * length.max(4) as f64 * scale.max(f64::MIN_POSITIVE)
}

fn largest(numbers: &[Complex<f64>]) -> f64 {
    numbers.iter().map(|number| number.norm()).fold(0.0, f64::max)
}

/// Compares entry by entry; a failure names the first entry that differs and both values.
fn expect_equal(expected: &[Complex<f64>], found: &[Complex<f64>], tolerance: f64) {
    assert_eq!(expected.len(), found.len());
    for (m, (expected, found)) in expected.iter().zip(found).enumerate() {
        let apart = (expected - found).norm();
        assert!(
            apart <= tolerance,
            "at m = {m}: expected {expected}, found {found}, {apart:e} apart, allowed {tolerance:e}"
        );
    }
}

fn expect_equal_reals(expected: &[f64], found: &[f64], tolerance: f64) {
    expect_equal(&to_complex(expected), &to_complex(found), tolerance);
}

fn random_signal(length: usize, seed: u64) -> Vec<Complex<f64>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut number = || random.random_range(-1.0..1.0);
    (0..length).map(|_| Complex::new(number(), number())).collect()
}

fn by_rustfft(u: &[Complex<f64>]) -> Vec<Complex<f64>> {
    let mut buffer = u.to_vec();
    FftPlanner::new().plan_fft_forward(u.len()).process(&mut buffer);
    buffer
}

fn signal(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<f64>> {
    vec(-10.0..10.0, length)
}

fn complex_signal(
    length: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Complex<f64>>> {
    vec((-10.0..10.0, -10.0..10.0).prop_map(|(re, im)| Complex::new(re, im)), length)
}

fn power_of_two_signal() -> impl Strategy<Value = Vec<Complex<f64>>> {
    (0_u32..9).prop_flat_map(|power| complex_signal(2_usize.pow(power)))
}

/// Two signals of one length.
fn two_signals() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (1_usize..40).prop_flat_map(|length| (signal(length), signal(length)))
}

#[test]
fn naive_dft_equals_rustfft_at_every_length_up_to_64_and_at_primes() {
    for length in (1..=64).chain([97, 257, 509, 1021]) {
        let u = random_signal(length, length as u64);
        expect_equal(&by_rustfft(&u), &dft(&u), rounding(length, 1.0));
    }
}

#[test]
fn naive_inverse_equals_rustfft_over_n() {
    for length in (1..=64).chain([97, 1021]) {
        let u_hat = random_signal(length, length as u64);
        let mut expected = u_hat.clone();
        FftPlanner::new().plan_fft_inverse(length).process(&mut expected);
        expected.iter_mut().for_each(|u_k| *u_k /= length as f64);
        expect_equal(&expected, &inverse_dft(&u_hat), rounding(length, 1.0) / length as f64);
    }
}

#[test]
fn dft_equals_the_sum_written_out() {
    // The three numbers 1, 2, 4 by hand: w = e^{-2πi/3} = -1/2 - i√3/2.
    let half_root = 3_f64.sqrt() / 2.0;
    let expected = [
        Complex::new(7.0, 0.0),
        Complex::new(1.0 - 1.0 - 2.0, half_root * (-2.0 + 4.0)),
        Complex::new(1.0 - 1.0 - 2.0, half_root * (2.0 - 4.0)),
    ];
    expect_equal(&expected, &dft(&to_complex(&[1.0, 2.0, 4.0])), 1e-15);
}

#[test]
fn a_transform_of_one_sample_or_none_is_the_signal_itself() {
    let one = [Complex::new(3.0, -2.0)];
    assert_eq!(dft(&one), one);
    assert_eq!(fft(&one).unwrap(), one);
    assert_eq!(inverse_dft(&one), one);
    assert_eq!(dft(&[]), []);
    assert_eq!(inverse_dft(&[]), []);
}

#[test]
fn fft_refuses_a_length_that_is_not_a_power_of_two() {
    for length in [0, 3, 12, 1000] {
        let sentence = format!("expected the length to be a power of two, found {length}");
        let u = vec![Complex::ONE; length];
        assert_eq!(fft(&u).unwrap_err().to_string(), sentence);
        assert_eq!(inverse_fft(&u).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn roots_of_unity_are_exact_on_the_axes_and_on_the_circle_elsewhere() {
    assert_eq!(root_of_unity(0, 20), Complex::new(1.0, 0.0));
    assert_eq!(root_of_unity(5, 20), Complex::new(0.0, -1.0));
    assert_eq!(root_of_unity(10, 20), Complex::new(-1.0, 0.0));
    assert_eq!(root_of_unity(15, 20), Complex::new(0.0, 1.0));
    for length in 1..100 {
        for index in 0..2 * length {
            let angle = -TAU * (index % length) as f64 / length as f64;
            let expected = Complex::from_polar(1.0, angle);
            // The reference rounds an angle of up to 2π three times.
            expect_equal(&[expected], &[root_of_unity(index, length)], 8.0 * f64::EPSILON);
        }
    }
}

#[test]
fn a_large_angle_loses_the_digits_that_a_reduced_index_keeps() {
    let length = 1021;
    let u = random_signal(length, 1);
    let angle_not_reduced = |m: usize| -> Complex<f64> {
        let turn = |k: usize| Complex::cis(-TAU * (m * k) as f64 / length as f64);
        (0..length).map(|k| u[k] * turn(k)).sum()
    };
    let naive: Vec<_> = (0..length).map(angle_not_reduced).collect();
    let reference = by_rustfft(&u);
    let error = |found: &[Complex<f64>]| {
        let difference: Vec<_> = found.iter().zip(&reference).map(|(a, b)| a - b).collect();
        largest(&difference)
    };
    assert!(
        error(&naive) > 20.0 * error(&dft(&u)),
        "naive {:e}, ours {:e}",
        error(&naive),
        error(&dft(&u))
    );
}

#[test]
fn a_pure_tone_has_one_frequency_and_a_shorter_tone_leaks() {
    let length = 32;
    let tone = |turns: f64| -> Vec<f64> {
        (0..length).map(|k| (TAU * turns * k as f64 / length as f64).cos()).collect()
    };
    // Five whole turns: n/2 in the entries 5 and n - 5, zero in all others.
    let mut expected = vec![0.0; length];
    expected[5] = length as f64 / 2.0;
    expected[length - 5] = length as f64 / 2.0;
    expect_equal(&to_complex(&expected), &dft(&to_complex(&tone(5.0))), 1e-13);
    // Five and a half: no entry holds it alone, and every entry holds some of it.
    let leaking = dft(&to_complex(&tone(5.5)));
    assert!(leaking.iter().all(|u_hat_m| u_hat_m.norm() > 0.5), "{leaking:?}");
}

#[test]
fn an_impulse_holds_every_frequency_in_equal_measure() {
    for length in 1..20 {
        let mut impulse = vec![Complex::ZERO; length];
        impulse[0] = Complex::ONE;
        assert_eq!(dft(&impulse), vec![Complex::ONE; length]);
    }
}

#[test]
fn frequencies_above_the_middle_turn_the_other_way() {
    let found: Vec<_> = (0..5).map(|m| frequency(m, 5, 10.0)).collect();
    assert_eq!(found, [0.0, 2.0, 4.0, -4.0, -2.0]);
    let found: Vec<_> = (0..4).map(|m| frequency(m, 4, 8.0)).collect();
    assert_eq!(found, [0.0, 2.0, 4.0, -2.0]);
}

#[test]
fn the_wrapped_tail_is_all_that_separates_circular_from_causal() {
    let kernel: Vec<f64> = (0..12).map(|j| 0.8_f64.powi(j)).collect();
    let mut u = vec![0.0; 12];
    u[9] = 1.0;
    let causal = causal_convolution(&kernel, &u);
    let circular = circular_convolution(&kernel, &u).unwrap();
    // The impulse at k = 9 has three samples left; the other nine taps come round to the front.
    let mut expected = causal.clone();
    (3..12).for_each(|j| expected[j - 3] += kernel[j]);
    expect_equal_reals(&expected, &circular, 1e-15);
    assert!(causal[..9].iter().all(|&y_k| y_k == 0.0), "an effect before its cause");
    assert!(circular[0] > 0.5, "the circle shows the effect first");
}

#[test]
fn one_sample_of_padding_too_few_lets_the_tail_in() {
    let (kernel, u) = (vec![1.0; 5], vec![1.0; 7]);
    let on_a_circle_of = |size: usize| {
        let pad = |signal: &[f64]| {
            let mut padded = signal.to_vec();
            padded.resize(size, 0.0);
            padded
        };
        circular_convolution(&pad(&kernel), &pad(&u)).unwrap()
    };
    let causal = causal_convolution(&kernel, &u);
    assert_eq!(on_a_circle_of(11)[..7], causal[..]);
    assert_eq!(on_a_circle_of(10)[0], causal[0] + 1.0);
}

#[test]
fn a_leaky_recurrence_is_a_causal_convolution() {
    let u: Vec<f64> = (0..40).map(|k| if k % 9 == 4 { 1.0 } else { 0.0 }).collect();
    let kernel: Vec<f64> = (0..40).map(|j| 0.9_f64.powi(j)).collect();
    let mut x = 0.0;
    let states: Vec<f64> = u
        .iter()
        .map(|u_k| {
            x = 0.9 * x + u_k;
            x
        })
        .collect();
    expect_equal_reals(&states, &causal_convolution(&kernel, &u), 1e-14);
    expect_equal_reals(&states, &causal_convolution_by_dft(&kernel, &u), 1e-14);
}

#[test]
fn by_dft_the_rounding_is_relative_to_the_largest_output() {
    let kernel: Vec<f64> = (0..128).map(|j| 0.5_f64.powi(j)).collect();
    let mut u = vec![0.0; 128];
    u[0] = 1.0;
    let direct = causal_convolution(&kernel, &u);
    let by_dft = causal_convolution_by_dft(&kernel, &u);
    expect_equal_reals(&direct, &by_dft, 1e-15);
    // The direct sum keeps every digit of 2^-127; by frequencies none is left.
    assert_eq!(direct[127], 0.5_f64.powi(127));
    assert!((by_dft[127] - direct[127]).abs() > 1e10 * direct[127]);
}

#[test]
fn a_kernel_longer_than_the_input_is_cut_and_an_empty_one_is_silent() {
    let u = [1.0, -2.0];
    let kernel = [3.0, 5.0, 1e300, f64::MAX];
    assert_eq!(causal_convolution(&kernel, &u), [3.0, -1.0]);
    expect_equal_reals(&[3.0, -1.0], &causal_convolution_by_dft(&kernel, &u), 1e-14);
    assert_eq!(causal_convolution(&[], &u), [0.0, 0.0]);
    assert_eq!(causal_convolution_by_dft(&[], &u), [0.0, 0.0]);
    assert_eq!(causal_convolution(&kernel, &[]), [0.0; 0]);
    assert_eq!(causal_convolution_by_dft(&kernel, &[]), [0.0; 0]);
}

#[test]
fn circular_convolution_refuses_two_circles() {
    assert_eq!(
        circular_convolution(&[1.0, 2.0], &[1.0]).unwrap_err().to_string(),
        "expected K and u to have the same length, found 2 and 1"
    );
}

proptest! {
    #[test]
    fn eq_1_4_transform_of_a_circular_convolution_is_the_product_of_transforms(
        (kernel, u) in two_signals()
    ) {
        let y = circular_convolution(&kernel, &u).unwrap();
        let left = dft(&to_complex(&y));
        let (kernel_hat, u_hat) = (dft(&to_complex(&kernel)), dft(&to_complex(&u)));
        let right: Vec<_> = kernel_hat.iter().zip(&u_hat).map(|(kernel, u)| kernel * u).collect();
        // Three sums of n terms, of products of numbers up to 10 n.
        let length = u.len();
        expect_equal(&left, &right, rounding(length, 100.0 * (length * length) as f64));
    }

    #[test]
    fn fft_equals_dft(u in power_of_two_signal()) {
        expect_equal(&dft(&u), &fft(&u).unwrap(), rounding(u.len(), 15.0));
    }

    #[test]
    fn inverse_undoes_the_transform(u in complex_signal(1..80)) {
        expect_equal(&u, &inverse_dft(&dft(&u)), rounding(u.len(), 15.0));
    }

    #[test]
    fn inverse_fft_undoes_fft(u in power_of_two_signal()) {
        expect_equal(&u, &inverse_fft(&fft(&u).unwrap()).unwrap(), rounding(u.len(), 15.0));
    }

    #[test]
    fn parseval_energy_is_the_same_in_time_and_in_frequency(u in complex_signal(1..80)) {
        let energy = |numbers: &[Complex<f64>]| numbers.iter().map(Complex::norm_sqr).sum::<f64>();
        let (in_time, in_frequency) = (energy(&u), energy(&dft(&u)) / u.len() as f64);
        let allowed = rounding(u.len(), in_time);
        prop_assert!((in_time - in_frequency).abs() <= allowed, "{in_time} {in_frequency}");
    }

    #[test]
    fn a_delay_turns_each_frequency_by_its_own_angle(u in complex_signal(1..60), by in 0_usize..90) {
        let length = u.len();
        let mut delayed = u.clone();
        delayed.rotate_right(by % length);
        let turned: Vec<_> =
            dft(&u).iter().enumerate().map(|(m, u_m)| u_m * root_of_unity(m * by, length)).collect();
        expect_equal(&turned, &dft(&delayed), rounding(length, 15.0 * length as f64));
    }

    #[test]
    fn the_transform_is_linear(
        (u, w) in (1_usize..60).prop_flat_map(|n| (complex_signal(n), complex_signal(n))),
        scale in -3.0..3.0,
    ) {
        let mixed: Vec<_> = u.iter().zip(&w).map(|(u, w)| u * scale + w).collect();
        let expected: Vec<_> =
            dft(&u).iter().zip(dft(&w)).map(|(u_hat, w_hat)| u_hat * scale + w_hat).collect();
        expect_equal(&expected, &dft(&mixed), rounding(u.len(), 60.0 * u.len() as f64));
    }

    #[test]
    fn a_real_signal_has_conjugate_halves(u in signal(1..60)) {
        let u_hat = dft(&to_complex(&u));
        let length = u.len();
        let mirrored: Vec<_> = (0..length).map(|m| u_hat[(length - m) % length].conj()).collect();
        expect_equal(&u_hat, &mirrored, rounding(length, 10.0));
    }

    #[test]
    fn padded_circular_equals_causal(kernel in signal(0..50), u in signal(0..50)) {
        let scale = 100.0 * kernel.len().max(u.len()).max(1) as f64;
        expect_equal_reals(
            &causal_convolution(&kernel, &u),
            &causal_convolution_by_dft(&kernel, &u),
            rounding(64, scale),
        );
    }

    #[test]
    fn changing_the_future_leaves_a_causal_output_alone(
        (kernel, u) in two_signals(), at in 0_usize..40
    ) {
        let at = at % u.len();
        let mut changed = u.clone();
        changed[at] += 1.0;
        let (before, after) = (causal_convolution(&kernel, &u), causal_convolution(&kernel, &changed));
        prop_assert_eq!(&before[..at], &after[..at]);
    }
}
