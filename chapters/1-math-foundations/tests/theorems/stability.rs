//! What the page `stability` claims.

use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::stability::{
    RouthRowKind, StabilityError, StabilityVerdict, characteristic_polynomial,
    discrete_lyapunov_residual, discrete_stability_verdict, is_stable, is_stable_discrete,
    lyapunov_certificate, lyapunov_certificate_discrete, lyapunov_residual, numerical_abscissa,
    routh_array, routh_array_discrete, solve_discrete_lyapunov, solve_discrete_lyapunov_doubling,
    solve_discrete_lyapunov_kronecker, solve_discrete_lyapunov_schur, solve_lyapunov,
    solve_lyapunov_doubling, solve_lyapunov_kronecker, solve_lyapunov_schur, spectral_abscissa,
    spectral_radius, stability_verdict, transient_growth, transient_growth_discrete,
};
use math_foundations::validation::InputError;
use nalgebra::{Complex, DMatrix, DVector, dmatrix};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use workbench::testing::{assert_close, fixture, matrix};

use crate::common::legs;

/// The running example of the page: x'' + 0.4 x' + x = 0.
fn spring() -> DMatrix<f64> {
    dmatrix![0.0, 1.0; -1.0, -0.4]
}

fn random_matrix(n: usize, rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    DMatrix::from_fn(n, n, |_, _| rng.random_range(-1.0..1.0))
}

/// A random matrix moved so that its spectral abscissa is `-margin`.
fn random_stable(n: usize, margin: f64, rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    let a = random_matrix(n, rng);
    let shift = spectral_abscissa(&a).expect("square and finite") + margin;
    a - DMatrix::from_diagonal_element(n, n, shift)
}

/// A random matrix scaled so that its spectral radius is `radius`.
fn random_contraction(n: usize, radius: f64, rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    let a = random_matrix(n, rng);
    let found = spectral_radius(&a).expect("square and finite");
    a * (radius / found)
}

fn random_positive_definite(n: usize, rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    let root = random_matrix(n, rng);
    let q = &root * root.transpose() + DMatrix::identity(n, n) * 0.1;
    (&q + q.transpose()) * 0.5
}

fn is_positive_definite(p: &DMatrix<f64>) -> bool {
    p.clone().cholesky().is_some()
}

// The fixtures -------------------------------------------------------------------------------

#[derive(Deserialize)]
struct Fixture {
    continuous: Vec<Equation>,
    discrete: Vec<Equation>,
    polynomials: Vec<Polynomial>,
}

/// A, Q and SciPy's X, row by row, with what NumPy says of the eigenvalues of A.
#[derive(Deserialize)]
struct Equation {
    name: String,
    a: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    x: Vec<Vec<f64>>,
    #[serde(alias = "abscissa", alias = "radius")]
    extreme: f64,
}

/// Coefficients, and where NumPy finds the roots.
#[derive(Deserialize)]
struct Polynomial {
    coefficients: Vec<f64>,
    right: usize,
    axis: usize,
    outside: usize,
    circle: usize,
}

fn golden() -> Fixture {
    serde_json::from_str(&fixture("lyapunov.json")).expect("lyapunov.json")
}

#[test]
fn lyapunov_solutions_are_scipys() {
    let fixture = golden();
    for case in &fixture.continuous {
        let (a, q, x) = (matrix(&case.a), matrix(&case.q), matrix(&case.x));
        assert_close(&case.name, &solve_lyapunov(&a, &q).unwrap(), &x, 1e-11);
        assert_close(&case.name, &solve_lyapunov_kronecker(&a, &q).unwrap(), &x, 1e-11);
        let difference = spectral_abscissa(&a).unwrap() - case.extreme;
        assert!(difference.abs() < 1e-12 * a.norm(), "{}: {difference:e}", case.name);
    }
    for case in &fixture.discrete {
        let (a, q, x) = (matrix(&case.a), matrix(&case.q), matrix(&case.x));
        assert_close(&case.name, &solve_discrete_lyapunov(&a, &q).unwrap(), &x, 1e-11);
        let stacked = solve_discrete_lyapunov_kronecker(&a, &q).unwrap();
        assert_close(&case.name, &stacked, &x, 1e-11);
        let difference = spectral_radius(&a).unwrap() - case.extreme;
        assert!(difference.abs() < 1e-12 * a.norm(), "{}: {difference:e}", case.name);
        if case.extreme < 1.0 {
            let doubled = solve_discrete_lyapunov_doubling(&a, &q).unwrap();
            assert_close(&case.name, &doubled, &x, 1e-11);
        }
    }
}

