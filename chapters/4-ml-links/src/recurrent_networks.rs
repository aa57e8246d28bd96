//! *Why can a network not learn what happened long ago?*
//!
//! Because what reaches it from there is a product of one matrix a step. A recurrent network is a state
//! space model whose map is bent, `x_k = f(x_{k-1}, u_k)`, and
//!
//! ```text
//! ∂x_k/∂x_j = J_k J_{k-1} … J_{j+1},      J_i = ∂f/∂x (x_{i-1}, u_i)      (eq-4-1)
//! ```
//!
//! [`Cell`] is such a map and its Jacobian; [`ElmanCell`], [`GruCell`] and [`LstmCell`] are the three that everybody
//! uses, in double precision and in PyTorch's conventions. [`log_stretches`] and [`lyapunov_exponents`] measure the
//! product. [`held_gate`] is a gate made by chapter 3's zero-order hold. [`RecurrentNetwork`] is what a
//! computer trains.
//!
//! Conventions: the state x_k has seen u_k; the state of an LSTM is (c, h), c first. Tensors of a
//! [`RecurrentNetwork`] are `[batch, length, channels]`.

use burn::config::Config;
use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::sigmoid as sigmoid_of;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use classical_ssm::state_space::StateSpace;
use discretization::sampling::DiscretizationError;
use discretization::zero_order_hold::zero_order_hold;
use math_foundations::stability::spectral_radius;
use math_foundations::validation::{InputError, finite, finite_vector, length, positive, shape};
use ml_links::parameterization::softplus;
use nalgebra::{DMatrix, DVector, dmatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Vector = DVector<f64>;
type Matrix = DMatrix<f64>;

/// A recurrent network's map `x_k = f(x_{k-1}, u_k)` and its derivative: a state space model, bent.
///
/// Shapes: x `[N]`, u_k `[M]`, the Jacobian `[N, N]`.
///
/// ```
/// use ml_links::recurrent_networks::{Cell, ElmanCell};
/// use nalgebra::{dmatrix, dvector};
///
/// // One unit that holds a bit: 2 tanh has fixed points near ±1, and is steep at 0, flat there.
/// let latch = ElmanCell::new(dmatrix![2.0], dmatrix![1.0], dvector![0.0])?;
/// let silence = dvector![0.0];
/// assert_eq!(latch.jacobian(&dvector![0.0], &silence)?[0], 2.0);
/// assert!(latch.jacobian(&dvector![0.9575], &silence)?[0] < 0.17);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
pub trait Cell {
    /// N, the numbers in the state.
    fn d_state(&self) -> usize;

    /// M, the numbers in an input.
    fn inputs(&self) -> usize;

    /// x_k, which has seen u_k.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] for a state or an input of another length.
    fn step(&self, x: &Vector, u_k: &Vector) -> Result<Vector, InputError>;

    /// J_k = ∂x_k/∂x_{k-1}, at the state before the step.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn jacobian(&self, x: &Vector, u_k: &Vector) -> Result<Matrix, InputError>;
}

/// What the gates of a cell do to input and state before they are bent: one block of N rows a gate.
///
/// Shapes: `input` `[gates N, M]`, `recurrent` `[gates N, N]`, both biases `[gates N]`. The blocks stand in PyTorch's
/// order: of a GRU reset, update, new; of an LSTM input, forget, cell, output.
///
/// ```
/// use ml_links::recurrent_networks::Weights;
///
/// let weights = Weights::random(3, 8, 2, 1); // a GRU with eight units
/// assert_eq!(weights.recurrent.shape(), (24, 8));
/// assert!(weights.recurrent.amax() < 1.0 / 8f64.sqrt());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// `weight_ih` of PyTorch.
    pub input: DMatrix<f64>,
    /// `weight_hh` of PyTorch.
    pub recurrent: DMatrix<f64>,
    /// `bias_ih` of PyTorch.
    pub input_bias: DVector<f64>,
    /// `bias_hh` of PyTorch. Only a GRU's third block does what `input_bias` cannot.
    pub recurrent_bias: DVector<f64>,
}

impl Weights {
    /// Everything uniform in ±1/√N, as PyTorch begins.
    pub fn random(gates: usize, d_state: usize, inputs: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let bound = 1.0 / (d_state as f64).sqrt();
        let rows = gates * d_state;
        let mut draw = |columns| {
            DMatrix::from_fn(rows, columns, |_, _| bound * (2.0 * random.random::<f64>() - 1.0))
        };
        let (input, recurrent, biases) = (draw(inputs), draw(d_state), draw(2));
        let [input_bias, recurrent_bias] = [0, 1].map(|i| biases.column(i).into_owned());
        Self { input, recurrent, input_bias, recurrent_bias }
    }

