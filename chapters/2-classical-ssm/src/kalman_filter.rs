//! # Kalman filter
//!
//! *How much should a new measurement change our mind?*
//!
//! ```text
//! x_k = A x_{k-1} + B u_k + w_k       y_k = C x_k + D u_k + v_k        cov w = Q, cov v = R
//!
//! x̂⁻ = A x̂ + B u,      Σ⁻ = A Σ Aᵀ + Q                                 (predict)
//! x̂  = x̂⁻ + G (y - C x̂⁻ - D u),      G = Σ⁻ Cᵀ (C Σ⁻ Cᵀ + R)^{-1}     (update, eq-2-7)
//! ```
//!
//! [`KalmanFilter::predict`] and [`KalmanFilter::update`] are the two halves of a step,
//! [`KalmanFilter::filter`] takes it over a whole signal, [`KalmanFilter::smooth`] walks back, and
//! [`innovation_whiteness`] says from the surprises alone whether the model fits.
//!
//! Conventions: Σ (`covariance`) is how unsure we are of the state, G (`gain`) how much of a surprise we
//! believe; other texts write P and K. The first measurement is `y_0`, so the filter starts from a belief
//! about `x_{-1}`.

use classical_ssm::feedback::{
    FeedbackError, Stretch, positive_semidefinite, solve_discrete_riccati,
};
use classical_ssm::state_space::{Discrete, StateSpace, StateSpaceError};
use math_foundations::eigendecomposition::{EigenError, hermitian_eigendecomposition};
use math_foundations::stability::symmetric_part;
use math_foundations::validation::{
    InputError, finite, finite_vector, length, non_negative, positive, shape,
};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// Why a state cannot be tracked.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum KalmanError {
    /// A matrix, a vector or a number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Four matrices that are no system.
    #[error(transparent)]
    StateSpace(#[from] StateSpaceError),
    /// A covariance that is none, or a Riccati equation that could not be solved.
    #[error(transparent)]
    Riccati(#[from] FeedbackError),
    /// The eigenvalues of a covariance could not be computed.
    #[error(transparent)]
    Eigenvalues(#[from] EigenError),
    /// A measurement without any doubt: neither its noise nor the state's leaves a spread.
    #[error("expected C Σ Cᵀ + R to be positive definite, found that it is not")]
    NoSpread,
    /// A prediction without any doubt cannot be improved by what came after.
    #[error("expected A Σ Aᵀ + Q to be positive definite at step {k}, found that it is not")]
    NoDoubt {
        /// The step, from 0.
        k: usize,
    },
    /// A mode that does not die away, and that no measurement shows: the doubt about it never settles.
    #[error(
        "expected every mode that does not die away to be measured, found that {mode:.4} is not"
    )]
    Unmeasured {
        /// Its eigenvalue.
        mode: Complex<f64>,
    },
    /// A mode on the unit circle that nothing disturbs: the gain for it falls to zero.
    #[error(
        "expected Q to disturb every mode on the unit circle, found that {mode:.4} is left alone"
    )]
    Undisturbed {
        /// Its eigenvalue.
        mode: Complex<f64>,
    },
    /// Too few measurements for a statistic.
    #[error("expected more than {lags} measurements, found {found}")]
    TooFew {
        /// How many lags were asked for.
        lags: usize,
        /// How many measurements there are.
        found: usize,
    },
}

/// One vector a step.
pub type Signal = Vec<DVector<f64>>;

/// What is believed of a state: its mean, and how far from it the truth may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    /// x̂: `[N]`.
    pub mean: DVector<f64>,
    /// Σ: `[N, N]`, symmetric and positive semidefinite.
    pub covariance: DMatrix<f64>,
}

/// What a measurement said against what was expected of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Innovation {
    /// The surprise `y - C x̂⁻ - D u`: `[P]`.
    pub surprise: DVector<f64>,
    /// How large a surprise was to be expected, `C Σ⁻ Cᵀ + R`: `[P, P]`.
    pub spread: DMatrix<f64>,
    /// G, how much of it was believed: `[N, P]`.
    pub gain: DMatrix<f64>,
}

