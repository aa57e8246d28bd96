//! What the page *Analyze* claims.

use classical_ssm::analyze::{
    Clock, Mode, Report, RootLocus, analyze, digits, natural_frequency_and_damping, root_locus,
    written,
};
use classical_ssm::frequency_response::margins;
use classical_ssm::state_space::{Continuous, Discrete, StateSpace};
use classical_ssm::system_file::{AnySystem, DescribedSystem, NAMED_SYSTEMS};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::held_input_step;
use math_foundations::stability::lyapunov_certificate;
use nalgebra::{Complex, DMatrix, dmatrix};
use serde_json::Value;

use crate::common::{expect_same_set, golden};

fn named(name: &str) -> DescribedSystem {
    DescribedSystem::named(name, &[]).unwrap()
}

fn report(name: &str) -> Report {
    analyze(&named(name)).unwrap()
}

fn own(a: DMatrix<f64>, b: DMatrix<f64>, c: DMatrix<f64>) -> StateSpace<Continuous> {
    let d = DMatrix::zeros(c.nrows(), b.ncols());
    StateSpace::continuous(a, b, c, d).unwrap()
}

fn flow(name: &str) -> StateSpace<Continuous> {
    named(name).continuous().unwrap().clone()
}

fn points(list: &Value) -> Vec<Complex<f64>> {
    let pair = |pair: &Value| Complex::new(pair[0].as_f64().unwrap(), pair[1].as_f64().unwrap());
    list.as_array().unwrap().iter().map(pair).collect()
}

fn close(what: &str, expected: f64, found: f64, tolerance: f64) {
    let apart = (expected - found).abs();
    assert!(
        apart <= tolerance * (1.0 + expected.abs()),
        "{what}: expected {expected}, found {found}"
    );
}

// --- modes ---------------------------------------------------------------------------------

#[test]
fn eq_2_9_damping_and_natural_frequency_of_a_spring_are_those_of_its_parts() {
    // m q'' + c q' + k q = u: ω_n = √(k/m), ζ = c / (2 √(k m)), for swings and for creeping alike.
    for (m, c, k) in [(1.0, 0.4, 1.0), (2.0, 0.1, 50.0), (0.5, 0.0, 8.0), (1.0, -0.3, 4.0)] {
        let a = dmatrix![0.0, 1.0; -k / m, -c / m];
        for lambda in &eigenvalues(&a).unwrap() {
            let (omega, zeta) = natural_frequency_and_damping(&Continuous, *lambda);
            close("ω_n", f64::sqrt(k / m), omega.unwrap(), 1e-14);
            close("ζ", c / (2.0 * f64::sqrt(k * m)), zeta.unwrap(), 1e-14);
        }
    }
}

#[test]
fn eq_2_9_sampling_leaves_damping_and_natural_frequency_alone() {
    let a = dmatrix![0.0, 1.0; -9.0, -1.2];
    let b = dmatrix![0.0; 1.0];
    for delta in [0.01, 0.1, 1.0] {
        let (a_bar, _) = held_input_step(&a, &b, delta).unwrap();
        let time = Discrete::new(delta).unwrap();
        for lambda in &eigenvalues(&a_bar).unwrap() {
            let (omega, zeta) = natural_frequency_and_damping(&time, *lambda);
            close("ω_n", 3.0, omega.unwrap(), 1e-12);
            close("ζ", 0.2, zeta.unwrap(), 1e-12);
        }
    }
    // Δ = 2 is more than half a turn of 2.94 rad/s: the mode is taken for a slower one.
    let (a_bar, _) = held_input_step(&a, &b, 2.0).unwrap();
    let lambda = eigenvalues(&a_bar).unwrap()[0];
    let (omega, _) = natural_frequency_and_damping(&Discrete::new(2.0).unwrap(), lambda);
    assert!(omega.unwrap() < 1.0, "{omega:?}");
}

