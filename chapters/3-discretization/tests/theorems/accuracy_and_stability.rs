//! What the page *Accuracy and stability* claims.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::accuracy_and_stability::{
    Discretization, Signal, StabilityKind, exact_outputs, fitted_order, multiplications,
    output_error, stepped_outputs, stiff_pair,
};
use discretization::zero_order_hold::{expm1_ratio, phi};
use math_foundations::linear_systems::{DormandPrince, held_input_step};
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::stability::{spectral_abscissa, spectral_radius};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};
use proptest::prelude::*;
use workbench::testing::relative_error;

use crate::systems::{golden, matrix, random_flow, random_inputs, series_error, spring};

/// The eight rules, and two more members of the families with parameters.
fn rules() -> Vec<Discretization> {
    let mut rules = Discretization::ALL.to_vec();
    rules.extend([
        Discretization::GeneralizedBilinear(0.25),
        Discretization::ExponentialTrapezoidal(0.3),
    ]);
    rules
}

/// The slope of the error from `coarsest` steps to 32 times as many, over `duration` seconds.
fn slope(
    rule: Discretization,
    sys: &StateSpace<Continuous>,
    signal: Signal,
    duration: f64,
    coarsest: usize,
) -> f64 {
    let counts: Vec<usize> = (0..6).map(|j| coarsest << j).collect();
    let deltas: Vec<f64> = counts.iter().map(|n| duration / *n as f64).collect();
    let errors: Vec<f64> = counts
        .iter()
        .zip(&deltas)
        .map(|(n, delta)| output_error(rule, sys, signal, *delta, *n).unwrap())
        .collect();
    fitted_order(&deltas, &errors).unwrap()
}

#[test]
fn eq_3_7_each_rule_agrees_with_the_flow_up_to_its_order() {
    let direction = Complex::from_polar(1.0, 2.2);
    for rule in rules() {
        let p = f64::from(rule.order());
        // The error of each function, and the power of z by which it has to fall.
        let errors = |size: f64| {
            let z = direction * size;
            let step = rule.scalar(z);
            [
                ((step.a_bar - z.exp()).norm(), p + 1.0),
                ((step.end + step.begin - expm1_ratio(z)).norm(), p),
                ((step.end - phi(2, z)).norm(), p - 1.0),
                // An input s²/2: no rule that looks at two ends gets it right, so none has order 3.
                ((step.end / 2.0 - phi(3, z)).norm(), p - 2.0),
            ]
        };
        let mut sharp = false;
        for ((coarse, power), (fine, _)) in errors(0.02).into_iter().zip(errors(0.01)) {
            if fine > 1e-13 {
                let found = (coarse / fine).log2();
                assert!(found > power - 0.05, "{rule}: falls as z^{found:.2}, not as z^{power}");
                sharp |= found < power + 0.05;
            }
        }
        assert!(sharp, "{rule} has an order higher than {p}");
    }
}

#[test]
fn eq_3_7_a_mode_is_multiplied_by_r() {
    for rule in rules() {
        for (lambda, delta) in [(-1.5, 0.3), (0.4, 0.2), (-1000.0, 0.01), (0.0, 1.0)] {
            let sys = StateSpace::continuous(
                dmatrix![lambda],
                dmatrix![2.0],
                dmatrix![1.0],
                dmatrix![0.0],
            );
            let found = rule.discretize(&sys.unwrap(), delta).unwrap();
            let step = rule.scalar(Complex::new(lambda * delta, 0.0));
            let near = |found: f64, expected: Complex<f64>| {
                let off = (found - expected.re).abs();
                assert!(off < 1e-14 * (1.0 + expected.norm()), "{rule} at λ = {lambda}: {off:e}");
            };
            near(found.a_bar[0], step.a_bar);
            near(found.b_bar[0], step.end * (2.0 * delta));
            near(found.b_bar_previous[0], step.begin * (2.0 * delta));
        }
    }
}

