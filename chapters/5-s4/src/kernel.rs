//! # Kernel
//!
//! *How do you get a thousand powers of a matrix without making one?*
//!
//! By asking for all of them at once. The generating function of the kernel, a sum of powers, is a geometric series, so
//! it is an inverse; at the roots of unity that inverse is all that is left, and of `Λ - PQ*` it costs Cauchy sums:
//!
//! ```text
//! K̂(z) = Σ_{k<L} K̄_k z^k = 2/(1+z) [c̃ᵀRb - c̃ᵀRP (I + Q*RP)⁻¹ Q*Rb],   z^L = 1      (eq-5-3)
//! R = (2/Δ (1-z)/(1+z) - Λ)⁻¹          c̃ = (I - Ā^L)ᵀ c
//! ```
//!
//! [`as_printed`] is that formula, which has no value at z = -1; [`generating_function`] is the same without the
//! hole. [`KernelSpectrum`] is the one to use: half of the modes, half of the roots, f32 or f64, and [`KernelSpectrum::kernel`]
//! goes back to time by an inverse Fourier transform. [`CauchyTree`] makes the sums almost linear.
//!
//! Conventions: the bilinear rule with held inputs, `K̄_k = cᵀ Ā^k b̄` (chapters 3 and 4). `K̂(z)` has positive powers of z, so that
//! `z = e^{-2πim/L}` gives the Fourier transform of chapter 1. Rows are vectors c, never conjugated: the paper's C
//! is their conjugate, and its `C̃ = (I - Ā^L)* C` is the conjugate of our c̃.

use std::ops::Range;

use math_foundations::fourier::root_of_unity;
use math_foundations::validation::{
    InputError, at_least_one, finite_vector, length as length_of, positive, shape as shape_of,
};
use ml_links::structured_matrices::{ComplexVector, Dplr, StateMatrix, StructureError};
use nalgebra::{Complex, DMatrix};
use rustfft::{FftNum, FftPlanner};
use s4::nplr::{NplrError, PairedDplr};
use thiserror::Error;

/// Why there is no kernel.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum KernelError {
    /// A number or a vector that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The diagonal and the low rank do not fit, or have no step.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// The modes do not fit together.
    #[error(transparent)]
    Nplr(#[from] NplrError),
    /// There is no c that this c̃ is made of.
    #[error(
        "expected I - Ā^L to have an inverse, \
         found a mode that is the same after {length} steps"
    )]
    NothingFades {
        /// L.
        length: usize,
    },
    /// A mode of Λ lies on the imaginary axis, and a root of unity on it.
    #[error(
        "expected the roots of unity to avoid the modes of Λ, found one on a mode: \
         K̂({root} of {length}) is not finite"
    )]
    OnMode {
        /// Which root, from 0.
        root: usize,
        /// L.
        length: usize,
    },
}

/// What reads a kernel that ends after L steps: `c̃ = (I - Ā^L)ᵀ c`.
///
/// The infinite kernel minus the same one, L steps late: nothing is left of what comes after. S4 learns c̃ itself and never
/// needs this. Cost O(N r L), by products.
///
/// # Errors
/// [`KernelError::Input`] for a c that does not fit and L = 0; [`KernelError::Structure`] where powers overflow.
///
/// ```
/// use ml_links::structured_matrices::Dplr;
/// use nalgebra::{Complex, dmatrix, dvector};
/// use s4::kernel::truncate;
///
/// let (one, none) = (Complex::<f64>::ONE, dmatrix![Complex::ZERO]);
/// let half = Dplr::new(dvector![one * 0.5], none.clone(), none)?;
/// let read = truncate(&half, &dvector![one * 8.0], 3)?;
/// assert_eq!(read[0].re, 7.0); // 8 (1 - 1/8)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: truncate
pub fn truncate(
    a_bar: &Dplr,
    c: &ComplexVector,
    length: usize,
) -> Result<ComplexVector, KernelError> {
    at_least_one("L", length)?;
    // A row times Ā is Āᵀ times a column, and Āᵀ is Ā* conjugated.
    let later = a_bar.adjoint().power_times(length, &c.conjugate())?.conjugate();
    Ok(c - later)
}
// ANCHOR_END: truncate

