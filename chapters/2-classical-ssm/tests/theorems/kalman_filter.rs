//! What the page `kalman_filter` claims.

use classical_ssm::feedback::{FeedbackError, discrete_riccati_residual};
use classical_ssm::kalman_filter::{
    Belief, Filtered, KalmanError, KalmanFilter, innovation_whiteness, joseph, rider,
    square_root_update,
};
use classical_ssm::state_space::StateSpace;
use math_foundations::stability::{is_stable_discrete, spectral_radius, symmetric_part};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use workbench::testing::{self, assert_close, matrix};

use crate::common::random_matrix;

fn random_covariance(n: usize, random: &mut ChaCha8Rng) -> DMatrix<f64> {
    let root = random_matrix(n, n, random);
    let square = &root * root.transpose() + DMatrix::identity(n, n) * 0.01;
    symmetric_part(square)
}

/// A random filter of which some may grow.
fn random_filter(n: usize, m: usize, p: usize, random: &mut ChaCha8Rng) -> KalmanFilter {
    let a = random_matrix(n, n, random) * (1.2 / (n as f64).sqrt());
    let (b, c) = (random_matrix(n, m, random), random_matrix(p, n, random));
    let system = StateSpace::discrete(a, b, c, random_matrix(p, m, random), 1.0).unwrap();
    KalmanFilter::new(&system, random_covariance(n, random), random_covariance(p, random)).unwrap()
}

#[derive(Deserialize)]
struct Fixture {
    control: Control,
}

#[derive(Deserialize)]
struct Control {
    kalman: Kalman,
}

/// A filter written in NumPy, its smoother, and python-control's steady state.
#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names of the file")]
struct Kalman {
    F: Vec<Vec<f64>>,
    H: Vec<Vec<f64>>,
    Q: Vec<Vec<f64>>,
    R: Vec<Vec<f64>>,
    m0: Vec<f64>,
    P0: Vec<Vec<f64>>,
    z: Vec<Vec<f64>>,
    m: Vec<Vec<f64>>,
    P: Vec<Vec<Vec<f64>>>,
    K: Vec<Vec<Vec<f64>>>,
    loglik: f64,
    smooth_m: Vec<Vec<f64>>,
    smooth_P: Vec<Vec<Vec<f64>>>,
    P_pred_inf: Vec<Vec<f64>>,
    K_inf: Vec<Vec<f64>>,
}

fn fixture() -> Kalman {
    let fixture: Fixture =
        serde_json::from_str(&testing::fixture("riccati.json")).expect("riccati.json");
    fixture.control.kalman
}

fn vector(entries: &[f64]) -> DVector<f64> {
    DVector::from_column_slice(entries)
}

#[test]
fn filter_and_smoother_are_those_of_the_reference() {
    let golden = fixture();
    let (a, c) = (matrix(&golden.F), matrix(&golden.H));
    let system = StateSpace::discrete(a, dmatrix![0.0; 0.0], c, dmatrix![0.0], 0.1).unwrap();
    let filter = KalmanFilter::new(&system, matrix(&golden.Q), matrix(&golden.R)).unwrap();
    let start = Belief { mean: vector(&golden.m0), covariance: matrix(&golden.P0) };
    let measured: Vec<_> = golden.z.iter().map(|z| Some(vector(z))).collect();
    let filtered = filter.filter(&start, &measured).unwrap();
    let smoothed = filter.smooth(&filtered).unwrap();
    // Sixty steps of two numbers each: the reference subtracts where we add squares, and both keep 13
    // digits; the smoother walks through a covariance of condition 1e4.
    for (k, step) in filtered.steps.iter().enumerate() {
        let at = format!("step {k}");
        assert_close(&at, &step.belief.mean, &vector(&golden.m[k]), 1e-12);
        assert_close(&at, &step.belief.covariance, &matrix(&golden.P[k]), 1e-12);
        let gain = &step.innovation.as_ref().unwrap().gain;
        assert_close(&at, gain, &matrix(&golden.K[k]), 1e-12);
        assert_close(&at, &smoothed[k].mean, &vector(&golden.smooth_m[k]), 1e-10);
        assert_close(&at, &smoothed[k].covariance, &matrix(&golden.smooth_P[k]), 1e-10);
    }
    let difference = filtered.log_likelihood() - golden.loglik;
    assert!(difference.abs() < 1e-11 * golden.loglik.abs(), "{difference:e}");

    let steady = filter.steady_state().unwrap();
    assert_close("Σ⁻", &steady.predicted, &matrix(&golden.P_pred_inf), 1e-10);
    assert_close("G", &steady.gain, &matrix(&golden.K_inf), 1e-10);
}

