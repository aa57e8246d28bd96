//! What the page *Scans* claims.

use std::f64::consts::TAU;
use std::sync::atomic::{AtomicUsize, Ordering};

use classical_ssm::feedback::Stretch;
use classical_ssm::kalman_filter::rider;
use ml_links::scans::{
    Affine, Waiting, counting, scan, scan_blelloch, scan_by_products, scan_chunked, scan_heinsen,
    scan_hillis_steele, scan_recurrence, scan_row_in_pieces, scan_rows, scan_rows_on_one_core,
};
use nalgebra::{Complex, RealField, dmatrix};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

#[test]
fn eq_4_6_two_steps_in_a_row_are_one_step() {
    let (first, second) = (Affine { scale: 0.5, shift: 3.0 }, Affine { scale: -2.0, shift: 1.0 });
    for x in [-4.0, 0.0, 1.5] {
        // Left: the composed map. Right: one step after the other.
        let composed = Affine {
            scale: second.scale * first.scale,
            shift: second.scale * first.shift + second.shift,
        };
        assert_eq!(first.then(second), composed);
        assert_eq!(composed.apply(x), second.scale * (first.scale * x + first.shift) + 1.0);
    }
}

/// Every algorithm, in `pieces` pieces where it has some.
fn every_scan<T: Clone + Send + Sync>(
    items: &[T],
    pieces: usize,
    then: impl Fn(&T, &T) -> T + Sync,
) -> [Vec<T>; 3] {
    [
        scan_hillis_steele(items, &then),
        scan_blelloch(items, &then),
        scan_chunked(items, pieces, &then),
    ]
}

/// A 2 x 2 matrix of whole numbers modulo a prime: no rounding, no overflow, no commuting.
type Whole = [u64; 4];

fn product(p: &Whole, q: &Whole) -> Whole {
    let entry = |i: usize, j: usize| (q[2 * i] * p[j] + q[2 * i + 1] * p[2 + j]) % 1_000_003;
    [entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1)]
}

