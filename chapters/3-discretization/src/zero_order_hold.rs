//! *If the input waits between two ticks, can a step of any length be exact?*
//!
//! Yes. While u is held, u' = 0: state and input together are a system without input, and one
//! exponential carries both over the step:
//!
//! ```text
//!     ⎛ ⎡A B⎤   ⎞   ⎡Ā B̄⎤
//! exp ⎜ ⎣0 0⎦ Δ ⎟ = ⎣0 I⎦ ,      Ā = e^{ΔA},      B̄ = Δ φ₁(ΔA) B      (eq-3-4)
//! ```
//!
//! [`zero_order_hold`] is that step, [`first_order_hold`] the same for an input on straight lines.
//! Both are made of the φ-functions, φ₀ = exp and φ_{k+1}(z) = (φ_k(z) - 1/k!)/z: [`phi_columns`]
//! has them of a matrix from one exponential, [`phi`] and [`expm1_ratio`] of a number, without the
//! digits that the formula loses near 0. [`b_bar_by_inverse`] is the textbook's B̄, and where it fails.
//!
//! Conventions: `x_k = Ā x_{k-1} + B̄ u_k + B̄₋ u_{k-1}`; the hold keeps u_{k-1}, taken at the
//! beginning of the step, so its weight is B̄₋.

use classical_ssm::state_space::{Continuous, StateSpace};
use discretization::sampling::{DiscretizationError, Recurrence};
use math_foundations::matrix_exponential::{matrix_exponential, one_norm};
use math_foundations::validation::{finite, positive, shape, square};
use nalgebra::{ComplexField, DMatrix, RealField};

/// The step of a flow whose input is sampled at each tick and held until the next.
///
/// ```text
/// x_k = e^{ΔA} x_{k-1} + Δ φ₁(ΔA) B u_{k-1},      Δ φ₁(ΔA) B = ∫₀^Δ e^{Aτ} dτ B      (eq-3-4)
/// ```
///
/// - Shapes: as those of the system; `delta` in its seconds.
/// - *Exact when* u does not change between ticks, for every A and every Δ. *Good for* whatever a
///   computer drives. Another input is answered half a step late: order 1. *Breaks* nowhere.
/// - Cost O((N + M)³), once.
///
/// # Errors
/// [`DiscretizationError::Input`] for a Δ that is not positive, [`DiscretizationError::Exponential`]
/// when e^{ΔA} overflows.
///
/// Source: C. F. Van Loan, *Computing integrals involving the matrix exponential* (1978).
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::zero_order_hold::zero_order_hold;
/// use nalgebra::dmatrix;
///
/// // A mass on ice, pushed by a unit force for two seconds: v = 2, q = 2²/2. A has no inverse.
/// let ice = dmatrix![0.0, 1.0; 0.0, 0.0];
/// let ice = StateSpace::continuous(ice, dmatrix![0.0; 1.0], dmatrix![1.0, 0.0], dmatrix![0.0])?;
/// let step = zero_order_hold(&ice, 2.0)?;
/// assert_eq!(step.a_bar, dmatrix![1.0, 2.0; 0.0, 1.0]);
/// assert_eq!(step.b_bar_previous, dmatrix![2.0; 2.0]);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: zero_order_hold
pub fn zero_order_hold(
    system: &StateSpace<Continuous>,
    delta: f64,
) -> Result<Recurrence, DiscretizationError> {
    positive("Δ", delta)?;
    let (a_bar, phis) = phi_columns(&(system.a() * delta), &(system.b() * delta), 1)?;
    let held = &phis[0];
    Ok(Recurrence {
        a_bar,
        b_bar: DMatrix::zeros(held.nrows(), held.ncols()),
        b_bar_previous: held.clone(),
        c: system.c().clone(),
        d: system.d().clone(),
        delta,
    })
}
// ANCHOR_END: zero_order_hold

