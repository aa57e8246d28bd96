//! # Dual computation
//!
//! *A recurrence needs every step before the next. How can a thousand processors run it at once?*
//!
//! ```text
//! x_k = A x_{k-1} + B u_k,  y_k = C x_k + D u_k,  x_{-1} = 0
//!                     ⇕                                                        (eq-4-2)
//! y_k = Σ_j K_j u_{k-j},    K_0 = C B + D,  K_j = C A^j B
//! ```
//!
//! One system, four ways to its outputs: [`recurrence`] step by step, [`convolve`] by the sum as it stands,
//! [`FftConvolution`] by way of frequencies, and [`OverlapAdd`] for a signal that never ends. All are equal up to
//! rounding, and [`fft_rounding_bound`] says how much rounding that is.
//!
//! Conventions: the state has seen u_k. One input, one output; signals and kernels are slices, index 0 first.
//! The convolutions take `f32` and `f64`.

use std::sync::Arc;

use classical_ssm::responses::{ResponseError, discrete_impulse_response};
use classical_ssm::state_space::{Discrete, StateSpace};
use nalgebra::DVector;
use realfft::num_complex::Complex;
use realfft::num_traits::Float;
use realfft::{ComplexToReal, FftNum, RealFftPlanner, RealToComplex};
use thiserror::Error;

/// Why a system or a signal cannot be convolved.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DualError {
    /// The system's kernel is not a list of numbers, or does not fit in them.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// Nothing to convolve with, or no room for a signal.
    #[error("expected {name} to have at least one entry, found none")]
    Empty {
        /// What is empty: `the kernel`.
        name: &'static str,
    },
    /// A signal that the plan has no room for.
    #[error("expected at most {longest} samples, found {found}: plan a longer convolution")]
    TooLong {
        /// The most that the plan has room for.
        longest: usize,
        /// How many there are.
        found: usize,
    },
}

fn check_single(system: &StateSpace<Discrete>) -> Result<(), DualError> {
    let (inputs, outputs) = (system.inputs(), system.outputs());
    if (inputs, outputs) == (1, 1) {
        Ok(())
    } else {
        Err(ResponseError::NotSingle { inputs, outputs }.into())
    }
}

/// The kernel of a system: what an input of 1 at step 0 leaves in the `length` outputs from then on.
///
/// ```text
/// K_0 = C B + D,     K_j = C A^j B
/// ```
///
/// - *Exact* up to rounding. Cost O(N²) an entry: as much as running the system once. It is chapter 2's impulse
///   response, of one input and one output.
///
/// # Errors
/// [`DualError::Response`] for several inputs or outputs, and where the powers of A overflow.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use ml_links::dual_computation::kernel;
/// use nalgebra::dmatrix;
///
/// let half = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![3.0], dmatrix![7.0], 1.0)?;
/// assert_eq!(kernel(&half, 3)?, [10.0, 1.5, 0.75]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: kernel
pub fn kernel(system: &StateSpace<Discrete>, length: usize) -> Result<Vec<f64>, DualError> {
    check_single(system)?;
    let response = discrete_impulse_response(system, length)?;
    Ok(response.outputs.iter().map(|k_j| k_j[(0, 0)]).collect())
}
// ANCHOR_END: kernel

/// The outputs of a system from rest, step by step.
///
/// ```text
/// x_k = A x_{k-1} + B u_k,     y_k = C x_k + D u_k,     x_{-1} = 0
/// ```
///
/// - *Good for* the next output: it needs N numbers of the past, whatever its length. *Breaks* where there are
///   processors to keep busy: no step can begin before the last one has ended.
/// - Cost O(N²) a step.
///
/// # Errors
/// [`DualError::Response`] for several inputs or outputs.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use ml_links::dual_computation::recurrence;
/// use nalgebra::dmatrix;
///
/// let half = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![3.0], dmatrix![7.0], 1.0)?;
/// assert_eq!(recurrence(&half, &[1.0, 0.0, 2.0])?, [10.0, 1.5, 20.75]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: recurrence
pub fn recurrence(system: &StateSpace<Discrete>, u: &[f64]) -> Result<Vec<f64>, DualError> {
    check_single(system)?;
    let (b, c, d) = (system.b().column(0), system.c().row(0), system.d()[0]);
    let mut x = DVector::zeros(system.d_state());
    let mut next = x.clone();
    let step = |&u_k: &f64| {
        next.gemv(1.0, system.a(), &x, 0.0);
        next.axpy(u_k, &b, 1.0);
        std::mem::swap(&mut x, &mut next);
        c.tr_dot(&x) + d * u_k
    };
    Ok(u.iter().map(step).collect())
}
// ANCHOR_END: recurrence

