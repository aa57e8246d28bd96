//! A small canvas that writes SVG: the ink of every figure of the book.
//!
//! Colour is meaning, and each meaning has a second channel that survives print and colour
//! blindness. Both live in [`Role`], so that a figure cannot paint a state in the colour of an
//! input. Colours are CSS variables with the light colour as fallback, so the same file follows
//! the theme of the page it is inlined in, and stands alone in a light or a dark window.
//!
//! ```
//! use workbench::svg::{Anchor, Canvas, Role};
//!
//! let mut canvas = Canvas::new(640.0, 120.0, "The state halves at every step");
//! for k in 0..6 {
//!     let x = 60.0 + 100.0 * f64::from(k);
//!     canvas.stem(Role::Input, (x, 90.0), (x, 90.0 - 64.0 * 0.5_f64.powi(k)));
//! }
//! canvas.text(Role::State, (620.0, 110.0), Anchor::End, "x_{k+1} = x_k / 2");
//! let svg = canvas.finish();
//! assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
//! ```

use std::fmt::Write as _;

/// Size of labels, in units of a figure 640 wide.
pub const LABEL_SIZE: f64 = 17.0;
/// Size of the numbers along an axis.
pub const TICK_SIZE: f64 = 15.0;
/// The smallest text that is still read on a phone.
pub const SMALLEST_SIZE: f64 = 13.0;

/// Letters of symbols, as the page's mathematics sets them; a picture opened alone has no such font.
const LETTER_FONT: &str = "KaTeX_Math, 'STIX Two Text', 'Times New Roman', serif";
/// Digits, signs and Greek capitals among them.
const SIGN_FONT: &str = "KaTeX_Main, 'STIX Two Text', 'Times New Roman', serif";
/// Symbols are drawn this much larger than words: their letters are small for their size.
const SYMBOL_SCALE: f64 = 1.14;
/// Size of a sub- or superscript relative to its symbol.
const SCRIPT_SCALE: f64 = 0.72;

/// What a mark means; gives it its colour and its second channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The input u: stems with round heads.
    Input,
    /// The state x: a thin line.
    State,
    /// The output y: a thick line.
    Output,
    /// The step Δ: tick marks.
    Step,
    /// Axes, arrows and words: plain ink.
    Ink,
    /// What something is compared with: dashed ink.
    Reference,
}

impl Role {
    /// The colour: a CSS variable, with the light theme's colour where none is set.
    pub fn colour(self) -> &'static str {
        match self {
            Role::Input => "var(--ssm-u, #005f9e)",
            Role::State => "var(--ssm-x, #a33f00)",
            Role::Output => "var(--ssm-y, #00695c)",
            Role::Step => "var(--ssm-delta, #8a2f73)",
            Role::Ink | Role::Reference => "var(--ssm-ink, #1c1c1c)",
        }
    }

    /// Width of the role's line.
    pub fn width(self) -> f64 {
        match self {
            Role::Input => 2.0,
            Role::State => 1.6,
            Role::Output => 3.4,
            Role::Step => 1.6,
            Role::Ink => 1.4,
            Role::Reference => 1.5,
        }
    }

    /// A pen of this role with another width.
    pub fn wide(self, width: f64) -> Pen {
        Pen::from(self).wide(width)
    }

    /// A pen of this role, see-through.
    pub fn opacity(self, opacity: f64) -> Pen {
        Pen::from(self).opacity(opacity)
    }

    /// A pen of this role that fills and draws no outline.
    pub fn filled(self) -> Pen {
        Pen::from(self).filled()
    }

    /// A pen of this role that fills with a tint and draws the outline.
    pub fn tinted(self, opacity: f64) -> Pen {
        Pen::from(self).tinted(opacity)
    }

    /// A pen of this role that fills with the colour of the page and draws the outline.
    pub fn hollow(self) -> Pen {
        Pen::from(self).hollow()
    }

    /// A dashed pen of this role.
    pub fn dashed(self) -> Pen {
        Pen::from(self).dashed()
    }

    /// A pen of this role that writes text of another size.
    pub fn size(self, size: f64) -> Pen {
        Pen::from(self).size(size)
    }
}

/// How the inside of a shape is painted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fill {
    None,
    Solid,
    Tint(f64),
    Page,
}

/// A role with the details of one mark: width, dashes, opacity, fill, size of text.
///
/// Wherever a drawing function asks for a pen, a bare [`Role`] will do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    role: Role,
    width: f64,
    opacity: f64,
    dashed: bool,
    fill: Fill,
    size: f64,
    bold: bool,
    halo: bool,
}

