//! Figures of the introduction.

use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "journey",
    page: "introduction",
    draw: draw_journey,
}];

/// The whole journey in one picture: from a continuous system to its dual.
pub fn draw_journey() -> String {
    let mut canvas = Canvas::new(
        640.0,
        120.0,
        "From a continuous system to attention in six steps",
    );
    canvas.text(
        Role::State,
        (320.0, 60.0),
        Anchor::Middle,
        "x_k = Ā x_{k-1} + B̄ u_k",
    );
    canvas.finish()
}
