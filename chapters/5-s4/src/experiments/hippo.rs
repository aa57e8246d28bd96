//! The experiment of the page `hippo`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::ValueEnum;
use discretization::accuracy_and_stability::Discretization;
use ml_links::parameterization::normal;
use ml_links::sequence_prediction::read_column;
use nalgebra::DVector;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use s4::hippo::{
    Clock, HippoError, HippoLegs, Measure, Memory, explain, random_memory, share_lost, three_waves,
};
use serde::Serialize;
use workbench::plot::Plot;
use workbench::svg::Role;

use super::count;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// What is drawn and written [default: legs, and all of them in the table]
    #[arg(long, value_enum)]
    measure: Option<Which>,
    /// What is remembered
    #[arg(long, value_enum, default_value_t, conflicts_with = "csv")]
    series: Series,
    /// A CSV file to remember instead
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Its column, by name or by number, counted from 1
    #[arg(long, requires = "csv", default_value = "1")]
    column: String,
    /// How many steps the series has
    #[arg(
        long,
        default_value_t = 2000,
        value_parser = count(20_000),
        allow_negative_numbers = true,
        conflicts_with = "csv"
    )]
    length: usize,
    /// How many steps a window has, over which all are judged [default: half of the series]
    #[arg(long, value_parser = count(20_000), allow_negative_numbers = true)]
    window: Option<usize>,
    /// How many numbers a memory has; the last of these is drawn
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = [8, 16, 32, 64],
        value_parser = count(256),
        allow_negative_numbers = true
    )]
    d_state: Vec<usize>,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints everything as JSON instead
    #[arg(long)]
    json: bool,
    /// Prints the table without the plot
    #[arg(long)]
    no_plots: bool,
    /// Writes the plot as SVG into this folder
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Legendre polynomials over all that has been
    Legs,
    /// Legendre polynomials over a window
    Legt,
    /// Waves over a window
    Fout,
    /// Laguerre polynomials, fading
    Lagt,
}

