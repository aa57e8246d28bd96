//! # Fourier
//!
//! *Which oscillations is a signal made of, and why does knowing them make a long memory cheap?*
//!
//! A linear system answers an input by a convolution with its kernel. This module has the two
//! convolutions that one can mean by that word, the transform that turns one of them into a product,
//! and the padding that turns the other into the first.
//!
//! Equation: `eq-1-4`, the convolution theorem ([`circular_convolution`]).
//!
//! Conventions: the forward transform carries no factor and turns with `e^{-2πi}`; the inverse
//! carries `1/n` and turns with `e^{+2πi}` (so do NumPy, SciPy and PyTorch). Signals are slices
//! `[length]`, index 0 first; K is the kernel, u the input, y the output. Empty signals transform to
//! empty signals, and a NaN anywhere reaches every number that a transform returns.

use math_foundations::validation::{InputError, positive};
use nalgebra::Complex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_PI_2, TAU};
use thiserror::Error;

/// Why a signal cannot be transformed or convolved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FourierError {
    /// A length that halving does not bring down to 1.
    #[error("expected the length to be a power of two, found {length}")]
    NotPowerOfTwo {
        /// The length found.
        length: usize,
    },
    /// Two signals on circles of different size.
    #[error("expected K and u to have the same length, found {kernel} and {input}")]
    LengthMismatch {
        /// The length of the kernel.
        kernel: usize,
        /// The length of the input.
        input: usize,
    },
}

/// The corner number `index` of the regular polygon with `length` corners: `e^{-2πi · index / length}`.
///
/// Exact when the corner lies on an axis; within one rounding elsewhere.
/// The trap it avoids: `cos(2π · index / length)` of a large `index` inherits the rounding of the large
/// angle. Here the integer is reduced, which costs no accuracy, and only the rest becomes an angle,
/// below a quarter turn. A `length` of 0 has no corners and gives 1.
///
/// ```
/// use math_foundations::fourier::root_of_unity;
/// use nalgebra::Complex;
///
/// assert_eq!(root_of_unity(3, 12), Complex::new(0.0, -1.0));
/// assert_eq!(root_of_unity(12_000_000_003, 12), root_of_unity(3, 12));
/// ```
// ANCHOR: root_of_unity
pub fn root_of_unity(index: usize, length: usize) -> Complex<f64> {
    let length = length.max(1);
    // Whole quarter turns, and what is left of the next one.
    let quarters = 4 * (index % length);
    let (quadrant, rest) = (quarters / length, quarters % length);
    let (sin, cos) = (FRAC_PI_2 * rest as f64 / length as f64).sin_cos();
    match quadrant {
        0 => Complex::new(cos, -sin),
        1 => Complex::new(-sin, -cos),
        2 => Complex::new(-cos, sin),
        _ => Complex::new(sin, cos),
    }
}
// ANCHOR_END: root_of_unity

/// A real signal as a complex one, with imaginary part zero.
///
/// ```
/// use math_foundations::fourier::to_complex;
/// use nalgebra::Complex;
///
/// assert_eq!(to_complex(&[2.0]), [Complex::new(2.0, 0.0)]);
/// ```
pub fn to_complex(u: &[f64]) -> Vec<Complex<f64>> {
    u.iter().map(|&u_k| Complex::new(u_k, 0.0)).collect()
}

/// The discrete Fourier transform, by its definition: how much of each oscillation is in `u`.
///
/// ```text
/// û_m = Σ_k u_k e^{-2πi m k / n}
/// ```
///
/// `u`: `[n]`, any n; returns `[n]`. Good for: any length, and as the oracle of faster transforms.
/// Breaks: nothing; it is slow. Cost O(n²).
///
/// ```
/// use math_foundations::fourier::{dft, to_complex};
///
/// // A signal that changes its sign at every sample has one frequency, the highest: m = n/2.
/// let u_hat = dft(&to_complex(&[1.0, -1.0, 1.0, -1.0]));
/// assert_eq!(u_hat, to_complex(&[0.0, 0.0, 4.0, 0.0]));
/// ```
// ANCHOR: dft
pub fn dft(u: &[Complex<f64>]) -> Vec<Complex<f64>> {
    let n = u.len();
    let roots: Vec<_> = (0..n).map(|index| root_of_unity(index, n)).collect();
    (0..n).map(|m| (0..n).map(|k| u[k] * roots[m * k % n]).sum()).collect()
}
// ANCHOR_END: dft

