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
    refused("empty.csv", "", "expected a column level in ");
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
