//! Exercise `leave_out_silence` of the page `s5`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/leave_out_silence.rs"]
mod blank;
#[path = "../../solutions/leave_out_silence.rs"]
mod solution;

type Answer = fn(&[f64], &[f64]) -> (Vec<f64>, Vec<f64>);

pub fn exercise() -> Exercise {
    Exercise::new("leave_out_silence", Level::Core, "eight lines", 15)
        .page("5-s4/s5")
        .hints([
            "What do two steps without input do to a state, e^{λs} and then e^{λt}?",
            "When does a step make the list longer, and when only its last entry?",
        ])
        .notice(
            "What to notice: for a memory with a clock, silence costs one step, however long it is. A camera that reports changes only, or a \
             patient who is seen now and then, is such a signal.",
        )
        .sources(
            include_str!("../../exercises/leave_out_silence.rs"),
            include_str!("../../solutions/leave_out_silence.rs"),
        )
        .answers::<Answer>(
            check,
            blank::leave_out_silence,
            solution::leave_out_silence,
            vec![drops_it, counts_steps, joins_what_is_apart],
        )
}

/// Where, the inputs, their lengths; and what is to be left of both.
type Case<'a> = (&'a str, &'a [f64], &'a [f64], &'a [f64], &'a [f64]);

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases: [Case<'_>; 4] = [
        ("for no steps", &[], &[], &[], &[]),
        (
            "without silence",
            &[1.0, -1.0, 1.0],
            &[0.5, 1.0, 2.0],
            &[1.0, -1.0, 1.0],
            &[0.5, 1.0, 2.0],
        ),
        (
            "for 2, silence, 3, silence",
            &[2.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0],
            &[1.0, 0.5, 0.25, 1.0, 1.0, 2.0, 4.0],
            &[2.0, 0.0, 3.0, 0.0],
            &[1.0, 0.75, 1.0, 7.0],
        ),
        ("for silence, 1", &[0.0, 0.0, 1.0], &[1.0, 1.0, 1.0], &[0.0, 1.0], &[2.0, 1.0]),
    ];
    for (at, u, lasts, inputs, lengths) in cases {
        let (found, times) = answer(u, lasts);
        expect_close(at, "u", inputs.to_vec(), found, 1e-15)?;
        expect_close(at, "the lengths", lengths.to_vec(), times, 1e-15)?;
    }
    Ok(())
}

fn drops_it(u: &[f64], lasts: &[f64]) -> (Vec<f64>, Vec<f64>) {
    u.iter().zip(lasts).filter(|(u, _)| **u != 0.0).unzip()
}

fn counts_steps(u: &[f64], lasts: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (inputs, _) = solution::leave_out_silence(u, lasts);
    let (_, lengths) = solution::leave_out_silence(u, &vec![1.0; lasts.len()]);
    (inputs, lengths)
}

fn joins_what_is_apart(u: &[f64], lasts: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let silence: f64 = u.iter().zip(lasts).filter(|(u, _)| **u == 0.0).map(|(_, t)| t).sum();
    let (mut inputs, mut lengths) = drops_it(u, lasts);
    inputs.push(0.0);
    lengths.push(silence);
    (inputs, lengths)
}
