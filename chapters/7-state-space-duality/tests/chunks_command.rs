//! What `chunks` does with sizes that make sense, and says to those that make none.

use workbench::testing::CommandUnderTest;

const CHUNKS: CommandUnderTest =
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-7"), env!("CARGO_TARGET_TMPDIR"), "chunks");

const SMALL: [&str; 10] =
    ["--length", "20", "--heads", "4", "--head-dim", "3", "--groups", "2", "--d-state", "5"];

#[test]
fn times_are_measured_for_every_chunk_up_to_the_whole() {
    let said = CHUNKS.accepted(&[&SMALL[..], &["--time", "--rounds", "1"]].concat());
    for row in ["the loop, f32", "the loop, f64", "chunks of 1 ", "chunks of 16 ", "chunks of 20 "]
    {
        assert!(said.contains(row), "no {row} in\n{said}");
    }
    assert!(!said.contains("chunks of 32"), "{said}");
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    for option in ["--length", "--heads", "--head-dim", "--groups", "--d-state", "--rounds"] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            let argument = format!("{option}={value}");
            CHUNKS
                .refused(&["--time", &argument], &format!("invalid value '{value}' for '{option}"));
        }
    }
    CHUNKS.refused(
        &["--heads", "4", "--groups", "3"],
        "expected groups of equally many heads, found 3 groups of 4 heads",
    );
}
