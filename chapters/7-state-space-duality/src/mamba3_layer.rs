//! The recurrence of the page `mamba3` in tensors, a block around it, and a small model that learns with it.
//!
//! [`attend`] reads a whole batch, chunk after chunk: within a chunk by masked attention, from chunk to chunk by the state, as
//! [`Memory::attend`](state_space_duality::mamba3::Memory::attend) does for one head. It is made of tensor operations, so its gradients
//! are burn's. [`Mamba3Block`] is the block of the paper with one input and one output a step (rank 1): no convolution, norms and
//! biases on B and C, decay, step, λ and turns read from the token. [`Recurrence`] takes away what is new, one thing after the other,
//! and leaves all sizes as they are.
//!
//! Conventions: time before heads, `[batch, length, heads, …]`; a state is `[batch, heads, head_dim, d_state]`.

use std::f64::consts::{PI, TAU};

use burn::module::{Module, Param};
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor, activation};
use mamba::mamba_block::{FirstWeights, RmsNorm};
use ml_links::language_model::{CharacterModel, Noise};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// So many tokens are read by attention at once.
const CHUNK: usize = 64;

/// No state is kept longer than it takes to fade by this much in one unit of time; the reference's `A_floor`.
const SLOWEST: f64 = 1e-4;

/// What is added to a mean of squares before its root is taken.
const EPSILON: f64 = 1e-5;

/// What a head reads, for all heads and a batch of sequences.
#[derive(Debug, Clone)]
pub struct TurningInputs {
    /// The inputs, `[batch, length, heads, head_dim]`.
    pub u: Tensor<4>,
    /// Where they are written, `[batch, length, heads, d_state]`.
    pub b: Tensor<4>,
    /// From where is read, `[batch, length, heads, d_state]`.
    pub c: Tensor<4>,
    /// Δa, at most 0: `[batch, length, heads]`.
    pub decay: Tensor<3>,
    /// Δ, `[batch, length, heads]`.
    pub delta: Tensor<3>,
    /// λ, `[batch, length, heads]`.
    pub lambda: Tensor<3>,
    /// How far each pair of states turns, `[batch, length, heads, pairs]`; pairs that are not named stand still.
    pub turn: Tensor<4>,
}

impl TurningInputs {
    /// A piece of them.
    fn piece(&self, begin: usize, length: usize) -> Self {
        let cut = |tensor: &Tensor<4>| tensor.clone().narrow(1, begin, length);
        let cut3 = |tensor: &Tensor<3>| tensor.clone().narrow(1, begin, length);
        Self {
            u: cut(&self.u),
            b: cut(&self.b),
            c: cut(&self.c),
            decay: cut3(&self.decay),
            delta: cut3(&self.delta),
            lambda: cut3(&self.lambda),
            turn: cut(&self.turn),
        }
    }
}

/// What all heads remember.
#[derive(Debug, Clone)]
pub struct TurningState {
    /// How far each pair has turned, `[batch, heads, pairs]`.
    pub theta: Tensor<3>,
    /// `[batch, heads, head_dim, d_state]`.
    pub x: Tensor<4>,
    /// The last B, turned: `[batch, heads, d_state]`.
    pub b: Tensor<3>,
    /// The last input, `[batch, heads, head_dim]`.
    pub u: Tensor<3>,
}

impl TurningState {
    /// Nothing read yet, by whoever reads such inputs.
    pub fn at_rest(inputs: &TurningInputs) -> Self {
        let ([batch, _, heads, head_dim], [_, _, _, d_state], [_, _, _, pairs]) =
            (inputs.u.dims(), inputs.b.dims(), inputs.turn.dims());
        let options = (&inputs.u.device(), inputs.u.dtype());
        Self {
            theta: Tensor::zeros([batch, heads, pairs], options),
            x: Tensor::zeros([batch, heads, head_dim, d_state], options),
            b: Tensor::zeros([batch, heads, d_state], options),
            u: Tensor::zeros([batch, heads, head_dim], options),
        }
    }
}

/// Pairs (2i, 2i+1) of the last axis, each turned by its angle; the pairs that have none stay.
fn turned(states: Tensor<4>, theta: &Tensor<4>) -> Tensor<4> {
    let ([batch, heads, length, d_state], [_, _, _, pairs]) = (states.dims(), theta.dims());
    let (sin, cos) = (theta.clone().sin(), theta.clone().cos());
    let turning = states.clone().narrow(3, 0, 2 * pairs).reshape([batch, heads, length, pairs, 2]);
    let side = |i| turning.clone().narrow(4, i, 1).squeeze_dim::<4>(4);
    let (x, y) = (side(0), side(1));
    let turned: Tensor<5> = Tensor::stack(
        vec![x.clone() * cos.clone() - y.clone() * sin.clone(), x * sin + y * cos],
        4,
    );
    let turned = turned.reshape([batch, heads, length, 2 * pairs]);
    let left = d_state - 2 * pairs;
    if left == 0 {
        return turned;
    }
    Tensor::cat(vec![turned, states.narrow(3, 2 * pairs, left)], 3)
}

