//! What is claimed on the page `semiseparable`: one matrix, by a recurrence, by a kernel, by attention, by chunks; and what softmax
//! is not.

use classical_ssm::realization::hankel_matrix;
use math_foundations::introduction::{Attention, random_orthogonal, random_tokens};
use ml_links::structured_matrices::{Semiseparable, StructuredMatrix};
use ml_links::testing::apart;
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use state_space_duality::semiseparable::{Head, Reading, Step, below, matrix, rank, recurrence_of};

const ROUNDING: f64 = 1e-12;

/// A state that turns, is mixed and read differently at each step: no structure but its size.
fn dense(length: usize, states: usize, seed: u64) -> Vec<Step> {
    let rows = random_tokens(2 * length, states, 1.0, seed);
    let step = |k: usize| Step {
        a: random_orthogonal(states, seed + 100 + k as u64) * 0.95,
        b: rows[2 * k].clone(),
        c: rows[2 * k + 1].clone(),
    };
    (0..length).map(step).collect()
}

/// The recurrence as one reads it.
fn walk(steps: &[Step], u: &DVector<f64>) -> DVector<f64> {
    let mut x = DVector::zeros(0);
    let outputs = steps.iter().zip(u).enumerate().map(|(k, (step, &u))| {
        x = if k == 0 { &step.b * u } else { &step.a * &x + &step.b * u };
        step.c.dot(&x)
    });
    DVector::from_iterator(u.len(), outputs)
}

fn inputs(length: usize) -> DVector<f64> {
    random_tokens(1, length, 1.0, 77).remove(0)
}

#[test]
fn eq_7_1_a_state_with_one_decay_is_attention_under_a_mask_of_decays() {
    for (length, states) in [(1, 1), (7, 1), (20, 3), (33, 8)] {
        let head = Head::draw(length, states, 5).unwrap();
        let (steps, u) = (head.steps(), inputs(length));
        // Left: entry by entry, and by the recurrence.
        let m = matrix(&steps).unwrap();
        for k in 0..length {
            for j in 0..length {
                let mut x = steps[j].b.clone();
                (j + 1..=k).for_each(|i| x = &steps[i].a * &x);
                let expected = if j <= k { steps[k].c.dot(&x) } else { 0.0 };
                assert!((m[(k, j)] - expected).abs() < 1e-14, "{k}, {j}");
            }
        }
        assert!((&m * &u - walk(&steps, &u)).amax() < 1e-13);
        // Right: scores times a mask.
        assert!((head.attention() - m).amax() < 1e-13);
    }
}

#[test]
fn recurrence_convolution_attention_and_chunks_are_one_product() {
    for (length, modes) in [(1, 1), (2, 3), (50, 4), (96, 7)] {
        let (heads, u) = (Head::draw_modes(length, modes, 3).unwrap(), inputs(length));
        let said = |reading: Reading| reading.of(&heads, &u).unwrap().unwrap();
        let by_recurrence = said(Reading::Recurrence);
        // Neither is the recurrence its own judge.
        let dense: DVector<f64> =
            heads.iter().map(|head| matrix(&head.steps()).unwrap() * &u).sum();
        assert!(apart(by_recurrence.as_slice(), dense.as_slice()) < 1e-13);
        for reading in [
            Reading::Convolution,
            Reading::Attention,
            Reading::Chunks(1),
            Reading::Chunks(7),
            Reading::Chunks(16),
            Reading::Chunks(1000),
        ] {
            let off = apart(said(reading).as_slice(), by_recurrence.as_slice());
            assert!(off < 1e-13, "{reading:?}: {off:e}");
        }
    }
}

proptest! {
    #[test]
    fn a_head_that_selects_has_three_readings_and_no_kernel(length in 2_usize..60, states in 1_usize..6, chunk in 1_usize..70, seed in 0_u64..1000) {
        let (head, u) = ([Head::draw(length, states, seed).unwrap()], inputs(length));
        let first = Reading::Recurrence.of(&head, &u).unwrap().unwrap();
        for reading in [Reading::Attention, Reading::Chunks(chunk)] {
            let found = reading.of(&head, &u).unwrap().unwrap();
            prop_assert!(apart(found.as_slice(), first.as_slice()) < 1e-12);
        }
        prop_assert_eq!(Reading::Convolution.of(&head, &u).unwrap(), None);
    }

    #[test]
    fn no_block_below_the_diagonal_has_more_directions_than_the_state(states in 1_usize..5, rows in 0_usize..20, columns in 0_usize..20, seed in 0_u64..100) {
        let length = 20;
        let m = matrix(&dense(length, states, seed)).unwrap();
        for cut in 1..length {
            prop_assert_eq!(rank(&below(&m, cut), ROUNDING), states.min(cut).min(length - cut));
        }
        // Any block that lies on or below the diagonal.
        let (top, right) = (rows.max(columns), rows.min(columns));
        let block = m.view((top, 0), (length - top, right + 1)).into_owned();
        prop_assert!(rank(&block, ROUNDING) <= states);
    }

    #[test]
    fn few_directions_are_all_that_a_recurrence_needs(states in 1_usize..5, seed in 0_u64..100) {
        let m = matrix(&dense(24, states, seed)).unwrap();
        let steps = recurrence_of(&m, ROUNDING).unwrap();
        prop_assert!((matrix(&steps).unwrap() - &m).amax() < 1e-12 * m.amax());
        prop_assert_eq!(steps.iter().map(|step| step.c.len()).max(), Some(states));
    }
}

