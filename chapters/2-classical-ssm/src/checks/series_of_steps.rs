//! Exercise `series_of_steps` of the page `state_space`.

use classical_ssm::state_space::{Continuous, StateSpace};
use math_foundations::state_representations::Matrices;
use nalgebra::dmatrix;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, unused_imports, reason = "a blank does not use them yet")]
#[path = "../../exercises/series_of_steps.rs"]
mod blank;
#[path = "../../solutions/series_of_steps.rs"]
mod solution;

type Answer = fn([f64; 4], [f64; 4]) -> Matrices;

pub fn exercise() -> Exercise {
    Exercise::new("series_of_steps", Level::Core, "six lines", 15)
        .page("2-classical-ssm/state-space")
        .hints([
            "At step k the first has already moved: what is its y_k in terms of x_{k-1} and u_k?",
            "Put that y_k into the second's equation. Which terms multiply x_{k-1}, and which u_k?",
        ])
        .notice(
            "What to notice: the second sees c (a x_{k-1} + b u_k) + d u_k, the output of this step. \
             With a flow's c x and d u it would see the output of the step before.",
        )
        .sources(
            include_str!("../../exercises/series_of_steps.rs"),
            include_str!("../../solutions/series_of_steps.rs"),
        )
        .answers::<Answer>(
            check,
            blank::series_of_steps,
            solution::series_of_steps,
            vec![as_for_a_flow, forgets_what_passes, the_other_way_round],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let systems = [[0.5, 0.5, 1.0, 0.0], [0.9, 0.1, 2.0, -1.0], [-0.3, 1.0, 0.5, 0.25]];
    for first in systems {
        for second in systems {
            let at = format!("at (a, b, c, d) = {first:?} and {second:?}");
            let expected = joined(first, second)?;
            let found = answer(first, second);
            expect_close(&at, "A", &expected.a, found.a, 1e-12)?;
            expect_close(&at, "B", &expected.b, found.b, 1e-12)?;
            expect_close(&at, "C", &expected.c, found.c, 1e-12)?;
            expect_close(&at, "D", &expected.d, found.d, 1e-12)?;
        }
    }
    Ok(())
}

fn joined(first: [f64; 4], second: [f64; 4]) -> Result<Matrices, Mismatch> {
    let system = |[a, b, c, d]: [f64; 4]| {
        StateSpace::discrete(dmatrix![a], dmatrix![b], dmatrix![c], dmatrix![d], 1.0)
    };
    Ok(system(first)?.series(&system(second)?)?.matrices().clone())
}

fn as_for_a_flow(first: [f64; 4], second: [f64; 4]) -> Matrices {
    let system = |[a, b, c, d]: [f64; 4]| {
        let given = Matrices { a: dmatrix![a], b: dmatrix![b], c: dmatrix![c], d: dmatrix![d] };
        StateSpace::from_matrices(given, Continuous).expect("finite numbers")
    };
    system(first).series(&system(second)).expect("one wire").matrices().clone()
}

fn forgets_what_passes(first: [f64; 4], second: [f64; 4]) -> Matrices {
    let mut matrices = solution::series_of_steps(first, second);
    matrices.b[1] = second[1] * first[2] * first[1];
    matrices
}

fn the_other_way_round(first: [f64; 4], second: [f64; 4]) -> Matrices {
    solution::series_of_steps(second, first)
}
