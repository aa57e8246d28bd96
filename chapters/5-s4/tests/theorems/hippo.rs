//! What the page `hippo` claims.

use std::f64::consts::{PI, TAU};

use classical_ssm::state_space::{Discrete, StateSpace};
use discretization::accuracy_and_stability::Discretization;
use discretization::diagonalization::hippo_legs;
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::stability::spectral_abscissa;
use ml_links::parameterization::normal;
use nalgebra::{Complex, DMatrix, DVector};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use s4::hippo::{
    Clock, HippoError, HippoLegs, Measure, Memory, explain, hippo, legendre, legs_step,
    random_memory, share_lost,
};
use serde_json::Value;
use workbench::testing::assert_close;

use crate::common::{fixture, matrix};

/// Gauss's rule with five points on each of many pieces: exact for polynomials of degree 9 on each.
fn integral(from: f64, to: f64, pieces: usize, f: impl Fn(f64) -> f64) -> f64 {
    const POINTS: [(f64, f64); 5] = [
        (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
        (-0.538_469_310_105_683_1, 0.478_628_670_499_366_5),
        (0.0, 0.568_888_888_888_888_9),
        (0.538_469_310_105_683_1, 0.478_628_670_499_366_5),
        (0.906_179_845_938_664, 0.236_926_885_056_189_1),
    ];
    let half = 0.5 * (to - from) / pieces as f64;
    let piece = |i: usize| {
        let middle = from + (2 * i + 1) as f64 * half;
        POINTS.iter().map(|(at, weight)| weight * f(middle + half * at)).sum::<f64>()
    };
    half * (0..pieces).map(piece).sum::<f64>()
}

fn vector_integral(n: usize, pieces: usize, f: impl Fn(f64) -> DVector<f64>) -> DVector<f64> {
    DVector::from_fn(n, |i, _| integral(0.0, 1.0, pieces, |z| f(z)[i]))
}

fn choose(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}

/// The curves as textbooks write them, by powers, for complex ages too: nothing of the library's recurrences.
fn curve(measure: Measure, n: usize, age: Complex<f64>) -> Complex<f64> {
    let shifted_legendre = |z: Complex<f64>| -> Complex<f64> {
        let term = |j: usize| {
            let sign = if (n + j).is_multiple_of(2) { 1.0 } else { -1.0 };
            z.powu(j as u32) * (sign * choose(n, j) * choose(n + j, j))
        };
        (0..=n).map(term).sum::<Complex<f64>>() * ((2 * n + 1) as f64).sqrt()
    };
    match measure {
        Measure::LegS => shifted_legendre((-age).exp()),
        Measure::LegT => shifted_legendre(1.0 - age),
        Measure::FouT => {
            let turned = age * (TAU * (n / 2) as f64);
            let loud = if n < 2 { 1.0 } else { 2.0_f64.sqrt() };
            if n.is_multiple_of(2) { turned.cos() * loud } else { turned.sin() * loud }
        }
        Measure::LagT => {
            let term = |j: usize| {
                let factorial: f64 = (1..=j).map(|i| i as f64).product();
                (-age).powu(j as u32) * (choose(n, j) / factorial)
            };
            (0..=n).map(term).sum()
        }
    }
}

/// Over all ages that count. Where they have no end the pieces grow with age, as what is integrated becomes smoother.
fn over_all_ages(measure: Measure, pieces: usize, f: impl Fn(f64) -> f64) -> f64 {
    const OLD: f64 = 90.0;
    match measure {
        Measure::LegT | Measure::FouT => integral(0.0, 1.0, pieces, f),
        Measure::LegS | Measure::LagT => {
            integral(0.0, 1.0, pieces, |s| 2.0 * OLD * s * f(OLD * s * s))
        }
    }
}

#[test]
fn the_curves_are_those_of_the_textbooks() {
    for measure in Measure::ALL {
        for age in [0.0, 0.03, 0.31, 0.5, 0.77, 1.0] {
            let found = measure.basis(10, age);
            let expected = |n: usize| curve(measure, n, Complex::new(age, 0.0)).re;
            assert_close(measure.name(), &found, &DVector::from_fn(10, |n, _| expected(n)), 1e-9);
        }
    }
}

#[test]
fn the_curves_are_orthonormal_under_their_measure() {
    let n = 8;
    for measure in Measure::ALL {
        let mut expected = DMatrix::identity(n, n);
        if measure == Measure::FouT {
            expected[(1, 1)] = 0.0; // sin 0
        }
        let product = |i: usize, j: usize| {
            over_all_ages(measure, 600, |age| {
                let g = measure.basis(n, age);
                g[i] * g[j] * measure.weight(age)
            })
        };
        assert_close(measure.name(), &DMatrix::from_fn(n, n, product), &expected, 1e-9);
    }
}

#[test]
fn eq_5_1_the_coefficients_of_the_past_obey_the_flow() {
    let n = 7;
    let flow = hippo(Measure::LegS, n).unwrap();
    let u = |s: f64| (3.0 * s).sin() + 0.4 * s * s;
    let slope = |s: f64| 3.0 * (3.0 * s).cos() + 0.8 * s;
    for t in [0.3, 1.0, 2.5, 6.0] {
        // The definition, and its derivative under the integral: s = tz.
        let x = vector_integral(n, 60, |z| legendre(n, z) * u(t * z));
        let moved = vector_integral(n, 60, |z| legendre(n, z) * (z * slope(t * z)));
        let expected = (flow.a() * x + flow.b().column(0) * u(t)) / t;
        assert_close(&format!("x' at t = {t}"), &moved, &expected, 1e-11);
    }
}

#[test]
fn matrices_follow_from_measure_and_curves() {
    // What a curve times its weight becomes as time goes by is asked of each curve again, and what drops out of the window
    // is guessed from what is remembered: by the curves at its end, or for waves by twice the middle of the jump.
    const H: f64 = 1e-30;
    let n = 8;
    for measure in Measure::ALL {
        let faded = |i: usize, age: Complex<f64>| match measure {
            Measure::LegS | Measure::LagT => curve(measure, i, age) * (-age).exp(),
            Measure::LegT | Measure::FouT => curve(measure, i, age),
        };
        let at = |i: usize, age: f64| curve(measure, i, Complex::new(age, 0.0)).re;
        let (guess, arrival) = match measure {
            Measure::LegS | Measure::LagT => (0.0, 1.0),
            Measure::LegT => (1.0, 1.0),
            Measure::FouT => (2.0, 2.0),
        };
        let entry = |i: usize, k: usize| {
            let drift = over_all_ages(measure, 900, |age| {
                faded(i, Complex::new(age, H)).im / H * at(k, age)
            });
            drift - guess * at(i, 1.0) * at(k, 1.0)
        };
        let flow = hippo(measure, n).unwrap();
        assert_close(measure.name(), flow.a(), &DMatrix::from_fn(n, n, entry), 1e-9);
        let b = DMatrix::from_fn(n, 1, |i, _| arrival * at(i, 0.0));
        assert_close(measure.name(), flow.b(), &b, 1e-11);
    }
}

#[test]
fn legs_is_the_memory_of_chapter_3() {
    let (ours, theirs) = (hippo(Measure::LegS, 12).unwrap(), hippo_legs(12).unwrap());
    assert_eq!((ours.a(), ours.b()), (theirs.a(), theirs.b()));
}

#[test]
fn published_matrices_are_ours_up_to_their_units() {
    let published = fixture("hippo.json");
    for n in [4, 8] {
        let read = |name: &str| {
            let of = &published["transition"][format!("{name}_{n}")];
            let b: Vec<f64> = serde_json::from_value(of["B"].clone()).unwrap();
            (matrix(&of["A"]), DMatrix::from_vec(n, 1, b))
        };
        let ours = |measure| {
            let flow = hippo(measure, n).unwrap();
            (flow.a().clone(), flow.b().clone())
        };
        let same = |name: &str, (a, b): (DMatrix<f64>, DMatrix<f64>)| {
            let (expected_a, expected_b) = read(name);
            assert_close(&format!("A of {name}"), &a, &expected_a, 1e-14);
            assert_close(&format!("B of {name}"), &b, &expected_b, 1e-14);
        };
        same("legs", ours(Measure::LegS));
        // Their windows are 2 long.
        for (name, measure) in [("legt", Measure::LegT), ("fout", Measure::FouT)] {
            let (a, b) = ours(measure);
            same(name, (a * 0.5, b * 0.5));
        }
        // Their Laguerre weight is e^{-τ/2} on the curves and none on the past; theorem 1 of HiPPO is ours.
        let (a, b) = ours(Measure::LagT);
        same("lagt", (a + DMatrix::identity(n, n) * 0.5, b));
        // The LMU counts its window from the other end, and its curves are 1 there.
        let (a, b) = ours(Measure::LegT);
        let unit =
            |i: usize| (if i.is_multiple_of(2) { 1.0 } else { -1.0 }) * ((2 * i + 1) as f64).sqrt();
        let t = DMatrix::from_fn(n, n, |i, k| if i == k { unit(i) } else { 0.0 });
        let back = DMatrix::from_fn(n, n, |i, k| if i == k { 1.0 / unit(i) } else { 0.0 });
        same("lmu", (&t * a * back, t * b));
    }
}

/// `e^{τA} B`: what a blow leaves in the state after a time.
fn left_of_a_blow(measure: Measure, d_state: usize, age: f64) -> DVector<f64> {
    let flow = hippo(measure, d_state).unwrap();
    (matrix_exponential(&(flow.a() * age)).unwrap() * flow.b()).column(0).into_owned()
}

#[test]
fn a_blow_leaves_the_curves_times_their_weight() {
    for measure in [Measure::LegS, Measure::LagT] {
        for age in [0.0, 0.2, 1.0, 3.0] {
            let expected = measure.basis(10, age) * measure.weight(age);
            assert_close(measure.name(), &left_of_a_blow(measure, 10, age), &expected, 1e-10);
        }
    }
}

#[test]
fn windows_become_sharper_with_more_numbers() {
    for measure in [Measure::LegT, Measure::FouT] {
        // How far the first three numbers are from what they would be if the window were exact, away from its edge.
        let off = |d_state: usize| {
            let ages = [0.1, 0.35, 0.6, 0.85, 1.2, 1.5];
            let difference = |age: f64| {
                let ideal = measure.basis(3, age) * measure.weight(age);
                (left_of_a_blow(measure, d_state, age).rows(0, 3) - ideal).norm()
            };
            ages.into_iter().map(difference).fold(0.0, f64::max)
        };
        let offs = [8, 16, 64].map(off);
        assert!(offs[0] > 2.0 * offs[2], "{}: {offs:?}", measure.name());
        assert!(offs[2] < 0.2, "{}: {offs:?}", measure.name());
    }
}

#[test]
fn legt_is_exact_for_polynomials_and_fout_for_waves() {
    let now = 0.7;
    // The state by its definition, and how it changes, against the flow.
    let off = |measure: Measure, n: usize, u: &dyn Fn(f64) -> f64, slope: &dyn Fn(f64) -> f64| {
        let x = vector_integral(n, 80, |age| measure.basis(n, age) * u(now - age));
        let moved = vector_integral(n, 80, |age| measure.basis(n, age) * slope(now - age));
        let flow = hippo(measure, n).unwrap();
        (moved - flow.a() * x - flow.b().column(0) * u(now)).norm()
    };
    let cubic = |t: f64| 2.0 + t - 3.0 * t * t + 4.0 * t * t * t;
    let its_slope = |t: f64| 1.0 - 6.0 * t + 12.0 * t * t;
    assert!(off(Measure::LegT, 4, &cubic, &its_slope) < 1e-11);
    assert!(off(Measure::LegT, 3, &cubic, &its_slope) > 1e-2);
    let wave = |t: f64| 1.0 + (2.0 * TAU * t).sin() + (3.0 * TAU * t + 0.4).cos();
    let its_slope =
        |t: f64| 2.0 * TAU * (2.0 * TAU * t).cos() - 3.0 * TAU * (3.0 * TAU * t + 0.4).sin();
    assert!(off(Measure::FouT, 8, &wave, &its_slope) < 1e-10);
    assert!(off(Measure::FouT, 6, &wave, &its_slope) > 1e-2);
}

fn numbers(value: &Value) -> DVector<f64> {
    DVector::from_vec(serde_json::from_value(value.clone()).unwrap())
}

#[test]
fn reconstructions_are_those_of_the_reference_run() {
    let reference = fixture("hippo_reconstruct.json");
    let place = |k: usize| (k as f64 + 0.5) / 1000.0;
    let u = |k: usize| {
        let t = place(k);
        (TAU * 3.0 * t).sin() + 0.5 * (TAU * 7.0 * t + 0.3).cos() + 0.25 * t
    };
    for d_state in [4, 8, 16, 32, 64] {
        let expected = &reference["results"][format!("legs_{d_state}")];
        let mut memory = HippoLegs::with_clock(d_state, Clock::End).unwrap();
        (0..1000).for_each(|k| memory.push(u(k)));
        let name = format!("LegS, N = {d_state}");
        assert_close(&name, memory.state(), &numbers(&expected["c"]), 1e-9);
        let past: Vec<f64> = (0..1000).map(u).collect();
        let error = share_lost(&memory.remembered(1000), &past);
        let published = expected["rel_rmse"].as_f64().unwrap();
        assert!((error / published - 1.0).abs() < 1e-6, "{name}: {error}, {published}");
    }
    let u = |k: usize| {
        let t = place(k);
        (TAU * 1.7 * t).sin() + 0.5 * (TAU * 4.1 * t + 0.3).cos()
    };
    for (measure, sizes) in [(Measure::LegT, [8, 16, 32, 64]), (Measure::FouT, [8, 16, 32, 64])] {
        for d_state in sizes {
            let expected = &reference["results"][format!("{}_{d_state}", measure.name())];
            let mut memory = Memory::new(measure, d_state, 2000.0).unwrap();
            (0..3000).for_each(|k| memory.push(u(k)));
            let name = format!("{}, N = {d_state}", measure.name());
            assert_close(&name, memory.state(), &numbers(&expected["c"]), 1e-8);
            let past: Vec<f64> = (1000..3000).map(u).collect();
            let error = share_lost(&memory.remembered(2000), &past);
            let published = expected["rel_rmse"].as_f64().unwrap();
            assert!((error / published - 1.0).abs() < 1e-4, "{name}: {error}, {published}");
        }
    }
}

#[test]
fn the_step_without_matrices_is_chapter_3s_bilinear_rule() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for (d_state, delta) in [(1, 0.4), (2, 1.0), (9, 0.05), (32, 0.7)] {
        let flow = hippo(Measure::LegS, d_state).unwrap();
        let step = Discretization::Bilinear.discretize(&flow, delta).unwrap().held().unwrap();
        let mut x = DVector::from_fn(d_state, |_, _| normal(&mut random));
        let u_k = normal(&mut random);
        let expected = step.a() * &x + step.b().column(0) * u_k;
        legs_step(&mut x, u_k, delta);
        assert_close(&format!("N = {d_state}"), &x, &expected, 1e-12);
    }
}

