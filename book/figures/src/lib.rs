//! One function a figure of the book.
//!
//! A figure is drawn by the chapters' own code: its curve is computed by the function that the
//! page explains. `cargo run -p book-figures` redraws all of them into `book/figures/drawn`, and a
//! test compares each committed file with a fresh drawing.

use std::fs;
use std::io;
use std::path::Path;

pub mod introduction;
pub mod math_foundations;

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
        .chain(math_foundations::figures())
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
    if let Some(unknown) = names
        .iter()
        .find(|name| all().all(|figure| figure.name != **name))
    {
        let known: Vec<&str> = all().map(|figure| figure.name).collect();
        let message = format!(
            "no figure is called {unknown}; there are {}",
            known.join(", ")
        );
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