/// The causal convolution of `u` with `kernel`, by the sum as it stands.
///
/// ```text
/// y_k = Σ_{j=0}^{k} K_j u_{k-j}
/// ```
///
/// - Shapes: `kernel` `[any]`, zero where it ends; `u` and the result `[length]`.
/// - *Exact* up to the rounding of one sum: an output that is small because its echoes have faded keeps its digits.
///   *Good for* short kernels. Cost O(length · kernel length); chapter 1's `causal_convolution`, in any precision
///   and one tap at a time.
///
/// ```
/// use ml_links::dual_computation::convolve;
///
/// assert_eq!(convolve(&[1.0_f32, 0.5, 0.25], &[1.0, 0.0, 2.0]), [1.0, 0.5, 2.25]);
/// ```
// ANCHOR: convolve
pub fn convolve<T: FftNum>(kernel: &[T], u: &[T]) -> Vec<T> {
    let mut y = vec![T::zero(); u.len()];
    // Tap by tap: neighbours are independent, so the processor adds several at once.
    for (j, &k_j) in kernel.iter().enumerate().take(u.len()) {
        for (y_k, &u_k) in y[j..].iter_mut().zip(u) {
            *y_k = *y_k + k_j * u_k;
        }
    }
    y
}
// ANCHOR_END: convolve

/// The smallest even number, at least `least`, that has no prime factor above 5: a circle on which transforms are
/// fast.
///
/// The next power of two can be nearly twice as large as needed; these numbers lie close together.
///
/// ```
/// use ml_links::dual_computation::good_size;
///
/// assert_eq!((good_size(2047), good_size(1100), good_size(1)), (2048, 1152, 2));
/// ```
pub fn good_size(least: usize) -> usize {
    let half = least.div_ceil(2).max(1);
    let mut best = half.next_power_of_two();
    let mut fives = 1;
    while fives < best {
        let mut odd = fives;
        while odd < best {
            // As many twos as are missing.
            let size = odd * half.div_ceil(odd).next_power_of_two();
            best = best.min(size);
            odd *= 3;
        }
        fives *= 5;
    }
    2 * best
}

// ANCHOR: fft_convolution
/// A causal convolution by way of frequencies: everything that can be prepared is.
///
/// The plan holds the tables of both transforms, the transformed kernel, and the room to work in, so that a
/// convolution allocates nothing but its answer.
#[derive(Clone)]
pub struct FftConvolution<T: FftNum> {
    forward: Arc<dyn RealToComplex<T>>,
    inverse: Arc<dyn ComplexToReal<T>>,
    /// K̂ / n, n the size of the circle: the inverse transform of the library has no factor.
    kernel: Vec<Complex<T>>,
    signal: Vec<T>,
    spectrum: Vec<Complex<T>>,
    scratch: Vec<Complex<T>>,
    taps: usize,
    longest: usize,
}
// ANCHOR_END: fft_convolution

impl<T: FftNum> std::fmt::Debug for FftConvolution<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FftConvolution")
            .field("circle", &self.circle())
            .field("taps", &self.taps)
            .field("longest", &self.longest)
            .finish_non_exhaustive()
    }
}

impl<T: FftNum> FftConvolution<T> {
    /// Plans convolutions of signals of at most `longest` samples with `kernel`.
    ///
    /// The circle has room for the last echo of the last sample: at least `longest + taps - 1` samples. Cost
    /// O(n log n), n the size of the circle.
    ///
    /// # Errors
    /// [`DualError::Empty`] for a kernel without taps or signals without samples.
    ///
    /// ```
    /// use ml_links::dual_computation::FftConvolution;
    ///
    /// let mut echo = FftConvolution::new(&[1.0, 0.5, 0.25], 1000)?;
    /// assert_eq!(echo.circle(), 1024);
    /// let y = echo.convolve(&[1.0, 0.0, 2.0])?;
    /// assert!(y.iter().zip([1.0, 0.5, 2.25]).all(|(y_k, expected): (&f64, _)| (y_k - expected).abs() < 1e-15));
    /// # Ok::<(), ml_links::dual_computation::DualError>(())
    /// ```
    pub fn new(kernel: &[T], longest: usize) -> Result<Self, DualError> {
        for (name, count) in [("the kernel", kernel.len()), ("the signal", longest)] {
            if count == 0 {
                return Err(DualError::Empty { name });
            }
        }
        let circle = good_size(longest + kernel.len() - 1);
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(circle);
        let inverse = planner.plan_fft_inverse(circle);
        let room = forward.get_scratch_len().max(inverse.get_scratch_len());
        let mut plan = Self {
            kernel: forward.make_output_vec(),
            signal: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: vec![Complex::new(T::zero(), T::zero()); room],
            taps: kernel.len(),
            longest,
            forward,
            inverse,
        };
        plan.set_kernel(kernel)?;
        Ok(plan)
    }

