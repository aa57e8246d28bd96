//! # Euler
//!
//! *If we know where a thing is and how fast it moves, what stops us from stepping along?*
//!
//! ```text
//! forward     x_k = x_{k-1} + Δ (A x_{k-1} + B u_{k-1})          Ā = I + ΔA
//! backward    x_k = x_{k-1} + Δ (A x_k     + B u_k    )          Ā = (I - ΔA)^{-1}          (eq-3-2)
//! ```
//!
//! Both are wrong by O(Δ). What tells them apart is what they do to a mode `e^{λt}`: a step multiplies it
//! by [`forward_factor`] or [`backward_factor`] of `z = λΔ`, and not by `e^z`. [`forward_limit`] is the
//! step beyond which forward Euler explodes on a flow that comes to rest.
//!
//! Conventions: as in `sampling`; u_{k-1} is the input at the beginning of the step, u_k at its end.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::sampling::{DiscretizationError, Recurrence};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::validation::{finite, positive, shape, square};
use nalgebra::{Complex, DMatrix, DVector};

/// Forward (explicit) Euler: go straight on with the velocity at the beginning of the step.
///
/// ```text
/// x_k = x_{k-1} + Δ (A x_{k-1} + B u_{k-1}):          Ā = I + ΔA     B̄ = 0     B̄₋ = ΔB          (eq-3-2)
/// ```
///
/// *Exact when* the velocity does not change during the step. *Good for* a first look, and for steps that
/// may be small. *Breaks* beyond [`forward_limit`], for an undamped spring at any step. Order 1.
/// Cost O(N² + N M).
///
/// # Errors
/// [`DiscretizationError::Input`] for a step that is not positive or so long that ΔA overflows.
///
/// Source: Euler, *Institutiones calculi integralis* (1768), §650.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::euler::forward_euler;
/// use nalgebra::dmatrix;
///
/// let bucket = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let step = forward_euler(&bucket, 0.25)?;
/// assert_eq!((step.a_bar, step.b_bar_previous), (dmatrix![0.75], dmatrix![0.25]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: forward_euler
pub fn forward_euler(
    flow: &StateSpace<Continuous>,
    delta: f64,
) -> Result<Recurrence, DiscretizationError> {
    positive("Δ", delta)?;
    let n = flow.d_state();
    let rule = Recurrence {
        a_bar: DMatrix::identity(n, n) + flow.a() * delta,
        b_bar: DMatrix::zeros(n, flow.inputs()),
        b_bar_previous: flow.b() * delta,
        c: flow.c().clone(),
        d: flow.d().clone(),
        delta,
    };
    rule.checked()
}
// ANCHOR_END: forward_euler

/// Backward (implicit) Euler: arrive with the velocity that holds at the end of the step.
///
/// ```text
/// x_k = x_{k-1} + Δ (A x_k + B u_k):     Ā = (I - ΔA)^{-1}     B̄ = (I - ΔA)^{-1} ΔB     B̄₋ = 0     (eq-3-2)
/// ```
///
/// *Exact when* the velocity does not change during the step. *Good for* stiff flows: a mode that dies
/// dies at every step size. *Breaks* the meaning of modes that ring or grow: it damps them, and beyond
/// `Δ = 2 Re λ / |λ|²` it makes a growing mode die. Order 1. Cost O(N³ + N² M).
///
/// # Errors
/// [`DiscretizationError::Input`] for a step that is not positive or so long that ΔA overflows;
/// [`DiscretizationError::SingularStep`] where 1/Δ is an eigenvalue of A.
///
/// Source: Hairer and Wanner, *Solving Ordinary Differential Equations II* (1996), section IV.3.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::euler::backward_euler;
/// use nalgebra::dmatrix;
///
/// let bucket = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let step = backward_euler(&bucket, 0.25)?;
/// assert_eq!((step.a_bar, step.b_bar), (dmatrix![0.8], dmatrix![0.2]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: backward_euler
pub fn backward_euler(
    flow: &StateSpace<Continuous>,
    delta: f64,
) -> Result<Recurrence, DiscretizationError> {
    positive("Δ", delta)?;
    let (n, m) = (flow.d_state(), flow.inputs());
    // The unknown is on both sides: solve for it, for every start and input at once.
    let mut starts_and_inputs = DMatrix::identity(n, n + m);
    starts_and_inputs.columns_mut(n, m).copy_from(&(flow.b() * delta));
    let solved = implicit_step(flow.a(), 1.0, delta, &starts_and_inputs)?;
    let rule = Recurrence {
        a_bar: solved.columns(0, n).into_owned(),
        b_bar: solved.columns(n, m).into_owned(),
        b_bar_previous: DMatrix::zeros(n, m),
        c: flow.c().clone(),
        d: flow.d().clone(),
        delta,
    };
    rule.checked()
}
// ANCHOR_END: backward_euler

