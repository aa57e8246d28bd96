//! Figures of the page `parameterization`.

use ml_links::parameterization::softplus;
use nalgebra::Complex;
use workbench::plot::{Plot, Side, panels};
use workbench::svg::Role;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "all-numbers-are-stable",
        page: "4-ml-links/parameterization",
        draw: || draw_all_numbers_are_stable(&AllNumbersAreStable::default()),
    },
    Figure {
        name: "over-the-edge",
        page: "4-ml-links/parameterization",
        draw: || {
            draw_over_the_edge(include_str!(
                "../../../../chapters/4-ml-links/recorded/parameterize-race.txt"
            ))
        },
    },
];

/// What the figure `all-numbers-are-stable` shows: a net of raw numbers, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AllNumbersAreStable {
    /// The raw number of the step.
    pub delta_raw: f64,
    /// The net reaches from -reach to reach, in both directions.
    pub reach: f64,
    /// Lines of the net in each direction.
    pub lines: usize,
}

impl Default for AllNumbersAreStable {
    fn default() -> Self {
        Self { delta_raw: softplus_inverse_of_one(), reach: 2.4, lines: 9 }
    }
}

fn softplus_inverse_of_one() -> f64 {
    ml_links::parameterization::inverse_softplus(1.0)
}

/// The plane of (α, ω), of λ and of Ā, with the same net in all three.
pub fn draw_all_numbers_are_stable(parameters: &AllNumbersAreStable) -> String {
    let AllNumbersAreStable { delta_raw, reach, lines } = *parameters;
    let delta = softplus(delta_raw);
    let lambda = |alpha: f64, omega: f64| Complex::new(-alpha.exp(), omega);
    let step = move |alpha: f64, omega: f64| (lambda(alpha, omega) * delta).exp();
    let part = |i: usize, count: usize| reach * (2.0 * i as f64 / (count - 1) as f64 - 1.0);

    // A line of the net: one number stays, the other runs.
    let net = |plot: Plot, to: &dyn Fn(f64, f64) -> (f64, f64)| {
        let mut plot = plot;
        for i in 0..lines {
            let fixed = part(i, lines);
            let upright: Vec<_> = (0..121).map(|j| to(fixed, part(j, 121))).collect();
            let level: Vec<_> = (0..121).map(|j| to(part(j, 121), fixed)).collect();
            plot = plot.line(Role::State, "", &upright).line(Role::Output.wide(1.4), "", &level);
        }
        plot
    };
    let raw = Plot::new("A net over all raw numbers")
        .x_label("α")
        .y_label("ω")
        .x_range(-1.1 * reach, 1.1 * reach)
        .y_range(-1.1 * reach, 1.1 * reach)
        .equal_aspect();
    let flow = Plot::new("becomes a net over the left half of the plane of λ")
        .x_label("Re λ")
        .y_label("Im λ")
        .x_range(-4.4, 0.88)
        .y_range(-1.1 * reach, 1.1 * reach)
        .equal_aspect()
        .reference("", &[(0.0, -1.1 * reach), (0.0, 1.1 * reach)]);
    let circle: Vec<_> = (0..=180)
        .map(|i| f64::from(i) * std::f64::consts::PI / 90.0)
        .map(|t| (t.cos(), t.sin()))
        .collect();
    let steps =
        Plot::new("and a net inside the unit circle of steps: no raw number leads out of it")
            .x_label("Re $Ā$")
            .y_label("Im $Ā$")
            .x_range(-1.15, 1.15)
            .y_range(-1.15, 1.15)
            .equal_aspect()
            .reference("", &circle);
    panels(&[
        net(raw, &|alpha, omega| (alpha, omega)),
        net(flow, &|alpha, omega| (lambda(alpha, omega).re, omega)),
        net(steps, &|alpha, omega| (step(alpha, omega).re, step(alpha, omega).im)),
    ])
}

/// The losses of the race, as they were recorded: step, all free, λ free, stable, stable with slow time scales.
pub fn draw_over_the_edge(recorded: &str) -> String {
    let mut curves: [Vec<(f64, f64)>; 4] = Default::default();
    for line in recorded.lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let Some(Ok(step)) = cells.first().map(|cell| cell.parse::<f64>()) else { continue };
        for (curve, cell) in curves.iter_mut().zip(&cells[1..]) {
            let loss = cell.parse::<f64>().ok().filter(|loss| loss.is_finite());
            curve.extend(loss.map(|loss| (step, loss)));
        }
    }
    let [all_free, free, stable, slow] = curves;
    let last = stable.last().map_or(1.0, |point| point.0);
    // One step of the free layer is all there is: it leaves the picture upwards.
    let start = all_free.first().map_or(1.0, |point| point.1);
    Plot::new(
        "With free steps and real parts the loss leaves the picture at once; with free real parts it falls, rises and stays \
         above silence; with stable ones it falls",
    )
    .x_label("step of training")
    .y_label("loss")
    .log_y()
    .x_range(0.0, 1.02 * last)
    .y_range(0.03, 20.0)
    .line(Role::Step.wide(2.2), r"$λ$, $\step{Δ}$ free", &[(0.0, start), (1.0, 20.0)])
    .label_at(1.0, Side::Right)
    .line(Role::Input, "λ free", &free)
    .line(Role::State, "stable", &stable)
    .line(Role::Output, "stable, slow", &slow)
    .label_at(0.3, Side::Above)
    .to_svg()
}
