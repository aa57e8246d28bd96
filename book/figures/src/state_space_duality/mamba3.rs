//! Figures of the page `mamba3`.

use math_foundations::validation::InputError;
use nalgebra::dvector;
use state_space_duality::mamba3::{Memory, Token, toggle};
use workbench::plot::Plot;
use workbench::svg::{Anchor, Canvas, Pen, Point, Role};

use crate::Figure;

const PAGE: &str = "7-state-space-duality/mamba3";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "half-turns",
        page: PAGE,
        draw: || draw_half_turns(&HalfTurns::default()).unwrap_or_default(),
    },
    Figure {
        name: "parity-by-length",
        page: PAGE,
        draw: || draw_parity_by_length(&ParityByLength::default()),
    },
];

/// What the figure `half-turns` shows: bits, a pair that turns, and a state that fades.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfTurns {
    /// What is read.
    pub bits: Vec<bool>,
    /// What a step leaves of the state that fades.
    pub keeps: f64,
}

impl Default for HalfTurns {
    fn default() -> Self {
        Self {
            bits: [1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1].map(|bit| bit == 1).to_vec(),
            keeps: 0.8,
        }
    }
}

/// Above, bits; then how far the pair has turned, and what is read of it; below, a state that only fades. Dots are filled where the
/// number of ones is odd.
///
/// # Errors
/// [`InputError`] for a state that grows.
pub fn draw_half_turns(parameters: &HalfTurns) -> Result<String, InputError> {
    let HalfTurns { bits, keeps } = parameters;
    let (mut turning, mut fading) = (Memory::at_rest(1, 2, 1), Memory::at_rest(1, 2, 1));
    let mut canvas = Canvas::new(
        640.0,
        344.0,
        "A hand that turns half round at each 1 points down after an odd number of ones and up after an even one; the height of a \
         state that fades says nothing of it",
    );
    let (left, right) = (60.0, 618.0);
    let apart = (right - left) / bits.len().saturating_sub(1).max(1) as f64;
    let [bit_row, hand_row, said_row, fading_row] = [60.0, 110.0, 186.0, 322.0];
    let names = [
        (Role::Input, bit_row - 12.0, "u"),
        (Role::State, hand_row + 5.0, "$θ$"),
        (Role::Output, said_row - 10.0, "y"),
        (Role::State, fading_row - 40.0, "x"),
    ];
    for (role, height, name) in names {
        canvas.text(role, (10.0, height), Anchor::Start, name);
    }
    for base in [said_row, fading_row] {
        canvas.line(Role::Ink.opacity(0.3), (left - 18.0, base), (right + 18.0, base));
    }
    let dot = |canvas: &mut Canvas, role: Role, at: Point, odd: bool| {
        let pen = if odd { role.filled() } else { role.hollow() };
        canvas.circle(pen, at, 5.0);
    };
    let (mut said, mut faded, mut odds) = (Vec::new(), Vec::new(), Vec::new());
    for (k, &bit) in bits.iter().enumerate() {
        let x = left + apart * k as f64;
        let y = turning.step(&toggle(bit))?[0];
        let token = Token { decay: keeps.ln(), turn: dvector![0.0], ..toggle(bit) };
        let fades = fading.step(&token)?[0];
        odds.push(odds.last().is_some_and(|odd| *odd) ^ bit);

        let height = if bit { 26.0 } else { 0.0 };
        canvas.stem(Role::Input, (x, bit_row), (x, bit_row - height));
        canvas.text(Role::Input.size(15.0), (x, 22.0), Anchor::Middle, if bit { "1" } else { "0" });
        // At rest the hand points up.
        let (sin, cos) = turning.theta[0].sin_cos();
        canvas.circle(Role::Ink.opacity(0.4), (x, hand_row), 16.0);
        canvas.arrow(Role::State.wide(2.2), (x, hand_row), (x + 16.0 * sin, hand_row - 16.0 * cos));
        said.push((x, said_row - 34.0 * y));
        faded.push((x, fading_row - 125.0 * fades * (1.0 - keeps)));
    }
    canvas.polyline(Role::State, &faded);
    for ((said, faded), odd) in said.into_iter().zip(faded).zip(odds) {
        canvas.line(Role::Output, (said.0, said_row), said);
        dot(&mut canvas, Role::Output, said, odd);
        dot(&mut canvas, Role::State, faded, odd);
    }
    Ok(canvas.finish())
}

/// What recorded runs printed, each with its name in the picture.
const RUNS: [(&str, &str); 3] = [
    (
        "Mamba-3",
        include_str!("../../../../chapters/7-state-space-duality/recorded/parity-mamba3.txt"),
    ),
    (
        "no turns",
        include_str!("../../../../chapters/7-state-space-duality/recorded/parity-real.txt"),
    ),
    (
        "Mamba-2",
        include_str!("../../../../chapters/7-state-space-duality/recorded/parity-mamba2.txt"),
    ),
];

/// Lengths of strings, and the percentage of them whose parity is right.
fn by_length(printed: &str) -> Vec<(f64, f64)> {
    let point = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [bits, _, _, right, "%"] => Some((bits.parse().ok()?, right.parse().ok()?)),
        _ => None,
    };
    printed.lines().filter_map(point).collect()
}

/// What the figure `parity-by-length` shows: three readers that were taught the same, as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct ParityByLength {
    /// Bits of the longest strings that were practised.
    pub practised: f64,
}

impl Default for ParityByLength {
    fn default() -> Self {
        Self { practised: 40.0 }
    }
}

/// A line a reader, over the length of the strings.
pub fn draw_parity_by_length(parameters: &ParityByLength) -> String {
    let &ParityByLength { practised } = parameters;
    let pens = [Role::Output.into(), Role::Ink.wide(1.4), Role::Ink.opacity(0.5)];
    let lengths = [5, 10, 20, 40, 80, 160, 320, 640, 1280];
    let mut plot = Plot::new(
        "Without turns a model guesses from ten bits on; with turns it says the parity of strings four times as long as those that it \
         practised, and beyond that its answers swing from all right to all wrong and back, for its angle is not quite half a turn",
    )
    .x_label("bits")
    .y_range(0.0, 104.0)
    .y_ticks(&[(0.0, "0"), (50.0, "50"), (100.0, "100 %")])
    .log_x()
    .x_ticks(&lengths.map(|bits| (f64::from(bits), bits.to_string())));
    for ((name, printed), pen) in RUNS.into_iter().zip::<[Pen; 3]>(pens) {
        plot = plot.line(pen, name, &by_length(printed));
    }
    plot.reference("", &[(practised, 0.0), (practised, 100.0)]).to_svg()
}
