//! The echoes of many diagonal memories as one operation on tensors, there and back.
//!
//! Chapter 4 composes the sum `K_k = 2 Re Σ wₙ e^{kzₙ}` of a dozen operations, each of which keeps what it made for the way back. Here it
//! is one, with its adjoint derived by hand:
//!
//! ```text
//! S_n = Σ_k g_k e^{kzₙ},  T_n = Σ_k k g_k e^{kzₙ}:     dK/dw → 2 S̄,     dK/dz → 2 (wT)‾
//! ```
//!
//! for a gradient g by the kernel; a complex gradient is `∂/∂Re + i ∂/∂Im`. As k is `i·m + j`, both ways need `2√L` powers of each mode.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use ml_links::parameterization::{ComplexTensor, vandermonde_kernel};
use multiversion::multiversion;
use nalgebra::Complex;
use rayon::prelude::*;
use s4::dplr_on_cpu::dot;
use s4::dplr_operations::{flex_numbers, flex_tensor, on_processor};

/// The rows of a channel: Re w, Im w, Re z, Im z.
const ROWS: usize = 4;

/// `K_k = 2 Re Σₙ wₙ e^{k zₙ}` for `k = 0, …, length - 1`, of each channel.
///
/// - Shapes: `weight` and `z` are `[channels, pairs]`; the kernels are `[channels, length]`.
/// - On the processor: O(pairs length) multiplications, O(pairs √length) memory, in f64 whatever the tensors hold, the channels
///   spread over the threads. Elsewhere chapter 4's [`vandermonde_kernel`], which is also its oracle.
///
/// # Panics
/// When `length` is 0, or there is no mode.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::parameterization::ComplexTensor;
/// use s4::diagonal_operations::diagonal_kernel;
///
/// let number = |value: f32| Tensor::<2>::from_floats([[value]], &Device::flex());
/// let one = ComplexTensor { re: number(1.0), im: number(0.0) };
/// let half = ComplexTensor { re: number(0.5_f32.ln()), im: number(0.0) };
/// let kernel = diagonal_kernel(&one, &half, 4).into_data().to_vec::<f32>().expect("floats");
/// assert_eq!(kernel, [2.0, 1.0, 0.5, 0.25]);
/// ```
pub fn diagonal_kernel(
    weight: &ComplexTensor<2>,
    z: &ComplexTensor<2>,
    length: usize,
) -> Tensor<2> {
    assert!(length > 0, "expected a kernel of at least one number, found a length of 0");
    assert!(z.re.dims()[1] > 0, "expected at least one pair of modes, found none");
    if !on_processor(&z.re.device()) {
        return vandermonde_kernel(weight, z, length);
    }
    let rows = [&weight.re, &weight.im, &z.re, &z.im].map(Clone::clone);
    let modes: Tensor<3> = Tensor::stack(rows.to_vec(), 1);
    let kernel = <Dispatch as DiagonalKernel>::diagonal_kernel(modes.into_dispatch(), length);
    Tensor::from_dispatch(kernel)
}

/// What a backend must do to have such a kernel as an operation of its own.
#[backend_extension(Flex, Autodiff)]
pub trait DiagonalKernel: Backend {
    /// The function [`diagonal_kernel`]; `modes` is `[channels, 4, pairs]`.
    fn diagonal_kernel(modes: FloatTensor<Self>, length: usize) -> FloatTensor<Self>;
}

/// The way back, for backends that compute and do not themselves differentiate.
pub trait DiagonalAdjoint: DiagonalKernel {
    /// The gradient of a loss by the modes, from its gradient by the kernels.
    fn diagonal_kernel_adjoint(
        modes: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// How the gradient of a kernel is computed, once the gradient by its numbers is known.
#[derive(Debug)]
struct EchoOfModes;

impl<B: DiagonalAdjoint> Backward<B, 1> for EchoOfModes {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            gradients.register::<B>(parent.id, B::diagonal_kernel_adjoint(ops.state, gradient));
        }
    }
}

impl<B: DiagonalAdjoint, S: CheckpointStrategy> DiagonalKernel for Autodiff<B, S> {
    fn diagonal_kernel(modes: FloatTensor<Self>, length: usize) -> FloatTensor<Self> {
        let parent = modes.node();
        let modes = modes.into_primitive();
        let kernel = B::diagonal_kernel(modes.clone(), length);
        match EchoOfModes.prepare::<S>([parent]).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish(modes, kernel),
            OpsKind::UnTracked(node) => node.finish(kernel),
        }
    }
}

impl DiagonalKernel for Flex {
    fn diagonal_kernel(modes: FlexTensor, length: usize) -> FlexTensor {
        let [channels, _, pairs] = modes.shape().dims();
        let mut kernels = vec![0.0; channels * length];
        kernels
            .par_chunks_exact_mut(length)
            .zip(flex_numbers(&modes).par_chunks_exact(ROWS * pairs))
            .for_each(|(kernel, modes)| echo(modes, kernel));
        flex_tensor(kernels, [channels, length], &modes)
    }
}

