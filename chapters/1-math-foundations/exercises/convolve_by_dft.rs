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
    todo!()
}
