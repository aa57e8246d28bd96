//! What the page `eigendecomposition` claims.

use math_foundations::eigendecomposition::{
    EigenError, balance, complex_schur, eigendecomposition, eigenvalues, eigenvalues_complex,
    hermitian_eigendecomposition, hessenberg, power_iteration, real_schur, shifted_qr_step,
};
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use serde::Deserialize;
use workbench::testing::{Lcg, fixture, paired};

use crate::common::legs;

// ---------------------------------------------------------------------------------- fixtures

#[derive(Deserialize)]
struct Fixture {
    random: Vec<Drawn>,
    random_complex: Vec<Drawn>,
    hermitian: Vec<DrawnHermitian>,
    legs_normal: Vec<LegsNormal>,
    named: Vec<Named>,
}

#[derive(Deserialize)]
struct Drawn {
    n: usize,
    seed: u64,
    eigenvalues: Vec<[f64; 2]>,
}

#[derive(Deserialize)]
struct DrawnHermitian {
    n: usize,
    seed: u64,
    eigenvalues: Vec<f64>,
}

#[derive(Deserialize)]
struct LegsNormal {
    n: usize,
    eigenvalues: Vec<f64>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    rows: Vec<Vec<f64>>,
    relative: f64,
    eigenvalues: Vec<[f64; 2]>,
}

fn golden() -> Fixture {
    serde_json::from_str(&fixture("eigen.json")).expect("eigen.json should read")
}

fn complex_matrix(seed: u64, n: usize) -> DMatrix<Complex<f64>> {
    let mut random = Lcg(seed);
    let real = random.matrix(n, n);
    real.zip_map(&random.matrix(n, n), Complex::new)
}

fn hermitian_matrix(seed: u64, n: usize) -> DMatrix<Complex<f64>> {
    let a = complex_matrix(seed, n);
    (&a + a.adjoint()) * Complex::from(0.5)
}

/// Each expected eigenvalue has a found one of its own, as close as `relative` says.
fn expect_eigenvalues(
    name: &str,
    expected: &[[f64; 2]],
    found: &DVector<Complex<f64>>,
    relative: f64,
) {
    let expected: Vec<_> = expected.iter().map(|&[re, im]| Complex::new(re, im)).collect();
    for (wanted, z) in paired(&expected, found.as_slice()) {
        let error = (z - wanted).norm() / wanted.norm().max(f64::MIN_POSITIVE);
        assert!(
            error <= relative,
            "{name}: expected {wanted}, found {z}, relative error {error:.1e}"
        );
    }
}

fn jordan_block(n: usize, lambda: f64) -> DMatrix<f64> {
    DMatrix::from_fn(n, n, |i, j| {
        if i == j {
            lambda
        } else if j == i + 1 {
            1.0
        } else {
            0.0
        }
    })
}

fn complex(a: &DMatrix<f64>) -> DMatrix<Complex<f64>> {
    a.map(Complex::from)
}

fn diagonal(lambda: &DVector<Complex<f64>>) -> DMatrix<Complex<f64>> {
    DMatrix::from_diagonal(lambda)
}

// --------------------------------------------------------------------- against LAPACK, theory

#[test]
fn eigenvalues_agree_with_lapack_up_to_128() {
    for case in golden().random {
        let a = Lcg(case.seed).matrix(case.n, case.n);
        let name = format!("random {}", case.n);
        expect_eigenvalues(&name, &case.eigenvalues, &eigenvalues(&a).unwrap(), 1e-10);
        let modes = eigendecomposition(&a).unwrap();
        expect_eigenvalues(&name, &case.eigenvalues, &modes.lambda, 1e-10);
    }
}

#[test]
fn complex_eigenvalues_agree_with_lapack() {
    for case in golden().random_complex {
        let a = complex_matrix(case.seed, case.n);
        let name = format!("random complex {}", case.n);
        expect_eigenvalues(&name, &case.eigenvalues, &eigenvalues_complex(&a).unwrap(), 1e-10);
    }
}

#[test]
fn hermitian_eigenvalues_agree_with_lapack() {
    for case in golden().hermitian {
        let a = hermitian_matrix(case.seed, case.n);
        let found = hermitian_eigendecomposition(&a).unwrap().lambda;
        for (k, expected) in case.eigenvalues.iter().enumerate() {
            // Normwise: an eigenvalue near zero is known to rounding of the largest.
            let error = (found[k] - expected).abs();
            assert!(error <= 1e-13 * found.amax(), "N = {}, {k}: error {error:.1e}", case.n);
        }
    }
}

