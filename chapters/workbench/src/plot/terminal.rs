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
        Dots { columns, rows, cells: vec![0; columns * rows] }
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
    let names: Vec<String> = plot.series.iter().map(|series| plain(&series.name)).collect();

    // Lines above and below the dots: the name of y, the axis, its numbers.
    let head = usize::from(!plot.y.label.is_empty() || !plot.title.is_empty());
    let dot_rows = rows.saturating_sub(head + 2).max(2);
    let y_ticks: Vec<(usize, String)> = plot
        .y
        .ticks_in(y, dot_rows as f64 / 3.0)
        .into_iter()
        .map(|(value, text)| {
            let down = 1.0 - plot.y.fraction(value, y);
            (
                (down * dot_rows as f64 - 0.125).clamp(0.0, dot_rows as f64 - 1.0) as usize,
                plain(&text),
            )
        })
        .collect();
    let gutter = y_ticks.iter().map(|tick| length(&tick.1)).max().unwrap_or(0).max(1);
    let margin = plot
        .series
        .iter()
        .zip(&names)
        .filter(|(series, name)| !name.is_empty() && !matches!(series.kind, Kind::Note(_)))
        .map(|(_, name)| length(name) + 1)
        .max()
        .unwrap_or(1);
    let dot_columns = columns.saturating_sub(gutter + 1 + margin).max(4);

    // The dots.
    let mut dots = Dots::new(dot_columns, dot_rows);
    let (width, height) = (dots.width(), dots.height());
    let place = |point: &(f64, f64)| {
        (plot.x.fraction(point.0, x) * width, (1.0 - plot.y.fraction(point.1, y)) * height)
    };
    let mut labels: Vec<((f64, f64), &str)> = Vec::new();
    let mut seen: Vec<Role> = Vec::new();
    for (series, name) in plot.series.iter().zip(&names) {
        let role = series.pen.role();
        let points: Vec<(f64, f64)> = series.points.iter().map(place).collect();
        match &series.kind {
            Kind::Line | Kind::Band(_) => {
                let same_before = seen.iter().filter(|other| **other == role).count();
                seen.push(role);
                let pattern = density(series.pen, same_before);
                trace(&mut dots, &points, pattern, role == Role::Output);
                if let Kind::Band(lower) = &series.kind {
                    let lower: Vec<(f64, f64)> = lower.iter().map(place).collect();
                    trace(&mut dots, &lower, pattern, false);
                }
            }
            Kind::Stems => {
                let base = (1.0 - plot.y.fraction(0.0, y)) * height;
                trace(&mut dots, &[(0.0, base), (width, base)], (1, 3), false);
                for &(across, down) in &points {
                    trace(&mut dots, &[(across, base), (across, down)], (1, 1), false);
                    blot(&mut dots, across, down);
                }
            }
            Kind::Points => {
                for &(across, down) in &points {
                    blot(&mut dots, across, down);
                }
            }
            Kind::Field { .. } => continue,
            Kind::Note(_) => {
                labels.extend(points.first().map(|point| (*point, name.as_str())));
                continue;
            }
        }
        let visible: Vec<&(f64, f64)> = points
            .iter()
            .filter(|(across, down)| {
                (-0.5..=width + 0.5).contains(across) && (-0.5..=height + 0.5).contains(down)
            })
            .collect();
        if !name.is_empty() && !visible.is_empty() {
            let fraction = series.place.map_or(1.0, |place| place.0);
            let index = (fraction * (visible.len() - 1) as f64).round() as usize;
            labels.push((*visible[index], name));
        }
    }

    // The names: beside the dots where they end at the right, else among them where there is room.
    let mut words =
        Words { letters: vec![vec![None; dot_columns + margin]; dot_rows], dot_columns };
    labels.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
    words.write(&dots, &labels);

    // Put together, line by line.
    let mut lines = Vec::new();
    if head == 1 {
        let gap = if plot.title.is_empty() || plot.y.label.is_empty() { "" } else { "   " };
        let title = plain(&plot.title);
        lines.push(format!("{} {}{gap}{title}", " ".repeat(gutter), plain(&plot.y.label)));
    }
    for row in 0..dot_rows {
        let number = y_ticks.iter().find(|tick| tick.0 == row).map_or("", |tick| tick.1.as_str());
        let mark = if number.is_empty() { '│' } else { '┤' };
        let space = " ".repeat(gutter.saturating_sub(length(number)));
        lines.push(format!("{space}{number}{mark}{}", words.row(&dots, row)));
    }
    let (axis, numbers) = bottom(plot, x, gutter, dot_columns);
    lines.push(format!("{axis} {}", plain(&plot.x.label)));
    lines.push(numbers);
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The horizontal axis and the numbers under it.
fn bottom(plot: &Plot, x: (f64, f64), gutter: usize, columns: usize) -> (String, String) {
    let mut axis: Vec<char> = vec!['─'; columns];
    let mut numbers: Vec<char> = vec![' '; gutter + 1 + columns + 8];
    let mut free = 0;
    for (value, text) in plot.x.ticks_in(x, columns as f64 / 12.0) {
        let text: Vec<char> = plain(&text).chars().collect();
        let column = (plot.x.fraction(value, x) * columns as f64 - 0.25)
            .clamp(0.0, columns as f64 - 1.0) as usize;
        axis[column] = '┬';
        // Centred, but for a sign, which hangs out to the left.
        let sign = usize::from(text.first() == Some(&'-'));
        let start = (gutter + 1 + column).saturating_sub((text.len() - sign) / 2 + sign);
        if start >= free && start + text.len() <= numbers.len() {
            numbers[start..start + text.len()].copy_from_slice(&text);
            free = start + text.len() + 1;
        }
    }
    let axis: String = axis.into_iter().collect();
    (format!("{}└{axis}", " ".repeat(gutter)), numbers.into_iter().collect())
}

