//! *How does a memory pass over what does not matter?*
//!
//! Two puzzles that no memory solves by treating every step alike: [`SelectiveCopy`] hides what is to be repeated among
//! noise, [`InductionHeads`] asks what came after a token the last time. What solves them is a step that its input chooses,
//! and that step is a gate:
//!
//! ```text
//! Δ_k = softplus(w u_k + b),   x_k = e^{-Δ_k} x_{k-1} + (1 - e^{-Δ_k}) u_k = (1 - g_k) x_{k-1} + g_k u_k,   g_k = σ(w u_k + b)      (eq-6-1)
//! ```
//!
//! Two machines with weights set by hand solve both puzzles exactly: [`Copier`], a delay line whose clock stands still while
//! there is noise, and [`InductionHead`], a bucket that opens once.
//!
//! Conventions: tokens are numbers from 0; the last answers of a sequence are given while its last tokens are read. The state
//! is x and the input u, where the papers on Mamba write h and x.

use std::f64::consts::{E, TAU};

use discretization::zero_order_hold::expm1_ratio;
use ml_links::parameterization::softplus;
use ml_links::recurrent_networks::sigmoid;
use nalgebra::Complex;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// A size of which no puzzle can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {name} of at least {least}, found {found}")]
pub struct PuzzleError {
    /// Which.
    pub name: &'static str,
    /// As large as it has to be.
    pub least: usize,
    /// As large as it is.
    pub found: usize,
}

fn at_least(name: &'static str, found: usize, least: usize) -> Result<(), PuzzleError> {
    if found >= least { Ok(()) } else { Err(PuzzleError { name, least, found }) }
}

/// A sequence, and what is to be said at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What is read.
    pub tokens: Vec<usize>,
    /// What is to be answered to the last of them, one each.
    pub answers: Vec<usize>,
}

/// A puzzle about sequences of tokens.
pub trait Puzzle: Sized {
    /// How many different tokens there are.
    fn vocabulary(&self) -> usize;

    /// How many steps there are to look through.
    fn length(&self) -> usize;

    /// How many answers there are to give.
    fn answers(&self) -> usize;

    /// The same puzzle with more or fewer steps to look through.
    ///
    /// # Errors
    /// [`PuzzleError`] where that is too few.
    fn at_length(&self, length: usize) -> Result<Self, PuzzleError>;

    /// One sequence of another length.
    ///
    /// # Panics
    /// At a length that [`at_length`](Self::at_length) refuses.
    fn draw_at(&self, length: usize, random: &mut ChaCha8Rng) -> Example;

    /// One sequence.
    fn draw(&self, random: &mut ChaCha8Rng) -> Example {
        self.draw_at(self.length(), random)
    }
}

/// The token that means nothing.
pub const NOISE: usize = 0;

/// Repeat, in order, the tokens that came among noise.
///
/// `length` steps, of which `copied` hold a token from 1 to `vocabulary - 2`, at places drawn anew for every sequence; all
/// others hold [`NOISE`]. Then `copied` times the last token of the vocabulary, which asks: the first time for the first token,
/// and so on.
///
/// The paper has 16 tokens to copy from a vocabulary of 16, noise included, in 4096 steps. Which token asks, and that it is one of
/// the vocabulary, it does not say.
///
/// Source: A. Gu, T. Dao (2023), section 4.1.1 and appendix E.1; L. Jing and others (2019) have it as the *denoise task*.
///
/// ```
/// use mamba::selection::{NOISE, Puzzle, SelectiveCopy};
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
///
/// let puzzle = SelectiveCopy::new(16, 3, 8)?;
/// let example = puzzle.draw(&mut ChaCha8Rng::seed_from_u64(1));
/// let heard: Vec<usize> = example.tokens[..8].iter().copied().filter(|&token| token != NOISE).collect();
/// assert_eq!(heard, example.answers);
/// assert_eq!(example.tokens[8..], [15, 15, 15]);
/// # Ok::<(), mamba::selection::PuzzleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectiveCopy {
    vocabulary: usize,
    copied: usize,
    length: usize,
}

impl SelectiveCopy {
    /// A puzzle of `copied` tokens in `length` steps.
    ///
    /// # Errors
    /// [`PuzzleError`]: fewer than four tokens (noise, two to copy, one that asks), nothing to copy, or too few steps for it.
    pub fn new(vocabulary: usize, copied: usize, length: usize) -> Result<Self, PuzzleError> {
        at_least("a vocabulary", vocabulary, 4)?;
        at_least("a number of tokens to copy", copied, 1)?;
        at_least("a length", length, copied)?;
        Ok(Self { vocabulary, copied, length })
    }

