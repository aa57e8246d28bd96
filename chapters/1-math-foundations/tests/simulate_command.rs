//! `chapter-1 simulate` as a reader meets it: what it writes, and what it says to bad input.

use std::fs;

use workbench::testing::{CommandUnderTest, argument, file, names_in};

const SIMULATE: CommandUnderTest =
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-1"), env!("CARGO_TARGET_TMPDIR"), "simulate");

#[test]
fn the_list_names_every_system() {
    let list = SIMULATE.accepted(&["--list"]);
    for name in ["damped-spring", "pendulum", "van-der-pol", "lotka-volterra", "lorenz", "duffing"]
    {
        assert!(list.contains(name), "{list}");
    }
}

#[test]
fn plots_and_numbers_are_written() {
    let folder = SIMULATE.folder("written");
    let (svg, csv) = (folder.join("plots"), folder.join("run.csv"));
    let text = SIMULATE.accepted(&[
        "lorenz",
        "--duration",
        "5",
        "--samples",
        "101",
        "--svg",
        argument(&svg),
        "--csv",
        argument(&csv),
    ]);
    assert!(text.contains("z' = x * y - beta * z") && text.contains("written: "), "{text}");
    let numbers = fs::read_to_string(&csv).expect("a CSV file");
    let mut lines = numbers.lines();
    assert_eq!(lines.next(), Some("t,x,y,z"));
    assert_eq!(lines.clone().count(), 101);
    assert_eq!(lines.next(), Some("0,1,1,1"));
    for line in lines {
        assert_eq!(line.split(',').filter(|n| n.parse::<f64>().is_ok()).count(), 4, "{line}");
    }
    for plot in ["lorenz-time.svg", "lorenz-phase.svg"] {
        let drawn = fs::read_to_string(svg.join(plot)).expect("a plot");
        assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>\n"), "{plot}");
    }
    assert_eq!(names_in(&folder), ["plots", "run.csv"], "something was left behind");
}

#[test]
fn options_change_what_is_simulated() {
    let folder = SIMULATE.folder("options");
    let csv = argument(&folder.join("run.csv")).to_owned();
    SIMULATE.accepted(&[
        "damped-spring",
        "--x0",
        "-1,0",
        "--set",
        "damping=0",
        "--set",
        "stiffness=4",
        "--duration",
        "1",
        "--samples",
        "2",
        "--csv",
        &csv,
    ]);
    let numbers = fs::read_to_string(&csv).expect("a CSV file");
    let end: Vec<f64> = numbers
        .lines()
        .last()
        .expect("a line")
        .split(',')
        .map(|n| n.parse().expect("a number"))
        .collect();
    assert!((end[1] + 2.0_f64.cos()).abs() < 1e-14, "{numbers}");
    assert_eq!(numbers.lines().next(), Some("t,q,v,energy"));

    // The three methods, chosen by name or by their option, tell the same story.
    let exact = SIMULATE.accepted(&["damped-spring"]);
    let fixed = SIMULATE.accepted(&["damped-spring", "--step", "0.001"]);
    let adaptive = SIMULATE.accepted(&["damped-spring", "--tolerance", "1e-11"]);
    let ends = |text: &str| -> Vec<String> {
        let row = text.lines().find(|line| line.starts_with("q ")).expect("a row for q");
        row.split_whitespace().skip(1).take(2).map(str::to_owned).collect()
    };
    assert_eq!(ends(&exact), ends(&fixed));
    assert_eq!(ends(&exact), ends(&adaptive));
    assert!(
        exact.contains("matrix exponential")
            && fixed.contains("Runge-Kutta")
            && adaptive.contains("Dormand-Prince")
    );
}

#[test]
fn a_file_of_the_readers_own_is_simulated() {
    let folder = SIMULATE.folder("own");
    let path = file(
        &folder,
        "coffee.toml",
        "states = [\"coffee\"]\ninitial = [90]\nduration = 30\nequations = [\"-0.1 * (coffee - 20)\"]\n",
    );
    let text = SIMULATE.accepted(&["--file", &path]);
    assert!(
        text.starts_with("coffee: ") && text.contains("coffee' = -0.1 * (coffee - 20)"),
        "{text}"
    );
    for shipped in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/systems")).expect("a folder")
    {
        let shipped = shipped.expect("an entry").path();
        SIMULATE.accepted(&["--file", argument(&shipped)]);
    }
}

