//! Exercise `lines_touched` of the page `gpu_scan`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/lines_touched.rs"]
mod blank;
#[path = "../../solutions/lines_touched.rs"]
mod solution;

type Answer = fn(usize) -> usize;

pub fn exercise() -> Exercise {
    Exercise::new("lines_touched", Level::WarmUp, "three lines", 5)
        .page("6-mamba/gpu-scan")
        .hints([
            "In which line does the byte with the number 300 lie?",
            "When do two neighbouring threads touch the same line, and when do all 32?",
        ])
        .notice(
            "What to notice: with channels last neighbours read neighbours, and 128 bytes come for 128 that are wanted. With time last \
             each thread has a line of its own, and 4096 bytes come for the same 128.",
        )
        .sources(
            include_str!("../../exercises/lines_touched.rs"),
            include_str!("../../solutions/lines_touched.rs"),
        )
        .answers::<Answer>(
            check,
            blank::lines_touched,
            solution::lines_touched,
            vec![counts_numbers_for_bytes, counts_the_gaps, never_shares_a_line],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (stride, lines) in
        [(1, 1), (0, 1), (2, 2), (3, 3), (16, 16), (32, 32), (33, 32), (4096, 32)]
    {
        expect_equal(format!("at a stride of {stride}"), "the lines", lines, answer(stride))?;
    }
    Ok(())
}

fn counts_numbers_for_bytes(stride: usize) -> usize {
    (31 * stride / 128 + 1).min(32)
}

fn counts_the_gaps(stride: usize) -> usize {
    31 * stride * 4 / 128 + 1
}

fn never_shares_a_line(stride: usize) -> usize {
    if stride < 2 { 1 } else { 32 }
}
