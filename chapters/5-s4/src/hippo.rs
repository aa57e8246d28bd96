//! *How can sixty-four numbers remember a melody of a thousand steps?*
//!
//! Not by keeping steps, but by keeping how much of each of 64 fixed curves is in the melody. A memory is chosen by
//! its **measure**, which says how much each age counts, and by curves that are orthonormal under it; the matrices
//! follow. For Legendre polynomials over all that has been, `L_n(z) = √(2n+1) P_n(2z - 1)`:
//!
//! ```text
//! x_n(t) = 1/t ∫₀ᵗ u(s) L_n(s/t) ds      obeys      x' = 1/t (A x + B u)        (eq-5-1)
//! a_nk = -√(2n+1)√(2k+1) for n > k,   -(n+1) for n = k,   0 above               b_n = √(2n+1)
//! ```
//!
//! [`hippo`] has the matrices of four measures, [`Memory`] runs them with one of chapter 3's rules, [`HippoLegs`] runs
//! eq-5-1 as it stands, in O(N) a step. [`explain`] reads the state of any memory as well as it can be read, and
//! [`random_memory`] is what HiPPO has to be compared with.
//!
//! Conventions: `x' = A x + B u`, so A is the *negative* of the matrix that the HiPPO paper calls A. Measures weigh 1 in
//! all and curves are orthonormal, so `x_0` of the Legendre and Fourier memories is the mean of what is remembered. Ages
//! are counted in windows; a sample is held during its step, and its age is that of the middle of the step.

use std::f64::consts::{SQRT_2, TAU};

use classical_ssm::singular_values::{SingularValues, singular_values};
use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError};
use discretization::accuracy_and_stability::Discretization;
use discretization::sampling::DiscretizationError;
use math_foundations::stability::{StabilityError, spectral_abscissa};
use math_foundations::validation::{InputError, at_least_one, finite_vector, length, positive};
use ml_links::parameterization::normal;
use nalgebra::{DMatrix, DVector};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// Why there is no such memory.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum HippoError {
    /// A number, a matrix or a vector that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The matrices are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// The rule has no such step.
    #[error(transparent)]
    Discretization(#[from] DiscretizationError),
    /// The modes of a random matrix were not found.
    #[error(transparent)]
    Stability(#[from] StabilityError),
    /// Cosines and sines come in pairs.
    #[error("expected an even number of states for waves, a cosine and a sine each, found {0}")]
    OddWaves(usize),
}

// ANCHOR: measure
/// How much each age counts, and in which curves the past is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Legendre polynomials of `e^{-τ}`, weighed by `e^{-τ}`: all that has been, on a clock that slows down.
    LegS,
    /// Legendre polynomials over a window, all of it alike.
    LegT,
    /// Cosines and sines over a window, all of it alike.
    FouT,
    /// Laguerre polynomials, weighed by `e^{-τ}`.
    LagT,
}
// ANCHOR_END: measure

impl Measure {
    /// All of them, in the order of this page.
    pub const ALL: [Self; 4] = [Self::LegS, Self::LegT, Self::FouT, Self::LagT];

