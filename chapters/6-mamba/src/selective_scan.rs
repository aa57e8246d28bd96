//! *When every step is another system, there is no kernel and no transform. What is left that could be fast?*
//!
//! A loop. A token brings its own step Δ, its own B and its own C, and all that is computed is
//!
//! ```text
//! Δ_k = softplus(δ_k + bias)
//! x_k = e^{Δ_k a} x_{k-1} + Δ_k B_k u_k      y_k = (C_k · x_k + d u_k) · SiLU(z_k)               (eq-6-2)
//! ```
//!
//! for each channel of each sequence. [`selective_scan`] is that loop in double precision, line by line, [`selective_scan_parallel`] the
//! same by any of chapter 4's scans, [`selective_scan_adjoint`] the way back, derived by hand. These are the references: what is fast is
//! in [`scan_on_cpu`](mamba::scan_on_cpu), and what knows of tensors in [`scan_operations`](mamba::scan_operations).
//!
//! Conventions: time before channels; x is a state and u the input (the Mamba papers write h and x); `x_k` has seen `u_k`; B̄ is Δ B, as
//! in Mamba's code (chapter 3's [`ExponentialEuler`](discretization::accuracy_and_stability::Discretization)), not the held input of its
//! paper.

use ml_links::parameterization::softplus;
use ml_links::recurrent_networks::sigmoid;
use ml_links::scans::Affine;
use thiserror::Error;

/// Why there is no such scan: a sentence with the size that was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectiveScanError {
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
    /// The groups do not divide the channels.
    #[error(
        "expected groups of equally many channels, found {groups} groups of {d_inner} channels"
    )]
    Groups {
        /// How many groups.
        groups: usize,
        /// How many channels.
        d_inner: usize,
    },
    /// A channel without a state remembers nothing.
    #[error("expected at least one state for each channel, found none")]
    NoStates,
}

/// How many of what.
///
/// ```
/// use mamba::selective_scan::Sizes;
///
/// let sizes = Sizes { batch: 1, length: 1024, d_inner: 1536, groups: 1, d_state: 16 };
/// assert_eq!((sizes.inputs(), sizes.rows(), sizes.states()), (1_572_864, 16_384, 24_576));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Sequences.
    pub batch: usize,
    /// Steps of each.
    pub length: usize,
    /// Channels.
    pub d_inner: usize,
    /// Groups of channels that share B and C: one in Mamba.
    pub groups: usize,
    /// N: states of each channel.
    pub d_state: usize,
}

impl Sizes {
    /// Numbers of u, δ, z and y.
    pub fn inputs(self) -> usize {
        self.batch * self.length * self.d_inner
    }

    /// Numbers of B, and of C.
    pub fn rows(self) -> usize {
        self.batch * self.length * self.groups * self.d_state
    }

    /// Numbers of all states at one time.
    pub fn states(self) -> usize {
        self.batch * self.d_inner * self.d_state
    }
}

/// What a selective scan reads, as slices, the last axis fastest: f64 for the references here, f32 for what is fast.
///
/// ```
/// use mamba::selective_scan::{ScanSlices, Sizes, selective_scan};
///
/// let sizes = Sizes { batch: 1, length: 3, d_inner: 1, groups: 1, d_state: 1 };
/// let (zeros, ones) = ([0.0; 3], [1.0; 3]);
/// let scan = ScanSlices {
///     sizes,
///     u: &[1.0, 2.0, 3.0],
///     delta: &zeros,
///     a: &[0.0], // never forgets
///     b: &ones,
///     c: &ones,
///     d: &[0.0],
///     z: &ones,
///     delta_bias: &[0.0],
/// };
/// // softplus(0) is ln 2: each number is added as long as that.
/// let last = selective_scan(&scan, &[0.0])?.state[0];
/// assert!((last - 6.0 * 2_f64.ln()).abs() < 1e-14);
/// # Ok::<(), mamba::selective_scan::SelectiveScanError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ScanSlices<'a, T> {
    /// How many of what.
    pub sizes: Sizes,
    /// The input, `[batch, length, d_inner]`.
    pub u: &'a [T],
    /// δ: the step before bias and softplus, `[batch, length, d_inner]`.
    pub delta: &'a [T],
    /// The rates of decay, `[d_inner, d_state]`.
    pub a: &'a [T],
    /// Where the input goes, `[batch, length, groups, d_state]`.
    pub b: &'a [T],
    /// What is read of the state, `[batch, length, groups, d_state]`.
    pub c: &'a [T],
    /// What goes past the state, `[d_inner]`.
    pub d: &'a [T],
    /// The gate before SiLU, `[batch, length, d_inner]`.
    pub z: &'a [T],
    /// What is added to δ, `[d_inner]`.
    pub delta_bias: &'a [T],
}

