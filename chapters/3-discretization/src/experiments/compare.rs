//! The command of the page `compare`: it prints what the library compares.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use classical_ssm::system_file::SystemArguments;
use discretization::accuracy_and_stability::{Discretization, Signal};
use discretization::compare::{Comparison, Request, RuleReport, Verdict, compare, halvings};
use math_foundations::validation::positive;
use workbench::plot::Plot;
use workbench::svg::Role;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    system: SystemArguments,
    /// The rules, as in zoh,tustin,gbt=0.3 [default: all eight]
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    rules: Option<Vec<String>>,
    /// The steps in seconds, as in 0.1,0.05
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', allow_hyphen_values = true)]
    steps: Option<Vec<f64>>,
    /// Instead: the longest step, which is then halved again and again
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, conflicts_with = "steps")]
    longest: Option<f64>,
    /// How many steps there are, from the longest by halves
    #[arg(long, value_name = "COUNT", default_value_t = 6, conflicts_with = "steps")]
    count: usize,
    /// What drives the inputs
    #[arg(long, default_value = "sine")]
    signal: SignalName,
    /// The rate of the sine in radians a second [default: that of the slowest mode]
    #[arg(long, allow_hyphen_values = true)]
    omega: Option<f64>,
    /// For how long, in seconds [default: until the slowest mode has settled]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    duration: Option<f64>,
    /// The error that is good enough
    #[arg(long, default_value_t = 0.01, allow_hyphen_values = true)]
    tolerance: f64,
    /// Writes the convergence plot as SVG into this folder
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
    /// Writes a line for each rule and step into this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Prints the report for a program, without tables and plots
    #[arg(long)]
    json: bool,
    /// Prints the report without the plot
    #[arg(long)]
    no_plots: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SignalName {
    /// sin ωt
    Sine,
    /// 1 from the beginning on
    Step,
    /// t
    Ramp,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let text = match options.system.list()? {
        Some(list) => list,
        None => options.compare()?,
    };
    match io::stdout().write_all(text.as_bytes()) {
        // The reader of a pipe may stop reading: `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// More steps than a table is wide.
const MOST_STEPS: usize = 40;

impl Options {
    fn compare(&self) -> Result<String, Box<dyn Error>> {
        let described = self.system.read(None)?;
        let sys = described.continuous()?;
        let mut request = Request::of(sys)?;
        if let Some(rules) = &self.rules {
            request.rules = rules
                .iter()
                .map(|rule| rule.parse::<Discretization>())
                .collect::<Result<_, _>>()?;
        }
        if let Some(duration) = self.duration {
            request.duration = duration;
        }
        if !(1..=MOST_STEPS).contains(&self.count) {
            return Err(
                format!("expected --count from 1 to {MOST_STEPS}, found {}", self.count).into()
            );
        }
        request.deltas = match (&self.steps, self.longest) {
            (Some(steps), _) => steps.clone(),
            (None, Some(longest)) => halvings(longest, self.count),
            (None, None) => halvings(request.duration / 16.0, self.count),
        };
        if request.deltas.len() > MOST_STEPS {
            let found = request.deltas.len();
            return Err(format!("expected at most {MOST_STEPS} steps, found {found}").into());
        }
        request.signal = self.signal(request.signal)?;
        request.tolerance = self.tolerance;
        let comparison = compare(sys, &request)?;

        let mut text = if self.json {
            serde_json::to_string_pretty(&comparison)? + "\n"
        } else {
            report(&described.name, &described.about, &comparison, !self.no_plots)
        };
        let mut files = Vec::new();
        if let Some(folder) = &self.svg {
            let path = folder.join(format!("{}-convergence.svg", described.name));
            files.push((path, plot(&described.name, &comparison).to_svg()));
        }
        if let Some(path) = &self.csv {
            files.push((path.clone(), csv(&comparison)));
        }
        for (path, content) in files {
            write_whole(&path, &content)?;
            if !self.json {
                let _ = writeln!(text, "written: {}", path.display());
            }
        }
        Ok(text)
    }

    fn signal(&self, proposed: Signal) -> Result<Signal, Box<dyn Error>> {
        match (self.signal, self.omega) {
            (SignalName::Sine, None) => Ok(proposed),
            (SignalName::Sine, Some(omega)) => {
                positive("ω", omega)?;
                Ok(Signal::Sine(omega))
            }
            (SignalName::Step, None) => Ok(Signal::Step),
            (SignalName::Ramp, None) => Ok(Signal::Ramp),
            (_, Some(_)) => Err("--omega belongs to --signal sine, found it beside another".into()),
        }
    }
}

/// Writes a file whole or not at all: under another name first, then renamed.
fn write_whole(path: &Path, content: &str) -> Result<(), String> {
    let complain = |error: io::Error| format!("cannot write {}: {error}", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(complain)?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let written = fs::write(&partial, content).and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        // What was written of it is of no use to anyone.
        let _ = fs::remove_file(&partial);
        complain(error)
    })
}

fn csv(comparison: &Comparison) -> String {
    let mut text = "rule,delta,steps,verdict,error\n".to_owned();
    for rule in &comparison.rules {
        for step in &rule.steps {
            let error = step.error.map_or_else(String::new, |error| error.to_string());
            let _ = writeln!(
                text,
                "{},{},{},{},{error}",
                rule.rule, step.delta, step.steps, step.verdict
            );
        }
    }
    text
}

/// The errors that can be drawn: of outputs that have not left the flow behind.
fn drawable(rule: &RuleReport) -> Vec<(f64, f64)> {
    let shown = rule.steps.iter().filter_map(|step| {
        step.error.filter(|error| *error > 1e-15 && *error < 10.0).map(|error| (step.delta, error))
    });
    let mut points: Vec<_> = shown.collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

fn plot(name: &str, comparison: &Comparison) -> Plot {
    let label = format!("Errors of {name} under {} against the step", comparison.signal);
    let plot = Plot::new(label).x_label("Δ").y_label("error").log_x().log_y();
    comparison.rules.iter().fold(plot, |plot, rule| {
        let role = if rule.order == 2 { Role::Output } else { Role::State };
        let points = drawable(rule);
        match points.as_slice() {
            [] => plot,
            [_] => plot.points(role, &rule.rule, &points),
            _ => plot.line(role, &rule.rule, &points),
        }
    })
}

/// A number of three digits that is as short as it can be.
fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        let digits = (2 - value.abs().max(1e-3).log10().floor() as i32).clamp(0, 5) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    } else {
        format!("{value:.2e}")
    }
}

