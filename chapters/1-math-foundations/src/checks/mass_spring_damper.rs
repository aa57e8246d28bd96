//! Exercise `mass_spring_damper` of the page `state_representations`.

use math_foundations::state_representations::{self, Matrices};
use nalgebra::{dmatrix, dvector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_imports, unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/mass_spring_damper.rs"]
mod blank;
#[path = "../../solutions/mass_spring_damper.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> Matrices;

pub fn exercise() -> Exercise {
    Exercise::new("mass_spring_damper", Level::WarmUp, "six lines", 5)
        .page("1-math-foundations/state-representations")
        .hints([
            "What does Newton's law say that q'' is, when q, q' and u are known?",
            "Which row of x' = A x + B u is q'' already?",
        ])
        .notice(
            "What to notice: A and B did not care which instrument looks on. C and D are the \
             instrument, and D is what it shows before the state has had time to move.",
        )
        .sources(
            include_str!("../../exercises/mass_spring_damper.rs"),
            include_str!("../../solutions/mass_spring_damper.rs"),
        )
        .answers::<Answer>(
            check,
            blank::mass_spring_damper,
            solution::mass_spring_damper,
            vec![shows_the_position, feels_no_push, pulls_the_wrong_way, forgets_the_mass],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (mass, damping, stiffness) in [(1.0, 0.4, 1.0), (2.0, 0.5, 3.0), (0.25, 0.0, 4.0)] {
        let at = format!("at m = {mass}, c = {damping}, k = {stiffness}");
        let found = answer(mass, damping, stiffness);
        let expected = state_representations::mass_spring_damper(mass, damping, stiffness)?;
        expect_close(&at, "A", &expected.a, &found.a, 1e-12)?;
        expect_close(&at, "B", &expected.b, &found.b, 1e-12)?;
        let at = format!("{at}, q = 3 m, q' = 5 m/s, u = 7 N");
        let acceleration = (7.0 - damping * 5.0 - stiffness * 3.0) / mass;
        let y = found.output(&dvector![3.0, 5.0], &dvector![7.0])?;
        expect_close(at, "y", [acceleration].as_slice(), y.as_slice(), 1e-12)?;
    }
    Ok(())
}

fn shows_the_position(mass: f64, damping: f64, stiffness: f64) -> Matrices {
    let (c, d) = (dmatrix![1.0, 0.0], dmatrix![0.0]);
    Matrices { c, d, ..solution::mass_spring_damper(mass, damping, stiffness) }
}

fn feels_no_push(mass: f64, damping: f64, stiffness: f64) -> Matrices {
    Matrices { d: dmatrix![0.0], ..solution::mass_spring_damper(mass, damping, stiffness) }
}

fn pulls_the_wrong_way(mass: f64, damping: f64, stiffness: f64) -> Matrices {
    solution::mass_spring_damper(mass, -damping, -stiffness)
}

fn forgets_the_mass(_: f64, damping: f64, stiffness: f64) -> Matrices {
    solution::mass_spring_damper(1.0, damping, stiffness)
}
