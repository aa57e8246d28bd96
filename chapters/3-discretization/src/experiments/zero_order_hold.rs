//! The experiment of the page `zero_order_hold`.

use std::error::Error;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::sampling::Recurrence;
use discretization::zero_order_hold::{
    b_bar_by_inverse, expm1_ratio, first_order_hold, zero_order_hold,
};
use math_foundations::linear_systems::variation_of_constants;
use math_foundations::validation::{non_negative, positive};
use nalgebra::{DVector, dmatrix, dvector};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The step, in seconds, with which the springs are pushed
    #[arg(long, default_value_t = 1.0, allow_hyphen_values = true)]
    delta: f64,
    /// How stiff the springs are
    #[arg(long, value_delimiter = ',', default_values_t = [1.0, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15, 0.0])]
    stiffness: Vec<f64>,
    /// How fast the push of the last table swings, in radians a second
    #[arg(long, default_value_t = 1.0, allow_hyphen_values = true)]
    omega: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    positive("the step", options.delta)?;
    positive("omega", options.omega)?;
    weaker_and_weaker_springs(options)?;
    println!();
    one_mode();
    println!();
    a_staircase_and_a_sine(options.omega)
}

fn spring(stiffness: f64, damping: f64) -> Result<StateSpace<Continuous>, Box<dyn Error>> {
    let (a, b) = (dmatrix![0.0, 1.0; -stiffness, -damping], dmatrix![0.0; 1.0]);
    Ok(StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0])?)
}

/// The textbook's B̄ and the block's, against a sum over Gauss points.
fn weaker_and_weaker_springs(options: &Options) -> Result<(), Box<dyn Error>> {
    let delta = options.delta;
    println!("x'' + 2 x' + k x = u, u held for {delta} s: correct digits of B̄");
    println!();
    println!("{:>8} {:>14} {:>14}", "k", "A⁻¹(Ā - I)B", "one block");
    for &stiffness in &options.stiffness {
        non_negative("the stiffness", stiffness)?;
        let system = spring(stiffness, 2.0)?;
        let (a, b) = (system.a(), system.b());
        let step = zero_order_hold(&system, delta)?;
        let rest = DVector::zeros(2);
        let exact = variation_of_constants(a, b, &rest, |_| dvector![1.0], delta, 20)?;
        let wrong = |found: &DVector<f64>| digits((found - &exact).norm() / exact.norm());
        let textbook = match b_bar_by_inverse(a, b, &step.a_bar) {
            Some(b_bar) => wrong(&b_bar.column(0).into_owned()),
            None => "no inverse".to_owned(),
        };
        let block = wrong(&step.b_bar_previous.column(0).into_owned());
        println!("{stiffness:>8.0e} {textbook:>14} {block:>14}");
    }
    Ok(())
}

/// (e^z - 1)/z as it is written, and as it is computed.
fn one_mode() {
    println!("One mode, z = Δλ: (e^z - 1)/z");
    println!();
    println!("{:>8} {:>16} {:>20}", "z", "as written", "expm1_ratio");
    for exponent in [0, -2, -4, -8, -12, -16, -20] {
        let z = -(10f64.powi(exponent));
        println!("{z:>8.0e} {:>16.12} {:>20.16}", (z.exp() - 1.0) / z + 0.0, expm1_ratio(z));
    }
    println!("{:>8} {:>16} {:>20.16}", 0, "0/0", expm1_ratio(0.0));
}

/// The largest distance of a held spring from the true one, under a held and under a smooth push.
fn a_staircase_and_a_sine(omega: f64) -> Result<(), Box<dyn Error>> {
    println!("x'' + 0.4 x' + x = u over 12 s: how far x is off at the ticks");
    println!();
    println!("{:>8} {:>16} {:>30}", "", "u a staircase", format!("u = sin {omega} t"));
    println!("{:>8} {:>16} {:>14} {:>15}", "Δ", "held", "held", "straight lines");
    let system = spring(1.0, 0.4)?;
    for delta in [1.2, 0.6, 0.3, 0.15, 0.075] {
        let (hold, lines) = (zero_order_hold(&system, delta)?, first_order_hold(&system, delta)?);
        // The staircase of the figure: its stairs are 1.2 s wide, so that each Δ divides them.
        let stairs = |t: f64| dvector![[1.0, 0.4, -0.8, -0.2, 0.9][(t / 1.2 + 1e-9) as usize % 5]];
        let sine = |t: f64| dvector![(omega * t).sin()];
        println!(
            "{delta:>8} {:>16} {:>14.6} {:>15.6}",
            power_of_ten(off(&system, &hold, stairs)?),
            off(&system, &hold, sine)?,
            off(&system, &lines, sine)?,
        );
    }
    Ok(())
}

/// The largest error of x over 12 seconds from rest, at the ticks.
fn off(
    system: &StateSpace<Continuous>,
    rule: &Recurrence,
    u: impl Fn(f64) -> DVector<f64>,
) -> Result<f64, Box<dyn Error>> {
    let steps = (12.0 / rule.delta).round() as usize;
    let inputs: Vec<DVector<f64>> = (0..=steps).map(|k| u(k as f64 * rule.delta)).collect();
    let mut exact = DVector::zeros(system.d_state());
    let found = rule.run(&exact, &inputs[0], &inputs[1..])?;
    let mut worst = 0.0f64;
    for (k, x) in found.iter().enumerate() {
        let push = |tau: f64| u(k as f64 * rule.delta + tau);
        exact = variation_of_constants(system.a(), system.b(), &exact, push, rule.delta, 4)?;
        worst = worst.max((x[0] - exact[0]).abs());
    }
    Ok(worst)
}

/// An error is rounding, and only its size means something.
fn power_of_ten(error: f64) -> String {
    if error == 0.0 { "0".to_owned() } else { format!("1e{}", error.log10().round()) }
}

/// How many decimal digits are right; the fifteenth of an `f64` is a matter of luck.
fn digits(error: f64) -> String {
    (-error.log10()).floor().clamp(0.0, 14.0).to_string()
}