/// The step of a flow whose input is sampled at each tick and joined by straight lines.
///
/// ```text
/// x_k = e^{ΔA} x_{k-1} + Δ φ₂(ΔA) B u_k + Δ (φ₁ - φ₂)(ΔA) B u_{k-1}
/// ```
///
/// - Shapes: as those of the system; `delta` in its seconds.
/// - *Exact when* u is a straight line between ticks. *Good for* recorded inputs: order 2. It needs
///   u_k at tick k, so a machine that acts on what it measures cannot use it.
/// - *Breaks* nowhere; for |λ|Δ ≫ 1 the weight of u_{k-1} is a small difference, exact relative to
///   the weight of u_k and not to itself.
/// - Cost O((N + 2M)³), once.
///
/// # Errors
/// As [`zero_order_hold`].
///
/// Source: G. F. Franklin, J. D. Powell, M. L. Workman, *Digital control of dynamic systems* (1998),
/// the triangle hold.
///
/// ```
/// use classical_ssm::state_space::StateSpace;
/// use discretization::zero_order_hold::first_order_hold;
/// use nalgebra::{dmatrix, dvector};
///
/// // An integrator under u(t) = t: after one step of 2 seconds, 2²/2.
/// let sum = StateSpace::continuous(dmatrix![0.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
/// let step = first_order_hold(&sum, 2.0)?;
/// let x = step.run(&dvector![0.0], &dvector![0.0], &[dvector![2.0]])?;
/// assert_eq!(x, [dvector![2.0]]);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: first_order_hold
pub fn first_order_hold(
    system: &StateSpace<Continuous>,
    delta: f64,
) -> Result<Recurrence, DiscretizationError> {
    positive("Δ", delta)?;
    let (a_bar, phis) = phi_columns(&(system.a() * delta), &(system.b() * delta), 2)?;
    let (held, risen) = (&phis[0], &phis[1]);
    Ok(Recurrence {
        a_bar,
        b_bar: risen.clone(),
        b_bar_previous: held - risen,
        c: system.c().clone(),
        d: system.d().clone(),
        delta,
    })
}
// ANCHOR_END: first_order_hold

/// e^A and φ₁(A)B, …, φ_p(A)B, from the exponential of one block matrix.
///
/// ```text
///     ⎡A B 0⎤   ⎡e^A φ₁(A)B φ₂(A)B⎤
/// exp ⎢0 0 I⎥ = ⎢ 0    I      I   ⎥      (p = 2),      φ_k(A) = ∫₀¹ e^{(1-s)A} s^{k-1}/(k-1)! ds
///     ⎣0 0 0⎦   ⎣ 0    0      I   ⎦
/// ```
///
/// φ_k(A)B is where an input that grows as s^{k-1}/(k-1)! takes a state from rest in the time 1.
///
/// - Shapes: `a` `[N, N]`, `b` `[N, M]`; e^A `[N, N]` and `degree` matrices `[N, M]`, φ₁ first.
/// - *Exact* for every A, singular or not, up to the digits of the exponential. A loud B is made
///   quiet by a power of two first, or it would call for squarings that A does not need.
/// - Cost O((N + pM)³).
///
/// # Errors
/// [`DiscretizationError::Input`] for shapes that do not fit,
/// [`DiscretizationError::Exponential`] when e^A overflows.
///
/// Source: R. B. Sidje, *Expokit* (1998), theorem 1; A. H. Al-Mohy, N. J. Higham, *Computing the
/// action of the matrix exponential* (2011), theorem 2.1 and the scaling of B.
///
/// ```
/// use discretization::zero_order_hold::phi_columns;
/// use nalgebra::dmatrix;
///
/// // For A = 0 only the factorials are left.
/// let (e, phis) = phi_columns(&dmatrix![0.0], &dmatrix![6.0], 3)?;
/// assert_eq!(e, dmatrix![1.0]);
/// assert_eq!(phis, [dmatrix![6.0], dmatrix![3.0], dmatrix![1.0]]);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
// ANCHOR: phi_columns
pub fn phi_columns<T: ComplexField>(
    a: &DMatrix<T>,
    b: &DMatrix<T>,
    degree: usize,
) -> Result<(DMatrix<T>, Vec<DMatrix<T>>), DiscretizationError> {
    let (n, m) = (square("A", a)?, b.ncols());
    finite("B", b)?;
    shape("B", b, (n, m))?;

    // Above the diagonal: A moves x, B feeds u into x, and 1 feeds the slope of u into u.
    let (scale, size) = (quiet::<T>(one_norm(a), one_norm(b)), n + degree.max(1) * m);
    let mut block = DMatrix::zeros(size, size);
    block.view_mut((0, 0), (n, n)).copy_from(a);
    block.view_mut((0, n), (n, m)).copy_from(&(b / scale.clone()));
    for row in n..size - m {
        block[(row, row + m)] = T::one();
    }

    let carried = matrix_exponential(&block)?;
    let column = |k: usize| carried.view((0, n + k * m), (n, m)) * scale.clone();
    Ok((carried.view((0, 0), (n, n)).into_owned(), (0..degree).map(column).collect()))
}
// ANCHOR_END: phi_columns

