//! The arithmetic of [`operations`](ml_links::operations) on a processor: rows of numbers, one row after the other in
//! a slice, spread over the threads of rayon.
//!
//! Nothing here knows of tensors or of automatic differentiation. Each function has its adjoint beside it: given how
//! the loss depends on the outcome, how it depends on what went in. All work for single and double precision and for
//! any length, and what comes out does not depend on the number of threads, to the last bit.

use std::collections::HashMap;
use std::f64::consts::FRAC_PI_2;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rayon::prelude::*;
use rustfft::num_complex::Complex;
use rustfft::num_traits::Zero;
use rustfft::{Fft, FftNum, FftPlanner};

/// How many steps a scan looks ahead. The processor works on the next steps' products while it waits for the state;
/// with 4 of them it reads and writes as fast as the memory allows.
const AHEAD: usize = 4;

/// How many rows of a batch one task transforms: enough to share one kernel and one set of buffers.
const ROWS_OF_A_TASK: usize = 16;

/// A real number that can be scanned and convolved: `f32` or `f64`.
pub trait Real: FftNum {
    #[doc(hidden)]
    fn plans() -> &'static Plans<Self>;

    #[doc(hidden)]
    fn rounded(number: f64) -> Self;
}

/// The transforms made so far, by length.
#[doc(hidden)]
pub type Plans<T> = Mutex<HashMap<usize, Arc<RightAngle<T>>>>;

macro_rules! real {
    ($number:ty) => {
        impl Real for $number {
            fn plans() -> &'static Plans<Self> {
                static PLANS: LazyLock<Plans<$number>> = LazyLock::new(Plans::default);
                &PLANS
            }

            #[allow(clippy::cast_possible_truncation, trivial_numeric_casts)]
            fn rounded(number: f64) -> Self {
                number as $number
            }
        }
    };
}

real!(f32);
real!(f64);

/// Every state of `x_k = a_k x_{k-1} + b_k`, row by row, each row from its own `initial`.
///
/// - Shapes: `initial` `[rows]`, `a` and `b` `[rows, length]`; the outcome is shaped like `b`.
/// - The row goes four steps at a time, `x_{k+3} = (a_{k+3}…a_k) x_{k-1} + …`: more multiplications than one step after
///   the other, and three quarters less waiting. *Breaks* where the product of four coefficients overflows.
/// - Cost O(length) a row; rows run in parallel.
///
/// ```
/// use ml_links::operations_on_cpu::linear_scan;
///
/// // Two rows of three: a decaying one from 8, a sum from 0.
/// let (a, b) = ([0.5, 0.5, 0.5, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0, 2.0, 3.0]);
/// assert_eq!(linear_scan(&a, &b, &[8.0, 0.0]), [4.0, 2.0, 1.0, 1.0, 3.0, 6.0]);
/// ```
pub fn linear_scan<T: Real>(a: &[T], b: &[T], initial: &[T]) -> Vec<T> {
    let mut x = vec![T::zero(); a.len()];
    if a.is_empty() {
        return x;
    }
    let length = a.len() / initial.len();
    x.par_chunks_exact_mut(length)
        .zip(a.par_chunks_exact(length).zip(b.par_chunks_exact(length)))
        .zip(initial)
        .for_each(|((x, (a, b)), &initial)| scan_row(a, b, initial, x));
    x
}

/// One row of [`linear_scan`].
fn scan_row<T: Real>(a: &[T], b: &[T], initial: T, x: &mut [T]) {
    let mut state = initial;
    let (a_blocks, a_rest) = a.as_chunks::<AHEAD>();
    let (b_blocks, b_rest) = b.as_chunks::<AHEAD>();
    let (x_blocks, x_rest) = x.as_chunks_mut::<AHEAD>();
    for ((x, a), b) in x_blocks.iter_mut().zip(a_blocks).zip(b_blocks) {
        // The maps from the state before the block to each state inside it.
        let (mut scale, mut shift) = (*a, *b);
        for i in 1..AHEAD {
            scale[i] = a[i] * scale[i - 1];
            shift[i] = a[i] * shift[i - 1] + b[i];
        }
        for i in 0..AHEAD {
            x[i] = scale[i] * state + shift[i];
        }
        state = x[AHEAD - 1];
    }
    for ((x, &a), &b) in x_rest.iter_mut().zip(a_rest).zip(b_rest) {
        state = a * state + b;
        *x = state;
    }
}

