//! The race of the page [`recurrent_networks`](crate::recurrent_networks): remember one number through a murmur.
//!
//! A story is a row of murmured numbers; one of the first tenth is spoken aloud, and marked. At the end the network
//! is asked for it. Always answering 0 costs 1/3, the variance of a uniform number.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor, TensorData};
use ml_links::parameterization::{DiagonalStateSpace, DiagonalStateSpaceConfig, time_scales};
use ml_links::recurrent_networks::{RecurrentNetwork, RecurrentNetworkConfig, Unit};
use ml_links::training::{ParameterGroup, Recipe, Trainer, TrainingError};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The task and its size.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::recall::{Contender, Recall};
///
/// let short = Recall { length: 10, steps: 5, ..Recall::default() };
/// let run = short.train(Contender::StateSpace, 0.01, &Device::flex(), |_| ())?;
/// assert_eq!(run.losses.len(), 5);
/// # Ok::<(), ml_links::training::TrainingError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Recall {
    /// How many steps a story has.
    pub length: usize,
    /// How loud the numbers are that do not count, beside 1 for the one that does.
    pub murmur: f64,
    /// How many stories make a batch.
    pub batch: usize,
    /// How many batches a network is trained on.
    pub steps: usize,
    /// About how many parameters each network has.
    pub parameters: usize,
    /// Of the stories and of the networks.
    pub seed: u64,
}

impl Default for Recall {
    fn default() -> Self {
        Self { length: 100, murmur: 0.3, batch: 32, steps: 300, parameters: 600, seed: 1 }
    }
}

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// An Elman network, its matrix a rotation at the beginning.
    Elman,
    /// A GRU as it usually begins, every gate half open.
    Gru,
    /// The same GRU, its gates set to memories of 1 to `length` steps.
    GruWithMemory,
    /// A layer of linear systems between two maps without memory.
    StateSpace,
}

impl Contender {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Elman, Self::Gru, Self::GruWithMemory, Self::StateSpace];

    /// As it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elman => "Elman",
            Self::Gru => "GRU",
            Self::GruWithMemory => "GRU, gates set",
            Self::StateSpace => "state space",
        }
    }

    /// The learning rate that `recall` gives it; `recall --rates` tries four.
    pub fn rate(self) -> f64 {
        match self {
            Self::Elman => 0.003,
            Self::Gru | Self::GruWithMemory | Self::StateSpace => 0.01,
        }
    }
}

/// A network that reads a story and answers at its end.
trait Reader: Module {
    /// u `[batch, length, 2]`, the answer `[batch, 1]`.
    fn answer(&self, u: Tensor<3>) -> Tensor<2>;
}

impl Reader for RecurrentNetwork {
    fn answer(&self, u: Tensor<3>) -> Tensor<2> {
        self.last(u)
    }
}

/// What the linear layer needs around it: something that can multiply a number by its mark.
#[derive(Module, Debug)]
struct StateSpaceReader {
    encoder: Linear,
    layer: DiagonalStateSpace,
    readout: Linear,
}

impl Reader for StateSpaceReader {
    fn answer(&self, u: Tensor<3>) -> Tensor<2> {
        let last = u.dims()[1] - 1;
        let heard = gelu(self.encoder.forward(u)).swap_dims(1, 2);
        let kept = self.layer.convolve(heard).narrow(2, last, 1).squeeze_dim(2);
        self.readout.forward(kept)
    }
}

/// What became of one network.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// How many parameters it has.
    pub parameters: usize,
    /// The mean squared error of each batch, before its step.
    pub losses: Vec<f64>,
    /// The mean squared error on 256 stories of another seed.
    pub unseen: f64,
    /// Before training: how far the answer moves with the input of step k, root mean square.
    pub reach_before: Vec<f64>,
    /// The same after it.
    pub reach_after: Vec<f64>,
}

impl Recall {
    /// `count` stories: u `[count, length, 2]`, the numbers and the mark; the answers, `[count, 1]`.
    pub fn stories(
        &self,
        count: usize,
        random: &mut ChaCha8Rng,
        device: &Device,
    ) -> (Tensor<3>, Tensor<2>) {
        let (mut u, mut answers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let marked = random.random_range(0..self.length.div_ceil(10));
            for k in 0..self.length {
                let number = 2.0 * random.random::<f32>() - 1.0;
                if k == marked {
                    answers.push(number);
                    u.extend([number, 1.0]);
                } else {
                    u.extend([number * self.murmur as f32, 0.0]);
                }
            }
        }
        let u = Tensor::from_data(TensorData::new(u, [count, self.length, 2]), device);
        (u, Tensor::from_data(TensorData::new(answers, [count, 1]), device))
    }

