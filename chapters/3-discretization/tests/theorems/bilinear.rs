//! What the page *Bilinear* claims.

use std::f64::consts::PI;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::bilinear::{
    bilinear, bilinear_factor, generalized_bilinear, prewarped_bilinear, tustin_map, unwarped,
    warped,
};
use discretization::euler::{backward_euler, backward_factor, forward_euler, forward_factor};
use discretization::sampling::{DiscretizationError, Recurrence};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::forced_response;
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::stability::spectral_radius;
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use workbench::testing::relative_error;

use crate::systems::{bucket, golden, matrix, random_flow, random_inputs, random_matrix, spring};

/// `C (sI - A)^{-1} B + D` of a flow.
fn transfer_of(flow: &StateSpace<Continuous>, s: Complex<f64>) -> DMatrix<Complex<f64>> {
    let complex = |matrix: &DMatrix<f64>| matrix.map(Complex::from);
    let inside =
        DMatrix::from_diagonal_element(flow.d_state(), flow.d_state(), s) - complex(flow.a());
    complex(flow.c()) * inside.lu().solve(&complex(flow.b())).expect("no eigenvalue")
        + complex(flow.d())
}

#[test]
fn eq_3_3_steps_answer_at_z_as_the_flow_does_at_s() {
    for (seed, delta) in [(1, 0.1), (2, 1.0), (3, 7.0)] {
        let flow = random_flow((7, 2, 3), 1.0, -0.5, seed);
        let steps = bilinear(&flow, delta).unwrap();
        for index in 1..12 {
            let z = Complex::from_polar(0.8 + 0.05 * f64::from(index), 0.25 * f64::from(index));
            let found = steps.transfer(z).unwrap();
            let expected = transfer_of(&flow, tustin_map(z, delta));
            assert!(relative_error(&found, &expected) < 1e-12, "seed {seed}, z = {z}");
        }
    }
}

#[test]
fn eq_3_3_is_the_trapezoid_rule() {
    let (flow, delta) = (random_flow((6, 2, 1), 3.0, -1.0, 4), 0.3);
    let u = random_inputs(2, 20, 5);
    let velocity = |x: &DVector<f64>, u: &DVector<f64>| flow.a() * x + flow.b() * u;
    let mut states = vec![DVector::from_element(6, 1.0)];
    states.extend(bilinear(&flow, delta).unwrap().run(&states[0].clone(), &u[0], &u[1..]).unwrap());
    for k in 1..u.len() {
        let mean = (velocity(&states[k - 1], &u[k - 1]) + velocity(&states[k], &u[k])) * 0.5;
        let expected = &states[k - 1] + mean * delta;
        assert!((&states[k] - &expected).norm() < 1e-13 * (1.0 + expected.norm()), "step {k}");
    }
}

#[test]
fn rules_agree_with_scipy() {
    let reference = golden("bilinear_family.json");
    let mut compared = 0;
    for case in reference["cases"].as_array().unwrap() {
        let system = &reference["systems"][case["system"].as_str().unwrap()];
        let part = |name: &str| matrix(&system[name]);
        let flow = StateSpace::continuous(part("a"), part("b"), part("c"), part("d")).unwrap();
        let delta = case["delta"].as_f64().unwrap();
        let rule = case["rule"].as_str().unwrap();
        let steps = match rule {
            "euler" => forward_euler(&flow, delta),
            "backward_diff" => backward_euler(&flow, delta),
            "bilinear" => bilinear(&flow, delta),
            "gbt, alpha = 0.3" => generalized_bilinear(&flow, delta, 0.3),
            other => panic!("{other}"),
        }
        .unwrap();
        let name = format!("{} by {rule} at Δ = {delta}", case["system"]);

        // One weight on u_k: SciPy's Ad and Bd.
        let held = steps.held().unwrap();
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|key| matrix(&case[key]));
        assert!(relative_error(held.a(), &a) < 1e-12, "{name}");
        assert!(relative_error(held.b(), &b) < 1e-12, "{name}");

        // Two weights: the same impulse response as SciPy's four matrices.
        let control = steps.control_form();
        assert!(relative_error(&control.d, &d) < 1e-12, "{name}");
        let (mut ours, mut theirs) = (control.b.clone(), b);
        for k in 1..30 {
            let (found, expected) = (&control.c * &ours, &c * &theirs);
            assert!(
                relative_error(&found, &expected) < 1e-12,
                "{name}, k = {k}: {found} {expected}"
            );
            (ours, theirs) = (&control.a * ours, &a * theirs);
        }
        compared += 1;
    }
    assert_eq!(compared, 80);
}