/// The matrix with the block cut out and put back as a product of two thin ones.
#[test]
fn a_block_is_what_was_written_times_how_it_is_read() {
    let (length, cut) = (15, 6);
    let steps = dense(length, 3, 2);
    let m = matrix(&steps).unwrap();
    let held = |j: usize| {
        let mut x = steps[j].b.clone();
        (j + 1..cut).for_each(|i| x = &steps[i].a * &x);
        x
    };
    let read = |k: usize| {
        let mut row = steps[k].c.transpose();
        (cut..=k).rev().for_each(|i| row = &row * &steps[i].a);
        row
    };
    let flat = DMatrix::from_columns(&(0..cut).map(held).collect::<Vec<_>>());
    let tall = DMatrix::from_rows(&(cut..length).map(read).collect::<Vec<_>>());
    assert_eq!((tall.shape(), flat.shape()), ((9, 3), (3, 6)));
    assert!((tall * flat - below(&m, cut)).amax() < 1e-14);
}

#[test]
fn softmax_attention_has_a_direction_for_each_token() {
    for seed in 1..4 {
        let m = Head::draw(64, 4, seed).unwrap().softmax();
        for cut in 1..64_usize {
            assert_eq!(rank(&below(&m, cut), ROUNDING), cut.min(64 - cut), "{cut}");
        }
        // It is a recurrence, too, but for a state that holds half of the text.
        let steps = recurrence_of(&m, ROUNDING).unwrap();
        assert!((matrix(&steps).unwrap() - &m).amax() < 1e-12);
        assert_eq!(steps.iter().map(|step| step.c.len()).max(), Some(32));
    }
}

/// Powers of scores are scores of wider keys, and the wider they are to begin with, the more directions count.
#[test]
fn softmax_with_wider_keys_is_harder_to_approximate() {
    let largest = |length: usize, states: usize| {
        let m = Head::draw(length, states, 1).unwrap().softmax();
        let steps = recurrence_of(&m, 1e-2).unwrap();
        assert!(apart(matrix(&steps).unwrap().as_slice(), m.as_slice()) < 3e-2);
        steps.iter().map(|step| step.c.len()).max().unwrap()
    };
    let sizes = [2, 4, 16].map(|states| largest(64, states));
    assert!(sizes.is_sorted() && sizes[0] + 5 < sizes[1] && sizes[1] + 5 < sizes[2], "{sizes:?}");
    // And the longer the text.
    assert!(largest(16, 4) < largest(32, 4) && largest(32, 4) < largest(64, 4));
}

#[test]
fn the_square_of_a_score_is_the_score_of_wider_keys() {
    let head = Head::draw(20, 3, 2).unwrap().without_decay();
    let squared = head.attention().map(|score| score * score);
    // C_k ⊗ C_k times B_j ⊗ B_j has nine terms, three pairs of which are alike.
    for cut in 6..=14 {
        assert_eq!(rank(&below(&squared, cut), ROUNDING), 6);
    }
}

#[test]
fn softmax_is_the_attention_of_the_introduction() {
    let (length, width) = (12, 5);
    let head = random_tokens(3 * length, width, 2.0, 9);
    let rows = |part: usize| DMatrix::from_fn(length, width, |k, n| head[part * length + k][n]);
    let ours = Head::new(-1.0, DVector::repeat(length, 0.1), rows(0), rows(1)).unwrap();
    let values = rows(2);
    let mixed = ours.softmax() * &values;
    let mut cache = Attention::new(width);
    for k in 0..length {
        let row = |part: usize| head[part * length + k].clone();
        let found = cache.step(&row(1), &row(0), &row(2)).unwrap();
        assert!((found - mixed.row(k).transpose()).amax() < 1e-14, "{k}");
    }
}

#[test]
fn linear_attention_is_a_mask_that_lets_nothing_fade() {
    let head = Head::draw(30, 4, 8).unwrap().without_decay();
    let ones = DMatrix::from_fn(30, 30, |k, j| f64::from(j <= k));
    assert_eq!(head.mask(), ones);
    let m = matrix(&head.steps()).unwrap();
    assert!((head.attention() - &m).amax() < 1e-13);
    for cut in 4..=26 {
        assert_eq!(rank(&below(&m, cut), ROUNDING), 4);
    }
}

