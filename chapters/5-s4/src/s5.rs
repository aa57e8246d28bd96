//! *Does every channel need a memory of its own?*
//!
//! One state can listen to all of them. It is diagonal, so each of its numbers goes its own way, in steps that may be of any length:
//!
//! ```text
//! x_nk = e^z x_n,k-1 + Δ_n τ_k φ₁(z) Σ_m b_nm u_mk,      z = λ_n Δ_n τ_k,      y_k = Σ_n w_n Re(c_n x_nk) + D u_k      (eq-5-6)
//! ```
//!
//! with `φ₁(z) = (e^z - 1)/z`. [`S5`] is the layer, [`S5::run`] its loop and [`S5::run_by_scan`] the same with chapter 4's
//! scans; [`S5::listener`] and [`S5::side_by_side`] say what it has to do with a bank of S4D systems. [`recall`] is a memory
//! that can be asked, for signals whose samples come when they like.
//!
//! Conventions: of each conjugate pair one mode is kept, as in chapter 3's `DiagonalSystem`; τ_k, called `lasts`, counts a step in usual
//! steps and is 1 where nothing is said; an input is held during its step, and x_k has seen u_k. Plain f64, for reading: nothing is
//! trained here.

use discretization::diagonalization::DiagonalSystem;
use discretization::zero_order_hold::expm1_ratio;
use math_foundations::validation::{
    InputError, finite, finite_vector, length as length_of, non_negative, positive,
    shape as shape_of,
};
use ml_links::parameterization::normal;
use ml_links::scans::Affine;
use nalgebra::{Complex, DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s4::diagonal::{DiagonalError, without_low_rank};
use s4::hippo::Measure;
use s4::nplr::{Nplr, NplrError};
use thiserror::Error;

/// Why there is no such layer, or no answer of it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum S5Error {
    /// A number, a matrix or a vector that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// LegS was not taken apart.
    #[error(transparent)]
    Nplr(#[from] NplrError),
    /// There is no such diagonal memory.
    #[error(transparent)]
    Diagonal(#[from] DiagonalError),
    /// States come in pairs, and blocks are alike.
    #[error("expected N to be a multiple of twice the number of blocks, {blocks}, found {d_state}")]
    Blocks {
        /// N.
        d_state: usize,
        /// How many blocks.
        blocks: usize,
    },
    /// There is a length for each step.
    #[error("expected as many lengths of steps as inputs, {inputs}, found {lengths}")]
    Lengths {
        /// How many inputs.
        inputs: usize,
        /// How many lengths.
        lengths: usize,
    },
}

/// One step of one mode: what becomes of its state.
type Step = Affine<Complex<f64>>;

/// A diagonal flow of many inputs and outputs with a time scale for each mode, in steps of any length.
///
/// - Shapes: `flow.lambda` `[modes]`, `flow.b` `[modes, M]`, `flow.c` `[P, modes]`, `flow.d` `[P, M]`; `delta` `[modes]`.
/// - *Exact* for inputs that are held during a step, whatever its length.
/// - A Δ of its own adds no system to those that one Δ has: `λ_n Δ_n` and `b_n Δ_n` are all that is seen of it. It is a handle
///   for training, which learns time scales on a logarithm.
/// - Cost O(modes (M + P)) a step; see [`cost`].
///
/// Source: J. T. H. Smith, A. Warrington, S. W. Linderman, *S5* (2023).
///
/// ```
/// use ml_links::scans::scan_blelloch;
/// use nalgebra::dvector;
/// use s4::s5::S5;
///
/// // Three channels, one state of 16 numbers.
/// let layer = S5::hippo(3, 16, 1, 7)?;
/// let u = vec![dvector![1.0, 0.0, -1.0]; 5];
/// let y = layer.run(&u, &[1.0; 5])?;
/// assert_eq!((y.len(), y[0].len()), (5, 3));
///
/// // The same by a tree.
/// let tree = layer.run_by_scan(&u, &[1.0; 5], |steps| scan_blelloch(steps, |one, next| one.then(*next)))?;
/// assert!(y.iter().zip(&tree).all(|(y, tree)| (y - tree).amax() < 1e-14));
/// # Ok::<(), s4::s5::S5Error>(())
/// ```
///
/// It begins, by [`S5::hippo`], with `blocks` copies of LegS's normal part, B and C normal (variance 1/M and 1/N) in its coordinates, a D
/// for each channel, Δ from 0.001 to 0.1, each scale alike. With one block the fastest wave is N²/π. With J blocks it is J²
/// times as slow, and each wave comes J times.
///
/// ```
/// use s4::s5::S5;
///
/// let layer = S5::hippo(4, 32, 2, 0)?;
/// assert_eq!(layer.flow().lambda[0], layer.flow().lambda[8]); // the second block begins again
/// assert!(S5::hippo(4, 32, 3, 0).is_err());
/// # Ok::<(), s4::s5::S5Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct S5 {
    flow: DiagonalSystem,
    delta: DVector<f64>,
}

impl S5 {
    /// By a flow and a usual step for each mode.
    ///
    /// # Errors
    /// [`S5Error::Input`] for shapes that do not fit, entries that are not finite, a Δ that is not positive.
    pub fn new(flow: DiagonalSystem, delta: DVector<f64>) -> Result<Self, S5Error> {
        let modes = flow.lambda.len();
        finite_vector("λ", &flow.lambda)?;
        finite("B", &flow.b)?;
        finite("C", &flow.c)?;
        finite("D", &flow.d)?;
        shape_of("B", &flow.b, (modes, flow.b.ncols()))?;
        shape_of("C", &flow.c, (flow.c.nrows(), modes))?;
        shape_of("D", &flow.d, (flow.c.nrows(), flow.b.ncols()))?;
        length_of("the weights", &flow.weight, modes)?;
        length_of("Δ", &delta, modes)?;
        delta.iter().try_for_each(|delta| positive("Δ", *delta))?;
        Ok(Self { flow, delta })
    }
}

// ANCHOR: hippo
impl S5 {
    /// Before training: LegS's normal part in blocks, B and C drawn by lot.
    ///
    /// # Errors
    /// [`S5Error`] unless 2 · `blocks` divides N, and for none of something.
    pub fn hippo(
        channels: usize,
        d_state: usize,
        blocks: usize,
        seed: u64,
    ) -> Result<Self, S5Error> {
        let legs = Nplr::legs(block_of(channels, d_state, blocks)?)?.diagonalize()?;
        let v = DMatrix::identity(blocks, blocks).kronecker(&legs.v);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let flow = DiagonalSystem {
            lambda: stack(&vec![legs.modes.lambda; blocks]),
            b: v.ad_mul(&gaussian(&mut random, (d_state, channels), channels)),
            c: gaussian(&mut random, (channels, d_state), d_state) * &v,
            d: DMatrix::from_diagonal(&DVector::from_fn(channels, |_, _| normal(&mut random))),
            weight: stack(&vec![legs.modes.weight; blocks]),
        };
        let scale = |_, _| 10.0_f64.powf(random.random_range(-3.0..-1.0));
        Self::new(flow, DVector::from_fn(d_state / 2, scale))
    }
}
// ANCHOR_END: hippo

impl S5 {
    /// The flow.
    pub fn flow(&self) -> &DiagonalSystem {
        &self.flow
    }

    /// The usual step of each mode, `[modes]`.
    pub fn delta(&self) -> &DVector<f64> {
        &self.delta
    }

    /// Refuses a sequence that does not fit.
    fn check(&self, u: &[DVector<f64>], lasts: &[f64]) -> Result<(), S5Error> {
        if u.len() != lasts.len() {
            return Err(S5Error::Lengths { inputs: u.len(), lengths: lasts.len() });
        }
        for (u, &lasts) in u.iter().zip(lasts) {
            length_of("u", u, self.flow.b.ncols())?;
            finite_vector("u", u)?;
            positive("the length of a step", lasts)?;
        }
        Ok(())
    }
}

/// The states of a block; refuses what has none.
fn block_of(channels: usize, d_state: usize, blocks: usize) -> Result<usize, S5Error> {
    for (name, count) in [("the channels", channels), ("N", d_state), ("the blocks", blocks)] {
        if count == 0 {
            let value = "0".to_owned();
            return Err(InputError::OutOfRange { name, expected: "at least 1", value }.into());
        }
    }
    if d_state.is_multiple_of(2 * blocks) {
        Ok(d_state / blocks)
    } else {
        Err(S5Error::Blocks { d_state, blocks })
    }
}

/// A matrix of normal numbers with the variance 1/`scale`.
fn gaussian(
    random: &mut ChaCha8Rng,
    (rows, columns): (usize, usize),
    scale: usize,
) -> DMatrix<Complex<f64>> {
    let size = (scale as f64).sqrt().recip();
    DMatrix::from_fn(rows, columns, |_, _| Complex::from(size * normal(random)))
}

/// Vectors one below the other.
fn stack<T: nalgebra::Scalar>(parts: &[DVector<T>]) -> DVector<T> {
    DVector::from_vec(parts.iter().flat_map(|part| part.iter().cloned()).collect())
}

// ANCHOR: step
impl S5 {
    /// What a step of `lasts` usual steps with the input u does to mode n.
    pub fn step_of(&self, n: usize, u: &DVector<f64>, lasts: f64) -> Affine<Complex<f64>> {
        let time = self.delta[n] * lasts;
        let z = self.flow.lambda[n] * time;
        let b = self.flow.b.row(n);
        let pushed: Complex<f64> = b.iter().zip(u).map(|(b, u)| b * u).sum();
        Affine { scale: z.exp(), shift: expm1_ratio(z) * pushed * time }
    }

    /// One step: the state `[modes]` moves on, and y_k is read.
    pub fn step(
        &self,
        x: &mut DVector<Complex<f64>>,
        u: &DVector<f64>,
        lasts: f64,
    ) -> DVector<f64> {
        let mut y = &self.flow.d * u;
        for (n, x) in x.iter_mut().enumerate() {
            *x = self.step_of(n, u, lasts).apply(*x);
            self.read(n, *x, &mut y);
        }
        y
    }
}
// ANCHOR_END: step

impl S5 {
    /// Adds what is seen of mode n.
    fn read(&self, n: usize, x: Complex<f64>, y: &mut DVector<f64>) {
        let weight = self.flow.weight[n];
        y.iter_mut().zip(&self.flow.c.column(n)).for_each(|(y, c)| *y += weight * (c * x).re);
    }

    /// The outputs of a sequence, from rest, a step after the other.
    ///
    /// # Errors
    /// [`S5Error`] for inputs and lengths that do not fit.
    pub fn run(&self, u: &[DVector<f64>], lasts: &[f64]) -> Result<Vec<DVector<f64>>, S5Error> {
        self.check(u, lasts)?;
        let mut x = DVector::zeros(self.delta.len());
        Ok(u.iter().zip(lasts).map(|(u, &lasts)| self.step(&mut x, u, lasts)).collect())
    }
}

// ANCHOR: run_by_scan
impl S5 {
    /// As [`S5::run`], but mode after mode: all prefixes of its steps, composed.
    ///
    /// # Errors
    /// As [`S5::run`].
    pub fn run_by_scan(
        &self,
        u: &[DVector<f64>],
        lasts: &[f64],
        scan: impl Fn(&[Step]) -> Vec<Step>,
    ) -> Result<Vec<DVector<f64>>, S5Error> {
        self.check(u, lasts)?;
        let mut y: Vec<_> = u.iter().map(|u| &self.flow.d * u).collect();
        for n in 0..self.delta.len() {
            let steps: Vec<Step> =
                u.iter().zip(lasts).map(|(u, &lasts)| self.step_of(n, u, lasts)).collect();
            let since_rest = scan(&steps).into_iter().map(|all| all.apply(Complex::ZERO));
            since_rest.zip(&mut y).for_each(|(x, y)| self.read(n, x, y));
        }
        Ok(y)
    }
}
// ANCHOR_END: run_by_scan

impl S5 {
    /// Its state after a sequence, from rest: `[modes]`.
    ///
    /// # Errors
    /// As [`S5::run`].
    pub fn state_after(
        &self,
        u: &[DVector<f64>],
        lasts: &[f64],
    ) -> Result<DVector<Complex<f64>>, S5Error> {
        self.check(u, lasts)?;
        let mut x = DVector::zeros(self.delta.len());
        u.iter().zip(lasts).for_each(|(u, &lasts)| drop(self.step(&mut x, u, lasts)));
        Ok(x)
    }

    /// The layer that listens to channel m alone: an S4D system of the same modes and time scales, with a row of C for each output.
    ///
    /// S5's state is the sum of the states of its listeners.
    ///
    /// # Errors
    /// [`S5Error::Input`] where there is no such channel.
    ///
    /// ```
    /// use nalgebra::dvector;
    /// use s4::s5::S5;
    ///
    /// let layer = S5::hippo(2, 8, 1, 3)?;
    /// let x = layer.state_after(&[dvector![2.0, -1.0]], &[1.0])?;
    /// let one = layer.listener(0)?.state_after(&[dvector![2.0]], &[1.0])?;
    /// let other = layer.listener(1)?.state_after(&[dvector![-1.0]], &[1.0])?;
    /// assert!((x - one - other).norm() < 1e-15);
    /// # Ok::<(), s4::s5::S5Error>(())
    /// ```
    pub fn listener(&self, m: usize) -> Result<Self, S5Error> {
        let channels = self.flow.b.ncols();
        if m >= channels {
            let (expected, value) = ("below the number of channels", m.to_string());
            return Err(InputError::OutOfRange { name: "the channel", expected, value }.into());
        }
        let DiagonalSystem { b, d, .. } = &self.flow;
        let flow = DiagonalSystem {
            b: b.columns(m, 1).into_owned(),
            d: d.columns(m, 1).into_owned(),
            ..self.flow.clone()
        };
        Self::new(flow, self.delta.clone())
    }

    /// A bank of systems with an input and an output each, written as one: its B and C are zero but for a block each.
    ///
    /// So every layer of S4D channels is an S5 with as many states as all of them have together.
    ///
    /// # Errors
    /// [`S5Error::Input`] for an empty bank, and where a system has not one input and one output.
    ///
    /// ```
    /// use s4::s5::{S5, recall};
    ///
    /// let bank = S5::side_by_side(&[recall(8, 0.5, 0.1)?, recall(8, 1.0, 0.1)?])?;
    /// assert_eq!((bank.delta().len(), bank.flow().b.ncols()), (8, 2)); // four modes each, two channels
    /// # Ok::<(), s4::s5::S5Error>(())
    /// ```
    pub fn side_by_side(bank: &[Self]) -> Result<Self, S5Error> {
        for system in bank {
            shape_of("D of each system", &system.flow.d, (1, 1))?;
        }
        let owner: Vec<usize> = bank
            .iter()
            .enumerate()
            .flat_map(|(channel, system)| vec![channel; system.delta.len()])
            .collect();
        let all = |part: &dyn Fn(&Self) -> Vec<Complex<f64>>| -> Vec<Complex<f64>> {
            bank.iter().flat_map(part).collect()
        };
        let b = all(&|system| system.flow.b.iter().copied().collect());
        let c = all(&|system| system.flow.c.iter().copied().collect());
        let own = |value: Complex<f64>, yes: bool| if yes { value } else { Complex::ZERO };
        let flow = DiagonalSystem {
            lambda: DVector::from_vec(all(&|system| system.flow.lambda.iter().copied().collect())),
            b: DMatrix::from_fn(owner.len(), bank.len(), |n, m| own(b[n], owner[n] == m)),
            c: DMatrix::from_fn(bank.len(), owner.len(), |p, n| own(c[n], owner[n] == p)),
            d: DMatrix::from_fn(bank.len(), bank.len(), |p, m| {
                if p == m { bank[p].flow.d[(0, 0)] } else { 0.0 }
            }),
            weight: stack(
                &bank.iter().map(|system| system.flow.weight.clone()).collect::<Vec<_>>(),
            ),
        };
        Self::new(flow, stack(&bank.iter().map(|system| system.delta.clone()).collect::<Vec<_>>()))
    }
}

/// What a layer keeps, and what it does for one step of all its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The real numbers of its state.
    pub state: usize,
    /// Real multiplications a step, its Ā and B̄ being known.
    pub multiplications: usize,
}

