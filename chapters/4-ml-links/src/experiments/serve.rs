//! What `benchmarks/sequences` asks for: the works that it compares with other libraries, timed on request.
//!
//! One line in, one line out: `list`, `shape WORK`, `load WORK`, `time WORK SECONDS`, `result WORK`. Numbers go
//! through files of 32-bit floats in one folder, `WORK-NAME.f32`.

use std::cell::RefCell;
use std::error::Error;
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use ml_links::operations::causal_convolution;
use ml_links::scans::{scan_rows, scan_rows_on_one_core};

use super::scans::{copy_as_many_bytes, one_by_one};

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

    /// Does it once.
    fn once(&mut self) -> Result<(), Box<dyn Error>>;

    /// Does it once, and returns what came out.
    fn result(&mut self) -> Result<Vec<f32>, Box<dyn Error>>;
}

/// Every work, by its name.
fn works() -> Vec<(&'static str, Box<dyn Work>)> {
    let rows = Rc::new(RefCell::new(Rows::default()));
    let scan = |way| -> Box<dyn Work> { Box::new(Scan { way, rows: Rc::clone(&rows) }) };
    vec![
        ("convolution", Box::new(Convolution::default())),
        ("scan", scan(Way::AllCores)),
        ("scan-one-core", scan(Way::OneCore)),
        ("scan-loop", scan(Way::Loop)),
        ("copy", scan(Way::Copy)),
    ]
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
            let least = Duration::from_secs_f64(seconds.parse()?);
            Ok(mean_time(|| work.once(), least)?.to_string())
        }
        ("result", []) => {
            let result = work.result()?;
            let bytes: Vec<u8> = result.iter().flat_map(|value| value.to_le_bytes()).collect();
            fs::write(folder.join(format!("{name}-result.f32")), &bytes)?;
            Ok(result.len().to_string())
        }
        _ => Err(format!("expected shape, load, time or result, found {verb}").into()),
    }
}

/// Seconds for one run: the mean over as many runs as fill this time, at least one.
fn mean_time(
    mut once: impl FnMut() -> Result<(), Box<dyn Error>>,
    least: Duration,
) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut runs = 0;
    while runs == 0 || start.elapsed() < least {
        once()?;
        runs += 1;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(runs))
}

/// The numbers of `NAME.f32`: as many as this shape has.
fn read_numbers(folder: &Path, name: &str, shape: &[usize]) -> Result<Vec<f32>, Box<dyn Error>> {
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
    Ok(values)
}

/// The numbers of `NAME.f32`, as a tensor.
fn read<const D: usize>(
    folder: &Path,
    name: &str,
    shape: [usize; D],
    device: &Device,
) -> Result<Tensor<D>, Box<dyn Error>> {
    Ok(Tensor::from_data(TensorData::new(read_numbers(folder, name, &shape)?, shape), device))
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

    /// Outputs and both gradients.
    fn outcome(&self) -> Vec<Tensor<1>> {
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

    fn once(&mut self) -> Result<(), Box<dyn Error>> {
        drop(self.outcome());
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f32>, Box<dyn Error>> {
        let mut values = Vec::new();
        for tensor in self.outcome() {
            values.extend(
                tensor.into_data().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))?,
            );
        }
        Ok(values)
    }
}

/// The first-order recurrence on a layer's worth of rows, and what it is held against.
struct Scan {
    way: Way,
    rows: Rc<RefCell<Rows>>,
}

/// How the rows are run.
#[derive(Clone, Copy)]
enum Way {
    AllCores,
    OneCore,
    /// The loop that everybody would write, on one core.
    Loop,
    /// As many bytes copied as a scan reads and writes, on all cores: what the memory allows.
    Copy,
}

/// Inputs and states, shared by every way.
#[derive(Default)]
struct Rows {
    a: Vec<f32>,
    b: Vec<f32>,
    x: Vec<f32>,
}

impl Scan {
    const SHAPE: [usize; 3] = [8, 512, 4096];
}

impl Work for Scan {
    fn shape(&self) -> Vec<usize> {
        Self::SHAPE.to_vec()
    }

    fn load(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let read = |name| read_numbers(folder, name, &Self::SHAPE);
        let (a, b) = (read("scan-a")?, read("scan-b")?);
        *self.rows.borrow_mut() = Rows { x: vec![0.0; a.len()], a, b };
        Ok(())
    }

    fn once(&mut self) -> Result<(), Box<dyn Error>> {
        let [batch, channels, length] = Self::SHAPE;
        let initial = vec![0.0; batch * channels];
        let rows = &mut *self.rows.borrow_mut();
        let (a, b, x) = (&rows.a[..], &rows.b[..], &mut rows.x[..]);
        match self.way {
            Way::AllCores => scan_rows(a, b, &initial, x)?,
            Way::OneCore => scan_rows_on_one_core(a, b, &initial, x)?,
            Way::Loop => one_by_one(a, b, x, length),
            Way::Copy => copy_as_many_bytes(a, b, x),
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f32>, Box<dyn Error>> {
        self.once()?;
        Ok(self.rows.borrow().x.clone())
    }
}
