//! *What should a machine keep of a story, if it may not keep everything?*
//!
//! Three memories read the same tokens, one at a time, and each is measured:
//! [`Attention`] keeps every token, [`RecurrentNetwork`] keeps a state that it bends at every
//! step, [`LinearRecurrence`] keeps a state that it only multiplies and adds to.
//!
//! Equation `eq-0-1` is [`LinearRecurrence::step`]. The convention of the whole course is chosen
//! here: the state `x_k` has seen the input `u_k`, and `x_{-1} = 0`.

use math_foundations::validation::{InputError, finite, length, positive, shape, square};
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One head of causal softmax attention that reads a token at a time and counts its work.
///
/// The output at step k is a weighted mean of all values so far, `sum_j w_j v_j`, where the
/// weights `w = softmax(q_k · k_j / sqrt(width))` compare the query with every key so far.
///
/// Shapes: query, key, value and output `[width]`; cache `[length, width]` twice.
///
/// *Exact when* asked to quote a token it has read. *Breaks* no promise but the budget: after L
/// tokens the cache holds `2 L width` numbers, and the work so far is `width L (L + 1)`
/// multiply-adds (exponentials and projections not counted).
///
/// Source: Vaswani et al. 2017, equation 1, with a causal mask.
///
/// ```
/// use math_foundations::introduction::Attention;
/// use nalgebra::dvector;
///
/// let mut attention = Attention::new(2);
/// let only = attention.step(&dvector![1.0, 0.0], &dvector![1.0, 0.0], &dvector![7.0, 8.0])?;
/// assert_eq!(only, dvector![7.0, 8.0]); // one token to look at: all the weight is on it
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    width: usize,
    keys: Vec<DVector<f64>>,
    values: Vec<DVector<f64>>,
    multiply_adds: u64,
}

impl Attention {
    /// An empty cache for tokens of `width` numbers.
    pub fn new(width: usize) -> Self {
        Self { width, keys: Vec::new(), values: Vec::new(), multiply_adds: 0 }
    }

    /// The multiply-adds of every step so far, counted while they were done.
    pub fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }

    /// The bytes of the numbers in the cache.
    pub fn memory_bytes(&self) -> usize {
        self.keys.iter().chain(&self.values).map(|row| size_of_val(row.as_slice())).sum()
    }

    fn accepts(
        &self,
        query: &DVector<f64>,
        key: &DVector<f64>,
        value: &DVector<f64>,
    ) -> Result<(), InputError> {
        length("the query", query, self.width)?;
        length("the key", key, self.width)?;
        length("the value", value, self.width)
    }
}

type Vector = DVector<f64>;

// ANCHOR: attention
impl Attention {
    /// Reads one token and returns the weighted mean of all values so far.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] for a vector that is not of the cache's width.
    pub fn step(
        &mut self,
        query: &Vector,
        key: &Vector,
        value: &Vector,
    ) -> Result<Vector, InputError> {
        self.accepts(query, key, value)?;
        self.keys.push(key.clone());
        self.values.push(value.clone());
        let scale = (self.width as f64).sqrt();
        let scores = DVector::from_fn(self.keys.len(), |j, _| query.dot(&self.keys[j]) / scale);
        // Softmax: positive weights that sum to one (the largest exponent is 0: no overflow).
        let weights = scores.add_scalar(-scores.max()).map(f64::exp);
        let weights = &weights / weights.sum();
        let mut mix = DVector::zeros(self.width);
        self.values.iter().zip(&weights).for_each(|(value, share)| mix.axpy(*share, value, 1.0));
        self.multiply_adds += 2 * (self.width * self.keys.len()) as u64;
        Ok(mix)
    }
}
// ANCHOR_END: attention

/// The multiply-adds of [`Attention`] over a whole sequence: `width L (L + 1)`.
///
/// *Exact*: the counter of a run agrees with it to the last unit.
///
/// ```
/// assert_eq!(math_foundations::introduction::attention_multiply_adds(64, 4096), 1_074_003_968);
/// ```
pub fn attention_multiply_adds(width: u64, length: u64) -> u64 {
    width * length * (length + 1)
}

