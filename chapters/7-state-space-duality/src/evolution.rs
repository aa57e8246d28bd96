//! *Nine models in six years: what did each of them change?*
//!
//! Each is a way to choose five things and an algorithm that the choice allows:
//!
//! ```text
//! x_k = Ā_k x_{k-1} + B̄_k u_k + B̄'_k u_{k-1},      y_k = Re C_k x_k                          (eq-7-5)
//! ```
//!
//! [`Model::run`] sends a signal through a model by the model's own algorithm, which an earlier chapter wrote. [`Model::rule`] says what
//! the five are, and [`walk`] takes one step after the other by them, slowly and for all nine alike: the oracle.
//! [`Model::ancestor`] switches off what a model added and finds the one before it.
//!
//! Conventions: one channel. The memories of HiPPO to H3 are LegS with N states, read so that y is what u was an age ago. Those of the
//! Mambas have two states and weights set by hand: what is loud opens the gate. The input is u and the state x throughout.

use discretization::accuracy_and_stability::Discretization;
use discretization::diagonalization::hippo_legs;
use discretization::zero_order_hold::expm1_ratio;
use mamba::selection::Clock;
use mamba::selective_scan::{ScanSlices, Sizes as ScanSizes, selective_scan};
use math_foundations::validation::{InputError, positive};
use ml_links::dual_computation::convolve;
use ml_links::linear_state_space_layer::LinearStateSpaceLayer;
use ml_links::scans::{Affine, scan_blelloch};
use ml_links::testing::apart;
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use s4::diagonal::vandermonde_kernel;
use s4::hippo::{HippoLegs, Measure, Memory, legendre};
use s4::kernel::s4_kernel;
use s4::nplr::Nplr;
use s4::s5::{S5, recall};
use state_space_duality::mamba3::{Memory as Head, Token};
use state_space_duality::ssd::{Sizes as SsdSizes, SsdSlices, ssd_chunked};

/// What went wrong on the way: a sentence from the chapter where it did.
pub type EvolutionError = Box<dyn std::error::Error>;

/// The gate that changes nothing: `SiLU(z) = 1`.
const OPEN: f64 = 1.278_464_542_761_074;

/// The models of the course, by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// A memory of all that has been, on a clock that slows down.
    Hippo,
    /// The same as a layer, on a clock that does not.
    Lssl,
    /// The same by a faster algorithm.
    S4,
    /// Without the low-rank part: DSS and S4D.
    S4d,
    /// By a scan.
    S5,
    /// With gates around it.
    H3,
    /// With gates inside.
    Mamba,
    /// With one rate a head.
    Mamba2,
    /// With both ends of a step, and modes that turn.
    Mamba3,
}

/// The sizes of the memories, and the clock of those that choose.
///
/// ```
/// use state_space_duality::evolution::{Model, Setting, signal};
///
/// let (u, setting) = (signal(300), Setting::default());
/// for model in Model::ALL {
///     let y = model.run(&u, &setting)?;
///     assert!(y.len() == 300 && y.iter().all(|y| y.is_finite()), "{}", model.name());
/// }
/// # Ok::<(), state_space_duality::evolution::EvolutionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// N of the memories that echo: even.
    pub d_state: usize,
    /// How long a step lasts for those whose steps are all alike.
    pub delta: f64,
    /// After how many steps they echo.
    pub age: usize,
    /// What the input does to the step of those that choose, and to H3's gate.
    pub clock: Clock,
}

impl Default for Setting {
    fn default() -> Self {
        // Shut below 1, open above 2.
        Self { d_state: 64, delta: 0.02, age: 50, clock: Clock { weight: 30.0, bias: -45.0 } }
    }
}

/// Two slow waves that stay below 1, and on top of them, now and then, something loud.
///
/// ```
/// use state_space_duality::evolution::signal;
///
/// assert_eq!(signal(400).iter().filter(|u| **u > 2.0).count(), 5);
/// ```
pub fn signal(length: usize) -> Vec<f64> {
    let wave = |k: usize| 0.6 * (0.03 * k as f64).sin() + 0.35 * (0.071 * k as f64).cos();
    let loud = |k: usize| match k % 400 {
        60 => 2.2,
        130 => 3.0,
        205 => 2.5,
        290 => 3.4,
        350 => 2.8,
        _ => 0.0,
    };
    (0..length).map(|k| if loud(k) > 0.0 { loud(k) } else { wave(k) }).collect()
}

