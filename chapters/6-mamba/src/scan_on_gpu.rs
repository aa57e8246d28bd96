//! The arithmetic of [`scan_operations`](mamba::scan_operations) on a graphics card: the upper rungs of the ladder that
//! the page [`gpu_scan`](mamba::gpu_scan) climbs.
//!
//! A workgroup owns 32 channels. It walks along time in tiles of a few steps: all its threads load a tile together into
//! the memory that they share, and then each carries the states of its channel through it. Tensors that only kernels see
//! have the channel last, so that neighbouring threads meet neighbouring numbers: states are `[batch, chunks, d_state, d_inner]`,
//! and what belongs to a channel travels as one tensor of weights `[d_state + 2, d_inner]`: rows of A, then D, then the bias of the step.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::{Shape, Slice};
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::{calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use mamba::gpu_scan::{Division, Plan};
use mamba::scan_operations::ScanPrimitives;
use mamba::selective_scan::Sizes;

/// `ln(1 + eˢ)` on a card, with all its digits: WGSL has no `log1p`, and `ln(1 + w)` loses a small w.
///
/// `ln(1 + w) = 2 artanh(w/(2 + w))` for `w = e^{-|s|}`; the argument is at most 1/3, and seven terms are enough.
// ANCHOR: softplus
#[cube]
fn softplus(s: f32) -> f32 {
    let w = (-s.abs()).exp();
    let t = w / (2.0_f32 + w);
    let tt = t * t;
    let series = 1.0_f32 / 11.0_f32 + tt * (1.0_f32 / 13.0_f32);
    let series = 1.0_f32 / 7.0_f32 + tt * (1.0_f32 / 9.0_f32 + tt * series);
    let series = 1.0_f32 / 3.0_f32 + tt * (1.0_f32 / 5.0_f32 + tt * series);
    select(s > 0.0_f32, s, 0.0_f32) + 2.0_f32 * t * (1.0_f32 + tt * series)
}
// ANCHOR_END: softplus

/// `1 / (1 + e^{-z})` on a card.
#[cube]
fn sigmoid(z: f32) -> f32 {
    1.0_f32 / (1.0_f32 + (-z).exp())
}

/// `x_k = ā_k x_{k-1} + (b̄u)_k`, all of them `[batch, length, d_inner, d_state]` in the card's memory; one thread a channel.
// ANCHOR: rung_0
#[cube(launch)]
fn states_kernel(a_bar: &Tensor<f32>, pushed: &Tensor<f32>, x: &mut Tensor<f32>) {
    let length = x.shape(1);
    let d_inner = x.shape(2);
    let d_state = x.shape(3);
    let sequence = ABSOLUTE_POS / d_inner;
    if sequence >= x.shape(0) {
        terminate!();
    }
    let step = d_inner * d_state; // from one time to the next
    let first = sequence * length * step + ABSOLUTE_POS % d_inner * d_state;
    for k in 0..length {
        for n in 0..d_state {
            let here = first + k * step + n;
            let mut state = pushed[here];
            if k > 0 {
                state += a_bar[here] * x[here - step];
            }
            x[here] = state;
        }
    }
}
// ANCHOR_END: rung_0

/// What a thread knows of its channel, in registers.
#[derive(CubeType)]
struct Channel {
    /// The number of its first step among those of all sequences.
    first: usize,
    number: usize,
    group: usize,
    a: Array<f32>,
    d: f32,
    bias: f32,
}

/// The weights are rows of A, then D, then the bias: `[d_state + 2, d_inner]`.
#[cube]
fn channel_of(
    u: &Tensor<f32>,
    b: &Tensor<f32>,
    weights: &Tensor<f32>,
    #[comptime] d_state: usize,
) -> Channel {
    let d_inner = u.shape(2);
    let number = ABSOLUTE_POS % d_inner;
    let mut a = Array::<f32>::new(d_state);
    #[unroll]
    for n in 0..d_state {
        a[n] = weights[n * d_inner + number];
    }
    Channel {
        first: ABSOLUTE_POS / d_inner * u.shape(1),
        number,
        group: number / (d_inner / b.shape(2)),
        a,
        d: weights[d_state * d_inner + number],
        bias: weights[(d_state + 1) * d_inner + number],
    }
}

/// Equation 6-2 in one walk, one thread a channel.
#[cube(launch)]
fn registers_kernel(
    u: &Tensor<f32>,
    delta: &Tensor<f32>,
    z: &Tensor<f32>,
    weights: &Tensor<f32>,
    b: &Tensor<f32>,
    c: &Tensor<f32>,
    y: &mut Tensor<f32>,
    #[comptime] d_state: usize,
) {
    if ABSOLUTE_POS >= u.shape(0) * u.shape(2) {
        terminate!();
    }
    let channel = channel_of(u, b, weights, d_state);
    walk(u, delta, z, b, c, y, &channel, d_state);
}

// ANCHOR: rung_1
#[cube]
fn walk(
    u: &Tensor<f32>,
    delta: &Tensor<f32>,
    z: &Tensor<f32>,
    b: &Tensor<f32>,
    c: &Tensor<f32>,
    y: &mut Tensor<f32>,
    channel: &Channel,
    #[comptime] d_state: usize,
) {
    let mut x = Array::<f32>::new(d_state); // zeros
    for k in 0..u.shape(1) {
        let here = (channel.first + k) * u.shape(2) + channel.number;
        let row = ((channel.first + k) * b.shape(2) + channel.group) * d_state;
        let delta_k = softplus(delta[here] + channel.bias);
        let mut read = channel.d * u[here];
        #[unroll]
        for n in 0..d_state {
            x[n] = (delta_k * channel.a[n]).exp() * x[n] + delta_k * u[here] * b[row + n];
            read += c[row + n] * x[n];
        }
        y[here] = read * z[here] * sigmoid(z[here]);
    }
}
// ANCHOR_END: rung_1

/// Eight chains of multiplications and additions, which have nothing to wait for but themselves.
#[cube(launch)]
fn multiply_adds_kernel(seeds: &Tensor<f32>, sums: &mut Tensor<f32>, times: usize) {
    if ABSOLUTE_POS >= seeds.len() {
        terminate!();
    }
    let mut chains = Array::<f32>::new(8usize);
    #[unroll]
    for i in 0..8usize {
        chains[i] = seeds[ABSOLUTE_POS] * comptime!(i as f32 + 1.0);
    }
    for _ in 0..times {
        #[unroll]
        for i in 0..8usize {
            chains[i] = chains[i] * 0.5_f32 + 1.0_f32;
        }
    }
    let mut sum = 0.0_f32;
    #[unroll]
    for i in 0..8usize {
        sum += chains[i];
    }
    sums[ABSOLUTE_POS] = sum;
}

/// Where a thread works.
#[derive(CubeType)]
struct Place {
    batch: usize,
    chunk: usize,
    group: usize,
    channel: usize,
    /// Among the channels of the workgroup.
    column: usize,
    /// Among the threads that share a channel.
    lane: usize,
    /// Whether there is such a channel: the last workgroup may be wider than what is left.
    inside: bool,
}

#[cube]
fn place_of(u: &Tensor<f32>, b: &Tensor<f32>, #[comptime] plan: Plan) -> Place {
    let width = comptime!(plan.width);
    let of_group = u.shape(2) / b.shape(2);
    let cubes = (of_group - 1) / width + 1;
    let group = CUBE_POS_X as usize / cubes;
    let column = UNIT_POS_X as usize;
    let in_group = CUBE_POS_X as usize % cubes * width + column;
    Place {
        batch: CUBE_POS_Z as usize,
        chunk: CUBE_POS_Y as usize,
        group,
        channel: group * of_group + in_group,
        column,
        lane: UNIT_POS_Y as usize,
        inside: in_group < of_group,
    }
}

/// Some steps of the channels of a workgroup, in the memory that its threads share.
#[derive(CubeType)]
struct Tile {
    /// Δ, `[steps, width]`.
    deltas: Shared<[f32]>,
    /// u, `[steps, width]`.
    inputs: Shared<[f32]>,
    /// `[steps, d_state]`, the same for all channels.
    b: Shared<[f32]>,
    /// `[steps, d_state]`.
    c: Shared<[f32]>,
    /// What each thread read of its states, `[steps, lanes, width]`.
    reads: Shared<[f32]>,
}

/// Steps from `first` on. Those behind the end become 0: a step of length 0 leaves every state as it is.
#[cube]
fn load_steps(
    tile: &mut Tile,
    u: &Tensor<f32>,
    delta: &Tensor<f32>,
    bias: f32,
    place: &Place,
    first: usize,
    #[comptime] plan: Plan,
) {
    let lanes = comptime!(plan.lanes);
    let length = u.shape(1);
    for row in 0..comptime!(plan.steps / plan.lanes) {
        let step = row * lanes + place.lane;
        let k = first + step;
        let mut delta_k = 0.0_f32;
        let mut u_k = 0.0_f32;
        if place.inside && k < length {
            let here = (place.batch * length + k) * u.shape(2) + place.channel;
            delta_k = softplus(delta[here] + bias);
            u_k = u[here];
        }
        let at = step * comptime!(plan.width) + place.column;
        tile.deltas[at] = delta_k;
        tile.inputs[at] = u_k;
    }
}

/// The rows of B or C of these steps, one number a thread until all are there.
// ANCHOR: tile
#[cube]
fn load_rows(
    rows: &mut Shared<[f32]>,
    from: &Tensor<f32>,
    place: &Place,
    first: usize,
    #[comptime] plan: Plan,
) {
    let d_state = comptime!(plan.d_state);
    let mut at = place.lane * comptime!(plan.width) + place.column;
    while at < comptime!(plan.steps * plan.d_state) {
        let k = first + at / d_state;
        let mut number = 0.0_f32;
        if k < from.shape(1) {
            let row = (place.batch * from.shape(1) + k) * from.shape(2) + place.group;
            number = from[row * d_state + at % d_state];
        }
        rows[at] = number;
        at += comptime!(plan.width * plan.lanes);
    }
}
// ANCHOR_END: tile

#[cube]
fn empty_tile(#[comptime] plan: Plan) -> Tile {
    let numbers = comptime!(plan.steps * plan.width);
    let rows = comptime!(plan.steps * plan.d_state);
    Tile {
        deltas: Shared::<[f32]>::new_slice(numbers),
        inputs: Shared::<[f32]>::new_slice(numbers),
        b: Shared::<[f32]>::new_slice(rows),
        c: Shared::<[f32]>::new_slice(rows),
        reads: Shared::<[f32]>::new_slice(comptime!(plan.steps * plan.width * plan.lanes)),
    }
}

/// This thread's states one step on, in its registers: x ← e^{Δa} x + Δu b.
// ANCHOR: advance
#[cube]
fn advance(
    x: &mut Array<f32>,
    a: &Array<f32>,
    tile: &Tile,
    step: usize,
    place: &Place,
    #[comptime] plan: Plan,
) {
    let own = comptime!(plan.d_state / plan.lanes);
    let at = step * comptime!(plan.width) + place.column;
    let first = step * comptime!(plan.d_state) + place.lane * own;
    let delta = tile.deltas[at];
    let push = delta * tile.inputs[at];
    #[unroll]
    for n in 0..own {
        x[n] = (delta * a[n]).exp() * x[n] + push * tile.b[first + n];
    }
}

/// And what is read of them: this thread's share of c · x.
#[cube]
fn read(x: &Array<f32>, tile: &Tile, step: usize, place: &Place, #[comptime] plan: Plan) -> f32 {
    let own = comptime!(plan.d_state / plan.lanes);
    let first = step * comptime!(plan.d_state) + place.lane * own;
    let mut share = 0.0_f32;
    #[unroll]
    for n in 0..own {
        share += tile.c[first + n] * x[n];
    }
    share
}
// ANCHOR_END: advance

/// The numbers of this thread's states in a tensor `[.., d_state, d_inner]`, from row `row` of all that stands before.
#[cube]
fn take(
    from: &Tensor<f32>,
    row: usize,
    d_inner: usize,
    place: &Place,
    #[comptime] plan: Plan,
) -> Array<f32> {
    let own = comptime!(plan.d_state / plan.lanes);
    let mut numbers = Array::<f32>::new(own);
    #[unroll]
    for n in 0..own {
        numbers[n] = 0.0_f32;
        if place.inside {
            let state = row * comptime!(plan.d_state) + place.lane * own + n;
            numbers[n] = from[state * d_inner + place.channel];
        }
    }
    numbers
}

/// The way back of [`take`].
#[cube]
fn put(
    numbers: &Array<f32>,
    into: &mut Tensor<f32>,
    row: usize,
    d_inner: usize,
    place: &Place,
    #[comptime] plan: Plan,
) {
    let own = comptime!(plan.d_state / plan.lanes);
    #[unroll]
    for n in 0..own {
        if place.inside {
            let state = row * comptime!(plan.d_state) + place.lane * own + n;
            into[state * d_inner + place.channel] = numbers[n];
        }
    }
}

/// A number of a channel's weights that is no rate: row 0 behind A is D, row 1 the bias.
#[cube]
fn weight(
    weights: &Tensor<f32>,
    row: usize,
    d_inner: usize,
    place: &Place,
    #[comptime] plan: Plan,
) -> f32 {
    let mut number = 0.0_f32;
    if place.inside {
        number = weights[(comptime!(plan.d_state) + row) * d_inner + place.channel];
    }
    number
}

/// The number of tiles, and those of a chunk.
#[cube]
fn tiles_of(length: usize, place: &Place, tiles: usize, #[comptime] plan: Plan) -> (usize, usize) {
    let steps = comptime!(plan.steps);
    let all = (length - 1) / steps + 1;
    let first = place.chunk * tiles;
    let last = select(first + tiles < all, first + tiles, all);
    (first, last)
}

/// Every output of a chunk from the state at its beginning, which the state at its end replaces.
// ANCHOR: outputs
#[cube(launch)]
fn outputs_kernel(
    u: &Tensor<f32>,
    delta: &Tensor<f32>,
    z: &Tensor<f32>,
    weights: &Tensor<f32>,
    b: &Tensor<f32>,
    c: &Tensor<f32>,
    states: &mut Tensor<f32>,
    y: &mut Tensor<f32>,
    kept: &mut Tensor<f32>,
    tiles: usize,
    #[comptime] plan: Plan,
    #[comptime] keep: bool,
) {
    let place = place_of(u, b, plan);
    let length = u.shape(1);
    let d_inner = u.shape(2);
    let a = take(weights, 0usize, d_inner, &place, plan);
    let d = weight(weights, 0usize, d_inner, &place, plan);
    let bias = weight(weights, 1usize, d_inner, &place, plan);
    let chunk = place.batch * states.shape(1) + place.chunk;
    let mut x = take(&*states, chunk, d_inner, &place, plan);
    let mut tile = empty_tile(plan);
    let (first, last) = tiles_of(length, &place, tiles, plan);
    for t in first..last {
        if comptime!(keep) {
            let row = place.batch * kept.shape(1) + t;
            put(&x, kept, row, d_inner, &place, plan);
        }
        let begin = t * comptime!(plan.steps);
        load_steps(&mut tile, u, delta, bias, &place, begin, plan);
        load_rows(&mut tile.b, b, &place, begin, plan);
        load_rows(&mut tile.c, c, &place, begin, plan);
        sync_cube();
        for step in 0..comptime!(plan.steps) {
            advance(&mut x, &a, &tile, step, &place, plan);
            let share = read(&x, &tile, step, &place, plan);
            let at = step * comptime!(plan.lanes) + place.lane;
            tile.reads[at * comptime!(plan.width) + place.column] = share;
        }
        sync_cube();
        gate(&tile, u, z, y, d, &place, begin, plan);
    }
    put(&x, states, chunk, d_inner, &place, plan);
}
// ANCHOR_END: outputs

/// What all lanes wrote about one channel and step.
#[cube]
fn gathered(shares: &Shared<[f32]>, step: usize, place: &Place, #[comptime] plan: Plan) -> f32 {
    let lanes = comptime!(plan.lanes);
    let mut sum = 0.0_f32;
    #[unroll]
    for lane in 0..lanes {
        sum += shares[(step * lanes + lane) * comptime!(plan.width) + place.column];
    }
    sum
}

/// y = (c · x + d u) · SiLU(z), each thread for the steps that it loaded.
#[cube]
fn gate(
    tile: &Tile,
    u: &Tensor<f32>,
    z: &Tensor<f32>,
    y: &mut Tensor<f32>,
    d: f32,
    place: &Place,
    first: usize,
    #[comptime] plan: Plan,
) {
    let lanes = comptime!(plan.lanes);
    for row in 0..comptime!(plan.steps / plan.lanes) {
        let step = row * lanes + place.lane;
        let k = first + step;
        if place.inside && k < u.shape(1) {
            let here = (place.batch * u.shape(1) + k) * u.shape(2) + place.channel;
            let read = gathered(&tile.reads, step, place, plan) + d * u[here];
            y[here] = read * z[here] * sigmoid(z[here]);
        }
    }
}

/// What a chunk makes from rest, and the sum of its steps.
// ANCHOR: ends
#[cube(launch)]
fn ends_kernel(
    u: &Tensor<f32>,
    delta: &Tensor<f32>,
    weights: &Tensor<f32>,
    b: &Tensor<f32>,
    states: &mut Tensor<f32>,
    sums: &mut Tensor<f32>,
    tiles: usize,
    #[comptime] plan: Plan,
) {
    let place = place_of(u, b, plan);
    let d_inner = u.shape(2);
    let a = take(weights, 0usize, d_inner, &place, plan);
    let bias = weight(weights, 1usize, d_inner, &place, plan);
    let mut x = Array::<f32>::new(comptime!(plan.d_state / plan.lanes));
    let mut sum = 0.0_f32;
    let mut tile = empty_tile(plan);
    let (first, last) = tiles_of(u.shape(1), &place, tiles, plan);
    for t in first..last {
        let begin = t * comptime!(plan.steps);
        load_steps(&mut tile, u, delta, bias, &place, begin, plan);
        load_rows(&mut tile.b, b, &place, begin, plan);
        sync_cube();
        for step in 0..comptime!(plan.steps) {
            advance(&mut x, &a, &tile, step, &place, plan);
            sum += tile.deltas[step * comptime!(plan.width) + place.column];
        }
        sync_cube();
    }
    let chunk = place.batch * states.shape(1) + place.chunk;
    put(&x, states, chunk, d_inner, &place, plan);
    if place.inside && place.lane == 0 {
        sums[chunk * d_inner + place.channel] = sum;
    }
}
// ANCHOR_END: ends

/// From the ends of chunks that began at rest to the states in which chunks begin, in place: one thread a state, from the first
/// chunk to the last, or `back`.
// ANCHOR: carry
#[cube(launch)]
fn carry_kernel(
    states: &mut Tensor<f32>,
    sums: &Tensor<f32>,
    weights: &Tensor<f32>,
    initial: &Tensor<f32>,
    #[comptime] back: bool,
) {
    if ABSOLUTE_POS >= initial.len() {
        terminate!();
    }
    let d_inner = initial.shape(2);
    let of_chunk = initial.shape(1) * d_inner;
    let state = ABSOLUTE_POS % of_chunk;
    let mut x = initial[ABSOLUTE_POS];
    for i in 0..states.shape(1) {
        let chunk = ABSOLUTE_POS / of_chunk * states.shape(1) + turned(i, states.shape(1), back);
        let decay = (weights[state] * sums[chunk * d_inner + state % d_inner]).exp();
        let from_rest = states[chunk * of_chunk + state];
        states[chunk * of_chunk + state] = x;
        x = decay * x + from_rest;
    }
}
// ANCHOR_END: carry

#[cube]
fn turned(i: usize, count: usize, #[comptime] back: bool) -> usize {
    let mut turned = i;
    if comptime!(back) {
        turned = count - 1 - i;
    }
    turned
}

/// The gradient by what is read of the states, ∂L/∂(c · x + d u) = ∂L/∂y · SiLU(z), for the steps of a tile.
#[cube]
fn load_seen(
    seen: &mut Shared<[f32]>,
    z: &Tensor<f32>,
    gradient: &Tensor<f32>,
    place: &Place,
    first: usize,
    #[comptime] plan: Plan,
) {
    let lanes = comptime!(plan.lanes);
    for row in 0..comptime!(plan.steps / plan.lanes) {
        let step = row * lanes + place.lane;
        let k = first + step;
        let mut number = 0.0_f32;
        if place.inside && k < z.shape(1) {
            let here = (place.batch * z.shape(1) + k) * z.shape(2) + place.channel;
            number = gradient[here] * z[here] * sigmoid(z[here]);
        }
        seen[step * comptime!(plan.width) + place.column] = number;
    }
}

/// The way back of [`ends_kernel`]: the blame that a chunk hands to the one before it if none comes from behind.
#[cube(launch)]
fn blames_kernel(
    delta: &Tensor<f32>,
    z: &Tensor<f32>,
    weights: &Tensor<f32>,
    c: &Tensor<f32>,
    gradient: &Tensor<f32>,
    blames: &mut Tensor<f32>,
    sums: &mut Tensor<f32>,
    tiles: usize,
    #[comptime] plan: Plan,
) {
    let own = comptime!(plan.d_state / plan.lanes);
    let place = place_of(z, c, plan);
    let d_inner = z.shape(2);
    let a = take(weights, 0usize, d_inner, &place, plan);
    let bias = weight(weights, 1usize, d_inner, &place, plan);
    let mut carried = Array::<f32>::new(own);
    let mut sum = 0.0_f32;
    let mut tile = empty_tile(plan);
    let (first, last) = tiles_of(z.shape(1), &place, tiles, plan);
    for i in first..last {
        let begin = (first + last - 1 - i) * comptime!(plan.steps);
        load_steps(&mut tile, z, delta, bias, &place, begin, plan);
        load_rows(&mut tile.c, c, &place, begin, plan);
        // Where the same thread has just put z, for want of u.
        load_seen(&mut tile.inputs, z, gradient, &place, begin, plan);
        sync_cube();
        for back in 0..comptime!(plan.steps) {
            let step = comptime!(plan.steps - 1) - back;
            let at = step * comptime!(plan.width) + place.column;
            let row = step * comptime!(plan.d_state) + place.lane * own;
            #[unroll]
            for n in 0..own {
                let lambda = tile.inputs[at] * tile.c[row + n] + carried[n];
                carried[n] = (tile.deltas[at] * a[n]).exp() * lambda;
            }
            sum += tile.deltas[at];
        }
        sync_cube();
    }
    let chunk = place.batch * blames.shape(1) + place.chunk;
    put(&carried, blames, chunk, d_inner, &place, plan);
    if place.inside && place.lane == 0 {
        sums[chunk * d_inner + place.channel] = sum;
    }
}

/// All gradients of a chunk, tile by tile from its end: the states of a tile are made again from the kept one at its beginning, and
/// stay in registers until the blame has come back through them.
#[cube(launch)]
fn gradients_kernel(
    u: &Tensor<f32>,
    delta: &Tensor<f32>,
    z: &Tensor<f32>,
    weights: &Tensor<f32>,
    b: &Tensor<f32>,
    c: &Tensor<f32>,
    gradient: &Tensor<f32>,
    kept: &Tensor<f32>,
    blames: &Tensor<f32>,
    d_u: &mut Tensor<f32>,
    d_delta: &mut Tensor<f32>,
    d_z: &mut Tensor<f32>,
    d_rows: &mut Tensor<f32>,
    d_weights: &mut Tensor<f32>,
    tiles: usize,
    #[comptime] plan: Plan,
    #[comptime] unrolled: bool,
) {
    let own = comptime!(plan.d_state / plan.lanes);
    let lanes = comptime!(plan.lanes);
    let width = comptime!(plan.width);
    let place = place_of(u, b, plan);
    let length = u.shape(1);
    let d_inner = u.shape(2);
    let a = take(weights, 0usize, d_inner, &place, plan);
    let d = weight(weights, 0usize, d_inner, &place, plan);
    let bias = weight(weights, 1usize, d_inner, &place, plan);
    let chunk = place.batch * blames.shape(1) + place.chunk;
    let mut carried = take(blames, chunk, d_inner, &place, plan);
    let mut d_a = Array::<f32>::new(own);
    let mut d_d = 0.0_f32;
    let mut d_bias = 0.0_f32;
    let mut before = Array::<f32>::new(comptime!(plan.steps * plan.d_state / plan.lanes));

    let mut tile = empty_tile(plan);
    let mut seen = Shared::<[f32]>::new_slice(comptime!(plan.steps * plan.width));
    let mut by_deltas = Shared::<[f32]>::new_slice(comptime!(plan.steps * plan.width * plan.lanes));
    // A column more than there are channels, so that threads that sum neighbouring rows ask different banks.
    let mut by_rows = Shared::<[f32]>::new_slice(comptime!(2 * plan.d_state * (plan.width + 1)));

    let (first, last) = tiles_of(length, &place, tiles, plan);
    for i in first..last {
        let t = first + last - 1 - i;
        let begin = t * comptime!(plan.steps);
        load_steps(&mut tile, u, delta, bias, &place, begin, plan);
        load_rows(&mut tile.b, b, &place, begin, plan);
        load_rows(&mut tile.c, c, &place, begin, plan);
        load_seen(&mut seen, z, gradient, &place, begin, plan);
        sync_cube();

        // Forth: the states before each step, again.
        let mut x = take(kept, place.batch * kept.shape(1) + t, d_inner, &place, plan);
        #[unroll(unrolled)]
        for step in 0..comptime!(plan.steps) {
            #[unroll]
            for n in 0..own {
                before[step * own + n] = x[n];
            }
            advance(&mut x, &a, &tile, step, &place, plan);
            let share = read(&x, &tile, step, &place, plan);
            tile.reads[(step * lanes + place.lane) * width + place.column] = share;
        }
        sync_cube();
        gate_gradients(&tile, u, z, gradient, d_z, d, &place, begin, plan);
        sync_cube();

        // Back: λ_k = seen_k c_k + e^{Δ_{k+1} a} λ_{k+1}.
        #[unroll(unrolled)]
        for back in 0..comptime!(plan.steps) {
            let step = comptime!(plan.steps - 1) - back;
            let at = step * width + place.column;
            let row = step * comptime!(plan.d_state) + place.lane * own;
            let delta_k = tile.deltas[at];
            let push = delta_k * tile.inputs[at];
            let mut by_u = 0.0_f32;
            let mut by_delta = 0.0_f32;
            #[unroll]
            for n in 0..own {
                let decay = (delta_k * a[n]).exp();
                let faded = decay * before[step * own + n];
                let lambda = seen[at] * tile.c[row + n] + carried[n];
                carried[n] = decay * lambda;
                d_a[n] += lambda * delta_k * faded;
                by_u += lambda * tile.b[row + n];
                by_delta += lambda * a[n] * faded;
                let state = place.lane * own + n;
                by_rows[state * (width + 1) + place.column] = lambda * push;
                let state = state + comptime!(plan.d_state);
                by_rows[state * (width + 1) + place.column] =
                    seen[at] * (faded + push * tile.b[row + n]);
            }
            tile.reads[(step * lanes + place.lane) * width + place.column] = by_u;
            by_deltas[(step * lanes + place.lane) * width + place.column] = by_delta;
            sync_cube();
            sum_columns(&by_rows, d_rows, b, &place, begin + step, plan);
            sync_cube();
        }

        // What is left is one number a step and channel.
        for row in 0..comptime!(plan.steps / plan.lanes) {
            let step = row * lanes + place.lane;
            let k = begin + step;
            if place.inside && k < length {
                let here = (place.batch * length + k) * d_inner + place.channel;
                let at = step * width + place.column;
                let by_u = gathered(&tile.reads, step, &place, plan);
                let by_delta = gathered(&by_deltas, step, &place, plan) + tile.inputs[at] * by_u;
                let by_raw = by_delta * sigmoid(delta[here] + bias);
                d_u[here] = seen[at] * d + tile.deltas[at] * by_u;
                d_delta[here] = by_raw;
                d_d += seen[at] * tile.inputs[at];
                d_bias += by_raw;
            }
        }
        sync_cube();
    }

    // Of the weights, each chunk has its share.
    let d_state = comptime!(plan.d_state);
    #[unroll]
    for n in 0..own {
        if place.inside {
            let row = chunk * (d_state + 2) + place.lane * own + n;
            d_weights[row * d_inner + place.channel] = d_a[n];
        }
    }
    tile.reads[place.lane * width + place.column] = d_d;
    by_deltas[place.lane * width + place.column] = d_bias;
    sync_cube();
    if place.inside && place.lane == 0 {
        let row = chunk * (d_state + 2) + d_state;
        d_weights[row * d_inner + place.channel] = gathered(&tile.reads, 0usize, &place, plan);
        let row = row + 1;
        d_weights[row * d_inner + place.channel] = gathered(&by_deltas, 0usize, &place, plan);
    }
}

/// ∂L/∂z = ∂L/∂y (c · x + d u) SiLU'(z), each thread for the steps that it loaded.
#[cube]
fn gate_gradients(
    tile: &Tile,
    u: &Tensor<f32>,
    z: &Tensor<f32>,
    gradient: &Tensor<f32>,
    d_z: &mut Tensor<f32>,
    d: f32,
    place: &Place,
    first: usize,
    #[comptime] plan: Plan,
) {
    let lanes = comptime!(plan.lanes);
    for row in 0..comptime!(plan.steps / plan.lanes) {
        let step = row * lanes + place.lane;
        let k = first + step;
        if place.inside && k < u.shape(1) {
            let here = (place.batch * u.shape(1) + k) * u.shape(2) + place.channel;
            let read = gathered(&tile.reads, step, place, plan) + d * u[here];
            let open = sigmoid(z[here]);
            d_z[here] = gradient[here] * read * open * (1.0_f32 + z[here] * (1.0_f32 - open));
        }
    }
}

/// B and C are the same for all channels: their gradients are sums over them, here over those of a workgroup.
#[cube]
fn sum_columns(
    by_rows: &Shared<[f32]>,
    d_rows: &mut Tensor<f32>,
    b: &Tensor<f32>,
    place: &Place,
    k: usize,
    #[comptime] plan: Plan,
) {
    let d_state = comptime!(plan.d_state);
    let width = comptime!(plan.width);
    // [batch, cubes, length, groups, 2, d_state], and this cube is the one of its group that its position says.
    let cubes = d_rows.shape(1);
    let cube = CUBE_POS_X as usize % cubes;
    let mut at = place.lane * width + place.column;
    while at < 2 * d_state {
        let mut sum = 0.0_f32;
        for column in 0..width {
            sum += by_rows[at * (width + 1) + column];
        }
        if k < b.shape(1) {
            let row = ((place.batch * cubes + cube) * b.shape(1) + k) * b.shape(2) + place.group;
            d_rows[row * comptime!(2 * plan.d_state) + at] = sum;
        }
        at += comptime!(plan.width * plan.lanes);
    }
}

fn empty_like(tensor: &CubeTensor) -> CubeTensor {
    empty_device_contiguous_dtype(
        tensor.client.clone(),
        tensor.device.clone(),
        tensor.shape(),
        tensor.dtype,
    )
}

fn one_thread_each(like: &CubeTensor, count: usize) -> (CubeCount, CubeDim) {
    let threads = CubeDim::new(&like.client, count);
    (calculate_cube_count_elemwise(&like.client, count, threads), threads)
}

/// Every state of `x_k = ā_k x_{k-1} + (b̄u)_k`, from rest: rung 0.
///
/// - Shapes: all `[batch, length, d_inner, d_state]`.
pub fn states_in_memory(a_bar: CubeTensor, pushed: CubeTensor) -> CubeTensor {
    let (a_bar, pushed) = (into_contiguous(a_bar), into_contiguous(pushed));
    let x = empty_like(&pushed);
    let [batch, _, d_inner, _] = x.shape().dims();
    if x.shape().num_elements() > 0 {
        let (cubes, threads) = one_thread_each(&x, batch * d_inner);
        states_kernel::launch(
            &x.client,
            cubes,
            threads,
            a_bar.into_tensor_arg(),
            pushed.into_tensor_arg(),
            x.clone().into_tensor_arg(),
        );
    }
    x
}

/// `s ← s/2 + 1`, so many `times`, eight times beside each other for each of `seeds`: their sums.
pub fn multiply_adds(seeds: CubeTensor, times: usize) -> CubeTensor {
    let seeds = into_contiguous(seeds);
    let sums = empty_like(&seeds);
    let (cubes, threads) = one_thread_each(&seeds, seeds.shape().num_elements());
    multiply_adds_kernel::launch(
        &sums.client,
        cubes,
        threads,
        seeds.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        times,
    );
    sums
}

/// The selective scan from rest, one thread a channel: rung 1.
pub fn scan_in_registers(inputs: ScanPrimitives<Cube>) -> CubeTensor {
    let (sizes, weights) = (sizes_of(&inputs), weights(&inputs));
    let inputs = inputs.map::<Cube>(into_contiguous);
    let y = empty_like(&inputs.u);
    if sizes.inputs() > 0 {
        let (cubes, threads) = one_thread_each(&y, sizes.batch * sizes.d_inner);
        registers_kernel::launch(
            &y.client,
            cubes,
            threads,
            inputs.u.into_tensor_arg(),
            inputs.delta.into_tensor_arg(),
            inputs.z.into_tensor_arg(),
            weights.into_tensor_arg(),
            inputs.b.into_tensor_arg(),
            inputs.c.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            sizes.d_state,
        );
    }
    y
}

/// What a scan leaves behind.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// The outcome, `[batch, length, d_inner]`.
    pub y: CubeTensor,
    /// The last state, `[batch, d_inner, d_state]`.
    pub state: CubeTensor,
    /// The state before each tile, `[batch, tiles, d_state, d_inner]`, if it was to be kept; else one that means nothing.
    pub kept: CubeTensor,
}