    /// How many units make about as many parameters.
    fn units(&self, count: impl Fn(usize) -> usize) -> usize {
        let off = |units: &usize| count(*units).abs_diff(self.parameters);
        (1..=self.parameters).min_by_key(off).unwrap_or(1)
    }

    /// Trains one network from its beginning; `each` is told every loss.
    ///
    /// `device` without autodiff.
    ///
    /// # Errors
    /// [`TrainingError`]: a loss that is no number, sizes of 0.
    pub fn train(
        &self,
        contender: Contender,
        rate: f64,
        device: &Device,
        each: impl FnMut(f64),
    ) -> Result<Run, TrainingError> {
        let tracked = device.clone().autodiff();
        device.seed(self.seed);
        let memory = (contender == Contender::GruWithMemory).then_some(self.length as f64);
        match contender {
            Contender::Elman => {
                let n = self.units(|n| n * n + 2 * n + n + n + 1);
                let network = RecurrentNetworkConfig::new(Unit::Elman, 2, n, 1).init(&tracked);
                self.run(network, rate, device, each)
            }
            Contender::Gru | Contender::GruWithMemory => {
                let n = self.units(|n| 3 * (n * n + 2 * n + 2 * n) + n + 1);
                let config = RecurrentNetworkConfig::new(Unit::Gru, 2, n, 1).with_memory(memory);
                self.run(config.init(&tracked), rate, device, each)
            }
            Contender::StateSpace => {
                let n = self.units(|n| 3 * n + n * (2 * D_STATE + 2) + n + 1);
                let network = StateSpaceReader {
                    encoder: LinearConfig::new(2, n).init(&tracked),
                    layer: DiagonalStateSpaceConfig::new(n, D_STATE)
                        .with_seed(self.seed)
                        .init(&tracked),
                    readout: LinearConfig::new(n, 1).init(&tracked),
                };
                self.run(network, rate, device, each)
            }
        }
    }

    fn run<M: Reader>(
        &self,
        network: M,
        rate: f64,
        device: &Device,
        mut each: impl FnMut(f64),
    ) -> Result<Run, TrainingError> {
        let tracked = device.clone().autodiff();
        let recipe = Recipe { rate, seed: self.seed, ..Recipe::new(self.steps) };
        // Randomness of steps that training never comes to.
        let (mut unseen, mut asked) = (recipe.random(usize::MAX), recipe.random(usize::MAX - 1));
        let (parameters, reach_before) =
            (network.num_params(), self.reach(&network, &mut asked, &tracked));
        let slow = ParameterGroup::of(time_scales()).rate(TIME_SCALES).without_decay();
        let mut trainer = Trainer::new(network, recipe)?.with_groups([slow]);
        let mut losses = Vec::with_capacity(self.steps);
        while !trainer.is_done() {
            let report = trainer.advance(|network, random| {
                let (u, answers) = self.stories(self.batch, random, &tracked);
                (network.answer(u) - answers).square().mean()
            })?;
            losses.push(report.loss);
            each(report.loss);
        }
        let network = trainer.into_model();
        let reach_after = self.reach(&network, &mut asked, &tracked);
        let (u, answers) = self.stories(256, &mut unseen, device);
        let unseen = (network.valid().answer(u) - answers).square().mean().into_scalar::<f32>();
        Ok(Run { parameters, losses, unseen: f64::from(unseen), reach_before, reach_after })
    }

    /// How far the answer moves with the input of each step: the gradient that training has to go by.
    fn reach<M: Reader>(&self, network: &M, random: &mut ChaCha8Rng, tracked: &Device) -> Vec<f64> {
        let u = self.stories(self.batch, random, tracked).0.require_grad();
        let gradients = network.answer(u.clone()).sum().backward();
        let Some(gradient) = u.grad(&gradients) else { return vec![0.0; self.length] };
        let mean = gradient.square().sum_dim(2).mean_dim(0).sqrt();
        mean.into_data().iter::<f64>().collect()
    }
}

/// N of each linear system.
const D_STATE: usize = 16;

/// The share of the learning rate at which time scales are trained.
const TIME_SCALES: f64 = 0.1;
