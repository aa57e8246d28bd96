//! # State representations
//!
//! *What must we know about a thing now, so that we may forget its whole past?*
//!
//! Physics speaks of masses, circuits and motors in differential equations of any order. All of them
//! are rewritten here as one equation of first order, in four matrices:
//!
//! ```text
//! x' = A x + B u        y = C x + D u          (eq-1-5, Matrices::derivative and Matrices::output)
//! ```
//!
//! [`mass_spring_damper`], [`rlc`], [`dc_motor`] and [`linearized_pendulum`] go from the laws of physics
//! to the matrices, [`companion`] from any linear differential equation, and [`linearize`] from a
//! non-linear one near a point of rest. [`Matrices::change_coordinates`] shows that the four are not
//! unique.
//!
//! Conventions: SI units, named at each function; u is the input `[M]`, x the state `[N]`, y the output
//! `[P]`. [`Matrices`] is a plain struct; chapter 2 gives it a validated constructor and a name,
//! `StateSpace`.

use math_foundations::matrix_exponential::{MatrixExponentialError, matrix_exponential};
use math_foundations::validation::{
    InputError, finite, finite_vector, length, non_negative, positive, shape, square,
};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};
use thiserror::Error;

/// Why a system in state form cannot be used as asked.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RepresentationError {
    /// A matrix, a vector or a number that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// e^{At} does not fit in a floating-point number.
    #[error(transparent)]
    Exponential(#[from] MatrixExponentialError),
    /// Coordinates that lose a direction.
    #[error("expected T to be invertible, found a singular matrix")]
    SingularCoordinates,
    /// The system answers e^{st} without bound.
    #[error("expected s to differ from every eigenvalue of A, found s = {s}")]
    Resonance {
        /// The exponent asked for.
        s: Complex<f64>,
    },
}

// ANCHOR: matrices
/// A linear system in state form: `x' = A x + B u`, `y = C x + D u`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrices {
    /// How the state moves by itself: `[N, N]`.
    pub a: DMatrix<f64>,
    /// How the input pushes the state: `[N, M]`.
    pub b: DMatrix<f64>,
    /// What of the state is seen: `[P, N]`.
    pub c: DMatrix<f64>,
    /// What of the input is seen at once: `[P, M]`.
    pub d: DMatrix<f64>,
}
// ANCHOR_END: matrices

