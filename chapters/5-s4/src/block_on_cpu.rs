//! The arithmetic of [`block_operations`](s4::block_operations) on a processor: one sequence after the other, each
//! `[channels, length]`, spread over the threads of rayon.
//!
//! Nothing here knows of tensors or of automatic differentiation. Each function has its adjoint beside it. All inner
//! loops run along time, over numbers that lie side by side, and are compiled for the widest registers that the
//! processor turns out to have. What comes out does not depend on the number of threads.

use multiversion::multiversion;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};
use rayon::prelude::*;
use s4::dplr_on_cpu::dot;

/// What is added to a variance before its root is taken.
pub const EPSILON: f32 = 1e-5;

/// Sequences of one task: enough to share one set of buffers, and always the same, so that sums over a batch are
/// added up in the same order on any machine.
const SEQUENCES_OF_A_TASK: usize = 4;

/// `e^x` for loops that the compiler turns into vectors: within 2e-7 of it, relatively, between -87 and 88, where it stays.
///
/// The standard library's is a call a number, and a call keeps a loop from being a vector.
///
/// ```
/// use s4::block_on_cpu::exp;
///
/// for x in [-80.0, -1.0, 0.0, 0.5, 20.0_f32] {
///     assert!((exp(x) / x.exp() - 1.0).abs() < 2e-7);
/// }
/// assert!(exp(-1e9) < 1e-37 && exp(1e9).is_finite());
/// ```
// ANCHOR: exp
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    // How many doublings, rounded: the last bits of a number too large for a fraction.
    let shifted = x * std::f32::consts::LOG2_E + 12_582_912.0;
    let doublings = shifted - 12_582_912.0;
    let rest = x - doublings * 0.693_359_4 + doublings * 2.121_944_4e-4;
    let mut series = 1.987_569_1e-4;
    for next in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        series = series * rest + next;
    }
    let grown = series * rest * rest + rest + 1.0;
    grown * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}
// ANCHOR_END: exp

/// `1 / (1 + e^{-x})`.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The two numbers of the tanh form of GELU: `y σ(slope (y + bend y³))`.
const SLOPE: f32 = 1.595_769;
const BEND: f32 = 0.044_715;

#[inline(always)]
fn gelu(y: f32) -> f32 {
    y * sigmoid(SLOPE * y * (1.0 + BEND * y * y))
}

#[inline(always)]
fn gelu_slope(y: f32) -> f32 {
    let open = sigmoid(SLOPE * y * (1.0 + BEND * y * y));
    open * (1.0 + y * (1.0 - open) * SLOPE * (1.0 + 3.0 * BEND * y * y))
}

/// How many of what a batch is made of: numbers that every function here needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Channels of a sequence.
    pub channels: usize,
    /// Steps of a sequence.
    pub length: usize,
}

impl Sizes {
    /// Numbers of a sequence.
    fn sequence(self) -> usize {
        self.channels * self.length
    }
}

/// Each step's channels with mean 0 and variance 1, then scaled by `gamma` and shifted by `beta`.
///
/// - Shapes: `x` `[batch, channels, length]`, `gamma` and `beta` `[channels]`. The outcome is shaped like `x`; with it
///   come the mean and one over the deviation of each step, `[batch, 2, length]`, for the way back.
/// - Cost O(1) a number; sequences run in parallel.
///
/// ```
/// use s4::block_on_cpu::{Sizes, channel_norm};
///
/// // One sequence of two channels and one step.
/// let (y, moments) = channel_norm(&[1.0, 3.0], &[1.0, 1.0], &[0.0, 10.0], Sizes { channels: 2, length: 1 });
/// assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 11.0).abs() < 1e-4);
/// assert_eq!(moments[0], 2.0);
/// ```
pub fn channel_norm(x: &[f32], gamma: &[f32], beta: &[f32], sizes: Sizes) -> (Vec<f32>, Vec<f32>) {
    let Sizes { length, .. } = sizes;
    let batch = x.len() / sizes.sequence().max(1);
    let mut y = vec![0.0; x.len()];
    let mut moments = vec![0.0; batch * 2 * length];
    if x.is_empty() {
        return (y, moments);
    }
    y.par_chunks_exact_mut(sizes.sequence())
        .zip(x.par_chunks_exact(sizes.sequence()))
        .zip(moments.par_chunks_exact_mut(2 * length))
        .for_each(|((y, x), moments)| norm_one(x, gamma, beta, moments, y));
    (y, moments)
}

