//! The two faces of a flow `Λ - PP*` as operations on tensors: its kernel, differentiable, and its steps.
//!
//! A flow is a tensor `modes` of shape `[channels, 8, pairs]`: real and imaginary parts of λ, p, b and c, for steps of 1. [`dplr_kernel`] has
//! an arithmetic of its own for [the processor](s4::dplr_on_cpu), with an adjoint derived by hand that this module registers with burn's
//! automatic differentiation. Everywhere else, and as the oracle of its tests, it is [`composed_kernel`]: burn's own operations, which
//! keep what they made for the way back, some dozens of numbers for each pair and frequency.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, Flex, TensorMetadata, backend_extension};
use burn::signal::irfft;
use burn::tensor::{DType, Device, Tensor, TensorData};
use math_foundations::fourier::root_of_unity;
use ml_links::parameterization::ComplexTensor;
use nalgebra::Complex;
use s4::dplr_on_cpu as cpu;
use s4::dplr_on_cpu::{ROWS, STEP_ROWS};

/// The kernels of many channels: `K̄_k = 2 Re cᵀĀ^k b̄`, with the bilinear step of 1.
///
/// - Shapes: `modes` `[channels, 8, pairs]`; the outcome is `[channels, length]`. Any length.
/// - On the processor: O(pairs length) a channel and O(length) memory, in f64 whatever the tensor holds. Elsewhere [`composed_kernel`].
///
/// # Panics
/// When `modes` has not eight rows, or `length` is 0.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::dplr_operations::dplr_kernel;
///
/// // x' = -2x + u: Ā = 0, b̄ = 1/2.
/// let tank = [[-2.0], [0.0], [0.0], [0.0], [1.0], [0.0], [1.0], [0.0]];
/// let kernel = dplr_kernel(Tensor::from_floats([tank], &Device::flex()), 3);
/// let kernel = kernel.into_data().to_vec::<f32>().expect("floats");
/// for (k, expected) in kernel.iter().zip([1.0, 0.0, 0.0]) {
///     assert!((k - expected).abs() < 1e-7_f32);
/// }
/// ```
pub fn dplr_kernel(modes: Tensor<3>, length: usize) -> Tensor<2> {
    check(&modes, length);
    if on_processor(&modes.device()) {
        let kernel = <Dispatch as DplrKernel>::dplr_kernel(modes.into_dispatch(), length);
        Tensor::from_dispatch(kernel)
    } else {
        composed_kernel(modes, length)
    }
}

fn check(modes: &Tensor<3>, length: usize) {
    let [_, rows, pairs] = modes.dims();
    assert_eq!(rows, ROWS, "expected the parts of λ, p, b and c as eight rows, found {rows}");
    assert!(pairs > 0, "expected at least one pair of modes, found none");
    assert!(length > 0, "expected a kernel of at least one number, found a length of 0");
}

/// Whether tensors of this device are slices of numbers in memory.
///
/// ```
/// use burn::tensor::Device;
///
/// assert!(s4::dplr_operations::on_processor(&Device::flex().autodiff()));
/// ```
pub fn on_processor(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// What a backend must do to have a kernel operation of its own.
// ANCHOR: registered
#[backend_extension(Flex, Autodiff)]
pub trait DplrKernel: Backend {
    /// The function [`dplr_kernel`] for tensors as the backend has them.
    fn dplr_kernel(modes: FloatTensor<Self>, length: usize) -> FloatTensor<Self>;
}

impl<B: DplrAdjoint> Backward<B, 1> for KernelOfModes {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            gradients.register::<B>(parent.id, B::dplr_kernel_adjoint(ops.state, gradient));
        }
    }
}
// ANCHOR_END: registered

