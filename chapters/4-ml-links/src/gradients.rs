//! *The answer is wrong at the end. How much of the blame belongs to the first step?*
//!
//! As much as the first step still moves the end. The blame of each state is its own part of the loss and what
//! its successor hands back, scaled as the state was scaled on its way there:
//!
//! ```text
//! λ_k = a_{k+1} λ_{k+1} + ∂L/∂x_k ,      ∂L/∂a_k = λ_k x_{k-1} ,      ∂L/∂b_k = λ_k            (eq-4-7)
//! ```
//!
//! That is the recurrence of the forward pass, run backwards. [`adjoint_states`] is that run,
//! [`recurrence_gradients`] what follows from it; [`system_gradients`] is the same for matrices, and
//! [`held_step_gradients`] leads on through the zero-order hold to A, B and Δ. [`correlate`] is the other face: the
//! gradient of a convolution. [`gradients_in_segments`] trades memory for time, and [`states_backwards`] fails to.
//! [`central_difference`] and [`complex_step`] check all of them.
//!
//! Conventions: `x_k = A x_{k-1} + B u_k`, `y_k = C x_k + D u_k`, `x_{-1}` given; a gradient is shaped like what it
//! belongs to; the last state has no successor.

use classical_ssm::responses::{ResponseError, simulate};
use classical_ssm::state_space::{Discrete, StateSpace};
use math_foundations::matrix_exponential::{
    MatrixExponentialError, matrix_exponential, matrix_exponential_frechet,
};
use math_foundations::validation::{InputError, length, positive, shape, square};
use ml_links::scans::{ScanError, same_length, scan_recurrence};
use nalgebra::{Complex, ComplexField, DMatrix, DVector};
use thiserror::Error;