/// One sequence of [`channel_norm`].
#[multiversion(targets("x86_64+avx2+fma"))]
fn norm_one(x: &[f32], gamma: &[f32], beta: &[f32], moments: &mut [f32], y: &mut [f32]) {
    let (length, share) = (moments.len() / 2, 1.0 / gamma.len() as f32);
    let (mean, spread) = moments.split_at_mut(length);
    for x in x.chunks_exact(length) {
        add(mean, x);
    }
    mean.iter_mut().for_each(|mean| *mean *= share);
    for x in x.chunks_exact(length) {
        for ((spread, x), mean) in spread.iter_mut().zip(x).zip(&*mean) {
            *spread += (x - mean) * (x - mean);
        }
    }
    for spread in &mut *spread {
        *spread = 1.0 / (*spread * share + EPSILON).sqrt();
    }
    let rows = x.chunks_exact(length).zip(y.chunks_exact_mut(length));
    for ((x, y), (gamma, beta)) in rows.zip(gamma.iter().zip(beta)) {
        for (((y, x), mean), spread) in y.iter_mut().zip(x).zip(&*mean).zip(&*spread) {
            *y = (x - mean) * spread * gamma + beta;
        }
    }
}

/// The gradients of a loss by `x`, `gamma` and `beta` of [`channel_norm`], from its gradient by the outcome.
///
/// ```text
/// x̂ = (x - mean) / deviation      ∂L/∂β = Σ g      ∂L/∂γ = Σ g x̂      ∂L/∂x = (gγ - mean(gγ) - x̂ mean(gγ x̂)) / deviation
/// ```
///
/// ```
/// use s4::block_on_cpu::{Sizes, channel_norm, channel_norm_adjoint};
///
/// let sizes = Sizes { channels: 2, length: 1 };
/// let (x, gamma) = ([1.0, 4.0], [1.0, 2.0]);
/// let (_, moments) = channel_norm(&x, &gamma, &[0.0, 0.0], sizes);
/// // To add one to both channels changes nothing after the norm: the gradient by x adds up to 0.
/// let (d_x, d_gamma, d_beta) = channel_norm_adjoint(&x, &gamma, &moments, &[1.0, 0.5], sizes);
/// assert!((d_x[0] + d_x[1]).abs() < 1e-6 && d_beta == [1.0, 0.5] && (d_gamma[0] + 1.0).abs() < 1e-4);
/// ```
pub fn channel_norm_adjoint(
    x: &[f32],
    gamma: &[f32],
    moments: &[f32],
    gradient: &[f32],
    sizes: Sizes,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let Sizes { channels, length } = sizes;
    let mut d_x = vec![0.0; x.len()];
    if x.is_empty() {
        return (d_x, vec![0.0; channels], vec![0.0; channels]);
    }
    let sums: Vec<Vec<f32>> = d_x
        .par_chunks_exact_mut(sizes.sequence())
        .zip(x.par_chunks_exact(sizes.sequence()))
        .zip(moments.par_chunks_exact(2 * length).zip(gradient.par_chunks_exact(sizes.sequence())))
        .map(|((d_x, x), (moments, gradient))| norm_one_back(x, gamma, moments, gradient, d_x))
        .collect();
    let mut total = vec![0.0; 2 * channels];
    sums.iter().for_each(|sum| add(&mut total, sum));
    let d_beta = total.split_off(channels);
    (d_x, total, d_beta)
}