impl<T> ScanSlices<'_, T> {
    /// Refuses sizes that do not fit.
    ///
    /// # Errors
    /// [`SelectiveScanError`].
    pub fn check(&self) -> Result<(), SelectiveScanError> {
        let sizes @ Sizes { d_inner, groups, d_state, .. } = self.sizes;
        if groups == 0 || !d_inner.is_multiple_of(groups) {
            return Err(SelectiveScanError::Groups { groups, d_inner });
        }
        if d_state == 0 {
            return Err(SelectiveScanError::NoStates);
        }
        length("u", sizes.inputs(), self.u)?;
        length("delta", sizes.inputs(), self.delta)?;
        length("a", d_inner * d_state, self.a)?;
        length("b", sizes.rows(), self.b)?;
        length("c", sizes.rows(), self.c)?;
        length("d", d_inner, self.d)?;
        length("z", sizes.inputs(), self.z)?;
        length("delta_bias", d_inner, self.delta_bias)
    }
}

/// Refuses a slice of another length.
fn length<T>(name: &'static str, expected: usize, slice: &[T]) -> Result<(), SelectiveScanError> {
    match slice.len() {
        found if found == expected => Ok(()),
        found => Err(SelectiveScanError::Length { name, expected, found }),
    }
}

/// `z σ(z)`: nearly z above 0, nearly nothing below.
///
/// ```
/// assert!((mamba::selective_scan::silu(1.278_464_542_761) - 1.0).abs() < 1e-12); // a gate that changes nothing
/// ```
pub fn silu(z: f64) -> f64 {
    z * sigmoid(z)
}

/// The slope of [`silu`].
fn silu_slope(z: f64) -> f64 {
    sigmoid(z) * (1.0 + z * (1.0 - sigmoid(z)))
}

/// What a channel of a sequence meets at one step.
struct Step<'a> {
    /// Where its numbers are in u, δ, z and y.
    at: usize,
    /// Where its row begins in B and C.
    row: usize,
    u: f64,
    /// Softplus has made it positive.
    delta: f64,
    b: &'a [f64],
    c: &'a [f64],
}

impl<'a> ScanSlices<'a, f64> {
    /// The k-th step of a channel of a sequence.
    fn step(&self, sequence: usize, k: usize, channel: usize) -> Step<'a> {
        let Sizes { length, d_inner, groups, d_state, .. } = self.sizes;
        let at = (sequence * length + k) * d_inner + channel;
        let group = channel / (d_inner / groups);
        let row = ((sequence * length + k) * groups + group) * d_state;
        Step {
            at,
            row,
            u: self.u[at],
            delta: softplus(self.delta[at] + self.delta_bias[channel]),
            b: &self.b[row..][..d_state],
            c: &self.c[row..][..d_state],
        }
    }

    /// The rates of a channel.
    fn rates(&self, channel: usize) -> &'a [f64] {
        let n = self.sizes.d_state;
        &self.a[channel * n..][..n]
    }
}

/// What a scan says, and where it ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// y, `[batch, length, d_inner]`.
    pub y: Vec<f64>,
    /// The last states, `[batch, d_inner, d_state]`.
    pub state: Vec<f64>,
}

