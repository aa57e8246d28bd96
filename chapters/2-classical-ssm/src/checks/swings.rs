//! Exercise `swings` of the page `analyze`.

use std::f64::consts::PI;

use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/swings.rs"]
mod blank;
#[path = "../../solutions/swings.rs"]
mod solution;

type Answer = fn(Complex<f64>) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("swings", Level::WarmUp, "one line", 5)
        .page("2-classical-ssm/analyze")
        .hints([
            "How many seconds does it take to fade to 1/e, and how many radians a second does it turn?",
            "How many radians are one swing, and what if the pole is the lower one of its pair?",
        ])
        .notice("What to notice: it is √(1 - ζ²) / (2πζ), whatever the natural frequency. The damping ratio alone says how long a thing rings, counted in swings: a shock absorber 0.2, a tuning fork some thousands.")
        .sources(include_str!("../../exercises/swings.rs"), include_str!("../../solutions/swings.rs"))
        .answers::<Answer>(
            check,
            blank::swings,
            solution::swings,
            vec![counts_radians, takes_the_natural_frequency, forgets_the_lower_one],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for lambda in [
        Complex::new(-0.2, 0.96_f64.sqrt()),
        Complex::new(-0.2, -0.96_f64.sqrt()),
        Complex::new(-500.0, 3122.5),
        Complex::new(-3.0, 0.0),
        Complex::new(-1.0, 2.0 * PI),
    ] {
        let expected = lambda.im.abs() / (2.0 * PI * -lambda.re);
        expect_close(format_args!("at λ = {lambda}"), "swings", expected, answer(lambda), 1e-12)?;
    }
    Ok(())
}

fn counts_radians(lambda: Complex<f64>) -> f64 {
    lambda.im.abs() / -lambda.re
}

fn takes_the_natural_frequency(lambda: Complex<f64>) -> f64 {
    lambda.norm() / (2.0 * PI * -lambda.re)
}

fn forgets_the_lower_one(lambda: Complex<f64>) -> f64 {
    lambda.im / (2.0 * PI * -lambda.re)
}
