//! `chapter-3 compare` as a reader meets it: what it writes, and what it says to bad input.

use std::fs;

use workbench::testing::{CommandUnderTest, argument, file, names_in};

const COMPARE: CommandUnderTest =
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-3"), env!("CARGO_TARGET_TMPDIR"), "compare");

#[test]
fn every_named_flow_is_compared() {
    let list = COMPARE.accepted(&["--list"]);
    let mut compared = 0;
    for line in list.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())) {
        let name = line.split_whitespace().next().expect("a name");
        if COMPARE.run(&[name]).status.success() {
            let text = COMPARE.accepted(&[name, "--no-plots"]);
            assert!(text.starts_with(name) && text.contains("zero-order-hold"), "{text}");
            compared += 1;
        } else {
            COMPARE.refused(&[name], "expected a system in continuous time");
        }
    }
    assert!(compared >= 8, "{compared} flows");
}

#[test]
fn what_cannot_be_stable_is_said_in_words() {
    let text =
        COMPARE.accepted(&["--a", "-1 1; 0 -1000", "--b", "0; 1000", "--c", "1 0", "--no-plots"]);
    let row = text.lines().find(|line| line.starts_with("forward-euler")).expect("a row");
    assert_eq!(row.matches("grows").count(), 6, "{row}");
    assert!(text.contains("it may step up to 0.002"), "{text}");

    let text = COMPARE.accepted(&["damped-spring", "--set", "damping=0", "--no-plots"]);
    assert!(text.contains("forward-euler lets what rings grow at Δ = 0.5"), "{text}");
    assert!(text.contains("no step is short enough"), "{text}");
    assert!(text.contains("backward-euler calms what rings"), "{text}");

    let growing = ["--a", "2", "--b", "1", "--c", "1", "--steps", "0.5,0.25", "--duration", "4"];
    let text = COMPARE.accepted(&growing);
    assert!(text.contains("no step"), "{text}");
    assert!(
        text.contains("backward-euler has no step of 0.5: expected I - αΔA to have an inverse")
    );
}

