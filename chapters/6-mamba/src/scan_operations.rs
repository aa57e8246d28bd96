//! The selective scan as an operation on tensors, differentiable.
//!
//! Tensors have time before channels: `[batch, length, d_inner]`, as linear layers leave them. [`selective_scan`] is one operation
//! with an arithmetic of its own for [the processor](mamba::scan_on_cpu) and for a graphics card, and with one backward pass derived by
//! hand (eq-6-2), which this module registers with burn's automatic differentiation. [`selective_scan_composed`] is the same out of
//! burn's own operations, a dozen for each step: the oracle of the tests, and the way for any other precision.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    AutodiffBackend, Backend, Cube, Dispatch, ExtensionType, Flex, TensorMetadata,
    backend_extension,
};
use burn::tensor::{DType, Tensor, TensorData, activation, read_sync};
use mamba::selective_scan::{ScanSlices, Sizes};
use mamba::{scan_on_cpu as cpu, scan_on_gpu as gpu};

/// What a selective scan reads, on one device.
///
/// | | shape | |
/// |---|---|---|
/// | `u` | `[batch, length, d_inner]` | the input |
/// | `delta` | `[batch, length, d_inner]` | the step before bias and softplus |
/// | `a` | `[d_inner, d_state]` | rates of decay: negative, `-exp(A_log)` |
/// | `b`, `c` | `[batch, length, groups, d_state]` | where the input goes, and what is read; groups divide the channels |
/// | `d` | `[d_inner]` | what goes past the state |
/// | `z` | `[batch, length, d_inner]` | the gate before SiLU |
/// | `delta_bias` | `[d_inner]` | added to `delta` |
#[derive(Debug, Clone)]
pub struct ScanInputs {
    /// The input, `[batch, length, d_inner]`.
    pub u: Tensor<3>,
    /// The step before bias and softplus, `[batch, length, d_inner]`.
    pub delta: Tensor<3>,
    /// The rates of decay, `[d_inner, d_state]`.
    pub a: Tensor<2>,
    /// Where the input goes, `[batch, length, groups, d_state]`.
    pub b: Tensor<4>,
    /// What is read of the state, `[batch, length, groups, d_state]`.
    pub c: Tensor<4>,
    /// What goes past the state, `[d_inner]`.
    pub d: Tensor<1>,
    /// The gate before SiLU, `[batch, length, d_inner]`.
    pub z: Tensor<3>,
    /// What is added to `delta`, `[d_inner]`.
    pub delta_bias: Tensor<1>,
}

impl ScanInputs {
    /// Asserts that the shapes fit.
    fn check(&self) -> Sizes {
        let [batch, length, d_inner] = self.u.dims();
        let [_, d_state] = self.a.dims();
        let [_, _, groups, _] = self.b.dims();
        assert_eq!(self.delta.dims(), self.u.dims(), "expected a step for each number of u");
        assert_eq!(self.z.dims(), self.u.dims(), "expected a gate for each number of u");
        assert_eq!(self.a.dims(), [d_inner, d_state], "expected a row of rates for each channel");
        assert!(
            groups > 0 && d_inner.is_multiple_of(groups),
            "expected groups of equally many channels, found {groups} groups of {d_inner} channels"
        );
        assert!(d_state > 0, "expected at least one state for each channel, found none");
        for (name, rows) in [("b", &self.b), ("c", &self.c)] {
            assert_eq!(
                rows.dims(),
                [batch, length, groups, d_state],
                "expected {name} to have a number for each step, group and state"
            );
        }
        for (name, row) in [("d", &self.d), ("delta_bias", &self.delta_bias)] {
            assert_eq!(row.dims(), [d_inner], "expected {name} to have a number for each channel");
        }
        let others = [self.delta.dtype(), self.a.dtype(), self.b.dtype(), self.c.dtype()];
        let others =
            others.into_iter().chain([self.d.dtype(), self.z.dtype(), self.delta_bias.dtype()]);
        for dtype in others {
            assert_eq!(dtype, self.u.dtype(), "expected tensors of one precision");
        }
        Sizes { batch, length, d_inner, groups, d_state }
    }

    /// The same tensors as backends have them.
    ///
    /// ```
    /// use burn::tensor::Device;
    ///
    /// let inputs = mamba::gpu_scan::example([1, 2, 3, 1, 4], &Device::flex());
    /// let _primitives = inputs.into_primitives();
    /// ```
    pub fn into_primitives(self) -> ScanPrimitives<Dispatch> {
        ScanPrimitives {
            u: self.u.into_dispatch(),
            delta: self.delta.into_dispatch(),
            a: self.a.into_dispatch(),
            b: self.b.into_dispatch(),
            c: self.c.into_dispatch(),
            d: self.d.into_dispatch(),
            z: self.z.into_dispatch(),
            delta_bias: self.delta_bias.into_dispatch(),
        }
    }
}

