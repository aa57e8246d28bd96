//! The figures of the page `mnist`.

use s4::digits::PIXELS;
use s4::pictures::{Row, draw_image};
use s4::strokes::Hand;
use workbench::plot::{Plot, panels};
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

const PAGE: &str = "5-s4/mnist";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure { name: "digits-as-melodies", page: PAGE, draw: || draw_melodies(&Melodies::default()) },
    Figure { name: "learning-digits", page: PAGE, draw: || draw_learning(&Learning::default()) },
    Figure { name: "completed-digits", page: PAGE, draw: || COMPLETED.to_owned() },
];

const CLASSIFY: &str = include_str!("../../../../chapters/5-s4/recorded/mnist-classify.csv");
const MODEL: &str = include_str!("../../../../chapters/5-s4/recorded/mnist-model.csv");
/// As `sample` drew it.
const COMPLETED: &str = include_str!("../../../../chapters/5-s4/recorded/mnist-sample.svg");

/// What the figure `digits-as-melodies` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Melodies {
    /// Which digits.
    pub digits: Vec<u8>,
}

impl Default for Melodies {
    fn default() -> Self {
        Self { digits: vec![0, 1, 7] }
    }
}

/// The pixels of digits as stems along one axis, each digit at the end of its line.
pub fn draw_melodies(parameters: &Melodies) -> String {
    let (band, high, wide) = (92.0, 66.0, 500.0);
    let lines = parameters.digits.len() as f64;
    let mut canvas = Canvas::new(
        640.0,
        band * lines + 34.0,
        "Digits read row by row are melodies: a one has one note in every row, a zero two, a seven begins with a long one",
    );
    let x = |k: f64| 24.0 + wide * k / PIXELS as f64;
    for (&digit, line) in parameters.digits.iter().zip(0..) {
        let image = Hand::default().write(digit.min(9));
        let base = band * (f64::from(line) + 1.0) - 8.0;
        canvas.line(Role::Ink.wide(1.0), (x(0.0), base), (x(PIXELS as f64), base));
        // One path for all stems: there are many, and they are thin.
        let stems: String = image
            .iter()
            .zip(0_u32..)
            .filter(|(pixel, _)| **pixel > 0)
            .map(|(&pixel, k)| {
                let top = base - high * f64::from(pixel) / 255.0;
                format!("M{:.1} {base}V{top:.0}", x(f64::from(k) + 0.5))
            })
            .collect();
        canvas.path(Role::Input.wide(0.9), &stems);
        let row = Row::begun("", vec![&image], PIXELS);
        draw_image(&mut canvas, &row, 0, (548.0, base - 78.0), 3.0);
    }
    let base = band * lines - 8.0;
    for k in [0, 196, 392, 588, 784] {
        let at = x(f64::from(k));
        canvas.line(Role::Ink.wide(1.0), (at, base), (at, base + 5.0));
        canvas.text(Role::Ink.size(15.0), (at, base + 22.0), Anchor::Middle, &k.to_string());
    }
    canvas.text(Role::Ink, (x(440.0), base + 34.0), Anchor::Middle, "k");
    canvas.finish()
}

/// What the figure `learning-digits` shows: the recorded runs, from these thousands of steps on.
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

/// The evaluations of a recorded run: steps, and what was found.
fn evaluations(log: &str, from: f64) -> Vec<(f64, f64)> {
    let line = |line: &str| {
        let mut columns = line.split(',').map(|number| number.parse::<f64>().ok());
        let step = columns.next()??;
        // step, loss, validation
        columns.nth(1)?.map(|found| (step, found))
    };
    log.lines().skip(1).filter_map(line).filter(|(step, _)| *step >= from).collect()
}

/// Two runs: the share of wrong answers, and nats per pixel beside those of a table.
pub fn draw_learning(parameters: &Learning) -> String {
    let plot = |label: &str, title: &str, log: &str| {
        let points = evaluations(log, parameters.from);
        Plot::new(label).title(title).x_label("steps").line(Role::Output, "", &points)
    };
    let wrong =
        plot("Wrong answers become rarer while the classifier learns", "% wrong", CLASSIFY).log_y();
    let nats = plot(
        "The model's nats per pixel fall below those of the best table",
        "nats per pixel",
        MODEL,
    );
    panels(&[wrong, nats])
}