/// The c behind a c̃: what a trained S4 needs before it can run step by step. O(N³ + N² r L).
///
/// # Errors
/// [`KernelError::NothingFades`] where a mode returns after L steps; those of [`truncate`].
///
/// ```
/// use nalgebra::DVector;
/// use s4::kernel::{restore, truncate};
/// use s4::nplr::Nplr;
///
/// let basis = Nplr::legs(6)?.diagonalize()?;
/// let (a, b) = basis.modes.both_halves()?;
/// let (a_bar, _) = a.bilinear(&b, 0.1)?;
/// let c = basis.modes.unfold(&basis.output(&DVector::from_element(6, 1.0))?);
/// let back = restore(&a_bar, &truncate(&a_bar, &c, 20)?, 20)?;
/// assert!((back - c).norm() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn restore(
    a_bar: &Dplr,
    c_tilde: &ComplexVector,
    length: usize,
) -> Result<ComplexVector, KernelError> {
    at_least_one("L", length)?;
    let size = c_tilde.len();
    let columns = (0..size)
        .map(|n| {
            let unit = ComplexVector::from_fn(size, |row, _| Complex::from(f64::from(row == n)));
            truncate(a_bar, &unit, length)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let fading = DMatrix::from_columns(&columns);
    fading.lu().solve(c_tilde).ok_or(KernelError::NothingFades { length })
}

/// Equation 5-3 as the papers print it, for a low rank of one: `p` and `q` are vectors.
///
/// The trap: `2/Δ (1-z)/(1+z)`, chapter 3's map, sends z = -1 to infinity. There this function is NaN, and one NaN among the
/// values makes a NaN of every number of the kernel. [`generating_function`] does not fall into it.
///
/// - Shapes: all vectors `[state]`, of both halves. Cost O(N).
///
/// ```
/// use nalgebra::{Complex, dvector};
/// use s4::kernel::as_printed;
///
/// // x' = -x + u, read by 1, in steps of 2: Ā = 0, b̄ = 1, and so K = 1, 0, 0, …
/// let (one, zero) = (dvector![Complex::<f64>::ONE], dvector![Complex::ZERO]);
/// let value = |z| as_printed(&(-&one), &zero, &zero, &one, &one, 2.0, z);
/// assert!((value(Complex::I) - 1.0).norm() < 1e-15);
/// assert!(value(Complex::from(-1.0)).re.is_nan());
/// ```
// ANCHOR: as_printed
pub fn as_printed(
    lambda: &ComplexVector,
    p: &ComplexVector,
    q: &ComplexVector,
    b: &ComplexVector,
    c_tilde: &ComplexVector,
    delta: f64,
    z: Complex<f64>,
) -> Complex<f64> {
    let s = 2.0 / delta * (1.0 - z) / (1.0 + z);
    let cauchy = |read: &ComplexVector, push: &ComplexVector| -> Complex<f64> {
        (0..lambda.len()).map(|n| read[n] * push[n] / (s - lambda[n])).sum()
    };
    let q = q.conjugate();
    let (k00, k01) = (cauchy(c_tilde, b), cauchy(c_tilde, p));
    let (k10, k11) = (cauchy(&q, b), cauchy(&q, p));
    2.0 / (1.0 + z) * (k00 - k01 * k10 / (1.0 + k11))
}
// ANCHOR_END: as_printed

/// Equation 5-3 for any z and any rank, with the two infinities of z = -1 multiplied out.
///
/// ```text
/// 2/(1+z) · 1/(s - λ) = Δ / (1 - z - Δ/2 (1+z) λ)          at z = -1: Δ/2, whatever λ is
/// ```
///
/// - Shapes: `b`, `c_tilde` `[state]`. Cost O((1 + r)² N).
/// - *Breaks* (NaN) where the denominator is 0: a mode on the imaginary axis, and z on it.
///
/// ```
/// use ml_links::structured_matrices::Dplr;
/// use nalgebra::{Complex, dmatrix, dvector};
/// use s4::kernel::generating_function;
///
/// // A = -1 as 0 - 1·1, in steps of 2: K = 1, 0, 0, …, so K̂ is 1 everywhere, also at -1.
/// let one = Complex::<f64>::ONE;
/// let a = Dplr::new(dvector![Complex::ZERO], dmatrix![one], dmatrix![one])?;
/// for z in [Complex::I, -one] {
///     let value = generating_function(&a, &dvector![one], &dvector![one], 2.0, z);
///     assert!((value - 1.0).norm() < 1e-15);
/// }
/// # Ok::<(), ml_links::structured_matrices::StructureError>(())
/// ```
// ANCHOR: generating_function
pub fn generating_function(
    a: &Dplr,
    b: &ComplexVector,
    c_tilde: &ComplexVector,
    delta: f64,
    z: Complex<f64>,
) -> Complex<f64> {
    let ((lambda, p, q), half) = (a.parts(), (1.0 + z) * 0.5);
    let rank = p.ncols();
    // 2/(1+z) R: no giant, no hole.
    let r = lambda.map(|lambda| delta / (1.0 - z - delta * half * lambda));
    let read = |i: usize, n: usize| if i < rank { q[(n, i)].conj() } else { c_tilde[n] };
    let push = |j: usize, n: usize| if j < rank { p[(n, j)] } else { b[n] };
    let sum = |(i, j)| (0..r.len()).map(|n| read(i, n) * r[n] * push(j, n)).sum();
    woodbury(places(rank + 1).map(sum).collect(), rank, half)
}
// ANCHOR_END: generating_function

/// `κ₀₀ - half κ₀₁ (I + half κ₁₁)⁻¹ κ₁₀` from the table `[κ₁₁ κ₁₀; κ₀₁ κ₀₀]`, row by row: eliminates one column of P
/// after the other.
///
/// No pivots: with P = Q and modes that do not grow, the real part of the small matrix is at least I.
// ANCHOR: woodbury
fn woodbury<T: FftNum>(mut table: Vec<Complex<T>>, rank: usize, half: Complex<T>) -> Complex<T> {
    let (size, one) = (rank + 1, Complex::new(T::one(), T::zero()));
    for column in 0..rank {
        (0..size).for_each(|row| table[row * size + column] = table[row * size + column] * half);
        table[column * size + column] = table[column * size + column] + one;
    }
    for pivot in 0..rank {
        for row in pivot + 1..size {
            let factor = table[row * size + pivot] / table[pivot * size + pivot];
            for column in pivot + 1..size {
                let above = table[pivot * size + column];
                table[row * size + column] = table[row * size + column] - factor * above;
            }
        }
    }
    table[size * size - 1]
}
// ANCHOR_END: woodbury

/// The kernel of a paired DPLR system by frequency, ready to be evaluated at any root of unity, in f32 or f64.
///
/// Three thrifts. A conjugate pair of modes is one fraction with a real numerator and denominator but for `is`. A
/// real kernel needs only the roots of the upper half circle. And with `z = e^{-2iφ}` the factor `e^{-iφ}` can be taken out of
/// `1 - z` and of `1 + z`, which leaves `2i sin φ` and `2 cos φ`, two real numbers:
///
/// ```text
/// K̂ = e^{iφ} [κ₀₀ - cos φ κ₀₁ (I + cos φ κ₁₁)⁻¹ κ₁₀],     κ = Δ Σ v_n / (2i sin φ - Δ cos φ λ_n)
/// ```
///
/// - *Exact* to rounding, with about `ε |λ|` lost where a mode resonates: the rounding of its frequency.
/// - *Breaks* where a mode lies on the imaginary axis (LegT, FouT) and a root on the mode: an error.
///
/// ```
/// use nalgebra::DVector;
/// use s4::kernel::{KernelSpectrum, s4_kernel};
/// use s4::nplr::Nplr;
///
/// let basis = Nplr::legs(16)?.diagonalize()?;
/// let c = basis.output(&DVector::from_element(16, 1.0))?;
/// let exact: Vec<f64> = s4_kernel(&basis.modes, &c, 0.01, 200)?;
/// let single: Vec<f32> = s4_kernel(&basis.modes, &c, 0.01, 200)?;
/// assert!(exact.iter().zip(&single).all(|(k, single)| (k - f64::from(*single)).abs() < 1e-4));
/// # Ok::<(), s4::kernel::KernelError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct KernelSpectrum<T> {
    rank: usize,
    delta: T,
    /// Re λ and |λ|², `[modes]`.
    modes: Vec<[T; 2]>,
    /// For each mode and each product `v = read · push` of the table: `w Δ Re v` and `w Δ Re(v λ̄)`.
    products: Vec<Vec<[T; 2]>>,
}

/// A number in the precision asked for.
fn number<T: FftNum>(value: f64) -> T {
    T::from_f64(value).unwrap_or_else(T::zero)
}

/// Row `row` of what reads mode n (P*, then c̃), column `column` of what pushes it (P, then b), multiplied.
fn product(
    modes: &PairedDplr,
    c_tilde: &ComplexVector,
    n: usize,
    (row, column): (usize, usize),
) -> Complex<f64> {
    let rank = modes.rank();
    let read = if row < rank { modes.p[(n, row)].conj() } else { c_tilde[n] };
    let push = if column < rank { modes.p[(n, column)] } else { modes.b[n] };
    read * push
}

/// The places of a table with `size` rows, row by row.
fn places(size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..size).flat_map(move |row| (0..size).map(move |column| (row, column)))
}