/// `(I - αΔA)^{-1} b`, what every rule has to solve that looks at the end of its own step.
///
/// `a`: `[N, N]`, `b`: `[N, K]`; returns `[N, K]`. Cost O(N³ + N² K).
///
/// # Errors
/// [`DiscretizationError::SingularStep`] where rounding A would leave fewer than two digits, be it exactly
/// singular or not; [`DiscretizationError::Input`] where shapes do not fit or an entry is not finite.
///
/// The measure is Bauer's condition number, the spectral radius of `|M^{-1}| |M|`: unlike `‖M^{-1}‖ ‖M‖` it
/// does not mistake a stiff flow for a singular one. Source: Bauer, *Optimally scaled matrices* (1963).
///
/// ```
/// use discretization::euler::implicit_step;
/// use nalgebra::dmatrix;
///
/// // Bacteria that double in 0.7 seconds: a backward step of 1 second would have to divide by 1 - 1.
/// let error = implicit_step(&dmatrix![1.0], 1.0, 1.0, &dmatrix![1.0]).unwrap_err();
/// assert!(error.to_string().contains("found a singular matrix at Δ = 1"));
/// assert_eq!(implicit_step(&dmatrix![1.0], 0.5, 1.0, &dmatrix![1.0])?, dmatrix![2.0]);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
pub fn implicit_step(
    a: &DMatrix<f64>,
    alpha: f64,
    delta: f64,
    b: &DMatrix<f64>,
) -> Result<DMatrix<f64>, DiscretizationError> {
    let n = square("A", a)?;
    shape("B", b, (n, b.ncols()))?;
    let scaled = a * (alpha * delta);
    finite("αΔA", &scaled)?;
    finite("B", b)?;
    let lu = (DMatrix::identity(n, n) - &scaled).lu();
    let inverse = lu.try_inverse().ok_or(DiscretizationError::SingularStep { delta })?;

    // How much the inverse magnifies a rounding of each entry, whatever units the states are in.
    let magnify = inverse.abs() * (DMatrix::identity(n, n) + scaled.abs());
    let (mut worst, mut magnified) = (DVector::from_element(n, 1.0), 1.0);
    for _ in 0..n + 10 {
        worst = &magnify * worst;
        magnified = worst.amax();
        worst /= magnified;
    }
    let digits_are_left = magnified * n as f64 * f64::EPSILON < 0.01;
    if !digits_are_left {
        return Err(DiscretizationError::SingularStep { delta });
    }
    lu.solve(b).ok_or(DiscretizationError::SingularStep { delta })
}

/// What a forward Euler step makes of a mode: `1 + z` with `z = λΔ`, in place of `e^z`.
///
/// The mode dies where the factor is inside the unit circle: z within the circle of radius 1 around -1.
///
/// ```
/// use discretization::euler::forward_factor;
/// use nalgebra::Complex;
///
/// assert_eq!(forward_factor(Complex::new(-2.0, 0.0)), Complex::new(-1.0, 0.0));
/// ```
// ANCHOR: factors
pub fn forward_factor(z: Complex<f64>) -> Complex<f64> {
    1.0 + z
}

/// What a backward Euler step makes of a mode: `1 / (1 - z)` with `z = λΔ`, in place of `e^z`.
///
/// The mode dies everywhere outside the circle of radius 1 around +1.
///
/// ```
/// use discretization::euler::backward_factor;
/// use nalgebra::Complex;
///
/// assert_eq!(backward_factor(Complex::new(-3.0, 0.0)), Complex::new(0.25, 0.0));
/// ```
pub fn backward_factor(z: Complex<f64>) -> Complex<f64> {
    (1.0 - z).inv()
}
// ANCHOR_END: factors

/// The step beyond which forward Euler lets some mode of `x' = Ax` grow.
///
/// ```text
/// min over the eigenvalues λ of A of   -2 Re λ / |λ|²          (2/|λ| for a real λ < 0)
/// ```
///
/// Steps below it are stable. Zero where an eigenvalue is on or right of the imaginary axis: no step is
/// small enough. The circle `|1 + λΔ| < 1`, solved for Δ. Cost O(N³).
///
/// # Errors
/// [`DiscretizationError::Input`], [`DiscretizationError::Eigen`].
///
/// ```
/// use discretization::euler::forward_limit;
/// use nalgebra::dmatrix;
///
/// assert_eq!(forward_limit(&dmatrix![-4.0])?, 0.5);
/// // The damped spring, |λ| = 1: not 2.
/// assert!((forward_limit(&dmatrix![0.0, 1.0; -1.0, -0.4])? - 0.4).abs() < 1e-14);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: forward_limit
pub fn forward_limit(a: &DMatrix<f64>) -> Result<f64, DiscretizationError> {
    let limit = |lambda: &Complex<f64>| (-2.0 * lambda.re / lambda.norm_sqr()).max(0.0);
    Ok(eigenvalues(a)?.iter().map(limit).fold(f64::INFINITY, f64::min))
}
// ANCHOR_END: forward_limit
