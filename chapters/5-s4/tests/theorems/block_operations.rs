//! What is claimed of the operations of a block: one walk through memory does what a dozen composed ones do, there and
//! back.

use burn::tensor::{Device, Tensor, TensorData};
use ml_links::testing::{card, noise, numbers};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s4::block_on_cpu;
use s4::block_operations::{
    Mixture, channel_norm, channel_norm_composed, gated_mix, gated_mix_composed,
};

/// Lengths around the width of a register, and odd numbers of channels; more sequences than a task has.
const SHAPES: [[usize; 3]; 5] = [[1, 1, 1], [2, 3, 7], [5, 8, 16], [9, 6, 33], [3, 20, 100]];

/// Asserts closeness to the size of the largest, and says where the first difference is.
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(1.0, |size: f64, value| size.max(value.abs()));
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * size,
            "{what}: at {k} expected {expected}, found {found}"
        );
    }
}

/// The outcome of a function of these tensors, and the gradient of a random sum of it by each.
fn there_and_back<const N: usize>(
    tensors: [Vec<usize>; N],
    device: &Device,
    function: impl Fn([Tensor<3>; N]) -> Tensor<3>,
) -> Vec<Vec<f64>> {
    let device = device.clone().autodiff();
    let mut seed = 0;
    let tensors = tensors.map(|shape| {
        seed += 1;
        noise([shape[0], shape[1], shape[2]], seed, &device).require_grad()
    });
    let out = function(tensors.clone());
    let gradients = (out.clone() * noise(out.dims(), 99, &device)).sum().backward();
    let mut found = vec![numbers(out.inner())];
    found.extend(tensors.iter().map(|tensor| numbers(tensor.grad(&gradients).unwrap())));
    found
}

fn normed(
    norm: fn(Tensor<3>, Tensor<1>, Tensor<1>) -> Tensor<3>,
    [batch, channels, length]: [usize; 3],
    device: &Device,
) -> Vec<Vec<f64>> {
    let vector = vec![1, 1, channels];
    there_and_back([vec![batch, channels, length], vector.clone(), vector], device, |[x, g, b]| {
        norm(x, g.reshape([-1]), b.reshape([-1]))
    })
}

fn mixed(
    mix: fn(Tensor<3>, Tensor<3>, Mixture) -> Tensor<3>,
    [batch, channels, length]: [usize; 3],
    device: &Device,
) -> Vec<Vec<f64>> {
    let sequences = vec![batch, channels, length];
    let (weight, bias) = (vec![1, channels, 2 * channels], vec![1, 1, 2 * channels]);
    let mask =
        |seed, device: &Device| noise([batch, channels], seed, device).greater_elem(0.0).float();
    there_and_back([sequences.clone(), sequences, weight, bias], device, |[x, y, weight, bias]| {
        let device = x.device();
        let mixture = Mixture {
            weight: weight.squeeze_dim(0),
            bias: bias.reshape([-1]),
            kept_before: mask(11, &device) * 2.0,
            kept_after: mask(12, &device) * 1.5,
        };
        mix(x, y, mixture)
    })
}

#[test]
fn fused_norm_equals_the_composed_one_there_and_back() {
    for shape in SHAPES {
        let device = Device::flex();
        let expected = normed(channel_norm_composed, shape, &device);
        // Over one channel the norm is constant, and its gradient the rounding of 0 over a root of 1e-5.
        let tolerance = if shape[1] == 1 { 1e-3 } else { 2e-5 };
        for (i, (found, expected)) in
            normed(channel_norm, shape, &device).iter().zip(&expected).enumerate()
        {
            assert_close(found, expected, tolerance, &format!("{shape:?}, tensor {i}"));
        }
    }
}

#[test]
fn fused_mixture_equals_the_composed_one_there_and_back() {
    for shape in SHAPES {
        let device = Device::flex();
        let expected = mixed(gated_mix_composed, shape, &device);
        for (i, (found, expected)) in
            mixed(gated_mix, shape, &device).iter().zip(&expected).enumerate()
        {
            assert_close(found, expected, 2e-5, &format!("{shape:?}, tensor {i}"));
        }
    }
}

