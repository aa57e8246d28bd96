//! What the page *Responses* claims.

use classical_ssm::responses::{
    Between, ResponseError, StepFigures, discrete_impulse_response, discrete_step_figures,
    discrete_step_response, forced_response, impulse_response, initial_response, servo, servo_loop,
    simulate, step_figures, step_response,
};
use classical_ssm::state_space::{Continuous, Discrete, StateSpace};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::{
    dormand_prince, held_input_step, propagate, rk4, variation_of_constants,
};
use math_foundations::state_representations::companion;
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::common::{close, golden, numbers, random_matrix, spring};

/// A stable flow, drawn from a seed: entries of size about 1 / √N, shifted left.
fn stable_flow(n: usize, m: usize, p: usize, seed: u64) -> StateSpace<Continuous> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let a =
        random_matrix(n, n, &mut random) * (3.0 / n as f64).sqrt() - DMatrix::identity(n, n) * 1.3;
    let (b, c, d) = (
        random_matrix(n, m, &mut random),
        random_matrix(p, n, &mut random),
        random_matrix(p, m, &mut random),
    );
    StateSpace::continuous(a, b, c, d).expect("valid")
}

/// The same flow in steps whose modes shrink: A / 3, an eigenvalue is below 1 in size.
fn stable_steps(n: usize, m: usize, p: usize, seed: u64) -> StateSpace<Discrete> {
    let flow = stable_flow(n, m, p, seed);
    let a = flow.a() / 3.5;
    StateSpace::discrete(a, flow.b().clone(), flow.c().clone(), flow.d().clone(), 0.1)
        .expect("valid")
}

fn signal(m: usize, length: usize, seed: u64) -> Vec<DVector<f64>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..length).map(|_| DVector::from_fn(m, |_, _| random.random_range(-1.0..1.0))).collect()
}

/// Increasing times with steps of all lengths.
fn uneven(length: usize) -> Vec<f64> {
    (0..length).map(|k| 0.1 * k as f64 + 0.04 * (k as f64 * 1.7).sin()).collect()
}

fn largest_difference(left: &[DVector<f64>], right: &[DVector<f64>]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(l, r)| (l - r).amax()).fold(0.0, f64::max)
}

#[test]
fn eq_2_3_output_is_what_is_left_of_the_start_plus_the_convolution_with_the_impulse_response() {
    // Right side: the integral by Gauss-Legendre over h(t - τ) u(τ), for u(τ) = sin 3τ.
    let system = stable_flow(4, 1, 2, 5);
    let (x0, end) = (dvector![1.0, -0.5, 0.2, 0.7], 2.0);
    let push = |t: f64| (3.0 * t).sin();
    let nodes = [
        (0.5 - 15f64.sqrt() / 10.0, 5.0 / 18.0),
        (0.5, 4.0 / 9.0),
        (0.5 + 15f64.sqrt() / 10.0, 5.0 / 18.0),
    ];
    let panels = 400;
    let width = end / f64::from(panels);
    let mut right = system.c() * propagate(system.a(), &x0, end).unwrap() + system.d() * push(end);
    for panel in 0..panels {
        for (node, weight) in nodes {
            let tau = (f64::from(panel) + node) * width;
            let h = &impulse_response(&system, &[end - tau]).unwrap().outputs[0];
            right += h * (push(tau) * weight * width);
        }
    }
    // Left side: the exact response to the same wave, made by a pair of states that turn.
    let (n, omega) = (4, 3.0);
    let mut joined = DMatrix::zeros(n + 2, n + 2);
    joined.view_mut((0, 0), (n, n)).copy_from(system.a());
    joined.view_mut((0, n), (n, 1)).copy_from(system.b());
    joined[(n, n + 1)] = omega;
    joined[(n + 1, n)] = -omega;
    let start = DVector::from_iterator(n + 2, x0.iter().copied().chain([0.0, 1.0]));
    let x = propagate(&joined, &start, end).unwrap();
    let left = system.c() * x.rows(0, n) + system.d() * x[n];
    // The sixth-order rule with panels of 1/200 leaves about 1e-14.
    assert!((&left - &right).amax() < 1e-12, "{left} {right}");
}

