//! *What comes after half a digit?*
//!
//! A picture is a melody of 784 greys. [`Classifier`] hears it and says which digit it was; [`PixelModel`] gives a
//! probability to every next grey, and so to whole pictures:
//!
//! ```text
//! p(u) = Π p(u_k | u_0 … u_{k-1})        H = -1/784 ln p(u)   nats per pixel      (eq-5-8)
//! ```
//!
//! Conventions: pictures are bytes, row by row; a tensor of them is `[batch, 784]`, from 0 (paper) to 1 (ink).

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use ml_links::language_model::{Noise, Sampler, token_tensor};
use ml_links::training::{Task, TrainingError};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use s4::block_operations::cross_entropy;
use s4::digits::{CLASSES, Digits, PIXELS};
use s4::pictures::{Row, to_terminal};
use s4::sequence_model::{SequenceModel, SequenceModelConfig, SizeError, StackConfig};

/// How many greys there are.
pub const GREYS: usize = 256;

/// How many pictures are looked at together where nothing is learned.
const TOGETHER: usize = 50;

/// Pictures as a tensor of `[batch, pixels]`, from 0 to 1.
///
/// ```
/// use burn::tensor::Device;
///
/// let row = s4::mnist::greys(&[&[0, 255][..]], &Device::flex());
/// assert_eq!(row.into_data().try_to_vec::<f32>().expect("floats"), [0.0, 1.0]);
/// ```
pub fn greys(images: &[&[u8]], device: &Device) -> Tensor<2> {
    let values: Vec<f32> =
        images.concat().into_iter().map(|grey| f32::from(grey) / 255.0).collect();
    let shape = [images.len(), values.len() / images.len().max(1)];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Numbers from 0 to 255 as a tensor of tokens.
fn tokens<const D: usize>(numbers: &[u8], shape: [usize; D], device: &Device) -> Tensor<D, Int> {
    let numbers: Vec<usize> = numbers.iter().map(|&number| usize::from(number)).collect();
    token_tensor(&numbers, shape, device)
}

// ANCHOR: classifier
/// Reads a digit pixel by pixel, and says which it was.
#[derive(Module, Debug)]
pub struct Classifier {
    model: SequenceModel,
}

impl Classifier {
    /// The logits of the ten digits: `[batch, 784]` becomes `[batch, 10]`.
    pub fn logits(&self, pixels: Tensor<2>, noise: &mut Noise) -> Tensor<2> {
        self.model.of_the_whole(pixels.unsqueeze_dim(1), noise)
    }
}
// ANCHOR_END: classifier

// ANCHOR: pixel_model
/// Foretells each pixel from those before it.
#[derive(Module, Debug)]
pub struct PixelModel {
    model: SequenceModel,
}

impl PixelModel {
    /// The logits of each pixel's greys: `[batch, 784]` becomes `[batch, 256, 784]`.
    pub fn logits(&self, pixels: Tensor<2>, noise: &mut Noise) -> Tensor<3> {
        let [batch, length] = pixels.dims();
        let paper = Tensor::zeros([batch, 1], &pixels.device());
        let before = Tensor::cat(vec![paper, pixels.narrow(1, 0, length - 1)], 1);
        self.model.of_every_step(before.unsqueeze_dim(1), noise)
    }
}
// ANCHOR_END: pixel_model

impl Classifier {
    /// Before training.
    ///
    /// # Errors
    /// [`SizeError`].
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use ml_links::language_model::Noise;
    /// use s4::mnist::Classifier;
    /// use s4::sequence_model::StackConfig;
    ///
    /// let device = Device::flex();
    /// let stack = StackConfig { d_model: 4, d_state: 4, layers: 1, ..StackConfig::default() };
    /// let reader = Classifier::init(stack, &device)?;
    /// assert_eq!(reader.logits(Tensor::zeros([2, 784], &device), &mut Noise::none()).dims(), [2, 10]);
    /// # Ok::<(), s4::sequence_model::SizeError>(())
    /// ```
    pub fn init(stack: StackConfig, device: &Device) -> Result<Self, SizeError> {
        let config = SequenceModelConfig { inputs: 1, outputs: CLASSES, stack };
        Ok(Self { model: config.init(device)? })
    }

    /// Which digit it takes each of these for.
    pub fn name(&self, images: &[&[u8]]) -> Vec<u8> {
        let device = self.model.device();
        let named = images.chunks(TOGETHER).flat_map(|images| {
            let logits = self.logits(greys(images, &device), &mut Noise::none());
            let digits: Vec<i64> = logits.argmax(1).into_data().iter::<i64>().collect();
            digits.into_iter().map(|digit| digit as u8)
        });
        named.collect()
    }
}

impl PixelModel {
    /// Before training.
    ///
    /// # Errors
    /// [`SizeError`].
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use ml_links::language_model::Noise;
    /// use s4::mnist::PixelModel;
    /// use s4::sequence_model::StackConfig;
    ///
    /// let device = Device::flex();
    /// let stack = StackConfig { d_model: 4, d_state: 4, layers: 1, ..StackConfig::default() };
    /// let writer = PixelModel::init(stack, &device)?;
    /// assert_eq!(writer.logits(Tensor::zeros([2, 784], &device), &mut Noise::none()).dims(), [2, 256, 784]);
    /// # Ok::<(), s4::sequence_model::SizeError>(())
    /// ```
    pub fn init(stack: StackConfig, device: &Device) -> Result<Self, SizeError> {
        let config = SequenceModelConfig { inputs: 1, outputs: GREYS, stack };
        Ok(Self { model: config.init(device)? })
    }

    /// What a pixel of each of these pictures costs it, in nats.
    pub fn nats_per_pixel(&self, images: &[&[u8]]) -> Vec<f64> {
        let device = self.model.device();
        let costs = images.chunks(TOGETHER).flat_map(|images| {
            let logits = self.logits(greys(images, &device), &mut Noise::none());
            images
                .iter()
                .enumerate()
                .map(move |(i, image)| {
                    let targets = tokens(image, [1, image.len()], &logits.device());
                    cross_entropy(logits.clone().narrow(0, i, 1), targets)
                        .into_scalar::<f32>()
                        .into()
                })
                .collect::<Vec<f64>>()
        });
        costs.collect()
    }
}

// ANCHOR: complete
impl PixelModel {
    /// Reads the first pixels of each picture, and draws the others one by one.
    pub fn complete(
        &self,
        images: &[&[u8]],
        given: usize,
        sampler: &Sampler,
        random: &mut ChaCha8Rng,
    ) -> Vec<Vec<u8>> {
        let mut state = self.model.stack.initial_state(images.len());
        let mut drawn = vec![Vec::with_capacity(PIXELS); images.len()];
        let mut before = vec![0; images.len()];
        for k in 0..PIXELS {
            let read = greys(&before.chunks(1).collect::<Vec<_>>(), &self.model.device());
            let logits: Vec<f64> = self.model.step(read, &mut state).into_data().iter().collect();
            for (i, image) in images.iter().enumerate() {
                let mut draw = || sampler.sample(&logits[i * GREYS..][..GREYS], random) as u8;
                before[i] = if k < given { image[k] } else { draw() };
                drawn[i].push(before[i]);
            }
        }
        drawn
    }
}
// ANCHOR_END: complete

/// The digits of a run: those that are learned, and some of the same file that are not.
#[derive(Debug, Clone)]
pub struct Lesson {
    digits: Digits,
    learned: usize,
    batch: usize,
    device: Device,
}

impl Lesson {
    /// Batches of so many digits; a twelfth of all, at least one, is held out.
    ///
    /// The device is the one where the model learns.
    pub fn new(digits: Digits, batch: usize, device: &Device) -> Self {
        let learned = digits.len().saturating_sub((digits.len() / 12).max(1));
        Self { digits, learned, batch, device: device.clone() }
    }

    /// How many are learned.
    pub fn learned(&self) -> usize {
        self.learned
    }

    /// Those that are not.
    pub fn held_out(&self) -> Vec<&[u8]> {
        self.digits.images().skip(self.learned).collect()
    }

    /// Which digits those are.
    pub fn held_out_labels(&self) -> &[u8] {
        &self.digits.labels()[self.learned..]
    }

    /// A batch of them: pictures and labels.
    fn draw(&self, random: &mut ChaCha8Rng) -> (Vec<&[u8]>, Vec<u8>) {
        let mut draw = || random.random_range(0..self.learned);
        let chosen: Vec<usize> = (0..self.batch).map(|_| draw()).collect();
        let images = chosen.iter().map(|&index| self.digits.image(index)).collect();
        (images, chosen.iter().map(|&index| self.digits.label(index)).collect())
    }
}

impl Task<Classifier> for Lesson {
    fn loss(&self, model: &Classifier, random: &mut ChaCha8Rng) -> Tensor<1> {
        let (images, labels) = self.draw(random);
        let logits = model.logits(greys(&images, &self.device), &mut Noise::of(random));
        cross_entropy(logits.unsqueeze_dim(2), tokens(&labels, [labels.len(), 1], &self.device))
    }

    fn tokens_per_step(&self) -> usize {
        self.batch * PIXELS
    }

    fn evaluate(&self, model: &Classifier) -> Result<f64, TrainingError> {
        Ok(percent_wrong(&model.name(&self.held_out()), self.held_out_labels()))
    }

    fn unit(&self) -> &'static str {
        "% wrong"
    }
}

