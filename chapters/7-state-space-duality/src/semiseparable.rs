//! *When is attention a recurrence?*
//!
//! Both multiply the inputs by a matrix M, from all inputs to all outputs. [`matrix`] writes down that of a recurrence, column by
//! column. [`Head::attention`] makes that of a head of Mamba-2 out of scores and a mask of decays, and the two are one:
//!
//! ```text
//! M_kj = C_kᵀ A_k ⋯ A_{j+1} B_j   for j ≤ k, 0 above;      A_k = ā_k I:   M = mask ⊙ (C B̄ᵀ),   mask_kj = ā_k ⋯ ā_{j+1}      (eq-7-1)
//! ```
//!
//! What lies [`below`] a cut passed through a state of N numbers, and has at most the [`rank`] N. This is all that it takes: where
//! the blocks of a matrix have few directions, [`recurrence_of`] finds a recurrence for it. Softmax attention
//! ([`Head::softmax`]) has a direction for each token.
//!
//! The same matrix is multiplied in four ways ([`Reading`]), none of which is new: chapter 4's
//! [`Semiseparable`] and [`Toeplitz`], the matrix itself, and [`ssd_chunked`].
//!
//! Conventions: row k of M is an output, column j an input; a row of B (key) and of C (query) for each step; `x_k` has seen `u_k`;
//! `B̄_k = Δ_k B_k`, as in Mamba. Dao and Gu write L for the mask; here L is the length.

use classical_ssm::singular_values::{SingularValues, singular_values};
use math_foundations::validation::{
    InputError, at_least_one, finite, finite_vector, length as length_of, non_negative,
    shape as shape_of, square,
};
use ml_links::parameterization::normal;
use ml_links::structured_matrices::{Semiseparable, StructureError, StructuredMatrix, Toeplitz};
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use state_space_duality::ssd::{Sizes, SsdError, SsdSlices, segment_sums, ssd_chunked};
use thiserror::Error;

/// Why there is no such matrix, or no product with it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SemiseparableError {
    /// A shape that does not fit, a number that is not finite.
    #[error(transparent)]
    Input(#[from] InputError),
    /// What chapter 4's matrices refuse.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// What the chunks refuse.
    #[error(transparent)]
    Ssd(#[from] SsdError),
}

// ---------------------------------------------------------------------------------------------
// The matrix of a recurrence, and back
// ---------------------------------------------------------------------------------------------

/// One step of a recurrence: `x_k = A x_{k-1} + B u_k`, `y_k = Cᵀ x_k`. The state may change its size on the way.
///
/// ```
/// use nalgebra::{dmatrix, dvector};
/// use state_space_duality::semiseparable::Step;
///
/// // Two numbers come in; what is kept is their sum, and the new input.
/// let step = Step { a: dmatrix![1.0, 1.0; 0.0, 0.0], b: dvector![0.0, 1.0], c: dvector![1.0, 0.0] };
/// assert_eq!(&step.a * dvector![2.0, 3.0] + &step.b * 7.0, dvector![5.0, 7.0]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is kept of the state, `[state, state before]`.
    pub a: DMatrix<f64>,
    /// Where the input goes, `[state]`.
    pub b: DVector<f64>,
    /// What is read, `[state]`.
    pub c: DVector<f64>,
}

/// Refuses steps that do not follow one another.
fn checked(steps: &[Step]) -> Result<(), InputError> {
    let mut before = None;
    for Step { a, b, c } in steps {
        length_of("B", b, c.len())?;
        // The first A has nothing to move.
        if let Some(before) = before {
            shape_of("A", a, (c.len(), before))?;
        }
        before = Some(c.len());
    }
    Ok(())
}