    /// The same weights with gates set for `steps` steps: the bias of the second block, the update gate of a GRU or
    /// the forget gate of an LSTM, becomes ln(T - 1), so that a Tth of the state is let go at each step.
    ///
    /// # Errors
    /// [`InputError::OutOfRange`] for one step or less, [`InputError::ShapeMismatch`] where there is no second block.
    ///
    /// ```
    /// use ml_links::recurrent_networks::{Cell, GruCell, Weights};
    /// use nalgebra::DVector;
    ///
    /// let patient = Weights::random(3, 8, 2, 1).with_memory(1e9)?;
    /// let (x, u) = (DVector::from_element(8, 0.5), DVector::from_element(2, 1.0));
    /// let kept = GruCell::from_weights(patient)?.step(&x, &u)?;
    /// assert!((kept - x).amax() < 1e-7);
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn with_memory(mut self, steps: f64) -> Result<Self, InputError> {
        let (n, bias) = (self.units(), -gate_of_memory(steps)?);
        shape("the recurrent weights", &self.recurrent, (self.recurrent.nrows().max(3 * n), n))?;
        self.input_bias.rows_mut(n, n).fill(bias);
        self.recurrent_bias.rows_mut(n, n).fill(0.0);
        Ok(self)
    }

    fn checked(self, gates: usize) -> Result<Self, InputError> {
        let (d_state, inputs) = (self.recurrent.ncols(), self.input.ncols());
        positive("the number of units", d_state as f64)?;
        finite("the recurrent weights", &self.recurrent)?;
        finite("the input weights", &self.input)?;
        shape("the recurrent weights", &self.recurrent, (gates * d_state, d_state))?;
        shape("the input weights", &self.input, (gates * d_state, inputs))?;
        finite_vector("the input bias", &self.input_bias)?;
        finite_vector("the recurrent bias", &self.recurrent_bias)?;
        length("the input bias", &self.input_bias, gates * d_state)?;
        length("the recurrent bias", &self.recurrent_bias, gates * d_state)?;
        Ok(self)
    }

    fn units(&self) -> usize {
        self.recurrent.ncols()
    }

    /// What input and state send to every gate, apart: `W u + b` and `W x + b`.
    fn send(&self, x: &Vector, u_k: &Vector) -> Result<(Sent, Sent), InputError> {
        length("x", x, self.units())?;
        length("u_k", u_k, self.input.ncols())?;
        let n = self.units();
        let from_u = Sent { n, values: &self.input * u_k + &self.input_bias };
        let from_x = Sent { n, values: &self.recurrent * x + &self.recurrent_bias };
        Ok((from_u, from_x))
    }

    /// The recurrent weights of one gate, each row times a number: `diag(slope) W`.
    fn sloped(&self, gate: usize, slope: &Vector) -> Matrix {
        let n = self.units();
        let mut rows = self.recurrent.rows(gate * n, n).into_owned();
        rows.row_iter_mut().zip(slope.iter()).for_each(|(mut row, slope)| row *= *slope);
        rows
    }
}

/// What arrives at the gates, one block of n numbers each.
struct Sent {
    n: usize,
    values: Vector,
}

impl Sent {
    fn to(&self, gate: usize) -> Vector {
        self.values.rows(gate * self.n, self.n).into_owned()
    }
}

/// `1 / (1 + e^{-z})`, without overflow: how far a gate is open.
///
/// ```
/// use ml_links::recurrent_networks::sigmoid;
///
/// assert_eq!(sigmoid(0.0), 0.5);
/// assert!(sigmoid(-800.0) < 1e-300 && sigmoid(800.0) == 1.0);
/// ```
pub fn sigmoid(z: f64) -> f64 {
    let small = (-z.abs()).exp();
    if z < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
}

fn tanh_slope(y: f64) -> f64 {
    1.0 - y * y
}

fn sigmoid_slope(y: f64) -> f64 {
    y * (1.0 - y)
}

/// The vanilla recurrent network of Elman: `x_k = tanh(W x_{k-1} + B u_k + b)`.
///
/// - Shapes: W `[N, N]`, B `[N, M]`, b `[N]`.
/// - *Good for* short memories. *Breaks* over long ones, either way: see [`log_stretches`].
/// - Cost O(N (N + M)) a step.
///
/// Source: J. L. Elman, *Finding structure in time* (1990).
///
/// ```
/// use ml_links::recurrent_networks::{Cell, ElmanCell};
/// use nalgebra::{dmatrix, dvector};
///
/// let cell = ElmanCell::new(dmatrix![0.5], dmatrix![1.0], dvector![0.0])?;
/// assert_eq!(cell.step(&dvector![0.0], &dvector![0.3])?[0], 0.3_f64.tanh());
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ElmanCell {
    weights: Weights,
}

