//! The plot in a terminal: braille dots, no colours.

use super::{Kind, Plot};
use crate::svg::{Pen, Role};

/// A grid of characters, each of 2 x 4 dots.
struct Dots {
    columns: usize,
    rows: usize,
    cells: Vec<u8>,
}

impl Dots {
    fn new(columns: usize, rows: usize) -> Self {
        Dots {
            columns,
            rows,
            cells: vec![0; columns * rows],
        }
    }

    fn width(&self) -> f64 {
        (2 * self.columns - 1) as f64
    }

    fn height(&self) -> f64 {
        (4 * self.rows - 1) as f64
    }

    /// Sets the dot nearest to a position, counted from the upper left corner.
    fn set(&mut self, x: f64, y: f64) {
        let (x, y) = (x.round(), y.round());
        if !(0.0..=self.width()).contains(&x) || !(0.0..=self.height()).contains(&y) {
            return;
        }
        let (x, y) = (x as usize, y as usize);
        let bit = match (x % 2, y % 4) {
            (0, 3) => 6,
            (1, 3) => 7,
            (column, row) => 3 * column + row,
        };
        self.cells[(y / 4) * self.columns + x / 2] |= 1 << bit;
    }

    fn row(&self, row: usize) -> String {
        self.cells[row * self.columns..(row + 1) * self.columns]
            .iter()
            .map(|bits| match bits {
                0 => ' ',
                _ => char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' '),
            })
            .collect()
    }
}

/// How many dots of a line are drawn, and how many are left out after them.
fn density(pen: Pen, same_before: usize) -> (usize, usize) {
    let usual = match pen.role() {
        Role::Reference => 3,
        Role::Step => 2,
        _ => 0,
    };
    match usual + same_before {
        0 => (1, 0),
        1 => (5, 3),
        2 => (2, 2),
        3 => (1, 3),
        sparse => (1, sparse + 1),
    }
}

pub(super) fn draw(plot: &Plot, columns: usize, rows: usize) -> String {
    let (x, y) = plot.ranges();
    let y_ends = ends(plot.y.ticks_in(y, 2.0), y);
    let x_ends = ends(plot.x.ticks_in(x, 2.0), x);
    let (y_low, y_high) = (plain(&y_ends.0), plain(&y_ends.1));
    let gutter = length(&y_low).max(length(&y_high)).max(1);
    let names: Vec<String> = plot
        .series
        .iter()
        .map(|series| plain(&series.name))
        .collect();
    let names_width = plot
        .series
        .iter()
        .zip(&names)
        .filter(|(series, _)| !matches!(series.kind, Kind::Note(_)))
        .map(|(_, name)| length(name))
        .max()
        .unwrap_or(0);

    // Lines above and below the dots: the name of y, the axis, its numbers.
    let head = usize::from(!plot.y.label.is_empty() || !plot.title.is_empty());
    let dot_rows = rows.saturating_sub(head + 2).max(2);
    let margin = if names_width > 0 { names_width + 1 } else { 0 };
    let dot_columns = columns.saturating_sub(gutter + 2 + margin).max(4);
    let mut dots = Dots::new(dot_columns, dot_rows);
    let place = |point: (f64, f64), dots: &Dots| {
        (
            plot.x.fraction(point.0, x) * dots.width(),
            (1.0 - plot.y.fraction(point.1, y)) * dots.height(),
        )
    };

    // The dots, and the row of each name.
    let mut labels: Vec<(usize, &str)> = Vec::new();
    let mut seen: Vec<Role> = Vec::new();
    for (series, name) in plot.series.iter().zip(&names) {
        let role = series.pen.role();
        let points: Vec<(f64, f64)> = series
            .points
            .iter()
            .map(|point| place(*point, &dots))
            .collect();
        let same_before = seen.iter().filter(|other| **other == role).count();
        match &series.kind {
            Kind::Line | Kind::Band(_) => {
                seen.push(role);
                let pattern = density(series.pen, same_before);
                trace(&mut dots, &points, pattern, role == Role::Output);
                if let Kind::Band(lower) = &series.kind {
                    let lower: Vec<(f64, f64)> =
                        lower.iter().map(|point| place(*point, &dots)).collect();
                    trace(&mut dots, &lower, pattern, false);
                }
            }
            Kind::Stems => {
                let base = (1.0 - plot.y.fraction(0.0, y)) * dots.height();
                for &(across, height) in &points {
                    trace(
                        &mut dots,
                        &[(across, base), (across, height)],
                        (1, 1),
                        false,
                    );
                    blot(&mut dots, across, height);
                }
            }
            Kind::Points => {
                for &(across, height) in &points {
                    blot(&mut dots, across, height);
                }
            }
            Kind::Field { .. } | Kind::Note(_) => continue,
        }
        let end = points.iter().rev().find(|(across, height)| {
            (-0.5..=dots.width() + 0.5).contains(across)
                && (-0.5..=dots.height() + 0.5).contains(height)
        });
        if let Some((_, height)) = end
            && !name.is_empty()
        {
            labels.push((((height / 4.0) as usize).min(dot_rows - 1), name));
        }
    }
    let labels = one_a_row(labels, dot_rows);

    // Put together, line by line.
    let mut lines = Vec::new();
    if head == 1 {
        let gap = if plot.title.is_empty() || plot.y.label.is_empty() {
            ""
        } else {
            "   "
        };
        lines.push(format!(
            "{:>gutter$} {}{gap}{}",
            "",
            plain(&plot.y.label),
            plain(&plot.title)
        ));
    }
    for row in 0..dot_rows {
        let number = match row {
            0 => y_high.as_str(),
            _ if row + 1 == dot_rows => y_low.as_str(),
            _ => "",
        };
        let mark = if number.is_empty() { '│' } else { '┤' };
        let name = labels
            .iter()
            .find(|label| label.0 == row)
            .map_or("", |label| label.1);
        lines.push(format!(
            "{}{number}{mark}{} {name}",
            " ".repeat(gutter.saturating_sub(length(number))),
            dots.row(row)
        ));
    }
    let x_label = plain(&plot.x.label);
    lines.push(format!(
        "{:>gutter$}└┬{}┬ {}",
        "",
        "─".repeat(dot_columns.saturating_sub(2)),
        x_label
    ));
    let (x_low, x_high) = (plain(&x_ends.0), plain(&x_ends.1));
    let room = (dot_columns + 1).saturating_sub(length(&x_low) + length(&x_high));
    lines.push(format!(
        "{:>gutter$} {x_low}{}{x_high}",
        "",
        " ".repeat(room.max(1))
    ));
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The numbers at both ends of a range.
fn ends(ticks: Vec<(f64, String)>, range: (f64, f64)) -> (String, String) {
    let digits = |value: f64| {
        let spread = (range.1 - range.0).abs();
        if value.abs() < 1e-9 * spread {
            return "0".to_owned();
        }
        let largest = range.0.abs().max(range.1.abs());
        if !(1e-3..1e5).contains(&largest) || (value != 0.0 && value.abs() < 1e-3) {
            return format!("{value:.1e}");
        }
        let decimals = (2.0 - spread.log10().floor()).clamp(0.0, 6.0) as usize;
        let text = format!("{value:.decimals$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    let word = |value: f64| {
        ticks
            .iter()
            .find(|tick| (tick.0 - value).abs() <= 1e-9 * (range.1 - range.0).abs())
            .map_or_else(|| digits(value), |tick| tick.1.clone())
    };
    (word(range.0), word(range.1))
}

/// A line through points with a pattern of dots and gaps.
fn trace(dots: &mut Dots, points: &[(f64, f64)], pattern: (usize, usize), thick: bool) {
    let mut walked = 0;
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        if !(x0.is_finite() && y0.is_finite() && x1.is_finite() && y1.is_finite()) {
            continue;
        }
        let Some(((x0, y0), (x1, y1))) = super::clip(
            (x0, y0),
            (x1, y1),
            (-0.4, -0.4, dots.width() + 0.4, dots.height() + 0.4),
        ) else {
            continue;
        };
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0) as usize;
        let mut last = None;
        for step in 0..=steps {
            let fraction = step as f64 / steps as f64;
            let (x, y) = (x0 + fraction * (x1 - x0), y0 + fraction * (y1 - y0));
            let here = (x.round() as i64, y.round() as i64);
            if last == Some(here) {
                continue;
            }
            last = Some(here);
            if walked % (pattern.0 + pattern.1) < pattern.0 {
                dots.set(x, y);
                if thick {
                    dots.set(x, y + 1.0);
                }
            }
            if step > 0 {
                walked += 1;
            }
        }
    }
    if let [(x, y)] = points {
        dots.set(*x, *y);
    }
}

