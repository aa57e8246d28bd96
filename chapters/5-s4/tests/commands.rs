//! What the commands of chapter 5 say to arguments that make no sense: a sentence, and never a panic.

use workbench::testing::{CommandUnderTest, argument, file, names_in};

const fn command(name: &'static str) -> CommandUnderTest {
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-5"), env!("CARGO_TARGET_TMPDIR"), name)
}

#[test]
fn what_cannot_be_counted_is_refused() {
    for option in ["--length", "--window", "--d-state"] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            let sentence = format!("invalid value '{value}' for '{option}");
            command("reconstruct").refused(&[option, value], &sentence);
        }
    }
    command("reconstruct").refused(&["--measure", "hippo"], "invalid value 'hippo'");
}

#[test]
fn waves_need_pairs() {
    let sentence = "expected an even number of states for waves, a cosine and a sine each, found 5";
    command("reconstruct").refused(&["--measure", "fout", "--d-state", "5"], sentence);
    let table = command("reconstruct").accepted(&["--d-state", "5", "--length", "40"]);
    let row = table.lines().find(|line| line.starts_with("fout")).unwrap();
    assert!(row.trim_end().ends_with(" -"), "{row}");
}

#[test]
fn the_smallest_is_accepted() {
    let reconstruct = command("reconstruct");
    reconstruct.accepted(&["--length", "2", "--d-state", "2"]);
    reconstruct.accepted(&["--length", "30", "--d-state", "1,2", "--window", "99"]);
    reconstruct.accepted(&["--series", "noise", "--length", "60", "--d-state", "4", "--seed", "7"]);
}

#[test]
fn a_column_of_ones_own_is_remembered() {
    let reconstruct = command("reconstruct");
    let folder = reconstruct.folder("column");
    let line = |k: usize| format!("{k},{}\n", (k as f64 / 20.0).sin());
    let rows: String = (0..400).map(line).collect();
    let path = file(&folder, "lake.csv", format!("day,level\n{rows}"));
    let by_name = reconstruct.accepted(&["--csv", &path, "--column", "level", "--measure", "legt"]);
    assert!(by_name.starts_with("400 steps of column level of lake.csv"), "{by_name}");
    let by_number = reconstruct.accepted(&["--csv", &path, "--column", "2", "--measure", "legt"]);
    assert_eq!(
        by_name.lines().skip(1).collect::<Vec<_>>(),
        by_number.lines().skip(1).collect::<Vec<_>>()
    );
    let report = reconstruct.accepted(&["--csv", &path, "--column", "2", "--json", "--no-plots"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["length"], 400);
    assert!(report["rows"][3]["lost"][3].as_f64().unwrap() < 0.01, "{}", report["rows"]);

    let svg = folder.join("pictures");
    reconstruct.accepted(&["--csv", &path, "--column", "2", "--svg", argument(&svg)]);
    assert_eq!(names_in(&svg), ["legs-64.svg"]);
}

#[test]
fn a_bad_file_is_refused_in_a_sentence() {
    let reconstruct = command("reconstruct");
    let folder = reconstruct.folder("bad");
    let refused = |name: &str, text: &str, sentence: &str| {
        let path = file(&folder, name, text);
        reconstruct.refused(&["--csv", &path, "--column", "level"], sentence);
    };
    refused("words.csv", "day,level\n1,2\n2,high\n", "expected a finite number in line 3 of ");
    refused("nan.csv", "level\n1\nNaN\n", "expected a finite number in line 3 of ");
    refused("short.csv", "day,level\n1,2\n2\n", "expected a finite number in line 3 of ");
    refused("other.csv", "day,depth\n1,2\n", "expected a column level in ");
    refused("empty.csv", "", "it is empty");
    refused("one.csv", "level\n1\n", "expected at least 2 values, found 1");
    let nowhere = folder.join("nowhere.csv");
    reconstruct.refused(&["--csv", argument(&nowhere)], "cannot read ");
    reconstruct.refused(&["--column", "2"], "--csv");
    reconstruct.refused(&["--csv", argument(&nowhere), "--length", "9"], "cannot be used with");
}

#[test]
fn parts_and_kernels_are_refused_in_a_sentence() {
    for (name, option) in [("nplr", "--d-state"), ("kernel", "--d-state"), ("kernel", "--length")] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            let sentence = format!("invalid value '{value}' for '{option}");
            command(name).refused(&[option, value], &sentence);
        }
    }
    command("nplr").refused(&["--measure", "hippo"], "invalid value 'hippo'");
    let pairs = "expected an even number of states for waves, a cosine and a sine each, found 5";
    command("nplr").refused(&["--measure", "fout", "--d-state", "5"], pairs);
    for (value, found) in [("0", "0"), ("-1", "-1"), ("nan", "NaN"), ("inf", "inf")] {
        let sentence = format!("expected Δ to be finite and positive, found {found}");
        command("kernel").refused(&["--delta", value], &sentence);
    }
}