#[test]
fn named_matrices_have_their_known_eigenvalues() {
    for case in golden().named {
        let n = case.rows.len();
        let a = DMatrix::from_row_slice(n, n, &case.rows.concat());
        let lambda = eigenvalues(&a).unwrap();
        expect_eigenvalues(&case.name, &case.eigenvalues, &lambda, case.relative);
        let modes = eigendecomposition(&a).unwrap();
        expect_eigenvalues(&case.name, &case.eigenvalues, &modes.lambda, case.relative);
        let lambda = eigenvalues_complex(&complex(&a)).unwrap();
        expect_eigenvalues(&case.name, &case.eigenvalues, &lambda, case.relative.max(1e-15));
    }
}

#[test]
fn normal_part_of_hippo_legs_is_diagonalised_by_a_unitary_matrix() {
    for case in golden().legs_normal {
        let n = case.n;
        let p = DVector::from_fn(n, |i, _| (2.0 * i as f64 + 1.0).sqrt());
        let skew = legs(n) + &p * p.transpose() * 0.5 + DMatrix::identity(n, n) * 0.5;
        let s = complex(&skew) * -Complex::I;
        let modes = hermitian_eigendecomposition(&s).unwrap();
        for k in 0..n {
            assert!((modes.lambda[k] - case.eigenvalues[k]).abs() <= 1e-13 * modes.lambda.amax());
        }
        let identity = modes.v.adjoint() * &modes.v - DMatrix::identity(n, n);
        assert!(identity.camax() < 1e-12);
    }
}

#[test]
fn a_triangular_matrix_shows_its_eigenvalues_exactly_however_non_normal() {
    let a = legs(64);
    let lambda = eigenvalues(&a).unwrap();
    for k in 0..64 {
        assert_eq!(lambda[k], Complex::from(-(k as f64 + 1.0)));
    }
    assert!(eigendecomposition(&a).unwrap().condition_number() > 1e14);
    // Hidden behind an orthogonal change of basis, -64 is found where -100 could be.
    let q = Lcg(5).matrix(64, 64).qr().q();
    let hidden = eigenvalues(&(&q * a * q.transpose())).unwrap();
    assert!((hidden[63] - Complex::from(-64.0)).norm() > 10.0);
}

#[test]
fn hermitian_eigenvectors_are_orthonormal_up_to_256() {
    for n in [1, 2, 3, 17, 64, 256] {
        let a = hermitian_matrix(n as u64, n);
        let modes = hermitian_eigendecomposition(&a).unwrap();
        let gram = modes.v.adjoint() * &modes.v;
        assert!((gram - DMatrix::identity(n, n)).camax() < 1e-12, "N = {n}");
        let image = &a * &modes.v;
        let scaled = &modes.v * diagonal(&modes.lambda.map(Complex::from));
        assert!((image - scaled).camax() < 1e-13 * n as f64, "N = {n}");
        assert!(modes.lambda.as_slice().is_sorted());
    }
}

#[test]
fn hermitian_eigenvectors_are_orthonormal_when_eigenvalues_coincide() {
    let n = 40;
    let q = complex_matrix(7, n).qr().q();
    let lambda = DVector::from_fn(n, |k, _| Complex::from((k / 10) as f64 - 1.0));
    let a = &q * diagonal(&lambda) * q.adjoint();
    let modes = hermitian_eigendecomposition(&a).unwrap();
    for k in 0..n {
        assert!((modes.lambda[k] - lambda[k].re).abs() < 1e-13);
    }
    assert!((modes.v.adjoint() * &modes.v - DMatrix::identity(n, n)).camax() < 1e-12);
}

#[test]
fn a_real_symmetric_matrix_keeps_real_eigenvectors() {
    let a = dmatrix![2.0, 1.0, 0.0; 1.0, 2.0, 1.0; 0.0, 1.0, 2.0];
    let modes = hermitian_eigendecomposition(&a).unwrap();
    let root = 2f64.sqrt();
    for (found, expected) in modes.lambda.iter().zip([2.0 - root, 2.0, 2.0 + root]) {
        assert!((found - expected).abs() < 1e-15);
    }
    let rebuilt = &modes.v * DMatrix::from_diagonal(&modes.lambda) * modes.v.transpose();
    assert!((rebuilt - a).amax() < 1e-15);
}

