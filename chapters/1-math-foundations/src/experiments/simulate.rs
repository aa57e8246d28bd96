//! The experiment of the page `simulate`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use math_foundations::expression::{did_you_mean, nearest_name};
use math_foundations::simulate::{Law, Method, Simulation, System, simulate};
use math_foundations::system_file::NAMED_SYSTEMS;
use workbench::plot::Plot;
use workbench::svg::Role;

#[derive(Debug, Args)]
pub struct Options {
    /// The name of a system; --list shows them
    #[arg(conflicts_with_all = ["list", "file"])]
    system: Option<String>,
    /// Lists the named systems
    #[arg(long, conflicts_with = "file")]
    list: bool,
    /// A system of your own, described in TOML
    #[arg(long, value_name = "TOML")]
    file: Option<PathBuf>,
    /// Where to start: one number for each state, as in 1,0
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', allow_hyphen_values = true)]
    x0: Option<Vec<f64>>,
    /// Another value for a parameter, as in mu=5; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, f64)>,
    /// How long to follow it
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    duration: Option<f64>,
    /// By which method; exact where the system is given by matrices, else dormand-prince
    #[arg(long)]
    method: Option<MethodName>,
    /// The length of a step of rk4 [default: 0.01]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    step: Option<f64>,
    /// The error that a step of dormand-prince may add [default: 1e-6]
    #[arg(long, allow_hyphen_values = true)]
    tolerance: Option<f64>,
    /// How many equally spaced times to report (rk4 reports its steps)
    #[arg(long, default_value_t = 2001)]
    samples: usize,
    /// The two states of the phase portrait, as in x,z
    #[arg(long, value_name = "STATES", value_delimiter = ',')]
    axes: Option<Vec<String>>,
    /// Writes the plots as SVG into this folder
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
    /// Writes times, states and watched quantities into this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    /// The matrix exponential; only for systems given by matrices
    Exact,
    /// Equal steps of the Runge-Kutta method
    Rk4,
    /// Steps that keep to a tolerance
    DormandPrince,
}

fn assignment(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let number = value.trim().parse().map_err(|_| format!("expected a number, found `{value}`"))?;
    Ok((name.trim().to_owned(), number))
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let text = if options.list {
        list()?
    } else {
        let system = options.system()?;
        let method = options.method(&system)?;
        let axes = options.axes(&system)?;
        let simulation = simulate(&system, method, options.samples)?;
        let mut text = report(&system, method, axes, &simulation);
        for (path, content) in options.files(&system, axes, &simulation) {
            write_whole(&path, &content)?;
            let _ = writeln!(text, "written: {}", path.display());
        }
        text
    };
    match io::stdout().write_all(text.as_bytes()) {
        // The reader of a pipe may stop reading: `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn list() -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for system in System::all_named()? {
        let _ = writeln!(text, "{:15} {}", system.name, system.about);
        let _ = writeln!(
            text,
            "{:15} {}; {}\n",
            "",
            system.states.join(", "),
            system.describe_parameters()
        );
    }
    text.push_str("Their files are in chapters/1-math-foundations/systems.\n");
    Ok(text)
}

impl Options {
    fn system(&self) -> Result<System, Box<dyn Error>> {
        let mut system = match (&self.file, &self.system) {
            (Some(file), _) => from_file(file)?,
            (None, Some(path)) if path.ends_with(".toml") => {
                return Err(format!("to follow a system of your own, write --file {path}").into());
            }
            (None, Some(name)) => System::named(name)?,
            (None, None) => {
                let names: Vec<&str> = NAMED_SYSTEMS.iter().map(|(name, _)| *name).collect();
                let names = names.join(", ");
                return Err(
                    format!("expected the name of a system, or --file; there are {names}").into()
                );
            }
        };
        for (name, value) in &self.set {
            system.set(name, *value)?;
        }
        if let Some(x0) = &self.x0 {
            system.start_from(x0.clone())?;
        }
        system.duration = self.duration.unwrap_or(system.duration);
        Ok(system)
    }

    fn method(&self, system: &System) -> Result<Method, String> {
        let name = self.method.unwrap_or(match (self.step, self.tolerance, &system.law) {
            (Some(_), _, _) => MethodName::Rk4,
            (None, Some(_), _) => MethodName::DormandPrince,
            (None, None, Law::Matrices { .. }) => MethodName::Exact,
            (None, None, Law::Equations(_)) => MethodName::DormandPrince,
        });
        if self.step.is_some() && name != MethodName::Rk4 {
            return Err("--step belongs to --method rk4, found it beside another method".into());
        }
        if self.tolerance.is_some() && name != MethodName::DormandPrince {
            let found = "found it beside another method";
            return Err(format!("--tolerance belongs to --method dormand-prince, {found}"));
        }
        Ok(match name {
            MethodName::Exact => Method::Exact,
            MethodName::Rk4 => Method::RungeKutta { step: self.step.unwrap_or(0.01) },
            MethodName::DormandPrince => {
                Method::DormandPrince { tolerance: self.tolerance.unwrap_or(1e-6) }
            }
        })
    }

    fn axes(&self, system: &System) -> Result<Option<(usize, usize)>, String> {
        let Some(names) = &self.axes else {
            return Ok(system.plot);
        };
        let index = |name: &String| {
            system.states.iter().position(|state| state == name).ok_or_else(|| {
                let states = || system.states.iter().map(String::as_str);
                let meant = did_you_mean(nearest_name(name, states()));
                let known = system.states.join(", ");
                format!("{} has no state `{name}`{meant}; it has {known}", system.name)
            })
        };
        match names.as_slice() {
            [horizontal, vertical] => Ok(Some((index(horizontal)?, index(vertical)?))),
            other => Err(format!("expected two states for --axes, found {}", other.len())),
        }
    }

