//! Exercise `rk4_step` of the page `linear_systems`.

use nalgebra::{DVector, dvector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/rk4_step.rs"]
mod blank;
#[path = "../../solutions/rk4_step.rs"]
mod solution;

type Law = fn(f64, &DVector<f64>) -> DVector<f64>;
type Answer = fn(Law, f64, &DVector<f64>, f64) -> DVector<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("rk4_step", Level::Core, "five lines", 10)
        .page("1-math-foundations/linear-systems")
        .hints([
            "At which time, and in which state, does each of the four slopes look?",
            "If f did not depend on x, which rule for integrals would the four weights be?",
        ])
        .notice(
            "What to notice: on x' = Ax your step is I + hA + (hA)²/2 + (hA)³/6 + (hA)⁴/24: the series of \
             e^{hA}, cut after five terms. Its first missing term is the error: (hA)⁵/120.",
        )
        .sources(
            include_str!("../../exercises/rk4_step.rs"),
            include_str!("../../solutions/rk4_step.rs"),
        )
        .answers::<Answer>(
            check,
            blank::rk4_step,
            solution::rk4_step,
            vec![middle_from_the_start, equal_weights, one_time_for_all, euler],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // Simpson's rule: exact for a cubic in t.
    let cubic: Law = |t, _| dvector![4.0 * t.powi(3)];
    let x = answer(cubic, 0.0, &dvector![0.0], 1.0);
    expect_close("at f = 4t³, t = 0, x = 0, h = 1", "x", dvector![1.0], x, 1e-12)?;
    let x = answer(cubic, 1.0, &dvector![1.0], 0.5);
    expect_close("at f = 4t³, t = 1, x = 1, h = 0.5", "x", dvector![1.5_f64.powi(4)], x, 1e-12)?;

    // Five terms of the exponential series.
    let decay: Law = |_, x| -x;
    let x = answer(decay, 0.0, &dvector![8.0], 1.0);
    expect_close("at f = -x, t = 0, x = 8, h = 1", "x", dvector![3.0], x, 1e-12)?;
    let turn: Law = |_, x| dvector![x[1], -x[0]];
    let (h, x) = (0.2_f64, dvector![1.0, 0.0]);
    let expected = dvector![1.0 - h.powi(2) / 2.0 + h.powi(4) / 24.0, -h + h.powi(3) / 6.0];
    expect_close(
        "at f = (x_2, -x_1), x = (1, 0), h = 0.2",
        "x",
        expected,
        answer(turn, 5.0, &x, h),
        1e-12,
    )?;

    // A law that knows both: x' = t x, with the four slopes 0, 1/2, 5/8 and 13/8.
    let both: Law = |t, x| x * t;
    let x = answer(both, 0.0, &dvector![1.0], 1.0);
    let slopes = 0.0 + 2.0 * 0.5 + 2.0 * 0.625 + 1.625;
    expect_close("at f = t x, t = 0, x = 1, h = 1", "x", dvector![1.0 + slopes / 6.0], x, 1e-12)
}

fn middle_from_the_start(f: Law, t: f64, x: &DVector<f64>, h: f64) -> DVector<f64> {
    let k1 = f(t, x);
    let k2 = f(t + h / 2.0, &(x + &k1 * (h / 2.0)));
    let k3 = k2.clone();
    let k4 = f(t + h, &(x + &k3 * h));
    x + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0)
}

fn equal_weights(f: Law, t: f64, x: &DVector<f64>, h: f64) -> DVector<f64> {
    let k1 = f(t, x);
    let k2 = f(t + h / 2.0, &(x + &k1 * (h / 2.0)));
    let k3 = f(t + h / 2.0, &(x + &k2 * (h / 2.0)));
    let k4 = f(t + h, &(x + &k3 * h));
    x + (k1 + k2 + k3 + k4) * (h / 4.0)
}

fn one_time_for_all(f: Law, t: f64, x: &DVector<f64>, h: f64) -> DVector<f64> {
    let k1 = f(t, x);
    let k2 = f(t, &(x + &k1 * (h / 2.0)));
    let k3 = f(t, &(x + &k2 * (h / 2.0)));
    let k4 = f(t, &(x + &k3 * h));
    x + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0)
}

fn euler(f: Law, t: f64, x: &DVector<f64>, h: f64) -> DVector<f64> {
    x + f(t, x) * h
}