impl ElmanCell {
    /// From W, B and b.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] when they do not fit together, [`InputError::NotFinite`].
    pub fn new(w: Matrix, b: Matrix, bias: Vector) -> Result<Self, InputError> {
        let recurrent_bias = DVector::zeros(bias.len());
        Self::from_weights(Weights { input: b, recurrent: w, input_bias: bias, recurrent_bias })
    }

    /// From PyTorch's four tensors.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_weights(weights: Weights) -> Result<Self, InputError> {
        Ok(Self { weights: weights.checked(1)? })
    }

    /// N units that see all N inputs: B = I, b = 0, and W random with the spectral radius `rho`.
    ///
    /// The entries of W are normal before they are scaled, so that W is as far from a rotation as
    /// random matrices are.
    ///
    /// # Errors
    /// [`InputError::OutOfRange`] for no units or a `rho` that is not positive.
    ///
    /// ```
    /// use ml_links::recurrent_networks::{Cell, ElmanCell};
    /// use math_foundations::stability::spectral_radius;
    /// use nalgebra::DVector;
    ///
    /// let cell = ElmanCell::random(16, 0.9, 1)?;
    /// let w = cell.jacobian(&DVector::zeros(16), &DVector::zeros(16))?; // at rest nothing is bent
    /// assert!((spectral_radius(&w).expect("eigenvalues") - 0.9).abs() < 1e-12);
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn random(d_state: usize, rho: f64, seed: u64) -> Result<Self, InputError> {
        positive("the number of units", d_state as f64)?;
        positive("the spectral radius", rho)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Twelve uniform numbers make one that is normal enough.
        let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        let drawn = DMatrix::from_fn(d_state, d_state, |_, _| normal());
        // Finite and square: its eigenvalues exist, and with probability one they are not all 0.
        let radius = spectral_radius(&drawn).unwrap_or(1.0);
        Self::new(
            drawn * (rho / radius),
            DMatrix::identity(d_state, d_state),
            DVector::zeros(d_state),
        )
    }
}

// ANCHOR: elman
impl Cell for ElmanCell {
    fn d_state(&self) -> usize {
        self.weights.units()
    }

    fn inputs(&self) -> usize {
        self.weights.input.ncols()
    }

    fn step(&self, x: &Vector, u_k: &Vector) -> Result<Vector, InputError> {
        let (from_u, from_x) = self.weights.send(x, u_k)?;
        Ok((from_u.to(0) + from_x.to(0)).map(f64::tanh))
    }

    fn jacobian(&self, x: &Vector, u_k: &Vector) -> Result<Matrix, InputError> {
        // The slope of tanh at z is 1 - tanh(z)²: diag(1 - x_k²) W.
        let slope = self.step(x, u_k)?.map(tanh_slope);
        Ok(self.weights.sloped(0, &slope))
    }
}
// ANCHOR_END: elman

/// The gated recurrent unit: each unit moves by its own gate g = 1 - z towards a proposal n.
///
/// ```text
/// r = σ(..)    z = σ(..)    n = tanh(W_n u_k + b + r ⊙ (U_n x_{k-1} + b'))
/// x_k = z ⊙ x_{k-1} + (1 - z) ⊙ n
/// ```
///
/// - Shapes: three blocks of weights, reset r, update z, new n.
/// - The reset gate multiplies `U_n x + b'`, as in PyTorch, burn and cuDNN. The paper's last version
///   multiplies x before U_n: another function. And where z is near 1 the state *stays*: some
///   papers call 1 - z the update gate.
/// - *Good for* memories as long as its gates stay shut. Cost O(3 N (N + M)) a step.
///
/// Source: K. Cho and others (2014), first version.
///
/// ```
/// use ml_links::recurrent_networks::{Cell, GruCell, Weights};
/// use nalgebra::DVector;
///
/// let cell = GruCell::from_weights(Weights::random(3, 4, 2, 1))?;
/// let x = cell.step(&DVector::zeros(4), &DVector::from_element(2, 9.0))?;
/// assert!(x.amax() < 1.0); // between the old state and a tanh
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GruCell {
    weights: Weights,
}

/// What a GRU computes on its way to the next state.
struct GruParts {
    reset: Vector,
    stay: Vector,
    recalled: Vector,
    proposal: Vector,
}

