//! Rows of digits to look at: in a terminal, as PNG, as SVG.
//!
//! What was given to a model and what it made up are told apart: given pixels have the colour of an input, made-up ones
//! that of an output.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use s4::digits::SIDE;
use workbench::svg::{Anchor, Canvas, LABEL_SIZE, Role, number};

/// What is seen of the pictures of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of them.
    Whole,
    /// So many pixels of each, and nothing of the rest.
    Begun(usize),
    /// All, of which a model was given so many pixels and made up the rest.
    Completed(usize),
}

impl Shown {
    /// Whose a pixel is, or `None` if it is not shown.
    fn role(self, pixel: usize) -> Option<Role> {
        match self {
            Self::Whole => Some(Role::Ink),
            Self::Begun(given) => (pixel < given).then_some(Role::Input),
            Self::Completed(given) => Some(if pixel < given { Role::Input } else { Role::Output }),
        }
    }
}

/// Pictures side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// A word about them, or none.
    pub name: &'a str,
    /// The 784 pixels of each.
    pub images: Vec<&'a [u8]>,
    /// What is seen of them.
    pub shown: Shown,
}

impl<'a> Row<'a> {
    /// A row of whole pictures.
    pub fn whole(name: &'a str, images: Vec<&'a [u8]>) -> Self {
        Self { name, images, shown: Shown::Whole }
    }

    /// A row of pictures of which a model sees so many pixels.
    pub fn begun(name: &'a str, images: Vec<&'a [u8]>, given: usize) -> Self {
        Self { name, images, shown: Shown::Begun(given) }
    }

    /// A row of pictures that a model brought to an end.
    pub fn completed(name: &'a str, images: Vec<&'a [u8]>, given: usize) -> Self {
        Self { name, images, shown: Shown::Completed(given) }
    }

    /// A pixel, or 0 where nothing is shown.
    fn pixel(&self, image: &[u8], row: usize, column: usize) -> (Role, u8) {
        let index = SIDE * row + column;
        match (self.shown.role(index), image.get(index)) {
            (Some(role), Some(&pixel)) if row < SIDE && column < SIDE => (role, pixel),
            _ => (Role::Ink, 0),
        }
    }
}

/// The letter of braille without a dot.
const EMPTY: char = '\u{2800}';
/// From which grey on a pixel is a dot in the terminal.
const DOT: u8 = 96;

/// The pictures in dots of braille: 14 columns and 7 lines each, without colours.
///
/// ```
/// use s4::pictures::{Row, to_terminal};
/// use s4::strokes::Hand;
///
/// let one = Hand::default().write(1);
/// let text = to_terminal(&[Row::whole("a one", vec![&one, &one])]);
/// let lines: Vec<&str> = text.lines().collect();
/// assert_eq!((lines.len(), lines[0]), (8, "a one"));
/// assert_eq!(lines[4].replace('\u{2800}', " "), "      ⢸⡇              ⢸⡇");
/// ```
pub fn to_terminal(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        if !row.name.is_empty() {
            let _ = writeln!(text, "{}", row.name);
        }
        for line in 0..SIDE / 4 {
            let images: Vec<String> =
                row.images.iter().map(|image| braille_line(row, image, line)).collect();
            let line = images.join(&String::from_iter([EMPTY; 2]));
            let _ = writeln!(text, "{}", line.trim_end_matches(EMPTY));
        }
    }
    text
}

/// Four rows of a picture as one line.
fn braille_line(row: &Row, image: &[u8], line: usize) -> String {
    // The bits of a cell's eight dots, by row and column.
    const DOTS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
    let cell = |cell: usize| {
        let mut bits = 0;
        for (y, dots) in DOTS.iter().enumerate() {
            for (x, dot) in dots.iter().enumerate() {
                if row.pixel(image, 4 * line + y, 2 * cell + x).1 >= DOT {
                    bits |= dot;
                }
            }
        }
        // An empty cell is a letter of braille, too: a space may be narrower, and bend what is drawn.
        char::from_u32(EMPTY as u32 + bits).unwrap_or(EMPTY)
    };
    (0..SIDE / 2).map(cell).collect()
}

/// The pictures as a PNG, each pixel a square of `scale` by `scale`, on white paper. Names are not drawn.
///
/// ```
/// use s4::pictures::{Row, to_png};
/// use s4::strokes::Hand;
///
/// let three = Hand::default().write(3);
/// let png = to_png(&[Row::begun("", vec![&three], 392)], 4);
/// assert!(png.starts_with(b"\x89PNG") && png.len() < 2000);
/// ```
pub fn to_png(rows: &[Row], scale: usize) -> Vec<u8> {
    let scale = scale.max(1);
    let cell = SIDE + 2;
    let columns = cell * rows.iter().map(|row| row.images.len()).max().unwrap_or(0).max(1);
    let height = cell * rows.len().max(1);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    // Into memory, which does not fail.
    let mut put = |bytes: &[u8]| drop(packed.write_all(bytes));
    for y in 0..height {
        let mut line = vec![0]; // the kind of a line: as it is
        for x in 0..columns {
            let colour = match rows.get(y / cell) {
                Some(row) => match row.images.get(x / cell) {
                    // One pixel of margin on each side.
                    Some(image) if y % cell > 0 && x % cell > 0 => {
                        let (role, pixel) = row.pixel(image, y % cell - 1, x % cell - 1);
                        on_paper(role, pixel)
                    }
                    _ => [255; 3],
                },
                None => [255; 3],
            };
            (0..scale).for_each(|_| line.extend(colour));
        }
        (0..scale).for_each(|_| put(&line));
    }
    let pixels = packed.finish().unwrap_or_default();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let size = |pixels: usize| ((pixels * scale) as u32).to_be_bytes();
    // Eight bits a colour, red, green and blue, packed and filtered in the usual way, not interlaced.
    chunk(&mut png, b"IHDR", &[&size(columns)[..], &size(height), &[8, 2, 0, 0, 0]].concat());
    chunk(&mut png, b"IDAT", &pixels);
    chunk(&mut png, b"IEND", &[]);
    png
}