proptest! {
    #[test]
    fn the_first_number_is_the_mean_of_all_inputs(
        u in proptest::collection::vec(-10.0..10.0_f64, 1..200),
        d_state in 1_usize..20,
    ) {
        let mut memory = HippoLegs::new(d_state).unwrap();
        u.iter().for_each(|&u_k| memory.push(u_k));
        let mean = u.iter().sum::<f64>() / u.len() as f64;
        prop_assert!((memory.state()[0] - mean).abs() < 1e-12 * 10.0);
    }
}

/// LegS by exact steps: on the logarithm of time its flow does not change.
fn legs_by_exact_steps(d_state: usize, u: &[f64]) -> DVector<f64> {
    let flow = hippo(Measure::LegS, d_state).unwrap();
    let mut x = DVector::zeros(d_state);
    x[0] = u[0];
    for (k, &u_k) in u.iter().enumerate().skip(1) {
        let delta = (1.0 / k as f64).ln_1p();
        let step = Discretization::ZeroOrderHold.discretize(&flow, delta).unwrap().held().unwrap();
        x = step.a() * x + step.b().column(0) * u_k;
    }
    x
}

#[test]
fn on_the_logarithm_of_time_the_projection_is_exact() {
    let n = 6;
    let u = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, -6.0, 5.0, 3.0];
    let count = u.len() as f64;
    // The staircase itself, projected, stair by stair.
    let share = |i: usize, k: usize| {
        let (from, to) = (k as f64 / count, (k + 1) as f64 / count);
        u[k] * integral(from, to, 4, |z| legendre(n, z)[i])
    };
    let expected = DVector::from_fn(n, |i, _| (0..u.len()).map(|k| share(i, k)).sum());
    assert_close("the projection", &legs_by_exact_steps(n, &u), &expected, 1e-12);
}