impl Innovation {
    /// The surprise in units of what was expected, `L^{-1} e` with `L Lᵀ` the spread: independent
    /// numbers of variance 1, if the model is right. `[P]`.
    pub fn standardised(&self) -> DVector<f64> {
        let solved = self
            .spread
            .clone()
            .cholesky()
            .and_then(|root| root.l_dirty().solve_lower_triangular(&self.surprise));
        solved.unwrap_or_else(|| self.surprise.map(|_| f64::NAN))
    }

    /// The logarithm of how likely the measurement was, given all those before.
    pub fn log_likelihood(&self) -> f64 {
        let log_determinant = self.spread.clone().cholesky().map_or(f64::NAN, |root| {
            2.0 * root.l_dirty().diagonal().iter().map(|entry| entry.ln()).sum::<f64>()
        });
        let constant = self.surprise.len() as f64 * std::f64::consts::TAU.ln();
        -0.5 * (self.standardised().norm_squared() + log_determinant + constant)
    }
}

/// One step of a filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What was believed before the measurement.
    pub predicted: Belief,
    /// What is believed after it; the prediction again, if there was none.
    pub belief: Belief,
    /// What the measurement said; none where there was none.
    pub innovation: Option<Innovation>,
}

/// A signal as a filter saw it, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Filtered {
    /// One entry a step.
    pub steps: Vec<Step>,
}

impl Filtered {
    /// The logarithm of how likely the measurements were under this model: the number to compare
    /// models by. A sum over steps, because each measurement is judged given all before it.
    pub fn log_likelihood(&self) -> f64 {
        self.steps
            .iter()
            .filter_map(|step| step.innovation.as_ref())
            .map(Innovation::log_likelihood)
            .sum()
    }
}

/// What the doubts and the gain settle at if measurements never stop.
#[derive(Debug, Clone, PartialEq)]
pub struct SteadyState {
    /// Σ⁻, before a measurement: `[N, N]`.
    pub predicted: DMatrix<f64>,
    /// Σ, after it: `[N, N]`.
    pub covariance: DMatrix<f64>,
    /// G: `[N, P]`.
    pub gain: DMatrix<f64>,
}

/// A linear system that noise pushes, seen through noise, and the best guess of its state.
///
/// ```
/// use classical_ssm::kalman_filter::{Belief, KalmanFilter};
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::{dmatrix, dvector};
///
/// // A number that does not change, measured three times with variance 1.
/// let one = dmatrix![1.0];
/// let still = StateSpace::discrete(one.clone(), dmatrix![0.0], one.clone(), dmatrix![0.0], 1.0)?;
/// let filter = KalmanFilter::new(&still, dmatrix![0.0], one)?;
/// let vague = Belief { mean: dvector![0.0], covariance: dmatrix![1e9] };
/// let seen = filter.filter(&vague, &[1.0, 2.0, 6.0].map(|y| Some(dvector![y])))?;
/// let last = &seen.steps[2].belief;
/// assert!((last.mean[0] - 3.0).abs() < 1e-8); // the mean of the three
/// assert!((last.covariance[(0, 0)] - 1.0 / 3.0).abs() < 1e-8); // and its variance
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct KalmanFilter {
    system: StateSpace<Discrete>,
    process: DMatrix<f64>,
    noise: DMatrix<f64>,
}

impl KalmanFilter {
    /// A filter for this system, pushed by noise of covariance Q and measured with noise of covariance R.
    ///
    /// `process`: Q `[N, N]`, `noise`: R `[P, P]`, both symmetric and positive semidefinite.
    ///
    /// # Errors
    /// [`KalmanError::Input`], [`KalmanError::Riccati`] where Q or R is no covariance.
    pub fn new(
        system: &StateSpace<Discrete>,
        process: DMatrix<f64>,
        noise: DMatrix<f64>,
    ) -> Result<Self, KalmanError> {
        positive_semidefinite("Q", &process, system.d_state())?;
        positive_semidefinite("R", &noise, system.outputs())?;
        Ok(Self { system: system.clone(), process, noise })
    }

    /// The system that is tracked.
    pub fn system(&self) -> &StateSpace<Discrete> {
        &self.system
    }

    /// Q, how hard noise pushes the state in a step: `[N, N]`.
    pub fn process(&self) -> &DMatrix<f64> {
        &self.process
    }

    /// R, how noisy a measurement is: `[P, P]`.
    pub fn noise(&self) -> &DMatrix<f64> {
        &self.noise
    }