impl From<Role> for Pen {
    fn from(role: Role) -> Self {
        Pen {
            role,
            width: role.width(),
            opacity: 1.0,
            dashed: role == Role::Reference,
            fill: Fill::None,
            size: LABEL_SIZE,
            bold: false,
            halo: false,
        }
    }
}

impl Pen {
    /// What the mark means.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Width of the line.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Size of text.
    pub fn text_size(&self) -> f64 {
        self.size
    }

    /// Sets the width of the line.
    pub fn wide(mut self, width: f64) -> Self {
        self.width = width;
        self
    }

    /// Sets the opacity, from 0 (nothing) to 1.
    pub fn opacity(mut self, opacity: f64) -> Self {
        self.opacity = opacity;
        self
    }

    /// Draws dashes.
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    /// Draws an unbroken line, whatever the role.
    pub fn solid(mut self) -> Self {
        self.dashed = false;
        self
    }

    /// Fills with the colour and draws no outline.
    pub fn filled(mut self) -> Self {
        self.fill = Fill::Solid;
        self
    }

    /// Fills with the colour at `opacity`, and draws the outline.
    pub fn tinted(mut self, opacity: f64) -> Self {
        self.fill = Fill::Tint(opacity);
        self
    }

    /// Fills with the colour of the page, and draws the outline.
    pub fn hollow(mut self) -> Self {
        self.fill = Fill::Page;
        self
    }

    /// Sets the size of text.
    pub fn size(mut self, size: f64) -> Self {
        self.size = size;
        self
    }

    /// Writes bold text.
    pub fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// Surrounds text with the colour of the page, so that it stays readable over a line.
    pub fn halo(mut self) -> Self {
        self.halo = true;
        self
    }

    fn stroke(&self) -> String {
        let mut attributes =
            format!(" stroke=\"{}\" stroke-width=\"{}\"", self.role.colour(), number(self.width));
        if self.dashed {
            let (dash, gap) = (3.2 * self.width.max(1.2), 2.6 * self.width.max(1.2));
            let _ = write!(attributes, " stroke-dasharray=\"{} {}\"", number(dash), number(gap));
        }
        attributes + &self.see_through()
    }

    fn see_through(&self) -> String {
        if self.opacity < 1.0 {
            format!(" opacity=\"{}\"", number(self.opacity))
        } else {
            String::new()
        }
    }

    /// Attributes of an open line: stroked, never filled.
    fn line_attributes(&self) -> String {
        format!(" fill=\"none\"{}", self.stroke())
    }

    /// Attributes of a closed shape: as its fill says.
    fn shape_attributes(&self) -> String {
        match self.fill {
            Fill::None => self.line_attributes(),
            Fill::Solid => format!(" fill=\"{}\"{}", self.role.colour(), self.see_through()),
            Fill::Page => format!(" fill=\"var(--bg, #ffffff)\"{}", self.stroke()),
            Fill::Tint(opacity) => format!(
                " fill=\"{}\" fill-opacity=\"{}\"{}",
                self.role.colour(),
                number(opacity),
                self.stroke()
            ),
        }
    }
}

/// Which end of a text sits at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins at the point.
    Start,
    /// The text is centred on the point.
    Middle,
    /// The text ends at the point.
    End,
}

/// A point of the canvas: x to the right, y downwards, from the upper left corner.
pub type Point = (f64, f64);

/// A picture under construction.
#[derive(Debug, Clone)]
pub struct Canvas {
    width: f64,
    height: f64,
    label: String,
    body: String,
}

impl Canvas {
    /// An empty picture; `label` is the conclusion that a screen reader speaks.
    pub fn new(width: f64, height: f64, label: impl Into<String>) -> Self {
        Canvas { width, height, label: label.into(), body: String::new() }
    }

    /// Width of the picture.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Height of the picture.
    pub fn height(&self) -> f64 {
        self.height
    }

    /// A straight line.
    pub fn line(&mut self, pen: impl Into<Pen>, from: Point, to: Point) -> &mut Self {
        let pen = pen.into();
        if finite(&[from, to]) {
            self.element(format!(
                "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"{}/>",
                number(from.0),
                number(from.1),
                number(to.0),
                number(to.1),
                pen.line_attributes()
            ));
        }
        self
    }

    /// A line through points; a point that is not finite breaks it.
    pub fn polyline(&mut self, pen: impl Into<Pen>, points: &[Point]) -> &mut Self {
        let pen = pen.into();
        for run in points.split(|point| !finite(&[*point])) {
            if run.len() > 1 {
                self.element(format!(
                    "<polyline points=\"{}\"{}/>",
                    coordinates(run),
                    pen.line_attributes()
                ));
            }
        }
        self
    }

