//! What is claimed on the page `gpu_scan`: every rung computes the same, there and back.
//!
//! Where there is no graphics card, software that stands in for one will do; where there is neither, what needs one is
//! skipped and says so.

use burn::tensor::{DType, Device, Tensor, TensorData};
use mamba::gpu_scan::{Division, Plan, carried, example, rung_0, rung_1, rung_2, rung_3};
use mamba::scan_operations::{
    ScanInputs, selective_scan, selective_scan_composed, selective_scan_from,
};
use mamba::selective_scan::Sizes;
use ml_links::testing::{apart, card, noise, numbers};
use proptest::prelude::*;

use crate::common::golden;

/// The same inputs in another precision and place.
fn moved(inputs: &ScanInputs, device: &Device, dtype: DType) -> ScanInputs {
    fn one<const D: usize>(tensor: &Tensor<D>, device: &Device, dtype: DType) -> Tensor<D> {
        let data = TensorData::new(numbers(tensor.clone()), tensor.dims());
        Tensor::from_data(data, (device, dtype))
    }
    ScanInputs {
        u: one(&inputs.u, device, dtype),
        delta: one(&inputs.delta, device, dtype),
        a: one(&inputs.a, device, dtype),
        b: one(&inputs.b, device, dtype),
        c: one(&inputs.c, device, dtype),
        d: one(&inputs.d, device, dtype),
        z: one(&inputs.z, device, dtype),
        delta_bias: one(&inputs.delta_bias, device, dtype),
    }
}

/// What the loop says in double precision on the processor.
fn reference(inputs: &ScanInputs) -> Vec<f64> {
    numbers(selective_scan_composed(moved(inputs, &Device::flex(), DType::F64)))
}

const NAMES: [&str; 8] = ["u", "delta", "a", "b", "c", "d", "z", "delta_bias"];

/// The gradients of `Σ weights · y` by all that goes in.
fn gradients(
    inputs: &ScanInputs,
    weights: &[f64],
    (device, dtype): (&Device, DType),
    scan: impl Fn(ScanInputs) -> Tensor<3>,
) -> [Vec<f64>; 8] {
    let device = device.clone().autodiff();
    let inputs = moved(inputs, &device, dtype);
    let inputs = ScanInputs {
        u: inputs.u.require_grad(),
        delta: inputs.delta.require_grad(),
        a: inputs.a.require_grad(),
        b: inputs.b.require_grad(),
        c: inputs.c.require_grad(),
        d: inputs.d.require_grad(),
        z: inputs.z.require_grad(),
        delta_bias: inputs.delta_bias.require_grad(),
    };
    let y = scan(inputs.clone());
    let weights = TensorData::new(weights.to_vec(), y.dims());
    let by = (y * Tensor::<3>::from_data(weights, (&device, dtype))).sum().backward();
    [
        numbers(inputs.u.grad(&by).unwrap()),
        numbers(inputs.delta.grad(&by).unwrap()),
        numbers(inputs.a.grad(&by).unwrap()),
        numbers(inputs.b.grad(&by).unwrap()),
        numbers(inputs.c.grad(&by).unwrap()),
        numbers(inputs.d.grad(&by).unwrap()),
        numbers(inputs.z.grad(&by).unwrap()),
        numbers(inputs.delta_bias.grad(&by).unwrap()),
    ]
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    let off = apart(found, expected);
    assert!(off <= tolerance, "{what}: off by {off:e} of the largest number");
}

/// [batch, length, d_inner, groups, d_state]: around the border of a tile and of a workgroup, groups that do not fill one,
/// and numbers of states that four, two and one thread share.
const SHAPES: [[usize; 5]; 7] = [
    [1, 1, 1, 1, 5],
    [2, 15, 5, 1, 6],
    [1, 16, 32, 1, 16],
    [1, 17, 33, 1, 6],
    [2, 40, 40, 2, 5],
    [1, 130, 3, 3, 16],
    [1, 9, 4, 1, 64],
];

