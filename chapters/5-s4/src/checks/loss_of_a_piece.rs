//! Exercise `loss_of_a_piece` of the page `s4_language_model`.

use std::f64::consts::LN_2;

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/loss_of_a_piece.rs"]
mod blank;
#[path = "../../solutions/loss_of_a_piece.rs"]
mod solution;

type Answer = fn(&[f64]) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("loss_of_a_piece", Level::WarmUp, "one line", 5)
        .page("5-s4/s4-language-model")
        .hints([
            "How many characters of a piece are foretold from one character, and how many from two?",
            "Is a nat more than a bit, or less?",
        ])
        .notice(
            "What to notice: the loss of a piece holds H(1), and no memory in the world lowers that. A model that is judged \
             on a whole text has left its beginning behind, and looks better than its loss.",
        )
        .sources(
            include_str!("../../exercises/loss_of_a_piece.rs"),
            include_str!("../../solutions/loss_of_a_piece.rs"),
        )
        .answers::<Answer>(
            check,
            blank::loss_of_a_piece,
            solution::loss_of_a_piece,
            vec![the_last, in_bits, more_nats_than_bits],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (at, h, bits) in [
        ("at H = [3]", &[3.0][..], 3.0),
        ("at H = [4, 2]", &[4.0, 2.0], 3.0),
        ("at H = [4, 3, 2.5, 2.5]", &[4.0, 3.0, 2.5, 2.5], 3.0),
    ] {
        expect_close(at, "the loss", bits * LN_2, answer(h), 1e-12)?;
    }
    Ok(())
}

fn the_last(h: &[f64]) -> f64 {
    h[h.len() - 1] * LN_2
}

fn in_bits(h: &[f64]) -> f64 {
    h.iter().sum::<f64>() / h.len() as f64
}

fn more_nats_than_bits(h: &[f64]) -> f64 {
    in_bits(h) / LN_2
}
