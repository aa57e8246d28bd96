//! The claims of the page `state_space`.

use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError, TimeDomain};
use math_foundations::state_representations::{Matrices, mass_spring_damper};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::{expect_close_matrix, random_flow, random_matrix, random_steps};

type Answer = DMatrix<Complex<f64>>;

/// Products of answers at a point that is farther from the origin than every eigenvalue of the joined
/// systems: their entries are of moderate size and rounding is all that may differ.
const CLOSE: f64 = 1e-11;

/// Points on a circle outside of the spectral radii that occur here.
fn point(angle: f64) -> Complex<f64> {
    Complex::from_polar(6.0, angle)
}

fn answer<T: TimeDomain>(system: &StateSpace<T>, lambda: Complex<f64>) -> Answer {
    system.transfer(lambda).expect("a system")
}

/// The output of steps from rest, by the definition of the recurrence alone.
fn run(system: &StateSpace<Discrete>, inputs: &[DVector<f64>]) -> Vec<DVector<f64>> {
    let mut x = DVector::zeros(system.d_state());
    let step = |u: &DVector<f64>| {
        x = system.a() * &x + system.b() * u;
        system.c() * &x + system.d() * u
    };
    inputs.iter().map(step).collect()
}

fn random_inputs(width: usize, count: usize, seed: u64) -> Vec<DVector<f64>> {
    let random = &mut ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| random_matrix(width, 1, random).column(0).into_owned()).collect()
}

