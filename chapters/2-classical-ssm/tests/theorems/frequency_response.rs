//! What the page *Frequency response* claims.

use std::f64::consts::PI;

use classical_ssm::frequency_response::{
    FrequencyError, Sweep, alias, bandwidth, bode, decibels, frequency_response, margins, nyquist,
    peak_gain,
};
use classical_ssm::responses::{
    Between, discrete_impulse_response, forced_response, servo, servo_loop, simulate,
};
use classical_ssm::state_space::{Continuous, Discrete, StateSpace};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::{held_input_step, propagate};
use math_foundations::state_representations::companion;
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::common::{close, golden, matrix, numbers, random_matrix, spring};

fn cases<'a>(golden: &'a Value, key: &str) -> &'a [Value] {
    golden[key].as_array().expect("cases")
}

/// A system of a fixture: a flow, or steps in the form of control texts, turned into ours.
enum Either {
    Flow(StateSpace<Continuous>),
    Steps(StateSpace<Discrete>),
}

fn either(case: &Value) -> Either {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| matrix(&case[name]));
    match case["delta"].as_f64() {
        None => Either::Flow(StateSpace::continuous(a, b, c, d).expect("valid")),
        Some(delta) => Either::Steps(from_control_texts(a, b, c, d, delta)),
    }
}

/// C' = C A and D' = D + C B, solved for C and D.
fn from_control_texts(
    a: DMatrix<f64>,
    b: DMatrix<f64>,
    c: DMatrix<f64>,
    d: DMatrix<f64>,
    delta: f64,
) -> StateSpace<Discrete> {
    let ours = a.transpose().lu().solve(&c.transpose()).expect("an A with an inverse").transpose();
    let direct = d - &ours * &b;
    StateSpace::discrete(a, b, ours, direct, delta).expect("valid")
}

/// A flow from its transfer function, coefficients ascending.
fn from_ratio(num: &[f64], den: &[f64]) -> StateSpace<Continuous> {
    let form = companion(den, num).expect("valid");
    StateSpace::continuous(form.a, form.b, form.c, form.d).expect("valid")
}

fn ratio(case: &Value) -> StateSpace<Continuous> {
    from_ratio(&numbers(&case["num"]), &numbers(&case["den"]))
}

/// A stable flow drawn from a seed.
fn stable_flow(n: usize, m: usize, p: usize, seed: u64) -> StateSpace<Continuous> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let a = random_matrix(n, n, &mut random) * (3.0 / n as f64).sqrt();
    let most = eigenvalues(&a).expect("valid")[0].re;
    let a = a - DMatrix::identity(n, n) * (most + 0.1);
    let (b, c, d) = (
        random_matrix(n, m, &mut random),
        random_matrix(p, n, &mut random),
        random_matrix(p, m, &mut random),
    );
    StateSpace::continuous(a, b, c, d).expect("valid")
}

fn stable_steps(n: usize, m: usize, p: usize, seed: u64) -> StateSpace<Discrete> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let a = random_matrix(n, n, &mut random);
    let radius = eigenvalues(&a).expect("valid").iter().map(|z| z.norm()).fold(0.0, f64::max);
    let (b, c, d) = (
        random_matrix(n, m, &mut random),
        random_matrix(p, n, &mut random),
        random_matrix(p, m, &mut random),
    );
    StateSpace::discrete(a * (0.9 / radius), b, c, d, 0.5).expect("valid")
}

fn sigma_max(g: &DMatrix<Complex<f64>>) -> f64 {
    g.singular_values().max()
}

#[test]
fn eq_2_4_a_cosine_is_answered_by_a_cosine() {
    // Left: the system driven by a pair of states that turn, exactly, until its own motion is gone.
    let (system, omega, t) = (spring(0.4), 1.3, 300.0);
    let a = dmatrix![
        0.0, 1.0, 0.0, 0.0;
        -1.0, -0.4, 1.0, 0.0;
        0.0, 0.0, 0.0, -omega;
        0.0, 0.0, omega, 0.0
    ];
    let x = propagate(&a, &dvector![0.0, 0.0, 1.0, 0.0], t).unwrap();
    // Right: the size and the lateness that G says.
    let g = frequency_response(&system, omega).unwrap()[0];
    let expected = g.norm() * (omega * t + g.arg()).cos();
    // The exponential of a rotation by 390 radians is exact to 390 ε.
    assert!((x[0] - expected).abs() < 1e-12, "{} {expected}", x[0]);
}