/// What kernels are launched with: the numbers of tensors in the order of their axes, and how time is cut.
struct Launch {
    inputs: ScanPrimitives<Cube>,
    weights: CubeTensor,
    sizes: Sizes,
    plan: Plan,
    /// Of a chunk.
    tiles: usize,
    chunks: usize,
}

impl Launch {
    fn new(inputs: ScanPrimitives<Cube>, Division { plan, chunks }: Division) -> Self {
        let (sizes, weights) = (sizes_of(&inputs), weights(&inputs));
        let inputs = inputs.map::<Cube>(into_contiguous);
        let all = sizes.length.div_ceil(plan.steps);
        let tiles = all.div_ceil(chunks);
        Self { inputs, weights, sizes, plan, tiles, chunks: all.div_ceil(tiles) }
    }

    /// Workgroups along the channels of one group.
    fn cubes_of_group(&self) -> usize {
        (self.sizes.d_inner / self.sizes.groups).div_ceil(self.plan.width)
    }

    fn cubes(&self) -> (CubeCount, CubeDim) {
        let Sizes { batch, groups, .. } = self.sizes;
        let count = [groups * self.cubes_of_group(), self.chunks, batch].map(|count| count as u32);
        (
            CubeCount::Static(count[0], count[1], count[2]),
            CubeDim::new_2d(self.plan.width as u32, self.plan.lanes as u32),
        )
    }

