//! What is claimed of SSD: one outcome, by a loop, by attention and by chunks of any length, there and back, on any device.

use burn::tensor::{DType, Device, Tensor, TensorData};
use mamba::selective_scan::{self as mamba_scan, ScanSlices, silu};
use ml_links::parameterization::{inverse_softplus, normal};
use ml_links::testing::{apart, card, numbers};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use state_space_duality::ssd::{
    Outcome, Products, Sizes, SsdError, SsdGradients, SsdSlices, products, segment_sums,
    segment_sums_by_difference, ssd_adjoint, ssd_chunked, ssd_linear, ssd_quadratic,
};
use state_space_duality::ssd_operations::{self, SsdInputs};

use crate::common::golden;

/// What goes in, owned: u, dt, a, b, c, d, and the state before.
#[derive(Clone)]
struct Case<T> {
    sizes: Sizes,
    parts: [Vec<T>; 7],
}

const NAMES: [&str; 7] = ["u", "dt", "a", "b", "c", "d", "the state before"];

fn sizes([batch, length, heads, head_dim, groups, d_state]: [usize; 6]) -> Sizes {
    Sizes { batch, length, heads, head_dim, groups, d_state }
}

impl<T> Case<T> {
    fn slices(&self) -> SsdSlices<'_, T> {
        let [u, dt, a, b, c, d, _] = &self.parts;
        SsdSlices { sizes: self.sizes, u, dt, a, b, c, d }
    }

    fn initial(&self) -> &[T] {
        &self.parts[6]
    }
}

impl Case<f64> {
    /// Normal numbers with steps from 0 to about 2 and rates from 0 downwards, the same in single precision.
    fn random(sizes: Sizes, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |count: usize| (0..count).map(|_| normal(&mut random)).collect::<Vec<_>>();
        let mut parts = [
            draw(sizes.inputs()),
            draw(sizes.steps()).into_iter().map(|dt| 0.5 * dt * dt).collect(),
            draw(sizes.heads).into_iter().map(|a| -a.abs()).collect(),
            draw(sizes.rows()),
            draw(sizes.rows()),
            draw(sizes.heads),
            draw(sizes.states()),
        ];
        parts.iter_mut().flatten().for_each(|number| *number = f64::from(*number as f32));
        Self { sizes, parts }
    }

    fn single(&self) -> Case<f32> {
        let single = |part: &Vec<f64>| part.iter().map(|number| *number as f32).collect();
        Case { sizes: self.sizes, parts: self.parts.each_ref().map(single) }
    }

    fn shapes(&self) -> [Vec<usize>; 7] {
        let Sizes { batch, length, heads, head_dim, groups, d_state } = self.sizes;
        let rows = vec![batch, length, groups, d_state];
        [
            vec![batch, length, heads, head_dim],
            vec![batch, length, heads],
            vec![heads],
            rows.clone(),
            rows,
            vec![heads],
            vec![batch, heads, head_dim, d_state],
        ]
    }

    fn tensor<const D: usize>(&self, part: usize, device: &Device, dtype: DType) -> Tensor<D> {
        let data = TensorData::new(self.parts[part].clone(), self.shapes()[part].clone());
        Tensor::from_data(data, (device, dtype))
    }

    fn tensors(&self, device: &Device, dtype: DType) -> (SsdInputs, Tensor<4>) {
        let inputs = SsdInputs {
            u: self.tensor(0, device, dtype),
            dt: self.tensor(1, device, dtype),
            a: self.tensor(2, device, dtype),
            b: self.tensor(3, device, dtype),
            c: self.tensor(4, device, dtype),
            d: self.tensor(5, device, dtype),
        };
        (inputs, self.tensor(6, device, dtype))
    }

    fn reference(&self) -> Outcome<f64> {
        ssd_linear(&self.slices(), self.initial()).unwrap()
    }
}

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| f64::from(normal(&mut random) as f32)).collect()
}

fn in_order(by: SsdGradients) -> [Vec<f64>; 7] {
    [by.u, by.dt, by.a, by.b, by.c, by.d, by.initial]
}

/// Equal to `tolerance` of the largest number.
#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    if expected.iter().all(|number| *number == 0.0) {
        assert!(found.iter().all(|number| number.abs() <= tolerance), "{what}");
        return;
    }
    let apart = apart(found, expected);
    assert!(apart <= tolerance, "{what}: {apart:e} apart, at most {tolerance:e}");
}