/// Why a gradient cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GradientError {
    /// A matrix or a vector does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Rows of numbers do not fit together.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The exponential of a step.
    #[error(transparent)]
    Exponential(#[from] MatrixExponentialError),
    /// The dual system, run backwards.
    #[error(transparent)]
    Response(#[from] Box<ResponseError>),
    /// One gradient is needed for each step.
    #[error("expected {expected} gradients by the {name}, one for each step, found {found}")]
    Steps {
        /// What they are gradients by.
        name: &'static str,
        /// How many steps there were.
        expected: usize,
        /// How many gradients there are.
        found: usize,
    },
}

fn steps(name: &'static str, expected: usize, found: usize) -> Result<(), GradientError> {
    if expected == found { Ok(()) } else { Err(GradientError::Steps { name, expected, found }) }
}

// ---------------------------------------------------------------------------------------------
// The scan run backwards
// ---------------------------------------------------------------------------------------------

/// The adjoint states of `x_k = a_k x_{k-1} + b_k`: how the loss depends on each state, all its consequences included.
///
/// ```text
/// λ_k = a_{k+1} λ_{k+1} + ∂L/∂x_k                                                       (eq-4-7)
/// ```
///
/// - Shapes: `a`, `by_state` and the outcome `[length]`. `by_state` holds ∂L/∂x_k where L is read from the states as
///   they stand, without consequences.
/// - The scan of the forward pass, on reversed rows whose coefficients have moved by one. *Exact* for any
///   coefficients. Cost O(length).
///
/// # Errors
/// [`ScanError::Length`] when the two are not of one length.
///
/// ```
/// use ml_links::gradients::adjoint_states;
///
/// // The loss is the last state alone. A state three steps before the end reaches it through two halvings.
/// let blame = adjoint_states(&[9.0, 0.5, 0.5], &[0.0, 0.0, 1.0])?;
/// assert_eq!(blame, [0.25, 0.5, 1.0]);
/// # Ok::<(), ml_links::scans::ScanError>(())
/// ```
// ANCHOR: adjoint_states
pub fn adjoint_states(a: &[f64], by_state: &[f64]) -> Result<Vec<f64>, ScanError> {
    // Going back from k + 1 to k, the blame is scaled as the state was scaled going forth.
    let backwards: Vec<f64> = by_state.iter().rev().copied().collect();
    let links = std::iter::once(0.0).chain(a.iter().skip(1).rev().copied());
    let links: Vec<f64> = links.take(a.len()).collect();
    let mut lambda = scan_recurrence(&links, &backwards, 0.0)?;
    lambda.reverse();
    Ok(lambda)
}
// ANCHOR_END: adjoint_states

/// The gradients of a loss by everything that went into a recurrence `x_k = a_k x_{k-1} + b_k`.
#[derive(Debug, Clone, PartialEq)]
pub struct RecurrenceGradients {
    /// By the coefficients.
    pub a: Vec<f64>,
    /// By the inputs: the adjoint states themselves.
    pub b: Vec<f64>,
    /// By the state before the first step.
    pub initial: f64,
}

/// The gradients of a loss by everything that went into a recurrence, from its gradient by the states.
///
/// ```text
/// ∂L/∂a_k = λ_k x_{k-1} ,      ∂L/∂b_k = λ_k ,      ∂L/∂x_{-1} = a_0 λ_0                (eq-4-7)
/// ```
///
/// - Shapes: `a`, `x` (the states that the forward pass has left) and `by_state` `[length]`.
/// - *Exact*. Cost O(length), about twice a forward pass, however many numbers are to be trained.
///
/// # Errors
/// [`GradientError::Scan`], [`GradientError::Steps`] when the lengths differ.
///
/// ```
/// use ml_links::gradients::recurrence_gradients;
/// use ml_links::scans::scan_recurrence;
///
/// let (a, b) = ([0.5, 2.0], [1.0, 0.0]);
/// let x = scan_recurrence(&a, &b, 4.0)?;
/// // The loss is the last state: a₁ (a₀ x₋₁ + b₀) + b₁.
/// let gradients = recurrence_gradients(&a, &x, 4.0, &[0.0, 1.0])?;
/// assert_eq!((gradients.a, gradients.b, gradients.initial), (vec![8.0, 3.0], vec![2.0, 1.0], 1.0));
/// # Ok::<(), ml_links::gradients::GradientError>(())
/// ```
pub fn recurrence_gradients(
    a: &[f64],
    x: &[f64],
    initial: f64,
    by_state: &[f64],
) -> Result<RecurrenceGradients, GradientError> {
    steps("states", x.len(), by_state.len())?;
    let b = adjoint_states(a, by_state)?;
    let before = std::iter::once(initial).chain(x.iter().copied());
    let by_a = b.iter().zip(before).map(|(lambda, before)| lambda * before).collect();
    let initial = a.first().zip(b.first()).map_or(0.0, |(a, lambda)| a * lambda);
    Ok(RecurrenceGradients { a: by_a, b, initial })
}

// ---------------------------------------------------------------------------------------------
// Matrices
// ---------------------------------------------------------------------------------------------

/// The gradients of a loss by everything that went into a run of a system.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemGradients {
    /// By A, `[N, N]`.
    pub a: DMatrix<f64>,
    /// By B, `[N, M]`.
    pub b: DMatrix<f64>,
    /// By C, `[P, N]`.
    pub c: DMatrix<f64>,
    /// By D, `[P, M]`.
    pub d: DMatrix<f64>,
    /// By the inputs, `[M]` each.
    pub u: Vec<DVector<f64>>,
    /// By the state before the first step, `[N]`.
    pub initial: DVector<f64>,
}

