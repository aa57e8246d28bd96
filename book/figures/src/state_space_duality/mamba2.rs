//! Figures of the page `mamba2`.

use std::fmt::Write;

use burn::tensor::Device;
use mamba::mamba_block::FirstWeights;
use ml_links::parameterization::softplus;
use ml_links::testing::numbers;
use state_space_duality::mamba2::Mamba2Block;
use state_space_duality::mamba2_config::Mamba2Config;
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure { name: "two-blocks", page: "7-state-space-duality/mamba2", draw: draw_two_blocks },
    Figure {
        name: "states-to-scale",
        page: "7-state-space-duality/mamba2",
        draw: || draw_states_to_scale(&StatesToScale::default()),
    },
];

/// Left the wiring of a Mamba block, right that of a Mamba-2 block.
pub fn draw_two_blocks() -> String {
    let mut canvas = Canvas::new(
        640.0,
        452.0,
        "In Mamba four matrices wait for one another: the first makes channels and gates, two more make step, B and C out of \
         what the convolution heard, the last leads back; in Mamba-2 the first makes all of it at once, and only the last is left",
    );
    draw_mamba(&mut canvas);
    draw_mamba_2(&mut canvas);
    canvas.finish()
}

fn part(
    canvas: &mut Canvas,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    role: Role,
    name: &str,
) {
    canvas.rect(role.tinted(0.12).wide(1.4), (x, y), (width, height), 4.0);
    canvas.text(Role::Ink, (x + width / 2.0, y + height / 2.0 + 5.0), Anchor::Middle, name);
}

/// A matrix, with its place in the queue.
fn matrix(canvas: &mut Canvas, corner: (f64, f64), width: f64, name: &str, place: &str) {
    canvas.rect(Role::Ink.tinted(0.16).wide(2.2), corner, (width, 28.0), 4.0);
    let (x, y) = (corner.0 + width / 2.0, corner.1 + 19.0);
    canvas.text(Role::Ink, (x, y), Anchor::Middle, name);
    canvas.text(Role::Ink.size(13.0).bold(), (corner.0 + 8.0, y - 1.0), Anchor::Start, place);
}

/// y and z meet.
fn product(canvas: &mut Canvas, centre: (f64, f64)) {
    canvas.circle(Role::Ink.hollow(), centre, 10.0);
    canvas.circle(Role::Ink.filled(), centre, 2.5);
}

fn draw_mamba(canvas: &mut Canvas) {
    let (channel, choice, gate, thin) = (62.0, 160.0, 262.0, Role::Ink.wide(1.4));
    canvas.text(Role::Ink, (148.0, 18.0), Anchor::Middle, "v");
    canvas.arrow(thin, (148.0, 24.0), (148.0, 44.0));
    matrix(canvas, (10.0, 44.0), 276.0, "W_{in}", "1");

    canvas.arrow(Role::Input.wide(1.8), (channel, 72.0), (channel, 108.0));
    canvas.text(Role::Input, (channel + 10.0, 95.0), Anchor::Start, "u");
    part(canvas, (10.0, 108.0), (104.0, 28.0), Role::Input, "SiLU(w * u)");
    canvas.arrow(Role::Input.wide(1.8), (channel, 136.0), (channel, 278.0));
    canvas.text(Role::Input, (channel - 10.0, 212.0), Anchor::End, "s");

    canvas.polyline(Role::Input.wide(1.8), &[(channel, 152.0), (choice, 152.0)]);
    canvas.arrow(Role::Input.wide(1.8), (choice, 152.0), (choice, 168.0));
    matrix(canvas, (96.0, 168.0), 130.0, "W_x", "2");
    canvas.arrow(Role::Step.wide(1.8), (120.0, 196.0), (120.0, 216.0));
    matrix(canvas, (84.0, 216.0), 72.0, "W_Δ", "3");
    canvas.arrow(Role::Step.wide(1.8), (120.0, 244.0), (120.0, 278.0));
    canvas.text(Role::Step, (110.0, 266.0), Anchor::End, "Δ");
    for (x, name) in [(184.0, "B"), (212.0, "C")] {
        canvas.arrow(Role::State.wide(1.8), (x, 196.0), (x, 278.0));
        canvas.text(Role::State, (x + 7.0, 266.0), Anchor::Start, name);
    }
    part(canvas, (10.0, 278.0), (216.0, 28.0), Role::State, "scan");

    canvas.arrow(Role::Output.wide(3.0), (118.0, 306.0), (118.0, 332.0));
    canvas.text(Role::Output, (106.0, 324.0), Anchor::End, "y");
    canvas.polyline(thin, &[(gate, 72.0), (gate, 342.0)]);
    canvas.text(Role::Ink, (gate + 9.0, 95.0), Anchor::Start, "z");
    canvas.arrow(thin, (gate, 342.0), (128.0, 342.0));
    product(canvas, (118.0, 342.0));
    canvas.arrow(Role::Output.wide(3.0), (118.0, 352.0), (118.0, 398.0));
    matrix(canvas, (10.0, 398.0), 276.0, "W_{out}", "4");
    canvas.arrow(thin, (148.0, 426.0), (148.0, 450.0));
}

