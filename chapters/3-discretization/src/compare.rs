//! *Which rule, and which step, for a system of mine?*
//!
//! [`compare`] steps one flow by many rules with many steps, judges each by the exact response and by what becomes
//! of its modes, and reports numbers and verdicts; whoever prints them is somewhere else. Where two steps Δ₁ and
//! Δ₂ leave the errors e₁ and e₂, the order is
//!
//! ```text
//! p = log(e₁/e₂) / log(Δ₁/Δ₂)      (eq-3-8)
//! ```
//!
//! and where nobody knows the exact answer, three steps Δ, Δ/2, Δ/4 tell it too: [`observed_order`].
//!
//! Conventions: errors are relative to the largest output of the flow; the signal drives every input; a run
//! begins at rest at t = 0. No report holds an infinity or a NaN: what has no number has none.

use std::fmt;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::accuracy_and_stability::{
    Discretization, Signal, exact_outputs, fitted_order, multiplications, stepped_outputs,
};
use discretization::sampling::DiscretizationError;
use math_foundations::eigendecomposition::{EigenError, eigenvalues};
use math_foundations::stability::{
    StabilityError, StabilityVerdict, discrete_stability_verdict, stability_verdict,
};
use math_foundations::validation::{InputError, positive};
use nalgebra::DVector;
use serde::Serialize;
use thiserror::Error;

/// Why a comparison cannot be made.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CompareError {
    /// A number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The modes were not found.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// The flow has no verdict.
    #[error(transparent)]
    Stability(#[from] StabilityError),
    /// The exact response cannot be computed.
    #[error("the flow itself: {0}")]
    Flow(DiscretizationError),
    /// Nothing to compare.
    #[error("expected at least one {0}, found none")]
    Nothing(&'static str),
    /// The flow outgrows every number within the time asked for.
    #[error(
        "within {duration} s the flow itself grows beyond what a number holds: \
         its fastest mode grows at the rate {rate:.3}, try a shorter duration"
    )]
    FlowGrows {
        /// The time asked for.
        duration: f64,
        /// The largest real part of a mode.
        rate: f64,
    },
    /// More steps than a patient reader waits for.
    #[error(
        "{steps:.0} steps of {delta} s over {duration} s with {d_state} states are more work than this program \
         does: at most {limit:.0} steps, try a longer step or a shorter duration"
    )]
    TooManySteps {
        /// How many there would be.
        steps: f64,
        /// The step.
        delta: f64,
        /// The time to be covered.
        duration: f64,
        /// N.
        d_state: usize,
        /// How many there may be.
        limit: f64,
    },
    /// The steps do not fit into the time.
    #[error("expected steps no longer than the duration of {duration} s, found {delta}")]
    StepTooLong {
        /// The step.
        delta: f64,
        /// The time to be covered.
        duration: f64,
    },
}

/// What is to be compared. [`Request::of`] proposes one that suits a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The rules.
    pub rules: Vec<Discretization>,
    /// The steps, in seconds.
    pub deltas: Vec<f64>,
    /// What drives every input.
    pub signal: Signal,
    /// For how long, in seconds.
    pub duration: f64,
    /// The error that is good enough, for the price.
    pub tolerance: f64,
}

impl Request {
    /// All rules; a time in which the slowest mode has settled, unless another has grown by e²⁰ before; six
    /// steps, from a sixteenth of it by halves; a sine at the rate of the slowest mode.
    ///
    /// # Errors
    /// [`CompareError::Eigen`].
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use discretization::compare::Request;
    /// use nalgebra::dmatrix;
    ///
    /// let tank = StateSpace::continuous(dmatrix![-2.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    /// assert_eq!(Request::of(&tank)?.duration, 4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(sys: &StateSpace<Continuous>) -> Result<Self, CompareError> {
        let modes = eigenvalues(sys.a())?;
        let largest = modes.iter().map(|mode| mode.norm()).fold(0.0, f64::max);
        // Rounding moves a mode at 0 by some ε‖A‖ and more where it is defective.
        let moving = modes.iter().map(|mode| mode.norm()).filter(|rate| *rate > 1e-6 * largest);
        let slowest = moving.fold(f64::INFINITY, f64::min);
        let rate = two_digits(if slowest.is_finite() { slowest } else { 1.0 });
        let growth = modes.iter().map(|mode| mode.re).fold(0.0, f64::max);
        let settled = 8.0 / rate;
        let duration = two_digits(if growth > 0.0 { settled.min(20.0 / growth) } else { settled });
        Ok(Self {
            rules: Discretization::ALL.to_vec(),
            deltas: halvings(duration / 16.0, 6),
            signal: Signal::Sine(rate),
            duration,
            tolerance: 0.01,
        })
    }
}

