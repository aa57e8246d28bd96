//! The claims of the page `transfer_functions`.

use classical_ssm::state_space::{Continuous, Discrete, StateSpace, TimeDomain};
use classical_ssm::transfer_functions::{
    TransferFunction, TransferFunctionError, controllable_form, dc_gain, modal_form, normal_rank,
    observable_form, poles, polynomial_from_roots, to_state_space, transfer_function, zeros,
};
use math_foundations::introduction::random_orthogonal;
use math_foundations::state_representations::{DcMotor, Matrices, dc_motor, mass_spring_damper};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::common::{
    expect_close_matrix, expect_same_set, golden, matrix, numbers, random_flow, random_matrix,
    random_steps,
};

fn matrices(case: &Value) -> Matrices {
    Matrices {
        a: matrix(&case["A"]),
        b: matrix(&case["B"]),
        c: matrix(&case["C"]),
        d: matrix(&case["D"]),
    }
}

fn flow(case: &Value) -> StateSpace<Continuous> {
    StateSpace::from_matrices(matrices(case), Continuous).expect("a system")
}

fn complex_list(case: &Value, name: &str) -> Vec<Complex<f64>> {
    let (re, im) = (numbers(&case[format!("{name}_re")]), numbers(&case[format!("{name}_im")]));
    re.into_iter().zip(im).map(|(re, im)| Complex::new(re, im)).collect()
}

#[test]
fn golden_zeros_of_square_wide_and_tall_systems_are_found_and_no_others() {
    let fixture = golden("transfer_functions.json");
    let cases = fixture["zeros"].as_array().unwrap();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let expected = complex_list(case, "zeros");
        // Zeros of random systems have condition numbers of up to some thousand.
        expect_same_set(name, &expected, zeros(&flow(case)).unwrap().as_slice(), 1e-10);
        expect_same_set(name, &expected, zeros(&flow(case).dual()).unwrap().as_slice(), 1e-10);
    }
}

#[test]
fn relative_degree_is_not_mistaken_for_a_zero_far_away() {
    // CB, CAB, … are zero up to rounding, in coordinates that nobody chose.
    for (denominator, seeds) in [
        (&[2.0, 3.0, 1.0][..], 0..20),
        (&[40.0, 78.0, 49.0, 12.0, 1.0], 0..20),
        (&[720.0, 1764.0, 1624.0, 735.0, 175.0, 21.0, 1.0], 0..20),
    ] {
        let fraction = TransferFunction::new(&[3.5, 1.0], denominator).unwrap();
        let system = fraction.to_continuous().unwrap();
        for seed in seeds {
            let t = random_orthogonal(system.d_state(), seed);
            let found = zeros(&system.change_coordinates(&t).unwrap()).unwrap();
            // The last of these systems is 10⁶ times closer to one without that zero than to none.
            expect_same_set("turned", &[Complex::from(-3.5)], found.as_slice(), 1e-6);
        }
    }
}

