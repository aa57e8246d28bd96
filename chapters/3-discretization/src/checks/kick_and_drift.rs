//! Exercise `kick_and_drift`, of the page `euler`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/kick_and_drift.rs"]
mod blank;
#[path = "../../solutions/kick_and_drift.rs"]
mod solution;

type Answer = fn((f64, f64), f64) -> (f64, f64);

pub fn exercise() -> Exercise {
    Exercise::new("kick_and_drift", Level::Stretch, "three lines", 15)
        .page("3-discretization/euler")
        .hints([
            "Forward Euler uses old values in both lines, backward Euler new ones: which does each line use here?",
            "In Rust a second `let v` hides the first: which v does the next line see?",
        ])
        .notice(
            "What to notice: the matrix [1 - Δ², Δ; -Δ, 1] has determinant 1, so that its two eigenvalues are on the unit circle as long as Δ < 2. One line of code moved, and the spring rings for ever. It is called symplectic Euler.",
        )
        .sources(
            include_str!("../../exercises/kick_and_drift.rs"),
            include_str!("../../solutions/kick_and_drift.rs"),
        )
        .answers::<Answer>(
            check,
            blank::kick_and_drift,
            solution::kick_and_drift,
            vec![forward, drifts_first, backward],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (q, v) = answer((1.0, 0.0), 0.5);
    expect_close("at (q, v) = (1, 0), Δ = 0.5", "(q, v)", [0.75, -0.5], [q, v], 1e-12)?;
    let (q, v) = answer((0.0, 1.0), 0.5);
    expect_close("at (q, v) = (0, 1), Δ = 0.5", "(q, v)", [0.5, 1.0], [q, v], 1e-12)?;
    // What it keeps exactly is q² + v² - Δ q v, which stays near the energy.
    let kept = |(q, v): (f64, f64)| q * q + v * v - 0.1 * q * v;
    let mut state = (1.0, 0.3);
    let before = kept(state);
    for _ in 0..10_000 {
        state = answer(state, 0.1);
    }
    expect_close("after 10,000 steps of 0.1", "q² + v² - Δ q v", before, kept(state), 1e-9)
}

fn forward((q, v): (f64, f64), delta: f64) -> (f64, f64) {
    (q + delta * v, v - delta * q)
}

fn drifts_first((q, v): (f64, f64), delta: f64) -> (f64, f64) {
    let q = q + delta * v;
    (q, v - delta * q)
}

fn backward((q, v): (f64, f64), delta: f64) -> (f64, f64) {
    let shrink = 1.0 + delta * delta;
    ((q + delta * v) / shrink, (v - delta * q) / shrink)
}
