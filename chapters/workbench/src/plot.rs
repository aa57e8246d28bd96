//! Plots: one description, drawn as SVG for the book and in braille for the terminal.
//!
//! Lines are named where they end, in their own colour; there are no legend boxes and no grid.
//! A point that is not finite breaks a line; a plot without data is an empty pair of axes.
//!
//! The terminal picture is drawn by a small braille canvas of our own. The crate `textplots`, tried
//! first, draws every series with the same dots and cannot name one without ANSI colours, so that
//! two curves in one recorded output could not be told apart.
//!
//! ```
//! use workbench::{plot::Plot, svg::Role};
//!
//! let decay: Vec<(f64, f64)> =
//!     (0..=50).map(|k| 0.1 * f64::from(k)).map(|t| (t, (-t).exp())).collect();
//! let plot = Plot::new("The state decays and never changes sign")
//!     .x_label("t")
//!     .line(Role::State, "x", &decay)
//!     .reference("1/e", &[(0.0, (-1.0_f64).exp()), (5.0, (-1.0_f64).exp())]);
//! assert!(plot.to_svg().contains("aria-label=\"The state decays and never changes sign\""));
//! assert_eq!(plot.to_terminal(60, 12).lines().count(), 12);
//! ```

use std::fmt;
use std::rc::Rc;

use crate::svg::{Anchor, Canvas, LABEL_SIZE, Pen, Point, Role, TICK_SIZE, along, text_width};

mod scale;
mod terminal;

use scale::Axis;

/// Where a name stands relative to the point that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the right, the default.
    Right,
    /// To the left.
    Left,
    /// Above.
    Above,
    /// Below.
    Below,
}

/// A vector field: the arrow at each point of the plane.
type Field = Rc<dyn Fn((f64, f64)) -> (f64, f64)>;

#[derive(Clone)]
enum Kind {
    Line,
    Stems,
    Points,
    /// The points are the upper edge, these the lower.
    Band(Vec<(f64, f64)>),
    Field {
        arrow: Field,
        columns: usize,
        rows: usize,
    },
    /// A name at a point.
    Note(Anchor),
}

impl fmt::Debug for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Kind::Line => "Line",
            Kind::Stems => "Stems",
            Kind::Points => "Points",
            Kind::Band(_) => "Band",
            Kind::Field { .. } => "Field",
            Kind::Note(_) => "Note",
        })
    }
}

#[derive(Debug, Clone)]
struct Series {
    kind: Kind,
    pen: Pen,
    name: String,
    points: Vec<(f64, f64)>,
    arrows: usize,
    /// Fraction of the points at which the name stands, and on which side.
    place: Option<(f64, Side)>,
}

/// A plot: series, their names, two axes.
#[derive(Debug, Clone)]
pub struct Plot {
    label: String,
    title: String,
    size: (f64, f64),
    x: Axis,
    y: Axis,
    equal_aspect: bool,
    bare: bool,
    series: Vec<Series>,
}