impl Which {
    fn measure(self) -> Measure {
        match self {
            Self::Legs => Measure::LegS,
            Self::Legt => Measure::LegT,
            Self::Fout => Measure::FouT,
            Self::Lagt => Measure::LagT,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Series {
    /// A sum of three
    #[default]
    Waves,
    /// Numbers that know nothing of one another
    Noise,
}

/// What one kind of memory has lost.
#[derive(Debug, Serialize)]
struct Row {
    memory: String,
    remembers: String,
    /// For each size; none where there is no such memory.
    lost: Vec<Option<f64>>,
}

#[derive(Debug, Serialize)]
struct Report {
    series: String,
    length: usize,
    window: usize,
    d_state: Vec<usize>,
    rows: Vec<Row>,
    /// The memory that is drawn, and what it says of the last window.
    drawn: Reading,
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct Reading {
    measure: &'static str,
    d_state: usize,
    truth: Vec<f64>,
    remembered: Vec<f64>,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (series, u) = series(options)?;
    let report = compare(options, series, &u)?;
    if let Some(folder) = &options.svg {
        let name = format!("{}-{}.svg", report.drawn.measure, report.drawn.d_state);
        let complain = |error| format!("cannot write into {}: {error}", folder.display());
        fs::create_dir_all(folder).map_err(complain)?;
        fs::write(folder.join(&name), plot(&report).to_svg()).map_err(complain)?;
        eprintln!("written: {}", folder.join(name).display());
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
        if !options.no_plots {
            println!();
            print!("{}", plot(&report).to_terminal(96, 14));
        }
    }
    Ok(())
}

/// What is to be remembered: its name and its values.
fn series(options: &Options) -> Result<(String, Vec<f64>), Box<dyn Error>> {
    if let Some(path) = &options.csv {
        let u = read_column(path, &options.column)?;
        if u.len() < 2 {
            return Err(format!("expected at least 2 values, found {}", u.len()).into());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Ok((format!("column {} of {name}", options.column), u));
    }
    Ok(match options.series {
        Series::Waves => ("three waves".to_owned(), three_waves(options.length)),
        Series::Noise => {
            let mut random = ChaCha8Rng::seed_from_u64(options.seed ^ 0x006e_6f69_7365);
            ("noise".to_owned(), (0..options.length).map(|_| normal(&mut random)).collect())
        }
    })
}

/// A memory that has followed a series, asked for its last steps.
type Follow<'a> = Box<dyn Fn(usize) -> Result<Vec<f64>, HippoError> + 'a>;

fn by_legs(u: &[f64], window: usize, clock: Clock) -> Follow<'_> {
    Box::new(move |d_state| {
        let mut memory = HippoLegs::with_clock(d_state, clock)?;
        u.iter().for_each(|&u_k| memory.push(u_k));
        Ok(memory.remembered(window))
    })
}

fn by_window(u: &[f64], window: usize, measure: Measure) -> Follow<'_> {
    Box::new(move |d_state| {
        let mut memory = Memory::new(measure, d_state, window as f64)?;
        u.iter().for_each(|&u_k| memory.push(u_k));
        Ok(memory.remembered(window))
    })
}

fn compare(options: &Options, series: String, u: &[f64]) -> Result<Report, Box<dyn Error>> {
    let window = options.window.unwrap_or(u.len() / 2).min(u.len());
    let truth = &u[u.len() - window..];
    let legs = |clock| by_legs(u, window, clock);
    let windowed = |measure| by_window(u, window, measure);
    let all = format!("all {} steps", u.len());
    let last = format!("the last {window}");
    let fading = format!("fading, 1/e at {window}");
    let memories: Vec<(Measure, &str, &str, Follow)> = vec![
        (Measure::LegS, "legs", all.as_str(), legs(Clock::Middle)),
        (Measure::LegS, "legs, 1/t at the end", all.as_str(), legs(Clock::End)),
        (Measure::LegS, "legs without 1/t", fading.as_str(), windowed(Measure::LegS)),
        (Measure::LegT, "legt", last.as_str(), windowed(Measure::LegT)),
        (Measure::FouT, "fout", last.as_str(), windowed(Measure::FouT)),
        (Measure::LagT, "lagt", fading.as_str(), windowed(Measure::LagT)),
    ];
    let chosen = options.measure.map(Which::measure);
    let mut rows = Vec::new();
    let mut drawn = None;
    for (measure, name, remembers, follow) in memories {
        if chosen.is_some_and(|chosen| chosen != measure) {
            continue;
        }
        let mut lost = Vec::new();
        for &d_state in &options.d_state {
            let remembered = match follow(d_state) {
                Err(HippoError::OddWaves(_)) if chosen.is_none() => None,
                remembered => Some(remembered?),
            };
            lost.push(remembered.as_ref().map(|remembered| share_lost(remembered, truth)));
            let is_drawn = drawn.is_none() && options.d_state.last() == Some(&d_state);
            if let Some(remembered) = remembered.filter(|_| is_drawn) {
                let truth = truth.to_vec();
                drawn = Some(Reading { measure: measure.name(), d_state, truth, remembered });
            }
        }
        rows.push(Row { memory: name.to_owned(), remembers: remembers.to_owned(), lost });
    }
    let note = if chosen.is_none() { Some(random(options, u, window, &mut rows)?) } else { None };
    let drawn = drawn.ok_or("expected at least one memory to draw, found none")?;
    let d_state = options.d_state.clone();
    Ok(Report { series, length: u.len(), window, d_state, rows, drawn, note })
}

/// Radii of the discs that random eigenvalues fill, in turns of a radian a window.
const RATES: [f64; 5] = [1.0, 3.0, 10.0, 30.0, 100.0];

/// Adds the row of random matrices, each read as well as it can be read.
fn random(
    options: &Options,
    u: &[f64],
    window: usize,
    rows: &mut Vec<Row>,
) -> Result<String, Box<dyn Error>> {
    let truth = &u[u.len() - window..];
    let (mut lost, mut note) = (Vec::new(), String::new());
    for &d_state in &options.d_state {
        let mut best = (f64::INFINITY, 0);
        for rate in RATES {
            let flow = random_memory(d_state, rate, options.seed)?;
            let rule = Discretization::ZeroOrderHold;
            let steps = rule.discretize(&flow, 1.0 / window as f64)?.held()?;
            let mut x = DVector::zeros(d_state);
            for &u_k in u {
                x = steps.a() * x + steps.b().column(0) * u_k;
            }
            let read = explain(&steps, &x, u.len(), 1e-7)?;
            let share = share_lost(&read.past[u.len() - window..], truth);
            if share < best.0 {
                best = (share, read.directions);
            }
        }
        lost.push(Some(best.0).filter(|share| share.is_finite()));
        note = format!(
            "random A: the kindest of {} time scales, read as well as can be; at N = {d_state} single precision leaves {} \
             numbers of {d_state}",
            RATES.len(),
            best.1
        );
    }
    let remembers = "slowest mode 1/e".to_owned();
    rows.push(Row { memory: "random A".to_owned(), remembers, lost });
    Ok(note)
}

fn plot(report: &Report) -> Plot {
    let Reading { measure, d_state, truth, remembered } = &report.drawn;
    let from = report.length - report.window;
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(k, &u_k)| ((from + k) as f64, u_k)).collect()
    };
    let ends = |pick: fn(f64, f64) -> f64| truth.iter().copied().reduce(pick).unwrap_or(0.0);
    let (low, high) = (ends(f64::min), ends(f64::max));
    let margin = 0.3 * (high - low).max(1e-9);
    Plot::new(format!(
        "The last {} steps, and what {d_state} numbers of {measure} say of them",
        report.window
    ))
    .x_label("k")
    .y_label("u")
    .y_range(low - margin, high + margin)
    .reference("u", &points(truth))
    .line(Role::Output, format!("{measure} {d_state}"), &points(remembered))
}

fn print(report: &Report) {
    let Report { series, length, window, d_state, rows, note, .. } = report;
    println!(
        "{length} steps of {series}; what is lost of the last {window}, as a share of what moves"
    );
    println!();
    print!("{:<24}{:<22}", "", "remembers");
    d_state.iter().for_each(|n| print!("{:>10}", format!("N = {n}")));
    println!();
    for Row { memory, remembers, lost } in rows {
        print!("{memory:<24}{remembers:<22}");
        lost.iter().for_each(|share| print!("{:>10}", short(*share)));
        println!();
    }
    if let Some(note) = note {
        println!();
        println!("{note}");
    }
}

/// A share in a few characters.
fn short(share: Option<f64>) -> String {
    match share {
        None => "-".to_owned(),
        Some(share) if share >= 100.0 => format!("{share:.0e}"),
        Some(share) if share >= 5e-4 => format!("{share:.3}"),
        Some(0.0) => "0".to_owned(),
        Some(share) => format!("{share:.0e}"),
    }
}
