//! What the page *Linear state space layer* claims.

use classical_ssm::state_space::StateSpace;
use discretization::accuracy_and_stability::Discretization;
use discretization::diagonalization::hippo_legs;
use discretization::zero_order_hold::zero_order_hold;
use ml_links::dual_computation::recurrence;
use ml_links::linear_state_space_layer::{LayerError, LinearStateSpaceLayer};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Entries between -1 and 1.
fn random_matrix(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0))
}

/// A layer on a random stable flow.
fn random_layer(
    width: usize,
    d_state: usize,
    rule: Discretization,
    seed: u64,
) -> LinearStateSpaceLayer {
    // The eigenvalues of a matrix are no larger than its norm.
    let a = random_matrix(d_state, d_state, seed);
    let a = &a / (1.25 * a.norm()) - DMatrix::identity(d_state, d_state);
    let (b, c) = (random_matrix(d_state, 1, seed + 1), random_matrix(width, d_state, seed + 2));
    let flow =
        StateSpace::continuous(a, b, c.rows(0, 1).into_owned(), DMatrix::zeros(1, 1)).unwrap();
    let deltas: Vec<f64> = (0..width).map(|h| 0.02 * 2f64.powi(h as i32)).collect();
    let d = DVector::from_fn(width, |h, _| 0.5 - h as f64);
    LinearStateSpaceLayer::new(&flow, &deltas, (&c, &d), rule).unwrap()
}

/// The outputs and the state at the end, a token at a time.
fn stepped(
    layer: &LinearStateSpaceLayer,
    u: &DMatrix<f64>,
    mut state: DMatrix<f64>,
) -> (DMatrix<f64>, DMatrix<f64>) {
    let mut y = DMatrix::zeros(u.nrows(), u.ncols());
    for (k, u_k) in u.column_iter().enumerate() {
        y.set_column(k, &layer.step(&u_k.into_owned(), &mut state).unwrap());
    }
    (y, state)
}

/// The largest difference, relative to the largest expected entry.
fn error(found: &DMatrix<f64>, expected: &DMatrix<f64>) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let off = (found - expected).amax();
    if off == 0.0 { 0.0 } else { off / expected.amax() }
}

