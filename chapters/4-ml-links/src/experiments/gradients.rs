//! The experiment of the page `gradients`.

use std::error::Error;

use math_foundations::validation::positive;
use ml_links::gradients::{
    PushedSpring, central_difference, complex_step, forward_difference, gradients_in_segments,
    recurrence_gradients, states_backwards,
};
use ml_links::scans::scan_recurrence;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::count;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The step of the spring, in seconds
    #[arg(long, default_value_t = 0.4, allow_hyphen_values = true)]
    delta: f64,
    /// How many steps the last table takes
    #[arg(long, default_value_t = 10_000, value_parser = count(1 << 20), allow_negative_numbers = true)]
    length: usize,
    /// How much of its state the last table's recurrence keeps in a step
    #[arg(long, default_value_t = 0.9, allow_hyphen_values = true)]
    keep: f64,
    /// The seed of its inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    positive("the step", options.delta)?;
    if !(-1.0..=1.0).contains(&options.keep) {
        return Err(format!("expected --keep from -1 to 1, found {}", options.keep).into());
    }
    slopes_of_a_spring(options.delta)?;
    println!();
    which_step(options.delta)?;
    println!();
    memory(options)
}

/// Every gradient from one way back, and each once more by a difference of its own.
fn slopes_of_a_spring(delta: f64) -> Result<(), Box<dyn Error>> {
    let spring = PushedSpring::default();
    let (by_step, by_flow) = spring.gradients(delta)?;
    let steps = spring.u.len();
    println!(
        "A spring, {steps} pushes held for {delta} s; L = {:.6}. How L changes with …",
        spring.loss(delta)?
    );
    println!();
    println!("{:>16} {:>14} {:>16}", "", "one way back", "two runs each");
    let loss = |spring: PushedSpring, delta: f64| spring.loss(delta).unwrap_or(f64::NAN);
    let row = |name: &str, adjoint: f64, difference: f64| {
        println!("{name:>16} {adjoint:>14.7} {difference:>16.7}");
    };
    let slope = |f: &dyn Fn(f64) -> f64, x: f64| central_difference(f, x, 6e-6);
    let stiffness = |stiffness| loss(PushedSpring { stiffness, ..spring.clone() }, delta);
    row("stiffness", -by_flow.a[(1, 0)], slope(&stiffness, spring.stiffness));
    let damping = |damping| loss(PushedSpring { damping, ..spring.clone() }, delta);
    row("damping", -by_flow.a[(1, 1)], slope(&damping, spring.damping));
    row("Δ", by_flow.delta, slope(&|delta| loss(spring.clone(), delta), delta));
    for k in [0, 20, 38] {
        let push = |number: f64| {
            let mut u = spring.u.clone();
            u[k] = number;
            loss(PushedSpring { u, ..spring.clone() }, delta)
        };
        row(&format!("push {k}"), by_step.u[k][0], slope(&push, spring.u[k]));
    }
    Ok(())
}

/// How many digits of ∂L/∂Δ a difference gets right, for each length of its step.
fn which_step(delta: f64) -> Result<(), Box<dyn Error>> {
    let spring = PushedSpring::default();
    let exact = spring.gradients(delta)?.1.delta;
    println!("Right digits of ∂L/∂Δ by a difference with the step h");
    println!();
    println!("{:>8} {:>12} {:>12} {:>12}", "h", "one side", "both sides", "aside, ih");
    let loss = |delta: f64| spring.loss(delta).unwrap_or(f64::NAN);
    let aside = |delta| spring.loss(delta).unwrap_or_default();
    for power in [-2, -4, -5, -6, -8, -10, -12, -14, -16, -100] {
        let step = 10f64.powi(power);
        let slopes = [
            forward_difference(loss, delta, step),
            central_difference(loss, delta, step),
            complex_step(aside, delta, step),
        ];
        let [one, both, aside] = slopes.map(|slope| right_digits(slope, exact));
        println!("{:>8} {one:>12} {both:>12} {aside:>12}", format!("1e{power}"));
    }
    Ok(())
}

fn right_digits(found: f64, exact: f64) -> i32 {
    // Fourteen digits are what the gradient itself is sure of.
    let error = (found / exact - 1.0).abs().clamp(1e-14, 1.0);
    (-error.log10()).floor() as i32
}

/// What the way back keeps, what it computes again, and what is right afterwards.
fn memory(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { length, keep, seed, .. } = *options;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut noise = || (0..length).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f64>>();
    let (a, b, by_state) = (vec![keep; length], noise(), noise());
    let x = scan_recurrence(&a, &b, 0.0)?;
    let exact = recurrence_gradients(&a, &x, 0.0, &by_state)?.a;
    println!("{length} steps of x_k = {keep} x_(k-1) + b_k, and back");
    println!();
    println!("{:>24} {:>12} {:>12} {:>14}", "", "states kept", "steps taken", "right digits");
    let row = |way: &str, kept: usize, steps: usize, by_a: &[f64]| {
        let size = exact.iter().fold(0.0, |size: f64, g| size.max(g.abs()));
        let off = by_a.iter().zip(&exact).fold(0.0, |off: f64, (g, e)| off.max((g - e).abs()));
        println!("{way:>24} {kept:>12} {steps:>12} {:>14}", right_digits(1.0 + off / size, 1.0));
    };
    row("every state", length, length, &exact);
    let root = (length as f64).sqrt().round() as usize;
    for every in [root / 10, root, root * 10] {
        let (found, cost) = gradients_in_segments(&a, &b, 0.0, &by_state, every.max(1))?;
        row(&format!("one in {}", every.max(1)), cost.kept, cost.steps, &found.a);
    }
    let mut before = states_backwards(&a, &b, x[length - 1]);
    before.reverse();
    let lambda = recurrence_gradients(&a, &x, 0.0, &by_state)?.b;
    let by_a: Vec<f64> = lambda.iter().zip(&before).map(|(lambda, x)| lambda * x).collect();
    row("the last, run backwards", 1, 2 * length, &by_a);
    Ok(())
}