fn report(name: &str, about: &str, comparison: &Comparison, plots: bool) -> String {
    let mut text = String::new();
    let [n, m, p] = comparison.shape;
    let _ = writeln!(text, "{name}{}{about}", if about.is_empty() { "" } else { ": " });
    let rates: Vec<f64> = comparison.modes.iter().map(|[re, im]| re.hypot(*im)).collect();
    let (slowest, fastest) =
        rates.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), r| (low.min(*r), high.max(*r)));
    let _ = writeln!(
        text,
        "    N = {n}, M = {m}, P = {p}; {}; rates of its modes from {} to {}",
        comparison.flow,
        short(slowest),
        short(fastest)
    );
    let _ = writeln!(
        text,
        "    driven by {} for {} s, from rest",
        comparison.signal,
        short(comparison.duration)
    );
    table(&mut text, comparison);
    words(&mut text, comparison);
    prices(&mut text, comparison);
    if plots && comparison.rules.iter().any(|rule| drawable(rule).len() > 1) {
        let _ = writeln!(text, "\n{}", plot(name, comparison).to_terminal(88, 20));
    }
    text
}

fn table(text: &mut String, comparison: &Comparison) {
    let steps = &comparison.rules[0].steps;
    let _ = writeln!(text, "\nLargest error, relative; Δ in seconds");
    // As many columns as fit; all of them are in the CSV file and in the JSON report.
    for start in (0..steps.len()).step_by(6) {
        let columns = start..(start + 6).min(steps.len());
        let _ = write!(text, "\n{:27}", "");
        for step in &steps[columns.clone()] {
            let _ = write!(text, " {:>8}", short(step.delta));
        }
        let _ = writeln!(text, " {:>7}", "order");
        for rule in &comparison.rules {
            let _ = write!(text, "{:27}", rule.rule);
            for step in &rule.steps[columns.clone()] {
                let cell = match (step.verdict, step.error) {
                    (Verdict::NoStep, _) => "no step".to_owned(),
                    (_, Some(error)) if error < 1e-13 => "exact".to_owned(),
                    (_, Some(error)) if error < 1e-11 => format!("{error:.0e}"),
                    (_, Some(error)) if error < 1e3 => format!("{error:.1e}"),
                    _ => "grows".to_owned(),
                };
                let _ = write!(text, " {cell:>8}");
            }
            let order = rule.fitted_order.map_or("-".to_owned(), |order| format!("{order:.2}"));
            let _ = writeln!(text, " {order:>7}");
        }
    }
}

