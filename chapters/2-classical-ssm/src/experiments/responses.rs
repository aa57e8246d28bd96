//! The experiment of the page `responses`.

use std::error::Error;

use classical_ssm::responses::{ResponseError, servo, step_figures, step_response};
use classical_ssm::state_space::{Continuous, StateSpace};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::rk4;
use nalgebra::DVector;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Volts for each radian that the angle lacks
    #[arg(long, value_delimiter = ',', default_values_t = [0.5, 1.0, 2.0, 5.0, 10.0, 40.0, 60.0])]
    gains: Vec<f64>,
    /// Of the winding in the second table, in henry
    #[arg(long, default_value_t = 2e-6)]
    inductance: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    figures(&options.gains)?;
    println!();
    stiff(options.inductance)
}

/// The figures of merit of the servo, for each gain.
fn figures(gains: &[f64]) -> Result<(), Box<dyn Error>> {
    println!(
        "A motor is told to turn by one radian: it gets `gain` volts for each radian it lacks"
    );
    println!();
    println!("gain [V/rad]   rise [ms]   overshoot [%]   peak at [ms]   settled after [ms]");
    for &gain in gains {
        match step_figures(&servo(gain, 2e-3)?) {
            Ok(figures) => println!(
                "{gain:>12} {:>11.3} {:>15.3} {:>14} {:>20.3}",
                1e3 * figures.rise_time,
                1e2 * figures.overshoot,
                figures.peak_time.map_or("-".to_owned(), |t| format!("{:.3}", 1e3 * t)),
                1e3 * figures.settling_time,
            ),
            Err(ResponseError::NotSettling { .. }) => println!("{gain:>12}   never settles"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The same servo with a winding that forgets fast: small steps, and the exponential.
fn stiff(inductance: f64) -> Result<(), Box<dyn Error>> {
    let system = servo(5.0, inductance)?;
    let fastest = eigenvalues(system.a())?.iter().fold(0.0, |most: f64, z| z.norm().max(most));
    let end = 0.01;
    let exact = step_response(&system, &[end])?.outputs[0][0];
    println!(
        "gain 5, a winding of {inductance:e} H: its fastest mode fades at a rate of {fastest:.4e} /s"
    );
    println!("the angle after 10 ms: {exact:.9} rad");
    println!();
    println!("computed by                              relative error");
    let edge = end * fastest / 2.785;
    for part in [0.3, 0.9, 0.99, 1.01, 1.1, 3.0] {
        let steps = (part * edge).round().max(1.0) as usize;
        let error = (walk(&system, end, steps) - exact).abs() / exact;
        println!("{:<40} {:>14}", format!("{steps} Runge-Kutta steps"), power_of_ten(error));
    }
    let grid: Vec<f64> = (0..=10).map(|k| end * f64::from(k) / 10.0).collect();
    let along = step_response(&system, &grid)?.outputs[10][0];
    println!(
        "{:<40} {:>14}",
        "10 exact steps, one exponential",
        power_of_ten((along - exact).abs() / exact)
    );
    Ok(())
}

/// The angle at the end, infinite where it ran away.
fn walk(system: &StateSpace<Continuous>, end: f64, steps: usize) -> f64 {
    let derivative = |_: f64, x: &DVector<f64>| system.a() * x + system.b().column(0);
    rk4(derivative, &DVector::zeros(3), end, steps)
        .map_or(f64::INFINITY, |path| path.last().map_or(0.0, |x| x[0]))
}

/// An error is rounding, and only its size means something.
fn power_of_ten(error: f64) -> String {
    match error {
        0.0 => "0".to_owned(),
        _ if error > 1e100 => "beyond 1e100".to_owned(),
        _ => format!("1e{}", error.log10().round()),
    }
}
