//! Exercise `factor_block` of the page `semiseparable`.

use nalgebra::DMatrix;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/factor_block.rs"]
mod blank;
#[path = "../../solutions/factor_block.rs"]
mod solution;

type Factors = (DMatrix<f64>, DMatrix<f64>);
type Answer = fn(&[f64], &DMatrix<f64>, &DMatrix<f64>, usize) -> Factors;

pub fn exercise() -> Exercise {
    Exercise::new("factor_block", Level::Core, "fourteen lines", 20)
        .page("7-state-space-duality/semiseparable")
        .hints([
            "Split the product ā_k ⋯ ā_{j+1} at the cut: which decays come after it, and which before?",
            "What has the input of the last step before the cut lost, when the cut is reached?",
        ])
        .notice(
            "What to notice: the block has (L - cut) · cut numbers, its factors N · L. The flat one is what the past writes into the \
             state, the tall one is how the future reads it; the chunks of the next page are made of this.",
        )
        .sources(
            include_str!("../../exercises/factor_block.rs"),
            include_str!("../../solutions/factor_block.rs"),
        )
        .answers::<Answer>(
            check,
            blank::factor_block,
            solution::factor_block,
            vec![forgets_the_step_at_the_cut, fades_the_last_input, writes_the_block_down],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (length, states) = (6, 2);
    let b = DMatrix::from_fn(length, states, |k, n| 1.0 + k as f64 - 3.0 * n as f64);
    let c = DMatrix::from_fn(length, states, |k, n| (k as f64 - 2.5) * (n as f64 + 0.5) + 1.0);
    for decays in [[0.5, 0.8, 0.9, 0.25, 0.75, 0.6], [0.5, 0.0, 0.9, 0.5, 0.0, 0.5]] {
        for cut in [1, 3, 5] {
            let at = format!("for the decays {decays:?} and a cut before step {cut}");
            let (tall, flat) = answer(&decays, &b, &c, cut);
            expect_equal(&at, "the tall factor's shape", (length - cut, states), tall.shape())?;
            expect_equal(&at, "the flat factor's shape", (states, cut), flat.shape())?;
            let kept = |j: usize, k: usize| decays[j + 1..=k].iter().product::<f64>();
            // What each input left in the state before the cut.
            let held = DMatrix::from_fn(states, cut, |n, j| kept(j, cut - 1) * b[(j, n)]);
            let block = DMatrix::from_fn(length - cut, cut, |i, j| {
                kept(j, cut + i) * c.row(cut + i).dot(&b.row(j))
            });
            expect_close(&at, "the product", block, &tall * &flat, 1e-12)?;
            expect_close(&at, "the flat factor", held, flat, 1e-12)?;
        }
    }
    Ok(())
}

/// The first step after the cut fades, too.
fn forgets_the_step_at_the_cut(
    decays: &[f64],
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    cut: usize,
) -> Factors {
    let mut others = decays.to_vec();
    others[cut] = 1.0;
    solution::factor_block(&others, b, c, cut)
}

/// What comes in at a step is not faded by it.
fn fades_the_last_input(decays: &[f64], b: &DMatrix<f64>, c: &DMatrix<f64>, cut: usize) -> Factors {
    let (tall, mut flat) = solution::factor_block(decays, b, c, cut);
    for (mut column, decay) in flat.column_iter_mut().zip(decays) {
        column *= *decay;
    }
    (tall, flat)
}

/// The block times an identity is the block, and as large.
fn writes_the_block_down(
    decays: &[f64],
    b: &DMatrix<f64>,
    c: &DMatrix<f64>,
    cut: usize,
) -> Factors {
    let (tall, flat) = solution::factor_block(decays, b, c, cut);
    (tall * flat, DMatrix::identity(cut, cut))
}