#[test]
fn euler_rules_are_members_of_the_family() {
    let flow = random_flow((8, 3, 2), 1.0, -1.0, 6);
    let same = |found: &Recurrence, expected: &Recurrence| {
        relative_error(&found.a_bar, &expected.a_bar) < 1e-15
            && relative_error(&found.b_bar, &expected.b_bar) < 1e-15
            && relative_error(&found.b_bar_previous, &expected.b_bar_previous) < 1e-15
    };
    let member = |alpha| generalized_bilinear(&flow, 0.3, alpha).unwrap();
    assert!(same(&member(0.0), &forward_euler(&flow, 0.3).unwrap()));
    assert!(same(&member(1.0), &backward_euler(&flow, 0.3).unwrap()));
    assert!(same(&member(0.5), &bilinear(&flow, 0.3).unwrap()));
    let z = Complex::new(-0.3, 0.7);
    assert_eq!(bilinear_factor(z, 0.0), forward_factor(z));
    assert!((bilinear_factor(z, 1.0) - backward_factor(z)).norm() < 1e-16);
}

#[test]
fn s4_discretizes_by_the_held_bilinear_rule() {
    // The Annotated S4, `discretize`:  BL = inv(I - (step / 2) A),  Ab = BL (I + (step / 2) A),
    // Bb = (BL step) B.
    let flow = random_flow((16, 1, 1), 1.0, -1.0, 7);
    let (step, unit) = (0.05, DMatrix::identity(16, 16));
    let bl = (&unit - flow.a() * (step / 2.0)).try_inverse().unwrap();
    let ab = &bl * (&unit + flow.a() * (step / 2.0));
    let bb = (bl * step) * flow.b();
    let held = bilinear(&flow, step).unwrap().held().unwrap();
    assert!(relative_error(held.a(), &ab) < 1e-14 && relative_error(held.b(), &bb) < 1e-14);
    assert_eq!(held.c(), flow.c());
}

/// The error of a rule after six seconds of the damped spring, pushed by a sine that it sees every Δ
/// seconds: with its two weights, and with one.
fn errors_for_a_smooth_input(steps: usize) -> (f64, f64) {
    let whole = dmatrix![
        0.0, 1.0, 0.0, 0.0;
        -1.0, -0.4, 1.0, 0.0;
        0.0, 0.0, 0.0, 1.5;
        0.0, 0.0, -1.5, 0.0
    ];
    let until = 6.0;
    let delta = until / steps as f64;
    let start = dvector![1.0, 0.0];
    let exact =
        matrix_exponential(&(&whole * until)).expect("a result") * dvector![1.0, 0.0, 0.0, 1.0];
    let u: Vec<_> = (0..=steps).map(|k| dvector![(1.5 * k as f64 * delta).sin()]).collect();
    let two = bilinear(&spring(0.4), delta).expect("a result");
    let one = Recurrence {
        b_bar: &two.b_bar + &two.b_bar_previous,
        b_bar_previous: DMatrix::zeros(2, 1),
        ..two.clone()
    };
    let error = |rule: &Recurrence| {
        let states = rule.run(&start, &u[0], &u[1..]).expect("a result");
        (states.last().expect("a result") - exact.rows(0, 2)).norm()
    };
    (error(&two), error(&one))
}

#[test]
fn two_weights_are_second_order_for_smooth_inputs_and_one_weight_first() {
    let ((two, one), (two_fine, one_fine)) =
        (errors_for_a_smooth_input(1000), errors_for_a_smooth_input(2000));
    assert!(((two / two_fine).log2() - 2.0).abs() < 0.01, "{two:e} {two_fine:e}");
    assert!(((one / one_fine).log2() - 1.0).abs() < 0.01, "{one:e} {one_fine:e}");
}

#[test]
fn one_weight_is_second_order_for_held_inputs() {
    // The input changes 12 times, between steps; each of its values is held for many of them.
    let flow = spring(0.4);
    let (start, values) = (dvector![1.0, 0.0], random_inputs(1, 12, 8));
    let exact = forced_response(flow.a(), flow.b(), &start, &values, 0.5).unwrap();
    let error = |steps_a_value: usize| {
        let held = bilinear(&flow, 0.5 / steps_a_value as f64).unwrap().held().unwrap();
        let mut x = start.clone();
        for value in &values {
            for _ in 0..steps_a_value {
                x = held.a() * x + held.b() * value;
            }
        }
        (x - exact.last().unwrap()).norm()
    };
    let order = (error(50) / error(100)).log2();
    assert!((order - 2.0).abs() < 0.01, "{order}");
}

