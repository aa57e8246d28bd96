//! What the page `feedback` claims.

use classical_ssm::feedback::{
    Balance, Controller, FeedbackError, Stretch, ackermann, balance, discrete_riccati_residual,
    heated_rod, joint_dynamics, lqr, lqr_discrete, observer, place, riccati_residual,
    solve_discrete_riccati, solve_riccati,
};
use classical_ssm::state_space::{StateSpace, TimeDomain};
use math_foundations::eigendecomposition::{eigendecomposition, eigenvalues};
use math_foundations::linear_systems::held_input_step;
use math_foundations::stability::{
    is_stable, is_stable_discrete, solve_discrete_lyapunov, solve_lyapunov,
};
use math_foundations::state_representations::{Equilibrium, Pendulum, linearized_pendulum};
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use workbench::testing::{self, Lcg, assert_close, matrix, paired};

use crate::common::random_matrix;

/// A random A with eigenvalues of about the size 2, and with them stable and unstable modes.
fn random_pair(n: usize, m: usize, random: &mut ChaCha8Rng) -> (DMatrix<f64>, DMatrix<f64>) {
    (random_matrix(n, n, random) * (2.0 / (n as f64).sqrt()), random_matrix(n, m, random))
}

/// Weights: Q sees two combinations of states, R couples the inputs.
fn random_weights(n: usize, m: usize, random: &mut ChaCha8Rng) -> (DMatrix<f64>, DMatrix<f64>) {
    let (c, d) = (random_matrix(2, n, random), random_matrix(m, m, random));
    (c.transpose() * c, DMatrix::identity(m, m) + &d * d.transpose())
}

fn real(poles: &[f64]) -> Vec<Complex<f64>> {
    poles.iter().copied().map(Complex::from).collect()
}

/// N poles from -1 leftwards, every third a conjugate pair.
fn wanted_poles(n: usize) -> Vec<Complex<f64>> {
    let mut poles = Vec::new();
    while poles.len() < n {
        let re = -1.0 - poles.len() as f64 / 8.0;
        if poles.len() % 3 == 0 && poles.len() + 2 <= n {
            poles.extend([Complex::new(re, 0.7), Complex::new(re, -0.7)]);
        } else {
            poles.push(Complex::from(re));
        }
    }
    poles
}

/// The largest distance between two sets of numbers.
fn distance(found: &[Complex<f64>], wanted: &[Complex<f64>]) -> f64 {
    let apart = paired(wanted, found).into_iter().map(|(wanted, found)| (found - wanted).norm());
    apart.fold(0.0, f64::max)
}

fn pendulum() -> (DMatrix<f64>, DMatrix<f64>) {
    let upright = linearized_pendulum(&Pendulum::default(), Equilibrium::Upright).unwrap();
    (upright.a, upright.b)
}

// The fixtures -------------------------------------------------------------------------------

#[derive(Deserialize)]
struct Fixture {
    small: Vec<Small>,
    random: Vec<Drawn>,
    places: Vec<Placed>,
    control: Control,
}

#[derive(Deserialize)]
struct Small {
    name: String,
    kind: String,
    a: Vec<Vec<f64>>,
    b: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    r: Vec<Vec<f64>>,
    x: Vec<Vec<f64>>,
}

/// A, B, Q and R are drawn here as the script draws them; of X, what tells it apart.
#[derive(Deserialize)]
struct Drawn {
    kind: String,
    n: usize,
    m: usize,
    seed: u64,
    norm: f64,
    trace: f64,
    first_row: Vec<f64>,
}

/// What SciPy's robust pole placement (Tits and Yang) reached.
#[derive(Deserialize)]
struct Placed {
    n: usize,
    m: usize,
    seed: u64,
    condition: f64,
}

#[derive(Deserialize)]
struct Control {
    spring: Answers,
    cart: Answers,
    legs4: Answers,
}

