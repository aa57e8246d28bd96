//! What a block does to every step of a sequence, differentiable: a norm across channels, a gated
//! mixture of them, and what an answer costs.
//!
//! Tensors are `[batch, channels, length]`, as the convolutions of chapter 4 want them. All can be written
//! with what burn knows, and are, in the functions that end in `_composed`: on a graphics card these run, and in the tests
//! they are the oracle. On a processor each composed line is a walk through memory, there and back, and the walks take
//! longer than the arithmetic. So there each operation is [one walk](s4::block_on_cpu), with a backward pass derived by
//! hand.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, FloatDType, Int, Tensor, TensorData, activation};
use ml_links::language_model;
use s4::block_on_cpu::{self as cpu, EPSILON, Mixing, Sizes};
use s4::dplr_operations::on_processor;

/// Whether these tensors are single precision on a processor, where the fast arithmetic is.
fn is_fast(x: &Tensor<3>) -> bool {
    x.dtype() == DType::F32 && on_processor(&x.device())
}

/// Layer normalisation across channels: at each step mean 0 and variance 1, then scaled by `gamma` and shifted by `beta`.
///
/// - Shapes: `x` `[batch, channels, length]`, `gamma` and `beta` `[channels]`; the outcome is shaped like `x`.
/// - Cost O(1) a number, there and back.
///
/// Source: J. L. Ba, J. R. Kiros, G. E. Hinton, *Layer normalization* (2016).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::block_operations::channel_norm;
///
/// let device = Device::flex();
/// let x = Tensor::<3>::from_floats([[[1.0, 0.0], [3.0, 8.0]]], &device);
/// let y = channel_norm(x, Tensor::ones([2], &device), Tensor::zeros([2], &device));
/// let y = y.into_data().try_to_vec::<f32>().expect("floats");
/// for (y, expected) in y.iter().zip([-1.0, -1.0, 1.0, 1.0]) {
///     assert!((y - expected).abs() < 1e-4);
/// }
/// ```
pub fn channel_norm(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>) -> Tensor<3> {
    if !is_fast(&x) {
        return channel_norm_composed(x, gamma, beta);
    }
    Tensor::from_dispatch(<Dispatch as InBlocks>::channel_norm(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
    ))
}

/// [`channel_norm`] by operations of burn, on any device, in any precision.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::block_operations::channel_norm_composed;
///
/// let device = Device::flex();
/// let x = Tensor::<3>::from_floats([[[1.0], [3.0]]], &device);
/// let y = channel_norm_composed(x, Tensor::ones([2], &device), Tensor::zeros([2], &device));
/// assert!((y.max().into_scalar::<f32>() - 1.0).abs() < 1e-4);
/// ```
pub fn channel_norm_composed(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>) -> Tensor<3> {
    let centred = x.clone() - x.mean_dim(1);
    let variance = centred.clone().square().mean_dim(1);
    let normal = centred / (variance + EPSILON).sqrt();
    normal * gamma.reshape([1, -1, 1]) + beta.reshape([1, -1, 1])
}

/// What mixes the channels of a block, and what dropout leaves of them.
#[derive(Debug, Clone)]
pub struct Mixture {
    /// `[channels, 2 channels]`: the first half of its columns speaks, the second opens the gate.
    pub weight: Tensor<2>,
    /// `[2 channels]`.
    pub bias: Tensor<1>,
    /// What each channel is multiplied by before the weights, `[batch, channels]`: ones, or the mask of dropout.
    pub kept_before: Tensor<2>,
    /// And after the gate.
    pub kept_after: Tensor<2>,
}

/// A residual connection around a gated mixture: `u + (p ⊙ σ(q)) ⊙ kept_after`, `[p, q] = (gelu(y) ⊙ kept_before) W + b`.
///
/// - Shapes: `u`, `y` and the outcome are `[batch, channels, length]`. GELU in its tanh form.
/// - Cost O(channels) a number, there and back. For the way back it keeps `y`, `p` and `q`.
///
/// Source: Y. Dauphin, A. Fan, M. Auli, D. Grangier, *Language modeling with gated convolutional networks* (2017).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::block_operations::{Mixture, gated_mix};
///
/// let device = Device::flex();
/// let mixture = Mixture {
///     weight: Tensor::zeros([1, 2], &device),
///     bias: Tensor::from_floats([6.0, 0.0], &device), // says 6, through a gate half open
///     kept_before: Tensor::ones([1, 1], &device),
///     kept_after: Tensor::ones([1, 1], &device),
/// };
/// let x = Tensor::<3>::from_floats([[[1.0, 2.0]]], &device);
/// let out = gated_mix(x.clone(), x, mixture).into_data().try_to_vec::<f32>().expect("floats");
/// assert_eq!(out, [4.0, 5.0]);
/// ```
pub fn gated_mix(u: Tensor<3>, y: Tensor<3>, mixture: Mixture) -> Tensor<3> {
    if !is_fast(&u) {
        return gated_mix_composed(u, y, mixture);
    }
    let Mixture { weight, bias, kept_before, kept_after } = mixture;
    Tensor::from_dispatch(<Dispatch as InBlocks>::gated_mix(
        u.into_dispatch(),
        y.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        kept_before.into_dispatch(),
        kept_after.into_dispatch(),
    ))
}

