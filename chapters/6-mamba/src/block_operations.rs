//! What a Mamba block does beside its matrix products and its scan, differentiable: a norm across channels, and a short
//! convolution with a bend after it.
//!
//! Tensors are `[batch, length, channels]`. Both can be written with what burn knows, and are, in the functions that end in
//! `_composed`: on a graphics card these run, and in the tests they are the oracle. On a processor each operation is [one
//! walk](mamba::block_on_cpu) through memory, with a backward pass derived by hand, as chapter 5's were.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor, TensorData, activation};
use mamba::block_on_cpu::{self as cpu, Sizes, Taps};
use s4::dplr_operations::on_processor;

/// Whether these tensors are single precision on a processor, where the fast arithmetic is.
fn is_fast(x: &Tensor<3>) -> bool {
    x.dtype() == DType::F32 && on_processor(&x.device())
}

/// Each step divided by the root of the mean of its squares, then scaled by `weight`: no mean is taken away, and nothing
/// is added.
///
/// - Shapes: `x` `[batch, length, channels]`, `weight` `[channels]`; the outcome is shaped like `x`.
/// - Cost O(1) a number, there and back.
///
/// Source: B. Zhang, R. Sennrich, *Root mean square layer normalization* (2019).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::block_operations::rms_norm;
///
/// let device = Device::flex();
/// let x = Tensor::<3>::from_floats([[[3.0, 4.0]]], &device);
/// let y = rms_norm(x, Tensor::ones([2], &device), 0.0).into_data();
/// let y: Vec<f32> = y.iter::<f32>().collect();
/// assert!((y[0] * y[0] + y[1] * y[1] - 2.0).abs() < 1e-5 && (y[1] / y[0] - 4.0 / 3.0).abs() < 1e-5);
/// ```
pub fn rms_norm(x: Tensor<3>, weight: Tensor<1>, epsilon: f64) -> Tensor<3> {
    if !is_fast(&x) {
        return rms_norm_composed(x, weight, epsilon);
    }
    Tensor::from_dispatch(<Dispatch as InBlocks>::rms_norm(
        x.into_dispatch(),
        weight.into_dispatch(),
        epsilon,
    ))
}

/// [`rms_norm`] by operations of burn, on any device, in any precision.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::block_operations::rms_norm_composed;
///
/// let device = Device::flex();
/// let x = Tensor::<3>::from_floats([[[5.0, -5.0]]], &device);
/// let y = rms_norm_composed(x, Tensor::ones([2], &device), 0.0);
/// assert!((y.max().into_scalar::<f32>() - 1.0).abs() < 1e-6);
/// ```
// ANCHOR: rms_norm_composed
pub fn rms_norm_composed(x: Tensor<3>, weight: Tensor<1>, epsilon: f64) -> Tensor<3> {
    let root = (x.clone().square().mean_dim(2) + epsilon).sqrt();
    x / root * weight.reshape([1, 1, -1])
}
// ANCHOR_END: rms_norm_composed