/// The part of a canvas that a plot may use: upper left corner, width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Plot {
    /// An empty plot of 640 x 360; `label` is the conclusion that a screen reader speaks.
    pub fn new(label: impl Into<String>) -> Self {
        Plot {
            label: label.into(),
            title: String::new(),
            size: (640.0, 360.0),
            x: Axis::default(),
            y: Axis::default(),
            equal_aspect: false,
            bare: false,
            series: Vec::new(),
        }
    }

    /// Names the horizontal axis.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x.label = label.into();
        self
    }

    /// Names the vertical axis.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y.label = label.into();
        self
    }

    /// A short line over the plot: which panel this is.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Width and height of the viewBox.
    pub fn size(mut self, width: f64, height: f64) -> Self {
        self.size = (width, height);
        self
    }

    /// A line through points; a point that is not finite breaks it.
    ///
    /// The role gives the second channel: x thin, y thick, u with round heads, Δ with tick marks,
    /// a reference dashed.
    pub fn line(self, pen: impl Into<Pen>, name: impl Into<String>, points: &[(f64, f64)]) -> Self {
        self.add(Kind::Line, pen.into(), name.into(), points.to_vec())
    }

    /// A staircase: each value is held until the next point, as a zero-order hold does.
    pub fn steps(
        self,
        pen: impl Into<Pen>,
        name: impl Into<String>,
        points: &[(f64, f64)],
    ) -> Self {
        let mut stairs = Vec::with_capacity(2 * points.len());
        for (index, &point) in points.iter().enumerate() {
            if index > 0 {
                stairs.push((point.0, points[index - 1].1));
            }
            stairs.push(point);
        }
        self.add(Kind::Line, pen.into(), name.into(), stairs)
    }

    /// Stems with round heads: samples.
    pub fn stems(
        self,
        pen: impl Into<Pen>,
        name: impl Into<String>,
        points: &[(f64, f64)],
    ) -> Self {
        self.add(Kind::Stems, pen.into(), name.into(), points.to_vec())
    }

    /// Dots.
    pub fn points(
        self,
        pen: impl Into<Pen>,
        name: impl Into<String>,
        points: &[(f64, f64)],
    ) -> Self {
        self.add(Kind::Points, pen.into(), name.into(), points.to_vec())
    }

    /// A dashed line to compare with.
    pub fn reference(self, name: impl Into<String>, points: &[(f64, f64)]) -> Self {
        self.line(Role::Reference, name, points)
    }

    /// A tinted band between two curves.
    pub fn band(
        self,
        pen: impl Into<Pen>,
        name: impl Into<String>,
        lower: &[(f64, f64)],
        upper: &[(f64, f64)],
    ) -> Self {
        self.add(Kind::Band(lower.to_vec()), pen.into(), name.into(), upper.to_vec())
    }

    /// Arrows of a vector field on a grid of `columns` x `rows`. Their lengths grow with the square
    /// root of the speed, so that slow regions still show a direction.
    pub fn field(
        mut self,
        pen: impl Into<Pen>,
        columns: usize,
        rows: usize,
        arrow: impl Fn((f64, f64)) -> (f64, f64) + 'static,
    ) -> Self {
        let kind = Kind::Field { arrow: Rc::new(arrow), columns, rows };
        self.series.insert(
            0,
            Series {
                kind,
                pen: pen.into(),
                name: String::new(),
                points: Vec::new(),
                arrows: 0,
                place: None,
            },
        );
        self
    }

    /// Text at a point of the plane, its baseline there.
    pub fn note(
        self,
        pen: impl Into<Pen>,
        at: (f64, f64),
        anchor: Anchor,
        text: impl Into<String>,
    ) -> Self {
        self.add(Kind::Note(anchor), pen.into(), text.into(), vec![at])
    }

    /// Arrow heads along the series added last, `count` of them, equally far apart.
    pub fn arrows_along(mut self, count: usize) -> Self {
        if let Some(series) = self.series.last_mut() {
            series.arrows = count;
        }
        self
    }

    /// Names the series added last at a fraction of its points (0 the first, 1 the last), on that
    /// side, instead of at its end.
    pub fn label_at(mut self, fraction: f64, side: Side) -> Self {
        if let Some(series) = self.series.last_mut() {
            series.place = Some((fraction.clamp(0.0, 1.0), side));
        }
        self
    }

    /// A logarithmic horizontal axis; points at or left of 0 are left out.
    pub fn log_x(mut self) -> Self {
        self.x.logarithmic = true;
        self
    }

    /// A logarithmic vertical axis; points at or below 0 are left out.
    pub fn log_y(mut self) -> Self {
        self.y.logarithmic = true;
        self
    }

    /// Shows this range horizontally; what lies outside is cut off.
    pub fn x_range(mut self, from: f64, to: f64) -> Self {
        self.x.range = Some((from, to));
        self
    }

    /// Shows this range vertically; what lies outside is cut off.
    pub fn y_range(mut self, from: f64, to: f64) -> Self {
        self.y.range = Some((from, to));
        self
    }

    /// Puts the horizontal ticks at these values, with these words.
    pub fn x_ticks<T: Into<String> + Clone>(mut self, ticks: &[(f64, T)]) -> Self {
        self.x.ticks = Some(ticks.iter().map(|(at, text)| (*at, text.clone().into())).collect());
        self
    }

    /// Puts the vertical ticks at these values, with these words.
    pub fn y_ticks<T: Into<String> + Clone>(mut self, ticks: &[(f64, T)]) -> Self {
        self.y.ticks = Some(ticks.iter().map(|(at, text)| (*at, text.clone().into())).collect());
        self
    }

    /// One unit is as long upwards as to the right: circles stay round.
    pub fn equal_aspect(mut self) -> Self {
        self.equal_aspect = true;
        self
    }

    /// Draws no axes: a vignette.
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    fn add(mut self, kind: Kind, pen: Pen, name: String, points: Vec<(f64, f64)>) -> Self {
        self.series.push(Series { kind, pen, name, points, arrows: 0, place: None });
        self
    }

    /// The plot as an SVG file.
    pub fn to_svg(&self) -> String {
        let (width, height) = self.size;
        let mut canvas = Canvas::new(width, height, self.label.clone());
        self.draw(&mut canvas, Frame { left: 0.0, top: 0.0, width, height });
        canvas.finish()
    }

    /// The plot in braille characters, `columns` wide and `rows` high, without colours.
    ///
    /// Each series has its own density of dots and is named where it ends.
    pub fn to_terminal(&self, columns: usize, rows: usize) -> String {
        terminal::draw(self, columns, rows)
    }

    /// Draws the plot into a part of a canvas.
    pub fn draw(&self, canvas: &mut Canvas, frame: Frame) {
        Drawing::new(self, frame).draw(canvas);
    }

    /// The ranges that the axes show, horizontal and vertical.
    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let data = || {
            self.series.iter().flat_map(|series| {
                let lower: &[(f64, f64)] = match &series.kind {
                    Kind::Band(lower) => lower,
                    _ => &[],
                };
                series.points.iter().chain(lower).copied()
            })
        };
        let shown = |&(x, y): &(f64, f64)| self.x.shows(x) && self.y.shows(y);
        let stems = self.series.iter().any(|series| matches!(series.kind, Kind::Stems));
        let spread =
            self.series.iter().any(|series| matches!(series.kind, Kind::Points | Kind::Stems));
        let x = self
            .x
            .range_of(data().filter(shown).map(|point| point.0), if spread { 0.03 } else { 0.0 });
        let zero = (stems && !self.y.logarithmic).then_some(0.0);
        let y = self.y.range_of(data().filter(shown).map(|point| point.1).chain(zero), 0.06);
        (x, y)
    }
}

