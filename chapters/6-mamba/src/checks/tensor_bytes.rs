//! Exercise `tensor_bytes`, of the page `pretrained`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/tensor_bytes.rs"]
mod blank;
#[path = "../../solutions/tensor_bytes.rs"]
mod solution;

type Answer = fn(&[u8], usize, usize) -> Option<&[u8]>;

pub fn exercise() -> Exercise {
    Exercise::new("tensor_bytes", Level::Core, "five lines", 15)
        .page("6-mamba/pretrained")
        .hints([
            "Which methods of slices answer `None` where an index would panic?",
            "A header of 2⁶⁴ - 1 bytes: which sum overflows, and how do two cuts one after the other do without it?",
        ])
        .notice(
            "What to notice: who cuts first the length, then the header, then the tensor, never adds two numbers of a stranger. What is \
             not added does not overflow.",
        )
        .sources(
            include_str!("../../exercises/tensor_bytes.rs"),
            include_str!("../../solutions/tensor_bytes.rs"),
        )
        .answers::<Answer>(
            check,
            blank::tensor_bytes,
            solution::tensor_bytes,
            vec![counts_from_the_file, forgets_the_length, big_end_first],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let file = |header: u64| [&header.to_le_bytes()[..], b"{\"w\": 1}0123456789"].concat();
    let whole = file(8);
    for (begin, end, expected) in [
        (0, 4, Some(&b"0123"[..])),
        (4, 10, Some(b"456789")),
        (10, 10, Some(b"")),
        (4, 11, None),
        (6, 4, None),
        (usize::MAX - 3, usize::MAX, None),
    ] {
        let at = format!("at a header of 8 bytes and data of 10, from {begin} to {end}");
        expect_equal(at, "the bytes", expected, answer(&whole, begin, end))?;
    }
    for header in [19, u64::MAX, u64::MAX - 7] {
        let at = format!("at a file of 26 bytes with a header of {header}");
        expect_equal(at, "the bytes", None::<&[u8]>, answer(&file(header), 0, 0))?;
    }
    for length in 0..8 {
        let at = format!("at a file of {length} bytes");
        expect_equal(at, "the bytes", None::<&[u8]>, answer(&whole[..length], 0, 0))?;
    }
    Ok(())
}

fn counts_from_the_file(file: &[u8], begin: usize, end: usize) -> Option<&[u8]> {
    file.get(begin..end)
}

fn forgets_the_length(file: &[u8], begin: usize, end: usize) -> Option<&[u8]> {
    let length = file.first_chunk()?;
    file.get(usize::try_from(u64::from_le_bytes(*length)).ok()?..)?.get(begin..end)
}

fn big_end_first(file: &[u8], begin: usize, end: usize) -> Option<&[u8]> {
    let (length, rest) = file.split_first_chunk()?;
    rest.get(usize::try_from(u64::from_be_bytes(*length)).ok()?..)?.get(begin..end)
}