/// A dot that is seen among lines.
fn blot(dots: &mut Dots, x: f64, y: f64) {
    if x.is_finite() && y.is_finite() {
        for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            dots.set(x.floor() + dx, y.floor() + dy);
        }
    }
}

/// Moves names to the nearest free rows.
fn one_a_row(mut labels: Vec<(usize, &str)>, rows: usize) -> Vec<(usize, &str)> {
    labels.sort_by_key(|label| label.0);
    let mut placed: Vec<(usize, &str)> = Vec::new();
    for (wanted, name) in labels {
        let free = |row: usize| placed.iter().all(|label| label.0 != row);
        let nearest = (0..rows)
            .filter(|row| free(*row))
            .min_by_key(|row| (row.abs_diff(wanted), usize::MAX - row));
        if let Some(row) = nearest {
            placed.push((row, name));
        }
    }
    placed
}

fn length(text: &str) -> usize {
    text.chars()
        .filter(|character| *character != '\u{304}')
        .count()
}

/// Marked text without its marks: sub- and superscripts in Unicode where it has them.
pub(super) fn plain(text: &str) -> String {
    let characters: Vec<char> = text.chars().filter(|character| *character != '$').collect();
    let mut out = String::new();
    let mut position = 0;
    while position < characters.len() {
        let mark = characters[position];
        if !matches!(mark, '_' | '^') || position + 1 == characters.len() {
            out.push(mark);
            position += 1;
            continue;
        }
        let mut end = position + 2;
        let mut group = vec![characters[position + 1]];
        if characters[position + 1] == '{' {
            group = characters[position + 2..]
                .iter()
                .copied()
                .take_while(|c| *c != '}')
                .collect();
            end = (position + 3 + group.len()).min(characters.len());
        }
        let small: Option<String> = group.iter().map(|c| script(*c, mark == '_')).collect();
        match small {
            Some(small) => out.push_str(&small),
            None => {
                out.push(mark);
                let group: String = group.into_iter().collect();
                out.push_str(&if length(&group) > 1 {
                    format!("({group})")
                } else {
                    group
                });
            }
        }
        position = end;
    }
    out
}

fn script(character: char, lowered: bool) -> Option<char> {
    const NORMAL: &str = "0123456789+-=()nktijAT";
    const LOWERED: &str = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙₖₜᵢⱼ";
    const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿᵏᵗⁱʲᴬᵀ";
    let index = NORMAL.chars().position(|normal| normal == character)?;
    if lowered { LOWERED } else { RAISED }.chars().nth(index)
}
