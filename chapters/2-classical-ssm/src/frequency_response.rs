//! # Frequency response
//!
//! *Which waves does a system pass on, and how close is a loop to the edge?*
//!
//! A linear system answers a wave by a wave of the same frequency. One complex number says how much larger
//! it is, and how much later:
//!
//! ```text
//! u(t) = cos ωt   →   y(t) → |G| cos(ωt + arg G),     G(iω) = C (iω I - A)^{-1} B + D       (eq-2-4)
//! ```
//!
//! and for steps `G(e^{iωΔ})`, on the resolvent form. [`Sweep`] computes it at many frequencies for the
//! price of one reduction; [`bode`] and [`nyquist`] draw it; [`bandwidth`], [`peak_gain`] and [`margins`]
//! find the frequencies that matter. They look for them among the eigenvalues of a larger matrix, so that
//! no grid can be too coarse, and then halve the interval around each.
//!
//! Conventions: ω in radians a second, gains as factors (20 log₁₀ of them are decibels), phases in degrees.
//! Loops are closed by negative feedback, `u = r - y`.

use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::fmt::{self, Display};

use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError, TimeDomain};
use classical_ssm::transfer_functions::{TransferFunctionError, zeros};
use math_foundations::eigendecomposition::{EigenError, eigenvalues, hessenberg};
use math_foundations::state_representations::Matrices;
use math_foundations::validation::{InputError, non_negative, positive};
use nalgebra::{Complex, DMatrix, DVector};
use thiserror::Error;

/// Why a question about waves has no answer.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FrequencyError {
    /// A number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Four matrices that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// The eigenvalues were not found.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// The zeros were not found.
    #[error(transparent)]
    Transfer(#[from] TransferFunctionError),
    /// The system answers this wave without bound.
    #[error("expected a frequency that no mode keeps up by itself, found {omega} rad/s")]
    Resonance {
        /// The frequency.
        omega: f64,
    },
    /// Margins and Bode's phase are of one input and one output.
    #[error("expected one input and one output, found {inputs} and {outputs}")]
    NotSingle {
        /// How many inputs.
        inputs: usize,
        /// How many outputs.
        outputs: usize,
    },
    /// A peak gain bounds nothing where the system itself grows.
    #[error("expected a system whose modes die away, found the eigenvalue {lambda:.4}")]
    Unstable {
        /// An eigenvalue that does not die away.
        lambda: Complex<f64>,
    },
    /// A mode of steps that changes sign at each step and never dies away.
    #[error("expected no mode at z = -1: the fastest wave of steps is answered without bound")]
    FastestWave,
    /// Steps know no waves faster than half a turn a step.
    #[error("expected a frequency from 0 to π/Δ = {fastest}, found {omega}")]
    TooFast {
        /// The frequency.
        omega: f64,
        /// The fastest there is.
        fastest: f64,
    },
    /// `u = r - y` with `y = -u + …` has no solution.
    #[error("expected a loop that can be closed, found one whose direct gain is -1")]
    AlgebraicLoop,
    /// A bandwidth is measured by the gain at frequency 0.
    #[error("expected a gain at ω = 0 that is finite and not 0, found {gain:.1e}")]
    NoSteadyGain {
        /// The gain at frequency 0.
        gain: f64,
    },
}

/// The time of a system, seen by a wave: what chapter 2 asks of either kind of time here.
///
/// Steps are turned into the flow that answers the same numbers, at other frequencies: with
/// `s = (2/Δ) (z - 1)/(z + 1)` the circle of waves `e^{iωΔ}` becomes the axis of waves `i (2/Δ) tan(ωΔ/2)`.
pub trait Waves: TimeDomain {
    /// A flow with `G_flow(i · faster(ω)) = G(ω)`.
    ///
    /// # Errors
    /// [`FrequencyError::FastestWave`] for steps with a mode at z = -1.
    fn as_flow(system: &StateSpace<Self>) -> Result<StateSpace<Continuous>, FrequencyError>
    where
        Self: Sized;

    /// The frequency of that flow for a frequency of this system.
    fn to_flow(system: &StateSpace<Self>, omega: f64) -> f64
    where
        Self: Sized;

    /// The frequency of this system for a frequency of that flow.
    fn from_flow(system: &StateSpace<Self>, omega: f64) -> f64
    where
        Self: Sized;
}

impl Waves for Continuous {
    fn as_flow(system: &StateSpace<Self>) -> Result<StateSpace<Continuous>, FrequencyError> {
        Ok(system.clone())
    }

    fn to_flow(_: &StateSpace<Self>, omega: f64) -> f64 {
        omega
    }

    fn from_flow(_: &StateSpace<Self>, omega: f64) -> f64 {
        omega
    }
}

