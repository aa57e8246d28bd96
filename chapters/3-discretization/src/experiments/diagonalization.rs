//! The experiment of the page `diagonalization`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::diagonalization::{
    DiagonalSystem, DiagonalizationError, ScalarStep, balance_modes, dense_multiplications,
    hippo_legs,
};
use math_foundations::eigendecomposition::{EigenError, eigendecomposition};
use math_foundations::linear_systems::held_input_step;
use nalgebra::{DMatrix, DVector, dmatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How damped the springs are; 2 is critical
    #[arg(long, value_delimiter = ',', default_values_t = [0.4, 1.9999, 1.99999999, 2.0, 2.00000001, 2.0001, 4.0])]
    damping: Vec<f64>,
    /// How many states the memories have
    #[arg(long, value_delimiter = ',', default_values_t = [4, 8, 12, 16, 20, 24])]
    d_state: Vec<usize>,
    /// Measures the time of a step and of a new Δ instead
    #[arg(long)]
    time: bool,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.time {
        return time();
    }
    springs(&options.damping)?;
    println!();
    memories(&options.d_state)?;
    println!();
    multiplications()
}

const LENGTH: usize = 32;

/// The kernel by matrices: the tests hold it to values from 80 digits.
fn dense_kernel(sys: &StateSpace<Continuous>, delta: f64) -> Result<Vec<f64>, Box<dyn Error>> {
    let (a_bar, mut x) = held_input_step(sys.a(), sys.b(), delta)?;
    let mut kernel = Vec::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        kernel.push((sys.c() * &x)[(0, 0)]);
        x = &a_bar * x;
    }
    Ok(kernel)
}

/// The relative error of the kernel through modes; none where there are none.
fn modal_error(
    sys: &StateSpace<Continuous>,
    exact: &[f64],
    delta: f64,
) -> Result<Option<f64>, Box<dyn Error>> {
    let modes = match DiagonalSystem::from_state_space(sys) {
        Err(DiagonalizationError::Eigen(EigenError::NoEigenbasis { .. })) => return Ok(None),
        other => other?,
    };
    let found = modes.discretize(ScalarStep::zero_order_hold, delta)?.kernel(LENGTH);
    let scale = exact.iter().fold(0.0, |most: f64, k| most.max(k.abs()));
    let off = found.iter().zip(exact).map(|(found, exact)| (found[(0, 0)] - exact).abs());
    Ok(Some(off.fold(0.0, f64::max) / scale))
}

fn condition(sys: &StateSpace<Continuous>) -> Result<f64, EigenError> {
    Ok(eigendecomposition(sys.a())?.condition_number())
}

fn springs(dampings: &[f64]) -> Result<(), Box<dyn Error>> {
    println!("Springs x'' + d x' + x = u, sampled every half second, held");
    println!();
    println!("{:>11} {:>8} {:>24}", "d", "κ(V)", "correct digits through V");
    for &damping in dampings {
        let (a, b) = (dmatrix![0.0, 1.0; -1.0, -damping], dmatrix![0.0; 1.0]);
        let sys = StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0])?;
        let error = modal_error(&sys, &dense_kernel(&sys, 0.5)?, 0.5)?;
        println!("{damping:>11} {:>8} {:>24}", power_of_ten(condition(&sys)?), digits(error));
    }
    Ok(())
}

fn memories(sizes: &[usize]) -> Result<(), Box<dyn Error>> {
    println!("HiPPO-LegS, eigenvalues -1, -2, …, -N, sampled eight times a second, held");
    println!();
    println!("{:>4} {:>17} {:>35}", "", "κ(V)", "correct digits through V");
    println!(
        "{:>4} {:>8} {:>8} {:>17} {:>17}",
        "N", "as it is", "balanced", "as it is", "balanced"
    );
    for &d_state in sizes {
        let sys = hippo_legs(d_state)?;
        let balanced = balance_modes(&sys)?;
        let exact = dense_kernel(&sys, 0.125)?;
        println!(
            "{d_state:>4} {:>8} {:>8} {:>17} {:>17}",
            power_of_ten(condition(&sys)?),
            power_of_ten(condition(&balanced)?),
            digits(modal_error(&sys, &exact, 0.125)?),
            digits(modal_error(&balanced, &exact, 0.125)?),
        );
    }
    Ok(())
}

