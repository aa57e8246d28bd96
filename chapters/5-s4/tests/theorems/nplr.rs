//! What the page *NPLR* claims.

use classical_ssm::singular_values::singular_values;
use discretization::bilinear::bilinear;
use math_foundations::eigendecomposition::{eigendecomposition, eigenvalues, eigenvalues_complex};
use ml_links::structured_matrices::{ComplexVector, StructuredMatrix};
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s4::hippo::{Measure, hippo};
use s4::nplr::{Nplr, PairedDplr, low_rank, low_rank_part};
use workbench::testing::{assert_close, paired, relative_error};

use crate::common::fixture;

fn random_matrix(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0))
}

/// A flow made of random parts: σ, a skew matrix, P.
fn random_nplr(size: usize, rank: usize, seed: u64) -> Nplr {
    let skew = random_matrix(size, size, seed);
    let p = random_matrix(size, rank, seed + 1);
    let sigma = 0.1 * (seed % 7) as f64;
    let a = &skew - skew.transpose() - DMatrix::identity(size, size) * sigma - &p * p.transpose();
    Nplr::new(a, random_matrix(size, 1, seed + 2).column(0).into_owned(), p).unwrap()
}

fn every_memory() -> impl Iterator<Item = (Measure, Nplr)> {
    Measure::ALL.into_iter().flat_map(|measure| {
        [2, 4, 8, 16, 64].map(|size| (measure, Nplr::of(measure, size).unwrap()))
    })
}

#[test]
fn eq_5_2_a_memory_is_a_turn_minus_a_low_rank() {
    for (measure, memory) in every_memory() {
        let (size, basis) = (memory.b().len(), memory.diagonalize().unwrap());
        let what = format!("{measure:?}, N = {size}");
        // The left side: A = S - PPᵀ with S normal.
        let (normal, p) = (memory.normal(), memory.p());
        assert_close(&what, &(&normal - p * p.transpose()), memory.a(), 1e-14);
        let commuted = &normal * normal.transpose() - normal.transpose() * &normal;
        assert!(commuted.amax() < 1e-12 * normal.norm_squared(), "{what}: S is not normal");
        // The right side, in the coordinates of V: Λ - PP* and back.
        assert!(basis.skewness() < 1e-13 * size as f64, "{what}: V is not unitary");
        assert!(relative_error(&basis.rebuild(), memory.a()) < 1e-14 * size as f64, "{what}");
    }
}

#[test]
fn all_directions_lose_at_the_same_rate_but_for_p() {
    let sigma = |measure| match measure {
        Measure::LegS | Measure::LagT => 0.5,
        Measure::LegT | Measure::FouT => 0.0,
    };
    for (measure, memory) in every_memory() {
        assert!((memory.sigma() - sigma(measure)).abs() < 1e-12, "{measure:?}");
        let basis = memory.diagonalize().unwrap();
        let off = basis.modes.lambda.map(|lambda| (lambda.re + memory.sigma()).abs()).max();
        assert!(off < 1e-14, "{measure:?}: the modes of S are on a line");
    }
}

#[test]
fn a_memory_of_rank_one_corrects_what_comes_in() {
    // PPᵀ = BBᵀ/2, so x' = Sx + B(u - Bᵀx/2).
    for measure in [Measure::LegS, Measure::FouT, Measure::LagT] {
        let memory = hippo(measure, 12).unwrap();
        let p = low_rank(measure, 12).unwrap();
        let half = memory.b() * memory.b().transpose() * 0.5;
        assert_close(measure.name(), &(&p * p.transpose()), &half, 1e-15);
    }
    // LegT forgets two numbers, and their sum is B.
    let (memory, p) = (hippo(Measure::LegT, 12).unwrap(), low_rank(Measure::LegT, 12).unwrap());
    assert_eq!(p.column_sum(), memory.b().column(0).into_owned());
}

#[test]
fn p_is_found_without_a_formula() {
    // With two states LegT loses in both, and has no direction that shows the common rate.
    for (measure, memory) in every_memory().filter(|(_, memory)| memory.b().len() > memory.rank()) {
        let found = low_rank_part(memory.a()).unwrap();
        let what = format!("{measure:?}, N = {}", memory.b().len());
        assert_eq!(found.ncols(), memory.rank(), "{what}");
        let known = memory.p() * memory.p().transpose();
        assert_close(&what, &(&found * found.transpose()), &known, 1e-13);
        assert!(Nplr::find(memory.a().clone(), memory.b().clone()).is_ok());
    }
}

