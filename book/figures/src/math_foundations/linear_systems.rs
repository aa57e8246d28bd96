//! Figures of the page `linear_systems`.

use std::f64::consts::{FRAC_PI_2, TAU};

use math_foundations::linear_systems::{
    FlowError, PhasePortrait, classify_planar, forced_response, free_response,
};
use math_foundations::matrix_exponential::exponential_2x2;
use nalgebra::{DVector, Matrix2, Vector2, dmatrix, dvector};
use workbench::plot::{Frame, Plot, Side};
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "phase-portraits",
        page: "1-math-foundations/linear-systems",
        draw: || draw_phase_portraits(&PhasePortraits::default()).unwrap_or_default(),
    },
    Figure {
        name: "free-and-forced",
        page: "1-math-foundations/linear-systems",
        draw: || draw_free_and_forced(&FreeAndForced::default()).unwrap_or_default(),
    },
];

/// What the figure `phase-portraits` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct PhasePortraits {
    /// The four entries of each matrix, by rows, with the line above its panel.
    pub panels: Vec<([f64; 4], &'static str)>,
}

impl Default for PhasePortraits {
    fn default() -> Self {
        Self {
            panels: vec![
                ([-2.0, 1.0, 1.0, -2.0], "$a$:  λ = -1, -3"),
                ([0.0, 1.0, 1.0, 0.0], "$b$:  λ = 1, -1"),
                ([0.0, 1.0, -1.0, -0.4], "$c$:  λ = -0.2 ± 0.98 $i$"),
                ([0.0, 1.0, -1.0, 0.0], "$d$:  λ = ± $i$"),
            ],
        }
    }
}

/// Half the side of a panel, in units of the state.
const REACH: f64 = 2.0;

/// Phase portraits of planar systems, two in a row, with the directions that a real matrix keeps.
///
/// # Errors
/// Those of [`classify_planar`].
pub fn draw_phase_portraits(parameters: &PhasePortraits) -> Result<String, FlowError> {
    let (width, height) = (320.0, 306.0);
    let rows = parameters.panels.len().div_ceil(2);
    let mut canvas = Canvas::new(
        2.0 * width,
        height * rows as f64,
        "Two negative eigenvalues pull every path in, one of each sign lets all but one line \
         escape, a complex pair winds paths into a spiral, an imaginary pair closes them",
    );
    for (index, (entries, title)) in parameters.panels.iter().enumerate() {
        let frame = Frame {
            left: width * (index % 2) as f64,
            top: height * (index / 2) as f64,
            width,
            height,
        };
        portrait(&Matrix2::from_row_slice(entries), title)?.draw(&mut canvas, frame);
    }
    Ok(canvas.finish())
}

fn portrait(a: &Matrix2<f64>, title: &str) -> Result<Plot, FlowError> {
    let kind = classify_planar(a)?;
    let mut plot = Plot::new(kind.to_string())
        .title(title)
        .x_label("x_1")
        .y_label("x_2")
        .x_range(-REACH, REACH)
        .y_range(-REACH, REACH)
        .equal_aspect();
    // Along an eigen-direction the state keeps to its half-line, outwards or inwards.
    for (lambda, v) in eigen_directions(a) {
        for end in [v, -v].map(|v| v * (REACH / v.amax())) {
            let outer = (end[0], end[1]);
            let half = if lambda > 0.0 { [(0.0, 0.0), outer] } else { [outer, (0.0, 0.0)] };
            plot = plot.line(Role::State.dashed(), "", &half).arrows_along(1);
        }
    }
    let heads = match kind {
        PhasePortrait::Focus(_) => 6,
        PhasePortrait::Centre => 2,
        _ => 1,
    };
    for seed in seeds(kind) {
        plot = plot.line(Role::State, "", &path(a, seed)).arrows_along(heads);
    }
    Ok(plot)
}

/// The eigenvalues of a matrix with two real ones and the directions that it keeps.
fn eigen_directions(a: &Matrix2<f64>) -> Vec<(f64, Vector2<f64>)> {
    let half_spread = (a.trace() / 2.0).powi(2) - a.determinant();
    if half_spread <= 0.0 {
        return Vec::new();
    }
    let lambdas = [half_spread.sqrt(), -half_spread.sqrt()].map(|s| a.trace() / 2.0 + s);
    // A - λI has rank one: what is perpendicular to its larger row is the eigenvector.
    let direction = |lambda: f64| {
        let shifted = a - Matrix2::identity() * lambda;
        let rows = [shifted.row(0).transpose(), shifted.row(1).transpose()];
        let row = if rows[0].norm() > rows[1].norm() { rows[0] } else { rows[1] };
        (lambda, Vector2::new(-row[1], row[0]))
    };
    lambdas.map(direction).to_vec()
}