    fn empty(&self, shape: impl Into<Shape>) -> CubeTensor {
        let u = &self.inputs.u;
        empty_device_contiguous_dtype(u.client.clone(), u.device.clone(), shape.into(), u.dtype)
    }

    fn zeros(&self, shape: impl Into<Shape>) -> CubeTensor {
        let u = &self.inputs.u;
        Cube::float_zeros(shape.into(), &u.device, u.dtype.into())
    }

    /// From what chunks do alone to the states, or the blames, that they begin with.
    fn carry(&self, states: &CubeTensor, sums: CubeTensor, initial: CubeTensor, back: bool) {
        let initial = into_contiguous(initial);
        let (cubes, threads) = one_thread_each(&initial, initial.shape().num_elements());
        carry_kernel::launch(
            &states.client,
            cubes,
            threads,
            states.clone().into_tensor_arg(),
            sums.into_tensor_arg(),
            self.weights.clone().into_tensor_arg(),
            initial.into_tensor_arg(),
            back,
        );
    }

    /// The state in which each chunk begins, `[batch, chunks, d_state, d_inner]`.
    fn beginnings(&self, state: CubeTensor) -> CubeTensor {
        let Sizes { batch, d_inner, d_state, .. } = self.sizes;
        if self.chunks == 1 {
            // A copy: the kernel writes where it read, and this may be somebody else's tensor.
            let copy = Cube::float_add_scalar(into_contiguous(state), 0.0_f32.into());
            return Cube::float_reshape(copy, Shape::new([batch, 1, d_state, d_inner]));
        }
        let states = self.empty([batch, self.chunks, d_state, d_inner]);
        let sums = self.empty([batch, self.chunks, d_inner]);
        let (count, dim) = self.cubes();
        ends_kernel::launch(
            &states.client,
            count,
            dim,
            self.inputs.u.clone().into_tensor_arg(),
            self.inputs.delta.clone().into_tensor_arg(),
            self.weights.clone().into_tensor_arg(),
            self.inputs.b.clone().into_tensor_arg(),
            states.clone().into_tensor_arg(),
            sums.clone().into_tensor_arg(),
            self.tiles,
            self.plan,
        );
        self.carry(&states, sums, state, false);
        states
    }