/// A grey of a role's ink on white paper.
fn on_paper(role: Role, pixel: u8) -> [u8; 3] {
    let ink = match role {
        Role::Input => [0x00, 0x5f, 0x9e],
        Role::Output => [0x00, 0x69, 0x5c],
        _ => [0x1c, 0x1c, 0x1c],
    };
    ink.map(|colour: u32| (255 - u32::from(pixel) * (255 - colour) / 255) as u8)
}

/// A part of a PNG: its length, its name, its contents, a sum that tells whether they arrived.
fn chunk(png: &mut Vec<u8>, name: &[u8; 4], contents: &[u8]) {
    let mut sum = Crc::new();
    sum.update(name);
    sum.update(contents);
    png.extend((contents.len() as u32).to_be_bytes());
    png.extend(name);
    png.extend(contents);
    png.extend(sum.sum().to_be_bytes());
}

/// Four greys: from which pixel on, and how much of the paper is covered in all.
const GREYS: [(u8, f64); 4] = [(32, 0.25), (96, 0.5), (160, 0.75), (224, 1.0)];

/// The pictures as vectors: four greys, in the colours of the page, light or dark. `label` is what a screen reader says.
///
/// ```
/// use s4::pictures::{Row, to_svg};
/// use s4::strokes::Hand;
///
/// let three = Hand::default().write(3);
/// let svg = to_svg(&[Row::begun("the upper half", vec![&three], 392)], "Half of a three");
/// assert!(svg.contains("aria-label=\"Half of a three\"") && svg.contains("var(--ssm-u") && svg.len() < 4000);
/// ```
pub fn to_svg(rows: &[Row], label: &str) -> String {
    const WIDTH: f64 = 640.0;
    let names: usize = rows.iter().map(|row| usize::from(!row.name.is_empty())).sum();
    let most = rows.iter().map(|row| row.images.len()).max().unwrap_or(0).max(1);
    let side = (WIDTH / most as f64 - 8.0).clamp(28.0, 112.0);
    let (name, step) = (LABEL_SIZE + 10.0, side + 8.0);
    let height = step * rows.len() as f64 + name * names as f64;
    let mut canvas = Canvas::new(WIDTH, height.max(step), label);
    let mut top = 0.0;
    for row in rows {
        if !row.name.is_empty() {
            canvas.text(Role::Ink, (4.0, top + LABEL_SIZE + 2.0), Anchor::Start, row.name);
            top += name;
        }
        for index in 0..row.images.len() {
            let corner = (4.0 + step * index as f64, top + 4.0);
            let frame = Role::Ink.wide(1.0).opacity(0.25);
            canvas.rect(frame, corner, (side, side), 0.0);
            draw_image(&mut canvas, row, index, corner, side / SIDE as f64);
        }
        top += step;
    }
    canvas.finish()
}

/// Draws one of a row's pictures into a larger drawing: its upper left corner, and how large a pixel is.
///
/// From the lightest grey to the darkest, each over the one before: no seams between them.
///
/// ```
/// use s4::pictures::{Row, draw_image};
/// use s4::strokes::Hand;
/// use workbench::svg::Canvas;
///
/// let seven = Hand::default().write(7);
/// let row = Row::whole("", vec![&seven]);
/// let mut canvas = Canvas::new(100.0, 100.0, "A seven");
/// draw_image(&mut canvas, &row, 0, (8.0, 8.0), 3.0);
/// assert_eq!(canvas.finish().matches("<path").count(), 4);
/// ```
pub fn draw_image(canvas: &mut Canvas, row: &Row, index: usize, corner: (f64, f64), pixel: f64) {
    let Some(image) = row.images.get(index) else {
        return;
    };
    for role in [Role::Ink, Role::Input, Role::Output] {
        let mut covered = 0.0;
        for (grey, cover) in GREYS {
            let data = runs(row, image, role, grey, corner, pixel);
            if !data.is_empty() {
                canvas.path(role.filled().opacity((cover - covered) / (1.0 - covered)), &data);
            }
            covered = cover;
        }
    }
}

/// The pixels of one ink from a grey on, as rectangles: neighbours in a row are one.
fn runs(row: &Row, image: &[u8], role: Role, grey: u8, corner: (f64, f64), pixel: f64) -> String {
    let mut data = String::new();
    for y in 0..SIDE {
        let inked = |x: usize| {
            let (whose, value) = row.pixel(image, y, x);
            whose == role && value >= grey
        };
        let mut x = 0;
        while x < SIDE {
            let begin = x;
            while inked(x) {
                x += 1;
            }
            if x > begin {
                let at = (corner.0 + pixel * begin as f64, corner.1 + pixel * y as f64);
                let _ = write!(
                    data,
                    "M{} {}h{}v{}h-{}z",
                    number(at.0),
                    number(at.1),
                    number(pixel * (x - begin) as f64),
                    number(pixel),
                    number(pixel * (x - begin) as f64)
                );
            }
            x += 1;
        }
    }
    data
}

/// Writes the pictures to a file, as its name ends: `.png` or `.svg`.
///
/// # Errors
/// What the system says, or that the name ends otherwise; nothing is written then.
pub fn save(rows: &[Row], label: &str, path: &Path) -> io::Result<()> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("png") => fs::write(path, to_png(rows, 4)),
        Some("svg") => fs::write(path, to_svg(rows, label)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("expected a name that ends in .png or .svg, found {}", path.display()),
        )),
    }
}