    /// A closed shape.
    pub fn polygon(&mut self, pen: impl Into<Pen>, points: &[Point]) -> &mut Self {
        let pen = pen.into();
        if points.len() > 2 && finite(points) {
            self.element(format!(
                "<polygon points=\"{}\"{}/>",
                coordinates(points),
                pen.shape_attributes()
            ));
        }
        self
    }

    /// A path in SVG's own words (`M`, `L`, `C`, `A`, `Z`).
    pub fn path(&mut self, pen: impl Into<Pen>, data: &str) -> &mut Self {
        let pen = pen.into();
        self.element(format!("<path d=\"{}\"{}/>", escape(data), pen.shape_attributes()));
        self
    }

    /// A circle: an outline, or as the pen fills it.
    pub fn circle(&mut self, pen: impl Into<Pen>, centre: Point, radius: f64) -> &mut Self {
        let pen = pen.into();
        if finite(&[centre, (radius, radius)]) {
            self.element(format!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>",
                number(centre.0),
                number(centre.1),
                number(radius.abs()),
                pen.shape_attributes()
            ));
        }
        self
    }

    /// A filled dot.
    pub fn dot(&mut self, pen: impl Into<Pen>, centre: Point, radius: f64) -> &mut Self {
        self.circle(pen.into().filled(), centre, radius)
    }

    /// A rectangle by its upper left corner and its size; `rounded` is the radius of its corners.
    pub fn rect(
        &mut self,
        pen: impl Into<Pen>,
        corner: Point,
        size: (f64, f64),
        rounded: f64,
    ) -> &mut Self {
        let pen = pen.into();
        if finite(&[corner, size]) {
            let corners =
                if rounded > 0.0 { format!(" rx=\"{}\"", number(rounded)) } else { String::new() };
            self.element(format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{corners}{}/>",
                number(corner.0),
                number(corner.1),
                number(size.0.max(0.0)),
                number(size.1.max(0.0)),
                pen.shape_attributes()
            ));
        }
        self
    }

    /// A straight line that ends in a head.
    pub fn arrow(&mut self, pen: impl Into<Pen>, from: Point, to: Point) -> &mut Self {
        let pen = pen.into();
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if !length.is_finite() || length < 1e-9 {
            return self;
        }
        let direction = (dx / length, dy / length);
        let head = head_length(pen.width).min(length);
        let neck = (to.0 - 0.8 * head * direction.0, to.1 - 0.8 * head * direction.1);
        if length > head {
            self.line(pen, from, neck);
        }
        self.arrow_head(pen, to, direction, head)
    }

    /// The head of an arrow alone, its tip at `tip`, pointing along `direction`.
    pub fn head(&mut self, pen: impl Into<Pen>, tip: Point, direction: (f64, f64)) -> &mut Self {
        let pen = pen.into();
        self.arrow_head(pen, tip, direction, head_length(pen.width))
    }

    fn arrow_head(
        &mut self,
        pen: Pen,
        tip: Point,
        direction: (f64, f64),
        length: f64,
    ) -> &mut Self {
        let norm = direction.0.hypot(direction.1);
        if !norm.is_finite() || norm < 1e-12 {
            return self;
        }
        let (dx, dy) = (direction.0 / norm, direction.1 / norm);
        let half = 0.42 * length;
        let at = |along: f64, across: f64| {
            (tip.0 - along * dx - across * dy, tip.1 - along * dy + across * dx)
        };
        let corners = [tip, at(length, half), at(0.78 * length, 0.0), at(length, -half)];
        self.polygon(pen.filled(), &corners)
    }

    /// A stem with a round head: one sample of an input.
    pub fn stem(&mut self, pen: impl Into<Pen>, foot: Point, head: Point) -> &mut Self {
        let pen = pen.into();
        self.line(pen.solid(), foot, head);
        self.dot(pen, head, 1.5 + 1.4 * pen.width)
    }

    /// Stems from the height `base` to each point.
    pub fn stems(&mut self, pen: impl Into<Pen>, base: f64, points: &[Point]) -> &mut Self {
        let pen = pen.into();
        for &(x, y) in points {
            if finite(&[(x, y)]) {
                self.stem(pen, (x, base), (x, y));
            }
        }
        self
    }

    /// Short marks across a line, `every` units apart: the second channel of Δ.
    pub fn ticks(&mut self, pen: impl Into<Pen>, points: &[Point], every: f64) -> &mut Self {
        let pen = pen.into();
        let half = 2.0 + 1.6 * pen.width;
        for (at, (dx, dy)) in along(points, every) {
            self.line(
                pen.solid(),
                (at.0 - half * dy, at.1 + half * dx),
                (at.0 + half * dy, at.1 - half * dx),
            );
        }
        self
    }

    /// Text with its baseline at `at`.
    ///
    /// A letter alone is a symbol and set in italics, a longer run is a word. `_` and `^` set
    /// sub- and superscripts, of one character or of a group in braces; between `$` signs every
    /// letter is a symbol: `x_k`, `e^{At}`, `u_{k-1}`, `$Ax$`, `spiral`. Combining characters set
    /// accents: `Ā`, `B̄`, `x̂`, `x̃`, `ẋ`. The book's macros colour a symbol: `\u{u_k}`, `\x{x_k}`,
    /// `\y{y_k}`, `\step{Δ}`.
    pub fn text(
        &mut self,
        pen: impl Into<Pen>,
        at: Point,
        anchor: Anchor,
        text: &str,
    ) -> &mut Self {
        let pen = pen.into();
        if !finite(&[at]) || text.trim().is_empty() {
            return self;
        }
        let runs = runs(text);
        // The width of an accent differs from font to font. Where every width is known, each
        // stretch has its own place, so that an accent moves nothing behind it.
        let accented = runs.iter().any(|run| run.shift < 0.0) && runs.iter().all(|run| run.symbol);
        let width = pen.size * runs.iter().map(Run::width).sum::<f64>();
        let (x, anchor, start) = match anchor {
            Anchor::Start => (at.0, "", Some(at.0)),
            Anchor::Middle if accented => (at.0 - 0.5 * width, "", Some(at.0 - 0.5 * width)),
            Anchor::End if accented => (at.0 - width, "", Some(at.0 - width)),
            Anchor::Middle => (at.0, " text-anchor=\"middle\"", None),
            Anchor::End => (at.0, " text-anchor=\"end\"", None),
        };
        let bold = if pen.bold { " font-weight=\"600\"" } else { "" };
        let place = format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{anchor}{bold}",
            number(x),
            number(at.1),
            number(pen.size)
        );
        let spans = spans(&runs, pen.size, start.filter(|_| accented));
        if pen.halo {
            // A text of its own: a halo around one stretch would cover the end of the last.
            let page = "var(--bg, #ffffff)";
            self.element(format!(
                "{place} fill=\"{page}\" stroke=\"{page}\" stroke-width=\"4\" aria-hidden=\"true\">{spans}</text>"
            ));
        }
        self.element(format!(
            "{place} fill=\"{}\"{}>{spans}</text>",
            pen.role.colour(),
            pen.see_through(),
        ));
        self
    }

    /// The finished picture: one element a line, no blank lines, a line break at the end.
    pub fn finish(&self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" \
             aria-label=\"{}\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\n{ALONE}\n{}</svg>\n",
            number(self.width),
            number(self.height),
            escape(&self.label),
            self.body
        )
    }

    fn element(&mut self, element: String) {
        self.body.push_str(&element);
        self.body.push('\n');
    }
}