impl Waves for Discrete {
    fn as_flow(system: &StateSpace<Self>) -> Result<StateSpace<Continuous>, FrequencyError> {
        let Matrices { a, b, c, d } = system.resolvent_form();
        let n = a.nrows();
        let kappa = 2.0 / system.delta();
        let one = DMatrix::identity(n, n);
        // (A + I)^{-1} from the left, and from the right by transposing.
        let forward = (&a + &one).lu();
        let inverse = forward.solve(&one).ok_or(FrequencyError::FastestWave)?;
        let nearly_singular = inverse.amax() * f64::EPSILON * (&a + &one).amax() > 0.01;
        if nearly_singular {
            return Err(FrequencyError::FastestWave);
        }
        let scale = (2.0 * kappa).sqrt();
        let through = &c * &inverse;
        Ok(StateSpace::continuous(
            (a - one) * &inverse * kappa,
            &inverse * &b * scale,
            &through * scale,
            d - through * b,
        )?)
    }

    fn to_flow(system: &StateSpace<Self>, omega: f64) -> f64 {
        let half_turn = 0.5 * omega * system.delta();
        if half_turn >= 0.5 * PI { f64::INFINITY } else { half_turn.tan() * 2.0 / system.delta() }
    }

    fn from_flow(system: &StateSpace<Self>, omega: f64) -> f64 {
        (0.5 * omega * system.delta()).atan() * 2.0 / system.delta()
    }
}

// ---------------------------------------------------------------------------------------------
// G at one frequency, and at many
// ---------------------------------------------------------------------------------------------

/// A system made ready to answer many frequencies: A is brought to Hessenberg form once.
///
/// - Cost O(N³) once; then O(N² M) a frequency, where solving with A itself costs O(N³).
///
/// ```
/// use classical_ssm::frequency_response::Sweep;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::{Complex, dmatrix};
///
/// let tank = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let sweep = Sweep::new(&tank)?;
/// assert!((sweep.at(1.0)?[0] - Complex::new(0.5, -0.5)).norm() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sweep<T: TimeDomain> {
    h: DMatrix<f64>,
    b: DMatrix<f64>,
    c: DMatrix<f64>,
    d: DMatrix<f64>,
    time: T,
}

// ANCHOR: sweep
impl<T: TimeDomain> Sweep<T> {
    /// Reduces `A = Q H Qᵀ`, once for all frequencies.
    ///
    /// # Errors
    /// [`FrequencyError::Eigen`] where the reduction fails.
    pub fn new(system: &StateSpace<T>) -> Result<Self, FrequencyError> {
        let Matrices { a, b, c, d } = system.resolvent_form();
        let form = hessenberg(&a)?;
        let (b, c) = (form.q.transpose() * b, c * form.q);
        Ok(Self { h: form.h, b, c, d, time: system.time().clone() })
    }

    /// G at the frequency `omega`: `[P, M]`, a column for each input.
    ///
    /// # Errors
    /// [`FrequencyError::Resonance`] at a frequency that a mode of the system keeps up by itself.
    pub fn at(&self, omega: f64) -> Result<DMatrix<Complex<f64>>, FrequencyError> {
        non_negative("the size of ω", omega.abs())?;
        let lambda = self.time.wave(omega);
        let x = solve_hessenberg(&self.h, lambda, &self.b);
        let x = x.ok_or(FrequencyError::Resonance { omega })?;
        Ok(complex(&self.c) * x + complex(&self.d))
    }
}
// ANCHOR_END: sweep

// ANCHOR: solve_hessenberg
/// X with (λ I - H) X = B. One entry of each column is below the diagonal: one row operation
/// removes it, with the larger of the two rows on top.
fn solve_hessenberg(
    h: &DMatrix<f64>,
    lambda: Complex<f64>,
    b: &DMatrix<f64>,
) -> Option<DMatrix<Complex<f64>>> {
    let n = h.nrows();
    let mut m = DMatrix::from_diagonal_element(n, n, lambda) - complex(h);
    let mut x = complex(b);
    for k in 1..n {
        if m[(k, k - 1)].norm_sqr() > m[(k - 1, k - 1)].norm_sqr() {
            m.swap_rows(k - 1, k);
            x.swap_rows(k - 1, k);
        }
        let factor = m[(k, k - 1)] / m[(k - 1, k - 1)];
        for side in [&mut m, &mut x] {
            for mut column in side.column_iter_mut() {
                column[k] = column[k] - factor * column[k - 1];
            }
        }
    }
    let solved = m.solve_upper_triangular_mut(&mut x);
    (solved && x.iter().all(|entry| entry.is_finite())).then_some(x)
}
// ANCHOR_END: solve_hessenberg

fn complex(matrix: &DMatrix<f64>) -> DMatrix<Complex<f64>> {
    matrix.map(Complex::from)
}