/// The spring, place and speed both read.
fn open_spring() -> StateSpace<Continuous> {
    let (a, b) = (spring(0.4).a().clone(), spring(0.4).b().clone());
    StateSpace::continuous(a, b, DMatrix::identity(2, 2), DMatrix::zeros(2, 1)).unwrap()
}

#[test]
fn measured_orders_are_those_of_the_theory() {
    for rule in rules() {
        let found = slope(rule, &open_spring(), Signal::Sine(1.3), 12.0, 128);
        let p = f64::from(rule.order());
        assert!((found - p).abs() < 0.06, "{rule}: slope {found:.3}, order {p}");
        for seed in 0..3 {
            let sys = random_flow((5, 2, 2), 1.5, -2.0, seed);
            let found = slope(rule, &sys, Signal::Sine(2.0), 4.0, 128);
            assert!((found - p).abs() < 0.15, "{rule}, seed {seed}: slope {found:.3}, order {p}");
        }
    }
}

#[test]
fn mambas_rule_has_order_two_where_the_input_is_not_seen_at_once() {
    // Of the spring we read the place, and CB = 0.
    let found = slope(Discretization::ExponentialEuler, &spring(0.4), Signal::Sine(1.3), 12.0, 128);
    assert!((found - 2.0).abs() < 0.01, "{found}");
    // All others of order 1 stay there.
    for rule in [Discretization::ZeroOrderHold, Discretization::ForwardEuler] {
        let found = slope(rule, &spring(0.4), Signal::Sine(1.3), 12.0, 128);
        assert!((found - 1.0).abs() < 0.06, "{rule}: {found}");
    }
}

#[test]
fn mambas_rule_is_the_exponential_trapezoid_with_another_d() {
    for seed in 0..5 {
        let (sys, delta) = (random_flow((7, 2, 3), 1.5, -1.0, seed), 0.4);
        let d = sys.d() + sys.c() * sys.b() * (0.5 * delta);
        let shifted =
            StateSpace::continuous(sys.a().clone(), sys.b().clone(), sys.c().clone(), d).unwrap();
        let u = random_inputs(2, 60, seed);
        let euler = Discretization::ExponentialEuler.discretize(&sys, delta).unwrap();
        let trapezoid = Discretization::ExponentialTrapezoidal(0.5);
        let trapezoid = trapezoid.discretize(&shifted, delta).unwrap();
        let (found, expected) = (euler.simulate(&u).unwrap(), trapezoid.simulate(&u).unwrap());
        assert!(series_error(&found, &expected) < 1e-13);
    }
}

#[test]
fn mambas_rule_is_exact_on_hammer_blows() {
    // A blow of area Δu at each tick: the state jumps by B Δu, and is left alone in between.
    let (sys, delta) = (random_flow((5, 1, 1), 1.0, -1.0, 2), 0.3);
    let carry = matrix_exponential(&(sys.a() * delta)).unwrap();
    let u = random_inputs(1, 30, 7);
    let rule = Discretization::ExponentialEuler.discretize(&sys, delta).unwrap();
    let found = rule.run(&DVector::zeros(5), &DVector::zeros(1), &u).unwrap();
    let mut x = DVector::zeros(5);
    for (u, found) in u.iter().zip(&found) {
        x = &carry * x + sys.b() * (u * delta);
        assert!((found - &x).amax() < 1e-14);
    }
}

#[test]
fn holds_are_exact_on_what_they_hold() {
    let error = |rule, signal, sys: &StateSpace<Continuous>| {
        output_error(rule, sys, signal, 0.7, 12).unwrap()
    };
    for sys in [spring(0.4), spring(2.0), random_flow((6, 2, 3), 1.0, -1.5, 4)] {
        assert!(error(Discretization::ZeroOrderHold, Signal::Step, &sys) < 1e-13);
        assert!(error(Discretization::FirstOrderHold, Signal::Step, &sys) < 1e-13);
        assert!(error(Discretization::FirstOrderHold, Signal::Ramp, &sys) < 1e-13);
        // And no other rule is, even on a constant.
        for rule in Discretization::ALL {
            let hold =
                matches!(rule, Discretization::ZeroOrderHold | Discretization::FirstOrderHold);
            assert!(hold || error(rule, Signal::Step, &sys) > 1e-3, "{rule}");
        }
        assert!(error(Discretization::ZeroOrderHold, Signal::Ramp, &sys) > 1e-2);
    }
}