impl Matrices {
    /// How fast the state changes when it is `x` under the input `u`.
    ///
    /// ```text
    /// x' = A x + B u                          (eq-1-5)
    /// ```
    ///
    /// `x`: `[N]`, `u`: `[M]`; returns `[N]`. Cost O(N² + N M).
    ///
    /// # Errors
    /// [`RepresentationError::Input`] where shapes do not fit or an entry is not finite.
    ///
    /// ```
    /// use math_foundations::state_representations::mass_spring_damper;
    /// use nalgebra::dvector;
    ///
    /// // Held at 3 m by a spring of 2 N/m, a mass of 1 kg is pulled back by 6 N.
    /// let spring = mass_spring_damper(1.0, 0.4, 2.0)?;
    /// assert_eq!(spring.derivative(&dvector![3.0, 0.0], &dvector![0.0])?, dvector![0.0, -6.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn derivative(
        &self,
        x: &DVector<f64>,
        u: &DVector<f64>,
    ) -> Result<DVector<f64>, RepresentationError> {
        self.check_point(x, u)?;
        Ok(&self.a * x + &self.b * u)
    }

    /// What is seen of the system when its state is `x` under the input `u`.
    ///
    /// ```text
    /// y = C x + D u                           (eq-1-5)
    /// ```
    ///
    /// `x`: `[N]`, `u`: `[M]`; returns `[P]`. Cost O(P (N + M)).
    ///
    /// # Errors
    /// [`RepresentationError::Input`] where shapes do not fit or an entry is not finite.
    ///
    /// ```
    /// use math_foundations::state_representations::mass_spring_damper;
    /// use nalgebra::dvector;
    ///
    /// let spring = mass_spring_damper(1.0, 0.4, 2.0)?;
    /// assert_eq!(spring.output(&dvector![3.0, 7.0], &dvector![1.0])?, dvector![3.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn output(
        &self,
        x: &DVector<f64>,
        u: &DVector<f64>,
    ) -> Result<DVector<f64>, RepresentationError> {
        self.check_point(x, u)?;
        Ok(&self.c * x + &self.d * u)
    }

    /// The output at time `t` after one short, strong push at t = 0 (a unit impulse), from rest.
    ///
    /// ```text
    /// h(t) = C e^{At} B       (and D times the impulse itself, which is no number, at t = 0)
    /// ```
    ///
    /// `t`: seconds, not negative; returns `[P, M]`, a column an input. Cost O(N³).
    ///
    /// # Errors
    /// [`RepresentationError::Input`], and [`RepresentationError::Exponential`] when e^{At} overflows.
    ///
    /// ```
    /// use math_foundations::state_representations::mass_spring_damper;
    ///
    /// // A mass of 2 kg, struck with 1 N s: it leaves with 1/2 m/s, and nothing holds it.
    /// let free = mass_spring_damper(2.0, 0.0, 0.0)?;
    /// assert_eq!(free.impulse_response(3.0)?[(0, 0)], 1.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn impulse_response(&self, t: f64) -> Result<DMatrix<f64>, RepresentationError> {
        self.check()?;
        non_negative("t", t)?;
        Ok(&self.c * matrix_exponential(&(&self.a * t))? * &self.b)
    }

    /// The output at time `t` when the input is switched from 0 to 1 at t = 0 and held, from rest.
    ///
    /// ```text
    /// s(t) = C ∫₀ᵗ e^{Aτ} dτ B + D = (C 0) e^{Mt} (0 I)ᵀ + D       M = (A B; 0 0)
    /// ```
    ///
    /// `t`: seconds, not negative; returns `[P, M]`, a column an input. The held input joins the state
    /// as numbers that do not change, so that one exponential answers, also for a singular A.
    /// Cost O((N + M)³).
    ///
    /// # Errors
    /// [`RepresentationError::Input`], and [`RepresentationError::Exponential`] when e^{At} overflows.
    ///
    /// ```
    /// use math_foundations::state_representations::mass_spring_damper;
    ///
    /// // A constant force on a free mass of 2 kg: q = t²/4.
    /// let free = mass_spring_damper(2.0, 0.0, 0.0)?;
    /// assert!((free.step_response(3.0)?[(0, 0)] - 2.25).abs() < 1e-15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn step_response(&self, t: f64) -> Result<DMatrix<f64>, RepresentationError> {
        let (n, m) = self.check()?;
        non_negative("t", t)?;
        let mut joined = DMatrix::zeros(n + m, n + m);
        joined.view_mut((0, 0), (n, n)).copy_from(&self.a);
        joined.view_mut((0, n), (n, m)).copy_from(&self.b);
        let moved = matrix_exponential(&(joined * t))?;
        Ok(&self.c * moved.view((0, n), (n, m)) + &self.d)
    }

    /// What the system makes of an input `e^{st}`: the output is this matrix times `e^{st}`.
    ///
    /// ```text
    /// G(s) = C (s I - A)^{-1} B + D
    /// ```
    ///
    /// `s`: complex, in 1/s; returns `[P, M]`. The four matrices are a matter of taste, G is not: two
    /// systems with the same G cannot be told apart from outside. Cost O(N³).
    ///
    /// # Errors
    /// [`RepresentationError::Input`]; [`RepresentationError::Resonance`] at an eigenvalue of A.
    ///
    /// ```
    /// use math_foundations::state_representations::mass_spring_damper;
    /// use nalgebra::Complex;
    ///
    /// // 1 / (m s² + c s + k) at s = 2.
    /// let spring = mass_spring_damper(1.0, 0.5, 3.0)?;
    /// let g = spring.transfer(Complex::new(2.0, 0.0))?;
    /// assert!((g[(0, 0)] - 1.0 / 8.0).norm() < 1e-15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transfer(&self, s: Complex<f64>) -> Result<DMatrix<Complex<f64>>, RepresentationError> {
        let (n, _) = self.check()?;
        let complex = |matrix: &DMatrix<f64>| matrix.map(|entry| Complex::new(entry, 0.0));
        let resolvent = DMatrix::identity(n, n) * s - complex(&self.a);
        let x_hat = resolvent.lu().solve(&complex(&self.b));
        let x_hat = x_hat.ok_or(RepresentationError::Resonance { s })?;
        Ok(complex(&self.c) * x_hat + complex(&self.d))
    }

    /// The same system told in other coordinates `z`, where `x = T z`.
    ///
    /// ```text
    /// z' = (T⁻¹ A T) z + (T⁻¹ B) u        y = (C T) z + D u
    /// ```
    ///
    /// `t`: `[N, N]`, invertible. Input and output are the same for every T, the state is not:
    /// its entries mean something else, and its numbers differ. Breaks: a nearly singular T loses
    /// digits, as many as its condition number has. Cost O(N³).
    ///
    /// # Errors
    /// [`RepresentationError::Input`], [`RepresentationError::SingularCoordinates`].
    ///
    /// ```
    /// use math_foundations::state_representations::mass_spring_damper;
    /// use nalgebra::dmatrix;
    ///
    /// // Centimetres for metres, and the velocity first.
    /// let spring = mass_spring_damper(1.0, 0.4, 1.0)?;
    /// let told = spring.change_coordinates(&dmatrix![0.0, 0.01; 0.01, 0.0])?;
    /// assert_eq!(told.a, dmatrix![-0.4, -1.0; 1.0, 0.0]);
    /// assert!((told.impulse_response(2.0)? - spring.impulse_response(2.0)?).amax() < 1e-15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn change_coordinates(&self, t: &DMatrix<f64>) -> Result<Matrices, RepresentationError> {
        let (n, _) = self.check()?;
        finite("T", t)?;
        shape("T", t, (n, n))?;
        let lu = t.clone().lu();
        let solve =
            |right: DMatrix<f64>| lu.solve(&right).ok_or(RepresentationError::SingularCoordinates);
        Ok(Matrices {
            a: solve(&self.a * t)?,
            b: solve(self.b.clone())?,
            c: &self.c * t,
            d: self.d.clone(),
        })
    }

    /// Refuses four matrices that do not fit together. Returns N and M.
    fn check(&self) -> Result<(usize, usize), InputError> {
        let n = square("A", &self.a)?;
        let (m, p) = (self.b.ncols(), self.c.nrows());
        finite("B", &self.b)?;
        shape("B", &self.b, (n, m))?;
        finite("C", &self.c)?;
        shape("C", &self.c, (p, n))?;
        finite("D", &self.d)?;
        shape("D", &self.d, (p, m))?;
        Ok((n, m))
    }

    fn check_point(&self, x: &DVector<f64>, u: &DVector<f64>) -> Result<(), InputError> {
        let (n, m) = self.check()?;
        finite_vector("x", x)?;
        length("x", x, n)?;
        finite_vector("u", u)?;
        length("u", u, m)
    }
}

