//! What the page *Matrix exponential* claims.

use math_foundations::eigendecomposition::eigendecomposition;
use math_foundations::matrix_exponential::{
    MatrixExponentialError, exponential_2x2, exponential_by_eigenvectors, exponential_by_schur,
    exponential_condition_number, matrix_exponential, matrix_exponential_frechet, one_norm,
    taylor_exponential,
};
use nalgebra::{Complex, DMatrix, Matrix2, dmatrix, dvector};
use proptest::prelude::*;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use workbench::testing::{fixture, relative_error};

/// A matrix of a fixture: rows of numbers.
fn matrix(rows: &Value) -> DMatrix<f64> {
    let rows = rows.as_array().expect("rows");
    DMatrix::from_fn(rows.len(), rows.len(), |i, j| rows[i][j].as_f64().expect("a number"))
}

fn golden(file: &str) -> Value {
    serde_json::from_str(&fixture(file)).expect("JSON")
}

/// The cases of `expm_exact.json`: name, A, e^A rounded once from 200 digits.
fn exact_cases() -> Vec<(String, DMatrix<f64>, DMatrix<f64>)> {
    let cases = golden("expm_exact.json");
    let cases = cases["cases"].as_array().expect("cases");
    cases
        .iter()
        .map(|case| (case["name"].to_string(), matrix(&case["A"]), matrix(&case["expA"])))
        .collect()
}

/// The error that an algorithm may make which is exact for an A rounded N times: each product of
/// N x N matrices rounds N times, and the problem magnifies that by its condition number. The
/// answer itself is rounded too, hence at least 1.
fn allowed_error(a: &DMatrix<f64>, unit: f64) -> f64 {
    let condition = exponential_condition_number(a).expect("a condition number");
    a.nrows() as f64 * condition.max(1.0) * unit
}

fn random_matrix(size: usize, scale: f64, seed: u64) -> DMatrix<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DMatrix::from_fn(size, size, |_, _| scale * random.random_range(-1.0..1.0))
}

/// The chapter's spring, x'' + 0.4 x' + x = 0, and its exponential by hand: λ = -0.2 ± √0.96 i.
fn spring(t: f64) -> (DMatrix<f64>, DMatrix<f64>) {
    let a = dmatrix![0.0, 1.0; -1.0, -0.4] * t;
    let omega = 0.96f64.sqrt();
    let (decay, cos, sin) = ((-0.2 * t).exp(), (omega * t).cos(), (omega * t).sin() / omega);
    let exponential = dmatrix![cos + 0.2 * sin, sin; -sin, cos - 0.2 * sin] * decay;
    (a, exponential)
}

#[test]
fn eq_1_2_squaring_undoes_scaling() {
    for seed in 0..20 {
        let a = random_matrix(4, 3.0, seed);
        let whole = matrix_exponential(&a).unwrap();
        for s in 5..9 {
            // The definition at A/2^s, then s squarings: none of the code of the left side.
            let mut squared = taylor_exponential(&(&a / 2f64.powi(s)), 30).unwrap();
            for _ in 0..s {
                squared = &squared * &squared;
            }
            // Each squaring doubles the relative error made so far.
            let tolerance = 2f64.powi(s) * 10.0 * f64::EPSILON;
            assert!(relative_error(&squared, &whole) < tolerance, "seed {seed}, s = {s}");
        }
    }
}

#[test]
fn eq_1_2_exponential_carries_the_state() {
    // Left, the state as the sum of its modes (eq-1-1); right, the exponential of At applied once.
    let x = dvector![1.0, -0.5];
    for damping in [0.4, 1.9, 2.5] {
        let a = dmatrix![0.0, 1.0; -1.0, -damping];
        let modes = eigendecomposition(&a).unwrap();
        for t in [0.0, 0.3, 1.0, 7.0] {
            let flowed = modes.flow(&x, t).unwrap();
            let carried = matrix_exponential(&(&a * t)).unwrap() * &x;
            assert!((&flowed - &carried).norm() < 1e-13, "d = {damping}, t = {t}");
        }
        // And it solves the equation: its derivative is A times itself, to second order in h.
        let h = 1e-5;
        let at = |t: f64| matrix_exponential(&(&a * t)).unwrap() * &x;
        let slope = (at(1.0 + h) - at(1.0 - h)) / (2.0 * h);
        assert!((slope - &a * at(1.0)).norm() < 1e-9, "d = {damping}");
    }
}