/// The signal whose transform is `u_hat`: undoes [`dft`].
///
/// ```text
/// u_k = (1/n) Σ_m û_m e^{+2πi m k / n}
/// ```
///
/// `u_hat`: `[n]`, any n; returns `[n]`. The conjugate of a transform turns the other way, so the
/// forward transform between two conjugations does the work. Cost O(n²).
///
/// ```
/// use math_foundations::fourier::{inverse_dft, to_complex};
///
/// // Every oscillation in equal measure: they cancel everywhere but at k = 0.
/// assert_eq!(inverse_dft(&to_complex(&[1.0, 1.0])), to_complex(&[1.0, 0.0]));
/// ```
pub fn inverse_dft(u_hat: &[Complex<f64>]) -> Vec<Complex<f64>> {
    conjugate_and_scale(&dft(&conjugate_and_scale(u_hat, 1.0)), 1.0 / u_hat.len() as f64)
}

/// The discrete Fourier transform of a power-of-two length, by halving: the fast Fourier transform.
///
/// ```text
/// û_m       = ê_m + e^{-2πi m / n} ô_m        ê, ô: the transforms of the samples
/// û_{m+n/2} = ê_m - e^{-2πi m / n} ô_m        with even and with odd k;  m < n/2
/// ```
///
/// `u`: `[n]`, n = 1, 2, 4, 8, …; returns `[n]`, the same numbers as [`dft`] up to rounding.
/// Good for: reading. Breaks: at any other length; the library `rustfft` takes all of them.
/// Cost O(n log n).
///
/// # Errors
/// [`FourierError::NotPowerOfTwo`].
///
/// Source: Cooley and Tukey 1965; Gauss 1805 knew it.
///
/// ```
/// use math_foundations::fourier::{fft, to_complex};
///
/// assert_eq!(fft(&to_complex(&[1.0, -1.0, 1.0, -1.0])).unwrap(), to_complex(&[0.0, 0.0, 4.0, 0.0]));
/// let error = fft(&to_complex(&[1.0, 2.0, 3.0])).unwrap_err();
/// assert_eq!(error.to_string(), "expected the length to be a power of two, found 3");
/// ```
// ANCHOR: fft
pub fn fft(u: &[Complex<f64>]) -> Result<Vec<Complex<f64>>, FourierError> {
    let length = u.len();
    if length.is_power_of_two() {
        Ok(fft_by_halves(u))
    } else {
        Err(FourierError::NotPowerOfTwo { length })
    }
}

fn fft_by_halves(u: &[Complex<f64>]) -> Vec<Complex<f64>> {
    let n = u.len();
    if n == 1 {
        return u.to_vec();
    }
    let every_second = |from| u.iter().skip(from).step_by(2).copied().collect::<Vec<_>>();
    let even = fft_by_halves(&every_second(0));
    let odd = fft_by_halves(&every_second(1));
    let turned: Vec<_> = (0..n / 2).map(|m| root_of_unity(m, n) * odd[m]).collect();
    let first_half = even.iter().zip(&turned).map(|(even, turned)| even + turned);
    let second_half = even.iter().zip(&turned).map(|(even, turned)| even - turned);
    first_half.chain(second_half).collect()
}
// ANCHOR_END: fft

/// The signal of power-of-two length whose transform is `u_hat`: undoes [`fft`].
///
/// ```text
/// u_k = (1/n) Σ_m û_m e^{+2πi m k / n}
/// ```
///
/// `u_hat`: `[n]`, n = 1, 2, 4, 8, …; returns `[n]`. Cost O(n log n).
///
/// # Errors
/// [`FourierError::NotPowerOfTwo`].
///
/// ```
/// use math_foundations::fourier::{inverse_fft, to_complex};
///
/// assert_eq!(inverse_fft(&to_complex(&[1.0, 1.0])).unwrap(), to_complex(&[1.0, 0.0]));
/// ```
pub fn inverse_fft(u_hat: &[Complex<f64>]) -> Result<Vec<Complex<f64>>, FourierError> {
    let turned_back = fft(&conjugate_and_scale(u_hat, 1.0))?;
    Ok(conjugate_and_scale(&turned_back, 1.0 / u_hat.len() as f64))
}

