//! Figures of the page `exponential_integrators`.

use classical_ssm::state_space::StateSpace;
use discretization::bilinear::bilinear;
use discretization::exponential_integrators::{exponential_euler, exponential_trapezoidal};
use discretization::sampling::{DiscretizationError, Recurrence};
use discretization::zero_order_hold::zero_order_hold;
use nalgebra::dmatrix;
use workbench::plot::{Plot, Side};
use workbench::svg::{Anchor, Role};

use crate::Figure;

const PAGE: &str = "3-discretization/exponential-integrators";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "four-b-bars",
        page: PAGE,
        draw: || draw_four_b_bars(&FourBBars::default()).unwrap_or_default(),
    },
    Figure { name: "gate", page: PAGE, draw: || draw_gate(&Gate::default()).unwrap_or_default() },
];

/// What the figure `four-b-bars` shows: one mode with rate -1, steps from `shortest` to `longest`.
#[derive(Debug, Clone, PartialEq)]
pub struct FourBBars {
    /// The smallest |ΔA|.
    pub shortest: f64,
    /// The largest |ΔA|.
    pub longest: f64,
    /// Where |ΔA| lies in a fresh Mamba: rates 1 to 16, steps 0.001 to 0.1.
    pub fresh: (f64, f64),
}

impl Default for FourBBars {
    fn default() -> Self {
        Self { shortest: 1e-3, longest: 100.0, fresh: (0.001, 1.6) }
    }
}

/// The weight that a step gives to an input which does not change, over ΔB, against |ΔA|.
///
/// # Errors
/// Those of [`zero_order_hold`].
pub fn draw_four_b_bars(parameters: &FourBBars) -> Result<String, DiscretizationError> {
    let FourBBars { shortest, longest, fresh } = parameters;
    let leak = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    let weight = |rule: Recurrence| (rule.b_bar[0] + rule.b_bar_previous[0]) / rule.delta;
    let (mut code, mut paper, mut tustin, mut trapezoid) = (vec![], vec![], vec![], vec![]);
    for index in 0..=160 {
        let delta = shortest * (longest / shortest).powf(f64::from(index) / 160.0);
        code.push((delta, weight(exponential_euler(&leak, delta)?)));
        paper.push((delta, weight(zero_order_hold(&leak, delta)?)));
        tustin.push((delta, weight(bilinear(&leak, delta)?)));
        trapezoid.push((delta, weight(exponential_trapezoidal(&leak, delta, 0.5)?)));
    }
    let (from, to) = *fresh;
    let band = |height: f64| [(from, height), (to, height)];
    Ok(Plot::new(
        "On an input that does not change, exact weight, S4's and Mamba-3's leave 1 together as the step grows; \
         Mamba's stays at 1 and is twice too large at the edge of its own initialisation",
    )
    .x_label("|ΔA|")
    .y_label("B̄ / ΔB")
    .log_x()
    .x_range(*shortest, *longest)
    .y_range(0.0, 1.15)
    .band(Role::Step.tinted(0.12), "", &band(0.0), &band(1.15))
    .note(Role::Step, ((from * to).sqrt(), 0.06), Anchor::Middle, "fresh Mamba")
    .line(Role::Input.wide(2.2), "Mamba: 1", &code)
    .label_at(0.9, Side::Above)
    .line(Role::State.dashed(), "S4", &tustin)
    .label_at(0.74, Side::Right)
    .line(Role::Output.wide(1.6), "Mamba-3, λ = 1/2", &trapezoid)
    .label_at(0.86, Side::Above)
    .line(Role::State.wide(2.6), "held: φ_1", &paper)
    .label_at(0.72, Side::Left)
    .to_svg())
}

/// What the figure `gate` shows: `A = -1, B = 1, Δ = softplus(s)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// s runs from -reach to reach.
    pub reach: f64,
}

impl Default for Gate {
    fn default() -> Self {
        Self { reach: 4.0 }
    }
}

/// The weight of the new input against what goes into softplus: a sigmoid if it is held, Δ itself in the code.
///
/// # Errors
/// Those of [`zero_order_hold`].
pub fn draw_gate(parameters: &Gate) -> Result<String, DiscretizationError> {
    let leak = StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0])?;
    let (mut old, mut held, mut code) = (vec![], vec![], vec![]);
    for index in -80..=80 {
        let s = parameters.reach * f64::from(index) / 80.0;
        let delta = s.exp().ln_1p();
        let rule = zero_order_hold(&leak, delta)?;
        old.push((s, rule.a_bar[0]));
        held.push((s, rule.b_bar_previous[0]));
        code.push((s, exponential_euler(&leak, delta)?.b_bar[0]));
    }
    Ok(Plot::new(
        "Held, the weights of the old state and of the new input sum to one, a gate; in the code the weight of the \
         input passes 1 and goes on",
    )
    .x_label("s")
    .y_label("weight")
    .x_range(-parameters.reach, parameters.reach)
    .y_range(0.0, 2.0)
    .reference("", &[(-parameters.reach, 1.0), (parameters.reach, 1.0)])
    .line(Role::State, "e^{ΔA}: the old state", &old)
    .label_at(0.2, Side::Below)
    .line(Role::Output.wide(2.4), "held: g", &held)
    .label_at(0.9, Side::Below)
    .line(Role::Input.wide(2.2), "code: Δ", &code)
    .label_at(0.9, Side::Left)
    .to_svg())
}
