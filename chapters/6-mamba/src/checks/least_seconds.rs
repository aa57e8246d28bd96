//! Exercise `least_seconds` of the page `hardware`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/least_seconds.rs"]
mod blank;
#[path = "../../solutions/least_seconds.rs"]
mod solution;

type Answer = fn(f64, f64, f64, f64) -> (f64, bool);

pub fn exercise() -> Exercise {
    Exercise::new("least_seconds", Level::WarmUp, "three lines", 5)
        .page("6-mamba/hardware")
        .hints([
            "How long would it take if one of both were for nothing?",
            "Both at once: who is done last?",
        ])
        .notice(
            "What to notice: below the ridge faster arithmetic changes nothing, and above it faster memory does not.",
        )
        .sources(
            include_str!("../../exercises/least_seconds.rs"),
            include_str!("../../solutions/least_seconds.rs"),
        )
        .answers::<Answer>(
            check,
            blank::least_seconds,
            solution::least_seconds,
            vec![one_after_the_other, takes_the_faster, swaps_the_reasons],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases = [
        (6e9, 3e9, 1e9, 1e9, 2.0, true),
        (1e9, 1e10, 4e12, 1e12, 4.0, false),
        (8.0, 4.0, 0.0, 1.0, 2.0, true),
    ];
    for (bytes, bandwidth, operations, peak, seconds, memory) in cases {
        let found = answer(bytes, bandwidth, operations, peak);
        let at = format!(
            "at {bytes:e} bytes, {bandwidth:e} a second, {operations:e} operations, {peak:e} a second"
        );
        expect_close(&at, "the seconds", seconds, found.0, 1e-12)?;
        expect_equal(&at, "whether the memory takes them", memory, found.1)?;
    }
    Ok(())
}

fn one_after_the_other(bytes: f64, bandwidth: f64, operations: f64, peak: f64) -> (f64, bool) {
    let (moving, doing) = (bytes / bandwidth, operations / peak);
    (moving + doing, moving >= doing)
}

fn takes_the_faster(bytes: f64, bandwidth: f64, operations: f64, peak: f64) -> (f64, bool) {
    let (moving, doing) = (bytes / bandwidth, operations / peak);
    (moving.min(doing), moving >= doing)
}

fn swaps_the_reasons(bytes: f64, bandwidth: f64, operations: f64, peak: f64) -> (f64, bool) {
    let (moving, doing) = (bytes / bandwidth, operations / peak);
    (moving.max(doing), moving < doing)
}
