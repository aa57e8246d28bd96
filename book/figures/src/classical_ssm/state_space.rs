//! Figures of the page `state_space`.

use classical_ssm::state_space::{Continuous, StateSpace, StateSpaceError};
use math_foundations::state_representations::Matrices;
use nalgebra::dmatrix;
use workbench::plot::{Plot, Side};
use workbench::svg::{Anchor, Canvas, Pen, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure { name: "three-wires", page: "2-classical-ssm/state-space", draw: draw_three_wires },
    Figure {
        name: "one-step-late",
        page: "2-classical-ssm/state-space",
        draw: || draw_one_step_late(&OneStepLate::default()).unwrap_or_default(),
    },
];

/// Two machines in series, side by side and in a loop.
pub fn draw_three_wires() -> String {
    let mut canvas = Canvas::new(
        640.0,
        330.0,
        "One after the other, two machines answer with the product of their answers; side by side with \
         the sum; in a loop with the first, divided by one plus both",
    );
    draw_series(&mut canvas, 45.0);
    draw_parallel(&mut canvas, 145.0);
    draw_feedback(&mut canvas, 255.0);
    canvas.finish()
}

fn machine(canvas: &mut Canvas, (x, y): (f64, f64), name: &str) {
    canvas.rect(Role::Ink.tinted(0.06), (x - 32.0, y - 20.0), (64.0, 40.0), 4.0);
    canvas.text(Role::State.size(19.0), (x, y + 7.0), Anchor::Middle, name);
}

fn sum(canvas: &mut Canvas, (x, y): (f64, f64)) {
    canvas.circle(Role::Ink.wide(1.4).hollow(), (x, y), 11.0);
    canvas.text(Role::Ink, (x, y + 6.0), Anchor::Middle, "+");
}

fn ends(canvas: &mut Canvas, y: f64, input: &str, algebra: &str) {
    canvas.text(Role::Input.size(19.0), (24.0, y + 6.0), Anchor::Middle, input);
    canvas.text(Role::Output.size(19.0), (430.0, y + 6.0), Anchor::Middle, "y");
    canvas.text(Role::Ink.size(17.0), (462.0, y + 6.0), Anchor::Start, algebra);
}

fn draw_series(canvas: &mut Canvas, y: f64) {
    let (input, output): (Pen, Pen) = (Role::Input.wide(1.8), Role::Output.into());
    ends(canvas, y, "u", "$G_2 G_1$");
    machine(canvas, (140.0, y), "G_1");
    machine(canvas, (300.0, y), "G_2");
    canvas.arrow(input, (40.0, y), (108.0, y));
    canvas.arrow(Role::Ink.wide(1.8), (172.0, y), (268.0, y));
    canvas.arrow(output, (332.0, y), (414.0, y));
}

fn draw_parallel(canvas: &mut Canvas, y: f64) {
    let (input, ink) = (Role::Input.wide(1.8), Role::Ink.wide(1.8));
    let (upper, lower) = (y - 25.0, y + 25.0);
    ends(canvas, y, "u", "$G_1 + G_2$");
    machine(canvas, (220.0, upper), "G_1");
    machine(canvas, (220.0, lower), "G_2");
    canvas.line(input, (40.0, y), (100.0, y));
    canvas.dot(input, (100.0, y), 4.0);
    for branch in [upper, lower] {
        canvas.polyline(input, &[(100.0, y), (100.0, branch), (160.0, branch)]);
        canvas.arrow(input, (160.0, branch), (188.0, branch));
        let from = if branch < y { y - 22.0 } else { y + 22.0 };
        canvas.polyline(ink, &[(252.0, branch), (340.0, branch), (340.0, from)]);
        canvas.head(ink, (340.0, if branch < y { y - 11.0 } else { y + 11.0 }), (0.0, y - branch));
    }
    sum(canvas, (340.0, y));
    canvas.arrow(Role::Output, (351.0, y), (414.0, y));
}

fn draw_feedback(canvas: &mut Canvas, y: f64) {
    let (input, ink) = (Role::Input.wide(1.8), Role::Ink.wide(1.8));
    let below = y + 50.0;
    ends(canvas, y, "r", "$(I + GH)^{-1} G$");
    sum(canvas, (100.0, y));
    machine(canvas, (220.0, y), "G");
    machine(canvas, (220.0, below), "H");
    canvas.arrow(input, (40.0, y), (89.0, y));
    canvas.arrow(input, (111.0, y), (188.0, y));
    canvas.text(Role::Input, (146.0, y - 9.0), Anchor::Middle, "u");
    canvas.arrow(Role::Output, (252.0, y), (414.0, y));
    canvas.dot(Role::Output, (340.0, y), 4.0);
    canvas.polyline(ink, &[(340.0, y), (340.0, below), (270.0, below)]);
    canvas.head(ink, (252.0, below), (-1.0, 0.0));
    canvas.line(ink, (270.0, below), (258.0, below));
    canvas.polyline(ink, &[(188.0, below), (100.0, below), (100.0, y + 22.0)]);
    canvas.head(ink, (100.0, y + 11.0), (0.0, -1.0));
    canvas.text(Role::Ink.size(19.0), (82.0, y + 28.0), Anchor::Middle, "−");
}

/// What the figure `one-step-late` shows: the running mean `y_k = a y_{k-1} + (1 - a) u_k` of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct OneStepLate {
    /// a, how much of the last mean is kept.
    pub kept: f64,
    /// How many steps.
    pub steps: usize,
}

impl Default for OneStepLate {
    fn default() -> Self {
        Self { kept: 0.5, steps: 8 }
    }
}

/// A constant through two running means: joined as steps are, and with the blocks of a flow.
///
/// # Errors
/// Those of [`StateSpace::series`].
pub fn draw_one_step_late(parameters: &OneStepLate) -> Result<String, StateSpaceError> {
    let (kept, one) = (parameters.kept, dmatrix![1.0]);
    let mean = StateSpace::discrete(
        dmatrix![kept],
        dmatrix![1.0 - kept],
        one.clone(),
        dmatrix![0.0],
        1.0,
    )?;
    let flow = StateSpace::from_matrices(mean.matrices().clone(), Continuous)?;
    let run = |system: &Matrices| -> Vec<(f64, f64)> {
        let mut x = &system.b * 0.0;
        let steps = (0..parameters.steps).map(|k| {
            x = &system.a * &x + &system.b;
            (k as f64, (&system.c * &x + &system.d)[0])
        });
        steps.collect()
    };
    let (joined, late) = (run(mean.series(&mean)?.matrices()), run(flow.series(&flow)?.matrices()));
    let end = parameters.steps as f64;
    Ok(Plot::new(
        "The mean of a mean of a constant rises from the first step on; with the blocks of a flow it \
         starts one step late and stays one step late",
    )
    .x_label("k")
    .y_label("\\y{y_k}")
    .x_range(-0.5, end)
    .y_range(0.0, 1.15)
    .reference("\\u{u_k}", &[(0.0, 1.0), (0.5 * end, 1.0), (end - 0.5, 1.0)])
    .label_at(0.5, Side::Above)
    .line(Role::Output.wide(1.6), "joined", &joined)
    .label_at(0.3, Side::Left)
    .points(Role::Output, "", &joined)
    .points(Role::Ink, "", &late)
    .reference("joined as flows are", &late)
    .label_at(0.3, Side::Right)
    .to_svg())
}