#[test]
fn only_one_half_is_second_order() {
    let flow = spring(0.4);
    let exact = matrix_exponential(&(flow.a() * 6.0)).unwrap();
    for (alpha, expected) in [(0.0, 1.0), (0.3, 1.0), (0.5, 2.0), (0.7, 1.0), (1.0, 1.0)] {
        let error = |steps: u32| {
            let delta = 6.0 / f64::from(steps);
            let a_bar = generalized_bilinear(&flow, delta, alpha).unwrap().a_bar;
            (a_bar.pow(steps) - &exact).norm()
        };
        let order = (error(2000) / error(4000)).log2();
        assert!((order - expected).abs() < 0.02, "α = {alpha}: order {order}");
    }
}

#[test]
fn a_frequency_is_found_where_the_warping_says() {
    let (flow, delta) = (spring(0.1), 0.8);
    let steps = bilinear(&flow, delta).unwrap();
    for omega in [0.1, 1.0, 3.0, 50.0] {
        let seen = warped(omega, delta);
        assert!(seen < omega && seen < PI / delta);
        assert!((unwarped(seen, delta).unwrap() / omega - 1.0).abs() < 1e-12);
        let found = steps.transfer(Complex::from_polar(1.0, seen * delta)).unwrap();
        let expected = transfer_of(&flow, Complex::new(0.0, omega));
        assert!(relative_error(&found, &expected) < 1e-11, "ω = {omega}");
    }
    // ω - ω³Δ²/12 for small steps.
    assert!((warped(1.0, 1e-2) - (1.0 - 1e-4 / 12.0)).abs() < 1e-9);
}

#[test]
fn prewarping_makes_one_frequency_exact_and_no_other() {
    let (flow, delta) = (random_flow((5, 2, 2), 1.0, -1.0, 9), 0.9);
    for omega in [0.01, 1.0, 3.4] {
        let steps = prewarped_bilinear(&flow, delta, omega).unwrap();
        assert_eq!(steps.delta, delta);
        let answer = |at: f64| steps.transfer(Complex::from_polar(1.0, at * delta)).unwrap();
        let flows = |at: f64| transfer_of(&flow, Complex::new(0.0, at));
        assert!(relative_error(&answer(omega), &flows(omega)) < 1e-12, "ω = {omega}");
        let error = relative_error(&answer(0.5 * omega + 0.5), &flows(0.5 * omega + 0.5));
        assert!(omega == 1.0 || error > 1e-4, "ω = {omega}: {error:e}");
    }
    let refuse = |omega| prewarped_bilinear(&flow, delta, omega).unwrap_err().to_string();
    assert_eq!(refuse(4.0), "expected ω to be below π/Δ, found 4");
    assert_eq!(refuse(0.0), "expected ω to be finite and positive, found 0");
}

#[test]
fn a_spring_without_damping_keeps_its_energy() {
    let rule = bilinear(&spring(0.0), 0.5).unwrap();
    let quiet = vec![dvector![0.0]; 10_000];
    let states = rule.run(&dvector![1.0, 0.0], &quiet[0], &quiet).unwrap();
    for x in &states {
        assert!((x.norm_squared() - 1.0).abs() < 1e-11);
    }
}

#[test]
fn large_steps_make_fast_modes_flicker() {
    // |λ|Δ = 2000: the exact factor is 0, backward Euler's 1/2001, the bilinear one almost -1.
    let flow = bucket(1000.0);
    let bilinear = bilinear(&flow, 2.0).unwrap().a_bar[(0, 0)];
    let backward = backward_euler(&flow, 2.0).unwrap().a_bar[(0, 0)];
    assert!((bilinear + 999.0 / 1001.0).abs() < 1e-14 && (backward - 1.0 / 2001.0).abs() < 1e-16);
}

#[test]
fn a_flow_that_stands_still_needs_no_inverse_of_its_own() {
    // A = 0, an integrator: Δ/2 of the input at each end. A singular A with two zero eigenvalues.
    let sum =
        StateSpace::continuous(dmatrix![0.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0]).unwrap();
    let rule = bilinear(&sum, 0.5).unwrap();
    assert_eq!((rule.a_bar[0], rule.b_bar[0], rule.b_bar_previous[0]), (1.0, 0.25, 0.25));
    let cart = dmatrix![0.0, 1.0; 0.0, 0.0];
    let cart = StateSpace::continuous(cart, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])
        .unwrap();
    assert_eq!(bilinear(&cart, 0.5).unwrap().a_bar, dmatrix![1.0, 0.5; 0.0, 1.0]);
}