/// A mass on a spring beside a damper, moved by a force.
///
/// ```text
/// m q'' + c q' + k q = u                  x = (q, q'),  y = q
/// ```
///
/// `mass` m in kg, positive; `damping` c in N s/m and `stiffness` k in N/m, not negative.
/// Input: force in N. State: position in m, velocity in m/s. Output: position in m.
/// Good for: everything that swings and settles, from a car's suspension to a molecule.
///
/// # Errors
/// [`InputError::OutOfRange`].
///
/// Source: Newton's second law, with Hooke's law and viscous friction.
///
/// ```
/// use math_foundations::state_representations::mass_spring_damper;
/// use nalgebra::dmatrix;
///
/// let spring = mass_spring_damper(2.0, 0.5, 3.0)?;
/// assert_eq!(spring.a, dmatrix![0.0, 1.0; -1.5, -0.25]);
/// let error = mass_spring_damper(-2.0, 0.5, 3.0).unwrap_err();
/// assert_eq!(error.to_string(), "expected the mass to be finite and positive, found -2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: mass_spring_damper
pub fn mass_spring_damper(
    mass: f64,      // kg
    damping: f64,   // N s/m
    stiffness: f64, // N/m
) -> Result<Matrices, InputError> {
    positive("the mass", mass)?;
    non_negative("the damping", damping)?;
    non_negative("the stiffness", stiffness)?;
    Ok(Matrices {
        a: dmatrix![0.0, 1.0; -stiffness / mass, -damping / mass],
        b: dmatrix![0.0; 1.0 / mass],
        c: dmatrix![1.0, 0.0],
        d: dmatrix![0.0],
    })
}
// ANCHOR_END: mass_spring_damper