/// How the system answers a wave of `omega` radians a second: `[P, M]`, a column for each input.
///
/// ```text
/// G = C (λ I - A)^{-1} B + D,     λ = iω for a flow, e^{iωΔ} for steps      (eq-2-4)
/// ```
///
/// - *Exact* for every frequency at which no mode lives. For steps it repeats every 2π/Δ: a wave faster
///   than π/Δ looks like a slower one, its [`alias`].
/// - Cost O(N³). For many frequencies see [`Sweep`].
///
/// # Errors
/// [`FrequencyError::Resonance`], [`FrequencyError::Input`] for a frequency that is not finite.
///
/// ```
/// use classical_ssm::frequency_response::frequency_response;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// let mean = StateSpace::discrete(dmatrix![0.5], dmatrix![0.5], dmatrix![1.0], dmatrix![0.0], 0.1)?;
/// let slow = frequency_response(&mean, 0.0)?[0];
/// let fast = frequency_response(&mean, 10.0 * std::f64::consts::PI)?[0];
/// assert!((slow.re - 1.0).abs() < 1e-15 && (fast.re - 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn frequency_response<T: TimeDomain>(
    system: &StateSpace<T>,
    omega: f64,
) -> Result<DMatrix<Complex<f64>>, FrequencyError> {
    Sweep::new(system)?.at(omega)
}

/// The frequency from 0 to π/Δ that looks the same as `omega` when it is looked at every `delta` seconds.
///
/// # Errors
/// [`FrequencyError::Input`] for a step that is not positive or a frequency that is not finite.
///
/// ```
/// // A wheel that turns 23 times a second, filmed at 24 frames, turns back once a second.
/// let turns = |n: f64| n * 2.0 * std::f64::consts::PI;
/// let seen = classical_ssm::frequency_response::alias(turns(23.0), 1.0 / 24.0)?;
/// assert!((seen - turns(1.0)).abs() < 1e-12);
/// # Ok::<(), classical_ssm::frequency_response::FrequencyError>(())
/// ```
pub fn alias(omega: f64, delta: f64) -> Result<f64, FrequencyError> {
    positive("Δ", delta)?;
    non_negative("the size of ω", omega.abs())?;
    let turn = 2.0 * PI / delta;
    let rest = omega.abs() % turn;
    Ok(rest.min(turn - rest))
}

// ---------------------------------------------------------------------------------------------
// Bode and Nyquist
// ---------------------------------------------------------------------------------------------

/// Gain and phase against frequency.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bode {
    /// The frequencies, in radians a second.
    pub omega: Vec<f64>,
    /// The gains, in decibels.
    pub decibels: Vec<f64>,
    /// The phases in degrees, without jumps of 360.
    pub degrees: Vec<f64>,
}

impl Bode {
    /// The points of the upper plot.
    pub fn gain_curve(&self) -> Vec<(f64, f64)> {
        self.omega.iter().copied().zip(self.decibels.iter().copied()).collect()
    }

    /// The points of the lower plot.
    pub fn phase_curve(&self) -> Vec<(f64, f64)> {
        self.omega.iter().copied().zip(self.degrees.iter().copied()).collect()
    }
}

/// A factor in decibels: 20 log₁₀ of it.
pub fn decibels(gain: f64) -> f64 {
    20.0 * gain.log10()
}

/// Gain in decibels and phase in degrees at each of `omegas`, of a system with one input and one output.
///
/// The phase is known only up to whole turns. It starts below all modes where `-90°` for each integrator,
/// and `-180°` more for a negative gain, put it, and then changes without jumps. The turns are counted where
/// G crosses the negative real axis, all of whose crossings are known, not from one frequency of the list to
/// the next: so the list may be as coarse as it likes. Where the phase does jump, at a mode or a zero on
/// the axis itself, it jumps as that of a slightly damped one.
///
/// - Cost O(N³) once, O(N²) a frequency.
///
/// # Errors
/// [`FrequencyError::NotSingle`], [`FrequencyError::Resonance`], [`FrequencyError::TooFast`] beyond π/Δ,
/// [`FrequencyError::Input`] for a frequency that is not positive, [`FrequencyError::FastestWave`].
///
/// ```
/// use classical_ssm::frequency_response::bode;
/// use classical_ssm::responses::servo_loop;
///
/// // Three lags: -90° from the integrator, and in the end -270°. The list has two frequencies.
/// let bode = bode(&servo_loop(5.0, 2e-3)?, &[1e-3, 1e6])?;
/// assert!((bode.degrees[0] + 90.0).abs() < 0.01 && (bode.degrees[1] + 270.0).abs() < 0.1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn bode<T: Waves>(system: &StateSpace<T>, omegas: &[f64]) -> Result<Bode, FrequencyError> {
    let flow = Loop::new(system)?;
    let turns = flow.turns()?;
    let sweep = Sweep::new(system)?;
    let mut bode = Bode::default();
    for &omega in omegas {
        positive("ω", omega)?;
        let there = T::to_flow(system, omega);
        let fastest = T::from_flow(system, f64::INFINITY);
        if omega > fastest {
            return Err(FrequencyError::TooFast { omega, fastest });
        }
        let g = sweep.at(omega)?[0];
        let passed = turns.iter().take_while(|(at, _)| *at < there);
        let offset = passed.last().map_or(0.0, |(_, offset)| *offset);
        bode.omega.push(omega);
        bode.decibels.push(decibels(g.norm()));
        bode.degrees.push(principal_degrees(g) + offset);
    }
    Ok(bode)
}

