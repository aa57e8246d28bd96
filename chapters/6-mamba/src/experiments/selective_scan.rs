//! The experiment of the page `selective_scan`: what each way of writing it loses and costs.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use burn::tensor::{DType, Device, Tensor, TensorData};
use clap::Args;
use mamba::scan_on_cpu as cpu;
use mamba::scan_operations::{self, ScanInputs, selective_scan_composed};
use mamba::selective_scan::{
    ScanGradients, ScanSlices, Sizes, selective_scan, selective_scan_adjoint,
    selective_scan_parallel,
};
use ml_links::parameterization::normal;
use ml_links::scans::{Affine, scan_blelloch, scan_rows};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use s4::block_on_cpu::exp;
use workbench::command_line::count;

/// What is scanned.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Steps
    #[arg(long, value_parser = count(1 << 20))]
    length: Option<usize>,
    /// Channels
    #[arg(long, value_parser = count(1 << 16))]
    channels: Option<usize>,
    /// States of each channel
    #[arg(long, default_value_t = 16, value_parser = count(1024))]
    states: usize,
    /// Draws all that is scanned
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measures what each way costs on this machine instead (add --release after cargo run)
    #[arg(long)]
    time: bool,
    /// With --time: seconds of the fused scan alone, as one JSON object
    #[arg(long, requires = "time")]
    json: bool,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (length, channels) = if options.time { (1024, 1536) } else { (200, 48) };
    let sizes = Sizes {
        batch: 1,
        length: options.length.unwrap_or(length),
        d_inner: options.channels.unwrap_or(channels),
        groups: 1,
        d_state: options.states,
    };
    let drawn = Drawn::of(sizes, options.seed);
    match (options.time, options.json) {
        (false, _) => errors(&drawn, options.seed),
        (true, false) => times(&drawn),
        (true, true) => fused_times(&drawn),
    }
}

// ---------------------------------------------------------------------------------------------
// What is scanned
// ---------------------------------------------------------------------------------------------

/// The numbers of a fresh Mamba: rates -1, -2, …, steps about 0.001 to 0.1, all else normal; and a gradient by what comes out.
struct Drawn {
    sizes: Sizes,
    /// u, delta, a, b, c, d, z, delta_bias: numbers that are the same in both precisions.
    parts: [Vec<f32>; 8],
    gradient: Vec<f32>,
}

impl Drawn {
    fn of(sizes: Sizes, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut draw =
            |count: usize| (0..count).map(|_| normal(&mut random) as f32).collect::<Vec<_>>();
        let (inputs, rows, n) = (sizes.inputs(), sizes.rows(), sizes.d_state);
        let parts = [
            draw(inputs),
            draw(inputs),
            (0..sizes.d_inner * n).map(|i| -((i % n + 1) as f32)).collect(),
            draw(rows),
            draw(rows),
            vec![1.0; sizes.d_inner],
            draw(inputs),
            draw(sizes.d_inner).into_iter().map(|bias| bias - 4.6).collect(),
        ];
        let gradient = draw(inputs);
        Self { sizes, parts, gradient }
    }

    fn slices(&self) -> ScanSlices<'_, f32> {
        slices(self.sizes, &self.parts)
    }

    fn double(&self) -> [Vec<f64>; 8] {
        self.parts.each_ref().map(|part| double(part))
    }

    fn tensors(&self, device: &Device) -> ScanInputs {
        let Sizes { batch, length, d_inner, groups, d_state } = self.sizes;
        let [u, delta, a, b, c, d, z, delta_bias] = &self.parts;
        let of = |numbers: &Vec<f32>, shape: &[usize]| TensorData::new(numbers.clone(), shape);
        let (inputs, rows) = ([batch, length, d_inner], [batch, length, groups, d_state]);
        ScanInputs {
            u: Tensor::from_data(of(u, &inputs), device),
            delta: Tensor::from_data(of(delta, &inputs), device),
            a: Tensor::from_data(of(a, &[d_inner, d_state]), device),
            b: Tensor::from_data(of(b, &rows), device),
            c: Tensor::from_data(of(c, &rows), device),
            d: Tensor::from_data(of(d, &[d_inner]), device),
            z: Tensor::from_data(of(z, &inputs), device),
            delta_bias: Tensor::from_data(of(delta_bias, &[d_inner]), device),
        }
    }
}

