//! Exercise `one_step` of the page `evolution`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/one_step.rs"]
mod blank;
#[path = "../../solutions/one_step.rs"]
mod solution;

type Answer = fn([f64; 4], f64, [f64; 2]) -> (f64, f64);

pub fn exercise() -> Exercise {
    Exercise::new("one_step", Level::WarmUp, "three lines", 5)
        .page("7-state-space-duality/evolution")
        .hints([
            "Which input has the state seen when it is read?",
            "Which of the five numbers would be 0 for every model before Mamba-3, by our convention of held inputs?",
        ])
        .notice(
            "What to notice: nine papers are in these three lines. What they disagree about is where a, b, b' and c come from.",
        )
        .sources(
            include_str!("../../exercises/one_step.rs"),
            include_str!("../../solutions/one_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::one_step,
            solution::one_step,
            vec![reads_before_it_hears, forgets_the_input_before, swaps_the_inputs],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (weights, before, inputs, x, y) in [
        ([0.5, 1.0, 0.0, 2.0], 4.0, [1.0, 0.0], 3.0, 6.0),
        ([0.5, 1.0, 0.25, 2.0], 4.0, [1.0, 8.0], 5.0, 10.0),
        ([0.0, 3.0, -1.0, -1.0], 7.0, [0.0, 2.0], -2.0, 2.0),
    ] {
        let at = format!("at a, b, b', c = {weights:?}, x = {before}, inputs {inputs:?}");
        let found = answer(weights, before, inputs);
        expect_close(&at, "the state", x, found.0, 1e-12)?;
        expect_close(&at, "the output", y, found.1, 1e-12)?;
    }
    Ok(())
}

fn reads_before_it_hears([a, b, p, c]: [f64; 4], x: f64, [u, v]: [f64; 2]) -> (f64, f64) {
    (a * x + b * u + p * v, c * x)
}

fn forgets_the_input_before([a, b, _, c]: [f64; 4], x: f64, [u, _]: [f64; 2]) -> (f64, f64) {
    let x = a * x + b * u;
    (x, c * x)
}

fn swaps_the_inputs([a, b, p, c]: [f64; 4], x: f64, [u, v]: [f64; 2]) -> (f64, f64) {
    let x = a * x + b * v + p * u;
    (x, c * x)
}
