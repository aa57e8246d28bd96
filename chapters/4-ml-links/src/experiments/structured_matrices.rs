//! The experiment of the page `structured_matrices`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use classical_ssm::singular_values::singular_values;
use math_foundations::validation::non_negative;
use ml_links::structured_matrices::{Gallery, StateMatrix, StructureError, StructuredMatrix};
use nalgebra::{Complex, ComplexField, DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::count;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Rows and columns of each matrix
    #[arg(long, default_value_t = 64, value_parser = count(1 << 9), allow_negative_numbers = true)]
    size: usize,
    /// Rank of what is low, and the state of the semiseparable matrix
    #[arg(long, default_value_t = 2, value_parser = count(1 << 9), allow_negative_numbers = true)]
    rank: usize,
    /// How far the point of the second table is from a mode of Λ
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = [1.0, 1e-3, 1e-6, 1e-9, 1e-12, 0.0],
        allow_hyphen_values = true
    )]
    distance: Vec<f64>,
    /// Measures the time of a product and of a kernel instead (add --release after cargo run)
    #[arg(long)]
    time: bool,
    /// The seed of the matrices
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.time {
        return time(options.seed);
    }
    for &distance in &options.distance {
        non_negative("the distance", distance)?;
    }
    costs(options)?;
    println!();
    trap(options)
}

/// Entries between -1 and 1.
fn random_vector<T: Entry>(size: usize, seed: u64) -> DVector<T> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    DVector::from_fn(size, |_, _| {
        T::of(random.random_range(-1.0..1.0), random.random_range(-1.0..1.0))
    })
}

/// A real or complex number from two real ones.
trait Entry: ComplexField<RealField = f64> + Copy {
    fn of(re: f64, im: f64) -> Self;
}

impl Entry for f64 {
    fn of(re: f64, _: f64) -> Self {
        re
    }
}

impl Entry for Complex<f64> {
    fn of(re: f64, im: f64) -> Self {
        Complex::new(re, im)
    }
}

fn costs(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { size, rank, seed, .. } = *options;
    let gallery = Gallery::random(size, rank, seed)?;
    println!("Matrices of {size} x {size}: {} entries (seed {seed})", size * size);
    println!();
    println!("{:<22} {:>8} {:>16} {:>22}", "", "numbers", "multiplications", "farthest from dense");
    row("diagonal", &gallery.diagonal)?;
    row("companion", &gallery.companion)?;
    row("Toeplitz, by FFT", &gallery.toeplitz)?;
    row(&format!("low rank, r = {rank}"), &gallery.low_rank)?;
    row("Vandermonde", &gallery.vandermonde)?;
    row("Cauchy", &gallery.cauchy)?;
    row(&format!("DPLR, r = {rank}"), &gallery.dplr)?;
    row(&format!("semiseparable, N = {rank}"), &gallery.semiseparable)?;
    Ok(())
}

fn row<S>(name: &str, structure: &S) -> Result<(), StructureError>
where
    S: StructuredMatrix,
    S::Number: Entry,
{
    let x = random_vector(structure.shape().1, 2);
    let dense = structure.to_dense() * &x;
    let error = (structure.matvec(&x)? - &dense).norm() / dense.norm();
    let (stored, products) = (structure.stored(), structure.multiplications());
    println!("{name:<22} {stored:>8} {products:>16} {error:>22.0e}");
    Ok(())
}

fn trap(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { size, rank, seed, .. } = *options;
    let a = Gallery::random(size, rank, seed)?.dplr;
    let mode = a.parts().0[0];
    let b: DVector<Complex<f64>> = random_vector(size, 3);
    println!(
        "(zI - A) x = b for a DPLR matrix with r = {rank}, z next to a mode of Λ that is none of A"
    );
    println!();
    println!(
        "{:>9} {:>15} {:>15} {:>15} {:>7}",
        "", "condition", "digits by", "digits, split", "rank"
    );
    println!(
        "{:>9} {:>15} {:>15} {:>15} {:>7}",
        "|z - λ|", "of zI - A", "equation 4-5", "anew", "then"
    );
    for &distance in &options.distance {
        let shifted = a.affine(-Complex::ONE, mode + distance)?;
        let dense = shifted.to_dense();
        let exact = dense.clone().lu().solve(&b).ok_or("the dense matrix is singular")?;
        let digits = |x: Result<DVector<Complex<f64>>, StructureError>| {
            x.map_or("refused".into(), |x| digits((x - &exact).norm() / exact.norm()))
        };
        let printed = shifted.inverse_by_woodbury().and_then(|inverse| inverse.matvec(&b));
        println!(
            "{:>9} {:>15.0} {:>15} {:>15} {:>7}",
            if distance == 0.0 { "0".into() } else { format!("{distance:.0e}") },
            condition(&dense),
            digits(printed),
            digits(shifted.solve(&b)),
            shifted.split_anew().parts().1.ncols(),
        );
    }
    Ok(())
}