#[test]
fn every_golden_exponential_is_as_exact_as_the_problem_allows() {
    let mut checked = 0;
    for (name, a, expected) in exact_cases() {
        let found = matrix_exponential(&a).unwrap();
        let error = relative_error(&found, &expected);
        let allowed = allowed_error(&a, f64::EPSILON);
        assert!(error <= allowed, "{name}: error {error:e}, allowed {allowed:e}");
        checked += 1;
    }
    assert_eq!(checked, 25);
}

#[test]
fn well_conditioned_golden_exponentials_agree_with_scipy_to_13_digits() {
    // SciPy 1.17.1 loses digits on these 3 x 3 matrices: they are held to the exact value below.
    let scipy_is_off = ["\"randn3x5.0\"", "\"randn3x40.0\"", "\"moler_vanloan_ward1\""];
    let scipy = golden("expm.json");
    let scipy = scipy["cases"].as_array().expect("cases");
    for ((name, a, exact), case) in exact_cases().into_iter().zip(scipy) {
        let found = matrix_exponential(&a).unwrap();
        let theirs = matrix(&case["expA"]);
        if scipy_is_off.contains(&name.as_str()) {
            assert!(relative_error(&theirs, &exact) > 1e-13, "{name}: SciPy's value is good");
            assert!(relative_error(&found, &exact) < 1e-13, "{name}");
        } else {
            // At a condition number of some hundred, both sides may be off by as much.
            let error = relative_error(&found, &theirs);
            assert!(error < 1e-13, "{name}: {error:e}");
        }
    }
}

#[test]
fn single_precision_is_as_exact_as_the_problem_allows() {
    let unit = f64::from(f32::EPSILON);
    for (name, a, expected) in exact_cases() {
        let found = matrix_exponential(&a.map(|entry| entry as f32)).unwrap().map(f64::from);
        let error = relative_error(&found, &expected);
        let allowed = allowed_error(&a, unit);
        assert!(error <= allowed, "{name}: error {error:e}, allowed {allowed:e}");
    }
}

#[test]
fn complex_exponentials_are_exact_to_rounding() {
    let cases = golden("expm_exact.json");
    let cases = cases["complex_cases"].as_array().expect("complex cases");
    assert_eq!(cases.len(), 9);
    for case in cases {
        let a = matrix(&case["A_re"]).zip_map(&matrix(&case["A_im"]), Complex::new);
        let expected = matrix(&case["expA_re"]).zip_map(&matrix(&case["expA_im"]), Complex::new);
        // The condition number of a matrix of norm n that is not far from normal is about n.
        let tolerance = 10.0 * one_norm(&a).max(1.0) * f64::EPSILON;
        let found = matrix_exponential(&a).unwrap();
        let error = relative_error(&found, &expected);
        assert!(error < tolerance, "{}: {error:e}", case["name"]);

        let single = matrix_exponential(&a.map(|z| Complex::new(z.re as f32, z.im as f32)));
        let single = single.unwrap().map(|z| Complex::new(f64::from(z.re), f64::from(z.im)));
        let tolerance = 10.0 * one_norm(&a).max(1.0) * f64::from(f32::EPSILON);
        let error = relative_error(&single, &expected);
        assert!(error < tolerance, "{} in f32: {error:e}", case["name"]);
    }
}