/// The gradients of a loss by `a`, `b` and `initial` of [`linear_scan`], from its gradient by the states.
///
/// ```text
/// λ_k = a_{k+1} λ_{k+1} + ∂L/∂x_k ,      ∂L/∂a_k = λ_k x_{k-1},   ∂L/∂b_k = λ_k,   ∂L/∂x_{-1} = a_0 λ_0
/// ```
///
/// - Shapes: `initial` `[rows]`, all others `[rows, length]`; the outcome is shaped like `a`, `b` and `initial`.
/// - The same scan from the end of each row to its beginning, four steps at a time.
/// - Cost O(length) a row; rows run in parallel.
///
/// ```
/// use ml_links::operations_on_cpu::{linear_scan, linear_scan_adjoint};
///
/// let (a, b, initial) = ([0.5, 2.0], [1.0, 0.0], [4.0]);
/// let x = linear_scan(&a, &b, &initial);
/// assert_eq!(x, [3.0, 6.0]);
/// // The loss is the last state, a₁ (a₀ x₋₁ + b₀) + b₁.
/// let (d_a, d_b, d_initial) = linear_scan_adjoint(&a, &x, &initial, &[0.0, 1.0]);
/// assert_eq!((d_a, d_b, d_initial), (vec![8.0, 3.0], vec![2.0, 1.0], vec![1.0]));
/// ```
pub fn linear_scan_adjoint<T: Real>(
    a: &[T],
    x: &[T],
    initial: &[T],
    gradient: &[T],
) -> (Vec<T>, Vec<T>, Vec<T>) {
    let mut d_a = vec![T::zero(); a.len()];
    let mut d_b = vec![T::zero(); a.len()];
    let mut d_initial = vec![T::zero(); initial.len()];
    if a.is_empty() {
        return (d_a, d_b, d_initial);
    }
    let length = a.len() / initial.len();
    d_a.par_chunks_exact_mut(length)
        .zip(d_b.par_chunks_exact_mut(length).zip(&mut d_initial))
        .zip(a.par_chunks_exact(length).zip(x.par_chunks_exact(length)))
        .zip(gradient.par_chunks_exact(length).zip(initial))
        .for_each(|(((d_a, (d_b, d_initial)), (a, x)), (gradient, &initial))| {
            *d_initial = adjoint_row(a, gradient, d_b);
            d_a[0] = d_b[0] * initial;
            for ((d_a, &adjoint), &before) in d_a[1..].iter_mut().zip(&d_b[1..]).zip(x) {
                *d_a = adjoint * before;
            }
        });
    (d_a, d_b, d_initial)
}

/// One row of the adjoint states λ; the outcome is what is left before the first step, a₀ λ₀.
fn adjoint_row<T: Real>(a: &[T], gradient: &[T], lambda: &mut [T]) -> T {
    let mut carried = T::zero();
    let (a_rest, a_blocks) = a.as_rchunks::<AHEAD>();
    let (gradient_rest, gradient_blocks) = gradient.as_rchunks::<AHEAD>();
    let (lambda_rest, lambda_blocks) = lambda.as_rchunks_mut::<AHEAD>();
    for ((lambda, a), gradient) in lambda_blocks.iter_mut().zip(a_blocks).zip(gradient_blocks).rev()
    {
        let (mut scale, mut shift) = ([T::one(); AHEAD], *gradient);
        for i in (0..AHEAD - 1).rev() {
            scale[i] = a[i + 1] * scale[i + 1];
            shift[i] = a[i + 1] * shift[i + 1] + gradient[i];
        }
        for i in 0..AHEAD {
            lambda[i] = scale[i] * carried + shift[i];
        }
        carried = a[0] * lambda[0];
    }
    for ((lambda, &a), &gradient) in lambda_rest.iter_mut().zip(a_rest).zip(gradient_rest).rev() {
        *lambda = carried + gradient;
        carried = a * *lambda;
    }
    carried
}

/// The causal convolution of each row of a batch with the kernel of its channel: `y_k = Σ_j kernel_j u_{k-j}`.
///
/// - Shapes: `u` `[batch, channels, length]`, `kernel` `[channels, length]`; the outcome is shaped like `u`.
/// - By [`RightAngle`] transforms: no padding with zeros, each kernel transformed once.
/// - Cost O(length log length) a row; rows run in parallel.
///
/// ```
/// use ml_links::operations_on_cpu::causal_convolution;
///
/// let y = causal_convolution(&[1.0, 0.0, 2.0], &[1.0, 0.5, 0.25], 3);
/// for (y, expected) in y.iter().zip([1.0, 0.5, 2.25]) {
///     assert!((y - expected as f64).abs() < 1e-15);
/// }
/// ```
pub fn causal_convolution<T: Real>(u: &[T], kernel: &[T], length: usize) -> Vec<T> {
    let mut y = vec![T::zero(); u.len()];
    if u.is_empty() {
        return y;
    }
    let channels = kernel.len() / length;
    let transform = RightAngle::of_rows(length);
    deal(y.chunks_exact_mut(length), channels)
        .into_par_iter()
        .zip(kernel.par_chunks_exact(length))
        .enumerate()
        .for_each(|(channel, (mut rows, kernel))| {
            let kernel = transform.spectrum(kernel);
            rows.par_chunks_mut(ROWS_OF_A_TASK).enumerate().for_each(|(task, rows)| {
                let mut buffers = transform.buffers();
                for (i, row) in rows.iter_mut().enumerate() {
                    let start = ((task * ROWS_OF_A_TASK + i) * channels + channel) * length;
                    transform.forward(&u[start..start + length], &mut buffers);
                    for (u, &kernel) in buffers.spectrum.iter_mut().zip(&kernel) {
                        *u = *u * kernel;
                    }
                    transform.inverse(&mut buffers, row);
                }
            });
        });
    y
}

