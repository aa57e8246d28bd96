//! Exercise `run_free`, of the page `sequence_prediction`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/run_free.rs"]
mod blank;
#[path = "../../solutions/run_free.rs"]
mod solution;

type Model<'a> = &'a dyn Fn(&[f64]) -> f64;
type Answer = fn(Model, &[f64], usize) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("run_free", Level::Core, "six lines", 10)
        .page("4-ml-links/sequence-prediction")
        .hints([
            "What has the model heard before its second guess?",
            "How often is the model asked for a guess, and is the first of them about the context or about what follows?",
        ])
        .notice(
            "What to notice: nothing tells the model which values are its own. It goes on as if it had heard them, and so do \
             its errors.",
        )
        .sources(
            include_str!("../../exercises/run_free.rs"),
            include_str!("../../solutions/run_free.rs"),
        )
        .answers::<Answer>(
            check,
            blank::run_free,
            solution::run_free,
            vec![repeats_its_first_guess, returns_the_context_too, forgets_the_context],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // The sum of the last two; three times the last; how many values there were.
    let fibonacci = |heard: &[f64]| heard.iter().rev().take(2).sum::<f64>();
    let triple = |heard: &[f64]| 3.0 * heard.last().copied().unwrap_or(1.0);
    let count = |heard: &[f64]| heard.len() as f64;
    let cases: [(&str, Model, &[f64], &[f64]); 4] = [
        ("the sum of the last two after 1, 2", &fibonacci, &[1.0, 2.0], &[3.0, 5.0, 8.0, 13.0]),
        ("three times the last after 1", &triple, &[1.0], &[3.0, 9.0, 27.0]),
        ("how many there were after 7, 7, 7", &count, &[7.0, 7.0, 7.0], &[3.0, 4.0, 5.0]),
        ("no step", &triple, &[1.0], &[]),
    ];
    for (at, model, context, expected) in cases {
        let found = answer(model, context, expected.len());
        expect_close(at, "values", expected.to_vec(), found, 1e-12)?;
    }
    Ok(())
}

fn repeats_its_first_guess(model: Model, context: &[f64], steps: usize) -> Vec<f64> {
    vec![model(context); steps]
}

fn returns_the_context_too(model: Model, context: &[f64], steps: usize) -> Vec<f64> {
    let next = solution::run_free(model, context, steps);
    context.iter().copied().chain(next).collect()
}

fn forgets_the_context(model: Model, context: &[f64], steps: usize) -> Vec<f64> {
    let last = context.last().copied().unwrap_or_default();
    solution::run_free(model, &[last], steps)
}