#[test]
fn eq_4_3_a_chunk_is_what_its_start_still_says_and_what_its_inputs_say() {
    let layer = random_layer(3, 4, Discretization::Bilinear, 1);
    let length = 17;
    let (u, start) = (random_matrix(3, length, 5), random_matrix(4, 3, 6));
    let (y, end) = stepped(&layer, &u, start.clone());
    for h in 0..3 {
        let system = layer.channel(h);
        let (a, b, c, d) = (system.a(), system.b(), system.c(), system.d()[0]);
        let power = |j: usize| a.pow(j as u32);
        let mut x = power(length) * start.column(h);
        for j in 0..length {
            x += power(length - 1 - j) * b.column(0) * u[(h, j)];
        }
        assert!((x - end.column(h)).norm() < 1e-14);
        for k in 0..length {
            let inputs: f64 = (0..=k)
                .map(|j| ((c * power(k - j) * b)[0] + if k == j { d } else { 0.0 }) * u[(h, j)])
                .sum();
            let heard = (c * power(k + 1) * start.column(h))[0];
            assert!((inputs + heard - y[(h, k)]).abs() < 1e-14);
        }
    }
    // And the layer's own way to both.
    let mut state = start;
    let found = layer.convolve_from(&u, &mut state).unwrap();
    assert!(error(&found, &y) < 1e-13 && error(&state, &end) < 1e-13);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn convolving_equals_stepping(
        width in 1..4usize, d_state in 1..7usize, length in 1..150usize, rule in 0..8usize, seed in 0..u64::MAX / 8,
    ) {
        let layer = random_layer(width, d_state, Discretization::ALL[rule], seed);
        let u = random_matrix(width, length, seed + 4);
        let (y, _) = stepped(&layer, &u, layer.initial_state());
        prop_assert!(error(&layer.convolve(&u).unwrap(), &y) < 1e-12);
    }

    #[test]
    fn a_sequence_may_be_cut_into_chunks_anywhere(
        width in 1..4usize, d_state in 1..7usize, cuts in prop::collection::vec(0..50usize, 1..6), seed in 0..u64::MAX / 8,
    ) {
        let layer = random_layer(width, d_state, Discretization::ZeroOrderHold, seed);
        let u = random_matrix(width, cuts.iter().sum(), seed + 4);
        let mut state = random_matrix(d_state, width, seed + 5);
        let (y, end) = stepped(&layer, &u, state.clone());
        let mut start = 0;
        for cut in cuts {
            let chunk = u.columns(start, cut).into_owned();
            // Every other chunk one token at a time: the modes change over in the middle of a sequence.
            let found = if start % 2 == 0 {
                layer.convolve_from(&chunk, &mut state).unwrap()
            } else {
                let (found, after) = stepped(&layer, &chunk, state);
                state = after;
                found
            };
            prop_assert!(error(&found, &y.columns(start, cut).into_owned()) < 1e-12 * y.amax().max(1.0) / 1e-3);
            start += cut;
        }
        prop_assert!(error(&state, &end) < 1e-12);
    }

    #[test]
    fn an_unrolled_layer_serves_chunk_after_chunk(
        width in 1..4usize, d_state in 1..7usize, length in 1..40usize, seed in 0..u64::MAX / 8,
    ) {
        let layer = random_layer(width, d_state, Discretization::Bilinear, seed);
        let u = random_matrix(width, 3 * length, seed + 4);
        let (y, end) = stepped(&layer, &u, layer.initial_state());
        let mut unrolled = layer.unroll(length).unwrap();
        let mut state = layer.initial_state();
        for chunk in 0..3 {
            let piece = u.columns(chunk * length, length).into_owned();
            let found = unrolled.convolve(&piece, &mut state).unwrap();
            prop_assert!((found - y.columns(chunk * length, length)).amax() < 1e-12 * y.amax());
        }
        prop_assert!(error(&state, &end) < 1e-12);
    }

    #[test]
    fn zeros_in_front_of_a_sequence_change_nothing(zeros in 0..60usize, length in 1..60usize, seed in 0..u64::MAX / 8) {
        let layer = random_layer(2, 3, Discretization::ZeroOrderHold, seed);
        let u = random_matrix(2, length, seed + 4);
        let mut padded = DMatrix::zeros(2, zeros + length);
        padded.columns_mut(zeros, length).copy_from(&u);
        let (y, end) = stepped(&layer, &u, layer.initial_state());
        let mut state = layer.initial_state();
        let found = layer.convolve_from(&padded, &mut state).unwrap();
        prop_assert!(error(&state, &end) < 1e-12);
        prop_assert!((found.columns(zeros, length) - y).amax() < 1e-12);
    }
}

#[test]
fn memories_convolve_as_they_step() {
    // HiPPO-LegS is far from normal; 32 states and clocks over two powers of ten.
    let layer = LinearStateSpaceLayer::memories(4, 32, (0.001, 0.1), 1).unwrap();
    let u = random_matrix(4, 1000, 2);
    let (y, end) = stepped(&layer, &u, layer.initial_state());
    assert!(error(&layer.convolve(&u).unwrap(), &y) < 1e-11);
    let mut state = layer.initial_state();
    let mut unrolled = layer.unroll(250).unwrap();
    for start in [0, 250, 500, 750] {
        let found = unrolled.convolve(&u.columns(start, 250).into_owned(), &mut state).unwrap();
        assert!((found - y.columns(start, 250)).amax() < 1e-11 * y.amax());
    }
    assert!(error(&state, &end) < 1e-11);
}

#[test]
fn a_channel_is_a_system_of_chapter_2_stepped_by_a_rule_of_chapter_3() {
    let flow = hippo_legs(3).unwrap();
    let (c, d) = (dmatrix![1.0, -2.0, 0.5; 0.0, 1.0, 1.0], dvector![0.5, 0.0]);
    let layer =
        LinearStateSpaceLayer::new(&flow, &[0.1, 0.3], (&c, &d), Discretization::ZeroOrderHold)
            .unwrap();
    let u = random_matrix(2, 40, 3);
    let y = layer.convolve(&u).unwrap();
    for (h, delta) in [(0, 0.1), (1, 0.3)] {
        let own = StateSpace::continuous(
            flow.a().clone(),
            flow.b().clone(),
            c.rows(h, 1).into_owned(),
            dmatrix![d[h]],
        )
        .unwrap();
        let system = zero_order_hold(&own, delta).unwrap().held().unwrap();
        let u_h: Vec<f64> = u.row(h).iter().copied().collect();
        let alone = recurrence(&system, &u_h).unwrap();
        for k in 0..40 {
            assert!((y[(h, k)] - alone[k]).abs() < 1e-13);
        }
    }
}