#[test]
fn an_input_that_begins_a_step_early_costs_an_order() {
    // From x_{-1} = 0 and u_{-1} = 0 the trapezoid lets a unit step rise from t = -Δ on.
    let error = |count: usize, early: bool| {
        let delta = 12.0 / count as f64;
        let exact = exact_outputs(&spring(0.4), Signal::Step, delta, count).unwrap();
        let rule = Discretization::Bilinear.discretize(&spring(0.4), delta).unwrap();
        let found = if early {
            rule.simulate(&vec![DVector::repeat(1, 1.0); count + 1]).unwrap()
        } else {
            stepped_outputs(&rule, Signal::Step, count).unwrap()
        };
        exact.iter().zip(&found).map(|(y, found)| (y - found).amax()).fold(0.0, f64::max)
    };
    let order = |early| (error(512, early) / error(1024, early)).log2();
    assert!((order(true) - 1.0).abs() < 0.02, "{}", order(true));
    assert!((order(false) - 2.0).abs() < 0.02, "{}", order(false));
}

#[test]
fn the_reference_agrees_with_an_integrator_that_knows_no_exponential() {
    for (sys, signal) in [
        (spring(0.4), Signal::Sine(1.3)),
        (spring(2.0), Signal::Ramp),
        (random_flow((6, 2, 1), 2.0, -1.0, 9), Signal::Step),
        (random_flow((4, 3, 2), 2.0, 0.1, 3), Signal::Sine(5.0)),
    ] {
        let (a, b) = (sys.a().clone(), sys.b().column_sum());
        let law = |t: f64, x: &DVector<f64>| &a * x + &b * signal.at(t);
        let run = DormandPrince::with_tolerance(1e-13)
            .integrate(law, &DVector::zeros(sys.d_state()), (0.0, 3.0))
            .unwrap();
        let x = run.steps().last().unwrap();
        let y = sys.c() * x + sys.d().column_sum() * signal.at(3.0);
        let exact = exact_outputs(&sys, signal, 0.25, 12).unwrap();
        let off = (&y - &exact[12]).amax() / y.amax().max(1.0);
        assert!(off < 1e-11, "{off:e}");
    }
}

#[test]
fn kinds_of_stability_are_as_named() {
    for rule in rules() {
        let r = |z: Complex<f64>| rule.scalar(z).a_bar.norm();
        // On the imaginary axis and far to the left, by the thousand.
        let axis = (0..4000).map(|k| Complex::new(0.0, 0.05 * f64::from(k) - 100.0));
        let largest = axis.map(r).fold(0.0, f64::max);
        let far = r(Complex::new(-1e9, 0.0));
        match rule.stability() {
            StabilityKind::Conditional => assert!(largest > 1.0 && far > 1.0, "{rule}"),
            StabilityKind::AStable => {
                assert!(largest < 1.0 + 1e-14 && far > 0.1 && far <= 1.0, "{rule}: {far}");
            }
            StabilityKind::LStable => assert!(largest < 1.0 + 1e-14 && far < 1e-8, "{rule}"),
        }
    }
    // A rational function of order 2 that is A-stable rings: |r| is 1 at infinity.
    assert!(Discretization::Bilinear.scalar(Complex::new(-1e9, 0.0)).a_bar.re < -0.999_999);
}

#[test]
fn the_largest_stable_step_is_where_the_spectral_radius_passes_one() {
    for seed in 0..8 {
        let sys = random_flow((6, 1, 1), 1.0, -1.6, seed);
        assert!(spectral_abscissa(sys.a()).unwrap() < 0.0);
        for rule in rules() {
            let limit = rule.largest_stable_step(&sys).unwrap();
            let radius =
                |delta: f64| spectral_radius(&rule.discretize(&sys, delta).unwrap().a_bar).unwrap();
            if rule.stability() == StabilityKind::Conditional {
                assert!(radius(0.999 * limit) < 1.0 && radius(1.001 * limit) > 1.0, "{rule}");
            } else {
                assert_eq!(limit, f64::INFINITY);
                assert!(radius(50.0) <= 1.0, "{rule}");
            }
        }
    }
    assert_eq!(Discretization::ForwardEuler.largest_stable_step(&spring(0.0)).unwrap(), 0.0);
}