/// Plots side by side in one picture 640 wide, at most three in a row.
///
/// ```
/// use workbench::plot::{Plot, panels};
/// let svg = panels(&[Plot::new("left"), Plot::new("right")]);
/// assert!(svg.contains("aria-label=\"left; right\""));
/// ```
pub fn panels(plots: &[Plot]) -> String {
    const WIDTH: f64 = 640.0;
    const GAP: f64 = 20.0;
    let in_a_row = if plots.len() == 3 { 3 } else { 2.min(plots.len()).max(1) };
    let width = (WIDTH - GAP * (in_a_row as f64 - 1.0)) / in_a_row as f64;
    let heights: Vec<f64> = plots
        .chunks(in_a_row)
        .map(|row| {
            row.iter()
                // A plot of the usual size becomes as high as it is wide.
                .map(
                    |plot| {
                        if plot.size == (640.0, 360.0) { width.max(240.0) } else { plot.size.1 }
                    },
                )
                .fold(0.0, f64::max)
        })
        .collect();
    let total = heights.iter().sum::<f64>() + GAP * (heights.len() as f64 - 1.0).max(0.0);
    let label: Vec<&str> = plots.iter().map(|plot| plot.label.as_str()).collect();
    let mut canvas = Canvas::new(WIDTH, total, label.join("; "));
    let mut top = 0.0;
    for (row, &height) in plots.chunks(in_a_row).zip(&heights) {
        for (column, plot) in row.iter().enumerate() {
            let left = column as f64 * (width + GAP);
            plot.draw(&mut canvas, Frame { left, top, width, height });
        }
        top += height + GAP;
    }
    canvas.finish()
}

/// A name beside its point.
struct Name<'a> {
    text: &'a str,
    pen: Pen,
    point: Point,
    x: f64,
    y: f64,
    anchor: Anchor,
    /// Whether it may move up or down to make room.
    moves: bool,
}

/// A plot laid out in a frame.
struct Drawing<'a> {
    plot: &'a Plot,
    frame: Frame,
    x: (f64, f64),
    y: (f64, f64),
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Height of the name of the vertical axis above that axis.
    y_label_gap: f64,
}

const TICK: f64 = 5.0;
const GAP: f64 = 8.0;

impl<'a> Drawing<'a> {
    fn new(plot: &'a Plot, frame: Frame) -> Self {
        let (x, y) = plot.ranges();
        let mut drawing = Drawing {
            plot,
            frame,
            x,
            y,
            left: frame.left + 6.0,
            right: frame.left + frame.width - 10.0,
            top: frame.top + 10.0,
            bottom: frame.top + frame.height - 10.0,
            y_label_gap: 11.0,
        };
        if !plot.title.is_empty() {
            drawing.top += LABEL_SIZE + 6.0;
        }
        if !plot.bare {
            if !plot.y.label.is_empty() {
                drawing.top += LABEL_SIZE + 6.0;
            }
            drawing.bottom -= TICK_SIZE + TICK + 3.0;
            if !plot.x.label.is_empty() && !drawing.x_label_at_end() {
                drawing.bottom -= LABEL_SIZE + 8.0;
            }
        }
        // Names to the right of the last points, the name of the axis and half of its last number.
        let room = drawing
            .plot
            .series
            .iter()
            .filter(|series| drawing.is_named_at_right(series))
            .map(|series| text_width(&series.name, series.pen.text_size()) + GAP)
            .fold(0.0, f64::max);
        let axis = if plot.bare || plot.x.label.is_empty() || !drawing.x_label_at_end() {
            0.0
        } else {
            text_width(&plot.x.label, LABEL_SIZE) + GAP + 2.0
        };
        drawing.right = frame.left + frame.width - 4.0 - room.max(axis).max(10.0);
        if !plot.bare {
            drawing.fit_equal_aspect();
            let numbers = drawing
                .y_ticks()
                .iter()
                .map(|(_, text)| text_width(text, TICK_SIZE))
                .fold(0.0, f64::max);
            drawing.left = frame.left + 4.0 + numbers + TICK + 4.0;
            // A number at the upper end of the axis needs room below the name.
            let highest = drawing.y_ticks().last().map(|tick| drawing.at_y(tick.0));
            if !plot.y.label.is_empty() && highest.is_some_and(|y| y < drawing.top + 12.0) {
                drawing.y_label_gap += 9.0;
                drawing.top += 9.0;
            }
            if let Some((value, text)) = drawing.x_ticks().last() {
                let over = drawing.at_x(*value) + 0.5 * text_width(text, TICK_SIZE)
                    - (frame.left + frame.width - 2.0);
                drawing.right -= over.max(0.0);
            }
        }
        // A frame too small for its words still has a plane.
        drawing.right = drawing.right.max(drawing.left + 10.0);
        drawing.bottom = drawing.bottom.max(drawing.top + 10.0);
        (drawing.x, drawing.y) = plot.ranges();
        drawing.fit_equal_aspect();
        drawing
    }

