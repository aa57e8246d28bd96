//! Exercise `first_answer_of_a_loop` of the page `state_space`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/first_answer_of_a_loop.rs"]
mod blank;
#[path = "../../solutions/first_answer_of_a_loop.rs"]
mod solution;

type Answer = fn([f64; 4], [f64; 4]) -> Option<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("first_answer_of_a_loop", Level::WarmUp, "five lines", 10)
        .page("2-classical-ssm/state-space")
        .hints([
            "From rest, what does a recurrence answer to its first input u_0, in terms of b, c and d?",
            "Two equations for y_0 and w_0: when does what they say of y_0 not determine it?",
        ])
        .notice(
            "What to notice: with d = 0 in both, the loop closes within the step all the same, through \
             c b. A flow with d = 0 has a state between its input and its output, and cannot lock up.",
        )
        .sources(
            include_str!("../../exercises/first_answer_of_a_loop.rs"),
            include_str!("../../solutions/first_answer_of_a_loop.rs"),
        )
        .answers::<Answer>(
            check,
            blank::first_answer_of_a_loop,
            solution::first_answer_of_a_loop,
            vec![looks_at_d_alone, adds_what_comes_back, never_gives_up],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let mean = [0.5, 0.5, 1.0, 0.0];
    for (system, back, expected) in [
        (mean, mean, Some(0.4)),
        (mean, [0.5, 2.0, 3.0, 1.0], Some(1.0 / 9.0)),
        ([0.1, 1.0, 1.0, 1.0], [0.3, 0.0, 1.0, 0.25], Some(4.0 / 3.0)),
        (mean, [0.5, 1.0, -2.0, 0.0], None),
        ([0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 1.0, -0.5], None),
    ] {
        let at = format!("at (a, b, c, d) = {system:?} and {back:?}");
        match (expected, answer(system, back)) {
            (Some(expected), Some(found)) => expect_close(&at, "y_0", expected, found, 1e-12)?,
            (expected, found) => expect_equal(&at, "y_0", expected, found)?,
        }
    }
    Ok(())
}

fn looks_at_d_alone([_, _, _, d1]: [f64; 4], [_, _, _, d2]: [f64; 4]) -> Option<f64> {
    if 1.0 + d1 * d2 == 0.0 { None } else { Some(d1 / (1.0 + d1 * d2)) }
}

fn adds_what_comes_back(system: [f64; 4], [a, b, c, d]: [f64; 4]) -> Option<f64> {
    solution::first_answer_of_a_loop(system, [a, b, -c, -d])
}

fn never_gives_up([_, b1, c1, d1]: [f64; 4], [_, b2, c2, d2]: [f64; 4]) -> Option<f64> {
    Some((c1 * b1 + d1) / (1.0 + (c1 * b1 + d1) * (c2 * b2 + d2)))
}
