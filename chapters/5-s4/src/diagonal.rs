//! *How much of S4 can one leave out?*
//!
//! All but the diagonal. LegS is a diagonal that is told, at every moment, by how much its present is off:
//! `x' = (S - ½BBᵀ) x + B u = S x + ½B u + ½B (u - Bᵀx)`. For a wave `u = e^{st}`, what its present is off is a share
//! ε of the wave, so that
//!
//! ```text
//! x_LegS = (1 + ε) x_diagonal,     ε(s) = Π_{k<N} (s - k)/(s + k + 1),     |ε(iω)| = ω/√(ω² + N²)        (eq-5-5)
//! ```
//!
//! [`missed`] is ε, [`without_low_rank`] the diagonal, [`legs_waves`] its frequencies, where `ε = -1`.
//! [`Spectrum`] has the modes that are in use, [`vandermonde_kernel`] their echo in O(N L) time and O(N + L)
//! memory, [`dss_kernel`] the same as DSS writes it, [`readable`] what can be read back out of a state.
//!
//! Conventions: of N states the N/2 modes of the upper half are kept, `y = 2 Re Σ c x`; time is counted in the units of
//! HiPPO's LegS. C may be any numbers, so that only the product of B and C is of consequence.

use std::f64::consts::PI;

use classical_ssm::singular_values::{SingularValues, singular_values};
use discretization::diagonalization::{DiagonalSystem, ScalarStep};
use discretization::zero_order_hold::expm1_ratio;
use math_foundations::validation::{InputError, finite_vector, length as length_of, positive};
use nalgebra::{Complex, DMatrix, DVector};
use s4::nplr::{Nplr, NplrError};
use thiserror::Error;

/// Why there is no such diagonal memory.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DiagonalError {
    /// A number or a vector that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// LegS was not taken apart.
    #[error(transparent)]
    Nplr(#[from] NplrError),
}

/// The share of a wave `e^{st}` that LegS does not know at the moment when it comes: `u - Bᵀx = ε u`.
///
/// ```text
/// ε(s) = Π_{k<N} (s - k)/(s + k + 1),     |ε(iω)| = ω/√(ω² + N²)
/// ```
///
/// *Exact* for any s but the modes of LegS, -1, …, -N. It is 0 for `e^t`, `e^{2t}`, …, and for a constant: they are polynomials of
/// the clock that LegS uses. Cost O(N).
///
/// ```
/// use nalgebra::Complex;
/// use s4::diagonal::missed;
///
/// // A memory of one number, x' = -x + u: a mean that fades. It knows the present if nothing moves.
/// assert_eq!(missed(1, Complex::ZERO).norm(), 0.0);
/// // Of a wave of 3 radians, 64 numbers miss 3/64, nearly.
/// let share = missed(64, Complex::new(0.0, 3.0)).norm();
/// assert!((share - 3.0 / 64.0_f64.hypot(3.0)).abs() < 1e-14);
/// ```
// ANCHOR: missed
pub fn missed(d_state: usize, s: Complex<f64>) -> Complex<f64> {
    (0..d_state).map(|k| k as f64).map(|k| (s - k) / (s + k + 1.0)).product()
}
// ANCHOR_END: missed

/// LegS without its low-rank part: `x' = S x + ½ B u`, in the coordinates of S, read back into those of LegS.
///
/// *Exact* in the limit of many states, wave by wave; see eq-5-5 for what is missing. N outputs, one input. O(N³).
///
/// # Errors
/// [`DiagonalError::Nplr`] where there is no such memory.
///
/// Source: A. Gu and others, *S4D* (2022), theorem 3.
///
/// ```
/// use s4::diagonal::{echo, without_low_rank};
///
/// // LegS's first number is a mean that fades: e^{-t}. Without the low-rank part it nearly is.
/// let nearly = echo(&without_low_rank(128)?, 1.0)[0];
/// assert!((nearly - (-1.0_f64).exp()).abs() < 0.1);
/// # Ok::<(), s4::diagonal::DiagonalError>(())
/// ```
// ANCHOR: without_low_rank
pub fn without_low_rank(d_state: usize) -> Result<DiagonalSystem, DiagonalError> {
    let basis = Nplr::legs(d_state)?.diagonalize()?;
    let modes = basis.modes.lambda.len();
    Ok(DiagonalSystem {
        lambda: basis.modes.lambda,
        b: DMatrix::from_fn(modes, 1, |n, _| basis.modes.b[n] * 0.5),
        c: basis.v,
        d: DMatrix::zeros(d_state, 1),
        weight: basis.modes.weight,
    })
}
// ANCHOR_END: without_low_rank