#[test]
fn complex_matrix_and_its_real_embedding_have_the_same_exponential() {
    let (re, im) = (random_matrix(5, 2.0, 1), random_matrix(5, 2.0, 2));
    let complex = matrix_exponential(&re.zip_map(&im, Complex::new)).unwrap();
    let mut embedding = DMatrix::zeros(10, 10);
    embedding.view_mut((0, 0), (5, 5)).copy_from(&re);
    embedding.view_mut((5, 5), (5, 5)).copy_from(&re);
    embedding.view_mut((0, 5), (5, 5)).copy_from(&-&im);
    embedding.view_mut((5, 0), (5, 5)).copy_from(&im);
    let real = matrix_exponential(&embedding).unwrap();
    let error = (real.view((0, 0), (5, 5)) - complex.map(|z| z.re)).norm()
        + (real.view((5, 0), (5, 5)) - complex.map(|z| z.im)).norm();
    assert!(error < 1e-13 * real.norm(), "{error:e}");
}

#[test]
fn an_exponential_answers_the_damped_spring_at_every_time() {
    for t in [0.0, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0] {
        let (a, expected) = spring(t);
        let error = relative_error(&matrix_exponential(&a).unwrap(), &expected);
        // Condition number about ‖A‖ t, here 1.5 t.
        assert!(error < 10.0 * (1.0 + 1.5 * t) * f64::EPSILON, "t = {t}: {error:e}");
    }
}

#[test]
fn taylor_series_explodes_and_settles_on_no_correct_digit() {
    let (a, expected) = spring(40.0);
    let error = |terms| relative_error(&taylor_exponential(&a, terms).unwrap(), &expected);
    assert!(error(40) > 1e15, "the hump: {:e}", error(40));
    assert!(error(200) > 1.0, "200 terms: {:e}", error(200));
    // It has settled: more terms change nothing.
    assert_eq!(taylor_exponential(&a, 200).unwrap(), taylor_exponential(&a, 400).unwrap());
    assert!(relative_error(&matrix_exponential(&a).unwrap(), &expected) < 1e-13);
}

#[test]
fn taylor_series_gets_the_signs_of_moler_and_van_loan_wrong_in_single_precision() {
    let a = dmatrix![-49.0_f32, 24.0; -64.0, 31.0];
    let (sum, answer) = (taylor_exponential(&a, 120).unwrap(), matrix_exponential(&a).unwrap());
    assert!(answer[(0, 0)] < 0.0 && sum[(0, 0)] > 0.0, "{sum} {answer}");
    assert!(answer[(1, 0)] < 0.0 && sum[(1, 0)] > 0.0, "{sum} {answer}");
}

#[test]
fn a_scaling_too_many_loses_digits_that_the_norm_of_a_power_saves() {
    // ‖A‖ = 10⁶ asks for 18 squarings, A² = I for none.
    let a = dmatrix![1.0, 1e6; 0.0, -1.0];
    let expected = dmatrix![1f64.exp(), 1e6 * 1f64.sinh(); 0.0, (-1f64).exp()];
    let mut naive = taylor_exponential(&(&a / 2f64.powi(20)), 30).unwrap();
    for _ in 0..20 {
        naive = &naive * &naive;
    }
    let lost = relative_error(&naive, &expected);
    assert!(lost > 1e-12, "{lost:e}");
    let kept = relative_error(&matrix_exponential(&a).unwrap(), &expected);
    assert!(kept < 1e-15, "{kept:e}");

    // So large that |A|²⁷ overflows.
    let found = matrix_exponential(&dmatrix![1.0, 1e30; 0.0, -1.0]).unwrap();
    assert!((found[(0, 1)] / 1e30 - 1f64.sinh()).abs() < 1e-15, "{found}");
    let single = matrix_exponential(&dmatrix![1.0_f32, 1e6; 0.0, -1.0]).unwrap();
    assert!((single[(0, 1)] / 1e6 - 1f32.sinh()).abs() < 1e-6, "{single}");
}