/// [`gated_mix`] by operations of burn, on any device, in any precision.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::block_operations::{Mixture, gated_mix_composed};
///
/// let device = Device::flex();
/// let ones = Tensor::ones([1, 1], &device);
/// let mixture = Mixture {
///     weight: Tensor::zeros([1, 2], &device),
///     bias: Tensor::from_floats([6.0, 0.0], &device),
///     kept_before: ones.clone(),
///     kept_after: ones,
/// };
/// let x = Tensor::<3>::from_floats([[[1.0]]], &device);
/// assert_eq!(gated_mix_composed(x.clone(), x, mixture).into_scalar::<f32>(), 4.0);
/// ```
// ANCHOR: gated_mix_composed
pub fn gated_mix_composed(u: Tensor<3>, y: Tensor<3>, mixture: Mixture) -> Tensor<3> {
    let Mixture { weight, bias, kept_before, kept_after } = mixture;
    let bent = activation::gelu_approximate(y) * kept_before.unsqueeze_dim(2);
    let mixed = weight.transpose().unsqueeze::<3>().matmul(bent);
    let halves = mixed + bias.reshape([1, -1, 1]);
    let [speech, gate] = halves.chunk(2, 1).try_into().expect("two halves");
    u + speech * activation::sigmoid(gate) * kept_after.unsqueeze_dim(2)
}
// ANCHOR_END: gated_mix_composed

/// The mean of `-ln p(target)` over all steps of a batch, in nats, p being the softmax over classes: one number.
///
/// - Shapes: `logits` `[batch, classes, length]`, `targets` `[batch, length]`, each below the number of classes.
/// - Chapter 4's [`cross_entropy`](ml_links::language_model::cross_entropy), whose classes lie last, in two walks
///   through memory instead of ten.
///
/// # Panics
/// When the shapes do not fit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s4::block_operations::cross_entropy;
///
/// let device = Device::flex();
/// let logits = Tensor::<3>::from_floats([[[0.75_f32.ln()], [0.25_f32.ln()]]], &device);
/// let loss = cross_entropy(logits, Tensor::from_ints([[1]], &device));
/// assert!((loss.into_scalar::<f32>() - 4_f32.ln()).abs() < 1e-6);
/// ```
pub fn cross_entropy(logits: Tensor<3>, targets: Tensor<2, Int>) -> Tensor<1> {
    let [batch, _, length] = logits.dims();
    assert_eq!(targets.dims(), [batch, length], "expected one target for each step");
    if !is_fast(&logits) {
        return language_model::cross_entropy(logits.swap_dims(1, 2), targets);
    }
    let targets = targets.cast(FloatDType::F32);
    Tensor::from_dispatch(<Dispatch as InBlocks>::cross_entropy(
        logits.into_dispatch(),
        targets.into_dispatch(),
    ))
}

/// The three operations, for tensors as the processor's backend has them.
#[backend_extension(Flex, Autodiff)]
pub trait InBlocks: Backend {
    /// The function [`channel_norm`].
    fn channel_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The function [`gated_mix`].
    fn gated_mix(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        kept_before: FloatTensor<Self>,
        kept_after: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The function [`cross_entropy`]; targets are whole numbers.
    fn cross_entropy(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The norm of a batch, to be gone back through.
#[derive(Debug)]
struct ChannelNorm;

impl Backward<Flex, 3> for ChannelNorm {
    /// x, gamma, and the moments of each step.
    type State = (FlexTensor, FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (x, gamma, moments) = ops.state;
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (d_x, d_gamma, d_beta) = cpu::channel_norm_adjoint(
            numbers(&x),
            numbers(&gamma),
            numbers(&moments),
            numbers(&gradient),
            sizes(&x),
        );
        let found = [tensor(d_x, &x), tensor(d_gamma, &gamma), tensor(d_beta, &gamma)];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// The mixture of a batch, to be gone back through.
#[derive(Debug)]
struct GatedMix;

impl Backward<Flex, 4> for GatedMix {
    /// y, both halves, the weight, the bias, and what was kept before and after.
    type State = [FlexTensor; 6];

    fn backward(self, ops: Ops<Self::State, 4>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [y, halves, weight, bias, kept_before, kept_after] = &ops.state;
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let mixing = mixing(weight, bias, kept_before, kept_after, y);
        let (d_y, d_weight, d_bias) =
            cpu::gated_mix_adjoint(numbers(y), numbers(halves), mixing, numbers(&gradient));
        let found = [gradient, tensor(d_y, y), tensor(d_weight, weight), tensor(d_bias, bias)];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// The cost of a batch, to be gone back through.
#[derive(Debug)]
struct CrossEntropy;

impl Backward<Flex, 1> for CrossEntropy {
    /// Logits, targets, and the logarithms of the sums.
    type State = [FlexTensor; 3];

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [logits, targets, sums] = &ops.state;
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let weight = numbers(&gradient)[0] / numbers(targets).len() as f32;
        let d_logits = cpu::surprises_adjoint(
            numbers(logits),
            numbers(targets),
            numbers(sums),
            weight,
            sizes(logits),
        );
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            gradients.register::<Flex>(parent.id, tensor(d_logits, logits));
        }
    }
}

impl<S: CheckpointStrategy> InBlocks for Autodiff<Flex, S> {
    fn channel_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let parents = [x.node(), gamma.node(), beta.node()];
        let [x, gamma, beta] =
            [x, gamma, beta].map(|tensor| tensor.into_primitive().to_contiguous());
        let (y, moments) = norm(&x, &gamma, &beta);
        match ChannelNorm.prepare::<S>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((x, gamma, moments), y),
            OpsKind::UnTracked(node) => node.finish(y),
        }
    }

    fn gated_mix(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        kept_before: FloatTensor<Self>,
        kept_after: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let parents = [x.node(), y.node(), weight.node(), bias.node()];
        let [x, y, weight, bias, kept_before, kept_after] =
            [x, y, weight, bias, kept_before, kept_after]
                .map(|tensor| tensor.into_primitive().to_contiguous());
        let (out, halves) = mix(&x, &y, &weight, &bias, &kept_before, &kept_after);
        match GatedMix.prepare::<S>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                node.finish([y, halves, weight, bias, kept_before, kept_after], out)
            }
            OpsKind::UnTracked(node) => node.finish(out),
        }
    }

    fn cross_entropy(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        let parents = [logits.node()];
        let [logits, targets] =
            [logits, targets].map(|tensor| tensor.into_primitive().to_contiguous());
        let (mean, sums) = mean_surprise(&logits, &targets);
        match CrossEntropy.prepare::<S>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish([logits, targets, sums], mean),
            OpsKind::UnTracked(node) => node.finish(mean),
        }
    }
}