    /// As the papers and the command line write it, in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::LegS => "legs",
            Self::LegT => "legt",
            Self::FouT => "fout",
            Self::LagT => "lagt",
        }
    }

    /// How much an input of this age counts, in windows: a density that adds up to 1.
    ///
    /// ```
    /// use s4::hippo::Measure;
    ///
    /// assert_eq!(Measure::LegT.weight(0.5), 1.0);
    /// assert_eq!(Measure::LegT.weight(1.5), 0.0);
    /// assert!((Measure::LegS.weight(1.0) - 1.0_f64.exp().recip()).abs() < 1e-15);
    /// ```
    pub fn weight(self, age: f64) -> f64 {
        match self {
            _ if age < 0.0 => 0.0,
            Self::LegS | Self::LagT => (-age).exp(),
            Self::LegT | Self::FouT => f64::from(age <= 1.0),
        }
    }

    /// The curves `g_0, …, g_{N-1}` at an age, orthonormal under [`Measure::weight`].
    ///
    /// ```text
    /// LegS  L_n(e^{-τ})        LegT  L_n(1 - τ)        FouT  1, 0, √2 cos 2πτ, √2 sin 2πτ, √2 cos 4πτ, …
    /// LagT  the Laguerre polynomial of degree n        L_n(z) = √(2n+1) P_n(2z - 1)
    /// ```
    ///
    /// Each `g_n` of the polynomials begins with the value `√(2n+1)` (Legendre) or 1 (Laguerre) at age 0: positive, unlike
    /// those of the LMU, which count a window from its other end. *Breaks* beyond the window of LegT, where
    /// polynomials of degree N grow like `(2τ)^N`. Cost O(N).
    ///
    /// ```
    /// use s4::hippo::Measure;
    ///
    /// let now = Measure::LegT.basis(3, 0.0);
    /// assert_eq!(now[1], 3.0_f64.sqrt());
    /// let a_window_ago = Measure::LegT.basis(3, 1.0);
    /// assert_eq!(a_window_ago[1], -3.0_f64.sqrt());
    /// ```
    pub fn basis(self, d_state: usize, age: f64) -> DVector<f64> {
        match self {
            Self::LegS => legendre(d_state, (-age).exp()),
            Self::LegT => legendre(d_state, 1.0 - age),
            Self::FouT => DVector::from_fn(d_state, |n, _| {
                let turned = TAU * (n / 2) as f64 * age;
                let loud = if n < 2 { 1.0 } else { SQRT_2 };
                loud * if n % 2 == 0 { turned.cos() } else { turned.sin() }
            }),
            Self::LagT => laguerre(d_state, age),
        }
    }

    fn check(self, d_state: usize) -> Result<(), HippoError> {
        states(d_state)?;
        if self == Self::FouT && d_state % 2 == 1 {
            return Err(HippoError::OddWaves(d_state));
        }
        Ok(())
    }
}

/// A memory has at least one number.
fn states(d_state: usize) -> Result<(), InputError> {
    at_least_one("N", d_state)
}

/// √(2n+1): how loud the Legendre polynomial of degree n is at its end, if its square adds up to 1.
fn root(n: usize) -> f64 {
    ((2 * n + 1) as f64).sqrt()
}

/// The first Legendre polynomials at a place z of [0, 1], each with a square that adds up to 1 there.
///
/// ```text
/// L_n(z) = √(2n+1) P_n(2z - 1),      (n+1) P_{n+1}(s) = (2n+1) s P_n(s) - n P_{n-1}(s)
/// ```
///
/// *Exact* to some roundings for z in [0, 1]. Cost O(N).
///
/// ```
/// use s4::hippo::legendre;
///
/// let at_the_end = legendre(3, 1.0);
/// assert_eq!(at_the_end.as_slice(), [1.0, 3.0_f64.sqrt(), 5.0_f64.sqrt()]);
/// assert_eq!(legendre(2, 0.5)[1], 0.0);
/// ```
pub fn legendre(d_state: usize, z: f64) -> DVector<f64> {
    let s = 2.0 * z - 1.0;
    let mut p = three_terms(d_state, |n| ((2.0 * n + 1.0) * s / (n + 1.0), n / (n + 1.0)));
    p.iter_mut().enumerate().for_each(|(n, p_n)| *p_n *= root(n));
    p
}

/// The first Laguerre polynomials: `(n+1) l_{n+1}(τ) = (2n + 1 - τ) l_n(τ) - n l_{n-1}(τ)`.
fn laguerre(d_state: usize, age: f64) -> DVector<f64> {
    three_terms(d_state, |n| ((2.0 * n + 1.0 - age) / (n + 1.0), n / (n + 1.0)))
}

/// Polynomials from the recurrence `p_{n+1} = f p_n - g p_{n-1}` with `p_0 = 1`; `of` has f and g of n.
fn three_terms(d_state: usize, of: impl Fn(f64) -> (f64, f64)) -> DVector<f64> {
    let (mut before, mut now) = (0.0, 1.0);
    DVector::from_fn(d_state, |n, _| {
        let p_n = now;
        let (f, g) = of(n as f64);
        (before, now) = (now, f * now - g * before);
        p_n
    })
}