/// The conditional mean and covariance of all states given the measurements, as one big Gaussian: no
/// recursion anywhere.
fn by_conditioning(
    filters: &[KalmanFilter],
    start: &Belief,
    inputs: &[DVector<f64>],
    measurements: &[Option<DVector<f64>>],
) -> Vec<Belief> {
    let n = start.mean.len();
    let steps = filters.len();
    // Everything is a linear map of (x_{-1}, w_0, …, w_{steps-1}).
    let wide = n * (steps + 1);
    let mut prior = DMatrix::zeros(wide, wide);
    prior.view_mut((0, 0), (n, n)).copy_from(&start.covariance);
    let mut map = DMatrix::zeros(n, wide);
    map.view_mut((0, 0), (n, n)).fill_with_identity();
    let mut mean = start.mean.clone();
    let (mut maps, mut means) = (Vec::new(), Vec::new());
    let (mut seen, mut expected, mut said) = (Vec::new(), Vec::new(), Vec::new());
    let mut noise = Vec::new();
    for (k, filter) in filters.iter().enumerate() {
        let system = filter.system();
        let at = n * (k + 1);
        prior.view_mut((at, at), (n, n)).copy_from(filter.process());
        map = system.a() * map;
        map.view_mut((0, at), (n, n)).fill_with_identity();
        mean = system.a() * mean + system.b() * &inputs[k];
        if let Some(y) = &measurements[k] {
            seen.push(system.c() * &map);
            expected.push(system.c() * &mean + system.d() * &inputs[k]);
            noise.push(filter.noise().clone());
            said.push(y.clone());
        }
        maps.push(map.clone());
        means.push(mean.clone());
    }
    let p = said[0].len();
    let rows = p * said.len();
    let (mut h, mut r) = (DMatrix::zeros(rows, wide), DMatrix::zeros(rows, rows));
    let mut news = DVector::zeros(rows);
    for i in 0..said.len() {
        h.rows_mut(p * i, p).copy_from(&seen[i]);
        r.view_mut((p * i, p * i), (p, p)).copy_from(&noise[i]);
        news.rows_mut(p * i, p).copy_from(&(&said[i] - &expected[i]));
    }
    let spread = (&h * &prior * h.transpose() + r).lu();
    maps.iter()
        .zip(means)
        .map(|(map, mean)| {
            let shared = map * &prior * h.transpose();
            Belief {
                mean: mean + &shared * spread.solve(&news).unwrap(),
                covariance: map * &prior * map.transpose()
                    - &shared * spread.solve(&shared.transpose()).unwrap(),
            }
        })
        .collect()
}