/// Refuses modes and an output that do not fit together.
fn check(modes: &PairedDplr, c_tilde: &ComplexVector, delta: f64) -> Result<(), InputError> {
    let count = modes.lambda.len();
    finite_vector("Λ", &modes.lambda)?;
    length_of("b", &modes.b, count)?;
    length_of("the weights", &modes.weight, count)?;
    shape_of("P", &modes.p, (count, modes.rank()))?;
    length_of("c̃", c_tilde, count)?;
    finite_vector("c̃", c_tilde)?;
    positive("Δ", delta)
}

impl<T: FftNum> KernelSpectrum<T> {
    /// By the modes and by what reads the kernel's end, `c_tilde` `[modes]`.
    ///
    /// # Errors
    /// [`KernelError::Input`] for shapes that do not fit, entries that are not finite, a Δ that is not positive.
    pub fn new(
        modes: &PairedDplr,
        c_tilde: &ComplexVector,
        delta: f64,
    ) -> Result<Self, KernelError> {
        check(modes, c_tilde, delta)?;
        let of_mode = |n: usize| -> Vec<[T; 2]> {
            let scale = modes.weight[n] * delta;
            let pair = |place| {
                let v = product(modes, c_tilde, n, place) * scale;
                [number(v.re), number((v * modes.lambda[n].conj()).re)]
            };
            places(modes.rank() + 1).map(pair).collect()
        };
        Ok(Self {
            rank: modes.rank(),
            delta: number(delta),
            modes: modes.lambda.iter().map(|l| [number(l.re), number(l.norm_sqr())]).collect(),
            products: (0..modes.lambda.len()).map(of_mode).collect(),
        })
    }
}

