//! Exercise `real_stability_limit`, of the page `accuracy-and-stability`.

use discretization::accuracy_and_stability::Discretization;
use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/real_stability_limit.rs"]
mod blank;
#[path = "../../solutions/real_stability_limit.rs"]
mod solution;

type Answer = fn(fn(f64) -> f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("real_stability_limit", Level::Core, "ten lines", 15)
        .page("3-discretization/accuracy-and-stability")
        .hints([
            "Why is it not enough to halve the interval from 0 to 100, if r may leave the unit disc and come back?",
            "Once you know a t inside and a t outside, with one border in between: which half do you keep?",
        ])
        .notice(
            "What to notice: Runge and Kutta's four slopes buy order four, and a limit of 2.785 where Euler has 2. \
             No explicit rule has all of the left half plane: a polynomial is unbounded.",
        )
        .sources(
            include_str!("../../exercises/real_stability_limit.rs"),
            include_str!("../../solutions/real_stability_limit.rs"),
        )
        .answers::<Answer>(
            check,
            blank::real_stability_limit,
            solution::real_stability_limit,
            vec![only_halves, looks_right, stops_at_the_grid],
        )
}

fn r_of(rule: Discretization, x: f64) -> f64 {
    rule.scalar(Complex::new(x, 0.0)).a_bar.re
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let rk4 = |z: f64| 1.0 + z * (1.0 + z / 2.0 * (1.0 + z / 3.0 * (1.0 + z / 4.0)));
    // Out at 3, in again at 5, out for good at 7.
    let wanders = |z: f64| 1.0 - 0.01 * (z + 3.0) * (z + 5.0) * (z + 7.0) * z / 10.0;
    let euler = |z: f64| r_of(Discretization::ForwardEuler, z);
    let quarter = |z: f64| r_of(Discretization::GeneralizedBilinear(0.25), z);
    let tustin = |z: f64| r_of(Discretization::Bilinear, z);
    expect_close("of forward Euler", "x", 2.0, answer(euler), 1e-6)?;
    expect_close("of the bilinear family at α = 1/4", "x", 4.0, answer(quarter), 1e-6)?;
    expect_close("of the trapezoid", "x", 100.0, answer(tustin), 1e-9)?;
    expect_close("of Runge and Kutta", "x", 2.785_293_563_405_282, answer(rk4), 1e-6)?;
    expect_close(
        "of a rule that leaves and comes back",
        "x",
        first_exit(wanders),
        answer(wanders),
        1e-4,
    )
}

/// Where a rule first grows, on a finer grid than the answer's.
fn first_exit(r: fn(f64) -> f64) -> f64 {
    (1..1_000_000).map(|k| 1e-5 * f64::from(k)).find(|t| r(-t).abs() > 1.0 + 1e-9).unwrap_or(100.0)
}

fn only_halves(r: fn(f64) -> f64) -> f64 {
    let (mut inside, mut outside) = (0.0, 100.0);
    for _ in 0..60 {
        let middle = 0.5 * (inside + outside);
        if r(-middle).abs() > 1.0 + 1e-9 { outside = middle } else { inside = middle }
    }
    inside
}

fn looks_right(r: fn(f64) -> f64) -> f64 {
    (0..10_000).map(|k| 0.01 * f64::from(k)).find(|t| r(*t).abs() > 1.0 + 1e-9).unwrap_or(100.0)
}

fn stops_at_the_grid(r: fn(f64) -> f64) -> f64 {
    let mut walk = (1..=10_000).map(|k| 0.01 * f64::from(k));
    walk.find(|t| r(-t).abs() > 1.0 + 1e-9).unwrap_or(100.0)
}
