//! *How fast could it be?*
//!
//! A machine has two speeds: how many bytes it moves in a second, and how many operations it does. No work is done
//! before its bytes have come and its operations are done, so the slower of both says how fast it can be at best (eq-6-8):
//!
//! ```text
//! operations a second ≤ min(peak, intensity · bandwidth),   intensity = operations / bytes
//! ```
//!
//! This module counts what a scan and what a step of decoding must move and do, and measures both speeds where it
//! runs. An operation is an addition, a multiplication or an exponential; a number has four bytes if nothing else is said.

use std::hint::black_box;
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use mamba::gpu_scan::multiply_adds;
use mamba::selective_scan::Sizes;
use multiversion::multiversion;
use multiversion::target::match_target;
use rayon::prelude::*;
use s4::dplr_operations::on_processor;
use serde::{Deserialize, Serialize};
use workbench::plot::Plot;
use workbench::svg::{Anchor, Role};

/// What is to be moved and to be done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Bytes between the memory and what computes.
    pub bytes: f64,
    /// Operations.
    pub operations: f64,
}

impl Work {
    /// Operations a byte.
    ///
    /// ```
    /// use mamba::hardware::Work;
    ///
    /// assert_eq!(Work { bytes: 8.0, operations: 2.0 }.intensity(), 0.25);
    /// ```
    pub fn intensity(self) -> f64 {
        self.operations / self.bytes
    }
}

/// The two speeds of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Roofline {
    /// Bytes a second.
    pub bandwidth: f64,
    /// Operations a second.
    pub peak: f64,
}

impl Roofline {
    /// Equation 6-8: the operations a second that are within reach of work of this intensity.
    ///
    /// ```
    /// use mamba::hardware::Roofline;
    ///
    /// let machine = Roofline { bandwidth: 1e10, peak: 1e11 };
    /// assert_eq!([1.0, 10.0, 100.0].map(|intensity| machine.attainable(intensity)), [1e10, 1e11, 1e11]);
    /// ```
    // ANCHOR: roofline
    pub fn attainable(self, intensity: f64) -> f64 {
        self.peak.min(intensity * self.bandwidth)
    }

    /// The intensity from which on a machine is no longer waiting for its memory.
    ///
    /// ```
    /// assert_eq!(mamba::hardware::Roofline { bandwidth: 1e10, peak: 1e11 }.ridge(), 10.0);
    /// ```
    pub fn ridge(self) -> f64 {
        self.peak / self.bandwidth
    }

    /// No work takes less time than its bytes, nor less than its operations.
    ///
    /// ```
    /// use mamba::hardware::{Roofline, Work};
    ///
    /// let machine = Roofline { bandwidth: 1e10, peak: 1e11 };
    /// assert_eq!(machine.least_seconds(Work { bytes: 1e10, operations: 2e11 }), 2.0);
    /// ```
    pub fn least_seconds(self, work: Work) -> f64 {
        (work.bytes / self.bandwidth).max(work.operations / self.peak)
    }
    // ANCHOR_END: roofline
}

/// Bytes of a number in single precision.
const NUMBER: f64 = 4.0;

/// Operations of a scan: for each state `Δa`, its exponential, twice times and plus, and times and plus for what is read;
/// around them bias and softplus, `Δu`, `d u` and the gate.
fn operations(sizes: Sizes) -> f64 {
    (sizes.inputs() * (7 * sizes.d_state + 12)) as f64
}

/// What a scan must move at the very least: u, δ and z come, y goes, B and C come once; and what belongs to channels.
///
/// ```
/// use mamba::hardware::fused_scan;
/// use mamba::selective_scan::Sizes;
///
/// let sizes = Sizes { batch: 1, length: 1000, d_inner: 100, groups: 1, d_state: 16 };
/// let work = fused_scan(sizes);
/// assert_eq!(work.bytes, 4.0 * (4.0 * 100_000.0 + 2.0 * 16_000.0 + 100.0 * 18.0));
/// ```
// ANCHOR: fused_scan
pub fn fused_scan(sizes: Sizes) -> Work {
    let weights = sizes.d_inner * (sizes.d_state + 2);
    let numbers = 4 * sizes.inputs() + 2 * sizes.rows() + weights;
    Work { bytes: NUMBER * numbers as f64, operations: operations(sizes) }
}