/// The linear recurrence `x_k = Ā x_{k-1} + B̄ u_k`, `y_k = C x_k` (eq-0-1).
///
/// Shapes: Ā `[N, N]`, B̄ `[N, M]`, C `[P, N]`; u_k `[M]`, x `[N]`, y_k `[P]`.
///
/// *Good for* sequences of any length: the state never grows, and what is left of an old input is
/// a power of Ā, whatever came after it. *Breaks* when N + 1 numbers are to be quoted exactly from
/// a state of N. Cost: `N (N + M + P)` multiply-adds a step.
///
/// ```
/// use math_foundations::introduction::LinearRecurrence;
/// use nalgebra::{DVector, dmatrix, dvector};
///
/// // A leaky bucket: a tenth of its content is lost at every step.
/// let bucket = LinearRecurrence::new(dmatrix![0.9], dmatrix![1.0], dmatrix![1.0])?;
/// let mut x = DVector::zeros(1);
/// assert_eq!(bucket.step(&dvector![1.0], &mut x)?, dvector![1.0]); // x_0 has seen u_0
/// assert_eq!(bucket.step(&dvector![0.0], &mut x)?, dvector![0.9]);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LinearRecurrence {
    a_bar: DMatrix<f64>,
    b_bar: DMatrix<f64>,
    c: DMatrix<f64>,
}

impl LinearRecurrence {
    /// Checks that the three matrices fit together.
    ///
    /// # Errors
    /// [`InputError::NotSquare`] for Ā, [`InputError::ShapeMismatch`] for a B̄ without N rows or a
    /// C without N columns, [`InputError::NotFinite`] and [`InputError::Empty`] for all three.
    pub fn new(
        a_bar: DMatrix<f64>,
        b_bar: DMatrix<f64>,
        c: DMatrix<f64>,
    ) -> Result<Self, InputError> {
        let d_state = square("A-bar", &a_bar)?;
        finite("B-bar", &b_bar)?;
        finite("C", &c)?;
        shape("B-bar", &b_bar, (d_state, b_bar.ncols()))?;
        shape("C", &c, (c.nrows(), d_state))?;
        Ok(Self { a_bar, b_bar, c })
    }

    /// The multiply-adds of one step, the first or the millionth: `N (N + M + P)`.
    pub fn multiply_adds_per_step(&self) -> u64 {
        (self.a_bar.len() + self.b_bar.len() + self.c.len()) as u64
    }

    /// The bytes of the state.
    pub fn memory_bytes(&self) -> usize {
        self.a_bar.nrows() * size_of::<f64>()
    }

    /// How far a change of x_0 still moves x_k: the largest stretch of `d x_k / d x_0 = Ā^k`, for
    /// k = 0 to `steps`.
    ///
    /// No inputs are asked for, because none enter.
    pub fn sensitivity(&self, steps: usize) -> Vec<f64> {
        let mut derivative = DMatrix::identity(self.a_bar.nrows(), self.a_bar.ncols());
        let mut stretches = vec![1.0];
        for _ in 0..steps {
            derivative = &self.a_bar * derivative;
            stretches.push(largest_stretch(&derivative));
        }
        stretches
    }

    fn accepts(&self, u_k: &DVector<f64>, x: &DVector<f64>) -> Result<(), InputError> {
        length("u_k", u_k, self.b_bar.ncols())?;
        length("x", x, self.a_bar.nrows())
    }
}

// ANCHOR: recurrence
impl LinearRecurrence {
    /// Turns x_{k-1} into x_k, which has seen u_k, and returns y_k.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] for an input or a state that does not fit the matrices.
    pub fn step(&self, u_k: &Vector, x: &mut Vector) -> Result<Vector, InputError> {
        self.accepts(u_k, x)?;
        *x = &self.a_bar * &*x + &self.b_bar * u_k;
        Ok(&self.c * &*x)
    }
}
// ANCHOR_END: recurrence

