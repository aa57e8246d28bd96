//! *Mamba's paper holds the input, Mamba's code multiplies B by Δ: which of the two is right?*
//!
//! Both, about different inputs. Every rule here carries the state exactly and looks at what the input
//! adds, `∫₀^Δ e^{A(Δ-τ)} B u(τ) dτ`, at the ends of the step only, with a weight λ on the new end:
//!
//! ```text
//! x_k = e^{ΔA} x_{k-1} + λ Δ B u_k + (1-λ) Δ e^{ΔA} B u_{k-1}      (eq-3-5)
//! ```
//!
//! [`exponential_euler`] has λ = 1: Mamba and Mamba-2. [`exponential_trapezoidal`] has any λ: Mamba-3.
//! [`selective_states`] lets everything change from token to token, as those models do.
//!
//! Conventions: `x_k = Ā x_{k-1} + B̄ u_k + B̄₋ u_{k-1}`, from rest. The Mamba papers write h for x, x for u.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::sampling::{DiscretizationError, Recurrence};
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::validation::{InputError, finite_vector, length, non_negative, positive};
use nalgebra::DVector;

/// The exact decay with Euler's input: what the code of Mamba and Mamba-2 does.
///
/// ```text
/// x_k = e^{ΔA} x_{k-1} + Δ B u_k
/// ```
///
/// - Shapes: as those of the system; `delta` in its seconds.
/// - *Exact when* u is a row of impulses of area Δ u_k, felt at the ticks. *Good for* small |λ|Δ, or where
///   B is learned. Order 1. *Breaks*, against a held input, by the factor z/(e^z - 1) in each mode, z = Δλ:
///   1.05 at z = -0.1, 10 at z = -10.
/// - Cost O(N³) once; for a diagonal A, N exponentials.
///
/// # Errors
/// As [`exponential_trapezoidal`].
///
/// Source: A. Gu, T. Dao, *Mamba* (2023): the reference implementation, `selective_scan_ref`.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::exponential_integrators::exponential_euler;
/// use nalgebra::dmatrix;
///
/// let decay = StateSpace::continuous(dmatrix![-1.0], dmatrix![2.0], dmatrix![1.0], dmatrix![0.0])?;
/// let step = exponential_euler(&decay, 0.5)?;
/// assert_eq!(step.a_bar, dmatrix![(-0.5f64).exp()]);
/// assert_eq!((step.b_bar, step.b_bar_previous), (dmatrix![1.0], dmatrix![0.0]));
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
pub fn exponential_euler(
    system: &StateSpace<Continuous>,
    delta: f64,
) -> Result<Recurrence, DiscretizationError> {
    exponential_trapezoidal(system, delta, 1.0)
}

/// The exact decay with a weighted mean of the input at both ends of the step: Mamba-3's rule.
///
/// ```text
/// x_k = e^{ΔA} x_{k-1} + λ Δ B u_k + (1-λ) Δ e^{ΔA} B u_{k-1}      (eq-3-5)
/// ```
///
/// - Shapes: as those of the system; `delta` in its seconds; `lambda` from 0 to 1.
/// - *Exact when* `e^{-Aτ} B u(τ)` is a straight line in τ and λ = 1/2. Order 2 at λ = 1/2, and where λ - 1/2
///   shrinks with Δ; else order 1. λ = 1 is [`exponential_euler`].
/// - *Breaks*, against a held input, for |λ|Δ ≫ 1: it looks twice at what decays in between.
/// - Cost O(N³) once; for a diagonal A, N exponentials.
///
/// # Errors
/// [`DiscretizationError::Input`] for a Δ that is not positive and a λ outside [0, 1],
/// [`DiscretizationError::Exponential`] when e^{ΔA} overflows.
///
/// Source: A. Lahoti and others, *Mamba-3* (2026), the exponential-trapezoidal rule.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::exponential_integrators::exponential_trapezoidal;
/// use nalgebra::{dmatrix, dvector};
///
/// // Nothing decays: the trapezoidal sum of 0, 1, 2 with a step of 1.
/// let sum = StateSpace::continuous(dmatrix![0.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let step = exponential_trapezoidal(&sum, 1.0, 0.5)?;
/// let x = step.run(&dvector![0.0], &dvector![0.0], &[dvector![1.0], dvector![2.0]])?;
/// assert_eq!(x, [dvector![0.5], dvector![2.0]]);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: exponential_trapezoidal
pub fn exponential_trapezoidal(
    system: &StateSpace<Continuous>,
    delta: f64,
    lambda: f64,
) -> Result<Recurrence, DiscretizationError> {
    positive("Δ", delta)?;
    weight(lambda)?;
    let a_bar = matrix_exponential(&(system.a() * delta))?;

    // What enters at the beginning of the step decays until its end; what enters at its end does not.
    let whole = system.b() * delta;
    Ok(Recurrence {
        b_bar: &whole * lambda,
        b_bar_previous: &a_bar * &whole * (1.0 - lambda),
        a_bar,
        c: system.c().clone(),
        d: system.d().clone(),
        delta,
    })
}
// ANCHOR_END: exponential_trapezoidal

