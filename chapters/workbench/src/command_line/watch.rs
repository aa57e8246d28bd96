//! `--watch`: the board again whenever a blank is saved.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};

use super::{Chapter, print, workspace_root};

/// An editor that saves in several steps is done when nothing has happened for this long.
const QUIET: Duration = Duration::from_millis(100);

const CLEAR: &str = "\u{1b}[2J\u{1b}[3J\u{1b}[H";

/// Something to look at until the first line, which is longer, takes its place.
const COMPILING: &str = "compiling …\r";

/// Prints the board now and whenever a file of the chapter's `exercises/` changes; never ends.
pub(super) fn watch(chapter: &Chapter) -> Result<ExitCode, Box<dyn Error>> {
    let root = workspace_root(chapter.folder)?;
    let folder = root.join(chapter.folder).join("exercises");
    if !folder.is_dir() {
        return Err(format!("expected a folder {}/exercises", chapter.folder).into());
    }
    let (sender, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event| {
        // The receiver lives as long as the loop below.
        let _ = sender.send(event);
    })?;
    watcher.watch(&folder, RecursiveMode::NonRecursive)?;

    loop {
        let shown = snapshot(&folder)?;
        if io::stdout().is_terminal() {
            print(CLEAR)?;
            print(COMPILING)?;
        }
        child(chapter.package, cfg!(windows), !cfg!(debug_assertions))
            .current_dir(&root)
            .status()?;
        print(&format!("\nwatching {}/exercises (end with Ctrl+C)\n", chapter.folder))?;

        // The compiler opens the files too, and says so to whoever watches: what counts is whether
        // they read differently. A save during the run above is seen at once.
        while snapshot(&folder)? == shown {
            events.recv()??;
            while events.recv_timeout(QUIET).is_ok() {}
        }
    }
}

/// The command that compiles the reader's answers and prints the board.
fn child(package: &str, windows: bool, release: bool) -> Command {
    // Cargo names itself to the programs it runs.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(["run", "-q", "-p", package]);
    if release {
        command.arg("--release");
    }
    if windows {
        // This program is running, and Windows does not let a running program be replaced.
        command.args(["--target-dir", "target/watch"]);
    }
    command
}

/// The Rust files of a folder, with their contents.
fn snapshot(folder: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            // A file that an editor has moved away for a moment counts as empty.
            let text = fs::read(&path).unwrap_or_default();
            files.insert(path, text);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(command: &Command) -> Vec<&str> {
        command.get_args().filter_map(|argument| argument.to_str()).collect()
    }

    #[test]
    fn watch_runs_the_chapter_as_the_reader_would() {
        assert_eq!(arguments(&child("chapter-1", false, false)), ["run", "-q", "-p", "chapter-1"]);
        assert_eq!(
            arguments(&child("chapter-4", false, true)),
            ["run", "-q", "-p", "chapter-4", "--release"]
        );
    }

    #[test]
    fn watch_does_not_replace_a_running_program_on_windows() {
        assert_eq!(
            arguments(&child("chapter-1", true, false)),
            ["run", "-q", "-p", "chapter-1", "--target-dir", "target/watch"]
        );
    }

    #[test]
    fn only_a_changed_rust_file_changes_the_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        let blank = folder.path().join("power_step.rs");
        fs::write(&blank, "todo!()").unwrap();
        let before = snapshot(folder.path()).unwrap();

        fs::write(&blank, "todo!()").unwrap();
        fs::write(folder.path().join(".power_step.rs.swp"), "the editor's own").unwrap();
        assert_eq!(snapshot(folder.path()).unwrap(), before);

        fs::write(&blank, "a * x").unwrap();
        assert_ne!(snapshot(folder.path()).unwrap(), before);
    }
}
