//! Exercise `what_came_after` of the page `selection`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/what_came_after.rs"]
mod blank;
#[path = "../../solutions/what_came_after.rs"]
mod solution;

type Answer = fn(&[usize], usize) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("what_came_after", Level::Core, "eight lines", 10)
        .page("6-mamba/selection")
        .hints([
            "Which token decides whether the bucket opens: the one that goes in, or the one before it?",
            "What must a step hand on to the next besides x?",
        ])
        .notice(
            "What to notice: the gate looks at one token and lets another in. What carries the first to the second is the layer \
             before, and that is why there are two.",
        )
        .sources(
            include_str!("../../exercises/what_came_after.rs"),
            include_str!("../../solutions/what_came_after.rs"),
        )
        .answers::<Answer>(
            check,
            blank::what_came_after,
            solution::what_came_after,
            vec![keeps_the_question, keeps_everything, keeps_the_first_only],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases: [(&str, &[usize], &[f64]); 4] = [
        ("for no token", &[], &[]),
        ("for 3 7 7", &[3, 7, 7], &[0.0, 0.0, 0.0]),
        ("for 3 9 5 4 9, where 9 is special", &[3, 9, 5, 4, 9], &[0.0, 0.0, 5.0, 5.0, 5.0]),
        (
            "for 9 1 9 2 6 9 9 3, where 9 is special",
            &[9, 1, 9, 2, 6, 9, 9, 3],
            &[0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 9.0, 3.0],
        ),
    ];
    for (at, tokens, x) in cases {
        expect_close(at, "x", x.to_vec(), answer(tokens, 9), 1e-15)?;
    }
    Ok(())
}

/// The gate opens for the special token itself.
fn keeps_the_question(tokens: &[usize], special: usize) -> Vec<f64> {
    let keep = |x: &mut f64, &token: &usize| {
        if token == special {
            *x = token as f64;
        }
        Some(*x)
    };
    tokens.iter().scan(0.0, keep).collect()
}

fn keeps_everything(tokens: &[usize], _special: usize) -> Vec<f64> {
    tokens.iter().map(|&token| token as f64).collect()
}

/// Once full, it does not open again.
fn keeps_the_first_only(tokens: &[usize], special: usize) -> Vec<f64> {
    let x = solution::what_came_after(tokens, special);
    let first = x.iter().copied().find(|x| *x != 0.0).unwrap_or(0.0);
    x.into_iter().map(|x| if x == 0.0 { x } else { first }).collect()
}