/// The memory of a measure: `x' = A x + B u`, whose output is its state.
///
/// ```text
/// LegS  a_nk = -√(2n+1)√(2k+1) n > k,  -(n+1) n = k,  0 n < k              b_n = √(2n+1)
/// LegT  a_nk = -√(2n+1)√(2k+1) n >= k,  (-1)^{n-k} times that n < k        b_n = √(2n+1)
/// FouT  a turn of each wave, and - 2 c cᵀ with c = (1, 0, √2, 0, √2, …)    b = 2 c
/// LagT  a_nk = -1 n >= k,  0 n < k                                         b_n = 1
/// ```
///
/// - Shapes: A `[N, N]`, B `[N, 1]`, C = I, D = 0. The unit of time is the window (LegT, FouT) or the time in which the
///   weight falls to 1/e (LegS, LagT): a step of `1/w` windows makes the window w steps long.
/// - *Exact*: the state is the projection, `e^{τA} B = g(τ) ω(τ)`, for LegS and LagT. LegT and FouT have to guess
///   what leaves the window, from what they remember: exact for polynomials of degree below N, for waves of up to N/2 - 1
///   turns, and as good for another input as N curves are.
/// - *Breaks* the digits of anyone who diagonalises it (chapter 3): LegS's eigenvectors are nearly parallel.
/// - FouT's state 1 belongs to sin 0: it is always 0 and keeps cosines and sines in pairs.
///
/// # Errors
/// [`HippoError::Input`] for N = 0, [`HippoError::OddWaves`] for FouT with an odd N.
///
/// Source: A. Gu and others, *HiPPO* (2020), theorems 1 and 2, with the sign of x' = Ax + Bu; A. Gu and others, *How to
/// train your HiPPO* (2022), for FouT and for LegS without 1/t.
///
/// ```
/// use s4::hippo::{Measure, hippo};
///
/// let memory = hippo(Measure::LegS, 3)?;
/// assert_eq!(memory.a()[(2, 2)], -3.0);
/// assert_eq!(memory.a()[(0, 2)], 0.0);
/// assert_eq!(memory.b()[(2, 0)], 5.0_f64.sqrt());
/// # Ok::<(), s4::hippo::HippoError>(())
/// ```
// ANCHOR: hippo
pub fn hippo(measure: Measure, d_state: usize) -> Result<StateSpace<Continuous>, HippoError> {
    measure.check(d_state)?;
    let a = |n: usize, k: usize| match measure {
        Measure::LegS if n == k => -(n as f64 + 1.0),
        Measure::LegS if n > k => -root(n) * root(k),
        Measure::LegT if n >= k || (k - n).is_multiple_of(2) => -root(n) * root(k),
        Measure::LegT => root(n) * root(k),
        Measure::FouT => turn(n, k) - 2.0 * cosine_now(n) * cosine_now(k),
        Measure::LagT if n >= k => -1.0,
        Measure::LegS | Measure::LagT => 0.0,
    };
    let b = |n: usize, _: usize| match measure {
        Measure::LegS | Measure::LegT => root(n),
        Measure::FouT => 2.0 * cosine_now(n),
        Measure::LagT => 1.0,
    };
    let a = DMatrix::from_fn(d_state, d_state, a);
    let b = DMatrix::from_fn(d_state, 1, b);
    let (c, d) = (DMatrix::identity(d_state, d_state), DMatrix::zeros(d_state, 1));
    Ok(StateSpace::continuous(a, b, c, d)?)
}
// ANCHOR_END: hippo

/// The value of wave n at age 0: 1, 0, √2, 0, √2, 0, …
fn cosine_now(n: usize) -> f64 {
    match n {
        0 => 1.0,
        _ if n.is_multiple_of(2) => SQRT_2,
        _ => 0.0,
    }
}

/// How the sine of a wave turns its cosine, and the cosine the sine.
fn turn(n: usize, k: usize) -> f64 {
    let rate = TAU * (n / 2) as f64;
    match (n % 2, k % 2) {
        (0, 1) if k == n + 1 => -rate,
        (1, 0) if n == k + 1 => rate,
        _ => 0.0,
    }
}

/// A memory that runs: a number comes in, N numbers are kept, any age can be asked for.
///
/// A measure's flow ([`hippo`]) in steps of one of chapter 3's rules. One step costs O(N²), and so does a
/// memory; the pages that follow make both cheap.
///
/// ```
/// use s4::hippo::{Measure, Memory};
///
/// // A slow wave, a window of 100 steps, 12 numbers.
/// let wave = |k: usize| (0.05 * k as f64).sin();
/// let mut memory = Memory::new(Measure::LegT, 12, 100.0)?;
/// (0..300).for_each(|k| memory.push(wave(k)));
/// let a_while_ago = memory.recall(70.5); // the step before the last is 1.5 steps old, at its middle
/// assert!((a_while_ago - wave(229)).abs() < 1e-3);
/// # Ok::<(), s4::hippo::HippoError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    measure: Measure,
    window: f64,
    steps: StateSpace<Discrete>,
    x: DVector<f64>,
}