// ANCHOR: at
impl<T: FftNum> KernelSpectrum<T> {
    /// `K̂(z)` at `z = e^{-2πi root/length}`. O((1 + r)² N).
    pub fn at(&self, root: usize, length: usize) -> Complex<T> {
        let turn = root_of_unity(root, 2 * length).conj(); // e^{iφ}
        let (s, cos) = (number::<T>(2.0 * turn.im), number::<T>(turn.re));
        let t = self.delta * cos;
        let mut sums = vec![Complex::new(T::zero(), T::zero()); (self.rank + 1).pow(2)];
        for ([re, square], products) in self.modes.iter().zip(&self.products) {
            // 1 / ((is - λt) (is - λ̄t)): one division for a pair.
            let below = Complex::new(*square * t * t - s * s, -(*re + *re) * s * t);
            let fraction = below.inv();
            for (sum, [v, turned]) in sums.iter_mut().zip(products) {
                *sum = *sum + fraction * Complex::new(-t * *turned, s * *v);
            }
        }
        let value = woodbury(sums, self.rank, Complex::new(cos, T::zero()));
        value * Complex::new(number(turn.re), number(turn.im))
    }
}
// ANCHOR_END: at

// ANCHOR: kernel
impl<T: FftNum> KernelSpectrum<T> {
    /// `K̄_0, …, K̄_{L-1}`: from the values at L roots. O((1 + r)² N L + L log L).
    ///
    /// # Errors
    /// [`KernelError::Input`] for L = 0; [`KernelError::OnMode`] for a root on a mode.
    pub fn kernel(&self, length: usize) -> Result<Vec<T>, KernelError> {
        at_least_one("L", length)?;
        let upper = (0..=length / 2).map(|root| self.at(root, length)).collect();
        back_to_time(upper, length)
    }
}
// ANCHOR_END: kernel