/// The power of two by which a B larger than A, and than 1, is divided.
fn quiet<T: ComplexField>(a_norm: f64, b_norm: f64) -> T {
    let excess = b_norm / a_norm.max(1.0);
    let power = if excess > 1.0 { excess.log2().ceil() } else { 0.0 };
    let largest: f64 = T::RealField::max_value().map_or(f64::MAX, nalgebra::convert_unchecked);
    nalgebra::convert(f64::exp2(power.min(largest.log2().ceil() - 1.0)))
}

/// φ₀(A), φ₁(A), φ₂(A) and φ₃(A) of a square matrix.
///
/// ```text
/// φ₀(A) = e^A,      A φ_{k+1}(A) = φ_k(A) - I/k!,      φ_k(0) = I/k!
/// ```
///
/// - Shape: `a` and each result `[N, N]`; f64, f32 and Complex of both.
/// - *Good for* looking at them; a step needs only [`phi_columns`], which never forms φ_k(A).
/// - Cost O((4N)³).
///
/// # Errors
/// As [`phi_columns`].
///
/// ```
/// use discretization::zero_order_hold::phi_functions;
/// use nalgebra::{DMatrix, dmatrix};
///
/// let a = dmatrix![-1.0, 2.0; 0.5, -3.0];
/// let [e, phi_1, phi_2, _] = phi_functions(&a)?;
/// let identity = DMatrix::identity(2, 2);
/// assert!((&a * &phi_1 - (e - &identity)).norm() < 1e-14);
/// assert!((&a * phi_2 - (phi_1 - identity)).norm() < 1e-14);
/// # Ok::<(), discretization::sampling::DiscretizationError>(())
/// ```
pub fn phi_functions<T: ComplexField>(
    a: &DMatrix<T>,
) -> Result<[DMatrix<T>; 4], DiscretizationError> {
    let identity = DMatrix::identity(a.nrows(), a.nrows());
    let (e, phis) = phi_columns(a, &identity, 3)?;
    Ok([e, phis[0].clone(), phis[1].clone(), phis[2].clone()])
}

/// B̄ by the formula of the textbooks; None where A has no inverse.
///
/// ```text
/// B̄ = A^{-1} (Ā - I) B
/// ```
///
/// - Shapes: `a`, `a_bar` `[N, N]`, `b` and the result `[N, M]`; `a_bar` is e^{ΔA}.
/// - *Exact when* A has a well-conditioned inverse and |λ|Δ is near 1 or above. *Breaks* for a
///   singular A, near one, and for a small Δ: `Ā - I` has lost the digits that A^{-1} asks for.
/// - Cost O(N³).
///
/// ```
/// use discretization::zero_order_hold::b_bar_by_inverse;
/// use nalgebra::dmatrix;
///
/// // 2 seconds of decay: fine. A mass on ice: no answer, though it has a B̄.
/// let b_bar = b_bar_by_inverse(&dmatrix![-1.0], &dmatrix![1.0], &dmatrix![(-2f64).exp()]);
/// assert_eq!(b_bar, Some(dmatrix![1.0 - (-2f64).exp()]));
/// let ice = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0], dmatrix![1.0, 2.0; 0.0, 1.0]);
/// assert_eq!(b_bar_by_inverse(&ice.0, &ice.1, &ice.2), None);
/// ```
// ANCHOR: b_bar_by_inverse
pub fn b_bar_by_inverse(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    a_bar: &DMatrix<f64>,
) -> Option<DMatrix<f64>> {
    let identity = DMatrix::identity(a.nrows(), a.nrows());
    a.clone().lu().solve(&((a_bar - identity) * b))
}
// ANCHOR_END: b_bar_by_inverse