#[test]
fn small_matrices_keep_the_digits_of_their_difference_from_identity() {
    // Relative to e^A - I, not to e^A.
    for exponent in [-4, -8, -12] {
        let a = dmatrix![0.0, 1.0; -1.0, 0.0] * 10f64.powi(exponent);
        let found = matrix_exponential(&a).unwrap();
        let expected = a[(0, 1)].sin();
        assert!((found[(0, 1)] - expected).abs() < 2.0 * f64::EPSILON * expected);
    }
}

#[test]
fn huge_stable_matrices_decay_to_zero_and_do_not_overflow_on_the_way() {
    for exponent in [3, 60, 150, 300] {
        let a = -DMatrix::<f64>::identity(3, 3) * 10f64.powi(exponent);
        assert_eq!(matrix_exponential(&a).unwrap(), DMatrix::zeros(3, 3), "10^{exponent}");
    }
    let single = -DMatrix::<f32>::identity(3, 3) * 1e30;
    assert_eq!(matrix_exponential(&single).unwrap(), DMatrix::zeros(3, 3));
}

#[test]
fn closed_form_survives_double_eigenvalues_and_large_means() {
    let cases = [
        Matrix2::new(-1.0, 1.0, 0.0, -1.0),
        Matrix2::new(2.0, 1e-9, 1e-9, 2.0),
        Matrix2::new(-1.0, 1.0, -1e-20, -1.0),
        Matrix2::new(-49.0, 24.0, -64.0, 31.0),
        Matrix2::new(0.0, 0.0, 0.0, 0.0),
    ];
    for a in cases {
        let dynamic = DMatrix::from_column_slice(2, 2, a.as_slice());
        let general = matrix_exponential(&dynamic).unwrap();
        let closed = DMatrix::from_column_slice(2, 2, exponential_2x2(&a).unwrap().as_slice());
        let error = relative_error(&closed, &general);
        let allowed = 2.0 * allowed_error(&dynamic, f64::EPSILON);
        assert!(error <= allowed, "{a}: {error:e}, allowed {allowed:e}");
    }
    // e^μ underflows and cosh δ overflows; their product is e^{-1}.
    let apart = exponential_2x2(&Matrix2::new(-1.0, 0.0, 0.0, -1999.0)).unwrap();
    assert!((apart[(0, 0)] - (-1f64).exp()).abs() < 1e-15 && apart[(1, 1)] == 0.0);
}

#[test]
fn eigenvectors_give_the_exponential_of_a_normal_matrix() {
    for seed in 0..10 {
        let b = random_matrix(6, 1.0, seed);
        for a in [&b + b.transpose(), &b - b.transpose()] {
            let found = exponential_by_eigenvectors(&a).unwrap();
            let expected = matrix_exponential(&a).unwrap();
            let error = relative_error(&found, &expected);
            assert!(error < 1e-13, "seed {seed}: {error:e}");
        }
    }
}

#[test]
fn nearly_parallel_eigenvectors_lose_digits_that_the_exponential_has() {
    for (gap, at_least, at_most) in [(1e-4, 1e-14, 1e-10), (1e-8, 1e-10, 1e-6)] {
        let a = dmatrix![-1.0, 1.0; 0.0, -1.0 - gap];
        let (slow, between) = ((-1f64).exp(), (-1f64).exp() * -f64::exp_m1(-gap) / gap);
        let exact = dmatrix![slow, between; 0.0, (-1.0 - gap).exp()];
        assert!(exponential_condition_number(&a).unwrap() < 2.0);
        assert!(relative_error(&matrix_exponential(&a).unwrap(), &exact) < 1e-15);
        let error = relative_error(&exponential_by_eigenvectors(&a).unwrap(), &exact);
        assert!(at_least < error && error < at_most, "gap {gap:e}: {error:e}");
    }
    let defective = exponential_by_eigenvectors(&dmatrix![-1.0, 1.0; 0.0, -1.0]).unwrap_err();
    assert!(defective.to_string().starts_with("A has no basis of eigenvectors"), "{defective}");
}

