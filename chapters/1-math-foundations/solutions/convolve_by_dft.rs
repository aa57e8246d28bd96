use math_foundations::fourier::{dft, inverse_dft};
use nalgebra::Complex;

/// The same causal convolution, by way of frequencies: pad, transform, multiply, transform back.
///
/// `kernel` and `u` have any lengths, at least 1. Returns as many outputs as there are inputs.
/// Choose the padded length so that nothing comes round: how long is the last echo?
///
/// Size: eight lines. Time: 15 minutes.
pub fn convolve_by_dft(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let pad = |signal: &[f64], length: usize| -> Vec<Complex<f64>> {
        let mut padded: Vec<_> = signal.iter().map(|&value| Complex::new(value, 0.0)).collect();
        padded.resize(length, Complex::ZERO);
        padded
    };
    // The last input, at index u.len() - 1, is heard for another kernel.len() - 1 samples.
    let length = u.len() + kernel.len() - 1;
    let kernel_hat = dft(&pad(kernel, length));
    let u_hat = dft(&pad(u, length));
    let y_hat: Vec<_> = kernel_hat.iter().zip(&u_hat).map(|(kernel, u)| kernel * u).collect();
    inverse_dft(&y_hat)[..u.len()].iter().map(|y_k| y_k.re).collect()
}
