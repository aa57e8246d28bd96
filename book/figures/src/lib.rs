//! One function a figure of the book.
//!
//! A figure is drawn by the chapters' own code: its curve is computed by the function that the
//! page explains. `cargo run -p book-figures` redraws all of them into `book/figures/drawn`, and a
//! test compares each committed file with a fresh drawing.

use std::fs;
use std::io;
use std::path::Path;

pub mod appendices;
pub mod classical_ssm;
pub mod discretization;
pub mod how_to_read;
pub mod introduction;
pub mod mamba;
pub mod math_foundations;
pub mod ml_links;
pub mod s4;
pub mod state_space_duality;

/// A figure: the name of its file, the page it belongs to, the function that draws it.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Name of the file under `book/figures/drawn`, without `.svg`; unique in the book.
    pub name: &'static str,
    /// The page, without `.md`: `1-math-foundations/eigendecomposition`.
    pub page: &'static str,
    /// Draws the figure as SVG.
    pub draw: fn() -> String,
}

/// Every figure, in reading order.
///
/// ```
/// let names: Vec<&str> = book_figures::all().map(|figure| figure.name).collect();
/// assert!(names.contains(&"journey"));
/// ```
pub fn all() -> impl Iterator<Item = &'static Figure> {
    introduction::FIGURES
        .iter()
        .chain(how_to_read::FIGURES)
        .chain(math_foundations::figures())
        .chain(classical_ssm::figures())
        .chain(discretization::figures())
        .chain(ml_links::figures())
        .chain(s4::figures())
        .chain(mamba::figures())
        .chain(state_space_duality::figures())
        .chain(appendices::figures())
}

/// What a redrawing did to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The file is new.
    New,
    /// The file was different.
    Changed,
    /// The file was already so.
    Same,
}