impl Memory {
    /// An empty memory whose window is so many steps long, exact for an input that is held during a step.
    ///
    /// # Errors
    /// Those of [`hippo`] and of [`Discretization::discretize`].
    pub fn new(measure: Measure, d_state: usize, window: f64) -> Result<Self, HippoError> {
        Self::with_rule(measure, d_state, window, Discretization::ZeroOrderHold)
    }

    /// The same by another rule.
    ///
    /// # Errors
    /// As [`Memory::new`].
    pub fn with_rule(
        measure: Measure,
        d_state: usize,
        window: f64,
        rule: Discretization,
    ) -> Result<Self, HippoError> {
        positive("the window", window)?;
        let steps = rule.discretize(&hippo(measure, d_state)?, 1.0 / window)?.held()?;
        Ok(Self { measure, window, steps, x: DVector::zeros(d_state) })
    }

    /// The steps that it takes.
    pub fn steps(&self) -> &StateSpace<Discrete> {
        &self.steps
    }

    /// What it keeps: `[N]`.
    pub fn state(&self) -> &DVector<f64> {
        &self.x
    }

    /// The last `count` steps as they are remembered, the oldest first.
    pub fn remembered(&self, count: usize) -> Vec<f64> {
        (0..count).rev().map(|age| self.recall(age as f64 + 0.5)).collect()
    }
}

// ANCHOR: memory
impl Memory {
    /// One step: the past grows older, and a new input comes in.
    pub fn push(&mut self, u_k: f64) {
        self.x = self.steps.a() * &self.x + self.steps.b().column(0) * u_k;
    }

    /// What the input was so many steps ago, as far as N numbers can say it.
    pub fn recall(&self, age: f64) -> f64 {
        self.measure.basis(self.x.len(), age / self.window).dot(&self.x)
    }
}
// ANCHOR_END: memory

/// How long a step is for LegS, whose time runs ever slower: what `1/t` is taken to be between t = k and t = k + 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clock {
    /// `1/(k + 1/2)`, in the middle; the first step is taken whole.
    #[default]
    Middle,
    /// `1/(k + 1)`, at the end: the published code's.
    End,
}

/// All that has been, in N numbers, in O(N) a step: eq-5-1 as it stands.
///
/// ```text
/// x' = 1/t (A x + B u)      is      dx/d(ln t) = A x + B u
/// ```
///
/// so a step from t = k to t = k + 1 is one of length `ln((k+1)/k)`, or nearly `1/(k + 1/2)`, of a flow that does not change.
/// It needs no window and no step size: a melody played at half the speed leaves the same numbers.
///
/// - *Exact*: `x_0` is the mean of all inputs. The other numbers are right to the second order: chapter 3's bilinear rule.
/// - Cost O(N) a step, no matrix: [`legs_step`].
///
/// ```
/// use s4::hippo::HippoLegs;
///
/// let mut memory = HippoLegs::new(8)?;
/// (0..500).for_each(|k| memory.push(f64::from(k)));
/// assert!((memory.recall(0.5) - 250.0).abs() < 1.0); // in the middle of all that was
/// assert!((memory.state()[0] - 249.5).abs() < 1e-10); // the mean
/// # Ok::<(), s4::hippo::HippoError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct HippoLegs {
    clock: Clock,
    seen: usize,
    x: DVector<f64>,
}

impl HippoLegs {
    /// A memory of N numbers that has seen nothing.
    ///
    /// # Errors
    /// [`HippoError::Input`] for N = 0.
    pub fn new(d_state: usize) -> Result<Self, HippoError> {
        Self::with_clock(d_state, Clock::default())
    }

    /// The same by another clock.
    ///
    /// # Errors
    /// As [`HippoLegs::new`].
    pub fn with_clock(d_state: usize, clock: Clock) -> Result<Self, HippoError> {
        states(d_state)?;
        Ok(Self { clock, seen: 0, x: DVector::zeros(d_state) })
    }

    /// One more step of the past.
    pub fn push(&mut self, u_k: f64) {
        let k = self.seen as f64;
        match self.clock {
            // Nothing but this one has been: it is the mean, and there is no shape yet.
            Clock::Middle if self.seen == 0 => self.x[0] = u_k,
            Clock::Middle => legs_step(&mut self.x, u_k, (k + 0.5).recip()),
            Clock::End => legs_step(&mut self.x, u_k, (k + 1.0).recip()),
        }
        self.seen += 1;
    }

