//! The experiment of the page `dual_computation`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use classical_ssm::state_space::{Discrete, StateSpace};
use discretization::zero_order_hold::zero_order_hold;
use math_foundations::state_representations::mass_spring_damper;
use math_foundations::validation::positive;
use ml_links::dual_computation::{
    FftConvolution, OverlapAdd, convolve, crossover, fft_rounding_bound, good_size, kernel,
    recurrence,
};
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::count;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many steps
    #[arg(long, default_value_t = 1000, value_parser = count(1 << 16), allow_negative_numbers = true)]
    length: usize,
    /// How damped the spring is
    #[arg(long, default_value_t = 0.4, allow_hyphen_values = true)]
    damping: f64,
    /// The step, in seconds
    #[arg(long, default_value_t = 0.5, allow_hyphen_values = true)]
    delta: f64,
    /// How many samples arrive at a time in the stream
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = [1, 7, 300],
        value_parser = count(1 << 16),
        allow_negative_numbers = true
    )]
    push: Vec<usize>,
    /// Measures the time of each way instead, at lengths up to 65,536 (add --release after cargo run)
    #[arg(long)]
    time: bool,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.time {
        return time();
    }
    positive("the damping", options.damping)?;
    positive("the step", options.delta)?;
    ways(options)?;
    println!();
    counts();
    Ok(())
}

/// Numbers between -1 and 1.
fn random_signal(length: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..length).map(|_| random.random_range(-1.0..1.0)).collect()
}

fn ways(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { length, damping, delta, .. } = *options;
    let parts = mass_spring_damper(1.0, damping, 1.0)?;
    let flow = StateSpace::continuous(parts.a, parts.b, parts.c, parts.d)?;
    let system = zero_order_hold(&flow, delta)?.held()?;
    println!("x'' + {damping} x' + x = u, u held for {delta} s, y = x");
    println!();
    let kernel = kernel(&system, length)?;
    let first: Vec<String> = kernel.iter().take(8).map(|k_j| format!("{k_j:.4}")).collect();
    println!("K  = {} …", first.join("  "));
    println!();
    let u = random_signal(length, 1);
    let steps = recurrence(&system, &u)?;
    println!("{length} steps of a random input, against the recurrence");
    println!();
    println!("{:<32} {:>18}", "", "largest difference");
    let compare = |way: &str, y: &[f64]| println!("{way:<32} {:>18.0e}", difference(y, &steps));
    compare("the sum as it stands", &convolve(&kernel, &u));
    let mut plan = FftConvolution::new(&kernel, length)?;
    compare(&format!("by transforms of {}", plan.circle()), &plan.convolve(&u)?);
    for &push in &options.push {
        let mut stream = OverlapAdd::new(&kernel, length)?;
        let mut y = Vec::new();
        for piece in u.chunks(push) {
            y.extend(stream.push(piece)?);
        }
        compare(&format!("a stream, {push} at a time"), &y);
    }
    single_precision(&kernel, &u)
}

/// The largest difference, relative to the largest number expected.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    let size = expected.iter().fold(0.0, |most: f64, y_k| most.max(y_k.abs()));
    let off = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    off.fold(0.0, f64::max) / if size == 0.0 { 1.0 } else { size }
}

fn single_precision(kernel: &[f64], u: &[f64]) -> Result<(), Box<dyn Error>> {
    let rounded = |signal: &[f64]| signal.iter().map(|&value| value as f32).collect::<Vec<_>>();
    let widened = |signal: &[f32]| signal.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
    let (kernel, u) = (rounded(kernel), rounded(u));
    let exact = convolve(&widened(&kernel), &widened(&u));
    let mut plan = FftConvolution::new(&kernel, u.len())?;
    let found = widened(&plan.convolve(&u)?);
    let size = exact.iter().fold(f64::MIN_POSITIVE, |most: f64, y_k| most.max(y_k.abs()));
    let bound = fft_rounding_bound(&kernel, &u, plan.circle()) / size;
    let within = if difference(&found, &exact) <= bound { "within" } else { "beyond" };
    println!("{:<32} {:>18}", "by transforms, in 32 bits", format!("{within} {bound:.0e}"));
    Ok(())
}