    fn check(&self, belief: &Belief, u: &DVector<f64>) -> Result<(), KalmanError> {
        let n = self.system.d_state();
        finite_vector("x̂", &belief.mean)?;
        length("x̂", &belief.mean, n)?;
        finite("Σ", &belief.covariance)?;
        shape("Σ", &belief.covariance, (n, n))?;
        finite_vector("u", u)?;
        Ok(length("u", u, self.system.inputs())?)
    }
}

// ANCHOR: predict
impl KalmanFilter {
    /// Carries a belief one step on, under the input `u`: `[M]`. Doubt is stirred, and noise adds to it.
    ///
    /// # Errors
    /// [`KalmanError::Input`] where shapes do not fit or a number is not finite.
    pub fn predict(&self, belief: &Belief, u: &DVector<f64>) -> Result<Belief, KalmanError> {
        self.check(belief, u)?;
        let (a, b) = (self.system.a(), self.system.b());
        Ok(Belief {
            mean: a * &belief.mean + b * u,
            covariance: symmetric_part(a * &belief.covariance * a.transpose() + &self.process),
        })
    }
}
// ANCHOR_END: predict

impl KalmanFilter {
    /// Lets a measurement change a prediction.
    ///
    /// ```text
    /// x̂ = x̂⁻ + G (y - C x̂⁻ - D u),   G = Σ⁻ Cᵀ (C Σ⁻ Cᵀ + R)^{-1},   Σ = joseph(Σ⁻, G, C, R)   (eq-2-7)
    /// ```
    ///
    /// `u`: `[M]`, `y`: `[P]`. The gain is solved for by a Cholesky factor; nothing is inverted.
    /// Cost O(N² P + P³).
    ///
    /// # Errors
    /// [`KalmanError::Input`]; [`KalmanError::NoSpread`] where two measurements without noise say the same.
    pub fn update(
        &self,
        predicted: &Belief,
        u: &DVector<f64>,
        y: &DVector<f64>,
    ) -> Result<(Belief, Innovation), KalmanError> {
        self.check(predicted, u)?;
        finite_vector("y", y)?;
        length("y", y, self.system.outputs())?;
        self.learn(predicted, u, y)
    }

    /// One step: predict, and update if there is a measurement.
    ///
    /// # Errors
    /// Those of [`KalmanFilter::predict`] and [`KalmanFilter::update`].
    pub fn step(
        &self,
        belief: &Belief,
        u: &DVector<f64>,
        y: Option<&DVector<f64>>,
    ) -> Result<Step, KalmanError> {
        let predicted = self.predict(belief, u)?;
        let (belief, innovation) = match y {
            None => (predicted.clone(), None),
            Some(y) => {
                let (belief, innovation) = self.update(&predicted, u, y)?;
                (belief, Some(innovation))
            }
        };
        Ok(Step { predicted, belief, innovation })
    }

    /// Tracks a state that no known input pushes, from a belief about `x_{-1}`; `None` where a
    /// measurement is missing.
    ///
    /// # Errors
    /// Those of [`KalmanFilter::step`].
    pub fn filter(
        &self,
        start: &Belief,
        measurements: &[Option<DVector<f64>>],
    ) -> Result<Filtered, KalmanError> {
        let still = vec![DVector::zeros(self.system.inputs()); measurements.len()];
        self.filter_driven(start, &still, measurements)
    }

    /// Tracks a state that known inputs push, one `u_k` for each measurement.
    ///
    /// # Errors
    /// Those of [`KalmanFilter::step`].
    pub fn filter_driven(
        &self,
        start: &Belief,
        inputs: &[DVector<f64>],
        measurements: &[Option<DVector<f64>>],
    ) -> Result<Filtered, KalmanError> {
        if inputs.len() != measurements.len() {
            return Err(KalmanError::Input(InputError::OutOfRange {
                name: "the number of inputs",
                expected: "that of the measurements",
                value: format!("{} for {}", inputs.len(), measurements.len()),
            }));
        }
        let mut belief = start.clone();
        let mut steps = Vec::with_capacity(measurements.len());
        for (u, y) in inputs.iter().zip(measurements) {
            let step = self.step(&belief, u, y.as_ref())?;
            belief = step.belief.clone();
            steps.push(step);
        }
        Ok(Filtered { steps })
    }
}

