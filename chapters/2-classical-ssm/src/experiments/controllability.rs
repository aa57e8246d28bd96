//! The experiment of the page `controllability`.

use std::error::Error;

use clap::Args;
use classical_ssm::controllability::{
    Carts, ControllabilityError, balanced_truncation, controllability_matrix,
    hankel_singular_values, is_controllable, minimal_realization, minimum_energy_input,
    popov_belevitch_hautus, rank,
};
use classical_ssm::state_space::{Continuous, StateSpace};
use math_foundations::linear_systems::held_input_step;
use math_foundations::validation::InputError;
use nalgebra::{Complex, DVector};

#[derive(Debug, Args)]
pub struct Options {
    /// How many carts stand in the row
    #[arg(long, default_value_t = 3)]
    carts: usize,
    /// The cart that is pushed, from 1
    #[arg(long, default_value_t = 2)]
    pushed: usize,
    /// The cart that is watched, from 1; the last one if not given
    #[arg(long)]
    watched: Option<usize>,
    /// Of each spring, in N/m
    #[arg(long, default_value_t = 100.0)]
    stiffness: f64,
    /// Of each damper, in N s/m
    #[arg(long, default_value_t = 1.0)]
    damping: f64,
}

/// Inputs are held this long, in s.
const DELTA: f64 = 0.02;

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { carts: count, pushed, stiffness, damping, .. } = *options;
    let watched = options.watched.unwrap_or(count);
    if !(1..=16).contains(&count) {
        let (expected, value) = ("from 1 to 16", count.to_string());
        return Err(InputError::OutOfRange { name: "the number of carts", expected, value }.into());
    }
    let from_zero = |cart: usize| cart.checked_sub(1).unwrap_or(usize::MAX);
    let (pushed, watched) = (from_zero(pushed), from_zero(watched));
    let carts = Carts { count, stiffness, damping, pushed, watched };
    let flow = carts.system()?;
    println!(
        "{count} carts, N = {}; pushed at cart {}, watched at cart {}",
        flow.d_state(),
        pushed + 1,
        watched + 1
    );
    println!();
    modes(&flow)?;
    println!();
    counts(&flow)?;
    println!();
    prices(&flow)?;
    println!();
    truncations(&flow)
}

fn modes(flow: &StateSpace<Continuous>) -> Result<(), Box<dyn Error>> {
    println!("{:<20} {:>12} {:>12}", "mode", "reach", "sight");
    for mode in popov_belevitch_hautus(flow)?.iter().filter(|mode| mode.lambda.im >= 0.0) {
        let word = |there: bool, size: f64| match there {
            true => format!("{size:.3e}"),
            false => "none".to_owned(),
        };
        let (lambda, reach) = (complex(mode.lambda), word(mode.is_reachable(), mode.reach));
        println!("{lambda:<20} {reach:>12} {:>12}", word(mode.is_visible(), mode.sight));
    }
    Ok(())
}

fn complex(z: Complex<f64>) -> String {
    if z.im == 0.0 { format!("{:.4}", z.re) } else { format!("{:.4} ± {:.4}i", z.re, z.im) }
}

fn counts(flow: &StateSpace<Continuous>) -> Result<(), Box<dyn Error>> {
    let columns = controllability_matrix(flow);
    let mut scaled = columns.clone();
    for mut column in scaled.column_iter_mut() {
        column.normalize_mut();
    }
    let minimal = minimal_realization(flow, 1e-12)?;
    println!("rank of (B, AB, …, A^(N-1)B)         {:>3}", rank(&columns)?);
    println!("  with each column of length one     {:>3}", rank(&scaled)?);
    println!(
        "staircase: every state in reach?     {:>3}",
        if is_controllable(flow)? { "yes" } else { "no" }
    );
    println!("states in reach and in sight         {:>3}", minimal.d_state());
    Ok(())
}

fn prices(flow: &StateSpace<Continuous>) -> Result<(), Box<dyn Error>> {
    let n = flow.d_state();
    let (a_bar, b_bar) = held_input_step(flow.a(), flow.b(), DELTA)?;
    let steps = StateSpace::discrete(a_bar, b_bar, flow.c().clone(), flow.d().clone(), DELTA)?;
    let place = |sign: fn(usize, usize) -> f64| {
        DVector::from_fn(n, |i, _| if i < n / 2 { 0.01 * sign(i, n / 2) } else { 0.0 })
    };
    let together = place(|_, _| 1.0);
    let apart = place(|i, count| match i {
        0 => 1.0,
        i if i + 1 == count => -1.0,
        _ => 0.0,
    });
    println!("least energy ∫u² dt, in N² s, that brings the carts from rest to rest");
    println!("{:<10} {:>22} {:>22}", "within", "all 1 cm to the right", "the outer two 1 cm in");
    for seconds in [0.5, 1.0, 2.0, 4.0, 8.0] {
        let count = (seconds / DELTA).round() as usize;
        let price = |target: &DVector<f64>| match minimum_energy_input(&steps, target, count) {
            Ok(u) => Ok(format!("{:.4e}", u.norm_squared() * DELTA)),
            Err(ControllabilityError::OutOfReach { share, .. }) if share > 0.99 => {
                Ok("out of reach".to_owned())
            }
            Err(ControllabilityError::OutOfReach { .. }) => Ok("lost in rounding".to_owned()),
            Err(other) => Err(other),
        };
        println!("{:<10} {:>22} {:>22}", format!("{seconds} s"), price(&together)?, price(&apart)?);
    }
    Ok(())
}

fn truncations(flow: &StateSpace<Continuous>) -> Result<(), Box<dyn Error>> {
    let sigma = hankel_singular_values(flow)?;
    println!("{:>6} {:>12} {:>14} {:>14}", "order", "σ", "2 Σ left out", "error measured");
    for order in 1..=flow.d_state() {
        let value = sigma[order - 1];
        if value < 1e-14 * sigma[0] {
            println!("{order:>6} {:>12} {:>14} {:>14}", "rounding", "", "");
            continue;
        }
        let reduced = balanced_truncation(flow, order)?;
        let error = worst_difference(flow, &reduced.system)?;
        let (bound, error) = match order == flow.d_state() || error < 1e-14 * sigma[0] {
            true => ("rounding".to_owned(), "rounding".to_owned()),
            false => (format!("{:.4e}", reduced.error_bound), format!("{error:.4e}")),
        };
        println!("{order:>6} {value:>12.4e} {bound:>14} {error:>14}");
    }
    Ok(())
}

/// The largest difference on a sweep from 0.01 to 1000 rad/s.
fn worst_difference(
    one: &StateSpace<Continuous>,
    other: &StateSpace<Continuous>,
) -> Result<f64, Box<dyn Error>> {
    let mut worst: f64 = 0.0;
    for i in 0..=1000 {
        let s = Complex::new(0.0, 10.0_f64.powf(f64::from(i) / 200.0 - 2.0));
        let difference = one.matrices().transfer(s)? - other.matrices().transfer(s)?;
        worst = worst.max(difference[(0, 0)].norm());
    }
    Ok(worst)
}
