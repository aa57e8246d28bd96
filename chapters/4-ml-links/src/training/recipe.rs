//! How long, how fast, how random.

use std::f64::consts::PI;

use ml_links::training::TrainingError;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// Everything about a run that is not the model or the data; a checkpoint carries it.
///
/// ```
/// use ml_links::training::Recipe;
///
/// let recipe = Recipe { warm_up: 10, rate: 0.5, ..Recipe::new(100) };
/// assert_eq!(recipe.rate_at(4), 0.25); // warming up
/// assert_eq!(recipe.rate_at(9), 0.5); // the peak
/// assert!(recipe.rate_at(99) < 0.03); // almost at the floor
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// How many steps the whole run has.
    pub steps: usize,
    /// Over how many steps the rate rises to its peak.
    pub warm_up: usize,
    /// The peak of the learning rate.
    pub rate: f64,
    /// The share of the peak at which the rate ends, from 0 to 1.
    pub floor: f64,
    /// How strongly weights are drawn to 0: AdamW subtracts rate · decay · weight.
    pub weight_decay: f64,
    /// The largest norm of all gradients together; beyond it they are scaled down.
    pub largest_gradient: f64,
    /// Where all randomness of the run comes from.
    pub seed: u64,
}

impl Recipe {
    /// A recipe that suits small sequence models: a tenth of the steps to warm up (at most 100), a peak of 0.003, a floor
    /// of 5 %, no decay, gradients limited to 1, seed 0.
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            warm_up: (steps / 10).min(100),
            rate: 3e-3,
            floor: 0.05,
            weight_decay: 0.0,
            largest_gradient: 1.0,
            seed: 0,
        }
    }

    /// The learning rate of a step, counted from 0: a straight line up, then half a cosine down.
    pub fn rate_at(&self, step: usize) -> f64 {
        if step < self.warm_up {
            return self.rate * (step + 1) as f64 / self.warm_up as f64;
        }
        let left = self.steps.saturating_sub(self.warm_up).max(1);
        let done = ((step - self.warm_up) as f64 / left as f64).min(1.0);
        let falling = 0.5 * (1.0 + (PI * done).cos());
        self.rate * (self.floor + (1.0 - self.floor) * falling)
    }

    /// The generator of a step: the same for the same seed and step, whenever it is asked for.
    ///
    /// ```
    /// use ml_links::training::Recipe;
    /// use rand::Rng;
    ///
    /// let recipe = Recipe { seed: 7, ..Recipe::new(10) };
    /// assert_eq!(recipe.random(3).next_u64(), recipe.random(3).next_u64());
    /// assert_ne!(recipe.random(3).next_u64(), recipe.random(4).next_u64());
    /// ```
    pub fn random(&self, step: usize) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(step as u64);
        random
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`TrainingError::Recipe`].
    pub fn check(&self) -> Result<(), TrainingError> {
        let positive = |name, found: f64| match found > 0.0 && found.is_finite() {
            true => Ok(()),
            false => Err(TrainingError::Recipe { name, expected: "a positive number", found }),
        };
        positive("the number of steps", self.steps as f64)?;
        positive("the learning rate", self.rate)?;
        positive("the largest gradient", self.largest_gradient)?;
        if !(0.0..=1.0).contains(&self.floor) {
            let (name, expected) = ("the floor of the learning rate", "from 0 to 1");
            return Err(TrainingError::Recipe { name, expected, found: self.floor });
        }
        if !(0.0..f64::INFINITY).contains(&self.weight_decay) {
            let (name, expected) = ("the weight decay", "0 or more");
            return Err(TrainingError::Recipe { name, expected, found: self.weight_decay });
        }
        Ok(())
    }
}