/// The matrix that a recurrence multiplies its inputs by, `[length, length]` (eq-7-1).
///
/// Column j is what an input of size 1 at step j leaves in all outputs. *Good for* looking at; nobody has to write it down to
/// multiply by it. Cost O(L² N²).
///
/// # Errors
/// [`InputError`] for steps that do not follow one another.
///
/// Source: T. Dao, A. Gu, *Transformers are SSMs* (2024), section 3.
///
/// ```
/// use nalgebra::{dmatrix, dvector};
/// use state_space_duality::semiseparable::{Step, matrix};
///
/// // It halves what it holds, but the third step forgets everything.
/// let step = |kept| Step { a: dmatrix![kept], b: dvector![1.0], c: dvector![1.0] };
/// let m = matrix(&[step(0.5), step(0.5), step(0.0)])?;
/// assert_eq!(m, dmatrix![1.0, 0.0, 0.0; 0.5, 1.0, 0.0; 0.0, 0.0, 1.0]);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
// ANCHOR: matrix
pub fn matrix(steps: &[Step]) -> Result<DMatrix<f64>, InputError> {
    checked(steps)?;
    let mut m = DMatrix::zeros(steps.len(), steps.len());
    for j in 0..steps.len() {
        // An input of size 1 comes in at step j, and nothing after it.
        let mut x = steps[j].b.clone();
        m[(j, j)] = steps[j].c.dot(&x);
        for k in j + 1..steps.len() {
            x = &steps[k].a * x;
            m[(k, j)] = steps[k].c.dot(&x);
        }
    }
    Ok(m)
}
// ANCHOR_END: matrix

/// What the outputs from step `cut` on know of the inputs before it, `[length - cut, cut]`.
///
/// ```
/// use nalgebra::dmatrix;
/// use state_space_duality::semiseparable::below;
///
/// let m = dmatrix![1.0, 0.0, 0.0; 2.0, 3.0, 0.0; 4.0, 5.0, 6.0];
/// assert_eq!(below(&m, 1), dmatrix![2.0; 4.0]);
/// assert_eq!(below(&m, 2), dmatrix![4.0, 5.0]);
/// ```
///
/// # Panics
/// For a cut beyond the last step.
pub fn below(m: &DMatrix<f64>, cut: usize) -> DMatrix<f64> {
    m.view((cut, 0), (m.nrows() - cut, cut)).into_owned()
}

/// How many directions a matrix has: its singular values above `tolerance` times the largest.
///
/// *Exact when* the tolerance lies in a gap; 1e-12 asks for all that is not rounding.
///
/// ```
/// use nalgebra::dmatrix;
/// use state_space_duality::semiseparable::rank;
///
/// assert_eq!(rank(&dmatrix![1.0, 2.0; 2.0, 4.0], 1e-12), 1);
/// assert_eq!(rank(&dmatrix![1.0, 2.0; 2.0, 4.001], 1e-12), 2);
/// assert_eq!(rank(&dmatrix![1.0, 2.0; 2.0, 4.001], 1e-2), 1);
/// assert_eq!(rank(&dmatrix![0.0, 0.0], 1e-12), 0);
/// ```
pub fn rank(block: &DMatrix<f64>, tolerance: f64) -> usize {
    directions(block, tolerance).ncols()
}

/// The directions of a matrix's columns that stand out, as columns of length 1 at right angles, the largest first.
fn directions(block: &DMatrix<f64>, tolerance: f64) -> DMatrix<f64> {
    let SingularValues { u, sigma, .. } = singular_values(block);
    let largest = sigma.iter().copied().fold(0.0, f64::max);
    let count = sigma.iter().filter(|&&sigma| sigma > tolerance * largest).count();
    u.columns(0, count).into_owned()
}

/// A recurrence that multiplies by a given matrix, with the smallest states that can.
///
/// The state after step k holds what the outputs from k on need of the inputs up to k, in coordinates at right angles: as many
/// numbers as that block has directions. Chapter 2's method of Ho and Kalman, for systems that change from step to step.
///
/// - *Exact when* `tolerance` drops rounding only (1e-12); with more it is an approximation with smaller states.
/// - Cost O(L⁴) for a matrix without structure: for looking at.
///
/// # Errors
/// [`InputError`] for a matrix that is not square or not finite, and for one with a number above the diagonal: an output that hears
/// an input to come.
///
/// Source: P. Dewilde, A.-J. van der Veen, *Time-varying systems and computations* (1998), chapter 5.
///
/// ```
/// use nalgebra::dmatrix;
/// use state_space_duality::semiseparable::{matrix, recurrence_of};
///
/// // What halves needs one number.
/// let m = dmatrix![1.0, 0.0, 0.0; 0.5, 1.0, 0.0; 0.25, 0.5, 1.0];
/// let steps = recurrence_of(&m, 1e-12)?;
/// assert!(steps.iter().all(|step| step.c.len() == 1));
/// assert!((matrix(&steps)? - m).amax() < 1e-14);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
// ANCHOR: recurrence_of
pub fn recurrence_of(m: &DMatrix<f64>, tolerance: f64) -> Result<Vec<Step>, InputError> {
    let length = causal(m)?;
    // Before the first step there is no state.
    let mut before = DMatrix::zeros(length + 1, 0);
    let step = |k: usize| {
        // What all outputs from here on know of all inputs up to here: the state must hold it.
        let block = m.view((k, 0), (length - k, k + 1)).into_owned();
        let now = directions(&block, tolerance);
        // Where the last state's directions, one output later, point among the new ones.
        let a = now.tr_mul(&before.rows(1, length - k));
        let b = now.tr_mul(&block.column(k));
        let c = now.row(0).transpose();
        before = now;
        Step { a, b, c }
    };
    Ok((0..length).map(step).collect())
}
// ANCHOR_END: recurrence_of