    /// A short name stands at the end of its axis, a long one below the numbers.
    fn x_label_at_end(&self) -> bool {
        let room = if self.frame.width > 480.0 { 44.0 } else { 24.0 };
        text_width(&self.plot.x.label, LABEL_SIZE) < room
    }

    fn is_named_at_right(&self, series: &Series) -> bool {
        if series.name.is_empty() || matches!(series.kind, Kind::Note(_)) {
            return false;
        }
        let side = series.place.map_or(Side::Right, |place| place.1);
        let point = self.named_point(series);
        side == Side::Right && point.is_some_and(|(x, _)| self.plot.x.fraction(x, self.x) > 0.75)
    }

    /// The last visible point, or the one at the chosen fraction.
    fn named_point(&self, series: &Series) -> Option<(f64, f64)> {
        let visible = |&&(x, y): &&(f64, f64)| {
            let inside = |fraction: f64| (-1e-9..=1.0 + 1e-9).contains(&fraction);
            inside(self.plot.x.fraction(x, self.x)) && inside(self.plot.y.fraction(y, self.y))
        };
        let points: Vec<&(f64, f64)> = series.points.iter().filter(visible).collect();
        let (fraction, _) = series.place.unwrap_or((1.0, Side::Right));
        let last = points.len().checked_sub(1)?;
        points.get((fraction * last as f64).round() as usize).map(|point| **point)
    }

    /// Widens the range that has room to spare.
    fn fit_equal_aspect(&mut self) {
        if !self.plot.equal_aspect || self.plot.x.logarithmic || self.plot.y.logarithmic {
            return;
        }
        let (width, height) = (self.right - self.left, self.bottom - self.top);
        let units = ((self.x.1 - self.x.0) / width).max((self.y.1 - self.y.0) / height);
        let widen = |range: (f64, f64), length: f64| {
            let middle = 0.5 * (range.0 + range.1);
            (middle - 0.5 * units * length, middle + 0.5 * units * length)
        };
        self.x = widen(self.x, width);
        self.y = widen(self.y, height);
    }

    fn at_x(&self, x: f64) -> f64 {
        self.left + self.plot.x.fraction(x, self.x) * (self.right - self.left)
    }

    fn at_y(&self, y: f64) -> f64 {
        self.bottom - self.plot.y.fraction(y, self.y) * (self.bottom - self.top)
    }

    fn at(&self, point: (f64, f64)) -> Point {
        (self.at_x(point.0), self.at_y(point.1))
    }

    fn x_ticks(&self) -> Vec<(f64, String)> {
        self.plot.x.ticks_in(self.x, (self.right - self.left) / 80.0)
    }

    fn y_ticks(&self) -> Vec<(f64, String)> {
        self.plot.y.ticks_in(self.y, (self.bottom - self.top) / 52.0)
    }

    fn draw(&self, canvas: &mut Canvas) {
        if !self.plot.title.is_empty() {
            let at = (self.frame.left + 4.0, self.frame.top + LABEL_SIZE + 2.0);
            canvas.text(Role::Ink, at, Anchor::Start, &self.plot.title);
        }
        for series in &self.plot.series {
            if let Kind::Field { arrow, columns, rows } = &series.kind {
                self.draw_field(canvas, series.pen, arrow, *columns, *rows);
            }
        }
        self.draw_zero_lines(canvas);
        if !self.plot.bare {
            self.draw_axes(canvas);
        }
        for series in &self.plot.series {
            self.draw_series(canvas, series);
        }
        self.draw_names(canvas);
    }

    fn draw_zero_lines(&self, canvas: &mut Canvas) {
        let pen = Role::Ink.wide(1.0).opacity(0.3);
        let inside = |fraction: f64| fraction > 1e-6 && fraction < 1.0 - 1e-6;
        if !self.plot.y.logarithmic && inside(self.plot.y.fraction(0.0, self.y)) {
            let zero = self.at_y(0.0);
            canvas.line(pen, (self.left, zero), (self.right, zero));
        }
        if !self.plot.bare && !self.plot.x.logarithmic && inside(self.plot.x.fraction(0.0, self.x))
        {
            let zero = self.at_x(0.0);
            canvas.line(pen, (zero, self.top), (zero, self.bottom));
        }
    }

