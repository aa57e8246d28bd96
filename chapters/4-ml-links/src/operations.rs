//! What tensors do along time: causal convolution and the first-order recurrence, differentiable.
//!
//! The last axis is time: `[batch, channels, length]`.

use burn::signal::{irfft, rfft};
use burn::tensor::Tensor;

/// The causal convolution of each channel with its kernel: `y_k = Σ_j kernel_j u_{k-j}`, inputs before the first being 0.
///
/// Shapes: `u` is `[batch, channels, length]`, `kernel` `[channels, length]`; the outcome is shaped like `u`.
/// Cost O(length log length) a row.
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
/// let y = causal_convolution(u, kernel).into_data().to_vec::<f32>().expect("floats");
/// for (y, expected) in y.iter().zip([1.0, 0.5, 2.25]) {
///     assert!((y - expected).abs() < 1e-6);
/// }
/// ```
pub fn causal_convolution(u: Tensor<3>, kernel: Tensor<2>) -> Tensor<3> {
    let length = u.dims()[2];
    // Twice as long, so that nothing wraps around.
    let n = (2 * length).next_power_of_two();
    let (u_re, u_im) = rfft(u, 2, Some(n));
    let (k_re, k_im) = rfft(kernel, 1, Some(n));
    let (k_re, k_im) = (k_re.unsqueeze_dim(0), k_im.unsqueeze_dim(0));
    let re = u_re.clone() * k_re.clone() - u_im.clone() * k_im.clone();
    let im = u_re * k_im + u_im * k_re;
    irfft(re, im, 2, Some(n)).narrow(2, 0, length)
}

/// The first-order recurrence `x_k = a_k x_{k-1} + b_k` along the last axis, from `x_{-1} = initial`.
///
/// Shapes: `a` and `b` are `[batch, channels, length]`, `initial` is `[batch, channels]`; the outcome holds every `x_k`.
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
/// assert_eq!(x.into_data().to_vec::<f32>().expect("floats"), [2.0, 2.0, 1.0]);
/// ```
pub fn linear_scan(a: Tensor<3>, b: Tensor<3>, initial: Tensor<2>) -> Tensor<3> {
    let length = a.dims()[2];
    let mut x = initial.unsqueeze_dim::<3>(2);
    let mut states = Vec::with_capacity(length);
    for k in 0..length {
        x = a.clone().narrow(2, k, 1) * x + b.clone().narrow(2, k, 1);
        states.push(x.clone());
    }
    Tensor::cat(states, 2)
}