#[test]
fn a_stiff_pair_may_be_stepped_by_what_is_seen_of_it_unless_the_rule_is_explicit() {
    let sys = stiff_pair().unwrap();
    let error = |rule, delta: f64| {
        output_error(rule, &sys, Signal::Sine(1.0), delta, (4.0 / delta) as usize).unwrap()
    };
    assert!(error(Discretization::ForwardEuler, 0.0021) > 1e3);
    assert!(error(Discretization::ForwardEuler, 0.0019) < 2e-3);
    assert!(error(Discretization::Bilinear, 0.1) < 2e-3);
    assert!(error(Discretization::BackwardEuler, 0.1) < 0.1);
    assert!(error(Discretization::FirstOrderHold, 0.1) < 2e-3);
    // The exact decay does not save a rule that takes ΔB for what the input adds: the fast tank, whose
    // level is u, is hit by 0.1 s of it at once and stands a hundred times too high.
    let (a, b) = (sys.a().clone(), sys.b().clone());
    let open = StateSpace::continuous(a, b, DMatrix::identity(2, 2), DMatrix::zeros(2, 1)).unwrap();
    let error = |rule| output_error(rule, &open, Signal::Sine(1.0), 0.1, 40).unwrap();
    assert!(error(Discretization::ExponentialEuler) > 90.0);
    assert!(error(Discretization::ExponentialTrapezoidal(0.5)) > 40.0);
    assert!(error(Discretization::ZeroOrderHold) < 0.2);
}

/// `D, CB, CAB, …`: what the control form of a recurrence, or SciPy's matrices, answer to one 1.
fn answer_to_one([a, b, c, d]: [DMatrix<f64>; 4]) -> Vec<DMatrix<f64>> {
    let mut x = b;
    let mut answer = vec![d];
    for _ in 0..8 {
        answer.push(&c * &x);
        x = &a * x;
    }
    answer
}