    fn draw_axes(&self, canvas: &mut Canvas) {
        let pen = Role::Ink.wide(1.2).opacity(0.6);
        let words = Role::Ink.size(TICK_SIZE).opacity(0.8);
        canvas.line(pen, (self.left, self.bottom), (self.right, self.bottom));
        canvas.line(pen, (self.left, self.top), (self.left, self.bottom));
        for (value, text) in self.x_ticks() {
            let x = self.at_x(value);
            canvas.line(pen, (x, self.bottom), (x, self.bottom + TICK));
            let at = (x, self.bottom + TICK + TICK_SIZE);
            canvas.text(words, at, Anchor::Middle, &text);
        }
        for (value, text) in self.y_ticks() {
            let y = self.at_y(value);
            canvas.line(pen, (self.left - TICK, y), (self.left, y));
            let at = (self.left - TICK - 4.0, y + 0.35 * TICK_SIZE);
            canvas.text(words, at, Anchor::End, &text);
        }
        if !self.plot.x.label.is_empty() {
            if self.x_label_at_end() {
                let at = (self.right + GAP + 2.0, self.bottom + 0.3 * LABEL_SIZE);
                canvas.text(Role::Ink, at, Anchor::Start, &self.plot.x.label);
            } else {
                let middle = 0.5 * (self.left + self.right);
                let at = (middle, self.bottom + TICK + TICK_SIZE + LABEL_SIZE + 8.0);
                canvas.text(Role::Ink, at, Anchor::Middle, &self.plot.x.label);
            }
        }
        if !self.plot.y.label.is_empty() {
            let half = 0.5 * text_width(&self.plot.y.label, LABEL_SIZE);
            let x = self.left.max(self.frame.left + 2.0 + half) - half;
            canvas.text(
                Role::Ink,
                (x, self.top - self.y_label_gap),
                Anchor::Start,
                &self.plot.y.label,
            );
        }
    }

    fn draw_series(&self, canvas: &mut Canvas, series: &Series) {
        let pen = series.pen;
        match &series.kind {
            Kind::Line => {
                for run in self.visible(&series.points) {
                    let run = simplify(&run, 0.1);
                    canvas.polyline(pen, &run);
                    match pen.role() {
                        Role::Input => {
                            for (at, _) in along(&run, 44.0) {
                                canvas.dot(pen, at, 1.5 + 1.2 * pen.width());
                            }
                        }
                        Role::Step => {
                            canvas.ticks(pen, &run, 22.0);
                        }
                        _ => {}
                    }
                    if series.arrows > 0 {
                        let length: f64 = run
                            .windows(2)
                            .map(|pair| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1))
                            .sum();
                        for (at, direction) in along(&run, length / series.arrows as f64) {
                            canvas.head(pen, at, direction);
                        }
                    }
                }
            }
            Kind::Stems => {
                let heads = self.inside(&series.points);
                let base = self.at_y(0.0).clamp(self.top, self.bottom);
                let spacing = (self.right - self.left) / heads.len().max(1) as f64;
                let slim = if spacing < 9.0 { pen.wide(0.2 * spacing.max(2.0)) } else { pen };
                canvas.stems(slim, base, &heads);
            }
            Kind::Points => {
                for at in self.inside(&series.points) {
                    canvas.dot(pen, at, 2.6 + 0.8 * pen.width());
                }
            }
            Kind::Band(lower) => {
                let clamp = |&point: &(f64, f64)| {
                    let (x, y) = self.at(point);
                    (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
                };
                let mut edge: Vec<Point> = series.points.iter().map(clamp).collect();
                edge.extend(lower.iter().rev().map(clamp));
                edge.retain(|(x, y)| x.is_finite() && y.is_finite());
                canvas.polygon(pen.filled().opacity(0.18), &edge);
            }
            Kind::Field { .. } => {}
            Kind::Note(anchor) => {
                if let Some(at) = series.points.first().map(|point| self.at(*point)) {
                    canvas.text(pen.halo(), at, *anchor, &series.name);
                }
            }
        }
    }

