//! What is claimed of the selective scan: one recurrence, written five ways, there and back.

use burn::tensor::{DType, Device, Tensor, TensorData};
use discretization::diagonalization::{DiagonalSystem, ScalarStep};
use discretization::exponential_integrators::{Token, selective_states};
use discretization::zero_order_hold::expm1_ratio;
use mamba::scan_on_cpu::{self as cpu, STRETCH, WIDTH};
use mamba::scan_operations::{ScanInputs, selective_scan_composed, selective_scan_from};
use mamba::selective_scan::{
    Outcome, ScanGradients, ScanSlices, SelectiveScanError, Sizes, selective_scan,
    selective_scan_adjoint, selective_scan_parallel, silu,
};
use mamba::{scan_operations, selective_scan as page};
use ml_links::dual_computation::convolve;
use ml_links::parameterization::{normal, softplus};
use ml_links::scans::{Affine, scan_blelloch, scan_chunked, scan_hillis_steele};
use ml_links::testing::{apart, card, numbers};
use nalgebra::{Complex, DMatrix, DVector};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use s4::diagonal::vandermonde_kernel;

use crate::common::golden;

/// What a scan reads, owned: u, delta, a, b, c, d, z, delta_bias.
#[derive(Clone)]
struct Case<T> {
    sizes: Sizes,
    parts: [Vec<T>; 8],
}

const NAMES: [&str; 8] = ["u", "delta", "A", "B", "C", "D", "z", "delta_bias"];

impl<T> Case<T> {
    fn slices(&self) -> ScanSlices<'_, T> {
        let [u, delta, a, b, c, d, z, delta_bias] = &self.parts;
        ScanSlices { sizes: self.sizes, u, delta, a, b, c, d, z, delta_bias }
    }
}

impl Case<f64> {
    /// Normal numbers, with rates from 0 downwards and steps about those of a fresh Mamba.
    fn random(sizes: Sizes, seed: u64) -> Self {
        let Sizes { d_inner, d_state, .. } = sizes;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |count: usize| (0..count).map(|_| normal(&mut random)).collect::<Vec<_>>();
        let parts = [
            draw(sizes.inputs()),
            draw(sizes.inputs()),
            draw(d_inner * d_state).into_iter().map(|a| -3.0 * a.abs()).collect(),
            draw(sizes.rows()),
            draw(sizes.rows()),
            draw(d_inner),
            draw(sizes.inputs()),
            draw(d_inner).into_iter().map(|bias| bias - 2.0).collect(),
        ];
        Self { sizes, parts }.rounded()
    }

    /// In single precision, and back: so that both precisions read the same numbers.
    fn rounded(mut self) -> Self {
        self.parts.iter_mut().flatten().for_each(|number| *number = f64::from(*number as f32));
        self
    }

    fn single(&self) -> Case<f32> {
        let parts =
            self.parts.each_ref().map(|part| part.iter().map(|number| *number as f32).collect());
        Case { sizes: self.sizes, parts }
    }

    /// Tensors on a device.
    fn tensors(&self, device: &Device, dtype: DType) -> ScanInputs {
        let Sizes { batch, length, d_inner, groups, d_state } = self.sizes;
        let [u, delta, a, b, c, d, z, delta_bias] = &self.parts;
        let of = |numbers: &Vec<f64>, shape: &[usize]| TensorData::new(numbers.clone(), shape);
        let like = (device, dtype);
        let (inputs, rows) = ([batch, length, d_inner], [batch, length, groups, d_state]);
        ScanInputs {
            u: Tensor::from_data(of(u, &inputs), like),
            delta: Tensor::from_data(of(delta, &inputs), like),
            a: Tensor::from_data(of(a, &[d_inner, d_state]), like),
            b: Tensor::from_data(of(b, &rows), like),
            c: Tensor::from_data(of(c, &rows), like),
            d: Tensor::from_data(of(d, &[d_inner]), like),
            z: Tensor::from_data(of(z, &inputs), like),
            delta_bias: Tensor::from_data(of(delta_bias, &[d_inner]), like),
        }
    }

    fn reference(&self) -> Outcome {
        selective_scan(&self.slices(), &vec![0.0; self.sizes.states()]).unwrap()
    }

    fn gradients(&self, gradient: &[f64]) -> [Vec<f64>; 8] {
        let rest = vec![0.0; self.sizes.states()];
        let ScanGradients { u, delta, a, b, c, d, z, delta_bias, .. } =
            selective_scan_adjoint(&self.slices(), &rest, gradient).unwrap();
        [u, delta, a, b, c, d, z, delta_bias]
    }
}

