//! Figures of the page `zero_order_hold`.

use classical_ssm::state_space::StateSpace;
use discretization::euler::forward_euler;
use discretization::sampling::{DiscretizationError, Recurrence};
use discretization::zero_order_hold::{expm1_ratio, first_order_hold, phi, zero_order_hold};
use nalgebra::{DVector, dmatrix, dvector};
use workbench::plot::{Plot, Side, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

const PAGE: &str = "3-discretization/zero-order-hold";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "held-push",
        page: PAGE,
        draw: || draw_held_push(&HeldPush::default()).unwrap_or_default(),
    },
    Figure { name: "lost-digits", page: PAGE, draw: || draw_lost_digits(&LostDigits::default()) },
];

/// What the figure `held-push` shows: the spring `x'' + d x' + x = u`, stepped.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldPush {
    /// The damping d.
    pub damping: f64,
    /// The step, in seconds.
    pub delta: f64,
    /// How many steps are drawn.
    pub steps: usize,
    /// The push of the left panel, one number a step.
    pub stairs: Vec<f64>,
    /// The frequency of the push on the right, in radians a second.
    pub omega: f64,
}

impl Default for HeldPush {
    fn default() -> Self {
        let stairs = vec![1.0, 0.4, -0.8, -0.2, 0.9];
        Self { damping: 0.4, delta: 1.2, steps: 10, stairs, omega: 1.0 }
    }
}

/// How many pieces of a step the path between two ticks is drawn with.
const FINE: usize = 24;

/// Left, a staircase: the dots of a zero-order hold are on the path, those of forward Euler leave it. Right, a
/// sine: the dots of the hold are half a step late, those of straight lines nearly on the path.
///
/// # Errors
/// Those of [`zero_order_hold`].
pub fn draw_held_push(parameters: &HeldPush) -> Result<String, DiscretizationError> {
    let HeldPush { damping, delta, steps, stairs, omega } = parameters;
    let (a, b) = (dmatrix![0.0, 1.0; -1.0, -damping], dmatrix![0.0; 1.0]);
    let spring = StateSpace::continuous(a, b, dmatrix![1.0, 0.0], dmatrix![0.0])?;
    let end = delta * *steps as f64;
    let stair = |t: f64| stairs[(t / delta + 1e-9).floor() as usize % stairs.len()];
    let sine = |t: f64| (omega * t).sin();

    // The path itself: exact for the staircase by small held steps, for the sine by small straight lines.
    let fine = delta / FINE as f64;
    let on_stairs = path(&zero_order_hold(&spring, fine)?, steps * FINE, stair)?;
    let on_sine = path(&first_order_hold(&spring, fine / 4.0)?, steps * FINE * 4, sine)?;
    let hold = zero_order_hold(&spring, *delta)?;
    let euler = path(&forward_euler(&spring, *delta)?, *steps, stair)?;
    let ticks: Vec<(f64, f64)> =
        (0..*steps).map(|k| k as f64 * delta).map(|t| (t, stair(t))).collect();
    let mut held = ticks.clone();
    held.push((end, stair(end - 0.5 * delta)));
    let left =
        Plot::new("Under a staircase the dots of a zero-order hold lie on the path of the spring")
            .title("$u$ held")
            .x_label("t")
            .x_range(0.0, end)
            .y_range(-2.0, 2.6)
            .steps(Role::Ink.wide(0.8).opacity(0.6), "", &held)
            .stems(Role::Input, "", &ticks)
            .line(Role::State, "", &on_stairs)
            .points(Role::Ink, "", &euler)
            .points(Role::State, "", &path(&hold, *steps, stair)?);
    let late: Vec<(f64, f64)> =
        on_sine.iter().map(|&(t, x)| (t + delta / 2.0, x)).filter(|&(t, _)| t <= end).collect();
    let samples: Vec<(f64, f64)> = ticks.iter().map(|&(t, _)| (t, sine(t))).collect();
    let smooth: Vec<(f64, f64)> =
        (0..=200).map(|k| end * f64::from(k) / 200.0).map(|t| (t, sine(t))).collect();
    let right = Plot::new(
        "under a sine they lie on the path of half a step ago, and straight lines stay close to it",
    )
    .title("$u$ = sin $t$")
    .x_label("t")
    .x_range(0.0, end)
    .y_range(-2.0, 2.6)
    .line(Role::Ink.wide(0.8).opacity(0.6), "", &smooth)
    .stems(Role::Input, "", &samples)
    .reference("$x$($t$ − Δ/2)", &late)
    .label_at(0.8, Side::Above)
    .line(Role::State, "", &on_sine)
    .points(Role::Ink, "", &path(&first_order_hold(&spring, *delta)?, *steps, sine)?)
    .points(Role::State, "", &path(&hold, *steps, sine)?);
    Ok(panels(&[left, right]))
}