#[track_caller]
fn assert_same(found: &Outcome<f64>, expected: &Outcome<f64>, tolerance: f64, what: &str) {
    assert_close(&found.y, &expected.y, tolerance, &format!("{what}: y"));
    assert_close(&found.state, &expected.state, tolerance, &format!("{what}: the last state"));
}

// ---------------------------------------------------------------------------------------------
// The reference implementation
// ---------------------------------------------------------------------------------------------

/// The file's case: a group a head, nothing past the state.
fn reference_case() -> Case<f64> {
    let file = golden("ssd.safetensors");
    let part = |name: &str| file.numbers(&format!("in.{name}"));
    Case {
        sizes: sizes([2, 32, 3, 4, 3, 5]),
        parts: [part("x"), part("dt"), part("A"), part("B"), part("C"), vec![0.0; 3], part("h0")],
    }
}

#[test]
fn every_mode_says_what_the_reference_implementation_says() {
    let (file, case) = (golden("ssd.safetensors"), reference_case());
    let expected = Outcome { y: file.numbers("Y"), state: file.numbers("final_state") };
    let (ssd, initial) = (case.slices(), case.initial());
    assert_same(&case.reference(), &expected, 1e-14, "linear");
    assert_same(&ssd_quadratic(&ssd, initial).unwrap(), &expected, 1e-14, "quadratic");
    for chunk in [1, 5, 8, 32, 100] {
        let found = ssd_chunked(&ssd, initial, chunk).unwrap();
        assert_same(&found, &expected, 1e-14, &format!("chunks of {chunk}"));
    }
}

#[test]
fn every_gradient_is_that_of_the_reference_implementation() {
    let (file, case) = (golden("ssd.safetensors"), reference_case());
    let gradient = file.numbers("dY");
    for chunk in [1, 5, 8, 32] {
        let rest = vec![0.0; case.sizes.states()];
        let by = ssd_adjoint(&case.slices(), case.initial(), chunk, &gradient, &rest).unwrap();
        let of = |name: &str| file.numbers(&format!("grad.{name}"));
        let pairs = [
            (by.u, of("x")),
            (by.dt, of("dt")),
            (by.a, of("A")),
            (by.b, of("B")),
            (by.c, of("C")),
            (by.initial, of("h0")),
        ];
        for ((found, expected), name) in pairs.iter().zip(["x", "dt", "A", "B", "C", "h0"]) {
            assert_close(found, expected, 2e-14, &format!("by {name}, chunks of {chunk}"));
        }
    }
}

// ---------------------------------------------------------------------------------------------
// One outcome
// ---------------------------------------------------------------------------------------------

/// Shapes with odd lengths, groups of one, of several and of all heads, single inputs and states.
const SHAPES: [[usize; 6]; 5] = [
    [1, 1, 1, 1, 1, 1],
    [2, 7, 3, 2, 1, 4],
    [1, 23, 4, 3, 2, 5],
    [2, 16, 2, 1, 2, 1],
    [1, 40, 1, 6, 1, 3],
];

#[test]
fn eq_7_2_chunks_of_any_length_say_what_the_recurrence_says() {
    for (seed, shape) in (1..).zip(SHAPES) {
        let case = Case::random(sizes(shape), seed);
        let (ssd, initial, expected) = (case.slices(), case.initial(), case.reference());
        let quadratic = ssd_quadratic(&ssd, initial).unwrap();
        assert_same(&quadratic, &expected, 1e-14, &format!("quadratic, {shape:?}"));
        for chunk in 1..=shape[1] + 1 {
            let found = ssd_chunked(&ssd, initial, chunk).unwrap();
            assert_same(&found, &expected, 1e-14, &format!("chunks of {chunk}, {shape:?}"));
        }
    }
}

#[test]
fn the_way_back_is_the_slope() {
    let case = Case::random(sizes([1, 9, 4, 2, 2, 3]), 7);
    let (gradient, by_last) = (noise(case.sizes.inputs(), 8), noise(case.sizes.states(), 9));
    let loss = |case: &Case<f64>| -> f64 {
        let Outcome { y, state } = case.reference();
        let weighted =
            |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(l, r)| l * r).sum::<f64>();
        weighted(&y, &gradient) + weighted(&state, &by_last)
    };
    for chunk in [1, 4, 9] {
        let by = ssd_adjoint(&case.slices(), case.initial(), chunk, &gradient, &by_last).unwrap();
        for (part, by) in in_order(by).iter().enumerate() {
            for (at, by) in by.iter().enumerate() {
                let moved = |step: f64| {
                    let mut case = case.clone();
                    case.parts[part][at] += step;
                    loss(&case)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((by - slope).abs() < 2e-8, "by {} {at}: {by}, slope {slope}", NAMES[part]);
            }
        }
    }
}

