//! # Analyze
//!
//! *What can we know of a machine before we switch it on?*
//!
//! Everything this chapter can say of four matrices, in one [`Report`]: where its modes are and how they
//! ring ([`Mode`]), whether it settles, which modes no input moves and no output shows, what feedback it
//! bears ([`root_locus`]), and a verdict in plain words.
//!
//! Equations: `eq-2-9` (natural frequency and damping ratio of a mode).
//!
//! Conventions: poles and zeros are those of [`StateSpace::resolvent_form`]; a loop is closed by
//! `u = r - k y`. What a system has no answer for is left out, and the report says why.

use std::f64::consts::PI;
use std::fmt::Display;

use classical_ssm::controllability::{ControllabilityError, HautusMode, popov_belevitch_hautus};
use classical_ssm::frequency_response::{
    Bode, FrequencyError, Margins, Sweep, Waves, bandwidth, bode, margins, peak_gain,
};
use classical_ssm::responses::{
    ChannelResponse, ResponseError, StepFigures, discrete_step_figures, discrete_step_response,
    step_figures, step_response,
};
use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError};
use classical_ssm::system_file::{AnySystem, DescribedSystem};
use classical_ssm::transfer_functions::{TransferFunctionError, dc_gain, poles, zeros};
use math_foundations::eigendecomposition::{EigenError, eigenvalues};
use math_foundations::stability::{
    LyapunovCertificate, StabilityError, StabilityVerdict, lyapunov_certificate,
    lyapunov_certificate_discrete,
};
use math_foundations::state_representations::Matrices;
use nalgebra::{Complex, DMatrix};
use serde::Serialize;
use thiserror::Error;

/// Why a system cannot be analyzed, or one part of the analysis cannot be done.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AnalyzeError {
    /// Four matrices that are no system, or a loop that cannot be closed.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// The eigenvalues could not be computed.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// The question of stability could not be answered.
    #[error(transparent)]
    Stability(#[from] StabilityError),
    /// The question of reach and sight could not be answered.
    #[error(transparent)]
    Controllability(#[from] ControllabilityError),
    /// A question about waves could not be answered.
    #[error(transparent)]
    Frequency(#[from] FrequencyError),
    /// A response could not be computed.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// Poles, zeros or the gain at rest could not be computed.
    #[error(transparent)]
    Transfer(#[from] TransferFunctionError),
    /// A number whose products with its like overflow, or vanish.
    #[error(
        "expected every entry that is not 0 to be of a size from 1e-60 to 1e60, found {value} in {matrix}"
    )]
    Extreme {
        /// The matrix.
        matrix: &'static str,
        /// The number.
        value: f64,
    },
    /// A root locus is of one loop.
    #[error("expected one input and one output, found {inputs} and {outputs}")]
    NotSingle {
        /// How many inputs.
        inputs: usize,
        /// How many outputs.
        outputs: usize,
    },
    /// More branches than a picture can hold.
    #[error("expected at most {MOST_BRANCHES} branches of a root locus, found {found}")]
    TooManyBranches {
        /// The number of states.
        found: usize,
    },
}

/// What an analysis asks of a kind of time, besides how it waves.
pub trait Clock: Waves {
    /// The rate s at which a mode with this eigenvalue lives: `e^{st}` after t seconds.
    fn rate(&self, lambda: Complex<f64>) -> Complex<f64>;

    /// Chapter 1's certificate for a matrix in this time, for Q = I.
    ///
    /// # Errors
    /// [`StabilityError`].
    fn certify(a: &DMatrix<f64>) -> Result<LyapunovCertificate, StabilityError>;

    /// The step response until `seconds` have passed.
    ///
    /// # Errors
    /// [`ResponseError`].
    fn follow_step(
        system: &StateSpace<Self>,
        seconds: f64,
    ) -> Result<ChannelResponse, ResponseError>
    where
        Self: Sized;

    /// What engineers read off the step response.
    ///
    /// # Errors
    /// [`ResponseError`].
    fn read_step(system: &StateSpace<Self>) -> Result<StepFigures, ResponseError>
    where
        Self: Sized;

    /// The fastest wave there is, in radians a second.
    fn fastest(&self) -> f64;
}

impl Clock for Continuous {
    fn rate(&self, lambda: Complex<f64>) -> Complex<f64> {
        lambda
    }

    fn certify(a: &DMatrix<f64>) -> Result<LyapunovCertificate, StabilityError> {
        lyapunov_certificate(a, &DMatrix::identity(a.nrows(), a.nrows()))
    }

    fn follow_step(
        system: &StateSpace<Self>,
        seconds: f64,
    ) -> Result<ChannelResponse, ResponseError> {
        let times: Vec<f64> = (0..=300).map(|k| seconds * f64::from(k) / 300.0).collect();
        step_response(system, &times)
    }

    fn read_step(system: &StateSpace<Self>) -> Result<StepFigures, ResponseError> {
        step_figures(system)
    }

    fn fastest(&self) -> f64 {
        f64::INFINITY
    }
}

impl Clock for Discrete {
    fn rate(&self, lambda: Complex<f64>) -> Complex<f64> {
        lambda.ln() / self.delta()
    }

    fn certify(a: &DMatrix<f64>) -> Result<LyapunovCertificate, StabilityError> {
        lyapunov_certificate_discrete(a, &DMatrix::identity(a.nrows(), a.nrows()))
    }

    fn follow_step(
        system: &StateSpace<Self>,
        seconds: f64,
    ) -> Result<ChannelResponse, ResponseError> {
        let steps = (seconds / system.delta()).ceil().clamp(10.0, 300.0);
        discrete_step_response(system, steps as usize + 1)
    }

    fn read_step(system: &StateSpace<Self>) -> Result<StepFigures, ResponseError> {
        discrete_step_figures(system)
    }

    fn fastest(&self) -> f64 {
        PI / self.delta()
    }
}

// ---------------------------------------------------------------------------------------------
// Modes
// ---------------------------------------------------------------------------------------------

/// A complex number as a program reads it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl From<Complex<f64>> for Point {
    fn from(number: Complex<f64>) -> Self {
        Self { re: number.re, im: number.im }
    }
}

