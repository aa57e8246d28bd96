//! The experiment of the page `stability`.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::stability::{
    LyapunovCertificate, RouthArray, StabilityError, TransientGrowth, characteristic_polynomial,
    discrete_lyapunov_residual, discrete_stability_verdict, lyapunov_certificate,
    lyapunov_certificate_discrete, lyapunov_residual, numerical_abscissa, routh_array,
    routh_array_discrete, solve_lyapunov_doubling, solve_lyapunov_kronecker, solve_lyapunov_schur,
    spectral_abscissa, spectral_radius, stability_verdict, transient_growth,
    transient_growth_discrete,
};
use math_foundations::validation::InputError;
use nalgebra::{Complex, DMatrix, dmatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use workbench::plot::Plot;
use workbench::svg::Role;

#[derive(Debug, Args)]
pub struct Options {
    /// A matrix with a name
    #[arg(value_enum, default_value_t = Named::Spring)]
    matrix: Named,
    /// A matrix of your own, rows apart by semicolons: "0,1;-1,-0.4"
    #[arg(long, allow_hyphen_values = true)]
    a: Option<String>,
    /// Judge the steps x_k = A x_{k-1} instead of the flow x' = Ax
    #[arg(long)]
    discrete: bool,
    /// How long to watch the growth: seconds, or steps
    #[arg(long)]
    horizon: Option<f64>,
    /// Draw the growth, too
    #[arg(long)]
    plot: bool,
    /// Time the solvers of the Lyapunov equation instead, on random stable matrices
    #[arg(long)]
    time: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Named {
    /// A mass on a spring with a damper, 0 1; -1 -0.4
    Spring,
    /// The same without the damper, 0 1; -1 0
    Undamped,
    /// A mass on nothing, 0 1; 0 0
    Drift,
    /// A pendulum on its head, 0 1; 1 -0.4
    Upright,
    /// Negative eigenvalues far from normal, -1 10; 0 -2
    Shear,
}

impl Named {
    fn matrix(self) -> DMatrix<f64> {
        match self {
            Self::Spring => dmatrix![0.0, 1.0; -1.0, -0.4],
            Self::Undamped => dmatrix![0.0, 1.0; -1.0, 0.0],
            Self::Drift => dmatrix![0.0, 1.0; 0.0, 0.0],
            Self::Upright => dmatrix![0.0, 1.0; 1.0, -0.4],
            Self::Shear => dmatrix![-1.0, 10.0; 0.0, -2.0],
        }
    }
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.time {
        return compare_solvers();
    }
    let a = match &options.a {
        Some(text) => parse(text)?,
        None => options.matrix.matrix(),
    };
    let growth = if options.discrete {
        judge_steps(&a, options.horizon)?
    } else {
        judge_flow(&a, options.horizon)?
    };
    if options.plot {
        println!();
        println!("{}", draw(&growth).to_terminal(72, 14));
    }
    Ok(())
}

fn judge_flow(a: &DMatrix<f64>, horizon: Option<f64>) -> Result<TransientGrowth, Box<dyn Error>> {
    line("x' = Ax, A", in_rows(a));
    let alpha = spectral_abscissa(a)?;
    line("eigenvalues", spectrum(a)?);
    line("largest real part", number(alpha));
    line("verdict", stability_verdict(a)?);
    println!();

    let table = routh_array(&characteristic_polynomial(a)?)?;
    routh(&table, ["left", "on the axis", "right"]);
    println!();

    let identity = DMatrix::identity(a.nrows(), a.nrows());
    let energy = lyapunov_certificate(a, &identity);
    certificate(&energy, |p| lyapunov_residual(&a.transpose(), p, &identity))?;
    println!();

    let horizon = horizon.unwrap_or(if alpha < -0.1 { 8.0 / -alpha } else { 20.0 });
    let growth = transient_growth(a, horizon, 2_000)?;
    line("‖e^{At}‖ at first rises by", number(numerical_abscissa(a)?));
    report(&growth, energy.as_ref().ok(), "t");
    Ok(growth)
}

fn judge_steps(a: &DMatrix<f64>, horizon: Option<f64>) -> Result<TransientGrowth, Box<dyn Error>> {
    line("x_k = A x_{k-1}, A", in_rows(a));
    line("eigenvalues", spectrum(a)?);
    line("largest modulus", number(spectral_radius(a)?));
    line("verdict", discrete_stability_verdict(a)?);
    println!();

    let table = routh_array_discrete(&characteristic_polynomial(a)?)?;
    routh(&table, ["inside", "on the circle", "outside"]);
    println!();

    let identity = DMatrix::identity(a.nrows(), a.nrows());
    let energy = lyapunov_certificate_discrete(a, &identity);
    certificate(&energy, |p| discrete_lyapunov_residual(&a.transpose(), p, &identity))?;
    println!();

    let steps = horizon.unwrap_or(100.0);
    if !(1.0..=1e6).contains(&steps) {
        let expected = "between 1 and a million steps";
        let value = steps.to_string();
        return Err(InputError::OutOfRange { name: "the horizon", expected, value }.into());
    }
    let growth = transient_growth_discrete(a, steps as usize)?;
    report(&growth, energy.as_ref().ok(), "k");
    Ok(growth)
}

fn line(name: &str, value: impl std::fmt::Display) {
    println!("{name:<28} {value}");
}

fn spectrum(a: &DMatrix<f64>) -> Result<String, Box<dyn Error>> {
    let words: Vec<String> = eigenvalues(a)?.iter().map(complex).collect();
    Ok(words.join(", "))
}

fn complex(z: &Complex<f64>) -> String {
    match number(z.im).as_str() {
        "0" => number(z.re),
        _ if z.im < 0.0 => format!("{} - {}i", number(z.re), number(-z.im)),
        im => format!("{} + {im}i", number(z.re)),
    }
}

/// At most four decimals and no minus in front of a zero; powers of ten for what is too large.
fn number(value: f64) -> String {
    if value.abs() < 5e-5 {
        return "0".to_owned();
    }
    if value.abs() >= 1e6 {
        return format!("{value:.3e}");
    }
    let decimals = format!("{value:.4}");
    decimals.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn in_rows(matrix: &DMatrix<f64>) -> String {
    let rows: Vec<String> = matrix
        .row_iter()
        .map(|row| row.iter().map(|&entry| number(entry)).collect::<Vec<_>>().join(", "))
        .collect();
    format!("[{}]", rows.join("; "))
}

fn routh(table: &RouthArray, [stable, boundary, unstable]: [&str; 3]) {
    let column: Vec<String> = table.first_column().into_iter().map(number).collect();
    line("Routh's first column", column.join(", "));
    line(
        "roots, by its signs",
        format!(
            "{} {stable}, {} {boundary}{}, {} {unstable}",
            table.stable(),
            table.on_boundary,
            if table.repeated_on_boundary { " (a multiple one)" } else { "" },
            table.unstable
        ),
    );
}

fn certificate(
    energy: &Result<LyapunovCertificate, StabilityError>,
    residual: impl Fn(&DMatrix<f64>) -> Result<f64, StabilityError>,
) -> Result<(), StabilityError> {
    match energy {
        Ok(energy) => {
            line("an energy xᵀPx, P", in_rows(&energy.p));
            line("residual of its equation", format_args!("{:.0e}", residual(&energy.p)?));
        }
        Err(StabilityError::NotStable { .. } | StabilityError::NotStableDiscrete { .. }) => {
            line("an energy xᵀPx, P", "there is none");
        }
        Err(other) => return Err(other.clone()),
    }
    Ok(())
}

fn report(growth: &TransientGrowth, energy: Option<&LyapunovCertificate>, time: &str) {
    let (at, peak) = growth.peak();
    line("largest growth seen", format_args!("{} at {time} = {}", number(peak), number(at)));
    if let Some(energy) = energy {
        line("the energy allows at most", number(energy.growth_bound()));
    }
    if let (Some(&last), Some(&norm)) = (growth.times.last(), growth.norms.last()) {
        line("left at the end", format_args!("{} at {time} = {}", number(norm), number(last)));
    }
}

fn draw(growth: &TransientGrowth) -> Plot {
    let points: Vec<(f64, f64)> =
        growth.times.iter().copied().zip(growth.norms.iter().copied()).collect();
    Plot::new("The largest growth of any state").line(Role::State, "", &points)
}

/// "0,1;-1,-0.4": entries apart by commas or spaces, rows by semicolons.
fn parse(text: &str) -> Result<DMatrix<f64>, InputError> {
    let refuse = |expected, value: &str| InputError::OutOfRange {
        name: "A",
        expected,
        value: format!("\"{value}\""),
    };
    let mut rows = Vec::new();
    for row in text.split(';') {
        let entries = row.split([',', ' ']).filter(|entry| !entry.is_empty());
        let numbers: Result<Vec<f64>, _> = entries
            .map(|entry| {
                entry.parse().map_err(|_| refuse("rows of numbers, as in \"0,1;-1,-0.4\"", entry))
            })
            .collect();
        rows.push(numbers?);
    }
    let columns = rows[0].len();
    if rows.iter().any(|row| row.len() != columns) {
        return Err(refuse("rows of one length, as in \"0,1;-1,-0.4\"", text));
    }
    Ok(DMatrix::from_fn(rows.len(), columns, |row, column| rows[row][column]))
}

fn compare_solvers() -> Result<(), Box<dyn Error>> {
    println!("A X + X Aᵀ + I = 0 for random stable A: milliseconds, the best of several runs");
    println!();
    println!(
        "{:>5} {:>11} {:>10} {:>9} {:>10} {:>9}",
        "N", "Kronecker", "Schur", "residual", "doubling", "residual"
    );
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for n in [2, 4, 8, 16, 32, 64, 128, 256] {
        let g = DMatrix::from_fn(n, n, |_, _| random.random_range(-1.0..1.0));
        let a = &g - DMatrix::from_diagonal_element(n, n, spectral_abscissa(&g)? + 0.3);
        let q = DMatrix::identity(n, n);
        let kronecker = if n <= 16 {
            format!("{:.4}", best(|| solve_lyapunov_kronecker(&a, &q))?)
        } else {
            "-".to_owned()
        };
        let residual = |x: &DMatrix<f64>| lyapunov_residual(&a, x, &q);
        println!(
            "{n:>5} {kronecker:>11} {:>10.4} {:>9.0e} {:>10.4} {:>9.0e}",
            best(|| solve_lyapunov_schur(&a, &q))?,
            residual(&solve_lyapunov_schur(&a, &q)?)?,
            best(|| solve_lyapunov_doubling(&a, &q))?,
            residual(&solve_lyapunov_doubling(&a, &q)?)?,
        );
    }
    Ok(())
}

/// The shortest of several runs, in milliseconds.
fn best<T, E>(solve: impl Fn() -> Result<T, E>) -> Result<f64, E> {
    let began = Instant::now();
    let mut shortest = Duration::MAX;
    for run in 0.. {
        if run >= 3 && began.elapsed() > Duration::from_millis(200) {
            break;
        }
        let start = Instant::now();
        black_box(solve()?);
        shortest = shortest.min(start.elapsed());
    }
    Ok(1e3 * shortest.as_secs_f64())
}