#[test]
fn filter_and_smoother_are_conditional_means() {
    // Two filters take turns (a clock that ticks unevenly), and every third measurement is missing.
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (one, other) = (random_filter(3, 2, 2, &mut random), random_filter(3, 2, 2, &mut random));
    let filters: Vec<_> =
        (0..8).map(|k| if k % 2 == 0 { one.clone() } else { other.clone() }).collect();
    let start =
        Belief { mean: dvector![1.0, -1.0, 0.5], covariance: random_covariance(3, &mut random) };
    let draw = |random: &mut ChaCha8Rng| dvector![random.random(), random.random()];
    let inputs: Vec<DVector<f64>> = (0..8).map(|_| draw(&mut random)).collect();
    let measurements: Vec<Option<DVector<f64>>> =
        (0..8).map(|k| (k % 3 != 1).then(|| draw(&mut random))).collect();

    let mut belief = start.clone();
    for k in 0..8 {
        belief = filters[k].step(&belief, &inputs[k], measurements[k].as_ref()).unwrap().belief;
        let upto = by_conditioning(&filters[..=k], &start, &inputs, &measurements);
        // The big Gaussian cancels in its covariances, and the recursion is the better of the two.
        assert_close(&format!("step {k}"), &belief.mean, &upto[k].mean, 1e-9);
        assert_close(&format!("step {k}"), &belief.covariance, &upto[k].covariance, 1e-9);
    }

    let filters = vec![one.clone(); 8];
    let filtered = one.filter_driven(&start, &inputs, &measurements).unwrap();
    let expected = by_conditioning(&filters, &start, &inputs, &measurements);
    for (k, (found, expected)) in one.smooth(&filtered).unwrap().iter().zip(expected).enumerate() {
        assert_close(&format!("smoothed, step {k}"), &found.mean, &expected.mean, 1e-9);
        assert_close(&format!("smoothed, step {k}"), &found.covariance, &expected.covariance, 1e-9);
    }
}

#[test]
fn eq_2_7_update_is_bayes_rule() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for (n, p) in [(1, 1), (3, 1), (4, 2), (16, 3), (64, 4)] {
        let filter = random_filter(n, 1, p, &mut random);
        let predicted = Belief {
            mean: DVector::from_fn(n, |_, _| random.random_range(-1.0..1.0)),
            covariance: random_covariance(n, &mut random),
        };
        let (u, y) = (dvector![0.7], DVector::from_fn(p, |_, _| random.random_range(-2.0..2.0)));
        let (belief, _) = filter.update(&predicted, &u, &y).unwrap();

        // Multiply the two bell curves: the precisions add, and so do precision times mean.
        let inverse = |m: &DMatrix<f64>| m.clone().try_inverse().unwrap();
        let (c, d) = (filter.system().c(), filter.system().d());
        let weight = c.transpose() * inverse(filter.noise());
        let precision = inverse(&predicted.covariance) + &weight * c;
        let told = inverse(&predicted.covariance) * &predicted.mean + weight * (y - d * u);
        let covariance = inverse(&precision);
        // Three inversions of covariances of condition up to 1e4.
        assert_close(&format!("N = {n}"), &belief.mean, &(&covariance * told), 1e-9);
        assert_close(&format!("N = {n}"), &belief.covariance, &covariance, 1e-9);
    }
}

#[test]
fn no_other_gain_leaves_less_doubt() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let filter = random_filter(4, 1, 2, &mut random);
    let predicted =
        Belief { mean: DVector::zeros(4), covariance: random_covariance(4, &mut random) };
    let (_, innovation) = filter.update(&predicted, &dvector![0.0], &dvector![0.0, 0.0]).unwrap();
    let left = |gain: &DMatrix<f64>| {
        joseph(&predicted.covariance, gain, filter.system().c(), filter.noise())
    };
    let best = left(&innovation.gain);
    for _ in 0..50 {
        let nudged = &innovation.gain + random_matrix(4, 2, &mut random) * 0.1;
        assert!((left(&nudged) - &best).symmetric_eigenvalues().min() > -1e-13);
    }
}

