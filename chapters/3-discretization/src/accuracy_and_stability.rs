//! *Eight rules, one flow. Which of them may step how far, and how wrong is it then?*
//!
//! A rule makes of a mode three functions of `z = Δλ`: r of the state, w and w₋ of the input at the end and at
//! the beginning of a step. It has order p, on smooth inputs, if they are those of the flow up to
//!
//! ```text
//! r(z) = e^z + O(z^{p+1}),      w(z) + w₋(z) = φ₁(z) + O(z^p),      w(z) = φ₂(z) + O(z^{p-1})      (eq-3-7)
//! ```
//!
//! and it lets a damped mode die away where |r(z)| < 1. [`Discretization`] names the rules, and knows for each the
//! matrices, the three functions, the order and the kind of stability; [`output_error`] measures how wrong its
//! outputs are, [`fitted_order`] how fast that falls.
//!
//! Conventions: a run begins at rest at t = 0, so that its first step knows both u(0) and u(Δ); a rule's own
//! convention u_{-1} = 0 would let the input begin one step too early.

use std::fmt;
use std::str::FromStr;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::bilinear::{bilinear, generalized_bilinear};
use discretization::diagonalization::ScalarStep;
use discretization::euler::{backward_euler, forward_euler};
use discretization::exponential_integrators::{exponential_euler, exponential_trapezoidal};
use discretization::sampling::{DiscretizationError, Recurrence};
use discretization::zero_order_hold::{first_order_hold, zero_order_hold};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::expression::{did_you_mean, nearest_name};
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::validation::positive;
use nalgebra::{Complex, DMatrix, DVector};
use thiserror::Error;

/// Why there is no such rule.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UnknownRule {
    /// No rule has this name.
    #[error("no rule is called `{name}`{}; there are {}", did_you_mean(.nearest.as_deref()), known_names())]
    Name {
        /// The name asked for.
        name: String,
        /// The name that may have been meant.
        nearest: Option<String>,
    },
    /// A parameter that is no number from 0 to 1, or that this rule does not have.
    #[error("expected {expected}, found `{found}`")]
    Parameter {
        /// What would have been understood.
        expected: String,
        /// What was found.
        found: String,
    },
}

fn known_names() -> String {
    Discretization::ALL.map(Discretization::name).join(", ")
}

/// A rule that makes steps of a flow: the eight of this chapter.
///
/// ```
/// use discretization::accuracy_and_stability::Discretization;
///
/// let rule: Discretization = "generalized-bilinear=0.75".parse()?;
/// assert_eq!(rule, Discretization::GeneralizedBilinear(0.75));
/// assert_eq!("tustin".parse(), Ok(Discretization::Bilinear));
/// assert_eq!(rule.to_string(), "generalized-bilinear=0.75");
/// # Ok::<(), discretization::accuracy_and_stability::UnknownRule>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Discretization {
    /// `x_k = x_{k-1} + Δ (A x_{k-1} + B u_{k-1})`: the slope of the beginning.
    ForwardEuler,
    /// `x_k = x_{k-1} + Δ (A x_k + B u_k)`: the slope of the end.
    BackwardEuler,
    /// The mean of both slopes: Tustin's rule, the trapezoid.
    Bilinear,
    /// A share α of the slope of the end.
    GeneralizedBilinear(f64),
    /// Exact for an input that is sampled and held.
    ZeroOrderHold,
    /// Exact for an input that moves along straight lines.
    FirstOrderHold,
    /// The exact decay, and the input as it is: Mamba's code.
    ExponentialEuler,
    /// The exact decay, and a share λ of the input of the end: Mamba-3's rule.
    ExponentialTrapezoidal(f64),
}

// ANCHOR: discretize
impl Discretization {
    /// The recurrence that this rule makes of a flow.
    ///
    /// # Errors
    /// [`DiscretizationError`] for a Δ that is not positive, or for which the rule has no step.
    pub fn discretize(
        self,
        sys: &StateSpace<Continuous>,
        delta: f64,
    ) -> Result<Recurrence, DiscretizationError> {
        match self {
            Self::ForwardEuler => forward_euler(sys, delta),
            Self::BackwardEuler => backward_euler(sys, delta),
            Self::Bilinear => bilinear(sys, delta),
            Self::GeneralizedBilinear(alpha) => generalized_bilinear(sys, delta, alpha),
            Self::ZeroOrderHold => zero_order_hold(sys, delta),
            Self::FirstOrderHold => first_order_hold(sys, delta),
            Self::ExponentialEuler => exponential_euler(sys, delta),
            Self::ExponentialTrapezoidal(lambda) => exponential_trapezoidal(sys, delta, lambda),
        }
    }
}
// ANCHOR_END: discretize

