//! *How do we watch a system move, when no formula says where it goes?*
//!
//! A [`System`] is a list of states and a law: one expression for the derivative of each state, or
//! the matrices of x' = Ax + Bu with an input. It comes from a name ([`System::named`]) or from a
//! file of the reader's own ([`System::from_toml`]); the named ones are files too. [`simulate`]
//! follows it by one of three [`Method`]s.
//!
//! What a system does to a quantity V of its state is known without a solution:
//!
//! ```text
//! d/dt V(x(t)) = ∇V(x) · f(x)      (eq-1-7)
//! ```
//!
//! Where the right side is 0, V stays what it was, and a simulation that lets it drift is wrong by
//! at least that much. A system file can name such quantities, to be watched.
//!
//! Conventions: time starts at 0; in an expression `t` is the time; an input acts from its
//! `start` on, and a method never steps across that moment.

use std::fmt::{self, Display};

use math_foundations::expression::{Expression, did_you_mean, nearest_name};
use math_foundations::linear_systems::{DormandPrince, FlowError, Trajectory, propagate, rk4};
use math_foundations::system_file::SystemFileError;
use math_foundations::validation::{self, InputError};
use nalgebra::{DMatrix, DVector};
use thiserror::Error;

/// Why a system cannot be simulated.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SimulateError {
    /// No system has this name.
    #[error("no system is called `{name}`{}; there are {}", did_you_mean(.nearest.as_deref()), .known.join(", "))]
    UnknownSystem {
        /// The name asked for.
        name: String,
        /// The name that may have been meant.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// The text of a system file has a mistake.
    #[error(transparent)]
    File(#[from] SystemFileError),
    /// The system has no such parameter.
    #[error("{system} has no parameter `{name}`{}; it has {known}", did_you_mean(.nearest.as_deref()))]
    UnknownParameter {
        /// The system.
        system: String,
        /// The name asked for.
        name: String,
        /// The name that may have been meant.
        nearest: Option<String>,
        /// Its parameters, in words.
        known: String,
    },
    /// More or fewer numbers than states.
    #[error("expected one number in x0 for each of {}, found {found}", .states.join(", "))]
    InitialLength {
        /// The states.
        states: Vec<String>,
        /// How many numbers were given.
        found: usize,
    },
    /// A number has no meaning as given.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An entry of a matrix or of the input has no finite value.
    #[error("{entry} = {source_text} is {value}, with {parameters}")]
    Entry {
        /// Which entry: `a[1][0]`.
        entry: String,
        /// The expression.
        source_text: String,
        /// Its value.
        value: f64,
        /// The parameters and their values.
        parameters: String,
    },
    /// The exponential answers linear systems only.
    #[error(
        "the exact method needs matrices a and b, and {system} is given by equations: \
         use dormand-prince or rk4"
    )]
    NotLinear {
        /// The system.
        system: String,
    },
    /// More steps than are kept.
    #[error(
        "{steps:.0e} steps of {step} over {duration} are more than the {limit:.0e} that are kept"
    )]
    TooManySteps {
        /// How many there would be.
        steps: f64,
        /// The length of each.
        step: f64,
        /// The time to be covered.
        duration: f64,
        /// The most there may be.
        limit: f64,
    },
    /// A derivative has no value where the solution goes.
    #[error("at t = {time} the derivative of {state}, {equation}, is {value}")]
    Derivative {
        /// When.
        time: f64,
        /// Which state.
        state: String,
        /// How its derivative is written.
        equation: String,
        /// What it is there.
        value: f64,
    },
    /// The solution cannot be followed, for a reason of the method.
    #[error("{system}: {error}")]
    Flow {
        /// The system.
        system: String,
        /// Why.
        error: FlowError,
    },
}

/// A dynamical system: what moves, by which law, from where, for how long.
///
/// ```
/// use math_foundations::simulate::{Method, System, simulate};
///
/// let text = r#"
///     states = ["coffee"]
///     initial = [90]
///     duration = 30
///     equations = ["-rate * (coffee - room)"]
///     parameters = { rate = 0.1, room = 20 }
/// "#;
/// let cooling = System::from_toml("cooling", text)?;
/// let run = simulate(&cooling, Method::DormandPrince { tolerance: 1e-9 }, 2)?;
/// let warm = run.trajectory.last().unwrap()[0];
/// assert!((warm - (20.0 + 70.0 * (-3.0_f64).exp())).abs() < 1e-6);
/// # Ok::<(), math_foundations::simulate::SimulateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct System {
    /// Its name, that of its file.
    pub name: String,
    /// A sentence for people.
    pub about: String,
    /// The names of its states.
    pub states: Vec<String>,
    /// Its parameters and their values, in the order of the file.
    pub parameters: Vec<(String, f64)>,
    /// Where it starts: one number for each state.
    pub initial: DVector<f64>,
    /// How long it is followed.
    pub duration: f64,
    /// How it moves.
    pub law: Law,
    /// The two states of its phase portrait, horizontal and vertical; none with one state.
    pub plot: Option<(usize, usize)>,
    /// Quantities to watch, by name: expressions over t, the states and the parameters.
    pub watched: Vec<(String, Expression)>,
}