#[derive(Deserialize)]
struct Answers {
    lqr: Gains,
    #[serde(rename = "dlqr_dt0.1")]
    dlqr: DiscreteGains,
    #[serde(rename = "place_-2_-3")]
    place: Option<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Gains {
    k: Vec<Vec<f64>>,
    p: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct DiscreteGains {
    #[serde(rename = "K")]
    k: Vec<Vec<f64>>,
    #[serde(rename = "P")]
    p: Vec<Vec<f64>>,
    #[serde(rename = "Ad")]
    a: Vec<Vec<f64>>,
    #[serde(rename = "Bd")]
    b: Vec<Vec<f64>>,
}

fn fixture() -> Fixture {
    serde_json::from_str(&testing::fixture("riccati.json")).expect("riccati.json")
}

#[test]
fn riccati_solutions_are_those_of_sixty_digits() {
    for case in fixture().small {
        let [a, b, q, r, x] = [&case.a, &case.b, &case.q, &case.r, &case.x].map(|m| matrix(m));
        let found = match case.kind.as_str() {
            "continuous" => solve_riccati(&a, &b, &q, &r),
            _ => solve_discrete_riccati(&a, &b, &q, &r),
        };
        let found = found.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        // The nearly uncontrollable one has X = 2e8: a change of B in its last digit moves X in the
        // twelfth. SciPy is off by up to 2e-11 here.
        assert_close(&case.name, &found, &x, 1e-11);
    }
}

#[test]
fn riccati_solutions_are_scipys_up_to_64_states() {
    for Drawn { kind, n, m, seed, norm, trace, first_row } in fixture().random {
        let mut lcg = Lcg(seed);
        let a = lcg.matrix(n, n) / (n as f64).sqrt();
        let a = if kind == "continuous" { a - DMatrix::identity(n, n) * 0.4 } else { a * 1.8 };
        let b = lcg.matrix(n, m);
        let (c, d) = (lcg.matrix(2, n), lcg.matrix(m, m));
        let (q, r) = (c.transpose() * c, DMatrix::identity(m, m) + &d * d.transpose());
        let x = match kind.as_str() {
            "continuous" => solve_riccati(&a, &b, &q, &r),
            _ => solve_discrete_riccati(&a, &b, &q, &r),
        };
        let x = x.unwrap_or_else(|error| panic!("{kind}, N = {n}: {error}"));
        // Two backward stable methods on equations whose condition is up to about 1e5 at N = 64.
        let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-9 * norm;
        assert!(close(x.norm(), norm), "{kind}, N = {n}: {} and {norm}", x.norm());
        assert!(close(x.trace(), trace), "{kind}, N = {n}: {} and {trace}", x.trace());
        for (found, expected) in x.row(0).iter().zip(first_row) {
            assert!(close(*found, expected), "{kind}, N = {n}: {found} and {expected}");
        }
    }
}

#[test]
fn regulators_and_placed_poles_are_python_controls() {
    let Control { spring, cart, legs4 } = fixture().control;
    let legs = dmatrix![
        -1.0, 0.0, 0.0, 0.0;
        -3.0_f64.sqrt(), -2.0, 0.0, 0.0;
        -5.0_f64.sqrt(), -15.0_f64.sqrt(), -3.0, 0.0;
        -7.0_f64.sqrt(), -21.0_f64.sqrt(), -35.0_f64.sqrt(), -4.0
    ];
    let ones = DMatrix::from_fn(4, 1, |i, _| (2.0 * i as f64 + 1.0).sqrt());
    let systems = [
        ("spring", dmatrix![0.0, 1.0; -40.0, -5.0], dmatrix![0.0; 1.0], spring),
        ("cart", dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0], cart),
        ("LegS", legs, ones, legs4),
    ];
    // Both sides are right to about 1e-13; python-control's printed digits are all used.
    for (name, a, b, answers) in systems {
        let (q, r) = (DMatrix::identity(a.nrows(), a.nrows()), dmatrix![1.0]);
        let regulator = lqr(&a, &b, &q, &r).unwrap();
        assert_close(name, &regulator.feedback, &matrix(&answers.lqr.k), 1e-11);
        assert_close(name, &regulator.cost, &matrix(&answers.lqr.p), 1e-11);
        let (a_bar, b_bar) = (matrix(&answers.dlqr.a), matrix(&answers.dlqr.b));
        let regulator = lqr_discrete(&a_bar, &b_bar, &q, &r).unwrap();
        assert_close(name, &regulator.feedback, &matrix(&answers.dlqr.k), 1e-11);
        assert_close(name, &regulator.cost, &matrix(&answers.dlqr.p), 1e-11);
        if let Some(expected) = answers.place {
            let expected = DMatrix::from_row_slice(1, 2, &expected);
            let poles = real(&[-2.0, -3.0]);
            let found = place(&a, &b, &poles).unwrap();
            assert!((found - &expected).norm() < 1e-12 * a.norm(), "{name}");
            let found = ackermann(&a, &b, &poles).unwrap();
            assert!((found - &expected).norm() < 1e-12 * a.norm(), "{name}");
        }
    }
}

// Poles --------------------------------------------------------------------------------------

#[test]
fn feedback_moves_the_poles_where_they_are_asked() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for (n, m) in
        [(1, 1), (2, 1), (3, 1), (4, 2), (5, 1), (6, 6), (8, 2), (16, 4), (32, 8), (64, 16)]
    {
        let (a, b) = random_pair(n, m, &mut random);
        let poles = wanted_poles(n);
        let feedback = place(&a, &b, &poles).unwrap();
        let closed = &a - &b * &feedback;
        let found = eigenvalues(&closed).unwrap();
        // The closed loop is exact for matrices within rounding; its eigenvalues move by that times
        // their condition.
        let condition = eigendecomposition(&closed).unwrap().condition_number();
        let size = a.norm() + b.norm() * feedback.norm();
        let allowed = 10.0 * n as f64 * f64::EPSILON * condition * size;
        let off = distance(found.as_slice(), &poles);
        assert!(off <= allowed.min(1e-6), "N = {n}, M = {m}: off by {off:e}, allowed {allowed:e}");
    }
}