/// All that joining promises of two systems, in whichever time.
fn series_parallel_and_feedback_obey_algebra<T: TimeDomain>(
    first: &StateSpace<T>,
    next: &StateSpace<T>,
    beside: &StateSpace<T>,
    back: &StateSpace<T>,
    lambda: Complex<f64>,
) {
    let g = answer(first, lambda);
    let joined = first.series(next).expect("a system");
    assert_eq!(joined.d_state(), first.d_state() + next.d_state());
    expect_close_matrix(&(answer(next, lambda) * &g), &answer(&joined, lambda), CLOSE);

    let sum = first.parallel(beside).expect("a system");
    expect_close_matrix(&(answer(beside, lambda) + &g), &answer(&sum, lambda), CLOSE);

    let around = DMatrix::identity(g.nrows(), g.nrows()) + &g * answer(back, lambda);
    let expected = around.lu().solve(&g).expect("a system");
    match first.feedback(back) {
        // (I + GH)^{-1} magnifies what is rounded; random loops come close to singular ones.
        Ok(looped) => {
            let gain = looped.matrices().a.norm() * (1.0 + expected.norm());
            if gain < 1e3 {
                expect_close_matrix(&expected, &answer(&looped, lambda), 1e-9);
            }
        }
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn joining_flows_is_algebra_with_transfer_functions(
        n in 1usize..33, n_next in 1usize..33, m in 1usize..4, p in 1usize..4, q in 1usize..4,
        seed in 0u64..1_000_000, angle in -3.1..3.1,
    ) {
        series_parallel_and_feedback_obey_algebra(
            &random_flow([n, m, p], seed),
            &random_flow([n_next, p, q], seed + 1),
            &random_flow([n_next, m, p], seed + 2),
            &random_flow([n_next, p, m], seed + 3),
            point(angle),
        );
    }

    #[test]
    fn joining_steps_is_algebra_with_transfer_functions(
        n in 1usize..33, n_next in 1usize..33, m in 1usize..4, p in 1usize..4, q in 1usize..4,
        seed in 0u64..1_000_000, angle in -3.1..3.1,
    ) {
        series_parallel_and_feedback_obey_algebra(
            &random_steps([n, m, p], seed),
            &random_steps([n_next, p, q], seed + 1),
            &random_steps([n_next, m, p], seed + 2),
            &random_steps([n_next, p, m], seed + 3),
            point(angle),
        );
    }

    #[test]
    fn eq_2_1_joined_steps_do_what_one_after_the_other_does(
        n in 1usize..9, n_next in 1usize..9, m in 1usize..4, p in 1usize..4, q in 1usize..4,
        seed in 0u64..1_000_000,
    ) {
        let (first, next) = (random_steps([n, m, p], seed), random_steps([n_next, p, q], seed + 1));
        let inputs = random_inputs(m, 12, seed + 2);
        let one_after_the_other = run(&next, &run(&first, &inputs));
        let joined = run(&first.series(&next).unwrap(), &inputs);
        for (k, (expected, found)) in one_after_the_other.iter().zip(&joined).enumerate() {
            prop_assert!((expected - found).amax() < 1e-11 * (1.0 + expected.amax()), "at step {k}");
        }
    }

    #[test]
    fn a_loop_of_steps_does_what_solving_each_step_does(
        n in 1usize..9, n_back in 1usize..9, m in 1usize..4, p in 1usize..4,
        seed in 0u64..1_000_000,
    ) {
        let (g, h) = (random_steps([n, m, p], seed), random_steps([n_back, p, m], seed + 1));
        let inputs = random_inputs(m, 6, seed + 2);
        let looped = g.feedback(&h).unwrap();
        // Four equations a step, solved at once for (x₁, x₂, y, w), w the way back.
        let size = n + n_back + p + m;
        let mut left = DMatrix::identity(size, size);
        left.view_mut((0, n + n_back + p), (n, m)).copy_from(g.b());
        left.view_mut((n, n + n_back), (n_back, p)).copy_from(&-h.b());
        left.view_mut((n + n_back, 0), (p, n)).copy_from(&-g.c());
        left.view_mut((n + n_back, n + n_back + p), (p, m)).copy_from(g.d());
        left.view_mut((n + n_back + p, n), (m, n_back)).copy_from(&-h.c());
        left.view_mut((n + n_back + p, n + n_back), (m, p)).copy_from(&-h.d());
        let (mut x1, mut x2) = (DVector::zeros(n), DVector::zeros(n_back));
        let conditioned = looped.a().norm() < 100.0 && looped.c().norm() < 100.0;
        for (k, (r, found)) in inputs.iter().zip(run(&looped, &inputs)).enumerate() {
            let mut right = DVector::zeros(size);
            right.rows_mut(0, n).copy_from(&(g.a() * &x1 + g.b() * r));
            right.rows_mut(n, n_back).copy_from(&(h.a() * &x2));
            right.rows_mut(n + n_back, p).copy_from(&(g.d() * r));
            let solved = left.clone().lu().solve(&right).unwrap();
            x1 = solved.rows(0, n).into_owned();
            x2 = solved.rows(n, n_back).into_owned();
            let expected = solved.rows(n + n_back, p).into_owned();
            let apart = (&expected - found).amax();
            prop_assert!(!conditioned || apart < 1e-8 * (1.0 + expected.amax()), "at step {k}: {apart:e}");
        }
    }

    #[test]
    fn other_coordinates_and_wires_read_backwards_keep_the_answer(
        n in 1usize..17, m in 1usize..4, p in 1usize..4, seed in 0u64..1_000_000, angle in -3.1..3.1,
    ) {
        let lambda = point(angle);
        let random = &mut ChaCha8Rng::seed_from_u64(seed);
        let t = DMatrix::identity(n, n) * 3.0 + random_matrix(n, n, random);
        let flow = random_flow([n, m, p], seed);
        let steps = random_steps([n, m, p], seed);
        for (asked, told, dual) in [
            (answer(&flow, lambda), flow.change_coordinates(&t).map(|s| answer(&s, lambda)), answer(&flow.dual(), lambda)),
            (answer(&steps, lambda), steps.change_coordinates(&t).map(|s| answer(&s, lambda)), answer(&steps.dual(), lambda)),
        ] {
            // A random T may be ill conditioned: three digits are left for it.
            expect_close_matrix(&asked, &told.unwrap(), 1e-8);
            expect_close_matrix(&asked.transpose(), &dual, CLOSE);
        }
    }

    #[test]
    fn four_matrices_of_a_control_text_are_a_system_here(
        n in 1usize..9, m in 1usize..4, p in 1usize..4, rank in 0usize..9, seed in 0u64..1_000_000,
        angle in -3.1..3.1,
    ) {
        let steps = random_steps([n, m, p], seed);
        let mut text = steps.matrices().clone();
        // Some of them cannot be run backwards.
        let gone = rank.min(n);
        text.a.columns_mut(0, gone).fill(0.0);
        let ours = StateSpace::from_resolvent_form(text.clone(), *steps.time()).unwrap();
        let lambda = point(angle);
        expect_close_matrix(&text.transfer(lambda).unwrap(), &answer(&ours, lambda), 1e-9);
        prop_assert!(ours.d_state() == n || ours.d_state() == n + p);
        prop_assert!(gone == 0 || ours.d_state() == n + p);
    }

    #[test]
    fn a_gain_on_the_way_back_is_a_system_on_the_way_back(
        n in 1usize..9, m in 1usize..4, p in 1usize..4, seed in 0u64..1_000_000, angle in -3.1..3.1,
    ) {
        let random = &mut ChaCha8Rng::seed_from_u64(seed);
        let gain = random_matrix(m, p, random) * 0.3;
        let constant = Matrices {
            a: dmatrix![0.0], b: DMatrix::zeros(1, p), c: DMatrix::zeros(m, 1), d: gain.clone(),
        };
        let lambda = point(angle);
        let (flow, steps) = (random_flow([n, m, p], seed), random_steps([n, m, p], seed));
        let back = StateSpace::from_matrices(constant.clone(), Continuous).unwrap();
        let expected = answer(&flow.feedback(&back).unwrap(), lambda);
        expect_close_matrix(&expected, &answer(&flow.feedback_gain(&gain).unwrap(), lambda), 1e-9);
        let back = StateSpace::from_matrices(constant, *steps.time()).unwrap();
        let expected = answer(&steps.feedback(&back).unwrap(), lambda);
        expect_close_matrix(&expected, &answer(&steps.feedback_gain(&gain).unwrap(), lambda), 1e-9);
    }
}

#[test]
fn eq_2_1_joined_flows_have_the_slopes_of_both() {
    // Left: each flow told what it is fed. Right: the joined matrices.
    let (first, next) = (random_flow([3, 2, 2], 1), random_flow([4, 2, 3], 2));
    let joined = first.series(&next).unwrap();
    for seed in 3..20 {
        let random = &mut ChaCha8Rng::seed_from_u64(seed);
        let (x1, x2) = (random_matrix(3, 1, random), random_matrix(4, 1, random));
        let u = random_matrix(2, 1, random);
        let y1 = first.c() * &x1 + first.d() * &u;
        let slopes = (first.a() * &x1 + first.b() * &u, next.a() * &x2 + next.b() * &y1);
        let y = next.c() * &x2 + next.d() * &y1;

        let mut x = DMatrix::zeros(7, 1);
        x.rows_mut(0, 3).copy_from(&x1);
        x.rows_mut(3, 4).copy_from(&x2);
        let slope = joined.a() * &x + joined.b() * &u;
        assert!((slope.rows(0, 3) - slopes.0).amax() < 1e-14);
        assert!((slope.rows(3, 4) - slopes.1).amax() < 1e-14);
        assert!((joined.c() * &x + joined.d() * &u - y).amax() < 1e-14);
    }
}

#[test]
fn the_blocks_of_a_flow_are_wrong_for_steps_by_one_step_of_delay() {
    let half = dmatrix![0.5];
    let mean = StateSpace::discrete(half.clone(), half, dmatrix![1.0], dmatrix![0.0], 1.0).unwrap();
    // A flow's blocks, with the clock of steps.
    let flow = StateSpace::from_matrices(mean.matrices().clone(), Continuous).unwrap();
    let wrong = flow.series(&flow).unwrap().matrices().clone();
    let wrong = StateSpace::from_matrices(wrong, *mean.time()).unwrap();
    let inputs = vec![DVector::from_element(1, 1.0); 10];
    let (expected, found) = (run(&mean, &run(&mean, &inputs)), run(&wrong, &inputs));
    assert_eq!((expected[0][0], found[0][0]), (0.25, 0.0));
    for k in 1..10 {
        assert_eq!(found[k], expected[k - 1], "at step {k}");
    }
}

#[test]
fn resolvent_form_of_steps_is_what_control_texts_write() {
    let steps = random_steps([4, 2, 3], 7);
    let text = steps.resolvent_form();
    // Their loop: the output reads the state from before the input of the step.
    let mut x = DVector::zeros(4);
    let inputs = random_inputs(2, 9, 8);
    for (u, expected) in inputs.iter().zip(run(&steps, &inputs)) {
        let y = &text.c * &x + &text.d * u;
        x = &text.a * &x + &text.b * u;
        assert!((y - expected).amax() < 1e-13);
    }
}

#[test]
fn no_two_clocks_and_no_two_widths_are_joined() {
    let tick = |delta: f64| {
        let one = dmatrix![0.5];
        StateSpace::discrete(one.clone(), one.clone(), one.clone(), one, delta).unwrap()
    };
    let refused = tick(0.1).series(&tick(0.2)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "expected both systems to take the same step, found Δ = 0.1 and Δ = 0.2"
    );
    assert!(tick(0.1).parallel(&tick(0.2)).is_err() && tick(0.1).feedback(&tick(0.2)).is_err());
    // 0.1 + 0.2 is not 0.3 in binary, and still the same clock.
    assert!(tick(0.1 + 0.2).series(&tick(0.3)).is_ok());

    let wide = random_flow([2, 1, 3], 1);
    let refused = wide.series(&random_flow([2, 2, 1], 2)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "expected the outputs of the first system to fit the inputs of the second, found 3 and 2"
    );
    assert!(wide.parallel(&random_flow([2, 2, 3], 2)).is_err());
    assert!(wide.parallel(&random_flow([2, 1, 2], 2)).is_err());
    assert!(wide.feedback(&random_flow([2, 3, 2], 2)).is_err());
    assert!(wide.feedback(&random_flow([2, 2, 1], 2)).is_err());
    assert!(wide.feedback_gain(&dmatrix![1.0]).is_err());
}

#[test]
fn loops_that_chase_their_own_tail_are_refused() {
    let constant = |d: f64| {
        StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![d]).unwrap()
    };
    let refused = constant(2.0).feedback(&constant(-0.5)).unwrap_err();
    assert!(matches!(refused, StateSpaceError::AlgebraicLoop { .. }), "{refused}");
    // Up to rounding: 0.1 · 10 and 3 · 1/3 are not exact.
    assert!(constant(3.0).feedback(&constant(-1.0 / 3.0)).is_err());
    assert!(constant(2.0).feedback(&constant(-0.51)).is_ok());
    assert!(constant(2.0).feedback_gain(&dmatrix![-0.5]).is_err());

    // In steps the loop closes through CB as well: y_k = u_k, u_k = r_k + y_k.
    let steps = |c: f64, d: f64| {
        StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![c], dmatrix![d], 1.0).unwrap()
    };
    assert!(steps(1.0, 0.0).feedback(&steps(-1.0, 0.0)).is_err());
    assert!(steps(1.0, 0.0).feedback(&steps(-0.5, 0.0)).is_ok());
    // A loop that can be solved, of which x_k and r_k do not tell y_k.
    assert!(steps(1.0, 1.0).feedback(&steps(0.0, -1.0)).is_err());
}

