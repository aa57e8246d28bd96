//! What is claimed of the operations along time, on the processor and on a graphics card.

use burn::signal::{irfft, rfft};
use burn::tensor::{DType, Device, Tensor, TensorData};
use ml_links::operations::{causal_convolution, linear_scan};
use ml_links::operations_on_cpu as cpu;
use ml_links::testing::{card, numbers};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Powers of two, primes, products, and the shortest.
const LENGTHS: [usize; 7] = [1, 2, 7, 64, 97, 255, 1000];

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn floats<const D: usize>(
    numbers: &[f64],
    shape: [usize; D],
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers.to_vec(), shape), (device, dtype))
}

/// Asserts closeness, and says where the first difference is.
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
            "{what}: at {k} expected {expected}, found {found}"
        );
    }
}

/// The sum that a causal convolution stands for.
fn convolved(u: &[f64], kernel: &[f64], [batch, channels, length]: [usize; 3]) -> Vec<f64> {
    let mut y = Vec::new();
    for row in 0..batch * channels {
        let (u, kernel) =
            (&u[row * length..][..length], &kernel[row % channels * length..][..length]);
        y.extend((0..length).map(|k| (0..=k).map(|j| kernel[j] * u[k - j]).sum::<f64>()));
    }
    y
}

/// The loop that a scan stands for.
fn scanned(a: &[f64], b: &[f64], initial: &[f64]) -> Vec<f64> {
    let length = a.len() / initial.len();
    let mut x = Vec::new();
    for (row, &initial) in initial.iter().enumerate() {
        let mut state = initial;
        for k in row * length..(row + 1) * length {
            state = a[k] * state + b[k];
            x.push(state);
        }
    }
    x
}

/// The convolution composed of burn's own operations, which differentiates itself.
fn convolution_of_tensor_operations(u: Tensor<3>, kernel: Tensor<2>) -> Tensor<3> {
    let length = u.dims()[2];
    let n = (2 * length).next_power_of_two();
    let (u_re, u_im) = rfft(u, 2, Some(n));
    let (k_re, k_im) = rfft(kernel, 1, Some(n));
    let (k_re, k_im) = (k_re.unsqueeze_dim(0), k_im.unsqueeze_dim(0));
    let re = u_re.clone() * k_re.clone() - u_im.clone() * k_im.clone();
    let im = u_re * k_im + u_im * k_re;
    irfft(re, im, 2, Some(n)).narrow(2, 0, length)
}

/// The scan composed of burn's own operations, which differentiates itself.
fn scan_of_tensor_operations(a: Tensor<3>, b: Tensor<3>, initial: Tensor<2>) -> Tensor<3> {
    let mut x = initial.unsqueeze_dim::<3>(2);
    let mut states = Vec::new();
    for k in 0..a.dims()[2] {
        x = a.clone().narrow(2, k, 1) * x + b.clone().narrow(2, k, 1);
        states.push(x.clone());
    }
    Tensor::cat(states, 2)
}

/// Outcome and gradients of a scan: x, ∂L/∂a, ∂L/∂b, ∂L/∂x₋₁ for L = Σ w x² / 2.
fn scan_and_gradients(
    scan: impl Fn(Tensor<3>, Tensor<3>, Tensor<2>) -> Tensor<3>,
    shape: [usize; 3],
    device: &Device,
    dtype: DType,
) -> [Vec<f64>; 4] {
    let [batch, channels, length] = shape;
    let rows = batch * channels;
    let device = device.clone().autodiff();
    let a = floats(&noise(rows * length, 1), shape, &device, dtype).require_grad();
    let b = floats(&noise(rows * length, 2), shape, &device, dtype).require_grad();
    let initial = floats(&noise(rows, 3), [batch, channels], &device, dtype).require_grad();
    let weights = floats(&noise(rows * length, 4), shape, &device, dtype);
    let x = scan(a.clone(), b.clone(), initial.clone());
    let gradients = (weights * x.clone() * x.clone() / 2.0).sum().backward();
    [
        numbers(x),
        numbers(a.grad(&gradients).unwrap()),
        numbers(b.grad(&gradients).unwrap()),
        numbers(initial.grad(&gradients).unwrap()),
    ]
}

