//! What `turn` and `train parity` do with arguments that make sense, and say to those that make none.

use workbench::testing::{CommandUnderTest, argument, names_in};

const fn command(name: &'static str) -> CommandUnderTest {
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-7"), env!("CARGO_TARGET_TMPDIR"), name)
}

#[test]
fn turns_are_refused_in_a_sentence() {
    let turn = command("turn");
    for option in ["--length", "--rank"] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            turn.refused(&[option, value], &format!("invalid value '{value}' for '{option}"));
        }
    }
    turn.accepted(&["--length", "1", "--rank", "1", "--seed", "9"]);
}

const TINY: [&str; 18] = [
    "--steps",
    "6",
    "--length",
    "8",
    "--shortest",
    "4",
    "--batch",
    "2",
    "--d-model",
    "8",
    "--d-state",
    "4",
    "--head-dim",
    "8",
    "--up-to",
    "2",
    "--evaluate-every",
    "3",
];

#[test]
fn parity_is_taught_and_a_run_goes_on() {
    let train = command("train");
    let folder = train.folder("parity");
    let path = |name: &str| argument(&folder.join(name)).to_owned();
    for model in ["mamba3", "real", "mamba2"] {
        let (out, log) = (path(model), path(&format!("{model}.csv")));
        let arguments =
            [&["parity", "--model", model, "--out", &out, "--log", &log][..], &TINY].concat();
        let said = train.accepted(&arguments);
        assert!(said.contains("strings of 4 to 8 bits"), "{said}");
        assert!(said.contains("after     6 steps: "), "{said}");
        // An eighth of the length, a quarter, half of it, itself, and twice as much.
        assert_eq!(said.lines().filter(|line| line.ends_with(" %")).count(), 5, "{said}");
        assert!(std::fs::read_to_string(&log).unwrap().lines().count() > 1);
        assert_eq!(names_in(&folder.join(model)), ["best.safetensors", "last.safetensors"]);
        // A finished run has nothing left to do, and says the same; another does not overwrite it.
        let again = train.accepted(&[&arguments[..], &["--resume"]].concat());
        assert_eq!(said.lines().last(), again.lines().last());
        let refused = train.run(&arguments);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("expected a folder without a checkpoint"), "{said}");
    }
}

#[test]
fn teaching_parity_refuses_what_makes_no_sense() {
    let train = command("train");
    let refused =
        |more: &[&str], sentence: &str| train.refused(&[&["parity"], more].concat(), sentence);
    for option in ["--steps", "--length", "--shortest", "--batch", "--layers", "--d-state"] {
        refused(&[&format!("{option}=0")], &format!("invalid value '0' for '{option}"));
    }
    refused(&["--model", "attention"], "invalid value 'attention'");
    refused(&["--shortest", "50"], "expected --shortest of at most --length, 40, found 50");
    refused(&["--doubt", "0.5"], "expected --doubt from 0 to below 0.5, found 0.5");
    refused(&["--doubt", "nan"], "expected --doubt from 0 to below 0.5, found NaN");
    refused(&["--d-state", "5"], "expected a number of states even and above 0, found 5");
    refused(&["--head-dim", "5"], "expected a size of a head that divides twice the number");
    refused(&["--delta-min", "2"], "expected steps above 0, the shorter first, found 2 to 0.1");
    refused(&["--minutes", "0"], "expected --minutes above 0, found 0");
}