proptest! {
    #[test]
    fn steps_are_associative(maps in prop::array::uniform3((-1000i64..1000, -1000i64..1000))) {
        let [f, g, h] = maps.map(|(scale, shift)| Affine { scale, shift });
        prop_assert_eq!(f.then(g).then(h), f.then(g.then(h)));
    }

    #[test]
    fn every_tree_equals_the_loop_on_words(words in prop::collection::vec("[a-z]{0,3}", 0..70), pieces in 0usize..12) {
        // Words do not commute: a tree that swaps two of them is found out.
        let join = |one: &String, other: &String| format!("{one}{other}");
        let expected = scan(&words, join);
        for found in every_scan(&words, pieces, join) {
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn every_tree_equals_the_loop_on_matrices(items in prop::collection::vec(prop::array::uniform4(0u64..1_000_003), 0..130), pieces in 0usize..40) {
        let expected = scan(&items, product);
        for found in every_scan(&items, pieces, product) {
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn every_tree_of_steps_runs_the_recurrence(steps in prop::collection::vec((-1i64..=1, -1000i64..1000), 0..300), pieces in 0usize..9, initial in -9i64..9) {
        let maps: Vec<_> = steps.iter().map(|&(scale, shift)| Affine { scale, shift }).collect();
        let (a, b): (Vec<i64>, Vec<i64>) = steps.into_iter().unzip();
        let expected = scan_recurrence(&a, &b, initial).unwrap();
        for maps in every_scan(&maps, pieces, |p, q| p.then(*q)) {
            let found: Vec<i64> = maps.iter().map(|map| map.apply(initial)).collect();
            prop_assert_eq!(&found, &expected);
        }
    }
}

#[test]
fn steps_do_not_commute() {
    let (halve, add) = (Affine { scale: 0.5, shift: 0.0 }, Affine { scale: 1.0, shift: 1.0 });
    assert_ne!(halve.then(add), add.then(halve));
}

#[test]
fn subtraction_is_not_associative_and_the_tree_notices() {
    let minus = |x: &i32, y: &i32| x - y;
    assert_ne!(scan_blelloch(&[1, 2, 3, 4], minus), scan(&[1, 2, 3, 4], minus));
}

/// How often `algorithm` calls the operation on `n` items, and the longest chain of calls.
fn work_and_depth(
    n: usize,
    algorithm: impl Fn(&[Waiting<u64>], &AtomicUsize) -> Vec<Waiting<u64>>,
) -> (usize, usize) {
    let work = AtomicUsize::new(0);
    let items: Vec<_> = (0..n as u64).map(|item| Waiting { item, rounds: 0 }).collect();
    let prefixes = algorithm(&items, &work);
    let last = prefixes.last().map(|prefix| prefix.item);
    assert_eq!(last, (n > 0).then(|| (0..n as u64).sum()));
    let depth = prefixes.iter().map(|prefix| prefix.rounds).max().unwrap_or(0);
    (work.load(Ordering::Relaxed), depth)
}

#[test]
fn loop_waits_as_often_as_it_works_and_trees_do_not() {
    let add = |x: &u64, y: &u64| x + y;
    for power in 2..12 {
        let n = 1usize << power;
        let looped = work_and_depth(n, |items, work| scan(items, counting(add, work)));
        assert_eq!(looped, (n - 1, n - 1));
        let steele =
            work_and_depth(n, |items, work| scan_hillis_steele(items, counting(add, work)));
        assert_eq!(steele, (n * power - (n - 1), power));
        let tree = work_and_depth(n, |items, work| scan_blelloch(items, counting(add, work)));
        assert_eq!(tree, (2 * n - 2 - power, 2 * power - 2));
        let pieces = 1 << (power / 2);
        let chunked = |items: &[_], work: &_| scan_chunked(items, pieces, counting(add, work));
        // In the pieces, along the ends, and to the pieces after the first.
        let work = (n - pieces) + (pieces - 1) + (n - n / pieces);
        assert_eq!(work_and_depth(n, chunked), (work, (n / pieces - 1) + (pieces - 2) + 1));
    }
}

#[test]
fn trees_of_any_length_stay_within_twice_the_work() {
    let add = |x: &u64, y: &u64| x + y;
    for n in 1..300 {
        let (work, depth) =
            work_and_depth(n, |items, work| scan_blelloch(items, counting(add, work)));
        assert!(work < 2 * n, "{n}: {work}");
        assert!(depth <= 2 * n.ilog2() as usize, "{n}: {depth}");
        let (_, depth) =
            work_and_depth(n, |items, work| scan_hillis_steele(items, counting(add, work)));
        assert_eq!(depth, n.next_power_of_two().ilog2() as usize);
    }
}

#[test]
fn doubts_of_a_kalman_filter_are_a_scan() {
    // Chapter 2's promise: no measurement tells a filter how sure to be, and its steps of doubt compose in any order
    // of brackets. So a tree finds every doubt on the way, with good and bad measurements in turn.
    let steps = [1.0, 5.0].map(|noise| rider(1.0, 0.1, noise).unwrap().stretch().unwrap());
    let steps: Vec<Stretch> = steps.iter().cycle().take(37).cloned().collect();
    let start = dmatrix![25.0, 0.0; 0.0, 1.0];
    // A stretch carries the cost at its end to its beginning: doubts go the other way.
    let then = |one: &Stretch, next: &Stretch| next.then(one).expect("finite");
    let mut doubt = start.clone();
    for (step, composed) in steps.iter().zip(scan_blelloch(&steps, then)) {
        doubt = step.cost_before(&doubt).expect("finite");
        let found = composed.cost_before(&start).expect("finite");
        assert!((found - &doubt).norm() < 1e-12 * doubt.norm());
    }
}

#[test]
fn a_mode_of_a_state_space_model_is_a_recurrence_of_complex_numbers() {
    // Pushed once, a mode answers with the powers of its eigenvalue.
    let lambda = Complex::from_polar(0.99, TAU / 16.0);
    let mut push = vec![Complex::from(0.0); 100];
    push[0] = Complex::from(1.0);
    let x = scan_recurrence(&[lambda; 100], &push, Complex::from(0.0)).unwrap();
    for (k, x) in x.iter().enumerate() {
        assert!((x - lambda.powu(k as u32)).norm() < 1e-14);
    }
}

// ---------------------------------------------------------------------------------------------
// Rows
// ---------------------------------------------------------------------------------------------

fn uniform(random: &mut ChaCha8Rng, count: usize, from: f32, to: f32) -> Vec<f32> {
    (0..count).map(|_| random.random_range(from..to)).collect()
}

/// Fails where x is farther from the recurrence in f64 than roundings carry it: one of `20 ε` of the sum of all
/// magnitudes at each step, as ten operations lie behind a number within a tile, and each fades as the state does.
fn assert_runs_the_recurrence(a: &[f32], b: &[f32], initial: f32, x: &[f32], row: usize) {
    let (mut exact, mut size, mut allowed) = (f64::from(initial), f64::from(initial.abs()), 0.0);
    for (k, ((a, b), x)) in a.iter().zip(b).zip(x).enumerate() {
        let (a, b) = (f64::from(*a), f64::from(*b));
        exact = a * exact + b;
        size = a.abs() * size + b.abs();
        allowed = a.abs() * allowed + 20.0 * f64::from(f32::EPSILON) * size;
        let error = (f64::from(*x) - exact).abs();
        assert!(error <= allowed, "row {row}, step {k}: expected {exact}, found {x}");
    }
}

fn assert_rows_run(a: &[f32], b: &[f32], initial: &[f32], x: &[f32]) {
    let length = a.len() / initial.len();
    for (row, initial) in initial.iter().enumerate() {
        let part = row * length..(row + 1) * length;
        assert_runs_the_recurrence(&a[part.clone()], &b[part.clone()], *initial, &x[part], row);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_run_the_recurrence_at_any_shape(rows in 1usize..9, length in 1usize..200, seed in 0u64..1000, reach in 0.1f32..1.1) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let a = uniform(&mut random, rows * length, -reach, reach);
        let b = uniform(&mut random, rows * length, -1.0, 1.0);
        let initial = uniform(&mut random, rows, -2.0, 2.0);
        let mut x = vec![f32::NAN; rows * length];
        scan_rows(&a, &b, &initial, &mut x).unwrap();
        assert_rows_run(&a, &b, &initial, &x);
    }

    #[test]
    fn zeros_and_signs_in_rows_are_no_special_case(length in 1usize..100, seed in 0u64..1000) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let a: Vec<f32> = (0..length).map(|_| [0.0, -0.0, -1.0, 1.0, 0.5][random.random_range(0..5)]).collect();
        let b: Vec<f32> = (0..length).map(|_| random.random_range(-8i8..8).into()).collect();
        let mut x = vec![f32::NAN; length];
        scan_rows(&a, &b, &[3.0], &mut x).unwrap();
        assert_rows_run(&a, &b, &[3.0], &x);
    }
}

#[test]
fn many_rows_on_all_cores_equal_those_on_one_to_the_last_bit() {
    let mut random = ChaCha8Rng::seed_from_u64(46);
    for (rows, length) in [(512, 100), (33, 4099), (4, 20_001), (70_000, 1)] {
        let a = uniform(&mut random, rows * length, 0.8, 1.0);
        let b = uniform(&mut random, rows * length, -1.0, 1.0);
        let initial = uniform(&mut random, rows, -1.0, 1.0);
        let (mut one, mut all) = (vec![f32::NAN; rows * length], vec![f32::NAN; rows * length]);
        scan_rows_on_one_core(&a, &b, &initial, &mut one).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        pool.install(|| scan_rows(&a, &b, &initial, &mut all)).unwrap();
        assert!(one == all, "{rows} rows of {length}");
        assert_rows_run(&a, &b, &initial, &all);
    }
}

#[test]
fn few_long_rows_share_their_time_among_threads() {
    let mut random = ChaCha8Rng::seed_from_u64(47);
    for (rows, length, threads) in [(1, 100_003, 2), (2, 70_000, 3), (1, 65_536, 7), (1, 32_768, 2)]
    {
        let a = uniform(&mut random, rows * length, 0.9, 1.0);
        let b = uniform(&mut random, rows * length, -1.0, 1.0);
        let initial = uniform(&mut random, rows, -1.0, 1.0);
        let mut x = vec![f32::NAN; rows * length];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| scan_rows(&a, &b, &initial, &mut x)).unwrap();
        assert_rows_run(&a, &b, &initial, &x);
    }
    let (a, b) = (vec![0.999; 50_000], vec![1.0; 50_000]);
    for pieces in [0, 1, 2, 3, 4, 5, 100] {
        let mut x = vec![f32::NAN; 50_000];
        scan_row_in_pieces(&a, &b, -3.0, &mut x, pieces).unwrap();
        assert_rows_run(&a, &b, &[-3.0], &x);
    }
}

#[test]
fn pieces_hand_on_a_state_that_is_never_forgotten() {
    // Coefficients 1 and -1, small whole numbers as inputs: no rounding, and every step is heard at the end.
    let mut random = ChaCha8Rng::seed_from_u64(48);
    let length = 100_003;
    let a: Vec<f32> = (0..length).map(|_| [1.0, -1.0][random.random_range(0..2)]).collect();
    let b: Vec<f32> = (0..length).map(|_| random.random_range(-2i8..=2).into()).collect();
    let expected = scan_recurrence(&a, &b, 1000.0).unwrap();
    for pieces in [2, 3, 4, 6, 100] {
        let mut x = vec![f32::NAN; length];
        scan_row_in_pieces(&a, &b, 1000.0, &mut x, pieces).unwrap();
        assert!(x == expected, "{pieces} pieces");
    }
    for threads in [2, 3, 5] {
        let mut x = vec![f32::NAN; length];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| scan_rows(&a, &b, &[1000.0], &mut x)).unwrap();
        assert!(x == expected, "{threads} threads");
    }
}

#[test]
fn overflow_of_a_product_is_not_one_of_the_state() {
    // Eight of these steps multiply a state by 1e240, which no f32 holds. Nothing times that is still nothing.
    let mut x = vec![f32::NAN; 40];
    scan_rows(&[1e30; 40], &[0.0; 40], &[0.0], &mut x).unwrap();
    assert_eq!(x, [0.0; 40]);
    // Nor does it matter what happened before a state is forgotten.
    let mut a = vec![1e30; 40];
    a[20] = 0.0;
    let mut b = vec![0.0; 40];
    b[20] = 1e-35;
    scan_rows(&a, &b, &[0.0], &mut x).unwrap();
    assert_eq!(x[..20], [0.0; 20]);
    assert_eq!(x[20..23], scan_recurrence(&a[20..23], &b[20..23], 0.0).unwrap());
    // The same between pieces, whose maps overflow though the states do not.
    let (a, b) = (vec![1.5; 100_000], vec![0.0; 100_000]);
    let mut x = vec![f32::NAN; 100_000];
    scan_row_in_pieces(&a, &b, 0.0, &mut x, 3).unwrap();
    assert!(x.iter().all(|x| *x == 0.0));
    // And a recurrence that does overflow says so, at the same step as the loop.
    let (a, b) = (vec![3.0; 100], vec![1.0; 100]);
    let mut x = vec![f32::NAN; 100];
    scan_rows(&a, &b, &[0.0], &mut x).unwrap();
    let expected = scan_recurrence(&a, &b, 0.0).unwrap();
    let first = |x: &[f32]| x.iter().position(|x| x.is_infinite());
    assert_eq!(first(&x), first(&expected));
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let mut x = [7.0; 6];
    let found = scan_rows(&[1.0; 6], &[1.0; 5], &[0.0], &mut x).unwrap_err();
    assert_eq!(found.to_string(), "expected b to have 6 numbers, as a has, found 5");
    let found = scan_rows(&[1.0; 5], &[1.0; 5], &[0.0], &mut x).unwrap_err();
    assert_eq!(found.to_string(), "expected x to have 5 numbers, as a has, found 6");
    for rows in [0, 4] {
        let found = scan_rows(&[1.0; 6], &[1.0; 6], &vec![0.0; rows], &mut x).unwrap_err();
        let expected =
            format!("expected a to fill {rows} rows, one for each initial state, found 6 numbers");
        assert_eq!(found.to_string(), expected);
    }
    assert_eq!(x, [7.0; 6]);
    assert!(scan_recurrence(&[1.0], &[], 0.0).is_err());
    assert!(scan_heinsen::<f64>(&[1.0], &[], 0.0).is_err());
    assert!(scan_by_products::<f64>(&[1.0], &[], 0.0).is_err());
    assert!(scan_row_in_pieces(&[1.0], &[], 0.0, &mut [0.0], 1).is_err());
    // Nothing to do is no fault.
    assert!(scan_rows(&[], &[], &[1.0, 2.0], &mut []).is_ok());
    assert!(scan_rows(&[], &[], &[], &mut []).is_ok());
    assert_eq!(scan_heinsen::<f64>(&[], &[], 1.0), Ok(vec![]));
}

// ---------------------------------------------------------------------------------------------
// Logarithms
// ---------------------------------------------------------------------------------------------

/// Coefficients and inputs, rounded to f32, so that both precisions run the same recurrence.
fn drawn(kind: &str, length: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = move || random.random_range(0.0..1.0f64);
    let mut normal = || (-2.0 * (1.0 - uniform()).ln()).sqrt() * (TAU * uniform()).cos();
    let mut draw = || {
        let z = normal();
        match kind {
            "randn" => z,
            "decay.9-1" => 0.9 + 0.1 * (1.0 + (0.8 * z).tanh()) / 2.0,
            // Mamba's: A = -1, Δ = softplus of whatever the network says.
            "mamba dA" => (-(1.0 + z.exp()).ln()).exp(),
            _ => unreachable!("{kind}"),
        }
    };
    let rounded = |x: f64| f64::from(x as f32);
    let a: Vec<f64> = (0..length).map(|_| rounded(draw())).collect();
    (a, (0..length).map(|_| rounded(normal())).collect())
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|x| *x as f32).collect()
}