// ANCHOR: update
impl KalmanFilter {
    fn learn(
        &self,
        predicted: &Belief,
        u: &DVector<f64>,
        y: &DVector<f64>,
    ) -> Result<(Belief, Innovation), KalmanError> {
        let (c, d) = (self.system.c(), self.system.d());
        let shown = c * &predicted.covariance;
        let spread = symmetric_part(&shown * c.transpose() + &self.noise);
        let root = spread.clone().cholesky().ok_or(KalmanError::NoSpread)?;
        // G S = Σ⁻ Cᵀ, transposed.
        let gain = root.solve(&shown).transpose();
        let surprise = y - c * &predicted.mean - d * u;
        let belief = Belief {
            mean: &predicted.mean + &gain * &surprise,
            covariance: joseph(&predicted.covariance, &gain, c, &self.noise),
        };
        Ok((belief, Innovation { surprise, spread, gain }))
    }
}
// ANCHOR_END: update

/// The doubt that a measurement leaves, as a sum of two squares (Joseph's form).
///
/// ```text
/// Σ = (I - G C) Σ⁻ (I - G C)ᵀ + G R Gᵀ
/// ```
///
/// `predicted`: Σ⁻ `[N, N]`, `gain`: G `[N, P]`, `c`: `[P, N]`, `noise`: R `[P, P]`. For the gain of the
/// filter it equals `(I - G C) Σ⁻`, which costs less and *breaks*: after a precise measurement that
/// difference is all rounding, and variances come out negative. Joseph's form holds for any gain, and no
/// rounding makes a sum of squares negative. Cost O(N³).
///
/// ```
/// use classical_ssm::kalman_filter::joseph;
/// use nalgebra::dmatrix;
///
/// // Half believed: a quarter of the doubt and a quarter of the noise.
/// let left = joseph(&dmatrix![8.0], &dmatrix![0.5], &dmatrix![1.0], &dmatrix![4.0]);
/// assert_eq!(left, dmatrix![3.0]);
/// ```
// ANCHOR: joseph
pub fn joseph(
    predicted: &DMatrix<f64>,
    gain: &DMatrix<f64>,
    c: &DMatrix<f64>,
    noise: &DMatrix<f64>,
) -> DMatrix<f64> {
    let kept = DMatrix::identity(predicted.nrows(), predicted.nrows()) - gain * c;
    symmetric_part(&kept * predicted * kept.transpose() + gain * noise * gain.transpose())
}
// ANCHOR_END: joseph

/// A doubt as a factor, `Σ = L Lᵀ`, after a measurement, with the gain that the measurement had.
///
/// `factor`: L `[N, N]` before, `c`: `[P, N]`, `noise_factor`: `[P, P]` with `R = noise_factor ·
/// noise_factorᵀ`; returns the new L and G. One QR factorisation of
/// `( R^{T/2} 0; Lᵀ Cᵀ Lᵀ )` holds the root of the spread, the gain and the new root. Σ is never formed,
/// so its condition number may reach 10³⁰ before digits run out, where [`joseph`] stops at 10¹⁵.
/// Cost O((N + P)³).
///
/// # Errors
/// [`KalmanError::Input`]; [`KalmanError::NoSpread`].
///
/// Source: Kaminski, Bryson and Schmidt 1971.
///
/// ```
/// use classical_ssm::kalman_filter::square_root_update;
/// use nalgebra::dmatrix;
///
/// let (factor, gain) = square_root_update(&dmatrix![2.0], &dmatrix![1.0], &dmatrix![2.0])?;
/// assert!((factor[(0, 0)].powi(2) - 2.0).abs() < 1e-15);
/// assert!((gain[(0, 0)] - 0.5).abs() < 1e-15);
/// # Ok::<(), classical_ssm::kalman_filter::KalmanError>(())
/// ```
pub fn square_root_update(
    factor: &DMatrix<f64>,
    c: &DMatrix<f64>,
    noise_factor: &DMatrix<f64>,
) -> Result<(DMatrix<f64>, DMatrix<f64>), KalmanError> {
    finite("L", factor)?;
    let (n, p) = (factor.nrows(), c.nrows());
    shape("L", factor, (n, n))?;
    finite("C", c)?;
    shape("C", c, (p, n))?;
    finite("the factor of R", noise_factor)?;
    shape("the factor of R", noise_factor, (p, p))?;
    let mut joined = DMatrix::zeros(p + n, p + n);
    joined.view_mut((0, 0), (p, p)).copy_from(&noise_factor.transpose());
    joined.view_mut((p, 0), (n, p)).copy_from(&(c * factor).transpose());
    joined.view_mut((p, p), (n, n)).copy_from(&factor.transpose());
    let r = joined.qr().r();
    let spread_root = r.view((0, 0), (p, p)).into_owned();
    let shown = r.view((0, p), (p, n)).into_owned();
    let gain = spread_root.solve_upper_triangular(&shown).ok_or(KalmanError::NoSpread)?;
    Ok((r.view((p, p), (n, n)).transpose(), gain.transpose()))
}