impl InBlocks for Flex {
    fn channel_norm(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor) -> FlexTensor {
        let [x, gamma, beta] = [x, gamma, beta].map(|tensor| tensor.to_contiguous());
        norm(&x, &gamma, &beta).0
    }

    fn gated_mix(
        x: FlexTensor,
        y: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        kept_before: FlexTensor,
        kept_after: FlexTensor,
    ) -> FlexTensor {
        let [x, y, weight, bias, kept_before, kept_after] =
            [x, y, weight, bias, kept_before, kept_after].map(|tensor| tensor.to_contiguous());
        mix(&x, &y, &weight, &bias, &kept_before, &kept_after).0
    }

    fn cross_entropy(logits: FlexTensor, targets: FlexTensor) -> FlexTensor {
        mean_surprise(&logits.to_contiguous(), &targets.to_contiguous()).0
    }
}

/// The mean cost of all steps, and the logarithm of the sum of each.
fn mean_surprise(logits: &FlexTensor, targets: &FlexTensor) -> (FlexTensor, FlexTensor) {
    let (costs, sums) = cpu::surprises(numbers(logits), numbers(targets), sizes(logits));
    let total: f64 = costs.iter().map(|&cost| f64::from(cost)).sum();
    let mean = vec![(total / costs.len() as f64) as f32];
    (FlexTensor::from_data(TensorData::new(mean, [1])), tensor(sums, targets))
}

/// The outcome of the norm, and the moments of each step.
fn norm(x: &FlexTensor, gamma: &FlexTensor, beta: &FlexTensor) -> (FlexTensor, FlexTensor) {
    let Sizes { length, .. } = sizes(x);
    let (y, moments) = cpu::channel_norm(numbers(x), numbers(gamma), numbers(beta), sizes(x));
    let moments = TensorData::new(moments, [x.shape()[0], 2, length]);
    (tensor(y, x), FlexTensor::from_data(moments))
}

/// The outcome of the mixture, and both halves of it before the gate.
fn mix(
    x: &FlexTensor,
    y: &FlexTensor,
    weight: &FlexTensor,
    bias: &FlexTensor,
    kept_before: &FlexTensor,
    kept_after: &FlexTensor,
) -> (FlexTensor, FlexTensor) {
    let mixing = mixing(weight, bias, kept_before, kept_after, x);
    let Sizes { channels, length } = mixing.sizes;
    let (out, halves) = cpu::gated_mix(numbers(x), numbers(y), mixing);
    let halves = TensorData::new(halves, [x.shape()[0], 2 * channels, length]);
    (tensor(out, x), FlexTensor::from_data(halves))
}

fn mixing<'a>(
    weight: &'a FlexTensor,
    bias: &'a FlexTensor,
    kept_before: &'a FlexTensor,
    kept_after: &'a FlexTensor,
    x: &FlexTensor,
) -> Mixing<'a> {
    let [weight, bias, kept_before, kept_after] =
        [weight, bias, kept_before, kept_after].map(numbers);
    Mixing { weight, bias, kept_before, kept_after, sizes: sizes(x) }
}

fn sizes(x: &FlexTensor) -> Sizes {
    let [_, channels, length] = x.shape().dims();
    Sizes { channels, length }
}

fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("a contiguous tensor of single precision")
}

fn tensor(numbers: Vec<f32>, like: &FlexTensor) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, like.shape()))
}
