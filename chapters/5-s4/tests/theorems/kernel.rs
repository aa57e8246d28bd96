//! What the page *Kernel* claims.

use classical_ssm::state_space::StateSpace;
use discretization::bilinear::{bilinear, tustin_map};
use math_foundations::fourier::{dft, inverse_dft, root_of_unity, to_complex};
use ml_links::dual_computation::kernel as kernel_by_steps;
use ml_links::structured_matrices::{ComplexVector, Dplr, StateMatrix, StructuredMatrix};
use ml_links::testing::apart;
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s4::hippo::Measure;
use s4::kernel::{
    CauchyTree, KernelSpectrum, almost_linear_kernel, as_printed, generating_function, restore,
    s4_kernel, truncate, truncate_paired,
};
use s4::nplr::{Nplr, PairedDplr};

use crate::common::{complexes, fixture};

fn random_vector(size: usize, seed: u64) -> DVector<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DVector::from_fn(size, |_, _| random.random_range(-1.0..1.0))
}

/// The kernel from A, B and C as they are: chapter 3's rule, chapter 4's steps. O(N² L).
fn naive(memory: &Nplr, c: &DVector<f64>, delta: f64, length: usize) -> Vec<f64> {
    let b = DMatrix::from_column_slice(c.len(), 1, memory.b().as_slice());
    let c = DMatrix::from_row_slice(1, c.len(), c.as_slice());
    let flow = StateSpace::continuous(memory.a().clone(), b, c, dmatrix![0.0]).unwrap();
    kernel_by_steps(&bilinear(&flow, delta).unwrap().held().unwrap(), length).unwrap()
}

fn of_f32(kernel: &[f32]) -> Vec<f64> {
    kernel.iter().map(|&k| f64::from(k)).collect()
}

/// A system of both halves with its steps: Λ - PP*, b, c̃, Ā, b̄.
struct Whole {
    a: Dplr,
    b: ComplexVector,
    c: ComplexVector,
    a_bar: Dplr,
    b_bar: ComplexVector,
}

fn whole(memory: &Nplr, c: &DVector<f64>, delta: f64) -> Whole {
    let basis = memory.diagonalize().unwrap();
    let (a, b) = basis.modes.both_halves().unwrap();
    let c = basis.modes.unfold(&basis.output(c).unwrap());
    let (a_bar, b_bar) = a.bilinear(&b, delta).unwrap();
    Whole { a, b, c, a_bar, b_bar }
}

#[test]
fn eq_5_3_the_generating_function_is_the_sum_of_its_definition() {
    for (size, length, delta) in [(2, 5, 0.5), (8, 33, 0.1), (16, 64, 0.02), (5, 48, 1.0)] {
        let (memory, c) = (Nplr::legs(size).unwrap(), random_vector(size, 7));
        let Whole { a, b, c, a_bar, b_bar } = whole(&memory, &c, delta);
        // The left side, by its definition.
        let kernel = a_bar.kernel(&b_bar, &c, length).unwrap();
        // The right side.
        let c_tilde = truncate(&a_bar, &c, length).unwrap();
        let (lambda, p, q) = a.parts();
        let (p, q) = (p.column(0).into_owned(), q.column(0).into_owned());
        for root in 0..length {
            let z = root_of_unity(root, length);
            let sum: Complex<f64> =
                (0..length).map(|k| kernel[k] * root_of_unity(root * k, length)).sum();
            let scale = kernel.map(|k| k.norm()).sum();
            let mended = generating_function(&a, &b, &c_tilde, delta, z);
            assert!((mended - sum).norm() < 1e-12 * scale, "N = {size}, L = {length}, {root}");
            let printed = as_printed(lambda, &p, &q, &b, &c_tilde, delta, z);
            if 2 * root == length {
                assert!(printed.re.is_nan(), "z = -1 is a hole");
            } else {
                assert!((printed - sum).norm() < 1e-12 * scale, "N = {size}, L = {length}, {root}");
            }
        }
    }
}