/// The selective scan, one step after the other, from a given state: the reference.
///
/// ```text
/// x_k = e^{Δ_k a} x_{k-1} + Δ_k B_k u_k      y_k = (C_k · x_k + d u_k) · SiLU(z_k)               (eq-6-2)
/// ```
///
/// - Shapes: those of [`ScanSlices`]; `initial` `[batch, d_inner, d_state]`, zeros for a sequence that begins.
/// - *Exact* for inputs that tap, impulses of area `Δ u` at the ticks; any sign of a, any length. A sequence may be cut
///   anywhere: the last state of one piece is the first of the next.
/// - Cost O(batch · length · d_inner · d_state): as many exponentials, and nothing kept.
///
/// # Errors
/// [`SelectiveScanError`] for slices that do not fit.
///
/// Source: A. Gu, T. Dao, *Mamba* (2023), algorithm 2; `selective_scan_ref` in `ops/selective_scan_interface.py` of state-spaces/mamba.
///
/// See [`ScanSlices`] for an example.
// ANCHOR: selective_scan
pub fn selective_scan(
    scan: &ScanSlices<f64>,
    initial: &[f64],
) -> Result<Outcome, SelectiveScanError> {
    scan.check()?;
    length("initial", scan.sizes.states(), initial)?;
    let Sizes { length, d_inner, d_state, .. } = scan.sizes;
    let (mut y, mut state) = (vec![0.0; scan.u.len()], initial.to_vec());
    for (i, x) in state.chunks_exact_mut(d_state).enumerate() {
        let (sequence, channel) = (i / d_inner, i % d_inner);
        let a = scan.rates(channel);
        for k in 0..length {
            let Step { at, u, delta, b, c, .. } = scan.step(sequence, k, channel);
            let mut read = scan.d[channel] * u;
            for n in 0..d_state {
                x[n] = (delta * a[n]).exp() * x[n] + delta * b[n] * u;
                read += c[n] * x[n];
            }
            y[at] = read * silu(scan.z[at]);
        }
    }
    Ok(Outcome { y, state })
}
// ANCHOR_END: selective_scan

/// The same by any scan that composes [`Affine`] maps: one row of maps for each state of each channel.
///
/// - `prefixes` is one of chapter 4's scans, such as `|steps| scan_blelloch(steps, |one, next| one.then(*next))`.
/// - *Exact when* the scan is, up to the order of rounding.
/// - Cost that of `prefixes` for `batch · d_inner · d_state` rows, and a list of maps as long as a row.
///
/// # Errors
/// As [`selective_scan`].
///
/// ```
/// use mamba::selective_scan::{ScanSlices, Sizes, selective_scan, selective_scan_parallel};
/// use ml_links::scans::scan_blelloch;
///
/// let numbers: Vec<f64> = (0..10).map(|k| (1.3 * f64::from(k)).sin()).collect();
/// let scan = ScanSlices {
///     sizes: Sizes { batch: 1, length: 5, d_inner: 2, groups: 1, d_state: 2 },
///     u: &numbers,
///     delta: &numbers,
///     a: &[-1.0, -2.0, -3.0, -4.0],
///     b: &numbers,
///     c: &numbers,
///     d: &[1.0, 0.5],
///     z: &numbers,
///     delta_bias: &[0.1, 0.2],
/// };
/// let by_tree = |steps: &[_]| scan_blelloch(steps, |one: &ml_links::scans::Affine<f64>, next| one.then(*next));
/// let (tree, plain) = (selective_scan_parallel(&scan, &[0.0; 4], by_tree)?, selective_scan(&scan, &[0.0; 4])?);
/// assert!(tree.y.iter().zip(&plain.y).all(|(tree, plain)| (tree - plain).abs() < 1e-15));
/// # Ok::<(), mamba::selective_scan::SelectiveScanError>(())
/// ```
// ANCHOR: parallel
pub fn selective_scan_parallel(
    scan: &ScanSlices<f64>,
    initial: &[f64],
    prefixes: impl Fn(&[Affine<f64>]) -> Vec<Affine<f64>>,
) -> Result<Outcome, SelectiveScanError> {
    scan.check()?;
    length("initial", scan.sizes.states(), initial)?;
    let Sizes { length, d_inner, d_state, .. } = scan.sizes;
    let (mut read, mut state) = (vec![0.0; scan.u.len()], initial.to_vec());
    for (i, x) in state.iter_mut().enumerate() {
        let (sequence, channel, n) = (i / d_state / d_inner, i / d_state % d_inner, i % d_state);
        let steps = (0..length).map(|k| scan.step(sequence, k, channel));
        let maps = steps.clone().map(|Step { u, delta, b, .. }| Affine {
            scale: (delta * scan.rates(channel)[n]).exp(),
            shift: delta * b[n] * u,
        });
        let before = *x;
        for (prefix, Step { at, c, .. }) in prefixes(&maps.collect::<Vec<_>>()).iter().zip(steps) {
            *x = prefix.apply(before);
            read[at] += c[n] * *x;
        }
    }
    Ok(Outcome { y: gated(scan, &read), state })
}
// ANCHOR_END: parallel