/// A pole in an engineer's words.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mode {
    /// The eigenvalue of A.
    pub pole: Point,
    /// |s| in radians a second: how fast it would swing undamped. None for a mode that is gone within
    /// N steps (λ = 0).
    pub natural_frequency: Option<f64>,
    /// `-Re s / |s|`: 0 rings for ever, 1 does not ring, less than 0 grows. None for s = 0.
    pub damping_ratio: Option<f64>,
    /// Seconds until it has faded to 1/e; negative: until it has grown by e. None where it does neither.
    pub time_constant: Option<f64>,
    /// Whether an input moves it.
    pub reachable: bool,
    /// Whether an output shows it.
    pub visible: bool,
}

/// Natural frequency and damping ratio of a mode.
///
/// ```text
/// ω_n = |s|,   ζ = -Re s / |s|,       s = λ for a flow,   s = ln λ / Δ for steps      (eq-2-9)
/// ```
///
/// Returns (|s|, ζ), each none where it has no finite value: λ = 0 in steps has |s| = ∞, s = 0 no ζ.
/// *Breaks* for steps too long: a mode faster than half a turn a step is taken for a slower one.
///
/// ```
/// use classical_ssm::analyze::natural_frequency_and_damping;
/// use classical_ssm::state_space::Continuous;
/// use nalgebra::Complex;
///
/// // s² + 0.4 s + 1: ω_n = 1 and 2 ζ ω_n = 0.4.
/// let pole = Complex::new(-0.2, 0.96_f64.sqrt());
/// let (omega, zeta) = natural_frequency_and_damping(&Continuous, pole);
/// assert!((omega.unwrap() - 1.0).abs() < 1e-15 && (zeta.unwrap() - 0.2).abs() < 1e-15);
/// ```
// ANCHOR: mode
pub fn natural_frequency_and_damping<T: Clock>(
    time: &T,
    lambda: Complex<f64>,
) -> (Option<f64>, Option<f64>) {
    let s = time.rate(lambda);
    let omega = s.norm();
    if omega.is_infinite() {
        return (None, Some(1.0)); // λ = 0 in steps: gone, without a swing
    }
    let zeta = -s.re / omega;
    (Some(omega), (omega > 0.0).then_some(zeta))
}
// ANCHOR_END: mode

