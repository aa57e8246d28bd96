//! What the page `diagonal` claims.

use std::f64::consts::PI;

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use discretization::diagonalization::{DiagonalSystem, ScalarStep};
use math_foundations::matrix_exponential::matrix_exponential;
use ml_links::parameterization::{
    ComplexTensor, DiagonalStateSpaceConfig, normal, vandermonde_kernel as composed_kernel,
};
use ml_links::structured_matrices::{StructuredMatrix, Vandermonde};
use ml_links::testing::{apart, numbers};
use nalgebra::{Complex, DMatrix, DVector};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use s4::diagonal::{
    Spectrum, answer, dss_kernel, echo, legs_waves, missed, readable, vandermonde_kernel,
    without_low_rank,
};
use s4::diagonal_operations::diagonal_kernel;
use s4::hippo::{Measure, hippo};
use s4::nplr::Nplr;
use serde_json::Value;

use crate::common::{complexes, fixture};

fn real(numbers: &Value) -> Vec<f64> {
    serde_json::from_value(numbers.clone()).unwrap()
}

fn largest_difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max)
}

/// One input and output, B = 1, as chapter 3 knows it.
fn system(lambda: &DVector<Complex<f64>>, c: &DVector<Complex<f64>>) -> DiagonalSystem {
    DiagonalSystem {
        lambda: lambda.clone(),
        b: DMatrix::from_element(lambda.len(), 1, Complex::ONE),
        c: DMatrix::from_row_slice(1, c.len(), c.as_slice()),
        d: DMatrix::zeros(1, 1),
        weight: DVector::from_element(lambda.len(), 2.0),
    }
}

type Rule = fn(Complex<f64>) -> ScalarStep;

/// The kernel of a rule by [`vandermonde_kernel`].
fn by_powers(
    lambda: &DVector<Complex<f64>>,
    c: &DVector<Complex<f64>>,
    step: Rule,
    delta: f64,
    length: usize,
) -> Vec<f64> {
    let steps: Vec<ScalarStep> = lambda.iter().map(|lambda| step(lambda * delta)).collect();
    let weights = DVector::from_fn(c.len(), |n, _| c[n] * (steps[n].end + steps[n].begin) * delta);
    let z = DVector::from_fn(c.len(), |n, _| steps[n].a_bar.ln());
    vandermonde_kernel(&weights, &z, length).unwrap()
}

#[test]
fn modes_and_kernels_are_those_of_the_reference() {
    let reference = fixture("s4d_kernel.json");
    for case in
        reference["cases"].as_array().unwrap().iter().filter(|case| case["init"].is_string())
    {
        let (name, d_state) =
            (case["init"].as_str().unwrap(), case["N"].as_u64().unwrap() as usize);
        let spectrum = match name {
            "lin" => Spectrum::Lin,
            "inv" => Spectrum::Inv,
            "real" => Spectrum::Real,
            _ => Spectrum::Legs,
        };
        let at = format!("{name}, N = {d_state}");
        let (expected, c) = (complexes(&case["A"]), complexes(&case["C"]));
        let modes = spectrum.modes(d_state).unwrap();
        let off = (&modes - &expected).camax();
        assert!(off < 1e-12 * expected.camax(), "{at}: modes off by {off:e}");
        let delta = case["dt"].as_f64().unwrap();
        let rules: [(&str, Rule); 2] =
            [("K_zoh", ScalarStep::zero_order_hold), ("K_bilinear", ScalarStep::bilinear)];
        for (rule, step) in rules {
            let expected = real(&case[rule]);
            let found = by_powers(&modes, &c, step, delta, expected.len());
            let off = largest_difference(&found, &expected);
            assert!(off < 1e-11, "{at}, {rule}: off by {off:e}");
        }
    }
}

#[test]
fn the_low_rank_part_tells_the_diagonal_what_it_missed() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    for d_state in [2, 8, 33] {
        let memory = hippo(Measure::LegS, d_state).unwrap();
        let b = memory.b().column(0).into_owned();
        let normal_part = Nplr::legs(d_state).unwrap().normal();
        let x = DVector::from_fn(d_state, |_, _| normal(&mut random));
        let u = normal(&mut random);
        let left = memory.a() * &x + &b * u;
        let missed = u - b.dot(&x);
        let right = normal_part * x + &b * (0.5 * u) + &b * (0.5 * missed);
        assert!((left - right).amax() < 1e-12 * (d_state * d_state) as f64);
    }
}