#[test]
fn modes_without_a_frequency_or_a_damping_have_none() {
    assert_eq!(natural_frequency_and_damping(&Continuous, Complex::ZERO), (Some(0.0), None));
    let time = Discrete::new(0.1).unwrap();
    assert_eq!(natural_frequency_and_damping(&time, Complex::ZERO), (None, Some(1.0)));
    assert_eq!(natural_frequency_and_damping(&time, Complex::ONE), (Some(0.0), None));
    assert_eq!(time.rate(Complex::ONE), Complex::ZERO);
}

// --- python-control ------------------------------------------------------------------------

#[test]
fn every_shipped_system_is_seen_as_python_control_sees_it() {
    let golden = golden("analyze.json");
    let systems = golden["systems"].as_object().unwrap();
    assert_eq!(systems.len(), NAMED_SYSTEMS.len());
    for (name, _) in NAMED_SYSTEMS {
        let (expected, found) = (&systems[name], report(name));
        let poles: Vec<_> =
            found.modes.iter().map(|m| Complex::new(m.pole.re, m.pole.im)).collect();
        expect_same_set(name, &points(&expected["poles"]), &poles, 1e-11);
        let zeros: Vec<_> = found.zeros.iter().map(|z| Complex::new(z.re, z.im)).collect();
        expect_same_set(name, &points(&expected["zeros"]), &zeros, 1e-8);
        let all = |key: &str| -> Vec<f64> {
            expected[key].as_array().unwrap().iter().filter_map(Value::as_f64).collect()
        };
        // A damping ratio of rounding over rounding is nothing to agree about.
        let slow = found.modes.iter().any(|mode| mode.natural_frequency == Some(0.0));
        if !slow && !poles.contains(&Complex::ZERO) {
            let mut ours: Vec<_> = found.modes.iter().filter_map(|m| m.damping_ratio).collect();
            let mut theirs = all("damping_ratio");
            ours.sort_by(f64::total_cmp);
            theirs.sort_by(f64::total_cmp);
            assert_eq!(ours.len(), theirs.len(), "{name}");
            ours.iter().zip(&theirs).for_each(|(o, t)| close(name, *t, *o, 1e-10));
        }
        let rank = expected["controllable_rank"].as_u64().unwrap() as usize;
        assert_eq!(found.controllable, rank == found.d_state, "{name}");
        if let Some(gain) = &found.gain_at_rest {
            let flat: Vec<f64> = gain.iter().flatten().copied().collect();
            flat.iter().zip(all("gain_at_rest")).for_each(|(o, t)| close(name, t, *o, 1e-11));
        }
    }
}

#[test]
fn margins_and_closed_loops_are_those_of_python_control() {
    let golden = golden("analyze.json");
    for (name, expected) in golden["systems"].as_object().unwrap() {
        let Some(margins) = expected.get("margins") else {
            continue;
        };
        let found = report(name).feedback.unwrap();
        let closed = points(&expected["closed_loop_poles"]);
        let dies_away: fn(&Complex<f64>) -> bool = match named(name).system {
            AnySystem::Continuous(_) => |pole| pole.re < 0.0,
            AnySystem::Discrete(_) => |pole| pole.norm() < 1.0,
        };
        // An integrator's loop of rounding, as satellite's, is on the edge: neither side may be asked.
        let on_edge = closed.iter().any(|pole| match named(name).system {
            AnySystem::Continuous(_) => pole.re.abs() < 1e-12,
            AnySystem::Discrete(_) => (pole.norm() - 1.0).abs() < 1e-12,
        });
        if !on_edge {
            assert_eq!(found.stable, closed.iter().all(dies_away), "{name}");
        }
        let sensible = |value: &Value| value.as_f64().filter(|factor| *factor < 1e12);
        if let (true, Some(factor)) = (found.stable, sensible(&margins[0])) {
            close(name, factor, found.gain_margin.unwrap(), 1e-9);
            close(name, margins[2].as_f64().unwrap(), found.gain_margin_frequency.unwrap(), 1e-9);
        }
        if let (true, Some(phase)) = (found.stable, sensible(&margins[1]).filter(|p| *p < 179.9)) {
            close(name, phase, found.phase_margin.unwrap(), 1e-9);
            close(name, margins[3].as_f64().unwrap(), found.phase_margin_frequency.unwrap(), 1e-9);
        }
    }
}

