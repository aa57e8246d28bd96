//! # Bilinear
//!
//! *Can a step keep what rings ringing and let what dies die, at any size?*
//!
//! ```text
//! x_k = x_{k-1} + Δ/2 (A x_{k-1} + B u_{k-1} + A x_k + B u_k)
//! H_steps(z) = H_flow(s),          s = 2/Δ (z - 1)/(z + 1)          (eq-3-3)
//! ```
//!
//! [`bilinear`] looks at both ends of the step and takes the mean: the trapezoid rule, called Tustin's
//! method in control. [`tustin_map`] is its map between the two kinds of time, [`warped`] its price, and
//! [`prewarped_bilinear`] moves the price away from one frequency. [`generalized_bilinear`] weighs the two
//! ends by 1-α and α; both Euler rules are members.
//!
//! Conventions: as in `sampling`. Sequence models (S4) use `bilinear(..)?.held()`.

use std::f64::consts::FRAC_PI_2;

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::euler::implicit_step;
use discretization::sampling::{DiscretizationError, Recurrence};
use math_foundations::validation::{InputError, positive};
use nalgebra::{Complex, DMatrix};

/// The bilinear rule: the trapezoid rule for states, Tustin's method in control.
///
/// ```text
/// Ā = (I - ΔA/2)^{-1} (I + ΔA/2)          B̄ = B̄₋ = (I - ΔA/2)^{-1} ΔB/2          (eq-3-3)
/// ```
///
/// *Exact when* the velocity is linear in time during the step, and for every frequency once it is renamed
/// ([`warped`]). *Good for* flows that ring: the left half plane goes into the unit disc and the imaginary
/// axis onto the circle. *Breaks* modes with `|λ|Δ` far above 2, whose factor is near -1: they die, but
/// slowly and with a change of sign at every step. Order 2; with [`Recurrence::held`], as in S4, order 2
/// for inputs that are held and 1 for smooth ones. Cost O(N³ + N² M).
///
/// # Errors
/// As [`generalized_bilinear`].
///
/// Source: Tustin, *A method of analysing the behaviour of linear systems in terms of time series* (1947).
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::bilinear::bilinear;
/// use nalgebra::dmatrix;
///
/// let bucket = StateSpace::continuous(dmatrix![-2.0], dmatrix![2.0], dmatrix![1.0], dmatrix![0.0])?;
/// let step = bilinear(&bucket, 0.5)?;
/// assert!((step.a_bar[(0, 0)] - 1.0 / 3.0).abs() < 1e-15);
/// assert_eq!(step.b_bar, step.b_bar_previous);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: bilinear
pub fn bilinear(
    flow: &StateSpace<Continuous>,
    delta: f64,
) -> Result<Recurrence, DiscretizationError> {
    generalized_bilinear(flow, delta, 0.5)
}
// ANCHOR_END: bilinear

/// The family between the two Euler rules: the end of the step counts α, its beginning 1 - α.
///
/// ```text
/// Ā = (I - αΔA)^{-1} (I + (1-α)ΔA)     B̄ = α (I - αΔA)^{-1} ΔB     B̄₋ = (1-α) (I - αΔA)^{-1} ΔB
/// ```
///
/// `alpha` from 0 (forward Euler) through 1/2 ([`bilinear`]) to 1 (backward Euler). *Good for*, with
/// α ≥ 1/2: every stable flow gives stable steps, at any Δ. *Breaks* below 1/2 for large steps. Order 1,
/// and 2 at α = 1/2 alone. Cost O(N³ + N² M).
///
/// # Errors
/// [`DiscretizationError::Input`] for a step that is not positive or so long that ΔA overflows, and for an α
/// outside [0, 1]; [`DiscretizationError::SingularStep`] where 1/(αΔ) is an eigenvalue of A.
///
/// Source: Zhang, Chen and Chen, *Digital redesign via the generalized bilinear transformation* (2009).
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::bilinear::generalized_bilinear;
/// use discretization::euler::forward_euler;
/// use nalgebra::dmatrix;
///
/// let spring = dmatrix![0.0, 1.0; -1.0, -0.4];
/// let flow = StateSpace::continuous(spring, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// assert_eq!(generalized_bilinear(&flow, 0.1, 0.0)?, forward_euler(&flow, 0.1)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: generalized_bilinear
pub fn generalized_bilinear(
    flow: &StateSpace<Continuous>,
    delta: f64,
    alpha: f64,
) -> Result<Recurrence, DiscretizationError> {
    positive("Δ", delta)?;
    between_zero_and_one("α", alpha)?;
    let (n, m) = (flow.d_state(), flow.inputs());
    // What is known at the beginning: where the flow leads from there, and the push.
    let mut known = DMatrix::identity(n, n + m);
    let mut start = known.columns_mut(0, n);
    start += flow.a() * ((1.0 - alpha) * delta);
    known.columns_mut(n, m).copy_from(&(flow.b() * delta));
    let solved = implicit_step(flow.a(), alpha, delta, &known)?;
    let pushed = solved.columns(n, m);
    let rule = Recurrence {
        a_bar: solved.columns(0, n).into_owned(),
        b_bar: pushed * alpha,
        b_bar_previous: pushed * (1.0 - alpha),
        c: flow.c().clone(),
        d: flow.d().clone(),
        delta,
    };
    rule.checked()
}
// ANCHOR_END: generalized_bilinear

