//! What tables know about the next pixel: the number that a model of pixels has to beat.
//!
//! A table counts what came after a context: nothing, the place in the picture, the pixel before and the one above. A
//! context with n pixels seen, d of them different, trusts its own counts with the weight n / (n + d) and leans on the next
//! shorter context for the rest (Witten and Bell, as in chapter 4), so that no pixel is impossible.

use s4::digits::{Digits, PIXELS, SIDE};

const LEVELS: usize = 256;
/// The pixel above is told in so many steps.
const ABOVE: usize = 16;

/// The number of a pixel's context in a picture.
type Context = fn(&[u8], usize) -> usize;

/// The contexts of a pixel, by what is known: all that its number may be, and its number.
const KINDS: [(&str, usize, Context); 4] = [
    ("a table for all pixels", 1, |_, _| 0),
    ("a table for each place", PIXELS, |_, k| k),
    ("tables for the pixel before", LEVELS, |image, k| before(image, k, 1)),
    ("tables for the pixels before and above", LEVELS * ABOVE, |image, k| {
        LEVELS * (before(image, k, SIDE) * ABOVE / LEVELS) + before(image, k, 1)
    }),
];

/// The pixel `back` steps before, or paper.
fn before(image: &[u8], k: usize, back: usize) -> usize {
    k.checked_sub(back).map_or(0, |k| usize::from(image[k]))
}

/// How often each grey came in each context.
struct Table {
    counts: Vec<u32>,
    context: Context,
}

impl Table {
    fn of(digits: &Digits, contexts: usize, context: Context) -> Self {
        let mut counts = vec![0; LEVELS * contexts];
        for image in digits.images() {
            for (k, &pixel) in image.iter().enumerate() {
                counts[LEVELS * context(image, k) + usize::from(pixel)] += 1;
            }
        }
        Self { counts, context }
    }

    /// The probabilities of all greys in each context, leaning on those of a shorter one.
    fn probabilities(&self, shorter: &dyn Fn(usize, usize) -> f64) -> Vec<f64> {
        let contexts = self.counts.chunks_exact(LEVELS).enumerate();
        let lean = |(context, counts): (usize, &[u32])| {
            let seen: f64 = counts.iter().map(|&count| f64::from(count)).sum();
            // An unseen context has only the other opinion.
            let different = counts.iter().filter(|&&count| count > 0).count().max(1) as f64;
            let p = |(grey, &count): (usize, &u32)| {
                (f64::from(count) + different * shorter(context, grey)) / (seen + different)
            };
            counts.iter().enumerate().map(p).collect::<Vec<f64>>()
        };
        contexts.flat_map(lean).collect()
    }

    fn nats(&self, probabilities: &[f64], digits: &Digits) -> f64 {
        let cost = |image: &[u8]| -> f64 {
            let p = |(k, &pixel): (usize, &u8)| {
                probabilities[LEVELS * (self.context)(image, k) + usize::from(pixel)]
            };
            image.iter().enumerate().map(p).map(|p| -p.ln()).sum()
        };
        digits.images().map(cost).sum::<f64>() / (digits.len() * PIXELS).max(1) as f64
    }
}

/// Nats per pixel of the tests for who knows nothing, and for four tables that have counted what there is to learn from.
///
/// Cost O(pixels + contexts · 256).
///
/// ```
/// use s4::pixel_tables::to_beat;
/// use s4::strokes::strokes;
///
/// let nats = to_beat(&strokes(300, 1), &strokes(50, 2));
/// assert_eq!(nats[0], ("knowing nothing", 256_f64.ln()));
/// assert!(nats[1].1 < 2.0 && nats[4].1 < nats[3].1 && nats[3].1 < nats[1].1);
/// ```
pub fn to_beat(train: &Digits, test: &Digits) -> Vec<(&'static str, f64)> {
    let even = 1.0 / LEVELS as f64;
    let mut found = vec![("knowing nothing", -even.ln())];
    let [mut all, mut last] = [const { Vec::new() }; 2];
    for (kind, (name, contexts, context)) in KINDS.into_iter().enumerate() {
        let table = Table::of(train, contexts, context);
        let probabilities = match kind {
            0 => table.probabilities(&|_, _| even),
            1 | 2 => table.probabilities(&|_, grey| all[grey]),
            _ => table.probabilities(&|context, grey| last[LEVELS * (context % LEVELS) + grey]),
        };
        found.push((name, table.nats(&probabilities, test)));
        match kind {
            0 => all = probabilities,
            _ => last = probabilities,
        }
    }
    found
}