/// The gradients of a loss by the matrices and the inputs of a system that ran from rest, from its gradient by the
/// outputs.
///
/// ```text
/// λ_k = Aᵀ λ_{k+1} + Cᵀ ∂L/∂y_k ,      ∂L/∂A = Σ λ_k x_{k-1}ᵀ ,      ∂L/∂u_k = Bᵀ λ_k + Dᵀ ∂L/∂y_k
/// ```
///
/// - Shapes: `u` one `[M]` a step, `by_output` one `[P]` a step.
/// - *Exact*. The run is repeated for its states, then walked back. Cost O(N(N + M + P)) a step, about three times the
///   run, for *all* gradients together.
///
/// # Errors
/// [`GradientError::Steps`] when there is not one gradient a step, [`GradientError::Input`] for wrong widths,
/// [`GradientError::Response`] when the run overflows.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use ml_links::gradients::system_gradients;
/// use nalgebra::{dmatrix, dvector};
///
/// let half = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)?;
/// // From rest, 8 and then 0: states 8, 4. The loss is the second output, A B u₀.
/// let gradients =
///     system_gradients(&half, &[dvector![8.0], dvector![0.0]], &[dvector![0.0], dvector![1.0]])?;
/// assert_eq!(gradients.a, dmatrix![8.0]);
/// assert_eq!(gradients.u, [dvector![0.5], dvector![1.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: system_gradients
pub fn system_gradients(
    system: &StateSpace<Discrete>,
    u: &[DVector<f64>],
    by_output: &[DVector<f64>],
) -> Result<SystemGradients, GradientError> {
    let mut gradients = nothing_yet(system, u, by_output)?;
    let x = simulate(system, u).map_err(Box::new)?.states;
    for k in (0..u.len()).rev() {
        // `initial` still holds what step k + 1 hands back: Aᵀ λ_{k+1}.
        let lambda = &gradients.initial + system.c().tr_mul(&by_output[k]);
        if k > 0 {
            gradients.a += &lambda * x[k - 1].transpose();
        }
        gradients.b += &lambda * u[k].transpose();
        gradients.c += &by_output[k] * x[k].transpose();
        gradients.d += &by_output[k] * u[k].transpose();
        gradients.u[k] = system.b().tr_mul(&lambda) + system.d().tr_mul(&by_output[k]);
        gradients.initial = system.a().tr_mul(&lambda);
    }
    Ok(gradients)
}
// ANCHOR_END: system_gradients

/// Gradients of the right shapes, all 0, once it is sure that everything fits.
fn nothing_yet(
    system: &StateSpace<Discrete>,
    u: &[DVector<f64>],
    by_output: &[DVector<f64>],
) -> Result<SystemGradients, GradientError> {
    steps("outputs", u.len(), by_output.len())?;
    for gradient in by_output {
        length("a gradient by y", gradient, system.outputs())?;
    }
    let like = |matrix: &DMatrix<f64>| DMatrix::zeros(matrix.nrows(), matrix.ncols());
    Ok(SystemGradients {
        a: like(system.a()),
        b: like(system.b()),
        c: like(system.c()),
        d: like(system.d()),
        u: vec![DVector::zeros(system.inputs()); u.len()],
        initial: DVector::zeros(system.d_state()),
    })
}

/// The gradient by the inputs alone: the dual system, run backwards on the gradient by the outputs.
///
/// ```text
/// (A, B, C, D) becomes (Aᵀ, Cᵀ, Bᵀ, Dᵀ), and the last step comes first
/// ```
///
/// The dual of chapter 2 made what is seen of a state into what can be done to it. Here it turns a question about
/// outputs into one about inputs, and there is no other code than that of the forward pass.
///
/// - Shapes: `by_output` one `[P]` a step, the outcome one `[M]` a step. Cost as that of a run.
///
/// # Errors
/// [`GradientError::Response`] for wrong widths and when the run overflows.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use ml_links::gradients::input_gradient_by_dual;
/// use nalgebra::{dmatrix, dvector};
///
/// let half = StateSpace::discrete(dmatrix![0.5], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)?;
/// let by_input = input_gradient_by_dual(&half, &[dvector![0.0], dvector![1.0]])?;
/// assert_eq!(by_input, [dvector![0.5], dvector![1.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn input_gradient_by_dual(
    system: &StateSpace<Discrete>,
    by_output: &[DVector<f64>],
) -> Result<Vec<DVector<f64>>, GradientError> {
    let backwards: Vec<DVector<f64>> = by_output.iter().rev().cloned().collect();
    let mut by_input = simulate(&system.dual(), &backwards).map_err(Box::new)?.outputs;
    by_input.reverse();
    Ok(by_input)
}

