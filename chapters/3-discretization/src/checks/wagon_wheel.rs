//! Exercise `wagon_wheel`, of the page `sampling`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/wagon_wheel.rs"]
mod blank;
#[path = "../../solutions/wagon_wheel.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("wagon_wheel", Level::WarmUp, "three lines", 10)
        .page("3-discretization/sampling")
        .hints([
            "After which part of a turn does a wheel with n spokes look as it did before?",
            "How many such parts does it turn between two pictures, and which whole number of them can be taken off?",
        ])
        .notice(
            "What to notice: with n spokes the wheel is a wave n times as fast, so the film shows it truly only below frames / (2 n) turns a second. A network that reads a signal in steps has the same blind spot.",
        )
        .sources(
            include_str!("../../exercises/wagon_wheel.rs"),
            include_str!("../../solutions/wagon_wheel.rs"),
        )
        .answers::<Answer>(
            check,
            blank::wagon_wheel,
            solution::wagon_wheel,
            vec![ignores_the_spokes, never_runs_backwards, counts_spokes_as_turns],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (turns, spokes, frames, expected) in [
        (1.0, 1.0, 24.0, 1.0),
        (23.0, 1.0, 24.0, -1.0),
        (24.0, 1.0, 24.0, 0.0),
        (49.0, 1.0, 24.0, 1.0),
        (1.0, 12.0, 24.0 / 0.9, 1.0),
        (2.0, 12.0, 24.0, 0.0),
        (1.75, 12.0, 24.0, -0.25),
        (-1.75, 12.0, 24.0, 0.25),
        (5.1, 8.0, 25.0, -1.15),
    ] {
        let at = format!("at {turns} turns a second, {spokes} spokes, {frames} frames a second");
        expect_close(at, "the apparent speed", expected, answer(turns, spokes, frames), 1e-12)?;
    }
    Ok(())
}

fn ignores_the_spokes(turns: f64, _spokes: f64, frames: f64) -> f64 {
    (turns / frames - (turns / frames).round()) * frames
}

fn never_runs_backwards(turns: f64, spokes: f64, frames: f64) -> f64 {
    (turns * spokes / frames).rem_euclid(1.0) * frames / spokes
}

fn counts_spokes_as_turns(turns: f64, spokes: f64, frames: f64) -> f64 {
    let spokes_a_frame = turns * spokes / frames;
    (spokes_a_frame - spokes_a_frame.round()) * frames
}
