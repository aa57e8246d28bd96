//! The arithmetic of [`scan_operations`](mamba::scan_operations) on a processor: equation 6-2 in single precision, there and back.
//!
//! Nothing here knows of tensors. The work is cut into tasks of [`WIDTH`] neighbouring channels of one sequence, which rayon spreads
//! over the threads. Neighbouring channels are neighbours in memory, so they are what a register holds side by side: the
//! states of a task are `d_state` rows of [`WIDTH`] numbers, a few kilobytes that never leave the nearest cache, and a step reads each
//! of its inputs once. There is no array of `[batch, length, d_inner, d_state]`.
//!
//! The way back needs the states in reverse. Of the way there [`selective_scan_kept`] keeps one state in [`STRETCH`] steps, and the
//! others are made again, a stretch at a time. What comes out does not depend on the number of threads.

use mamba::selective_scan::{ScanGradients, ScanSlices, Sizes};
use multiversion::multiversion;
use multiversion::target::match_target;
use rayon::prelude::*;
use std::f32::consts::{LN_2, LOG2_E};

/// Channels of a task.
pub const WIDTH: usize = 32;

/// Between how many steps one state is kept for the way back.
pub const STRETCH: usize = 32;

/// A number for each channel of a task.
type Lanes = [f32; WIDTH];

const ZEROS: Lanes = [0.0; WIDTH];

/// `ab + c`: rounded once where the processor can, so that it is one instruction; never a call.
#[inline(always)]
fn fma<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `2^t` for loops that the compiler turns into vectors, within 2e-7 of it, relatively; from -126 to 127, where it stays.
///
/// As chapter 5's [`exp`](s4::block_on_cpu::exp), without the change of base: whoever has a factor before the exponent can give it
/// the `log₂ e` once.
// ANCHOR: exp2
#[inline(always)]
fn exp2<const FUSED: bool>(t: f32) -> f32 {
    let t = t.clamp(-126.0, 127.0);
    // The whole number next to t, in the last bits of a number too large for fractions.
    let shifted = t + 12_582_912.0;
    let rest = t - (shifted - 12_582_912.0);
    let mut series = 1.535_336_2e-4;
    for next in [1.339_887_5e-3, 9.618_437e-3, 5.550_332_5e-2, 0.240_226_48, LN_2, 1.0] {
        series = fma::<FUSED>(series, rest, next);
    }
    // One more in the exponent is one doubling.
    f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23))
}
// ANCHOR_END: exp2

/// `1 / (1 + e^{-z})`.
#[inline(always)]
fn sigmoid<const FUSED: bool>(z: f32) -> f32 {
    1.0 / (1.0 + exp2::<FUSED>(-z * LOG2_E))
}

/// `ln(1 + eˢ)` without overflow, with all its digits where it is small, in a form that becomes a vector.
///
/// `ln(1 + w) = 2 artanh(w/(2 + w))` for `w = e^{-|s|}`; the argument is at most 1/3, and seven terms are enough.
#[inline(always)]
fn softplus<const FUSED: bool>(s: f32) -> f32 {
    let w = exp2::<FUSED>(-s.abs() * LOG2_E);
    let t = w / (2.0 + w);
    let mut series = 1.0 / 13.0;
    for odd in [11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = fma::<FUSED>(series, t * t, 1.0 / odd);
    }
    fma::<FUSED>(t + t, series, if s > 0.0 { s } else { 0.0 })
}

/// `Σ aᵢbᵢ`, eight sums side by side, then in pairs.
#[inline(always)]
fn dot<const FUSED: bool>(a: &Lanes, b: &Lanes) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for i in 0..8 {
            sums[i] = fma::<FUSED>(a[i], b[i], sums[i]);
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The first numbers of a row, and zeros where a task has fewer channels than lanes.
#[inline(always)]
fn lanes(row: &[f32]) -> Lanes {
    match row.try_into() {
        Ok(full) => full,
        Err(_) => {
            let mut lanes = ZEROS;
            lanes[..row.len()].copy_from_slice(row);
            lanes
        }
    }
}

/// Neighbouring channels of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    group: usize,
    first: usize,
    count: usize,
}