/// `SiLU(Σⱼ weight[j] u[k - taps + 1 + j] + bias)` at every step k, channel by channel, with silence before the first step.
///
/// - Shapes: `u` `[batch, length, channels]`, `weight` `[taps, channels]` (its last row weighs the step itself), `bias`
///   `[channels]`; the outcome is shaped like `u`.
/// - Cost O(taps) a number, there and back; keeps `u` alone for the way back.
///
/// # Panics
/// When the shapes do not fit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::block_operations::convolve_silu;
///
/// let device = Device::flex();
/// let u = Tensor::<3>::from_floats([[[40.0], [50.0], [60.0]]], &device);
/// // What came a step ago; far from 0, SiLU changes nothing.
/// let taps = Tensor::from_floats([[1.0], [0.0]], &device);
/// let y = convolve_silu(u, taps, Tensor::zeros([1], &device)).into_data();
/// assert_eq!(y.iter::<f32>().collect::<Vec<_>>(), [0.0, 40.0, 50.0]);
/// ```
pub fn convolve_silu(u: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
    let [_, _, channels] = u.dims();
    assert_eq!(
        weight.dims()[1],
        channels,
        "expected a row of taps for each of {channels} channels"
    );
    assert_eq!(bias.dims(), [channels], "expected a bias for each channel");
    if !is_fast(&u) {
        return convolve_silu_composed(u, weight, bias);
    }
    Tensor::from_dispatch(<Dispatch as InBlocks>::convolve_silu(
        u.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}

/// [`convolve_silu`] by operations of burn, on any device, in any precision: each tap is a shifted product.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::block_operations::convolve_silu_composed;
///
/// let device = Device::flex();
/// let u = Tensor::<3>::from_floats([[[40.0], [50.0]]], &device);
/// let taps = Tensor::from_floats([[0.5], [0.5]], &device);
/// let y = convolve_silu_composed(u, taps, Tensor::zeros([1], &device)).into_data();
/// let y: Vec<f32> = y.iter::<f32>().collect();
/// assert!((y[0] - 20.0).abs() < 1e-4 && y[1] == 45.0);
/// ```
// ANCHOR: convolve_silu_composed
pub fn convolve_silu_composed(u: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
    let ([batch, length, channels], [taps, _]) = (u.dims(), weight.dims());
    let mut heard = u.clone();
    if taps > 1 {
        let silence = Tensor::zeros([batch, taps - 1, channels], (&u.device(), u.dtype()));
        heard = Tensor::cat(vec![silence, u], 1);
    }
    let mut sum = bias.reshape([1, 1, -1]);
    for j in 0..taps {
        let weight = weight.clone().narrow(0, j, 1).unsqueeze_dim::<3>(0);
        sum = sum + heard.clone().narrow(1, j, length) * weight;
    }
    activation::silu(sum)
}
// ANCHOR_END: convolve_silu_composed

/// Both operations, for tensors as the processor's backend has them.
#[backend_extension(Flex, Autodiff)]
pub trait InBlocks: Backend {
    /// The function [`rms_norm`].
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f64)
    -> FloatTensor<Self>;

    /// The function [`convolve_silu`].
    fn convolve_silu(
        u: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// The norm of a batch, to be gone back through.
#[derive(Debug)]
struct RmsNormBack;

impl Backward<Flex, 2> for RmsNormBack {
    /// x, the weight, and what is added before the root.
    type State = (FlexTensor, FlexTensor, f32);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (x, weight, epsilon) = ops.state;
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (d_x, d_weight) =
            cpu::rms_norm_adjoint(numbers(&x), numbers(&weight), epsilon, numbers(&gradient));
        let found = [tensor(d_x, &x), tensor(d_weight, &weight)];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// The convolution of a batch, to be gone back through.
#[derive(Debug)]
struct ConvolveSiluBack;

impl Backward<Flex, 3> for ConvolveSiluBack {
    /// u, the weight and the bias.
    type State = [FlexTensor; 3];

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [u, weight, bias] = &ops.state;
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (d_u, d_weight, d_bias) =
            cpu::convolve_silu_adjoint(numbers(u), taps(u, weight, bias), numbers(&gradient));
        let found = [tensor(d_u, u), tensor(d_weight, weight), tensor(d_bias, bias)];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

impl<S: CheckpointStrategy> InBlocks for Autodiff<Flex, S> {
    fn rms_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let parents = [x.node(), weight.node()];
        let [x, weight] = [x, weight].map(|tensor| tensor.into_primitive().to_contiguous());
        let y = norm(&x, &weight, epsilon);
        match RmsNormBack.prepare::<S>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((x, weight, epsilon as f32), y),
            OpsKind::UnTracked(node) => node.finish(y),
        }
    }

    fn convolve_silu(
        u: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let parents = [u.node(), weight.node(), bias.node()];
        let [u, weight, bias] =
            [u, weight, bias].map(|tensor| tensor.into_primitive().to_contiguous());
        let y = convolve(&u, &weight, &bias);
        match ConvolveSiluBack.prepare::<S>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish([u, weight, bias], y),
            OpsKind::UnTracked(node) => node.finish(y),
        }
    }
}

impl InBlocks for Flex {
    fn rms_norm(x: FlexTensor, weight: FlexTensor, epsilon: f64) -> FlexTensor {
        norm(&x.to_contiguous(), &weight.to_contiguous(), epsilon)
    }

    fn convolve_silu(u: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        convolve(&u.to_contiguous(), &weight.to_contiguous(), &bias.to_contiguous())
    }
}

fn norm(x: &FlexTensor, weight: &FlexTensor, epsilon: f64) -> FlexTensor {
    tensor(cpu::rms_norm(numbers(x), numbers(weight), epsilon as f32), x)
}

fn convolve(u: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    tensor(cpu::convolve_silu(numbers(u), taps(u, weight, bias)), u)
}

fn taps<'a>(u: &FlexTensor, weight: &'a FlexTensor, bias: &'a FlexTensor) -> Taps<'a> {
    let [_, length, channels] = u.shape().dims();
    let [weight, bias] = [weight, bias].map(numbers);
    Taps { weight, bias, sizes: Sizes { length, channels } }
}

fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("a contiguous tensor of single precision")
}

fn tensor(numbers: Vec<f32>, like: &FlexTensor) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, like.shape()))
}
