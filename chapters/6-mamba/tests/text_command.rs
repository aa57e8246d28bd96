//! `chapter-6 train text` as a reader meets it: what it prints, what it writes, and what it says to bad input.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use mamba::mamba_lm::MambaLm;
use mamba::tensor_files::TensorFiles;
use workbench::testing::{CommandUnderTest, argument, file};

const TRAIN: CommandUnderTest =
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-6"), env!("CARGO_TARGET_TMPDIR"), "train");

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
        let folder = TRAIN.folder(name);
        Self {
            verse: file(&folder, "verse.txt", VERSE.repeat(20)),
            out: argument(&folder.join("run")).to_owned(),
            log: argument(&folder.join("log.csv")).to_owned(),
        }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let small = [
            "text",
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

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(Path::new(&self.out).join(name)).expect("a file that the command wrote")
    }
}

#[test]
fn the_loss_falls_and_a_folder_for_anyone_is_written() {
    let run = Run::new("bytes");
    let printed = TRAIN.accepted(&run.arguments(&[
        "--log",
        &run.log,
        "--sample-every",
        "30",
        "--dropout",
        "0",
    ]));
    assert!(printed.contains("1560 characters, 20 different; 1404 to learn from"), "{printed}");
    assert!(
        printed.contains("tokens    256 different; 1404 to learn from, 156 held out: 1.00"),
        "{printed}"
    );
    assert!(printed.contains("model     Mamba: "), "{printed}");
    assert!(printed.contains("step 30, loss"), "{printed}");
    let log = fs::read_to_string(&run.log).unwrap();
    let loss = |line: &str| line.split(',').nth(1).unwrap().parse::<f64>().unwrap();
    let rows: Vec<f64> = log.lines().skip(1).map(loss).collect();
    assert_eq!(rows.len(), 6);
    assert!(rows[5] < 0.4 * rows[0], "{rows:?}");

    let folder = Path::new(&run.out).join("model");
    let model = MambaLm::load(&folder, &Device::flex()).unwrap();
    assert_eq!(model.config().vocab_size, 256);
    assert!(folder.join("tokenizer.json").exists());
}

#[test]
fn pairs_make_a_text_shorter_and_its_price_stays_comparable() {
    let run = Run::new("pairs");
    let model = argument(&TRAIN.folder("pairs-model").join("here")).to_owned();
    let more = ["--vocabulary", "280", "--dtype", "f16", "--model", &model, "--log", &run.log];
    let printed = TRAIN.accepted(&run.arguments(&more));
    assert!(printed.contains("tokens    280 different; "), "{printed}");
    let each: f64 = printed
        .lines()
        .find_map(|line| {
            line.strip_suffix(" characters each")?.split(' ').next_back()?.parse().ok()
        })
        .unwrap();
    assert!(each > 1.5, "{printed}");
    // Of 20 characters, each is worth at most 4.4 bits to one who has counted them.
    let log = fs::read_to_string(&run.log).unwrap();
    let last = log.lines().last().unwrap().split(',').nth(2).unwrap().parse::<f64>().unwrap();
    assert!(last < 4.4, "{last}");
    let files = TensorFiles::open(Path::new(&model)).unwrap();
    let embedding = files.tensor("backbone.embeddings.weight", &[280, 16]).unwrap();
    assert_eq!(embedding.bytes.len(), 280 * 16 * 2);
    assert!(!Path::new(&run.out).join("model").exists());
}

#[test]
fn a_run_that_was_stopped_continues_to_the_same_weights_bit_for_bit() {
    let (whole, stopped) = (Run::new("whole"), Run::new("stopped"));
    TRAIN.accepted(&whole.with("--steps", "12", &[]));
    let printed = TRAIN.accepted(&stopped.with("--steps", "12", &["--minutes", "0.000001"]));
    assert!(
        printed.contains("11 steps are left: the same command with --resume goes on"),
        "{printed}"
    );
    TRAIN.accepted(&stopped.with("--steps", "12", &["--resume"]));
    assert!(whole.read("last.safetensors") == stopped.read("last.safetensors"));
    assert!(whole.read("model/model.safetensors") == stopped.read("model/model.safetensors"));

    // It is the run of these tokens, and of no others.
    let refused = |arguments: &[&str], sentence: &str| {
        let output = TRAIN.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(sentence), "{said}");
    };
    refused(
        &stopped.with("--steps", "12", &["--resume", "--vocabulary", "270"]),
        "expected vocabulary = ",
    );
    refused(&stopped.with("--steps", "12", &[]), "continue that run with --resume");
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let run = Run::new("numbers");
    for (flag, value, sentence) in [
        ("--d-model", "0", "expected --d-model from 1 to 16777216, found 0"),
        ("--d-state", "0", "expected --d-state from 1 to 16777216, found 0"),
        ("--layers", "0", "expected --layers from 1 to 16777216, found 0"),
        ("--batch", "0", "expected --batch and --length of 1 or more, found 0"),
        ("--steps", "0", "expected the number of steps a positive number, found 0"),
    ] {
        TRAIN.refused(&run.with(flag, value, &[]), sentence);
    }
    for (more, sentence) in [
        (["--vocabulary", "255"], "expected the vocabulary of 256 tokens or more"),
        (["--dropout", "1"], "expected the share of dropout from 0 to below 1, found 1"),
        (["--expand", "0"], "expected --expand from 1 to 16777216, found 0"),
        (["--dtype", "f8"], "invalid value 'f8' for '--dtype"),
        (["--vocabulary", "0"], "invalid value '0' for '--vocabulary"),
    ] {
        TRAIN.refused(&run.arguments(&more), sentence);
    }
    assert!(!Path::new(&run.out).exists(), "a folder was made for nothing");
    fs::write(&run.verse, "tiny").unwrap();
    let sentence =
        "expected at least 37 characters, for pieces of 32 and a held-out tenth; found 4";
    TRAIN.refused(&run.arguments(&[]), sentence);
    // Enough characters, but few tokens.
    fs::write(&run.verse, VERSE.repeat(3)).unwrap();
    let more = ["--vocabulary", "512", "--length", "150"];
    let arguments: Vec<&str> = run.arguments(&more);
    let place = arguments.iter().position(|argument| *argument == "--length").unwrap();
    let arguments = [&arguments[..place], &arguments[place + 2..]].concat();
    TRAIN.refused(&arguments, "for pieces of 150 and a held-out tenth; found 234");
}
