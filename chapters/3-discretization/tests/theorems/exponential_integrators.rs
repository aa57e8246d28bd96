//! What the page *Exponential integrators* claims.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::exponential_integrators::{
    Token, exponential_euler, exponential_trapezoidal, selective_states,
};
use discretization::sampling::Recurrence;
use discretization::zero_order_hold::{expm1_ratio, phi_columns, zero_order_hold};
use math_foundations::linear_systems::{propagate, variation_of_constants};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::systems::{flow, golden, numbers, random_flow, spring};

fn softplus(z: f64) -> f64 {
    z.exp().ln_1p()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[test]
fn eq_3_5_a_step_weighs_the_input_at_its_two_ends() {
    for (seed, lambda) in [(1, 0.5), (2, 1.0), (3, 0.0), (4, 0.83)] {
        let (system, delta) = (random_flow((4, 2, 1), 1.0, -1.2, seed), 0.6);
        let step = exponential_trapezoidal(&system, delta, lambda).unwrap();
        let x = dvector![1.0, -0.5, 0.2, 2.0];
        let (begin, end) = (dvector![0.7, -1.0], dvector![0.1, 0.4]);
        let left = &step.run(&x, &begin, std::slice::from_ref(&end)).unwrap()[0];
        // The other side: three states, each carried by chapter 1 for the time it has left.
        let carried = propagate(system.a(), &x, delta).unwrap();
        let old = propagate(system.a(), &(system.b() * begin), delta).unwrap();
        let right = carried + system.b() * end * (lambda * delta) + old * ((1.0 - lambda) * delta);
        assert!((left - right).norm() < 1e-14, "λ = {lambda}");
    }
}

/// The largest error of the first state over 10 seconds, from rest under u(t) = cos 2t.
fn error_of(rule: &Recurrence, system: &StateSpace<Continuous>) -> f64 {
    let u = |t: f64| dvector![(2.0 * t).cos()];
    let steps = (10.0 / rule.delta).round() as usize;
    let inputs: Vec<DVector<f64>> = (1..=steps).map(|k| u(k as f64 * rule.delta)).collect();
    let rest = DVector::zeros(system.d_state());
    let found = rule.run(&rest, &u(0.0), &inputs).expect("it fits");
    let mut worst = 0.0f64;
    for (k, x) in found.iter().enumerate().skip(steps / 2).step_by(steps / 10) {
        let t = (k + 1) as f64 * rule.delta;
        let exact =
            variation_of_constants(system.a(), system.b(), &rest, u, t, 60).expect("it fits");
        worst = worst.max((x - exact).norm());
    }
    worst
}

#[test]
fn exponential_euler_has_order_one_and_the_trapezoid_order_two() {
    let system = spring(0.4);
    let order = |error: &dyn Fn(f64) -> f64| (error(0.02) / error(0.01)).log2();
    let euler = order(&|delta| error_of(&exponential_euler(&system, delta).unwrap(), &system));
    assert!((euler - 1.0).abs() < 0.1, "{euler}");
    let with = |lambda: &dyn Fn(f64) -> f64| {
        order(&|delta| {
            error_of(&exponential_trapezoidal(&system, delta, lambda(delta)).unwrap(), &system)
        })
    };
    let half = with(&|_| 0.5);
    assert!((half - 2.0).abs() < 0.1, "{half}");
    let other = with(&|_| 0.6);
    assert!((other - 1.0).abs() < 0.1, "{other}");
    // λ need not be 1/2, if it comes to it as fast as the step shrinks.
    let near = with(&|delta| 0.5 + delta);
    assert!((near - 2.0).abs() < 0.2, "{near}");
}

#[test]
fn lambda_of_one_is_mambas_rule_and_lambda_of_nothing_looks_back() {
    let system = random_flow((5, 2, 1), 1.0, -1.2, 7);
    let euler = exponential_euler(&system, 0.3).unwrap();
    assert_eq!(euler, exponential_trapezoidal(&system, 0.3, 1.0).unwrap());
    assert_eq!(euler.b_bar, system.b() * 0.3);
    assert_eq!(euler.b_bar_previous, DMatrix::zeros(5, 2));
    let back = exponential_trapezoidal(&system, 0.3, 0.0).unwrap();
    assert_eq!(back.b_bar, DMatrix::zeros(5, 2));
    assert!((back.b_bar_previous - &euler.a_bar * &euler.b_bar).norm() < 1e-15);
}

#[test]
fn code_and_paper_differ_by_phi_one_in_every_mode() {
    for (a, delta) in [(-1.0, 1e-3), (-16.0, 0.1), (-1.0, 0.1), (-3.0, 2.0), (0.0, 0.5)] {
        let system = flow(dmatrix![a], dmatrix![0.7]);
        let paper = zero_order_hold(&system, delta).unwrap().b_bar_previous[0];
        let code = exponential_euler(&system, delta).unwrap().b_bar[0];
        assert!((paper / code - expm1_ratio(a * delta)).abs() < 1e-15, "z = {}", a * delta);
    }
    // The two ends of Mamba's initialisation: A from -1 to -16, Δ from 0.001 to 0.1.
    assert!((expm1_ratio(-0.001_f64) - 0.9995).abs() < 1e-6);
    assert!((expm1_ratio(-1.6_f64) - 0.49881).abs() < 1e-5);
    // To first order the code's B̄ is too large by Δ|a|/2.
    assert!((expm1_ratio(-0.01_f64) - (1.0 - 0.005)).abs() < 2e-5);
}

#[test]
fn a_learned_b_absorbs_the_hold_at_one_step_and_at_no_other() {
    let system = random_flow((6, 2, 1), 1.0, -1.2, 9);
    let (_, absorbed) = phi_columns(&(system.a() * 0.4), system.b(), 1).unwrap();
    let learned = flow(system.a().clone(), absorbed[0].clone());
    let kernel = |rule: Recurrence| rule.held().unwrap();
    let paper = kernel(zero_order_hold(&system, 0.4).unwrap());
    let code = kernel(exponential_euler(&learned, 0.4).unwrap());
    assert!((paper.b() - code.b()).norm() < 1e-14 * paper.b().norm());
    assert!((paper.a() - code.a()).norm() < 1e-14);
    // The same weights at half the step, as for a recording sampled twice as often.
    let paper = kernel(zero_order_hold(&system, 0.2).unwrap());
    let code = kernel(exponential_euler(&learned, 0.2).unwrap());
    let apart = (paper.b() - code.b()).norm() / paper.b().norm();
    assert!(apart > 0.05, "{apart}");
}

#[test]
fn a_shared_b_cannot_absorb_two_steps_at_once() {
    // Two channels read one B; their steps differ. What B has to become for one, it must not for the other.
    let (a, b) = (-4.0, 1.0);
    let needed = [0.01, 0.5].map(|delta| b * expm1_ratio(a * delta));
    assert!(needed[0] / needed[1] > 2.0, "{needed:?}");
}

#[test]
fn a_gate_is_the_held_step_and_not_the_codes() {
    // Mamba, theorem 1: N = 1, A = -1, B = 1, Δ = softplus(z), held: x_k = (1-g) x_{k-1} + g u_k, g = σ(z).
    for z in [-6.0, -1.0, 0.0, 2.0, 8.0] {
        let leak = flow(dmatrix![-1.0], dmatrix![1.0]);
        let (delta, g) = (softplus(z), sigmoid(z));
        let paper = zero_order_hold(&leak, delta).unwrap();
        assert!((paper.a_bar[0] - (1.0 - g)).abs() < 1e-15, "z = {z}");
        assert!((paper.b_bar_previous[0] - g).abs() < 1e-15, "z = {z}");
        // The code's weight is Δ = -ln(1-g) > g: no mean, and no bound.
        let code = exponential_euler(&leak, delta).unwrap();
        assert!((code.b_bar[0] + (-g).ln_1p()).abs() < 1e-12, "z = {z}");
        assert!(code.b_bar[0] > g);
    }
}

#[test]
fn a_constant_input_is_overestimated_by_one_over_phi_one() {
    for z in [-0.001f64, -0.1, -1.0, -10.0] {
        let leak = flow(dmatrix![z], dmatrix![1.0]);
        let settled = |rule: Recurrence| {
            let u = vec![dvector![1.0]; (60.0 / -z) as usize];
            rule.run(&dvector![0.0], &dvector![1.0], &u).unwrap().last().unwrap()[0]
        };
        let exact = -1.0 / z;
        assert!((settled(zero_order_hold(&leak, 1.0).unwrap()) / exact - 1.0).abs() < 1e-12);
        let gain = settled(exponential_euler(&leak, 1.0).unwrap()) / exact;
        assert!((gain * expm1_ratio(z) - 1.0).abs() < 1e-12, "z = {z}: {gain}");
    }
}

#[test]
fn trapezoid_is_eulers_state_less_half_of_the_newest_push() {
    // So in a time-invariant layer λ = 1/2 is λ = 1 with D - ΔCB/2 for D.
    let mut random = ChaCha8Rng::seed_from_u64(11);
    for seed in 0..5 {
        let (system, delta) = (random_flow((6, 2, 1), 1.0, -1.2, seed), 0.3);
        let half = exponential_trapezoidal(&system, delta, 0.5).unwrap();
        let mut euler = exponential_euler(&system, delta).unwrap();
        euler.d -= system.c() * system.b() * (delta / 2.0);
        let u: Vec<DVector<f64>> =
            (0..20).map(|_| DVector::from_fn(2, |_, _| random.random_range(-1.0..1.0))).collect();
        let rest = (DVector::zeros(6), DVector::zeros(2));
        let run = |rule: &Recurrence| {
            let states = rule.run(&rest.0, &rest.1, &u).unwrap();
            states.iter().zip(&u).map(|(x, u)| &rule.c * x + &rule.d * u).collect::<Vec<_>>()
        };
        for (k, (left, right)) in run(&half).iter().zip(run(&euler)).enumerate() {
            assert!((left - right).norm() < 1e-13, "seed {seed}, k = {k}");
        }
    }
}

#[test]
fn the_trap_moves_weight_between_neighbours() {
    // For everything later, token k weighs λ_k Δ_k + (1 - λ_{k+1}) Δ_{k+1}.
    let token = |delta, lambda, u| Token { a: dvector![0.0], delta, lambda, b: dvector![1.0], u };
    let tokens =
        [token(0.3, 0.9, 0.0), token(0.2, 0.6, 1.0), token(0.5, 0.25, 0.0), token(0.4, 0.5, 0.0)];
    let x = selective_states(&tokens).unwrap();
    assert!((x[1][0] - 0.6 * 0.2).abs() < 1e-15);
    let weight = 0.6 * 0.2 + (1.0 - 0.25) * 0.5;
    assert!((x[2][0] - weight).abs() < 1e-15 && (x[3][0] - weight).abs() < 1e-15);
}

#[test]
fn selective_states_are_those_of_mambas_reference_code() {
    let case = &golden("selective_steps.json")["mamba"];
    let a = DVector::from_vec(numbers(&case["A"]));
    let bias = case["delta_bias"].as_f64().expect("a number");
    let tokens: Vec<Token> = numbers(&case["u"])
        .into_iter()
        .zip(numbers(&case["delta"]))
        .zip(case["B"].as_array().expect("a list"))
        .map(|((u, delta), b)| Token {
            a: a.clone(),
            delta: softplus(delta + bias),
            lambda: 1.0,
            b: DVector::from_vec(numbers(b)),
            u,
        })
        .collect();
    assert_eq!(tokens.len(), 7);
    let expected = DVector::from_vec(numbers(&case["last_state"]));
    let found = selective_states(&tokens).unwrap();
    assert!((found.last().unwrap() - &expected).norm() < 1e-14 * expected.norm());

    // The paper's ZOH in its place reaches another state.
    let mut held = DVector::zeros(4);
    for token in &tokens {
        for i in 0..4 {
            let z = token.delta * a[i];
            held[i] = z.exp() * held[i] + token.delta * expm1_ratio(z) * token.b[i] * token.u;
        }
    }
    assert!((held - &expected).norm() > 0.1 * expected.norm());
}

#[test]
fn selective_states_are_those_of_mamba_3_with_lambda_the_sigmoid_of_trap() {
    let case = &golden("selective_steps.json")["mamba3"];
    let [a_delta, delta, trap, x] =
        ["a_delta", "delta", "trap_logit", "x"].map(|key| numbers(&case[key]));
    let expected = DVector::from_vec(numbers(&case["last_state"]));
    let run = |lambda: &dyn Fn(f64) -> f64| {
        let tokens: Vec<Token> = (0..x.len())
            .map(|k| Token {
                a: DVector::from_element(8, a_delta[k] / delta[k]),
                delta: delta[k],
                lambda: lambda(trap[k]),
                b: DVector::from_vec(numbers(&case["keys"][k])),
                u: x[k],
            })
            .collect();
        (selective_states(&tokens).unwrap().pop().unwrap() - &expected).norm() / expected.norm()
    };
    assert!(run(&sigmoid) < 1e-13);
    // On the other end of the step it would be another model.
    assert!(run(&|trap| 1.0 - sigmoid(trap)) > 0.01);
    assert!(run(&|_| 1.0) > 0.01);
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let refused = |delta, lambda| {
        exponential_trapezoidal(&spring(0.4), delta, lambda).unwrap_err().to_string()
    };
    assert_eq!(refused(-1.0, 0.5), "expected Δ to be finite and positive, found -1");
    assert_eq!(refused(1.0, 1.5), "expected λ to be from 0 to 1, found 1.5");
    assert_eq!(refused(1.0, f64::NAN), "expected λ to be from 0 to 1, found NaN");
    let token = |a: DVector<f64>, delta| Token { a, delta, lambda: 1.0, b: dvector![1.0], u: 1.0 };
    let of = |tokens: &[Token]| selective_states(tokens).unwrap_err().to_string();
    assert_eq!(of(&[token(dvector![-1.0, -2.0], 0.1)]), "expected b to be 2 x 1, found 1 x 1");
    assert!(of(&[token(dvector![-1.0], -0.1)]).starts_with("expected Δ to be"));
    assert_eq!(selective_states(&[]).unwrap(), Vec::<DVector<f64>>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn constant_tokens_are_a_recurrence(n in 1usize..=64, seed in 0u64..1000, delta in 0.01..2.0, lambda in 0.0..=1.0) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let a = DVector::from_fn(n, |_, _| -random.random_range(0.01..16.0));
        let b = DVector::from_fn(n, |_, _| random.random_range(-1.0..1.0));
        let inputs: Vec<f64> = (0..12).map(|_| random.random_range(-1.0..1.0)).collect();
        let system = flow(DMatrix::from_diagonal(&a), DMatrix::from_column_slice(n, 1, b.as_slice()));
        let rule = exponential_trapezoidal(&system, delta, lambda).unwrap();
        let u: Vec<DVector<f64>> = inputs.iter().map(|&u| dvector![u]).collect();
        let expected = rule.run(&DVector::zeros(n), &dvector![0.0], &u).unwrap();
        let tokens: Vec<Token> =
            inputs.iter().map(|&u| Token { a: a.clone(), delta, lambda, b: b.clone(), u }).collect();
        for (left, right) in selective_states(&tokens).unwrap().iter().zip(&expected) {
            prop_assert!((left - right).norm() <= 1e-13 * right.norm().max(1e-3));
        }
    }
}