#[test]
fn the_root_locus_passes_through_python_controls_closed_loops() {
    let golden = golden("analyze.json");
    let mut looked_at = 0;
    for (name, expected) in golden["systems"].as_object().unwrap() {
        let Some(gains) = expected.get("locus").and_then(Value::as_object) else {
            continue;
        };
        let (locus, size) = match named(name).system {
            AnySystem::Continuous(system) => (root_locus(&system).unwrap(), system.a().norm()),
            AnySystem::Discrete(system) => (root_locus(&system).unwrap(), system.a().norm()),
        };
        for (k, poles) in gains {
            let k: f64 = k.parse().unwrap();
            let Some(after) = locus.gains.iter().position(|gain| *gain >= k) else {
                continue;
            };
            // Between two gains of the sweep no pole moves farther than a stride.
            let here: Vec<_> = locus.branches.iter().map(|branch| branch[after]).collect();
            expect_same_set(name, &points(poles), &here, 0.1 * size);
            looked_at += 1;
        }
    }
    assert!(looked_at > 15, "{looked_at}");
}

// --- root locus ----------------------------------------------------------------------------

fn last_points(locus: &RootLocus) -> Vec<Complex<f64>> {
    locus.branches.iter().map(|branch| *branch.last().unwrap()).collect()
}

