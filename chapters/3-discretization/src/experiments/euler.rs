//! The experiment of the page `euler`.

use std::error::Error;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::euler::{backward_euler, forward_euler, forward_limit};
use discretization::sampling::Recurrence;
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::validation::non_negative;
use nalgebra::{DMatrix, DVector, dmatrix, dvector};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Damping of the spring whose limit is looked for
    #[arg(long, default_value_t = 0.4)]
    damping: f64,
    /// Rate of the fast mode of the stiff spring; the slow one has 1
    #[arg(long, default_value_t = 1000.0)]
    stiff: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    non_negative("the damping", options.damping)?;
    non_negative("the fast rate", options.stiff)?;
    let spring = dmatrix![0.0, 1.0; -1.0, -options.damping];
    let stiff = dmatrix![0.0, 1.0; -options.stiff, -1.0 - options.stiff];
    limits(&[
        ("leaky bucket, λ = -1", dmatrix![-1.0]),
        ("damped spring", spring),
        ("stiff spring", stiff.clone()),
    ])?;
    println!();
    explode(&stiff)?;
    println!();
    energies()?;
    println!();
    orders()
}

/// A flow that nobody pushes.
fn undriven(a: &DMatrix<f64>) -> Result<StateSpace<Continuous>, Box<dyn Error>> {
    let n = a.nrows();
    let (b, c, d) = (DMatrix::zeros(n, 1), DMatrix::identity(n, n), DMatrix::zeros(n, 1));
    Ok(StateSpace::continuous(a.clone(), b, c, d)?)
}

/// The state after so many steps alone.
fn after(
    rule: &Recurrence,
    start: &DVector<f64>,
    count: usize,
) -> Result<DVector<f64>, Box<dyn Error>> {
    let quiet = vec![dvector![0.0]; count];
    Ok(rule.run(start, &dvector![0.0], &quiet)?.pop().unwrap_or_else(|| start.clone()))
}

/// The step at which forward Euler begins to explode, by trying.
fn limits(flows: &[(&str, DMatrix<f64>)]) -> Result<(), Box<dyn Error>> {
    println!("Forward Euler: the largest step at which 10,000 steps do not explode");
    println!("{:<24} {:>10} {:>14}", "", "by trying", "-2 Re λ/|λ|²");
    for (name, a) in flows {
        let flow = undriven(a)?;
        let start = DVector::from_fn(a.nrows(), |i, _| if i == 0 { 1.0 } else { 0.0 });
        let (mut dies, mut explodes) = (0.0, 10.0);
        while explodes - dies > 1e-6 * explodes {
            let middle = 0.5 * (dies + explodes);
            let size = after(&forward_euler(&flow, middle)?, &start, 10_000)?.norm();
            // What has overflown is not a number, and not below 1 either.
            if size < 1.0 {
                dies = middle
            } else {
                explodes = middle
            }
            if explodes < 1e-6 {
                break;
            }
        }
        println!("{name:<24} {dies:>10.4} {:>14.4}", forward_limit(a)?);
    }
    Ok(())
}

/// The stiff spring, let go at rest, after one second.
fn explode(stiff: &DMatrix<f64>) -> Result<(), Box<dyn Error>> {
    let flow = undriven(stiff)?;
    let start = dvector![1.0, 0.0];
    let exact = (matrix_exponential(stiff)? * &start)[0];
    println!("The stiff spring, let go at 1, after 1 second: exact {exact:.6}");
    println!("{:>10} {:>14} {:>14}", "Δ", "forward", "backward");
    for count in [10u32, 100, 400, 600, 1000] {
        let delta = 1.0 / f64::from(count);
        let forward = after(&forward_euler(&flow, delta)?, &start, count as usize)?[0];
        let backward = after(&backward_euler(&flow, delta)?, &start, count as usize)?[0];
        let forward =
            if forward.abs() < 10.0 { format!("{forward:.6}") } else { format!("{forward:.0e}") };
        println!("{delta:>10.5} {forward:>14} {backward:>14.6}");
    }
    Ok(())
}

/// Energy of a spring without damping, after ten swings.
fn energies() -> Result<(), Box<dyn Error>> {
    println!("A spring without damping: its energy after 10 swings, 1 at the beginning");
    println!("{:>10} {:>14} {:>14}", "Δ", "forward", "backward");
    let flow = undriven(&dmatrix![0.0, 1.0; -1.0, 0.0])?;
    let start = dvector![1.0, 0.0];
    for delta in [0.1f64, 0.01, 0.001] {
        let count = (10.0 * std::f64::consts::TAU / delta).round() as usize;
        let forward = after(&forward_euler(&flow, delta)?, &start, count)?.norm_squared();
        let backward = after(&backward_euler(&flow, delta)?, &start, count)?.norm_squared();
        println!("{delta:>10} {forward:>14.4} {backward:>14.4}");
    }
    Ok(())
}

/// The error at 6 seconds for the damped spring, step by half step.
fn orders() -> Result<(), Box<dyn Error>> {
    println!("The damped spring after 6 seconds: the error, and what half the step leaves of it");
    println!("{:>10} {:>12} {:>8} {:>12} {:>8}", "Δ", "forward", "", "backward", "");
    let a = dmatrix![0.0, 1.0; -1.0, -0.4];
    let (flow, start) = (undriven(&a)?, dvector![1.0, 0.0]);
    let exact = matrix_exponential(&(&a * 6.0))? * &start;
    let mut before: Option<(f64, f64)> = None;
    for count in [60u32, 120, 240, 480, 960] {
        let delta = 6.0 / f64::from(count);
        let error = |rule: Recurrence| -> Result<f64, Box<dyn Error>> {
            Ok((after(&rule, &start, count as usize)? - &exact).norm())
        };
        let (forward, backward) =
            (error(forward_euler(&flow, delta)?)?, error(backward_euler(&flow, delta)?)?);
        let ratio = |now: f64, before: Option<f64>| {
            before.map_or(String::new(), |b| format!("{:.3}", now / b))
        };
        println!(
            "{delta:>10.5} {forward:>12.6} {:>8} {backward:>12.6} {:>8}",
            ratio(forward, before.map(|b| b.0)),
            ratio(backward, before.map(|b| b.1)),
        );
        before = Some((forward, backward));
    }
    Ok(())
}
