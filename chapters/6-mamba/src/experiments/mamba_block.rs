//! The command of the page `mamba_block`: what each part of a block owns, computes, hears and costs.

use std::error::Error;
use std::time::Instant;

use burn::tensor::activation::silu;
use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use clap::Args;
use mamba::block_operations::{convolve_silu, convolve_silu_composed};
use mamba::config::MambaConfig;
use mamba::mamba_block::MambaBlock;
use mamba::scan_operations::selective_scan;
use ml_links::testing::{noise, numbers};
use workbench::command_line::count;

/// Steps of the sequence in which one is changed, and which one.
const STEPS: usize = 64;
const CHANGED: usize = 20;

#[derive(Debug, Args)]
pub struct Options {
    /// The width of the stream
    #[arg(long, default_value_t = 128, value_parser = count(8192))]
    d_model: usize,
    /// States of each channel
    #[arg(long, default_value_t = 16, value_parser = count(1024))]
    d_state: usize,
    /// Taps of the convolution
    #[arg(long, default_value_t = 4, value_parser = count(64))]
    taps: usize,
    /// Measures what each part costs on this machine, for a text of so many tokens
    #[arg(long, value_name = "TOKENS", value_parser = count(1 << 16))]
    time: Option<usize>,
}

/// What a part of the block owns and computes.
struct Part {
    name: &'static str,
    shape: String,
    parameters: usize,
    products: usize,
}

fn parts(config: &MambaConfig) -> Vec<Part> {
    let (d_model, d_inner) = (config.hidden_size, config.d_inner());
    let (n, rank, taps) = (config.state_size, config.dt_rank(), config.conv_kernel);
    let matrix = |name, rows: usize, columns: usize, bias: usize| {
        let plus = if bias > 0 { format!(" + {bias}") } else { String::new() };
        Part {
            name,
            shape: format!("{rows} x {columns}{plus}"),
            parameters: rows * columns + bias,
            products: rows * columns,
        }
    };
    // Δa, Āx, (Δu)b and cx for every state; Δu, du and the gate for every channel.
    let scan = Part {
        name: "scan",
        shape: format!("A {d_inner} x {n}, D {d_inner}"),
        parameters: d_inner * n + d_inner,
        products: 4 * d_inner * n + 3 * d_inner,
    };
    vec![
        matrix("in_proj", d_model, 2 * d_inner, 0),
        matrix("conv1d", taps, d_inner, d_inner),
        matrix("x_proj", d_inner, rank + 2 * n, 0),
        matrix("dt_proj", rank, d_inner, d_inner),
        scan,
        matrix("out_proj", d_inner, d_model, 0),
    ]
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let config = MambaConfig {
        hidden_size: options.d_model,
        state_size: options.d_state,
        conv_kernel: options.taps,
        num_hidden_layers: 1,
        ..MambaConfig::default()
    };
    let block = MambaBlock::init(&config, 1, &Device::flex())?;
    println!(
        "d_model {}, d_inner {}, d_state {}, dt_rank {}",
        options.d_model,
        config.d_inner(),
        options.d_state,
        config.dt_rank()
    );
    match options.time {
        Some(tokens) => costs(&block, &parts(&config), tokens),
        None => {
            shares(&parts(&config));
            heard(&block);
        }
    }
    Ok(())
}

fn shares(parts: &[Part]) {
    let sum = |of: fn(&Part) -> usize| parts.iter().map(of).sum::<usize>();
    let (parameters, products) = (sum(|part| part.parameters), sum(|part| part.products));
    println!(
        "{:<9}  {:<18}  {:>10}  {:>6}  {:>15}",
        "part", "shape", "parameters", "share", "products a step"
    );
    for part in parts {
        println!(
            "{:<9}  {:<18}  {:>10}  {:>4.1} %  {:>15}",
            part.name,
            part.shape,
            part.parameters,
            100.0 * part.parameters as f64 / parameters as f64,
            part.products
        );
    }
    println!("{:<9}  {:<18}  {parameters:>10}  {:>6}  {products:>15}", "all", "", "");
}