/// One sequence of [`channel_norm_adjoint`]; the outcome is its part of the gradients by gamma, then beta.
#[multiversion(targets("x86_64+avx2+fma"))]
fn norm_one_back(
    x: &[f32],
    gamma: &[f32],
    moments: &[f32],
    gradient: &[f32],
    d_x: &mut [f32],
) -> Vec<f32> {
    let (channels, length) = (gamma.len(), moments.len() / 2);
    let (mean, spread) = moments.split_at(length);
    let mut sums = vec![0.0; 2 * channels];
    let (mut plain, mut along) = (vec![0.0; length], vec![0.0; length]);

    // What of the gradient lies along the ones, and along the normed x itself, at each step. d_x holds the normed x.
    let rows = x.chunks_exact(length).zip(gradient.chunks_exact(length));
    for (channel, ((x, gradient), d_x)) in rows.zip(d_x.chunks_exact_mut(length)).enumerate() {
        for (((normal, x), mean), spread) in d_x.iter_mut().zip(x).zip(mean).zip(spread) {
            *normal = (x - mean) * spread;
        }
        let gamma = gamma[channel];
        let steps = plain.iter_mut().zip(&mut along).zip(gradient.iter().zip(&*d_x));
        for ((plain, along), (gradient, normal)) in steps {
            *plain += gradient * gamma;
            *along += gradient * gamma * normal;
        }
        sums[channel] = dot(gradient, d_x);
        sums[channels + channel] = sum(gradient);
    }

    let share = 1.0 / channels as f32;
    let rows = gradient.chunks_exact(length).zip(gamma);
    for ((gradient, gamma), d_x) in rows.zip(d_x.chunks_exact_mut(length)) {
        let steps = d_x.iter_mut().zip(gradient).zip(spread).zip(plain.iter().zip(&along));
        for (((d_x, gradient), spread), (plain, along)) in steps {
            *d_x = spread * (gradient * gamma - share * (plain + *d_x * along));
        }
    }
    sums
}

/// `Σ aᵢ`, eight sums side by side.
#[inline(always)]
fn sum(a: &[f32]) -> f32 {
    let (a, rest) = a.as_chunks::<8>();
    let mut columns = [0.0; 8];
    for a in a {
        add(&mut columns, a);
    }
    columns.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

#[inline(always)]
fn add(to: &mut [f32], what: &[f32]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += what;
    }
}

/// The weights and masks of [`gated_mix`].
#[derive(Debug, Clone, Copy)]
pub struct Mixing<'a> {
    /// `[channels, 2 channels]`: the first half of its columns speaks, the second opens the gate.
    pub weight: &'a [f32],
    /// `[2 channels]`.
    pub bias: &'a [f32],
    /// What dropout leaves of each channel before the weights, `[batch, channels]`.
    pub kept_before: &'a [f32],
    /// And after the gate.
    pub kept_after: &'a [f32],
    /// Channels and steps.
    pub sizes: Sizes,
}

/// `x + (p ⊙ σ(q)) ⊙ kept_after` with `[p, q] = (gelu(y) ⊙ kept_before) W + bias` at every step.
///
/// - Shapes: `x` and `y` `[batch, channels, length]`. With the outcome, shaped like them, come `p` and `q`,
///   `[batch, 2 channels, length]`, for the way back.
/// - Cost O(channels) a number; sequences run in parallel.
///
/// See [`gated_mix`](s4::block_operations::gated_mix) for an example.
pub fn gated_mix(x: &[f32], y: &[f32], mixing: Mixing) -> (Vec<f32>, Vec<f32>) {
    let Mixing { weight, bias, kept_before, kept_after, sizes } = mixing;
    let Sizes { channels, length } = sizes;
    let mut out = vec![0.0; x.len()];
    let mut halves = vec![0.0; 2 * x.len()];
    if x.is_empty() {
        return (out, halves);
    }
    let size = sizes.sequence();
    let weight = DMatrix::from_row_slice(channels, 2 * channels, weight);
    let batch = out.par_chunks_exact_mut(size).zip(halves.par_chunks_exact_mut(2 * size));
    batch.enumerate().for_each_init(
        || vec![0.0; size],
        |bent, (i, (out, halves))| {
            let here = i * size..(i + 1) * size;
            let masks = i * channels..(i + 1) * channels;
            bend(&y[here.clone()], &kept_before[masks.clone()], bent);
            let (bent, mut halves_of_steps) =
                (rows(bent, length), DMatrixViewMut::from_slice(halves, length, 2 * channels));
            halves_of_steps.gemm(1.0, &bent, &weight, 0.0);
            open_gate(&x[here], bias, &kept_after[masks], halves, out);
        },
    );
    (out, halves)
}

