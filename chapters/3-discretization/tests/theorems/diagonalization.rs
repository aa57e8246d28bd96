//! What the page *Diagonalization* claims.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::diagonalization::{
    DiagonalSystem, DiagonalizationError, ScalarStep, balance_modes, dense_multiplications,
    hippo_legs,
};
use math_foundations::eigendecomposition::{EigenError, eigendecomposition};
use math_foundations::linear_systems::held_input_step;
use math_foundations::stability::spectral_abscissa;
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::systems::{golden, spring};

/// A random system whose slowest mode decays at the rate 0.1.
fn random_stable(n: usize, inputs: usize, outputs: usize, seed: u64) -> StateSpace<Continuous> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut matrix =
        |rows, columns| DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0));
    let (a, b, c, d) =
        (matrix(n, n), matrix(n, inputs), matrix(outputs, n), matrix(outputs, inputs));
    let shift = spectral_abscissa(&a).unwrap() + 0.1;
    StateSpace::continuous(a - DMatrix::identity(n, n) * shift, b, c, d).unwrap()
}

fn condition(sys: &StateSpace<Continuous>) -> f64 {
    eigendecomposition(sys.a()).unwrap().condition_number()
}

/// The kernel of held inputs by matrices: `C Ā^k B̄`.
fn dense_kernel(sys: &StateSpace<Continuous>, delta: f64, length: usize) -> Vec<DMatrix<f64>> {
    let (a_bar, mut x) = held_input_step(sys.a(), sys.b(), delta).unwrap();
    let mut kernel = Vec::new();
    for _ in 0..length {
        kernel.push(sys.c() * &x);
        x = &a_bar * x;
    }
    kernel
}

fn modal_kernel(sys: &StateSpace<Continuous>, delta: f64, length: usize) -> Vec<DMatrix<f64>> {
    let modes = DiagonalSystem::from_state_space(sys).unwrap();
    modes.discretize(ScalarStep::zero_order_hold, delta).unwrap().kernel(length)
}

/// The largest error relative to the largest entry.
fn error(found: &[DMatrix<f64>], exact: &[DMatrix<f64>]) -> f64 {
    assert_eq!(found.len(), exact.len());
    let scale = exact.iter().map(DMatrix::amax).fold(0.0, f64::max);
    found.iter().zip(exact).map(|(f, e)| (f - e).amax()).fold(0.0, f64::max) / scale
}

fn family(name: &str) -> Vec<Value> {
    golden("modal.json")[name].as_array().unwrap().clone()
}

fn golden_kernel(case: &Value) -> Vec<DMatrix<f64>> {
    let kernel = case["kernel"].as_array().unwrap();
    kernel.iter().map(|k| dmatrix![k.as_f64().unwrap()]).collect()
}

type Rule = fn(Complex<f64>) -> ScalarStep;

/// Each rule with its formula for matrices, `(Ā, B̄, B̄₋)`, written out.
/// A rule by matrices: Ā and the two weights of the input.
type ByMatrices = fn(&StateSpace<Continuous>, f64) -> [DMatrix<f64>; 3];

fn rules() -> Vec<(&'static str, Rule, ByMatrices)> {
    fn gbt(sys: &StateSpace<Continuous>, delta: f64, alpha: f64) -> [DMatrix<f64>; 3] {
        let one = DMatrix::identity(sys.d_state(), sys.d_state());
        let inverse = (&one - sys.a() * (alpha * delta)).try_inverse().unwrap();
        let b = &inverse * sys.b() * delta;
        [&inverse * (one + sys.a() * ((1.0 - alpha) * delta)), &b * alpha, b * (1.0 - alpha)]
    }
    vec![
        ("forward", ScalarStep::forward_euler, |sys, delta| gbt(sys, delta, 0.0)),
        ("backward", ScalarStep::backward_euler, |sys, delta| gbt(sys, delta, 1.0)),
        ("bilinear", ScalarStep::bilinear, |sys, delta| gbt(sys, delta, 0.5)),
        ("gbt", |z| ScalarStep::generalized_bilinear(z, 0.3), |sys, delta| gbt(sys, delta, 0.3)),
        ("zoh", ScalarStep::zero_order_hold, |sys, delta| {
            let (a_bar, held) = held_input_step(sys.a(), sys.b(), delta).unwrap();
            [a_bar, &held * 0.0, held]
        }),
        ("foh", ScalarStep::first_order_hold, |sys, delta| {
            // The slope of u is a state of its own: held, it grows into u.
            let (n, m) = (sys.d_state(), sys.inputs());
            let mut a = DMatrix::zeros(n + m, n + m);
            a.view_mut((0, 0), (n, n)).copy_from(sys.a());
            a.view_mut((0, n), (n, m)).copy_from(sys.b());
            let mut b = DMatrix::zeros(n + m, m);
            b.view_mut((n, 0), (m, m)).fill_with_identity();
            let (_, sloped) = held_input_step(&a, &b, delta).unwrap();
            let (a_bar, held) = held_input_step(sys.a(), sys.b(), delta).unwrap();
            let end = sloped.rows(0, n) / delta;
            [a_bar, end.clone(), held - end]
        }),
        ("exponential euler", ScalarStep::exponential_euler, |sys, delta| {
            let (a_bar, _) = held_input_step(sys.a(), sys.b(), delta).unwrap();
            [a_bar, sys.b() * delta, sys.b() * 0.0]
        }),
        (
            "exponential trapezoid",
            |z| ScalarStep::exponential_trapezoidal(z, 0.3),
            |sys, delta| {
                let (a_bar, _) = held_input_step(sys.a(), sys.b(), delta).unwrap();
                let begin = &a_bar * sys.b() * (0.7 * delta);
                [a_bar, sys.b() * (0.3 * delta), begin]
            },
        ),
    ]
}