#[test]
fn joseph_keeps_variances_positive_where_the_short_form_does_not() {
    // A satellite, anywhere within 1000 km and moving at up to 1000 km/s, is measured twice to within
    // 1 cm. Two points on a line: place ± σ, speed ± √2 σ.
    let filter = rider(1.0, 0.0, 0.01).unwrap();
    let (u, y) = (dvector![0.0], dvector![0.0]);
    let vague = Belief { mean: dvector![0.0, 0.0], covariance: DMatrix::identity(2, 2) * 1e12 };
    let (mut safe, mut short) = (vague.clone(), vague.covariance);
    for k in 0..2 {
        let (a, c) = (filter.system().a(), filter.system().c());
        let carried = a * &short * a.transpose();
        let gain = &carried * c.transpose() / ((c * &carried * c.transpose())[0] + 1e-4);
        short = (DMatrix::identity(2, 2) - gain * c) * carried;
        safe = filter.step(&safe, &u, Some(&y)).unwrap().belief;
        assert!(k == 1 || short[(0, 0)] == 0.0, "after one measurement it claims to know");
    }
    let least = |covariance: &DMatrix<f64>| {
        symmetric_part(covariance.clone()).symmetric_eigenvalues().min()
    };
    assert!(least(&short) < -1e-8, "{}", least(&short));
    assert!(least(&safe.covariance) > 0.0, "{}", least(&safe.covariance));
    // 1e12 and 1e-4 are sixteen digits apart: Joseph's form keeps the size and the sign.
    let exact = dmatrix![1e-4, 1e-4; 1e-4, 2e-4];
    assert_close("Σ", &safe.covariance, &exact, 0.5);
    // The square root keeps the digits: 1e6 and 1e-2 are only eight apart.
    let mut factor = DMatrix::identity(2, 2) * 1e6;
    for _ in 0..2 {
        factor = filter.system().a() * factor;
        factor = square_root_update(&factor, filter.system().c(), &dmatrix![0.01]).unwrap().0;
    }
    assert_close("L Lᵀ", &(&factor * factor.transpose()), &exact, 1e-7);
}

#[test]
fn square_root_keeps_digits_where_joseph_has_none() {
    // The same, sharper: the doubt that is left has the eigenvalues 2/3 and about 1e-20 (exactly).
    let (delta, sharp) = (1e-10, 1e-10);
    let c = dmatrix![1.0, 1.0; 1.0, 1.0 + delta];
    let (factor, gain) =
        square_root_update(&DMatrix::identity(2, 2), &c, &(DMatrix::identity(2, 2) * sharp))
            .unwrap();
    let values = factor.singular_values();
    // det Σ = det R / det (C Cᵀ + R), worked out by hand for delta = sharp = e: e⁴ / (5 e² + …).
    let determinant = (values[0] * values[1]).powi(2);
    let expected = sharp.powi(4) / (5.0 * sharp * sharp);
    assert!((determinant / expected - 1.0).abs() < 1e-5, "{determinant:e} and {expected:e}");
    assert!(gain.iter().all(|entry| entry.is_finite()));

    // Where both work they agree.
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let filter = random_filter(5, 1, 2, &mut random);
    let before = random_covariance(5, &mut random);
    let predicted = Belief { mean: DVector::zeros(5), covariance: before.clone() };
    let (belief, innovation) =
        filter.update(&predicted, &dvector![0.0], &dvector![0.0, 0.0]).unwrap();
    let root = |m: &DMatrix<f64>| m.clone().cholesky().unwrap().unpack();
    let (factor, gain) =
        square_root_update(&root(&before), filter.system().c(), &root(filter.noise())).unwrap();
    assert_close("Σ", &(&factor * factor.transpose()), &belief.covariance, 1e-12);
    assert_close("G", &gain, &innovation.gain, 1e-12);
}

/// The same cases on every machine: a rare one, with a single input and many modes that grow, has few digits.
fn drawn_alike() -> ProptestConfig {
    ProptestConfig { cases: 24, rng_seed: RngSeed::Fixed(2026), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(drawn_alike())]

    #[test]
    fn steady_state_is_where_the_filter_settles(n in 1..=12_usize, p in 1..=3_usize, seed: u64) {
        check_steady_state(n, p, &mut ChaCha8Rng::seed_from_u64(seed));
    }
}