impl KalmanFilter {
    /// What doubt and gain settle at: the discrete Riccati equation of `Aᵀ` and `Cᵀ`.
    ///
    /// ```text
    /// Σ⁻ = A Σ⁻ Aᵀ - A Σ⁻ Cᵀ (C Σ⁻ Cᵀ + R)^{-1} C Σ⁻ Aᵀ + Q
    /// ```
    ///
    /// None of it depends on what is measured, so it is known before the first measurement. With this G
    /// the filter is an observer of the page *Feedback*, the best one. Cost O(N³) times ten or so.
    ///
    /// # Errors
    /// [`KalmanError::Unmeasured`], [`KalmanError::Undisturbed`] where nothing settles;
    /// [`KalmanError::Riccati`], among others where R is not positive definite.
    ///
    /// ```
    /// use classical_ssm::kalman_filter::KalmanFilter;
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// let one = dmatrix![1.0];
    /// let walk = StateSpace::discrete(one.clone(), dmatrix![0.0], one.clone(), dmatrix![0.0], 1.0)?;
    /// let steady = KalmanFilter::new(&walk, one.clone(), one)?.steady_state()?;
    /// let golden_ratio = 0.5 * (1.0 + 5.0_f64.sqrt());
    /// assert!((steady.predicted[(0, 0)] - golden_ratio).abs() < 1e-14);
    /// assert!((steady.gain[(0, 0)] - 1.0 / golden_ratio).abs() < 1e-14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn steady_state(&self) -> Result<SteadyState, KalmanError> {
        let (a, c) = (self.system.a(), self.system.c());
        let solved =
            solve_discrete_riccati(&a.transpose(), &c.transpose(), &self.process, &self.noise);
        let predicted = solved.map_err(|error| match error {
            FeedbackError::NotStabilizable { mode } => KalmanError::Unmeasured { mode },
            FeedbackError::Unweighed { mode } => KalmanError::Undisturbed { mode },
            other => KalmanError::Riccati(other),
        })?;
        let shown = c * &predicted;
        let spread = symmetric_part(&shown * c.transpose() + &self.noise);
        let root = spread.cholesky().ok_or(KalmanError::NoSpread)?;
        let gain = root.solve(&shown).transpose();
        let covariance = joseph(&predicted, &gain, c, &self.noise);
        Ok(SteadyState { predicted, covariance, gain })
    }

    /// What one step, measurement included, does to the doubt about the next state: a [`Stretch`], so
    /// that many steps compose to one by [`Stretch::then`] in any order of brackets.
    ///
    /// `stretch.cost_before(Σ⁻_k)` is `Σ⁻_{k+1}`: the price of a state becomes the doubt about it, and
    /// time runs the other way.
    ///
    /// # Errors
    /// [`KalmanError::Riccati`] where R is not positive definite.
    ///
    /// ```
    /// use classical_ssm::kalman_filter::KalmanFilter;
    /// use classical_ssm::state_space::StateSpace;
    /// use nalgebra::dmatrix;
    ///
    /// let one = dmatrix![1.0];
    /// let walk = StateSpace::discrete(one.clone(), dmatrix![0.0], one.clone(), dmatrix![0.0], 1.0)?;
    /// let step = KalmanFilter::new(&walk, one.clone(), one.clone())?.stretch()?;
    /// // From Σ⁻ = 1: half the doubt is measured away, and 1 is added.
    /// assert_eq!(step.cost_before(&one).unwrap(), dmatrix![1.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stretch(&self) -> Result<Stretch, KalmanError> {
        let (a, c) = (self.system.a().transpose(), self.system.c().transpose());
        Ok(Stretch::step(&a, &c, &self.process, &self.noise)?)
    }
}