#[test]
fn a_kernel_by_frequency_is_the_kernel_by_steps() {
    // To 1e-8 was asked for; N = 64 and L = 1024 among the cases.
    for (size, length, delta) in [
        (1, 7, 0.3),
        (2, 16, 0.1),
        (7, 100, 0.05),
        (16, 1, 0.1),
        (64, 784, 0.01),
        (64, 1024, 0.001),
        (64, 1024, 0.1),
    ] {
        let (memory, c) = (Nplr::legs(size).unwrap(), random_vector(size, 11));
        let expected = naive(&memory, &c, delta, length);
        let basis = memory.diagonalize().unwrap();
        let c = basis.output(&c).unwrap();
        let what = format!("N = {size}, L = {length}, Δ = {delta}");

        let found: Vec<f64> = s4_kernel(&basis.modes, &c, delta, length).unwrap();
        assert!(apart(&found, &expected) < 1e-11, "{what}: {:e}", apart(&found, &expected));
        let single: Vec<f32> = s4_kernel(&basis.modes, &c, delta, length).unwrap();
        let error = apart(&of_f32(&single), &expected);
        assert!(error < 1e-5, "{what}, f32: {error:e}");
        let c_tilde = truncate_paired(&basis.modes, &c, delta, length).unwrap();
        let fast = almost_linear_kernel(&basis.modes, &c_tilde, delta, length).unwrap();
        assert!(apart(&fast, &expected) < 1e-11, "{what}: {:e}", apart(&fast, &expected));
    }
}

#[test]
fn other_memories_have_kernels_too() {
    // LegT has two columns in P, and its modes lie on the imaginary axis; LagT's are half a unit away from it.
    for (measure, allowed) in [(Measure::LegT, 1e-9), (Measure::LagT, 1e-11)] {
        for size in [2, 8, 16] {
            let (memory, c) = (Nplr::of(measure, size).unwrap(), random_vector(size, 3));
            let expected = naive(&memory, &c, 0.013, 200);
            let basis = memory.diagonalize().unwrap();
            let found: Vec<f64> =
                s4_kernel(&basis.modes, &basis.output(&c).unwrap(), 0.013, 200).unwrap();
            let error = apart(&found, &expected);
            assert!(error < allowed, "{measure:?}, N = {size}: {error:e}");
        }
    }
}

#[test]
fn a_mode_on_a_root_is_an_error_and_no_nan() {
    // FouT's constant does not turn and does not fade: it lies on z = 1.
    let basis = Nplr::of(Measure::FouT, 4).unwrap().diagonalize().unwrap();
    let c = basis.output(&DVector::from_element(4, 1.0)).unwrap();
    let spectrum = KernelSpectrum::<f64>::new(&basis.modes, &c, 0.1).unwrap();
    let error = spectrum.kernel(10).unwrap_err();
    assert!(error.to_string().ends_with("K̂(0 of 10) is not finite"), "{error}");
    assert!(almost_linear_kernel(&basis.modes, &c, 0.1, 10).is_err());
}

#[test]
fn one_hole_makes_a_nan_of_every_number() {
    let (memory, delta, length) = (Nplr::legs(8).unwrap(), 0.05, 16);
    let Whole { a, b, c, a_bar, .. } = whole(&memory, &random_vector(8, 1), delta);
    let c_tilde = truncate(&a_bar, &c, length).unwrap();
    let (lambda, p, q) = a.parts();
    let (p, q) = (p.column(0).into_owned(), q.column(0).into_owned());
    let values: Vec<_> = (0..length)
        .map(|root| as_printed(lambda, &p, &q, &b, &c_tilde, delta, root_of_unity(root, length)))
        .collect();
    assert_eq!(values.iter().filter(|value| value.re.is_nan()).count(), 1);
    assert!(inverse_dft(&values).iter().all(|k| k.re.is_nan()));
    // With π rounded, e^{-iπ} is not quite -1, and the giants cancel: so published code gets by.
    let almost = Complex::from_polar(1.0, -std::f64::consts::PI);
    assert!(almost.im != 0.0);
    let lucky = as_printed(lambda, &p, &q, &b, &c_tilde, delta, almost);
    let value = generating_function(&a, &b, &c_tilde, delta, Complex::from(-1.0));
    assert!((lucky - value).norm() < 1e-12 * c_tilde.norm() * b.norm());
}

#[test]
fn at_minus_one_only_the_product_of_c_and_b_is_left() {
    let delta = 0.07;
    let Whole { a, b, c, .. } = whole(&Nplr::legs(9).unwrap(), &random_vector(9, 2), delta);
    let value = generating_function(&a, &b, &c, delta, Complex::from(-1.0));
    assert!((value - c.dot(&b) * (0.5 * delta)).norm() < 1e-14 * c.norm() * b.norm());
}

#[test]
fn frequencies_go_through_chapter_three_s_map() {
    // s = 2/Δ (1-z)/(1+z) is Tustin's map of 1/z, and chapter 4's transfer function at s is the rest.
    let delta = 0.1;
    let Whole { a, b, c, .. } = whole(&Nplr::legs(6).unwrap(), &random_vector(6, 5), delta);
    for root in [0, 1, 5, 9] {
        let z = root_of_unity(root, 19);
        let s = tustin_map(z.inv(), delta);
        assert!(s.re.abs() < 1e-12, "roots of unity go to the imaginary axis");
        let transfer = a.transfer(&b, &c, &dvector![s]).unwrap()[0];
        let value = generating_function(&a, &b, &c, delta, z);
        assert!((value - transfer * 2.0 / (1.0 + z)).norm() < 1e-12 * value.norm());
    }
}