#[test]
fn eq_2_3_recurrence_is_convolution_with_the_kernel() {
    for (n, m, p, seed) in [(1, 1, 1, 0), (3, 2, 2, 1), (16, 1, 3, 2), (64, 2, 1, 3)] {
        let system = stable_steps(n, m, p, seed);
        let u = signal(m, 60, seed);
        let kernel = discrete_impulse_response(&system, 60).unwrap().outputs;
        let convolved: Vec<DVector<f64>> =
            (0..60).map(|k| (0..=k).map(|j| &kernel[j] * &u[k - j]).sum()).collect();
        let stepped = simulate(&system, &u).unwrap();
        let scale = stepped.outputs.iter().map(|y| y.amax()).fold(1.0, f64::max);
        // Both sides add up to 60 products of N terms each.
        let error = largest_difference(&stepped.outputs, &convolved);
        assert!(error < 60.0 * n as f64 * f64::EPSILON * scale, "N = {n}: {error:e}");
    }
}

#[test]
fn kernel_begins_with_all_that_one_step_does() {
    let system = stable_steps(5, 2, 3, 9);
    let kernel = discrete_impulse_response(&system, 4).unwrap().outputs;
    let (a, b, c, d) = (system.a(), system.b(), system.c(), system.d());
    assert!((&kernel[0] - (c * b + d)).amax() < 1e-15);
    assert!((&kernel[3] - c * a * a * a * b).amax() < 1e-15);
    // Not the habit of control texts, where the state has not yet seen u_k: K_0 = D, K_1 = CB.
    assert!((&kernel[0] - d).amax() > 0.1);
}

#[test]
fn pushes_add_up() {
    // Superposition, for both kinds of input: the answer to a sum is the sum of the answers.
    let system = stable_flow(6, 2, 2, 11);
    let times = uneven(40);
    let (u, v) = (signal(2, 40, 1), signal(2, 40, 2));
    let (x, z) = (DVector::from_element(6, 0.3), DVector::from_element(6, -1.0));
    let sum: Vec<DVector<f64>> = u.iter().zip(&v).map(|(u, v)| u * 2.0 - v).collect();
    for between in [Between::Held, Between::Linear] {
        let answer = |x0: &DVector<f64>, u: &[DVector<f64>]| {
            forced_response(&system, x0, &times, u, between).unwrap().outputs
        };
        let together = answer(&(&x * 2.0 - &z), &sum);
        let apart: Vec<DVector<f64>> =
            answer(&x, &u).iter().zip(answer(&z, &v)).map(|(y, w)| y * 2.0 - w).collect();
        assert!(largest_difference(&together, &apart) < 1e-13);
    }
}

#[test]
fn a_later_push_is_answered_later_and_alike() {
    // Time invariance: the same input on the same grid, three seconds later.
    let system = stable_flow(5, 1, 1, 4);
    let times = uneven(30);
    let u = signal(1, 30, 3);
    let at_rest = DVector::zeros(5);
    let now = forced_response(&system, &at_rest, &times, &u, Between::Linear).unwrap();
    let shifted: Vec<f64> = times.iter().map(|t| t + 3.0).collect();
    let later = forced_response(&system, &at_rest, &shifted, &u, Between::Linear).unwrap();
    // The lengths of the intervals differ by the rounding of times near 6.
    assert!(largest_difference(&now.outputs, &later.outputs) < 1e-13);

    let system = stable_steps(5, 1, 1, 4);
    let mut silence_first = vec![dvector![0.0]; 7];
    silence_first.extend(u.iter().cloned());
    let (now, later) = (simulate(&system, &u).unwrap(), simulate(&system, &silence_first).unwrap());
    assert_eq!(now.outputs[..], later.outputs[7..]);
}

#[test]
fn impulse_response_is_the_slope_of_the_step_response() {
    let system = stable_flow(6, 2, 3, 8);
    let (t, h) = (0.7, 1e-4);
    let y = step_response(&system, &[t - h, t + h]).unwrap().outputs;
    let slope = (&y[1] - &y[0]) / (2.0 * h);
    let tap = &impulse_response(&system, &[t]).unwrap().outputs[0];
    // Central differences err by h² times the third derivative.
    assert!((slope - tap).amax() < 1e-7);
    // And in steps: the step response is the running sum of the kernel.
    let system = stable_steps(6, 2, 3, 8);
    let kernel = discrete_impulse_response(&system, 20).unwrap().outputs;
    let sums = discrete_step_response(&system, 20).unwrap().outputs;
    let mut sum = DMatrix::zeros(3, 2);
    for k in 0..20 {
        sum += &kernel[k];
        assert!((&sum - &sums[k]).amax() < 1e-13, "k = {k}");
    }
}