    /// The token that asks.
    pub fn ask(&self) -> usize {
        self.vocabulary - 1
    }
}

// ANCHOR: selective_copy
impl Puzzle for SelectiveCopy {
    fn draw_at(&self, length: usize, random: &mut ChaCha8Rng) -> Example {
        let (mut tokens, mut answers) = (Vec::new(), Vec::new());
        for left in (1..=length).rev() {
            // Each step left is as likely as any other to hold one of those missing.
            let missing = self.copied - answers.len();
            if random.random_range(0..left) < missing {
                answers.push(random.random_range(NOISE + 1..self.ask()));
                tokens.extend(answers.last());
            } else {
                tokens.push(NOISE);
            }
        }
        tokens.resize(length + self.copied, self.ask());
        Example { tokens, answers }
    }
    // ANCHOR_END: selective_copy

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn length(&self) -> usize {
        self.length
    }

    fn answers(&self) -> usize {
        self.copied
    }

    fn at_length(&self, length: usize) -> Result<Self, PuzzleError> {
        Self::new(self.vocabulary, self.copied, length)
    }
}

/// Say what came after the special token the last time.
///
/// `length` tokens from 0 to `vocabulary - 2`, but for the last token of the vocabulary, which comes twice: somewhere, and at the
/// end. The answer is the token after the first of the two.
///
/// The paper trains on a vocabulary of 16 and a length of 2⁸ and asks at 2⁶ to 2²⁰.
///
/// Source: A. Gu, T. Dao (2023), section 4.1.2 and appendix E.1, after C. Olsson and others (2022).
///
/// ```
/// use mamba::selection::{InductionHeads, Puzzle};
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
///
/// let example = InductionHeads::new(16, 64)?.draw(&mut ChaCha8Rng::seed_from_u64(1));
/// let first = example.tokens.iter().position(|&token| token == 15).expect("it comes twice");
/// assert!(first < 62);
/// assert_eq!(example.answers, [example.tokens[first + 1]]);
/// assert_eq!(example.tokens[63], 15);
/// # Ok::<(), mamba::selection::PuzzleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InductionHeads {
    vocabulary: usize,
    length: usize,
}

impl InductionHeads {
    /// A puzzle of `length` tokens.
    ///
    /// # Errors
    /// [`PuzzleError`]: fewer than three tokens, or no room for the special one, its successor, and the special one again.
    pub fn new(vocabulary: usize, length: usize) -> Result<Self, PuzzleError> {
        at_least("a vocabulary", vocabulary, 3)?;
        at_least("a length", length, 3)?;
        Ok(Self { vocabulary, length })
    }

    /// The token whose successor is asked for.
    pub fn special(&self) -> usize {
        self.vocabulary - 1
    }
}

// ANCHOR: induction_heads
impl Puzzle for InductionHeads {
    fn draw_at(&self, length: usize, random: &mut ChaCha8Rng) -> Example {
        let mut draw = || random.random_range(0..self.special());
        let mut tokens: Vec<usize> = (0..length).map(|_| draw()).collect();
        let first = random.random_range(0..length - 2);
        tokens[first] = self.special();
        tokens[length - 1] = self.special();
        let answers = vec![tokens[first + 1]];
        Example { tokens, answers }
    }
    // ANCHOR_END: induction_heads

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn length(&self) -> usize {
        self.length
    }

    fn answers(&self) -> usize {
        1
    }

    fn at_length(&self, length: usize) -> Result<Self, PuzzleError> {
        Self::new(self.vocabulary, length)
    }
}

/// A clock that its input sets: how much time passes while `u` is at the door.
///
/// ```text
/// Δ = softplus(weight · u + bias)        g = σ(weight · u + bias) = 1 - e^{-Δ}
/// ```
///
/// With a weight of 0 every step lasts equally long, and what reads by this clock is time-invariant.
///
/// ```
/// use mamba::selection::Clock;
///
/// let clock = Clock { weight: 2.0, bias: -1.0 };
/// assert!((clock.gate(0.7) - (1.0 - (-clock.delta(0.7)).exp())).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// What the input is multiplied by.
    pub weight: f64,
    /// And what is added: the clock where nothing comes in.
    pub bias: f64,
}

// ANCHOR: gate
impl Clock {
    /// How long a step lasts.
    pub fn delta(&self, u: f64) -> f64 {
        softplus(self.weight * u + self.bias)
    }

    /// How far a gate opens that is made of the same number.
    pub fn gate(&self, u: f64) -> f64 {
        sigmoid(self.weight * u + self.bias)
    }
}