// ANCHOR: smooth
impl KalmanFilter {
    /// What is believed of each state once *all* measurements are in: one walk back.
    ///
    /// # Errors
    /// [`KalmanError::NoDoubt`] where a prediction was certain of some direction.
    pub fn smooth(&self, filtered: &Filtered) -> Result<Vec<Belief>, KalmanError> {
        let a = self.system.a();
        let mut beliefs: Vec<_> = filtered.steps.iter().map(|step| step.belief.clone()).collect();
        for k in (1..beliefs.len()).rev() {
            let (now, predicted) = (&beliefs[k - 1], &filtered.steps[k].predicted);
            let root = predicted.covariance.clone().cholesky().ok_or(KalmanError::NoDoubt { k })?;
            let back = root.solve(&(a * &now.covariance)).transpose();
            let news = &beliefs[k].mean - &predicted.mean;
            let doubt = &beliefs[k].covariance + &self.process;
            beliefs[k - 1] = Belief {
                mean: &now.mean + &back * news,
                // Joseph's form again: what comes after is a measurement of what is now.
                covariance: joseph(&now.covariance, &back, a, &doubt),
            };
        }
        Ok(beliefs)
    }
}
// ANCHOR_END: smooth

// ---------------------------------------------------------------------------------------------
// Is the filter right?
// ---------------------------------------------------------------------------------------------

/// What the surprises of a filter say about its model.
#[derive(Debug, Clone, PartialEq)]
pub struct Whiteness {
    /// How many numbers were measured.
    pub count: usize,
    /// The mean square of the standardised surprises: 1 if the model is right, more if it is too sure.
    pub mean_square: f64,
    /// How far the mean square is from 1, in standard deviations.
    pub size_score: f64,
    /// Correlation of a surprise with those 1, 2, … steps before; each is 0 ± `1/√count` if it is right.
    pub autocorrelation: Vec<f64>,
    /// How far all of these together are from none, in standard deviations.
    pub correlation_score: f64,
}

impl Whiteness {
    /// Whether nothing here speaks against the model: both scores below 3, which a right model misses
    /// about once in 300 times.
    pub fn is_plausible(&self) -> bool {
        self.size_score.abs() < 3.0 && self.correlation_score < 3.0
    }
}

/// Judges a filter by its surprises: with a right model they are white noise, of the size it said.
///
/// ```text
/// ν_k = L^{-1} (y_k - C x̂⁻_k - D u_k)        Σ |ν_k|² ~ χ²(count),  Σ_l count ρ_l² ~ χ²(lags)
/// ```
///
/// A surprise that could be foretold from the one before means that the filter leaves something unused.
/// *Good for* real data, where the true state is never known. Both sums are turned into a score, in
/// standard deviations, by Wilson and Hilferty's cube root. Cost O(steps · (lags + P³)).
///
/// # Errors
/// [`KalmanError::TooFew`] unless there are more measurements than lags.
///
/// Source: Mehra 1970; Box and Pierce 1970.
///
/// ```
/// use classical_ssm::kalman_filter::{Belief, KalmanFilter, innovation_whiteness};
/// use classical_ssm::state_space::StateSpace;
/// use nalgebra::{dmatrix, dvector};
///
/// let one = dmatrix![1.0];
/// let walk = StateSpace::discrete(one.clone(), dmatrix![0.0], one.clone(), dmatrix![0.0], 1.0)?;
/// let right = KalmanFilter::new(&walk, one.clone(), one.clone())?;
/// let stubborn = KalmanFilter::new(&walk, dmatrix![0.01], one.clone())?;
/// let measured: Vec<_> = right.draw(&dvector![0.0], 400, 1)?.1.into_iter().map(Some).collect();
/// let start = Belief { mean: dvector![0.0], covariance: one };
/// assert!(innovation_whiteness(&right.filter(&start, &measured)?, 10)?.is_plausible());
/// assert!(!innovation_whiteness(&stubborn.filter(&start, &measured)?, 10)?.is_plausible());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn innovation_whiteness(filtered: &Filtered, lags: usize) -> Result<Whiteness, KalmanError> {
    let standardised: Vec<Option<DVector<f64>>> = filtered
        .steps
        .iter()
        .map(|step| step.innovation.as_ref().map(Innovation::standardised))
        .collect();
    let measured = standardised.iter().flatten().count();
    if measured <= lags || lags == 0 {
        return Err(KalmanError::TooFew { lags: lags.max(1), found: measured });
    }
    let count: usize = standardised.iter().flatten().map(DVector::len).sum();
    let square: f64 = standardised.iter().flatten().map(DVector::norm_squared).sum();
    let mean_square = square / count as f64;
    let mut autocorrelation = Vec::with_capacity(lags);
    let mut statistic = 0.0;
    for lag in 1..=lags {
        let pairs = standardised.iter().zip(&standardised[lag.min(measured)..]);
        let both: Vec<(f64, usize)> = pairs
            .filter_map(|(one, other)| Some((one.as_ref()?, other.as_ref()?)))
            .map(|(one, other)| (one.dot(other), one.len()))
            .collect();
        let pairs: usize = both.iter().map(|(_, length)| length).sum();
        let product: f64 = both.iter().map(|(product, _)| product).sum();
        let correlation = if pairs == 0 { 0.0 } else { product / (pairs as f64 * mean_square) };
        statistic += pairs as f64 * correlation * correlation;
        autocorrelation.push(correlation);
    }
    Ok(Whiteness {
        count,
        mean_square,
        size_score: score(square, count),
        autocorrelation,
        correlation_score: score(statistic, lags),
    })
}

