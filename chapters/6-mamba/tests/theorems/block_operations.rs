//! What is claimed of the operations of a block: one walk through memory does what composed ones do, there and back.

use burn::tensor::{Device, Tensor};
use mamba::block_on_cpu::{self, Sizes, Taps};
use mamba::block_operations::{convolve_silu, convolve_silu_composed, rms_norm, rms_norm_composed};
use ml_links::testing::{apart, card, noise, numbers};

/// Batches, lengths and channels around the width of a register and the length of a task.
const SHAPES: [[usize; 3]; 6] =
    [[1, 1, 1], [2, 3, 7], [3, 8, 16], [2, 63, 5], [1, 64, 9], [2, 131, 33]];

/// The outcome of a function of three tensors, and the gradient of a random sum of it by each.
fn there_and_back(
    x: [usize; 3],
    rows: usize,
    device: &Device,
    function: impl Fn(Tensor<3>, Tensor<2>, Tensor<1>) -> Tensor<3>,
) -> Vec<Vec<f64>> {
    let device = device.clone().autodiff();
    let [_, _, channels] = x;
    let x = noise(x, 1, &device).require_grad();
    let weight = noise([rows, channels], 2, &device).require_grad();
    let bias = noise([channels], 3, &device).require_grad();
    let out = function(x.clone(), weight.clone(), bias.clone());
    let gradients = (out.clone() * noise(out.dims(), 4, &device)).sum().backward();
    let gradient = |found: Option<Vec<f64>>| found.unwrap_or_default();
    vec![
        numbers(out.inner()),
        gradient(x.grad(&gradients).map(numbers)),
        gradient(weight.grad(&gradients).map(numbers)),
        gradient(bias.grad(&gradients).map(numbers)),
    ]
}

#[track_caller]
fn assert_close(found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64, what: &str) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        if !expected.is_empty() {
            let apart = apart(found, expected);
            assert!(
                apart < tolerance,
                "{what}: number {i} of out, x, weight, bias is {apart} apart"
            );
        }
    }
}

#[test]
fn fused_convolution_equals_the_composed_one_there_and_back() {
    let device = Device::flex();
    for shape in SHAPES {
        for taps in [1, 2, 4, 7] {
            let fused = there_and_back(shape, taps, &device, convolve_silu);
            let composed = there_and_back(shape, taps, &device, convolve_silu_composed);
            assert_close(&fused, &composed, 2e-5, &format!("{taps} taps, {shape:?}"));
        }
    }
}

#[test]
fn fused_norm_equals_the_composed_one_there_and_back() {
    let device = Device::flex();
    // Of a single channel the norm leaves the sign, and its gradient is what rounding leaves of 0.
    for shape in SHAPES.into_iter().filter(|shape| shape[2] > 1) {
        let with = |norm: fn(Tensor<3>, Tensor<1>, f64) -> Tensor<3>| {
            there_and_back(shape, 1, &device, |x, weight, _| norm(x, weight.squeeze_dim(0), 1e-5))
        };
        assert_close(&with(rms_norm), &with(rms_norm_composed), 2e-5, &format!("{shape:?}"));
    }
}

#[test]
fn operations_on_a_graphics_card_equal_those_on_the_processor() {
    let Some(card) = card() else { return };
    let convolved = |device: &Device| there_and_back([2, 9, 5], 4, device, convolve_silu);
    assert_close(&convolved(&card), &convolved(&Device::flex()), 1e-4, "convolution");
    let normed = |device: &Device| {
        there_and_back([2, 9, 5], 1, device, |x, weight, _| {
            rms_norm(x, weight.squeeze_dim(0), 1e-5)
        })
    };
    assert_close(&normed(&card), &normed(&Device::flex()), 1e-4, "norm");
}

#[test]
fn sums_do_not_depend_on_the_number_of_threads() {
    let sizes = Sizes { length: 300, channels: 3 };
    let wave: Vec<f32> = (0..1800).map(|k| (k as f32 * 0.37).sin()).collect();
    let back = || {
        let taps = Taps { weight: &wave[..12], bias: &wave[..3], sizes };
        let convolution = block_on_cpu::convolve_silu_adjoint(&wave, taps, &wave);
        (convolution, block_on_cpu::rms_norm_adjoint(&wave, &wave[..3], 1e-5, &wave))
    };
    let with = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(back)
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn sequences_of_a_batch_do_not_hear_each_other() {
    let device = Device::flex();
    let (two, weight, bias) =
        (noise([2, 70, 4], 1, &device), noise([4, 4], 2, &device), noise([4], 3, &device));
    let both = convolve_silu(two.clone(), weight.clone(), bias.clone());
    let second = convolve_silu(two.narrow(0, 1, 1), weight, bias);
    assert_eq!(numbers(both.narrow(0, 1, 1)), numbers(second));
}

#[test]
fn empty_batches_are_fine() {
    let taps = Taps { weight: &[1.0], bias: &[0.0], sizes: Sizes { length: 0, channels: 1 } };
    assert!(block_on_cpu::convolve_silu(&[], taps).is_empty());
    assert_eq!(block_on_cpu::convolve_silu_adjoint(&[], taps, &[]).1, [0.0]);
    assert!(block_on_cpu::rms_norm(&[], &[1.0], 0.0).is_empty());
    assert_eq!(block_on_cpu::rms_norm_adjoint(&[], &[1.0], 0.0, &[]).1, [0.0]);
}
