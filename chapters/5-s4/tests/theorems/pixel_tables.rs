//! What tables know about the next pixel.

use s4::digits::{Digits, PIXELS};
use s4::pixel_tables::to_beat;
use s4::strokes::strokes;

fn pictures(pixel: impl Fn(usize, usize) -> u8, count: usize) -> Digits {
    let pixels = (0..count * PIXELS).map(|i| pixel(i / PIXELS, i % PIXELS)).collect();
    Digits::new(pixels, vec![0; count]).unwrap()
}

#[test]
fn a_table_knows_what_its_context_tells() {
    // Each place has its own grey: only the table of places knows it at once.
    let by_place = pictures(|_, k| (k * k % 251) as u8, 60);
    let nats = to_beat(&by_place, &by_place);
    assert!(nats[1].1 > 4.0 && nats[2].1 < 0.1, "{nats:?}");
    // Each pixel is one more than the last, from a beginning that changes.
    let counting = pictures(|i, k| (17 * i + k) as u8, 60);
    let nats = to_beat(&counting, &counting);
    assert!(nats[1].1 > 5.5 && nats[2].1 > 3.5 && nats[3].1 < 0.1, "{nats:?}");
    // Each pixel is the one above, and the first row is anything.
    let columns =
        pictures(|i, k| (((k % 28) * (i * i + 3) * 2654435761) >> 7) as u8 / 16 * 16, 400);
    let nats = to_beat(&columns, &columns);
    assert!(nats[3].1 > 1.5 && nats[4].1 < 0.25, "{nats:?}");
}

#[test]
fn no_pixel_is_impossible() {
    let white = pictures(|_, _| 0, 20);
    let black = pictures(|_, _| 255, 1);
    for (name, nats) in to_beat(&white, &black) {
        assert!(nats.is_finite() && nats > 5.0, "{name}: {nats}");
    }
    // Nothing learned is nothing known.
    let none = strokes(0, 1);
    for (name, nats) in to_beat(&none, &black) {
        assert!((nats - 256_f64.ln()).abs() < 1e-12, "{name}: {nats}");
    }
}
