//! Figures of the page `accuracy_and_stability`.

use std::error::Error;
use std::f64::consts::TAU;

use classical_ssm::state_space::StateSpace;
use discretization::accuracy_and_stability::{Discretization, Signal, output_error};
use nalgebra::{Complex, DMatrix, dmatrix};
use workbench::plot::{Plot, panels};
use workbench::svg::Role;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "orders-of-convergence",
        page: "3-discretization/accuracy-and-stability",
        draw: || draw_orders(&Orders::default()).unwrap_or_default(),
    },
    Figure {
        name: "stability-regions",
        page: "3-discretization/accuracy-and-stability",
        draw: || draw_stability_regions(&StabilityRegions::default()),
    },
];

/// What the figure `orders-of-convergence` shows: a spring shaken by sin ωt, place and speed read.
#[derive(Debug, Clone, PartialEq)]
pub struct Orders {
    /// The damping of the spring.
    pub damping: f64,
    /// In radians a second.
    pub omega: f64,
    /// In s.
    pub duration: f64,
    /// Steps of the coarsest run; each of the others has twice as many as the one before.
    pub coarsest: usize,
    /// How many runs.
    pub runs: usize,
}

impl Default for Orders {
    fn default() -> Self {
        Self { damping: 0.4, omega: 1.3, duration: 12.0, coarsest: 60, runs: 8 }
    }
}

/// The error of the eight rules against the step, on logarithmic axes.
///
/// # Errors
/// Where a rule has no step.
pub fn draw_orders(parameters: &Orders) -> Result<String, Box<dyn Error>> {
    let Orders { damping, omega, duration, coarsest, runs } = *parameters;
    let a = dmatrix![0.0, 1.0; -1.0, -damping];
    let (b, c) = (dmatrix![0.0; 1.0], DMatrix::identity(2, 2));
    let sys = StateSpace::continuous(a, b, c, DMatrix::zeros(2, 1))?;
    let mut plot = Plot::new(
        "Five rules fall by a factor of two when the step is halved, three by a factor of four; among those with \
         exact e^z the error is smaller",
    )
    .x_label(r"\step{Δ}")
    .y_label("$‖y_k − y(kΔ)‖ / ‖y‖$")
    .log_x()
    .log_y()
    .y_range(2e-7, 2.0);
    for (rule, name) in Discretization::ALL.into_iter().zip([
        "$1 + z$",
        "$1/(1 − z)$",
        "$(2+z)/(2−z)$",
        "α = ¾",
        "$e^z, φ_1$",
        "$e^z, φ_2$",
        "$e^z, 1$",
        "$e^z, ½$",
    ]) {
        let points = (0..runs)
            .rev()
            .map(|j| {
                let count = coarsest << j;
                let delta = duration / count as f64;
                Ok((delta, output_error(rule, &sys, Signal::Sine(omega), delta, count)?))
            })
            .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let role = if rule.order() == 2 { Role::Output } else { Role::State };
        plot = plot.line(role, name, &points);
    }
    Ok(plot.to_svg())
}

/// What the figure `stability-regions` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct StabilityRegions {
    /// The shares α of the end of the step, one a panel.
    pub shares: [f64; 3],
    /// A mode of a flow.
    pub lambda: Complex<f64>,
    /// Its steps: `z = Δλ` is marked for each.
    pub deltas: Vec<f64>,
}

impl Default for StabilityRegions {
    fn default() -> Self {
        let deltas = (1..=5).map(|k| 0.5 * f64::from(k)).collect();
        Self { shares: [0.0, 0.5, 1.0], lambda: Complex::new(-0.5, 1.0), deltas }
    }
}

/// Where `|r(z)| ≤ 1` for three members of the bilinear family, with one mode at growing steps.
pub fn draw_stability_regions(parameters: &StabilityRegions) -> String {
    const REACH: f64 = 3.0;
    let names = ["$1 + z$", "$(2 + z)/(2 − z)$", "$1/(1 − z)$"];
    let words = [
        "One plus z is stable only inside of a circle left of 0, which a growing step leaves",
        "the trapezoid in the left half plane and nowhere else, as the flow",
        "one over one minus z everywhere but in a circle right of 0",
    ];
    let plots: Vec<Plot> = (0..3)
        .map(|panel| {
            let alpha = parameters.shares[panel];
            let mut plot = Plot::new(words[panel])
                .title(names[panel])
                .x_range(-REACH, REACH)
                .y_range(-REACH, REACH)
                .x_ticks(&[(-2.0, "-2"), (0.0, "0"), (2.0, "2")])
                .y_ticks(&[(-2.0, "-2"), (0.0, "0"), (2.0, "2")])
                .equal_aspect();
            // The border: 2 Re z + (1 - 2α)|z|² = 0, a circle through 0, or the imaginary axis.
            let flat = |x: [f64; 2], y: [f64; 2]| [(x[0], y[0]), (x[1], y[1])];
            let tint = Role::State.tinted(0.22);
            let bend = 1.0 - 2.0 * alpha;
            let band = |plot: Plot, from: f64, to: f64, low: f64, high: f64| {
                let (lower, upper) = (flat([from, to], [low; 2]), flat([from, to], [high; 2]));
                plot.band(tint, "", &lower, &upper)
            };
            if bend == 0.0 {
                plot = band(plot, -REACH, 0.0, -REACH, REACH);
                plot = plot.line(Role::State, "", &[(0.0, -REACH), (0.0, REACH)]);
            } else {
                let (centre, radius) = (-1.0 / bend, 1.0 / bend.abs());
                let half = |sign: f64| -> Vec<(f64, f64)> {
                    (0..=60)
                        .map(|k| TAU / 2.0 * (1.0 - f64::from(k) / 60.0))
                        .map(|t| (centre + radius * t.cos(), sign * radius * t.sin()))
                        .collect()
                };
                let (upper, lower) = (half(1.0), half(-1.0));
                if bend > 0.0 {
                    plot = plot.band(tint, "", &lower, &upper);
                } else {
                    plot = band(plot, -REACH, 0.0, -REACH, REACH);
                    plot = band(plot, 2.0 * radius, REACH, -REACH, REACH);
                    let edge = |y: f64| [(0.0, y), (2.0 * radius, y)];
                    plot = plot.band(tint, "", &upper, &edge(REACH));
                    plot = plot.band(tint, "", &edge(-REACH), &lower);
                }
                plot = plot.line(Role::State, "", &upper).line(Role::State, "", &lower);
            }
            let marks: Vec<_> = parameters
                .deltas
                .iter()
                .map(|delta| parameters.lambda * *delta)
                .map(|z| (z.re, z.im))
                .collect();
            plot.points(Role::Step, if panel == 0 { r"\step{Δ}λ" } else { "" }, &marks)
        })
        .collect();
    panels(&plots)
}
