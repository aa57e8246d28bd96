//! Figures of the page `gradients`.

use classical_ssm::responses::simulate;
use ml_links::gradients::{
    GradientError, PushedSpring, central_difference, complex_step, forward_difference,
    input_gradient_by_dual,
};
use nalgebra::{DVector, dvector};
use workbench::plot::{Plot, Side, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

const PAGE: &str = "4-ml-links/gradients";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "blame",
        page: PAGE,
        draw: || draw_blame(&Blame::default()).unwrap_or_default(),
    },
    Figure {
        name: "best-step",
        page: PAGE,
        draw: || draw_best_step(&BestStep::default()).unwrap_or_default(),
    },
];

/// What the figure `blame` shows: a spring that is pushed once, and one that is looked at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Blame {
    /// The damping of the spring `q'' + d q' + q = u`.
    pub damping: f64,
    /// The step, in seconds.
    pub delta: f64,
    /// How many steps are drawn.
    pub steps: usize,
    /// When it is pushed, on the left.
    pub pushed: usize,
    /// When it is looked at, on the right.
    pub seen: usize,
}

impl Default for Blame {
    fn default() -> Self {
        Self { damping: 0.3, delta: 0.5, steps: 41, pushed: 5, seen: 35 }
    }
}

/// Left, one push and the positions after it; right, one position and the blame of the pushes before it: the same
/// curve, mirrored.
///
/// # Errors
/// Those of the step.
pub fn draw_blame(parameters: &Blame) -> Result<String, GradientError> {
    let Blame { damping, delta, steps, pushed, seen } = *parameters;
    let spring = PushedSpring { damping, stiffness: 1.0, u: Vec::new(), target: Vec::new() };
    let system = spring.system(delta)?;
    let once = |at: usize| -> Vec<DVector<f64>> {
        (0..steps).map(|k| dvector![if k == at { 1.0 } else { 0.0 }]).collect()
    };
    let run = simulate(&system, &once(pushed)).map_err(Box::new)?.outputs;
    let blame = input_gradient_by_dual(&system, &once(seen))?;
    let points = |row: &[DVector<f64>]| -> Vec<(f64, f64)> {
        row.iter().enumerate().map(|(k, y)| (k as f64, y[0])).collect()
    };
    let at = |k: usize| [(k as f64, 1.0)];
    let end = steps as f64 - 1.0;
    let left = Plot::new("One push moves the positions after it")
        .title("$u_k$ and $y_k$")
        .x_label("k")
        .x_range(0.0, end)
        .y_range(-0.5, 1.15)
        .line(Role::Output, "", &points(&run))
        .stems(Role::Input, "$u$", &at(pushed));
    let right = Plot::new(
        "and the blame for one position falls on the pushes before it: the same curve, mirrored",
    )
    .title("∂L/∂$y_k$ and ∂L/∂$u_k$")
    .x_label("k")
    .x_range(0.0, end)
    .y_range(-0.5, 1.15)
    .stems(Role::Input, "", &points(&blame))
    .stems(Role::Output, "$y$", &at(seen))
    .label_at(1.0, Side::Left);
    Ok(panels(&[left, right]))
}

/// What the figure `best-step` shows: the error of ∂L/∂Δ by differences, for steps from 10^first to 10^last.
#[derive(Debug, Clone, PartialEq)]
pub struct BestStep {
    /// The Δ at which the loss is differentiated.
    pub delta: f64,
    /// The smallest power of ten.
    pub first: i32,
    /// The largest.
    pub last: i32,
    /// How many steps are drawn between two powers of ten.
    pub per_decade: i32,
}

impl Default for BestStep {
    fn default() -> Self {
        Self { delta: 0.4, first: -16, last: -1, per_decade: 5 }
    }
}

/// Errors below this are drawn here.
const FLOOR: f64 = 1e-16;

/// The relative error of three differences against the length of their step.
///
/// # Errors
/// Those of the step.
pub fn draw_best_step(parameters: &BestStep) -> Result<String, GradientError> {
    let BestStep { delta, first, last, per_decade } = *parameters;
    let spring = PushedSpring::default();
    let exact = spring.gradients(delta)?.1.delta;
    let loss = |delta: f64| spring.loss(delta).unwrap_or(f64::NAN);
    let error = |slope: f64| (slope / exact - 1.0).abs().max(FLOOR);
    let (mut one, mut both, mut aside) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..=(last - first) * per_decade {
        let step = 10f64.powf(f64::from(first) + f64::from(index) / f64::from(per_decade));
        one.push((step, error(forward_difference(loss, delta, step))));
        both.push((step, error(central_difference(loss, delta, step))));
        let slope = complex_step(|delta| spring.loss(delta).unwrap_or_default(), delta, step);
        aside.push((step, error(slope)));
    }
    Ok(Plot::new(
        "The error of a difference falls with its step, turns, and rises again; that of a step aside falls and stays",
    )
    .x_label("$h$")
    .y_label("relative error of ∂L/∂Δ")
    .log_x()
    .log_y()
    .x_range(10f64.powi(first), 10f64.powi(last))
    .y_range(FLOOR / 2.0, 10.0)
    .points(Role::Ink, "", &one)
    .note(Role::Ink, (2e-5, 3e-2), Anchor::Middle, "one side")
    .points(Role::Output, "", &aside)
    .note(Role::Output, (1e-12, 1e-14), Anchor::Middle, "aside, $ih$")
    .points(Role::State, "", &both)
    .note(Role::State, (1.2e-2, 1e-8), Anchor::Middle, "both sides")
    .to_svg())
}
