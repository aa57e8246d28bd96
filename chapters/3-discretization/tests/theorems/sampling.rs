//! What the page *Sampling* claims.

use std::f64::consts::{PI, TAU};

use classical_ssm::frequency_response;
use classical_ssm::state_space::{Discrete, StateSpace};
use discretization::bilinear::generalized_bilinear;
use discretization::euler::{backward_euler, forward_euler};
use discretization::sampling::{
    DiscretizationError, Recurrence, alias, sample, speed_up, staircase, straight_lines,
};
use discretization::zero_order_hold::zero_order_hold;
use math_foundations::linear_systems::{forced_response, held_input_step};
use math_foundations::state_representations::Matrices;
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use workbench::testing::relative_error;

use crate::systems::{bucket, random_flow, random_inputs, random_matrix, series_error, spring};

/// Random weights with an Ā that shrinks, so that long runs stay finite.
fn random_recurrence((n, m, p): (usize, usize, usize), seed: u64) -> Recurrence {
    let part = |rows, columns, index| random_matrix(rows, columns, 8 * seed + index);
    Recurrence {
        a_bar: part(n, n, 0) * (0.9 * (3.0 / n as f64).sqrt() / 1.5),
        b_bar: part(n, m, 1),
        b_bar_previous: part(n, m, 2),
        c: part(p, n, 3),
        d: part(p, m, 4),
        delta: 0.1,
    }
}

/// The outputs of a system of this course, step by step, from rest.
fn steps_of(system: &StateSpace<Discrete>, u: &[DVector<f64>]) -> Vec<DVector<f64>> {
    let mut x = DVector::zeros(system.d_state());
    u.iter()
        .map(|u_k| {
            x = system.a() * &x + system.b() * u_k;
            system.c() * &x + system.d() * u_k
        })
        .collect()
}

/// The outputs of `z_{k+1} = A z_k + B u_k`, `y_k = C z_k + D u_k`, from rest.
fn control_steps_of(system: &Matrices, u: &[DVector<f64>]) -> Vec<DVector<f64>> {
    let mut z = DVector::zeros(system.a.nrows());
    u.iter()
        .map(|u_k| {
            let y_k = &system.c * &z + &system.d * u_k;
            z = &system.a * &z + &system.b * u_k;
            y_k
        })
        .collect()
}

#[test]
fn eq_3_1_is_the_sum_of_what_every_input_left_behind() {
    let rule = random_recurrence((5, 2, 3), 1);
    let u = random_inputs(2, 40, 2);
    let x = rule.run(&DVector::zeros(5), &DVector::zeros(2), &u).unwrap();
    let y = rule.simulate(&u).unwrap();
    for k in 0..u.len() {
        // What input j left behind at its own step and, as "the previous one", at the next.
        let mut sum = DVector::zeros(5);
        for (j, u_j) in u.iter().enumerate().take(k + 1) {
            sum += rule.a_bar.pow((k - j) as u32) * (&rule.b_bar * u_j);
            if j < k {
                sum += rule.a_bar.pow((k - j - 1) as u32) * (&rule.b_bar_previous * u_j);
            }
        }
        assert!((&x[k] - &sum).norm() < 1e-13 * (1.0 + sum.norm()), "step {k}");
        assert!((&y[k] - (&rule.c * &sum + &rule.d * &u[k])).norm() < 1e-12, "step {k}");
    }
}

#[test]
fn tones_a_whole_turn_a_step_apart_agree_at_every_sample() {
    let delta = 0.125;
    for (omega, turns) in [(TAU, 1.0), (0.3 * TAU, -2.0), (3.9 * TAU, 5.0)] {
        let other = omega + turns * TAU / delta;
        let slow = sample(|t| (omega * t).sin(), delta, 100).unwrap();
        let fast = sample(|t| (other * t).sin(), delta, 100).unwrap();
        let between = sample(|t| ((omega * t).sin() - (other * t).sin()).abs(), 0.37 * delta, 100);
        for (k, (slow, fast)) in slow.iter().zip(&fast).enumerate() {
            assert!((slow - fast).abs() < 1e-11, "sample {k}: {slow} {fast}");
        }
        assert!(between.unwrap().iter().cloned().fold(0.0, f64::max) > 0.5);
        assert!((alias(other, delta).unwrap() - omega).abs() < 1e-11);
    }
}

#[test]
fn an_alias_lies_within_half_a_turn_a_step_and_is_its_own_alias() {
    let delta = 0.2;
    for index in -500..500 {
        let omega = 0.37 * f64::from(index);
        let seen = alias(omega, delta).unwrap();
        assert!(seen > -PI / delta - 1e-12 && seen <= PI / delta + 1e-12, "{omega}: {seen}");
        assert!((alias(seen, delta).unwrap() - seen).abs() < 1e-12);
        let turn = Complex::from_polar(1.0, (omega - seen) * delta);
        assert!((turn - 1.0).norm() < 1e-11, "{omega}");
        // Chapter 2 counts the turns and leaves their direction out.
        let size = frequency_response::alias(omega, delta).unwrap();
        assert!((size - seen.abs()).abs() < 1e-12, "{omega}: {seen} {size}");
    }
    // Half a turn a step has no direction; we call it forwards.
    assert_eq!(alias(-PI / delta, delta).unwrap(), PI / delta);
}

