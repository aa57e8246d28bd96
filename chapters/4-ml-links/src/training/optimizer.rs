//! AdamW, with a state that can be saved and put back on any device.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

/// Parameters that learn at a rate of their own.
///
/// ```
/// use burn::module::{ParamGroup, ParamId};
/// use ml_links::training::ParameterGroup;
///
/// let poles = ParamGroup::from_any_predicates(vec!["a_real_log", "delta_raw"]);
/// let poles = ParameterGroup::of(poles).rate(0.1).without_decay();
/// assert!(poles.contains(&ParamId::new(), "layers.0.space.delta_raw"));
/// assert!(!poles.contains(&ParamId::new(), "layers.0.space.c_real"));
/// ```
#[derive(Debug, Clone)]
pub struct ParameterGroup {
    members: ParamGroup,
    rate: f64,
    decays: bool,
}

impl ParameterGroup {
    /// The parameters of one of burn's groups.
    pub fn of(members: ParamGroup) -> Self {
        Self { members, rate: 1.0, decays: true }
    }

    /// They learn at this multiple of the recipe's rate.
    pub fn rate(mut self, factor: f64) -> Self {
        self.rate = factor;
        self
    }

    /// Nothing draws them to 0.
    pub fn without_decay(mut self) -> Self {
        self.decays = false;
        self
    }

    /// Whether a parameter, by its path in the model, is one of them.
    pub fn contains(&self, id: &ParamId, path: &str) -> bool {
        self.members.matches(id, Some(path))
    }
}

/// Two moving averages of a gradient, as long as the parameter has numbers.
#[derive(Debug, Clone)]
struct Moments {
    first: Tensor<1>,
    second: Tensor<1>,
}

// ANCHOR: adam_w
/// Adam with decoupled weight decay ([Loshchilov and Hutter](https://arxiv.org/abs/1711.05101)).
///
/// ```text
/// m ← β₁ m + (1 - β₁) g      v ← β₂ v + (1 - β₂) g²
/// w ← (1 - rate · decay) w - rate · m̂ / (√v̂ + ε)      with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
/// ```
///
/// Vectors (biases, scales of norms) do not decay. burn has one too; this one keeps its averages by the path of the
/// parameter and where the parameter lives, so that a [checkpoint](super::checkpoint) can carry them.
#[derive(Debug, Clone, Default)]
pub struct AdamW {
    moments: BTreeMap<String, Moments>,
    steps: usize,
    groups: Vec<ParameterGroup>,
    weight_decay: f64,
}
// ANCHOR_END: adam_w

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.99;
const EPSILON: f64 = 1e-8;

impl AdamW {
    /// Without groups, and before its first step.
    pub fn new(weight_decay: f64) -> Self {
        Self { weight_decay, ..Self::default() }
    }

    /// With groups; a parameter in none of them learns at the full rate.
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = ParameterGroup>) -> Self {
        self.groups.extend(groups);
        self
    }

    /// One update of every parameter that has a gradient; gradients are multiplied by `scale` first.
    pub fn step<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        rate: f64,
        scale: f64,
    ) -> M {
        self.steps += 1;
        model.map(&mut Update { optimizer: self, gradients, rate, scale, path: Vec::new() })
    }

    /// What a checkpoint saves: name and numbers of each average.
    pub(super) fn to_tensors(&self) -> Vec<(String, TensorData)> {
        let named = |(path, moments): (&String, &Moments)| {
            [("first", &moments.first), ("second", &moments.second)]
                .map(|(name, tensor)| (format!("{name}.{path}"), tensor.to_data()))
        };
        self.moments.iter().flat_map(named).collect()
    }

    /// What a checkpoint puts back.
    pub(super) fn restore(
        &mut self,
        steps: usize,
        mut tensors: BTreeMap<String, TensorData>,
        device: &Device,
    ) -> Result<(), String> {
        self.moments.clear();
        self.steps = steps;
        let inner = device.clone().inner();
        while let Some((name, first)) = tensors.pop_first() {
            let path = name.strip_prefix("first.").ok_or_else(|| name.clone())?;
            let second = tensors.remove(&format!("second.{path}")).ok_or_else(|| name.clone())?;
            let flat = |data: TensorData| Tensor::<1>::from_data(data, &inner);
            let moments = Moments { first: flat(first), second: flat(second) };
            self.moments.insert(path.to_owned(), moments);
        }
        Ok(())
    }
}

struct Update<'a> {
    optimizer: &'a mut AdamW,
    gradients: GradientsParams,
    rate: f64,
    scale: f64,
    path: Vec<String>,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let path = self.path.join(".");
        let mut groups = self.optimizer.groups.iter().rev();
        let group = groups.find(|group| group.contains(&param.id, &path));
        let rate = self.rate * group.map_or(1.0, |group| group.rate);
        let decays = D > 1 && group.is_none_or(|group| group.decays);
        let decay = if decays { rate * self.optimizer.weight_decay } else { 0.0 };

        let (id, tensor, mapper) = param.consume();
        let shape = tensor.shape();
        let weight: Tensor<1> = tensor.inner().flatten(0, D - 1);
        let gradient: Tensor<1> = gradient.flatten(0, D - 1) * self.scale;
        let moments = match self.optimizer.moments.remove(&path) {
            Some(Moments { first, second }) => Moments {
                first: first * BETA_1 + gradient.clone() * (1.0 - BETA_1),
                second: second * BETA_2 + gradient.square() * (1.0 - BETA_2),
            },
            None => Moments {
                first: gradient.clone() * (1.0 - BETA_1),
                second: gradient.square() * (1.0 - BETA_2),
            },
        };
        let age = self.optimizer.steps as i32;
        let spread = (moments.second.clone() / (1.0 - BETA_2.powi(age))).sqrt() + EPSILON;
        let direction = moments.first.clone() / spread;
        self.optimizer.moments.insert(path, moments);

        let updated = weight * (1.0 - decay) - direction * (rate / (1.0 - BETA_1.powi(age)));
        let updated = Tensor::from_inner(updated.reshape(shape)).require_grad();
        Param::from_mapped_value(id, updated, mapper)
    }
}

/// The norm of all gradients together.
pub(super) fn gradient_norm<M: Module>(model: &M, gradients: &GradientsParams) -> f64 {
    let mut visitor = Squares { gradients, sums: Vec::new() };
    model.visit(&mut visitor);
    if visitor.sums.is_empty() {
        return 0.0;
    }
    let sums = Tensor::cat(visitor.sums, 0).into_data();
    sums.iter::<f64>().sum::<f64>().sqrt()
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            // Rows first: a sum over everything at once is not added up in the same order each time on many cores.
            self.sums.push(gradient.square().sum_dim(D - 1).sum());
        }
    }
}