/// The phase in [-180°, 180°). A negative number has -180°, also where rounding gave it an imaginary part.
fn principal_degrees(g: Complex<f64>) -> f64 {
    if g.im.abs() <= 1e-13 * g.norm() {
        return if g.re < 0.0 { -180.0 } else { 0.0 };
    }
    g.arg().to_degrees()
}

/// G along the frequencies from `from` to `to`, close enough together for a smooth curve: no two
/// neighbours see each other under more than 5 degrees, from 0 or from -1.
///
/// - Cost O(N²) a point.
///
/// # Errors
/// As [`bode`], and for frequencies that are not positive or not increasing.
///
/// ```
/// use classical_ssm::frequency_response::nyquist;
/// use classical_ssm::responses::servo_loop;
///
/// let curve = nyquist(&servo_loop(5.0, 2e-3)?, 1.0, 1e4)?;
/// assert!(curve.iter().all(|(_, g)| g.im < 0.0 || g.re.abs() < 0.1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn nyquist<T: Waves>(
    system: &StateSpace<T>,
    from: f64,
    to: f64,
) -> Result<Vec<(f64, Complex<f64>)>, FrequencyError> {
    check_single(system)?;
    positive("the first frequency", from)?;
    positive("what the last frequency adds", to - from)?;
    let sweep = Sweep::new(system)?;
    let look = |omega: f64| Ok::<_, FrequencyError>((omega, sweep.at(omega)?[0]));
    let apart = |g: Complex<f64>, h: Complex<f64>| {
        let angle = |from: Complex<f64>| ((g - from) * (h - from).conj()).arg().abs();
        angle(Complex::ZERO).max(angle(-Complex::ONE)) > 5f64.to_radians()
    };
    let mut curve = vec![look(from)?];
    let mut ahead = (1..=24).rev().map(|k| look(from * (to / from).powf(f64::from(k) / 24.0)));
    let mut ahead = ahead.by_ref().collect::<Result<Vec<_>, _>>()?;
    while let (Some(&(here, g)), Some(&(there, h))) = (curve.last(), ahead.last()) {
        if apart(g, h) && there > here * (1.0 + 1e-6) {
            ahead.push(look((here * there).sqrt())?);
        } else {
            curve.extend(ahead.pop());
        }
    }
    Ok(curve)
}

// ---------------------------------------------------------------------------------------------
// Where something happens
// ---------------------------------------------------------------------------------------------

fn check_single<T: TimeDomain>(system: &StateSpace<T>) -> Result<(), FrequencyError> {
    let (inputs, outputs) = (system.inputs(), system.outputs());
    if inputs == 1 && outputs == 1 {
        Ok(())
    } else {
        Err(FrequencyError::NotSingle { inputs, outputs })
    }
}

// ANCHOR: level_frequencies
/// Frequencies at which some gain of the flow may pass the level `gamma`: the imaginary parts of the
/// eigenvalues of the Hamiltonian matrix. All that do are among them; not all of them do.
fn level_frequencies(
    Matrices { a, b, c, d }: &Matrices,
    gamma: f64,
) -> Result<Vec<f64>, FrequencyError> {
    let (n, m) = b.shape();
    let r = DMatrix::from_diagonal_element(m, m, gamma * gamma) - d.transpose() * d;
    let Some(r_inverse) = r.try_inverse() else { return Ok(Vec::new()) };
    let e = a + b * &r_inverse * d.transpose() * c;
    let f = b * &r_inverse * b.transpose();
    let g = c.transpose() * c + c.transpose() * (d * &r_inverse * d.transpose()) * c;

    let mut hamiltonian = DMatrix::zeros(2 * n, 2 * n);
    hamiltonian.view_mut((0, 0), (n, n)).copy_from(&e);
    hamiltonian.view_mut((0, n), (n, n)).copy_from(&f);
    hamiltonian.view_mut((n, 0), (n, n)).copy_from(&-g);
    hamiltonian.view_mut((n, n), (n, n)).copy_from(&-e.transpose());
    Ok(eigenvalues(&hamiltonian)?.iter().map(|lambda| lambda.im).filter(|&im| im > 0.0).collect())
}
// ANCHOR_END: level_frequencies

/// Frequencies at which G may be real: `Im G(iω) = 0` exactly where `C (w I - A²)^{-1} B = 0` at `w = -ω²`.
fn real_frequencies(Matrices { a, b, c, d }: &Matrices) -> Result<Vec<f64>, FrequencyError> {
    let squared = StateSpace::continuous(a * a, b.clone(), c.clone(), d * 0.0)?;
    Ok(zeros(&squared)?.iter().map(|w| (-w).sqrt().re).collect())
}

