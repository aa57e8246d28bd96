//! Exercise `mask_of_decays` of the page `semiseparable`.

use nalgebra::DMatrix;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/mask_of_decays.rs"]
mod blank;
#[path = "../../solutions/mask_of_decays.rs"]
mod solution;

type Answer = fn(&[f64]) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("mask_of_decays", Level::WarmUp, "six lines", 10)
        .page("7-state-space-duality/semiseparable")
        .hints([
            "What came in at step j has faded by ā_{j+1} up to ā_k. What does one row further down add to that product?",
            "What would happen to a quotient of products if one step kept nothing at all?",
        ])
        .notice(
            "What to notice: each row is the row above it times one number, and a 1. A mask of a million entries is L numbers, and \
             the causal mask of attention is the one whose numbers are all 1.",
        )
        .sources(
            include_str!("../../exercises/mask_of_decays.rs"),
            include_str!("../../solutions/mask_of_decays.rs"),
        )
        .answers::<Answer>(
            check,
            blank::mask_of_decays,
            solution::mask_of_decays,
            vec![lets_a_step_fade_its_own_input, divides_products, hears_what_is_to_come],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for decays in [&[0.5][..], &[0.9, 0.5, 0.25, 0.8], &[1.0; 3], &[0.7, 0.0, 0.5, 0.5, 0.0]] {
        let at = format!("for the decays {decays:?}");
        let found = answer(decays);
        let length = decays.len();
        expect_equal(&at, "the shape", (length, length), found.shape())?;
        let expected = DMatrix::from_fn(length, length, |k, j| {
            if j <= k { decays[j + 1..=k].iter().product() } else { 0.0 }
        });
        expect_close(&at, "the mask", expected, found, 1e-12)?;
    }
    Ok(())
}

/// Counts ā_j, too.
fn lets_a_step_fade_its_own_input(decays: &[f64]) -> DMatrix<f64> {
    let mut mask = solution::mask_of_decays(decays);
    for (mut column, decay) in mask.column_iter_mut().zip(decays) {
        column *= *decay;
    }
    mask
}

/// As quotients of running products, which a decay of 0 makes 0/0.
fn divides_products(decays: &[f64]) -> DMatrix<f64> {
    let running: Vec<f64> = (0..decays.len()).map(|k| decays[..=k].iter().product()).collect();
    DMatrix::from_fn(
        decays.len(),
        decays.len(),
        |k, j| {
            if j <= k { running[k] / running[j] } else { 0.0 }
        },
    )
}

/// Fills the other triangle, too.
fn hears_what_is_to_come(decays: &[f64]) -> DMatrix<f64> {
    let mask = solution::mask_of_decays(decays);
    let both = &mask + mask.transpose();
    both - DMatrix::identity(decays.len(), decays.len())
}