#[test]
fn half_the_speed_leaves_the_same_numbers() {
    let u = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, -6.0];
    let slowly: Vec<f64> = u.iter().flat_map(|&u_k| [u_k, u_k, u_k]).collect();
    let (once, thrice) = (legs_by_exact_steps(6, &u), legs_by_exact_steps(6, &slowly));
    assert_close("three times as slow", &thrice, &once, 1e-12);
}

#[test]
fn the_middle_of_a_step_is_the_better_clock() {
    let u: Vec<f64> = (0..1000).map(|k| (TAU * 6.0 * (k as f64 + 0.5) / 1000.0).sin()).collect();
    let lost = |clock| {
        let mut memory = HippoLegs::with_clock(64, clock).unwrap();
        u.iter().for_each(|&u_k| memory.push(u_k));
        share_lost(&memory.remembered(1000), &u)
    };
    let (middle, end) = (lost(Clock::Middle), lost(Clock::End));
    assert!(end > 10.0 * middle, "middle {middle:e}, end {end:e}");
}

#[test]
fn a_window_is_read_at_its_other_end() {
    // C = the curves at age 1: y(t) = u(t - 1), the delay of the LMU. On waves it should be e^{-iω}.
    let n = 16;
    let flow = hippo(Measure::LegT, n).unwrap();
    let c = Measure::LegT.basis(n, 1.0).map(Complex::from);
    for omega in [0.0, 1.0, 3.0, PI, 8.0] {
        let at = Complex::new(0.0, omega);
        let resolvent = DMatrix::from_diagonal_element(n, n, at) - flow.a().map(Complex::from);
        let x = resolvent.lu().solve(&flow.b().map(Complex::from)).unwrap();
        let found = (0..n).map(|i| c[i] * x[(i, 0)]).sum::<Complex<f64>>();
        assert!((found - (-at).exp()).norm() < 1e-6, "at ω = {omega}: {found}");
    }
}

