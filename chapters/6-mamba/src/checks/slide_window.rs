//! Exercise `slide_window`, of the page `inference`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/slide_window.rs"]
mod blank;
#[path = "../../solutions/slide_window.rs"]
mod solution;

type Answer = fn(&mut [f64], f64, &[f64], f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("slide_window", Level::Core, "four lines", 10)
        .page("6-mamba/inference")
        .hints([
            "Which of the numbers in `heard` will never be needed again?",
            "When the new input is in its place, what is left but a dot product?",
        ])
        .notice(
            "What to notice: a convolution whose kernel ends is a recurrence whose state is a window. The last inputs, and nothing \
             else, are what its past has left behind.",
        )
        .sources(
            include_str!("../../exercises/slide_window.rs"),
            include_str!("../../solutions/slide_window.rs"),
        )
        .answers::<Answer>(
            check,
            blank::slide_window,
            solution::slide_window,
            vec![multiplies_first, newest_first, keeps_nothing],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (weight, bias) = ([0.5, -1.0, 2.0, 0.25], 0.125);
    for taps in 1..=4 {
        let weight = &weight[..taps];
        let mut heard = vec![0.0; taps];
        let u = [1.0, -2.0, 3.0, 0.5, 4.0, -1.5, 2.5];
        for k in 0..u.len() {
            let of = |j: usize| (k + 1 + j).checked_sub(taps).map_or(0.0, |place| u[place]);
            let expected = bias + (0..taps).map(|j| weight[j] * of(j)).sum::<f64>();
            let at = format!("at {taps} taps, step {k}");
            let found = answer(&mut heard, u[k], weight, bias);
            expect_close(at, "the sum", expected, found, 1e-12)?;
        }
    }
    Ok(())
}

fn multiplies_first(heard: &mut [f64], input: f64, weight: &[f64], bias: f64) -> f64 {
    let sum = bias + heard.iter().zip(weight).map(|(u, weight)| u * weight).sum::<f64>();
    solution::slide_window(heard, input, weight, bias);
    sum
}

fn newest_first(heard: &mut [f64], input: f64, weight: &[f64], bias: f64) -> f64 {
    heard.rotate_right(1);
    heard[0] = input;
    bias + heard.iter().zip(weight).map(|(u, weight)| u * weight).sum::<f64>()
}

fn keeps_nothing(heard: &mut [f64], input: f64, weight: &[f64], bias: f64) -> f64 {
    let newest = heard.len() - 1;
    heard[newest] = input;
    bias + heard.iter().zip(weight).map(|(u, weight)| u * weight).sum::<f64>()
}
