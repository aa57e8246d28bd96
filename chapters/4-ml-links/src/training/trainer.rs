//! A model, its optimizer, and where the run is.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use ml_links::training::checkpoint::{Checkpoint, CheckpointError};
use ml_links::training::optimizer::gradient_norm;
use ml_links::training::{AdamW, ParameterGroup, Recipe, TrainingError};
use rand_chacha::ChaCha8Rng;

/// What a step has to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Which step it was, counted from 0.
    pub step: usize,
    /// The loss before the update.
    pub loss: f64,
    /// The norm of all gradients, before it was limited.
    pub gradient: f64,
    /// The learning rate.
    pub rate: f64,
}

/// A model that is being trained.
///
/// ```
/// use burn::module::{Module, Param};
/// use burn::tensor::{Device, Tensor};
/// use ml_links::training::{Recipe, Trainer};
///
/// #[derive(Module, Debug)]
/// struct Number {
///     value: Param<Tensor<1>>,
/// }
///
/// let device = Device::flex().autodiff();
/// let number = Number { value: Param::from_tensor(Tensor::from_floats([3.0], &device)) };
/// let mut trainer = Trainer::new(number, Recipe { rate: 0.1, ..Recipe::new(100) })?;
/// while !trainer.is_done() {
///     trainer.advance(|number, _random| (number.value.val() - 5.0).square())?;
/// }
/// let found: f32 = trainer.model().value.val().into_scalar();
/// assert!((found - 5.0).abs() < 0.01);
/// # Ok::<(), ml_links::training::TrainingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Trainer<M> {
    model: M,
    optimizer: AdamW,
    recipe: Recipe,
    step: usize,
}

impl<M: Module> Trainer<M> {
    /// Before its first step; the model lives on a device with `.autodiff()`.
    ///
    /// # Errors
    /// [`TrainingError::Recipe`].
    pub fn new(model: M, recipe: Recipe) -> Result<Self, TrainingError> {
        recipe.check()?;
        let optimizer = AdamW::new(recipe.weight_decay);
        Ok(Self { model, optimizer, recipe, step: 0 })
    }

    /// With parameters that learn at rates of their own.
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = ParameterGroup>) -> Self {
        self.optimizer = self.optimizer.with_groups(groups);
        self
    }

    /// The model as it is now.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, when all is done.
    pub fn into_model(self) -> M {
        self.model
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// How many steps were taken.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Whether all steps of the recipe were taken.
    pub fn is_done(&self) -> bool {
        self.step >= self.recipe.steps
    }
}

// ANCHOR: advance
impl<M: Module> Trainer<M> {
    /// One step: the loss of a batch, its gradients, an update.
    ///
    /// `loss` gets the model and the randomness of this step, and answers one number.
    ///
    /// # Errors
    /// [`TrainingError::NotFinite`]; the model is then as it was before.
    pub fn advance(
        &mut self,
        loss: impl FnOnce(&M, &mut ChaCha8Rng) -> Tensor<1>,
    ) -> Result<StepReport, TrainingError> {
        let step = self.step;
        let loss = loss(&self.model, &mut self.recipe.random(step));
        let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
        let loss = finite("loss", step, loss.into_scalar::<f32>().into())?;
        let gradient = finite("gradient", step, gradient_norm(&self.model, &gradients))?;

        let rate = self.recipe.rate_at(step);
        let scale = (self.recipe.largest_gradient / gradient).min(1.0);
        self.model = self.optimizer.step(self.model.clone(), gradients, rate, scale);
        self.step += 1;
        Ok(StepReport { step, loss, gradient, rate })
    }
}
// ANCHOR_END: advance

impl<M: Module> Trainer<M> {
    /// All that is needed to go on from here, with the configuration of the model as JSON.
    pub fn checkpoint(&self, configuration: &serde_json::Value) -> Checkpoint {
        Checkpoint::of_model(&self.model, configuration)
            .with_recipe(&self.recipe, self.step)
            .with_tensors("adam.", self.optimizer.to_tensors())
    }

    /// Goes on from a checkpoint of a run with this model and this recipe.
    ///
    /// # Errors
    /// [`CheckpointError`]: another model, another recipe, no optimizer in it.
    pub fn resume(self, checkpoint: &Checkpoint) -> Result<Self, CheckpointError> {
        let (_, step) = checkpoint.recipe()?;
        checkpoint.expect_same(checkpoint.configuration(), Some(&self.recipe))?;
        let model = checkpoint.load_into(self.model)?;
        let device = model.devices().first().cloned().unwrap_or_else(Device::flex);
        let mut optimizer = self.optimizer;
        optimizer
            .restore(step, checkpoint.tensors("adam."), &device)
            .map_err(|name| CheckpointError::Missing { name: format!("adam.{name}") })?;
        Ok(Self { model, optimizer, recipe: self.recipe, step })
    }
}

fn finite(what: &'static str, step: usize, value: f64) -> Result<f64, TrainingError> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(TrainingError::NotFinite { what, step, value }),
    }
}