#[test]
fn root_counts_are_numpys() {
    for case in golden().polynomials {
        let flow = routh_array(&case.coefficients).unwrap();
        assert_eq!((flow.unstable, flow.on_boundary), (case.right, case.axis), "{flow:?}");
        let step = routh_array_discrete(&case.coefficients).unwrap();
        assert_eq!((step.unstable, step.on_boundary), (case.outside, case.circle), "{step:?}");
    }
}

#[test]
fn gramians_have_their_closed_forms() {
    // A mass of 1 kg on a spring of 40 N/m with friction 5 N s/m, pushed by noise.
    let (a, bb) = (dmatrix![0.0, 1.0; -40.0, -5.0], dmatrix![0.0, 0.0; 0.0, 1.0]);
    let expected = dmatrix![1.0 / 400.0, 0.0; 0.0, 1.0 / 10.0];
    assert_close("Gramian", &solve_lyapunov(&a, &bb).unwrap(), &expected, 1e-14);
}

// The Lyapunov equation ----------------------------------------------------------------------

proptest! {
    #[test]
    fn eq_1_6_both_sides_agree(n in 1..9_usize, margin in 0.05..2.0, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (a, q) = (random_stable(n, margin, rng), random_positive_definite(n, rng));
        let x = solve_lyapunov(&a, &q).unwrap();
        let (left, right) = (&a * &x + &x * a.transpose(), -&q);
        let scale = 2.0 * a.norm() * x.norm() + q.norm();
        prop_assert!((left - right).norm() <= 1e-13 * scale);
    }

    #[test]
    fn every_algorithm_finds_the_same_solution(n in 1..7_usize, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let a = random_stable(n, 0.2, rng);
        // Q need not be symmetric.
        let q = random_matrix(n, rng);
        let reference = solve_lyapunov_kronecker(&a, &q).unwrap();
        assert_close("schur", &solve_lyapunov_schur(&a, &q).unwrap(), &reference, 1e-10);
        assert_close("doubling", &solve_lyapunov_doubling(&a, &q).unwrap(), &reference, 1e-10);

        let a = random_contraction(n, 0.9, rng);
        let reference = solve_discrete_lyapunov_kronecker(&a, &q).unwrap();
        let solved = solve_discrete_lyapunov_schur(&a, &q).unwrap();
        assert_close("discrete schur", &solved, &reference, 1e-10);
        let doubled = solve_discrete_lyapunov_doubling(&a, &q).unwrap();
        assert_close("discrete doubling", &doubled, &reference, 1e-10);
    }

    #[test]
    fn residuals_are_rounding_for_any_matrix_with_a_solution(n in 1..33_usize, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (a, q) = (random_matrix(n, rng), random_matrix(n, rng));
        // Stable or not: only pairs that cancel are refused.
        if let Ok(x) = solve_lyapunov(&a, &q) {
            prop_assert!(lyapunov_residual(&a, &x, &q).unwrap() < 1e-12);
        }
        if let Ok(x) = solve_discrete_lyapunov(&a, &q) {
            prop_assert!(discrete_lyapunov_residual(&a, &x, &q).unwrap() < 1e-12);
        }
    }

    #[test]
    fn symmetric_q_gives_exactly_symmetric_x(n in 1..20_usize, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let q = random_positive_definite(n, rng);
        let x = solve_lyapunov(&random_stable(n, 0.3, rng), &q).unwrap();
        prop_assert_eq!(&x, &x.transpose());
        let x = solve_discrete_lyapunov(&random_contraction(n, 0.8, rng), &q).unwrap();
        prop_assert_eq!(&x, &x.transpose());
    }
}

#[test]
fn residuals_stay_below_1e_12_for_larger_matrices() {
    let rng = &mut ChaCha8Rng::seed_from_u64(6);
    for n in [16, 64, 96] {
        let q = random_positive_definite(n, rng);
        let a = random_stable(n, 0.1, rng);
        for solve in [solve_lyapunov, solve_lyapunov_schur, solve_lyapunov_doubling] {
            let x = solve(&a, &q).unwrap();
            let residual = lyapunov_residual(&a, &x, &q).unwrap();
            assert!(residual < 1e-14, "N = {n}: residual {residual:e}");
        }
        let a = random_contraction(n, 0.95, rng);
        for solve in [
            solve_discrete_lyapunov,
            solve_discrete_lyapunov_schur,
            solve_discrete_lyapunov_doubling,
        ] {
            let x = solve(&a, &q).unwrap();
            let residual = discrete_lyapunov_residual(&a, &x, &q).unwrap();
            assert!(residual < 1e-14, "N = {n}, discrete: residual {residual:e}");
        }
    }
    // As far from normal as the course will go.
    let (a, q) = (legs(64), DMatrix::identity(64, 64));
    for solve in [solve_lyapunov, solve_lyapunov_schur] {
        let residual = lyapunov_residual(&a, &solve(&a, &q).unwrap(), &q).unwrap();
        assert!(residual < 1e-14, "HiPPO-LegS: residual {residual:e}");
    }
}