#[test]
fn a_staircase_is_wrong_by_delta_and_straight_lines_by_its_square() {
    let worst = |delta: f64, hold: fn(&[f64], f64, f64) -> f64| {
        let u = sample(f64::sin, delta, (7.0 / delta) as usize + 2).unwrap();
        (0..7000)
            .map(|i| 1e-3 * f64::from(i))
            .map(|t| (hold(&u, delta, t) - t.sin()).abs())
            .fold(0.0, f64::max)
    };
    for delta in [0.2, 0.05] {
        let (stairs, lines) = (worst(delta, staircase), worst(delta, straight_lines));
        assert!((0.9..=1.0).contains(&(stairs / delta)), "{stairs}");
        assert!((0.9..=1.0).contains(&(lines / (delta * delta / 8.0))), "{lines}");
    }
    assert_eq!(staircase(&[2.0, 3.0], 0.5, -0.1), 0.0);
    assert_eq!(straight_lines(&[2.0, 3.0], 0.5, -0.1), 0.0);
    assert_eq!(straight_lines(&[2.0, 3.0], 0.5, 9.0), 3.0);
    assert_eq!(staircase(&[], 0.5, 1.0), 0.0);
}

#[test]
fn held_inputs_make_the_two_weights_one() {
    // During step k the input is held[k], so that it is the same at both ends of the step.
    let rule = random_recurrence((6, 2, 2), 3);
    let held = random_inputs(2, 30, 4);
    let mut x = DVector::zeros(6);
    let by_both_weights: Vec<_> = held
        .iter()
        .map(|value| {
            x = rule.run(&x, value, std::slice::from_ref(value)).unwrap().remove(0);
            &rule.c * &x + &rule.d * value
        })
        .collect();
    let by_one = steps_of(&rule.held().unwrap(), &held);
    assert!(series_error(&by_one, &by_both_weights) < 1e-14);
    // With inputs that change, one weight is another recurrence.
    let with_two = rule.simulate(&held).unwrap();
    assert!(series_error(&by_one, &with_two) > 0.1);
}

#[test]
fn a_flow_whose_input_is_held_is_a_recurrence_exactly() {
    // Sample, then hold: the input at the beginning of a step counts, the one at its end not yet.
    let flow = random_flow((4, 2, 1), 2.0, -1.0, 5);
    let delta = 0.3;
    let (a_bar, b_bar_previous) = held_input_step(flow.a(), flow.b(), delta).unwrap();
    let rule = Recurrence {
        a_bar,
        b_bar: DMatrix::zeros(4, 2),
        b_bar_previous,
        c: flow.c().clone(),
        d: flow.d().clone(),
        delta,
    };
    let (start, u) = (dvector![1.0, -2.0, 0.5, 0.0], random_inputs(2, 21, 6));
    let exact = forced_response(flow.a(), flow.b(), &start, &u[..20], delta).unwrap();
    let states = rule.run(&start, &u[0], &u[1..]).unwrap();
    assert!(series_error(&states, &exact.states[1..]) < 1e-14);
}

#[test]
fn a_slower_clock_and_a_faster_flow_are_one_thing() {
    let flow = random_flow((5, 2, 2), 1.0, -1.0, 7);
    for rate in [0.5, 3.0] {
        let fast = speed_up(&flow, rate).unwrap();
        for rule in [forward_euler, backward_euler, |f: &_, d| generalized_bilinear(f, d, 0.4)] {
            let (by_flow, by_delta) = (rule(&fast, 0.1).unwrap(), rule(&flow, 0.1 * rate).unwrap());
            assert!(relative_error(&by_flow.a_bar, &by_delta.a_bar) < 1e-15);
            assert!(relative_error(&by_flow.b_bar, &by_delta.b_bar) < 1e-15);
            assert!(relative_error(&by_flow.b_bar_previous, &by_delta.b_bar_previous) < 1e-15);
        }
    }
}

#[test]
fn not_to_have_seen_the_input_yet_is_to_see_a_delayed_one() {
    // The other convention of this recurrence, x_k = Ā x_{k-1} + B̄ u_{k-1}, is ours with u moved by one.
    let ours =
        Recurrence { b_bar_previous: DMatrix::zeros(4, 1), ..random_recurrence((4, 1, 2), 8) };
    let theirs = Recurrence {
        b_bar: DMatrix::zeros(4, 1),
        b_bar_previous: ours.b_bar.clone(),
        d: DMatrix::zeros(2, 1),
        ..ours.clone()
    };
    let ours = Recurrence { d: DMatrix::zeros(2, 1), ..ours };
    let mut u = random_inputs(1, 20, 9);
    let late = theirs.simulate(&u).unwrap();
    u.insert(0, dvector![0.0]);
    assert_eq!(ours.simulate(&u[..20]).unwrap(), late);
}

