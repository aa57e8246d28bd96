//! *Each state waits for the one before it. Can a thousand workers share the waiting?*
//!
//! They can, because steps compose. A step `x ↦ a x + b` is an [`Affine`] map, two of them in a row are another
//! one, and how a row of them is put in brackets does not matter:
//!
//! ```text
//! (a₁, b₁) then (a₂, b₂) = (a₂ a₁, a₂ b₁ + b₂)                                          (eq-4-6)
//! ```
//!
//! [`scan`] is the loop, for any associative operation; [`scan_hillis_steele`], [`scan_blelloch`] and
//! [`scan_chunked`] put the brackets elsewhere, so that much of the work does not wait. [`scan_rows`] is the
//! first-order recurrence alone, as fast as the memory. [`scan_by_products`] and [`scan_heinsen`] rewrite it as
//! library calls, and pay in digits.
//!
//! Conventions: scans are inclusive; `x_k = a_k x_{k-1} + b_k` from `x_{-1} = initial`; rows are contiguous in time.

use std::ops::{Add, Mul};
use std::sync::atomic::{AtomicUsize, Ordering};

use nalgebra::{Complex, ComplexField, RealField};
use rayon::prelude::*;
use thiserror::Error;

/// Why a recurrence cannot be run: a sentence with the length that was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScanError {
    /// Coefficients, inputs or states do not have the same length.
    #[error("expected {name} to have {expected} numbers, as a has, found {found}")]
    Length {
        /// What has the wrong length.
        name: &'static str,
        /// The length of the coefficients.
        expected: usize,
        /// Its own.
        found: usize,
    },
    /// The coefficients do not fill whole rows.
    #[error("expected a to fill {rows} rows, one for each initial state, found {found} numbers")]
    Rows {
        /// How many initial states there are.
        rows: usize,
        /// How many coefficients.
        found: usize,
    },
}

/// Refuses a row that is not as long as the coefficients.
///
/// # Errors
/// [`ScanError::Length`].
///
/// ```
/// assert!(ml_links::scans::same_length("b", 3, 2).is_err());
/// ```
pub fn same_length(name: &'static str, expected: usize, found: usize) -> Result<(), ScanError> {
    if expected == found { Ok(()) } else { Err(ScanError::Length { name, expected, found }) }
}

// ---------------------------------------------------------------------------------------------
// Steps that compose
// ---------------------------------------------------------------------------------------------

/// The map `x ↦ scale x + shift`: one step of a recurrence, or any number of them.
///
/// Associative, and that is all a scan needs. Not commutative: what comes later is scaled less.
///
/// ```
/// use ml_links::scans::Affine;
///
/// let halve = Affine { scale: 0.5, shift: 0.0 };
/// let add_one = Affine { scale: 1.0, shift: 1.0 };
/// assert_eq!(halve.then(add_one).apply(6.0), 4.0);
/// assert_eq!(add_one.then(halve).apply(6.0), 3.5);
/// ```
// ANCHOR: affine
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine<T> {
    /// What becomes of the state before.
    pub scale: T,
    /// What is added.
    pub shift: T,
}

impl<T: Copy + Add<Output = T> + Mul<Output = T>> Affine<T> {
    /// This map, and the `next` one after it.
    pub fn then(self, next: Self) -> Self {
        Affine { scale: next.scale * self.scale, shift: next.apply(self.shift) }
    }

    /// Where the state `x` goes.
    pub fn apply(self, x: T) -> T {
        self.scale * x + self.shift
    }
}
// ANCHOR_END: affine

// ---------------------------------------------------------------------------------------------
// Scans with any associative operation
// ---------------------------------------------------------------------------------------------

/// All prefixes of `items` under an associative operation, one after the other: the reference.
///
/// ```text
/// out_k = items_0 then items_1 then … then items_k
/// ```
///
/// - *Exact* always: it needs no associativity. Work n - 1 operations, each waiting for the last: depth n - 1.
///
/// ```
/// use ml_links::scans::scan;
///
/// assert_eq!(scan(&[3, 1, 7, 0], |x, y| x + y), [3, 4, 11, 11]);
/// assert_eq!(scan(&["so", "me", "one"].map(String::from), |x, y| format!("{x}{y}")), ["so", "some", "someone"]);
/// ```
pub fn scan<T: Clone>(items: &[T], then: impl Fn(&T, &T) -> T) -> Vec<T> {
    let mut prefixes: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        let prefix = prefixes.last().map_or_else(|| item.clone(), |before| then(before, item));
        prefixes.push(prefix);
    }
    prefixes
}