/// A resistor, a coil and a capacitor in one loop, driven by a voltage.
///
/// ```text
/// L q'' + R q' + q / C = u                x = (q, i = q'),  y = q / C
/// ```
///
/// `resistance` R in Ω, not negative; `inductance` L in H and `capacitance` C in F, positive.
/// Input: voltage in V. State: charge on the capacitor in C, current in A. Output: voltage of the
/// capacitor in V. It is the mass on a spring in other words: L for the mass, R for the damping, 1/C
/// for the stiffness, charge for position, current for velocity.
///
/// # Errors
/// [`InputError::OutOfRange`].
///
/// Source: Kirchhoff's voltage law.
///
/// ```
/// use math_foundations::state_representations::{mass_spring_damper, rlc};
///
/// let (circuit, spring) = (rlc(0.5, 2.0, 0.25)?, mass_spring_damper(2.0, 0.5, 4.0)?);
/// assert_eq!((circuit.a, circuit.b), (spring.a, spring.b));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rlc(resistance: f64, inductance: f64, capacitance: f64) -> Result<Matrices, InputError> {
    non_negative("the resistance", resistance)?;
    positive("the inductance", inductance)?;
    positive("the capacitance", capacitance)?;
    let stiffness = 1.0 / capacitance;
    Ok(Matrices {
        a: dmatrix![0.0, 1.0; -stiffness / inductance, -resistance / inductance],
        b: dmatrix![0.0; 1.0 / inductance],
        c: dmatrix![stiffness, 0.0],
        d: dmatrix![0.0],
    })
}

/// What a direct-current motor is made of.
///
/// ```
/// use math_foundations::state_representations::DcMotor;
///
/// let motor = DcMotor::default();
/// assert!(motor.inductance < motor.resistance);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DcMotor {
    /// R, of the winding, in Ω.
    pub resistance: f64,
    /// L, of the winding, in H.
    pub inductance: f64,
    /// K, in N m/A and equally in V s/rad: what a current gives in torque, a speed takes in voltage.
    /// Were the two unequal, the motor would make energy out of nothing, or lose it to nowhere.
    pub torque_constant: f64,
    /// J, of all that turns, in kg m².
    pub inertia: f64,
    /// b, of the bearings, in N m s/rad.
    pub friction: f64,
}

impl Default for DcMotor {
    /// A motor of the size of a thumb: 2 Ω, 2 mH, 0.05 N m/A, 2·10⁻⁵ kg m², 10⁻⁵ N m s/rad.
    fn default() -> Self {
        Self {
            resistance: 2.0,
            inductance: 2e-3,
            torque_constant: 0.05,
            inertia: 2e-5,
            friction: 1e-5,
        }
    }
}