/// What a blow leaves after a time, of a diagonal system of one input: `Σ wₙ Re(cₙ e^{λₙt} bₙ)`, one number an output.
///
/// See [`without_low_rank`] for an example.
pub fn echo(system: &DiagonalSystem, t: f64) -> DVector<f64> {
    let faded = DVector::from_fn(system.lambda.len(), |n, _| {
        system.b[(n, 0)] * (system.lambda[n] * t).exp() * system.weight[n]
    });
    (&system.c * faded).map(|output| output.re)
}

/// What a diagonal system of one input makes of a wave `e^{st}`: `c (s - λ)⁻¹ b` over both halves, one number an output.
///
/// ```
/// use nalgebra::Complex;
/// use s4::diagonal::{answer, missed, without_low_rank};
///
/// // Equation 5-5, for a mean that fades, 1/(1 + s), and s = i.
/// let (s, diagonal) = (Complex::I, without_low_rank(16)?);
/// let mean = answer(&diagonal, s)[0] * (1.0 + missed(16, s));
/// assert!((mean - 1.0 / (1.0 + s)).norm() < 1e-13);
/// # Ok::<(), s4::diagonal::DiagonalError>(())
/// ```
pub fn answer(system: &DiagonalSystem, s: Complex<f64>) -> DVector<Complex<f64>> {
    // Re(z e^{λt}) is half of z e^{λt} and half of its conjugate, and each has a wave of its own.
    DVector::from_fn(system.c.nrows(), |row, _| {
        let mode = |n: usize| {
            let (z, lambda) = (system.c[(row, n)] * system.b[(n, 0)], system.lambda[n]);
            (z / (s - lambda) + z.conj() / (s - lambda.conj())) * (0.5 * system.weight[n])
        };
        (0..system.lambda.len()).map(mode).sum()
    })
}

/// The waves of LegS's normal part, from the slowest to the fastest, without an eigenvalue problem: `[N/2]`.
///
/// ```text
/// Σ_{k<N} arctan((k + ½)/ω) = π (n + ½)        n = N/2 - 1, …, 0
/// ```
///
/// They are the ω at which `ε(-½ + iω)`, which has size 1 there, is -1. An arctangent is smaller than its tangent, so
/// `ω < N²/(π(2n+1))`, and the fastest are nearly that: `ω₀ = N²/π - π/6 + …`. For an odd N there is also a mode that
/// does not turn.
///
/// - *Exact* to the last digits. Cost O(N²) arctangents, times 64 halvings.
///
/// ```
/// use std::f64::consts::PI;
/// use s4::diagonal::legs_waves;
///
/// assert!((legs_waves(2)[0] - 0.75_f64.sqrt()).abs() < 1e-15);
/// let fastest = legs_waves(64)[31];
/// assert!((fastest - (64.0 * 64.0 / PI - PI / 6.0)).abs() < 1e-3);
/// ```
pub fn legs_waves(d_state: usize) -> DVector<f64> {
    let turned = |omega: f64| -> f64 { rates(d_state).map(|rate| rate.atan2(omega)).sum() };
    let pairs = d_state / 2;
    DVector::from_fn(pairs, |slower, _| {
        let wanted = PI * ((pairs - 1 - slower) as f64 + 0.5);
        let (mut low, mut high) = (0.0, (d_state * d_state) as f64 / (2.0 * wanted));
        for _ in 0..64 {
            let middle = 0.5 * (low + high);
            *(if turned(middle) > wanted { &mut low } else { &mut high }) = middle;
        }
        0.5 * (low + high)
    })
}