/// How unusual a sum of `freedom` squares of standard normal numbers is, in standard deviations.
fn score(sum: f64, freedom: usize) -> f64 {
    let variance = 2.0 / (9.0 * freedom as f64);
    ((sum / freedom as f64).cbrt() - (1.0 - variance)) / variance.sqrt()
}

// ---------------------------------------------------------------------------------------------
// Something to track
// ---------------------------------------------------------------------------------------------

/// Something that moves along a line at a speed that wanders, seen by its place alone.
///
/// ```text
/// x = (place, speed),   A = (1 Δ; 0 1),   Q = q (Δ³/3 Δ²/2; Δ²/2 Δ),   C = (1 0),   R = noise²
/// ```
///
/// `delta`: Δ in s; `wander`: q in m²/s³, after one second the speed has changed by about `√q` m/s;
/// `noise`: of a measurement, a standard deviation in m. Q is exact for a speed pushed by white noise.
///
/// # Errors
/// [`KalmanError::Input`] unless Δ and the noise are positive and q not negative.
///
/// ```
/// use classical_ssm::kalman_filter::rider;
/// use nalgebra::dmatrix;
///
/// let filter = rider(1.0, 0.3, 5.0)?;
/// assert!((filter.process() - dmatrix![0.1, 0.15; 0.15, 0.3]).norm() < 1e-15);
/// # Ok::<(), classical_ssm::kalman_filter::KalmanError>(())
/// ```
pub fn rider(delta: f64, wander: f64, noise: f64) -> Result<KalmanFilter, KalmanError> {
    positive("Δ", delta)?;
    non_negative("q", wander)?;
    positive("the noise", noise)?;
    let system = StateSpace::discrete(
        dmatrix![1.0, delta; 0.0, 1.0],
        dmatrix![0.0; 0.0],
        dmatrix![1.0, 0.0],
        dmatrix![0.0],
        delta,
    )?;
    let (square, cube) = (delta * delta / 2.0, delta.powi(3) / 3.0);
    let process = dmatrix![cube, square; square, delta] * wander;
    KalmanFilter::new(&system, process, dmatrix![noise * noise])
}