/// The leaky bucket x' = -x + u by such a clock, u held while a step lasts: exact.
pub fn selective_bucket(u: &[f64], clock: Clock) -> Vec<f64> {
    let step = |x: &mut f64, &u: &f64| {
        let delta = clock.delta(u);
        *x = (-delta).exp() * *x - (-delta).exp_m1() * u;
        Some(*x)
    };
    u.iter().scan(0.0, step).collect()
}
// ANCHOR_END: gate

/// A gated recurrent network of one unit, without its bend: `x_k = (1 - g_k) x_{k-1} + g_k u_k`.
///
/// ```
/// use mamba::selection::{Clock, gated, selective_bucket};
///
/// let (u, clock) = ([0.5, -1.0, 2.0], Clock { weight: 3.0, bias: 0.0 });
/// for (bucket, gated) in selective_bucket(&u, clock).iter().zip(gated(&u, clock)) {
///     assert!((bucket - gated).abs() < 1e-15);
/// }
/// ```
pub fn gated(u: &[f64], clock: Clock) -> Vec<f64> {
    let step = |x: &mut f64, &u: &f64| {
        let g = clock.gate(u);
        *x = (1.0 - g) * *x + g * u;
        Some(*x)
    };
    u.iter().scan(0.0, step).collect()
}

/// What one step was like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// How long it lasted.
    pub delta: f64,
    /// What is read from the state after it.
    pub y: f64,
}

/// A memory of what came `slots` units of time ago, of waves that never die away.
///
/// ```text
/// λ_n = 2πi n / slots,      x_n' = λ_n x_n + u,      y = Σ c_n x_n,      c_n = 1 / (slots φ₁(λ_n)),      φ₁(z) = (e^z - 1)/z
/// ```
///
/// - An input that is held for one unit of time turns up again after `slots` units, and after each `slots` more.
/// - *Exact* for steps of 1 and of 0. Cost: `slots` complex multiplications a step.
/// - Time-invariant, as long as whoever calls [`step`](Self::step) lets all steps last equally long.
///
/// ```
/// use mamba::selection::DelayLine;
///
/// let mut line = DelayLine::new(3);
/// let y: Vec<f64> = [7.0, 0.0, 0.0, 0.0, 0.0].map(|u| line.step(u, 1.0)).to_vec();
/// assert!((y[3] - 7.0).abs() < 1e-12 && y[4].abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DelayLine {
    waves: Vec<Wave>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Wave {
    lambda: Complex<f64>,
    c: Complex<f64>,
    x: Complex<f64>,
}

// ANCHOR: delay_line
impl DelayLine {
    /// Nothing remembered yet.
    pub fn new(slots: usize) -> Self {
        let wave = |n: usize| {
            let lambda = Complex::new(0.0, TAU * n as f64 / slots as f64);
            let c = (expm1_ratio(lambda) * slots as f64).inv();
            Wave { lambda, c, x: Complex::ZERO }
        };
        Self { waves: (0..slots).map(wave).collect() }
    }

    /// `delta` units of time go by with `u` at the door.
    pub fn step(&mut self, u: f64, delta: f64) -> f64 {
        let mut y = 0.0;
        for Wave { lambda, c, x } in &mut self.waves {
            let z = *lambda * delta;
            *x = z.exp() * *x + expm1_ratio(z) * delta * u;
            y += (*c * *x).re;
        }
        y
    }
}
// ANCHOR_END: delay_line

/// Solves [`SelectiveCopy`] by hand: a [`DelayLine`] with as many slots as there are tokens to copy, and a clock.
///
/// The line hears a token as its number, noise and the question as silence; the clock hears 1 for noise and 0 for all else.
///
/// ```
/// use mamba::selection::{Copier, Puzzle, SelectiveCopy};
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
///
/// let puzzle = SelectiveCopy::new(16, 16, 4096)?;
/// let example = puzzle.draw(&mut ChaCha8Rng::seed_from_u64(1));
/// assert_eq!(Copier::selective(&puzzle).answer(&example.tokens), example.answers);
/// # Ok::<(), mamba::selection::PuzzleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Copier {
    line: DelayLine,
    clock: Clock,
    ask: usize,
}

impl Copier {
    /// A step of noise takes no time.
    pub fn selective(puzzle: &SelectiveCopy) -> Self {
        Self::with_weight(puzzle, -60.0)
    }

    /// Every step takes as long as every other.
    pub fn time_invariant(puzzle: &SelectiveCopy) -> Self {
        Self::with_weight(puzzle, 0.0)
    }

    /// softplus(ln(e - 1)) is 1.
    fn with_weight(puzzle: &SelectiveCopy, weight: f64) -> Self {
        let clock = Clock { weight, bias: (E - 1.0).ln() };
        Self { line: DelayLine::new(puzzle.copied), clock, ask: puzzle.ask() }
    }