    fn draw_field(
        &self,
        canvas: &mut Canvas,
        pen: Pen,
        arrow: &Field,
        columns: usize,
        rows: usize,
    ) {
        let (width, height) = (self.right - self.left, self.bottom - self.top);
        let cell = (width / columns as f64).min(height / rows as f64);
        let mut arrows = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                let (across, up) =
                    ((column as f64 + 0.5) / columns as f64, (row as f64 + 0.5) / rows as f64);
                let point = (self.plot.x.value(across, self.x), self.plot.y.value(up, self.y));
                let (dx, dy) = arrow(point);
                // The direction as the eye sees it: in units of the picture.
                let seen =
                    (dx * width / (self.x.1 - self.x.0), -dy * height / (self.y.1 - self.y.0));
                arrows.push((self.at(point), seen, seen.0.hypot(seen.1)));
            }
        }
        let fastest = arrows
            .iter()
            .map(|arrow| arrow.2)
            .filter(|speed| speed.is_finite())
            .fold(0.0, f64::max);
        for (at, (dx, dy), speed) in arrows {
            if speed.is_finite() && speed > 1e-6 * fastest {
                let length = 0.7 * cell * (speed / fastest).sqrt().max(0.3);
                let (dx, dy) = (0.5 * length * dx / speed, 0.5 * length * dy / speed);
                canvas.arrow(pen, (at.0 - dx, at.1 - dy), (at.0 + dx, at.1 + dy));
            }
        }
    }

    fn draw_names(&self, canvas: &mut Canvas) {
        let mut names: Vec<Name> = Vec::new();
        for series in &self.plot.series {
            if series.name.is_empty() || matches!(series.kind, Kind::Note(_)) {
                continue;
            }
            let Some(point) = self.named_point(series).map(|point| self.at(point)) else {
                continue;
            };
            let size = series.pen.text_size();
            let width = text_width(&series.name, size);
            let mut side = series.place.map_or(Side::Right, |place| place.1);
            let end = self.frame.left + self.frame.width - 2.0;
            if side == Side::Right && point.0 + GAP + width > end {
                side = Side::Left;
            }
            let (mut x, mut y, anchor) = match side {
                Side::Right => (point.0 + GAP, point.1 + 0.32 * size, Anchor::Start),
                Side::Left => (point.0 - GAP, point.1 + 0.32 * size, Anchor::End),
                Side::Above => (point.0, point.1 - 9.0, Anchor::Middle),
                Side::Below => (point.0, point.1 + 7.0 + 0.8 * size, Anchor::Middle),
            };
            let (before, after) = match anchor {
                Anchor::Start => (0.0, width),
                Anchor::Middle => (0.5 * width, 0.5 * width),
                Anchor::End => (width, 0.0),
            };
            x = x.min(end - after).max(self.frame.left + 2.0 + before);
            y = y.clamp(self.frame.top + 0.8 * size, self.bottom - 0.1 * size);
            let moves = side == Side::Right;
            names.push(Name { text: &series.name, pen: series.pen, point, x, y, anchor, moves });
        }
        let lowest = self.bottom - if self.plot.x.label.is_empty() { 0.0 } else { LABEL_SIZE };
        spread(&mut names, self.frame.top + LABEL_SIZE, lowest);
        for name in &names {
            let middle = name.y - 0.32 * name.pen.text_size();
            if name.moves && (middle - name.point.1).abs() > 12.0 {
                let pen = Pen::from(name.pen.role()).wide(0.8).opacity(0.6).solid();
                let start = (name.point.0 + 2.0, name.point.1);
                canvas.line(pen, start, (name.x - 2.0, middle));
            }
            let pen = Pen::from(name.pen.role()).size(name.pen.text_size()).halo();
            canvas.text(pen, (name.x, name.y), name.anchor, name.text);
        }
    }

    /// The points inside the axes, on the canvas.
    fn inside(&self, points: &[(f64, f64)]) -> Vec<Point> {
        let slack = 0.5;
        points
            .iter()
            .map(|point| self.at(*point))
            .filter(|(x, y)| {
                (self.left - slack..=self.right + slack).contains(x)
                    && (self.top - slack..=self.bottom + slack).contains(y)
            })
            .collect()
    }

    /// The parts of a line that lie inside the axes.
    fn visible(&self, points: &[(f64, f64)]) -> Vec<Vec<Point>> {
        let mut runs: Vec<Vec<Point>> = Vec::new();
        let points: Vec<Point> = points.iter().map(|point| self.at(*point)).collect();
        for pair in points.windows(2) {
            let corners = (self.left, self.top, self.right, self.bottom);
            let Some((from, to)) = clip(pair[0], pair[1], corners) else {
                continue;
            };
            match runs.last_mut() {
                Some(run) if run.last() == Some(&from) => run.push(to),
                _ => runs.push(vec![from, to]),
            }
        }
        runs
    }
}

/// Moves names apart that would overlap, and keeps them between `top` and `bottom`.
fn spread(names: &mut [Name], top: f64, bottom: f64) {
    let mut moving: Vec<&mut Name> = names.iter_mut().filter(|name| name.moves).collect();
    moving.sort_by(|a, b| a.y.total_cmp(&b.y));
    // Only names that stand over each other are in each other's way.
    let overlap = |a: &Name, b: &Name| {
        let (a_width, b_width) =
            (text_width(a.text, a.pen.text_size()), text_width(b.text, b.pen.text_size()));
        a.x < b.x + b_width && b.x < a.x + a_width
    };
    for _ in 0..100 {
        let mut moved = false;
        for later in 1..moving.len() {
            for earlier in 0..later {
                if !overlap(moving[earlier], moving[later]) {
                    continue;
                }
                let gap = 1.12 * moving[later].pen.text_size();
                let missing = gap - (moving[later].y - moving[earlier].y);
                if missing > 1e-6 {
                    moving[earlier].y -= 0.5 * missing;
                    moving[later].y += 0.5 * missing;
                    moved = true;
                }
            }
        }
        for name in &mut moving {
            let inside = name.y.min(bottom).max(top);
            moved |= (inside - name.y).abs() > 1e-6;
            name.y = inside;
        }
        if !moved {
            break;
        }
    }
}

/// The part of a segment inside a rectangle (Liang and Barsky), if there is one.
fn clip(from: Point, to: Point, corners: (f64, f64, f64, f64)) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    if ![from.0, from.1, to.0, to.1].iter().all(|value| value.is_finite()) {
        return None;
    }
    let (left, top, right, bottom) = corners;
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (towards, room) in
        [(-dx, from.0 - left), (dx, right - from.0), (-dy, from.1 - top), (dy, bottom - from.1)]
    {
        if towards == 0.0 {
            if room < -1e-6 {
                return None;
            }
        } else if towards < 0.0 {
            enter = enter.max(room / towards);
        } else {
            leave = leave.min(room / towards);
        }
    }
    if enter > leave {
        return None;
    }
    let at = |fraction: f64| (from.0 + fraction * dx, from.1 + fraction * dy);
    let start = if enter > 0.0 { at(enter) } else { from };
    let end = if leave < 1.0 { at(leave) } else { to };
    Some((start, end))
}

