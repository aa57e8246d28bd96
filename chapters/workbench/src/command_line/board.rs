//! What the commands about exercises print. Colours are in the text; the stream drops them.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::Chapter;
use crate::exercise::{Exercise, Outcome};

const DONE: Style = AnsiColor::Green.on_default();
const REFUSED: Style = AnsiColor::Red.on_default();
const OPEN: Style = Style::new().dimmed();
const TITLE: Style = Style::new().bold();
const PLACE: Style = AnsiColor::Cyan.on_default();
const NEXT: Style = AnsiColor::Yellow.on_default();

/// Columns of the board.
const WIDTH: usize = 66;
/// The most columns of a hint, or of what to notice.
const TEXT_WIDTH: usize = 78;
/// Columns from a name to its size, unless a name is longer.
const NAME_WIDTH: usize = 23;
/// The most lines of one failure that are shown.
const LONGEST_FAILURE: usize = 8;

fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

/// The exercises of a chapter with what became of the reader's answers.
pub(super) fn board(chapter: &Chapter, outcomes: &[Outcome]) -> String {
    let title = format!("Chapter {} · {}", chapter.number, chapter.title);
    let done = outcomes.iter().filter(|&outcome| *outcome == Outcome::Passed).count();
    let count = match outcomes.len() {
        0 => "no exercises".to_owned(),
        all => format!("{done} of {all}"),
    };
    let gap = WIDTH.saturating_sub(columns(&title) + columns(&count)).max(2);
    let mut text = format!("{}{:gap$}{count}\n", styled(TITLE, &title), "");

    let next = outcomes.iter().position(|outcome| *outcome != Outcome::Passed);
    for (index, outcome) in outcomes.iter().enumerate() {
        text += &row(chapter, index, outcome);
        if matches!(outcome, Outcome::Failed(_)) || next == Some(index) {
            text += &place(chapter, &chapter.exercises[index]);
        }
    }
    match next {
        Some(index) => text += &follow_up(chapter, "hint", &format!("hint {}", index + 1)),
        None if outcomes.is_empty() => text += &follow_up(chapter, "experiments", "--help"),
        None => text += &format!("{}\n", styled(DONE, "All done.")),
    }
    text
}

/// One answer: refused and why, or passed and what to notice.
pub(super) fn verdict(chapter: &Chapter, index: usize, outcome: &Outcome) -> String {
    let exercise = &chapter.exercises[index];
    let mut text = row(chapter, index, outcome);
    if *outcome == Outcome::Passed {
        let notice = exercise.notice.trim_start_matches("What to notice:").trim_start();
        text += &paragraph(&format!("What to notice: {notice}"));
        return text;
    }
    if *outcome == Outcome::NotStarted {
        text += "        not started: put your answer in the place of todo!()\n";
    }
    text += &place(chapter, exercise);
    text + &follow_up(chapter, "hint", &format!("hint {}", index + 1))
}

/// A hint, and the command for what comes after it: the next one, or the solution.
pub(super) fn hint(chapter: &Chapter, index: usize, which: usize) -> Result<String, String> {
    let exercise = &chapter.exercises[index];
    let (number, name, all) = (index + 1, exercise.name, exercise.hints.len());
    let Some(hint) = which.checked_sub(1).and_then(|index| exercise.hints.get(index)) else {
        return Err(format!("expected a hint of {name} from 1 to {all}, found {which}"));
    };
    let Exercise { level, size, minutes, page, .. } = exercise;
    let title = styled(TITLE, format!("{number}  {name}"));
    let mut text = format!("{title}   {level} · {size} · {minutes} min · page {page}\n");
    text += &paragraph(hint);
    text += &place(chapter, exercise);
    if which < all {
        text += &follow_up(chapter, "another", &format!("hint {number} {}", which + 1));
    } else {
        text += &follow_up(chapter, "solution", &format!("solution {number}"));
    }
    Ok(text)
}

/// Our answer, as it stands in its file.
pub(super) fn solution(chapter: &Chapter, index: usize) -> String {
    let exercise = &chapter.exercises[index];
    let path = format!("// {}/solutions/{}.rs", chapter.folder, exercise.name);
    format!("{}\n{}\n", styled(OPEN, path), exercise.solution_source.trim_end())
}

fn row(chapter: &Chapter, index: usize, outcome: &Outcome) -> String {
    let exercise = &chapter.exercises[index];
    let longest = |of: fn(&Exercise) -> usize| chapter.exercises.iter().map(of).max().unwrap_or(0);
    let number_width = chapter.exercises.len().to_string().len();
    let name_width = NAME_WIDTH.max(longest(|one| columns(one.name)) + 2);
    let size_width = longest(|one| columns(one.size));
    let mark = match outcome {
        Outcome::Passed => styled(DONE, '✓'),
        Outcome::Failed(_) => styled(REFUSED, '✗'),
        Outcome::NotStarted => styled(OPEN, '·'),
    };
    let Exercise { name, size, minutes, .. } = exercise;
    let mut text = format!(
        "  {mark} {:>number_width$}  {name:name_width$}{size:size_width$}  {minutes:2} min\n",
        index + 1
    );
    if let Outcome::Failed(why) = outcome {
        let lines = why.lines().filter(|line| !line.trim().is_empty());
        for line in lines.take(LONGEST_FAILURE) {
            let _ = writeln!(text, "        {line}");
        }
    }
    text
}

fn place(chapter: &Chapter, exercise: &Exercise) -> String {
    let path = format!("{}/exercises/{}.rs", chapter.folder, exercise.name);
    format!("        → {}\n", styled(PLACE, path))
}

fn follow_up(chapter: &Chapter, what: &str, arguments: &str) -> String {
    format!(
        "{} cargo run -p {} -- {arguments}\n",
        styled(NEXT, format!("{what}:")),
        chapter.package
    )
}

