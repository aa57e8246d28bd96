//! Exercise `stable_step`, of the page `parameterization`.

use ml_links::parameterization::softplus;
use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/stable_step.rs"]
mod blank;
#[path = "../../solutions/stable_step.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> Complex<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("stable_step", Level::WarmUp, "three lines", 8)
        .page("4-ml-links/parameterization")
        .hints([
            "Which sign has the real part of λ, and which sizes can it not have?",
            "Where does e^raw overflow, and what is ln(1 + e^raw) there? For which numbers is ln(1 + small) exact?",
        ])
        .notice(
            "What to notice: you never asked whether the step is stable. There is no triple of numbers for which it is \
             not, so an optimizer may go wherever its gradients point.",
        )
        .sources(
            include_str!("../../exercises/stable_step.rs"),
            include_str!("../../solutions/stable_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::stable_step,
            solution::stable_step,
            vec![grows, overflows, steps_backwards, forgets_the_turn],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases = [
        (-0.7, 3.0, -2.0),
        (0.0, 0.0, 0.0),
        (1.5, -40.0, 0.3),
        (-0.7, 0.0, 1000.0),
        (-0.7, 3.0, -1000.0),
        (-30.0, 1.0, -40.0),
    ];
    for (log, omega, raw) in cases {
        let expected = (Complex::new(-f64::exp(log), omega) * softplus(raw)).exp();
        let found = answer(log, omega, raw);
        let at = format!("at log = {log}, omega = {omega}, raw = {raw}");
        expect_close(&at, "Re Ā", expected.re, found.re, 1e-12)?;
        expect_close(&at, "Im Ā", expected.im, found.im, 1e-12)?;
    }
    // A step so short that only its turn is left: Δ = e^-40.
    let turn = answer(0.0, 1.0, -40.0).im / (-40.0_f64).exp();
    expect_close("at log = 0, omega = 1, raw = -40", "Im Ā / e^raw", 1.0, turn, 1e-12)
}

fn grows(log: f64, omega: f64, raw: f64) -> Complex<f64> {
    (Complex::new(log.exp(), omega) * softplus(raw)).exp()
}

fn overflows(log: f64, omega: f64, raw: f64) -> Complex<f64> {
    (Complex::new(-log.exp(), omega) * (1.0 + raw.exp()).ln()).exp()
}

fn steps_backwards(log: f64, omega: f64, raw: f64) -> Complex<f64> {
    (Complex::new(-log.exp(), omega) * raw).exp()
}

fn forgets_the_turn(log: f64, _omega: f64, raw: f64) -> Complex<f64> {
    Complex::new((-log.exp() * softplus(raw)).exp(), 0.0)
}
