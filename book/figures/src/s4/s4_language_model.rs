//! The figure of the page `s4_language_model`, drawn from what was recorded.

use workbench::plot::{Plot, Side};
use workbench::svg::Role;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "reach-of-a-novel",
    page: "5-s4/s4-language-model",
    draw: || draw_reach(&Reach::default()),
}];

const S4D: &str = include_str!("../../../../chapters/5-s4/recorded/context-s4d.txt");
const S4: &str = include_str!("../../../../chapters/5-s4/recorded/context-s4.txt");

/// What the figure `reach-of-a-novel` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// The longest context that is drawn.
    pub longest: f64,
    /// From how many bits to how many.
    pub bits: (f64, f64),
}

impl Default for Reach {
    fn default() -> Self {
        Self { longest: 1024.0, bits: (1.8, 4.5) }
    }
}

/// The numbers of a column over the contexts of a recorded table.
fn column(recorded: &str, column: usize, longest: f64) -> Vec<(f64, f64)> {
    let number = |line: &str, column: usize| -> Option<f64> {
        line.split_whitespace().nth(column)?.parse().ok()
    };
    let rows =
        recorded.lines().skip_while(|line| !line.trim_start().starts_with("context")).skip(1);
    let point = |line| Some((number(line, 0)?, number(line, column)?));
    rows.filter_map(point).filter(|(context, _)| *context <= longest).collect()
}

/// Bits per character over the number of characters that may be seen: two models, and tables.
pub fn draw_reach(parameters: &Reach) -> String {
    let Reach { longest, bits: (least, most) } = *parameters;
    Plot::new(
        "The more characters a model may see, the less the next one costs it: the first four bring nearly everything, and from \
         128 on more bring nothing; tables begin lower and turn back where they have seen next to nothing twice",
    )
    .x_label("$n$")
    .y_label("$H(n)$")
    .log_x()
    .x_range(1.0, longest)
    .y_range(least, most)
    .reference("tables", &column(S4D, 1, longest))
    .line(Role::State, "S4", &column(S4, 2, longest))
    .label_at(0.75, Side::Below)
    .line(Role::Output, "S4D", &column(S4D, 2, longest))
    .label_at(0.55, Side::Above)
    .to_svg()
}
