//! Exercise `fastest_wave` of the page `diagonal`.

use std::f64::consts::PI;

use s4::diagonal::legs_waves;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/fastest_wave.rs"]
mod blank;
#[path = "../../solutions/fastest_wave.rs"]
mod solution;

type Answer = fn(usize) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("fastest_wave", Level::Core, "eight lines", 15)
        .page("5-s4/diagonal")
        .hints([
            "Which way does the sum go when ω grows? What is it at 0, and far out?",
            "arctan(x) < x: beyond which ω is the sum smaller than π/2 for certain?",
        ])
        .notice(
            "What to notice: an eigenvalue of a full matrix of N² numbers, without the matrix. Where you began to search is, but for \
             a constant of π/6, where you ended: N²/π.",
        )
        .sources(
            include_str!("../../exercises/fastest_wave.rs"),
            include_str!("../../solutions/fastest_wave.rs"),
        )
        .answers::<Answer>(
            check,
            blank::fastest_wave,
            solution::fastest_wave,
            vec![where_to_begin, counts_from_one, stops_early],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // Two states: S turns by half of √3.
    expect_close("for N = 2", "ω", 0.75_f64.sqrt(), answer(2), 1e-14)?;
    for d_state in [3, 8, 64] {
        let expected = legs_waves(d_state)[d_state / 2 - 1];
        expect_close(format!("for N = {d_state}"), "ω", expected, answer(d_state), 1e-12)?;
    }
    Ok(())
}

fn where_to_begin(d_state: usize) -> f64 {
    (d_state * d_state) as f64 / PI
}

fn counts_from_one(d_state: usize) -> f64 {
    // k + ½ for k = 1, …, N: the largest two rates in place of the smallest.
    let turned =
        |omega: f64| -> f64 { (1..=d_state).map(|k| ((k as f64 + 0.5) / omega).atan()).sum() };
    let (mut slow, mut fast) = (0.0, (d_state * (d_state + 2)) as f64);
    for _ in 0..64 {
        let middle = 0.5 * (slow + fast);
        if turned(middle) > 0.5 * PI { slow = middle } else { fast = middle }
    }
    fast
}

fn stops_early(d_state: usize) -> f64 {
    (solution::fastest_wave(d_state) * 1e6).round() / 1e6
}
