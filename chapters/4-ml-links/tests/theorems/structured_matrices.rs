//! What the page *Structured matrices* claims.

use classical_ssm::singular_values::singular_values;
use classical_ssm::state_space::StateSpace;
use discretization::bilinear::bilinear;
use discretization::diagonalization::{DiagonalSystem, ScalarStep};
use math_foundations::fourier::{causal_convolution, dft, root_of_unity};
use math_foundations::state_representations::companion;
use ml_links::structured_matrices::{
    Cauchy, Companion, ComplexVector, Diagonal, Dplr, Gallery, LowRank, Semiseparable, StateMatrix,
    StructureError, StructuredMatrix, Toeplitz, Vandermonde, update_inverse,
};
use nalgebra::{Complex, ComplexField, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random_matrix(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0))
}

fn random_vector(size: usize, seed: u64) -> DVector<f64> {
    random_matrix(size, 1, seed).column(0).into_owned()
}

fn random_complex_vector(size: usize, seed: u64) -> ComplexVector {
    random_vector(size, 2 * seed + 1_000_000)
        .zip_map(&random_vector(size, 2 * seed + 1_000_001), Complex::new)
}

fn complexes<const N: usize>(numbers: [f64; N]) -> ComplexVector {
    DVector::from_iterator(N, numbers.map(Complex::from))
}

/// Σ_j |a_ij| |x_j|, the largest: what rounding errors of a product are relative to.
fn size_of_sums<T: ComplexField<RealField = f64>>(a: &DMatrix<T>, x: &DVector<T>) -> f64 {
    (a.map(|entry| entry.modulus()) * x.map(|entry| entry.modulus())).amax()
}

/// A structure's product against its dense form, with so many roundings of each term of a row.
fn assert_like_dense<S: StructuredMatrix>(
    structure: &S,
    x: &DVector<S::Number>,
    roundings: usize,
) -> Result<(), TestCaseError> {
    let dense = structure.to_dense();
    prop_assert_eq!(structure.shape(), dense.shape());
    let found = structure.matvec(x).unwrap();
    let error = (found - &dense * x).map(|entry| entry.modulus()).amax();
    let allowed = roundings as f64 * f64::EPSILON * size_of_sums(&dense, x);
    prop_assert!(error <= allowed, "off by {error:e}, allowed {allowed:e}");
    Ok(())
}

/// A kernel against `cᵀ A^k b` from the dense matrix.
fn assert_kernel<S: StateMatrix>(
    structure: &S,
    b: &DVector<S::Number>,
    c: &DVector<S::Number>,
    length: usize,
) -> Result<(), TestCaseError> {
    let dense = structure.to_dense();
    let (mut x, mut expected) = (b.clone(), Vec::new());
    for _ in 0..length {
        expected.push(c.dot(&x));
        x = &dense * x;
    }
    let expected = DVector::from(expected);
    let found = structure.kernel(b, c, length).unwrap();
    prop_assert_eq!(found.len(), length);
    // The matrices have norms near 1, so that the errors of the steps add up and do not grow.
    let allowed = 1e-15 * (10 + b.len() + length) as f64 * expected.norm().max(b.norm() * c.norm());
    let error = (found - expected).norm();
    prop_assert!(error <= allowed, "off by {error:e}, allowed {allowed:e}");
    Ok(())
}