/// A proposal need not be precise, and is read more easily.
fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// `count` steps, the first the longest, each half of the one before.
///
/// ```
/// assert_eq!(discretization::compare::halvings(1.0, 3), [1.0, 0.5, 0.25]);
/// ```
pub fn halvings(longest: f64, count: usize) -> Vec<f64> {
    std::iter::successors(Some(longest), |delta| Some(0.5 * delta)).take(count).collect()
}

// ANCHOR: verdict
/// What a rule with a certain step makes of the fate of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It comes to rest, rings or grows as the flow does.
    Faithful,
    /// It lets grow what does not grow in the flow.
    Grows,
    /// It lets ring for ever what dies away in the flow.
    Rings,
    /// It calms what rings or grows in the flow.
    Calms,
    /// The rule has no such step.
    NoStep,
}

fn verdict(flow: StabilityVerdict, steps: StabilityVerdict) -> Verdict {
    use StabilityVerdict::{AsymptoticallyStable, Marginal, Unstable};
    match (flow, steps) {
        _ if flow == steps => Verdict::Faithful,
        (_, Unstable) => Verdict::Grows,
        (AsymptoticallyStable, Marginal) => Verdict::Rings,
        (_, Marginal | AsymptoticallyStable) => Verdict::Calms,
    }
}
// ANCHOR_END: verdict

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Faithful => "faithful",
            Self::Grows => "grows",
            Self::Rings => "rings",
            Self::Calms => "calms",
            Self::NoStep => "no step",
        })
    }
}

/// One rule with one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// The step, in seconds.
    pub delta: f64,
    /// How many of them.
    pub steps: usize,
    /// What it makes of the fate of the flow.
    pub verdict: Verdict,
    /// The largest error of the outputs, relative to the largest output; none where they have left every number.
    pub error: Option<f64>,
    /// Why there is no such step.
    pub reason: Option<String>,
}

/// One rule with all steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleReport {
    /// The rule, as `FromStr` reads it.
    pub rule: String,
    /// Its order on smooth inputs, by theory.
    pub order: u32,
    /// The order fitted to the three smallest steps whose errors are neither rounding nor beyond a third.
    pub fitted_order: Option<f64>,
    /// Which damped modes it lets die away: `up to a limit`, `A-stable`, `L-stable`.
    pub kind: String,
    /// The largest step at which it lets no mode grow that does not grow in the flow; none where any will do.
    pub largest_stable_step: Option<f64>,
    /// Multiplications of one step; none where the rule had no step at all.
    pub multiplications: Option<usize>,
    /// Multiplications of the longest step that is good enough, times how many of them.
    pub price: Option<usize>,
    /// Its steps, in the order of the request.
    pub steps: Vec<StepReport>,
}

/// All rules with all steps, for one flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// N, M and P.
    pub shape: [usize; 3],
    /// The verdict of chapter 1 on the flow.
    pub flow: String,
    /// Real and imaginary part of its modes, the slowest first.
    pub modes: Vec<[f64; 2]>,
    /// What drives it.
    pub signal: String,
    /// For how long, in seconds.
    pub duration: f64,
    /// The error that is good enough.
    pub tolerance: f64,
    /// The rules, in the order of the request.
    pub rules: Vec<RuleReport>,
}

/// Multiplications that one run may cost.
const WORK: f64 = 4e8;

