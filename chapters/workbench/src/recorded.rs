//! Recorded outputs: what a page quotes is what the program prints.
//!
//! A file `recorded/NAME.txt` begins with the command, `$ cargo run -p chapter-1 -- modes`, and
//! goes on with what it prints. A test of the chapter runs each again ([`replay`]);
//! `cargo book record` writes them anew ([`refresh`]). A file whose second line begins with
//! `# recorded once:` holds a measurement, with its seed, machine and duration: both leave it
//! alone.
//!
//! Another machine may round differently in the last digits, so numbers are compared with a
//! tolerance ([`difference`]).

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::recorded::tokens::same_line;

mod tokens;

/// Why recorded outputs cannot be replayed or refreshed: a sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecordedError(String);

/// The first line in which two outputs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which line, from 1.
    pub line: usize,
    /// As recorded; `None` beyond its end.
    pub recorded: Option<String>,
    /// As printed now; `None` beyond its end.
    pub printed: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "(nothing)".into());
        let (recorded, printed) = (side(&self.recorded), side(&self.printed));
        write!(f, "line {}\n  recorded: {recorded}\n  printed:  {printed}", self.line)
    }
}

/// The first line in which two outputs differ, if any.
///
/// Text is compared exactly, spaces at the end of a line apart. In a line with numbers the words
/// between them must agree and so must the numbers: whole numbers exactly, others to 1e-6 of their
/// size; two numbers below 1e-11 are both rounding noise and agree. How many spaces align a number
/// does not count. A line with braille is a plot, where each character counts.
///
/// ```
/// use workbench::recorded::difference;
///
/// assert_eq!(difference("lambda = 0.50000000", "lambda = 0.50000001"), None);
/// assert_eq!(difference("residual  3e-16", "residual -1e-17"), None);
/// assert!(difference("lambda = 0.5", "lambda = 0.51").is_some());
/// assert!(difference("lambda = 0.5", "mu = 0.5").is_some());
/// ```
pub fn difference(recorded: &str, printed: &str) -> Option<Difference> {
    let (mut left, mut right) = (recorded.trim_end().lines(), printed.trim_end().lines());
    for line in 1.. {
        let (recorded, printed) = (left.next(), right.next());
        match (recorded, printed) {
            (None, None) => break,
            (Some(recorded), Some(printed)) if same_line(recorded, printed) => {}
            _ => {
                let (recorded, printed) = (recorded.map(Into::into), printed.map(Into::into));
                return Some(Difference { line, recorded, printed });
            }
        }
    }
    None
}

/// Runs each recorded command of a chapter and compares; for the chapter's tests.
///
/// `exe` is the chapter's program, `folder` its `recorded/`. Commands run at the root of the
/// workspace. Returns how many were replayed.
///
/// # Panics
/// With file, first differing line and both versions of it, for each file that differs; when there
/// is nothing to replay.
pub fn replay(exe: &Path, folder: &Path) -> usize {
    match try_replay(exe, folder) {
        Ok(0) => panic!("{}: nothing to replay", shown(folder)),
        Ok(count) => count,
        Err(complaints) => panic!("\n{}\n", complaints.join("\n")),
    }
}

fn try_replay(exe: &Path, folder: &Path) -> Result<usize, Vec<String>> {
    let files = files(folder).map_err(|error| vec![error.0])?;
    let root = workspace_root(folder).map_err(|error| vec![error.0])?;
    let (mut complaints, mut count) = (Vec::new(), 0);
    for path in files {
        let replayed = read(&path).and_then(|recording| match recording {
            Recording::Once => Ok(0),
            Recording::Replayed { command, output, .. } => {
                if exe.file_stem() != Some(command.package.as_ref()) {
                    let package = &command.package;
                    return Err(RecordedError(format!(
                        "{}: expected a command of this chapter, found {package}",
                        shown(&path)
                    )));
                }
                let mut program = Command::new(exe);
                program.args(&command.arguments).current_dir(&root);
                let printed = printed(&mut program, &path)?;
                match difference(&output, &printed) {
                    None => Ok(1),
                    // The command is the file's first line.
                    Some(Difference { line, recorded, printed }) => Err(RecordedError(format!(
                        "{}, {}",
                        shown(&path),
                        Difference { line: line + 1, recorded, printed }
                    ))),
                }
            }
        });
        match replayed {
            Ok(one) => count += one,
            Err(error) => complaints.push(error.0),
        }
    }
    if complaints.is_empty() { Ok(count) } else { Err(complaints) }
}