/// Draws figures into a folder: all of them, or those with one of `names`.
///
/// # Errors
/// When a file cannot be read or written, and when a name belongs to no figure.
pub fn redraw(folder: &Path, names: &[String]) -> io::Result<Vec<(&'static str, Change)>> {
    if let Some(unknown) = names.iter().find(|name| all().all(|figure| figure.name != **name)) {
        let known: Vec<&str> = all().map(|figure| figure.name).collect();
        let message = format!("no figure is called {unknown}; there are {}", known.join(", "));
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    fs::create_dir_all(folder)?;
    let mut changes = Vec::new();
    for figure in all() {
        if !names.is_empty() && names.iter().all(|name| *name != figure.name) {
            continue;
        }
        let file = folder.join(format!("{}.svg", figure.name));
        let drawn = (figure.draw)();
        let change = match fs::read_to_string(&file) {
            Ok(before) if before == drawn => Change::Same,
            Ok(_) => Change::Changed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Change::New,
            Err(error) => return Err(error),
        };
        if change != Change::Same {
            fs::write(&file, drawn)?;
        }
        changes.push((figure.name, change));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::path::PathBuf;

    /// Figures whose points are rounding errors, which differ from build to build, and by how much a number may.
    const ROUNDING: &[(&str, f64)] = &[("digits-through-modes", 20.0)];

    fn drawn() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("drawn")
    }

    /// Splits a file into its numbers and the text between them.
    fn numbers_and_text(svg: &str) -> (Vec<f64>, Vec<String>) {
        let (mut numbers, mut texts, mut text) = (Vec::new(), Vec::new(), String::new());
        let mut rest = svg;
        while let Some(first) = rest.chars().next() {
            // A hexadecimal colour is text.
            let length = if first == '#' {
                0
            } else {
                let digits = |c: char| c.is_ascii_digit() || c == '.';
                let sign = usize::from(first == '-');
                let end = rest[sign..].find(|c| !digits(c)).unwrap_or(rest.len() - sign);
                if rest[sign..].starts_with(|c: char| c.is_ascii_digit()) { sign + end } else { 0 }
            };
            match rest[..length].parse() {
                Ok(number) => {
                    numbers.push(number);
                    texts.push(std::mem::take(&mut text));
                    rest = &rest[length..];
                }
                Err(_) => {
                    let skip = if first == '#' { rest.len().min(7) } else { first.len_utf8() };
                    let skip = if rest.is_char_boundary(skip) { skip } else { first.len_utf8() };
                    text.push_str(&rest[..skip]);
                    rest = &rest[skip..];
                }
            }
        }
        texts.push(text);
        (numbers, texts)
    }

    fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
        let (_, rest) = element.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }

    fn attribute_number(element: &str, name: &str) -> Option<f64> {
        attribute(element, name)?.parse().ok()
    }

    #[test]
    fn drawn_figures_are_what_the_code_draws() {
        for figure in all() {
            let file = drawn().join(format!("{}.svg", figure.name));
            let committed = fs::read_to_string(&file).unwrap_or_else(|error| {
                panic!("{}: {error}; draw it: cargo run -p book-figures {0}", figure.name)
            });
            let (old_numbers, old_texts) = numbers_and_text(&committed);
            let (new_numbers, new_texts) = numbers_and_text(&(figure.draw)());
            assert_eq!(
                old_texts, new_texts,
                "{} has changed: cargo run -p book-figures {0}",
                figure.name
            );
            let rounding = ROUNDING.iter().find(|(name, _)| *name == figure.name);
            let tolerance = rounding.map_or(0.02, |(_, tolerance)| *tolerance);
            for (index, (old, new)) in old_numbers.iter().zip(&new_numbers).enumerate() {
                assert!(
                    (old - new).abs() <= tolerance + 1e-9,
                    "{}: number {index} was {old} and is drawn as {new}",
                    figure.name
                );
            }
        }
    }

    #[test]
    fn no_file_is_without_a_function() {
        let names: HashSet<String> = all().map(|figure| format!("{}.svg", figure.name)).collect();
        for entry in fs::read_dir(drawn()).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            assert!(names.contains(&file), "no function draws {file}");
        }
    }

    #[test]
    fn names_are_unique_and_made_of_small_letters() {
        let mut seen = HashSet::new();
        for figure in all() {
            assert!(seen.insert(figure.name), "two figures are called {}", figure.name);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(figure.name.chars().all(plain), "{}", figure.name);
        }
    }

    #[test]
    fn every_figure_belongs_to_a_page() {
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
        for figure in all() {
            let page = pages.join(format!("{}.md", figure.page));
            assert!(page.is_file(), "{} is on {}, which does not exist", figure.name, figure.page);
        }
    }

    #[test]
    fn figures_speak_and_fit() {
        for figure in all() {
            let svg = (figure.draw)();
            let head = svg.lines().next().unwrap();
            assert!(
                attribute(head, "aria-label").is_some_and(|label| label.len() > 10),
                "{} says nothing to a screen reader",
                figure.name
            );
            assert_eq!(attribute(head, "role"), Some("img"));
            assert_eq!(attribute(head, "width"), None, "{}: only a viewBox", figure.name);
            assert!(!svg.contains("\n\n"), "{} has a blank line", figure.name);
            for bad in ["NaN", "inf ", "\"-0\""] {
                assert!(!svg.contains(bad), "{} contains {bad}", figure.name);
            }
            let size: Vec<f64> = attribute(head, "viewBox")
                .unwrap()
                .split(' ')
                .map(|number| number.parse().unwrap())
                .collect();
            for element in svg.lines().filter(|line| line.starts_with("<text")) {
                fits(figure.name, element, size[2], size[3]);
            }
        }
    }

    /// One `text` element lies inside the picture and is large enough to read.
    fn fits(figure: &str, element: &str, width: f64, height: f64) {
        let (x, y) =
            (attribute_number(element, "x").unwrap(), attribute_number(element, "y").unwrap());
        let size = attribute_number(element, "font-size").unwrap();
        let readable = workbench::svg::SMALLEST_SIZE * width / 640.0;
        assert!(size >= readable - 1e-9, "{figure}: text of {size} in {width}: {element}");
        // Each stretch between two tags has about this width.
        let mut length = 0.0;
        for stretch in element.split('<').filter(|stretch| !stretch.is_empty()) {
            let (tag, text) = stretch.split_once('>').unwrap_or((stretch, ""));
            let own = attribute_number(tag, "font-size").filter(|_| tag.starts_with("tspan"));
            let text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
            length += 0.46 * own.unwrap_or(size) * text.chars().count() as f64;
        }
        let (before, after) = match attribute(element, "text-anchor") {
            Some("middle") => (0.5 * length, 0.5 * length),
            Some("end") => (length, 0.0),
            _ => (0.0, length),
        };
        assert!(
            x - before > -1.0 && x + after < width + 1.0 && y - 0.7 * size > -1.0 && y < height,
            "{figure}: a text leaves the {width} x {height} picture: {element}"
        );
    }
}