/// Colours and fonts of a picture opened alone. `svg:root` is no selector of an inlined picture:
/// there the page decides.
const ALONE: &str = "<style>svg:root{font-family:'Source Sans 3','Helvetica Neue',Arial,sans-serif}\
    @media (prefers-color-scheme:dark){svg:root{color-scheme:dark;--bg:#0d1117;--ssm-u:#58b2f5;\
    --ssm-x:#ffa057;--ssm-y:#4fd6a8;--ssm-delta:#f0a6d4;--ssm-ink:#e6e6e6}}</style>";

fn head_length(width: f64) -> f64 {
    5.0 + 2.6 * width
}

fn finite(points: &[Point]) -> bool {
    points.iter().all(|(x, y)| x.is_finite() && y.is_finite())
}

fn coordinates(points: &[Point]) -> String {
    let mut text = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let gap = if index > 0 { " " } else { "" };
        let _ = write!(text, "{gap}{},{}", number(*x), number(*y));
    }
    text
}

/// At most two decimals, without trailing zeros and without a negative zero.
///
/// ```
/// use workbench::svg::number;
/// assert_eq!([number(-0.001), number(1.5), number(2.0), number(1.0 / 3.0)], ["0", "1.5", "2", "0.33"]);
/// ```
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Replaces what XML reserves.
///
/// ```
/// assert_eq!(workbench::svg::escape("a < \"b\" & c"), "a &lt; &quot;b&quot; &amp; c");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Points `every` units apart along a line, each with the direction of the line there; the first
/// one half a spacing from the start.
pub fn along(points: &[Point], every: f64) -> Vec<(Point, (f64, f64))> {
    let mut marks = Vec::new();
    if every.is_nan() || every <= 0.0 {
        return marks;
    }
    let mut wait = 0.5 * every;
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if !finite(pair) {
            wait = 0.5 * every;
            continue;
        }
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        if length == 0.0 {
            continue;
        }
        let direction = ((to.0 - from.0) / length, (to.1 - from.1) / length);
        let mut walked = wait;
        while walked <= length {
            marks.push(((from.0 + walked * direction.0, from.1 + walked * direction.1), direction));
            walked += every;
        }
        wait = walked - length;
    }
    marks
}