#[test]
fn large_equations_that_doubling_cannot_solve_are_solved() {
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let (n, q) = (24, DMatrix::identity(24, 24));
    // Unstable, and stable by a hair: more terms than anyone sums.
    for margin in [-0.5, 1e-9] {
        let a = random_stable(n, margin, rng);
        let x = solve_lyapunov(&a, &q).unwrap();
        assert!(lyapunov_residual(&a, &x, &q).unwrap() < 1e-14);
        let a = random_contraction(n, 1.0 - margin, rng);
        let x = solve_discrete_lyapunov(&a, &q).unwrap();
        assert!(discrete_lyapunov_residual(&a, &x, &q).unwrap() < 1e-14);
    }
    // No solution: the pair is named all the same.
    let mut saddle = DMatrix::from_diagonal_element(n, n, -3.0);
    saddle[(5, 5)] = 3.0;
    let error = solve_lyapunov(&saddle, &q).unwrap_err();
    assert!(error.to_string().contains("sum to zero, found"), "{error}");
    let mut pair = DMatrix::from_diagonal_element(n, n, 0.5);
    pair[(5, 5)] = 2.0;
    let error = solve_discrete_lyapunov(&pair, &q).unwrap_err();
    assert!(error.to_string().contains("multiply to one, found"), "{error}");
    let error = solve_lyapunov_doubling(&saddle, &q).unwrap_err();
    assert_eq!(error, StabilityError::NotStable { abscissa: 3.0 });
}

#[test]
fn residuals_stay_small_next_to_a_singular_equation() {
    // -1 and 1 + 1e-10 nearly cancel: X is huge, the equation holds all the same.
    let a = dmatrix![-1.0, 3.0, 1.0; 0.0, 1.0 + 1e-10, 2.0; 0.0, 0.0, -4.0];
    let q = DMatrix::identity(3, 3);
    let x = solve_lyapunov(&a, &q).unwrap();
    assert!(x.norm() > 1e9);
    assert!(lyapunov_residual(&a, &x, &q).unwrap() < 1e-14);
}

#[test]
fn lyapunov_solution_is_the_integral_of_what_the_flow_leaves() {
    // X = ∫ e^{At} Q e^{Aᵀt} dt by Simpson's rule; what is left after t = 100 is e^{-40}.
    let (a, q) = (spring(), dmatrix![1.0, 0.5; 0.5, 2.0]);
    let (steps, h) = (4_000, 100.0 / 4_000.0);
    let one = matrix_exponential(&(&a * h)).unwrap();
    let mut flow = DMatrix::identity(2, 2);
    let mut integral = DMatrix::zeros(2, 2);
    for k in 0..=steps {
        let weight = if k == 0 || k == steps { 1.0 } else { 2.0 + 2.0 * f64::from(k % 2) };
        integral += &flow * &q * flow.transpose() * (weight * h / 3.0);
        flow = &one * flow;
    }
    assert_close("integral", &solve_lyapunov(&a, &q).unwrap(), &integral, 1e-8);
}

#[test]
fn discrete_lyapunov_solution_is_the_sum_of_what_the_steps_leave() {
    let (a, q) = (dmatrix![0.5, 1.0; -0.3, 0.2], dmatrix![1.0, 0.5; 0.5, 2.0]);
    let mut power = DMatrix::identity(2, 2);
    let mut sum = DMatrix::zeros(2, 2);
    for _ in 0..200 {
        sum += &power * &q * power.transpose();
        power = &a * power;
    }
    assert_close("sum", &solve_discrete_lyapunov(&a, &q).unwrap(), &sum, 1e-14);
}

