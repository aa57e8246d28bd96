//! Exercises: a blank to fill in, a check, and our own answer.
//!
//! One check serves every answer. The reader's answer runs on the chapter's board, ours runs in
//! the tests, and so do a few plausible wrong ones, which the check has to refuse ([`verify`]).
//!
//! ```
//! use workbench::exercise::{Exercise, Level, Mismatch, Outcome, expect_close};
//!
//! type Answer = fn(f64) -> f64;
//!
//! fn check(answer: Answer) -> Result<(), Mismatch> {
//!     expect_close("at x = 3", "x²", 9.0, answer(3.0), 1e-12)
//! }
//!
//! let square = Exercise::new("square", Level::WarmUp, "one line", 2)
//!     .hints(["What is x times x?"])
//!     .answers::<Answer>(check, |_| todo!(), |x| x * x, vec![|x| 2.0 * x, |x| x + x]);
//! assert_eq!(square.check_reader(), Outcome::NotStarted);
//! assert_eq!(square.check_solution(), Outcome::Passed);
//! ```

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::{self, Debug, Display};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Once, mpsc};
use std::thread;
use std::time::Duration;

mod quantity;

pub use quantity::{Number, Quantity};

/// How long an answer may run before it counts as one that never ends.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// As much stack as a main program usually has.
const STACK: usize = 8 << 20;

/// The most lines a reader is asked to write.
const LONGEST_ANSWER: usize = 30;

/// How much an exercise asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// One idea, a line or two.
    WarmUp,
    /// What the page is about.
    Core,
    /// Beyond the page.
    Stretch,
}

impl Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::WarmUp => "warm-up",
            Level::Core => "core",
            Level::Stretch => "stretch",
        })
    }
}

/// Why an answer is refused: where, what was expected, what was found.
///
/// ```
/// use workbench::exercise::expect_close;
///
/// let mismatch = expect_close("at Δ = 0.1, A = 0", "B̄", 0.1, f64::NAN, 1e-12).unwrap_err();
/// assert_eq!(mismatch.to_string(), "at Δ = 0.1, A = 0:   expected B̄ = 0.1,   found NaN");
/// ```
///
/// It is not itself an [`Error`](std::error::Error), so that `?` turns any error into one inside a
/// check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch(String);

impl Mismatch {
    /// `at`, a phrase such as `at Δ = 0.1`; what was expected there, and what was found.
    ///
    /// ```
    /// use workbench::exercise::Mismatch;
    ///
    /// let mismatch = Mismatch::new("at N = 3", "a vector of length 1", "length 1.5");
    /// assert_eq!(mismatch.to_string(), "at N = 3:   expected a vector of length 1,   found length 1.5");
    /// ```
    pub fn new(at: impl Display, expected: impl Display, found: impl Display) -> Self {
        Self(format!("{at}:   expected {expected},   found {found}"))
    }
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Mismatch {
    fn from(error: E) -> Self {
        Self(format!("stopped by an error: {error}"))
    }
}

/// Accepts `found` when each entry is within `tolerance (1 + |expected entry|)` of the expected one.
///
/// Numbers, slices, vectors and matrices, real or complex ([`Quantity`]). The first entry that is
/// too far off is named: `expected x[2] = 0.5,   found 0.25`.
///
/// # Errors
/// A [`Mismatch`] that names `at`, a phrase such as `at Δ = 0.1`.
///
/// ```
/// use workbench::exercise::expect_close;
///
/// assert!(expect_close("at k = 3", "x", [1.0, 0.5], [1.0, 0.5 + 1e-15], 1e-12).is_ok());
/// let mismatch = expect_close("at k = 3", "x", [1.0, 0.5], vec![1.0, 0.25], 1e-12).unwrap_err();
/// assert_eq!(mismatch.to_string(), "at k = 3:   expected x[1] = 0.5,   found 0.25");
/// ```
pub fn expect_close<E: Quantity, F: Quantity>(
    at: impl Display,
    name: &str,
    expected: E,
    found: F,
    tolerance: f64,
) -> Result<(), Mismatch> {
    quantity::compare(at, name, &expected, &found, tolerance)
}

/// Accepts `found` when it equals `expected`: for counts, indices, verdicts, names.
///
/// # Errors
/// A [`Mismatch`] that names `at`, a phrase such as `at N = 4`.
///
/// ```
/// use workbench::exercise::expect_equal;
///
/// let mismatch = expect_equal("at A = -I", "stable", true, false).unwrap_err();
/// assert_eq!(mismatch.to_string(), "at A = -I:   expected stable = true,   found false");
/// ```
pub fn expect_equal<E: PartialEq<F> + Debug, F: Debug>(
    at: impl Display,
    name: &str,
    expected: E,
    found: F,
) -> Result<(), Mismatch> {
    if expected == found {
        return Ok(());
    }
    Err(Mismatch::new(at, format_args!("{name} = {expected:?}"), format_args!("{found:?}")))
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The check accepts it.
    Passed,
    /// It still meets a `todo!()`.
    NotStarted,
    /// The check refuses it, it panics, or it does not end: why.
    Failed(String),
}

type Attempt = Arc<dyn Fn() -> Result<(), Mismatch> + Send + Sync>;

/// An exercise of a chapter: its blank, its check, its hints, its solution.
#[derive(Clone)]
pub struct Exercise {
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    pub(crate) size: &'static str,
    pub(crate) minutes: u32,
    pub(crate) page: &'static str,
    pub(crate) hints: Vec<&'static str>,
    pub(crate) notice: &'static str,
    pub(crate) blank_source: &'static str,
    pub(crate) solution_source: &'static str,
    time_limit: Duration,
    reader: Attempt,
    solution: Attempt,
    wrong: Vec<Attempt>,
}

impl Exercise {
    /// An exercise by the name of its file, with what it asks of the reader: `"two lines"`, 5
    /// minutes.
    pub fn new(name: &'static str, level: Level, size: &'static str, minutes: u32) -> Self {
        let unanswered: Attempt = Arc::new(|| todo!());
        Self {
            name,
            level,
            size,
            minutes,
            page: "",
            hints: Vec::new(),
            notice: "",
            blank_source: "",
            solution_source: "",
            time_limit: TIME_LIMIT,
            reader: Arc::clone(&unanswered),
            solution: unanswered,
            wrong: Vec::new(),
        }
    }

