//! What tensors do along time: causal convolution and the first-order recurrence, differentiable.
//!
//! The last axis is time: `[batch, channels, length]`. Both are operations of our own: burn knows neither, and composed
//! of what it knows they would keep every intermediate tensor for the way back. So each has two arithmetics, one for
//! [the processor](ml_links::operations_on_cpu) and one for [a graphics card](ml_links::operations_on_gpu), and one
//! backward pass derived by hand (eq-4-7), which this module registers with burn's automatic differentiation.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Element, Tensor, TensorData};
use ml_links::{operations_on_cpu as cpu, operations_on_gpu as gpu};

/// The causal convolution of each channel with its kernel: `y_k = Σ_j kernel_j u_{k-j}`, inputs before the first being 0.
///
/// - Shapes: `u` is `[batch, channels, length]`, `kernel` `[channels, length]`; the outcome is shaped like `u`. Any
///   length.
/// - Single precision everywhere, double precision on the processor.
/// - Cost O(length log length) a row, there and back.
///
/// # Panics
/// When the shapes do not fit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::operations::causal_convolution;
///
/// let device = Device::flex();
/// let u = Tensor::<3>::from_floats([[[1.0, 0.0, 2.0]]], &device);
/// let kernel = Tensor::<2>::from_floats([[1.0, 0.5, 0.25]], &device);
/// let y = causal_convolution(u, kernel).into_data().try_to_vec::<f32>().expect("floats");
/// for (y, expected) in y.iter().zip([1.0, 0.5, 2.25]) {
///     assert!((y - expected).abs() < 1e-6);
/// }
/// ```
pub fn causal_convolution(u: Tensor<3>, kernel: Tensor<2>) -> Tensor<3> {
    let [_, channels, length] = u.dims();
    assert_eq!(
        kernel.dims(),
        [channels, length],
        "expected one kernel of the input's length for each of its channels"
    );
    Tensor::from_dispatch(<Dispatch as AlongTime>::causal_convolution(
        u.into_dispatch(),
        kernel.into_dispatch(),
    ))
}

/// The first-order recurrence `x_k = a_k x_{k-1} + b_k` along the last axis, from `x_{-1} = initial`.
///
/// - Shapes: `a` and `b` are `[batch, channels, length]`, `initial` is `[batch, channels]`; the outcome holds every
///   `x_k`. Any length, any sign.
/// - Single precision everywhere, double precision on the processor.
/// - Cost O(length) a row, there and back.
///
/// # Panics
/// When the shapes do not fit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::operations::linear_scan;
///
/// let device = Device::flex();
/// let a = Tensor::<3>::from_floats([[[0.5, 0.5, 0.0]]], &device);
/// let b = Tensor::<3>::from_floats([[[1.0, 1.0, 1.0]]], &device);
/// let x = linear_scan(a, b, Tensor::from_floats([[2.0]], &device));
/// assert_eq!(x.into_data().try_to_vec::<f32>().expect("floats"), [2.0, 2.0, 1.0]);
/// ```
pub fn linear_scan(a: Tensor<3>, b: Tensor<3>, initial: Tensor<2>) -> Tensor<3> {
    let [batch, channels, _] = a.dims();
    assert_eq!(b.dims(), a.dims(), "expected a and b to have one shape");
    assert_eq!(initial.dims(), [batch, channels], "expected one initial state for each row of a");
    Tensor::from_dispatch(<Dispatch as AlongTime>::linear_scan(
        a.into_dispatch(),
        b.into_dispatch(),
        initial.into_dispatch(),
    ))
}

