//! *A recurrence is cheap and waits, attention is dear and does not. Must one choose?*
//!
//! No: cut the sequence in chunks. Within a chunk, attention; from chunk to chunk, a state. With ℓ_k = Δ_k a, the segment sum
//! S_ij = ℓ_{j+1} + … + ℓ_i, and x the state before the chunk,
//!
//! ```text
//! y_i = Σ_{j ≤ i} e^{S_ij} (C_i · B_j) Δ_j u_j + e^{ℓ_0 + … + ℓ_i} x C_i                       (eq-7-2)
//! ```
//!
//! A chunk of one step is the recurrence ([`ssd_linear`] writes it as a loop), a chunk of all steps is attention
//! ([`ssd_quadratic`] writes it entry by entry), and [`ssd_chunked`] is what lies between, out of matrix products.
//! [`ssd_adjoint`] is its way back, derived by hand. [`segment_sums`] are taken with care, [`segment_sums_by_difference`] without.
//! What its products of matrices multiply is counted by [`products`]. What knows of tensors, and of graphics cards, is in [`ssd_operations`](state_space_duality::ssd_operations).
//!
//! Conventions: those of chapter 6, time before heads, input u and state x (the Mamba-2 paper writes x and h); a head has one
//! rate a and `head_dim` inputs, which share its steps, B and C; Δ comes here after bias and softplus; `x_k` has seen `u_k`.

use nalgebra::{DMatrix, RealField};
use rayon::prelude::*;
use thiserror::Error;

/// Why there is no such outcome: a sentence with the size that was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SsdError {
    /// A slice does not have the numbers that the sizes ask for.
    #[error("expected {name} to have {expected} numbers, found {found}")]
    Length {
        /// Which slice.
        name: &'static str,
        /// What the sizes ask for.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// The groups do not divide the heads.
    #[error("expected groups of equally many heads, found {groups} groups of {heads} heads")]
    Groups {
        /// How many groups.
        groups: usize,
        /// How many heads.
        heads: usize,
    },
    /// A head without inputs, a state without numbers, or a chunk without steps.
    #[error("expected at least one {0}, found none")]
    None(&'static str),
}

/// How many of what.
///
/// ```
/// use state_space_duality::ssd::Sizes;
///
/// // A layer of mamba2-130m.
/// let sizes = Sizes { batch: 1, length: 1024, heads: 24, head_dim: 64, groups: 1, d_state: 128 };
/// assert_eq!((sizes.inputs(), sizes.rows(), sizes.states()), (1_572_864, 131_072, 196_608));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Sequences.
    pub batch: usize,
    /// Steps of each.
    pub length: usize,
    /// Heads: each has a rate and steps of its own.
    pub heads: usize,
    /// P: inputs of a head.
    pub head_dim: usize,
    /// Groups of heads that share B and C.
    pub groups: usize,
    /// N: states of each input.
    pub d_state: usize,
}

impl Sizes {
    /// Numbers of u and y.
    pub fn inputs(self) -> usize {
        self.steps() * self.head_dim
    }

    /// Numbers of Δ.
    pub fn steps(self) -> usize {
        self.batch * self.length * self.heads
    }

    /// Numbers of B, and of C.
    pub fn rows(self) -> usize {
        self.batch * self.length * self.groups * self.d_state
    }

    /// Numbers of all states at one time.
    pub fn states(self) -> usize {
        self.batch * self.heads * self.head_dim * self.d_state
    }
}

/// What goes in, as slices, the last axis fastest.
///
/// ```
/// use state_space_duality::ssd::{Sizes, SsdSlices, ssd_linear};
///
/// // One number that never forgets: it adds up what each step brings, as long as the step is.
/// let ssd = SsdSlices {
///     sizes: Sizes { batch: 1, length: 3, heads: 1, head_dim: 1, groups: 1, d_state: 1 },
///     u: &[1.0, 2.0, 3.0],
///     dt: &[1.0, 0.5, 2.0],
///     a: &[0.0],
///     b: &[1.0; 3],
///     c: &[1.0; 3],
///     d: &[0.0],
/// };
/// assert_eq!(ssd_linear(&ssd, &[0.0])?.y, [1.0, 2.0, 8.0]);
/// # Ok::<(), state_space_duality::ssd::SsdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SsdSlices<'a, T> {
    /// How many of what.
    pub sizes: Sizes,
    /// The input, `[batch, length, heads, head_dim]`.
    pub u: &'a [T],
    /// Δ: how long each step lasts, after bias and softplus, `[batch, length, heads]`.
    pub dt: &'a [T],
    /// The rate of each head, `[heads]`: negative where it forgets.
    pub a: &'a [T],
    /// Where the input goes, `[batch, length, groups, d_state]`.
    pub b: &'a [T],
    /// What is read of the state, `[batch, length, groups, d_state]`.
    pub c: &'a [T],
    /// What goes past the state, `[heads]`.
    pub d: &'a [T],
}

