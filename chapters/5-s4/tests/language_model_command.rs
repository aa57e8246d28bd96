//! `chapter-5 train-on-book`, `generate` and `context` as a reader meets them: what they print, what they write, and what
//! they say to bad input.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use ml_links::language_model::LanguageModelConfig;
use ml_links::training::checkpoint::Checkpoint;
use serde_json::json;
use workbench::testing::{CommandUnderTest, argument, file};

const fn command(name: &'static str) -> CommandUnderTest {
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-5"), env!("CARGO_TARGET_TMPDIR"), name)
}

/// A small text with something to learn in it.
const VERSE: &str =
    "The state remembers what the inputs were, the output tells what it remembers.\n";

/// A folder with the verse, repeated, and the arguments of a run of seconds in it.
struct Run {
    verse: String,
    out: String,
    log: String,
}

impl Run {
    fn new(name: &str) -> Self {
        let folder = command("train-on-book").folder(name);
        Self {
            verse: file(&folder, "verse.txt", VERSE.repeat(20)),
            out: argument(&folder.join("run")).to_owned(),
            log: argument(&folder.join("log.csv")).to_owned(),
        }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let small = [
            "--text",
            &self.verse,
            "--out",
            &self.out,
            "--batch",
            "4",
            "--length",
            "32",
            "--d-model",
            "16",
            "--d-state",
            "4",
            "--layers",
            "2",
            "--dropout",
            "0.1",
            "--lr",
            "0.01",
            "--steps",
            "60",
        ];
        [&small[..], more].concat()
    }

    /// The same with another value of a flag.
    fn with<'a>(&'a self, flag: &str, value: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = self.arguments(more);
        let place = arguments.iter().position(|argument| *argument == flag);
        arguments[place.expect("the flag") + 1] = value;
        arguments
    }
}

/// It fails with this sentence, whatever it has printed before.
fn fails(command: CommandUnderTest, arguments: &[&str], sentence: &str) {
    let output = command.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} was accepted");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.contains(sentence), "{arguments:?}: expected `{sentence}`, found `{said}`");
}

#[test]
fn the_loss_falls_the_model_writes_on_and_its_eyes_can_be_covered() {
    for memory in ["s4d", "s4"] {
        let run = Run::new(memory);
        let arguments = run.arguments(&["--model", memory, "--log", &run.log]);
        let printed = command("train-on-book").accepted(&arguments);
        assert!(printed.contains("1404 to learn from, 156 held out"), "{printed}");
        assert!(printed.contains("model     blocks of S4 or S4D: "), "{printed}");
        let log = fs::read_to_string(&run.log).unwrap();
        let loss = |line: &str| line.split(',').nth(1).unwrap().parse::<f64>().unwrap();
        let rows: Vec<f64> = log.lines().skip(1).map(loss).collect();
        assert_eq!(rows.len(), 6);
        assert!(rows[5] < 0.6 * rows[0], "{memory}: {rows:?}");

        let write = |seed: &str| {
            let prompt = ["--checkpoint", &run.out, "--prompt", "The state ", "--seed", seed];
            command("generate").accepted(&[&prompt[..], &["--characters", "40"]].concat())
        };
        let first = write("1");
        assert!(first.starts_with("The state ") && first.chars().count() == 51, "{first}");
        assert_eq!(first, write("1"));
        assert_ne!(first, write("2"));

        let covered = ["--checkpoint", &run.out, "--text", &run.verse, "--longest", "64"];
        let table = command("context").accepted(&[&covered[..], &["--every", "1"]].concat());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "foretold  92 of 156 characters held out");
        assert_eq!(lines.len(), 2 + 7 + 1 + 1, "{table}");
        let bits = |line: &str| -> f64 {
            line.split_whitespace().nth(2).and_then(|bits| bits.parse().ok()).expect("bits")
        };
        // Eight letters say more than one.
        assert!(bits(lines[5]) < bits(lines[2]) - 0.02, "{table}");
        assert!(lines[2].trim_start().starts_with("1 ") && lines[9].contains("all"), "{table}");
        assert!(lines[10].starts_with("reach     "), "{table}");
    }
}