/// What a backend must do along time. The attribute writes the implementation for `Dispatch`, which looks where a
/// tensor lies and calls one of the three that follow.
// ANCHOR: along_time
#[backend_extension(Cube, Flex, Autodiff)]
pub trait AlongTime: Backend {
    /// The function [`linear_scan`] for tensors as the backend has them.
    fn linear_scan(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        initial: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The function [`causal_convolution`] for tensors as the backend has them.
    fn causal_convolution(u: FloatTensor<Self>, kernel: FloatTensor<Self>) -> FloatTensor<Self>;
}
// ANCHOR_END: along_time

/// The way back, for backends that compute and do not themselves differentiate.
pub trait Adjoint: AlongTime {
    /// The gradients of a loss by `a`, `b` and `initial`, from its gradient by the states `x`.
    fn linear_scan_adjoint(
        a: FloatTensor<Self>,
        x: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of a loss by `u` (which needs the kernel) and by `kernel` (which needs `u`), from its gradient by
    /// the outcome. What is not given is not computed.
    fn causal_convolution_adjoint(
        u: Option<FloatTensor<Self>>,
        kernel: Option<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
    ) -> (Option<FloatTensor<Self>>, Option<FloatTensor<Self>>);
}

/// How the gradient of a scan is computed, once the gradient by its outcome is known.
// ANCHOR: registered
#[derive(Debug)]
struct LinearScan;

impl<B: Adjoint> Backward<B, 3> for LinearScan {
    type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (a, x, initial) = ops.state;
        let gradient = gradients.consume::<B>(&ops.node);
        let (d_a, d_b, d_initial) = B::linear_scan_adjoint(a, x, initial, gradient);
        for (parent, gradient) in ops.parents.into_iter().zip([d_a, d_b, d_initial]) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}
// ANCHOR_END: registered

/// How the gradients of a convolution are computed, once the gradient by its outcome is known.
#[derive(Debug)]
struct CausalConvolution;

impl<B: Adjoint> Backward<B, 2> for CausalConvolution {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (u, kernel) = ops.state;
        let gradient = gradients.consume::<B>(&ops.node);
        // Each factor is needed for the gradient by the other.
        let [by_u, by_kernel] = ops.parents.each_ref().map(Option::is_some);
        let (u, kernel) = (by_kernel.then_some(u), by_u.then_some(kernel));
        let (d_u, d_kernel) = B::causal_convolution_adjoint(u, kernel, gradient);
        for (parent, gradient) in ops.parents.into_iter().zip([d_u, d_kernel]) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

// ANCHOR: tracked
impl<B: Adjoint, S: CheckpointStrategy> AlongTime for Autodiff<B, S> {
    fn linear_scan(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        initial: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let parents = [a.node(), b.node(), initial.node()];
        let (a, b, initial) = (a.into_primitive(), b.into_primitive(), initial.into_primitive());
        let x = B::linear_scan(a.clone(), b, initial.clone());
        match LinearScan.prepare::<S>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((a, x.clone(), initial), x),
            OpsKind::UnTracked(node) => node.finish(x),
        }
    }

    fn causal_convolution(u: FloatTensor<Self>, kernel: FloatTensor<Self>) -> FloatTensor<Self> {
        let parents = [u.node(), kernel.node()];
        let (u, kernel) = (u.into_primitive(), kernel.into_primitive());
        let y = B::causal_convolution(u.clone(), kernel.clone());
        match CausalConvolution.prepare::<S>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((u, kernel), y),
            OpsKind::UnTracked(node) => node.finish(y),
        }
    }
}
// ANCHOR_END: tracked

/// A number that the processor's tensors are made of.
trait Number: cpu::Real + Element {
    /// The numbers of a contiguous tensor.
    fn of(tensor: &FlexTensor) -> &[Self];
}

macro_rules! number {
    ($number:ty) => {
        impl Number for $number {
            fn of(tensor: &FlexTensor) -> &[Self] {
                tensor.as_slice().expect("a contiguous tensor of this precision")
            }
        }
    };
}

number!(f32);
number!(f64);

fn tensor<T: Number>(numbers: Vec<T>, like: &FlexTensor) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, like.shape()))
}

/// Calls a function of slices in the precision of these tensors.
macro_rules! in_their_precision {
    ($first:ident $(, $tensor:ident)*; $run:ident) => {{
        $(assert_eq!($tensor.dtype(), $first.dtype(), "expected tensors of one precision");)*
        match $first.dtype() {
            DType::F32 => $run::<f32>(&$first.to_contiguous() $(, &$tensor.to_contiguous())*),
            DType::F64 => $run::<f64>(&$first.to_contiguous() $(, &$tensor.to_contiguous())*),
            other => panic!("expected single or double precision, found {other:?}"),
        }
    }};
}