// ---------------------------------------------------------------------------------------------
// Root locus
// ---------------------------------------------------------------------------------------------

/// Where the poles go when the loop is closed by `u = r - k y` and k grows from 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RootLocus {
    /// The gains k, increasing from 0.
    pub gains: Vec<f64>,
    /// A branch a pole: where it is at each gain.
    pub branches: Vec<Vec<Complex<f64>>>,
}

/// More branches than this are a thicket.
pub const MOST_BRANCHES: usize = 32;

/// No branch moves farther than this from one gain to the next, in parts of the picture.
const STRIDE: f64 = 0.02;

/// A move that nobody sees, in parts of the picture.
const UNSEEN: f64 = 1e-4;

/// Small enough to move no pole of any machine; it takes a hundred doublings to 1.
const FIRST_STEP: f64 = f64::from_bits((1023 - 100) << 52);

/// After so many doublings without a move that anyone sees, every branch has come to its zero.
const PATIENCE: usize = 200;

/// A picture has no more gains than this.
const MOST_GAINS: usize = 1500;

/// The poles of the loop that is closed by `u = r - k y`, followed from k = 0 until one leaves the picture.
///
/// The picture is three times as wide as the poles and the zeros near them. The gain grows by steps that
/// double while little moves and halve while much does, and each pole of the next gain continues the
/// branch that ends nearest to it. As k grows, as many branches as there are zeros end in them; the
/// others leave.
///
/// - Good for pictures; the gain at which a branch crosses the edge of stability is exact in [`margins`].
/// - Breaks: where branches meet, which of them goes on as which is a matter of taste.
/// - Cost O(N³) a gain, some hundreds of gains.
///
/// # Errors
/// [`AnalyzeError::NotSingle`], [`AnalyzeError::TooManyBranches`], [`AnalyzeError::Eigen`].
///
/// ```
/// use classical_ssm::analyze::root_locus;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// // 1/(s + 1): the pole is at -1 - k.
/// let lag = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let locus = root_locus(&lag)?;
/// for (k, pole) in locus.gains.iter().zip(&locus.branches[0]) {
///     assert!((pole.re + 1.0 + k).abs() < 1e-12 && pole.im == 0.0);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn root_locus<T: Clock>(system: &StateSpace<T>) -> Result<RootLocus, AnalyzeError> {
    let (inputs, outputs, n) = (system.inputs(), system.outputs(), system.d_state());
    if (inputs, outputs) != (1, 1) {
        return Err(AnalyzeError::NotSingle { inputs, outputs });
    }
    if n > MOST_BRANCHES {
        return Err(AnalyzeError::TooManyBranches { found: n });
    }
    let open: Vec<Complex<f64>> = eigenvalues(system.a())?.iter().copied().collect();
    let farthest = |points: &[Complex<f64>]| points.iter().map(|p| p.norm()).fold(0.0, f64::max);
    let poles = farthest(&open);
    // A zero far outside tells nothing about what happens near the poles.
    let near = |zero: &Complex<f64>| zero.norm() <= 5.0 * poles;
    let zeros: Vec<Complex<f64>> = zeros(system)?.iter().copied().filter(near).collect();
    let size = poles.max(farthest(&zeros));
    sweep_gain(&system.resolvent_form(), open, if size > 0.0 { size } else { 1.0 })
}

// ANCHOR: closed_loop
/// The A of the loop that is closed by `u = r - k y`, of one input and one output.
fn closed_loop(open: &Matrices, k: f64) -> DMatrix<f64> {
    let Matrices { a, b, c, d } = open;
    a - b * c * (k / (1.0 + k * d[0]))
}
// ANCHOR_END: closed_loop

/// Follows the poles `open` of a system as k grows; `size` is a third of what is worth showing.
// ANCHOR: root_locus
fn sweep_gain(
    system: &Matrices,
    open: Vec<Complex<f64>>,
    size: f64,
) -> Result<RootLocus, AnalyzeError> {
    let mut locus = RootLocus::starting_at(&open);
    let (mut gain, mut step, mut quiet) = (0.0, FIRST_STEP, 0);
    let mut here = open;
    let few = |gains: &[f64]| gains.len() < MOST_GAINS;
    while few(&locus.gains) && quiet < PATIENCE && !has_left(&here, 3.0 * size) {
        let closed = eigenvalues(&closed_loop(system, gain + step))?;
        let next = continued(&here, closed.as_slice());
        let moved = farthest_move(&here, &next) / size;
        if moved > STRIDE && step > 1e-9 * gain {
            step *= 0.5;
            continue;
        }
        gain += step;
        step *= if moved < STRIDE / 3.0 { 2.0 } else { 1.0 };
        quiet = if moved < UNSEEN { quiet + 1 } else { 0 };
        locus.extend_to(gain, &next, moved);
        here = next;
    }
    Ok(locus)
}
// ANCHOR_END: root_locus

