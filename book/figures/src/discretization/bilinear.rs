//! Figures of the page `bilinear`.

use std::f64::consts::PI;

use classical_ssm::state_space::StateSpace;
use discretization::bilinear::{bilinear, bilinear_factor, prewarped_bilinear};
use discretization::sampling::{DiscretizationError, Recurrence};
use math_foundations::state_representations::mass_spring_damper;
use nalgebra::Complex;
use workbench::plot::{Plot, panels};
use workbench::svg::{Anchor, Pen, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "half-plane-to-disc",
        page: "3-discretization/bilinear",
        draw: || draw_half_plane_to_disc(&HalfPlaneToDisc::default()),
    },
    Figure {
        name: "frequency-warping",
        page: "3-discretization/bilinear",
        draw: || draw_frequency_warping(&FrequencyWarping::default()).unwrap_or_default(),
    },
];

/// What the figure `half-plane-to-disc` draws.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfPlaneToDisc {
    /// Rates of decay times Δ: upright lines in the left picture.
    pub rates: Vec<f64>,
    /// Frequencies times Δ: level lines.
    pub frequencies: Vec<f64>,
}

impl Default for HalfPlaneToDisc {
    fn default() -> Self {
        Self { rates: vec![0.0, 0.5, 1.0, 2.0, 4.0], frequencies: vec![0.0, 0.5, 1.0, 2.0, 4.0] }
    }
}

/// A grid of the left half plane, and where the bilinear map puts it.
pub fn draw_half_plane_to_disc(parameters: &HalfPlaneToDisc) -> String {
    let mut flow = Plot::new("The left half plane of the flow")
        .title("$sΔ$")
        .x_range(-5.0, 1.0)
        .y_range(-3.0, 3.0)
        .equal_aspect()
        .band(
            Role::State.opacity(0.14),
            "",
            &[(-9.0, -9.0), (0.0, -9.0)],
            &[(-9.0, 9.0), (0.0, 9.0)],
        );
    let mut steps = Plot::new("goes into the unit disc of the steps, and the axis onto its circle")
        .title("z")
        .x_range(-1.2, 1.2)
        .y_range(-1.2, 1.2)
        .equal_aspect();
    let half_circle = |sign: f64| -> Vec<(f64, f64)> {
        (0..=90).map(|i| PI * f64::from(i) / 90.0).map(|a| (-a.cos(), sign * a.sin())).collect()
    };
    steps = steps.band(Role::State.opacity(0.14), "", &half_circle(-1.0), &half_circle(1.0));
    // To infinity and back: the tangent spreads the points evenly over the disc.
    let far = |part: f64| 2.0 * (0.4999 * PI * part).tan();
    let add = |(flow, steps): (Plot, Plot), pen: Pen, line: &[Complex<f64>]| {
        let image: Vec<(f64, f64)> =
            line.iter().map(|&s| bilinear_factor(s, 0.5)).map(|z| (z.re, z.im)).collect();
        let line: Vec<(f64, f64)> = line.iter().map(|s| (s.re, s.im)).collect();
        (flow.line(pen, "", &line), steps.line(pen, "", &image))
    };
    for &frequency in &parameters.frequencies {
        for sign in [1.0, -1.0] {
            let line: Vec<Complex<f64>> = (0..=80)
                .map(|i| Complex::new(-far(f64::from(i) / 80.0), sign * frequency))
                .collect();
            (flow, steps) = add((flow, steps), Role::Ink.opacity(0.6), &line);
        }
    }
    for &rate in &parameters.rates {
        let line: Vec<Complex<f64>> =
            (-80..=80).map(|i| Complex::new(-rate, far(f64::from(i) / 80.0))).collect();
        let wide = if rate == 0.0 { 3.0 } else { 1.4 };
        (flow, steps) = add((flow, steps), Role::State.wide(wide), &line);
    }
    panels(&[flow, steps])
}

/// What the figure `frequency-warping` compares.
#[derive(Debug, Clone, PartialEq)]
pub struct FrequencyWarping {
    /// Stiffness of a spring of mass 1, in N/m.
    pub stiffness: f64,
    /// In N s/m.
    pub damping: f64,
    /// In s.
    pub delta: f64,
}

impl Default for FrequencyWarping {
    fn default() -> Self {
        Self { stiffness: 4.0, damping: 0.2, delta: 0.8 }
    }
}

/// The answer of a spring to waves: the flow, its steps by Tustin's rule, and by the prewarped rule.
///
/// # Errors
/// [`DiscretizationError`] for parameters out of range.
pub fn draw_frequency_warping(
    parameters: &FrequencyWarping,
) -> Result<String, DiscretizationError> {
    let FrequencyWarping { stiffness, damping, delta } = *parameters;
    let parts = mass_spring_damper(1.0, damping, stiffness)?;
    let flow = StateSpace::continuous(parts.a, parts.b, parts.c, parts.d)?;
    let rings = stiffness.sqrt();
    let nyquist = PI / delta;
    let grid: Vec<f64> = (1..400).map(|i| nyquist * f64::from(i) / 400.0).collect();
    let answer = |rule: &Recurrence| -> Result<Vec<(f64, f64)>, DiscretizationError> {
        grid.iter()
            .map(|&omega| {
                let h = rule.transfer(Complex::from_polar(1.0, omega * delta))?[(0, 0)];
                Ok((omega, h.norm()))
            })
            .collect()
    };
    let of_flow: Vec<(f64, f64)> = (1..480)
        .map(|i| nyquist * 1.1 * f64::from(i) / 480.0)
        .map(|omega| {
            let s = Complex::new(0.0, omega);
            (omega, (s * s + damping * s + stiffness).inv().norm())
        })
        .collect();
    let tustin = answer(&bilinear(&flow, delta)?)?;
    let prewarped = answer(&prewarped_bilinear(&flow, delta, rings)?)?;
    let moved = 2.0 / delta * (0.5 * rings * delta).atan();
    Ok(Plot::new(format!(
        "Tustin's rule finds the resonance of {rings} at {moved:.2}; prewarped, it is where the flow has it"
    ))
    .x_label("ω")
    .y_label("$|H|$")
    .log_y()
    .x_range(0.0, 1.1 * nyquist)
    .y_range(4e-3, 5.0)
    .x_ticks(&[
        (0.0, "0".to_owned()),
        (1.0, "1".to_owned()),
        (rings, "2".to_owned()),
        (3.0, "3".to_owned()),
        (nyquist, "π/Δ".to_owned()),
    ])
    .reference("", &of_flow)
    .line(Role::State, "", &tustin)
    .note(Role::State, (moved - 0.1, 2.6), Anchor::End, "bilinear")
    .line(Role::Step, "", &prewarped)
    .note(Role::Step, (rings + 0.12, 2.6), Anchor::Start, "prewarped")
    .note(Role::Reference, (3.35, 0.16), Anchor::Start, "flow")
    .to_svg())
}