#[test]
fn eq_2_4_steps_answer_a_cosine_by_a_cosine() {
    let system = stable_steps(4, 1, 1, 3);
    let (omega, delta) = (2.0, system.delta());
    let g = frequency_response(&system, omega).unwrap()[0];
    let u: Vec<DVector<f64>> =
        (0..600).map(|k| dvector![(omega * delta * f64::from(k)).cos()]).collect();
    let y = simulate(&system, &u).unwrap();
    for k in 590..600 {
        let expected = g.norm() * (omega * delta * k as f64 + g.arg()).cos();
        assert!((y.outputs[k][0] - expected).abs() < 1e-12 * g.norm(), "k = {k}");
    }
}

#[test]
fn eq_2_4_response_of_steps_is_the_fourier_series_of_the_kernel() {
    let system = stable_steps(6, 2, 3, 8);
    let kernel = discrete_impulse_response(&system, 400).unwrap().outputs;
    for omega in [0.0, 0.7, 3.0, 2.0 * PI - 1e-3] {
        let mut sum = DMatrix::zeros(3, 2);
        for (j, entry) in kernel.iter().enumerate() {
            let turn = Complex::from_polar(1.0, -omega * system.delta() * j as f64);
            sum += entry.map(|k| turn * k);
        }
        let g = frequency_response(&system, omega).unwrap();
        // 0.9^400 is 5e-19: what the sum leaves out is below its rounding.
        assert!((&sum - &g).norm() < 1e-12 * g.norm(), "ω = {omega}");
    }
}

#[test]
fn golden_frequency_responses_agree_with_forty_digits() {
    let golden = golden("responses.json");
    let mut checked = 0;
    for case in cases(&golden, "waves") {
        let omega = case["omega"].as_f64().unwrap();
        let found = match either(case) {
            Either::Flow(flow) => frequency_response(&flow, omega).unwrap(),
            Either::Steps(steps) => frequency_response(&steps, omega).unwrap(),
        };
        let expected = matrix(&case["re"]).zip_map(&matrix(&case["im"]), Complex::new);
        // Random systems of up to 9 states, condition numbers up to some hundred.
        let error = (&found - &expected).norm() / expected.norm();
        assert!(error < 1e-12, "ω = {omega}: {error:e}");
        checked += 1;
    }
    assert_eq!(checked, 27);
}

#[test]
fn golden_spring_agrees_with_python_control() {
    let golden = golden("control.json");
    let case = &golden["mass_spring_k40_b5_m1"];
    let a = dmatrix![0.0, 1.0; -40.0, -5.0];
    let system =
        StateSpace::continuous(a, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0]).unwrap();
    let sweep = Sweep::new(&system).unwrap();
    let part = |name: &str| -> Vec<f64> {
        let list = case["freqresp"][name].as_array().unwrap();
        list.iter().map(|entry| entry[0][0].as_f64().unwrap()).collect()
    };
    let (re, im) = (part("re"), part("im"));
    for (k, omega) in numbers(&case["w"]).into_iter().enumerate() {
        let expected = Complex::new(re[k], im[k]);
        let found = sweep.at(omega).unwrap()[0];
        assert!((found - expected).norm() < 1e-13 * expected.norm(), "ω = {omega}");
    }
    // Its H-infinity norm stops at a tolerance of 10⁻⁶ or so; ours is the formula's to rounding.
    let peak = peak_gain(&system).unwrap();
    close("python-control", peak.gain, case["hinfnorm"].as_f64().unwrap(), 1e-6);
    let (omega0, zeta) = (40f64.sqrt(), 2.5 / 40f64.sqrt());
    let formula = 1.0 / (40.0 * 2.0 * zeta * (1.0 - zeta * zeta).sqrt());
    close("the textbook", peak.gain, formula, 1e-12);
    // Flat where it is largest: the frequency has half the digits.
    close("its frequency", peak.omega, omega0 * (1.0 - 2.0 * zeta * zeta).sqrt(), 1e-5);
}