/// Refuses a slice of another length.
fn length<T>(name: &'static str, expected: usize, slice: &[T]) -> Result<(), SsdError> {
    match slice.len() {
        found if found == expected => Ok(()),
        found => Err(SsdError::Length { name, expected, found }),
    }
}

impl<T: RealField + Copy> SsdSlices<'_, T> {
    /// Refuses sizes that do not fit.
    ///
    /// # Errors
    /// [`SsdError`].
    pub fn check(&self) -> Result<(), SsdError> {
        let sizes @ Sizes { heads, head_dim, groups, d_state, .. } = self.sizes;
        if groups == 0 || !heads.is_multiple_of(groups) {
            return Err(SsdError::Groups { groups, heads });
        }
        let needed = [(head_dim, "input for each head"), (d_state, "state for each input")];
        if let Some((_, name)) = needed.into_iter().find(|&(count, _)| count == 0) {
            return Err(SsdError::None(name));
        }
        length("u", sizes.inputs(), self.u)?;
        length("dt", sizes.steps(), self.dt)?;
        length("a", heads, self.a)?;
        length("b", sizes.rows(), self.b)?;
        length("c", sizes.rows(), self.c)?;
        length("d", heads, self.d)
    }

    /// Where the inputs, the step and the row of B and C begin of the k-th step of a head of a sequence.
    fn at(&self, sequence: usize, k: usize, head: usize) -> At {
        let Sizes { length, heads, head_dim, groups, d_state, .. } = self.sizes;
        let step = (sequence * length + k) * heads + head;
        let group = head / (heads / groups);
        let row = ((sequence * length + k) * groups + group) * d_state;
        At { inputs: step * head_dim, step, row }
    }

    /// Δ, and how much of the state is kept, at one step of a head.
    fn clock(&self, sequence: usize, k: usize, head: usize) -> (T, T) {
        let dt = self.dt[self.at(sequence, k, head).step];
        (dt, (dt * self.a[head]).exp())
    }
}

/// Where the numbers of one step of one head begin.
#[derive(Debug, Clone, Copy)]
struct At {
    inputs: usize,
    step: usize,
    row: usize,
}

/// What comes out, and where it ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<T> {
    /// y, `[batch, length, heads, head_dim]`.
    pub y: Vec<T>,
    /// The last states, `[batch, heads, head_dim, d_state]`.
    pub state: Vec<T>,
}

// ---------------------------------------------------------------------------------------------
// Segment sums
// ---------------------------------------------------------------------------------------------

/// `S_ij = ℓ_{j+1} + … + ℓ_i` below the diagonal, 0 on it and -∞ above: the logarithm of the mask.
///
/// ```text
/// S_ij = S_{i-1,j} + ℓ_i
/// ```
///
/// - Each entry is a sum of its own, of numbers that have one sign: no digit is lost, whatever comes before and after.
/// - Cost O(L²), as many numbers as there are.
///
/// ```
/// use nalgebra::dmatrix;
/// use state_space_duality::ssd::segment_sums;
///
/// let no = f64::NEG_INFINITY;
/// assert_eq!(segment_sums(&[-9.0, -1.0, -0.5]), dmatrix![0.0, no, no; -1.0, 0.0, no; -1.5, -0.5, 0.0]);
/// ```
// ANCHOR: segment_sums
pub fn segment_sums<T: RealField + Copy>(log_decays: &[T]) -> DMatrix<T> {
    let count = log_decays.len();
    let mut sums = DMatrix::from_element(count, count, -T::one() / T::zero());
    for j in 0..count {
        let mut sum = T::zero();
        sums[(j, j)] = sum;
        for i in j + 1..count {
            sum += log_decays[i];
            sums[(i, j)] = sum;
        }
    }
    sums
}
// ANCHOR_END: segment_sums