/// The largest distance from `exact`, relative to the largest of `exact`.
fn error<T: RealField + Copy>(found: &[T], exact: &[f64]) -> f64 {
    let size = exact.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    let off =
        |(found, exact): (&T, &f64)| (nalgebra::convert_unchecked::<T, f64>(*found) - exact).abs();
    let errors: Vec<f64> = found.iter().zip(exact).map(off).collect();
    assert!(errors.iter().all(|error| error.is_finite()));
    errors.into_iter().fold(0.0, f64::max) / size
}

#[test]
fn logarithms_lose_what_the_reference_lost() {
    let path = format!("{}/../../tests/fixtures/heinsen.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = cases.as_array().expect("cases");
    assert_eq!(cases.len(), 12);
    for case in cases {
        let length = case["L"].as_u64().expect("a length") as usize;
        let kind = case["kind"].as_str().expect("a kind");
        // Median of nine draws: the reference drew once, from another stream.
        let mut errors: [Vec<f64>; 3] = Default::default();
        for seed in 0..9 {
            let (a, b) = drawn(kind, length, seed);
            let (a_single, b_single) = (single(&a), single(&b));
            let exact = scan_recurrence(&a, &b, 0.0).unwrap();
            errors[0].push(error(&scan_heinsen(&a, &b, 0.0).unwrap(), &exact));
            errors[1].push(error(&scan_heinsen(&a_single, &b_single, 0.0).unwrap(), &exact));
            errors[2].push(error(&scan_recurrence(&a_single, &b_single, 0.0).unwrap(), &exact));
        }
        for (errors, key) in errors.iter_mut().zip(["heinsen_f64", "heinsen_f32", "seq_f32"]) {
            errors.sort_by(f64::total_cmp);
            let (found, reference) = (errors[4], case[key].as_f64().expect("an error"));
            let apart = (found / reference).log10().abs();
            assert!(
                apart < 0.9,
                "{key} of {kind} at {length}: {found:.1e}, reference {reference:.1e}"
            );
        }
    }
}

/// Coefficients whose logarithms are drawn between 0 and `-2 rate`, so that a memory fades by `rate` a step.
fn fading(rate: f64, length: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let a = |_| f64::from((-2.0 * rate * random.random_range(0.0..1.0f64)).exp() as f32);
    (0..length).map(a).collect()
}

#[test]
fn each_power_of_ten_of_decay_costs_logarithms_a_digit() {
    // What matters is the total decay, fast and short or slow and long.
    for total in [10.0, 100.0, 1000.0, 10_000.0] {
        for rate in [1.5, 0.7, 0.1, 0.03] {
            let length = (total / rate) as usize;
            let mut errors: Vec<f64> = Vec::new();
            for seed in 0..5 {
                let (a, b) = (fading(rate, length, seed), drawn("randn", length, seed).1);
                let exact = scan_recurrence(&a, &b, 0.0).unwrap();
                errors.push(error(&scan_heinsen(&single(&a), &single(&b), 0.0).unwrap(), &exact));
                let looped =
                    error(&scan_recurrence(&single(&a), &single(&b), 0.0).unwrap(), &exact);
                assert!(looped < 5e-7, "the loop at rate {rate}, {length} steps: {looped:e}");
            }
            errors.sort_by(f64::total_cmp);
            let units = errors[2] / (f64::from(f32::EPSILON) * total);
            assert!((0.1..4.0).contains(&units), "rate {rate}, {length} steps: {units} ε r");
        }
    }
}

#[test]
fn a_long_memory_adds_up_the_roundings_of_logarithms() {
    // A decay of 16 in all, but over 16,384 steps: a digit worse than the total decay says, and the loop is not.
    let (a, b) = (fading(0.001, 16_384, 1), vec![1.0; 16_384]);
    let exact = scan_recurrence(&a, &b, 0.0).unwrap();
    let found = error(&scan_heinsen(&single(&a), &single(&b), 0.0).unwrap(), &exact);
    assert!(found > 10.0 * f64::from(f32::EPSILON) * 16.0, "{found:e}");
    let looped = error(&scan_recurrence(&single(&a), &single(&b), 0.0).unwrap(), &exact);
    assert!(looped < 3e-6, "{looped:e}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn region_where_logarithms_lose_digits_is_where_much_has_decayed(length in 1usize..2000, rate in 1e-4f64..4.0, seed in 0u64..1000) {
        // Anywhere: some roundings of the longest logarithm, never more. So where little has decayed, no digits are lost.
        let (a, b) = (fading(rate, length, seed), drawn("randn", length, seed).1);
        let exact = scan_recurrence(&a, &b, 0.0).unwrap();
        let found = error(&scan_heinsen(&a, &b, 0.0).unwrap(), &exact);
        // Roundings add up as long as the memory is, like a random walk.
        let memory = (1.0 / rate).min(length as f64).max(1.0);
        let allowed = 8.0 * f64::EPSILON * (4.0 + rate * length as f64) * memory.sqrt();
        prop_assert!(found < allowed, "{found:e} > {allowed:e}");
    }

    #[test]
    fn signs_and_zeros_have_complex_logarithms(length in 1usize..300, seed in 0u64..1000, zeros in 0.0f64..0.5) {
        let (mut a, mut b) = drawn("randn", length, seed);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for k in 0..length {
            if random.random_range(0.0..1.0) < zeros { a[k] = if k % 2 == 0 { 0.0 } else { -0.0 } }
            if random.random_range(0.0..1.0) < zeros { b[k] = 0.0 }
        }
        for initial in [0.0, -1.5] {
            let exact = scan_recurrence(&a, &b, initial).unwrap();
            let found = scan_heinsen(&a, &b, initial).unwrap();
            // A sum may cancel, so errors are held against the sum of magnitudes.
            let magnitudes = |x: &[f64]| x.iter().map(|x| x.abs()).collect::<Vec<_>>();
            let sizes = scan_recurrence(&magnitudes(&a), &magnitudes(&b), f64::abs(initial)).unwrap();
            for (k, (x, exact)) in found.iter().zip(&exact).enumerate() {
                let allowed = 200.0 * f64::EPSILON * (4.0 + 4.0 * (k + 1) as f64) * sizes[k];
                prop_assert!((x - exact).abs() <= allowed, "step {k}: expected {exact}, found {x}");
            }
        }
    }
}

#[test]
fn cumulative_products_underflow_where_logarithms_do_not() {
    let (a, b) = (vec![0.9_f32; 2000], vec![0.1_f32; 2000]);
    let exact =
        scan_recurrence(&vec![f64::from(0.9_f32); 2000], &vec![f64::from(0.1_f32); 2000], 0.0)
            .unwrap();
    let by_products = scan_by_products(&a, &b, 0.0).unwrap();
    let errors = by_products.iter().zip(&exact).map(|(x, exact)| (f64::from(*x) - exact).abs());
    let right = errors.take_while(|error| *error < 0.01).count();
    assert!((800..1000).contains(&right), "{right}");
    assert!(!by_products[1999].is_finite());
    let by_logarithms = scan_heinsen(&a, &b, 0.0).unwrap();
    assert!(error(&by_logarithms, &exact) < 1e-3);
}

#[test]
fn phase_of_many_negative_coefficients_costs_digits_too() {
    // |a| = 1 fades nothing, but each -1 turns by π, and 4096 turns are a number of four digits before the point.
    let (a, b) = (vec![-1.0; 4096], drawn("randn", 4096, 5).1);
    let exact = scan_recurrence(&a, &b, 0.0).unwrap();
    let found = error(&scan_heinsen(&single(&a), &single(&b), 0.0).unwrap(), &exact);
    assert!(found > 1e-5, "{found:e}");
    let looped = error(&scan_recurrence(&single(&a), &single(&b), 0.0).unwrap(), &exact);
    assert!(looped < 2e-6, "{looped:e}");
}
