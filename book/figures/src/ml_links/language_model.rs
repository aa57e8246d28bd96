//! The figures of the page `language_model`, drawn from what was recorded.

use std::f64::consts::LOG2_E;

use workbench::plot::Plot;
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "cost-of-a-sentence",
        page: "4-ml-links/language-model",
        draw: || draw_cost(&Cost::default()),
    },
    Figure {
        name: "learning-a-novel",
        page: "4-ml-links/language-model",
        draw: || draw_learning(&Learning::default()),
    },
];

const BITS: &str = include_str!("../../../../chapters/4-ml-links/recorded/bits.txt");
const LOG: &str = include_str!("../../../../chapters/4-ml-links/recorded/train-on-book.csv");
const RUN: &str = include_str!("../../../../chapters/4-ml-links/recorded/train-on-book.txt");

/// What the figure `cost-of-a-sentence` shows: the recorded sentence, in rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Characters in a row, at most.
    pub row: usize,
}

impl Default for Cost {
    fn default() -> Self {
        Self { row: 25 }
    }
}

/// The bits and the character of each recorded line.
fn costs() -> Vec<(f64, String)> {
    let cost = |line: &str| {
        let bits = line.split_whitespace().next()?.parse().ok()?;
        let quoted = line.trim_end().strip_suffix('\'')?;
        let character = quoted.rsplit_once('\'').map(|(_, character)| character)?;
        Some((bits, character.replace("\\n", "⏎")))
    };
    BITS.lines().filter_map(cost).collect()
}

/// The characters in rows that end where a word does.
fn rows(costs: &[(f64, String)], longest: usize) -> Vec<&[(f64, String)]> {
    let (mut rows, mut begin, mut end) = (Vec::new(), 0, 0);
    for word in costs.split_inclusive(|(_, character)| character == " " || character == "⏎") {
        if end > begin && end + word.len() > begin + longest {
            rows.push(&costs[begin..end]);
            begin = end;
        }
        end += word.len();
    }
    rows.push(&costs[begin..]);
    rows
}

/// A bar over each character of a sentence: what it cost.
pub fn draw_cost(parameters: &Cost) -> String {
    let costs = costs();
    let rows = rows(&costs, parameters.row);
    let (height, unit) = (120.0, 8.5);
    let mut canvas = Canvas::new(
        640.0,
        18.0 + height * rows.len() as f64,
        "Bits that each character of a sentence cost a trained model: first letters of words are dear, the rest of a \
         word and the space after it are nearly free",
    );
    let step = 600.0 / parameters.row as f64;
    for (row, characters) in rows.iter().enumerate() {
        let base = height * (row as f64 + 1.0) - 20.0;
        canvas.line(Role::Ink.opacity(0.35), (24.0, base), (624.0, base));
        for (bits, x) in [0.0, 5.0].map(|bits| (bits, 16.0)) {
            canvas.text(
                Role::Ink.size(15.0),
                (x, base - unit * bits + 5.0),
                Anchor::End,
                &bits.to_string(),
            );
        }
        for ((bits, character), column) in characters.iter().zip(0..) {
            let x = 24.0 + step * (f64::from(column) + 0.5);
            if *bits > 0.05 {
                canvas.line(Role::Output.wide(9.0), (x, base), (x, base - unit * bits));
            }
            let size = Role::Ink.size(18.0);
            canvas.text(size, (x, base + 21.0), Anchor::Middle, character);
        }
    }
    canvas.finish()
}

/// What the figure `learning-a-novel` shows: the recorded run, from this step on.
#[derive(Debug, Clone, PartialEq)]
pub struct Learning {
    /// The first step that is drawn.
    pub from: f64,
}

impl Default for Learning {
    fn default() -> Self {
        Self { from: 0.0 }
    }
}

/// Bits per character over the steps of a run, learned and held out, beside those of tables.
pub fn draw_learning(parameters: &Learning) -> String {
    let rows: Vec<Vec<Option<f64>>> = LOG
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|number| number.parse().ok()).collect())
        .collect();
    let curve = |column: usize, factor: f64| -> Vec<(f64, f64)> {
        let points =
            rows.iter().filter_map(|row| Some(((*row.first()?)?, factor * (*row.get(column)?)?)));
        points.filter(|(step, _)| *step >= parameters.from).collect()
    };
    let last = rows.last().and_then(|row| *row.first()?).unwrap_or(1.0);
    let mut plot = Plot::new(
        "While it learns, the model's bits per character fall below those of the best table, on the held-out text too",
    )
    .x_label("steps")
    .y_label("H")
    .x_range(0.0, last)
    .y_range(1.5, 5.0);
    for (name, bits) in tables() {
        plot = plot.reference(name, &[(0.0, bits), (last, bits)]);
    }
    plot.line(Role::State, "train", &curve(1, LOG2_E))
        .line(Role::Output, "held out", &curve(2, 1.0))
        .to_svg()
}

/// What the run had to beat: the names and bits of its recorded line.
fn tables() -> Vec<(&'static str, f64)> {
    let line = RUN.lines().find(|line| line.starts_with("tables")).unwrap_or_default();
    let numbers = line.split([' ', ',', ':']).filter(|word| word.contains('.'));
    let numbers = numbers.filter_map(|word| word.parse().ok());
    ["1", "2", "5"].into_iter().zip(numbers).collect()
}