#[test]
fn a_point_at_a_pole_and_flat_coordinates_are_refused() {
    let spring = StateSpace::try_from(mass_spring_damper(1.0, 0.0, 1.0).unwrap()).unwrap();
    assert!(matches!(spring.transfer(Complex::I), Err(StateSpaceError::AtAPole { .. })));
    let flat = spring.change_coordinates(&dmatrix![1.0, 1.0; 1.0, 1.0]).unwrap_err();
    assert_eq!(flat.to_string(), "expected T to be invertible, found a singular matrix");
    let wrong = spring.change_coordinates(&DMatrix::identity(3, 3)).unwrap_err();
    assert_eq!(wrong.to_string(), "expected T to be 2 x 2, found 3 x 3");
}

#[test]
fn wrong_shapes_and_numbers_that_are_none_are_named() {
    let (a, b, c, d) =
        (dmatrix![0.0, 1.0; -1.0, 0.0], dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0]);
    let refuse = |a: &DMatrix<f64>, b: &DMatrix<f64>, c: &DMatrix<f64>, d: &DMatrix<f64>| {
        StateSpace::continuous(a.clone(), b.clone(), c.clone(), d.clone()).unwrap_err().to_string()
    };
    let nan = dmatrix![0.0; f64::NAN];
    assert_eq!(refuse(&b, &b, &c, &d), "expected A to be square, found 2 x 1");
    assert_eq!(refuse(&a, &c, &c, &d), "expected B to be 2 x 2, found 1 x 2");
    assert_eq!(refuse(&a, &b, &b, &d), "expected C to be 2 x 2, found 2 x 1");
    assert_eq!(refuse(&a, &b, &c, &c), "expected D to be 1 x 1, found 1 x 2");
    assert_eq!(
        refuse(&a, &nan, &c, &d),
        "expected every entry of B to be finite, found NaN at row 1, column 0"
    );
    let still = StateSpace::discrete(a, b, c, d, 0.0).unwrap_err();
    assert_eq!(still.to_string(), "expected Δ to be finite and positive, found 0");
}