impl AlongTime for Flex {
    fn linear_scan(a: FlexTensor, b: FlexTensor, initial: FlexTensor) -> FlexTensor {
        fn run<T: Number>(a: &FlexTensor, b: &FlexTensor, initial: &FlexTensor) -> FlexTensor {
            tensor(cpu::linear_scan(T::of(a), T::of(b), T::of(initial)), b)
        }
        in_their_precision!(a, b, initial; run)
    }

    fn causal_convolution(u: FlexTensor, kernel: FlexTensor) -> FlexTensor {
        fn run<T: Number>(u: &FlexTensor, kernel: &FlexTensor) -> FlexTensor {
            let length = kernel.shape()[1];
            tensor(cpu::causal_convolution(T::of(u), T::of(kernel), length), u)
        }
        in_their_precision!(u, kernel; run)
    }
}

impl Adjoint for Flex {
    fn linear_scan_adjoint(
        a: FlexTensor,
        x: FlexTensor,
        initial: FlexTensor,
        gradient: FlexTensor,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        fn run<T: Number>(
            a: &FlexTensor,
            x: &FlexTensor,
            initial: &FlexTensor,
            gradient: &FlexTensor,
        ) -> (FlexTensor, FlexTensor, FlexTensor) {
            let (d_a, d_b, d_initial) =
                cpu::linear_scan_adjoint(T::of(a), T::of(x), T::of(initial), T::of(gradient));
            (tensor(d_a, a), tensor(d_b, a), tensor(d_initial, initial))
        }
        in_their_precision!(a, x, initial, gradient; run)
    }

    fn causal_convolution_adjoint(
        u: Option<FlexTensor>,
        kernel: Option<FlexTensor>,
        gradient: FlexTensor,
    ) -> (Option<FlexTensor>, Option<FlexTensor>) {
        fn run<T: Number>(
            u: Option<&FlexTensor>,
            kernel: Option<&FlexTensor>,
            gradient: &FlexTensor,
        ) -> (Option<FlexTensor>, Option<FlexTensor>) {
            let [_, channels, length] = gradient.shape().dims();
            let (d_u, d_kernel) = cpu::causal_convolution_adjoint(
                u.map(T::of),
                kernel.map(T::of),
                T::of(gradient),
                [channels, length],
            );
            let d_kernel = d_kernel.map(|d_kernel| {
                FlexTensor::from_data(TensorData::new(d_kernel, [channels, length]))
            });
            (d_u.map(|d_u| tensor(d_u, gradient)), d_kernel)
        }
        let (u, kernel) =
            (u.map(|u| u.to_contiguous()), kernel.map(|kernel| kernel.to_contiguous()));
        let (u, kernel, gradient) = (u.as_ref(), kernel.as_ref(), gradient.to_contiguous());
        match gradient.dtype() {
            DType::F64 => run::<f64>(u, kernel, &gradient),
            _ => run::<f32>(u, kernel, &gradient),
        }
    }
}

impl AlongTime for Cube {
    fn linear_scan(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        initial: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        gpu::linear_scan(a, b, initial)
    }

    fn causal_convolution(u: FloatTensor<Self>, kernel: FloatTensor<Self>) -> FloatTensor<Self> {
        gpu::causal_convolution(u, kernel)
    }
}

impl Adjoint for Cube {
    fn linear_scan_adjoint(
        a: FloatTensor<Self>,
        x: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        gpu::linear_scan_adjoint(a, x, initial, gradient)
    }

    fn causal_convolution_adjoint(
        u: Option<FloatTensor<Self>>,
        kernel: Option<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
    ) -> (Option<FloatTensor<Self>>, Option<FloatTensor<Self>>) {
        gpu::causal_convolution_adjoint(u, kernel, gradient)
    }
}
