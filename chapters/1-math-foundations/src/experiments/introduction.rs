//! The experiments of the page `introduction`.

use std::error::Error;
use std::time::Instant;

use math_foundations::introduction::{Attention, Forgetting, LinearRecurrence, random_tokens};
use math_foundations::validation::InputError;
use nalgebra::{DMatrix, DVector};

#[derive(Debug, clap::Args)]
pub struct AttentionOptions {
    /// The longest sequence; the table starts at 64 and quadruples
    #[arg(long, default_value_t = 4096)]
    longest: usize,
    /// The numbers in a token, and in the recurrence's state
    #[arg(long, default_value_t = 64)]
    width: usize,
    /// Seconds instead of counts (add --release after cargo run)
    #[arg(long)]
    time: bool,
}

/// The lengths of the table: 64, 256, 1024, … up to the longest.
fn lengths(longest: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(64_usize), |length| length.checked_mul(4))
        .take_while(move |length| *length <= longest)
}

pub fn attention(options: &AttentionOptions) -> Result<(), Box<dyn Error>> {
    let width = options.width;
    let tokens = random_tokens(options.longest, width, 1.0, 1);
    let identity = DMatrix::identity(width, width);
    let recurrence = LinearRecurrence::new(0.999 * &identity, identity.clone(), identity)?;
    println!("one head of attention, width {width}; a recurrence, state of {width} numbers");
    println!();
    if options.time {
        times(&tokens, &recurrence, options)
    } else {
        counts(&tokens, &recurrence, options)
    }?;
    Ok(())
}

fn counts(
    tokens: &[DVector<f64>],
    recurrence: &LinearRecurrence,
    options: &AttentionOptions,
) -> Result<(), InputError> {
    println!("{:>8} {:^29}   {:>20}", "", "attention", "recurrence");
    println!(
        "{:>8} {:>15} {:>13}   {:>15} {:>13}",
        "tokens", "multiply-adds", "cache bytes", "multiply-adds", "state bytes"
    );
    let mut attention = Attention::new(options.width);
    let mut read = 0;
    for length in lengths(options.longest) {
        for u in &tokens[read..length] {
            attention.step(u, u, u)?;
        }
        read = length;
        println!(
            "{:>8} {:>15} {:>13}   {:>15} {:>13}",
            grouped(length as u64),
            grouped(attention.multiply_adds()),
            grouped(attention.memory_bytes() as u64),
            grouped(recurrence.multiply_adds_per_step() * length as u64),
            grouped(recurrence.memory_bytes() as u64),
        );
    }
    Ok(())
}

fn times(
    tokens: &[DVector<f64>],
    recurrence: &LinearRecurrence,
    options: &AttentionOptions,
) -> Result<(), InputError> {
    println!("{:>8} {:>15} {:>15}", "tokens", "attention", "recurrence");
    for length in lengths(options.longest) {
        let attention = fastest(|| {
            let mut attention = Attention::new(options.width);
            tokens[..length].iter().try_for_each(|u| attention.step(u, u, u).map(drop))
        })?;
        let recurrence = fastest(|| {
            let mut x = DVector::zeros(options.width);
            tokens[..length].iter().try_for_each(|u| recurrence.step(u, &mut x).map(drop))
        })?;
        println!("{:>8} {attention:>13.4} s {recurrence:>13.4} s", grouped(length as u64));
    }
    Ok(())
}

/// Seconds of the fastest run, the one that other programs disturbed least; at least three runs, and
/// more while they fit in a second.
fn fastest(run: impl Fn() -> Result<(), InputError>) -> Result<f64, InputError> {
    let begin = Instant::now();
    let mut fastest = f64::INFINITY;
    for repeat in 0.. {
        if repeat >= 3 && begin.elapsed().as_secs_f64() > 1.0 {
            break;
        }
        let start = Instant::now();
        run()?;
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok(fastest)
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

#[derive(Debug, clap::Args)]
pub struct ForgettingOptions {
    /// Gains of the networks, with commas between
    #[arg(long, value_delimiter = ',', default_values_t = Forgetting::default().gains)]
    gains: Vec<f64>,
    /// The inputs are uniform in ± this
    #[arg(long, default_value_t = Forgetting::default().loudness)]
    loudness: f64,
    /// The last step
    #[arg(long, default_value_t = Forgetting::default().steps)]
    steps: usize,
    /// Of the random rotation Q and the inputs
    #[arg(long, default_value_t = Forgetting::default().seed)]
    seed: u64,
}

pub fn forgetting(options: &ForgettingOptions) -> Result<(), Box<dyn Error>> {
    let setup = Forgetting {
        gains: options.gains.clone(),
        loudness: options.loudness,
        steps: options.steps,
        seed: options.seed,
        ..Forgetting::default()
    };
    let curves = setup.measure()?;
    println!("how far a change of x_0 still moves x_k: the largest stretch of d x_k / d x_0");
    println!(
        "state of {} numbers, Q a random rotation, inputs in ±{}",
        setup.d_state, setup.loudness
    );
    println!("networks: x_k = tanh(gain Q x_{{k-1}} + u_k); the last column: without the tanh");
    println!();
    print!("{:>5}", "k");
    for gain in &setup.gains {
        print!(" {:>10}", format!("gain {gain:?}"));
    }
    println!("   {:>10}", format!("gain {:?}", setup.modulus));
    let marks = (0..).flat_map(|decade| [1, 2, 5].map(|digit| digit * 10_usize.pow(decade)));
    for k in marks.take_while(|k| *k <= setup.steps) {
        print!("{k:>5}");
        for curve in &curves.networks {
            print!(" {:>10}", format!("{:.1e}", curve[k]));
        }
        println!("   {:>10}", format!("{:.3}", curves.linear[k]));
    }
    Ok(())
}