/// The law of a [`System`].
#[derive(Debug, Clone)]
pub enum Law {
    /// x' = f(t, x): one expression for each state, over t, the states and the parameters.
    Equations(Vec<Expression>),
    /// x' = Ax + Bu, its entries expressions over the parameters.
    Matrices {
        /// The rows of A.
        a: Vec<Vec<Expression>>,
        /// The one column of B; empty without an input.
        b: Vec<Expression>,
        /// What u does; none without b.
        input: Option<Input<Expression>>,
    },
}

/// An input of one number that starts to act at some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input<T> {
    /// Its shape.
    pub kind: InputKind,
    /// The height of a step, the area of an impulse, the amplitude of a sine.
    pub size: T,
    /// Radians per unit of time, for a sine.
    pub frequency: T,
    /// When it starts.
    pub start: T,
}

/// The shape of an [`Input`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// 0, then its height.
    Step,
    /// A push of no duration: the state jumps by B times the area.
    Impulse,
    /// 0, then amplitude · sin(frequency · (t - start)).
    Sine,
}

/// How a system is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// By the matrix exponential; linear systems only.
    Exact,
    /// By equal steps of the Runge-Kutta method.
    RungeKutta {
        /// The length of a step.
        step: f64,
    },
    /// By steps that keep to a tolerance.
    DormandPrince {
        /// The error that a step may add.
        tolerance: f64,
    },
}

impl Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::Exact => f.write_str("exact, by the matrix exponential"),
            Method::RungeKutta { step } => write!(f, "Runge-Kutta steps of {step}"),
            Method::DormandPrince { tolerance } => {
                write!(f, "Dormand-Prince, tolerance {tolerance}")
            }
        }
    }
}

/// The most steps that [`simulate`] takes and keeps.
pub const STEP_LIMIT: usize = 1_000_000;

/// What came out of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// The states: at every step of Runge-Kutta, at equally spaced times otherwise. An impulse
    /// gives two states at one time.
    pub trajectory: Trajectory,
    /// The value of each watched quantity at each of these times.
    pub watched: Vec<Vec<f64>>,
    /// Steps taken.
    pub accepted: usize,
    /// Steps tried and refused.
    pub rejected: usize,
    /// How often the law was asked.
    pub evaluations: usize,
}