/// ½, 3/2, …, N - ½.
fn rates(d_state: usize) -> impl Iterator<Item = f64> {
    (0..d_state).map(|k| k as f64 + 0.5)
}

// ANCHOR: spectrum
/// With which modes a diagonal memory begins: n = 0, …, N/2 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spectrum {
    /// `-1/2 + iπn`: a Fourier series over two units of time.
    Lin,
    /// `-1/2 + i N/π (N/(2n+1) - 1)`: nearly LegS's, by a formula.
    Inv,
    /// `-(n+1)`: the slower half of the eigenvalues of LegS itself, and no waves.
    Real,
    /// `-1/2 + iω`: those of LegS's normal part.
    Legs,
}
// ANCHOR_END: spectrum

impl Spectrum {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Lin, Self::Inv, Self::Real, Self::Legs];

    /// As the S4D paper calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lin => "S4D-Lin",
            Self::Inv => "S4D-Inv",
            Self::Real => "S4D-Real",
            Self::Legs => "S4D-LegS",
        }
    }

    /// The kept modes of a memory of N states: `[N/2]`.
    ///
    /// # Errors
    /// [`DiagonalError::Input`] for an odd number of states or none.
    ///
    /// Source: A. Gu and others, *S4D* (2022), section 4.
    ///
    /// ```
    /// use s4::diagonal::Spectrum;
    ///
    /// let strings = Spectrum::Lin.modes(4)?;
    /// assert_eq!((strings.len(), strings[1].re), (2, -0.5));
    /// assert!(Spectrum::Inv.modes(7).is_err());
    /// # Ok::<(), s4::diagonal::DiagonalError>(())
    /// ```
    pub fn modes(self, d_state: usize) -> Result<DVector<Complex<f64>>, DiagonalError> {
        if d_state == 0 || d_state % 2 == 1 {
            let value = d_state.to_string();
            let expected = "even and at least 2";
            return Err(InputError::OutOfRange { name: "N", expected, value }.into());
        }
        if self == Self::Legs {
            return Ok(legs_waves(d_state).map(|omega| Complex::new(-0.5, omega)));
        }
        let size = d_state as f64;
        let mode = |n: usize| match self {
            Self::Lin => Complex::new(-0.5, PI * n as f64),
            Self::Inv => Complex::new(-0.5, size / PI * (size / (2 * n + 1) as f64 - 1.0)),
            Self::Real | Self::Legs => Complex::new(-(n as f64 + 1.0), 0.0),
        };
        Ok(DVector::from_fn(d_state / 2, |n, _| mode(n)))
    }

    /// How strongly the input pushes each kept mode, B: `[N/2]`. 1, but for LegS half of the size of `V*B`.
    ///
    /// ```text
    /// |b_n|² = 2 / Σ_{k<N} (k + ½)/(ω_n² + (k + ½)²)
    /// ```
    ///
    /// The phases of `V*B` are those of eigenvectors, which may be any: they belong to C. The S4D paper begins with 1
    /// for LegS too, and leaves the rest to training.
    ///
    /// # Errors
    /// As [`Spectrum::modes`].
    ///
    /// ```
    /// use s4::diagonal::Spectrum;
    ///
    /// assert_eq!(Spectrum::Lin.inputs(4)?.as_slice(), [1.0, 1.0]);
    /// // B = (1, √3): its length is that of both halves of V*B.
    /// assert!((Spectrum::Legs.inputs(2)?[0] - 0.5 * 2.0_f64.sqrt()).abs() < 1e-14);
    /// # Ok::<(), s4::diagonal::DiagonalError>(())
    /// ```
    pub fn inputs(self, d_state: usize) -> Result<DVector<f64>, DiagonalError> {
        let strength = |omega: f64| {
            let sum: f64 = rates(d_state).map(|rate| rate / (omega * omega + rate * rate)).sum();
            0.5 * (2.0 / sum).sqrt()
        };
        let legs = self == Self::Legs;
        Ok(self.modes(d_state)?.map(|mode| if legs { strength(mode.im) } else { 1.0 }))
    }
}

