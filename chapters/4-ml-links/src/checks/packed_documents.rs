//! Exercise `packed_documents` of the page `scans`.

use ml_links::scans::scan_recurrence;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/packed_documents.rs"]
mod blank;
#[path = "../../solutions/packed_documents.rs"]
mod solution;

type Row = Vec<f64>;
type Answer = fn(&[f64], &[f64], &[usize], f64) -> (Row, Row);

pub fn exercise() -> Exercise {
    Exercise::new("packed_documents", Level::Core, "five lines", 10)
        .page("4-ml-links/scans")
        .hints([
            "With which coefficient does a step forget everything before it?",
            "What would the first step have made of the initial state, and where can that number go?",
        ])
        .notice(
            "What to notice: the scan itself did not change. A reset is one more affine map, so every tree can do it.",
        )
        .sources(
            include_str!("../../exercises/packed_documents.rs"),
            include_str!("../../solutions/packed_documents.rs"),
        )
        .answers::<Answer>(
            check,
            blank::packed_documents,
            solution::packed_documents,
            vec![forgets_the_initial_state, overwrites_the_first_input, changes_nothing],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (a, b) = ([0.5, 0.9, -0.3, 0.8, 1.0, 0.2, 0.7], [1.0, 2.0, 0.0, -1.0, 4.0, 3.0, 0.5]);
    for (starts, initial) in [(&[0, 3][..], 0.0), (&[0, 3], 10.0), (&[0, 1, 2, 6], -2.0)] {
        let (packed_a, packed_b) = answer(&a, &b, starts, initial);
        let at = format!("documents from {starts:?}, initial = {initial}");
        expect_equal(&at, "the length of a", a.len(), packed_a.len())?;
        // The scan itself starts from something else: no document may feel it.
        let found = scan_recurrence(&packed_a, &packed_b, 1e3)?;
        let mut expected = Vec::new();
        for (index, &start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(a.len());
            expected.extend(scan_recurrence(&a[start..end], &b[start..end], initial)?);
        }
        expect_close(&at, "x", expected, found, 1e-12)?;
    }
    Ok(())
}

fn forgets_the_initial_state(a: &[f64], b: &[f64], starts: &[usize], _: f64) -> (Row, Row) {
    solution::packed_documents(a, b, starts, 0.0)
}

fn overwrites_the_first_input(a: &[f64], b: &[f64], starts: &[usize], initial: f64) -> (Row, Row) {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    for &start in starts {
        (a[start], b[start]) = (0.0, initial);
    }
    (a, b)
}

fn changes_nothing(a: &[f64], b: &[f64], _: &[usize], _: f64) -> (Row, Row) {
    (a.to_vec(), b.to_vec())
}