#[test]
fn pairs_that_cancel_are_named() {
    let identity = DMatrix::identity(2, 2);
    let message = |a| solve_lyapunov(&a, &identity).unwrap_err().to_string();
    let oscillator = message(dmatrix![0.0, 1.0; -4.0, 0.0]);
    assert_eq!(
        oscillator,
        "expected no two eigenvalues of A to sum to zero, found 0 + 2i and 0 - 2i: \
         A X + X Aᵀ + Q = 0 has no unique solution"
    );
    let saddle = message(dmatrix![1.0, 0.0; 0.0, -1.0]);
    assert!(saddle.contains("found 1 and -1"), "{saddle}");
    let drift = message(dmatrix![0.0, 1.0; 0.0, -3.0]);
    assert!(drift.contains("found 0 and 0"), "{drift}");

    let message = |a| solve_discrete_lyapunov(&a, &identity).unwrap_err().to_string();
    let pair = message(dmatrix![2.0, 1.0; 0.0, 0.5]);
    assert!(pair.contains("multiply to one, found 2 and 0.5"), "{pair}");

    let singular = dmatrix![0.0, 1.0; -4.0, 0.0];
    let kronecker = solve_lyapunov_kronecker(&singular, &identity);
    assert!(matches!(kronecker, Err(StabilityError::SumToZero { .. })));
    let turn = dmatrix![0.0, 1.0; -1.0, 0.0];
    let kronecker = solve_discrete_lyapunov_kronecker(&turn, &identity);
    assert!(matches!(kronecker, Err(StabilityError::ProductIsOne { .. })));
    let doubled = solve_discrete_lyapunov_doubling(&turn, &identity);
    assert!(matches!(doubled, Err(StabilityError::NotStableDiscrete { radius }) if radius > 0.999));
}

#[test]
fn unusable_input_is_refused_in_a_sentence() {
    let identity = DMatrix::identity(2, 2);
    let error = solve_lyapunov(&DMatrix::zeros(3, 2), &identity).unwrap_err();
    assert_eq!(error.to_string(), "expected A to be square, found 3 x 2");
    let error = solve_discrete_lyapunov(&spring(), &DMatrix::zeros(3, 3)).unwrap_err();
    assert_eq!(error.to_string(), "expected Q to be 2 x 2, found 3 x 3");
    let error = solve_lyapunov(&spring(), &dmatrix![1.0, f64::NAN; 0.0, 1.0]).unwrap_err();
    assert!(error.to_string().contains("every entry of Q to be finite"), "{error}");
    assert!(matches!(
        spectral_abscissa(&dmatrix![f64::INFINITY]),
        Err(StabilityError::Input(InputError::NotFinite { .. }))
    ));
    let skewed = dmatrix![1.0, 0.5; 0.0, 1.0];
    let error = lyapunov_certificate(&spring(), &skewed).unwrap_err();
    assert!(error.to_string().contains("expected Q to be symmetric"), "{error}");
    let saddle = dmatrix![1.0, 0.0; 0.0, -1.0];
    let error = lyapunov_certificate(&spring(), &saddle).unwrap_err();
    assert!(error.to_string().contains("expected Q to be positive definite"), "{error}");
    assert!(routh_array(&[]).is_err());
    assert!(routh_array(&[1.0, f64::NAN]).is_err());
    let error = routh_array(&[0.0, 1.0]).unwrap_err();
    assert!(error.to_string().contains("first coefficient is not zero"), "{error}");
    assert!(transient_growth(&spring(), 0.0, 10).is_err());
}

// The certificate ----------------------------------------------------------------------------

#[test]
fn energy_falls_at_every_moment() {
    let energy = lyapunov_certificate(&spring(), &DMatrix::identity(2, 2)).unwrap();
    assert_close("P", &energy.p, &dmatrix![2.7, 0.5; 0.5, 2.5], 1e-14);
    let step = matrix_exponential(&(spring() * 0.01)).unwrap();
    let mut x = DVector::from_vec(vec![1.0, 0.0]);
    for _ in 0..4_000 {
        let next = &step * &x;
        assert!(energy.value(&next).unwrap() < energy.value(&x).unwrap());
        // The chain rule, V' = xᵀ(AᵀP + PA)x, gives what the certificate says.
        let slope = 2.0 * x.dot(&(&energy.p * spring() * &x));
        assert!((slope + energy.fall(&x).unwrap()).abs() < 1e-14);
        x = next;
    }
}

#[test]
fn physical_energy_stalls_where_the_certificate_does_not() {
    // ½x² + ½v² loses 0.4 v² per second: nothing at a turning point.
    let mechanical = DMatrix::from_diagonal_element(2, 2, 0.5);
    let loss = -(spring().transpose() * &mechanical + &mechanical * spring());
    assert_close("loss", &loss, &dmatrix![0.0, 0.0; 0.0, 0.4], 1e-15);
    assert!(!is_positive_definite(&loss));
    let energy = lyapunov_certificate(&spring(), &DMatrix::identity(2, 2)).unwrap();
    assert_eq!(energy.fall(&DVector::from_vec(vec![1.0, 0.0])).unwrap(), 1.0);
}