/// The mask L, `[batch, heads, length, length]`, of decays, shares of a step's own end and shares of the next step's beginning,
/// `[batch, heads, length]` each.
///
/// Sums of decays between two steps are summed as such and not as differences of longer sums.
fn mask(decay: Tensor<3>, own: Tensor<3>, next: Tensor<3>) -> Tensor<4> {
    let [batch, heads, length] = decay.dims();
    let options = (&decay.device(), decay.dtype());
    let lower = |offset| Tensor::<2>::ones([length, length], options).tril(offset).unsqueeze::<4>();
    let (below, lower) = (lower(-1), lower(0));
    let row = decay.unsqueeze_dim::<4>(3).expand([batch, heads, length, length]);
    let sums = (row * below.clone()).cumsum(2);
    let loud = own.unsqueeze_dim::<4>(2) + next.unsqueeze_dim::<4>(2) * below;
    sums.exp() * lower * loud
}

/// Reads one chunk.
fn attend_chunk(chunk: TurningInputs, state: TurningState) -> (Tensor<4>, TurningState) {
    let heads_first = |tensor: Tensor<4>| tensor.swap_dims(1, 2);
    let [u, b, c, turn] = [chunk.u, chunk.b, chunk.c, chunk.turn].map(heads_first);
    let [decay, delta, lambda] =
        [chunk.decay, chunk.delta, chunk.lambda].map(|tensor| tensor.swap_dims(1, 2));
    let last = u.dims()[2] - 1;
    let at = |tensor: &Tensor<4>, k| tensor.clone().narrow(2, k, 1);

    let theta = turn.cumsum(2) + state.theta.unsqueeze_dim(2);
    let (b, c) = (turned(b, &theta), turned(c, &theta));
    let own = lambda * delta.clone();
    let old_end = delta - own.clone();
    let first = old_end.clone().narrow(2, 0, 1);
    let next = Tensor::cat(vec![old_end, first.zeros_like()], 2).narrow(2, 1, last + 1);
    let mask = mask(decay.clone(), own, next);

    // What came before the chunk, as the first step leaves it, and how it fades.
    let pushed = state.u.unsqueeze_dim::<4>(3) * state.b.unsqueeze_dim(2);
    let past = state.x + pushed * first.unsqueeze_dim(3);
    let fading = decay.cumsum(2).exp().unsqueeze_dim::<4>(3);
    let heard = c.clone().matmul(b.clone().swap_dims(2, 3)) * mask.clone();
    let y = heard.matmul(u.clone()) + c.matmul(past.clone().swap_dims(2, 3)) * fading.clone();

    // The state is what the last step hears.
    let written = (u.clone() * at(&mask, last).swap_dims(2, 3)).swap_dims(2, 3).matmul(b.clone());
    let theta = at(&theta, last).squeeze_dim(2);
    let rounds = theta.clone().detach().div_scalar(TAU).floor();
    let state = TurningState {
        theta: theta - rounds * TAU,
        x: past * at(&fading, last) + written,
        b: at(&b, last).squeeze_dim(2),
        u: at(&u, last).squeeze_dim(2),
    };
    (y.swap_dims(1, 2), state)
}

/// Reads sequences from a state on: what is said, `[batch, length, heads, head_dim]`, and the state after it.
///
/// Cost O(L · chunk · (N + P)) a head; memory O(L · chunk). Differentiable by all that goes in.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::testing::noise;
/// use state_space_duality::mamba3_layer::{TurningInputs, TurningState, attend};
///
/// let device = Device::flex();
/// let flat = |seed| noise::<3>([2, 90, 3], seed, &device);
/// let inputs = TurningInputs {
///     u: noise([2, 90, 3, 4], 1, &device), b: noise([2, 90, 3, 6], 2, &device), c: noise([2, 90, 3, 6], 3, &device),
///     decay: -flat(4).abs(), delta: flat(5).abs(), lambda: flat(6).abs().clamp_max(1.0), turn: noise([2, 90, 3, 3], 7, &device),
/// };
/// let (y, state) = attend(&inputs, TurningState::at_rest(&inputs), 90);
/// let (in_chunks, then) = attend(&inputs, TurningState::at_rest(&inputs), 16);
/// assert_eq!(y.dims(), [2, 90, 3, 4]);
/// assert!((y - in_chunks).abs().max().into_scalar::<f32>() < 1e-4);
/// assert!((state.x - then.x).abs().max().into_scalar::<f32>() < 1e-4);
/// ```
pub fn attend(
    inputs: &TurningInputs,
    mut state: TurningState,
    chunk: usize,
) -> (Tensor<4>, TurningState) {
    let length = inputs.u.dims()[1];
    let mut said = Vec::new();
    for begin in (0..length).step_by(chunk.max(1)) {
        let piece = inputs.piece(begin, chunk.max(1).min(length - begin));
        let y;
        (y, state) = attend_chunk(piece, state);
        said.push(y);
    }
    (Tensor::cat(said, 1), state)
}