/// `(s - A)⁻¹ B` of LegS itself: what it makes of a wave, row by row from the top.
fn legs_answer(d_state: usize, s: Complex<f64>) -> DVector<Complex<f64>> {
    let memory = hippo(Measure::LegS, d_state).unwrap();
    let a = DMatrix::identity(d_state, d_state) * s - memory.a().map(Complex::from);
    a.solve_lower_triangular(&memory.b().column(0).map(Complex::from)).unwrap()
}

#[test]
fn eq_5_5_legs_is_its_diagonal_heard_with_what_it_missed() {
    for (d_state, tolerance) in [(1, 1e-13), (2, 1e-13), (9, 1e-12), (64, 1e-11)] {
        let diagonal = without_low_rank(d_state).unwrap();
        for s in
            [Complex::new(0.3, 0.0), Complex::I, Complex::new(0.2, -7.0), Complex::new(0.0, 40.0)]
        {
            let legs = legs_answer(d_state, s);
            let by_diagonal = answer(&diagonal, s) * (1.0 + missed(d_state, s));
            let off = (&legs - by_diagonal).camax();
            assert!(off < tolerance, "N = {d_state}, s = {s}: off by {off:e}");
            // And ε is what it is said to be: the present, less what is read of it.
            let read: Complex<f64> =
                hippo(Measure::LegS, d_state).unwrap().b().column(0).map(Complex::from).dot(&legs);
            assert!((1.0 - read - missed(d_state, s)).norm() < tolerance, "N = {d_state}, s = {s}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn eq_5_5_what_is_missed_of_a_wave_has_a_size_without_a_product(size in 1usize..300, omega in 1e-3..1e5_f64) {
        let share = missed(size, Complex::new(0.0, omega)).norm();
        prop_assert!((share - omega / omega.hypot(size as f64)).abs() < 1e-12);
    }

    #[test]
    fn the_waves_of_legs_are_where_all_is_missed_upside_down(half in 1usize..24, odd in 0usize..2) {
        let d_state = 2 * half + odd;
        let waves = legs_waves(d_state);
        prop_assert!(waves.as_slice().windows(2).all(|pair| pair[0] < pair[1]));
        for omega in waves.iter() {
            let share = missed(d_state, Complex::new(-0.5, *omega));
            prop_assert!((share + 1.0).norm() < 1e-9, "{share} at ω = {omega}");
        }
        let found = Nplr::legs(d_state).unwrap().diagonalize().unwrap().modes;
        let turning: Vec<f64> = found.lambda.iter().map(|lambda| lambda.im).skip(odd).collect();
        let largest = waves[half - 1];
        prop_assert!(largest_difference(&turning, waves.as_slice()) < 1e-12 * largest);
    }
}

#[test]
fn the_inputs_of_legs_are_those_of_its_eigenvectors() {
    for d_state in [2, 10, 64] {
        let basis = Nplr::legs(d_state).unwrap().diagonalize().unwrap();
        let expected: Vec<f64> = basis.modes.b.iter().map(|b| 0.5 * b.norm()).collect();
        let found = Spectrum::Legs.inputs(d_state).unwrap();
        assert!(largest_difference(found.as_slice(), &expected) < 1e-11);
    }
}

#[test]
fn the_fastest_wave_tends_to_a_formula_with_a_known_constant() {
    // The S4D paper found N²/π and a constant near 0.5236 in numbers: it is π/6.
    for d_state in [16, 64, 256, 1024] {
        let fastest = legs_waves(d_state)[d_state / 2 - 1];
        let size = d_state as f64;
        let left = fastest - (size * size / PI - PI / 6.0);
        assert!(left.abs() < 1.0 / (size * size) + 1e-15 * size * size, "N = {d_state}: {left:e}");
    }
}

#[test]
fn the_formula_of_inv_is_right_for_fast_waves_and_rough_for_slow_ones() {
    for d_state in [64, 256] {
        let (legs, mut inv) =
            (Spectrum::Legs.modes(d_state).unwrap(), Spectrum::Inv.modes(d_state).unwrap());
        inv.as_mut_slice().reverse();
        let ratio = |n: usize| inv[n].im / legs[n].im;
        let pairs = d_state / 2;
        assert!((ratio(pairs - 1) - 1.0).abs() < 1.1 / d_state as f64);
        assert!(ratio(0) > 1.2 && ratio(pairs / 2) < 0.8, "{} {}", ratio(0), ratio(pairs / 2));
    }
}

/// The root mean square, from 0 to 4, of what the echo of x_0 is off LegS's `e^{-t}`: as it is, and in steps of Δ, that is,
/// averaged over each.
fn off_legs(d_state: usize, delta: f64) -> (f64, f64) {
    let diagonal = without_low_rank(d_state).unwrap();
    let size =
        |off: Vec<f64>| (off.iter().map(|off| off * off).sum::<f64>() / off.len() as f64).sqrt();
    let ages = (0..1000).map(|i| 0.004 * (f64::from(i) + 0.5));
    let as_it_is = ages.map(|age| echo(&diagonal, age)[0] - (-age).exp()).collect();
    let steps = diagonal.discretize(ScalarStep::zero_order_hold, delta).unwrap();
    let kernel = steps.kernel((4.0 / delta) as usize).into_iter().enumerate();
    let held = |l: usize| -(-delta).exp_m1() * (-delta * l as f64).exp();
    (size(as_it_is), size(kernel.map(|(l, k)| (k[(0, 0)] - held(l)) / delta).collect()))
}

#[test]
fn the_echo_itself_stays_off_and_its_averages_converge() {
    let off = [16, 32, 64].map(|d_state| off_legs(d_state, 0.1));
    for pair in off.windows(2) {
        assert!((0.95..1.05).contains(&(pair[1].0 / pair[0].0)), "{off:?}");
        assert!((0.3..0.7).contains(&(pair[1].1 / pair[0].1)), "{off:?}");
    }
}

#[test]
fn a_wave_is_off_by_its_speed_over_the_number_of_states() {
    for omega in [1.0, 10.0] {
        let off = [64, 256, 1024].map(|d_state| {
            let share = missed(d_state, Complex::new(0.0, omega));
            (share / (1.0 + share)).norm() * d_state as f64 / omega
        });
        assert!((off[2] - 1.0).abs() < 0.02 && (off[1] - 1.0).abs() < 0.08, "{off:?}");
    }
}

#[test]
fn one_note_stays_too_loud_however_many_states_there_are() {
    // At its fastest wave LegS is deaf, and the diagonal sings: it does not become LegS for all notes at once.
    for d_state in [16, 64] {
        let s = Complex::new(0.0, legs_waves(d_state)[d_state / 2 - 1]);
        let sung = answer(&without_low_rank(d_state).unwrap(), s)[0].norm();
        let heard = legs_answer(d_state, s)[0].norm();
        assert!(
            (sung - 2.0 / PI).abs() < 4.0 / (d_state * d_state) as f64,
            "N = {d_state}: {sung}"
        );
        assert!((heard * s.norm() - 1.0).abs() < 1e-3, "N = {d_state}: {heard}");
    }
}

#[test]
fn with_its_whole_input_the_diagonal_is_twice_too_loud() {
    // The half belongs to it: of S x + B u nothing is LegS.
    let mut loud = without_low_rank(256).unwrap();
    loud.b *= Complex::from(2.0);
    let mean = |age: f64| echo(&loud, age)[0];
    for age in [0.5_f64, 1.0, 2.0] {
        assert!((mean(age) / (-age).exp() - 2.0).abs() < 0.5, "at age {age}: {}", mean(age));
    }
}

#[test]
fn an_echo_of_the_diagonal_is_that_of_its_matrix() {
    let (d_state, age) = (12, 0.7);
    let s = Nplr::legs(d_state).unwrap().normal();
    let b = hippo(Measure::LegS, d_state).unwrap().b() * 0.5;
    let expected = matrix_exponential(&(s * age)).unwrap() * b;
    let found = echo(&without_low_rank(d_state).unwrap(), age);
    assert!((expected.column(0) - found).amax() < 1e-11);
}

proptest! {
    #[test]
    fn the_kernel_is_that_of_the_steps(
        parts in proptest::collection::vec((-2.0..-0.01_f64, -30.0..30.0_f64, -1.0..1.0_f64, -1.0..1.0_f64), 1..12),
        delta in 0.001..0.3_f64,
        length in 0_usize..300,
    ) {
        let lambda = DVector::from_iterator(parts.len(), parts.iter().map(|p| Complex::new(p.0, p.1)));
        let c = DVector::from_iterator(parts.len(), parts.iter().map(|p| Complex::new(p.2, p.3)));
        let found = by_powers(&lambda, &c, ScalarStep::zero_order_hold, delta, length);
        let steps = system(&lambda, &c).discretize(ScalarStep::zero_order_hold, delta).unwrap();
        let expected: Vec<f64> = steps.kernel(length).iter().map(|k| k[(0, 0)]).collect();
        prop_assert!(largest_difference(&found, &expected) < 1e-12);
    }
}

#[test]
fn the_kernel_is_chapter_4s_product_with_a_vandermonde_matrix() {
    let lambda = Spectrum::Lin.modes(16).unwrap();
    let c = DVector::from_fn(8, |n, _| Complex::new(1.0 / (n as f64 + 1.0), -0.2));
    let z = &lambda * Complex::from(0.02);
    let matrix = Vandermonde::new(z.map(|z| z.exp()), 500).unwrap();
    let expected: Vec<f64> = matrix.matvec(&c).unwrap().iter().map(|k| 2.0 * k.re).collect();
    let found = vandermonde_kernel(&c, &z, 500).unwrap();
    assert!(largest_difference(&found, &expected) < 1e-13);
}

#[test]
fn lin_is_what_chapter_4s_layer_begins_with() {
    let layer = DiagonalStateSpaceConfig::new(2, 16).init(&Device::flex());
    let (channel, delta) = layer.channel(1);
    let modes = Spectrum::Lin.modes(16).unwrap();
    // The layer is f32.
    assert!((&channel.lambda - &modes).camax() < 1e-5);
    let c = channel.c.row(0).transpose();
    let expected: Vec<f64> = layer.kernel(200).into_data().iter::<f64>().skip(200).collect();
    let found = by_powers(&channel.lambda, &c, ScalarStep::zero_order_hold, delta, 200);
    assert!(largest_difference(&found, &expected) < 1e-5);
}

#[test]
fn running_products_stay_exact_over_a_long_kernel() {
    let z = DVector::from_element(1, Complex::new(0.0, 1.0));
    let c = DVector::from_element(1, Complex::from(0.5));
    let length = 100_000;
    let found = vandermonde_kernel(&c, &z, length).unwrap();
    let expected: Vec<f64> = (0..length).map(|l| (l as f64).cos()).collect();
    assert!(largest_difference(&found, &expected) < 1e-13);
}

#[test]
fn dss_is_s4d_in_other_units() {
    let lambda = Spectrum::Lin.modes(8).unwrap();
    let c = DVector::from_fn(4, |n, _| Complex::new(1.0 / (n as f64 + 1.0), 0.3));
    let (delta, length) = (0.05, 120);
    let units = DVector::from_fn(4, |n, _| {
        let over_all = (lambda[n] * delta * length as f64).exp() - 1.0;
        c[n] / over_all
    });
    let expected = by_powers(&lambda, &units, ScalarStep::zero_order_hold, delta, length);
    let found = dss_kernel(&c, &lambda, delta, length).unwrap();
    assert!(largest_difference(&found, &expected) < 1e-12);
}

#[test]
fn dss_survives_a_mode_that_grows() {
    let lambda = DVector::from_element(1, Complex::new(3.0, 1.0));
    let kernel = dss_kernel(&DVector::from_element(1, Complex::ONE), &lambda, 1.0, 2000).unwrap();
    assert!(kernel.iter().all(|k| k.is_finite()));
}

#[test]
fn together_all_ages_hold_as_many_numbers_as_there_are() {
    for spectrum in [Spectrum::Lin, Spectrum::Inv, Spectrum::Legs] {
        let shares = readable(&spectrum.modes(16).unwrap(), 0.02, 400, 1e-9).unwrap();
        assert!(shares.iter().all(|share| (-1e-12..=1.0 + 1e-12).contains(share)));
        // λ = 0 has no imaginary part to keep a number in.
        let still = f64::from(spectrum == Spectrum::Lin);
        let sum: f64 = shares.iter().sum();
        assert!((sum - 16.0 + still).abs() < 1e-9, "{}: {sum}", spectrum.name());
    }
}

#[test]
fn a_reader_does_not_mind_how_the_input_is_pushed() {
    // B may be anything that is not 0: it scales a mode, and C scales it back. So with A.
    let lambda = DVector::from_element(1, Complex::new(-0.5, 2.0));
    let shares = readable(&lambda, 0.1, 100, 1e-6).unwrap();
    let conjugated = readable(&lambda.map(|z| z.conj()), 0.1, 100, 1e-6).unwrap();
    assert!(largest_difference(&shares, &conjugated) < 1e-12);
}

#[test]
fn what_makes_no_diagonal_is_refused() {
    for d_state in [0, 1, 7] {
        for spectrum in Spectrum::ALL {
            let error = spectrum.modes(d_state).unwrap_err().to_string();
            assert_eq!(error, format!("expected N to be even and at least 2, found {d_state}"));
        }
    }
    let (one, two) =
        (DVector::from_element(1, Complex::ONE), DVector::from_element(2, Complex::ONE));
    assert!(vandermonde_kernel(&one, &two, 3).is_err());
    assert!(dss_kernel(&one, &two, 0.1, 3).is_err());
    assert!(dss_kernel(&one, &one, 0.0, 3).is_err());
    assert!(vandermonde_kernel(&one, &one, 0).unwrap().is_empty());
    assert!(readable(&one, 0.1, 0, 1e-3).is_err());
    assert!(readable(&one, 0.1, 5, 0.0).is_err());
    assert!(readable(&one, f64::NAN, 5, 1e-3).is_err());
}

/// Kernels and the gradients of a random sum of them, by the parts of weights and modes.
fn there_and_back(
    kernel: fn(&ComplexTensor<2>, &ComplexTensor<2>, usize) -> Tensor<2>,
    [channels, pairs, length]: [usize; 3],
    precision: FloatDType,
) -> Vec<Vec<f64>> {
    let device = Device::flex().autodiff();
    let noise = |count: usize, seed: f64| -> Vec<f64> {
        (0..count).map(|k| ((k * k) as f64 * 0.7 + k as f64 + seed).sin()).collect()
    };
    // The same numbers in both precisions.
    let tensor = |values: Vec<f64>, shape: [usize; 2]| {
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        let data = TensorData::new(values, shape);
        Tensor::<2>::from_data(data, (&device, precision.into()))
    };
    let shape = [channels, pairs];
    let leaf = |seed: f64, at: f64, by: f64| {
        let values = noise(channels * pairs, seed).into_iter().map(|value| at + by * value);
        tensor(values.collect(), shape).require_grad()
    };
    // Modes that fade within the length, and some that turn fast.
    let parts =
        [leaf(0.1, 0.0, 1.0), leaf(0.2, 0.0, 1.0), leaf(0.3, -0.03, 0.02), leaf(0.4, 0.5, 1.5)];
    let [re, im, z_re, z_im] = parts.clone();
    let (weight, z) = (ComplexTensor { re, im }, ComplexTensor { re: z_re, im: z_im });
    let kernels = kernel(&weight, &z, length);
    let seen = tensor(noise(channels * length, 0.5), [channels, length]);
    let gradients = (kernels.clone() * seen).sum().backward();
    let by = parts.iter().map(|part| numbers(part.grad(&gradients).unwrap()));
    [numbers(kernels)].into_iter().chain(by).collect()
}

#[test]
fn the_kernel_as_one_operation_is_the_one_of_chapter_4_there_and_back() {
    for shape in [[1, 1, 2], [2, 3, 3], [3, 5, 7], [2, 8, 64], [4, 4, 100], [2, 32, 784]] {
        let composed = there_and_back(composed_kernel, shape, FloatDType::F64);
        for (precision, tolerance) in [(FloatDType::F64, 1e-12), (FloatDType::F32, 1e-6)] {
            let found = there_and_back(diagonal_kernel, shape, precision);
            for (what, (found, expected)) in found.iter().zip(&composed).enumerate() {
                let off = apart(found, expected);
                assert!(off < tolerance, "{shape:?}, {precision:?}, {what}: {off:e}");
            }
        }
    }
}