fn has_left(poles: &[Complex<f64>], edge: f64) -> bool {
    poles.iter().any(|pole| pole.norm() > edge)
}

fn farthest_move(here: &[Complex<f64>], next: &[Complex<f64>]) -> f64 {
    here.iter().zip(next).map(|(here, next)| (here - next).norm()).fold(0.0, f64::max)
}

/// The poles of the next gain, in the order of the branches that they continue: nearest pairs first.
fn continued(here: &[Complex<f64>], next: &[Complex<f64>]) -> Vec<Complex<f64>> {
    let pairs = (0..here.len()).flat_map(|i| (0..next.len()).map(move |j| (i, j)));
    // Where two poles part symmetrically both choices are as near: rounding shall not choose.
    let size = here.iter().map(|pole| pole.norm()).fold(f64::MIN_POSITIVE, f64::max);
    let rounded = |distance: f64| (1e6 * distance / size).round();
    let mut pairs: Vec<_> =
        pairs.map(|(i, j)| (rounded((here[i] - next[j]).norm()), i, j)).collect();
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut continued = vec![None; here.len()];
    let mut taken = vec![false; next.len()];
    for (_, i, j) in pairs {
        if continued[i].is_none() && !taken[j] {
            continued[i] = Some(next[j]);
            taken[j] = true;
        }
    }
    continued.into_iter().zip(here).map(|(found, here)| found.unwrap_or(*here)).collect()
}

impl RootLocus {
    fn starting_at(open: &[Complex<f64>]) -> Self {
        Self { gains: vec![0.0], branches: open.iter().map(|&pole| vec![pole]).collect() }
    }

    /// Adds a point to each branch, unless nothing would be seen of it.
    fn extend_to(&mut self, gain: f64, poles: &[Complex<f64>], moved: f64) {
        if moved < UNSEEN && self.gains.len() > 1 {
            return;
        }
        self.gains.push(gain);
        for (branch, &pole) in self.branches.iter_mut().zip(poles) {
            branch.push(pole);
        }
    }
}

// ---------------------------------------------------------------------------------------------
// The report
// ---------------------------------------------------------------------------------------------

/// What stability rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stability {
    /// `asymptotically stable`, `marginal` or `unstable`.
    pub verdict: String,
    /// For a stable system the P of an energy `xᵀPx` that falls by `xᵀx` a second, or a step; `[N, N]`.
    pub certificate: Option<Vec<Vec<f64>>>,
    /// At most this many times its length can any state grow before it settles.
    pub growth_bound: Option<f64>,
}

/// How much feedback the loop `u = r - y` bears.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feedback {
    /// Whether the loop is stable when it is closed like that.
    pub stable: bool,
    /// The factor above 1 by which more gain brings it to the edge; none where no gain does.
    pub gain_margin: Option<f64>,
    /// At which frequency it then swings.
    pub gain_margin_frequency: Option<f64>,
    /// The factor below 1 by which less gain brings it to the edge; none where no gain does.
    pub gain_reduction_margin: Option<f64>,
    /// The phase in degrees that brings it to the edge.
    pub phase_margin: Option<f64>,
    /// At which frequency.
    pub phase_margin_frequency: Option<f64>,
    /// The delay in seconds that brings it to the edge.
    pub delay_margin: Option<f64>,
    /// The margins in a sentence.
    pub words: String,
}

impl From<Margins> for Feedback {
    fn from(margins: Margins) -> Self {
        let (more, less) = (margins.gain_margin(), margins.gain_reduction_margin());
        let phase = margins.phase_margin();
        Self {
            stable: margins.stable,
            gain_margin: more.map(|crossing| crossing.factor),
            gain_margin_frequency: more.map(|crossing| crossing.omega),
            gain_reduction_margin: less.map(|crossing| crossing.factor),
            phase_margin: phase.map(|crossing| crossing.degrees),
            phase_margin_frequency: phase.map(|crossing| crossing.omega),
            delay_margin: margins.delay_margin(),
            words: margins.to_string(),
        }
    }
}

