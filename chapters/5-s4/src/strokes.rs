//! Digits that nobody had to download: lines and curves, written by a hand that is never quite the same.
//!
//! Each digit is a few strokes, each stroke a smooth line through a few points ([Catmull and Rom's](spline) spline). A
//! [`Hand`] bends them: slant, size, turn, a slow wobble, the place on the paper, the width of the pen, and habits such as
//! the bar through a seven. What the pen covers is ink, and pixels at its edge are grey.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s4::digits::{CLASSES, Digits, PIXELS, SIDE};

type Point = (f64, f64);

/// How somebody writes, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Hand {
    /// How far the top of a digit leans to the right, in parts of its height.
    pub slant: f64,
    /// By how much the digit is turned, in radians.
    pub turn: f64,
    /// Its width and height, 1 being usual.
    pub size: (f64, f64),
    /// Where its middle is, in pixels from the middle of the paper.
    pub shift: (f64, f64),
    /// Half the width of the pen, in pixels.
    pub pen: f64,
    /// How large the wobble is, in parts of the height.
    pub wobble: f64,
    /// Where in their swing its waves are.
    pub phases: [f64; 4],
    /// Which of a digit's forms it takes.
    pub habit: u32,
}

impl Default for Hand {
    /// A steady hand: upright, in the middle, without a wobble.
    fn default() -> Self {
        Self {
            slant: 0.0,
            turn: 0.0,
            size: (1.0, 1.0),
            shift: (0.0, 0.0),
            pen: 1.2,
            wobble: 0.0,
            phases: [0.0; 4],
            habit: 0,
        }
    }
}

impl Hand {
    /// A hand drawn at random.
    pub fn random(random: &mut ChaCha8Rng) -> Self {
        let mut between = |low: f64, high: f64| low + (high - low) * random.random::<f64>();
        Self {
            slant: between(-0.15, 0.4),
            turn: between(-0.12, 0.12),
            size: (between(0.75, 1.2), between(0.82, 1.05)),
            shift: (between(-1.5, 1.5), between(-1.5, 1.5)),
            pen: between(0.8, 1.7),
            wobble: between(0.0, 0.045),
            phases: [(); 4].map(|()| between(0.0, TAU)),
            habit: random.random_range(0..4),
        }
    }

    /// Where a point of the unit square comes to lie on the paper.
    fn place(&self, (x, y): Point) -> Point {
        let [a, b, c, d] = self.phases;
        let wave = |first: f64, second: f64, along: f64, across: f64| {
            self.wobble * ((4.0 * along + first).sin() + (3.0 * across + second).sin())
        };
        let (x, y) = (x - 0.5 + wave(a, b, y, x), y - 0.5 + wave(c, d, x, y));
        let (x, y) = (self.size.0 * x, self.size.1 * y);
        let x = x - self.slant * y;
        let (sin, cos) = self.turn.sin_cos();
        let (x, y) = (cos * x - sin * y, sin * x + cos * y);
        let middle = SIDE as f64 / 2.0;
        (middle + 20.0 * x + self.shift.0, middle + 20.0 * y + self.shift.1)
    }

    /// The digit as this hand writes it, row by row.
    ///
    /// ```
    /// use s4::strokes::Hand;
    ///
    /// let one = Hand::default().write(1);
    /// let ink = |row: usize| one[28 * row..][..28].iter().filter(|&&pixel| pixel > 127).count();
    /// assert_eq!((ink(0), ink(14)), (0, 2)); // margin above, a stroke of two pixels below
    /// ```
    ///
    /// # Panics
    /// If `digit` is above 9.
    pub fn write(&self, digit: u8) -> [u8; PIXELS] {
        // Each pixel's distance from the nearest stroke.
        let mut distances = [f64::INFINITY; PIXELS];
        for stroke in form(digit, self.habit) {
            let stroke: Vec<Point> = points(stroke).map(|point| self.place(point)).collect();
            for piece in spline(&stroke).windows(2) {
                touch(&mut distances, [piece[0], piece[1]], self.pen + 1.0);
            }
        }
        distances
            .map(|distance| (255.0 * (self.pen + 0.5 - distance).clamp(0.0, 1.0)).round() as u8)
    }
}

/// Lowers the distances of the pixels near a piece of a stroke.
fn touch(distances: &mut [f64; PIXELS], [from, to]: [Point; 2], reach: f64) {
    let pixels = |a: f64, b: f64| {
        let low = (a.min(b) - reach).max(0.0) as usize;
        low..((a.max(b) + reach).max(0.0) as usize + 1).min(SIDE)
    };
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let square = (dx * dx + dy * dy).max(1e-12);
    for row in pixels(from.1, to.1) {
        for column in pixels(from.0, to.0) {
            let (x, y) = (column as f64 + 0.5 - from.0, row as f64 + 0.5 - from.1);
            let along = ((x * dx + y * dy) / square).clamp(0.0, 1.0);
            let distance = (x - along * dx).hypot(y - along * dy);
            let nearest = &mut distances[SIDE * row + column];
            *nearest = nearest.min(distance);
        }
    }
}

/// A smooth line through points, in short straight pieces: Catmull and Rom's spline, closed where the last point is the
/// first.
///
/// ```
/// let line = s4::strokes::spline(&[(0.0, 0.0), (1.0, 2.0), (3.0, 2.0)]);
/// assert!(line.contains(&(1.0, 2.0)) && line.last() == Some(&(3.0, 2.0)));
/// ```
pub fn spline(points: &[Point]) -> Vec<Point> {
    const PIECES: usize = 5;
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let closed = points.len() > 2 && first == last;
    let before = if closed { points[points.len() - 2] } else { first };
    let after = if closed { points[1] } else { last };
    let padded = [&[before], points, &[after]].concat();
    let mut line = vec![first];
    for four in padded.windows(4) {
        let curve = |t: f64, axis: fn(&Point) -> f64| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| axis(&four[i]));
            let cubic = 3.0 * (b - c) + d - a;
            b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * cubic))
        };
        for piece in 1..=PIECES {
            let t = piece as f64 / PIECES as f64;
            line.push((curve(t, |point| point.0), curve(t, |point| point.1)));
        }
    }
    line
}