/// Rungs, with what they are called when they are wrong.
type Rung = (&'static str, fn(ScanInputs) -> Tensor<3>);

fn rungs() -> [Rung; 6] {
    [
        ("rung 0", rung_0),
        ("rung 1", rung_1),
        ("rung 2", rung_2),
        ("rung 3, one chunk", |inputs| rung_3(inputs, 1)),
        ("rung 3, chunks", |inputs| rung_3(inputs, 3)),
        ("the operation", selective_scan),
    ]
}

#[test]
fn eq_6_3_a_chunk_decays_by_the_sum_of_its_steps() {
    // One state, its steps and pushes; on the left the recurrence, on the right chunks that began at rest, carried.
    let (a, length, initial) = (-0.7, 23, 2.0);
    let delta = |k: usize| 0.05 + 0.3 * (1.7 * k as f64).sin().powi(2);
    let push = |k: usize| (0.9 * k as f64).cos();
    let step = |x: f64, k: usize| (a * delta(k)).exp() * x + push(k);
    for chunk in [1, 4, 5, 23, 40] {
        let mut x = initial;
        let mut expected = vec![x];
        let (mut sums, mut ends) = (vec![], vec![]);
        for first in (0..length).step_by(chunk) {
            let steps = first..(first + chunk).min(length);
            sums.push(steps.clone().map(delta).sum());
            ends.push(steps.clone().fold(0.0, step));
            x = steps.fold(x, step);
            expected.push(x);
        }
        let found = carried(a, &sums, &ends, initial);
        assert_close(&found, &expected, 1e-14, &format!("chunks of {chunk}"));
    }
}

#[test]
fn every_rung_computes_the_scan() {
    let Some(device) = card() else { return };
    for shape in SHAPES {
        let inputs = example(shape, &device);
        let expected = reference(&inputs);
        for (name, rung) in rungs() {
            // Single precision, and a card's exponential, which may err by some units more in the last place.
            assert_close(
                &numbers(rung(inputs.clone())),
                &expected,
                5e-6,
                &format!("{name}, {shape:?}"),
            );
        }
    }
}

#[test]
fn however_time_is_cut_the_scan_is_the_same() {
    let Some(device) = card() else { return };
    let inputs = example([1, 70, 4, 1, 16], &device);
    let expected = reference(&inputs);
    for chunks in [1, 2, 3, 4, 5, 9] {
        let found = numbers(rung_3(inputs.clone(), chunks));
        assert_close(&found, &expected, 5e-6, &format!("{chunks} chunks"));
    }
}

/// A golden file in our order of axes, single precision: the inputs, what comes out, the gradient by it, and those by the inputs.
struct GoldenCase {
    inputs: ScanInputs,
    out: Vec<f64>,
    by_out: Vec<f64>,
    gradients: [Vec<f64>; 8],
}

fn golden_case(name: &str, device: &Device) -> GoldenCase {
    let file = golden(&format!("selective_scan_{name}.safetensors"));
    let tensor = |name: &str| {
        let (shape, numbers) = file.tensor(name);
        (shape.clone(), TensorData::new(numbers, shape))
    };
    let like = (&Device::flex(), DType::F64);
    let wave = |name: &str| Tensor::<3>::from_data(tensor(name).1, like).swap_dims(1, 2);
    let rows = |name: &str| match tensor(name) {
        (shape, data) if shape.len() == 4 => {
            Tensor::<4>::from_data(data, like).permute([0, 3, 1, 2])
        }
        (_, data) => Tensor::<3>::from_data(data, like).swap_dims(1, 2).unsqueeze_dim(2),
    };
    let weight = |name: &str| Tensor::<1>::from_data(tensor(name).1, like);
    let inputs = ScanInputs {
        u: wave("in.u"),
        delta: wave("in.delta"),
        a: Tensor::from_data(tensor("in.A").1, like),
        b: rows("in.B"),
        c: rows("in.C"),
        d: weight("in.D"),
        z: wave("in.z"),
        delta_bias: weight("in.delta_bias"),
    };
    GoldenCase {
        inputs: moved(&inputs, device, DType::F32),
        out: numbers(wave("out")),
        by_out: numbers(wave("dout")),
        gradients: [
            numbers(wave("grad.u")),
            numbers(wave("grad.delta")),
            file.numbers("grad.A"),
            numbers(rows("grad.B")),
            numbers(rows("grad.C")),
            file.numbers("grad.D"),
            numbers(wave("grad.z")),
            file.numbers("grad.delta_bias"),
        ],
    }
}

#[test]
fn every_rung_equals_mambas_own_reference() {
    let Some(device) = card() else { return };
    for file in ["small", "L65", "groups"] {
        let GoldenCase { inputs, out, .. } = golden_case(file, &device);
        for (name, rung) in rungs() {
            assert_close(&numbers(rung(inputs.clone())), &out, 5e-6, &format!("{name}, {file}"));
        }
    }
}

#[test]
fn the_way_back_equals_mambas_own_reference() {
    let Some(device) = card() else { return };
    for file in ["small", "L65", "groups"] {
        let GoldenCase { inputs, by_out, gradients: expected, .. } = golden_case(file, &device);
        let found = gradients(&inputs, &by_out, (&device, DType::F32), selective_scan);
        for (name, (found, expected)) in NAMES.iter().zip(found.iter().zip(&expected)) {
            assert_close(found, expected, 1e-5, &format!("{file}, the gradient by {name}"));
        }
    }
}

#[test]
fn the_way_back_equals_that_of_the_composed_scan() {
    let Some(device) = card() else { return };
    // The last is long enough to be cut into chunks.
    for shape in [[2, 15, 5, 1, 5], [1, 17, 33, 1, 6], [1, 140, 6, 2, 16]] {
        let inputs = example(shape, &device);
        let weights = numbers(noise([shape[0] * shape[1] * shape[2]], 9, &Device::flex()));
        let like = (&Device::flex(), DType::F64);
        let expected = gradients(&inputs, &weights, like, selective_scan_composed);
        let found = gradients(&inputs, &weights, (&device, DType::F32), selective_scan);
        for (name, (found, expected)) in NAMES.iter().zip(found.iter().zip(&expected)) {
            assert_close(found, expected, 1e-5, &format!("{shape:?}, the gradient by {name}"));
        }
    }
    let long = Sizes { batch: 1, length: 140, d_inner: 6, groups: 2, d_state: 16 };
    assert!(Division::suited(long, Plan::within(16, 32 << 10).unwrap()).chunks > 1);
}

#[test]
fn a_scan_goes_on_from_where_it_ended() {
    let Some(device) = card() else { return };
    let inputs = example([2, 150, 5, 1, 16], &device);
    let expected = reference(&inputs);
    let part = |first: usize, count: usize| {
        let cut = |wave: &Tensor<3>| wave.clone().narrow(1, first, count);
        let rows = |rows: &Tensor<4>| rows.clone().narrow(1, first, count);
        ScanInputs {
            u: cut(&inputs.u),
            delta: cut(&inputs.delta),
            z: cut(&inputs.z),
            b: rows(&inputs.b),
            c: rows(&inputs.c),
            ..inputs.clone()
        }
    };
    let mut state = Tensor::zeros([2, 5, 16], &device);
    let mut parts = Vec::new();
    // One step, many in chunks, and a few.
    for (first, count) in [(0, 1), (1, 140), (141, 9)] {
        let (y, last) = selective_scan_from(part(first, count), state.clone());
        // Who has the state still has it: a scan does not write into what it was given.
        if first == 1 {
            assert_eq!(
                numbers(selective_scan_from(part(first, count), state).0),
                numbers(y.clone())
            );
        }
        parts.push(y);
        state = last;
    }
    assert_close(&numbers(Tensor::cat(parts, 1)), &expected, 5e-6, "three parts");
}

#[test]
fn a_small_step_keeps_its_digits_on_the_card() {
    let Some(device) = card() else { return };
    // With a = 0, u = B = C = 1 and no gate but SiLU(1), y_0 is Δ.
    for raw in [-20.0_f32, -12.0, -5.0, -1.0, 0.0, 1.0, 30.0] {
        let inputs = ScanInputs {
            u: Tensor::ones([1, 1, 1], &device),
            delta: Tensor::full([1, 1, 1], raw, &device),
            a: Tensor::zeros([1, 1], &device),
            b: Tensor::ones([1, 1, 1, 1], &device),
            c: Tensor::ones([1, 1, 1, 1], &device),
            d: Tensor::zeros([1], &device),
            z: Tensor::ones([1, 1, 1], &device),
            delta_bias: Tensor::zeros([1], &device),
        };
        let raw = f64::from(raw);
        let expected = (raw.max(0.0) + (-raw.abs()).exp().ln_1p()) / (1.0 + (-1_f64).exp());
        for (name, rung) in rungs().into_iter().skip(1) {
            let found = numbers(rung(inputs.clone()))[0];
            assert!((found / expected - 1.0).abs() < 1e-5, "{name}, {raw}: {found} for {expected}");
        }
        // The trap: the card's ln(1 + w) has lost them.
        let naive = numbers(rung_0(inputs))[0];
        assert_eq!((naive / expected - 1.0).abs() > 1e-3, raw < -10.0, "{raw}: {naive}");
    }
}

#[test]
fn extreme_numbers_stay_finite() {
    let Some(device) = card() else { return };
    let calm = example([1, 20, 6, 1, 16], &device);
    let extremes = [-1e30_f32, -1e4, -100.0, 0.0, 90.0, 1e4];
    let wave: Vec<f32> = extremes.iter().copied().cycle().take(120).collect();
    let wave = Tensor::<3>::from_data(TensorData::new(wave, [1, 20, 6]), &device);
    let inputs = ScanInputs { delta: wave.clone(), z: wave, ..calm };
    let y = numbers(selective_scan(inputs.clone()));
    assert!(y.iter().all(|y| y.is_finite()), "{y:?}");
    let found = gradients(&inputs, &[1.0; 120], (&device, DType::F32), selective_scan);
    for (name, found) in NAMES.iter().zip(found) {
        assert!(found.iter().all(|number| number.is_finite()), "the gradient by {name}");
    }
}

#[test]
fn nothing_comes_of_nothing_on_the_card() {
    let Some(device) = card() else { return };
    for shape in [[1, 0, 3, 1, 2], [0, 4, 3, 1, 2]] {
        let inputs = example(shape, &device);
        assert!(numbers(selective_scan(inputs.clone())).is_empty());
        let found = gradients(&inputs, &[], (&device, DType::F32), selective_scan);
        assert!(found[2].iter().all(|by_a| *by_a == 0.0) && found[2].len() == 6);
    }
    let state = noise([1, 3, 2], 8, &device);
    let (y, last) = selective_scan_from(example([1, 0, 3, 1, 2], &device), state.clone());
    assert!(numbers(y).is_empty());
    assert_eq!(numbers(last), numbers(state));
}

#[test]
fn more_states_than_a_workgroup_can_share_are_scanned_all_the_same() {
    let Some(device) = card() else { return };
    let inputs = example([1, 3, 2, 1, 2048], &device);
    let expected = reference(&inputs);
    assert_close(&numbers(selective_scan(inputs)), &expected, 1e-5, "2048 states");
}

proptest! {
    #[test]
    fn a_division_fits_the_card_and_leaves_no_chunk_idle(
        batch in 1..100_usize,
        length in 1..100_000_usize,
        d_inner in 1..10_000_usize,
        d_state in 1..300_usize,
        shared in 1_usize..200_000,
    ) {
        let sizes = Sizes { batch, length, d_inner, groups: 1, d_state };
        if let Some(plan) = Plan::within(d_state, shared) {
            prop_assert!(plan.shared_bytes() <= shared);
            prop_assert!(plan.d_state == d_state && d_state % plan.lanes == 0);
            prop_assert!(plan.steps % plan.lanes == 0);
            let Division { chunks, .. } = Division::suited(sizes, plan);
            prop_assert!(chunks >= 1 && (chunks == 1 || length >= 4 * plan.steps * chunks));
        }
    }
}