/// A direct-current motor, driven by a voltage.
///
/// ```text
/// J ω' = K i - b ω        L i' = u - R i - K ω           x = (ω, i),  y = ω
/// ```
///
/// Resistance, inductance, torque constant and inertia positive; friction not negative.
/// Input: voltage in V. State: speed in rad/s, current in A. Output: speed in rad/s.
/// A voltage held for long turns it at `K u / (R b + K²)`.
///
/// # Errors
/// [`InputError::OutOfRange`].
///
/// Source: Newton's second law for the rotor, Kirchhoff's for the winding, Faraday's for what links
/// them.
///
/// ```
/// use math_foundations::state_representations::{DcMotor, dc_motor};
///
/// let parts = DcMotor::default();
/// let speed = dc_motor(&parts)?.step_response(1.0)?[(0, 0)];
/// let k = parts.torque_constant;
/// assert!((speed - k / (parts.resistance * parts.friction + k * k)).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dc_motor(parts: &DcMotor) -> Result<Matrices, InputError> {
    let DcMotor { resistance, inductance, torque_constant, inertia, friction } = *parts;
    positive("the resistance", resistance)?;
    positive("the inductance", inductance)?;
    positive("the torque constant", torque_constant)?;
    positive("the inertia", inertia)?;
    non_negative("the friction", friction)?;
    Ok(Matrices {
        a: dmatrix![
            -friction / inertia, torque_constant / inertia;
            -torque_constant / inductance, -resistance / inductance
        ],
        b: dmatrix![0.0; 1.0 / inductance],
        c: dmatrix![1.0, 0.0],
        d: dmatrix![0.0],
    })
}

/// The acceleration of a fall, in m/s² (the standard value).
pub const GRAVITY: f64 = 9.80665;

/// A weight at the end of a stiff, weightless rod, turned by a torque: a non-linear system.
///
/// ```
/// use math_foundations::state_representations::Pendulum;
///
/// let pendulum = Pendulum::default();
/// assert_eq!((pendulum.mass, pendulum.length), (1.0, 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pendulum {
    /// m, in kg.
    pub mass: f64,
    /// ℓ, of the rod, in m.
    pub length: f64,
    /// c, of the pivot, in N m s/rad.
    pub damping: f64,
}

impl Default for Pendulum {
    /// One kilogram at one metre, slightly damped: 0.4 N m s/rad.
    fn default() -> Self {
        Self { mass: 1.0, length: 1.0, damping: 0.4 }
    }
}

/// Where a pendulum can stand still without being held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equilibrium {
    /// Angle 0: it comes back when pushed.
    Hanging,
    /// Angle π: it falls when pushed.
    Upright,
}

impl Pendulum {
    /// How fast angle and speed change: the whole truth, for swings of any size.
    ///
    /// ```text
    /// m ℓ² θ'' = u - c θ' - m g ℓ sin θ       x = (θ, θ'),  θ = 0 hanging
    /// ```
    ///
    /// `x`: angle in rad and speed in rad/s; `u`: torque in N m; returns rad/s and rad/s².
    ///
    /// ```
    /// use math_foundations::state_representations::{GRAVITY, Pendulum};
    ///
    /// // Held out sideways, it begins to fall with g/ℓ.
    /// let fall = Pendulum::default().derivative([std::f64::consts::FRAC_PI_2, 0.0], 0.0);
    /// assert_eq!(fall, [0.0, -GRAVITY]);
    /// ```
    pub fn derivative(&self, [angle, speed]: [f64; 2], torque: f64) -> [f64; 2] {
        let inertia = self.mass * self.length * self.length;
        let weight = self.mass * GRAVITY * self.length * angle.sin();
        [speed, (torque - self.damping * speed - weight) / inertia]
    }
}