    /// How many steps it has seen.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// What it keeps: `[N]`, the mean first.
    pub fn state(&self) -> &DVector<f64> {
        &self.x
    }

    /// What the input was at a place of the past: 0 is its beginning, 1 is now.
    pub fn recall(&self, place: f64) -> f64 {
        legendre(self.x.len(), place).dot(&self.x)
    }

    /// The last `count` steps as they are remembered, the oldest first; of those that it has seen.
    pub fn remembered(&self, count: usize) -> Vec<f64> {
        let from = self.seen.saturating_sub(count);
        (from..self.seen).map(|k| self.recall((k as f64 + 0.5) / self.seen as f64)).collect()
    }
}

/// A step of the bilinear rule with LegS's matrices, without the matrices.
///
/// ```text
/// (I - Δ/2 A) x_k = (I + Δ/2 A) x_{k-1} + Δ B u_k,      (A x)_n = -(n+1) x_n - r_n Σ_{k<n} r_k x_k,   r_n = √(2n+1)
/// ```
///
/// *Exact* as the rule is: equal to chapter 3's `bilinear`. Row n needs of the rows above it nothing but one sum, before
/// and after the step. Cost O(N).
///
/// Source: A. Gu and others, *HiPPO* (2020), proposition 4: LegS in O(N) a step.
///
/// ```
/// use nalgebra::dvector;
/// use s4::hippo::legs_step;
///
/// // One number: x' = -x + u. The mean of 3 (once seen) and 5, on the clock of the paper's code.
/// let mut x = dvector![3.0];
/// legs_step(&mut x, 5.0, 0.5);
/// assert!((x[0] - (0.75 * 3.0 + 0.5 * 5.0) / 1.25).abs() < 1e-15);
/// ```
// ANCHOR: legs_step
pub fn legs_step(x: &mut DVector<f64>, u_k: f64, delta: f64) {
    let half = 0.5 * delta;
    // Σ √(2k+1) x_k over the rows above, at the beginning and at the end of the step.
    let (mut sum_before, mut sum_after) = (0.0, 0.0);
    for (n, x_n) in x.iter_mut().enumerate() {
        let (root, rate) = (root(n), n as f64 + 1.0);
        let before = *x_n;
        let pull = root * (2.0 * u_k - sum_before - sum_after);
        *x_n = ((1.0 - half * rate) * before + half * pull) / (1.0 + half * rate);
        sum_before += root * before;
        sum_after += root * *x_n;
    }
}
// ANCHOR_END: legs_step

/// The smallest past that leaves a memory in a certain state.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The inputs, the oldest first.
    pub past: Vec<f64>,
    /// How many numbers of the state say something of their own, at the precision asked for.
    pub directions: usize,
}

/// Reads the state of any memory as well as a linear reader can, who knows its matrices and nothing of its past.
///
/// ```text
/// x = T u,  T = [B, AB, A²B, …],      û = T⁺ x:   of all u with T u = x the one with the smallest Σ u_k²
/// ```
///
/// - Shapes: `x` `[N]`; `past` has `count` entries. What happened before them is taken for nothing.
/// - What T does to some direction by less than `precision` times what it does to another is taken for rounding: `1e-7` for a
///   state in single precision.
/// - û is the shadow of u on at most N directions, whatever the matrices: nobody gets more than N/count of a white noise.
/// - Cost O(count N²).
///
/// # Errors
/// [`HippoError::Input`] for a state that does not fit, or a precision that is not positive.
///
/// ```
/// use nalgebra::dvector;
/// use s4::hippo::{Measure, Memory, explain};
///
/// let mut memory = Memory::new(Measure::LegT, 3, 4.0)?;
/// [1.0, 2.0, 3.0].into_iter().for_each(|u_k| memory.push(u_k));
/// // Three numbers, three steps: nothing is lost.
/// let read = explain(memory.steps(), memory.state(), 3, 1e-9)?;
/// assert!(read.past.iter().zip([1.0, 2.0, 3.0]).all(|(read, u)| (read - u).abs() < 1e-9));
/// # Ok::<(), s4::hippo::HippoError>(())
/// ```
// ANCHOR: explain
pub fn explain(
    memory: &StateSpace<Discrete>,
    x: &DVector<f64>,
    count: usize,
    precision: f64,
) -> Result<Explanation, HippoError> {
    check_reading(memory, x, count, precision)?;
    // Row j: what an input of 1 has left in the state j steps later.
    let mut traces = DMatrix::zeros(count, x.len());
    let mut trace = memory.b().column(0).into_owned();
    for j in 0..count {
        traces.set_row(j, &trace.transpose());
        trace = memory.a() * trace;
    }
    // T = Rᵀ Qᵀ, and the singular values of the small R are those of T.
    let (q, r) = traces.qr().unpack();
    let SingularValues { u, sigma, v } = singular_values(&r.transpose());
    let directions = sigma.iter().filter(|s| **s > precision * sigma.max()).count();
    let seen = u.columns(0, directions).tr_mul(x);
    let shadow = seen.component_div(&sigma.rows(0, directions));
    let past = q * (v.columns(0, directions) * shadow);
    Ok(Explanation { past: past.iter().rev().copied().collect(), directions })
}
// ANCHOR_END: explain