/// Letters over and beside the dots.
struct Words {
    letters: Vec<Vec<Option<String>>>,
    dot_columns: usize,
}

impl Words {
    /// Writes each name near its position, which is counted in dots; from the top downwards.
    fn write(&mut self, dots: &Dots, labels: &[((f64, f64), &str)]) {
        let mut beside: Vec<(usize, &str)> = Vec::new();
        for &((across, down), name) in labels {
            let column = (across.max(0.0) / 2.0) as usize;
            let row = ((down.max(0.0) / 4.0) as usize).min(dots.rows - 1);
            let size = length(name);
            let spots = [
                (row, column + 2),
                (row, column.wrapping_sub(size + 1)),
                (row.wrapping_sub(1), column.saturating_sub(size / 2)),
                (row + 1, column.saturating_sub(size / 2)),
            ];
            let inside = column + 3 < self.dot_columns;
            match spots.into_iter().find(|spot| inside && self.is_free(dots, *spot, size)) {
                Some((row, column)) => self.put(row, column, name),
                None => beside.push((row, name)),
            }
        }
        // In the margin each name has a row of its own, and none overtakes another.
        for index in 1..beside.len() {
            beside[index].0 = beside[index].0.max(beside[index - 1].0 + 1);
        }
        let mut lowest = dots.rows;
        for (row, name) in beside.into_iter().rev() {
            lowest = row.min(lowest.saturating_sub(1));
            self.put(lowest, self.dot_columns + 1, name);
        }
    }

    /// Whether a name fits between the dots with a space on both sides.
    fn is_free(&self, dots: &Dots, (row, column): (usize, usize), size: usize) -> bool {
        if row >= dots.rows || column >= dots.columns || column + size > dots.columns {
            return false;
        }
        (column.saturating_sub(1)..(column + size + 1).min(dots.columns)).all(|column| {
            dots.cells[row * dots.columns + column] == 0 && self.letters[row][column].is_none()
        })
    }

    fn put(&mut self, row: usize, column: usize, name: &str) {
        let mut cell = column;
        for character in name.chars() {
            if character == '\u{304}' {
                // A combining bar shares the cell of its letter.
                if let Some(Some(letter)) = self.letters[row].get_mut(cell.saturating_sub(1)) {
                    letter.push(character);
                }
            } else if cell < self.letters[row].len() {
                self.letters[row][cell] = Some(character.to_string());
                cell += 1;
            }
        }
    }

    fn row(&self, dots: &Dots, row: usize) -> String {
        let under = dots.row(row);
        let blank = std::iter::repeat(' ');
        self.letters[row]
            .iter()
            .zip(under.chars().chain(blank))
            .map(|(letter, dot)| letter.clone().unwrap_or_else(|| dot.to_string()))
            .collect()
    }
}

/// A line through points with a pattern of dots and gaps.
fn trace(dots: &mut Dots, points: &[(f64, f64)], pattern: (usize, usize), thick: bool) {
    let mut walked = 0;
    // Where two segments meet there is one dot, not two.
    let mut last = None;
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        if !(x0.is_finite() && y0.is_finite() && x1.is_finite() && y1.is_finite()) {
            continue;
        }
        let Some(((x0, y0), (x1, y1))) =
            super::clip((x0, y0), (x1, y1), (-0.4, -0.4, dots.width() + 0.4, dots.height() + 0.4))
        else {
            continue;
        };
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0) as usize;
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
            walked += 1;
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

fn length(text: &str) -> usize {
    text.chars().filter(|character| *character != '\u{304}').count()
}

/// Marked text without its marks: sub- and superscripts in Unicode where it has them.
pub(super) fn plain(text: &str) -> String {
    let characters: Vec<char> = uncoloured(text).chars().filter(|c| *c != '$').collect();
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
            group = characters[position + 2..].iter().copied().take_while(|c| *c != '}').collect();
            end = (position + 3 + group.len()).min(characters.len());
        }
        let small: Option<String> = group.iter().map(|c| script(*c, mark == '_')).collect();
        match small {
            Some(small) => out.push_str(&small),
            None => {
                out.push(mark);
                let group: String = group.into_iter().collect();
                out.push_str(&if length(&group) > 1 { format!("({group})") } else { group });
            }
        }
        position = end;
    }
    out
}

/// Text without the macros that colour it: `\x{x_k}` is `x_k`.
fn uncoloured(text: &str) -> String {
    let macros = [r"\u{", r"\x{", r"\y{", r"\step{"];
    let Some((start, name)) =
        macros.iter().filter_map(|name| Some((text.find(name)?, name))).min_by_key(|found| found.0)
    else {
        return text.to_owned();
    };
    let (before, inside) = (&text[..start], &text[start + name.len()..]);
    let mut open = 1;
    let end = inside.find(|c| {
        open += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        open == 0
    });
    let (inside, after) = match end {
        Some(end) => (&inside[..end], &inside[end + 1..]),
        None => (inside, ""),
    };
    format!("{before}{inside}{}", uncoloured(after))
}

fn script(character: char, lowered: bool) -> Option<char> {
    const NORMAL: &str = "0123456789+-=()nktijAT";
    const LOWERED: &str = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙₖₜᵢⱼ";
    const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿᵏᵗⁱʲᴬᵀ";
    let index = NORMAL.chars().position(|normal| normal == character)?;
    if lowered { LOWERED } else { RAISED }.chars().nth(index)
}