/// The same as differences of cumulative sums, `S_ij = s_i - s_j`: one subtraction an entry, and soon wrong.
///
/// - *Breaks* where much was forgotten before: `s_i` and `s_j` are then both large, and what they differ by is below their last digit.
///   And where all was forgotten, ℓ = -∞: `-∞ - (-∞)` is no number.
///
/// ```
/// use state_space_duality::ssd::{segment_sums, segment_sums_by_difference};
///
/// // One long step, then short ones.
/// let log_decays = [-1e6_f32, -0.01, -0.01];
/// assert_eq!(segment_sums(&log_decays)[(2, 0)], -0.02);
/// assert_eq!(segment_sums_by_difference(&log_decays)[(2, 0)], 0.0);
/// ```
pub fn segment_sums_by_difference<T: RealField + Copy>(log_decays: &[T]) -> DMatrix<T> {
    let mut sum = T::zero();
    let sums: Vec<T> = log_decays
        .iter()
        .map(|&log_decay| {
            sum += log_decay;
            sum
        })
        .collect();
    DMatrix::from_fn(sums.len(), sums.len(), |i, j| {
        if i < j { -T::one() / T::zero() } else { sums[i] - sums[j] }
    })
}

// ---------------------------------------------------------------------------------------------
// Linear, quadratic, chunked
// ---------------------------------------------------------------------------------------------

/// Linear mode, the reference: one step after the other.
///
/// ```text
/// x_k = e^{Δ_k a} x_{k-1} + Δ_k u_k B_kᵀ      y_k = x_k C_k + d u_k
/// ```
///
/// - Shapes: those of [`SsdSlices`]; `initial` `[batch, heads, head_dim, d_state]`, zeros for a sequence that begins.
/// - Cost O(batch · length · heads · head_dim · d_state), and nothing kept.
///
/// # Errors
/// [`SsdError`] for slices that do not fit.
///
/// Source: T. Dao, A. Gu, *Transformers are SSMs* (2024), section 5.
///
/// See [`SsdSlices`] for an example.
pub fn ssd_linear<T: RealField + Copy>(
    ssd: &SsdSlices<T>,
    initial: &[T],
) -> Result<Outcome<T>, SsdError> {
    ssd.check()?;
    length("initial", ssd.sizes.states(), initial)?;
    let Sizes { length, heads, head_dim, d_state, .. } = ssd.sizes;
    let (mut y, mut state) = (vec![T::zero(); ssd.u.len()], initial.to_vec());
    for (i, x) in state.chunks_exact_mut(head_dim * d_state).enumerate() {
        let (sequence, head) = (i / heads, i % heads);
        for k in 0..length {
            let (At { inputs, row, .. }, (dt, kept)) =
                (ssd.at(sequence, k, head), ssd.clock(sequence, k, head));
            for (p, x) in x.chunks_exact_mut(d_state).enumerate() {
                let u = ssd.u[inputs + p];
                let mut read = ssd.d[head] * u;
                for ((x, &b), &c) in x.iter_mut().zip(&ssd.b[row..]).zip(&ssd.c[row..]) {
                    *x = kept * *x + dt * u * b;
                    read += c * *x;
                }
                y[inputs + p] = read;
            }
        }
    }
    Ok(Outcome { y, state })
}