/// All prefixes in the fewest rounds: in round d each place looks 1, 2, 4, … places back.
///
/// - *Exact when* the operation is associative; for rounded numbers up to the order of rounding.
/// - *Good for* a vector of processors in lockstep, such as the 32 lanes of a GPU's warp. Depth ⌈log₂ n⌉, but work about
///   n log₂ n: ten times the loop's for n = 1024.
/// - Any length.
///
/// Source: W. D. Hillis, G. L. Steele, *Data parallel algorithms* (1986).
///
/// ```
/// use ml_links::scans::scan_hillis_steele;
///
/// assert_eq!(scan_hillis_steele(&[3, 1, 7, 0, 4], |x, y| x + y), [3, 4, 11, 11, 15]);
/// ```
pub fn scan_hillis_steele<T: Clone>(items: &[T], then: impl Fn(&T, &T) -> T) -> Vec<T> {
    let mut prefixes = items.to_vec();
    let mut distance = 1;
    while distance < items.len() {
        // Every place at once: each reads what the last round left.
        let joined =
            prefixes.iter().zip(&prefixes[distance..]).map(|(left, right)| then(left, right));
        prefixes = prefixes[..distance].iter().cloned().chain(joined).collect();
        distance *= 2;
    }
    prefixes
}

/// All prefixes by a tree: up to gather, down to hand out.
///
/// - *Exact when* the operation is associative; for rounded numbers up to the order of rounding.
/// - *Good for* many processors: work below 2n, depth about 2 log₂ n. On one processor it is a loop with worse
///   manners in memory.
/// - Any length, and no identity is needed: Blelloch's down-sweep hands out what lies *before* each place, this one what
///   lies up to it, as Brent and Kung's adder does.
///
/// Source: G. E. Blelloch, *Prefix sums and their applications* (1990); R. P. Brent, H. T. Kung, *A regular layout for
/// parallel adders* (1982).
///
/// ```
/// use ml_links::scans::scan_blelloch;
///
/// assert_eq!(scan_blelloch(&[3, 1, 7, 0, 4], |x, y| x + y), [3, 4, 11, 11, 15]);
/// ```
// ANCHOR: scan_blelloch
pub fn scan_blelloch<T: Clone>(items: &[T], then: impl Fn(&T, &T) -> T) -> Vec<T> {
    let mut tree = items.to_vec();
    let powers = || (0..usize::BITS).map(|level| 1 << level);
    let distances = || powers().take_while(|distance| *distance < items.len());

    // Up-sweep: each right child gathers its left sibling.
    for distance in distances() {
        gather(&mut tree, distance - 1, distance, &then);
    }
    // Down-sweep: each finished prefix is handed half as far, to the right.
    for distance in distances().collect::<Vec<_>>().into_iter().rev() {
        gather(&mut tree, 2 * distance - 1, distance, &then);
    }
    tree
}

/// From `first` on, every second stride of `distance` is joined to the one before it.
fn gather<T>(tree: &mut [T], first: usize, distance: usize, then: impl Fn(&T, &T) -> T) {
    // The pairs share no item, so a machine may do all of them at once.
    for pair in tree.get_mut(first..).unwrap_or_default().chunks_mut(2 * distance) {
        if distance < pair.len() {
            pair[distance] = then(&pair[0], &pair[distance]);
        }
    }
}
// ANCHOR_END: scan_blelloch

/// All prefixes in pieces, one a worker: scan each, carry the ends along, hand each end to the next piece.
///
/// - *Exact when* the operation is associative; for rounded numbers up to the order of rounding. The outcome depends on
///   `pieces` (0 counts as 1), never on how many workers there are.
/// - *Good for* an operation that costs much, such as the product of matrices: work below 2n, depth about 2n / pieces.
///   So p workers are at most p/2 times as fast as the loop.
/// - Any length.
///
/// ```
/// use ml_links::scans::scan_chunked;
///
/// assert_eq!(scan_chunked(&[3, 1, 7, 0, 4], 2, |x, y| x + y), [3, 4, 11, 11, 15]);
/// ```
pub fn scan_chunked<T: Clone + Send + Sync>(
    items: &[T],
    pieces: usize,
    then: impl Fn(&T, &T) -> T + Sync,
) -> Vec<T> {
    let length = items.len().div_ceil(pieces.max(1)).max(1);

    // Each piece for itself, as if nothing came before.
    let mut scanned: Vec<Vec<T>> =
        items.par_chunks(length).map(|piece| scan(piece, &then)).collect();
    // What came before each piece but the first: a short scan of the ends.
    let ends: Vec<T> = scanned.iter().filter_map(|piece| piece.last().cloned()).collect();
    let before = scan(&ends, &then);
    // Hand it to the whole piece.
    scanned.par_iter_mut().skip(1).zip(&before).for_each(|(piece, before)| {
        piece.iter_mut().for_each(|prefix| *prefix = then(before, prefix));
    });
    scanned.into_iter().flatten().collect()
}