#[test]
fn nobody_remembers_a_thousand_independent_numbers() {
    let (d_state, count) = (64, 1000);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let noise: Vec<f64> = (0..count).map(|_| normal(&mut random)).collect();
    let mut memory = Memory::new(Measure::LegT, d_state, count as f64).unwrap();
    noise.iter().for_each(|&u_k| memory.push(u_k));
    let read = explain(memory.steps(), memory.state(), count, 1e-7).unwrap();
    assert_eq!(read.directions, d_state);
    // A shadow on 64 of 1000 directions: about 6 % of the squares.
    let squares = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>();
    let kept = squares(&read.past) / squares(&noise);
    assert!((0.03..0.11).contains(&kept), "{kept}");
    assert!(share_lost(&read.past, &noise) > 0.9);
}

/// The state of a memory from rest, after these inputs.
fn run(memory: &StateSpace<Discrete>, u: &[f64]) -> DVector<f64> {
    let mut x = DVector::zeros(memory.d_state());
    u.iter().for_each(|u_k| x = memory.a() * &x + memory.b().column(0) * *u_k);
    x
}

#[test]
fn random_matrices_forget() {
    let window = 400;
    let u: Vec<f64> = (0..2 * window).map(|k| (TAU * k as f64 / 83.0).sin()).collect();
    let truth = &u[window..];
    let mut memory = Memory::new(Measure::LegT, 32, window as f64).unwrap();
    u.iter().for_each(|&u_k| memory.push(u_k));
    let hippo_lost = share_lost(&memory.remembered(window), truth);
    let random_lost = |rate: f64| {
        let flow = random_memory(32, rate, 1).unwrap();
        let steps = Discretization::ZeroOrderHold.discretize(&flow, 1.0 / window as f64);
        let steps = steps.unwrap().held().unwrap();
        let read = explain(&steps, &run(&steps, &u), u.len(), 1e-7).unwrap();
        assert!(read.directions <= 32);
        share_lost(&read.past[window..], truth)
    };
    let best = [1.0, 3.0, 10.0, 30.0, 100.0].map(random_lost).into_iter().fold(1e9, f64::min);
    assert!(hippo_lost < 0.01, "{hippo_lost}");
    assert!(best > 20.0 * hippo_lost, "random {best}, HiPPO {hippo_lost}");
}