// ANCHOR: sign_changes
/// The frequencies at which `f` changes sign, if all are roughly among the `candidates`: f is looked
/// at between each two neighbours, and where two looks differ the interval is halved to the last bit.
fn sign_changes(candidates: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut sorted: Vec<f64> = candidates.iter().copied().filter(|&omega| omega > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let mut looks = vec![1e-3 * first, 0.5 * first];
    looks.extend(sorted.windows(2).map(|pair| (pair[0] * pair[1]).sqrt()));
    looks.extend([2.0 * last, 1e3 * last]);
    looks.retain(|&omega| f(omega) != 0.0);

    let mut changes = Vec::new();
    for pair in looks.windows(2).filter(|pair| (f(pair[0]) < 0.0) != (f(pair[1]) < 0.0)) {
        let (mut low, mut high) = (pair[0], pair[1]);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            let same = (f(middle) < 0.0) == (f(pair[0]) < 0.0);
            if same { low = middle } else { high = middle }
        }
        changes.push(high);
    }
    changes
}
// ANCHOR_END: sign_changes

/// A loop with one input and one output as the flow that answers the same numbers.
struct Loop {
    matrices: Matrices,
    sweep: Sweep<Continuous>,
    modes: DVector<Complex<f64>>,
}

impl Loop {
    fn new<T: Waves>(system: &StateSpace<T>) -> Result<Self, FrequencyError> {
        check_single(system)?;
        let flow = T::as_flow(system)?;
        let modes = eigenvalues(flow.a())?;
        Ok(Self { matrices: flow.matrices().clone(), sweep: Sweep::new(&flow)?, modes })
    }

    /// G, infinite at a resonance; for an infinite frequency what is left of it, D.
    fn g(&self, omega: f64) -> Complex<f64> {
        if omega == f64::INFINITY {
            return Complex::from(self.matrices.d[0]);
        }
        self.sweep.at(omega).map_or(Complex::new(f64::INFINITY, 0.0), |g| g[0])
    }

    /// The modes' own frequencies, among which a gain has its peaks and G its jumps.
    fn mode_frequencies(&self) -> Vec<f64> {
        let sizes = self.modes.iter().flat_map(|lambda| [lambda.norm(), lambda.im]);
        sizes.filter(|&omega| omega > 0.0).collect()
    }

    /// Where the gain passes `gamma`, from the slowest to the fastest.
    fn gain_crossings(&self, gamma: f64) -> Result<Vec<f64>, FrequencyError> {
        // Where the direct gain is the level itself, the last crossing is at infinity: look for those of
        // a level beside it.
        let direct = self.matrices.d[0].abs();
        let level =
            if (direct - gamma).abs() < 1e-6 * gamma { gamma * (1.0 + 1e-5) } else { gamma };
        let mut candidates = level_frequencies(&self.matrices, level)?;
        candidates.extend(self.mode_frequencies());
        let crossings = sign_changes(&candidates, |omega| self.g(omega).norm() - gamma);
        Ok(crossings.into_iter().filter(|&omega| self.g(omega).norm() < 2.0 * gamma).collect())
    }

    /// Where G passes through the real axis, through infinity included, from the slowest to the fastest.
    fn real_crossings(&self) -> Result<Vec<f64>, FrequencyError> {
        let mut candidates = real_frequencies(&self.matrices)?;
        candidates.extend(self.mode_frequencies());
        let imaginary_part = |omega: f64| {
            let g = self.g(omega);
            if g.im.abs() <= 1e-13 * g.norm() { 0.0 } else { g.im }
        };
        Ok(sign_changes(&candidates, imaginary_part))
    }

    /// The peak of `1 / (1 + G)`, of what is left of a wish r when the closed loop has done its work.
    fn distance(&self) -> Result<Peak, FrequencyError> {
        let Matrices { a, b, c, d } = &self.matrices;
        let inverse = DMatrix::from_element(1, 1, 1.0 / (1.0 + d[0]));
        let a = a - b * &inverse * c;
        peak_gain(&StateSpace::continuous(a, b * &inverse, -&inverse * c, inverse)?)
    }