#[test]
fn schur_form_keeps_the_digits_of_large_matrices_far_from_normal() {
    let q = dmatrix![0.8, -0.6; 0.6, 0.8];
    let (slow, fast) = ((-1f64).exp(), (-2f64).exp());
    for kappa in [1e2, 1e4, 1e5, 1e6, 1e7] {
        let a = &q * dmatrix![-1.0, kappa; 0.0, -2.0] * q.transpose();
        let exact = &q * dmatrix![slow, kappa * (slow - fast); 0.0, fast] * q.transpose();
        let error = relative_error(&exponential_by_schur(&a).unwrap(), &exact);
        // The condition number by hand: κ² moves an eigenvalue by κ ε of rounding in A.
        let allowed = kappa * kappa * f64::EPSILON;
        assert!(error < allowed, "κ = {kappa:e}: {error:e}, allowed {allowed:e}");
    }
    for seed in 0..10 {
        let a = random_matrix(7, 3.0, seed);
        let (schur, direct) = (exponential_by_schur(&a).unwrap(), matrix_exponential(&a).unwrap());
        assert!(relative_error(&schur, &direct) < 1e-12, "seed {seed}");
    }
}

#[test]
fn a_mean_of_the_diagonal_that_is_taken_out_saves_digits() {
    // e^{A - μI} e^μ, with nothing to cancel; plain scaling by 2⁶ loses two digits more.
    for seed in 0..10 {
        let part = random_matrix(10, 1.0, seed);
        let a = &part - DMatrix::identity(10, 10) * 200.0;
        let expected = matrix_exponential(&part).unwrap() * (-200f64).exp();
        let error = relative_error(&matrix_exponential(&a).unwrap(), &expected);
        assert!(error < 2e-14, "seed {seed}: {error:e}");
    }
    // The factor e^μ alone would overflow, and e^{A - μI} would underflow to 0: not their product.
    let apart = matrix_exponential(&dmatrix![-1.0, 0.0; 0.0, -1999.0]).unwrap();
    assert!((apart[(0, 0)] - (-1f64).exp()).abs() < 1e-12 && apart[(1, 1)] == 0.0);
}

#[test]
fn large_exponentials_agree_with_the_closed_form_of_their_blocks() {
    // Springs of many frequencies, hidden from the algorithm by an orthogonal change of basis.
    let size = 120;
    let q = random_matrix(size, 1.0, 1).qr().q();
    let (mut blocks, mut expected) = (DMatrix::zeros(size, size), DMatrix::zeros(size, size));
    for pair in 0..size / 2 {
        let (a, exponential) = spring(0.2 + 0.1 * pair as f64);
        blocks.view_mut((2 * pair, 2 * pair), (2, 2)).copy_from(&a);
        expected.view_mut((2 * pair, 2 * pair), (2, 2)).copy_from(&exponential);
    }
    let found = matrix_exponential(&(&q * blocks * q.transpose())).unwrap();
    let expected = &q * expected * q.transpose();
    let error = relative_error(&found, &expected);
    assert!(error < 1e-13, "{error:e}");

    // The same, turned by i: e^{iA} of a complex matrix beyond the size of one block.
    let phase = Complex::new(0.0, 1.0);
    let symmetric = random_matrix(size, 0.3, 2);
    let symmetric = (&symmetric + symmetric.transpose()).map(|entry| phase * entry);
    let unitary = matrix_exponential(&symmetric).unwrap();
    let defect = (&unitary * unitary.adjoint() - DMatrix::identity(size, size)).norm();
    assert!(defect < 1e-12, "{defect:e}");
}

#[test]
fn derivative_is_the_limit_of_difference_quotients() {
    let (a, e) = (random_matrix(4, 1.5, 3), random_matrix(4, 1.0, 4));
    let derivative = matrix_exponential_frechet(&a, &e).unwrap();
    let h = 1e-5;
    let forth = matrix_exponential(&(&a + &e * h)).unwrap();
    let back = matrix_exponential(&(&a - &e * h)).unwrap();
    // Central differences: h² of truncation plus rounding over h.
    let error = relative_error(&((forth - back) / (2.0 * h)), &derivative);
    assert!(error < 1e-9, "{error:e}");
}