#[test]
fn golden_poles_gains_and_fractions_are_those_of_python_control() {
    let fixture = golden("transfer_functions.json");
    for case in fixture["fractions"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let system = flow(case);
        expect_same_set(
            name,
            &complex_list(case, "poles"),
            poles(&system).unwrap().as_slice(),
            1e-12,
        );
        match (dc_gain(&system), &case["dc_gain"]) {
            (Err(TransferFunctionError::Integrates { lambda }), Value::Null) => {
                assert_eq!(lambda, 0.0);
            }
            (Ok(found), expected) => assert!((found - matrix(expected)).amax() < 1e-12, "{name}"),
            (found, expected) => panic!("{name}: expected {expected}, found {found:?}"),
        }
        let fractions = transfer_function(&system).unwrap();
        let reversed = |value: &Value| -> Vec<f64> { numbers(value).into_iter().rev().collect() };
        for i in 0..system.outputs() {
            for j in 0..system.inputs() {
                let found = &fractions[(i, j)];
                let numerator = reversed(&case["numerators_by_input"][j][i]);
                let denominator = reversed(&case["denominator"]);
                for (expected, found) in
                    [(numerator, &found.numerator), (denominator, &found.denominator)]
                {
                    for (k, expected) in expected.iter().enumerate() {
                        let found = found.get(k).copied().unwrap_or(0.0);
                        let apart = (expected - found).abs();
                        assert!(apart < 1e-11 * (1.0 + expected.abs()), "{name}: {apart:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn golden_canonical_forms_are_those_of_python_control_in_reverse_order() {
    let fixture = golden("transfer_functions.json");
    for case in fixture["forms"].as_array().unwrap() {
        let system = flow(case);
        let n = system.d_state();
        let reverse = DMatrix::from_fn(n, n, |i, j| if i + j + 1 == n { 1.0 } else { 0.0 });
        for (theirs, ours) in [
            ("reachable", controllable_form(&system).unwrap()),
            ("observable", observable_form(&system).unwrap()),
        ] {
            let expected = [
                &reverse * matrix(&case[theirs]["A"]) * &reverse,
                &reverse * matrix(&case[theirs]["B"]),
                matrix(&case[theirs]["C"]) * &reverse,
            ];
            let found = [ours.system.a(), ours.system.b(), ours.system.c()];
            for (expected, found) in expected.iter().zip(found) {
                let apart = (expected - found).amax();
                // Theirs goes through an inverted controllability matrix and loses digits twice.
                let allowed = 1e5 * ours.condition * f64::EPSILON * expected.amax();
                assert!(apart <= allowed, "{theirs}: {apart:e}, allowed {allowed:e}");
            }
        }
    }
}

/// Both sides of eq-2-2 for one input and one output.
fn answers_like_its_poles_and_zeros<T: TimeDomain>(system: &StateSpace<T>, seed: u64) {
    let fraction = &transfer_function(system).expect("a system")[(0, 0)];
    let (poles, zeros) = (poles(system).expect("a system"), zeros(system).expect("a system"));
    let gain = *fraction.numerator.last().expect("a system");
    let random = &mut ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..5 {
        let at = random_matrix(2, 1, random) * 3.0;
        let lambda = Complex::new(at[0], at[1]);
        let product = |roots: &DVector<Complex<f64>>| {
            roots.iter().map(|root| lambda - root).product::<Complex<f64>>()
        };
        let right = product(&zeros) / product(&poles) * gain;
        let left = system.transfer(lambda).expect("a system")[(0, 0)];
        // Near a pole both sides are large and no closer than the pole itself.
        assert!((left - right).norm() < 1e-7 * (1.0 + left.norm()), "at {lambda}: {left} {right}");
        let fraction = fraction.evaluate(lambda);
        assert!((left - fraction).norm() < 1e-7 * (1.0 + left.norm()), "{left} {fraction}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn eq_2_2_poles_zeros_and_one_number_are_the_whole_answer(n in 1usize..9, seed in 0u64..1_000_000) {
        answers_like_its_poles_and_zeros(&random_flow([n, 1, 1], seed), seed + 1);
        answers_like_its_poles_and_zeros(&random_steps([n, 1, 1], seed), seed + 1);
    }

    #[test]
    fn an_input_at_a_zero_moves_the_state_and_leaves_no_trace(
        n in 2usize..9, m in 1usize..4, seed in 0u64..1_000_000,
    ) {
        let system = random_flow([n, m, m], seed);
        let Matrices { a, b, c, d } = system.matrices();
        for z in zeros(&system).unwrap().iter() {
            let complex = |matrix: &DMatrix<f64>| matrix.map(Complex::from);
            let mut pencil = DMatrix::zeros(n + m, n + m);
            pencil.view_mut((0, 0), (n, n)).copy_from(&(complex(a) - DMatrix::identity(n, n) * *z));
            pencil.view_mut((0, n), (n, m)).copy_from(&complex(b));
            pencil.view_mut((n, 0), (m, n)).copy_from(&complex(c));
            pencil.view_mut((n, n), (m, m)).copy_from(&complex(d));
            let values = pencil.singular_values();
            prop_assert!(values.min() < 1e-11 * (1.0 + values.max()), "{z}: {}", values.min());
        }
    }

    #[test]
    fn zeros_do_not_mind_coordinates_gains_mixtures_or_feedback(
        n in 2usize..9, m in 1usize..4, seed in 0u64..1_000_000, d_rank in 0usize..3,
    ) {
        let mut given = random_flow([n, m, m], seed).matrices().clone();
        // D of a rank from zero up.
        given.d.columns_mut(0, m - d_rank.min(m)).fill(0.0);
        let system = StateSpace::from_matrices(given, Continuous).unwrap();
        let expected = zeros(&system).unwrap();
        // A zero that moves by much more than rounding when the system does says nothing here.
        prop_assume!(expected.iter().all(|z| z.norm() < 100.0));
        let random = &mut ChaCha8Rng::seed_from_u64(seed + 1);
        let t = random_matrix(n, n, random) + DMatrix::identity(n, n) * 3.0;
        let turned = system.change_coordinates(&t).unwrap();
        let fed_back = system.feedback_gain(&(random_matrix(m, m, random) * 0.1));
        let expected: Vec<Complex<f64>> = expected.iter().copied().collect();
        expect_same_set("turned", &expected, zeros(&turned).unwrap().as_slice(), 1e-4);
        if let Ok(fed_back) = fed_back {
            expect_same_set("fed back", &expected, zeros(&fed_back).unwrap().as_slice(), 1e-4);
        }
    }

    #[test]
    fn going_to_fractions_and_back_keeps_the_answer(
        n in 1usize..7, m in 1usize..3, p in 1usize..3, seed in 0u64..1_000_000, angle in -3.1..3.1,
    ) {
        let lambda = Complex::from_polar(4.0, angle);
        let flow = random_flow([n, m, p], seed);
        let back = to_state_space(&transfer_function(&flow).unwrap(), Continuous).unwrap();
        prop_assert_eq!(back.d_state(), n * m);
        expect_close_matrix(&flow.transfer(lambda).unwrap(), &back.transfer(lambda).unwrap(), 1e-9);
        let steps = random_steps([n, m, p], seed);
        let back = to_state_space(&transfer_function(&steps).unwrap(), *steps.time()).unwrap();
        expect_close_matrix(&steps.transfer(lambda).unwrap(), &back.transfer(lambda).unwrap(), 1e-8);
    }

    #[test]
    fn canonical_forms_are_the_same_system_as_far_as_t_is_conditioned(
        n in 1usize..7, m in 1usize..3, seed in 0u64..1_000_000, angle in -3.1..3.1,
    ) {
        let lambda = Complex::from_polar(4.0, angle);
        let (one_in, one_out) = (random_steps([n, 1, m], seed), random_flow([n, m, 1], seed));
        for (form, expected) in [
            (controllable_form(&one_in).map(|f| (f.system.transfer(lambda), f.condition)), one_in.transfer(lambda)),
            (modal_form(&one_in).map(|f| (f.system.transfer(lambda), f.condition)), one_in.transfer(lambda)),
            (observable_form(&one_out).map(|f| (f.system.transfer(lambda), f.condition)), one_out.transfer(lambda)),
            (modal_form(&one_out).map(|f| (f.system.transfer(lambda), f.condition)), one_out.transfer(lambda)),
        ] {
            if let Ok((found, condition)) = form {
                let relative = 1e3 * condition * f64::EPSILON;
                expect_close_matrix(&expected.unwrap(), &found.unwrap(), relative);
            }
        }
    }

    #[test]
    fn canonical_forms_keep_their_promise_of_coordinates(n in 1usize..7, seed in 0u64..1_000_000) {
        let system = random_flow([n, 1, 1], seed);
        for form in [controllable_form(&system), observable_form(&system), modal_form(&system)] {
            let Ok(form) = form else { continue };
            // A T = T A_new, and the wires with it.
            let allowed = 1e3 * form.condition * f64::EPSILON * (1.0 + form.t.amax());
            let moved = (system.a() * &form.t - &form.t * form.system.a()).amax();
            prop_assert!(moved <= allowed * (1.0 + form.system.a().amax()), "{moved:e} {allowed:e}");
            prop_assert!((system.b() - &form.t * form.system.b()).amax() <= allowed * (1.0 + form.system.b().amax()));
            prop_assert!((system.c() * &form.t - form.system.c()).amax() <= allowed);
        }
    }
}

#[test]
fn companion_coordinates_lose_a_digit_a_state_or_more_and_modal_ones_do_not() {
    // A chain of lags with rates 1, 2, …, N, told in random orthogonal coordinates.
    let chain = |n: usize| {
        let mut a = DMatrix::from_diagonal(&DVector::from_fn(n, |i, _| -(i as f64 + 1.0)));
        let q = random_matrix(n, n, &mut ChaCha8Rng::seed_from_u64(22)).qr().q();
        a = &q * a * q.transpose();
        let b = &q * DMatrix::from_element(n, 1, 1.0);
        let c = DMatrix::from_element(1, n, 1.0) * q.transpose();
        StateSpace::continuous(a, b, c, dmatrix![0.0]).unwrap()
    };
    let mut previous = 0.5;
    for n in [2, 4, 6, 8, 10] {
        let form = controllable_form(&chain(n)).unwrap();
        assert!(form.condition > 10.0 * previous, "N = {n}: {:e}", form.condition);
        previous = form.condition;
        assert!(modal_form(&chain(n)).unwrap().condition < 1.0 + 1e-10);
    }
    assert!(previous > 1e9, "{previous:e}");
    let refused = controllable_form(&chain(20)).unwrap_err();
    assert!(matches!(refused, TransferFunctionError::NoCanonicalForm { .. }), "{refused}");
    assert!(modal_form(&chain(20)).is_ok());
}

#[test]
fn what_the_input_does_not_reach_has_no_controllable_form() {
    let system = |b: DMatrix<f64>, c: DMatrix<f64>| {
        StateSpace::continuous(dmatrix![-1.0, 0.0; 0.0, -2.0], b, c, dmatrix![0.0]).unwrap()
    };
    let (half, both) = (dmatrix![1.0; 0.0], dmatrix![1.0; 1.0]);
    let refused = controllable_form(&system(half.clone(), both.transpose())).unwrap_err();
    assert!(refused.to_string().starts_with("expected a state that is reached by the input"));
    let refused = observable_form(&system(both.clone(), half.transpose())).unwrap_err();
    assert!(refused.to_string().starts_with("expected a state that is seen by the output"));
    let wide = random_flow([3, 2, 2], 1);
    assert_eq!(controllable_form(&wide).unwrap_err().to_string(), "expected one input, found 2");
    assert_eq!(observable_form(&wide).unwrap_err().to_string(), "expected one output, found 2");
    // A Jordan block has no modes to be told in.
    let block = StateSpace::continuous(
        dmatrix![-1.0, 1.0; 0.0, -1.0],
        both.clone(),
        both.transpose(),
        dmatrix![0.0],
    );
    assert!(modal_form(&block.unwrap()).is_err());
}

#[test]
fn feedback_moves_poles_and_leaves_zeros() {
    let motor = StateSpace::try_from(dc_motor(&DcMotor::default()).unwrap()).unwrap();
    // (2 s + 40) / s: proportional and integral.
    let controller = TransferFunction::new(&[40.0, 2.0], &[0.0, 1.0]).unwrap();
    let ahead = controller.to_continuous().unwrap().series(&motor).unwrap();
    let closed = ahead.feedback_gain(&dmatrix![1.0]).unwrap();
    assert!((zeros(&ahead).unwrap()[0].re + 20.0).abs() < 1e-9);
    assert!((zeros(&closed).unwrap()[0].re + 20.0).abs() < 1e-9);
    assert!(poles(&ahead).unwrap()[0].norm() < 1e-9);
    assert!(poles(&closed).unwrap()[0].re < -1.0);
    // An integrator ahead, and no error is left in the long run.
    assert!((dc_gain(&closed).unwrap()[(0, 0)] - 1.0).abs() < 1e-12);
    assert!(dc_gain(&ahead).is_err());
}

#[test]
fn steps_integrate_at_one_and_flows_at_zero() {
    let sum = StateSpace::discrete(dmatrix![1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0);
    let refused = dc_gain(&sum.unwrap()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "expected a constant output for a constant input, found a pole at λ = 1: \
         the output grows without end"
    );
    let mean =
        StateSpace::discrete(dmatrix![0.9], dmatrix![0.2], dmatrix![1.0], dmatrix![0.5], 1.0);
    assert!((dc_gain(&mean.unwrap()).unwrap()[(0, 0)] - 2.5).abs() < 1e-14);
}

#[test]
fn zeros_of_steps_are_those_of_the_form_that_control_texts_write() {
    // y_k = u_k - u_{k-1}/2: (z - 1/2) / z.
    let fraction = TransferFunction::new(&[-0.5, 1.0], &[0.0, 1.0]).unwrap();
    let steps = fraction.to_discrete(1.0).unwrap();
    // z itself is a zero and a pole of the state that remembers: it cancels.
    let found = zeros(&steps).unwrap();
    assert!(found.iter().any(|z| (z - 0.5).norm() < 1e-14), "{found}");
    assert!((steps.transfer(Complex::new(2.0, 0.0)).unwrap()[(0, 0)].re - 0.75).abs() < 1e-15);

    let mean =
        StateSpace::discrete(dmatrix![0.9], dmatrix![0.1], dmatrix![1.0], dmatrix![0.0], 1.0);
    // 0.1 z / (z - 0.9): the state has seen the input, which is a zero at 0.
    assert!(zeros(&mean.unwrap()).unwrap()[0].norm() < 1e-15);
}

#[test]
fn fractions_that_foresee_are_refused_and_those_that_only_remember_are_not() {
    let foresees = TransferFunction::new(&[0.0, 0.0, 1.0], &[1.0, 1.0]).unwrap();
    let refused = foresees.to_continuous().unwrap_err().to_string();
    assert_eq!(refused, "expected a numerator of degree at most 1, found degree 2");
    assert!(TransferFunction::new(&[], &[1.0]).is_err());
    assert!(TransferFunction::new(&[1.0], &[0.0, 0.0]).is_err());
    assert!(TransferFunction::new(&[f64::NAN], &[1.0]).is_err());
    let constant = TransferFunction::new(&[3.0], &[2.0]).unwrap();
    assert_eq!(dc_gain(&constant.to_continuous().unwrap()).unwrap_or(dmatrix![1.5])[(0, 0)], 1.5);
    assert_eq!(constant.to_discrete(1.0).unwrap().transfer(Complex::ONE).unwrap()[(0, 0)].re, 1.5);
    // Three steps of delay: poles at zero only.
    let delay = TransferFunction::new(&[1.0], &[0.0, 0.0, 0.0, 1.0]).unwrap();
    let delay = delay.to_discrete(1.0).unwrap();
    assert_eq!(delay.transfer(Complex::new(2.0, 0.0)).unwrap()[(0, 0)].re, 0.125);
}

#[test]
fn numerators_that_cancel_everything_are_zero_and_say_so() {
    let apart = StateSpace::continuous(
        dmatrix![-1.0, 0.0; 0.0, -2.0],
        dmatrix![1.0, 0.0; 0.0, 1.0],
        dmatrix![1.0, 0.0; 0.0, 1.0],
        DMatrix::zeros(2, 2),
    )
    .unwrap();
    let fractions = transfer_function(&apart).unwrap();
    assert_eq!(fractions[(0, 1)].in_words("s"), "0 / (s^2 + 3 s + 2)");
    // The other mode is hidden, and still written.
    assert_eq!(fractions[(0, 0)].in_words("s"), "(s + 2) / (s^2 + 3 s + 2)");
    assert_eq!(normal_rank(&apart).unwrap(), 2);
}

#[test]
fn normal_rank_is_the_rank_of_the_answer_at_almost_every_point() {
    let fixture = golden("transfer_functions.json");
    for case in fixture["zeros"].as_array().unwrap() {
        let system = flow(case);
        let g = system.matrices().transfer(Complex::new(0.37, 1.71)).unwrap();
        // Every output in its own unit.
        let g = DMatrix::from_fn(g.nrows(), g.ncols(), |i, j| {
            let size = g.row(i).norm();
            if size > 0.0 { g[(i, j)] / size } else { Complex::ZERO }
        });
        let values = g.singular_values();
        let rank = values.iter().filter(|&&value| value > 1e-11).count();
        assert_eq!(normal_rank(&system).unwrap(), rank, "{}", case["name"]);
    }
}

#[test]
fn polynomials_and_their_roots_agree() {
    let fraction = TransferFunction::new(&[6.0, 5.0, 1.0], &[10.0, 2.0, 2.0]).unwrap();
    let roots = fraction.zeros().unwrap();
    expect_same_set("zeros", &[Complex::from(-2.0), Complex::from(-3.0)], roots.as_slice(), 1e-14);
    let again = polynomial_from_roots(&fraction.poles().unwrap());
    for (expected, found) in [5.0, 1.0, 1.0].iter().zip(again) {
        assert!((expected - found).abs() < 1e-14);
    }
    let spring = StateSpace::try_from(mass_spring_damper(1.0, 0.4, 1.0).unwrap()).unwrap();
    assert!(zeros(&spring).unwrap().is_empty());
    let second = Discrete::new(1.0).unwrap();
    assert!(
        to_state_space(&DMatrix::<f64>::zeros(0, 0).map(|_| fraction.clone()), second).is_err()
    );
}