#[test]
fn without_the_truncation_the_tail_comes_round() {
    // C in place of C̃: the infinite kernel, wrapped round a circle of L steps.
    let (memory, length, delta) = (Nplr::legs(4).unwrap(), 20, 0.05);
    let c = random_vector(4, 9);
    let kernel = naive(&memory, &c, delta, 200 * length);
    let wrapped: Vec<f64> =
        (0..length).map(|k| kernel.iter().skip(k).step_by(length).sum()).collect();
    let basis = memory.diagonalize().unwrap();
    let untruncated = KernelSpectrum::<f64>::new(&basis.modes, &basis.output(&c).unwrap(), delta);
    let found = untruncated.unwrap().kernel(length).unwrap();
    assert!(apart(&found, &wrapped) < 1e-12);
    assert!(apart(&found, &kernel[..length]) > 1e-2);
}

#[test]
fn the_other_way_round_the_circle_the_kernel_runs_backwards() {
    let kernel = to_complex(&[1.0, 2.0, 3.0, 4.0]);
    let values = dft(&kernel);
    // The inverse transform for e^{+2πi…} where the values are those of e^{-2πi…}: the forward one, over L.
    let backwards: Vec<f64> = dft(&values).iter().map(|k| k.re / 4.0).collect();
    assert!(apart(&backwards, &[1.0, 4.0, 3.0, 2.0]) < 1e-15);
}

#[test]
fn kernels_agree_with_the_annotated_s4() {
    for case in fixture("s4_dplr_kernel.json")["cases"].as_array().unwrap() {
        let number = |name: &str| case[name].as_f64().unwrap();
        let (delta, length) = (number("step"), number("L") as usize);
        let (lambda, p, b) =
            (complexes(&case["Lambda"]), complexes(&case["P"]), complexes(&case["B"]));
        // Their C is conjugated before it reads.
        let c_tilde = complexes(&case["Ctilde"]).conjugate();
        let column = DMatrix::from_column_slice(p.len(), 1, p.as_slice());
        let a = Dplr::new(lambda.clone(), column.clone(), column).unwrap();
        let expected: Vec<f64> = serde_json::from_value(case["K"].clone()).unwrap();
        let what = format!("N = {}, L = {length}, Δ = {delta}", p.len());

        // Both halves, one root after the other; L = 1024 by a slow transform would take a while.
        if length <= 784 {
            let values: Vec<_> = (0..length)
                .map(|root| {
                    generating_function(&a, &b, &c_tilde, delta, root_of_unity(root, length))
                })
                .collect();
            let found: Vec<f64> = inverse_dft(&values).iter().map(|k| k.re).collect();
            assert!(apart(&found, &expected) < 1e-11, "{what}: {:e}", apart(&found, &expected));
        }

        // One half. Their C̃ is no real system's, and they keep the real part: the half that is real.
        let size = p.len();
        let upper: Vec<usize> = (0..size).filter(|&n| lambda[n].im > 0.0).collect();
        let mirrored = |n: usize| size - 1 - n;
        let half = DVector::from_iterator(
            upper.len(),
            upper.iter().map(|&n| {
                // Eigenvectors are known up to a phase: this one is between a mode and its mirror image.
                let phase = p[mirrored(n)] / p[n].conj();
                (c_tilde[n] + (c_tilde[mirrored(n)] * phase).conj()) * 0.5
            }),
        );
        let modes = PairedDplr {
            lambda: lambda.select_rows(&upper),
            p: DMatrix::from_column_slice(upper.len(), 1, p.select_rows(&upper).as_slice()),
            b: b.select_rows(&upper),
            weight: DVector::from_element(upper.len(), 2.0),
        };
        let exact = KernelSpectrum::<f64>::new(&modes, &half, delta).unwrap();
        let error = apart(&exact.kernel(length).unwrap(), &expected);
        assert!(error < 1e-11, "{what}, one half: {error:e}");
        let single = KernelSpectrum::<f32>::new(&modes, &half, delta).unwrap();
        let error = apart(&of_f32(&single.kernel(length).unwrap()), &expected);
        // The reference in f32 is off by 9e-7 at most.
        assert!(error < 1e-5, "{what}, f32: {error:e}");
    }
}