/// φ₁ of a number, (e^z - 1)/z, with all its digits also where z is small.
///
/// ```text
/// e^{x+iy} - 1 = (e^x - 1) e^{iy} + 2 sinh(iy/2) e^{iy/2},      φ₁(0) = 1
/// ```
///
/// The trap: for |z| ≪ 1, e^z is next to 1 and was rounded there, and `e^z - 1` keeps the rounding. At
/// z = 1e-12 the naive ratio has four digits left, below 1e-16 it is 0, at 0 it is NaN.
///
/// - A held mode: `B̄ = Δ expm1_ratio(Δλ) b`, for real and complex λ, in f64 and f32.
/// - *Exact* to rounding for a real z; relative to |φ₁| also for a complex one, but next to its zeros
///   2πi, 4πi, …, where it is exact relative to 1/|z|. z must be finite. Cost: a few `exp`.
///
/// ```
/// use discretization::zero_order_hold::expm1_ratio;
/// use nalgebra::Complex;
///
/// let naive = |z: f64| (z.exp() - 1.0) / z;
/// assert_eq!(expm1_ratio(-1e-12), 1.0 - 5e-13);
/// assert!((naive(-1e-12) - 1.0).abs() > 1e-5);
/// assert_eq!(expm1_ratio(0.0), 1.0);
///
/// // A whole turn of the wheel adds up to nothing.
/// let turn = Complex::new(0.0, std::f64::consts::TAU);
/// assert!(expm1_ratio(turn).norm() < 1e-16);
/// ```
// ANCHOR: expm1_ratio
pub fn expm1_ratio<T: ComplexField>(z: T) -> T {
    // Here 1 + z/2 rounds to 1, and a complex division by z would underflow.
    if z.clone().modulus() < nalgebra::convert(1e-17) {
        return T::one();
    }
    let growth = T::from_real(z.clone().real().exp_m1());
    let turn = z.clone() - T::from_real(z.clone().real());
    let half: T = turn.clone() * nalgebra::convert(0.5);
    let turned = half.clone().sinh() * half.exp() * nalgebra::convert(2.0);
    (growth * turn.exp() + turned) / z
}
// ANCHOR_END: expm1_ratio

/// φ_k of a number, for any k, with nearly all its digits.
///
/// ```text
/// φ_k(z) = Σ_j z^j / (j + k)!      for |z| up to k and 1,      else φ_{k+1}(z) = (φ_k(z) - 1/k!)/z
/// ```
///
/// - f64, f32 and Complex of both. *Exact* to about ten roundings for k up to 3, as tested. The
///   second formula divides what is left of a subtraction: near 0 it is a trap, so the series of the
///   definition answers there. z must be finite.
/// - Cost: about 20 + 2k operations and an `exp`.
///
/// ```
/// use discretization::zero_order_hold::phi;
///
/// assert_eq!([0, 1, 2, 3].map(|k| phi(k, 0.0)), [1.0, 1.0, 0.5, 1.0 / 6.0]);
/// // A hold that has settled: what is left is 1/|z|, and for a ramp nearly as much.
/// assert_eq!(phi(1, -1e6), 1e-6);
/// assert!((phi(2, -1e6_f64) - (1e-6 - 1e-12)).abs() < 1e-21);
/// ```
pub fn phi<T: ComplexField>(order: usize, z: T) -> T {
    let size: f64 = nalgebra::convert_unchecked(z.clone().modulus());
    if order > 1 && size <= order as f64 {
        return phi_by_series(order, &z);
    }
    match order {
        0 => z.exp(),
        1 => expm1_ratio(z),
        _ => {
            let below: T = nalgebra::convert(1.0 / factorial(order - 1));
            (phi(order - 1, z.clone()) - below) / z
        }
    }
}

/// Σ z^j / (j + k)!, until a term changes nothing.
fn phi_by_series<T: ComplexField>(order: usize, z: &T) -> T {
    let mut term: T = nalgebra::convert(1.0 / factorial(order));
    let mut sum = term.clone();
    for j in order + 1.. {
        term = term * z.clone() / nalgebra::convert::<f64, T>(j as f64);
        let longer = sum.clone() + term.clone();
        if longer == sum {
            break;
        }
        sum = longer;
    }
    sum
}

fn factorial(k: usize) -> f64 {
    (1..=k).map(|j| j as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loud_input_is_made_quiet_by_a_power_of_two() {
        assert_eq!(quiet::<f64>(3.0, 0.5), 1.0);
        assert_eq!(quiet::<f64>(0.0, 0.5), 1.0);
        assert_eq!(quiet::<f64>(2.0, 12.0), 8.0);
        assert_eq!(quiet::<f64>(0.0, f64::MAX), 1023f64.exp2());
        assert_eq!(quiet::<f32>(0.0, f64::from(f32::MAX)), 127f32.exp2());
    }
}