#[test]
fn steady_state_is_where_the_filter_settles_at_64() {
    check_steady_state(64, 3, &mut ChaCha8Rng::seed_from_u64(64));
}

fn check_steady_state(n: usize, p: usize, random: &mut ChaCha8Rng) {
    let filter = random_filter(n, 1, p, random);
    let steady = filter.steady_state().unwrap();
    let (a, c) = (filter.system().a(), filter.system().c());
    let residual = discrete_riccati_residual(
        &a.transpose(),
        &c.transpose(),
        filter.process(),
        filter.noise(),
        &steady.predicted,
    );
    let residual = residual.unwrap();
    // A mode that grows and is hardly seen is in doubt by a large number, and known to few digits.
    let seen = c.tr_mul(&filter.noise().clone().cholesky().unwrap().solve(c));
    let loose = (1e-2 * seen.norm() * steady.predicted.norm()).max(1.0);
    assert!(residual < 1e-12 * loose, "N = {n}: residual {residual:e}");
    // The errors of the filter die away: A - G C A.
    let errors = a - &steady.gain * c * a;
    assert!(is_stable_discrete(&errors).unwrap());
    let smallest = steady.covariance.clone().symmetric_eigenvalues().min();
    assert!(smallest >= -1e-12 * steady.covariance.norm(), "N = {n}: {smallest:e}");

    // From no doubt at all it gets there at the square of the slowest mode's rate.
    let rate = spectral_radius(&errors).unwrap();
    if rate < 0.95 {
        let mut belief = Belief { mean: DVector::zeros(n), covariance: DMatrix::zeros(n, n) };
        let nothing = DVector::zeros(p);
        for _ in 0..800 {
            belief = filter.step(&belief, &dvector![0.0], Some(&nothing)).unwrap().belief;
        }
        assert_close("Σ", &belief.covariance, &steady.covariance, 1e-8 * loose);
    }
}

#[test]
fn what_never_settles_is_refused_by_name() {
    let system = |a: DMatrix<f64>, c: DMatrix<f64>| {
        StateSpace::discrete(a, dmatrix![0.0; 0.0], c, dmatrix![0.0], 1.0).unwrap()
    };
    let one = dmatrix![1.0];
    let (i2, seen) = (DMatrix::identity(2, 2), dmatrix![1.0, 0.0]);
    let drift = system(dmatrix![0.5, 0.0; 0.0, 1.0], seen.clone());
    let error = KalmanFilter::new(&drift, i2.clone(), one.clone()).unwrap().steady_state();
    assert!(matches!(error, Err(KalmanError::Unmeasured { mode }) if (mode - 1.0).norm() < 1e-14));
    let fixed = system(dmatrix![1.0, 0.0; 0.0, 0.5], seen);
    let error =
        KalmanFilter::new(&fixed, DMatrix::zeros(2, 2), one.clone()).unwrap().steady_state();
    assert!(matches!(error, Err(KalmanError::Undisturbed { mode }) if (mode - 1.0).norm() < 1e-14));
    let sure = KalmanFilter::new(&fixed, i2.clone(), dmatrix![0.0]).unwrap();
    let error = sure.steady_state().unwrap_err();
    assert_eq!(error.to_string(), "expected R to be positive definite, found the eigenvalue 0");
    let error = KalmanFilter::new(&fixed, -i2, one).unwrap_err();
    assert!(matches!(
        error,
        KalmanError::Riccati(FeedbackError::NotSemidefinite { name: "Q", .. })
    ));
}