/// An item that knows how many operations it had to wait for, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting<T> {
    /// The item itself.
    pub item: T,
    /// The longest chain of operations behind it.
    pub rounds: usize,
}

/// An operation that counts: its calls in `work`, and in each item the calls that it had to wait for.
///
/// ```
/// use std::sync::atomic::AtomicUsize;
/// use ml_links::scans::{Waiting, counting, scan_blelloch};
///
/// let work = AtomicUsize::new(0);
/// let items = [3, 1, 7, 0].map(|item| Waiting { item, rounds: 0 });
/// let prefixes = scan_blelloch(&items, counting(|x, y| x + y, &work));
/// assert_eq!(prefixes[3], Waiting { item: 11, rounds: 2 });
/// assert_eq!(work.into_inner(), 4);
/// ```
pub fn counting<T>(
    then: impl Fn(&T, &T) -> T,
    work: &AtomicUsize,
) -> impl Fn(&Waiting<T>, &Waiting<T>) -> Waiting<T> {
    move |left, right| {
        work.fetch_add(1, Ordering::Relaxed);
        let rounds = 1 + left.rounds.max(right.rounds);
        Waiting { item: then(&left.item, &right.item), rounds }
    }
}

// ---------------------------------------------------------------------------------------------
// The first-order recurrence
// ---------------------------------------------------------------------------------------------

/// `x_k = a_k x_{k-1} + b_k` by the loop that everybody would write: the reference.
///
/// - Shapes: `a`, `b` and the outcome `[length]`; `initial` is x before the first step. Real or complex.
/// - Cost O(length), one multiplication and one addition a step, each waiting for the last.
///
/// # Errors
/// [`ScanError::Length`] when `b` is not as long as `a`.
///
/// ```
/// use ml_links::scans::scan_recurrence;
///
/// assert_eq!(scan_recurrence(&[0.5, 0.5, 0.0], &[1.0, 1.0, 1.0], 2.0)?, [2.0, 2.0, 1.0]);
/// # Ok::<(), ml_links::scans::ScanError>(())
/// ```
pub fn scan_recurrence<T: Copy + Add<Output = T> + Mul<Output = T>>(
    a: &[T],
    b: &[T],
    initial: T,
) -> Result<Vec<T>, ScanError> {
    same_length("b", a.len(), b.len())?;
    let mut x = initial;
    let steps = a.iter().zip(b).map(|(&scale, &shift)| {
        x = Affine { scale, shift }.apply(x);
        x
    });
    Ok(steps.collect())
}

/// How many steps the processor takes without waiting for the state.
const TILE: usize = 8;

/// The fewest steps that are worth waking another thread for.
const GRAIN: usize = 1 << 14;

/// `x_k = a_k x_{k-1} + b_k` in each row of `a` and `b`, on all cores, as fast as the memory.
///
/// - Shapes: `a`, `b`, `x` `[rows, length]`, each row contiguous (`[batch, channels, length]` has batch · channels rows);
///   `initial` `[rows]`, the state before the first step of each. `x` is overwritten.
/// - Many rows are shared among the threads of rayon's pool. With fewer rows than threads, the time of a row is
///   shared: p threads take p + 1 pieces, at most (p + 1)/2 times as fast as one. Short work stays on this thread.
/// - *Exact* to a few roundings beside [`scan_recurrence`]: eight steps at a time are composed before the state is
///   known. Where that overflows they are taken one by one. *Breaks* only for states near the largest number
///   that fall by a factor of 1e38 within eight steps.
/// - Cost O(rows · length): 12 bytes through the memory for each step.
///
/// # Errors
/// [`ScanError`] when the lengths do not fit; `x` is then untouched.
///
/// ```
/// use ml_links::scans::scan_rows;
///
/// let (a, b) = ([0.5, 0.5, 2.0, 2.0], [1.0, 1.0, 0.0, 1.0]);
/// let mut x = [0.0; 4];
/// scan_rows(&a, &b, &[2.0, 3.0], &mut x)?;
/// assert_eq!(x, [2.0, 2.0, 6.0, 13.0]);
/// # Ok::<(), ml_links::scans::ScanError>(())
/// ```
pub fn scan_rows(a: &[f32], b: &[f32], initial: &[f32], x: &mut [f32]) -> Result<(), ScanError> {
    let Some(length) = row_length(a, b, initial, x)? else { return Ok(()) };
    let threads = rayon::current_num_threads();
    if threads == 1 || a.len() < 2 * GRAIN {
        rows_one_by_one(a, b, initial, x, length);
    } else if initial.len() >= threads {
        let together = GRAIN.div_ceil(length);
        let block = together * length;
        let rows = x.par_chunks_mut(block).zip(initial.par_chunks(together));
        rows.zip(a.par_chunks(block).zip(b.par_chunks(block)))
            .for_each(|((x, initial), (a, b))| rows_one_by_one(a, b, initial, x, length));
    } else {
        let rows = x.chunks_mut(length).zip(initial);
        for ((x, initial), (a, b)) in rows.zip(a.chunks(length).zip(b.chunks(length))) {
            scan_in_pieces(a, b, *initial, x, threads + 1);
        }
    }
    Ok(())
}