#[test]
fn held_inputs_are_answered_exactly_on_any_grid() {
    // Each interval against chapter 1's block exponential, one at a time.
    let system = stable_flow(5, 2, 2, 21);
    let times = uneven(25);
    let u = signal(2, 25, 5);
    let found = forced_response(&system, &DVector::from_element(5, 1.0), &times, &u, Between::Held)
        .unwrap();
    let mut x = DVector::from_element(5, 1.0);
    for k in 0..25 {
        if k > 0 {
            let (a_bar, b_bar) =
                held_input_step(system.a(), system.b(), times[k] - times[k - 1]).unwrap();
            x = a_bar * x + b_bar * &u[k - 1];
        }
        assert!((&found.states[k] - &x).amax() < 1e-13);
        assert!((&found.outputs[k] - (system.c() * &x + system.d() * &u[k])).amax() < 1e-13);
    }
}

#[test]
fn linear_inputs_are_answered_exactly_also_where_a_has_no_inverse() {
    // A mass on ice pushed by a force that grows as t: position t³/6, here in one interval of 2 s.
    let a = dmatrix![0.0, 1.0; 0.0, 0.0];
    let mass =
        StateSpace::continuous(a, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0]).unwrap();
    let u = [dvector![0.0], dvector![2.0]];
    let y = forced_response(&mass, &dvector![0.0, 0.0], &[0.0, 2.0], &u, Between::Linear).unwrap();
    close("t³/6", y.outputs[1][0], 8.0 / 6.0, 1e-15);

    // And a ragged line, against Gauss and Legendre's sums over each straight piece.
    let system = stable_flow(4, 1, 2, 2);
    let times = [0.0, 0.3, 1.0, 1.1, 2.5];
    let u: Vec<DVector<f64>> = signal(1, 5, 6);
    let found = forced_response(&system, &DVector::zeros(4), &times, &u, Between::Linear).unwrap();
    let mut x = DVector::zeros(4);
    for k in 1..5 {
        let (length, from, to) = (times[k] - times[k - 1], u[k - 1][0], u[k][0]);
        let line = |t: f64| dvector![from + (to - from) * t / length];
        x = variation_of_constants(system.a(), system.b(), &x, line, length, 40).unwrap();
        assert!((&found.states[k] - &x).amax() < 1e-13, "t = {}", times[k]);
    }
}

#[test]
fn a_held_grid_may_be_cut_finer_without_changing_anything() {
    let system = stable_flow(8, 1, 1, 14);
    let coarse: Vec<f64> = (0..20).map(|k| 0.5 * f64::from(k)).collect();
    let u = signal(1, 20, 7);
    let fine: Vec<f64> = (0..60).map(|k| 0.5 * f64::from(k) / 3.0).collect();
    let repeated: Vec<DVector<f64>> = (0..60).map(|k| u[k / 3].clone()).collect();
    let at_rest = DVector::zeros(8);
    let few = forced_response(&system, &at_rest, &coarse, &u, Between::Held).unwrap();
    let many = forced_response(&system, &at_rest, &fine, &repeated, Between::Held).unwrap();
    let kept: Vec<DVector<f64>> = many.outputs.iter().step_by(3).cloned().collect();
    assert!(largest_difference(&few.outputs, &kept) < 1e-13);
}