/// The real signal of `length` numbers whose transform begins with `upper`, `[length/2 + 1]`.
fn back_to_time<T: FftNum>(upper: Vec<Complex<T>>, length: usize) -> Result<Vec<T>, KernelError> {
    // Nothing times what is not finite is not nothing.
    let finite = |x: T| (x * T::zero()).is_zero();
    let missing = |z: &Complex<T>| !(finite(z.re) && finite(z.im));
    if let Some(root) = upper.iter().position(missing) {
        return Err(KernelError::OnMode { root, length });
    }
    let mut values = upper;
    for root in values.len()..length {
        values.push(values[length - root].conj());
    }
    FftPlanner::<T>::new().plan_fft_inverse(length).process(&mut values);
    let share = number::<T>(1.0 / length as f64);
    Ok(values.iter().map(|value| value.re * share).collect())
}

/// S4's kernel, from what reads the state: [`truncate`], then [`KernelSpectrum::kernel`]. `c` `[modes]`.
/// Cost O((1 + r)² N L + L log L).
///
/// # Errors
/// Those of both.
///
/// See [`KernelSpectrum`] for an example.
pub fn s4_kernel<T: FftNum>(
    modes: &PairedDplr,
    c: &ComplexVector,
    delta: f64,
    length: usize,
) -> Result<Vec<T>, KernelError> {
    KernelSpectrum::new(modes, &truncate_paired(modes, c, delta, length)?, delta)?.kernel(length)
}

/// [`truncate`] for modes of which one half is kept: `c` and the result `[modes]`.
///
/// # Errors
/// Those of [`truncate`], and [`KernelError::Structure`] where the bilinear rule has no step.
///
/// See [`KernelSpectrum`], whose [`s4_kernel`] begins with it.
pub fn truncate_paired(
    modes: &PairedDplr,
    c: &ComplexVector,
    delta: f64,
    length: usize,
) -> Result<ComplexVector, KernelError> {
    check(modes, c, delta)?;
    let (a, b) = modes.both_halves()?;
    let (a_bar, _) = a.bilinear(&b, delta)?;
    let c_tilde = truncate(&a_bar, &modes.unfold(c), length)?;
    Ok(c_tilde.rows(0, c.len()).into_owned())
}

/// Terms of the series by which a cluster of modes is seen from afar: `2⁻⁵²` is a rounding error.
const TERMS: usize = 52;
/// A cluster is far when its radius is at most this share of its distance.
const FAR: f64 = 0.5;
/// A cluster of so few modes is not split.
const LEAF: usize = 32;