    /// The same plan for another kernel of at most as many taps as the first: what training does after each step.
    ///
    /// # Errors
    /// [`DualError::TooLong`] for a kernel of more taps.
    pub fn set_kernel(&mut self, kernel: &[T]) -> Result<(), DualError> {
        if kernel.len() > self.taps {
            return Err(DualError::TooLong { longest: self.taps, found: kernel.len() });
        }
        self.transform(kernel);
        // The inverse transform adds up n numbers and divides by nothing.
        let share = T::one() / T::from_usize(self.circle()).unwrap_or_else(T::one);
        for (kernel, spectrum) in self.kernel.iter_mut().zip(&self.spectrum) {
            *kernel = spectrum.scale(share);
        }
        Ok(())
    }

    /// How many samples the circle has.
    pub fn circle(&self) -> usize {
        self.signal.len()
    }

    /// The most samples that a signal may have.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// How many taps a kernel may have.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// Pads `u` with zeros and transforms it.
    fn transform(&mut self, u: &[T]) {
        self.signal[..u.len()].copy_from_slice(u);
        self.signal[u.len()..].fill(T::zero());
        let (signal, spectrum) = (&mut self.signal, &mut self.spectrum);
        let done = self.forward.process_with_scratch(signal, spectrum, &mut self.scratch);
        debug_assert!(done.is_ok(), "the plan made its own buffers");
    }
}

// ANCHOR: convolve_by_fft
impl<T: FftNum> FftConvolution<T> {
    /// The convolution and the echoes that outlast it: `u.len() + taps - 1` outputs.
    ///
    /// # Errors
    /// [`DualError::TooLong`] for more samples than planned.
    pub fn convolve_with_tail(&mut self, u: &[T]) -> Result<&[T], DualError> {
        if u.len() > self.longest {
            return Err(DualError::TooLong { longest: self.longest, found: u.len() });
        }
        self.transform(u);
        for (spectrum, kernel) in self.spectrum.iter_mut().zip(&self.kernel) {
            *spectrum = *spectrum * *kernel;
        }
        self.transform_back();
        Ok(&self.signal[..(u.len() + self.taps - 1).min(self.circle())])
    }
}
// ANCHOR_END: convolve_by_fft

impl<T: FftNum> FftConvolution<T> {
    /// The causal convolution of `u` with the kernel of the plan: as many outputs as inputs.
    ///
    /// - *Exact* up to [`fft_rounding_bound`], which is relative to the largest numbers in sight; see there.
    ///   An infinity or a NaN anywhere makes every output NaN. Cost O(n log n).
    ///
    /// # Errors
    /// [`DualError::TooLong`] for more samples than planned.
    pub fn convolve(&mut self, u: &[T]) -> Result<Vec<T>, DualError> {
        Ok(self.convolve_with_tail(u)?[..u.len()].to_vec())
    }

    fn transform_back(&mut self) {
        // Both ends of the spectrum of a real signal are real; of what is not finite they might not be.
        let last = self.spectrum.len() - 1;
        self.spectrum[0].im = T::zero();
        self.spectrum[last].im = T::zero();
        let (signal, spectrum) = (&mut self.signal, &mut self.spectrum);
        let done = self.inverse.process_with_scratch(spectrum, signal, &mut self.scratch);
        debug_assert!(done.is_ok(), "the plan made its own buffers");
    }
}

/// Pieces up to this length are convolved as they come: with few samples, the sum as it stands costs less than
/// two transforms.
const FEW: usize = 32;

// ANCHOR: overlap_add
/// The convolution of a signal that never ends: each push is answered at once.
///
/// What is kept of the past is the tail: what it will still say.
#[derive(Debug, Clone)]
pub struct OverlapAdd<T: FftNum> {
    kernel: Vec<T>,
    plan: FftConvolution<T>,
    tail: Vec<T>,
}

impl<T: FftNum> OverlapAdd<T> {
    /// The outputs that belong to the inputs `u`, any number of them.
    pub fn push(&mut self, u: &[T]) -> Result<Vec<T>, DualError> {
        let mut y = Vec::with_capacity(u.len());
        for piece in u.chunks(self.plan.longest()) {
            self.add_echoes(piece)?;
            // What this piece can say is now complete; the rest waits.
            y.extend(self.tail.drain(..piece.len()));
        }
        Ok(y)
    }
}
// ANCHOR_END: overlap_add

