//! The arithmetic of [`block_operations`](mamba::block_operations) on a processor: rows of channels, one a step, spread over
//! the threads of rayon.
//!
//! Nothing here knows of tensors or of automatic differentiation. Each function has its adjoint beside it. All inner loops
//! run across channels, over numbers that lie side by side, and are compiled for the widest registers that the
//! processor turns out to have. What comes out does not depend on the number of threads.

use multiversion::multiversion;
use rayon::prelude::*;
use s4::block_on_cpu::exp;

/// Steps of one task: their rows stay in the cache, and as there are always as many, sums over steps are added up in the
/// same order on any machine.
const STEPS_OF_A_TASK: usize = 64;

/// How many of what a batch is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Steps of a sequence.
    pub length: usize,
    /// Channels of a step.
    pub channels: usize,
}

impl Sizes {
    /// Numbers of a sequence.
    fn sequence(self) -> usize {
        self.length * self.channels
    }

    /// Numbers of a task.
    fn task(self) -> usize {
        STEPS_OF_A_TASK * self.channels
    }
}

/// Each step divided by the root of the mean of its squares, then scaled by `weight`.
///
/// - Shapes: `x` `[steps, channels]`, `weight` `[channels]`; the outcome is shaped like `x`.
/// - Cost O(1) a number; steps run in parallel.
///
/// ```
/// // The mean of the squares of 3 and 4 is 12.5.
/// let y = mamba::block_on_cpu::rms_norm(&[3.0, 4.0], &[1.0, 10.0], 0.0);
/// assert!((y[0] - 3.0 / 12.5_f32.sqrt()).abs() < 1e-6 && (y[1] - 40.0 / 12.5_f32.sqrt()).abs() < 1e-5);
/// ```
pub fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    let task = STEPS_OF_A_TASK * weight.len();
    if !x.is_empty() {
        let tasks = y.par_chunks_mut(task).zip(x.par_chunks(task));
        tasks.for_each(|(y, x)| norm_steps(x, weight, epsilon, y));
    }
    y
}

/// The steps of one task of [`rms_norm`].
#[multiversion(targets("x86_64+avx2+fma"))]
fn norm_steps(x: &[f32], weight: &[f32], epsilon: f32, y: &mut [f32]) {
    let rows = x.chunks_exact(weight.len()).zip(y.chunks_exact_mut(weight.len()));
    for (x, y) in rows {
        let scale = one_over_root(x, epsilon);
        for ((y, x), weight) in y.iter_mut().zip(x).zip(weight) {
            *y = x * scale * weight;
        }
    }
}

/// One over the root of the mean of the squares.
#[inline(always)]
fn one_over_root(x: &[f32], epsilon: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + epsilon).sqrt()
}

/// `Σ aᵢ bᵢ`, eight sums side by side.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut columns = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((column, a), b) in columns.iter_mut().zip(a).zip(b) {
            *column += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    columns.iter().sum::<f32>() + rest
}

#[inline(always)]
fn add(to: &mut [f32], what: &[f32]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += what;
    }
}

/// The gradients of a loss by `x` and `weight` of [`rms_norm`], from its gradient by the outcome.
///
/// ```text
/// x̂ = x / root      ∂L/∂weight = Σ g x̂      ∂L/∂x = (g weight - x̂ mean(g weight x̂)) / root
/// ```
///
/// ```
/// use mamba::block_on_cpu::rms_norm_adjoint;
///
/// // Twice as loud is as loud after the norm: along x itself there is no gradient.
/// let (x, gradient) = ([1.0, -2.0, 0.5], [0.3, 1.0, -0.7]);
/// let (d_x, _) = rms_norm_adjoint(&x, &[1.0, 2.0, 3.0], 0.0, &gradient);
/// let along: f32 = d_x.iter().zip(&x).map(|(d_x, x)| d_x * x).sum();
/// assert!(along.abs() < 1e-6);
/// ```
pub fn rms_norm_adjoint(
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let mut d_x = vec![0.0; x.len()];
    let mut d_weight = vec![0.0; weight.len()];
    if x.is_empty() {
        return (d_x, d_weight);
    }
    let task = STEPS_OF_A_TASK * weight.len();
    let tasks = d_x.par_chunks_mut(task).zip(x.par_chunks(task).zip(gradient.par_chunks(task)));
    let parts: Vec<Vec<f32>> = tasks
        .map(|(d_x, (x, gradient))| norm_steps_back(x, weight, epsilon, gradient, d_x))
        .collect();
    parts.iter().for_each(|part| add(&mut d_weight, part));
    (d_x, d_weight)
}

