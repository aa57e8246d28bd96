//! Exercise `idx_sizes` of the page `mnist`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/idx_sizes.rs"]
mod blank;
#[path = "../../solutions/idx_sizes.rs"]
mod solution;

type Answer = fn(&[u8]) -> Option<Vec<u32>>;

pub fn exercise() -> Exercise {
    Exercise::new("idx_sizes", Level::Core, "eight lines", 10)
        .page("5-s4/mnist")
        .hints([
            "How long must the header be, once its fourth byte is known?",
            "What is done to a number when one more digit is written behind it? And if there are 256 digits?",
        ])
        .notice(
            "What to notice: four bytes are a magic number and a check at once, and none of what follows is believed before \
             it is there.",
        )
        .sources(
            include_str!("../../exercises/idx_sizes.rs"),
            include_str!("../../solutions/idx_sizes.rs"),
        )
        .answers::<Answer>(
            check,
            blank::idx_sizes,
            solution::idx_sizes,
            vec![smallest_first, always_three, takes_any_kind, stops_at_the_end],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let images = [0, 0, 8, 3, 0, 0, 0xea, 0x60, 0, 0, 0, 28, 0, 0, 0, 28, 5, 5, 5];
    let at = |place: &str, expected: Option<&[u32]>, file: &[u8]| {
        expect_equal(format!("at {place}"), "sizes", expected.map(<[u32]>::to_vec), answer(file))
    };
    at("the header of 60000 pictures", Some(&[60_000, 28, 28]), &images)?;
    at("the header of 10000 labels", Some(&[10_000]), &[0, 0, 8, 1, 0, 0, 0x27, 0x10, 7])?;
    at("a header without axes", Some(&[]), &[0, 0, 8, 0])?;
    at("a page of HTML", None, b"<!DOCTYPE html><html>")?;
    at("a file of floating-point numbers", None, &[0, 0, 0x0d, 1, 0, 0, 0, 1, 0])?;
    at("a header that ends in its third size", None, &images[..15])?;
    at("a file of three bytes", None, &images[..3])?;
    at("an empty file", None, &[])
}

fn sizes(file: &[u8], axes: usize, number: fn([u8; 4]) -> u32) -> Option<Vec<u32>> {
    let sizes = file.get(4..4 + 4 * axes)?;
    Some(sizes.chunks(4).filter_map(|bytes| bytes.try_into().ok()).map(number).collect())
}

fn smallest_first(file: &[u8]) -> Option<Vec<u32>> {
    sizes(file, usize::from(*file.get(3)?), u32::from_le_bytes)
        .filter(|_| file.starts_with(&[0, 0, 8]))
}

fn always_three(file: &[u8]) -> Option<Vec<u32>> {
    sizes(file, 3, u32::from_be_bytes).filter(|_| file.starts_with(&[0, 0, 8]))
}

fn takes_any_kind(file: &[u8]) -> Option<Vec<u32>> {
    sizes(file, usize::from(*file.get(3)?), u32::from_be_bytes)
}

fn stops_at_the_end(file: &[u8]) -> Option<Vec<u32>> {
    let axes = usize::from(*file.get(3)?).min((file.len() - 4) / 4);
    sizes(file, axes, u32::from_be_bytes).filter(|_| file.starts_with(&[0, 0, 8]))
}
