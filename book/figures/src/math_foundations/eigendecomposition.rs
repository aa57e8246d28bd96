//! Figures of the page `eigendecomposition`.

use std::f64::consts::TAU;

use math_foundations::eigendecomposition::{EigenError, eigendecomposition, eigenvalues};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use workbench::plot::{Plot, Side, panels};
use workbench::svg::{Anchor, Role, SMALLEST_SIZE};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "modes",
        page: "1-math-foundations/eigendecomposition",
        draw: || draw_modes(&Modes::default()).unwrap_or_default(),
    },
    Figure {
        name: "eigenvalues-meet",
        page: "1-math-foundations/eigendecomposition",
        draw: || draw_eigenvalues_meet(&EigenvaluesMeet::default()).unwrap_or_default(),
    },
];

/// What the figure `modes` shows: two springs `x'' + d x' + x = 0`.
#[derive(Debug, Clone, PartialEq)]
pub struct Modes {
    /// The damping d of each panel.
    pub dampings: [f64; 2],
}

impl Default for Modes {
    fn default() -> Self {
        Self { dampings: [2.5, 0.4] }
    }
}

/// Trajectories in the plane of position and velocity, with the directions that a real matrix keeps.
///
/// # Errors
/// Those of [`eigendecomposition`].
pub fn draw_modes(parameters: &Modes) -> Result<String, EigenError> {
    let plots: Result<Vec<Plot>, EigenError> =
        parameters.dampings.iter().map(|d| portrait(*d)).collect();
    Ok(panels(&plots?))
}

fn spring(damping: f64) -> DMatrix<f64> {
    dmatrix![0.0, 1.0; -1.0, -damping]
}

fn portrait(damping: f64) -> Result<Plot, EigenError> {
    let modes = eigendecomposition(&spring(damping))?;
    let real = modes.lambda[0].im == 0.0;
    let conclusion = if real {
        "Along its two eigenvectors the spring slides straight home; every other path bends towards \
         the slow one"
    } else {
        "A weakly damped spring keeps no direction: every path is a spiral"
    };
    let mut plot = Plot::new(conclusion)
        .title(format!("$d$ = {damping}"))
        .x_label("x_1")
        .y_label("x_2")
        .x_range(-2.0, 2.0)
        .y_range(-2.0, 2.0)
        .equal_aspect();
    let around = |angle: f64| dvector![1.9 * angle.cos(), 1.9 * angle.sin()];
    let mut starts = vec![around(0.6)];
    if real {
        starts = (0..8).map(|k| around(TAU * (f64::from(k) + 0.12) / 8.0)).collect();
        for (k, name) in ["v_1", "v_2"].iter().enumerate() {
            let v = modes.v.column(k).map(|entry| entry.re);
            let end = &v * (1.9 / v.amax());
            let line = [(-end[0], -end[1]), (end[0], end[1])];
            plot = plot.reference(*name, &line).label_at(1.0, Side::Above);
            starts.extend([end.clone(), -end]);
        }
    }
    for start in starts {
        let path: Result<Vec<(f64, f64)>, EigenError> = (0..=400)
            .map(|step| {
                let x = modes.flow(&start, 0.05 * f64::from(step))?;
                Ok((x[0], x[1]))
            })
            .collect();
        plot = plot.line(Role::State, "", &path?).arrows_along(if real { 2 } else { 6 });
    }
    Ok(plot)
}

/// What the figure `eigenvalues-meet` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct EigenvaluesMeet {
    /// The strongest damping of the spring, in the left panel.
    pub strongest: f64,
    /// The size of the Jordan block, in the right panel.
    pub size: usize,
    /// The powers of ten put in its corner.
    pub exponents: Vec<i32>,
}

impl Default for EigenvaluesMeet {
    fn default() -> Self {
        Self { strongest: 3.0, size: 16, exponents: vec![-2, -4, -8, -16] }
    }
}

/// Left, the eigenvalues of the spring as its damping grows; right, those of a Jordan block whose
/// corner is disturbed.
///
/// # Errors
/// Those of [`eigenvalues`].
pub fn draw_eigenvalues_meet(parameters: &EigenvaluesMeet) -> Result<String, EigenError> {
    Ok(panels(&[locus(parameters.strongest)?, fan(parameters.size, &parameters.exponents)?]))
}

fn locus(strongest: f64) -> Result<Plot, EigenError> {
    let mut paths = [Vec::new(), Vec::new()];
    for step in 0..=300 {
        let lambda = eigenvalues(&spring(strongest * f64::from(step) / 300.0))?;
        for (path, z) in paths.iter_mut().zip(lambda.iter()) {
            path.push((z.re, z.im));
        }
    }
    let [upper, lower] = paths;
    let mut plot = Plot::new(
        "As the damping grows, the pair of eigenvalues moves along a circle, meets at -1 and \
         separates along the real axis",
    )
    .x_label("Re λ")
    .y_label("Im λ")
    .x_range(-2.9, 0.5)
    .y_range(-1.7, 1.7)
    .equal_aspect()
    .reference("", &[(0.0, -1.7), (0.0, 1.7)])
    .line(Role::Ink, "", &upper)
    .arrows_along(3)
    .line(Role::Ink, "", &lower)
    .arrows_along(3);
    for (damping, (dx, dy), anchor) in [
        (0.4, (-0.1, 0.15), Anchor::End),
        (2.0, (-0.1, -0.35), Anchor::End),
        (2.5, (0.0, 0.15), Anchor::Middle),
    ] {
        let lambda = eigenvalues(&spring(damping))?;
        let points: Vec<_> = lambda.iter().map(|z| (z.re, z.im)).collect();
        let at = (lambda[1].re + dx, lambda[1].im.abs() + dy);
        plot = plot.points(Role::State, "", &points).note(
            Role::Ink,
            at,
            anchor,
            format!("$d$ = {damping}"),
        );
    }
    Ok(plot)
}

fn fan(size: usize, exponents: &[i32]) -> Result<Plot, EigenError> {
    let mut plot = Plot::new(format!(
        "The {size} eigenvalues of a Jordan block spread on a circle whose radius is the {size}th \
         root of the disturbance"
    ))
    .x_label("Re λ")
    .y_label("Im λ")
    .x_range(-1.0, 1.0)
    .y_range(-1.0, 1.0)
    .equal_aspect();
    for exponent in exponents {
        let epsilon = 10_f64.powi(*exponent);
        let mut a = DMatrix::zeros(size, size);
        for k in 1..size {
            a[(k - 1, k)] = 1.0;
        }
        a[(size - 1, 0)] += epsilon;
        let lambda: DVector<_> = eigenvalues(&a)?;
        let radius = epsilon.powf(1.0 / size as f64);
        let circle: Vec<(f64, f64)> = (0..=96)
            .map(|step| {
                let angle = TAU * f64::from(step) / 96.0;
                (radius * angle.sin(), radius * angle.cos())
            })
            .collect();
        let points: Vec<_> = lambda.iter().map(|z| (z.re, z.im)).collect();
        plot = plot.reference("", &circle).points(Role::State, "", &points).note(
            Role::Ink.size(SMALLEST_SIZE),
            (0.0, -radius - 0.14),
            Anchor::Middle,
            format!("10^{{{exponent}}}"),
        );
    }
    Ok(plot)
}