proptest! {
    #[test]
    fn certificate_exists_exactly_for_stable_flows(n in 1..7_usize, shift in -1.5..1.5, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let a = random_matrix(n, rng) + DMatrix::from_diagonal_element(n, n, shift);
        let q = random_positive_definite(n, rng);
        let abscissa = spectral_abscissa(&a).unwrap();
        prop_assume!(abscissa.abs() > 1e-6);
        let certificate = lyapunov_certificate(&a, &q);
        prop_assert_eq!(certificate.is_ok(), abscissa < 0.0);
        prop_assert_eq!(is_stable(&a).unwrap(), abscissa < 0.0);
        if let Ok(energy) = certificate {
            let left = a.transpose() * &energy.p + &energy.p * &a + &q;
            prop_assert!(left.norm() <= 1e-12 * (2.0 * a.norm() * energy.p.norm() + q.norm()));
        }
    }

    #[test]
    fn discrete_certificate_exists_exactly_for_stable_recurrences(
        n in 1..7_usize, radius in 0.1..2.0_f64, seed: u64,
    ) {
        prop_assume!((radius - 1.0).abs() > 1e-6);
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let a = random_contraction(n, radius, rng);
        let q = random_positive_definite(n, rng);
        let certificate = lyapunov_certificate_discrete(&a, &q);
        prop_assert_eq!(certificate.is_ok(), radius < 1.0);
        prop_assert_eq!(is_stable_discrete(&a).unwrap(), radius < 1.0);
        if let Ok(energy) = certificate {
            let x = DVector::from_fn(n, |_, _| rng.random_range(-1.0..1.0));
            let loss = energy.value(&x).unwrap() - energy.value(&(&a * &x)).unwrap();
            let tolerance = 1e-12 * energy.value(&x).unwrap();
            prop_assert!((loss - energy.fall(&x).unwrap()).abs() <= tolerance);
        }
    }

    #[test]
    fn certificate_bounds_the_transient(n in 1..6_usize, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let a = random_stable(n, 0.2, rng);
        let energy = lyapunov_certificate(&a, &DMatrix::identity(n, n)).unwrap();
        let (_, peak) = transient_growth(&a, 20.0, 400).unwrap().peak();
        prop_assert!(peak <= energy.growth_bound() * (1.0 + 1e-10));
        let a = random_contraction(n, 0.9, rng);
        let energy = lyapunov_certificate_discrete(&a, &DMatrix::identity(n, n)).unwrap();
        let (_, peak) = transient_growth_discrete(&a, 100).unwrap().peak();
        prop_assert!(peak <= energy.growth_bound() * (1.0 + 1e-10));
    }
}

// The eigenvalue criterion -------------------------------------------------------------------

/// nalgebra's singular vectors, asked for a matrix that is singular up to rounding, call about one in a
/// thousand of the defective ones bounded.
#[test]
fn a_double_eigenvalue_on_the_boundary_is_judged_by_its_eigenvectors() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for draw in 0..4000 {
        let n = 3 + draw % 3;
        let q = random_matrix(n, &mut rng).qr().q();
        let mut t = random_matrix(n, &mut rng).upper_triangle();
        (2..n).for_each(|i| t[(i, i)] = -0.5 - t[(i, i)].abs());
        for (link, expected) in [
            (0.0, StabilityVerdict::Marginal),
            (rng.random_range(0.1..1.0), StabilityVerdict::Unstable),
        ] {
            t.view_mut((0, 0), (2, 2)).copy_from(&dmatrix![0.0, link; 0.0, 0.0]);
            let a = &q * &t * q.transpose();
            assert_eq!(stability_verdict(&a).unwrap(), expected, "draw {draw}: {a}");
        }
    }
}

#[test]
fn verdict_on_the_boundary_asks_for_eigenvectors() {
    use StabilityVerdict::{AsymptoticallyStable, Marginal, Unstable};
    let flow = |a| stability_verdict(&a).unwrap();
    // Two equal oscillators side by side stay bounded; one that drives the other resonates.
    let side_by_side = dmatrix![
        0.0, 1.0, 0.0, 0.0; -1.0, 0.0, 0.0, 0.0; 0.0, 0.0, 0.0, 1.0; 0.0, 0.0, -1.0, 0.0];
    let mut driving = side_by_side.clone();
    driving[(3, 0)] = 1.0;
    assert_eq!(flow(side_by_side), Marginal);
    assert_eq!(flow(driving.clone()), Unstable);
    assert!(transient_growth(&driving, 100.0, 100).unwrap().peak().1 > 40.0);
    // Nearly equal frequencies are two simple pairs.
    let nearly = dmatrix![
        0.0, 1.0, 0.0, 0.0; -1.0, 0.0, 0.0, 0.0; 0.0, 0.0, 0.0, 1.0 + 1e-7; 0.0, 0.0, -1.0, 0.0];
    assert_eq!(flow(nearly), Marginal);
    assert_eq!(flow(DMatrix::zeros(3, 3)), Marginal);
    assert_eq!(flow(dmatrix![-1e-9, 0.0; 0.0, -1.0]), AsymptoticallyStable);
    assert_eq!(flow(dmatrix![1e-9, 0.0; 0.0, -1.0]), Unstable);

    let step = |a| discrete_stability_verdict(&a).unwrap();
    assert_eq!(step(dmatrix![0.6, -0.8; 0.8, 0.6]), Marginal);
    assert_eq!(step(dmatrix![-1.0, 1.0; 0.0, -1.0]), Unstable);
    assert_eq!(step(dmatrix![1.0 - 1e-9, 0.0; 0.0, 0.5]), AsymptoticallyStable);
    assert_eq!(step(dmatrix![1.0 + 1e-9, 0.0; 0.0, 0.5]), Unstable);
    assert_eq!(step(DMatrix::zeros(2, 2)), AsymptoticallyStable);
}