/// Leaves out the points that move a line by less than `tolerance` (Douglas and Peucker).
fn simplify(points: &[Point], tolerance: f64) -> Vec<Point> {
    if points.len() < 3 {
        return points.to_vec();
    }
    let mut keep = vec![false; points.len()];
    keep[0] = true;
    keep[points.len() - 1] = true;
    let mut open = vec![(0, points.len() - 1)];
    while let Some((first, last)) = open.pop() {
        let (a, b) = (points[first], points[last]);
        // To the segment, not to its line: a curve may turn back beyond the ends.
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let distance = |p: Point| {
            let along = ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / (dx * dx + dy * dy).max(1e-18);
            let along = along.clamp(0.0, 1.0);
            (p.0 - a.0 - along * dx).hypot(p.1 - a.1 - along * dy)
        };
        let farthest = (first + 1..last)
            .map(|index| (index, distance(points[index])))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((index, distance)) = farthest
            && distance > tolerance
        {
            keep[index] = true;
            open.push((first, index));
            open.push((index, last));
        }
    }
    points.iter().zip(keep).filter(|(_, keep)| *keep).map(|(point, _)| *point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(f: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..=100).map(|k| f64::from(k) / 10.0).map(|t| (t, f(t))).collect()
    }

    /// The values of an attribute, in order.
    fn attributes(svg: &str, element: &str, name: &str) -> Vec<String> {
        svg.lines()
            .filter(|line| line.starts_with(&format!("<{element} ")))
            .filter_map(|line| line.split_once(&format!(" {name}=\"")))
            .filter_map(|(_, rest)| rest.split_once('"'))
            .map(|(value, _)| value.to_owned())
            .collect()
    }

    fn points(polyline: &str) -> Vec<Point> {
        polyline
            .split(' ')
            .filter_map(|pair| pair.split_once(','))
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_point_that_is_not_finite_breaks_a_line() {
        let mut data = sampled(f64::sin);
        data[30].1 = f64::NAN;
        data[60].1 = f64::INFINITY;
        data[61].0 = f64::NEG_INFINITY;
        let svg = Plot::new("gap").line(Role::State, "x", &data).to_svg();
        assert_eq!(attributes(&svg, "polyline", "points").len(), 3);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_an_empty_pair_of_axes() {
        let nothing: &[(f64, f64)] = &[];
        let not_finite = [(f64::NAN, f64::INFINITY)];
        for data in [nothing, &not_finite, &[(1.0, 2.0)], &[(0.0, 3.0), (1.0, 3.0)], &[(2.0, -1.0)]]
        {
            for plot in [
                Plot::new("linear").line(Role::Output, "y", data).points(Role::State, "x", data),
                Plot::new("logarithmic").log_x().log_y().line(Role::Step, "Δ", data),
                Plot::new("equal").equal_aspect().stems(Role::Input, "u", data),
                Plot::new("bare").bare().line(Role::Ink, "", data).arrows_along(3),
                Plot::new("tiny").size(3.0, 2.0).title("title").y_label("y").line(
                    Role::Ink,
                    "long name",
                    data,
                ),
            ] {
                let svg = plot.to_svg();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                for (columns, rows) in [(0, 0), (1, 1), (80, 24)] {
                    plot.to_terminal(columns, rows);
                }
            }
        }
    }

    #[test]
    fn names_that_would_collide_move_apart_and_stay_inside() {
        for level in [-1.0, 0.0, 1.0] {
            let mut plot = Plot::new("crowd").x_label("t").y_range(-1.0, 1.0);
            for index in 0..7 {
                let value = level * (1.0 - 0.001 * f64::from(index));
                plot = plot.line(Role::State, format!("x_{index}"), &[(0.0, 0.0), (1.0, value)]);
            }
            let svg = plot.to_svg();
            let mut heights: Vec<f64> = svg
                .lines()
                .filter(|line| line.starts_with("<text") && line.contains("--ssm-x"))
                .map(|line| attributes(line, "text", "y")[0].parse().unwrap())
                .collect();
            heights.sort_by(f64::total_cmp);
            assert_eq!(heights.len(), 7);
            assert!(heights.windows(2).all(|pair| pair[1] - pair[0] > 16.0), "{heights:?}");
            assert!(heights[0] > 10.0 && heights[6] < 350.0, "{heights:?}");
        }
    }

    #[test]
    fn what_lies_outside_the_range_is_cut_off() {
        let plot = Plot::new("cut").x_range(2.0, 8.0).y_range(-0.5, 0.5).line(
            Role::State,
            "",
            &sampled(f64::sin),
        );
        let svg = plot.to_svg();
        let drawing =
            Drawing::new(&plot, Frame { left: 0.0, top: 0.0, width: 640.0, height: 360.0 });
        let lines = attributes(&svg, "polyline", "points");
        assert!(lines.len() > 1);
        for (x, y) in lines.iter().flat_map(|line| points(line)) {
            assert!((drawing.left - 0.01..=drawing.right + 0.01).contains(&x), "{x}");
            assert!((drawing.top - 0.01..=drawing.bottom + 0.01).contains(&y), "{y}");
        }
    }

    #[test]
    fn circles_stay_round_when_the_aspect_is_equal() {
        let circle: Vec<(f64, f64)> = (0..=100)
            .map(|k| f64::from(k) / 100.0 * 2.0 * std::f64::consts::PI)
            .map(f64::sin_cos)
            .collect();
        let svg =
            Plot::new("round").equal_aspect().x_label("Re z").line(Role::Ink, "", &circle).to_svg();
        let seen = points(&attributes(&svg, "polyline", "points")[0]);
        let extent = |values: Vec<f64>| {
            values.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b))
                - values.iter().fold(f64::INFINITY, |a, b| a.min(*b))
        };
        let width = extent(seen.iter().map(|point| point.0).collect());
        let height = extent(seen.iter().map(|point| point.1).collect());
        assert!((width - height).abs() < 0.5, "{width} x {height}");
    }

    #[test]
    fn leaving_points_out_moves_a_line_by_less_than_the_tolerance() {
        let full: Vec<Point> =
            sampled(|t| 50.0 * t.sin()).into_iter().map(|(t, y)| (20.0 * t, y)).collect();
        let short = simplify(&full, 0.5);
        assert!(short.len() < full.len() && short.len() > 10);
        for point in &full {
            let distance = short
                .windows(2)
                .map(|pair| {
                    let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
                    let along = ((point.0 - pair[0].0) * dx + (point.1 - pair[0].1) * dy)
                        / (dx * dx + dy * dy);
                    let along = along.clamp(0.0, 1.0);
                    (point.0 - pair[0].0 - along * dx).hypot(point.1 - pair[0].1 - along * dy)
                })
                .fold(f64::INFINITY, f64::min);
            assert!(distance < 0.51, "{distance}");
        }
    }

    #[test]
    fn a_terminal_plot_fits_and_names_its_series() {
        let plot = Plot::new("two curves")
            .x_label("t")
            .y_label("x")
            .line(Role::State, "x_1", &sampled(f64::sin))
            .line(Role::State, "x_2", &sampled(f64::cos));
        let text = plot.to_terminal(72, 18);
        assert_eq!(text.lines().count(), 18);
        assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
        for word in ["x₁", "x₂", "┬ t", "-0.5", "┤", "10"] {
            assert!(text.contains(word), "{word} in\n{text}");
        }
    }

    #[test]
    fn each_series_in_the_terminal_has_its_own_density_of_dots() {
        let dots = |text: &str| -> u32 {
            text.chars()
                .filter(|c| ('\u{2800}'..='\u{28ff}').contains(c))
                .map(|c| (c as u32 - 0x2800).count_ones())
                .sum()
        };
        let flat = sampled(|_| 1.0);
        let alone = |role| dots(&Plot::new("").line(role, "", &flat).to_terminal(60, 10));
        let (state, output, reference) =
            (alone(Role::State), alone(Role::Output), alone(Role::Reference));
        assert!(output > state && state > 2 * reference, "{output} {state} {reference}");
        let twice =
            Plot::new("").line(Role::State, "", &flat).line(Role::State, "", &sampled(|_| 2.0));
        let second = dots(&twice.to_terminal(60, 10)) - state;
        assert!(second < state, "{second} {state}");
    }

    #[test]
    fn names_in_the_terminal_have_a_row_each_and_keep_their_order() {
        for level in [-1.0, 0.0, 1.0] {
            let mut plot = Plot::new("crowd").y_range(-1.0, 1.0);
            for index in 0..5 {
                let value = level * (1.0 - 0.001 * f64::from(index));
                plot = plot.line(Role::State, format!("x_{index}"), &[(0.0, 0.0), (1.0, value)]);
            }
            let text = plot.to_terminal(60, 12);
            let names: Vec<&str> = text
                .lines()
                .flat_map(|line| line.split_whitespace())
                .filter(|word| word.starts_with('x'))
                .collect();
            // Upwards where the last lines end lower, downwards where they end higher.
            let mut expected = vec!["x₀", "x₁", "x₂", "x₃", "x₄"];
            if level < 0.0 {
                expected.reverse();
            }
            assert_eq!(names, expected, "{text}");
        }
    }

    #[test]
    fn marks_become_unicode_in_the_terminal() {
        assert_eq!(terminal::plain("x_{k-1}"), "xₖ₋₁");
        assert_eq!(terminal::plain("$e^{At}$"), "eᴬᵗ");
        assert_eq!(terminal::plain("10^{-3}"), "10⁻³");
        assert_eq!(terminal::plain("λ_{max}"), "λ_(max)");
        assert_eq!(terminal::plain("x_"), "x_");
        assert_eq!(terminal::plain(r"\x{x_{k-1}} + \u{u_k}"), "xₖ₋₁ + uₖ");
    }

    #[test]
    fn panels_share_one_picture() {
        let plot = || Plot::new("panel").title("title").line(Role::State, "x", &sampled(f64::sin));
        for count in 0..6 {
            let plots: Vec<Plot> = (0..count).map(|_| plot()).collect();
            let svg = panels(&plots);
            assert_eq!(svg.matches("<svg").count(), 1);
            assert_eq!(svg.matches("title</text>").count(), count);
        }
    }
}