    /// The page that sets it: `1-math-foundations/eigendecomposition`.
    pub fn page(mut self, page: &'static str) -> Self {
        self.page = page;
        self
    }

    /// One or two questions that lead towards the answer, the gentler one first.
    pub fn hints<const N: usize>(mut self, hints: [&'static str; N]) -> Self {
        self.hints = hints.to_vec();
        self
    }

    /// What to notice, once it is solved.
    pub fn notice(mut self, notice: &'static str) -> Self {
        self.notice = notice;
        self
    }

    /// The texts of `exercises/NAME.rs` and `solutions/NAME.rs`, by `include_str!`.
    pub fn sources(mut self, blank: &'static str, solution: &'static str) -> Self {
        self.blank_source = blank;
        self.solution_source = solution;
        self
    }

    /// How long an answer may run; 20 seconds unless told otherwise.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// The check, and what it is held against: the reader's function, ours, and at least two
    /// plausible wrong ones that it has to refuse.
    pub fn answers<F: Clone + Send + Sync + 'static>(
        mut self,
        check: fn(F) -> Result<(), Mismatch>,
        blank: F,
        solution: F,
        wrong: Vec<F>,
    ) -> Self {
        let attempt = |answer: F| -> Attempt { Arc::new(move || check(answer.clone())) };
        self.reader = attempt(blank);
        self.solution = attempt(solution);
        self.wrong = wrong.into_iter().map(attempt).collect();
        self
    }

    /// The name of its file, without `.rs`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks the reader's answer.
    pub fn check_reader(&self) -> Outcome {
        self.run(&self.reader)
    }

    /// Checks our own answer.
    pub fn check_solution(&self) -> Outcome {
        self.run(&self.solution)
    }

    /// Checks the wrong answers.
    pub fn check_wrong(&self) -> Vec<Outcome> {
        self.wrong.iter().map(|attempt| self.run(attempt)).collect()
    }