/// The bilinear rule with its clock set so that one frequency is exact.
///
/// ```text
/// H_steps(e^{iωΔ}) = H_flow(iω) at this ω,          s = ω / tan(ωΔ/2) · (z - 1)/(z + 1)
/// ```
///
/// It makes the steps of `2 tan(ωΔ/2) / ω` seconds that [`bilinear`] would make, and calls them Δ.
/// `omega` in radians a second. *Good for* filters and resonances with one frequency that must be right.
/// *Breaks* all others a little. Cost as [`bilinear`].
///
/// # Errors
/// As [`bilinear`], and for an ω that is not positive or not below π/Δ: faster waves have an alias.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::bilinear::prewarped_bilinear;
/// use nalgebra::{Complex, dmatrix};
///
/// // 1/(s + 1) at ω = 1 is 1/(1 + i), and so it is after steps of 2 seconds.
/// let bucket = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let steps = prewarped_bilinear(&bucket, 2.0, 1.0)?;
/// let answer = steps.transfer(Complex::from_polar(1.0, 2.0))?[(0, 0)];
/// assert!((answer - Complex::new(0.5, -0.5)).norm() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: prewarped_bilinear
pub fn prewarped_bilinear(
    flow: &StateSpace<Continuous>,
    delta: f64,
    omega: f64,
) -> Result<Recurrence, DiscretizationError> {
    positive("Δ", delta)?;
    positive("ω", omega)?;
    // The flow's time, stretched so that ω falls where the map puts it.
    let own_step = delta * unwarped(omega, delta)? / omega;
    Ok(Recurrence { delta, ..bilinear(flow, own_step)? })
}
// ANCHOR_END: prewarped_bilinear

fn between_zero_and_one(name: &'static str, value: f64) -> Result<(), InputError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(InputError::OutOfRange { name, expected: "between 0 and 1", value: value.to_string() })
}

/// What a bilinear step makes of a mode: `(1 + (1-α)z) / (1 - αz)` with `z = λΔ`, in place of `e^z`.
///
/// ```
/// use discretization::bilinear::bilinear_factor;
/// use nalgebra::Complex;
///
/// // A wave keeps its size with α = 1/2.
/// assert!((bilinear_factor(Complex::new(0.0, 7.0), 0.5).norm() - 1.0).abs() < 1e-15);
/// ```
pub fn bilinear_factor(z: Complex<f64>, alpha: f64) -> Complex<f64> {
    (1.0 + (1.0 - alpha) * z) / (1.0 - alpha * z)
}

/// The point of the flow's plane that [`bilinear`] puts at `z`: `s = 2/Δ (z - 1)/(z + 1)`.
///
/// Inside of the unit circle to left half plane, circle to imaginary axis; z = -1 is at infinity. Undone by
/// [`bilinear_factor`]`(sΔ, 1/2)`.
///
/// ```
/// use discretization::bilinear::{bilinear_factor, tustin_map};
/// use nalgebra::Complex;
///
/// let z = Complex::new(0.6, 0.3);
/// let s = tustin_map(z, 0.5);
/// assert!(s.re < 0.0 && (bilinear_factor(s * 0.5, 0.5) - z).norm() < 1e-15);
/// ```
// ANCHOR: tustin_map
pub fn tustin_map(z: Complex<f64>, delta: f64) -> Complex<f64> {
    2.0 / delta * (z - 1.0) / (z + 1.0)
}
// ANCHOR_END: tustin_map

/// Where [`bilinear`] puts what the flow does at `omega`: `(2/Δ) atan(ωΔ/2)`, always too slow.
///
/// ```text
/// ω_steps = (2/Δ) atan(ω_flow Δ/2) = ω_flow (1 - (ω_flow Δ)²/12 + …)
/// ```
///
/// ```
/// use discretization::bilinear::warped;
///
/// // Two radians a step are seen as 1.57: a quarter turn.
/// assert!((warped(2.0, 1.0) - std::f64::consts::FRAC_PI_2).abs() < 1e-15);
/// ```
// ANCHOR: warped
pub fn warped(omega: f64, delta: f64) -> f64 {
    2.0 / delta * (0.5 * omega * delta).atan()
}
// ANCHOR_END: warped

/// The frequency of the flow that [`bilinear`] puts at `omega`: `(2/Δ) tan(ωΔ/2)`.
///
/// # Errors
/// [`InputError::OutOfRange`] for a frequency at or above π/Δ, which nothing is put at.
///
/// ```
/// use discretization::bilinear::{unwarped, warped};
///
/// assert!((unwarped(warped(5.0, 0.3), 0.3)? - 5.0).abs() < 1e-14);
/// assert!(unwarped(11.0, 0.3).is_err());
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
pub fn unwarped(omega: f64, delta: f64) -> Result<f64, InputError> {
    let half_turn = 0.5 * omega * delta;
    if half_turn.abs() < FRAC_PI_2 {
        return Ok(2.0 / delta * half_turn.tan());
    }
    Err(InputError::OutOfRange { name: "ω", expected: "below π/Δ", value: omega.to_string() })
}