/// One step of any of the models: equation 7-5.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Ā, `[state, state]`.
    pub a_bar: DMatrix<Complex<f64>>,
    /// B̄, on the input of now: `[state]`.
    pub b_bar: DVector<Complex<f64>>,
    /// B̄', on the input before: `[state]`.
    pub b_bar_previous: DVector<Complex<f64>>,
    /// C, `[state]`.
    pub c: DVector<Complex<f64>>,
}

// ANCHOR: walk
/// The outputs of a signal by a step for each k, from rest.
///
/// The input before the first is 0. Cost O(L N²).
pub fn walk(u: &[f64], step: impl Fn(usize) -> Step) -> Vec<f64> {
    let mut x = DVector::zeros(step(0).b_bar.len());
    let mut previous = Complex::ZERO;
    let mut read = |(k, &u): (usize, &f64)| {
        let Step { a_bar, b_bar, b_bar_previous, c } = step(k);
        let u = Complex::from(u);
        x = a_bar * &x + b_bar * u + b_bar_previous * previous;
        previous = u;
        c.dot(&x).re
    };
    u.iter().enumerate().map(&mut read).collect()
}
// ANCHOR_END: walk

impl Model {
    /// All of them, in the order in which they came.
    pub const ALL: [Self; 9] = [
        Self::Hippo,
        Self::Lssl,
        Self::S4,
        Self::S4d,
        Self::S5,
        Self::H3,
        Self::Mamba,
        Self::Mamba2,
        Self::Mamba3,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hippo => "HiPPO",
            Self::Lssl => "LSSL",
            Self::S4 => "S4",
            Self::S4d => "S4D",
            Self::S5 => "S5",
            Self::H3 => "H3",
            Self::Mamba => "Mamba",
            Self::Mamba2 => "Mamba-2",
            Self::Mamba3 => "Mamba-3",
        }
    }

    /// The year in which it was first put before others.
    pub fn year(self) -> u32 {
        match self {
            Self::Hippo => 2020,
            Self::Lssl | Self::S4 => 2021,
            Self::S4d | Self::S5 | Self::H3 => 2022,
            Self::Mamba => 2023,
            Self::Mamba2 => 2024,
            Self::Mamba3 => 2026,
        }
    }

    /// How its outputs are found.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::Hippo => "steps without a matrix",
            Self::Lssl => "steps with a matrix",
            Self::S4 => "Cauchy kernel, convolution",
            Self::S4d | Self::H3 => "Vandermonde kernel, convolution",
            Self::S5 => "scan by a tree",
            Self::Mamba => "selective scan",
            Self::Mamba2 => "chunks of attention",
            Self::Mamba3 => "chunks, B and C turned",
        }
    }
}

// ANCHOR: run
impl Model {
    /// What it says to a signal, by its own algorithm.
    ///
    /// # Errors
    /// Those of the chapters that do the work: N that is odd or 0, a Δ that is not positive.
    pub fn run(self, u: &[f64], setting: &Setting) -> Result<Vec<f64>, EvolutionError> {
        let &Setting { clock, .. } = setting;
        let open = |u: &f64| clock.gate(*u);
        Ok(match self {
            Self::Hippo => all_that_was(u, setting)?,
            Self::Lssl => layer(u, setting)?,
            Self::S4 => convolve(&cauchy(u.len(), setting)?, u),
            Self::S4d => convolve(&vandermonde(u.len(), setting)?, u),
            Self::S5 => by_tree(u, setting)?,
            Self::H3 => gated(u, u.iter().map(open), setting)?,
            Self::Mamba => select(u, &Selective::holding(u, clock))?,
            Self::Mamba2 => attend(u, &Selective::holding(u, clock))?,
            Self::Mamba3 => turn(u, &Selective::counting(u, clock), 0.5)?,
        })
    }
}
// ANCHOR_END: run

/// C of a memory that echoes: the curves of LegS, an age ago.
fn curves(setting: &Setting) -> DVector<f64> {
    Measure::LegS.basis(setting.d_state, setting.delta * setting.age as f64)
}

/// HiPPO: what was `age` steps ago, of all that has been.
fn all_that_was(u: &[f64], setting: &Setting) -> Result<Vec<f64>, EvolutionError> {
    let mut memory = HippoLegs::new(setting.d_state)?;
    let push = |u_k: &f64| {
        memory.push(*u_k);
        place(memory.seen(), setting.age).map_or(0.0, |place| memory.recall(place))
    };
    Ok(u.iter().map(push).collect())
}