fn draw_mamba_2(canvas: &mut Canvas) {
    let (left, gate, thin) = (346.0, 604.0, Role::Ink.wide(1.4));
    let middle = left + 138.0;
    canvas.text(Role::Ink, (middle, 18.0), Anchor::Middle, "v");
    canvas.arrow(thin, (middle, 24.0), (middle, 44.0));
    matrix(canvas, (left, 44.0), 276.0, "W_{in}", "1");

    let streams =
        [(380.0, Role::Input, "u"), (428.0, Role::State, "B'"), (476.0, Role::State, "C'")];
    for (x, role, name) in streams {
        canvas.arrow(role.wide(1.8), (x, 72.0), (x, 108.0));
        canvas.text(role, (x + 8.0, 95.0), Anchor::Start, name);
        canvas.arrow(role.wide(1.8), (x, 136.0), (x, 248.0));
    }
    for ((x, role, _), name) in streams.into_iter().zip(["s", "B", "C"]) {
        canvas.text(role, (x + 8.0, 212.0), Anchor::Start, name);
    }
    part(canvas, (left + 10.0, 108.0), (134.0, 28.0), Role::Input, "SiLU(w * ·)");
    canvas.arrow(Role::Step.wide(1.8), (544.0, 72.0), (544.0, 108.0));
    part(canvas, (502.0, 108.0), (86.0, 28.0), Role::Step, "ln(1 + e^δ)");
    canvas.text(Role::Step, (552.0, 95.0), Anchor::Start, "δ");
    canvas.arrow(Role::Step.wide(1.8), (544.0, 136.0), (544.0, 248.0));
    canvas.text(Role::Step, (552.0, 212.0), Anchor::Start, "Δ");

    // Heads, each a matrix.
    canvas.rect(Role::State.wide(1.4), (left, 248.0), (232.0, 58.0), 4.0);
    for head in 0..6 {
        let x = left + 8.0 + 37.0 * f64::from(head);
        canvas.rect(
            Role::State.tinted(0.12 + 0.06 * f64::from(head)).wide(1.0),
            (x, 262.0),
            (31.0, 30.0),
            2.0,
        );
        canvas.text(Role::State.size(13.0), (x + 15.5, 282.0), Anchor::Middle, "X");
    }

    canvas.arrow(Role::Output.wide(3.0), (454.0, 306.0), (454.0, 332.0));
    canvas.text(Role::Output, (442.0, 324.0), Anchor::End, "y");
    canvas.polyline(thin, &[(gate, 72.0), (gate, 342.0)]);
    canvas.text(Role::Ink, (gate + 9.0, 95.0), Anchor::Start, "z");
    canvas.arrow(thin, (gate, 342.0), (464.0, 342.0));
    product(canvas, (454.0, 342.0));
    canvas.line(Role::Output.wide(3.0), (454.0, 352.0), (454.0, 360.0));
    part(canvas, (394.0, 360.0), (120.0, 24.0), Role::Output, "norm");
    canvas.arrow(Role::Output.wide(3.0), (454.0, 384.0), (454.0, 398.0));
    matrix(canvas, (left, 398.0), 276.0, "W_{out}", "2");
    canvas.arrow(thin, (middle, 426.0), (middle, 450.0));
}

/// What the figure `states-to-scale` shows: how many numbers the states of one block keep, and how long.
#[derive(Debug, Clone, PartialEq)]
pub struct StatesToScale {
    /// The width of the stream.
    pub d_model: usize,
    /// After how many steps with nothing to say it is asked what is left of each number.
    pub after: f64,
    /// The seed of the first weights.
    pub seed: u64,
}

impl Default for StatesToScale {
    fn default() -> Self {
        Self { d_model: 768, after: 24.0, seed: 1 }
    }
}

/// States of a channel of Mamba, and what a head of Mamba-2 is.
const STATES: usize = 16;
const HEAD: [usize; 2] = [64, 128];

/// How many different shades there are.
const SHADES: usize = 12;