/// What a rule does with modes that die away in the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StabilityKind {
    /// They die away only in a bounded region of `z = Δλ`: the step has a limit.
    Conditional,
    /// They die away at every step; those that are fast beyond measure do not, and may ring.
    AStable,
    /// They die away at every step, the faster the sooner: `r(z) → 0` as `z → -∞`.
    LStable,
}

impl fmt::Display for StabilityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conditional => "up to a limit",
            Self::AStable => "A-stable",
            Self::LStable => "L-stable",
        })
    }
}

impl Discretization {
    /// All eight, the two with a parameter at α = 3/4 and at λ = 1/2.
    pub const ALL: [Self; 8] = [
        Self::ForwardEuler,
        Self::BackwardEuler,
        Self::Bilinear,
        Self::GeneralizedBilinear(0.75),
        Self::ZeroOrderHold,
        Self::FirstOrderHold,
        Self::ExponentialEuler,
        Self::ExponentialTrapezoidal(0.5),
    ];

    /// Its name, without a parameter.
    ///
    /// ```
    /// use discretization::accuracy_and_stability::Discretization;
    ///
    /// assert_eq!(Discretization::GeneralizedBilinear(0.3).name(), "generalized-bilinear");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::ForwardEuler => "forward-euler",
            Self::BackwardEuler => "backward-euler",
            Self::Bilinear => "bilinear",
            Self::GeneralizedBilinear(_) => "generalized-bilinear",
            Self::ZeroOrderHold => "zero-order-hold",
            Self::FirstOrderHold => "first-order-hold",
            Self::ExponentialEuler => "exponential-euler",
            Self::ExponentialTrapezoidal(_) => "exponential-trapezoidal",
        }
    }

    /// What it makes of one mode.
    ///
    /// ```
    /// use discretization::accuracy_and_stability::Discretization;
    /// use nalgebra::Complex;
    ///
    /// let fast = Complex::new(-1000.0, 0.0); // one step of a mode that is over after a hundredth of it
    /// assert!(Discretization::Bilinear.scalar(fast).a_bar.re < -0.99); // it rings on
    /// assert!(Discretization::BackwardEuler.scalar(fast).a_bar.norm() < 0.001);
    /// ```
    pub fn scalar(self, z: Complex<f64>) -> ScalarStep {
        match self {
            Self::ForwardEuler => ScalarStep::forward_euler(z),
            Self::BackwardEuler => ScalarStep::backward_euler(z),
            Self::Bilinear => ScalarStep::bilinear(z),
            Self::GeneralizedBilinear(alpha) => ScalarStep::generalized_bilinear(z, alpha),
            Self::ZeroOrderHold => ScalarStep::zero_order_hold(z),
            Self::FirstOrderHold => ScalarStep::first_order_hold(z),
            Self::ExponentialEuler => ScalarStep::exponential_euler(z),
            Self::ExponentialTrapezoidal(lambda) => ScalarStep::exponential_trapezoidal(z, lambda),
        }
    }

    /// The order p on smooth inputs: halving Δ divides the error by `2^p`.
    ///
    /// ```
    /// use discretization::accuracy_and_stability::Discretization;
    ///
    /// assert_eq!(Discretization::ALL.map(Discretization::order), [1, 1, 2, 1, 1, 2, 1, 2]);
    /// ```
    pub fn order(self) -> u32 {
        match self {
            Self::Bilinear | Self::FirstOrderHold => 2,
            Self::GeneralizedBilinear(half) | Self::ExponentialTrapezoidal(half) if half == 0.5 => {
                2
            }
            _ => 1,
        }
    }

    /// Which damped modes it lets die away.
    ///
    /// ```
    /// use discretization::accuracy_and_stability::{Discretization, StabilityKind};
    ///
    /// assert_eq!(Discretization::ForwardEuler.stability(), StabilityKind::Conditional);
    /// assert_eq!(Discretization::Bilinear.stability(), StabilityKind::AStable);
    /// assert_eq!(Discretization::BackwardEuler.stability(), StabilityKind::LStable);
    /// ```
    pub fn stability(self) -> StabilityKind {
        match self.implicit_share() {
            Some(alpha) if alpha < 0.5 => StabilityKind::Conditional,
            Some(alpha) if alpha < 1.0 => StabilityKind::AStable,
            _ => StabilityKind::LStable,
        }
    }

    /// α of the bilinear family; none for a rule with the exact `e^z`.
    fn implicit_share(self) -> Option<f64> {
        match self {
            Self::ForwardEuler => Some(0.0),
            Self::BackwardEuler => Some(1.0),
            Self::Bilinear => Some(0.5),
            Self::GeneralizedBilinear(alpha) => Some(alpha),
            _ => None,
        }
    }

    /// The largest step at which every mode of `sys` that dies away in the flow, or rings for ever, does not
    /// grow; infinite where each step will do, 0 where none will.
    ///
    /// ```text
    /// |1 + (1-α)z| ≤ |1 - αz|     ⟺     Δ ≤ -2 Re λ / ((1 - 2α) |λ|²)          (α < 1/2)
    /// ```
    ///
    /// # Errors
    /// [`DiscretizationError::Eigen`] where the modes are not found.
    ///
    /// ```
    /// use classical_ssm::state_space::StateSpace;
    /// use discretization::accuracy_and_stability::Discretization;
    /// use nalgebra::dmatrix;
    ///
    /// let tank = StateSpace::continuous(dmatrix![-8.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    /// assert_eq!(Discretization::ForwardEuler.largest_stable_step(&tank)?, 0.25);
    /// assert_eq!(Discretization::Bilinear.largest_stable_step(&tank)?, f64::INFINITY);
    /// # Ok::<(), discretization::sampling::DiscretizationError>(())
    /// ```
    pub fn largest_stable_step(
        self,
        sys: &StateSpace<Continuous>,
    ) -> Result<f64, DiscretizationError> {
        let Some(alpha) = self.implicit_share().filter(|alpha| *alpha < 0.5) else {
            return Ok(f64::INFINITY);
        };
        let limit =
            |lambda: &Complex<f64>| -2.0 * lambda.re / ((1.0 - 2.0 * alpha) * lambda.norm_sqr());
        let modes = eigenvalues(sys.a())?;
        let bounded = modes.iter().filter(|lambda| lambda.re <= 0.0 && lambda.norm() > 0.0);
        Ok(bounded.map(limit).fold(f64::INFINITY, f64::min).max(0.0))
    }
}

