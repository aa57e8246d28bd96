//! *A model has only ever guessed the next number. Can it go on alone?*
//!
//! A sum of m sines follows from its last 2m values, by fixed weights:
//!
//! ```text
//! u_k = Σ_{j=1}^{2m} w_j u_{k-j},      1 - Σ w_j z⁻ʲ = Π_i (1 - 2 cos ωᵢ z⁻¹ + z⁻²)      (eq-4-8)
//! ```
//!
//! So a machine with enough states can learn to go on: [`train`] teaches a [`Forecaster`] to guess the next value at every
//! step of a window, all steps at once, and [`go_on`] lets it hear its own guesses.
//! [`StateSpaceForecaster`] is a stack of [`DiagonalStateSpace`] layers, [`RecurrentForecaster`] a recurrent network of
//! the same size; [`LinearAutoregression`] and the last value are what both have to beat.
//!
//! Conventions: series are standardised by the mean and the deviation of what is trained on. A guess at step k is
//! about step k + 1.

use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData, activation};
use ml_links::parameterization::{
    DiagonalState, DiagonalStateSpace, DiagonalStateSpaceConfig, normal, time_scales,
};
use ml_links::recurrent_networks::{RecurrentNetwork, RecurrentNetworkConfig, Unit};
use ml_links::training::{ParameterGroup, Recipe, StepReport, Trainer, TrainingError};
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// Why a series cannot be read or continued.
#[derive(Debug, Error)]
pub enum SeriesError {
    /// A file that cannot be opened or is no CSV.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No such column.
    #[error("expected a column {column} in {path}, found {found}")]
    NoColumn {
        /// The column asked for.
        column: String,
        /// Which file.
        path: PathBuf,
        /// What there is.
        found: String,
    },
    /// A cell that is no number.
    #[error("expected a finite number in line {line} of {path}, found {found:?}")]
    NotANumber {
        /// The line, from 1.
        line: u64,
        /// Which file.
        path: PathBuf,
        /// What stands there.
        found: String,
    },
    /// Too few values.
    #[error("expected at least {needed} values ({reason}), found {found}")]
    TooShort {
        /// How many are needed.
        needed: usize,
        /// For what.
        reason: String,
        /// How many there are.
        found: usize,
    },
    /// Training that had to stop.
    #[error(transparent)]
    Training(#[from] TrainingError),
}

/// A sine: its period in steps, its amplitude and its phase.
///
/// ```
/// use ml_links::sequence_prediction::{Wave, mixture};
///
/// let wave = Wave { period: 4.0, amplitude: 2.0, phase: 0.0 };
/// let u = mixture(&[wave], 4);
/// assert!((u[1] - 2.0).abs() < 1e-15 && (u[3] + 2.0).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wave {
    /// Steps until it comes again.
    pub period: f64,
    /// How high it is.
    pub amplitude: f64,
    /// Where it begins, in radians.
    pub phase: f64,
}

impl Wave {
    /// Radians a step.
    pub fn omega(&self) -> f64 {
        TAU / self.period
    }
}

/// The first values of a sum of sines.
///
/// See [`Wave`] for an example.
pub fn mixture(waves: &[Wave], length: usize) -> Vec<f64> {
    let at = |k: usize| {
        waves.iter().map(|w| w.amplitude * (w.omega() * k as f64 + w.phase).sin()).sum::<f64>()
    };
    (0..length).map(at).collect()
}

/// Sines with periods of 8 to 80 steps, each period at least a fifth longer than the one before.
///
/// ```
/// use ml_links::sequence_prediction::random_waves;
///
/// let waves = random_waves(4, 7);
/// assert!(waves.windows(2).all(|pair| pair[1].period >= 1.2 * pair[0].period));
/// ```
pub fn random_waves(count: usize, seed: u64) -> Vec<Wave> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // The decade is cut into as many parts as there are waves; a period falls into the upper end of its part.
    let part = 10_f64.ln() / count.max(1) as f64;
    let margin = 1.2_f64.ln().min(0.9 * part);
    let mut wave = |i: usize| Wave {
        period: 8.0 * (part * i as f64 + random.random_range(margin..=part)).exp(),
        amplitude: random.random_range(0.5..1.5),
        phase: random.random_range(0.0..TAU),
    };
    (0..count).map(&mut wave).collect()
}