/// The channels in blocks that no group's border cuts.
fn blocks(sizes: Sizes) -> Vec<Block> {
    let of_group = sizes.d_inner / sizes.groups.max(1);
    let blocks = (0..sizes.groups).flat_map(|group| {
        (0..of_group).step_by(WIDTH).map(move |first| Block {
            group,
            first: group * of_group + first,
            count: WIDTH.min(of_group - first),
        })
    });
    blocks.collect()
}

/// Deals the numbers of `[batch, length, d_inner]` to the tasks, so that each thread may write to its own: for each task a
/// short slice a step.
fn deal<'a>(rows: &'a mut [f32], blocks: &[Block], sizes: Sizes) -> Vec<Vec<&'a mut [f32]>> {
    let Sizes { batch, length, d_inner, .. } = sizes;
    let mut hands: Vec<Vec<_>> =
        (0..batch * blocks.len()).map(|_| Vec::with_capacity(length)).collect();
    for (i, mut row) in rows.chunks_exact_mut(d_inner.max(1)).enumerate() {
        for (block, hand) in blocks.iter().zip(&mut hands[i / length * blocks.len()..]) {
            let (mine, rest) = row.split_at_mut(block.count);
            hand.push(mine);
            row = rest;
        }
    }
    hands
}

/// What a task reads: some channels of one sequence.
#[derive(Clone, Copy)]
struct Task<'a> {
    scan: &'a ScanSlices<'a, f32>,
    sequence: usize,
    block: Block,
}

/// What the channels of a task have for all steps.
struct Channels {
    /// The rates times `log₂ e`, a row a state.
    a: Vec<Lanes>,
    d: Lanes,
    bias: Lanes,
}

/// The numbers of one step, of all channels of a task.
struct Step<'a> {
    u: Lanes,
    /// δ with its bias, before softplus.
    s: Lanes,
    z: Lanes,
    b: &'a [f32],
    c: &'a [f32],
}

impl<'a> Task<'a> {
    #[inline(always)]
    fn channels(&self) -> Channels {
        let (Block { first, count, .. }, n) = (self.block, self.scan.sizes.d_state);
        let mut a = vec![ZEROS; n];
        for (lane, rates) in self.scan.a[first * n..][..count * n].chunks_exact(n).enumerate() {
            a.iter_mut().zip(rates).for_each(|(a, rate)| a[lane] = rate * LOG2_E);
        }
        let of_block = |row: &[f32]| lanes(&row[first..][..count]);
        Channels { a, d: of_block(self.scan.d), bias: of_block(self.scan.delta_bias) }
    }

    /// Where the numbers of a step begin in u, δ, z and y.
    #[inline(always)]
    fn at(&self, k: usize) -> usize {
        let Sizes { length, d_inner, .. } = self.scan.sizes;
        (self.sequence * length + k) * d_inner + self.block.first
    }

    #[inline(always)]
    fn step(&self, k: usize, channels: &Channels) -> Step<'a> {
        let Sizes { length, groups, d_state, .. } = self.scan.sizes;
        let (at, count) = (self.at(k), self.block.count);
        let row = ((self.sequence * length + k) * groups + self.block.group) * d_state;
        let of_step = |numbers: &[f32]| lanes(&numbers[at..][..count]);
        let mut s = of_step(self.scan.delta);
        for (s, bias) in s.iter_mut().zip(&channels.bias) {
            *s += bias;
        }
        Step {
            u: of_step(self.scan.u),
            s,
            z: of_step(self.scan.z),
            b: &self.scan.b[row..][..d_state],
            c: &self.scan.c[row..][..d_state],
        }
    }
}

