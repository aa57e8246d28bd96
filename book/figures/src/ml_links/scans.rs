//! Figures of the page `scans`.

use std::cell::RefCell;
use std::f64::consts::TAU;

use ml_links::scans::{Affine, scan_blelloch, scan_heinsen, scan_recurrence};
use workbench::svg::{Anchor, Canvas, Role, number};

use crate::Figure;

const PAGE: &str = "4-ml-links/scans";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure { name: "sweeps", page: PAGE, draw: || draw_sweeps(&Sweeps::default()) },
    Figure { name: "worn-digits", page: PAGE, draw: || draw_worn_digits(&WornDigits::default()) },
];

/// What the figure `sweeps` shows: the steps `x ↦ a x + b` that a tree composes, as pairs (a, b).
#[derive(Debug, Clone, PartialEq)]
pub struct Sweeps {
    /// The steps, in time.
    pub steps: Vec<(f64, f64)>,
}

impl Default for Sweeps {
    fn default() -> Self {
        let scales = [0.5, 1.0, 0.5, 2.0, 1.0, 0.5, 1.0, 2.0];
        let shifts = [8.0, 2.0, 1.0, -4.0, 2.0, 3.0, -2.0, -5.0];
        Self { steps: scales.into_iter().zip(shifts).collect() }
    }
}

/// A map at its place, and the first place that it has gathered.
#[derive(Clone, Copy)]
struct Node {
    place: usize,
    from: usize,
    map: Affine<f64>,
}

/// The tree of `scan_blelloch`, level by level, as the function itself calls the composition.
pub fn draw_sweeps(parameters: &Sweeps) -> String {
    let node = |(place, &(scale, shift)): (usize, &(f64, f64))| Node {
        place,
        from: place,
        map: Affine { scale, shift },
    };
    let items: Vec<Node> = parameters.steps.iter().enumerate().map(node).collect();

    // Calls of one level have one distance, and follow each other.
    let levels: RefCell<Vec<Vec<(Node, Node)>>> = RefCell::default();
    scan_blelloch(&items, |left, right| {
        let joined = Node { map: left.map.then(right.map), from: left.from, ..*right };
        let mut levels = levels.borrow_mut();
        let distance = |(left, joined): &(Node, Node)| joined.place - left.place;
        match levels.last_mut() {
            Some(level) if distance(&level[0]) == right.place - left.place => {
                level.push((*left, joined));
            }
            _ => levels.push(vec![(*left, joined)]),
        }
        joined
    });
    let levels = levels.into_inner();

    let (width, row) = (640.0, 62.0);
    let column = width / items.len().max(1) as f64;
    let at =
        |place: usize, level: usize| (column * (place as f64 + 0.5), 26.0 + row * level as f64);
    let mut canvas = Canvas::new(
        width,
        52.0 + row * levels.len() as f64,
        "A tree over eight steps: three rounds upwards join neighbours, two downwards hand finished prefixes on, and \
         after five rounds instead of seven every place holds its whole past",
    );

    let (wide, high) = (column - 8.0, 28.0);
    let thin = Role::Ink.wide(1.2);
    // Up to the edge of the box around `to`.
    let mut arrow_into_box = |from: (f64, f64), to: (f64, f64)| {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let outside = (0.5 * wide / dx.abs()).min(0.5 * high / dy.abs());
        canvas.arrow(thin, from, (to.0 - outside * dx, to.1 - outside * dy));
    };
    // What a place was, and who joins it.
    let mut last = vec![0; items.len()];
    for (level, calls) in levels.iter().enumerate() {
        for (left, joined) in calls {
            let (from, to) = (at(left.place, last[left.place]), at(joined.place, level + 1));
            // Down its own thread first, then across: no line runs behind another box.
            arrow_into_box((from.0, to.1 - row), to);
            arrow_into_box(at(joined.place, last[joined.place]), to);
        }
        for (_, joined) in calls {
            last[joined.place] = level + 1;
        }
    }
    let mut busy = vec![0; items.len()];
    for (level, calls) in levels.iter().enumerate() {
        for (left, _) in calls {
            busy[left.place] = level;
        }
    }
    for (place, level) in busy.into_iter().enumerate() {
        canvas.line(thin, at(place, 0), at(place, level));
        canvas.line(thin.opacity(0.25), at(place, level), at(place, levels.len()));
    }
    let mut cell = |node: &Node, level: usize| {
        let (x, y) = at(node.place, level);
        let done = node.from == 0;
        let corner = (x - wide / 2.0, y - high / 2.0);
        let role = if done { Role::State } else { Role::Ink };
        canvas.rect(role.wide(if done { 1.8 } else { 0.8 }).hollow(), corner, (wide, high), 6.0);
        canvas.rect(
            role.wide(0.0).tinted(if done { 0.16 } else { 0.0 }),
            corner,
            (wide, high),
            6.0,
        );
        canvas.text(role.size(15.0), (x, y + 5.0), Anchor::Middle, &written(node.map));
    };
    for item in &items {
        cell(item, 0);
    }
    for (level, calls) in levels.iter().enumerate() {
        for (_, joined) in calls {
            cell(joined, level + 1);
        }
    }
    canvas.finish()
}