    /// The blame that reaches the end of each chunk from behind, `[batch, chunks, d_state, d_inner]`.
    fn blames(&self, gradient: &CubeTensor) -> CubeTensor {
        let Sizes { batch, d_inner, d_state, .. } = self.sizes;
        let none = self.zeros([batch, d_state, d_inner]);
        if self.chunks == 1 {
            return Cube::float_reshape(none, Shape::new([batch, 1, d_state, d_inner]));
        }
        let blames = self.empty([batch, self.chunks, d_state, d_inner]);
        let sums = self.empty([batch, self.chunks, d_inner]);
        let (count, dim) = self.cubes();
        blames_kernel::launch(
            &blames.client,
            count,
            dim,
            self.inputs.delta.clone().into_tensor_arg(),
            self.inputs.z.clone().into_tensor_arg(),
            self.weights.clone().into_tensor_arg(),
            self.inputs.c.clone().into_tensor_arg(),
            gradient.clone().into_tensor_arg(),
            blames.clone().into_tensor_arg(),
            sums.clone().into_tensor_arg(),
            self.tiles,
            self.plan,
        );
        self.carry(&blames, sums, none, true);
        blames
    }
}

/// What belongs to channels as one tensor, `[d_state + 2, d_inner]`: rows of A, then D, then the bias of the step.
pub fn weights(inputs: &ScanPrimitives<Cube>) -> CubeTensor {
    let [d_inner] = inputs.d.shape().dims();
    let row = |tensor: &CubeTensor| Cube::float_reshape(tensor.clone(), Shape::new([1, d_inner]));
    let rates = Cube::float_swap_dims(inputs.a.clone(), 0, 1);
    into_contiguous(Cube::float_cat(vec![rates, row(&inputs.d), row(&inputs.delta_bias)], 0))
}