#[test]
fn c_comes_back_from_what_s4_learns() {
    let (memory, length) = (Nplr::legs(12).unwrap(), 50);
    let Whole { c, a_bar, .. } = whole(&memory, &random_vector(12, 4), 0.02);
    let c_tilde = truncate(&a_bar, &c, length).unwrap();
    let back = restore(&a_bar, &c_tilde, length).unwrap();
    assert!((back - &c).norm() < 1e-11 * c.norm());
    // A mode that never fades is the same after L steps.
    let none = dmatrix![Complex::<f64>::ZERO];
    let still = Dplr::new(dvector![Complex::ONE], none.clone(), none).unwrap();
    let error = restore(&still, &dvector![Complex::ONE], 3).unwrap_err();
    assert!(error.to_string().ends_with("the same after 3 steps"), "{error}");
}

#[test]
fn what_has_no_kernel_is_refused() {
    let basis = Nplr::legs(4).unwrap().diagonalize().unwrap();
    let c = basis.output(&DVector::from_element(4, 1.0)).unwrap();
    let refused = |c: &ComplexVector, delta, length| {
        s4_kernel::<f64>(&basis.modes, c, delta, length).unwrap_err().to_string()
    };
    assert_eq!(refused(&c, 0.1, 0), "expected L to be at least 1, found 0");
    assert_eq!(refused(&c, -0.1, 4), "expected Δ to be finite and positive, found -0.1");
    let short = c.rows(0, 1).into_owned();
    assert_eq!(refused(&short, 0.1, 4), "expected c̃ to be 2 x 1, found 1 x 1");
    let nan = c.map(|_| Complex::from(f64::NAN));
    assert!(refused(&nan, 0.1, 4).starts_with("expected every entry of c̃ to be finite"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_length_and_any_step_will_do(half in 1usize..8, odd in 0usize..2, length in 1usize..70, delta in 1e-3f64..5.0, seed in 0u64..1000) {
        let size = 2 * half + odd;
        let (memory, c) = (Nplr::legs(size).unwrap(), random_vector(size, seed));
        let expected = naive(&memory, &c, delta, length);
        let basis = memory.diagonalize().unwrap();
        let c = basis.output(&c).unwrap();
        let found: Vec<f64> = s4_kernel(&basis.modes, &c, delta, length).unwrap();
        let error = apart(&found, &expected);
        prop_assert!(error < 1e-10, "off by {error:e}");
    }

    #[test]
    fn the_capacitance_of_a_memory_never_vanishes(size in 1usize..20, root in 0usize..999, delta in 1e-3f64..5.0) {
        // P = Q and modes that do not grow: Re(1 + P*RP) >= 1 at every root, so nothing is magnified.
        let (a, _) = Nplr::legs(size).unwrap().diagonalize().unwrap().modes.both_halves().unwrap();
        let (lambda, p, _) = a.parts();
        let s = tustin_map(root_of_unity(root, 999), delta);
        let seen: Complex<f64> = (0..size).map(|n| p[(n, 0)].norm_sqr() / (s - lambda[n])).sum();
        prop_assert!((1.0 + seen).re >= 1.0 - 1e-9 * seen.norm());
    }

    #[test]
    fn clusters_from_afar_are_their_members(size in 1usize..400, s in 0.0f64..2.0, t in 0.0f64..1.0, seed in 0u64..1000) {
        let (re, im) = (random_vector(size, seed), random_vector(size, seed + 1));
        // Many modes near 0 and few far out, as LegS has them; the seventh power spreads them.
        let lambda = re.zip_map(&im, |re, im| Complex::new(-0.5 - re.abs(), 1e3 * im.powi(7)));
        let v = re.zip_map(&im, |re, im| Complex::new(im, re));
        let found = CauchyTree::new(&lambda, std::slice::from_ref(&v)).sums(s, t)[0];
        let terms = v.zip_map(&lambda, |v, lambda| v / (Complex::new(0.0, s) - lambda * t));
        let sizes: f64 = terms.iter().map(|term| term.norm()).sum();
        prop_assert!((found - terms.sum()).norm() <= 1e-13 * sizes);
    }
}

#[test]
fn dplr_is_what_the_page_says_it_is() {
    // A = Λ - PQ*: with a plus, equation 4-5 needs a minus, and so on through every formula.
    let (a, _) = Nplr::legs(4).unwrap().diagonalize().unwrap().modes.both_halves().unwrap();
    let (lambda, p, q) = a.parts();
    let dense = DMatrix::from_diagonal(lambda) - p * q.adjoint();
    assert!((dense - a.to_dense()).camax() < 1e-15);
}