/// Where the step of `age` steps ago lies in the past, from 0 to 1; nowhere before there is one.
fn place(seen: usize, age: usize) -> Option<f64> {
    (seen > age).then(|| (seen - age) as f64 - 0.5).map(|steps| steps / seen as f64)
}

/// LSSL: HiPPO's matrix stepped by the bilinear rule, one channel of a layer.
fn layer(u: &[f64], setting: &Setting) -> Result<Vec<f64>, EvolutionError> {
    let layer = one_channel(setting)?;
    let mut state = layer.initial_state();
    u.iter().map(|u_k| Ok(layer.step(&dvector![*u_k], &mut state)?[0])).collect()
}

fn one_channel(setting: &Setting) -> Result<LinearStateSpaceLayer, EvolutionError> {
    let (flow, c) = (hippo_legs(setting.d_state)?, curves(setting));
    let c = DMatrix::from_row_slice(1, c.len(), c.as_slice());
    let reading = (&c, &dvector![0.0]);
    Ok(LinearStateSpaceLayer::new(&flow, &[setting.delta], reading, Discretization::Bilinear)?)
}

/// S4: the same layer's kernel, by frequency.
fn cauchy(length: usize, setting: &Setting) -> Result<Vec<f64>, EvolutionError> {
    let basis = Nplr::legs(setting.d_state)?.diagonalize()?;
    let c = basis.output(&curves(setting))?;
    Ok(s4_kernel(&basis.modes, &c, setting.delta, length)?)
}

/// What S4D, S5 and H3 share: LegS without its low-rank part, read as above.
fn diagonal(setting: &Setting) -> Result<S5, EvolutionError> {
    Ok(recall(setting.d_state, setting.delta * setting.age as f64, setting.delta)?)
}

/// `c b̄` and `λ Δ` of each mode, the input held during a step.
fn modes(setting: &Setting) -> Result<[DVector<Complex<f64>>; 2], EvolutionError> {
    let memory = diagonal(setting)?;
    let (flow, z) = (memory.flow(), memory.flow().lambda.map(|lambda| lambda * setting.delta));
    let heard = DVector::from_fn(z.len(), |n, _| {
        flow.c[(0, n)] * flow.b[(n, 0)] * expm1_ratio(z[n]) * setting.delta
    });
    Ok([heard, z])
}

/// S4D: the kernel of the diagonal memory.
fn vandermonde(length: usize, setting: &Setting) -> Result<Vec<f64>, EvolutionError> {
    let [heard, z] = modes(setting)?;
    Ok(vandermonde_kernel(&heard, &z, length)?)
}

/// S5: the diagonal memory by Blelloch's tree.
fn by_tree(u: &[f64], setting: &Setting) -> Result<Vec<f64>, EvolutionError> {
    let inputs: Vec<DVector<f64>> = u.iter().map(|u_k| dvector![*u_k]).collect();
    let tree = |steps: &[Affine<Complex<f64>>]| scan_blelloch(steps, |one, next| one.then(*next));
    let outputs = diagonal(setting)?.run_by_scan(&inputs, &vec![1.0; u.len()], tree)?;
    Ok(outputs.into_iter().map(|y| y[0]).collect())
}

/// H3 with keys of 1: what S4D hears, where a query asks for it.
fn gated(
    u: &[f64],
    queries: impl Iterator<Item = f64>,
    setting: &Setting,
) -> Result<Vec<f64>, EvolutionError> {
    let heard = convolve(&vandermonde(u.len(), setting)?, u);
    Ok(heard.into_iter().zip(queries).map(|(y, query)| query * y).collect())
}

/// What each token brings to a head of two states: the choices of the Mambas.
#[derive(Debug, Clone, PartialEq)]
pub struct Selective {
    /// δ: the step before softplus, `[length]`.
    pub raw: Vec<f64>,
    /// The rates of the two states; Mamba-2 and Mamba-3 take the first for both.
    pub a: [f64; 2],
    /// Where the input goes, `[length]`.
    pub b: Vec<[f64; 2]>,
    /// What is read.
    pub c: [f64; 2],
    /// How far the pair turns, `[length]`.
    pub turn: Vec<f64>,
}