#[test]
fn one_input_leaves_no_choice_of_the_feedback() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for n in 1..=5 {
        let (a, b) = random_pair(n, 1, &mut random);
        let poles = wanted_poles(n);
        let (one, other) = (place(&a, &b, &poles).unwrap(), ackermann(&a, &b, &poles).unwrap());
        assert_close(&format!("N = {n}"), &one, &other, 1e-10);
    }
}

#[test]
fn ackermann_loses_the_digits_that_place_keeps() {
    // Every mode is to die away a little faster.
    let (a, b) = heated_rod(16);
    let poles: Vec<_> = eigenvalues(&a).unwrap().iter().map(|mode| mode - 0.5).collect();
    let off = |feedback: DMatrix<f64>| {
        distance(eigenvalues(&(&a - &b * feedback)).unwrap().as_slice(), &poles)
    };
    let by_formula = off(ackermann(&a, &b, &poles).unwrap());
    let by_directions = off(place(&a, &b, &poles).unwrap());
    // The feedback is of size 500 and the poles are in condition 1e3 or so.
    assert!(by_directions < 1e-9, "{by_directions:e}");
    assert!(by_formula > 1e3 * by_directions, "{by_formula:e} against {by_directions:e}");
}

#[test]
fn poles_may_be_multiple_and_need_no_feedback_where_they_are() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let (a, b) = random_pair(5, 2, &mut random);
    let closed = &a - &b * place(&a, &b, &real(&[-1.0; 5])).unwrap();
    // A pole of multiplicity five is only known to the fifth root of rounding: compare powers.
    let shifted = closed + DMatrix::identity(5, 5);
    assert!(shifted.pow(5).norm() < 1e-11 * shifted.norm().powi(5).max(1.0));

    let own: Vec<_> = eigenvalues(&a).unwrap().iter().copied().collect();
    assert!(place(&a, &b, &own).unwrap().norm() < 1e-11);
}