/// `(read + d u) SiLU(z)` everywhere.
fn gated(scan: &ScanSlices<f64>, read: &[f64]) -> Vec<f64> {
    let gate = |(at, read): (usize, &f64)| {
        (read + scan.d[at % scan.sizes.d_inner] * scan.u[at]) * silu(scan.z[at])
    };
    read.iter().enumerate().map(gate).collect()
}

/// The gradients of a loss, each shaped like what it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanGradients<T> {
    /// By u.
    pub u: Vec<T>,
    /// By δ, the step before bias and softplus.
    pub delta: Vec<T>,
    /// By the rates.
    pub a: Vec<T>,
    /// By B.
    pub b: Vec<T>,
    /// By C.
    pub c: Vec<T>,
    /// By d.
    pub d: Vec<T>,
    /// By z.
    pub z: Vec<T>,
    /// By the bias of δ.
    pub delta_bias: Vec<T>,
    /// By the state before the first step.
    pub initial: Vec<T>,
}

impl ScanGradients<f64> {
    fn zeros(sizes: Sizes) -> Self {
        let [inputs, rows] = [sizes.inputs(), sizes.rows()].map(|count| vec![0.0; count]);
        let channels = vec![0.0; sizes.d_inner];
        Self {
            u: inputs.clone(),
            delta: inputs.clone(),
            a: vec![0.0; sizes.d_inner * sizes.d_state],
            b: rows.clone(),
            c: rows,
            d: channels.clone(),
            z: inputs,
            delta_bias: channels,
            initial: vec![0.0; sizes.states()],
        }
    }
}

/// The gradients of a loss by everything that goes into a [`selective_scan`], from its gradient by the outcome.
///
/// ```text
/// g = ∂L/∂y SiLU(z)      λ_k = e^{Δ_{k+1} a} λ_{k+1} + g_k C_k
/// ∂L/∂a = Σ λ_k Δ_k e^{Δ_k a} x_{k-1}      ∂L/∂Δ_k = λ_k · (a e^{Δ_k a} x_{k-1} + B_k u_k)
/// ∂L/∂B_k = Σ λ_k Δ_k u_k      ∂L/∂C_k = Σ g_k x_k      ∂L/∂u_k = Δ_k λ_k · B_k + d g_k
/// ```
///
/// - λ is the adjoint state of chapter 4 (eq-4-7), a recurrence from the last step to the first. B and C are shared: their sums
///   go over the channels of a group; that of a goes over time and sequences.
/// - Shapes: `gradient` like y. Cost twice that of the scan; it keeps the states of one channel at a time.
///
/// # Errors
/// As [`selective_scan`].
///
/// ```
/// use mamba::selective_scan::{ScanSlices, Sizes, selective_scan, selective_scan_adjoint};
///
/// let by_hand_and_by_difference = |delta: f64| {
///     let scan = |delta: &f64| -> Result<_, mamba::selective_scan::SelectiveScanError> {
///         let scan = ScanSlices {
///             sizes: Sizes { batch: 1, length: 1, d_inner: 1, groups: 1, d_state: 1 },
///             u: &[2.0],
///             delta: &[*delta],
///             a: &[-1.0],
///             b: &[0.5],
///             c: &[3.0],
///             d: &[0.0],
///             z: &[1.0],
///             delta_bias: &[0.0],
///         };
///         Ok((selective_scan(&scan, &[1.0])?.y[0], selective_scan_adjoint(&scan, &[1.0], &[1.0])?.delta[0]))
///     };
///     let (up, down) = (scan(&(delta + 1e-5))?.0, scan(&(delta - 1e-5))?.0);
///     Ok::<_, mamba::selective_scan::SelectiveScanError>((scan(&delta)?.1, (up - down) / 2e-5))
/// };
/// let (by_hand, difference) = by_hand_and_by_difference(0.3)?;
/// assert!((by_hand - difference).abs() < 1e-8);
/// # Ok::<(), mamba::selective_scan::SelectiveScanError>(())
/// ```
pub fn selective_scan_adjoint(
    scan: &ScanSlices<f64>,
    initial: &[f64],
    gradient: &[f64],
) -> Result<ScanGradients<f64>, SelectiveScanError> {
    scan.check()?;
    length("initial", scan.sizes.states(), initial)?;
    length("gradient", scan.u.len(), gradient)?;
    let Sizes { d_inner, d_state, .. } = scan.sizes;
    let mut by = ScanGradients::zeros(scan.sizes);
    for (i, before) in initial.chunks_exact(d_state).enumerate() {
        let (sequence, channel) = (i / d_inner, i % d_inner);
        let states = states_of(scan, sequence, channel, before);
        let first = walk_back(scan, sequence, channel, &states, gradient, &mut by);
        by.initial[i * d_state..][..d_state].copy_from_slice(&first);
    }
    Ok(by)
}