/// Quadratic mode: attention with a mask of decays, entry by entry.
///
/// ```text
/// y_i = Σ_{j ≤ i} ā_i ⋯ ā_{j+1} (C_i · B_j) Δ_j u_j + ā_i ⋯ ā_0 x C_i + d u_i
/// ```
///
/// - Cost O(batch · length² · heads · (head_dim + d_state)).
///
/// # Errors
/// As [`ssd_linear`].
///
/// ```
/// use state_space_duality::ssd::{Sizes, SsdSlices, ssd_linear, ssd_quadratic};
///
/// let numbers: Vec<f64> = (0..24).map(|k| (1.3 * f64::from(k)).sin()).collect();
/// let ssd = SsdSlices {
///     sizes: Sizes { batch: 1, length: 6, heads: 2, head_dim: 2, groups: 1, d_state: 3 },
///     u: &numbers,
///     dt: &[0.3; 12],
///     a: &[-1.0, -0.2],
///     b: &numbers[..18],
///     c: &numbers[6..],
///     d: &[1.0, 0.5],
/// };
/// let (one, other) = (ssd_linear(&ssd, &[0.1; 12])?, ssd_quadratic(&ssd, &[0.1; 12])?);
/// assert!(one.y.iter().zip(&other.y).all(|(one, other)| (one - other).abs() < 1e-14));
/// # Ok::<(), state_space_duality::ssd::SsdError>(())
/// ```
pub fn ssd_quadratic<T: RealField + Copy>(
    ssd: &SsdSlices<T>,
    initial: &[T],
) -> Result<Outcome<T>, SsdError> {
    ssd.check()?;
    length("initial", ssd.sizes.states(), initial)?;
    let Sizes { length, heads, head_dim, d_state, .. } = ssd.sizes;
    let (mut y, mut state) = (vec![T::zero(); ssd.u.len()], initial.to_vec());
    for (h, x) in state.chunks_exact_mut(head_dim * d_state).enumerate() {
        let (sequence, head) = (h / heads, h % heads);
        let step = |k: usize| (ssd.at(sequence, k, head), ssd.clock(sequence, k, head));
        for i in 0..length {
            let query = step(i).0;
            let mut mask = T::one();
            for j in (0..=i).rev() {
                let (key, (dt, kept)) = step(j);
                let heard = mask * dot(ssd, query, key) * dt;
                (0..head_dim).for_each(|p| y[query.inputs + p] += heard * ssd.u[key.inputs + p]);
                mask *= kept;
            }
            for (p, x) in x.chunks_exact(d_state).enumerate() {
                let past: T =
                    (0..d_state).fold(T::zero(), |sum, n| sum + ssd.c[query.row + n] * x[n]);
                y[query.inputs + p] += mask * past + ssd.d[head] * ssd.u[query.inputs + p];
            }
        }
        last_state(ssd, sequence, head, x);
    }
    Ok(Outcome { y, state })
}

/// `C_i · B_j`.
fn dot<T: RealField + Copy>(ssd: &SsdSlices<T>, query: At, key: At) -> T {
    let n = ssd.sizes.d_state;
    let pairs = ssd.c[query.row..][..n].iter().zip(&ssd.b[key.row..][..n]);
    pairs.fold(T::zero(), |sum, (&c, &b)| sum + c * b)
}

/// `x = ā_{L-1} ⋯ ā_0 x + Σ_j ā_{L-1} ⋯ ā_{j+1} Δ_j u_j B_jᵀ`.
fn last_state<T: RealField + Copy>(ssd: &SsdSlices<T>, sequence: usize, head: usize, x: &mut [T]) {
    let Sizes { length, d_state, .. } = ssd.sizes;
    let (before, mut mask) = (x.to_vec(), T::one());
    x.fill(T::zero());
    for j in (0..length).rev() {
        let (At { inputs, row, .. }, (dt, kept)) =
            (ssd.at(sequence, j, head), ssd.clock(sequence, j, head));
        for (i, x) in x.iter_mut().enumerate() {
            *x += mask * dt * ssd.u[inputs + i / d_state] * ssd.b[row + i % d_state];
        }
        mask *= kept;
    }
    x.iter_mut().zip(before).for_each(|(x, before)| *x += mask * before);
}

