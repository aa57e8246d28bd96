//! What the page `realization` claims.

use classical_ssm::controllability::{
    Carts, balanced_truncation, controllability_matrix, hankel_singular_values,
    minimal_realization, observability_matrix,
};
use classical_ssm::realization::{
    RealizationError, disturbed, hankel_matrix, hankel_spectrum, ho_kalman,
    ho_kalman_with_feedthrough, largest_gap, markov_parameters, noise_floor, prony,
    worst_eigenvalue,
};
use classical_ssm::state_space::{Discrete, StateSpace};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::held_input_step;
use math_foundations::stability::spectral_radius;
use math_foundations::state_representations::Matrices;
use nalgebra::{Complex, DMatrix, dmatrix};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::random_matrix;

/// Random steps without feedthrough whose slowest mode dies away like `radius^k`.
fn random_steps(
    n: usize,
    m: usize,
    p: usize,
    radius: f64,
    rng: &mut ChaCha8Rng,
) -> StateSpace<Discrete> {
    let g = random_matrix(n, n, rng);
    let a = &g * (radius / spectral_radius(&g).unwrap());
    let (b, c) = (random_matrix(n, m, rng), random_matrix(p, n, rng));
    StateSpace::discrete(a, b, c, DMatrix::zeros(p, m), 0.1).unwrap()
}

/// The page's carts: three, sampled ten times a second.
fn carts(pushed: usize) -> StateSpace<Discrete> {
    let flow = Carts { pushed, ..Carts::row(3) }.system().unwrap();
    let (a, b) = held_input_step(flow.a(), flow.b(), 0.1).unwrap();
    StateSpace::discrete(a, b, flow.c().clone(), flow.d().clone(), 0.1).unwrap()
}

fn size(kernel: &[DMatrix<f64>]) -> f64 {
    kernel.iter().map(|h| h.norm_squared()).sum::<f64>().sqrt()
}

fn difference(one: &[DMatrix<f64>], other: &[DMatrix<f64>]) -> f64 {
    size(&one.iter().zip(other).map(|(a, b)| a - b).collect::<Vec<_>>())
}

fn scalars(kernel: &[DMatrix<f64>]) -> Vec<f64> {
    kernel.iter().map(|h| h[(0, 0)]).collect()
}

// The matrix ---------------------------------------------------------------------------------

#[test]
fn eq_2_8_hankel_is_observability_times_controllability() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (n, m, p) in [(1, 1, 1), (4, 1, 1), (5, 2, 3), (6, 3, 1)] {
        let sys = random_steps(n, m, p, 0.9, &mut rng);
        let kernel = markov_parameters(&sys, 2 * n);
        let product = observability_matrix(&sys) * controllability_matrix(&sys);
        let hankel = hankel_matrix(&kernel, n, n).unwrap();
        assert!((&hankel - &product).norm() < 1e-14 * (1.0 + product.norm()), "{hankel}{product}");
        // And shifted by one step, A stands in between.
        let shifted = hankel_matrix(&kernel[1..], n, n).unwrap();
        let product = observability_matrix(&sys) * sys.a() * controllability_matrix(&sys);
        assert!((shifted - &product).norm() < 1e-14 * (1.0 + product.norm()));
    }
}

#[test]
fn markov_parameters_are_what_an_impulse_brings_forth() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let sys = random_steps(4, 2, 3, 0.9, &mut rng);
    let sys = sys
        .with_matrices(Matrices { d: random_matrix(3, 2, &mut rng), ..sys.matrices().clone() })
        .unwrap();
    let kernel = markov_parameters(&sys, 12);
    for input in 0..2 {
        let mut x = nalgebra::DVector::zeros(4);
        for (k, h) in kernel.iter().enumerate() {
            let u =
                nalgebra::DVector::from_fn(2, |i, _| if i == input && k == 0 { 1.0 } else { 0.0 });
            x = sys.a() * x + sys.b() * &u;
            let y = sys.c() * &x + sys.d() * u;
            assert!((y - h.column(input)).norm() < 1e-15, "k = {k}");
        }
    }
    assert!(markov_parameters(&sys, 0).is_empty());
}

