//! The command `chunks` of the page `ssd`: digits of segment sums, modes beside each other, products counted and timed.

use std::error::Error;
use std::hint::black_box;

use burn::tensor::{Device, Tensor, TensorData};
use clap::Args;
use mamba::hardware::{best_of, wait};
use ml_links::parameterization::normal;
use ml_links::testing::{apart, numbers};
use ml_links::training::DeviceArguments;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use state_space_duality::ssd::{
    Outcome, Products, Sizes, SsdError, SsdSlices, products, segment_sums,
    segment_sums_by_difference, ssd_adjoint, ssd_chunked, ssd_linear, ssd_quadratic,
};
use state_space_duality::ssd_operations::{self, SsdInputs};
use workbench::command_line::count;

/// A layer, by default one of mamba2-130m, and what is asked of it.
#[derive(Debug, Args)]
pub struct Options {
    /// Steps
    #[arg(long, default_value_t = 1024, value_parser = count(1 << 14))]
    length: usize,
    /// Heads
    #[arg(long, default_value_t = 24, value_parser = count(1 << 8))]
    heads: usize,
    /// Inputs of each head
    #[arg(long, default_value_t = 64, value_parser = count(1 << 10))]
    head_dim: usize,
    /// Groups of heads that share B and C
    #[arg(long, default_value_t = 1, value_parser = count(1 << 8))]
    groups: usize,
    /// States of each input
    #[arg(long, default_value_t = 128, value_parser = count(1 << 10))]
    d_state: usize,
    /// Draws what the modes are compared on
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    device: DeviceArguments,
    /// Measures what each chunk costs on this machine instead (add --release after cargo run)
    #[arg(long)]
    time: bool,
    /// With --time: how often each is timed; the best counts
    #[arg(long, default_value_t = 5, value_parser = count(1000), requires = "time")]
    rounds: usize,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let &Options { length, heads, head_dim, groups, d_state, seed, .. } = options;
    if !heads.is_multiple_of(groups) {
        return Err(SsdError::Groups { groups, heads }.into());
    }
    let device = options.device.device()?;
    let layer = Sizes { batch: 1, length, heads, head_dim, groups, d_state };
    if options.time {
        return times(&Drawn::of(layer, seed), options.rounds, &device);
    }
    digits_of_masks();
    println!();
    modes(seed, &device)?;
    println!();
    counts(layer)
}

// ---------------------------------------------------------------------------------------------
// Segment sums
// ---------------------------------------------------------------------------------------------

fn digits_of_masks() {
    println!("digits of the mask that are right in single precision,");
    println!("by sums of their own, and by differences of cumulative sums");
    println!();
    println!("{:>8} {:>17} {:>17} {:>17}", "", "short steps", "some are long", "one is endless");
    print!("{:>8}", "length");
    (0..3).for_each(|_| print!(" {:>8} {:>8}", "own", "diff."));
    println!();
    let short = |k: usize| -16.0 * (37 * k % 100 + 1) as f32 / 1000.0;
    let some_long = |k: usize| if k % 8 == 7 { -300.0 } else { short(k) };
    let one_endless = |k: usize| if k == 7 { f32::NEG_INFINITY } else { short(k) };
    let of: [&dyn Fn(usize) -> f32; 3] = [&short, &some_long, &one_endless];
    for length in [16, 64, 256, 1024] {
        print!("{length:>8}");
        for log_decay in of {
            let log_decays: Vec<f32> = (0..length).map(log_decay).collect();
            digits(&log_decays).iter().for_each(|digits| print!(" {digits:>8}"));
        }
        println!();
    }
}

/// How many digits of the mask are right: by sums of their own, by differences.
fn digits(log_decays: &[f32]) -> [String; 2] {
    let double: Vec<f64> = log_decays.iter().copied().map(f64::from).collect();
    let exact: Vec<f64> = segment_sums(&double).iter().map(|sum| sum.exp()).collect();
    [segment_sums(log_decays), segment_sums_by_difference(log_decays)].map(|sums| {
        let mask: Vec<f64> = sums.iter().map(|sum| f64::from(*sum).exp()).collect();
        match apart(&mask, &exact) {
            off if off.is_nan() => "NaN".to_owned(),
            off => format!("{}", -off.max(1e-17).log10().ceil()),
        }
    })
}

// ---------------------------------------------------------------------------------------------
// Modes
// ---------------------------------------------------------------------------------------------

/// A fresh layer: rates -1 to -16, steps of 0.001 to 0.1, all else normal; and a gradient by what comes out.
struct Drawn {
    sizes: Sizes,
    /// u, Δ, a, b, c, d: numbers that are the same in both precisions.
    parts: [Vec<f32>; 6],
    gradient: Vec<f32>,
}