/// White blood cells over the days, when the body makes them by how many there were 17 days ago.
///
/// ```text
/// x'(t) = 0.2 x(t - 17) / (1 + x(t - 17)¹⁰) - 0.1 x(t),      x(t) = start for t <= 0
/// ```
///
/// The first value is that of day 0. No two of its waves are alike: the series is chaotic, though slowly.
///
/// - *Exact* to 1e-5 in the first weeks: ten steps a day of order 4, the delayed value between two of them by a cubic, which
///   is worst about the bend at day 0.
/// - *Breaks* for a negative start, at which there is nothing to count.
///
/// Source: M. C. Mackey, L. Glass, *Oscillation and chaos in physiological control systems* (1977), with the delay of
/// J. D. Farmer (1982).
///
/// ```
/// use ml_links::sequence_prediction::blood_cells;
///
/// assert!(blood_cells(1.0, 400).iter().all(|&x| x == 1.0)); // as many as die are made
/// let x = blood_cells(1.01, 400); // and no longer, if there is one in a hundred more
/// assert!(x.iter().any(|&x| x > 1.2) && x.iter().any(|&x| x < 0.7));
/// ```
pub fn blood_cells(start: f64, length: usize) -> Vec<f64> {
    const A_DAY: usize = 10;
    const DELAY: usize = 17 * A_DAY;
    let h = 1.0 / A_DAY as f64;
    let made = |then: f64| 0.2 * then / (1.0 + then.powi(10));
    let mut x = vec![start; DELAY + 2];
    while x.len() < DELAY + 2 + A_DAY * length {
        let (now, then) = (x[x.len() - 1], &x[x.len() - DELAY - 2..]);
        // Halfway between two steps: a cubic through four, so that no order is lost.
        let halfway = (9.0 * (then[1] + then[2]) - then[0] - then[3]) / 16.0;
        let [begin, middle, end] = [then[1], halfway, then[2]].map(made);
        let k_1 = begin - 0.1 * now;
        let k_2 = middle - 0.1 * (now + 0.5 * h * k_1);
        let k_3 = middle - 0.1 * (now + 0.5 * h * k_2);
        let k_4 = end - 0.1 * (now + h * k_3);
        x.push(now + h / 6.0 * (k_1 + 2.0 * (k_2 + k_3) + k_4));
    }
    x.into_iter().skip(DELAY + 1).step_by(A_DAY).take(length).collect()
}

/// Independent normal numbers.
///
/// ```
/// use ml_links::sequence_prediction::noise;
///
/// let drawn = noise(10_000, 3);
/// assert!(drawn.iter().sum::<f64>().abs() < 400.0);
/// ```
pub fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x006e_6f69_7365);
    (0..count).map(|_| normal(&mut random)).collect()
}

/// The root of the mean square of what two series differ by.
///
/// ```
/// use ml_links::sequence_prediction::root_mean_square;
///
/// assert_eq!(root_mean_square(&[1.0, 2.0], &[4.0, -1.0]), 3.0);
/// ```
pub fn root_mean_square(found: &[f64], expected: &[f64]) -> f64 {
    let squares = found.iter().zip(expected).map(|(found, expected)| (found - expected).powi(2));
    (squares.sum::<f64>() / expected.len().max(1) as f64).sqrt()
}