/// `[batch, channels, length]` with time before channels.
fn turned(numbers: &[f64], [batch, channels, length]: [usize; 3]) -> Vec<f64> {
    let at = |i: usize| {
        let (sequence, k, channel) = (i / channels / length, i / channels % length, i % channels);
        numbers[(sequence * channels + channel) * length + k]
    };
    (0..batch * channels * length).map(at).collect()
}

/// A golden file: the case, what it says, its last state, the gradient by what it says, and the gradients by its parts.
struct GoldenCase {
    case: Case<f64>,
    out: Vec<f64>,
    last_state: Vec<f64>,
    dout: Vec<f64>,
    gradients: [Vec<f64>; 8],
}

fn golden_case(name: &str) -> GoldenCase {
    let file = golden(&format!("selective_scan_{name}.safetensors"));
    let shape = |name: &str| file.tensor(name).0;
    let (u, a, b) = (shape("in.u"), shape("in.A"), shape("in.B"));
    let groups = if b.len() == 4 { b[1] } else { 1 };
    let sizes = Sizes { batch: u[0], length: u[2], d_inner: u[1], groups, d_state: a[1] };
    let inputs = |name: &str| turned(&file.numbers(name), [u[0], u[1], u[2]]);
    let rows = |name: &str| turned(&file.numbers(name), [u[0], groups * a[1], u[2]]);
    let parts = |of: &str| {
        NAMES.map(|name| match name {
            "u" | "delta" | "z" => inputs(&format!("{of}.{name}")),
            "B" | "C" => rows(&format!("{of}.{name}")),
            _ => file.numbers(&format!("{of}.{name}")),
        })
    };
    GoldenCase {
        case: Case { sizes, parts: parts("in") },
        out: inputs("out"),
        last_state: file.numbers("last_state"),
        dout: inputs("dout"),
        gradients: parts("grad"),
    }
}

const GOLDEN: [&str; 3] = ["small", "L65", "groups"];

/// Closeness relative to the largest number.
#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    if expected.iter().all(|number| *number == 0.0) {
        assert!(found.iter().all(|number| number.abs() <= tolerance), "{what}: not 0 everywhere");
        return;
    }
    let off = apart(found, expected);
    assert!(off <= tolerance, "{what}: off by {off:e} of the largest number");
}

/// What a function of tensors says, and the gradients of `Σ gradient · y` by all that goes in.
fn there_and_back(
    case: &Case<f64>,
    gradient: &[f64],
    (device, dtype): (&Device, DType),
    scan: impl Fn(ScanInputs) -> Tensor<3>,
) -> (Vec<f64>, [Vec<f64>; 8]) {
    let device = device.clone().autodiff();
    let inputs = case.tensors(&device, dtype);
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
    let weights = TensorData::new(gradient.to_vec(), y.dims());
    let weights = Tensor::<3>::from_data(weights, (&device, dtype));
    let by = (y.clone() * weights).sum().backward();
    let by = [
        numbers(inputs.u.grad(&by).unwrap()),
        numbers(inputs.delta.grad(&by).unwrap()),
        numbers(inputs.a.grad(&by).unwrap()),
        numbers(inputs.b.grad(&by).unwrap()),
        numbers(inputs.c.grad(&by).unwrap()),
        numbers(inputs.d.grad(&by).unwrap()),
        numbers(inputs.z.grad(&by).unwrap()),
        numbers(inputs.delta_bias.grad(&by).unwrap()),
    ];
    (numbers(y.inner()), by)
}

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| normal(&mut random)).collect()
}

fn sizes([batch, length, d_inner, groups, d_state]: [usize; 5]) -> Sizes {
    Sizes { batch, length, d_inner, groups, d_state }
}

/// Around the width of a task and the length of a stretch; groups whose borders cut a task; one state and many.
const SHAPES: [[usize; 5]; 11] = [
    [1, 1, 1, 1, 1],
    [2, 3, 5, 1, 4],
    [1, STRETCH - 1, WIDTH, 1, 16],
    [1, STRETCH, WIDTH + 1, 1, 16],
    [2, STRETCH + 1, 2 * WIDTH - 1, 1, 3],
    [1, 2 * STRETCH + 7, 7, 7, 2],
    [3, 17, 96, 1, 16],
    [1, 40, 3 * WIDTH, 2, 5],
    [2, 9, 12, 3, 64],
    [5, 2, 130, 1, 8],
    [1, 200, 4, 2, 1],
];

// ---------------------------------------------------------------------------------------------
// The reference
// ---------------------------------------------------------------------------------------------