impl System {
    /// Gives a parameter another value.
    ///
    /// # Errors
    /// [`SimulateError::UnknownParameter`]; [`SimulateError::Input`] for a value that is not finite.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), SimulateError> {
        if !value.is_finite() {
            let value = value.to_string();
            let error = InputError::OutOfRange { name: "a parameter", expected: "finite", value };
            return Err(error.into());
        }
        if let Some((_, found)) = self.parameters.iter_mut().find(|(known, _)| known == name) {
            *found = value;
            return Ok(());
        }
        let known: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        Err(SimulateError::UnknownParameter {
            system: self.name.clone(),
            name: name.to_owned(),
            nearest: nearest_name(name, known.iter().copied()).map(str::to_owned),
            known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
        })
    }

    /// Starts somewhere else.
    ///
    /// # Errors
    /// [`SimulateError::InitialLength`]; [`SimulateError::Input`] for numbers that are not finite.
    pub fn start_from(&mut self, x0: Vec<f64>) -> Result<(), SimulateError> {
        if x0.len() != self.states.len() {
            let states = self.states.clone();
            return Err(SimulateError::InitialLength { states, found: x0.len() });
        }
        let x0 = DVector::from(x0);
        validation::finite_vector("x0", &x0)?;
        self.initial = x0;
        Ok(())
    }

    /// `mass = 1, stiffness = 4`; `no parameters` when there are none.
    pub fn describe_parameters(&self) -> String {
        let list: Vec<String> = self.parameters.iter().map(|(n, v)| format!("{n} = {v}")).collect();
        if list.is_empty() { "no parameters".to_owned() } else { list.join(", ") }
    }

    /// The law with the values of the parameters put in.
    ///
    /// # Errors
    /// [`SimulateError::Entry`] for an entry of A or B or a number of the input that is not finite.
    pub fn motion(&self) -> Result<Motion<'_>, SimulateError> {
        let parameters: Vec<f64> = self.parameters.iter().map(|(_, value)| *value).collect();
        let number = |entry: &dyn Fn() -> String, expression: &Expression| {
            let value = expression.evaluate(&parameters);
            if value.is_finite() {
                return Ok(value);
            }
            Err(SimulateError::Entry {
                entry: entry(),
                source_text: expression.source().to_owned(),
                value,
                parameters: self.describe_parameters(),
            })
        };
        let (rows, column, input) = match &self.law {
            Law::Equations(equations) => {
                return Ok(Motion::Equations { equations, parameters });
            }
            Law::Matrices { a, b, input } => (a, b, input),
        };
        let states = self.states.len();
        let mut a = DMatrix::zeros(states, states);
        let mut b = DVector::zeros(states);
        for (i, row) in rows.iter().enumerate() {
            for (j, expression) in row.iter().enumerate() {
                a[(i, j)] = number(&|| format!("a[{i}][{j}]"), expression)?;
            }
        }
        for (i, expression) in column.iter().enumerate() {
            b[i] = number(&|| format!("b[{i}]"), expression)?;
        }
        let input = match input {
            None => None,
            Some(input) => Some(Input {
                kind: input.kind,
                size: number(&|| input.kind.size_name().to_owned(), &input.size)?,
                frequency: number(&|| "frequency".to_owned(), &input.frequency)?,
                start: number(&|| "start".to_owned(), &input.start)?,
            }),
        };
        Ok(Motion::Linear { a, b, input })
    }

    /// The value of each watched quantity in the state `x` at time `t`.
    pub fn watch(&self, t: f64, x: &DVector<f64>) -> Vec<f64> {
        let values = named_values(t, x, self.parameters.iter().map(|(_, value)| *value));
        self.watched.iter().map(|(_, expression)| expression.evaluate(&values)).collect()
    }
}

impl InputKind {
    /// What a system file calls the size of such an input.
    pub fn size_name(self) -> &'static str {
        match self {
            InputKind::Step => "height",
            InputKind::Impulse => "area",
            InputKind::Sine => "amplitude",
        }
    }
}

/// The values that an expression sees: t, the states, the parameters.
fn named_values(t: f64, x: &DVector<f64>, parameters: impl Iterator<Item = f64>) -> Vec<f64> {
    std::iter::once(t).chain(x.iter().copied()).chain(parameters).collect()
}

/// The law of a [`System`] with numbers in the place of parameters.
#[derive(Debug, Clone)]
pub enum Motion<'s> {
    /// x' = f(t, x).
    Equations {
        /// The derivative of each state.
        equations: &'s [Expression],
        /// The values of the parameters.
        parameters: Vec<f64>,
    },
    /// x' = Ax + Bu.
    Linear {
        /// A.
        a: DMatrix<f64>,
        /// The one column of B.
        b: DVector<f64>,
        /// u, if anything pushes.
        input: Option<Input<f64>>,
    },
}

// ANCHOR: derivative
impl Motion<'_> {
    /// x' at time t in the state x, while the input acts (`pushed`) or before it does.
    pub fn derivative(&self, t: f64, x: &DVector<f64>, pushed: bool) -> DVector<f64> {
        match self {
            Motion::Equations { equations, parameters } => {
                let values = named_values(t, x, parameters.iter().copied());
                let slopes = equations.iter().map(|equation| equation.evaluate(&values));
                DVector::from_iterator(x.len(), slopes)
            }
            Motion::Linear { a, b, input } => match input {
                Some(input) if pushed => a * x + b * input.at(t),
                _ => a * x,
            },
        }
    }
}
// ANCHOR_END: derivative

impl Input<f64> {
    /// u(t) after the start; an impulse is over by then.
    fn at(&self, t: f64) -> f64 {
        match self.kind {
            InputKind::Step => self.size,
            InputKind::Impulse => 0.0,
            InputKind::Sine => self.size * (self.frequency * (t - self.start)).sin(),
        }
    }

    /// The input as a linear system of its own: S and w(start) with w' = Sw and u = w₁.
    fn generator(&self) -> (DMatrix<f64>, DVector<f64>) {
        let (size, frequency) = (self.size, self.frequency);
        match self.kind {
            InputKind::Step => (DMatrix::zeros(1, 1), DVector::from_element(1, size)),
            InputKind::Impulse => (DMatrix::zeros(1, 1), DVector::zeros(1)),
            InputKind::Sine => (
                DMatrix::from_row_slice(2, 2, &[0.0, frequency, -frequency, 0.0]),
                DVector::from_vec(vec![0.0, size]),
            ),
        }
    }
}