/// `gelu(y) ⊙ kept` of one sequence.
#[multiversion(targets("x86_64+avx2+fma"))]
fn bend(y: &[f32], kept: &[f32], bent: &mut [f32]) {
    let length = y.len() / kept.len();
    let rows = bent.chunks_exact_mut(length).zip(y.chunks_exact(length));
    for ((bent, y), kept) in rows.zip(kept) {
        bent.iter_mut().zip(y).for_each(|(bent, &y)| *bent = gelu(y) * kept);
    }
}

/// Turns a gradient by [`bend`]'s outcome into one by y.
#[multiversion(targets("x86_64+avx2+fma"))]
fn bend_back(y: &[f32], kept: &[f32], d_y: &mut [f32]) {
    let length = y.len() / kept.len();
    let rows = d_y.chunks_exact_mut(length).zip(y.chunks_exact(length));
    for ((d_y, y), kept) in rows.zip(kept) {
        d_y.iter_mut().zip(y).for_each(|(d_y, &y)| *d_y *= gelu_slope(y) * kept);
    }
}

/// `x + p ⊙ σ(q) ⊙ kept` of one sequence; `halves` are p and q, still without bias.
#[multiversion(targets("x86_64+avx2+fma"))]
fn open_gate(x: &[f32], bias: &[f32], kept: &[f32], halves: &mut [f32], out: &mut [f32]) {
    let length = x.len() / kept.len();
    for (half, bias) in halves.chunks_exact_mut(length).zip(bias) {
        half.iter_mut().for_each(|half| *half += bias);
    }
    let (p, q) = halves.split_at(x.len());
    let rows = p.chunks_exact(length).zip(q.chunks_exact(length)).zip(kept);
    let rows = rows.zip(x.chunks_exact(length).zip(out.chunks_exact_mut(length)));
    for (((p, q), kept), (x, out)) in rows {
        for ((out, x), (p, &q)) in out.iter_mut().zip(x).zip(p.iter().zip(q)) {
            *out = x + p * sigmoid(q) * kept;
        }
    }
}

/// The gradients by p and q of one sequence, from the gradient by [`open_gate`]'s outcome.
#[multiversion(targets("x86_64+avx2+fma"))]
fn open_gate_back(halves: &[f32], kept: &[f32], gradient: &[f32], d_halves: &mut [f32]) {
    let length = gradient.len() / kept.len();
    let (p, q) = halves.split_at(gradient.len());
    let (d_p, d_q) = d_halves.split_at_mut(gradient.len());
    let rows = p.chunks_exact(length).zip(q.chunks_exact(length));
    let rows = rows.zip(d_p.chunks_exact_mut(length).zip(d_q.chunks_exact_mut(length)));
    for (((p, q), (d_p, d_q)), (kept, gradient)) in
        rows.zip(kept.iter().zip(gradient.chunks_exact(length)))
    {
        let steps = d_p.iter_mut().zip(d_q).zip(gradient);
        for (((d_p, d_q), gradient), (p, &q)) in steps.zip(p.iter().zip(q)) {
            let (open, gradient) = (sigmoid(q), gradient * kept);
            *d_p = gradient * open;
            *d_q = gradient * p * open * (1.0 - open);
        }
    }
}

/// Adds the sum of each row to its total.
#[multiversion(targets("x86_64+avx2+fma"))]
fn add_rows(rows: &[f32], totals: &mut [f32]) {
    for (row, total) in rows.chunks_exact(rows.len() / totals.len()).zip(totals) {
        *total += sum(row);
    }
}