impl fmt::Display for Discretization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GeneralizedBilinear(share) | Self::ExponentialTrapezoidal(share) => {
                write!(f, "{}={share}", self.name())
            }
            other => f.write_str(other.name()),
        }
    }
}

/// Other names under which one meets the rules.
const ALIASES: [(&str, &str); 12] = [
    ("euler", "forward-euler"),
    ("backward-diff", "backward-euler"),
    ("implicit-euler", "backward-euler"),
    ("tustin", "bilinear"),
    ("trapezoid", "bilinear"),
    ("gbt", "generalized-bilinear"),
    ("zoh", "zero-order-hold"),
    ("foh", "first-order-hold"),
    ("triangle-hold", "first-order-hold"),
    ("mamba", "exponential-euler"),
    ("mamba-3", "exponential-trapezoidal"),
    ("trapezoidal", "bilinear"),
];

impl FromStr for Discretization {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let (name, share) = match text.trim().split_once('=') {
            Some((name, share)) => (name.trim(), Some(share.trim())),
            None => (text.trim(), None),
        };
        let name = name.replace('_', "-");
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, name)| *name);
        let full = alias.unwrap_or(&name);
        let Some(rule) = Self::ALL.into_iter().find(|rule| rule.name() == full) else {
            let known = Self::ALL.iter().map(|rule| rule.name());
            let known = known.chain(ALIASES.iter().map(|(alias, _)| *alias));
            let nearest = nearest_name(&name, known).map(str::to_owned);
            return Err(UnknownRule::Name { name, nearest });
        };
        let Some(share) = share else { return Ok(rule) };
        let wrong = |expected: String| UnknownRule::Parameter { expected, found: text.to_owned() };
        let number = || {
            let number = share.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
            number.ok_or_else(|| wrong(format!("{full}=SHARE with a share from 0 to 1")))
        };
        match rule {
            Self::GeneralizedBilinear(_) => Ok(Self::GeneralizedBilinear(number()?)),
            Self::ExponentialTrapezoidal(_) => Ok(Self::ExponentialTrapezoidal(number()?)),
            _ => Err(wrong(format!("{full} without a parameter"))),
        }
    }
}

/// An input that is known for all times, so that the flow's answer is too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// 1 from t = 0 on.
    Step,
    /// t.
    Ramp,
    /// sin ωt, with ω in radians a second.
    Sine(f64),
}