/// Outcome and gradients of a convolution: y, ∂L/∂u, ∂L/∂kernel for L = Σ w y² / 2.
fn convolution_and_gradients(
    convolution: impl Fn(Tensor<3>, Tensor<2>) -> Tensor<3>,
    shape: [usize; 3],
    device: &Device,
    dtype: DType,
) -> [Vec<f64>; 3] {
    let [batch, channels, length] = shape;
    let device = device.clone().autodiff();
    let u = floats(&noise(batch * channels * length, 5), shape, &device, dtype).require_grad();
    let kernel =
        floats(&noise(channels * length, 6), [channels, length], &device, dtype).require_grad();
    let weights = floats(&noise(batch * channels * length, 7), shape, &device, dtype);
    let y = convolution(u.clone(), kernel.clone());
    let gradients = (weights * y.clone() * y.clone() / 2.0).sum().backward();
    [numbers(y), numbers(u.grad(&gradients).unwrap()), numbers(kernel.grad(&gradients).unwrap())]
}

#[test]
fn causal_convolution_is_the_sum_it_stands_for() {
    for length in LENGTHS {
        let shape = [3, 2, length];
        let (u, kernel) = (noise(6 * length, 8), noise(2 * length, 9));
        let expected = convolved(&u, &kernel, shape);
        // Sums of `length` products with random signs: rounding errors grow like its root.
        let growth = (length as f64).sqrt();
        for (dtype, epsilon) in [(DType::F64, f64::EPSILON), (DType::F32, f64::from(f32::EPSILON))]
        {
            let device = Device::flex();
            let y = causal_convolution(
                floats(&u, shape, &device, dtype),
                floats(&kernel, [2, length], &device, dtype),
            );
            assert_close(
                &numbers(y),
                &expected,
                4.0 * growth * epsilon,
                &format!("length {length}, {dtype:?}"),
            );
        }
    }
}

#[test]
fn linear_scan_is_the_loop_it_stands_for() {
    for length in LENGTHS {
        let shape = [3, 5, length];
        // Growing, decaying, negative and zero coefficients.
        let a: Vec<f64> = noise(15 * length, 10)
            .iter()
            .map(|a| if a.abs() < 0.05 { 0.0 } else { 1.2 * a })
            .collect();
        let (b, initial) = (noise(15 * length, 11), noise(15, 12));
        let expected = scanned(&a, &b, &initial);
        for (dtype, epsilon) in [(DType::F64, f64::EPSILON), (DType::F32, f64::from(f32::EPSILON))]
        {
            let device = Device::flex();
            let x = linear_scan(
                floats(&a, shape, &device, dtype),
                floats(&b, shape, &device, dtype),
                floats(&initial, [3, 5], &device, dtype),
            );
            assert_close(
                &numbers(x),
                &expected,
                32.0 * epsilon,
                &format!("length {length}, {dtype:?}"),
            );
        }
    }
}

#[test]
fn a_long_memory_keeps_its_digits() {
    // A state that forgets one part in ten thousand a step, fed with ones: 10⁴ (1 - a^{k+1}).
    let (a, length) = (0.9999, 4096);
    let x = cpu::linear_scan(&vec![a; length], &vec![1.0; length], &[0.0]);
    for k in [0, 1, 100, 4095] {
        let exact = (1.0 - f64::powi(a, k as i32 + 1)) / (1.0 - a);
        assert!((x[k] - exact).abs() < 1e-11 * exact, "at {k}: {} or {exact}", x[k]);
    }
}