#[test]
fn eigenvectors_are_in_better_or_similar_condition_than_scipys() {
    for Placed { n, m, seed, condition } in fixture().places {
        let mut lcg = Lcg(seed);
        let (a, b) = (lcg.matrix(n, n) * (2.0 / (n as f64).sqrt()), lcg.matrix(n, m));
        let poles: Vec<_> = (0..n).map(|i| Complex::from(-1.0 - i as f64 / 4.0)).collect();
        let closed = &a - &b * place(&a, &b, &poles).unwrap();
        let ours = eigendecomposition(&closed).unwrap().condition_number();
        println!("N = {n}, M = {m}: SciPy {condition:.1}, place {ours:.1}");
        assert!(distance(eigenvalues(&closed).unwrap().as_slice(), &poles) < 1e-8);
        assert!(ours < 100.0 * condition, "N = {n}, M = {m}: {ours} and {condition}");
    }
}

#[test]
fn a_mode_that_no_input_reaches_is_named() {
    let (a, b) = (dmatrix![1.0, 0.0; 0.0, 2.0], dmatrix![1.0; 0.0]);
    let expected =
        "expected every mode to be reached by an input, found that none moves the mode 2.000000";
    for error in [
        place(&a, &b, &real(&[-1.0, -2.0])).unwrap_err(),
        ackermann(&a, &b, &real(&[-1.0, -2.0])).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), expected);
    }
    // In other coordinates, where no entry is zero, rounding has to be seen through.
    let turn = dmatrix![0.8, -0.6; 0.6, 0.8];
    let (a, b) = (&turn * &a * turn.transpose(), &turn * b);
    assert!(matches!(
        place(&a, &b, &real(&[-1.0, -2.0])),
        Err(FeedbackError::Uncontrollable { mode }) if (mode - 2.0).norm() < 1e-14
    ));

    let hidden = StateSpace::continuous(a, b, dmatrix![0.8, 0.6], dmatrix![0.0]).unwrap();
    let error = observer(&hidden, &real(&[-1.0, -2.0])).unwrap_err();
    assert!(error.to_string().contains("that none shows the mode 2.000000"), "{error}");
}

#[test]
fn poles_that_no_real_feedback_has_are_refused() {
    let (a, b) = pendulum();
    let alone = [Complex::new(-1.0, 1.0), Complex::new(-2.0, 0.0)];
    let error = place(&a, &b, &alone).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected each complex pole with its conjugate, found the mode -1.000000 + 1.000000i alone"
    );
    let error = ackermann(&a, &b, &alone[1..]).unwrap_err();
    assert_eq!(error.to_string(), "expected as many poles as A has rows, 2, found 1");
}

// Riccati equations --------------------------------------------------------------------------

/// The same cases on every machine: a rare one, with a single input and many modes that grow, has few digits.
fn drawn_alike() -> ProptestConfig {
    ProptestConfig { cases: 24, rng_seed: RngSeed::Fixed(2026), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(drawn_alike())]

    #[test]
    fn riccati_solutions_stabilise_solve_and_are_positive(n in 1..=24_usize, m in 1..=4_usize, seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        check_riccati(n, m, &mut random);
    }
}

#[test]
fn riccati_solutions_stabilise_solve_and_are_positive_at_64() {
    check_riccati(64, 3, &mut ChaCha8Rng::seed_from_u64(64));
}

fn check_riccati(n: usize, m: usize, random: &mut ChaCha8Rng) {
    // A few modes grow, in either time.
    let (a, b) = (random_matrix(n, n, random) / (n as f64).sqrt(), random_matrix(n, m, random));
    let (q, r) = random_weights(n, m, random);
    let semidefinite = |x: &DMatrix<f64>| {
        assert_eq!(x, &x.transpose());
        let smallest = x.clone().symmetric_eigenvalues().min();
        assert!(smallest >= -1e-10 * x.norm(), "N = {n}: smallest eigenvalue {smallest:e}");
    };

    let (flow, steps) = (&a - DMatrix::identity(n, n) * 0.4, &a * 1.8);
    // The residual is relative to its terms. Where one input steers several modes that grow, X is large in
    // directions that G hardly sees, and the sums inside of `X G X` add up to a small part of them.
    let g = &b * r.clone().cholesky().unwrap().solve(&b.transpose());
    let loose = |x: &DMatrix<f64>| (1e-2 * g.norm() * x.norm()).max(1.0);
    let regulator = lqr(&flow, &b, &q, &r).unwrap();
    let residual = riccati_residual(&flow, &b, &q, &r, &regulator.cost).unwrap();
    assert!(residual < 1e-11 * loose(&regulator.cost), "flow, N = {n}: residual {residual:e}");
    assert!(is_stable(&(&flow - &b * regulator.feedback)).unwrap());
    semidefinite(&regulator.cost);

    let regulator = lqr_discrete(&steps, &b, &q, &r).unwrap();
    let residual = discrete_riccati_residual(&steps, &b, &q, &r, &regulator.cost).unwrap();
    assert!(residual < 1e-11 * loose(&regulator.cost), "steps, N = {n}: residual {residual:e}");
    assert!(is_stable_discrete(&(&steps - &b * regulator.feedback)).unwrap());
    semidefinite(&regulator.cost);
}