#[test]
fn with_the_wrong_sign_a_memory_explodes() {
    // Λ + PP*, as it stands in some texts, has a mode that grows; Λ - PP* has -1, -2, …, -N.
    let memory = Nplr::legs(8).unwrap();
    let plus = memory.normal() + memory.p() * memory.p().transpose();
    assert!(eigenvalues(&plus).unwrap()[0].re > 1.0);

    let (dplr, _) = memory.diagonalize().unwrap().modes.both_halves().unwrap();
    let modes = eigenvalues_complex(&dplr.to_dense()).unwrap();
    let expected: Vec<_> = (1..=8).map(|n| Complex::from(-f64::from(n))).collect();
    // κ(V) is 10⁵ at N = 8: eleven digits are left.
    for (expected, found) in paired(&expected, modes.as_slice()) {
        assert!((found - expected).norm() < 1e-9, "expected {expected}, found {found}");
    }
}

#[test]
fn eigenvectors_of_a_lose_what_those_of_s_keep() {
    let condition = |size| {
        eigendecomposition(Nplr::legs(size).unwrap().a()).map(|modes| modes.condition_number())
    };
    assert!(condition(8).unwrap() > 1e4 && condition(16).unwrap() > 1e10);
    let basis = Nplr::legs(256).unwrap().diagonalize().unwrap();
    assert!(basis.skewness() < 1e-12);
    assert!(relative_error(&basis.rebuild(), Nplr::legs(256).unwrap().a()) < 1e-12);
}

#[test]
fn modes_agree_with_the_reference_implementation() {
    let fixture = fixture("hippo.json");
    for size in [4, 8, 16, 64, 256] {
        let case = &fixture["nplr"][format!("legs_{size}")];
        let list = |name: &str| -> Vec<f64> { serde_json::from_value(case[name].clone()).unwrap() };
        let modes = Nplr::legs(size).unwrap().diagonalize().unwrap().modes;
        let (omega, p, b) = (list("Lambda_im"), list("absP"), list("absB"));
        // The reference keeps both halves, ascending: the upper half is the second one.
        let upper = size / 2;
        let largest = modes.lambda[upper - 1].im;
        for n in 0..upper {
            let (lambda, at) = (modes.lambda[n], upper + n);
            assert!((lambda.im - omega[at]).abs() < 1e-12 * largest, "ω_{n} of {size}");
            assert!((modes.p[(n, 0)].norm() - p[at]).abs() < 1e-10 * p[size - 1], "|p_{n}|");
            assert!((modes.b[n].norm() - b[at]).abs() < 1e-10 * b[size - 1], "|b_{n}|");
        }
    }
}

#[test]
fn an_odd_number_of_states_has_one_mode_that_does_not_turn() {
    for size in [1, 3, 7, 31] {
        let basis = Nplr::legs(size).unwrap().diagonalize().unwrap();
        assert_eq!(basis.modes.lambda.len(), size.div_ceil(2));
        assert_eq!((basis.modes.weight[0], basis.modes.d_state()), (1.0, size));
        assert_eq!(basis.modes.lambda[0].im, 0.0);
        let imaginary = basis.v.column(0).map(|entry| entry.im).amax();
        assert_eq!(imaginary, 0.0, "a mode without a mirror image is real");
    }
}

#[test]
fn what_does_not_turn_gets_real_vectors() {
    // FouT has two such modes: the constant, and sin 0.
    let basis = Nplr::of(Measure::FouT, 8).unwrap().diagonalize().unwrap();
    assert_eq!(basis.modes.weight, dvector![1.0, 1.0, 2.0, 2.0, 2.0]);
    assert_eq!(basis.v.columns(0, 2).map(|entry| entry.im).amax(), 0.0);
    assert!(basis.skewness() < 1e-14);
}