#[test]
fn gradients_equal_those_of_composed_operations() {
    let device = Device::flex();
    for length in [1, 7, 64, 100] {
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-4)] {
            let what = format!("length {length}, {dtype:?}");
            let ours = scan_and_gradients(linear_scan, [2, 3, length], &device, dtype);
            let composed =
                scan_and_gradients(scan_of_tensor_operations, [2, 3, length], &device, dtype);
            for (ours, composed) in ours.iter().zip(&composed) {
                assert_close(ours, composed, tolerance, &format!("scan, {what}"));
            }
            let ours =
                convolution_and_gradients(causal_convolution, [3, 2, length], &device, dtype);
            let composed = convolution_and_gradients(
                convolution_of_tensor_operations,
                [3, 2, length],
                &device,
                dtype,
            );
            // burn's own transforms of double precision turn by angles of single precision.
            let tolerance = f64::max(tolerance, 1e-4);
            for (ours, composed) in ours.iter().zip(&composed) {
                assert_close(ours, composed, tolerance, &format!("convolution, {what}"));
            }
        }
    }
}

/// The loss is a polynomial of degree two in each single number, so the central difference is exact for *every* step:
/// with a step of one half there is nothing but rounding, of about 1e-15 times the loss.
#[test]
fn gradients_equal_differences_of_the_loss() {
    let (device, step) = (Device::flex(), 0.5);
    let loss = |outcome: Tensor<3>, weights: &[f64]| -> f64 {
        numbers(outcome).iter().zip(weights).map(|(x, w)| w * x * x / 2.0).sum()
    };
    for length in [1, 7, 64] {
        let (shape, count) = ([1, 2, length], 2 * length);
        let parts = [noise(count, 1), noise(count, 2), noise(2, 3)];
        let weights = noise(count, 4);
        let at = |parts: &[Vec<f64>; 3]| {
            let x = linear_scan(
                floats(&parts[0], shape, &device, DType::F64),
                floats(&parts[1], shape, &device, DType::F64),
                floats(&parts[2], [1, 2], &device, DType::F64),
            );
            loss(x, &weights)
        };
        let [_, d_a, d_b, d_initial] = scan_and_gradients(linear_scan, shape, &device, DType::F64);
        for (part, gradient) in [d_a, d_b, d_initial].iter().enumerate() {
            for (i, &gradient) in gradient.iter().enumerate() {
                let (mut up, mut down) = (parts.clone(), parts.clone());
                up[part][i] += step;
                down[part][i] -= step;
                let difference = (at(&up) - at(&down)) / (2.0 * step);
                assert!(
                    (difference - gradient).abs() < 1e-11,
                    "scan {part}, {i}: {difference} or {gradient}"
                );
            }
        }

        let parts = [noise(count, 5), noise(count, 6)];
        let weights = noise(count, 7);
        let at = |parts: &[Vec<f64>; 2]| {
            let y = causal_convolution(
                floats(&parts[0], shape, &device, DType::F64),
                floats(&parts[1], [2, length], &device, DType::F64),
            );
            loss(y, &weights)
        };
        let [_, d_u, d_kernel] =
            convolution_and_gradients(causal_convolution, shape, &device, DType::F64);
        for (part, gradient) in [d_u, d_kernel].iter().enumerate() {
            for (i, &gradient) in gradient.iter().enumerate() {
                let (mut up, mut down) = (parts.clone(), parts.clone());
                up[part][i] += step;
                down[part][i] -= step;
                let difference = (at(&up) - at(&down)) / (2.0 * step);
                assert!(
                    (difference - gradient).abs() < 1e-11,
                    "convolution {part}, {i}: {difference} or {gradient}"
                );
            }
        }
    }
}

#[test]
fn a_graphics_card_computes_what_the_processor_does() {
    let Some(card) = card() else { return };
    for length in [1, 7, 300] {
        let shape = [3, 2, length];
        let ours = scan_and_gradients(linear_scan, shape, &card, DType::F32);
        let expected = scan_and_gradients(linear_scan, shape, &Device::flex(), DType::F32);
        for (ours, expected) in ours.iter().zip(&expected) {
            // The card may fuse a product and a sum; states stay below 4 here.
            assert_close(ours, expected, 1e-5, &format!("scan, length {length}"));
        }
        let ours = convolution_and_gradients(causal_convolution, shape, &card, DType::F32);
        let expected =
            convolution_and_gradients(causal_convolution, shape, &Device::flex(), DType::F32);
        for (ours, expected) in ours.iter().zip(&expected) {
            // Sums of up to 300 products of sums of 300 products.
            assert_close(ours, expected, 2e-4, &format!("convolution, length {length}"));
        }
    }
}

