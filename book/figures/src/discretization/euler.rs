//! Figures of the page `euler`.

use std::f64::consts::TAU;

use classical_ssm::state_space::StateSpace;
use discretization::euler::{backward_euler, backward_factor, forward_euler, forward_factor};
use discretization::sampling::{DiscretizationError, Recurrence};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::state_representations::mass_spring_damper;
use nalgebra::{Complex, dmatrix, dvector};
use workbench::plot::{Plot, Side, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "euler-regions",
        page: "3-discretization/euler",
        draw: || draw_euler_regions(&EulerRegions::default()).unwrap_or_default(),
    },
    Figure {
        name: "euler-energy",
        page: "3-discretization/euler",
        draw: || draw_euler_energy(&EulerEnergy::default()).unwrap_or_default(),
    },
];

/// What the figure `euler-regions` marks: a spring of mass 1 and stiffness 1.
#[derive(Debug, Clone, PartialEq)]
pub struct EulerRegions {
    /// In N s/m.
    pub damping: f64,
    /// Its eigenvalues are marked times each of these steps.
    pub deltas: Vec<f64>,
}

impl Default for EulerRegions {
    fn default() -> Self {
        Self { damping: 0.4, deltas: vec![0.2, 0.4, 0.8, 1.6] }
    }
}

/// The plane of z = λΔ: shaded where `factor(z)` is inside the unit circle.
///
/// The shading is made of thin columns, so that any rule can be shown, whatever the shape of its region.
fn region(label: &str, factor: impl Fn(Complex<f64>) -> Complex<f64>) -> Plot {
    const EDGE: f64 = 2.6;
    const WIDE: f64 = 5.2;
    const STEPS: usize = 520;
    let at = |index: usize| -WIDE + 2.0 * WIDE * index as f64 / STEPS as f64;
    let stable = |x: f64, y: f64| factor(Complex::new(x, y)).norm_sqr() <= 1.0;
    let mut plot = Plot::new(label)
        .x_label("Re $λΔ$")
        .y_label("Im $λΔ$")
        .x_range(-EDGE, EDGE)
        .y_range(-EDGE, EDGE)
        .equal_aspect();
    // Columns whose stable heights are one interval join into a band; a hole splits them in two.
    let upper: Vec<(f64, Option<(f64, f64)>)> = (0..=STEPS)
        .map(|column| {
            let x = at(column);
            let heights: Vec<f64> = (STEPS / 2..=STEPS).map(at).filter(|&y| stable(x, y)).collect();
            (x, heights.first().copied().zip(heights.last().copied()))
        })
        .collect();
    for run in upper.split(|(_, interval)| interval.is_none()) {
        if run.len() < 2 {
            continue;
        }
        for sign in [1.0, -1.0] {
            let edge = |pick: fn((f64, f64)) -> f64| -> Vec<(f64, f64)> {
                run.iter()
                    .filter_map(|(x, interval)| {
                        interval.map(|interval| (*x, sign * pick(interval)))
                    })
                    .collect()
            };
            let (low, high) = (edge(|interval| interval.0), edge(|interval| interval.1));
            plot = plot.band(Role::State.opacity(0.22), "", &low, &high);
        }
    }
    plot.reference("", &[(0.0, -EDGE), (0.0, EDGE)])
}

/// Where each Euler rule lets a mode die, with the modes of the damped spring at a few steps.
///
/// # Errors
/// [`DiscretizationError`] for a damping that is not one.
pub fn draw_euler_regions(parameters: &EulerRegions) -> Result<String, DiscretizationError> {
    let spring = mass_spring_damper(1.0, parameters.damping, 1.0)?;
    let lambda = eigenvalues(&spring.a)?;
    let marked = |mut plot: Plot| -> Plot {
        // Names in turn at the upper and at the lower of the two.
        for (index, &delta) in parameters.deltas.iter().enumerate() {
            let z: Vec<(f64, f64)> = lambda.iter().map(|l| (l.re * delta, l.im * delta)).collect();
            let (x, y) = z[(index + 1) % 2];
            let below = if y < 0.0 { 0.2 } else { 0.04 };
            plot = plot.points(Role::Step, "", &z).note(
                Role::Step,
                (x + 0.16, y - below),
                Anchor::Start,
                format!("{delta}"),
            );
        }
        plot
    };
    let circle = |centre: f64| -> Vec<(f64, f64)> {
        (0..=120).map(|i| TAU * f64::from(i) / 120.0).map(|a| (centre + a.cos(), a.sin())).collect()
    };
    let forward =
        region("Forward Euler is stable only inside the circle around -1", forward_factor)
            .title("forward")
            .line(Role::State, "", &circle(-1.0));
    let backward = region("backward Euler everywhere outside the circle around 1", backward_factor)
        .title("backward")
        .line(Role::State, "", &circle(1.0));
    Ok(panels(&[marked(forward), marked(backward)]))
}

/// What the figure `euler-energy` shows: a spring of mass 1 and stiffness 1 without damping.
#[derive(Debug, Clone, PartialEq)]
pub struct EulerEnergy {
    /// In s.
    pub delta: f64,
    /// How many swings.
    pub swings: f64,
}

impl Default for EulerEnergy {
    fn default() -> Self {
        Self { delta: 0.15, swings: 1.5 }
    }
}

/// The spring that should go round a circle, by both rules.
///
/// # Errors
/// [`DiscretizationError`] for a step that is not one.
pub fn draw_euler_energy(parameters: &EulerEnergy) -> Result<String, DiscretizationError> {
    let EulerEnergy { delta, swings } = *parameters;
    let spring = mass_spring_damper(1.0, 0.0, 1.0)?;
    let flow = StateSpace::continuous(spring.a, spring.b, spring.c, dmatrix![0.0])?;
    let count = (swings * TAU / delta).round() as usize;
    let path = |rule: Recurrence| -> Result<Vec<(f64, f64)>, DiscretizationError> {
        let quiet = vec![dvector![0.0]; count];
        let start = dvector![1.0, 0.0];
        let states = rule.run(&start, &dvector![0.0], &quiet)?;
        Ok(std::iter::once(&start).chain(&states).map(|x| (x[0], x[1])).collect())
    };
    let circle: Vec<(f64, f64)> =
        (0..=120).map(|i| TAU * f64::from(i) / 120.0).map(|a| (a.cos(), a.sin())).collect();
    let panel = |label: &str, title: &str, path: &[(f64, f64)]| {
        Plot::new(label)
            .title(title)
            .x_label("q")
            .y_label("$q'$")
            .x_range(-2.3, 2.3)
            .y_range(-2.3, 2.3)
            .equal_aspect()
            .reference("", &circle)
            .line(Role::State, "", path)
            .points(Role::State, "", path)
            .label_at(1.0, Side::Right)
    };
    Ok(panels(&[
        panel(
            "Forward Euler steps off every circle outward and the spring gains energy",
            "forward",
            &path(forward_euler(&flow, delta)?)?,
        ),
        panel(
            "backward Euler inward and it loses energy",
            "backward",
            &path(backward_euler(&flow, delta)?)?,
        ),
    ]))
}