fn conjugate_and_scale(numbers: &[Complex<f64>], scale: f64) -> Vec<Complex<f64>> {
    numbers.iter().map(|number| number.conj() * scale).collect()
}

/// The frequency that entry `m` of a transform stands for, in the unit of `rate` (Hz, if `rate` is in
/// samples per second).
///
/// ```text
/// m · rate / n            for m ≤ n/2
/// (m - n) · rate / n      above: the same oscillation turning the other way
/// ```
///
/// A real signal holds both in equal measure, `û_{n-m} = conj(û_m)`, so its story is told by
/// `m = 0 … n/2`. A `length` of 0 has no oscillation and gives 0. Cost O(1).
///
/// ```
/// use math_foundations::fourier::frequency;
///
/// assert_eq!(frequency(2, 8, 1000.0), 250.0);
/// assert_eq!(frequency(6, 8, 1000.0), -250.0);
/// ```
pub fn frequency(m: usize, length: usize, rate: f64) -> f64 {
    let length = length.max(1);
    let m = m % length;
    let turns = if 2 * m <= length { m as f64 } else { m as f64 - length as f64 };
    turns * rate / length as f64
}

/// The `count` highest peaks among the entries 1 to n/2 of a transform, the highest first.
///
/// A peak is higher than its left neighbour and not lower than its right one. Entry 0, the mean, is no
/// oscillation; the entries above n/2 are those below once more, for a real signal. Cost O(n log n).
///
/// ```
/// use math_foundations::fourier::{dft, strongest, to_complex};
///
/// let u_hat = dft(&to_complex(&[1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0]));
/// assert_eq!(strongest(&u_hat, 1), [2]); // twice round in eight samples
/// ```
pub fn strongest(u_hat: &[Complex<f64>], count: usize) -> Vec<usize> {
    let size = |m: usize| u_hat[m].norm();
    let half = u_hat.len() / 2;
    let is_peak = |&m: &usize| size(m) > size(m - 1) && (m == half || size(m) >= size(m + 1));
    let mut peaks: Vec<_> = (1..=half).filter(is_peak).collect();
    peaks.sort_by(|&m, &other| size(other).total_cmp(&size(m)));
    peaks.truncate(count);
    peaks
}

/// Tones that die away, in noise, sampled: something to look into.
///
/// ```text
/// u_k = e^{-decay t} Σ sin(2π frequency t) + noise · (a number drawn evenly from -1 … 1),  t = k/rate
/// ```
///
/// ```
/// use math_foundations::fourier::NoisyTones;
///
/// let u = NoisyTones { length: 3, noise: 0.0, ..NoisyTones::default() }.sample().unwrap();
/// assert_eq!((u.len(), u[0]), (3, 0.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NoisyTones {
    /// In Hz; each tone begins with amplitude 1.
    pub frequencies: Vec<f64>,
    /// How many samples.
    pub length: usize,
    /// Samples per second.
    pub rate: f64,
    /// In 1/s; 0 for tones that stay.
    pub decay: f64,
    /// The largest disturbance of a sample.
    pub noise: f64,
    /// Of the noise.
    pub seed: u64,
}

impl Default for NoisyTones {
    /// A fifth, 440 and 660 Hz, for half a second, in noise three times as loud as each tone.
    fn default() -> Self {
        Self {
            frequencies: vec![440.0, 660.0],
            length: 1024,
            rate: 2048.0,
            decay: 0.0,
            noise: 3.0,
            seed: 1,
        }
    }
}

impl NoisyTones {
    /// The samples.
    ///
    /// # Errors
    /// [`InputError::OutOfRange`] for a rate that is not positive and numbers that are not finite.
    pub fn sample(&self) -> Result<Vec<f64>, InputError> {
        positive("the rate", self.rate)?;
        let numbers = self.frequencies.iter().map(|&frequency| ("each frequency", frequency));
        for (name, number) in numbers.chain([("the decay", self.decay), ("the noise", self.noise)])
        {
            if !number.is_finite() {
                let value = number.to_string();
                return Err(InputError::OutOfRange { name, expected: "finite", value });
            }
        }
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let sample = |k: usize| {
            let t = k as f64 / self.rate;
            let tones: f64 =
                self.frequencies.iter().map(|frequency| (TAU * frequency * t).sin()).sum();
            tones * (-self.decay * t).exp() + self.noise * random.random_range(-1.0..1.0)
        };
        Ok((0..self.length).map(sample).collect())
    }
}