#[test]
fn composed_steps_of_doubt_are_the_filter_and_brackets_do_not_matter() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    // Three different systems, as when time steps differ.
    let filters: Vec<_> = (0..3).map(|_| random_filter(4, 1, 2, &mut random)).collect();
    let steps: Vec<_> = filters.iter().map(|filter| filter.stretch().unwrap()).collect();
    let start = random_covariance(4, &mut random);

    // One after the other, as the filter does it: measure, then carry on.
    let mut predicted = start.clone();
    for filter in &filters {
        let belief = Belief { mean: DVector::zeros(4), covariance: predicted };
        let (belief, _) = filter.update(&belief, &dvector![0.0], &dvector![0.0, 0.0]).unwrap();
        predicted = filter.predict(&belief, &dvector![0.0]).unwrap().covariance;
    }

    // A stretch is applied from its far end: what the filter does first stands last.
    let left = steps[2].then(&steps[1]).unwrap().then(&steps[0]).unwrap();
    let right = steps[2].then(&steps[1].then(&steps[0]).unwrap()).unwrap();
    assert_close("A", &left.a, &right.a, 1e-12);
    assert_close("G", &left.g, &right.g, 1e-12);
    assert_close("H", &left.h, &right.h, 1e-12);
    assert_close("Σ⁻", &left.cost_before(&start).unwrap(), &predicted, 1e-11);
}

// The rider ----------------------------------------------------------------------------------

#[test]
fn doubt_grows_in_a_tunnel_and_one_measurement_ends_it() {
    let filter = rider(1.0, 0.1, 5.0).unwrap();
    let (_, measured) = filter.draw(&dvector![0.0, 0.0], 150, 4).unwrap();
    let tunnel = 60..90;
    let measured: Vec<_> = measured
        .into_iter()
        .enumerate()
        .map(|(k, y)| (!tunnel.contains(&k)).then_some(y))
        .collect();
    let start = Belief { mean: dvector![0.0, 0.0], covariance: dmatrix![25.0, 0.0; 0.0, 1.0] };
    let filtered = filter.filter(&start, &measured).unwrap();
    let smoothed = filter.smooth(&filtered).unwrap();
    let deviation = |belief: &Belief| belief.covariance[(0, 0)].sqrt();
    let in_filter: Vec<f64> = filtered.steps.iter().map(|step| deviation(&step.belief)).collect();
    for k in tunnel {
        assert!(in_filter[k] > in_filter[k - 1], "step {k}");
    }
    assert!(in_filter[89] > 10.0 * in_filter[59]);
    assert!(in_filter[90] < 5.0, "no worse than the measurement itself: {}", in_filter[90]);
    // Looking back, the doubt is largest in the middle, where both ends are far.
    let in_smoother: Vec<f64> = smoothed.iter().map(deviation).collect();
    assert!(in_smoother[75] > in_smoother[60] && in_smoother[75] > in_smoother[89]);
    assert!(in_smoother.iter().zip(&in_filter).all(|(after, before)| *after <= before + 1e-9));
}

#[test]
fn looking_twice_as_often_is_the_same_ride() {
    let (whole, half) = (rider(1.0, 0.3, 5.0).unwrap(), rider(0.5, 0.3, 5.0).unwrap());
    let a = half.system().a();
    assert_close("A", &(a * a), whole.system().a(), 1e-15);
    let twice = a * half.process() * a.transpose() + half.process();
    assert_close("Q", &twice, whole.process(), 1e-15);
}

/// Filters what `truth` draws by what `model` believes.
fn tracked(truth: &KalmanFilter, model: &KalmanFilter, seed: u64) -> Filtered {
    let (_, measured) = truth.draw(&dvector![0.0, 0.0], 400, seed).unwrap();
    let measured: Vec<_> = measured.into_iter().map(Some).collect();
    let start = Belief { mean: dvector![0.0, 0.0], covariance: DMatrix::zeros(2, 2) };
    model.filter(&start, &measured).unwrap()
}

