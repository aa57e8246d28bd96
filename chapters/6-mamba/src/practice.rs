//! Learning the puzzles of the page `selection` from examples.
//!
//! Every step of training draws new sequences. Their length is the puzzle's, or, if shorter ones are allowed, drawn for each step
//! between the two, as often between 32 and 64 as between 128 and 256; of shorter sequences a step has more, so that all steps read
//! equally many tokens. Who can do it in 32 steps has learned most of what there is to learn about 256, at an eighth of the price.

use burn::tensor::{Device, Int, Tensor};
use mamba::selection::{Example, Puzzle, PuzzleError};
use ml_links::language_model::{CharacterModel, Noise, cross_entropy, token_tensor};
use ml_links::training::{Task, TrainingError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How many tokens are read together where nothing is learned.
const TOGETHER: usize = 1 << 15;

/// How many sequences are held out.
const HELD_OUT: usize = 256;

/// A puzzle that is to be learned.
///
/// ```
/// use burn::tensor::Device;
/// use mamba::practice::Practice;
/// use mamba::selection::InductionHeads;
///
/// let lesson = Practice::new(InductionHeads::new(16, 64)?, 8, 4, 1, &Device::flex().autodiff())?;
/// assert_eq!(lesson.batch_at(64), 4);
/// assert_eq!(lesson.batch_at(8), 32);
/// # Ok::<(), mamba::selection::PuzzleError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Practice<P> {
    puzzle: P,
    shortest: usize,
    batch: usize,
    held_out: Vec<Example>,
    device: Device,
}

impl<P: Puzzle> Practice<P> {
    /// Sequences from `shortest` to the puzzle's length, `batch` of the longest in a step; the device is the one where a model
    /// learns.
    ///
    /// # Errors
    /// [`PuzzleError`]: too short for the puzzle.
    pub fn new(
        puzzle: P,
        shortest: usize,
        batch: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Self, PuzzleError> {
        puzzle.at_length(shortest)?;
        let held_out = unseen(&puzzle, HELD_OUT, seed);
        Ok(Self { puzzle, shortest, batch, held_out, device: device.clone() })
    }

    /// The puzzle.
    pub fn puzzle(&self) -> &P {
        &self.puzzle
    }

    /// How many sequences of a length a step has.
    pub fn batch_at(&self, length: usize) -> usize {
        (self.batch * self.puzzle.length()).div_ceil(length).max(1)
    }

    /// A length between the shortest and the longest, drawn by orders of magnitude.
    pub fn draw_length(&self, random: &mut ChaCha8Rng) -> usize {
        let (shortest, longest) = (self.shortest as f64, self.puzzle.length() as f64);
        let length = shortest * (longest / shortest).powf(random.random::<f64>());
        (length.round() as usize).max(self.shortest)
    }
}

// ANCHOR: practice
impl<P: Puzzle, M: CharacterModel> Task<M> for Practice<P> {
    fn loss(&self, model: &M, random: &mut ChaCha8Rng) -> Tensor<1> {
        let length = self.draw_length(random);
        let examples: Vec<Example> =
            (0..self.batch_at(length)).map(|_| self.puzzle.draw_at(length, random)).collect();
        let (logits, answers) = asked(model, &examples, &self.device, &mut Noise::of(random));
        cross_entropy(logits, answers)
    }
    // ANCHOR_END: practice

    fn tokens_per_step(&self) -> usize {
        self.batch * self.puzzle.length()
    }

    fn evaluate(&self, model: &M) -> Result<f64, TrainingError> {
        Ok(100.0 - 100.0 * share_right(model, &self.held_out, &self.device))
    }

    fn unit(&self) -> &'static str {
        "% wrong"
    }
}

/// Sequences of a seed that no training draws.
///
/// ```
/// use mamba::practice::unseen;
/// use mamba::selection::InductionHeads;
///
/// let puzzle = InductionHeads::new(16, 64)?;
/// assert_eq!(unseen(&puzzle, 3, 1), unseen(&puzzle, 3, 1));
/// # Ok::<(), mamba::selection::PuzzleError>(())
/// ```
pub fn unseen(puzzle: &impl Puzzle, count: usize, seed: u64) -> Vec<Example> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::MAX);
    (0..count).map(|_| puzzle.draw(&mut random)).collect()
}

/// The logits where answers are asked for, `[batch, answers, vocabulary]`, and the answers.
fn asked<M: CharacterModel>(
    model: &M,
    examples: &[Example],
    device: &Device,
    noise: &mut Noise,
) -> (Tensor<3>, Tensor<2, Int>) {
    let tensor = |rows: Vec<&[usize]>| {
        let shape = [rows.len(), rows.first().map_or(0, |row| row.len())];
        token_tensor(&rows.concat(), shape, device)
    };
    let tokens = tensor(examples.iter().map(|example| &example.tokens[..]).collect());
    let answers = tensor(examples.iter().map(|example| &example.answers[..]).collect());
    let ([_, length], [_, count]) = (tokens.dims(), answers.dims());
    (model.logits(tokens, noise).narrow(1, length - count, count), answers)
}

/// How many answers to sequences of one length are right, as a share of all.
///
/// ```
/// use burn::tensor::Device;
/// use mamba::config::MambaConfig;
/// use mamba::practice::{share_right, unseen};
/// use mamba::selection::InductionHeads;
/// use mamba::time_invariant::TimeInvariantLm;
///
/// let device = Device::flex();
/// let config = MambaConfig {
///     vocab_size: 16, hidden_size: 8, state_size: 4, num_hidden_layers: 1, ..MambaConfig::default()
/// };
/// let model = TimeInvariantLm::init(&config, 1, &device)?;
/// let found = share_right(&model, &unseen(&InductionHeads::new(16, 20)?, 50, 1), &device);
/// assert!((0.0..0.5).contains(&found));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn share_right<M: CharacterModel>(model: &M, examples: &[Example], device: &Device) -> f64 {
    let Some(first) = examples.first() else { return 0.0 };
    let device = device.clone().inner();
    let (mut right, mut all) = (0, 0);
    for examples in examples.chunks((TOGETHER / first.tokens.len()).max(1)) {
        let (logits, _) = asked(model, examples, &device, &mut Noise::none());
        let found = logits.argmax(2).into_data();
        let answers = examples.iter().flat_map(|example| &example.answers);
        right += found
            .iter::<i64>()
            .zip(answers)
            .filter(|(found, right)| *found == **right as i64)
            .count();
        all += found.num_elements();
    }
    right as f64 / all as f64
}
