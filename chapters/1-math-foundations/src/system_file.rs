//! System files: the TOML in which a reader describes a system for *Simulate*.
//!
//! ```text
//! about = "a sentence"                              optional
//! states = ["x", "v"]                               names: letters, digits, _
//! initial = [2, 0]                                  one number for each state
//! duration = 30
//! equations = ["v", "mu * (1 - x^2) * v - x"]       either: one expression for each state
//! a = [[0, 1], [-1, "-damping"]]                    or: the rows of A in x' = Ax + Bu
//! b = [0, 1]                                        and, with an input, the column B
//! [parameters]                                      optional: mu = 1
//! [input]                                           with b: kind = "step", "impulse" or "sine",
//!                                                   height, area or amplitude, frequency, start
//! [plot]                                            optional: horizontal = "x", vertical = "v"
//! [watch]                                           optional: energy = "v^2 / 2 + x^2 / 2"
//! ```
//!
//! Wherever a number is expected, an expression in quotes will do. Every mistake is named with its
//! line and with what was found there.

use std::collections::BTreeMap;
use std::ops::Range;

use math_foundations::expression::{
    Expression, ExpressionError, did_you_mean, is_name, nearest_name,
};
use math_foundations::simulate::{Input, InputKind, Law, SimulateError, System};
use nalgebra::DVector;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The systems that have a name: the files of the folder `systems`.
pub const NAMED_SYSTEMS: [(&str, &str); 7] = [
    ("damped-spring", include_str!("../systems/damped-spring.toml")),
    ("driven-spring", include_str!("../systems/driven-spring.toml")),
    ("pendulum", include_str!("../systems/pendulum.toml")),
    ("van-der-pol", include_str!("../systems/van-der-pol.toml")),
    ("lotka-volterra", include_str!("../systems/lotka-volterra.toml")),
    ("lorenz", include_str!("../systems/lorenz.toml")),
    ("duffing", include_str!("../systems/duffing.toml")),
];

/// A mistake in a system file, with its line (from 1).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {mistake}")]
pub struct SystemFileError {
    /// The line.
    pub line: usize,
    /// The mistake.
    pub mistake: Box<Mistake>,
}

