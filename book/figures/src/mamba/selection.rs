//! Figures of the page `selection`.

use mamba::selection::{Copier, Heard, NOISE, Puzzle, PuzzleError, SelectiveCopy};
use ml_links::training::Recipe;
use workbench::plot::{Frame, Plot, Side};
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

const PAGE: &str = "6-mamba/selection";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "time-stands-still",
        page: PAGE,
        draw: || draw_time_stands_still(&TimeStandsStill::default()).unwrap_or_default(),
    },
    Figure {
        name: "learned-to-select",
        page: PAGE,
        draw: || draw_learned_to_select(&LearnedToSelect::default()),
    },
];

/// What the figure `time-stands-still` shows: tokens among noise, the clocks of two memories, and what both say.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeStandsStill {
    /// How many tokens are to be copied.
    pub copied: usize,
    /// Among how many steps.
    pub length: usize,
    /// Which sequence.
    pub seed: u64,
}

impl Default for TimeStandsStill {
    fn default() -> Self {
        Self { copied: 5, length: 22, seed: 27 }
    }
}

/// Above, what is heard; in the middle, the time that has gone by on each clock; below, what is said when it is asked for.
///
/// # Errors
/// [`PuzzleError`].
pub fn draw_time_stands_still(parameters: &TimeStandsStill) -> Result<String, PuzzleError> {
    let TimeStandsStill { copied, length, seed } = *parameters;
    let puzzle = SelectiveCopy::new(16, copied, length)?;
    let tokens = puzzle.draw(&mut Recipe { seed, ..Recipe::new(1) }.random(0)).tokens;
    let last = tokens.len() as f64;
    let at = |k: usize| k as f64;
    let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<(f64, f64)> {
        let chosen = tokens.iter().enumerate().filter(|(_, token)| wanted(**token));
        chosen.map(|(k, &token)| (at(k), token as f64)).collect()
    };
    let heard = of(&|token| token != NOISE && token != puzzle.ask());
    let noise = of(&|token| token == NOISE);
    let [selective, even] = [Copier::selective(&puzzle), Copier::time_invariant(&puzzle)]
        .map(|copier| copier.read(&tokens));

    // The time on a clock after each step, from the beginning of the first.
    let time = |heard: &[Heard]| -> Vec<(f64, f64)> {
        let tick = |t: &mut f64, (k, heard): (usize, &Heard)| {
            *t += heard.delta;
            Some((at(k + 1) - 0.5, *t))
        };
        let ticks = heard.iter().enumerate().scan(0.0, tick);
        [(-0.5, 0.0)].into_iter().chain(ticks).collect()
    };
    let said = |heard: &[Heard]| -> Vec<(f64, f64)> {
        (length..tokens.len()).map(|k| (at(k), heard[k].y)).collect()
    };

    let panel = |title: &str| Plot::new("").title(title).x_label("$k$").x_range(-0.5, last + 0.5);
    let tall = [(0.0, "0"), (7.0, "7"), (14.0, "14")];
    let mut upper = panel("$u$")
        .y_range(0.0, 16.0)
        .y_ticks(&tall)
        .stems(Role::Input, "", &heard)
        .points(Role::Ink.opacity(0.5), "", &noise);
    for k in length..tokens.len() {
        upper = upper.note(Role::Ink, (at(k), 2.0), Anchor::Middle, "?");
    }
    let middle = panel("$t$")
        .y_range(0.0, last)
        .line(Role::Step, "Δ by the token", &time(&selective))
        .label_at(0.62, Side::Above)
        .reference("Δ = 1", &time(&even))
        .label_at(0.5, Side::Above);
    let lower = panel("$y$")
        .y_range(0.0, 16.0)
        .y_ticks(&tall)
        .stems(Role::Output, "", &said(&selective))
        .points(Role::Ink, "", &said(&even));
    let mut canvas = Canvas::new(
        640.0,
        500.0,
        "A memory whose clock stands still for noise says the tokens in order when it is asked; by an even clock the \
         same memory says something else",
    );
    upper.draw(&mut canvas, Frame { left: 0.0, top: 0.0, width: 640.0, height: 150.0 });
    middle.draw(&mut canvas, Frame { left: 0.0, top: 155.0, width: 640.0, height: 165.0 });
    lower.draw(&mut canvas, Frame { left: 0.0, top: 325.0, width: 640.0, height: 175.0 });
    Ok(canvas.finish())
}