#[test]
fn what_is_no_such_matrix_is_refused() {
    let message = |result: Result<Nplr, s4::nplr::NplrError>| result.unwrap_err().to_string();
    let b = dvector![1.0, 0.0];
    let triangle = dmatrix![-1.0, 0.0; 3.0, -1.0];
    let refused = message(Nplr::new(triangle, b.clone(), dmatrix![0.5; 0.5]));
    assert!(refused.starts_with("expected A + PPᵀ to be skew-symmetric"), "{refused}");
    let uneven = message(Nplr::new(dmatrix![-1.0, 0.0; 0.0, -2.0], b.clone(), dmatrix![0.0; 0.0]));
    assert!(uneven.contains("off by 5.0e-1"), "{uneven}");
    let tall = message(Nplr::new(dmatrix![1.0; 2.0], b.clone(), dmatrix![0.0; 0.0]));
    assert_eq!(tall, "expected A to be square, found 2 x 1");
    let short = message(Nplr::new(dmatrix![-1.0], b, dmatrix![1.0]));
    assert_eq!(short, "expected B to be 1 x 1, found 2 x 1");
    assert!(Nplr::legs(0).is_err() && Nplr::of(Measure::FouT, 3).is_err());
    // Nothing is lost but σ: there is no direction.
    assert!(Nplr::find(dmatrix![0.0, 1.0; -1.0, 0.0], dvector![0.0, 1.0]).is_err());
}

fn random_half(modes: &PairedDplr, seed: u64) -> ComplexVector {
    let parts = random_matrix(modes.lambda.len(), 2, seed);
    ComplexVector::from_fn(modes.lambda.len(), |n, _| {
        let im = if modes.weight[n] > 1.0 { parts[(n, 1)] } else { 0.0 };
        Complex::new(parts[(n, 0)], im)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_turn_minus_a_low_rank_comes_back(size in 1usize..24, rank in 1usize..4, seed in 0u64..10_000) {
        let flow = random_nplr(size, rank, seed);
        let basis = flow.diagonalize().unwrap();
        prop_assert!(basis.skewness() < 1e-12);
        prop_assert!(relative_error(&basis.rebuild(), flow.a()) < 1e-12);
    }

    #[test]
    fn half_of_the_modes_moves_the_whole_state(size in 1usize..24, rank in 1usize..4, seed in 0u64..10_000) {
        let flow = random_nplr(size, rank, seed);
        let basis = flow.diagonalize().unwrap();
        let half = random_half(&basis.modes, seed + 3);
        // Half of the result, against both halves of chapter 4's structure, and against A itself.
        let found = basis.modes.velocity(&half).unwrap();
        let (whole, b) = basis.modes.both_halves().unwrap();
        let expected = whole.matvec(&basis.modes.unfold(&half)).unwrap();
        prop_assert!(relative_error(&basis.modes.unfold(&found), &expected) < 1e-12);
        prop_assert_eq!(b.len(), size);
        let real = |half: &ComplexVector| -> DVector<f64> {
            let weighted = half.zip_map(&basis.modes.weight, |x, weight| x * weight);
            (&basis.v * weighted).map(|entry| entry.re)
        };
        prop_assert!((real(&found) - flow.a() * real(&half)).norm() < 1e-11 * (1.0 + half.norm()) * flow.a().norm());
    }

    #[test]
    fn an_output_reads_modes_as_it_read_states(size in 1usize..24, seed in 0u64..10_000) {
        let basis = Nplr::legs(size).unwrap().diagonalize().unwrap();
        let c = random_matrix(size, 1, seed).column(0).into_owned();
        let x = random_matrix(size, 1, seed + 1).column(0).into_owned();
        let inside = basis.v.ad_mul(&x.map(Complex::from));
        let read = basis.output(&c).unwrap();
        let seen: f64 = (0..read.len()).map(|n| basis.modes.weight[n] * (read[n] * inside[n]).re).sum();
        prop_assert!((seen - c.dot(&x)).abs() < 1e-12 * (1.0 + c.norm() * x.norm()));
    }

    #[test]
    fn energy_never_grows(measure in 0usize..4, half in 1usize..16, delta in 1e-4f64..10.0) {
        // -2σ|x|² - 2|Pᵀx|² cannot be positive, and the bilinear rule keeps that: no direction is stretched.
        let memory = hippo(Measure::ALL[measure], 2 * half).unwrap();
        let step = bilinear(&memory, delta).unwrap();
        let stretched = singular_values(&step.a_bar).sigma.max();
        prop_assert!(stretched < 1.0 + 1e-10, "a step stretches by {stretched}");
    }
}
