//! Figures of the page `linear_state_space_layer`.

use discretization::accuracy_and_stability::Discretization;
use discretization::diagonalization::hippo_legs;
use ml_links::linear_state_space_layer::{LayerError, LinearStateSpaceLayer};
use nalgebra::{DMatrix, DVector};
use workbench::plot::Plot;
use workbench::svg::{Anchor, Role};

use super::dual_computation::rows;
use crate::Figure;

const PAGE: &str = "4-ml-links/linear-state-space-layer";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "seams",
        page: PAGE,
        draw: || draw_seams(&Seams::default()).unwrap_or_default(),
    },
    Figure { name: "price-of-a-token", page: PAGE, draw: draw_price_of_a_token },
];

/// What the figure `seams` shows: a memory that reads a wave in chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Seams {
    /// How many states the memory has.
    pub d_state: usize,
    /// Its clock.
    pub delta: f64,
    /// How many tokens a chunk has.
    pub chunk: usize,
    /// How many chunks there are.
    pub chunks: usize,
    /// How many tokens a turn of the wave takes.
    pub period: f64,
}

impl Default for Seams {
    fn default() -> Self {
        Self { d_state: 8, delta: 0.03, chunk: 50, chunks: 4, period: 67.0 }
    }
}

/// One channel's outputs, read whole and read in chunks that each begin from rest.
///
/// # Errors
/// Those of [`LinearStateSpaceLayer::new`].
pub fn draw_seams(parameters: &Seams) -> Result<String, LayerError> {
    let Seams { d_state, delta, chunk, chunks, period } = *parameters;
    // The first state of the memory is the mean of the past, the far past counting less.
    let mean = DMatrix::from_fn(1, d_state, |_, n| if n == 0 { 1.0 } else { 0.0 });
    let layer = LinearStateSpaceLayer::new(
        &hippo_legs(d_state)?,
        &[delta],
        (&mean, &DVector::zeros(1)),
        Discretization::Bilinear,
    )?;
    let length = chunk * chunks;
    let wave = |k: usize| 0.7 + 0.3 * (std::f64::consts::TAU * k as f64 / period).sin();
    let u = DMatrix::from_fn(1, length, |_, k| wave(k));
    let mut state = layer.initial_state();
    let mut plot = Plot::new(
        "Read in chunks that begin from rest, the outputs jump at each seam; with the state carried over they \
         are those of the whole sequence",
    )
    .x_label("k")
    .x_range(0.0, length as f64 - 1.0);
    let over = |y: &DMatrix<f64>, from: usize| -> Vec<(f64, f64)> {
        y.iter().enumerate().map(|(k, &y_k)| ((from + k) as f64, y_k)).collect()
    };
    let (mut lowest, mut highest) = (0.0_f64, 0.0_f64);
    let (mut carried, mut forgotten) = (Vec::new(), Vec::new());
    for start in (0..length).step_by(chunk) {
        let piece = u.columns(start, chunk).into_owned();
        carried.extend(over(&layer.convolve_from(&piece, &mut state)?, start));
        let from_rest = over(&layer.convolve(&piece)?, start);
        if start > 0 {
            forgotten.push(from_rest);
        }
    }
    for &(_, y_k) in carried.iter().chain(forgotten.iter().flatten()) {
        (lowest, highest) = (lowest.min(y_k), highest.max(y_k));
    }
    plot = plot.y_range(1.15 * lowest, 1.15 * highest);
    for start in (chunk..length).step_by(chunk) {
        let seam = start as f64 - 0.5;
        let whole = [(seam, 1.15 * lowest), (seam, 1.15 * highest)];
        plot = plot.line(Role::Ink.wide(0.6).opacity(0.5), "", &whole);
    }
    plot = plot.line(Role::Output, "", &carried);
    for piece in &forgotten {
        plot = plot.reference("", piece);
    }
    // Names: where the first chunk is highest, and where the last begins from nothing.
    let top = carried.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
    if let (Some(top), Some(&(x, y))) = (top, forgotten.last().and_then(|piece| piece.get(6))) {
        let up = 0.05 * (highest - lowest);
        plot = plot.note(Role::Output, (top.0, top.1 + up), Anchor::Middle, "$y$");
        plot = plot.note(Role::Ink, (x + 3.0, y - up), Anchor::Start, "$x_{-1}$ = 0");
    }
    Ok(plot.to_svg())
}

const MEASURED: &str = include_str!("../../../../chapters/4-ml-links/recorded/layer-time.txt");

/// The measured time of one more token: a layer's, which stays, and attention's, which grows.
pub fn draw_price_of_a_token() -> String {
    let rows = rows(MEASURED, 3);
    let column =
        |index: usize| -> Vec<(f64, f64)> { rows.iter().map(|row| (row[0], row[index])).collect() };
    let (layer, attention) = (column(1), column(2));
    let middle = |points: &[(f64, f64)], part: f64| {
        points.get((part * points.len() as f64) as usize).copied().unwrap_or((1.0, 1.0))
    };
    let (flat, rising) = (middle(&layer, 0.3), middle(&attention, 0.55));
    Plot::new(
        "Measured: one more token costs a linear state space layer the same at any place of the text; attention's price \
         grows with the tokens read",
    )
    .x_label("k")
    .y_label("µs")
    .log_x()
    .log_y()
    .line(Role::State, "", &layer)
    .note(Role::State, (flat.0, flat.1 * 1.6), Anchor::Middle, "$x_k$ = $A$ $x_{k-1}$ + $B$ $u_k$")
    .line(Role::Ink, "", &attention)
    .note(Role::Ink, (rising.0 * 1.3, rising.1 * 0.6), Anchor::Start, "softmax(q K) V")
    .to_svg()
}
