//! The experiment of the page `parameterization`.

use std::error::Error;
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use math_foundations::validation::positive;
use ml_links::parameterization::{
    Adding, DiagonalStateSpace, DiagonalStateSpaceConfig, FreeStateSpace, inverse_softplus,
    softplus,
};

use super::count;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many channels the layer has
    #[arg(long, default_value_t = 4, value_parser = count(1 << 10), allow_negative_numbers = true)]
    channels: usize,
    /// How many states each has: an even number
    #[arg(long, default_value_t = 16, value_parser = count(1 << 10), allow_negative_numbers = true)]
    d_state: usize,
    /// Which random numbers are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The largest Δ at the beginning
    #[arg(long, default_value_t = 0.1, allow_hyphen_values = true)]
    delta_max: f64,
    /// Trains four layers on the edge of stability instead: some seconds
    #[arg(long)]
    race: bool,
    /// The learning rate of the race
    #[arg(long, default_value_t = 0.1, allow_hyphen_values = true)]
    rate: f64,
    /// The steps of the race
    #[arg(long, default_value_t = 120, value_parser = count(1 << 16), allow_negative_numbers = true)]
    steps: usize,
    /// How many numbers are added up in the race
    #[arg(long, default_value_t = 2048, value_parser = count(1 << 16), allow_negative_numbers = true)]
    length: usize,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.d_state % 2 == 1 {
        return Err(format!("expected an even number of states, found {}", options.d_state).into());
    }
    positive("the learning rate", options.rate)?;
    if !(DELTA_MIN..=1e3).contains(&options.delta_max) {
        let found = options.delta_max;
        return Err(format!("expected --delta-max from {DELTA_MIN} to 1000, found {found}").into());
    }
    if options.race {
        return race(options);
    }
    steps();
    println!();
    channels(options)
}

/// The smallest Δ at the beginning.
const DELTA_MIN: f64 = 0.001;

fn steps() {
    println!("What a raw number becomes, and back (f64)");
    println!();
    println!(
        "{:>6} {:>10} {:>17} {:>10} {:>15}",
        "δ", "ln(1+e^δ)", "as it is written", "and back", "as written"
    );
    for raw in [-700.0, -40.0, -6.9, 0.0, 20.0, 800.0] {
        let delta = softplus(raw);
        println!(
            "{raw:>6} {:>10} {:>17} {:>10} {:>15}",
            short(delta),
            short((1.0 + f64::exp(raw)).ln()),
            short(inverse_softplus(delta)),
            short((delta.exp() - 1.0).ln()),
        );
    }
}

/// A number in at most eight characters.
fn short(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if !value.is_finite() => value.to_string(),
        value if value.abs() < 1e-3 => format!("{value:.1e}"),
        value => format!("{value:.4}"),
    }
}

fn layer(options: &Options, device: &Device) -> DiagonalStateSpace {
    DiagonalStateSpaceConfig::new(options.channels, options.d_state)
        .with_delta_min(DELTA_MIN)
        .with_delta_max(options.delta_max)
        .with_seed(options.seed)
        .init(device)
}

fn channels(options: &Options) -> Result<(), Box<dyn Error>> {
    let layer = layer(options, &Device::flex());
    let raw: Vec<f64> = layer.delta_raw.val().into_data().iter::<f64>().collect();
    println!(
        "A layer before training, seed {}: {} states a channel, {} stored",
        options.seed,
        options.d_state,
        options.d_state / 2
    );
    println!();
    println!(
        "{:>7} {:>7} {:>8} {:>16} {:>24} {:>7}",
        "channel", "δ", "Δ", "halves in steps", "periods in steps, up to", "down to"
    );
    for (channel, raw) in raw.iter().enumerate() {
        let (system, delta) = layer.channel(channel);
        let half = 2_f64.ln() / (-system.lambda[0].re * delta);
        let period = |n: usize| match system.lambda.get(n).map(|lambda| lambda.im) {
            Some(omega) if omega > 0.0 => format!("{:.1}", std::f64::consts::TAU / (omega * delta)),
            _ => "-".to_owned(),
        };
        println!(
            "{channel:>7} {raw:>7.3} {delta:>8.5} {half:>16.1} {:>24} {:>7}",
            period(1),
            period(system.lambda.len() - 1),
        );
    }
    Ok(())
}

fn race(options: &Options) -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let lesson = Adding {
        length: options.length,
        steps: options.steps,
        rate: options.rate,
        seed: options.seed,
        ..Adding::default()
    };
    let kernel = |layer: &DiagonalStateSpace, length| -> Tensor<2> { layer.kernel(length) };
    let start = layer(options, &device);
    let begun = Instant::now();
    let free = FreeStateSpace::from(start.clone());
    let half_free = FreeStateSpace { delta: None, ..free.clone() };
    let grouped = Adding { fraction: 0.1, ..lesson.clone() };
    let runs = [
        ("free λ and Δ", lesson.losses(free, FreeStateSpace::kernel)),
        ("free λ", lesson.losses(half_free, FreeStateSpace::kernel)),
        ("stable", lesson.losses(start.clone(), kernel)),
        ("stable, slow", grouped.losses(start, kernel)),
    ];

    println!(
        "Adding up {} numbers, Δ up to {}, learning rate {}: the loss",
        options.length, options.delta_max, options.rate
    );
    println!();
    print!("{:>6}", "step");
    runs.iter().for_each(|(name, _)| print!(" {name:>13}"));
    println!();
    let (every, last) = ((options.steps / 20).max(1), options.steps.saturating_sub(1));
    let ends = |step: usize| runs.iter().any(|(_, losses)| losses.len() == step + 1);
    for step in (0..=last).filter(|&step| step % every == 0 || ends(step)) {
        print!("{step:>6}");
        for (_, losses) in &runs {
            let cell = losses.get(step).map_or("-".to_owned(), |loss| format!("{loss:.3e}"));
            print!(" {cell:>13}");
        }
        println!();
    }
    eprintln!("{:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}