#[test]
fn reference_equals_mambas_own_reference() {
    for name in GOLDEN {
        let GoldenCase { case, out, last_state, .. } = golden_case(name);
        let Outcome { y, state } = case.reference();
        assert_close(&y, &out, 1e-13, &format!("{name}, the outcome"));
        assert_close(&state, &last_state, 1e-13, &format!("{name}, the last state"));
    }
}

#[test]
fn hand_derived_gradients_equal_those_of_mambas_own_reference() {
    for name in GOLDEN {
        let GoldenCase { case, dout, gradients, .. } = golden_case(name);
        for (part, (found, expected)) in
            NAMES.iter().zip(case.gradients(&dout).iter().zip(&gradients))
        {
            assert_close(found, expected, 1e-12, &format!("{name}, the gradient by {part}"));
        }
    }
}

/// Both sides of the equation: chapter 3's steps of any length, read and gated here, and the scan.
#[test]
fn eq_6_2_states_are_those_of_exponential_euler() {
    let case = Case::random(sizes([2, 13, 4, 2, 3]), 1);
    let Sizes { batch, length, d_inner, groups, d_state } = case.sizes;
    let [u, delta, a, b, c, d, z, bias] = &case.parts;
    let Outcome { y, state } = case.reference();
    for (sequence, channel) in (0..batch).flat_map(|s| (0..d_inner).map(move |c| (s, c))) {
        let at = |k: usize| (sequence * length + k) * d_inner + channel;
        let row = |numbers: &[f64], k: usize| {
            let group = channel / (d_inner / groups);
            let row = (sequence * length + k) * groups + group;
            DVector::from_column_slice(&numbers[row * d_state..][..d_state])
        };
        let token = |k: usize| Token {
            a: DVector::from_column_slice(&a[channel * d_state..][..d_state]),
            delta: softplus(delta[at(k)] + bias[channel]),
            lambda: 1.0,
            b: row(b, k),
            u: u[at(k)],
        };
        let states = selective_states(&(0..length).map(token).collect::<Vec<_>>()).unwrap();
        for (k, x) in states.iter().enumerate() {
            let read = row(c, k).dot(x) + d[channel] * u[at(k)];
            let expected = read * z[at(k)] / (1.0 + (-z[at(k)]).exp());
            assert!((y[at(k)] - expected).abs() < 1e-13, "step {k}: {} or {expected}", y[at(k)]);
        }
        let last = &state[(sequence * d_inner + channel) * d_state..][..d_state];
        assert_close(last, states[length - 1].as_slice(), 1e-14, "the last state");
    }
}

#[test]
fn gradients_equal_differences_of_the_loss() {
    let case = Case::random(sizes([2, 5, 4, 2, 3]), 2);
    let (weights, initial) = (noise(case.sizes.inputs(), 3), noise(case.sizes.states(), 4));
    let loss = |case: &Case<f64>, initial: &[f64]| -> f64 {
        let y = selective_scan(&case.slices(), initial).unwrap().y;
        y.iter().zip(&weights).map(|(y, weight)| y * weight).sum()
    };
    let ScanGradients { u, delta, a, b, c, d, z, delta_bias, initial: by_initial } =
        selective_scan_adjoint(&case.slices(), &initial, &weights).unwrap();
    let h = 1e-5;
    let agree = |gradient: f64, up: f64, down: f64, what: &str| {
        let difference = (up - down) / (2.0 * h);
        // What a central difference leaves out is of the order h², what it rounds away of 1e-16 / h.
        assert!(
            (difference - gradient).abs() < 2e-8 * (1.0 + gradient.abs()),
            "{what}: by hand {gradient}, by difference {difference}"
        );
    };
    for (part, gradients) in [u, delta, a, b, c, d, z, delta_bias].iter().enumerate() {
        for (i, gradient) in gradients.iter().enumerate() {
            let (mut up, mut down) = (case.clone(), case.clone());
            up.parts[part][i] += h;
            down.parts[part][i] -= h;
            let what = format!("{} at {i}", NAMES[part]);
            agree(*gradient, loss(&up, &initial), loss(&down, &initial), &what);
        }
    }
    for (i, gradient) in by_initial.iter().enumerate() {
        let (mut up, mut down) = (initial.clone(), initial.clone());
        up[i] += h;
        down[i] -= h;
        agree(*gradient, loss(&case, &up), loss(&case, &down), &format!("initial state at {i}"));
    }
}

// ---------------------------------------------------------------------------------------------
// In parallel
// ---------------------------------------------------------------------------------------------

type Prefixes = dyn Fn(&[Affine<f64>]) -> Vec<Affine<f64>>;