#[test]
fn surprises_of_a_right_filter_are_white_and_of_a_wrong_one_are_not() {
    let truth = rider(1.0, 0.1, 5.0).unwrap();
    let wrong = [
        ("too stiff", rider(1.0, 0.001, 5.0).unwrap()),
        ("too loose", rider(1.0, 10.0, 5.0).unwrap()),
        ("trusts too much", rider(1.0, 0.1, 3.0).unwrap()),
        ("trusts too little", rider(1.0, 0.1, 8.0).unwrap()),
    ];
    let refused = |model: &KalmanFilter| {
        (0..100)
            .filter(|&seed| {
                let whiteness = innovation_whiteness(&tracked(&truth, model, seed), 10).unwrap();
                !whiteness.is_plausible()
            })
            .count()
    };
    let innocent = refused(&truth);
    assert!(innocent <= 3, "a right filter was refused {innocent} times in 100");
    for (name, model) in &wrong {
        let caught = refused(model);
        assert!(caught >= 95, "{name}: caught {caught} times in 100");
    }
}

#[test]
fn scores_are_standard_normal_for_a_right_filter() {
    let truth = rider(1.0, 0.1, 5.0).unwrap();
    let scores: Vec<[f64; 2]> = (1000..1200)
        .map(|seed| {
            let whiteness = innovation_whiteness(&tracked(&truth, &truth, seed), 10).unwrap();
            [whiteness.size_score, whiteness.correlation_score]
        })
        .collect();
    for which in 0..2 {
        let mean = scores.iter().map(|score| score[which]).sum::<f64>() / 200.0;
        let square = scores.iter().map(|score| score[which].powi(2)).sum::<f64>() / 200.0;
        // Four standard deviations of a mean of 200: 0.28; of their squares: 0.4.
        assert!(mean.abs() < 0.28, "score {which}: mean {mean}");
        assert!((square - 1.0).abs() < 0.4, "score {which}: mean square {square}");
    }
}

#[test]
fn likelihood_is_highest_near_the_truth() {
    let truth = rider(1.0, 0.1, 5.0).unwrap();
    let total = |wander: f64, noise: f64| -> f64 {
        let model = rider(1.0, wander, noise).unwrap();
        (0..10).map(|seed| tracked(&truth, &model, seed).log_likelihood()).sum()
    };
    let best = total(0.1, 5.0);
    for (wander, noise) in [(0.05, 5.0), (0.2, 5.0), (0.1, 4.5), (0.1, 5.5)] {
        assert!(total(wander, noise) < best, "q = {wander}, noise = {noise}");
    }
}

#[test]
fn errors_are_as_large_as_the_filter_says() {
    let truth = rider(1.0, 0.1, 5.0).unwrap();
    let start = Belief { mean: dvector![0.0, 0.0], covariance: DMatrix::zeros(2, 2) };
    let (mut square, mut count) = (0.0, 0);
    for seed in 0..40 {
        let (states, measured) = truth.draw(&dvector![0.0, 0.0], 100, seed).unwrap();
        let measured: Vec<_> = measured.into_iter().map(Some).collect();
        let filtered = truth.filter(&start, &measured).unwrap();
        for (x, step) in states.iter().zip(&filtered.steps) {
            let error = x - &step.belief.mean;
            let scaled = step.belief.covariance.clone().cholesky().unwrap().solve(&error);
            square += error.dot(&scaled);
            count += 1;
        }
    }
    // On average the squared error in units of Σ is N = 2. Neighbouring errors are correlated over
    // about ten steps, so 4000 of them count as 400: 0.1, and four times that is allowed.
    let mean = square / f64::from(count);
    assert!((mean - 2.0).abs() < 0.4, "{mean}");
}

#[test]
fn a_statistic_needs_measurements() {
    let filter = rider(1.0, 0.1, 5.0).unwrap();
    let start = Belief { mean: dvector![0.0, 0.0], covariance: DMatrix::identity(2, 2) };
    let dark = filter.filter(&start, &vec![None; 20]).unwrap();
    let error = innovation_whiteness(&dark, 5).unwrap_err();
    assert_eq!(error.to_string(), "expected more than 5 measurements, found 0");
    assert_eq!(dark.log_likelihood(), 0.0);
}