// ANCHOR: hands
impl Selective {
    /// Holds the last loud input: the clock runs while it is loud. B makes a step exact for a held input.
    pub fn holding(u: &[f64], clock: Clock) -> Self {
        let of = |choose: &dyn Fn(f64) -> f64| u.iter().map(|u| choose(*u)).collect::<Vec<_>>();
        Self {
            raw: of(&|u| clock.weight * u + clock.bias),
            a: [-1.0; 2],
            b: of(&|u| expm1_ratio(-clock.delta(u))).into_iter().map(|b| [b, 0.0]).collect(),
            c: [1.0, 0.0],
            turn: vec![0.0; u.len()],
        }
    }

    /// Says whether an odd number of them were loud: nothing fades, each turns the pair half round and pushes it by 1.
    pub fn counting(u: &[f64], clock: Clock) -> Self {
        let opened: Vec<f64> = u.iter().map(|u| clock.gate(*u)).collect();
        Self {
            raw: vec![1_f64.exp_m1().ln(); u.len()], // softplus of this is 1
            a: [0.0; 2],
            b: opened.iter().zip(u).map(|(open, u)| [open / u.max(1.0), 0.0]).collect(),
            c: [1.0, 0.0],
            turn: opened.iter().map(|open| open * std::f64::consts::PI).collect(),
        }
    }
}
// ANCHOR_END: hands

impl Selective {
    /// Chooses nothing: the same at every step.
    pub fn constant(length: usize, raw: f64, a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> Self {
        Self { raw: vec![raw; length], a, b: vec![b; length], c, turn: vec![0.0; length] }
    }

    /// Δ, one a token.
    fn steps(&self) -> Vec<f64> {
        self.raw.iter().map(|raw| ml_links::parameterization::softplus(*raw)).collect()
    }

    /// The same C for each token.
    fn reads(&self) -> Vec<f64> {
        self.c.repeat(self.raw.len())
    }
}

/// Mamba: one channel of chapter 6's scan.
fn select(u: &[f64], tokens: &Selective) -> Result<Vec<f64>, EvolutionError> {
    let scan = ScanSlices {
        sizes: ScanSizes { batch: 1, length: u.len(), d_inner: 1, groups: 1, d_state: 2 },
        u,
        delta: &tokens.raw,
        a: &tokens.a,
        b: tokens.b.as_flattened(),
        c: &tokens.reads(),
        d: &[0.0],
        z: &vec![OPEN; u.len()],
        delta_bias: &[0.0],
    };
    Ok(selective_scan(&scan, &[0.0; 2])?.y)
}

/// Mamba-2: one head with one entry, in chunks of 64.
fn attend(u: &[f64], tokens: &Selective) -> Result<Vec<f64>, EvolutionError> {
    let head = SsdSlices {
        sizes: SsdSizes { batch: 1, length: u.len(), heads: 1, head_dim: 1, groups: 1, d_state: 2 },
        u,
        dt: &tokens.steps(),
        a: &tokens.a[..1],
        b: tokens.b.as_flattened(),
        c: &tokens.reads(),
        d: &[0.0],
    };
    Ok(ssd_chunked(&head, &[0.0; 2], 64)?.y)
}

/// Mamba-3: the same head, whose pair turns, and whose steps give λ of their length to their end; in chunks of 64.
fn turn(u: &[f64], tokens: &Selective, lambda: f64) -> Result<Vec<f64>, EvolutionError> {
    let tokens: Vec<Token> = u
        .iter()
        .zip(tokens.steps())
        .enumerate()
        .map(|(k, (&u_k, delta))| Token {
            decay: delta * tokens.a[0],
            delta,
            lambda,
            turn: dvector![tokens.turn[k]],
            b: DMatrix::from_column_slice(2, 1, &tokens.b[k]),
            c: DMatrix::from_column_slice(2, 1, &tokens.c),
            u: dmatrix![u_k],
        })
        .collect();
    let mut head = Head::at_rest(1, 2, 1);
    let mut y = Vec::with_capacity(u.len());
    for chunk in tokens.chunks(64) {
        y.extend(head.attend(chunk)?.into_iter().map(|y| y[0]));
    }
    Ok(y)
}

/// A step for each k.
pub type Rule<'a> = Box<dyn Fn(usize) -> Step + 'a>;

impl Model {
    /// What the five letters of equation 7-5 are, for this model and this signal.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn rule<'a>(self, u: &'a [f64], setting: &Setting) -> Result<Rule<'a>, EvolutionError> {
        positive("Δ", setting.delta)?;
        let &Setting { clock, .. } = setting;
        match self {
            Self::Hippo => slowing(setting),
            Self::Lssl | Self::S4 => {
                let layer = one_channel(setting)?;
                let channel = layer.channel(0);
                let step = still(
                    channel.a().map(Complex::from),
                    channel.b().column(0).map(Complex::from),
                    channel.c().row(0).transpose().map(Complex::from),
                );
                Ok(Box::new(move |_| step.clone()))
            }
            Self::S4d | Self::S5 | Self::H3 => {
                let [heard, z] = modes(setting)?;
                let ones = DVector::from_element(z.len(), Complex::ONE);
                let step = still(
                    DMatrix::from_diagonal(&z.map(Complex::exp)),
                    heard,
                    ones * Complex::from(2.0),
                );
                let query = move |k: usize| if self == Self::H3 { clock.gate(u[k]) } else { 1.0 };
                Ok(Box::new(move |k| Step { c: &step.c * Complex::from(query(k)), ..step.clone() }))
            }
            Self::Mamba | Self::Mamba2 => Ok(of_tokens(Selective::holding(u, clock), 1.0)),
            Self::Mamba3 => Ok(of_tokens(Selective::counting(u, clock), 0.5)),
        }
    }
}

