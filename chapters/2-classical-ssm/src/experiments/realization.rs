//! The experiment of the page `realization`.

use std::error::Error;

use clap::Args;
use classical_ssm::controllability::Carts;
use classical_ssm::realization::{
    disturbed, hankel_spectrum, ho_kalman, largest_gap, markov_parameters, noise_floor, prony,
    worst_eigenvalue,
};
use classical_ssm::state_space::StateSpace;
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::held_input_step;
use math_foundations::validation::InputError;
use nalgebra::DMatrix;

#[derive(Debug, Args)]
pub struct Options {
    /// How many carts stand in the row; the first is struck, the last is watched
    #[arg(long, default_value_t = 3)]
    carts: usize,
    /// How many samples are taken, ten a second
    #[arg(long, default_value_t = 60)]
    samples: usize,
    /// Disturbances of the table, relative to the loudest sample
    #[arg(long, value_delimiter = ',', default_values_t = [0.0, 1e-6, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3])]
    noise: Vec<f64>,
    /// The disturbance with which the modes are listed
    #[arg(long, default_value_t = 0.01)]
    listen: f64,
    /// Of the disturbance
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Between two samples, in s.
const DELTA: f64 = 0.1;

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { carts, samples, seed, listen, .. } = *options;
    let order = 2 * carts;
    if !(1..=8).contains(&carts) || !(2 * order..=400).contains(&samples) {
        let expected = "1 to 8, with at least four samples for each cart and at most 400";
        let value = format!("{carts} with {samples} samples");
        return Err(InputError::OutOfRange { name: "the number of carts", expected, value }.into());
    }
    let flow = Carts::row(carts).system()?;
    let (a_bar, b_bar) = held_input_step(flow.a(), flow.b(), DELTA)?;
    let truth = StateSpace::discrete(a_bar, b_bar, flow.c().clone(), flow.d().clone(), DELTA)?;
    let kernel = markov_parameters(&truth, samples);
    let spectrum = eigenvalues(truth.a())?;
    let loudest = kernel.iter().map(DMatrix::amax).fold(0.0, f64::max);

    println!("{carts} carts, N = {order}, struck once: {samples} samples, one each {DELTA} s");
    println!();
    println!(
        "{:>8}  {:>13}  {:>25}  {:>25}",
        "", "states by", "worst eigenvalue off by", "kernel error of"
    );
    println!(
        "{:>8}  {:>6} {:>6}  {:>12} {:>12}  {:>12} {:>12}",
        "noise", "gap", "floor", "Ho, Kalman", "Prony", "the data", "the model"
    );
    for &noise in &options.noise {
        let heard = disturbed(&kernel, noise * loudest, seed)?;
        let sigma = hankel_spectrum(&heard)?;
        let floor = noise_floor(&heard, noise * loudest).max(1e-13 * sigma[0]);
        let found = ho_kalman(&heard, order)?;
        let by_hankel = worst_eigenvalue(&spectrum, &eigenvalues(&found.matrices.a)?);
        let scalars: Vec<f64> = heard.iter().map(|h| h[(0, 0)]).collect();
        let by_prony = worst_eigenvalue(&spectrum, &prony(&scalars, order)?);
        let again = markov_parameters(&found.every(DELTA)?, samples);
        println!(
            "{:>8}  {:>6} {:>6}  {:>12} {:>12}  {:>12} {:>12}",
            if noise == 0.0 { "none".to_owned() } else { format!("{noise:.0e}") },
            largest_gap(&sigma),
            sigma.iter().filter(|&&s| s > floor).count(),
            error(by_hankel),
            error(by_prony),
            error(distance(&heard, &kernel) / length(&kernel)),
            error(distance(&again, &kernel) / length(&kernel)),
        );
    }
    println!();
    let heard = disturbed(&kernel, listen * loudest, seed)?;
    let found = ho_kalman(&heard, order)?;
    println!("with noise {listen}, the modes as a flow");
    println!("{:>22} {:>22}", "true", "found");
    let mut true_modes = rates(&spectrum);
    let mut found_modes = rates(&eigenvalues(&found.matrices.a)?);
    true_modes.sort_by(|one, other| one.1.total_cmp(&other.1));
    found_modes.sort_by(|one, other| one.1.total_cmp(&other.1));
    for (one, other) in true_modes.iter().zip(&found_modes) {
        let words = |mode: &(f64, f64)| format!("{:.3} ± {:.3}i", mode.0, mode.1);
        println!("{:>22} {:>22}", words(one), words(other));
    }
    Ok(())
}

/// Decay and frequency of the flow behind each pair of eigenvalues: ln λ / Δ.
fn rates(spectrum: &nalgebra::DVector<nalgebra::Complex<f64>>) -> Vec<(f64, f64)> {
    let upper = spectrum.iter().filter(|lambda| lambda.im >= 0.0);
    upper.map(|lambda| lambda.ln() / DELTA).map(|s| (s.re, s.im)).collect()
}

fn length(kernel: &[DMatrix<f64>]) -> f64 {
    kernel.iter().map(DMatrix::norm_squared).sum::<f64>().sqrt()
}

fn distance(one: &[DMatrix<f64>], other: &[DMatrix<f64>]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).norm_squared()).sum::<f64>().sqrt()
}

/// Errors that are rounding have no digits to show.
fn error(value: f64) -> String {
    if value < 1e-9 { "rounding".to_owned() } else { format!("{value:.2e}") }
}
