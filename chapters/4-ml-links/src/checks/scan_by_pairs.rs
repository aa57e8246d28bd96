//! Exercise `scan_by_pairs` of the page `scans`.

use std::sync::atomic::AtomicUsize;

use ml_links::scans::{Waiting, counting, scan};
use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/scan_by_pairs.rs"]
mod blank;
#[path = "../../solutions/scan_by_pairs.rs"]
mod solution;

type Word = Waiting<String>;
type Then<'a> = &'a dyn Fn(&Word, &Word) -> Word;
type Answer = fn(&[Word], Then<'_>) -> Vec<Word>;

pub fn exercise() -> Exercise {
    Exercise::new("scan_by_pairs", Level::Stretch, "nine lines", 20)
        .page("4-ml-links/scans")
        .hints([
            "If neighbours are joined, which prefixes of the items are prefixes of the pairs?",
            "What is between the end of a pair and the next odd one out?",
        ])
        .notice(
            "What to notice: this is the tree without indices, and it is how JAX writes its associative_scan.",
        )
        .sources(
            include_str!("../../exercises/scan_by_pairs.rs"),
            include_str!("../../solutions/scan_by_pairs.rs"),
        )
        .answers::<Answer>(
            check,
            blank::scan_by_pairs,
            solution::scan_by_pairs,
            vec![waits, forgets_the_odd_one_out, joins_backwards],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let join = |one: &String, other: &String| format!("{one}{other}");
    for n in [0, 1, 2, 3, 5, 8, 13, 64] {
        let letters = (b'a'..=b'z').cycle().take(n).map(|letter| char::from(letter).to_string());
        let items: Vec<Word> = letters.map(|item| Waiting { item, rounds: 0 }).collect();
        let expected: Vec<String> =
            scan(&items.iter().map(|item| item.item.clone()).collect::<Vec<_>>(), join);

        let work = AtomicUsize::new(0);
        let found = answer(&items, &counting(join, &work));
        let words: Vec<String> = found.iter().map(|word| word.item.clone()).collect();
        expect_equal(format!("for {n} letters"), "the prefixes", expected, words)?;
        let longest = found.iter().map(|word| word.rounds).max().unwrap_or(0);
        let allowed = 2 * n.max(1).ilog2() as usize;
        if longest > allowed {
            let expected = format!("no chain longer than {allowed} calls");
            return Err(Mismatch::new(format!("for {n} letters"), expected, longest));
        }
    }
    Ok(())
}

fn waits(items: &[Word], then: Then<'_>) -> Vec<Word> {
    scan(items, then)
}

fn forgets_the_odd_one_out(items: &[Word], then: Then<'_>) -> Vec<Word> {
    solution::scan_by_pairs(&items[..items.len() / 2 * 2], then)
}

fn joins_backwards(items: &[Word], then: Then<'_>) -> Vec<Word> {
    solution::scan_by_pairs(items, &|one, other| then(other, one))
}