/// Chunked mode: attention within a chunk, a state from chunk to chunk, all of it products of matrices (eq-7-2).
///
/// - One step a chunk is the recurrence, all steps in one is attention; where between them it is fastest depends on the machine,
///   the outcome only in its rounding. Any length: the last chunk may be shorter.
/// - Cost O(batch · length · heads · (chunk · (head_dim + d_state) + head_dim · d_state)), on all cores.
///
/// # Errors
/// As [`ssd_linear`], and for chunks without steps.
///
/// Source: T. Dao, A. Gu, *Transformers are SSMs* (2024), section 6; `ssd_minimal_discrete` of their repository.
///
/// ```
/// use state_space_duality::ssd::{Sizes, SsdSlices, ssd_chunked, ssd_linear};
///
/// let numbers: Vec<f64> = (0..20).map(|k| (1.3 * f64::from(k)).sin()).collect();
/// let ssd = SsdSlices {
///     sizes: Sizes { batch: 1, length: 5, heads: 2, head_dim: 2, groups: 2, d_state: 2 },
///     u: &numbers,
///     dt: &[0.3; 10],
///     a: &[-1.0, -0.2],
///     b: &numbers,
///     c: &numbers,
///     d: &[1.0, 0.5],
/// };
/// let exact = ssd_linear(&ssd, &[0.1; 8])?;
/// for chunk in [1, 2, 3, 5, 99] {
///     let found = ssd_chunked(&ssd, &[0.1; 8], chunk)?;
///     assert!(found.y.iter().zip(&exact.y).all(|(found, exact)| (found - exact).abs() < 1e-14));
/// }
/// # Ok::<(), state_space_duality::ssd::SsdError>(())
/// ```
pub fn ssd_chunked<T: RealField + Copy>(
    ssd: &SsdSlices<T>,
    initial: &[T],
    chunk: usize,
) -> Result<Outcome<T>, SsdError> {
    ssd.check()?;
    length("initial", ssd.sizes.states(), initial)?;
    let Sizes { length, heads, head_dim, d_state, .. } = ssd.sizes;
    if chunk == 0 {
        return Err(SsdError::None("step in a chunk"));
    }
    let mut state = initial.to_vec();
    let of_head = |(i, x): (usize, &mut [T])| {
        let (sequence, head) = (i / heads, i % heads);
        let mut y = Vec::with_capacity(length * head_dim);
        let mut before = DMatrix::from_row_slice(head_dim, d_state, x);
        for from in (0..length).step_by(chunk) {
            let piece = Chunk::of(ssd, sequence, head, from, length.min(from + chunk));
            let (read, after) = piece.run(&before);
            y.extend(read.transpose().iter());
            before = after;
        }
        x.copy_from_slice(before.transpose().as_slice());
        y
    };
    let each = state.par_chunks_exact_mut(head_dim * d_state).enumerate();
    let read: Vec<Vec<T>> = each.map(of_head).collect();
    let past_the_state = |step: usize, y: &mut [T]| {
        let (sequence, k, head) = (step / heads / length, step / heads % length, step % heads);
        let read = &read[sequence * heads + head][k * head_dim..][..head_dim];
        let u = &ssd.u[step * head_dim..][..head_dim];
        let each = y.iter_mut().zip(read.iter().zip(u));
        each.for_each(|(y, (&read, &u))| *y = read + ssd.d[head] * u);
    };
    let mut y = vec![T::zero(); ssd.u.len()];
    y.chunks_exact_mut(head_dim).enumerate().for_each(|(step, y)| past_the_state(step, y));
    Ok(Outcome { y, state })
}

/// One chunk of one head, as matrices.
struct Chunk<T: RealField> {
    /// C, `[chunk, d_state]`.
    c: DMatrix<T>,
    /// B, `[chunk, d_state]`.
    b: DMatrix<T>,
    /// Δu, `[chunk, head_dim]`.
    v: DMatrix<T>,
    /// What is left at step i of what came in at step j, `[chunk, chunk]`: 1 on the diagonal, 0 above.
    mask: DMatrix<T>,
    /// What is left at each step of the state before the chunk.
    since: Vec<T>,
    /// What is left after the chunk of what came in at each step.
    until: Vec<T>,
    /// What is left after the chunk of the state before it.
    whole: T,
}

impl<T: RealField + Copy> Chunk<T> {
    fn of(ssd: &SsdSlices<T>, sequence: usize, head: usize, from: usize, to: usize) -> Self {
        let Sizes { heads, head_dim, groups, d_state, .. } = ssd.sizes;
        let (count, first) = (to - from, ssd.at(sequence, from, head));
        let rows = |slice: &[T], start: usize, width: usize, stride: usize| {
            DMatrix::from_fn(count, width, |k, i| slice[start + k * stride + i])
        };
        let mut v = rows(ssd.u, first.inputs, head_dim, heads * head_dim);
        let clocks: Vec<(T, T)> = (from..to).map(|k| ssd.clock(sequence, k, head)).collect();
        for (mut v, (dt, _)) in v.row_iter_mut().zip(&clocks) {
            v *= *dt;
        }
        let kept: Vec<T> = clocks.into_iter().map(|(_, kept)| kept).collect();
        let mut mask = DMatrix::zeros(count, count);
        for (j, mut column) in mask.column_iter_mut().enumerate() {
            let mut left = T::one();
            for i in j..count {
                column[i] = left;
                left *= kept.get(i + 1).copied().unwrap_or_else(T::one);
            }
        }
        let mut left = T::one();
        let since: Vec<T> = kept
            .iter()
            .map(|&kept| {
                left *= kept;
                left
            })
            .collect();
        Self {
            c: rows(ssd.c, first.row, d_state, groups * d_state),
            b: rows(ssd.b, first.row, d_state, groups * d_state),
            v,
            until: mask.row(count - 1).iter().copied().collect(),
            mask,
            since,
            whole: left,
        }
    }
}