/// What a scan moves that is composed of operations, each with its own walk through memory: Ā, B̄u and every state are written and
/// read once more, `[batch, length, d_inner, d_state]` each.
///
/// ```
/// use mamba::hardware::{fused_scan, unfused_scan};
/// use mamba::selective_scan::Sizes;
///
/// let sizes = Sizes { batch: 1, length: 1000, d_inner: 1536, groups: 1, d_state: 16 };
/// let times = unfused_scan(sizes).bytes / fused_scan(sizes).bytes;
/// assert!((24.0..25.0).contains(&times));
/// ```
pub fn unfused_scan(sizes: Sizes) -> Work {
    let states = sizes.inputs() * sizes.d_state;
    let fused = fused_scan(sizes);
    Work { bytes: fused.bytes + NUMBER * (6 * states) as f64, operations: fused.operations }
}
// ANCHOR_END: fused_scan

/// What the way there and the way back move together: forth as [`fused_scan`], and a state every `steps` steps, to be found again;
/// back u, δ, z, B, C, the gradient by y and those states come, and the gradients by the first five go.
///
/// ```
/// use mamba::hardware::{fused_scan, fused_scan_and_back};
/// use mamba::selective_scan::Sizes;
///
/// let sizes = Sizes { batch: 1, length: 1000, d_inner: 1536, groups: 1, d_state: 16 };
/// assert!(fused_scan_and_back(sizes, 16).bytes / fused_scan(sizes).bytes < 3.5);
/// ```
pub fn fused_scan_and_back(sizes: Sizes, steps: usize) -> Work {
    let forth = fused_scan(sizes);
    let kept = 2 * sizes.batch * sizes.length.div_ceil(steps) * sizes.d_inner * sizes.d_state;
    let back = 7 * sizes.inputs() + 4 * sizes.rows() + kept;
    let again = (sizes.inputs() * (24 * sizes.d_state + 40)) as f64;
    Work { bytes: forth.bytes + NUMBER * back as f64, operations: forth.operations + again }
}

/// What a step of decoding moves and does: every weight comes once and is multiplied and added for each of a batch; and the states
/// of each, which come and go.
///
/// - `bytes` of a weight: 4, or 2 for bf16. States stay single precision.
///
/// ```
/// use mamba::hardware::{Roofline, decode};
///
/// // Mamba-130m in single precision, where ten gigabytes come in a second.
/// let step = decode(129_135_360, 4.0, 1, 24 * 1536 * (16 + 4));
/// let machine = Roofline { bandwidth: 10e9, peak: 100e9 };
/// assert_eq!((1.0 / machine.least_seconds(step)).floor(), 19.0); // tokens a second
/// ```
// ANCHOR: decode
pub fn decode(parameters: usize, bytes: f64, batch: usize, states: usize) -> Work {
    let states = (batch * states) as f64;
    Work {
        bytes: bytes * parameters as f64 + 2.0 * NUMBER * states,
        operations: (2 * batch * parameters) as f64 + 4.0 * states,
    }
}
// ANCHOR_END: decode

/// Seconds of one call, the best of `rounds`, after one that warms up; a call must not return before its work is done.
///
/// ```
/// assert!(mamba::hardware::best_of(3, || ()) < 1.0);
/// ```
pub fn best_of(rounds: usize, mut call: impl FnMut()) -> f64 {
    call();
    let timed = (0..rounds.max(1)).map(|_| {
        let begun = Instant::now();
        call();
        begun.elapsed().as_secs_f64()
    });
    timed.fold(f64::INFINITY, f64::min)
}