    /// Whole turns of the phase: from each frequency on, what to add to the principal value.
    fn turns(&self) -> Result<Vec<(f64, f64)>, FrequencyError> {
        let mut events = self.real_crossings()?;
        let on_axis =
            |lambda: &&Complex<f64>| lambda.im > 0.0 && lambda.re.abs() < 1e-12 * lambda.im;
        events.extend(self.modes.iter().filter(on_axis).map(|lambda| lambda.im));
        let Matrices { a, b, c, d } = self.matrices.clone();
        let zeros = zeros(&StateSpace::continuous(a, b, c, d)?)?;
        events.extend(zeros.iter().filter(on_axis).map(|zero| zero.im));
        events.sort_by(f64::total_cmp);
        events.dedup_by(|next, last| *next <= *last * (1.0 + 1e-9));

        // Far below everything G is a power of iω: its exponent and its sign say where the phase starts.
        let slowest = self.mode_frequencies().into_iter().chain(events.iter().copied());
        let start = 1e-4 * slowest.fold(f64::INFINITY, f64::min).min(1e9);
        let (g, slower) = (self.g(start), self.g(0.1 * start));
        let integrators = (slower.norm() / g.norm()).log10().round();
        let integrators = if integrators.is_finite() { integrators } else { 0.0 };
        let straightened = g * Complex::new(0.0, 1.0).powf(integrators);
        let begin = -90.0 * integrators - if straightened.re < 0.0 { 180.0 } else { 0.0 };
        let mut offset = 360.0 * ((begin - principal_degrees(g)) / 360.0).round();

        let mut turns = vec![(0.0, offset)];
        for omega in events {
            let (before, after) = (self.g(omega * (1.0 - 1e-9)), self.g(omega * (1.0 + 1e-9)));
            let change = principal_degrees(after) - principal_degrees(before);
            let turned = change - 360.0 * (change / 360.0).round();
            // A true jump is by 180°: back at a resonance, forth at a zero.
            let wanted = if turned.abs() < 90.0 {
                turned
            } else if self.g(omega).norm() > before.norm() {
                -turned.abs()
            } else {
                turned.abs()
            };
            offset += 360.0 * ((wanted - change) / 360.0).round();
            turns.push((omega, offset));
        }
        Ok(turns)
    }
}

// ---------------------------------------------------------------------------------------------
// Bandwidth and peak
// ---------------------------------------------------------------------------------------------

/// The lowest frequency at which the gain falls below 1/√2 of what it is at frequency 0: half the power.
/// None where it never does.
///
/// - *Exact* to rounding: the crossings are imaginary eigenvalues of a Hamiltonian matrix of size 2N.
/// - Cost O(N³).
///
/// # Errors
/// [`FrequencyError::NotSingle`], [`FrequencyError::NoSteadyGain`] for an integrator or a gain of 0,
/// [`FrequencyError::FastestWave`].
///
/// ```
/// use classical_ssm::frequency_response::bandwidth;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// let tank = StateSpace::continuous(dmatrix![-3.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// assert!((bandwidth(&tank)?.unwrap() - 3.0).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn bandwidth<T: Waves>(system: &StateSpace<T>) -> Result<Option<f64>, FrequencyError> {
    let flow = Loop::new(system)?;
    let gain = flow.g(0.0).norm();
    let integrates = flow.modes.iter().any(|mode| mode.norm() <= 1e-14 * flow.matrices.a.amax());
    let scale = flow.matrices.d[0].abs()
        + flow.mode_frequencies().iter().map(|&omega| flow.g(omega).norm()).fold(0.0, f64::max);
    if integrates || !gain.is_finite() || gain <= 1e-13 * scale {
        return Err(FrequencyError::NoSteadyGain {
            gain: if integrates { f64::INFINITY } else { gain },
        });
    }
    let level = gain * FRAC_1_SQRT_2;
    let crossings = flow.gain_crossings(level)?;
    Ok(crossings.first().map(|&omega| T::from_flow(system, omega)))
}

/// The largest gain, and the frequency that has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// The largest singular value of G over all frequencies: the H-infinity norm.
    pub gain: f64,
    /// Where, in radians a second; infinite where the gain only tends to it.
    pub omega: f64,
}

/// The largest gain at any frequency, over all directions of the input: the H-infinity norm.
///
/// ```text
/// γ = max over ω of σ_max(G(iω)):   γ > max   exactly when   H(γ) has no imaginary eigenvalue
/// ```
///
/// A guess γ that is too low is passed by the gain at some frequencies, which are among the imaginary parts
/// of the eigenvalues of the Hamiltonian H(γ). The gain is looked at on and between them; the largest value
/// found is the next guess. The error is squared by each round: four or five do.
///
/// - *Exact* to a relative 10⁻¹⁰, and nearly always to rounding, as the gain is flat where it is largest.
/// - Cost O(N³) a round.
///
/// # Errors
/// [`FrequencyError::Unstable`] where a mode does not die away, [`FrequencyError::Eigen`].
///
/// Source: Boyd, Balakrishnan and Kabamba (1989); Bruinsma and Steinbuch (1990).
///
/// ```
/// use classical_ssm::frequency_response::peak_gain;
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::dmatrix;
///
/// // A spring with damping ratio ζ = 0.2: 1 / (2ζ √(1 - ζ²)) at √(1 - 2ζ²).
/// let a = dmatrix![0.0, 1.0; -1.0, -0.4];
/// let spring = StateSpace::continuous(a, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// let peak = peak_gain(&spring)?;
/// assert!((peak.gain - 1.0 / (0.4 * 0.96_f64.sqrt())).abs() < 1e-12);
/// assert!((peak.omega - 0.92_f64.sqrt()).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: peak_gain
pub fn peak_gain<T: Waves>(system: &StateSpace<T>) -> Result<Peak, FrequencyError> {
    check_stable(system)?;
    let flow = T::as_flow(system)?;
    let sweep = Sweep::new(&flow)?;
    let higher = |best: Peak, omega: f64| -> Result<Peak, FrequencyError> {
        let gain = gain_at(&sweep, flow.d(), omega)?;
        Ok(if gain > best.gain { Peak { gain, omega } } else { best })
    };

    // A first guess: at rest, at the fastest, and where the modes are.
    let modes = eigenvalues(flow.a())?;
    let mut places = modes.iter().flat_map(|mode| [f64::INFINITY, mode.norm(), mode.im.abs()]);
    let mut peak = places.try_fold(higher(Peak { gain: 0.0, omega: 0.0 }, 0.0)?, higher)?;
    for _ in 0..100 {
        let guess = peak.gain * (1.0 + 1e-10);
        let mut passed = level_frequencies(flow.matrices(), guess)?;
        passed.sort_by(f64::total_cmp);
        let between: Vec<f64> = passed.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
        peak = passed.into_iter().chain(between).try_fold(peak, higher)?;
        if peak.gain <= guess {
            break;
        }
    }
    Ok(Peak { omega: T::from_flow(system, peak.omega), ..peak })
}
// ANCHOR_END: peak_gain