/// Which of Mamba-3's changes are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recurrence {
    /// All of them: both ends of a step, and states that turn.
    #[default]
    Mamba3,
    /// Both ends of a step, but nothing turns: every state fades by a positive number.
    Real,
    /// Neither: each step counts its own end only. It is Mamba-2's recurrence, given a decay that depends on the token.
    Mamba2,
}

/// The sizes of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mamba3Config {
    /// Different tokens.
    pub vocabulary: usize,
    /// Channels of the stream.
    pub d_model: usize,
    /// States of each entry of a head: an even number.
    pub d_state: usize,
    /// Entries of a head; 2 `d_model` is a multiple.
    pub head_dim: usize,
    /// Blocks.
    pub layers: usize,
    /// Between which steps Δ a fresh head begins.
    pub steps: [f64; 2],
    /// What is new.
    pub recurrence: Recurrence,
}

impl Default for Mamba3Config {
    fn default() -> Self {
        Self {
            vocabulary: 2,
            d_model: 16,
            d_state: 8,
            head_dim: 8,
            layers: 1,
            steps: [0.001, 0.1],
            recurrence: Recurrence::Mamba3,
        }
    }
}

/// Sizes that make no model.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SizeError {
    /// A number out of its range.
    #[error("expected {name} {expected}, found {found}")]
    OutOfRange {
        /// Which.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

impl Mamba3Config {
    /// Channels inside a block.
    pub fn d_inner(&self) -> usize {
        2 * self.d_model
    }

    /// Heads of a block.
    pub fn heads(&self) -> usize {
        self.d_inner() / self.head_dim
    }

    /// Pairs of states.
    pub fn pairs(&self) -> usize {
        self.d_state / 2
    }

    /// Refuses sizes that make no model.
    ///
    /// ```
    /// use state_space_duality::mamba3_layer::Mamba3Config;
    ///
    /// let odd = Mamba3Config { d_state: 7, ..Mamba3Config::default() };
    /// assert_eq!(odd.check().unwrap_err().to_string(), "expected a number of states even and above 0, found 7");
    /// ```
    ///
    /// # Errors
    /// [`SizeError`].
    pub fn check(&self) -> Result<(), SizeError> {
        let wrong =
            |name, expected, found: String| Err(SizeError::OutOfRange { name, expected, found });
        for (name, found) in [
            ("a vocabulary", self.vocabulary),
            ("a number of channels", self.d_model),
            ("a number of blocks", self.layers),
        ] {
            if found == 0 {
                return wrong(name, "above 0", found.to_string());
            }
        }
        if self.d_state == 0 || !self.d_state.is_multiple_of(2) {
            return wrong("a number of states", "even and above 0", self.d_state.to_string());
        }
        if self.head_dim == 0 || !self.d_inner().is_multiple_of(self.head_dim) {
            let expected = "that divides twice the number of channels";
            return wrong("a size of a head", expected, self.head_dim.to_string());
        }
        let [low, high] = self.steps;
        if !(low > 0.0 && low <= high && high.is_finite()) {
            return wrong("steps", "above 0, the shorter first", format!("{low} to {high}"));
        }
        Ok(())
    }
}

/// A block: projections, norms and biases, a recurrence, a gate; what it says is added to the stream.
#[derive(Module, Debug)]
pub struct Mamba3Block {
    /// Brings every step to one loudness.
    pub norm: RmsNorm,
    /// Says what a token wants, in this order: gate z, input u, B, C, then δ, decay and λ of each head, and the turns.
    pub in_proj: Linear,
    /// The step of each head before training, through softplus.
    pub dt_bias: Param<Tensor<1>>,
    /// Brings B to one loudness.
    pub b_norm: RmsNorm,
    /// And C.
    pub c_norm: RmsNorm,
    /// What B is without a token, `[heads, d_state]`.
    pub b_bias: Param<Tensor<2>>,
    /// What C is without a token, `[heads, d_state]`.
    pub c_bias: Param<Tensor<2>>,
    /// What passes the recurrence by, `[heads]`.
    pub d: Param<Tensor<1>>,
    /// Back to the stream.
    pub out_proj: Linear,
    #[module(skip)]
    recurrence: Recurrence,
}

impl Mamba3Block {
    /// With first weights, of sizes that were [checked](Mamba3Config::check).
    pub fn new(config: &Mamba3Config, first: &mut FirstWeights) -> Self {
        let (d_model, d_inner, heads) = (config.d_model, config.d_inner(), config.heads());
        let (d_state, pairs) = (config.d_state, config.pairs());
        let wanted = 2 * d_inner + 2 * d_state + 3 * heads + pairs;
        let share = 1.0 / (config.layers as f64).sqrt();
        Self {
            norm: first.norm(d_model, EPSILON),
            in_proj: first.linear([d_model, wanted], false, 1.0),
            dt_bias: first.steps(heads, config.steps),
            b_norm: first.norm(d_state, EPSILON),
            c_norm: first.norm(d_state, EPSILON),
            b_bias: first.fixed([heads, d_state], |_| 1.0),
            c_bias: first.fixed([heads, d_state], |_| 1.0),
            d: first.fixed([heads], |_| 1.0),
            out_proj: first.linear([d_inner, d_model], false, share),
            recurrence: config.recurrence,
        }
    }

    /// What a token wants, cut: gate z, input u, B, C, then δ, decay and λ of each head, and the turns.
    fn wanted(&self, v: Tensor<3>) -> [Tensor<3>; 8] {
        let ([heads, d_state], d_inner) = (self.b_bias.dims(), self.out_proj.weight.dims()[0]);
        let wanted = self.in_proj.forward(self.norm.forward(v));
        let mut begin = 0;
        [d_inner, d_inner, d_state, d_state, heads, heads, heads, d_state / 2].map(|width| {
            begin += width;
            wanted.clone().narrow(2, begin - width, width)
        })
    }

    /// The stream after it, `[batch, length, d_model]`, and what it remembers then; `None` is nothing read yet.
    pub fn read(&self, v: Tensor<3>, state: Option<TurningState>) -> (Tensor<3>, TurningState) {
        let (inputs, z) = self.selected(v.clone());
        let state = state.unwrap_or_else(|| TurningState::at_rest(&inputs));
        let (y, state) = attend(&inputs, state, CHUNK);
        let passed = inputs.u * self.d.val().unsqueeze_dim::<2>(1).unsqueeze();
        let y = (y + passed).reshape(z.dims());
        (v + self.out_proj.forward(y * activation::silu(z)), state)
    }
}

// ANCHOR: selected
impl Mamba3Block {
    /// What the recurrence reads, and the gates, of a stream `[batch, length, d_model]`.
    pub fn selected(&self, v: Tensor<3>) -> (TurningInputs, Tensor<3>) {
        let [z, u, b, c, delta, decay, lambda, turn] = self.wanted(v);
        let ([batch, length, d_inner], [heads]) = (u.dims(), self.d.dims());
        let everywhere = |normed: Tensor<3>, bias: &Param<Tensor<2>>| {
            normed.unsqueeze_dim(2) + bias.val().unsqueeze()
        };
        let delta = activation::softplus(delta + self.dt_bias.val().unsqueeze(), 1.0);
        let rate = activation::softplus(decay, 1.0).clamp_min(SLOWEST);
        let inputs = TurningInputs {
            u: u.reshape([batch, length, heads, d_inner / heads]),
            b: everywhere(self.b_norm.forward(b), &self.b_bias),
            c: everywhere(self.c_norm.forward(c), &self.c_bias),
            decay: -rate * delta.clone(),
            lambda: activation::sigmoid(lambda),
            turn: turn.tanh().unsqueeze_dim(2) * delta.clone().unsqueeze_dim(3) * PI,
            delta,
        };
        (self.recurrence.of(inputs), z)
    }
}
// ANCHOR_END: selected

impl Recurrence {
    /// What a head reads, without what is not there.
    fn of(self, inputs: TurningInputs) -> TurningInputs {
        let TurningInputs { turn, lambda, .. } = &inputs;
        let (still, at_the_end) = (turn.zeros_like(), lambda.ones_like());
        match self {
            Self::Mamba3 => inputs,
            Self::Real => TurningInputs { turn: still, ..inputs },
            Self::Mamba2 => TurningInputs { turn: still, lambda: at_the_end, ..inputs },
        }
    }
}

/// An embedding, blocks, a head.
///
/// There is no norm before the head. It would make all answers equally loud, and so hide from the loss how far a state has turned.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ml_links::language_model::{CharacterModel, Noise};
/// use state_space_duality::mamba3_layer::{Mamba3Config, Mamba3Lm};
///
/// let device = Device::flex();
/// let model = Mamba3Lm::init(&Mamba3Config::default(), 1, &device)?;
/// let tokens = Tensor::from_ints([[1, 0, 1, 1]], &device);
/// let at_once = model.logits(tokens.clone(), &mut Noise::none());
/// let mut state = model.initial_state(1);
/// for k in 0..4 {
///     let logits = model.step(tokens.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
///     let expected = at_once.clone().narrow(1, k, 1).squeeze_dim(1);
///     assert!((logits - expected).abs().max().into_scalar::<f32>() < 1e-5);
/// }
/// # Ok::<(), state_space_duality::mamba3_layer::SizeError>(())
/// ```
#[derive(Module, Debug)]
pub struct Mamba3Lm {
    /// A vector for each token.
    pub embeddings: Embedding,
    /// What is added to them.
    pub layers: Vec<Mamba3Block>,
    /// Logits of the tokens.
    pub lm_head: Linear,
}

impl Mamba3Lm {
    /// The model before training: the same weights of the same seed, whatever its recurrence.
    ///
    /// # Errors
    /// [`SizeError`].
    pub fn init(config: &Mamba3Config, seed: u64, device: &Device) -> Result<Self, SizeError> {
        config.check()?;
        let mut first = FirstWeights::of_seed(seed, device);
        let (tokens, d_model) = (config.vocabulary, config.d_model);
        Ok(Self {
            embeddings: Embedding { weight: first.normal([tokens, d_model], 1.0) },
            layers: (0..config.layers).map(|_| Mamba3Block::new(config, &mut first)).collect(),
            lm_head: first.linear([d_model, tokens], false, 1.0),
        })
    }

    fn read(&self, tokens: Tensor<2, Int>, states: &mut [Option<TurningState>]) -> Tensor<3> {
        let mut v = self.embeddings.forward(tokens);
        for (layer, state) in self.layers.iter().zip(states) {
            let then;
            (v, then) = layer.read(v, state.take());
            *state = Some(then);
        }
        self.lm_head.forward(v)
    }
}

/// What a head does at one token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habit {
    /// How long the step lasts.
    pub delta: f64,
    /// What it keeps of its states: e^{Δa}.
    pub keeps: f64,
    /// How far its pairs turn, in half turns, either way: the mean over the pairs.
    pub turns: f64,
}

