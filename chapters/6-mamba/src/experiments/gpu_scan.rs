//! The experiment of the page `gpu_scan`: every rung of the ladder, what it loses and what it costs.

use std::error::Error;

use burn::tensor::{Device, Tensor, TensorData};
use clap::Args;
use mamba::gpu_scan::{Division, Plan, example, rung_0, rung_1, rung_2, rung_3};
use mamba::hardware::{best_of, wait};
use mamba::scan_operations::{ScanInputs, selective_scan};
use mamba::selective_scan::{self as reference, ScanGradients, ScanSlices, Sizes};
use ml_links::testing::{apart, noise, numbers};
use ml_links::training::{Backend, DeviceArguments};
use workbench::command_line::count;

/// What is scanned.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Sequences
    #[arg(long, default_value_t = 2, value_parser = count(1 << 10))]
    batch: usize,
    /// Steps of each
    #[arg(long, default_value_t = 200, value_parser = count(1 << 20))]
    length: usize,
    /// Channels
    #[arg(long, default_value_t = 48, value_parser = count(1 << 16))]
    channels: usize,
    /// States of each channel
    #[arg(long, default_value_t = 16, value_parser = count(256))]
    states: usize,
    /// Measures what each rung costs, too (add --release after cargo run)
    #[arg(long)]
    time: bool,
    /// With --time: how often each rung is timed; the best counts
    #[arg(long, default_value_t = 10, value_parser = count(10_000), requires = "time")]
    rounds: usize,
    /// Leaves rung 0 out, whose tensors may be larger than a card allows
    #[arg(long)]
    without_rung_0: bool,
}

/// What a card calls itself.
pub fn name_of(device: &Device) -> String {
    device.identity().map_or("a card without a name".to_owned(), |identity| identity.name)
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let &Options { batch, length, channels, states, .. } = options;
    let device = DeviceArguments { backend: Backend::Wgpu }.device()?;
    let sizes = Sizes { batch, length, d_inner: channels, groups: 1, d_state: states };
    println!(
        "{} · {batch} x {length} steps of {channels} channels with {states} states",
        name_of(&device)
    );
    println!(
        "off by: the largest error, beside the largest number of the loop in f64 on the processor"
    );
    println!();
    println!("{:46} {:>8} {}", "rung", "off by", if options.time { "      ms" } else { "" });

    let inputs = example([batch, length, channels, 1, states], &device);
    let exact = Exact::of(&inputs, sizes)?;
    let row = |name: &str, off: f64, run: &dyn Fn()| {
        let time = match options.time {
            true => format!("{:9.2}", 1e3 * best_of(options.rounds, run)),
            false => String::new(),
        };
        println!("{name:46} {:>8}{time}", power(off));
    };
    let forward = |name: &str, rung: &dyn Fn(ScanInputs) -> Tensor<3>| {
        let off = apart(&numbers(rung(inputs.clone())), &exact.y);
        row(name, off, &|| {
            let _y = rung(inputs.clone());
            wait(&device);
        });
    };
    if !options.without_rung_0 {
        forward("0  composed, every state in memory", &rung_0);
    }
    forward("1  one walk, states in registers", &rung_1);
    forward("2  tiles in shared memory", &rung_2);
    forward("3  states shared by neighbours, one chunk", &|inputs| rung_3(inputs, 1));
    let chunks = chunks_of(sizes);
    forward(&format!("3  and chunks of time, {chunks}"), &|inputs| rung_3(inputs, chunks));
    forward("4  the operation, forth", &selective_scan);

    let trained = Trained::of(&inputs, &device);
    for (name, off) in trained.errors(&exact) {
        row(&format!("4  and back, gradient by {name}"), off, &|| {
            trained.gradients();
            wait(&device);
        });
        if options.time {
            break; // All come at once.
        }
    }
    Ok(())
}

/// As many as the operation takes, but at least three, so that there is something to see.
fn chunks_of(sizes: Sizes) -> usize {
    let plan = Plan::within(sizes.d_state, 32 << 10);
    plan.map_or(3, |plan| Division::suited(sizes, plan).chunks.max(3))
}

