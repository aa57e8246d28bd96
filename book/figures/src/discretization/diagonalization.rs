//! Figures of the page `diagonalization`.

use std::error::Error;

use classical_ssm::state_space::StateSpace;
use discretization::diagonalization::{DiagonalSystem, ScalarStep, hippo_legs};
use math_foundations::eigendecomposition::eigendecomposition;
use math_foundations::linear_systems::{free_response, held_input_step};
use nalgebra::{Complex, dmatrix, dvector};
use workbench::plot::{Plot, Side, panels};
use workbench::svg::Role;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "one-complex-number",
        page: "3-discretization/diagonalization",
        draw: || draw_one_complex_number(&OneComplexNumber::default()).unwrap_or_default(),
    },
    Figure {
        name: "digits-through-modes",
        page: "3-discretization/diagonalization",
        draw: || draw_digits_through_modes(&DigitsThroughModes::default()).unwrap_or_default(),
    },
];

/// What the figure `one-complex-number` shows: the spring `x'' + d x' + k x = 0`, let go at 1.
#[derive(Debug, Clone, PartialEq)]
pub struct OneComplexNumber {
    /// The damping d.
    pub damping: f64,
    /// The stiffness k.
    pub stiffness: f64,
    /// The step, in s.
    pub delta: f64,
    /// How many steps.
    pub steps: usize,
}

impl Default for OneComplexNumber {
    fn default() -> Self {
        Self { damping: 0.5, stiffness: 6.0, delta: 0.25, steps: 24 }
    }
}

/// The steps of a spring as place and speed (left) and as the one complex number of its mode (right).
///
/// # Errors
/// Where the spring has no complex mode.
pub fn draw_one_complex_number(parameters: &OneComplexNumber) -> Result<String, Box<dyn Error>> {
    let OneComplexNumber { damping, stiffness, delta, steps } = *parameters;
    let a = dmatrix![0.0, 1.0; -stiffness, -damping];
    let fine = 12;
    let times: Vec<f64> = (0..=fine * steps).map(|k| k as f64 * delta / fine as f64).collect();
    let flow = free_response(&a, &dvector![1.0, 0.0], &times)?;
    let path: Vec<_> = flow.states.iter().map(|x| (x[0], x[1])).collect();
    let dots: Vec<_> = path.iter().copied().step_by(fine).collect();
    let reach = 1.12 * stiffness.sqrt();
    let place = Plot::new("In place and speed a spring steps along a flattened spiral, with four multiplications a step")
        .title(r"× $e^{\step{Δ}A}$")
        .x_label("q")
        .y_label("$q'$")
        .x_range(-reach, reach)
        .y_range(-reach, reach)
        .equal_aspect()
        .reference("", &path)
        .points(Role::State, "", &dots);

    let lambda = eigendecomposition(&a)?.lambda[0];
    let turn = |t: f64| (lambda * t).exp();
    let path: Vec<_> = times.iter().map(|&t| (turn(t).re, turn(t).im)).collect();
    let step = ScalarStep::zero_order_hold(lambda * delta).a_bar;
    let dots: Vec<_> =
        (0..=steps).map(|k| step.powu(k as u32)).map(|z: Complex<f64>| (z.re, z.im)).collect();
    let mode = Plot::new(
        "in its mode it is one complex number, turned and shrunk by the same factor each time",
    )
    .title(r"× $e^{\step{Δ}λ}$")
    .x_label("Re")
    .y_label("Im")
    .x_range(-1.12, 1.12)
    .y_range(-1.12, 1.12)
    .equal_aspect()
    .reference("", &path)
    .points(Role::State, "", &dots);
    Ok(panels(&[place, mode]))
}

/// What the figure `digits-through-modes` shows: HiPPO-LegS of growing size.
#[derive(Debug, Clone, PartialEq)]
pub struct DigitsThroughModes {
    /// The largest N.
    pub largest: usize,
    /// The step, in s.
    pub delta: f64,
    /// How many numbers of the kernel are compared.
    pub length: usize,
}

impl Default for DigitsThroughModes {
    fn default() -> Self {
        Self { largest: 24, delta: 0.125, length: 32 }
    }
}

/// The relative error of the kernel through modes against N, with what κ(V) allows.
///
/// # Errors
/// Where a system has no modes.
pub fn draw_digits_through_modes(
    parameters: &DigitsThroughModes,
) -> Result<String, Box<dyn Error>> {
    let DigitsThroughModes { largest, delta, length } = *parameters;
    let (mut through, mut bound) = (Vec::new(), Vec::new());
    for d_state in 1..=largest {
        let sys = hippo_legs(d_state)?;
        let condition = eigendecomposition(sys.a())?.condition_number();
        bound.push((d_state as f64, condition * f64::EPSILON));
        if let Some(error) = kernel_error(&sys, delta, length)? {
            through.push((d_state as f64, error.max(1e-16)));
        }
    }
    let end = largest as f64;
    let rounding = [0.0, 1.0].map(|part| (1.0 + part * (end - 1.0), f64::EPSILON));
    let plot = Plot::new(
        "Through the modes of HiPPO-LegS every state more costs three quarters of a digit, until \
         none is left at 24 states",
    )
    .x_label("N")
    .y_label("$‖K̃ − K‖ / ‖K‖$")
    .log_y()
    .x_range(0.0, end)
    .y_range(1e-17, 1e3)
    .reference("κ(V) ε", &bound)
    .label_at(0.6, Side::Left)
    .reference("ε", &rounding)
    .points(Role::State, "", &through)
    .note(
        Role::State,
        (0.66 * end, 1e-10),
        workbench::svg::Anchor::Start,
        r"$Σ c_n e^{kΔλ_n} b_n$",
    );
    Ok(plot.to_svg())
}

/// The largest error of a kernel through modes, relative to its largest number; none where κ(V) leaves no digit.
fn kernel_error(
    sys: &StateSpace<classical_ssm::state_space::Continuous>,
    delta: f64,
    length: usize,
) -> Result<Option<f64>, Box<dyn Error>> {
    let Ok(modes) = DiagonalSystem::from_state_space(sys) else { return Ok(None) };
    let kernel = modes.discretize(ScalarStep::zero_order_hold, delta)?.kernel(length);
    // The tests hold this way to values from 80 digits: it is right to 14.
    let (a_bar, mut x) = held_input_step(sys.a(), sys.b(), delta)?;
    let (mut off, mut scale) = (0.0_f64, 0.0_f64);
    for k in kernel {
        let exact = (sys.c() * &x)[(0, 0)];
        off = off.max((k[(0, 0)] - exact).abs());
        scale = scale.max(exact.abs());
        x = &a_bar * x;
    }
    Ok(Some(off / scale))
}