#[test]
fn golden_step_and_impulse_responses_agree_with_python_control() {
    let golden = golden("control.json");
    let systems = [
        (
            "mass_spring_k40_b5_m1",
            dmatrix![0.0, 1.0; -40.0, -5.0],
            dmatrix![0.0; 1.0],
            dmatrix![1.0, 0.0],
        ),
        ("integrator2", dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0], dmatrix![1.0, 0.0]),
    ];
    for (name, a, b, c) in systems {
        let case = &golden[name];
        let system = StateSpace::continuous(a, b, c, dmatrix![0.0]).unwrap();
        let times = numbers(&case["t"]);
        for (kind, found) in [
            ("step", step_response(&system, &times).unwrap()),
            ("impulse", impulse_response(&system, &times).unwrap()),
        ] {
            let expected = numbers(&case[kind]);
            let scale = expected.iter().fold(0.0, |most: f64, y| y.abs().max(most));
            for ((t, y), wanted) in found.channel(0, 0).into_iter().zip(&expected) {
                // python-control steps along the grid as we do: a few roundings for each of 50 steps.
                assert!((y - wanted).abs() < 1e-12 * scale, "{name}, {kind} at {t}: {y} {wanted}");
            }
        }
    }
}

#[test]
fn exact_responses_agree_with_an_integrator_that_knows_no_exponential() {
    let system = spring(0.4);
    let step = step_response(&system, &[7.0]).unwrap().outputs[0][0];
    let derivative = |_: f64, x: &DVector<f64>| dvector![x[1], 1.0 - x[0] - 0.4 * x[1]];
    let walked = dormand_prince(derivative, &dvector![0.0, 0.0], (0.0, 7.0), 1e-12).unwrap();
    // Some hundred steps, each within the tolerance.
    let last = walked.steps().last().unwrap();
    assert!((last[0] - step).abs() < 1e-10, "{last}");
}

#[test]
fn a_stiff_motor_breaks_small_steps_and_not_the_exponential() {
    // The winding forgets in a microsecond, the angle moves for a tenth of a second.
    let stiff = servo(5.0, 2e-6).unwrap();
    let lambda = eigenvalues(stiff.a()).unwrap();
    let fastest = lambda.iter().map(|z| z.norm()).fold(0.0, f64::max);
    assert!(fastest > 0.9e6);
    let derivative = |_: f64, x: &DVector<f64>| stiff.a() * x + stiff.b().column(0);
    let end = 1e-3;
    let exact = step_response(&stiff, &[end]).unwrap().outputs[0][0];
    let walk = |steps: usize| {
        rk4(derivative, &DVector::zeros(3), end, steps).map(|path| path.last().unwrap()[0])
    };
    // Runge-Kutta is stable up to h |λ| = 2.785.
    let edge = end * fastest / 2.785;
    let error = |steps: usize| walk(steps).map_or(f64::INFINITY, |y| (y - exact).abs());
    assert!(error((0.9 * edge) as usize) > 1.0);
    assert!(error((1.1 * edge) as usize) < 1e-9);
    // A thousand intervals on the way change nothing.
    let grid: Vec<f64> = (0..=1000).map(|k| end * f64::from(k) / 1000.0).collect();
    let along = step_response(&stiff, &grid).unwrap().outputs[1000][0];
    // An exponential is exact relative to its largest entry: here those of speed and current, 10³ and more.
    close("the answer on a grid", along, exact, 1e-9);
}

fn figures_of(case: &Value) -> StepFigures {
    StepFigures {
        steady_value: case["steady_value"].as_f64().expect("valid"),
        rise_time: case["rise_time"].as_f64().expect("valid"),
        settling_time: case["settling_time"].as_f64().expect("valid"),
        overshoot: case["overshoot"].as_f64().expect("valid"),
        undershoot: case["undershoot"].as_f64().expect("valid"),
        peak_time: case["peak_time"].as_f64(),
    }
}

fn assert_figures(name: &str, found: &StepFigures, expected: &StepFigures, relative: f64) {
    close(&format!("{name}: steady value"), found.steady_value, expected.steady_value, relative);
    close(&format!("{name}: rise time"), found.rise_time, expected.rise_time, relative);
    close(&format!("{name}: settling time"), found.settling_time, expected.settling_time, relative);
    close(&format!("{name}: overshoot"), found.overshoot, expected.overshoot, relative);
    close(&format!("{name}: undershoot"), found.undershoot, expected.undershoot, relative);
    assert_eq!(found.peak_time.is_some(), expected.peak_time.is_some(), "{name}: peak time");
    if let (Some(found), Some(expected)) = (found.peak_time, expected.peak_time) {
        close(&format!("{name}: peak time"), found, expected, relative);
    }
}

