//! Exercise `segment_sum` of the page `ssd`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/segment_sum.rs"]
mod blank;
#[path = "../../solutions/segment_sum.rs"]
mod solution;

type Answer = fn(&[f64], usize, usize) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("segment_sum", Level::WarmUp, "four lines", 5)
        .page("7-state-space-duality/ssd")
        .hints([
            "Does what came in at step j fade at step j, too?",
            "Which of the numbers in `log_decays` may take part in the answer, and how could another one get into its last digits?",
        ])
        .notice(
            "What to notice: the sum forgets what is not its own business, and so it survives what every running total dies of. It costs \
             more: a sum for each pair of steps, where the difference of two totals would need a total for each step.",
        )
        .sources(
            include_str!("../../exercises/segment_sum.rs"),
            include_str!("../../solutions/segment_sum.rs"),
        )
        .answers::<Answer>(
            check,
            blank::segment_sum,
            solution::segment_sum,
            vec![by_difference, fades_at_once, hears_the_future],
        )
}

/// Sums of halves are exact, in any order.
const LOG_DECAYS: [f64; 8] = [-0.5, -1e20, -0.25, -1.5, -0.125, f64::NEG_INFINITY, -0.375, -2.0];

fn check(answer: Answer) -> Result<(), Mismatch> {
    let no = f64::NEG_INFINITY;
    let cases = [
        ((0, 0), 0.0),
        ((1, 0), -1e20),
        ((1, 1), 0.0),
        ((0, 3), no),
        ((4, 2), -1.625),
        ((5, 4), no),
        ((7, 5), -2.375),
        ((7, 7), 0.0),
    ];
    for ((i, j), expected) in cases {
        let at = format!("of ℓ = {LOG_DECAYS:?}, at i = {i} and j = {j}");
        expect_equal(at, "the sum", expected, answer(&LOG_DECAYS, i, j))?;
    }
    Ok(())
}

/// The difference of two running totals.
fn by_difference(log_decays: &[f64], i: usize, j: usize) -> f64 {
    if i < j {
        return f64::NEG_INFINITY;
    }
    let total = |k: usize| log_decays[..=k].iter().sum::<f64>();
    total(i) - total(j)
}

/// What comes in fades in the step in which it comes.
fn fades_at_once(log_decays: &[f64], i: usize, j: usize) -> f64 {
    if i < j { f64::NEG_INFINITY } else { log_decays[j..=i].iter().sum() }
}

/// Nothing is lost backwards, as if a mask were symmetric.
fn hears_the_future(log_decays: &[f64], i: usize, j: usize) -> f64 {
    solution::segment_sum(log_decays, i.max(j), i.min(j))
}
