//! Exercise `how_loud` of the page `mamba3`.

use nalgebra::{DVector, dmatrix};
use state_space_duality::mamba3::{Memory, Token};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/how_loud.rs"]
mod blank;
#[path = "../../solutions/how_loud.rs"]
mod solution;

type Tokens<'a> = &'a [[f64; 3]];
type Answer = fn(Tokens, usize, usize) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("how_loud", Level::Core, "seven lines", 10)
        .page("7-state-space-duality/mamba3")
        .hints([
            "Which end of its own step has token j reached when the state is read at j, and how much of the step belongs to that end?",
            "Step j + 1 begins where token j ended. How much does it add for token j, and does that fade in step j + 1 or only later?",
        ])
        .notice(
            "What to notice: with λ = 1 everywhere the second share is 0, and this is the mask of Mamba-2. Otherwise the token that comes \
             next decides how much this one mattered, before anything has faded: a convolution of width two, and Mamba-3 has no other.",
        )
        .sources(
            include_str!("../../exercises/how_loud.rs"),
            include_str!("../../solutions/how_loud.rs"),
        )
        .answers::<Answer>(
            check,
            blank::how_loud,
            solution::how_loud,
            vec![hears_its_own_share_only, gives_itself_the_rest, fades_in_its_own_step],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let tokens =
        [[-0.3, 0.5, 0.8], [-0.1, 1.0, 0.25], [-2.0, 0.2, 1.0], [0.0, 3.0, 0.5], [-0.7, 1.5, 0.0]];
    // The token speaks, all others are silent: what is said is how loud it is heard.
    for j in 0..tokens.len() {
        let mut memory = Memory::at_rest(1, 1, 1);
        for (k, &[decay, delta, lambda]) in tokens.iter().enumerate() {
            let one = dmatrix![1.0];
            let u = if k == j { one.clone() } else { dmatrix![0.0] };
            let turn = DVector::zeros(0);
            let token = Token { decay, delta, lambda, turn, b: one.clone(), c: one, u };
            let said = memory.step(&token)?;
            if k >= j {
                let at = format!("for token {j} at step {k}");
                expect_close(at, "how loud it is", said[0], answer(&tokens, j, k), 1e-12)?;
            }
        }
    }
    Ok(())
}

fn hears_its_own_share_only(tokens: Tokens, j: usize, k: usize) -> f64 {
    let faded: f64 = tokens[j + 1..=k].iter().map(|token| token[0]).sum();
    faded.exp() * tokens[j][2] * tokens[j][1]
}

/// As if the rest of its own step, and not of the next one, were its.
fn gives_itself_the_rest(tokens: Tokens, j: usize, k: usize) -> f64 {
    let faded: f64 = tokens[j + 1..=k].iter().map(|token| token[0]).sum();
    let [_, delta, lambda] = tokens[j];
    faded.exp() * if j == k { lambda * delta } else { delta }
}

fn fades_in_its_own_step(tokens: Tokens, j: usize, k: usize) -> f64 {
    tokens[j][0].exp() * solution::how_loud(tokens, j, k)
}
