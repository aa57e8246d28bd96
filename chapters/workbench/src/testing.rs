//! What the tests of every chapter need.
//!
//! [`CommandUnderTest`] runs one command of a chapter’s program as a reader runs it, and says what
//! has to hold of everything it prints: success and numbers, or failure and a sentence; never a
//! panic, never a NaN. [`file`](fn@file), [`argument`] and [`names_in`] save its tests the paths.
//! [`fixture`] reads reference numbers, [`assert_close`] and [`paired`] compare with them, and
//! [`Lcg`] draws the matrices that a script drew.

mod numbers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub use numbers::{Lcg, assert_close, matrix, paired, relative_error};

/// One command of a chapter’s program.
///
/// ```
/// use workbench::testing::CommandUnderTest;
///
/// // In a chapter: env!("CARGO_BIN_EXE_chapter-1"), env!("CARGO_TARGET_TMPDIR"), "simulate".
/// # #[cfg(unix)] {
/// const ECHO: CommandUnderTest = CommandUnderTest::new("echo", "no/such/folder", "said:");
/// assert_eq!(ECHO.accepted(&["1", "2"]), "said: 1 2\n");
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CommandUnderTest {
    program: &'static str,
    scratch: &'static str,
    command: &'static str,
}

impl CommandUnderTest {
    /// `program` is the chapter’s, `scratch` a folder that tests may write in.
    pub const fn new(program: &'static str, scratch: &'static str, command: &'static str) -> Self {
        Self { program, scratch, command }
    }

    /// Runs it, whatever comes of it.
    ///
    /// # Panics
    /// If there is no such program.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.program);
        command.arg(self.command).args(arguments).output().expect("the program runs")
    }

    /// What it prints: it succeeds, and no number is missing or infinite.
    ///
    /// # Panics
    /// If it fails, or prints a NaN or an infinity.
    #[track_caller]
    pub fn accepted(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(missing_number(&text), None, "{arguments:?}: {text}");
        text
    }

    /// It fails, prints nothing on standard output, does not panic, and says this.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], sentence: &str) {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?} was accepted");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert!(said.contains(sentence), "{arguments:?}: expected `{sentence}`, found `{said}`");
        assert!(output.stdout.is_empty(), "{arguments:?} printed something and then failed");
    }

    /// A folder of one test’s own, empty.
    ///
    /// # Panics
    /// If there can be none.
    #[track_caller]
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = Path::new(self.scratch).join(self.command).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        path
    }
}

/// The first word of a text that is no finite number: what a 0 / 0 that nobody noticed prints.
fn missing_number(text: &str) -> Option<&str> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.find(|word| ["NaN", "nan", "inf", "infinity"].contains(word))
}

/// The text of a file in `tests/fixtures`: reference numbers, and what made them.
///
/// ```
/// assert!(workbench::testing::fixture("README.md").starts_with("# "));
/// ```
///
/// # Panics
/// If there is no such file.
#[track_caller]
pub fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Writes a file of a test’s own and returns its path as an argument.
///
/// # Panics
/// If it cannot be written.
#[track_caller]
pub fn file(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, contents).expect("a file");
    argument(&path).to_owned()
}

/// A path as an argument.
///
/// # Panics
/// If it is not UTF-8.
#[track_caller]
pub fn argument(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The names of all that lies in a folder, in alphabetical order.
///
/// # Panics
/// If there is no such folder, or a name is not UTF-8.
#[track_caller]
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: Result<fs::DirEntry, _>| entry.expect("an entry").file_name().into_string();
    let mut names: Vec<String> = entries.map(|entry| name(entry).expect("UTF-8")).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::missing_number;

    #[test]
    fn only_whole_words_are_missing_numbers() {
        assert_eq!(missing_number("gain -inf dB"), Some("inf"));
        assert_eq!(missing_number("[1, NaN]"), Some("NaN"));
        assert_eq!(missing_number("infer the banana, 1.5e-3"), None);
    }
}