#[test]
fn eq_3_6_the_rule_of_a_matrix_is_the_rule_of_its_modes() {
    for seed in 0..6 {
        let sys = random_stable(5, 2, 1, seed);
        let modes = eigendecomposition(sys.a()).unwrap();
        let inverse = modes.v.clone().try_inverse().unwrap();
        let b = &inverse * sys.b().map(Complex::from);
        let tolerance = 100.0 * modes.condition_number() * f64::EPSILON;
        for delta in [1e-6, 0.1, 0.7] {
            for (name, scalar, dense) in rules() {
                let steps = modes.lambda.map(|lambda| scalar(lambda * delta));
                let back = |weights: DVector<Complex<f64>>, right: &DMatrix<Complex<f64>>| {
                    (&modes.v * DMatrix::from_diagonal(&weights) * right).map(|z| z.re)
                };
                let modal = [
                    back(steps.map(|s| s.a_bar), &inverse),
                    back(steps.map(|s| s.end * delta), &b),
                    back(steps.map(|s| s.begin * delta), &b),
                ];
                for (found, expected) in modal.iter().zip(dense(&sys, delta)) {
                    let off = (found - &expected).amax();
                    let scale = expected.amax().max(delta);
                    assert!(off < tolerance * scale, "{name}, seed {seed}, Δ = {delta}: {off:e}");
                }
            }
        }
    }
}

#[test]
fn eq_3_6_modes_give_the_outputs_that_the_matrices_give() {
    for seed in 0..4 {
        let sys = random_stable(6, 2, 3, seed);
        let tolerance = 1e3 * condition(&sys) * f64::EPSILON;
        let mut random = ChaCha8Rng::seed_from_u64(seed + 100);
        let u: Vec<_> =
            (0..50).map(|_| DVector::from_fn(2, |_, _| random.random_range(-1.0..1.0))).collect();
        for (name, scalar, dense) in rules() {
            let modes = DiagonalSystem::from_state_space(&sys).unwrap();
            let found = modes.discretize(scalar, 0.3).unwrap().simulate(&u).unwrap();
            let [a_bar, b_bar, b_bar_previous] = dense(&sys, 0.3);
            let (mut x, mut before) = (DVector::zeros(6), DVector::zeros(2));
            for (k, (u, y)) in u.iter().zip(&found).enumerate() {
                x = &a_bar * x + &b_bar * u + &b_bar_previous * &before;
                before.copy_from(u);
                let expected = sys.c() * &x + sys.d() * u;
                let off = (y - &expected).amax();
                assert!(off < tolerance * (1.0 + x.amax()), "{name}, step {k}: {off:e}");
            }
        }
    }
}

#[test]
fn a_pair_stored_once_says_what_both_say() {
    let sys = random_stable(9, 1, 1, 3);
    let both = eigendecomposition(sys.a()).unwrap();
    let kept = DiagonalSystem::from_state_space(&sys).unwrap();
    assert_eq!(kept.weight.sum(), 9.0);
    assert!(kept.lambda.len() < 9 && kept.lambda.iter().all(|lambda| lambda.im >= 0.0));
    // All nine modes, with no conjugate left out and no real part taken.
    let b = both.v.clone().try_inverse().unwrap() * sys.b().map(Complex::from);
    let c = sys.c().map(Complex::from) * &both.v;
    let found = kept.discretize(ScalarStep::zero_order_hold, 0.2).unwrap().kernel(20);
    for (k, found) in found.iter().enumerate() {
        let term = |n: usize| {
            let z = both.lambda[n] * 0.2;
            c[n] * z.exp().powu(k as u32) * ((z.exp() - 1.0) / both.lambda[n]) * b[n]
        };
        let all: Complex<f64> = (0..9).map(term).sum();
        assert!((found[(0, 0)] - all.re).abs() < 1e-12 && all.im.abs() < 1e-12, "K[{k}]");
    }
}