/// Waits until a device has done all that was asked of it.
///
/// ```
/// mamba::hardware::wait(&burn::tensor::Device::flex());
/// ```
pub fn wait(device: &Device) {
    // What failed will say so where its outcome is read.
    let _ = device.sync();
}

/// Bytes a second from memory to memory: an array of so many `numbers` is read, and one as long is written.
///
/// - On a processor all cores copy; on a card a kernel of burn's doubles each number, the plainest that there is.
/// - *Breaks* for arrays that a cache can hold: that is another memory.
///
/// ```
/// use burn::tensor::Device;
///
/// assert!(mamba::hardware::copy_bandwidth(&Device::flex(), 1 << 16, 3) > 1e8);
/// ```
pub fn copy_bandwidth(device: &Device, numbers: usize, rounds: usize) -> f64 {
    let seconds = if !on_processor(device) {
        let from = Tensor::<1>::ones([numbers], device);
        wait(device);
        best_of(rounds, || {
            let _doubled = from.clone() * 2.0;
            wait(device);
        })
    } else {
        let (from, mut into) = (vec![1.0_f32; numbers], vec![0.0_f32; numbers]);
        let part = numbers.div_ceil(rayon::current_num_threads()).max(1);
        best_of(rounds, || {
            let parts = into.par_chunks_mut(part).zip(from.par_chunks(part));
            parts.for_each(|(into, from)| into.copy_from_slice(from));
            black_box(&mut into);
        })
    };
    2.0 * NUMBER * numbers as f64 / seconds
}

/// Operations a second: multiplications and additions of numbers that never leave their registers, on all cores.
///
/// ```
/// use burn::tensor::Device;
///
/// assert!(mamba::hardware::peak(&Device::flex(), 1000, 3) > 1e7);
/// ```
pub fn peak(device: &Device, times: usize, rounds: usize) -> f64 {
    if !on_processor(device) {
        let seeds = Tensor::<1>::ones([1 << 16], device);
        let seconds = best_of(rounds, || {
            let _sums = multiply_adds(seeds.clone(), times);
            wait(device);
        });
        return (2 * 8 * times * (1 << 16)) as f64 / seconds;
    }
    let threads = rayon::current_num_threads();
    let seconds = best_of(rounds, || {
        (0..threads).into_par_iter().for_each(|thread| {
            black_box(multiply_adds_here(thread as f32, 100 * times));
        });
    });
    (2 * SIDE_BY_SIDE * 100 * times * threads) as f64 / seconds
}

/// Numbers that a core has at hand: enough that it never waits for one of them.
const SIDE_BY_SIDE: usize = 128;

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma", "x86_64+avx2+fma"))]
fn multiply_adds_here(seed: f32, times: usize) -> f32 {
    match_target! {
        "x86_64+avx2+fma" => multiply_adds_with::<true>(seed, times),
        "aarch64" => multiply_adds_with::<true>(seed, times),
        _ => multiply_adds_with::<false>(seed, times),
    }
}

#[inline(always)]
fn multiply_adds_with<const FUSED: bool>(seed: f32, times: usize) -> f32 {
    // All different, or the compiler would do one for all.
    let mut sums: [f32; SIDE_BY_SIDE] = std::array::from_fn(|i| seed + i as f32);
    for _ in 0..times {
        for sum in &mut sums {
            *sum = if FUSED { sum.mul_add(0.5, 1.0) } else { *sum * 0.5 + 1.0 };
        }
    }
    sums.iter().sum()
}

/// One way to do a work, and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// What it is called.
    pub name: String,
    /// What it moves and does.
    pub work: Work,
    /// What would have sufficed.
    pub least: Work,
    /// How long it took.
    pub seconds: f64,
}

