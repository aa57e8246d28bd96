//! The mini-project of the page `sequence_prediction`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use burn::module::Module;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use ml_links::recurrent_networks::Unit;
use ml_links::sequence_prediction::{
    Forecaster, Lesson, LinearAutoregression, RecurrentForecaster, Scale, SeriesError,
    StateSpaceForecasterConfig, Wave, blood_cells, go_on, mixture, noise, random_waves,
    read_column, root_mean_square, train,
};
use ml_links::training::{DeviceArguments, Recipe};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use workbench::plot::Plot;
use workbench::svg::Role;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// What is continued
    #[arg(long, value_enum, default_value_t)]
    series: Series,
    /// A CSV file to continue, instead of the series above
    #[arg(long, requires = "column", conflicts_with_all = ["series", "waves", "noise", "length"])]
    csv: Option<PathBuf>,
    /// Its column, by name or by number, counted from 1
    #[arg(long, requires = "csv")]
    column: Option<String>,
    /// How many sines are added up
    #[arg(long, default_value_t = 3)]
    waves: usize,
    /// The deviation of noise on the series, as a share of its own
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    noise: f64,
    /// How many values the series has
    #[arg(long, default_value_t = 1000)]
    length: usize,
    /// How many values at the end are kept for the test
    #[arg(long, default_value_t = 200)]
    horizon: usize,
    /// How many values a window of training has, and how many are heard before the test
    #[arg(long, default_value_t = 128)]
    window: usize,
    /// How many windows a step of training sees
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Steps of training
    #[arg(long, default_value_t = 1000)]
    steps: usize,
    /// The peak of the learning rate
    #[arg(long, default_value_t = 0.01, allow_hyphen_values = true)]
    rate: f64,
    /// Channels of a state space layer
    #[arg(long, default_value_t = 8)]
    channels: usize,
    /// States of a channel: an even number
    #[arg(long, default_value_t = 16)]
    d_state: usize,
    /// State space layers
    #[arg(long, default_value_t = 2)]
    layers: usize,
    /// The deviation of noise on what is heard in training, in those of the series
    #[arg(long, default_value_t = 0.01, allow_hyphen_values = true)]
    jitter: f64,
    /// Which share of the learning rate time scales get
    #[arg(long, default_value_t = 0.1, allow_hyphen_values = true)]
    slow: f64,
    /// Weights of each linear autoregression
    #[arg(long, default_value = "6,32", value_delimiter = ',')]
    order: Vec<usize>,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Prints everything as JSON instead
    #[arg(long)]
    json: bool,
    /// Prints all values of the test too
    #[arg(long)]
    values: bool,
    /// Writes the pictures into this folder
    #[arg(long)]
    svg: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArguments,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Series {
    /// A sum of sines
    #[default]
    Sines,
    /// White blood cells, day by day (Mackey and Glass)
    Cells,
}

/// What one way to go on has achieved.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    parameters: usize,
    /// Of training.
    seconds: f64,
    /// The loss at every step of training.
    losses: Vec<f64>,
    /// Root mean square, in deviations of the series, of guesses that are told the truth.
    told: f64,
    /// The same of the first values alone.
    alone: Vec<(usize, f64)>,
    /// What it said alone.
    values: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Report {
    series: String,
    seed: u64,
    trained_on: usize,
    truth: Vec<f64>,
    rows: Vec<Row>,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    check(options)?;
    let (series, u) = series(options)?;
    let report = compete(options, series, &u)?;
    if let Some(folder) = &options.svg {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for row in &report.rows {
            let file = folder.join(format!("{}.svg", row.name.replace(' ', "-")));
            fs::write(&file, plot(&report, row).to_svg())
                .map_err(|error| format!("{}: {error}", file.display()))?;
            eprintln!("written: {}", file.display());
        }
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    print(options, &report);
    Ok(())
}

/// Values of a series that is made here.
const MOST: usize = 1_000_000;

/// Refuses sizes of 0 and numbers below it.
fn check(options: &Options) -> Result<(), Box<dyn Error>> {
    for (what, value) in [
        ("waves", options.waves),
        ("horizon", options.horizon),
        ("window", options.window),
        ("batch", options.batch),
        ("steps", options.steps),
        ("channels", options.channels),
        ("layers", options.layers),
        ("order", options.order.iter().copied().min().unwrap_or(0)),
    ] {
        if value == 0 {
            return Err(format!("expected --{what} of at least 1, found 0").into());
        }
    }
    if options.length > MOST {
        return Err(format!("expected --length of at most {MOST}, found {}", options.length).into());
    }
    for (what, value) in
        [("noise", options.noise), ("jitter", options.jitter), ("slow", options.slow)]
    {
        if !(value >= 0.0 && value.is_finite()) {
            return Err(format!("expected --{what} of 0 or more, found {value}").into());
        }
    }
    if options.d_state == 0 || options.d_state % 2 == 1 {
        return Err(format!("expected an even number of states, found {}", options.d_state).into());
    }
    Ok(())
}

/// What is to be continued: its name and its values.
fn series(options: &Options) -> Result<(String, Vec<f64>), Box<dyn Error>> {
    let Options { length, seed, .. } = *options;
    if let (Some(path), Some(column)) = (&options.csv, &options.column) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Ok((format!("column {column} of {name}"), read_column(path, column)?));
    }
    let (mut name, mut u) = match options.series {
        Series::Sines => {
            let waves = random_waves(options.waves, seed);
            let period = |wave: &Wave| format!("{:.1}", wave.period);
            let periods: Vec<String> = waves.iter().map(period).collect();
            let name = format!("sines with periods of {} steps", periods.join(", "));
            (name, mixture(&waves, length))
        }
        Series::Cells => {
            // The first year still knows how it began.
            let start = ChaCha8Rng::seed_from_u64(seed).random_range(0.4..1.2);
            let x = blood_cells(start, length.saturating_add(365));
            ("white blood cells, day by day".to_owned(), x[365..].to_vec())
        }
    };
    if options.noise > 0.0 {
        name += &format!(", noise {}", options.noise);
        let deviation = options.noise * Scale::of(&u).deviation;
        u.iter_mut().zip(noise(length, seed)).for_each(|(u, noise)| *u += deviation * noise);
    }
    Ok((name, u))
}