/// How a stretch of text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Style {
    /// Whether every letter is a symbol.
    mathematics: bool,
    /// Size relative to the text.
    scale: f64,
    /// Height of the baseline above that of the text, in its sizes.
    raised: f64,
    /// A colour of its own.
    role: Option<Role>,
}

/// A stretch of text in one font, at one height, in one colour.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    text: String,
    symbol: bool,
    italic: bool,
    style: Style,
    /// Move to the right before the stretch, in sizes of the text.
    shift: f64,
}

impl Run {
    /// The room it takes with the shift before it, in sizes of the text.
    fn width(&self) -> f64 {
        let width = |c| {
            if self.symbol { SYMBOL_SCALE * symbol_width(c) } else { word_width(c) }
        };
        self.shift + self.style.scale * self.text.chars().map(width).sum::<f64>()
    }
}

/// Splits marked text into stretches of one font and height.
fn runs(text: &str) -> Vec<Run> {
    let characters: Vec<char> = text.chars().collect();
    let mut typesetter = Typesetter::default();
    let style = Style { mathematics: false, scale: 1.0, raised: 0.0, role: None };
    typesetter.split(&characters, style);
    typesetter.runs
}

#[derive(Default)]
struct Typesetter {
    runs: Vec<Run>,
    /// A shift that waits for the next stretch: the rest of the letter under an accent.
    pending: f64,
    /// Another one: the overhang of an italic letter, which a subscript tucks under.
    overhang: f64,
}

impl Typesetter {
    /// Sets marked characters; a script is set by the same rules, smaller and higher or lower.
    fn split(&mut self, characters: &[char], mut style: Style) {
        let mut position = 0;
        while position < characters.len() {
            let mark = characters[position];
            if mark == '$' {
                style.mathematics = !style.mathematics;
                position += 1;
            } else if matches!(mark, '_' | '^') && position + 1 < characters.len() {
                if mark == '_' {
                    self.overhang = 0.0;
                }
                let (from, to, next) = group(characters, position + 1);
                let script = Style {
                    mathematics: true,
                    scale: style.scale * SCRIPT_SCALE,
                    raised: style.raised + style.scale * if mark == '_' { -0.22 } else { 0.38 },
                    ..style
                };
                self.split(&characters[from..to], script);
                position = next;
            } else if let Some((role, start)) = coloured(characters, position) {
                let (from, to, next) = group(characters, start);
                let role = Some(role);
                self.split(&characters[from..to], Style { mathematics: true, role, ..style });
                position = next;
            } else {
                let end = (position + 1..characters.len())
                    .find(|&end| {
                        matches!(characters[end], '$' | '_' | '^')
                            || coloured(characters, end).is_some()
                    })
                    .unwrap_or(characters.len());
                self.set(&characters[position..end], style);
                position = end;
            }
        }
    }

    /// Sets characters of one height, letter by letter in its font.
    fn set(&mut self, characters: &[char], style: Style) {
        let mathematics = style.mathematics;
        for (index, &character) in characters.iter().enumerate() {
            let before = index.checked_sub(1).map(|i| characters[i]);
            let after = characters.get(index + 1).copied();
            let in_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            let alone = !in_word(before) && !in_word(after);
            let (letter, above) =
                composed(character).unwrap_or((character, after.and_then(accent)));
            match letter {
                _ if accent(letter).is_some() => continue,
                'a'..='z' | 'A'..='Z' if mathematics || alone => {
                    self.add(letter, true, true, style);
                }
                'α'..='ω' => self.add(letter, true, true, style),
                'Α'..='Ω' => self.add(letter, true, false, style),
                '\'' if !in_word(after) => self.add('′', false, false, style),
                '-' if mathematics => self.add('−', true, false, style),
                '-' if !(in_word(before) && in_word(after)) => self.add('−', false, false, style),
                '‖' => self.add('∥', true, false, style),
                // What the page font may lack: ∞, ≤, ∑, √; in mathematics, every sign and digit.
                '\u{2190}'..='\u{22ff}' => self.add(letter, true, false, style),
                _ => self.add(letter, mathematics, false, style),
            }
            if let Some(accent) = above {
                // It stands over the middle of the letter and, as italics lean, right of it.
                let unit = style.scale * SYMBOL_SCALE;
                let back = 0.5 * (symbol_width(letter) + symbol_width(accent)) - skew(letter);
                let lift = if letter.is_uppercase() { CAPITAL_LIFT } else { 0.0 };
                self.pending = -back * unit;
                self.overhang = 0.0;
                let raised = style.raised + lift * unit;
                self.add(accent, true, false, Style { raised, ..style });
                self.pending = (back - symbol_width(accent)) * unit;
            }
            if self.runs.last().is_some_and(|run| run.italic || above.is_some()) {
                self.overhang = italic_correction(letter) * style.scale * SYMBOL_SCALE;
            }
        }
    }