#[test]
fn no_other_feedback_costs_less() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (a, b) = random_pair(4, 2, &mut random);
    let (q, r) = random_weights(4, 2, &mut random);
    let best = lqr(&a, &b, &q, &r).unwrap();
    let best_steps = lqr_discrete(&a, &b, &q, &r).unwrap();
    // What a feedback costs is linear: a Lyapunov equation of its closed loop.
    let cost = |f: &DMatrix<f64>| {
        solve_lyapunov(&(&a - &b * f).transpose(), &(&q + f.transpose() * &r * f)).unwrap()
    };
    let cost_steps = |f: &DMatrix<f64>| {
        solve_discrete_lyapunov(&(&a - &b * f).transpose(), &(&q + f.transpose() * &r * f)).unwrap()
    };
    assert_close("flow", &cost(&best.feedback), &best.cost, 1e-11);
    assert_close("steps", &cost_steps(&best_steps.feedback), &best_steps.cost, 1e-11);
    for _ in 0..50 {
        let nudge = random_matrix(2, 4, &mut random) * 0.02;
        let dearer = cost(&(&best.feedback + &nudge)) - &best.cost;
        assert!(dearer.symmetric_eigenvalues().min() > -1e-12);
        let dearer = cost_steps(&(&best_steps.feedback + nudge)) - &best_steps.cost;
        assert!(dearer.symmetric_eigenvalues().min() > -1e-12);
    }
}

#[test]
fn free_states_mirror_the_poles_that_grow() {
    let (a, b) = pendulum();
    let feedback = lqr(&a, &b, &DMatrix::zeros(2, 2), &dmatrix![1.0]).unwrap().feedback;
    let modes = eigenvalues(&a).unwrap();
    assert!(modes[0].re > 0.0 && modes[1].re < 0.0);
    let closed = eigenvalues(&(&a - &b * feedback)).unwrap();
    let off = distance(closed.as_slice(), &[-modes[0], modes[1]]);
    // The two modes, -2.94 and -3.34, are close: their condition is 17.
    assert!(off < 1e-12, "{off:e}");

    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (a, b) = random_pair(6, 2, &mut random);
    let (_, r) = random_weights(6, 2, &mut random);
    let inside = |mode: &Complex<f64>| if mode.norm() > 1.0 { 1.0 / mode.conj() } else { *mode };
    let modes: Vec<_> = eigenvalues(&a).unwrap().iter().map(inside).collect();
    let feedback = lqr_discrete(&a, &b, &DMatrix::zeros(6, 6), &r).unwrap().feedback;
    let off = distance(eigenvalues(&(&a - &b * feedback)).unwrap().as_slice(), &modes);
    assert!(off < 1e-9, "{off:e}");
}

#[test]
fn stretches_compose_associatively() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let steps: Vec<Stretch> = (0..3)
        .map(|_| {
            let (a, b) = random_pair(5, 2, &mut random);
            let (q, r) = random_weights(5, 2, &mut random);
            Stretch::step(&a, &b, &q, &r).unwrap()
        })
        .collect();
    let left = steps[0].then(&steps[1]).unwrap().then(&steps[2]).unwrap();
    let right = steps[0].then(&steps[1].then(&steps[2]).unwrap()).unwrap();
    assert_close("A", &left.a, &right.a, 1e-13);
    assert_close("G", &left.g, &right.g, 1e-13);
    assert_close("H", &left.h, &right.h, 1e-13);

    // And it is the cost of the way: one long stretch, or step by step from the end.
    let after = DMatrix::identity(5, 5);
    let by_steps = steps.iter().rev().fold(after.clone(), |x, step| step.cost_before(&x).unwrap());
    assert_close("cost", &left.cost_before(&after).unwrap(), &by_steps, 1e-13);
}