    fn files(
        &self,
        system: &System,
        axes: Option<(usize, usize)>,
        simulation: &Simulation,
    ) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        if let Some(folder) = &self.svg {
            let file = |plot: &str| folder.join(format!("{}-{plot}.svg", system.name));
            files.push((file("time"), time_plot(system, simulation).to_svg()));
            if let Some(axes) = axes {
                files.push((file("phase"), phase_plot(system, simulation, axes).to_svg()));
            }
        }
        if let Some(path) = &self.csv {
            files.push((path.clone(), csv(system, simulation)));
        }
        files
    }
}

fn from_file(file: &Path) -> Result<System, Box<dyn Error>> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let name = file.file_stem().map_or("system".into(), |stem| stem.to_string_lossy());
    System::from_toml(&name, &text).map_err(|error| format!("{}, {error}", file.display()).into())
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

fn csv(system: &System, simulation: &Simulation) -> String {
    let watched = system.watched.iter().map(|(name, _)| name);
    let header: Vec<&str> = std::iter::once("t")
        .chain(system.states.iter().chain(watched).map(String::as_str))
        .collect();
    let mut text = header.join(",") + "\n";
    let rows = simulation.trajectory.times.iter().zip(&simulation.trajectory.states);
    for ((t, x), watched) in rows.zip(&simulation.watched) {
        let _ = write!(text, "{t}");
        for value in x.iter().chain(watched) {
            let _ = write!(text, ",{value}");
        }
        text.push('\n');
    }
    text
}

/// At most some two thousand points of a curve, the last one included.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let every = points.len().div_ceil(2001).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.into_iter().enumerate().filter(|(k, _)| k % every == 0 || *k == last);
    kept.map(|(_, point)| point).collect()
}

fn time_plot(system: &System, simulation: &Simulation) -> Plot {
    let label = format!("{} of {} over time", system.states.join(", "), system.name);
    let plot = Plot::new(label).x_label("t");
    system.states.iter().enumerate().fold(plot, |plot, (index, name)| {
        plot.line(Role::State, name, &thinned(simulation.trajectory.component(index)))
    })
}

fn phase_plot(system: &System, simulation: &Simulation, (across, up): (usize, usize)) -> Plot {
    let (horizontal, vertical) = (&system.states[across], &system.states[up]);
    let points = thinned(simulation.trajectory.phase(across, up));
    let start = &points[..1];
    Plot::new(format!("{vertical} against {horizontal} of {}: the phase portrait", system.name))
        .x_label(horizontal)
        .y_label(vertical)
        .line(Role::State, "", &points)
        .points(Role::State, "start", start)
}

fn report(
    system: &System,
    method: Method,
    axes: Option<(usize, usize)>,
    simulation: &Simulation,
) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}: {}", system.name, system.about);
    match &system.law {
        Law::Equations(equations) => {
            for (state, equation) in system.states.iter().zip(equations) {
                let _ = writeln!(text, "    {state}' = {}", equation.source());
            }
        }
        Law::Matrices { a, b, input } => {
            let _ = writeln!(text, "    x' = Ax{}", if input.is_some() { " + Bu" } else { "" });
            for (i, row) in a.iter().enumerate() {
                let row: Vec<&str> = row.iter().map(|entry| entry.source()).collect();
                let push = b.get(i).map_or_else(String::new, |b| format!("    B: {}", b.source()));
                let _ = writeln!(text, "    A: {}{push}", row.join(", "));
            }
        }
    }
    let _ = writeln!(text, "    {}; {method}", system.describe_parameters());
    let _ = writeln!(text, "\n{}", time_plot(system, simulation).to_terminal(76, 14));
    if let Some(axes) = axes {
        let _ = writeln!(text, "{}", phase_plot(system, simulation, axes).to_terminal(56, 18));
    }
    let end = system.duration;
    let _ = writeln!(
        text,
        "{:12} {:>12} {:>12} {:>12} {:>12}",
        "",
        "at t = 0",
        format!("at t = {end}"),
        "least",
        "most"
    );
    let row = |text: &mut String, name: &str, values: Vec<f64>| {
        let (first, last) = (values.first().copied(), values.last().copied());
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let _ = write!(text, "{name:12}");
        for value in [first.unwrap_or(f64::NAN), last.unwrap_or(f64::NAN), least, most] {
            let _ = write!(text, " {:>12}", short(value));
        }
        text.push('\n');
    };
    for (index, name) in system.states.iter().enumerate() {
        let values = simulation.trajectory.states.iter().map(|x| x[index]).collect();
        row(&mut text, name, values);
    }
    for (index, (name, _)) in system.watched.iter().enumerate() {
        row(&mut text, name, simulation.watched.iter().map(|values| values[index]).collect());
    }
    if simulation.evaluations > 0 {
        let Simulation { accepted, rejected, evaluations, .. } = simulation;
        let _ = writeln!(
            text,
            "\n{accepted} steps, {rejected} refused, {evaluations} evaluations of x'"
        );
    }
    text
}

/// Six digits, in powers of ten where the number is large or small.
fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        format!("{value:.6}")
    } else {
        format!("{value:.5e}")
    }
}
