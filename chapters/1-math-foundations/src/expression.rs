//! Arithmetic that a reader writes in a file: `mu * (1 - x^2) * v - x`.
//!
//! The one module beside [`validation`](math_foundations::validation) without a page: *Simulate*
//! uses it. An expression is read once, into a list of instructions for a stack machine, and
//! evaluated many times.
//!
//! Conventions: those of mathematics. `^` binds tighter than a sign, so `-x^2` is -(x²), and to
//! the right, so `2^3^2` is 2⁹; a product needs its `*`; angles are in radians; `pi` and `e` are
//! numbers unless a name of the reader's takes their place.

use std::f64::consts::{E, PI};
use std::iter::Peekable;
use std::str::CharIndices;

use thiserror::Error;

/// Why a text is no expression. Columns count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExpressionError {
    /// It stops too early, or there is nothing.
    #[error("expected {expected}, found the end")]
    Incomplete {
        /// What could have come.
        expected: &'static str,
    },
    /// Something stands where it means nothing.
    #[error("expected {expected}, found `{found}` in column {column}")]
    Unexpected {
        /// What could have come.
        expected: &'static str,
        /// What was found.
        found: String,
        /// Where.
        column: usize,
    },
    /// A name that nothing has.
    #[error("nothing is called `{name}` (column {column}){}; there are {}", did_you_mean(.nearest.as_deref()), .known.join(", "))]
    UnknownName {
        /// The name.
        name: String,
        /// Where.
        column: usize,
        /// The name that may have been meant.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A function that nobody has defined.
    #[error("no function is called `{name}` (column {column}){}; there are {}", did_you_mean(.nearest.as_deref()), function_names().join(", "))]
    UnknownFunction {
        /// The name.
        name: String,
        /// Where.
        column: usize,
        /// The name that may have been meant.
        nearest: Option<String>,
    },
    /// A function with too few or too many arguments.
    #[error("expected {expected} for `{name}` (column {column}), found {found}")]
    Arguments {
        /// The function.
        name: String,
        /// Where.
        column: usize,
        /// How many it takes, in words.
        expected: &'static str,
        /// How many it got.
        found: usize,
    },
    /// More parentheses, signs or powers inside one another than anyone means.
    #[error("expected at most {limit} levels of nesting, found more in column {column}")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Where.
        column: usize,
    },
}

/// The candidate most like `name`, when it is alike enough to have been meant.
///
/// ```
/// use math_foundations::expression::nearest_name;
///
/// assert_eq!(nearest_name("lorentz", ["pendulum", "lorenz"]), Some("lorenz"));
/// assert_eq!(nearest_name("gravity", ["pendulum", "lorenz"]), None);
/// ```
pub fn nearest_name<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name, &candidate.to_lowercase());
    let allowed = 1 + name.chars().count() / 4;
    let nearest = candidates.into_iter().map(|candidate| (distance(candidate), candidate)).min()?;
    (nearest.0 <= allowed && nearest.0 < name.chars().count()).then_some(nearest.1)
}

/// What a refusal adds when it knows a name that may have been meant: nothing, or a question.
///
/// ```
/// use math_foundations::expression::{did_you_mean, nearest_name};
///
/// let known = ["pendulum", "lorenz"];
/// assert_eq!(did_you_mean(nearest_name("lorentz", known)), ", did you mean `lorenz`?");
/// assert_eq!(did_you_mean(nearest_name("gravity", known)), "");
/// ```
pub fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

type Unary = fn(f64) -> f64;
type Binary = fn(f64, f64) -> f64;

const FUNCTIONS: [(&str, Unary); 16] = [
    ("abs", f64::abs),
    ("acos", f64::acos),
    ("asin", f64::asin),
    ("atan", f64::atan),
    ("cos", f64::cos),
    ("cosh", f64::cosh),
    ("exp", f64::exp),
    ("ln", f64::ln),
    ("log10", f64::log10),
    ("log2", f64::log2),
    ("sign", |x| if x == 0.0 { 0.0 } else { x.signum() }),
    ("sin", f64::sin),
    ("sinh", f64::sinh),
    ("sqrt", f64::sqrt),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
];