/// Refuses a matrix by which an output hears an input to come. Returns its length.
fn causal(m: &DMatrix<f64>) -> Result<usize, InputError> {
    let length = square("M", m)?;
    finite("M", m)?;
    let above = (0..length).flat_map(|k| (k + 1..length).map(move |j| m[(k, j)]));
    match above.into_iter().find(|&entry| entry != 0.0) {
        Some(entry) => Err(InputError::OutOfRange {
            name: "every number above the diagonal of M",
            expected: "0",
            value: entry.to_string(),
        }),
        None => Ok(length),
    }
}

// ---------------------------------------------------------------------------------------------
// The matrix of attention
// ---------------------------------------------------------------------------------------------

/// One channel of a head of Mamba-2 on one text: a rate, and of each token a step, a key and a query.
///
/// ```text
/// x_k = ā_k x_{k-1} + B̄_k u_k,   y_k = C_kᵀ x_k,      ā_k = e^{Δ_k a},   B̄_k = Δ_k B_k
/// ```
///
/// With a = 0 and Δ = 1 it is linear attention: nothing fades.
///
/// ```
/// use nalgebra::{dmatrix, dvector};
/// use state_space_duality::semiseparable::{Head, matrix};
///
/// let keys = dmatrix![1.0, 0.0; 0.0, 1.0; 1.0, 1.0];
/// let head = Head::new(-2.0_f64.ln(), dvector![1.0, 1.0, 2.0], keys.clone(), keys)?;
/// assert!((head.mask() - dmatrix![1.0, 0.0, 0.0; 0.5, 1.0, 0.0; 0.125, 0.25, 1.0]).amax() < 1e-15);
/// assert!((head.attention() - dmatrix![1.0, 0.0, 0.0; 0.0, 1.0, 0.0; 0.125, 0.25, 4.0]).amax() < 1e-15);
/// assert!((head.attention() - matrix(&head.steps())?).amax() < 1e-15);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    rate: f64,
    delta: DVector<f64>,
    b: DMatrix<f64>,
    c: DMatrix<f64>,
}

impl Head {
    /// By its rate a, the steps Δ, `[length]`, keys B and queries C, each `[length, state]`.
    ///
    /// # Errors
    /// [`InputError`] where one is empty, not finite or of another shape; for a rate above 0 and a step below.
    pub fn new(
        rate: f64,
        delta: DVector<f64>,
        b: DMatrix<f64>,
        c: DMatrix<f64>,
    ) -> Result<Self, InputError> {
        non_negative("-a", -rate)?;
        finite_vector("Δ", &delta)?;
        delta.iter().try_for_each(|&delta| non_negative("Δ", delta))?;
        finite("B", &b)?;
        finite("C", &c)?;
        shape_of("B", &b, (delta.len(), b.ncols()))?;
        shape_of("C", &c, b.shape())?;
        Ok(Self { rate, delta, b, c })
    }

    /// Steps from 0.02 to 0.4 at the rate -1, normal keys and queries.
    ///
    /// # Errors
    /// [`InputError::OutOfRange`] for no steps or no states.
    ///
    /// ```
    /// use state_space_duality::semiseparable::Head;
    ///
    /// let head = Head::draw(10, 4, 1)?;
    /// assert_eq!(head, Head::draw(10, 4, 1)?);
    /// assert_ne!(head, Head::draw(10, 4, 2)?);
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn draw(length: usize, d_state: usize, seed: u64) -> Result<Self, InputError> {
        at_least_one("the length", length)?;
        at_least_one("the states", d_state)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let delta = DVector::from_fn(length, |_, _| random.random_range(0.02..0.4));
        let mut rows = || DMatrix::from_fn(length, d_state, |_, _| normal(&mut random));
        let (b, c) = (rows(), rows());
        Self::new(-1.0, delta, b, c)
    }