/// The Cauchy sums `Σ v_n / (is - λ_n t)` at any number of points, in almost linear time.
///
/// From afar a cluster of modes looks like one: `1/(is - λt) = 1/D Σ_k (ut)^k / D^k`, with D the distance to its centre and u
/// that of λ from the centre. So the sums `Σ v_n u_n^k` are made once for each cluster, and each point asks the
/// largest clusters that are far enough from it.
///
/// - Cost O(N log N) once and O(log N) a point, times 52 terms at most; a plain sum costs N a point. *Good for* thousands of
///   modes and of points; even with the plain sum at about a thousand.
/// - *Exact* to rounding, relative to the sum of the sizes of the terms.
///
/// Source: L. Greengard and V. Rokhlin (1987), one side of their fast multipole method; J. Barnes and P. Hut (1986), its tree.
///
/// ```
/// use nalgebra::{Complex, DVector};
/// use s4::kernel::CauchyTree;
///
/// let lambda = DVector::from_fn(200, |n, _| Complex::new(-0.5, n as f64));
/// let tree = CauchyTree::new(&lambda, &[DVector::from_element(200, Complex::ONE)]);
/// let plain: Complex<f64> = lambda.iter().map(|l| (Complex::new(0.0, 7.25) - l * 2.0).inv()).sum();
/// assert!((tree.sums(7.25, 2.0)[0] - plain).norm() < 1e-13);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CauchyTree {
    /// By imaginary part.
    lambda: Vec<Complex<f64>>,
    /// The v of each sum, mode by mode: `[modes, sums]`.
    weights: Vec<Complex<f64>>,
    /// How many sums there are.
    count: usize,
    all: Cluster,
}

/// Neighbouring modes.
#[derive(Debug, Clone, PartialEq)]
struct Cluster {
    center: Complex<f64>,
    radius: f64,
    /// `Σ v_n ((λ_n - center)/radius)^k`, term by term: `[terms, sums]`.
    moments: Vec<Complex<f64>>,
    members: Range<usize>,
    halves: Vec<Cluster>,
}

impl CauchyTree {
    /// By the modes `[modes]`, both halves, and the v of each sum, `[modes]`.
    ///
    /// # Panics
    /// If there is no mode or no sum, or a v has not as many entries.
    pub fn new(lambda: &ComplexVector, weights: &[ComplexVector]) -> Self {
        assert!(!lambda.is_empty() && !weights.is_empty(), "expected a mode and a sum");
        let count = weights.len();
        let mut order: Vec<usize> = (0..lambda.len()).collect();
        order.sort_by(|&i, &j| lambda[i].im.total_cmp(&lambda[j].im));
        let weights: Vec<_> =
            order.iter().flat_map(|&n| weights.iter().map(move |v| v[n])).collect();
        let lambda: Vec<_> = order.iter().map(|&n| lambda[n]).collect();
        let all = Cluster::new(&lambda, &weights, 0..lambda.len());
        Self { lambda, weights, count, all }
    }

    /// The sums at one point: `Σ v_n / (is - λ_n t)` for each v.
    pub fn sums(&self, s: f64, t: f64) -> Vec<Complex<f64>> {
        let mut sums = vec![Complex::ZERO; self.count];
        self.add(&self.all, s, t, &mut sums, &mut vec![Complex::ZERO; self.count]);
        sums
    }
}

/// A row of numbers, one for each sum; a table of such rows.
type Row = [Complex<f64>];

/// Adds to each sum its entry of a row, times a number.
fn add_scaled(sums: &mut Row, row: &Row, scale: Complex<f64>) {
    sums.iter_mut().zip(row).for_each(|(sum, entry)| *sum += entry * scale);
}

