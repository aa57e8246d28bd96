//! `chapter-2 analyze` as a reader meets it: what it writes, and what it says to bad input.

use std::fs;

use classical_ssm::analyze::analyze;
use classical_ssm::system_file::{DescribedSystem, NAMED_SYSTEMS};
use serde_json::Value;
use workbench::testing::{CommandUnderTest, argument, file, names_in};

const ANALYZE: CommandUnderTest =
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-2"), env!("CARGO_TARGET_TMPDIR"), "analyze");

#[test]
fn the_list_names_every_system() {
    let list = ANALYZE.accepted(&["--list"]);
    for (name, _) in NAMED_SYSTEMS {
        assert!(list.contains(name), "{name} is not in\n{list}");
    }
}

#[test]
fn every_named_system_is_drawn_and_no_number_is_missing() {
    for (name, _) in NAMED_SYSTEMS {
        let text = ANALYZE.accepted(&[name]);
        assert!(text.starts_with(name) && text.contains("step response"), "{name}:\n{text}");
        assert!(!text.contains("NaN") && !text.contains("inf "), "{name}:\n{text}");
    }
}

#[test]
fn json_is_the_report_of_the_library() {
    for (name, _) in NAMED_SYSTEMS {
        let printed = ANALYZE.accepted(&[name, "--json"]);
        let report = analyze(&DescribedSystem::named(name, &[]).unwrap()).unwrap();
        assert_eq!(printed.trim_end(), serde_json::to_string_pretty(&report).unwrap(), "{name}");
        let value: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(value["name"], *name);
    }
}

#[test]
fn plots_are_written_as_well_formed_svg() {
    let folder = ANALYZE.folder("written");
    for (name, expected) in [
        ("damped-spring", vec!["gain", "locus", "phase", "step"]),
        ("four-tanks", vec!["gains", "step"]),
        ("moving-average", vec!["gain", "locus", "phase", "step"]),
    ] {
        let into = folder.join(name);
        let text = ANALYZE.accepted(&[name, "--svg", argument(&into)]);
        assert_eq!(text.matches("written: ").count(), expected.len(), "{text}");
        let files = names_in(&into);
        let expected: Vec<String> =
            expected.iter().map(|plot| format!("{name}-{plot}.svg")).collect();
        assert_eq!(files, expected);
        for file in files {
            let drawn = fs::read_to_string(into.join(&file)).expect("a plot");
            assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{file}");
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{file}");
            assert_eq!(drawn.matches('<').count(), drawn.matches('>').count(), "{file}");
            let opened = drawn.matches("<text").count();
            assert_eq!(opened, drawn.matches("</text>").count(), "{file}");
        }
    }
}

#[test]
fn matrices_may_stand_on_the_command_line() {
    let spring = ANALYZE.accepted(&[
        "--a",
        "0 1; -1 -0.4",
        "--b",
        "0; 1",
        "--c",
        "1 0",
        "--d",
        "0",
        "--no-plots",
    ]);
    let named = ANALYZE.accepted(&["damped-spring", "--no-plots"]);
    let after = |text: &str| text.split_once("P = 1\n").expect("the first lines").1.to_owned();
    assert_eq!(after(&spring), after(&named));
    // Negative numbers, commas, fractions; steps.
    let steps =
        ANALYZE.accepted(&["--a=-1/2", "--b", "1.5", "--c", "1,", "--delta", "0.1", "--no-plots"]);
    assert!(steps.contains("steps of 0.1 s") && steps.contains("-0.5"), "{steps}");
    let set = ANALYZE.accepted(&["damped-spring", "--set", "damping=0", "--no-plots"]);
    assert!(set.contains("neither settles nor grows"), "{set}");
}

#[test]
fn a_file_of_the_readers_own_is_analyzed() {
    let folder = ANALYZE.folder("own");
    let text = "a = [[0, 1], [\"-k\", -1]]\nb = [0, 1]\nc = [1, 0]\nparameters = { k = 4 }";
    let path = file(&folder, "swing.toml", text);
    let text = ANALYZE.accepted(&["--file", &path, "--no-plots"]);
    assert!(text.starts_with("swing\n") && text.contains("asymptotically stable"), "{text}");
    for shipped in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/systems")).expect("a folder")
    {
        let shipped = shipped.expect("an entry").path();
        ANALYZE.accepted(&["--file", argument(&shipped), "--json"]);
    }
}