    /// A system that is the same at every step, as heads of one state each: a diagonal A has a mask for each of its rates.
    ///
    /// Their outputs are to be added up; rates from -0.5 to -0.02, evenly by orders of magnitude, with Δ = 1.
    ///
    /// # Errors
    /// As [`Head::draw`].
    ///
    /// ```
    /// use state_space_duality::semiseparable::Head;
    ///
    /// let heads = Head::draw_modes(10, 3, 1)?;
    /// assert_eq!(heads.len(), 3);
    /// assert!(heads.iter().all(|head| head.kernel().is_some_and(|kernel| kernel.len() == 10)));
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn draw_modes(length: usize, modes: usize, seed: u64) -> Result<Vec<Self>, InputError> {
        at_least_one("the states", modes)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let last = modes.saturating_sub(1).max(1) as f64;
        let mode = |n: usize| {
            let rate = -0.5 * f64::powf(0.04, n as f64 / last);
            let mut same = || DMatrix::from_element(length, 1, normal(&mut random));
            let (b, c) = (same(), same());
            Self::new(rate, DVector::repeat(length, 1.0), b, c)
        };
        (0..modes).map(mode).collect()
    }

    /// The head that lets nothing fade and takes every step as one: linear attention with the same keys and queries.
    ///
    /// ```
    /// use state_space_duality::semiseparable::Head;
    ///
    /// let mask = Head::draw(3, 2, 1)?.without_decay().mask();
    /// assert_eq!(mask, nalgebra::dmatrix![1.0, 0.0, 0.0; 1.0, 1.0, 0.0; 1.0, 1.0, 1.0]);
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn without_decay(&self) -> Self {
        Self { rate: 0.0, delta: self.delta.map(|_| 1.0), ..self.clone() }
    }

    /// The same head as steps of a recurrence.
    pub fn steps(&self) -> Vec<Step> {
        let (b_bar, size) = (self.b_bar(), self.b.ncols());
        let step = |k: usize| Step {
            a: DMatrix::identity(size, size) * (self.rate * self.delta[k]).exp(),
            b: b_bar.row(k).transpose(),
            c: self.c.row(k).transpose(),
        };
        (0..self.delta.len()).map(step).collect()
    }

    /// `Δ_k B_k`, `[length, state]`.
    fn b_bar(&self) -> DMatrix<f64> {
        DMatrix::from_diagonal(&self.delta) * &self.b
    }
}

// ANCHOR: attention
impl Head {
    /// What is left at step k of what came in at step j: 1 on the diagonal, 0 above.
    pub fn mask(&self) -> DMatrix<f64> {
        let log_decays = &self.delta * self.rate;
        segment_sums(log_decays.as_slice()).map(f64::exp)
    }

    /// Equation 7-1: queries times keys, and what is left of each.
    pub fn attention(&self) -> DMatrix<f64> {
        (&self.c * self.b_bar().transpose()).component_mul(&self.mask())
    }
}
// ANCHOR_END: attention

impl Head {
    /// Softmax attention with the same keys and queries, of the scores C_k · B_j / √N: each row is positive, and adds up to 1.
    ///
    /// ```
    /// use state_space_duality::semiseparable::Head;
    ///
    /// let m = Head::draw(5, 2, 1)?.softmax();
    /// assert!(m.row_iter().all(|row| (row.sum() - 1.0).abs() < 1e-15));
    /// assert_eq!((m[(0, 0)], m[(0, 1)]), (1.0, 0.0));
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn softmax(&self) -> DMatrix<f64> {
        let mut m = &self.c * self.b.transpose() / (self.b.ncols() as f64).sqrt();
        for (k, mut row) in m.row_iter_mut().enumerate() {
            // The largest exponent is 0: no overflow.
            let best = row.columns(0, k + 1).max();
            for (j, score) in row.iter_mut().enumerate() {
                *score = if j <= k { (*score - best).exp() } else { 0.0 };
            }
            let sum = row.sum();
            row /= sum;
        }
        m
    }