/// What is read off the step response.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Where the output comes to rest.
    pub steady_value: f64,
    /// From 10 % to 90 %, in seconds.
    pub rise_time: f64,
    /// Until it stays within 2 %, in seconds.
    pub settling_time: f64,
    /// Beyond the steady value, as a part of it.
    pub overshoot: f64,
    /// To the wrong side of 0, as a part of the steady value.
    pub undershoot: f64,
}

impl From<StepFigures> for Step {
    fn from(figures: StepFigures) -> Self {
        let StepFigures { steady_value, rise_time, settling_time, overshoot, undershoot, .. } =
            figures;
        Self { steady_value, rise_time, settling_time, overshoot, undershoot }
    }
}

/// Everything this chapter can say of a system.
///
/// A field that is none has a line in `left_out`, unless there is nothing of the kind to be had.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What the system is called.
    pub name: String,
    /// What it is.
    pub about: String,
    /// The length of a step in seconds; none for a flow.
    pub delta: Option<f64>,
    /// N.
    pub d_state: usize,
    /// M.
    pub inputs: usize,
    /// P.
    pub outputs: usize,
    /// The modes, the slowest to die away first.
    pub modes: Vec<Mode>,
    /// The invariant zeros.
    pub zeros: Vec<Point>,
    /// Whether it settles, and why we may believe it.
    pub stability: Stability,
    /// Whether the inputs can bring the state anywhere.
    pub controllable: bool,
    /// Whether no two states look alike from the outputs.
    pub observable: bool,
    /// What a constant input becomes in the end, `[P, M]`, where there is such an end.
    pub gain_at_rest: Option<Vec<Vec<f64>>>,
    /// The largest gain at any frequency.
    pub peak_gain: Option<f64>,
    /// Where.
    pub peak_frequency: Option<f64>,
    /// Up to which frequency the gain stays above 1/√2 of that at rest.
    pub bandwidth: Option<f64>,
    /// The step response in figures.
    pub step: Option<Step>,
    /// The loop `u = r - y`.
    pub feedback: Option<Feedback>,
    /// The verdict, a sentence each.
    pub verdict: Vec<String>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
}

fn rows(matrix: &DMatrix<f64>) -> Vec<Vec<f64>> {
    matrix.row_iter().map(|row| row.iter().copied().collect()).collect()
}

/// Analyzes a system of either kind.
///
/// Cost O(N⁴) for the question which modes are out of reach, O(N³) for the rest.
///
/// # Errors
/// [`AnalyzeError::Extreme`]; others where not even poles, stability, reach and sight can be told.
///
/// ```
/// use classical_ssm::{analyze::analyze, system_file::DescribedSystem};
///
/// let report = analyze(&DescribedSystem::named("damped-spring", &[])?)?;
/// assert_eq!(report.stability.verdict, "asymptotically stable");
/// assert!((report.modes[0].damping_ratio.unwrap() - 0.2).abs() < 1e-14);
/// assert!((report.step.unwrap().overshoot - 0.527).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn analyze(described: &DescribedSystem) -> Result<Report, AnalyzeError> {
    refuse_extremes(described.system.matrices())?;
    let mut report = match &described.system {
        AnySystem::Continuous(system) => analyze_in_time(system)?,
        AnySystem::Discrete(system) => analyze_in_time(system)?,
    };
    report.name.clone_from(&described.name);
    report.about.clone_from(&described.about);
    report.delta = described.system.delta();
    report.verdict = verdict(&report);
    Ok(report)
}

/// Refuses what an analysis could only answer with an overflow: it multiplies up to four entries.
fn refuse_extremes(matrices: &Matrices) -> Result<(), AnalyzeError> {
    let Matrices { a, b, c, d } = matrices;
    for (matrix, entries) in [("A", a), ("B", b), ("C", c), ("D", d)] {
        let extreme = |entry: &&f64| **entry != 0.0 && !(1e-60..=1e60).contains(&entry.abs());
        if let Some(&value) = entries.iter().find(extreme) {
            return Err(AnalyzeError::Extreme { matrix, value });
        }
    }
    Ok(())
}