/// A recorded run: its log, and what it printed.
struct Recorded {
    log: &'static str,
    printed: &'static str,
}

/// The files of a run in the chapter's `recorded`.
macro_rules! recorded {
    ($name:literal) => {
        Recorded {
            log: include_str!(concat!("../../../../chapters/6-mamba/recorded/", $name, ".csv")),
            printed: include_str!(concat!("../../../../chapters/6-mamba/recorded/", $name, ".txt")),
        }
    };
}

const COPYING: &[Recorded] =
    &[recorded!("selective-copy-selective"), recorded!("selective-copy-s4d")];
const INDUCTION: &[Recorded] = &[recorded!("induction-selective"), recorded!("induction-s4d")];

impl Recorded {
    /// Steps, and the percentage of answers held out that was right after them.
    fn while_it_learned(&self) -> Vec<(f64, f64)> {
        let point = |line: &str| {
            let mut columns = line.split(',');
            let step = columns.next()?.parse().ok()?;
            let wrong: f64 = columns.nth(1)?.parse().ok()?;
            Some((step, 100.0 - wrong))
        };
        self.log.lines().filter_map(point).collect()
    }

    /// Lengths, and the percentage of answers that is right there.
    fn at_lengths(&self) -> Vec<(f64, f64)> {
        let point = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [length, _, _, right, "%"] => Some((length.parse().ok()?, right.parse().ok()?)),
            _ => None,
        };
        self.printed.lines().filter_map(point).collect()
    }

    /// The longest sequences that it has practised.
    fn practised(&self) -> f64 {
        let line = self.printed.lines().find(|line| line.starts_with("steps"));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(f64::NAN)
    }
}

/// What the figure `learned-to-select` shows: two puzzles, two readers, as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedToSelect {
    /// The lowest percentage that is drawn.
    pub from: f64,
}

impl Default for LearnedToSelect {
    fn default() -> Self {
        Self { from: 0.0 }
    }
}

/// Above, selective copying while it is learned; below, induction at other lengths than those that were practised.
pub fn draw_learned_to_select(parameters: &LearnedToSelect) -> String {
    let panel = |title: &str| {
        let ticks = [(0.0, "0"), (50.0, "50"), (100.0, "100 %")];
        Plot::new("").title(title).y_range(parameters.from, 104.0).y_ticks(&ticks)
    };
    // The first is selective.
    let pens = [(Role::Output, "selective"), (Role::Ink, "S4D")];
    let of = |plot: Plot, runs: &[Recorded], points: fn(&Recorded) -> Vec<(f64, f64)>| {
        let named = runs.iter().zip(pens);
        named.fold(plot, |plot, (run, (role, name))| plot.line(role, name, &points(run)))
    };
    let upper =
        of(panel("selective copying"), COPYING, Recorded::while_it_learned).x_label("steps");
    let practised = INDUCTION[0].practised();
    let lower = of(panel("induction"), INDUCTION, Recorded::at_lengths)
        .reference("", &[(practised, 0.0), (practised, 100.0)])
        .log_x()
        .x_ticks(
            &[64, 256, 1024, 4096, 16_384].map(|length| (f64::from(length), length.to_string())),
        )
        .x_label("length");
    let mut canvas = Canvas::new(
        640.0,
        480.0,
        "The selective model learns both puzzles and keeps induction at lengths that it has never practised; the time-invariant one \
         of the same size learns two fifths of copying, and induction where it practised and nowhere else",
    );
    upper.draw(&mut canvas, Frame { left: 0.0, top: 0.0, width: 640.0, height: 235.0 });
    lower.draw(&mut canvas, Frame { left: 0.0, top: 240.0, width: 640.0, height: 240.0 });
    canvas.finish()
}