/// Equation 6-2: `y = (scan(u, softplus(delta + delta_bias), a, b, c) + d u) · SiLU(z)`, from rest.
///
/// ```text
/// Δ_k = softplus(δ_k + bias)      x_k = e^{Δ_k a} x_{k-1} + Δ_k u_k b_k      y_k = (c_k · x_k + d u_k) · SiLU(z_k)
/// ```
///
/// - Shapes: see [`ScanInputs`]; the outcome is `[batch, length, d_inner]`. Any sizes.
/// - Differentiable by all eight. In single precision one fused operation, which on the way back makes the states
///   again; in any other, [`selective_scan_composed`].
/// - Cost O(batch · length · d_inner · d_state), memory O(batch · length · d_inner).
///
/// # Panics
/// When the shapes do not fit.
///
/// Source: A. Gu, T. Dao, *Mamba* (2023), algorithm 2; `selective_scan_ref` of their repository.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::scan_operations::{ScanInputs, selective_scan};
///
/// // One channel, one state that never forgets and a step of ln 2: it adds up.
/// let device = Device::flex();
/// let inputs = ScanInputs {
///     u: Tensor::from_floats([[[1.0], [2.0], [3.0]]], &device),
///     delta: Tensor::zeros([1, 3, 1], &device),
///     a: Tensor::zeros([1, 1], &device),
///     b: Tensor::ones([1, 3, 1, 1], &device),
///     c: Tensor::ones([1, 3, 1, 1], &device),
///     d: Tensor::zeros([1], &device),
///     z: Tensor::ones([1, 3, 1], &device),
///     delta_bias: Tensor::zeros([1], &device),
/// };
/// let y = selective_scan(inputs).into_data().try_to_vec::<f32>().expect("floats");
/// let gate = 1.0 / (1.0 + (-1.0_f32).exp());
/// for (y, sum) in y.iter().zip([1.0, 3.0, 6.0]) {
///     assert!((y - sum * 2_f32.ln() * gate).abs() < 1e-5);
/// }
/// ```
pub fn selective_scan(inputs: ScanInputs) -> Tensor<3> {
    inputs.check();
    if inputs.u.dtype() != DType::F32 {
        return selective_scan_composed(inputs);
    }
    Tensor::from_dispatch(<Dispatch as SelectiveScanOps>::selective_scan(inputs.into_primitives()))
}

/// [`selective_scan`] from a given state, with the state it ends in: for running, in chunks of any length or by single steps.
///
/// - Shapes: `state` and the second outcome `[batch, d_inner, d_state]`.
/// - Nothing is differentiated: what comes out is a constant.
///
/// # Panics
/// When the shapes do not fit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::scan_operations::{ScanInputs, selective_scan_from};
///
/// // A step without input: the state fades by e^{-ln 2}.
/// let device = Device::flex();
/// let inputs = ScanInputs {
///     u: Tensor::zeros([1, 1, 1], &device),
///     delta: Tensor::zeros([1, 1, 1], &device),
///     a: Tensor::full([1, 1], -1.0, &device),
///     b: Tensor::ones([1, 1, 1, 1], &device),
///     c: Tensor::ones([1, 1, 1, 1], &device),
///     d: Tensor::zeros([1], &device),
///     z: Tensor::ones([1, 1, 1], &device),
///     delta_bias: Tensor::zeros([1], &device),
/// };
/// let (_, state) = selective_scan_from(inputs, Tensor::full([1, 1, 1], 8.0, &device));
/// assert!((state.into_scalar::<f32>() - 4.0).abs() < 1e-5);
/// ```
pub fn selective_scan_from(inputs: ScanInputs, state: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let Sizes { batch, d_inner, d_state, .. } = inputs.check();
    assert_eq!(
        state.dims(),
        [batch, d_inner, d_state],
        "expected a state for each sequence and channel"
    );
    assert_eq!(state.dtype(), inputs.u.dtype(), "expected tensors of one precision");
    if inputs.u.dtype() != DType::F32 {
        let (y, state) = composed_from(inputs, state);
        return (y.detach(), state.detach());
    }
    let (y, state) = <Dispatch as SelectiveScanOps>::selective_scan_from(
        inputs.into_primitives(),
        state.into_dispatch(),
    );
    (Tensor::from_dispatch(y), Tensor::from_dispatch(state))
}