    /// Appends a character, to the last stretch if nothing changes.
    fn add(&mut self, character: char, symbol: bool, italic: bool, style: Style) {
        let shift = std::mem::take(&mut self.pending) + std::mem::take(&mut self.overhang);
        let same = |last: &Run| {
            (last.symbol, last.italic) == (symbol, italic)
                && (last.style.scale, last.style.raised, last.style.role)
                    == (style.scale, style.raised, style.role)
        };
        match self.runs.last_mut() {
            Some(last) if shift == 0.0 && same(last) => last.text.push(character),
            _ => self.runs.push(Run { text: character.to_string(), symbol, italic, style, shift }),
        }
    }
}

/// The macro for a colour that begins at `start`, and where its group begins.
fn coloured(characters: &[char], start: usize) -> Option<(Role, usize)> {
    [(r"\u{", Role::Input), (r"\x{", Role::State), (r"\y{", Role::Output), (r"\step{", Role::Step)]
        .into_iter()
        .find(|(name, _)| characters[start..].iter().copied().take(name.len()).eq(name.chars()))
        .map(|(name, role)| (role, start + name.len() - 1))
}

/// The script that begins at `start`: where it begins and ends without its braces, and where the
/// text goes on.
fn group(characters: &[char], start: usize) -> (usize, usize, usize) {
    if characters[start] != '{' {
        // An accent belongs to its letter.
        let accented = characters.get(start + 1).is_some_and(|c| accent(*c).is_some());
        let end = start + 1 + usize::from(accented);
        return (start, end, end);
    }
    let mut open = 0;
    for (index, character) in characters.iter().enumerate().skip(start) {
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return (start + 1, index, index + 1);
        }
    }
    (start + 1, characters.len(), characters.len())
}

/// How much higher an accent stands over a capital, in sizes of the symbol.
const CAPITAL_LIFT: f64 = 0.25;

/// The accent that a combining character asks for: bar, hat, tilde, dot.
fn accent(combining: char) -> Option<char> {
    match combining {
        '\u{304}' => Some('\u{2c9}'),
        '\u{302}' => Some('\u{2c6}'),
        '\u{303}' => Some('\u{2dc}'),
        '\u{307}' => Some('\u{2d9}'),
        _ => None,
    }
}

/// A letter and its accent, of a character that is both.
fn composed(character: char) -> Option<(char, Option<char>)> {
    [
        ('\u{304}', "Āāēīōūȳ", "Aaeiouy"),
        ('\u{302}', "Ââĉêĝĥîĵôŝûŵŷẑ", "Aaceghijosuwyz"),
        ('\u{303}', "Ããñõũṽỹ", "Aanouvy"),
        ('\u{307}', "ȧḃċḋėḟġḣṁṅȯṗṙṡṫẇẋẏż", "abcdefghmnoprstwxyz"),
    ]
    .into_iter()
    .find_map(|(combining, composed, letters)| {
        let index = composed.chars().position(|c| c == character)?;
        Some((letters.chars().nth(index)?, accent(combining)))
    })
}

/// How far to the right of a letter's middle its accent stands, in sizes.
fn skew(letter: char) -> f64 {
    match letter {
        'A' => 0.14,
        'C' => 0.083,
        'K' => 0.072,
        'B' => 0.05,
        _ => 0.028,
    }
}

/// How far a letter leans over its right edge, in sizes, where that is worth a space.
fn italic_correction(letter: char) -> f64 {
    match letter {
        'V' | 'Y' => 0.22,
        'F' | 'P' | 'T' | 'W' => 0.14,
        'f' | 'τ' | 'M' | 'N' | 'U' => 0.11,
        'C' | 'H' | 'I' | 'J' | 'K' | 'X' | 'Z' => 0.08,
        'B' | 'E' | 'S' | 'j' | 'γ' => 0.055,
        _ => 0.0,
    }
}

