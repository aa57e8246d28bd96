//! *The arithmetic takes a moment. What is everybody waiting for?*
//!
//! For memory. This module climbs a ladder of kernels for the [selective scan](mamba::scan_operations::selective_scan), one idea a
//! rung, written in CubeCL: Rust that is compiled twice, once for this machine and once for whatever card there is.
//!
//! | rung | | idea |
//! |---|---|---|
//! | 0 | [`rung_0`] | a thread for each channel; Ā, B̄u and every state are arrays in the card's memory |
//! | 1 | [`rung_1`] | the states stay in registers, and all around them is fused into one walk |
//! | 2 | [`rung_2`] | the threads of a workgroup load tiles together, and share what is the same for all |
//! | 3 | [`rung_3`] | more threads: neighbours share a channel's states, and chunks of time run side by side (eq-6-3) |
//! | 4 | [`selective_scan`](mamba::scan_operations::selective_scan) | the way back too: it makes the states again instead of keeping them |
//!
//! The kernels are in [`scan_on_gpu`]; this module divides the work among them. All is single precision.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, backend_extension};
use burn::tensor::{Device, Tensor, TensorData, activation};
use mamba::scan_on_gpu;
use mamba::scan_operations::{ScanInputs, ScanPrimitives};
use mamba::selective_scan::Sizes;
use ml_links::testing::noise;

/// What is fixed when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    /// States of a channel.
    pub d_state: usize,
    /// Neighbouring threads that share the states of one channel.
    pub lanes: usize,
    /// Channels of a workgroup.
    pub width: usize,
    /// Steps of a tile.
    pub steps: usize,
}

impl Plan {
    /// Bytes of the memory that a workgroup shares, on the way back, where it shares most.
    ///
    /// ```
    /// use mamba::gpu_scan::Plan;
    ///
    /// let plan = Plan { d_state: 16, lanes: 4, width: 32, steps: 16 };
    /// assert!(plan.shared_bytes() <= 32 << 10); // what every Vulkan driver in use has
    /// ```
    pub fn shared_bytes(&self) -> usize {
        let &Self { d_state, lanes, width, steps } = self;
        4 * (steps * (3 * width + 2 * d_state + 2 * lanes * width) + 2 * d_state * (width + 1))
    }

    /// The plan that shares the states of a channel among at most four threads, in the longest tiles for which `shared` bytes
    /// are enough; none if that is too little for so many states.
    ///
    /// ```
    /// use mamba::gpu_scan::Plan;
    ///
    /// let found = Plan::within(16, 32 << 10);
    /// assert_eq!(found, Some(Plan { d_state: 16, lanes: 4, width: 32, steps: 16 }));
    /// assert_eq!(Plan::within(16, 1 << 10), None);
    /// ```
    pub fn within(d_state: usize, shared: usize) -> Option<Self> {
        let lanes = [4, 2, 1].into_iter().find(|&lanes| d_state.is_multiple_of(lanes))?;
        let plans = [16, 8, 4].map(|steps| Self { d_state, lanes, width: 32, steps });
        plans.into_iter().find(|plan| d_state > 0 && plan.shared_bytes() <= shared)
    }
}

/// How a scan is divided among threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    /// Inside a workgroup.
    pub plan: Plan,
    /// Pieces of time that are walked side by side; one walks it as it is.
    pub chunks: usize,
}

/// As many threads keep a large card busy.
const ENOUGH: usize = 1 << 15;

impl Division {
    /// Chunks only if without them too few threads would be at work, for a chunked scan reads its inputs twice; and none shorter
    /// than four tiles.
    ///
    /// ```
    /// use mamba::gpu_scan::{Division, Plan};
    /// use mamba::selective_scan::Sizes;
    ///
    /// let plan = Plan::within(16, 32 << 10).expect("enough for 16 states");
    /// let sizes = |batch| Sizes { batch, length: 4096, d_inner: 1536, groups: 1, d_state: 16 };
    /// assert_eq!(Division::suited(sizes(8), plan).chunks, 1);
    /// assert_eq!(Division::suited(sizes(1), plan).chunks, 6);
    /// ```
    // ANCHOR: suited
    pub fn suited(sizes: Sizes, plan: Plan) -> Self {
        let threads = (sizes.batch * sizes.d_inner * plan.lanes).max(1);
        let most = sizes.length / (4 * plan.steps);
        Self { plan, chunks: ENOUGH.div_ceil(threads).min(most).max(1) }
    }
    // ANCHOR_END: suited
}