#[test]
fn a_sequence_cut_anywhere_goes_on_where_it_was() {
    let case = Case::random(sizes([2, 21, 4, 3, 2, 2]), 10);
    let expected = case.reference();
    for dtype in [DType::F32, DType::F64] {
        let tolerance = if dtype == DType::F32 { 1e-6 } else { 1e-14 };
        let (inputs, first) = case.tensors(&Device::flex(), dtype);
        for cuts in [vec![0, 21], vec![0, 1, 21], vec![0, 8, 9, 20, 21]] {
            let (mut state, mut pieces) = (first.clone(), Vec::new());
            for cut in cuts.windows(2) {
                let piece = inputs.steps(cut[0], cut[1]);
                let (y, last) = ssd_operations::ssd(piece, 4, Some(state));
                pieces.push(y);
                state = last;
            }
            let found = Outcome { y: numbers(Tensor::cat(pieces, 1)), state: numbers(state) };
            assert_same(&found, &expected, tolerance, &format!("cut at {cuts:?}"));
        }
    }
}

/// With one input a head and one rate for all states of a channel, a layer of Mamba is SSD.
#[test]
fn mamba_with_one_rate_a_channel_is_ssd() {
    let case = Case::random(sizes([2, 12, 6, 1, 3, 4]), 11);
    let Sizes { batch, length, heads, groups, d_state, .. } = case.sizes;
    let [u, dt, a, b, c, d, initial] = &case.parts;
    let delta: Vec<f64> = dt.iter().map(|dt| inverse_softplus(dt.max(1e-9))).collect();
    let rates: Vec<f64> = a.iter().flat_map(|a| vec![*a; d_state]).collect();
    let scan = ScanSlices {
        sizes: mamba_scan::Sizes { batch, length, d_inner: heads, groups, d_state },
        u,
        delta: &delta,
        a: &rates,
        b,
        c,
        d,
        z: &vec![1.0; u.len()],
        delta_bias: &vec![0.0; heads],
    };
    let mamba_scan::Outcome { y, state } = mamba_scan::selective_scan(&scan, initial).unwrap();
    let y = y.iter().map(|y| y / silu(1.0)).collect();
    assert_same(&Outcome { y, state }, &case.reference(), 1e-8, "Mamba");
}

#[test]
fn steps_of_no_length_keep_the_state_as_it_is() {
    let mut case = Case::random(sizes([1, 9, 2, 2, 1, 3]), 12);
    case.parts[1][10..].fill(0.0);
    let mut short = case.clone();
    short.sizes.length = 5;
    for part in [0, 1, 3, 4] {
        let count = case.parts[part].len() / 9 * 5;
        short.parts[part].truncate(count);
    }
    assert_eq!(case.reference().state, short.reference().state);
    let found = ssd_chunked(&case.slices(), case.initial(), 4).unwrap();
    assert_close(&found.state, &short.reference().state, 1e-15, "chunks");
}

// ---------------------------------------------------------------------------------------------
// Segment sums
// ---------------------------------------------------------------------------------------------

#[test]
fn segment_sums_keep_their_digits_where_differences_lose_them() {
    // Every eighth step is long, as at the end of a sentence; all others are short.
    let log_decays: Vec<f64> = (0..64).map(|k| if k % 8 == 7 { -300.0 } else { -0.001 }).collect();
    let single: Vec<f32> = log_decays.iter().map(|decay| *decay as f32).collect();
    let exact = segment_sums(&log_decays);
    let worst = |sums: nalgebra::DMatrix<f32>| {
        let off = sums.iter().zip(&exact).filter(|(_, exact)| exact.is_finite());
        off.map(|(sum, exact)| (f64::from(*sum).exp() - exact.exp()).abs()).fold(0.0, f64::max)
    };
    let (safe, by_difference) =
        (worst(segment_sums(&single)), worst(segment_sums_by_difference(&single)));
    assert!(safe < 1e-6, "{safe:e}");
    assert!(by_difference > 1e-4, "{by_difference:e}");
}

