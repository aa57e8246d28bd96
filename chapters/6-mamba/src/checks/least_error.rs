//! Exercise `least_error` of the page `selection`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/least_error.rs"]
mod blank;
#[path = "../../solutions/least_error.rs"]
mod solution;

type Answer = fn([[f64; 2]; 2]) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("least_error", Level::Stretch, "two lines", 15)
        .page("6-mamba/selection")
        .hints([
            "Of a table r_i + c_j: what is the first row less the second, in each column?",
            "If that difference of differences should be 0 and is E, and each of four cells may be off by e: how small can e be?",
        ])
        .notice(
            "What to notice: for the four sequences of the page, in which the wanted first token is 0, 0, 1 and 0, every layer that \
             adds up its steps is off by at least a quarter somewhere. It does not help to let it have more states.",
        )
        .sources(
            include_str!("../../exercises/least_error.rs"),
            include_str!("../../solutions/least_error.rs"),
        )
        .answers::<Answer>(
            check,
            blank::least_error,
            solution::least_error,
            vec![does_not_share, adds_instead, shares_between_two],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases = [
        ("for a sum", [[1.0, 3.0], [-2.0, 0.0]], 0.0),
        ("for the first token of AA, BA, with and without a pause", [[0.0, 0.0], [1.0, 0.0]], 0.25),
        ("for one cell of its own", [[0.0, 4.0], [0.0, 0.0]], 1.0),
        ("for equal or not", [[1.0, -1.0], [-1.0, 1.0]], 1.0),
    ];
    for (at, wanted, error) in cases {
        expect_close(at, "the least error", error, answer(wanted), 1e-15)?;
    }
    Ok(())
}

fn does_not_share([[a, b], [c, d]]: [[f64; 2]; 2]) -> f64 {
    ((a - b) - (c - d)).abs()
}

fn adds_instead([[a, b], [c, d]]: [[f64; 2]; 2]) -> f64 {
    (a + b + c + d).abs() / 4.0
}

fn shares_between_two([[a, b], [c, d]]: [[f64; 2]; 2]) -> f64 {
    ((a - b) - (c - d)).abs() / 2.0
}
