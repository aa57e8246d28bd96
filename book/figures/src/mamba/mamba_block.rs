//! Figures of the page `mamba_block`.

use burn::tensor::{Device, Tensor};
use mamba::config::MambaConfig;
use mamba::mamba_block::MambaBlock;
use mamba::scan_operations::selective_scan;
use ml_links::testing::{noise, numbers};
use workbench::svg::{Anchor, Canvas, Pen, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "inside-a-block",
    page: "6-mamba/mamba-block",
    draw: || draw_inside_a_block(&InsideABlock::default()),
}];

/// What the figure `inside-a-block` shows: the parts of a block, and how long each hears of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct InsideABlock {
    /// The step that is changed.
    pub changed: usize,
    /// How many steps are shown.
    pub length: usize,
    /// The seed of the block.
    pub seed: u64,
}

impl Default for InsideABlock {
    fn default() -> Self {
        Self { changed: 6, length: 40, seed: 1 }
    }
}

/// How much one changed step changes each step of u, s, Δ, y and the outcome: the largest channel.
fn changes(parameters: &InsideABlock) -> [Vec<f64>; 5] {
    let &InsideABlock { changed, length, seed } = parameters;
    let device = Device::flex();
    let config = MambaConfig { hidden_size: 16, ..MambaConfig::default() };
    let block = MambaBlock::init(&config, seed, &device).expect("sizes that fit");
    let v = noise([1, length, 16], seed + 1, &device);
    let other = noise([1, 1, 16], seed + 2, &device);
    let poked = v.clone().slice_assign([0..1, changed..changed + 1, 0..16], other);
    let stations = |v: Tensor<3>| -> [Tensor<3>; 5] {
        let [u, z] = block.channels_and_gates(v);
        let s = block.conv1d.forward(u.clone());
        let inputs = block.selected(s.clone(), z);
        let delta = inputs.delta.clone();
        let y = selective_scan(inputs);
        let out = block.out_proj.forward(y.clone());
        [u, s, delta, y, out]
    };
    let (calm, poked) = (stations(v), stations(poked));
    let mut pairs = calm.into_iter().zip(poked);
    std::array::from_fn(|_| {
        let (calm, poked) = pairs.next().expect("five of each");
        numbers((poked - calm).abs().max_dim(2))
    })
}

/// Left the wiring of a block, right how much of one changed step is heard at its stations.
pub fn draw_inside_a_block(parameters: &InsideABlock) -> String {
    let mut canvas = Canvas::new(
        640.0,
        470.0,
        "A block is a channel with a short convolution and a scan, and a gate beside it; one changed step is heard at one step \
         after the projection, at four after the convolution, and at all later ones after the scan",
    );
    draw_wiring(&mut canvas);
    let stations = [
        ("u", Role::Input, 112.0),
        ("s", Role::Input, 192.0),
        ("Δ", Role::Step, 262.0),
        ("y", Role::Output, 342.0),
        ("", Role::Output, 442.0),
    ];
    let (left, right, tall) = (352.0, 626.0, 46.0);
    let x = |k: usize| left + (right - left) * (k as f64 + 0.5) / parameters.length as f64;
    let dashed = x(parameters.changed);
    canvas.line(Role::Reference, (dashed, 52.0), (dashed, 442.0));
    for ((name, role, base), change) in stations.into_iter().zip(changes(parameters)) {
        let most = change.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        canvas.line(Role::Ink.opacity(0.35), (left, base), (right, base));
        canvas.text(role, (left - 10.0, base + 5.0), Anchor::End, name);
        for (k, change) in change.iter().enumerate().filter(|&(_, &change)| change > 0.0) {
            // By the cube root of its size: what is faint is seen beside what is loud.
            let height = (tall * (change / most).cbrt()).max(1.0);
            canvas.line(role.wide(4.5), (x(k), base), (x(k), base - height));
        }
    }
    canvas.text(Role::Ink, ((left + right) / 2.0, 464.0), Anchor::Middle, "k");
    canvas.finish()
}

/// The boxes and the lines between them.
fn draw_wiring(canvas: &mut Canvas) {
    let (channel, choice, gate) = (70.0, 165.0, 262.0);
    let thin = || Role::Ink.wide(1.4);
    canvas.text(Role::Ink, (166.0, 24.0), Anchor::Middle, "v");
    canvas.arrow(thin(), (166.0, 30.0), (166.0, 52.0));
    part(canvas, (22.0, 52.0, 288.0, 30.0), "W_{in}", Role::Ink);

    // The channel: convolution, scan.
    canvas.arrow(Role::Input.wide(1.8), (channel, 82.0), (channel, 134.0));
    canvas.text(Role::Input, (channel + 10.0, 112.0), Anchor::Start, "u");
    part(canvas, (22.0, 134.0, 96.0, 30.0), "SiLU(w * u)", Role::Input);
    canvas.arrow(Role::Input.wide(1.8), (channel, 164.0), (channel, 284.0));
    canvas.text(Role::Input, (channel - 10.0, 192.0), Anchor::End, "s");

    // What the step chooses.
    canvas.polyline(Role::Input.wide(1.8), &[(channel, 184.0), (choice, 184.0)]);
    canvas.arrow(Role::Input.wide(1.8), (choice, 184.0), (choice, 204.0));
    part(canvas, (117.0, 204.0, 96.0, 30.0), "W_x,  W_Δ", Role::Step);
    canvas.arrow(Role::Step.wide(1.8), (choice, 234.0), (choice, 284.0));
    canvas.text(Role::Step, (choice + 10.0, 263.0), Anchor::Start, "Δ, B, C");
    part(canvas, (22.0, 284.0, 191.0, 30.0), "scan", Role::State);

    // The gate.
    canvas.arrow(Role::Output.wide(3.0), (117.0, 314.0), (117.0, 351.0));
    canvas.text(Role::Output, (107.0, 340.0), Anchor::End, "y");
    canvas.polyline(thin(), &[(gate, 82.0), (gate, 362.0)]);
    canvas.text(Role::Ink, (gate + 10.0, 192.0), Anchor::Start, "z");
    canvas.arrow(thin(), (gate, 362.0), (128.0, 362.0));
    canvas.circle(Role::Ink.hollow(), (117.0, 362.0), 11.0);
    canvas.circle(Role::Ink.filled(), (117.0, 362.0), 2.5);
    canvas.arrow(Role::Output.wide(3.0), (117.0, 373.0), (117.0, 400.0));
    part(canvas, (22.0, 400.0, 288.0, 30.0), "W_{out}", Role::Ink);
    canvas.arrow(thin(), (166.0, 430.0), (166.0, 458.0));
}

/// A box with a name in it.
fn part(canvas: &mut Canvas, (x, y, width, height): (f64, f64, f64, f64), name: &str, role: Role) {
    let pen: Pen = role.tinted(0.12).wide(1.4);
    canvas.rect(pen, (x, y), (width, height), 4.0);
    canvas.text(Role::Ink, (x + width / 2.0, y + 20.0), Anchor::Middle, name);
}