/// What can be wrong in a system file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mistake {
    /// It is not TOML.
    #[error("this is not TOML: {0}")]
    Syntax(String),
    /// A field that means nothing here.
    #[error("`{found}` means nothing {place}{}; known are {}", did_you_mean(.nearest.as_deref()), .known.join(", "))]
    UnknownField {
        /// The field.
        found: String,
        /// Where: `here`, `in [plot]`.
        place: &'static str,
        /// The field that may have been meant.
        nearest: Option<String>,
        /// The fields there are.
        known: Vec<String>,
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
    /// A list of another length.
    #[error("expected {field} to have one {entry} for each of {}, found {found}", .states.join(", "))]
    Length {
        /// The list.
        field: String,
        /// What it is a list of.
        entry: &'static str,
        /// Its length is this.
        found: usize,
        /// The states.
        states: Vec<String>,
    },
    /// An expression that cannot be read.
    #[error("in {field} = \"{text}\": {error}")]
    Expression {
        /// The field.
        field: String,
        /// The text.
        text: String,
        /// What is wrong with it.
        error: ExpressionError,
    },
    /// A name that is none, or is taken.
    #[error("expected {field} to be {expected}, found `{found}`")]
    Name {
        /// The field.
        field: &'static str,
        /// What a name may be.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Two things that exclude each other, or one that needs the other.
    #[error("{0}")]
    Conflict(&'static str),
}

const FIELDS: [&str; 10] = [
    "about",
    "states",
    "initial",
    "duration",
    "equations",
    "a",
    "b",
    "parameters",
    "input",
    "plot",
];
const WATCH: &str = "watch";

/// Reads a system file; `name` is what the system will be called.
///
/// # Errors
/// The first mistake, with its line.
///
/// ```
/// use math_foundations::system_file::read_system;
///
/// let error = read_system("my", "states = [\"x\"]\nequation = [\"-x\"]").unwrap_err();
/// assert!(error.to_string().starts_with(
///     "line 2: `equation` means nothing here, did you mean `equations`?"
/// ));
/// ```
pub fn read_system(name: &str, text: &str) -> Result<System, SystemFileError> {
    let file = File { text };
    let root = DeTable::parse(text).map_err(|error| {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        file.error(error.span().unwrap_or(0..0), Mistake::Syntax(message))
    })?;
    let known: Vec<&str> = FIELDS.into_iter().chain([WATCH]).collect();
    let fields = file.fields(root.get_ref(), "here", &known)?;

    let parameters = file.parameters(fields.get("parameters"))?;
    let states = file.states(
        file.required(&fields, "states", "the names of the states, as in [\"x\", \"v\"]")?,
        &parameters,
    )?;
    let parameter_names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    let mut all_names = vec!["t"];
    all_names.extend(states.iter().map(String::as_str));
    all_names.extend(&parameter_names);

    let initial = file.required(&fields, "initial", "where each state starts, as in [1, 0]")?;
    let initial = file.numbers(initial, "initial", &states)?;
    let duration = match fields.get("duration") {
        None => 10.0,
        Some(value) => file.positive(value, "`duration`")?,
    };
    let law = file.law(&fields, &states, &parameter_names, &all_names)?;
    let plot = file.plot(fields.get("plot"), &states)?;
    let watched = file.watched(fields.get(WATCH), &all_names)?;
    let about = match fields.get("about") {
        None => String::new(),
        Some(value) => file.string(value, "`about`")?.to_owned(),
    };
    Ok(System {
        name: name.to_owned(),
        about,
        states,
        parameters,
        initial: DVector::from(initial),
        duration,
        law,
        plot,
        watched,
    })
}

impl System {
    /// The system of this name.
    ///
    /// # Errors
    /// [`SimulateError::UnknownSystem`], with the names there are.
    ///
    /// ```
    /// use math_foundations::simulate::System;
    ///
    /// assert_eq!(System::named("lorenz")?.states, ["x", "y", "z"]);
    /// let error = System::named("lorentz").unwrap_err().to_string();
    /// assert!(error.starts_with("no system is called `lorentz`, did you mean `lorenz`?"));
    /// # Ok::<(), math_foundations::simulate::SimulateError>(())
    /// ```
    pub fn named(name: &str) -> Result<Self, SimulateError> {
        match NAMED_SYSTEMS.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Self::from_toml(name, text),
            None => {
                let known = || NAMED_SYSTEMS.iter().map(|(known, _)| *known);
                Err(SimulateError::UnknownSystem {
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
    pub fn all_named() -> Result<Vec<Self>, SimulateError> {
        NAMED_SYSTEMS.iter().map(|(name, text)| Self::from_toml(name, text)).collect()
    }

    /// A system from the text of a TOML file; `name` is what it will be called.
    ///
    /// # Errors
    /// [`SimulateError::File`], with the line.
    ///
    /// ```
    /// use math_foundations::simulate::System;
    ///
    /// let error = System::from_toml("my", "states = [\"x\"]\nequations = [\"-x\"]\ninitial = 1");
    /// assert_eq!(
    ///     error.unwrap_err().to_string(),
    ///     "line 3: expected `initial` to be a list, found 1",
    /// );
    /// ```
    pub fn from_toml(name: &str, text: &str) -> Result<Self, SimulateError> {
        Ok(read_system(name, text)?)
    }
}

type Value<'t> = Spanned<DeValue<'t>>;
type Fields<'t, 'v> = BTreeMap<&'v str, &'v Value<'t>>;

/// The text of a file, to say in which line something stands.
struct File<'t> {
    text: &'t str,
}

impl<'t> File<'t> {
    fn error(&self, span: Range<usize>, mistake: Mistake) -> SystemFileError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        SystemFileError { line: 1 + before.matches('\n').count(), mistake: Box::new(mistake) }
    }

    fn wrong_type(
        &self,
        value: &Value<'t>,
        field: &str,
        expected: &'static str,
    ) -> SystemFileError {
        let text = self.text.get(value.span()).unwrap_or_default();
        let found = match value.get_ref() {
            DeValue::Table(_) => "a table".to_owned(),
            _ if text.chars().count() > 40 || text.contains('\n') => {
                format!(
                    "{} …",
                    text.chars().take(40).take_while(|c| *c != '\n').collect::<String>()
                )
            }
            _ => text.to_owned(),
        };
        let field = field.to_owned();
        self.error(value.span(), Mistake::WrongType { field, expected, found })
    }

    fn fields<'v>(
        &self,
        table: &'v DeTable<'t>,
        place: &'static str,
        known: &[&str],
    ) -> Result<Fields<'t, 'v>, SystemFileError> {
        let mut fields = BTreeMap::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                return Err(self.error(
                    key.span(),
                    Mistake::UnknownField {
                        found: name.to_owned(),
                        place,
                        nearest: nearest_name(name, known.iter().copied()).map(str::to_owned),
                        known: known.iter().map(|name| (*name).to_owned()).collect(),
                    },
                ));
            }
            fields.insert(name, value);
        }
        Ok(fields)
    }

    fn required<'v>(
        &self,
        fields: &Fields<'t, 'v>,
        field: &'static str,
        why: &'static str,
    ) -> Result<&'v Value<'t>, SystemFileError> {
        fields.get(field).copied().ok_or_else(|| self.missing(field, why))
    }

    fn missing(&self, field: &'static str, why: &'static str) -> SystemFileError {
        let end = self.text.trim_end().len();
        self.error(end..end, Mistake::Missing { field, why })
    }

    fn string<'v>(&self, value: &'v Value<'t>, field: &str) -> Result<&'v str, SystemFileError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong_type(value, field, "text in quotes")),
        }
    }

    fn list<'v>(
        &self,
        value: &'v Value<'t>,
        field: &str,
    ) -> Result<Vec<&'v Value<'t>>, SystemFileError> {
        match value.get_ref() {
            DeValue::Array(entries) => Ok(entries.iter().collect()),
            _ => Err(self.wrong_type(value, field, "a list")),
        }
    }

    /// The entries of a table in the order of the file.
    fn table<'v>(
        &self,
        value: Option<&&'v Value<'t>>,
        field: &str,
    ) -> Result<Vec<(&'v str, &'v Value<'t>)>, SystemFileError> {
        let Some(value) = value else {
            return Ok(Vec::new());
        };
        match value.get_ref() {
            DeValue::Table(table) => {
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_by_key(|(key, _)| key.span().start);
                Ok(entries
                    .into_iter()
                    .map(|(key, value)| (key.get_ref().as_ref(), value))
                    .collect())
            }
            _ => Err(self.wrong_type(value, field, "a table")),
        }
    }

    /// A number, or an expression over `names` in quotes.
    fn expression(
        &self,
        value: &Value<'t>,
        field: &str,
        names: &[&str],
    ) -> Result<Expression, SystemFileError> {
        const EXPECTED: &str = "a finite number, or an expression in quotes";
        match value.get_ref() {
            DeValue::String(text) => Expression::parse(text, names).map_err(|error| {
                let (field, text) = (field.to_owned(), text.to_string());
                self.error(value.span(), Mistake::Expression { field, text, error })
            }),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map(|number| Expression::number(number as f64))
                .map_err(|_| self.wrong_type(value, field, EXPECTED)),
            DeValue::Float(float) => match float.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Expression::number(number)),
                _ => Err(self.wrong_type(value, field, EXPECTED)),
            },
            _ => Err(self.wrong_type(value, field, EXPECTED)),
        }
    }

    /// A number, or an expression without names.
    fn number(&self, value: &Value<'t>, field: &str) -> Result<f64, SystemFileError> {
        let number = self.expression(value, field, &[])?.evaluate(&[]);
        if number.is_finite() {
            return Ok(number);
        }
        Err(self.wrong_type(value, field, "finite"))
    }

    fn positive(&self, value: &Value<'t>, field: &str) -> Result<f64, SystemFileError> {
        match self.number(value, field)? {
            number if number > 0.0 => Ok(number),
            _ => Err(self.wrong_type(value, field, "positive")),
        }
    }

    fn same_length(
        &self,
        value: &Value<'t>,
        (field, entry): (&str, &'static str),
        found: usize,
        states: &[String],
    ) -> Result<(), SystemFileError> {
        if found == states.len() {
            return Ok(());
        }
        let (field, states) = (field.to_owned(), states.to_vec());
        Err(self.error(value.span(), Mistake::Length { field, entry, found, states }))
    }

    fn numbers(
        &self,
        value: &Value<'t>,
        field: &str,
        states: &[String],
    ) -> Result<Vec<f64>, SystemFileError> {
        let list = self.list(value, &format!("`{field}`"))?;
        self.same_length(value, (&format!("`{field}`"), "number"), list.len(), states)?;
        let numbered = list.into_iter().enumerate();
        numbered.map(|(i, entry)| self.number(entry, &format!("{field}[{i}]"))).collect()
    }

    fn name(
        &self,
        value: &Value<'t>,
        field: &'static str,
        name: &str,
        taken: &[&str],
    ) -> Result<String, SystemFileError> {
        let (found, span) = (name.to_owned(), value.span());
        if !is_name(name) {
            let expected = "a letter, then letters, digits and _";
            return Err(self.error(span, Mistake::Name { field, expected, found }));
        }
        if name == "t" || taken.contains(&name) {
            let expected =
                if name == "t" { "another name than t, the time" } else { "a name of its own" };
            return Err(self.error(span, Mistake::Name { field, expected, found }));
        }
        Ok(found)
    }

    fn parameters(
        &self,
        value: Option<&&Value<'t>>,
    ) -> Result<Vec<(String, f64)>, SystemFileError> {
        let mut parameters = Vec::new();
        for (name, value) in self.table(value, "`parameters`")? {
            let number = self.number(value, &format!("parameter `{name}`"))?;
            parameters.push((self.name(value, "a parameter", name, &[])?, number));
        }
        Ok(parameters)
    }

    fn states(
        &self,
        value: &Value<'t>,
        parameters: &[(String, f64)],
    ) -> Result<Vec<String>, SystemFileError> {
        let mut states: Vec<String> = Vec::new();
        for entry in self.list(value, "`states`")? {
            let name = self.string(entry, "a state")?;
            let mut taken: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
            taken.extend(states.iter().map(String::as_str));
            states.push(self.name(entry, "a state", name, &taken)?);
        }
        if states.is_empty() {
            return Err(self.wrong_type(value, "`states`", "a list of at least one name"));
        }
        Ok(states)
    }

    fn law(
        &self,
        fields: &Fields<'t, '_>,
        states: &[String],
        parameters: &[&str],
        all_names: &[&str],
    ) -> Result<Law, SystemFileError> {
        let conflict = |field: &str, sentence| {
            let span = fields.get(field).map_or(0..0, |value| value.span());
            Err(self.error(span, Mistake::Conflict(sentence)))
        };
        match (fields.get("equations"), fields.get("a")) {
            (Some(_), Some(_)) => conflict("a", "expected either `equations` or `a`, found both"),
            (None, None) => Err(self.missing(
                "equations",
                "one expression for the derivative of each state, or the matrix `a`",
            )),
            (Some(_), None) if fields.contains_key("b") => conflict(
                "b",
                "`b` belongs to the matrix `a`, found it beside `equations`: write the input into them",
            ),
            (Some(_), None) if fields.contains_key("input") => conflict(
                "input",
                "[input] belongs to `a` and `b`, found it beside `equations`: write it into them, with the time t",
            ),
            (Some(value), None) => {
                let list = self.list(value, "`equations`")?;
                self.same_length(value, ("`equations`", "expression"), list.len(), states)?;
                let numbered = list.into_iter().enumerate();
                let equation =
                    |(i, entry)| self.expression(entry, &format!("equations[{i}]"), all_names);
                Ok(Law::Equations(numbered.map(equation).collect::<Result<_, _>>()?))
            }
            (None, Some(value)) => {
                let a = self.matrix(value, states, parameters)?;
                match (fields.get("b"), fields.get("input")) {
                    (None, None) => Ok(Law::Matrices { a, b: Vec::new(), input: None }),
                    (Some(_), None) => conflict("b", "`b` needs an [input] to act on"),
                    (None, Some(_)) => {
                        conflict("input", "[input] needs `b`, how it acts on each state")
                    }
                    (Some(column), Some(input)) => {
                        let b = self.column(column, states, parameters)?;
                        Ok(Law::Matrices { a, b, input: Some(self.input(input, parameters)?) })
                    }
                }
            }
        }
    }

    fn matrix(
        &self,
        value: &Value<'t>,
        states: &[String],
        parameters: &[&str],
    ) -> Result<Vec<Vec<Expression>>, SystemFileError> {
        let rows = self.list(value, "`a`")?;
        self.same_length(value, ("`a`", "row"), rows.len(), states)?;
        let mut a = Vec::new();
        for (i, row) in rows.into_iter().enumerate() {
            let entries = self.list(row, &format!("a[{i}]"))?;
            self.same_length(row, (&format!("a[{i}]"), "entry"), entries.len(), states)?;
            let numbered = entries.into_iter().enumerate();
            let entry = |(j, entry)| self.expression(entry, &format!("a[{i}][{j}]"), parameters);
            a.push(numbered.map(entry).collect::<Result<_, _>>()?);
        }
        Ok(a)
    }

    /// `[0, 1]` or, as a matrix of one column, `[[0], [1]]`.
    fn column(
        &self,
        value: &Value<'t>,
        states: &[String],
        parameters: &[&str],
    ) -> Result<Vec<Expression>, SystemFileError> {
        let rows = self.list(value, "`b`")?;
        self.same_length(value, ("`b`", "entry"), rows.len(), states)?;
        let mut b = Vec::new();
        for (i, row) in rows.into_iter().enumerate() {
            let field = format!("b[{i}]");
            let entry = match row.get_ref() {
                DeValue::Array(entries) => {
                    let mut entries = entries.iter();
                    match (entries.next(), entries.next()) {
                        (Some(entry), None) => entry,
                        _ => return Err(self.wrong_type(row, &field, "one number, for one input")),
                    }
                }
                _ => row,
            };
            b.push(self.expression(entry, &field, parameters)?);
        }
        Ok(b)
    }

    fn input(
        &self,
        value: &Value<'t>,
        parameters: &[&str],
    ) -> Result<Input<Expression>, SystemFileError> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.wrong_type(value, "`input`", "a table"));
        };
        let kind_value = table.iter().find(|(key, _)| key.get_ref() == "kind");
        let Some((_, kind_value)) = kind_value else {
            let why = "the input is a \"step\", an \"impulse\" or a \"sine\"";
            return Err(self.error(value.span(), Mistake::Missing { field: "kind", why }));
        };
        let kind = match self.string(kind_value, "`kind`")? {
            "step" => InputKind::Step,
            "impulse" => InputKind::Impulse,
            "sine" => InputKind::Sine,
            _ => {
                let expected = "\"step\", \"impulse\" or \"sine\"";
                return Err(self.wrong_type(kind_value, "`kind`", expected));
            }
        };
        let (place, known): (_, &[&str]) = match kind {
            InputKind::Step => ("in a step", &["kind", "height", "start"]),
            InputKind::Impulse => ("in an impulse", &["kind", "area", "start"]),
            InputKind::Sine => ("in a sine", &["kind", "amplitude", "frequency", "start"]),
        };
        let fields = self.fields(table, place, known)?;
        let quantity = |field: &str, default: f64| match fields.get(field) {
            None => Ok(Expression::number(default)),
            Some(value) => self.expression(value, &format!("`{field}`"), parameters),
        };
        Ok(Input {
            kind,
            size: quantity(kind.size_name(), 1.0)?,
            frequency: quantity("frequency", 1.0)?,
            start: quantity("start", 0.0)?,
        })
    }

    fn plot(
        &self,
        value: Option<&&Value<'t>>,
        states: &[String],
    ) -> Result<Option<(usize, usize)>, SystemFileError> {
        let mut axes = (0, 1);
        if let Some(value) = value {
            let DeValue::Table(table) = value.get_ref() else {
                return Err(self.wrong_type(value, "`plot`", "a table"));
            };
            let fields = self.fields(table, "in [plot]", &["horizontal", "vertical"])?;
            let axis = |field: &'static str, default| match fields.get(field) {
                None => Ok(default),
                Some(value) => {
                    let name = self.string(value, field)?;
                    let index = states.iter().position(|state| state == name);
                    index.ok_or_else(|| self.wrong_type(value, field, "the name of a state"))
                }
            };
            axes = (axis("horizontal", 0)?, axis("vertical", 1)?);
        }
        Ok((states.len() > 1).then_some(axes))
    }

    fn watched(
        &self,
        value: Option<&&Value<'t>>,
        names: &[&str],
    ) -> Result<Vec<(String, Expression)>, SystemFileError> {
        let mut watched = Vec::new();
        for (name, value) in self.table(value, "`watch`")? {
            let name = self.name(value, "a watched quantity", name, names)?;
            watched.push((name.clone(), self.expression(value, &name, names)?));
        }
        Ok(watched)
    }
}