/// Equation 6-3, for one state: where chunks begin, from where they would end if they began at rest.
///
/// ```text
/// x_end = e^{a S} x_begin + x_end from rest,   S = Σ Δ of the chunk
/// ```
///
/// - `from_rest` and `sums` have a number a chunk; the outcome has one more: the last state.
///
/// ```
/// use mamba::gpu_scan::carried;
///
/// // Chunks whose steps sum to ln 2 halve what they are given, if a = -1.
/// let half = 2_f64.ln();
/// assert_eq!(carried(-1.0, &[half, half], &[1.0, 1.0], 8.0), [8.0, 5.0, 3.5]);
/// ```
// ANCHOR: carried
pub fn carried(a: f64, sums: &[f64], from_rest: &[f64], initial: f64) -> Vec<f64> {
    let mut states = vec![initial];
    for (k, (sum, end)) in sums.iter().zip(from_rest).enumerate() {
        states.push((a * sum).exp() * states[k] + end);
    }
    states
}
// ANCHOR_END: carried

/// Rung 0: composed, as a library composes it. Every tensor `[batch, length, d_inner, d_state]` lies in the card's memory.
///
/// - Shapes: [`ScanInputs`]. The outcome is `[batch, length, d_inner]`, as on every rung.
/// - *Breaks* where such a tensor is larger than the card allows.
///
/// # Panics
/// On a device that is no graphics card.
///
/// ```
/// # use mamba::gpu_scan::{example, rung_0};
/// if let Some(device) = ml_links::testing::card() {
///     assert_eq!(rung_0(example([1, 5, 3, 1, 2], &device)).dims(), [1, 5, 3]);
/// }
/// ```
pub fn rung_0(inputs: ScanInputs) -> Tensor<3> {
    let ScanInputs { u, delta, a, b, c, d, z, delta_bias } = inputs;
    let [_, _, groups, d_state] = b.dims();
    let d_inner = u.dims()[2];
    let by_channel = |rows: Tensor<4>| {
        let [batch, length, ..] = rows.dims();
        let rows = rows.unsqueeze_dim::<5>(3).repeat_dim(3, d_inner / groups);
        rows.reshape([batch, length, d_inner, d_state])
    };
    let raw = delta + delta_bias.reshape([1, 1, -1]);
    let delta = activation::relu(raw.clone()) + (-raw.abs()).exp().log1p();
    let a_bar = (delta.clone().unsqueeze_dim::<4>(3) * a.reshape([1, 1, -1, d_state as i32])).exp();
    let pushed = (delta * u.clone()).unsqueeze_dim::<4>(3) * by_channel(b);
    let x = Tensor::<4>::from_dispatch(<Dispatch as Ladder>::states_in_memory(
        a_bar.into_dispatch(),
        pushed.into_dispatch(),
    ));
    let read = (x * by_channel(c)).sum_dim(3).squeeze_dim::<3>(3);
    (read + u * d.reshape([1, 1, -1])) * activation::silu(z)
}

/// Rung 1: one walk, the states in registers.
///
/// # Panics
/// On a device that is no graphics card.
///
/// ```
/// # use mamba::gpu_scan::{example, rung_1};
/// if let Some(device) = ml_links::testing::card() {
///     assert_eq!(rung_1(example([1, 5, 3, 1, 2], &device)).dims(), [1, 5, 3]);
/// }
/// ```
pub fn rung_1(inputs: ScanInputs) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Ladder>::in_registers(inputs.into_primitives()))
}

/// Rung 2: tiles in shared memory, one thread a channel, no chunks.
///
/// # Panics
/// On a device that is no graphics card, or whose shared memory is too small for so many states.
///
/// ```
/// # use mamba::gpu_scan::{example, rung_2};
/// if let Some(device) = ml_links::testing::card() {
///     assert_eq!(rung_2(example([1, 5, 3, 1, 2], &device)).dims(), [1, 5, 3]);
/// }
/// ```
pub fn rung_2(inputs: ScanInputs) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Ladder>::in_tiles(inputs.into_primitives(), 1, 1))
}

/// Rung 3: neighbours share the states of a channel, and time is walked in `chunks`; [`Division::suited`] knows how many.
///
/// # Panics
/// On a device that is no graphics card, or whose shared memory is too small for so many states.
///
/// ```
/// # use mamba::gpu_scan::{example, rung_3};
/// if let Some(device) = ml_links::testing::card() {
///     assert_eq!(rung_3(example([1, 5, 3, 1, 2], &device), 1).dims(), [1, 5, 3]);
/// }
/// ```
pub fn rung_3(inputs: ScanInputs, chunks: usize) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Ladder>::in_tiles(
        inputs.into_primitives(),
        4,
        chunks.max(1),
    ))
}