/// The echo of a diagonal memory: `K̄_l = 2 Re Σ cₙ e^{zₙ l}`, a Vandermonde matrix times a vector, without the matrix.
///
/// Chapter 4's `Vandermonde` does the same with all modes at once, a step at a time; its kernel of tensors does it with about √L powers
/// of each mode and one product of matrices, which big machines prefer, and keeps O(N √L) numbers. Here one mode comes
/// after the other.
///
/// - Shapes: `c` and `z` `[modes]`, with `z = ln ā`; a kernel of `length` numbers.
/// - *Exact* to some hundred roundings of the largest term: the powers of each mode are a running product, begun
///   anew every 64 steps.
/// - Cost O(modes length) multiplications and `modes length / 64` exponentials; memory O(modes + length).
///
/// # Errors
/// [`DiagonalError::Input`] where c and z have different lengths.
///
/// ```
/// use nalgebra::{Complex, dvector};
/// use s4::diagonal::vandermonde_kernel;
///
/// let half = Complex::new(0.5_f64.ln(), 0.0);
/// let kernel = vandermonde_kernel(&dvector![Complex::ONE], &dvector![half], 4)?;
/// assert!(kernel.iter().zip([2.0, 1.0, 0.5, 0.25]).all(|(k, expected)| (k - expected).abs() < 1e-15));
/// # Ok::<(), s4::diagonal::DiagonalError>(())
/// ```
// ANCHOR: vandermonde_kernel
pub fn vandermonde_kernel(
    c: &DVector<Complex<f64>>,
    z: &DVector<Complex<f64>>,
    length: usize,
) -> Result<Vec<f64>, DiagonalError> {
    length_of("z", z, c.len())?;
    let mut kernel = vec![0.0; length];
    c.iter().zip(z).for_each(|(c, z)| add_powers(&mut kernel, *c, *z, 0.0));
    Ok(kernel)
}

/// Adds `2 Re c e^{z(l - origin)}` to each tap l.
fn add_powers(kernel: &mut [f64], c: Complex<f64>, z: Complex<f64>, origin: f64) {
    const BLOCK: usize = 64;
    let ratio = z.exp();
    for (block, taps) in kernel.chunks_mut(BLOCK).enumerate() {
        let mut term = c * (z * ((block * BLOCK) as f64 - origin)).exp();
        for tap in taps {
            *tap += 2.0 * term.re;
            term *= ratio;
        }
    }
}
// ANCHOR_END: vandermonde_kernel