const FUNCTIONS_OF_TWO: [(&str, Binary); 3] =
    [("atan2", f64::atan2), ("max", f64::max), ("min", f64::min)];

const CONSTANTS: [(&str, f64); 2] = [("e", E), ("pi", PI)];

/// How many parentheses, signs and powers may stand inside one another.
const DEEPEST: usize = 100;

fn function_names() -> Vec<&'static str> {
    let one = FUNCTIONS.iter().map(|(name, _)| *name);
    one.chain(FUNCTIONS_OF_TWO.iter().map(|(name, _)| *name)).collect()
}

/// Whether `name` can be the name of a state or a parameter: a letter, then letters, digits and
/// underscores.
///
/// ```
/// use math_foundations::expression::is_name;
///
/// assert!(is_name("θ_2") && !is_name("2θ") && !is_name("a-b") && !is_name(""));
/// ```
pub fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(char::is_alphabetic) && characters.all(continues_name)
}

fn continues_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What the stack machine does.
#[derive(Debug, Clone, Copy)]
enum Instruction {
    /// Puts a number on the stack.
    Number(f64),
    /// Puts the value of a name on the stack.
    Value(usize),
    /// Replaces the top.
    Apply(Unary),
    /// Replaces the top two.
    Combine(Binary),
}

/// An expression over named values.
///
/// ```
/// use math_foundations::expression::Expression;
///
/// let bend = Expression::parse("mu * (1 - x^2) * v - x", &["x", "v", "mu"])?;
/// assert_eq!(bend.evaluate(&[2.0, 1.0, 5.0]), 5.0 * (1.0 - 4.0) - 2.0);
/// assert_eq!(
///     Expression::parse("2 * y", &["x"]).unwrap_err().to_string(),
///     "nothing is called `y` (column 5); there are x, e, pi",
/// );
/// # Ok::<(), math_foundations::expression::ExpressionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    program: Vec<Instruction>,
}

impl Expression {
    /// Reads an expression over the values that `names` name, in their order.
    ///
    /// # Errors
    /// [`ExpressionError`], with the column.
    pub fn parse(source: &str, names: &[&str]) -> Result<Self, ExpressionError> {
        let mut reader = Reader {
            source,
            rest: source.char_indices().peekable(),
            names,
            program: Vec::new(),
            depth: 0,
        };
        reader.sum()?;
        reader.skip_spaces();
        if reader.rest.peek().is_some() {
            return Err(reader.unexpected("an operator"));
        }
        Ok(Self { source: source.trim().to_owned(), program: reader.program })
    }

    /// The expression that is this number.
    pub fn number(value: f64) -> Self {
        Self { source: value.to_string(), program: vec![Instruction::Number(value)] }
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

// ANCHOR: evaluate
impl Expression {
    /// The value of the expression, when its names have these `values`, one number for each name.
    ///
    /// NaN where mathematics has no value, as in `sqrt(-1)` or `0 / 0`.
    pub fn evaluate(&self, values: &[f64]) -> f64 {
        let mut stack = Vec::with_capacity(self.program.len());
        let pop = |stack: &mut Vec<f64>| stack.pop().unwrap_or(f64::NAN);
        for instruction in &self.program {
            let value = match *instruction {
                Instruction::Number(number) => number,
                Instruction::Value(index) => values.get(index).copied().unwrap_or(f64::NAN),
                Instruction::Apply(function) => function(pop(&mut stack)),
                Instruction::Combine(function) => {
                    let right = pop(&mut stack);
                    function(pop(&mut stack), right)
                }
            };
            stack.push(value);
        }
        pop(&mut stack)
    }
}
// ANCHOR_END: evaluate

/// Powers of 2 and 3 are products, exact to the last digit and the same on every machine.
fn power(base: f64, exponent: f64) -> f64 {
    match exponent {
        2.0 => base * base,
        3.0 => base * base * base,
        _ => base.powf(exponent),
    }
}

/// Reads left to right; each method reads one level of binding and writes its instructions.
struct Reader<'a> {
    source: &'a str,
    rest: Peekable<CharIndices<'a>>,
    names: &'a [&'a str],
    program: Vec<Instruction>,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// sum = product (("+" | "-") product)*
    fn sum(&mut self) -> Result<(), ExpressionError> {
        self.product()?;
        while let Some((_, sign)) = self.accept(&['+', '-']) {
            self.product()?;
            let function: Binary = if sign == '+' { |a, b| a + b } else { |a, b| a - b };
            self.program.push(Instruction::Combine(function));
        }
        Ok(())
    }