fn relative_error<T: ComplexField<RealField = f64>>(
    found: &DVector<T>,
    expected: &DVector<T>,
) -> f64 {
    assert_eq!(found.len(), expected.len());
    (found - expected).norm() / expected.norm()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn products_without_the_matrix_are_products_with_it(size in 1usize..80, rank in 1usize..5, seed in 0u64..10_000) {
        let gallery = Gallery::random(size, rank, seed).unwrap();
        let x = random_vector(size, seed + 1);
        let z = random_complex_vector(size, seed + 2);
        // A sum of n terms: n roundings of each; a complex product three.
        assert_like_dense(&gallery.diagonal, &z, 4)?;
        assert_like_dense(&gallery.companion, &x, size + 1)?;
        assert_like_dense(&gallery.cauchy, &z, size + 12)?;
        // Powers, one by one here and by squaring there.
        assert_like_dense(&gallery.vandermonde, &z, 8 * size)?;
        // Up to `size` factors of a, then a sum.
        assert_like_dense(&gallery.semiseparable, &x, 4 * size + 2 * rank)?;
        // Entries of a low-rank part are sums that may cancel: relative to their terms, here rank times as large.
        assert_like_dense(&gallery.low_rank, &x, 8 * (size + rank) * rank)?;
        assert_like_dense(&gallery.dplr, &z, 8 * (size + rank) * rank)?;
    }

    #[test]
    fn a_toeplitz_matrix_of_any_shape_is_a_convolution(rows in 1usize..70, columns in 1usize..70, seed in 0u64..10_000) {
        let (column, mut row) = (random_vector(rows, seed), random_vector(columns, seed + 1));
        row[0] = column[0];
        let toeplitz = Toeplitz::new(column.clone(), row.clone()).unwrap();
        let x = random_vector(columns, seed + 2);
        let error = (toeplitz.matvec(&x).unwrap() - toeplitz.to_dense() * &x).amax();
        // Transforms spread the rounding over all outputs: some log₂ n of them, relative to the norms.
        let norms = (column.norm() + row.norm()) * x.norm();
        prop_assert!(error < 30.0 * f64::EPSILON * norms, "off by {error:e}");
        prop_assert_eq!(toeplitz.stored(), rows + columns - 1);
    }

    #[test]
    fn every_kernel_is_the_one_of_the_dense_matrix(size in 1usize..40, rank in 1usize..4, length in 0usize..60, seed in 0u64..10_000) {
        let gallery = Gallery::random(size, rank, seed).unwrap();
        let (b, c) = (random_vector(size, seed + 1), random_vector(size, seed + 2));
        assert_kernel(&gallery.companion, &b, &c, length)?;
        assert_kernel(&gallery.low_rank, &b, &c, length)?;
        let (b, c) = (random_complex_vector(size, seed + 3), random_complex_vector(size, seed + 4));
        assert_kernel(&gallery.diagonal, &b, &c, length)?;
        assert_kernel(&gallery.dplr, &b, &c, length)?;
    }

    #[test]
    fn eq_4_5_woodbury_inverts_diagonal_plus_low_rank(size in 1usize..40, rank in 1usize..5, seed in 0u64..10_000) {
        // A point outside of the unit circle, away from all modes.
        let z = Complex::from_polar(1.7, seed as f64);
        let a = Gallery::random(size, rank, seed).unwrap().dplr;
        let (lambda, p, q) = a.parts();
        let identity = DMatrix::identity(size, size);
        // The left side, by elimination.
        let sum = &identity * z - DMatrix::from_diagonal(lambda) + p * q.adjoint();
        let left = sum.lu().solve(&identity).unwrap();
        // The right side, as it is printed.
        let r = DMatrix::from_diagonal(&lambda.map(|lambda| (z - lambda).inv()));
        let capacitance = DMatrix::identity(rank, rank) + q.adjoint() * &r * p;
        let right = &r - &r * p * capacitance.try_inverse().unwrap() * q.adjoint() * &r;
        // Condition numbers of about 10, and a few products.
        prop_assert!((&right - &left).norm() < 1e-13 * left.norm());
        let ours = a.resolvent(z).unwrap().to_dense();
        prop_assert!((&ours - &left).norm() < 1e-13 * left.norm());
    }

    #[test]
    fn solutions_solve(size in 1usize..60, rank in 1usize..5, seed in 0u64..10_000) {
        let gallery = Gallery::random(size, rank, seed).unwrap();
        let x = random_vector(size, seed + 1);
        let z = random_complex_vector(size, seed + 2);

        let a = &gallery.diagonal;
        prop_assert!(relative_error(&a.solve(&a.matvec(&z).unwrap()).unwrap(), &z) < 1e-15);
        let a = &gallery.dplr;
        let b = a.matvec(&z).unwrap();
        let missing = a.to_dense() * a.solve(&b).unwrap() - &b;
        prop_assert!(missing.norm() < 1e-14 * z.norm());
        // The last row is a sum: relative to its terms.
        let a = &gallery.companion;
        let b = a.matvec(&x).unwrap();
        let found = a.solve(&b).unwrap();
        let missing = a.to_dense() * &found - &b;
        prop_assert!(missing.norm() < 1e-15 * (found.norm() + b.norm()));
    }

    #[test]
    fn a_bilinear_step_of_diagonal_plus_low_rank_is_one_too(size in 1usize..24, rank in 1usize..3, seed in 0u64..10_000, delta in 0.01..2.0) {
        // Real parts, so that chapter 3 can judge.
        let lambda = random_vector(size, seed).map(|entry| -1.0 + 0.5 * entry);
        let scale = 0.5 / size as f64;
        let (p, q) = (random_matrix(size, rank, seed + 1), random_matrix(size, rank, seed + 2) * scale);
        let b = random_matrix(size, 1, seed + 3);
        let a = DMatrix::from_diagonal(&lambda) - &p * q.transpose();
        let system = StateSpace::continuous(a, b.clone(), DMatrix::zeros(1, size), dmatrix![0.0]).unwrap();
        let expected = bilinear(&system, delta).unwrap();

        let complex = |m: &DMatrix<f64>| m.map(Complex::from);
        let dplr = Dplr::new(lambda.map(Complex::from), complex(&p), complex(&q)).unwrap();
        let (a_bar, b_bar) = dplr.bilinear(&b.column(0).map(Complex::from), delta).unwrap();
        let error = (a_bar.to_dense() - complex(&expected.a_bar)).norm();
        prop_assert!(error < 1e-13 * expected.a_bar.norm(), "Ā off by {error:e}");
        // Held inputs: both weights on u_k.
        let held = complex(&(expected.b_bar + expected.b_bar_previous));
        let error = (b_bar - held.column(0)).norm();
        prop_assert!(error < 1e-13 * held.norm(), "b̄ off by {error:e}");
    }

    #[test]
    fn the_transfer_function_sums_the_kernel(size in 1usize..24, rank in 1usize..4, seed in 0u64..10_000) {
        let a = Gallery::random(size, rank, seed).unwrap().dplr;
        let (b, c) = (random_complex_vector(size, seed + 1), random_complex_vector(size, seed + 2));
        let points = DVector::from_fn(7, |n, _| Complex::from_polar(2.0, n as f64));
        let found = a.transfer(&b, &c, &points).unwrap();
        let identity = DMatrix::identity(size, size);
        // cᵀ (zI - A)⁻¹ b = Σ K_k z^{-k-1}: modes near 1 and |z| = 2 leave 2^-80 after 80 terms.
        let kernel = a.kernel(&b, &c, 80).unwrap();
        for (z, found) in points.iter().zip(&found) {
            let solved = (&identity * *z - a.to_dense()).lu().solve(&b).unwrap();
            let allowed = 1e-13 * b.norm() * c.norm();
            prop_assert!((found - c.dot(&solved)).norm() < allowed);
            let series: Complex<f64> = kernel.iter().rev().fold(Complex::ZERO, |sum, k| (sum + k) / z);
            prop_assert!((found - series).norm() < allowed);
        }
    }

    #[test]
    fn a_transposed_recurrence_runs_backwards_and_an_undone_one_forwards(size in 1usize..50, state in 1usize..5, seed in 0u64..10_000) {
        let m = Gallery::random(size, state, seed).unwrap().semiseparable;
        let v = random_vector(size, seed + 1);
        let transposed = m.to_dense().transpose();
        let error = (m.transpose_matvec(&v).unwrap() - &transposed * &v).amax();
        let roundings = (4 * size + 2 * state) * state;
        prop_assert!(error <= roundings as f64 * f64::EPSILON * size_of_sums(&transposed, &v));

        // A step that sees its own input loudly can be undone stably.
        let loud = |seed| random_matrix(1, size, seed).map(|entry| 1.0 + 0.2 * entry);
        let kept = random_matrix(1, size, seed + 4) * 0.5;
        let m = Semiseparable::new(kept, loud(seed + 2), loud(seed + 3)).unwrap();
        let undone = m.solve(&m.matvec(&v).unwrap()).unwrap();
        prop_assert!((undone - &v).amax() < 1e-13);
    }

    #[test]
    fn every_block_below_the_diagonal_has_the_rank_of_the_state(state in 1usize..5, seed in 0u64..10_000) {
        let m = Gallery::random(24, state, seed).unwrap().semiseparable.to_dense();
        for split in [6, 12, 18] {
            let block = m.view((split, 0), (24 - split, split)).into_owned();
            let values = singular_values(&block).sigma;
            prop_assert!(values[state] < 1e-14 * values[0], "rank above {state}: {values}");
        }
    }

    #[test]
    fn an_updated_inverse_is_the_inverse_of_the_update(size in 1usize..30, rank in 1usize..4, seed in 0u64..10_000) {
        let a = random_matrix(size, size, seed) + DMatrix::identity(size, size) * (2.0 * size as f64);
        // Small enough to keep the sum away from singular.
        let (u, v) = (random_matrix(size, rank, seed + 1) * 0.5, random_matrix(size, rank, seed + 2) * 0.5);
        let found = update_inverse(&a.clone().try_inverse().unwrap(), &u, &v).unwrap();
        let left = (a + &u * v.transpose()) * found - DMatrix::identity(size, size);
        prop_assert!(left.norm() < 1e-13, "off by {:e}", left.norm());
    }
}