impl Signal {
    /// u(t).
    ///
    /// ```
    /// use discretization::accuracy_and_stability::Signal;
    ///
    /// assert_eq!(Signal::Ramp.at(2.0), 2.0);
    /// ```
    pub fn at(self, t: f64) -> f64 {
        match self {
            Self::Step => 1.0,
            Self::Ramp => t,
            Self::Sine(omega) => (omega * t).sin(),
        }
    }

    /// The signal as a linear system of its own: `w' = S w`, `u = w₁`; S and w(0).
    fn generator(self) -> (DMatrix<f64>, DVector<f64>) {
        let (s, w) = match self {
            Self::Step => ([0.0, 0.0, 0.0, 0.0], [1.0, 0.0]),
            Self::Ramp => ([0.0, 1.0, 0.0, 0.0], [0.0, 1.0]),
            Self::Sine(omega) => ([0.0, omega, -omega, 0.0], [0.0, 1.0]),
        };
        (DMatrix::from_row_slice(2, 2, &s), DVector::from_column_slice(&w))
    }
}

/// The outputs of the flow itself at 0, Δ, 2Δ, …: `steps + 1` of them, `[P]` each; the signal drives
/// every input.
///
/// ```text
/// ⎡x'⎤   ⎡A  B·1⎤ ⎡x⎤
/// ⎣w'⎦ = ⎣0   S ⎦ ⎣w⎦          u = w₁
/// ```
///
/// - *Exact* up to rounding: state and signal together are a system without input, and one exponential carries it.
/// - Cost O(N³) once, O(N²) a step.
///
/// # Errors
/// [`DiscretizationError::Input`] for a Δ that is not positive, [`DiscretizationError::Exponential`] where the
/// exponential overflows.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::accuracy_and_stability::{Signal, exact_outputs};
/// use nalgebra::dmatrix;
///
/// let tank = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let y = exact_outputs(&tank, Signal::Step, 0.5, 4)?;
/// assert!((y[4][0] - (1.0 - (-2.0_f64).exp())).abs() < 1e-15);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
pub fn exact_outputs(
    sys: &StateSpace<Continuous>,
    signal: Signal,
    delta: f64,
    steps: usize,
) -> Result<Vec<DVector<f64>>, DiscretizationError> {
    positive("Δ", delta)?;
    let n = sys.d_state();
    let (s, w) = signal.generator();
    let mut whole = DMatrix::zeros(n + 2, n + 2);
    whole.view_mut((0, 0), (n, n)).copy_from(sys.a());
    whole.view_mut((0, n), (n, 1)).copy_from(&sys.b().column_sum());
    whole.view_mut((n, n), (2, 2)).copy_from(&s);
    let step = matrix_exponential(&(whole * delta))?;

    let mut state = DVector::zeros(n + 2);
    state.rows_mut(n, 2).copy_from(&w);
    let feedthrough = sys.d().column_sum();
    let mut outputs = Vec::with_capacity(steps + 1);
    for _ in 0..=steps {
        outputs.push(sys.c() * state.rows(0, n) + &feedthrough * state[n]);
        state = &step * state;
    }
    Ok(outputs)
}

/// The outputs of a recurrence at 0, Δ, 2Δ, … from rest at t = 0: `steps + 1` of them.
///
/// The first step goes from 0 to Δ and knows u(0) and u(Δ).
///
/// # Errors
/// [`DiscretizationError::Input`] where the fields of the recurrence do not fit together.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::accuracy_and_stability::{Discretization, Signal, stepped_outputs};
/// use nalgebra::dmatrix;
///
/// let sum = StateSpace::continuous(dmatrix![0.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let rule = Discretization::Bilinear.discretize(&sum, 0.5)?;
/// assert_eq!(stepped_outputs(&rule, Signal::Ramp, 4)?[4][0], 2.0); // 2²/2: exact on lines
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
pub fn stepped_outputs(
    rule: &Recurrence,
    signal: Signal,
    steps: usize,
) -> Result<Vec<DVector<f64>>, DiscretizationError> {
    let inputs = rule.b_bar.ncols();
    let u: Vec<_> =
        (0..=steps).map(|k| DVector::repeat(inputs, signal.at(k as f64 * rule.delta))).collect();
    let rest = DVector::zeros(rule.a_bar.nrows());
    let states = rule.run(&rest, &u[0], &u[1..])?;
    let read = |(x, u): (&DVector<f64>, &DVector<f64>)| &rule.c * x + &rule.d * u;
    Ok(std::iter::once(&rest).chain(&states).zip(&u).map(read).collect())
}