#[test]
fn only_what_is_trained_has_a_gradient() {
    let device = Device::flex().autodiff();
    let shape = [2, 2, 7];
    let (u, kernel) = (noise(28, 5), noise(14, 6));
    let both = {
        let u = floats(&u, shape, &device, DType::F64).require_grad();
        let kernel = floats(&kernel, [2, 7], &device, DType::F64).require_grad();
        let gradients =
            causal_convolution(u.clone(), kernel.clone()).powi_scalar(2).sum().backward();
        [numbers(u.grad(&gradients).unwrap()), numbers(kernel.grad(&gradients).unwrap())]
    };
    // The input is data, without automatic differentiation: a constant beside the trained kernel.
    let data = floats(&u, shape, &Device::flex(), DType::F64);
    let trained = floats(&kernel, [2, 7], &device, DType::F64).require_grad();
    let gradients =
        causal_convolution(data.clone(), trained.clone()).powi_scalar(2).sum().backward();
    assert_eq!(numbers(trained.grad(&gradients).unwrap()), both[1]);
    assert!(data.grad(&gradients).is_none());
    // And the other way round.
    let trained = floats(&u, shape, &device, DType::F64).require_grad();
    let data = floats(&kernel, [2, 7], &device, DType::F64);
    let gradients = causal_convolution(trained.clone(), data).powi_scalar(2).sum().backward();
    assert_eq!(numbers(trained.grad(&gradients).unwrap()), both[0]);
    // A scan with one part trained.
    let a = floats(&noise(28, 1), shape, &device, DType::F64).require_grad();
    let b = floats(&noise(28, 2), shape, &Device::flex(), DType::F64);
    let x = linear_scan(a.clone(), b, Tensor::zeros([2, 2], (&Device::flex(), DType::F64)));
    assert!(a.grad(&x.sum().backward()).is_some());
}

#[test]
fn a_number_used_twice_gathers_both_gradients() {
    let device = Device::flex().autodiff();
    let both = floats(&noise(6, 1), [1, 1, 6], &device, DType::F64).require_grad();
    let initial = Tensor::zeros([1, 1], (&device, DType::F64));
    let gradients = linear_scan(both.clone(), both.clone(), initial).sum().backward();
    let gathered = numbers(both.grad(&gradients).unwrap());
    let x = cpu::linear_scan(&noise(6, 1), &noise(6, 1), &[0.0]);
    let (d_a, d_b, _) = cpu::linear_scan_adjoint(&noise(6, 1), &x, &[0.0], &[1.0; 6]);
    let expected: Vec<f64> = d_a.iter().zip(&d_b).map(|(a, b)| a + b).collect();
    assert_close(&gathered, &expected, 1e-15, "x_k = a_k x_{k-1} + a_k");
}

#[test]
fn the_order_in_memory_does_not_matter() {
    let mut devices = vec![Device::flex()];
    devices.extend(card());
    for device in devices {
        let shape = [2, 3, 8];
        let whole = floats(&noise(48, 1), shape, &device, DType::F32);
        let turned = floats(&noise(48, 1), shape, &device, DType::F32).swap_dims(0, 2).clone();
        let plain = Tensor::from_data(turned.clone().into_data(), (&device, DType::F32));
        let initial = floats(&noise(24, 3), [8, 3], &device, DType::F32);
        let x = linear_scan(turned.clone(), turned.clone(), initial.clone());
        let expected = linear_scan(plain.clone(), plain.clone(), initial);
        assert_close(&numbers(x), &numbers(expected), 1e-6, "scan of a transposed tensor");
        let kernel = floats(&noise(6, 4), [3, 2], &device, DType::F32);
        let y = causal_convolution(turned, kernel.clone());
        assert_close(
            &numbers(y),
            &numbers(causal_convolution(plain, kernel)),
            1e-6,
            "convolution of a transposed tensor",
        );
        // A part of a longer tensor, which begins in the middle of its memory.
        let part = whole.clone().narrow(2, 3, 5);
        let copy = Tensor::from_data(part.clone().into_data(), (&device, DType::F32));
        let initial = floats(&noise(6, 3), [2, 3], &device, DType::F32);
        let x = linear_scan(part.clone(), part, initial.clone());
        assert_close(
            &numbers(x),
            &numbers(linear_scan(copy.clone(), copy, initial)),
            1e-6,
            "scan of a part",
        );
    }
}