#[test]
fn the_kernel_of_modes_is_a_vandermonde_product() {
    // Chapter 3's modes of a real system: its kernel is twice the real part.
    let (a, b) = (dmatrix![0.0, 1.0; -4.0, -0.3], dmatrix![0.0; 1.0]);
    let spring = StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0]).unwrap();
    let modes = DiagonalSystem::from_state_space(&spring).unwrap();
    let steps = modes.discretize(ScalarStep::zero_order_hold, 0.2).unwrap();
    let b_bar = (&steps.b_bar + &steps.b_bar_previous).column(0).into_owned();
    let c = steps.flow.c.transpose().column(0).into_owned();
    let found = Diagonal::new(steps.a_bar.clone()).unwrap().kernel(&b_bar, &c, 50).unwrap();
    let vandermonde = Vandermonde::new(steps.a_bar.clone(), 50).unwrap().to_dense();
    let by_hand = vandermonde * c.component_mul(&b_bar);
    for (k, expected) in steps.kernel(50).iter().enumerate() {
        assert!((2.0 * found[k].re - expected[(0, 0)]).abs() < 1e-15, "k = {k}");
        assert!((found[k] - by_hand[k]).norm() < 1e-15, "k = {k}");
    }
}

#[test]
fn powers_of_a_diagonal_are_diagonal_and_those_of_dplr_are_taken_step_by_step() {
    let gallery = Gallery::random(12, 1, 5).unwrap();
    let x = random_complex_vector(12, 1);
    for exponent in [0, 1, 2, 7, 100] {
        let stepped = gallery.diagonal.power_times(exponent, &x).unwrap();
        let at_once = gallery.diagonal.power(exponent).unwrap().matvec(&x).unwrap();
        assert!((stepped - at_once).norm() < 1e-13, "power {exponent}");
        let stepped = gallery.dplr.power_times(exponent, &x).unwrap();
        let dense = (0..exponent).fold(x.clone(), |x, _| gallery.dplr.to_dense() * x);
        assert!((stepped - dense).norm() < 1e-13, "power {exponent}");
    }
    // A product of two of rank 1 is a diagonal plus rank 2, not 1.
    let square = gallery.dplr.to_dense() * gallery.dplr.to_dense();
    let diagonal = DMatrix::from_diagonal(gallery.diagonal.power(2).unwrap().lambda());
    let values = singular_values(&(square - diagonal)).sigma;
    assert!(values[1] > 1e-3 && values[2] < 1e-14, "{values}");
}