/// The strokes of a digit: its points in hundredths of the unit square, x to the right and y down. Corners are where one
/// stroke ends and the next begins.
fn form(digit: u8, habit: u32) -> Vec<&'static str> {
    const OVAL: &str = "52 4, 30 14, 20 40, 22 68, 34 90, 52 96, 70 86, 80 60, 78 32, 68 12, 52 4";
    const STEM: &str = "50 4, 50 96";
    const FLAG: &str = "32 24, 50 4";
    const FOOT: &str = "32 96, 68 96";
    const SWAN: &str = "22 28, 30 11, 50 4, 70 12, 75 30, 66 50, 46 72, 20 94";
    const SOLE: &str = "20 94, 50 92, 82 93";
    const LOOP: &str =
        "22 28, 34 8, 56 5, 74 20, 70 44, 48 74, 30 92, 18 86, 28 74, 48 84, 66 95, 84 88";
    const UPPER_BOW: &str = "22 17, 38 6, 58 6, 73 20, 65 39, 42 47";
    const LOWER_BOW: &str = "42 47, 66 52, 79 70, 68 89, 44 96, 20 85";
    const ROOF: &str = "20 7, 76 7";
    const SLOPE: &str = "76 7, 42 45";
    const SAIL: &str = "60 4, 18 64";
    const OPEN_SAIL: &str = "30 5, 24 30, 20 54";
    const BEAM: &str = "18 64, 84 62";
    const OPEN_BEAM: &str = "20 54, 46 56, 70 50";
    const MAST: &str = "60 4, 60 96";
    const OPEN_MAST: &str = "72 8, 70 50, 64 96";
    const CAP: &str = "76 6, 34 7";
    const NECK: &str = "34 7, 28 46";
    const BELLY: &str = "28 46, 48 38, 68 45, 77 65, 68 86, 46 96, 20 87";
    const SIX: &str = "66 5, 45 18, 30 42, 25 68, 34 89, 54 95, 72 82, 70 62, 53 52, 36 58, 26 72";
    const LEG: &str = "78 8, 60 42, 44 96";
    const HAT: &str = "20 10, 48 7, 78 8";
    const BAR: &str = "38 52, 76 48";
    const EIGHT: &str =
        "70 16, 52 4, 32 12, 32 32, 50 47, 70 62, 77 80, 54 96, 28 88, 26 68, 46 50, 68 35, 70 16";
    const HEAD: &str = "72 28, 64 10, 46 5, 28 16, 27 36, 42 49, 62 44, 72 28";
    const STRAIGHT_LEG: &str = "72 28, 70 60, 64 96";
    const HOOK: &str = "72 28, 74 60, 66 88, 46 96, 28 88";
    match (digit, habit) {
        (0, _) => vec![OVAL],
        (1, 0 | 1) => vec![STEM],
        (1, 2) => vec![FLAG, STEM],
        (1, _) => vec![FLAG, STEM, FOOT],
        (2, 0 | 1) => vec![SWAN, SOLE],
        (2, _) => vec![LOOP],
        (3, 0..=2) => vec![UPPER_BOW, LOWER_BOW],
        (3, _) => vec![ROOF, SLOPE, LOWER_BOW],
        (4, 0 | 1) => vec![SAIL, BEAM, MAST],
        (4, _) => vec![OPEN_SAIL, OPEN_BEAM, OPEN_MAST],
        (5, _) => vec![CAP, NECK, BELLY],
        (6, _) => vec![SIX],
        (7, 0..=2) => vec![HAT, LEG],
        (7, _) => vec![HAT, LEG, BAR],
        (8, _) => vec![EIGHT],
        (9, 0 | 1) => vec![HEAD, STRAIGHT_LEG],
        (9, _) => vec![HEAD, HOOK],
        _ => panic!("expected a digit from 0 to 9, found {digit}"),
    }
}

/// The points of a stroke.
fn points(stroke: &str) -> impl Iterator<Item = Point> {
    let hundredths = |number: &str| number.parse().map_or(0.0, |number: f64| number / 100.0);
    let point = move |(x, y)| (hundredths(x), hundredths(y));
    stroke.split(", ").filter_map(move |pair| pair.split_once(' ').map(point))
}

/// So many digits, drawn at random, by hands drawn at random. With the same seed a longer list begins as a shorter one.
///
/// Cost: some microseconds each. The same on every machine, up to the last bit of a sine.
///
/// ```
/// use s4::strokes::strokes;
///
/// let digits = strokes(100, 1);
/// assert_eq!((digits.len(), digits.image(99).len()), (100, 784));
/// assert_eq!(strokes(3, 1), digits.clone().first(3));
/// assert_ne!(strokes(3, 2), digits.first(3));
/// ```
pub fn strokes(count: usize, seed: u64) -> Digits {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut pixels, mut labels) = (Vec::with_capacity(count * PIXELS), Vec::with_capacity(count));
    for _ in 0..count {
        let digit = random.random_range(0..CLASSES as u8);
        pixels.extend(Hand::random(&mut random).write(digit));
        labels.push(digit);
    }
    // All labels are below 10 and all pictures whole: there is no error to report.
    Digits::new(pixels, labels).unwrap_or_default()
}