impl GruCell {
    /// From PyTorch's four tensors.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] when they do not fit together, [`InputError::NotFinite`].
    pub fn from_weights(weights: Weights) -> Result<Self, InputError> {
        Ok(Self { weights: weights.checked(3)? })
    }

    /// What enters the update gate of each unit, with the sign that makes `sigmoid` of it g = 1 - z.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] for a state or an input of another length.
    pub fn gate_input(&self, x: &Vector, u_k: &Vector) -> Result<Vector, InputError> {
        let (from_u, from_x) = self.weights.send(x, u_k)?;
        Ok(-(from_u.to(1) + from_x.to(1)))
    }

    /// The proposal n of each unit.
    ///
    /// # Errors
    /// As [`gate_input`](Self::gate_input).
    pub fn proposal(&self, x: &Vector, u_k: &Vector) -> Result<Vector, InputError> {
        Ok(self.parts(x, u_k)?.proposal)
    }

    fn parts(&self, x: &Vector, u_k: &Vector) -> Result<GruParts, InputError> {
        let (from_u, from_x) = self.weights.send(x, u_k)?;
        let reset = (from_u.to(0) + from_x.to(0)).map(sigmoid);
        let stay = (from_u.to(1) + from_x.to(1)).map(sigmoid);
        let recalled = from_x.to(2);
        let proposal = (from_u.to(2) + reset.component_mul(&recalled)).map(f64::tanh);
        Ok(GruParts { reset, stay, recalled, proposal })
    }
}

// ANCHOR: gru
impl Cell for GruCell {
    fn d_state(&self) -> usize {
        self.weights.units()
    }

    fn inputs(&self) -> usize {
        self.weights.input.ncols()
    }

    fn step(&self, x: &Vector, u_k: &Vector) -> Result<Vector, InputError> {
        let GruParts { stay, proposal, .. } = self.parts(x, u_k)?;
        Ok(&proposal + stay.component_mul(&(x - &proposal)))
    }

    fn jacobian(&self, x: &Vector, u_k: &Vector) -> Result<Matrix, InputError> {
        let GruParts { reset, stay, recalled, proposal } = self.parts(x, u_k)?;
        let new = stay.map(|z| 1.0 - z).component_mul(&proposal.map(tanh_slope));
        let by_reset = new.component_mul(&recalled.zip_map(&reset, |n, r| n * sigmoid_slope(r)));
        let by_update = (x - &proposal).component_mul(&stay.map(sigmoid_slope));
        let roads = [by_reset, by_update, new.component_mul(&reset)];
        let roads = (0..3).map(|gate| self.weights.sloped(gate, &roads[gate]));
        // Past all the gates there is one more road, straight from the old state: diag(z).
        Ok(roads.fold(DMatrix::from_diagonal(&stay), |sum, road| sum + road))
    }
}
// ANCHOR_END: gru

/// The long short-term memory: a store c that is kept by f and fed by i, and shown by o.
///
/// ```text
/// i, f, o = σ(..)    g = tanh(..)    c_k = f ⊙ c_{k-1} + i ⊙ g    h_k = o ⊙ tanh(c_k)
/// ```
///
/// - Shapes: four blocks of weights, i, f, g, o. The state is (c, h), so `d_state` is *twice* the number of units:
///   whoever counts h alone has half of a state.
/// - *Good for* counting: c has no ceiling. *Breaks* when f is open for long: c can grow with the
///   length of the sequence, and tanh(c) no longer sees it.
/// - Cost O(4 N (N + M)) a step, N the units.
///
/// Source: S. Hochreiter, J. Schmidhuber (1997), with the forget gate of F. A. Gers and others (2000).
///
/// ```
/// use ml_links::recurrent_networks::{Cell, LstmCell, Weights};
///
/// let cell = LstmCell::from_weights(Weights::random(4, 8, 2, 1))?;
/// assert_eq!(cell.d_state(), 16);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LstmCell {
    weights: Weights,
}

/// What an LSTM computes on its way to the next state.
struct LstmParts {
    input: Vector,
    forget: Vector,
    proposal: Vector,
    output: Vector,
    store: Vector,
}

impl LstmCell {
    /// From PyTorch's four tensors.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] when they do not fit together, [`InputError::NotFinite`].
    pub fn from_weights(weights: Weights) -> Result<Self, InputError> {
        Ok(Self { weights: weights.checked(4)? })
    }