/// The gradients of a loss by `u` and by the `kernel` of [`causal_convolution`], from its gradient by the outcome.
///
/// ```text
/// ∂L/∂u_j = Σ_k kernel_{k-j} ∂L/∂y_k ,      ∂L/∂kernel_j = Σ_batch Σ_k u_{k-j} ∂L/∂y_k
/// ```
///
/// - Shapes: `u` and `gradient` `[batch, channels, length]`, `kernel` `[channels, length]`. The gradient by `u` needs
///   the kernel, and the gradient by the kernel needs `u`; what is not given costs nothing, and its outcome is `None`.
/// - Correlations: products with a conjugate spectrum. The batch is summed before it is transformed back.
/// - Cost O(length log length) a row; rows run in parallel.
///
/// ```
/// use ml_links::operations_on_cpu::causal_convolution_adjoint;
///
/// // The loss is the last outcome, k₀ u₁ + k₁ u₀.
/// let (u, kernel, gradient) = ([3.0, 4.0], [1.0, 0.5], [0.0, 1.0]);
/// let (d_u, d_kernel) = causal_convolution_adjoint(Some(&u), Some(&kernel), &gradient, [1, 2]);
/// let found = [d_u.expect("given the kernel"), d_kernel.expect("given the input")].concat();
/// for (found, expected) in found.into_iter().zip([0.5, 1.0, 4.0, 3.0]) {
///     assert!((found - expected as f64).abs() < 1e-15);
/// }
/// ```
pub fn causal_convolution_adjoint<T: Real>(
    u: Option<&[T]>,
    kernel: Option<&[T]>,
    gradient: &[T],
    [channels, length]: [usize; 2],
) -> (Option<Vec<T>>, Option<Vec<T>>) {
    let mut d_u = kernel.map(|_| vec![T::zero(); gradient.len()]);
    let mut d_kernel = u.map(|_| vec![T::zero(); channels * length]);
    if gradient.is_empty() {
        return (d_u, d_kernel);
    }
    let rows = gradient.len() / length;
    let transform = RightAngle::of_rows(length);
    deal(maybe_rows(d_u.as_mut(), length, rows).into_iter(), channels)
        .into_par_iter()
        .zip(maybe_rows(d_kernel.as_mut(), length, channels))
        .enumerate()
        .for_each(|(channel, (mut d_u, d_kernel))| {
            let kernel = kernel.map(|kernel| {
                transform.spectrum(&kernel[channel * length..(channel + 1) * length])
            });
            let sums: Vec<Vec<Complex<T>>> = d_u
                .par_chunks_mut(ROWS_OF_A_TASK)
                .enumerate()
                .map(|(task, d_u)| {
                    let (mut gradients, mut inputs) = (transform.buffers(), transform.buffers());
                    let mut sum = vec![Complex::zero(); transform.turn.len()];
                    for (i, d_u) in d_u.iter_mut().enumerate() {
                        let start = ((task * ROWS_OF_A_TASK + i) * channels + channel) * length;
                        transform.forward(&gradient[start..start + length], &mut gradients);
                        if let Some(u) = u {
                            transform.forward(&u[start..start + length], &mut inputs);
                            for ((sum, u), &gradient) in
                                sum.iter_mut().zip(&inputs.spectrum).zip(&gradients.spectrum)
                            {
                                *sum = *sum + u.conj() * gradient;
                            }
                        }
                        if let (Some(d_u), Some(kernel)) = (d_u, &kernel) {
                            for (gradient, kernel) in gradients.spectrum.iter_mut().zip(kernel) {
                                *gradient = *gradient * kernel.conj();
                            }
                            transform.inverse(&mut gradients, d_u);
                        }
                    }
                    sum
                })
                .collect();
            if let Some(d_kernel) = d_kernel {
                let mut total = transform.buffers();
                for sum in &sums {
                    for (total, &sum) in total.spectrum.iter_mut().zip(sum) {
                        *total = *total + sum;
                    }
                }
                transform.inverse(&mut total, d_kernel);
            }
        });
    (d_u, d_kernel)
}

