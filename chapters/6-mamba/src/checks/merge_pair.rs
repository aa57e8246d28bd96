//! Exercise `merge_pair` of the page `mamba_lm`.

use std::collections::BTreeMap;

use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/merge_pair.rs"]
mod blank;
#[path = "../../solutions/merge_pair.rs"]
mod solution;

type Answer = fn(&[u32], u32) -> Vec<u32>;

pub fn exercise() -> Exercise {
    Exercise::new("merge_pair", Level::Stretch, "fourteen lines", 20)
        .page("6-mamba/mamba-lm")
        .hints([
            "Which standard collection counts pairs and keeps them in order?",
            "After a pair was replaced, at which token does the search go on?",
        ])
        .notice(
            "What to notice: called 256 times on the bytes of a book, with new tokens from 256 on, this is all there is to a tokenizer \
             of 512 tokens, but for its care not to go beyond a word.",
        )
        .sources(
            include_str!("../../exercises/merge_pair.rs"),
            include_str!("../../solutions/merge_pair.rs"),
        )
        .answers::<Answer>(
            check,
            blank::merge_pair,
            solution::merge_pair,
            vec![only_the_first, the_largest_of_equals, keeps_the_second],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let expect = |tokens: &[u32], expected: &[u32]| {
        expect_equal(format!("at {tokens:?}"), "the tokens", expected.to_vec(), answer(tokens, 99))
    };
    expect(&[], &[])?;
    expect(&[7], &[7])?;
    expect(&[1, 2, 3, 1, 2], &[99, 3, 99])?;
    expect(&[5, 1, 5, 1, 2], &[99, 99, 2])?;
    // Equally often: the smallest.
    expect(&[2, 1, 2, 0, 3], &[2, 1, 2, 99])?;
    // Overlapping: four of them are two pairs.
    expect(&[4, 4, 4, 4, 1], &[99, 99, 1])?;
    expect(&[4, 4, 4, 1], &[99, 4, 1])
}

fn commonest(tokens: &[u32], largest: bool) -> Option<(u32, u32)> {
    let mut counts = BTreeMap::new();
    for pair in tokens.windows(2) {
        *counts.entry((pair[0], pair[1])).or_insert(0) += 1;
    }
    let most = *counts.values().max()?;
    let mut pairs = counts.into_iter().filter(|&(_, count)| count == most).map(|(pair, _)| pair);
    if largest { pairs.next_back() } else { pairs.next() }
}

fn only_the_first(tokens: &[u32], new: u32) -> Vec<u32> {
    let mut tokens = tokens.to_vec();
    if let Some((one, other)) = commonest(&tokens, false)
        && let Some(place) = tokens.windows(2).position(|pair| pair == [one, other])
    {
        tokens.splice(place..place + 2, [new]);
    }
    tokens
}

fn the_largest_of_equals(tokens: &[u32], new: u32) -> Vec<u32> {
    replaced(tokens, commonest(tokens, true), new)
}

fn replaced(tokens: &[u32], pair: Option<(u32, u32)>, new: u32) -> Vec<u32> {
    let (mut merged, mut k) = (Vec::new(), 0);
    while k < tokens.len() {
        let is_pair = k + 1 < tokens.len() && Some((tokens[k], tokens[k + 1])) == pair;
        merged.push(if is_pair { new } else { tokens[k] });
        k += if is_pair { 2 } else { 1 };
    }
    merged
}

fn keeps_the_second(tokens: &[u32], new: u32) -> Vec<u32> {
    let Some((one, other)) = commonest(tokens, false) else { return tokens.to_vec() };
    let next = |k: usize| tokens.get(k + 1) == Some(&other);
    let swap = |(k, &token): (usize, &u32)| if token == one && next(k) { new } else { token };
    tokens.iter().enumerate().map(swap).collect()
}
