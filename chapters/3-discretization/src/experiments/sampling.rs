//! The experiment of the page `sampling`.

use std::error::Error;
use std::f64::consts::TAU;

use classical_ssm::state_space::StateSpace;
use discretization::bilinear::bilinear;
use discretization::sampling::{Recurrence, alias, sample, speed_up};
use math_foundations::linear_systems::held_input_step;
use math_foundations::state_representations::mass_spring_damper;
use math_foundations::validation::positive;
use nalgebra::{DMatrix, DVector, dmatrix, dvector};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How often a second the tones are looked at
    #[arg(long, default_value_t = 8.0)]
    rate: f64,
    /// Tones, in turns a second
    #[arg(long, value_delimiter = ',', default_values_t = [1.0, 3.0, 4.0, 5.0, 7.0, 9.0, 17.0])]
    tones: Vec<f64>,
    /// Steps Δ of the leaky bucket and the spring, in seconds
    #[arg(long, value_delimiter = ',', default_values_t = [1.0, 0.5, 0.1, 0.01])]
    deltas: Vec<f64>,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    positive("the rate", options.rate)?;
    tones(&options.tones, 1.0 / options.rate)?;
    println!();
    clocks(&options.deltas)?;
    println!();
    weights(&options.deltas)
}

/// What a tone looks like at the samples, and how far it is from that in between.
fn tones(tones: &[f64], delta: f64) -> Result<(), Box<dyn Error>> {
    println!("Tones, looked at {} times a second", 1.0 / delta);
    println!("{:>16} {:>10} {:>27}", "turns a second", "seen as", "largest difference");
    println!("{:>38} {:>16}", "at samples", "in between");
    for &turns in tones {
        let omega = turns * TAU;
        let seen = alias(omega, delta)?;
        let apart = |every: f64| -> Result<f64, Box<dyn Error>> {
            let distance = |t: f64| ((omega * t).cos() - (seen * t).cos()).abs();
            Ok(sample(distance, every, 400)?.into_iter().fold(0.0, f64::max))
        };
        println!(
            "{turns:>16.2} {:>10.2} {:>10} {:>16.2}",
            seen / TAU,
            noise(apart(delta)?),
            apart(0.05 * delta)?
        );
    }
    Ok(())
}

/// One bucket read by several clocks.
fn clocks(deltas: &[f64]) -> Result<(), Box<dyn Error>> {
    println!("A leaky bucket, x' = u - x: what is left of it after a step, and when half of it is");
    println!("{:>8} {:>8} {:>8} {:>10}", "Δ", "Ā", "steps", "seconds");
    for &delta in deltas {
        let (a_bar, _) = held_input_step(&dmatrix![-1.0], &dmatrix![1.0], delta)?;
        let steps = 0.5f64.ln() / a_bar[(0, 0)].ln();
        println!("{delta:>8} {:>8.4} {steps:>8.2} {:>10.4}", a_bar[(0, 0)], steps * delta);
    }
    let parts = mass_spring_damper(1.0, 0.4, 1.0)?;
    let spring = StateSpace::continuous(parts.a, parts.b, parts.c, parts.d)?;
    let fast = speed_up(&spring, 2.0)?;
    let (slow, fast) = (bilinear(&spring, 0.5)?.a_bar, bilinear(&fast, 0.25)?.a_bar);
    println!();
    println!(
        "A spring at Δ = 0.5, and one twice as fast at Δ = 0.25: the same Ā, off by {}",
        noise((slow - fast).amax())
    );
    Ok(())
}

/// A spring pushed for ten seconds, with a weight for each end of a step and with one for both.
fn weights(deltas: &[f64]) -> Result<(), Box<dyn Error>> {
    println!(
        "A spring's steps with two weights, and with one: the largest difference in 10 seconds"
    );
    println!("{:>8} {:>16} {:>16}", "Δ", "a held input", "a sine");
    let parts = mass_spring_damper(1.0, 0.4, 1.0)?;
    let spring = StateSpace::continuous(parts.a, parts.b, parts.c, parts.d)?;
    for &delta in deltas {
        let two = bilinear(&spring, delta)?;
        let held = two.held()?;
        let one = Recurrence {
            b_bar: held.b().clone(),
            b_bar_previous: DMatrix::zeros(2, 1),
            ..two.clone()
        };
        let count = (10.0 / delta).round() as usize;
        let sine = sample(f64::sin, delta, count + 1)?;
        let steady = vec![1.0; count + 1];
        let apart = |u: &[f64]| -> Result<f64, Box<dyn Error>> {
            let u: Vec<DVector<f64>> = u.iter().map(|&u_k| dvector![u_k]).collect();
            let start = dvector![0.0, 0.0];
            let with_two = two.run(&start, &u[0], &u[1..])?;
            let with_one = one.run(&start, &u[0], &u[1..])?;
            Ok(with_two.iter().zip(&with_one).map(|(x, y)| (x - y).amax()).fold(0.0, f64::max))
        };
        println!("{delta:>8} {:>16} {:>16.4}", noise(apart(&steady)?), apart(&sine)?);
    }
    Ok(())
}

/// Rounding has a size and no digits.
fn noise(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.0e}") }
}