#[test]
fn the_step_says_how_many_steps_a_memory_lasts() {
    // A bucket that empties with a time constant of 1 s forgets half in ln 2 seconds, whatever Δ.
    for delta in [0.5, 0.1, 0.01] {
        let left = zero_order_hold(&bucket(1.0), delta).unwrap().a_bar[(0, 0)];
        let half_life = 0.5f64.ln() / left.ln();
        assert!((half_life * delta - 2f64.ln()).abs() < 1e-12);
    }
}

#[test]
fn a_recurrence_that_does_not_fit_is_refused_in_a_sentence() {
    let rule = random_recurrence((3, 2, 1), 10);
    let refuse = |rule: Recurrence| rule.checked().unwrap_err().to_string();
    assert_eq!(
        refuse(Recurrence { b_bar_previous: DMatrix::zeros(3, 1), ..rule.clone() }),
        "expected B̄₋ to be 3 x 2, found 3 x 1"
    );
    assert_eq!(
        refuse(Recurrence { a_bar: DMatrix::zeros(3, 2), ..rule.clone() }),
        "expected Ā to be square, found 3 x 2"
    );
    assert_eq!(
        refuse(Recurrence { delta: 0.0, ..rule.clone() }),
        "expected Δ to be finite and positive, found 0"
    );
    let mut infinite = rule.clone();
    infinite.b_bar_previous[(2, 1)] = f64::INFINITY;
    assert!(refuse(infinite).contains("B̄₋"));
    let narrow = rule.simulate(&[dvector![1.0]]).unwrap_err();
    assert_eq!(narrow.to_string(), "expected u to be 2 x 1, found 1 x 1");
    let short = rule.run(&dvector![1.0], &dvector![0.0, 0.0], &[]).unwrap_err();
    assert_eq!(short.to_string(), "expected x to be 3 x 1, found 1 x 1");
    assert!(sample(f64::sin, -0.1, 3).is_err() && alias(1.0, 0.0).is_err());
    assert!(alias(f64::NAN, 0.1).is_err() && alias(f64::INFINITY, 0.1).is_err());
    assert!(speed_up(&spring(0.4), f64::NAN).is_err());
    assert!(matches!(speed_up(&spring(0.4), f64::INFINITY), Err(DiscretizationError::Input(_))));
    let pole = Recurrence {
        a_bar: dmatrix![0.5],
        b_bar: dmatrix![1.0],
        b_bar_previous: dmatrix![0.0],
        c: dmatrix![1.0],
        d: dmatrix![0.0],
        delta: 1.0,
    };
    assert!(pole.transfer(Complex::new(0.5, 0.0)).is_err());
}

/// N up to 64, M and P up to 3.
fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    (1usize..=64, 1usize..=3, 1usize..=3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn one_recurrence_in_three_forms_gives_one_answer(shape in shapes(), seed in 0u64..1000) {
        let rule = random_recurrence(shape, seed);
        let u = random_inputs(shape.1, 50, seed + 7);
        let y = rule.simulate(&u).unwrap();
        let augmented = rule.clone().into_state_space().unwrap();
        prop_assert_eq!(augmented.d_state(), shape.0 + shape.1);
        prop_assert!(series_error(&steps_of(&augmented, &u), &y) < 1e-13);
        prop_assert!(series_error(&control_steps_of(&rule.control_form(), &u), &y) < 1e-13);
    }

    #[test]
    fn a_wave_is_answered_by_the_transfer_function(
        shape in shapes(), seed in 0u64..1000, omega in 0.0..PI
    ) {
        // z^k is answered by H(z) z^k once the start is forgotten: compare with the augmented system.
        let rule = random_recurrence(shape, seed);
        let z = Complex::from_polar(1.0, omega);
        let Matrices { a, b, c, d } = rule.clone().into_state_space().unwrap().resolvent_form();
        let n = a.nrows();
        let complex = |matrix: DMatrix<f64>| matrix.map(Complex::from);
        let inside = DMatrix::from_diagonal_element(n, n, z) - complex(a);
        let expected = complex(c) * inside.lu().solve(&complex(b)).unwrap() + complex(d);
        prop_assert!(relative_error(&rule.transfer(z).unwrap(), &expected) < 1e-12);
    }
}

#[test]
fn a_settled_wave_is_the_transfer_function_times_the_wave() {
    let rule = random_recurrence((4, 1, 1), 11);
    let (omega, count) = (0.7, 600);
    let cos: Vec<_> = (0..count).map(|k| dvector![(omega * f64::from(k)).cos()]).collect();
    let y = rule.simulate(&cos).unwrap();
    let h = rule.transfer(Complex::from_polar(1.0, omega)).unwrap()[(0, 0)];
    let k = count - 1;
    let expected = (h * Complex::from_polar(1.0, omega * f64::from(k))).re;
    assert!(
        (y[k as usize][0] - expected).abs() < 1e-12 * h.norm(),
        "{} {expected}",
        y[k as usize][0]
    );
}
