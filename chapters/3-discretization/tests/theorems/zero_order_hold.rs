//! What the page *Zero-order hold* claims.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::sampling::Recurrence;
use discretization::zero_order_hold::{
    b_bar_by_inverse, expm1_ratio, first_order_hold, phi, phi_columns, phi_functions,
    zero_order_hold,
};
use math_foundations::linear_systems::{
    dormand_prince, held_input_step, propagate, variation_of_constants,
};
use math_foundations::matrix_exponential::{exponential_condition_number, matrix_exponential};
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use workbench::testing::relative_error;

use crate::systems::{flow, golden, matrix, random_flow, spring};

/// Where the flow is at the end of a step, followed by small steps that know no exponential.
fn followed(
    system: &StateSpace<Continuous>,
    x: &DVector<f64>,
    delta: f64,
    u: impl Fn(f64) -> DVector<f64>,
) -> DVector<f64> {
    let slope = |t: f64, x: &DVector<f64>| system.a() * x + system.b() * u(t);
    let path = dormand_prince(slope, x, (0.0, delta), 1e-12).expect("it fits");
    path.steps().last().expect("it fits").clone()
}

#[test]
fn eq_3_4_block_exponential_is_the_integral_of_the_exponential() {
    for (system, delta) in [(spring(0.4), 0.7), (random_flow((5, 2, 1), 1.0, -1.2, 1), 1.3)] {
        let n = system.d_state();
        let step = zero_order_hold(&system, delta).unwrap();
        // The other side: ∫₀^Δ e^{Aτ} dτ B, column by column, as a sum over Gauss points (eq-1-3).
        for j in 0..system.inputs() {
            let push = DMatrix::from_column_slice(n, 1, system.b().column(j).as_slice());
            let rest = DVector::zeros(n);
            let integral =
                variation_of_constants(system.a(), &push, &rest, |_| dvector![1.0], delta, 8);
            let error = (step.b_bar_previous.column(j) - integral.unwrap()).norm();
            assert!(error < 1e-14 * step.b_bar_previous.norm(), "{error:e}");
        }
        let start = DVector::from_fn(n, |i, _| 1.0 - 0.3 * i as f64);
        let carried = propagate(system.a(), &start, delta).unwrap();
        assert!((&step.a_bar * start - carried).norm() < 1e-14);
        assert_eq!(step.b_bar, DMatrix::zeros(n, system.inputs()));
    }
}

#[test]
fn zero_order_hold_is_exact_for_held_inputs() {
    for (system, seed) in [
        (spring(0.4), 1),
        (random_flow((4, 2, 1), 1.0, -1.2, 3), 2),
        (random_flow((9, 1, 1), 1.0, -1.2, 5), 3),
    ] {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for delta in [0.05, 0.8, 3.0] {
            let step = zero_order_hold(&system, delta).unwrap();
            let (n, m) = (system.d_state(), system.inputs());
            let mut draw = |len| DVector::from_fn(len, |_, _| random.random_range(-1.0..1.0));
            let (mut x, u): (_, Vec<DVector<f64>>) = (draw(n), (0..6).map(|_| draw(m)).collect());
            let found = step.run(&x, &u[0], &u[1..]).unwrap();
            for (k, x_k) in found.iter().enumerate() {
                let exact =
                    variation_of_constants(system.a(), system.b(), &x, |_| u[k].clone(), delta, 40)
                        .unwrap();
                assert!((x_k - &exact).norm() < 1e-13, "Δ = {delta}, k = {k}");
                let stepped = followed(&system, &x, delta, |_| u[k].clone());
                assert!((x_k - &stepped).norm() < 1e-11, "Δ = {delta}, k = {k}");
                x = exact;
            }
        }
    }
}

#[test]
fn first_order_hold_is_exact_for_piecewise_linear_inputs() {
    for (system, seed) in [(spring(0.4), 1), (random_flow((4, 2, 1), 1.0, -1.2, 3), 2)] {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for delta in [0.05, 0.8, 3.0] {
            let step = first_order_hold(&system, delta).unwrap();
            let (n, m) = (system.d_state(), system.inputs());
            let mut draw = |len| DVector::from_fn(len, |_, _| random.random_range(-1.0..1.0));
            let (mut x, u): (_, Vec<DVector<f64>>) = (draw(n), (0..6).map(|_| draw(m)).collect());
            let found = step.run(&x, &u[0], &u[1..]).unwrap();
            for (k, x_k) in found.iter().enumerate() {
                let line = |t: f64| &u[k] * (1.0 - t / delta) + &u[k + 1] * (t / delta);
                let exact =
                    variation_of_constants(system.a(), system.b(), &x, line, delta, 40).unwrap();
                assert!((x_k - &exact).norm() < 1e-13, "Δ = {delta}, k = {k}");
                let stepped = followed(&system, &x, delta, line);
                assert!((x_k - &stepped).norm() < 1e-11, "Δ = {delta}, k = {k}");
                x = exact;
            }
        }
    }
}