#[test]
fn response_of_steps_repeats_and_mirrors() {
    let system = stable_steps(5, 2, 2, 4);
    let turn = 2.0 * PI / system.delta();
    for omega in [0.1, 1.0, 5.0] {
        let g = frequency_response(&system, omega).unwrap();
        let again = frequency_response(&system, omega + turn).unwrap();
        let mirrored = frequency_response(&system, turn - omega).unwrap().map(|z| z.conj());
        assert!((&g - again).norm() < 1e-13 * g.norm());
        assert!((&g - mirrored).norm() < 1e-13 * g.norm());
        close("alias", alias(turn - omega, system.delta()).unwrap(), omega, 1e-14);
        close("alias", alias(turn + omega, system.delta()).unwrap(), omega, 1e-14);
    }
}

#[test]
fn a_wave_and_its_alias_are_the_same_samples() {
    let (omega, delta) = (50.0, 0.1);
    let seen = alias(omega, delta).unwrap();
    assert!(seen < PI / delta);
    for k in 0..50 {
        let t = delta * f64::from(k);
        assert!(((omega * t).cos() - (seen * t).cos()).abs() < 1e-12);
    }
    assert!(alias(1.0, 0.0).is_err() && alias(f64::NAN, 1.0).is_err());
}

#[test]
fn a_held_motor_answers_slow_waves_like_the_motor_itself() {
    // Sampled 100 times a turn the two differ by the half step that a hold delays.
    let flow = servo(5.0, 2e-3).unwrap();
    let delta = 1e-4;
    let (a, b) = held_input_step(flow.a(), flow.b(), delta).unwrap();
    // x_{k+1} from u_k: in our steps the same state, its input one step late.
    let c = a.clone().transpose().lu().solve(&flow.c().transpose()).unwrap().transpose();
    let d = -&c * &b;
    let steps = StateSpace::discrete(a, b, c, d, delta).unwrap();
    for omega in [10.0, 100.0] {
        let (g, sampled) = (
            frequency_response(&flow, omega).unwrap()[0],
            frequency_response(&steps, omega).unwrap()[0],
        );
        let half_step = Complex::from_polar(1.0, -0.5 * omega * delta);
        assert!((sampled - g * half_step).norm() < 1e-4 * g.norm(), "ω = {omega}: {sampled} {g}");
    }
}

#[test]
fn all_crossings_agree_with_forty_digits() {
    let golden = golden("responses.json");
    let loops = cases(&golden, "margins");
    assert_eq!(loops.len(), 9);
    for case in loops {
        let name = case["name"].as_str().unwrap();
        let found = margins(&ratio(case)).unwrap();
        assert_eq!(found.stable, case["stable"].as_bool().unwrap(), "{name}");
        let expected = cases(case, "phase_crossings");
        let inside: Vec<_> = found
            .phase_crossings
            .iter()
            .filter(|at| at.omega > 0.0 && at.omega.is_finite())
            .collect();
        assert_eq!(
            inside.len(),
            expected.len(),
            "{name}: {:?} {expected:?}",
            found.phase_crossings
        );
        for (crossing, wanted) in inside.iter().zip(expected) {
            // A crossing is halved to the last bit of G, whose rounding is some 10⁻¹⁴.
            close(name, crossing.omega, wanted[0].as_f64().unwrap(), 1e-11);
            close(name, crossing.factor, wanted[1].as_f64().unwrap(), 1e-11);
        }
        let expected = cases(case, "gain_crossings");
        assert_eq!(
            found.gain_crossings.len(),
            expected.len(),
            "{name}: {:?}",
            found.gain_crossings
        );
        for (crossing, wanted) in found.gain_crossings.iter().zip(expected) {
            close(name, crossing.omega, wanted[0].as_f64().unwrap(), 1e-11);
            close(name, crossing.degrees, wanted[1].as_f64().unwrap(), 1e-10);
        }
        // python-control's stability margin stops at a tolerance of its own minimiser.
        if let (Some(found), Some(expected)) =
            (found.distance, case["control"]["distance"].as_f64())
        {
            close(name, found.gain, expected, 1e-4);
        }
    }
}

