//! The experiment of the page `frequency_response`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use classical_ssm::frequency_response::{Sweep, bandwidth, bode, decibels, margins, peak_gain};
use classical_ssm::responses::{servo, servo_loop};
use classical_ssm::state_space::{Continuous, StateSpace};
use nalgebra::{Complex, DMatrix, dmatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Volts for each radian that the angle lacks
    #[arg(long, default_value_t = 5.0)]
    gain: f64,
    /// Relative width of the resonance in the last table
    #[arg(long, default_value_t = 1e-6)]
    width: f64,
    /// Time a thousand frequencies of random systems instead
    #[arg(long)]
    time: bool,
    /// Seed of the random systems
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.time {
        return time(options.seed);
    }
    loop_of(options.gain)?;
    println!();
    needle(options.width)
}

/// The servo's loop, wave by wave, and its margins for several gains.
fn loop_of(gain: f64) -> Result<(), Box<dyn Error>> {
    let open = servo_loop(gain, 2e-3)?;
    println!("The servo's loop before it is closed, gain {gain} V/rad");
    println!();
    println!("  ω [rad/s]   gain [dB]   phase [°]");
    let found = bode(&open, &[1.0, 10.0, 30.0, 69.13, 100.0, 251.0, 1000.0])?;
    for k in 0..found.omega.len() {
        println!("{:>11} {:>11.3} {:>11.3}", found.omega[k], found.decibels[k], found.degrees[k]);
    }
    println!();
    println!("        margin of           delay   distance       closed: peak   bandwidth");
    println!("gain      gain  phase [°]    [ms]    from -1               gain     [rad/s]");
    for part in [0.1, 0.4, 1.0, 2.0, 8.0] {
        let gain = part * gain;
        let found = margins(&servo_loop(gain, 2e-3)?)?;
        let closed = servo(gain, 2e-3)?;
        println!(
            "{gain:>4} {:>9.3} {:>10.3} {:>7.2} {:>10.4} {:>18} {:>11}",
            found.gain_margin().map_or(f64::INFINITY, |at| at.factor),
            found.phase_margin().map_or(f64::INFINITY, |at| at.degrees),
            1e3 * found.delay_margin().unwrap_or(f64::INFINITY),
            found.distance.map_or(0.0, |at| at.gain),
            peak_gain(&closed).map_or("-".to_owned(), |at| format!("{:.4}", at.gain)),
            bandwidth(&closed)?.map_or("-".to_owned(), |omega| format!("{omega:.3}")),
        );
    }
    println!();
    println!("in words, for a gain of {gain}:");
    for part in margins(&open)?.to_string().split("; ") {
        println!("  {part}");
    }
    Ok(())
}

/// A broad resonance, and a narrow one beside it that grids pass by.
fn needle(width: f64) -> Result<(), Box<dyn Error>> {
    let a = dmatrix![
        0.0, 1.0, 0.0, 0.0;
        -1.0, -0.4, 0.0, 0.0;
        0.0, 0.0, 0.0, 1.0;
        0.0, 0.0, -9.61, -3.1 * width
    ];
    let b = dmatrix![0.0; 1.0; 0.0; 1e-3];
    let system = StateSpace::continuous(a, b, dmatrix![1.0, 0.0, 1.0, 0.0], dmatrix![0.0])?;
    println!("Two resonances, the one at 3.1 rad/s of relative width {width:e}: the largest gain");
    println!();
    println!("looked for on                              found [dB]");
    let sweep = Sweep::new(&system)?;
    for points in [100, 1_000, 10_000] {
        let mut most: f64 = 0.0;
        for k in 0..=2 * points {
            let omega = 10f64.powf(f64::from(k) / f64::from(points) - 1.0);
            most = most.max(sweep.at(omega)?[0].norm());
        }
        let grid = format!("a grid of {points} frequencies a decade");
        println!("{grid:<42} {:>10.3}", decibels(most));
    }
    let peak = peak_gain(&system)?;
    println!("{:<42} {:>10.3}", "the imaginary axis, by eigenvalues", decibels(peak.gain));
    println!("  at {:.6} rad/s", peak.omega);
    Ok(())
}

/// A thousand frequencies: by solving with A for each, and after one reduction.
fn time(seed: u64) -> Result<(), Box<dyn Error>> {
    println!("G at 1000 frequencies of random systems, one input, one output: milliseconds");
    println!();
    println!("    N   solving with A   reduction   after it   faster by");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for n in [4, 8, 16, 32, 64, 128] {
        let mut entries =
            |rows, columns| DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0));
        let (a, b, c) = (entries(n, n), entries(n, 1), entries(1, n));
        let system = StateSpace::continuous(a, b, c, dmatrix![0.0])?;
        let omegas: Vec<f64> = (0..1000).map(|k| 0.01 * f64::from(k)).collect();
        let solving = best_of_three(|| {
            omegas.iter().for_each(|&omega| drop(black_box(solve(&system, omega))))
        });
        let reducing = best_of_three(|| drop(black_box(Sweep::new(&system))));
        let sweep = Sweep::new(&system)?;
        let sweeping =
            best_of_three(|| omegas.iter().for_each(|&omega| drop(black_box(sweep.at(omega)))));
        println!(
            "{n:>5} {solving:>16.2} {reducing:>11.3} {sweeping:>10.2} {:>11.1}",
            solving / (reducing + sweeping)
        );
    }
    Ok(())
}

fn solve(system: &StateSpace<Continuous>, omega: f64) -> Option<DMatrix<Complex<f64>>> {
    let complex = |matrix: &DMatrix<f64>| matrix.map(Complex::from);
    let n = system.d_state();
    let resolvent =
        DMatrix::from_diagonal_element(n, n, Complex::new(0.0, omega)) - complex(system.a());
    Some(complex(system.c()) * resolvent.lu().solve(&complex(system.b()))? + complex(system.d()))
}

fn best_of_three(mut work: impl FnMut()) -> f64 {
    let mut once = || {
        let start = Instant::now();
        work();
        1e3 * start.elapsed().as_secs_f64()
    };
    (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
}