/// The convolution on a circle of n samples: what the product of two transforms computes.
///
/// ```text
/// y_k = Σ_j K_j u_{(k - j) mod n}                     and then    ŷ_m = K̂_m û_m      (eq-1-4)
/// ```
///
/// `kernel`, `u`: `[n]`; returns `[n]`. Good for: signals that do repeat. Breaks: for signals in time
/// the end of `u` leaks into the beginning of `y`. Cost O(n²); by transforms O(n log n).
///
/// # Errors
/// [`FourierError::LengthMismatch`].
///
/// ```
/// use math_foundations::fourier::circular_convolution;
///
/// // A kernel that delays by one sample: the last sample comes round to the front.
/// let y = circular_convolution(&[0.0, 1.0, 0.0], &[1.0, 2.0, 3.0]).unwrap();
/// assert_eq!(y, [3.0, 1.0, 2.0]);
/// ```
// ANCHOR: circular_convolution
pub fn circular_convolution(kernel: &[f64], u: &[f64]) -> Result<Vec<f64>, FourierError> {
    let n = u.len();
    if kernel.len() != n {
        return Err(FourierError::LengthMismatch { kernel: kernel.len(), input: n });
    }
    let y_at = |k| (0..n).map(|j| kernel[j] * u[(n + k - j) % n]).sum();
    Ok((0..n).map(y_at).collect())
}
// ANCHOR_END: circular_convolution

/// The convolution in time: each output is a weighted sum of the present and past inputs.
///
/// ```text
/// y_k = Σ_{j=0}^{k} K_j u_{k-j}
/// ```
///
/// `kernel`: `[kernel length]`, any, taken as zero where it ends; `u`: `[length]`; returns `[length]`.
/// Exact up to the rounding of one sum. Good for: short kernels. Cost O(length · kernel length).
///
/// ```
/// use math_foundations::fourier::causal_convolution;
///
/// // The same delay as on the circle: what the last sample would do lies beyond the end.
/// assert_eq!(causal_convolution(&[0.0, 1.0, 0.0], &[1.0, 2.0, 3.0]), [0.0, 1.0, 2.0]);
/// ```
// ANCHOR: causal_convolution
pub fn causal_convolution(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let past = |k: usize| kernel.iter().zip(u[..=k].iter().rev());
    (0..u.len()).map(|k| past(k).map(|(kernel_j, u_k_j)| kernel_j * u_k_j).sum()).collect()
}
// ANCHOR_END: causal_convolution

/// The convolution in time, by way of frequencies: pad with zeros, transform, multiply, transform back.
///
/// ```text
/// y_k = Σ_{j=0}^{k} K_j u_{k-j} = (the circular convolution of the padded K and u)_k,   k < length
/// ```
///
/// `kernel`: `[kernel length]`, any; `u`: `[length]`, any; returns `[length]`.
/// Exact when the circle is at least `length + kernel length - 1` samples long; the next power of two
/// is taken. Good for: long kernels. Breaks: the rounding error is relative to the *largest* number
/// in sight, so an output that should be 1e-30 comes out near 1e-16. Cost O(n log n).
///
/// ```
/// use math_foundations::fourier::causal_convolution_by_dft;
///
/// let y = causal_convolution_by_dft(&[0.0, 1.0, 0.0], &[1.0, 2.0, 3.0]);
/// assert!(y.iter().zip([0.0, 1.0, 2.0]).all(|(found, expected)| (found - expected).abs() < 1e-15));
/// ```
// ANCHOR: causal_convolution_by_dft
pub fn causal_convolution_by_dft(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    // Taps beyond the last output never meet an input.
    let kernel = &kernel[..kernel.len().min(u.len())];
    let circle = (kernel.len().max(1) + u.len() - 1).next_power_of_two();
    let spectrum = |signal: &[f64]| {
        let mut padded = to_complex(signal);
        padded.resize(circle, Complex::ZERO);
        fft_by_halves(&padded)
    };
    let product: Vec<_> = spectrum(kernel).iter().zip(spectrum(u)).map(|(k, u)| k * u).collect();
    let turned_back = fft_by_halves(&conjugate_and_scale(&product, 1.0));
    turned_back[..u.len()].iter().map(|y_k| y_k.re / circle as f64).collect()
}
// ANCHOR_END: causal_convolution_by_dft