fn check_stable<T: TimeDomain>(system: &StateSpace<T>) -> Result<(), FrequencyError> {
    let lambda = eigenvalues(system.a())?;
    match lambda.iter().find(|&&lambda| !system.time().dies_away(lambda)) {
        Some(&lambda) => Err(FrequencyError::Unstable { lambda }),
        None => Ok(()),
    }
}

/// The largest singular value of G at `omega`, or of what is left of it at infinity.
fn gain_at(sweep: &Sweep<Continuous>, d: &DMatrix<f64>, omega: f64) -> Result<f64, FrequencyError> {
    let g = if omega == f64::INFINITY { complex(d) } else { sweep.at(omega)? };
    Ok(if g.len() == 1 { g[0].norm() } else { g.singular_values().max() })
}

// ---------------------------------------------------------------------------------------------
// Margins
// ---------------------------------------------------------------------------------------------

/// A frequency at which the loop gives back exactly minus a part of what it is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhaseCrossing {
    /// In radians a second; 0 and infinity are possible.
    pub omega: f64,
    /// By which factor the loop's gain would have to change for that part to be all: -1/G.
    pub factor: f64,
}

/// A frequency at which the loop gives back as much as it is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainCrossing {
    /// In radians a second.
    pub omega: f64,
    /// How much later, in degrees of this wave, it could come back before it is exactly minus what it
    /// was: 180° + arg G, from -180 to 180. A negative one says: how much earlier.
    pub degrees: f64,
}

/// How far a loop is from the edge of stability, when it is closed by `u = r - y`.
#[derive(Debug, Clone, PartialEq)]
pub struct Margins {
    /// Whether the closed loop is stable as it is. If not, the crossings say how far it is beyond the edge.
    pub stable: bool,
    /// How many modes of the open loop grow.
    pub growing_modes: usize,
    /// All frequencies at which the phase is -180°, from the slowest to the fastest.
    pub phase_crossings: Vec<PhaseCrossing>,
    /// All frequencies at which the gain is 1, from the slowest to the fastest.
    pub gain_crossings: Vec<GainCrossing>,
    /// The smallest distance of G from -1, and where: for a stable loop, one over the largest gain of
    /// `1 / (1 + G)`.
    pub distance: Option<Peak>,
}

impl Margins {
    /// The smallest factor above 1 by which more gain brings the loop to the edge.
    pub fn gain_margin(&self) -> Option<PhaseCrossing> {
        let above = self.phase_crossings.iter().filter(|crossing| crossing.factor >= 1.0);
        above.min_by(|a, b| a.factor.total_cmp(&b.factor)).copied()
    }

    /// The largest factor below 1 by which less gain brings the loop to the edge.
    pub fn gain_reduction_margin(&self) -> Option<PhaseCrossing> {
        let below = self.phase_crossings.iter().filter(|crossing| crossing.factor < 1.0);
        below.max_by(|a, b| a.factor.total_cmp(&b.factor)).copied()
    }

    /// The crossing with the fewest degrees to the edge, in either direction.
    pub fn phase_margin(&self) -> Option<GainCrossing> {
        let crossings = self.gain_crossings.iter();
        crossings.min_by(|a, b| a.degrees.abs().total_cmp(&b.degrees.abs())).copied()
    }

    /// The shortest delay in seconds that brings the loop to the edge.
    pub fn delay_margin(&self) -> Option<f64> {
        let lag = |crossing: &GainCrossing| crossing.degrees.rem_euclid(360.0).to_radians();
        let delays = self.gain_crossings.iter().map(|crossing| lag(crossing) / crossing.omega);
        delays.min_by(f64::total_cmp)
    }
}