/// [`scan_rows`] on this thread alone: with its tiles, without other cores.
///
/// # Errors
/// As [`scan_rows`].
///
/// ```
/// use ml_links::scans::scan_rows_on_one_core;
///
/// let mut x = [0.0; 3];
/// scan_rows_on_one_core(&[0.5; 3], &[1.0; 3], &[2.0], &mut x)?;
/// assert_eq!(x, [2.0; 3]);
/// # Ok::<(), ml_links::scans::ScanError>(())
/// ```
pub fn scan_rows_on_one_core(
    a: &[f32],
    b: &[f32],
    initial: &[f32],
    x: &mut [f32],
) -> Result<(), ScanError> {
    let Some(length) = row_length(a, b, initial, x)? else { return Ok(()) };
    rows_one_by_one(a, b, initial, x, length);
    Ok(())
}

/// The recurrence of one row with its time cut into pieces, whatever the length: what [`scan_rows`] does with few rows.
///
/// The first piece is run at once, of the others but the last only the [`Affine`] map is found; then all
/// starts are known, and the rest is run. `p` threads keep busy with `p + 1` pieces. Fewer are taken where pieces
/// would be shorter than 16,384 steps.
///
/// # Errors
/// As [`scan_rows`].
///
/// ```
/// use ml_links::scans::scan_row_in_pieces;
///
/// let mut x = [0.0; 5];
/// scan_row_in_pieces(&[0.5; 5], &[1.0; 5], 2.0, &mut x, 3)?;
/// assert_eq!(x, [2.0; 5]);
/// # Ok::<(), ml_links::scans::ScanError>(())
/// ```
pub fn scan_row_in_pieces(
    a: &[f32],
    b: &[f32],
    initial: f32,
    x: &mut [f32],
    pieces: usize,
) -> Result<(), ScanError> {
    same_length("b", a.len(), b.len())?;
    same_length("x", a.len(), x.len())?;
    scan_in_pieces(a, b, initial, x, pieces);
    Ok(())
}

/// The length of a row; none where there is nothing to do.
fn row_length(
    a: &[f32],
    b: &[f32],
    initial: &[f32],
    x: &[f32],
) -> Result<Option<usize>, ScanError> {
    same_length("b", a.len(), b.len())?;
    same_length("x", a.len(), x.len())?;
    let rows = initial.len();
    if a.is_empty() {
        return Ok(None);
    }
    if rows == 0 || !a.len().is_multiple_of(rows) {
        return Err(ScanError::Rows { rows, found: a.len() });
    }
    Ok(Some(a.len() / rows))
}

fn rows_one_by_one(a: &[f32], b: &[f32], initial: &[f32], x: &mut [f32], length: usize) {
    let rows = x.chunks_mut(length).zip(initial);
    for ((x, initial), (a, b)) in rows.zip(a.chunks(length).zip(b.chunks(length))) {
        scan_row(a, b, *initial, x);
    }
}