/// A power of ten that the error stays below: of rounding only the size means something.
fn power(off: f64) -> String {
    match off {
        off if off.is_nan() => "NaN".to_owned(),
        off => format!("1e{}", off.max(1e-17).log10().ceil()),
    }
}

/// The loop in double precision, there and back.
struct Exact {
    y: Vec<f64>,
    by: ScanGradients<f64>,
    /// ∂L/∂y.
    weights: Vec<f64>,
}

impl Exact {
    fn of(inputs: &ScanInputs, sizes: Sizes) -> Result<Self, Box<dyn Error>> {
        let parts = [
            numbers(inputs.u.clone()),
            numbers(inputs.delta.clone()),
            numbers(inputs.a.clone()),
            numbers(inputs.b.clone()),
            numbers(inputs.c.clone()),
            numbers(inputs.d.clone()),
            numbers(inputs.z.clone()),
            numbers(inputs.delta_bias.clone()),
        ];
        let [u, delta, a, b, c, d, z, delta_bias] = &parts;
        let scan = ScanSlices { sizes, u, delta, a, b, c, d, z, delta_bias };
        let rest = vec![0.0; sizes.states()];
        let weights = numbers(weights(inputs.u.dims(), &Device::flex()));
        Ok(Self {
            y: reference::selective_scan(&scan, &rest)?.y,
            by: reference::selective_scan_adjoint(&scan, &rest, &weights)?,
            weights,
        })
    }
}

/// The gradient that comes from above.
fn weights(shape: [usize; 3], device: &Device) -> Tensor<3> {
    noise(shape, 7, device)
}

/// Inputs that are all trained.
struct Trained {
    inputs: ScanInputs,
    weights: Tensor<3>,
}

impl Trained {
    fn of(inputs: &ScanInputs, device: &Device) -> Self {
        let device = device.clone().autodiff();
        fn leaf<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
            let data = TensorData::new(
                numbers(tensor.clone()).into_iter().map(|x| x as f32).collect::<Vec<_>>(),
                tensor.dims(),
            );
            Tensor::from_data(data, device).require_grad()
        }
        let weights = weights(inputs.u.dims(), &device);
        let inputs = ScanInputs {
            u: leaf(&inputs.u, &device),
            delta: leaf(&inputs.delta, &device),
            a: leaf(&inputs.a, &device),
            b: leaf(&inputs.b, &device),
            c: leaf(&inputs.c, &device),
            d: leaf(&inputs.d, &device),
            z: leaf(&inputs.z, &device),
            delta_bias: leaf(&inputs.delta_bias, &device),
        };
        Self { inputs, weights }
    }

    fn gradients(&self) -> burn::tensor::Gradients {
        (selective_scan(self.inputs.clone()) * self.weights.clone()).sum().backward()
    }

    /// By what, and how far off.
    fn errors(&self, exact: &Exact) -> Vec<(&'static str, f64)> {
        let by = self.gradients();
        let off = |found: Option<Vec<f64>>, exact: &[f64]| {
            found.map_or(f64::NAN, |found| apart(&found, exact))
        };
        let ScanInputs { u, delta, a, b, c, d, z, delta_bias } = &self.inputs;
        debug_assert_eq!(exact.weights.len(), exact.y.len());
        vec![
            ("u", off(u.grad(&by).map(numbers), &exact.by.u)),
            ("δ", off(delta.grad(&by).map(numbers), &exact.by.delta)),
            ("A", off(a.grad(&by).map(numbers), &exact.by.a)),
            ("B", off(b.grad(&by).map(numbers), &exact.by.b)),
            ("C", off(c.grad(&by).map(numbers), &exact.by.c)),
            ("D", off(d.grad(&by).map(numbers), &exact.by.d)),
            ("z", off(z.grad(&by).map(numbers), &exact.by.z)),
            ("the bias of δ", off(delta_bias.grad(&by).map(numbers), &exact.by.delta_bias)),
        ]
    }
}