/// Equation 6-2 from the states in `state`, which become the last ones.
///
/// - Shapes: those of [`ScanSlices`], `state` `[batch, d_inner, d_state]`; the outcome is `[batch, length, d_inner]`.
/// - Errors of some 1e-7, relative to the largest number. Cost O(d_state) a number; tasks run in parallel.
///
/// ```
/// use mamba::scan_on_cpu;
/// use mamba::selective_scan::{ScanSlices, Sizes};
///
/// let (zeros, ones) = ([0.0; 2], [1.0; 2]);
/// let scan = ScanSlices {
///     sizes: Sizes { batch: 1, length: 2, d_inner: 1, groups: 1, d_state: 1 },
///     u: &zeros,
///     delta: &zeros, // softplus(0) is ln 2, and a step of ln 2 at a rate of -1 leaves one half
///     a: &[-1.0],
///     b: &ones,
///     c: &ones,
///     d: &[0.0],
///     z: &ones,
///     delta_bias: &[0.0],
/// };
/// let mut state = [8.0];
/// scan_on_cpu::selective_scan(&scan, &mut state);
/// assert!((state[0] - 2.0).abs() < 1e-6);
/// ```
pub fn selective_scan(scan: &ScanSlices<f32>, state: &mut [f32]) -> Vec<f32> {
    forward(scan, state, &mut [])
}

/// [`selective_scan`] from rest, and every [`STRETCH`]th state for [`selective_scan_adjoint`], in an order of its own.
///
/// ```
/// use mamba::scan_on_cpu::{STRETCH, WIDTH, selective_scan_kept};
/// use mamba::selective_scan::{ScanSlices, Sizes};
///
/// let ones = [1.0; 100];
/// let scan = ScanSlices {
///     sizes: Sizes { batch: 1, length: 100, d_inner: 1, groups: 1, d_state: 1 },
///     u: &ones,
///     delta: &ones,
///     a: &[-1.0],
///     b: &ones,
///     c: &ones,
///     d: &[0.0],
///     z: &ones,
///     delta_bias: &[0.0],
/// };
/// let (_, kept) = selective_scan_kept(&scan);
/// assert_eq!(kept.len(), 100_usize.div_ceil(STRETCH) * WIDTH);
/// ```
pub fn selective_scan_kept(scan: &ScanSlices<f32>) -> (Vec<f32>, Vec<f32>) {
    let Sizes { batch, length, d_state, .. } = scan.sizes;
    let of_task = length.div_ceil(STRETCH) * d_state * WIDTH;
    let mut kept = vec![0.0; batch * blocks(scan.sizes).len() * of_task];
    let y = forward(scan, &mut vec![0.0; scan.sizes.states()], &mut kept);
    (y, kept)
}

/// The fewest tasks that are worth another thread.
fn enough(sizes: Sizes) -> usize {
    (1 << 14) / (sizes.length * sizes.d_state * WIDTH).max(1) + 1
}

fn forward(scan: &ScanSlices<f32>, state: &mut [f32], kept: &mut [f32]) -> Vec<f32> {
    let mut y = vec![0.0; scan.u.len()];
    if y.is_empty() {
        return y;
    }
    let (blocks, n) = (blocks(scan.sizes), scan.sizes.d_state);
    let mut kept = kept.chunks_exact_mut(scan.sizes.length.div_ceil(STRETCH) * n * WIDTH);
    let mut work = Vec::new();
    let mut rest = state;
    for (i, y) in deal(&mut y, &blocks, scan.sizes).into_iter().enumerate() {
        let task = Task { scan, sequence: i / blocks.len(), block: blocks[i % blocks.len()] };
        let (mine, others) = rest.split_at_mut(task.block.count * n);
        rest = others;
        work.push((task, mine, kept.next().unwrap_or_default(), y));
    }
    work.into_par_iter()
        .with_min_len(enough(scan.sizes))
        .for_each(|(task, state, kept, mut y)| walk(task, state, kept, &mut y));
    y
}

/// One task: all steps of some channels.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn walk(task: Task, state: &mut [f32], kept: &mut [f32], y: &mut [&mut [f32]]) {
    match_target! {
        "x86_64+avx2+fma" => walk_with::<true>(task, state, kept, y),
        "aarch64" => walk_with::<true>(task, state, kept, y),
        _ => walk_with::<false>(task, state, kept, y),
    }
}