/// [`selective_scan`] out of burn's own operations: on any device, in any precision, differentiable by itself.
///
/// - *Breaks* nowhere, but keeps some six tensors of `[batch, d_inner, d_state]` for each step on the way back.
///
/// # Panics
/// As [`selective_scan`].
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use mamba::scan_operations::{ScanInputs, selective_scan, selective_scan_composed};
///
/// let device = Device::flex();
/// let inputs = ScanInputs {
///     u: Tensor::random([2, 5, 6], Distribution::Default, &device),
///     delta: Tensor::random([2, 5, 6], Distribution::Default, &device),
///     a: Tensor::random([6, 4], Distribution::Uniform(-2.0, 0.0), &device),
///     b: Tensor::random([2, 5, 2, 4], Distribution::Default, &device),
///     c: Tensor::random([2, 5, 2, 4], Distribution::Default, &device),
///     d: Tensor::ones([6], &device),
///     z: Tensor::random([2, 5, 6], Distribution::Default, &device),
///     delta_bias: Tensor::zeros([6], &device),
/// };
/// let apart = selective_scan(inputs.clone()) - selective_scan_composed(inputs);
/// assert!(apart.abs().max().into_scalar::<f32>() < 1e-5);
/// ```
pub fn selective_scan_composed(inputs: ScanInputs) -> Tensor<3> {
    let Sizes { batch, d_inner, d_state, .. } = inputs.check();
    let like = (&inputs.u.device(), inputs.u.dtype());
    let rest = Tensor::zeros([batch, d_inner, d_state], like);
    composed_from(inputs, rest).0
}

// ANCHOR: composed
fn composed_from(inputs: ScanInputs, state: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let Sizes { length, d_inner, groups, .. } = inputs.check();
    let ScanInputs { u, delta, a, b, c, d, z, delta_bias } = inputs;
    let delta = softplus(delta + delta_bias.reshape([1, 1, -1]));
    let (a, mut x, mut reads) = (a.unsqueeze::<3>(), state, Vec::with_capacity(length));
    for k in 0..length {
        // [batch, d_inner, 1], and [batch, d_inner, d_state]: each channel reads the row of its group.
        let number = |of: &Tensor<3>| of.clone().narrow(1, k, 1).swap_dims(1, 2);
        let row = |of: &Tensor<4>| {
            let rows = of.clone().narrow(1, k, 1).swap_dims(1, 2);
            rows.repeat_dim(2, d_inner / groups).flatten::<3>(1, 2)
        };
        let decay = (number(&delta) * a.clone()).exp();
        x = decay * x + number(&delta) * number(&u) * row(&b);
        reads.push((x.clone() * row(&c)).sum_dim(2));
    }
    if reads.is_empty() {
        return (u, x);
    }
    let read = Tensor::cat(reads, 2).swap_dims(1, 2);
    ((read + u * d.reshape([1, 1, -1])) * activation::silu(z), x)
}
// ANCHOR_END: composed

/// `ln(1 + eˢ)`, without overflow, with its digits where it is small, and with the slope `σ(s)` everywhere.
fn softplus(s: Tensor<3>) -> Tensor<3> {
    // A constant, either 0 or s: ln(1 + eˢ) = m + ln(e^{-m} + e^{s-m}).
    let m = s.clone().detach().clamp_min(0.0);
    let rest = ((s - m.clone()).exp() + ((-m.clone()).exp() - 1.0)).log1p();
    m + rest
}

/// The tensors of [`ScanInputs`] as a backend has them. The gradients by them have the same form.
// ANCHOR: registered
#[derive(Debug, Clone, ExtensionType)]
pub struct ScanPrimitives<B: Backend> {
    /// The input, `[batch, length, d_inner]`.
    pub u: FloatTensor<B>,
    /// The step before bias and softplus, `[batch, length, d_inner]`.
    pub delta: FloatTensor<B>,
    /// The rates of decay, `[d_inner, d_state]`.
    pub a: FloatTensor<B>,
    /// Where the input goes, `[batch, length, groups, d_state]`.
    pub b: FloatTensor<B>,
    /// What is read of the state, `[batch, length, groups, d_state]`.
    pub c: FloatTensor<B>,
    /// What goes past the state, `[d_inner]`.
    pub d: FloatTensor<B>,
    /// The gate before SiLU, `[batch, length, d_inner]`.
    pub z: FloatTensor<B>,
    /// What is added to `delta`, `[d_inner]`.
    pub delta_bias: FloatTensor<B>,
}

