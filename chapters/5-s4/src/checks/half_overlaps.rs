//! Exercise `half_overlaps` of the page `s4_language_model`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/half_overlaps.rs"]
mod blank;
#[path = "../../solutions/half_overlaps.rs"]
mod solution;

type Pieces = Vec<(usize, usize, usize)>;
type Answer = fn(usize, usize) -> Pieces;

pub fn exercise() -> Exercise {
    Exercise::new("half_overlaps", Level::Stretch, "five lines", 15)
        .page("5-s4/s4-language-model")
        .hints([
            "How many characters can one piece foretell, if the first has seen n and the last fewer than 2 n?",
            "Where must the next piece begin, so that its first character has seen n again?",
        ])
        .notice(
            "What to notice: every character is read twice, whatever n is; to give each exactly n would take n readings. \
             Papers that report bits per character with a 'stride' read so.",
        )
        .sources(
            include_str!("../../exercises/half_overlaps.rs"),
            include_str!("../../solutions/half_overlaps.rs"),
        )
        .answers::<Answer>(
            check,
            blank::half_overlaps,
            solution::half_overlaps,
            vec![without_overlap, one_by_one, loses_the_end],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (length, n) in [(10, 2), (11, 3), (12, 3), (5, 1), (100, 16), (7, 6), (6, 6), (0, 4)] {
        let at = format!("at a length of {length}, n = {n}");
        let pieces = answer(length, n);
        let mut times = vec![0; length];
        let mut read = 0;
        for &(begin, from, to) in &pieces {
            if !(begin <= from && from < to && to <= length) {
                let expected = format!("begin <= from < to <= {length}");
                return Err(Mismatch::new(at, expected, format!("({begin}, {from}, {to})")));
            }
            for (k, times) in times.iter_mut().enumerate().take(to).skip(from) {
                if !(n..2 * n).contains(&(k - begin)) {
                    let expected = format!("{n} to {} characters before place {k}", 2 * n - 1);
                    return Err(Mismatch::new(at, expected, k - begin));
                }
                *times += 1;
            }
            read += to - begin;
        }
        let expected: Vec<i32> = (0..length).map(|k| i32::from(k >= n)).collect();
        expect_equal(&at, "how often each is foretold", expected, times)?;
        if read > 2 * length {
            return Err(Mismatch::new(at, format!("at most {} read", 2 * length), read));
        }
    }
    Ok(())
}

fn without_overlap(length: usize, n: usize) -> Pieces {
    let piece = |begin: usize| (begin, begin + n, length.min(begin + 2 * n));
    (0..length.saturating_sub(n)).step_by(2 * n).map(piece).collect()
}

fn one_by_one(length: usize, n: usize) -> Pieces {
    (n..length).map(|k| (k - n, k, k + 1)).collect()
}

fn loses_the_end(length: usize, n: usize) -> Pieces {
    (1..length / n).map(|i| ((i - 1) * n, i * n, (i + 1) * n)).collect()
}