fn scan_in_pieces(a: &[f32], b: &[f32], initial: f32, x: &mut [f32], pieces: usize) {
    let length = a.len().div_ceil(pieces.max(1)).max(GRAIN);
    if a.len() <= length {
        return scan_row(a, b, initial, x);
    }
    let (first, later) = x.split_at_mut(length);
    let (a_later, b_later) = (&a[length..], &b[length..]);

    // The first piece, and what each later one but the last does to any state.
    let inner = later.len().div_ceil(length) - 1;
    let maps = || -> Vec<Affine<f32>> {
        let inner = a_later.par_chunks(length).zip(b_later.par_chunks(length)).take(inner);
        inner.map(|(a, b)| compose_row(a, b)).collect()
    };
    let ((), maps) = rayon::join(|| scan_row(&a[..length], &b[..length], initial, first), maps);

    // Where each later piece starts.
    let mut starts = vec![first[length - 1]];
    starts.extend(maps.iter().scan(first[length - 1], |x, map| {
        *x = map.apply(*x);
        Some(*x)
    }));
    if starts.iter().any(|start| !start.is_finite()) {
        return scan_row(a_later, b_later, first[length - 1], later);
    }
    let pieces = later.par_chunks_mut(length).zip(a_later.par_chunks(length));
    pieces
        .zip(b_later.par_chunks(length).zip(starts))
        .for_each(|((x, a), (b, start))| scan_row(a, b, start, x));
}

/// One row, a tile at a time.
fn scan_row(a: &[f32], b: &[f32], initial: f32, x: &mut [f32]) {
    let (a_tiles, a_rest) = a.as_chunks::<TILE>();
    let (b_tiles, b_rest) = b.as_chunks::<TILE>();
    let (x_tiles, x_rest) = x.as_chunks_mut::<TILE>();
    let mut state = initial;
    for (x, (a, b)) in x_tiles.iter_mut().zip(a_tiles.iter().zip(b_tiles)) {
        scan_tile(a, b, state, x);
        state = x[TILE - 1];
    }
    step_by_step(a_rest, b_rest, state, x_rest);
}

// ANCHOR: scan_tile
/// Eight steps. Only the line before the last one waits for the state.
fn scan_tile(a: &[f32; TILE], b: &[f32; TILE], state: f32, x: &mut [f32; TILE]) {
    let (mut scale, mut shift) = (*a, *b);
    for k in 1..TILE {
        shift[k] += a[k] * shift[k - 1];
        scale[k] *= scale[k - 1];
    }
    for k in 0..TILE {
        x[k] = scale[k] * state + shift[k];
    }
    // An overflow on the way stays to the end, and need not be the recurrence's own.
    if !x[TILE - 1].is_finite() {
        step_by_step(a, b, state, x);
    }
}
// ANCHOR_END: scan_tile

#[cold]
#[inline(never)]
fn step_by_step(a: &[f32], b: &[f32], initial: f32, x: &mut [f32]) {
    let mut state = initial;
    for (x, (a, b)) in x.iter_mut().zip(a.iter().zip(b)) {
        state = a * state + b;
        *x = state;
    }
}

/// What a piece of a row does to any state.
fn compose_row(a: &[f32], b: &[f32]) -> Affine<f32> {
    let (a_tiles, a_rest) = a.as_chunks::<TILE>();
    let (b_tiles, b_rest) = b.as_chunks::<TILE>();
    let mut map = Affine { scale: 1.0, shift: 0.0 };
    for (a, b) in a_tiles.iter().zip(b_tiles) {
        let (mut scale, mut shift) = (a[0], b[0]);
        for k in 1..TILE {
            shift = a[k] * shift + b[k];
            scale *= a[k];
        }
        map = map.then(Affine { scale, shift });
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&scale, &shift)| Affine { scale, shift });
    rest.fold(map, Affine::then)
}

// ---------------------------------------------------------------------------------------------
// The recurrence as library calls
// ---------------------------------------------------------------------------------------------

/// `x_k = a_k x_{k-1} + b_k` by a cumulative product and a cumulative sum: short, and soon wrong.
///
/// ```text
/// x_k = p_k (initial + Σ_{j ≤ k} b_j / p_j),      p_k = a_0 a_1 … a_k
/// ```
///
/// The trap: a memory that fades has p_k → 0. In f32, `0.9^k` leaves the normal numbers at k = 828, and soon x is made of
/// 0 · ∞.
///
/// - *Good for* short pieces of slow decay, and for showing what [`scan_heinsen`] mends. *Breaks* once the product of
///   all coefficients underflows, or where one is 0. Cost O(length).
///
/// # Errors
/// [`ScanError::Length`] when `b` is not as long as `a`.
///
/// ```
/// use ml_links::scans::scan_by_products;
///
/// let x = scan_by_products(&[0.5_f32; 200], &[1.0; 200], 2.0)?;
/// assert_eq!(x[100], 2.0);
/// assert!(x[199].is_nan());
/// # Ok::<(), ml_links::scans::ScanError>(())
/// ```
pub fn scan_by_products<T: RealField + Copy>(
    a: &[T],
    b: &[T],
    initial: T,
) -> Result<Vec<T>, ScanError> {
    same_length("b", a.len(), b.len())?;
    let products = scan(a, |p, a| *p * *a);
    let shares: Vec<T> = b.iter().zip(&products).map(|(b, p)| *b / *p).collect();
    let sums = scan(&shares, |sum, share| *sum + *share);
    Ok(products.iter().zip(&sums).map(|(p, sum)| *p * (initial + *sum)).collect())
}