// ANCHOR: chunk
impl<T: RealField + Copy> Chunk<T> {
    /// Equation 7-2: y of the chunk, `[chunk, head_dim]`, and the state after it.
    fn run(&self, x: &DMatrix<T>) -> (DMatrix<T>, DMatrix<T>) {
        let Self { c, b, v, mask, since, until, whole } = self;
        // Within the chunk: attention.
        let mut y = (c * b.transpose()).component_mul(mask) * v;
        // What came before it, through the state.
        y += scaled(c, since) * x.transpose();
        // What comes after it.
        let after = x * *whole + scaled(v, until).transpose() * b;
        (y, after)
    }
}
// ANCHOR_END: chunk

/// Each row times a number of its own.
fn scaled<T: RealField + Copy>(matrix: &DMatrix<T>, by: &[T]) -> DMatrix<T> {
    let mut scaled = matrix.clone();
    for (mut row, by) in scaled.row_iter_mut().zip(by) {
        row *= *by;
    }
    scaled
}

// ---------------------------------------------------------------------------------------------
// What it costs
// ---------------------------------------------------------------------------------------------

/// How many pairs of numbers the products of matrices multiply, and what for.
///
/// ```
/// use state_space_duality::ssd::{Sizes, products};
///
/// // One chunk of one head of mamba2-130m.
/// let sizes = Sizes { batch: 1, length: 64, heads: 1, head_dim: 64, groups: 1, d_state: 128 };
/// let products = products(sizes, 64)?;
/// assert_eq!(products.within, 64 * 64 * (128 + 64));
/// assert_eq!([products.brought, products.read], [64 * 64 * 128; 2]);
/// assert_eq!(products.handed_on, 64 * 128);
/// # Ok::<(), state_space_duality::ssd::SsdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Products {
    /// Within chunks: queries with keys, what is heard with the inputs.
    pub within: usize,
    /// What each chunk brings to the state after it.
    pub brought: usize,
    /// States, from chunk to chunk.
    pub handed_on: usize,
    /// What is read of the state before each chunk.
    pub read: usize,
    /// Decays, where products of matrices add them up.
    pub decays: usize,
}

impl Products {
    /// All of them.
    pub fn all(self) -> usize {
        self.within + self.brought + self.handed_on + self.read + self.decays
    }
}

/// The products of [`ssd_chunked`].
///
/// ```text
/// a step:  chunk (groups N + heads P)  +  heads P N  +  heads P N / chunk  +  heads P N
/// ```
///
/// - Squares are counted whole, as products of matrices take them, though half of each is masked.
/// - Fewest where a chunk costs as much within as to hand on a state: `chunk² = heads P N / (groups N + heads P)`.
///
/// # Errors
/// For chunks without steps.
///
/// See [`Products`] for an example.
pub fn products(sizes: Sizes, chunk: usize) -> Result<Products, SsdError> {
    let Sizes { batch, length, heads, head_dim, groups, d_state } = sizes;
    if chunk == 0 {
        return Err(SsdError::None("step in a chunk"));
    }
    let (whole, rest) = (length / chunk, length % chunk);
    // Pairs of steps that share a chunk.
    let pairs = batch * (whole * chunk * chunk + rest * rest);
    let state = heads * head_dim * d_state;
    Ok(Products {
        within: pairs * (groups * d_state + heads * head_dim),
        brought: batch * length * state,
        handed_on: batch * length.div_ceil(chunk) * state,
        read: batch * length * state,
        decays: 0,
    })
}