/// Marked text as SVG: plain characters and `tspan` elements; from `start`, each stretch stands at
/// its own place, else one follows the other.
fn spans(runs: &[Run], size: f64, start: Option<f64>) -> String {
    let mut spans = String::new();
    let mut height = 0.0;
    let mut place = start;
    for run in runs {
        let mut attributes = String::new();
        if run.symbol {
            let font = if run.italic { LETTER_FONT } else { SIGN_FONT };
            let _ = write!(attributes, " font-family=\"{font}\"");
            if run.italic {
                attributes.push_str(" font-style=\"italic\"");
            }
        }
        if let Some(role) = run.style.role {
            let _ = write!(attributes, " fill=\"{}\"", role.colour());
        }
        let scale = run.style.scale * if run.symbol { SYMBOL_SCALE } else { 1.0 };
        if scale != 1.0 {
            let _ = write!(attributes, " font-size=\"{}\"", number(size * scale));
        }
        if run.style.raised != height {
            let _ = write!(attributes, " dy=\"{}\"", number(size * (height - run.style.raised)));
            height = run.style.raised;
        }
        if let Some(x) = &mut place {
            let _ = write!(attributes, " x=\"{}\"", number(*x + size * run.shift));
            *x += size * run.width();
        } else if run.shift != 0.0 {
            let _ = write!(attributes, " dx=\"{}\"", number(size * run.shift));
        }
        if attributes.is_empty() {
            spans.push_str(&escape(&run.text));
        } else {
            let _ = write!(spans, "<tspan{attributes}>{}</tspan>", escape(&run.text));
        }
    }
    spans
}

/// About how wide marked text is when set at `size`; a little too wide rather than too narrow.
///
/// ```
/// use workbench::svg::text_width;
/// assert!(text_width("x_k", 16.0) < text_width("spiral", 16.0));
/// ```
pub fn text_width(text: &str, size: f64) -> f64 {
    size * runs(text).iter().map(Run::width).sum::<f64>()
}

/// Width of a letter of the symbol font, in hundredths of its size.
const SMALL_LETTERS: [u8; 26] = [
    53, 43, 44, 52, 47, 49, 48, 58, 35, 42, 53, 30, 88, 60, 49, 51, 45, 46, 47, 37, 58, 49, 72, 58,
    49, 47,
];
const CAPITALS: [u8; 26] = [
    75, 76, 72, 83, 74, 65, 79, 84, 44, 56, 85, 69, 97, 81, 77, 65, 80, 76, 62, 59, 69, 59, 95, 83,
    59, 69,
];

/// Width of a character of the symbol fonts, in sizes.
fn symbol_width(letter: char) -> f64 {
    match letter {
        'a'..='z' => f64::from(SMALL_LETTERS[letter as usize - 'a' as usize]) / 100.0,
        'A'..='Z' => f64::from(CAPITALS[letter as usize - 'A' as usize]) / 100.0,
        ' ' => 0.25,
        '.' | ',' | ':' | ';' | '|' | '\'' => 0.28,
        '(' | ')' | '[' | ']' => 0.39,
        '0'..='9' | '/' | '{' | '}' | '\u{2c6}'..='\u{2dc}' | '∥' | '∗' | '*' => 0.5,
        '→' | '∞' => 1.0,
        'α'..='ω' => 0.6,
        _ => 0.78,
    }
}