impl Task<PixelModel> for Lesson {
    fn loss(&self, model: &PixelModel, random: &mut ChaCha8Rng) -> Tensor<1> {
        let (images, _) = self.draw(random);
        let logits = model.logits(greys(&images, &self.device), &mut Noise::of(random));
        cross_entropy(logits, tokens(&images.concat(), [images.len(), PIXELS], &self.device))
    }

    fn tokens_per_step(&self) -> usize {
        self.batch * PIXELS
    }

    /// On at most 500 of those held out: to give a probability to every grey takes longer than to name a digit.
    fn evaluate(&self, model: &PixelModel) -> Result<f64, TrainingError> {
        let held_out = self.held_out();
        let costs = model.nats_per_pixel(&held_out[..held_out.len().min(500)]);
        Ok(costs.iter().sum::<f64>() / costs.len() as f64)
    }

    fn unit(&self) -> &'static str {
        "nats per pixel"
    }

    fn sample(&self, model: &PixelModel) -> Option<String> {
        let held_out = self.held_out();
        let images = &held_out[..held_out.len().min(4)];
        let given = PIXELS / 2;
        let random = &mut ChaCha8Rng::seed_from_u64(0);
        let drawn = model.complete(images, given, &Sampler::default(), random);
        let drawn = drawn.iter().map(Vec::as_slice).collect();
        Some(to_terminal(&[Row::completed("", drawn, given)]))
    }
}

/// How many of a hundred names are wrong.
///
/// ```
/// assert_eq!(s4::mnist::percent_wrong(&[1, 2, 3, 4], &[1, 2, 3, 5]), 25.0);
/// ```
pub fn percent_wrong(named: &[u8], labels: &[u8]) -> f64 {
    let wrong = named.iter().zip(labels).filter(|(named, label)| named != label).count();
    100.0 * wrong as f64 / labels.len().max(1) as f64
}