// ---------------------------------------------------------------------------------------------
// The way back
// ---------------------------------------------------------------------------------------------

/// The gradients of a loss, each shaped like what it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct SsdGradients {
    /// By u.
    pub u: Vec<f64>,
    /// By Δ, after bias and softplus.
    pub dt: Vec<f64>,
    /// By the rates.
    pub a: Vec<f64>,
    /// By B.
    pub b: Vec<f64>,
    /// By C.
    pub c: Vec<f64>,
    /// By d.
    pub d: Vec<f64>,
    /// By the state before the first step.
    pub initial: Vec<f64>,
}

/// The gradients of a loss by everything that goes into [`ssd_chunked`], from its gradients by y and by the last state.
///
/// ```text
/// ∂L/∂G = ∂L/∂y Vᵀ      ∂L/∂V = Gᵀ ∂L/∂y + …      ∂L/∂S = ∂L/∂G ⊙ G      ∂L/∂ℓ_k = Σ_{j < k ≤ i} ∂L/∂S_ij
/// ```
///
/// - Every product on the way there has two on the way back. A decay is blamed by all entries of the mask that it is part of: all
///   pairs of a step before it and a step after.
/// - Shapes: `gradient` like y, `by_last` like the state. Keeps one state a chunk, and makes the rest again.
/// - Cost about twice that of the way there.
///
/// # Errors
/// As [`ssd_chunked`].
///
/// ```
/// use state_space_duality::ssd::{Sizes, SsdSlices, ssd_adjoint, ssd_linear};
///
/// // If the second of two steps took longer, what would be left of the first one's input?
/// let after = |dt: f64| -> Result<_, state_space_duality::ssd::SsdError> {
///     let ssd = SsdSlices {
///         sizes: Sizes { batch: 1, length: 2, heads: 1, head_dim: 1, groups: 1, d_state: 1 },
///         u: &[2.0, 1.0],
///         dt: &[1.0, dt],
///         a: &[-1.0],
///         b: &[1.0, 1.0],
///         c: &[1.0, 3.0],
///         d: &[0.0],
///     };
///     Ok((ssd_linear(&ssd, &[0.0])?.y[1], ssd_adjoint(&ssd, &[0.0], 2, &[0.0, 1.0], &[0.0])?.dt[1]))
/// };
/// let difference = (after(0.3 + 1e-5)?.0 - after(0.3 - 1e-5)?.0) / 2e-5;
/// assert!((after(0.3)?.1 - difference).abs() < 1e-9);
/// # Ok::<(), state_space_duality::ssd::SsdError>(())
/// ```
pub fn ssd_adjoint(
    ssd: &SsdSlices<f64>,
    initial: &[f64],
    chunk: usize,
    gradient: &[f64],
    by_last: &[f64],
) -> Result<SsdGradients, SsdError> {
    ssd.check()?;
    length("initial", ssd.sizes.states(), initial)?;
    length("gradient", ssd.u.len(), gradient)?;
    length("by_last", ssd.sizes.states(), by_last)?;
    if chunk == 0 {
        return Err(SsdError::None("step in a chunk"));
    }
    let Sizes { length, heads, head_dim, d_state, .. } = ssd.sizes;
    let zeros = |slice: &[f64]| vec![0.0; slice.len()];
    let mut by = SsdGradients {
        u: zeros(ssd.u),
        dt: zeros(ssd.dt),
        a: zeros(ssd.a),
        b: zeros(ssd.b),
        c: zeros(ssd.c),
        d: zeros(ssd.d),
        initial: zeros(initial),
    };
    for i in 0..ssd.sizes.batch * heads {
        let (sequence, head) = (i / heads, i % heads);
        let state = |of: &[f64]| {
            DMatrix::from_row_slice(
                head_dim,
                d_state,
                &of[i * head_dim * d_state..][..head_dim * d_state],
            )
        };
        let starts: Vec<usize> = (0..length).step_by(chunk).collect();
        let piece = |from: usize| Chunk::of(ssd, sequence, head, from, length.min(from + chunk));
        // There, and one state kept a chunk.
        let mut before = vec![state(initial)];
        for &from in &starts {
            let after = piece(from).run(&before[before.len() - 1]).1;
            before.push(after);
        }
        // And back.
        let mut handed_back = state(by_last);
        for (&from, x) in starts.iter().zip(&before).rev() {
            let piece = piece(from);
            let by_y = DMatrix::from_fn(piece.v.nrows(), head_dim, |k, p| {
                gradient[ssd.at(sequence, from + k, head).inputs + p]
            });
            let found = piece.run_back(x, [&by_y, &handed_back]);
            give(ssd, (sequence, head, from), &by_y, &found, &mut by);
            handed_back = found.x;
        }
        by.initial[i * head_dim * d_state..][..head_dim * d_state]
            .copy_from_slice(handed_back.transpose().as_slice());
    }
    Ok(by)
}