#[test]
fn the_smallest_parts_and_kernels_are_accepted() {
    command("nplr").accepted(&["--d-state", "1"]);
    command("nplr").accepted(&["--d-state", "1", "--measure", "legt"]);
    command("kernel").accepted(&["--d-state", "1", "--length", "1"]);
    command("kernel").accepted(&["--d-state", "3", "--length", "15", "--delta", "0.5"]);
    // Where the circle has a corner at -1, the formula as it is printed has no value, and the table says so.
    assert!(command("kernel").run(&["--d-state", "2", "--length", "4"]).status.success());
}

#[test]
fn digits_are_shown_wherever_they_come_from() {
    let digits = command("digits");
    let folder = digits.folder("pictures");
    let picture = folder.join("digits.svg");
    let small = ["--digits", "12", "--test-digits", "3", "--show", "3"];
    let table = digits.accepted(&[&small[..], &["--picture", argument(&picture)]].concat());
    assert!(
        table.starts_with("strokes: 12 digits to learn from, 3 to be tested on\n\n"),
        "{table}"
    );
    assert!(table.contains("knowing nothing") && table.contains('⣿'), "{table}");
    assert_eq!(names_in(&folder), ["digits.svg"]);

    digits.refused(
        &["--data", "no/such"],
        "`mnist` or a folder with the files of MNIST, found no folder no/such",
    );
    let empty = digits.folder("empty");
    let sentence = "expected one of train-images-idx3-ubyte.gz, ";
    digits.refused(&["--data", argument(&empty)], sentence);
    file(&empty, "train-images-idx3-ubyte", b"<html>sign in first</html>");
    let sentence = "expected it to begin with the magic number 0x00000803, found 0x3c68746d";
    digits.refused(&["--data", argument(&empty)], sentence);
    for value in ["0", "-3", "2000000", "many"] {
        let sentence = format!("invalid value '{value}' for '--digits");
        digits.refused(&[&format!("--digits={value}")], &sentence);
    }
    let other = folder.join("digits.jpg");
    let arguments = [&small[..], &["--picture", argument(&other)]].concat();
    digits.refused(&arguments, "expected a name that ends in .png or .svg, found ");
}

#[test]
fn diagonals_are_refused_in_a_sentence() {
    for option in ["--d-state", "--states"] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            let sentence = format!("invalid value '{value}' for '{option}");
            command("diagonal").refused(&[option, value], &sentence);
        }
    }
    for (option, what) in [("--wave", "the wave"), ("--delta", "Δ")] {
        for (value, found) in [("0", "0"), ("-1", "-1"), ("nan", "NaN"), ("inf", "inf")] {
            let sentence = format!("expected {what} to be finite and positive, found {found}");
            command("diagonal").refused(&[option, value], &sentence);
        }
    }
    command("diagonal").refused(&["--delta", "1e-9"], "expected Δ to be from 0.001 to 1");
    command("diagonal").refused(&["--delta", "20"], "expected Δ to be from 0.001 to 1");
    command("diagonal")
        .refused(&["--states", "7"], "expected N to be even and at least 2, found 7");
    command("diagonal")
        .refused(&["--digits", "-1"], "expected the digits to be finite and not negative");
    command("diagonal").accepted(&["--d-state", "1,2,3", "--states", "2", "--delta", "1"]);
    command("diagonal").accepted(&["--d-state", "2", "--states", "4", "--digits", "0"]);
}

#[test]
fn layers_of_one_state_are_refused_in_a_sentence() {
    for option in ["--channels", "--d-state", "--blocks", "--length"] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            let sentence = format!("invalid value '{value}' for '{option}");
            command("s5").refused(&[option, value], &sentence);
        }
    }
    let blocks = "expected N to be a multiple of twice the number of blocks, 4, found 66";
    command("s5").refused(&["--d-state", "66", "--blocks", "4"], blocks);
    command("s5").accepted(&[
        "--channels",
        "1",
        "--d-state",
        "2",
        "--blocks",
        "1",
        "--length",
        "1",
    ]);
}

/// The smallest model that learns from a few strokes.
const TINY: [&str; 12] = [
    "--digits",
    "24",
    "--test-digits",
    "5",
    "--batch",
    "4",
    "--d-model",
    "4",
    "--d-state",
    "4",
    "--layers",
    "1",
];