/// The largest error of the outputs up to `steps` steps, relative to the largest output of the flow; infinite
/// where a number on the way is.
///
/// # Errors
/// Those of [`exact_outputs`] and of [`Discretization::discretize`].
///
/// ```
/// use discretization::accuracy_and_stability::{Discretization, Signal, output_error, stiff_pair};
///
/// // Two seconds in steps of 10 ms: too long by five for the explicit rule, and nothing to the implicit one.
/// let error = |rule| output_error(rule, &stiff_pair()?, Signal::Sine(1.0), 0.01, 200);
/// assert!(error(Discretization::ForwardEuler)? > 1e100);
/// assert!(error(Discretization::BackwardEuler)? < 0.01);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: output_error
pub fn output_error(
    rule: Discretization,
    sys: &StateSpace<Continuous>,
    signal: Signal,
    delta: f64,
    steps: usize,
) -> Result<f64, DiscretizationError> {
    let exact = exact_outputs(sys, signal, delta, steps)?;
    let found = stepped_outputs(&rule.discretize(sys, delta)?, signal, steps)?;
    let mut size = 0.0_f64;
    let mut error = 0.0_f64;
    for (exact, found) in exact.iter().zip(&found) {
        if !found.iter().all(|y| y.is_finite()) {
            return Ok(f64::INFINITY);
        }
        size = size.max(exact.amax());
        error = error.max((exact - found).amax());
    }
    Ok(if size > 0.0 { error / size } else { error })
}
// ANCHOR_END: output_error

/// The slope of the line through `(log Δ, log error)` that misses the points least; none without two
/// different steps and positive errors.
///
/// ```
/// use discretization::accuracy_and_stability::fitted_order;
///
/// let slope = fitted_order(&[0.1, 0.2, 0.4], &[3e-4, 12e-4, 48e-4]);
/// assert!((slope.unwrap() - 2.0).abs() < 1e-12);
/// assert_eq!(fitted_order(&[0.1], &[3e-4]), None);
/// ```
// ANCHOR: fitted_order
pub fn fitted_order(deltas: &[f64], errors: &[f64]) -> Option<f64> {
    let logs = |values: &[f64]| values.iter().map(|v| v.ln()).collect::<Vec<f64>>();
    let (x, y) = (logs(deltas), logs(errors));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (x_mean, y_mean) = (mean(&x), mean(&y));
    let rise: f64 = x.iter().zip(&y).map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let run: f64 = x.iter().map(|x| (x - x_mean).powi(2)).sum();
    Some(rise / run).filter(|slope| slope.is_finite())
}
// ANCHOR_END: fitted_order

/// A tank that answers within a thousandth of a second, behind one that takes a second:
/// rates 1000 and 1, read at the slow one.
///
/// ```text
/// x₁' = -x₁ + x₂          x₂' = -1000 x₂ + 1000 u          y = x₁
/// ```
///
/// ```
/// use discretization::accuracy_and_stability::{Discretization, stiff_pair};
///
/// // Everything to be seen takes a second, and yet:
/// assert_eq!(Discretization::ForwardEuler.largest_stable_step(&stiff_pair()?)?, 0.002);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
///
/// # Errors
/// None; the signature is that of every constructor.
pub fn stiff_pair() -> Result<StateSpace<Continuous>, DiscretizationError> {
    let a = DMatrix::from_row_slice(2, 2, &[-1.0, 1.0, 0.0, -1000.0]);
    let b = DMatrix::from_row_slice(2, 1, &[0.0, 1000.0]);
    let c = DMatrix::from_row_slice(1, 2, &[1.0, 0.0]);
    Ok(StateSpace::continuous(a, b, c, DMatrix::zeros(1, 1))?)
}

/// Multiplications of one step of a recurrence, by counting: `N²` for the state, `NM` for each end of the
/// step from which the input counts, `PN + PM` for the output.
///
/// ```
/// use discretization::accuracy_and_stability::{Discretization, multiplications, stiff_pair};
///
/// let count = |rule: Discretization| rule.discretize(&stiff_pair()?, 0.001).map(|rule| multiplications(&rule));
/// assert_eq!(count(Discretization::ForwardEuler)?, 9);
/// assert_eq!(count(Discretization::Bilinear)?, 11); // it looks at both ends
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
pub fn multiplications(rule: &Recurrence) -> usize {
    let (n, m, p) = (rule.a_bar.nrows(), rule.b_bar.ncols(), rule.c.nrows());
    let ends = [&rule.b_bar, &rule.b_bar_previous].into_iter().filter(|b| b.amax() > 0.0).count();
    n * n + ends * n * m + p * n + p * m
}