#[test]
fn roots_of_unity_make_a_vandermonde_matrix_the_fourier_transform() {
    let n = 24;
    let nodes = DVector::from_fn(n, |m, _| root_of_unity(m, n));
    let fourier = Vandermonde::new(nodes, n).unwrap();
    let u = random_complex_vector(n, 3);
    let expected = DVector::from(dft(u.as_slice()));
    assert!((fourier.matvec(&u).unwrap() - &expected).camax() < 1e-13);
    // Symmetric, so that Horner's rule is a transform as well.
    assert!((fourier.transpose_matvec(&u).unwrap() - expected).camax() < 1e-13);
    let other = Gallery::random(30, 1, 2).unwrap().vandermonde;
    let u = random_complex_vector(30, 4);
    let expected = other.to_dense().transpose() * &u;
    assert!((other.transpose_matvec(&u).unwrap() - expected).camax() < 1e-13);
}

#[test]
fn a_vandermonde_matrix_of_real_nodes_is_nothing_to_solve_with() {
    let condition = |n: usize| {
        let nodes = DVector::from_fn(n, |m, _| Complex::from(2.0 * m as f64 / n as f64 - 1.0));
        let values = singular_values(&Vandermonde::new(nodes, n).unwrap().to_dense()).sigma;
        values[0] / values[n - 1]
    };
    assert!(condition(8) > 1e2 && condition(16) > 1e5 && condition(24) > 1e9);
}