/// A stretch of time in which the law is smooth.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    from: f64,
    to: f64,
    pushed: bool,
}

/// The time from 0 to `duration`, cut where the input starts.
fn stretches(motion: &Motion<'_>, duration: f64) -> Vec<Stretch> {
    let start = match motion {
        Motion::Linear { input: Some(input), .. } => input.start.max(0.0),
        _ => {
            return vec![Stretch { from: 0.0, to: duration, pushed: true }];
        }
    };
    let before = Stretch { from: 0.0, to: start.min(duration), pushed: false };
    let after = Stretch { from: start, to: duration, pushed: true };
    [before, after].into_iter().filter(|stretch| stretch.from < stretch.to).collect()
}

/// Follows a system from its start for its duration.
///
/// `samples` is how many equally spaced times are reported, the start and the end included; a
/// Runge-Kutta simulation reports each of its steps instead.
///
/// - *Good for* smooth laws. The moment at which an input starts is no problem: no step crosses it.
/// - Cost: that of the method, see [`rk4`] and
///   [`dormand_prince`](math_foundations::linear_systems::dormand_prince); one exponential a
///   sample for [`Method::Exact`].
///
/// # Errors
/// A sentence for whatever stops it: a duration, step or tolerance that is not positive, fewer than
/// two samples, a derivative without value, a blow-up, a step limit.
///
/// ```
/// use math_foundations::simulate::{Method, System, simulate};
///
/// let mut spring = System::named("damped-spring")?;
/// spring.set("damping", 0.0)?;
/// spring.duration = std::f64::consts::TAU;
/// let run = simulate(&spring, Method::Exact, 101)?;
/// assert!((run.trajectory.last().unwrap() - &spring.initial).amax() < 1e-14);
/// # Ok::<(), math_foundations::simulate::SimulateError>(())
/// ```
// ANCHOR: simulate
pub fn simulate(
    system: &System,
    method: Method,
    samples: usize,
) -> Result<Simulation, SimulateError> {
    validation::positive("the duration", system.duration)?;
    let motion = system.motion()?;
    let times = equally_spaced(system.duration, samples)?;
    let mut run = Simulation::start(&system.initial);

    for stretch in stretches(&motion, system.duration) {
        run.jump(&motion, stretch);
        match method {
            Method::Exact => run.exact(system, &motion, stretch, &times)?,
            Method::RungeKutta { step } => run.runge_kutta(system, &motion, stretch, step)?,
            Method::DormandPrince { tolerance } => {
                run.dormand_prince(system, &motion, stretch, &times, tolerance)?
            }
        }
    }
    run.watch(system);
    Ok(run)
}
// ANCHOR_END: simulate

fn equally_spaced(duration: f64, samples: usize) -> Result<Vec<f64>, SimulateError> {
    if !(2..=STEP_LIMIT).contains(&samples) {
        let (name, expected) = ("the number of samples", "from 2 to 1000000");
        let value = samples.to_string();
        return Err(InputError::OutOfRange { name, expected, value }.into());
    }
    let last = (samples - 1) as f64;
    Ok((0..samples).map(|k| duration * (k as f64 / last)).collect())
}

impl Simulation {
    fn start(x0: &DVector<f64>) -> Self {
        Self {
            trajectory: Trajectory { times: vec![0.0], states: vec![x0.clone()] },
            watched: Vec::new(),
            accepted: 0,
            rejected: 0,
            evaluations: 0,
        }
    }

    fn reached(&self) -> DVector<f64> {
        self.trajectory.last().cloned().unwrap_or_else(|| DVector::zeros(0))
    }

    fn push(&mut self, time: f64, x: DVector<f64>) {
        self.trajectory.times.push(time);
        self.trajectory.states.push(x);
    }

    /// The times to report within a stretch: the samples inside, then its end.
    fn to_report(times: &[f64], stretch: Stretch) -> impl Iterator<Item = f64> {
        let inside = times.iter().copied().filter(move |&t| stretch.from < t && t < stretch.to);
        inside.chain(std::iter::once(stretch.to))
    }