#[test]
fn bad_arguments_are_refused_with_a_sentence() {
    ANALYZE.refused(
        &[],
        "expected the name of a system, --file, or --a, --b and --c; there are damped-spring",
    );
    ANALYZE.refused(
        &["damped-sprnig"],
        "no system is called `damped-sprnig`, did you mean `damped-spring`?",
    );
    ANALYZE.refused(&["rocket"], "no system is called `rocket`; there are damped-spring");
    ANALYZE.refused(&["rlc", "--file", "x.toml"], "cannot be used with");
    ANALYZE.refused(&["rlc", "--delta", "1"], "--delta belongs to --a, --b and --c");
    ANALYZE.refused(&["rlc", "--set", "resistance"], "expected NAME=VALUE");
    ANALYZE.refused(
        &["rlc", "--set", "resistence=1"],
        "did you mean `resistance`?; it has resistance, inductance, capacitance",
    );
    ANALYZE.refused(
        &["rlc", "--set", "inductance=0"],
        "to be finite, found -1 / (inductance * capacitance)",
    );
    ANALYZE.refused(
        &["rlc", "--set", "resistance=inf"],
        "expected resistance to be finite, found inf",
    );
    ANALYZE.refused(&["--a", "0 1; -1 -0.4"], "required arguments were not provided");
    let matrices = |a: &str, b: &str, c: &str, sentence: &str| {
        ANALYZE.refused(&["--a", a, "--b", b, "--c", c], sentence);
    };
    matrices(
        "0 1; 2",
        "0; 1",
        "1 0",
        "in --a \"0 1; 2\": expected every row of A to have 2 entries like the first, found 1 in row 2",
    );
    matrices(
        "0 1; 2 x",
        "0; 1",
        "1 0",
        "in --a \"0 1; 2 x\": in an entry of A = \"x\": nothing is called `x`",
    );
    matrices("0 1; 2 1/0", "0; 1", "1 0", "expected an entry of A to be finite, found 1/0");
    matrices("0 1; 2 1e999", "0; 1", "1 0", "an entry of A");
    matrices("0 1", "0; 1", "1 0", "expected A to be square, found 1 x 2");
    matrices("0 1; -1 0", "0 1", "1 0", "expected B to be 2 x 2, found 1 x 2");
    matrices("0 1; -1 0", "0; 1", "1 0 0", "expected C to be 1 x 2, found 1 x 3");
    matrices("", "0; 1", "1 0", "expected A to have at least one row and one column");
    ANALYZE.refused(
        &["--a", "1", "--b", "1", "--c", "1", "--d", "1 2"],
        "expected D to be 1 x 1, found 1 x 2",
    );
    ANALYZE.refused(
        &["--a", "1", "--b", "1", "--c", "1", "--delta", "0"],
        "expected Δ to be finite and positive, found 0",
    );
    ANALYZE.refused(
        &["--a", "1", "--b", "1", "--c", "1", "--delta", "nan"],
        "expected Δ to be finite and positive, found NaN",
    );
    matrices(
        "1e300",
        "1",
        "1",
        "expected every entry that is not 0 to be of a size from 1e-60 to 1e60",
    );
    let wide = vec!["0"; 257].join(" ");
    matrices(&wide, "1", "1", "expected A to have at most 256 columns, found 257");
}

#[test]
fn bad_files_are_refused_with_their_line() {
    let folder = ANALYZE.folder("bad");
    ANALYZE.refused(&["--file", "nowhere/at-all.toml"], "cannot read nowhere/at-all.toml");
    ANALYZE.refused(&["--file", argument(&folder)], "cannot read");
    let bytes = file(&folder, "bytes.toml", [0xff, 0xfe, 0x00]);
    ANALYZE.refused(&["--file", &bytes], "cannot read");
    let large = file(&folder, "large.toml", "# \n".repeat(2 << 20));
    ANALYZE.refused(&["--file", &large], "expected at most 4194304 bytes, found more");

    let bad = |text: &str, sentence: &str| {
        ANALYZE.refused(&["--file", &file(&folder, "my.toml", text)], sentence);
    };
    bad("a = [[0, 1],\n[2", "my.toml, line 2: this is not TOML");
    bad("a = 1\nb = 1\nC = 1", "my.toml, line 3: `C` means nothing here, did you mean `c`?");
    bad("a = 1\nb = [1, 2]\nc = 1", "my.toml, line 2: expected B to be 1 x 1, found 2 x 1");
    bad("a = 1\nb = 1\nc = nan", "my.toml, line 3: expected `c` to be a finite number");
}

#[test]
fn numbers_at_the_ends_of_their_range_are_answered_or_refused() {
    // Whatever is said, it is said without a panic and without a NaN.
    for (a, b, c) in [
        ("1e300", "1", "1"),
        ("1e59", "1e60", "1e-60"),
        ("-1e60 1e-60; 0 -1e-60", "1e60; 1e-60", "1e60 1e60"),
        ("-1e300 0; 0 -1e-300", "1e300; 1e-300", "1e300 1e300"),
        ("0", "0", "0"),
        ("0 0; 0 0", "0; 0", "0 0"),
        ("-1e-320", "1", "1"),
        ("0 1; 0 0", "0; 1", "1 0"),
        ("-1 1e8; 0 -1", "0; 1", "1 0"),
    ] {
        for delta in [None, Some("0.5")] {
            let mut arguments = vec!["--a", a, "--b", b, "--c", c];
            arguments.extend(delta.iter().flat_map(|delta| ["--delta", delta]));
            let output = ANALYZE.run(&arguments);
            let all = [output.stdout, output.stderr].concat();
            let all = String::from_utf8_lossy(&all).into_owned();
            assert!(!all.contains("panicked") && !all.contains("NaN"), "{arguments:?}: {all}");
            assert!(output.status.code().is_some(), "{arguments:?} was killed");
        }
    }
}

#[test]
fn a_system_of_some_size_is_handled() {
    let folder = ANALYZE.folder("size");
    let n = 60;
    let row = |i: usize| -> String {
        let entry = |j: usize| {
            if i == j {
                "-1"
            } else if i == j + 1 {
                "0.5"
            } else {
                "0"
            }
        };
        format!("[{}]", (0..n).map(entry).collect::<Vec<_>>().join(", "))
    };
    let a = (0..n).map(row).collect::<Vec<_>>().join(",\n");
    let unit =
        |at: usize| (0..n).map(|i| if i == at { "1" } else { "0" }).collect::<Vec<_>>().join(", ");
    let text = format!("a = [{a}]\nb = [{}]\nc = [{}]", unit(0), unit(n - 1));
    let said = ANALYZE.accepted(&["--file", &file(&folder, "chain.toml", &text)]);
    assert!(said.contains("at most 32 branches of a root locus, found 60"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = ANALYZE.folder("unwritable");
    let blocked = file(&folder, "file", "not a folder");
    ANALYZE.refused(&["rlc", "--svg", &format!("{blocked}/plots")], "cannot write");
    assert_eq!(fs::read_to_string(&blocked).expect("the file"), "not a folder");
}
