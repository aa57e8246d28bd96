//! Figures of the page `sampling`.

use std::f64::consts::TAU;

use classical_ssm::state_space::StateSpace;
use discretization::bilinear::bilinear;
use discretization::sampling::{DiscretizationError, alias, sample};
use math_foundations::state_representations::mass_spring_damper;
use nalgebra::dvector;
use workbench::plot::{Plot, Side, panels};
use workbench::svg::Role;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "two-tones",
        page: "3-discretization/sampling",
        draw: || draw_two_tones(&TwoTones::default()).unwrap_or_default(),
    },
    Figure {
        name: "two-clocks",
        page: "3-discretization/sampling",
        draw: || draw_two_clocks(&TwoClocks::default()).unwrap_or_default(),
    },
];

/// What the figure `two-tones` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoTones {
    /// Of the fast tone, in turns a second.
    pub turns: f64,
    /// Looks a second.
    pub rate: f64,
    /// In s.
    pub until: f64,
}

impl Default for TwoTones {
    fn default() -> Self {
        Self { turns: 7.0, rate: 8.0, until: 1.5 }
    }
}

/// A tone, its samples, and the slowest tone with the same samples.
///
/// # Errors
/// [`DiscretizationError::Input`] for a rate that is not positive.
pub fn draw_two_tones(parameters: &TwoTones) -> Result<String, DiscretizationError> {
    let TwoTones { turns, rate, until } = *parameters;
    let (omega, delta) = (turns * TAU, 1.0 / rate);
    let seen = alias(omega, delta)?;
    let wave = |omega: f64| -> Vec<(f64, f64)> {
        (0..=600).map(|i| until * f64::from(i) / 600.0).map(|t| (t, (omega * t).sin())).collect()
    };
    let count = (until * rate + 1e-9) as usize + 1;
    let samples: Vec<(f64, f64)> = sample(|t| (omega * t).sin(), delta, count)?
        .into_iter()
        .enumerate()
        .map(|(k, u_k)| (k as f64 * delta, u_k))
        .collect();
    let ticks = [(0.0, "0"), (delta, "Δ"), (2.0 * delta, "2Δ"), (3.0 * delta, "3Δ")];
    Ok(Plot::new(format!(
        "A tone of {turns} turns a second and one of {} turns backwards agree at each of {rate} looks a second",
        (seen / TAU).abs()
    ))
    .x_label("t")
    .x_ticks(&ticks)
    .y_range(-1.25, 1.25)
    .y_ticks(&[(-1.0, "-1"), (0.0, "0"), (1.0, "1")])
    .line(Role::Ink.opacity(0.45), "", &wave(omega))
    .reference("", &wave(seen))
    .stems(Role::Input, "u_k", &samples)
    .label_at(0.5, Side::Above)
    .to_svg())
}

/// What the figure `two-clocks` compares: one spring of mass 1 and stiffness 1.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoClocks {
    /// In N s/m.
    pub damping: f64,
    /// The two steps, in s.
    pub deltas: (f64, f64),
    /// How many steps are shown.
    pub steps: usize,
}

impl Default for TwoClocks {
    fn default() -> Self {
        Self { damping: 0.4, deltas: (0.2, 0.8), steps: 40 }
    }
}

/// The answers of one spring to one push, step by step, on a fast and on a slow clock.
///
/// # Errors
/// [`DiscretizationError`] for a step or a damping that is not one.
pub fn draw_two_clocks(parameters: &TwoClocks) -> Result<String, DiscretizationError> {
    let TwoClocks { damping, deltas, steps } = *parameters;
    let parts = mass_spring_damper(1.0, damping, 1.0)?;
    let spring = StateSpace::continuous(parts.a, parts.b, parts.c, parts.d)?;
    let panel = |delta: f64, conclusion: &str| -> Result<Plot, DiscretizationError> {
        // A push that is 1 in all, however short the step.
        let mut u = vec![dvector![0.0]; steps];
        u[0][0] = 1.0 / delta;
        let steps_of_spring = bilinear(&spring, delta)?;
        let kernel: Vec<(f64, f64)> = steps_of_spring
            .simulate(&u)?
            .into_iter()
            .enumerate()
            .map(|(k, y_k)| (k as f64, y_k[0]))
            .collect();
        Ok(Plot::new(conclusion)
            .title(format!("\\step{{Δ}} = {delta}"))
            .x_label("k")
            .y_label("y_k")
            .x_range(0.0, steps as f64)
            .y_range(-0.6, 0.95)
            .line(Role::Output, "", &kernel)
            .points(Role::Output, "", &kernel))
    };
    Ok(panels(&[
        panel(deltas.0, "On a fast clock one swing fills the memory")?,
        panel(deltas.1, "on a slow clock the same spring rings through five swings and is silent")?,
    ]))
}