fn compete(options: &Options, series: String, u: &[f64]) -> Result<Report, Box<dyn Error>> {
    let Options { horizon, window, batch, steps, seed, jitter, slow, .. } = *options;
    let order = options.order.iter().copied().max().unwrap_or(1);
    let fitted = order.saturating_mul(3).saturating_add(2);
    let needed = horizon.saturating_add(fitted.max(window.saturating_add(1)));
    if u.len() < needed {
        let reason = format!(
            "{horizon} for the test, before them a window of {window} and one more, and two equations for each of \
             {order} weights"
        );
        return Err(SeriesError::TooShort { needed, reason, found: u.len() }.into());
    }
    let (known, truth) = u.split_at(u.len() - horizon);
    let scale = Scale::of(known);
    if !scale.deviation.is_finite() {
        return Err("expected values whose squares fit into a number".into());
    }
    let scaled = |values: &[f64]| -> Vec<f64> { values.iter().map(|&u| scale.to(u)).collect() };
    let (known, goal) = (scaled(known), scaled(truth));
    let context = &known[known.len() - window..];
    let row = |name: String, parameters, Learned { seconds, losses, told, alone }: Learned| {
        let off = |n: usize| root_mean_square(&alone[..n], &goal[..n]);
        let ends = [1, 10, horizon / 4, horizon / 2, horizon];
        let mut ends: Vec<usize> = ends.into_iter().filter(|n| (1..=horizon).contains(n)).collect();
        ends.sort_unstable();
        ends.dedup();
        let told = root_mean_square(&told, &goal);
        let errors = ends.into_iter().map(|n| (n, off(n))).collect();
        let values = alone.iter().map(|&value| scale.from(value)).collect();
        Row { name, parameters, seconds, losses, told, alone: errors, values }
    };

    // What costs nothing.
    let last = context[window - 1];
    let told = [&[last][..], &goal[..horizon - 1]].concat();
    let same = Learned { told, alone: vec![last; horizon], ..Learned::default() };
    let mut rows = vec![row("last value".to_owned(), 0, same)];
    for &order in &options.order {
        let begun = Instant::now();
        let line = LinearAutoregression::fit(&known, order)?;
        let seconds = begun.elapsed().as_secs_f64();
        let (told, alone) = (line.told(&known, &goal), line.go_on(&known, horizon));
        let learned = Learned { seconds, told, alone, ..Learned::default() };
        rows.push(row(format!("line of {order} values"), order + 1, learned));
    }

    // What learns.
    let device = options.device.device()?;
    device.seed(seed);
    let training = device.autodiff();
    let recipe = Recipe { rate: options.rate, seed, ..Recipe::new(steps) };
    let lesson = Lesson { u: known.clone(), window, batch, jitter, slow, recipe };
    let space = StateSpaceForecasterConfig::new(options.channels, options.d_state, options.layers)
        .with_seed(seed)
        .init(&training);
    let parameters = space.num_params();
    let gru = RecurrentForecaster::of_size(Unit::Gru, parameters, &training);
    let gru_parameters = gru.num_params();
    rows.push(row("GRU".to_owned(), gru_parameters, learn("GRU", gru, &lesson, context, &goal)?));
    let learned = learn("state space", space, &lesson, context, &goal)?;
    rows.push(row("state space".to_owned(), parameters, learned));
    Ok(Report { series, seed, trained_on: known.len(), truth: truth.to_vec(), rows })
}