#[test]
fn derivative_transposes_into_the_gradient() {
    // <G, L(A, E)> = <L(Aᵀ, G), E>: the second is the gradient of a loss with respect to A.
    let (a, e, g) = (random_matrix(5, 2.0, 5), random_matrix(5, 1.0, 6), random_matrix(5, 1.0, 7));
    let forward = g.dot(&matrix_exponential_frechet(&a, &e).unwrap());
    let backward = matrix_exponential_frechet(&a.transpose(), &g).unwrap().dot(&e);
    assert!((forward - backward).abs() < 1e-12 * forward.abs(), "{forward} {backward}");
}

#[test]
fn derivative_is_linear_whatever_the_size_of_its_direction() {
    let (a, e) = (random_matrix(4, 1.0, 8), random_matrix(4, 1.0, 9));
    let derivative = matrix_exponential_frechet(&a, &e).unwrap();
    for scale in [1e-200, 1e-9, 1e9, 1e200] {
        let scaled = matrix_exponential_frechet(&a, &(&e * scale)).unwrap() / scale;
        assert!(relative_error(&scaled, &derivative) < 1e-14, "{scale:e}");
    }
    let zero = DMatrix::zeros(4, 4);
    assert_eq!(matrix_exponential_frechet(&a, &zero).unwrap(), zero);
    // At A = 0 the derivative is E itself.
    assert!(relative_error(&matrix_exponential_frechet(&zero, &e).unwrap(), &e) < 1e-15);
}

#[test]
fn condition_number_bounds_and_predicts_the_effect_of_a_perturbation() {
    let a = dmatrix![-1.0, 1e3; 0.0, -1.1];
    let condition = exponential_condition_number(&a).unwrap();
    let exponential = matrix_exponential(&a).unwrap();
    let mut worst = 0f64;
    for seed in 0..200 {
        let e = random_matrix(2, 1.0, seed);
        let e = &e * (1e-7 * a.norm() / e.norm());
        let moved = matrix_exponential(&(&a + &e)).unwrap();
        worst = worst.max(relative_error(&moved, &exponential) / 1e-7);
    }
    assert!(worst <= 1.001 * condition, "{worst} > {condition}");
    assert!(worst > 0.8 * condition, "{worst} is far below {condition}");
    assert_eq!(exponential_condition_number(&DMatrix::zeros(3, 3)).unwrap(), 0.0);
}

#[test]
fn exponentials_add_only_when_the_matrices_commute() {
    let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0, 0.0; 1.0, 0.0]);
    let together = matrix_exponential(&(&a + &b)).unwrap();
    let apart = matrix_exponential(&a).unwrap() * matrix_exponential(&b).unwrap();
    // cosh 1 = 1.54 against 2.
    assert!((together[(0, 0)] - 1f64.cosh()).abs() < 1e-15);
    assert!((apart[(0, 0)] - 2.0).abs() < 1e-15);
}