#[test]
fn a_small_eigenvalue_of_a_graded_matrix_keeps_its_digits() {
    // Trace 1, determinant 1e-34: the off-diagonal is far below rounding of 1, and still it counts.
    let a = dmatrix![1.0, 1e-17; 1e-17, 2e-34];
    let lambda = eigenvalues(&a).unwrap();
    assert!((lambda[1].re / 1e-34 - 1.0).abs() < 1e-12, "found {}", lambda[1]);
}

#[test]
fn balancing_takes_out_the_rows_and_columns_that_are_solved() {
    let a = dmatrix![
        1.0, 2.0, 3.0, 4.0;
        0.0, 5.0, 6.0, 7.0;
        0.0, 8.0, 9.0, 1.0;
        0.0, 0.0, 0.0, 2.0
    ];
    let balanced = balance(&a).unwrap();
    assert_eq!(balanced.window, 1..3);
    assert_eq!((balanced.a[(0, 0)], balanced.a[(3, 3)]), (1.0, 2.0));
}

// ------------------------------------------------------------------------- defective matrices

#[test]
fn a_jordan_block_moves_by_the_nth_root_of_its_perturbation() {
    for n in [2, 4, 8] {
        for exponent in [-4, -8, -12, -16] {
            let epsilon = 10f64.powi(exponent);
            let mut a = jordan_block(n, 1.0);
            a[(n - 1, 0)] = epsilon;
            let radius = epsilon.powf(1.0 / n as f64);
            for lambda in &eigenvalues(&a).unwrap() {
                let moved = (lambda - Complex::ONE).norm();
                // The solver's own rounding moves the block too: by at most a few ε^(1/N).
                let rounding = 2.0 * f64::EPSILON.powf(1.0 / n as f64);
                assert!((moved - radius).abs() < 0.01 * radius + rounding, "N = {n}, {epsilon:e}");
            }
        }
    }
}

#[test]
fn a_hidden_jordan_block_is_found_within_the_nth_root_of_rounding() {
    for n in [2, 3, 5, 8] {
        let q = Lcg(n as u64).matrix(n, n).qr().q();
        let hidden = &q * jordan_block(n, 2.0) * q.transpose();
        let worst = eigenvalues(&hidden).unwrap().map(|z| (z - Complex::from(2.0)).norm()).max();
        let theory = (n as f64 * 4.0 * f64::EPSILON).powf(1.0 / n as f64);
        assert!(worst <= 2.0 * theory, "N = {n}: {worst:.1e}, theory {theory:.1e}");
    }
}

#[test]
fn a_defective_matrix_has_a_schur_form_but_no_eigenbasis() {
    let a = jordan_block(6, -1.0);
    let modes = eigendecomposition(&a).unwrap();
    assert_eq!(modes.lambda, DVector::repeat(6, Complex::from(-1.0)));
    assert!(modes.condition_number() > 1e15);
    let refused = modes.coordinates(&DVector::repeat(6, 1.0)).unwrap_err();
    assert!(matches!(refused, EigenError::NoEigenbasis { .. }));
    assert!(refused.to_string().starts_with("A has no basis of eigenvectors in working precision"));

    let schur = real_schur(&a).unwrap();
    assert_eq!(&schur.q * &schur.t * schur.q.transpose(), a);
    // Large blocks would overflow in a careless back substitution.
    let modes = eigendecomposition(&jordan_block(60, 0.0)).unwrap();
    assert!(modes.v.iter().all(|z| z.re.is_finite()));
    assert!(modes.v.column_iter().all(|v| (v.norm() - 1.0).abs() < 1e-12));
}

// ---------------------------------------------------------------------------------- eq-1-1

#[test]
fn eq_1_1_a_damped_spring_is_the_sum_of_its_two_modes() {
    // x'' + 0.4 x' + x = 0 from rest at 1: e^(-t/5) (cos ωt + sin ωt / (5 ω)), ω² = 0.96.
    let a = dmatrix![0.0, 1.0; -1.0, -0.4];
    let modes = eigendecomposition(&a).unwrap();
    let omega = 0.96f64.sqrt();
    for step in 0..100 {
        let t = 0.2 * f64::from(step);
        let (sine, cosine) = (omega * t).sin_cos();
        let expected = (-0.2 * t).exp() * (cosine + 0.2 * sine / omega);
        let x = modes.flow(&dvector![1.0, 0.0], t).unwrap();
        assert!((x[0] - expected).abs() < 1e-14, "t = {t}: expected {expected}, found {}", x[0]);
    }
}

