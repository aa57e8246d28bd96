//! The experiment of the page `exponential_integrators`.

use std::error::Error;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::exponential_integrators::{exponential_euler, exponential_trapezoidal};
use discretization::sampling::Recurrence;
use discretization::zero_order_hold::{expm1_ratio, first_order_hold, zero_order_hold};
use math_foundations::linear_systems::variation_of_constants;
use math_foundations::validation::positive;
use nalgebra::{DVector, dmatrix, dvector};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The step at which a B is fitted to the code's rule
    #[arg(long, default_value_t = 0.1, allow_hyphen_values = true)]
    fitted: f64,
    /// How fast the push of the last table swings, in radians a second
    #[arg(long, default_value_t = 2.0, allow_hyphen_values = true)]
    omega: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    positive("the fitted step", options.fitted)?;
    positive("omega", options.omega)?;
    how_much_of_a_held_input();
    println!();
    gates()?;
    println!();
    absorbed(options.fitted);
    println!();
    orders(options.omega)
}

/// B̄ / (ΔB) of one mode for four models, all on an input that does not change.
fn how_much_of_a_held_input() {
    println!("What a step of an unchanging input adds to a mode, in units of ΔB");
    println!();
    println!(
        "{:>7} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "z = Δλ", "exact: ZOH", "S4", "Mamba", "Mamba-3", "Mamba/exact"
    );
    for z in [-0.001f64, -0.01, -0.1, -0.5, -1.0, -1.6, -5.0, -20.0] {
        let exact = expm1_ratio(z);
        println!(
            "{z:>7} {exact:>12.6} {:>12.6} {:>12} {:>12.6} {:>12.6}",
            1.0 / (1.0 - z / 2.0),
            1,
            0.5 + 0.5 * z.exp(),
            1.0 / exact
        );
    }
}

/// Mamba's theorem 1: one mode, A = -1, B = 1, Δ = softplus(s).
fn gates() -> Result<(), Box<dyn Error>> {
    println!("A gate? A = -1, B = 1, Δ = softplus(s): weights of the old state and of the input");
    println!();
    println!("{:>4} {:>10} {:>10} {:>12} {:>12}", "s", "Δ", "old", "new: held", "new: code");
    let leak = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    for s in [-4.0f64, -2.0, 0.0, 2.0, 4.0] {
        let delta = s.exp().ln_1p();
        let (held, code) = (zero_order_hold(&leak, delta)?, exponential_euler(&leak, delta)?);
        println!(
            "{s:>4} {delta:>10.6} {:>10.6} {:>12.6} {:>12.6}",
            held.a_bar[0], held.b_bar_previous[0], code.b_bar[0]
        );
    }
    Ok(())
}

/// A B that absorbs the hold at one step, used at others.
fn absorbed(fitted: f64) {
    println!(
        "A B fitted so that the code's step is the held one at Δ = {fitted}, used at other steps:"
    );
    println!("its weight over the held one");
    println!();
    print!("{:>7}", "λ");
    let factors = [0.25, 0.5, 1.0, 2.0, 4.0];
    for factor in factors {
        print!(" {:>11}", format!("Δ = {}", factor * fitted));
    }
    println!();
    for lambda in [-1.0, -4.0, -16.0] {
        print!("{lambda:>7}");
        for factor in factors {
            let fit = expm1_ratio(fitted * lambda) / expm1_ratio(factor * fitted * lambda);
            print!(" {fit:>11.6}");
        }
        println!();
    }
}

/// The largest error over 10 seconds under a smooth push, and what a halved step makes of it.
fn orders(omega: f64) -> Result<(), Box<dyn Error>> {
    println!("x'' + 0.4 x' + x = cos {omega} t from rest: largest error over 10 s, and its order");
    println!();
    println!(
        "{:>7} {:>10} {:>15} {:>15} {:>15} {:>15}",
        "Δ", "λ = 1", "λ = 0.6", "λ = 1/2", "ZOH", "FOH"
    );
    let (a, b) = (dmatrix![0.0, 1.0; -1.0, -0.4], dmatrix![0.0; 1.0]);
    let spring = StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0])?;
    let mut before: Option<[f64; 5]> = None;
    for delta in [0.2, 0.1, 0.05, 0.025, 0.0125] {
        let errors = [
            off(&spring, &exponential_euler(&spring, delta)?, omega)?,
            off(&spring, &exponential_trapezoidal(&spring, delta, 0.6)?, omega)?,
            off(&spring, &exponential_trapezoidal(&spring, delta, 0.5)?, omega)?,
            off(&spring, &zero_order_hold(&spring, delta)?, omega)?,
            off(&spring, &first_order_hold(&spring, delta)?, omega)?,
        ];
        print!("{delta:>7}");
        for (index, error) in errors.iter().enumerate() {
            match before {
                Some(coarse) => print!(" {error:>10.2e} {:>4.2}", (coarse[index] / error).log2()),
                None if index + 1 == errors.len() => print!(" {error:>10.2e}"),
                None => print!(" {error:>10.2e}     "),
            }
        }
        println!();
        before = Some(errors);
    }
    Ok(())
}

/// The largest error of x over 10 seconds from rest under cos ωt, at the ticks.
fn off(
    system: &StateSpace<Continuous>,
    rule: &Recurrence,
    omega: f64,
) -> Result<f64, Box<dyn Error>> {
    let u = |t: f64| dvector![(omega * t).cos()];
    let steps = (10.0 / rule.delta).round() as usize;
    let inputs: Vec<DVector<f64>> = (0..=steps).map(|k| u(k as f64 * rule.delta)).collect();
    let mut exact = DVector::zeros(system.d_state());
    let found = rule.run(&exact, &inputs[0], &inputs[1..])?;
    let mut worst = 0.0f64;
    for (k, x) in found.iter().enumerate() {
        let push = |tau: f64| u(k as f64 * rule.delta + tau);
        exact = variation_of_constants(system.a(), system.b(), &exact, push, rule.delta, 2)?;
        worst = worst.max((x[0] - exact[0]).abs());
    }
    Ok(worst)
}