    // A thread of its own, so that an endless loop is a message and not a board that never prints.
    fn run(&self, attempt: &Attempt) -> Outcome {
        let (sender, receiver) = mpsc::channel();
        let attempt = Arc::clone(attempt);
        let file = format!("{}.rs", self.name);
        // The name is what Rust prints when endless recursion overflows the stack.
        let answer =
            thread::Builder::new().name(self.name.into()).stack_size(STACK).spawn(move || {
                // The receiver is gone when the time is up; nobody waits for the outcome then.
                let _ = sender.send(judge(&attempt, &file));
            });
        if let Err(error) = answer {
            return Outcome::Failed(format!("could not start: {error}"));
        }
        receiver.recv_timeout(self.time_limit).unwrap_or_else(|_| {
            let seconds = self.time_limit.as_secs_f64();
            Outcome::Failed(format!("still running after {seconds} seconds: does every loop end?"))
        })
    }
}

impl Debug for Exercise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exercise").field("name", &self.name).finish_non_exhaustive()
    }
}

thread_local! {
    /// `Some` while this thread judges an answer: panics are kept here, and not printed.
    static PANIC: RefCell<Option<Vec<PanicReport>>> = const { RefCell::new(None) };
}

struct PanicReport {
    message: String,
    file: String,
    line: u32,
}

fn judge(attempt: &Attempt, file: &str) -> Outcome {
    static KEEP_PANICS: Once = Once::new();
    KEEP_PANICS.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let kept = PANIC.with_borrow_mut(|reports| match reports {
                Some(reports) => {
                    reports.push(PanicReport {
                        message: info
                            .payload_as_str()
                            .unwrap_or("a panic without a message")
                            .into(),
                        file: info.location().map_or_else(String::new, |l| l.file().into()),
                        line: info.location().map_or(0, panic::Location::line),
                    });
                    true
                }
                None => false,
            });
            if !kept {
                usual(info);
            }
        }));
    });

    PANIC.set(Some(Vec::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(|| attempt()));
    let reports = PANIC.take().unwrap_or_default();
    match result {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(mismatch)) => Outcome::Failed(mismatch.to_string()),
        Err(_) => match reports.last() {
            Some(report) if report.message.starts_with("not yet implemented") => {
                Outcome::NotStarted
            }
            Some(report) if Path::new(&report.file).ends_with(file) => {
                Outcome::Failed(format!("panicked in line {}: {}", report.line, report.message))
            }
            Some(report) => Outcome::Failed(format!("panicked: {}", report.message)),
            None => Outcome::Failed("panicked without a message".into()),
        },
    }
}