impl DiagonalAdjoint for Flex {
    fn diagonal_kernel_adjoint(modes: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let shape: [usize; 3] = modes.shape().dims();
        let [channels, _, pairs] = shape;
        let length = gradient.shape()[1];
        let mut by_modes = vec![0.0; channels * ROWS * pairs];
        by_modes
            .par_chunks_exact_mut(ROWS * pairs)
            .zip(flex_numbers(&modes).par_chunks_exact(ROWS * pairs))
            .zip(flex_numbers(&gradient).par_chunks_exact(length))
            .for_each(|((by_modes, modes), gradient)| echo_back(modes, gradient, by_modes));
        flex_tensor(by_modes, shape, &modes)
    }
}

/// The weights of a channel, and its modes.
fn complex(modes: &[f64]) -> (Vec<Complex<f64>>, Vec<Complex<f64>>) {
    let (weight, z) = modes.split_at(modes.len() / 2);
    let numbers = |parts: &[f64]| {
        let (re, im) = parts.split_at(parts.len() / 2);
        re.iter().zip(im).map(|(&re, &im)| Complex::new(re, im)).collect()
    };
    (numbers(weight), numbers(z))
}

/// `e^{kz}` for k = 0, stride, 2 stride, …: a row a power, real parts before imaginary parts.
fn powers(z: &[Complex<f64>], stride: usize, count: usize) -> Vec<f64> {
    let pairs = z.len();
    let ratio: Vec<_> = z.iter().map(|z| (z * stride as f64).exp()).collect();
    let mut power = vec![Complex::new(1.0, 0.0); pairs];
    let mut rows = vec![0.0; 2 * pairs * count];
    for row in rows.chunks_exact_mut(2 * pairs) {
        let (re, im) = row.split_at_mut(pairs);
        for n in 0..pairs {
            (re[n], im[n]) = (power[n].re, power[n].im);
            power[n] *= ratio[n];
        }
    }
    rows
}

/// `m` for which k is taken as `i·m + j`, and how many i there are.
fn blocks(length: usize) -> (usize, usize) {
    let inner = length.isqrt();
    (inner, length.div_ceil(inner))
}

/// One kernel: each number is one product of a row that has the weights with a column that has not.
#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2+fma"))]
fn echo(modes: &[f64], kernel: &mut [f64]) {
    let (weight, z) = complex(modes);
    let pairs = z.len();
    let (inner, outer) = blocks(kernel.len());
    let (rows, columns) = (powers(&z, inner, outer), powers(&z, 1, inner));
    let mut weighted = vec![0.0; 2 * pairs];
    for (taps, row) in kernel.chunks_mut(inner).zip(rows.chunks_exact(2 * pairs)) {
        for n in 0..pairs {
            let weight = weight[n] * Complex::new(row[n], row[pairs + n]);
            (weighted[n], weighted[pairs + n]) = (weight.re, -weight.im);
        }
        for (tap, column) in taps.iter_mut().zip(columns.chunks_exact(2 * pairs)) {
            *tap = 2.0 * dot(&weighted, column);
        }
    }
}

/// The gradients by a channel's modes: S and T, a block at a time.
#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2+fma"))]
fn echo_back(modes: &[f64], gradient: &[f64], by_modes: &mut [f64]) {
    let (weight, z) = complex(modes);
    let pairs = z.len();
    let (inner, outer) = blocks(gradient.len());
    let (rows, columns) = (powers(&z, inner, outer), powers(&z, 1, inner));
    let mut sums = vec![Complex::new(0.0, 0.0); pairs];
    let mut late = sums.clone();
    let (mut block, mut block_late) = (vec![0.0; 2 * pairs], vec![0.0; 2 * pairs]);
    let blocks = gradient.chunks(inner).zip(rows.chunks_exact(2 * pairs));
    for (i, (gradient, row)) in blocks.enumerate() {
        block.fill(0.0);
        block_late.fill(0.0);
        for ((j, &g), column) in gradient.iter().enumerate().zip(columns.chunks_exact(2 * pairs)) {
            let g_late = g * j as f64;
            for n in 0..2 * pairs {
                block[n] += g * column[n];
                block_late[n] += g_late * column[n];
            }
        }
        let begin = (i * inner) as f64;
        for n in 0..pairs {
            let power = Complex::new(row[n], row[pairs + n]);
            let part = power * Complex::new(block[n], block[pairs + n]);
            sums[n] += part;
            late[n] += part * begin + power * Complex::new(block_late[n], block_late[pairs + n]);
        }
    }
    for n in 0..pairs {
        let by_z = weight[n] * late[n];
        by_modes[n] = 2.0 * sums[n].re;
        by_modes[pairs + n] = -2.0 * sums[n].im;
        by_modes[2 * pairs + n] = 2.0 * by_z.re;
        by_modes[3 * pairs + n] = -2.0 * by_z.im;
    }
}