#[test]
fn verdict_does_not_depend_on_the_coordinates() {
    // In other coordinates rounding splits a double zero into ±1e-8, a triple one into 1e-5.
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let drift = dmatrix![0.0, 1.0, 0.0; 0.0, 0.0, 0.0; 0.0, 0.0, -1.0];
    let triple = dmatrix![0.0, 1.0, 0.0; 0.0, 0.0, 1.0; 0.0, 0.0, 0.0];
    let bounded = dmatrix![0.0, 2.0, 0.0; -2.0, 0.0, 0.0; 0.0, 0.0, -1.0];
    for _ in 0..50 {
        let turn = random_matrix(3, rng).qr().q();
        let turned = |a: &DMatrix<f64>| stability_verdict(&(&turn * a * turn.transpose())).unwrap();
        assert_eq!(turned(&drift), StabilityVerdict::Unstable);
        assert_eq!(turned(&triple), StabilityVerdict::Unstable);
        assert_eq!(turned(&bounded), StabilityVerdict::Marginal);
    }
}

proptest! {
    #[test]
    fn marginal_flows_stay_bounded_and_defective_ones_grow(omega in 0.1..5.0_f64) {
        let oscillator = dmatrix![0.0, omega; -omega, 0.0];
        prop_assert_eq!(stability_verdict(&oscillator).unwrap(), StabilityVerdict::Marginal);
        let (_, peak) = transient_growth(&oscillator, 1e3, 500).unwrap().peak();
        prop_assert!((peak - 1.0).abs() < 1e-9);
        let drift = dmatrix![0.0, omega; 0.0, 0.0];
        let growth = transient_growth(&drift, 1e3, 10).unwrap();
        prop_assert!((growth.norms[10] / (omega * 1e3) - 1.0).abs() < 1e-3);
    }
}

// Routh and Hurwitz --------------------------------------------------------------------------

/// The product of `(s - root)` for real roots and `(s - z)(s - z̄)` for pairs, by real arithmetic.
fn from_roots(real: &[f64], pairs: &[(f64, f64)]) -> Vec<f64> {
    let factors = real.iter().map(|&root| vec![1.0, -root]);
    let squares = pairs.iter().map(|&(re, im)| vec![1.0, -2.0 * re, re * re + im * im]);
    factors.chain(squares).fold(vec![1.0], |product, factor| {
        let mut next = vec![0.0; product.len() + factor.len() - 1];
        for (i, p) in product.iter().enumerate() {
            for (j, f) in factor.iter().enumerate() {
                next[i + j] += p * f;
            }
        }
        next
    })
}

fn companion(coefficients: &[f64]) -> DMatrix<f64> {
    let n = coefficients.len() - 1;
    DMatrix::from_fn(n, n, |i, j| match i {
        0 => -coefficients[j + 1] / coefficients[0],
        _ => f64::from(u8::from(i == j + 1)),
    })
}

