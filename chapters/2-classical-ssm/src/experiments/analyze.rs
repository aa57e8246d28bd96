//! The experiment of the page `analyze`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use classical_ssm::analyze::{
    Clock, Mode, Point, Report, analyze, bode_curves, digits, horizon, root_locus,
    singular_value_curves, written,
};
use classical_ssm::state_space::StateSpace;
use classical_ssm::system_file::{AnySystem, SystemArguments};
use nalgebra::Complex;
use workbench::plot::Plot;
use workbench::svg::Role;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    system: SystemArguments,
    /// With --a, --b and --c: steps of so many seconds instead of a flow
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    delta: Option<f64>,
    /// Writes the plots as SVG into this folder
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
    /// Prints the report for a program, without plots
    #[arg(long)]
    json: bool,
    /// Prints the report without plots
    #[arg(long)]
    no_plots: bool,
}

/// A plot with the name of its file.
type NamedPlot = (&'static str, Plot);

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let text = match options.system.list()? {
        Some(list) => list,
        None => {
            let described = options.system.read(options.delta)?;
            let report = analyze(&described)?;
            let drawn = match &described.system {
                AnySystem::Continuous(system) => plots(system, &report),
                AnySystem::Discrete(system) => plots(system, &report),
            };
            let mut text = if options.json {
                serde_json::to_string_pretty(&report)? + "\n"
            } else {
                print(&report, &drawn, options.no_plots)
            };
            if let Some(folder) = &options.svg {
                for (plot, drawn) in &drawn.plots {
                    let path = folder.join(format!("{}-{plot}.svg", report.name));
                    write_whole(&path, &drawn.to_svg())?;
                    if !options.json {
                        let _ = writeln!(text, "written: {}", path.display());
                    }
                }
            }
            text
        }
    };
    match io::stdout().write_all(text.as_bytes()) {
        // The reader of a pipe may stop reading: `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
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

// ---------------------------------------------------------------------------------------------
// Plots
// ---------------------------------------------------------------------------------------------

/// The plots that there are, and a sentence for each that there is not.
struct Drawn {
    plots: Vec<NamedPlot>,
    missing: Vec<String>,
}

fn plots<T: Clock>(system: &StateSpace<T>, report: &Report) -> Drawn {
    let mut drawn = Drawn { plots: Vec::new(), missing: Vec::new() };
    let single = (report.inputs, report.outputs) == (1, 1);
    drawn.add("step", step_plot(system, report));
    if single {
        match bode_plots(system, report) {
            Ok(plots) => drawn.plots.extend(plots),
            Err(error) => drawn.missing.push(format!("Bode's plots: {error}")),
        }
    } else {
        drawn.add("gains", gains_plot(system, report));
    }
    if single {
        drawn.add("locus", locus_plot(system, report));
    }
    drawn
}

impl Drawn {
    fn add(&mut self, name: &'static str, plot: Result<Plot, Box<dyn Error>>) {
        match plot {
            Ok(plot) => self.plots.push((name, plot)),
            Err(error) => self.missing.push(format!("the plot {name}: {error}")),
        }
    }
}

fn step_plot<T: Clock>(system: &StateSpace<T>, report: &Report) -> Result<Plot, Box<dyn Error>> {
    let response = T::follow_step(system, horizon(report))?;
    let mut plot =
        Plot::new(format!("{}: what a step at the input makes of the output", report.name))
            .x_label("t")
            .y_label("y");
    for (output, input) in
        (0..report.outputs).flat_map(|output| (0..report.inputs).map(move |input| (output, input)))
    {
        let name = match (report.inputs, report.outputs) {
            (1, 1) => "y".to_owned(),
            _ => format!("y{} of u{}", output + 1, input + 1),
        };
        let points = response.channel(output, input);
        plot = match report.delta {
            None => plot.line(Role::Output, name, &points),
            Some(_) => plot.points(Role::Output, name, &points),
        };
    }
    Ok(plot)
}

fn bode_plots<T: Clock>(
    system: &StateSpace<T>,
    report: &Report,
) -> Result<[NamedPlot; 2], Box<dyn Error>> {
    let curves = bode_curves(system)?;
    let (gain, phase) = (curves.gain_curve(), curves.phase_curve());
    let ends = |level: f64| match (gain.first(), gain.last()) {
        (Some(first), Some(last)) => vec![(first.0, level), (last.0, level)],
        _ => Vec::new(),
    };
    let gain_plot = Plot::new(format!("{}: gain in decibels against frequency", report.name))
        .x_label("ω")
        .y_label("dB")
        .log_x()
        .line(Role::Output, "", &gain)
        .reference("gain 1", &ends(0.0));
    let phase_plot = Plot::new(format!("{}: phase in degrees against frequency", report.name))
        .x_label("ω")
        .y_label("°")
        .log_x()
        .line(Role::Output, "", &phase)
        .reference("-180°", &ends(-180.0));
    Ok([("gain", gain_plot), ("phase", phase_plot)])
}

fn gains_plot<T: Clock>(system: &StateSpace<T>, report: &Report) -> Result<Plot, Box<dyn Error>> {
    let [largest, smallest] = singular_value_curves(system)?;
    let label = format!("{}: the largest and the smallest gain of any direction", report.name);
    let mut plot = Plot::new(label).x_label("ω").y_label("gain").log_x().log_y().line(
        Role::Output,
        "largest",
        &largest,
    );
    if report.inputs > 1 && report.outputs > 1 {
        plot = plot.line(Role::Output, "smallest", &smallest);
    }
    Ok(plot)
}

fn locus_plot<T: Clock>(system: &StateSpace<T>, report: &Report) -> Result<Plot, Box<dyn Error>> {
    let locus = root_locus(system)?;
    let flat = |points: &[Complex<f64>]| -> Vec<(f64, f64)> {
        points.iter().map(|point| (point.re, point.im)).collect()
    };
    let mut plot = Plot::new(format!(
        "{}: where the poles go when u = r - k y and k grows from 0",
        report.name
    ))
    .x_label("Re")
    .y_label("Im")
    .equal_aspect();
    for branch in &locus.branches {
        plot = plot.line(Role::State, "", &flat(branch));
    }
    let starts: Vec<(f64, f64)> = locus.branches.iter().map(|b| (b[0].re, b[0].im)).collect();
    let zeros: Vec<(f64, f64)> = report.zeros.iter().map(|zero| (zero.re, zero.im)).collect();
    plot = plot.points(Role::State, "k = 0", &starts);
    if !zeros.is_empty() {
        plot = plot.points(Role::Output, "zero", &zeros);
    }
    let all = || locus.branches.iter().flatten();
    let reach = all().map(|pole| pole.norm()).fold(0.0, f64::max);
    let least = |part: fn(&Complex<f64>) -> f64| all().map(part).fold(0.0, f64::min);
    let most = |part: fn(&Complex<f64>) -> f64| all().map(part).fold(0.0, f64::max);
    let height = most(|pole| pole.im).max(0.3 * reach) * 1.05;
    let edge: Vec<(f64, f64)> = match report.delta {
        Some(_) => (0..=72)
            .map(|k| (5.0 * f64::from(k)).to_radians())
            .map(|angle| (angle.cos(), angle.sin()))
            .collect(),
        None => {
            // As wide as it is high at least, so that rounding is not blown up to a curve.
            let (left, right) = (least(|pole| pole.re), most(|pole| pole.re));
            let missing = (height - (right - left)).max(0.0);
            let margin = 0.08 * (right - left + missing);
            plot = plot.x_range(left - 0.6 * missing - margin, right + 0.4 * missing + margin);
            plot = plot.y_range(-height, height);
            vec![(0.0, -height), (0.0, height)]
        }
    };
    Ok(plot.reference("", &edge))
}

// ---------------------------------------------------------------------------------------------
// The report in words
// ---------------------------------------------------------------------------------------------

fn print(report: &Report, drawn: &Drawn, no_plots: bool) -> String {
    let mut text = String::new();
    let Report { name, about, d_state, inputs, outputs, .. } = report;
    let colon = if about.is_empty() { "" } else { ": " };
    let _ = writeln!(text, "{}", folded(&format!("{name}{colon}{about}")));
    let time = match report.delta {
        None => "x' = Ax + Bu, y = Cx + Du".to_owned(),
        Some(delta) => format!("x_k = A x_(k-1) + B u_k, y_k = C x_k + D u_k, steps of {delta} s"),
    };
    let _ = writeln!(text, "{time}; N = {d_state}, M = {inputs}, P = {outputs}\n");
    let _ =
        writeln!(text, "{:26} {:>9} {:>9} {:>11}  input, output", "pole", "ω_n", "ζ", "fades in s");
    for mode in &report.modes {
        let _ = writeln!(text, "{}", mode_line(mode));
    }
    facts(report, &mut text);
    if !no_plots {
        for (name, plot) in &drawn.plots {
            let (title, columns, rows) = match *name {
                "step" => ("step response", 76, 12),
                "gain" => ("gain", 76, 9),
                "phase" => ("phase", 76, 9),
                "gains" => ("largest and smallest gain", 76, 10),
                _ => ("root locus: u = r - k y, k from 0", 60, 18),
            };
            let _ = writeln!(text, "\n{title}\n{}", plot.to_terminal(columns, rows).trim_end());
        }
    }
    text.push('\n');
    for sentence in &report.verdict {
        let _ = writeln!(text, "{}", folded(&format!("- {sentence}")));
    }
    let left_out = report.left_out.iter().chain(drawn.missing.iter().filter(|_| !no_plots));
    for (index, reason) in left_out.enumerate() {
        let heading = if index == 0 { "\nleft out:\n" } else { "" };
        let _ = writeln!(text, "{heading}{}", folded(&format!("- {reason}")));
    }
    text
}

/// Broken between words before column 80, continued two columns in.
fn folded(sentence: &str) -> String {
    let (mut text, mut column) = (String::new(), 0);
    for word in sentence.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > 79 {
            text.push_str("\n ");
            column = 1;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text
}

fn mode_line(mode: &Mode) -> String {
    let or = |value: Option<f64>, other: &str| value.map_or(other.to_owned(), digits);
    let constant = match mode.time_constant {
        Some(seconds) if seconds < 0.0 => "grows".to_owned(),
        Some(seconds) => digits(seconds),
        None if mode.natural_frequency.is_none() => "at once".to_owned(),
        None => "never".to_owned(),
    };
    let reach = match (mode.reachable, mode.visible) {
        (true, true) => "moves it, shows it",
        (false, true) => "out of reach, shows it",
        (true, false) => "moves it, out of sight",
        (false, false) => "out of reach, out of sight",
    };
    format!(
        "{:26} {:>9} {:>9} {constant:>11}  {reach}",
        written(mode.pole),
        or(mode.natural_frequency, "-"),
        or(mode.damping_ratio, "-"),
    )
}

fn facts(report: &Report, text: &mut String) {
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "{name:19} {value}");
    };
    let list = |points: &[Point]| -> String {
        match points {
            [] => "none".into(),
            points => points.iter().map(|point| written(*point)).collect::<Vec<_>>().join(", "),
        }
    };
    let yes = |answer: bool| if answer { "yes" } else { "no" };
    fact("zeros", list(&report.zeros));
    let certificate = match report.stability.growth_bound {
        Some(bound) => format!("; by xᵀPx no growth beyond {}-fold", digits(bound)),
        None => String::new(),
    };
    fact("stability", format!("{}{certificate}", report.stability.verdict));
    fact("controllable", yes(report.controllable).into());
    fact("observable", yes(report.observable).into());
    if let Some(rows) = &report.gain_at_rest {
        let row = |row: &Vec<f64>| row.iter().map(|x| digits(*x)).collect::<Vec<_>>().join(" ");
        fact("gain at rest", rows.iter().map(row).collect::<Vec<_>>().join("; "));
    }
    if let (Some(gain), Some(omega)) = (report.peak_gain, report.peak_frequency) {
        let at = if omega.is_finite() {
            format!("{} rad/s", digits(omega))
        } else {
            "the fast end".into()
        };
        fact("largest gain", format!("{} at {at}", digits(gain)));
    }
    if let Some(bandwidth) = report.bandwidth {
        fact("bandwidth", format!("{} rad/s", digits(bandwidth)));
    }
    if let Some(step) = &report.step {
        fact(
            "step",
            format!(
                "to {}; rises in {} s, settles in {} s, overshoots by {} %",
                digits(step.steady_value),
                digits(step.rise_time),
                digits(step.settling_time),
                digits(100.0 * step.overshoot)
            ),
        );
    }
    if let Some(feedback) = &report.feedback {
        let factor = feedback.gain_margin.map_or("no limit".into(), digits);
        let phase = feedback.phase_margin.map_or("no limit".into(), |p| format!("{}°", digits(p)));
        let words = match feedback.stable {
            true => format!("stable; gain margin {factor}, phase margin {phase}"),
            false => "unstable".to_owned(),
        };
        fact("loop u = r - y", words);
    }
}
