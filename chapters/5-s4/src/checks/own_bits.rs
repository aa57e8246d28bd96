//! Exercise `own_bits` of the page `s4_language_model`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/own_bits.rs"]
mod blank;
#[path = "../../solutions/own_bits.rs"]
mod solution;

type Answer = fn(&[usize], usize) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("own_bits", Level::Core, "ten lines", 15)
        .page("5-s4/s4-language-model")
        .hints([
            "How often does a context stand in the text, and how often with this character after it?",
            "At which places does a context reach back across the beginning?",
        ])
        .notice(
            "What to notice: who knows the truth never pays more for seeing more; H(n) only falls. It falls to 0, where every \
             context stands in the text once, and there the table knows the text by heart and nothing else.",
        )
        .sources(
            include_str!("../../exercises/own_bits.rs"),
            include_str!("../../solutions/own_bits.rs"),
        )
        .answers::<Answer>(
            check,
            blank::own_bits,
            solution::own_bits,
            vec![does_not_go_round, every_context_once, in_nats],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // One letter of three is a 1: after a 0 comes either, after a 1 always a 0.
    let text = [0, 0, 1];
    let single = 3_f64.log2() - 2.0 / 3.0;
    for (n, bits) in [(0, single), (1, 2.0 / 3.0), (2, 0.0), (5, 0.0)] {
        expect_close(format!("of 0 0 1, n = {n}"), "H", bits, answer(&text, n), 1e-12)?;
    }
    let text = [0, 1, 2, 3];
    for (n, bits) in [(0, 2.0), (1, 0.0)] {
        expect_close(format!("of 0 1 2 3, n = {n}"), "H", bits, answer(&text, n), 1e-12)?;
    }
    // After 0 comes 0 once, 1 twice, 2 once; each 1 and 2 leads back to 0.
    let text = [0, 0, 1, 0, 1, 0, 2];
    let bits = (2.0 * 4_f64.log2() + 2.0 * 2_f64.log2()) / 7.0;
    expect_close("of 0 0 1 0 1 0 2, n = 1", "H", bits, answer(&text, 1), 1e-12)
}

fn does_not_go_round(text: &[usize], n: usize) -> f64 {
    let count = |piece: &[usize], end: usize| {
        let places = piece.len()..=end;
        places.filter(|&k| text[k - piece.len()..k] == *piece).count() as f64
    };
    let bits = (n..text.len()).map(|k| {
        let (before, with) = (&text[k - n..k], &text[k - n..=k]);
        -(count(with, text.len()) / count(before, text.len() - 1)).log2()
    });
    bits.sum::<f64>() / text.len().saturating_sub(n).max(1) as f64
}

fn every_context_once(text: &[usize], n: usize) -> f64 {
    let at = |begin: usize| (0..n).map(|k| text[(begin + k) % text.len()]).collect::<Vec<_>>();
    let mut contexts: Vec<Vec<usize>> = (0..text.len()).map(at).collect();
    contexts.sort();
    contexts.dedup();
    solution::own_bits(text, n) * text.len() as f64 / contexts.len() as f64
}

fn in_nats(text: &[usize], n: usize) -> f64 {
    solution::own_bits(text, n) * std::f64::consts::LN_2
}