/// What a backend must do to have a selective scan of its own, in single precision.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait SelectiveScanOps: Backend {
    /// The function [`selective_scan`] for tensors as the backend has them.
    fn selective_scan(#[extension_type] inputs: ScanPrimitives<Self>) -> FloatTensor<Self>;

    /// The function [`selective_scan_from`]: the outcome, and the last state.
    fn selective_scan_from(
        #[extension_type] inputs: ScanPrimitives<Self>,
        state: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}
// ANCHOR_END: registered

/// The way back, for backends that compute and do not themselves differentiate.
pub trait SelectiveScanAdjoint: SelectiveScanOps {
    /// The function [`selective_scan`], and what the way back wants to find again: a tensor of any shape.
    fn selective_scan_kept(inputs: ScanPrimitives<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of a loss by all that goes in, from what was kept and the gradient by the outcome.
    fn selective_scan_adjoint(
        inputs: ScanPrimitives<Self>,
        kept: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> ScanPrimitives<Self>;
}

impl<B: Backend> ScanPrimitives<B> {
    /// The same of another backend, tensor by tensor.
    pub fn map<C: Backend>(
        self,
        mut to: impl FnMut(FloatTensor<B>) -> FloatTensor<C>,
    ) -> ScanPrimitives<C> {
        ScanPrimitives {
            u: to(self.u),
            delta: to(self.delta),
            a: to(self.a),
            b: to(self.b),
            c: to(self.c),
            d: to(self.d),
            z: to(self.z),
            delta_bias: to(self.delta_bias),
        }
    }

    /// In the order of the fields.
    fn into_array(self) -> [FloatTensor<B>; 8] {
        [self.u, self.delta, self.a, self.b, self.c, self.d, self.z, self.delta_bias]
    }
}

/// How the gradients of a selective scan are computed, once the gradient by its outcome is known.
#[derive(Debug)]
struct SelectiveScan;

impl<B: SelectiveScanAdjoint> Backward<B, 8> for SelectiveScan {
    type State = (ScanPrimitives<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 8>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (inputs, kept) = ops.state;
        let gradient = gradients.consume::<B>(&ops.node);
        let found = B::selective_scan_adjoint(inputs, kept, gradient).into_array();
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: SelectiveScanAdjoint, S: CheckpointStrategy> SelectiveScanOps for Autodiff<B, S> {
    fn selective_scan(inputs: ScanPrimitives<Self>) -> FloatTensor<Self> {
        let parents = inputs.clone().into_array().map(|tensor| tensor.node());
        let inputs = inputs.map::<B>(|tensor| tensor.into_primitive());
        match SelectiveScan.prepare::<S>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                let (y, kept) = B::selective_scan_kept(inputs.clone());
                node.finish((inputs, kept), y)
            }
            OpsKind::UnTracked(node) => node.finish(B::selective_scan(inputs)),
        }
    }

    fn selective_scan_from(
        inputs: ScanPrimitives<Self>,
        state: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = inputs.map::<B>(|tensor| tensor.into_primitive());
        let (y, state) = B::selective_scan_from(inputs, state.into_primitive());
        (Self::from_inner(y), Self::from_inner(state))
    }
}

/// A loan of the numbers of tensors.
fn slices(inputs: &ScanPrimitives<Flex>) -> ScanSlices<'_, f32> {
    let [batch, length, d_inner] = inputs.u.shape().dims();
    let [_, _, groups, d_state] = inputs.b.shape().dims();
    ScanSlices {
        sizes: Sizes { batch, length, d_inner, groups, d_state },
        u: numbers(&inputs.u),
        delta: numbers(&inputs.delta),
        a: numbers(&inputs.a),
        b: numbers(&inputs.b),
        c: numbers(&inputs.c),
        d: numbers(&inputs.d),
        z: numbers(&inputs.z),
        delta_bias: numbers(&inputs.delta_bias),
    }
}

fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("a contiguous tensor of single precision")
}

fn contiguous(inputs: ScanPrimitives<Flex>) -> ScanPrimitives<Flex> {
    inputs.map::<Flex>(|tensor| tensor.to_contiguous())
}

fn tensor(numbers: Vec<f32>, like: &FlexTensor) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, like.shape()))
}