/// Deals the rows of a batch to their channels, so that one thread may write to all rows of a channel.
fn deal<R>(rows: impl Iterator<Item = R>, channels: usize) -> Vec<Vec<R>> {
    let mut hands: Vec<Vec<R>> = (0..channels).map(|_| Vec::new()).collect();
    for (i, row) in rows.enumerate() {
        hands[i % channels].push(row);
    }
    hands
}

/// The rows of what may not be wanted.
fn maybe_rows<T>(rows: Option<&mut Vec<T>>, length: usize, count: usize) -> Vec<Option<&mut [T]>> {
    match rows {
        Some(rows) => rows.chunks_exact_mut(length).map(Some).collect(),
        None => (0..count).map(|_| None).collect(),
    }
}

/// A Fourier transform in which what runs over the end of a row comes back turned by a right angle.
///
/// The usual transform convolves in a circle: what runs over the end is added to the beginning, unless both rows are
/// padded with as many zeros as they are long. Here entry j is first turned by `w^j` with `w = e^{iπ/2n}`. Once round
/// the circle is `wⁿ = i`, so for real rows what came round is imaginary and what did not is real, and the zeros are
/// not needed: one complex transform of the row's own length (or of the next that factors into small primes).
///
/// Source: R. Crandall, B. Fagin, *Discrete weighted transforms and large-integer arithmetic* (1994).
#[doc(hidden)]
pub struct RightAngle<T> {
    there: Arc<dyn Fft<T>>,
    back: Arc<dyn Fft<T>>,
    /// w^j.
    turn: Vec<Complex<T>>,
    /// w^{-j} / n.
    turn_back: Vec<Complex<T>>,
}

/// A row on its way, and what the transform scribbles on.
struct Buffers<T> {
    spectrum: Vec<Complex<T>>,
    scratch: Vec<Complex<T>>,
}

impl<T: Real> RightAngle<T> {
    /// The transform for rows of this length, made when first asked for.
    fn of_rows(length: usize) -> Arc<Self> {
        let n = transform_length(length);
        let mut plans = T::plans().lock().unwrap_or_else(PoisonError::into_inner);
        plans.entry(n).or_insert_with(|| Arc::new(Self::new(n))).clone()
    }

    fn new(n: usize) -> Self {
        let mut planner = FftPlanner::new();
        let turned = |j: usize, sign: f64, scale: f64| {
            let (sin, cos) = (FRAC_PI_2 * j as f64 / n as f64).sin_cos();
            Complex::new(T::rounded(cos * scale), T::rounded(sign * sin * scale))
        };
        Self {
            there: planner.plan_fft_forward(n),
            back: planner.plan_fft_inverse(n),
            turn: (0..n).map(|j| turned(j, 1.0, 1.0)).collect(),
            turn_back: (0..n).map(|j| turned(j, -1.0, 1.0 / n as f64)).collect(),
        }
    }

    fn buffers(&self) -> Buffers<T> {
        let scratch = self.there.get_inplace_scratch_len().max(self.back.get_inplace_scratch_len());
        Buffers {
            spectrum: vec![Complex::zero(); self.turn.len()],
            scratch: vec![Complex::zero(); scratch],
        }
    }

    fn spectrum(&self, row: &[T]) -> Vec<Complex<T>> {
        let mut buffers = self.buffers();
        self.forward(row, &mut buffers);
        buffers.spectrum
    }

    fn forward(&self, row: &[T], buffers: &mut Buffers<T>) {
        let (filled, rest) = buffers.spectrum.split_at_mut(row.len());
        for ((z, &number), turn) in filled.iter_mut().zip(row).zip(&self.turn) {
            *z = turn.scale(number);
        }
        rest.fill(Complex::zero());
        self.there.process_with_scratch(&mut buffers.spectrum, &mut buffers.scratch);
    }

    fn inverse(&self, buffers: &mut Buffers<T>, row: &mut [T]) {
        self.back.process_with_scratch(&mut buffers.spectrum, &mut buffers.scratch);
        for ((number, z), turn) in row.iter_mut().zip(&buffers.spectrum).zip(&self.turn_back) {
            *number = z.re * turn.re - z.im * turn.im;
        }
    }
}

/// The shortest length with a fast transform that holds a row: a power of two, or 3, 5 or 9 times one.
fn transform_length(length: usize) -> usize {
    let fast = |odd: usize| odd * length.div_ceil(odd).next_power_of_two();
    [1, 3, 5, 9].into_iter().map(fast).min().unwrap_or(length)
}