#[test]
fn fourier_turns_a_vandermonde_matrix_into_a_cauchy_matrix() {
    // Σ_k ω^{mk} Σ_n λ_n^k r_n = Σ_n z/(z - λ_n) (1 - λ_n^L) r_n, with z = 1/ω^m.
    let (modes, length) = (Gallery::random(10, 1, 8).unwrap().diagonal, 64);
    let residues = random_complex_vector(10, 1);
    let vandermonde = Vandermonde::new(modes.lambda().clone(), length).unwrap();
    let kernel = vandermonde.matvec(&residues).unwrap();
    let spectrum = dft(kernel.as_slice());
    let points = DVector::from_fn(length, |m, _| root_of_unity(m, length).conj());
    let ends = modes.power(length).unwrap().lambda().map(|end| 1.0 - end);
    let cauchy = Cauchy::new(points.clone(), modes.lambda().clone()).unwrap();
    let sums = cauchy.matvec(&ends.component_mul(&residues)).unwrap();
    for m in 0..length {
        assert!((spectrum[m] - points[m] * sums[m]).norm() < 1e-13 * kernel.norm(), "m = {m}");
    }
}

#[test]
fn a_cauchy_product_is_the_transfer_function_of_modes() {
    let system = StateSpace::continuous(
        dmatrix![-0.5, 0.0, 0.0; 0.0, -1.0, 0.0; 0.0, 0.0, -4.0],
        dmatrix![1.0; 2.0; -1.0],
        dmatrix![0.5, -1.0, 3.0],
        dmatrix![0.0],
    )
    .unwrap();
    let points = DVector::from_fn(9, |n, _| Complex::new(0.1, n as f64));
    let cauchy = Cauchy::new(points.clone(), complexes([-0.5, -1.0, -4.0])).unwrap();
    let found = cauchy.matvec(&complexes([0.5, -2.0, -3.0])).unwrap();
    for (z, found) in points.iter().zip(&found) {
        let expected = system.transfer(*z).unwrap()[(0, 0)];
        assert!((found - expected).norm() < 1e-14, "at {z}");
    }
}

#[test]
fn a_companion_matrix_is_the_one_of_chapter_1() {
    let ours = Companion::new(dvector![6.0, -5.0, 2.0, 0.5]).unwrap();
    assert_eq!(ours.to_dense(), companion(&[6.0, -5.0, 2.0, 0.5, 1.0], &[1.0]).unwrap().a);
    let one = Companion::new(dvector![3.0]).unwrap();
    assert_eq!(one.matvec(&dvector![2.0]).unwrap(), dvector![-6.0]);
    assert_eq!(one.solve(&dvector![6.0]).unwrap(), dvector![-2.0]);
}