/// The weights w of eq-4-8, the most recent value first: a sum of these sines follows from its last values.
///
/// ```
/// use ml_links::sequence_prediction::{Wave, mixture, sine_weights};
///
/// let waves = [Wave { period: 9.0, amplitude: 1.0, phase: 0.3 }, Wave { period: 31.0, amplitude: 0.5, phase: 2.0 }];
/// let (w, u) = (sine_weights(&waves), mixture(&waves, 5));
/// let next: f64 = w.iter().zip(u[..4].iter().rev()).map(|(w, u)| w * u).sum();
/// assert!((next - u[4]).abs() < 1e-14);
/// ```
// ANCHOR: sine_weights
pub fn sine_weights(waves: &[Wave]) -> Vec<f64> {
    // The product of 1 - 2 cos ω z⁻¹ + z⁻², a factor at a time: each has the poles e^{±iω}.
    let mut product = vec![1.0];
    for wave in waves {
        let factor = [1.0, -2.0 * wave.omega().cos(), 1.0];
        let mut longer = vec![0.0; product.len() + 2];
        for (i, p) in product.iter().enumerate() {
            for (j, f) in factor.iter().enumerate() {
                longer[i + j] += p * f;
            }
        }
        product = longer;
    }
    product[1..].iter().map(|p| -p).collect()
}
// ANCHOR_END: sine_weights

/// A column of a CSV file, by its name or by its number, counted from 1.
///
/// The first row is taken for names where its cell is no number, or is the name asked for and stands beside a word.
/// Empty lines are skipped.
///
/// # Errors
/// [`SeriesError::Unreadable`], [`SeriesError::NoColumn`], and [`SeriesError::NotANumber`] with the line, also for
/// NaN, an infinity and a row that is too short.
///
/// ```
/// use ml_links::sequence_prediction::read_column;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("lake.csv");
/// std::fs::write(&path, "day,level\n1,2.5\n2,2.75\n")?;
/// assert_eq!(read_column(&path, "level")?, [2.5, 2.75]);
/// assert_eq!(read_column(&path, "1")?, [1.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_column(path: &Path, column: &str) -> Result<Vec<f64>, SeriesError> {
    let unreadable = |reason: String| SeriesError::Unreadable { path: path.to_owned(), reason };
    let bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(&bytes[..]);
    let mut rows = reader.records();
    let first = rows.next().ok_or_else(|| unreadable("it is empty".to_owned()))?;
    let first = first.map_err(|error| unreadable(error.to_string()))?;

    // Which cell, and whether the first row names it.
    let bare = |cell: &str| cell.trim_start_matches('\u{feff}').to_owned();
    let names: Vec<String> = first.iter().map(bare).collect();
    let is_number = |cell: &String| cell.parse::<f64>().is_ok();
    let named = !names.iter().all(is_number);
    let by_name = names.iter().position(|name| named && name == column);
    let by_number =
        || column.parse().ok().filter(|n| (1..=names.len()).contains(n)).map(|n: usize| n - 1);
    let index = by_name.or_else(by_number).ok_or_else(|| SeriesError::NoColumn {
        column: column.to_owned(),
        path: path.to_owned(),
        found: names.join(", "),
    })?;
    let is_header = by_name.is_some() || !is_number(&names[index]);

    // For the reader of the file, a row begins with the empty lines before it.
    let line = |position: &csv::Position| {
        let rest = bytes.iter().skip(position.byte() as usize);
        let empty = rest.take_while(|byte| b"\r\n".contains(byte));
        position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
    };
    let mut values = Vec::new();
    for row in std::iter::once(Ok(first)).chain(rows).skip(usize::from(is_header)) {
        let row = row.map_err(|error| unreadable(error.to_string()))?;
        let line = row.position().map_or(0, line);
        let cell = row.get(index).map(bare).unwrap_or_default();
        let value = cell.parse::<f64>().ok().filter(|value| value.is_finite());
        values.push(value.ok_or(SeriesError::NotANumber {
            line,
            path: path.to_owned(),
            found: cell,
        })?);
    }
    Ok(values)
}

/// What a series is measured in: its mean and its deviation.
///
/// ```
/// use ml_links::sequence_prediction::Scale;
///
/// let scale = Scale::of(&[1.0, 3.0]);
/// assert_eq!((scale.to(3.0), scale.from(-1.0)), (1.0, 1.0));
/// assert_eq!(Scale::of(&[0.1; 3]).deviation, 1.0); // nothing moves: nothing is divided by 0, or by rounding
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// What is subtracted.
    pub mean: f64,
    /// What is divided by.
    pub deviation: f64,
}

