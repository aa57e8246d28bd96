//! Exercise `pair_bits`, of the page `language_model`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/pair_bits.rs"]
mod blank;
#[path = "../../solutions/pair_bits.rs"]
mod solution;

type Answer = fn(&[usize], &[usize], usize) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("pair_bits", Level::Stretch, "ten lines", 20)
        .page("4-ml-links/language-model")
        .hints([
            "How many pairs of neighbours does a text of n characters have?",
            "What does the +1 do to a pair that training never showed?",
        ])
        .notice(
            "What to notice: had the table counted the text it is judged by, it would look better than it is. What was \
             held out is worth holding out.",
        )
        .sources(
            include_str!("../../exercises/pair_bits.rs"),
            include_str!("../../solutions/pair_bits.rs"),
        )
        .answers::<Answer>(
            check,
            blank::pair_bits,
            solution::pair_bits,
            vec![learns_the_test, ignores_the_one_before, never_says_perhaps],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // After 0 came 1 twice and 0 never: p = 3/4 and 1/4.
    let train = [0, 1, 0, 1];
    let bits = 2.0 - 3_f64.log2();
    expect_close("of 0 1 after 0 1 0 1", "H", bits, answer(&train, &[0, 1], 2), 1e-12)?;
    expect_close("of 0 0 after 0 1 0 1", "H", 2.0, answer(&train, &[0, 0], 2), 1e-12)?;
    let mean = 0.5 * (bits + (2.0 / 3.0_f64).log2().abs());
    expect_close("of 0 1 0 after 0 1 0 1", "H", mean, answer(&train, &[0, 1, 0], 2), 1e-12)?;
    expect_close("of 2 3 after nothing", "H", 2.0, answer(&[], &[2, 3], 4), 1e-12)
}

fn learns_the_test(train: &[usize], text: &[usize], vocabulary: usize) -> f64 {
    solution::pair_bits(&[train, text].concat(), text, vocabulary)
}

fn ignores_the_one_before(train: &[usize], text: &[usize], vocabulary: usize) -> f64 {
    let count = |token: usize| train.iter().filter(|other| **other == token).count() as f64;
    let all = (train.len() + vocabulary) as f64;
    let bits = text[1..].iter().map(|token| -((count(*token) + 1.0) / all).log2());
    bits.sum::<f64>() / (text.len() - 1) as f64
}

fn never_says_perhaps(train: &[usize], text: &[usize], _: usize) -> f64 {
    let count = |pair: &[usize]| train.windows(2).filter(|other| *other == pair).count() as f64;
    let before = |token: usize| train.windows(2).filter(|pair| pair[0] == token).count() as f64;
    let bits = text.windows(2).map(|pair| -(count(pair) / before(pair[0])).log2());
    bits.sum::<f64>() / (text.len() - 1) as f64
}