#[test]
fn what_cannot_be_a_step_is_refused_in_a_sentence() {
    let flow = bucket(-4.0);
    assert_eq!(bilinear(&flow, 0.5), Err(DiscretizationError::SingularStep { delta: 0.5 }));
    let refuse = |alpha| generalized_bilinear(&flow, 0.1, alpha).unwrap_err().to_string();
    assert_eq!(refuse(1.5), "expected α to be between 0 and 1, found 1.5");
    assert_eq!(refuse(f64::NAN), "expected α to be between 0 and 1, found NaN");
    assert_eq!(
        bilinear(&flow, -0.5).unwrap_err().to_string(),
        "expected Δ to be finite and positive, found -0.5"
    );
    assert_eq!(
        bilinear(&flow, f64::NAN).unwrap_err().to_string(),
        "expected Δ to be finite and positive, found NaN"
    );
    assert!(bilinear(&bucket(1e200), 1e200).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bilinear_maps_left_half_plane_into_unit_disc(
        re in -1e3..1e3f64, im in -1e3..1e3f64, exponent in -3.0..3.0
    ) {
        let (s, delta) = (Complex::<f64>::new(re, im), 10f64.powf(exponent));
        // Not on the axis, and not so close to it that the modulus rounds to 1.
        prop_assume!(re.abs() * delta > 1e-6 * (1.0 + s.norm_sqr() * delta * delta));
        let z = bilinear_factor(s * delta, 0.5);
        prop_assert_eq!(z.norm() < 1.0, re < 0.0);
        let back = tustin_map(z, delta);
        // Near z = -1 the way back divides by z + 1 = 4/(2 - sΔ), which has lost the digits of sΔ.
        let lost = 1.0 + s.norm() * delta;
        prop_assert!((back - s).norm() < 1e-14 * lost * (s.norm() + 2.0 / delta), "{s} {back}");
        let wave = bilinear_factor(Complex::new(0.0, im * delta), 0.5);
        prop_assert!((wave.norm() - 1.0).abs() < 1e-14);
    }

    #[test]
    fn the_upper_half_of_the_family_keeps_stable_flows_stable(
        re in -1e3..-1e-3, im in -1e3..1e3, alpha in 0.5..=1.0, exponent in -3.0..2.0
    ) {
        let z = Complex::new(re, im) * 10f64.powf(exponent);
        prop_assert!(bilinear_factor(z, alpha).norm() < 1.0);
    }

    #[test]
    fn the_lower_half_of_the_family_loses_some_stable_flow(alpha in 0.0..0.49) {
        // 2/(1-2α) is where the real axis leaves the region.
        let edge = 2.0 / (1.0 - 2.0 * alpha);
        prop_assert!(bilinear_factor(Complex::new(-0.999 * edge, 0.0), alpha).norm() < 1.0);
        prop_assert!(bilinear_factor(Complex::new(-1.001 * edge, 0.0), alpha).norm() > 1.0);
    }

    #[test]
    fn steps_of_a_stable_flow_are_stable(n in 1usize..=64, seed in 0u64..1000, exponent in -2.0..2.0) {
        let flow = random_flow((n, 2, 2), 1.0, -2.0, seed);
        prop_assume!(eigenvalues(flow.a()).unwrap().iter().all(|lambda| lambda.re < 0.0));
        for alpha in [0.5, 0.75, 1.0] {
            let steps = generalized_bilinear(&flow, 10f64.powf(exponent), alpha).unwrap();
            prop_assert!(spectral_radius(&steps.a_bar).unwrap() < 1.0);
        }
    }

    #[test]
    fn rules_keep_their_promise_on_random_systems(
        n in 1usize..=64, m in 1usize..=3, seed in 0u64..1000, alpha in 0.0..=1.0, delta in 0.01..1.0
    ) {
        // (I - αΔA) Ā = I + (1-α)ΔA, and the two weights are α and 1-α of one push.
        let flow = random_flow((n, m, 1), 1.0, -1.0, seed);
        let steps = generalized_bilinear(&flow, delta, alpha).unwrap();
        let unit = DMatrix::identity(n, n);
        let left = &unit - flow.a() * (alpha * delta);
        let right = &unit + flow.a() * ((1.0 - alpha) * delta);
        prop_assert!(relative_error(&(&left * &steps.a_bar), &right) < 1e-13);
        let push = &steps.b_bar + &steps.b_bar_previous;
        prop_assert!(relative_error(&(&left * push), &(flow.b() * delta)) < 1e-13);
        prop_assert!(relative_error(&(&steps.b_bar * (1.0 - alpha)), &(&steps.b_bar_previous * alpha)) < 1e-14);
        // Coordinates do not matter.
        let t = random_matrix(n, n, seed + 1) * 0.1 + &unit * 2.0;
        let inverse = t.clone().try_inverse().unwrap();
        let turned = StateSpace::continuous(
            &inverse * flow.a() * &t, &inverse * flow.b(), flow.c() * &t, flow.d().clone()).unwrap();
        let turned = generalized_bilinear(&turned, delta, alpha).unwrap();
        prop_assert!(relative_error(&(&t * turned.a_bar * inverse), &steps.a_bar) < 1e-11);
    }
}