/// Points through which paths are drawn.
fn seeds(kind: PhasePortrait) -> Vec<Vector2<f64>> {
    let at = |radius: f64, angle: f64| Vector2::new(radius * angle.cos(), radius * angle.sin());
    match kind {
        PhasePortrait::Focus(_) => vec![at(1.9, 0.5), at(1.9, 0.5 + TAU / 2.0)],
        PhasePortrait::Centre => [0.5, 1.0, 1.5, 1.9].map(|radius| at(radius, 0.0)).to_vec(),
        PhasePortrait::Saddle => {
            let quarters = (0..4).map(|k| f64::from(k) * FRAC_PI_2);
            quarters.flat_map(|angle| [0.35, 0.8, 1.3].map(|radius| at(radius, angle))).collect()
        }
        _ => (0..16).map(|k| at(1.0, (f64::from(k) + 0.5) * TAU / 16.0)).collect(),
    }
}

/// The path through a point, from where it enters the panel to where it leaves it or comes to rest.
fn path(a: &Matrix2<f64>, seed: Vector2<f64>) -> Vec<(f64, f64)> {
    let step = 0.04;
    let inside = |x: &Vector2<f64>| x.amax() < 1.15 * REACH && x.norm() > 0.02;
    let walk = |direction: f64, steps: usize| {
        let carry = exponential_2x2(&(a * (direction * step))).unwrap_or_else(|_| Matrix2::zeros());
        let mut points = Vec::new();
        let mut x = carry * seed;
        while inside(&x) && points.len() < steps {
            points.push((x[0], x[1]));
            x = carry * x;
        }
        points
    };
    // A closed orbit is drawn once round, a spiral from where it starts.
    let turning = a.determinant() > (a.trace() / 2.0).powi(2);
    let closed = turning && a.trace() == 0.0;
    let around = (TAU / a.determinant().abs().sqrt() / step).ceil() as usize;
    let mut points = if turning { Vec::new() } else { walk(-1.0, 400) };
    points.reverse();
    points.push((seed[0], seed[1]));
    points.extend(walk(1.0, if closed { around } else { 600 }));
    points
}

/// What the figure `free-and-forced` shows: the spring `q'' + damping q' + q = push`.
#[derive(Debug, Clone, PartialEq)]
pub struct FreeAndForced {
    /// The damper.
    pub damping: f64,
    /// The force from time 0 on.
    pub push: f64,
    /// Where the spring is let go.
    pub q0: f64,
}

impl Default for FreeAndForced {
    fn default() -> Self {
        Self { damping: 0.4, push: 1.0, q0: -1.0 }
    }
}

/// What is left of the start, what the push makes, and their sum.
///
/// # Errors
/// Those of [`forced_response`].
pub fn draw_free_and_forced(parameters: &FreeAndForced) -> Result<String, FlowError> {
    let a = dmatrix![0.0, 1.0; -1.0, -parameters.damping];
    let b = dmatrix![0.0; 1.0];
    let x0 = dvector![parameters.q0, 0.0];
    let u = vec![dvector![parameters.push]; 250];
    let total = forced_response(&a, &b, &x0, &u, 0.08)?;
    let forced = forced_response(&a, &b, &DVector::zeros(2), &u, 0.08)?;
    let free = free_response(&a, &x0, &total.times)?;
    let last = total.times[total.times.len() - 1];
    Ok(Plot::new(
        "What is left of the start and what the push has made add up to where the spring is",
    )
    .x_label("t")
    .y_label("q")
    .reference("", &[(0.0, 0.0), (last, 0.0)])
    .line(Role::State.dashed(), "$e^{At}x(0)$", &free.component(0))
    .label_at(0.33, Side::Below)
    .line(Role::Ink.wide(1.6), "", &forced.component(0))
    .note(Role::Ink, (9.7, 0.62), Anchor::Middle, "$∫e^{A(t-τ)}Bu$")
    .line(Role::State.wide(2.6), "$x(t)$", &total.component(0))
    .label_at(0.19, Side::Right)
    .to_svg())
}