#[test]
fn what_has_no_exponential_is_refused_in_a_sentence() {
    let sentence = |a: DMatrix<f64>| matrix_exponential(&a).unwrap_err().to_string();
    assert_eq!(sentence(DMatrix::zeros(3, 2)), "expected A to be square, found 3 x 2");
    assert_eq!(
        sentence(DMatrix::zeros(0, 0)),
        "expected A to have at least one row and one column, found 0 x 0"
    );
    assert_eq!(
        sentence(dmatrix![0.0, f64::NAN; 0.0, 0.0]),
        "expected every entry of A to be finite, found NaN at row 0, column 1"
    );
    assert_eq!(
        sentence(dmatrix![1000.0, 0.0; 0.0, 0.0]),
        "expected an exponential of finite numbers, found an overflow: the 1-norm of A is 1e3"
    );
    // 1e308 + 1e308 is not a number of the type: the norm itself overflows.
    let column = dmatrix![0.0, -1.5e308; 0.0, -1.5e308];
    assert_eq!(
        matrix_exponential(&column),
        Err(MatrixExponentialError::Overflow { norm: f64::INFINITY })
    );
    assert!(matrix_exponential(&dmatrix![100.0_f32]).is_err());
    assert!(taylor_exponential(&dmatrix![1e200, 0.0; 0.0, 1e200], 10).is_err());
    assert!(exponential_2x2(&Matrix2::new(1000.0, 0.0, 0.0, 0.0)).is_err());
    assert!(exponential_2x2(&Matrix2::new(f64::INFINITY, 0.0, 0.0, 0.0)).is_err());
    let narrow = matrix_exponential_frechet(&DMatrix::<f64>::zeros(2, 2), &DMatrix::zeros(2, 1));
    assert_eq!(narrow.unwrap_err().to_string(), "expected E to be 2 x 2, found 2 x 1");
}

/// Square matrices of 1 to 7 rows with entries up to 4 in size.
fn any_matrix() -> impl Strategy<Value = DMatrix<f64>> {
    (1usize..8).prop_flat_map(|size| prop::collection::vec(-4.0..4.0, size * size)).prop_map(
        |entries| DMatrix::from_vec(entries.len().isqrt(), entries.len().isqrt(), entries),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn determinant_of_the_exponential_is_the_exponential_of_the_trace(a in any_matrix()) {
        let exponential = matrix_exponential(&a).unwrap();
        // A determinant is a sum of products of up to N entries: its rounding is relative to those.
        let scale = exponential.norm().powi(a.nrows() as i32);
        let error = (exponential.determinant() - a.trace().exp()).abs();
        prop_assert!(error <= 1e-12 * scale, "{error:e}");
    }

    #[test]
    fn going_back_undoes_going_forth(a in any_matrix()) {
        let forth = matrix_exponential(&a).unwrap();
        let back = matrix_exponential(&-&a).unwrap();
        let scale = forth.norm() * back.norm();
        let error = (&forth * &back - DMatrix::identity(a.nrows(), a.nrows())).norm();
        prop_assert!(error <= 1e-12 * scale, "{error:e}");
    }

    #[test]
    fn transposing_and_changing_coordinates_commute_with_the_exponential(
        a in any_matrix(), seed in 0u64..1000
    ) {
        let exponential = matrix_exponential(&a).unwrap();
        let transposed = matrix_exponential(&a.transpose()).unwrap().transpose();
        prop_assert!(relative_error(&transposed, &exponential) < 1e-11);
        let q = random_matrix(a.nrows(), 1.0, seed).qr().q();
        let turned = q.transpose() * matrix_exponential(&(&q * &a * q.transpose())).unwrap() * &q;
        prop_assert!(relative_error(&turned, &exponential) < 1e-11);
    }

    #[test]
    fn flowing_twice_is_flowing_for_the_sum_of_the_times(a in any_matrix(), s in 0.0..1.0, t in 0.0..1.0) {
        let both = matrix_exponential(&(&a * s)).unwrap() * matrix_exponential(&(&a * t)).unwrap();
        let sum = matrix_exponential(&(&a * (s + t))).unwrap();
        prop_assert!(relative_error(&both, &sum) < 1e-10);
    }

    #[test]
    fn closed_form_agrees_with_scaling_and_squaring(
        a in -20.0..20.0, b in -20.0..20.0, c in -20.0..20.0, d in -20.0..20.0
    ) {
        let closed = exponential_2x2(&Matrix2::new(a, b, c, d)).unwrap();
        let general = matrix_exponential(&dmatrix![a, b; c, d]).unwrap();
        let closed = DMatrix::from_column_slice(2, 2, closed.as_slice());
        let allowed = 4.0 * allowed_error(&dmatrix![a, b; c, d], f64::EPSILON);
        prop_assert!(relative_error(&closed, &general) <= allowed);
    }
}
