//! The experiment of the page `evolution`: one signal through every model of the course.

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;

use clap::Args;
use mamba::hardware::best_of;
use state_space_duality::evolution::{Model, Setting, checked, signal};
use workbench::command_line::count;

/// The signal, and the memories that hear it.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Steps of the signal
    #[arg(long, default_value_t = 400, value_parser = count(1 << 20))]
    length: usize,
    /// N of the memories that echo
    #[arg(long, default_value_t = 64, value_parser = count(1 << 10))]
    states: usize,
    /// After how many steps they echo
    #[arg(long, default_value_t = 50, value_parser = count(1 << 20))]
    age: usize,
    /// Writes the signal and all outputs into this file
    #[arg(long)]
    csv: Option<PathBuf>,
    /// Measures what each model takes, too (add --release after cargo run)
    #[arg(long)]
    time: bool,
    /// With --time: how often each is timed; the best counts
    #[arg(long, default_value_t = 5, value_parser = count(10_000), requires = "time")]
    rounds: usize,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let &Options { length, states, age, .. } = options;
    let setting = Setting { d_state: states, delta: 1.0 / age as f64, age, ..Setting::default() };
    checked(&setting)?;
    let u = signal(length);
    println!("{length} steps; N = {states}, echoes of {age} steps ago");
    println!();
    println!(
        "{:8} {:>4}  {:31}  {:19}  {:8} {:>7}{}",
        "model",
        "year",
        "how",
        "without its idea",
        "is",
        "apart",
        if options.time { "      ms" } else { "" }
    );
    let mut outputs = Vec::new();
    for model in Model::ALL {
        let (with, of, apart) = match model.ancestor(&u, &setting)? {
            Some(kin) => (kin.with, kin.of.name(), power(kin.apart)),
            None => ("", "", String::new()),
        };
        let time = if options.time {
            let seconds = best_of(options.rounds, || drop(black_box(model.run(&u, &setting))));
            format!("{:8.2}", 1e3 * seconds)
        } else {
            String::new()
        };
        let line = format!(
            "{:8} {:>4}  {:31}  {with:19}  {of:8} {apart:>7}{time}",
            model.name(),
            model.year(),
            model.algorithm(),
        );
        println!("{}", line.trim_end());
        outputs.push(model.run(&u, &setting)?);
    }
    println!();
    println!("apart: the largest difference, beside the largest output");
    if let Some(path) = &options.csv {
        std::fs::write(path, table(&u, &outputs))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// A power of ten that rounding stays below; two digits of what is not rounding.
fn power(apart: f64) -> String {
    match apart {
        apart if apart > 1e-6 => format!("{apart:.3}"),
        apart => format!("1e{}", apart.max(1e-17).log10().ceil()),
    }
}

/// A row a step: k, u and what each model says.
fn table(u: &[f64], outputs: &[Vec<f64>]) -> String {
    let names: Vec<&str> = Model::ALL.iter().map(|model| model.name()).collect();
    let mut rows = vec![format!("k,u,{}", names.join(","))];
    rows.extend(u.iter().enumerate().map(|(k, u)| {
        let said: Vec<String> = outputs.iter().map(|y| format!("{:.6}", y[k])).collect();
        format!("{k},{u:.6},{}", said.join(","))
    }));
    rows.join("\n") + "\n"
}