#[test]
fn one_system_three_matrices() {
    // A time-invariant recurrence is semiseparable and Toeplitz, and its first column a Vandermonde product.
    let (a, b, c) = (dvector![0.9, -0.5], dvector![1.0, 2.0], dvector![0.3, -1.0]);
    let length = 40;
    let recurrence = Semiseparable::constant(&a, &b, &c, length).unwrap();
    let complex = |v: &DVector<f64>| v.map(Complex::from);
    let modes = Diagonal::new(complex(&a)).unwrap();
    let kernel = modes.kernel(&complex(&b), &complex(&c), length).unwrap().map(|k| k.re);
    let convolution = Toeplitz::causal(kernel.clone()).unwrap();
    assert!((recurrence.to_dense() - convolution.to_dense()).amax() < 1e-15);
    let u = random_vector(length, 9);
    let y = recurrence.matvec(&u).unwrap();
    assert!((&y - convolution.matvec(&u).unwrap()).amax() < 1e-14);
    let direct = DVector::from(causal_convolution(kernel.as_slice(), u.as_slice()));
    assert!((y - direct).amax() < 1e-14);
}

/// A DPLR matrix that is well conditioned, shifted next to one mode of its diagonal alone.
fn near_a_mode(rank: usize, distance: f64) -> (Dplr, ComplexVector) {
    let a = Gallery::random(16, rank, 7).unwrap().dplr;
    let z = a.parts().0[3] + distance;
    (a.affine(-Complex::ONE, z).unwrap(), random_complex_vector(16, 8))
}

#[test]
fn woodbury_loses_the_digits_that_another_split_keeps() {
    for (rank, power) in [(1, 1), (2, 2), (3, 2)] {
        for distance in [1e-3, 1e-6, 1e-9, 1e-12, 1e-15, 0.0] {
            let (a, b) = near_a_mode(rank, distance);
            let dense = a.to_dense();
            let values = singular_values(&dense).sigma;
            let condition = values[0] / values[values.len() - 1];
            assert!(condition < 1e3, "the sum is far from singular: {condition:e}");
            let exact = dense.clone().lu().solve(&b).unwrap();
            let error = |x: ComplexVector| relative_error(&x, &exact);

            let printed = a.inverse_by_woodbury().and_then(|inverse| inverse.matvec(&b));
            // How much heavier the low rank is than the diagonal in this place.
            let (_, p, q) = a.parts();
            let outweighed = p.row(3).norm() * q.row(3).norm() / distance;
            match printed {
                // Digits go as it grows, with more than one of rank twice as fast.
                Ok(x) if distance >= 1e-6 => {
                    let (lost, unit) = (error(x), f64::EPSILON * outweighed.powi(power));
                    assert!(
                        lost > 0.01 * unit && lost < 100.0 * unit,
                        "r = {rank}: {lost:e}, {unit:e}"
                    );
                }
                Ok(x) => assert!(error(x) > 1e-18 * outweighed, "r = {rank}, {distance:e}"),
                Err(error) => assert!(distance < 1e-12, "r = {rank}, {distance:e}: {error}"),
            }
            let inverse = a.inverse().unwrap();
            assert_eq!(inverse.parts().1.ncols(), rank + usize::from(distance < 1e-5));
            assert!(error(inverse.matvec(&b).unwrap()) < 1e-11, "r = {rank}, {distance:e}");
            assert!(error(a.solve(&b).unwrap()) < 1e-13, "r = {rank}, {distance:e}");
        }
    }
}

#[test]
fn another_split_is_the_same_matrix() {
    for distance in [1.0, 1e-3, 1e-9, 0.0] {
        let (a, _) = near_a_mode(2, distance);
        let (found, expected) = (a.split_anew().to_dense(), a.to_dense());
        assert!((found - &expected).norm() < 1e-15 * expected.norm());
    }
}

#[test]
fn the_transfer_function_next_to_a_mode_of_the_diagonal_is_right() {
    let a = Gallery::random(16, 2, 7).unwrap().dplr;
    let (b, c) = (random_complex_vector(16, 8), random_complex_vector(16, 9));
    let mode = a.parts().0[3];
    let points = DVector::from_iterator(4, [1.0, 1e-4, 1e-10, 0.0].map(|near| mode + near));
    let found = a.transfer(&b, &c, &points).unwrap();
    for (z, found) in points.iter().zip(&found) {
        let solved = (DMatrix::identity(16, 16) * *z - a.to_dense()).lu().solve(&b).unwrap();
        assert!((found - c.dot(&solved)).norm() < 1e-12 * c.norm() * solved.norm(), "at {z}");
    }
}