impl Scale {
    /// The mean and the deviation of these values.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let moves = variance.sqrt() > 1e-12 * mean.abs();
        Self { mean, deviation: if moves { variance.sqrt() } else { 1.0 } }
    }

    /// In deviations from the mean.
    pub fn to(&self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }

    /// Back in the units of the series.
    pub fn from(&self, value: f64) -> f64 {
        self.mean + self.deviation * value
    }
}

/// A linear autoregression: the next value is a weighted sum of the last ones, and a constant.
///
/// ```text
/// û_{k+1} = b + Σ_{j=1}^{p} w_j u_{k+1-j},      (w, b) = argmin Σ_k (û_{k+1} - u_{k+1})²
/// ```
///
/// - *Exact when* the series is a sum of at most p/2 sines (eq-4-8), or the free motion of any linear system with p states.
/// - *Breaks* beside noise on what it hears: it trusts all of it less, and its waves fade.
/// - Cost O(n p²) for n values, once; O(p) a step.
///
/// ```
/// use ml_links::sequence_prediction::{LinearAutoregression, mixture, random_waves};
///
/// let u = mixture(&random_waves(3, 1), 400);
/// let line = LinearAutoregression::fit(&u[..300], 6)?;
/// let next = line.go_on(&u[..300], 100);
/// assert!(next.iter().zip(&u[300..]).all(|(found, u)| (found - u).abs() < 1e-6));
/// # Ok::<(), ml_links::sequence_prediction::SeriesError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LinearAutoregression {
    /// What the last values count, the most recent first.
    pub weights: Vec<f64>,
    /// What is added.
    pub constant: f64,
}

// ANCHOR: fit
impl LinearAutoregression {
    /// By least squares; of many weights that do equally well (pure sines), the smallest.
    ///
    /// # Errors
    /// [`SeriesError::TooShort`] for fewer than two equations an unknown.
    pub fn fit(u: &[f64], order: usize) -> Result<Self, SeriesError> {
        let (needed, found) = (order.saturating_mul(3).saturating_add(2), u.len());
        if found < needed {
            let reason = format!("two equations for each of {order} weights and a constant");
            return Err(SeriesError::TooShort { needed, reason, found });
        }
        // A row is what came before a value, the latest first; the 1 is for the constant.
        let heard = |k: usize, j: usize| if j < order { u[k + order - 1 - j] } else { 1.0 };
        let past = DMatrix::from_fn(found - order, order + 1, heard).svd(true, true);
        let next = DVector::from_column_slice(&u[order..]);
        let rounding = 1e-12 * past.singular_values.max();
        let weights = past.solve(&next, rounding).unwrap_or_else(|_| DVector::zeros(order + 1));
        Ok(Self { weights: weights.as_slice()[..order].to_vec(), constant: weights[order] })
    }
}
// ANCHOR_END: fit

impl LinearAutoregression {
    /// What comes after a past that is at least as long as there are weights.
    pub fn next(&self, past: &[f64]) -> f64 {
        let heard = self.weights.iter().zip(past.iter().rev());
        self.constant + heard.map(|(w, u)| w * u).sum::<f64>()
    }

    /// The next values, each from the guesses before it.
    pub fn go_on(&self, past: &[f64], steps: usize) -> Vec<f64> {
        let mut heard = past.to_vec();
        for _ in 0..steps {
            heard.push(self.next(&heard));
        }
        heard.split_off(past.len())
    }

    /// Guesses of the values after a past, each told what really came before it.
    pub fn told(&self, past: &[f64], truth: &[f64]) -> Vec<f64> {
        let heard: Vec<f64> = past.iter().chain(truth).copied().collect();
        (past.len()..heard.len()).map(|k| self.next(&heard[..k])).collect()
    }
}