/// Runs each recorded command of each chapter and writes down what it prints now.
///
/// `progress` is told each file by its path from the root, and what became of it.
///
/// # Errors
/// A sentence that names the file: one that cannot be read or written, a command that does not
/// compile or panics.
pub fn refresh(
    workspace_root: &Path,
    progress: impl FnMut(&Path, Refreshed),
) -> Result<(), RecordedError> {
    refresh_with(&[], workspace_root, progress)
}

fn refresh_with(
    options: &[&str],
    workspace_root: &Path,
    mut progress: impl FnMut(&Path, Refreshed),
) -> Result<(), RecordedError> {
    let chapters = workspace_root.join("chapters");
    let entries = fs::read_dir(&chapters).map_err(|error| at(&chapters, &error))?;
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path().join("recorded")).collect();
    folders.sort();
    for folder in folders {
        for path in files(&folder)? {
            let name = path.strip_prefix(workspace_root).unwrap_or(&path);
            progress(name, refresh_file(options, workspace_root, &path)?);
        }
    }
    Ok(())
}

/// What [`refresh`] did with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// A measurement: left alone.
    RecordedOnce,
    /// Written, and just as before.
    Same,
    /// Written, and different.
    Changed,
}

impl fmt::Display for Refreshed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refreshed::RecordedOnce => "recorded once, left alone",
            Refreshed::Same => "same",
            Refreshed::Changed => "changed",
        })
    }
}

fn refresh_file(options: &[&str], root: &Path, path: &Path) -> Result<Refreshed, RecordedError> {
    let Recording::Replayed { first_line, command, output } = read(path)? else {
        return Ok(Refreshed::RecordedOnce);
    };
    // Compiled first and apart, so that only the program's own words are recorded.
    let mut build = cargo("build", options, &command);
    let status = build.current_dir(root).status().map_err(|error| at(path, &error))?;
    if !status.success() {
        let package = &command.package;
        return Err(RecordedError(format!("{}: {package} does not compile", shown(path))));
    }
    let mut run = cargo("run", options, &command);
    run.arg("--").args(&command.arguments).current_dir(root);
    let printed = printed(&mut run, path)?;
    let text = format!("{first_line}\n{printed}");
    let before = format!("{first_line}\n{output}");
    if text == before {
        return Ok(Refreshed::Same);
    }
    fs::write(path, text).map_err(|error| at(path, &error))?;
    Ok(Refreshed::Changed)
}

fn cargo(what: &str, options: &[&str], recorded: &RecordedCommand) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([what, "-q", "-p", &recorded.package]).args(options);
    if recorded.release {
        command.arg("--release");
    }
    command
}

/// What a reader would see: stdout, then what a failing command says on stderr.
fn printed(command: &mut Command, path: &Path) -> Result<String, RecordedError> {
    command.env("NO_COLOR", "1").env("COLUMNS", "80").env_remove("CLICOLOR_FORCE");
    let Output { status, stdout, stderr } = command.output().map_err(|error| at(path, &error))?;
    let (mut text, stderr) =
        (String::from_utf8_lossy(&stdout).replace("\r\n", "\n"), String::from_utf8_lossy(&stderr));
    // 101 is the code of a panic.
    if status.code().is_none_or(|code| code == 101) {
        let end = status.to_string();
        return Err(RecordedError(format!(
            "{}: the command ended by {end}\n{stderr}",
            shown(path)
        )));
    }
    if !status.success() {
        text += &stderr.replace("\r\n", "\n");
    }
    Ok(text)
}

#[derive(Debug, PartialEq, Eq)]
struct RecordedCommand {
    package: String,
    release: bool,
    arguments: Vec<String>,
}

enum Recording {
    Once,
    Replayed { first_line: String, command: RecordedCommand, output: String },
}

fn read(path: &Path) -> Result<Recording, RecordedError> {
    let text = fs::read_to_string(path).map_err(|error| at(path, &error))?;
    let text = text.replace("\r\n", "\n");
    let (first_line, output) = text.split_once('\n').unwrap_or((&text, ""));
    if output.starts_with("# recorded once:") {
        return Ok(Recording::Once);
    }
    let command = parse(first_line).ok_or_else(|| {
        let expected = "$ cargo run -p chapter-N -- ARGUMENTS";
        RecordedError(format!(
            "{}: expected the first line `{expected}`, found `{first_line}`",
            shown(path)
        ))
    })?;
    Ok(Recording::Replayed { first_line: first_line.into(), command, output: output.into() })
}

/// `$ cargo run --release -p chapter-1 -- modes --size 3`, options of cargo in either order.
fn parse(line: &str) -> Option<RecordedCommand> {
    let words = words(line.strip_prefix("$ cargo run ")?)?;
    let (mut package, mut release) = (None, false);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-p" | "--package" => package = Some(words.next()?),
            "--release" | "-r" => release = true,
            "-q" | "--quiet" => {}
            "--" => break,
            _ => return None,
        }
    }
    Some(RecordedCommand { package: package?, release, arguments: words.collect() })
}