#[test]
fn a_long_hankel_matrix_has_the_hankel_singular_values() {
    // Of (A, B, C) as they stand: what chapter 2 truncates by is what an impulse response shows.
    let damped = Carts { damping: 5.0, ..Carts::row(3) }.system().unwrap();
    let (a, b) = held_input_step(damped.a(), damped.b(), 0.1).unwrap();
    let sys = StateSpace::discrete(a, b, damped.c().clone(), damped.d().clone(), 0.1).unwrap();
    let kernel = markov_parameters(&sys, 240);
    let from_kernel = hankel_spectrum(&kernel).unwrap();
    let from_gramians = hankel_singular_values(&sys).unwrap();
    for i in 0..6 {
        assert!((from_kernel[i] - from_gramians[i]).abs() < 1e-13 * from_gramians[0], "{i}");
    }
    // Ho and Kalman's state of a lower order is then the balanced truncation.
    let cut = ho_kalman(&kernel, 4).unwrap().every(0.1).unwrap();
    let balanced = balanced_truncation(&sys, 4).unwrap().system;
    let (one, other) = (markov_parameters(&cut, 100), markov_parameters(&balanced, 100));
    assert!(
        difference(&one, &other) < 1e-11 * size(&one),
        "{}",
        difference(&one, &other) / size(&one)
    );
}

// Back again ---------------------------------------------------------------------------------

#[test]
fn the_carts_come_back_from_one_blow() {
    let sys = carts(0);
    let kernel = markov_parameters(&sys, 60);
    assert_eq!(largest_gap(&hankel_spectrum(&kernel).unwrap()), 6);
    let found = ho_kalman(&kernel, 6).unwrap().every(0.1).unwrap();
    let error = worst_eigenvalue(&eigenvalues(sys.a()).unwrap(), &eigenvalues(found.a()).unwrap());
    assert!(error < 1e-11, "{error:e}");
    // The model goes on where the data ended.
    let (long, longer) = (markov_parameters(&sys, 200), markov_parameters(&found, 200));
    assert!(difference(&long, &longer) < 1e-11 * size(&long));
}

#[test]
fn a_kernel_shows_only_what_is_reached_and_seen() {
    // Struck in the middle, three carts sound like two: four states.
    let sys = carts(1);
    let kernel = markov_parameters(&sys, 60);
    assert_eq!(largest_gap(&hankel_spectrum(&kernel).unwrap()), 4);
    let found = ho_kalman(&kernel, 4).unwrap();
    let minimal = minimal_realization(&sys, 1e-11).unwrap();
    let (one, other) = (eigenvalues(minimal.a()).unwrap(), eigenvalues(&found.matrices.a).unwrap());
    assert!(worst_eigenvalue(&one, &other) < 1e-11);
    assert!(matches!(ho_kalman(&kernel, 5), Err(RealizationError::Order { order: 5, most: 4 })));
}

#[test]
fn a_feedthrough_costs_a_state_that_forgets_at_once() {
    let sys = carts(0);
    let with_d =
        sys.with_matrices(Matrices { d: dmatrix![0.01], ..sys.matrices().clone() }).unwrap();
    let kernel = markov_parameters(&with_d, 60);
    // Read as C B: a seventh state, with the eigenvalue 0, and D = 0.
    assert_eq!(largest_gap(&hankel_spectrum(&kernel).unwrap()), 7);
    let seven = ho_kalman(&kernel, 7).unwrap().every(0.1).unwrap();
    assert!(difference(&markov_parameters(&seven, 60), &kernel) < 1e-12 * size(&kernel));
    assert_eq!(seven.d()[(0, 0)], 0.0);
    let least = eigenvalues(seven.a()).unwrap().iter().map(|z| z.norm()).fold(1.0, f64::min);
    assert!(least < 1e-10, "{least:e}");
    // Read apart: six states, and D itself.
    let six = ho_kalman_with_feedthrough(&kernel, 6).unwrap();
    assert!((six.matrices.d[(0, 0)] - 0.01).abs() < 1e-11, "{}", six.matrices.d);
    assert!(
        difference(&markov_parameters(&six.every(0.1).unwrap(), 60), &kernel)
            < 1e-11 * size(&kernel)
    );
    // Where there is none, none is found.
    let none = ho_kalman_with_feedthrough(&markov_parameters(&sys, 60), 6).unwrap();
    assert!(none.matrices.d.norm() < 1e-11);
}