// ANCHOR: cluster
impl CauchyTree {
    /// A far cluster counts as one, a near one by its halves, at last mode by mode.
    fn add(&self, cluster: &Cluster, s: f64, t: f64, sums: &mut Row, series: &mut Row) {
        let distance = Complex::new(0.0, s) - cluster.center * t;
        let ratio = (cluster.radius * t).abs() / distance.norm();
        if ratio <= FAR {
            let step = cluster.radius * t / distance;
            let terms = (f64::EPSILON.log(ratio).ceil() as usize).clamp(1, TERMS);
            series.fill(Complex::ZERO);
            for moments in cluster.moments[..terms * self.count].rchunks(self.count) {
                series.iter_mut().zip(moments).for_each(|(x, m)| *x = *x * step + m);
            }
            add_scaled(sums, series, distance.inv());
        } else if cluster.halves.is_empty() {
            for n in cluster.members.clone() {
                let scale = (Complex::new(0.0, s) - self.lambda[n] * t).inv();
                add_scaled(sums, &self.weights[n * self.count..][..self.count], scale);
            }
        } else {
            cluster.halves.iter().for_each(|half| self.add(half, s, t, sums, series));
        }
    }
}
// ANCHOR_END: cluster

impl Cluster {
    fn new(lambda: &[Complex<f64>], weights: &Row, members: Range<usize>) -> Self {
        let (own, count) = (&lambda[members.clone()], weights.len() / lambda.len());
        let center = own.iter().sum::<Complex<f64>>() / own.len() as f64;
        let radius = own.iter().map(|lambda| (lambda - center).norm()).fold(0.0, f64::max);
        let unit = if radius > 0.0 { radius } else { 1.0 };
        let mut moments = vec![Complex::ZERO; TERMS * count];
        for n in members.clone() {
            let (u, mut power) = ((lambda[n] - center) / unit, Complex::ONE);
            for moments in moments.chunks_exact_mut(count) {
                add_scaled(moments, &weights[n * count..][..count], power);
                power *= u;
            }
        }
        let middle = members.start + members.len() / 2;
        let halves = if members.len() > LEAF {
            [members.start..middle, middle..members.end]
                .map(|half| Self::new(lambda, weights, half))
                .into()
        } else {
            Vec::new()
        };
        Self { center, radius, moments, members, halves }
    }
}

/// [`KernelSpectrum::kernel`] with the sums of a [`CauchyTree`]: O((N + L) log N + L log L), f64.
///
/// # Errors
/// As [`KernelSpectrum::new`] and [`KernelSpectrum::kernel`].
///
/// ```
/// use nalgebra::DVector;
/// use s4::kernel::{KernelSpectrum, almost_linear_kernel};
/// use s4::nplr::Nplr;
///
/// let basis = Nplr::legs(20)?.diagonalize()?;
/// let c_tilde = basis.output(&DVector::from_element(20, 1.0))?;
/// let plain = KernelSpectrum::<f64>::new(&basis.modes, &c_tilde, 0.01)?.kernel(50)?;
/// let fast = almost_linear_kernel(&basis.modes, &c_tilde, 0.01, 50)?;
/// assert!(plain.iter().zip(&fast).all(|(k, fast)| (k - fast).abs() < 1e-12));
/// # Ok::<(), s4::kernel::KernelError>(())
/// ```
pub fn almost_linear_kernel(
    modes: &PairedDplr,
    c_tilde: &ComplexVector,
    delta: f64,
    length: usize,
) -> Result<Vec<f64>, KernelError> {
    check(modes, c_tilde, delta)?;
    at_least_one("L", length)?;
    let rank = modes.rank();
    // Both halves: a product of conjugates is the conjugate of the product.
    let weight = |place| {
        let half = (0..c_tilde.len()).map(|n| product(modes, c_tilde, n, place) * delta);
        modes.unfold(&ComplexVector::from_iterator(c_tilde.len(), half))
    };
    let weights: Vec<_> = places(rank + 1).map(weight).collect();
    let tree = CauchyTree::new(&modes.unfold(&modes.lambda), &weights);
    let at = |root: usize| {
        let turn = root_of_unity(root, 2 * length).conj();
        let sums = tree.sums(2.0 * turn.im, delta * turn.re);
        woodbury(sums, rank, Complex::from(turn.re)) * turn
    };
    back_to_time((0..=length / 2).map(at).collect(), length)
}
