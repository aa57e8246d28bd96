//! What the commands of chapter 6 say to arguments that make no sense: a sentence, and never a panic.

use workbench::testing::{CommandUnderTest, argument, names_in};

const fn command(name: &'static str) -> CommandUnderTest {
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-6"), env!("CARGO_TARGET_TMPDIR"), name)
}

#[test]
fn puzzles_are_refused_in_a_sentence() {
    let gate = command("gate");
    for option in ["--copied", "--length", "--vocabulary"] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            let sentence = format!("invalid value '{value}' for '{option}");
            gate.refused(&[option, value], &sentence);
        }
    }
    gate.refused(&["--vocabulary", "3"], "expected a vocabulary of at least 4, found 3");
    gate.refused(&["--copied", "13"], "expected a length of at least 13, found 12");
    gate.refused(&["--copied", "1", "--length", "2"], "expected a length of at least 3, found 2");
    gate.accepted(&["--copied", "1", "--length", "3", "--vocabulary", "4", "--seed", "9"]);
    gate.accepted(&["--copied", "12"]);
}

/// The smallest model that is taught for a few steps.
const TINY: [&str; 18] = [
    "--steps",
    "12",
    "--length",
    "16",
    "--shortest",
    "8",
    "--batch",
    "2",
    "--d-model",
    "8",
    "--d-state",
    "2",
    "--layers",
    "1",
    "--up-to",
    "2",
    "--evaluate-every",
    "6",
];

#[test]
fn puzzles_are_taught_and_a_run_goes_on() {
    let train = command("train");
    let folder = train.folder("puzzles");
    let path = |name: &str| argument(&folder.join(name)).to_owned();
    for (task, more) in [("selective-copy", &["--copied", "4"][..]), ("induction", &[])] {
        for model in ["selective", "s4d"] {
            let (out, log) =
                (path(&format!("{task}-{model}")), path(&format!("{task}-{model}.csv")));
            let arguments =
                [&[task, "--model", model, "--out", &out, "--log", &log], more, &TINY].concat();
            let said = train.accepted(&arguments);
            assert!(said.contains("12 of 32 tokens, in sequences of 8 to 16"), "{said}");
            assert!(said.contains("after     12 steps: "), "{said}");
            // A quarter of the length, half of it, itself, and twice as much.
            assert_eq!(said.lines().filter(|line| line.ends_with(" %")).count(), 4, "{said}");
            assert!(std::fs::read_to_string(&log).unwrap().lines().count() > 1);
            assert_eq!(
                names_in(&folder.join(format!("{task}-{model}"))),
                ["best.safetensors", "last.safetensors"]
            );
            // A finished run has nothing left to do, and says the same; another does not overwrite it.
            let again = train.accepted(&[&arguments[..], &["--resume"]].concat());
            assert_eq!(said.lines().last(), again.lines().last());
            let refused = train.run(&arguments);
            let said = String::from_utf8_lossy(&refused.stderr);
            assert!(said.contains("expected a folder without a checkpoint"), "{said}");
        }
    }
}

#[test]
fn teaching_refuses_what_makes_no_sense() {
    let train = command("train");
    for task in ["selective-copy", "induction"] {
        let refused =
            |more: &[&str], sentence: &str| train.refused(&[&[task], more].concat(), sentence);
        for option in
            ["--steps", "--length", "--shortest", "--batch", "--vocabulary", "--layers", "--taps"]
        {
            refused(&[&format!("{option}=0")], &format!("invalid value '0' for '{option}"));
        }
        refused(&["--model", "attention"], "invalid value 'attention'");
        refused(&["--shortest", "300"], "expected --shortest of at most --length, 256, found 300");
        refused(&["--minutes", "0"], "expected --minutes above 0, found 0");
        refused(&["--minutes", "nan"], "expected --minutes above 0, found NaN");
    }
    train.refused(
        &["selective-copy", "--copied", "300"],
        "expected a length of at least 300, found 256",
    );
    train.refused(
        &["selective-copy", "--vocabulary", "3"],
        "expected a vocabulary of at least 4, found 3",
    );
    train.refused(&["induction", "--length", "2"], "expected a length of at least 3, found 2");
}