#[test]
fn what_has_no_stabilising_solution_is_refused_by_name() {
    let i2 = DMatrix::<f64>::identity(2, 2);
    let one = dmatrix![1.0];
    let sentence = |result: Result<DMatrix<f64>, FeedbackError>| result.unwrap_err().to_string();

    let (a, b) = (dmatrix![-1.0, 0.0; 0.0, 0.5], dmatrix![1.0; 0.0]);
    let expected = "expected an input to reach every mode that does not die away, \
                    found that none moves the mode 0.500000";
    assert_eq!(sentence(solve_riccati(&a, &b, &i2, &one)), expected);
    // In steps, 1/2 dies away, and -1 does not; but it is reached.
    assert!(solve_discrete_riccati(&a, &b, &i2, &one).is_ok());

    let (swing, b) = (dmatrix![0.0, 1.0; -1.0, 0.0], dmatrix![0.0; 1.0]);
    let error = sentence(solve_riccati(&swing, &b, &(&i2 * 0.0), &one));
    assert!(error.starts_with("expected Q to weigh every mode on the boundary"), "{error}");
    assert!(error.contains("1.000000i"), "{error}");
    let error = sentence(solve_discrete_riccati(&i2, &i2, &(&i2 * 0.0), &i2));
    assert!(error.ends_with("no weight on the mode 1.000000"), "{error}");

    let error = sentence(solve_riccati(&swing, &b, &i2, &dmatrix![0.0]));
    assert_eq!(error, "expected R to be positive definite, found the eigenvalue 0");
    let error = sentence(solve_riccati(&swing, &b, &dmatrix![1.0, 0.0; 0.0, -1.0], &one));
    assert_eq!(error, "expected Q to be positive semidefinite, found the eigenvalue -1");
    let error = sentence(solve_riccati(&swing, &b, &dmatrix![1.0, 0.5; 0.0, 1.0], &one));
    assert_eq!(error, "expected Q to be symmetric, found 0 and 0.5 across the diagonal");
    let error = sentence(solve_riccati(&swing, &b, &i2, &i2));
    assert_eq!(error, "expected R to be 1 x 1, found 2 x 2");
}

// Observers ----------------------------------------------------------------------------------

/// The joint matrix of a system in the coordinates (x, e), from the four matrices alone.
fn separated<T: TimeDomain>(
    system: &StateSpace<T>,
    feedback: &DMatrix<f64>,
    gain: &DMatrix<f64>,
) -> DMatrix<f64> {
    let n = system.d_state();
    let c = system.resolvent_form().c;
    let mut expected = DMatrix::zeros(2 * n, 2 * n);
    expected.view_mut((0, 0), (n, n)).copy_from(&(system.a() - system.b() * feedback));
    expected.view_mut((0, n), (n, n)).copy_from(&(system.b() * feedback));
    expected.view_mut((n, n), (n, n)).copy_from(&(system.a() - gain * c));
    expected
}