#[test]
fn tree_scan_equals_loop() {
    fn then(one: &Affine<f64>, next: &Affine<f64>) -> Affine<f64> {
        one.then(*next)
    }
    for length in [1, 2, 3, 31, 64, 100] {
        let mut case = Case::random(sizes([2, length, 3, 1, 2]), length as u64);
        // Rates of both signs, and a state that nothing forgets.
        case.parts[2][0] = 0.4;
        case.parts[2][1] = 0.0;
        let initial = noise(case.sizes.states(), 9);
        let expected = selective_scan(&case.slices(), &initial).unwrap();
        let scans: [(&str, &Prefixes); 3] = [
            ("Blelloch", &|maps| scan_blelloch(maps, then)),
            ("Hillis and Steele", &|maps| scan_hillis_steele(maps, then)),
            ("pieces", &|maps| scan_chunked(maps, 4, then)),
        ];
        for (name, scan) in scans {
            let found = selective_scan_parallel(&case.slices(), &initial, scan).unwrap();
            assert_close(&found.y, &expected.y, 1e-13, &format!("{name}, {length} steps"));
            assert_close(&found.state, &expected.state, 1e-13, &format!("{name}, the last state"));
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Fused
// ---------------------------------------------------------------------------------------------

#[test]
fn fused_scan_equals_mambas_own_reference_there_and_back() {
    for name in GOLDEN {
        let GoldenCase { case, out, last_state, dout, gradients } = golden_case(name);
        let device = Device::flex();
        let (y, by) =
            there_and_back(&case, &dout, (&device, DType::F32), scan_operations::selective_scan);
        assert_close(&y, &out, 1e-6, &format!("{name}, the outcome"));
        for (part, (found, expected)) in NAMES.iter().zip(by.iter().zip(&gradients)) {
            assert_close(found, expected, 3e-6, &format!("{name}, the gradient by {part}"));
        }
        let Sizes { batch, d_inner, d_state, .. } = case.sizes;
        let rest = Tensor::zeros([batch, d_inner, d_state], &device);
        let (y, state) = selective_scan_from(case.tensors(&device, DType::F32), rest);
        assert_close(&numbers(y), &out, 1e-6, &format!("{name}, the outcome from rest"));
        assert_close(&numbers(state), &last_state, 1e-6, &format!("{name}, the last state"));
    }
}

#[test]
fn fused_scan_equals_the_loop_for_any_shape() {
    for shape in SHAPES {
        let case = Case::random(sizes(shape), 5);
        let single = case.single();
        let mut state = vec![0.0; case.sizes.states()];
        let y = cpu::selective_scan(&single.slices(), &mut state);
        let expected = case.reference();
        let double = |numbers: &[f32]| numbers.iter().copied().map(f64::from).collect::<Vec<_>>();
        assert_close(&double(&y), &expected.y, 1e-6, &format!("{shape:?}"));
        assert_close(&double(&state), &expected.state, 1e-6, &format!("{shape:?}, last state"));

        let gradient: Vec<f32> =
            noise(case.sizes.inputs(), 6).iter().map(|number| *number as f32).collect();
        let (kept_y, kept) = cpu::selective_scan_kept(&single.slices());
        assert_eq!(kept_y, y, "{shape:?}: what is kept changes nothing");
        let by = cpu::selective_scan_adjoint(&single.slices(), &kept, &gradient);
        let found = [by.u, by.delta, by.a, by.b, by.c, by.d, by.z, by.delta_bias];
        let expected = case.gradients(&double(&gradient));
        for (part, (found, expected)) in NAMES.iter().zip(found.iter().zip(&expected)) {
            let what = format!("{shape:?}, the gradient by {part}");
            assert_close(&double(found), expected, 3e-6, &what);
        }
    }
}

#[test]
fn fused_gradient_by_the_initial_state_is_the_loops() {
    let case = Case::random(sizes([2, 2 * STRETCH + 1, 5, 1, 3]), 7);
    let gradient = noise(case.sizes.inputs(), 8);
    let single: Vec<f32> = gradient.iter().map(|number| *number as f32).collect();
    let case_single = case.single();
    let (_, kept) = cpu::selective_scan_kept(&case_single.slices());
    let found = cpu::selective_scan_adjoint(&case_single.slices(), &kept, &single).initial;
    let rest = vec![0.0; case.sizes.states()];
    let expected = selective_scan_adjoint(&case.slices(), &rest, &gradient).unwrap().initial;
    let found: Vec<f64> = found.into_iter().map(f64::from).collect();
    assert_close(&found, &expected, 3e-6, "the gradient by the initial state");
}

type Scan = fn(ScanInputs) -> Tensor<3>;

#[test]
fn composed_scan_differentiates_itself_to_the_same_gradients() {
    let device = Device::flex();
    for shape in [[1, 1, 1, 1, 1], [2, 7, 6, 2, 3]] {
        let case = Case::random(sizes(shape), 10);
        let gradient = noise(case.sizes.inputs(), 11);
        let expected = (case.reference().y, case.gradients(&gradient));
        // In double precision the operation itself goes the composed way.
        let ways: [(&str, DType, f64, Scan); 2] = [
            ("single", DType::F32, 3e-6, selective_scan_composed),
            ("double", DType::F64, 1e-12, scan_operations::selective_scan),
        ];
        for (name, dtype, tolerance, scan) in ways {
            let (y, by) = there_and_back(&case, &gradient, (&device, dtype), scan);
            assert_close(&y, &expected.0, tolerance, &format!("{name}, {shape:?}"));
            for (part, (found, expected)) in NAMES.iter().zip(by.iter().zip(&expected.1)) {
                let what = format!("{name}, {shape:?}, the gradient by {part}");
                assert_close(found, expected, tolerance, &what);
            }
        }
    }
}

#[test]
fn a_graphics_card_scans_as_the_processor_does() {
    let Some(card) = card() else { return };
    for shape in [[1, 5, 3, 1, 4], [2, 33, 40, 2, 16]] {
        let case = Case::random(sizes(shape), 12);
        let gradient = noise(case.sizes.inputs(), 13);
        let (y, by) =
            there_and_back(&case, &gradient, (&card, DType::F32), scan_operations::selective_scan);
        assert_close(&y, &case.reference().y, 1e-5, &format!("{shape:?}"));
        for (part, (found, expected)) in NAMES.iter().zip(by.iter().zip(&case.gradients(&gradient)))
        {
            assert_close(found, expected, 1e-5, &format!("{shape:?}, the gradient by {part}"));
        }
    }
}

#[test]
fn what_comes_out_does_not_depend_on_the_number_of_threads() {
    let case = Case::random(sizes([3, 70, 100, 1, 4]), 14).single();
    let gradient = vec![1.0; case.sizes.inputs()];
    let run = || {
        let (y, kept) = cpu::selective_scan_kept(&case.slices());
        (y, cpu::selective_scan_adjoint(&case.slices(), &kept, &gradient))
    };
    let with = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
    };
    assert_eq!(with(1), with(5));
}

#[test]
fn only_what_is_trained_has_a_gradient() {
    let case = Case::random(sizes([1, 6, 4, 1, 3]), 15);
    let gradient = vec![1.0; case.sizes.inputs()];
    let expected = case.gradients(&gradient);
    // The rates are trained; all else is data on a device that does not differentiate.
    let mut inputs = case.tensors(&Device::flex(), DType::F32);
    let rates = case.tensors(&Device::flex().autodiff(), DType::F32).a.require_grad();
    inputs.a = rates.clone();
    let by = scan_operations::selective_scan(inputs.clone()).sum().backward();
    let found = numbers(rates.grad(&by).unwrap());
    assert_close(&found, &expected[2], 3e-6, "the gradient by the rates");
    assert!(inputs.u.grad(&by).is_none());
}

#[test]
fn the_order_in_memory_does_not_matter() {
    let case = Case::random(sizes([2, 9, 5, 1, 3]), 16);
    let device = Device::flex();
    let plain = case.tensors(&device, DType::F32);
    let turn = |tensor: Tensor<3>| {
        let turned = tensor.swap_dims(1, 2).into_data();
        Tensor::<3>::from_data(turned, &device).swap_dims(1, 2)
    };
    let mut inputs = plain.clone();
    (inputs.u, inputs.delta, inputs.z) = (turn(inputs.u), turn(inputs.delta), turn(inputs.z));
    inputs.b = Tensor::cat(vec![inputs.b.clone(), inputs.b], 3).narrow(3, 3, 3);
    let y = numbers(scan_operations::selective_scan(inputs));
    assert_eq!(y, numbers(scan_operations::selective_scan(plain)));
}

// ---------------------------------------------------------------------------------------------
// What follows
// ---------------------------------------------------------------------------------------------

/// The steps `from..to` of tensors.
fn part(inputs: &ScanInputs, from: usize, to: usize) -> ScanInputs {
    let mut part = inputs.clone();
    for tensor in [&mut part.u, &mut part.delta, &mut part.z] {
        *tensor = tensor.clone().narrow(1, from, to - from);
    }
    for tensor in [&mut part.b, &mut part.c] {
        *tensor = tensor.clone().narrow(1, from, to - from);
    }
    part
}

#[test]
fn a_sequence_cut_anywhere_goes_on_where_it_was() {
    let case = Case::random(sizes([2, 70, 40, 2, 5]), 17);
    for dtype in [DType::F32, DType::F64] {
        let inputs = case.tensors(&Device::flex(), dtype);
        let tolerance = if dtype == DType::F32 { 1e-6 } else { 1e-14 };
        let expected = case.reference();
        for cuts in [vec![0, 70], vec![0, 1, 70], vec![0, 33, 34, 69, 70]] {
            let mut state = Tensor::zeros([2, 40, 5], (&Device::flex(), dtype));
            let mut pieces = Vec::new();
            for cut in cuts.windows(2) {
                let (y, last) = selective_scan_from(part(&inputs, cut[0], cut[1]), state);
                pieces.push(y);
                state = last;
            }
            let y = numbers(Tensor::cat(pieces, 1));
            assert_close(&y, &expected.y, tolerance, &format!("cut at {cuts:?}"));
            assert_close(&numbers(state), &expected.state, tolerance, "the last state");
        }
    }
}

/// One channel whose δ, B and C do not depend on the token, with a gate that changes nothing.
fn time_invariant(length: usize, d_state: usize) -> Case<f64> {
    let mut case = Case::random(sizes([1, length, 1, 1, d_state]), 18);
    let [_, delta, _, b, c, d, z, _] = &mut case.parts;
    delta.fill(0.3);
    d.fill(0.0);
    z.fill(1.0);
    for row in [b, c] {
        let first = row[..d_state].to_vec();
        row.chunks_exact_mut(d_state).for_each(|step| step.copy_from_slice(&first));
    }
    case
}

/// Then it is a kernel: that of chapter 3's modes with exponential Euler, and chapter 5's S4D with a held input whose B has
/// absorbed what the two rules differ by.
#[test]
fn constant_delta_makes_mamba_an_s4d() {
    let (length, d_state) = (50, 6);
    let case = time_invariant(length, d_state);
    let [u, delta, a, b, c, _, _, bias] = &case.parts;
    let step = softplus(delta[0] + bias[0]);
    let y: Vec<f64> = case.reference().y.iter().map(|y| y / silu(1.0)).collect();

    let lambda = DVector::from_iterator(d_state, a.iter().map(|a| Complex::new(*a, 0.0)));
    let row = |numbers: &[f64]| numbers[..d_state].iter().map(|b| Complex::new(*b, 0.0)).collect();
    let system = |b: Vec<Complex<f64>>| DiagonalSystem {
        b: DMatrix::from_vec(d_state, 1, b),
        c: DMatrix::from_vec(1, d_state, row(c)),
        d: DMatrix::zeros(1, 1),
        weight: DVector::from_element(d_state, 1.0),
        lambda: lambda.clone(),
    };
    let first = |recurrence: discretization::diagonalization::DiagonalRecurrence| -> Vec<f64> {
        recurrence.kernel(length).iter().map(|k| k[(0, 0)]).collect()
    };
    let euler = first(system(row(b)).discretize(ScalarStep::exponential_euler, step).unwrap());
    assert_close(&y, &convolve(&euler, u), 1e-13, "a convolution with chapter 3's kernel");

    // S4D holds its input. As long as Δ is one number, B can absorb what the two rules differ by.
    let held = |n: usize| expm1_ratio(step * a[n]);
    let absorbed = (0..d_state).map(|n| Complex::new(b[n] / held(n), 0.0)).collect();
    let s4d = first(system(absorbed).discretize(ScalarStep::zero_order_hold, step).unwrap());
    assert_close(&y, &convolve(&s4d, u), 1e-13, "a convolution with the kernel of a held input");
    // Chapter 5 makes that kernel of modes and weights, and doubles what is read, as for a pair.
    let weights = DVector::from_fn(d_state, |n, _| Complex::new(0.5 * c[n] * step * b[n], 0.0));
    let s4d = vandermonde_kernel(&weights, &(lambda * Complex::new(step, 0.0)), length).unwrap();
    assert_close(&y, &convolve(&s4d, u), 1e-13, "a convolution with S4D's kernel");
}

/// And the other way round: where Δ depends on the token, no kernel says what the scan says.
#[test]
fn no_kernel_does_what_a_changing_delta_does() {
    let mut case = time_invariant(20, 3);
    let answer = |case: &Case<f64>| case.reference().y;
    let struck_at = |case: &Case<f64>, k: usize| {
        let mut case = case.clone();
        case.parts[0].fill(0.0);
        case.parts[0][k] = 1.0;
        answer(&case)
    };
    let (early, late) = (struck_at(&case, 2), struck_at(&case, 5));
    assert_close(&early[2..17], &late[5..20], 1e-14, "time-invariant: the echo is the same, later");
    case.parts[1][5] = 3.0;
    let (early, late) = (struck_at(&case, 2), struck_at(&case, 5));
    assert!(apart(&early[2..17], &late[5..20]) > 0.5);
}

#[test]
fn padding_with_zeros_still_forgets() {
    // One real step, then three of zeros, with a bias as a fresh Mamba has it and with a large one.
    for (bias, left) in [(-4.6, 0.97), (1.0, 0.02)] {
        let mut case = Case::random(sizes([1, 4, 1, 1, 1]), 19);
        let [u, delta, a, b, _, _, _, delta_bias] = &mut case.parts;
        *u = vec![1.0, 0.0, 0.0, 0.0];
        delta.fill(0.0);
        (a[0], b[0], delta_bias[0]) = (-1.0, 1.0, bias);
        let after_one = softplus(bias);
        let last = case.reference().state[0];
        let expected = after_one * (-3.0 * softplus(bias)).exp();
        assert!((last - expected).abs() < 1e-15);
        assert!((last / after_one - left).abs() < 0.01, "{}", last / after_one);

        // A step of no length is what does nothing: its δ is as far below zero as there are numbers.
        case.parts[1][1..].fill(f64::NEG_INFINITY);
        assert_eq!(case.reference().state[0], after_one);
        let (single, mut state) = (case.single(), [0.0]);
        cpu::selective_scan(&single.slices(), &mut state);
        assert!((f64::from(state[0]) - after_one).abs() < 1e-6 * after_one);
    }
}

#[test]
fn zeros_and_numbers_of_any_sign_are_scanned() {
    // Rates above zero grow, a rate of zero adds up, inputs and readers of zero are heard as such.
    let mut case = Case::random(sizes([2, 45, 35, 1, 4]), 20);
    for (i, rate) in case.parts[2].iter_mut().enumerate() {
        *rate = [0.0, 0.3, -0.5, -40.0][i % 4];
    }
    for part in [0, 3, 4, 6] {
        case.parts[part].iter_mut().step_by(3).for_each(|number| *number = 0.0);
    }
    let case = case.rounded();
    let (single, gradient) = (case.single(), noise(case.sizes.inputs(), 21));
    let mut state = vec![0.0; case.sizes.states()];
    let y = cpu::selective_scan(&single.slices(), &mut state);
    let expected = case.reference();
    let double = |numbers: &[f32]| numbers.iter().copied().map(f64::from).collect::<Vec<_>>();
    assert_close(&double(&y), &expected.y, 5e-6, "the outcome");
    assert_close(&double(&state), &expected.state, 5e-6, "the last state");
    let (_, kept) = cpu::selective_scan_kept(&single.slices());
    let weights: Vec<f32> = gradient.iter().map(|number| *number as f32).collect();
    let by = cpu::selective_scan_adjoint(&single.slices(), &kept, &weights);
    let found = [by.u, by.delta, by.a, by.b, by.c, by.d, by.z, by.delta_bias];
    for (part, (found, expected)) in NAMES.iter().zip(found.iter().zip(&case.gradients(&gradient)))
    {
        assert_close(&double(found), expected, 2e-5, &format!("the gradient by {part}"));
    }
}

#[test]
fn extreme_steps_stay_finite_there_and_back() {
    let mut case = Case::random(sizes([1, 40, 8, 1, 4]), 22);
    let extremes = [-1e30, -1e4, -100.0, 0.0, 90.0, 1e4];
    for part in [1, 6] {
        let extremes = extremes.iter().cycle();
        case.parts[part].iter_mut().zip(extremes).for_each(|(number, extreme)| *number = *extreme);
    }
    let rates = [-1e-30, -1.0, -1e5, -1e30];
    case.parts[2].iter_mut().zip(rates.iter().cycle()).for_each(|(a, rate)| *a = *rate);
    let single = case.single();
    let (y, kept) = cpu::selective_scan_kept(&single.slices());
    assert!(y.iter().all(|y| y.is_finite()), "the outcome");
    let by = cpu::selective_scan_adjoint(&single.slices(), &kept, &vec![1.0; y.len()]);
    let found = [by.u, by.delta, by.a, by.b, by.c, by.d, by.z, by.delta_bias];
    for (name, part) in NAMES.iter().zip(found) {
        assert!(part.iter().all(|number| number.is_finite()), "the gradient by {name}");
    }
}

#[test]
fn what_is_no_number_is_not_hidden() {
    let mut case = Case::random(sizes([1, 5, 3, 1, 2]), 23).single();
    case.parts[1][4] = f32::NAN;
    let y = cpu::selective_scan(&case.slices(), &mut [0.0; 6]);
    // Step 1 of channel 1, and all of that channel after it.
    let lost: Vec<usize> = (0..y.len()).filter(|&at| y[at].is_nan()).collect();
    assert_eq!(lost, [4, 7, 10, 13]);
}

#[test]
fn nothing_comes_of_nothing() {
    for shape in [[0, 3, 4, 1, 2], [2, 0, 4, 1, 2]] {
        let case = Case::random(sizes(shape), 24);
        let Outcome { y, state } = case.reference();
        assert!(y.is_empty() && state.iter().all(|x| *x == 0.0));
        let device = Device::flex();
        let (y, by) =
            there_and_back(&case, &[], (&device, DType::F32), scan_operations::selective_scan);
        assert!(y.is_empty());
        assert!(by[2].iter().all(|number| *number == 0.0), "{shape:?}");
        let composed = selective_scan_composed(case.tensors(&device, DType::F32));
        assert_eq!(composed.dims(), [shape[0], shape[1], shape[2]]);
    }
}

// ---------------------------------------------------------------------------------------------
// What is refused
// ---------------------------------------------------------------------------------------------

#[test]
fn slices_that_do_not_fit_are_refused_in_sentences() {
    let case = Case::random(sizes([1, 2, 4, 2, 3]), 25);
    let sentence = |change: &dyn Fn(&mut Case<f64>)| {
        let mut case = case.clone();
        change(&mut case);
        let rest = vec![0.0; case.sizes.states()];
        let error = selective_scan(&case.slices(), &rest).unwrap_err();
        let by_tree = |maps: &[Affine<f64>]| maps.to_vec();
        assert_eq!(selective_scan_parallel(&case.slices(), &rest, by_tree), Err(error.clone()));
        assert_eq!(selective_scan_adjoint(&case.slices(), &rest, &[]), Err(error.clone()));
        error.to_string()
    };
    let found = sentence(&|case| case.parts[3].truncate(11));
    assert_eq!(found, "expected b to have 12 numbers, found 11");
    let found = sentence(&|case| case.parts[7].push(0.0));
    assert_eq!(found, "expected delta_bias to have 4 numbers, found 5");
    let found = sentence(&|case| case.sizes.groups = 3);
    assert_eq!(found, "expected groups of equally many channels, found 3 groups of 4 channels");
    let found = sentence(&|case| case.sizes.groups = 0);
    assert_eq!(found, "expected groups of equally many channels, found 0 groups of 4 channels");
    let found = sentence(&|case| case.sizes.d_state = 0);
    assert_eq!(found, "expected at least one state for each channel, found none");
    let error = selective_scan(&case.slices(), &[0.0]).unwrap_err();
    assert_eq!(error, SelectiveScanError::Length { name: "initial", expected: 12, found: 1 });
    let error = selective_scan_adjoint(&case.slices(), &[0.0; 12], &[0.0]).unwrap_err();
    assert_eq!(error.to_string(), "expected gradient to have 8 numbers, found 1");
    assert!(page::selective_scan(&case.slices(), &[0.0; 12]).is_ok());
}

#[test]
#[should_panic(expected = "expected b to have a number for each step, group and state")]
fn tensors_that_do_not_fit_are_refused() {
    let mut inputs = Case::random(sizes([1, 2, 4, 1, 3]), 26).tensors(&Device::flex(), DType::F32);
    inputs.b = inputs.b.narrow(3, 0, 2);
    scan_operations::selective_scan(inputs);
}

#[test]
#[should_panic(expected = "expected groups of equally many channels, found 2 groups of 3 channels")]
fn groups_that_do_not_divide_the_channels_are_refused() {
    let mut inputs = Case::random(sizes([1, 2, 3, 1, 3]), 27).tensors(&Device::flex(), DType::F32);
    inputs.b = Tensor::cat(vec![inputs.b.clone(), inputs.b], 2);
    scan_operations::selective_scan(inputs);
}

#[test]
#[should_panic(expected = "expected a state for each sequence and channel")]
fn a_state_of_another_shape_is_refused() {
    let inputs = Case::random(sizes([1, 2, 3, 1, 3]), 28).tensors(&Device::flex(), DType::F32);
    selective_scan_from(inputs, Tensor::zeros([1, 3, 2], &Device::flex()));
}