/// `exp(At) x` by short Taylor steps: slow, and independent of every eigenvalue.
fn flow_by_taylor(a: &DMatrix<f64>, x: &DVector<f64>, t: f64) -> DVector<f64> {
    let steps = 64;
    let mut x = x.clone();
    for _ in 0..steps {
        let mut term = x.clone();
        for order in 1..20 {
            term = a * term * (t / f64::from(steps) / f64::from(order));
            x += &term;
        }
    }
    x
}

fn square_matrix(sizes: std::ops::Range<usize>) -> impl Strategy<Value = DMatrix<f64>> {
    sizes.prop_flat_map(|n| {
        proptest::collection::vec(-1.0..1.0, n * n)
            .prop_map(move |entries| DMatrix::from_vec(n, n, entries))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn eq_1_1_a_is_v_lambda_v_inverse_and_its_flow_the_sum_of_modes(a in square_matrix(1..9)) {
        let n = a.nrows();
        let modes = eigendecomposition(&a).unwrap();
        // Rounding of V, amplified by its condition number.
        let tolerance = 1e-14 * n as f64 * modes.condition_number();
        prop_assume!(tolerance < 1e-6);
        let inverse = modes.v.clone().try_inverse().unwrap();
        let rebuilt = &modes.v * diagonal(&modes.lambda) * inverse;
        prop_assert!((rebuilt - complex(&a)).camax() < tolerance);

        let start = DVector::from_fn(n, |i, _| 1.0 / (i as f64 + 1.0));
        let expected = flow_by_taylor(&a, &start, 1.5);
        let found = modes.flow(&start, 1.5).unwrap();
        prop_assert!((found - &expected).norm() < tolerance * (1.0 + expected.norm()) * 10.0);
    }

    #[test]
    fn each_eigenvector_is_a_direction_that_a_only_scales(a in square_matrix(1..20)) {
        let modes = eigendecomposition(&a).unwrap();
        let residual = complex(&a) * &modes.v - &modes.v * diagonal(&modes.lambda);
        prop_assert!(residual.camax() < 1e-13 * a.nrows() as f64);
        for (k, v) in modes.v.column_iter().enumerate() {
            prop_assert!((v.norm() - 1.0).abs() < 1e-14);
            // The largest entry is real and positive (the first of several equal ones).
            let largest = v.iter().map(|entry| entry.norm()).fold(0.0, f64::max);
            let first = v.iter().find(|entry| entry.norm() > (1.0 - 1e-8) * largest).unwrap();
            prop_assert!(first.im == 0.0 && first.re > 0.0);
            // Real eigenvalues have real vectors, conjugate ones have conjugate vectors.
            let conjugate = modes.lambda.iter().zip(modes.v.column_iter()).find(|(lambda, w)| {
                **lambda == modes.lambda[k].conj() && *w == v.map(|entry| entry.conj())
            });
            prop_assert!(conjugate.is_some());
        }
    }

    #[test]
    fn trace_is_the_sum_and_determinant_the_product(a in square_matrix(1..12)) {
        let n = a.nrows() as f64;
        let lambda = eigenvalues(&a).unwrap();
        let sum: Complex<f64> = lambda.iter().sum();
        prop_assert!((sum - a.trace()).norm() < 1e-13 * n);
        let product: Complex<f64> = lambda.iter().product();
        // Each factor carries an error of ε‖A‖ times its condition number.
        let allowed = 1e-12 * a.norm().max(1.0).powf(n);
        prop_assert!((product - a.determinant()).norm() < allowed);
    }

    #[test]
    fn complex_eigenvalues_come_in_conjugate_pairs_and_in_order(a in square_matrix(1..12)) {
        let lambda = eigenvalues(&a).unwrap();
        for pair in lambda.as_slice().windows(2) {
            prop_assert!(pair[0].re > pair[1].re || (pair[0].re == pair[1].re && pair[0].im >= pair[1].im));
        }
        for z in &lambda {
            prop_assert!(lambda.iter().any(|w| *w == z.conj()));
        }
    }

    #[test]
    fn a_change_of_basis_keeps_the_eigenvalues(a in square_matrix(2..9), seed in 0u64..1000) {
        let n = a.nrows();
        let q = Lcg(seed).matrix(n, n).qr().q();
        let modes = eigendecomposition(&a).unwrap();
        // Bauer and Fike: rounding of QAQᵀ moves an eigenvalue by at most κ(V) ε‖A‖.
        let allowed = 1e-14 * n as f64 * modes.condition_number();
        prop_assume!(allowed < 1e-6);
        let turned = eigenvalues(&(&q * &a * q.transpose())).unwrap();
        for z in &turned {
            let closest = modes.lambda.iter().map(|w| (w - z).norm()).fold(f64::INFINITY, f64::min);
            prop_assert!(closest < allowed);
        }
    }

    #[test]
    fn bauer_fike_bounds_how_far_an_eigenvalue_moves(
        a in square_matrix(2..9), seed in 0u64..1000, exponent in 1i32..8,
    ) {
        let n = a.nrows();
        let e = Lcg(seed).matrix(n, n) * 10f64.powi(-exponent);
        let modes = eigendecomposition(&a).unwrap();
        let bound = modes.condition_number() * (e.clone().svd(false, false).singular_values.max() + 1e-14);
        for z in &eigenvalues(&(&a + e)).unwrap() {
            let closest = modes.lambda.iter().map(|w| (w - z).norm()).fold(f64::INFINITY, f64::min);
            prop_assert!(closest <= bound);
        }
    }

    #[test]
    fn real_schur_form_is_orthogonal_quasi_triangular_and_standard(a in square_matrix(1..25)) {
        let n = a.nrows();
        let schur = real_schur(&a).unwrap();
        let tolerance = 1e-14 * n as f64;
        prop_assert!((&schur.q * &schur.t * schur.q.transpose() - &a).amax() < tolerance);
        prop_assert!((schur.q.transpose() * &schur.q - DMatrix::identity(n, n)).amax() < tolerance);
        for i in 0..n {
            for j in 0..n {
                if i > j + 1 {
                    prop_assert_eq!(schur.t[(i, j)], 0.0);
                }
            }
        }
        for k in 0..n.saturating_sub(1) {
            if schur.t[(k + 1, k)] != 0.0 {
                prop_assert_eq!(schur.t[(k, k)], schur.t[(k + 1, k + 1)]);
                prop_assert!(schur.t[(k + 1, k)] * schur.t[(k, k + 1)] < 0.0);
                prop_assert!(k + 2 >= n || schur.t[(k + 2, k + 1)] == 0.0);
            }
        }
    }

    #[test]
    fn complex_schur_form_is_unitary_and_triangular(re in square_matrix(1..16), seed in 0u64..1000) {
        let n = re.nrows();
        let a = re.zip_map(&Lcg(seed).matrix(n, n), Complex::new);
        let schur = complex_schur(&a).unwrap();
        let tolerance = 1e-14 * n as f64;
        prop_assert!((&schur.q * &schur.t * schur.q.adjoint() - &a).camax() < tolerance);
        let identity = DMatrix::identity(n, n);
        prop_assert!((schur.q.adjoint() * &schur.q - identity).camax() < tolerance);
        prop_assert!((0..n).all(|j| (j + 1..n).all(|i| schur.t[(i, j)] == Complex::ZERO)));
    }

    #[test]
    fn hessenberg_form_is_orthogonally_similar(a in square_matrix(1..20)) {
        let n = a.nrows();
        let form = hessenberg(&a).unwrap();
        let tolerance = 1e-14 * n as f64;
        prop_assert!((&form.q * &form.h * form.q.transpose() - &a).amax() < tolerance);
        prop_assert!((form.q.transpose() * &form.q - DMatrix::identity(n, n)).amax() < tolerance);
        prop_assert!((0..n).all(|j| (j + 2..n).all(|i| form.h[(i, j)] == 0.0)));
    }

    #[test]
    fn balancing_is_a_similarity_by_powers_of_two(
        a in square_matrix(2..9), exponents in proptest::collection::vec(-30i32..30, 9),
    ) {
        let n = a.nrows();
        let d = DVector::from_fn(n, |i, _| 2f64.powi(exponents[i]));
        let skewed = DMatrix::from_fn(n, n, |i, j| a[(i, j)] * d[i] / d[j]);
        let balanced = balance(&skewed).unwrap();
        prop_assert!(balanced.a.norm() <= skewed.norm());
        prop_assert!(balanced.a.norm() <= 10.0 * a.norm());
        for i in 0..n {
            for j in 0..n {
                let (row, column) = (balanced.permutation[i], balanced.permutation[j]);
                let scaled = skewed[(row, column)] / balanced.scale[i] * balanced.scale[j];
                prop_assert_eq!(balanced.a[(i, j)], scaled);
            }
        }
        // So the skewed matrix gives up its eigenvalues as readily as the plain one.
        let plain = eigendecomposition(&a).unwrap();
        let allowed = 1e-13 * n as f64 * plain.condition_number();
        prop_assume!(allowed < 1e-6);
        for z in &eigenvalues(&skewed).unwrap() {
            let closest = plain.lambda.iter().map(|w| (w - z).norm()).fold(f64::INFINITY, f64::min);
            prop_assert!(closest < allowed);
        }
    }

    #[test]
    fn hermitian_solver_agrees_with_the_general_one(a in square_matrix(1..12)) {
        let symmetric = &a + a.transpose();
        let modes = hermitian_eigendecomposition(&symmetric).unwrap();
        let general = eigenvalues(&symmetric).unwrap();
        let n = a.nrows();
        for k in 0..n {
            prop_assert!((general[n - 1 - k] - modes.lambda[k]).norm() < 1e-13 * n as f64);
        }
        let rebuilt = &modes.v * DMatrix::from_diagonal(&modes.lambda) * modes.v.transpose();
        prop_assert!((rebuilt - symmetric).amax() < 1e-14 * n as f64);
    }
}

// ------------------------------------------------------------------------ the page's attempts

#[test]
fn power_iteration_finds_the_dominant_mode_at_the_rate_of_the_gap() {
    let a = dmatrix![2.0, 1.0; 1.0, 2.0]; // eigenvalues 3 and 1
    let mode = power_iteration(&a, &dvector![1.0, 0.0], 100, 1e-10).unwrap();
    assert!((mode.lambda - 3.0).abs() < 1e-15);
    // The residual falls by a third a step: 10 digits take 10 ln 10 / ln 3, about 21.
    assert!((20..=23).contains(&mode.steps), "{} steps", mode.steps);
}

#[test]
fn power_iteration_never_settles_on_a_complex_pair() {
    let damped_spring = dmatrix![0.0, 1.0; -1.0, -0.4];
    let stopped = power_iteration(&damped_spring, &dvector![1.0, 0.0], 10_000, 1e-3).unwrap_err();
    assert_eq!(stopped, EigenError::NoConvergence { iterations: 10_000, remaining: 1 });
}

#[test]
fn power_iteration_accepts_what_a_maps_to_zero() {
    let a = dmatrix![0.0, 1.0; 0.0, 0.0];
    let mode = power_iteration(&a, &dvector![1.0, 0.0], 5, 1e-12).unwrap();
    assert_eq!((mode.lambda, mode.steps), (0.0, 1));
}

#[test]
fn a_shift_at_an_eigenvalue_drives_it_out_in_one_step() {
    let a = dmatrix![4.0, 1.0, 0.0; 1.0, 3.0, 1.0; 0.0, 1.0, 2.0]; // 3, 3 ± √3
    let next = shifted_qr_step(&a, 3.0).unwrap();
    assert!(next[(2, 1)].abs() < 1e-15);
    assert!((next[(2, 2)] - 3.0).abs() < 1e-15);
}

#[test]
fn real_shifts_do_not_empty_the_last_row_of_a_rotation() {
    let mut a = dmatrix![0.0, 1.0; -1.0, -0.4];
    for _ in 0..1000 {
        let shift = a[(1, 1)];
        a = shifted_qr_step(&a, shift).unwrap();
    }
    assert!(a[(1, 0)].abs() > 0.1);
}

// ------------------------------------------------------------------------------ edges, errors

#[test]
fn permutation_matrices_need_the_exceptional_shift() {
    for n in [3, 4, 5, 8, 16, 30] {
        let a = DMatrix::from_fn(n, n, |i, j| if (j + 1) % n == i { 1.0 } else { 0.0 });
        let lambda = eigenvalues(&a).unwrap();
        for z in &lambda {
            assert!((z.norm() - 1.0).abs() < 1e-14, "N = {n}");
            assert!((z.powi(n as i32) - Complex::ONE).norm() < 1e-13 * n as f64, "N = {n}");
        }
        let lambda = eigenvalues_complex(&complex(&a)).unwrap();
        assert!(lambda.iter().all(|z| (z.norm() - 1.0).abs() < 1e-14), "N = {n}");
    }
}

#[test]
fn zero_identity_and_one_by_one() {
    let zero = eigendecomposition(&DMatrix::zeros(4, 4)).unwrap();
    assert_eq!(zero.lambda, DVector::zeros(4));
    assert_eq!(zero.condition_number(), 1.0);
    let identity = eigendecomposition(&DMatrix::identity(3, 3)).unwrap();
    assert_eq!(identity.lambda, DVector::repeat(3, Complex::ONE));
    assert_eq!(identity.condition_number(), 1.0);
    let single = eigendecomposition(&dmatrix![-7.5]).unwrap();
    assert_eq!((single.lambda[0], single.v[(0, 0)]), (Complex::from(-7.5), Complex::ONE));
    let single = hermitian_eigendecomposition(&dmatrix![Complex::from(-7.5)]).unwrap();
    assert_eq!((single.lambda[0], single.v[(0, 0)]), (-7.5, Complex::ONE));
    assert_eq!(eigenvalues_complex(&dmatrix![Complex::I]).unwrap()[0], Complex::I);
}

#[test]
fn extreme_units_change_the_eigenvalues_and_nothing_else() {
    let a = Lcg(11).matrix(6, 6);
    let plain = eigendecomposition(&a).unwrap();
    for unit in [1e-300, 1e-160, 1e160, 1e300] {
        let modes = eigendecomposition(&(&a * unit)).unwrap();
        let schur = real_schur(&(&a * unit)).unwrap();
        let symmetric = hermitian_eigendecomposition(&((&a + a.transpose()) * unit)).unwrap();
        let tame = hermitian_eigendecomposition(&(&a + a.transpose())).unwrap();
        for k in 0..6 {
            assert!((modes.lambda[k] / unit - plain.lambda[k]).norm() < 1e-13, "unit {unit:e}");
            assert!((symmetric.lambda[k] / unit - tame.lambda[k]).abs() < 1e-13, "unit {unit:e}");
        }
        assert!((modes.v - &plain.v).camax() < 1e-12, "unit {unit:e}");
        let rebuilt = &schur.q * (schur.t / unit) * schur.q.transpose();
        assert!((rebuilt - &a).amax() < 1e-13, "unit {unit:e}");
    }
}

#[test]
fn bad_matrices_are_refused_with_a_sentence() {
    let tall = DMatrix::<f64>::zeros(3, 2);
    let sentence = eigenvalues(&tall).unwrap_err().to_string();
    assert_eq!(sentence, "expected A to be square, found 3 x 2");
    let sentence = eigendecomposition(&dmatrix![1.0, f64::NAN; 0.0, 1.0]).unwrap_err().to_string();
    assert_eq!(sentence, "expected every entry of A to be finite, found NaN at row 0, column 1");
    assert!(real_schur(&DMatrix::zeros(0, 0)).is_err());
    assert!(complex_schur(&complex(&tall)).is_err());
    assert!(hessenberg(&tall).is_err());
    assert!(balance(&tall).is_err());
    let one_sided = dmatrix![Complex::ONE, Complex::I; Complex::I, Complex::ONE];
    let sentence = hermitian_eigendecomposition(&one_sided).unwrap_err().to_string();
    assert_eq!(
        sentence,
        "expected A to be Hermitian, found 0+1i at row 0, column 1 but 0+1i at row 1, column 0"
    );
    let sentence = power_iteration(&dmatrix![1.0], &dvector![0.0], 5, 0.1).unwrap_err().to_string();
    assert_eq!(sentence, "expected the length of the start to be finite and positive, found 0");
    let sentence = power_iteration(&dmatrix![1.0], &dvector![1.0, 2.0], 5, 0.1).unwrap_err();
    assert!(sentence.to_string().starts_with("expected the start to be 1 x 1, found 2 x 1"));
}