#[test]
fn crossings_of_sampled_loops_agree_with_a_fine_grid() {
    let golden = golden("responses.json");
    assert_eq!(cases(&golden, "sampled_margins").len(), 4);
    for case in cases(&golden, "sampled_margins") {
        let name = case["name"].as_str().unwrap();
        let Either::Steps(steps) = either(case) else { panic!("{name} is in steps") };
        let found = margins(&steps).unwrap();
        assert_eq!(found.stable, case["stable"].as_bool().unwrap(), "{name}");
        let fastest = PI / steps.delta();
        let inside: Vec<_> = found
            .phase_crossings
            .iter()
            .filter(|at| at.omega > 0.0 && at.omega < fastest * (1.0 - 1e-12))
            .collect();
        let expected = cases(case, "phase_crossings");
        assert_eq!(inside.len(), expected.len(), "{name}: {inside:?} {expected:?}");
        for (crossing, wanted) in inside.iter().zip(expected) {
            // The grid's judge works in f64 too: some 10⁻¹⁴ in G, over its slope.
            close(name, crossing.omega, wanted[0].as_f64().unwrap(), 1e-10);
            close(name, crossing.factor, wanted[1].as_f64().unwrap(), 1e-10);
        }
        let expected = cases(case, "gain_crossings");
        assert_eq!(found.gain_crossings.len(), expected.len(), "{name}");
        for (crossing, wanted) in found.gain_crossings.iter().zip(expected) {
            close(name, crossing.omega, wanted[0].as_f64().unwrap(), 1e-10);
            close(name, crossing.degrees, wanted[1].as_f64().unwrap(), 1e-9);
        }
    }
}

#[test]
fn a_loop_at_its_gain_margin_is_at_the_edge() {
    for (num, den) in [
        (vec![5.0], vec![1.0, 3.0, 3.0, 1.0]),
        (vec![50.0, 100.0, 50.0], vec![0.0, 0.0, 0.0, 1.0, 0.02, 1e-4]),
        (vec![8.0, 4.0], vec![-3.0, 2.0, 1.0]),
    ] {
        let system = from_ratio(&num, &den);
        let found = margins(&system).unwrap();
        assert!(!found.phase_crossings.is_empty());
        for crossing in &found.phase_crossings {
            let closed = system.a() - system.b() * system.c() * crossing.factor;
            let nearest = eigenvalues(&closed).unwrap();
            let target = Complex::new(0.0, crossing.omega);
            let distance =
                nearest.iter().map(|z| (z - target).norm()).fold(f64::INFINITY, f64::min);
            assert!(distance < 1e-6, "{crossing:?}: {nearest}");
        }
    }
}

#[test]
fn a_loop_delayed_by_its_delay_margin_is_at_the_edge() {
    let system = servo_loop(5.0, 2e-3).unwrap();
    let found = margins(&system).unwrap();
    let delay = found.delay_margin().unwrap();
    let crossing = found.phase_margin().unwrap();
    let g = frequency_response(&system, crossing.omega).unwrap()[0];
    let late = g * Complex::from_polar(1.0, -crossing.omega * delay);
    assert!((late + 1.0).norm() < 1e-11, "{late}");
}

#[test]
fn margins_say_in_words_what_kind_of_loop_it_is() {
    let say = |num: &[f64], den: &[f64]| margins(&from_ratio(num, den)).unwrap().to_string();
    let servo = margins(&servo_loop(5.0, 2e-3).unwrap()).unwrap();
    assert!(servo.to_string().starts_with("the gain may grow by the factor 10.0850; "), "{servo}");
    let conditional = say(&[50.0, 100.0, 50.0], &[0.0, 0.0, 0.0, 1.0, 0.02, 1e-4]);
    assert!(conditional.contains("conditionally stable"), "{conditional}");
    let grows = say(&[8.0, 4.0], &[-3.0, 2.0, 1.0]);
    assert!(grows.contains("left alone, the system grows"), "{grows}");
    assert!(grows.starts_with("the gain may grow without limit"), "{grows}");
    let unstable = say(&[100.0], &[1.0, 3.0, 3.0, 1.0]);
    assert!(unstable.starts_with("the closed loop is unstable; 0.08"), "{unstable}");
    let quiet = say(&[0.1], &[1.0, 1.0]);
    assert!(quiet.ends_with("no phase and no delay can make it unstable"), "{quiet}");
}