fn check_reading(
    memory: &StateSpace<Discrete>,
    x: &DVector<f64>,
    count: usize,
    precision: f64,
) -> Result<(), InputError> {
    at_least_one("the number of steps", count)?;
    finite_vector("x", x)?;
    length("x", x, memory.d_state())?;
    positive("the precision", precision)?;
    Ok(())
}

/// A memory with random matrices: normal entries, shifted so that its slowest mode falls to 1/e in one window.
///
/// ```text
/// A = rate (G/√N - (α + 1/rate) I),   α the largest real part of an eigenvalue of G/√N        b_n normal
/// ```
///
/// The eigenvalues of `G/√N` fill the unit disc, so those of A fill one of radius `rate` whose rightmost point is -1.
/// Its output is its state, its unit of time the window, as with [`hippo`]. Cost O(N³).
///
/// # Errors
/// [`HippoError::Input`] for N = 0 or a rate that is not positive.
///
/// ```
/// use math_foundations::stability::spectral_abscissa;
/// use s4::hippo::random_memory;
///
/// let memory = random_memory(8, 30.0, 1)?;
/// assert!((spectral_abscissa(memory.a())? + 1.0).abs() < 1e-10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn random_memory(
    d_state: usize,
    rate: f64,
    seed: u64,
) -> Result<StateSpace<Continuous>, HippoError> {
    states(d_state)?;
    positive("the rate", rate)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let size = (d_state as f64).sqrt();
    let disc = DMatrix::from_fn(d_state, d_state, |_, _| normal(&mut random) / size);
    let b = DMatrix::from_fn(d_state, 1, |_, _| normal(&mut random));
    let shift = spectral_abscissa(&disc)? + rate.recip();
    let a = (disc - DMatrix::identity(d_state, d_state) * shift) * rate;
    let (c, d) = (DMatrix::identity(d_state, d_state), DMatrix::zeros(d_state, 1));
    Ok(StateSpace::continuous(a, b, c, d)?)
}

/// What a reading is off, as a share of what moves: root mean squares of the difference and of the truth about its mean.
///
/// 0 is right, 1 is as good as knowing the mean. Where nothing moves, relative to the size of the truth; where that is 0 too,
/// as it is.
///
/// ```
/// use s4::hippo::share_lost;
///
/// assert_eq!(share_lost(&[2.0, 2.0], &[1.0, 3.0]), 1.0);
/// assert_eq!(share_lost(&[5.0, 5.0], &[4.0, 4.0]), 0.25);
/// ```
pub fn share_lost(read: &[f64], truth: &[f64]) -> f64 {
    let mean = truth.iter().sum::<f64>() / truth.len().max(1) as f64;
    let moved: f64 = truth.iter().map(|u| (u - mean).powi(2)).sum();
    let size: f64 = truth.iter().map(|u| u * u).sum();
    let off: f64 = read.iter().zip(truth).map(|(read, u)| (read - u).powi(2)).sum();
    // What is left of a difference of equal numbers is rounding.
    let scale = if moved > 1e-24 * size { moved } else { size };
    (off / if scale > 0.0 { scale } else { truth.len().max(1) as f64 }).sqrt()
}

/// A melody to remember: waves with periods of 310, 173 and 119 steps.
///
/// ```
/// assert!((s4::hippo::three_waves(1)[0] - 0.573).abs() < 1e-3);
/// ```
pub fn three_waves(length: usize) -> Vec<f64> {
    let wave = |k: f64, period: f64, phase: f64| (TAU * k / period + phase).sin();
    let u = |k: f64| wave(k, 310.0, 0.0) + 0.6 * wave(k, 173.0, 1.871) + 0.4 * wave(k, 119.0, 0.0);
    (0..length).map(|k| u(k as f64)).collect()
}
