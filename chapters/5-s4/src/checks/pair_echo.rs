//! Exercise `pair_echo` of the page `diagonal`.

use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/pair_echo.rs"]
mod blank;
#[path = "../../solutions/pair_echo.rs"]
mod solution;

type Answer = fn(Complex<f64>, Complex<f64>, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("pair_echo", Level::WarmUp, "one line", 5)
        .page("5-s4/diagonal")
        .hints([
            "What is the sum of a number and its conjugate?",
            "Is the conjugate of a product the product of the conjugates? Of an exponential, too?",
        ])
        .notice(
            "What to notice: half of the modes say all, and the sum is real without being made so.",
        )
        .sources(
            include_str!("../../exercises/pair_echo.rs"),
            include_str!("../../solutions/pair_echo.rs"),
        )
        .answers::<Answer>(
            check,
            blank::pair_echo,
            solution::pair_echo,
            vec![one_half, real_parts_one_by_one, how_large],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let at = |c: Complex<f64>, lambda: Complex<f64>, t: f64| {
        let expected = c * (lambda * t).exp() + c.conj() * (lambda.conj() * t).exp();
        let place = format!("at c = {c}, λ = {lambda}, t = {t}");
        expect_close(place, "the echo", expected.re, answer(c, lambda, t), 1e-13)
    };
    at(Complex::ONE, Complex::new(-1.0, 0.0), 0.5)?;
    at(Complex::ONE, Complex::new(-0.5, 3.0), 1.0)?;
    at(Complex::new(0.3, -2.0), Complex::new(-0.5, 3.0), 0.7)
}

fn one_half(c: Complex<f64>, lambda: Complex<f64>, t: f64) -> f64 {
    (c * (lambda * t).exp()).re
}

fn real_parts_one_by_one(c: Complex<f64>, lambda: Complex<f64>, t: f64) -> f64 {
    2.0 * c.re * (lambda * t).exp().re
}

fn how_large(c: Complex<f64>, lambda: Complex<f64>, t: f64) -> f64 {
    2.0 * (c * (lambda * t).exp()).norm()
}