#[test]
fn what_was_forgotten_altogether_is_no_number_by_differences() {
    let log_decays = [-0.5, f64::NEG_INFINITY, -0.25];
    assert_eq!(segment_sums(&log_decays)[(2, 1)], -0.25);
    assert!(segment_sums_by_difference(&log_decays)[(2, 1)].is_nan());
    // So does a step of endless length in all three modes: it forgets, and nothing else.
    let mut case = Case::random(sizes([1, 6, 1, 2, 1, 3]), 13);
    case.parts[2][0] = f64::NEG_INFINITY;
    case.parts[1].copy_from_slice(&[0.1, 1.0, 0.2, 0.3, 1.0, 0.1]);
    let expected = case.reference();
    assert!(expected.y.iter().all(|y| y.is_finite()));
    assert_same(
        &ssd_quadratic(&case.slices(), case.initial()).unwrap(),
        &expected,
        1e-14,
        "quadratic",
    );
    assert_same(
        &ssd_chunked(&case.slices(), case.initial(), 4).unwrap(),
        &expected,
        1e-14,
        "chunks",
    );
}

// ---------------------------------------------------------------------------------------------
// Tensors
// ---------------------------------------------------------------------------------------------

/// y, the last state, and the gradients of `Σ gradient · y + Σ by_last · state` by all seven.
fn there_and_back(
    case: &Case<f64>,
    (gradient, by_last): (&[f64], &[f64]),
    (device, dtype): (&Device, DType),
    chunk: usize,
) -> (Outcome<f64>, [Vec<f64>; 7]) {
    let device = device.clone().autodiff();
    let (mut inputs, state) = case.tensors(&device, dtype);
    inputs.u = inputs.u.require_grad();
    inputs.dt = inputs.dt.require_grad();
    inputs.a = inputs.a.require_grad();
    inputs.b = inputs.b.require_grad();
    inputs.c = inputs.c.require_grad();
    inputs.d = inputs.d.require_grad();
    let state = state.require_grad();
    let (y, last) = ssd_operations::ssd(inputs.clone(), chunk, Some(state.clone()));
    let weights = |numbers: &[f64], shape: [usize; 4]| {
        Tensor::<4>::from_data(TensorData::new(numbers.to_vec(), shape), (&device, dtype))
    };
    let loss = (y.clone() * weights(gradient, y.dims())).sum()
        + (last.clone() * weights(by_last, last.dims())).sum();
    let by = loss.backward();
    let gradients = [
        numbers(inputs.u.grad(&by).unwrap()),
        numbers(inputs.dt.grad(&by).unwrap()),
        numbers(inputs.a.grad(&by).unwrap()),
        numbers(inputs.b.grad(&by).unwrap()),
        numbers(inputs.c.grad(&by).unwrap()),
        numbers(inputs.d.grad(&by).unwrap()),
        numbers(state.grad(&by).unwrap()),
    ];
    (Outcome { y: numbers(y.inner()), state: numbers(last.inner()) }, gradients)
}

#[track_caller]
fn assert_there_and_back(case: &Case<f64>, like: (&Device, DType), chunk: usize, tolerance: f64) {
    let (gradient, by_last) = (noise(case.sizes.inputs(), 20), noise(case.sizes.states(), 21));
    let (found, by) = there_and_back(case, (&gradient, &by_last), like, chunk);
    let what = format!("{:?} in chunks of {chunk}", case.sizes);
    assert_same(&found, &case.reference(), tolerance, &what);
    let exact = ssd_adjoint(&case.slices(), case.initial(), 8, &gradient, &by_last).unwrap();
    for (name, (found, exact)) in NAMES.iter().zip(by.iter().zip(&in_order(exact))) {
        assert_close(found, exact, tolerance, &format!("{what}: by {name}"));
    }
}

#[test]
fn tensors_say_what_the_slices_say_there_and_back() {
    for (seed, shape) in (30..).zip(SHAPES) {
        let case = Case::random(sizes(shape), seed);
        for chunk in [1, 4, 64] {
            assert_there_and_back(&case, (&Device::flex(), DType::F64), chunk, 1e-13);
            assert_there_and_back(&case, (&Device::flex(), DType::F32), chunk, 1e-5);
        }
    }
}

/// More chunks than are joined by attention: the state goes on as a recurrence.
#[test]
fn many_chunks_are_joined_by_a_recurrence() {
    let case = Case::random(sizes([2, 333, 2, 2, 1, 2]), 40);
    assert_there_and_back(&case, (&Device::flex(), DType::F64), 2, 1e-13);
    assert_there_and_back(&case, (&Device::flex(), DType::F64), 333, 1e-12);
}