/// A step that is the same at all times.
fn still(
    a_bar: DMatrix<Complex<f64>>,
    b_bar: DVector<Complex<f64>>,
    c: DVector<Complex<f64>>,
) -> Step {
    Step { b_bar_previous: DVector::zeros(b_bar.len()), a_bar, b_bar, c }
}

/// HiPPO's steps: the bilinear rule with Δ = 1/(k + 1/2), and a reading that moves.
fn slowing<'a>(setting: &Setting) -> Result<Rule<'a>, EvolutionError> {
    let (flow, &Setting { d_state, age, .. }) = (hippo_legs(setting.d_state)?, setting);
    let (a, b) = (flow.a().clone(), flow.b().column(0).into_owned());
    Ok(Box::new(move |k| {
        let one = DMatrix::<f64>::identity(d_state, d_state);
        let half = &a * (0.5 / (k as f64 + 0.5));
        let inverse = (&one - &half).try_inverse().unwrap_or_else(|| one.clone());
        // Of the first step nothing is known but its mean.
        let (a_bar, b_bar) = match k {
            0 => (&one * 0.0, DVector::from_fn(d_state, |n, _| f64::from(n == 0))),
            _ => (&inverse * (&one + &half), &inverse * &b / (k as f64 + 0.5)),
        };
        let c = place(k + 1, age).map_or(DVector::zeros(d_state), |place| legendre(d_state, place));
        still(a_bar.map(Complex::from), b_bar.map(Complex::from), c.map(Complex::from))
    }))
}

/// The steps of a Mamba: both ends, a decay for each state, a turn of the pair.
fn of_tokens<'a>(tokens: Selective, lambda: f64) -> Rule<'a> {
    let steps = tokens.steps();
    Box::new(move |k| {
        let delta = steps[k];
        let (sin, cos) = tokens.turn[k].sin_cos();
        let fades = tokens.a.map(|a| (delta * a).exp());
        let a_bar = dmatrix![cos * fades[0], sin * fades[1]; -sin * fades[0], cos * fades[1]];
        let written = |k: usize| DVector::from_column_slice(&tokens.b[k]);
        let before = if k > 0 { written(k - 1) } else { DVector::zeros(2) };
        Step {
            b_bar: (written(k) * (lambda * delta)).map(Complex::from),
            b_bar_previous: (&a_bar * before * ((1.0 - lambda) * delta)).map(Complex::from),
            a_bar: a_bar.map(Complex::from),
            c: DVector::from_column_slice(&tokens.c).map(Complex::from),
        }
    })
}

/// What a model is when its own idea is switched off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ancestor {
    /// Which one it is then.
    pub of: Model,
    /// What was switched off.
    pub with: &'static str,
    /// How far their outputs are apart, relative to the largest.
    pub apart: f64,
}