/// The way back, for backends that compute and do not themselves differentiate.
pub trait DplrAdjoint: DplrKernel {
    /// The gradient of a loss by the modes, from its gradient by the kernels.
    fn dplr_kernel_adjoint(
        modes: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// How the gradient of a kernel is computed, once the gradient by its numbers is known.
#[derive(Debug)]
struct KernelOfModes;

impl<B: DplrAdjoint, S: CheckpointStrategy> DplrKernel for Autodiff<B, S> {
    fn dplr_kernel(modes: FloatTensor<Self>, length: usize) -> FloatTensor<Self> {
        let parent = modes.node();
        let modes = modes.into_primitive();
        let kernel = B::dplr_kernel(modes.clone(), length);
        match KernelOfModes.prepare::<S>([parent]).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish(modes, kernel),
            OpsKind::UnTracked(node) => node.finish(kernel),
        }
    }
}

/// The numbers of a tensor of any layout, row by row, in f64.
///
/// ```
/// use burn::backend::flex::FlexTensor;
/// use burn::tensor::TensorData;
///
/// let tensor = FlexTensor::from_data(TensorData::from([[1.0_f32, 2.0], [3.0, 4.0]]));
/// assert_eq!(s4::dplr_operations::flex_numbers(&tensor), [1.0, 2.0, 3.0, 4.0]);
/// ```
///
/// # Panics
/// When they are neither in single nor in double precision.
pub fn flex_numbers(tensor: &FlexTensor) -> Vec<f64> {
    let tensor = tensor.to_contiguous();
    match tensor.dtype() {
        DType::F64 => tensor.as_slice::<f64>().expect("contiguous numbers").to_vec(),
        DType::F32 => {
            let numbers = tensor.as_slice::<f32>().expect("contiguous numbers");
            numbers.iter().copied().map(f64::from).collect()
        }
        other => panic!("expected single or double precision, found {other:?}"),
    }
}

/// A tensor with the precision of another; see [`flex_numbers`] for the way there.
pub fn flex_tensor<const D: usize>(
    numbers: Vec<f64>,
    shape: [usize; D],
    like: &FlexTensor,
) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape).convert_dtype(like.dtype()))
}

impl DplrKernel for Flex {
    fn dplr_kernel(modes: FlexTensor, length: usize) -> FlexTensor {
        let [channels, _, pairs] = modes.shape().dims();
        flex_tensor(
            cpu::dplr_kernel(&flex_numbers(&modes), pairs, length),
            [channels, length],
            &modes,
        )
    }
}

impl DplrAdjoint for Flex {
    fn dplr_kernel_adjoint(modes: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let shape: [usize; 3] = modes.shape().dims();
        let by_modes =
            cpu::dplr_kernel_adjoint(&flex_numbers(&modes), shape[2], &flex_numbers(&gradient));
        flex_tensor(by_modes, shape, &modes)
    }
}

/// Steps of many channels, many rows each, on from the states in `x`.
///
/// - Shapes: `step` `[channels, 10, pairs]` of [`step_of`], `u` `[batch, channels, length]`, `x` `[batch, channels, 2, pairs]`; the
///   outcomes are y, shaped like `u`, and the last states.
/// - On the processor and outside of automatic differentiation one operation for all steps; elsewhere twenty for each.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::dplr_operations::{dplr_walk, step_of};
///
/// let device = Device::flex();
/// let tank = [[-2.0], [0.0], [0.0], [0.0], [1.0], [0.0], [1.0], [0.0]];
/// let step = step_of(&Tensor::from_floats([tank], &device));
/// let u = Tensor::from_floats([[[1.0, 0.0]]], &device);
/// let (y, _) = dplr_walk(&step, u, Tensor::zeros([1, 1, 2, 1], &device));
/// assert_eq!(y.into_data().to_vec::<f32>().expect("floats"), [1.0, 0.0]);
/// ```
pub fn dplr_walk(step: &Tensor<3>, u: Tensor<3>, x: Tensor<4>) -> (Tensor<3>, Tensor<4>) {
    let [batch, channels, length] = u.dims();
    let pairs = step.dims()[2];
    assert_eq!(step.dims(), [channels, STEP_ROWS, pairs], "expected a step for each channel");
    assert_eq!(x.dims(), [batch, channels, 2, pairs], "expected a state for each row of the input");
    let differentiates = [u.is_autodiff(), x.is_autodiff(), step.is_autodiff()].contains(&true);
    if !differentiates && on_processor(&u.device()) {
        let (y, x) = <Dispatch as DplrWalk>::dplr_walk(
            step.clone().into_dispatch(),
            u.into_dispatch(),
            x.into_dispatch(),
        );
        return (Tensor::from_dispatch(y), Tensor::from_dispatch(x));
    }
    let (mut x, mut outputs) = (x, Vec::with_capacity(length));
    for k in 0..length {
        let (y, next) = composed_step(step, u.clone().narrow(2, k, 1), x);
        outputs.push(y);
        x = next;
    }
    (if outputs.is_empty() { u } else { Tensor::cat(outputs, 2) }, x)
}

