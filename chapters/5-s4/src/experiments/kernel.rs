//! The experiment of the page `kernel`.

use std::error::Error;
use std::hint::black_box;

use classical_ssm::state_space::{Discrete, StateSpace};
use discretization::bilinear::bilinear;
use math_foundations::fourier::root_of_unity;
use math_foundations::validation::positive;
use ml_links::dual_computation::recurrence;
use ml_links::structured_matrices::{ComplexVector, StateMatrix};
use nalgebra::{Complex, DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s4::kernel::{
    KernelSpectrum, almost_linear_kernel, as_printed, generating_function, truncate_paired,
};
use s4::nplr::{Nplr, PairedDplr};

use super::{count, seconds};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// N, the numbers in the state of HiPPO-LegS
    #[arg(long, default_value_t = 64, value_parser = count(256), allow_negative_numbers = true)]
    d_state: usize,
    /// L, the numbers of the kernel
    #[arg(long, default_value_t = 1024, value_parser = count(1 << 16), allow_negative_numbers = true)]
    length: usize,
    /// Δ, the step
    #[arg(long, default_value_t = 0.01, allow_negative_numbers = true)]
    delta: f64,
    /// Measures the time of each way instead
    #[arg(long)]
    time: bool,
    /// The seed of what reads the state
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    positive("Δ", options.delta)?;
    if options.time {
        return time(options.seed);
    }
    equality(options)?;
    println!();
    hole(options)
}

fn random_vector(size: usize, seed: u64) -> DVector<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DVector::from_fn(size, |_, _| random.random_range(-1.0..1.0))
}

/// Chapter 3's steps of a memory that is read by `c`.
fn steps(
    memory: &Nplr,
    c: &DVector<f64>,
    delta: f64,
) -> Result<StateSpace<Discrete>, Box<dyn Error>> {
    let b = DMatrix::from_column_slice(c.len(), 1, memory.b().as_slice());
    let c = DMatrix::from_row_slice(1, c.len(), c.as_slice());
    let flow = StateSpace::continuous(memory.a().clone(), b, c, DMatrix::zeros(1, 1))?;
    Ok(bilinear(&flow, delta)?.held()?)
}

/// What a 1 and then nothing leaves: the kernel, by N² multiplications a step.
fn by_matrix(steps: &StateSpace<Discrete>, length: usize) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut push = vec![0.0; length];
    push[0] = 1.0;
    Ok(recurrence(steps, &push)?)
}

/// The kernel of Λ - PP*, by 3N multiplications a step.
fn by_steps(
    modes: &PairedDplr,
    c: &ComplexVector,
    delta: f64,
    length: usize,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let (a, b) = modes.both_halves()?;
    let (a_bar, b_bar) = a.bilinear(&b, delta)?;
    let kernel = a_bar.kernel(&b_bar, &modes.unfold(c), length)?;
    Ok(kernel.iter().map(|k| k.re).collect())
}

fn equality(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { d_state, length, delta, seed, .. } = *options;
    let memory = Nplr::legs(d_state)?;
    let c = random_vector(d_state, seed);
    let expected = by_matrix(&steps(&memory, &c, delta)?, length)?;
    let basis = memory.diagonalize()?;
    let c = basis.output(&c)?;
    let c_tilde = truncate_paired(&basis.modes, &c, delta, length)?;
    let exact = KernelSpectrum::<f64>::new(&basis.modes, &c_tilde, delta)?.kernel(length)?;
    let single = KernelSpectrum::<f32>::new(&basis.modes, &c_tilde, delta)?.kernel(length)?;
    let single: Vec<f64> = single.into_iter().map(f64::from).collect();

    println!("HiPPO-LegS with N = {d_state}, {length} numbers of its kernel, Δ = {delta}");
    println!("(c from seed {seed}; the farthest number, relative to the largest)");
    println!();
    println!("{:<40} {:>18}", "way", "off the matrix's");
    let largest = expected.iter().fold(0.0_f64, |largest, k| largest.max(k.abs()));
    let off = |(k, expected): (&f64, &f64)| (k - expected).abs();
    let worst =
        |kernel: &[f64]| kernel.iter().zip(&expected).map(off).fold(0.0_f64, f64::max) / largest;
    let row = |name: &str, kernel: &[f64]| println!("{name:<40} {:>18.0e}", worst(kernel));
    row("steps of Λ - PP*, f64", &by_steps(&basis.modes, &c, delta, length)?);
    row("roots of unity, f64", &exact);
    let clusters = almost_linear_kernel(&basis.modes, &c_tilde, delta, length)?;
    row("roots of unity, f64, clusters", &clusters);
    // Rounding in f32 depends on the processor: a bound, not a number.
    println!(
        "{:<40} {:>18}",
        "roots of unity, f32",
        format!("below {:.0e}", bound(worst(&single)))
    );
    Ok(())
}

/// The power of ten above.
fn bound(error: f64) -> f64 {
    10.0_f64.powf(error.max(1e-12).log10().ceil())
}