#[test]
fn figures_of_merit_agree_with_forty_digits() {
    let golden = golden("responses.json");
    let cases = golden["step_figures"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let form = companion(&numbers(&case["den"]), &numbers(&case["num"])).unwrap();
        let system = StateSpace::continuous(form.a, form.b, form.c, form.d).unwrap();
        let found = step_figures(&system).unwrap();
        // A time is where a curve crosses a line: rounding of the curve, over its slope. A companion matrix
        // of the servo has entries of 10⁷ and loses some digits more.
        assert_figures(&case["name"].to_string(), &found, &figures_of(case), 1e-10);
    }
}

#[test]
fn figures_of_a_damped_spring_are_those_of_the_textbook() {
    for zeta in [0.02_f64, 0.2, 0.5, 0.9] {
        let figures = step_figures(&spring(2.0 * zeta)).unwrap();
        let omega = (1.0 - zeta * zeta).sqrt();
        let pi = std::f64::consts::PI;
        // exp(-πζ/√(1-ζ²)) and π/√(1-ζ²); a small overshoot is the difference of numbers near 1.
        let overshoot = (-zeta / omega * pi).exp();
        assert!((figures.overshoot - overshoot).abs() < 1e-13, "ζ = {zeta}");
        close("peak time", figures.peak_time.unwrap(), pi / omega, 1e-12);
        assert_eq!(figures.undershoot, 0.0);
    }
    let overdamped = step_figures(&spring(2.5)).unwrap();
    assert_eq!((overdamped.overshoot, overdamped.peak_time), (0.0, None));
}

#[test]
fn figures_of_a_stiff_response_cost_no_more_steps_than_it_has_turns() {
    // y = 1 - (1000 e^{-t} - e^{-1000 t}) / 999: the fast mode is soon gone.
    let system = StateSpace::continuous(
        dmatrix![-1.0, 0.0; 1.0, -1e6],
        dmatrix![1.0; 0.0],
        dmatrix![0.0, 1e6],
        dmatrix![0.0],
    )
    .unwrap();
    let figures = step_figures(&system).unwrap();
    // Exponentials of a matrix of size 10⁶ keep the digits of A: 10⁶ ε of the time. e^{-t} alone: from ln(1/0.9) to ln 10, and to ln 50; the fast mode delays all by 10⁻⁶.
    close("rise time", figures.rise_time, 9f64.ln(), 1e-9);
    close("settling time", figures.settling_time, 50f64.ln() + (1e6_f64 / (1e6 - 1.0)).ln(), 1e-9);
}

#[test]
fn figures_in_steps_are_those_of_the_sequence() {
    let (a, b) = held_input_step(spring(0.4).a(), spring(0.4).b(), 0.25).unwrap();
    let steps = StateSpace::discrete(a, b, dmatrix![1.0, 0.0], dmatrix![0.0], 0.25).unwrap();
    let figures = discrete_step_figures(&steps).unwrap();
    let y: Vec<f64> =
        discrete_step_response(&steps, 2000).unwrap().channel(0, 0).iter().map(|p| p.1).collect();
    close("steady value", figures.steady_value, 1.0, 1e-13);
    let first = |level: f64| 0.25 * y.iter().position(|&y| y >= level).unwrap() as f64;
    assert_eq!(figures.rise_time, first(0.9) - first(0.1));
    let outside = y.iter().rposition(|&y| (y - 1.0).abs() > 0.02).unwrap();
    assert_eq!(figures.settling_time, 0.25 * (outside + 1) as f64);
    let most = y.iter().copied().fold(0.0, f64::max);
    assert!((figures.overshoot - (most - 1.0)).abs() < 1e-13);
    assert_eq!(figures.peak_time, Some(0.25 * y.iter().position(|&y| y == most).unwrap() as f64));
}

#[test]
fn a_proportional_servo_lags_no_angle_behind_but_overshoots() {
    let figures = step_figures(&servo(5.0, 2e-3).unwrap()).unwrap();
    close("steady value", figures.steady_value, 1.0, 1e-13);
    let gentle = step_figures(&servo(0.5, 2e-3).unwrap()).unwrap();
    assert!(figures.rise_time < 0.2 * gentle.rise_time);
    assert!(figures.overshoot > 0.25 && gentle.overshoot == 0.0);
    // More gain than the loop stands, and nothing settles.
    let error = step_figures(&servo(60.0, 2e-3).unwrap()).unwrap_err();
    assert!(matches!(error, ResponseError::NotSettling { .. }), "{error}");
}

