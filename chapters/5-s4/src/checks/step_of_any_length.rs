//! Exercise `step_of_any_length` of the page `s5`.

use discretization::zero_order_hold::expm1_ratio;
use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/step_of_any_length.rs"]
mod blank;
#[path = "../../solutions/step_of_any_length.rs"]
mod solution;

type Answer = fn(Complex<f64>, f64, f64) -> (Complex<f64>, Complex<f64>);

pub fn exercise() -> Exercise {
    Exercise::new("step_of_any_length", Level::WarmUp, "three lines", 10)
        .page("5-s4/s5")
        .hints([
            "What becomes of the state if nothing comes in? Of nothing, if 1 comes in for that time?",
            "Which function of chapter 3 divides e^z - 1 by z, also at z = 0?",
        ])
        .notice(
            "What to notice: the length of the step is one more input, and nothing but two numbers depends on it. A scan takes any \
             pairs of numbers; a convolution would need the same pair at each step.",
        )
        .sources(
            include_str!("../../exercises/step_of_any_length.rs"),
            include_str!("../../solutions/step_of_any_length.rs"),
        )
        .answers::<Answer>(
            check,
            blank::step_of_any_length,
            solution::step_of_any_length,
            vec![divides_by_nothing, euler, forgets_how_long],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for lambda in [Complex::new(-1.0, 0.0), Complex::new(-0.5, 7.0), Complex::ZERO] {
        for (u, lasts) in [(1.0, 0.1), (-2.0, 3.0)] {
            let (scale, shift) = answer(lambda, u, lasts);
            let at = format!("at λ = {lambda}, u = {u}, for a time of {lasts}");
            let z = lambda * lasts;
            expect_close(&at, "what becomes of x", z.exp(), scale, 1e-13)?;
            expect_close(&at, "what is added", expm1_ratio(z) * lasts * u, shift, 1e-13)?;
        }
    }
    Ok(())
}

fn divides_by_nothing(lambda: Complex<f64>, u: f64, lasts: f64) -> (Complex<f64>, Complex<f64>) {
    let scale = (lambda * lasts).exp();
    (scale, (scale - 1.0) / lambda * u)
}

fn euler(lambda: Complex<f64>, u: f64, lasts: f64) -> (Complex<f64>, Complex<f64>) {
    ((lambda * lasts).exp(), Complex::from(lasts * u))
}

fn forgets_how_long(lambda: Complex<f64>, u: f64, lasts: f64) -> (Complex<f64>, Complex<f64>) {
    let (_, shift) = solution::step_of_any_length(lambda, u, 1.0);
    ((lambda * lasts).exp(), shift)
}