/// S5 with H channels and N states, D a number for each channel.
///
/// Of each of N/2 modes: 4 multiplications for `āx`, 2H for `b̄u`, 2H for `Re(cx)`.
///
/// ```
/// use s4::s5::{cost, cost_of_bank};
///
/// // As many states as channels: the work of a bank of S4D systems of 64 states each, nearly, and a 64th of its memory.
/// let (one, many) = (cost(128, 128), cost_of_bank(128, 64));
/// assert_eq!((one.state, many.state), (128, 8192));
/// assert_eq!((one.multiplications, many.multiplications), (33_152, 32_896));
/// ```
pub fn cost(channels: usize, d_state: usize) -> Cost {
    let multiplications = d_state / 2 * (4 + 4 * channels) + channels;
    Cost { state: d_state, multiplications }
}

/// H systems of S4D with N states each. No channel hears of another: a network mixes them afterwards, with H² multiplications,
/// which are not counted here.
///
/// See [`cost`] for an example.
pub fn cost_of_bank(channels: usize, d_state: usize) -> Cost {
    let one = d_state / 2 * (4 + 2 + 2) + 1;
    Cost { state: channels * d_state, multiplications: channels * one }
}

/// A memory of one channel that says, after each step, what it heard so long ago, as far as N numbers can: LegS without its
/// low-rank part, read by the values of its curves at that age.
///
/// `age` is in units of time, as `delta` is. *Good for* what is slow beside N, by equation 5-5.
///
/// # Errors
/// [`S5Error::Input`] unless the age is not negative and Δ is positive; [`S5Error::Diagonal`] for no states.
///
/// ```
/// use nalgebra::dvector;
/// use s4::s5::recall;
///
/// // A slow wave, 100 steps a unit of time, heard for ten units: what was it one unit ago?
/// let memory = recall(64, 1.0, 0.01)?;
/// let wave = |t: f64| (1.5 * t).sin();
/// let u: Vec<_> = (0..1000).map(|k| dvector![wave(0.01 * (f64::from(k) + 0.5))]).collect();
/// let y = memory.run(&u, &[1.0; 1000])?;
/// assert!((y[999][0] - wave(9.0)).abs() < 0.05);
/// # Ok::<(), s4::s5::S5Error>(())
/// ```
pub fn recall(d_state: usize, age: f64, delta: f64) -> Result<S5, S5Error> {
    non_negative("the age", age)?;
    let legs = without_low_rank(d_state)?;
    let curves = Measure::LegS.basis(d_state, age).transpose().map(Complex::from);
    let (c, modes) = (curves * &legs.c, legs.lambda.len());
    let c = DMatrix::from_row_slice(1, modes, c.as_slice());
    let flow = DiagonalSystem { c, d: DMatrix::zeros(1, 1), ..legs };
    S5::new(flow, DVector::from_element(modes, delta))
}