#[test]
fn what_cannot_be_divided_by_is_said() {
    let text = |error: StructureError| error.to_string();
    let (one, none) = (Complex::<f64>::ONE, Complex::<f64>::ZERO);
    // The diagonal alone is singular: the printed identity has no first step, though the sum is 1.
    let a = Dplr::new(complexes([0.0]), dmatrix![-one], dmatrix![one]).unwrap();
    let no_zero = "expected no zero on the diagonal, found one at 0";
    assert_eq!(text(a.inverse_by_woodbury().unwrap_err()), no_zero);
    assert_eq!(a.solve(&complexes([3.0])).unwrap(), complexes([3.0]));
    // A row of zeros.
    let a = Dplr::new(complexes([0.0, 1.0]), dmatrix![none; one], dmatrix![one; one]).unwrap();
    assert_eq!(text(a.inverse().unwrap_err()), no_zero);
    // The sum is singular.
    let first = dmatrix![one; none];
    let a = Dplr::new(complexes([1.0, 2.0]), first.clone(), first.clone()).unwrap();
    let error = a.solve(&complexes([1.0, 1.0])).unwrap_err();
    assert_eq!(text(error), "the matrix with its low-rank part has no inverse");
    // Nearly.
    let a = Dplr::new(complexes([1.0, 2.0]), &first * Complex::from(1.0 - 1e-16), first).unwrap();
    let error = a.inverse().unwrap_err();
    assert!(matches!(error, StructureError::IllConditioned { lost } if lost > 15.0), "{error}");
    // Factors that are far larger than their product, which is 0.
    let (u, v) = (dmatrix![1e9, 1e9; 0.0, 0.0], dmatrix![1e9, -1e9; 0.0, 0.0]);
    let error = update_inverse(&DMatrix::identity(2, 2), &u, &v).unwrap_err();
    assert!(matches!(error, StructureError::IllConditioned { .. }), "{error}");
    assert!(text(error).starts_with("expected a capacitance matrix that keeps a digit"));

    let a = Companion::new(dvector![0.0, 1.0]).unwrap();
    let error = a.solve(&dvector![1.0, 1.0]).unwrap_err();
    assert_eq!(text(error), "the companion matrix has no inverse");
    let ones = dmatrix![1.0, 1.0];
    let blind = Semiseparable::new(ones.clone(), dmatrix![0.0, 1.0], ones).unwrap();
    assert_eq!(text(blind.solve(&dvector![1.0, 1.0]).unwrap_err()), no_zero);
    let error = Cauchy::new(complexes([0.5, 1.0]), complexes([2.0, 1.0])).unwrap_err();
    assert_eq!(text(error), "expected points away from the poles, found 1 on pole 1");
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let text = |error: StructureError| error.to_string();
    let gallery = Gallery::random(3, 1, 1).unwrap();
    let (short, z) = (dvector![1.0, 2.0], complexes([1.0, 2.0]));
    for error in [
        gallery.companion.matvec(&short).unwrap_err(),
        gallery.toeplitz.matvec(&short).unwrap_err(),
        gallery.low_rank.matvec(&short).unwrap_err(),
        gallery.diagonal.matvec(&z).unwrap_err(),
        gallery.vandermonde.matvec(&z).unwrap_err(),
        gallery.cauchy.matvec(&z).unwrap_err(),
        gallery.dplr.matvec(&z).unwrap_err(),
    ] {
        assert_eq!(text(error), "expected x to be 3 x 1, found 2 x 1");
    }
    let m = &gallery.semiseparable;
    assert_eq!(text(m.matvec(&short).unwrap_err()), "expected u to be 3 x 1, found 2 x 1");
    assert_eq!(text(m.solve(&short).unwrap_err()), "expected y to be 3 x 1, found 2 x 1");
    let a = &gallery.dplr;
    let not_three = "expected b to be 3 x 1, found 2 x 1";
    assert_eq!(text(a.solve(&z).unwrap_err()), not_three);
    assert_eq!(text(a.kernel(&z, &z, 4).unwrap_err()), not_three);
    let error = a.bilinear(&complexes([1.0; 3]), 0.0).unwrap_err();
    assert_eq!(text(error), "expected Δ to be finite and positive, found 0");
    assert!(a.resolvent(Complex::new(f64::NAN, 0.0)).is_err());
    let nan = dvector![1.0, f64::NAN, 0.0];
    let found = text(gallery.companion.matvec(&nan).unwrap_err());
    assert_eq!(found, "expected every entry of x to be finite, found NaN at row 1, column 0");

    let wide = LowRank::new(dmatrix![1.0; 1.0], dmatrix![1.0; 1.0; 1.0]).unwrap();
    let error = wide.power_times(2, &dvector![1.0, 1.0, 1.0]).unwrap_err();
    assert_eq!(text(error), "expected A to be square, found 2 x 3");
    let error = LowRank::new(dmatrix![1.0; 1.0], dmatrix![1.0, 1.0]).unwrap_err();
    assert_eq!(text(error), "expected V to be 1 x 1, found 1 x 2");
    let error = Toeplitz::new(dvector![1.0, 2.0], dvector![3.0]).unwrap_err();
    let corner =
        "expected the first entry of the first row to be that of the first column, found 3 and 1";
    assert_eq!(text(error), corner);
    let error = Companion::new(DVector::zeros(0)).unwrap_err();
    let empty = "expected the coefficients to have at least one row and one column, found 0 x 1";
    assert_eq!(text(error), empty);
    assert!(Gallery::random(0, 1, 1).is_err() && Gallery::random(4, 0, 1).is_err());
}