impl Drawn {
    fn of(sizes: Sizes, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let heads = sizes.heads;
        let dt = (0..sizes.steps()).map(|_| 10_f32.powf(random.random_range(-3.0..-1.0)));
        let dt = dt.collect();
        let a = (0..heads).map(|head| -1.0 - 15.0 * head as f32 / (heads.max(2) - 1) as f32);
        let mut draw =
            |count: usize| (0..count).map(|_| normal(&mut random) as f32).collect::<Vec<_>>();
        let parts = [
            draw(sizes.inputs()),
            dt,
            a.collect(),
            draw(sizes.rows()),
            draw(sizes.rows()),
            draw(heads),
        ];
        Self { sizes, parts, gradient: draw(sizes.inputs()) }
    }

    fn slices(&self) -> SsdSlices<'_, f32> {
        let [u, dt, a, b, c, d] = &self.parts;
        SsdSlices { sizes: self.sizes, u, dt, a, b, c, d }
    }

    /// The tensors, to be learned where the device has a tape.
    fn tensors(&self, device: &Device) -> SsdInputs {
        let Sizes { batch, length, heads, head_dim, groups, d_state } = self.sizes;
        let four = |part: usize, width: [usize; 2]| {
            let shape = [batch, length, width[0], width[1]];
            let tensor = Tensor::<4>::from_data(self.data(part, shape), device);
            if device.is_autodiff() { tensor.require_grad() } else { tensor }
        };
        let rates = |part: usize| {
            let tensor = Tensor::<1>::from_data(self.data(part, [heads]), device);
            if device.is_autodiff() { tensor.require_grad() } else { tensor }
        };
        let dt = Tensor::<3>::from_data(self.data(1, [batch, length, heads]), device);
        SsdInputs {
            u: four(0, [heads, head_dim]),
            dt: if device.is_autodiff() { dt.require_grad() } else { dt },
            a: rates(2),
            b: four(3, [groups, d_state]),
            c: four(4, [groups, d_state]),
            d: rates(5),
        }
    }

    fn data<const D: usize>(&self, part: usize, shape: [usize; D]) -> TensorData {
        TensorData::new(self.parts[part].clone(), shape)
    }

    /// The weights of the loss Σ weights · y.
    fn weights(&self, device: &Device) -> Tensor<4> {
        let Sizes { batch, length, heads, head_dim, .. } = self.sizes;
        let shape = [batch, length, heads, head_dim];
        Tensor::from_data(TensorData::new(self.gradient.clone(), shape), device)
    }
}

