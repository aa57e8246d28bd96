//! Figures of the page `sequence_prediction`.

use ml_links::sequence_prediction::{LinearAutoregression, Scale, mixture, noise, random_waves};
use workbench::plot::{Frame, Plot};
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

const PAGE: &str = "4-ml-links/sequence-prediction";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "going-on-alone",
        page: PAGE,
        draw: || {
            draw_going_on_alone(
                include_str!("../../../../chapters/4-ml-links/recorded/predict-values.txt"),
                include_str!("../../../../chapters/4-ml-links/recorded/predict-cells-values.txt"),
            )
        },
    },
    Figure {
        name: "noise-draws-to-rest",
        page: PAGE,
        draw: || draw_noise_draws_to_rest(&NoiseDrawsToRest::default()),
    },
];

/// A column of a recorded run with `--values`, by the words over it, counted from the end of the column of truth.
fn column(recorded: &str, index: usize) -> Vec<(f64, f64)> {
    let heading = |line: &&str| line.split_whitespace().take(2).eq(["k", "truth"]);
    let rows = recorded.lines().skip_while(|line| !heading(line)).skip(1);
    let cells = rows.map(|row| row.split_whitespace().skip(1).nth(index)?.parse::<f64>().ok());
    cells.enumerate().filter_map(|(k, value)| Some(((k + 1) as f64, value?))).collect()
}

/// Two recorded runs, one over the other: the truth and what two models say when they hear themselves.
pub fn draw_going_on_alone(sines: &str, cells: &str) -> String {
    const HEIGHT: f64 = 215.0;
    let panel = |title: &str, recorded: &str, (name, index): (&str, usize)| {
        Plot::new(title)
            .title(title)
            .x_label("steps alone")
            .reference("truth", &column(recorded, 0))
            .line(Role::State, name, &column(recorded, index))
            .line(Role::Output, "layers", &column(recorded, 5))
    };
    let plots =
        [panel("three sines", sines, ("GRU", 4)), panel("blood cells", cells, ("32 values", 3))];
    let mut canvas = Canvas::new(
        640.0,
        2.0 * HEIGHT,
        "Alone, a stack of layers stays with three sines for two hundred steps while a GRU loses them after twenty; of \
         blood cells it makes every wave, while a line of thirty-two values flattens after the second",
    );
    for (plot, top) in plots.iter().zip([0.0, HEIGHT]) {
        plot.draw(&mut canvas, Frame { left: 0.0, top, width: 640.0, height: HEIGHT });
    }
    canvas.finish()
}

/// What the figure `noise-draws-to-rest` shows: three sines with noise on them, continued by two lines.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseDrawsToRest {
    /// The deviation of the noise, as a share of that of the series.
    pub noise: f64,
    /// The weights of the two lines.
    pub orders: [usize; 2],
    /// How many values are known.
    pub known: usize,
    /// How many come after them.
    pub steps: usize,
    /// Of the sines and of the noise.
    pub seed: u64,
}

impl Default for NoiseDrawsToRest {
    fn default() -> Self {
        Self { noise: 0.1, orders: [6, 32], known: 800, steps: 200, seed: 0 }
    }
}

/// The sines without their noise, and how the lines go on.
pub fn draw_noise_draws_to_rest(parameters: &NoiseDrawsToRest) -> String {
    let NoiseDrawsToRest { noise: share, orders, known, steps, seed } = *parameters;
    let clean = mixture(&random_waves(3, seed), known + steps);
    let deviation = share * Scale::of(&clean).deviation;
    let drawn = noise(known, seed);
    let u: Vec<f64> = clean.iter().zip(&drawn).map(|(u, noise)| u + deviation * noise).collect();
    let points = |values: &[f64], first: f64| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(k, &u)| (first + k as f64, u)).collect()
    };
    let before = 40.min(known);
    let goes_on = |order| {
        LinearAutoregression::fit(&u, order).map_or(Vec::new(), |line| line.go_on(&u, steps))
    };
    Plot::new(
        "Beside noise, a line of six weights fades within forty steps, and one of thirty-two stays with the sines",
    )
    .size(640.0, 300.0)
    .x_label("steps alone")
    .y_label("u")
    .stems(Role::Input, "", &points(&u[known - before..], 1.0 - before as f64))
    .note(Role::Input, (-26.0, 1.6), Anchor::Start, "heard")
    .reference("sines", &points(&clean[known..], 1.0))
    .line(Role::Output, format!("{} weights", orders[1]), &points(&goes_on(orders[1]), 1.0))
    .line(Role::State, format!("{} weights", orders[0]), &points(&goes_on(orders[0]), 1.0))
    .to_svg()
}
