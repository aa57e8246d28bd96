//! The experiment of the page `nplr`.

use std::error::Error;

use clap::ValueEnum;
use math_foundations::eigendecomposition::{eigendecomposition, eigenvalues};
use nalgebra::{Complex, DMatrix};
use s4::hippo::Measure;
use s4::nplr::Nplr;

use super::count;

/// A measure by its name on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    Legs,
    Legt,
    Fout,
    Lagt,
}

impl From<Name> for Measure {
    fn from(name: Name) -> Self {
        match name {
            Name::Legs => Self::LegS,
            Name::Legt => Self::LegT,
            Name::Fout => Self::FouT,
            Name::Lagt => Self::LagT,
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The memory that is taken apart
    #[arg(long, value_enum, default_value_t = Name::Legs)]
    measure: Name,
    /// N, how many numbers the state of the second table has
    #[arg(long, default_value_t = 8, value_parser = count(512), allow_negative_numbers = true)]
    d_state: usize,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let measure = Measure::from(options.measure);
    // Before anything is printed.
    let memory = Nplr::of(measure, options.d_state)?;
    accuracy(measure)?;
    println!();
    modes(measure, &memory)
}

fn accuracy(measure: Measure) -> Result<(), Box<dyn Error>> {
    println!("{}: A from its own eigenvectors, and A from those of S = A + PPᵀ", measure.name());
    println!();
    println!(
        "{:>5} {:>16} {:>14} {:>16} {:>14}",
        "N", "condition of V", "digits of A", "V*V - I, of S", "digits of A"
    );
    for d_state in [4, 8, 16, 32, 64] {
        let memory = Nplr::of(measure, d_state)?;
        let (condition, own) = own_eigenvectors(memory.a());
        let basis = memory.diagonalize()?;
        println!(
            "{d_state:>5} {condition:>16} {own:>14} {:>16.0e} {:>14}",
            basis.skewness(),
            digits(&(basis.rebuild() - memory.a()), memory.a())
        );
    }
    Ok(())
}

/// The condition number of A's eigenvectors, and what is left of A after a way through them.
fn own_eigenvectors(a: &DMatrix<f64>) -> (String, String) {
    let none = || ("none".to_owned(), "0".to_owned());
    let Ok(modes) = eigendecomposition(a) else { return none() };
    let condition = modes.condition_number();
    if !condition.is_finite() || condition * f64::EPSILON > 0.1 {
        return ("over 10^15".to_owned(), "0".to_owned());
    }
    let scaled = &modes.v * DMatrix::from_diagonal(&modes.lambda);
    // A V⁻¹ from the right: (V⁻ᵀ (VΛ)ᵀ)ᵀ.
    let Some(again) = modes.v.transpose().lu().solve(&scaled.transpose()) else { return none() };
    let again = again.transpose().map(|entry| entry.re);
    (format!("10^{:.0}", condition.log10()), digits(&(again - a), a))
}

/// Correct decimal digits, by the norm; beyond 14 the comparison itself is rounded.
fn digits(off: &DMatrix<f64>, a: &DMatrix<f64>) -> String {
    (-(off.norm() / a.norm()).log10()).floor().clamp(0.0, 14.0).to_string()
}

fn modes(measure: Measure, memory: &Nplr) -> Result<(), Box<dyn Error>> {
    let modes = memory.diagonalize()?.modes;
    let (d_state, rank) = (modes.d_state(), modes.rank());
    println!(
        "{} with N = {d_state}: {} modes of S kept, P of rank {rank}, σ = {:.3}",
        measure.name(),
        modes.lambda.len(),
        memory.sigma().abs()
    );
    println!();
    println!("{:>8} {:>24} {:>12} {:>12}", "stands", "", "", "");
    println!("{:>8} {:>24} {:>12} {:>12}", "for", "λ", "|V*P|", "|V*B|");
    for n in 0..modes.lambda.len().min(8) {
        println!(
            "{:>8} {:>24} {:>12.6} {:>12.6}",
            modes.weight[n],
            signed(modes.lambda[n]),
            modes.p.row(n).norm(),
            modes.b[n].norm()
        );
    }
    if modes.lambda.len() > 8 {
        println!("{:>8} {:>24} {:>12} {:>12}", "…", "…", "…", "…");
    }
    println!();
    if d_state <= 12 {
        let plus = memory.normal() + memory.p() * memory.p().transpose();
        let rightmost = |a: &DMatrix<f64>| eigenvalues(a).map(|lambda| lambda[0].re);
        println!("Rightmost mode of S - PPᵀ: {:.4}", rightmost(memory.a())?);
        println!("Rightmost mode of S + PPᵀ: {:.4}", rightmost(&plus)?);
    }
    Ok(())
}

fn signed(lambda: Complex<f64>) -> String {
    // No -0.000000.
    let re = if lambda.re.abs() < 5e-7 { 0.0 } else { lambda.re };
    if lambda.im == 0.0 {
        return format!("{re:.6}");
    }
    format!("{re:.6} ± {:.6}i", lambda.im)
}