#[test]
fn a_graphics_card_says_what_the_processor_says() {
    let Some(card) = card() else { return };
    let case = Case::random(sizes([2, 21, 4, 8, 2, 8]), 41);
    assert_there_and_back(&case, (&card, DType::F32), 8, 2e-5);
}

#[test]
fn single_precision_keeps_six_digits() {
    let case = Case::random(sizes([1, 200, 4, 8, 1, 16]), 42);
    let (single, expected) = (case.single(), case.reference());
    let double = |numbers: &[f32]| numbers.iter().copied().map(f64::from).collect::<Vec<_>>();
    for chunk in [1, 16, 200] {
        let Outcome { y, state } = ssd_chunked(&single.slices(), single.initial(), chunk).unwrap();
        let found = Outcome { y: double(&y), state: double(&state) };
        assert_same(&found, &expected, 2e-6, &format!("chunks of {chunk}"));
    }
}

/// A long step before short ones: what was lost there by differences is kept by the tensors too.
#[test]
fn tensors_take_segment_sums_with_care() {
    let mut case = Case::random(sizes([1, 64, 2, 3, 1, 4]), 43);
    for (step, dt) in case.parts[1].iter_mut().enumerate() {
        *dt = if step / 2 % 8 == 7 { 512.0 } else { f64::from(0.001_f32) };
    }
    case.parts[2].fill(-1.0);
    let (inputs, state) = case.tensors(&Device::flex(), DType::F32);
    let (y, last) = ssd_operations::ssd(inputs, 64, Some(state));
    let found = Outcome { y: numbers(y), state: numbers(last) };
    assert_same(&found, &case.reference(), 1e-6, "tensors");
}

#[test]
fn nothing_comes_of_nothing() {
    for shape in [[0, 3, 2, 2, 1, 2], [2, 0, 2, 2, 1, 2]] {
        let case = Case::random(sizes(shape), 44);
        let expected = case.reference();
        assert!(expected.y.is_empty());
        assert_eq!(ssd_quadratic(&case.slices(), case.initial()).unwrap(), expected);
        assert_eq!(ssd_chunked(&case.slices(), case.initial(), 4).unwrap(), expected);
        let (inputs, state) = case.tensors(&Device::flex(), DType::F32);
        let (y, last) = ssd_operations::ssd(inputs, 4, Some(state));
        assert_eq!((y.dims(), numbers(last)), ([shape[0], shape[1], 2, 2], expected.state));
    }
}

// ---------------------------------------------------------------------------------------------
// What it costs
// ---------------------------------------------------------------------------------------------

/// A layer of mamba2-130m.
fn layer(length: usize) -> Sizes {
    sizes([1, length, 24, 64, 1, 128])
}

#[test]
fn a_chunk_of_one_step_costs_what_a_step_of_the_recurrence_costs() {
    let Products { within, brought, handed_on, read, decays } = products(layer(100), 1).unwrap();
    // Each number that is kept is kept, written and read; and a step hears itself.
    assert_eq!(brought + handed_on + read, 3 * 100 * layer(100).states());
    assert_eq!((within, decays), (100 * (128 + 24 * 64), 0));
}

#[test]
fn twice_the_length_costs_twice_the_products_in_chunks_and_four_times_at_once() {
    let count = |length, chunk| products(layer(length), chunk).unwrap();
    assert_eq!(count(2048, 64).all(), 2 * count(1024, 64).all());
    assert_eq!(count(2048, 2048).within, 4 * count(1024, 1024).within);
    // What is left over is a chunk of its own, and no larger than it is.
    assert_eq!(count(100, 64).all(), count(64, 64).all() + count(36, 64).all());
    assert_eq!(count(100, 64).handed_on, 2 * layer(100).states());
}