fn words(text: &mut String, comparison: &Comparison) {
    text.push('\n');
    let faithful = |rule: &RuleReport| rule.steps.iter().all(|s| s.verdict == Verdict::Faithful);
    let all: Vec<&str> = comparison
        .rules
        .iter()
        .filter(|rule| faithful(rule))
        .map(|rule| rule.rule.as_str())
        .collect();
    if all.len() == comparison.rules.len() {
        let _ = writeln!(text, "Every rule is {} at every step, as the flow.", comparison.flow);
        return;
    }
    let at = |rule: &RuleReport, verdict: Verdict| -> Vec<String> {
        let found = rule.steps.iter().filter(|step| step.verdict == verdict);
        found.map(|step| short(step.delta)).collect()
    };
    for rule in &comparison.rules {
        let grows = at(rule, Verdict::Grows);
        if !grows.is_empty() {
            let what = if comparison.flow == "marginal" { "lets what rings grow" } else { "grows" };
            let limit = match rule.largest_stable_step {
                Some(0.0) => ": no step is short enough".to_owned(),
                Some(limit) => format!(": it may step up to {}", short(limit)),
                None => String::new(),
            };
            let _ = writeln!(text, "{} {what} at Δ = {}{limit}.", rule.rule, grows.join(", "));
        }
        let rings = at(rule, Verdict::Rings);
        if !rings.is_empty() {
            let _ = writeln!(
                text,
                "{} lets ring for ever, at Δ = {}, what dies away.",
                rule.rule,
                rings.join(", ")
            );
        }
        let calms = at(rule, Verdict::Calms);
        if !calms.is_empty() {
            let what = if comparison.flow == "marginal" { "what rings" } else { "what grows" };
            let _ = writeln!(text, "{} calms {what}, at Δ = {}.", rule.rule, calms.join(", "));
        }
        if let Some(reason) = rule.steps.iter().find_map(|step| step.reason.as_ref()) {
            let _ = writeln!(
                text,
                "{} has no step of {}: {reason}.",
                rule.rule,
                at(rule, Verdict::NoStep).join(", ")
            );
        }
    }
    if !all.is_empty() {
        let _ = writeln!(text, "All others are {} at every step, as the flow.", comparison.flow);
    }
}

fn prices(text: &mut String, comparison: &Comparison) {
    let _ = writeln!(
        text,
        "\n{:27} {:>13} {:>13} {:>13} {:>19}",
        "",
        "stability",
        "stable up to",
        "a step costs",
        format!("error ≤ {} costs", comparison.tolerance)
    );
    for rule in &comparison.rules {
        let none = || "-".to_owned();
        let _ = writeln!(
            text,
            "{:27} {:>13} {:>13} {:>13} {:>19}",
            rule.rule,
            rule.kind,
            rule.largest_stable_step.map_or("any step".to_owned(), short),
            rule.multiplications.map_or_else(none, |cost| cost.to_string()),
            rule.price.map_or_else(none, |price| price.to_string()),
        );
    }
    let _ = writeln!(text, "Costs are multiplications; `-`: none of these steps is good enough.");
}