/// The first state at each tick, from rest.
fn path(
    rule: &Recurrence,
    steps: usize,
    u: impl Fn(f64) -> f64,
) -> Result<Vec<(f64, f64)>, DiscretizationError> {
    let tick = |k: usize| k as f64 * rule.delta;
    let inputs: Vec<DVector<f64>> = (0..=steps).map(|k| dvector![u(tick(k))]).collect();
    let states = rule.run(&DVector::zeros(2), &inputs[0], &inputs[1..])?;
    let later = states.iter().enumerate().map(|(k, x)| (tick(k + 1), x[0]));
    Ok(std::iter::once((0.0, 0.0)).chain(later).collect())
}

/// What the figure `lost-digits` shows: `(e^z - 1)/z` for z from `-10^last` to `-10^first`.
#[derive(Debug, Clone, PartialEq)]
pub struct LostDigits {
    /// The smallest power of ten.
    pub last: i32,
    /// The largest power of ten, at most 0.
    pub first: i32,
    /// How many z are drawn between two powers of ten.
    pub per_decade: i32,
}

impl Default for LostDigits {
    fn default() -> Self {
        Self { last: -18, first: 0, per_decade: 6 }
    }
}

/// Errors below this are drawn here: a result that is right to the last bit has none.
const FLOOR: f64 = 4e-17;

/// The relative error of `(e^z - 1)/z` as it is written, and of [`expm1_ratio`], against |z|.
pub fn draw_lost_digits(parameters: &LostDigits) -> String {
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    let count = (parameters.first - parameters.last) * parameters.per_decade;
    for index in 0..=count {
        let power =
            f64::from(parameters.last) + f64::from(index) / f64::from(parameters.per_decade);
        let z = -(10f64.powf(power));
        // The series: 1 + z φ₂(z) has no digits to lose for |z| up to 1.
        let exact = 1.0 + z * phi(2, z);
        let error = |found: f64| ((found / exact - 1.0).abs()).max(FLOOR);
        written.push((-z, error((z.exp() - 1.0) / z)));
        kept.push((-z, error(expm1_ratio(z))));
    }
    let (from, to) = (10f64.powi(parameters.last), 10f64.powi(parameters.first));
    let bound = [
        (from, f64::EPSILON / from),
        (f64::EPSILON, 1.0),
        (1e-8, f64::EPSILON / 1e-8),
        (to, f64::EPSILON / to),
    ];
    Plot::new(
        "Written as it stands, the ratio loses a digit for every power of ten in |z|, until none is left; \
         expm1_ratio loses none",
    )
    .x_label("$-z$")
    .y_label("relative error of φ_1(z)")
    .log_x()
    .log_y()
    .x_range(from, to)
    .y_range(1e-17, 10.0)
    .reference("ε / |z|", &bound)
    .label_at(0.66, Side::Right)
    .points(Role::Ink, "", &written)
    .note(Role::Ink, (1e-11, 1e-9), Anchor::Middle, "(e^z − 1)/z")
    .points(Role::State, "", &kept)
    .note(Role::State, (1e-11, 3e-15), Anchor::Middle, "expm1($z$)/z")
    .to_svg()
}
