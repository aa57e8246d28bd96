//! `chapter-4 predict` as a reader meets it: what it prints, what it writes, and what it says to bad input.

use std::fs;

use ml_links::sequence_prediction::{mixture, random_waves};
use serde_json::Value;
use workbench::testing::{CommandUnderTest, argument, file, names_in};

const PREDICT: CommandUnderTest =
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-4"), env!("CARGO_TARGET_TMPDIR"), "predict");

/// What makes a run one of seconds.
const SMALL: [&str; 18] = [
    "--horizon",
    "20",
    "--window",
    "24",
    "--batch",
    "4",
    "--steps",
    "25",
    "--channels",
    "4",
    "--d-state",
    "4",
    "--layers",
    "1",
    "--order",
    "8",
    "--slow",
    "1",
];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SMALL[..], more].concat()
}

/// A column of values between two others.
fn tide() -> String {
    let rows = mixture(&random_waves(2, 1), 160).into_iter().enumerate();
    let rows: String = rows.map(|(day, level)| format!("{day},{level},calm\n")).collect();
    format!("day,level,weather\n{rows}")
}

#[test]
fn losses_of_both_models_fall_within_seconds_on_a_column() {
    let folder = PREDICT.folder("column");
    let path = file(&folder, "tide.csv", tide());
    let said = PREDICT.accepted(&small(&["--csv", &path, "--column", "level", "--json"]));
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(report["series"], "column level of tide.csv");
    assert_eq!(report["trained_on"], 140);
    let rows = report["rows"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["last value", "line of 8 values", "GRU", "state space"]);
    for row in &rows[2..] {
        let losses: Vec<f64> = serde_json::from_value(row["losses"].clone()).expect("numbers");
        assert_eq!(losses.len(), 25);
        assert!(
            losses[24] < 0.8 * losses[0],
            "{} from {} to {}",
            row["name"],
            losses[0],
            losses[24]
        );
    }
    for row in rows {
        assert_eq!(row["values"].as_array().map(Vec::len), Some(20));
        let ends: Vec<(usize, f64)> = serde_json::from_value(row["alone"].clone()).expect("pairs");
        assert_eq!(ends.iter().map(|end| end.0).collect::<Vec<_>>(), [1, 5, 10, 20]);
    }
    // A sum of two sines: eight weights are more than enough.
    assert!(rows[1]["alone"][3][1].as_f64().expect("a number") < 1e-6);
}

#[test]
fn a_column_may_be_numbered() {
    let folder = PREDICT.folder("numbered");
    let path = file(&folder, "tide.csv", tide());
    let by = |column| {
        let said = PREDICT.accepted(&small(&["--csv", &path, "--column", column, "--json"]));
        let report: Value = serde_json::from_str(&said).expect("JSON");
        report["truth"].clone()
    };
    assert_eq!(by("2"), by("level"));
    assert_eq!(by("day")[19], 159.0);
}

#[test]
fn tables_and_pictures_show_all_that_take_part() {
    let folder = PREDICT.folder("pictures").join("new");
    let said = PREDICT.accepted(&small(&[
        "--series",
        "cells",
        "--length",
        "200",
        "--noise",
        "0.05",
        "--values",
        "--svg",
        argument(&folder),
    ]));
    assert!(said.starts_with("white blood cells, day by day, noise 0.05; seed 0"), "{said}");
    for name in ["last value", "line of 8 values", "GRU", "state space"] {
        assert!(said.lines().any(|line| line.trim_start().starts_with(name)), "{name}:\n{said}");
    }
    let last: Vec<&str> = said.lines().last().expect("values").split_whitespace().collect();
    assert_eq!((last.len(), last[0]), (6, "199"));
    let expected = ["GRU.svg", "last-value.svg", "line-of-8-values.svg", "state-space.svg"];
    assert_eq!(names_in(&folder), expected);
    for name in expected {
        let drawn = fs::read_to_string(folder.join(name)).expect("a picture");
        assert!(drawn.starts_with("<svg") && !drawn.contains("NaN"), "{name}");
    }
}

#[test]
fn the_same_seed_says_the_same() {
    let run = |seed| {
        let said = PREDICT.accepted(&small(&["--length", "150", "--seed", seed, "--json"]));
        let report: Value = serde_json::from_str(&said).expect("JSON");
        ["values", "losses"].map(|what| report["rows"][3][what].clone())
    };
    assert_eq!(run("4"), run("4"));
    assert_ne!(run("4"), run("5"));
}

#[test]
fn columns_that_cannot_be_continued_are_refused_in_words() {
    let folder = PREDICT.folder("columns");
    let refused = |name: &str, text: &str, column: &str, sentence: &str| {
        let path = file(&folder, name, text);
        PREDICT.refused(&small(&["--csv", &path, "--column", column]), sentence);
    };
    let missing = folder.join("nowhere.csv");
    let missing = argument(&missing);
    PREDICT.refused(&["--csv", missing, "--column", "1"], &format!("cannot read {missing}"));
    PREDICT.refused(&["--csv", argument(&folder), "--column", "1"], "cannot read");
    PREDICT.refused(&["--csv", missing], "--column <COLUMN>");
    PREDICT.refused(&["--column", "1"], "--csv <CSV>");
    PREDICT.refused(&["--csv", missing, "--column", "1", "--waves", "2"], "cannot be used with");
    refused("a.csv", "a,b\n1,2\n", "c", "expected a column c in");
    refused("b.csv", "a,b\n1,2\n3,NaN\n", "b", "expected a finite number in line 3 of");
    refused("c.csv", "a,b\n1,2\n3\n", "b", "found \"\"");
    refused("d.csv", "", "1", "it is empty");
    refused("e.csv", "level\n", "level", "expected at least 46 values");
    refused("f.csv", "1\n2\n3\n", "1", "found 3");
    refused("g.csv", &"1e200\n-1e200\n".repeat(60), "1", "squares fit into a number");
}

#[test]
fn sizes_that_make_no_sense_are_refused_in_words() {
    PREDICT.refused(&["--length", "150"], "expected at least 329 values");
    PREDICT.refused(&["--length", "0"], "found 0");
    PREDICT.refused(&["--length", "18446744073709551615"], "at most");
    PREDICT.refused(&["--horizon", "18446744073709551615"], "found 1000");
    PREDICT.refused(&["--order", "18446744073709551615"], "found 1000");
    PREDICT.refused(&["--d-state", "3"], "expected an even number of states, found 3");
    for size in ["horizon", "window", "batch", "steps", "channels", "layers", "waves", "order"] {
        let sentence = format!("expected --{size} of at least 1, found 0");
        PREDICT.refused(&[&format!("--{size}"), "0"], &sentence);
    }
    for (share, found) in [("noise", "NaN"), ("jitter", "-1"), ("slow", "inf")] {
        let sentence = format!("expected --{share} of 0 or more, found {found}");
        PREDICT.refused(&[&format!("--{share}"), found], &sentence);
    }
    PREDICT.refused(&["--series", "tides"], "possible values: sines, cells");
    PREDICT.refused(&small(&["--rate", "-1"]), "expected the learning rate a positive number");
    PREDICT.refused(&small(&["--rate", "1e30"]), "at step");
}
