//! The experiment of the page `fourier`.

use std::error::Error;
use std::f64::consts::TAU;

use math_foundations::fourier::{
    NoisyTones, causal_convolution, causal_convolution_by_dft, dft, fft, frequency, inverse_dft,
    strongest, to_complex,
};
use nalgebra::Complex;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The tones, in Hz, each of amplitude 1
    #[arg(long, value_delimiter = ',', default_values_t = NoisyTones::default().frequencies)]
    frequencies: Vec<f64>,
    /// How many samples
    #[arg(long, default_value_t = NoisyTones::default().length)]
    length: usize,
    /// Samples per second
    #[arg(long, default_value_t = NoisyTones::default().rate)]
    rate: f64,
    /// How fast the tones die away: amplitude e^(-decay t), t in seconds
    #[arg(long, default_value_t = NoisyTones::default().decay)]
    decay: f64,
    /// Each sample is disturbed by a number between minus and plus this
    #[arg(long, default_value_t = NoisyTones::default().noise)]
    noise: f64,
    /// Of the noise
    #[arg(long, default_value_t = NoisyTones::default().seed)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { length, rate, decay, noise, seed, .. } = *options;
    let frequencies = options.frequencies.clone();
    let tones = NoisyTones { frequencies, length, rate, decay, noise, seed };
    let u = tones.sample()?;
    println!("{length} samples, {rate} per second, of {}", chord(&tones.frequencies));
    println!("in noise of up to ±{noise}; one entry every {} Hz", rate / length as f64);
    for tone in tones.frequencies.iter().filter(|&&tone| tone > rate / 2.0) {
        let seen = (tone - rate * (tone / rate).round()).abs();
        println!("{tone} Hz is above half the rate: its samples are those of {seen} Hz");
    }
    println!();

    let u_hat = dft(&to_complex(&u));
    println!("{:>7} {:>12} {:>11}", "entry", "frequency", "amplitude");
    for m in strongest(&u_hat, tones.frequencies.len() + 2) {
        // A real tone is half in the entry m and half in n - m; at n/2 the two are one.
        let halves = if 2 * m == length { 1.0 } else { 2.0 };
        let amplitude = halves * u_hat[m].norm() / length as f64;
        println!("{m:>7} {:>9.2} Hz {amplitude:>11.3}", frequency(m, length, rate));
    }
    println!();

    println!("{:<36} {:>15} {:>12}", "the transform", "multiplications", "difference");
    let line = |name: &str, multiplications: usize, difference: &str| {
        println!("{name:<36} {multiplications:>15} {difference:>12}");
    };
    let against_dft = |found: &[Complex<f64>]| format!("{:.0e}", relative(&u_hat, found));
    line("dft", length * length, "-");
    line("dft, angles not reduced", length * length, &against_dft(&angles_not_reduced(&u)));
    match fft(&to_complex(&u)) {
        Ok(fast) => line("fft", length / 2 * length.ilog2() as usize, &against_dft(&fast)),
        Err(error) => println!("{:<36} {error}", "fft"),
    }
    println!();

    println!("{:<36} {:>15} {:>12}", "the kernel 0.99^j over that signal", "circle", "difference");
    let kernel: Vec<f64> = (0..length).map(|j| 0.99_f64.powf(j as f64)).collect();
    let direct = to_complex(&causal_convolution(&kernel, &u));
    let compare = |name: &str, circle: &str, y: &[f64]| {
        println!("{name:<36} {circle:>15} {:>12.0e}", relative(&direct, &to_complex(y)));
    };
    println!("{:<36} {:>15} {:>12}", "sum over the past", "none", "-");
    let padded = (2 * length).saturating_sub(1).next_power_of_two().to_string();
    compare("by transforms, padded", &padded, &causal_convolution_by_dft(&kernel, &u));
    let kernel_hat = dft(&to_complex(&kernel));
    let y_hat: Vec<_> = kernel_hat.iter().zip(&u_hat).map(|(kernel, u)| kernel * u).collect();
    let wrapped: Vec<_> = inverse_dft(&y_hat).iter().map(|y_k| y_k.re).collect();
    compare("by transforms, not padded", &length.to_string(), &wrapped);
    Ok(())
}

fn chord(frequencies: &[f64]) -> String {
    let tones: Vec<_> = frequencies.iter().map(|tone| format!("{tone} Hz")).collect();
    tones.join(" + ")
}

/// The definition as one would first write it: the angle grows with m k, and its rounding with it.
fn angles_not_reduced(u: &[f64]) -> Vec<Complex<f64>> {
    let length = u.len();
    let turn = |m: usize, k: usize| Complex::cis(-TAU * (m * k) as f64 / length as f64);
    (0..length).map(|m| (0..length).map(|k| turn(m, k) * u[k]).sum()).collect()
}

/// The largest difference, over the largest entry.
fn relative(expected: &[Complex<f64>], found: &[Complex<f64>]) -> f64 {
    let largest = |numbers: &mut dyn Iterator<Item = f64>| numbers.fold(0.0, f64::max);
    let difference = largest(&mut expected.iter().zip(found).map(|(e, f)| (e - f).norm()));
    match largest(&mut expected.iter().map(|e| e.norm())) {
        0.0 => difference,
        scale => difference / scale,
    }
}