#[test]
fn what_has_no_response_is_refused_in_a_sentence() {
    let system = spring(0.4);
    let u = [dvector![1.0], dvector![1.0]];
    let sentence = |times: &[f64], u: &[DVector<f64>]| {
        forced_response(&system, &dvector![0.0, 0.0], times, u, Between::Held)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(sentence(&[0.0, 0.0], &u), "expected increasing times, found 0 after 0");
    assert_eq!(sentence(&[0.0], &u), "expected an input for each of the 1 times, found 2");
    assert_eq!(
        sentence(&[0.0, 1.0], &[dvector![1.0], dvector![f64::NAN]]),
        "expected every entry of u to be finite, found NaN at row 0, column 0"
    );
    assert!(impulse_response(&system, &[-1.0]).is_err());
    assert!(step_response(&system, &[f64::NAN]).is_err());
    assert!(initial_response(&system, &dvector![1.0], &[0.0]).is_err());

    let lossless = step_figures(&spring(0.0)).unwrap_err().to_string();
    assert!(lossless.starts_with("expected a response that settles"), "{lossless}");
    // The velocity of the spring returns to zero: there is no steady value to measure by.
    let velocity = StateSpace::continuous(
        spring(0.4).a().clone(),
        dmatrix![0.0; 1.0],
        dmatrix![0.0, 1.0],
        dmatrix![0.0],
    );
    assert!(matches!(step_figures(&velocity.unwrap()), Err(ResponseError::NoSteadyValue { .. })));
    assert!(matches!(step_figures(&stable_flow(3, 2, 1, 0)), Err(ResponseError::NotSingle { .. })));

    let grows =
        StateSpace::discrete(dmatrix![2.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)
            .unwrap();
    let overflow = discrete_step_response(&grows, 2000).unwrap_err().to_string();
    assert_eq!(overflow, "expected a finite state, found an overflow at t = 1023");
    assert!(servo_loop(0.0, 2e-3).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn carrying_a_response_along_a_grid_is_jumping_there_at_once(n in 1usize..65, seed in 0u64..1000) {
        let system = stable_flow(n, 2, 2, seed);
        let times = uneven(20);
        let grid = &times[1..];
        let along = impulse_response(&system, grid).unwrap();
        let step = step_response(&system, grid).unwrap();
        for k in [0, 7, 18] {
            let t = grid[k];
            let jump = &impulse_response(&system, &[t]).unwrap().outputs[0];
            let scale = (system.c().norm() * system.b().norm()).max(1.0);
            // Twenty exponentials of N x N, each rounded in N places, and none amplified.
            let allowed = 1e-13 * scale;
            prop_assert!((&along.outputs[k] - jump).amax() < allowed);
            let jump = &step_response(&system, &[t]).unwrap().outputs[0];
            prop_assert!((&step.outputs[k] - jump).amax() < allowed);
        }
    }

    #[test]
    fn settled_responses_stay_within_their_band(n in 2usize..12, seed in 0u64..1000) {
        let system = stable_flow(n, 1, 1, seed);
        let lambda = eigenvalues(system.a()).unwrap();
        prop_assume!(lambda[0].re < -0.05);
        let Ok(figures) = step_figures(&system) else { return Ok(()) };
        let grid: Vec<f64> = (0..4000).map(|k| f64::from(k) * 0.01).collect();
        let y = step_response(&system, &grid).unwrap().channel(0, 0);
        let relative: Vec<(f64, f64)> = y.iter().map(|(t, y)| (*t, y / figures.steady_value)).collect();
        for (t, y) in relative {
            prop_assert!(y - 1.0 <= figures.overshoot + 1e-9, "t = {}, y = {}", t, y);
            prop_assert!(-y <= figures.undershoot + 1e-9);
            if t > figures.settling_time * (1.0 + 1e-12) {
                prop_assert!((y - 1.0).abs() <= 0.02 + 1e-9);
            }
        }
    }
}
