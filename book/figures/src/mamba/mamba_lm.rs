//! Figures of the page `mamba_lm`: of the model that ships with the book, and of how it was trained.

use std::error::Error;
use std::path::Path;

use burn::tensor::{Device, activation};
use mamba::byte_pairs::BytePairs;
use mamba::mamba_lm::MambaLm;
use ml_links::language_model::Alphabet;
use ml_links::testing::numbers;
use workbench::plot::Plot;
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "each-block-adds",
        page: "6-mamba/mamba-lm",
        draw: || draw_each_block_adds(&EachBlockAdds::default()).unwrap_or_default(),
    },
    Figure {
        name: "learning-a-book",
        page: "6-mamba/mamba-lm",
        draw: || draw_learning_a_book(&LearningABook::default()),
    },
];

const LOG: &str = include_str!("../../../../chapters/6-mamba/recorded/train-text.csv");
const RUN: &str = include_str!("../../../../chapters/6-mamba/recorded/train-text.txt");

/// What the figure `each-block-adds` shows: a sentence, read by the model in the repository.
#[derive(Debug, Clone, PartialEq)]
pub struct EachBlockAdds {
    /// The sentence.
    pub text: String,
}

impl Default for EachBlockAdds {
    fn default() -> Self {
        Self { text: "The eigenvalues are inside the unit circle.".to_owned() }
    }
}

/// The tokens of a text, and after how many blocks each is foretold with which probability: a row a block.
type Foretold = (Vec<String>, Vec<Vec<f64>>);

fn foretold(text: &str) -> Result<Foretold, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chapters/6-mamba/model");
    let pairs = BytePairs::open(&folder)?;
    let model = MambaLm::load(&folder, &Device::flex())?;
    let tokens = pairs.encode(text)?;
    let count = tokens.len();
    let streams = model.streams(model.tokens(&tokens, [1, count])?);
    let rows = streams.into_iter().map(|stream| {
        let p = numbers(activation::softmax(model.head(stream), 2));
        let vocabulary = p.len() / count;
        tokens[1..].iter().enumerate().map(|(k, next)| p[k * vocabulary + next]).collect()
    });
    let words = tokens.iter().map(|&token| pairs.decode(&[token]));
    Ok((words.collect(), rows.collect()))
}

/// A cell for each token and each depth: the darker, the surer the head is of the token that comes.
///
/// # Errors
/// Where the model that ships with the book is not there.
pub fn draw_each_block_adds(parameters: &EachBlockAdds) -> Result<String, Box<dyn Error>> {
    let (words, rows) = foretold(&parameters.text)?;
    let (left, top, tall) = (44.0, 14.0, 26.0);
    let wide = (634.0 - left) / (words.len() - 1) as f64;
    let base = top + tall * rows.len() as f64;
    let mut canvas = Canvas::new(
        640.0,
        base + 40.0,
        "How sure the head is of each next token of a sentence, before the first block and after each: with every block more of \
         them are certain, the ends of words first",
    );
    for (depth, row) in rows.iter().enumerate() {
        let y = base - tall * (depth + 1) as f64;
        canvas.text(Role::Ink, (left - 10.0, y + 18.0), Anchor::End, &depth.to_string());
        for (k, p) in row.iter().enumerate() {
            let (corner, size) =
                ((left + wide * k as f64 + 1.0, y + 1.0), (wide - 2.0, tall - 2.0));
            // Twenty shades are enough, and the same on any machine.
            let shade = (20.0 * p).round() / 20.0;
            canvas.rect(Role::Ink.wide(0.6).opacity(0.3), corner, size, 2.0);
            if shade > 0.0 {
                canvas.rect(Role::Output.filled().opacity(shade), corner, size, 2.0);
            }
        }
    }
    for (k, word) in words[1..].iter().enumerate() {
        let middle = left + wide * (k as f64 + 0.5);
        let word = word.replace(' ', "␣").replace('\n', "⏎");
        canvas.text(Role::Input.size(14.0), (middle, base + 20.0), Anchor::Middle, &word);
    }
    Ok(canvas.finish())
}

/// What the figure `learning-a-book` shows: the recorded run, from this step on.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningABook {
    /// The first step that is drawn.
    pub from: f64,
}

impl Default for LearningABook {
    fn default() -> Self {
        Self { from: 0.0 }
    }
}

/// Bits per character of what is held out over the steps of a run, beside those of tables.
pub fn draw_learning_a_book(parameters: &LearningABook) -> String {
    let held_out = LOG.lines().skip(1).filter_map(|line| {
        let mut columns = line.split(',');
        let step = columns.next()?.parse().ok()?;
        Some((step, columns.nth(1)?.parse::<f64>().ok()?))
    });
    let held_out: Vec<(f64, f64)> = held_out.filter(|(step, _)| *step >= parameters.from).collect();
    let last = held_out.last().map_or(1.0, |(step, _)| *step);
    let mut plot = Plot::new(
        "While it learns this book, the model's bits per character on the tenth held out fall below those of the best table",
    )
    .x_label("steps")
    .y_label("H")
    .x_range(parameters.from, last);
    for (name, bits) in tables() {
        plot = plot.reference(name, &[(parameters.from, bits), (last, bits)]);
    }
    plot.line(Role::Output, "held out", &held_out).to_svg()
}

/// What the run had to beat: the lengths and bits of its recorded line.
fn tables() -> Vec<(String, f64)> {
    let line = RUN.lines().find(|line| line.starts_with("tables")).unwrap_or_default();
    let numbers = line.split([' ', ',', ':']).filter(|word| word.contains('.'));
    let numbers = numbers.filter_map(|word| word.parse().ok());
    let longest = line.split(' ').rev().find_map(|word| word.parse::<usize>().ok());
    let names = ["1".to_owned(), "2".to_owned(), longest.unwrap_or_default().to_string()];
    names.into_iter().zip(numbers).collect()
}