#[test]
fn springs_that_ring_lose_nothing_and_springs_that_creep_lose_the_digits_of_v() {
    let mut refused = 0;
    for case in family("spring") {
        let (damping, delta) = (case["damping"].as_f64().unwrap(), case["delta"].as_f64().unwrap());
        let (sys, exact) = (spring(damping), golden_kernel(&case));
        let dense = error(&dense_kernel(&sys, delta, exact.len()), &exact);
        assert!(dense < 1e-14, "damping {damping}: the matrices are off by {dense:e}");
        match DiagonalSystem::from_state_space(&sys) {
            Ok(_) => {
                let lost = error(&modal_kernel(&sys, delta, exact.len()), &exact);
                // Each of 32 steps rounds. One complex number stands for two eigenvectors, however
                // close; two real ones that are close are told apart by rounded numbers.
                let magnified = if damping < 2.0 { 1.0 } else { condition(&sys) };
                let allowed = 20.0 * magnified * f64::EPSILON;
                assert!(lost < allowed, "damping {damping}: {lost:e}, allowed {allowed:e}");
            }
            Err(DiagonalizationError::Eigen(EigenError::NoEigenbasis { condition })) => {
                assert_eq!(damping, 2.0, "refused at κ(V) = {condition:e}");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, 1, "critical damping has one eigenvector and no diagonal form");
    let case = family("spring").into_iter().find(|case| case["damping"] == 2.00000001).unwrap();
    let lost = error(&modal_kernel(&spring(2.00000001), 0.5, 32), &golden_kernel(&case));
    assert!(lost > 1e-13, "two real eigenvectors, nearly parallel: {lost:e}");
}

#[test]
fn half_of_a_pair_solved_for_with_the_other_half_loses_what_they_shared() {
    let case = family("spring").into_iter().find(|case| case["damping"] == 1.99999999).unwrap();
    let (sys, exact) = (spring(1.99999999), golden_kernel(&case));
    let careful = DiagonalSystem::from_state_space(&sys).unwrap();

    // V b̃ = B for both halves, then one of them dropped.
    let modes = eigendecomposition(sys.a()).unwrap();
    let b = modes.v.clone().lu().solve(&sys.b().map(Complex::from)).unwrap();
    let careless = DiagonalSystem { b: b.rows(0, 1).into_owned(), ..careful.clone() };

    let lost = |flow: &DiagonalSystem| {
        error(&flow.discretize(ScalarStep::zero_order_hold, 0.5).unwrap().kernel(32), &exact)
    };
    assert!(lost(&careful) < 1e-14 && lost(&careless) > 1e-9, "{:e}", lost(&careless));
}

#[test]
fn legs_loses_all_digits_through_its_modes_and_none_through_its_matrix() {
    let mut through_modes = Vec::new();
    for case in family("legs") {
        let n = case["n"].as_u64().unwrap() as usize;
        let (sys, exact) = (hippo_legs(n).unwrap(), golden_kernel(&case));
        let dense = error(&dense_kernel(&sys, 0.125, exact.len()), &exact);
        assert!(dense < 1e-14, "N = {n}: the matrices are off by {dense:e}");
        let Ok(_) = DiagonalSystem::from_state_space(&sys) else {
            assert!(n >= 24, "N = {n} is refused");
            continue;
        };
        let lost = error(&modal_kernel(&sys, 0.125, exact.len()), &exact);
        assert!(lost < condition(&sys) * f64::EPSILON, "N = {n}: {lost:e}");
        through_modes.push((n, lost));
    }
    assert_eq!(through_modes.last().unwrap().0, 20);
    assert!(through_modes.last().unwrap().1 > 1e-6, "{through_modes:?}");
    // Every state more costs more than half a digit.
    let (n, lost) = through_modes[2];
    let (more, lost_more) = through_modes[through_modes.len() - 1];
    assert!((lost_more / lost).log10() > 0.5 * (more - n) as f64, "{through_modes:?}");
}

#[test]
fn balancing_makes_the_condition_number_smaller_and_the_error_no_smaller() {
    for case in family("legs").iter().take(6) {
        let n = case["n"].as_u64().unwrap() as usize;
        let (sys, exact) = (hippo_legs(n).unwrap(), golden_kernel(case));
        let balanced = balance_modes(&sys).unwrap();
        assert!(condition(&balanced) <= condition(&sys));
        let (before, after) = (
            error(&modal_kernel(&sys, 0.125, exact.len()), &exact),
            error(&modal_kernel(&balanced, 0.125, exact.len()), &exact),
        );
        // Not one digit is won back; rounding may fall either way by a few units.
        assert!(after > before / 20.0 - 1e-15, "N = {n}: {before:e} to {after:e}");
    }
}

#[test]
fn ill_matched_units_make_the_condition_number_large_and_lose_nothing() {
    let sys = random_stable(6, 1, 1, 8);
    let units: Vec<f64> = [0, 5, -7, 12, -15, 20].map(|power| 2f64.powi(power)).to_vec();
    let unit = DMatrix::from_diagonal(&DVector::from(units.clone()));
    let inverse = DMatrix::from_diagonal(&DVector::from(units).map(f64::recip));
    let a = &inverse * sys.a() * &unit;
    let mixed =
        StateSpace::continuous(a, &inverse * sys.b(), sys.c() * &unit, sys.d().clone()).unwrap();
    assert!(condition(&mixed) > 1e4 * condition(&sys));
    let exact = dense_kernel(&sys, 0.2, 40);
    assert!(error(&modal_kernel(&mixed, 0.2, 40), &exact) < 1e-13);
    assert!(error(&modal_kernel(&sys, 0.2, 40), &exact) < 1e-13);
}

#[test]
fn a_step_costs_n_where_the_matrix_costs_n_squared() {
    for n in [2, 16, 64] {
        let steps = DiagonalSystem::from_state_space(&random_stable(n, 1, 1, n as u64))
            .unwrap()
            .discretize(ScalarStep::bilinear, 0.1)
            .unwrap();
        // A pair costs 8 multiplications, and so at most does a real mode.
        assert!(steps.multiplications() <= 8 * n + 1);
        assert_eq!(dense_multiplications(n, 1, 1), n * n + 2 * n + 1);
    }
}

#[test]
fn what_has_no_step_is_refused_by_its_mode() {
    let growing = StateSpace::continuous(
        dmatrix![-1.0, 0.0; 0.0, 2.0],
        dmatrix![1.0; 1.0],
        dmatrix![1.0, 1.0],
        dmatrix![0.0],
    );
    let modes = DiagonalSystem::from_state_space(&growing.unwrap()).unwrap();
    let error = modes.discretize(ScalarStep::backward_euler, 0.5).unwrap_err();
    assert_eq!(error.to_string(), "the rule has no finite step of 0.5 for the mode λ = 2+0i");
    let error = modes.discretize(ScalarStep::zero_order_hold, 1e3).unwrap_err();
    assert!(matches!(error, DiagonalizationError::NoStep { .. }), "{error}");
    for delta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = modes.discretize(ScalarStep::bilinear, delta).unwrap_err();
        assert!(matches!(error, DiagonalizationError::Input(_)), "{error}");
    }
    let steps = modes.discretize(ScalarStep::bilinear, 0.1).unwrap();
    let sentence = |u: DVector<f64>| steps.simulate(&[u]).unwrap_err().to_string();
    assert_eq!(sentence(dvector![1.0, 2.0]), "expected u to be 1 x 1, found 2 x 1");
    assert!(sentence(dvector![f64::NAN]).starts_with("expected every entry of u to be finite"));
    assert!(hippo_legs(0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_systems_agree_with_the_dense_way(
        n in 1usize..=64, seed in any::<u64>(), exponent in -3.0..0.7f64,
    ) {
        let (sys, delta) = (random_stable(n, 1, 1, seed), 10f64.powf(exponent));
        let condition = condition(&sys);
        let found = modal_kernel(&sys, delta, 24);
        let exact = dense_kernel(&sys, delta, 24);
        let scale = sys.c().norm() * sys.b().norm() * delta.min(10.0);
        let allowed = 50.0 * n as f64 * condition * f64::EPSILON * scale;
        for (k, (found, exact)) in found.iter().zip(&exact).enumerate() {
            let off = (found - exact).amax();
            prop_assert!(off <= allowed, "N = {n}, Δ = {delta}, K[{k}]: {off:e} > {allowed:e}");
        }
    }

    #[test]
    fn every_damped_mode_of_the_left_half_plane_stays_damped(
        re in -50.0..-1e-6f64, im in -50.0..50.0f64, delta in 1e-3..10.0f64,
    ) {
        let z = Complex::new(re, im) * delta;
        for rule in [ScalarStep::bilinear, ScalarStep::backward_euler, ScalarStep::zero_order_hold] {
            prop_assert!(rule(z).a_bar.norm() <= 1.0, "{z}");
        }
    }
}