/// A model that guesses the next value at every step, and can be run one step at a time.
///
/// See [`StateSpaceForecaster`] for an example.
pub trait Forecaster: Module {
    /// What it remembers between two steps.
    type State;

    /// The guesses at all steps at once, from rest: `[batch, length]`, of `[batch, length]`.
    fn guesses(&self, u: Tensor<2>) -> Tensor<2>;

    /// Nothing heard yet.
    fn rest(&self) -> Self::State;

    /// One value is heard, `[1, 1]`; the next one is guessed.
    fn guess(&self, u_k: Tensor<2>, state: &mut Self::State) -> Tensor<2>;

    /// Guesses of the values after a past, each told what really came before it.
    fn told(&self, past: &[f64], truth: &[f64]) -> Vec<f64> {
        let device = self.devices().first().cloned().unwrap_or_default();
        let heard: Vec<f32> = past.iter().chain(truth).map(|&u| u as f32).collect();
        let u = Tensor::<1>::from_floats(&heard[..], &device).unsqueeze();
        let guesses: Vec<f64> = self.guesses(u).into_data().iter::<f64>().collect();
        // The guess about the first value after the past is made at the end of the past.
        guesses[past.len() - 1..heard.len() - 1].to_vec()
    }
}

/// What a forecaster says when it hears a past, and then itself: the next `steps` values.
///
/// See [`StateSpaceForecaster`] for an example.
// ANCHOR: go_on
pub fn go_on<F: Forecaster>(model: &F, past: &[f64], steps: usize) -> Vec<f64> {
    let device = model.devices().first().cloned().unwrap_or_default();
    let (mut state, mut guess) = (model.rest(), 0.0);
    let mut next = Vec::with_capacity(steps);
    for k in 0..(past.len() + steps).saturating_sub(1) {
        let heard = past.get(k).map_or(guess, |&u| u as f32);
        let u_k = Tensor::<2>::from_floats([[heard]], &device);
        guess = model.guess(u_k, &mut state).into_scalar::<f32>();
        if k + 1 >= past.len() {
            next.push(f64::from(guess));
        }
    }
    next
}
// ANCHOR_END: go_on

/// How large a [`StateSpaceForecaster`] is.
///
/// ```
/// use burn::module::Module;
/// use burn::tensor::Device;
/// use ml_links::sequence_prediction::StateSpaceForecasterConfig;
///
/// let model = StateSpaceForecasterConfig::new(8, 16, 2).init(&Device::flex());
/// assert_eq!(model.num_params(), 2 * (8 * (4 * 8 + 2) + 8 * 8 + 8) + 2 * 8 + 8 + 1);
/// ```
#[derive(Config, Debug)]
pub struct StateSpaceForecasterConfig {
    /// How many systems stand side by side.
    pub channels: usize,
    /// The states of each.
    pub d_state: usize,
    /// How many layers of them there are.
    pub layers: usize,
    /// The smallest Δ at the beginning.
    #[config(default = 0.01)]
    pub delta_min: f64,
    /// The largest Δ at the beginning.
    #[config(default = 0.5)]
    pub delta_max: f64,
    /// Which random numbers are drawn for the systems; those of the linear layers come from the device.
    #[config(default = 0)]
    pub seed: u64,
}

impl StateSpaceForecasterConfig {
    /// The model before training.
    pub fn init(&self, device: &Device) -> StateSpaceForecaster {
        let Self { channels, d_state, layers, delta_min, delta_max, seed } = *self;
        let layer = |i: usize| StateSpaceLayer {
            space: DiagonalStateSpaceConfig::new(channels, d_state)
                .with_delta_min(delta_min)
                .with_delta_max(delta_max)
                .with_seed(seed.wrapping_mul(1000) + i as u64)
                .init(device),
            mix: LinearConfig::new(channels, channels).init(device),
        };
        StateSpaceForecaster {
            input: LinearConfig::new(1, channels).init(device),
            layers: (0..layers).map(layer).collect(),
            output: LinearConfig::new(channels, 1).init(device),
        }
    }
}

