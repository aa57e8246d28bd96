//! Exercise `nats_per_pixel` of the page `mnist`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/nats_per_pixel.rs"]
mod blank;
#[path = "../../solutions/nats_per_pixel.rs"]
mod solution;

type Answer = fn(&[Vec<f64>], &[u8]) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("nats_per_pixel", Level::Core, "eight lines", 15)
        .page("5-s4/mnist")
        .hints([
            "What is ln of e^a / (e^a + e^b), without a fraction?",
            "e^1000 is too large for any f64. By which number may all terms of a sum be divided before its logarithm is taken?",
        ])
        .notice(
            "What to notice: a model that gives its pixel the whole mass pays nothing, one that is sure of another pays \
             without bound. Both are one difference of logits.",
        )
        .sources(
            include_str!("../../exercises/nats_per_pixel.rs"),
            include_str!("../../solutions/nats_per_pixel.rs"),
        )
        .answers::<Answer>(
            check,
            blank::nats_per_pixel,
            solution::nats_per_pixel,
            vec![overflows, in_bits, of_the_picture, largest_alone],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let even = vec![vec![0.0; 256]; 3];
    expect_close(
        "for who knows nothing of 256 greys",
        "nats",
        256_f64.ln(),
        answer(&even, &[0, 9, 255]),
        1e-12,
    )?;
    // Two greys of which one is three times as likely, as the model says and as it does not say.
    let odds = vec![vec![3_f64.ln(), 0.0]; 4];
    let expected = (3.0 * (4.0_f64 / 3.0).ln() + 4_f64.ln()) / 4.0;
    expect_close(
        "at odds of 3 to 1 and pixels 0 0 1 0",
        "nats",
        expected,
        answer(&odds, &[0, 0, 1, 0]),
        1e-12,
    )?;
    let sure = vec![vec![1000.0, 0.0, 999.0]];
    let tail = (1.0 + (-1_f64).exp()).ln();
    expect_close("at logits 1000, 0, 999 and pixel 0", "nats", tail, answer(&sure, &[0]), 1e-12)?;
    expect_close(
        "at logits 1000, 0, 999 and pixel 1",
        "nats",
        1000.0 + tail,
        answer(&sure, &[1]),
        1e-9,
    )
}

fn probability(logits: &[f64], pixel: u8) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    (logits[usize::from(pixel)] - largest).exp() / sum
}

fn overflows(logits: &[Vec<f64>], pixels: &[u8]) -> f64 {
    let cost = |(logits, &pixel): (&Vec<f64>, &u8)| {
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        -(logits[usize::from(pixel)].exp() / sum).ln()
    };
    logits.iter().zip(pixels).map(cost).sum::<f64>() / pixels.len() as f64
}

fn in_bits(logits: &[Vec<f64>], pixels: &[u8]) -> f64 {
    let costs =
        logits.iter().zip(pixels).map(|(logits, &pixel)| -probability(logits, pixel).log2());
    costs.sum::<f64>() / pixels.len() as f64
}

fn of_the_picture(logits: &[Vec<f64>], pixels: &[u8]) -> f64 {
    logits.iter().zip(pixels).map(|(logits, &pixel)| -probability(logits, pixel).ln()).sum()
}

fn largest_alone(logits: &[Vec<f64>], pixels: &[u8]) -> f64 {
    let cost = |(logits, &pixel): (&Vec<f64>, &u8)| {
        logits.iter().copied().fold(f64::NEG_INFINITY, f64::max) - logits[usize::from(pixel)]
    };
    logits.iter().zip(pixels).map(cost).sum::<f64>() / pixels.len() as f64
}