impl Mamba3Lm {
    /// What each head of the first block does at a token.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use state_space_duality::mamba3_layer::{Mamba3Config, Mamba3Lm};
    ///
    /// let model = Mamba3Lm::init(&Mamba3Config::default(), 1, &Device::flex())?;
    /// let habits = model.habits(1);
    /// assert_eq!(habits.len(), 4);
    /// assert!(habits.iter().all(|habit| habit.keeps < 1.0 && habit.turns < habit.delta));
    /// # Ok::<(), state_space_duality::mamba3_layer::SizeError>(())
    /// ```
    pub fn habits(&self, token: usize) -> Vec<Habit> {
        let Some(block) = self.layers.first() else { return vec![] };
        let v = self.embeddings.weight.val().narrow(0, token, 1).unsqueeze_dim(0);
        let (inputs, _) = block.selected(v);
        let each = |tensor: Tensor<3>| -> Vec<f64> { tensor.into_data().iter::<f64>().collect() };
        let (delta, keeps) = (each(inputs.delta), each(inputs.decay.exp()));
        let turns = each(inputs.turn.abs().mean_dim(3).squeeze_dim(3) / PI);
        let habit = |((delta, keeps), turns): ((f64, f64), f64)| Habit { delta, keeps, turns };
        delta.into_iter().zip(keeps).zip(turns).map(habit).collect()
    }
}

impl CharacterModel for Mamba3Lm {
    type State = Vec<Option<TurningState>>;

    fn logits(&self, tokens: Tensor<2, Int>, _noise: &mut Noise) -> Tensor<3> {
        self.read(tokens, &mut vec![None; self.layers.len()])
    }

    fn initial_state(&self, _batch: usize) -> Self::State {
        vec![None; self.layers.len()]
    }

    fn step(&self, tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2> {
        self.read(tokens.unsqueeze_dim(1), state).squeeze_dim(1)
    }
}