/// Words as a shell would split them, with single and double quotes; `None` if one stays open.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            None if character == '\'' || character == '"' => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            None if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The recorded files of a folder, in order; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, RecordedError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder, &error)),
    };
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    Ok(files)
}

fn workspace_root(folder: &Path) -> Result<PathBuf, RecordedError> {
    let here = std::path::absolute(folder).map_err(|error| at(folder, &error))?;
    let is_root = |root: &&Path| {
        fs::read_to_string(root.join("Cargo.toml")).is_ok_and(|text| text.contains("[workspace]"))
    };
    let root = here.ancestors().find(is_root).map(Path::to_path_buf);
    root.ok_or_else(|| {
        RecordedError(format!("{}: expected a folder of a workspace", shown(folder)))
    })
}

/// The last two parts of a path: `recorded/modes.txt`.
fn shown(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

fn at(path: &Path, error: &io::Error) -> RecordedError {
    RecordedError(format!("{}: {error}", shown(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_names_the_first_differing_line() {
        let recorded = "k  x\n0  1.0\n1  0.5\n2  0.25\n";
        assert_eq!(difference(recorded, "k  x\n0  1.0\n1  0.50000001\n2  0.25"), None);
        let found = difference(recorded, "k  x\n0  1.0\n1  0.6\n2  0.36\n").unwrap();
        assert_eq!(found.to_string(), "line 3\n  recorded: 1  0.5\n  printed:  1  0.6");
    }

    #[test]
    fn difference_sees_lines_that_are_missing_or_too_many() {
        let found = difference("a\nb\n", "a\n").unwrap();
        assert_eq!(found.to_string(), "line 2\n  recorded: b\n  printed:  (nothing)");
        let found = difference("a\n", "a\nb\n").unwrap();
        assert_eq!(found.to_string(), "line 2\n  recorded: (nothing)\n  printed:  b");
        assert!(difference("a\n\nb\n", "a\nb\n").is_some());
    }

    #[test]
    fn command_line_is_read_in_every_form() {
        let command = |release, arguments: &[&str]| RecordedCommand {
            package: "chapter-1".into(),
            release,
            arguments: arguments.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(parse("$ cargo run -p chapter-1"), Some(command(false, &[])));
        assert_eq!(parse("$ cargo run -p chapter-1 -- modes"), Some(command(false, &["modes"])));
        let line = "$ cargo run --release -p chapter-1 -- flow --x0 '1 0' --title \"\"";
        let arguments = ["flow", "--x0", "1 0", "--title", ""];
        assert_eq!(parse(line), Some(command(true, &arguments)));
        assert_eq!(parse("$ cargo run -p chapter-1 --release"), Some(command(true, &[])));
        for line in [
            "cargo run -p chapter-1",
            "$ cargo test -p chapter-1",
            "$ cargo run -- modes",
            "$ cargo run -p",
            "$ cargo run -p chapter-1 modes",
            "$ cargo run -p chapter-1 -- 'modes",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    /// A workspace with one chapter, whose recorded file has these lines.
    fn workspace(recorded: &str) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("chapters/1-test/recorded");
        fs::create_dir_all(&folder).unwrap();
        fs::write(root.path().join("Cargo.toml"), "[workspace]\n").unwrap();
        fs::write(folder.join("one.txt"), recorded).unwrap();
        (root, folder)
    }

    /// The test binary itself serves as the chapter's program.
    fn this_program() -> (PathBuf, String) {
        let exe = std::env::current_exe().unwrap();
        let package = exe.file_stem().unwrap().to_str().unwrap().to_owned();
        (exe, package)
    }

    const LISTED: &str = "recorded::tests::listed_when_replayed: test\n\n1 test, 0 benchmarks\n";

    #[test]
    fn listed_when_replayed() {
        let (exe, package) = this_program();
        let first = format!(
            "$ cargo run -p {package} -- --list --exact recorded::tests::listed_when_replayed"
        );
        let (_root, folder) = workspace(&format!("{first}\n{LISTED}"));
        assert_eq!(try_replay(&exe, &folder), Ok(1));
    }

    #[test]
    fn replay_refuses_another_output_and_names_file_and_line() {
        let (exe, package) = this_program();
        let first = format!(
            "$ cargo run -p {package} -- --list --exact recorded::tests::listed_when_replayed"
        );
        let (_root, folder) = workspace(&format!("{first}\n{}", LISTED.replace('1', "2")));
        assert_eq!(
            try_replay(&exe, &folder),
            Err(vec![
                "recorded/one.txt, line 4\n  recorded: 2 test, 0 benchmarks\n  printed:  1 test, 0 benchmarks"
                    .to_owned()
            ])
        );
    }

    // No test of its own: what the next test replays.
    #[test]
    fn fails_when_replayed() {
        if std::env::args().any(|argument| argument == "fail") {
            eprintln!("error: expected A to be square, found 3 x 2");
            std::process::exit(1);
        }
    }

    #[test]
    fn replay_compares_what_a_failing_command_says() {
        let (exe, package) = this_program();
        let arguments = "-q --nocapture --exact recorded::tests::fails_when_replayed --skip fail";
        let output = "\nrunning 1 test\nerror: expected A to be square, found 3 x 2\n";
        let first = format!("$ cargo run -p {package} -- {arguments}");
        let (_root, folder) = workspace(&format!("{first}\n{output}"));
        assert_eq!(try_replay(&exe, &folder), Ok(1));
    }

    #[test]
    fn replay_refuses_a_command_that_panics() {
        // A test program ends as if it had panicked when it does not know an option.
        let (exe, package) = this_program();
        let (_root, folder) = workspace(&format!("$ cargo run -p {package} -- --no-such-option\n"));
        let complaints = try_replay(&exe, &folder).unwrap_err();
        assert!(
            complaints[0].starts_with("recorded/one.txt: the command ended by exit status: 101\n")
                || complaints[0]
                    .starts_with("recorded/one.txt: the command ended by exit code: 101\n"),
            "{complaints:?}"
        );
    }

    #[test]
    fn replay_leaves_measurements_alone() {
        let (exe, package) = this_program();
        let (_root, folder) =
            workspace(&format!("$ cargo run -p {package} -- time\n# recorded once: seed 1\n3 s\n"));
        assert_eq!(try_replay(&exe, &folder), Ok(0));
    }

    #[test]
    #[should_panic(expected = "nothing to replay")]
    fn replay_refuses_to_replay_nothing() {
        let (exe, _) = this_program();
        let (_root, folder) = workspace("$ cargo run -p chapter-1\n# recorded once: seed 1\n");
        replay(&exe, &folder);
    }

    #[test]
    fn replay_refuses_what_is_no_command_of_the_chapter() {
        let (exe, _) = this_program();
        let (_root, folder) = workspace("$ cargo run -p chapter-9 -- modes\n");
        assert_eq!(
            try_replay(&exe, &folder),
            Err(vec![
                "recorded/one.txt: expected a command of this chapter, found chapter-9".into()
            ])
        );
        let (_root, folder) = workspace("modes\n");
        let complaints = try_replay(&exe, &folder).unwrap_err();
        assert!(complaints[0].ends_with("found `modes`"), "{complaints:?}");
    }

    #[test]
    fn refresh_writes_what_the_command_prints_now() {
        let (root, folder) = workspace("$ cargo run -p chapter-1 -- a\nold\n");
        let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"chapters/1-test\"]\n");
        write(
            "chapters/1-test/Cargo.toml",
            "[package]\nname = \"chapter-1\"\nedition = \"2024\"\n\n[[bin]]\nname = \"chapter-1\"\npath = \"main.rs\"\n",
        );
        write(
            "chapters/1-test/main.rs",
            r#"fn main() {
                let first = std::env::args().nth(1);
                println!("{first:?} {:?}", std::env::var("NO_COLOR"));
                std::process::exit(i32::from(first.is_none()));
            }"#,
        );
        let same = "$ cargo run -p chapter-1\nNone Ok(\"1\")\n";
        fs::write(folder.join("same.txt"), same).unwrap();
        let once = "$ cargo run -p chapter-1 -- b\n# recorded once: seed 1, 3 s\n3 s\n";
        fs::write(folder.join("once.txt"), once).unwrap();

        let mut seen = Vec::new();
        let target = root.path().join("target").to_str().unwrap().to_owned();
        let config = format!("build.build-dir='{target}'");
        let options = ["--target-dir", &target, "--config", &config];
        refresh_with(&options, root.path(), |path, refreshed| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            seen.push((name, refreshed));
        })
        .unwrap();

        let expected = [
            ("once.txt", Refreshed::RecordedOnce),
            ("one.txt", Refreshed::Changed),
            ("same.txt", Refreshed::Same),
        ];
        assert_eq!(seen, expected.map(|(name, refreshed)| (name.to_owned(), refreshed)));
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(text("one.txt"), "$ cargo run -p chapter-1 -- a\nSome(\"a\") Ok(\"1\")\n");
        assert_eq!(text("same.txt"), same);
        assert_eq!(text("once.txt"), once);
    }
}
