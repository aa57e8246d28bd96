//! What the page *Mini-project: compare* claims.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::accuracy_and_stability::{
    Discretization, Signal, fitted_order, output_error, stepped_outputs, stiff_pair,
};
use discretization::compare::{
    CompareError, Comparison, Request, Verdict, compare, halvings, observed_order,
};
use discretization::diagonalization::hippo_legs;
use nalgebra::{DMatrix, dmatrix};
use proptest::prelude::*;

use crate::systems::{random_flow, spring};

fn scalar(lambda: f64) -> StateSpace<Continuous> {
    StateSpace::continuous(dmatrix![lambda], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0]).unwrap()
}

fn verdicts(report: &Comparison, rule: &str) -> Vec<Verdict> {
    let rule = report.rules.iter().find(|found| found.rule == rule).unwrap();
    rule.steps.iter().map(|step| step.verdict).collect()
}

#[test]
fn eq_3_8_two_steps_and_their_errors_give_the_order() {
    for rule in Discretization::ALL {
        let (deltas, counts) = ([0.02, 0.01], [600, 1200]);
        let sys = random_flow((4, 1, 2), 1.0, -1.5, 5);
        let errors = [0, 1]
            .map(|k| output_error(rule, &sys, Signal::Sine(1.0), deltas[k], counts[k]).unwrap());
        let by_formula = (errors[0] / errors[1]).ln() / (deltas[0] / deltas[1]).ln();
        let fitted = fitted_order(&deltas, &errors).unwrap();
        assert!((by_formula - fitted).abs() < 1e-12, "{rule}");
        assert!((by_formula - f64::from(rule.order())).abs() < 0.1, "{rule}: {by_formula}");
    }
}

#[test]
fn eq_3_8_three_answers_tell_the_order_that_the_truth_tells() {
    for rule in Discretization::ALL {
        let sys = random_flow((4, 1, 1), 1.0, -1.5, 6);
        let last = |count: usize| {
            let recurrence = rule.discretize(&sys, 2.0 / count as f64).unwrap();
            stepped_outputs(&recurrence, Signal::Sine(1.0), count).unwrap()[count][0]
        };
        let order = observed_order([last(100), last(200), last(400)]).unwrap();
        assert!((order - f64::from(rule.order())).abs() < 0.1, "{rule}: {order}");
    }
    assert_eq!(observed_order([1.0, 1.0, 1.0]), None);
    assert_eq!(observed_order([2.0, 1.0, 1.0]), None);
}

#[test]
fn fitted_orders_of_a_report_are_those_of_the_theory() {
    let open = |sys: StateSpace<Continuous>| {
        let n = sys.d_state();
        let (a, b) = (sys.a().clone(), sys.b().clone());
        let d = DMatrix::zeros(n, sys.inputs());
        StateSpace::continuous(a, b, DMatrix::identity(n, n), d).unwrap()
    };
    for sys in [open(spring(0.4)), open(random_flow((5, 2, 1), 1.0, -1.5, 1))] {
        let mut request = Request::of(&sys).unwrap();
        request.deltas = halvings(request.duration / 128.0, 5);
        for rule in compare(&sys, &request).unwrap().rules {
            let found = rule.fitted_order.unwrap();
            assert!((found - f64::from(rule.order)).abs() < 0.1, "{}: {found}", rule.rule);
        }
    }
}

#[test]
fn verdicts_say_what_a_rule_makes_of_rest_of_ringing_and_of_growth() {
    use Verdict::{Calms, Faithful, Grows, NoStep, Rings};
    let report = |sys: &StateSpace<Continuous>, deltas: &[f64]| {
        let deltas = deltas.to_vec();
        compare(sys, &Request { deltas, duration: 4.0, ..Request::of(sys).unwrap() }).unwrap()
    };
    let dies = report(&scalar(-4.0), &[1.0, 0.5, 0.25]);
    assert_eq!(verdicts(&dies, "forward-euler"), [Grows, Rings, Faithful]);
    assert_eq!(verdicts(&dies, "zero-order-hold"), [Faithful; 3]);
    let rings = report(&spring(0.0), &[1.0, 0.01]);
    assert_eq!(verdicts(&rings, "forward-euler"), [Grows; 2]);
    assert_eq!(verdicts(&rings, "backward-euler"), [Calms; 2]);
    assert_eq!(verdicts(&rings, "bilinear"), [Faithful; 2]);
    assert_eq!(verdicts(&rings, "zero-order-hold"), [Faithful; 2]);
    let grows = report(&scalar(2.0), &[2.0, 1.0, 0.5, 0.25]);
    // At Δλ = 2 the factor is -1: what grows in the flow is calmed to a ringing.
    assert_eq!(verdicts(&grows, "backward-euler"), [Calms, Calms, NoStep, Faithful]);
    assert_eq!(verdicts(&grows, "forward-euler"), [Faithful; 4]);
    let no_step = &grows.rules[1].steps[2];
    assert!(no_step.reason.as_ref().unwrap().contains("found a singular matrix at Δ = 0.5"));
    assert_eq!(no_step.error, None);
}