/// A mode in an engineer's words; what is no more than `rounding` is zero.
fn describe<T: Clock>(time: &T, mode: &HautusMode, rounding: f64) -> Mode {
    let lambda = {
        let cleaned = |part: f64| if part.abs() <= rounding { 0.0 } else { part };
        Complex::new(cleaned(mode.lambda.re), cleaned(mode.lambda.im))
    };
    let (natural_frequency, damping_ratio) = natural_frequency_and_damping(time, lambda);
    let fading = -time.rate(lambda).re;
    let size = natural_frequency.unwrap_or(f64::INFINITY);
    let lasts = fading.is_finite() && fading.abs() > rounding * size.min(1.0);
    Mode {
        pole: lambda.into(),
        natural_frequency,
        damping_ratio,
        time_constant: lasts.then(|| fading.recip()),
        reachable: mode.is_reachable(),
        visible: mode.is_visible(),
    }
}

/// Keeps what could be computed; writes down what could not, and why.
fn kept<T, E: Display>(left_out: &mut Vec<String>, what: &str, result: Result<T, E>) -> Option<T> {
    result.map_err(|error| left_out.push(format!("{what}: {error}"))).ok()
}

fn analyze_in_time<T: Clock>(system: &StateSpace<T>) -> Result<Report, AnalyzeError> {
    let time = system.time();
    let stability = time.verdict(system.a())?;
    let rounding = 10.0 * system.d_state() as f64 * f64::EPSILON * system.a().norm();
    let hautus = popov_belevitch_hautus(system)?;
    let modes: Vec<Mode> = hautus.iter().map(|mode| describe(time, mode, rounding)).collect();

    let mut left_out = Vec::new();
    let stable = stability == StabilityVerdict::AsymptoticallyStable;
    let certificate =
        if stable { kept(&mut left_out, "the certificate", T::certify(system.a())) } else { None };
    let single = (system.inputs(), system.outputs()) == (1, 1);
    let (mut rest, mut peak, mut half_power, mut step) = (None, None, None, None);
    if stable {
        rest = kept(&mut left_out, "the gain at rest", dc_gain(system));
        peak = kept(&mut left_out, "the largest gain", peak_gain(system));
    } else {
        let reason = "only a system that settles has them";
        left_out
            .push(format!("gain at rest, largest gain, bandwidth, figures of the step: {reason}"));
    }
    if stable && single {
        half_power = kept(&mut left_out, "the bandwidth", bandwidth(system)).flatten();
        step = kept(&mut left_out, "the figures of the step", T::read_step(system));
    }
    let feedback = single.then(|| kept(&mut left_out, "the margins", margins(system))).flatten();
    if !single {
        let reason = "they are of one input and one output";
        left_out.push(format!("bandwidth, figures of the step, margins, root locus: {reason}"));
    }
    let zeros = kept(&mut left_out, "the zeros", zeros(system));
    let zeros = zeros.iter().flatten().copied().map(Point::from).collect();
    Ok(Report {
        name: String::new(),
        about: String::new(),
        delta: None,
        d_state: system.d_state(),
        inputs: system.inputs(),
        outputs: system.outputs(),
        controllable: modes.iter().all(|mode| mode.reachable),
        observable: modes.iter().all(|mode| mode.visible),
        modes,
        zeros,
        stability: Stability {
            verdict: stability.to_string(),
            growth_bound: certificate.as_ref().map(LyapunovCertificate::growth_bound),
            certificate: certificate.map(|energy| rows(&energy.p)),
        },
        gain_at_rest: rest.map(|gain| rows(&gain)),
        peak_gain: peak.map(|peak| peak.gain),
        peak_frequency: peak.map(|peak| peak.omega),
        bandwidth: half_power,
        step: step.map(Step::from),
        feedback: feedback.map(Feedback::from),
        verdict: Vec::new(),
        left_out,
    })
}

// ---------------------------------------------------------------------------------------------
// The verdict
// ---------------------------------------------------------------------------------------------

impl Mode {
    fn grows(&self) -> bool {
        self.time_constant.is_some_and(|seconds| seconds < 0.0)
    }