#[test]
fn numbers_that_grow_without_bound_end_in_a_sentence() {
    let text = |error: StructureError| error.to_string();
    let too_large = "the result is too large for a 64-bit number";
    let growth = Diagonal::new(complexes([10.0, -10.0])).unwrap();
    let one = complexes([1.0, 1.0]);
    assert!(growth.kernel(&one, &one, 300).is_ok());
    assert_eq!(text(growth.kernel(&one, &one, 400).unwrap_err()), too_large);
    assert_eq!(text(growth.power(400).unwrap_err()), too_large);
    assert_eq!(text(growth.power_times(400, &one).unwrap_err()), too_large);
    let ones = dvector![1.0];
    let recurrence = Semiseparable::constant(&dvector![10.0], &ones, &ones, 400).unwrap();
    let u = DVector::repeat(400, 1.0);
    assert_eq!(text(recurrence.matvec(&u).unwrap_err()), too_large);
    assert_eq!(text(recurrence.transpose_matvec(&u).unwrap_err()), too_large);
    let tiny = Diagonal::new(complexes([1e-320])).unwrap();
    assert_eq!(text(tiny.solve(&complexes([1.0])).unwrap_err()), too_large);
}

#[test]
fn each_structure_keeps_few_numbers_and_multiplies_little() {
    let costs = |size| {
        let gallery = Gallery::random(size, 2, 1).unwrap();
        [
            (gallery.diagonal.stored(), gallery.diagonal.multiplications()),
            (gallery.companion.stored(), gallery.companion.multiplications()),
            (gallery.low_rank.stored(), gallery.low_rank.multiplications()),
            (gallery.dplr.stored(), gallery.dplr.multiplications()),
            (gallery.semiseparable.stored(), gallery.semiseparable.multiplications()),
        ]
    };
    assert_eq!(costs(64), [(64, 64), (64, 64), (256, 256), (320, 320), (384, 384)]);
    // Twice the size, twice the work.
    assert_eq!(costs(128), costs(64).map(|(stored, products)| (2 * stored, 2 * products)));
    let gallery = Gallery::random(64, 2, 1).unwrap();
    let (v, c) = (&gallery.vandermonde, &gallery.cauchy);
    assert_eq!((v.stored(), v.multiplications()), (64, 4096));
    assert_eq!((c.stored(), c.multiplications()), (128, 4096));
    assert_eq!((gallery.toeplitz.stored(), gallery.toeplitz.to_dense().stored()), (127, 4096));
}