#[test]
fn the_price_is_that_of_the_longest_step_that_is_good_enough() {
    let sys = hippo_legs(4).unwrap();
    let report = compare(&sys, &Request::of(&sys).unwrap()).unwrap();
    for rule in &report.rules {
        let good = rule.steps.iter().find(|step| {
            step.error.is_some_and(|error| error <= 0.01) && step.verdict == Verdict::Faithful
        });
        let expected = good.map(|step| step.steps * rule.multiplications.unwrap());
        assert_eq!(rule.price, expected, "{}", rule.rule);
    }
    // The hold on straight lines is the cheapest way to one percent.
    let cheapest = report.rules.iter().filter_map(|r| Some((r.price?, &r.rule))).min().unwrap();
    assert_eq!(cheapest.1, "first-order-hold");
}

#[test]
fn a_report_has_no_infinity_and_no_nan() {
    let fast = StateSpace::continuous(
        dmatrix![-1e6, 1.0; 0.0, -1e-3],
        dmatrix![1.0; 1.0],
        dmatrix![1.0, 1.0],
        dmatrix![0.0],
    );
    for sys in [stiff_pair().unwrap(), fast.unwrap(), spring(0.0), scalar(3.0), scalar(0.0)] {
        let report = compare(&sys, &Request::of(&sys).unwrap()).unwrap();
        let json = serde_json::to_value(&report).unwrap();
        // serde_json writes null for a number that is none: only these may be null.
        let number = |value: &serde_json::Value| value.as_f64().is_some_and(f64::is_finite);
        assert!(number(&json["duration"]));
        for rule in &report.rules {
            assert!(rule.fitted_order.is_none_or(f64::is_finite));
            assert!(rule.largest_stable_step.is_none_or(f64::is_finite));
            for step in &rule.steps {
                assert!(step.error.is_none_or(f64::is_finite), "{}", rule.rule);
                assert!(step.delta.is_finite());
            }
        }
        assert!(report.modes.iter().flatten().all(|part| part.is_finite()));
    }
}

#[test]
fn bad_requests_are_refused_with_a_sentence() {
    let sys = spring(0.4);
    let good = || Request::of(&sys).unwrap();
    let said = |request: Request| compare(&sys, &request).unwrap_err().to_string();
    assert_eq!(said(Request { rules: vec![], ..good() }), "expected at least one rule, found none");
    assert_eq!(
        said(Request { deltas: vec![], ..good() }),
        "expected at least one step, found none"
    );
    for (delta, sentence) in [
        (0.0, "expected Δ to be finite and positive, found 0"),
        (f64::NAN, "expected Δ to be finite and positive, found NaN"),
        (9.0, "expected steps no longer than the duration of 8 s, found 9"),
        (1e-9, "more work than this program does"),
    ] {
        let said = said(Request { deltas: vec![delta], ..good() });
        assert!(said.contains(sentence), "{said}");
    }
    assert!(said(Request { duration: -1.0, ..good() }).contains("the duration to be finite"));
    assert!(said(Request { tolerance: 0.0, ..good() }).contains("the tolerance to be finite"));
    assert!(said(Request { signal: Signal::Sine(f64::NAN), ..good() }).contains("ω to be finite"));

    let explodes =
        Request { duration: 1000.0, deltas: vec![0.5], ..Request::of(&scalar(2.0)).unwrap() };
    let error = compare(&scalar(2.0), &explodes).unwrap_err();
    assert!(matches!(error, CompareError::FlowGrows { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn any_stable_system_is_compared(n in 1usize..=64, m in 1usize..=2, seed in 0u64..1000) {
        let sys = random_flow((n, m, 2), 1.0, -1.2, seed);
        let mut request = Request::of(&sys).unwrap();
        request.duration = 2.0;
        request.deltas = halvings(0.125, 3);
        let report = compare(&sys, &request).unwrap();
        for rule in &report.rules {
            let errors: Vec<f64> = rule.steps.iter().filter_map(|step| step.error).collect();
            prop_assert_eq!(errors.len(), 3);
            prop_assert!(errors[2] < 0.8 * errors[0], "{}: {:?}", rule.rule, errors);
        }
    }
}
