//! What the page *Euler* claims.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::euler::{
    backward_euler, backward_factor, forward_euler, forward_factor, forward_limit, implicit_step,
};
use discretization::sampling::{DiscretizationError, Recurrence};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::stability::{is_stable_discrete, spectral_radius};
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use workbench::testing::relative_error;

use crate::systems::{bucket, random_flow, random_inputs, random_matrix, spring};

/// What the page calls stiff: one eigenvalue -1, one -1000.
fn stiff_spring() -> DMatrix<f64> {
    dmatrix![0.0, 1.0; -1000.0, -1001.0]
}

fn undriven(a: DMatrix<f64>) -> StateSpace<Continuous> {
    let n = a.nrows();
    StateSpace::continuous(a, DMatrix::zeros(n, 1), DMatrix::identity(n, n), DMatrix::zeros(n, 1))
        .expect("a flow")
}

/// The states of a rule left alone.
fn left_alone(rule: &Recurrence, start: DVector<f64>, count: usize) -> Vec<DVector<f64>> {
    let quiet = DVector::zeros(rule.b_bar.ncols());
    rule.run(&start, &quiet, &vec![quiet.clone(); count]).expect("states")
}

#[test]
fn eq_3_2_forward_leaves_with_the_old_velocity_and_backward_arrives_with_the_new() {
    let (flow, delta) = (random_flow((6, 2, 1), 3.0, -1.0, 1), 0.2);
    let u = random_inputs(2, 20, 2);
    let velocity = |x: &DVector<f64>, u: &DVector<f64>| flow.a() * x + flow.b() * u;
    let start = DVector::from_element(6, 1.0);

    let mut states = vec![start.clone()];
    states.extend(forward_euler(&flow, delta).unwrap().run(&start, &u[0], &u[1..]).unwrap());
    for k in 1..u.len() {
        let expected = &states[k - 1] + velocity(&states[k - 1], &u[k - 1]) * delta;
        assert!((&states[k] - &expected).norm() < 1e-13 * expected.norm(), "forward, step {k}");
    }

    let mut states = vec![start.clone()];
    states.extend(backward_euler(&flow, delta).unwrap().run(&start, &u[0], &u[1..]).unwrap());
    for k in 1..u.len() {
        let expected = &states[k - 1] + velocity(&states[k], &u[k]) * delta;
        assert!(
            (&states[k] - &expected).norm() < 1e-13 * (1.0 + expected.norm()),
            "backward, step {k}"
        );
    }
}

#[test]
fn a_step_back_in_time_is_the_inverse_of_the_other_rule() {
    // Backward Euler is forward Euler, played in reverse.
    let a = random_matrix(8, 8, 3);
    let there = backward_euler(&undriven(a.clone()), 0.3).unwrap().a_bar;
    let back = forward_euler(&undriven(-a), 0.3).unwrap().a_bar;
    assert!(relative_error(&(there * back), &DMatrix::identity(8, 8)) < 1e-14);
}

#[test]
fn a_mode_is_multiplied_by_its_factor() {
    let flow = random_flow((9, 1, 1), 2.0, -0.5, 4);
    let delta = 0.4;
    let forward = forward_euler(&flow, delta).unwrap().a_bar;
    let backward = backward_euler(&flow, delta).unwrap().a_bar;
    for lambda in eigenvalues(flow.a()).unwrap().iter() {
        for (a_bar, factor) in [
            (&forward, forward_factor(lambda * delta)),
            (&backward, backward_factor(lambda * delta)),
        ] {
            let found = eigenvalues(a_bar).unwrap();
            let nearest = found.iter().map(|f| (f - factor).norm()).fold(f64::INFINITY, f64::min);
            assert!(nearest < 1e-12, "{lambda}: {nearest:e}");
        }
    }
}

