//! The figure of the page `compare`.

use std::error::Error;

use classical_ssm::state_space::StateSpace;
use discretization::accuracy_and_stability::{Discretization, Signal, stiff_pair};
use discretization::compare::{Request, Verdict, compare};
use nalgebra::DMatrix;
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "digits-of-eight-rules",
    page: "3-discretization/compare",
    draw: || draw_digits(&Digits::default()).unwrap_or_default(),
}];

/// What the figure `digits-of-eight-rules` shows: two tanks, rates 1 and 1000, both read.
#[derive(Debug, Clone, PartialEq)]
pub struct Digits {
    /// The steps, the longest first.
    pub deltas: Vec<f64>,
    /// In s.
    pub duration: f64,
}

impl Default for Digits {
    fn default() -> Self {
        Self { deltas: vec![0.5, 0.1, 0.02, 0.004, 0.001, 0.0002], duration: 4.0 }
    }
}

/// A dot for each rule and step, the larger the more digits are right; a cross where a mode grows.
///
/// # Errors
/// Where the comparison fails.
pub fn draw_digits(parameters: &Digits) -> Result<String, Box<dyn Error>> {
    let pair = stiff_pair()?;
    let (a, b) = (pair.a().clone(), pair.b().clone());
    let both = StateSpace::continuous(a, b, DMatrix::identity(2, 2), DMatrix::zeros(2, 1))?;
    let request = Request {
        rules: Discretization::ALL.to_vec(),
        deltas: parameters.deltas.clone(),
        signal: Signal::Sine(1.0),
        duration: parameters.duration,
        tolerance: 0.01,
    };
    let report = compare(&both, &request)?;

    let mut canvas = Canvas::new(
        640.0,
        372.0,
        "Read on two tanks, one a thousand times as fast: explicit Euler grows until its step is 0.001, rules that \
         take Δ B for the input have no digit until then, and the others need only resolve the slow one",
    );
    let names = [
        "$1 + z$",
        "$1/(1 − z)$",
        "$(2 + z)/(2 − z)$",
        "α = ¾",
        "$e^z, φ_1$",
        "$e^z, φ_2$",
        "$e^z, 1$",
        "$e^z, ½$",
    ];
    let column = |index: usize| 205.0 + 78.0 * index as f64;
    let row = |index: usize| 26.0 + 40.0 * index as f64;
    for (index, (rule, name)) in report.rules.iter().zip(names).enumerate() {
        let y = row(index);
        canvas.text(Role::Ink, (150.0, y + 5.0), Anchor::End, name);
        for (step, x) in rule.steps.iter().zip((0..).map(column)) {
            let error = step.error.unwrap_or(f64::INFINITY);
            if step.verdict == Verdict::Grows {
                let pen = Role::Step.wide(2.2);
                canvas.line(pen, (x - 6.0, y - 6.0), (x + 6.0, y + 6.0));
                canvas.line(pen, (x - 6.0, y + 6.0), (x + 6.0, y - 6.0));
            } else if error < 1.0 {
                let digits = -error.log10();
                canvas.dot(Role::Output, (x, y), 2.0 + 2.1 * digits);
            } else {
                canvas.circle(Role::Output.hollow(), (x, y), 2.6);
            }
        }
    }
    for (index, delta) in parameters.deltas.iter().enumerate() {
        canvas.text(
            Role::Ink.size(15.0),
            (column(index), 362.0),
            Anchor::Middle,
            &delta.to_string(),
        );
    }
    canvas.text(Role::Step, (150.0, 362.0), Anchor::End, "Δ");
    Ok(canvas.finish())
}