    fn parts(&self, x: &Vector, u_k: &Vector) -> Result<LstmParts, InputError> {
        length("x", x, self.d_state())?;
        let n = self.weights.units();
        let (c, h) = (x.rows(0, n), x.rows(n, n).into_owned());
        let (from_u, from_x) = self.weights.send(&h, u_k)?;
        let sent = |gate| from_u.to(gate) + from_x.to(gate);
        let [input, forget, output] = [0, 1, 3].map(|gate| sent(gate).map(sigmoid));
        let proposal = sent(2).map(f64::tanh);
        let store = forget.component_mul(&c) + input.component_mul(&proposal);
        Ok(LstmParts { input, forget, proposal, output, store })
    }
}

impl Cell for LstmCell {
    fn d_state(&self) -> usize {
        2 * self.weights.units()
    }

    fn inputs(&self) -> usize {
        self.weights.input.ncols()
    }

    fn step(&self, x: &Vector, u_k: &Vector) -> Result<Vector, InputError> {
        let LstmParts { output, store, .. } = self.parts(x, u_k)?;
        let shown = output.component_mul(&store.map(f64::tanh));
        Ok(DVector::from_iterator(self.d_state(), store.iter().chain(shown.iter()).copied()))
    }

    fn jacobian(&self, x: &Vector, u_k: &Vector) -> Result<Matrix, InputError> {
        let LstmParts { input, forget, proposal, output, store } = self.parts(x, u_k)?;
        let n = self.weights.units();
        let c = x.rows(0, n);
        let squashed = store.map(f64::tanh);
        // How the new store moves with the old h, through three gates.
        let by_input = proposal.component_mul(&input.map(sigmoid_slope));
        let by_forget = forget.map(sigmoid_slope).component_mul(&c);
        let by_proposal = input.component_mul(&proposal.map(tanh_slope));
        let store_by_h = self.weights.sloped(0, &by_input)
            + self.weights.sloped(1, &by_forget)
            + self.weights.sloped(2, &by_proposal);
        // What is shown moves with the store, and with h through its own gate.
        let through = output.component_mul(&squashed.map(tanh_slope));
        let by_output = squashed.component_mul(&output.map(sigmoid_slope));
        let shown_by_h =
            DMatrix::from_diagonal(&through) * &store_by_h + self.weights.sloped(3, &by_output);
        let mut jacobian = DMatrix::zeros(2 * n, 2 * n);
        jacobian.view_mut((0, 0), (n, n)).set_diagonal(&forget);
        jacobian.view_mut((n, 0), (n, n)).set_diagonal(&through.component_mul(&forget));
        jacobian.view_mut((0, n), (n, n)).copy_from(&store_by_h);
        jacobian.view_mut((n, n), (n, n)).copy_from(&shown_by_h);
        Ok(jacobian)
    }
}

/// How far a change of the first state still moves the later ones: ln ‖J_k … J_1‖ after each input (eq-4-1).
///
/// - Shapes: `start` `[N]`, one input `[M]` a step; as many logarithms as inputs.
/// - *Exact* to rounding for any length: the product is rescaled at every step, so that it neither
///   overflows nor falls to 0. `-∞` when a step forgets everything.
/// - Cost O(N³) a step, for the largest singular value.
///
/// # Errors
/// [`InputError::ShapeMismatch`] for a start or an input that does not fit the cell.
///
/// ```
/// use ml_links::recurrent_networks::{ElmanCell, log_stretches};
/// use nalgebra::{dmatrix, dvector};
///
/// // The latch of the page at its fixed point: each step leaves a sixth.
/// let latch = ElmanCell::new(dmatrix![2.0], dmatrix![1.0], dvector![0.0])?;
/// let logs = log_stretches(&latch, &dvector![0.957504], &vec![dvector![0.0]; 10])?;
/// assert!(logs[9].exp() < 2e-8);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
// ANCHOR: stretches
pub fn log_stretches(
    cell: &dyn Cell,
    start: &Vector,
    inputs: &[Vector],
) -> Result<Vec<f64>, InputError> {
    let mut x = start.clone();
    let mut product = DMatrix::identity(cell.d_state(), cell.d_state());
    let (mut scale, mut logs) = (0.0, Vec::with_capacity(inputs.len()));
    for u_k in inputs {
        product = cell.jacobian(&x, u_k)? * product;
        x = cell.step(&x, u_k)?;
        let stretch = largest_stretch(&product);
        scale += stretch.ln();
        logs.push(scale);
        // Only the direction of the product is kept: its size is in `scale`, where it fits.
        if stretch > 0.0 {
            product /= stretch;
        }
    }
    Ok(logs)
}
// ANCHOR_END: stretches

/// The largest singular value.
fn largest_stretch(matrix: &Matrix) -> f64 {
    matrix.clone().svd(false, false).singular_values.max()
}