/// What one token brings: its input, and the rule for its own step.
///
/// ```
/// use discretization::exponential_integrators::Token;
/// use nalgebra::dvector;
///
/// let token = Token { a: dvector![-1.0], delta: 2f64.ln(), lambda: 0.5, b: dvector![1.0], u: 3.0 };
/// let [alpha, beta, gamma] = token.weights(0);
/// assert!((alpha - 0.5).abs() < 1e-15);
/// assert!((gamma - 0.5 * 2f64.ln()).abs() < 1e-15 && (beta - 0.5 * gamma).abs() < 1e-15);
/// ```
// ANCHOR: token
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// The diagonal of A: one rate of decay a state, `[state]`. Mamba's is the same for every token.
    pub a: DVector<f64>,
    /// Δ: how long this step lasts. From the input, through softplus.
    pub delta: f64,
    /// λ: how much of the step the new input owns. Mamba's is 1, Mamba-3's the sigmoid of `trap`.
    pub lambda: f64,
    /// B: where the input goes, `[state]`.
    pub b: DVector<f64>,
    /// The input.
    pub u: f64,
}
// ANCHOR_END: token

impl Token {
    /// α, β and γ of one state, as Mamba-3 names them.
    ///
    /// ```text
    /// α = e^{Δa},      β = (1-λ) Δ e^{Δa},      γ = λ Δ
    /// ```
    pub fn weights(&self, state: usize) -> [f64; 3] {
        let alpha = (self.delta * self.a[state]).exp();
        [alpha, (1.0 - self.lambda) * self.delta * alpha, self.lambda * self.delta]
    }
}

/// The states of a system whose step, decay, input direction and weight change from token to token.
///
/// ```text
/// x_k = α_k x_{k-1} + β_k b_{k-1} u_{k-1} + γ_k b_k u_k,      from rest
/// ```
///
/// - Shapes: every token's `a` and `b` `[state]`; one `[state]` a token.
/// - *Exact when* the terms of eq-3-5 are. With λ = 1 it is Mamba's scan, one channel of it; with λ from
///   a sigmoid, a head of Mamba-3, one entry of its value. Cost O(L N).
///
/// # Errors
/// [`DiscretizationError::Input`] for shapes that differ, numbers that are not finite, a negative Δ and a λ
/// outside [0, 1].
///
/// ```
/// use discretization::exponential_integrators::{Token, selective_states};
/// use nalgebra::dvector;
///
/// // The second token takes no time: it is not seen, and nothing is forgotten.
/// let token = |delta, u| Token { a: dvector![-1.0], delta, lambda: 1.0, b: dvector![1.0], u };
/// let x = selective_states(&[token(0.5, 4.0), token(0.0, 7.0)])?;
/// assert_eq!(x, [dvector![2.0], dvector![2.0]]);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: selective_states
pub fn selective_states(tokens: &[Token]) -> Result<Vec<DVector<f64>>, DiscretizationError> {
    let n = tokens.first().map_or(0, |token| token.a.len());
    let mut x = DVector::zeros(n);
    let mut pushed = DVector::zeros(n);
    let mut states = Vec::with_capacity(tokens.len());
    for token in tokens {
        check(token, n)?;
        let push = &token.b * token.u;
        for i in 0..n {
            let [alpha, beta, gamma] = token.weights(i);
            x[i] = alpha * x[i] + beta * pushed[i] + gamma * push[i];
        }
        pushed = push;
        states.push(x.clone());
    }
    Ok(states)
}
// ANCHOR_END: selective_states

fn check(token: &Token, n: usize) -> Result<(), InputError> {
    finite_vector("a", &token.a)?;
    length("a", &token.a, n)?;
    finite_vector("b", &token.b)?;
    length("b", &token.b, n)?;
    finite_vector("u", &DVector::from_element(1, token.u))?;
    non_negative("Δ", token.delta)?;
    weight(token.lambda)
}

/// Refuses a λ that is no share.
fn weight(lambda: f64) -> Result<(), InputError> {
    if (0.0..=1.0).contains(&lambda) {
        return Ok(());
    }
    Err(InputError::OutOfRange { name: "λ", expected: "from 0 to 1", value: lambda.to_string() })
}
