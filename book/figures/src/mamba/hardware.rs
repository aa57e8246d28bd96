//! Figures of the page `hardware`.

use mamba::hardware::Report;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] =
    &[Figure { name: "roof", page: "6-mamba/hardware", draw: draw_roof }];

/// What was measured, once, and recorded.
const RECORDED: &str = include_str!("../../../../chapters/6-mamba/recorded/bench-scan.json");

/// The roofline of the machine on which the page was written.
fn draw_roof() -> String {
    let report = Report::read(RECORDED).expect("a report of bench-scan --json");
    report
        .plot(
            "Under the roof of two processor cores the composed scan stands far to the left, where bytes are the bound; all others stand \
             under the flat part, where arithmetic is",
        )
        .to_svg()
}
