//! Figures of the page `sequence_model`.

use burn::tensor::{Device, Tensor, TensorData};
use ml_links::language_model::Noise;
use s4::sequence_model::{Space, Stack, StackConfig};
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "heard-by-all",
    page: "5-s4/sequence-model",
    draw: || draw_heard_by_all(&HeardByAll::default()),
}];

/// What the figure `heard-by-all` shows: what a blow on one channel changes in a stack that has not learned yet.
#[derive(Debug, Clone, PartialEq)]
pub struct HeardByAll {
    /// The channel that is struck.
    pub channel: usize,
    /// When.
    pub at: usize,
    /// How many steps are shown.
    pub length: usize,
    /// The seed of the stack.
    pub seed: u64,
}

impl Default for HeardByAll {
    fn default() -> Self {
        Self { channel: 2, at: 15, length: 90, seed: 3 }
    }
}

/// Channels of the stack.
const CHANNELS: usize = 8;

/// What the blow changed: a row a channel.
type Change = Vec<Vec<f64>>;

/// After the first memory, after the first block, after the last.
fn changes(parameters: &HeardByAll) -> [Change; 3] {
    let HeardByAll { channel, at, length, seed } = *parameters;
    let device = Device::flex();
    let config = StackConfig {
        d_model: CHANNELS,
        d_state: 16,
        layers: 4,
        delta_min: 0.02,
        delta_max: 0.2,
        seed,
        ..StackConfig::default()
    };
    let stack = config.init(&device).expect("sizes that fit");

    // A signal that is there anyway, and the same with a blow on it.
    let calm = |i: usize| ((i / length) as f64 + 0.3 * (i % length) as f64).sin();
    let struck = |i: usize| calm(i) + if i == channel * length + at { 2.0 } else { 0.0 };
    let tensor = |value: &dyn Fn(usize) -> f64| {
        let values: Vec<f32> = (0..CHANNELS * length).map(|i| value(i) as f32).collect();
        Tensor::<3>::from_data(TensorData::new(values, [1, CHANNELS, length]), &device)
    };
    let change = |listen: &dyn Fn(Tensor<3>) -> Tensor<3>| -> Change {
        let changed = listen(tensor(&struck)) - listen(tensor(&calm));
        let values: Vec<f64> = changed.into_data().iter::<f64>().collect();
        values.chunks(length).map(<[f64]>::to_vec).collect()
    };
    [
        change(&|x| memory(&stack, x)),
        change(&|x| stack.blocks[0].convolve(x, &mut Noise::none())),
        change(&|x| stack.convolve(x, &mut Noise::none())),
    ]
}

/// What the first block's memory says of a sequence.
fn memory(stack: &Stack, x: Tensor<3>) -> Tensor<3> {
    match &stack.blocks[0].space {
        Space::Diagonal(space) => space.convolve(x),
        Space::S4(space) => space.convolve(x),
    }
}

/// Three panels of eight rows each: along time, across channels, and both again and again.
pub fn draw_heard_by_all(parameters: &HeardByAll) -> String {
    let mut canvas = Canvas::new(
        640.0,
        330.0,
        "After the first memory only the struck channel rings; after the first block all channels do, from the blow on; \
         after the fourth the blow is everywhere at once, but never before it happened",
    );
    let titles = ["after the first memory", "after the first block", "after the fourth"];
    let (left, width, gap, top, row) = (34.0, 188.0, 14.0, 42.0, 33.0);
    for (panel, (change, title)) in changes(parameters).iter().zip(titles).enumerate() {
        let x0 = left + panel as f64 * (width + gap);
        let x = |k: usize| x0 + width * k as f64 / (parameters.length - 1) as f64;
        canvas.text(Role::Ink, (x0 + width / 2.0, 20.0), Anchor::Middle, title);
        let loudest = change.iter().flatten().fold(0.0_f64, |most, value| most.max(value.abs()));
        let blow = x(parameters.at);
        canvas.line(Role::Reference, (blow, top - 12.0), (blow, top + row * CHANNELS as f64 - 8.0));
        for (channel, values) in change.iter().enumerate() {
            let base = top + row * (channel as f64 + 0.5);
            if panel == 0 {
                let name = if channel == parameters.channel { "u" } else { "" };
                canvas.text(Role::Input, (left - 10.0, base + 4.0), Anchor::End, name);
            }
            // By the root of its size: what is faint is seen beside what is loud.
            let y =
                |value: f64| base - 0.62 * row * value.signum() * (value.abs() / loudest).sqrt();
            let points: Vec<_> =
                values.iter().enumerate().map(|(k, &value)| (x(k), y(value))).collect();
            let pen = if panel == 0 { Role::State.wide(1.4) } else { Role::Output.wide(1.8) };
            canvas.polyline(pen, &points);
        }
    }
    canvas.text(Role::Ink, (left + 1.5 * width + gap, 322.0), Anchor::Middle, "k");
    canvas.finish()
}