/// The gradient of a causal convolution by one of its factors: the correlation of the other with the gradient by the
/// outcome.
///
/// ```text
/// y = K̄ * u :      ∂L/∂u_j = Σ_{k ≥ j} K̄_{k-j} ∂L/∂y_k ,      ∂L/∂K̄_j = Σ_{k ≥ j} u_{k-j} ∂L/∂y_k
/// ```
///
/// - Shapes: both `[length]`, and so is the outcome. A convolution looks back, a correlation looks ahead.
/// - Cost O(length²); [`operations`](ml_links::operations) has it by Fourier transforms.
///
/// ```
/// use ml_links::gradients::correlate;
///
/// // The loss is y₁ = K̄₀ u₁ + K̄₁ u₀.
/// let (kernel, u, by_output) = ([1.0, 0.5], [3.0, 4.0], [0.0, 1.0]);
/// assert_eq!(correlate(&kernel, &by_output), [0.5, 1.0]);
/// assert_eq!(correlate(&u, &by_output), [4.0, 3.0]);
/// ```
pub fn correlate(factor: &[f64], by_output: &[f64]) -> Vec<f64> {
    (0..by_output.len())
        .map(|j| {
            by_output[j..].iter().zip(factor).map(|(gradient, factor)| gradient * factor).sum()
        })
        .collect()
}

// ---------------------------------------------------------------------------------------------
// Through the step
// ---------------------------------------------------------------------------------------------

/// The gradients of a loss by what a zero-order hold was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldStepGradients {
    /// By the flow's A, `[N, N]`.
    pub a: DMatrix<f64>,
    /// By the flow's B, `[N, M]`.
    pub b: DMatrix<f64>,
    /// By the step.
    pub delta: f64,
}

/// From the gradients by Ā and B̄ of a zero-order hold to those by A, B and Δ.
///
/// ```text
/// G = [∂L/∂Ā  ∂L/∂B̄; 0  0] ,      H = L_exp(Δ[A B; 0 0]ᵀ, G) ,      ∂L/∂A = Δ H₁₁ ,   ∂L/∂Δ = ⟨[A B; 0 0], H⟩
/// ```
///
/// with the derivative of the exponential L_exp of chapter 1, [`matrix_exponential_frechet`].
///
/// - Shapes: `a`, `by_a_bar` `[N, N]`, `b`, `by_b_bar` `[N, M]`.
/// - *Exact* for every A and Δ. Cost O((N + M)³), once for a whole sequence.
///
/// # Errors
/// [`GradientError::Input`] for shapes that do not fit and a Δ that is not positive, [`GradientError::Exponential`].
///
/// Source: N. J. Higham, *Functions of Matrices* (2008), section 3.
///
/// ```
/// use ml_links::gradients::held_step_gradients;
/// use nalgebra::dmatrix;
///
/// // x' = -x, Δ = 1: Ā = e^{-Δ}, so ∂Ā/∂Δ = -e^{-1}.
/// let one = held_step_gradients(&dmatrix![-1.0], &dmatrix![1.0], 1.0, &dmatrix![1.0], &dmatrix![0.0])?;
/// assert!((one.delta + (-1f64).exp()).abs() < 1e-15);
/// # Ok::<(), ml_links::gradients::GradientError>(())
/// ```
// ANCHOR: held_step_gradients
pub fn held_step_gradients(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    delta: f64,
    by_a_bar: &DMatrix<f64>,
    by_b_bar: &DMatrix<f64>,
) -> Result<HeldStepGradients, GradientError> {
    let (states, inputs) = (square("A", a)?, b.ncols());
    shape("B", b, (states, inputs))?;
    shape("the gradient by Ā", by_a_bar, (states, states))?;
    shape("the gradient by B̄", by_b_bar, (states, inputs))?;
    positive("Δ", delta)?;
    let block = held_block(a, b);
    let by_block = held_block(by_a_bar, by_b_bar);
    let back = matrix_exponential_frechet(&(block.transpose() * delta), &by_block)?;
    Ok(HeldStepGradients {
        a: back.view((0, 0), (states, states)) * delta,
        b: back.view((0, states), (states, inputs)) * delta,
        delta: block.dot(&back),
    })
}
// ANCHOR_END: held_step_gradients