/// A vanilla recurrent network: `x_k = tanh(W x_{k-1} + B̄ u_k)`.
///
/// Shapes: W `[N, N]`, B̄ `[N, M]`; u_k `[M]`, x `[N]`.
///
/// *Good for* a state that stays in (-1, 1) whatever is fed to it. *Breaks* over long distances:
/// the derivative of the state to an early state is a product of one matrix a step, and the inputs
/// choose each of them. Cost: `N (N + M)` multiply-adds a step, one step after the other.
///
/// Source: Elman 1990; Bengio, Simard and Frasconi 1994 for what breaks.
///
/// ```
/// use math_foundations::introduction::RecurrentNetwork;
/// use nalgebra::{DVector, dmatrix, dvector};
///
/// let network = RecurrentNetwork::new(dmatrix![0.5], dmatrix![1.0])?;
/// let mut x = DVector::zeros(1);
/// network.step(&dvector![100.0], &mut x)?;
/// assert_eq!(x[0], 1.0); // however loud the input
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RecurrentNetwork {
    w: DMatrix<f64>,
    b_bar: DMatrix<f64>,
}

impl RecurrentNetwork {
    /// Checks that the two matrices fit together.
    ///
    /// # Errors
    /// [`InputError::NotSquare`] for W, [`InputError::ShapeMismatch`] for a B̄ without N rows,
    /// [`InputError::NotFinite`] and [`InputError::Empty`] for both.
    pub fn new(w: DMatrix<f64>, b_bar: DMatrix<f64>) -> Result<Self, InputError> {
        let d_state = square("W", &w)?;
        finite("B-bar", &b_bar)?;
        shape("B-bar", &b_bar, (d_state, b_bar.ncols()))?;
        Ok(Self { w, b_bar })
    }

    /// Turns x_{k-1} into x_k, which has seen u_k.
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] for an input or a state that does not fit the matrices.
    pub fn step(&self, u_k: &DVector<f64>, x: &mut DVector<f64>) -> Result<(), InputError> {
        length("u_k", u_k, self.b_bar.ncols())?;
        length("x", x, self.w.nrows())?;
        *x = (&self.w * &*x + &self.b_bar * u_k).map(f64::tanh);
        Ok(())
    }
}

// ANCHOR: sensitivity
impl RecurrentNetwork {
    /// How far a change of x_0 still moves x_k: the largest stretch of d x_k / d x_0, for
    /// k = 0 to the last of the inputs u_0, u_1, ….
    ///
    /// # Errors
    /// [`InputError::ShapeMismatch`] for an input that does not fit B̄.
    pub fn sensitivity(&self, inputs: &[Vector]) -> Result<Vec<f64>, InputError> {
        let d_state = self.w.nrows();
        let mut x = DVector::zeros(d_state);
        let mut derivative = DMatrix::identity(d_state, d_state);
        let mut stretches = Vec::new();
        for (k, u_k) in inputs.iter().enumerate() {
            self.step(u_k, &mut x)?;
            if k > 0 {
                // d tanh(z) = (1 - tanh(z)^2) dz: each step multiplies by diag(1 - x_k^2) W.
                let slope = DMatrix::from_diagonal(&x.map(|x_i| 1.0 - x_i * x_i));
                derivative = slope * &self.w * derivative;
            }
            stretches.push(largest_stretch(&derivative));
        }
        Ok(stretches)
    }
}
// ANCHOR_END: sensitivity

/// The factor by which a matrix stretches the direction that it stretches most.
fn largest_stretch(matrix: &DMatrix<f64>) -> f64 {
    matrix.clone().svd(false, false).singular_values.max()
}