#[test]
fn what_comes_out_does_not_depend_on_the_number_of_threads() {
    let (batch, channels, length) = (37, 3, 50);
    let count = batch * channels * length;
    let run = || {
        let (u, kernel) = (noise(count, 1), noise(channels * length, 2));
        let (d_u, d_kernel) = cpu::causal_convolution_adjoint(
            Some(&u),
            Some(&kernel),
            &noise(count, 3),
            [channels, length],
        );
        let x = cpu::linear_scan(&u, &noise(count, 4), &noise(batch * channels, 5));
        let y = cpu::causal_convolution(&u, &kernel, length);
        [d_u.unwrap(), d_kernel.unwrap(), x, y]
    };
    let with = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
    };
    assert_eq!(with(1), with(5));
}

/// The sums that the gradients of a convolution stand for.
fn correlated(
    (u, kernel, gradient): (&[f64], &[f64], &[f64]),
    [batch, channels, length]: [usize; 3],
) -> [Vec<f64>; 2] {
    let (mut d_u, mut d_kernel) = (vec![0.0; u.len()], vec![0.0; kernel.len()]);
    for row in 0..batch * channels {
        let (row, channel) = (row * length, row % channels * length);
        for j in 0..length {
            for k in j..length {
                d_u[row + j] += kernel[channel + k - j] * gradient[row + k];
                d_kernel[channel + j] += u[row + k - j] * gradient[row + k];
            }
        }
    }
    [d_u, d_kernel]
}

#[test]
fn a_batch_of_any_size_finds_its_rows() {
    // Rows go to tasks by the handful; one more and one less than a handful, and several.
    for batch in [1, 15, 16, 17, 37] {
        let shape @ [_, channels, length] = [batch, 3, 10];
        let count = batch * channels * length;
        let (u, kernel, gradient) = (noise(count, 1), noise(channels * length, 2), noise(count, 3));
        let y = cpu::causal_convolution(&u, &kernel, length);
        assert_close(&y, &convolved(&u, &kernel, shape), 1e-14, "the convolution");
        let (d_u, d_kernel) =
            cpu::causal_convolution_adjoint(Some(&u), Some(&kernel), &gradient, [channels, length]);
        let [by_u, by_kernel] = correlated((&u, &kernel, &gradient), shape);
        assert_close(&d_u.unwrap(), &by_u, 1e-14, "the gradient by u");
        assert_close(&d_kernel.unwrap(), &by_kernel, 1e-13, "the gradient by the kernel");
    }
}

#[test]
fn nothing_comes_of_nothing() {
    let mut devices = vec![Device::flex()];
    devices.extend(card());
    for device in devices {
        for shape in [[0, 2, 4], [2, 0, 4], [2, 2, 0]] {
            let empty = Tensor::<3>::zeros(shape, &device);
            let x = linear_scan(
                empty.clone(),
                empty.clone(),
                Tensor::zeros([shape[0], shape[1]], &device),
            );
            assert_eq!(x.dims(), shape);
        }
    }
}

#[test]
#[should_panic(expected = "expected one kernel of the input's length for each of its channels")]
fn a_kernel_of_another_length_is_refused() {
    let device = Device::flex();
    causal_convolution(Tensor::zeros([1, 2, 8], &device), Tensor::zeros([2, 7], &device));
}

#[test]
#[should_panic(expected = "expected one initial state for each row of a")]
fn a_missing_initial_state_is_refused() {
    let device = Device::flex();
    let rows = Tensor::<3>::zeros([1, 2, 8], &device);
    linear_scan(rows.clone(), rows, Tensor::zeros([1, 1], &device));
}