#[test]
fn branches_start_at_the_poles_and_never_jump() {
    for (name, _) in NAMED_SYSTEMS {
        let AnySystem::Continuous(system) = named(name).system else {
            continue;
        };
        if (system.inputs(), system.outputs()) != (1, 1) {
            continue;
        }
        let locus = root_locus(&system).unwrap();
        let starts: Vec<_> = locus.branches.iter().map(|branch| branch[0]).collect();
        expect_same_set(name, eigenvalues(system.a()).unwrap().as_slice(), &starts, 1e-14);
        let everywhere = locus.branches.iter().flatten();
        let size = everywhere.map(|pole| pole.norm()).fold(0.0, f64::max);
        for branch in &locus.branches {
            assert_eq!(branch.len(), locus.gains.len());
            for pair in branch.windows(2) {
                assert!((pair[1] - pair[0]).norm() < 0.05 * size, "{name} jumps at {}", pair[0]);
            }
        }
        assert!(locus.gains.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
    }
}

#[test]
fn every_point_of_the_locus_is_a_pole_of_the_closed_loop() {
    // 1 + k G(s) = 0 at each point: checked with the transfer function, which knows of no eigenvalues.
    for name in ["damped-spring", "dc-motor", "flexible-arm", "water-turbine", "hippo-legs"] {
        let system = flow(name);
        let locus = root_locus(&system).unwrap();
        for (index, k) in locus.gains.iter().enumerate().skip(2).step_by(7) {
            for branch in &locus.branches {
                let g = system.transfer(branch[index]).unwrap()[0];
                let moved = (branch[index] - branch[0]).norm() / (1e-300 + branch[0].norm());
                // Where nothing has moved yet, G is all rounding.
                if moved > 1e-3 {
                    assert!(
                        (g * *k + 1.0).norm() < 1e-6,
                        "{name}: 1 + k G = {} at k = {k}",
                        g * *k + 1.0
                    );
                }
            }
        }
    }
}

#[test]
fn the_closed_loop_is_that_of_the_page_on_state_space() {
    let system = flow("water-turbine");
    let locus = root_locus(&system).unwrap();
    let k = locus.gains[locus.gains.len() / 2];
    let closed = system.feedback_gain(&dmatrix![k]).unwrap();
    let here: Vec<_> = locus.branches.iter().map(|b| b[locus.gains.len() / 2]).collect();
    expect_same_set("closed", eigenvalues(closed.a()).unwrap().as_slice(), &here, 1e-12);
}

#[test]
fn branches_end_in_the_zeros_where_there_are_as_many() {
    // (s² + s + 4) / (s² + 3 s + 2): D = 1, two zeros for two poles.
    let system = StateSpace::continuous(
        dmatrix![0.0, 1.0; -2.0, -3.0],
        dmatrix![0.0; 1.0],
        dmatrix![2.0, -2.0],
        dmatrix![1.0],
    );
    let locus = root_locus(&system.unwrap()).unwrap();
    let zero = Complex::new(-0.5, 3.75_f64.sqrt());
    expect_same_set("ends", &[zero, zero.conj()], &last_points(&locus), 1e-3);
}

#[test]
fn the_locus_crosses_the_axis_at_the_gain_margin() {
    let system = flow("flexible-arm");
    let edge = margins(&system).unwrap().gain_margin().unwrap();
    let locus = root_locus(&system).unwrap();
    let right = |k: usize| locus.branches.iter().any(|branch| branch[k].re > 1e-9);
    let first = (1..locus.gains.len()).find(|&k| right(k)).unwrap();
    assert!(locus.gains[first - 1] <= edge.factor && edge.factor <= locus.gains[first]);
    let crossing =
        locus.branches.iter().map(|b| b[first]).find(|pole| pole.re > 1e-9 && pole.im > 0.0);
    close("the frequency there", edge.omega, crossing.unwrap().im, 0.05);
}

#[test]
fn a_locus_of_what_has_none_is_refused() {
    let AnySystem::Continuous(tanks) = named("four-tanks").system else { panic!() };
    let error = root_locus(&tanks).unwrap_err().to_string();
    assert_eq!(error, "expected one input and one output, found 2 and 2");
    let many = own(-DMatrix::identity(33, 33), DMatrix::zeros(33, 1), DMatrix::zeros(1, 33));
    let error = root_locus(&many).unwrap_err().to_string();
    assert_eq!(error, "expected at most 32 branches of a root locus, found 33");
    // Feedback that moves nothing ends all the same.
    let deaf = own(-DMatrix::identity(2, 2), DMatrix::zeros(2, 1), DMatrix::zeros(1, 2));
    assert!(root_locus(&deaf).unwrap().gains.len() < 10);
}

// --- the report ----------------------------------------------------------------------------

#[test]
fn every_shipped_system_has_the_verdict_of_its_textbook() {
    for (name, stability, sentence) in [
        (
            "damped-spring",
            "asymptotically stable",
            "It rings at 0.9798 rad/s with a damping ratio of 0.2",
        ),
        ("rlc", "asymptotically stable", "It rings at 3122 rad/s"),
        ("dc-motor", "marginal", "neither settles nor grows"),
        ("cruise-control", "asymptotically stable", "fades to 1/e in 20 s"),
        ("upright-pendulum", "unstable", "twofold every 0.2359 s"),
        ("satellite", "unstable", "drifts away, like a power of time"),
        ("flexible-arm", "marginal", "the gain may grow by the factor 55.2077"),
        ("water-turbine", "asymptotically stable", "first goes the wrong way, by 80 %"),
        ("four-tanks", "asymptotically stable", "fades to 1/e in 90.34 s"),
        (
            "cancelled-pole",
            "unstable",
            "One mode is out of reach of every input, and it does not die away",
        ),
        ("hippo-legs", "asymptotically stable", "fades to 1/e in 1 s"),
        (
            "sampled-spring",
            "asymptotically stable",
            "It rings at 0.9798 rad/s with a damping ratio of 0.2",
        ),
        ("leaky-average", "asymptotically stable", "fades to 1/e in 9.491 s"),
        ("moving-average", "asymptotically stable", "at rest after 4 steps"),
    ] {
        let report = report(name);
        assert_eq!(report.stability.verdict, stability, "{name}");
        let all = report.verdict.join("\n");
        assert!(all.contains(sentence), "{name}: expected `{sentence}` in\n{all}");
        assert!(report.observable, "{name}");
        assert_eq!(report.controllable, name != "cancelled-pole", "{name}");
    }
}

#[test]
fn the_certificate_is_an_energy_that_falls() {
    for (name, _) in NAMED_SYSTEMS {
        let (report, system) = (report(name), named(name).system);
        let Some(rows) = &report.stability.certificate else {
            assert_ne!(report.stability.verdict, "asymptotically stable", "{name}");
            continue;
        };
        let n = rows.len();
        let p = DMatrix::from_row_iterator(n, n, rows.iter().flatten().copied());
        let a = &system.matrices().a;
        let change = match system.delta() {
            None => a.transpose() * &p + &p * a,
            Some(_) => a.transpose() * &p * a - &p,
        };
        let apart = (change + DMatrix::identity(n, n)).norm();
        assert!(apart < 1e-9 * (1.0 + p.norm() * a.norm()), "{name}: {apart:e}");
        assert!(p.cholesky().is_some(), "{name}");
    }
    let same = lyapunov_certificate(flow("damped-spring").a(), &DMatrix::identity(2, 2)).unwrap();
    let bound = report("damped-spring").stability.growth_bound.unwrap();
    assert_eq!(same.growth_bound(), bound);
}

#[test]
fn what_cannot_be_said_is_left_out_with_its_reason() {
    let tanks = report("four-tanks");
    assert!(tanks.feedback.is_none() && tanks.step.is_none() && tanks.bandwidth.is_none());
    assert!(tanks.left_out.iter().any(|reason| reason.contains("one input and one output")));
    assert!(tanks.peak_gain.is_some() && tanks.gain_at_rest.is_some());
    let upright = report("upright-pendulum");
    assert!(upright.gain_at_rest.is_none() && upright.peak_gain.is_none());
    assert!(upright.left_out.iter().any(|reason| reason.contains("only a system that settles")));
    assert!(report("damped-spring").left_out.is_empty());
}

#[test]
fn rounding_is_not_taken_for_growth() {
    // The arm's integrator comes out as 2e-15.
    let arm = report("flexible-arm");
    assert_eq!(arm.modes[0].natural_frequency, Some(0.0));
    assert_eq!(arm.modes[0].time_constant, None);
    // A turn by an angle: on the circle, whatever its last digit says.
    let turn = dmatrix![0.6, -0.8; 0.8, 0.6];
    let (b, c) = (dmatrix![1.0; 0.0], dmatrix![1.0, 0.0]);
    let system = StateSpace::discrete(turn, b, c, dmatrix![0.0], 1.0).unwrap();
    let described = DescribedSystem {
        name: "turn".into(),
        about: String::new(),
        parameters: Vec::new(),
        system: AnySystem::Discrete(system),
    };
    let report = analyze(&described).unwrap();
    assert_eq!(report.stability.verdict, "marginal");
    assert!(
        report.modes.iter().all(|mode: &Mode| mode.time_constant.is_none()),
        "{:?}",
        report.modes
    );
}

#[test]
fn a_report_survives_being_written_as_json() {
    for (name, _) in NAMED_SYSTEMS {
        let report = report(name);
        let text = serde_json::to_string(&report).unwrap();
        assert!(!text.contains("NaN") && !text.contains("inf"), "{name}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["d_state"], report.d_state, "{name}");
        assert_eq!(value["modes"].as_array().unwrap().len(), report.d_state, "{name}");
        assert_eq!(value["stability"]["verdict"], report.stability.verdict, "{name}");
    }
}

#[test]
fn numbers_are_written_in_four_digits() {
    for (value, expected) in [
        (0.0, "0"),
        (1.0, "1"),
        (-0.2, "-0.2"),
        (55.20766, "55.21"),
        (0.012925214, "0.01293"),
        (12345.678, "12346"),
        (123_456.0, "1.235e5"),
        (1e-9, "1.000e-9"),
        (9.99999, "10"),
    ] {
        assert_eq!(digits(value), expected);
    }
    assert_eq!(written(Complex::new(-0.2, -0.97979).into()), "-0.2 - 0.9798i");
    assert_eq!(written(Complex::new(1e-17, 1.0).into()), "0 + 1i");
    assert_eq!(written(Complex::new(3.0, 1e-17).into()), "3");
}