/// A pendulum that never strays far from a point of rest.
///
/// ```text
/// m ℓ² θ'' + c θ' ± m g ℓ θ = u           + hanging, - upright;  x = (θ, θ'),  y = θ
/// ```
///
/// θ is counted from the point of rest, where `sin θ` is replaced by its slope, +1 or -1. Hanging it is
/// a [`mass_spring_damper`] whose spring is gravity; upright the spring pushes away.
/// Mass and length positive, damping not negative.
/// Input: torque in N m. State: angle in rad, speed in rad/s. Output: angle in rad.
/// Good for: small swings; the error of the slope is a sixth of the cube of the angle.
///
/// # Errors
/// [`InputError::OutOfRange`].
///
/// ```
/// use math_foundations::state_representations::{Equilibrium, GRAVITY, Pendulum, linearized_pendulum};
/// use nalgebra::dmatrix;
///
/// let upright = linearized_pendulum(&Pendulum::default(), Equilibrium::Upright)?;
/// assert_eq!(upright.a, dmatrix![0.0, 1.0; GRAVITY, -0.4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn linearized_pendulum(
    pendulum: &Pendulum,
    equilibrium: Equilibrium,
) -> Result<Matrices, InputError> {
    let Pendulum { mass, length, damping } = *pendulum;
    positive("the mass", mass)?;
    positive("the length", length)?;
    non_negative("the damping", damping)?;
    let inertia = mass * length * length;
    let slope = match equilibrium {
        Equilibrium::Hanging => 1.0,
        Equilibrium::Upright => -1.0,
    };
    Ok(Matrices {
        a: dmatrix![0.0, 1.0; -slope * GRAVITY / length, -damping / inertia],
        b: dmatrix![0.0; 1.0 / inertia],
        c: dmatrix![1.0, 0.0],
        d: dmatrix![0.0],
    })
}

/// Any linear differential equation with constant coefficients, in companion form.
///
/// ```text
/// a_0 y + a_1 y' + … + a_n y^(n) = b_0 u + b_1 u' + … + b_p u^(p)              p ≤ n
///
///      0     1    0   …             0
/// A =  0     0    1   …      B =    …       C_i = b_i - a_i b_n / a_n     D = b_n / a_n
///     -a_0/a_n  …  -a_{n-1}/a_n    1/a_n
/// ```
///
/// `ode`: `a_0 … a_n`, at least two, the last not zero; `input`: `b_0 … b_p`, at least one and no more
/// than `ode` has. Entry i belongs to derivative i. Without derivatives of u (`input = [b_0]`) the state
/// is `(y, y', …) / b_0`; with them it is a signal ξ and its derivatives, of which y is a mixture, so
/// that nothing ever has to be differentiated.
/// Exact. Good for: low orders. Breaks: eigenvalues of large companion matrices are sensitive to the
/// last digit of a coefficient. Cost O(n²) for zeros and ones.
///
/// # Errors
/// [`InputError`].
///
/// Source: Kailath, *Linear Systems* (1980), section 2.1 (his controller form, in the opposite order).
///
/// ```
/// use math_foundations::state_representations::{companion, mass_spring_damper};
///
/// // 3 q + 0.5 q' + 2 q'' = u
/// assert_eq!(companion(&[3.0, 0.5, 2.0], &[1.0])?, mass_spring_damper(2.0, 0.5, 3.0)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: companion
pub fn companion(ode: &[f64], input: &[f64]) -> Result<Matrices, InputError> {
    check_coefficients(ode, input)?;
    let n = ode.len() - 1;
    let leading = ode[n];
    let b_at = |i: usize| input.get(i).copied().unwrap_or(0.0);

    // Each derivative is the next entry of the state; the equation itself gives the last one.
    let mut a = DMatrix::zeros(n, n);
    a.view_mut((0, 1), (n - 1, n - 1)).fill_with_identity();
    let mut b = DMatrix::zeros(n, 1);
    b[n - 1] = 1.0 / leading;
    let mut c = DMatrix::zeros(1, n);
    let d = dmatrix![b_at(n) / leading];
    for i in 0..n {
        a[(n - 1, i)] = -ode[i] / leading;
        c[i] = b_at(i) - d[0] * ode[i];
    }
    Ok(Matrices { a, b, c, d })
}
// ANCHOR_END: companion