#[inline(always)]
fn walk_with<const FUSED: bool>(
    task: Task,
    state: &mut [f32],
    kept: &mut [f32],
    y: &mut [&mut [f32]],
) {
    let channels = task.channels();
    let n = channels.a.len();
    // The states, a row for each of the d_state: [d_state, WIDTH].
    let mut x = vec![ZEROS; n];
    for (lane, state) in state.chunks_exact(n).enumerate() {
        x.iter_mut().zip(state).for_each(|(x, state)| x[lane] = *state);
    }
    let mut stations = kept.chunks_exact_mut(n * WIDTH);
    for (k, y) in y.iter_mut().enumerate() {
        if k.is_multiple_of(STRETCH)
            && let Some(station) = stations.next()
        {
            station.copy_from_slice(x.as_flattened());
        }
        let out = one_step::<FUSED>(&task.step(k, &channels), &channels, &mut x);
        y.copy_from_slice(&out[..y.len()]);
    }
    for (lane, state) in state.chunks_exact_mut(n).enumerate() {
        state.iter_mut().zip(&x).for_each(|(state, x)| *state = x[lane]);
    }
}

/// One step of [`WIDTH`] channels.
// ANCHOR: one_step
#[inline(always)]
fn one_step<const FUSED: bool>(step: &Step, channels: &Channels, x: &mut [Lanes]) -> Lanes {
    let [mut delta, mut push, mut y] = [ZEROS; 3];
    for i in 0..WIDTH {
        delta[i] = softplus::<FUSED>(step.s[i]);
        push[i] = delta[i] * step.u[i];
        y[i] = channels.d[i] * step.u[i];
    }
    for ((x, a), (b, c)) in x.iter_mut().zip(&channels.a).zip(step.b.iter().zip(step.c)) {
        for i in 0..WIDTH {
            let decay = exp2::<FUSED>(delta[i] * a[i]);
            x[i] = fma::<FUSED>(decay, x[i], push[i] * b);
            y[i] = fma::<FUSED>(x[i], *c, y[i]);
        }
    }
    for (y, &z) in y.iter_mut().zip(&step.z) {
        *y *= z * sigmoid::<FUSED>(z);
    }
    y
}
// ANCHOR_END: one_step

/// The gradients of a loss by everything that went into [`selective_scan_kept`], from what it kept and the gradient by its
/// outcome.
///
/// - Shapes: `gradient` like u. The gradient by the initial state, zeros there, comes along.
/// - Cost some three scans: each stretch is walked again, its states and decays are kept, and it is walked back.
///
/// ```
/// use mamba::scan_on_cpu::{selective_scan_adjoint, selective_scan_kept};
/// use mamba::selective_scan::{ScanSlices, Sizes};
///
/// let loss = |u: [f32; 2]| {
///     let scan = ScanSlices {
///         sizes: Sizes { batch: 1, length: 2, d_inner: 1, groups: 1, d_state: 1 },
///         u: &u,
///         delta: &[0.3, -0.2],
///         a: &[-1.0],
///         b: &[1.0, 0.5],
///         c: &[0.4, 2.0],
///         d: &[0.1],
///         z: &[1.0, 2.0],
///         delta_bias: &[0.0],
///     };
///     let (y, kept) = selective_scan_kept(&scan);
///     (y[1], selective_scan_adjoint(&scan, &kept, &[0.0, 1.0]).u)
/// };
/// // Linear in u: the difference is exact but for rounding.
/// let difference = loss([2.0, 3.0]).0 - loss([1.0, 3.0]).0;
/// assert!((difference - loss([1.0, 3.0]).1[0]).abs() < 1e-5);
/// ```
pub fn selective_scan_adjoint(
    scan: &ScanSlices<f32>,
    kept: &[f32],
    gradient: &[f32],
) -> ScanGradients<f32> {
    let sizes @ Sizes { length, d_inner, d_state: n, .. } = scan.sizes;
    let [mut u, mut delta, mut z] = [(); 3].map(|()| vec![0.0; scan.u.len()]);
    let blocks = blocks(sizes);
    let mut work = Vec::new();
    if !u.is_empty() {
        let dealt = deal(&mut u, &blocks, sizes).into_iter();
        let dealt = dealt.zip(deal(&mut delta, &blocks, sizes)).zip(deal(&mut z, &blocks, sizes));
        let stations = kept.chunks_exact(length.div_ceil(STRETCH) * n * WIDTH);
        for (i, (((u, delta), z), stations)) in dealt.zip(stations).enumerate() {
            let task = Task { scan, sequence: i / blocks.len(), block: blocks[i % blocks.len()] };
            work.push((task, stations, Rows { u, delta, z }));
        }
    }
    let sums: Vec<Sums> = work
        .into_par_iter()
        .with_min_len(enough(sizes))
        .map(|(task, stations, rows)| walk_back(task, stations, gradient, rows))
        .collect();

    let mut by = ScanGradients {
        u,
        delta,
        a: vec![0.0; d_inner * n],
        b: vec![0.0; sizes.rows()],
        c: vec![0.0; sizes.rows()],
        d: vec![0.0; d_inner],
        z,
        delta_bias: vec![0.0; d_inner],
        initial: vec![0.0; sizes.states()],
    };
    add_channels(&sums, &blocks, sizes, &mut by);
    add_rows(&sums, &blocks, sizes, |sums| &sums.b, &mut by.b);
    add_rows(&sums, &blocks, sizes, |sums| &sums.c, &mut by.c);
    by
}