/// `[A B; 0 0]`: the system in which the input is a part of the state.
fn held_block<T: ComplexField>(a: &DMatrix<T>, b: &DMatrix<T>) -> DMatrix<T> {
    let (states, inputs) = b.shape();
    let mut block = DMatrix::zeros(states + inputs, states + inputs);
    block.view_mut((0, 0), (states, states)).copy_from(a);
    block.view_mut((0, states), (states, inputs)).copy_from(b);
    block
}

/// A spring that is pushed and misses its target: the example of this page.
///
/// ```text
/// q'' + damping q' + stiffness q = u ,   u held for Δ ,      L(Δ) = ½ Σ (q_k - target_k)²
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PushedSpring {
    /// How fast it loses its swing.
    pub damping: f64,
    /// How hard it pulls back.
    pub stiffness: f64,
    /// The push at each step.
    pub u: Vec<f64>,
    /// Where it should have been after each.
    pub target: Vec<f64>,
}

impl Default for PushedSpring {
    /// Three pushes in 40 steps; the target is where a spring a little stiffer would have been.
    fn default() -> Self {
        let push = |k: usize| match k {
            0 => 1.0,
            12 => -0.6,
            20 => 0.8,
            _ => 0.0,
        };
        let u: Vec<f64> = (0..40).map(push).collect();
        let asked = Self { damping: 0.3, stiffness: 1.3, target: vec![0.0; u.len()], u };
        let target = asked.positions(0.4).unwrap_or_default();
        Self { stiffness: 1.0, target, ..asked }
    }
}

impl PushedSpring {
    /// The flow's A and B.
    pub fn matrices(&self) -> (DMatrix<f64>, DMatrix<f64>) {
        let a = DMatrix::from_row_slice(2, 2, &[0.0, 1.0, -self.stiffness, -self.damping]);
        (a, DMatrix::from_row_slice(2, 1, &[0.0, 1.0]))
    }

    /// Where the spring is after each step of Δ, for a real or a complex Δ.
    ///
    /// # Errors
    /// When the exponential of the step overflows.
    pub fn positions<T: ComplexField<RealField = f64>>(
        &self,
        delta: T,
    ) -> Result<Vec<T>, MatrixExponentialError> {
        let (a, b) = self.matrices();
        let step = matrix_exponential(
            &held_block(&a, &b).map(|entry| T::from_real(entry) * delta.clone()),
        )?;
        let mut state = DVector::<T>::zeros(3);
        let positions = self.u.iter().map(|&u| {
            state[2] = T::from_real(u);
            state = &step * &state;
            state[0].clone()
        });
        Ok(positions.collect())
    }

    /// The loss, for a real or a complex Δ.
    ///
    /// # Errors
    /// As [`PushedSpring::positions`].
    pub fn loss<T: ComplexField<RealField = f64>>(
        &self,
        delta: T,
    ) -> Result<T, MatrixExponentialError> {
        let misses = self.positions(delta)?.into_iter().zip(&self.target);
        let squares =
            misses.map(|(q, &target)| q - T::from_real(target)).map(|miss| miss.clone() * miss);
        Ok(squares.fold(T::zero(), |sum, square| sum + square) * T::from_real(0.5))
    }

