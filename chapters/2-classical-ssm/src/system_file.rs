//! System files: linear systems by name, from a reader's TOML file, or from the command line.
//!
//! ```text
//! about = "a sentence"                              optional
//! a = [[0, 1], ["-stiffness / mass", "-0.4"]]       the rows of A
//! b = [0, 1]                                        B: rows, or the one column
//! c = [1, 0]                                        C: rows, or the one row
//! d = 0                                             optional, D: rows, or the one number
//! delta = 0.1                                       optional: makes time discrete, steps of 0.1 s
//! [parameters]                                      optional: names for numbers
//! stiffness = 1
//! ```
//!
//! This module has no page; *Analyze* uses it, and chapter 3's *Compare*. Wherever a number is
//! expected, an expression in quotes over the parameters will do; a parameter may use those above
//! it. A 1 x 1 matrix may be written as its number. Discrete matrices are meant as everywhere in
//! this course, `x_k = A x_{k-1} + B u_k`. Every mistake is named with its line and with what was
//! found there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use classical_ssm::state_space::{Continuous, Discrete, StateSpace, StateSpaceError};
use math_foundations::expression::{
    Expression, ExpressionError, did_you_mean, is_name, nearest_name,
};
use math_foundations::state_representations::Matrices;
use math_foundations::validation::InputError;
use nalgebra::DMatrix;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The systems that have a name: the files of the folder `systems`.
pub const NAMED_SYSTEMS: [(&str, &str); 14] = [
    ("damped-spring", include_str!("../systems/damped-spring.toml")),
    ("rlc", include_str!("../systems/rlc.toml")),
    ("dc-motor", include_str!("../systems/dc-motor.toml")),
    ("cruise-control", include_str!("../systems/cruise-control.toml")),
    ("upright-pendulum", include_str!("../systems/upright-pendulum.toml")),
    ("satellite", include_str!("../systems/satellite.toml")),
    ("flexible-arm", include_str!("../systems/flexible-arm.toml")),
    ("water-turbine", include_str!("../systems/water-turbine.toml")),
    ("four-tanks", include_str!("../systems/four-tanks.toml")),
    ("cancelled-pole", include_str!("../systems/cancelled-pole.toml")),
    ("hippo-legs", include_str!("../systems/hippo-legs.toml")),
    ("sampled-spring", include_str!("../systems/sampled-spring.toml")),
    ("leaky-average", include_str!("../systems/leaky-average.toml")),
    ("moving-average", include_str!("../systems/moving-average.toml")),
];

/// The most rows or columns that a matrix of a system file may have.
pub const LARGEST: usize = 256;

/// The most bytes that a system file may have.
const LARGEST_FILE: u64 = 4 << 20;

/// A system whose time is known only when its description has been read.
#[derive(Debug, Clone, PartialEq)]
pub enum AnySystem {
    /// `x' = A x + B u`.
    Continuous(StateSpace<Continuous>),
    /// `x_k = A x_{k-1} + B u_k`.
    Discrete(StateSpace<Discrete>),
}

impl AnySystem {
    /// Four matrices as a flow, or with a step as steps of that length.
    ///
    /// # Errors
    /// [`StateSpaceError`] where shapes do not fit, an entry is not finite or the step not positive.
    ///
    /// ```
    /// use classical_ssm::system_file::AnySystem;
    /// use math_foundations::state_representations::mass_spring_damper;
    ///
    /// let spring = mass_spring_damper(1.0, 0.4, 1.0)?;
    /// assert_eq!(AnySystem::new(spring.clone(), None)?.delta(), None);
    /// assert_eq!(AnySystem::new(spring, Some(0.5))?.delta(), Some(0.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(matrices: Matrices, delta: Option<f64>) -> Result<Self, StateSpaceError> {
        let Matrices { a, b, c, d } = matrices;
        Ok(match delta {
            None => Self::Continuous(StateSpace::continuous(a, b, c, d)?),
            Some(delta) => Self::Discrete(StateSpace::discrete(a, b, c, d, delta)?),
        })
    }

    /// The four matrices.
    pub fn matrices(&self) -> &Matrices {
        match self {
            Self::Continuous(system) => system.matrices(),
            Self::Discrete(system) => system.matrices(),
        }
    }

    /// The length of a step in seconds; a flow has none.
    pub fn delta(&self) -> Option<f64> {
        match self {
            Self::Continuous(_) => None,
            Self::Discrete(system) => Some(system.delta()),
        }
    }

    /// N: how many numbers the state has.
    pub fn d_state(&self) -> usize {
        self.matrices().a.nrows()
    }

    /// M: how many numbers come in.
    pub fn inputs(&self) -> usize {
        self.matrices().b.ncols()
    }

    /// P: how many numbers go out.
    pub fn outputs(&self) -> usize {
        self.matrices().c.nrows()
    }
}