#[test]
fn forward_euler_is_stable_below_its_limit_and_explodes_above() {
    for (name, a, limit) in [
        ("bucket", dmatrix![-4.0], 0.5),
        ("spring", spring(0.4).a().clone(), 0.4),
        ("stiff spring", stiff_spring(), 0.002),
        ("two buckets", dmatrix![-1.0, 0.0; 1.0, -10.0], 0.2),
    ] {
        assert!((forward_limit(&a).unwrap() - limit).abs() < 1e-12 * limit, "{name}");
        for (part, expected) in [(0.99, true), (1.01, false)] {
            let a_bar = forward_euler(&undriven(a.clone()), part * limit).unwrap().a_bar;
            assert_eq!(
                is_stable_discrete(&a_bar).unwrap(),
                expected,
                "{name} at {part} of its limit"
            );
        }
    }
    // Nothing is small enough for a spring without damping, nor for what grows by itself.
    assert_eq!(forward_limit(spring(0.0).a()).unwrap(), 0.0);
    assert_eq!(forward_limit(&dmatrix![1.0]).unwrap(), 0.0);
}

#[test]
fn a_limit_found_by_trying_is_the_limit_of_the_formula() {
    // Bisection on nothing but the size of the state after many steps.
    for (a, start) in
        [(dmatrix![-3.0], dvector![1.0]), (spring(0.4).a().clone(), dvector![1.0, 0.0])]
    {
        let grows = |delta: f64| {
            let rule = forward_euler(&undriven(a.clone()), delta).unwrap();
            // What overflows ends as NaN, which is not below 1 either.
            let last = left_alone(&rule, start.clone(), 20_000).pop().unwrap().norm();
            last.is_nan() || last > 1.0
        };
        let (mut dies, mut explodes) = (1e-3, 10.0);
        for _ in 0..30 {
            let middle = 0.5 * (dies + explodes);
            if grows(middle) { explodes = middle } else { dies = middle }
        }
        let limit = forward_limit(&a).unwrap();
        // The last unit of growth that 20,000 steps can show is about 10⁻⁴.
        assert!((dies / limit - 1.0).abs() < 1e-3, "{dies} {limit}");
    }
}

#[test]
fn a_spring_without_damping_gains_energy_forward_and_loses_it_backward() {
    let (flow, delta) = (spring(0.0), 0.1);
    let energy = |x: &DVector<f64>| 0.5 * x.norm_squared();
    let start = dvector![1.0, 0.0];
    let forward = left_alone(&forward_euler(&flow, delta).unwrap(), start.clone(), 100);
    let backward = left_alone(&backward_euler(&flow, delta).unwrap(), start.clone(), 100);
    let factor = 1.0 + delta * delta;
    for k in 0..100 {
        let (up, down) = (factor.powi(k as i32 + 1), factor.powi(-(k as i32) - 1));
        assert!((energy(&forward[k]) / energy(&start) / up - 1.0).abs() < 1e-12);
        assert!((energy(&backward[k]) / energy(&start) / down - 1.0).abs() < 1e-12);
    }
}

#[test]
fn both_rules_are_wrong_in_proportion_to_the_step() {
    // The damped spring, pushed by a sine that is part of the exact flow: (q, v, sin, cos).
    let whole = dmatrix![
        0.0, 1.0, 0.0, 0.0;
        -1.0, -0.4, 1.0, 0.0;
        0.0, 0.0, 0.0, 1.5;
        0.0, 0.0, -1.5, 0.0
    ];
    let until = 6.0;
    let exact = matrix_exponential(&(&whole * until)).unwrap() * dvector![1.0, 0.0, 0.0, 1.0];
    for rule in [forward_euler, backward_euler] {
        let error = |steps: usize| {
            let delta = until / steps as f64;
            let u: Vec<_> = (0..=steps).map(|k| dvector![(1.5 * k as f64 * delta).sin()]).collect();
            let rule = rule(&spring(0.4), delta).unwrap();
            let states = rule.run(&dvector![1.0, 0.0], &u[0], &u[1..]).unwrap();
            (states.last().unwrap() - exact.rows(0, 2)).norm()
        };
        let (coarse, fine) = (error(2000), error(4000));
        let order = (coarse / fine).log2();
        assert!((order - 1.0).abs() < 0.01, "order {order}");
    }
}

#[test]
fn a_stiff_spring_explodes_forward_and_settles_backward() {
    let flow = undriven(stiff_spring());
    let slow = |t: f64| (-t).exp();
    // (1, -1) is the slow mode itself: the exact motion holds nothing of the fast one.
    let start = dvector![1.0, -1.0];
    let forward = left_alone(&forward_euler(&flow, 0.01).unwrap(), start.clone(), 100);
    let backward = left_alone(&backward_euler(&flow, 0.01).unwrap(), start, 100);
    assert!(forward.last().unwrap().norm() > 1e60);
    assert!((backward.last().unwrap()[0] - slow(1.0)).abs() < 2e-3);
}

