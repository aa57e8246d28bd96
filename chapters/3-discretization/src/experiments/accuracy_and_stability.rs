//! The experiment of the page `accuracy_and_stability`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::accuracy_and_stability::{
    Discretization, Signal, fitted_order, multiplications, output_error, stiff_pair,
};
use math_foundations::validation::{non_negative, positive};
use nalgebra::{DMatrix, DVector, dmatrix};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How damped the spring is
    #[arg(long, default_value_t = 0.4, allow_hyphen_values = true)]
    damping: f64,
    /// How fast it is shaken, in radians a second
    #[arg(long, default_value_t = 1.3, allow_hyphen_values = true)]
    omega: f64,
    /// Measures what a rule costs instead
    #[arg(long)]
    time: bool,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.time {
        return time();
    }
    orders(options)?;
    println!();
    stiff()
}

/// In words where the outputs have left the flow behind.
fn in_words(error: f64) -> String {
    if error < 1e3 { format!("{error:.1e}") } else { "grows".to_owned() }
}

fn orders(options: &Options) -> Result<(), Box<dyn Error>> {
    non_negative("the damping", options.damping)?;
    positive("ω", options.omega)?;
    let a = dmatrix![0.0, 1.0; -1.0, -options.damping];
    let spring = |c: DMatrix<f64>| {
        let d = DMatrix::zeros(c.nrows(), 1);
        StateSpace::continuous(a.clone(), dmatrix![0.0; 1.0], c, d)
    };
    let (both, place) = (spring(DMatrix::identity(2, 2))?, spring(dmatrix![1.0, 0.0])?);
    println!(
        "A spring, damping {}, shaken by sin {}t for 12 s: largest error, relative",
        options.damping, options.omega
    );
    println!();
    println!("{:>46} {:>24}", "place and speed read, at Δ =", "fitted order");
    println!("{:27} {:>8} {:>8} {:>8} {:>9} {:>9}", "", 0.1, 0.025, 0.00625, "both", "place");
    for rule in Discretization::ALL {
        let errors = |sys: &StateSpace<Continuous>| -> Result<Vec<f64>, Box<dyn Error>> {
            let counts = [120, 480, 1920];
            let error =
                |n| output_error(rule, sys, Signal::Sine(options.omega), 12.0 / n as f64, n);
            Ok(counts.into_iter().map(error).collect::<Result<_, _>>()?)
        };
        let deltas = [0.1, 0.025, 0.00625];
        let (both, place) = (errors(&both)?, errors(&place)?);
        let order = |errors: &[f64]| {
            fitted_order(&deltas, errors).map_or("-".to_owned(), |p| format!("{p:.2}"))
        };
        print!("{:27}", rule.to_string());
        for error in &both {
            print!(" {:>8}", in_words(*error));
        }
        println!(" {:>9} {:>9}", order(&both), order(&place));
    }
    Ok(())
}

fn stiff() -> Result<(), Box<dyn Error>> {
    let sys = stiff_pair()?;
    println!(
        "A slow tank behind a fast one, rates 1 and 1000, filled by sin t for 4 s: largest error"
    );
    println!();
    println!("{:27} {:>13} {:>9} {:>9} {:>9}", "", "stable up to", "Δ = 0.001", "0.01", "0.1");
    for rule in Discretization::ALL {
        let limit = rule.largest_stable_step(&sys)?;
        let limit = if limit.is_finite() { limit.to_string() } else { "any step".to_owned() };
        print!("{:27} {limit:>13}", rule.to_string());
        for count in [4000, 400, 40] {
            let delta = 4.0 / f64::from(count);
            let error = output_error(rule, &sys, Signal::Sine(1.0), delta, count as usize)?;
            print!(" {:>9}", in_words(error));
        }
        println!();
    }
    Ok(())
}

fn time() -> Result<(), Box<dyn Error>> {
    let n = 64;
    let a = DMatrix::from_fn(n, n, |i, j| ((i * n + j) as f64).sin())
        - DMatrix::identity(n, n) * n as f64;
    let column = DMatrix::from_fn(n, 1, |i, _| (i as f64).cos());
    let sys = StateSpace::continuous(a, column.clone(), column.transpose(), dmatrix![0.0])?;
    println!("What a rule costs for N = {n}, one input, one output: the best of forty rounds");
    println!();
    println!("{:27} {:>14} {:>12} {:>16}", "", "once (µs)", "a step (µs)", "multiplications");
    for rule in Discretization::ALL {
        let best = |call: &mut dyn FnMut(), rounds: u32| {
            let mut best = f64::INFINITY;
            for _ in 0..40 {
                let start = Instant::now();
                (0..rounds).for_each(|_| call());
                best = best.min(start.elapsed().as_secs_f64() / f64::from(rounds));
            }
            1e6 * best
        };
        let once = best(&mut || drop(black_box(rule.discretize(&sys, black_box(0.01)))), 10);
        let steps = rule.discretize(&sys, 0.01)?;
        let (rest, u) = (DVector::zeros(n), vec![DVector::repeat(1, 1.0); 1000]);
        let step = best(&mut || drop(black_box(steps.run(&rest, &u[0], &u))), 1) / 1000.0;
        println!(
            "{:27} {once:>14.0} {step:>12.2} {:>16}",
            rule.to_string(),
            multiplications(&steps)
        );
    }
    Ok(())
}