    /// An impulse at the start of a stretch moves the state at once.
    fn jump(&mut self, motion: &Motion<'_>, stretch: Stretch) {
        if let Motion::Linear { b, input: Some(input), .. } = motion
            && input.kind == InputKind::Impulse
            && stretch.pushed
        {
            let moved = self.reached() + b * input.size;
            self.push(stretch.from, moved);
        }
    }

    fn exact(
        &mut self,
        system: &System,
        motion: &Motion<'_>,
        stretch: Stretch,
        times: &[f64],
    ) -> Result<(), SimulateError> {
        let Motion::Linear { a, b, input } = motion else {
            return Err(SimulateError::NotLinear { system: system.name.clone() });
        };
        let states = a.nrows();
        let x0 = self.reached();
        // State and input together are a system without input: one exponential answers both.
        let (whole, z0) = match input {
            Some(input) if stretch.pushed => {
                let (generator, w0) = input.generator();
                let size = states + w0.len();
                let mut whole = DMatrix::zeros(size, size);
                whole.view_mut((0, 0), (states, states)).copy_from(a);
                whole.view_mut((0, states), (states, 1)).copy_from(b);
                whole.view_mut((states, states), generator.shape()).copy_from(&generator);
                let z0 = DVector::from_iterator(size, x0.iter().chain(w0.iter()).copied());
                (whole, z0)
            }
            _ => (a.clone(), x0),
        };
        for t in Self::to_report(times, stretch) {
            let z = propagate(&whole, &z0, t - stretch.from).map_err(|e| explain(system, e))?;
            self.push(t, z.rows(0, states).into_owned());
        }
        Ok(())
    }

    fn runge_kutta(
        &mut self,
        system: &System,
        motion: &Motion<'_>,
        stretch: Stretch,
        step: f64,
    ) -> Result<(), SimulateError> {
        validation::positive("the step", step)?;
        let duration = stretch.to - stretch.from;
        // A step that divides the stretch but for rounding is not cut in two.
        let steps = (duration / step * (1.0 - 1e-12)).ceil();
        if steps > STEP_LIMIT as f64 {
            let limit = STEP_LIMIT as f64;
            return Err(SimulateError::TooManySteps { steps, step, duration, limit });
        }
        let f = |t: f64, x: &DVector<f64>| motion.derivative(stretch.from + t, x, stretch.pushed);
        let path = rk4(f, &self.reached(), duration, steps as usize)
            .map_err(|error| explain(system, later(error, stretch.from)))?;
        for (t, x) in path.times.into_iter().zip(path.states).skip(1) {
            self.push(if t == duration { stretch.to } else { stretch.from + t }, x);
        }
        self.accepted += steps as usize;
        self.evaluations += 4 * steps as usize;
        Ok(())
    }

    fn dormand_prince(
        &mut self,
        system: &System,
        motion: &Motion<'_>,
        stretch: Stretch,
        times: &[f64],
        tolerance: f64,
    ) -> Result<(), SimulateError> {
        let f = |t: f64, x: &DVector<f64>| motion.derivative(t, x, stretch.pushed);
        let solver = DormandPrince::with_tolerance(tolerance);
        let path = solver
            .integrate(f, &self.reached(), (stretch.from, stretch.to))
            .map_err(|error| explain(system, error))?;
        for t in Self::to_report(times, stretch) {
            let x = path.at(t).map_err(|error| explain(system, error))?;
            self.push(t, x);
        }
        self.accepted += path.accepted();
        self.rejected += path.rejected();
        self.evaluations += path.evaluations();
        Ok(())
    }

    fn watch(&mut self, system: &System) {
        let pairs = self.trajectory.times.iter().zip(&self.trajectory.states);
        self.watched = pairs.map(|(&t, x)| system.watch(t, x)).collect();
    }
}

/// The same error, `from` later.
fn later(error: FlowError, from: f64) -> FlowError {
    match error {
        FlowError::NonFiniteDerivative { time, component, value } => {
            FlowError::NonFiniteDerivative { time: time + from, component, value }
        }
        FlowError::NonFiniteState { time, component, value } => {
            FlowError::NonFiniteState { time: time + from, component, value }
        }
        other => other,
    }
}

/// What stopped a method, in the words of the system file.
fn explain(system: &System, error: FlowError) -> SimulateError {
    match (error, &system.law) {
        (FlowError::NonFiniteDerivative { time, component, value }, Law::Equations(equations)) => {
            let state = system.states[component].clone();
            let equation = equations[component].source().to_owned();
            SimulateError::Derivative { time, state, equation, value }
        }
        (FlowError::Input(error), _) => SimulateError::Input(error),
        (error, _) => SimulateError::Flow { system: system.name.clone(), error },
    }
}