    /// Whether it stays, neither growing nor fading.
    fn stays(&self) -> bool {
        self.time_constant.is_none() && self.natural_frequency.is_some()
    }
}

/// What an engineer would say, the most important first.
fn verdict(report: &Report) -> Vec<String> {
    let mut sentences = vec![settling(report)];
    sentences.extend(hidden(report));
    sentences.extend(wrong_way(report));
    sentences.extend(ringing(report));
    sentences.extend(
        report.feedback.as_ref().map(|feedback| format!("With u = r - y: {}.", feedback.words)),
    );
    sentences
}

fn settling(report: &Report) -> String {
    let constants = || report.modes.iter().filter_map(|mode| mode.time_constant);
    match report.stability.verdict.as_str() {
        "asymptotically stable" => match constants().reduce(f64::max) {
            Some(slowest) => format!(
                "Left alone it settles: its slowest mode fades to 1/e in {} s.",
                digits(slowest)
            ),
            None => format!("Left alone it is at rest after {} steps.", report.d_state),
        },
        "marginal" => "Left alone it neither settles nor grows.".into(),
        _ => match constants().filter(|constant| *constant < 0.0).reduce(f64::max) {
            Some(fastest) => format!(
                "Left alone it grows: twofold every {} s.",
                digits(-fastest * std::f64::consts::LN_2)
            ),
            None => "Left alone it drifts away, like a power of time.".into(),
        },
    }
}

fn hidden(report: &Report) -> Vec<String> {
    let unreachable = |mode: &&Mode| !mode.reachable;
    let invisible = |mode: &&Mode| !mode.visible;
    let sentence = |found: Vec<&Mode>, what: &str, hopeless: &str| {
        let (subject, pronoun, verb, ending) = match found.len() {
            0 => return None,
            1 => ("One mode is".to_owned(), "it", "does", "s"),
            count => (format!("{count} modes are"), "they", "do", ""),
        };
        let end = if found.iter().any(|mode| mode.grows() || mode.stays()) {
            format!("{pronoun} {verb} not die away: {hopeless}")
        } else {
            format!("{pronoun} die{ending} away by itself")
                .replace("they die away by itself", "they die away by themselves")
        };
        Some(format!("{subject} {what}, and {end}."))
    };
    let modes = || report.modes.iter();
    let no_controller = "no controller can hold this system";
    let no_observer = "no observer can follow this system";
    let reach = sentence(
        modes().filter(unreachable).collect(),
        "out of reach of every input",
        no_controller,
    );
    let sight =
        sentence(modes().filter(invisible).collect(), "out of sight of every output", no_observer);
    reach.into_iter().chain(sight).collect()
}

fn wrong_way(report: &Report) -> Option<String> {
    // A zero of a flow on the right; of steps, outside the circle.
    let beyond = |zero: &&Point| match report.delta {
        None => zero.re > 1e-9 * zero.re.hypot(zero.im),
        Some(_) => zero.re.hypot(zero.im) > 1.0 + 1e-9,
    };
    // A zero on top of a mode that is hidden belongs to that mode alone.
    let apart = |zero: &&Point| {
        let distance = |pole: Point| (pole.re - zero.re).hypot(pole.im - zero.im);
        let hidden = report.modes.iter().filter(|mode| !mode.reachable || !mode.visible);
        hidden.into_iter().all(|mode| distance(mode.pole) > 1e-6 * zero.re.hypot(zero.im))
    };
    let zero = report.zeros.iter().filter(beyond).find(apart)?;
    let at = written(*zero);
    Some(match report.step {
        Some(step) if step.undershoot > 0.0 => format!(
            "Pushed, it first goes the wrong way, by {} % of where it ends: a zero at {at}.",
            digits(100.0 * step.undershoot)
        ),
        _ => format!("A zero at {at} limits how fast any loop around it can be."),
    })
}