/// What came of learning: guesses that are told the truth, guesses alone.
#[derive(Default)]
struct Learned {
    seconds: f64,
    losses: Vec<f64>,
    told: Vec<f64>,
    alone: Vec<f64>,
}

/// Trains a model and lets it go on.
fn learn<F: Forecaster>(
    name: &str,
    model: F,
    lesson: &Lesson,
    context: &[f64],
    goal: &[f64],
) -> Result<Learned, SeriesError> {
    let bar = ProgressBar::new(lesson.recipe.steps as u64);
    let template = "{prefix:>12} {bar:30} {pos}/{len} loss {msg} {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    let begun = Instant::now();
    let mut losses = Vec::new();
    let model = train(model, lesson, |report| {
        bar.set_message(format!("{:.2e}", report.loss));
        bar.inc(1);
        losses.push(report.loss);
    })?;
    bar.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    let model = model.valid();
    let (told, alone) = (model.told(context, goal), go_on(&model, context, goal.len()));
    Ok(Learned { seconds, losses, told, alone })
}

fn plot(report: &Report, row: &Row) -> Plot {
    let start = report.trained_on;
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(k, &u)| ((start + k) as f64, u)).collect()
    };
    // A guess that runs away is cut off, and the truth stays in sight.
    let ends = |pick: fn(f64, f64) -> f64| report.truth.iter().copied().reduce(pick);
    let (low, high) = (ends(f64::min).unwrap_or(0.0), ends(f64::max).unwrap_or(1.0));
    let margin = 0.3 * (high - low).max(1e-9);
    Plot::new(format!(
        "{} goes on alone for {} steps, beside the truth",
        row.name,
        report.truth.len()
    ))
    .x_label("k")
    .y_label("u")
    .y_range(low - margin, high + margin)
    .reference("truth", &points(&report.truth))
    .line(Role::Output, row.name.as_str(), &points(&row.values))
}

/// An error in at most eight characters.
fn short(error: f64) -> String {
    match error {
        0.0 => "0".to_owned(),
        error if !(5e-4..1e3).contains(&error) => format!("{error:.0e}"),
        error => format!("{error:.3}"),
    }
}

fn print(options: &Options, report: &Report) {
    println!("{}; seed {}", report.series, report.seed);
    println!(
        "learned from {} values, tested on the {} after them",
        report.trained_on,
        report.truth.len()
    );
    println!();
    println!("{:>18} {:>10} {:>8} {:>8}   alone: the first", "", "parameters", "seconds", "told");
    print!("{:>18} {:>10} {:>8} {:>8}", "", "", "", "");
    for (n, _) in &report.rows[0].alone {
        print!(" {n:>7}");
    }
    println!();
    for Row { name, parameters, seconds, told, alone, .. } in &report.rows {
        print!("{name:>18} {parameters:>10} {seconds:>8.1} {:>8}", short(*told));
        for (_, error) in alone {
            print!(" {:>7}", short(*error));
        }
        println!();
    }
    println!("(root mean square of what is off, in deviations of the series)");
    println!();

    let learned: Vec<&Row> = report.rows.iter().filter(|row| !row.losses.is_empty()).collect();
    print!("{:>18}", "loss after steps");
    learned.iter().for_each(|row| print!(" {:>12}", row.name));
    println!();
    let steps = learned.first().map_or(0, |row| row.losses.len());
    for step in (0..steps).filter(|step| step % (steps / 8).max(1) == 0 || step + 1 == steps) {
        print!("{step:>18}");
        learned.iter().for_each(|row| print!(" {:>12.1e}", row.losses[step]));
        println!();
    }
    for row in &learned {
        println!();
        print!("{}", plot(report, row).to_terminal(64, 12));
    }
    if options.values {
        println!();
        print!("{:>5} {:>10}", "k", "truth");
        report.rows.iter().for_each(|row| print!(" {:>18}", row.name));
        println!();
        for (k, truth) in report.truth.iter().enumerate() {
            print!("{:>5} {truth:>10.4}", report.trained_on + k);
            report.rows.iter().for_each(|row| print!(" {:>18.4}", row.values[k]));
            println!();
        }
    }
}