/// The mean rates, in a step, at which the first `count` directions grow along the way of a cell: the
/// Lyapunov exponents, largest first.
///
/// ```text
/// λ₁ = lim 1/k ln ‖J_k … J_1‖
/// ```
///
/// - `skip`: steps at the beginning that turn the directions but are not counted.
/// - *Exact when* the way is long; *good for* telling vanishing (λ₁ < 0: a memory of -1/λ₁ steps)
///   from exploding. *Breaks* nowhere: each step orthonormalises, so nothing overflows.
/// - Cost O(N² count) a step.
///
/// # Errors
/// [`InputError::ShapeMismatch`] for a start or an input that does not fit the cell,
/// [`InputError::OutOfRange`] when `count` is 0 or larger than N, or nothing is left after `skip` steps.
///
/// Source: G. Benettin and others (1980), with the QR factorisation.
///
/// ```
/// use ml_links::recurrent_networks::{ElmanCell, lyapunov_exponents};
/// use nalgebra::{dmatrix, dvector};
///
/// // At rest the exponents are the logarithms of the moduli of the eigenvalues.
/// let cell = ElmanCell::new(dmatrix![0.5, 3.0; 0.0, 0.9], dmatrix![1.0; 1.0], dvector![0.0, 0.0])?;
/// let silence = vec![dvector![0.0]; 200];
/// let lambda = lyapunov_exponents(&cell, &dvector![0.0, 0.0], &silence, 2, 100)?;
/// assert!((lambda[0] - 0.9_f64.ln()).abs() < 1e-12 && (lambda[1] - 0.5_f64.ln()).abs() < 1e-12);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
pub fn lyapunov_exponents(
    cell: &dyn Cell,
    start: &Vector,
    inputs: &[Vector],
    count: usize,
    skip: usize,
) -> Result<Vec<f64>, InputError> {
    let n = cell.d_state();
    positive("the number of exponents", count as f64)?;
    positive("N + 1 - the number of exponents", n as f64 + 1.0 - count as f64)?;
    positive("the number of counted steps", inputs.len() as f64 - skip as f64)?;
    let mut x = start.clone();
    // No axis is special: directions that no eigenvector is perpendicular to.
    let mut frame = DMatrix::from_fn(n, count, |i, j| ((1 + i) as f64 * (1.7 + j as f64)).cos());
    let mut sums = vec![0.0; count];
    for (k, u_k) in inputs.iter().enumerate() {
        frame = cell.jacobian(&x, u_k)? * frame;
        x = cell.step(&x, u_k)?;
        let (q, r) = frame.qr().unpack();
        if k >= skip {
            sums.iter_mut().enumerate().for_each(|(i, sum)| *sum += r[(i, i)].abs().ln());
        }
        frame = q;
    }
    let steps = (inputs.len() - skip) as f64;
    Ok(sums.into_iter().map(|sum| sum / steps).collect())
}

/// The gate as one held step of `x' = -x + u`: (what stays of x, what enters of u).
///
/// ```text
/// Δ = ln(1 + e^z),      e^{-Δ} = 1 - σ(z),      1 - e^{-Δ} = σ(z)
/// ```
///
/// - z is what enters a gate; the outcome is (1 - σ(z), σ(z)), to rounding, by way of an exponential and
///   of no sigmoid.
/// - *Exact* for every z: `z = -30` is a step of 1e-13, `z = 30` one of 30 time constants.
///
/// # Errors
/// [`DiscretizationError::Input`] for a z whose Δ is 0 in double precision (below -745) or not finite.
///
/// Source: A. Gu, T. Dao (2023), theorem 1.
///
/// ```
/// use ml_links::recurrent_networks::held_gate;
///
/// let (stays, enters) = held_gate(0.0)?;
/// assert!((stays - 0.5).abs() < 1e-15 && (enters - 0.5).abs() < 1e-15);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: held_gate
pub fn held_gate(z: f64) -> Result<(f64, f64), DiscretizationError> {
    let bucket =
        StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    let step = zero_order_hold(&bucket, softplus(z))?;
    Ok((step.a_bar[0], step.b_bar_previous[0]))
}
// ANCHOR_END: held_gate