    /// The steps of the spring as a system whose output is its position.
    ///
    /// # Errors
    /// When Δ is not positive or the exponential overflows.
    pub fn system(&self, delta: f64) -> Result<StateSpace<Discrete>, GradientError> {
        positive("Δ", delta)?;
        let (a, b) = self.matrices();
        let step = matrix_exponential(&(held_block(&a, &b) * delta))?;
        let (a_bar, b_bar) =
            (step.view((0, 0), (2, 2)).into_owned(), step.view((0, 2), (2, 1)).into_owned());
        let c = DMatrix::from_row_slice(1, 2, &[1.0, 0.0]);
        StateSpace::discrete(a_bar, b_bar, c, DMatrix::zeros(1, 1), delta)
            .map_err(|error| GradientError::Response(Box::new(error.into())))
    }

    /// All gradients of the loss: by the parts of the system in steps, and by those of the flow and Δ.
    ///
    /// # Errors
    /// As [`PushedSpring::system`].
    pub fn gradients(
        &self,
        delta: f64,
    ) -> Result<(SystemGradients, HeldStepGradients), GradientError> {
        let system = self.system(delta)?;
        let u: Vec<DVector<f64>> = self.u.iter().map(|&u| DVector::from_element(1, u)).collect();
        let run = simulate(&system, &u).map_err(Box::new)?;
        let misses = run.outputs.iter().zip(&self.target).map(|(y, &target)| y.add_scalar(-target));
        let by_step = system_gradients(&system, &u, &misses.collect::<Vec<_>>())?;
        let (a, b) = self.matrices();
        let by_flow = held_step_gradients(&a, &b, delta, &by_step.a, &by_step.b)?;
        Ok((by_step, by_flow))
    }
}

// ---------------------------------------------------------------------------------------------
// Checks
// ---------------------------------------------------------------------------------------------

/// The slope of f at x, from one step ahead: `(f(x + h) - f(x)) / h`, wrong by O(h) and by O(ε/h).
///
/// ```
/// use ml_links::gradients::forward_difference;
///
/// assert!((forward_difference(f64::exp, 0.0, 1e-8) - 1.0).abs() < 1e-7);
/// ```
pub fn forward_difference(f: impl Fn(f64) -> f64, x: f64, step: f64) -> f64 {
    (f(x + step) - f(x)) / step
}

/// The slope of f at x, from both sides: `(f(x + h) - f(x - h)) / 2h`, wrong by O(h²) and by O(ε/h).
///
/// - *Good for* checking a gradient: h near the cube root of the rounding unit, 6e-6 times the size of x, leaves ten
///   digits. *Exact* up to rounding, whatever h, where f is a polynomial of degree two.
///
/// ```
/// use ml_links::gradients::central_difference;
///
/// assert!((central_difference(f64::exp, 0.0, 6e-6) - 1.0).abs() < 1e-10);
/// assert_eq!(central_difference(|x| x * x, 3.0, 1.0), 6.0);
/// ```
pub fn central_difference(f: impl Fn(f64) -> f64, x: f64, step: f64) -> f64 {
    (f(x + step) - f(x - step)) / (2.0 * step)
}

/// The slope of f at x, from a step aside: `Im f(x + ih) / h`, with nothing subtracted.
///
/// ```text
/// f(x + ih) = f(x) + ih f'(x) - O(h²)
/// ```
///
/// - *Exact* to rounding for every tiny h, say 1e-100. *Breaks* where f is not computed by analytic functions alone: an
///   absolute value, a conjugate, a comparison of complex numbers.
///
/// Source: W. Squire, G. Trapp, *Using complex variables to estimate derivatives of real functions* (1998).
///
/// ```
/// use ml_links::gradients::complex_step;
///
/// assert_eq!(complex_step(|x| x.exp(), 0.0, 1e-100), 1.0);
/// ```
// ANCHOR: complex_step
pub fn complex_step(f: impl Fn(Complex<f64>) -> Complex<f64>, x: f64, step: f64) -> f64 {
    f(Complex::new(x, step)).im / step
}
// ANCHOR_END: complex_step