    /// What it does and says at each step.
    ///
    /// ```
    /// use mamba::selection::{Copier, SelectiveCopy};
    ///
    /// let heard = Copier::selective(&SelectiveCopy::new(16, 2, 4)?).read(&[0, 5, 0, 9, 15, 15]);
    /// assert!(heard[0].delta < 1e-20 && heard[1].delta > 0.999);
    /// assert!((heard[4].y - 5.0).abs() < 1e-9 && (heard[5].y - 9.0).abs() < 1e-9);
    /// # Ok::<(), mamba::selection::PuzzleError>(())
    /// ```
    pub fn read(&self, tokens: &[usize]) -> Vec<Heard> {
        let mut line = self.line.clone();
        let mut hear = |token: usize| {
            let noise = if token == NOISE { 1.0 } else { 0.0 };
            let u = if token == self.ask { 0.0 } else { token as f64 };
            let delta = self.clock.delta(noise);
            Heard { delta, y: line.step(u, delta) }
        };
        tokens.iter().map(|&token| hear(token)).collect()
    }

    /// What it says wherever it is asked: the nearest token.
    pub fn answer(&self, tokens: &[usize]) -> Vec<usize> {
        let heard = self.read(tokens).into_iter().zip(tokens);
        heard.filter(|(_, token)| **token == self.ask).map(|(heard, _)| nearest(heard.y)).collect()
    }
}

fn nearest(y: f64) -> usize {
    y.round().max(0.0) as usize
}

/// Solves [`InductionHeads`] by hand, in two layers.
///
/// The first says of each token whether the one before it was special. The second is the [`selective_bucket`] with a clock that
/// hears this: it stands still, until a special token has gone by, and then runs for 40 time constants.
///
/// ```
/// use mamba::selection::{InductionHead, InductionHeads, Puzzle};
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
///
/// let puzzle = InductionHeads::new(16, 100_000)?;
/// let example = puzzle.draw(&mut ChaCha8Rng::seed_from_u64(1));
/// assert_eq!(InductionHead::new(&puzzle).answer(&example.tokens), example.answers[0]);
/// # Ok::<(), mamba::selection::PuzzleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct InductionHead {
    special: usize,
    clock: Clock,
}

impl InductionHead {
    /// For the special token of a puzzle.
    pub fn new(puzzle: &InductionHeads) -> Self {
        Self { special: puzzle.special(), clock: Clock { weight: 80.0, bias: -40.0 } }
    }

    /// What it does and holds at each step.
    ///
    /// ```
    /// use mamba::selection::{InductionHead, InductionHeads};
    ///
    /// let heard = InductionHead::new(&InductionHeads::new(16, 5)?).read(&[3, 15, 9, 4, 15]);
    /// let opened: Vec<bool> = heard.iter().map(|heard| heard.delta > 1.0).collect();
    /// assert_eq!(opened, [false, false, true, false, false]);
    /// assert!((heard[4].y - 9.0).abs() < 1e-9);
    /// # Ok::<(), mamba::selection::PuzzleError>(())
    /// ```
    // ANCHOR: induction_head
    pub fn read(&self, tokens: &[usize]) -> Vec<Heard> {
        // First layer: a delay by one step, and a question to it.
        let before = [None].into_iter().chain(tokens.iter().copied().map(Some));
        let after_special = before.map(|token| f64::from(token == Some(self.special)));
        // Second layer: whatever comes then, it keeps.
        let mut x = 0.0;
        let hear = |(flag, &token): (f64, &usize)| {
            let delta = self.clock.delta(flag);
            x = (-delta).exp() * x - (-delta).exp_m1() * token as f64;
            Heard { delta, y: x }
        };
        after_special.zip(tokens).map(hear).collect()
    }
    // ANCHOR_END: induction_head

    /// What it holds at the end: the nearest token.
    pub fn answer(&self, tokens: &[usize]) -> usize {
        self.read(tokens).last().map_or(0, |heard| nearest(heard.y))
    }
}

/// How many of these a machine answers right, as a share of all answers.
///
/// ```
/// use mamba::selection::{Example, share_right};
///
/// let example = Example { tokens: vec![1, 2], answers: vec![1, 2] };
/// assert_eq!(share_right(&[example], |_| vec![1, 1]), 0.5);
/// ```
pub fn share_right(examples: &[Example], answer: impl Fn(&[usize]) -> Vec<usize>) -> f64 {
    let (mut right, mut all) = (0, 0);
    for Example { tokens, answers } in examples {
        right += answer(tokens).iter().zip(answers).filter(|(found, right)| found == right).count();
        all += answers.len();
    }
    right as f64 / all.max(1) as f64
}