/// Systems side by side, a bend, and a matrix that mixes what they say; beside it, the input as it is.
///
/// See [`StateSpaceForecaster`] for an example.
#[derive(Module, Debug)]
pub struct StateSpaceLayer {
    /// Linear, along time.
    pub space: DiagonalStateSpace,
    /// Linear, across channels.
    pub mix: Linear,
}

/// One number in, layers of systems, one number out.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::sequence_prediction::{Forecaster, StateSpaceForecasterConfig, go_on};
///
/// let device = Device::flex();
/// let model = StateSpaceForecasterConfig::new(4, 8, 2).init(&device);
/// let u = Tensor::<2>::from_floats([[0.3, -1.0, 0.7]], &device);
/// let guesses = model.guesses(u).into_data().to_vec::<f32>().expect("floats");
/// let alone = go_on(&model, &[0.3, -1.0, 0.7], 1); // one at a time, the same last guess
/// assert!((alone[0] - f64::from(guesses[2])).abs() < 1e-5);
/// ```
#[derive(Module, Debug)]
pub struct StateSpaceForecaster {
    /// From one number to the channels.
    pub input: Linear,
    /// Layer after layer.
    pub layers: Vec<StateSpaceLayer>,
    /// From the channels to one number.
    pub output: Linear,
}

// ANCHOR: model
impl Forecaster for StateSpaceForecaster {
    type State = Vec<DiagonalState>;

    fn guesses(&self, u: Tensor<2>) -> Tensor<2> {
        let mut x = self.input.forward(u.unsqueeze_dim::<3>(2));
        for StateSpaceLayer { space, mix } in &self.layers {
            let heard = space.convolve(x.clone().swap_dims(1, 2)).swap_dims(1, 2);
            x = x + mix.forward(activation::gelu(heard));
        }
        self.output.forward(x).squeeze_dim(2)
    }

    fn guess(&self, u_k: Tensor<2>, state: &mut Self::State) -> Tensor<2> {
        let mut x = self.input.forward(u_k);
        for (StateSpaceLayer { space, mix }, state) in self.layers.iter().zip(state) {
            x = x.clone() + mix.forward(activation::gelu(space.step(x, state)));
        }
        self.output.forward(x)
    }

    fn rest(&self) -> Self::State {
        let device = self.input.weight.val().device();
        self.layers.iter().map(|layer| layer.space.initial_state(1, &device)).collect()
    }
}
// ANCHOR_END: model

/// A recurrent network that guesses the next value.
///
/// ```
/// use burn::module::Module;
/// use burn::tensor::Device;
/// use ml_links::recurrent_networks::Unit;
/// use ml_links::sequence_prediction::RecurrentForecaster;
///
/// // Of all sizes the one nearest to 1000 parameters.
/// let gru = RecurrentForecaster::of_size(Unit::Gru, 1000, &Device::flex());
/// assert!(gru.num_params().abs_diff(1000) < 60);
/// ```
#[derive(Module, Debug)]
pub struct RecurrentForecaster {
    /// One number in, one number out.
    pub network: RecurrentNetwork,
}

impl RecurrentForecaster {
    /// The network whose number of parameters is nearest to this one.
    pub fn of_size(unit: Unit, parameters: usize, device: &Device) -> Self {
        let blocks = if unit == Unit::Gru { 3 } else { 1 };
        let biases = if unit == Unit::Gru { 2 } else { 1 };
        let size = |units: usize| blocks * units * (units + 1 + biases) + units + 1;
        let units = (1..=parameters.max(1)).min_by_key(|&units| size(units).abs_diff(parameters));
        let config = RecurrentNetworkConfig::new(unit, 1, units.unwrap_or(1), 1);
        Self { network: config.init(device) }
    }
}

impl Forecaster for RecurrentForecaster {
    type State = Tensor<2>;

