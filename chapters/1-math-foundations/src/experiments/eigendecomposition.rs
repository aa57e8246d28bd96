//! The experiment of the page `eigendecomposition`.

use std::error::Error;
use std::f64::consts::{LN_2, TAU};

use math_foundations::eigendecomposition::{
    EigenError, Eigendecomposition, eigendecomposition, eigenvalues, power_iteration,
};
use math_foundations::validation::positive;
use nalgebra::{Complex, DMatrix, DVector, dmatrix};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The dampings d of the spring x'' + d x' + x = 0
    #[arg(long, value_delimiter = ',', default_values_t = [0.4, 1.9, 2.0, 2.1, 2.5])]
    damping: Vec<f64>,
    /// The size of the Jordan block that is disturbed
    #[arg(long, default_value_t = 16)]
    size: usize,
    /// Shows the modes of this matrix instead, rows between semicolons: "0 1; -1 -0.4"
    #[arg(long, allow_hyphen_values = true)]
    matrix: Option<String>,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(text) = &options.matrix {
        show_modes(&eigendecomposition(&parse(text)?)?);
        return Ok(());
    }
    springs(&options.damping)?;
    println!();
    disturbed_jordan_block(options.size)
}

/// One line a damping.
fn springs(dampings: &[f64]) -> Result<(), Box<dyn Error>> {
    println!("The spring x'' + d x' + x = 0: its modes, and what power iteration says");
    println!(
        "{:>8}  {:>16}  {:>16}  {:>9}  {:>8}  {:>7}  {:>12}",
        "d", "λ₁", "λ₂", "halves in", "turns in", "κ(V)", "power steps"
    );
    for &damping in dampings {
        let a = dmatrix![0.0, 1.0; -1.0, -damping];
        let modes = eigendecomposition(&a)?;
        let (first, second) = (modes.lambda[0], modes.lambda[1]);
        let turns = if first.im == 0.0 { "-".into() } else { format!("{:.1}", TAU / first.im) };
        let start = DVector::from_vec(vec![1.0, 0.0]);
        let steps = match power_iteration(&a, &start, 10_000, 1e-9) {
            Ok(mode) => mode.steps.to_string(),
            Err(EigenError::NoConvergence { .. }) => "none settles".into(),
            Err(error) => return Err(error.into()),
        };
        println!(
            "{damping:>8}  {:>16}  {:>16}  {:>9}  {turns:>8}  {:>7}  {steps:>12}",
            complex(first),
            complex(second),
            format!("{:.1}", LN_2 / -first.re),
            condition(&modes),
        );
    }
    Ok(())
}

/// The eigenvalue 0, N times: how far a small number in the corner drives it apart.
fn disturbed_jordan_block(size: usize) -> Result<(), Box<dyn Error>> {
    positive("the size", size as f64)?;
    println!("A Jordan block of size {size}, its {size} eigenvalues 0, with ε in the corner");
    println!("{:>7}  {:>10}  {:>10}", "ε", format!("ε^(1/{size})"), "found |λ|");
    for exponent in [-4, -8, -12, -16] {
        let epsilon = 10_f64.powi(exponent);
        let mut a = DMatrix::zeros(size, size);
        for k in 1..size {
            a[(k - 1, k)] = 1.0;
        }
        a[(size - 1, 0)] += epsilon;
        let radius = epsilon.powf(1.0 / size as f64);
        let found = eigenvalues(&a)?.map(Complex::norm).max();
        println!("{epsilon:>7.0e}  {radius:>10.4}  {found:>10.4}");
    }
    Ok(())
}

/// One line a mode: its eigenvalue and its direction.
fn show_modes(modes: &Eigendecomposition) {
    println!("{:>18}  direction", "λ");
    for (lambda, v) in modes.lambda.iter().zip(modes.v.column_iter()) {
        let entries: Vec<String> = v.iter().map(|&entry| complex(entry)).collect();
        println!("{:>18}  {}", complex(*lambda), entries.join("  "));
    }
    println!("κ(V) = {}", condition(modes));
}

fn parse(text: &str) -> Result<DMatrix<f64>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for row in text.split(';') {
        let entries = row.split([' ', ',']).filter(|entry| !entry.is_empty());
        let entries: Result<Vec<f64>, _> = entries
            .map(|entry| entry.parse().map_err(|_| format!("expected a number, found {entry}")))
            .collect();
        rows.push(entries?);
    }
    let columns = rows[0].len();
    match rows.iter().find(|row| row.len() != columns) {
        None => Ok(DMatrix::from_row_slice(rows.len(), columns, &rows.concat())),
        Some(row) => Err(format!(
            "expected rows of {columns} entries like the first, found one of {}",
            row.len()
        )
        .into()),
    }
}

fn complex(z: Complex<f64>) -> String {
    if z.im == 0.0 {
        return format!("{:.4}", z.re);
    }
    let sign = if z.im < 0.0 { '-' } else { '+' };
    format!("{:.4} {sign} {:.4}i", z.re, z.im.abs())
}

/// The condition number of V; beyond 1e15 its digits are rounding noise.
fn condition(modes: &Eigendecomposition) -> String {
    match modes.condition_number() {
        value if value > 1e15 => "> 1e15".into(),
        value if value > 1e4 => format!("{value:.1e}"),
        value => format!("{value:.1}"),
    }
}