/// How many multiplications each way takes, and how many of its operations must wait for one another.
fn counts() {
    println!("A spring has N = 2 states. For one sequence of L steps, kernel given:");
    println!();
    println!("{:>8} {:^39} {:^27}", "", "multiplications", "one after the other");
    println!(
        "{:>8} {:>12} {:>13} {:>12} {:>9} {:>8} {:>8}",
        "L", "steps", "sum", "transforms", "steps", "sum", "transf."
    );
    for length in [16, 128, 1024, 8192, 65_536] {
        let circle = good_size(2 * length - 1) as u64;
        let l = length as u64;
        // A transform of n real numbers is n/4 log₂(n/2) complex products of four; three of them, and n/2 between.
        let levels = u64::from((circle / 2).ilog2());
        let transforms = 3 * circle * levels + 2 * circle;
        println!(
            "{:>8} {:>12} {:>13} {:>12} {:>9} {:>8} {:>8}",
            length,
            l * (4 + 2 + 2 + 1),
            l * (l + 1) / 2,
            transforms,
            l,
            1 + l.ilog2(),
            2 * (levels + 1) + 1,
        );
    }
}

/// Seconds of one call: the best of five rounds, each long enough for the clock.
pub fn seconds(mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let (start, mut runs) = (Instant::now(), 0);
        while runs == 0 || start.elapsed().as_secs_f64() < 0.02 {
            call();
            runs += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(runs));
    }
    best
}

/// A random system of this many states whose powers shrink.
fn random_system(d_state: usize) -> Result<StateSpace<Discrete>, Box<dyn Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draw =
        |rows, columns| DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0));
    let a = draw(d_state, d_state);
    let a = &a * (0.999 / a.norm());
    Ok(StateSpace::discrete(a, draw(d_state, 1), draw(1, d_state), draw(1, 1), 1.0)?)
}

fn time() -> Result<(), Box<dyn Error>> {
    const STATES: usize = 64;
    let system = random_system(STATES)?;
    println!(
        "Microseconds for L steps, one thread, the best of five rounds; steps and kernel with N = {STATES}"
    );
    println!();
    println!(
        "{:>8} {:>12} {:>14} {:>12} {:>14} {:>14}",
        "L", "steps", "kernel, once", "sum", "transforms", "in 32 bits"
    );
    let (mut against_steps, mut against_sum) = (Vec::new(), Vec::new());
    for power in 4..=16 {
        let length = 1 << power;
        let u = random_signal(length, 1);
        let taps = random_signal(length, 2);
        let steps = seconds(|| drop(black_box(recurrence(&system, black_box(&u)))));
        let once = seconds(|| drop(black_box(kernel(&system, black_box(length)))));
        let sum = seconds(|| drop(black_box(convolve(black_box(&taps), &u))));
        let mut plan = FftConvolution::new(&taps, length)?;
        let transforms = seconds(|| drop(black_box(plan.convolve(black_box(&u)))));
        let short = |signal: &[f64]| signal.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let mut plan = FftConvolution::new(&short(&taps), length)?;
        let u = short(&u);
        let in_32_bits = seconds(|| drop(black_box(plan.convolve(black_box(&u)))));
        against_sum.push((length, sum, transforms));
        against_steps.push((length, sum, steps));
        println!(
            "{length:>8} {:>12.2} {:>14.2} {:>12.2} {:>14.2} {:>14.2}",
            1e6 * steps,
            1e6 * once,
            1e6 * sum,
            1e6 * transforms,
            1e6 * in_32_bits,
        );
    }
    println!();
    let at = |costs: &[(usize, f64, f64)]| {
        crossover(costs).map_or("never".to_owned(), |length| format!("from L = {length:.0} on"))
    };
    println!("transforms are cheaper than the sum {}", at(&against_sum));
    println!("even the steps are cheaper than the sum {}", at(&against_steps));
    Ok(())
}