/// Width of a character of the page font, in sizes; wide enough for the fonts that replace it.
fn word_width(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' | '′' => 0.26,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' | '·' => 0.33,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.84,
        'A'..='Z' => 0.66,
        '0'..='9' => 0.54,
        '\u{2e80}'..='\u{ffef}' => 1.0,
        _ => 0.55,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> String {
        let mut canvas = Canvas::new(100.0, 40.0, "text");
        canvas.text(Role::Ink.size(10.0), (0.0, 20.0), Anchor::Start, text);
        canvas.finish()
    }

    /// Letters, whether italic, and height, of each stretch.
    fn stretches(text: &str) -> Vec<(String, bool, f64)> {
        runs(text).into_iter().map(|run| (run.text, run.italic, run.style.raised)).collect()
    }

    #[test]
    fn a_letter_alone_is_a_symbol_and_a_longer_run_is_a_word() {
        assert_eq!(
            stretches("x is Ax, $Ax$"),
            [
                ("x".to_owned(), true, 0.0),
                (" is Ax, ".to_owned(), false, 0.0),
                ("Ax".to_owned(), true, 0.0)
            ]
        );
        assert_eq!(stretches("-1, Runge-Kutta")[0].0, "−1, Runge-Kutta");
        assert_eq!(stretches("x'")[1].0, "′");
    }

    #[test]
    fn scripts_return_to_the_baseline() {
        assert_eq!(
            stretches("x_{k-1} + u_k^2"),
            [
                ("x".to_owned(), true, 0.0),
                ("k".to_owned(), true, -0.22),
                ("−1".to_owned(), false, -0.22),
                (" + ".to_owned(), false, 0.0),
                ("u".to_owned(), true, 0.0),
                ("k".to_owned(), true, -0.22),
                ("2".to_owned(), false, 0.38),
            ]
        );
        // Each move down is undone by the next stretch.
        let svg = drawn("x_k = 1");
        assert!(svg.contains("dy=\"2.2\"") && svg.contains("dy=\"-2.2\""), "{svg}");
        // A script of a script is smaller and higher still.
        let nested = runs("e^{A/2^s}");
        let last = &nested[nested.len() - 1];
        assert_eq!(last.text, "s");
        assert!(last.style.scale < 0.6 && last.style.raised > 0.6);
    }

    #[test]
    fn an_accent_takes_no_room() {
        for (plain, accented) in
            [("$A$", "Ā"), ("$B$", "B\u{304}"), ("$x_k$", "x\u{302}_k"), ("$u$", "û")]
        {
            let (plain, accented) = (text_width(plain, 16.0), text_width(accented, 16.0));
            // The shift that ends the accent waits for the next letter: at most half a letter.
            assert!((plain - accented).abs() < 0.5 * 16.0, "{plain} {accented}");
            let followed = text_width("Ā u", 16.0) - text_width("$A$ u", 16.0);
            assert!(followed.abs() < 1e-9, "{followed}");
        }
    }

    #[test]
    fn a_subscript_tucks_under_the_overhang_of_its_letter() {
        assert!(text_width("V_k", 10.0) + 2.0 < text_width("V^k", 10.0));
        assert_eq!(text_width("x_k", 10.0), text_width("x^k", 10.0));
    }

    #[test]
    fn macros_colour_symbols_as_in_the_equations() {
        let svg = drawn(r"\x{x_k} = \step{Δ} \u{u}");
        for colour in ["--ssm-x", "--ssm-delta", "--ssm-u"] {
            assert!(svg.contains(colour), "{svg}");
        }
        assert_eq!(text_width(r"\x{x_k}", 10.0), text_width("x_k", 10.0));
        // An unknown macro is text.
        assert_eq!(runs(r"\q{a}")[0].text, r"\");
    }

    #[test]
    fn unfinished_marks_are_text() {
        for text in ["x_", "^", "x_{k", "$x", "{", "", "e^{", "x_}", r"\x{", r"\x{a"] {
            drawn(text);
            assert!(text_width(text, 10.0) >= 0.0);
        }
    }

    #[test]
    fn a_picture_is_well_formed_and_without_blank_lines() {
        let mut canvas = Canvas::new(200.0, 100.0, "a < b & \"c\"\nd");
        canvas
            .line(Role::Ink, (0.0, -0.001), (f64::NAN, 1.0))
            .line(Role::Reference, (0.0, -0.001), (1.0, 1.0))
            .polyline(Role::State, &[(0.0, 0.0), (1.0, 1.0), (f64::NAN, 0.0), (2.0, 2.0)])
            .arrow(Role::Step, (0.0, 0.0), (0.0, 0.0))
            .circle(Role::Output.hollow(), (5.0, 5.0), 3.0)
            .rect(Role::Input.tinted(0.2), (1.0, 1.0), (f64::INFINITY, 2.0), 0.0)
            .text(Role::Ink, (10.0, 10.0), Anchor::Middle, "x < y & \"z\"");
        let svg = canvas.finish();
        assert!(!svg.contains("\n\n") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!svg.contains("\"-0\"") && !svg.contains("-0 "), "{svg}");
        assert!(svg.contains("aria-label=\"a &lt; b &amp; &quot;c&quot; d\""), "{svg}");
        assert_eq!(svg.matches("<line").count(), 1);
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert_eq!(svg.matches("<rect").count(), 0);
    }

    #[test]
    fn marks_along_a_line_are_equally_far_apart() {
        let corner = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let marks = along(&corner, 5.0);
        let places: Vec<Point> = marks.iter().map(|mark| mark.0).collect();
        assert_eq!(places, [(2.5, 0.0), (7.5, 0.0), (10.0, 2.5), (10.0, 7.5)]);
        assert_eq!(marks[3].1, (0.0, 1.0));
        assert!(along(&corner, 0.0).is_empty());
    }
}