impl Display for Margins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.stable {
            write!(f, "the closed loop is unstable")?;
            return match (self.gain_margin(), self.gain_reduction_margin()) {
                (_, Some(less)) => write!(f, "; {:.4} times the gain is at an edge", less.factor),
                (Some(more), None) => {
                    write!(f, "; {:.4} times the gain is at an edge", more.factor)
                }
                (None, None) => write!(f, ", and no other gain brings it to an edge"),
            };
        }
        match self.gain_margin() {
            Some(crossing) => write!(f, "the gain may grow by the factor {:.4}", crossing.factor)?,
            None => write!(f, "the gain may grow without limit")?,
        }
        match self.gain_reduction_margin() {
            Some(crossing) if self.growing_modes > 0 => write!(
                f,
                ", and may not fall below {:.4} of what it is: left alone, the system grows",
                crossing.factor
            )?,
            Some(crossing) => write!(
                f,
                ", and may not fall below {:.4} of what it is: the loop is conditionally stable",
                crossing.factor
            )?,
            None => {}
        }
        match (self.phase_margin(), self.delay_margin()) {
            (Some(crossing), Some(delay)) => write!(
                f,
                "; the phase may turn by {:.2}° at {:.4} rad/s; the answer may come {delay:.4e} s later",
                crossing.degrees.abs(),
                crossing.omega
            ),
            _ => write!(f, "; no phase and no delay can make it unstable"),
        }
    }
}

/// All crossings of a loop, and whether it is stable when it is closed by `u = r - y`.
///
/// The closed loop is at the edge exactly when G passes through -1. So the distance to the edge is
/// measured where G is real and negative (how much gain is missing or left) and where it has size 1 (how
/// much phase). All such frequencies are found: those of size 1 are imaginary eigenvalues of a
/// Hamiltonian matrix, those that are real are zeros of a system with A², and each is then halved to the last
/// bit. Touching points, where a curve comes to the axis or the circle and turns back, are not crossings and
/// are not listed; `distance` sees them.
///
/// A loop whose open modes grow, and one that is stable only *between* two gains, have factors below 1
/// among their crossings: see [`Margins::gain_reduction_margin`].
///
/// - Cost O(N³).
///
/// # Errors
/// [`FrequencyError::NotSingle`], [`FrequencyError::AlgebraicLoop`] for a direct gain of -1,
/// [`FrequencyError::FastestWave`] for steps with a mode at z = -1.
///
/// ```
/// use classical_ssm::frequency_response::margins;
/// use classical_ssm::responses::servo_loop;
///
/// let margins = margins(&servo_loop(5.0, 2e-3)?)?;
/// let gain = margins.gain_margin().unwrap();
/// assert!((gain.omega - 63_000_f64.sqrt()).abs() < 1e-9);
/// assert!(margins.stable && margins.phase_margin().unwrap().degrees > 30.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn margins<T: Waves>(system: &StateSpace<T>) -> Result<Margins, FrequencyError> {
    let flow = Loop::new(system)?;
    // An integrator sits on the edge itself: rounding must not push it over.
    let fastest = flow.modes.iter().fold(0.0, |most: f64, mode| mode.norm().max(most));
    let growing_modes = flow.modes.iter().filter(|mode| mode.re > 1e-10 * fastest).count();

    // At both ends of the axis G is real.
    let edges = [0.0, f64::INFINITY].into_iter();
    let mut frequencies: Vec<f64> = edges.chain(flow.real_crossings()?).collect();
    frequencies.sort_by(f64::total_cmp);
    let mut phase_crossings = Vec::new();
    for there in frequencies {
        let g = flow.g(there);
        let real = g.im.abs() <= 1e-6 * g.norm();
        let finite = g.norm() < 1e12 && g.norm() > 1e-12;
        if real && finite && g.re < 0.0 {
            let omega = T::from_flow(system, there);
            phase_crossings.push(PhaseCrossing { omega, factor: -1.0 / g.re });
        }
    }
    let gain_crossings = flow.gain_crossings(1.0)?.into_iter().map(|there| GainCrossing {
        omega: T::from_flow(system, there),
        degrees: (-flow.g(there)).arg().to_degrees(),
    });
    let gain_crossings = gain_crossings.collect();

    let stable = closes_to_stable(system)?;
    let distance = if stable { Some(flow.distance()?) } else { None };
    let distance = distance
        .map(|Peak { gain, omega }| Peak { gain: 1.0 / gain, omega: T::from_flow(system, omega) });
    Ok(Margins { stable, growing_modes, phase_crossings, gain_crossings, distance })
}

/// Whether every mode of the loop dies away when it is closed: the eigenvalues of A - B (1 + D)^{-1} C.
fn closes_to_stable<T: TimeDomain>(system: &StateSpace<T>) -> Result<bool, FrequencyError> {
    let Matrices { a, b, c, d } = system.resolvent_form();
    let through = 1.0 + d[0];
    if through.abs() <= 1e-14 {
        return Err(FrequencyError::AlgebraicLoop);
    }
    let modes = eigenvalues(&(a - b * c / through))?;
    Ok(modes.iter().all(|&lambda| system.time().dies_away(lambda)))
}