/// The steps of one task of [`rms_norm_adjoint`]; the outcome is its part of the gradient by the weight.
#[multiversion(targets("x86_64+avx2+fma"))]
fn norm_steps_back(
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    gradient: &[f32],
    d_x: &mut [f32],
) -> Vec<f32> {
    let channels = weight.len();
    let mut d_weight = vec![0.0; channels];
    let rows = x.chunks_exact(channels).zip(gradient.chunks_exact(channels));
    for ((x, gradient), d_x) in rows.zip(d_x.chunks_exact_mut(channels)) {
        let scale = one_over_root(x, epsilon);
        for (((d_x, gradient), weight), (sum, x)) in
            d_x.iter_mut().zip(gradient).zip(weight).zip(d_weight.iter_mut().zip(x))
        {
            *d_x = gradient * weight;
            *sum += gradient * x * scale;
        }
        let along = dot(d_x, x) / channels as f32 * scale * scale;
        for (d_x, x) in d_x.iter_mut().zip(x) {
            *d_x = (*d_x - along * x) * scale;
        }
    }
    d_weight
}

/// What a convolution is made of: `taps[j]` weighs what came `taps - 1 - j` steps ago, channel by channel.
#[derive(Debug, Clone, Copy)]
pub struct Taps<'a> {
    /// `[taps, channels]`: the last row weighs the step itself.
    pub weight: &'a [f32],
    /// `[channels]`.
    pub bias: &'a [f32],
    /// Steps and channels.
    pub sizes: Sizes,
}

impl Taps<'_> {
    fn count(self) -> usize {
        self.weight.len() / self.sizes.channels
    }

    /// Writes what the taps and the bias make of a step, before it is bent.
    #[inline(always)]
    fn sum(self, u: &[f32], step: usize, out: &mut [f32]) {
        let channels = self.sizes.channels;
        out.copy_from_slice(self.bias);
        let rows = self
            .weight
            .rchunks_exact(channels)
            .zip(u[..(step + 1) * channels].rchunks_exact(channels));
        for (weight, u) in rows {
            for ((out, weight), u) in out.iter_mut().zip(weight).zip(u) {
                *out += weight * u;
            }
        }
    }
}

/// `SiLU(Σⱼ weight[j] u[k - taps + 1 + j] + bias)` at every step k of every sequence, with silence before the first.
///
/// - Shapes: `u` `[batch, length, channels]`, and so is the outcome.
/// - Cost O(taps) a number; tasks of 64 steps run in parallel.
///
/// ```
/// use mamba::block_on_cpu::{Sizes, Taps, convolve_silu};
///
/// let sizes = Sizes { length: 3, channels: 1 };
/// // What came a step ago, doubled: silence first.
/// let y = convolve_silu(&[1.0, 10.0, 100.0], Taps { weight: &[2.0, 0.0], bias: &[0.0], sizes });
/// assert!(y[0] == 0.0 && (y[2] - 20.0).abs() < 1e-5);
/// ```
pub fn convolve_silu(u: &[f32], taps: Taps) -> Vec<f32> {
    let mut y = vec![0.0; u.len()];
    if u.is_empty() {
        return y;
    }
    let (sequence, task) = (taps.sizes.sequence(), taps.sizes.task());
    y.par_chunks_exact_mut(sequence).zip(u.par_chunks_exact(sequence)).for_each(|(y, u)| {
        let tasks = y.par_chunks_mut(task).enumerate();
        tasks.for_each(|(i, y)| convolve_steps(u, i * STEPS_OF_A_TASK, taps, y));
    });
    y
}

