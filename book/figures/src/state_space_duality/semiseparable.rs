//! Figures of the page `semiseparable`.

use std::fmt::Write;

use classical_ssm::singular_values::singular_values;
use math_foundations::validation::InputError;
use nalgebra::{DMatrix, DVector};
use state_space_duality::semiseparable::{Head, below};
use workbench::svg::{Anchor, Canvas, Pen, Point, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "below-the-cut",
        page: "7-state-space-duality/semiseparable",
        draw: || draw_below_the_cut(&BelowTheCut::default()).unwrap_or_default(),
    },
    Figure {
        name: "four-readings",
        page: "7-state-space-duality/semiseparable",
        draw: || draw_four_readings(&FourReadings::default()).unwrap_or_default(),
    },
];

/// How many different shades there are.
const SHADES: usize = 8;

/// The lower triangle of a matrix as squares: the larger a number, the darker.
fn shade(canvas: &mut Canvas, m: &DMatrix<f64>, (left, top): Point, side: f64, ink: f64) {
    let cell = side / m.nrows() as f64;
    let largest = m.amax();
    // Squares of one shade are one path.
    let mut shades = vec![String::new(); SHADES + 1];
    for k in 0..m.nrows() {
        for j in 0..=k {
            let share = (m[(k, j)].abs() / largest).sqrt();
            let (x, y) = (left + cell * j as f64, top + cell * k as f64);
            let data = &mut shades[(share * SHADES as f64).ceil() as usize];
            let _ = write!(data, "M{x:.1} {y:.1}h{cell:.2}v{cell:.2}h-{cell:.2}z");
        }
    }
    for (shade, data) in shades.iter().enumerate().skip(1).filter(|(_, data)| !data.is_empty()) {
        let opacity = ink * (0.05 + 0.95 * shade as f64 / SHADES as f64);
        canvas.path(Role::Output.filled().opacity(opacity), data);
    }
    canvas.rect(Role::Ink.wide(1.0).opacity(0.5), (left, top), (side, side), 0.0);
}

/// What the figure `below-the-cut` shows: two matrices of one text, and the directions of a block of each.
#[derive(Debug, Clone, PartialEq)]
pub struct BelowTheCut {
    /// Steps of the text.
    pub length: usize,
    /// N, the numbers of the state, of a key and of a query.
    pub states: usize,
    /// Before which step the cut is.
    pub cut: usize,
    /// Of keys, queries and steps.
    pub seed: u64,
}

impl Default for BelowTheCut {
    fn default() -> Self {
        Self { length: 24, states: 4, cut: 12, seed: 1 }
    }
}

/// The smallest power of ten that is drawn; what is smaller lies on the ground.
const GROUND: f64 = -15.0;

/// Left the matrix of a state that fades, right that of softmax attention, below each the singular values of the block below the cut.
///
/// # Errors
/// For no steps or no states.
pub fn draw_below_the_cut(parameters: &BelowTheCut) -> Result<String, InputError> {
    let &BelowTheCut { length, states, cut, seed } = parameters;
    let head = Head::draw(length, states, seed)?;
    let mut canvas = Canvas::new(
        640.0,
        470.0,
        format!(
            "Below the cut, the matrix of a recurrence with {states} states has {states} singular values and then rounding; that of \
             softmax attention has one for each token, of which none is rounding"
        ),
    );
    let panels =
        [(52.0, head.attention(), "mask $C_k B̄_j$"), (368.0, head.softmax(), "softmax $C_k B_j$")];
    let (side, top, sky, ground) = (256.0, 42.0, 334.0, 450.0);
    for (left, m, rule) in panels {
        canvas.text(Role::Ink, (left + side / 2.0, 28.0), Anchor::Middle, rule);
        shade(&mut canvas, &m, (left, top), side, 0.85);
        let cell = side / length as f64;
        let (across, down) = (cell * cut as f64, cell * (length - cut) as f64);
        canvas.rect(Role::State.wide(2.4), (left, top + cell * cut as f64), (across, down), 0.0);

        let block = below(&m, cut);
        let sigma = singular_values(&block).sigma;
        let height = |power: f64| ground + (sky - ground) * (1.0 - power / GROUND);
        canvas.line(Role::Ink.wide(1.0), (left, ground), (left + side, ground));
        for power in [0.0, -5.0, -10.0, -15.0] {
            let y = height(power);
            canvas.line(Role::Ink.wide(1.0), (left - 5.0, y), (left, y));
            let name = if power == 0.0 { "1".to_owned() } else { format!("10^{{−{}}}", -power) };
            canvas.text(Role::Ink.size(13.0), (left - 8.0, y + 5.0), Anchor::End, &name);
        }
        canvas.text(Role::Ink, (left + side, sky - 6.0), Anchor::End, "$σ_i / σ_1$");
        let pitch = side / sigma.len() as f64;
        for (i, sigma_i) in sigma.iter().enumerate() {
            let x = left + pitch * (i as f64 + 0.5);
            let power = (sigma_i / sigma[0]).log10();
            // Where exactly rounding lies depends on the machine.
            let seen = if power > -13.0 { power } else { GROUND };
            canvas.stem(Role::State.wide(2.0), (x, ground), (x, height(seen)));
        }
    }
    Ok(canvas.finish())
}

