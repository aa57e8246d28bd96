//! Exercise `next_of_a_sine`, of the page `sequence_prediction`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/next_of_a_sine.rs"]
mod blank;
#[path = "../../solutions/next_of_a_sine.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("next_of_a_sine", Level::WarmUp, "one line", 5)
        .page("4-ml-links/sequence-prediction")
        .hints([
            "What is sin(θ + ω) + sin(θ - ω)?",
            "Which of the three values is unknown, and does the sum need θ or the amplitude?",
        ])
        .notice(
            "What to notice: two remembered numbers and one weight are a whole sine, of any amplitude and phase. Its poles \
             lie on the unit circle: a machine that runs alone for ever may not lose anything.",
        )
        .sources(
            include_str!("../../exercises/next_of_a_sine.rs"),
            include_str!("../../solutions/next_of_a_sine.rs"),
        )
        .answers::<Answer>(
            check,
            blank::next_of_a_sine,
            solution::next_of_a_sine,
            vec![goes_straight_on, fades, swaps_them],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (amplitude, phase, omega) in [(1.0, 0.0, 0.5), (3.0, 1.2, 0.1), (0.2, 4.0, 2.9)] {
        let at = |k: f64| amplitude * f64::sin(omega * k + phase);
        for k in [1.0, 2.0, 17.0] {
            let where_ = format!("for {amplitude} sin({omega} k + {phase}) at k = {k}");
            let found = answer(at(k), at(k - 1.0), omega);
            expect_close(where_, "the next value", at(k + 1.0), found, 1e-12)?;
        }
    }
    Ok(())
}

fn goes_straight_on(last: f64, before: f64, _omega: f64) -> f64 {
    2.0 * last - before
}

fn fades(last: f64, before: f64, omega: f64) -> f64 {
    2.0 * omega.cos() * last - 0.99 * before
}

fn swaps_them(last: f64, before: f64, omega: f64) -> f64 {
    solution::next_of_a_sine(before, last, omega)
}