    /// The kernel `K_k = ā^k (C · B̄)`, if all steps are the same.
    pub fn kernel(&self) -> Option<DVector<f64>> {
        let rows = |m: &DMatrix<f64>| m.row_iter().all(|row| row == m.row(0));
        let same = self.delta.iter().all(|&delta| delta == self.delta[0]);
        let at_once = self.delta[0] * self.c.row(0).dot(&self.b.row(0));
        let kept = |k: usize| (k as f64 * self.rate * self.delta[0]).exp();
        (same && rows(&self.b) && rows(&self.c))
            .then(|| DVector::from_fn(self.delta.len(), |k, _| kept(k) * at_once))
    }
}

// ---------------------------------------------------------------------------------------------
// Four ways to multiply
// ---------------------------------------------------------------------------------------------

// ANCHOR: four
impl Head {
    /// Chapter 4: a state, step by step.
    fn recur(&self, u: &DVector<f64>) -> Result<DVector<f64>, SemiseparableError> {
        let (length, size) = self.b.shape();
        let kept = DMatrix::from_fn(size, length, |_, k| (self.rate * self.delta[k]).exp());
        Ok(Semiseparable::new(kept, self.b_bar().transpose(), self.c.transpose())?.matvec(u)?)
    }

    /// Chapter 4: a kernel and two transforms, if there is a kernel.
    fn convolve(&self, u: &DVector<f64>) -> Result<Option<DVector<f64>>, SemiseparableError> {
        self.kernel().map(|kernel| Ok(Toeplitz::causal(kernel)?.matvec(u)?)).transpose()
    }

    /// Attention within chunks, a state from chunk to chunk.
    fn attend_in_chunks(
        &self,
        u: &DVector<f64>,
        chunk: usize,
    ) -> Result<DVector<f64>, SemiseparableError> {
        let (b, c) = (self.b.transpose(), self.c.transpose()); // row after row
        let ssd = self.slices(u.as_slice(), b.as_slice(), c.as_slice());
        Ok(ssd_chunked(&ssd, &vec![0.0; self.b.ncols()], chunk)?.y.into())
    }
}
// ANCHOR_END: four

impl Head {
    /// What [`ssd_chunked`] takes.
    fn slices<'a>(&'a self, u: &'a [f64], b: &'a [f64], c: &'a [f64]) -> SsdSlices<'a, f64> {
        let (length, d_state) = self.b.shape();
        SsdSlices {
            sizes: Sizes { batch: 1, length, heads: 1, head_dim: 1, groups: 1, d_state },
            u,
            dt: self.delta.as_slice(),
            a: std::slice::from_ref(&self.rate),
            b,
            c,
            d: &[0.0],
        }
    }
}

/// A way to multiply by the matrix.
///
/// ```
/// use nalgebra::DVector;
/// use state_space_duality::semiseparable::{Head, Reading};
///
/// let head = [Head::draw(20, 4, 1)?];
/// let u = DVector::from_fn(20, |k, _| (k as f64).sin());
/// let y = Reading::Recurrence.of(&head, &u)?.expect("steps can always be taken");
/// let attended = Reading::Attention.of(&head, &u)?.expect("a matrix can always be multiplied");
/// assert!((&y - attended).amax() < 1e-14);
/// // Its steps differ, so that no kernel says what it does.
/// assert_eq!(Reading::Convolution.of(&head, &u)?, None);
/// # Ok::<(), state_space_duality::semiseparable::SemiseparableError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A state, step by step: O(NL), and each step waits for the last.
    Recurrence,
    /// A kernel and two transforms, where all steps are the same: O(L log L).
    Convolution,
    /// The matrix written down: O(L²), and nothing waits.
    Attention,
    /// Attention within chunks of so many steps, a state from chunk to chunk.
    Chunks(usize),
}

impl Reading {
    /// The outputs of heads added up; `None` for the convolution of steps that differ.
    ///
    /// # Errors
    /// [`SemiseparableError`] for an input that does not fit, and for chunks without steps.
    pub fn of(
        self,
        heads: &[Head],
        u: &DVector<f64>,
    ) -> Result<Option<DVector<f64>>, SemiseparableError> {
        let mut y = DVector::zeros(u.len());
        for head in heads {
            length_of("u", u, head.delta.len())?;
            match self {
                Self::Recurrence => y += head.recur(u)?,
                Self::Convolution => match head.convolve(u)? {
                    Some(convolved) => y += convolved,
                    None => return Ok(None),
                },
                Self::Attention => y += head.attention() * u,
                Self::Chunks(chunk) => y += head.attend_in_chunks(u, chunk)?,
            }
        }
        Ok(Some(y))
    }
}
