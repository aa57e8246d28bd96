//! Learning the parity of short strings so well that it holds for long ones: the lesson of the page `mamba3`.
//!
//! The usual loss of a classification goes on rewarding certainty. A model that is right about 40 bits gets most from being louder, and a
//! turn that is off by a tenth goes unmended: it shows at 80 bits. [`ParityLesson`] asks for a bounded certainty instead (label
//! smoothing: each answer is right with probability 1 - ε). Then the best turn is the exact one.

use burn::tensor::{Device, Int, Tensor};
use mamba::practice::Practice;
use mamba::selection::{Example, Puzzle};
use ml_links::language_model::{CharacterModel, Noise, cross_entropy, token_tensor};
use ml_links::training::{Task, TrainingError};
use rand_chacha::ChaCha8Rng;
use state_space_duality::mamba3::Parity;

/// Strings of bits, with answers that are a little in doubt.
///
/// ```
/// use burn::tensor::Device;
/// use mamba::practice::Practice;
/// use ml_links::training::{Recipe, Task};
/// use state_space_duality::mamba3::Parity;
/// use state_space_duality::mamba3_layer::{Mamba3Config, Mamba3Lm};
/// use state_space_duality::parity_lesson::ParityLesson;
///
/// let device = Device::flex().autodiff();
/// let practice = Practice::new(Parity::of_each_beginning(10)?, 10, 4, 1, &device)?;
/// let lesson = ParityLesson { practice, doubt: 0.05, device: device.clone() };
/// let model = Mamba3Lm::init(&Mamba3Config::default(), 1, &device)?;
/// let loss = lesson.loss(&model, &mut Recipe::new(1).random(0)).into_scalar::<f32>();
/// assert!((0.4..2.0).contains(&loss)); // ln 2 is 0.69
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ParityLesson {
    /// Which strings, and how many; asked at each beginning.
    pub practice: Practice<Parity>,
    /// ε: with which probability an answer is taken to be wrong, from 0 to 1/2.
    pub doubt: f64,
    /// Where the model learns.
    pub device: Device,
}

impl<M: CharacterModel> Task<M> for ParityLesson {
    fn loss(&self, model: &M, random: &mut ChaCha8Rng) -> Tensor<1> {
        let (practice, puzzle) = (&self.practice, self.practice.puzzle());
        let length = practice.draw_length(random);
        let strings: Vec<Example> =
            (0..practice.batch_at(length)).map(|_| puzzle.draw_at(length, random)).collect();
        let tensor = |rows: Vec<&[usize]>| -> Tensor<2, Int> {
            token_tensor(&rows.concat(), [rows.len(), length], &self.device)
        };
        let bits = tensor(strings.iter().map(|string| &string.tokens[..]).collect());
        let odd = tensor(strings.iter().map(|string| &string.answers[..]).collect());
        let logits = model.logits(bits, &mut Noise::none());
        // By how much the right answer is preferred: what doubt takes back.
        let for_odd = logits.clone().narrow(2, 1, 1) - logits.clone().narrow(2, 0, 1);
        let sign = odd.clone().float() * 2.0 - 1.0;
        let preferred = (for_odd.squeeze_dim::<2>(2) * sign).mean();
        cross_entropy(logits, odd) + preferred * self.doubt
    }

    fn tokens_per_step(&self) -> usize {
        Task::<M>::tokens_per_step(&self.practice)
    }

    fn evaluate(&self, model: &M) -> Result<f64, TrainingError> {
        self.practice.evaluate(model)
    }

    fn unit(&self) -> &'static str {
        Task::<M>::unit(&self.practice)
    }
}