/// Where a task writes the gradients by its own numbers, a short slice a step.
struct Rows<'a> {
    u: Vec<&'a mut [f32]>,
    delta: Vec<&'a mut [f32]>,
    z: Vec<&'a mut [f32]>,
}

/// What a task contributes to gradients that it shares with others: by B and C with other channels, by the rest with other
/// sequences.
struct Sums {
    /// `[length, d_state]`.
    b: Vec<f32>,
    c: Vec<f32>,
    /// A row a state.
    a: Vec<Lanes>,
    d: Lanes,
    bias: Lanes,
    initial: Vec<Lanes>,
}

/// Adds up what belongs to channels, sequence by sequence.
fn add_channels(sums: &[Sums], blocks: &[Block], sizes: Sizes, by: &mut ScanGradients<f32>) {
    let Sizes { d_inner, d_state: n, .. } = sizes;
    for (i, sums) in sums.iter().enumerate() {
        let Block { first, count, .. } = blocks[i % blocks.len()];
        let row = i / blocks.len() * d_inner + first;
        for lane in 0..count {
            by.d[first + lane] += sums.d[lane];
            by.delta_bias[first + lane] += sums.bias[lane];
            for (state, (a, initial)) in sums.a.iter().zip(&sums.initial).enumerate() {
                by.a[(first + lane) * n + state] += a[lane];
                by.initial[(row + lane) * n + state] = initial[lane];
            }
        }
    }
}

/// Adds up what belongs to steps, block by block: `[batch, length, groups, d_state]`.
fn add_rows(
    sums: &[Sums],
    blocks: &[Block],
    sizes: Sizes,
    of: impl Fn(&Sums) -> &[f32] + Sync,
    rows: &mut [f32],
) {
    let Sizes { length, groups, d_state: n, .. } = sizes;
    if sums.is_empty() {
        return;
    }
    rows.par_chunks_exact_mut(groups * n).with_min_len(64).enumerate().for_each(|(i, row)| {
        let (sequence, k) = (i / length, i % length);
        for (block, sums) in blocks.iter().zip(&sums[sequence * blocks.len()..]) {
            let row = &mut row[block.group * n..][..n];
            row.iter_mut().zip(&of(sums)[k * n..]).for_each(|(sum, part)| *sum += part);
        }
    });
}

/// One task, from the last step to the first.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn walk_back(task: Task, stations: &[f32], gradient: &[f32], rows: Rows) -> Sums {
    match_target! {
        "x86_64+avx2+fma" => walk_back_with::<true>(task, stations, gradient, rows),
        "aarch64" => walk_back_with::<true>(task, stations, gradient, rows),
        _ => walk_back_with::<false>(task, stations, gradient, rows),
    }
}