/// What a backend must do to take many steps at once.
#[backend_extension(Flex)]
pub trait DplrWalk: Backend {
    /// The function [`dplr_walk`] for tensors as the backend has them.
    fn dplr_walk(
        step: FloatTensor<Self>,
        u: FloatTensor<Self>,
        x: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl DplrWalk for Flex {
    fn dplr_walk(step: FlexTensor, u: FlexTensor, x: FlexTensor) -> (FlexTensor, FlexTensor) {
        macro_rules! walk {
            ($number:ty) => {{
                let [step, u, x] = [&step, &u, &x].map(FlexTensor::to_contiguous);
                let [step_rows, inputs, states] = [&step, &u, &x]
                    .map(|tensor| tensor.as_slice::<$number>().expect("one precision"));
                let [channels, _, pairs] = step.shape().dims();
                let mut state = states.to_vec();
                let y = cpu::walk(step_rows, inputs, &mut state, channels, pairs);
                (
                    FlexTensor::from_data(TensorData::new(y, u.shape())),
                    FlexTensor::from_data(TensorData::new(state, x.shape())),
                )
            }};
        }
        match u.dtype() {
            DType::F64 => walk!(f64),
            _ => walk!(f32),
        }
    }
}

/// Real and imaginary part of row `row` of `[channels, rows, pairs]`: `[channels, pairs]` each.
fn complex(rows: &Tensor<3>, row: usize) -> ComplexTensor<2> {
    let part = |row| rows.clone().narrow(1, row, 1).squeeze_dim(1);
    ComplexTensor { re: part(row), im: part(row + 1) }
}

fn conjugate<const D: usize>(z: &ComplexTensor<D>) -> ComplexTensor<D> {
    ComplexTensor { re: z.re.clone(), im: -z.im.clone() }
}

/// The same numbers in each column of a matrix: `[channels, pairs, 1]`.
fn columns(z: &Tensor<2>) -> Tensor<3> {
    z.clone().unsqueeze_dim(2)
}

/// A bilinear step of 1 of the flow `Λ - PP*`, as a diagonal minus a rank of one again.
///
/// ```text
/// d = 1/(1 - λ/2)      γ = λd      q = p̄d      w = dp / (1 + Re Σ |p|² d)      b̄ = db - w Re Σ p̄db
/// x_k = x_{k-1} + γ x_{k-1} - w · 2 Re qᵀx_{k-1} + b̄ u_k            y_k = 2 Re cᵀx_k
/// ```
///
/// - Shapes: `modes` `[channels, 8, pairs]`; the outcome is `[channels, 10, pairs]`: the parts of γ, q, w, b̄ and c.
/// - *Exact* for any λ with a real part below 2: Ā is `2 (I - A/2)⁻¹ - I`, and the inverse is Woodbury's.
/// - Cost O(pairs) a channel, once.
///
/// See [`dplr_walk`] for an example.
// ANCHOR: step_of
pub fn step_of(modes: &Tensor<3>) -> Tensor<3> {
    let [lambda, p, b, c] = [0, 2, 4, 6].map(|row| complex(modes, row));
    // d = 1/(1 - λ/2): what half a step backwards does to each mode.
    let less = -lambda.re.clone() / 2.0 + 1.0;
    let half = lambda.im.clone() / 2.0;
    let size = less.clone().square() + half.clone().square();
    let d = ComplexTensor { re: less / size.clone(), im: half / size };

    let gain = lambda.times(&d);
    let q = conjugate(&p).times(&d);
    let lost = p.re.clone().square() + p.im.clone().square();
    let capacitance = (lost * d.re.clone()).sum_dim(1) + 1.0;
    let pushed = d.times(&p);
    let w = ComplexTensor { re: pushed.re / capacitance.clone(), im: pushed.im / capacitance };
    let seen = q.times(&b).re.sum_dim(1);
    let b_bar = d.times(&b);
    let b_bar = ComplexTensor {
        re: b_bar.re - w.re.clone() * seen.clone(),
        im: b_bar.im - w.im.clone() * seen,
    };
    let rows = [gain, q, w, b_bar, c].into_iter().flat_map(|z| [z.re, z.im]);
    Tensor::stack(rows.collect(), 1)
}
// ANCHOR_END: step_of

/// One step from burn's operations: `u` `[batch, channels, 1]`, `x` `[batch, channels, 2, pairs]`.
fn composed_step(step: &Tensor<3>, u: Tensor<3>, x: Tensor<4>) -> (Tensor<3>, Tensor<4>) {
    let rows = |row: usize| -> ComplexTensor<3> {
        let ComplexTensor { re, im } = complex(step, row);
        ComplexTensor { re: re.unsqueeze_dim(0), im: im.unsqueeze_dim(0) }
    };
    let [gain, q, w, b_bar, c] = [0, 2, 4, 6, 8].map(rows);
    let part = |part| x.clone().narrow(2, part, 1).squeeze_dim::<3>(2);
    let x = ComplexTensor { re: part(0), im: part(1) };
    let read = |row: &ComplexTensor<3>, x: &ComplexTensor<3>| row.times(x).re.sum_dim(2) * 2.0;
    let (seen, turned) = (read(&q, &x), gain.times(&x));
    let x = ComplexTensor {
        re: x.re + (turned.re - w.re * seen.clone() + b_bar.re * u.clone()),
        im: x.im + (turned.im - w.im * seen + b_bar.im * u),
    };
    (read(&c, &x), Tensor::stack(vec![x.re, x.im], 2))
}

/// [`dplr_kernel`] from burn's own operations: any device, differentiable by itself.
///
/// - Transforms there are have lengths of a power of two, so the kernel is cut after the next one, and its beginning is taken.
/// - What reads it is truncated by squaring: `Ā^{2L} - I = 2E + E²` with `E = Ā^L - I`, which keeps the digits that powers of a matrix
///   near I would lose.
/// - Memory O(pairs length) a channel, some dozens of times; cost the same and O(pairs³ log length).
///
/// # Panics
/// As [`dplr_kernel`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::dplr_operations::{composed_kernel, dplr_kernel};
///
/// let flow = [[-0.5], [3.0], [0.3], [0.1], [1.0], [-0.4], [0.7], [0.2]];
/// let modes = Tensor::<3>::from_floats([flow], &Device::flex());
/// let apart = composed_kernel(modes.clone(), 7) - dplr_kernel(modes, 7);
/// assert!(apart.abs().max().into_scalar::<f32>() < 1e-5);
/// ```
pub fn composed_kernel(modes: Tensor<3>, length: usize) -> Tensor<2> {
    check(&modes, length);
    let n = length.next_power_of_two().max(2);
    let [lambda, p, b, _] = [0, 2, 4, 6].map(|row| complex(&modes, row));
    let c = truncated(&step_of(&modes), n);

    // 2 Re(vλ̄) and 2 Re v of the four products, as two matrices.
    let v = [conjugate(&p).times(&p), conjugate(&p).times(&b), c.times(&p), c.times(&b)];
    let by_cos = v.iter().map(|v| v.times(&conjugate(&lambda)).re * 2.0).collect();
    let by_s = v.iter().map(|v| v.re.clone() * 2.0).collect();
    let (by_cos, by_s) = (Tensor::stack::<3>(by_cos, 1), Tensor::stack::<3>(by_s, 1));

    // One fraction for each pair and frequency.
    let (s, cos) = upper_half_circle(n, &modes);
    let size = columns(&(lambda.re.clone().square() + lambda.im.square()));
    let re = size * cos.clone().square() - s.clone().square();
    let im = columns(&lambda.re) * (s.clone() * cos.clone() * -2.0);
    let scale = (re.clone().square() + im.clone().square()).recip();
    let fraction = ComplexTensor { re: re * scale.clone(), im: -im * scale };
    let times = |z: &ComplexTensor<3>, real: &Tensor<3>| ComplexTensor {
        re: z.re.clone() * real.clone(),
        im: z.im.clone() * real.clone(),
    };
    let (with_cos, with_s) = (times(&fraction, &cos), times(&fraction, &s));
    let sums = ComplexTensor {
        re: -by_cos.clone().matmul(with_cos.re) - by_s.clone().matmul(with_s.im),
        im: by_s.matmul(with_s.re) - by_cos.matmul(with_cos.im),
    };

    // Woodbury: cb - cos cp pb / (1 + cos pp).
    let [pp, pb, cp, cb] = [0, 1, 2, 3].map(|row| ComplexTensor {
        re: sums.re.clone().narrow(1, row, 1),
        im: sums.im.clone().narrow(1, row, 1),
    });
    let below = ComplexTensor { re: pp.re * cos.clone() + 1.0, im: pp.im * cos.clone() };
    let size = below.re.clone().square() + below.im.clone().square();
    let less = times(&cp.times(&pb).times(&conjugate(&below)), &(cos.clone() / size));
    let value = ComplexTensor { re: cb.re - less.re, im: cb.im - less.im };
    let value = value.times(&ComplexTensor { re: cos, im: s / 2.0 });
    let kernel = irfft(value.re, value.im, 2, Some(n));
    kernel.squeeze_dim::<2>(1).narrow(1, 0, length)
}

/// `2 sin φ` and `cos φ` for `φ = πm/n`, `m <= n/2`: `[1, 1, n/2 + 1]` each.
fn upper_half_circle(n: usize, modes: &Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let turns: Vec<_> = (0..=n / 2).map(|m| root_of_unity(m, 2 * n)).collect();
    let row = |of: fn(&Complex<f64>) -> f64| {
        like(turns.iter().map(of).collect(), [1, 1, turns.len()], modes)
    };
    (row(|turn| -2.0 * turn.im), row(|turn| turn.re))
}

/// A tensor on the device and with the precision of another.
fn like(numbers: Vec<f64>, shape: [usize; 3], tensor: &Tensor<3>) -> Tensor<3> {
    let data = TensorData::new(numbers, shape);
    Tensor::from_data(data, (&tensor.device(), tensor.dtype()))
}

/// `c̃ = (I - Ā^n)ᵀ c` for n a power of two: `[channels, pairs]`.
fn truncated(step: &Tensor<3>, n: usize) -> ComplexTensor<2> {
    let [channels, _, pairs] = step.dims();
    let [gain, q, w, _, c] = [0, 2, 4, 6, 8].map(|row| complex(step, row));
    // Āᵀ - I as it acts on real and imaginary parts, one below the other: a diagonal of 2 x 2 blocks minus a rank of one.
    let eye = (0..pairs * pairs).map(|i| f64::from(u8::from(i % (pairs + 1) == 0))).collect();
    let eye = like(eye, [1, pairs, pairs], step);
    let diagonal = |row: &Tensor<2>| eye.clone() * columns(row);
    let (re, im) = (diagonal(&gain.re), diagonal(&gain.im));
    let above = Tensor::cat(vec![re.clone(), -im.clone()], 2);
    let under = Tensor::cat(vec![im, re], 2);
    let read = Tensor::cat(vec![w.re, -w.im], 1).unsqueeze_dim::<3>(1);
    let pushed = columns(&Tensor::cat(vec![q.re, q.im], 1));
    let mut less = Tensor::cat(vec![above, under], 1) - pushed.matmul(read) * 2.0;
    for _ in 0..n.ilog2() {
        less = less.clone() * 2.0 + less.clone().matmul(less);
    }
    let c = columns(&Tensor::cat(vec![c.re, c.im], 1));
    let c_tilde = -less.matmul(c).reshape([channels, 2, pairs]);
    complex(&c_tilde, 0)
}