/// A signal whose samples come when they like.
#[derive(Debug, Clone, PartialEq)]
pub struct Irregular {
    /// How long each sample is held, in units of time: `[samples]`.
    pub gaps: Vec<f64>,
    /// The samples, each from the middle of its time: `[samples]`.
    pub samples: Vec<f64>,
}

/// Samples a signal over a time, at gaps drawn by lot: each scale from `shortest` to `longest` alike.
///
/// # Errors
/// [`S5Error::Input`] unless `0 < shortest <= longest`, and for a duration that is not positive.
///
/// ```
/// use s4::s5::sample_irregularly;
///
/// let heard = sample_irregularly(|t| t, 5.0, (0.01, 0.1), 1)?;
/// assert!((heard.gaps.iter().sum::<f64>() - 5.0).abs() < 0.11);
/// assert!((heard.samples[0] - 0.5 * heard.gaps[0]).abs() < 1e-15);
/// # Ok::<(), s4::s5::S5Error>(())
/// ```
pub fn sample_irregularly(
    signal: impl Fn(f64) -> f64,
    duration: f64,
    (shortest, longest): (f64, f64),
    seed: u64,
) -> Result<Irregular, S5Error> {
    positive("the duration", duration)?;
    positive("the shortest gap", shortest)?;
    positive("the longest gap", longest)?;
    if longest < shortest {
        let (expected, value) = ("at least the shortest", longest.to_string());
        return Err(InputError::OutOfRange { name: "the longest gap", expected, value }.into());
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut heard = Irregular { gaps: Vec::new(), samples: Vec::new() };
    let mut now = 0.0;
    while now < duration {
        let gap = random.random_range(shortest.ln()..=longest.ln()).exp();
        heard.gaps.push(gap);
        heard.samples.push(signal(now + 0.5 * gap));
        now += gap;
    }
    Ok(heard)
}

/// What a [`recall`] makes of a signal at odd times, one unit of time later.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// When each step ended: `[steps]`.
    pub times: Vec<f64>,
    /// What the signal was one unit earlier.
    pub truth: Vec<f64>,
    /// What the memory says, that knows how long each step was.
    pub by_clock: Vec<f64>,
    /// What it says if it takes all steps for equally long, as a convolution has to.
    pub by_steps: Vec<f64>,
    /// From which step on four units of time have passed, and what was before the signal began is forgotten.
    pub warm: usize,
}