fn hole(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { d_state, length, delta, seed, .. } = *options;
    let basis = Nplr::legs(d_state)?.diagonalize()?;
    let (a, b) = basis.modes.both_halves()?;
    let c = basis.output(&random_vector(d_state, seed))?;
    let c_tilde = truncate_paired(&basis.modes, &c, delta, length)?;
    let c_tilde = basis.modes.unfold(&c_tilde);
    let (lambda, p, q) = a.parts();
    let (p, q) = (p.column(0).into_owned(), q.column(0).into_owned());
    println!("Next to z = -1, in f64");
    println!();
    println!("{:>7} {:>26} {:>28} {:>28}", "root", "z", "K̂ as printed", "K̂ multiplied out");
    let middle = length / 2;
    for root in middle.saturating_sub(1)..=(middle + 1).min(length - 1) {
        let z = root_of_unity(root, length);
        let printed = as_printed(lambda, &p, &q, &b, &c_tilde, delta, z);
        let mended = generating_function(&a, &b, &c_tilde, delta, z);
        println!("{root:>7} {:>26} {:>28} {:>28}", shown(z), shown(printed), shown(mended));
    }
    Ok(())
}

fn shown(z: Complex<f64>) -> String {
    if z.re.is_nan() {
        return "NaN".to_owned();
    }
    // Rounding noise is none.
    let part = |x: f64| if x.abs() < 5e-10 { 0.0 } else { x };
    let (re, im) = (part(z.re), part(z.im));
    format!("{re:.8} {} {:.8}i", if im < 0.0 { '-' } else { '+' }, im.abs())
}

/// Modes spread as those of LegS are: `ω_n = N/π (N/(2n+1) - 1)`, for times alone.
fn spread(d_state: usize, seed: u64) -> PairedDplr {
    let (size, count) = (d_state as f64, d_state / 2);
    let (p, b) = (random_vector(2 * count, seed), random_vector(2 * count, seed + 1));
    let pair = |of: &DVector<f64>, n: usize| Complex::new(of[2 * n], of[2 * n + 1]);
    let omega = |n: usize| size / std::f64::consts::PI * (size / (2 * n + 1) as f64 - 1.0);
    PairedDplr {
        lambda: DVector::from_fn(count, |n, _| Complex::new(-0.5, omega(n))),
        p: DMatrix::from_fn(count, 1, |n, _| pair(&p, n)),
        b: DVector::from_fn(count, |n, _| pair(&b, n)),
        weight: DVector::from_element(count, 2.0),
    }
}

const NAMES: [&str; 6] = [
    "matrix, N² a step",
    "Λ - PP*, 3N a step",
    "roots, f64",
    "roots, f32",
    "roots, clusters",
    "C̃ from C, by steps",
];

/// Milliseconds of each way; none where it would take minutes.
type Times = [Option<f64>; 6];

fn column(d_state: usize, length: usize, seed: u64) -> Result<Times, Box<dyn Error>> {
    const DELTA: f64 = 0.001;
    let modes = spread(d_state, seed);
    let c = modes.b.clone();
    let dense = if d_state <= 1024 {
        let steps = full_matrix(d_state, DELTA)?;
        Some(seconds(|| drop(black_box(by_matrix(&steps, length)))))
    } else {
        None
    };
    let (a, b) = modes.both_halves()?;
    let (a_bar, b_bar) = a.bilinear(&b, DELTA)?;
    let whole = modes.unfold(&c);
    let exact = KernelSpectrum::<f64>::new(&modes, &c, DELTA)?;
    let single = KernelSpectrum::<f32>::new(&modes, &c, DELTA)?;
    let others = [
        seconds(|| drop(black_box(a_bar.kernel(&b_bar, &whole, length)))),
        seconds(|| drop(black_box(exact.kernel(length)))),
        seconds(|| drop(black_box(single.kernel(length)))),
        seconds(|| drop(black_box(almost_linear_kernel(&modes, &c, DELTA, length)))),
        seconds(|| drop(black_box(truncate_paired(&modes, &c, DELTA, length)))),
    ];
    let [by_steps, exact, single, clusters, truncate] = others.map(Some);
    Ok([dense, by_steps, exact, single, clusters, truncate].map(|way| way.map(|s| 1e3 * s)))
}

/// A matrix is a matrix: what stands in it costs no time, as long as nothing fades to a denormal number.
fn full_matrix(d_state: usize, delta: f64) -> Result<StateSpace<Discrete>, Box<dyn Error>> {
    let shift = |i: usize, j: usize| f64::from(i == (j + 1) % d_state);
    let a = DMatrix::from_fn(d_state, d_state, shift);
    let (b, c) = (DMatrix::from_element(d_state, 1, 1.0), DMatrix::from_element(1, d_state, 1.0));
    Ok(StateSpace::discrete(a, b, c, DMatrix::zeros(1, 1), delta)?)
}

fn time(seed: u64) -> Result<(), Box<dyn Error>> {
    let lengths = [256, 1024, 4096, 16384];
    let columns = lengths.map(|length| column(64, length, seed));
    table("Milliseconds for a kernel of L numbers, N = 64", "L", &lengths, columns)?;
    println!();
    let sizes = [64, 256, 1024, 4096];
    let columns = sizes.map(|d_state| column(d_state, 16_384, seed));
    table("Milliseconds for a kernel of 16384 numbers, N in the state", "N", &sizes, columns)
}

fn table<const COLUMNS: usize>(
    title: &str,
    name: &str,
    heads: &[usize; COLUMNS],
    columns: [Result<Times, Box<dyn Error>>; COLUMNS],
) -> Result<(), Box<dyn Error>> {
    let columns = columns.into_iter().collect::<Result<Vec<_>, _>>()?;
    println!("{title} (the best of many rounds, one core)");
    println!();
    print!("{name:<20}");
    heads.iter().for_each(|head| print!(" {head:>10}"));
    println!();
    for (row, way) in NAMES.iter().enumerate() {
        print!("{way:<20}");
        for column in &columns {
            let time = column[row].map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"));
            print!(" {time:>10}");
        }
        println!();
    }
    Ok(())
}
