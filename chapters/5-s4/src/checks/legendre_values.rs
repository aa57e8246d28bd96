//! Exercise `legendre_values` of the page `hippo`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/legendre_values.rs"]
mod blank;
#[path = "../../solutions/legendre_values.rs"]
mod solution;

type Answer = fn(usize, f64) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("legendre_values", Level::WarmUp, "eight lines", 10)
        .page("5-s4/hippo")
        .hints([
            "Which two numbers does the next polynomial need, and what may they be called before there are two?",
            "Is the recurrence one of P or of L: when is the root multiplied in?",
        ])
        .notice(
            "What to notice: at z = 1 the values are 1, √3, √5, … These are the B of LegS and of LegT: how loud a new input \
             is heard by each number. At z = 0 every second sign turns.",
        )
        .sources(
            include_str!("../../exercises/legendre_values.rs"),
            include_str!("../../solutions/legendre_values.rs"),
        )
        .answers::<Answer>(
            check,
            blank::legendre_values,
            solution::legendre_values,
            vec![without_the_root, on_the_wrong_interval, root_in_the_recurrence],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let root = |n: f64| f64::sqrt(n);
    let at_the_end = [1.0, root(3.0), root(5.0), root(7.0)];
    expect_close("at z = 1", "L", at_the_end, answer(4, 1.0), 1e-13)?;
    let in_the_middle = [1.0, 0.0, -0.5 * root(5.0), 0.0, 0.375 * 3.0];
    expect_close("at z = 0.5", "L", in_the_middle, answer(5, 0.5), 1e-13)?;
    // P_2(s) = (3s² - 1)/2 at s = -0.4.
    let early = [1.0, -0.4 * root(3.0), -0.26 * root(5.0)];
    expect_close("at z = 0.3", "L", early, answer(3, 0.3), 1e-13)?;
    expect_close("for one value", "L", [1.0], answer(1, 0.3), 1e-13)?;
    expect_close("for none", "L", Vec::<f64>::new(), answer(0, 0.3), 1e-13)
}

fn without_the_root(count: usize, z: f64) -> Vec<f64> {
    let right = solution::legendre_values(count, z);
    right.iter().enumerate().map(|(n, l)| l / ((2 * n + 1) as f64).sqrt()).collect()
}

fn on_the_wrong_interval(count: usize, z: f64) -> Vec<f64> {
    solution::legendre_values(count, 0.5 * (z + 1.0))
}

fn root_in_the_recurrence(count: usize, z: f64) -> Vec<f64> {
    let s = 2.0 * z - 1.0;
    let mut values: Vec<f64> = vec![1.0, 3.0_f64.sqrt() * s];
    for n in 1..count.saturating_sub(1) {
        let degree = n as f64;
        let next = ((2.0 * degree + 1.0) * s * values[n] - degree * values[n - 1]) / (degree + 1.0);
        values.push(next);
    }
    values.truncate(count);
    values
}