#[test]
fn backward_euler_calms_even_what_grows() {
    // Beyond Δ = 2 the bacteria of x' = x die.
    for (delta, dies) in [(1.9, false), (2.1, true)] {
        let a_bar = backward_euler(&undriven(dmatrix![1.0]), delta).unwrap().a_bar;
        assert_eq!(is_stable_discrete(&a_bar).unwrap(), dies);
    }
}

#[test]
fn a_step_that_has_no_inverse_is_refused_and_a_stiff_one_is_not() {
    let singular = |a: &DMatrix<f64>, delta: f64| {
        let unit = DMatrix::identity(a.nrows(), 1);
        let found = implicit_step(a, 1.0, delta, &unit);
        found == Err(DiscretizationError::SingularStep { delta })
    };
    assert!(singular(&dmatrix![2.0], 0.5));
    // 1 - 3 · (1/3) is not 0 in floating point, but nothing else.
    for (pole, delta) in [(3.0, 1.0 / 3.0), (0.1, 10.0), (7.3, 1.0 / 7.3)] {
        assert!(singular(&dmatrix![pole], delta), "{pole}");
    }
    // Hidden by a turn of the coordinates.
    for seed in 0..20 {
        let q = random_matrix(6, 6, 100 + seed).qr().q();
        let modes = DMatrix::from_diagonal(&dvector![5.0, -1.0, -2.0, 0.3, -40.0, 0.0]);
        let a = &q * modes * q.transpose();
        assert!(singular(&a, 0.2), "seed {seed}");
        assert!(!singular(&a, 0.21), "seed {seed}");
    }
    // Stiff, singular, defective, badly scaled: all fine.
    assert!(!singular(&dmatrix![-1e20, 0.0; 0.0, -1.0], 1.0));
    assert!(!singular(&dmatrix![0.0, 1e20; 0.0, 0.0], 1.0));
    let chain = DMatrix::from_fn(20, 20, |i, j| if j == i + 1 { 1e6 } else { 0.0 });
    assert!(!singular(&chain, 1.0));
    assert!(!singular(&dmatrix![-1e10, 1e10; 1e10, -1e10], 1.0));
    assert!(!singular(&DMatrix::zeros(5, 5), 1.0));
    let message = backward_euler(&bucket(-4.0), 0.25).unwrap_err().to_string();
    assert_eq!(
        message,
        "expected I - αΔA to have an inverse, found a singular matrix at Δ = 0.25: \
         1/(αΔ) is an eigenvalue of A, try a smaller step"
    );
    for delta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(forward_euler(&bucket(1.0), delta).is_err());
        assert!(backward_euler(&bucket(1.0), delta).is_err());
    }
    assert!(forward_euler(&bucket(1e200), 1e200).is_err());
    assert!(backward_euler(&bucket(1e200), 1e200).is_err());
    assert!(implicit_step(&dmatrix![1.0], 0.5, 0.1, &dmatrix![1.0; 1.0]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn backward_euler_steps_of_a_stable_flow_are_stable_at_any_step(
        n in 1usize..=64, seed in 0u64..1000, exponent in -4.0..4.0
    ) {
        let flow = random_flow((n, 1, 1), 1.0, -2.0, seed);
        // A disc of radius 1 around -2, with room for what a random matrix strays.
        prop_assume!(eigenvalues(flow.a()).unwrap().iter().all(|lambda| lambda.re < 0.0));
        let a_bar = backward_euler(&flow, 10f64.powf(exponent)).unwrap().a_bar;
        prop_assert!(spectral_radius(&a_bar).unwrap() < 1.0);
    }

    #[test]
    fn the_limit_of_forward_euler_is_the_circle(
        re in -10.0..-0.01, im in 0.0..10.0, part in 0.01..3.0
    ) {
        prop_assume!(f64::abs(part - 1.0) > 1e-6);
        let lambda = Complex::new(re, im);
        let limit = forward_limit(&dmatrix![re, im; -im, re]).unwrap();
        let factor = forward_factor(lambda * (part * limit));
        prop_assert_eq!(factor.norm() < 1.0, part < 1.0);
    }
}