/// The state before each step of a channel, and after the last.
fn states_of(
    scan: &ScanSlices<f64>,
    sequence: usize,
    channel: usize,
    before: &[f64],
) -> Vec<Vec<f64>> {
    let mut states = vec![before.to_vec()];
    for k in 0..scan.sizes.length {
        let Step { u, delta, b, .. } = scan.step(sequence, k, channel);
        let modes = scan.rates(channel).iter().zip(b).zip(&states[k]);
        states.push(modes.map(|((a, b), x)| (delta * a).exp() * x + delta * b * u).collect());
    }
    states
}

/// One channel, from its last step to its first; the outcome is the gradient by the state before the first.
// ANCHOR: adjoint
fn walk_back(
    scan: &ScanSlices<f64>,
    sequence: usize,
    channel: usize,
    states: &[Vec<f64>],
    gradient: &[f64],
    by: &mut ScanGradients<f64>,
) -> Vec<f64> {
    let (a, d) = (scan.rates(channel), scan.d[channel]);
    let mut handed_back = vec![0.0; a.len()];
    for k in (0..scan.sizes.length).rev() {
        let step = scan.step(sequence, k, channel);
        // Through the gate and past the state.
        let (at, u, z) = (step.at, step.u, scan.z[step.at]);
        let read: f64 = step.c.iter().zip(&states[k + 1]).map(|(c, x)| c * x).sum();
        by.z[at] = gradient[at] * (read + d * u) * silu_slope(z);
        let by_read = gradient[at] * silu(z);
        by.d[channel] += by_read * u;
        // Through the state.
        let by_delta = through_step(&step, a, &states[k..], by_read, &mut handed_back, channel, by);
        by.u[at] += by_read * d;
        // Through softplus, whose slope is a sigmoid.
        let slope = sigmoid(scan.delta[at] + scan.delta_bias[channel]);
        by.delta[at] = by_delta * slope;
        by.delta_bias[channel] += by_delta * slope;
    }
    handed_back
}
// ANCHOR_END: adjoint

/// One step back of the states of a channel; the outcome is the gradient by Δ.
// ANCHOR: through_step
fn through_step(
    &Step { at, row, u, delta, b, c }: &Step,
    a: &[f64],
    states: &[Vec<f64>], // before the step, after it, …
    by_read: f64,
    handed_back: &mut [f64],
    channel: usize,
    by: &mut ScanGradients<f64>,
) -> f64 {
    let mut by_delta = 0.0;
    for n in 0..a.len() {
        let a_bar = (delta * a[n]).exp();
        let lambda = handed_back[n] + by_read * c[n];
        by.c[row + n] += by_read * states[1][n];
        by.b[row + n] += lambda * delta * u;
        by.u[at] += lambda * delta * b[n];
        by.a[channel * a.len() + n] += lambda * a_bar * states[0][n] * delta;
        by_delta += lambda * (a_bar * states[0][n] * a[n] + b[n] * u);
        handed_back[n] = a_bar * lambda;
    }
    by_delta
}
// ANCHOR_END: through_step