/// Compares rules and steps on one flow.
///
/// # Errors
/// [`CompareError`] for a request without rules or steps, or with one that cannot be met, and where the flow itself has no
/// finite response. A rule that has no step, or whose outputs overflow, is no error: the report says so.
///
/// ```
/// use discretization::accuracy_and_stability::stiff_pair;
/// use discretization::compare::{Request, Verdict, compare};
///
/// let sys = stiff_pair()?;
/// let report = compare(&sys, &Request::of(&sys)?)?;
/// let forward = &report.rules[0];
/// assert_eq!(forward.largest_stable_step, Some(0.002));
/// assert!(forward.steps.iter().all(|step| step.verdict == Verdict::Grows));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare(
    sys: &StateSpace<Continuous>,
    request: &Request,
) -> Result<Comparison, CompareError> {
    let counts = counted(sys, request)?;
    let flow = stability_verdict(sys.a())?;
    let modes = eigenvalues(sys.a())?;
    let references = request
        .deltas
        .iter()
        .zip(&counts)
        .map(|(delta, steps)| reference(sys, request, *delta, *steps))
        .collect::<Result<Vec<_>, _>>()?;

    let mut rules = Vec::with_capacity(request.rules.len());
    for rule in &request.rules {
        let mut cost = None;
        let mut steps = Vec::with_capacity(counts.len());
        for (index, exact) in references.iter().enumerate() {
            steps.push(step_report(sys, request, *rule, index, exact, flow, &mut cost)?);
        }
        let limit = rule.largest_stable_step(sys).map_err(CompareError::Flow)?;
        let good = |step: &&StepReport| {
            let close = step.error.is_some_and(|error| error <= request.tolerance);
            close && matches!(step.verdict, Verdict::Faithful | Verdict::Calms)
        };
        let fewest = steps.iter().filter(good).map(|step| step.steps).min();
        rules.push(RuleReport {
            rule: rule.to_string(),
            order: rule.order(),
            fitted_order: order_of(&steps),
            kind: rule.stability().to_string(),
            largest_stable_step: Some(limit).filter(|limit| limit.is_finite()),
            multiplications: cost,
            price: fewest.zip(cost).map(|(steps, cost)| steps * cost),
            steps,
        });
    }
    Ok(Comparison {
        shape: [sys.d_state(), sys.inputs(), sys.outputs()],
        flow: flow.to_string(),
        modes: modes.iter().map(|mode| [mode.re, mode.im]).collect(),
        signal: match request.signal {
            Signal::Step => "a unit step".to_owned(),
            Signal::Ramp => "a ramp of slope 1".to_owned(),
            Signal::Sine(1.0) => "sin t".to_owned(),
            Signal::Sine(omega) => format!("sin {omega}t"),
        },
        duration: request.duration,
        tolerance: request.tolerance,
        rules,
    })
}

/// How many steps each Δ of the request takes, once the request is known to make sense.
fn counted(sys: &StateSpace<Continuous>, request: &Request) -> Result<Vec<usize>, CompareError> {
    let Request { rules, deltas, signal, duration, tolerance } = request;
    positive("the duration", *duration)?;
    positive("the tolerance", *tolerance)?;
    if let Signal::Sine(omega) = signal {
        positive("ω", *omega)?;
    }
    if rules.is_empty() {
        return Err(CompareError::Nothing("rule"));
    }
    if deltas.is_empty() {
        return Err(CompareError::Nothing("step"));
    }
    let d_state = sys.d_state();
    let limit = (WORK / ((d_state + 2) * (d_state + 2)) as f64).min(1e6).floor();
    let count = |&delta: &f64| {
        positive("Δ", delta)?;
        if delta > *duration {
            return Err(CompareError::StepTooLong { delta, duration: *duration });
        }
        let steps = (duration / delta).round().max(1.0);
        if steps > limit {
            let duration = *duration;
            return Err(CompareError::TooManySteps { steps, delta, duration, d_state, limit });
        }
        Ok(steps as usize)
    };
    deltas.iter().map(count).collect()
}