proptest! {
    #[test]
    fn routh_counts_the_eigenvalues_of_the_companion_matrix(
        coefficients in prop::collection::vec(-3.0..3.0_f64, 2..9),
    ) {
        prop_assume!(coefficients[0].abs() > 0.1);
        let lambda =
            math_foundations::eigendecomposition::eigenvalues(&companion(&coefficients)).unwrap();
        // Roots this near the boundary are a matter of rounding, for both.
        prop_assume!(lambda.iter().all(|z| z.re.abs() > 1e-6 && (z.norm() - 1.0).abs() > 1e-6));
        let right = lambda.iter().filter(|z| z.re > 0.0).count();
        let table = routh_array(&coefficients).unwrap();
        prop_assert_eq!((table.unstable, table.on_boundary), (right, 0));
        let outside = lambda.iter().filter(|z| z.norm() > 1.0).count();
        let table = routh_array_discrete(&coefficients).unwrap();
        prop_assert_eq!((table.unstable, table.on_boundary), (outside, 0));
    }

    // Small integers: every special case, and combinations of them that no textbook prints.
    #[test]
    fn routh_counts_roots_on_the_axis_and_symmetric_ones(
        real in prop::collection::vec(-3..=3_i32, 0..4),
        pairs in prop::collection::vec((-2..=2_i32, 1..=3_i32), 0..3),
        sign in prop::sample::select(vec![1.0, -1.0]),
    ) {
        let real: Vec<f64> = real.into_iter().map(f64::from).collect();
        let pairs: Vec<(f64, f64)> =
            pairs.into_iter().map(|(re, im)| (f64::from(re), f64::from(im))).collect();
        let coefficients: Vec<f64> =
            from_roots(&real, &pairs).into_iter().map(|c| sign * c).collect();
        let count = |keep: &dyn Fn(f64) -> bool| {
            real.iter().filter(|&&root| keep(root)).count()
                + 2 * pairs.iter().filter(|pair| keep(pair.0)).count()
        };
        let table = routh_array(&coefficients).unwrap();
        prop_assert_eq!(table.unstable, count(&|re| re > 0.0), "{:?}", table);
        prop_assert_eq!(table.on_boundary, count(&|re| re == 0.0), "{:?}", table);
        prop_assert_eq!(table.stable(), count(&|re| re < 0.0));
        let mut on_axis: Vec<i64> = real.iter().filter(|&&root| root == 0.0).map(|_| 0).collect();
        on_axis.extend(pairs.iter().filter(|pair| pair.0 == 0.0).map(|pair| pair.1 as i64));
        let all = on_axis.len();
        on_axis.sort_unstable();
        on_axis.dedup();
        prop_assert_eq!(table.repeated_on_boundary, on_axis.len() < all, "{:?}", table);
    }

    #[test]
    fn discrete_table_counts_roots_on_the_circle(
        real in prop::collection::vec(prop::sample::select(vec![-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]), 0..4),
        pairs in prop::collection::vec(
            prop::sample::select(vec![(0.0, 1.0), (0.6, 0.8), (0.5, 0.5), (1.0, 1.0), (-0.8, 0.6)]), 0..3),
    ) {
        let table = routh_array_discrete(&from_roots(&real, &pairs)).unwrap();
        let size = |&(re, im): &(f64, f64)| re * re + im * im;
        let count = |keep: &dyn Fn(f64) -> bool| {
            real.iter().filter(|&&root| keep(root * root)).count()
                + 2 * pairs.iter().filter(|pair| keep(size(pair))).count()
        };
        // 0.6² + 0.8² is 1 but for an ulp, so the circle has a width here.
        prop_assert_eq!(table.unstable, count(&|size| size > 1.0 + 1e-9), "{:?}", table);
        prop_assert_eq!(table.stable(), count(&|size| size < 1.0 - 1e-9), "{:?}", table);
    }
}

#[test]
fn special_rows_are_mended_by_name() {
    // A zero in front of 2: the row -2 s² + … is lifted by the factor 1 - s².
    let table = routh_array(&[1.0, 2.0, 2.0, 4.0, 11.0, 10.0]).unwrap();
    assert_eq!(table.rows[2].kind, RouthRowKind::ZeroPivot);
    assert_eq!((table.stable(), table.on_boundary, table.unstable), (3, 0, 2));
    // s³ + 2s² + s + 2 = (s + 2)(s² + 1): the row of zeros becomes the derivative 4s.
    let table = routh_array(&[1.0, 2.0, 1.0, 2.0]).unwrap();
    assert_eq!(table.rows[2].kind, RouthRowKind::ZeroRow);
    assert_eq!(table.first_column(), [1.0, 2.0, 4.0, 2.0]);
    assert_eq!(table.verdict(), StabilityVerdict::Marginal);
    // (s² + 1)²: the same axis, twice.
    let table = routh_array(&[1.0, 0.0, 2.0, 0.0, 1.0]).unwrap();
    assert!(table.repeated_on_boundary);
    assert_eq!(table.verdict(), StabilityVerdict::Unstable);
}

/// The textbook's way out, taken as a number: ε in the place of a zero pivot.
fn changes_with_a_small_number(coefficients: &[f64], epsilon: f64) -> usize {
    let every_other = |from: usize| coefficients.iter().skip(from).step_by(2).copied().collect();
    let mut rows: Vec<Vec<f64>> = vec![every_other(0), every_other(1)];
    for i in 1..coefficients.len() - 1 {
        if rows[i][0] == 0.0 {
            rows[i][0] = epsilon;
        }
        let (above, row) = (&rows[i - 1], &rows[i]);
        let entry = |m: usize| above[m] - above[0] / row[0] * row.get(m).copied().unwrap_or(0.0);
        let next = (1..above.len()).map(entry).collect();
        rows.push(next);
    }
    rows.windows(2).filter(|pair| pair[0][0] * pair[1][0] < 0.0).count()
}