fn slices<T>(sizes: Sizes, parts: &[Vec<T>; 8]) -> ScanSlices<'_, T> {
    let [u, delta, a, b, c, d, z, delta_bias] = parts;
    ScanSlices { sizes, u, delta, a, b, c, d, z, delta_bias }
}

fn double(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

/// An outcome, and the gradients of a loss by all eight inputs.
type ThereAndBack = (Vec<f64>, Vec<Vec<f64>>);

/// The outcome of tensor operations, and the gradients of `Σ gradient · y`.
fn there_and_back(
    drawn: &Drawn,
    scan: fn(ScanInputs) -> Tensor<3>,
) -> Result<ThereAndBack, Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let inputs = drawn.tensors(&device);
    let inputs = ScanInputs {
        u: inputs.u.require_grad(),
        delta: inputs.delta.require_grad(),
        a: inputs.a.require_grad(),
        b: inputs.b.require_grad(),
        c: inputs.c.require_grad(),
        d: inputs.d.require_grad(),
        z: inputs.z.require_grad(),
        delta_bias: inputs.delta_bias.require_grad(),
    };
    let y = scan(inputs.clone());
    let weights = TensorData::new(drawn.gradient.clone(), y.dims());
    let by = (y.clone() * Tensor::from_data(weights, (&device, DType::F32))).sum().backward();
    let gradients = [
        inputs.u.grad(&by).map(Tensor::into_data),
        inputs.delta.grad(&by).map(Tensor::into_data),
        inputs.a.grad(&by).map(Tensor::into_data),
        inputs.b.grad(&by).map(Tensor::into_data),
        inputs.c.grad(&by).map(Tensor::into_data),
        inputs.d.grad(&by).map(Tensor::into_data),
        inputs.z.grad(&by).map(Tensor::into_data),
        inputs.delta_bias.grad(&by).map(Tensor::into_data),
    ];
    let gradients: Option<Vec<Vec<f64>>> =
        gradients.into_iter().map(|data| data.map(|data| data.iter::<f64>().collect())).collect();
    let gradients = gradients.ok_or("expected a gradient by each of the eight inputs")?;
    Ok((y.inner().into_data().iter::<f64>().collect(), gradients))
}

fn by_tree(maps: &[Affine<f64>]) -> Vec<Affine<f64>> {
    scan_blelloch(maps, |one, next| one.then(*next))
}

// ---------------------------------------------------------------------------------------------
// Errors
// ---------------------------------------------------------------------------------------------

/// The largest error relative to the largest number, as a power of ten: of a rounding only the size means something.
fn error(found: &[f64], exact: &[f64]) -> String {
    let size = exact.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    let off = found.iter().zip(exact).map(|(x, exact)| (x - exact).abs() / size);
    let worst =
        off.fold(0.0f64, |worst, off| if off > worst || off.is_nan() { off } else { worst });
    format!("1e{}", worst.max(1e-17).log10().ceil())
}

fn errors(drawn: &Drawn, seed: u64) -> Result<(), Box<dyn Error>> {
    let Sizes { length, d_inner, d_state, .. } = drawn.sizes;
    let parts = drawn.double();
    let scan = slices(drawn.sizes, &parts);
    let rest = vec![0.0; drawn.sizes.states()];
    let exact = selective_scan(&scan, &rest)?;
    let ScanGradients { u, delta, a, b, c, d, z, delta_bias, .. } =
        selective_scan_adjoint(&scan, &rest, &double(&drawn.gradient))?;
    let exact_gradients = [u, delta, a, b, c, d, z, delta_bias];

    println!("{length} steps of {d_inner} channels with {d_state} states, seed {seed}");
    println!();
    println!("errors below, beside the largest number of the loop in f64");
    println!();
    let tree = selective_scan_parallel(&scan, &rest, by_tree)?;
    println!("{:28} {:>8}", "y by Blelloch's tree, f64", error(&tree.y, &exact.y));
    println!();
    let composed = there_and_back(drawn, selective_scan_composed)?;
    let fused = there_and_back(drawn, scan_operations::selective_scan)?;
    println!("{:28} {:>8} {:>8}", "", "composed", "fused");
    println!("{:28} {:>8} {:>8}", "", "f32", "f32");
    let row = |name: &str, composed: &[f64], fused: &[f64], exact: &[f64]| {
        println!("{name:28} {:>8} {:>8}", error(composed, exact), error(fused, exact));
    };
    row("y", &composed.0, &fused.0, &exact.y);
    let names = ["u", "δ", "a", "B", "C", "d", "z", "bias of δ"];
    for (i, name) in names.iter().enumerate() {
        let name = format!("gradient by {name}");
        row(&name, &composed.1[i], &fused.1[i], &exact_gradients[i]);
    }
    println!();
    kept();
    Ok(())
}