/// What is made again of a step on the way back.
struct Again {
    delta: Lanes,
    push: Lanes,
    /// What was read, before the gate.
    read: Lanes,
}

#[inline(always)]
fn walk_back_with<const FUSED: bool>(
    task: Task,
    stations: &[f32],
    gradient: &[f32],
    mut rows: Rows,
) -> Sums {
    let channels = task.channels();
    let (n, length) = (channels.a.len(), task.scan.sizes.length);
    let mut sums = Sums {
        b: vec![0.0; length * n],
        c: vec![0.0; length * n],
        a: vec![ZEROS; n],
        d: ZEROS,
        bias: ZEROS,
        initial: vec![ZEROS; n],
    };
    // The states before each step of a stretch and after the last, and the decays of its steps: a row a state.
    let mut states = vec![ZEROS; (STRETCH + 1) * n];
    let mut decays = vec![ZEROS; STRETCH * n];
    let mut again = Vec::with_capacity(STRETCH);
    for (i, station) in stations.chunks_exact(n * WIDTH).enumerate().rev() {
        let first = i * STRETCH;
        let stretch = first..length.min(first + STRETCH);
        states[..n].as_flattened_mut().copy_from_slice(station);
        again.clear();
        for (t, k) in stretch.clone().enumerate() {
            let (before, after) = states[t * n..].split_at_mut(n);
            let decays = &mut decays[t * n..][..n];
            let step = task.step(k, &channels);
            again.push(again_step::<FUSED>(&step, &channels, before, after, decays));
        }
        for (t, k) in stretch.enumerate().rev() {
            let (before, after) = states[t * n..].split_at(n);
            let at = task.at(k);
            let gradient = lanes(&gradient[at..][..task.block.count]);
            let [by_u, by_delta, by_z] = step_back::<FUSED>(
                &task.step(k, &channels),
                &channels,
                &again[t],
                Between { before, after, decays: &decays[t * n..][..n] },
                &gradient,
                (k, &mut sums),
            );
            for (rows, by) in
                [(&mut rows.u, by_u), (&mut rows.delta, by_delta), (&mut rows.z, by_z)]
            {
                rows[k].copy_from_slice(&by[..task.block.count]);
            }
        }
    }
    sums
}

/// [`one_step`] that keeps what it makes.
#[inline(always)]
fn again_step<const FUSED: bool>(
    step: &Step,
    channels: &Channels,
    before: &[Lanes],
    after: &mut [Lanes],
    decays: &mut [Lanes],
) -> Again {
    let [mut delta, mut push, mut read] = [ZEROS; 3];
    for i in 0..WIDTH {
        delta[i] = softplus::<FUSED>(step.s[i]);
        push[i] = delta[i] * step.u[i];
        read[i] = channels.d[i] * step.u[i];
    }
    let rows = before.iter().zip(after).zip(decays.iter_mut().zip(&channels.a));
    for (((before, after), (decays, a)), (b, c)) in rows.zip(step.b.iter().zip(step.c)) {
        for i in 0..WIDTH {
            decays[i] = exp2::<FUSED>(delta[i] * a[i]);
            after[i] = fma::<FUSED>(decays[i], before[i], push[i] * b);
            read[i] = fma::<FUSED>(after[i], *c, read[i]);
        }
    }
    Again { delta, push, read }
}

/// The states on both sides of a step, and the decays between them.
struct Between<'a> {
    before: &'a [Lanes],
    after: &'a [Lanes],
    decays: &'a [Lanes],
}