#[test]
fn holds_agree_with_sixty_digits() {
    let cases = golden("zero_order_hold.json");
    let cases = cases["systems"].as_array().expect("systems");
    assert_eq!(cases.len(), 32);
    for case in cases {
        let (a, b, delta) = (matrix(&case["A"]), matrix(&case["B"]), case["delta"].as_f64());
        let delta = delta.expect("a step");
        let name = format!("{} at Δ = {delta}", case["name"]);
        let held = matrix(&case["held"]);
        let system = flow(a.clone(), b);
        let zero = zero_order_hold(&system, delta).unwrap();
        let first = first_order_hold(&system, delta).unwrap();
        if case["a_bar"].is_null() {
            let sums = DMatrix::from_fn(a.nrows(), 1, |i, _| {
                case["a_bar_row_sums"][i][0].as_f64().expect("a number")
            });
            let found = &zero.a_bar * DMatrix::from_element(a.nrows(), 1, 1.0);
            assert!(relative_error(&found, &sums) < 1e-13, "{name}");
        } else {
            let condition = exponential_condition_number(&(&a * delta)).unwrap();
            let size = (a.nrows() + 2 * system.inputs()) as f64;
            let allowed = 4.0 * size * condition.max(1.0) * f64::EPSILON;
            let expected = matrix(&case["a_bar"]);
            let error = relative_error(&zero.a_bar, &expected);
            assert!(error <= allowed, "{name}: {error:e}, allowed {allowed:e}");
            assert!(relative_error(&first.a_bar, &expected) <= allowed, "{name}");
        }
        for (what, found, expected, scale) in [
            ("held", &zero.b_bar_previous, &held, held.norm()),
            ("end", &first.b_bar, &matrix(&case["end"]), matrix(&case["end"]).norm()),
            ("begin", &first.b_bar_previous, &matrix(&case["begin"]), held.norm()),
        ] {
            let error = (found - expected).norm() / scale;
            assert!(error < 2e-13, "{name}: {what} is off by {error:e}");
        }
    }
}

#[test]
fn golden_holds_agree_with_scipy() {
    let golden = golden("cont2discrete_holds.json");
    let mut checked = 0;
    for case in golden["cases"].as_array().expect("cases") {
        let [a, b, c, d] = ["A", "B", "C", "D"]
            .map(|key| matrix(&golden["systems"][case["system"].as_str().expect("a name")][key]));
        let system = StateSpace::continuous(a, b, c, d).unwrap();
        let delta = case["dt"].as_f64().expect("a step");
        let name = format!("{} {} at Δ = {delta}", case["system"], case["method"]);
        let [ad, bd, cd, dd] = ["Ad", "Bd", "Cd", "Dd"].map(|key| matrix(&case[key]));
        let rule: fn(&StateSpace<Continuous>, f64) -> _ =
            if case["method"] == "zoh" { zero_order_hold } else { first_order_hold };
        let ours = rule(&system, delta).unwrap().control_form();
        assert!((&ours.a - &ad).norm() < 1e-12 * ad.norm(), "{name}: A");
        // Both write the state before it has seen u_k, so the matrices are the same.
        assert!((&ours.b - &bd).norm() < 1e-12 * bd.norm(), "{name}: B");
        assert!((&ours.c - &cd).norm() < 1e-12 * cd.norm(), "{name}: C");
        assert!((&ours.d - &dd).norm() < 1e-12 * (1.0 + dd.norm()), "{name}: D");
        checked += 1;
    }
    assert_eq!(checked, 40);
}

#[test]
fn a_step_with_one_column_is_chapter_1s_held_input_step() {
    let system = random_flow((6, 2, 1), 1.0, -1.2, 8);
    let step = zero_order_hold(&system, 0.9).unwrap();
    let (a_bar, b_bar) = held_input_step(system.a(), system.b(), 0.9).unwrap();
    assert!(relative_error(&step.a_bar, &a_bar) < 1e-14);
    assert!(relative_error(&step.b_bar_previous, &b_bar) < 1e-14);
}