#[test]
fn a_graphics_card_mixes_and_norms_as_the_processor_does() {
    let Some(card) = card() else { return };
    let shape = [2, 4, 9];
    for (found, expected) in
        normed(channel_norm, shape, &card).iter().zip(normed(channel_norm, shape, &Device::flex()))
    {
        assert_close(found, &expected, 1e-4, "the norm");
    }
    for (found, expected) in
        mixed(gated_mix, shape, &card).iter().zip(mixed(gated_mix, shape, &Device::flex()))
    {
        assert_close(found, &expected, 1e-4, "the mixture");
    }
}

#[test]
fn double_precision_goes_the_composed_way() {
    let device = Device::flex();
    let x = noise([2, 5, 9], 1, &device).cast(burn::tensor::DType::F64);
    let ones = Tensor::<1>::ones([5], (&device, burn::tensor::DType::F64));
    let y = channel_norm(x, ones.clone(), ones);
    assert_eq!(y.dtype(), burn::tensor::DType::F64);
    let mean = numbers(y.mean_dim(1));
    assert!(mean.iter().all(|mean| (mean - 1.0).abs() < 1e-12), "{mean:?}");
}

#[test]
fn exponential_keeps_its_digits_over_all_its_range() {
    let mut worst: f32 = 0.0;
    for i in -86_000..=87_000 {
        let x = i as f32 / 1000.0;
        let relative = f64::from(block_on_cpu::exp(x)) / f64::from(x).exp() - 1.0;
        worst = worst.max(relative.abs() as f32);
    }
    assert!(worst < 2e-7, "{worst}");
}

#[test]
fn a_norm_forgets_level_and_size_of_a_step() {
    let device = Device::flex();
    let (x, [gamma, beta]) =
        (noise([2, 8, 5], 3, &device), [4, 5].map(|seed| noise([8], seed, &device)));
    let y = channel_norm(x.clone(), gamma.clone(), beta.clone());
    let louder = channel_norm(x * 100.0 + 7.0, gamma, beta);
    assert_close(&numbers(louder), &numbers(y), 1e-3, "a louder step");
}

#[test]
fn a_closed_gate_leaves_only_what_went_in() {
    let device = Device::flex();
    let shut =
        Tensor::cat(vec![Tensor::<1>::ones([3], &device), Tensor::full([3], -100.0, &device)], 0);
    let ones = Tensor::ones([2, 3], &device);
    let mixture = Mixture {
        weight: Tensor::zeros([3, 6], &device),
        bias: shut,
        kept_before: ones.clone(),
        kept_after: ones,
    };
    let (x, y) = (noise([2, 3, 4], 1, &device), noise([2, 3, 4], 2, &device));
    assert_eq!(numbers(gated_mix(x.clone(), y, mixture)), numbers(x));
}

#[test]
fn fused_cross_entropy_equals_chapter_4s_there_and_back() {
    let device = Device::flex();
    for [batch, classes, length] in [[1, 2, 1], [3, 10, 1], [2, 7, 9], [5, 256, 40]] {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let targets: Vec<i32> =
            (0..batch * length).map(|_| random.random_range(0..classes as i32)).collect();
        let targets = |device: &Device| {
            Tensor::<2, burn::tensor::Int>::from_data(
                TensorData::new(targets.clone(), [batch, length]),
                device,
            )
        };
        let cost = |fused: bool| {
            there_and_back([vec![batch, classes, length]], &device, |[logits]| {
                let targets = targets(&logits.device());
                // Logits far apart, and far from 0.
                let logits = logits * 30.0 + 50.0;
                let cost = match fused {
                    true => s4::block_operations::cross_entropy(logits, targets),
                    false => {
                        ml_links::language_model::cross_entropy(logits.swap_dims(1, 2), targets)
                    }
                };
                cost.reshape([1, 1, 1])
            })
        };
        for (found, expected) in cost(true).iter().zip(cost(false)) {
            assert_close(found, &expected, 1e-5, &format!("{batch} x {classes} x {length}"));
        }
    }
}