/// What must enter a gate so that it lets 1/T through at each step, and forgets within T steps.
///
/// ```text
/// σ(z) = 1/T,      z = -ln(T - 1),      Δ = -ln(1 - 1/T) ≈ 1/T
/// ```
///
/// Its opposite sign is the bias of an LSTM's forget or a GRU's update gate, *chrono initialisation*.
///
/// # Errors
/// [`InputError::OutOfRange`] for a T of 1 or less: a gate is never open wider than the door.
///
/// Source: C. Tallec, Y. Ollivier, *Can recurrent neural networks warp time?* (2018).
///
/// ```
/// use ml_links::recurrent_networks::{gate_of_memory, sigmoid};
///
/// assert!((sigmoid(gate_of_memory(200.0)?) - 1.0 / 200.0).abs() < 1e-17);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
pub fn gate_of_memory(steps: f64) -> Result<f64, InputError> {
    positive("T - 1", steps - 1.0)?;
    Ok(-(steps - 1.0).ln())
}

/// What bends in a [`RecurrentNetwork`].
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Unit {
    /// [`ElmanCell`]: one tanh.
    Elman,
    /// [`GruCell`]: a tanh and two gates.
    Gru,
}

impl Unit {
    fn blocks(self) -> usize {
        match self {
            Self::Elman => 1,
            Self::Gru => 3,
        }
    }
}

/// The sizes of a [`RecurrentNetwork`], and how it begins.
///
/// ```
/// use burn::module::Module;
/// use burn::tensor::Device;
/// use ml_links::recurrent_networks::{RecurrentNetworkConfig, Unit};
///
/// let network = RecurrentNetworkConfig::new(Unit::Gru, 2, 13, 1).init(&Device::flex());
/// assert_eq!(network.num_params(), 3 * (13 * 13 + 2 * 13 + 13 + 13) + 13 + 1);
/// ```
#[derive(Config, Debug)]
pub struct RecurrentNetworkConfig {
    /// Elman or GRU.
    pub unit: Unit,
    /// M, the numbers in an input.
    pub inputs: usize,
    /// N, the units.
    pub d_state: usize,
    /// The numbers in an output.
    pub outputs: usize,
    /// How many steps the slowest unit of a GRU remembers at the beginning: the biases of the update gates
    /// are those of [`gate_of_memory`], at times drawn log-uniformly up to this. Without it they are 0.
    pub memory: Option<f64>,
}

impl RecurrentNetworkConfig {
    /// A network with orthogonal recurrent blocks, so that no direction vanishes in the first steps
    /// for want of size, and input weights uniform in ±1/√M; random by the seed of the device.
    pub fn init(&self, device: &Device) -> RecurrentNetwork {
        let (n, blocks) = (self.d_state, self.unit.blocks());
        let input = LinearConfig::new(self.inputs, blocks * n).init(device);
        let readout = LinearConfig::new(n, self.outputs).init(device);
        let mut recurrent = LinearConfig::new(n, blocks * n)
            .with_bias(self.unit == Unit::Gru)
            .with_initializer(Initializer::Zeros)
            .init(device);
        // Numbers without a history: parameters have to be where gradients end.
        let turn = |_| Initializer::Orthogonal { gain: 1.0 }.init([n, n], device).val();
        let turns = Tensor::<2>::cat((0..blocks).map(turn).collect(), 1);
        recurrent.weight = Param::from_data(turns.into_data(), device);
        if let (Unit::Gru, Some(memory)) = (self.unit, self.memory) {
            let share = Tensor::<1>::random([n], Distribution::Default, device);
            // T from 2 to `memory`, and ln(T - 1): the second block, of three.
            let times = (share * (memory.max(2.0) / 2.0).ln()).exp() * 2.0;
            let rest = || Tensor::zeros([n], device);
            let bias = Tensor::<1>::cat(vec![rest(), (times - 1.0).log(), rest()], 0);
            recurrent.bias = Some(Param::from_data(bias.into_data(), device));
        }
        RecurrentNetwork { input, recurrent, readout }
    }
}

/// An Elman network or a GRU with a linear readout, to train: the same maps as [`ElmanCell`] and [`GruCell`].
///
/// - Shapes: u `[batch, length, inputs]`, y `[batch, length, outputs]`, the state `[batch, d_state]`.
/// - Which of the two it is, its weights say: one block of them or three.
/// - *Breaks* no promise but time: each step waits for the one before, forward and backward.
/// - Cost O(batch length blocks N (N + M)).
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use ml_links::recurrent_networks::{RecurrentNetworkConfig, Unit};
///
/// let device = Device::flex();
/// let network = RecurrentNetworkConfig::new(Unit::Elman, 2, 8, 1).init(&device);
/// let u = Tensor::<3>::random([4, 10, 2], Distribution::Default, &device);
/// let y = network.forward(u.clone());
/// assert_eq!(y.dims(), [4, 10, 1]);
///
/// // Step by step, it says the same.
/// let mut state = network.initial_state(4, &device);
/// for k in 0..10 {
///     let y_k = network.step(u.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
///     let difference = y_k - y.clone().narrow(1, k, 1).squeeze_dim(1);
///     assert!(difference.abs().max().into_scalar::<f32>() < 1e-6);
/// }
/// ```
#[derive(Module, Debug)]
pub struct RecurrentNetwork {
    /// From the input to each block.
    pub input: Linear,
    /// From the state to each block.
    pub recurrent: Linear,
    /// From the state to the output.
    pub readout: Linear,
}