/// `s ← s/2 + 1` so many `times` for eight numbers a thread, beginning with each of `seeds`: work without memory, for the clock.
///
/// # Panics
/// On a device that is no graphics card.
///
/// ```
/// use burn::tensor::Tensor;
///
/// if let Some(device) = ml_links::testing::card() {
///     let sums = mamba::gpu_scan::multiply_adds(Tensor::<1>::ones([3], &device), 100);
///     assert_eq!(sums.into_data().try_to_vec::<f32>().expect("floats"), [16.0; 3]);
/// }
/// ```
pub fn multiply_adds(seeds: Tensor<1>, times: usize) -> Tensor<1> {
    Tensor::from_dispatch(<Dispatch as Ladder>::multiply_adds(seeds.into_dispatch(), times))
}

/// Inputs as a Mamba's are, drawn from a seed of their own: for the ladder, its tests and its clock.
///
/// `[batch, length, d_inner, groups, d_state]`; the rates are `-1, …, -d_state` and the steps around 0.05, as at initialisation.
///
/// ```
/// use burn::tensor::Device;
///
/// let inputs = mamba::gpu_scan::example([2, 7, 4, 1, 3], &Device::flex());
/// assert_eq!((inputs.u.dims(), inputs.b.dims()), ([2, 7, 4], [2, 7, 1, 3]));
/// ```
pub fn example(sizes: [usize; 5], device: &Device) -> ScanInputs {
    let [batch, length, d_inner, groups, d_state] = sizes;
    let wave = [batch, length, d_inner];
    let rows = [batch, length, groups, d_state];
    let rates: Vec<f32> = (0..d_inner * d_state).map(|i| -((i % d_state + 1) as f32)).collect();
    ScanInputs {
        u: noise(wave, 1, device),
        delta: noise(wave, 2, device),
        a: Tensor::from_data(TensorData::new(rates, [d_inner, d_state]), device),
        b: noise(rows, 3, device),
        c: noise(rows, 4, device),
        d: noise([d_inner], 5, device),
        z: noise(wave, 6, device),
        delta_bias: Tensor::full([d_inner], -3.0, device),
    }
}

/// What a card must do for the lower rungs. The upper ones are [`SelectiveScanOps`](mamba::scan_operations::SelectiveScanOps).
#[backend_extension(Cube)]
pub trait Ladder: Backend {
    /// `x_k = ā_k x_{k-1} + (b̄u)_k` in memory, for [`rung_0`].
    fn states_in_memory(a_bar: FloatTensor<Self>, pushed: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The function [`rung_1`].
    fn in_registers(#[extension_type] inputs: ScanPrimitives<Self>) -> FloatTensor<Self>;

    /// The function [`multiply_adds`].
    fn multiply_adds(seeds: FloatTensor<Self>, times: usize) -> FloatTensor<Self>;

    /// The functions [`rung_2`] and [`rung_3`]: at most so many lanes, and so many chunks.
    fn in_tiles(
        #[extension_type] inputs: ScanPrimitives<Self>,
        lanes: usize,
        chunks: usize,
    ) -> FloatTensor<Self>;
}

impl Ladder for Cube {
    fn states_in_memory(a_bar: FloatTensor<Self>, pushed: FloatTensor<Self>) -> FloatTensor<Self> {
        scan_on_gpu::states_in_memory(a_bar, pushed)
    }

    fn in_registers(inputs: ScanPrimitives<Self>) -> FloatTensor<Self> {
        scan_on_gpu::scan_in_registers(inputs)
    }

    fn multiply_adds(seeds: FloatTensor<Self>, times: usize) -> FloatTensor<Self> {
        scan_on_gpu::multiply_adds(seeds, times)
    }

    fn in_tiles(inputs: ScanPrimitives<Self>, lanes: usize, chunks: usize) -> FloatTensor<Self> {
        let plan = scan_on_gpu::plan(&inputs)
            .expect("a card whose workgroups share enough memory for so many states");
        let plan = Plan { lanes: plan.lanes.min(lanes), ..plan };
        scan_on_gpu::scan(inputs, None, Division { plan, chunks }, false).y
    }
}