/// What was measured on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How the machine calls itself.
    pub device: String,
    /// `[batch, length, d_inner, d_state]`.
    pub sizes: [usize; 4],
    /// Its two speeds.
    pub roofline: Roofline,
    /// What was timed.
    pub ways: Vec<Way>,
}

impl Report {
    /// From what `bench-scan --json` printed.
    ///
    /// # Errors
    /// A sentence of the JSON reader, with line and column.
    ///
    /// ```
    /// use mamba::hardware::Report;
    ///
    /// assert!(Report::read("{}").unwrap_err().to_string().starts_with("missing field"));
    /// ```
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The share of what the machine could do that a way does: the least time for the work by the time it took.
    ///
    /// ```
    /// use mamba::hardware::{Report, Roofline, Way, Work};
    ///
    /// let work = Work { bytes: 1e9, operations: 1e9 };
    /// let way = Way { name: "copied".into(), work, least: work, seconds: 0.2 };
    /// let report = Report {
    ///     device: "a machine".into(),
    ///     sizes: [1, 1, 1, 1],
    ///     roofline: Roofline { bandwidth: 1e10, peak: 1e11 },
    ///     ways: vec![way],
    /// };
    /// assert_eq!(report.share(&report.ways[0]), 0.5);
    /// ```
    pub fn share(&self, way: &Way) -> f64 {
        self.roofline.least_seconds(way.least) / way.seconds
    }

    /// The roof, and where each way stands under it, by its letter: `a` is the first. Ways that stand in one place share a label.
    ///
    /// ```
    /// # use mamba::hardware::{Report, Roofline, Way, Work};
    /// # let work = Work { bytes: 1e9, operations: 1e9 };
    /// # let way = Way { name: "copied".into(), work, least: work, seconds: 0.2 };
    /// # let roofline = Roofline { bandwidth: 1e10, peak: 1e11 };
    /// # let ways = vec![way.clone(), way];
    /// # let report = Report { device: String::new(), sizes: [1; 4], roofline, ways };
    /// assert!(report.plot("under a roof").to_terminal(40, 10).contains("a, b"));
    /// ```
    pub fn plot(&self, conclusion: &str) -> Plot {
        let places = self.ways.iter().map(|way| {
            let Work { operations, .. } = way.work;
            (way.work.intensity(), operations / way.seconds / 1e9)
        });
        let places: Vec<_> = places.collect();
        let ridge = self.roofline.ridge();
        let leftmost = places.iter().fold(ridge, |least, (x, _)| least.min(*x));
        let lowest = places.iter().fold(f64::INFINITY, |least, (_, y)| least.min(*y));
        let (from, to) = (leftmost / 3.0, ridge * 10.0);
        let roof = [from, ridge, to].map(|x| (x, self.roofline.attainable(x) / 1e9));
        let (low, high) = (lowest.min(roof[0].1) / 2.0, roof[2].1 * 2.0);
        let near = |one: (f64, f64), other: (f64, f64)| {
            let (across, up) = ((to / from).ln(), (high / low).ln());
            (one.0 / other.0).ln().abs() < 0.04 * across && (one.1 / other.1).ln().abs() < 0.07 * up
        };
        let mut labels: Vec<((f64, f64), String)> = Vec::new();
        for (&place, letter) in places.iter().zip('a'..) {
            match labels.iter_mut().find(|(at, _)| near(*at, place)) {
                Some((_, label)) => *label += &format!(", {letter}"),
                None => labels.push((place, letter.to_string())),
            }
        }
        let plot = Plot::new(conclusion)
            .x_label("operations / byte")
            .y_label("10⁹ operations / s")
            .log_x()
            .log_y()
            .x_range(from, to)
            .y_range(low, high)
            .line(Role::Reference, "", &roof)
            .points(Role::State, "", &places);
        labels.into_iter().fold(plot, |plot, ((x, y), label)| {
            plot.note(Role::State, (x * 1.15, y * 0.9), Anchor::Start, label)
        })
    }
}
