//! The experiment of the page `s4_layer`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use ml_links::operations::causal_convolution;
use ml_links::parameterization::normal;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use s4::dplr_operations::{composed_kernel, dplr_kernel};
use s4::kernel::{KernelSpectrum, s4_kernel, truncate_paired};
use s4::s4_layer::{S4Layer, S4LayerConfig};

use super::{count, seconds};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many channels the layer has
    #[arg(long, default_value_t = 4, value_parser = count(1 << 10), allow_negative_numbers = true)]
    channels: usize,
    /// N, the numbers in the state of each: an even number
    #[arg(long, default_value_t = 64, value_parser = count(256), allow_negative_numbers = true)]
    d_state: usize,
    /// L, for how many steps c̃ is made
    #[arg(long, default_value_t = 784, value_parser = count(1 << 14), allow_negative_numbers = true)]
    length: usize,
    /// Measures the time of a kernel, of its gradient and of a step instead
    #[arg(long)]
    time: bool,
    /// Which random numbers are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.d_state % 2 == 1 {
        return Err(format!("expected an even number of states, found {}", options.d_state).into());
    }
    if options.time {
        return time(options);
    }
    let layer = layer(options, options.channels, &Device::flex());
    faces(&layer, options);
    println!();
    lengths(&double(layer), options)
}

fn layer(options: &Options, channels: usize, device: &Device) -> S4Layer {
    S4LayerConfig::new(channels, options.d_state).with_seed(options.seed).init(device)
}

/// The same layer in double precision.
fn double(layer: S4Layer) -> S4Layer {
    struct Double;
    impl ModuleMapper for Double {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| tensor.cast(FloatDType::F64))
        }
    }
    layer.map(&mut Double)
}

fn noise(shape: [usize; 3], seed: u64, device: &Device, dtype: FloatDType) -> Tensor<3> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| normal(&mut random)).collect();
    Tensor::from_data(TensorData::new(values, shape), (device, dtype.into()))
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The largest difference, relative to the largest number.
fn apart(found: &[f64], expected: &[f64]) -> f64 {
    let largest = expected.iter().fold(0.0_f64, |largest, k| largest.max(k.abs()));
    let off = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    off.fold(0.0, f64::max) / largest
}

/// How far the outputs of both faces are apart.
fn both(layer: &S4Layer, u: Tensor<3>) -> f64 {
    let [batch, ..] = u.dims();
    let mut state = layer.initial_state(batch, &u.device());
    let convolved = numbers(layer.convolve(u.clone()));
    apart(&numbers(layer.walk(u, &mut state)), &convolved)
}

fn faces(layer: &S4Layer, options: &Options) {
    let Options { channels, d_state, seed, .. } = *options;
    println!("Both faces of {channels} channels with N = {d_state} on noise, seed {seed}");
    println!("(how far apart, relative to the largest output)");
    println!();
    println!("{:>8} {:>14} {:>8}", "L", "f32", "f64");
    let exact = double(layer.clone());
    for length in [1, 100, 784, 1000, 5000] {
        let input = |dtype| noise([1, channels, length], seed, &Device::flex(), dtype);
        let single = both(layer, input(FloatDType::F32));
        let double = both(&exact, input(FloatDType::F64));
        // Rounding in f32 depends on the processor: a bound, not a number.
        let bound = format!("below {:.0e}", 10.0_f64.powf(single.max(5e-7).log10().ceil()));
        println!("{length:>8} {bound:>14} {double:>8.0e}");
    }
    let state = layer.initial_state(1, &Device::flex()).x.shape().num_elements() / channels;
    println!();
    println!("A state is {state} numbers a channel, after any number of steps.");
}

/// The kernel's first numbers from c, and from a c̃ that was made for one length.
fn lengths(layer: &S4Layer, options: &Options) -> Result<(), Box<dyn Error>> {
    let length = options.length;
    let deltas = numbers(layer.delta());
    let slowest = (0..deltas.len()).min_by(|&i, &j| deltas[i].total_cmp(&deltas[j])).unwrap_or(0);
    let (modes, c, delta) = layer.channel(slowest);
    let c_tilde = truncate_paired(&modes, &c, delta, length)?;
    let spectrum = KernelSpectrum::<f64>::new(&modes, &c_tilde, delta)?;
    let truth: Vec<f64> = s4_kernel(&modes, &c, delta, 2 * length)?;
    println!("The slowest channel (Δ = {delta:.4}), its c̃ made for {length} steps: how far off is");
    println!();
    println!("{:<34} {:>9} {:>9}", "", "from c", "from c̃");
    for asked in [length.div_ceil(2), length, 2 * length] {
        let ours = numbers(layer.kernel(asked).narrow(0, slowest, 1));
        let (ours, theirs) =
            (apart(&ours, &truth[..asked]), apart(&spectrum.kernel(asked)?, &truth[..asked]));
        println!("{:<34} {ours:>9.0e} {:>9}", format!("a kernel of {asked}"), percent(theirs));
    }
    // What comes out of steps after a single blow is the kernel again.
    let channels = deltas.len();
    let blow = impulse(channels, length).cast(FloatDType::F64);
    let stepped = layer.walk(blow, &mut layer.initial_state(1, &Device::flex()));
    let passed = numbers(layer.d.val())[slowest];
    let mut ours = numbers(stepped)[slowest * length..][..length].to_vec();
    ours[0] -= passed;
    let theirs: Vec<f64> = s4_kernel(&modes, &c_tilde, delta, length)?;
    let [ours, theirs] = [&ours, &theirs].map(|kernel| apart(kernel, &truth[..length]));
    println!("{:<34} {ours:>9.0e} {:>9}", "steps", percent(theirs));
    Ok(())
}