/// What is left of the numbers of a Mamba, 16 of every sixteenth channel, and of those of each head of a Mamba-2.
fn left_after(parameters: &StatesToScale) -> (Vec<Vec<f64>>, Vec<f64>) {
    let &StatesToScale { d_model, after, seed } = parameters;
    let device = Device::flex();
    let left = |step: f64, rate: f64| (-after * softplus(step) * rate).exp();
    let steps = FirstWeights::of_seed(seed, &device).steps(2 * d_model, [1e-3, 0.1]);
    let steps = numbers(steps.val());
    // Chapter 6's first rates: 1 to 16 in every channel.
    let channel = |step: &f64| (1..=STATES).map(|rate| left(*step, rate as f64)).collect();
    let channels = steps.iter().step_by(16).map(channel).collect();
    // The heads do not depend on how wide the stream is.
    let config = Mamba2Config {
        expand: (2 * d_model) as f64,
        num_heads: 2 * d_model / HEAD[0],
        ..Mamba2Config::of_width(1, HEAD[0], 1)
    };
    let block = Mamba2Block::init(&config, seed, &device).expect("sizes that fit");
    let (steps, rates) = (numbers(block.dt_bias.val()), numbers(block.a_log.val().exp()));
    (channels, steps.iter().zip(rates).map(|(&step, rate)| left(step, rate)).collect())
}

/// The states of both to one scale: a number is as large left as right, and the darker, the longer it stays.
pub fn draw_states_to_scale(parameters: &StatesToScale) -> String {
    let (channels, heads) = left_after(parameters);
    let mut canvas = Canvas::new(
        640.0,
        258.0,
        "The states of a Mamba block of width 768 are 1536 channels of 16 numbers, each with a rate of its own; those of a Mamba-2 \
         block are 24 heads of 64 times 128, eight times as many, and a head fades as one",
    );
    let (scale, gap, top) = (0.58, 5.0, 44.0);
    let (tall, narrow, wide) =
        (scale * HEAD[0] as f64, scale * STATES as f64, scale * HEAD[1] as f64);
    let columns = 6;
    let corner = |piece: usize, left: f64, width: f64| {
        let (row, column) = ((piece / columns) as f64, (piece % columns) as f64);
        (left + column * (width + gap), top + row * (tall + gap))
    };
    // Rectangles of one shade are one path.
    let mut shades = vec![String::new(); SHADES + 1];
    let mut fill = |share: f64, (x, y): (f64, f64), (width, height): (f64, f64)| {
        let shade = &mut shades[(share * SHADES as f64).round() as usize];
        let _ = write!(shade, "M{x:.1} {y:.1}h{width:.2}v{height:.2}h-{width:.2}z");
    };
    let (old, new) = (20.0, 142.0);
    for (piece, channels) in channels.chunks(4).enumerate() {
        let (x, y) = corner(piece, old, narrow);
        for (row, channel) in channels.iter().enumerate() {
            // Two rates a cell.
            for (column, share) in channel.iter().step_by(2).enumerate() {
                let at = (x + narrow / 8.0 * column as f64, y + tall / 4.0 * row as f64);
                fill(*share, at, (narrow / 8.0, tall / 4.0));
            }
        }
    }
    for (head, share) in heads.iter().enumerate() {
        fill(*share, corner(head, new, wide), (wide, tall));
    }
    for (shade, data) in shades.iter().enumerate().filter(|(_, data)| !data.is_empty()) {
        let share = shade as f64 / SHADES as f64;
        canvas.path(Role::State.filled().opacity(0.06 + 0.94 * share), data);
    }
    for piece in 0..heads.len() {
        let thin = Role::State.wide(0.6);
        canvas.rect(thin, corner(piece, old, narrow), (narrow, tall), 0.0);
        canvas.rect(thin, corner(piece, new, wide), (wide, tall), 0.0);
    }
    let middles =
        [(old, narrow), (new, wide)].map(|(left, width)| left + (6.0 * (width + gap) - gap) / 2.0);
    let d_inner = 2 * parameters.d_model;
    let counts =
        [format!("{d_inner} · {STATES}"), format!("{} · {} · {}", heads.len(), HEAD[0], HEAD[1])];
    for (x, count) in middles.into_iter().zip(counts) {
        canvas.text(Role::State, (x, 28.0), Anchor::Middle, &count);
    }
    let rates = [format!("{} A", d_inner * STATES), format!("{} A", heads.len())];
    for (x, rates) in middles.into_iter().zip(rates) {
        canvas.text(Role::Ink, (x, 240.0), Anchor::Middle, &rates);
    }
    canvas.finish()
}
