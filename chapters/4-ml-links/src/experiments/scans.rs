//! The experiment of the page `scans`.

use std::error::Error;
use std::f64::consts::TAU;
use std::hint::black_box;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use ml_links::scans::{
    Affine, Waiting, counting, scan, scan_blelloch, scan_by_products, scan_chunked, scan_heinsen,
    scan_hillis_steele, scan_recurrence, scan_rows, scan_rows_on_one_core,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::count;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many numbers are added up
    #[arg(long, default_value_t = 1024, value_parser = count(1 << 20), allow_negative_numbers = true)]
    length: usize,
    /// In how many pieces the last scan cuts them
    #[arg(long, default_value_t = 16, value_parser = count(1 << 20), allow_negative_numbers = true)]
    pieces: usize,
    /// Draws the inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measures what each way costs on this machine instead (add --release after cargo run)
    #[arg(long)]
    time: bool,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.time {
        return time(options.seed);
    }
    calls(options.length, options.pieces);
    println!();
    fade(options.seed)
}

/// How often each scan works, and how long the longest chain of calls is.
fn calls(length: usize, pieces: usize) {
    type Word = Waiting<u64>;
    let items: Vec<Word> =
        (0..length as u64).map(|item| Waiting { item: item % 10, rounds: 0 }).collect();
    let add = |x: &u64, y: &u64| x + y;
    println!(
        "Adding up {length} numbers: calls of +, and the longest chain of calls that wait for each other"
    );
    println!();
    println!("{:24} {:>10} {:>10} {:>14}", "", "calls", "chain", "the last sum");
    let report = |name: &str, scanned: &dyn Fn(&AtomicUsize) -> Vec<Word>| {
        let work = AtomicUsize::new(0);
        let prefixes = scanned(&work);
        let chain = prefixes.iter().map(|prefix| prefix.rounds).max().unwrap_or(0);
        let last = prefixes.last().map_or(0, |prefix| prefix.item);
        println!("{name:24} {:>10} {chain:>10} {last:>14}", work.into_inner());
    };
    report("loop", &|work| scan(&items, counting(add, work)));
    report("Hillis and Steele", &|work| scan_hillis_steele(&items, counting(add, work)));
    report("Blelloch", &|work| scan_blelloch(&items, counting(add, work)));
    let name = format!("{pieces} pieces");
    report(&name, &|work| scan_chunked(&items, pieces, counting(add, work)));
}

/// What is left of seven and of sixteen digits when the recurrence is written with logarithms.
fn fade(seed: u64) -> Result<(), Box<dyn Error>> {
    println!("x = a x + b, 1024 and 65,536 steps: errors beside the largest state; r = Σ log |a|");
    println!();
    let head = ["r", "loop", "products", "Heinsen", "Heinsen"];
    println!(
        "{:20} {:>8} {:>8} {:>10} {:>10} {:>10}",
        "", head[0], head[1], head[2], head[3], head[4]
    );
    println!("{:20} {:>8} {:>8} {:>10} {:>10} {:>10}", "a", "", "f32", "f32", "f32", "f64");
    for length in [1024, 65_536] {
        for kind in [Kind::Slow, Kind::Fading, Kind::Mamba, Kind::Normal] {
            let (a, b) = kind.draw(length, seed);
            let exact = scan_recurrence(&a, &b, 0.0)?;
            let (a_single, b_single) = (single(&a), single(&b));
            let off = |x: Vec<f32>| error(x.into_iter().map(f64::from), &exact);
            println!(
                "{:20} {:>8.0} {:>8} {:>10} {:>10} {:>10}",
                kind.name(),
                a.iter().map(|a| a.abs().ln()).sum::<f64>(),
                off(scan_recurrence(&a_single, &b_single, 0.0)?),
                off(scan_by_products(&a_single, &b_single, 0.0)?),
                off(scan_heinsen(&a_single, &b_single, 0.0)?),
                error(scan_heinsen(&a, &b, 0.0)?.into_iter(), &exact),
            );
        }
        println!();
    }
    Ok(())
}

/// Where coefficients come from.
#[derive(Clone, Copy)]
enum Kind {
    Slow,
    Fading,
    Mamba,
    Normal,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Slow => "0.999 to 1",
            Kind::Fading => "0.9 to 1",
            Kind::Mamba => "exp(-softplus(z))",
            Kind::Normal => "z, normal",
        }
    }

    /// Coefficients and normal inputs, rounded to f32, so that both precisions run the same recurrence.
    fn draw(self, length: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = move || random.random_range(0.0..1.0f64);
        let mut draw = |kind: Kind| {
            let number = match kind {
                Kind::Slow => 0.999 + 0.001 * uniform(),
                Kind::Fading => 0.9 + 0.1 * uniform(),
                Kind::Mamba | Kind::Normal => {
                    let z = (-2.0 * (1.0 - uniform()).ln()).sqrt() * (TAU * uniform()).cos();
                    if matches!(kind, Kind::Normal) { z } else { (-(1.0 + z.exp()).ln()).exp() }
                }
            };
            f64::from(number as f32)
        };
        let a = (0..length).map(|_| draw(self)).collect();
        (a, (0..length).map(|_| draw(Kind::Normal)).collect())
    }
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|x| *x as f32).collect()
}