#[test]
fn products_are_fewest_where_as_many_are_within_a_chunk_as_hand_its_state_on() {
    for [heads, head_dim, groups, d_state] in [[24, 64, 1, 128], [8, 16, 2, 512], [1, 32, 1, 64]] {
        // A length that many chunks divide.
        let sizes = sizes([1, 55_440, heads, head_dim, groups, d_state]);
        let divides = |chunk: &usize| 55_440_usize.is_multiple_of(*chunk);
        let count = |chunk: usize| products(sizes, chunk).unwrap();
        let best = (1..=512).filter(divides).min_by_key(|chunk| count(*chunk).all()).unwrap();
        let inputs = (heads * head_dim) as f64;
        let balance = (inputs * d_state as f64 / ((groups * d_state) as f64 + inputs)).sqrt();
        let ratio = best as f64 / balance;
        assert!((0.8..1.25).contains(&ratio), "chunks of {best}, expected {balance}");
        let Products { within, handed_on, .. } = count(best);
        let ratio = within as f64 / handed_on as f64;
        assert!((0.65..1.55).contains(&ratio), "{within} within, {handed_on} handed on");
    }
}

#[test]
fn tensors_multiply_what_chunks_ask_for_and_pay_for_decays_and_for_states_by_attention() {
    let ours = |length, chunk| ssd_operations::products(layer(length), chunk).unwrap();
    for chunk in [16, 64, 256, 1024] {
        let (least, ours) = (products(layer(1024), chunk).unwrap(), ours(1024, chunk));
        let of = |count: Products| [count.within, count.brought, count.read];
        assert_eq!(of(ours), of(least));
        let chunks = 1024 / chunk;
        assert_eq!(ours.handed_on, (chunks + 1) * (chunks + 1) * layer(1024).states());
        assert!(ours.decays > 24 * 1024 * chunk * chunk);
    }
    // The last chunk is filled up, and beyond 64 chunks states go on from one such piece to the next.
    assert_eq!(ours(65, 64), ours(128, 64));
    assert_eq!(ours(128, 1).all(), 2 * ours(64, 1).all());
    assert_eq!(ours(0, 4).all(), 0);
    let none = Err(SsdError::None("step in a chunk"));
    assert_eq!(
        (ssd_operations::products(layer(9), 0), products(layer(9), 0)),
        (none.clone(), none)
    );
}

// ---------------------------------------------------------------------------------------------
// What is refused
// ---------------------------------------------------------------------------------------------

#[test]
fn slices_that_do_not_fit_are_refused_in_sentences() {
    let case = Case::random(sizes([1, 2, 4, 2, 2, 3]), 45);
    let sentence = |change: &dyn Fn(&mut Case<f64>)| {
        let mut case = case.clone();
        change(&mut case);
        let (ssd, initial) = (case.slices(), case.initial());
        let error = ssd_linear(&ssd, initial).unwrap_err();
        assert_eq!(ssd_quadratic(&ssd, initial), Err(error.clone()));
        assert_eq!(ssd_chunked(&ssd, initial, 1), Err(error.clone()));
        assert!(ssd_adjoint(&ssd, initial, 1, &[], &[]).is_err());
        error.to_string()
    };
    let found = sentence(&|case| case.parts[3].truncate(11));
    assert_eq!(found, "expected b to have 12 numbers, found 11");
    let found = sentence(&|case| case.parts[6].push(0.0));
    assert_eq!(found, "expected initial to have 24 numbers, found 25");
    let found = sentence(&|case| case.sizes.groups = 3);
    assert_eq!(found, "expected groups of equally many heads, found 3 groups of 4 heads");
    let found = sentence(&|case| case.sizes.d_state = 0);
    assert_eq!(found, "expected at least one state for each input, found none");
    let found = sentence(&|case| case.sizes.head_dim = 0);
    assert_eq!(found, "expected at least one input for each head, found none");
    let none = Err(SsdError::None("step in a chunk"));
    assert_eq!(ssd_chunked(&case.slices(), case.initial(), 0), none);
}

#[test]
#[should_panic(expected = "expected b to have a number for each step, group and state")]
fn tensors_that_do_not_fit_are_refused() {
    let case = Case::random(sizes([1, 2, 4, 2, 1, 3]), 46);
    let (mut inputs, _) = case.tensors(&Device::flex(), DType::F32);
    inputs.b = inputs.b.narrow(1, 0, 1);
    ssd_operations::ssd(inputs, 2, None);
}

#[test]
#[should_panic(expected = "expected a state for each input of each head")]
fn a_state_of_another_shape_is_refused() {
    let case = Case::random(sizes([1, 2, 4, 2, 1, 3]), 47);
    let (inputs, _) = case.tensors(&Device::flex(), DType::F32);
    ssd_operations::ssd(inputs, 2, Some(Tensor::zeros([1, 4, 3, 2], &Device::flex())));
}