/// A system with the words that came with it.
///
/// ```
/// use classical_ssm::system_file::DescribedSystem;
///
/// let spring = DescribedSystem::named("damped-spring", &[])?;
/// assert_eq!(spring.system.d_state(), 2);
/// let free = DescribedSystem::named("damped-spring", &[("damping".into(), 0.0)])?;
/// assert_eq!(free.system.matrices().a[(1, 1)], 0.0);
/// # Ok::<(), classical_ssm::system_file::SystemFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedSystem {
    /// What it is called.
    pub name: String,
    /// What it is, in a sentence; may be empty.
    pub about: String,
    /// Its parameters in the order of the file.
    pub parameters: Vec<(String, f64)>,
    /// The system.
    pub system: AnySystem,
}

/// Why there is no system to be had.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SystemFileError {
    /// A mistake in a file.
    #[error("{}line {line}: {mistake}", in_file(.file))]
    Line {
        /// The file, where the text came from one.
        file: Option<PathBuf>,
        /// The line, from 1.
        line: usize,
        /// The mistake.
        mistake: Box<Mistake>,
    },
    /// A mistake in an argument.
    #[error("in --{argument} \"{text}\": {mistake}")]
    Argument {
        /// Which argument.
        argument: &'static str,
        /// What it said.
        text: String,
        /// The mistake.
        mistake: Box<Mistake>,
    },
    /// Matrices on the command line that do not fit together.
    #[error(transparent)]
    System(#[from] StateSpaceError),
    /// No system has this name.
    #[error("no system is called `{name}`{}; there are {}", did_you_mean(.nearest.as_deref()), .known.join(", "))]
    UnknownSystem {
        /// The name.
        name: String,
        /// The one that may have been meant.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A parameter that the system does not have.
    #[error("{system} has no parameter `{name}`{}; {}", did_you_mean(.nearest.as_deref()), has(.known))]
    UnknownParameter {
        /// The system.
        system: String,
        /// The name.
        name: String,
        /// The one that may have been meant.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A parameter without a finite value.
    #[error("expected {name} to be finite, found {value}")]
    Setting {
        /// The parameter.
        name: String,
        /// The value.
        value: f64,
    },
    /// A file that cannot be read.
    #[error("cannot read {}: {reason}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// Arguments that say too little, or two things at once.
    #[error("{0}")]
    Arguments(String),
    /// A flow was needed.
    #[error("expected a system in continuous time, found {name} in steps of {delta} s")]
    NotContinuous {
        /// The system.
        name: String,
        /// Its step.
        delta: f64,
    },
}

fn in_file(file: &Option<PathBuf>) -> String {
    file.as_ref().map_or_else(String::new, |file| format!("{}, ", file.display()))
}

fn has(known: &[String]) -> String {
    if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) }
}

