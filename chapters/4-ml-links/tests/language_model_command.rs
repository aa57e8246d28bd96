//! `chapter-4 train-on-book` and `generate` as a reader meets them: what they print, what they write, and what they say
//! to bad input.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("language_model").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

fn chapter(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chapter-4"));
    command.args(arguments);
    command
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// A small text with something to learn in it.
const VERSE: &str =
    "The state remembers what the inputs were, the output tells what it remembers.\n";

/// A folder with the verse, repeated.
fn with_verse(name: &str) -> PathBuf {
    let folder = folder(name);
    fs::write(folder.join("verse.txt"), VERSE.repeat(20)).expect("written");
    folder
}

/// The arguments of a run of seconds.
fn small_run(folder: &Path, more: &[&str]) -> Vec<String> {
    let (verse, out) = (text(&folder.join("verse.txt")), text(&folder.join("run")));
    let small = [
        "train-on-book",
        "--text",
        &verse,
        "--out",
        &out,
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
    small.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
}

fn run(arguments: &[String]) -> Output {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    chapter(&arguments).output().expect("the program runs")
}

fn accepted(arguments: &[String]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The program fails with one sentence, and does not panic.
fn refused(arguments: &[String], sentence: &str) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{arguments:?} was accepted");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.contains(sentence), "{arguments:?}: expected `{sentence}`, found `{said}`");
}

/// The columns step, loss, validation, rate and gradient of a log: what does not depend on the clock.
fn learned(log: &Path) -> Vec<Vec<String>> {
    let log = fs::read_to_string(log).expect("a log");
    let row = |line: &str| line.split(',').take(5).map(str::to_owned).collect();
    log.lines().map(row).collect()
}

#[test]
fn the_loss_falls_and_the_model_writes_on() {
    let folder = with_verse("smoke");
    let log = text(&folder.join("log.csv"));
    let printed = accepted(&small_run(&folder, &["--log", &log, "--sample-every", "30"]));
    assert!(
        printed.contains("1560 characters, 20 different; 1404 to learn from, 156 held out"),
        "{printed}"
    );
    assert!(printed.contains("step 30, loss"), "{printed}");
    let rows = learned(Path::new(&log));
    let loss = |row: usize| rows[row][1].parse::<f64>().expect("a number");
    assert_eq!(rows.len(), 7);
    assert!(loss(6) < 0.5 * loss(1), "{rows:?}");

    let checkpoint = text(&folder.join("run"));
    let write = |seed: &str| {
        let arguments = [
            "generate",
            "--checkpoint",
            &checkpoint,
            "--prompt",
            "The state ",
            "--characters",
            "40",
            "--temperature",
            "0.5",
            "--top-k",
            "5",
            "--top-p",
            "0.9",
            "--seed",
            seed,
        ];
        accepted(&arguments.map(str::to_owned))
    };
    let first = write("1");
    assert!(first.starts_with("The state ") && first.chars().count() == 51, "{first}");
    assert_eq!(first, write("1"));
    assert_ne!(first, write("2"));

    let arguments = ["generate", "--checkpoint", &checkpoint, "--prompt", "The state", "--bits"];
    let printed = accepted(&arguments.map(str::to_owned));
    let bits = |line: &str| -> f64 {
        line.split_whitespace().next().and_then(|bits| bits.parse().ok()).expect("bits")
    };
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 8 + 4, "{printed}");
    let all: Vec<f64> = lines[..8].iter().map(|line| bits(line)).collect();
    assert!((all.iter().sum::<f64>() / 8.0 - bits(lines[8])).abs() < 0.011, "{printed}");
    assert!(lines[4].ends_with("'t'"), "{printed}");
    // Of h, e, a space, s, t, a, t, e one begins a word, and one is between words.
    assert!((all[3] - bits(lines[9])).abs() < 0.011, "{printed}");
    assert!((all[2] - bits(lines[11])).abs() < 0.011, "{printed}");
    let inside = (all.iter().sum::<f64>() - all[2] - all[3]) / 6.0;
    assert!((inside - bits(lines[10])).abs() < 0.011, "{printed}");
    assert!(lines[9].ends_with("beginning a word, 12 % of the characters"), "{printed}");
}

#[test]
fn a_killed_run_continues_to_the_same_weights_bit_for_bit() {
    let (whole, killed) = (with_verse("whole"), with_verse("killed"));
    let logs = [&whole, &killed].map(|folder| text(&folder.join("log.csv")));
    let often = |log: &str| {
        ["--save-every", "10", "--evaluate-every", "20", "--log", log].map(str::to_owned)
    };
    let arguments = |folder: &Path, log: &str| {
        let mut arguments = small_run(folder, &[]);
        arguments.extend(often(log));
        arguments
    };
    accepted(&arguments(&whole, &logs[0]));

    // Kill it when a checkpoint was written and the end is not yet there.
    let first = arguments(&killed, &logs[1]);
    let borrowed: Vec<&str> = first.iter().map(String::as_str).collect();
    let mut child =
        chapter(&borrowed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let begun = Instant::now();
    while !Path::new(&logs[1]).exists() || learned(Path::new(&logs[1])).len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not begin");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    let at_death = learned(Path::new(&logs[1])).len();

    let mut second = first;
    second.push("--resume".into());
    accepted(&second);
    for file in ["run/last.safetensors", "run/best.safetensors"] {
        let read = |folder: &Path| fs::read(folder.join(file)).expect("a checkpoint");
        assert!(read(&whole) == read(&killed), "{file} differs");
    }
    assert_eq!(learned(Path::new(&logs[0])), learned(Path::new(&logs[1])));
    assert!(at_death < 7, "it was not killed in time: {at_death} lines");
    // Done is done.
    accepted(&second);
}

#[test]
fn a_run_stops_when_its_time_is_up_and_goes_on_later() {
    let folder = with_verse("minutes");
    let mut arguments = small_run(&folder, &["--minutes", "0.000001"]);
    let printed = accepted(&arguments);
    assert!(
        printed.contains("59 steps are left: the same command with --resume goes on"),
        "{printed}"
    );
    arguments.truncate(arguments.len() - 2);
    arguments.push("--resume".into());
    assert!(accepted(&arguments).contains("after     60 steps"));
}

#[test]
fn texts_that_cannot_be_learned_are_refused() {
    let folder = with_verse("texts");
    let refused_text = |content: &[u8], sentence: &str| {
        fs::write(folder.join("verse.txt"), content).expect("written");
        refused(&small_run(&folder, &[]), sentence);
        assert!(!folder.join("run").exists(), "a folder was made for nothing");
    };
    refused_text(
        b"",
        "expected at least 37 characters, for pieces of 32 and a held-out tenth; found 0",
    );
    refused_text(b"tiny", "found 4");
    refused_text(&[b'a'; 500], "expected at least two different characters, found 'a' only");
    let mut bytes = VERSE.repeat(20).into_bytes();
    bytes[100] = 0x80;
    refused_text(&bytes, "found the byte 0x80 at offset 100 (line 2)");
    fs::remove_file(folder.join("verse.txt")).expect("removed");
    refused(&small_run(&folder, &[]), "cannot read ");
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let folder = with_verse("numbers");
    let refused_with = |flag: &str, value: &str, sentence: &str| {
        // The last of two equal flags would be an error of its own.
        let mut arguments = small_run(&folder, &[]);
        match arguments.iter().position(|argument| argument == flag) {
            Some(place) => arguments[place + 1] = value.to_owned(),
            None => arguments.extend([flag.to_owned(), value.to_owned()]),
        }
        refused(&arguments, sentence);
    };
    refused_with("--steps", "0", "expected the number of steps a positive number, found 0");
    refused_with("--batch", "0", "expected --batch and --length of 1 or more, found 0");
    refused_with("--lr", "0", "expected the learning rate a positive number, found 0");
    refused_with("--d-state", "5", "expected the state size d_state even and 2 or more, found 5");
    refused_with("--dropout", "1", "expected the share of dropout from 0 to below 1, found 1");
    refused_with("--minutes", "0", "expected --minutes a positive number, found 0");
    refused_with("--backend", "abacus", "invalid value 'abacus'");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_loses_nothing() {
    let folder = with_verse("nan");
    let mut arguments = small_run(&folder, &["--save-every", "1"]);
    let place = arguments.iter().position(|argument| argument == "0.01").expect("the rate");
    arguments[place] = "1e30".into();
    refused(&arguments, "nothing was changed or saved after step");
    let checkpoint = text(&folder.join("run/last.safetensors"));
    let generate =
        ["generate", "--checkpoint", &checkpoint, "--prompt", "The ", "--characters", "3"];
    accepted(&generate.map(str::to_owned));
}

#[test]
fn folders_that_cannot_be_written_are_refused_before_training() {
    let folder = with_verse("folder");
    fs::write(folder.join("run"), "a file").expect("written");
    refused(&small_run(&folder, &[]), "cannot write ");
    assert_eq!(fs::read_to_string(folder.join("run")).expect("still there"), "a file");
    fs::remove_file(folder.join("run")).expect("removed");
    let log = text(&folder.join("no/such/folder/log.csv"));
    refused(&small_run(&folder, &["--log", &log]), "cannot write the log ");
    // No step was taken, so the folder is free for the command as it should have been.
    let log = text(&folder.join("log.csv"));
    accepted(&small_run(&folder, &["--log", &log]));
    refused(&small_run(&folder, &["--log", &log]), "continue that run with --resume");
}

#[test]
fn checkpoints_that_do_not_fit_are_refused_and_kept() {
    let folder = with_verse("checkpoints");
    let with = |changes: &[(&str, &str)], more: &[&str]| {
        let mut arguments = small_run(&folder, more);
        for (flag, value) in changes {
            let place = arguments.iter().position(|a| a == flag).expect("the flag");
            arguments[place + 1] = (*value).to_owned();
        }
        arguments
    };
    let short = [("--steps", "4")];
    refused(&with(&short, &["--resume"]), "cannot read the checkpoint ");
    accepted(&with(&short, &[]));
    let last = folder.join("run/last.safetensors");
    let saved = fs::read(&last).expect("a checkpoint");

    refused(&with(&short, &[]), "continue that run with --resume");
    refused(&with(&[("--steps", "5")], &["--resume"]), "expected steps = 5, found 4");
    refused(&with(&[("--steps", "4"), ("--d-model", "8")], &["--resume"]), "expected model = ");
    refused(
        &with(&[("--steps", "4"), ("--lr", "0.02")], &["--resume"]),
        "expected rate = 0.02, found 0.01",
    );
    fs::write(folder.join("verse.txt"), VERSE.repeat(21)).expect("written");
    refused(&with(&short, &["--resume"]), "expected text = ");
    fs::write(folder.join("verse.txt"), VERSE.repeat(20)).expect("written");
    assert_eq!(fs::read(&last).expect("still there"), saved);

    let generate = |path: &Path, prompt: &str| {
        ["generate", "--checkpoint", &text(path), "--prompt", prompt].map(str::to_owned)
    };
    refused(&generate(&folder.join("run"), "The X ray"), "found 'X', 'y'");
    refused(&generate(&folder.join("run"), ""), "expected a prompt of at least one character");
    refused(&generate(&folder.join("nowhere"), "The "), "cannot read the checkpoint ");
    refused(&generate(&folder.join("verse.txt"), "The "), "found something else");
    fs::write(&last, &saved[..saved.len() / 2]).expect("written");
    refused(&generate(&last, "The "), "is cut short: expected ");
    refused(&with(&short, &["--resume"]), "is cut short: expected ");
    accepted(&generate(&folder.join("run"), "The ")); // the best one is still there
}

#[test]
fn without_an_adapter_the_gpu_is_refused_in_words() {
    let folder = with_verse("adapter");
    let mut arguments = small_run(&folder, &["--backend", "wgpu", "--sample-every", "0"]);
    let steps = arguments.iter().position(|argument| argument == "60").expect("the steps");
    arguments[steps] = "1".into();
    let borrowed: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = chapter(&borrowed)
        .env("VK_DRIVER_FILES", "/no/such/driver")
        .env("VK_ICD_FILENAMES", "/no/such/driver")
        .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/no/such/driver")
        .env("LIBGL_DRIVERS_PATH", "/no/such/driver")
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        println!("SKIPPED: this machine has an adapter that hides from the environment");
    } else {
        assert!(
            said.contains("expected a graphics adapter for the backend wgpu, found none"),
            "{said}"
        );
    }
}

#[test]
fn the_gpu_takes_the_steps_of_the_cpu() {
    let folder = with_verse("gpu");
    let losses = |backend: &str| {
        let log = text(&folder.join(format!("{backend}.csv")));
        let mut arguments = small_run(&folder, &["--backend", backend, "--log", &log]);
        let tiny = [
            ("--out", &text(&folder.join(backend))[..]),
            ("--steps", "2"),
            ("--length", "16"),
            ("--d-model", "8"),
            ("--layers", "1"),
        ];
        for (flag, value) in tiny {
            let place = arguments.iter().position(|argument| argument == flag).expect("the flag");
            arguments[place + 1] = value.to_owned();
        }
        arguments.extend(["--evaluate-every", "1", "--sample-every", "0"].map(str::to_owned));
        let output = run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.contains("expected a graphics adapter") {
            println!("SKIPPED: {said}");
            return None;
        }
        assert!(output.status.success(), "{said}");
        let number = |column: &String| column.parse::<f64>().expect("a number");
        let rows = learned(Path::new(&log));
        // Loss, bits on the held-out tenth, and the norm of the gradient, after each step.
        Some(rows[1..].iter().map(|row| [1, 2, 4].map(|k| number(&row[k]))).collect::<Vec<_>>())
    };
    let Some(gpu) = losses("wgpu") else { return };
    let cpu = losses("cpu").expect("there is a processor");
    assert_eq!((gpu.len(), cpu.len()), (2, 2));
    for (gpu, cpu) in gpu.iter().flatten().zip(cpu.iter().flatten()) {
        // The log has three or four decimals, and both add up in f32.
        assert!((gpu - cpu).abs() < 2e-3, "expected {cpu}, found {gpu}");
    }
}