#[test]
fn a_state_that_forgets_at_once_hides_the_feedthrough() {
    // A delay of two steps: A is nilpotent, and D could be anything.
    let kernel = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0].map(|h| dmatrix![h]);
    assert!(matches!(
        ho_kalman_with_feedthrough(&kernel, 2),
        Err(RealizationError::Feedthrough { .. })
    ));
    let found = ho_kalman(&kernel, 3).unwrap().every(1.0).unwrap();
    assert!(difference(&markov_parameters(&found, 7), &kernel) < 1e-14);
}

#[test]
fn unusable_kernels_are_refused_in_words() {
    let words = |kernel: &[DMatrix<f64>], order| ho_kalman(kernel, order).unwrap_err().to_string();
    assert_eq!(words(&[dmatrix![1.0]], 1), "expected at least 2 Markov parameters, found 1");
    assert_eq!(words(&[], 1), "expected at least 2 Markov parameters, found 0");
    let mixed = [dmatrix![1.0], dmatrix![1.0, 2.0]];
    assert_eq!(words(&mixed, 1), "expected h_k to be 1 x 1, found 1 x 2");
    let broken = [dmatrix![1.0], dmatrix![f64::NAN]];
    assert_eq!(
        words(&broken, 1),
        "expected every entry of h_k to be finite, found NaN at row 0, column 0"
    );
    let halves = [8.0, 4.0, 2.0, 1.0].map(|h| dmatrix![h]);
    assert_eq!(
        words(&halves, 2),
        "expected an order from 1 to 1, the singular values of the Hankel matrix above rounding, found 2"
    );
    assert!(ho_kalman(&halves, 0).is_err());
    assert!(ho_kalman(&[0.0; 4].map(|h| dmatrix![h]), 1).is_err(), "silence has no state");
    assert!(hankel_matrix(&halves, 0, 2).is_err());
    assert!(prony(&[1.0, 2.0], 0).is_err() && prony(&[1.0, 2.0, 3.0], 2).is_err());
    assert!(disturbed(&halves, -1.0, 0).is_err() && disturbed(&halves, f64::NAN, 0).is_err());
}

// Noise --------------------------------------------------------------------------------------

/// The median over seeds of what `measure` makes of the disturbed kernel; noise relative to the loudest sample.
fn median(noise: f64, measure: impl Fn(&[DMatrix<f64>]) -> f64) -> f64 {
    let kernel = markov_parameters(&carts(0), 60);
    let loudest = kernel.iter().map(|h| h.amax()).fold(0.0, f64::max);
    let mut found: Vec<f64> =
        (0..25).map(|seed| measure(&disturbed(&kernel, noise * loudest, seed).unwrap())).collect();
    found.sort_by(f64::total_cmp);
    found[12]
}

#[test]
fn the_error_grows_with_the_noise_and_no_faster() {
    let truth = eigenvalues(carts(0).a()).unwrap();
    let error = |noise| {
        median(noise, |kernel| {
            worst_eigenvalue(
                &truth,
                &eigenvalues(&ho_kalman(kernel, 6).unwrap().matrices.a).unwrap(),
            )
        })
    };
    let errors = [1e-8, 1e-6, 1e-4].map(error);
    for pair in errors.windows(2) {
        let ratio = pair[1] / pair[0];
        assert!((50.0..200.0).contains(&ratio), "a hundred times the noise: {errors:?}");
    }
}

