//! A line of output as numbers and the text between them.

/// Numbers that agree to this part of their size are one number, rounded differently.
const RELATIVE: f64 = 1e-6;
/// Below this everything is rounding noise: the experiments' results are of the order of 1.
const NOISE: f64 = 1e-11;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Text(&'a str),
    Space,
    /// Its value, and its digits when it is a whole number.
    Number(f64, Option<&'a str>),
}

/// Whether a recorded line and a printed one say the same.
pub(super) fn same_line(recorded: &str, printed: &str) -> bool {
    let (recorded, printed) = (recorded.trim_end(), printed.trim_end());
    if recorded == printed {
        return true;
    }
    let plot = |line: &str| line.contains(|c| ('\u{2800}'..='\u{28ff}').contains(&c));
    let (left, right) = (tokens(recorded), tokens(printed));
    // Where there is no number, nothing can have moved the spaces.
    let numbers = left.iter().any(|token| matches!(token, Token::Number(..)));
    numbers
        && !plot(recorded)
        && left.len() == right.len()
        && left.iter().zip(&right).all(|(&left, &right)| same(left, right))
}

fn same(left: Token, right: Token) -> bool {
    match (left, right) {
        (Token::Number(left, Some(left_digits)), Token::Number(right, Some(right_digits))) => {
            left == right && left_digits == right_digits
        }
        (Token::Number(left, _), Token::Number(right, _)) => {
            let size = left.abs().max(right.abs());
            size < NOISE || (left - right).abs() <= RELATIVE * size
        }
        _ => left == right,
    }
}

fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (token, length) = if let Some((value, digits, length)) = number(rest) {
            (Token::Number(value, digits), length)
        } else if first.is_whitespace() {
            let space = rest.len() - rest.trim_start().len();
            // What stands before the first number of a line only aligns it.
            if tokens.is_empty() && number(&rest[space..]).is_some() {
                rest = &rest[space..];
                continue;
            }
            (Token::Space, space)
        } else {
            let starts_new = |(at, c): &(usize, char)| {
                c.is_whitespace() || (*at > 0 && number(&rest[*at..]).is_some())
            };
            let end = rest.char_indices().find(starts_new).map_or(rest.len(), |(at, _)| at);
            (Token::Text(&rest[..end]), end)
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    tokens
}

/// The number at the start of `text`: its value, its digits if it is whole, its length in bytes.
///
/// A sign belongs to it, also one a space away, as in `0.5 - 1e-17i`: the sign of noise is noise.
fn number(text: &str) -> Option<(f64, Option<&str>, usize)> {
    let minus = text.starts_with(['-', '−']);
    let unsigned = text
        .strip_prefix(['-', '−', '+'])
        .map_or(text, |unsigned| unsigned.strip_prefix(' ').unwrap_or(unsigned));
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();

    let mut length = digits(unsigned);
    let mut whole = true;
    let fraction = unsigned[length..].strip_prefix('.').map_or(0, digits);
    if fraction > 0 {
        length += 1 + fraction;
        whole = false;
    }
    if length == 0 {
        return None;
    }
    if let Some(exponent) = unsigned[length..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['-', '+']));
        let exponent = digits(&exponent[sign..]);
        if exponent > 0 {
            length += 1 + sign + exponent;
            whole = false;
        }
    }
    let value: f64 = unsigned[..length].parse().ok()?;
    let value = if minus { -value } else { value };
    Some((value, whole.then_some(&unsigned[..length]), text.len() - unsigned.len() + length))
}

#[cfg(test)]
mod tests {
    use super::same_line;

    #[track_caller]
    fn same(recorded: &str, printed: &str) {
        assert!(same_line(recorded, printed), "{recorded:?} and {printed:?} should agree");
        assert!(same_line(printed, recorded), "{printed:?} and {recorded:?} should agree");
    }

    #[track_caller]
    fn different(recorded: &str, printed: &str) {
        assert!(!same_line(recorded, printed), "{recorded:?} and {printed:?} should differ");
        assert!(!same_line(printed, recorded), "{printed:?} and {recorded:?} should differ");
    }

    #[test]
    fn last_digits_may_differ() {
        same("0.50000000", "0.50000049");
        different("0.5000000", "0.5000006");
        same("lambda = -1.234567e3", "lambda = -1234.5671");
        same("(0.5,1.0)", "(0.5000000001,0.9999999999)");
        same("1", "0.9999999999");
        different("1", "0.9999");
    }

    #[test]
    fn whole_numbers_are_exact() {
        different("10000000 steps", "10000001 steps");
        different("seed 18446744073709551615", "seed 18446744073709551614");
        same("  -0 steps", "   0 steps");
    }

    #[test]
    fn noise_is_noise_with_either_sign() {
        same("residual 3e-16", "residual 2e-17");
        same("residual 3e-16", "residual 0");
        same("0.5 + 3e-17i", "0.5 - 1e-16i");
        same("0.5+3e-17i", "0.5-1e-16i");
        different("residual 3e-16", "residual 3e-10");
        different("0.5 + 0.1i", "0.5 - 0.1i");
        different("x = 0.5", "x = -0.5");
        different("x = 0.5", "x = −0.5");
    }

    #[test]
    fn alignment_of_numbers_does_not_count() {
        same("x    0.5   -1e-17   3 steps", "x 0.5  1e-17  3 steps");
        same("  -1e-17", " 1e-17");
        same("x = 1   ", "x = 1");
    }

    #[test]
    fn words_are_exact() {
        different("lambda = 0.5", "mu = 0.5");
        different("0.5 s", "0.5 ms");
        different("0.5s", "0.5 s");
        different("x = 0.5", "x = NaN");
        different("x = 0.5", "x = 0.5 0.5");
        different("two  words", "two words");
        different("chapter-1", "chapter-2");
        different("  x = 0.5", "x = 0.5000000001");
    }

    #[test]
    fn plots_are_exact() {
        same("1.0 ⡇⠈⠒", "1.0 ⡇⠈⠒");
        different("1.0 ⡇⠈⠒", "1.0000000001 ⡇⠈⠒");
        different("1.0 ⡇ ⠈⠒", "1.0 ⡇  ⠈⠒");
        different("1.0 ⡇⠈⠒", "1.0 ⡇⠈⠑");
    }
}
