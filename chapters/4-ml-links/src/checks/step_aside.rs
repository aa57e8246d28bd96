//! Exercise `step_aside` of the page `gradients`.

use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/step_aside.rs"]
mod blank;
#[path = "../../solutions/step_aside.rs"]
mod solution;

type Function = fn(Complex<f64>) -> Complex<f64>;
type Answer = fn(Function, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("step_aside", Level::WarmUp, "two lines", 5)
        .page("4-ml-links/gradients")
        .hints([
            "f(x + ih) ≈ f(x) + ih f'(x). Which part of it holds the slope alone?",
            "What must it be divided by?",
        ])
        .notice(
            "What to notice: the value and the slope share one complex number and never meet. That is a dual number \
             in disguise, and differentiating forwards is arithmetic with those.",
        )
        .sources(
            include_str!("../../exercises/step_aside.rs"),
            include_str!("../../solutions/step_aside.rs"),
        )
        .answers::<Answer>(
            check,
            blank::step_aside,
            solution::step_aside,
            vec![forgets_to_divide, takes_a_difference, takes_the_real_part],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    expect_close("for x³ at 2", "the slope", 12.0, answer(|x| x * x * x, 2.0), 1e-13)?;
    expect_close("for eˣ at 0", "the slope", 1.0, answer(|x| x.exp(), 0.0), 1e-13)?;
    let sine = answer(|x| x.sin(), 1.0);
    expect_close("for sin at 1", "the slope", 1f64.cos(), sine, 1e-13)
}

fn forgets_to_divide(f: Function, x: f64) -> f64 {
    f(Complex::new(x, 1e-100)).im
}

fn takes_a_difference(f: Function, x: f64) -> f64 {
    (f(Complex::new(x + 1e-8, 0.0)) - f(Complex::new(x, 0.0))).re / 1e-8
}

fn takes_the_real_part(f: Function, x: f64) -> f64 {
    f(Complex::new(x, 1e-100)).re
}