/// The plan for these inputs on their card; none if it shares too little memory.
pub fn plan(inputs: &ScanPrimitives<Cube>) -> Option<Plan> {
    let [_, d_state] = inputs.a.shape().dims();
    Plan::within(d_state, inputs.u.client.properties().hardware.max_shared_memory_size)
}

/// The division that suits these inputs on their card; none if it shares too little memory.
pub fn division(inputs: &ScanPrimitives<Cube>) -> Option<Division> {
    plan(inputs).map(|plan| Division::suited(sizes_of(inputs), plan))
}

fn sizes_of(inputs: &ScanPrimitives<Cube>) -> Sizes {
    let [batch, length, d_inner] = inputs.u.shape().dims();
    let [_, _, groups, d_state] = inputs.b.shape().dims();
    Sizes { batch, length, d_inner, groups, d_state }
}

/// The selective scan from `state` `[batch, d_inner, d_state]`, or from rest; `keep`s what [`adjoint`] wants to find.
pub fn scan(
    inputs: ScanPrimitives<Cube>,
    state: Option<CubeTensor>,
    division: Division,
    keep: bool,
) -> Scanned {
    let sizes @ Sizes { batch, length, d_inner, d_state, .. } = sizes_of(&inputs);
    if sizes.inputs() == 0 {
        let none = |shape| Cube::float_zeros(shape, &inputs.u.device, inputs.u.dtype.into());
        let state = state.unwrap_or_else(|| none(Shape::new([batch, d_inner, d_state])));
        return Scanned { y: inputs.u.clone(), state, kept: none(Shape::new([0])) };
    }
    let launch = Launch::new(inputs, division);
    let state = match state {
        Some(state) => Cube::float_swap_dims(state, 1, 2),
        None => launch.zeros([batch, d_state, d_inner]),
    };
    let states = launch.beginnings(state);
    let y = launch.empty([batch, length, d_inner]);
    let kept = match keep {
        true => launch.empty([batch, length.div_ceil(launch.plan.steps), d_state, d_inner]),
        false => launch.empty([1, 1, 1, 1]),
    };
    let (count, dim) = launch.cubes();
    let Launch { inputs, weights, plan, tiles, chunks, .. } = launch;
    outputs_kernel::launch(
        &y.client,
        count,
        dim,
        inputs.u.into_tensor_arg(),
        inputs.delta.into_tensor_arg(),
        inputs.z.into_tensor_arg(),
        weights.into_tensor_arg(),
        inputs.b.into_tensor_arg(),
        inputs.c.into_tensor_arg(),
        states.clone().into_tensor_arg(),
        y.clone().into_tensor_arg(),
        kept.clone().into_tensor_arg(),
        tiles,
        plan,
        keep,
    );
    let axes = [batch, 1, d_state, d_inner].map(|count| Slice::from(0..count));
    let axes = [axes[0], Slice::from(chunks - 1..chunks), axes[2], axes[3]];
    let last = Cube::float_reshape(
        Cube::float_slice(states, &axes),
        Shape::new([batch, d_state, d_inner]),
    );
    Scanned { y, state: Cube::float_swap_dims(last, 1, 2), kept }
}