/// `x_k = a_k x_{k-1} + b_k` by two cumulative sums of logarithms, as Heinsen writes it.
///
/// ```text
/// r_k = Σ_{i ≤ k} log a_i,      x_k = exp(r_k + log(initial + Σ_{j ≤ k} e^{log b_j - r_j}))
/// ```
///
/// Logarithms are complex, so coefficients and inputs may have any sign; an input 0 has the logarithm -∞. A coefficient 0
/// forgets everything before it: there the sums begin anew.
///
/// - Shapes as in [`scan_recurrence`]; f32 or f64.
/// - *Good for* array languages that offer cumulative sums and no recurrence. *Breaks* nowhere, but the error
///   relative to the largest state is about ε |r_k|, where the loop's is ε: each power of ten in the decay since the start
///   costs a digit. In f32, 4096 steps of `a = e^{-1}` leave between three and four digits of seven.
/// - Cost O(length), some 50 times the loop's: three complex exponentials and two logarithms a step.
///
/// # Errors
/// [`ScanError::Length`] when `b` is not as long as `a`.
///
/// Source: F. A. Heinsen, *Efficient parallelization of a ubiquitous sequential computation* (2023).
///
/// ```
/// use ml_links::scans::{scan_heinsen, scan_recurrence};
///
/// let (a, b) = ([0.5_f64, -2.0, 0.0, 3.0], [1.0, 0.0, -4.0, 5.0]);
/// let exact = scan_recurrence(&a, &b, 6.0)?;
/// for (x, exact) in scan_heinsen(&a, &b, 6.0)?.iter().zip(exact) {
///     assert!((x - exact).abs() < 1e-14);
/// }
/// # Ok::<(), ml_links::scans::ScanError>(())
/// ```
pub fn scan_heinsen<T: RealField + Copy>(
    a: &[T],
    b: &[T],
    initial: T,
) -> Result<Vec<T>, ScanError> {
    same_length("b", a.len(), b.len())?;
    let mut x = Vec::with_capacity(a.len());
    // A coefficient 0 begins a new memory, which holds what is pushed in at that moment.
    let (mut from, mut start) = (0, initial);
    for zero in (0..a.len()).filter(|k| a[*k].is_zero()).chain([a.len()]) {
        x.extend(in_logarithms(&a[from..zero], &b[from..zero], start));
        if zero < a.len() {
            x.push(b[zero]);
            (from, start) = (zero + 1, b[zero]);
        }
    }
    Ok(x)
}

// ANCHOR: in_logarithms
/// A stretch of the recurrence without a coefficient 0.
fn in_logarithms<T: RealField + Copy>(a: &[T], b: &[T], start: T) -> Vec<T> {
    let log = |number: &T| Complex::from(*number).ln();
    let decay = scan(&a.iter().map(log).collect::<Vec<_>>(), |p, q| p + q);
    // Each input as large as it would have to be at the start to have the same effect.
    let pushes = b.iter().zip(&decay).map(|(b, decay)| log(b) - decay);
    let pushes: Vec<Complex<T>> = std::iter::once(log(&start)).chain(pushes).collect();
    let sums = scan(&pushes, log_of_sum);
    decay.iter().zip(&sums[1..]).map(|(decay, sum)| (*decay + sum).exp().re).collect()
}

/// The logarithm of `e^p + e^q`, without either of the two.
fn log_of_sum<T: RealField + Copy>(p: &Complex<T>, q: &Complex<T>) -> Complex<T> {
    let larger = if p.re > q.re { p.re } else { q.re };
    if larger.is_finite() {
        let smaller = |z: &Complex<T>| Complex::new(z.re - larger, z.im).exp();
        (smaller(p) + smaller(q)).ln() + larger
    } else {
        Complex::new(larger, T::zero())
    }
}
// ANCHOR_END: in_logarithms
