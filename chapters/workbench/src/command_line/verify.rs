//! What a chapter's tests hold its command line and its pages to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Chapter, Experiments, command, workspace_root};
use crate::exercise;

/// Panics unless the chapter is as its readers and its pages expect it; for the chapter's tests.
///
/// Every exercise keeps its promises ([`exercise::verify`]), has its blank and its solution as
/// files of the chapter, and is set on its page, which shows the solution and the command that
/// checks it. Every blank is on the board, in the order of the pages. Every experiment says in one
/// line what it does.
///
/// # Panics
/// With one line a broken promise.
pub fn verify<E: Experiments>(chapter: &Chapter) {
    let mut complaints = exercise::complaints(&chapter.exercises);
    complaints.extend(about_experiments::<E>(chapter));
    match workspace_root(chapter.folder) {
        Ok(root) => {
            complaints.extend(about_files(chapter, &root));
            complaints.extend(about_pages(chapter, &root.join("book/src")));
        }
        Err(error) => complaints.push(error.to_string()),
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn about_experiments<E: Experiments>(chapter: &Chapter) -> Vec<String> {
    let command = command::<E>(chapter);
    command.clone().debug_assert();
    let mut complaints = Vec::new();
    for experiment in command.get_subcommands() {
        let about = experiment.get_about().map(ToString::to_string).unwrap_or_default();
        if about.is_empty() || about.contains('\n') {
            let name = experiment.get_name();
            complaints.push(format!("{name}: expected a description of one line, found {about:?}"));
        }
    }
    complaints
}

fn about_files(chapter: &Chapter, root: &Path) -> Vec<String> {
    let listed: BTreeSet<_> =
        chapter.exercises.iter().map(|exercise| format!("{}.rs", exercise.name)).collect();
    let mut complaints = Vec::new();
    for kind in ["exercises", "solutions"] {
        let folder = format!("{}/{kind}", chapter.folder);
        let found = file_names(&root.join(&folder));
        let missing = listed.difference(&found);
        complaints.extend(missing.map(|name| format!("expected a file {folder}/{name}")));
        let unlisted = found.difference(&listed);
        complaints.extend(unlisted.map(|name| format!("{folder}/{name} is not on the board")));
    }
    complaints
}

fn file_names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn about_pages(chapter: &Chapter, book: &Path) -> Vec<String> {
    let summary = fs::read_to_string(book.join("SUMMARY.md")).unwrap_or_default();
    let mut complaints = Vec::new();
    let mut reached = 0;
    for (index, exercise) in chapter.exercises.iter().enumerate() {
        let name = exercise.name;
        let path = format!("{}.md", exercise.page);
        match summary.find(&format!("({path})")) {
            None => complaints.push(format!("{name}: {path} is no page of the book")),
            Some(position) if position < reached => {
                complaints.push(format!("{name}: expected it before those of later pages"));
            }
            Some(position) => reached = position,
        }
        let text = fs::read_to_string(book.join(&path)).unwrap_or_default();
        let number = (index + 1).to_string();
        if ![name, number.as_str()].iter().any(|which| shows_check(&text, chapter.package, which)) {
            let command = format!("cargo run -p {} -- check {name}", chapter.package);
            complaints.push(format!("{name}: expected {path} to show `{command}`"));
        }
        let solution = format!("solutions/{name}.rs");
        if !text.contains(&solution) {
            complaints.push(format!("{name}: expected {path} to include {solution}"));
        }
    }
    complaints
}

/// Whether a page shows the command that checks this exercise, and not one that only begins so.
fn shows_check(page: &str, package: &str, which: &str) -> bool {
    let command = format!("cargo run -p {package} -- check {which}");
    let ends = |c: char| !c.is_alphanumeric() && c != '_';
    page.match_indices(&command)
        .any(|(at, _)| page[at + command.len()..].chars().next().is_none_or(ends))
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use clap::Subcommand;

    use super::*;
    use crate::exercise::{Exercise, Level};

    #[derive(Subcommand)]
    enum Experiment {
        /// Count down
        Countdown,
        Silent,
    }

    impl Experiments for Experiment {
        fn run(&self) -> Result<(), Box<dyn Error>> {
            Ok(())
        }
    }

    fn chapter(exercises: &[(&'static str, &'static str)]) -> Chapter {
        let exercise = |&(name, page): &(&'static str, &'static str)| {
            Exercise::new(name, Level::Core, "one line", 5).page(page)
        };
        Chapter {
            number: 9,
            title: "Test",
            package: "chapter-9",
            folder: "chapters/9-test",
            exercises: exercises.iter().map(exercise).collect(),
        }
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn experiment_without_a_description_is_named() {
        assert_eq!(
            about_experiments::<Experiment>(&chapter(&[])),
            ["silent: expected a description of one line, found \"\""]
        );
    }

    #[test]
    fn missing_and_unlisted_files_are_named() {
        let root = folder(&[
            ("chapters/9-test/exercises/first.rs", ""),
            ("chapters/9-test/exercises/forgotten.rs", ""),
            ("chapters/9-test/solutions/first.rs", ""),
        ]);
        assert_eq!(
            about_files(&chapter(&[("first", ""), ("second", "")]), root.path()),
            [
                "expected a file chapters/9-test/exercises/second.rs",
                "chapters/9-test/exercises/forgotten.rs is not on the board",
                "expected a file chapters/9-test/solutions/second.rs",
            ]
        );
    }

    const PAGE: &str = "\
Run `cargo run -p chapter-9 -- check first`, then
cargo run -p chapter-9 -- check 2
{{#rustdoc_include ../../chapters/9-test/solutions/first.rs}}
{{#rustdoc_include ../../chapters/9-test/solutions/second.rs}}
";

    #[test]
    fn exercises_set_on_their_pages_in_their_order_are_fine() {
        let book = folder(&[
            ("SUMMARY.md", "- [a](9/a.md)\n- [b](9/b.md)\n"),
            ("9/a.md", PAGE),
            ("9/b.md", PAGE),
        ]);
        for pages in [["9/a", "9/a"], ["9/a", "9/b"]] {
            let chapter = chapter(&[("first", pages[0]), ("second", pages[1])]);
            assert_eq!(about_pages(&chapter, book.path()), [""; 0]);
        }
        let chapter = chapter(&[("first", "9/b"), ("second", "9/a")]);
        assert_eq!(
            about_pages(&chapter, book.path()),
            ["second: expected it before those of later pages"]
        );
    }

    #[test]
    fn exercise_that_its_page_does_not_set_is_named() {
        let book = folder(&[("SUMMARY.md", "- [a](9/a.md)\n"), ("9/a.md", "No exercises.\n")]);
        assert_eq!(
            about_pages(&chapter(&[("first", "9/a"), ("second", "9/c")]), book.path()),
            [
                "first: expected 9/a.md to show `cargo run -p chapter-9 -- check first`",
                "first: expected 9/a.md to include solutions/first.rs",
                "second: 9/c.md is no page of the book",
                "second: expected 9/c.md to show `cargo run -p chapter-9 -- check second`",
                "second: expected 9/c.md to include solutions/second.rs",
            ]
        );
    }

    #[test]
    fn page_shows_a_check_by_number_or_name() {
        assert!(shows_check(PAGE, "chapter-9", "first"));
        assert!(shows_check(PAGE, "chapter-9", "2"));
        assert!(!shows_check(PAGE, "chapter-9", "fir"));
        assert!(!shows_check(&PAGE.replace("check 2", "check 21"), "chapter-9", "2"));
        assert!(!shows_check(PAGE, "chapter-1", "2"));
    }

    #[test]
    #[should_panic(
        expected = "expected to run inside the course, found no chapters/9-test from here up"
    )]
    fn verify_refuses_a_chapter_whose_folder_is_elsewhere() {
        verify::<Experiment>(&chapter(&[]));
    }
}