impl<T: FftNum> OverlapAdd<T> {
    /// A stream through `kernel`, transformed in pieces of at most `block` samples.
    ///
    /// As many as there are taps is a good choice: then half of each circle is signal and half is tail.
    ///
    /// # Errors
    /// [`DualError::Empty`] for a kernel without taps or blocks without samples.
    ///
    /// ```
    /// use ml_links::dual_computation::OverlapAdd;
    ///
    /// let mut echo = OverlapAdd::new(&[1.0, 0.5, 0.25], 2)?;
    /// assert_eq!(echo.push(&[8.0])?, [8.0]);
    /// assert_eq!(echo.tail(), [4.0, 2.0]);
    /// assert_eq!(echo.push(&[0.0, 0.0, 0.0])?, [4.0, 2.0, 0.0]);
    /// # Ok::<(), ml_links::dual_computation::DualError>(())
    /// ```
    pub fn new(kernel: &[T], block: usize) -> Result<Self, DualError> {
        let plan = FftConvolution::new(kernel, block)?;
        let mut stream = Self { kernel: kernel.to_vec(), plan, tail: Vec::new() };
        stream.reset();
        Ok(stream)
    }

    /// What the past will still say, if nothing more is pushed: `taps - 1` outputs.
    pub fn tail(&self) -> &[T] {
        &self.tail
    }

    /// Forgets the past.
    pub fn reset(&mut self) {
        self.tail.clear();
        self.tail.resize(self.kernel.len() - 1, T::zero());
    }

    /// Adds the echoes of a piece to the tail, which grows by the length of the piece.
    fn add_echoes(&mut self, piece: &[T]) -> Result<(), DualError> {
        self.tail.resize(self.kernel.len() - 1 + piece.len(), T::zero());
        if piece.len() <= FEW {
            for (k, &u_k) in piece.iter().enumerate() {
                for (waiting, &k_j) in self.tail[k..].iter_mut().zip(&self.kernel) {
                    *waiting = *waiting + k_j * u_k;
                }
            }
        } else {
            for (waiting, &echo) in self.tail.iter_mut().zip(self.plan.convolve_with_tail(piece)?) {
                *waiting = *waiting + echo;
            }
        }
        Ok(())
    }
}

/// How far an output of [`FftConvolution`] may be from the true one, at most.
///
/// ```text
/// |ŷ_k - y_k| ≤ 5 ε (log₂ n + 1) (2 ‖K‖ ‖u‖ + min(‖K‖₁ ‖u‖, ‖K‖ ‖u‖₁))
/// ```
///
/// ε is the distance from 1 to the next number, n the size of the circle, ‖·‖ the root of the sum of squares, ‖·‖₁ the
/// sum of sizes.
///
/// - *Exact when* nothing overflows and n ε is small against 1. The first term is what the two forward transforms
///   lose, the second the inverse one. It says nothing about the single output, and there is nothing to say:
///   an echo that has faded below it has no digit left.
///
/// Source: N. Higham, *Accuracy and Stability of Numerical Algorithms* (2002), theorem 24.2, for one transform.
///
/// ```
/// use ml_links::dual_computation::fft_rounding_bound;
///
/// let (kernel, u) = (vec![1.0_f32; 100], vec![1.0_f32; 100]);
/// assert!(fft_rounding_bound(&kernel, &u, 200) < 0.02); // of outputs up to 100
/// ```
pub fn fft_rounding_bound<T: FftNum + Float>(kernel: &[T], u: &[T], circle: usize) -> f64 {
    let size = |value: &T| value.to_f64().unwrap_or(f64::NAN).abs();
    let sum = |signal: &[T]| signal.iter().map(size).sum::<f64>();
    let root = |signal: &[T]| signal.iter().map(|value| size(value).powi(2)).sum::<f64>().sqrt();
    let epsilon = size(&T::epsilon());
    let whole = (sum(kernel) * root(u)).min(root(kernel) * sum(u));
    5.0 * epsilon * ((circle as f64).log2() + 1.0) * (2.0 * root(kernel) * root(u) + whole)
}

/// The length at which the second way becomes cheaper than the first, from costs measured at growing lengths.
///
/// Each row is a length and the two costs. Between two rows costs are taken to be powers of the length, so that they
/// cross on straight lines of a log-log plot. None where the second is never the cheaper one, or always.
///
/// ```
/// use ml_links::dual_computation::crossover;
///
/// // L² against 100 L.
/// let costs = [(10, 100.0, 1000.0), (1000, 1e6, 1e5)];
/// assert!((crossover(&costs).unwrap() - 100.0).abs() < 1e-9);
/// ```
pub fn crossover(costs: &[(usize, f64, f64)]) -> Option<f64> {
    // From the end: noise among the shortest may cross several times.
    let lead = |&(_, first, second): &(usize, f64, f64)| (second / first).ln();
    let (before, after) = costs.windows(2).rev().find_map(|pair| {
        (lead(&pair[0]) >= 0.0 && lead(&pair[1]) < 0.0).then_some((&pair[0], &pair[1]))
    })?;
    let fraction = lead(before) / (lead(before) - lead(after));
    let (from, to) = ((before.0 as f64).ln(), (after.0 as f64).ln());
    Some((from + fraction * (to - from)).exp())
}
