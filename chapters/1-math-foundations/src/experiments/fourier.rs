//! The experiment of the page `fourier`.

use std::error::Error;
use std::f64::consts::TAU;

use math_foundations::fourier::{
    causal_convolution, causal_convolution_by_dft, circular_convolution, dft, fft, frequency,
    to_complex,
};
use math_foundations::validation::{InputError, positive};
use nalgebra::Complex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The tones, in Hz, each of amplitude 1
    #[arg(long, value_delimiter = ',', default_values_t = [440.0, 660.0])]
    frequencies: Vec<f64>,
    /// How many samples
    #[arg(long, default_value_t = 1024)]
    length: usize,
    /// Samples per second
    #[arg(long, default_value_t = 2048.0)]
    rate: f64,
    /// How fast the tones die away: amplitude e^(-decay t), t in seconds
    #[arg(long, default_value_t = 0.0)]
    decay: f64,
    /// Each sample is disturbed by a number between minus and plus this
    #[arg(long, default_value_t = 3.0)]
    noise: f64,
    /// Of the noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let u = sample(options)?;
    let (length, rate) = (u.len(), options.rate);
    let tones: Vec<_> = options
        .frequencies
        .iter()
        .map(|tone| format!("{tone} Hz"))
        .collect();
    println!(
        "{length} samples, {rate} per second, of {}",
        tones.join(" + ")
    );
    let apart = rate / length as f64;
    println!(
        "in noise of up to ±{}; one entry of the transform every {apart} Hz",
        options.noise
    );
    for tone in options
        .frequencies
        .iter()
        .filter(|&&tone| tone > rate / 2.0)
    {
        let seen = (tone - rate * (tone / rate).round()).abs();
        println!("{tone} Hz is above half the rate: its samples are those of {seen} Hz");
    }
    println!();

    let u_hat = dft(&to_complex(&u));
    println!("{:>7} {:>12} {:>11}", "entry", "frequency", "amplitude");
    for m in strongest(&u_hat, options.frequencies.len() + 2) {
        // A real tone is half in the entry m and half in n - m; at n/2 the two are one.
        let halves = if 2 * m == length { 1.0 } else { 2.0 };
        let amplitude = halves * u_hat[m].norm() / length as f64;
        println!(
            "{m:>7} {:>9.2} Hz {amplitude:>11.3}",
            frequency(m, length, rate)
        );
    }
    println!();

    println!(
        "{:<36} {:>15} {:>12}",
        "the transform", "multiplications", "difference"
    );
    let line = |name: &str, multiplications: usize, difference: f64| {
        println!("{name:<36} {multiplications:>15} {difference:>12.0e}");
    };
    line("dft", length * length, 0.0);
    line(
        "dft, angles not reduced",
        length * length,
        relative(&u_hat, &angles_not_reduced(&u)),
    );
    match fft(&to_complex(&u)) {
        Ok(fast) => line(
            "fft",
            length / 2 * length.ilog2() as usize,
            relative(&u_hat, &fast),
        ),
        Err(error) => println!("{:<36} {error}", "fft"),
    }
    println!();

    println!(
        "{:<36} {:>15} {:>12}",
        "the kernel 0.99^j over that signal", "circle", "difference"
    );
    let kernel: Vec<f64> = (0..length as i32).map(|j| 0.99_f64.powi(j)).collect();
    let direct = to_complex(&causal_convolution(&kernel, &u));
    let compare = |name: &str, circle: &str, y: &[f64]| {
        println!(
            "{name:<36} {circle:>15} {:>12.0e}",
            relative(&direct, &to_complex(y))
        );
    };
    println!("{:<36} {:>15} {:>12}", "sum over the past", "none", "0e0");
    let padded = (2 * length - 1).next_power_of_two().to_string();
    compare(
        "by transforms, padded",
        &padded,
        &causal_convolution_by_dft(&kernel, &u),
    );
    let wrapped = circular_convolution(&kernel, &u)?;
    compare("by transforms, not padded", &length.to_string(), &wrapped);
    Ok(())
}

fn sample(options: &Options) -> Result<Vec<f64>, InputError> {
    let refuse = |name, expected, value: String| InputError::OutOfRange {
        name,
        expected,
        value,
    };
    positive("the rate", options.rate)?;
    if options.length < 2 {
        return Err(refuse(
            "the length",
            "at least 2",
            options.length.to_string(),
        ));
    }
    let numbers = options
        .frequencies
        .iter()
        .map(|&tone| ("each frequency", tone));
    let numbers = numbers.chain([("the decay", options.decay), ("the noise", options.noise)]);
    for (name, number) in numbers {
        if !number.is_finite() {
            return Err(refuse(name, "finite", number.to_string()));
        }
    }
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let sample = |k: usize| {
        let t = k as f64 / options.rate;
        let chord: f64 = options
            .frequencies
            .iter()
            .map(|tone| (TAU * tone * t).sin())
            .sum();
        chord * (-options.decay * t).exp() + options.noise * random.random_range(-1.0..1.0)
    };
    Ok((0..options.length).map(sample).collect())
}

/// The `count` highest peaks among the entries 1 to n/2.
fn strongest(u_hat: &[Complex<f64>], count: usize) -> Vec<usize> {
    let size = |m: usize| u_hat[m].norm();
    let half = u_hat.len() / 2;
    let is_peak = |&m: &usize| size(m) > size(m - 1) && (m == half || size(m) >= size(m + 1));
    let mut peaks: Vec<_> = (1..=half).filter(is_peak).collect();
    peaks.sort_by(|&m, &other| size(other).total_cmp(&size(m)));
    peaks.truncate(count);
    peaks
}

/// The definition as one would first write it: the angle grows with m k, and its rounding with it.
fn angles_not_reduced(u: &[f64]) -> Vec<Complex<f64>> {
    let length = u.len();
    let turn = |m: usize, k: usize| Complex::cis(-TAU * (m * k) as f64 / length as f64);
    (0..length)
        .map(|m| (0..length).map(|k| turn(m, k) * u[k]).sum())
        .collect()
}

/// The largest difference, over the largest entry.
fn relative(expected: &[Complex<f64>], found: &[Complex<f64>]) -> f64 {
    let largest = |numbers: &mut dyn Iterator<Item = f64>| numbers.fold(0.0, f64::max);
    let difference = largest(&mut expected.iter().zip(found).map(|(e, f)| (e - f).norm()));
    difference / largest(&mut expected.iter().map(|e| e.norm()))
}