/// A 1 and then nothing, in each channel.
fn impulse(channels: usize, length: usize) -> Tensor<3> {
    let mut blows = vec![0.0_f32; channels * length];
    blows.iter_mut().step_by(length).for_each(|first| *first = 1.0);
    Tensor::from_data(TensorData::new(blows, [1, channels, length]), &Device::flex())
}

fn percent(share: f64) -> String {
    if share < 1e-9 { format!("{share:.0e}") } else { format!("{:.1} %", 100.0 * share) }
}

fn time(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { d_state, length, seed, .. } = *options;
    let (channels, batch) = (128, 128);
    let (device, autodiff) = (Device::flex(), Device::flex().autodiff());
    let plain = layer(options, channels, &device);
    let modes = plain.modes();
    println!(
        "Milliseconds for {channels} channels, N = {d_state}, L = {length}, f32 tensors, all cores"
    );
    println!("(the best of many rounds)");
    println!();
    println!("{:<50} {:>9} {:>16}", "", "there", "there and back");
    let row = |name: &str, there: f64, both: Option<f64>| {
        let both = both.map_or("-".to_owned(), |both| format!("{both:.1}"));
        println!("{name:<50} {there:>9.1} {both:>16}");
    };
    let back = |kernel: fn(Tensor<3>, usize) -> Tensor<2>| {
        1e3 * seconds(|| {
            let leaf = Tensor::<3>::from_data(modes.clone().into_data(), &autodiff).require_grad();
            let grads = kernel(leaf.clone(), length).sum().backward();
            black_box(leaf.grad(&grads));
        })
    };
    let there = |kernel: fn(Tensor<3>, usize) -> Tensor<2>| {
        1e3 * seconds(|| drop(black_box(kernel(modes.clone(), length).into_data())))
    };
    row("kernel, an operation of our own", there(dplr_kernel), Some(back(dplr_kernel)));
    row("kernel, composed", there(composed_kernel), Some(back(composed_kernel)));
    let blow = impulse(channels, length);
    let stepped = 1e3
        * seconds(|| {
            let mut state = plain.initial_state(1, &device);
            drop(black_box(plain.walk(blow.clone(), &mut state).into_data()));
        });
    row("kernel, by steps", stepped, None);
    let u = noise([batch, channels, length], seed, &device, FloatDType::F32);
    let kernel = plain.kernel(length);
    let convolved = 1e3
        * seconds(|| {
            drop(black_box(causal_convolution(u.clone(), kernel.clone()).into_data()));
        });
    let convolved_back = 1e3
        * seconds(|| {
            let u = Tensor::<3>::from_data(u.clone().into_data(), &autodiff).require_grad();
            let kernel =
                Tensor::<2>::from_data(kernel.clone().into_data(), &autodiff).require_grad();
            let grads = causal_convolution(u.clone(), kernel.clone()).sum().backward();
            black_box((u.grad(&grads), kernel.grad(&grads)));
        });
    row(&format!("convolution with it, batch {batch}"), convolved, Some(convolved_back));

    println!();
    println!("Microseconds of a step of the layer, batch 1");
    println!();
    println!("{:<50} {:>9}", "after so many steps", "µs");
    let one = Tensor::<2>::ones([1, channels], &device);
    let (mut state, mut age) = (plain.initial_state(1, &device), 0);
    for until in [1_000, 10_000, 100_000] {
        for _ in age..until - 500 {
            black_box(plain.step(one.clone(), &mut state));
        }
        let start = Instant::now();
        for _ in 0..500 {
            black_box(plain.step(one.clone(), &mut state));
        }
        println!("{until:<50} {:>9.1}", 1e6 * start.elapsed().as_secs_f64() / 500.0);
        age = until;
    }
    Ok(())
}