/// The exact outputs, all of them finite, and the largest of them.
fn reference(
    sys: &StateSpace<Continuous>,
    request: &Request,
    delta: f64,
    steps: usize,
) -> Result<(Vec<DVector<f64>>, f64), CompareError> {
    let exact = exact_outputs(sys, request.signal, delta, steps).map_err(CompareError::Flow)?;
    let finite = exact.iter().all(|y| y.iter().all(|entry| entry.is_finite()));
    if !finite {
        let modes = eigenvalues(sys.a())?;
        let rate = modes.iter().map(|mode| mode.re).fold(f64::NEG_INFINITY, f64::max);
        return Err(CompareError::FlowGrows { duration: request.duration, rate });
    }
    let size = exact.iter().map(DVector::amax).fold(0.0, f64::max);
    Ok((exact, size))
}

/// One rule with one step; notes what a step costs.
fn step_report(
    sys: &StateSpace<Continuous>,
    request: &Request,
    rule: Discretization,
    index: usize,
    (exact, size): &(Vec<DVector<f64>>, f64),
    flow: StabilityVerdict,
    cost: &mut Option<usize>,
) -> Result<StepReport, CompareError> {
    let (delta, steps) = (request.deltas[index], exact.len() - 1);
    let none = |reason: String| {
        let (verdict, reason) = (Verdict::NoStep, Some(reason));
        Ok(StepReport { delta, steps, verdict, error: None, reason })
    };
    let recurrence = match rule.discretize(sys, delta) {
        Ok(recurrence) => recurrence,
        Err(error) => return none(error.to_string()),
    };
    let entries =
        recurrence.a_bar.iter().chain(&recurrence.b_bar).chain(&recurrence.b_bar_previous);
    if !entries.copied().all(f64::is_finite) {
        return none("its matrices are larger than a number holds".to_owned());
    }
    cost.get_or_insert(multiplications(&recurrence));
    let found = stepped_outputs(&recurrence, request.signal, steps).map_err(CompareError::Flow)?;
    let mut error = Some(0.0_f64);
    for (exact, found) in exact.iter().zip(&found) {
        let off = (exact - found).iter().map(|off| off.abs()).collect::<Vec<_>>();
        error = error.filter(|_| off.iter().all(|off| off.is_finite()));
        error = error.map(|error| off.iter().copied().fold(error, f64::max));
    }
    let error = error.map(|error| if *size > 0.0 { error / size } else { error });
    Ok(StepReport {
        delta,
        steps,
        verdict: verdict(flow, discrete_stability_verdict(&recurrence.a_bar)?),
        error: error.filter(|error| error.is_finite()),
        reason: None,
    })
}

/// The order fitted to the three smallest steps whose errors say something.
fn order_of(steps: &[StepReport]) -> Option<f64> {
    let telling = |step: &StepReport| {
        let error = step.error.filter(|error| (1e-10..0.3).contains(error))?;
        (step.verdict != Verdict::NoStep).then_some((step.delta, error))
    };
    let mut points: Vec<(f64, f64)> = steps.iter().filter_map(telling).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.truncate(3);
    let (deltas, errors): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
    fitted_order(&deltas, &errors)
}

/// The order, from one number computed with the steps Δ, Δ/2 and Δ/4, when nobody knows what it should be.
///
/// ```text
/// p ≈ log₂ |(y_Δ - y_{Δ/2}) / (y_{Δ/2} - y_{Δ/4})|
/// ```
///
/// None where two of them are equal.
///
/// ```
/// use discretization::compare::observed_order;
///
/// // 5 + 3Δ² for Δ = 1, 1/2, 1/4: the 5 is unknown, the 2 is not.
/// assert_eq!(observed_order([8.0, 5.75, 5.1875]), Some(2.0));
/// ```
// ANCHOR: observed_order
pub fn observed_order([coarse, middle, fine]: [f64; 3]) -> Option<f64> {
    let order = ((coarse - middle) / (middle - fine)).abs().log2();
    Some(order).filter(|order| order.is_finite())
}
// ANCHOR_END: observed_order
