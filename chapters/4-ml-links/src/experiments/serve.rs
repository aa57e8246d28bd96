//! What `benchmarks/sequences` asks for: the works that it compares with other libraries, timed on request.
//!
//! One line in, one line out: `list`, `shape WORK`, `load WORK`, `time WORK SECONDS`, `result WORK`. Numbers go
//! through files of 32-bit floats in one folder, `WORK-NAME.f32`.

use std::error::Error;
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use ml_links::operations::causal_convolution;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the inputs are read and the results are written
    folder: PathBuf,
}

/// Something that is timed.
trait Work {
    /// Sizes of its input, for the driver to draw.
    fn shape(&self) -> Vec<usize>;

    /// Reads its inputs from the folder.
    fn load(&mut self, folder: &Path) -> Result<(), Box<dyn Error>>;

    /// Does it once, and returns what came out.
    fn once(&self) -> Vec<Tensor<1>>;
}

/// Every work, by its name.
fn works() -> Vec<(&'static str, Box<dyn Work>)> {
    vec![("convolution", Box::new(Convolution::default()))]
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut works = works();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match answer(&mut works, &words, &options.folder) {
            Ok(answer) => answer,
            Err(error) => format!("error: {error}"),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(
    works: &mut [(&'static str, Box<dyn Work>)],
    words: &[&str],
    folder: &Path,
) -> Result<String, Box<dyn Error>> {
    if words == ["list"] {
        return Ok(works.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" "));
    }
    let [verb, name, rest @ ..] = words else {
        return Err("expected a verb and a work".into());
    };
    let (_, work) = works
        .iter_mut()
        .find(|(known, _)| known == name)
        .ok_or_else(|| format!("no work is called {name}"))?;
    match (*verb, rest) {
        ("shape", []) => {
            Ok(work.shape().iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        }
        ("load", []) => work.load(folder).map(|()| "loaded".to_owned()),
        ("time", [seconds]) => {
            Ok(mean_time(|| drop(work.once()), Duration::from_secs_f64(seconds.parse()?))
                .to_string())
        }
        ("result", []) => {
            let mut bytes = Vec::new();
            for tensor in work.once() {
                let values =
                    tensor.into_data().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))?;
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            fs::write(folder.join(format!("{name}-result.f32")), &bytes)?;
            Ok((bytes.len() / 4).to_string())
        }
        _ => Err(format!("expected shape, load, time or result, found {verb}").into()),
    }
}

/// Seconds for one run: the mean over as many runs as fill this time, at least one.
fn mean_time(mut once: impl FnMut(), least: Duration) -> f64 {
    let start = Instant::now();
    let mut runs = 0;
    while runs == 0 || start.elapsed() < least {
        once();
        runs += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(runs)
}

/// The numbers of `NAME.f32`, as a tensor.
fn read<const D: usize>(
    folder: &Path,
    name: &str,
    shape: [usize; D],
    device: &Device,
) -> Result<Tensor<D>, Box<dyn Error>> {
    let bytes = fs::read(folder.join(format!("{name}.f32")))?;
    let values: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    if values.len() != shape.iter().product::<usize>() {
        return Err(
            format!("expected {name} to be {shape:?}, found {} numbers", values.len()).into()
        );
    }
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

/// The causal convolution of a batch with a kernel a channel, and the gradients of both.
#[derive(Default)]
struct Convolution {
    /// Input, kernel, and the gradient that comes back from the outputs.
    inputs: Option<(Tensor<3>, Tensor<2>, Tensor<3>)>,
}

impl Convolution {
    const BATCH: usize = 32;
    const CHANNELS: usize = 64;
    const LENGTH: usize = 1024;
}

impl Work for Convolution {
    fn shape(&self) -> Vec<usize> {
        vec![Self::BATCH, Self::CHANNELS, Self::LENGTH]
    }

    fn load(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let device = Device::flex().autodiff();
        let signal = [Self::BATCH, Self::CHANNELS, Self::LENGTH];
        let u = read(folder, "convolution-u", signal, &device)?.require_grad();
        let kernel = read(folder, "convolution-kernel", [Self::CHANNELS, Self::LENGTH], &device)?
            .require_grad();
        let gradient = read(folder, "convolution-gradient", signal, &device)?;
        self.inputs = Some((u, kernel, gradient));
        Ok(())
    }

    fn once(&self) -> Vec<Tensor<1>> {
        let Some((u, kernel, gradient)) = &self.inputs else {
            return Vec::new();
        };
        let y = causal_convolution(u.clone(), kernel.clone());
        let gradients = (y.clone() * gradient.clone()).sum().backward();
        let flat = |tensor: Option<Tensor<1>>| tensor.into_iter();
        let of_u = u.grad(&gradients).map(|tensor| tensor.flatten(0, 2));
        let of_kernel = kernel.grad(&gradients).map(|tensor| tensor.flatten(0, 1));
        std::iter::once(y.inner().flatten(0, 2)).chain(flat(of_u)).chain(flat(of_kernel)).collect()
    }
}
