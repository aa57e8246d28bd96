//! The experiments of the page `recurrent_networks`: `vanish` and `recall`.

use std::error::Error;
use std::time::Instant;

use math_foundations::introduction::random_tokens;
use math_foundations::validation::{non_negative, positive};
use ml_links::parameterization::softplus;
use ml_links::recall::{Contender, Recall, Run};
use ml_links::recurrent_networks::{
    Cell, ElmanCell, GruCell, LstmCell, Weights, held_gate, log_stretches, lyapunov_exponents,
    sigmoid,
};
use ml_links::training::DeviceArguments;
use nalgebra::DVector;
use workbench::plot::Plot;
use workbench::svg::Role;

use super::count;

/// What `vanish` takes.
#[derive(Debug, clap::Args)]
pub struct VanishOptions {
    /// How many units a network has
    #[arg(long, default_value_t = 32, value_parser = count(1 << 8), allow_negative_numbers = true)]
    units: usize,
    /// How many steps a change is followed
    #[arg(long, default_value_t = 200, value_parser = count(1 << 16), allow_negative_numbers = true)]
    steps: usize,
    /// Inputs are uniform between plus and minus this
    #[arg(long, default_value_t = 0.5, allow_hyphen_values = true)]
    loudness: f64,
    /// How many steps the set gates remember
    #[arg(long, default_value_t = 100.0, allow_hyphen_values = true)]
    memory: f64,
    /// Of weights and inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What is left of a change, in networks of several kinds; how that depends on size and loudness; what a gate is.
pub fn vanish(options: &VanishOptions) -> Result<(), Box<dyn Error>> {
    let &VanishOptions { units: n, steps, loudness, memory, seed } = options;
    positive("the loudness", loudness)?;
    let cells: [(&str, Box<dyn Cell>); 6] = [
        ("ρ = 0.9", Box::new(ElmanCell::random(n, 0.9, seed)?)),
        ("ρ = 1.1", Box::new(ElmanCell::random(n, 1.1, seed)?)),
        ("ρ = 1.5", Box::new(ElmanCell::random(n, 1.5, seed)?)),
        ("GRU", Box::new(GruCell::from_weights(Weights::random(3, n, n, seed))?)),
        (
            "GRU, set",
            Box::new(GruCell::from_weights(Weights::random(3, n, n, seed).with_memory(memory)?)?),
        ),
        (
            "LSTM, set",
            Box::new(LstmCell::from_weights(Weights::random(4, n, n, seed).with_memory(memory)?)?),
        ),
    ];
    println!("How far a change of the state still moves it k steps later: ‖J_k … J_1‖");
    println!("{n} units; inputs in ±{loudness}; set: gates for {memory} steps");
    println!();
    println!("{:>23}", "Elman");
    print!("{:>5}", "k");
    cells.iter().for_each(|(name, _)| print!(" {name:>9}"));
    println!();
    let inputs = random_tokens(steps, n, loudness, seed.wrapping_add(1));
    let curves = cells.iter().map(|(_, cell)| {
        let start = DVector::zeros(cell.d_state());
        log_stretches(&**cell, &start, &inputs)
    });
    let curves = curves.collect::<Result<Vec<_>, _>>()?;
    for k in [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].into_iter().filter(|k| *k <= steps) {
        print!("{k:>5}");
        curves.iter().for_each(|logs| print!(" {:>9}", size(logs[k - 1])));
        println!();
    }
    println!();
    exponents(options)?;
    println!();
    println!("A gate and a held step of x' = -x + u");
    println!();
    println!("{:>5} {:>12} {:>14} {:>14} {:>9}", "z", "Δ", "enters", "σ(z)", "1/Δ");
    for z in [-10.0, -5.0, -2.0, 0.0, 2.0, 5.0] {
        let (_, enters) = held_gate(z)?;
        let delta = softplus(z);
        println!("{z:>5} {delta:>12.6} {enters:>14.10} {:>14.10} {:>9.1}", sigmoid(z), 1.0 / delta);
    }
    Ok(())
}

/// e^log, to two digits, also where it fits into no number.
fn size(log: f64) -> String {
    if log == f64::NEG_INFINITY {
        return "0".to_owned();
    }
    let exponent = (log / std::f64::consts::LN_10).floor();
    let digits = (log - exponent * std::f64::consts::LN_10).exp();
    if digits >= 9.95 {
        format!("1.0e{}", exponent + 1.0)
    } else {
        format!("{digits:.1}e{exponent}")
    }
}

/// The rate at which changes grow, by the spectral radius of W and the loudness of the inputs.
fn exponents(options: &VanishOptions) -> Result<(), Box<dyn Error>> {
    let n = options.units;
    println!("The rate λ₁ of that, a step, in Elman networks: by spectral radius and loudness");
    println!();
    println!("{:>5} {:>8} {:>9} {:>9} {:>9} {:>9}", "ρ", "ln ρ", "silence", "±0.5", "±1", "±2");
    for rho in [0.6, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5] {
        let cell = ElmanCell::random(n, rho, options.seed)?;
        print!("{rho:>5} {:>8.3}", f64::ln(rho));
        for loudness in [0.0, 0.5, 1.0, 2.0] {
            let inputs = random_tokens(600, n, loudness, options.seed.wrapping_add(1));
            let lambda = lyapunov_exponents(&cell, &DVector::zeros(n), &inputs, 1, 100)?;
            print!(" {:>9.3}", lambda[0]);
        }
        println!();
    }
    Ok(())
}

/// What `recall` takes.
#[derive(Debug, clap::Args)]
pub struct RecallOptions {
    /// How many steps a story has
    #[arg(long, default_value_t = 100, value_parser = count(1 << 16), allow_negative_numbers = true)]
    length: usize,
    /// How loud the numbers are that do not count
    #[arg(long, default_value_t = 0.3, allow_hyphen_values = true)]
    murmur: f64,
    /// How many batches each network is trained on
    #[arg(long, default_value_t = 300, value_parser = count(1 << 20), allow_negative_numbers = true)]
    steps: usize,
    /// How many stories make a batch
    #[arg(long, default_value_t = 32, value_parser = count(1 << 12), allow_negative_numbers = true)]
    batch: usize,
    /// About how many parameters each network has
    #[arg(long, default_value_t = 600, value_parser = count(1 << 16), allow_negative_numbers = true)]
    parameters: usize,
    /// Of stories and networks
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Try four learning rates for each network instead
    #[arg(long)]
    rates: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Trains four networks to remember one number.
pub fn recall(options: &RecallOptions) -> Result<(), Box<dyn Error>> {
    non_negative("the murmur", options.murmur)?;
    let (most, numbers) = (1 << 20, options.batch * options.length);
    if numbers > most {
        let factors = "--batch times --length";
        return Err(format!(
            "expected at most {most} numbers in a batch, {factors}, found {numbers}"
        )
        .into());
    }
    let recall = Recall {
        length: options.length,
        murmur: options.murmur,
        batch: options.batch,
        steps: options.steps,
        parameters: options.parameters,
        seed: options.seed,
    };
    let device = options.device.device()?;
    println!(
        "Stories of {} numbers in ±{}; one of the first {} is in ±1 and marked: which was it?",
        recall.length,
        recall.murmur,
        recall.length.div_ceil(10),
    );
    println!(
        "{} batches of {}; mean squared error; always answering 0 costs 0.333",
        recall.steps, recall.batch
    );
    println!();
    if options.rates {
        println!("{:<16} {:>8} {:>8} {:>8} {:>8}", "unseen, at rate", 0.001, 0.003, 0.01, 0.03);
        for contender in Contender::ALL {
            print!("{:<16}", contender.name());
            for rate in [0.001, 0.003, 0.01, 0.03] {
                let run = recall.train(contender, rate, &device, |_| ())?;
                print!(" {:>8.4}", run.unseen);
            }
            println!();
        }
        return Ok(());
    }
    let mut runs = Vec::new();
    for contender in Contender::ALL {
        let (start, mut batches) = (Instant::now(), 0);
        let show = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let run = recall.train(contender, contender.rate(), &device, |loss| {
            batches += 1;
            if show && batches % 10 == 0 {
                eprint!("\r{:<16} batch {batches:>4}  error {loss:.4} ", contender.name());
            }
        })?;
        if show {
            eprint!("\r{:60}\r", "");
        }
        runs.push((contender, run, start.elapsed().as_secs_f64()));
    }
    print_runs(&recall, &runs);
    Ok(())
}

fn print_runs(recall: &Recall, runs: &[(Contender, Run, f64)]) {
    let row = |first: &str, cell: &dyn Fn(&(Contender, Run, f64)) -> String| {
        print!("{first:<16}");
        runs.iter().for_each(|run| print!(" {:>14}", cell(run)));
        println!();
    };
    row("", &|(contender, _, _)| contender.name().to_owned());
    row("parameters", &|(_, run, _)| run.parameters.to_string());
    row("learning rate", &|(contender, _, _)| contender.rate().to_string());
    row("seconds", &|(_, _, seconds)| format!("{seconds:.1}"));
    println!();
    println!("error, mean of the batches up to");
    let every = (recall.steps / 12).max(1);
    for end in (every..=recall.steps).step_by(every) {
        row(&end.to_string(), &|(_, run, _)| {
            let losses = &run.losses[end - every..end];
            format!("{:.4}", losses.iter().sum::<f64>() / every as f64)
        });
    }
    row("unseen stories", &|(_, run, _)| format!("{:.4}", run.unseen));
    for (when, before) in [("before", true), ("after", false)] {
        println!();
        println!("how far the answer moves with input k, {when} training");
        let last = recall.length - 1;
        let every = (last / 11).max(1);
        for k in (0..=last).filter(|k| (last - k).is_multiple_of(every)) {
            row(&k.to_string(), &|(_, run, _)| {
                format!("{:.1e}", if before { run.reach_before[k] } else { run.reach_after[k] })
            });
        }
    }
    println!();
    let mut plot = Plot::new("error while training").y_label("error").x_label("batch");
    for (index, (contender, run, _)) in runs.iter().enumerate() {
        let role = [Role::Ink, Role::Reference, Role::Step, Role::State][index % 4];
        let smooth = run.losses.chunks(10).enumerate();
        let points: Vec<(f64, f64)> = smooth
            .map(|(i, chunk)| (10.0 * i as f64, chunk.iter().sum::<f64>() / chunk.len() as f64))
            .collect();
        plot = plot.line(role, contender.name(), &points);
    }
    println!("{}", plot.to_terminal(72, 16));
}