/// What can be wrong in a system file, or in a matrix on the command line.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Mistake {
    /// It is not TOML.
    #[error("this is not TOML: {0}")]
    Syntax(String),
    /// A field that means nothing here.
    #[error("`{found}` means nothing here{}; known are {}", did_you_mean(.nearest.as_deref()), FIELDS.join(", "))]
    UnknownField {
        /// The field.
        found: String,
        /// The field that may have been meant.
        nearest: Option<String>,
    },
    /// A field that has to be there and is not.
    #[error("expected `{field}`: {why}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// A value of another type.
    #[error("expected {field} to be {expected}, found {found}")]
    WrongType {
        /// The field.
        field: String,
        /// What it should be.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Rows of different lengths.
    #[error(
        "expected every row of {matrix} to have {expected} entries like the first, found {found} in row {row}"
    )]
    Ragged {
        /// The matrix.
        matrix: &'static str,
        /// The row, from 1.
        row: usize,
        /// As many as the first row.
        expected: usize,
        /// As many were found.
        found: usize,
    },
    /// More than this course computes with.
    #[error("expected {matrix} to have at most {LARGEST} {lines}, found {found}")]
    TooLarge {
        /// The matrix.
        matrix: &'static str,
        /// `rows` or `columns`.
        lines: &'static str,
        /// How many.
        found: usize,
    },
    /// An expression that cannot be read.
    #[error("in {field} = \"{text}\": {error}")]
    Expression {
        /// The field.
        field: String,
        /// The text.
        text: String,
        /// What is wrong with it.
        error: Box<ExpressionError>,
    },
    /// A parameter's name that is none.
    #[error(
        "expected a parameter to be called by a letter, then letters, digits and _, found `{0}`"
    )]
    Name(String),
    /// Matrices that do not fit together.
    #[error(transparent)]
    System(#[from] StateSpaceError),
}

const FIELDS: [&str; 7] = ["about", "a", "b", "c", "d", "delta", "parameters"];