/// Some steps of one sequence of [`convolve_silu`], from `first` on.
#[multiversion(targets("x86_64+avx2+fma"))]
fn convolve_steps(u: &[f32], first: usize, taps: Taps, y: &mut [f32]) {
    for (i, y) in y.chunks_exact_mut(taps.sizes.channels).enumerate() {
        taps.sum(u, first + i, y);
        for y in y {
            *y /= 1.0 + exp(-*y);
        }
    }
}

/// The gradients of a loss by `u`, `weight` and `bias` of [`convolve_silu`], from its gradient by the outcome.
///
/// What went into the bend is made again rather than kept. With `s = Σⱼ wⱼ u + b` and `h = g · SiLU'(s)`,
///
/// ```text
/// ∂L/∂b = Σ hₖ      ∂L/∂wⱼ = Σ hₖ uₖ₋ₜ₊₁₊ⱼ      ∂L/∂uₖ = Σⱼ wⱼ hₖ₊ₜ₋₁₋ⱼ       (t taps)
/// ```
///
/// See [`convolve_silu`](mamba::block_operations::convolve_silu) for an example.
pub fn convolve_silu_adjoint(
    u: &[f32],
    taps: Taps,
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let mut d_u = vec![0.0; u.len()];
    let (mut d_weight, mut d_bias) = (vec![0.0; taps.weight.len()], vec![0.0; taps.bias.len()]);
    if u.is_empty() {
        return (d_u, d_weight, d_bias);
    }
    let (sequence, task) = (taps.sizes.sequence(), taps.sizes.task());
    let sequences = u.par_chunks_exact(sequence).zip(gradient.par_chunks_exact(sequence));
    let parts: Vec<Vec<(Vec<f32>, Vec<f32>)>> = d_u
        .par_chunks_exact_mut(sequence)
        .zip(sequences)
        .map(|(d_u, (u, gradient))| {
            let tasks = d_u.par_chunks_mut(task).enumerate();
            let back = |(i, d_u)| convolve_steps_back(u, i * STEPS_OF_A_TASK, taps, gradient, d_u);
            tasks.map(back).collect()
        })
        .collect();
    for (weight, bias) in parts.iter().flatten() {
        add(&mut d_weight, weight);
        add(&mut d_bias, bias);
    }
    (d_u, d_weight, d_bias)
}

/// Some steps of one sequence of [`convolve_silu_adjoint`]; the outcome is their part of the gradients by weight and bias.
#[multiversion(targets("x86_64+avx2+fma"))]
fn convolve_steps_back(
    u: &[f32],
    first: usize,
    taps: Taps,
    gradient: &[f32],
    d_u: &mut [f32],
) -> (Vec<f32>, Vec<f32>) {
    let Sizes { length, channels } = taps.sizes;
    let (own, count) = (d_u.len() / channels, taps.count());

    // The gradients before the bend, of these steps and of the later ones that these can be heard in.
    let last = (first + own + count - 1).min(length);
    let mut bent = vec![0.0; (last - first) * channels];
    let rows =
        bent.chunks_exact_mut(channels).zip(gradient[first * channels..].chunks_exact(channels));
    for (i, (bent, gradient)) in rows.enumerate() {
        taps.sum(u, first + i, bent);
        for (bent, gradient) in bent.iter_mut().zip(gradient) {
            let open = 1.0 / (1.0 + exp(-*bent));
            *bent = gradient * open * (1.0 + *bent * (1.0 - open));
        }
    }

    let (mut d_weight, mut d_bias) = (vec![0.0; taps.weight.len()], vec![0.0; channels]);
    let rows = d_u.chunks_exact_mut(channels).zip(bent.chunks_exact(channels));
    for (i, (d_u, here)) in rows.enumerate() {
        add(&mut d_bias, here);
        let before = u[..(first + i + 1) * channels].rchunks_exact(channels);
        for (d_weight, u) in d_weight.rchunks_exact_mut(channels).zip(before) {
            for ((d_weight, here), u) in d_weight.iter_mut().zip(here).zip(u) {
                *d_weight += here * u;
            }
        }
        let after = bent[i * channels..].chunks_exact(channels);
        for (weight, bent) in taps.weight.rchunks_exact(channels).zip(after) {
            for ((d_u, weight), bent) in d_u.iter_mut().zip(weight).zip(bent) {
                *d_u += weight * bent;
            }
        }
    }
    (d_weight, d_bias)
}