/// The echo of a diagonal memory as DSS writes it: each mode's powers over the whole length add up to 1.
///
/// ```text
/// K̄_l = 2 Re Σ cₙ/λₙ · e^{Δλₙl} / Σ_{r<L} e^{Δλₙr}
/// ```
///
/// The sum is geometric, `(e^{ΔλL} - 1)/(e^{Δλ} - 1)`: this is the held echo of S4D, divided by `e^{ΔλL} - 1`.
///
/// - *Good for* modes with a positive real part too: they grow, and are scaled back.
/// - *Breaks* for λ = 0, and where the powers of a mode add up to nothing: a wave that does not fade and has gone round
///   a whole number of times. The kernel depends on the length, so there is no recurrence without knowing it.
///
/// # Errors
/// [`DiagonalError::Input`] for lengths that do not fit and a Δ that is not positive.
///
/// Source: A. Gupta, A. Gu, J. Berant, *DSS* (2022), proposition 1 and section 3.2.
///
/// ```
/// use nalgebra::{Complex, dvector};
/// use s4::diagonal::dss_kernel;
///
/// // One real mode, three steps: the echo adds up to 2 c/λ.
/// let kernel = dss_kernel(&dvector![Complex::ONE], &dvector![Complex::new(-0.5, 0.0)], 0.1, 3)?;
/// assert!((kernel.iter().sum::<f64>() + 4.0).abs() < 1e-12);
/// # Ok::<(), s4::diagonal::DiagonalError>(())
/// ```
// ANCHOR: dss_kernel
pub fn dss_kernel(
    c: &DVector<Complex<f64>>,
    lambda: &DVector<Complex<f64>>,
    delta: f64,
    length: usize,
) -> Result<Vec<f64>, DiagonalError> {
    positive("Δ", delta)?;
    length_of("λ", lambda, c.len())?;
    let (mut kernel, count) = (vec![0.0; length], length as f64);
    for (c, lambda) in c.iter().zip(lambda) {
        let z = lambda * delta;
        // A growing mode is counted from its end, where it is largest, so that nothing overflows.
        let (fading, origin) = if z.re > 0.0 { (-z, count - 1.0) } else { (z, 0.0) };
        let sum = expm1_ratio(fading * count) * count / expm1_ratio(fading);
        add_powers(&mut kernel, c / lambda / sum, z, origin);
    }
    Ok(kernel)
}
// ANCHOR_END: dss_kernel

/// What share of a white input of each age can be read back out of a state, held steps of length Δ: `[ages]`.
///
/// ```text
/// x = T u,   T = [B̄, ĀB̄, Ā²B̄, …],   share_j = (T⁺T)_jj
/// ```
///
/// As in `hippo::explain`, the best linear reader is meant, and what T does to some direction by less than `precision` times what
/// it does to another is lost. Each share is between 0 and 1, and together they are the number of directions:
/// N at most. B is 1: a reader undoes any other.
///
/// - Shapes: `lambda` `[modes]`, of each pair one; ages from 0 to `ages - 1` steps.
/// - Cost O(ages N²).
///
/// # Errors
/// [`DiagonalError::Input`] for modes that are not finite, for a Δ or a precision that is not positive, for no ages.
///
/// ```
/// use nalgebra::{Complex, dvector};
/// use s4::diagonal::readable;
///
/// // One number that fades by half: an input of age j leaves 2⁻ʲ, and 3/4 · 4⁻ʲ of it can be told from the rest.
/// let shares = readable(&dvector![Complex::from(-(2.0_f64.ln()))], 1.0, 40, 1e-3)?;
/// assert!((shares[0] - 0.75).abs() < 1e-12 && (shares[1] - 0.1875).abs() < 1e-12);
/// # Ok::<(), s4::diagonal::DiagonalError>(())
/// ```
pub fn readable(
    lambda: &DVector<Complex<f64>>,
    delta: f64,
    ages: usize,
    precision: f64,
) -> Result<Vec<f64>, DiagonalError> {
    finite_vector("λ", lambda)?;
    positive("Δ", delta)?;
    positive("the number of ages", ages as f64)?;
    positive("the precision", precision)?;
    // Row j: the real and imaginary parts of what an input of 1 has left in each mode j steps later.
    let steps = lambda.map(|lambda| ScalarStep::zero_order_hold(lambda * delta));
    let traces = DMatrix::from_fn(ages, 2 * lambda.len(), |age, column| {
        let n = column / 2;
        let left = steps[n].begin * (lambda[n] * (delta * age as f64)).exp();
        if column % 2 == 0 { left.re } else { left.im }
    });
    let (q, r) = traces.qr().unpack();
    let SingularValues { sigma, v, .. } = singular_values(&r.transpose());
    let kept = sigma.iter().filter(|s| **s > precision * sigma.max()).count();
    let directions = q * v.columns(0, kept);
    Ok(directions.row_iter().map(|row| row.norm_squared()).collect())
}