    /// product = signed (("*" | "/") signed)*
    fn product(&mut self) -> Result<(), ExpressionError> {
        self.signed()?;
        while let Some((_, operator)) = self.accept(&['*', '/']) {
            self.signed()?;
            let function: Binary = if operator == '*' { |a, b| a * b } else { |a, b| a / b };
            self.program.push(Instruction::Combine(function));
        }
        Ok(())
    }

    /// signed = ("+" | "-") signed | atom ("^" signed)?
    fn signed(&mut self) -> Result<(), ExpressionError> {
        self.deeper()?;
        if let Some((_, sign)) = self.accept(&['+', '-']) {
            self.signed()?;
            if sign == '-' {
                self.program.push(Instruction::Apply(|x| -x));
            }
        } else {
            self.atom()?;
            if self.accept(&['^']).is_some() {
                self.signed()?;
                self.program.push(Instruction::Combine(power));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// atom = number | name | name "(" sum ("," sum)* ")" | "(" sum ")"
    fn atom(&mut self) -> Result<(), ExpressionError> {
        const EXPECTED: &str = "a number, a name or a parenthesis";
        self.skip_spaces();
        match self.rest.peek() {
            None => Err(ExpressionError::Incomplete { expected: EXPECTED }),
            Some((_, '(')) => {
                self.rest.next();
                self.sum()?;
                self.closing(")")
            }
            Some((_, first)) if first.is_ascii_digit() || *first == '.' => self.number(),
            Some((_, first)) if first.is_alphabetic() => self.name(),
            Some(_) => Err(self.unexpected(EXPECTED)),
        }
    }

    fn number(&mut self) -> Result<(), ExpressionError> {
        let start = self.position();
        self.skip_digits();
        if self.rest.next_if(|(_, c)| *c == '.').is_some() {
            self.skip_digits();
        }
        // An e belongs to the number when digits follow it: 2e3, 2e-3, but not 2 * e.
        let mut ahead = self.rest.clone();
        if ahead.next_if(|(_, c)| matches!(c, 'e' | 'E')).is_some() {
            ahead.next_if(|(_, c)| matches!(c, '+' | '-'));
            if ahead.peek().is_some_and(|(_, c)| c.is_ascii_digit()) {
                self.rest = ahead;
                self.skip_digits();
            }
        }
        let text = &self.source[start..self.position()];
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => self.program.push(Instruction::Number(value)),
            _ => {
                return Err(ExpressionError::Unexpected {
                    expected: "a finite number",
                    found: text.to_owned(),
                    column: self.column(start),
                });
            }
        }
        Ok(())
    }

    fn name(&mut self) -> Result<(), ExpressionError> {
        let start = self.position();
        while self.rest.next_if(|(_, c)| continues_name(*c)).is_some() {}
        let name = &self.source[start..self.position()];
        if self.accept(&['(']).is_some() {
            return self.call(name, start);
        }
        let constant = || CONSTANTS.iter().find(|(constant, _)| *constant == name);
        if let Some(index) = self.names.iter().position(|known| *known == name) {
            self.program.push(Instruction::Value(index));
        } else if let Some((_, value)) = constant() {
            self.program.push(Instruction::Number(*value));
        } else {
            let constants = CONSTANTS.iter().map(|(constant, _)| *constant);
            let known: Vec<&str> = self.names.iter().copied().chain(constants).collect();
            return Err(ExpressionError::UnknownName {
                name: name.to_owned(),
                column: self.column(start),
                nearest: nearest_name(name, known.iter().copied()).map(str::to_owned),
                known: known.into_iter().map(str::to_owned).collect(),
            });
        }
        Ok(())
    }

    fn call(&mut self, name: &str, start: usize) -> Result<(), ExpressionError> {
        let one = FUNCTIONS.iter().find(|(known, _)| *known == name);
        let two = FUNCTIONS_OF_TWO.iter().find(|(known, _)| *known == name);
        if one.is_none() && two.is_none() {
            return Err(ExpressionError::UnknownFunction {
                name: name.to_owned(),
                column: self.column(start),
                nearest: nearest_name(name, function_names()).map(str::to_owned),
            });
        }
        let mut found = 0;
        if self.accept(&[')']).is_none() {
            self.sum()?;
            found = 1;
            while self.accept(&[',']).is_some() {
                self.sum()?;
                found += 1;
            }
            self.closing("a comma or )")?;
        }
        match (one, two, found) {
            (Some((_, function)), _, 1) => self.program.push(Instruction::Apply(*function)),
            (_, Some((_, function)), 2) => self.program.push(Instruction::Combine(*function)),
            _ => {
                return Err(ExpressionError::Arguments {
                    name: name.to_owned(),
                    column: self.column(start),
                    expected: if one.is_some() { "one argument" } else { "two arguments" },
                    found,
                });
            }
        }
        Ok(())
    }

    fn closing(&mut self, expected: &'static str) -> Result<(), ExpressionError> {
        if self.accept(&[')']).is_some() {
            return Ok(());
        }
        match self.rest.peek() {
            None => Err(ExpressionError::Incomplete { expected }),
            Some(_) => Err(self.unexpected(expected)),
        }
    }

    fn deeper(&mut self) -> Result<(), ExpressionError> {
        self.depth += 1;
        if self.depth <= DEEPEST {
            return Ok(());
        }
        Err(ExpressionError::TooDeep {
            limit: DEEPEST,
            column: self.column(self.position_of_next()),
        })
    }

    /// Takes the next character when it is one of these.
    fn accept(&mut self, wanted: &[char]) -> Option<(usize, char)> {
        self.skip_spaces();
        self.rest.next_if(|(_, c)| wanted.contains(c))
    }

    fn skip_spaces(&mut self) {
        while self.rest.next_if(|(_, c)| c.is_whitespace()).is_some() {}
    }

    fn skip_digits(&mut self) {
        while self.rest.next_if(|(_, c)| c.is_ascii_digit()).is_some() {}
    }

    fn position(&mut self) -> usize {
        self.rest.peek().map_or(self.source.len(), |(position, _)| *position)
    }

    fn position_of_next(&self) -> usize {
        self.rest.clone().next().map_or(self.source.len(), |(position, _)| position)
    }

    fn column(&self, position: usize) -> usize {
        self.source[..position].chars().count() + 1
    }

    fn unexpected(&mut self, expected: &'static str) -> ExpressionError {
        let start = self.position();
        let found = self.source[start..].chars().next().map_or_else(String::new, String::from);
        ExpressionError::Unexpected { expected, found, column: self.column(start) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(source: &str) -> f64 {
        Expression::parse(source, &["x", "y"]).expect(source).evaluate(&[3.0, 0.5])
    }

    fn refusal(source: &str) -> String {
        Expression::parse(source, &["x", "mu"]).expect_err(source).to_string()
    }

    #[test]
    fn operators_bind_as_in_mathematics() {
        assert_eq!(value("1 + 2 * 3"), 7.0);
        assert_eq!(value("(1 + 2) * 3"), 9.0);
        assert_eq!(value("10 - 4 - 3"), 3.0);
        assert_eq!(value("16 / 4 / 2"), 2.0);
        assert_eq!(value("-x^2"), -9.0);
        assert_eq!(value("(-x)^2"), 9.0);
        assert_eq!(value("2^3^2"), 512.0);
        assert_eq!(value("2^-1"), 0.5);
        assert_eq!(value("--x"), 3.0);
        assert_eq!(value("2 * -x"), -6.0);
        assert_eq!(value("x^3 - y^2"), 26.75);
        assert_eq!(value("x^y"), 3.0_f64.powf(0.5));
    }

    #[test]
    fn numbers_names_and_functions_are_read_whole() {
        assert_eq!(value("2e-3"), 0.002);
        assert_eq!(value("2E3+.5"), 2000.5);
        assert_eq!(value("2*e"), 2.0 * E);
        assert_eq!(value("cos(pi)"), -1.0);
        assert_eq!(value(" max( x , min(7, 2*x) ) "), 6.0);
        assert_eq!(value("atan2(0, -1)"), PI);
        assert_eq!(value("sign(-3) + sign(0)"), -1.0);
        assert_eq!(value("ln(exp(x))"), 3.0);
        // A reader's own e takes the place of the number.
        assert_eq!(Expression::parse("e", &["e"]).expect("e").evaluate(&[7.0]), 7.0);
        assert_eq!(Expression::parse("θ2", &["θ2"]).expect("θ2").evaluate(&[7.0]), 7.0);
    }

    #[test]
    fn what_mathematics_leaves_open_is_nan() {
        assert!(value("sqrt(-1)").is_nan() && value("0/0").is_nan());
        assert_eq!(value("1/0"), f64::INFINITY);
        assert!(Expression::parse("x", &["x"]).expect("x").evaluate(&[]).is_nan());
    }

    #[test]
    fn a_mistake_is_named_with_its_column() {
        assert_eq!(refusal(""), "expected a number, a name or a parenthesis, found the end");
        assert_eq!(refusal("x +"), "expected a number, a name or a parenthesis, found the end");
        assert_eq!(
            refusal("x + * 2"),
            "expected a number, a name or a parenthesis, found `*` in column 5"
        );
        assert_eq!(refusal("2x"), "expected an operator, found `x` in column 2");
        assert_eq!(refusal("(x"), "expected ), found the end");
        assert_eq!(refusal("(x]"), "expected ), found `]` in column 3");
        assert_eq!(refusal("x)"), "expected an operator, found `)` in column 2");
        assert_eq!(
            refusal("1 + mi"),
            "nothing is called `mi` (column 5), did you mean `mu`?; there are x, mu, e, pi"
        );
        assert!(refusal("sine(x)").starts_with(
            "no function is called `sine` (column 1), did you mean `sin`?; there are abs,"
        ));
        assert_eq!(refusal("sin()"), "expected one argument for `sin` (column 1), found 0");
        assert_eq!(refusal("max(x)"), "expected two arguments for `max` (column 1), found 1");
        assert_eq!(refusal("max(x mu)"), "expected a comma or ), found `m` in column 7");
        assert_eq!(refusal("1e999"), "expected a finite number, found `1e999` in column 1");
        assert_eq!(refusal("1..2"), "expected an operator, found `.` in column 3");
        assert_eq!(refusal("."), "expected a finite number, found `.` in column 1");
        assert_eq!(refusal("θ"), "nothing is called `θ` (column 1); there are x, mu, e, pi");
    }

    #[test]
    fn depth_is_limited_and_length_is_not() {
        for deep in ["(".repeat(100_000), "-".repeat(100_000), "2^".repeat(100_000)] {
            assert!(refusal(&deep).starts_with("expected at most 100 levels of nesting"));
        }
        let long = vec!["x"; 50_000].join("+");
        assert_eq!(value(&long), 150_000.0);
    }
}