// ---------------------------------------------------------------------------------------------
// Memory
// ---------------------------------------------------------------------------------------------

/// The states before each step, last first, from the last state alone: `x_{k-1} = (x_k - b_k) / a_k`.
///
/// - *Breaks* for every state that forgets. Dividing by a_k undoes the forgetting, and magnifies the rounding of what
///   was not forgotten by 1/|a| a step. It is here to fail.
///
/// ```
/// use ml_links::gradients::states_backwards;
///
/// assert_eq!(states_backwards(&[0.5, 0.5], &[1.0, 1.0], 2.0), [2.0, 2.0]);
/// ```
pub fn states_backwards(a: &[f64], b: &[f64], last: f64) -> Vec<f64> {
    let mut x = last;
    let back = a.iter().zip(b).rev().map(|(a, b)| {
        x = (x - b) / a;
        x
    });
    back.collect()
}

/// What a way back has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The largest number of states in memory at once.
    pub kept: usize,
    /// The steps of the recurrence that were taken, forward passes and repetitions.
    pub steps: usize,
}

/// [`recurrence_gradients`] with few states in memory: one in `every` is kept, and the others are computed again, one
/// segment after the other, on the way back.
///
/// - Shapes: `a`, `b` and `by_state` `[length]`.
/// - *Exact*, to the last bit: the same steps give the same states. At most `length / every + every` states are kept, and
///   no step is taken more than twice; `every = √length` keeps the fewest.
///
/// # Errors
/// [`GradientError::Scan`], [`GradientError::Steps`] when the lengths differ, [`GradientError::Input`] when `every` is 0.
///
/// Source: A. Griewank, A. Walther, *Algorithm 799: revolve* (2000), of which this is the first level.
///
/// ```
/// use ml_links::gradients::gradients_in_segments;
///
/// let (ones, by_state) = ([1.0; 100], [0.01; 100]);
/// let (gradients, cost) = gradients_in_segments(&ones, &ones, 0.0, &by_state, 10)?;
/// assert!((gradients.b[0] - 1.0).abs() < 1e-14);
/// assert_eq!((cost.kept, cost.steps), (20, 200));
/// # Ok::<(), ml_links::gradients::GradientError>(())
/// ```
// ANCHOR: gradients_in_segments
pub fn gradients_in_segments(
    a: &[f64],
    b: &[f64],
    initial: f64,
    by_state: &[f64],
    every: usize,
) -> Result<(RecurrenceGradients, Cost), GradientError> {
    positive("the length of a segment", every as f64)?;
    same_length("b", a.len(), b.len())?;
    steps("states", a.len(), by_state.len())?;
    let (mut before, mut checkpoints) = (initial, Vec::new());
    for (a, b) in a.chunks(every).zip(b.chunks(every)) {
        checkpoints.push(before);
        before = scan_recurrence(a, b, before)?.last().copied().unwrap_or(before);
    }
    let mut handed_back = 0.0;
    let mut gradients = RecurrenceGradients { a: a.to_vec(), b: b.to_vec(), initial };
    for (segment, &before) in checkpoints.iter().enumerate().rev() {
        let part = segment * every..a.len().min((segment + 1) * every);
        let x = scan_recurrence(&a[part.clone()], &b[part.clone()], before)?;
        let mut by_state = by_state[part.clone()].to_vec();
        by_state[x.len() - 1] += handed_back;
        let found = recurrence_gradients(&a[part.clone()], &x, before, &by_state)?;
        gradients.a[part.clone()].copy_from_slice(&found.a);
        gradients.b[part].copy_from_slice(&found.b);
        handed_back = found.initial;
    }
    gradients.initial = handed_back;
    let cost = Cost { kept: checkpoints.len() + every.min(a.len()), steps: 2 * a.len() };
    Ok((gradients, cost))
}
// ANCHOR_END: gradients_in_segments
