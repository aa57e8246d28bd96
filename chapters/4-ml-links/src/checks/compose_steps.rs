//! Exercise `compose_steps` of the page `scans`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/compose_steps.rs"]
mod blank;
#[path = "../../solutions/compose_steps.rs"]
mod solution;

type Step = (f64, f64);
type Answer = fn(Step, Step) -> Step;

pub fn exercise() -> Exercise {
    Exercise::new("compose_steps", Level::WarmUp, "one line", 5)
        .page("4-ml-links/scans")
        .hints([
            "After the first step, x is a₁ x + b₁. What does the second make of all of that?",
            "Which of the two inputs is scaled by the other step?",
        ])
        .notice(
            "What to notice: two numbers describe a step, two steps, and a million steps. That is why they can be shared out.",
        )
        .sources(
            include_str!("../../exercises/compose_steps.rs"),
            include_str!("../../solutions/compose_steps.rs"),
        )
        .answers::<Answer>(
            check,
            blank::compose_steps,
            solution::compose_steps,
            vec![the_other_way_round, adds_the_inputs],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (scale, shift) = answer((0.5, 0.0), (1.0, 1.0));
    let at = "halve, then add 1";
    expect_close(at, "a", 0.5, scale, 1e-15)?;
    expect_close(at, "b", 1.0, shift, 1e-15)?;
    let (scale, shift) = answer((1.0, 1.0), (0.5, 0.0));
    let at = "add 1, then halve";
    expect_close(at, "a", 0.5, scale, 1e-15)?;
    expect_close(at, "b", 0.5, shift, 1e-15)?;
    let (scale, shift) = answer((2.0, 3.0), (0.0, -1.0));
    let at = "2x + 3, then forget it and be -1";
    expect_close(at, "a", 0.0, scale, 1e-15)?;
    expect_close(at, "b", -1.0, shift, 1e-15)
}

fn the_other_way_round(first: Step, second: Step) -> Step {
    solution::compose_steps(second, first)
}

fn adds_the_inputs(first: Step, second: Step) -> Step {
    (first.0 * second.0, first.1 + second.1)
}