/// What the way back of one layer of mamba-130m needs to remember, in bytes.
fn kept() {
    let sizes = Sizes { batch: 1, length: 1024, d_inner: 1536, groups: 1, d_state: 16 };
    let megabytes = |numbers: usize| format!("{:.1} MB", (numbers * 4) as f64 / 1e6);
    println!("kept for the way back of 1024 steps of 1536 channels with 16 states");
    println!("{:28} {:>10}", "what goes in", megabytes(3 * sizes.inputs() + 2 * sizes.rows()));
    let all = 2 * sizes.length * sizes.states();
    println!("{:28} {:>10}", "decays and states", megabytes(all));
    let stations = sizes.length.div_ceil(cpu::STRETCH) * sizes.states();
    println!("{:28} {:>10}", format!("one state in {}", cpu::STRETCH), megabytes(stations));
}

// ---------------------------------------------------------------------------------------------
// Time
// ---------------------------------------------------------------------------------------------

/// Seconds of the fastest round: at least three, for at least a second.
fn best(mut once: impl FnMut()) -> f64 {
    let (mut best, mut rounds, start) = (f64::INFINITY, 0, Instant::now());
    while rounds < 3 || (start.elapsed().as_secs_f64() < 1.0 && rounds < 200) {
        let round = Instant::now();
        once();
        best = best.min(round.elapsed().as_secs_f64());
        rounds += 1;
    }
    best
}

/// Both in seconds, forward and both ways, if there is a way back.
type Seconds = (f64, Option<f64>);

/// The fused scan on this many threads.
fn fused(drawn: &Drawn, threads: usize) -> Result<Seconds, Box<dyn Error>> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
    let scan = drawn.slices();
    let mut state = vec![0.0; drawn.sizes.states()];
    Ok(pool.install(|| {
        let forward = best(|| {
            state.fill(0.0);
            drop(black_box(cpu::selective_scan(&scan, &mut state)));
        });
        let both = best(|| {
            let (y, kept) = cpu::selective_scan_kept(&scan);
            black_box(y);
            drop(black_box(cpu::selective_scan_adjoint(&scan, &kept, &drawn.gradient)));
        });
        (forward, Some(both))
    }))
}

fn fused_times(drawn: &Drawn) -> Result<(), Box<dyn Error>> {
    let all = rayon::current_num_threads();
    let times = |threads| -> Result<_, Box<dyn Error>> {
        let (forward, both) = fused(drawn, threads)?;
        Ok(serde_json::json!({ "forward": forward, "both": both }))
    };
    println!("{}", serde_json::json!({ "one": times(1)?, "all": times(all)?, "threads": all }));
    Ok(())
}