#[test]
fn a_run_that_was_stopped_continues_to_the_same_weights_bit_for_bit() {
    let train = command("train-on-book");
    let (whole, stopped) = (Run::new("whole"), Run::new("stopped"));
    let memory = ["--model", "s4"];
    train.accepted(&whole.with("--steps", "12", &memory));
    let soon = [&memory[..], &["--minutes", "0.000001"]].concat();
    let printed = train.accepted(&stopped.with("--steps", "12", &soon));
    assert!(
        printed.contains("11 steps are left: the same command with --resume goes on"),
        "{printed}"
    );
    train.accepted(&stopped.with("--steps", "12", &[&memory[..], &["--resume"]].concat()));
    let read = |run: &Run| fs::read(Path::new(&run.out).join("last.safetensors")).unwrap();
    assert!(read(&whole) == read(&stopped), "the weights differ");

    // It is the run of this memory, and of no other.
    let other = stopped.with("--steps", "12", &["--model", "s4d", "--resume"]);
    fails(train, &other, "expected model = ");
    fails(train, &stopped.with("--steps", "12", &memory), "continue that run with --resume");
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let train = command("train-on-book");
    let run = Run::new("numbers");
    for (flag, value, sentence) in [
        ("--d-state", "5", "expected the state size d_state even and 2 or more, found 5"),
        ("--d-model", "0", "expected the width d_model of 1 or more, found 0"),
        ("--layers", "0", "expected the number of layers of 1 or more, found 0"),
        ("--dropout", "1", "expected the share of dropout from 0 to below 1, found 1"),
        ("--batch", "0", "expected --batch and --length of 1 or more, found 0"),
        ("--steps", "0", "expected the number of steps a positive number, found 0"),
    ] {
        train.refused(&run.with(flag, value, &["--model", "s4"]), sentence);
    }
    train.refused(&run.arguments(&["--model", "lstm"]), "invalid value 'lstm' for '--model");
    let sentence = "expected the smallest step positive, found 0";
    train.refused(&run.arguments(&["--delta-min", "0"]), sentence);
    let sentence = "expected the largest step not below the smallest, found 0.0001";
    train.refused(&run.arguments(&["--delta-max", "0.0001"]), sentence);
    assert!(!Path::new(&run.out).exists(), "a folder was made for nothing");
    fs::write(&run.verse, "tiny").unwrap();
    let sentence =
        "expected at least 37 characters, for pieces of 32 and a held-out tenth; found 4";
    train.refused(&run.arguments(&[]), sentence);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (generate, context) = (command("generate"), command("context"));
    let run = Run::new("together");
    command("train-on-book").accepted(&run.with("--steps", "2", &[]));
    let folder = generate.folder("together");

    generate.refused(&["--checkpoint", &run.out, "--prompt", "The X ray"], "found 'X', 'y'");
    let prompt = "expected a prompt of at least one character";
    generate.refused(&["--checkpoint", &run.out, "--prompt", ""], prompt);
    let strange = file(&folder, "strange.txt", "Übung macht den Meister.".repeat(20));
    let with = |more: &[&'static str]| -> Vec<String> {
        let first = ["--checkpoint", &run.out, "--text", &run.verse];
        first.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
    };
    let sentence = "expected characters of the text that the model was trained on, found ";
    context.refused(&["--checkpoint", &run.out, "--text", &strange], sentence);
    let refused = |more: &[&'static str], sentence: &str| {
        let arguments = with(more);
        context.refused(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), sentence);
    };
    refused(&[], "expected at least 10290 characters, for a last tenth with contexts of 1024");
    for (flag, value) in [("--longest", "0"), ("--every", "0"), ("--longest", "99999999")] {
        refused(&[flag, value], &format!("invalid value '{value}' for '{flag}"));
    }
    let arguments = with(&["--longest", "1", "--every", "154"]);
    context.accepted(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    refused(&["--longest", "1", "--every", "155"], "expected at least 1570 characters");

    // The model of chapter 4 is read by chapter 4.
    let config = LanguageModelConfig {
        vocabulary: 3,
        d_model: 4,
        d_state: 2,
        layers: 1,
        dropout: 0.0,
        seed: 1,
    };
    let model = config.init(&Device::flex()).unwrap();
    let configuration =
        json!({ "architecture": "diagonal state spaces", "model": config, "vocabulary": "abc" });
    let foreign = folder.join("chapter-4.safetensors");
    Checkpoint::of_model(&model, &configuration).write(&foreign).unwrap();
    let sentence = "expected blocks of S4 or S4D, found diagonal state spaces";
    generate.refused(&["--checkpoint", argument(&foreign)], sentence);
    context.refused(&["--checkpoint", argument(&foreign)], sentence);
    let nowhere = folder.join("nowhere");
    context.refused(&["--checkpoint", argument(&nowhere)], "cannot read the checkpoint ");
}