impl KalmanFilter {
    /// Draws a path of the model and measurements of it, from the state `start` before the first step.
    ///
    /// Returns the states and the measurements, one of each for every step. The same seed gives the same
    /// path. Cost O(N³ + steps · N²).
    ///
    /// # Errors
    /// [`KalmanError::Input`] where shapes do not fit; [`KalmanError::Eigenvalues`].
    pub fn draw(
        &self,
        start: &DVector<f64>,
        steps: usize,
        seed: u64,
    ) -> Result<(Signal, Signal), KalmanError> {
        finite_vector("x", start)?;
        length("x", start, self.system.d_state())?;
        let (push, blur) = (root(&self.process)?, root(&self.noise)?);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = |n: usize| DVector::from_fn(n, |_, _| standard_normal(&mut random));
        let (mut states, mut measurements) = (Vec::new(), Vec::new());
        let mut x = start.clone();
        for _ in 0..steps {
            x = self.system.a() * x + &push * normal(push.ncols());
            measurements.push(self.system.c() * &x + &blur * normal(blur.ncols()));
            states.push(x.clone());
        }
        Ok((states, measurements))
    }
}

/// A matrix whose square, times itself transposed, is this covariance; it may be singular.
fn root(covariance: &DMatrix<f64>) -> Result<DMatrix<f64>, EigenError> {
    let parts = hermitian_eigendecomposition(covariance)?;
    let lengths = parts.lambda.map(|lambda| lambda.max(0.0).sqrt());
    Ok(parts.v * DMatrix::from_diagonal(&lengths))
}

/// One number from the bell curve, by Box and Muller's formula.
fn standard_normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// A ride with a tunnel in it: what the figure and the experiment of the page show.
#[derive(Debug, Clone, PartialEq)]
pub struct Ride {
    /// How many seconds it takes, one measurement each.
    pub seconds: usize,
    /// The first second in the tunnel.
    pub enter: usize,
    /// How many seconds there are without a measurement.
    pub tunnel: usize,
    /// The standard deviation of a measured place, in m.
    pub noise: f64,
    /// q, how much the speed wanders, in m²/s³.
    pub wander: f64,
    /// The q that the filter believes in; the true one, if not given.
    pub believed: Option<f64>,
    /// Which ride is drawn.
    pub seed: u64,
}

impl Default for Ride {
    /// Two and a half minutes, half a minute of them in a tunnel, measured to within 5 m.
    fn default() -> Self {
        Self {
            seconds: 150,
            enter: 60,
            tunnel: 30,
            noise: 5.0,
            wander: 0.1,
            believed: None,
            seed: 4,
        }
    }
}

impl Ride {
    /// What is believed before the first measurement: there is no lead yet, and the pace is about kept.
    pub fn start(&self) -> Belief {
        Belief { mean: DVector::zeros(2), covariance: dmatrix![25.0, 0.0; 0.0, 1.0] }
    }
}

/// A ride, what was measured of it, and what was believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Ridden {
    /// Metres ahead of a steady pace, and metres a second faster than it.
    pub states: Vec<DVector<f64>>,
    /// None in the tunnel.
    pub measurements: Vec<Option<DVector<f64>>>,
    /// What was believed at the time.
    pub filtered: Filtered,
    /// What is believed afterwards.
    pub smoothed: Vec<Belief>,
}

/// Draws a ride with a tunnel, filters it and looks back.
///
/// # Errors
/// [`KalmanError::Input`] for a noise or a q that is none.
///
/// ```
/// use classical_ssm::kalman_filter::{Ride, ride};
///
/// let ridden = ride(&Ride::default())?;
/// let doubt = |k: usize| ridden.filtered.steps[k].belief.covariance[(0, 0)].sqrt();
/// assert!(doubt(59) < 3.0 && doubt(89) > 25.0 && doubt(90) < 5.0);
/// # Ok::<(), classical_ssm::kalman_filter::KalmanError>(())
/// ```
pub fn ride(parameters: &Ride) -> Result<Ridden, KalmanError> {
    let Ride { seconds, enter, tunnel, noise, wander, believed, seed } = *parameters;
    let start = parameters.start();
    let (states, measured) = rider(1.0, wander, noise)?.draw(&start.mean, seconds, seed)?;
    let dark = enter..enter + tunnel;
    let measurements: Vec<_> =
        measured.into_iter().enumerate().map(|(k, y)| (!dark.contains(&k)).then_some(y)).collect();
    let filter = rider(1.0, believed.unwrap_or(wander), noise)?;
    let filtered = filter.filter(&start, &measurements)?;
    let smoothed = filter.smooth(&filtered)?;
    Ok(Ridden { states, measurements, filtered, smoothed })
}