/// Panics unless every exercise keeps its promises; for a chapter's tests.
///
/// Our solution passes, the blank is blank, at least two wrong answers are refused; one or two
/// hints, each a question; at most 30 lines to write; blank and solution share their contract.
///
/// # Panics
/// With one line a broken promise, each with the exercise's name.
pub fn verify(exercises: &[Exercise]) {
    let complaints = complaints(exercises);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

pub(crate) fn complaints(exercises: &[Exercise]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut names = BTreeSet::new();
    for exercise in exercises {
        let name = exercise.name;
        if !names.insert(name) {
            complaints.push(format!("{name}: two exercises have this name"));
        }
        complaints
            .extend(broken_promises(exercise).iter().map(|broken| format!("{name}: {broken}")));
    }
    complaints
}

fn broken_promises(exercise: &Exercise) -> Vec<String> {
    let mut broken = Vec::new();
    let mut promise = |kept: bool, complaint: String| {
        if !kept {
            broken.push(complaint);
        }
    };
    promise(!exercise.page.is_empty(), "no page".into());
    promise(!exercise.notice.is_empty(), "nothing to notice".into());
    promise(
        (1..=2).contains(&exercise.hints.len()),
        format!("expected one or two hints, found {}", exercise.hints.len()),
    );
    for hint in &exercise.hints {
        promise(hint.ends_with('?'), format!("expected a hint to be a question, found: {hint}"));
    }

    let (blank, solution) = (exercise.blank_source, exercise.solution_source);
    promise(blank.contains("todo!()"), "the blank has no todo!()".into());
    promise(!solution.contains("todo!()"), "the solution has a todo!()".into());
    promise(
        documentation(blank) == documentation(solution),
        "blank and solution differ in their documentation".into(),
    );
    let (size, minutes) = (exercise.size, format!("{} min", exercise.minutes));
    let contract = documentation(blank).to_lowercase();
    promise(
        contract.contains(size) && contract.contains(&minutes),
        format!("expected the blank's documentation to say: {size}, {minutes}"),
    );
    let to_write = code_lines(solution).saturating_sub(code_lines(blank)) + 1;
    promise(
        to_write <= LONGEST_ANSWER,
        format!("expected at most {LONGEST_ANSWER} lines to write, found {to_write}"),
    );

    let outcome = exercise.check_solution();
    promise(outcome == Outcome::Passed, format!("our solution: {outcome:?}"));
    let outcome = exercise.check_reader();
    promise(
        outcome == Outcome::NotStarted,
        format!("the blank is not blank (as it should be in your own copy): {outcome:?}"),
    );
    promise(
        exercise.wrong.len() >= 2,
        format!("expected at least two wrong answers, found {}", exercise.wrong.len()),
    );
    for (index, outcome) in exercise.check_wrong().iter().enumerate() {
        promise(
            matches!(outcome, Outcome::Failed(_)),
            format!("wrong answer {} is not refused: {outcome:?}", index + 1),
        );
    }
    broken
}

/// The text of the documentation comments.
fn documentation(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let comments = lines.filter_map(|line| line.strip_prefix("///").or(line.strip_prefix("//!")));
    comments.collect::<Vec<_>>().join("\n")
}

fn code_lines(source: &str) -> usize {
    source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = fn(usize) -> f64;

    const BLANK: &str = "\
/// The n-th harmonic number, 1 + 1/2 + ... + 1/n. One line, 5 minutes.
pub fn harmonic(n: usize) -> f64 {
    todo!()
}
";
    const SOLUTION: &str = "\
/// The n-th harmonic number, 1 + 1/2 + ... + 1/n. One line, 5 minutes.
pub fn harmonic(n: usize) -> f64 {
    (1..=n).map(|k| 1.0 / k as f64).sum()
}
";

    fn check(answer: Answer) -> Result<(), Mismatch> {
        expect_close("at n = 0", "H", 0.0, answer(0), 1e-12)?;
        expect_close("at n = 2", "H", 1.5, answer(2), 1e-12)
    }

    fn harmonic(n: usize) -> f64 {
        (1..=n).map(|k| 1.0 / k as f64).sum()
    }

    fn described() -> Exercise {
        Exercise::new("harmonic", Level::WarmUp, "one line", 5)
            .page("1-math-foundations/series")
            .hints(["Where does the sum start?"])
            .notice("What to notice: it grows like ln n.")
            .sources(BLANK, SOLUTION)
    }

    fn exercise() -> Exercise {
        described().answers::<Answer>(check, |_| todo!(), harmonic, vec![|_| 1.0, |n| n as f64])
    }

    fn outcome(answer: Answer) -> Outcome {
        described().answers::<Answer>(check, answer, harmonic, vec![]).check_reader()
    }

    #[test]
    fn todo_is_not_started() {
        assert_eq!(outcome(|_| todo!()), Outcome::NotStarted);
        assert_eq!(outcome(|_| todo!("the sum")), Outcome::NotStarted);
        assert_eq!(outcome(|n| if n == 0 { 0.0 } else { todo!() }), Outcome::NotStarted);
    }

    #[test]
    fn right_answer_passes() {
        assert_eq!(outcome(harmonic), Outcome::Passed);
    }

    #[test]
    fn wrong_answer_fails_where_it_differs_first() {
        let sentence = "at n = 2:   expected H = 1.5,   found NaN";
        assert_eq!(
            outcome(|n| (n as f64).ln() * 0.0 / n as f64),
            failed("at n = 0:   expected H = 0,   found NaN")
        );
        assert_eq!(outcome(|n| if n == 0 { 0.0 } else { f64::NAN }), failed(sentence));
    }

    fn failed(why: &str) -> Outcome {
        Outcome::Failed(why.into())
    }

    #[test]
    fn panic_fails_with_its_message() {
        assert_eq!(
            outcome(|n| [0.0][n]),
            failed("panicked: index out of bounds: the len is 1 but the index is 2")
        );
        assert_eq!(outcome(|_| unimplemented!()), failed("panicked: not implemented"));
        assert_eq!(outcome(|_| panic::panic_any(7)), failed("panicked: a panic without a message"));
    }

    #[test]
    fn panic_in_the_file_of_the_answer_names_its_line() {
        // This file takes the part of the reader's: it has the name of the exercise.
        let line = line!() + 1;
        let answer: Answer = |n| [0.0][n];
        let exercise = Exercise::new("exercise", Level::Core, "one line", 5).answers::<Answer>(
            check,
            answer,
            answer,
            vec![],
        );
        let message = "index out of bounds: the len is 1 but the index is 2";
        assert_eq!(exercise.check_reader(), failed(&format!("panicked in line {line}: {message}")));
    }

    #[test]
    fn endless_loop_fails() {
        let exercise = described().time_limit(Duration::from_millis(50)).answers::<Answer>(
            check,
            |_| loop {
                thread::yield_now()
            },
            harmonic,
            vec![],
        );
        let start = std::time::Instant::now();
        assert_eq!(
            exercise.check_reader(),
            failed("still running after 0.05 seconds: does every loop end?")
        );
        assert!(start.elapsed() < TIME_LIMIT / 4, "{:?}", start.elapsed());
    }

    #[test]
    fn error_in_a_check_becomes_a_mismatch() {
        fn check(answer: fn() -> Result<f64, std::num::ParseFloatError>) -> Result<(), Mismatch> {
            expect_close("at once", "x", 1.0, answer()?, 0.0)
        }
        let exercise = described().answers(check, || "one".parse(), || "1".parse(), vec![]);
        assert_eq!(exercise.check_reader(), failed("stopped by an error: invalid float literal"));
        assert_eq!(exercise.check_solution(), Outcome::Passed);
    }

    #[test]
    fn good_exercise_keeps_its_promises() {
        verify(&[exercise()]);
    }

    #[track_caller]
    fn assert_broken(exercise: Exercise, complaint: &str) {
        assert_eq!(broken_promises(&exercise), [complaint]);
    }

    #[test]
    fn verify_refuses_a_check_that_refuses_our_solution() {
        let exercise =
            described().answers::<Answer>(check, |_| todo!(), |_| 0.0, vec![|_| 1.0, |_| 2.0]);
        assert_broken(
            exercise,
            r#"our solution: Failed("at n = 2:   expected H = 1.5,   found 0")"#,
        );
    }

    #[test]
    fn verify_refuses_a_blank_that_is_not_blank() {
        let exercise =
            described().answers::<Answer>(check, harmonic, harmonic, vec![|_| 1.0, |_| 2.0]);
        assert_broken(
            exercise,
            "the blank is not blank (as it should be in your own copy): Passed",
        );
    }

    #[test]
    fn verify_refuses_a_check_that_accepts_a_wrong_answer() {
        let exercise =
            described().answers::<Answer>(check, |_| todo!(), harmonic, vec![|_| 1.0, harmonic]);
        assert_broken(exercise, "wrong answer 2 is not refused: Passed");
        let exercise = described().answers::<Answer>(check, |_| todo!(), harmonic, vec![|_| 1.0]);
        assert_broken(exercise, "expected at least two wrong answers, found 1");
    }

    #[test]
    fn verify_refuses_hints_that_are_not_one_or_two_questions() {
        assert_broken(
            exercise().hints(["Sum it."]),
            "expected a hint to be a question, found: Sum it.",
        );
        assert_broken(exercise().hints(["a?", "b?", "c?"]), "expected one or two hints, found 3");
        assert_broken(exercise().hints([]), "expected one or two hints, found 0");
    }

    #[test]
    fn verify_refuses_an_exercise_without_page_or_notice() {
        assert_broken(exercise().page(""), "no page");
        assert_broken(exercise().notice(""), "nothing to notice");
    }

    #[test]
    fn verify_refuses_sources_that_do_not_go_together() {
        assert_broken(exercise().sources(SOLUTION, SOLUTION), "the blank has no todo!()");
        assert_broken(exercise().sources(BLANK, BLANK), "the solution has a todo!()");
        let other = SOLUTION.replace("n-th", "first");
        assert_broken(
            exercise().sources(BLANK, other.leak()),
            "blank and solution differ in their documentation",
        );
        let silent = |source: &str| -> &'static str { source.replace("5 minutes", "soon").leak() };
        assert_broken(
            exercise().sources(silent(BLANK), silent(SOLUTION)),
            "expected the blank's documentation to say: one line, 5 min",
        );
        let long = format!("{SOLUTION}{}", "fn helper() {}\n".repeat(30));
        assert_broken(
            exercise().sources(BLANK, long.leak()),
            "expected at most 30 lines to write, found 31",
        );
    }

    #[test]
    #[should_panic(expected = "harmonic: two exercises have this name")]
    fn verify_refuses_two_exercises_of_one_name() {
        verify(&[exercise(), exercise()]);
    }
}