#[test]
fn forgetting_the_state_breaks_the_seam() {
    let layer = LinearStateSpaceLayer::memories(1, 8, (0.02, 0.02), 1).unwrap();
    let u = DMatrix::from_element(1, 80, 1.0);
    let whole = layer.convolve(&u).unwrap();
    let second = layer.convolve(&u.columns(40, 40).into_owned()).unwrap();
    assert!((second[(0, 0)] - whole[(0, 40)]).abs() > 0.1 * whole.amax());
}

#[test]
fn a_step_costs_the_same_after_a_thousand() {
    let layer = LinearStateSpaceLayer::memories(64, 64, (0.001, 0.1), 1).unwrap();
    assert_eq!(layer.multiply_adds_per_step(), 270_400);
    let mut state = layer.initial_state();
    let u = DVector::repeat(64, 0.5);
    for _ in 0..5 {
        layer.step(&u, &mut state).unwrap();
    }
    assert_eq!(state.len(), 4096);
}

#[test]
fn an_unrolled_chunk_keeps_as_many_numbers_as_it_says() {
    let layer = LinearStateSpaceLayer::memories(2, 8, (0.01, 0.1), 1).unwrap();
    assert_eq!(layer.unroll(100).unwrap().numbers(), 2 * (2 * 8 * 100 + 64 + 200));
    assert_eq!(layer.unroll(100).unwrap().length(), 100);
}

#[test]
fn a_chunk_of_nothing_is_nothing() {
    let layer = random_layer(2, 3, Discretization::Bilinear, 1);
    let nothing = DMatrix::zeros(2, 0);
    assert_eq!(layer.convolve(&nothing).unwrap().shape(), (2, 0));
    let mut state = random_matrix(3, 2, 1);
    let before = state.clone();
    assert_eq!(layer.convolve_from(&nothing, &mut state).unwrap().shape(), (2, 0));
    assert_eq!(state, before);
}

#[test]
fn mistakes_are_sentences_and_leave_the_state_alone() {
    let layer = random_layer(2, 3, Discretization::Bilinear, 1);
    let mut state = random_matrix(3, 2, 1);
    let before = state.clone();
    let complaint = |error: LayerError| error.to_string();
    let error = layer.step(&dvector![1.0], &mut state).unwrap_err();
    assert!(complaint(error).starts_with("expected u"));
    assert!(layer.step(&dvector![1.0, f64::NAN], &mut state).is_err());
    assert!(layer.convolve_from(&DMatrix::zeros(3, 5), &mut state).is_err());
    assert!(layer.convolve_from(&DMatrix::from_element(2, 5, f64::INFINITY), &mut state).is_err());
    assert!(layer.unroll(4).unwrap().convolve(&DMatrix::zeros(2, 5), &mut state).is_err());
    assert_eq!(state, before);
    assert!(layer.convolve_from(&DMatrix::zeros(2, 5), &mut DMatrix::zeros(2, 3)).is_err());
    assert_eq!(
        complaint(layer.unroll(0).unwrap_err()),
        "expected the chunk to have at least one entry, found none"
    );
    let flow = hippo_legs(3).unwrap();
    let readings = (&DMatrix::zeros(2, 4), &DVector::zeros(2));
    assert!(
        LinearStateSpaceLayer::new(&flow, &[0.1, 0.1], readings, Discretization::Bilinear).is_err()
    );
    let readings = (&DMatrix::zeros(1, 3), &DVector::zeros(1));
    assert!(
        LinearStateSpaceLayer::new(&flow, &[-0.1], readings, Discretization::Bilinear).is_err()
    );
    assert!(LinearStateSpaceLayer::memories(0, 3, (0.1, 0.1), 1).is_err());
    assert!(LinearStateSpaceLayer::memories(1, 0, (0.1, 0.1), 1).is_err());
    assert!(LinearStateSpaceLayer::memories(1, 3, (0.0, 0.1), 1).is_err());
}