#[test]
fn a_mask_of_decays_has_blocks_of_one_direction() {
    let mask = Head::draw(40, 3, 4).unwrap().mask();
    assert!((1..40).all(|cut| rank(&below(&mask, cut), ROUNDING) == 1));
    // It is chapter 4's semiseparable matrix of a state that is written and read by ones.
    let kept = DMatrix::from_fn(1, 40, |_, k| if k == 0 { 1.0 } else { mask[(k, k - 1)] });
    let ones = DMatrix::from_element(1, 40, 1.0);
    let by_a_state = Semiseparable::new(kept, ones.clone(), ones).unwrap().to_dense();
    assert!((mask - by_a_state).amax() < 1e-14);
}

/// A step that forgets all: nothing passes.
#[test]
fn nothing_of_what_is_forgotten_passes_the_cut() {
    let delta = dvector![1.0, 1.0, 1e4, 1.0, 1.0];
    let rows = DMatrix::from_fn(5, 2, |k, n| 1.0 + (k * (n + 1)) as f64);
    let head = Head::new(-1.0, delta, rows.clone(), rows).unwrap();
    let m = head.attention();
    assert!(m.iter().all(|entry| entry.is_finite()));
    assert_eq!(rank(&below(&m, 2), ROUNDING), 0);
    assert_eq!(rank(&below(&m, 3), ROUNDING), 1);
    // A recurrence of it has at times nothing to remember.
    let steps = recurrence_of(&below_diagonal(&m), ROUNDING).unwrap();
    assert!((matrix(&steps).unwrap() - below_diagonal(&m)).amax() < 1e-12 * m.amax());
    assert_eq!(recurrence_of(&DMatrix::zeros(3, 3), ROUNDING).unwrap()[1].c.len(), 0);
}

fn below_diagonal(m: &DMatrix<f64>) -> DMatrix<f64> {
    DMatrix::from_fn(m.nrows(), m.ncols(), |k, j| if j < k { m[(k, j)] } else { 0.0 })
}

#[test]
fn the_block_of_a_kernel_is_the_hankel_matrix_of_chapter_2_from_right_to_left() {
    let heads = Head::draw_modes(21, 3, 6).unwrap();
    let m = heads.iter().fold(DMatrix::zeros(21, 21), |sum, head| sum + head.attention());
    let kernel: DVector<f64> = heads.iter().map(|head| head.kernel().unwrap()).sum();
    // The same number along each diagonal.
    for k in 0..21 {
        assert!((0..=k).all(|j| (m[(k, j)] - kernel[k - j]).abs() < 1e-14));
    }
    let cut = 10;
    let block = below(&m, cut);
    let reversed = DMatrix::from_fn(21 - cut, cut, |i, j| block[(i, cut - 1 - j)]);
    // The future begins one step after the last input of the past.
    let later: Vec<DMatrix<f64>> = kernel.iter().skip(1).map(|&k| dmatrix![k]).collect();
    let hankel = hankel_matrix(&later, 21 - cut, cut).unwrap();
    assert!((reversed - hankel).amax() < 1e-14);
    assert_eq!(rank(&block, ROUNDING), 3);
}

#[test]
fn what_does_not_fit_is_refused() {
    let says = |error: &dyn std::fmt::Display| error.to_string();
    let rows = DMatrix::from_element(3, 2, 1.0);
    let delta = dvector![1.0, 1.0, 1.0];
    let new = |rate, delta: &DVector<f64>, b: &DMatrix<f64>| {
        says(&Head::new(rate, delta.clone(), b.clone(), rows.clone()).unwrap_err())
    };
    assert!(new(0.5, &delta, &rows).starts_with("expected -a to be"));
    assert!(new(-1.0, &dvector![1.0, -1.0, 1.0], &rows).starts_with("expected Δ to be"));
    assert_eq!(new(-1.0, &delta, &dmatrix![1.0]), "expected B to be 3 x 1, found 1 x 1");
    assert!(Head::draw(0, 2, 1).is_err() && Head::draw(2, 0, 1).is_err());
    assert!(Head::draw_modes(0, 2, 1).is_err() && Head::draw_modes(2, 0, 1).is_err());

    let above = says(&recurrence_of(&dmatrix![1.0, 0.5; 0.0, 1.0], ROUNDING).unwrap_err());
    assert_eq!(above, "expected every number above the diagonal of M to be 0, found 0.5");
    assert!(recurrence_of(&dmatrix![1.0, 0.0], ROUNDING).is_err());
    assert!(recurrence_of(&dmatrix![f64::NAN], ROUNDING).is_err());

    let one = Step { a: dmatrix![1.0], b: dvector![1.0], c: dvector![1.0] };
    let two = Step { a: dmatrix![1.0], b: dvector![1.0, 1.0], c: dvector![1.0, 1.0] };
    assert_eq!(says(&matrix(&[one, two]).unwrap_err()), "expected A to be 2 x 1, found 1 x 1");

    let head = [Head::draw(4, 2, 1).unwrap()];
    for reading in
        [Reading::Recurrence, Reading::Convolution, Reading::Attention, Reading::Chunks(2)]
    {
        assert!(reading.of(&head, &inputs(3)).is_err(), "{reading:?}");
    }
    assert!(Reading::Chunks(0).of(&head, &inputs(4)).is_err());
}