#[test]
fn nyquist_counts_the_growing_modes_that_closing_adds() {
    // Turns of 1 + G around 0, clockwise, are modes that grow closed less those that grow open.
    for (num, den, closed_modes) in [
        (vec![100.0], vec![1.0, 3.0, 3.0, 1.0], 2.0),
        (vec![5.0], vec![1.0, 3.0, 3.0, 1.0], 0.0),
        (vec![8.0, 4.0], vec![-3.0, 2.0, 1.0], 0.0),
        (vec![2.0], vec![-3.0, 2.0, 1.0], 1.0),
    ] {
        let system = from_ratio(&num, &den);
        let curve = nyquist(&system, 1e-6, 1e6).unwrap();
        let turned: f64 =
            curve.windows(2).map(|pair| ((pair[1].1 + 1.0) / (pair[0].1 + 1.0)).arg()).sum();
        // The other half of the curve mirrors this one; both ends are on the real axis, to 10⁻⁶.
        let clockwise = -2.0 * turned / (2.0 * PI);
        let found = margins(&system).unwrap();
        let expected = closed_modes - found.growing_modes as f64;
        assert!((clockwise - expected).abs() < 1e-4, "{num:?} {den:?}: {clockwise} {expected}");
        assert_eq!(found.stable, closed_modes == 0.0);
    }
}

#[test]
fn phases_of_a_coarse_list_do_not_jump() {
    let golden = golden("responses.json");
    for case in cases(&golden, "phases") {
        let (name, omegas) = (case["name"].as_str().unwrap(), numbers(&case["omega"]));
        let loops = cases(&golden, "margins").iter().find(|other| other["name"] == name).unwrap();
        let found = bode(&ratio(loops), &omegas).unwrap();
        for ((omega, degrees), wanted) in
            found.phase_curve().into_iter().zip(numbers(&case["degrees"]))
        {
            // Poles and zeros of NumPy's `roots` are the judge here: triple ones have five digits.
            assert!((degrees - wanted).abs() < 1e-6, "{name} at {omega}: {degrees}, {wanted}");
        }
    }
}

#[test]
fn phases_of_steps_do_not_jump_either() {
    // Two steps late: G = z⁻², the phase is -2ωΔ, past -180° from a quarter turn a step on.
    let (a, delta) = (dmatrix![0.0, 0.0, 0.0; 1.0, 0.0, 0.0; 0.0, 1.0, 0.0], 0.5);
    let (b, c) = (dmatrix![1.0; 0.0; 0.0], dmatrix![0.0, 0.0, 1.0]);
    let late = StateSpace::discrete(a, b, c, dmatrix![0.0], delta).unwrap();
    let omegas = [0.1, 1.56, 1.58, 3.0].map(|angle| angle / delta);
    for (omega, degrees) in bode(&late, &omegas).unwrap().phase_curve() {
        let wanted = (-2.0 * omega * delta).to_degrees();
        assert!((degrees - wanted).abs() < 1e-10, "ω = {omega}: {degrees} {wanted}");
    }
}

#[test]
fn a_resonance_without_damping_turns_the_phase_back_and_a_zero_turns_it_forth() {
    // (s² + 4) / ((s² + 1)(s + 1)²): 0, -180° past 1, and up again past 2, less the two lags.
    let system = from_ratio(&[4.0, 0.0, 1.0], &[1.0, 2.0, 2.0, 2.0, 1.0]);
    let omegas = [0.5, 1.5, 3.0];
    let lags = omegas.map(|omega: f64| -2.0 * omega.atan().to_degrees());
    let found = bode(&system, &omegas).unwrap().degrees;
    for (k, wanted) in [lags[0], lags[1] - 180.0, lags[2]].into_iter().enumerate() {
        assert!((found[k] - wanted).abs() < 1e-6, "ω = {}: {} {wanted}", omegas[k], found[k]);
    }
    let lossless = bode(&spring(0.0), &[0.5, 2.0]).unwrap();
    assert_eq!(lossless.degrees, [0.0, -180.0]);
}

#[test]
fn decibels_are_twenty_times_a_logarithm() {
    assert_eq!(decibels(10.0), 20.0);
    close("half the power", decibels(0.5f64.sqrt()), -3.010_299_956_639_812, 1e-14);
}