impl Model {
    /// Switches off what a model added, and compares with the one before it; nothing was before HiPPO.
    ///
    /// All differences are rounding but S4D's, which left something out.
    ///
    /// # Errors
    /// As [`Model::run`].
    ///
    /// ```
    /// use state_space_duality::evolution::{Model, Setting, signal};
    ///
    /// let small = Setting { d_state: 16, ..Setting::default() };
    /// let faster = Model::S4.ancestor(&signal(200), &small)?.expect("it has one");
    /// assert!(faster.of == Model::Lssl && faster.apart < 1e-9);
    /// # Ok::<(), state_space_duality::evolution::EvolutionError>(())
    /// ```
    pub fn ancestor(
        self,
        u: &[f64],
        setting: &Setting,
    ) -> Result<Option<Ancestor>, EvolutionError> {
        let kin = |of, with, one: Vec<f64>, other: Vec<f64>| {
            Ok(Some(Ancestor { of, with, apart: apart(&one, &other) }))
        };
        let run = |model: Self| model.run(u, setting);
        match self {
            Self::Hippo => Ok(None),
            Self::Lssl => {
                kin(Self::Hippo, "a clock that stands", run(self)?, on_a_still_clock(u, setting)?)
            }
            Self::S4 => kin(Self::Lssl, "nothing", run(self)?, run(Self::Lssl)?),
            Self::S4d => kin(Self::S4, "the low rank", run(self)?, run(Self::S4)?),
            Self::S5 => kin(Self::S4d, "one channel", run(self)?, run(Self::S4d)?),
            Self::H3 => {
                let open = gated(u, u.iter().map(|_| 1.0), setting)?;
                kin(Self::S4d, "gates open", open, run(Self::S4d)?)
            }
            Self::Mamba => {
                let (raw, a, b, c) = (-1.5, [-1.0, -2.0], [1.0, 0.5], [0.7, -0.4]);
                let same = select(u, &Selective::constant(u.len(), raw, a, b, c))?;
                kin(Self::S4d, "Δ, B, C constant", same, taps(u, raw, a, b, c)?)
            }
            Self::Mamba2 => {
                let held = Selective::holding(u, setting.clock);
                kin(Self::Mamba, "one rate", attend(u, &held)?, select(u, &held)?)
            }
            Self::Mamba3 => {
                let held = Selective::holding(u, setting.clock);
                kin(Self::Mamba2, "λ = 1, no turn", turn(u, &held, 1.0)?, attend(u, &held)?)
            }
        }
    }
}

/// HiPPO on a clock that does not slow down, read as the others are.
fn on_a_still_clock(u: &[f64], setting: &Setting) -> Result<Vec<f64>, EvolutionError> {
    let (window, rule) = (1.0 / setting.delta, Discretization::Bilinear);
    let mut memory = Memory::with_rule(Measure::LegS, setting.d_state, window, rule)?;
    let push = |u_k: &f64| {
        memory.push(*u_k);
        memory.recall(setting.age as f64)
    };
    Ok(u.iter().map(push).collect())
}

/// S4D with two real modes whose inputs tap: the kernel of a Mamba that chooses nothing.
fn taps(
    u: &[f64],
    raw: f64,
    a: [f64; 2],
    b: [f64; 2],
    c: [f64; 2],
) -> Result<Vec<f64>, EvolutionError> {
    let delta = ml_links::parameterization::softplus(raw);
    // A Vandermonde kernel reads twice the real part.
    let heard = DVector::from_fn(2, |n, _| Complex::from(0.5 * c[n] * delta * b[n]));
    let z = DVector::from_fn(2, |n, _| Complex::from(delta * a[n]));
    Ok(convolve(&vandermonde_kernel(&heard, &z, u.len())?, u))
}

/// Refuses a setting that no memory has.
///
/// # Errors
/// [`InputError::OutOfRange`] for N that is odd or 0, and for a Δ that is not positive.
///
/// ```
/// use state_space_duality::evolution::{Setting, checked};
///
/// assert!(checked(&Setting { d_state: 7, ..Setting::default() }).is_err());
/// ```
pub fn checked(setting: &Setting) -> Result<(), InputError> {
    positive("Δ", setting.delta)?;
    if setting.d_state == 0 || !setting.d_state.is_multiple_of(2) {
        let (expected, value) = ("even and at least 2", setting.d_state.to_string());
        return Err(InputError::OutOfRange { name: "N", expected, value });
    }
    Ok(())
}