#[test]
fn textbook_formula_fails_where_the_block_does_not() {
    // Nothing holds the mass back: no inverse, and still an answer.
    let (a, b) = (dmatrix![0.0, 1.0; 0.0, -2.0], dmatrix![0.0; 1.0]);
    let a_bar = matrix_exponential(&a).unwrap();
    assert_eq!(b_bar_by_inverse(&a, &b, &a_bar), None);
    assert!(zero_order_hold(&flow(a, b), 1.0).is_ok());

    // The weaker the spring, the fewer digits the inverse leaves; and the shorter the step.
    let cases = golden("zero_order_hold.json");
    let mut seen = 0;
    for case in cases["systems"].as_array().expect("systems") {
        let lost = match (case["name"].as_str(), case["delta"].as_f64()) {
            (Some("weak spring"), _) => 1e-7,
            (Some("very weak spring"), _) => 1e-2,
            (Some("spring"), Some(1e-6)) => 1e-12,
            (Some("spring"), Some(1e-12)) => 1e-5,
            _ => continue,
        };
        let (a, b) = (matrix(&case["A"]), matrix(&case["B"]));
        let delta = case["delta"].as_f64().expect("a step");
        let held = matrix(&case["held"]);
        let a_bar = matrix_exponential(&(&a * delta)).unwrap();
        let textbook = b_bar_by_inverse(&a, &b, &a_bar).expect("an inverse");
        let error = relative_error(&textbook, &held);
        assert!(error > lost, "{} at Δ = {delta}: {error:e}", case["name"]);
        let ours = zero_order_hold(&flow(a, b), delta).unwrap().b_bar_previous;
        assert!(relative_error(&ours, &held) < 1e-15, "{} at Δ = {delta}", case["name"]);
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn phi_functions_of_numbers_agree_with_two_hundred_digits() {
    let cases = golden("zero_order_hold.json");
    for case in cases["scalars"].as_array().expect("scalars") {
        let part = |key: &str| case[key].as_f64().expect("a number");
        let z = Complex::new(part("re"), part("im"));
        for order in 0..4 {
            let [re, im] =
                ["phi_re", "phi_im"].map(|key| case[key][order].as_f64().expect("a number"));
            let expected = Complex::new(re, im);
            // e^z itself is off by |z| ε, as z is rounded.
            let allowed = (10.0 + z.norm()) * f64::EPSILON * expected.norm();
            let error = (phi(order, z) - expected).norm();
            assert!(error <= allowed, "φ_{order}({z}): off by {error:e}, allowed {allowed:e}");
            if z.im == 0.0 {
                let error = (phi(order, z.re) - re).abs();
                assert!(error <= allowed, "φ_{order}({}): off by {error:e}", z.re);
            }
        }
        let expected =
            Complex::new(case["phi_re"][1].as_f64().unwrap(), case["phi_im"][1].as_f64().unwrap());
        let found = expm1_ratio(z);
        assert!((found - expected).norm() <= 4.0 * f64::EPSILON * expected.norm(), "φ₁({z})");
        if z.im == 0.0 {
            let found = expm1_ratio(z.re);
            assert!((found - expected.re).abs() <= 2.0 * f64::EPSILON * expected.re, "φ₁({z})");
            // f32, of the same z rounded to f32.
            let single = expm1_ratio(z.re as f32);
            let expected = expm1_ratio(f64::from(z.re as f32));
            assert!((f64::from(single) / expected - 1.0).abs() < 3e-7, "φ₁({z}) in f32");
        }
    }
}

#[test]
fn naive_ratio_loses_the_digits_that_expm1_ratio_keeps() {
    let naive = |z: f64| (z.exp() - 1.0) / z;
    for (exponent, digits_lost) in [(-4, 1e-14), (-8, 1e-10), (-12, 1e-6), (-15, 1e-3)] {
        let z = -1.7 * 10f64.powi(exponent);
        let exact = 1.0 + z / 2.0 * (1.0 + z / 3.0 * (1.0 + z / 4.0));
        assert!((naive(z) - exact).abs() > digits_lost, "z = {z:e}");
        assert!((expm1_ratio(z) - exact).abs() < 4e-16, "z = {z:e}");
    }
    assert_eq!((naive(1e-17), expm1_ratio(1e-17)), (0.0, 1.0));
    assert!(naive(0.0).is_nan());

    // A slow oscillation: nalgebra's exp_m1 of a complex number is the naive one too.
    let z = Complex::new(-1e-9, 3e-9);
    let naive = (z.exp() - Complex::from(1.0)) / z;
    let exact = Complex::from(1.0) + z / 2.0;
    assert!((naive - exact).norm() > 1e-9);
    assert!((expm1_ratio(z) - exact).norm() < 1e-15);
}

#[test]
fn ratio_in_single_precision_at_the_smallest_step_of_s4d_keeps_its_digits() {
    // λ = -1/2, Δ = 0.001 and f32: where the reference code writes (exp(z) - 1) / A.
    let z = -0.0005_f32;
    let exact = expm1_ratio(f64::from(z));
    let naive = (z.exp() - 1.0) / z;
    assert!((f64::from(naive) - exact).abs() > 2e-5, "{naive}");
    assert!((f64::from(expm1_ratio(z)) - exact).abs() < 1e-7);
}

#[test]
fn phi_functions_of_a_matrix_act_on_its_modes_as_those_of_a_number() {
    let lambda = [-30.0, -2.0, -0.5, 0.0, 1e-9, 0.7];
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let v = DMatrix::from_fn(6, 6, |_, _| random.random_range(-1.0..1.0)).qr().q();
    let of = |f: &dyn Fn(f64) -> f64| {
        let on_modes = DMatrix::from_diagonal(&DVector::from_iterator(6, lambda.map(f)));
        &v * on_modes * v.transpose()
    };
    let found = phi_functions(&of(&|z| z)).unwrap();
    for (order, found) in found.iter().enumerate() {
        let error = relative_error(found, &of(&|z| phi(order, z)));
        assert!(error < 1e-13, "φ_{order}: {error:e}");
    }
    // And a rotation, as one complex number.
    let complex = phi_functions(&DMatrix::from_element(1, 1, Complex::new(-0.1_f64, 2.0))).unwrap();
    let real = phi_functions::<f64>(&dmatrix![-0.1, -2.0; 2.0, -0.1]).unwrap();
    for (complex, real) in complex.iter().zip(&real) {
        assert!((complex[0].re - real[(0, 0)]).abs() < 1e-15);
        assert!((complex[0].im - real[(1, 0)]).abs() < 1e-15);
    }
}

#[test]
fn short_steps_add_and_long_steps_settle() {
    let system = spring(0.4);
    let n = system.d_state();
    for delta in [1e-300, 1e-100, 1e-12, 1e-8] {
        let step = zero_order_hold(&system, delta).unwrap();
        let rate = &step.b_bar_previous / delta;
        // Two terms: B + ΔAB/2.
        let expected = system.b() + system.a() * system.b() * (delta / 2.0);
        assert!(relative_error(&rate, &expected) < 1e-15, "Δ = {delta:e}");
    }
    // e^{-0.2 Δ} is gone: what is left is where a constant push holds the spring, x = u, v = 0.
    for delta in [1e3, 1e6, 1e12, 1e100] {
        for step in [zero_order_hold(&system, delta), first_order_hold(&system, delta)] {
            let step = step.unwrap();
            assert!(step.a_bar.norm() < 1e-80, "Δ = {delta:e}");
            let settled = step.b_bar + step.b_bar_previous;
            assert!((settled - dmatrix![1.0; 0.0]).norm() < 1e-12, "Δ = {delta:e}, N = {n}");
        }
    }
}

#[test]
fn loud_and_quiet_inputs_cost_no_digits() {
    let quiet = random_flow((5, 1, 1), 1.0, -1.2, 6);
    let expected = zero_order_hold(&quiet, 0.4).unwrap();
    for power in [-900, -60, 60, 90, 900] {
        let factor = 2f64.powi(power);
        let loud = flow(quiet.a().clone(), quiet.b() * factor);
        let found = zero_order_hold(&loud, 0.4).unwrap();
        assert!(relative_error(&found.a_bar, &expected.a_bar) < 1e-13, "2^{power}");
        let b_bar = found.b_bar_previous / factor;
        assert!(relative_error(&b_bar, &expected.b_bar_previous) < 1e-13, "2^{power}");
    }
}

/// The largest error of x over `span` seconds under u = sin t, once the start is forgotten.
fn error_under_a_sine(rule: &Recurrence, late_by: f64) -> f64 {
    // The spring's steady answer to sin t, by complex numbers: G(i) = 1/(i² + 0.4 i + 1) = -2.5 i.
    let exact = |t: f64| 2.5 * (t - std::f64::consts::FRAC_PI_2).sin();
    let steps = (100.0 / rule.delta).round() as usize;
    let tick = |k: usize| k as f64 * rule.delta;
    let u: Vec<DVector<f64>> = (1..=steps).map(|k| dvector![tick(k).sin()]).collect();
    let x = rule.run(&DVector::zeros(2), &dvector![0.0], &u).expect("it fits");
    let settled = x.iter().enumerate().skip(steps * 3 / 4);
    settled.map(|(k, x)| (x[0] - exact(tick(k + 1) - late_by)).abs()).fold(0.0, f64::max)
}

#[test]
fn a_hold_answers_a_smooth_input_half_a_step_late() {
    let order = |error: &dyn Fn(f64) -> f64| (error(0.1) / error(0.05)).log2();
    let zero = |delta| zero_order_hold(&spring(0.4), delta).unwrap();
    let first = |delta| first_order_hold(&spring(0.4), delta).unwrap();
    // Against the input itself order 1, against the input half a step later order 2.
    let plain = order(&|delta| error_under_a_sine(&zero(delta), 0.0));
    assert!((plain - 1.0).abs() < 0.05, "{plain}");
    let late = order(&|delta| error_under_a_sine(&zero(delta), delta / 2.0));
    assert!((late - 2.0).abs() < 0.05, "{late}");
    let lines = order(&|delta| error_under_a_sine(&first(delta), 0.0));
    assert!((lines - 2.0).abs() < 0.05, "{lines}");
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let refused = |delta| zero_order_hold(&spring(0.4), delta).unwrap_err().to_string();
    assert_eq!(refused(0.0), "expected Δ to be finite and positive, found 0");
    assert_eq!(refused(f64::NAN), "expected Δ to be finite and positive, found NaN");
    let growth = flow(dmatrix![800.0], dmatrix![1.0]);
    assert!(first_order_hold(&growth, 1.0).unwrap_err().to_string().contains("overflow"));
    let error = phi_columns(&dmatrix![1.0, 2.0; 3.0, 4.0], &dmatrix![1.0], 1).unwrap_err();
    assert_eq!(error.to_string(), "expected B to be 2 x 1, found 1 x 1");
    // No degree, no columns: the exponential alone.
    let (e, none) = phi_columns(&dmatrix![1.0], &dmatrix![1.0], 0).unwrap();
    assert!(none.is_empty() && (e[0] - 1f64.exp()).abs() < 1e-15);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn two_half_steps_are_one_step(n in 1usize..=64, m in 1usize..4, seed in 0u64..1000, delta in 0.01..4.0) {
        let system = random_flow((n, m, 1), 1.0, -1.2, seed);
        let [whole, half] = [delta, delta / 2.0].map(|d| zero_order_hold(&system, d).unwrap());
        let twice = &half.a_bar * &half.a_bar;
        prop_assert!((&whole.a_bar - twice).norm() < 1e-13 * half.a_bar.norm().powi(2));
        let twice = &half.a_bar * &half.b_bar_previous + &half.b_bar_previous;
        let error = relative_error(&whole.b_bar_previous, &twice);
        prop_assert!(error < 1e-13, "{error:e}");
    }

    #[test]
    fn two_half_steps_along_one_line_are_one_step(n in 1usize..=32, seed in 0u64..1000, delta in 0.01..4.0) {
        let system = random_flow((n, 1, 1), 1.0, -1.2, seed);
        let [whole, half] = [delta, delta / 2.0].map(|d| first_order_hold(&system, d).unwrap());
        // The input in the middle is the mean of both ends.
        let middle = &half.b_bar_previous + &half.a_bar * &half.b_bar;
        let end = &half.b_bar + &middle * 0.5;
        let begin = &half.a_bar * &half.b_bar_previous + &middle * 0.5;
        let scale = whole.b_bar.norm() + whole.b_bar_previous.norm();
        prop_assert!((&whole.b_bar - end).norm() < 1e-13 * scale);
        prop_assert!((&whole.b_bar_previous - begin).norm() < 1e-13 * scale);
    }

    #[test]
    fn a_times_the_held_weight_is_what_the_state_gained(n in 1usize..=64, seed in 0u64..1000, delta in 0.01..4.0, singular: bool) {
        // A B̄ = (Ā - I) B needs no inverse, and holds where there is none.
        let drawn = random_flow((n, 2, 1), 1.0, -1.2, seed);
        let mut a = drawn.a().clone();
        if singular {
            a.row_mut(n - 1).fill(0.0);
        }
        let system = flow(a, drawn.b().clone());
        let step = zero_order_hold(&system, delta).unwrap();
        let left = system.a() * &step.b_bar_previous;
        let right = (&step.a_bar - DMatrix::identity(n, n)) * system.b();
        let scale = (system.a().norm() * step.b_bar_previous.norm()).max(system.b().norm());
        prop_assert!((left - right).norm() < 1e-13 * scale);
    }
}