// ANCHOR: network
impl RecurrentNetwork {
    /// Turns x_{k-1} into x_k, which has seen u_k.
    fn advance(&self, u_k: Tensor<2>, x: Tensor<2>) -> Tensor<2> {
        let (from_u, from_x) = (self.input.forward(u_k), self.recurrent.forward(x.clone()));
        match self.unit() {
            Unit::Elman => (from_u + from_x).tanh(),
            Unit::Gru => {
                let [from_u, from_x] = [from_u, from_x].map(|sent| sent.chunk(3, 1));
                let sent = |gate: usize| from_u[gate].clone() + from_x[gate].clone();
                let (reset, stay) = (sigmoid_of(sent(0)), sigmoid_of(sent(1)));
                let proposal = (from_u[2].clone() + reset * from_x[2].clone()).tanh();
                proposal.clone() + stay * (x - proposal)
            }
        }
    }

    /// Turns x_{k-1} into x_k and returns y_k.
    pub fn step(&self, u_k: Tensor<2>, x: &mut Tensor<2>) -> Tensor<2> {
        *x = self.advance(u_k, x.clone());
        self.readout.forward(x.clone())
    }
}
// ANCHOR_END: network

impl RecurrentNetwork {
    /// Elman or GRU: one block of weights or three.
    pub fn unit(&self) -> Unit {
        let [n, rows] = self.recurrent.weight.dims();
        if rows == n { Unit::Elman } else { Unit::Gru }
    }

    /// N, the units.
    pub fn d_state(&self) -> usize {
        self.recurrent.weight.dims()[0]
    }

    /// x_{-1} = 0, `[batch, d_state]`.
    pub fn initial_state(&self, batch: usize, device: &Device) -> Tensor<2> {
        Tensor::zeros([batch, self.d_state()], device)
    }

    /// y_k for every k.
    pub fn forward(&self, u: Tensor<3>) -> Tensor<3> {
        self.readout.forward(Tensor::stack(self.states(u), 1))
    }

    /// The last output alone, `[batch, outputs]`.
    pub fn last(&self, u: Tensor<3>) -> Tensor<2> {
        let [batch, length, _] = u.dims();
        let start = self.initial_state(batch, &u.device());
        let step =
            |x: Tensor<2>, k: usize| self.advance(u.clone().narrow(1, k, 1).squeeze_dim(1), x);
        self.readout.forward((0..length).fold(start, step))
    }

    /// x_k for every k, `[batch, d_state]` each.
    pub fn states(&self, u: Tensor<3>) -> Vec<Tensor<2>> {
        let [batch, length, _] = u.dims();
        let start = self.initial_state(batch, &u.device());
        let step = |x: &mut Tensor<2>, k: usize| {
            *x = self.advance(u.clone().narrow(1, k, 1).squeeze_dim(1), x.clone());
            Some(x.clone())
        };
        (0..length).scan(start, step).collect()
    }

    /// The same map in double precision, to look into.
    ///
    /// # Errors
    /// [`InputError::NotFinite`] when training has gone astray.
    pub fn cell(&self) -> Result<Box<dyn Cell>, InputError> {
        let n = self.d_state();
        let rows = self.unit().blocks() * n;
        let numbers = |data: TensorData| -> Vec<f64> { data.iter::<f64>().collect() };
        // burn multiplies from the right: its rows are our columns.
        let matrix = |linear: &Linear| {
            let columns = linear.weight.dims()[0];
            DMatrix::from_vec(rows, columns, numbers(linear.weight.val().into_data()))
        };
        let bias = |linear: &Linear| match &linear.bias {
            Some(bias) => DVector::from_vec(numbers(bias.val().into_data())),
            None => DVector::zeros(rows),
        };
        let weights = Weights {
            input: matrix(&self.input),
            recurrent: matrix(&self.recurrent),
            input_bias: bias(&self.input),
            recurrent_bias: bias(&self.recurrent),
        };
        Ok(match self.unit() {
            Unit::Elman => Box::new(ElmanCell::from_weights(weights)?),
            Unit::Gru => Box::new(GruCell::from_weights(weights)?),
        })
    }
}