    fn guesses(&self, u: Tensor<2>) -> Tensor<2> {
        self.network.forward(u.unsqueeze_dim(2)).squeeze_dim(2)
    }

    fn guess(&self, u_k: Tensor<2>, state: &mut Self::State) -> Tensor<2> {
        self.network.step(u_k, state)
    }

    fn rest(&self) -> Self::State {
        self.network.initial_state(1, &self.network.readout.weight.val().device())
    }
}

/// What a forecaster is trained on, and how.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// The series, standardised.
    pub u: Vec<f64>,
    /// How many steps a window has.
    pub window: usize,
    /// How many windows a step of training sees.
    pub batch: usize,
    /// The deviation of noise on what is heard: guesses must be right beside a wrong past too.
    pub jitter: f64,
    /// Which share of the learning rate time scales get.
    pub slow: f64,
    /// Steps, rates, seed.
    pub recipe: Recipe,
}

impl Lesson {
    /// A series, windows of 128, 16 of them a step, a jitter of 0.01, time scales at a tenth of the rate.
    pub fn new(u: Vec<f64>, recipe: Recipe) -> Self {
        Self { u, window: 128, batch: 16, jitter: 0.01, slow: 0.1, recipe }
    }

    /// Windows drawn at random, and what comes after each of their steps: two of `[batch, window]`.
    pub fn draw(&self, random: &mut ChaCha8Rng, device: &Device) -> (Tensor<2>, Tensor<2>) {
        let (mut heard, mut next) = (Vec::new(), Vec::new());
        for _ in 0..self.batch {
            let start = random.random_range(0..self.u.len() - self.window);
            for k in start..start + self.window {
                heard.push((self.u[k] + self.jitter * normal(random)) as f32);
                next.push(self.u[k + 1] as f32);
            }
        }
        let tensor =
            |values| Tensor::from_data(TensorData::new(values, [self.batch, self.window]), device);
        (tensor(heard), tensor(next))
    }
}

/// Teaches a forecaster to guess the next value at every step of a window but the first quarter, in which it may listen.
///
/// `report` sees every step. The loss is the mean square of what is off, in variances of the series: 1 is a model
/// that always says the mean.
///
/// # Errors
/// [`SeriesError::TooShort`] where a window does not fit into the series, [`SeriesError::Training`].
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::sequence_prediction::{Lesson, StateSpaceForecasterConfig, mixture, random_waves, train};
/// use ml_links::training::Recipe;
///
/// let u = mixture(&random_waves(1, 1), 200);
/// let lesson = Lesson { window: 32, batch: 4, ..Lesson::new(u, Recipe { rate: 0.01, ..Recipe::new(30) }) };
/// let model = StateSpaceForecasterConfig::new(4, 8, 1).init(&Device::flex().autodiff());
/// let mut losses = Vec::new();
/// train(model, &lesson, |report| losses.push(report.loss))?;
/// assert!(losses[29] < 0.5 * losses[0]);
/// # Ok::<(), ml_links::sequence_prediction::SeriesError>(())
/// ```
// ANCHOR: train
pub fn train<F: Forecaster>(
    model: F,
    lesson: &Lesson,
    mut report: impl FnMut(StepReport),
) -> Result<F, SeriesError> {
    let (needed, found) = (lesson.window + 1, lesson.u.len());
    if found < needed {
        let reason = "a window and one more".into();
        return Err(SeriesError::TooShort { needed, reason, found });
    }
    let device = model.devices().first().cloned().unwrap_or_default();
    let slow = ParameterGroup::of(time_scales()).rate(lesson.slow).without_decay();
    let mut trainer = Trainer::new(model, lesson.recipe.clone())?.with_groups([slow]);
    while !trainer.is_done() {
        report(trainer.advance(|model, random| {
            let (u, next) = lesson.draw(random, &device);
            let listen = lesson.window / 4;
            let off = (model.guesses(u) - next).narrow(1, listen, lesson.window - listen);
            off.square().mean()
        })?);
    }
    Ok(trainer.into_model())
}
// ANCHOR_END: train
