//! The experiment of the page `bilinear`.

use std::error::Error;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::bilinear::{
    bilinear, bilinear_factor, generalized_bilinear, prewarped_bilinear, warped,
};
use discretization::sampling::Recurrence;
use math_foundations::linear_systems::forced_response;
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::state_representations::mass_spring_damper;
use math_foundations::validation::positive;
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The step Δ of the table of frequencies, in seconds
    #[arg(long, default_value_t = 0.8)]
    delta: f64,
    /// The frequency that prewarping makes exact, in radians a second
    #[arg(long, default_value_t = 2.0)]
    omega: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    positive("Δ", options.delta)?;
    factors();
    println!();
    frequencies(options.delta, options.omega)?;
    println!();
    weights()?;
    println!();
    family()
}

/// What one step makes of a mode.
fn factors() {
    println!("What a step makes of a mode e^(λt): the size of its factor");
    println!(
        "{:>12} {:>10} {:>10} {:>10} {:>10}",
        "λΔ", "exact", "forward", "bilinear", "backward"
    );
    for (name, z) in [
        ("-0.1", Complex::new(-0.1, 0.0)),
        ("-1", Complex::new(-1.0, 0.0)),
        ("-10", Complex::new(-10.0, 0.0)),
        ("-1000", Complex::new(-1000.0, 0.0)),
        ("0.1i", Complex::new(0.0, 0.1)),
        ("2i", Complex::new(0.0, 2.0)),
        ("-0.2+i", Complex::new(-0.2, 1.0)),
    ] {
        let [forward, bilinear, backward] =
            [0.0, 0.5, 1.0].map(|alpha| bilinear_factor(z, alpha).norm());
        println!(
            "{name:>12} {:>10.4} {forward:>10.4} {bilinear:>10.4} {backward:>10.4}",
            z.exp().norm()
        );
    }
}

/// Where the frequencies of a flow are found again, and how far the answers at one frequency are off.
fn frequencies(delta: f64, omega: f64) -> Result<(), Box<dyn Error>> {
    // Rings at 2 radians a second.
    let parts = mass_spring_damper(1.0, 0.2, 4.0)?;
    let flow = StateSpace::continuous(parts.a, parts.b, parts.c, parts.d)?;
    let steps = bilinear(&flow, delta)?;
    let exact = prewarped_bilinear(&flow, delta, omega)?;
    println!(
        "A spring that rings at ω = 2, in steps of {delta} s: the size of its answer to a wave"
    );
    println!("{:>6} {:>10} {:>9} {:>10} {:>12}", "ω", "moved to", "flow", "bilinear", "prewarped");
    for omega in [0.5, 1.0, 1.5, 1.7, 2.0, 2.5, 3.0] {
        let s = Complex::new(0.0, omega);
        let answer = |rule: &Recurrence| -> Result<f64, Box<dyn Error>> {
            Ok(rule.transfer((s * delta).exp())?[(0, 0)].norm())
        };
        let of_flow = (s * s + 0.2 * s + 4.0).inv().norm();
        println!(
            "{omega:>6.2} {:>10.4} {of_flow:>9.4} {:>10.4} {:>12.4}",
            warped(omega, delta),
            answer(&steps)?,
            answer(&exact)?
        );
    }
    Ok(())
}

fn spring() -> Result<StateSpace<Continuous>, Box<dyn Error>> {
    let parts = mass_spring_damper(1.0, 0.4, 1.0)?;
    Ok(StateSpace::continuous(parts.a, parts.b, parts.c, parts.d)?)
}

/// Errors at 6 seconds with two weights and with one, for an input that changes and one that is held.
fn weights() -> Result<(), Box<dyn Error>> {
    println!("The damped spring after 6 seconds: the error, and what half the step leaves of it");
    println!(
        "{:>9} {:>20} {:>20} {:>20}",
        "Δ", "a sine, two weights", "a sine, one", "a held input, one"
    );
    let mut before: Option<[f64; 3]> = None;
    for count in [60u32, 120, 240, 480] {
        let delta = 6.0 / f64::from(count);
        let two = bilinear(&spring()?, delta)?;
        let one = Recurrence {
            b_bar: &two.b_bar + &two.b_bar_previous,
            b_bar_previous: DMatrix::zeros(2, 1),
            ..two.clone()
        };
        let errors = [sine_error(&two, count)?, sine_error(&one, count)?, held_error(&one, count)?];
        print!("{delta:>9.4}");
        for (column, error) in errors.iter().enumerate() {
            let ratio = before.map_or(String::new(), |b| format!("{:.3}", error / b[column]));
            print!(" {error:>13.3e} {ratio:>6}");
        }
        println!();
        before = Some(errors);
    }
    Ok(())
}

/// Pushed by sin(1.5 t), which the exact answer makes part of the flow.
fn sine_error(rule: &Recurrence, count: u32) -> Result<f64, Box<dyn Error>> {
    let whole = dmatrix![
        0.0, 1.0, 0.0, 0.0;
        -1.0, -0.4, 1.0, 0.0;
        0.0, 0.0, 0.0, 1.5;
        0.0, 0.0, -1.5, 0.0
    ];
    let exact = matrix_exponential(&(whole * 6.0))? * dvector![1.0, 0.0, 0.0, 1.0];
    let u: Vec<DVector<f64>> =
        (0..=count).map(|k| dvector![(1.5 * f64::from(k) * rule.delta).sin()]).collect();
    let states = rule.run(&dvector![1.0, 0.0], &u[0], &u[1..])?;
    Ok(states.last().map_or(0.0, |x| (x - exact.rows(0, 2)).norm()))
}

/// Pushed by six values, each held for a second.
fn held_error(rule: &Recurrence, count: u32) -> Result<f64, Box<dyn Error>> {
    let values: Vec<DVector<f64>> =
        [1.0, -0.5, 0.8, 0.0, -1.0, 0.3].map(|value| dvector![value]).to_vec();
    let flow = spring()?;
    let start = dvector![1.0, 0.0];
    let exact = forced_response(flow.a(), flow.b(), &start, &values, 1.0)?;
    let u: Vec<DVector<f64>> =
        (0..count).map(|k| values[(k * 6 / count) as usize].clone()).collect();
    let states = rule.run(&start, &dvector![0.0], &u)?;
    Ok(states.last().zip(exact.last()).map_or(0.0, |(x, exact)| (x - exact).norm()))
}

/// The order of each member of the family, and the largest |λ|Δ at which a mode that dies, dies.
fn family() -> Result<(), Box<dyn Error>> {
    println!(
        "The family: half the step leaves this of the error; stable up to this |λ|Δ on the real axis"
    );
    println!("{:>6} {:>10} {:>14}", "α", "", "|λ|Δ");
    let flow = spring()?;
    let exact = matrix_exponential(&(flow.a() * 6.0))?;
    for alpha in [0.0, 0.25, 0.45, 0.5, 0.55, 0.75, 1.0] {
        let error = |count: u32| -> Result<f64, Box<dyn Error>> {
            let rule = generalized_bilinear(&flow, 6.0 / f64::from(count), alpha)?;
            Ok((rule.a_bar.pow(count) - &exact).norm())
        };
        let edge = if alpha < 0.5 {
            format!("{:.2}", 2.0 / (1.0 - 2.0 * alpha))
        } else {
            "any".to_owned()
        };
        println!("{alpha:>6} {:>10.3} {edge:>14}", error(4000)? / error(2000)?);
    }
    Ok(())
}
