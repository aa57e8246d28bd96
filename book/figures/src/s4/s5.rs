//! Figures of the page `s5`.

use std::error::Error;

use s4::s5::{hear, sample_irregularly, two_waves};
use workbench::plot::{Frame, Plot};
use workbench::svg::{Canvas, Role};

use crate::Figure;

const PAGE: &str = "5-s4/s5";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "by-the-clock",
    page: PAGE,
    draw: || draw_by_the_clock(&ByTheClock::default()).unwrap_or_default(),
}];

/// What the figure `by-the-clock` shows: a signal at odd times, read back one unit later.
#[derive(Debug, Clone, PartialEq)]
pub struct ByTheClock {
    /// The shortest and the longest gap between two samples.
    pub gaps: (f64, f64),
    /// Which gaps.
    pub seed: u64,
}

impl Default for ByTheClock {
    fn default() -> Self {
        Self { gaps: (0.005, 0.2), seed: 1 }
    }
}

/// Above, the samples; in the middle, what a memory with a clock reads back; below, the same memory counting steps.
///
/// # Errors
/// Those of [`hear`].
pub fn draw_by_the_clock(parameters: &ByTheClock) -> Result<String, Box<dyn Error>> {
    const FROM: f64 = 4.0;
    const TO: f64 = 10.0;
    let ByTheClock { gaps, seed } = *parameters;
    let heard = hear(two_waves, gaps, 12.0, seed)?;
    let sampled = sample_irregularly(two_waves, 12.0, gaps, seed)?;
    let middle = heard.times.iter().zip(&sampled.gaps).map(|(end, gap)| end - 0.5 * gap);
    let samples: Vec<(f64, f64)> = middle.zip(sampled.samples.iter().copied()).collect();
    let within = |points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        points.into_iter().filter(|(t, _)| (FROM..=TO).contains(t)).collect()
    };
    let panel = |title: &str| {
        Plot::new("").title(title).x_range(FROM, TO).y_range(-2.1, 2.1).y_ticks(&[
            (-1.0, "-1"),
            (0.0, "0"),
            (1.0, "1"),
        ])
    };
    let at =
        |values: &[f64]| within(heard.times.iter().copied().zip(values.iter().copied()).collect());
    let truth: Vec<(f64, f64)> = (0..=300)
        .map(|i| FROM + (TO - FROM) * f64::from(i) / 300.0)
        .map(|t| (t, two_waves(t - 1.0)))
        .collect();
    let read = |title: &str, said: &[f64]| {
        panel(title).line(Role::Output, "", &at(said)).reference("", &truth)
    };
    let mut canvas = Canvas::new(
        640.0,
        520.0,
        "Samples at odd times; a memory with a clock reads the signal back a unit later, the same memory counting steps does not",
    );
    let upper = panel("$u$").stems(Role::Input, "", &within(samples));
    let with = read("$y$ by the clock", &heard.by_clock);
    let without = read("$y$ by counting steps", &heard.by_steps).x_label("$t$");
    upper.draw(&mut canvas, Frame { left: 0.0, top: 0.0, width: 640.0, height: 165.0 });
    with.draw(&mut canvas, Frame { left: 0.0, top: 170.0, width: 640.0, height: 165.0 });
    without.draw(&mut canvas, Frame { left: 0.0, top: 340.0, width: 640.0, height: 180.0 });
    Ok(canvas.finish())
}