impl SelectiveScanOps for Flex {
    fn selective_scan(inputs: ScanPrimitives<Self>) -> FlexTensor {
        let inputs = contiguous(inputs);
        let scan = slices(&inputs);
        let y = cpu::selective_scan(&scan, &mut vec![0.0; scan.sizes.states()]);
        tensor(y, &inputs.u)
    }

    fn selective_scan_from(
        inputs: ScanPrimitives<Self>,
        state: FlexTensor,
    ) -> (FlexTensor, FlexTensor) {
        let inputs = contiguous(inputs);
        let mut last = numbers(&state.to_contiguous()).to_vec();
        let y = cpu::selective_scan(&slices(&inputs), &mut last);
        (tensor(y, &inputs.u), tensor(last, &state))
    }
}

impl SelectiveScanAdjoint for Flex {
    fn selective_scan_kept(inputs: ScanPrimitives<Self>) -> (FlexTensor, FlexTensor) {
        let inputs = contiguous(inputs);
        let (y, kept) = cpu::selective_scan_kept(&slices(&inputs));
        let count = kept.len();
        (tensor(y, &inputs.u), FlexTensor::from_data(TensorData::new(kept, [count])))
    }

    fn selective_scan_adjoint(
        inputs: ScanPrimitives<Self>,
        kept: FlexTensor,
        gradient: FlexTensor,
    ) -> ScanPrimitives<Self> {
        let inputs = contiguous(inputs);
        let found = cpu::selective_scan_adjoint(
            &slices(&inputs),
            numbers(&kept),
            numbers(&gradient.to_contiguous()),
        );
        ScanPrimitives {
            u: tensor(found.u, &inputs.u),
            delta: tensor(found.delta, &inputs.delta),
            a: tensor(found.a, &inputs.a),
            b: tensor(found.b, &inputs.b),
            c: tensor(found.c, &inputs.c),
            d: tensor(found.d, &inputs.d),
            z: tensor(found.z, &inputs.z),
            delta_bias: tensor(found.delta_bias, &inputs.delta_bias),
        }
    }
}

/// The numbers of a tensor on a card, fetched.
fn fetched(tensor: FloatTensor<Cube>) -> FlexTensor {
    let data = read_sync(Cube::float_into_data(tensor)).expect("the card still answers");
    FlexTensor::from_data(data)
}

/// Where `None` is met below, there are more states than the workgroups of this card have room for, and the processor scans.
impl SelectiveScanOps for Cube {
    fn selective_scan(inputs: ScanPrimitives<Self>) -> FloatTensor<Self> {
        let device = inputs.u.device.clone();
        match gpu::division(&inputs) {
            Some(division) => gpu::scan(inputs, None, division, false).y,
            None => {
                let y = Flex::selective_scan(inputs.map::<Flex>(fetched));
                Cube::float_from_data(y.into_data(), &device)
            }
        }
    }

    fn selective_scan_from(
        inputs: ScanPrimitives<Self>,
        state: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let device = inputs.u.device.clone();
        match gpu::division(&inputs) {
            Some(division) => {
                let scanned = gpu::scan(inputs, Some(state), division, false);
                (scanned.y, scanned.state)
            }
            None => {
                let inputs = inputs.map::<Flex>(fetched);
                let (y, state) = Flex::selective_scan_from(inputs, fetched(state));
                let there = |tensor: FlexTensor| Cube::float_from_data(tensor.into_data(), &device);
                (there(y), there(state))
            }
        }
    }
}

impl SelectiveScanAdjoint for Cube {
    fn selective_scan_kept(inputs: ScanPrimitives<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let device = inputs.u.device.clone();
        match gpu::division(&inputs) {
            Some(division) => {
                let scanned = gpu::scan(inputs, None, division, true);
                (scanned.y, scanned.kept)
            }
            None => {
                let (y, kept) = Flex::selective_scan_kept(inputs.map::<Flex>(fetched));
                let there = |tensor: FlexTensor| Cube::float_from_data(tensor.into_data(), &device);
                (there(y), there(kept))
            }
        }
    }

    fn selective_scan_adjoint(
        inputs: ScanPrimitives<Self>,
        kept: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> ScanPrimitives<Self> {
        let device = inputs.u.device.clone();
        match gpu::division(&inputs) {
            Some(division) => gpu::adjoint(inputs, kept, gradient, division),
            None => {
                let inputs = inputs.map::<Flex>(fetched);
                let found = Flex::selective_scan_adjoint(inputs, fetched(kept), fetched(gradient));
                found.map::<Cube>(|tensor| Cube::float_from_data(tensor.into_data(), &device))
            }
        }
    }
}
