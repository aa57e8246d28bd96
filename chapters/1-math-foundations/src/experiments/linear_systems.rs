//! The experiment of the page `linear_systems`.

use std::error::Error;

use clap::Args;
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::{
    classify_planar, dormand_prince, forced_response, free_response, rk4,
};
use math_foundations::validation;
use nalgebra::{DMatrix, DVector, Matrix2, dmatrix, dvector};

#[derive(Debug, Args)]
pub struct Options {
    /// How strong the damper is
    #[arg(long, default_value_t = 0.4, allow_hyphen_values = true)]
    damping: f64,
    /// How stiff the spring is
    #[arg(long, default_value_t = 1.0, allow_hyphen_values = true)]
    stiffness: f64,
    /// How hard it is pushed, from the start on
    #[arg(long, default_value_t = 1.0, allow_hyphen_values = true)]
    push: f64,
    /// Where and how fast it starts
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, default_values_t = [-1.0, 0.0])]
    x0: Vec<f64>,
    /// How long it is followed
    #[arg(long, default_value_t = 20.0, allow_hyphen_values = true)]
    duration: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { damping, stiffness, push, duration, .. } = *options;
    let a = dmatrix![0.0, 1.0; -stiffness, -damping];
    let b = dmatrix![0.0; 1.0];
    let x0 = DVector::from(options.x0.clone());
    validation::positive("the duration", duration)?;
    validation::length("x0", &x0, 2)?;

    let portrait = classify_planar(&Matrix2::new(0.0, 1.0, -stiffness, -damping))?;
    let lambda = eigenvalues(&a)?;
    println!(
        "q'' = -{stiffness} q - {damping} q' + u: a {portrait}, λ = {:.3}, {:.3}",
        lambda[0], lambda[1]
    );
    println!("u = {push} from t = 0 on, q(0) = {}, q'(0) = {}\n", x0[0], x0[1]);

    let x = shares(&a, &b, &x0, push, duration)?;
    println!("       t       free     forced      total");
    for [t, free, forced, total] in x {
        println!("{t:8.2} {free:10.6} {forced:10.6} {total:10.6}");
    }

    // The exact answer to the end in one step; small steps know nothing of exponentials.
    let whole = forced_response(&a, &b, &x0, &[dvector![push]], duration)?;
    let exact = &whole.states[1];
    let f = |_: f64, x: &DVector<f64>| &a * x + b.column(0) * push;

    println!("\n Runge-Kutta steps   error at the end   shrunk by");
    let mut before = None;
    // As many steps as would be 0.4 long, then twice as many, and so on.
    let coarse = (duration / 0.4).ceil().clamp(1.0, 20_000.0) as usize;
    for steps in [1, 2, 4, 8, 16].map(|finer| finer * coarse) {
        // Steps that are too long for the fastest decay explode.
        let Ok(end) = rk4(f, &x0, duration, steps) else {
            println!("{steps:18}           overflow");
            continue;
        };
        let error = (&end.states[steps] - exact).amax();
        let shrunk =
            before.map_or_else(String::new, |before: f64| format!("{:.1}", before / error));
        println!("{steps:18} {error:18.1e} {shrunk:>11}");
        before = Some(error);
    }

    println!("\n tolerance   steps   refused   evaluations   error at the end   error / tolerance");
    for tolerance in [1e-3, 1e-5, 1e-7, 1e-9] {
        let path = dormand_prince(f, &x0, (0.0, duration), tolerance)?;
        let end = path.at(duration)?;
        let error = (end - exact).amax();
        println!(
            "{tolerance:10.0e} {:7} {:9} {:13} {error:18.1e} {:19.2}",
            path.accepted(),
            path.rejected(),
            path.evaluations(),
            error / tolerance,
        );
    }
    Ok(())
}

/// At a few times: what is left of the start, what the push has made, and both together.
fn shares(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    x0: &DVector<f64>,
    push: f64,
    duration: f64,
) -> Result<Vec<[f64; 4]>, Box<dyn Error>> {
    let (rows, delta) = (8, duration / 8.0);
    let u = vec![dvector![push]; rows];
    let rest = DVector::zeros(x0.len());
    let total = forced_response(a, b, x0, &u, delta)?;
    let forced = forced_response(a, b, &rest, &u, delta)?;
    let free = free_response(a, x0, &total.times)?;
    let row =
        |k: usize| [total.times[k], free.states[k][0], forced.states[k][0], total.states[k][0]];
    Ok((0..=rows).map(row).collect())
}