fn times(drawn: &Drawn) -> Result<(), Box<dyn Error>> {
    let sizes @ Sizes { length, d_inner, d_state, .. } = drawn.sizes;
    let threads = rayon::current_num_threads();
    println!(
        "{length} steps of {d_inner} channels with {d_state} states: milliseconds, the best of some rounds"
    );
    println!();
    println!("{:38} {:>9} {:>9} {:>10} {:>7}", "", "forward", "and back", "ns/update", "GB/s");
    let updates = (length * sizes.states()) as f64;
    // What must move at least: u, δ, z and y, B and C, once each.
    let bytes = 4.0 * (4 * sizes.inputs() + 2 * sizes.rows()) as f64;
    let row = |name: &str, (forward, both): Seconds| {
        let both = both.map_or("-".to_owned(), |both| format!("{:.1}", both * 1e3));
        println!(
            "{name:38} {:>9.1} {both:>9} {:>10.2} {:>7.2}",
            forward * 1e3,
            forward * 1e9 / updates,
            bytes / forward / 1e9
        );
    };

    let (parts, gradient) = (drawn.double(), double(&drawn.gradient));
    let scan = slices(sizes, &parts);
    let rest = vec![0.0; sizes.states()];
    let mut fits = true;
    let loop_forward = best(|| fits &= black_box(selective_scan(&scan, &rest)).is_ok());
    let loop_back = best(|| {
        fits &= black_box(selective_scan_adjoint(&scan, &rest, &gradient)).is_ok();
    });
    row("the loop, f64, one core", (loop_forward, Some(loop_forward + loop_back)));
    let tree = best(|| {
        fits &= black_box(selective_scan_parallel(&scan, &rest, by_tree)).is_ok();
    });
    row("Blelloch's tree, f64, one core", (tree, None));
    let lists = best(|| fits &= black_box(by_lists(&drawn.slices())).is_ok());
    row(&format!("lists of all steps, f32, {threads} cores"), (lists, None));
    let inputs = drawn.tensors(&Device::flex());
    let forward = best(|| drop(black_box(selective_scan_composed(inputs.clone()).into_data())));
    let both = best(|| fits &= black_box(there_and_back(drawn, selective_scan_composed)).is_ok());
    row(&format!("tensor operations, f32, {threads} cores"), (forward, Some(both)));
    row("fused, f32, one core", fused(drawn, 1)?);
    if threads > 1 {
        row(&format!("fused, f32, {threads} cores"), fused(drawn, threads)?);
    }
    debug_assert!(fits, "the sizes are ours");
    Ok(())
}

/// As libraries without a recurrence do it: a list of all decays, one of all pushes, chapter 4's scan over them, and what is read
/// of the list of all states. The outcome is `[d_inner, length]`.
fn by_lists(scan: &ScanSlices<f32>) -> Result<Vec<f32>, Box<dyn Error>> {
    let Sizes { length, d_inner, d_state: n, .. } = scan.sizes;
    let [mut decays, mut pushes, mut states] = [(); 3].map(|()| vec![0.0; d_inner * n * length]);
    let of_channel = n * length;
    let lists =
        decays.par_chunks_exact_mut(of_channel).zip(pushes.par_chunks_exact_mut(of_channel));
    lists.enumerate().for_each(|(channel, (decays, pushes))| {
        let step = |k: usize| {
            let s = scan.delta[k * d_inner + channel] + scan.delta_bias[channel];
            s.max(0.0) + exp(-s.abs()).ln_1p()
        };
        let steps: Vec<f32> = (0..length).map(step).collect();
        let rows = decays.chunks_exact_mut(length).zip(pushes.chunks_exact_mut(length));
        for (state, (decays, pushes)) in rows.enumerate() {
            let a = scan.a[channel * n + state];
            for k in 0..length {
                decays[k] = exp(steps[k] * a);
                pushes[k] = steps[k] * scan.b[k * n + state] * scan.u[k * d_inner + channel];
            }
        }
    });
    scan_rows(&decays, &pushes, &vec![0.0; d_inner * n], &mut states)?;
    let mut y = vec![0.0; d_inner * length];
    y.par_chunks_exact_mut(length).zip(states.par_chunks_exact(of_channel)).enumerate().for_each(
        |(channel, (y, states))| {
            for (state, x) in states.chunks_exact(length).enumerate() {
                for (k, (y, x)) in y.iter_mut().zip(x).enumerate() {
                    *y += scan.c[k * n + state] * x;
                }
            }
            for (k, y) in y.iter_mut().enumerate() {
                let (u, z) = (scan.u[k * d_inner + channel], scan.z[k * d_inner + channel]);
                *y = (*y + scan.d[channel] * u) * z / (1.0 + exp(-z));
            }
        },
    );
    Ok(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_say_what_the_loop_says() -> Result<(), Box<dyn Error>> {
        let sizes = Sizes { batch: 1, length: 20, d_inner: 3, groups: 1, d_state: 4 };
        let drawn = Drawn::of(sizes, 1);
        let parts = drawn.double();
        let exact = selective_scan(&slices(sizes, &parts), &[0.0; 12])?.y;
        for (i, y) in by_lists(&drawn.slices())?.into_iter().enumerate() {
            let exact = exact[i % 20 * 3 + i / 20];
            assert!((f64::from(y) - exact).abs() < 1e-5 * (1.0 + exact.abs()), "{y} or {exact}");
        }
        Ok(())
    }
}