fn double(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

/// A power of ten that the error stays below: of rounding only the size means something.
fn power(off: f64) -> String {
    match off {
        off if off.is_nan() => "NaN".to_owned(),
        off => format!("1e{}", off.max(1e-17).log10().ceil()),
    }
}

fn modes(seed: u64, device: &Device) -> Result<(), Box<dyn Error>> {
    let sizes = Sizes { batch: 1, length: 200, heads: 4, head_dim: 8, groups: 2, d_state: 16 };
    let drawn = Drawn::of(sizes, seed);
    let parts = drawn.parts.each_ref().map(|part| double(part));
    let [u, dt, a, b, c, d] = &parts;
    let ssd = SsdSlices { sizes, u, dt, a, b, c, d };
    let (rest, gradient) = (vec![0.0; sizes.states()], double(&drawn.gradient));
    let back = |chunk| -> Result<[Vec<f64>; 6], SsdError> {
        let by = ssd_adjoint(&ssd, &rest, chunk, &gradient, &rest)?;
        Ok([by.u, by.dt, by.a, by.b, by.c, by.d])
    };
    let (exact, exact_back) = (ssd_linear(&ssd, &rest)?, back(1)?);
    let row = |name: &str, found: &Outcome<f64>, by: Option<[Vec<f64>; 6]>| {
        let worst = by.map_or("-".to_owned(), |by| {
            let each = by.iter().zip(&exact_back).map(|(by, exact)| apart(by, exact));
            power(
                each.fold(0.0, |worst, off| if off > worst || off.is_nan() { off } else { worst }),
            )
        });
        let (y, state) = (apart(&found.y, &exact.y), apart(&found.state, &exact.state));
        println!("{name:<32} {:>8} {:>11} {worst:>10}", power(y), power(state));
    };
    println!("200 steps of 4 heads, beside the loop in f64: the largest error");
    println!();
    println!("{:<32} {:>8} {:>11} {:>10}", "", "y", "last state", "gradients");
    row("attention, f64", &ssd_quadratic(&ssd, &rest)?, None);
    for chunk in [7, 64, 200] {
        let name = format!("chunks of {chunk}, f64");
        row(&name, &ssd_chunked(&ssd, &rest, chunk)?, Some(back(chunk)?));
    }
    let on_tape = device.clone().autodiff();
    for chunk in [7, 64, 200] {
        let inputs = drawn.tensors(&on_tape);
        let (y, state) = ssd_operations::ssd(inputs.clone(), chunk, None);
        let by = (y.clone() * drawn.weights(&on_tape)).sum().backward();
        let expected = "a gradient for each input";
        let by = [
            numbers(inputs.u.grad(&by).expect(expected)),
            numbers(inputs.dt.grad(&by).expect(expected)),
            numbers(inputs.a.grad(&by).expect(expected)),
            numbers(inputs.b.grad(&by).expect(expected)),
            numbers(inputs.c.grad(&by).expect(expected)),
            numbers(inputs.d.grad(&by).expect(expected)),
        ];
        let found = Outcome { y: numbers(y.inner()), state: numbers(state.inner()) };
        row(&format!("chunks of {chunk}, tensors, f32"), &found, Some(by));
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------
// Products
// ---------------------------------------------------------------------------------------------

/// Chunks whose cost is shown: powers of two, and the whole sequence.
fn chunks_of(length: usize) -> Vec<usize> {
    let mut chunks = vec![1, 4, 16, 32, 64, 128, 256];
    chunks.retain(|chunk| *chunk < length);
    chunks.push(length);
    chunks
}

fn counts(layer: Sizes) -> Result<(), Box<dyn Error>> {
    let Sizes { length, heads, head_dim, d_state, .. } = layer;
    let a_step = |count: usize| count as f64 / length as f64 / 1e3;
    println!("thousands of products a step: {length} steps of {heads} heads with");
    println!("{head_dim} inputs and {d_state} states each");
    println!();
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>12}",
        "chunk", "within", "brought", "handed on", "read", "all", "our tensors"
    );
    for chunk in chunks_of(length) {
        let count = products(layer, chunk)?;
        let Products { within, brought, handed_on, read, .. } = count;
        print!("{chunk:>8}");
        for count in [within, brought, handed_on, read, count.all()] {
            print!(" {:>10.1}", a_step(count));
        }
        println!(" {:>12.1}", a_step(ssd_operations::products(layer, chunk)?.all()));
    }
    let fewest = |of: &dyn Fn(usize) -> Result<Products, SsdError>| {
        let counted = (1..=length).map(|chunk| Ok((of(chunk)?.all(), chunk)));
        counted.collect::<Result<Vec<_>, SsdError>>().map(|counted| counted.into_iter().min())
    };
    let best = [
        ("fewest", fewest(&|chunk| products(layer, chunk))?),
        ("fewest of our tensors", fewest(&|chunk| ssd_operations::products(layer, chunk))?),
    ];
    println!();
    for (name, best) in best {
        let (count, chunk) = best.ok_or("expected at least one step, found none")?;
        println!("{name}: {:.1}, in chunks of {chunk}", a_step(count));
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------
// Time
// ---------------------------------------------------------------------------------------------

fn times(drawn: &Drawn, rounds: usize, device: &Device) -> Result<(), Box<dyn Error>> {
    let sizes @ Sizes { length, heads, head_dim, d_state, .. } = drawn.sizes;
    println!("{length} steps of {heads} heads with {head_dim} inputs and {d_state} states each");
    println!("milliseconds, the best of {rounds} rounds");
    println!();
    println!(
        "{:<28} {:>10} {:>10} {:>12} {:>14}",
        "", "forward", "and back", "products", "a nanosecond"
    );
    let row = |name: &str, forward: f64, back: Option<f64>, count: usize| {
        let back = back.map_or("-".to_owned(), |back| format!("{:.1}", 1e3 * back));
        let (millions, a_nanosecond) = (1e-6 * count as f64, 1e-9 * count as f64 / forward);
        println!(
            "{name:<28} {:>10.1} {back:>10} {millions:>10.1} M {a_nanosecond:>14.2}",
            1e3 * forward
        );
    };
    // Three for each state and step: kept, written, read.
    let of_loop = 3 * length * sizes.states();
    let rest = vec![0.0; sizes.states()];
    let seconds = best_of(rounds, || drop(black_box(ssd_linear(&drawn.slices(), &rest))));
    row("the loop, f32, one core", seconds, None, of_loop);
    let parts = drawn.parts.each_ref().map(|part| double(part));
    let [u, dt, a, b, c, d] = &parts;
    let (ssd, rest) = (SsdSlices { sizes, u, dt, a, b, c, d }, vec![0.0; sizes.states()]);
    let seconds = best_of(rounds, || drop(black_box(ssd_linear(&ssd, &rest))));
    row("the loop, f64, one core", seconds, None, of_loop);

    let on_tape = device.clone().autodiff();
    let (inputs, learned) = (drawn.tensors(device), drawn.tensors(&on_tape));
    let weights = drawn.weights(&on_tape);
    for chunk in chunks_of(length) {
        let forward = best_of(rounds, || {
            let _y = black_box(ssd_operations::ssd(inputs.clone(), chunk, None));
            wait(device);
        });
        let back = best_of(rounds.div_ceil(2), || {
            let (y, _) = ssd_operations::ssd(learned.clone(), chunk, None);
            let _by = black_box((y * weights.clone()).sum().backward());
            wait(device);
        });
        let count = ssd_operations::products(sizes, chunk)?.all();
        row(&format!("tensors, chunks of {chunk}"), forward, Some(back), count);
    }
    Ok(())
}