impl DescribedSystem {
    /// The system of this name, with other values for some of its parameters.
    ///
    /// # Errors
    /// [`SystemFileError::UnknownSystem`], with the names there are; those of
    /// [`DescribedSystem::from_toml`] for the settings.
    ///
    /// ```
    /// use classical_ssm::system_file::DescribedSystem;
    ///
    /// let error = DescribedSystem::named("damped-spine", &[]).unwrap_err().to_string();
    /// assert!(error.starts_with(
    ///     "no system is called `damped-spine`, did you mean `damped-spring`?; there are"
    /// ));
    /// ```
    pub fn named(name: &str, settings: &[(String, f64)]) -> Result<Self, SystemFileError> {
        match NAMED_SYSTEMS.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Self::from_toml(name, text, settings),
            None => {
                let known = || NAMED_SYSTEMS.iter().map(|(known, _)| *known);
                Err(SystemFileError::UnknownSystem {
                    name: name.to_owned(),
                    nearest: nearest_name(name, known()).map(str::to_owned),
                    known: known().map(str::to_owned).collect(),
                })
            }
        }
    }

    /// All named systems, in the order of the list.
    ///
    /// # Errors
    /// Never, while the files that are built in are without mistakes; a test reads them all.
    pub fn all_named() -> Result<Vec<Self>, SystemFileError> {
        NAMED_SYSTEMS.iter().map(|(name, text)| Self::from_toml(name, text, &[])).collect()
    }

    /// A system from the text of a TOML file, with other values for some of its parameters; `name`
    /// is what it will be called.
    ///
    /// # Errors
    /// The first mistake, with its line; a setting of a parameter that is not there.
    ///
    /// ```
    /// use classical_ssm::system_file::DescribedSystem;
    ///
    /// let text = "a = [[0, 1], [-1, 0]]\nb = [0, 1, 0]\nc = [1, 0]";
    /// let error = DescribedSystem::from_toml("my", text, &[]).unwrap_err();
    /// assert_eq!(error.to_string(), "line 2: expected B to be 2 x 1, found 3 x 1");
    /// ```
    pub fn from_toml(
        name: &str,
        text: &str,
        settings: &[(String, f64)],
    ) -> Result<Self, SystemFileError> {
        Text { text }.system(name, settings)
    }

    /// A system from a TOML file; it is called like the file.
    ///
    /// # Errors
    /// [`SystemFileError::Unreadable`]; the first mistake, with file and line.
    pub fn from_file(file: &Path, settings: &[(String, f64)]) -> Result<Self, SystemFileError> {
        let unreadable = |reason: String| SystemFileError::Unreadable { file: file.into(), reason };
        let mut text = String::new();
        // One byte more than allowed shows that there are too many, and endless files end.
        let read = File::open(file)
            .and_then(|opened| opened.take(LARGEST_FILE + 1).read_to_string(&mut text))
            .map_err(|error| unreadable(error.to_string()))?;
        if read as u64 > LARGEST_FILE {
            return Err(unreadable(format!("expected at most {LARGEST_FILE} bytes, found more")));
        }
        let name = file.file_stem().map_or("system".into(), |stem| stem.to_string_lossy());
        Self::from_toml(&name, &text, settings).map_err(|error| match error {
            SystemFileError::Line { line, mistake, .. } => {
                SystemFileError::Line { file: Some(file.into()), line, mistake }
            }
            other => other,
        })
    }

    /// The flow, where the system is one.
    ///
    /// # Errors
    /// [`SystemFileError::NotContinuous`].
    ///
    /// ```
    /// use classical_ssm::system_file::DescribedSystem;
    ///
    /// let error = DescribedSystem::named("sampled-spring", &[])?.continuous().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "expected a system in continuous time, found sampled-spring in steps of 0.5 s",
    /// );
    /// # Ok::<(), classical_ssm::system_file::SystemFileError>(())
    /// ```
    pub fn continuous(&self) -> Result<&StateSpace<Continuous>, SystemFileError> {
        match &self.system {
            AnySystem::Continuous(system) => Ok(system),
            AnySystem::Discrete(system) => Err(SystemFileError::NotContinuous {
                name: self.name.clone(),
                delta: system.delta(),
            }),
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Arguments
// ---------------------------------------------------------------------------------------------

/// The arguments that say which system is meant: for `#[command(flatten)]`.
///
/// ```text
/// NAME | --list | --file TOML | --a MATRIX --b MATRIX --c MATRIX [--d MATRIX]     [--set NAME=VALUE]…
/// ```
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SystemArguments {
    /// The name of a system; --list shows them
    #[arg(conflicts_with_all = ["list", "file", "a"])]
    system: Option<String>,
    /// Lists the named systems
    #[arg(long, conflicts_with_all = ["file", "a", "set"])]
    list: bool,
    /// A system of your own, described in TOML
    #[arg(long, value_name = "TOML", conflicts_with = "a")]
    file: Option<PathBuf>,
    /// The matrix A, rows apart by semicolons, as in "0 1; -1 -0.4"
    #[arg(long, value_name = "MATRIX", allow_hyphen_values = true, requires_all = ["b", "c"])]
    a: Option<String>,
    /// The matrix B, as in "0; 1"
    #[arg(long, value_name = "MATRIX", allow_hyphen_values = true, requires = "a")]
    b: Option<String>,
    /// The matrix C, as in "1 0"
    #[arg(long, value_name = "MATRIX", allow_hyphen_values = true, requires = "a")]
    c: Option<String>,
    /// The matrix D [default: zeros]
    #[arg(long, value_name = "MATRIX", allow_hyphen_values = true, requires = "a")]
    d: Option<String>,
    /// Another value for a parameter, as in damping=0; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment, conflicts_with = "a")]
    set: Vec<(String, f64)>,
}

fn assignment(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let number = value.trim().parse().map_err(|_| format!("expected a number, found `{value}`"))?;
    Ok((name.trim().to_owned(), number))
}

impl SystemArguments {
    /// The list of named systems, when it was asked for.
    ///
    /// # Errors
    /// Those of [`DescribedSystem::all_named`].
    pub fn list(&self) -> Result<Option<String>, SystemFileError> {
        if !self.list {
            return Ok(None);
        }
        let mut text = String::new();
        for DescribedSystem { name, about, parameters, system } in DescribedSystem::all_named()? {
            let (n, m, p) = (system.d_state(), system.inputs(), system.outputs());
            let time =
                system.delta().map_or("a flow".into(), |delta| format!("steps of {delta} s"));
            text += &format!("{name:17} {about}\n{:17} N = {n}, M = {m}, P = {p}; {time}\n", "");
            if !parameters.is_empty() {
                let named: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
                text += &format!("{:17} parameters {}\n", "", named.join(", "));
            }
            text.push('\n');
        }
        text.push_str("Their files are in chapters/2-classical-ssm/systems.\n");
        Ok(Some(text))
    }

    /// The system that was meant. `delta` makes the time of matrices on the command line discrete;
    /// a named system or a file has its own.
    ///
    /// # Errors
    /// [`SystemFileError`].
    pub fn read(&self, delta: Option<f64>) -> Result<DescribedSystem, SystemFileError> {
        match (&self.a, &self.file, &self.system) {
            (Some(a), _, _) => self.matrices(a, delta),
            _ if delta.is_some() => Err(SystemFileError::Arguments(
                "--delta belongs to --a, --b and --c; a named system or a file has its own".into(),
            )),
            (None, Some(file), _) => DescribedSystem::from_file(file, &self.set),
            (None, None, Some(name)) => DescribedSystem::named(name, &self.set),
            (None, None, None) => {
                let names: Vec<&str> = NAMED_SYSTEMS.iter().map(|(name, _)| *name).collect();
                Err(SystemFileError::Arguments(format!(
                    "expected the name of a system, --file, or --a, --b and --c; there are {}",
                    names.join(", ")
                )))
            }
        }
    }

    fn matrices(&self, a: &str, delta: Option<f64>) -> Result<DescribedSystem, SystemFileError> {
        let a = matrix_argument("a", "A", a)?;
        let b = matrix_argument("b", "B", self.b.as_deref().unwrap_or_default())?;
        let c = matrix_argument("c", "C", self.c.as_deref().unwrap_or_default())?;
        let d = match &self.d {
            None => DMatrix::zeros(c.nrows(), b.ncols()),
            Some(d) => matrix_argument("d", "D", d)?,
        };
        Ok(DescribedSystem {
            name: "system".into(),
            about: String::new(),
            parameters: Vec::new(),
            system: AnySystem::new(Matrices { a, b, c, d }, delta)?,
        })
    }
}

/// Reads a matrix as it is written on the command line: rows apart by semicolons, entries by
/// spaces or commas; an entry is a number or an expression without spaces.
fn matrix_argument(
    argument: &'static str,
    matrix: &'static str,
    text: &str,
) -> Result<DMatrix<f64>, SystemFileError> {
    let entry = |entry: &str| -> Result<f64, Mistake> {
        let field = || format!("an entry of {matrix}");
        let expression = Expression::parse(entry, &[]).map_err(|error| {
            let error = Box::new(error);
            Mistake::Expression { field: field(), text: entry.to_owned(), error }
        })?;
        finite_number(expression.evaluate(&[]), &field(), entry)
    };
    let row = |row: &str| -> Result<Vec<f64>, Mistake> {
        row.split([' ', ',', '\t', '\n']).filter(|text| !text.is_empty()).map(entry).collect()
    };
    let rows = text.trim().trim_end_matches(';').split(';').map(row).collect::<Result<Vec<_>, _>>();
    rows.and_then(|rows| from_rows(matrix, rows)).map_err(|mistake| SystemFileError::Argument {
        argument,
        text: shortened(text),
        mistake: Box::new(mistake),
    })
}

fn finite_number(number: f64, field: &str, text: &str) -> Result<f64, Mistake> {
    if number.is_finite() {
        return Ok(number);
    }
    let (field, found) = (field.to_owned(), shortened(text));
    Err(Mistake::WrongType { field, expected: "finite", found })
}

/// The first line of a text, at most 40 characters of it.
fn shortened(text: &str) -> String {
    let start: String = text.chars().take(40).take_while(|c| *c != '\n').collect();
    if start.len() == text.len() { start } else { start + " …" }
}

fn from_rows(matrix: &'static str, rows: Vec<Vec<f64>>) -> Result<DMatrix<f64>, Mistake> {
    let columns = rows.first().map_or(0, Vec::len);
    for (lines, found) in [("rows", rows.len()), ("columns", columns)] {
        if found > LARGEST {
            return Err(Mistake::TooLarge { matrix, lines, found });
        }
    }
    if let Some(row) = rows.iter().position(|row| row.len() != columns) {
        let found = rows[row].len();
        return Err(Mistake::Ragged { matrix, row: row + 1, expected: columns, found });
    }
    Ok(DMatrix::from_row_iterator(rows.len(), columns, rows.into_iter().flatten()))
}

// ---------------------------------------------------------------------------------------------
// TOML
// ---------------------------------------------------------------------------------------------

type Value<'t> = Spanned<DeValue<'t>>;
type Fields<'t, 'v> = BTreeMap<&'v str, &'v Value<'t>>;
type Parameters = Vec<(String, f64)>;

/// How a list that is not a list of rows is meant.
#[derive(Clone, Copy)]
enum PlainList {
    Column,
    Row,
    Refused,
}

/// The text of a file, to say in which line something stands.
struct Text<'t> {
    text: &'t str,
}

impl<'t> Text<'t> {
    fn error(&self, span: Range<usize>, mistake: Mistake) -> SystemFileError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        SystemFileError::Line { file: None, line, mistake: Box::new(mistake) }
    }

    fn wrong_type(
        &self,
        value: &Value<'t>,
        field: &str,
        expected: &'static str,
    ) -> SystemFileError {
        let found = match value.get_ref() {
            DeValue::Table(_) => "a table".to_owned(),
            _ => shortened(self.text.get(value.span()).unwrap_or_default()),
        };
        self.error(value.span(), Mistake::WrongType { field: field.to_owned(), expected, found })
    }

    fn missing(&self, field: &'static str, why: &'static str) -> SystemFileError {
        let end = self.text.trim_end().len();
        self.error(end..end, Mistake::Missing { field, why })
    }

    fn system(
        &self,
        name: &str,
        settings: &[(String, f64)],
    ) -> Result<DescribedSystem, SystemFileError> {
        let root = DeTable::parse(self.text).map_err(|error| {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            self.error(error.span().unwrap_or(0..0), Mistake::Syntax(message))
        })?;
        let fields = self.fields(root.get_ref())?;
        let about = match fields.get("about") {
            None => String::new(),
            Some(value) => match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                _ => return Err(self.wrong_type(value, "`about`", "text in quotes")),
            },
        };
        let parameters = self.parameters(fields.get("parameters").copied(), name, settings)?;
        let matrix = |field: &'static str, symbol, why, plain| match fields.get(field) {
            None => Err(self.missing(field, why)),
            Some(value) => self.matrix(value, (field, symbol), plain, &parameters),
        };
        let a = matrix("a", "A", "how the state moves by itself", PlainList::Refused)?;
        let b = matrix("b", "B", "how the input pushes the state", PlainList::Column)?;
        let c = matrix("c", "C", "what of the state is seen", PlainList::Row)?;
        let d = match fields.get("d") {
            None => DMatrix::zeros(c.nrows(), b.ncols()),
            Some(_) => matrix("d", "D", "", PlainList::Refused)?,
        };
        let delta = match fields.get("delta") {
            None => None,
            Some(value) => Some(self.number(value, "`delta`", &parameters)?),
        };
        let system = AnySystem::new(Matrices { a, b, c, d }, delta).map_err(|error| {
            let span = fields.get(field_of(&error)).map_or(0..0, |value| value.span());
            self.error(span, error.into())
        })?;
        Ok(DescribedSystem { name: name.to_owned(), about, parameters, system })
    }

    fn fields<'v>(&self, table: &'v DeTable<'t>) -> Result<Fields<'t, 'v>, SystemFileError> {
        let mut fields = BTreeMap::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            if !FIELDS.contains(&name) {
                let nearest = nearest_name(name, FIELDS).map(str::to_owned);
                let mistake = Mistake::UnknownField { found: name.to_owned(), nearest };
                return Err(self.error(key.span(), mistake));
            }
            fields.insert(name, value);
        }
        Ok(fields)
    }

    /// The parameters in the order of the file: each may use those above it.
    fn parameters(
        &self,
        value: Option<&Value<'t>>,
        system: &str,
        settings: &[(String, f64)],
    ) -> Result<Parameters, SystemFileError> {
        let mut entries: Vec<_> = match value.map(|value| (value, value.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Table(table))) => table.iter().collect(),
            Some((value, _)) => return Err(self.wrong_type(value, "`parameters`", "a table")),
        };
        entries.sort_by_key(|(key, _)| key.span().start);
        let known = || entries.iter().map(|(key, _)| key.get_ref().as_ref());
        for (name, value) in settings {
            if !known().any(|parameter: &str| parameter == name) {
                return Err(SystemFileError::UnknownParameter {
                    system: system.to_owned(),
                    name: name.clone(),
                    nearest: nearest_name(name, known()).map(str::to_owned),
                    known: known().map(str::to_owned).collect(),
                });
            }
            if !value.is_finite() {
                return Err(SystemFileError::Setting { name: name.clone(), value: *value });
            }
        }
        let mut parameters = Parameters::new();
        for (key, value) in &entries {
            let name: &str = key.get_ref();
            if !is_name(name) {
                return Err(self.error(key.span(), Mistake::Name(name.to_owned())));
            }
            let number = match settings.iter().rev().find(|(set, _)| set == name) {
                Some((_, setting)) => *setting,
                None => self.number(value, &format!("parameter `{name}`"), &parameters)?,
            };
            parameters.push((name.to_owned(), number));
        }
        Ok(parameters)
    }

    fn matrix(
        &self,
        value: &Value<'t>,
        (field, symbol): (&'static str, &'static str),
        plain: PlainList,
        parameters: &Parameters,
    ) -> Result<DMatrix<f64>, SystemFileError> {
        let quoted = format!("`{field}`");
        let DeValue::Array(entries) = value.get_ref() else {
            return Ok(DMatrix::from_element(1, 1, self.number(value, &quoted, parameters)?));
        };
        let is_list = |value: &Value<'t>| matches!(value.get_ref(), DeValue::Array(_));
        let rows: Vec<Vec<f64>> = if entries.iter().any(is_list) {
            let numbered = entries.iter().enumerate();
            numbered
                .map(|(i, row)| self.numbers(row, &format!("{field}[{i}]"), parameters))
                .collect::<Result<_, _>>()?
        } else {
            let list = self.numbers(value, field, parameters)?;
            match plain {
                _ if list.is_empty() => Vec::new(),
                PlainList::Column => list.into_iter().map(|entry| vec![entry]).collect(),
                PlainList::Row => vec![list],
                PlainList::Refused => {
                    let expected = "a list of rows, as in [[0, 1], [-1, 0]]";
                    return Err(self.wrong_type(value, &quoted, expected));
                }
            }
        };
        from_rows(symbol, rows).map_err(|mistake| self.error(value.span(), mistake))
    }

    fn numbers(
        &self,
        value: &Value<'t>,
        field: &str,
        parameters: &Parameters,
    ) -> Result<Vec<f64>, SystemFileError> {
        let DeValue::Array(entries) = value.get_ref() else {
            return Err(self.wrong_type(value, field, "a list of numbers"));
        };
        let numbered = entries.iter().enumerate();
        numbered
            .map(|(i, entry)| self.number(entry, &format!("{field}[{i}]"), parameters))
            .collect()
    }

    /// A number, or an expression over the parameters in quotes.
    fn number(
        &self,
        value: &Value<'t>,
        field: &str,
        parameters: &Parameters,
    ) -> Result<f64, SystemFileError> {
        const EXPECTED: &str = "a finite number, or an expression in quotes";
        let number = match value.get_ref() {
            DeValue::String(text) => {
                let (names, values): (Vec<&str>, Vec<f64>) =
                    parameters.iter().map(|(name, value)| (name.as_str(), *value)).unzip();
                let expression = Expression::parse(text, &names).map_err(|error| {
                    let (field, text) = (field.to_owned(), text.to_string());
                    let error = Box::new(error);
                    self.error(value.span(), Mistake::Expression { field, text, error })
                })?;
                return finite_number(expression.evaluate(&values), field, text)
                    .map_err(|mistake| self.error(value.span(), mistake));
            }
            DeValue::Integer(integer) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).map(|n| n as f64).ok()
            }
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong_type(value, field, EXPECTED))
    }
}

/// The field in which the matrix or the number stands that was refused.
#[allow(unreachable_patterns, reason = "the other refusals have nothing to do with one matrix")]
fn field_of(error: &StateSpaceError) -> &'static str {
    let name = match error {
        StateSpaceError::Input(
            InputError::NotSquare { name, .. }
            | InputError::Empty { name, .. }
            | InputError::NotFinite { name, .. }
            | InputError::ShapeMismatch { name, .. }
            | InputError::OutOfRange { name, .. },
        ) => *name,
        _ => "A",
    };
    match name {
        "B" => "b",
        "C" => "c",
        "D" => "d",
        "Δ" => "delta",
        _ => "a",
    }
}