/// The gradients of a loss by all that goes in, from its gradient by the outcome and what [`scan`] kept with the same plan.
pub fn adjoint(
    inputs: ScanPrimitives<Cube>,
    kept: CubeTensor,
    gradient: CubeTensor,
    division: Division,
) -> ScanPrimitives<Cube> {
    let sizes @ Sizes { batch, length, d_inner, groups, d_state } = sizes_of(&inputs);
    if sizes.inputs() == 0 {
        return inputs.map::<Cube>(|tensor| {
            Cube::float_zeros(tensor.shape(), &tensor.device, tensor.dtype.into())
        });
    }
    let launch = Launch::new(inputs, division);
    let gradient = into_contiguous(gradient);
    let blames = launch.blames(&gradient);
    let [d_u, d_delta, d_z] = [0; 3].map(|_| launch.empty([batch, length, d_inner]));
    let d_rows = launch.empty(vec![batch, launch.cubes_of_group(), length, groups, 2, d_state]);
    let d_weights = launch.empty([batch, launch.chunks, d_state + 2, d_inner]);
    let (count, dim) = launch.cubes();
    let Launch { inputs, weights, plan, tiles, .. } = launch;
    // A register has no index: on a card the loops over a tile are written out. What stands in for one would take its time
    // to compile that, and has no registers to fill.
    let unrolled = d_u.client.properties().identity.physical.is_some();
    gradients_kernel::launch(
        &d_u.client,
        count,
        dim,
        inputs.u.into_tensor_arg(),
        inputs.delta.into_tensor_arg(),
        inputs.z.into_tensor_arg(),
        weights.into_tensor_arg(),
        inputs.b.into_tensor_arg(),
        inputs.c.into_tensor_arg(),
        gradient.into_tensor_arg(),
        kept.into_tensor_arg(),
        blames.into_tensor_arg(),
        d_u.clone().into_tensor_arg(),
        d_delta.clone().into_tensor_arg(),
        d_z.clone().into_tensor_arg(),
        d_rows.clone().into_tensor_arg(),
        d_weights.clone().into_tensor_arg(),
        tiles,
        plan,
        unrolled,
    );
    // The workgroups of a group and the chunks of a batch have each their part of a sum.
    let rows = Cube::float_sum_dim(d_rows, 1);
    let row = |which: usize| {
        let axes = [batch, 1, length, groups, 2, d_state].map(|count| Slice::from(0..count));
        let mut axes = axes.to_vec();
        axes[4] = Slice::from(which..which + 1);
        let row = Cube::float_slice(rows.clone(), &axes);
        Cube::float_reshape(row, Shape::new([batch, length, groups, d_state]))
    };
    let weights = Cube::float_sum_dim(Cube::float_sum_dim(d_weights, 0), 1);
    let weights = Cube::float_reshape(weights, Shape::new([d_state + 2, d_inner]));
    let of_weights = |rows: std::ops::Range<usize>| {
        Cube::float_slice(weights.clone(), &[rows.into(), (0..d_inner).into()])
    };
    let single = |row: usize| Cube::float_reshape(of_weights(row..row + 1), Shape::new([d_inner]));
    ScanPrimitives {
        u: d_u,
        delta: d_delta,
        a: Cube::float_swap_dims(of_weights(0..d_state), 0, 1),
        b: row(0),
        c: row(1),
        d: single(d_state),
        z: d_z,
        delta_bias: single(d_state + 1),
    }
}