/// `½x + 8`: fractions of two as one sign where there is one.
fn written(map: Affine<f64>) -> String {
    let size = match map.scale.abs() {
        1.0 => String::new(),
        0.5 => "½".to_owned(),
        0.25 => "¼".to_owned(),
        0.125 => "⅛".to_owned(),
        other => number(other),
    };
    let sign = if map.scale < 0.0 { "−" } else { "" };
    let shift = match map.shift {
        0.0 => String::new(),
        shift if shift < 0.0 => format!(" − {}", number(-shift)),
        shift => format!(" + {}", number(shift)),
    };
    format!("{sign}{size}$x${shift}")
}

/// What the figure `worn-digits` shows: Heinsen's method in single precision.
#[derive(Debug, Clone, PartialEq)]
pub struct WornDigits {
    /// How much of a state is left after a step, on average; one row each.
    pub left: Vec<f64>,
    /// How many steps; one column each, each four times the last.
    pub lengths: Vec<usize>,
}

impl Default for WornDigits {
    fn default() -> Self {
        Self {
            left: vec![0.999, 0.99, 0.9, 0.5, 0.1],
            lengths: vec![16, 64, 256, 1024, 4096, 16_384],
        }
    }
}

/// How many of seven digits are right, by the length of the row and the speed of forgetting.
pub fn draw_worn_digits(parameters: &WornDigits) -> String {
    let WornDigits { left, lengths } = parameters;
    let mut canvas = Canvas::new(
        640.0,
        330.0,
        "The digits that the logarithms keep fall from seven to three along the diagonal: only the total decay counts",
    );
    let (origin, cell) = ((128.0, 22.0), (84.0, 48.0));
    for (row, left) in left.iter().enumerate() {
        let y = origin.1 + cell.1 * row as f64;
        let middle = y + cell.1 / 2.0 + 6.0;
        canvas.text(Role::Ink, (origin.0 - 14.0, middle), Anchor::End, &number_plainly(*left));
        for (column, length) in lengths.iter().enumerate() {
            let x = origin.0 + cell.0 * column as f64;
            let digits = digits_left(*left, *length);
            let worn = ((7.0 - digits) / 5.0).clamp(0.0, 1.0);
            let size = (cell.0 - 4.0, cell.1 - 4.0);
            canvas.rect(Role::State.wide(0.8).tinted(0.75 * worn), (x, y), size, 4.0);
            let text = Role::Ink.size(18.0);
            let at = (x + size.0 / 2.0, middle - 2.0);
            canvas.text(text, at, Anchor::Middle, &number(digits));
        }
    }
    let below = origin.1 + cell.1 * left.len() as f64 + 18.0;
    for (column, length) in lengths.iter().enumerate() {
        let x = origin.0 + cell.0 * column as f64 + cell.0 / 2.0 - 2.0;
        canvas.text(Role::Ink, (x, below), Anchor::Middle, &length.to_string());
    }
    canvas.text(Role::Ink, (origin.0 - 14.0, below), Anchor::End, "$a$ \\ $L$");
    canvas.finish()
}

/// With all its digits, where [`number`] would round.
fn number_plainly(value: f64) -> String {
    value.to_string()
}

/// The decimal digits that Heinsen's method keeps in f32, beside the largest state: the median of three rows.
fn digits_left(left: f64, length: usize) -> f64 {
    // Multiples of the golden ratio fill the range from 0 to 1 evenly, in an order that looks like none.
    let spread = |k: usize| (k as f64 * 0.618_033_988_749_895).fract();
    let mut digits = [1, 100, 10_000].map(|first| {
        let fading = |k: usize| left.powf(2.0 * spread(first + k)) as f32;
        let wave = |k: usize| (0.5 + (TAU * (first + k) as f64 / 7.3).sin()) as f32;
        let a: Vec<f32> = (0..length).map(fading).collect();
        digits_of(&a, &(0..length).map(wave).collect::<Vec<_>>())
    });
    digits.sort_by(f64::total_cmp);
    digits[1]
}

fn digits_of(a: &[f32], b: &[f32]) -> f64 {
    let double = |numbers: &[f32]| numbers.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let exact = scan_recurrence(&double(a), &double(b), 0.0).unwrap_or_default();
    let found = scan_heinsen(a, b, 0.0).unwrap_or_default();
    let size = exact.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    let off = found.iter().zip(&exact).map(|(x, exact)| (f64::from(*x) - exact).abs());
    (-(off.fold(0.0, f64::max) / size).log10()).round().clamp(0.0, 7.0)
}
