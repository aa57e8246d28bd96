//! The experiment of the page `hardware`: both speeds of this machine, and how near to them each way of scanning comes.

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor};
use clap::Args;
use mamba::gpu_scan::{Division, Plan, example, rung_0, rung_1, rung_2, rung_3};
use mamba::hardware::{
    Report, Roofline, Way, Work, best_of, copy_bandwidth, fused_scan, fused_scan_and_back, peak,
    unfused_scan, wait,
};
use mamba::scan_on_cpu as cpu;
use mamba::scan_operations::{ScanInputs, selective_scan, selective_scan_composed};
use mamba::selective_scan::{self as reference, ScanSlices, Sizes};
use ml_links::testing::numbers;
use ml_links::training::DeviceArguments;
use rayon::ThreadPoolBuilder;
use s4::dplr_operations::on_processor;
use workbench::command_line::count;

/// What is measured.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Sequences
    #[arg(long, default_value_t = 1, value_parser = count(1 << 10))]
    batch: usize,
    /// Steps of each
    #[arg(long, default_value_t = 512, value_parser = count(1 << 20))]
    length: usize,
    /// Channels
    #[arg(long, default_value_t = 512, value_parser = count(1 << 16))]
    channels: usize,
    /// States of each channel
    #[arg(long, default_value_t = 16, value_parser = count(256))]
    states: usize,
    /// The size of a training step instead: 8 x 4096 steps of 1536 channels with 16 states
    #[arg(long, conflicts_with_all = ["batch", "length", "channels", "states"])]
    large: bool,
    /// How often each is timed; the best counts
    #[arg(long, default_value_t = 5, value_parser = count(10_000))]
    rounds: usize,
    /// Megabytes of the array whose copy is timed: more than any cache holds
    #[arg(long, default_value_t = 64, value_parser = count(1 << 14))]
    megabytes: usize,
    /// Draws the roofline into this file
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Draws the roofline here
    #[arg(long, conflicts_with = "json")]
    plot: bool,
    /// One JSON object in place of the table
    #[arg(long)]
    json: bool,
    /// Measures nothing, and shows what `--json` has kept in this file
    #[arg(long)]
    from: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArguments,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let report = match &options.from {
        Some(path) => {
            let named = |error: &dyn Error| format!("{}: {error}", path.display());
            let json = std::fs::read_to_string(path).map_err(|error| named(&error))?;
            Report::read(&json).map_err(|error| named(&error))?
        }
        None => measure(options)?,
    };
    let plot = report.plot("What was measured, under the roof of this machine");
    if let Some(path) = &options.svg {
        std::fs::write(path, plot.to_svg())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print_table(&report),
    }
    if options.plot {
        println!();
        println!("{}", plot.to_terminal(76, 20));
    }
    Ok(())
}

fn measure(options: &Options) -> Result<Report, Box<dyn Error>> {
    let device = options.device.device()?;
    let sizes = match options.large {
        true => Sizes { batch: 8, length: 4096, d_inner: 1536, groups: 1, d_state: 16 },
        false => Sizes {
            batch: options.batch,
            length: options.length,
            d_inner: options.channels,
            groups: 1,
            d_state: options.states,
        },
    };
    Ok(Report {
        device: match on_processor(&device) {
            true => processor(),
            false => super::gpu_scan::name_of(&device),
        },
        sizes: [sizes.batch, sizes.length, sizes.d_inner, sizes.d_state],
        roofline: Roofline {
            bandwidth: copy_bandwidth(&device, options.megabytes << 18, options.rounds),
            peak: peak(&device, 10_000, options.rounds),
        },
        ways: match on_processor(&device) {
            true => of_processor(sizes, options.rounds)?,
            false => of_card(sizes, &device, options.rounds),
        },
    })
}

/// How the processor calls itself, on Linux; and how many threads it has.
fn processor() -> String {
    let threads = rayon::current_num_threads();
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|name| name.split_once(": ")).map_or("a processor", |(_, name)| name);
    format!("{name}, {threads} threads")
}

fn print_table(report: &Report) {
    let [batch, length, channels, states] = report.sizes;
    let Roofline { bandwidth, peak } = report.roofline;
    println!("{}", report.device);
    println!("{:>9.1} GB/s from memory to memory", bandwidth / 1e9);
    println!("{:>9.1} thousand million operations a second in registers", peak / 1e9);
    println!("{:>9.1} operations a byte are where the roof bends", report.roofline.ridge());
    println!();
    println!("{batch} x {length} steps of {channels} channels with {states} states");
    println!();
    println!(
        "{:37} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "", "moves MB", "least MB", "ms", "GB/s", "roof"
    );
    for (way, letter) in report.ways.iter().zip('a'..) {
        println!(
            "{letter}  {:34} {:>9.1} {:>9.1} {:>9.2} {:>9.2} {:>5.1} %",
            way.name,
            way.work.bytes / 1e6,
            way.least.bytes / 1e6,
            1e3 * way.seconds,
            way.least.bytes / way.seconds / 1e9,
            100.0 * report.share(way),
        );
    }
    println!();
    println!("GB/s: the least that must move, by the time it took");
    println!("roof: the share of what this machine could do");
}