#[test]
fn files_and_reports_agree() {
    let folder = COMPARE.folder("written");
    let (svg, csv) = (folder.join("plots"), folder.join("errors.csv"));
    let text = COMPARE.accepted(&[
        "hippo-legs",
        "--rules",
        "zoh,tustin,gbt=0.3",
        "--longest",
        "0.25",
        "--count",
        "4",
        "--signal",
        "step",
        "--svg",
        argument(&svg),
        "--csv",
        argument(&csv),
    ]);
    assert!(text.contains("written: ") && text.contains("generalized-bilinear=0.3"), "{text}");
    let numbers = fs::read_to_string(&csv).expect("a CSV file");
    let mut lines = numbers.lines();
    assert_eq!(lines.next(), Some("rule,delta,steps,verdict,error"));
    assert_eq!(lines.clone().count(), 12);
    assert!(lines.next().expect("a line").starts_with("zero-order-hold,0.25,32,faithful,"));
    let drawn = fs::read_to_string(svg.join("hippo-legs-convergence.svg")).expect("a plot");
    assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>\n"));

    let json = COMPARE.accepted(&["hippo-legs", "--rules", "zoh,tustin", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["rules"][1]["rule"], "bilinear");
    assert_eq!(report["rules"][1]["order"], 2);
    let fitted = report["rules"][1]["fitted_order"].as_f64().expect("a number");
    assert!((fitted - 2.0).abs() < 0.05, "{fitted}");
    assert_eq!(report["rules"][0]["steps"][0]["verdict"], "faithful");
    assert_eq!(report["rules"][0]["largest_stable_step"], serde_json::Value::Null);
}

#[test]
fn a_system_of_the_readers_own_is_compared() {
    let folder = COMPARE.folder("own");
    let path = file(&folder, "tank.toml", "a = -2\nb = 2\nc = 1\n");
    let text = COMPARE.accepted(&["--file", &path, "--signal", "ramp"]);
    assert!(text.starts_with("tank") && text.contains("a ramp of slope 1"), "{text}");
    let row = text.lines().find(|line| line.starts_with("first-order-hold")).expect("a row");
    assert_eq!(row.matches("exact").count(), 6, "{row}");
}

#[test]
fn bad_arguments_are_refused_with_a_sentence() {
    COMPARE.refused(&[], "expected the name of a system, --file, or --a, --b and --c; there are");
    COMPARE.refused(&["hipo-legs"], "no system is called `hipo-legs`, did you mean `hippo-legs`?");
    COMPARE
        .refused(&["sampled-spring"], "expected a system in continuous time, found sampled-spring");
    COMPARE.refused(&["--a", "1 2; 3", "--b", "1", "--c", "1"], "in --a \"1 2; 3\"");
    COMPARE
        .refused(&["--a", "-1", "--b", "1; 2", "--c", "1"], "expected B to be 1 x 1, found 2 x 1");
    COMPARE.refused(&["--a", "nan", "--b", "1", "--c", "1"], "in --a");
    COMPARE.refused(
        &["rlc", "--rules", "zho"],
        "no rule is called `zho`, did you mean `zoh`?; there are forward-euler",
    );
    COMPARE.refused(&["rlc", "--rules", "gbt=7"], "a share from 0 to 1, found `gbt=7`");
    COMPARE.refused(&["rlc", "--steps", "0"], "expected Δ to be finite and positive, found 0");
    COMPARE
        .refused(&["rlc", "--steps", "-0.1"], "expected Δ to be finite and positive, found -0.1");
    COMPARE.refused(&["rlc", "--steps", "nan"], "expected Δ to be finite and positive, found NaN");
    COMPARE.refused(&["rlc", "--steps", "soon"], "invalid value 'soon'");
    COMPARE.refused(&["rlc", "--steps", "100"], "expected steps no longer than the duration");
    COMPARE
        .refused(&["rlc", "--longest", "inf"], "expected Δ to be finite and positive, found inf");
    COMPARE.refused(&["rlc", "--steps", "1e-12"], "more work than this program does");
    COMPARE.refused(&["rlc", "--count", "0"], "expected --count from 1 to 40, found 0");
    COMPARE.refused(&["rlc", "--count", "41"], "expected --count from 1 to 40, found 41");
    COMPARE.refused(&["rlc", "--steps", "1e-4", "--count", "3"], "cannot be used with");
    COMPARE
        .refused(&["rlc", "--duration", "-1"], "expected the duration to be finite and positive");
    COMPARE
        .refused(&["rlc", "--tolerance", "0"], "expected the tolerance to be finite and positive");
    COMPARE.refused(&["rlc", "--omega", "-2"], "expected ω to be finite and positive, found -2");
    COMPARE
        .refused(&["rlc", "--signal", "step", "--omega", "1"], "--omega belongs to --signal sine");
    COMPARE.refused(&["rlc", "--signal", "noise"], "invalid value 'noise'");
    COMPARE.refused(
        &["upright-pendulum", "--duration", "1000", "--steps", "0.1"],
        "within 1000 s the flow itself grows beyond what a number holds",
    );
}

#[test]
fn a_comparison_that_fails_leaves_no_file_and_a_folder_that_cannot_be_written_is_named() {
    let folder = COMPARE.folder("failed");
    let csv = folder.join("errors.csv");
    COMPARE.refused(&["rlc", "--steps", "0", "--csv", argument(&csv)], "expected Δ");
    assert_eq!(names_in(&folder), [""; 0]);
    let blocked = file(&folder, "file", "not a folder");
    COMPARE.refused(&["rlc", "--csv", &format!("{blocked}/errors.csv")], "cannot write");
    COMPARE.refused(&["rlc", "--svg", &blocked], "cannot write");
    assert_eq!(names_in(&folder), ["file"]);
}