/// The gradients by the parts of one chunk.
struct ByChunk {
    c: DMatrix<f64>,
    b: DMatrix<f64>,
    /// By Δu.
    v: DMatrix<f64>,
    /// By ℓ = Δ a.
    log_decays: Vec<f64>,
    /// By the state before the chunk.
    x: DMatrix<f64>,
}

// ANCHOR: back
impl Chunk<f64> {
    /// [`Chunk::run`] backwards, from the gradients by y and by the state after it.
    fn run_back(&self, x: &DMatrix<f64>, by: [&DMatrix<f64>; 2]) -> ByChunk {
        let [by_y, by_after] = by;
        let Self { c, b, v, mask, since, until, whole } = self;
        // Within the chunk.
        let heard = (c * b.transpose()).component_mul(mask);
        let by_heard = by_y * v.transpose();
        let by_scores = by_heard.component_mul(mask);
        let through_x = scaled(by_y, since);
        let through_after = scaled(v, until);
        ByChunk {
            c: &by_scores * b + &through_x * x,
            b: by_scores.transpose() * c + &through_after * by_after,
            v: heard.transpose() * by_y + scaled(b, until) * by_after.transpose(),
            log_decays: blame(
                &by_heard.component_mul(&heard),
                &rowwise(&(&through_x * x), c),
                &rowwise(&(&through_after * by_after), b),
                whole * by_after.dot(x),
            ),
            x: by_after * *whole + through_x.transpose() * c,
        }
    }
}
// ANCHOR_END: back

/// Of each row the inner product with the same row of another matrix.
fn rowwise(left: &DMatrix<f64>, right: &DMatrix<f64>) -> Vec<f64> {
    left.row_iter().zip(right.row_iter()).map(|(left, right)| left.dot(&right)).collect()
}

/// Each decay is blamed by all entries that it is part of: from any step before it, or the state before the chunk, to itself, any step
/// after it, or the state after the chunk.
// ANCHOR: blame
fn blame(between: &DMatrix<f64>, since: &[f64], until: &[f64], whole: f64) -> Vec<f64> {
    let count = since.len();
    let mut blamed = vec![0.0; count];
    for i in 0..=count {
        // What reaches step i, or the end: from the state before, then from each step.
        let mut reaches = if i < count { since[i] } else { whole };
        for k in 0..=i.min(count - 1) {
            blamed[k] += reaches;
            reaches += if i < count { between[(i, k)] } else { until[k] };
        }
    }
    blamed
}
// ANCHOR_END: blame

/// Adds what a chunk found to the gradients of all.
fn give(
    ssd: &SsdSlices<f64>,
    (sequence, head, from): (usize, usize, usize),
    by_y: &DMatrix<f64>,
    found: &ByChunk,
    by: &mut SsdGradients,
) {
    let Sizes { head_dim, d_state, .. } = ssd.sizes;
    for (k, by_log_decay) in found.log_decays.iter().enumerate() {
        let At { inputs, step, row } = ssd.at(sequence, from + k, head);
        let dt = ssd.dt[step];
        by.a[head] += by_log_decay * dt;
        by.dt[step] += by_log_decay * ssd.a[head];
        for p in 0..head_dim {
            by.dt[step] += found.v[(k, p)] * ssd.u[inputs + p];
            by.u[inputs + p] += found.v[(k, p)] * dt + by_y[(k, p)] * ssd.d[head];
            by.d[head] += by_y[(k, p)] * ssd.u[inputs + p];
        }
        for n in 0..d_state {
            by.b[row + n] += found.b[(k, n)];
            by.c[row + n] += found.c[(k, n)];
        }
    }
}