#[test]
fn bandwidths_are_where_half_the_power_is_left() {
    let golden = golden("responses.json");
    for case in cases(&golden, "bandwidths") {
        let name = case["name"].as_str().unwrap();
        let (found, gains) = match either(case) {
            Either::Flow(flow) => {
                let found = bandwidth(&flow).unwrap();
                (
                    found,
                    [0.0, found.unwrap_or(0.0)]
                        .map(|w| frequency_response(&flow, w).unwrap()[0].norm()),
                )
            }
            Either::Steps(steps) => {
                let found = bandwidth(&steps).unwrap();
                (
                    found,
                    [0.0, found.unwrap_or(0.0)]
                        .map(|w| frequency_response(&steps, w).unwrap()[0].norm()),
                )
            }
        };
        match (found, case["omega"].as_f64()) {
            // python-control's root finder stops at 10⁻⁸ or so; the definition holds to rounding.
            (Some(found), Some(expected)) => {
                close(name, found, expected, 1e-6);
                close(name, gains[1], gains[0] * 0.5f64.sqrt(), 1e-12);
            }
            // It gives up where the gain falls only just so far; the definition is the judge.
            (Some(_), None) => close(name, gains[1], gains[0] * 0.5f64.sqrt(), 1e-12),
            (None, _) => panic!("{name}: no bandwidth"),
        }
    }
    assert!(matches!(
        bandwidth(&servo_loop(5.0, 2e-3).unwrap()),
        Err(FrequencyError::NoSteadyGain { .. })
    ));
}

#[test]
fn peak_gains_agree_with_a_search_on_a_fine_grid() {
    let golden = golden("responses.json");
    for case in cases(&golden, "peaks") {
        let found = match either(case) {
            Either::Flow(flow) => peak_gain(&flow).unwrap(),
            Either::Steps(steps) => peak_gain(&steps).unwrap(),
        };
        close("the peak", found.gain, case["gain"].as_f64().unwrap(), 1e-10);
    }
}

#[test]
fn a_needle_that_a_grid_misses_is_found() {
    // A resonance of relative width 10⁻⁷ beside a broad one: two hundred points a decade pass it by.
    let narrow = 1e-7;
    let a = dmatrix![
        0.0, 1.0, 0.0, 0.0;
        -1.0, -0.4, 0.0, 0.0;
        0.0, 0.0, 0.0, 1.0;
        0.0, 0.0, -9.61, -3.1 * narrow
    ];
    let b = dmatrix![0.0; 1.0; 0.0; 1e-4];
    let system = StateSpace::continuous(a, b, dmatrix![1.0, 0.0, 1.0, 0.0], dmatrix![0.0]).unwrap();
    let sweep = Sweep::new(&system).unwrap();
    let grid = (0..400).map(|k| 10f64.powf(f64::from(k) / 200.0 - 1.0));
    let on_grid = grid.map(|omega| sweep.at(omega).unwrap()[0].norm()).fold(0.0, f64::max);
    let peak = peak_gain(&system).unwrap();
    assert!(on_grid < 3.0 && peak.gain > 100.0, "{on_grid} {peak:?}");
    close("its frequency", peak.omega, 3.1, 1e-6);
}

#[test]
fn what_has_no_answer_is_refused_in_a_sentence() {
    let lossless = frequency_response(&spring(0.0), 1.0).unwrap_err().to_string();
    assert_eq!(lossless, "expected a frequency that no mode keeps up by itself, found 1 rad/s");
    assert!(frequency_response(&spring(0.4), f64::NAN).is_err());
    assert!(matches!(
        peak_gain(&servo_loop(1.0, 2e-3).unwrap()),
        Err(FrequencyError::Unstable { .. })
    ));
    assert!(matches!(margins(&stable_flow(3, 2, 1, 0)), Err(FrequencyError::NotSingle { .. })));
    assert!(matches!(
        margins(&from_ratio(&[-1.0, -1.0], &[2.0, 1.0])),
        Err(FrequencyError::AlgebraicLoop)
    ));
    let steps = stable_steps(3, 1, 1, 0);
    assert!(matches!(bode(&steps, &[7.0]), Err(FrequencyError::TooFast { .. })));
    let flips =
        StateSpace::discrete(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)
            .unwrap();
    assert!(matches!(margins(&flips), Err(FrequencyError::FastestWave)));
    assert!(nyquist(&spring(0.4), 1.0, 0.5).is_err() && bode(&spring(0.4), &[0.0]).is_err());
}