#[test]
fn a_reader_and_a_writer_are_trained_and_the_writer_goes_on() {
    let (train, sample) = (command("train"), command("sample"));
    let folder = train.folder("digits");
    let path = |name: &str| argument(&folder.join(name)).to_owned();
    let run = |task: &str, more: &[&str]| {
        let out = path(task);
        let arguments = [&[task], &TINY[..], &["--out", &out], more].concat();
        arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>()
    };
    let accepted = |arguments: Vec<String>| {
        train.accepted(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let log = path("log.csv");
    let said = accepted(run("mnist-classify", &["--epochs", "1", "--log", &log]));
    assert!(said.contains("22 to learn, 2 held out, 5 for the test"), "{said}");
    assert!(said.contains(" % right of 5 that were not looked at"), "{said}");
    assert!(std::fs::read_to_string(&log).unwrap().lines().count() > 1);
    let said = accepted(run("mnist-model", &["--epochs", "0.5"]));
    assert!(said.contains(" nats per pixel on 5 that were not looked at"), "{said}");
    assert!(said.contains("to beat   5.545 nats per pixel, knowing nothing"), "{said}");

    // A finished run has nothing left to do; another one does not overwrite it.
    accepted(run("mnist-model", &["--epochs", "0.5", "--resume"]));
    let again = run("mnist-model", &["--epochs", "0.5"]);
    let again = train.run(&again.iter().map(String::as_str).collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(
        !again.status.success() && said.contains("expected a folder without a checkpoint"),
        "{said}"
    );

    let (best, picture) = (path("mnist-model/best.safetensors"), path("drawn.png"));
    let arguments = ["--test-digits", "3", "--count", "2", "--checkpoint", &best];
    let said = sample.accepted(&[&arguments[..], &["--picture", &picture]].concat());
    assert!(said.contains("given") && said.contains("in nats per pixel"), "{said}");
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(sample.accepted(&arguments), sample.accepted(&arguments));
    let other = path("mnist-classify/best.safetensors");
    let sentence = "it holds a model for mnist-classify, not for mnist-model";
    sample.refused(&["--checkpoint", &other], sentence);
    sample.refused(
        &["--checkpoint", &best, "--given", "1.5"],
        "expected --given from 0 to 1, found 1.5",
    );
    let nowhere = path("nowhere.safetensors");
    sample.refused(&["--checkpoint", &nowhere], "cannot read the checkpoint ");
}

#[test]
fn training_on_digits_refuses_what_makes_no_sense() {
    let train = command("train");
    let folder = train.folder("refused");
    let refused = |more: &[&str], sentence: &str| {
        for task in ["mnist-classify", "mnist-model"] {
            let out = folder.join(task);
            let few = ["--test-digits", "5"];
            let arguments = [&[task, "--out", argument(&out)], &few[..], more].concat();
            train.refused(&arguments, sentence);
        }
    };
    refused(
        &["--digits", "20", "--d-state", "7"],
        "expected the state size d_state even and 2 or more, found 7",
    );
    refused(
        &["--digits", "20", "--d-state", "0"],
        "expected the state size d_state even and 2 or more, found 0",
    );
    refused(
        &["--digits", "20", "--d-model", "0"],
        "expected the width d_model of 1 or more, found 0",
    );
    refused(
        &["--digits", "20", "--layers", "0"],
        "expected the number of layers of 1 or more, found 0",
    );
    refused(
        &["--digits", "20", "--dropout", "1"],
        "expected the share of dropout from 0 to below 1, found 1",
    );
    refused(&["--digits", "20", "--epochs", "0"], "expected --epochs above 0, found 0");
    refused(&["--batch", "0"], "invalid value '0' for '--batch");
    refused(
        &["--digits", "20", "--lr", "0"],
        "expected the learning rate a positive number, found 0",
    );
    refused(&["--data", "no/such"], "found no folder no/such");
    refused(&["--digits", "1"], "expected at least 2 digits to learn from, found 1");
}

#[test]
fn layers_are_refused_in_a_sentence_and_accepted_when_small() {
    for option in ["--channels", "--d-state", "--length"] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            let sentence = format!("invalid value '{value}' for '{option}");
            command("layer").refused(&[option, value], &sentence);
        }
    }
    command("layer").refused(&["--d-state", "5"], "expected an even number of states, found 5");
    command("layer").accepted(&["--d-state", "2", "--channels", "1", "--length", "1"]);
}