/// A paragraph broken into lines of at most [`TEXT_WIDTH`] columns.
fn paragraph(text: &str) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = columns(word);
        if used > 0 && used + 1 + length > TEXT_WIDTH {
            lines.push('\n');
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines += word;
        used += length;
    }
    lines + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::Level;

    fn chapter() -> Chapter {
        let exercise = |name, size, minutes| {
            Exercise::new(name, Level::Core, size, minutes)
                .page("3-discretization/sampling")
                .hints(["What is the limit of (e^z - 1) / z as z goes to 0?", "Is expm1 of use?"])
                .notice("What to notice: at A = 0 the formula divides 0 by 0, and the limit is Δ all the same.")
                .sources("fn blank() { todo!() }\n", "fn solution() {}\n")
        };
        Chapter {
            number: 3,
            title: "Discretization",
            package: "chapter-3",
            folder: "chapters/3-discretization",
            exercises: vec![
                exercise("forward_euler", "one line", 5),
                exercise("stability_limit", "four lines", 10),
                exercise("zero_order_hold", "six lines", 15),
                exercise("bilinear", "six lines", 15),
            ],
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn refused() -> Outcome {
        Outcome::Failed("at Δ = 0.1, A = 0:   expected B̄ = 0.1,   found NaN".into())
    }

    #[test]
    fn board_marks_done_refused_and_open_exercises() {
        let outcomes = [Outcome::Passed, Outcome::Passed, refused(), Outcome::NotStarted];
        assert_eq!(
            plain(&board(&chapter(), &outcomes)),
            "\
Chapter 3 · Discretization                                  2 of 4
  ✓ 1  forward_euler          one line     5 min
  ✓ 2  stability_limit        four lines  10 min
  ✗ 3  zero_order_hold        six lines   15 min
        at Δ = 0.1, A = 0:   expected B̄ = 0.1,   found NaN
        → chapters/3-discretization/exercises/zero_order_hold.rs
  · 4  bilinear               six lines   15 min
hint: cargo run -p chapter-3 -- hint 3
"
        );
    }

    #[test]
    fn untouched_board_shows_where_to_start() {
        let outcomes = [const { Outcome::NotStarted }; 4];
        assert_eq!(
            plain(&board(&chapter(), &outcomes)),
            "\
Chapter 3 · Discretization                                  0 of 4
  · 1  forward_euler          one line     5 min
        → chapters/3-discretization/exercises/forward_euler.rs
  · 2  stability_limit        four lines  10 min
  · 3  zero_order_hold        six lines   15 min
  · 4  bilinear               six lines   15 min
hint: cargo run -p chapter-3 -- hint 1
"
        );
    }

    #[test]
    fn finished_board_has_no_hint() {
        let text = plain(&board(&chapter(), &[const { Outcome::Passed }; 4]));
        assert!(text.starts_with("Chapter 3 · Discretization"), "{text}");
        assert!(
            text.ends_with("  ✓ 4  bilinear               six lines   15 min\nAll done.\n"),
            "{text}"
        );
    }

    #[test]
    fn board_colours_marks() {
        let text =
            board(&chapter(), &[Outcome::Passed, refused(), Outcome::Passed, Outcome::Passed]);
        assert!(
            text.contains("\u{1b}[32m✓\u{1b}[0m") && text.contains("\u{1b}[31m✗\u{1b}[0m"),
            "{text:?}"
        );
    }

    #[test]
    fn verdict_says_what_to_notice_or_where_to_go_on() {
        let chapter = chapter();
        assert_eq!(
            plain(&verdict(&chapter, 2, &Outcome::Passed)),
            "  ✓ 3  zero_order_hold        six lines   15 min\n\
             What to notice: at A = 0 the formula divides 0 by 0, and the limit is Δ all\n\
             the same.\n"
        );
        assert_eq!(
            plain(&verdict(&chapter, 2, &Outcome::NotStarted)),
            "  · 3  zero_order_hold        six lines   15 min
        not started: put your answer in the place of todo!()
        → chapters/3-discretization/exercises/zero_order_hold.rs
hint: cargo run -p chapter-3 -- hint 3\n"
        );
        assert_eq!(
            plain(&verdict(&chapter, 2, &refused())),
            "  ✗ 3  zero_order_hold        six lines   15 min
        at Δ = 0.1, A = 0:   expected B̄ = 0.1,   found NaN
        → chapters/3-discretization/exercises/zero_order_hold.rs
hint: cargo run -p chapter-3 -- hint 3\n"
        );
    }

    #[test]
    fn hints_lead_on_to_the_solution() {
        let chapter = chapter();
        assert_eq!(
            plain(&hint(&chapter, 2, 1).unwrap()),
            "3  zero_order_hold   core · six lines · 15 min · page 3-discretization/sampling
What is the limit of (e^z - 1) / z as z goes to 0?
        → chapters/3-discretization/exercises/zero_order_hold.rs
another: cargo run -p chapter-3 -- hint 3 2\n"
        );
        let second = plain(&hint(&chapter, 2, 2).unwrap());
        assert!(second.contains("\nIs expm1 of use?\n"), "{second}");
        assert!(second.ends_with("\nsolution: cargo run -p chapter-3 -- solution 3\n"), "{second}");
        for which in [0, 3] {
            let sentence = format!("expected a hint of zero_order_hold from 1 to 2, found {which}");
            assert_eq!(hint(&chapter, 2, which).unwrap_err(), sentence);
        }
    }

    #[test]
    fn solution_names_its_file() {
        assert_eq!(
            plain(&solution(&chapter(), 3)),
            "// chapters/3-discretization/solutions/bilinear.rs\nfn solution() {}\n"
        );
    }
}