#[test]
fn bad_arguments_are_refused_with_a_sentence() {
    SIMULATE.refused(&[], "expected the name of a system, or --file; there are damped-spring");
    SIMULATE.refused(
        &["lorentz"],
        "no system is called `lorentz`, did you mean `lorenz`?; there are damped-spring",
    );
    SIMULATE.refused(&["rocket"], "no system is called `rocket`; there are damped-spring");
    SIMULATE.refused(&["mine.toml"], "to follow a system of your own, write --file mine.toml");
    SIMULATE.refused(&["lorenz", "--file", "x.toml"], "cannot be used with");
    SIMULATE.refused(
        &["lorenz", "--duration", "-3"],
        "expected the duration to be finite and positive, found -3",
    );
    SIMULATE.refused(
        &["lorenz", "--duration", "nan"],
        "expected the duration to be finite and positive, found NaN",
    );
    SIMULATE.refused(&["lorenz", "--duration", "soon"], "invalid value 'soon'");
    SIMULATE.refused(
        &["lorenz", "--x0", "1,2"],
        "expected one number in x0 for each of x, y, z, found 2",
    );
    SIMULATE.refused(
        &["lorenz", "--x0", "1,2,inf"],
        "expected every entry of x0 to be finite, found inf",
    );
    SIMULATE.refused(&["lorenz", "--x0", "1,,2"], "invalid value");
    SIMULATE.refused(&["lorenz", "--set", "rho"], "expected NAME=VALUE");
    SIMULATE.refused(&["lorenz", "--set", "rho=much"], "expected a number, found `much`");
    SIMULATE.refused(
        &["lorenz", "--set", "roh=3"],
        "lorenz has no parameter `roh`, did you mean `rho`?; it has sigma, rho, beta",
    );
    SIMULATE
        .refused(&["lorenz", "--set", "rho=nan"], "expected a parameter to be finite, found NaN");
    SIMULATE.refused(&["lorenz", "--method", "euler"], "invalid value 'euler'");
    SIMULATE.refused(&["lorenz", "--method", "exact"], "the exact method needs matrices a and b");
    SIMULATE.refused(
        &["lorenz", "--step", "0"],
        "expected the step to be finite and positive, found 0",
    );
    SIMULATE
        .refused(&["lorenz", "--step", "1e-9"], "4e10 steps of 0.000000001 over 40 are more than");
    SIMULATE.refused(
        &["lorenz", "--tolerance", "-1"],
        "expected the relative tolerance to be finite and positive, found -1",
    );
    SIMULATE.refused(
        &["lorenz", "--method", "rk4", "--tolerance", "1e-3"],
        "--tolerance belongs to --method dormand-prince",
    );
    SIMULATE
        .refused(&["lorenz", "--method", "exact", "--step", "1"], "--step belongs to --method rk4");
    SIMULATE.refused(&["lorenz", "--samples", "1"], "expected the number of samples to be from 2");
    SIMULATE.refused(&["lorenz", "--axes", "x"], "expected two states for --axes, found 1");
    SIMULATE.refused(&["lorenz", "--axes", "x,w"], "lorenz has no state `w`; it has x, y, z");
}

#[test]
fn bad_files_are_refused_with_their_line() {
    let folder = SIMULATE.folder("bad");
    SIMULATE.refused(&["--file", "nowhere/at-all.toml"], "cannot read nowhere/at-all.toml");
    SIMULATE.refused(&["--file", argument(&folder)], "cannot read");
    let bytes = file(&folder, "bytes.toml", [0xff, 0xfe, 0x00]);
    SIMULATE.refused(&["--file", &bytes], "cannot read");

    let bad = |text: &str, sentence: &str| {
        SIMULATE.refused(&["--file", &file(&folder, "my.toml", text)], sentence)
    };
    bad("", "my.toml, line 1: expected `states`");
    bad(
        "states = [\"x\"]\ninitials = [1]",
        "my.toml, line 2: `initials` means nothing here, did you mean `initial`?",
    );
    bad(
        "states = [\"x\"]\ninitial = [1, 2]",
        "my.toml, line 2: expected `initial` to have one number for each of x, found 2",
    );
    bad(
        "states = [\"x\"]\ninitial = [1]\n\nequations = [\"-rate * x\"]",
        "my.toml, line 4: in equations[0] = \"-rate * x\": nothing is called `rate` (column 2); there are t, x, e, pi",
    );
    bad(
        "states = [\"x\"]\ninitial = [1]\nduration = \"long\"\nequations = [\"x\"]",
        "my.toml, line 3: in `duration` = \"long\": nothing is called `long`",
    );
    bad(
        "states = [\"x\"]\ninitial = [1]\nduration = -2",
        "my.toml, line 3: expected `duration` to be positive, found -2",
    );
    bad("states = [", "my.toml, line 1: this is not TOML");
}

#[test]
fn a_simulation_that_fails_leaves_no_file() {
    let folder = SIMULATE.folder("failed");
    let own = file(
        &folder,
        "blow-up.toml",
        "states = [\"x\"]\ninitial = [1]\nduration = 2\nequations = [\"x^2\"]\n",
    );
    let csv = argument(&folder.join("run.csv")).to_owned();
    SIMULATE.refused(&["--file", &own, "--csv", &csv], "the solution blows up");
    SIMULATE.refused(
        &["--file", &own, "--csv", &csv, "--method", "rk4", "--step", "0.1"],
        "the derivative of x, x^2, is inf",
    );
    assert_eq!(names_in(&folder), ["blow-up.toml"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = SIMULATE.folder("unwritable");
    let blocked = file(&folder, "file", "not a folder");
    let (svg, csv) = (format!("{blocked}/plots"), format!("{blocked}/run.csv"));
    SIMULATE.refused(&["pendulum", "--svg", &svg], "cannot write");
    SIMULATE.refused(&["pendulum", "--csv", &csv], "cannot write");
    // A file cannot take the place of a folder either, and the half of it is cleared away.
    SIMULATE.refused(&["pendulum", "--csv", argument(&folder)], "cannot write");
    let parent = folder.parent().expect("a parent");
    let partial = names_in(parent).into_iter().find(|name| name.contains("unwritable."));
    assert_eq!(partial, None, "a partial file was left");
    assert_eq!(fs::read_to_string(&blocked).expect("the file"), "not a folder");
}