#[test]
fn eq_2_6_state_and_error_move_apart() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    for n in [1, 2, 5, 12] {
        let (a, b) = random_pair(n, 2, &mut random);
        let (c, d) = (random_matrix(2, n, &mut random), random_matrix(2, 2, &mut random));
        let system = StateSpace::continuous(a.clone(), b.clone(), c, d).unwrap();
        let feedback = place(&a, &b, &wanted_poles(n)).unwrap();
        let faster: Vec<_> = wanted_poles(n).iter().map(|pole| pole * 2.0).collect();
        let gain = observer(&system, &faster).unwrap();
        let joint = joint_dynamics(&system, &feedback, &gain).unwrap();

        // (x, e) = T (x, x̂) with T = (I 0; I -I), its own inverse.
        let mut t = DMatrix::identity(2 * n, 2 * n);
        t.view_mut((n, 0), (n, n)).fill_with_identity();
        t.view_mut((n, n), (n, n)).copy_from(&-DMatrix::<f64>::identity(n, n));
        let expected = separated(&system, &feedback, &gain);
        assert_close(&format!("N = {n}"), &(&t * &joint * &t), &expected, 1e-13);

        let union: Vec<_> = wanted_poles(n).into_iter().chain(faster).collect();
        let off = distance(eigenvalues(&joint).unwrap().as_slice(), &union);
        // At N = 12 the feedback is large and the poles hang on its last digits.
        assert!(n > 5 || off < 1e-9, "N = {n}: {off:e}");
    }
}

#[test]
fn eq_2_6_holds_of_a_simulated_controller_in_steps() {
    let (a, b) = pendulum();
    let (a_bar, b_bar) = held_input_step(&a, &b, 0.05).unwrap();
    let (c, d) = (dmatrix![1.0, 0.0], dmatrix![0.3]);
    let system = StateSpace::discrete(a_bar.clone(), b_bar.clone(), c, d, 0.05).unwrap();
    let feedback = place(&a_bar, &b_bar, &real(&[0.8, 0.85])).unwrap();
    let gain = observer(&system, &real(&[0.3, 0.4])).unwrap();
    let joint = joint_dynamics(&system, &feedback, &gain).unwrap();
    let off = distance(eigenvalues(&joint).unwrap().as_slice(), &real(&[0.8, 0.85, 0.3, 0.4]));
    assert!(off < 1e-11, "{off:e}");

    let mut controller = Controller::new(&system, feedback, gain).unwrap();
    let (mut x, mut both) = (dvector![0.1, -0.2], dvector![0.1, -0.2, 0.0, 0.0]);
    for k in 0..60 {
        let u = controller.input();
        x = &a_bar * &x + &b_bar * &u;
        controller.observe(&u, &(system.c() * &x + system.d() * &u)).unwrap();
        both = &joint * both;
        let simulated = DVector::from_iterator(4, x.iter().chain(controller.estimate()).copied());
        assert!((&simulated - &both).norm() < 1e-13, "step {k}: {simulated} and {both}");
    }
    assert!(x.norm() < 1e-3);
}

#[test]
fn an_observer_is_a_feedback_of_the_dual() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let (a, b) = random_pair(4, 1, &mut random);
    let c = random_matrix(1, 4, &mut random);
    let system = StateSpace::continuous(a.clone(), b, c.clone(), dmatrix![0.0]).unwrap();
    let gain = observer(&system, &wanted_poles(4)).unwrap();
    let off = distance(eigenvalues(&(&a - &gain * &c)).unwrap().as_slice(), &wanted_poles(4));
    assert!(off < 1e-11, "{off:e}");
    let mirrored = ackermann(&a.transpose(), &c.transpose(), &wanted_poles(4)).unwrap();
    assert_close("gain", &gain, &mirrored.transpose(), 1e-11);
}

#[test]
fn a_pendulum_stands_on_a_guess_of_its_state() {
    for seed in 0..20 {
        let ran = balance(&Balance { seed, ..Balance::default() }).unwrap();
        assert!(ran.alone.angles.iter().any(|angle| angle.abs() > 3.0), "seed {seed}: it fell");
        let late =
            |values: &[f64]| values[200..].iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        assert!(late(&ran.by_observer.angles) < 0.05, "seed {seed}: it stands");
        let rms = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let effort = |torques: &[f64]| rms(&torques[200..]);
        assert!(
            effort(&ran.by_difference.torques) > 3.0 * effort(&ran.by_observer.torques),
            "seed {seed}: a difference of two noisy angles is noise"
        );
    }
    // Held by at most 1 N m, a weight that pulls with almost 2 cannot come back.
    let weak = balance(&Balance { limit: 1.0, ..Balance::default() }).unwrap();
    assert!(weak.by_observer.angles[300].abs() > 1.0);
}