fn random_system(d_state: usize) -> Result<StateSpace<Continuous>, Box<dyn Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut matrix =
        |rows, columns| DMatrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0));
    let a = matrix(d_state, d_state) - DMatrix::identity(d_state, d_state) * d_state as f64;
    Ok(StateSpace::continuous(a, matrix(d_state, 1), matrix(1, d_state), matrix(1, 1))?)
}

fn multiplications() -> Result<(), Box<dyn Error>> {
    println!("Multiplications a step, one input, one output (random systems, seed 1)");
    println!();
    println!("{:>4} {:>8} {:>8} {:>8}", "N", "matrix", "modes", "ratio");
    for d_state in [4, 16, 64, 256] {
        let modes = DiagonalSystem::from_state_space(&random_system(d_state)?)?;
        let through = modes.discretize(ScalarStep::zero_order_hold, 0.1)?.multiplications();
        let dense = dense_multiplications(d_state, 1, 1);
        println!("{d_state:>4} {dense:>8} {through:>8} {:>8.1}", dense as f64 / through as f64);
    }
    Ok(())
}

/// Seconds of one call: the best of five rounds.
fn seconds(rounds: u32, mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..rounds {
            call();
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(rounds));
    }
    best
}

fn time() -> Result<(), Box<dyn Error>> {
    println!("Microseconds, the best of five rounds (random systems, one input, one output)");
    println!();
    println!("{:>4} {:>21} {:>23} {:>14}", "", "a step", "a new Δ", "modes, once");
    println!(
        "{:>4} {:>10} {:>10} {:>12} {:>10} {:>14}",
        "N", "matrix", "modes", "matrix", "modes", ""
    );
    for d_state in [4, 16, 64, 256] {
        let sys = random_system(d_state)?;
        let modes = DiagonalSystem::from_state_space(&sys)?;
        let steps = modes.discretize(ScalarStep::zero_order_hold, 0.1)?;
        let (a_bar, b_bar) = held_input_step(sys.a(), sys.b(), 0.1)?;
        let (u, c) = (DVector::repeat(1, 1.0), sys.c().transpose());

        let (mut x, mut next) = (DVector::zeros(d_state), DVector::zeros(d_state));
        let dense_step = seconds(2000, || {
            next.gemv(1.0, &a_bar, &x, 0.0);
            next.axpy(u[0], &b_bar.column(0), 1.0);
            std::mem::swap(&mut x, &mut next);
            black_box(c.dot(&x));
        });
        let mut x = DVector::zeros(steps.a_bar.len());
        let modal_step = seconds(2000, || {
            black_box(steps.step(&mut x, &u, &u));
        });
        let few = if d_state > 100 { 2 } else { 50 };
        let dense_delta = seconds(few, || {
            let _ = black_box(held_input_step(sys.a(), sys.b(), black_box(0.1)));
        });
        let modal_delta = seconds(few, || {
            let _ = black_box(modes.discretize(ScalarStep::zero_order_hold, black_box(0.1)));
        });
        let once = seconds(1, || {
            let _ = black_box(DiagonalSystem::from_state_space(&sys));
        });
        println!(
            "{d_state:>4} {:>10.2} {:>10.2} {:>12.1} {:>10.1} {:>14.0}",
            1e6 * dense_step,
            1e6 * modal_step,
            1e6 * dense_delta,
            1e6 * modal_delta,
            1e6 * once,
        );
    }
    Ok(())
}

/// A condition number near its limit is rounding: its power of ten is what it says.
fn power_of_ten(value: f64) -> String {
    if value < 1e15 { format!("1e{:.0}", value.log10()) } else { "> 1e15".to_owned() }
}

/// How many of the 15 decimal digits of an `f64` are right.
fn digits(error: Option<f64>) -> String {
    error.map_or("refused".to_owned(), |error| {
        (-error.log10()).floor().clamp(0.0, f64::from(f64::DIGITS)).to_string()
    })
}