/// Lets 64 numbers listen to a signal for a time, at gaps drawn by lot, and asks them what was one unit ago.
///
/// # Errors
/// Those of [`sample_irregularly`].
///
/// ```
/// use s4::hippo::share_lost;
/// use s4::s5::{hear, two_waves};
///
/// let heard = hear(two_waves, (0.01, 0.1), 10.0, 1)?;
/// let lost = |said: &[f64]| share_lost(&said[heard.warm..], &heard.truth[heard.warm..]);
/// assert!(lost(&heard.by_clock) < 0.2 && lost(&heard.by_steps) > lost(&heard.by_clock));
/// # Ok::<(), s4::s5::S5Error>(())
/// ```
pub fn hear(
    signal: impl Fn(f64) -> f64,
    gaps: (f64, f64),
    duration: f64,
    seed: u64,
) -> Result<Heard, S5Error> {
    let Irregular { gaps, samples } = sample_irregularly(&signal, duration, gaps, seed)?;
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let memory = recall(64, 1.0, mean)?;
    let u: Vec<_> = samples.iter().map(|&u| DVector::from_element(1, u)).collect();
    let said = |lasts: &[f64]| -> Result<Vec<f64>, S5Error> {
        Ok(memory.run(&u, lasts)?.iter().map(|y| y[0]).collect())
    };
    let ends = gaps.iter().scan(0.0, |now, gap| {
        *now += gap;
        Some(*now)
    });
    let times: Vec<f64> = ends.collect();
    Ok(Heard {
        truth: times.iter().map(|t| signal(t - 1.0)).collect(),
        by_clock: said(&gaps.iter().map(|gap| gap / mean).collect::<Vec<_>>())?,
        by_steps: said(&vec![1.0; gaps.len()])?,
        warm: times.iter().position(|t| *t > 4.0).unwrap_or(times.len()),
        times,
    })
}

/// A slow wave and a faster one, of 1.5 and of 4 radians a unit of time.
///
/// ```
/// assert!((s4::s5::two_waves(0.0) - 0.6 * 1.0_f64.sin()).abs() < 1e-15);
/// ```
pub fn two_waves(t: f64) -> f64 {
    (1.5 * t).sin() + 0.6 * (4.0 * t + 1.0).sin()
}