/// A way of scanning forth, and what it moves.
fn forth(name: &str, work: Work, sizes: Sizes, seconds: f64) -> Way {
    Way { name: name.to_owned(), work, least: fused_scan(sizes), seconds }
}

/// What moves if u, δ and B are read twice, for the ends of chunks and for their outputs.
fn chunked(sizes: Sizes, chunks: usize) -> Work {
    let fused = fused_scan(sizes);
    let again = 2 * sizes.inputs() + sizes.rows() + 4 * chunks * sizes.states();
    let operations = (sizes.inputs() * (5 * sizes.d_state + 4)) as f64;
    Work { bytes: fused.bytes + 4.0 * again as f64, operations: fused.operations + operations }
}

fn of_card(sizes: Sizes, device: &Device, rounds: usize) -> Vec<Way> {
    let Sizes { batch, length, d_inner, groups, d_state } = sizes;
    let inputs = example([batch, length, d_inner, groups, d_state], device);
    let timed = |rung: &dyn Fn(ScanInputs) -> Tensor<3>| {
        best_of(rounds, || {
            let _y = rung(inputs.clone());
            wait(device);
        })
    };
    let (fused, mut ways) = (fused_scan(sizes), Vec::new());
    // A tensor of all states may be larger than what a card allows; the least that Vulkan promises is 128 MiB.
    if 4 * sizes.inputs() * d_state <= 128 << 20 {
        ways.push(forth("rung 0, in memory", unfused_scan(sizes), sizes, timed(&rung_0)));
    }
    ways.push(forth("rung 1, in registers", fused, sizes, timed(&rung_1)));
    ways.push(forth("rung 2, in tiles", fused, sizes, timed(&rung_2)));
    ways.push(forth("rung 3, one chunk", fused, sizes, timed(&|inputs| rung_3(inputs, 1))));
    let plan = Plan::within(d_state, 32 << 10);
    let chunks = plan.map_or(1, |plan| Division::suited(sizes, plan).chunks);
    if chunks > 1 {
        let seconds = timed(&|inputs| rung_3(inputs, chunks));
        ways.push(forth(
            &format!("rung 3, {chunks} chunks"),
            chunked(sizes, chunks),
            sizes,
            seconds,
        ));
    }
    let trained = example([batch, length, d_inner, groups, d_state], &device.clone().autodiff());
    let trained = ScanInputs { u: trained.u.require_grad(), ..trained };
    let seconds = best_of(rounds, || {
        let _by = selective_scan(trained.clone()).sum().backward();
        wait(device);
    });
    let work = fused_scan_and_back(sizes, plan.map_or(16, |plan| plan.steps));
    ways.push(Way { name: "rung 4, there and back".to_owned(), work, least: work, seconds });
    ways
}

fn of_processor(sizes: Sizes, rounds: usize) -> Result<Vec<Way>, Box<dyn Error>> {
    let Sizes { batch, length, d_inner, groups, d_state } = sizes;
    let inputs = example([batch, length, d_inner, groups, d_state], &Device::flex());
    let mut ways = Vec::new();
    let seconds = best_of(rounds, || drop(black_box(selective_scan_composed(inputs.clone()))));
    ways.push(forth("composed of tensor operations", unfused_scan(sizes), sizes, seconds));

    let parts = [
        numbers(inputs.u),
        numbers(inputs.delta),
        numbers(inputs.a),
        numbers(inputs.b),
        numbers(inputs.c),
        numbers(inputs.d),
        numbers(inputs.z),
        numbers(inputs.delta_bias),
    ];
    let [u, delta, a, b, c, d, z, delta_bias] = &parts;
    let scan = ScanSlices { sizes, u, delta, a, b, c, d, z, delta_bias };
    let rest = vec![0.0; sizes.states()];
    reference::selective_scan(&scan, &rest)?;
    let seconds = best_of(rounds, || drop(black_box(reference::selective_scan(&scan, &rest))));
    let fused = fused_scan(sizes);
    // Its numbers have eight bytes.
    let double = Work { bytes: 2.0 * fused.bytes, ..fused };
    ways.push(forth("the loop, f64, one thread", double, sizes, seconds));

    let single = parts.map(|part| part.into_iter().map(|x| x as f32).collect::<Vec<_>>());
    let [u, delta, a, b, c, d, z, delta_bias] = &single;
    let scan = ScanSlices { sizes, u, delta, a, b, c, d, z, delta_bias };
    let all = rayon::current_num_threads();
    for threads in if all > 1 { vec![1, all] } else { vec![1] } {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        let mut state = vec![0.0; sizes.states()];
        let seconds = pool.install(|| {
            best_of(rounds, || {
                state.fill(0.0);
                drop(black_box(cpu::selective_scan(&scan, &mut state)));
            })
        });
        let name = if threads == 1 { "fused, one thread" } else { "fused, all threads" };
        ways.push(forth(name, fused, sizes, seconds));
    }
    let gradient = vec![1.0; sizes.inputs()];
    let seconds = best_of(rounds, || {
        let (y, kept) = cpu::selective_scan_kept(&scan);
        black_box(y);
        drop(black_box(cpu::selective_scan_adjoint(&scan, &kept, &gradient)));
    });
    let work = fused_scan_and_back(sizes, cpu::STRETCH);
    ways.push(Way { name: "fused, there and back".to_owned(), work, least: work, seconds });
    Ok(ways)
}
