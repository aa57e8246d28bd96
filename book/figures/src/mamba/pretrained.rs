//! Figures of the page `pretrained`.

use mamba::config::MambaConfig;
use mamba::pretrained::layout;
use workbench::svg::{Anchor, Canvas, Pen, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "where-the-numbers-are",
    page: "6-mamba/pretrained",
    draw: || draw_where_the_numbers_are(&WhereTheNumbersAre::default()),
}];

/// What the figure `where-the-numbers-are` shows: the tensors of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct WhereTheNumbersAre {
    /// The model.
    pub config: MambaConfig,
}

impl Default for WhereTheNumbersAre {
    fn default() -> Self {
        Self { config: MambaConfig { num_hidden_layers: 24, ..MambaConfig::default() } }
    }
}

/// What a tensor is for: the rows of the figure, in the order of a pass through the model.
const PARTS: [(&str, Role, &[&str]); 8] = [
    ("embeddings", Role::Input, &["embeddings"]),
    ("norms", Role::Ink, &["norm"]),
    ("in: u, z", Role::Input, &["in_proj"]),
    ("conv", Role::Input, &["conv1d"]),
    ("Δ, B, C", Role::Step, &["x_proj"]),
    ("rank → Δ", Role::Step, &["dt_proj"]),
    ("A, D", Role::State, &["A_log", ".D"]),
    ("out: y", Role::Output, &["out_proj"]),
];

/// A bar for each kind of tensor, as long as it has numbers.
pub fn draw_where_the_numbers_are(parameters: &WhereTheNumbersAre) -> String {
    let tensors = layout(&parameters.config);
    let count = |shape: &[usize]| shape.iter().product::<usize>() as f64;
    let all: f64 = tensors.iter().map(|(_, shape)| count(shape)).sum();
    let numbers_of = |words: &[&str]| -> f64 {
        let ours = tensors.iter().filter(|(name, _)| words.iter().any(|word| name.contains(word)));
        ours.map(|(_, shape)| count(shape)).sum()
    };
    let rows: Vec<(&str, Role, f64)> =
        PARTS.iter().map(|&(name, role, words)| (name, role, numbers_of(words))).collect();
    let largest = rows.iter().fold(1.0_f64, |largest, row| largest.max(row.2));
    let mut canvas = Canvas::new(
        640.0,
        310.0,
        "Two projections and the embedding hold 96 of 100 numbers of Mamba-130m; the matrix A and the skip D, which all of the state's \
         memory rests on, not one in 200",
    );
    for (i, (name, role, numbers)) in rows.into_iter().enumerate() {
        let y = 18.0 + 36.0 * i as f64;
        let width = 370.0 * numbers / largest;
        canvas.text(Role::Ink, (112.0, y + 18.0), Anchor::End, name);
        canvas.rect(Pen::from(role).filled().tinted(0.55), (124.0, y), (width.max(1.5), 25.0), 2.0);
        let share = 100.0 * numbers / all;
        let share = if share < 9.95 { format!("{share:.2}") } else { format!("{share:.1}") };
        let text = format!("{share} %");
        canvas.text(role, (134.0 + width.max(1.5), y + 18.0), Anchor::Start, &text);
    }
    canvas.finish()
}
