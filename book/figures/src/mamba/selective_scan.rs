//! Figures of the page `selective_scan`.

use mamba::selective_scan::{
    ScanSlices, SelectiveScanError, Sizes, selective_scan, selective_scan_adjoint, silu,
};
use ml_links::parameterization::inverse_softplus;
use workbench::plot::{Frame, Plot, Side};
use workbench::svg::{Canvas, Role};

use crate::Figure;

const PAGE: &str = "6-mamba/selective-scan";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure { name: "wall", page: PAGE, draw: || draw_wall(&Wall::default()).unwrap_or_default() },
    Figure { name: "saw", page: PAGE, draw: || draw_saw(&Saw::default()) },
];

/// What the figure `wall` shows: one state, `a = -1`, of which one token takes much longer than the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Wall {
    /// How many tokens.
    pub length: usize,
    /// Which one is long.
    pub at: usize,
    /// Δ of that one.
    pub long: f64,
    /// Δ of all others.
    pub short: f64,
    /// Inputs that are not 0: when, and how large.
    pub inputs: Vec<(usize, f64)>,
}

impl Default for Wall {
    fn default() -> Self {
        let early =
            [(2, 1.0), (3, 0.9), (4, 0.7), (9, 1.0), (10, 0.8), (15, 0.9), (16, 1.0), (17, 0.6)];
        let late = [(29, 1.0), (30, 0.8), (31, 0.5), (36, 0.9), (37, 0.6)];
        let inputs = early.into_iter().chain(late).collect();
        Self { length: 44, at: 24, long: 4.0, short: 0.06, inputs }
    }
}

/// Above, how long each token takes; in the middle the state; below, how much each state still moves the last one.
///
/// # Errors
/// Those of the scan.
pub fn draw_wall(parameters: &Wall) -> Result<String, SelectiveScanError> {
    let Wall { length, at, long, short, ref inputs } = *parameters;
    let steps: Vec<f64> = (0..length).map(|k| if k == at { long } else { short }).collect();
    let delta: Vec<f64> = steps.iter().map(|&step| inverse_softplus(step)).collect();
    let mut u = vec![0.0; length];
    inputs.iter().filter(|(k, _)| *k < length).for_each(|&(k, size)| u[k] = size);
    let ones = vec![1.0; length];
    let scan = ScanSlices {
        sizes: Sizes { batch: 1, length, d_inner: 1, groups: 1, d_state: 1 },
        u: &u,
        delta: &delta,
        a: &[-1.0],
        b: &ones,
        c: &ones,
        d: &[0.0],
        z: &ones,
        delta_bias: &[0.0],
    };
    let x: Vec<f64> = selective_scan(&scan, &[0.0])?.y.iter().map(|y| y / silu(1.0)).collect();
    // ∂L/∂u_k is Δ_k λ_k, and the loss is the last state.
    let mut last = vec![0.0; length];
    if let Some(last) = last.last_mut() {
        *last = 1.0 / silu(1.0);
    }
    let by_u = selective_scan_adjoint(&scan, &[0.0], &last)?.u;
    let blame: Vec<f64> = by_u.iter().zip(&steps).map(|(by, step)| by / step).collect();

    let points = |row: &[f64]| -> Vec<(f64, f64)> {
        row.iter().enumerate().map(|(k, &value)| (k as f64, value)).collect()
    };
    let end = length as f64 - 1.0;
    let top = x.iter().copied().fold(0.0, f64::max);
    let wall = |to: f64| [(at as f64, 0.0), (at as f64, to)];
    let label = "A token that takes long forgets the states before it, and lets none of the blame through to them";
    let mut canvas = Canvas::new(640.0, 420.0, label);
    Plot::new("")
        .y_label("Δ_k")
        .x_range(0.0, end)
        .y_range(0.0, long * 1.1)
        .stems(Role::Step, "", &points(&steps))
        .draw(&mut canvas, Frame { left: 0.0, top: 0.0, width: 640.0, height: 110.0 });
    Plot::new("")
        .y_label("x_k")
        .x_range(0.0, end)
        .y_range(0.0, top * 1.15)
        .reference("", &wall(top * 1.1))
        .line(Role::State, "", &points(&x))
        .draw(&mut canvas, Frame { left: 0.0, top: 115.0, width: 640.0, height: 150.0 });
    Plot::new("")
        .x_label("k")
        .y_label("λ_k")
        .x_range(0.0, end)
        .y_range(0.0, 1.1)
        .reference("", &wall(1.05))
        .line(Role::State, "", &points(&blame))
        .draw(&mut canvas, Frame { left: 0.0, top: 270.0, width: 640.0, height: 150.0 });
    Ok(canvas.finish())
}

/// What the figure `saw` shows: which step is worked on, while the clock runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Saw {
    /// Steps of the sequence.
    pub length: usize,
    /// Steps between two states that are kept.
    pub stretch: usize,
}

impl Default for Saw {
    fn default() -> Self {
        Self { length: 36, stretch: 6 }
    }
}

/// The way there in one line, and the way back in teeth: each stretch forwards once more, then backwards.
pub fn draw_saw(parameters: &Saw) -> String {
    let Saw { length, stretch } = *parameters;
    let stretch = stretch.max(1);
    let step = |clock: usize, k: usize| (clock as f64, k as f64);
    let there: Vec<_> = (0..=length).map(|k| step(k, k)).collect();
    let stations: Vec<usize> = (0..length).step_by(stretch).collect();
    let kept: Vec<_> = stations.iter().map(|&k| step(k, k)).collect();
    let mut plot = Plot::new(
        "The way there is one line; the way back goes in teeth, each stretch forwards once more from the state that was kept, then \
         backwards",
    )
    .x_label("clock")
    .y_label("k")
    .y_range(0.0, length as f64)
    .line(Role::State, "there", &there)
    .label_at(0.45, Side::Left)
    .points(Role::State, "", &kept);
    let mut clock = length;
    for (tooth, &first) in stations.iter().rev().enumerate() {
        let last = length.min(first + stretch);
        let again: Vec<_> = (first..=last).map(|k| step(clock + k - first, k)).collect();
        clock += last - first;
        let back: Vec<_> = (first..=last).rev().map(|k| step(clock + last - k, k)).collect();
        clock += last - first;
        let (again_name, back_name) = if tooth == 2 { ("again", "back") } else { ("", "") };
        plot = plot
            .line(Role::State, again_name, &again)
            .label_at(0.5, Side::Left)
            .line(Role::Output, back_name, &back)
            .label_at(0.3, Side::Right);
    }
    plot.x_range(0.0, clock as f64).to_svg()
}