#[test]
fn every_rule_agrees_with_scipy_where_scipy_has_it() {
    let mut compared = 0;
    for (file, keys, rule_key) in [
        ("bilinear_family.json", ["a", "b", "c", "d", "delta"], "rule"),
        ("cont2discrete_holds.json", ["A", "B", "C", "D", "dt"], "method"),
    ] {
        let golden = golden(file);
        for case in golden["cases"].as_array().expect("cases") {
            let name = case[rule_key].as_str().expect("a rule");
            let name = if name.starts_with("gbt") { "gbt=0.3" } else { name };
            let rule: Discretization = name.parse().unwrap();
            let system = &golden["systems"][case["system"].as_str().expect("a name")];
            let [a, b, c, d] = [0, 1, 2, 3].map(|part| matrix(&system[keys[part]]));
            let sys = StateSpace::continuous(a, b, c, d).unwrap();
            let found = rule.discretize(&sys, case[keys[4]].as_f64().unwrap()).unwrap();
            let control = found.control_form();
            let found = answer_to_one([control.a, control.b, control.c, control.d]);
            let suffix = if rule_key == "method" { "d" } else { "" };
            let theirs = [0, 1, 2, 3].map(|part| matrix(&case[format!("{}{suffix}", keys[part])]));
            let expected = answer_to_one(theirs);
            let size = expected.iter().map(DMatrix::amax).fold(0.0, f64::max);
            for (found, expected) in found.iter().zip(&expected) {
                let off = (found - expected).amax();
                assert!(off < 1e-11 * size, "{rule}, {}: {off:e}", case["system"]);
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 120);
}

#[test]
fn names_are_read_back() {
    for rule in rules() {
        assert_eq!(rule.to_string().parse(), Ok(rule));
    }
    let refused = |text: &str| text.parse::<Discretization>().unwrap_err().to_string();
    assert!(
        refused("bilinaer").starts_with("no rule is called `bilinaer`, did you mean `bilinear`?")
    );
    assert!(refused("").starts_with("no rule is called ``"));
    assert_eq!(
        refused("gbt=2"),
        "expected generalized-bilinear=SHARE with a share from 0 to 1, found `gbt=2`"
    );
    assert!(refused("gbt=NaN").contains("found `gbt=NaN`"));
    assert_eq!(refused("zoh=1"), "expected zero-order-hold without a parameter, found `zoh=1`");
}

#[test]
fn a_step_costs_the_same_for_all_rules_that_look_at_one_end() {
    let sys = random_flow((8, 2, 3), 1.0, -2.0, 1);
    for rule in Discretization::ALL {
        let both = matches!(
            rule,
            Discretization::Bilinear
                | Discretization::GeneralizedBilinear(_)
                | Discretization::FirstOrderHold
                | Discretization::ExponentialTrapezoidal(_)
        );
        let count = multiplications(&rule.discretize(&sys, 0.1).unwrap());
        assert_eq!(count, 64 + 16 * (1 + usize::from(both)) + 24 + 6, "{rule}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_stable_rules_keep_stable_systems_stable(
        n in 1usize..=64, seed in 0u64..1000, exponent in -2.0..2.0f64,
    ) {
        let sys = random_flow((n, 1, 1), 1.0, -1.3, seed);
        prop_assume!(spectral_abscissa(sys.a()).unwrap() < -0.01);
        for rule in Discretization::ALL {
            if rule.stability() != StabilityKind::Conditional {
                let step = rule.discretize(&sys, 10f64.powf(exponent)).unwrap();
                let radius = spectral_radius(&step.a_bar).unwrap();
                prop_assert!(radius < 1.0, "{rule}: {radius}");
            }
        }
    }

    #[test]
    fn random_systems_are_answered_exactly_under_a_held_input(
        n in 1usize..=64, seed in 0u64..1000, delta in 0.01..2.0f64,
    ) {
        let sys = random_flow((n, 2, 1), 1.0, -1.3, seed);
        let (a_bar, b_bar) = held_input_step(sys.a(), sys.b(), delta).unwrap();
        let found = Discretization::ZeroOrderHold.discretize(&sys, delta).unwrap();
        prop_assert!(relative_error(&found.a_bar, &a_bar) < 1e-12);
        prop_assert!(relative_error(&found.b_bar_previous, &b_bar) < 1e-11);
        let error = output_error(Discretization::ZeroOrderHold, &sys, Signal::Step, delta, 20);
        prop_assert!(error.unwrap() < 1e-11);
    }

    #[test]
    fn fitted_orders_are_the_powers_of_powers(p in 0.5..4.0f64, scale in 1e-3..1e3f64) {
        let deltas = [0.1, 0.05, 0.02, 0.01];
        let errors = deltas.map(|delta| scale * f64::powf(delta, p));
        prop_assert!((fitted_order(&deltas, &errors).unwrap() - p).abs() < 1e-9);
        prop_assert_eq!(fitted_order(&[0.1, 0.1], &[1.0, 2.0]), None);
        prop_assert_eq!(fitted_order(&deltas, &[0.0; 4]), None);
    }
}

#[test]
fn a_number_that_overflows_is_an_infinite_error_and_never_a_nan() {
    let sys = stiff_pair().unwrap();
    let error = output_error(Discretization::ForwardEuler, &sys, Signal::Step, 0.1, 400).unwrap();
    assert_eq!(error, f64::INFINITY);
    let growing =
        StateSpace::continuous(dmatrix![5.0], dmatrix![1.0], dmatrix![1.0], DMatrix::zeros(1, 1));
    let error =
        output_error(Discretization::ZeroOrderHold, &growing.unwrap(), Signal::Step, 10.0, 100);
    assert!(error.is_err() || !error.unwrap().is_nan());
}