fn ringing(report: &Report) -> Option<String> {
    if report.stability.verdict != "asymptotically stable" {
        return None;
    }
    let rings = |mode: &&Mode| mode.pole.im > 0.0 && mode.damping_ratio.is_some_and(|z| z < 0.7);
    let least = |a: &&Mode, b: &&Mode| {
        a.damping_ratio.unwrap_or(1.0).total_cmp(&b.damping_ratio.unwrap_or(1.0))
    };
    let mode = report.modes.iter().filter(rings).min_by(least)?;
    let (omega, zeta) = (mode.natural_frequency?, mode.damping_ratio?);
    let overshoot = match report.step {
        Some(step) if step.overshoot > 0.0 => {
            format!(", and a step overshoots by {} %", digits(100.0 * step.overshoot))
        }
        _ => String::new(),
    };
    Some(format!(
        "It rings at {} rad/s with a damping ratio of {}{overshoot}.",
        digits(omega * (1.0 - zeta * zeta).sqrt()),
        digits(zeta)
    ))
}

/// Four digits.
pub fn digits(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e5).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A complex number in four digits.
pub fn written(point: Point) -> String {
    let size = point.re.hypot(point.im);
    let [re, im] =
        [point.re, point.im].map(|part| if part.abs() <= 1e-13 * size { 0.0 } else { part });
    if im == 0.0 {
        return digits(re);
    }
    let point = Point { re, im };
    let sign = if point.im < 0.0 { '-' } else { '+' };
    format!("{} {sign} {}i", digits(point.re), digits(point.im.abs()))
}

// ---------------------------------------------------------------------------------------------
// Curves
// ---------------------------------------------------------------------------------------------

/// How long to watch: until the slowest mode has faded, or the fastest growing one has grown.
pub fn horizon(report: &Report) -> f64 {
    let constants = || report.modes.iter().filter_map(|mode| mode.time_constant);
    let growing = constants().filter(|constant| *constant < 0.0).reduce(f64::max);
    let fading = constants().filter(|constant| *constant > 0.0).reduce(f64::max);
    let swing = report.modes.iter().filter_map(|mode| mode.natural_frequency);
    let swing = swing.filter(|omega| *omega > 0.0).reduce(f64::min).map(|omega| 2.0 * PI / omega);
    let steps = report.delta.map(|delta| delta * (report.d_state as f64 + 4.0));
    match (growing, report.modes.iter().any(Mode::stays)) {
        (Some(constant), _) => -3.0 * constant,
        (None, true) => 4.0 * fading.or(swing).unwrap_or(2.5),
        (None, false) => 6.0 * fading.or(steps).unwrap_or(1.0),
    }
}

/// The slowest and the fastest frequency worth a look: two decades below and above modes and zeros, at most
/// the fastest wave there is.
pub fn frequencies<T: Clock>(system: &StateSpace<T>) -> Result<Vec<f64>, AnalyzeError> {
    let time = system.time();
    let (poles, zeros) = (poles(system)?, zeros(system)?);
    let rates = poles.iter().chain(&zeros).map(|&at| time.rate(at).norm());
    let rates: Vec<f64> = rates.filter(|rate| rate.is_finite() && *rate > 1e-12).collect();
    let fastest = time.fastest();
    let slow = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let slow = if slow.is_finite() { slow } else { 1.0_f64.min(fastest) };
    let fast = rates.iter().copied().fold(slow, f64::max);
    let (low, high) = (0.01 * slow.min(fastest), (100.0 * fast).min(0.9999 * fastest));
    let ratio = (high / low).ln();
    Ok((0..=240).map(|k| low * (ratio * f64::from(k) / 240.0).exp()).collect())
}

/// Gain and phase of a system with one input and one output, at [`frequencies`].
///
/// # Errors
/// Those of [`bode`].
pub fn bode_curves<T: Clock>(system: &StateSpace<T>) -> Result<Bode, AnalyzeError> {
    Ok(bode(system, &frequencies(system)?)?)
}

/// The largest and the smallest gain over all directions of the input, at [`frequencies`]: what is left
/// of Bode's picture for several inputs and outputs.
///
/// # Errors
/// Those of [`Sweep::at`].
pub fn singular_value_curves<T: Clock>(
    system: &StateSpace<T>,
) -> Result<[Vec<(f64, f64)>; 2], AnalyzeError> {
    let sweep = Sweep::new(system)?;
    let mut curves = [Vec::new(), Vec::new()];
    for omega in frequencies(system)? {
        let sizes = sweep.at(omega)?.singular_values();
        curves[0].push((omega, sizes.max()));
        curves[1].push((omega, sizes.min()));
    }
    Ok(curves)
}