#[test]
fn prony_is_exact_without_noise_and_pulled_inward_by_it() {
    let truth = eigenvalues(carts(0).a()).unwrap();
    let exact = prony(&scalars(&markov_parameters(&carts(0), 60)), 6).unwrap();
    assert!(worst_eigenvalue(&truth, &exact) < 1e-9, "{}", worst_eigenvalue(&truth, &exact));
    let by_prony =
        median(1e-2, |kernel| worst_eigenvalue(&truth, &prony(&scalars(kernel), 6).unwrap()));
    let by_hankel = median(1e-2, |kernel| {
        worst_eigenvalue(&truth, &eigenvalues(&ho_kalman(kernel, 6).unwrap().matrices.a).unwrap())
    });
    assert!(by_prony > 3.0 * by_hankel, "{by_prony} {by_hankel}");
    // The slowest mode: the longest memory is what Prony loses.
    let slowest = |spectrum: &nalgebra::DVector<Complex<f64>>| {
        spectrum.iter().map(|z| z.norm()).fold(0.0, f64::max)
    };
    let shorter = median(1e-2, |kernel| slowest(&prony(&scalars(kernel), 6).unwrap()));
    assert!(shorter < slowest(&truth) - 0.003, "{shorter} {}", slowest(&truth));
}

#[test]
fn a_model_of_noisy_data_is_nearer_to_the_truth_than_the_data() {
    let truth = markov_parameters(&carts(0), 60);
    let (data, model) = (
        median(1e-2, |kernel| difference(kernel, &truth)),
        median(1e-2, |kernel| {
            let found = ho_kalman(kernel, 6).unwrap().every(0.1).unwrap();
            difference(&markov_parameters(&found, 60), &truth)
        }),
    );
    assert!(model < 0.7 * data, "{model} {data}");
}

#[test]
fn the_gap_is_right_until_a_state_drowns_and_the_floor_says_less() {
    let gap = |noise| median(noise, |kernel| largest_gap(&hankel_spectrum(kernel).unwrap()) as f64);
    assert_eq!([1e-8, 1e-4, 1e-3].map(gap), [6.0, 6.0, 6.0]);
    // One per cent: the third mode still stands out of the noise, but by less than the second out of it.
    assert_eq!(gap(1e-2), 4.0);
    let fall = |r: usize| {
        median(1e-2, |kernel| {
            let sigma = hankel_spectrum(kernel).unwrap();
            sigma[r - 1] / sigma[r]
        })
    };
    assert!(
        (2.0..3.5).contains(&fall(6)) && (5.0..7.0).contains(&fall(4)),
        "{} {}",
        fall(6),
        fall(4)
    );
    // Thirty per cent: the largest gap is one of the noise's own, at its end.
    assert!(gap(0.3) > 20.0, "{}", gap(0.3));
    let loudest = markov_parameters(&carts(0), 60).iter().map(|h| h.amax()).fold(0.0, f64::max);
    let floor = |noise: f64| {
        median(noise, |kernel| {
            let floor = noise_floor(kernel, noise * loudest);
            hankel_spectrum(kernel).unwrap().iter().filter(|&&s| s > floor).count() as f64
        })
    };
    assert_eq!([1e-4, 1e-3, 1e-2, 0.1, 0.3].map(floor), [6.0, 6.0, 6.0, 4.0, 2.0]);
}

// For all systems ----------------------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn kernels_of_random_systems_come_back(
        n in 1usize..=6, m in 1usize..=3, p in 1usize..=3, seed in 0u64..1_000
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sys = random_steps(n, m, p, 0.9, &mut rng);
        let kernel = markov_parameters(&sys, 30);
        let sigma = hankel_spectrum(&kernel).unwrap();
        // A state that takes no part to seven digits is not in the data to compare with.
        prop_assume!(sigma[n - 1] > 1e-7 * sigma[0]);
        let found = ho_kalman(&kernel, n).unwrap().every(0.1).unwrap();
        let again = markov_parameters(&found, 30);
        prop_assert!(difference(&again, &kernel) < 1e-8 * size(&kernel));
        if n < sigma.len() {
            prop_assert!(sigma[n] < 1e-13 * sigma[0], "{}", sigma);
        }
    }

    #[test]
    fn coordinates_leave_no_trace_in_the_kernel(n in 1usize..=6, seed in 0u64..1_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sys = random_steps(n, 2, 2, 0.9, &mut rng);
        let t = random_matrix(n, n, &mut rng) + DMatrix::identity(n, n) * 3.0;
        let told = sys.with_matrices(sys.matrices().change_coordinates(&t).unwrap()).unwrap();
        let (one, other) = (markov_parameters(&sys, 20), markov_parameters(&told, 20));
        prop_assert!(difference(&one, &other) < 1e-12 * size(&one));
    }
}