/// What the figure `four-readings` shows: a system that is the same at every step.
#[derive(Debug, Clone, PartialEq)]
pub struct FourReadings {
    /// Steps of the text, a multiple of `chunk`.
    pub length: usize,
    /// How fast each of the N numbers of the state fades.
    pub rates: Vec<f64>,
    /// Steps of a chunk.
    pub chunk: usize,
}

impl Default for FourReadings {
    fn default() -> Self {
        Self { length: 16, rates: vec![-0.6, -0.12], chunk: 4 }
    }
}

/// One matrix four times: a way through the state, a kernel, a row of scores, chunks.
///
/// # Errors
/// For no steps.
pub fn draw_four_readings(parameters: &FourReadings) -> Result<String, InputError> {
    let FourReadings { length, rates, chunk } = parameters;
    let (length, chunk) = (*length, *chunk);
    let mut m = DMatrix::zeros(length, length);
    for &rate in rates {
        let ones = DMatrix::from_element(length, 1, 1.0);
        m += Head::new(rate, DVector::repeat(length, 1.0), ones.clone(), ones)?.attention();
    }
    let mut canvas = Canvas::new(
        640.0,
        196.0,
        "One triangular matrix, read as ways through a state, as a kernel along its diagonals, as rows of scores, and as chunks \
         along the diagonal with products of thin matrices below them",
    );
    let (side, top) = (138.0, 36.0);
    let cell = side / length as f64;
    let lefts = [10.0, 171.0, 332.0, 493.0];
    let names = ["$\\x{x_k}$", "$K_{k−j}$", "$C_k B_j$", "$C_k B_j$ + $\\x{x_k}$"];
    for (index, (left, name)) in lefts.into_iter().zip(names).enumerate() {
        canvas.text(Role::Ink, (left + side / 2.0, 20.0), Anchor::Middle, name);
        let ink = if index == 0 { 0.35 } else { 0.8 };
        if index < 3 {
            shade(&mut canvas, &m, (left, top), side, ink);
        }
    }
    let (k, j) = (3 * length / 4, length / 4);
    let middle = |left: f64, row: usize, column: usize| -> Point {
        (left + cell * (column as f64 + 0.5), top + cell * (row as f64 + 0.5))
    };
    draw_way(&mut canvas, |row, column| middle(lefts[0], row, column), (k, j), (lefts[0], top));
    // A kernel: the first column, and the same number along a diagonal.
    let thick = Role::Ink.wide(2.0);
    canvas.rect(thick, (lefts[1], top), (cell, side), 0.0);
    let last = length - 1;
    canvas.line(thick.dashed(), middle(lefts[1], j, 0), middle(lefts[1], last, last - j));
    // A query and its keys.
    canvas.rect(thick, (lefts[2], top + cell * k as f64), (cell * (k + 1) as f64, cell), 0.0);
    draw_chunks(&mut canvas, &m, (lefts[3], top), side, (chunk, rates.len()));
    Ok(canvas.finish())
}

/// From input j down to the diagonal, along it as a state, and out to output k.
fn draw_way(
    canvas: &mut Canvas,
    middle: impl Fn(usize, usize) -> Point,
    (k, j): (usize, usize),
    (left, top): Point,
) {
    let (entry, exit) = (middle(j, j), middle(k, k));
    canvas.arrow(Role::Input.wide(2.2), (entry.0, top), entry);
    let stairs: Vec<Point> = (j..=k).map(|i| middle(i, i)).collect();
    canvas.polyline(Role::State.wide(2.2), &stairs);
    stairs.iter().for_each(|&at| {
        canvas.dot(Role::State, at, 2.6);
    });
    canvas.arrow(Role::Output.wide(3.0), exit, (left, exit.1));
    let crossing = middle(k, j);
    canvas.circle(Role::Ink.hollow(), crossing, 4.5);
}

/// Dense blocks along the diagonal; below each cut a tall and a flat matrix.
fn draw_chunks(
    canvas: &mut Canvas,
    m: &DMatrix<f64>,
    (left, top): Point,
    side: f64,
    (chunk, modes): (usize, usize),
) {
    let length = m.nrows();
    let cell = side / length as f64;
    let within = DMatrix::from_fn(length, length, |row, column| {
        if row / chunk == column / chunk { m[(row, column)] } else { 0.0 }
    });
    shade(canvas, &within, (left, top), side, 0.8);
    let thin = cell * modes as f64;
    for from in (0..length).step_by(chunk) {
        let (start, width) = (cell * from as f64, cell * chunk as f64);
        canvas.rect(Role::Output.wide(1.6), (left + start, top + start), (width, width), 0.0);
        if from > 0 {
            let pen = |role: Role| -> Pen { role.tinted(0.3).wide(1.2) };
            // What is read of the state, and what was written into it.
            canvas.rect(pen(Role::Output), (left, top + start), (thin, width), 0.0);
            canvas.rect(pen(Role::Input), (left + thin, top + start), (start - thin, thin), 0.0);
        }
    }
}
