//! What the commands of chapter 4 say to arguments that make no sense: a sentence, and never a panic. And that the
//! race of the page *Recurrent networks*, on short stories, ends as the page says.

use workbench::testing::CommandUnderTest;

const fn command(name: &'static str) -> CommandUnderTest {
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-4"), env!("CARGO_TARGET_TMPDIR"), name)
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let counts = [
        ("vanish", &["--units", "--steps"][..]),
        ("recall", &["--length", "--steps", "--batch", "--parameters"]),
        ("dual", &["--length", "--push"]),
        ("layer", &["--width", "--d-state", "--length", "--chunk"]),
        ("parameterize", &["--channels", "--d-state", "--steps", "--length"]),
        ("structures", &["--size", "--rank"]),
        ("scan", &["--length", "--pieces"]),
        ("adjoint", &["--length"]),
    ];
    for (name, options) in counts {
        for option in options {
            for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
                let sentence = format!("invalid value '{value}' for '{option}");
                command(name).refused(&[option, value], &sentence);
            }
        }
    }
}

#[test]
fn numbers_out_of_range_are_refused_in_a_sentence() {
    let positive = [
        ("vanish", "--loudness", "the loudness"),
        ("dual", "--damping", "the damping"),
        ("dual", "--delta", "the step"),
        ("parameterize", "--rate", "the learning rate"),
        ("adjoint", "--delta", "the step"),
    ];
    for (name, option, what) in positive {
        for (value, found) in [("0", "0"), ("-1", "-1"), ("nan", "NaN"), ("inf", "inf")] {
            let sentence = format!("expected {what} to be finite and positive, found {found}");
            command(name).refused(&[option, value], &sentence);
        }
    }
    let refused = |name, option, value, sentence| command(name).refused(&[option, value], sentence);
    refused("vanish", "--memory", "1", "expected T - 1 to be finite and positive, found 0");
    refused("recall", "--murmur", "-1", "expected the murmur to be finite and not negative");
    refused("recall", "--length", "65536", "expected at most 1048576 numbers in a batch");
    refused("recall", "--backend", "abacus", "invalid value 'abacus'");
    refused("layer", "--length", "1000000", "expected at most 16777216 states in all");
    refused("parameterize", "--d-state", "3", "expected an even number of states, found 3");
    for value in ["0", "-1", "nan", "inf", "0.0001"] {
        refused("parameterize", "--delta-max", value, "expected --delta-max from 0.001 to 1000");
    }
    refused("structures", "--distance", "1,-1", "expected the distance to be finite and not");
    refused("structures", "--distance", "nan", "expected the distance to be finite and not");
    for value in ["1.5", "-2", "nan"] {
        refused("adjoint", "--keep", value, "expected --keep from -1 to 1");
    }
}

#[test]
fn short_stories_are_learned_by_all_but_the_ordinary_gru() {
    let short = ["--length", "20", "--parameters", "300", "--batch", "16", "--steps", "120"];
    let text = command("recall").accepted(&short);
    let row = |name: &str| -> Vec<f64> {
        let row = text.lines().find_map(|line| line.strip_prefix(name)).expect("a row");
        row.split_whitespace().map(|number| number.parse().expect("a number")).collect()
    };
    // Recorded: 0.09, 0.34, 0.03 and 0.22, where 0.33 is no answer at all. Roundings differ, and training magnifies them.
    let unseen = row("unseen stories");
    assert!(unseen[0] < 0.2 && unseen[2] < 0.2 && unseen[3] < 0.28, "{unseen:?}");
    assert!(unseen[1] > 0.25, "{unseen:?}");
}

#[test]
fn the_smallest_and_the_oddest_are_accepted() {
    command("vanish").accepted(&["--units", "1", "--steps", "3", "--loudness", "1e-3"]);
    command("dual").accepted(&["--length", "1", "--push", "1", "--damping", "1e-9"]);
    command("layer").accepted(&["--width", "1", "--d-state", "1", "--length", "1", "--chunk", "7"]);
    // It prints infinities on purpose: formulas as they are written.
    assert!(command("parameterize").run(&["--channels", "1", "--d-state", "2"]).status.success());
    command("structures").accepted(&["--size", "2", "--rank", "1"]);
    command("scan").accepted(&["--length", "1", "--pieces", "1000"]);
    command("adjoint").accepted(&["--length", "1"]);
    let recall = ["--length", "1", "--steps", "1", "--batch", "1", "--parameters", "1"];
    command("recall").accepted(&recall);
}