/// The gradients by `y`, `weight` and `bias` of [`gated_mix`], from the gradient by its outcome, which is also the one by
/// `x`.
///
/// See [`gated_mix`](s4::block_operations::gated_mix) for an example.
pub fn gated_mix_adjoint(
    y: &[f32],
    halves: &[f32],
    mixing: Mixing,
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let Sizes { channels, .. } = mixing.sizes;
    let size = mixing.sizes.sequence();
    let mut d_y = vec![0.0; y.len()];
    let (mut d_weight, mut d_bias) =
        (DMatrix::zeros(channels, 2 * channels), vec![0.0; 2 * channels]);
    if y.is_empty() {
        return (d_y, d_weight.data.into(), d_bias);
    }
    let parts: Vec<(DMatrix<f32>, Vec<f32>)> = d_y
        .par_chunks_mut(size * SEQUENCES_OF_A_TASK)
        .enumerate()
        .map(|(task, d_y)| {
            let mut scratch = Scratch::new(mixing.sizes);
            for (i, d_y) in d_y.chunks_exact_mut(size).enumerate() {
                let i = task * SEQUENCES_OF_A_TASK + i;
                let (y, halves) = (&y[i * size..][..size], &halves[2 * i * size..][..2 * size]);
                scratch.back(i, y, halves, mixing, &gradient[i * size..][..size], d_y);
            }
            (scratch.d_weight, scratch.d_bias)
        })
        .collect();
    for (weight, bias) in &parts {
        d_weight += weight;
        add(&mut d_bias, bias);
    }
    (d_y, d_weight.transpose().data.into(), d_bias)
}

/// What the way back through the sequences of a task scribbles on, and what it adds up.
struct Scratch {
    bent: Vec<f32>,
    bent_by_steps: DMatrix<f32>,
    d_halves: Vec<f32>,
    d_weight: DMatrix<f32>,
    d_bias: Vec<f32>,
}

impl Scratch {
    fn new(sizes: Sizes) -> Self {
        let Sizes { channels, length } = sizes;
        Self {
            bent: vec![0.0; sizes.sequence()],
            bent_by_steps: DMatrix::zeros(channels, length),
            d_halves: vec![0.0; 2 * sizes.sequence()],
            d_weight: DMatrix::zeros(channels, 2 * channels),
            d_bias: vec![0.0; 2 * channels],
        }
    }

    /// One sequence of [`gated_mix_adjoint`], the i-th of the batch.
    fn back(
        &mut self,
        i: usize,
        y: &[f32],
        halves: &[f32],
        mixing: Mixing,
        gradient: &[f32],
        d_y: &mut [f32],
    ) {
        let Mixing { weight, kept_before, kept_after, sizes: Sizes { channels, length }, .. } =
            mixing;
        let (before, after) =
            (&kept_before[i * channels..][..channels], &kept_after[i * channels..][..channels]);
        let Self { bent, bent_by_steps, d_halves, d_weight, d_bias } = self;
        open_gate_back(halves, after, gradient, d_halves);
        add_rows(d_halves, d_bias);
        bend(y, before, bent);
        let (bent, d_halves) = (rows(bent, length), rows(d_halves, length));
        bent.transpose_to(bent_by_steps);
        d_weight.gemm(1.0, bent_by_steps, &d_halves, 1.0);
        // The weight, row by row, is its transpose, column by column.
        let weight = rows(weight, 2 * channels);
        DMatrixViewMut::from_slice(d_y, length, channels).gemm(1.0, &d_halves, &weight, 0.0);
        bend_back(y, before, d_y);
    }
}

/// Rows of numbers as the columns of a matrix, which is how nalgebra keeps its own: it has a fast product for these.
fn rows(numbers: &[f32], length: usize) -> DMatrixView<'_, f32> {
    DMatrixView::from_slice(numbers, length, numbers.len() / length)
}