#[test]
fn without_the_minus_a_memory_explodes() {
    let flow = hippo(Measure::LegS, 6).unwrap();
    assert!((spectral_abscissa(flow.a()).unwrap() + 1.0).abs() < 1e-9);
    assert!((spectral_abscissa(&-flow.a()).unwrap() - 6.0).abs() < 1e-9);
}

#[test]
fn counted_from_one_a_memory_holds_something_else() {
    // √(2n+1)√(2k+1) and n + 1 with n = 1, 2, …: the mean of a constant is no longer where the state comes to rest.
    let n = 8;
    let from_one = hippo(Measure::LegS, n + 1).unwrap();
    let a = from_one.a().view((1, 1), (n, n)).into_owned();
    let b = hippo(Measure::LegS, n).unwrap().b().clone();
    let rest = -a.lu().solve(&b).unwrap();
    assert!((rest.column(0) - DVector::from_fn(n, |i, _| f64::from(i == 0))).norm() > 0.3);
    let right = hippo(Measure::LegS, n).unwrap();
    let rest = -right.a().clone().lu().solve(&b).unwrap();
    assert!((rest.column(0) - DVector::from_fn(n, |i, _| f64::from(i == 0))).norm() < 1e-12);
}

#[test]
fn what_makes_no_memory_is_refused() {
    let sentence = |error: HippoError| error.to_string();
    assert_eq!(
        sentence(hippo(Measure::LegS, 0).unwrap_err()),
        "expected N to be at least 1, found 0"
    );
    assert_eq!(
        sentence(hippo(Measure::FouT, 7).unwrap_err()),
        "expected an even number of states for waves, a cosine and a sine each, found 7"
    );
    for window in [0.0, -3.0, f64::NAN, f64::INFINITY] {
        assert!(Memory::new(Measure::LegT, 4, window).is_err());
        assert!(random_memory(4, window, 1).is_err());
    }
    assert!(HippoLegs::new(0).is_err());
    assert!(random_memory(0, 1.0, 1).is_err());
    let memory = Memory::new(Measure::LagT, 3, 10.0).unwrap();
    let x = DVector::zeros(3);
    assert!(explain(memory.steps(), &DVector::zeros(4), 9, 1e-7).is_err());
    assert!(explain(memory.steps(), &x, 0, 1e-7).is_err());
    assert!(explain(memory.steps(), &x, 9, 0.0).is_err());
    assert!(explain(memory.steps(), &DVector::from_element(3, f64::NAN), 9, 1e-7).is_err());
    // Nothing has happened, and that is what is read.
    assert!(explain(memory.steps(), &x, 2, 1e-7).unwrap().past.iter().all(|u| *u == 0.0));
}