/// One step back; the outcome are the gradients by u, δ and z.
#[inline(always)]
fn step_back<const FUSED: bool>(
    step: &Step,
    channels: &Channels,
    again: &Again,
    states: Between,
    gradient: &Lanes,
    (k, sums): (usize, &mut Sums),
) -> [Lanes; 3] {
    let n = channels.a.len();
    let [mut by_read, mut by_z, mut by_push, mut by_delta] = [ZEROS; 4];
    for i in 0..WIDTH {
        let open = sigmoid::<FUSED>(step.z[i]);
        let slope = open * (1.0 + step.z[i] * (1.0 - open));
        by_z[i] = gradient[i] * again.read[i] * slope;
        by_read[i] = gradient[i] * step.z[i] * open;
        sums.d[i] = fma::<FUSED>(by_read[i], step.u[i], sums.d[i]);
    }
    let of_step = k * n..(k + 1) * n;
    let (by_b, by_c) = (&mut sums.b[of_step.clone()], &mut sums.c[of_step]);
    for row in 0..n {
        let (a, b, c) = (&channels.a[row], step.b[row], step.c[row]);
        let (before, decays) = (&states.before[row], &states.decays[row]);
        let (handed_back, by_a) = (&mut sums.initial[row], &mut sums.a[row]);
        let mut lambda = ZEROS;
        for i in 0..WIDTH {
            lambda[i] = fma::<FUSED>(by_read[i], c, handed_back[i]);
            let by_exponent = lambda[i] * (decays[i] * before[i]);
            by_a[i] = fma::<FUSED>(by_exponent, again.delta[i], by_a[i]);
            by_delta[i] = fma::<FUSED>(by_exponent, a[i], by_delta[i]);
            by_push[i] = fma::<FUSED>(lambda[i], b, by_push[i]);
            handed_back[i] = decays[i] * lambda[i];
        }
        by_b[row] = dot::<FUSED>(&lambda, &again.push);
        by_c[row] = dot::<FUSED>(&by_read, &states.after[row]);
    }
    let mut by_u = ZEROS;
    for i in 0..WIDTH {
        by_u[i] = fma::<FUSED>(by_push[i], again.delta[i], by_read[i] * channels.d[i]);
        // The rates stood there with a factor of log₂ e.
        let by_step = fma::<FUSED>(by_push[i], step.u[i], by_delta[i] * LN_2);
        by_delta[i] = by_step * sigmoid::<FUSED>(step.s[i]);
        sums.bias[i] += by_delta[i];
    }
    [by_u, by_delta, by_z]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_become_vectors_keep_their_digits() {
        let mut worst = [0.0_f64; 3];
        for i in -87_000..=87_000 {
            let s = i as f32 / 1000.0;
            let exact = f64::from(s);
            let found = [exp2::<true>(s), softplus::<true>(s), sigmoid::<true>(s)].map(f64::from);
            let softplus = exact.max(0.0) + (-exact.abs()).exp().ln_1p();
            let expected = [exact.exp2(), softplus, 1.0 / (1.0 + (-exact).exp())];
            for ((worst, found), expected) in worst.iter_mut().zip(found).zip(expected) {
                *worst = worst.max((found / expected - 1.0).abs());
            }
        }
        // An exponent of 87 doublings is rounded to 4e-6 before it is one.
        assert!(worst[0] < 2e-7 && worst[1] < 1e-5 && worst[2] < 1e-5, "{worst:?}");
    }

    #[test]
    fn without_one_instruction_for_it_a_product_and_a_sum_do() {
        for s in [-20.0, -1.0, 0.0, 0.3, 15.0] {
            assert!((softplus::<false>(s) / softplus::<true>(s) - 1.0).abs() < 1e-6, "{s}");
            assert!((sigmoid::<false>(s) / sigmoid::<true>(s) - 1.0).abs() < 1e-6, "{s}");
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        assert!(exp2::<true>(f32::NAN).is_nan() && softplus::<true>(f32::NAN).is_nan());
    }

    #[test]
    fn blocks_cover_the_channels_once_and_never_cross_a_group() {
        for (d_inner, groups) in [(1, 1), (32, 1), (33, 1), (96, 1), (96, 2), (6, 6), (0, 1)] {
            let sizes = Sizes { batch: 1, length: 1, d_inner, groups, d_state: 1 };
            let mut next = 0;
            for Block { group, first, count } in blocks(sizes) {
                assert!(first == next && count > 0 && count <= WIDTH);
                let of_group = d_inner / groups;
                assert!(group == first / of_group && group == (first + count - 1) / of_group);
                next += count;
            }
            assert_eq!(next, d_inner);
        }
    }
}
