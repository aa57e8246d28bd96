//! The experiment of the page `state_space`.

use std::error::Error;

use classical_ssm::state_space::{Continuous, StateSpace, TimeDomain};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::state_representations::{DcMotor, Matrices, dc_motor};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Volts for each rad/s that the motor is too slow
    #[arg(long, default_value_t = 0.1)]
    proportional: f64,
    /// Volts a second for each rad/s that the motor is too slow
    #[arg(long, default_value_t = 20.0)]
    integral: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    motor_in_a_loop(options)?;
    println!();
    two_running_means()
}

/// A motor and its controller: alone, on one wire, in a loop.
fn motor_in_a_loop(options: &Options) -> Result<(), Box<dyn Error>> {
    let motor = StateSpace::try_from(dc_motor(&DcMotor::default())?)?;
    // x' = e, y = K_i x + K_p e.
    let controller = StateSpace::continuous(
        dmatrix![0.0],
        dmatrix![1.0],
        dmatrix![options.integral],
        dmatrix![options.proportional],
    )?;
    let ahead = controller.series(&motor)?;
    let closed = ahead.feedback_gain(&dmatrix![1.0])?;

    println!(
        "A motor and its controller: {} V for each rad/s too slow, and {} V/s",
        options.proportional, options.integral
    );
    println!();
    println!("{:<30} {:>3}   eigenvalues of A, in 1/s", "", "N");
    row("the motor", &motor)?;
    row("the controller", &controller)?;
    row("controller, then motor", &ahead)?;
    row("the same, fed back", &closed)?;
    println!();

    // Asked from outside, wires are algebra.
    let s = Complex::new(-30.0, 200.0);
    let (g, c) = (motor.transfer(s)?[(0, 0)], controller.transfer(s)?[(0, 0)]);
    println!("What each makes of e^(st), s = {s}");
    println!();
    println!("{:<30} {:>24} {:>24} {:>8}", "", "by algebra", "by matrices", "apart");
    for (what, expected, found) in [
        ("G C", g * c, ahead.transfer(s)?[(0, 0)]),
        ("G C / (1 + G C)", g * c / (1.0 + g * c), closed.transfer(s)?[(0, 0)]),
    ] {
        let apart = (expected - found).norm() / expected.norm();
        println!("{what:<30} {expected:>24.6} {found:>24.6} {apart:>8.0e}");
    }
    Ok(())
}

fn row<T: TimeDomain>(name: &str, system: &StateSpace<T>) -> Result<(), Box<dyn Error>> {
    let listed: Vec<String> =
        eigenvalues(system.a())?.iter().map(|lambda| in_words(*lambda)).collect();
    println!("{name:<30} {:>3}   {}", system.d_state(), listed.join("   "));
    Ok(())
}

fn in_words(lambda: Complex<f64>) -> String {
    let near = |value: f64| if value.abs() < 1e-9 { 0.0 } else { value };
    if lambda.im == 0.0 {
        format!("{:.2}", near(lambda.re))
    } else {
        format!(
            "{:.2} {} {:.2}i",
            near(lambda.re),
            if lambda.im < 0.0 { '-' } else { '+' },
            lambda.im.abs()
        )
    }
}

/// Steps have other blocks than flows.
fn two_running_means() -> Result<(), Box<dyn Error>> {
    let half = dmatrix![0.5];
    let mean = StateSpace::discrete(half.clone(), half, dmatrix![1.0], dmatrix![0.0], 1.0)?;
    let joined = mean.series(&mean)?;
    // The blocks that a flow would have.
    let flow = StateSpace::from_matrices(mean.matrices().clone(), Continuous)?;
    let late = StateSpace::from_matrices(flow.series(&flow)?.matrices().clone(), *mean.time())?;

    println!("The mean y_k = (y_(k-1) + u_k) / 2 of its own mean, u = 1");
    println!();
    println!(
        "{:<3} {:>20} {:>14} {:>22}",
        "k", "one after the other", "joined", "with a flow's blocks"
    );
    let ones = [1.0; 6];
    let expected = run_steps(mean.matrices(), &run_steps(mean.matrices(), &ones));
    let joined = run_steps(joined.matrices(), &ones);
    let late = run_steps(late.matrices(), &ones);
    for (k, ((expected, joined), late)) in expected.iter().zip(joined).zip(late).enumerate() {
        println!("{k:<3} {expected:>20.6} {joined:>14.6} {late:>22.6}");
    }
    Ok(())
}

/// x_k = A x_{k-1} + B u_k, y_k = C x_k + D u_k from rest.
fn run_steps(system: &Matrices, inputs: &[f64]) -> Vec<f64> {
    let mut x = DVector::zeros(system.a.nrows());
    let step = |&u: &f64| {
        let u = DMatrix::from_element(1, 1, u);
        x = &system.a * &x + (&system.b * &u).column(0);
        (&system.c * &x)[0] + (&system.d * &u)[0]
    };
    inputs.iter().map(step).collect()
}