fn check_coefficients(ode: &[f64], input: &[f64]) -> Result<(), InputError> {
    let refuse = |name, expected, value: String| InputError::OutOfRange { name, expected, value };
    if ode.len() < 2 {
        let name = "the number of ODE coefficients";
        return Err(refuse(name, "at least 2", ode.len().to_string()));
    }
    if input.is_empty() || input.len() > ode.len() {
        let name = "the number of input coefficients";
        let expected = "at least 1 and at most that of the ODE coefficients";
        return Err(refuse(name, expected, input.len().to_string()));
    }
    finite_vector("the ODE coefficients", &DVector::from_column_slice(ode))?;
    finite_vector("the input coefficients", &DVector::from_column_slice(input))?;
    if ode[ode.len() - 1] == 0.0 {
        return Err(refuse("the last ODE coefficient", "other than 0", "0".to_string()));
    }
    Ok(())
}

/// The linear system that a non-linear one `x' = f(x, u)` is, seen from close to `(x*, u*)`.
///
/// ```text
/// A_ij = ∂f_i/∂x_j        B_ij = ∂f_i/∂u_j         at (x*, u*);  C = I, D = 0
/// ```
///
/// `x_star`: `[N]`, `u_star`: `[M]`, `f` returns `[N]`. State and input of the result are counted from
/// x* and u*; where f(x*, u*) is not zero, the neighbourhood drifts and the drift is left out.
/// Slopes are central differences over ±h, `h = ∛ε · max(1, |x_j|)`: they are exact for polynomials of
/// degree two, and near to ten digits otherwise. Breaks: at corners of f, and where f changes over
/// distances below h ≈ 6e-6. Cost 2 (N + M) evaluations of f.
///
/// # Errors
/// [`RepresentationError::Input`] for entries that are not finite and for an f of another length.
///
/// ```
/// use math_foundations::state_representations::linearize;
/// use nalgebra::dvector;
///
/// // x' = x² - 4 rests at x = 2, and leaves it with slope 4.
/// let near = linearize(|x, u| dvector![x[0] * x[0] - 4.0 + u[0]], &dvector![2.0], &dvector![0.0])?;
/// assert!((near.a[(0, 0)] - 4.0).abs() < 1e-9 && (near.b[(0, 0)] - 1.0).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// ANCHOR: linearize
pub fn linearize(
    f: impl Fn(&DVector<f64>, &DVector<f64>) -> DVector<f64>,
    x_star: &DVector<f64>,
    u_star: &DVector<f64>,
) -> Result<Matrices, RepresentationError> {
    finite_vector("x*", x_star)?;
    finite_vector("u*", u_star)?;
    let (n, m) = (x_star.len(), u_star.len());
    let a = slopes(n, x_star, |x| f(x, u_star))?;
    let b = slopes(n, u_star, |u| f(x_star, u))?;
    Ok(Matrices { a, b, c: DMatrix::identity(n, n), d: DMatrix::zeros(n, m) })
}
// ANCHOR_END: linearize

/// Column j: how `f` changes when entry j of its argument does.
// ANCHOR: slopes
fn slopes(
    n: usize,
    at: &DVector<f64>,
    f: impl Fn(&DVector<f64>) -> DVector<f64>,
) -> Result<DMatrix<f64>, InputError> {
    let mut slopes = DMatrix::zeros(n, at.len());
    for (j, mut column) in slopes.column_iter_mut().enumerate() {
        let h = f64::EPSILON.cbrt() * at[j].abs().max(1.0);
        let (mut ahead, mut behind) = (at.clone(), at.clone());
        ahead[j] += h;
        behind[j] -= h;
        let (f_ahead, f_behind) = (f(&ahead), f(&behind));
        length("f", &f_ahead, n)?;
        length("f", &f_behind, n)?;
        // The distance between the two points as they were rounded, not 2h.
        column.copy_from(&((f_ahead - f_behind) / (ahead[j] - behind[j])));
    }
    finite("the slopes of f", &slopes)?;
    Ok(slopes)
}
// ANCHOR_END: slopes