/// Random tokens: `count` vectors of `width` numbers, uniform in `±loudness`.
///
/// ```
/// use math_foundations::introduction::random_tokens;
///
/// assert_eq!(random_tokens(3, 2, 1.0, 7), random_tokens(3, 2, 1.0, 7)); // the seed decides
/// ```
pub fn random_tokens(count: usize, width: usize, loudness: f64, seed: u64) -> Vec<DVector<f64>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut number = || loudness * (2.0 * random.random::<f64>() - 1.0);
    (0..count).map(|_| DVector::from_fn(width, |_, _| number())).collect()
}

/// A random rotation (or reflection) Q of `width` dimensions: it stretches no direction.
///
/// The Q of the QR factorisation of a matrix of uniform random numbers.
///
/// ```
/// use math_foundations::introduction::random_orthogonal;
/// use nalgebra::DMatrix;
///
/// let q = random_orthogonal(4, 1);
/// assert!((&q * q.transpose() - DMatrix::identity(4, 4)).amax() < 1e-14);
/// ```
pub fn random_orthogonal(width: usize, seed: u64) -> DMatrix<f64> {
    DMatrix::from_columns(&random_tokens(width, width, 1.0, seed)).qr().q()
}

/// The experiment of the page: how fast networks of several gains, and one linear recurrence built
/// on the same matrix, forget their state after the first input.
#[derive(Debug, Clone, PartialEq)]
pub struct Forgetting {
    /// N, the numbers in the state.
    pub d_state: usize,
    /// The last step to measure.
    pub steps: usize,
    /// The networks' W is the gain times one random rotation.
    pub gains: Vec<f64>,
    /// The recurrence's Ā is this times the same rotation: every eigenvalue has this modulus.
    pub modulus: f64,
    /// The inputs are uniform in ±loudness.
    pub loudness: f64,
    /// Of the rotation; the inputs take the next one.
    pub seed: u64,
}

impl Default for Forgetting {
    fn default() -> Self {
        Self {
            d_state: 32,
            steps: 200,
            gains: vec![0.9, 1.0, 1.1, 1.5],
            modulus: 0.999,
            loudness: 0.1,
            seed: 1,
        }
    }
}

/// What [`Forgetting::measure`] found: the largest stretch of d x_k / d x_0, k = 0, 1, ….
#[derive(Debug, Clone, PartialEq)]
pub struct ForgettingCurves {
    /// One curve a gain, in the order of [`Forgetting::gains`].
    pub networks: Vec<Vec<f64>>,
    /// The curve of the linear recurrence.
    pub linear: Vec<f64>,
}

impl Forgetting {
    /// Feeds every network the same inputs and follows the derivative.
    ///
    /// Cost: O(steps N³) a curve.
    ///
    /// # Errors
    /// [`InputError::OutOfRange`] for a state of no numbers or a loudness that is not positive,
    /// [`InputError::NotFinite`] for a gain or modulus that is not a number.
    ///
    /// ```
    /// use math_foundations::introduction::Forgetting;
    ///
    /// let curves = Forgetting { d_state: 8, steps: 100, ..Forgetting::default() }.measure()?;
    /// assert!(curves.networks[0][100] < 1e-4); // gain 0.9
    /// assert!((curves.linear[100] - 0.999_f64.powi(100)).abs() < 1e-12);
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn measure(&self) -> Result<ForgettingCurves, InputError> {
        positive("N", self.d_state as f64)?;
        positive("the loudness", self.loudness)?;
        let q = random_orthogonal(self.d_state, self.seed);
        let identity = DMatrix::identity(self.d_state, self.d_state);
        let inputs =
            random_tokens(self.steps + 1, self.d_state, self.loudness, self.seed.wrapping_add(1));
        let networks = self
            .gains
            .iter()
            .map(|gain| RecurrentNetwork::new(&q * *gain, identity.clone())?.sensitivity(&inputs));
        let networks = networks.collect::<Result<_, _>>()?;
        let a_bar = &q * self.modulus;
        let linear = LinearRecurrence::new(a_bar, identity.clone(), identity.clone())?;
        Ok(ForgettingCurves { networks, linear: linear.sensitivity(self.steps) })
    }
}