/// What the target of each step costs, `ln Σ e^{logits} - logit of the target`, and the logarithm of the sum, for the way
/// back.
///
/// - Shapes: `logits` `[batch, classes, length]`, `targets` `[batch, length]`, and so are both outcomes.
/// - Cost O(1) a logit; sequences run in parallel.
///
/// ```
/// use s4::block_on_cpu::{Sizes, surprises};
///
/// let (costs, sums) = surprises(&[1000.0, 1000.0], &[1.0], Sizes { channels: 2, length: 1 });
/// assert!((costs[0] - 2_f32.ln()).abs() < 1e-4 && (sums[0] - 1000.7).abs() < 1e-2);
/// ```
pub fn surprises(logits: &[f32], targets: &[f32], classes: Sizes) -> (Vec<f32>, Vec<f32>) {
    let length = classes.length;
    let (mut costs, mut sums) = (vec![0.0; targets.len()], vec![0.0; targets.len()]);
    if logits.is_empty() {
        return (costs, sums);
    }
    costs
        .par_chunks_exact_mut(length)
        .zip(sums.par_chunks_exact_mut(length))
        .zip(logits.par_chunks_exact(classes.sequence()).zip(targets.par_chunks_exact(length)))
        .for_each(|((costs, sums), (logits, targets))| {
            log_sums(logits, sums);
            for (k, (cost, sum)) in costs.iter_mut().zip(sums).enumerate() {
                *cost = *sum - logits[targets[k] as usize * length + k];
            }
        });
    (costs, sums)
}

/// `ln Σ e^{logits}` of each step of one sequence.
#[multiversion(targets("x86_64+avx2+fma"))]
fn log_sums(logits: &[f32], sums: &mut [f32]) {
    let length = sums.len();
    let mut largest = vec![f32::NEG_INFINITY; length];
    for logits in logits.chunks_exact(length) {
        largest.iter_mut().zip(logits).for_each(|(largest, &logit)| *largest = largest.max(logit));
    }
    for logits in logits.chunks_exact(length) {
        for ((sum, logit), largest) in sums.iter_mut().zip(logits).zip(&largest) {
            *sum += exp(logit - largest);
        }
    }
    sums.iter_mut().zip(&largest).for_each(|(sum, largest)| *sum = sum.ln() + largest);
}

/// The gradient by the logits of [`surprises`] when each cost counts `weight`: `(softmax - one at the target) · weight`.
///
/// ```
/// use s4::block_on_cpu::{Sizes, surprises, surprises_adjoint};
///
/// let (logits, targets, sizes) = ([0.0, 0.0], [1.0], Sizes { channels: 2, length: 1 });
/// let (_, sums) = surprises(&logits, &targets, sizes);
/// let d_logits = surprises_adjoint(&logits, &targets, &sums, 2.0, sizes);
/// assert!((d_logits[0] - 1.0).abs() < 1e-6 && (d_logits[1] + 1.0).abs() < 1e-6);
/// ```
pub fn surprises_adjoint(
    logits: &[f32],
    targets: &[f32],
    sums: &[f32],
    weight: f32,
    classes: Sizes,
) -> Vec<f32> {
    let length = classes.length;
    let mut d_logits = vec![0.0; logits.len()];
    if logits.is_empty() {
        return d_logits;
    }
    d_logits
        .par_chunks_exact_mut(classes.sequence())
        .zip(logits.par_chunks_exact(classes.sequence()))
        .zip(targets.par_chunks_exact(length).zip(sums.par_chunks_exact(length)))
        .for_each(|((d_logits, logits), (targets, sums))| {
            weighted_softmax(logits, sums, weight, d_logits);
            for (k, &target) in targets.iter().enumerate() {
                d_logits[target as usize * length + k] -= weight;
            }
        });
    d_logits
}

/// `weight e^{logit - sum}` of one sequence.
#[multiversion(targets("x86_64+avx2+fma"))]
fn weighted_softmax(logits: &[f32], sums: &[f32], weight: f32, out: &mut [f32]) {
    let rows = logits.chunks_exact(sums.len()).zip(out.chunks_exact_mut(sums.len()));
    for (logits, out) in rows {
        for ((out, logit), sum) in out.iter_mut().zip(logits).zip(sums) {
            *out = weight * exp(logit - sum);
        }
    }
}