#[test]
fn no_number_serves_as_epsilon() {
    // s⁷ + 3s⁵ + s⁴ + 2s³ + 2s² + 1: four roots on the right, two on the axis.
    let coefficients = [1.0, 0.0, 3.0, 1.0, 2.0, 2.0, 0.0, 1.0];
    let table = routh_array(&coefficients).unwrap();
    assert_eq!((table.stable(), table.on_boundary, table.unstable), (1, 2, 4));
    // s⁷ + 3s³ + 3s² + 4s + 4: four on the right, none on the axis, two zeros in front of a row.
    let flat = [1.0, 0.0, 0.0, 0.0, 3.0, 3.0, 4.0, 4.0];
    let table = routh_array(&flat).unwrap();
    assert_eq!((table.stable(), table.on_boundary, table.unstable), (3, 0, 4));
    for exponent in 3..=15 {
        let epsilon = 10.0_f64.powi(-exponent);
        assert_ne!(changes_with_a_small_number(&coefficients, epsilon), 4, "ε = {epsilon:e}");
        let counts_flat = changes_with_a_small_number(&flat, epsilon) == 4;
        assert_eq!(counts_flat, exponent < 8, "ε = {epsilon:e}");
    }
}

#[test]
fn characteristic_polynomial_of_the_companion_matrix_is_the_polynomial() {
    let coefficients = [1.0, -2.0, 3.0, 5.0, -7.0];
    assert_eq!(characteristic_polynomial(&companion(&coefficients)).unwrap(), coefficients);
}

// Before the end -----------------------------------------------------------------------------

proptest! {
    #[test]
    fn eigenvalues_tell_the_end_and_the_symmetric_part_the_beginning(n in 1..6_usize, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let a = random_stable(n, 0.3, rng);
        let (alpha, omega) = (spectral_abscissa(&a).unwrap(), numerical_abscissa(&a).unwrap());
        prop_assert!(alpha <= omega + 1e-12);
        // The beginning: a forward difference of order h.
        let start = transient_growth(&a, 1e-6, 1).unwrap();
        prop_assert!(((start.norms[1] - 1.0) / 1e-6 - omega).abs() < 1e-3);
        // Never above e^{ωt}, and never below e^{αt}.
        let growth = transient_growth(&a, 10.0, 50).unwrap();
        for (t, norm) in growth.times.iter().zip(&growth.norms) {
            prop_assert!(*norm <= (omega * t).exp() * (1.0 + 1e-9));
            prop_assert!(*norm >= (alpha * t).exp() * (1.0 - 1e-9));
        }
    }

    #[test]
    fn normal_matrices_never_grow_before_they_fall(n in 1..6_usize, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let turn = random_matrix(n, rng).qr().q();
        let lambda = DVector::from_fn(n, |_, _| rng.random_range(-3.0..-0.1));
        let a = &turn * DMatrix::from_diagonal(&lambda) * turn.transpose();
        let growth = transient_growth(&a, 10.0, 100).unwrap();
        prop_assert!(growth.norms.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-12)));
    }
}

#[test]
fn same_eigenvalues_different_beginnings() {
    let (normal, shear) = (dmatrix![-1.0, 0.0; 0.0, -2.0], dmatrix![-1.0, 10.0; 0.0, -2.0]);
    assert_eq!(spectral_abscissa(&normal).unwrap(), spectral_abscissa(&shear).unwrap());
    assert_eq!(transient_growth(&normal, 8.0, 800).unwrap().peak(), (0.0, 1.0));
    // e^{At} holds 10 (e^{-t} - e^{-2t}), largest at t = log 2, where it is 2.5.
    let (time, peak) = transient_growth(&shear, 8.0, 800).unwrap().peak();
    assert!((time - 2.0_f64.ln()).abs() < 0.05, "{time}");
    assert!(peak > 2.5 && peak < 2.6, "{peak}");
}

#[test]
fn powers_swell_as_flows_do() {
    let a = dmatrix![0.9, 1.0; 0.0, 0.9];
    assert!(is_stable_discrete(&a).unwrap());
    // The corner of A^k is k 0.9^{k-1}, largest at k = 9 and 10.
    let (k, peak) = transient_growth_discrete(&a, 100).unwrap().peak();
    assert!((8.0..=10.0).contains(&k), "{k}");
    assert!(peak > 9.0 * 0.9_f64.powi(8), "{peak}");
    let eigenvalue = Complex::new(spectral_radius(&a).unwrap(), 0.0);
    assert!((eigenvalue.re - 0.9).abs() < 1e-7);
}