/// What the block makes of a sequence at its stations: after in_proj, after conv1d, Δ, after the scan, after out_proj.
fn stations(block: &MambaBlock, v: Tensor<3>) -> [(&'static str, Tensor<3>); 5] {
    let [u, z] = block.channels_and_gates(v);
    let s = block.conv1d.forward(u.clone());
    let inputs = block.selected(s.clone(), z);
    let delta = inputs.delta.clone();
    let y = selective_scan(inputs);
    let out = block.out_proj.forward(y.clone());
    [("in_proj", u), ("conv1d", s), ("dt_proj", delta), ("scan", y), ("out_proj", out)]
}

fn heard(block: &MambaBlock) {
    let d_model = block.in_proj.weight.dims()[0];
    let device = Device::flex();
    let v = noise([1, STEPS, d_model], 2, &device);
    let other = noise([1, 1, d_model], 3, &device);
    let changed = v.clone().slice_assign([0..1, CHANGED..CHANGED + 1, 0..d_model], other);
    println!("step {CHANGED} of {STEPS} says something else, and that is heard");
    let stations = stations(block, v).into_iter().zip(stations(block, changed));
    for ((name, before), (_, after)) in stations {
        let change = numbers((after - before).abs().max_dim(2));
        let steps: Vec<usize> = (0..STEPS).filter(|&k| change[k] > 0.0).collect();
        let (first, last) =
            (steps.first().copied().unwrap_or_default(), steps.last().copied().unwrap_or_default());
        let when = if first == last {
            format!("at step {first}")
        } else {
            format!("at steps {first} to {last}")
        };
        println!("after {name:<9}  {when}");
    }
}

/// Milliseconds of one call: the best of many rounds, so that other work falls between them.
fn milliseconds(call: &dyn Fn()) -> f64 {
    let (began, mut best, mut rounds) = (Instant::now(), f64::INFINITY, 0);
    while rounds < 3 || (began.elapsed().as_secs_f64() < 2.0 && rounds < 300) {
        let start = Instant::now();
        call();
        best = best.min(start.elapsed().as_secs_f64());
        rounds += 1;
    }
    1e3 * best
}

fn costs(block: &MambaBlock, parts: &[Part], tokens: usize) {
    let d_model = block.in_proj.weight.dims()[0];
    let v = noise([1, tokens, d_model], 2, &Device::flex());
    let [u, z] = block.channels_and_gates(v.clone());
    let s = block.conv1d.forward(u.clone());
    let inputs = block.selected(s.clone(), z.clone());
    let y = selective_scan(inputs.clone());

    let times = [
        ("in_proj", milliseconds(&|| drop(block.channels_and_gates(v.clone())))),
        ("conv1d", milliseconds(&|| drop(block.conv1d.forward(u.clone())))),
        ("x_proj, dt_proj", milliseconds(&|| drop(block.selected(s.clone(), z.clone())))),
        ("scan", milliseconds(&|| drop(selective_scan(inputs.clone())))),
        ("out_proj", milliseconds(&|| drop(block.out_proj.forward(y.clone())))),
    ];
    let whole = milliseconds(&|| drop(block.forward(v.clone())));
    let sum: f64 = times.iter().map(|(_, time)| time).sum();
    let products = |names: &str| -> usize {
        parts.iter().filter(|part| names.contains(part.name)).map(|part| part.products).sum()
    };
    println!(
        "{tokens} tokens at once\n{:<15}  {:>12}  {:>6}  {:>22}",
        "part", "milliseconds", "share", "products a nanosecond"
    );
    for (names, time) in times {
        println!(
            "{names:<15}  {time:>12.3}  {:>4.1} %  {:>22.1}",
            100.0 * time / sum,
            (tokens * products(names)) as f64 / (1e6 * time)
        );
    }
    println!("{:<15}  {whole:>12.3}", "the block");
    convolutions(block, &u);
}

/// A way to convolve and bend.
type Way = fn(Tensor<3>, Tensor<2>, Tensor<1>) -> Tensor<3>;

/// The convolution in three ways, there, and there and back.
fn convolutions(block: &MambaBlock, u: &Tensor<3>) {
    let ways: [(&str, Way); 3] = [
        ("one walk", convolve_silu),
        ("shifted products", convolve_silu_composed),
        ("burn's conv1d", grouped),
    ];
    let (weight, d_inner) = (block.conv1d.weight.val(), u.dims()[2]);
    let bias = Tensor::zeros([d_inner], &Device::flex());
    let on_tape = (
        Tensor::from_inner(u.clone()).require_grad(),
        Tensor::from_inner(weight.clone()).require_grad(),
        Tensor::from_inner(bias.clone()).require_grad(),
    );
    println!("{:<17}  {:>12}  {:>14}", "the taps", "milliseconds", "there and back");
    for (name, way) in ways {
        let there = milliseconds(&|| drop(way(u.clone(), weight.clone(), bias.clone())));
        let back = milliseconds(&|| {
            let (u, weight, bias) = on_tape.clone();
            drop(way(u, weight, bias).sum().backward());
        });
        println!("{name:<17}  {there:>12.3}  {back:>14.3}");
    }
}

/// The same by burn's convolution, which has channels before time.
fn grouped(u: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
    let [taps, channels] = weight.dims();
    let options = ConvOptions::new_with_padding([1], [(taps - 1, 0)], [1], channels);
    let weight = weight.transpose().unsqueeze_dim(1);
    silu(conv1d(u.swap_dims(1, 2), weight, Some(bias), options).swap_dims(1, 2))
}