fn condition(matrix: &DMatrix<Complex<f64>>) -> f64 {
    let values = singular_values(matrix).sigma;
    values.max() / values.min()
}

/// How many decimal digits are right; beyond 14 the comparison itself is rounded.
fn digits(error: f64) -> String {
    (-error.log10()).floor().clamp(0.0, 14.0).to_string()
}

const SIZES: [usize; 4] = [64, 128, 256, 512];
/// How many numbers of a kernel.
const LENGTH: usize = 64;

/// Seconds of one call: the best of two hundred short rounds, so that other work falls between them.
fn seconds(mut call: impl FnMut()) -> f64 {
    let mut run = |calls: u32| {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        start.elapsed().as_secs_f64() / f64::from(calls)
    };
    let calls = (0.0003 / run(1).max(1e-9)).clamp(1.0, 1e6) as u32;
    let (began, mut best) = (Instant::now(), f64::INFINITY);
    for round in 0..200 {
        if round > 10 && began.elapsed().as_secs_f64() > 3.0 {
            break;
        }
        best = best.min(run(calls));
    }
    best
}

fn product<S>(structure: &S) -> f64
where
    S: StructuredMatrix,
    S::Number: Entry,
{
    let x = random_vector(structure.shape().1, 2);
    seconds(|| {
        let _ = black_box(structure.matvec(black_box(&x)));
    })
}

fn kernel<S>(matrix: &S) -> f64
where
    S: StateMatrix,
    S::Number: Entry,
{
    let (b, c) = (random_vector(matrix.shape().0, 3), random_vector(matrix.shape().0, 4));
    seconds(|| {
        let _ = black_box(matrix.kernel(black_box(&b), &c, LENGTH));
    })
}

fn time(seed: u64) -> Result<(), Box<dyn Error>> {
    let names = [
        "dense, real",
        "dense, complex",
        "diagonal",
        "companion",
        "Toeplitz, by FFT",
        "low rank, r = 1",
        "Vandermonde",
        "Cauchy",
        "DPLR, r = 1",
        "semiseparable, N = 16",
    ];
    let mut columns = Vec::new();
    for size in SIZES {
        let gallery = Gallery::random(size, 1, seed)?;
        let wide = Gallery::random(size, 16, seed)?;
        columns.push([
            product(&gallery.toeplitz.to_dense()),
            product(&gallery.dplr.to_dense()),
            product(&gallery.diagonal),
            product(&gallery.companion),
            product(&gallery.toeplitz),
            product(&gallery.low_rank),
            product(&gallery.vandermonde),
            product(&gallery.cauchy),
            product(&gallery.dplr),
            product(&wide.semiseparable),
        ]);
    }
    table("Microseconds for one product with a vector, N x N", &names, &columns);
    println!();
    let names = [
        "dense, real",
        "dense, complex",
        "diagonal",
        "companion",
        "low rank, r = 1",
        "DPLR, r = 1",
    ];
    let mut columns = Vec::new();
    for size in SIZES.into_iter().take(2) {
        let gallery = Gallery::random(size, 1, seed)?;
        columns.push([
            kernel(&gallery.companion.to_dense()),
            kernel(&gallery.dplr.to_dense()),
            kernel(&gallery.diagonal),
            kernel(&gallery.companion),
            kernel(&gallery.low_rank),
            kernel(&gallery.dplr),
        ]);
    }
    table(&format!("Microseconds for {LENGTH} numbers of a kernel"), &names, &columns);
    Ok(())
}

fn table<const ROWS: usize>(title: &str, names: &[&str; ROWS], columns: &[[f64; ROWS]]) {
    println!("{title} (the best of many rounds)");
    println!();
    print!("{:<21}", "N");
    for size in SIZES.iter().take(columns.len()) {
        print!(" {size:>9}");
    }
    println!();
    for (row, name) in names.iter().enumerate() {
        print!("{name:<21}");
        for column in columns {
            print!(" {:>9}", microseconds(column[row]));
        }
        println!();
    }
}

fn microseconds(seconds: f64) -> String {
    let value = 1e6 * seconds;
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}