/// What a long wave leaves of a held system: for the duality of both pages.
#[test]
fn a_slow_wave_is_answered_like_a_constant() {
    let system = stable_flow(6, 2, 2, 3);
    let g = frequency_response(&system, 0.0).unwrap().map(|z| z.re);
    let times = [0.0, 400.0];
    for j in 0..2 {
        let mut u = dvector![0.0, 0.0];
        u[j] = 1.0;
        let inputs = [u.clone(), u];
        let y =
            forced_response(&system, &DVector::zeros(6), &times, &inputs, Between::Held).unwrap();
        assert!((&y.outputs[1] - g.column(j)).amax() < 1e-11 * g.norm());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_reduction_serves_all_frequencies(n in 1usize..65, seed in 0u64..1000, omega in 0.0..30.0) {
        let system = stable_flow(n, 2, 2, seed);
        let swept = Sweep::new(&system).unwrap().at(omega).unwrap();
        let complex = |matrix: &DMatrix<f64>| matrix.map(Complex::from);
        let resolvent = DMatrix::from_diagonal_element(n, n, Complex::new(0.0, omega)) - complex(system.a());
        let x = resolvent.lu().solve(&complex(system.b())).unwrap();
        let solved = complex(system.c()) * x + complex(system.d());
        // Modes 0.1 from the axis: up to some thousand roundings.
        prop_assert!((&swept - &solved).norm() < 1e-10 * (1.0 + solved.norm()));
    }

    #[test]
    fn no_frequency_has_more_than_the_peak_gain(n in 1usize..17, m in 1usize..4, seed in 0u64..1000) {
        let flow = stable_flow(n, m, 2, seed);
        let peak = peak_gain(&flow).unwrap();
        let sweep = Sweep::new(&flow).unwrap();
        let mut most: f64 = 0.0;
        for k in 0..400 {
            let omega = 10f64.powf(f64::from(k) / 100.0 - 2.0);
            most = most.max(sigma_max(&sweep.at(omega).unwrap()));
        }
        prop_assert!(most <= peak.gain * (1.0 + 1e-9));
        // And it is somewhere: at the frequency that it names.
        if peak.omega.is_finite() {
            prop_assert!((sigma_max(&sweep.at(peak.omega).unwrap()) - peak.gain).abs() <= 1e-9 * peak.gain);
        }
    }

    #[test]
    fn no_wave_of_steps_has_more_than_the_peak_gain(n in 1usize..13, seed in 0u64..1000) {
        let steps = stable_steps(n, 2, 2, seed);
        let peak = peak_gain(&steps).unwrap();
        let sweep = Sweep::new(&steps).unwrap();
        let gains = (0..=400).map(|k| sigma_max(&sweep.at(2.0 * PI * f64::from(k) / 400.0).unwrap()));
        prop_assert!(gains.fold(0.0, f64::max) <= peak.gain * (1.0 + 1e-9));
        prop_assert!((sigma_max(&sweep.at(peak.omega).unwrap()) - peak.gain).abs() <= 1e-8 * peak.gain);
    }

    #[test]
    fn every_crossing_is_one_and_a_grid_finds_no_more(n in 1usize..17, seed in 0u64..1000) {
        let system = stable_flow(n, 1, 1, seed);
        let found = margins(&system);
        prop_assume!(found.is_ok());
        let found = found.unwrap();
        let sweep = Sweep::new(&system).unwrap();
        for crossing in &found.gain_crossings {
            prop_assert!((sweep.at(crossing.omega).unwrap()[0].norm() - 1.0).abs() < 1e-10);
        }
        for crossing in found.phase_crossings.iter().filter(|at| at.omega.is_finite()) {
            let g = sweep.at(crossing.omega).unwrap()[0] * crossing.factor;
            prop_assert!((g + 1.0).norm() < 1e-8, "{} at {}", g, crossing.omega);
        }
        let grid: Vec<Complex<f64>> =
            (0..4000).map(|k| sweep.at(10f64.powf(f64::from(k) / 800.0 - 2.5)).unwrap()[0]).collect();
        let passed = grid.windows(2).filter(|pair| (pair[0].norm() < 1.0) != (pair[1].norm() < 1.0)).count();
        prop_assert!(passed <= found.gain_crossings.len());
        let real = grid.windows(2).filter(|pair| (pair[0].im < 0.0) != (pair[1].im < 0.0) && pair[0].re < 0.0 && pair[1].re < 0.0);
        prop_assert!(real.count() <= found.phase_crossings.len());
    }
}
