//! Exercise `count_to_m` of the page `mamba3`.

use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/count_to_m.rs"]
mod blank;
#[path = "../../solutions/count_to_m.rs"]
mod solution;

type Answer = fn(bool, usize) -> [f64; 2];

pub fn exercise() -> Exercise {
    Exercise::new("count_to_m", Level::WarmUp, "one line", 5)
        .page("7-state-space-duality/mamba3")
        .hints([
            "How far has the pair turned after m ones, if it is to be where it began?",
            "What should a zero change, and which angle and which push change that much?",
        ])
        .notice(
            "What to notice: two numbers count to any m, but the places are as close as neighbours on a clock with m hours, and an angle \
             that is off by a little is off by an hour after as many ones as there are such littles in one. To learn it, a model has to \
             be exact.",
        )
        .sources(
            include_str!("../../exercises/count_to_m.rs"),
            include_str!("../../solutions/count_to_m.rs"),
        )
        .answers::<Answer>(
            check,
            blank::count_to_m,
            solution::count_to_m,
            vec![always_half_a_turn, turns_at_zeros, never_pushes, in_degrees],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for m in [2, 3, 7] {
        let mut z = Complex::new(0.0, 0.0);
        let mut places = vec![z];
        for n in 1..=3 * m {
            // A one, and then as many zeros as it likes.
            for bit in 0..=n % 3 {
                let [angle, push] = answer(bit == 0, m);
                z = Complex::from_polar(1.0, angle) * z + push;
            }
            let at = format!("for m = {m}, after {n} ones and zeros between them");
            match places.get(n % m) {
                Some(place) => expect_close(at, "the place", *place, z, 1e-9)?,
                None => {
                    let apart = places.iter().all(|place| (place - z).norm() > 1e-3);
                    expect_equal(at, "whether the place is new", true, apart)?;
                    places.push(z);
                }
            }
        }
    }
    Ok(())
}

/// Right for 2.
fn always_half_a_turn(bit: bool, _: usize) -> [f64; 2] {
    solution::count_to_m(bit, 2)
}

fn turns_at_zeros(_: bool, m: usize) -> [f64; 2] {
    solution::count_to_m(true, m)
}

/// Who stands at the centre goes nowhere by turning.
fn never_pushes(bit: bool, m: usize) -> [f64; 2] {
    let [angle, _] = solution::count_to_m(bit, m);
    [angle, 0.0]
}

fn in_degrees(bit: bool, m: usize) -> [f64; 2] {
    let [angle, push] = solution::count_to_m(bit, m);
    [angle.to_degrees(), push]
}
