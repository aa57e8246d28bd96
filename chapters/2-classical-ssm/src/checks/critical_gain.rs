//! Exercise `critical_gain` of the page `analyze`.

use math_foundations::stability::spectral_abscissa;
use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/critical_gain.rs"]
mod blank;
#[path = "../../solutions/critical_gain.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DMatrix<f64>, &DMatrix<f64>, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("critical_gain", Level::Core, "eight lines", 15)
        .page("2-classical-ssm/analyze")
        .hints([
            "What is the A of the loop that is closed by u = r - k y?",
            "You know a gain on either side of the edge. Which of them may the one in the middle replace?",
        ])
        .notice("What to notice: three lags of one second bear a gain of 8 and not more; two of them bear any. And the pendulum on its head asks for a gain, 9.80665, before it stands: the weight has to be outdone first.")
        .sources(
            include_str!("../../exercises/critical_gain.rs"),
            include_str!("../../solutions/critical_gain.rs"),
        )
        .answers::<Answer>(
            check,
            blank::critical_gain,
            solution::critical_gain,
            vec![feeds_back_with_a_plus, expects_the_larger_one_to_grow, stops_too_early],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let lag = dmatrix![-1.0, 0.0, 0.0; 1.0, -1.0, 0.0; 0.0, 1.0, -1.0];
    let first = dmatrix![1.0; 0.0; 0.0];
    let last = dmatrix![0.0, 0.0, 1.0];
    let found = answer(&lag, &first, &last, 0.0, 1000.0);
    expect_close("for 1/(s + 1)³", "k", 8.0, found, 1e-8)?;

    let upright = dmatrix![0.0, 1.0; 9.80665, -0.4];
    let (push, angle) = (dmatrix![0.0; 1.0], dmatrix![1.0, 0.0]);
    let found = answer(&upright, &push, &angle, 30.0, 0.0);
    expect_close("for a pendulum on its head", "k", 9.80665, found, 1e-8)
}

fn halved(
    closed: impl Fn(f64) -> DMatrix<f64>,
    (mut inside, mut outside): (f64, f64),
    rounds: usize,
) -> f64 {
    for _ in 0..rounds {
        let k = 0.5 * (inside + outside);
        let settles = spectral_abscissa(&closed(k)).is_ok_and(|alpha| alpha < 0.0);
        if settles { inside = k } else { outside = k }
    }
    inside
}

fn feeds_back_with_a_plus(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    settles: f64,
    grows: f64,
) -> f64 {
    halved(|k| a + b * c * k, (settles, grows), 60)
}

fn expects_the_larger_one_to_grow(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    settles: f64,
    grows: f64,
) -> f64 {
    halved(|k| a - b * c * k, (settles.min(grows), settles.max(grows)), 60)
}

fn stops_too_early(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    settles: f64,
    grows: f64,
) -> f64 {
    halved(|k| a - b * c * k, (settles, grows), 10)
}