/// The largest error relative to the largest state, as a power of ten: of a rounding only the size means something.
fn error(found: impl Iterator<Item = f64>, exact: &[f64]) -> String {
    let size = exact.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    let mut errors = found.zip(exact).map(|(x, exact)| (x - exact).abs() / size);
    let worst = errors.try_fold(0.0f64, |worst, error| error.is_finite().then(|| worst.max(error)));
    match worst {
        Some(worst) => format!("1e{}", worst.max(1e-17).log10().round()),
        None => "lost".to_owned(),
    }
}

// ---------------------------------------------------------------------------------------------
// Time
// ---------------------------------------------------------------------------------------------

/// Nanoseconds a step, on one row short and long, and on many rows.
fn time(seed: u64) -> Result<(), Box<dyn Error>> {
    const SHAPES: [(usize, usize); 3] = [(1, 4096), (1, 1 << 20), (4096, 4096)];
    let threads = rayon::current_num_threads();
    println!("Nanoseconds a step, the best of many rounds, {threads} threads");
    println!();
    let heads = SHAPES.map(|(rows, length)| format!("{rows} x {length}"));
    println!("{:32} {:>12} {:>12} {:>12}", "rows x steps", heads[0], heads[1], heads[2]);
    let mut table: Vec<(&str, [Option<f64>; 3])> = Vec::new();
    for (column, (rows, length)) in SHAPES.into_iter().enumerate() {
        let steps = rows * length;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let a: Vec<f32> = (0..steps).map(|_| random.random_range(0.9..1.0)).collect();
        let b: Vec<f32> = (0..steps).map(|_| random.random_range(-1.0..1.0)).collect();
        let (initial, mut x) = (vec![0.0; rows], vec![0.0; steps]);
        let maps: Vec<Affine<f32>> = if rows == 1 {
            a.iter().zip(&b).map(|(&scale, &shift)| Affine { scale, shift }).collect()
        } else {
            Vec::new()
        };
        let then = |p: &Affine<f32>, q: &Affine<f32>| p.then(*q);
        let mut put = |name: &'static str, once: &mut dyn FnMut()| {
            let nanoseconds = best(once) * 1e9 / steps as f64;
            match table.iter_mut().find(|(known, _)| *known == name) {
                Some((_, columns)) => columns[column] = Some(nanoseconds),
                None => {
                    let mut columns = [None; 3];
                    columns[column] = Some(nanoseconds);
                    table.push((name, columns));
                }
            }
        };
        put("loop", &mut || one_by_one(&a, &b, &mut x, length));
        if rows == 1 {
            put("Hillis and Steele", &mut || drop(black_box(scan_hillis_steele(&maps, then))));
            put("Blelloch", &mut || drop(black_box(scan_blelloch(&maps, then))));
            put("pieces, one a thread", &mut || {
                drop(black_box(scan_chunked(&maps, threads, then)))
            });
            put("Heinsen", &mut || drop(black_box(scan_heinsen(&a, &b, 0.0f32))));
        }
        let mut fits = true;
        put("tiles, one core", &mut || {
            fits &= scan_rows_on_one_core(&a, &b, &initial, &mut x).is_ok();
        });
        put("tiles, all cores", &mut || fits &= scan_rows(&a, &b, &initial, &mut x).is_ok());
        debug_assert!(fits, "the shapes are ours");
        put("a copy of as many bytes", &mut || copy_as_many_bytes(&a, &b, &mut x));
    }
    for (name, columns) in table {
        let cells = columns.map(|cell| cell.map_or("-".to_owned(), |cell| format!("{cell:.2}")));
        println!("{name:32} {:>12} {:>12} {:>12}", cells[0], cells[1], cells[2]);
    }
    Ok(())
}

/// The loop that everybody would write, row by row, on one core.
pub fn one_by_one(a: &[f32], b: &[f32], x: &mut [f32], length: usize) {
    for (x, (a, b)) in x.chunks_mut(length).zip(a.chunks(length).zip(b.chunks(length))) {
        let mut state = 0.0;
        for (x, (a, b)) in x.iter_mut().zip(a.iter().zip(b)) {
            state = a * state + b;
            *x = state;
        }
    }
}

/// Copies half as much again as one row of numbers: as many bytes as a scan reads and writes.
pub fn copy_as_many_bytes(a: &[f32], b: &[f32], x: &mut [f32]) {
    let part = x.len().div_ceil(rayon::current_num_threads()).max(1);
    let half = b.len() / 2;
    x.par_chunks_mut(part).zip(a.par_chunks(part)).for_each(|(x, a)| x.copy_from_slice(a));
    let part = half.div_ceil(rayon::current_num_threads()).max(1);
    x[..half]
        .par_chunks_mut(part)
        .zip(b[..half].par_chunks(part))
        .for_each(|(x, b)| x.copy_from_slice(b));
}

/// Seconds of the fastest round: at least five, for at least a fifth of a second.
fn best(once: &mut dyn FnMut()) -> f64 {
    let (mut best, mut rounds, start) = (f64::INFINITY, 0, Instant::now());
    while rounds < 5 || start.elapsed().as_secs_f64() < 0.2 {
        let round = Instant::now();
        once();
        best = best.min(round.elapsed().as_secs_f64());
        rounds += 1;
    }
    best
}
