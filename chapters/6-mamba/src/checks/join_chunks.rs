//! Exercise `join_chunks` of the page `gpu_scan`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/join_chunks.rs"]
mod blank;
#[path = "../../solutions/join_chunks.rs"]
mod solution;

type Answer = fn(f64, (f64, f64), (f64, f64)) -> (f64, f64);

pub fn exercise() -> Exercise {
    Exercise::new("join_chunks", Level::Core, "three lines", 10)
        .page("6-mamba/gpu-scan")
        .hints([
            "How long do both together take?",
            "The first ends somewhere, and then the second begins there, not at rest. What does it leave of that?",
        ])
        .notice(
            "What to notice: chunks compose as steps do, so a chunk may be cut again, and joined in any tree. That the decay of a \
             chunk is known from one sum, for all states of a channel, is the gift of a diagonal A.",
        )
        .sources(
            include_str!("../../exercises/join_chunks.rs"),
            include_str!("../../solutions/join_chunks.rs"),
        )
        .answers::<Answer>(
            check,
            blank::join_chunks,
            solution::join_chunks,
            vec![decays_by_both, decays_by_the_first, forgets_the_second, multiplies_sums],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases = [
        (-1.0, (2_f64.ln(), 4.0), (4_f64.ln(), 1.0), 8_f64.ln(), 2.0),
        (0.0, (0.5, 3.0), (0.25, 2.0), 0.75, 5.0),
        (-2.0, (1.0, -1.0), (0.0, 0.0), 1.0, -1.0),
        (0.5, (1.0, 2.0), (2.0, -1.0), 3.0, 2.0 * 1_f64.exp() - 1.0),
    ];
    for (a, first, second, sum, end) in cases {
        let found = answer(a, first, second);
        let at = format!("at a = {a}, {first:?} and then {second:?}");
        expect_close(&at, "the sum of the steps", sum, found.0, 1e-12)?;
        expect_close(&at, "the end", end, found.1, 1e-12)?;
    }
    Ok(())
}

fn decays_by_both(a: f64, first: (f64, f64), second: (f64, f64)) -> (f64, f64) {
    let sum = first.0 + second.0;
    (sum, (a * sum).exp() * first.1 + second.1)
}

fn decays_by_the_first(a: f64, first: (f64, f64), second: (f64, f64)) -> (f64, f64) {
    (first.0 + second.0, (a * first.0).exp() * first.1 + second.1)
}

fn forgets_the_second(a: f64, first: (f64, f64), second: (f64, f64)) -> (f64, f64) {
    (first.0 + second.0, (a * second.0).exp() * first.1)
}

fn multiplies_sums(a: f64, first: (f64, f64), second: (f64, f64)) -> (f64, f64) {
    (first.0 * second.0, (a * second.0).exp() * first.1 + second.1)
}
